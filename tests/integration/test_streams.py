"""Streams over HTTP: events and parts, message by message, without a network between."""

import asyncio
import json
from datetime import timedelta

import pytest

from gateway.app import create_app
from gateway.settings import Settings
from gateway.transports.streams import Patience
from models.database import Database
from models.migrate import upgrade
from tests.conftest import SECRET
from tests.sockets import Ticks
from tests.streams import Exchange, events_of, parts_of

AAPL = 'subscription { quoteUpdated(symbols: ["AAPL"]) { symbol } }'
SHOWN = {"data": {"quoteUpdated": {"symbol": "AAPL"}}}
EVENTS = {"accept": "text/event-stream"}
APOLLO = {"accept": "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"}
DEFERRED = '{ viewer { username ... @defer(label: "Later") { portfolios { name } } } }'


class Front:
    """The application, and exchanges with it as a signed-in user."""

    def __init__(self, application, ticks):
        self.application = application
        self.ticks = ticks
        self.headers = {}
        self.services = application.state.services

    def ask(self, query, *, method="POST", anonymous=False, **headers):
        given = ({} if anonymous else self.headers) | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        if method == "GET":
            return Exchange(self.application, "GET", headers=given, query={"query": query})
        return Exchange(self.application, method, headers=given, body={"query": query})

    async def text(self, query, **more):
        exchange = self.ask(query, **more)
        status, headers = await exchange.begun()
        assert status == 200
        text = await exchange.rest()
        await exchange.serving
        return headers["content-type"], text

    async def quiet(self):
        """Tell whether nothing is left of any stream."""
        assert self.services.feed.listeners == 0
        names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
        assert not [name for name in names if "gateway.transports" in name or "alive" in name]


@pytest.fixture
def engine():
    return "compiled"


@pytest.fixture
async def front(engine, tmp_path, clock):
    database_url = f"sqlite:///{tmp_path}/test.db"
    opened = Database(database_url)
    await upgrade(opened)
    await opened.close()
    settings = Settings(database_url=database_url, secret=SECRET, log_level="error", engine=engine)
    ticks = Ticks()
    patience = Patience(send=0.05, sleep=ticks)
    application = create_app(settings, clock=clock, patience=patience)
    async with application.router.lifespan_context(application):
        front = Front(application, ticks)
        created = front.ask(
            'mutation { signUp(input: {username: "ann", password: "correct horse"}) '
            "{ session { accessToken } } }"
        )
        await created.begun()
        answer = json.loads(await created.hear())
        token = answer["data"]["signUp"]["session"]["accessToken"]
        front.headers = {"authorization": f"Bearer {token}"}
        yield front


async def next_event(exchange):
    (event,) = events_of(await exchange.hear())
    return event


async def test_each_event_has_an_id_and_a_silent_stream_shows_that_it_lives(front):
    stream = front.ask(AAPL, **EVENTS)
    status, headers = await stream.begun()
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    assert await stream.hear() == ":\n\n"
    event = await next_event(stream)
    assert (event.name, event.data) == ("next", SHOWN)
    assert event.key.startswith("1-")
    await front.ticks.tick()
    assert await stream.hear() == ":\n\n"
    assert set(front.ticks.asked) == {12.0}
    await stream.leave()
    await front.quiet()


async def test_whoever_comes_back_does_not_get_the_last_event_again(front):
    stream = front.ask(AAPL, **EVENTS)
    await stream.begun()
    await stream.hear()
    seen = await next_event(stream)
    await stream.leave()
    other = front.ask(AAPL, last_event_id="7-00000000", **EVENTS)
    await other.begun()
    await other.hear()
    assert (await next_event(other)).key == seen.key.replace("1-", "8-")
    await other.leave()
    again = front.ask(AAPL, last_event_id=seen.key, **EVENTS)
    await again.begun()
    assert await again.hear() == ":\n\n"
    await front.ticks.tick()
    assert await again.hear() == ":\n\n"
    await again.leave()
    await front.quiet()


async def test_after_the_end_there_is_nothing_to_come_back_for(front):
    again = front.ask("{ viewer { username } }", last_event_id="complete", **EVENTS)
    status, _ = await again.begun()
    assert (status, await again.rest()) == (204, "")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_query_comes_as_one_event_where_events_are_wanted(front, method):
    kind, text = await front.text("{ viewer { username } }", method=method, **EVENTS)
    comment, answer, complete = events_of(text)
    assert (kind, comment.name) == ("text/event-stream", "")
    assert answer.data == {"data": {"viewer": {"username": "ann"}}}
    assert complete == ("complete", "complete", None)


