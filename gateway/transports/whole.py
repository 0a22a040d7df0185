"""The server's end of a request: uvicorn's, with a way to write a whole answer at once.

ASGI has answers come in two messages, of which uvicorn looks through each header twice and writes
the second by itself. An answer that is there as a whole is one message more cheaply.
"""

from typing import Any

from starlette.types import Scope, Send
from uvicorn._types import ASGI3Application, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

WHOLE = "folioql.whole"
"""Among the extensions of a request's scope: the body may come with the start of the answer.

It stands in the message under this name, and nothing follows.
"""

OTHERWISE = frozenset({b"connection", b"transfer-encoding"})
"""Headers by which there is more to an answer than to write it."""

KEPT_NAMES = 200
"""Names of headers, about, that are known to be usual."""

USUAL: set[bytes] = set()
"""Names of headers that only have to be written, as far as they are known."""


def are_usual(names: tuple[bytes, ...]) -> bool:
    """Tell whether headers of these names only have to be written."""
    if USUAL.issuperset(names):
        return True
    for name in names:
        if not name.islower() or name in OTHERWISE or HEADER_RE.search(name):
            return False
    if len(USUAL) < KEPT_NAMES:
        USUAL.update(names)
    return True


class WholeCycle(RequestResponseCycle):
    """One request and its answer, as uvicorn serves it."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer, or all of it."""
        body: bytes | None = message.pop(WHOLE, None)  # type: ignore[misc]
        if body is None:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        text = self._text(message, body)
        if text is None or self.disconnected or self.response_started:
            await super().send(message)
            await super().send({"type": "http.response.body", "body": body, "more_body": False})
            return
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(text)
        self.message_event.set()
        self.on_response()

    def _text(self, message: Any, body: bytes) -> bytes | None:
        """Write an answer out; none where there is more to it, or where something is wrong."""
        headers = [*self.default_headers, *message["headers"]]
        names, values = zip(*headers, strict=True) if headers else ((), ())
        if (
            self.access_log
            or not self.keep_alive
            or self.scope["method"] == "HEAD"
            or (b"content-length", b"%d" % len(body)) not in headers
            or names.count(b"content-length") > 1
            or not are_usual(names)
            # Faster than to look for what may not be in a value, and says no rather too often.
            or not b"".join(values).decode("latin-1").isprintable()
        ):
            return None
        head = b"\r\n".join(map(b": ".join, headers))
        return b"".join((STATUS_LINE[message["status"]], head, b"\r\n\r\n", body))


class WholeProtocol(HttpToolsProtocol):
    """One connection, as uvicorn serves it."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = WholeCycle  # uvicorn makes it where nobody else can
        super()._start_asgi_task(cycle, app)


def offer(scope: Scope, send: Send) -> None:
    """Say in a scope that answers may come as a whole, if nothing stands before the server.

    What stands between may look into the body, which it would not find.
    """
    if isinstance(getattr(send, "__self__", None), WholeCycle):
        scope["extensions"] = {WHOLE: {}}
