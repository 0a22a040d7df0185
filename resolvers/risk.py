"""Risk of a portfolio over a period, and how it compares with a benchmark."""

from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

import numpy as np
import strawberry
from strawberry.types import Info

from analytics.drawdowns import drawdowns, worst
from analytics.risk import COMPARING, Statistic, measure, rolling
from analytics.series import Returns, Series, links_of, returns_of, together
from analytics.statistics import Assumptions, Sample
from analytics.valuations import Policy
from resolvers.context import Context
from resolvers.gains import Scope
from resolvers.lots import FeePolicy
from resolvers.measures import Measure, measure_of
from resolvers.performance import (
    PerformancePeriod,
    Scoped,
    TaxPolicy,
    checked_range,
    scoped_of,
)
from resolvers.scalars import CurrencyCode, Ratio, Symbol
from resolvers.values import DateRangeInput, bad_input, checked_currency
from services.valuing import benchmark_of

MAX_WINDOW = 2520


@strawberry.enum(description="How a value at risk is found.")
class RiskMethod(Enum):
    """How a value at risk is found."""

    HISTORICAL = strawberry.enum_value(
        "HISTORICAL", description="From the returns there were; over a horizon from their sums."
    )
    PARAMETRIC = strawberry.enum_value(
        "PARAMETRIC", description="From the normal distribution with their mean and deviation."
    )


@strawberry.enum(description="How alpha is scaled to a year.")
class AlphaConvention(Enum):
    """How alpha is scaled to a year."""

    MULTIPLIED = strawberry.enum_value("MULTIPLIED", description="Times the periods of a year.")
    COMPOUNDED = strawberry.enum_value("COMPOUNDED", description="As if earned again on itself.")


@strawberry.enum(description="A figure of risk that can be followed over time.")
class RollingMeasure(Enum):
    """A figure of risk that can be followed over time."""

    VOLATILITY = strawberry.enum_value("VOLATILITY", description="See `volatility`.")
    DOWNSIDE_RISK = strawberry.enum_value("DOWNSIDE_RISK", description="See `downsideRisk`.")
    SHARPE = strawberry.enum_value("SHARPE", description="See `sharpe`.")
    SORTINO = strawberry.enum_value("SORTINO", description="See `sortino`.")
    MAX_DRAWDOWN = strawberry.enum_value("MAX_DRAWDOWN", description="See `maxDrawdown`.")
    BETA = strawberry.enum_value("BETA", description="See `beta`.")
    ALPHA = strawberry.enum_value("ALPHA", description="See `alpha`.")
    TRACKING_ERROR = strawberry.enum_value("TRACKING_ERROR", description="See `trackingError`.")
    INFORMATION_RATIO = strawberry.enum_value(
        "INFORMATION_RATIO", description="See `informationRatio`."
    )
    VALUE_AT_RISK = strawberry.enum_value("VALUE_AT_RISK", description="See `valueAtRisk`.")
    CONDITIONAL_VALUE_AT_RISK = strawberry.enum_value(
        "CONDITIONAL_VALUE_AT_RISK", description="See `conditionalValueAtRisk`."
    )
    OMEGA = strawberry.enum_value("OMEGA", description="See `omega`.")
    WIN_RATE = strawberry.enum_value("WIN_RATE", description="See `winRate`.")


@strawberry.type(description="A figure over one window.")
class RollingPoint:
    """A figure over one window."""

    day: date = strawberry.field(description="The day the window ends.")
    value: float | None = strawberry.field(description="The figure; null where it is undefined.")


@strawberry.type(description="The deepest fall from a peak.")
class Drawdown:
    """The deepest fall from a peak."""

    depth: Ratio = strawberry.field(description="How deep, as a negative fraction.")
    peak: date = strawberry.field(description="The day of the peak.")
    trough: date = strawberry.field(description="The day of the lowest point.")
    recovery: date | None = strawberry.field(
        description="The day on which the peak was reached again; null while it is not."
    )
    days: int = strawberry.field(
        description="Calendar days from the peak to the recovery, or to the last day."
    )


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """The returns of a portfolio, alone and beside a benchmark's, and what is assumed."""

    alone: Returns
    start: date
    mine: Returns | None
    theirs: Returns | None
    terms: Assumptions

    def sample(self, statistic: Statistic, terms: Assumptions) -> Sample:
        """Return what a figure is worked out from."""
        if statistic in COMPARING and self.mine is not None and self.theirs is not None:
            return Sample(returns=self.mine.values, benchmark=self.theirs.values, terms=terms)
        days = self.alone.days
        length = float(days[-1] - self.start.toordinal()) if len(days) else 0.0
        return Sample(returns=self.alone.values, length=np.array(length), terms=terms)


