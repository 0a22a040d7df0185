"""One socket, message by message, without a network between."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.transports.crowds import MESSAGES_AT_ONCE, Crowd
from gateway.transports.direct import DIRECT
from gateway.transports.execution import Executor
from gateway.transports.streams import Closing
from gateway.transports.websocket import Connection
from tests.talking import Direct, Socket, asks, begun, serve

# Which database it is makes no difference to a socket.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SUBSCRIBE = {
    "id": "1",
    "type": "subscribe",
    "payload": {"query": 'subscription { quoteUpdated(symbols: ["AAPL"]) { symbol } }'},
}
COMPLETE = {"id": "1", "type": "complete"}
NEXT = {"id": "1", "type": "next", "payload": {"data": {"quoteUpdated": {"symbol": "AAPL"}}}}


@pytest.fixture
async def socket(api):
    await api.sign_up("ann")
    return Socket(api.headers["authorization"])


async def test_an_id_used_again_right_after_its_end_is_still_taken(api, socket):
    serving = serve(socket, api)
    socket.say({"type": "connection_init"}, SUBSCRIBE)
    assert await socket.hear() == {"type": "connection_ack"}
    assert await socket.hear() == NEXT
    socket.say(COMPLETE, SUBSCRIBE)
    assert await socket.hear() == NEXT
    while api.services.feed.listeners > 1:  # the first is still leaving
        await asyncio.sleep(0)
    socket.say(SUBSCRIBE)
    await serving
    assert socket.closed_with == 4409
    assert api.services.feed.listeners == 0


async def test_a_message_is_no_larger_than_a_body(api, socket):
    """The limit counts bytes, as the one of HTTP does."""
    serving = serve(socket, api, max_message_bytes=40)
    socket.say({"type": "connection_init"})
    assert await socket.hear() == {"type": "connection_ack"}
    socket.say({"type": "ping", "payload": {"a": "äöü"}})
    assert await socket.hear() == {"type": "pong"}
    socket.say({"type": "ping", "payload": {"a": "äöüäöü"}})
    await serving
    assert socket.closed_with == 4400


async def test_a_document_is_limited_over_a_socket_as_over_http(api, socket):
    """The same code comes as the operation's error."""
    serving = serve(socket, api)
    deep = {"query": "{ viewer { portfolios { lots { totalCount } } } }"}
    socket.say({"type": "connection_init"}, {"id": "1", "type": "subscribe", "payload": deep})
    assert await socket.hear() == {"type": "connection_ack"}
    answer = await socket.hear()
    assert (answer["type"], answer["id"]) == ("error", "1")
    assert answer["payload"] == [
        {
            "message": "The document goes 4 levels deep; at most 3 are allowed.",
            "extensions": {"code": "MAX_DEPTH_LIMIT", "limit": 3, "found": 4},
        }
    ]
    serving.cancel()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ({"bytes": b"{}"}, 4400),
        ({"text": "not json"}, 4400),
        ({"text": "[1]"}, 4400),
        ({"text": "null"}, 4400),
        ({"text": '{"type": 1}'}, 4400),
        ({"text": '{"type": "start"}'}, 4400),
        ({"text": '{"type": "ping", "payload": "' + "x" * 1_000 + '"}'}, 4400),
        ({"text": '{"type": "subscribe", "payload": {"query": "{a}"}}'}, 4400),
        ({"text": '{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}'}, 4400),
        ({"text": '{"type": "subscribe", "id": "1"}'}, 4400),
        ({"text": '{"type": "subscribe", "id": "1", "payload": {"query": 1}}'}, 4400),
        ({"text": '{"type": "ping", "type": "pong"}'}, 4400),
        (
            {
                "text": '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "query": "{b}"}}'
            },
            4400,
        ),
        ({"text": '{"type": "connection_init"}'}, 4429),
    ],
)
async def test_what_breaks_the_protocol_closes_the_socket(api, socket, text, code):
    serving = await begun(socket, api)
    socket.say_text(text)
    await serving
    assert socket.closed_with == code


async def test_nothing_is_asked_before_the_beginning(api, socket):
    serving = serve(socket, api)
    socket.say(SUBSCRIBE)
    await serving
    assert socket.closed_with == 4401


async def test_a_failure_of_ours_closes_the_socket_with_4500(api, socket, monkeypatch):
    async def broken(self, payload):
        raise RuntimeError("no")

    monkeypatch.setattr(Connection, "_initialise", broken)
    serving = serve(socket, api)
    socket.say({"type": "connection_init"})
    await serving
    assert socket.closed_with == 4500


