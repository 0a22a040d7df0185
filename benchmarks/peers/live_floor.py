"""As little as a server of sockets in Python can do: it writes prepared frames, and nothing else.

It speaks just enough of the protocol for those who listen in benchmarks, asks nobody who they are,
and closes nothing. What it takes of a core is what the system and the loop take to send.
"""

import asyncio
import base64
import hashlib
import json
import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from threading import Thread
from typing import Any

import uvloop

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SHORT = 126
ACKNOWLEDGED = b'{"type":"connection_ack"}'


def frame(text: bytes) -> bytes:
    """Return a server's frame."""
    size = len(text)
    length = bytes([size]) if size < SHORT else b"\x7e" + size.to_bytes(2, "big")
    return b"\x81" + length + text


def frames_in(data: bytes) -> Iterator[bytes]:
    """Yield the messages of a client whose masks are zeros, as those of the benchmarks are."""
    at = 0
    while at < len(data):
        size, at = data[at + 1] & 0x7F, at + 2
        if size == SHORT:
            size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


class Floor(asyncio.Protocol):
    """One socket."""

    followers: dict[str, list[tuple[Any, bytes]]] = {}  # noqa: RUF012  # one for all sockets
    """Of each symbol who gets it, and how each message to them begins."""

    def connection_made(self, transport: Any) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a handshake, a beginning or a subscription, which come whole."""
        if data.startswith(b"GET"):
            key = data.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
            accepted = base64.b64encode(hashlib.sha1(key + MAGIC).digest())  # RFC 6455
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
                b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n"
            )
            return
        for text in frames_in(data):
            message = json.loads(text)
            if message["type"] == "connection_init":
                self._transport.write(frame(ACKNOWLEDGED))
            elif message["type"] == "subscribe":
                begin = b'{"id":"%b","type":"next","payload":' % message["id"].encode()
                for symbol in message["payload"]["variables"]["of"]:
                    self.followers.setdefault(symbol, []).append((self._transport, begin))


async def main() -> None:
    """Serve, and let prices come."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    loop, seconds = asyncio.get_running_loop(), 1 / float(os.environ["LIVE_RATE"])
    await loop.create_server(Floor, sock=listening)
    print(listening.getsockname()[1], flush=True)
    begun = loop.time()
    for number in count(1):
        await asyncio.sleep(begun + number * seconds - loop.time())
        at = datetime.now(UTC).isoformat()
        for symbol, followers in Floor.followers.items():
            price = {"symbol": symbol, "price": f"{number}", "receivedAt": at, "quality": "FRESH"}
            text = json.dumps({"data": {"quoteUpdated": price}}, separators=(",", ":")).encode()
            for transport, begin in followers:
                transport.write(frame(begin + text + b"}"))


def end_with_parent() -> None:
    """End when standard input does."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    Thread(target=end_with_parent, daemon=True).start()
    uvloop.run(main())
