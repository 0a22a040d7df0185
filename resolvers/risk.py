"""Risk over a period, and how it compares with a benchmark."""

from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

import numpy as np
import strawberry
from strawberry.types import Info

from analytics import drawdowns
from analytics.downsampling import downsample
from analytics.drawdowns import deepest
from analytics.measures import Note
from analytics.risk import COMPARING, Statistic, measure, rolling
from analytics.series import Returns, returns_of, together
from analytics.statistics import Assumptions, Sample
from resolvers.benchmarks import BlendInput, Index, ReturnBasis, chosen_blend, indices_of
from resolvers.context import Context
from resolvers.evidence import Compared, Evidence
from resolvers.gains import Scope
from resolvers.lots import FeePolicy
from resolvers.measures import Measure, measure_of
from resolvers.scalars import CurrencyCode, Ratio, Symbol
from resolvers.scoping import (
    MAX_POINTS,
    PerformancePeriod,
    Scoped,
    TaxPolicy,
    check_points,
    scoped_of,
)
from resolvers.values import RATIO_PLACES, DateRangeInput, bad_input, ratio_of
from services.aside import aside
from services.benchmarks import own_blend

MAX_WINDOW = 2520
MAX_FALLS = 100


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
    """A figure of risk that can be followed over time, as `analytics.risk.Statistic` has it."""

    ANNUAL_RETURN = strawberry.enum_value(
        "ANNUAL_RETURN",
        description="What the returns compound to a year; under a year only with `force`.",
    )
    VOLATILITY = strawberry.enum_value("VOLATILITY", description="See `volatility`.")
    DOWNSIDE_RISK = strawberry.enum_value("DOWNSIDE_RISK", description="See `downsideRisk`.")
    SHARPE = strawberry.enum_value("SHARPE", description="See `sharpe`.")
    SORTINO = strawberry.enum_value("SORTINO", description="See `sortino`.")
    CALMAR = strawberry.enum_value(
        "CALMAR", description="See `calmar`, under a year only with `force`."
    )
    MAX_DRAWDOWN = strawberry.enum_value("MAX_DRAWDOWN", description="See `maxDrawdown`.")
    BETA = strawberry.enum_value("BETA", description="See `beta`.")
    ALPHA = strawberry.enum_value("ALPHA", description="See `alpha`.")
    ALPHA_COMPOUNDED = strawberry.enum_value(
        "ALPHA_COMPOUNDED", description="See `alpha`, as if earned again on itself."
    )
    TRACKING_ERROR = strawberry.enum_value("TRACKING_ERROR", description="See `trackingError`.")
    INFORMATION_RATIO = strawberry.enum_value(
        "INFORMATION_RATIO", description="See `informationRatio`."
    )
    UP_CAPTURE = strawberry.enum_value("UP_CAPTURE", description="See `upCapture`.")
    DOWN_CAPTURE = strawberry.enum_value("DOWN_CAPTURE", description="See `downCapture`.")
    VALUE_AT_RISK = strawberry.enum_value("VALUE_AT_RISK", description="See `valueAtRisk`.")
    CONDITIONAL_VALUE_AT_RISK = strawberry.enum_value(
        "CONDITIONAL_VALUE_AT_RISK", description="See `conditionalValueAtRisk`."
    )
    PARAMETRIC_VALUE_AT_RISK = strawberry.enum_value(
        "PARAMETRIC_VALUE_AT_RISK", description="See `valueAtRisk`, of the normal distribution."
    )
    PARAMETRIC_CONDITIONAL_VALUE_AT_RISK = strawberry.enum_value(
        "PARAMETRIC_CONDITIONAL_VALUE_AT_RISK",
        description="See `conditionalValueAtRisk`, of the normal distribution.",
    )
    OMEGA = strawberry.enum_value("OMEGA", description="See `omega`.")
    TAIL_RATIO = strawberry.enum_value("TAIL_RATIO", description="See `tailRatio`.")
    STABILITY = strawberry.enum_value("STABILITY", description="See `stability`.")
    WIN_RATE = strawberry.enum_value("WIN_RATE", description="See `winRate`.")