async def test_a_failure_to_find_an_operation_is_that_operations_alone(api, socket, monkeypatch):
    async def broken(self, request, context):
        raise RuntimeError("no")

    serving = await begun(socket, api)
    socket.say(SUBSCRIBE)
    assert await socket.hear() == NEXT
    with monkeypatch.context() as patch:
        patch.setattr(Executor, "operation", broken)
        socket.say(asks("{ __typename }", "2"))
        answer = await socket.hear()
    assert (answer["type"], answer["id"]) == ("error", "2")
    assert [error["extensions"]["code"] for error in answer["payload"]] == ["INTERNAL_SERVER_ERROR"]
    socket.say(asks("{ __typename }", "2"))
    assert (await socket.hear())["payload"] == {"data": {"__typename": "Query"}}
    serving.cancel()


class Timers:
    """Does what is due later when the test says so."""

    def __init__(self):
        self._actions = []

    def __call__(self, seconds, action):
        handle = asyncio.get_running_loop().call_later(3600, action)
        self._actions.append((handle, action))
        return handle

    def pass_(self):
        """Do the last thing that was put off."""
        handle, action = self._actions.pop()
        assert not handle.cancelled()
        handle.cancel()
        action()


async def test_a_socket_whose_other_end_is_gone_is_closed(api, socket):
    timers = Timers()
    socket.scope["headers"] = []  # so that no token is watched
    serving = await begun(socket, api, later=timers)
    timers.pass_()
    assert await socket.hear() == {"type": "ping"}
    socket.say({"type": "pong"}, {"type": "ping"})
    assert await socket.hear() == {"type": "pong"}
    timers.pass_()
    timers.pass_()
    assert await socket.hear() == {"type": "ping"}
    assert not serving.done()
    timers.pass_()
    await serving
    assert socket.closed_with == 4408


async def test_a_client_that_does_not_read_is_cut_off(api, socket):
    serving = await begun(socket, api, send=0.01)
    socket.reading.clear()
    socket.say(SUBSCRIBE)
    await serving
    assert socket.closed_with == 1013
    assert api.services.feed.listeners == 0


async def test_the_end_of_the_process_closes_with_1001_and_completes_nothing(api, socket):
    closing = Closing()
    serving = await begun(socket, api, closing=closing)
    socket.say(SUBSCRIBE)
    assert await socket.hear() == NEXT
    closing.set()
    await serving
    assert socket.closed_with == 1001
    assert socket.unheard == 0
    assert api.services.feed.listeners == 0


async def test_whatever_runs_ends_when_the_client_leaves(api, socket):
    serving = await begun(socket, api)
    socket.say(SUBSCRIBE)
    assert await socket.hear() == NEXT
    socket.leave()
    await serving
    assert socket.closed_with is None
    assert api.services.feed.listeners == 0


async def test_a_refused_document_is_an_error_and_a_failed_field_a_result(api, socket):
    serving = await begun(socket, api)
    socket.say(asks("{ nothing }"))
    refused = await socket.hear()
    assert (refused["type"], refused["id"]) == ("error", "1")
    assert [error["extensions"]["code"] for error in refused["payload"]] == [
        "GRAPHQL_VALIDATION_FAILED"
    ]
    socket.say(asks('{ viewer { portfolio(id: "x") { name } } }'))
    assert await socket.hear() == {
        "id": "1",
        "type": "next",
        "payload": {"data": {"viewer": {"portfolio": None}}},
    }
    assert await socket.hear() == {"id": "1", "type": "complete"}
    socket.leave()
    await serving


async def test_a_deferred_fragment_comes_later_over_the_socket(api, socket):
    serving = await begun(socket, api)
    socket.say(asks("{ viewer { username ... @defer { portfolios { name } } } }"))
    first, second, end = [await socket.hear() for _ in range(3)]
    assert first["payload"]["data"] == {"viewer": {"username": "ann"}}
    assert first["payload"]["hasNext"] is True
    assert second["payload"] == {
        "incremental": [{"id": "0", "path": ["viewer"], "data": {"portfolios": []}}],
        "completed": [{"id": "0"}],
        "hasNext": False,
    }
    assert end == {"id": "1", "type": "complete"}
    socket.leave()
    await serving


