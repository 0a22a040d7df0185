"""One socket, message by message, without a network between."""

import asyncio
from types import SimpleNamespace

import orjson
import pytest
from starlette.websockets import WebSocketState

from gateway.documents import Documents
from gateway.schema import schema
from gateway.transports.execution import Executor
from gateway.transports.websocket import PROTOCOL, Connection

SUBSCRIBE = {
    "id": "1",
    "type": "subscribe",
    "payload": {"query": 'subscription { quoteUpdated(symbols: ["AAPL"]) { symbol } }'},
}
COMPLETE = {"id": "1", "type": "complete"}
NEXT = {"id": "1", "type": "next", "payload": {"data": {"quoteUpdated": {"symbol": "AAPL"}}}}


class Socket:
    """The server's side of a socket whose client is the test."""

    def __init__(self, authorization):
        self.scope = {"subprotocols": [PROTOCOL]}
        self.headers = {"authorization": authorization}
        self.state = SimpleNamespace(request_id="test")
        self.application_state = WebSocketState.CONNECTED
        self.closed_with = None
        self._to_server = asyncio.Queue()
        self._to_client = asyncio.Queue()

    async def accept(self, subprotocol=None):
        assert subprotocol == PROTOCOL

    async def receive(self):
        return await self._to_server.get()

    async def send_text(self, text):
        self._to_client.put_nowait(orjson.loads(text))

    async def close(self, code, reason):
        self.application_state = WebSocketState.DISCONNECTED
        self.closed_with = code

    def say(self, *messages):
        """Send messages at once, so that nothing runs between them."""
        for message in messages:
            text = orjson.dumps(message).decode()
            self._to_server.put_nowait({"type": "websocket.receive", "text": text})

    async def hear(self):
        return await self._to_client.get()


@pytest.fixture
async def socket(api):
    await api.sign_up("ann")
    return Socket(api.headers["authorization"])


async def test_an_id_used_again_right_after_its_end_is_still_taken(api, socket):
    executor = Executor(
        schema,
        Documents(
            schema._schema, max_tokens=1000, max_depth=10, max_fields=100, introspection=True
        ),
    )
    serving = asyncio.create_task(Connection(socket, executor, api.services).serve())
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
