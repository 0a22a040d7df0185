"""Performance over a period: returns, their series, and months or years."""

from datetime import date

import numpy as np
import strawberry
from numpy.typing import NDArray
from strawberry.types import Info

from analytics import measures, returns
from analytics.periods import Interval
from resolvers.attributions import (
    MAX_CONTRIBUTIONS,
    ReturnAttribution,
    attributions_of_performances,
)
from resolvers.batching import batched
from resolvers.benchmarks import BenchmarkComparison, comparisons_of
from resolvers.calendars import MAX_STRETCHES, CalendarReturn, calendar_of
from resolvers.context import Context
from resolvers.evidence import Evidence
from resolvers.gains import Scope
from resolvers.lots import FeePolicy
from resolvers.measures import Measure, measure_of
from resolvers.scalars import CurrencyCode, Ratio
from resolvers.scoping import (
    MAX_POINTS,
    POINTS,
    PerformanceInterval,
    PerformancePeriod,
    Scoped,
    TaxPolicy,
    scoped_of,
)
from resolvers.values import DateRangeInput, Money, amounts_of, ratio_of


@strawberry.type(
    description="A portfolio or position at the end of a day. Money is rounded to the currency's "
    "cash; a `statement` of the period has every line exact."
)
class PerformancePoint:
    """A portfolio or position at the end of a day."""

    day: date = strawberry.field(description="The day.")
    value: Money | None = strawberry.field(
        description="Cash plus market value; null where a price or rate is missing."
    )
    cash: Money | None = strawberry.field(
        description="All cash, none in a position; null where a rate is missing."
    )
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


@strawberry.type(
    description="How a portfolio or a position did over a period. Returns of a portfolio are of "
    "all of it, cash included: deposits, withdrawals and units that come or go without cash are "
    "flows, at the market value of their day. Those of a position are of its units: purchases "
    "are money in, sales and dividends money out. The last close on or before a day counts, for "
    "ten days at most."
)
class Performance:
    """How a portfolio or a position did over a period."""

    scoped: strawberry.Private[Scoped]
    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day.")
    currency: CurrencyCode = strawberry.field(description="What the figures are in.")

    def _measure(self, source: measures.Measure) -> Measure:
        evidence = Evidence(scoped=self.scoped)
        return measure_of(evidence.told(source), evidence)

    @strawberry.field(description="What was earned in money, in `currency`.")
    def gain(self) -> Measure:
        """Return the absolute gain."""
        return self._measure(returns.absolute_gain(self.scoped.period))

    @strawberry.field(
        description="The time-weighted return of the period, day by day: inflows at the start of "
        "their day, outflows at the end."
    )
    def time_weighted_return(self) -> Measure:
        """Return the time-weighted return."""
        return self._measure(returns.time_weighted(self.scoped.period))

    @strawberry.field(
        description="The time-weighted return a year, by 365 days with capital: days before, after "
        "and in between without any are left out. Under a year only with `force`."
    )
    def annualized_time_weighted_return(self, force: bool = False) -> Measure:
        """Return the time-weighted return a year."""
        period = self.scoped.period
        return self._measure(returns.annualized(period, returns.time_weighted(period), force=force))

    @strawberry.field(
        description="The money-weighted return of the period: the rate a year over the days with "
        "capital, days in between without any left out."
    )
    def money_weighted_return(self) -> Measure:
        """Return the money-weighted return."""
        return self._measure(returns.money_weighted(self.scoped.period))

    @strawberry.field(
        description="The money-weighted return a year (XIRR, actual days over 365); under a year "
        "only with `force`."
    )
    def annualized_money_weighted_return(self, force: bool = False) -> Measure:
        """Return the money-weighted return a year."""
        return self._measure(returns.money_weighted(self.scoped.period, annual=True, force=force))

    @strawberry.field(description="The gain over the capital at work on average.")
    def modified_dietz(self) -> Measure:
        """Return the Modified Dietz return."""
        return self._measure(returns.modified_dietz(self.scoped.period))

    attribution: ReturnAttribution = batched(
        attributions_of_performances,
        description="Which instruments, sectors, currencies or portfolios made the time-weighted "
        "return, the greatest contribution first unless `orderBy` says otherwise, at most "
        f"{MAX_CONTRIBUTIONS}; what prices made of it, and what exchange rates made.",
    )

    benchmark: BenchmarkComparison | None = batched(
        comparisons_of,
        description="An instrument by its symbol, or a blend of several, over the same days and "
        "with the same flows: the portfolio's own if none is named. Null without any.",
    )

    @strawberry.field(
        description="Its course, from the day it starts from on. Of more days than `points` those "
        f"are given that keep the shape; at most {MAX_POINTS}. Empty before the first booking."
    )
    def series(
        self, interval: PerformanceInterval = PerformanceInterval.DAY, points: int = POINTS
    ) -> list[PerformancePoint]:
        """Return the course of the value."""
        return _points(self.scoped, self.scoped.places(Interval(interval.value), points))

    @strawberry.field(
        description="A table of months, years or other stretches of the calendar, oldest first: "
        "the return of each, and by `ledger` what it was in money; at most "
        f"{MAX_STRETCHES}. Empty before the first booking."
    )
    async def calendar(
        self, interval: PerformanceInterval = PerformanceInterval.MONTH
    ) -> list[CalendarReturn]:
        """Return a table of months, years or other stretches."""
        return await calendar_of(self.scoped, Interval(interval.value))


def _points(scoped: Scoped, places: NDArray[np.intp]) -> list[PerformancePoint]:
    valued, series = scoped.valued, scoped.period.series
    if valued is None or not len(places):
        return []
    whole, within = valued.valuation, valued.scope
    cash = whole.cash_of(within)[scoped.rows]
    invested = whole.invested_in(within)[scoped.rows]
    net = series.inflow - series.outflow
    net[0] = 0.0  # what came on the day that it starts from is in its value
    came = np.add.reduceat(net[: places[-1] + 1], np.append(0, places[:-1] + 1))
    index = scoped.period.links.index()
    columns = (
        map(date.fromordinal, series.days[places].tolist()),
        *(
            amounts_of(amounts.tolist(), scoped.currency)
            for amounts in (series.value[places], cash[places], invested[places], came)
        ),
        map(ratio_of, (index[places] - 1).tolist()),
    )
    return [
        PerformancePoint(
            day=day, value=value, cash=paid, invested=spent, net_inflow=inflow, growth=growth
        )
        for day, value, paid, spent, inflow, growth in zip(*columns, strict=True)
    ]


async def performances_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    range: DateRangeInput | None = None,
    period: PerformancePeriod | None = None,
    currency: CurrencyCode | None = None,
    fee_policy: FeePolicy = FeePolicy.CAPITALIZE,
    tax_policy: TaxPolicy = TaxPolicy.GROSS,
) -> list[Performance]:
    """Work out how a level of portfolios, or of positions, did."""
    found = await scoped_of(
        parents,
        info.context,
        range=range,
        period=period,
        currency=currency,
        fee_policy=fee_policy,
        tax_policy=tax_policy,
    )
    return [performance_of(scoped) for scoped in found]


def performance_of(scoped: Scoped) -> Performance:
    """Build the performance of a scope."""
    return Performance(
        scoped=scoped,
        from_=scoped.span.first,
        to=scoped.span.last,
        currency=CurrencyCode(scoped.currency),
    )