@strawberry.type(description="A figure over one window.")
class RollingPoint:
    """A figure over one window."""

    day: date = strawberry.field(description="The day the window ends.")
    value: float | None = strawberry.field(description="The figure; null where it is undefined.")


@strawberry.type(description="A fall from a peak.")
class Drawdown:
    """A fall from a peak."""

    depth: Ratio = strawberry.field(description="How deep, as a negative fraction.")
    peak: date = strawberry.field(description="The day of the peak.")
    trough: date = strawberry.field(description="The day of the lowest point.")
    recovery: date | None = strawberry.field(
        description="The day on which the peak was reached again; null while it is not."
    )
    days: int = strawberry.field(
        description="Calendar days from the peak to the recovery, or to the last day."
    )


def _drawdown(fall: drawdowns.Drawdown) -> Drawdown:
    return Drawdown(
        depth=Ratio(round(fall.depth, RATIO_PLACES)),
        peak=fall.peak,
        trough=fall.trough,
        recovery=fall.recovery,
        days=fall.days,
    )


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """The returns of a scope, alone and beside a benchmark's, and what is assumed."""

    scoped: Scoped
    alone: Returns
    start: date
    mine: Returns | None
    theirs: Returns | None
    terms: Assumptions
    compared: Compared | None

    def sample(self, statistic: Statistic, terms: Assumptions) -> Sample:
        """Return what a figure is worked out from."""
        if statistic in COMPARING and self.mine is not None and self.theirs is not None:
            return Sample(returns=self.mine.values, benchmark=self.theirs.values, terms=terms)
        length = np.array(float(self.scoped.period.days))
        return Sample(returns=self.alone.values, length=length, terms=terms)

    def falls(self) -> list[drawdowns.Drawdown]:
        """Return all falls from a peak; none if a return is not known."""
        unknown = bool(np.isnan(self.alone.values).any())
        return [] if unknown else drawdowns.drawdowns(self.alone, start=self.start)

    def evidence(self, statistic: Statistic) -> Evidence:
        """Return what a figure rests on."""
        compared = statistic in COMPARING and self.mine is not None
        return Evidence(
            scoped=self.scoped,
            returns=self.mine if compared else self.alone,
            benchmark=self.theirs if compared else None,
            compared=self.compared if compared else None,
        )


@strawberry.type(
    description="Risk of the returns from trading day to trading day, free of flows. Figures of a "
    "year are scaled by `periodsPerYear`. Those that compare need a `benchmark` or a `blend`, or "
    "the portfolio's own, and look at days on which both were traded."
)
class Risk:
    """Risk of a portfolio or position over a period."""

    sampled: strawberry.Private[Sampled]
    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day.")
    currency: CurrencyCode = strawberry.field(description="The currency of the returns.")
    benchmark_basis: ReturnBasis | None = strawberry.field(
        description="What the benchmark's returns are made of, as in `performance.benchmark`; null "
        "without one."
    )

    def _measure(self, statistic: Statistic, terms: Assumptions | None = None) -> Measure:
        sample = self.sampled.sample(statistic, terms or self.sampled.terms)
        evidence = self.sampled.evidence(statistic)
        found = evidence.told(measure(statistic, sample))
        if found.value is not None and self.sampled.scoped.period.links.gapped:
            found = replace(found, notes=frozenset({Note.APPROXIMATED}))
        return measure_of(replace(found, inputs=evidence.inputs() + found.inputs), evidence)

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
        found = deepest(self.sampled.falls())
        return _drawdown(found[0]) if found else None

    @strawberry.field(
        description=f"The deepest falls and their days, the deepest first, at most {MAX_FALLS}; "
        "empty if it never fell, or returns are not known."
    )
    def drawdowns(self, first: int = 5) -> list[Drawdown]:
        """Return the deepest falls."""
        if not 1 <= first <= MAX_FALLS:
            raise bad_input(f"`first` must be from 1 to {MAX_FALLS}.")
        return [_drawdown(fall) for fall in deepest(self.sampled.falls())[:first]]

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
        f"are fewer. `window` is from 2 to {MAX_WINDOW}; in a window n returns are n / "
        "`periodsPerYear` years. Of more windows than `points` those are given that keep the "
        "shape, and those without a figure are left out then."
    )
    async def rolling(
        self,
        measure: RollingMeasure,
        window: int = 252,
        confidence: float = 0.95,
        horizon: int = 1,
        force: bool = False,
        points: int = MAX_POINTS,
    ) -> list[RollingPoint]:
        """Return a figure over each window."""
        if not 2 <= window <= MAX_WINDOW:
            raise bad_input(f"`window` must be from 2 to {MAX_WINDOW}.")
        check_points(points)
        statistic, known = Statistic[measure.name], self.sampled
        compares = statistic in COMPARING
        returns = known.mine if compares and known.mine is not None else known.alone
        found = await aside(
            returns.values,
            rolling,
            statistic,
            returns,
            window=window,
            benchmark=known.theirs if compares else None,
            terms=replace(_tail(known.terms, confidence, horizon), force=force),
        )
        places = np.arange(len(found.values))
        if len(places) > points:
            places = downsample(found.values, points=points)
        return [
            RollingPoint(
                day=date.fromordinal(int(found.days[place])),
                value=ratio_of(found.values[place]),
            )
            for place in places
        ]


