"""Streams over HTTP: events and parts, message by message, without a network between."""

import asyncio
import json
from datetime import timedelta

import httpx2
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from gateway.transports.streams import Patience
from tests.alerts import Prices, alert, listed
from tests.conftest import SECRET, Api
from tests.sockets import Ticks
from tests.streams import Event, Exchange, events_of, parts_of

# Which database it is makes no difference to a stream.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

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
def limits():
    return {}


@pytest.fixture
async def front(engine, limits, database_url, clock):
    settings = Settings(
        database_url=database_url, secret=SECRET, log_level="error", engine=engine, **limits
    )
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


async def test_whoever_comes_back_gets_each_event_that_counts_though_it_says_the_same(front):
    transport = httpx2.ASGITransport(front.application)
    api = Api(httpx2.AsyncClient(transport=transport, base_url="http://test"), front.services)
    api.headers = front.headers
    await Prices(api).come("100")
    await alert(api, repeats=True)
    await Prices(api).come("121")
    query = "subscription { alertTriggered { threshold } }"

    async def seen(last_event_id):
        stream = front.ask(query, last_event_id=last_event_id, **EVENTS)
        await stream.begun()
        await stream.hear()
        event = await next_event(stream)
        while "PENDING" in await deliveries():
            await asyncio.sleep(0)
        await stream.leave()
        return event.key

    async def deliveries():
        (found,) = await listed(api)
        return [event["delivery"] for event in found["events"]["nodes"]]

    first = await seen("")
    await Prices(api).come("100", "122")
    assert await seen(first) == first.replace("1-", "2-")
    assert await deliveries() == ["DELIVERED"] * 2


async def test_after_the_end_there_is_nothing_to_come_back_for(front):
    again = front.ask("{ viewer { username } }", last_event_id="complete", **EVENTS)
    status, headers = await again.begun()
    assert (status, await again.rest()) == (204, "")
    assert headers.keys().isdisjoint({"content-length", "content-type"})


async def test_a_mutation_is_run_whatever_its_client_saw_last(front):
    query = (
        'mutation { createPortfolio(input: {name: "p", baseCurrency: USD}) { portfolio { name } } }'
    )
    stream = front.ask(query, last_event_id="complete", **EVENTS)
    await stream.begun()
    _, answer, _ = events_of(await stream.rest())
    assert answer.data == {"data": {"createPortfolio": {"portfolio": {"name": "p"}}}}


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


@pytest.mark.parametrize("limits", [{"limits": "warn", "max_depth": 3}])
async def test_the_first_part_warns_of_a_limit(front):
    deep = "{ viewer { username ... @defer { portfolios { positions { symbol } } } } }"
    _, text = await front.text(deep, accept="multipart/mixed")
    first, last = parts_of(text)
    (warning,) = first["extensions"]["warnings"]
    assert warning["extensions"]["code"] == "MAX_DEPTH_LIMIT"
    assert "extensions" not in last


async def test_introspection_with_parts_is_one_answer_too(front):
    query = '{ __type(name: "Viewer") { name ... @defer { kind } } }'
    _, text = await front.text(query, accept="application/json")
    assert json.loads(text) == {"data": {"__type": {"name": "Viewer", "kind": "OBJECT"}}}


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


@pytest.mark.parametrize("limits", [{"max_sockets": 2}])
@pytest.mark.parametrize("form", [EVENTS, APOLLO])
async def test_streams_count_as_sockets_and_another_may_come_when_one_has_gone(front, form):
    streams = [front.ask(AAPL, **form) for _ in range(2)]
    assert [(await one.begun())[0] for one in streams] == [200, 200]
    refused = front.ask(AAPL, **form)
    status, _ = await refused.begun()
    (error,) = json.loads(await refused.rest())["errors"]
    assert (status, error) == (
        429,
        {
            "message": "At most 2 sockets and streams at a time.",
            "extensions": {"code": "RATE_LIMITED"},
        },
    )
    # What ends by itself is no stream to be counted, and others are others.
    assert (await front.text(DEFERRED, **APOLLO))[0].startswith("multipart/mixed")
    stranger = front.ask(AAPL, anonymous=True, **form)
    assert (await stranger.begun())[0] == 200
    await stranger.leave()
    await streams[0].leave()
    streams[0] = front.ask(AAPL, **form)
    assert (await streams[0].begun())[0] == 200
    for one in streams:
        await one.leave()
    await front.quiet()