async def test_no_operation_sees_what_an_earlier_one_loaded(api, socket):
    serving = await begun(socket, api)
    names = "{ viewer { portfolios { name } } }"
    socket.say(asks(names))
    assert (await socket.hear())["payload"] == {"data": {"viewer": {"portfolios": []}}}
    assert (await socket.hear())["type"] == "complete"
    create = 'mutation { createPortfolio(input: {name: "New", baseCurrency: "USD"}) { userErrors { message } } }'
    socket.say(asks(create))
    assert (await socket.hear())["payload"] == {"data": {"createPortfolio": {"userErrors": []}}}
    assert (await socket.hear())["type"] == "complete"
    socket.say(asks(names))
    assert (await socket.hear())["payload"] == {
        "data": {"viewer": {"portfolios": [{"name": "New"}]}}
    }
    socket.leave()
    await serving


async def test_a_user_may_have_so_many_sockets_and_another_once_one_is_closed(api, socket):
    crowd = Crowd(2)
    sockets = [Socket(socket.authorization) for _ in range(4)]
    serving = [await begun(one, api, crowd=crowd) for one in sockets[:2]]
    refused = serve(sockets[2], api, crowd=crowd)
    sockets[2].say({"type": "connection_init"})
    await refused
    assert sockets[2].closed_with == 4429
    stranger = Socket(None)
    stranger.scope = stranger.scope | {"client": ("192.0.2.7", 1)}
    serving.append(await begun(stranger, api, crowd=crowd))
    sockets[0].leave()
    await serving.pop(0)
    serving.append(await begun(sockets[3], api, crowd=crowd))
    assert crowd.callers == 2
    for one in (sockets[1], sockets[3], stranger):
        one.leave()
    await asyncio.gather(*serving)
    assert crowd.callers == 0


async def test_a_flood_of_messages_closes_the_socket_and_runs_nothing_of_the_rest(api, socket):
    serving = await begun(socket, api)
    socket.say(*[{"type": "ping"}] * (MESSAGES_AT_ONCE - 1))
    assert [await socket.hear() for _ in range(MESSAGES_AT_ONCE - 1)] == (
        [{"type": "pong"}] * (MESSAGES_AT_ONCE - 1)
    )
    socket.say(*[{"type": "ping"}] * 1000)
    await serving
    assert socket.closed_with == 4429
    assert socket.unheard < 100


def tick(api, price):
    """Let a price come, as from a vendor."""
    feed = api.services.feed
    known = feed._shown["AAPL"]
    feed.hub.publish(("quote", "AAPL"), replace(known, price=Decimal(price)), says=price)


async def test_what_is_shared_is_written_past_the_application_while_the_client_reads(api, socket):
    direct = Direct()
    socket.scope["extensions"] = {DIRECT: direct}
    serving = await begun(socket, api)
    query = 'subscription { quoteUpdated(symbols: ["AAPL"], minIntervalMs: 0) { price } }'
    socket.say(asks(query), asks(query, "2"))
    ids = {(await direct.heard.get())["id"] for _ in range(2)}
    assert ids == {"1", "2"}
    tick(api, "7")
    prices = {(await direct.heard.get())["payload"]["data"]["quoteUpdated"]["price"] for _ in ids}
    assert (prices, socket.unheard) == ({"7"}, 0)
    socket.leave()
    await serving
    assert api.services.feed.listeners == 0


async def test_a_client_that_reads_late_gets_the_newest_price_and_not_a_queue(api, socket):
    direct = Direct()
    socket.scope["extensions"] = {DIRECT: direct}
    serving = await begun(socket, api)
    socket.say(asks('subscription { quoteUpdated(symbols: ["AAPL"], minIntervalMs: 0) { price } }'))
    await direct.heard.get()
    direct.free = False
    for price in ("7", "8", "9"):
        tick(api, price)
        for _ in range(10):
            await asyncio.sleep(0)
    direct.free = True
    assert (await direct.heard.get())["payload"]["data"]["quoteUpdated"]["price"] == "9"
    tick(api, "10")
    assert (await direct.heard.get())["payload"]["data"]["quoteUpdated"]["price"] == "10"
    assert (direct.heard.qsize(), socket.unheard) == (0, 0)
    socket.leave()
    await serving


async def test_a_shared_subscription_that_fails_is_an_error_and_its_id_is_free_again(
    api, socket, monkeypatch
):
    def broken(*_):
        raise ValueError("a secret")

    serving = await begun(socket, api)
    with monkeypatch.context() as patch:
        patch.setattr("gateway.transports.sharing.orjson.Fragment", broken)
        socket.say(SUBSCRIBE)
        answer = await socket.hear()
    assert (answer["type"], answer["id"]) == ("error", "1")
    assert [error["extensions"]["code"] for error in answer["payload"]] == ["INTERNAL_SERVER_ERROR"]
    socket.say(SUBSCRIBE)
    assert await socket.hear() == NEXT
    socket.leave()
    await serving
