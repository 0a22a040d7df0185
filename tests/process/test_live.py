"""Live prices from a server process, over real sockets and server-sent events."""

import asyncio
import json
from itertools import pairwise

import httpx2
import pytest
from websockets.asyncio.client import connect

from tests.conftest import serving

pytestmark = pytest.mark.process

SUBSCRIPTION = 'subscription { quoteUpdated(symbols: ["AAPL", "MSFT"], minIntervalMs: 0) { symbol price source quality } }'


def token(server):
    answer = httpx2.post(f"{server}/auth/token", data={"username": "demo", "password": "demo123"})
    return answer.json()["access_token"]


def socket(server, **extra):
    return connect(
        server.replace("http", "ws") + "/graphql", subprotocols=["graphql-transport-ws"], **extra
    )


async def receive(connection):
    return json.loads(await asyncio.wait_for(connection.recv(), 20))


async def opened(connection, payload):
    await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
    assert await receive(connection) == {"type": "connection_ack"}


async def subscribe(connection, query, key="1"):
    await connection.send(json.dumps({"id": key, "type": "subscribe", "payload": {"query": query}}))


async def closed_with(connection):
    await asyncio.wait_for(connection.wait_closed(), 20)
    return connection.close_code


async def test_the_last_known_price_comes_at_once_and_then_changes(demo_server):
    async with socket(demo_server) as connection:
        await opened(connection, {"Authorization": f"Bearer {token(demo_server)}"})
        await subscribe(connection, SUBSCRIPTION)
        seen = {}
        for _ in range(6):
            message = await receive(connection)
            quote = message["payload"]["data"]["quoteUpdated"]
            seen.setdefault(quote["symbol"], []).append(quote["price"])
            assert (quote["source"], quote["quality"]) == ("simulated", "SIMULATED")
        assert set(seen) == {"AAPL", "MSFT"}
        for prices in seen.values():
            assert all(one != other for one, other in pairwise(prices))
        await connection.send(json.dumps({"id": "1", "type": "complete"}))
        await connection.send(json.dumps({"type": "ping"}))
        while (await receive(connection))["type"] != "pong":
            pass


async def test_sockets_are_not_compressed_though_their_clients_would_like_it(demo_server):
    async with socket(demo_server) as connection:
        offered = connection.request.headers["Sec-WebSocket-Extensions"]
        assert offered.startswith("permessage-deflate")
        assert connection.protocol.extensions == []


async def test_queries_and_mutations_run_over_the_socket_too(demo_server):
    async with socket(demo_server) as connection:
        await opened(connection, {"authorization": f"bearer {token(demo_server)}"})
        await subscribe(connection, "{ viewer { username } }")
        assert await receive(connection) == {
            "id": "1",
            "type": "next",
            "payload": {"data": {"viewer": {"username": "demo"}}},
        }
        assert await receive(connection) == {"id": "1", "type": "complete"}


async def test_an_anonymous_subscription_is_refused_with_its_code(demo_server):
    async with socket(demo_server) as connection:
        await opened(connection, None)
        await subscribe(connection, SUBSCRIPTION)
        message = await receive(connection)
        errors = (
            message["payload"].get("errors") if message["type"] == "next" else message["payload"]
        )
        assert errors[0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "query", ["{ nope }", "{", "query A { __typename } query B { __typename }"]
)
async def test_a_bad_document_ends_its_operation_and_not_the_socket(demo_server, query):
    async with socket(demo_server) as connection:
        await opened(connection, None)
        await subscribe(connection, query)
        assert (await receive(connection))["type"] == "error"
        await subscribe(connection, "{ __typename }", key="2")
        assert (await receive(connection))["payload"] == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("text", ["[1]", "null", '"x"', "{", '{"type": 1}', '{"type": "nope"}'])
async def test_a_garbage_message_closes_with_4400(demo_server, text):
    async with socket(demo_server) as connection:
        await connection.send(text)
        assert await closed_with(connection) == 4400