@strawberry.type(
    description="Risk of the returns from trading day to trading day, free of flows. Figures of a "
    "year are scaled by `periodsPerYear`. Those that compare need a `benchmark`, and look at "
    "days on which both were traded."
)
class Risk:
    """Risk of a portfolio over a period."""

    sampled: strawberry.Private[Sampled]
    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day.")
    currency: CurrencyCode = strawberry.field(description="The currency of the returns.")

    def _measure(self, statistic: Statistic, terms: Assumptions | None = None) -> Measure:
        sample = self.sampled.sample(statistic, terms or self.sampled.terms)
        return measure_of(measure(statistic, sample))

    @strawberry.field(description="How far returns spread around their mean, a year.")
    def volatility(self) -> Measure:
        """Return the volatility."""
        return self._measure(Statistic.VOLATILITY)

    @strawberry.field(description="How far returns fall below the target, a year.")
    def downside_risk(self) -> Measure:
        """Return the downside risk."""
        return self._measure(Statistic.DOWNSIDE_RISK)

    @strawberry.field(description="Mean return above the risk-free rate over its deviation.")
    def sharpe(self) -> Measure:
        """Return the Sharpe ratio."""
        return self._measure(Statistic.SHARPE)

    @strawberry.field(description="Mean return above the target over the downside risk.")
    def sortino(self) -> Measure:
        """Return the Sortino ratio."""
        return self._measure(Statistic.SORTINO)

    @strawberry.field(
        description="Annual return over the maximum drawdown; under a year only with `force`."
    )
    def calmar(self, force: bool = False) -> Measure:
        """Return the Calmar ratio."""
        return self._measure(Statistic.CALMAR, replace(self.sampled.terms, force=force))

    @strawberry.field(description="The deepest fall from a peak, as a negative fraction.")
    def max_drawdown(self) -> Measure:
        """Return the maximum drawdown."""
        return self._measure(Statistic.MAX_DRAWDOWN)

    @strawberry.field(description="The days of the deepest fall; null if it never fell.")
    def deepest_drawdown(self) -> Drawdown | None:
        """Return the deepest fall with its days."""
        known = self.sampled.alone
        if np.isnan(known.values).any():
            return None
        found = worst(drawdowns(known, start=self.sampled.start))
        if found is None:
            return None
        return Drawdown(
            depth=Ratio(round(found.depth, 12)),
            peak=found.peak,
            trough=found.trough,
            recovery=found.recovery,
            days=found.days,
        )

    @strawberry.field(description="How far it moves when the benchmark moves.")
    def beta(self) -> Measure:
        """Return beta."""
        return self._measure(Statistic.BETA)

    @strawberry.field(description="What was earned a year beyond what beta explains.")
    def alpha(self, convention: AlphaConvention = AlphaConvention.MULTIPLIED) -> Measure:
        """Return alpha."""
        compounded = convention is AlphaConvention.COMPOUNDED
        return self._measure(Statistic.ALPHA_COMPOUNDED if compounded else Statistic.ALPHA)

    @strawberry.field(description="How far returns spread around the benchmark's, a year.")
    def tracking_error(self) -> Measure:
        """Return the tracking error."""
        return self._measure(Statistic.TRACKING_ERROR)

    @strawberry.field(description="Mean difference to the benchmark over the tracking error.")
    def information_ratio(self) -> Measure:
        """Return the information ratio."""
        return self._measure(Statistic.INFORMATION_RATIO)

    @strawberry.field(description="Its annual return over the benchmark's, on days it rose.")
    def up_capture(self) -> Measure:
        """Return the up capture."""
        return self._measure(Statistic.UP_CAPTURE)

    @strawberry.field(description="Its annual return over the benchmark's, on days it fell.")
    def down_capture(self) -> Measure:
        """Return the down capture."""
        return self._measure(Statistic.DOWN_CAPTURE)

    @strawberry.field(
        description="The return that was fallen short of in so many of a hundred cases, as a rule "
        "negative. `horizon` counts returns, 1 to 252."
    )
    def value_at_risk(
        self,
        confidence: float = 0.95,
        horizon: int = 1,
        method: RiskMethod = RiskMethod.HISTORICAL,
    ) -> Measure:
        """Return the value at risk."""
        historical = method is RiskMethod.HISTORICAL
        return self._measure(
            Statistic.VALUE_AT_RISK if historical else Statistic.PARAMETRIC_VALUE_AT_RISK,
            _tail(self.sampled.terms, confidence, horizon),
        )

    @strawberry.field(description="What the cases beyond the value at risk came to on average.")
    def conditional_value_at_risk(
        self,
        confidence: float = 0.95,
        horizon: int = 1,
        method: RiskMethod = RiskMethod.HISTORICAL,
    ) -> Measure:
        """Return the conditional value at risk."""
        historical = method is RiskMethod.HISTORICAL
        return self._measure(
            Statistic.CONDITIONAL_VALUE_AT_RISK
            if historical
            else Statistic.PARAMETRIC_CONDITIONAL_VALUE_AT_RISK,
            _tail(self.sampled.terms, confidence, horizon),
        )

    @strawberry.field(description="Gains above the target over shortfalls below it.")
    def omega(self) -> Measure:
        """Return the omega ratio."""
        return self._measure(Statistic.OMEGA)

    @strawberry.field(description="The size of the 95th percentile over that of the 5th.")
    def tail_ratio(self) -> Measure:
        """Return the tail ratio."""
        return self._measure(Statistic.TAIL_RATIO)

    @strawberry.field(description="How straight log wealth went: R squared on time.")
    def stability(self) -> Measure:
        """Return the stability."""
        return self._measure(Statistic.STABILITY)

    @strawberry.field(description="Days with a gain over days with a gain or a loss.")
    def win_rate(self) -> Measure:
        """Return the win rate of days."""
        return self._measure(Statistic.WIN_RATE)

    @strawberry.field(
        description="A figure over each window of so many returns, oldest first; empty if there "
        f"are fewer. `window` is from 2 to {MAX_WINDOW}."
    )
    def rolling(self, measure: RollingMeasure, window: int = 252) -> list[RollingPoint]:
        """Return a figure over each window."""
        if not 2 <= window <= MAX_WINDOW:
            raise bad_input(f"`window` must be from 2 to {MAX_WINDOW}.")
        statistic, known = Statistic[measure.name], self.sampled
        compares = statistic in COMPARING
        found = rolling(
            statistic,
            known.mine if compares and known.mine is not None else known.alone,
            window=window,
            benchmark=known.theirs if compares else None,
            terms=known.terms,
        )
        return [
            RollingPoint(
                day=date.fromordinal(int(day)),
                value=None if np.isnan(value) else round(float(value), 12),
            )
            for day, value in zip(found.days, found.values, strict=True)
        ]


