"""What the price made of a gain, and what the exchange rate made of it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.events import Amounts
from analytics.gains import Split, split_realized, split_unrealized
from analytics.holdings import Closing


def known(text):
    return None if text is None else Decimal(text)


def unrealized(value, cost, cost_base, rate):
    return split_unrealized(
        value=known(value), cost=Decimal(cost), cost_base=known(cost_base), rate=known(rate)
    )


def closing(cost, rate_then, proceeds, rate_now):
    cost, proceeds = Decimal(cost), Decimal(proceeds)
    return Closing(
        event_id=2,
        lot_fill_id=1,
        opened_at=datetime(2024, 1, 1, tzinfo=UTC),
        closed_at=datetime(2024, 2, 1, tzinfo=UTC),
        quantity=Decimal(1),
        paid=Amounts(own=cost, base=cost * Decimal(rate_then)),
        received=Amounts(own=proceeds, base=proceeds * Decimal(rate_now)),
        rate=Decimal(rate_now),
    )


SOLD = closing("89.12", "0.9238", "116.45", "0.8854")
# 116.45 x 0.8854 - 89.12 x 0.9238 = 103.10483 - 82.329056 = 20.775774:
# (116.45 - 89.12) x 0.8854 = 24.197982 and 89.12 x (0.8854 - 0.9238) = -3.422208.
PARTS = Split(price=Decimal("24.197982"), currency=Decimal("-3.422208"))


def test_the_cost_times_the_change_of_the_rate_is_the_currencys_and_the_rest_the_prices():
    assert split_realized(SOLD) == PARTS
    assert SOLD.gain_base == Decimal("20.775774")


def test_units_still_held_gain_in_the_same_two_ways():
    assert unrealized("116.45", "89.12", "82.329056", "0.8854") == PARTS


def test_a_short_gains_when_its_currency_falls():
    # 100 came in at 0.9, 80 to buy back at 0.8: 90 - 64 = 26.
    # Currency -100 x (0.8 - 0.9) = 10, price (-80 + 100) x 0.8 = 16.
    short = closing(-100, "0.9", -80, "0.8")
    assert split_realized(short) == Split(price=Decimal(16), currency=Decimal(10))
    assert unrealized(-80, -100, -90, "0.8") == Split(price=Decimal(16), currency=Decimal(10))


def test_units_that_cost_nothing_gain_by_price_alone():
    assert unrealized(80, 0, 0, "0.8") == Split(price=Decimal(64), currency=Decimal(0))


@pytest.mark.parametrize(
    ("value", "cost_base", "rate"), [(None, 90, 1), (80, None, 1), (80, 90, None)]
)
def test_what_is_not_known_cannot_be_split(value, cost_base, rate):
    assert unrealized(value, 100, cost_base, rate) is None


def test_a_closing_without_a_rate_or_an_acquisition_cannot_be_split():
    assert split_realized(SOLD._replace(rate=None)) is None
    assert split_realized(SOLD._replace(paid=None)) is None
    assert split_realized(SOLD._replace(received=Amounts(own=Decimal(1), base=None))) is None


amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=6)
rates = st.decimals(min_value="0.0001", max_value=10**4, places=6)


@given(amounts, rates, amounts, rates)
def test_both_parts_are_together_the_whole_gain(cost, then, proceeds, now):
    one = closing(cost, then, proceeds, now)
    parts = split_realized(one)
    assert parts.price + parts.currency == one.gain_base


@given(amounts, rates, amounts)
def test_a_rate_that_stays_the_same_makes_no_part_of_the_gain(cost, rate, proceeds):
    assert split_realized(closing(cost, rate, proceeds, rate)).currency == 0