@pytest.mark.parametrize("limits", [{"max_sockets": 1}])
async def test_a_stream_of_many_operations_counts_as_one(front, single):
    stream = await opened(single)
    for key in ("1", "2", "3"):
        assert (await single.start(AAPL, key))[0] == 202
    refused = front.ask(AAPL, **EVENTS)
    assert (await refused.begun())[0] == 429
    await stream.leave()
    after = front.ask(AAPL, **EVENTS)
    assert (await after.begun())[0] == 200
    await after.leave()
    await front.quiet()


async def test_the_expiry_of_the_token_ends_a_subscription_in_parts(front, clock):
    clock.now += timedelta(minutes=14, seconds=59.95)
    _, text = await front.text(AAPL, **APOLLO)
    first, last = parts_of(text)
    assert first == {"payload": SHOWN}
    assert last["payload"] is None
    assert [error["message"] for error in last["errors"]] == ["The access token has expired."]
    await front.quiet()


class Single:
    """One stream of events for many operations: graphql-sse's single connection mode."""

    def __init__(self, front):
        self.front = front
        self.token = ""

    async def request(self, method, *, body=None, query=None, headers=None):
        given = (self.front.headers if headers is None else headers) | {
            "x-graphql-event-stream-token": self.token
        }
        exchange = Exchange(self.front.application, method, headers=given, body=body, query=query)
        status, _ = await exchange.begun()
        text = await exchange.rest()
        await exchange.serving
        return status, text

    async def reserve(self):
        status, self.token = await self.request("PUT")
        assert status == 201
        assert len(self.token) == 43

    async def start(self, query, key="1"):
        body = {"query": query, "extensions": {"operationId": key}}
        return await self.request("POST", body=body)

    async def stop(self, key="1"):
        return await self.request("DELETE", query={"operationId": key})

    def open(self, **headers):
        given = self.front.headers | EVENTS | headers
        return Exchange(self.front.application, "GET", headers=given, query={"token": self.token})


@pytest.fixture
async def single(front):
    single = Single(front)
    await single.reserve()
    return single


async def opened(single):
    stream = single.open()
    status, headers = await stream.begun()
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    assert await stream.hear() == ":\n\n"
    return stream


async def test_operations_answer_on_the_one_stream_by_their_ids(front, single):
    stream = await opened(single)
    assert await single.start(AAPL, "live") == (202, "")
    assert await next_event(stream) == Event("next", "", {"id": "live", "payload": SHOWN})
    assert await single.start("{ viewer { username } }", "once") == (202, "")
    assert [await next_event(stream) for _ in range(2)] == [
        Event("next", "", {"id": "once", "payload": {"data": {"viewer": {"username": "ann"}}}}),
        Event("complete", "", {"id": "once"}),
    ]
    assert (await single.start(AAPL, "live"))[0] == 409
    assert await single.stop("live") == (200, "")
    assert await single.stop("live") == (200, "")
    while front.services.feed.listeners:
        await asyncio.sleep(0)
    await stream.leave()
    await front.quiet()
    assert (await single.start(AAPL))[0] == 404


async def test_what_is_said_before_the_stream_is_open_waits_for_it(front, single):
    await single.start("{ viewer { username } }")
    stream = await opened(single)
    assert (await next_event(stream)).data["id"] == "1"
    assert await next_event(stream) == Event("complete", "", {"id": "1"})
    await stream.leave()


async def test_all_operations_end_with_their_stream(front, single):
    stream = await opened(single)
    await single.start(AAPL)
    await next_event(stream)
    await stream.leave()
    await front.quiet()


async def test_a_reservation_has_one_stream(front, single):
    stream = await opened(single)
    other = single.open()
    status, _ = await other.begun()
    assert status == 409
    await stream.leave()


