"""One socket, message by message, without a network between."""

import asyncio
from types import SimpleNamespace

import orjson
import pytest
from starlette.websockets import WebSocketState

from gateway.documents import Documents
from gateway.limits import Limits
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


def serve(socket, api, *, max_message_bytes=1000):
    """Let the server speak with a socket."""
    executor = Executor(
        schema, Documents(schema._schema, limits=Limits(depth=3), introspection=True)
    )
    connection = Connection(socket, executor, api.services, max_message_bytes=max_message_bytes)
    return asyncio.create_task(connection.serve())


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