async def test_a_document_that_is_refused_is_told_as_an_event(front):
    _, text = await front.text("{ nothing }", **EVENTS)
    _, answer, complete = events_of(text)
    (error,) = answer.data["errors"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert complete.name == "complete"


async def test_a_subscription_comes_in_parts_by_apollos_protocol(front):
    stream = front.ask(AAPL, **APOLLO)
    status, headers = await stream.begun()
    assert status == 200
    assert headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
    text = await stream.hear() + await stream.hear()
    await front.ticks.tick()
    text += await stream.hear()
    assert parts_of(text + "--\r\n") == [{"payload": SHOWN}, {}]
    await stream.leave()
    await front.quiet()


async def test_what_ends_a_subscription_in_parts_stands_beside_its_payload(front):
    _, text = await front.text(AAPL, anonymous=True, **APOLLO)
    (part,) = parts_of(text)
    assert part["payload"] is None
    assert [error["extensions"]["code"] for error in part["errors"]] == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize(
    ("accept", "kind", "parts"),
    [
        (
            "multipart/mixed;incrementalSpec=v0.2, application/json",
            'multipart/mixed;boundary="graphql";incrementalSpec=v0.2',
            [
                {
                    "data": {"viewer": {"username": "ann"}},
                    "pending": [{"id": "0", "path": ["viewer"], "label": "Later"}],
                    "hasNext": True,
                },
                {
                    "hasNext": False,
                    "incremental": [{"data": {"portfolios": []}, "id": "0"}],
                    "completed": [{"id": "0"}],
                },
            ],
        ),
        (
            "multipart/mixed;deferSpec=20220824, application/json",
            'multipart/mixed;boundary="graphql";deferSpec=20220824',
            [
                {"data": {"viewer": {"username": "ann"}}, "hasNext": True},
                {
                    "hasNext": False,
                    "incremental": [
                        {"data": {"portfolios": []}, "path": ["viewer"], "label": "Later"}
                    ],
                },
            ],
        ),
    ],
)
async def test_a_deferred_fragment_comes_later_in_the_form_that_is_accepted(
    front, accept, kind, parts
):
    content_type, text = await front.text(DEFERRED, accept=accept)
    assert content_type == kind
    assert parts_of(text) == parts


async def test_a_deferred_fragment_comes_later_as_an_event_too(front):
    _, text = await front.text(DEFERRED, **EVENTS)
    _, first, second, _ = events_of(text)
    assert first.data["data"] == {"viewer": {"username": "ann"}}
    (entry,) = second.data["incremental"]
    assert entry == {
        "id": "0",
        "path": ["viewer"],
        "label": "Later",
        "data": {"portfolios": []},
    }


@pytest.mark.parametrize("engine", ["compiled", "reference"])
async def test_without_parts_a_deferred_fragment_is_in_the_one_answer(front):
    kind, text = await front.text(DEFERRED, accept="application/json")
    assert kind.startswith("application/json")
    assert json.loads(text) == {"data": {"viewer": {"username": "ann", "portfolios": []}}}


async def test_an_answer_without_anything_for_later_is_one_part(front):
    _, text = await front.text("{ viewer { username } }", accept="multipart/mixed")
    assert parts_of(text) == [{"data": {"viewer": {"username": "ann"}}, "hasNext": False}]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
async def test_errors_of_parts_that_come_later_are_masked_as_others_are(front, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("resolvers.viewer.key_of", broken)
    query = '{ viewer { username ... @defer { portfolio(id: "x") { name } } } }'
    _, text = await front.text(query, accept="multipart/mixed;incrementalSpec=v0.2")
    assert "swordfish" not in text
    _, last = parts_of(text)
    (entry,) = last["incremental"]
    assert entry["data"] == {"portfolio": None}
    (error,) = entry["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["path"] == ["viewer", "portfolio"]


async def test_a_client_that_does_not_read_is_given_up(front):
    stream = front.ask(AAPL, **EVENTS)
    await stream.begun()
    stream.reading.clear()
    await stream.serving
    await front.quiet()


async def test_the_expiry_of_the_token_ends_a_subscription_in_parts(front, clock):
    clock.now += timedelta(minutes=14, seconds=59.95)
    _, text = await front.text(AAPL, **APOLLO)
    first, last = parts_of(text)
    assert first == {"payload": SHOWN}
    assert last["payload"] is None
    assert [error["message"] for error in last["errors"]] == ["The access token has expired."]
    await front.quiet()
