"""Targets: what weights a portfolio is meant to have, and how far off them it is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import strawberry
from strawberry.types import Info

from analytics.allocation import drifts
from analytics.money import ZERO
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.divisions import (
    CASH,
    AllocationDimension,
    By,
    Divided,
    SliceKey,
    SliceKind,
    kind_of,
    label_of,
)
from resolvers.gains import Scope
from resolvers.ids import encode_id, key_of
from resolvers.scalars import Ratio
from resolvers.tags import tag_id_of
from resolvers.values import Money, bad_input, exactly, fraction, money
from services.errors import RefusedError
from services.targets import NO_TAG, TOLERANCE, Dimension, KeptTargets, Targets, check_targets

TARGETS = (
    "What slices are meant to weigh, at most 1 together. The rest is meant for cash, and what has "
    "no target is meant to weigh nothing; by currency, where cash counts, they are 1 together."
)
BAND = "How far off a slice may be and still be on target, in weight: 0.05 is five points."


@strawberry.input(description="What a slice is meant to weigh.")
class TargetWeightInput:
    """What a slice is meant to weigh."""

    key: str = strawberry.field(
        description="Names the slice as `AllocationSlice.key`: a symbol, a currency, an asset "
        "class, a sector, a country by its two letters or its name, or the id of a tag."
    )
    weight: Ratio = strawberry.field(description="From 0 to 1.")


@strawberry.type(description="What a slice is meant to weigh.")
class TargetWeight:
    """What a slice is meant to weigh."""

    key: str = strawberry.field(description="Names the slice as `AllocationSlice.key`.")
    label: str = strawberry.field(description="What to show for it.")
    weight: Ratio = strawberry.field(description="From 0 to 1.")


@strawberry.type(description="What a portfolio is meant to be made of, by one dimension.")
class AllocationTargets:
    """What a portfolio is meant to be made of."""

    by: AllocationDimension = strawberry.field(description="What the slices are.")
    classification: str | None = strawberry.field(
        description="By tags: those of which classification; null by anything else."
    )
    weights: list[TargetWeight] = strawberry.field(description="The targets, by key.")
    rest: Ratio = strawberry.field(description="What they leave: it is meant for cash.")
    tolerance: Ratio = strawberry.field(description=BAND)
    updated_at: datetime = strawberry.field(description="When they were set.")


@strawberry.type(description="How far a slice is from its target.")
class SliceDrift:
    """How far a slice is from its target."""

    kind: SliceKind = strawberry.field(description="Whether it is cash, assigned or neither.")
    key: str | None = strawberry.field(
        description="Names the slice; null for cash and for what is unassigned."
    )
    label: str = strawberry.field(description="What to show for it.")
    weight: Ratio = strawberry.field(description="What it weighs; 0 where nothing is held.")
    target: Ratio = strawberry.field(description="What it is meant to weigh.")
    drift: Ratio = strawberry.field(
        description="Weight less target: positive for what there is too much of."
    )
    amount: Money = strawberry.field(
        description="What it takes to get to the target: positive to buy, negative to sell."
    )
    is_within_tolerance: bool = strawberry.field(
        description="Whether the size of the drift is at most the tolerance."
    )


@strawberry.type(description="How far a portfolio is from what it is meant to be made of.")
class AllocationDrift:
    """How far a portfolio is from its targets."""

    rest: Ratio = strawberry.field(description="What the targets leave: it is meant for cash.")
    tolerance: Ratio = strawberry.field(description=BAND)
    is_within_tolerance: bool | None = strawberry.field(
        description="Whether all slices are; null while weights are not known."
    )
    slices: list[SliceDrift] = strawberry.field(
        description="Furthest off first; empty while weights are not known: see the allocation's "
        "`issues`."
    )


class OfDivision(Protocol):
    """Whatever shows a portfolio divided by a dimension."""

    divided: Divided


def read_targets(
    given: Sequence[TargetWeightInput], *, by: AllocationDimension, tolerance: Ratio
) -> Targets:
    """Read targets as they are kept, with the keys of tags; raises RefusedError."""
    return check_targets(
        [(_kept_key(one.key, by), exactly(one.weight)) for one in given],
        dimension=Dimension(by.value),
        tolerance=exactly(tolerance),
    )


def _kept_key(key: str, by: AllocationDimension) -> str:
    """Return how a target's key is kept: a tag's as its row's, which no other id looks like."""
    if by is not AllocationDimension.TAG:
        return key
    found = key_of(key, type_name="Tag")
    return f"{NO_TAG}{key}" if found is None else str(found)


def shown_key(key: str, by: AllocationDimension) -> str:
    """Return how a target's key is shown."""
    return encode_id("Tag", int(key)) if by is AllocationDimension.TAG else key


def goals_of(targets: Targets, by: AllocationDimension) -> dict[SliceKey, Decimal]:
    """Return what slices are meant to weigh, with what is left for cash."""
    goals = {SliceKey(shown_key(key, by)): weight for key, weight in targets.weights.items()}
    if by is not AllocationDimension.CURRENCY:
        goals[CASH] = targets.rest
    return goals