def _tail(terms: Assumptions, confidence: float, horizon: int) -> Assumptions:
    if not 0.5 <= confidence <= 0.9999:
        raise bad_input("`confidence` must be from 0.5 to 0.9999.")
    if not 1 <= horizon <= 252:
        raise bad_input("`horizon` must be from 1 to 252.")
    return replace(terms, confidence=confidence, horizon=horizon)


def _sampled(scoped: Scoped, index: Index | None, terms: Assumptions) -> Sampled:
    """Set returns beside those of a benchmark; of one without any price they are unknown."""
    links, benchmark = scoped.period.links, None if index is None else index.series
    alone, mine, theirs = returns_of(links), None, None
    if benchmark is not None:
        mine, theirs = together(scoped.period.series, benchmark)
        if np.isnan(benchmark.value).all():
            mine = alone
            theirs = Returns(days=alone.days, values=np.full(len(alone.values), np.nan))
    start = date.fromordinal(int(links.series.days[links.begin]))
    return Sampled(
        scoped=scoped,
        alone=alone,
        start=start,
        mine=mine,
        theirs=theirs,
        terms=terms,
        compared=None if index is None else index.compared,
    )


def risk_of(scoped: Scoped, benchmark: Index | None, terms: Assumptions) -> Risk:
    """Build the risk of a scope."""
    return Risk(
        sampled=_sampled(scoped, benchmark, terms),
        benchmark_basis=None if benchmark is None else benchmark.basis,
        from_=scoped.span.first,
        to=scoped.span.last,
        currency=CurrencyCode(scoped.currency),
    )


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
    blend: BlendInput | None = None,
    basis: ReturnBasis = ReturnBasis.TOTAL_RETURN,
    risk_free_rate: Ratio = Ratio(0.0),  # noqa: B008  # a number by another name
    target: Ratio = Ratio(0.0),  # noqa: B008
    periods_per_year: int = 252,
) -> list[Risk]:
    """Work out the risk of a level of portfolios, or of positions."""
    context = info.context
    chosen = chosen_blend(context, benchmark, blend, argument="benchmark")
    terms = _terms(float(risk_free_rate), float(target), periods_per_year)
    found = await scoped_of(
        parents,
        context,
        range=range,
        period=period,
        currency=currency,
        fee_policy=fee_policy,
        tax_policy=tax_policy,
    )
    indices = await indices_of(
        context, [(scoped, chosen or own_blend(scoped.portfolio)) for scoped in found], basis
    )
    return [risk_of(scoped, index, terms) for scoped, index in zip(found, indices, strict=True)]
