"""Live prices: pushed where a provider can, polled where not; to each the newest, not a queue.

Of several replicas one looks after what is listened to at any of them, and tells the others. One
that hears of nobody who does so polls for itself, and connects to nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from datasources.following import Follower
from datasources.hub import Hub, Listener
from datasources.market import Market
from datasources.peers import Peers
from datasources.protocols import Clock
from datasources.quoting import stale
from datasources.rate_watch import Pair, RateWatch
from models.changes import ACCESS, ALERT_EVENTS, LEDGER, QUOTE, RATE, WATCHLIST, Topic
from models.market import Quote

log = structlog.get_logger(__name__)

STALLED = timedelta(seconds=10)
"""After so long without an answer, what was shown last is told to be stale."""


class Watcher(Protocol):
    """Looks at each price of some symbols, in the replica that looks after prices for all."""

    @property
    def symbols(self) -> frozenset[str]:
        """Return what it looks at; nothing elsewhere."""
        ...

    def lead(self, leads: bool) -> None:
        """Hear whether this is the replica."""
        ...

    def see(self, quote: Quote) -> None:
        """Look at a price, whether new or not."""
        ...

    def stir(self, topics: Collection[Topic] | None) -> None:
        """Hear that topics have changed; null for all but prices."""
        ...


class Feed:
    """Follows the symbols that somebody listens to; polls and connects only while somebody does.

    All are polled, which asks nobody for what was pushed a moment ago.
    """

    def __init__(
        self,
        market: Market,
        *,
        clock: Clock,
        peers: Peers | None = None,
        interval: timedelta = timedelta(seconds=1),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.hub = Hub()
        self._market = market
        self._peers = peers
        self._clock = clock
        self._interval = interval
        self._sleep = sleep
        self._poller: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[dict[str, Quote]] | None = None
        self._asked: set[str] = set()
        self._shown: dict[str, Quote] = {}
        self._answered_at: datetime = clock()
        self._watcher: Watcher | None = None
        self._follower = Follower(
            market, wanted=lambda: self.watched, show=self._show, clock=clock, sleep=sleep
        )
        self.rates = RateWatch(market, self.hub, clock=clock, sleep=sleep)
        if peers is not None:
            peers.attend(self)

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return self.hub.listeners

    @property
    def leads(self) -> bool:
        """Tell whether this replica looks after prices for others, or has no others."""
        return self._peers is None or self._peers.leads

    @property
    def symbols(self) -> frozenset[str]:
        """Return the symbols that anybody listens to here."""
        return self.hub.heard(QUOTE)

    @property
    def watched(self) -> frozenset[str]:
        """Return the symbols that are for this replica to look after."""
        mine = self.symbols | (self._watcher.symbols if self._watcher else frozenset())
        if self._peers is None or self._peers.cut_off:
            return mine
        return mine | self._peers.wanted if self._peers.leads else frozenset()

    def watch(self, watcher: Watcher | None) -> None:
        """Let somebody look at prices, or nobody any more."""
        self._watcher = watcher
        if watcher is not None:
            watcher.lead(self.leads)

    @asynccontextmanager
    async def listen(
        self, symbols: Sequence[str], *, min_interval: timedelta = timedelta(0)
    ) -> AsyncIterator[AsyncIterator[Quote]]:
        """Listen to symbols within a block: the last known quotes at once, then changes.

        Leaving the block unregisters at once; the last to leave stops the poll.
        """
        async with self.join(
            [(QUOTE, symbol) for symbol in symbols], min_interval=min_interval
        ) as listener:
            await self._rewant()
            known = await self._known(symbols)
            for symbol in symbols:
                if symbol in known:
                    self._shown.setdefault(symbol, known[symbol])
                    listener.begin((QUOTE, symbol), known[symbol], says=_says(known[symbol]))
            yield listener.updates()

    async def _known(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return the last known quotes; what is asked at the same moment is asked in one go."""
        if self._asking is None:
            self._asked = set()
            self._asking = asyncio.create_task(self._ask(self._asked))
        self._asked.update(symbols)
        return await asyncio.shield(self._asking)

    async def _ask(self, symbols: set[str]) -> dict[str, Quote]:
        await asyncio.sleep(0)  # until all have said what they ask for
        self._asking = None
        return await self._market.quotes(sorted(symbols))

    @asynccontextmanager
    async def join(
        self,
        topics: Collection[Topic] = (),
        *,
        min_interval: timedelta = timedelta(0),
        urgent: Collection[Topic] = (),
    ) -> AsyncIterator[Listener]:
        """Listen to topics within a block, and to symbols that ``follow`` is told."""
        try:
            with self.hub.listen(topics, min_interval=min_interval, urgent=urgent) as listener:
                yield listener
        finally:
            await self._rewant()

    async def follow(
        self, listener: Listener, symbols: Collection[str], pairs: Collection[Pair] = ()
    ) -> None:
        """Let a listener follow these symbols and exchange rates and no others.

        It hears of changes from what is known now, and goes on to hear of its other topics.
        """
        wanted: set[Topic] = {(QUOTE, symbol) for symbol in symbols}
        wanted |= {(RATE, pair) for pair in pairs}
        others = {topic for topic in listener.topics if topic[0] not in {QUOTE, RATE}}
        added = wanted - listener.topics
        self.hub.follow(listener, others | wanted)
        await self._rewant()
        new = sorted(symbol for symbol in symbols if (QUOTE, symbol) in added)
        for symbol, quote in (await self._market.quotes(new)).items() if new else ():
            self._shown.setdefault(symbol, quote)
            listener.saw((QUOTE, symbol), says=_says(quote))
        rates = await self.rates.known([pair for pair in pairs if (RATE, pair) in added])
        for pair, value in rates.items():
            listener.saw((RATE, pair), says=value)

    def tell(self, topics: Collection[Topic]) -> None:
        """Tell those who listen to topics that they have changed, here and at other replicas."""
        self.stir(topics)
        if self._peers is not None:
            self._peers.tell(topics)

    def stir(self, topics: Collection[Topic] | None) -> None:
        """Tell those who listen here to topics that they have changed; null for all but prices."""
        if topics is None:
            self.hub.stir(LEDGER, ACCESS, WATCHLIST, ALERT_EVENTS)
        for topic in topics or ():
            self.hub.publish(topic)
        if self._watcher is not None:
            self._watcher.stir(topics)

    def hear(self, quotes: Collection[Quote]) -> None:
        """Show prices that the replica that leads tells."""
        for quote in quotes:
            self._market.hear(quote)
            self._publish(quote)

    async def _rewant(self) -> None:
        """Look after what is listened to now, or have the replica that leads do so."""
        if self._peers is not None:
            self._peers.want()
        await self.rates.settle()
        await self.settle()

    async def settle(self) -> None:
        """Poll and connect for what there is to look after now, or leave nothing open."""
        if self._watcher is not None:
            self._watcher.lead(self.leads)
        watched = self.watched
        for symbol in self._shown.keys() - watched - self.symbols:
            del self._shown[symbol]
        if not watched:
            await self._stop()
            return
        if self._poller is None:
            self._answered_at = self._clock()
            self._poller = asyncio.create_task(self._poll())
        if self.leads:
            self._follower.update()
        else:
            await self._follower.stop()

    async def _poll(self) -> None:
        while True:
            await self._sleep(self._interval.total_seconds())
            try:
                # What vendors allow is too little to ask every second: their prices live longer.
                # Of the others none of the last look, though a timer may be early.
                max_age = None if self._market.has_vendors else self._interval / 2
                quotes = await self._market.quotes(self.watched, max_age=max_age)
            except Exception:
                log.exception("feed_poll_failed")
                self._tell_stalled()
                continue
            self._answered_at = self._clock()
            for quote in quotes.values():
                self._show(quote)

    def _tell_stalled(self) -> None:
        """Tell of every price that is shown that it is no longer looked after."""
        if self._clock() - self._answered_at >= STALLED:
            for quote in list(self._shown.values()):
                self._show(stale(quote))

    def _show(self, quote: Quote) -> None:
        """Show a price to those who listen here, and to other replicas if it says anything new."""
        known = self._shown.get(quote.symbol)
        is_new = known is None or _says(known) != _says(quote)
        if is_new and self._peers is not None and self.leads:
            self._peers.show(quote)
        self._publish(quote)

    def _publish(self, quote: Quote) -> None:
        self._shown[quote.symbol] = quote
        if self._watcher is not None:
            self._watcher.see(quote)
        self.hub.publish((QUOTE, quote.symbol), quote, says=_says(quote))

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
        self.hub.close()
        await self.rates.close()
        await self._stop()


def _says(quote: Quote) -> tuple[object, object]:
    return quote.price, quote.quality
