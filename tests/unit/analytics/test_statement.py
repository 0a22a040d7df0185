"""Statements, with the arithmetic beside each line."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.events import Amounts, Fill, Method
from analytics.holdings import Lot
from analytics.ledger import Levy, Movement, Nature
from analytics.measures import Reason
from analytics.statement import (
    Asset,
    Lines,
    Mark,
    Period,
    UnbalancedError,
    reconcile,
    unmarked,
    worth,
)
from analytics.valuation import Missing

NOON = datetime(2024, 4, 1, 12, tzinfo=UTC)
POOL = (0, 7)


def mark(price, rate=1):
    return Mark(
        price=None if price is None else Decimal(price),
        rate=None if rate is None else Decimal(rate),
    )


def lot(quantity, number=1):
    return Lot(fill_id=number, opened_at=NOON, quantity=Decimal(quantity), paid=Amounts())


def asset(start, end, *, lots=(), quantity=0):
    return Asset(
        pool=POOL,
        symbol="ACME",
        currency="USD",
        lots=tuple(lots),
        start=start,
        quantity=Decimal(quantity),
        end=end,
    )


def fill(quantity, money, rate=1, *, number=9, **more):
    """Return units against money in their own currency, negative for a sale."""
    own, base = Decimal(money), None if rate is None else Decimal(money) * Decimal(rate)
    return Fill(
        id=number,
        at=NOON,
        pool=POOL,
        quantity=Decimal(quantity),
        outlay=Amounts(own=own, base=base),
        rate=None if rate is None else Decimal(rate),
        **more,
    )


def moved(nature, amount, *, currency="EUR", base="same", levy=None):
    known = amount if base == "same" else base
    return Movement(
        day=date(2024, 4, 1),
        nature=nature,
        currency=currency,
        amount=Decimal(amount),
        amount_base=None if known is None else Decimal(known),
        levy=levy,
    )


def period(*assets, events=(), movements=(), start=None, end=None, rates=None, **more):
    known = {"EUR": Decimal(1)} | (rates or {})
    given_ = {"unsold": frozenset(), "missing": (), "method": Method.FIFO} | more
    return Period(
        assets=assets,
        events=tuple(events),
        movements=tuple(movements),
        start_cash={name: Decimal(amount) for name, amount in (start or {}).items()},
        end_cash={name: Decimal(amount) for name, amount in (end or {}).items()},
        start_rates=known,
        end_rates=given_.pop("end_rates", known),
        **given_,
    )


def test_a_price_that_rises_is_an_unrealised_gain():
    # 10 x 100 = 1000 becomes 10 x 120 = 1200.
    lines = reconcile(period(asset(mark(100), mark(120), lots=[lot(10)], quantity=10))).lines
    assert (lines.start, lines.unrealized, lines.end) == (1000, 200, 1200)
    assert lines.residual == 0


def test_units_sold_cost_what_they_were_worth_at_the_start():
    # Of 10 worth 100 each, 4 go for 520 and gain 520 - 400 = 120; 6 gain 6 x 50 = 300.
    found = reconcile(
        period(
            asset(mark(100), mark(150), lots=[lot(3), lot(0, 2), lot(7, 3)], quantity=6),
            events=[fill(-4, -520)],
            movements=[moved(Nature.TRADE, 520)],
            end={"EUR": 520},
        )
    )
    assert (found.lines.realized, found.lines.unrealized) == (120, 300)
    assert found.lines.end == found.end == 1420


def test_prices_and_rates_do_their_own_part():
    # 10 x 100 dollars from 0.8 to 1.25: 1000 x 0.45 = 450; 10 x 20 dollars at 1.25 = 250.
    lines = reconcile(
        period(asset(mark(100, "0.8"), mark(120, "1.25"), lots=[lot(10)], quantity=10))
    ).lines
    assert (lines.start, lines.unrealized, lines.currency, lines.end) == (800, 250, 450, 1500)


def test_cash_gains_by_its_rate_from_the_day_it_came():
    # 100 dollars from 0.8 to 1.25 gain 45; 50 that came at 1.0 gain 12.50.
    lines = reconcile(
        period(
            movements=[moved(Nature.FLOW, 50, currency="USD")],
            start={"USD": 100, "EUR": 0},
            end={"USD": 150},
            rates={"USD": Decimal("0.8")},
            end_rates={"USD": Decimal("1.25")},
        )
    ).lines
    assert (lines.start, lines.inflows, lines.currency, lines.end) == (
        80,
        50,
        Decimal("57.5"),
        Decimal("187.5"),
    )


def test_fees_and_taxes_are_lines_of_their_own_wherever_they_were_paid():
    movements = [
        moved(Nature.FLOW, -30),
        moved(Nature.INCOME, 50),
        moved(Nature.CHARGE, "-7.5", levy=Levy.TAX),
        moved(Nature.TRADE, -5, levy=Levy.FEE),
        moved(Nature.CHARGE, 2, levy=Levy.FEE),
    ]
    lines = reconcile(period(movements=movements, start={"EUR": 100}, end={"EUR": "109.5"})).lines
    assert (lines.outflows, lines.income, lines.fees, lines.taxes) == (30, 50, 3, Decimal("7.5"))


def test_units_that_leave_unsold_realise_nothing():
    # 10 worth 100 each leave at 130: 300 were gained, none of it by a sale.
    out = fill(-10, -1300, passing=True, may_open=False)
    lines = reconcile(
        period(asset(mark(100), mark(None), lots=[lot(10)]), events=[out], unsold=frozenset({9}))
    ).lines
    assert (lines.outflows, lines.realized, lines.unrealized, lines.end) == (1300, 0, 300, 0)


def test_a_short_gains_when_the_price_falls():
    lines = reconcile(period(asset(mark(100), mark(80), lots=[lot(-5)], quantity=-5))).lines
    assert (lines.start, lines.unrealized, lines.end) == (-500, 100, -400)


def test_what_is_missing_is_named_and_the_ends_that_are_known_stay():
    held = asset(mark(None, None), mark(100), lots=[lot(10)], quantity=10)
    unrated = moved(Nature.INCOME, 5, currency="CHF", base=None)
    found = reconcile(period(held, movements=[unrated, unrated], end={"JPY": 1, "GBP": 0}))
    assert (found.start, found.end, found.lines) == (None, None, None)
    assert found.missing == (
        Missing(figure="startValue", reason=Reason.NO_PRICE, about="ACME"),
        Missing(figure="startValue", reason=Reason.NO_RATE, about="USD"),
        Missing(figure="endValue", reason=Reason.NO_RATE, about="JPY"),
        Missing(figure="currencyGain", reason=Reason.NO_RATE, about="CHF"),
    )


def test_what_was_found_missing_in_between_leaves_no_lines():
    gap = Missing(figure="realizedGain", reason=Reason.MISSING_ACQUISITION, about="ACME")
    found = reconcile(period(start={"EUR": 1}, end={"EUR": 1}, missing=(gap,)))
    assert (found.start, found.end, found.lines, found.missing) == (1, 1, None, (gap,))


def test_a_sale_without_a_rate_leaves_no_lines_even_if_it_brought_nothing():
    found = reconcile(
        period(asset(mark(100), mark(100), lots=[lot(1)]), events=[fill(-1, 0, rate=None)])
    )
    assert found.lines is None
    assert found.missing == (Missing(figure="realizedGain", reason=Reason.NO_RATE),)


def test_lines_that_do_not_add_up_are_a_defect():
    with pytest.raises(UnbalancedError, match="a residual of -1 is left") as caught:
        reconcile(period(start={"EUR": 1}, end={"EUR": 2}))
    assert caught.value.lines.residual == -1


def test_units_that_are_not_those_of_the_events_are_a_defect():
    held = asset(mark(100), mark(100), lots=[lot(1)], quantity=2)
    with pytest.raises(UnbalancedError):
        reconcile(period(held))


def test_nothing_is_worth_nothing_without_a_price():
    assert worth(Decimal(0), mark(None, None)) == Amounts()
    assert unmarked(Decimal(0), mark(None, None), figure="x", asset=asset(mark(1), mark(1))) == []
    assert worth(Decimal(2), mark(3, None)) == Amounts(own=Decimal(6), base=None)


ZERO_LINES = Lines(**dict.fromkeys(Lines.__slots__, Decimal(0)))


def test_rounded_lines_add_up_because_the_one_that_is_off_most_gives_way():
    # 0.004 + 0.004 + 0.004 = 0.012: zeros cannot make 0.01, so one of them does.
    lines = replace(
        ZERO_LINES,
        **{name: Decimal("0.004") for name in ("realized", "unrealized", "income")},
        end=Decimal("0.012"),
    ).rounded(2)
    assert (lines.realized, lines.unrealized, lines.income) == (Decimal("0.01"), 0, 0)
    assert (lines.end, lines.residual) == (Decimal("0.01"), 0)


def test_a_line_of_whole_cents_stays_as_it_is():
    lines = replace(
        ZERO_LINES,
        start=Decimal("1.006"),
        inflows=Decimal("5.25"),
        currency=Decimal("0.008"),
        end=Decimal("6.264"),
    ).rounded(2)
    assert (lines.start, lines.inflows, lines.currency, lines.end) == (
        Decimal("1.01"),
        Decimal("5.25"),
        0,
        Decimal("6.26"),
    )


amounts = st.decimals(min_value=-1000, max_value=1000, places=5)


@given(parts=st.lists(amounts, min_size=9, max_size=9), places=st.integers(0, 3))
def test_rounded_lines_always_add_up_and_are_off_by_less_than_a_unit(parts, places):
    names = [name for name in Lines.__slots__ if name != "end"]
    lines = Lines(**dict(zip(names, parts, strict=True)), end=Decimal(0))
    lines = replace(lines, end=lines.residual)
    shown = lines.rounded(places)
    assert shown.residual == 0
    unit = Decimal(1).scaleb(-places)
    for name in Lines.__slots__:
        assert abs(getattr(shown, name) - getattr(lines, name)) <= unit
