"""Ends streams before the server ends: clients are told why, and open them again elsewhere."""

import asyncio
import signal
from types import FrameType

GRACE_SECONDS = 0.5
"""What streams have to say goodbye before the server cuts every connection."""


def close_at_signal(closing: asyncio.Event) -> None:
    """Set an event at the signals that end the server, and let them go on to it a moment later.

    A second signal goes on at once. Must be called in the main thread, on the running loop, when
    the server has taken the signals.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        _put_before(number, closing, loop)


def _put_before(number: int, closing: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    server = signal.getsignal(number)
    if not callable(server):
        return

    def end(number: int, frame: FrameType | None) -> None:
        if closing.is_set() or loop.is_closed():
            server(number, frame)
            return
        closing.set()
        loop.call_soon_threadsafe(loop.call_later, GRACE_SECONDS, server, number, frame)

    signal.signal(number, end)
