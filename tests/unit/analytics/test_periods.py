"""Which days the name of a period stands for, and how days are cut by the calendar."""

from datetime import date

import pytest

from analytics.periods import Interval, PeriodName, Span, calendar_spans, span_of

TODAY = date(2024, 5, 31)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        (PeriodName.ONE_DAY, date(2024, 5, 31)),
        (PeriodName.ONE_WEEK, date(2024, 5, 25)),
        (PeriodName.MONTH_TO_DATE, date(2024, 5, 1)),
        (PeriodName.ONE_MONTH, date(2024, 5, 1)),
        (PeriodName.THREE_MONTHS, date(2024, 3, 1)),
        (PeriodName.YEAR_TO_DATE, date(2024, 1, 1)),
        (PeriodName.ONE_YEAR, date(2023, 6, 1)),
        (PeriodName.THREE_YEARS, date(2021, 6, 1)),
        (PeriodName.FIVE_YEARS, date(2019, 6, 1)),
        (PeriodName.MAX, date(2015, 3, 2)),
    ],
)
def test_a_period_begins_on_the_day_after_the_one_it_starts_from(name, first):
    found = span_of(name, today=TODAY, first_day=date(2015, 3, 2))
    assert found == Span(first=first, last=TODAY)


def test_a_year_from_the_29th_of_february_starts_from_the_28th():
    found = span_of(PeriodName.ONE_YEAR, today=date(2024, 2, 29), first_day=TODAY)
    assert found.first == date(2023, 3, 1)


def test_days_are_cut_where_the_calendar_cuts_them():
    span = Span(first=date(2023, 12, 30), last=date(2024, 1, 9))
    weeks = calendar_spans(span, Interval.WEEK)
    assert [(one.first.day, one.last.day) for one in weeks] == [(30, 31), (1, 7), (8, 9)]
    assert len(calendar_spans(span, Interval.DAY)) == 11
    for interval in (Interval.MONTH, Interval.YEAR):
        assert [one.last for one in calendar_spans(span, interval)] == [
            date(2023, 12, 31),
            date(2024, 1, 9),
        ]
