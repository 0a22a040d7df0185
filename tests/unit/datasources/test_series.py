"""Splits applied and taken back, and days joined to weeks and months."""

from datetime import date
from decimal import Decimal

import pytest

from datasources.series import aggregate, closes_of, cut, restate, restate_closes, was_restated
from models.market import Bar, BarInterval, SplitEvent


def bar(day, close, *, adjusted=False, **extra):
    return Bar(
        symbol="A",
        day=day,
        close=Decimal(close),
        currency=extra.pop("currency", "USD"),
        source="test",
        adjusted=adjusted,
        **{name: Decimal(value) for name, value in extra.items()},
    )


def split(day, new, old=1):
    return SplitEvent(symbol="A", day=day, new=Decimal(new), old=Decimal(old), source="test")


APPLE = [split(date(2014, 6, 9), 7), split(date(2020, 8, 31), 4)]


@pytest.mark.parametrize(
    ("day", "traded", "adjusted"),
    [
        # Apple's closes of the days before its splits of 7 and 4 for 1, and of the days themselves.
        (date(2014, 6, 6), "645.57", "23.05607142857142857142857143"),
        (date(2014, 6, 9), "93.70", "23.425"),
        (date(2020, 8, 28), "499.23", "124.8075"),
        (date(2020, 8, 31), "129.04", "129.04"),
    ],
)
def test_splits_after_a_day_are_applied_to_it_and_taken_back(day, traded, adjusted):
    (found,) = restate([bar(day, traded)], APPLE, adjusted=True)
    assert (found.close, found.adjusted) == (Decimal(adjusted), True)
    (back,) = restate([found], APPLE, adjusted=False)
    assert abs(back.close - Decimal(traded)) < Decimal("1e-20")
    assert back.adjusted is False


def test_a_split_moves_volume_the_other_way_and_all_prices_alike():
    (found,) = restate(
        [bar(date(2020, 8, 28), 500, open=480, high=520, low=460, volume=100)],
        APPLE,
        adjusted=True,
    )
    assert (found.open, found.high, found.low, found.volume) == (120, 130, 115, 400)


def test_a_reverse_split_raises_earlier_prices():
    (found,) = restate([bar(date(2024, 1, 1), 2)], [split(date(2024, 2, 1), 1, 10)], adjusted=True)
    assert found.close == 20


def test_bars_that_are_so_already_stay_as_they_are():
    bars = [bar(date(2014, 6, 6), 5, adjusted=True)]
    assert restate(bars, APPLE, adjusted=True) == bars


def test_a_correction_is_no_restatement_and_a_new_day_neither():
    monday, tuesday = date(2024, 6, 3), date(2024, 6, 4)
    before = [bar(monday, 100), bar(tuesday, 100)]
    assert not was_restated(before, [bar(monday, 101), bar(tuesday, 50)], until=tuesday)
    assert was_restated(before, [bar(monday, 50)], until=tuesday)
    assert was_restated(before, [bar(monday, 300)], until=tuesday)


WEEKS = [
    bar(date(2024, 5, 30), 10, open=9, high=12, low=8, volume=100),
    bar(date(2024, 5, 31), 11, open=10, high=13, low=9, volume=200),
    bar(date(2024, 6, 3), 12, open=11, high=12, low=7, volume=50),
]


def test_a_week_has_its_first_open_its_extremes_its_last_close_and_all_volume():
    week, rest = aggregate(WEEKS, BarInterval.WEEK)
    assert week == bar(date(2024, 5, 30), 11, open=9, high=13, low=8, volume=300)
    assert rest == WEEKS[2]


def test_a_month_ends_with_the_calendar_and_a_day_stays_a_day():
    assert [one.close for one in aggregate(WEEKS, BarInterval.MONTH)] == [11, 12]
    assert aggregate(WEEKS, BarInterval.DAY) == WEEKS


def test_the_last_days_of_a_year_may_belong_to_the_next_years_first_week():
    days = [date(2024, 12, 30), date(2025, 1, 2)]
    assert len(aggregate([bar(day, 10) for day in days], BarInterval.WEEK)) == 1
    assert len(aggregate([bar(day, 10) for day in days], BarInterval.MONTH)) == 2


def test_what_is_not_known_of_each_day_is_not_known_of_the_week():
    (week,) = aggregate([WEEKS[0], bar(date(2024, 5, 31), 11)], BarInterval.WEEK)
    assert (week.open, week.high, week.low, week.volume, week.close) == (9, None, None, None, 11)


def test_prices_of_two_currencies_are_never_joined():
    days = [bar(date(2024, 5, 30), 10), bar(date(2024, 5, 31), 9, currency="EUR")]
    assert aggregate(days, BarInterval.MONTH) == days


def test_no_days_make_no_weeks():
    assert aggregate([], BarInterval.WEEK) == []


@pytest.mark.parametrize("adjusted", [True, False])
def test_closes_as_arrays_are_restated_as_bars_are(adjusted):
    days = [date(2014, 6, 6), date(2014, 6, 9), date(2020, 8, 28), date(2020, 8, 31)]
    bars = [bar(day, "645.57", adjusted=not adjusted) for day in days]
    expected = restate(bars, APPLE, adjusted=adjusted)
    (found,) = closes_of(bars)
    found = restate_closes(found, APPLE[::-1], adjusted=adjusted)
    assert found.values == pytest.approx([float(one.close) for one in expected], rel=1e-15)
    assert restate_closes(found, [], adjusted=adjusted).values.tolist() == found.values.tolist()


def test_closes_as_arrays_are_apart_by_currency_and_cut_by_days():
    bars = [
        bar(date(2024, 1, 2), "10"),
        bar(date(2024, 1, 3), "11", currency="EUR"),
        bar(date(2024, 1, 4), "12"),
    ]
    dollars, euros = closes_of(bars)
    assert (dollars.currency, dollars.values.tolist()) == ("USD", [10, 12])
    assert (euros.currency, euros.values.tolist()) == ("EUR", [11])
    assert cut(dollars, date(2024, 1, 3), date(2024, 1, 4)).values.tolist() == [12]
    assert cut(dollars, date(2024, 1, 2), date(2024, 1, 3)).values.tolist() == [10]
    assert cut(dollars, date(2024, 2, 2), date(2024, 2, 3)).values.tolist() == []
