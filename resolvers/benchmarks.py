"""Benchmarks: an instrument or a blend, over the same days and with one's own flows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Protocol

import numpy as np
import strawberry
from strawberry.types import Info

from analytics.benchmarks import Blend, Comparison, blended, compare, yearly
from analytics.periods import Interval
from analytics.returns import annualized
from analytics.series import Series, of_prices
from datasources.symbols import InvalidSymbolError, canonical
from models.portfolios import Portfolio
from resolvers.bars import DividendEvent, dividend_of
from resolvers.context import Context
from resolvers.evidence import Compared, Evidence
from resolvers.measures import Measure, measure_of
from resolvers.scalars import Ratio, Symbol
from resolvers.scoping import POINTS, PerformanceInterval, Scoped
from resolvers.values import bad_input, ratio_of
from services.benchmarks import (
    MAX_PARTS,
    Level,
    LevelKey,
    PriceOnly,
    Weighed,
    checked_blend,
    own_blend,
)
from services.errors import RefusedError
from services.instruments import Path


@strawberry.enum(description="When the weights of a blend are restored, at the close of that day.")
class BlendRebalancing(Enum):
    """When the weights of a blend are restored."""

    DAILY = strawberry.enum_value("DAY", description="Each day.")
    WEEKLY = strawberry.enum_value("WEEK", description="On the last day of each week.")
    MONTHLY = strawberry.enum_value("MONTH", description="On the last day of each month.")
    YEARLY = strawberry.enum_value("YEAR", description="On the last day of each year.")
    NEVER = strawberry.enum_value("NEVER", description="Not at all: what rises weighs more.")


@strawberry.input(description="One instrument of a blend.")
class BlendPartInput:
    """One instrument of a blend."""

    symbol: Symbol = strawberry.field(description="The instrument.")
    weight: Ratio = strawberry.field(description="Its share, above 0.")


@strawberry.input(description="Instruments by weight, as a benchmark.")
class BlendInput:
    """Instruments by weight."""

    parts: list[BlendPartInput] = strawberry.field(
        description=f"The instruments, each once, at most {MAX_PARTS}; weights sum to 1."
    )
    rebalanced: BlendRebalancing = strawberry.field(
        default=BlendRebalancing.DAILY, description="When the weights are restored."
    )


@strawberry.type(description="One instrument of a benchmark.")
class BenchmarkPart:
    """One instrument of a benchmark."""

    symbol: Symbol = strawberry.field(description="The instrument.")
    weight: Ratio = strawberry.field(description="Its share whenever weights are restored.")


@strawberry.type(description="An instrument, or a blend of them, that a portfolio compares with.")
class Benchmark:
    """What a portfolio compares with."""

    parts: list[BenchmarkPart] = strawberry.field(description="The instruments by weight.")
    rebalanced: BlendRebalancing = strawberry.field(description="When the weights are restored.")


def benchmark_shape(blend: Blend) -> Benchmark:
    """Build the outward shape of a blend."""
    return Benchmark(
        parts=[
            BenchmarkPart(symbol=Symbol(symbol), weight=Ratio(weight))
            for symbol, weight in blend.weights.items()
        ],
        rebalanced=BlendRebalancing(blend.rebalanced.value if blend.rebalanced else "NEVER"),
    )


def benchmark_of(portfolio: Portfolio) -> Benchmark | None:
    """Build the outward shape of a portfolio's own benchmark."""
    blend = own_blend(portfolio)
    return None if blend is None else benchmark_shape(blend)


@strawberry.enum(description="What a benchmark's return is made of.")
class ReturnBasis(Enum):
    """What a benchmark's return is made of."""

    TOTAL_RETURN = strawberry.enum_value(
        "TOTAL_RETURN",
        description="Prices, and dividends before taxes, put back in at the close of the ex-day.",
    )
    PRICE_RETURN = strawberry.enum_value("PRICE_RETURN", description="Prices alone.")


