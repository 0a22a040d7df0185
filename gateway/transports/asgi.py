"""What the GraphQL endpoint needs of ASGI: reading a request, answering it, and who has gone."""

import asyncio
import gzip
from collections.abc import Coroutine, Iterable
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from gateway.engine.running import NotYet, begin, resumed
from gateway.transports.whole import WHOLE

T = TypeVar("T")
Headers = Iterable[tuple[bytes, bytes]]

BODILESS = frozenset({204, 304})
"""Answers that have no body, and nothing to say of its length."""

LEVEL = 3
"""Beyond it gzip takes three times as long and saves a tenth more."""

AT_ONCE = 200_000
"""Bytes that are compressed in half a millisecond or so."""

PATIENCE = 0.05
"""Seconds that an operation runs before anybody looks whether its client is still there."""


class RefusedRequestError(Exception):
    """A request is refused before anything is executed; ``headers`` go with the answer."""

    def __init__(
        self, status: int, message: str, *, code: str = "BAD_REQUEST", **headers: bytes
    ) -> None:
        super().__init__(message)
        self.status = HTTPStatus(status)
        self.code = code
        if status == HTTPStatus.UNAUTHORIZED:
            headers["www_authenticate"] = b"Bearer"
        self.headers = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]


class Call:
    """One HTTP request."""

    __slots__ = ("_headers", "authorization", "method", "receive", "request_id", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.request_id: str = scope["state"]["request_id"]
        pairs = scope["headers"]
        self._headers: dict[bytes, bytes] = dict(pairs)
        if len(self._headers) < len(pairs):
            self._headers = _joined(pairs)
        self.authorization: str | None = self.header(b"authorization") or None

    def header(self, name: bytes, default: str = "") -> str:
        """Return a header by its name in small letters; several of one name come as a list."""
        value = self._headers.get(name)
        return default if value is None else value.decode("latin-1")

    async def body(self, *, max_bytes: int) -> bytes:
        """Return the whole body; raises RefusedRequestError for one that is too large."""
        declared = self._headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > max_bytes:
            raise _too_large(max_bytes)
        message = await self._received()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            parts = bytearray(body)
            while message.get("more_body") and len(parts) <= max_bytes:
                message = await self._received()
                parts += message.get("body", b"")
            body = bytes(parts)
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        return body

    async def _received(self) -> Any:
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        return message


async def in_time(reading: Coroutine[Any, Any, T], seconds: float) -> T:
    """Read a request; raises RefusedRequestError when it does not come within some seconds.

    Most of them are there before anybody looks: then no clock is set.
    """
    try:
        return begin(reading)
    except NotYet as not_yet:
        waits_for = not_yet.waits_for
    try:
        async with asyncio.timeout(seconds):
            return await resumed(reading, waits_for)
    except TimeoutError as error:
        message = f"The request did not come within {seconds:.0f} seconds."
        # What is left of it might come for ever.
        raise RefusedRequestError(408, message, connection=b"close") from error


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    joined: dict[bytes, bytes] = {}
    for name, value in pairs:
        joined[name] = joined[name] + b", " + value if name in joined else value
    return joined


def _too_large(max_bytes: int) -> RefusedRequestError:
    message = f"The body is larger than {max_bytes} bytes."
    return RefusedRequestError(413, message, code="BODY_TOO_LARGE")


class Answer:
    """A whole answer to a request."""

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self,
        body: bytes,
        *,
        status: int,
        media_type: str = "",
        headers: Headers = (),
    ) -> None:
        self.body = body
        self.status = status
        self.media_type = media_type
        self.headers = headers

    async def compress(self) -> None:
        """Make it smaller; a large one by a thread, so that nobody waits for that."""
        if len(self.body) > AT_ONCE:
            self.body = await asyncio.to_thread(gzip.compress, self.body, LEVEL, mtime=0)
        else:
            self.body = gzip.compress(self.body, LEVEL, mtime=0)
        # The same data in other bytes, so what names it is weak from here on.
        headers = (
            (name, b"W/" + value if name == b"etag" else value) for name, value in self.headers
        )
        self.headers = (*headers, (b"content-encoding", b"gzip"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        headers = [*self.headers]
        if self.status not in BODILESS:
            headers.insert(0, (b"content-length", b"%d" % len(self.body)))
        if self.media_type:
            headers.insert(0, (b"content-type", self.media_type.encode()))
        start: Message = {
            "type": "http.response.start",
            "status": self.status,
            "headers": headers,
        }
        if WHOLE in (scope.get("extensions") or ()):
            start[WHOLE] = self.body
            await send(start)
            return
        await send(start)
        await send({"type": "http.response.body", "body": self.body})


async def unless_gone(work: Coroutine[Any, Any, T], call: Call) -> T:
    """Return what comes of work; when the client goes away, end it and raise ClientDisconnect.

    The body must have been read. Most work is done before anybody would look.
    """
    try:
        return begin(work)
    except NotYet as not_yet:
        waits_for = not_yet.waits_for
    mine = asyncio.current_task()
    watch: asyncio.Task[None] | None = None
    gone = False

    async def look() -> None:
        nonlocal gone
        gone = (await call.receive())["type"] == "http.disconnect"
        if gone and mine is not None:
            mine.cancel()

    def begin_to_look() -> None:
        nonlocal watch
        watch = asyncio.create_task(look())

    timer = asyncio.get_running_loop().call_later(PATIENCE, begin_to_look)
    try:
        return await resumed(work, waits_for)
    except asyncio.CancelledError:
        if gone and mine is not None and not mine.uncancel():
            raise ClientDisconnect from None
        raise
    finally:
        timer.cancel()
        if watch is not None:
            watch.cancel()