async def targets_for(
    context: Context,
    divided: Sequence[Divided],
    given: Sequence[TargetWeightInput] | None,
    tolerance: Ratio | None = None,
) -> list[Targets | None]:
    """Return the targets that were given, or else those that are kept; null where there are none.

    Raises an error for targets that make no sense.
    """
    if given is not None:
        for one in divided:
            _refuse_hidden(context, one, given)
        try:
            return [
                read_targets(
                    given,
                    by=one.by.dimension,
                    tolerance=Ratio(float(TOLERANCE)) if tolerance is None else tolerance,
                )
                for one in divided
            ]
        except RefusedError as error:
            first = error.mistakes[0]
            raise bad_input(f"`{'.'.join(first.field)}`: {first.message}") from error
    if tolerance is not None:
        raise bad_input("`tolerance` goes with `targets`: those that are kept have their own.")
    scopes = [one.worths.facts.portfolio.id or 0 for one in divided]
    kept = await context.loaders.targets.load_many(scopes)
    return [
        next((known.targets for known in group if _by(known) == one.by), None)
        for one, group in zip(divided, kept, strict=True)
    ]


def _refuse_hidden(context: Context, divided: Divided, given: Sequence[TargetWeightInput]) -> None:
    """Refuse tags that whoever else may read a portfolio cannot know of by what is in it."""
    owner = divided.worths.facts.portfolio.owner_id
    if divided.by.dimension is AllocationDimension.TAG and context.user_id != owner:
        hidden = next((one.key for one in given if one.key not in divided.holds), None)
        if hidden is not None:
            raise bad_input(
                f"`targets.key`: no tag {hidden!r:.40} is on what this portfolio holds."
            )


def _by(kept: KeptTargets) -> By:
    return By(AllocationDimension(kept.row.dimension), kept.row.classification)


async def drifts_of_allocations(
    parents: "list[OfDivision]",
    info: Info[Context, None],
    targets: list[TargetWeightInput] | None = None,
    tolerance: Ratio | None = None,
) -> list[AllocationDrift | None]:
    """Compare a level of allocations with their targets."""
    divided = [parent.divided for parent in parents]
    wanted = await targets_for(info.context, divided, targets, tolerance)
    return [
        None if known is None else _drift(one, known)
        for one, known in zip(divided, wanted, strict=True)
    ]


def _drift(divided: Divided, targets: Targets) -> AllocationDrift:
    found = drifts(divided.found, goals_of(targets, divided.by.dimension))
    slices = [
        SliceDrift(
            kind=kind_of(one.key),
            key=None if one.key is None else one.key.text,
            label=divided.label(one.key),
            weight=_ratio(one.weight),
            target=_ratio(one.target),
            drift=_ratio(one.drift),
            amount=money(one.amount, divided.worths.currency),
            is_within_tolerance=abs(one.drift) <= targets.tolerance,
        )
        for one in found
        if one.weight or one.target
    ]
    known = divided.found.net is not None and divided.found.net > ZERO
    return AllocationDrift(
        rest=_ratio(targets.rest),
        tolerance=_ratio(targets.tolerance),
        is_within_tolerance=all(one.is_within_tolerance for one in slices) if known else None,
        slices=slices,
    )


def _ratio(value: Decimal) -> Ratio:
    return fraction(value) or Ratio(0.0)


def shown_targets(kept: KeptTargets, names: Mapping[str, str]) -> AllocationTargets:
    """Build the outward shape of targets; ``names`` are those of tags, by their id."""
    by = AllocationDimension(kept.row.dimension)
    return AllocationTargets(
        by=by,
        classification=kept.row.classification or None,
        weights=[
            TargetWeight(
                key=shown_key(key, by),
                label=label_of(SliceKey(shown_key(key, by)), by, names),
                weight=_ratio(weight),
            )
            for key, weight in kept.targets.weights.items()
        ],
        rest=_ratio(kept.targets.rest),
        tolerance=_ratio(kept.targets.tolerance),
        updated_at=kept.row.updated_at,
    )


async def shown_by_scope(context: Context, scopes: Sequence[int]) -> list[list[AllocationTargets]]:
    """Show the targets of portfolios, or of all of owners, who count negative."""
    kept = await context.loaders.targets.load_many(scopes)
    owners = sorted({one.row.owner_id for group in kept for one in group})
    names = {
        tag_id_of(tagged.tag): tagged.tag.name
        for group in await context.loaders.tags.load_many(owners)
        for tagged in group
    }
    return [[shown_targets(one, names) for one in group] for group in kept]


async def targets_of_scopes(
    parents: "list[Scope]", info: Info[Context, None]
) -> list[list[AllocationTargets]]:
    """List the targets of a level of portfolios."""
    return await shown_by_scope(info.context, [parent.row.id or 0 for parent in parents])


def targets_field() -> list[AllocationTargets]:
    """Declare the targets of whatever stands for one ledger or several."""
    return batched(
        targets_of_scopes,
        description="What it is meant to be made of, by each dimension that targets were set for.",
    )
