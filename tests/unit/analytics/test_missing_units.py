"""Units that left and that nobody acquired: what they do to gains, alone and in all scopes alike."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.book import Entry, PaymentKind, book_of
from analytics.events import Amounts, Fill, Method, Move
from analytics.ledger import Movement, Nature
from analytics.lots import fold
from analytics.measures import Reason
from analytics.returns import Period, absolute_gain
from analytics.tracks import track_of
from analytics.unknowns import unknown_flows, unknowns_of
from analytics.valuations import Policy, Prices, Quotes, value

FIRST = date(2024, 1, 1)
DAYS = 8
INSTRUMENTS = (7, 8)
PORTFOLIOS = (1, 2)


def at(place):
    return datetime.combine(FIRST + timedelta(days=place), datetime.min.time(), UTC)


def fill(number, place, pool, units, price, **more):
    paid = Decimal(units) * Decimal(price)
    amounts = Amounts(own=paid, base=paid)
    return Fill(id=number, at=at(place), pool=pool, quantity=Decimal(units), outlay=amounts, **more)


def trade(number, place, pool, units, price):
    """Return a trade, which sells only what is there, and its cash."""
    movement = Movement(
        day=at(place).date(),
        nature=Nature.TRADE,
        currency="EUR",
        amount=-Decimal(units) * Decimal(price),
        amount_base=-Decimal(units) * Decimal(price),
    )
    event = fill(number, place, pool, units, price, may_open=units > 0)
    return event, Entry(id=number, portfolio=pool[0], instrument=pool[1], movements=(movement,))


def valued(events, entries):
    closes = {
        key: Prices(
            currency="EUR",
            closes=track_of(
                (FIRST + timedelta(days=place), 10 + key * place) for place in range(DAYS)
            ),
        )
        for key in INSTRUMENTS
    }
    book = book_of(events, entries, bases=dict.fromkeys(PORTFOLIOS, "EUR"))
    quotes = Quotes(currency="EUR", prices=closes, rates={})
    last = FIRST + timedelta(days=DAYS - 1)
    return book, value(book, quotes, first=FIRST - timedelta(days=1), last=last)


def gains(found, scope):
    """Return what a scope gained on each day; NaN where that is not known."""
    whole = found.series(scope)
    return np.diff(whole.value) - (whole.inflow - whole.outflow)[1:]


def test_a_sale_of_more_than_was_bought_brings_units_in_at_nobody_knows_what():
    bought, sold = trade(1, 1, (1, 7), 10, 17), trade(2, 3, (1, 7), -14, 31)
    book, found = valued([bought[0], sold[0]], [bought[1], sold[1]])
    (missing,) = (one for one in book.payments if one.kind is PaymentKind.MISSING)
    assert (missing.entry_id, missing.units) == (2, 4)
    scope = found.portfolios([1])
    # Ten units at 17, then 24; on the third day four more bring 124 that nobody paid for.
    assert gains(found, scope).tolist() == pytest.approx(
        [0, 0, 70, np.nan, 0, 0, 0, 0], nan_ok=True
    )
    (flow,) = unknown_flows(found, scope, slice(0, DAYS + 1), Policy())
    assert flow == (Reason.MISSING_ACQUISITION, 7, "", 4, 4)
    assert not list(unknown_flows(found, scope, slice(0, 4), Policy()))
    assert absolute_gain(Period(series=found.series(scope))).reason is Reason.NO_PRICE


def test_why_a_stretch_is_not_known_is_told_by_its_ends_and_its_own_flows():
    # Both shares are bought on the second day. On the sixth four more of one are sold than there
    # are; the other has no close after the fourth day, and that one is good for ten days more.
    events = [trade(1, 1, (1, 7), 10, 17), trade(2, 5, (1, 7), -14, 31), trade(3, 1, (1, 8), 1, 9)]
    book = book_of(*zip(*events, strict=True), bases={1: "EUR"})
    closes = track_of((FIRST + timedelta(days=place), 10) for place in range(20))
    prices = {
        7: Prices(currency="EUR", closes=closes),
        8: Prices(currency="EUR", closes=closes.until(FIRST + timedelta(days=4))),
    }
    quotes = Quotes(currency="EUR", prices=prices, rates={})
    found = value(book, quotes, first=FIRST, last=FIRST + timedelta(days=19))
    unknowns = unknowns_of(found, found.portfolios([1]), slice(0, 20), Policy())
    told = {
        (first, last): unknowns.reason(slice(first, last + 1))
        for first, last in ((0, 4), (4, 5), (5, 13), (5, 14), (12, 19), (4, 19))
    }
    assert told == {
        (0, 4): None,
        (4, 5): Reason.MISSING_ACQUISITION,  # on the day
        (5, 13): None,  # what a stretch starts from is in its value
        (5, 14): Reason.NO_PRICE,  # the close of the fourth day, 3, is good until 13
        (12, 19): Reason.NO_PRICE,
        (4, 19): Reason.MISSING_ACQUISITION,
    }
    dollars = Quotes(currency="EUR", prices={8: Prices(currency="USD", closes=closes)}, rates={})
    found = value(book, dollars, first=FIRST, last=FIRST + timedelta(days=19))
    unknowns = unknowns_of(
        found, found.within(lambda line: line.instrument == 8), slice(0, 20), Policy()
    )
    assert unknowns.reason(slice(0, 1)) is None
    assert unknowns.reason(slice(1, 3)) is Reason.NO_RATE
    # Of two lines the first tells: the share without any price.
    unknowns = unknowns_of(found, found.portfolios([1]), slice(0, 20), Policy())
    assert unknowns.reason(slice(0, 3)) is Reason.NO_PRICE


def test_units_that_move_out_and_were_never_there_are_missing_too():
    move = Move(id=1, at=at(2), source=(1, 7), target=(2, 7), quantity=Decimal(5))
    book, found = valued([move], [])
    assert [(one.kind, one.units) for one in book.payments] == [
        (PaymentKind.MISSING, 5),
        (PaymentKind.PLAIN, 0),
    ]
    assert np.isnan(gains(found, found.portfolios([1]))[2])
    assert gains(found, found.portfolios([2])).tolist() == [0] * DAYS


trades = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1),
        st.sampled_from(PORTFOLIOS),
        st.sampled_from(INSTRUMENTS),
        st.integers(-6, 8).filter(bool),
        st.integers(5, 60),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(trades=trades)
def test_the_gains_of_positions_are_those_of_portfolios_and_those_of_all(trades):
    """What is known, and what is not, is the same however lines are put together."""
    ordered = sorted(trades, key=lambda one: one[0])
    made = [
        trade(number, place, (portfolio, instrument), units, price)
        for number, (place, portfolio, instrument, units, price) in enumerate(ordered, start=1)
    ]
    _, found = valued([event for event, _ in made], [entry for _, entry in made])
    held, missing = {}, set()
    for place, portfolio, instrument, units, _ in ordered:
        key = portfolio, instrument
        if held.get(key, 0) + units < 0:
            missing.add((place + 1, *key))
        held[key] = max(held.get(key, 0) + units, 0)
    total = np.zeros(DAYS)
    for portfolio in PORTFOLIOS:
        whole = gains(found, found.portfolios([portfolio]))
        parts = np.zeros(DAYS)
        for instrument in INSTRUMENTS:
            here = (portfolio, instrument)
            part = gains(found, found.within(lambda line, here=here: line[:2] == here))
            assert {(int(day) + 1, *here) for day in np.flatnonzero(np.isnan(part))} == {
                one for one in missing if one[1:] == here
            }
            parts += part
        np.testing.assert_allclose(whole, parts, atol=1e-9)
        total += whole
    np.testing.assert_allclose(gains(found, found.portfolios(PORTFOLIOS)), total, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(trades=trades, method=st.sampled_from([Method.FIFO, Method.LIFO, Method.AVERAGE]))
def test_lots_matched_across_portfolios_leave_as_much_missing_as_each_for_itself(trades, method):
    ordered = sorted(trades, key=lambda one: one[0])
    apart, together = (
        fold(
            (
                fill(number, place, pool, units, price, may_open=units > 0, book=book)
                for number, (place, pool, units, price, book) in enumerate(some, start=1)
            ),
            method=method,
        )
        for some in (
            [(place, (owner, key), units, price, 0) for place, owner, key, units, price in ordered],
            [(place, (0, key), units, price, owner) for place, owner, key, units, price in ordered],
        )
    )
    for key in INSTRUMENTS:
        of_all = together.get((0, key))
        own = [apart[owner, key] for owner in PORTFOLIOS if (owner, key) in apart]
        assert (of_all is None) is (not own)
        if of_all is not None:
            assert of_all.missing == sum(one.missing for one in own)
            assert of_all.quantity == sum(one.quantity for one in own)
