"""No subscription outlives the access token that it was opened with."""

from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from gateway.app import create_app
from gateway.settings import Settings
from services.tokens import Tokens
from tests.conftest import SECRET
from tests.streams import Event, events_of


def test_a_socket_closes_with_4403_when_its_token_expires(tmp_path):
    settings = Settings(database_url=f"sqlite:///{tmp_path}/x.db", secret=SECRET)
    almost_over = datetime.now(UTC) - timedelta(minutes=15) + timedelta(seconds=2)
    token, _ = Tokens(secret=SECRET).issue_access(1, now=almost_over)
    with (
        TestClient(create_app(settings)) as client,
        client.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket,
    ):
        socket.send_json(
            {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        )
        assert socket.receive_json() == {"type": "connection_ack"}
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 4403


def test_another_subprotocol_is_refused_with_4406(tmp_path):
    settings = Settings(database_url=f"sqlite:///{tmp_path}/x.db", secret=SECRET)
    with (
        TestClient(create_app(settings)) as client,
        client.websocket_connect("/graphql", subprotocols=["graphql-ws"]) as socket,
    ):
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 4406


async def test_a_stream_of_events_ends_with_an_error_when_its_token_expires(api, clock):
    await api.sign_up("ann")
    clock.now += timedelta(minutes=14, seconds=59.9)
    response = await api.client.post(
        "/graphql",
        json={"query": 'subscription { quoteUpdated(symbols: ["AAPL"]) { symbol } }'},
        headers=api.headers | {"accept": "text/event-stream"},
    )
    _, first, *_, last, complete = events_of(response.text)
    assert first.data == {"data": {"quoteUpdated": {"symbol": "AAPL"}}}
    assert last.data == {
        "errors": [
            {
                "message": "The access token has expired.",
                "extensions": {"code": "UNAUTHENTICATED"},
            }
        ]
    }
    assert complete == Event("complete", "complete", None)
    assert api.services.feed.listeners == 0
