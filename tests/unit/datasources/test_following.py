"""Live prices through a provider that pushes them: what is followed, shown, and done at the end."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from datasources.cache import Cache
from datasources.errors import (
    InvalidCredentialsError,
    NotEntitledError,
    RateLimitedError,
    UnavailableError,
)
from datasources.feed import Feed
from datasources.market import Chains, Market
from models.market import Doubt, Outcome, Quote, QuoteQuality
from tests.conftest import NOW

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Pushing:
    """A vendor that pushes what the test says, and answers questions with its last prices."""

    batch = {}  # noqa: RUF012
    upstream = None

    def __init__(self, clock, name="pushing", limit=2):
        self.clock = clock
        self.name = name
        self.stream_limit = limit
        self.prices = {"A": "1", "B": "2", "C": "3"}
        self.asked = []
        self.opened = []
        self.open = 0
        self.failures = []
        self.unable = set()
        self.events = asyncio.Queue()
        self.changes = asyncio.Condition()

    def quote(self, symbol, price, *, age=timedelta(0), **more):
        return Quote(
            symbol=symbol,
            price=Decimal(price),
            currency="USD",
            as_of=self.clock() - age,
            received_at=self.clock(),
            source=self.name,
            quality=QuoteQuality.FRESH,
            **more,
        )

    async def quotes(self, symbols):
        self.asked.append(sorted(symbols))
        return {
            symbol: self.quote(symbol, self.prices[symbol], previous_close=Decimal("0.9"))
            for symbol in symbols
            if symbol in self.prices
        }

    def streamable(self, symbols):
        return [symbol for symbol in symbols if symbol not in self.unable]

    async def stream(self, symbols):
        self.opened.append(list(symbols))
        if self.failures:
            raise self.failures.pop(0)
        self.open += 1
        try:
            while True:
                event = await self.events.get()
                if isinstance(event, Exception):
                    raise event
                if event is None:
                    return
                yield event
        finally:
            self.open -= 1


class Sleep:
    """A sleep of any length that lasts until the test ends it; polls wait for good."""

    def __init__(self):
        self.pauses = []
        self.waiting = []
        self._begun = asyncio.Event()

    async def __call__(self, seconds):
        ended = asyncio.Event()
        entry = (seconds, ended)
        self.waiting.append(entry)
        self._begun.set()
        if seconds != POLL:
            self.pauses.append(seconds)
        try:
            await ended.wait()
        finally:
            self.waiting.remove(entry)

    async def end(self, kind):
        """End the sleeps of a kind, as soon as there is one: prices may be shown before it."""
        while not any(kind(seconds) for seconds, _ in self.waiting):
            self._begun.clear()
            await self._begun.wait()
        for seconds, ended in list(self.waiting):
            if kind(seconds):
                ended.set()


POLL = 0.123
"""How often is polled here: no pause is as long."""


async def settle():
    for _ in range(30):
        await asyncio.sleep(0)


class World:
    """A market with vendors that push, and its feed."""

    def __init__(self, clock, *vendors):
        self.clock = clock
        self.sleep = Sleep()
        self.market = Market(chains=Chains(quotes=vendors), cache=Cache(clock=clock), clock=clock)
        self.feed = Feed(
            self.market, clock=clock, interval=timedelta(seconds=POLL), sleep=self.sleep
        )

    async def poll(self):
        await self.sleep.end(lambda seconds: seconds == POLL)
        await settle()

    async def pause_over(self):
        await self.sleep.end(lambda seconds: seconds != POLL)
        await settle()


@pytest.fixture
def vendor(clock):
    return Pushing(clock)


@pytest.fixture
def world(clock, vendor):
    return World(clock, vendor)


async def shown(updates, count=1):
    found = [await asyncio.wait_for(anext(updates), 5) for _ in range(count)]
    return [(quote.symbol, str(quote.price)) for quote in found]


async def test_what_is_pushed_is_shown_at_once_and_nobody_is_asked_for_it(world, vendor, clock):
    async with world.feed.listen(["A"]) as updates:
        assert await shown(updates) == [("A", "1")]
        await settle()
        assert vendor.opened == [["A"]]
        # The cached price would be too old by now, and what was pushed is not.
        clock.now += 2 * MINUTE
        vendor.events.put_nowait(vendor.quote("A", "1.1"))
        assert await shown(updates) == [("A", "1.1")]
        await world.poll()
        assert vendor.asked == [["A"]]
        # What is asked elsewhere is the same price, with what else is known of the day.
        quote = (await world.market.quotes(["A"]))["A"]
        assert (str(quote.price), str(quote.previous_close)) == ("1.1", "0.9")
    assert vendor.open == 0


async def test_nobody_listening_nothing_open(world, vendor):
    await settle()
    assert vendor.opened == []
    async with world.feed.listen(["A"]), world.feed.listen(["B"]):
        await settle()
        assert vendor.open == 1
    assert vendor.open == 0
    assert world.sleep.waiting == []


async def test_what_is_beyond_the_limit_is_polled(world, vendor, clock):
    async with world.feed.listen(["A", "B", "C"]) as updates:
        assert len(await shown(updates, 3)) == 3
        await settle()
        assert vendor.opened == [["A", "B"]]
        clock.now += 2 * MINUTE
        for symbol, price in (("A", "1.1"), ("B", "2.1")):
            vendor.events.put_nowait(vendor.quote(symbol, price))
        assert sorted(await shown(updates, 2)) == [("A", "1.1"), ("B", "2.1")]
        vendor.prices["C"] = "3.1"
        await world.poll()
        assert await shown(updates) == [("C", "3.1")]
    assert vendor.asked == [["A", "B", "C"], ["C"]]


async def test_a_symbol_that_stays_silent_is_polled(world, vendor, clock):
    """Unknown symbols are dropped without a word by every vendor's stream."""
    async with world.feed.listen(["A"]) as updates:
        await shown(updates)
        clock.now += 2 * MINUTE
        vendor.prices["A"] = "1.2"
        await world.poll()
        assert await shown(updates) == [("A", "1.2")]