def _tail(terms: Assumptions, confidence: float, horizon: int) -> Assumptions:
    if not 0.5 <= confidence <= 0.9999:
        raise bad_input("`confidence` must be from 0.5 to 0.9999.")
    if not 1 <= horizon <= 252:
        raise bad_input("`horizon` must be from 1 to 252.")
    return replace(terms, confidence=confidence, horizon=horizon)


def _sampled(scoped: Scoped, terms: Assumptions) -> Sampled:
    links = links_of(scoped.period.series)
    start = date.fromordinal(int(links.series.days[links.begin]))
    return Sampled(alone=returns_of(links), start=start, mine=None, theirs=None, terms=terms)


def _beside(sampled: Sampled, scoped: Scoped, benchmark: Series | None) -> Sampled:
    """Set returns beside those of a benchmark; of one without any price they are unknown."""
    if benchmark is None or np.isnan(benchmark.value).all():
        unknown = np.full(len(sampled.alone.values), np.nan)
        theirs = Returns(days=sampled.alone.days, values=unknown)
        return replace(sampled, mine=sampled.alone, theirs=theirs)
    mine, theirs = together(scoped.period.series, benchmark)
    return replace(sampled, mine=mine, theirs=theirs)


def _terms(risk_free_rate: float, target: float, periods_per_year: int) -> Assumptions:
    if not -0.5 <= risk_free_rate <= 1 or not -0.5 <= target <= 10:
        raise bad_input("`riskFreeRate` and `target` are yearly fractions: 0.03 is 3 %.")
    if not 1 <= periods_per_year <= 366:
        raise bad_input("`periodsPerYear` must be from 1 to 366.")
    return Assumptions(periods=periods_per_year, risk_free=risk_free_rate, target=target)


async def risks_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    range: DateRangeInput | None = None,
    period: PerformancePeriod | None = None,
    currency: CurrencyCode | None = None,
    fee_policy: FeePolicy = FeePolicy.CAPITALIZE,
    tax_policy: TaxPolicy = TaxPolicy.GROSS,
    benchmark: Symbol | None = None,
    risk_free_rate: Ratio = Ratio(0.0),  # noqa: B008  # a number by another name
    target: Ratio = Ratio(0.0),  # noqa: B008
    periods_per_year: int = 252,
) -> list[Risk]:
    """Work out the risk of a level of portfolios."""
    context = info.context
    wanted = checked_range(range, period, today=context.now().date())
    checked_currency(currency, argument="currency")
    terms = _terms(float(risk_free_rate), float(target), periods_per_year)
    policy = Policy(
        net_of_tax=tax_policy is TaxPolicy.NET, expensed=fee_policy is FeePolicy.EXPENSE
    )
    risks = []
    for scoped in await scoped_of(
        parents, context, wanted=wanted, currency=currency, policy=policy
    ):
        sampled = _sampled(scoped, terms)
        if benchmark is not None:
            other = await benchmark_of(
                context.services.market,
                benchmark,
                currency=scoped.currency,
                like=scoped.period.series,
            )
            sampled = _beside(sampled, scoped, other)
        risks.append(
            Risk(
                sampled=sampled,
                from_=scoped.span.first,
                to=scoped.span.last,
                currency=CurrencyCode(scoped.currency),
            )
        )
    return risks
