"""What ledgers say of stretches of the calendar."""

from datetime import UTC, date, datetime
from decimal import Decimal

from analytics.events import Amounts
from analytics.holdings import Closing, Holding
from analytics.ledger import Levy, Movement, Nature
from analytics.periods import Span
from services.entries import InstrumentState
from services.tallies import tallies_of

SPANS = [
    Span(first=date(2024, 1, 10), last=date(2024, 1, 31)),
    Span(first=date(2024, 2, 1), last=date(2024, 2, 20)),
]


def moved(day, nature, amount, levy=None):
    given = None if amount is None else Decimal(amount)
    return Movement(
        day=day, nature=nature, currency="EUR", amount=given, amount_base=given, levy=levy
    )


def closed(day, gain, quantity="1"):
    return Closing(
        event_id=1,
        lot_fill_id=1,
        opened_at=None,
        closed_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        quantity=Decimal(quantity),
        paid=Amounts(own=Decimal(0), base=Decimal(0)),
        received=Amounts(own=Decimal(gain), base=Decimal(gain)),
        rate=Decimal(1),
    )


def tallies(movements=(), closings=(), rate_on=lambda day: Decimal(1)):
    states = {7: InstrumentState(holding=Holding(closings=tuple(closings)))}
    return tallies_of(SPANS, movements=movements, states=states, rate_on=rate_on)


def test_what_is_of_no_stretch_is_left_out():
    early, between, late = date(2024, 1, 9), date(2024, 1, 31), date(2024, 2, 21)
    days = (early, between, late)
    january, february = tallies(
        [moved(day, Nature.FLOW, "5") for day in days], [closed(day, "3") for day in days]
    )
    assert (january.flows, january.realized) == (5, 3)
    assert (february.flows, february.realized) == (0, 0)
    assert january.closed == {(between, 7)}


def test_fees_and_taxes_within_trades_are_told_from_the_trades():
    day = date(2024, 2, 1)
    _, february = tallies(
        [
            moved(day, Nature.TRADE, "-100"),
            moved(day, Nature.TRADE, "-2", Levy.FEE),
            moved(day, Nature.INCOME, "50"),
            moved(day, Nature.CHARGE, "-7.5", Levy.TAX),
        ]
    )
    assert (february.fees, february.taxes, february.income) == (2, Decimal("7.5"), 50)


def test_a_missing_rate_makes_null_of_its_stretch_alone():
    day = date(2024, 2, 1)
    january, february = tallies(
        [moved(day, Nature.INCOME, None), moved(day, Nature.CHARGE, None, Levy.FEE)],
        [closed(day, "3")],
        rate_on=lambda _: None,
    )
    assert (february.income, february.fees, february.realized) == (None, None, None)
    assert (january.income, january.fees, january.realized) == (0, 0, 0)


def test_cash_for_a_fraction_closes_no_position():
    _, february = tallies(closings=[closed(date(2024, 2, 1), "3", quantity="0")])
    assert (february.realized, february.closed) == (3, frozenset())
