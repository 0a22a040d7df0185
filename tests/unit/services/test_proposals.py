"""Which splits and dividends a ledger lacks."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from models.market import DividendEvent
from services.proposals import unpaid

EX, PAY = date(2024, 5, 10), date(2024, 5, 16)  # Apple's of spring 2024


def dividend(ex_day=EX, pay_day=PAY):
    return DividendEvent(
        symbol="AAPL",
        ex_day=ex_day,
        amount=Decimal("0.25"),
        currency="USD",
        source="test",
        pay_day=pay_day,
    )


@pytest.mark.parametrize(
    ("booked", "settled"),
    [
        (EX - timedelta(days=1), False),
        (EX, True),
        (PAY, True),
        (PAY + timedelta(days=30), True),
        (PAY + timedelta(days=31), False),
    ],
)
def test_a_booking_from_the_ex_day_to_a_month_after_the_pay_day_is_that_dividend(booked, settled):
    assert (unpaid([dividend()], [booked]) == []) is settled


def test_without_a_pay_day_the_month_begins_with_the_ex_day():
    one = dividend(pay_day=None)
    assert unpaid([one], [EX + timedelta(days=30)]) == []
    assert unpaid([one], [EX + timedelta(days=31)]) == [one]


def test_a_booking_stands_for_one_dividend_the_one_paid_nearest():
    may, june = dividend(), dividend(date(2024, 6, 10), date(2024, 6, 14))
    # A month's window reaches the next month's dividend too.
    assert unpaid([may, june], [date(2024, 6, 14)]) == [may]
    assert unpaid([may, june], [date(2024, 5, 17)]) == [june]
    assert unpaid([may, june], [date(2024, 5, 17), date(2024, 6, 14)]) == []
