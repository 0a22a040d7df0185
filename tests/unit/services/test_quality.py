"""Ledgers as their quality is judged: when units were held, and what the market knew then."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from analytics.quality import Code
from models.instruments import Instrument
from models.market import Bar
from models.transactions import Kind, Transaction
from services.entries import LedgerState, Terms, ledger_states
from services.quality import Evidence, Holdings, audit_of, findings_of

DAY = datetime(2024, 4, 1, 12, tzinfo=UTC)
LATER = DAY + timedelta(days=90)


def entry(kind, number, *, units=None, price=None, instrument=7, after=0, **columns):
    return Transaction(
        id=number,
        portfolio_id=1,
        instrument_id=instrument,
        kind=kind.value,
        occurred_at=DAY + timedelta(days=after),
        quantity=None if units is None else Decimal(units),
        price=None if price is None else Decimal(price),
        currency="USD",
        settlement_currency="USD",
        rate=Decimal(1),
        created_at=DAY,
        **columns,
    )


def held(entries, *, allow_short=False):
    return Holdings(entries, allow_short=allow_short)


def on(after):
    return (DAY + timedelta(days=after)).date()


def bars(*closes):
    return [
        Bar(symbol="ACME", day=on(number), close=Decimal(close), currency="USD", source="files")
        for number, close in enumerate(closes)
    ]


def findings(*entries, series=(), quoted_in=None):
    states = ledger_states(entries, terms={1: Terms()})
    audit = audit_of(entries, state=states.get(1, LedgerState()), terms=Terms())
    instrument = Instrument(
        id=7, symbol="ACME", name="Acme", asset_class="EQUITY", currency="USD", created_at=DAY
    )
    return findings_of(
        audit,
        instruments={7: instrument},
        evidence={7: Evidence(bars=series, quoted_in=quoted_in)} if series or quoted_in else {},
        now=LATER,
    )


def codes(*entries, **market):
    return [one.code for one in findings(*entries, **market)]


def test_units_are_held_from_the_day_they_came_until_the_day_they_went():
    holdings = held([entry(Kind.BUY, 1, units=5), entry(Kind.SELL, 2, units=5, after=3)])
    assert [holdings.at(7, on(day)) for day in (-1, 0, 2, 3)] == [0, 5, 5, 0]
    assert holdings.spans(LATER.date()) == {7: (on(0), on(3))}
    assert holdings.spans(on(-1)) == {}


def test_units_held_on_are_watched_until_today():
    assert held([entry(Kind.BUY, 1, units=5)]).spans(on(9)) == {7: (on(0), on(9))}


@pytest.mark.parametrize(
    ("kind", "allow_short", "left"),
    [(Kind.SELL, False, 0), (Kind.SELL, True, -2), (Kind.SHORT, False, -2)],
)
def test_only_a_short_that_is_meant_goes_below_nothing(kind, allow_short, left):
    entries = [entry(Kind.BUY, 1, units=1), entry(kind, 2, units=3, after=1)]
    assert held(entries, allow_short=allow_short).now(7) == left


@pytest.mark.parametrize(
    ("kind", "ratio", "stay", "come"),
    [
        (Kind.SPLIT, (3, 1), 30, 0),
        (Kind.SYMBOL_CHANGE, (None, None), 0, 10),
        (Kind.SPIN_OFF, (1, 2), 10, 5),
        (Kind.MERGER, (2, 5), 0, 4),
    ],
)
def test_corporate_actions_move_units(kind, ratio, stay, come):
    new, old = (None if one is None else Decimal(one) for one in ratio)
    related = None if kind is Kind.SPLIT else 8
    action = entry(kind, 2, after=1, ratio_new=new, ratio_old=old, related_instrument_id=related)
    holdings = held([entry(Kind.BUY, 1, units=10), action, entry(Kind.DIVIDEND, 3, after=2)])
    assert (holdings.now(7), holdings.now(8)) == (stay, come)


def test_a_merger_for_cash_leaves_nothing_and_cash_has_no_units():
    merger = entry(Kind.MERGER, 2, after=1, amount=Decimal(5))
    deposit = entry(Kind.DEPOSIT, 3, instrument=None, amount=Decimal(5))
    assert held([entry(Kind.BUY, 1, units=10), merger, deposit]).now(7) == 0


def test_a_jump_counts_only_while_units_are_held():
    bought = entry(Kind.BUY, 1, units=10, price=100)
    sold = entry(Kind.SELL, 2, units=10, price=101, after=1)
    assert codes(bought, series=bars(100, 101, 50)) == [Code.SPLIT_NOT_BOOKED]
    assert codes(bought, sold, series=bars(100, 101, 50)) == []


@pytest.mark.parametrize("kind", [Kind.SPLIT, Kind.SPIN_OFF])
def test_a_booked_action_explains_a_jump(kind):
    bought = entry(Kind.BUY, 1, units=10, price=100)
    action = entry(kind, 2, after=2, ratio_new=Decimal(2), ratio_old=Decimal(1))
    action.related_instrument_id = 8 if kind is Kind.SPIN_OFF else None
    action.cost_share = Decimal("0.5") if kind is Kind.SPIN_OFF else None
    assert codes(bought, action, series=bars(100, 100, 50)) == []


def test_a_price_is_held_against_the_last_close_of_a_few_days():
    late, too_late = (entry(Kind.BUY, 1, units=1, price=5200, after=days) for days in (5, 6))
    assert codes(late, series=bars(52)) == [Code.PRICE_OFF_BY_100]
    assert codes(too_late, series=bars(52)) == []
    early = entry(Kind.BUY, 1, units=1, price=5200, after=-1)
    assert codes(early, series=bars(52)) == []


def test_units_never_acquired_a_quote_of_no_use_and_an_entry_of_the_future_are_errors():
    sold = entry(Kind.SELL, 1, units=3, price=10)
    deposit = entry(Kind.DEPOSIT, 2, instrument=None, after=91, amount=Decimal(5))
    found = findings(sold, deposit, quoted_in="EUR")
    assert [one.code for one in found] == [
        Code.MISSING_ACQUISITION,
        Code.FUTURE_DATE,
        Code.QUOTE_CURRENCY_MISMATCH,
    ]
    assert [one.entry_ids for one in found] == [(1,), (2,), ()]
    assert found[0].missing == 3


def test_entries_of_the_same_content_are_one_finding():
    pair = [entry(Kind.BUY, number, units=1, price=10) for number in (1, 2)]
    other = entry(Kind.BUY, 3, units=1, price=11)
    assert [one.entry_ids for one in findings(*pair, other)] == [(1, 2)]


def test_closes_are_wanted_from_a_few_days_before_the_first_entry():
    bought = entry(Kind.BUY, 1, units=1, price=10)
    audit = audit_of([bought], state=LedgerState(), terms=Terms())
    assert audit.spans(date(2024, 4, 9)) == {7: (date(2024, 3, 27), date(2024, 4, 9))}
