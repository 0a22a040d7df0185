"""What a link shows of a portfolio: percentages, by types that have no amounts.

Amounts and units cannot be read off: all is rounded, and returns are before the fees of trades, for
a fee that is the same for any size would tell the size. Proportions are what a link is to show;
whoever knows more, as an amount that was paid in, can work out the rest from them.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import strawberry
from strawberry.types import Info

from analytics import measures, returns
from analytics.allocation import evened
from analytics.money import EXACT, ONE, ratio
from analytics.periods import Interval
from models.portfolios import Portfolio
from resolvers.context import Context
from resolvers.divisions import (
    AllocationDimension,
    SliceKind,
    by_of,
    divide,
    kind_of,
)
from resolvers.evidence import Evidence
from resolvers.figures import Ask, HoldingFacts, PortfolioFacts, facts_of, valuations_of
from resolvers.lots import FeePolicy
from resolvers.positions import position_of, unrealized_returns, weights
from resolvers.scalars import CurrencyCode, Ratio, Symbol
from resolvers.scoping import (
    POINTS,
    PerformanceInterval,
    PerformancePeriod,
    Scoped,
    TaxPolicy,
    scoped_of,
)
from resolvers.values import NullReason, bad_input, fraction, ratio_of
from resolvers.worths import worths_of
from services.sharing import portfolio_of_link

WEIGHT_PLACES = 2
"""Decimals of weights: by whole percents many numbers of units look the same."""

RETURN_PLACES = 3
"""Decimals of returns: a tenth of a percent."""


def coarse(value: Ratio | None, places: int = RETURN_PLACES) -> Ratio | None:
    """Round a ratio as far as a link shows it."""
    return None if value is None else Ratio(round(float(value), places) + 0.0)


@strawberry.type(description="What a link shows of one holding.")
class SharedHolding:
    """What a link shows of one holding."""

    symbol: Symbol = strawberry.field(description="The instrument's symbol.")
    name: str = strawberry.field(description="Its name.")
    weight: Ratio | None = strawberry.field(
        description="Share of the portfolio's value in whole percents, cash included; negative for "
        "a short position. Null while a price or rate is missing."
    )
    unrealized_return: Ratio | None = strawberry.field(
        description="Unrealised gain over cost, before fees; null while a price is missing."
    )


@strawberry.type(description="A slice of an allocation as a link shows it.")
class SharedSlice:
    """A slice of an allocation as a link shows it."""

    kind: SliceKind = strawberry.field(description="Whether it is cash, assigned or neither.")
    label: str = strawberry.field(description="What to show for it.")
    weight: Ratio | None = strawberry.field(
        description="Share of the whole in whole percents, cash included: all of them add up to 1. "
        "Null while any price or rate is missing."
    )


@strawberry.type(description="What a link shows of what a portfolio is made of: weights alone.")
class SharedAllocation:
    """What a link shows of what a portfolio is made of."""

    by: AllocationDimension = strawberry.field(description="What the slices are.")
    slices: list[SharedSlice] = strawberry.field(description="Largest first.")
    reason: NullReason | None = strawberry.field(
        description="Why there are no weights; null if there are."
    )


@strawberry.type(description="A return as a link shows it.")
class SharedReturn:
    """A return as a link shows it."""

    value: Ratio | None = strawberry.field(
        description="The return: 0.1 is 10 %. Rounded to a tenth of a percent."
    )
    reason: NullReason | None = strawberry.field(
        description="Why `value` is null; null if it is not."
    )


@strawberry.type(description="The return until the end of a day.")
class SharedPoint:
    """The return until the end of a day."""

    day: date = strawberry.field(description="The day.")
    growth: Ratio | None = strawberry.field(
        description="The time-weighted return since the start; null where it is not known."
    )


@strawberry.type(
    description="How a portfolio did over a period, in percent alone; returns are those of "
    "`Performance`, before taxes and before the fees of trades."
)
class SharedPerformance:
    """How a portfolio did over a period, in percent alone."""

    scoped: strawberry.Private[Scoped]
    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day.")

    def _shown(self, source: measures.Measure) -> SharedReturn:
        told = Evidence(scoped=self.scoped).told(source)
        return SharedReturn(
            value=coarse(ratio_of(told.value)),
            reason=None if told.reason is None else NullReason(told.reason.name),
        )

    @strawberry.field(description="The time-weighted return of the period.")
    def time_weighted_return(self) -> SharedReturn:
        """Return the time-weighted return."""
        return self._shown(returns.time_weighted(self.scoped.period))

    @strawberry.field(description="The time-weighted return a year; null of less than a year.")
    def annualized_time_weighted_return(self) -> SharedReturn:
        """Return the time-weighted return a year."""
        period = self.scoped.period
        return self._shown(returns.annualized(period, returns.time_weighted(period)))

    @strawberry.field(description="The money-weighted return of the period.")
    def money_weighted_return(self) -> SharedReturn:
        """Return the money-weighted return."""
        return self._shown(returns.money_weighted(self.scoped.period))

    @strawberry.field(
        description="Its course. Of more days than `points` those are given that keep the shape; "
        "empty before the first booking."
    )
    def series(
        self, interval: PerformanceInterval = PerformanceInterval.DAY, points: int = POINTS
    ) -> list[SharedPoint]:
        """Return the course of the return."""
        scoped = self.scoped
        places = scoped.places(Interval(interval.value), points)
        if scoped.valued is None or not len(places):
            return []
        index = scoped.period.links.index()
        days = scoped.period.series.days
        return [
            SharedPoint(
                day=date.fromordinal(int(days[place])), growth=coarse(ratio_of(index[place] - 1))
            )
            for place in places
        ]


@strawberry.type(
    description="What a link shows of a portfolio: names and rounded percentages. Amounts and "
    "units cannot be read off; proportions can, and who knows one amount can estimate others."
)
class SharedPortfolioView:
    """What a link shows of a portfolio."""

    row: strawberry.Private[Portfolio]
    facts: strawberry.Private[PortfolioFacts]
    name: str = strawberry.field(description="The owner's name for it.")
    base_currency: CurrencyCode = strawberry.field(description="What it is kept in.")
    cash_weight: Ratio | None = strawberry.field(
        description="Cash as a share of the value, in whole percents; null while a price or rate "
        "is missing."
    )
    holdings: list[SharedHolding] = strawberry.field(description="What it holds, by symbol.")
    expires_at: datetime = strawberry.field(description="When the link ends.")

    @strawberry.field(
        description="Return on the average capital since the first booking (modified Dietz), "
        "before taxes and the fees of trades, to a tenth of a percent; null while it is not known."
    )
    async def total_return(self, info: Info[Context, None]) -> Ratio | None:
        """Work out what the capital brought."""
        scoped = await self._scoped(info.context, PerformancePeriod.MAX)
        return coarse(ratio_of(returns.modified_dietz(scoped.period).value))

    @strawberry.field(
        description="Return since the close before today, before taxes and the fees of trades, to "
        "a tenth of a percent; null while it is not known."
    )
    async def day_change_ratio(self, info: Info[Context, None]) -> Ratio | None:
        """Work out what the day brought."""
        scoped = await self._scoped(info.context, PerformancePeriod.ONE_DAY)
        return coarse(ratio_of(returns.time_weighted(scoped.period).value))

    @strawberry.field(
        description="What it is made of by a dimension, weights alone. By anything but `TAG`: tags "
        "are their owner's own words."
    )
    async def allocation(
        self, info: Info[Context, None], by: AllocationDimension
    ) -> SharedAllocation:
        """Divide the portfolio by a dimension."""
        if by is AllocationDimension.TAG:
            raise bad_input("`by`: A link shows no tags: they are their owner's own words.")
        worths = await worths_of(info.context, [self.facts])
        (divided,) = await divide(info.context, worths, by_of(by, ""))
        found = divided.found
        missing = [NullReason(one.reason.name) for one in found.missing]
        if not missing and (found.net is None or found.net <= 0):
            missing = [NullReason.ZERO_VALUE]
        return SharedAllocation(
            by=by,
            slices=[
                SharedSlice(
                    kind=kind_of(one.key), label=divided.label(one.key), weight=fraction(weight)
                )
                for one, weight in zip(
                    found.slices, _shares([one.weight for one in found.slices]), strict=True
                )
            ],
            reason=next(iter(missing), None),
        )

    @strawberry.field(
        description="How it did over a period that ends today, in percent, in base currency."
    )
    async def performance(
        self,
        info: Info[Context, None],
        period: PerformancePeriod = PerformancePeriod.MAX,
    ) -> SharedPerformance:
        """Work out how the portfolio did."""
        scoped = await self._scoped(info.context, period)
        return SharedPerformance(scoped=scoped, from_=scoped.span.first, to=scoped.span.last)

    async def _scoped(self, context: Context, period: PerformancePeriod) -> Scoped:
        """Cut a period out, before the fees of trades."""
        (scoped,) = await scoped_of(
            [self],
            context,
            range=None,
            period=period,
            currency=None,
            fee_policy=FeePolicy.EXPENSE,
            tax_policy=TaxPolicy.GROSS,
        )
        return scoped


def _before_fees(held: HoldingFacts) -> HoldingFacts:
    """Leave the fees out of the cost."""
    return replace(held, cost=EXACT.subtract(held.cost, held.fees))


def _shares(weights: Sequence[Decimal | None]) -> Sequence[Decimal | None]:
    """Round weights so that they add up to one all the same."""
    known = [weight for weight in weights if weight is not None]
    return weights if len(known) < len(weights) else evened(known, ONE, places=WEIGHT_PLACES)


@strawberry.type
class LinkQueries:
    """Root fields that a link opens."""

    @strawberry.field(
        description="What a link shows, to whoever has its token: no account is needed. Null when "
        "there is no such link, or it has expired or been revoked."
    )
    async def shared_portfolio(
        self, info: Info[Context, None], token: str
    ) -> SharedPortfolioView | None:
        """Show a portfolio by a link."""
        context = info.context
        async with context.services.database.reading() as session:
            found = await portfolio_of_link(session, token, now=context.now())
        if found is None:
            return None
        portfolio, expires_at = found
        facts = await facts_of(context, [Ask(portfolio)])
        (valuation,) = await valuations_of(context, facts)
        held = [
            position_of(_before_fees(one), facts[0]) for one in facts[0].holdings if one.quantity
        ]
        shares, gains = await weights(held, info), await unrealized_returns(held, info)
        return SharedPortfolioView(
            row=portfolio,
            facts=facts[0],
            name=portfolio.name,
            base_currency=CurrencyCode(portfolio.base_currency),
            cash_weight=coarse(fraction(ratio(valuation.cash, valuation.value)), WEIGHT_PLACES),
            holdings=[
                SharedHolding(
                    symbol=one.symbol,
                    name=one.facts.instrument.name,
                    weight=coarse(weight, WEIGHT_PLACES),
                    unrealized_return=coarse(gained),
                )
                for one, weight, gained in zip(held, shares, gains, strict=True)
            ],
            expires_at=expires_at,
        )
