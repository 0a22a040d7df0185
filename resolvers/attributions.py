"""Attribution: which instruments, sectors, currencies and portfolios made a return."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
import strawberry
from strawberry.types import Info

from analytics import returns
from analytics.attribution import Attribution, Contribution, attribute, effects_of
from analytics.book import Line
from analytics.measures import Reason
from models import instruments
from resolvers.context import Context
from resolvers.evidence import Evidence
from resolvers.instruments import Instrument, instrument_of
from resolvers.measures import Measure, measure_of
from resolvers.scalars import Ratio
from resolvers.scoping import Scoped
from resolvers.transactions import PortfolioReference, portfolios_of_keys
from resolvers.values import RATIO_PLACES, Money, OrderDirection, amount_of, bad_input, ratio_of
from services.aside import aside

MAX_CONTRIBUTIONS = 200
CELLS = 100
"""So many days of a line take as long as one payment to attribute a return to."""


class Attributed(Protocol):
    """Whatever has a return."""

    scoped: Scoped


@strawberry.enum(description="By what contributions are put together.")
class AttributionDimension(Enum):
    """By what contributions are put together."""

    INSTRUMENT = strawberry.enum_value(
        "INSTRUMENT", description="Each instrument for itself, and the cash of each currency."
    )
    SECTOR = strawberry.enum_value(
        "SECTOR", description="By the broad line of business, as the profile says now."
    )
    CURRENCY = strawberry.enum_value(
        "CURRENCY", description="By what instruments trade in; cash by its own currency."
    )
    PORTFOLIO = strawberry.enum_value(
        "PORTFOLIO", description="By the portfolio that has it: of use in all of them together."
    )


@strawberry.enum(description="What contributions are ordered by.")
class ContributionOrderField(Enum):
    """What contributions are ordered by."""

    CONTRIBUTION = strawberry.enum_value("CONTRIBUTION", description="What they contributed.")
    SIZE = strawberry.enum_value("SIZE", description="How much they did, be it gain or loss.")
    LABEL = strawberry.enum_value("LABEL", description="Their names.")


@strawberry.input(description="How contributions are ordered; those alike go by their names.")
class ContributionOrder:
    """How contributions are ordered."""

    field: ContributionOrderField = strawberry.field(
        default=ContributionOrderField.CONTRIBUTION, description="What they are ordered by."
    )
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.DESC, description="Which way."
    )


@strawberry.type(description="What one part did for the return of the whole.")
class ReturnContribution:
    """What one part did for the return of the whole."""

    label: str = strawberry.field(description="The name of the instrument, sector or other part.")
    instrument: Instrument | None = strawberry.field(
        description="The instrument; null unless it is one."
    )
    portfolio: PortfolioReference | None = strawberry.field(
        description="The portfolio; null unless it is one."
    )
    gain: Money | None = strawberry.field(
        description="What was earned with it; all together are the gain of the whole."
    )
    contribution: Ratio = strawberry.field(
        description="Its part of the return: each day's gain over the capital of the whole, times "
        "what the whole had grown to until then. All together are the time-weighted return."
    )
    price_contribution: Ratio = strawberry.field(
        description="What of `contribution` prices, income and costs made."
    )
    currency_contribution: Ratio = strawberry.field(
        description="What of `contribution` exchange rates made of what was held overnight."
    )


@strawberry.type(
    description="A time-weighted return taken apart. Contributions, those of `rest` included, add "
    "up to it; both effects compound to it: (1 + price) x (1 + currency) = 1 + return."
)
class ReturnAttribution:
    """A time-weighted return taken apart."""

    by: AttributionDimension = strawberry.field(description="What parts are.")
    time_weighted_return: Measure = strawberry.field(description="The return of the whole.")
    price_effect: Measure = strawberry.field(
        description="What prices, income and costs made of it."
    )
    currency_effect: Measure = strawberry.field(description="What exchange rates made of it.")
    contributions: list[ReturnContribution] = strawberry.field(
        description="The first of the parts, as ordered. Parts that gained and lost nothing are "
        "left out; there are none where the return is null."
    )
    rest: ReturnContribution | None = strawberry.field(
        description="All other parts as one; null if there are none."
    )
    total_count: int = strawberry.field(description="How many parts there are.")
    residual: Ratio | None = strawberry.field(
        description="What the parts do not explain: always zero. Null where the return is."
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What belongs together: an instrument, a portfolio, or something with a name alone."""

    label: str
    instrument: int = 0
    portfolio: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What parts are called."""

    instruments: Mapping[int, instruments.Instrument]
    sectors: Mapping[int, str | None]
    portfolios: Mapping[int, PortfolioReference]

    def part(self, line: Line, by: AttributionDimension) -> _Part:
        """Return the part that a line belongs to."""
        row = self.instruments.get(line.instrument)
        if by is AttributionDimension.PORTFOLIO:
            return _Part(self.portfolios[line.portfolio].name, portfolio=line.portfolio)
        if row is None and not line.is_cash:
            return _Part("Exchanges and transfers")
        if by is AttributionDimension.CURRENCY:
            return _Part(line.currency if row is None else row.currency)
        if by is AttributionDimension.SECTOR:
            return _Part(
                "Cash" if row is None else self.sectors.get(line.instrument) or "Unassigned"
            )
        if row is None:
            return _Part(f"Cash in {line.currency}")
        return _Part(row.name, instrument=line.instrument)


@dataclass(slots=True)
class _Sum:
    """What a part, or several, did."""

    gain: float = 0.0
    value: float = 0.0
    currency: float = 0.0

    def add(self, other: "Contribution | _Sum") -> None:
        self.gain += other.gain
        self.value += other.value
        self.currency += other.currency


_ORDERS: dict[ContributionOrderField, Callable[[tuple[_Part, _Sum]], float | str]] = {
    ContributionOrderField.CONTRIBUTION: lambda one: one[1].value,
    ContributionOrderField.SIZE: lambda one: abs(one[1].value),
    ContributionOrderField.LABEL: lambda one: one[0].label,
}


async def attributions_of_performances(
    parents: "list[Attributed]",
    info: Info[Context, None],
    by: AttributionDimension = AttributionDimension.INSTRUMENT,
    order_by: ContributionOrder | None = None,
    first: int = 50,
) -> list[ReturnAttribution]:
    """Take the returns of a level apart."""
    if not 0 <= first <= MAX_CONTRIBUTIONS:
        raise bad_input(f"`first` must be from 0 to {MAX_CONTRIBUTIONS}, not {first}.")
    made = [await _attribution(parent.scoped) for parent in parents]
    names = await _names(info.context, made, by)
    order = order_by or ContributionOrder()
    return [
        _outward(
            one,
            parent.scoped,
            by=by,
            sums=_ordered(_sums(one.contributions, names, by), order),
            names=names,
            first=first,
        )
        for parent, one in zip(parents, made, strict=True)
    ]


async def _attribution(scoped: Scoped) -> Attribution:
    whole = scoped.valued
    if whole is None:
        return Attribution(
            total=None, price=None, currency=None, contributions=(), reason=Reason.NO_CAPITAL
        )
    lines = int(np.count_nonzero(whole.scope))
    return await aside(
        range(len(whole.valuation.flows.day) + len(scoped.period.series.days) * lines // CELLS),
        attribute,
        whole.valuation,
        whole.scope,
        policy=scoped.policy,
        places=scoped.rows,
    )


async def _names(context: Context, made: Iterable[Attribution], by: AttributionDimension) -> _Names:
    lines = {part.line for one in made for part in one.contributions}
    ids = sorted({line.instrument for line in lines if line.instrument})
    rows = {
        key: row
        for key, row in zip(ids, await context.loaders.instruments.load_many(ids), strict=True)
        if row is not None
    }
    sectors: dict[int, str | None] = {}
    if by is AttributionDimension.SECTOR:
        profiles = await context.loaders.profiles.load_many([row.symbol for row in rows.values()])
        for key, profile in zip(rows, profiles, strict=True):
            sectors[key] = None if profile is None else profile.sector
    owners = sorted({line.portfolio for line in lines})
    if by is not AttributionDimension.PORTFOLIO:
        owners = []
    found = await portfolios_of_keys(context, owners)
    return _Names(
        instruments=rows,
        sectors=sectors,
        portfolios=dict(zip(owners, found, strict=True)),
    )


def _sums(
    contributions: Iterable[Contribution], names: _Names, by: AttributionDimension
) -> dict[_Part, _Sum]:
    found: dict[_Part, _Sum] = {}
    for one in contributions:
        found.setdefault(names.part(one.line, by), _Sum()).add(one)
    return {part: done for part, done in found.items() if done.gain or done.value or done.currency}


def _ordered(sums: Mapping[_Part, _Sum], order: ContributionOrder) -> list[tuple[_Part, _Sum]]:
    named = sorted(sums.items(), key=lambda one: one[0].label)
    return sorted(named, key=_ORDERS[order.field], reverse=order.direction is OrderDirection.DESC)


def _outward(
    made: Attribution,
    scoped: Scoped,
    *,
    by: AttributionDimension,
    sums: list[tuple[_Part, _Sum]],
    names: _Names,
    first: int,
) -> ReturnAttribution:
    rest, explained = _Sum(), _Sum()
    for place, (_, done) in enumerate(sums):
        explained.add(done)
        if place >= first:
            rest.add(done)
    price, currency = effects_of(made)
    evidence = Evidence(scoped=scoped)
    return ReturnAttribution(
        by=by,
        time_weighted_return=measure_of(
            evidence.told(returns.time_weighted(scoped.period)), evidence
        ),
        price_effect=measure_of(evidence.told(price), evidence),
        currency_effect=measure_of(evidence.told(currency), evidence),
        contributions=[
            _contribution(part, done, names, scoped.currency) for part, done in sums[:first]
        ],
        rest=None
        if len(sums) <= first
        else _contribution(_Part("Rest"), rest, names, scoped.currency),
        total_count=len(sums),
        residual=None if made.total is None else ratio_of(made.total - explained.value),
    )


def _contribution(part: _Part, done: _Sum, names: _Names, currency: str) -> ReturnContribution:
    row = names.instruments.get(part.instrument)
    return ReturnContribution(
        label=part.label,
        instrument=None if row is None else instrument_of(row),
        portfolio=names.portfolios.get(part.portfolio),
        gain=amount_of(done.gain, currency),
        contribution=_known(done.value),
        price_contribution=_known(done.value - done.currency),
        currency_contribution=_known(done.currency),
    )


def _known(value: float) -> Ratio:
    return Ratio(round(value, RATIO_PLACES) + 0.0)