async def test_a_reservation_that_nobody_opens_is_gone_with_its_operations(front, single):
    await single.start(AAPL)
    assert front.ticks.asked == [60.0]
    await front.ticks.tick()
    assert (await single.start(AAPL))[0] == 404
    await front.quiet()


async def test_a_reservation_is_its_users_alone(front, single):
    created = front.ask(
        'mutation { signUp(input: {username: "bob", password: "correct horse"}) '
        "{ session { accessToken } } }"
    )
    await created.begun()
    answer = json.loads(await created.rest())
    token = answer["data"]["signUp"]["session"]["accessToken"]
    mine, front.headers = front.headers, {"authorization": f"Bearer {token}"}
    assert (await single.start(AAPL))[0] == 404
    assert (await single.stop())[0] == 404
    assert (await single.open().begun())[0] == 404
    front.headers = {}
    assert (await single.start(AAPL))[0] == 401
    assert (await single.request("PUT"))[0] == 401
    front.headers = mine
    assert (await single.start("{ viewer { username } }"))[0] == 202


async def test_a_user_has_a_bounded_number_of_reservations(front, single):
    statuses = [(await single.request("PUT"))[0] for _ in range(20)]
    assert statuses == [201] * 19 + [429]


async def test_an_operation_needs_an_id_and_a_document_that_can_be_executed(front, single):
    status, text = await single.request("POST", body={"query": AAPL})
    assert (status, "operationId" in text) == (400, True)
    assert (await single.start("{ nothing }"))[0] == 400
    assert (await single.request("DELETE"))[0] == 400


async def test_who_wants_events_of_an_operation_gets_them_whatever_else_is_said(front, single):
    stream = front.ask("{ viewer { username } }", x_graphql_event_stream_token="another", **EVENTS)
    status, _ = await stream.begun()
    assert status == 200
    _, answer, _ = events_of(await stream.rest())
    assert answer.data == {"data": {"viewer": {"username": "ann"}}}


async def test_the_expiry_of_the_token_ends_its_operations_on_the_stream(front, single, clock):
    stream = await opened(single)
    clock.now += timedelta(minutes=14, seconds=59.95)
    await single.start(AAPL)
    assert (await next_event(stream)).data == {"id": "1", "payload": SHOWN}
    over = (await next_event(stream)).data["payload"]["errors"]
    assert [error["message"] for error in over] == ["The access token has expired."]
    assert (await next_event(stream)).name == "complete"
    assert await stream.rest() == ""
    await front.quiet()


async def test_the_expiry_of_the_token_ends_a_stream_for_many_operations(front, single, clock):
    clock.now += timedelta(minutes=14, seconds=59.95)
    stream = await opened(single)
    assert await stream.rest() == ""
    await stream.serving
    assert (await single.stop())[0] == 404
    await front.quiet()


async def test_the_end_of_the_process_ends_streams_without_completing_them(front):
    stream = front.ask(AAPL, **EVENTS)
    await stream.begun()
    await stream.hear()
    await next_event(stream)
    front.application.patience.closing.set()
    assert await stream.rest() == ""
    await stream.serving
    await front.quiet()


async def test_what_waits_for_a_stream_is_not_taken_for_delivered(front, single):
    transport = httpx2.ASGITransport(front.application)
    api = Api(httpx2.AsyncClient(transport=transport, base_url="http://test"), front.services)
    api.headers = front.headers
    await Prices(api).come("100")
    await alert(api)
    await Prices(api).come("121")
    await single.start("subscription { alertTriggered { price } }", "alerts")
    while not front.services.feed.listeners:
        await asyncio.sleep(0)
    seen = -1
    while seen != front.services.database.statements:
        seen = front.services.database.statements
        await asyncio.sleep(0.02)

    async def delivery():
        (found,) = await listed(api)
        (event,) = found["events"]["nodes"]
        return event["delivery"]

    assert await delivery() == "PENDING"
    stream = await opened(single)
    assert '"price":"121"' in await stream.hear()
    while await delivery() != "DELIVERED":
        await asyncio.sleep(0)
    await stream.leave()
