"""Local servers that stand for vendors: real sockets and real HTTP, with every fault a wire has."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import SecretStr

from datasources.http import Upstream, Vendor, open_client
from datasources.pacing import Budget

KEY = "key-that-nobody-may-see-4711"
"""The key of every vendor in the tests: it must never turn up in any output."""


@dataclass(frozen=True)
class Request:
    """What a server was asked."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    form: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a server answers, and what goes wrong on the way.

    ``cut`` ends the connection after so many bytes of the body, ``drip`` sends one byte a turn of
    ``hold``, ``reset`` breaks the connection before any answer, ``hold`` waits for an event first.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut: int | None = None
    reset: bool = False
    hold: asyncio.Event | None = None
    drip: bool = False


def reply(body: Any = None, **more: Any) -> Reply:
    """Answer with JSON, or with text or bytes as they are."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = orjson.dumps(body)
    return Reply(body=body, **more)


HTML = reply("<!doctype html><title>Will be right back</title>", content_type="text/html")
"""What every vendor answers on a bad day, whatever was asked."""


class FakeVendor:
    """A server with a handler, or answers one after the other; ``requests`` tells what it heard."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.handler: Callable[[Request], Reply] | None = None
        self.replies: list[Reply] = []
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def answers(self, *replies: Reply) -> None:
        """Answer in this order; the last one again and again."""
        self.handler, self.replies = None, list(replies)

    @property
    def paths(self) -> list[str]:
        """Return the paths asked for, in order."""
        return [request.path for request in self.requests]

    def _reply(self, request: Request) -> Reply:
        if self.handler is not None:
            return self.handler(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while line := await reader.readline():
                method, target, _ = line.decode().split()
                address = urlsplit(target)
                headers, form = {}, b""
                while (header := await reader.readline()).strip():
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                if length := int(headers.get("content-length", "0")):
                    form = await reader.readexactly(length)
                request = Request(
                    address.path,
                    dict(parse_qsl(address.query, keep_blank_values=True)),
                    headers,
                    method,
                    tuple(parse_qsl(form.decode(errors="replace"))),
                )
                self.requests.append(request)
                if not await self._send(self._reply(request), writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _send(self, answer: Reply, writer: asyncio.StreamWriter) -> bool:
        if answer.reset:
            writer.transport.abort()
            return False
        if answer.hold is not None and not answer.drip:
            await answer.hold.wait()
        head = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            **answer.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"HTTP/1.1 {answer.status} Some Words\r\n{lines}\r\n".encode())
        if answer.drip:
            for byte in answer.body:
                writer.write(bytes([byte]))
                await writer.drain()
                assert answer.hold is not None
                await answer.hold.wait()
        writer.write(answer.body[: answer.cut])
        await writer.drain()
        return answer.cut is None

    async def close(self) -> None:
        """Break every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def fake_vendor() -> AsyncIterator[FakeVendor]:
    """Run a vendor's server for as long as the block lasts."""
    vendor = FakeVendor()
    server = await asyncio.start_server(vendor._serve, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        server.close()
        await vendor.close()


async def no_wait(_: float) -> None:
    """Stand for a pause that a test does not have to sit out."""
    await asyncio.sleep(0)


@asynccontextmanager
async def upstream_of(
    vendor: Vendor, server: FakeVendor, *, clock: Any, key: str = KEY
) -> AsyncIterator[Upstream]:
    """Connect a vendor's service to its stand-in, with its own limits and no real pauses."""

    async def sleep(seconds: float) -> None:
        clock.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    async with open_client() as client:
        yield Upstream(
            vendor,
            client=client,
            budget=Budget(vendor.limits, name=vendor.name, clock=clock, sleep=sleep),
            clock=clock,
            key=SecretStr(key),
            url=server.url,
            sleep=sleep,
        )