async def test_more_symbols_are_followed_after_a_while_with_those_that_were(world, vendor):
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(world.feed.listen(["C"]))
        await settle()
        for symbols in (["B"], ["A"]):
            await stack.enter_async_context(world.feed.listen(symbols))
        await settle()
        assert (vendor.opened, world.sleep.pauses) == ([["C"]], [5.0])
        await world.pause_over()
        # One new connection for all who came meanwhile; A has no room, C keeps its own.
        assert vendor.opened == [["C"], ["A", "C"]]
        assert vendor.open == 1
    assert vendor.open == 0


async def test_room_that_somebody_leaves_is_used(world, vendor):
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(world.feed.listen(["C"]))
        await settle()
        async with world.feed.listen(["A", "B"]):
            await settle()
            await world.pause_over()
            assert vendor.opened == [["C"], ["A", "C"]]
        async with world.feed.listen(["B"]):
            await settle()
            await world.pause_over()
            assert vendor.opened[-1] == ["B", "C"]


async def test_what_a_vendor_does_not_have_takes_no_room(world, vendor):
    vendor.unable = {"A"}
    async with world.feed.listen(["A", "B", "C"]):
        await settle()
        assert vendor.opened == [["B", "C"]]


async def test_where_nothing_can_be_followed_nothing_is_opened_until_something_can(world, vendor):
    vendor.unable = {"A"}
    async with world.feed.listen(["A"]):
        await settle()
        assert (vendor.opened, world.sleep.pauses) == ([], [])
        async with world.feed.listen(["B"]):
            await settle()
            await world.pause_over()
            assert vendor.opened == [["B"]]


