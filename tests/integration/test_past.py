"""The market's past: what is at hand, what is kept, and in which order they are asked."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from datasources.cache import Cache
from datasources.errors import UnavailableError
from datasources.market import Chains, Market
from models.market import (
    Actions,
    Bar,
    CloseQuestion,
    DividendEvent,
    HistoryQuestion,
    Series,
    SeriesKey,
    SplitEvent,
)
from services.last_known import StoredMarket
from services.stored_bars import StoredHistory, closes_of_rows

FIRST, LAST = date(2024, 5, 6), date(2024, 5, 10)
ASKED = HistoryQuestion(symbol="ACME", first=FIRST, last=LAST)
CLOSE = CloseQuestion(symbol="ACME", day=LAST)
SPLIT = SplitEvent(symbol="ACME", day=date(2024, 5, 8), new=Decimal(2), old=Decimal(1), source="b")


class Remote:
    """A vendor of bars and actions; ``price`` null is one that does not know the symbol."""

    batch = {"bars": 1, "actions": 1}  # noqa: RUF012

    def __init__(self, name, price, *, adjusted=False):
        self.name = name
        self.price = price
        self.adjusted = adjusted
        self.known = Actions()
        self.down = False

    async def bars(self, symbol, *, first, last):
        if self.down:
            raise UnavailableError("down")
        if self.price is None:
            return []
        days = [date(2024, 5, day) for day in range(6, 11)]
        return [
            Bar(
                symbol=symbol,
                day=day,
                close=Decimal(self.price),
                currency="USD",
                source=self.name,
                adjusted=self.adjusted,
            )
            for day in days
            if first <= day <= last
        ]

    async def actions(self, symbol, *, first, last):
        if self.down:
            raise UnavailableError("down")
        return self.known


class AtHand(Remote):
    """A provider with all history at hand."""

    async def closes(self, questions):
        found = {}
        for question in questions:
            bars = await self.bars(question.symbol, first=FIRST, last=question.day)
            if bars:
                found[question] = bars[-1]
        return found


@pytest.fixture
def open_past(database, clock):
    def opened(*providers, store=True):
        return Market(
            chains=Chains(
                bars=providers,
                actions=tuple(one for one in providers if not isinstance(one, AtHand)),
            ),
            cache=Cache(clock=clock),
            clock=clock,
            last_known=StoredMarket(database),
            history=StoredHistory(database) if store else None,
        )

    return opened


async def test_what_a_vendor_said_is_kept_and_what_is_at_hand_is_asked_each_time(open_past):
    market = open_past(Remote("vendor", 5))
    for _ in range(2):
        assert len((await market.bars([ASKED]))[ASKED]) == 5
    assert market.calls == {("vendor", "bars"): 1}
    market = open_past(AtHand("files", 7))
    for _ in range(2):
        assert {bar.close for bar in (await market.bars([ASKED]))[ASKED]} == {7}
    assert market.calls == {("files", "bars"): 2}


async def test_the_first_of_the_chain_is_asked_first_be_it_at_hand_or_not(open_past):
    vendor, files = Remote("vendor", 5), AtHand("files", 7)
    assert (await open_past(files, vendor).closes([CLOSE]))[CLOSE].source == "files"
    assert (await open_past(vendor, files).closes([CLOSE]))[CLOSE].source == "vendor"


async def test_what_the_one_does_not_know_the_other_is_asked(open_past):
    vendor, files = Remote("vendor", None), AtHand("files", 7)
    market = open_past(vendor, files)
    assert (await market.closes([CLOSE]))[CLOSE].source == "files"
    assert (await market.bars([ASKED]))[ASKED][0].source == "files"


async def test_a_series_goes_on_with_the_source_it_began_with(open_past):
    one, two = Remote("one", None), Remote("two", 6)
    market = open_past(one, two)
    begun = HistoryQuestion(symbol="ACME", first=FIRST, last=date(2024, 5, 7))
    await market.bars([begun])
    one.price = 5
    assert {bar.source for bar in (await market.bars([ASKED]))[ASKED]} == {"two"}
    assert market.calls["one", "bars"] == 1


async def test_when_all_fail_what_is_kept_answers_and_only_until_they_can(open_past, clock):
    vendor = Remote("b", 5, adjusted=True)
    vendor.known = Actions(splits=(SPLIT,))
    market = open_past(vendor)
    tuesday = CloseQuestion(symbol="ACME", day=date(2024, 5, 7))
    await market.closes([tuesday])
    vendor.down = True
    found = (await market.closes([CLOSE]))[CLOSE]
    # The split of Wednesday had been applied when the series was checked.
    assert (found.close, found.day, found.adjusted) == (10, date(2024, 5, 7), False)
    vendor.down = False
    clock.now += timedelta(minutes=5)
    found = (await market.closes([CLOSE]))[CLOSE]
    assert (found.close, found.day) == (5, LAST)


async def test_closes_of_an_adjusted_vendor_are_as_traded(open_past):
    vendor = Remote("b", 5, adjusted=True)
    vendor.known = Actions(splits=(SPLIT,))
    market = open_past(vendor)
    before = CloseQuestion(symbol="ACME", day=date(2024, 5, 7))
    found = await market.closes([before, CLOSE])
    assert [(found[one].close, found[one].adjusted) for one in (before, CLOSE)] == [
        (10, False),
        (5, False),
    ]


async def test_that_there_were_no_actions_is_believed_when_nobody_knows_of_any(open_past):
    one, two = Remote("a", 5), Remote("b", 5)
    two.known = Actions(splits=(SPLIT,))
    assert (await open_past(one, two).actions([ASKED]))[ASKED] == two.known
    three = HistoryQuestion(symbol="OTHER", first=FIRST, last=LAST)
    two.known = Actions()
    market = open_past(one, two)
    for _ in range(2):
        assert (await market.actions([three]))[three] == Actions()
    assert market.calls == {("a", "actions"): 1, ("b", "actions"): 1}


async def test_a_vendor_that_fails_has_no_say_on_actions(open_past):
    one = Remote("a", 5)
    one.down = True
    assert await open_past(one).actions([ASKED]) == {}
    one.down = False
    one.known = Actions(
        dividends=(
            DividendEvent(
                symbol="ACME", ex_day=LAST, amount=Decimal("0.1"), currency="USD", source="a"
            ),
        )
    )
    assert (await open_past(one).actions([ASKED]))[ASKED] == one.known


async def test_without_a_store_vendors_are_asked_each_time(open_past):
    market = open_past(Remote("vendor", 5), store=False)
    for _ in range(2):
        assert len((await market.bars([ASKED]))[ASKED]) == 5
    assert market.calls == {("vendor", "bars"): 2}
    assert await market.actions([ASKED]) == {}


async def test_refreshing_brings_history_up_to_today(open_past, clock):
    vendor = Remote("vendor", 5)
    market = open_past(vendor)
    await market.bars([ASKED])
    await market.refresh(["ACME"])
    assert market.calls == {("vendor", "bars"): 2}


@pytest.mark.parametrize("adjusted", [True, False])
@pytest.mark.parametrize("store", [True, False])
async def test_closes_as_arrays_are_those_of_bars(open_past, adjusted, store):
    vendor, files = Remote("b", 5, adjusted=True), AtHand("files", 7)
    vendor.known = Actions(splits=(SPLIT,))
    question = HistoryQuestion(symbol="ACME", first=FIRST, last=LAST, adjusted=adjusted)
    for providers in ((vendor,), (files, vendor), (vendor, files), (Remote("c", None), files)):
        market = open_past(*providers, store=store)
        bars = (await market.bars([question]))[question]
        ((found,),) = (await market.close_arrays([question])).values()
        assert found.currency == "USD"
        assert [date.fromordinal(day) for day in found.days] == [bar.day for bar in bars]
        assert found.values.tolist() == [float(bar.close) for bar in bars]
    nothing = open_past(Remote("c", None), store=store)
    later = HistoryQuestion(symbol="OTHER", first=FIRST, last=LAST)
    assert await nothing.close_arrays([later]) == {}
    far = HistoryQuestion(symbol="ACME", first=date(2030, 1, 1), last=date(2030, 1, 2))
    assert await nothing.close_arrays([far]) == {}


async def test_what_is_stored_of_a_symbol_has_a_version_of_its_own(open_past, database, clock):
    vendor = Remote("b", 5)
    vendor.known = Actions(splits=(SPLIT,))
    market, seen = open_past(vendor), set()

    async def version():
        return (await market.versions(["ACME", "OTHER"]))["ACME"]

    seen.add(await version())
    await market.bars([ASKED])
    seen.add(await version())
    await market.actions([ASKED])
    seen.add(await version())
    clock.now += timedelta(days=1)
    await market.bars([HistoryQuestion(symbol="ACME", first=date(2024, 5, 1), last=LAST)])
    seen.add(await version())
    known = await version()
    await market.bars([HistoryQuestion(symbol="OTHER", first=FIRST, last=LAST)])
    assert await version() == known
    bar = Bar(symbol="ACME", day=LAST, close=Decimal(6), currency="USD", source="b")
    await StoredMarket(database).remember(bars=[bar])
    seen.add(await version())
    assert len(seen) == 5
    assert await open_past(vendor, store=False).versions(["ACME"]) == {}


async def test_closes_of_two_currencies_are_read_apart_whatever_order_they_come_in(database, clock):
    key = SeriesKey(symbol="ACME", source="b", adjusted=False)
    days = [date(2024, 5, day) for day in (10, 6, 8, 7)]
    bars = [
        Bar(
            symbol="ACME",
            day=day,
            close=Decimal(day.day) / 8,
            currency="EUR" if day.day == 8 else "USD",
            source="b",
        )
        for day in days
    ]
    store = StoredHistory(database)
    series = Series(key=key, first=FIRST, last=LAST, checked_at=clock())
    await store.keep(series, bars)
    other = SeriesKey(symbol="OTHER", source="b", adjusted=False)
    found = await store.close_arrays([key, other], first=date(2024, 5, 7), last=LAST)
    euros, dollars = found[key]
    assert (euros.currency, euros.values.tolist()) == ("EUR", [1])
    assert (dollars.currency, dollars.values.tolist()) == ("USD", [0.875, 1.25])
    assert [date.fromordinal(day).day for day in dollars.days] == [7, 10]
    assert found.keys() == {key}


def test_texts_of_days_need_not_be_in_order():
    ((found,),) = closes_of_rows([(1, "2024-05-10,2024-05-06", "10.5,6", "USD,USD")]).values()
    assert [date.fromordinal(day).day for day in found.days] == [6, 10]
    assert found.values.tolist() == [6, 10.5]
