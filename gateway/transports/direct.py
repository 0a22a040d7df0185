"""The server's end of a socket: uvicorn's, with a way to write at once, and lighter.

Thousands of sockets that follow the same thing are written to one after the other, without waking
a task for each.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

DIRECT = "folioql.direct"
"""Among the extensions of a socket's scope: its protocol, where it is this one."""

CUT_SECONDS = 5.0
"""How long a socket may take to say goodbye when it is done: who does not read never would."""

TEXT = 0x81
LONG, LONGER = 126, 127


PONG = b'{"type":"pong"}'
"""How clients answer a ping, but for those who write JSON with blanks."""


@lru_cache(maxsize=4096)
def _head(size: int) -> bytes:
    if size < LONG:
        return bytes((TEXT, size))
    if size < 1 << 16:
        return bytes((TEXT, LONG)) + size.to_bytes(2, "big")
    return bytes((TEXT, LONGER)) + size.to_bytes(8, "big")


def frame_of(parts: Sequence[bytes]) -> bytes:
    """Return a whole message of text as its one frame, from a server to its client."""
    text = b"".join(parts)
    return _head(len(text)) + text


class Line:
    """What it takes to write to a socket, and nothing else.

    Messages for thousands of sockets are gone through one after the other, and whatever is looked
    at for each of them has to be fetched from memory.
    """

    __slots__ = ("_transport", "free")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.free = True
        """Whether the client reads, and has not been told goodbye."""

    def write(self, parts: Sequence[bytes]) -> bool:
        """Write a message at once; false while the client has too much to read, or is gone."""
        if not self.free or self._transport.is_closing():
            return False
        self._transport.write(frame_of(parts))
        return True


class DirectProtocol(WebSocketsSansIOProtocol):
    """One socket, as uvicorn serves it."""

    take_pong: Callable[[], bool] = staticmethod(lambda: False)
    """Takes an answer to a ping; false if it shall go the way of all messages."""

    line: Line

    def connection_made(self, transport: Any) -> None:
        """Take a connection."""
        super().connection_made(transport)
        self.line = Line(transport)

    def pause_writing(self) -> None:
        """Take it that the client has too much to read."""
        super().pause_writing()
        self.line.free = False

    def resume_writing(self) -> None:
        """Take it that the client has read."""
        super().resume_writing()
        self.line.free = not self.close_sent

    def handle_connect(self, event: Any) -> None:
        """Take a handshake, and say to the application what more there is to it."""
        super().handle_connect(event)
        if not self.handshake_complete:  # or else it was refused
            extensions: dict[str, Any] = dict(self.scope["extensions"] or {})
            self.scope["extensions"] = extensions | {DIRECT: self}

    def handle_text(self, event: Any) -> None:
        """Take a message; what only shows that the client lives wakes nobody."""
        if event.data != PONG or not event.fin or not self.take_pong():
            super().handle_text(event)

    async def send(self, message: Any) -> None:
        """Send what the application says, and forget the handshake once it is over."""
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.request = self.response = None  # type: ignore[assignment]
        elif self.close_sent:
            self.line.free = False

    @property
    def write(self) -> Callable[[Sequence[bytes]], bool]:
        """What writes a message at once; false while the client has to read first, or is gone."""
        return self.line.write

    async def ready(self) -> None:
        """Wait until a message can be written at once, or no more."""
        await self.writable.wait()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Cut the connection if it does not end by itself now that nobody serves it."""
        super().on_task_complete(task)
        if not self.disconnected:
            self.loop.call_later(CUT_SECONDS, self.transport.abort)
