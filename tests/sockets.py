"""Local servers that stand for vendors' sockets: real connections, and what goes wrong on them."""

import asyncio
import base64
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as Handshake
from websockets.http11 import Response

from tests.vendors import Reply, Request

# What a vendor's server logs is the vendor's business, with the key in it.
_UNHEARD = logging.Logger("vendor", level=logging.CRITICAL + 1)  # noqa: LOG001

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """The vendor's end of one connection."""

    def __init__(self, connection: ServerConnection, said: list[Any]) -> None:
        self.connection = connection
        self._said = said

    async def hear(self) -> Any:
        """Wait for the client's next message."""
        message = json.loads(await self.connection.recv())
        self._said.append(message)
        return message

    async def say(self, *frames: Any) -> None:
        """Send frames: text and bytes as they are, anything else as JSON."""
        for frame in frames:
            await self.connection.send(
                frame if isinstance(frame, str | bytes) else json.dumps(frame)
            )

    async def stay(self) -> None:
        """Hear whatever comes until the client leaves."""
        try:
            while True:
                await self.hear()
        except ConnectionClosed:
            pass


Talk = Callable[[Peer], Awaitable[None]]


class SocketVendor:
    """A server that talks as it is told; ``visits`` and ``said`` tell what it heard.

    With a ``refusal`` it opens nothing; ``answer`` is for requests that want no socket.
    """

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.refusal: Reply | None = None
        self.answer: Callable[[Request], Reply] | None = None
        self.visits: list[Request] = []
        self.said: list[Any] = []
        self.left = asyncio.Semaphore(0)
        self.open = 0
        self.url = ""

    def _admit(self, connection: ServerConnection, handshake: Handshake) -> Response | None:
        address = urlsplit(handshake.path)
        headers = {name.lower(): value for name, value in handshake.headers.raw_items()}
        request = Request(address.path, dict(parse_qsl(address.query)), headers)
        reply = self.refusal
        if "upgrade" not in headers:
            reply = self.answer and self.answer(request)
        else:
            self.visits.append(request)
        if reply is None:
            return None
        response = connection.respond(reply.status, reply.body.decode())
        for name, value in reply.headers.items():
            response.headers[name] = value
        return response

    async def _serve(self, connection: ServerConnection) -> None:
        self.open += 1
        try:
            await self.talk(Peer(connection, self.said))
        except ConnectionClosed:
            pass
        finally:
            self.open -= 1
            self.left.release()


@asynccontextmanager
async def socket_vendor(talk: Talk) -> AsyncIterator[SocketVendor]:
    """Run a vendor's socket server for as long as the block lasts."""
    vendor = SocketVendor(talk)
    async with serve(
        vendor._serve,
        "127.0.0.1",
        0,
        process_request=vendor._admit,
        ping_interval=None,
        close_timeout=1,
        logger=_UNHEARD,
    ) as server:
        vendor.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield vendor


class DeadVendor:
    """Opens a socket and then neither says nor answers anything, as half a connection does."""

    def __init__(self) -> None:
        self.url = ""
        self.heard = asyncio.Semaphore(0)
        self._writers: list[asyncio.StreamWriter] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        (key,) = (line.split(": ")[1] for line in lines if line.startswith("Sec-WebSocket-Key"))
        digest = hashlib.sha1((key + MAGIC).encode()).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        while await reader.read(1000):
            self.heard.release()

    def close(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def dead_vendor() -> AsyncIterator[DeadVendor]:
    """Run a server that falls silent at once."""
    vendor = DeadVendor()
    server = await asyncio.start_server(vendor._serve, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        server.close()
        vendor.close()


class Ticks:
    """A sleep that lasts until the test says so; ``asked`` tells how long each was to be."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._due = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._due.acquire()

    async def tick(self) -> None:
        """End one sleep, and let what waited for it go on."""
        self._due.release()
        for _ in range(10):
            await asyncio.sleep(0)
