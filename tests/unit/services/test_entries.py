"""What an entry does to the cash."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from models.transactions import Kind, Transaction
from services.entries import movements_of

DAY = datetime(2024, 6, 3, tzinfo=UTC)


def purchase(*, settled_in):
    """Two units at 10 EUR with a fee of 1 EUR, of which each is 1.10 USD."""
    return Transaction(
        id=1,
        portfolio_id=1,
        instrument_id=7,
        kind=Kind.BUY.value,
        occurred_at=DAY,
        quantity=Decimal(2),
        price=Decimal(10),
        fee=Decimal(1),
        tax=Decimal(0),
        currency="EUR",
        settlement_currency=settled_in,
        instrument_currency="EUR",
        rate=Decimal("1.10"),
        created_at=DAY,
    )


@pytest.mark.parametrize(
    ("currency", "cash"),
    [("EUR", [Decimal(-20), Decimal(-1)]), ("USD", [Decimal(-22), Decimal("-1.10")])],
)
def test_cash_moves_alike_whether_it_is_rated_or_not(currency, cash):
    rated = movements_of(purchase(settled_in=currency))
    assert [one.amount_base for one in rated] == [Decimal(-22), Decimal("-1.10")]
    for movements in (rated, movements_of(purchase(settled_in=currency), rated=False)):
        assert [(one.currency, one.amount) for one in movements] == [
            (currency, amount) for amount in cash
        ]


def test_what_cash_in_its_own_currency_is_worth_is_left_out_unless_it_is_rated():
    movements = movements_of(purchase(settled_in="EUR"), rated=False)
    assert [one.amount_base for one in movements] == [None, None]
