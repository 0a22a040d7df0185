"""Optimisation: weights that the returns of a portfolio's instruments would have asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum

import numpy as np
import strawberry
from strawberry.types import Info

from analytics.allocation import evened
from analytics.common_days import CommonReturns, common_returns
from analytics.measures import Reason
from analytics.money import ONE
from analytics.optimization import Estimator, Failure, Objective, Problem, Solution, optimize
from analytics.periods import PeriodName, Span, months_before, span_of
from analytics.statistics import Assumptions
from datasources.symbols import InvalidSymbolError, canonical
from models import instruments
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.figures import Ask, PortfolioFacts, facts_of
from resolvers.gains import Scope
from resolvers.instruments import Instrument, instrument_of
from resolvers.plans import instruments_known
from resolvers.scalars import CurrencyCode, Ratio, Symbol
from resolvers.scoping import PerformancePeriod, checked_range
from resolvers.values import (
    MESSAGES,
    RATIO_PLACES,
    DateRangeInput,
    NullReason,
    bad_input,
    checked_currency,
)
from services.aside import in_turn
from services.benchmarks import LevelKey

DAY = timedelta(days=1)
MAX_INSTRUMENTS = 50
MAX_YEARS = 20
WEIGHT_PLACES = 6


@strawberry.enum(description="What weights are to be best at.")
class OptimizationObjective(Enum):
    """What weights are to be best at, as `analytics.optimization.Objective` has it."""

    MINIMUM_VARIANCE = strawberry.enum_value(
        "MINIMUM_VARIANCE", description="The least variance. Knows nothing of expected returns."
    )
    MAXIMUM_SHARPE = strawberry.enum_value(
        "MAXIMUM_SHARPE",
        description="The highest mean return above the risk-free rate for its deviation. Rests on "
        "the mean returns of the past, which say little of the future.",
    )
    RISK_PARITY = strawberry.enum_value(
        "RISK_PARITY", description="The same share in the variance for each instrument."
    )
    HIERARCHICAL_RISK_PARITY = strawberry.enum_value(
        "HIERARCHICAL_RISK_PARITY",
        description="By inverse variance, down a tree of clusters by correlation (López de Prado).",
    )


@strawberry.enum(description="How covariances are estimated.")
class CovarianceEstimator(Enum):
    """How covariances are estimated, as `analytics.optimization.Estimator` has it."""

    SAMPLE = strawberry.enum_value("SAMPLE", description="Those of the sample, with n - 1.")
    LEDOIT_WOLF = strawberry.enum_value(
        "LEDOIT_WOLF",
        description="Shrunk by Ledoit and Wolf: steadier with many instruments and few returns.",
    )


@strawberry.enum(description="Why there are no weights.")
class OptimizationFailure(Enum):
    """Why there are no weights, as `analytics.optimization.Failure` has it."""

    NOT_INSTALLED = strawberry.enum_value(
        "NOT_INSTALLED", description="This server lacks the extra that solves it."
    )
    TOO_FEW_INSTRUMENTS = strawberry.enum_value(
        "TOO_FEW_INSTRUMENTS", description="Fewer than two instruments have returns."
    )
    SERIES_TOO_SHORT = strawberry.enum_value(
        "SERIES_TOO_SHORT",
        description="There are fewer than 30 common returns, or hardly more than instruments.",
    )
    SINGULAR_COVARIANCE = strawberry.enum_value(
        "SINGULAR_COVARIANCE",
        description="Returns of some follow from those of others, such as two listings of one "
        "share: there is no single answer.",
    )
    NO_EXCESS_RETURN = strawberry.enum_value(
        "NO_EXCESS_RETURN", description="None has earned more than the risk-free rate."
    )
    INFEASIBLE = strawberry.enum_value(
        "INFEASIBLE", description="Weights within the bounds cannot add up to 1."
    )
    NOT_SOLVED = strawberry.enum_value("NOT_SOLVED", description="The solver found no answer.")


FAILURES = {
    Failure.NOT_INSTALLED: "This server cannot optimise: install `folioql[optimisation]`.",
    Failure.TOO_FEW_INSTRUMENTS: "At least two instruments with returns are needed.",
    Failure.SERIES_TOO_SHORT: "There are too few days on which all instruments were traded.",
    Failure.SINGULAR_COVARIANCE: "Returns of some instruments follow from those of others: leave "
    "one out, or shrink the covariances with `covariance: LEDOIT_WOLF`.",
    Failure.NO_EXCESS_RETURN: "None of the instruments has earned more than the risk-free rate.",
    Failure.INFEASIBLE: "Weights within `minimumWeight` and `maximumWeight` cannot add up to 1.",
    Failure.NOT_SOLVED: "The solver found no weights: try other bounds or another objective.",
}


@strawberry.type(description="What an instrument would weigh.")
class OptimizedWeight:
    """What an instrument would weigh."""

    instrument: Instrument = strawberry.field(description="The instrument.")
    weight: Ratio = strawberry.field(
        description="To 6 decimals, rounded so that all of them add up to exactly 1; ready to be "
        "a target by `INSTRUMENT`."
    )
    risk_share: Ratio = strawberry.field(
        description="Its share in the variance; all of them are 1 together."
    )


@strawberry.type(description="An instrument that was left out.")
class DroppedInstrument:
    """An instrument that was left out."""

    symbol: Symbol = strawberry.field(description="Its symbol.")
    reason: NullReason = strawberry.field(
        description="`NO_PRICE`, `NO_RATE`, `NO_VARIATION`, or `SERIES_TOO_SHORT` where its "
        "prices do not cover the days."
    )
    message: str = strawberry.field(description="The reason, for a person.")


@strawberry.type(
    description="Weights that past returns would have asked for, with all that is assumed. A "
    "proposal and no advice: nothing is booked, and the future need not be like the past. Long "
    "only, fully invested, without costs and taxes; cash has no part in it."
)
class OptimizationProposal:
    """Weights that past returns would have asked for."""

    objective: OptimizationObjective = strawberry.field(description="What they are best at.")
    currency: CurrencyCode = strawberry.field(description="The currency of the returns.")
    from_: date = strawberry.field(name="from", description="The first day looked at.")
    to: date = strawberry.field(description="The last day looked at, yesterday at the latest.")
    observations: int = strawberry.field(
        description="Returns of each instrument, from one day on which all were traded to the "
        "next. Prices have splits applied and dividends not."
    )
    periods_per_year: int = strawberry.field(description="How many of them make a year.")
    covariance: CovarianceEstimator = strawberry.field(description="How it is estimated.")
    risk_free_rate: Ratio = strawberry.field(description="A year.")
    minimum_weight: Ratio = strawberry.field(description="The least that each may weigh.")
    maximum_weight: Ratio = strawberry.field(description="The most that each may weigh.")
    weights: list[OptimizedWeight] = strawberry.field(
        description="Largest first; empty if there are none."
    )
    expected_return: Ratio | None = strawberry.field(
        description="Mean return of these weights times the periods of a year; null without any."
    )
    volatility: Ratio | None = strawberry.field(
        description="Their deviation by the covariances estimated, a year; null without any."
    )
    sharpe: float | None = strawberry.field(
        description="Their return above the risk-free rate over that; null without any."
    )
    dropped: list[DroppedInstrument] = strawberry.field(description="What was left out, and why.")
    failure: OptimizationFailure | None = strawberry.field(
        description="Why there are no weights; null if there are."
    )
    message: str | None = strawberry.field(description="The reason, for a person.")


def _furthest(today: date) -> date:
    return months_before(today, 12 * MAX_YEARS)


def _span(wanted: DateRangeInput | PeriodName, *, today: date, first_day: date | None) -> Span:
    """Return the days to look at, none of them unfinished."""
    span = (
        span_of(wanted, today=today, first_day=max(first_day or today, _furthest(today)))
        if isinstance(wanted, PeriodName)
        else Span(first=wanted.first, last=wanted.last)
    )
    return Span(first=min(span.first, today - DAY), last=min(span.last, today - DAY))


def _assumptions(risk_free_rate: float, periods_per_year: int) -> Assumptions:
    if not -0.5 <= risk_free_rate <= 1:
        raise bad_input("`riskFreeRate` is a yearly fraction: 0.03 is 3 %.")
    if not 1 <= periods_per_year <= 366:
        raise bad_input("`periodsPerYear` must be from 1 to 366.")
    return Assumptions(periods=periods_per_year, risk_free=risk_free_rate)


def _symbols(given: Sequence[str]) -> list[str]:
    try:
        return list(dict.fromkeys(canonical(symbol) for symbol in given))
    except InvalidSymbolError as error:
        raise bad_input(f"`symbols`: {error}") from error


Rows = Mapping[str, instruments.Instrument]


async def _common(context: Context, rows: Rows, span: Span, currency: str) -> CommonReturns[str]:
    keys = {symbol: LevelKey(symbol, currency, span.first, span.last) for symbol in rows}
    levels = await context.loaders.levels.load_many(list(keys.values()))
    prices = [None if level is None else level.price for level in levels]
    return common_returns(dict(zip(keys, prices, strict=True)))


def _dropped(common: CommonReturns[str], unknown: Sequence[str]) -> list[DroppedInstrument]:
    reasons = {**dict.fromkeys(unknown, Reason.NO_PRICE), **common.dropped}
    return [
        DroppedInstrument(
            symbol=Symbol(symbol),
            reason=NullReason(reason.value),
            message=MESSAGES[reason.value].format(symbol),
        )
        for symbol, reason in reasons.items()
    ]


def _weights(common: CommonReturns[str], rows: Rows, found: Solution) -> list[OptimizedWeight]:
    exact = [Decimal(repr(float(weight))) for weight in found.weights]
    weights = evened(exact, ONE, places=WEIGHT_PLACES)
    shown = [
        OptimizedWeight(
            instrument=instrument_of(rows[symbol]),
            weight=Ratio(float(weight)),
            risk_share=Ratio(round(float(share), WEIGHT_PLACES) + 0.0),
        )
        for symbol, weight, share in zip(common.keys, weights, found.contributions, strict=True)
    ]
    return sorted(shown, key=lambda one: -one.weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a portfolio, but for its returns; null rows are what it holds."""

    problem: Problem
    wanted: DateRangeInput | PeriodName
    currency: str | None
    rows: Rows | None
    unknown: tuple[str, ...] = ()


