"""Ledgers as parts: put together they are the whole, whatever order they came or changed in."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.book import Entry, Line, book_of
from analytics.events import Amounts, Fill
from analytics.ledger import Movement, Nature
from analytics.parts import NOTHING, Parts, Steps, part_of
from analytics.shelves import Shelf
from analytics.tracks import OLDEST, Course, Track, carry
from analytics.valuations import Latest, Priced, Prices, Valuation, days_between
from tests.unit.analytics.test_valuations import DAYS, at, cash, fill, track

FIRST = DAYS[0]
BASES = {1: "EUR", 2: "USD"}


def part(events=(), entries=()):
    return part_of(book_of(events, entries, bases={}))


def put_together(parts, bases=None):
    return Parts().changed((), parts).whole(bases or BASES)


def test_what_a_line_has_holds_until_the_next_day_that_changes_it():
    steps = Steps(days=np.array([10, 12]), units=np.array([5.0, 2.0]), costs=np.array([50.0, 20.0]))
    units, costs = steps.over(np.arange(9, 14))
    assert units.tolist() == [0, 5, 5, 2, 2]
    assert costs.tolist() == [0, 50, 50, 20, 20]
    assert steps.over(np.arange(11, 12))[0].tolist() == [5]
    assert steps.over(np.arange(2, 4))[0].tolist() == [0, 0]
    assert steps.over(np.arange(20, 22))[0].tolist() == [2, 2]
    assert [steps.on(day) for day in (9, 10, 11, 12, 99)] == [0, 5, 5, 2, 2]
    assert NOTHING.over(np.arange(3))[0].tolist() == [0, 0, 0]
    assert NOTHING.on(3) == 0


def test_cash_is_added_up_over_all_parts_to_the_last_digit():
    tenth = Nature.FLOW, "0.1"
    whole = put_together(
        {
            (1, 0): part(entries=[cash(1, 1, tenth), cash(2, 2, tenth)]),
            (1, 7): part(entries=[cash(3, 2, (Nature.TRADE, "-0.2"), instrument=7)]),
        }
    )
    (steps,) = (
        one for line, one in zip(whole.lines, whole.steps, strict=True) if line.currency == "EUR"
    )
    assert steps.units.tolist() == [0.1, 0]
    assert whole.first_day == DAYS[1]


def test_a_part_that_is_put_again_or_dropped_leaves_nothing_behind():
    first = Parts().changed((), {(1, 0): part(entries=[cash(1, 1, (Nature.FLOW, 100))])})
    second = first.changed((), {(1, 0): part(entries=[cash(1, 2, (Nature.FLOW, 30))])})
    whole = second.whole(BASES)
    assert whole.steps[0].units.tolist() == [30]
    assert whole.payments.amount.tolist() == [30]
    none = second.changed([(1, 0), (1, 9)], {})
    assert none.whole(BASES).lines == ()
    assert none.whole(BASES).first_day is None
    assert first.whole(BASES).steps[0].units.tolist() == [100]
    assert first.size > none.size == 0


def test_lines_of_other_portfolios_are_outside():
    parts = {
        (1, 0): part(entries=[cash(1, 1, (Nature.FLOW, -40), counterpart=2)]),
        (2, 0): part(entries=[cash(2, 1, (Nature.FLOW, 40), portfolio=2, counterpart=1)]),
    }
    whole = put_together(parts, {2: "USD"})
    assert whole.lines == (Line(2, 0, "EUR"),)
    assert [whole.payments.lines[place] for place in whole.payments.source] == [None]
    assert whole.payments.entry.tolist() == [2]


@given(
    days=st.lists(st.integers(0, 40), unique=True).map(sorted),
    first=st.integers(-20, 60),
    count=st.integers(1, 40),
    again=st.tuples(st.integers(-20, 60), st.integers(1, 40)),
)
def test_a_course_is_its_track_carried_over_whatever_days_are_asked_for(days, first, count, again):
    ordinals = np.array(days, dtype=np.int64) + 700_000
    track = Track(days=ordinals, values=np.arange(len(days)) + 1.0)
    splits = Track(days=np.array([700_020]), values=np.array([2.0]))
    course = Course(track, splits)
    for begin, length in ((first, count), again):
        asked = np.arange(length) + 700_000 + begin
        found = course.over(asked)
        expected = carry(track, asked, oldest=OLDEST, splits=splits)
        np.testing.assert_array_equal(found.values, expected.values)
        np.testing.assert_array_equal(found.fresh, expected.fresh)


def test_prices_are_carried_forward_once_for_all_days(monkeypatch):
    asked = []

    def counted(known, days, **more):
        asked.append(days.tolist())
        return carry(known, days, **more)

    monkeypatch.setattr("analytics.tracks.carry", counted)
    whole = put_together({(1, 7): part([fill(2, 1, 10, 500)])})
    prices = {7: Prices(currency="EUR", closes=track(d1=50, d3=55))}
    priced = Priced(whole=whole, prices=prices, days=days_between(DAYS[0], DAYS[4]))
    assert priced.sums(np.array([True])).holdings[0].local.tolist() == [0, 500, 500, 550, 550]
    assert asked == [[day.toordinal() for day in DAYS[1:5]]]


def test_the_price_of_today_counts_on_the_last_day_alone_and_leaves_the_rest_as_it_was():
    whole = put_together({(1, 7): part([fill(2, 1, 10, 500)])})
    prices = {7: Prices(currency="EUR", closes=track(d1=50, d3=55))}
    closed = Priced(whole=whole, prices=prices, days=days_between(DAYS[0], DAYS[4]))
    scope = np.array([True])

    def series(priced):
        return Valuation(priced=priced, target="EUR", courses={}).series(scope)

    assert series(closed).value.tolist() == [0, 500, 500, 550, 550]
    now = closed.with_latest({7: Latest(price=60.0)})
    assert series(now).value.tolist() == [0, 500, 500, 550, 600]
    assert series(now).fresh.tolist() == [False, True, False, True, True]
    old = closed.with_latest({7: Latest(price=57.0, fresh=False)})
    assert series(old).value.tolist() == [0, 500, 500, 550, 570]
    assert series(old).fresh.tolist() == [False, True, False, True, False]
    assert series(closed).value.tolist() == [0, 500, 500, 550, 550]


# Ledgers of two portfolios and three instruments, and cash, in two currencies.
trades = st.tuples(
    st.integers(1, 2),
    st.integers(0, 3),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(["EUR", "USD"]),
)
books = st.dictionaries(st.integers(1, 30), trades, max_size=20)


def parts_of(booked):
    """Read bookings as parts: deposits (instrument 0) and purchases for cash, by their number."""
    groups = {}
    for number, one in sorted(booked.items(), key=lambda pair: (pair[1][2], pair[0])):
        groups.setdefault(one[:2], []).append((number, one))
    return {key: read(some) for key, some in groups.items()}


def read(some):
    events, entries = [], []
    for number, (portfolio, instrument, place, amount, currency) in some:
        money = Decimal(amount) / 10
        nature, sign = (Nature.TRADE, -1) if instrument else (Nature.FLOW, 1)
        entries.append(
            Entry(
                id=number,
                portfolio=portfolio,
                instrument=instrument,
                movements=(
                    Movement(
                        day=DAYS[place],
                        nature=nature,
                        currency=currency,
                        amount=sign * money,
                        amount_base=None,
                    ),
                ),
            )
        )
        if instrument:
            events.append(
                Fill(
                    id=number,
                    at=at(place),
                    pool=(portfolio, instrument),
                    quantity=Decimal(amount),
                    outlay=Amounts(own=money, base=money if amount % 3 else None),
                )
            )
    return part(events, entries)


PRICES = {
    1: Prices(currency="EUR", closes=track(d0=5.1, d3=5.7, d8=4.9)),
    2: Prices(currency="USD", closes=track(d2=3.3, d5=3.1)),
}
RATES = {"USD": Course(track(d0=0.9, d4=0.8)), "EUR": Course(track(d0=1.1, d4=1.25))}


def figures(whole, target):
    """Return all that a valuation says of all lines and of some, as bytes: not one bit may differ."""
    priced = Priced(whole=whole, prices=PRICES, days=days_between(FIRST, DAYS[9]))
    found = Valuation(priced=priced, target=target, courses=RATES)
    scopes = [found.portfolios(keys) for keys in ([1], [2], [1, 2])]
    series = [found.series(scope) for scope in scopes]
    tables = found.tables(found.within(lambda line: line.portfolio > 0))
    return (
        found.lines,
        [
            getattr(one, name).tobytes()
            for one in series
            for name in ("value", "inflow", "outflow", "fresh")
        ],
        [found.invested_in(scope).tobytes() for scope in scopes],
        [found.cash_of(scope).tobytes() for scope in scopes],
        [getattr(tables, name).tobytes() for name in ("units", "local", "rates", "value")],
    )


@settings(max_examples=150, deadline=None)
@given(before=books, after=books, target=st.sampled_from(["EUR", "USD"]))
def test_what_changes_part_by_part_is_what_is_worked_out_from_nothing(before, after, target):
    known, found = parts_of(before), parts_of(after)
    changed = Parts().changed((), known).changed(known, found)
    anew = put_together(dict(sorted(found.items(), reverse=True)))
    assert figures(changed.whole(BASES), target) == figures(anew, target)


def test_tables_and_single_figures_of_lines_agree():
    booked = {1: (1, 0, 1, 9, "USD"), 2: (1, 2, 3, 4, "USD"), 3: (1, 3, 2, 5, "EUR")}
    priced = Priced(
        whole=put_together(parts_of(booked)), prices=PRICES, days=days_between(FIRST, DAYS[9])
    )
    found = Valuation(priced=priced, target="EUR", courses=RATES)
    made = found.tables(found.within(lambda line: line.portfolio > 0))
    tables = made.units, made.local, made.rates, made.value
    for place in range(10):
        assert found.units_on(place).tolist() == tables[0][place].tolist()
        for column in range(len(found.lines)):
            spot = found.spot(place, column)
            assert found.units_of(place, column) == spot[0]
            if spot[0]:
                assert spot == pytest.approx([one[place, column] for one in tables], nan_ok=True)
            else:
                assert spot[3] == 0
    scope = found.portfolios([1])
    assert not found.knows(scope)
    assert len(priced.shelf) == 0
    found.series(scope)
    assert found.knows(scope)


def test_of_many_scopes_some_are_kept_and_all_are_the_same():
    shelf = Shelf(3_000)
    booked = {1: (1, 0, 1, 9, "USD"), 2: (1, 2, 3, 4, "USD"), 3: (1, 3, 2, 5, "EUR")}
    priced = Priced(
        whole=put_together(parts_of(booked)),
        prices=PRICES,
        days=days_between(FIRST, DAYS[9]),
        shelf=shelf,
    )
    found = Valuation(priced=priced, target="EUR", courses=RATES)
    scopes = np.eye(len(found.lines), dtype=bool)
    for _ in range(2):
        once = []
        for scope in scopes:
            once.append(found.series(scope).value.tobytes())
            assert shelf.taken <= 3_000
        assert 0 < sum(map(found.knows, scopes)) < len(scopes)
        anew = Valuation(priced=replace(priced, shelf=Shelf()), target="EUR", courses=RATES)
        assert [anew.series(scope).value.tobytes() for scope in scopes] == once
    found.let_go()
    assert not any(map(found.knows, scopes))


def test_tracks_are_cut_and_joined_by_days():
    whole = track(d0=1, d3=2, d5=3)
    early, late = whole.until(DAYS[3]), track(d3=7)
    assert early.values.tolist() == [1]
    assert early.followed_by(late).values.tolist() == [1, 7]
    assert early.followed_by(late).days.tolist() == [DAYS[0].toordinal(), DAYS[3].toordinal()]
    both = whole.overlaid(track(d3=7, d4=8))
    assert both.values.tolist() == [1, 7, 8, 3]
    assert both.days.tolist() == [DAYS[number].toordinal() for number in (0, 3, 4, 5)]


def test_one_day_alone_is_valued_at_the_price_of_today():
    whole = put_together({(1, 7): part([fill(1, 0, 2, 10)])})
    prices = {7: Prices(currency="EUR", closes=track(d0=5))}
    priced = Priced(whole=whole, prices=prices, days=days_between(FIRST, FIRST))
    now = priced.with_latest({7: Latest(price=6.0)})
    found = Valuation(priced=now, target="EUR", courses={})
    assert found.value_of(np.array([True])).tolist() == [12]


def test_days_that_no_line_was_there_yet_are_worth_nothing():
    whole = put_together({(1, 7): part([fill(1, 5, 1, 10)])})
    assert whole.first_day == DAYS[5]
    assert whole.size > 0
    priced = Priced(whole=whole, prices={}, days=days_between(FIRST, FIRST + timedelta(days=2)))
    found = Valuation(priced=priced, target="EUR", courses={})
    assert found.value_of(found.portfolios([1])).tolist() == [0, 0, 0]
    assert date.fromordinal(int(found.days[0])) == FIRST
