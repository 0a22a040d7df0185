"""Follows symbols through whoever pushes prices, and connects anew when that ends."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from datetime import timedelta
from random import uniform
from typing import Protocol, cast

import structlog

from datasources.chain import Line
from datasources.errors import ProviderError, RateLimitedError, UnavailableError
from datasources.pacing import LONGEST_CLOSE
from datasources.protocols import Clock, StreamProvider
from datasources.tasks import end
from models.market import Quote

log = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=1)

SETTLING = timedelta(seconds=5)
"""How long new symbols wait for others before all are followed anew: meanwhile they are polled."""


class Source(Protocol):
    """Knows who pushes prices, and judges them."""

    def streams(self) -> list[Line]:
        """Return who pushes prices, in the order they are asked."""
        ...

    async def take(self, line: Line, quote: Quote) -> Quote | None:
        """Take a price that was pushed, and return what there is to show of it."""
        ...


class Follower:
    """Follows what is wanted through the first provider that can, as far as its limit goes.

    What it cannot follow is for others to ask about. After a failure it pauses, twice as long each
    time; only what lasted longer than the longest pause makes the pauses short again, so that a
    vendor that lets nobody stay is not asked all the time.
    """

    def __init__(
        self,
        source: Source,
        *,
        wanted: Callable[[], Collection[str]],
        show: Callable[[Quote], None],
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._wanted = wanted
        self._show = show
        self._clock = clock
        self._sleep = sleep
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self.followed: frozenset[str] = frozenset()
        """The symbols of the last connection."""

    def update(self) -> None:
        """Begin to follow, or see whether what is wanted has changed."""
        self._changed.set()
        if self._task is None and self._source.streams():
            self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Leave nothing open."""
        task, self._task = self._task, None
        if task is not None:
            self._ending = task
            await end(task)

    async def _follow(self) -> None:
        if self._ending is not None:
            # Some vendors allow one connection at a time.
            await asyncio.wait({self._ending})
        pause = FIRST_PAUSE
        while True:
            began = self._clock()
            until = None
            line = next(iter(self._source.streams()), None)
            if line is not None:
                try:
                    await self._connect(line)
                    continue
                except ProviderError as error:
                    line.lost(error)
                    until = error.until if isinstance(error, RateLimitedError) else None
                except Exception as error:
                    # A provider's defect is no reason to stop, but must be seen.
                    log.exception("stream_broken", provider=line.name)
                    line.lost(ProviderError(type(error).__name__))
            now = self._clock()
            if now - began >= LONGEST_PAUSE:
                pause = FIRST_PAUSE
            wait = pause * uniform(0.5, 1)  # noqa: S311  # spreads replicas, guards nothing
            if until is not None:
                wait = max(wait, min(until - now, LONGEST_CLOSE))
            await self._sleep(wait.total_seconds())
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _connect(self, line: Line) -> None:
        """Follow until there is something else to follow; raises ProviderError at the end."""
        provider = cast("StreamProvider", line.provider)
        self.followed = self._choose(provider)
        if not self.followed:
            await self._change(provider)
            return
        reading = asyncio.create_task(self._read(line, provider))
        changing = asyncio.create_task(self._change(provider))
        try:
            await asyncio.wait({reading, changing}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
                raise UnavailableError("the stream ended")
        finally:
            reading.cancel()
            changing.cancel()
            await asyncio.gather(reading, changing, return_exceptions=True)

    async def _read(self, line: Line, provider: StreamProvider) -> None:
        async with aclosing(provider.stream(sorted(self.followed))) as quotes:
            async for quote in quotes:
                shown = await self._source.take(line, quote)
                if shown is not None:
                    self._show(shown)

    async def _change(self, provider: StreamProvider) -> None:
        """Wait until something is wanted that is not followed, and that there is room for."""
        while self._choose(provider) <= self.followed:
            self._changed.clear()
            await self._changed.wait()
            await self._sleep(SETTLING.total_seconds())

    def _choose(self, provider: StreamProvider) -> frozenset[str]:
        """Return what to follow: first what is followed already, within the limit."""
        able = provider.streamable(sorted(self._wanted()))
        able.sort(key=lambda symbol: symbol not in self.followed)
        return frozenset(able[: provider.stream_limit])