async def _proposal(
    context: Context, question: Question, facts: PortfolioFacts
) -> OptimizationProposal:
    rows = question.rows
    if rows is None:
        held = (one for one in facts.holdings if one.quantity > 0)
        rows = {one.instrument.symbol: one.instrument for one in held}
    if len(rows) > MAX_INSTRUMENTS:
        raise bad_input(f"`symbols` takes at most {MAX_INSTRUMENTS}: name those to weigh.")
    span = _span(question.wanted, today=context.now().date(), first_day=facts.first_day)
    currency = question.currency or facts.portfolio.base_currency
    common = await _common(context, rows, span, currency)
    problem = replace(question.problem, returns=common.returns)
    found = await in_turn(context.services.solvers, optimize, problem)
    solution, failure = (None, found) if isinstance(found, Failure) else (found, None)
    return OptimizationProposal(
        objective=OptimizationObjective(problem.objective.value),
        currency=CurrencyCode(currency),
        from_=span.first,
        to=span.last,
        observations=len(common.returns),
        periods_per_year=int(problem.terms.periods),
        covariance=CovarianceEstimator(problem.estimator.value),
        risk_free_rate=Ratio(problem.terms.risk_free),
        minimum_weight=Ratio(problem.minimum),
        maximum_weight=Ratio(problem.maximum),
        weights=[] if solution is None else _weights(common, rows, solution),
        expected_return=None if solution is None else Ratio(_figure(solution.expected_return)),
        volatility=None if solution is None else Ratio(_figure(solution.volatility)),
        sharpe=None if solution is None else _figure(solution.sharpe),
        dropped=_dropped(common, question.unknown),
        failure=None if failure is None else OptimizationFailure(failure.value),
        message=None if failure is None else FAILURES[failure],
    )


