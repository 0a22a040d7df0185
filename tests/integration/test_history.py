"""Price history on SQLite and PostgreSQL: what is asked of providers, and what never twice."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.errors import UnavailableError
from datasources.fetching import Fetchers
from datasources.history import History
from models.market import (
    Actions,
    Bar,
    BarRange,
    CloseQuestion,
    DividendEvent,
    Series,
    SeriesKey,
    SplitEvent,
)
from services.stored_bars import StoredHistory
from tests.conftest import NOW

DAY = timedelta(days=1)
MONDAY, FRIDAY = date(2024, 6, 3), date(2024, 6, 14)  # the clock stands at Friday afternoon


def weekdays(symbol, first, last):
    days = [first + number * DAY for number in range((last - first).days + 1)]
    return [day for day in days if day.weekday() < 5]


def last_close(symbol, now):
    """Markets close at 20:00 UTC."""
    day = now.date() if now.hour >= 20 else now.date() - DAY
    while day.weekday() > 4:
        day -= DAY
    return datetime(day.year, day.month, day.day, 20, tzinfo=UTC)


class Vendor:
    """A provider that knows closes by day, and counts what it is asked."""

    def __init__(self, name="vendor", *, adjusted=False, prices=None):
        self.name = name
        self.adjusted = adjusted
        self.prices = prices
        self.splits = []
        self.dividends = []
        self.holes = set()
        self.bar_calls = []
        self.action_calls = []
        self.down = False
        self.knows_actions = True

    def price(self, day):
        """A hundred dollars on 3 June 2024, a dollar more each calendar day."""
        return Decimal(100 + (day - MONDAY).days) if self.prices is None else self.prices(day)

    async def bars(self, symbol, *, first, last, source):
        self.bar_calls.append((symbol, first, last, source))
        await asyncio.sleep(0)
        if self.down:
            raise UnavailableError("down")
        return [
            Bar(
                symbol=symbol,
                day=day,
                close=self.price(day),
                currency="USD",
                source=self.name,
                volume=Decimal(100),
                adjusted=self.adjusted,
            )
            for day in weekdays(symbol, first, last)
            if day not in self.holes and symbol != "NOBODY"
        ]

    async def actions(self, symbol, *, first, last, source):
        self.action_calls.append((symbol, first, last, source))
        await asyncio.sleep(0)
        if self.down:
            raise UnavailableError("down")
        if not self.knows_actions:
            return None
        return self.name, Actions(
            splits=tuple(one for one in self.splits if first <= one.day <= last),
            dividends=tuple(one for one in self.dividends if first <= one.ex_day <= last),
        )


def history_of(database, vendor, clock, *, sources=("vendor",)):
    return History(
        store=StoredHistory(database),
        fetch=Fetchers(
            bars=vendor.bars, actions=vendor.actions, sources=sources, action_sources=sources
        ),
        clock=clock,
        trading_days=weekdays,
        last_close=last_close,
    )


def split(day, new, old=1, symbol="ACME"):
    return SplitEvent(symbol=symbol, day=day, new=Decimal(new), old=Decimal(old), source="vendor")


def at(day, hour=15):
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@pytest.fixture
def vendor():
    return Vendor()


@pytest.fixture
def history(database, vendor, clock):
    return history_of(database, vendor, clock)


async def test_what_was_asked_once_is_never_asked_again(database, vendor, history, clock):
    first, last = date(2024, 5, 6), date(2024, 5, 10)
    bars = await history.bars("ACME", first=first, last=last)
    assert [bar.day for bar in bars] == weekdays("", first, last)
    assert bars[0].close == Decimal(100 - 28)  # 28 days before 3 June
    assert await history.bars("ACME", first=date(2024, 5, 7), last=last) == bars[1:]
    assert await history_of(database, vendor, clock).bars("ACME", first=first, last=last) == bars
    assert vendor.bar_calls == [("ACME", first, last, None)]


async def test_only_the_days_before_and_after_are_asked_for(vendor, history):
    await history.bars("ACME", first=date(2024, 5, 6), last=date(2024, 5, 10))
    bars = await history.bars("ACME", first=date(2024, 4, 29), last=date(2024, 5, 17))
    assert len(bars) == 15
    assert vendor.bar_calls[1:] == [
        ("ACME", date(2024, 4, 29), date(2024, 5, 5), "vendor"),
        ("ACME", date(2024, 5, 11), date(2024, 5, 17), "vendor"),
    ]


async def test_a_weekend_more_costs_nothing(vendor, history):
    await history.bars("ACME", first=date(2024, 5, 6), last=date(2024, 5, 10))
    await history.bars("ACME", first=date(2024, 5, 4), last=date(2024, 5, 12))
    assert len(vendor.bar_calls) == 1


async def test_days_of_the_future_are_not_asked_for(vendor, history):
    assert await history.bars("ACME", first=date(2024, 7, 1), last=date(2024, 7, 5)) == []
    await history.bars("ACME", first=date(2024, 6, 13), last=date(2024, 7, 5))
    assert vendor.bar_calls == [("ACME", date(2024, 6, 13), FRIDAY, None)]


async def test_the_newest_five_days_are_asked_for_again_after_the_next_close(
    vendor, history, clock
):
    await history.bars("ACME", first=MONDAY, last=FRIDAY)
    await history.bars("ACME", first=MONDAY, last=FRIDAY)
    clock.now = at(FRIDAY, hour=19)
    await history.bars("ACME", first=MONDAY, last=FRIDAY)
    assert len(vendor.bar_calls) == 1  # no close since
    clock.now = at(FRIDAY, hour=21)
    vendor.prices = lambda day: Decimal("105.5")
    bars = await history.bars("ACME", first=MONDAY, last=FRIDAY)
    assert vendor.bar_calls[1:] == [("ACME", date(2024, 6, 10), FRIDAY, "vendor")]
    assert [bar.close for bar in bars] == [100, 101, 102, 103, 104, *[Decimal("105.5")] * 5]
    await history.bars("ACME", first=MONDAY, last=FRIDAY)
    assert len(vendor.bar_calls) == 2
    clock.now = at(date(2024, 6, 18))
    await history.bars("ACME", first=date(2024, 6, 3), last=date(2024, 6, 18))
    assert vendor.bar_calls[2:] == [("ACME", date(2024, 6, 10), date(2024, 6, 18), "vendor")]


async def test_days_long_past_stay_as_they_are(vendor, history, clock):
    await history.bars("ACME", first=date(2023, 6, 5), last=date(2023, 6, 9))
    clock.now = at(date(2024, 12, 2))
    await history.bars("ACME", first=date(2023, 6, 5), last=date(2023, 6, 9))
    assert len(vendor.bar_calls) == 1


async def test_a_gap_is_asked_for_once_more_a_day_later_and_then_believed(vendor, history, clock):
    vendor.holes = {date(2024, 5, 8)}
    span = {"first": date(2024, 5, 6), "last": date(2024, 5, 10)}
    assert len(await history.bars("ACME", **span)) == 4
    await history.bars("ACME", **span)
    assert len(vendor.bar_calls) == 1
    for _ in range(3):
        clock.now += DAY
        assert len(await history.bars("ACME", **span)) == 4
    assert vendor.bar_calls[1:] == [("ACME", date(2024, 5, 8), date(2024, 5, 8), "vendor")]


async def test_a_gap_that_closes_is_a_gap_no_more(vendor, history, clock):
    vendor.holes = {date(2024, 5, 8)}
    span = {"first": date(2024, 5, 6), "last": date(2024, 5, 10)}
    await history.bars("ACME", **span)
    vendor.holes = set()
    clock.now += DAY
    assert len(await history.bars("ACME", **span)) == 5
    clock.now += DAY
    await history.bars("ACME", **span)
    assert len(vendor.bar_calls) == 2


async def test_a_confirmed_gap_within_the_newest_days_stays_so(vendor, history, clock):
    vendor.holes = {date(2024, 6, 12)}
    for number in range(6):
        clock.now = at(date(2024, 6, 14) + number * DAY, hour=21)
        await history.bars("ACME", first=date(2024, 6, 10), last=clock.now.date())
    calls = len(vendor.bar_calls)
    await history.bars("ACME", first=date(2024, 6, 10), last=clock.now.date())
    assert len(vendor.bar_calls) == calls


async def test_days_before_a_listing_are_no_gaps(vendor, history, clock):
    vendor.holes = set(weekdays("", date(2024, 5, 6), date(2024, 5, 8)))
    span = {"first": date(2024, 5, 6), "last": date(2024, 5, 10)}
    assert len(await history.bars("ACME", **span)) == 2
    clock.now += 2 * DAY
    await history.bars("ACME", **span)
    assert len(vendor.bar_calls) == 1


async def test_two_callers_share_one_fetch(vendor, history):
    span = {"first": date(2024, 5, 6), "last": date(2024, 5, 10)}
    one, other = await asyncio.gather(history.bars("ACME", **span), history.bars("ACME", **span))
    assert one == other
    assert len(one) == 5
    assert len(vendor.bar_calls) == 1


async def test_a_failure_serves_what_is_stored(vendor, history, clock):
    bars = await history.bars("ACME", first=MONDAY, last=FRIDAY)
    vendor.down = True
    clock.now = at(date(2024, 6, 18))
    assert await history.bars("ACME", first=MONDAY, last=date(2024, 6, 18)) == bars
    assert await history.bars("OTHER", first=MONDAY, last=FRIDAY) == []


async def test_what_nobody_knows_is_not_asked_for_at_once_again(vendor, history, clock):
    assert await history.bars("NOBODY", first=MONDAY, last=FRIDAY) == []
    await history.bars("NOBODY", first=MONDAY, last=FRIDAY)
    assert len(vendor.bar_calls) == 1
    clock.now += timedelta(minutes=11)
    await history.bars("NOBODY", first=MONDAY, last=FRIDAY)
    assert len(vendor.bar_calls) == 2


async def test_after_a_split_an_adjusted_series_is_fetched_anew_as_a_whole(database, clock):
    # 40 a share as traded, 4 for 1 on Monday 17 June: 10 once adjusted.
    vendor = Vendor(adjusted=True, prices=lambda day: Decimal(40))
    history = history_of(database, vendor, clock)
    await history.bars("ACME", first=date(2024, 5, 1), last=FRIDAY, adjusted=True)
    vendor.splits = [split(date(2024, 6, 17), 4)]
    vendor.prices = lambda day: Decimal(10)
    clock.now = at(date(2024, 6, 18))
    bars = await history.bars(
        "ACME", first=date(2024, 6, 10), last=date(2024, 6, 18), adjusted=True
    )
    assert {bar.close for bar in bars} == {10}
    assert vendor.bar_calls[1:] == [("ACME", date(2024, 5, 1), date(2024, 6, 18), "vendor")]
    assert vendor.action_calls == [("ACME", FRIDAY, date(2024, 6, 18), "vendor")]
    before = await history.bars(
        "ACME", first=date(2024, 5, 1), last=date(2024, 5, 1), adjusted=True
    )
    assert before[0].close == 10
    clock.now = at(date(2024, 6, 19))
    await history.bars("ACME", first=date(2024, 6, 10), last=date(2024, 6, 19), adjusted=True)
    assert vendor.bar_calls[2:] == [("ACME", date(2024, 6, 12), date(2024, 6, 19), "vendor")]


async def test_restated_days_make_a_series_anew_where_nobody_tells_of_splits(database, clock):
    vendor = Vendor(adjusted=True, prices=lambda day: Decimal(40))
    vendor.knows_actions = False
    history = history_of(database, vendor, clock)
    await history.bars("ACME", first=date(2024, 5, 1), last=FRIDAY, adjusted=True)
    vendor.prices = lambda day: Decimal(10)
    clock.now = at(date(2024, 6, 18))
    bars = await history.bars("ACME", first=date(2024, 5, 1), last=date(2024, 6, 18), adjusted=True)
    assert {bar.close for bar in bars} == {10}
    assert [call[1:3] for call in vendor.bar_calls[1:]] == [
        (date(2024, 6, 10), date(2024, 6, 18)),
        (date(2024, 5, 1), date(2024, 6, 18)),
    ]


async def test_a_close_of_an_adjusted_series_is_given_as_traded(database, clock):
    # NVIDIA's 10 for 1 of 10 June 2024: 1208.88 on 7 June, 121.79 on 10 June.
    closes = {date(2024, 6, 7): Decimal("120.888"), date(2024, 6, 10): Decimal("121.79")}
    vendor = Vendor(adjusted=True, prices=lambda day: closes.get(day, Decimal(120)))
    vendor.splits = [split(date(2024, 6, 10), 10, symbol="NVDA")]
    history = history_of(database, vendor, clock)
    sunday, monday = (CloseQuestion(symbol="NVDA", day=date(2024, 6, day)) for day in (9, 10))
    found = await history.closes([sunday, monday])
    assert (found[sunday].close, found[sunday].day) == (Decimal("1208.880"), date(2024, 6, 7))
    assert (found[monday].close, found[monday].day) == (Decimal("121.79"), date(2024, 6, 10))
    assert {bar.adjusted for bar in found.values()} == {False}
    assert found[sunday].volume == 10
    await history.closes([sunday, monday])
    assert (len(vendor.bar_calls), len(vendor.action_calls)) == (1, 1)


async def test_a_close_stays_marked_as_adjusted_where_the_splits_are_not_known(database, clock):
    vendor = Vendor(adjusted=True)
    vendor.knows_actions = False
    question = CloseQuestion(symbol="ACME", day=date(2024, 6, 7))
    found = await history_of(database, vendor, clock).closes([question])
    assert (found[question].close, found[question].adjusted) == (104, True)


async def test_prices_as_traded_are_adjusted_for_a_chart(vendor, history):
    vendor.splits = [split(date(2024, 6, 10), 2)]
    vendor.prices = lambda day: Decimal(50) if day < date(2024, 6, 10) else Decimal(25)
    bars = await history.bars("ACME", first=date(2024, 6, 6), last=date(2024, 6, 11), adjusted=True)
    assert [(bar.close, bar.volume, bar.adjusted) for bar in bars] == [
        (25, 200, True),
        (25, 200, True),
        (25, 100, True),
        (25, 100, True),
    ]
    raw = await history.bars("ACME", first=date(2024, 6, 6), last=date(2024, 6, 11))
    assert [bar.close for bar in raw] == [50, 50, 25, 25]


async def test_series_of_two_sources_are_never_mixed(database, clock):
    one, other = Vendor("one"), Vendor("other", prices=lambda day: Decimal(99))
    span = {"first": date(2024, 5, 6), "last": date(2024, 5, 10)}
    await history_of(database, one, clock, sources=["one"]).bars("ACME", **span)
    second = history_of(database, other, clock, sources=["other"])
    bars = await second.bars("ACME", first=date(2024, 5, 6), last=date(2024, 5, 17))
    assert {(bar.source, bar.close) for bar in bars} == {("other", 99)}
    assert other.bar_calls == [("ACME", date(2024, 5, 6), date(2024, 5, 17), None)]


async def test_what_is_stored_whole_answers_without_a_provider(database, vendor, clock):
    span = {"first": date(2024, 5, 6), "last": date(2024, 5, 10)}
    bars = await history_of(database, vendor, clock).bars("ACME", **span)
    stranger = Vendor("stranger")
    assert (
        await history_of(database, stranger, clock, sources=["stranger"]).bars("ACME", **span)
        == bars
    )
    assert stranger.bar_calls == []


async def test_actions_are_kept_and_asked_for_again_once_a_trading_day(vendor, history, clock):
    vendor.splits = [split(date(2024, 6, 10), 2)]
    paid = DividendEvent(
        symbol="ACME",
        ex_day=date(2024, 5, 10),
        amount=Decimal("0.25"),
        currency="USD",
        source="vendor",
        pay_day=date(2024, 5, 16),
    )
    vendor.dividends = [paid]
    span = {"first": date(2024, 1, 1), "last": FRIDAY}
    known = Actions(splits=tuple(vendor.splits), dividends=(paid,))
    assert await history.actions("ACME", **span) == known
    assert await history.actions("ACME", **span) == known
    assert await history.actions("ACME", first=date(2024, 6, 1), last=FRIDAY) == Actions(
        splits=known.splits
    )
    assert vendor.action_calls == [("ACME", date(2024, 1, 1), FRIDAY, None)]
    clock.now = at(date(2024, 6, 18))
    assert await history.actions("ACME", first=date(2024, 1, 1), last=date(2024, 6, 18)) == known
    assert vendor.action_calls[1:] == [
        ("ACME", FRIDAY - timedelta(days=30), date(2024, 6, 18), "vendor")
    ]


async def test_what_is_announced_is_asked_for_a_year_ahead_and_renewed_from_today(
    vendor, history, clock
):
    paid = DividendEvent(
        symbol="ACME",
        ex_day=date(2024, 8, 9),
        amount=Decimal("0.25"),
        currency="USD",
        source="vendor",
    )
    vendor.dividends = [paid]
    first, ahead = date(2024, 1, 1), FRIDAY + timedelta(days=366)
    found = await history.actions("ACME", first=first, last=date(2040, 1, 1))
    assert found == Actions(dividends=(paid,))
    tuesday = date(2024, 6, 18)
    clock.now = at(tuesday)
    for last in (tuesday, tuesday + timedelta(days=366)):
        await history.actions("ACME", first=first, last=last)
    assert vendor.action_calls == [
        ("ACME", first, ahead, None),
        ("ACME", tuesday - timedelta(days=30), tuesday + timedelta(days=366), "vendor"),
    ]


async def test_a_late_correction_of_an_action_takes_its_place(vendor, history, clock):
    vendor.splits = [split(date(2024, 6, 10), 2)]
    await history.actions("ACME", first=date(2024, 1, 1), last=FRIDAY)
    vendor.splits = [split(date(2024, 6, 11), 3)]
    clock.now = at(date(2024, 6, 18))
    found = await history.actions("ACME", first=date(2024, 1, 1), last=date(2024, 6, 18))
    assert found.splits == tuple(vendor.splits)


async def test_many_symbols_cost_a_fixed_number_of_statements(database, history):
    symbols = [f"S{number}" for number in range(20)]
    questions = [CloseQuestion(symbol=symbol, day=date(2024, 5, 10)) for symbol in symbols]
    await history.closes(questions)
    before = database.statements
    found = await history.closes(questions)
    assert len(found) == 20
    # series, gaps, closes
    assert database.statements - before == 3


async def test_refreshing_brings_what_is_stored_up_to_today(vendor, history, clock):
    await history.bars("ACME", first=MONDAY, last=date(2024, 6, 12))
    clock.now = at(date(2024, 6, 18))
    await history.refresh(["ACME", "OTHER"])
    assert vendor.bar_calls[1:] == [("ACME", date(2024, 6, 6), date(2024, 6, 18), "vendor")]
    bars = await history.bars("ACME", first=MONDAY, last=date(2024, 6, 18))
    assert len(bars) == 12
    assert len(vendor.bar_calls) == 2


async def test_a_bar_comes_back_digit_for_digit(database):
    store = StoredHistory(database)
    bar = Bar(
        symbol="ACME",
        day=MONDAY,
        close=Decimal("12345678901.123456789012345678"),
        currency="USD",
        source="vendor",
        open=Decimal("0.1"),
        high=Decimal("1E+2"),
        low=None,
        volume=Decimal("1.50"),
    )
    key = SeriesKey(symbol="ACME", source="vendor", adjusted=False)
    await store.keep(Series(key=key, first=MONDAY, last=MONDAY, checked_at=NOW), [bar])
    wanted = BarRange(key=key, first=MONDAY, last=MONDAY)
    assert await StoredHistory(database).bars([wanted]) == {wanted: [bar]}
