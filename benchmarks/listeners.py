"""Listens to subscriptions over many sockets, from a process of its own that does little else.

A client is a protocol of a few lines on the raw connection, so that thousands of them are no load
worth speaking of; what they take of a core is told. Each message has in it when the server got the
price: both processes read the one clock of the machine.

It reads a plan from standard input, and then does a step for each line: ``open`` so many of the
sockets, ``listen`` for so many seconds. The answer to each is a line of JSON.
"""

import asyncio
import base64
import json
import os
import resource
import sys
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import uvloop

AT_ONCE = 100
"""Sockets that are being opened at a time."""

PATIENCE = 120
"""Seconds that it may take until a socket is open."""

LATE = 5
"""Seconds that are waited for what was sent late."""

STAMP = b'"receivedAt":"'
TEXT, CLOSE, PING = 0x81, 0x88, 0x89
SHORT, MIDDLE = 126, 127


def frame(data: bytes, kind: int = TEXT) -> bytes:
    """Return a client's frame; its mask is all zeros, which changes nothing."""
    size = len(data)
    length = bytes([0x80 | size]) if size < SHORT else b"\xfe" + size.to_bytes(2, "big")
    return bytes([kind]) + length + bytes(4) + data


def wall_clock() -> float:
    """Return the time that the server reads as well, in seconds."""
    return datetime.now(UTC).timestamp()


class Heard:
    """What all sockets heard: the seconds from when the server got a price to each message."""

    def __init__(self) -> None:
        self.delays: array[float] = array("d")
        self.broken: list[str] = []
        self.begins_at = self.ends_at = float("inf")
        self._made_at: dict[bytes, float] = {}

    @property
    def ticks(self) -> int:
        """Return at how many moments there were prices, as far as anybody heard of them."""
        return sum(self.begins_at <= at < self.ends_at for at in self._made_at.values())

    def take(self, message: bytes, now: float) -> None:
        """Count a message with prices, by the last of them."""
        begin = message.rindex(STAMP) + len(STAMP)
        stamp = message[begin : message.index(b'"', begin)]
        made_at = self._made_at.get(stamp)
        if made_at is None:
            made_at = datetime.fromisoformat(stamp.decode()).timestamp()
            self._made_at[stamp] = made_at
        if self.begins_at <= made_at < self.ends_at:
            self.delays.append(now - made_at)


class Client(asyncio.Protocol):
    """One socket and its subscription."""

    __slots__ = ("_begin", "_buffer", "_heard", "_transport", "begun", "shaken")

    def __init__(self, hello: bytes, begin: Sequence[bytes], heard: Heard) -> None:
        self._buffer = hello
        self._begin = begin
        self._heard = heard
        self.shaken = False
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask for a socket."""
        self._transport = transport
        transport.write(self._buffer)
        self._buffer = b""

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the other end is gone."""
        self._break(f"lost: {error}")

    def _break(self, reason: str) -> None:
        if not self.begun.done():
            self.begun.set_exception(RuntimeError(reason))
        self._heard.broken.append(reason)

    def data_received(self, data: bytes) -> None:
        """Take whatever is whole of what has come."""
        now = wall_clock()
        data = self._buffer + data if self._buffer else data
        if not self.shaken:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._break(head[:100].decode())
                return
            self.shaken = True
            self._transport.write(frame(self._begin[0]))
        at, end = 0, len(data)
        while end - at >= 2:
            kind, size, begin = data[at], data[at + 1], at + 2
            if size == SHORT:
                size, begin = int.from_bytes(data[begin : begin + 2], "big"), begin + 2
            elif size == MIDDLE:
                size, begin = int.from_bytes(data[begin : begin + 8], "big"), begin + 8
            if begin + size > end:
                break
            self._take(kind, data[begin : begin + size], now)
            at = begin + size
        self._buffer = data[at:]

    def _take(self, kind: int, message: bytes, now: float) -> None:
        if kind == PING:
            self._transport.write(frame(message, 0x8A))
        elif kind != TEXT:
            self._break(f"closed: {message!r}")
        elif STAMP in message:
            self._heard.take(message, now)
        elif b'"ping"' in message:
            self._transport.write(frame(b'{"type":"pong"}'))
        elif b'"connection_ack"' in message:
            self._transport.write(frame(self._begin[1]))
            if not self.begun.done():
                self.begun.set_result(None)
        elif b'"pong"' not in message:
            self._break(message[:300].decode())

    def close(self) -> None:
        """Leave without a word."""
        self._transport.abort()


class Listeners:
    """All sockets of a plan."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._host, self._port = plan["host"], plan["port"]
        self._left = iter(plan["clients"])
        self._heard = Heard()
        self._clients: list[Client] = []

    async def _open_one(self, begin: Sequence[str], room: asyncio.Semaphore) -> float:
        async with room:
            started = perf_counter()
            key = base64.b64encode(os.urandom(16)).decode()
            hello = (
                f"GET /graphql HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nUpgrade: websocket"
                f"\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13"
                "\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
            )
            texts = [text.encode() for text in begin]
            client = Client(hello.encode(), texts, self._heard)
            self._clients.append(client)
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: client, self._host, self._port)
            await asyncio.wait_for(client.begun, PATIENCE)
            return perf_counter() - started

    async def open(self, number: int) -> dict[str, float]:
        """Open so many more sockets and subscribe."""
        room = asyncio.Semaphore(AT_ONCE)
        started = perf_counter()
        begins = [next(self._left) for _ in range(number)]
        await asyncio.gather(*(self._open_one(begin, room) for begin in begins))
        return {"seconds": perf_counter() - started}

    async def listen(self, seconds: float) -> dict[str, Any]:
        """Hear for so many seconds, and a little longer for what was sent late."""
        heard = self._heard
        del heard.delays[:]
        heard.begins_at = wall_clock()
        heard.ends_at = heard.begins_at + seconds
        began = _spent()
        await asyncio.sleep(seconds)
        busy = (_spent() - began) / seconds
        before = -1
        until = wall_clock() + LATE
        while len(heard.delays) > before and wall_clock() < until:
            before = len(heard.delays)
            await asyncio.sleep(0.5)
        if heard.broken:
            raise RuntimeError(f"{len(heard.broken)} sockets broke: {heard.broken[0]}")
        delays = sorted(heard.delays)
        return {
            "messages": len(delays),
            "ticks": heard.ticks,
            "p50": delays[len(delays) // 2] * 1000 if delays else float("nan"),
            "p99": delays[int(len(delays) * 0.99)] * 1000 if delays else float("nan"),
            "busy": busy,
        }


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    """Do what is asked for, line by line, until there is no more."""
    loop = asyncio.get_running_loop()
    listeners = Listeners(json.loads(sys.stdin.readline()))
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        step, number = line.split()
        answer = await (
            listeners.open(int(number)) if step == "open" else listeners.listen(float(number))
        )
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
