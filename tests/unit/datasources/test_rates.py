"""The arithmetic of cross rates, by hand."""

from datetime import date
from decimal import Decimal

import pytest

from datasources.rates import cross, days_back, is_fixed
from models.market import EuroRate, RateQuestion

FRIDAY, SUNDAY = date(2026, 11, 13), date(2026, 11, 15)


def leg(currency, day, value):
    return EuroRate(currency=currency, day=day, value=Decimal(value), source="bank")


def look_in(*legs):
    known = {(one.currency, one.day): one for one in legs}
    return lambda currency, day: known.get((currency, day))


def ask(base, target, day, *legs):
    question = RateQuestion(base=base, target=target, day=day)
    return cross(question, days=days_back(day), look=look_in(*legs))


def test_a_cross_rate_divides_and_names_both_legs():
    dollar, pound = leg("USD", FRIDAY, "1.12"), leg("GBP", FRIDAY, "0.84")
    rate = ask("USD", "GBP", SUNDAY, dollar, pound)
    assert (rate.value, rate.day, rate.source) == (Decimal("0.75"), FRIDAY, "bank")
    assert rate.legs == (dollar, pound)


def test_the_euro_is_no_leg():
    dollar = leg("USD", FRIDAY, "1.25")
    there, back = ask("EUR", "USD", FRIDAY, dollar), ask("USD", "EUR", FRIDAY, dollar)
    assert (there.value, there.legs, there.source) == (Decimal("1.25"), (dollar,), "bank")
    assert (back.value, back.legs, back.source) == (Decimal("0.8"), (dollar,), "bank")


def test_legs_of_two_days_make_no_rate():
    assert ask("USD", "GBP", SUNDAY, leg("USD", SUNDAY, "1"), leg("GBP", FRIDAY, "1")) is None


@pytest.mark.parametrize(("asked", "found"), [(20, True), (21, False)])
def test_a_rate_stands_for_a_week(asked, found):
    rate = ask("EUR", "USD", date(2026, 11, asked), leg("USD", FRIDAY, "1.12"))
    assert (rate is not None) == found


# The day each currency joined the euro, and the rate the Council of the European Union fixed.
@pytest.mark.parametrize(
    ("currency", "since", "value"),
    [
        ("SIT", "2007-01-01", "239.640"),
        ("CYP", "2008-01-01", "0.585274"),
        ("MTL", "2008-01-01", "0.429300"),
        ("SKK", "2009-01-01", "30.1260"),
        ("EEK", "2011-01-01", "15.6466"),
        ("LVL", "2014-01-01", "0.702804"),
        ("LTL", "2015-01-01", "3.45280"),
        ("HRK", "2023-01-01", "7.53450"),
        ("BGN", "2026-01-01", "1.95583"),
    ],
)
def test_a_currency_that_joined_the_euro_is_fixed_from_that_day_on(currency, since, value):
    joined = date.fromisoformat(since)
    assert ask("EUR", currency, joined).value == Decimal(value)
    assert ask("EUR", currency, SUNDAY).value == Decimal(value)
    assert is_fixed(currency, joined)
    before = date.fromordinal(joined.toordinal() - 1)
    assert ask("EUR", currency, before) is None
    published = leg(currency, before, "9.87")
    assert ask("EUR", currency, before, published).value == Decimal("9.87")