@strawberry.enum(description="Why dividends are not within.")
class NoDividendsReason(Enum):
    """Why dividends are not within, as `services.benchmarks.PriceOnly` has it."""

    ASKED_FOR = strawberry.enum_value("ASKED_FOR", description="`basis` asks for prices alone.")
    NO_DIVIDENDS = strawberry.enum_value(
        "NO_DIVIDENDS",
        description="No source knows of any on these days. Of what pays none, such as a fund that "
        "accumulates, prices are all there is; an index of prices leaves out what its members pay.",
    )
    NOT_TOLD = strawberry.enum_value(
        "NOT_TOLD", description="No source could tell of all these days."
    )
    ADJUSTED_CLOSES = strawberry.enum_value(
        "ADJUSTED_CLOSES",
        description="The closes are adjusted ones of which nobody tells how: dividends may be "
        "within already, and are not applied twice.",
    )
    OTHER_CURRENCY = strawberry.enum_value(
        "OTHER_CURRENCY", description="They are paid in another currency than the price is in."
    )
    OTHER_PART = strawberry.enum_value(
        "OTHER_PART",
        description="They are known, but those of another part of the blend are not: a blend is of "
        "one kind.",
    )


@strawberry.type(description="An instrument of a benchmark, and what of it is in the return.")
class BenchmarkPartBasis:
    """An instrument of a benchmark, and what of it is in the return."""

    symbol: Symbol = strawberry.field(description="The instrument.")
    basis: ReturnBasis = strawberry.field(description="What its return is made of.")
    reason: NoDividendsReason | None = strawberry.field(
        description="Why dividends are not within; null if they are."
    )
    dividends: list[DividendEvent] = strawberry.field(
        description="Those that are within, oldest first; none if they are not."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A benchmark on the days of a scope: as compared with, as prices alone, and of what parts."""

    blend: Blend
    series: Series
    price: Series
    levels: Mapping[str, Level]
    basis: ReturnBasis

    @property
    def compared(self) -> Compared:
        """Return what it is of, and its level."""
        return Compared(tuple(self.blend.weights), self.series)

    def parts(self, days: tuple[date, date]) -> list[BenchmarkPartBasis]:
        """Return the parts by their symbols, with the dividends after a day until another."""
        return [self._part(symbol, days) for symbol in self.blend.weights]

    def _part(self, symbol: str, days: tuple[date, date]) -> BenchmarkPartBasis:
        level = self.levels.get(symbol)
        reason = PriceOnly.NOT_TOLD if level is None else level.reason
        if self.basis is ReturnBasis.PRICE_RETURN and reason is None:
            others = [one for one in self.levels.values() if one.reason in _LACKING]
            lacking = others or len(self.levels) < len(self.blend.weights)
            reason = PriceOnly.OTHER_PART if lacking else PriceOnly.ASKED_FOR
        first, last = days
        paid = () if level is None or reason is not None else level.dividends
        return BenchmarkPartBasis(
            symbol=Symbol(symbol),
            basis=ReturnBasis.PRICE_RETURN if reason else ReturnBasis.TOTAL_RETURN,
            reason=None if reason is None else NoDividendsReason(reason.value),
            dividends=[dividend_of(one) for one in paid if first < one.ex_day <= last],
        )


_LACKING = frozenset({PriceOnly.NOT_TOLD, PriceOnly.ADJUSTED_CLOSES, PriceOnly.OTHER_CURRENCY})
"""Why dividends that there may be are not within."""


@strawberry.type(description="Both at the end of a day.")
class BenchmarkPoint:
    """A scope and its benchmark at the end of a day."""

    day: date = strawberry.field(description="The day.")
    growth: Ratio | None = strawberry.field(
        description="The own time-weighted return since the start; null where it is not known."
    )
    benchmark_growth: Ratio | None = strawberry.field(
        description="What the benchmark has earned since there is capital; null before, and where "
        "a price or rate is missing."
    )


@strawberry.type(
    description="A benchmark over the days of a performance, while there was capital, in its "
    "currency. It has the closes of its instruments with splits applied, today the current price, "
    "and dividends where they are known of all of them: see `basis`. With the same flows, money in "
    "buys it at the close of the day before and money out sells it at the close of its day."
)
class BenchmarkComparison:
    """A benchmark over the days of a performance."""

    scoped: strawberry.Private[Scoped]
    index: strawberry.Private[Index]
    found: strawberry.Private[Comparison]
    benchmark: Benchmark = strawberry.field(description="What it is compared with.")
    basis: ReturnBasis = strawberry.field(
        description="What the benchmark's return is made of: dividends only if they are known, or "
        "there are none, of all of its parts."
    )

    @strawberry.field(
        description="Its instruments, each with the dividends that are within or why none are."
    )
    def parts(self) -> list[BenchmarkPartBasis]:
        """Return what of each instrument is in the return."""
        first, last = (
            date.fromordinal(int(day)) for day in self.scoped.period.funded.days[[0, -1]]
        )
        return self.index.parts((first, last))

    @property
    def _evidence(self) -> Evidence:
        return Evidence(scoped=self.scoped, compared=self.index.compared)

    @strawberry.field(description="What the benchmark earned.")
    def benchmark_return(self) -> Measure:
        """Return what the benchmark earned."""
        return measure_of(self.found.benchmark, self._evidence)

    @strawberry.field(
        description="What the benchmark earned a year, by 365 days, of all from the first capital "
        "to the last; under a year only with `force`."
    )
    def annualized_benchmark_return(self, force: bool = False) -> Measure:
        """Return what the benchmark earned a year."""
        found = annualized(
            self.scoped.period, self.found.benchmark, force=force, days=self.found.days
        )
        return measure_of(found, self._evidence)

    @strawberry.field(
        description="The own time-weighted return beyond the benchmark's: (1 + own) / (1 + its) "
        "- 1. Days in between without capital are left out of both: `explain.inputs` has what the "
        "benchmark earned on the others. The plain difference is in `explain.steps`."
    )
    def excess_return(self) -> Measure:
        """Return the excess return."""
        return measure_of(self.found.excess, self._evidence)

    @strawberry.field(
        description="What there would be at the end, in `currency`, if the same money had gone "
        "into the benchmark and out of it. Below zero it would have been sold short."
    )
    def value_in_benchmark(self) -> Measure:
        """Return what the same flows would have left in the benchmark."""
        return measure_of(self.found.value, self._evidence)

    @strawberry.field(
        description="LN-PME (Long and Nickels): the money-weighted return a year that the same "
        "flows would have had in the benchmark; under a year only with `force`."
    )
    def long_nickels(self, force: bool = False) -> Measure:
        """Return LN-PME."""
        found = yearly(self.scoped.period, self.found.long_nickels, force=force)
        return measure_of(found, self._evidence)

    @strawberry.field(
        description="KS-PME (Kaplan and Schoar): what was got and is left for each unit that the "
        "same money would have come to in the benchmark. Above 1 the benchmark was beaten."
    )
    def kaplan_schoar(self) -> Measure:
        """Return KS-PME."""
        return measure_of(self.found.kaplan_schoar, self._evidence)

    @strawberry.field(
        description="Both courses, for a chart. Of more days than `points` those are given that "
        "keep the own shape. Empty before the first booking."
    )
    def series(
        self, interval: PerformanceInterval = PerformanceInterval.DAY, points: int = POINTS
    ) -> list[BenchmarkPoint]:
        """Return both courses."""
        places = self.scoped.places(Interval(interval.value), points)
        if self.scoped.valued is None:
            return []
        days = self.scoped.period.series.days
        own, other = self.scoped.period.links.index(), self.index.series.value
        return [
            BenchmarkPoint(
                day=date.fromordinal(int(days[place])),
                growth=ratio_of(own[place] - 1),
                benchmark_growth=ratio_of(other[place] - 1),
            )
            for place in places
        ]


def chosen_blend(
    context: Context, symbol: str | None, blend: BlendInput | None, *, argument: str = "symbol"
) -> Blend | None:
    """Read which benchmark is asked for, if any; refuse what is none."""
    if symbol is not None and blend is not None:
        raise bad_input(f"Give `{argument}` or `blend`, not both.")
    if symbol is not None:
        try:
            return Blend(weights={canonical(symbol): 1.0}, rebalanced=None)
        except InvalidSymbolError as error:
            raise bad_input(f"`{argument}`: {error}") from error
    if blend is None:
        return None
    try:
        return blend_of(blend, now=context.now())
    except RefusedError as error:
        (mistake, *_) = error.mistakes
        raise bad_input(f"`{'.'.join(('blend', *mistake.field))}`: {mistake.message}") from error


def blend_of(given: BlendInput, *, now: datetime, field: Path = ()) -> Blend:
    """Check a blend; raises RefusedError."""
    interval = given.rebalanced
    return checked_blend(
        [Weighed(symbol=part.symbol, weight=part.weight) for part in given.parts],
        None if interval is BlendRebalancing.NEVER else Interval(interval.value),
        now=now,
        field=field,
    )


async def indices_of(
    context: Context, level: Sequence[tuple[Scoped, Blend | None]], basis: ReturnBasis
) -> list[Index | None]:
    """Return benchmarks on the days of scopes, read at once for a whole level of them.

    Null without a benchmark; of one without any price all days are unknown.
    """
    wanted = [(scoped, blend) for scoped, blend in level if blend and scoped.valued]
    levels: dict[tuple[str, str], Level | None] = {}
    if wanted:
        days = [scoped.period.series.days for scoped, _ in wanted]
        first = date.fromordinal(min(int(one[0]) for one in days))
        last = date.fromordinal(max(int(one[-1]) for one in days))
        asked = dict.fromkeys(
            (symbol, scoped.currency) for scoped, blend in wanted for symbol in blend.weights
        )
        keys = [LevelKey(symbol, currency, first, last) for symbol, currency in asked]
        levels |= zip(asked, await context.loaders.levels.load_many(keys), strict=True)
    return [
        _index(
            {symbol: levels.get((symbol, scoped.currency)) for symbol in blend.weights},
            scoped,
            blend,
            basis,
        )
        if blend
        else None
        for scoped, blend in level
    ]


def _index(
    known: Mapping[str, Level | None], scoped: Scoped, blend: Blend, basis: ReturnBasis
) -> Index:
    """Put a benchmark of one basis together from levels of its parts."""
    parts = {symbol: level for symbol, level in known.items() if level is not None}
    reasons = {level.reason for level in parts.values()}
    if len(parts) < len(known) or reasons & _LACKING or None not in reasons:
        basis = ReturnBasis.PRICE_RETURN
    total, price = (
        _blended({symbol: getattr(level, name) for symbol, level in parts.items()}, scoped, blend)
        for name in ("total", "price")
    )
    return Index(
        blend=blend,
        series=price if basis is ReturnBasis.PRICE_RETURN else total,
        price=price,
        levels=parts,
        basis=basis,
    )


def _blended(parts: Mapping[str, Series], scoped: Scoped, blend: Blend) -> Series:
    """Cut a benchmark to the days of a scope; its weights are set when there is capital."""
    days = scoped.period.series.days
    if scoped.valued is None or len(parts) < len(blend.weights):
        nothing = np.zeros(len(days), dtype=bool)
        return of_prices(days, np.full(len(days), np.nan), fresh=nothing)
    first, last = (date.fromordinal(int(day)) for day in days[[0, -1]])
    cut = {
        symbol: level.cut(first + timedelta(days=1), last)  # with the day before the first
        for symbol, level in parts.items()
    }
    return blended(cut, blend, begin=scoped.period.links.begin)


async def comparisons_of(
    parents: "list[Performed]",
    info: Info[Context, None],
    symbol: Symbol | None = None,
    blend: BlendInput | None = None,
    basis: ReturnBasis = ReturnBasis.TOTAL_RETURN,
) -> list[BenchmarkComparison | None]:
    """Compare a level of performances with a benchmark."""
    chosen = chosen_blend(info.context, symbol, blend)
    level = [(parent.scoped, chosen or own_blend(parent.scoped.portfolio)) for parent in parents]
    indices = await indices_of(info.context, level, basis)
    return [
        None
        if index is None or blend is None
        else BenchmarkComparison(
            scoped=scoped,
            index=index,
            found=_told(scoped, index),
            benchmark=benchmark_shape(blend),
            basis=index.basis,
        )
        for (scoped, blend), index in zip(level, indices, strict=True)
    ]


def _told(scoped: Scoped, index: Index) -> Comparison:
    found = compare(scoped.period, index.series, price=index.price)
    evidence = Evidence(scoped=scoped)
    return replace(
        found,
        excess=evidence.told(found.excess),
        value=evidence.told(found.value),
        long_nickels=evidence.told(found.long_nickels),
        kaplan_schoar=evidence.told(found.kaplan_schoar),
    )


class Performed(Protocol):
    """Whatever has a scope over a period."""

    scoped: Scoped
