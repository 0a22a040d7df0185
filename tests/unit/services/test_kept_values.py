"""What a process keeps of prices, rates and values, and when it lets go."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.events import Method
from analytics.parts import Parts
from analytics.shelves import Shelf
from analytics.valuations import Latest, Policy
from models.market import Actions, Closes, EuroRate, Rate
from services import kept_values, stretches
from services.entries import Terms
from services.kept_values import KeptValuation, KeptValues
from services.ledgers import INSTRUMENT, MARK, _Changes, _Keys, _Mark
from services.pools import Ties
from services.stretches import GOOD_FOR, SOON
from tests.conftest import Clock

DAY = date(2024, 1, 8)
NOW = datetime(2024, 1, 10, tzinfo=UTC)
ACME = ("ACME", "USD")
STAMP = (1, "USD", Terms(method=Method.FIFO))


class Asked:
    """A market that knows one close and some rates, and remembers what it was asked."""

    def __init__(self, *, knows=True, at_hand=True):
        self.knows = knows
        self.at_hand = at_hand
        self.questions = []
        self.version = 1
        self.stores = True
        self.looked = 0
        self.close = 5.0
        self.ends = date.max
        self.published = {date(2024, 1, 4): Decimal(2), date(2024, 1, 8): Decimal(4)}
        self.stored = {}
        self.stored_version = 0
        self.stored_spans = []
        self.others_published = ""
        self.asked_for_versions = []

    async def versions(self, symbols):
        return dict.fromkeys(symbols, self.version)

    async def look(self, questions):
        self.looked += 1
        return set(questions) if self.stores else set()

    async def close_arrays(self, questions):
        self.questions += questions
        closes = Closes(
            currency="USD", days=np.array([DAY.toordinal()]), values=np.array([self.close])
        )
        return {question: [closes] for question in questions} if self.knows else {}

    async def actions(self, questions):
        return {question: Actions() for question in questions}

    async def published_version(self):
        return repr(self.published) if self.at_hand else self.others_published

    async def stored_rate_versions(self, currencies):
        self.asked_for_versions.append(set(currencies))
        return dict.fromkeys(currencies, self.stored_version)

    async def stored_rates(self, currencies, *, first, last):
        self.stored_spans.append((first, last))
        rates = [
            EuroRate(currency="USD", day=day, value=value, source="test")
            for day, value in self.stored.items()
        ]
        return {"USD": rates} if rates else {}

    async def euro_rates(self, currencies, *, first, last):
        self.questions.append((first, last))
        rates = [
            EuroRate(currency="USD", day=day, value=value, source="test")
            for day, value in self.published.items()
            if first <= day <= last
        ]
        return {"USD": rates} if rates and self.at_hand else {}

    async def rates(self, questions):
        self.questions += questions
        found = {}
        for one in questions:
            days = [day for day in self.published if day <= one.day]
            if days and self.knows and one.day <= self.ends:
                value = 1 / self.published[max(days)]
                found[one] = Rate(
                    base=one.base, target=one.target, value=value, day=max(days), source="test"
                )
        return found


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
def kept(clock):
    return KeptValues(clock)


async def prices(kept, market, *, first=DAY, last=DAY):
    return (await kept.prices(market, [ACME], first=first, last=last))[ACME]


async def rates(kept, market, *, first=date(2024, 1, 4), last=date(2024, 1, 9)):
    return (await kept.rates.between(market, ["USD"], "EUR", first=first, last=last))["USD"]


async def test_prices_are_read_once_and_again_when_their_version_is_another(kept):
    market = Asked()
    first = await prices(kept, market)
    assert first.closes.values.tolist() == [5]
    assert await prices(kept, market) is first
    assert len(market.questions) == 1
    market.version, market.close = 2, 6.0
    assert (await prices(kept, market)).closes.values.tolist() == [6]


async def test_prices_that_are_written_again_as_they_were_stay_the_very_same(kept):
    market = Asked()
    first = await prices(kept, market)
    market.version = 2
    assert await prices(kept, market) is first
    assert len(market.questions) == 2


async def test_after_a_while_more_is_asked_for_and_what_is_stored_read_only_if_it_changed(
    kept, clock
):
    market = Asked()
    first = await prices(kept, market)
    clock.now += GOOD_FOR
    for _ in range(2):
        assert await prices(kept, market) is first
    assert (market.looked, len(market.questions)) == (1, 1)
    clock.now += GOOD_FOR
    market.version, market.close = 2, 6.0  # what looking brought
    assert (await prices(kept, market)).closes.values.tolist() == [6]
    assert (market.looked, len(market.questions)) == (2, 2)


async def test_prices_that_are_at_hand_are_read_again_after_a_while(kept, clock):
    market = Asked()
    market.stores = False
    first = await prices(kept, market)
    clock.now += GOOD_FOR
    assert await prices(kept, market) is first
    market.close = 6.0
    clock.now += GOOD_FOR
    assert (await prices(kept, market)).closes.values.tolist() == [6]
    assert len(market.questions) == 3


async def test_more_days_than_are_kept_are_asked_for_with_those_that_are(kept):
    market = Asked()
    await prices(kept, market)
    for first, last in ((DAY - timedelta(days=1), DAY), (DAY, DAY + timedelta(days=1))):
        await prices(kept, market, first=first, last=last)
    assert [(one.first, one.last) for one in market.questions[1:]] == [
        (DAY - timedelta(days=1), DAY),
        (DAY - timedelta(days=1), DAY + timedelta(days=1)),
    ]


async def test_what_was_not_found_is_soon_looked_for_again(kept, clock):
    market = Asked(knows=False)
    market.stores = False
    assert len((await prices(kept, market)).closes.days) == 0
    market.knows = True
    assert len((await prices(kept, market)).closes.days) == 0
    clock.now += SOON
    assert len((await prices(kept, market)).closes.days) == 1


async def test_a_close_in_another_currency_is_none(kept):
    pound = ("ACME", "GBP")
    found = await kept.prices(Asked(), [pound], first=DAY, last=DAY)
    assert len(found[pound].closes.days) == 0


async def test_rates_are_taken_from_who_has_all_of_them_and_last_until_the_last_day(kept):
    market = Asked()
    found = await rates(kept, market)
    assert found.track.values.tolist() == [0.5, 0.25, 0.25]
    assert [date.fromordinal(day).day for day in found.track.days] == [4, 8, 9]
    asked = len(market.questions)
    assert await rates(kept, market) is found
    assert len(market.questions) == asked


OLD, OLDER = date(2023, 6, 1), date(2023, 5, 31)


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({OLD: Decimal(10)}, [0.1, 0.5, 0.25, 0.25]),
        ({OLD: None}, [0.5, 0.25, 0.25]),
        ({date(2023, 6, 2): Decimal(5)}, [0.125, 0.2, 0.5, 0.25, 0.25]),
        ({date(2024, 1, 9): Decimal(5)}, [0.125, 0.5, 0.25, 0.2]),
    ],
    ids=["an old correction", "a removal", "an added day", "the newest day"],
)
async def test_a_rate_that_is_published_otherwise_shows_in_the_next_question(kept, change, values):
    market = Asked()
    market.published = {OLD: Decimal(8)} | market.published
    before = await rates(kept, market, first=OLD)
    assert before.track.values.tolist() == [0.125, 0.5, 0.25, 0.25]
    asked = len(market.questions)
    assert await rates(kept, market, first=OLD) is before
    assert len(market.questions) == asked
    changed = {
        day: value
        for day, value in sorted((market.published | change).items())
        if value is not None
    }
    market.published = changed
    found = await rates(kept, market, first=OLD)
    assert found.track.values.tolist() == values
    assert await rates(kept, market, first=OLD) is found
    assert market.asked_for_versions == []  # nothing is read of the database


async def test_after_a_while_newer_rates_are_asked_for_and_all_are_read_only_if_there_are_any(
    kept, clock
):
    market = Asked()
    market.published = {OLD: Decimal(8)} | market.published
    before = await rates(kept, market, first=OLD)
    for _ in range(2):
        clock.now += GOOD_FOR
        assert await rates(kept, market, first=OLD) is before
        assert await rates(kept, market, first=OLD) is before
    spans = [one for one in market.questions if isinstance(one, tuple)]
    newest = (date(2024, 1, 9), date(2024, 1, 9))
    assert spans == [(OLD, date(2024, 1, 9)), newest, newest]
    await rates(kept, market, first=OLDER)
    assert market.questions[-2] == (OLDER, date(2024, 1, 9))


async def test_of_fewer_days_no_less_is_kept(kept):
    market = Asked()
    await rates(kept, market)
    market.published[date(2024, 1, 5)] = Decimal(5)
    found = await rates(kept, market, first=date(2024, 1, 5), last=date(2024, 1, 8))
    assert found.track.values.tolist() == [0.5, 0.2, 0.25, 0.25]
    assert await rates(kept, market) is found


async def test_rates_that_others_stored_show_in_the_next_question_of_those_asked_for_by_day(kept):
    market = Asked(at_hand=False)
    before = await rates(kept, market)
    assert before.track.values.tolist() == [0.5, 0.5, 0.25, 0.25]
    asked = len(market.questions)
    assert await rates(kept, market) is before
    assert len(market.questions) == asked
    # Another process was told of the fifth, and of a correction of the fourth.
    market.stored = {date(2024, 1, 4): Decimal(10), date(2024, 1, 5): Decimal(5)}
    market.stored_version = 7
    found = await rates(kept, market)
    assert found.track.values.tolist() == [0.1, 0.2, 0.25, 0.25]
    assert await rates(kept, market) is found
    assert market.asked_for_versions[-1] == {"USD", "EUR"}


def asked_by_day(market):
    """Return how many single days were asked for since the last time, and the first of them."""
    days = [one.day for one in market.questions if not isinstance(one, tuple)]
    market.questions.clear()
    return len(days), min(days)


TEN_YEARS = {"first": date(2014, 1, 9), "last": date(2024, 1, 9)}
MONTH = date(2023, 12, 10)


async def test_of_rates_asked_for_by_day_only_the_last_thirty_days_are_asked_for_again(kept, clock):
    market = Asked(at_hand=False)
    market.published = {date(2014, 1, 8): Decimal(2)}
    before = await rates(kept, market, **TEN_YEARS)
    # 521 weeks of five days and four days; of the first look 11 are 365 days apart, one is the first.
    assert asked_by_day(market) == (2609 + 12, date(2014, 1, 9))
    for published in ("", "", "others", "others"):
        clock.now += GOOD_FOR
        market.others_published = published
        assert await rates(kept, market, **TEN_YEARS) is before
        assert await rates(kept, market, **TEN_YEARS) is before
        # Four weeks of five days and two days, and a first look at both ends.
        assert asked_by_day(market) == (24, MONTH)
    assert market.stored_spans == [(TEN_YEARS["first"], TEN_YEARS["last"])] + 4 * [
        (MONTH, TEN_YEARS["last"])
    ]
    later = await rates(kept, market, first=TEN_YEARS["first"], last=date(2024, 1, 10))
    assert asked_by_day(market) == (25, MONTH)
    assert later.track.values.tolist() == [0.5] * 2610


async def test_what_others_stored_of_years_ago_is_read_of_the_database_and_not_asked_for(kept):
    market = Asked(at_hand=False)
    market.published = {date(2014, 1, 8): Decimal(2)}
    await rates(kept, market, **TEN_YEARS)
    market.questions.clear()
    corrected = date(2015, 1, 5)
    market.stored, market.stored_version = {corrected: Decimal(10)}, 7
    found = await rates(kept, market, **TEN_YEARS)
    assert asked_by_day(market) == (24, MONTH)
    assert market.stored_spans[-1] == (TEN_YEARS["first"], TEN_YEARS["last"])
    assert found.track.values.tolist().count(0.1) == 1
    assert found.over(np.array([corrected.toordinal()])).values.tolist() == [0.1]


async def test_days_that_are_stored_are_not_asked_for_when_a_process_starts(kept):
    market = Asked(at_hand=False)
    market.published = {date(2014, 1, 8): Decimal(2)}
    days = [TEN_YEARS["first"] + timedelta(days=number) for number in range(3653)]
    holiday = date(2020, 4, 10)
    market.stored = {day: Decimal(4) for day in days if day.weekday() < 5 and day != holiday}
    found = await rates(kept, market, **TEN_YEARS)
    # The first look, the last thirty days, and the one day that nobody has stored.
    assert asked_by_day(market) == (12 + 22 + 1, date(2014, 1, 9))
    assert found.track.values.tolist().count(0.25) == 2608
    assert found.over(np.array([holiday.toordinal()])).values.tolist() == [0.5]


async def test_rates_that_nobody_has_at_hand_are_asked_for_weekday_by_weekday(kept):
    market = Asked(at_hand=False)
    # From Thursday to Tuesday.
    found = await rates(kept, market)
    assert {one.day.day for one in market.questions[1:]} == {4, 5, 8, 9}
    assert found.track.values.tolist() == [0.5, 0.5, 0.25, 0.25]


async def test_rates_that_nobody_knows_are_asked_for_one_day_of_each_year_since_the_first(kept):
    market = Asked(knows=False, at_hand=False)
    found = await rates(kept, market, first=date(1900, 1, 1))
    assert len(found.track.days) == 0
    days = sorted({one.day for one in market.questions[1:]})
    assert days[:2] == [date(1999, 1, 4), date(1999, 1, 15)]
    assert (len(days), days[-1]) == (27, date(2024, 1, 9))


async def test_rates_that_are_known_of_past_days_alone_are_asked_for_about_then(kept):
    market = Asked(at_hand=False)
    market.published = {date(2003, 5, 1): Decimal(2), date(2003, 5, 2): Decimal(4)}
    market.ends = date(2004, 4, 30)
    found = await rates(kept, market, first=date(1999, 1, 4))
    days = [date.fromordinal(int(day)) for day in found.track.days]
    assert (days[0], days[-1]) == (date(2003, 5, 1), date(2004, 4, 30))
    assert found.track.values.tolist()[:3] == [0.5, 0.25, 0.25]
    asked = {one.day for one in market.questions[1:]}
    # Of each year one day, and all days of a year before and after the one that is known.
    assert len([day for day in asked if not date(2003, 1, 14) <= day <= date(2005, 1, 12)]) == 25


async def test_rates_that_nobody_knows_are_none(kept):
    market = Asked(knows=False, at_hand=False)
    assert len((await rates(kept, market)).track.days) == 0


class Busy(Asked):
    """A market that others ask for more than can be kept while it answers."""

    def __init__(self, others):
        super().__init__()
        self.others = others

    async def close_arrays(self, questions):
        await self.others()
        return await super().close_arrays(questions)

    async def euro_rates(self, currencies, *, first, last):
        await self.others()
        return await super().euro_rates(currencies, first=first, last=last)


async def test_prices_that_make_room_while_others_are_read_are_answered_all_the_same(
    kept, monkeypatch
):
    monkeypatch.setattr(stretches, "MOST_TRACKS", 1)
    first = await prices(kept, Asked())

    async def others():
        await kept.prices(Asked(), [("OTHER", "USD")], first=DAY, last=DAY)
        assert ACME not in kept._prices

    bond = ("BOND", "USD")
    found = await kept.prices(Busy(others), [ACME, bond], first=DAY, last=DAY)
    assert found[ACME] is first
    assert found[bond].closes.values.tolist() == [5]


async def test_rates_that_make_room_while_others_are_read_are_answered_all_the_same(
    kept, monkeypatch
):
    monkeypatch.setattr(stretches, "MOST_TRACKS", 1)
    span = {"first": date(2024, 1, 4), "last": date(2024, 1, 9)}
    first = await rates(kept, Asked())

    async def others():
        await kept.rates.between(Asked(), ["CHF"], "EUR", **span)
        assert ("USD", "EUR") not in kept.rates._known

    found = await kept.rates.between(Busy(others), ["USD", "GBP"], "EUR", **span)
    assert found["USD"] is first
    assert set(found) == {"USD", "GBP"}


def valuation(stamps):
    return KeptValuation(stamps=stamps, whole=Parts().whole({}), symbols={})


def test_values_are_those_of_one_version(kept):
    made = valuation({1: STAMP})
    kept.keep((1,), made)
    assert kept.find((1,), {1: STAMP}) is made
    assert kept.find((1,), {1: (2, *STAMP[1:])}) is None
    assert kept.find((2,), {2: STAMP}) is None


async def test_what_is_made_of_prices_and_days_is_made_anew_when_they_change(kept):
    made, market = valuation({}), Asked()
    one = {7: await prices(kept, market)}
    first = made.priced(one, range(5, 9), None)
    assert made.priced(one, range(5, 9), None) is first
    value = made.valued(first, "EUR", {})
    assert made.valued(first, "EUR", {}) is value
    assert made.valued(first, "USD", {}) is not value
    assert made.priced(one, range(5, 10), None) is not first
    market.version, market.close = 2, 6.0
    other = {7: await prices(kept, market)}
    second = made.priced(other, range(5, 10), None)
    assert made.valued(second, "EUR", {}) is not value


async def test_values_in_some_report_currencies_are_kept(monkeypatch):
    monkeypatch.setattr(kept_values, "MOST_CURRENCIES", 2)
    made = valuation({})
    priced = made.priced({}, range(5, 9), None)
    first = made.valued(priced, "EUR", {})
    second = made.valued(priced, "USD", {})
    assert made.valued(priced, "EUR", {}) is first
    made.valued(priced, "GBP", {})
    assert made.valued(priced, "EUR", {}) is first
    assert made.valued(priced, "USD", {}) is not second


async def test_prices_of_today_leave_what_was_before_as_it_is(kept):
    made, one = valuation({}), {7: await prices(kept, Asked())}
    closed = made.priced(one, range(5, 9), None)
    value = made.valued(closed, "EUR", {})
    now = made.priced(one, range(5, 9), {7: Latest(price=3.0)})
    live = made.valued(now, "EUR", {})
    assert made.priced(one, range(5, 9), {7: Latest(price=3.0)}) is now
    assert made.valued(now, "EUR", {}) is live
    later = made.priced(one, range(5, 9), {7: Latest(price=4.0)})
    assert later is not now
    assert made.valued(later, "EUR", {}) is not live
    assert made.valued(closed, "EUR", {}) is value


async def test_values_at_prices_of_before_never_stand_for_those_of_now(kept):
    made, one = valuation({}), {7: await prices(kept, Asked())}
    before = made.priced(one, range(5, 9), {7: Latest(price=3.0)})
    now = made.priced(one, range(5, 9), {7: Latest(price=4.0)})
    assert made.valued(before, "EUR", {}).priced is before
    closed = made.priced(one, range(5, 9), None)
    assert made.valued(closed, "EUR", {}).priced is closed
    assert made.valued(now, "EUR", {}).priced is now
    assert made.valued(before, "EUR", {}).priced is before


async def test_a_rate_that_changes_makes_values_anew(kept, clock):
    made, market = valuation({}), Asked()
    priced = made.priced({}, range(5, 9), None)
    before = made.valued(priced, "EUR", {"USD": await rates(kept, market)})
    assert made.valued(priced, "EUR", {"USD": await rates(kept, market)}) is before
    market.published[date(2024, 1, 9)] = Decimal(5)
    clock.now += GOOD_FOR
    assert made.valued(priced, "EUR", {"USD": await rates(kept, market)}) is not before


@dataclass(frozen=True)
class Bulk:
    """Something of a size."""

    nbytes: int


def test_what_was_not_asked_for_the_longest_makes_room(clock):
    kept = KeptValues(clock, most=10_000)
    first, second, third = (kept.ledgers(number) for number in (1, 2, 3))
    for owner in (first, second):
        owner._known = replace(owner._known, size=4_800)
        kept.hold(owner)
    assert kept.ledgers(1) is first
    kept.shelf.put("values", (7,), Bulk(3_000))
    assert kept.shelf.taken == 7_800
    assert kept.ledgers(1) is first
    assert kept.ledgers(3) is not third
    assert kept.ledgers(2) is not second


def test_what_is_kept_of_ledgers_and_values_never_takes_more_than_it_may(clock):
    kept = KeptValues(clock, most=15_000)
    made = KeptValuation(stamps={}, whole=Parts().whole({}), symbols={}, shelf=kept.shelf)
    kept.keep("only", made)
    for days in (range(5, 9), range(5, 20), range(5, 500)):
        priced = made.priced({}, days, None)
        for currency in ("EUR", "USD", "GBP"):
            value = made.valued(priced, currency, {})
            for policy in (Policy(), Policy(net_of_tax=True), Policy(expensed=True)):
                value.series(made.scope, policy)
                assert kept.shelf.taken <= 15_000
            # Four days of five arrays of numbers and one of flags; of 495 not even one is kept.
            assert value.knows(made.scope) == (len(days) < 400)


def test_what_is_greater_than_all_that_may_be_kept_is_not_kept():
    shelf = Shelf(10_000)
    shelf.put("a", 1, Bulk(6_000))
    shelf.put("a", 2, Bulk(10_001))
    assert (shelf.get("a", 2), shelf.taken, len(shelf)) == (None, 6_000, 1)
    shelf.put("a", 1, Bulk(10_001))
    assert (shelf.get("a", 1), shelf.taken, len(shelf)) == (None, 0, 0)


def test_owners_of_nothing_and_empty_portfolios_make_room_as_well(clock):
    kept = KeptValues(clock, most=10_000)
    for number in range(200):
        kept.ledgers(number)
        kept.keep((number,), valuation({}))
        assert len(kept.shelf) <= 10
    assert (len(kept.shelf), kept.shelf.taken) == (10, 10_000)
    assert kept.find((195,), {}) is not None
    assert kept.find((194,), {}) is None


def test_a_ledger_takes_room_for_each_portfolio_that_was_read_and_each_name_it_knows(clock):
    ledgers = KeptValues(clock).ledgers(1)
    assert ledgers.nbytes == 0
    for number in (1, 2, 3):
        marks = {number: _Mark(STAMP, _Keys())}
        read = _Changes(owned={}, pools={(number, 0)}, ties=Ties(), entries=[], marks=marks)
        ledgers._known = ledgers._known.changed(read)
    assert ledgers.nbytes == 3 * MARK
    ledgers.instruments |= {7: ACME, 8: ("BOND", "USD")}
    assert ledgers.nbytes == 3 * MARK + 2 * INSTRUMENT


def test_what_is_put_again_counts_once_and_what_is_dropped_not_at_all():
    shelf = Shelf(10_000)
    for size in (6_000, 9_000, 4_000):
        shelf.put("a", 1, Bulk(size))
        assert shelf.taken == size
    shelf.put("b", 1, Bulk(5_000))
    shelf.drop("a")
    shelf.drop("nobody")
    assert (shelf.taken, shelf.get("b", 1)) == (5_000, Bulk(5_000))


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.integers(0, 60)), max_size=40
    )
)
def test_a_shelf_has_what_was_asked_for_last_as_far_as_there_is_room(steps):
    shelf, recent = Shelf(10_000), []
    for owner, key, size in steps:
        place = owner, key
        if size % 3 == 0 and shelf.get(*place) is not None:  # asked for again
            recent.append(recent.pop(next(i for i, one in enumerate(recent) if one[0] == place)))
            continue
        size = size * 100  # up to 6,000
        shelf.put(owner, key, Bulk(size))
        size = max(size, 1_000)
        recent = [one for one in recent if one[0] != place] + [(place, size)]
        while sum(one for _, one in recent) > 10_000:
            del recent[0]
        assert shelf.taken == sum(one for _, one in recent)
        assert len(shelf) == len(recent)
    found = [shelf.get(*place) for place, _ in recent]
    assert [max(one.nbytes, 1_000) for one in found] == [size for _, size in recent]


def test_prices_of_today_leave_nothing_behind_when_they_change():
    shelf = Shelf()
    made = KeptValuation(stamps={}, whole=Parts().whole({}), symbols={}, shelf=shelf)
    sizes = set()
    for price in (3.0, 4.0, 5.0):
        now = made.priced({}, range(5, 9), {7: Latest(price=price)})
        made.valued(now, "EUR", {}).series(made.scope)
        sizes.add((shelf.taken, len(shelf)))
    assert len(sizes) == 1
    made.let_go()
    assert (shelf.taken, len(shelf)) == (0, 0)


async def test_rates_that_were_known_stay_while_nobody_can_tell_newer_ones(kept, clock):
    market = Asked()
    before = await rates(kept, market)
    market.published = {}
    clock.now += GOOD_FOR
    assert await rates(kept, market) is before
    market.published = {date(2024, 1, 9): Decimal(8)}
    clock.now += SOON
    assert (await rates(kept, market)).track.values.tolist() == [0.125]


async def test_prices_and_rates_that_were_not_used_for_the_longest_go_first(kept, monkeypatch):
    monkeypatch.setattr(stretches, "MOST_TRACKS", 2)
    market, one, two, three = Asked(), ("A", "USD"), ("B", "USD"), ("C", "USD")
    await kept.prices(market, [one, two], first=DAY, last=DAY)
    await kept.prices(market, [one], first=DAY, last=DAY)
    await kept.prices(market, [three], first=DAY, last=DAY)
    asked = len(market.questions)
    await kept.prices(market, [one, three], first=DAY, last=DAY)
    assert len(market.questions) == asked
    await kept.prices(market, [two], first=DAY, last=DAY)
    assert len(market.questions) == asked + 1
