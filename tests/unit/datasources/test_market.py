"""The door to market data: chains, outages, and the last known value."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.cache import Cache
from datasources.errors import NotEntitledError, UnavailableError
from datasources.market import Chains, Market
from datasources.providers.ecb import Ecb
from models.market import (
    Bar,
    CloseQuestion,
    HistoryQuestion,
    InstrumentMatch,
    Outcome,
    Quote,
    QuoteQuality,
    RateQuestion,
)

AT = datetime(2024, 6, 14, 14, 59, tzinfo=UTC)


def quote(symbol, price="10", source="one"):
    return Quote(
        symbol=symbol,
        price=Decimal(price),
        currency="USD",
        as_of=AT,
        received_at=AT,
        source=source,
        quality=QuoteQuality.FRESH,
    )


class Scripted:
    """A provider of quotes that answers from a table or fails."""

    batch = {}  # noqa: RUF012

    def __init__(self, name, **prices):
        self.name = name
        self.prices = prices
        self.failure = None

    async def quotes(self, symbols):
        if self.failure is not None:
            raise self.failure
        return {
            symbol: quote(symbol, self.prices[symbol], self.name)
            for symbol in symbols
            if symbol in self.prices
        }


class Memory:
    """A lasting memory in a dict."""

    def __init__(self):
        self.known = {}

    async def quotes(self, symbols):
        return {symbol: self.known[symbol] for symbol in symbols if symbol in self.known}

    async def rates(self, questions):
        return {}

    async def remember(self, *, quotes=(), profiles=(), bars=(), rates=()):
        self.known |= {one.symbol: one for one in quotes}


@pytest.fixture
def one():
    return Scripted("one", A="1")


@pytest.fixture
def two():
    return Scripted("two", A="2", B="3")


@pytest.fixture
async def market(one, two, clock):
    memory = Memory()
    opened = Market(
        chains=Chains(quotes=(one, two), rates=(Ecb(),)),
        cache=Cache(clock=clock),
        clock=clock,
        last_known=memory,
    )
    async with opened:
        yield opened


async def prices(market, *symbols, **more):
    found = await market.quotes(symbols, **more)
    return {symbol: (str(one.price), one.source) for symbol, one in found.items()}


async def test_what_the_first_provider_does_not_know_goes_on_to_the_next(market):
    assert await prices(market, "A", "B", "C") == {"A": ("1", "one"), "B": ("3", "two")}
    assert market.calls == {("one", "quotes"): 1, ("two", "quotes"): 1}


async def test_a_provider_that_fails_or_is_broken_fails_nobody(market, one):
    one.failure = UnavailableError("down")
    assert await prices(market, "A") == {"A": ("2", "two")}
    one.failure = KeyError("defect")
    assert await prices(market, "A", max_age=timedelta(0)) == {"A": ("2", "two")}
    (state, _, _) = market.statuses()
    assert (state.name, state.usable, state.last_error) == ("one", False, "KeyError")


async def test_an_outage_of_all_costs_freshness_and_never_an_answer(market, one, two, clock):
    await market.quotes(["A"])
    one.failure = two.failure = UnavailableError("down")
    clock.now += timedelta(hours=1)
    found = (await market.quotes(["A"]))["A"]
    assert (found.price, found.source, found.quality) == (1, "one", QuoteQuality.STALE)
    assert [(one.provider, one.outcome, one.detail) for one in found.attempts] == [
        ("one", Outcome.UNAVAILABLE, "down"),
        ("two", Outcome.UNAVAILABLE, "down"),
    ]


async def test_after_a_restart_the_last_known_quote_answers(one, two, clock):
    memory = Memory()

    def opened():
        return Market(
            chains=Chains(quotes=(one, two)),
            cache=Cache(clock=clock),
            clock=clock,
            last_known=memory,
        )

    async with opened() as market:
        await market.quotes(["A", "B"])
    assert set(memory.known) == {"A", "B"}
    one.failure = two.failure = UnavailableError("down")
    async with opened() as market:
        found = await market.quotes(["A", "C"])
    assert set(found) == {"A"}
    assert replace(found["A"], attempts=()) == replace(
        quote("A", "1", "one"), quality=QuoteQuality.STALE
    )
    assert [one.outcome for one in market.attempts("C")] == [Outcome.UNAVAILABLE] * 2


async def test_what_one_could_not_tell_and_the_next_does_not_know_is_not_remembered_as_absent(
    market, one, two, clock
):
    one.failure = UnavailableError("down")
    assert await prices(market, "A", "B", "Z") == {"A": ("2", "two"), "B": ("3", "two")}
    one.prices["Z"] = "7"
    one.failure = None
    # A failure is believed for five seconds, an absence for a minute.
    clock.now += timedelta(seconds=4)
    assert await prices(market, "Z") == {}
    assert market.calls == {("one", "quotes"): 1, ("two", "quotes"): 1}
    clock.now += timedelta(seconds=1)
    assert await prices(market, "Z") == {"Z": ("7", "one")}


async def test_what_nobody_knows_is_remembered_as_absent_beside_what_failed(
    market, one, two, clock
):
    await prices(market, "Z")
    two.prices["Z"] = "7"
    clock.now += timedelta(seconds=59)
    assert await prices(market, "Z") == {}
    assert market.calls == {("one", "quotes"): 1, ("two", "quotes"): 1}
    clock.now += timedelta(seconds=1)
    assert await prices(market, "Z") == {"Z": ("7", "two")}


async def test_a_price_that_everybody_forgets_is_still_told_as_the_last_known(
    market, one, two, clock
):
    await market.quotes(["A"])
    one.prices.clear()
    two.prices.clear()
    clock.now += timedelta(hours=1)
    found = (await market.quotes(["A"]))["A"]
    assert (found.price, found.quality) == (1, QuoteQuality.STALE)
    assert [one.outcome for one in found.attempts] == [Outcome.UNKNOWN] * 2


@pytest.mark.parametrize("price", ["0", "-1"])
async def test_zero_is_not_a_price(market, one, two, price):
    one.prices["D"] = price
    assert await prices(market, "D") == {}


async def test_rates_cross_through_the_euro_and_a_currency_with_itself_is_one(market):
    day = date(2022, 12, 28)
    questions = [
        RateQuestion(base="USD", target="USD", day=day),
        RateQuestion(base="EUR", target="USD", day=day),
        RateQuestion(base="EUR", target="XXX", day=day),
    ]
    found = await market.rates(questions)
    # The file's line of 2022-12-28: USD 1.064
    assert [(rate.value, rate.day) for rate in found.values()] == [
        (Decimal(1), day),
        (Decimal("1.064"), day),
    ]
    assert market.calls == {("ecb_file", "rates"): 1}


class Closing:
    """A provider of closes that notes the days it is asked for."""

    name = "closing"

    batch = {}  # noqa: RUF012

    def __init__(self):
        self.days = []

    async def closes(self, questions):
        self.days += [question.day.isoformat() for question in questions]
        return {
            question: Bar(
                symbol=question.symbol,
                day=question.day,
                close=Decimal(1),
                currency="USD",
                source="closing",
            )
            for question in questions
        }


async def test_a_day_that_could_not_be_asked_for_is_not_remembered_as_without_a_close(clock):
    class Shaky(Closing):
        batch = {"closes": 1}  # noqa: RUF012
        failing = True

        async def closes(self, questions):
            if self.failing and questions[0].symbol == "A":
                raise UnavailableError("down")
            return await super().closes(questions)

    source = Shaky()
    market = Market(chains=Chains(bars=(source,)), cache=Cache(clock=clock), clock=clock)
    questions = [CloseQuestion(symbol=symbol, day=date(2024, 6, 13)) for symbol in "AB"]
    assert list(await market.closes(questions)) == questions[1:]
    source.failing = False
    clock.now += timedelta(seconds=5)
    assert set(await market.closes(questions)) == set(questions)


async def test_a_plan_without_london_bars_says_nothing_of_new_york(clock):
    class Plan:
        name = "plan"
        batch = {}  # noqa: RUF012

        async def bars(self, symbol, *, first, last):
            if symbol.endswith(".L"):
                raise NotEntitledError("plan")
            return [Bar(symbol=symbol, day=last, close=Decimal(1), currency="USD", source="plan")]

    market = Market(chains=Chains(bars=(Plan(),)), cache=Cache(clock=clock), clock=clock)
    day = date(2024, 6, 13)

    async def bars(symbol):
        question = HistoryQuestion(symbol=symbol, first=day, last=day)
        return (await market.bars([question])).get(question, [])

    for symbol in ("V.L", "W.L", "X.L", "Y.L"):
        assert await bars(symbol) == []
    assert market.calls == {("plan", "bars"): 3}
    assert len(await bars("A")) == 1


async def test_today_is_asked_again_after_minutes_and_a_past_day_after_a_day(clock):
    source = Closing()
    market = Market(chains=Chains(bars=(source,)), cache=Cache(clock=clock), clock=clock)
    batch = [CloseQuestion(symbol="A", day=date(2024, 6, day)) for day in (13, 14)]
    found = await market.closes(batch)
    assert [found[question].day.day for question in batch] == [13, 14]
    assert sorted(source.days) == ["2024-06-13", "2024-06-14"]

    async def asked_again_after(**time):
        source.days.clear()
        clock.now += timedelta(**time)
        await market.closes(batch)
        return source.days

    assert await asked_again_after(minutes=4) == []
    assert await asked_again_after(minutes=1) == ["2024-06-14"]
    # Past midnight what was said of the 14th while it ran is not its last word.
    assert await asked_again_after(hours=9) == ["2024-06-14"]
    assert await asked_again_after(hours=14) == []
    assert await asked_again_after(hours=1) == ["2024-06-13"]


async def test_a_search_waits_no_longer_than_the_deadline_and_is_asked_once(clock):
    class Slow:
        name = "slow"
        batch = {}  # noqa: RUF012

        def __init__(self):
            self.asked, self.hold = [], asyncio.Event()

        async def search(self, text, *, limit):
            self.asked.append((text, limit))
            await self.hold.wait()
            return [InstrumentMatch(symbol="AAPL", name="Apple", currency="USD", source="slow")]

    vendor = Slow()
    market = Market(
        chains=Chains(search=(vendor,)),
        cache=Cache(clock=clock),
        clock=clock,
        deadline=timedelta(seconds=0.05),
    )
    async with asyncio.timeout(2), market:
        assert await market.search("apple", limit=10) == []
        vendor.hold.set()
        for _ in range(2):
            assert [match.symbol for match in await market.search("apple", limit=10)] == ["AAPL"]
    assert vendor.asked == [("apple", 10)]


async def test_a_close_that_is_not_made_yet_is_asked_for_again_though_the_day_is_over_in_utc(clock):
    class Late(Closing):
        last = date(2024, 1, 10)

        async def closes(self, questions):
            found = await super().closes(questions)
            return {one: replace(bar, day=self.last) for one, bar in found.items()}

    vendor = Late()
    market = Market(chains=Chains(bars=(vendor,)), cache=Cache(clock=clock), clock=clock)
    # New York closed at 21:00 on the 11th, and its prices are mended for four hours.
    clock.now = datetime(2024, 1, 12, 0, 30, tzinfo=UTC)
    question = CloseQuestion(symbol="AAPL", day=date(2024, 1, 11))
    assert (await market.closes([question]))[question].day == date(2024, 1, 10)
    clock.now, vendor.last = datetime(2024, 1, 12, 1, 10, tzinfo=UTC), date(2024, 1, 11)
    assert (await market.closes([question]))[question].day == date(2024, 1, 11)
    clock.now += timedelta(hours=20)
    await market.closes([question])
    assert len(vendor.days) == 2