async def test_pauses_double_from_a_second_to_a_minute_with_jitter(world, vendor, clock):
    vendor.failures = [UnavailableError("down")] * 8
    async with world.feed.listen(["A"]) as updates:
        await shown(updates)
        await settle()
        for _ in range(7):
            await world.pause_over()
        lengths = [1, 2, 4, 8, 16, 32, 60, 60]
        assert len(world.sleep.pauses) == len(lengths)
        for pause, length in zip(world.sleep.pauses, lengths, strict=True):
            assert length / 2 <= pause <= length
        # Meanwhile it is polled.
        clock.now += 2 * MINUTE
        vendor.prices["A"] = "1.5"
        await world.poll()
        assert await shown(updates) == [("A", "1.5")]
        await world.pause_over()
        assert vendor.open == 1
    (line,) = world.market.lines()
    assert line.outcomes["stream", Outcome.UNAVAILABLE] == 8
    # What it was asked was answered all the time.
    assert line.state([]).usable


@pytest.mark.parametrize(("lasted", "longest"), [(59 * SECOND, 4), (60 * SECOND, 1)])
async def test_only_what_lasted_makes_the_pauses_short_again(world, vendor, clock, lasted, longest):
    vendor.failures = [UnavailableError("down")] * 2
    async with world.feed.listen(["A"]):
        await settle()
        await world.pause_over()
        await world.pause_over()
        assert vendor.open == 1
        clock.now += lasted
        vendor.events.put_nowait(UnavailableError("closed"))
        await settle()
        assert longest / 2 <= world.sleep.pauses[-1] <= longest


async def test_a_stream_that_ends_or_is_broken_is_tried_again(world, vendor):
    async with world.feed.listen(["A"]) as updates:
        await shown(updates)
        await settle()
        for event in (None, ZeroDivisionError()):
            vendor.events.put_nowait(event)
            await settle()
            assert vendor.open == 0
            await world.pause_over()
            assert vendor.open == 1
        vendor.events.put_nowait(vendor.quote("A", "1.1"))
        assert await shown(updates) == [("A", "1.1")]


async def test_a_vendor_that_says_when_is_left_alone_until_then(world, vendor, clock):
    vendor.failures = [RateLimitedError("too many", until=clock.now + 5 * MINUTE)]
    async with world.feed.listen(["A"]):
        await settle()
        assert world.sleep.pauses == [300.0]


@pytest.mark.parametrize("error", [InvalidCredentialsError, NotEntitledError])
async def test_who_refuses_is_left_alone_and_the_next_one_followed(clock, error):
    first, second = Pushing(clock, "first"), Pushing(clock, "second")
    first.failures = [error("no")]
    world = World(clock, first, second)
    async with world.feed.listen(["A"]):
        await settle()
        await world.pause_over()
        assert (first.opened, second.opened) == ([["A"]], [["A"]])
    # A plan may have questions without a stream: it goes on answering.
    assert (await world.market.quotes(["B"]))["B"].source == "first"


async def test_a_price_that_is_odd_is_not_shown_and_a_second_source_is_asked(world, vendor, clock):
    async with world.feed.listen(["A"]) as updates:
        assert await shown(updates) == [("A", "1")]
        await settle()
        # A hundredfold price is most likely another unit.
        vendor.events.put_nowait(vendor.quote("A", "100"))
        vendor.events.put_nowait(vendor.quote("A", "1.01"))
        assert await shown(updates) == [("A", "1.01")]
        vendor.events.put_nowait(replace(vendor.quote("A", "1"), price=Decimal(0)))
        vendor.events.put_nowait(vendor.quote("A", "1.02"))
        assert await shown(updates) == [("A", "1.02")]


async def test_a_price_that_looks_like_a_split_is_shown_and_marked(world, vendor):
    async with world.feed.listen(["A"]) as updates:
        assert await shown(updates) == [("A", "1")]
        await settle()
        vendor.events.put_nowait(vendor.quote("A", "0.5"))
        quote = await asyncio.wait_for(anext(updates), 5)
        assert (str(quote.price), quote.doubt.doubt, quote.doubt.rejected) == (
            "0.5",
            Doubt.SPLIT,
            False,
        )
        # It is not believed yet: the next question asks.
        assert world.market._quoting.live(["A"]) == {}


