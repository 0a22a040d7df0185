"""Live prices: pushed where a provider can, polled where not; to each the newest, not a queue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import structlog

from datasources.following import Follower
from datasources.market import Market
from datasources.protocols import Clock
from models.market import Quote

log = structlog.get_logger(__name__)


class _Listener:
    """One subscriber's symbols, with one slot for each: a newer price replaces an unread one."""

    def __init__(self, symbols: Sequence[str], *, min_interval: float) -> None:
        self.symbols = tuple(symbols)
        self._min_interval = min_interval
        self._slots: dict[str, Quote] = {}
        self._seen: dict[str, Quote] = {}
        self._ready_at: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def offer(self, quote: Quote) -> None:
        """Take a quote if it says anything new."""
        known = self._slots.get(quote.symbol) or self._seen.get(quote.symbol)
        if known is None or (known.price, known.quality) != (quote.price, quote.quality):
            self._slots[quote.symbol] = quote
            self._wake.set()

    def close(self) -> None:
        """End the listener's iteration."""
        self._closed = True
        self._wake.set()

    async def updates(self) -> AsyncIterator[Quote]:
        """Yield quotes as they come, each symbol's at most once in the least interval."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            now = loop.time()
            due = [symbol for symbol in self._slots if self._ready_at.get(symbol, 0.0) <= now]
            for symbol in due:
                quote = self._slots.pop(symbol)
                self._seen[symbol] = quote
                self._ready_at[symbol] = now + self._min_interval
                yield quote
                if self._closed:
                    return
            if due:
                continue
            self._wake.clear()
            waits = [self._ready_at[symbol] - now for symbol in self._slots]
            with suppress(TimeoutError):
                # Not by wait_for: before Python 3.12 it forgets to be cancelled where what it
                # waits for happens at the same time.
                async with asyncio.timeout(min(waits, default=None)):
                    await self._wake.wait()


class Feed:
    """Follows the symbols that somebody listens to; polls and connects only while somebody does.

    All are polled, which asks nobody for what was pushed a moment ago.
    """

    def __init__(
        self,
        market: Market,
        *,
        clock: Clock,
        interval: timedelta = timedelta(seconds=1),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._market = market
        self._interval = interval
        self._sleep = sleep
        self._listeners: set[_Listener] = set()
        self._poller: asyncio.Task[None] | None = None
        self._follower = Follower(
            market, wanted=lambda: self.symbols, show=self._offer, clock=clock, sleep=sleep
        )

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return len(self._listeners)

    @property
    def symbols(self) -> frozenset[str]:
        """Return the symbols that anybody listens to."""
        return frozenset(symbol for one in self._listeners for symbol in one.symbols)

    @asynccontextmanager
    async def listen(
        self, symbols: Sequence[str], *, min_interval: timedelta = timedelta(0)
    ) -> AsyncIterator[AsyncIterator[Quote]]:
        """Listen to symbols within a block: the last known quotes at once, then changes.

        Leaving the block unregisters at once; the last to leave stops the poll.
        """
        listener = _Listener(symbols, min_interval=min_interval.total_seconds())
        self._listeners.add(listener)
        try:
            known = await self._market.quotes(symbols)
            for symbol in symbols:
                if symbol in known:
                    listener.offer(known[symbol])
            if self._poller is None:
                self._poller = asyncio.create_task(self._poll())
            self._follower.update()
            yield listener.updates()
        finally:
            self._listeners.discard(listener)
            if self._listeners:
                self._follower.update()  # there may be room for what somebody else wants
            else:
                await self._stop()

    async def _poll(self) -> None:
        while True:
            await self._sleep(self._interval.total_seconds())
            try:
                # What vendors allow is too little to ask every second: their prices live longer.
                max_age = None if self._market.has_vendors else self._interval
                quotes = await self._market.quotes(self.symbols, max_age=max_age)
            except Exception:
                log.exception("feed_poll_failed")
                continue
            for quote in quotes.values():
                self._offer(quote)

    def _offer(self, quote: Quote) -> None:
        for listener in self._listeners:
            if quote.symbol in listener.symbols:
                listener.offer(quote)

    async def _stop(self) -> None:
        poller, self._poller = self._poller, None
        if poller is not None:
            poller.cancel()
        # Nothing is awaited before both are told, so that whoever comes meanwhile begins anew.
        await self._follower.stop()
        if poller is not None:
            with suppress(asyncio.CancelledError):
                await poller

    async def close(self) -> None:
        """End every listener's iteration and stop the poll."""
        for listener in list(self._listeners):
            listener.close()
        await self._stop()
