"""Allocation: what a portfolio is made of, by one dimension, and how concentrated it is."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import strawberry
from strawberry.types import Info

from analytics import allocation
from analytics.allocation import evened
from analytics.money import ONE
from models.currencies import exponent
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.divisions import (
    AllocationDimension,
    Divided,
    SliceKey,
    SliceKind,
    by_of,
    divide,
    kind_of,
)
from resolvers.evidence import Moment
from resolvers.figures import Ask, facts_of
from resolvers.gains import Scope
from resolvers.measures import Measure, measure_of
from resolvers.positions import Position, position_of
from resolvers.scalars import CurrencyCode, Ratio
from resolvers.targets import AllocationDrift, drifts_of_allocations
from resolvers.values import (
    RATIO_PLACES,
    FigureIssue,
    Money,
    bad_input,
    check_day,
    checked_currency,
    fraction,
    issue,
    money,
    money_or_none,
)
from resolvers.worths import worths_of
from services.tags import CLASSIFICATION

MAX_TOP = 100


@strawberry.type(description="What a slice has of a position.")
class SliceHolding:
    """What a slice has of a position."""

    position: Position = strawberry.field(description="The position, whole.")
    share: Ratio = strawberry.field(
        description="Which fraction of it belongs to the slice: 1 but where it is split."
    )
    value: Money | None = strawberry.field(
        description="What that is worth; negative for a short position. Null without a price or "
        "rate."
    )


@strawberry.type(description="What belongs together by the dimension.")
class AllocationSlice:
    """What belongs together by the dimension."""

    kind: SliceKind = strawberry.field(description="Whether it is cash, assigned or neither.")
    key: str | None = strawberry.field(
        description="Names the slice: a symbol, a currency, a sector, or the id of a tag; null for "
        "cash and for what is unassigned."
    )
    label: str = strawberry.field(description="What to show for it.")
    value: Money | None = strawberry.field(
        description="What it is worth; negative for shorts and debts. Rounded so that all slices "
        "add up to `net`. Null while a price or rate of it is missing."
    )
    weight: Ratio | None = strawberry.field(
        description="Its share of `net`, to 12 decimals, rounded so that all slices add up to "
        "exactly 1. Negative for shorts and debts. Null for all slices while a price or rate is "
        "missing anywhere, or nothing is left after debts."
    )
    holdings: list[SliceHolding] = strawberry.field(
        description="The positions in it, largest first; none for cash."
    )


@strawberry.type(
    description="How concentrated an allocation is, by the sizes of its slices: shorts and debts "
    "count as much as what is held, cash is a slice like any other, and all that is unassigned "
    "counts as one."
)
class Concentration:
    """How concentrated an allocation is."""

    divided: strawberry.Private[Divided]

    @property
    def _evidence(self) -> Moment:
        worths = self.divided.worths
        return Moment(worths.facts.portfolio, worths.facts.as_of, worths.currency)

    @strawberry.field(description="Herfindahl index: 1 for one slice, 1/n for n equal ones.")
    def herfindahl(self) -> Measure:
        """Return the Herfindahl index."""
        return measure_of(allocation.herfindahl(self.divided.found), self._evidence)

    @strawberry.field(description="How many equal slices would be as concentrated.")
    def effective_number(self) -> Measure:
        """Return the effective number of slices."""
        return measure_of(allocation.effective_number(self.divided.found), self._evidence)

    @strawberry.field(
        description=f"The share of the largest slices together. `count` is from 1 to {MAX_TOP}."
    )
    def top_share(self, count: int = 5) -> Measure:
        """Return the share of the largest slices."""
        if not 1 <= count <= MAX_TOP:
            raise bad_input(f"`count` must be from 1 to {MAX_TOP}.")
        return measure_of(allocation.top_share(self.divided.found, count), self._evidence)


@strawberry.type(description="What a portfolio is made of, at current prices or those of a day.")
class Allocation:
    """What a portfolio is made of."""

    divided: strawberry.Private[Divided]
    by: AllocationDimension = strawberry.field(description="What it is divided by.")
    classification: str | None = strawberry.field(
        description="By tags: those of which classification; null by anything else."
    )
    currency: CurrencyCode = strawberry.field(description="What its values are in.")
    net: Money | None = strawberry.field(
        description="All positions and cash, shorts and debts negative: what weights are shares "
        "of. Null while a price or rate is missing: see `issues`."
    )
    gross: Money | None = strawberry.field(
        description="The sizes of all positions and cash, shorts and debts counted positive; null "
        "as `net`."
    )
    slices: list[AllocationSlice] = strawberry.field(
        description="Largest first; those whose value is not known come last."
    )
    concentration: Concentration = strawberry.field(description="How concentrated it is.")
    drift: AllocationDrift | None = batched(
        drifts_of_allocations,
        description="How far it is from the targets that are kept by the dimension, or from those "
        "given; null where there are none. A `tolerance` goes with targets that are given, and is "
        "0.05 if left out.",
        personal=True,  # only the owner may give targets for tags that nothing in it has
    )
    issues: list[FigureIssue] = strawberry.field(
        description="Why figures above are null; empty when none is."
    )


def allocation_of(divided: Divided) -> Allocation:
    """Build the outward shape of an allocation."""
    found, currency = divided.found, divided.worths.currency
    values = [one.value for one in found.slices]
    shown = _shown(values, found.net, places=exponent(currency))
    weights = [one.weight for one in found.slices]
    shares = _shown(weights, ONE, places=RATIO_PLACES)
    return Allocation(
        divided=divided,
        by=divided.by.dimension,
        classification=divided.by.classification or None,
        currency=CurrencyCode(currency),
        net=money_or_none(found.net, currency),
        gross=money_or_none(found.gross, currency),
        slices=[
            AllocationSlice(
                kind=kind_of(one.key),
                key=None if one.key is None else one.key.text,
                label=divided.label(one.key),
                value=money_or_none(value, currency),
                weight=fraction(weight),
                holdings=_holdings(divided, one),
            )
            for one, value, weight in zip(found.slices, shown, shares, strict=True)
        ],
        concentration=Concentration(divided=divided),
        issues=[issue(missing) for missing in found.missing],
    )


def _shown(
    values: Sequence[Decimal | None], whole: Decimal | None, *, places: int
) -> Sequence[Decimal | None]:
    """Round the parts of a whole so that they add up to it; unknown ones stay unknown."""
    known = [value for value in values if value is not None]
    if whole is None or len(known) < len(values):
        return values
    return evened(known, whole, places=places)


def _holdings(divided: Divided, one: allocation.Slice[SliceKey]) -> list[SliceHolding]:
    worths = divided.worths
    members = sorted(one.members, key=lambda member: -(member.value or Decimal(0)))
    return [
        SliceHolding(
            position=position_of(held, worths.facts),
            share=Ratio(float(member.share)),
            value=None if member.value is None else money(member.value, worths.currency),
        )
        for member in members
        if (held := worths.parts[member.place].held) is not None
    ]


async def allocations_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    by: AllocationDimension,
    currency: CurrencyCode | None = None,
    as_of: date | None = None,
    classification: str = CLASSIFICATION,
) -> list[Allocation]:
    """Divide a level of portfolios by a dimension."""
    context = info.context
    check_day(as_of, today=context.now().date(), argument="asOf")
    target = checked_currency(currency, argument="currency")
    facts = await facts_of(context, [Ask(parent.row, as_of) for parent in parents])
    worths = await worths_of(context, facts, currency=target)
    divided = await divide(context, worths, by_of(by, classification))
    return [allocation_of(one) for one in divided]


def allocation_field() -> Allocation:
    """Declare the allocation of whatever stands for one ledger or several."""
    return batched(
        allocations_of_scopes,
        description="What it is made of by a dimension, now or at the end of a past day, in its "
        "base currency or another. What a profile says of a company is of today.",
    )
