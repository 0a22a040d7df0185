"""Totals of a ledger and the capital at work, with the arithmetic beside each figure."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.events import Amounts
from analytics.holdings import Passage
from analytics.ledger import (
    Movement,
    Nature,
    Totals,
    average_capital,
    cash_of,
    flow_totals,
    sum_of,
    sum_totals,
    totals_of,
)

FIRST = date(2024, 1, 1)


def day(number):
    """Return a day of January 2024."""
    return date(2024, 1, number)


def move(nature, amount, *, on=FIRST, currency="EUR", base="same"):
    known = Decimal(amount) if base == "same" else base
    return Movement(
        day=on,
        nature=nature,
        currency=currency,
        amount=Decimal(amount),
        amount_base=known if known is None else Decimal(known),
    )


def deposit(amount, number):
    return move(Nature.FLOW, amount, on=day(number))


def test_a_trade_moves_no_total():
    assert totals_of(move(Nature.TRADE, -500)) == Totals()


def test_a_trade_without_a_rate_is_no_gap_in_the_totals():
    assert totals_of(move(Nature.TRADE, -500, base=None)) == Totals()


def test_money_paid_in_counts_with_the_number_of_its_day():
    # 1 January 2024 is day 738886 of the calendar: 1000 x 738886 = 738886000.
    assert totals_of(move(Nature.FLOW, 1000)) == Totals(
        inflow=Decimal(1000), inflow_days=Decimal(738886000)
    )


def test_money_taken_out_counts_as_a_positive_outflow():
    # Five days later: 200 x 738891 = 147778200.
    assert totals_of(move(Nature.FLOW, -200, on=day(6))) == Totals(
        outflow=Decimal(200), outflow_days=Decimal(147778200)
    )


def test_income_counts_before_the_tax_withheld_from_it_which_is_a_charge():
    # The published example of a dividend: earnings 110, tax 10, cash 100.
    dividend = [move(Nature.INCOME, 110), move(Nature.CHARGE, -10)]
    assert sum_totals(dividend) == Totals(income=Decimal(110), charges=Decimal(10))
    assert cash_of(dividend) == {"EUR": Decimal(100)}


def test_interest_paid_is_negative_income_and_a_refund_a_negative_charge():
    assert totals_of(move(Nature.INCOME, -3)) == Totals(income=Decimal(-3))
    assert totals_of(move(Nature.CHARGE, 4)) == Totals(charges=Decimal(-4))


def test_a_custody_fee_is_a_charge():
    # The published example: 49 of fees that are no cost of any position.
    assert totals_of(move(Nature.CHARGE, -49)) == Totals(charges=Decimal(49))


def test_a_fee_in_dollars_counts_at_the_rate_of_its_day():
    # 4.46 USD are 3.94 EUR.
    fee = move(Nature.CHARGE, "-4.46", currency="USD", base="-3.94")
    assert totals_of(fee) == Totals(charges=Decimal("3.94"))


@pytest.mark.parametrize(
    "movement",
    [
        move(Nature.FLOW, 10, base=None),
        move(Nature.CHARGE, -10, base=None),
        move(Nature.INCOME, 10, base=None),
    ],
    ids=["flow", "charge", "income"],
)
def test_an_entry_without_a_rate_is_counted_as_a_gap_and_not_as_zero_money(movement):
    assert totals_of(movement) == Totals(unrated=1)


def test_a_ledger_adds_up():
    ledger = [
        deposit(1000, 1),
        move(Nature.TRADE, -400, on=day(2)),
        move(Nature.INCOME, 110, on=day(3)),
        move(Nature.CHARGE, -10, on=day(3)),
        move(Nature.CHARGE, -49, on=day(4)),
        deposit(-200, 6),
        move(Nature.FLOW, 7, on=day(7), currency="USD", base=None),
    ]
    assert sum_totals(ledger) == Totals(
        inflow=Decimal(1000),
        inflow_days=Decimal(738886000),
        outflow=Decimal(200),
        outflow_days=Decimal(147778200),
        income=Decimal(110),
        charges=Decimal(59),  # 10 + 49
        unrated=1,
    )


def test_units_that_pass_without_cash_are_flows_of_what_they_are_worth():
    def passage(own, base, number):
        return Passage(
            event_id=1,
            at=datetime(2024, 1, number, 15, 30, tzinfo=UTC),
            quantity=Decimal(1),
            worth=Amounts(own=Decimal(own), base=None if base is None else Decimal(base)),
        )

    passages = [passage(1100, 1000, 1), passage(-220, -200, 6), passage(5, None, 7)]
    assert flow_totals(passages) == Totals(
        inflow=Decimal(1000),
        inflow_days=Decimal(738886000),
        outflow=Decimal(200),
        outflow_days=Decimal(147778200),
        unrated=1,
    )


def test_totals_of_nothing_are_zero():
    assert sum_of() == sum_totals([]) == flow_totals([]) == Totals()
    assert Totals().contributed == Decimal(0)


def test_what_was_contributed_is_what_came_in_less_what_went_out():
    assert sum_totals([deposit(1000, 1), deposit(-200, 6)]).contributed == Decimal(800)


def test_cash_is_summed_by_currency_and_keeps_a_zero_balance():
    # EUR: 1000 - 400 - 600 = 0; USD: 0.1 + 0.2 = 0.3.
    ledger = [
        deposit(1000, 1),
        move(Nature.TRADE, -400),
        move(Nature.TRADE, -600),
        move(Nature.INCOME, "0.1", currency="USD", base=None),
        move(Nature.INCOME, "0.2", currency="USD", base=None),
    ]
    assert cash_of(ledger) == {"EUR": Decimal(0), "USD": Decimal("0.3")}


def test_there_is_no_capital_without_a_first_day_nor_before_it():
    assert average_capital(Totals(), first_day=None, last_day=day(1)) is None
    totals = sum_totals([deposit(1000, 2)])
    assert average_capital(totals, first_day=day(2), last_day=day(1)) is None


def test_a_deposit_of_the_first_day_works_all_the_time():
    totals = sum_totals([deposit(1000, 1)])
    for last in (1, 2, 31):
        assert average_capital(totals, first_day=day(1), last_day=day(last)) == Decimal(1000)


def test_a_flow_counts_for_the_share_of_the_time_it_was_there():
    # Days 1 to 10. 1000 from day 1: ten days. 500 from day 6: five days (6, 7, 8, 9, 10).
    # 200 out at the end of day 8: gone for two days (9, 10).
    # (1000 x 10 + 500 x 5 - 200 x 2) / 10 = (10000 + 2500 - 400) / 10 = 1210
    totals = sum_totals([deposit(1000, 1), deposit(500, 6), deposit(-200, 8)])
    assert average_capital(totals, first_day=day(1), last_day=day(10)) == Decimal(1210)


def test_money_in_and_out_on_the_last_day_worked_on_one_day_and_on_none():
    # (1000 x 10 + 500 x 1 - 200 x 0) / 10 = 1050
    totals = sum_totals([deposit(1000, 1), deposit(500, 10), deposit(-200, 10)])
    assert average_capital(totals, first_day=day(1), last_day=day(10)) == Decimal(1050)


amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=4)
movements = st.builds(
    lambda amount, number, nature, known: move(
        nature, amount, on=day(number), base="same" if known else None
    ),
    amounts,
    st.integers(1, 31),
    st.sampled_from(Nature),
    st.booleans(),
)


@given(st.lists(movements, max_size=12), st.lists(movements, max_size=12))
def test_taking_entries_away_undoes_adding_them(kept, voided):
    both = sum_totals([*kept, *voided])
    assert both == sum_totals(kept).plus(sum_totals(voided))
    assert both.plus(sum_totals(voided), sign=-1) == sum_totals(kept)


@given(st.lists(st.tuples(amounts, st.integers(1, 31)), min_size=1, max_size=12))
def test_the_average_capital_is_the_mean_of_each_days_capital(flows):
    # Day by day: what came in by this day less what had left before it.
    totals = sum_totals([deposit(amount, number) for amount, number in flows])
    by_day = [
        sum(
            (
                amount
                for amount, number in flows
                if (number <= today if amount >= 0 else number < today)
            ),
            Decimal(0),
        )
        for today in range(1, 32)
    ]
    found = average_capital(totals, first_day=day(1), last_day=day(31))
    assert abs(found - sum(by_day) / 31) < Decimal("1e-9")
