"""What performance and risk are of: a ledger, or one position of it, over a period by a policy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import strawberry
from numpy.typing import NDArray

from analytics import returns
from analytics.downsampling import downsample
from analytics.measures import Reason
from analytics.periods import Interval, PeriodName, Span, calendar_spans, span_of
from analytics.series import Series
from analytics.unknowns import unknown_flows
from analytics.valuations import Policy
from models.portfolios import Portfolio
from resolvers.context import Context
from resolvers.gains import Scope
from resolvers.loaders import ValueKey
from resolvers.lots import FeePolicy
from resolvers.values import DateRangeInput, bad_input, check_day, checked_currency
from services.aside import aside
from services.valuing import Valued

SCOPE = 50
"""So many entries take about as long as to put one scope together."""

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


@strawberry.enum(description="How far the points of a series are apart.")
class PerformanceInterval(Enum):
    """How far points are apart."""

    DAY = strawberry.enum_value("DAY", description="Every calendar day.")
    WEEK = strawberry.enum_value("WEEK", description="The last day of each week.")
    MONTH = strawberry.enum_value("MONTH", description="The last day of each month.")
    YEAR = strawberry.enum_value("YEAR", description="The last day of each year.")


@strawberry.enum(description="Whether taxes are lost.")
class TaxPolicy(Enum):
    """Whether taxes are lost."""

    GROSS = strawberry.enum_value(
        "GROSS", description="Before taxes: they count as taken out, as if paid from elsewhere."
    )
    NET = strawberry.enum_value("NET", description="After taxes: they are lost.")


@runtime_checkable
class Part(Protocol):
    """A scope that is the units of one instrument alone: what buys them comes from outside."""

    @property
    def instrument_key(self) -> int:
        """Return the key of the instrument."""


@dataclass(frozen=True, kw_only=True)
class Scoped:
    """A portfolio or position over a period, in a currency, by a policy.

    ``instrument`` is the key of the position's; null for all of a portfolio.
    """

    portfolio: Portfolio
    instrument: int | None
    period: returns.Period
    span: Span
    currency: str
    policy: Policy
    valued: Valued | None

    @property
    def rows(self) -> slice:
        """Return the days of the valuation that the period is, with the one it starts from."""
        days, whole = self.period.series.days, self.valued
        begin = 0 if whole is None else int(days[0] - whole.valuation.days[0])
        return slice(begin, begin + len(days))

    @cached_property
    def missing(self) -> tuple[Reason, str | None] | None:
        """Return why something of the days is not known, and of what: the first that is found.

        Units that were never acquired go before prices and rates.
        """
        valued = self.valued
        if valued is None:
            return None
        days = slice(self.rows.start + 1, self.rows.stop)
        flows = unknown_flows(valued.valuation, valued.scope, days, self.policy)
        flow = next(flows, None)
        if flow is not None and flow.reason is Reason.MISSING_ACQUISITION:
            return flow.reason, f"{flow.units:.12g} units of {valued.symbols[flow.instrument][0]}"
        unknown = np.flatnonzero(np.isnan(self.period.series.value)).tolist()
        ends = [place for place in unknown if place in {0, len(self.period.series.days) - 1}]
        if ends or (flow is None and unknown):
            place = self.rows.start + (ends or unknown)[0]
            reason, line = next(valued.valuation.missing(valued.scope, place))
            instrument, currency = line.instrument, valued.valuation.priced.currency(line)
        elif flow is not None:
            reason, instrument, currency = flow.reason, flow.instrument, flow.currency
        else:
            return None
        return reason, valued.symbols[instrument][0] if reason is Reason.NO_PRICE else currency

    def part(self, part: slice) -> "Scoped":
        """Return the same over some of the days, the first of which is what it starts from."""
        return replace(self, period=returns.Period(series=self.period.series.part(part)))

    def places(self, interval: Interval, points: int) -> NDArray[np.intp]:
        """Return the places of the days that a chart of so many points shows."""
        check_points(points)
        series = self.period.series
        places = np.arange(len(series.days))
        if interval is not Interval.DAY:
            ends = [one.last.toordinal() for one in calendar_spans(self.span, interval)]
            places = np.flatnonzero(np.isin(series.days, [series.days[0], *ends]))
        if len(places) > points:
            places = places[downsample(series.value[places], points=points)]
        return places


def check_points(points: int) -> None:
    """Refuse a number of points that no chart has."""
    if not 3 <= points <= MAX_POINTS:
        raise bad_input(f"`points` must be from 3 to {MAX_POINTS}.")


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
    parents: "Sequence[Scope]",
    context: Context,
    *,
    range: DateRangeInput | None,
    period: PerformancePeriod | None,
    currency: str | None,
    fee_policy: FeePolicy,
    tax_policy: TaxPolicy,
) -> list[Scoped]:
    """Value a level of portfolios, or of positions by their portfolios, and cut the period out."""
    today = context.now().date()
    wanted = checked_range(range, period, today=today)
    checked_currency(currency, argument="currency")
    policy = Policy(
        net_of_tax=tax_policy is TaxPolicy.NET, expensed=fee_policy is FeePolicy.EXPENSE
    )
    last = today if isinstance(wanted, PeriodName) else wanted.last
    targets = [currency or parent.row.base_currency for parent in parents]
    keys = [
        ValueKey(parent.row, parent.row.id or 0, target, last)
        for parent, target in zip(parents, targets, strict=True)
    ]
    found = await context.loaders.valued.load_many(keys)

    def cut() -> list[Scoped]:
        return [
            _cut(parent, valued, wanted, currency=target, policy=policy, today=today)
            for parent, valued, target in zip(parents, found, targets, strict=True)
        ]

    return await aside(_entries(parents), cut)


def _entries(parents: "Sequence[Scope]") -> range:
    """Return as many entries as it takes work to put scopes together."""
    return range(len(parents) * SCOPE)


def _cut(
    parent: Scope,
    valued: Valued | None,
    wanted: DateRangeInput | PeriodName,
    *,
    currency: str,
    policy: Policy,
    today: date,
) -> Scoped:
    instrument = None
    if isinstance(parent, Part):
        instrument = parent.instrument_key
        valued = valued and valued.of(instrument)
    first_day = today if valued is None else valued.first_day
    span = (
        span_of(wanted, today=today, first_day=first_day)
        if isinstance(wanted, PeriodName)
        else Span(first=wanted.first, last=wanted.last)
    )
    if valued is None or span.last < first_day:
        return Scoped(
            portfolio=parent.row,
            instrument=instrument,
            period=returns.Period(series=_empty(span)),
            span=span,
            currency=currency,
            policy=policy,
            valued=None,
        )
    series = valued.valuation.series(valued.scope, policy).cut(span.first, span.last)
    return Scoped(
        portfolio=parent.row,
        instrument=instrument,
        period=returns.Period(series=series),
        span=Span(first=max(span.first, first_day), last=span.last),
        currency=currency,
        policy=policy,
        valued=valued,
    )
