"""The feed: one poll for all, the newest price for each, and nothing left behind."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.feed import Feed
from models.market import Quote, QuoteQuality

AT = datetime(2024, 6, 14, 15, tzinfo=UTC)


class Prices:
    """Stands where the market stands: quotes that the test sets."""

    def __init__(self):
        self.prices = {"A": "1", "B": "2"}
        self.asked = []
        self.failure = None
        self.has_vendors = False

    def streams(self):
        return []

    async def quotes(self, symbols, *, max_age=None):
        self.asked.append((sorted(symbols), max_age))
        if self.failure is not None:
            raise self.failure
        return {
            symbol: Quote(
                symbol=symbol,
                price=Decimal(self.prices[symbol]),
                currency="USD",
                as_of=AT,
                received_at=AT,
                source="test",
                quality=QuoteQuality.FRESH,
            )
            for symbol in symbols
            if symbol in self.prices
        }


class Ticks:
    """A sleep that lasts until the test says so."""

    def __init__(self):
        self.waiting = asyncio.Semaphore(0)

    async def __call__(self, _seconds):
        await self.waiting.acquire()

    async def tick(self):
        self.waiting.release()
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
def market():
    return Prices()


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def feed(market, ticks):
    return Feed(market, clock=lambda: AT, interval=timedelta(seconds=1), sleep=ticks)


def shown(quote):
    return (quote.symbol, str(quote.price))


async def test_the_last_known_quotes_come_at_once_and_then_changes_only(feed, market, ticks):
    async with feed.listen(["B", "A"]) as updates:
        assert [shown(await anext(updates)) for _ in range(2)] == [("B", "2"), ("A", "1")]
        await ticks.tick()
        market.prices["A"] = "1.5"
        await ticks.tick()
        assert shown(await anext(updates)) == ("A", "1.5")


async def test_a_slow_reader_gets_the_newest_price_and_not_a_queue(feed, market, ticks):
    async with feed.listen(["A"]) as updates:
        await anext(updates)
        for price in ("2", "3", "4"):
            market.prices["A"] = price
            await ticks.tick()
        assert shown(await anext(updates)) == ("A", "4")


async def test_one_poll_serves_the_symbols_of_all_listeners(feed, market, ticks):
    async with feed.listen(["A"]), feed.listen(["A", "B"]):
        market.asked.clear()
        await ticks.tick()
        assert market.asked == [(["A", "B"], timedelta(seconds=0.5))]
        assert (feed.listeners, feed.symbols) == (2, {"A", "B"})


async def test_leaving_unregisters_and_the_last_to_leave_stops_the_poll(feed, market, ticks):
    async with feed.listen(["A"]):
        async with feed.listen(["B"]):
            pass
        assert (feed.listeners, feed.symbols) == (1, {"A"})
    assert (feed.listeners, feed.symbols) == (0, frozenset())
    market.asked.clear()
    await ticks.tick()
    assert market.asked == []


async def test_a_cancelled_listener_leaves_nothing_behind(feed):
    async def listen():
        async with feed.listen(["A"]) as updates:
            async for _ in updates:
                pass

    task = asyncio.create_task(listen())
    while not feed.listeners:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert feed.listeners == 0


async def test_a_failed_poll_does_not_end_the_feed(feed, market, ticks):
    async with feed.listen(["A"]) as updates:
        await anext(updates)
        market.failure = OSError("down")
        await ticks.tick()
        market.failure = None
        market.prices["A"] = "9"
        await ticks.tick()
        assert shown(await anext(updates)) == ("A", "9")


async def test_a_change_of_quality_alone_is_a_change(feed, market, ticks):
    async with feed.listen(["A"]) as updates:
        first = await anext(updates)
        original = market.quotes

        async def stale(symbols, *, max_age=None):
            found = await original(symbols, max_age=max_age)
            return {
                symbol: replace(one, quality=QuoteQuality.STALE) for symbol, one in found.items()
            }

        market.quotes = stale
        await ticks.tick()
        second = await anext(updates)
        assert (first.price, second.quality) == (second.price, QuoteQuality.STALE)


async def test_closing_ends_every_listeners_iteration(feed):
    async with feed.listen(["A"]) as updates:
        await anext(updates)
        await feed.close()
        assert [shown(one) async for one in updates] == []


async def test_vendors_are_not_asked_every_second(feed, market, ticks):
    market.has_vendors = True
    async with feed.listen(["A"]):
        await ticks.tick()
    assert market.asked == [(["A"], None), (["A"], None)]


async def test_when_nothing_comes_for_ten_seconds_the_last_price_comes_again_as_stale(
    market, ticks, clock
):
    feed = Feed(market, clock=clock, sleep=ticks)
    async with feed.listen(["A"]) as updates:
        assert shown(await anext(updates)) == ("A", "1")
        market.failure = OSError("down")
        clock.now += timedelta(seconds=9)
        await ticks.tick()
        clock.now += timedelta(seconds=1)
        await ticks.tick()
        told = await anext(updates)
        assert (shown(told), told.as_of, told.quality) == (("A", "1"), AT, QuoteQuality.STALE)
        market.failure = None
        await ticks.tick()
        assert (await anext(updates)).quality is QuoteQuality.FRESH


async def test_whoever_follows_more_symbols_hears_of_changes_from_what_is_known(
    feed, market, ticks
):
    async with feed.join([("ledger", 1)]) as listener:
        assert feed.symbols == frozenset()
        await feed.follow(listener, ["A"])
        await ticks.tick()
        feed.tell([("ledger", 1)])
        assert await listener.changes() == {("ledger", 1): None}
        market.prices["A"] = "7"
        await ticks.tick()
        changes = await listener.changes()
        assert [shown(quote) for quote in changes.values()] == [("A", "7")]
        await feed.follow(listener, [])
        assert feed.symbols == frozenset()
    assert feed.listeners == 0


class Watcher:
    """Looks at prices of A."""

    def __init__(self):
        self.symbols = frozenset("A")
        self.seen = []
        self.heard = []
        self.leading = None

    def lead(self, leads):
        self.leading = leads

    def see(self, quote):
        self.seen.append(str(quote.price))

    def stir(self, topics):
        self.heard.append(topics)


async def test_whoever_watches_sees_each_price_though_nobody_listens(feed, market, ticks):
    watcher = Watcher()
    feed.watch(watcher)
    assert watcher.leading is True
    await feed.settle()
    for price in ("2", "3", "3", "1"):
        market.prices["A"] = price
        await ticks.tick()
    assert watcher.seen == ["2", "3", "3", "1"]
    assert (feed.watched, feed.symbols, feed.listeners) == ({"A"}, frozenset(), 0)
    feed.tell([("alerts", 1)])
    feed.stir(None)
    assert watcher.heard == [[("alerts", 1)], None]
    feed.watch(None)
    await feed.settle()
    market.asked.clear()
    await ticks.tick()
    assert (feed.watched, market.asked) == (frozenset(), [])
