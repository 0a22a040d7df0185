"""Sockets without a network: a test is the client, and the server speaks with it."""

import asyncio

import orjson

from gateway.documents import Documents
from gateway.limits import Limits
from gateway.schema import schema
from gateway.transports.crowds import Crowd
from gateway.transports.execution import Executor
from gateway.transports.streams import Patience
from gateway.transports.websocket import PROTOCOL, Connection, House


class Socket:
    """The server's side of a socket whose client is the test."""

    def __init__(self, authorization):
        self.authorization = authorization
        self.scope = {
            "subprotocols": [PROTOCOL],
            "headers": [(b"authorization", authorization.encode())] if authorization else [],
            "state": {"request_id": "test"},
        }
        self.closed_with = None
        self.reading = asyncio.Event()
        self.reading.set()
        self._to_server = asyncio.Queue()
        self._to_client = asyncio.Queue()

    async def receive(self):
        return await self._to_server.get()

    async def send(self, message):
        if message["type"] == "websocket.accept":
            assert message["subprotocol"] == PROTOCOL
        elif message["type"] == "websocket.close":
            self.closed_with = message["code"]
        else:
            await self.reading.wait()
            self._to_client.put_nowait(orjson.loads(message["text"]))

    def say(self, *messages):
        """Send messages at once, so that nothing runs between them."""
        for message in messages:
            text = orjson.dumps(message).decode()
            self._to_server.put_nowait({"type": "websocket.receive", "text": text})

    def say_text(self, text):
        self._to_server.put_nowait({"type": "websocket.receive"} | text)

    @property
    def unheard(self):
        return self._to_client.qsize()

    def leave(self):
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def hear(self):
        return await self._to_client.get()


def executor():
    return Executor(schema, Documents(schema._schema, limits=Limits(depth=3), introspection=True))


def connected(socket, api, *, crowd=None, max_message_bytes=1000, by=None, **patience):
    """Connect a socket to the server; several share what is executed ``by`` the same."""
    house = House(
        executor=by or executor(),
        services=api.services,
        patience=Patience(**patience),
        crowd=crowd or Crowd(1000),
        max_message_bytes=max_message_bytes,
    )
    return Connection(socket.scope, socket.receive, socket.send, house)


def serve(socket, api, **options):
    """Let the server speak with a socket."""
    return asyncio.create_task(connected(socket, api, **options).serve())


async def begun(socket, api, **patience):
    """Let the server speak with a socket, and begin."""
    serving = serve(socket, api, **patience)
    socket.say({"type": "connection_init"})
    assert await socket.hear() == {"type": "connection_ack"}
    return serving


def asks(query, key="1"):
    return {"id": key, "type": "subscribe", "payload": {"query": query}}


class Direct:
    """The way past the application, as the server's own protocol has it."""

    def __init__(self):
        self._writable = asyncio.Event()
        self.free = True
        self.heard = asyncio.Queue()

    @property
    def free(self):
        return self._writable.is_set()

    @free.setter
    def free(self, value):
        (self._writable.set if value else self._writable.clear)()

    async def ready(self):
        await self._writable.wait()

    def write(self, parts):
        if self.free:
            self.heard.put_nowait(orjson.loads(b"".join(parts)))
        return self.free
