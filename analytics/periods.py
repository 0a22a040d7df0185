"""Names of periods, and the days they stand for."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

_DAY = timedelta(days=1)


class PeriodName(Enum):
    """A period that ends on the day of asking."""

    ONE_DAY = "ONE_DAY"
    ONE_WEEK = "ONE_WEEK"
    MONTH_TO_DATE = "MONTH_TO_DATE"
    ONE_MONTH = "ONE_MONTH"
    THREE_MONTHS = "THREE_MONTHS"
    YEAR_TO_DATE = "YEAR_TO_DATE"
    ONE_YEAR = "ONE_YEAR"
    THREE_YEARS = "THREE_YEARS"
    FIVE_YEARS = "FIVE_YEARS"
    MAX = "MAX"


class Interval(Enum):
    """How far the points of a series are apart."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


_MONTHS = {
    PeriodName.ONE_MONTH: 1,
    PeriodName.THREE_MONTHS: 3,
    PeriodName.ONE_YEAR: 12,
    PeriodName.THREE_YEARS: 36,
    PeriodName.FIVE_YEARS: 60,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Days from first to last, both included; a return starts from the end of the day before."""

    first: date
    last: date


def months_before(day: date, months: int) -> date:
    """Return the same day some months earlier, or the last of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def span_of(name: PeriodName, *, today: date, first_day: date) -> Span:
    """Return the days a name stands for; ``first_day`` is the first of all that is known.

    Three months on 2024-05-31 start from the end of 2024-02-29, so their first day is March 1st.
    """
    match name:
        case PeriodName.ONE_DAY:
            first = today
        case PeriodName.ONE_WEEK:
            first = today - 6 * _DAY
        case PeriodName.MONTH_TO_DATE:
            first = today.replace(day=1)
        case PeriodName.YEAR_TO_DATE:
            first = today.replace(month=1, day=1)
        case PeriodName.MAX:
            first = min(first_day, today)
        case _:
            first = months_before(today, _MONTHS[name]) + _DAY
    return Span(first=first, last=today)


def calendar_spans(span: Span, interval: Interval) -> list[Span]:
    """Cut days into those of single days, weeks from Monday, months or years; ends may be short."""
    spans = []
    first = span.first
    while first <= span.last:
        last = min(_last_of(first, interval), span.last)
        spans.append(Span(first=first, last=last))
        first = last + _DAY
    return spans


def _last_of(day: date, interval: Interval) -> date:
    match interval:
        case Interval.DAY:
            return day
        case Interval.WEEK:
            return day + (6 - day.weekday()) * _DAY
        case Interval.MONTH:
            return day.replace(day=monthrange(day.year, day.month)[1])
        case Interval.YEAR:
            return day.replace(month=12, day=31)