async def test_no_price_goes_back_in_time_whatever_its_way(world, vendor, clock):
    async with world.feed.listen(["A"]) as updates:
        await shown(updates)
        await settle()
        clock.now += 2 * MINUTE
        vendor.events.put_nowait(vendor.quote("A", "1.1"))
        assert await shown(updates) == [("A", "1.1")]
        # Pushed, but made before what is known.
        vendor.events.put_nowait(vendor.quote("A", "1.2", age=SECOND))
        clock.now += SECOND
        vendor.events.put_nowait(vendor.quote("A", "1.3"))
        assert await shown(updates) == [("A", "1.3")]
        await world.poll()
        assert str((await world.market.quotes(["A"]))["A"].price) == "1.3"


async def test_a_snapshot_of_days_ago_is_stale_and_does_not_keep_from_asking(clock, vendor):
    # NOW is Friday, 2024-06-14, 15:00 in UTC: the price is of Tuesday.
    vendor.prices = {}
    world = World(clock, vendor)
    async with world.feed.listen(["A"]) as updates:
        await settle()
        old = vendor.quote("A", "1.1", age=timedelta(days=3), previous_close=Decimal(1))
        vendor.events.put_nowait(old)
        quote = await asyncio.wait_for(anext(updates), 5)
        assert quote.quality is QuoteQuality.STALE
        asked = len(vendor.asked)
        clock.now += MINUTE
        await world.poll()
        assert len(vendor.asked) == asked + 1


async def test_the_range_of_the_day_grows_with_what_is_pushed_in_its_session(world, clock):
    known = Pushing(clock).quote(
        "A", "1", high=Decimal("1.05"), low=Decimal("0.95"), open=Decimal(1), volume=Decimal(7)
    )
    quoting = world.market._quoting
    (line,) = world.market.lines()
    assert await quoting.take(line, known)
    clock.now += SECOND
    taken = await quoting.take(line, Pushing(clock).quote("A", "1.1"))
    assert (taken.high, taken.low) == (Decimal("1.1"), Decimal("0.95"))
    assert (taken.open, taken.volume, taken.previous_close) == (1, 7, None)
    # 16:30 in New York: after the session prices no longer count for its range.
    clock.now = NOW.replace(hour=20, minute=30)
    taken = await quoting.take(line, Pushing(clock).quote("A", "1.2"))
    assert (taken.price, taken.high) == (Decimal("1.2"), Decimal("1.1"))
    # The next morning it is another day's.
    clock.now = NOW.replace(hour=14) + timedelta(days=3)
    taken = await quoting.take(line, Pushing(clock).quote("A", "1.3"))
    assert (taken.open, taken.high, taken.low, taken.volume) == (None, None, None, None)


async def test_a_made_up_price_does_not_take_the_place_of_one_that_was_pushed(clock, vendor):
    world = World(clock, vendor)
    (line,) = world.market.lines()
    quoting = world.market._quoting
    pushed = await quoting.take(line, vendor.quote("A", "1.1"))
    clock.now += SECOND
    made_up = replace(vendor.quote("A", "9"), quality=QuoteQuality.SIMULATED)
    assert quoting.newest(["A"], {"A": made_up}) == {"A": pushed}
    clock.now += MINUTE
    assert quoting.newest(["A"], {"A": made_up}) == {"A": made_up}


async def test_an_outage_leaves_the_last_price_that_was_pushed_marked_as_old(clock, vendor):
    world = World(clock, vendor)
    (line,) = world.market.lines()
    await world.market.take(line, vendor.quote("A", "1.1"))
    vendor.prices = {}
    clock.now += 2 * MINUTE
    quote = (await world.market.quotes(["A"]))["A"]
    assert (str(quote.price), quote.quality) == ("1.1", QuoteQuality.STALE)
    await world.market.disbelieve(["A"], names="")
    assert await world.market.quotes(["A"]) == {}
