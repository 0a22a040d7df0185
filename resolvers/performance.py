"""Performance of a portfolio over a period: returns, their series, and months or years."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum

import numpy as np
import strawberry
from strawberry.types import Info

from analytics import periods, returns
from analytics.attribution import table_of
from analytics.downsampling import downsample
from analytics.periods import Interval, PeriodName, Span, calendar_spans, span_of
from analytics.series import Series, links_of
from analytics.valuations import Policy
from resolvers.context import Context
from resolvers.gains import Scope
from resolvers.loaders import ValueKey
from resolvers.lots import FeePolicy
from resolvers.measures import Measure, measure_of
from resolvers.scalars import CurrencyCode, Ratio
from resolvers.values import (
    DateRangeInput,
    Money,
    NullReason,
    bad_input,
    check_day,
    checked_currency,
    money,
)
from services.valuing import Valued

MAX_POINTS = 10_000
POINTS = 500


@strawberry.enum(description="A period that ends today.")
class PerformancePeriod(Enum):
    """A period that ends today."""

    ONE_DAY = strawberry.enum_value("ONE_DAY", description="Since the end of yesterday.")
    ONE_WEEK = strawberry.enum_value("ONE_WEEK", description="The last seven days.")
    MONTH_TO_DATE = strawberry.enum_value("MONTH_TO_DATE", description="Since the month began.")
    ONE_MONTH = strawberry.enum_value("ONE_MONTH", description="Since this day of last month.")
    THREE_MONTHS = strawberry.enum_value("THREE_MONTHS", description="Of the last three months.")
    YEAR_TO_DATE = strawberry.enum_value("YEAR_TO_DATE", description="Since the year began.")
    ONE_YEAR = strawberry.enum_value("ONE_YEAR", description="Since this day of last year.")
    THREE_YEARS = strawberry.enum_value("THREE_YEARS", description="Of the last three years.")
    FIVE_YEARS = strawberry.enum_value("FIVE_YEARS", description="Of the last five years.")
    MAX = strawberry.enum_value("MAX", description="Since the first booking.")


@strawberry.enum(description="Whether taxes are lost.")
class TaxPolicy(Enum):
    """Whether taxes are lost."""

    GROSS = strawberry.enum_value(
        "GROSS", description="Before taxes: they count as taken out, as if paid from elsewhere."
    )
    NET = strawberry.enum_value("NET", description="After taxes: they are lost.")


@strawberry.enum(description="How far the points of a series are apart.")
class PerformanceInterval(Enum):
    """How far points are apart."""

    DAY = strawberry.enum_value("DAY", description="Every calendar day.")
    WEEK = strawberry.enum_value("WEEK", description="The last day of each week.")
    MONTH = strawberry.enum_value("MONTH", description="The last day of each month.")
    YEAR = strawberry.enum_value("YEAR", description="The last day of each year.")


@strawberry.type(
    description="A portfolio at the end of a day. Money is rounded to the currency's cash; a "
    "`statement` of the period has every line exact."
)
class PerformancePoint:
    """A portfolio at the end of a day."""

    day: date = strawberry.field(description="The day.")
    value: Money | None = strawberry.field(
        description="Cash plus market value; null where a price or rate is missing."
    )
    cash: Money | None = strawberry.field(description="All cash; null where a rate is missing.")
    invested: Money | None = strawberry.field(
        description="Cost of what was held, fees included; null where a rate is missing."
    )
    net_inflow: Money | None = strawberry.field(
        description="What came in less what went out since the point before, at the rates of their "
        "days; null where one is not known."
    )
    growth: Ratio | None = strawberry.field(
        description="The time-weighted return since the start; null where it is not known."
    )


@strawberry.type(description="The return of one stretch of the calendar.")
class CalendarReturn:
    """The return of one stretch of the calendar."""

    from_: date = strawberry.field(name="from", description="Its first day.")
    to: date = strawberry.field(description="Its last day.")
    time_weighted_return: Ratio | None = strawberry.field(
        description="Its time-weighted return; all of them linked are that of the period."
    )
    reason: NullReason | None = strawberry.field(description="Why it is null; null if it is not.")


@dataclass(frozen=True, kw_only=True)
class Scoped:
    """A portfolio over a period, in a currency, by a policy."""

    period: returns.Period
    span: Span
    currency: str
    valued: Valued | None


def _amount(value: float, currency: str) -> Money | None:
    return None if np.isnan(value) else money(Decimal(repr(float(value))), currency)


def _ratio(value: float | None) -> Ratio | None:
    return None if value is None or np.isnan(value) else Ratio(round(float(value), 12))


@strawberry.type(
    description="How a portfolio did over a period. Returns are of all of it, cash included; "
    "deposits, withdrawals and units that come or go without cash are flows, at the market value "
    "of their day. The last close on or before a day counts, for ten days at most."
)
class Performance:
    """How a portfolio did over a period."""

    scoped: strawberry.Private[Scoped]
    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day.")
    currency: CurrencyCode = strawberry.field(description="What the figures are in.")

    @strawberry.field(description="What was earned in money, in `currency`.")
    def gain(self) -> Measure:
        """Return the absolute gain."""
        return measure_of(returns.absolute_gain(self.scoped.period))

    @strawberry.field(
        description="The time-weighted return of the period, day by day: inflows at the start of "
        "their day, outflows at the end."
    )
    def time_weighted_return(self) -> Measure:
        """Return the time-weighted return."""
        return measure_of(returns.time_weighted(self.scoped.period))

    @strawberry.field(
        description="The time-weighted return a year, by 365 days; under a year only with `force`."
    )
    def annualized_time_weighted_return(self, force: bool = False) -> Measure:
        """Return the time-weighted return a year."""
        period = self.scoped.period
        return measure_of(returns.annualized(period, returns.time_weighted(period), force=force))

    @strawberry.field(description="The money-weighted return of the period.")
    def money_weighted_return(self) -> Measure:
        """Return the money-weighted return."""
        return measure_of(returns.money_weighted(self.scoped.period))

    @strawberry.field(
        description="The money-weighted return a year (XIRR, actual days over 365); under a year "
        "only with `force`."
    )
    def annualized_money_weighted_return(self, force: bool = False) -> Measure:
        """Return the money-weighted return a year."""
        return measure_of(returns.money_weighted(self.scoped.period, annual=True, force=force))

    @strawberry.field(description="The gain over the capital at work on average.")
    def modified_dietz(self) -> Measure:
        """Return the Modified Dietz return."""
        return measure_of(returns.modified_dietz(self.scoped.period))

    @strawberry.field(
        description="Its course, from the day it starts from on. Of more days than `points` those "
        f"are given that keep the shape; at most {MAX_POINTS}. Empty before the first booking."
    )
    def series(
        self, interval: PerformanceInterval = PerformanceInterval.DAY, points: int = POINTS
    ) -> list[PerformancePoint]:
        """Return the course of the value."""
        if not 3 <= points <= MAX_POINTS:
            raise bad_input(f"`points` must be from 3 to {MAX_POINTS}.")
        return _points(self.scoped, Interval(interval.value), points)

    @strawberry.field(description="The time-weighted return of each stretch of the calendar.")
    def calendar(
        self, interval: PerformanceInterval = PerformanceInterval.MONTH
    ) -> list[CalendarReturn]:
        """Return a table of months, years or other stretches."""
        if self.scoped.valued is None:
            return []
        found = table_of(self.scoped.period.series, self.scoped.span, Interval(interval.value))
        return [
            CalendarReturn(
                from_=one.span.first,
                to=one.span.last,
                time_weighted_return=_ratio(one.value),
                reason=None if one.reason is None else NullReason(one.reason.value),
            )
            for one in found
        ]


def _points(scoped: Scoped, interval: Interval, points: int) -> list[PerformancePoint]:
    valued, series = scoped.valued, scoped.period.series
    if valued is None:
        return []
    places = np.arange(len(series.days))
    if interval is not Interval.DAY:
        ends = [one.last.toordinal() for one in calendar_spans(scoped.span, interval)]
        places = np.flatnonzero(np.isin(series.days, [series.days[0], *ends]))
    if len(places) > points:
        places = places[downsample(series.value[places], points=points)]
    whole, within = valued.valuation, valued.scope
    begin = int(series.days[0] - whole.days[0])
    rows = slice(begin, begin + len(series.days))
    cash, invested = whole.cash_of(within)[rows], whole.invested_in(within)[rows]
    net = np.cumsum(series.inflow - series.outflow)
    came = np.diff(net[places], prepend=net[0])
    index = links_of(series).index()
    return [
        PerformancePoint(
            day=date.fromordinal(int(series.days[place])),
            value=_amount(series.value[place], scoped.currency),
            cash=_amount(cash[place], scoped.currency),
            invested=_amount(invested[place], scoped.currency),
            net_inflow=_amount(inflow, scoped.currency),
            growth=_ratio(index[place] - 1),
        )
        for place, inflow in zip(places, came, strict=True)
    ]


def _empty(span: Span) -> Series:
    days = np.arange(span.first.toordinal() - 1, span.last.toordinal() + 1)
    none = np.zeros(len(days))
    return Series(
        days=days, value=none, inflow=none, outflow=none, fresh=np.zeros(len(days), dtype=bool)
    )


def checked_range(
    range: DateRangeInput | None, period: PerformancePeriod | None, *, today: date
) -> DateRangeInput | PeriodName:
    """Check what days are asked for; all since the first booking if nothing is said."""
    if range is None:
        return PeriodName((period or PerformancePeriod.MAX).value)
    if period is not None:
        raise bad_input("Give `range` or `period`, not both.")
    check_day(range.first, today=today, argument="range.from")
    check_day(range.last, today=today, argument="range.to")
    if range.first > range.last:
        raise bad_input("`range.from` is after `range.to`.")
    return range


async def scoped_of(
    parents: "list[Scope]",
    context: Context,
    *,
    wanted: DateRangeInput | PeriodName,
    currency: str | None,
    policy: Policy,
) -> list[Scoped]:
    """Value a level of portfolios and cut the period out."""
    today = context.now().date()
    last = today if isinstance(wanted, PeriodName) else wanted.last
    targets = [currency or parent.row.base_currency for parent in parents]
    keys = [
        ValueKey(parent.row, parent.row.id or 0, target, last)
        for parent, target in zip(parents, targets, strict=True)
    ]
    scoped = []
    for valued, target in zip(await context.loaders.valued.load_many(keys), targets, strict=True):
        first_day = today if valued is None else valued.first_day
        span = (
            span_of(wanted, today=today, first_day=first_day)
            if isinstance(wanted, PeriodName)
            else Span(first=wanted.first, last=wanted.last)
        )
        known = valued is not None and span.last >= first_day
        series = (
            valued.valuation.series(valued.scope, policy).cut(span.first, span.last)
            if valued is not None and known
            else _empty(span)
        )
        scoped.append(
            Scoped(
                period=returns.Period(series=series),
                span=periods.Span(first=max(span.first, min(first_day, span.last)), last=span.last)
                if known
                else span,
                currency=target,
                valued=valued if known else None,
            )
        )
    return scoped


async def performances_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    range: DateRangeInput | None = None,
    period: PerformancePeriod | None = None,
    currency: CurrencyCode | None = None,
    fee_policy: FeePolicy = FeePolicy.CAPITALIZE,
    tax_policy: TaxPolicy = TaxPolicy.GROSS,
) -> list[Performance]:
    """Work out how a level of portfolios did."""
    wanted = checked_range(range, period, today=info.context.now().date())
    checked_currency(currency, argument="currency")
    policy = Policy(
        net_of_tax=tax_policy is TaxPolicy.NET, expensed=fee_policy is FeePolicy.EXPENSE
    )
    found = await scoped_of(parents, info.context, wanted=wanted, currency=currency, policy=policy)
    return [
        Performance(
            scoped=scoped,
            from_=scoped.span.first,
            to=scoped.span.last,
            currency=CurrencyCode(scoped.currency),
        )
        for scoped in found
    ]
