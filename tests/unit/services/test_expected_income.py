"""Which dividends to expect, and what each rests on."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from models.market import Actions, DividendEvent, SplitEvent
from models.transactions import Transaction
from services.expected_income import Basis, Payer, expected_dividends

TODAY = date(2024, 6, 14)
A, E, B = Basis.ANNOUNCED, Basis.PAID_LAST_YEAR, Basis.BOOKED_LAST_YEAR


def dividend(ex_day, amount="0.25", pay_day=None):
    return DividendEvent(
        symbol="ACME",
        ex_day=ex_day,
        amount=Decimal(amount),
        currency="USD",
        source="test",
        pay_day=pay_day,
    )


def split(day, new, old="1"):
    return SplitEvent(symbol="ACME", day=day, new=Decimal(new), old=Decimal(old), source="test")


def booked(day, amount, kind="DIVIDEND", **extra):
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    given = {"amount": None if amount is None else Decimal(amount), "currency": "EUR"} | extra
    return Transaction(id=5, kind=kind, instrument_id=1, occurred_at=moment, **given)


class Held:
    """Ten units until a day, and then others."""

    def __init__(self, until=date.max, units="10", then="10"):
        self.until, self.units, self.then = until, Decimal(units), Decimal(then)

    def at(self, key, day):
        return self.units if day <= self.until else self.then


def expected(*dividends, splits=(), entries=(), held=None, units="10"):
    payer = Payer(
        instrument_id=1,
        units=Decimal(units),
        actions=Actions(splits=splits, dividends=dividends),
        entries=entries,
    )
    return expected_dividends([payer], held or Held(), today=TODAY)


def in_short(found):
    return [(one.basis, one.day, one.gross) for one in found]


def test_what_is_announced_comes_on_its_pay_day_or_else_on_its_ex_day():
    found = expected(
        dividend(date(2024, 8, 9), pay_day=date(2024, 8, 15)), dividend(date(2024, 11, 8))
    )
    assert in_short(found) == [(A, date(2024, 8, 15), 2.5), (A, date(2024, 11, 8), 2.5)]
    assert (found[0].ex_day, found[0].source, found[0].before) == (date(2024, 8, 9), "test", None)


def test_units_held_before_the_ex_day_get_what_is_not_yet_paid():
    paid = dividend(date(2024, 6, 10), pay_day=date(2024, 6, 20))
    sold = Held(until=date(2024, 6, 9), units="7", then="0")
    assert in_short(expected(paid, held=sold, units="0")) == [(A, date(2024, 6, 20), 1.75)]
    bought = Held(until=date(2024, 6, 9), units="0", then="7")
    assert expected(paid, held=bought, units="7") == []


def test_what_was_booked_already_is_not_expected_again():
    paid = dividend(date(2024, 6, 10), pay_day=date(2024, 6, 20))
    assert expected(paid, entries=[booked(date(2024, 6, 12), "2.5")]) == []


def test_units_are_as_many_as_an_announced_split_makes_of_them():
    found = expected(dividend(date(2024, 8, 9), "0.05"), splits=(split(date(2024, 7, 1), "5"),))
    assert (found[0].units, found[0].gross) == (50, Decimal("2.5"))


def test_what_was_paid_last_year_is_estimated_to_come_again():
    found = expected(dividend(date(2023, 8, 11), pay_day=date(2023, 8, 17)))
    (one,) = found
    assert in_short(found) == [(E, date(2024, 8, 17), 2.5)]
    assert (one.ex_day, one.before, one.source) == (date(2024, 8, 11), date(2023, 8, 11), "test")


@pytest.mark.parametrize("ex_day", [date(2023, 6, 14), date(2024, 6, 14)])
def test_the_last_year_begins_on_the_day_after_and_ends_today(ex_day):
    expected_day = [date(2025, 6, 14)] if ex_day == TODAY else []
    assert [one.day for one in expected(dividend(ex_day))] == expected_day


def test_an_estimate_is_for_units_of_now():
    found = expected(dividend(date(2023, 8, 11), "1"), splits=(split(date(2024, 1, 2), "4"),))
    assert found[0].per_unit == Decimal("0.25")


def test_what_is_announced_stands_for_the_estimate_near_to_it():
    quarters = [date(2023, 8, 11), date(2023, 11, 10), date(2024, 2, 9), date(2024, 5, 10)]
    found = expected(*(dividend(day) for day in quarters), dividend(date(2024, 8, 30), "0.30"))
    assert [(one.basis, one.day) for one in found] == [
        (A, date(2024, 8, 30)),
        (E, date(2024, 11, 10)),
        (E, date(2025, 2, 9)),
        (E, date(2025, 5, 10)),
    ]


def test_of_monthly_dividends_one_does_not_stand_for_the_next():
    months = [date(2023, month, 12) for month in range(7, 13)]
    months += [date(2024, month, 12) for month in range(1, 7)]
    found = expected(*(dividend(day) for day in months), dividend(date(2024, 7, 15)))
    assert [(one.basis, one.day) for one in found][:3] == [
        (A, date(2024, 7, 15)),
        (E, date(2024, 8, 12)),
        (E, date(2024, 9, 12)),
    ]
    assert len(found) == 12


def test_one_that_came_early_this_year_is_not_expected_again_days_later():
    found = expected(dividend(date(2023, 6, 20), "1"), dividend(date(2024, 6, 3), "1.1"))
    assert in_short(found) == [(E, date(2025, 6, 3), 11)]


def test_where_no_source_knows_what_was_booked_last_year_is_estimated():
    split_since = booked(
        date(2024, 1, 2), None, "SPLIT", ratio_new=Decimal(2), ratio_old=Decimal(1)
    )
    entries = [booked(date(2023, 9, 1), "30"), booked(date(2023, 3, 1), "99"), split_since]
    held = Held(until=date(2024, 1, 1), units="10", then="20")
    found = expected(entries=entries, held=held, units="20")
    (one,) = found
    assert in_short(found) == [(B, date(2024, 9, 1), 30)]
    assert (one.per_unit, one.entry_id, one.currency) == (Decimal("1.5"), 5, "EUR")
    assert (one.ex_day, one.source, one.before) == (None, None, date(2023, 9, 1))


def test_a_source_that_knows_dividends_is_believed_instead_of_bookings():
    old = dividend(date(2022, 8, 11))
    assert expected(old, entries=[booked(date(2023, 9, 1), "30")]) == []


def test_a_booking_without_units_before_it_tells_nothing_of_a_unit():
    held = Held(until=date(2023, 12, 31), units="0")
    assert expected(entries=[booked(date(2023, 9, 1), "30")], held=held) == []


def test_nothing_is_expected_of_short_positions_nor_beyond_a_year():
    assert expected(dividend(date(2024, 8, 9)), units="-10") == []
    far = dividend(date(2025, 6, 10), pay_day=date(2025, 6, 20))
    assert expected(far) == []
    assert len(expected(replace(far, pay_day=date(2025, 6, 14)))) == 1