def _figure(value: float) -> float:
    return round(value, RATIO_PLACES) + 0.0


async def optimizations_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    objective: OptimizationObjective,
    symbols: list[Symbol] | None = None,
    range: DateRangeInput | None = None,
    period: PerformancePeriod | None = None,
    currency: CurrencyCode | None = None,
    covariance: CovarianceEstimator = CovarianceEstimator.SAMPLE,
    risk_free_rate: Ratio = Ratio(0.0),  # noqa: B008  # a number by another name
    minimum_weight: Ratio = Ratio(0.0),  # noqa: B008
    maximum_weight: Ratio = Ratio(1.0),  # noqa: B008
    periods_per_year: int = 252,
) -> list[OptimizationProposal]:
    """Propose weights for the instruments of a level of portfolios."""
    context = info.context
    today = context.now().date()
    if range is None and period is None:
        period = PerformancePeriod.THREE_YEARS
    wanted = checked_range(range, period, today=today)
    if isinstance(wanted, DateRangeInput) and wanted.first < _furthest(today):
        raise bad_input(f"`range.from` must be within the last {MAX_YEARS} years.")
    if not 0 <= minimum_weight <= maximum_weight <= 1:
        raise bad_input("`minimumWeight` and `maximumWeight` must be from 0 to 1, in this order.")
    named = None if symbols is None else _symbols(symbols)
    if named is not None and len(named) > MAX_INSTRUMENTS:
        raise bad_input(f"`symbols` takes at most {MAX_INSTRUMENTS}: name those to weigh.")
    known = None if named is None else await instruments_known(context, named)
    question = Question(
        problem=Problem(
            returns=np.zeros((0, 0)),
            objective=Objective(objective.value),
            estimator=Estimator(covariance.value),
            terms=_assumptions(risk_free_rate, periods_per_year),
            minimum=float(minimum_weight),
            maximum=float(maximum_weight),
        ),
        wanted=wanted,
        currency=checked_currency(currency, argument="currency"),
        rows=known,
        unknown=tuple(symbol for symbol in named or () if symbol not in (known or {})),
    )
    facts = await facts_of(context, [Ask(parent.row) for parent in parents])
    return [await _proposal(context, question, fact) for fact in facts]


def optimization_field() -> OptimizationProposal:
    """Declare the optimisation of whatever stands for one ledger or several."""
    return batched(
        optimizations_of_scopes,
        description="Weights that past returns of what it holds (shorts left out), or of the "
        f"`symbols` named, would have asked for: at most {MAX_INSTRUMENTS} instruments, over days "
        f"or a `period`, three years if neither is given, at most {MAX_YEARS} years. Nothing is "
        "written.",
    )