async def test_protocol_violations_close_with_their_own_codes(demo_server):
    async with socket(demo_server) as connection:
        await subscribe(connection, "{ __typename }")
        assert await closed_with(connection) == 4401
    async with socket(demo_server) as connection:
        await opened(connection, None)
        await connection.send(json.dumps({"type": "connection_init"}))
        assert await closed_with(connection) == 4429
    async with socket(demo_server) as connection:
        await opened(connection, {"Authorization": f"Bearer {token(demo_server)}"})
        await subscribe(connection, SUBSCRIPTION)
        await subscribe(connection, SUBSCRIPTION)
        assert await closed_with(connection) == 4409


async def test_server_sent_events_carry_the_same_prices(demo_server):
    headers = {
        "authorization": f"Bearer {token(demo_server)}",
        "accept": "text/event-stream",
        "content-type": "application/json",
    }
    async with (
        httpx2.AsyncClient(timeout=20) as client,
        client.stream(
            "POST",
            f"{demo_server}/graphql",
            content=json.dumps({"query": SUBSCRIPTION}),
            headers=headers,
        ) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        assert [await anext(lines) for _ in range(3)] == [":", "", "event: next"]
        assert (await anext(lines)).startswith("id: 1-")
        data = json.loads((await anext(lines)).removeprefix("data: "))
        assert data["data"]["quoteUpdated"]["symbol"] == "AAPL"


async def test_the_end_of_the_server_closes_sockets_with_1001_and_streams_without_an_end(tmp_path):
    with serving(tmp_path, "demo", DATABASE_URL=f"sqlite:///{tmp_path}/demo.db") as server:
        headers = {
            "authorization": f"Bearer {token(server.address)}",
            "accept": "text/event-stream",
            "content-type": "application/json",
        }
        body = json.dumps({"query": SUBSCRIPTION})
        async with (
            socket(server.address) as connection,
            httpx2.AsyncClient(timeout=20) as client,
            client.stream(
                "POST", f"{server.address}/graphql", content=body, headers=headers
            ) as response,
        ):
            await opened(connection, {"Authorization": headers["authorization"]})
            await subscribe(connection, SUBSCRIPTION)
            assert (await receive(connection))["type"] == "next"
            lines = response.aiter_lines()
            assert [await anext(lines) for _ in range(3)] == [":", "", "event: next"]
            server.process.terminate()
            assert await closed_with(connection) == 1001
            assert "event: complete" not in [line async for line in lines]
        assert await asyncio.to_thread(server.process.wait, 20) in {0, -15}


MOVES = """mutation { createAlert(input: {symbol: "AAPL", measure: CHANGE_FROM_REFERENCE,
  direction: EITHER, threshold: "0.000000000001"}) { alert { id } userErrors { message } } }"""
EVENTS = "{ viewer { alerts { status events { nodes { id delivery } } } } }"


def ask(server, query):
    headers = {"authorization": f"Bearer {token(server)}"}
    answer = httpx2.post(f"{server}/graphql", json={"query": query}, headers=headers)
    return answer.json()["data"]


async def delivered(server, wanted):
    """Wait until the only alert has an event that is delivered, or not; return its id."""
    async with asyncio.timeout(20):
        while True:
            (alert,) = (await asyncio.to_thread(ask, server, EVENTS))["viewer"]["alerts"]
            for event in alert["events"]["nodes"]:
                if event["delivery"] == wanted:
                    return event["id"]
            await asyncio.sleep(0.1)


async def test_an_event_that_nobody_has_got_outlives_its_server_and_comes_to_who_subscribes(
    tmp_path,
):
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "FOLIOQL_FEED_INTERVAL_MS": "100"}
    with serving(tmp_path, "demo", **settings) as server:
        assert ask(server.address, MOVES)["createAlert"]["userErrors"] == []
        stored = await delivered(server.address, "PENDING")
        server.process.kill()
    with serving(tmp_path, "demo", **settings) as server:
        async with socket(server.address) as connection:
            await opened(connection, {"Authorization": f"Bearer {token(server.address)}"})
            await subscribe(connection, "subscription { alertTriggered { id alert { status } } }")
            event = (await receive(connection))["payload"]["data"]["alertTriggered"]
            assert event == {"id": stored, "alert": {"status": "TRIGGERED"}}
            assert await delivered(server.address, "DELIVERED") == stored
