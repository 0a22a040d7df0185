"""The mutation that sets, replaces and clears targets."""

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from resolvers.changes import ERRORS, REPLAYED, Repeatable, outcome
from resolvers.context import Context
from resolvers.divisions import AllocationDimension
from resolvers.ids import key_of
from resolvers.scalars import Ratio
from resolvers.targets import (
    BAND,
    TARGETS,
    AllocationTargets,
    TargetWeightInput,
    read_targets,
    shown_by_scope,
)
from resolvers.values import UserError
from services.tags import CLASSIFICATION
from services.targets import MAX_TARGETS, TOLERANCE, Dimension, set_targets


@strawberry.input(description="What a portfolio is meant to be made of, by one dimension.")
class SetAllocationTargetsInput(Repeatable):
    """What a portfolio is meant to be made of."""

    portfolio_id: strawberry.ID | None = strawberry.field(
        default=None, description="Which portfolio; all of yours as one if left out."
    )
    by: AllocationDimension = strawberry.field(description="What the slices are.")
    classification: str = strawberry.field(
        default=CLASSIFICATION, description="By `TAG`: tags of which classification."
    )
    targets: list[TargetWeightInput] = strawberry.field(
        description=f"{TARGETS} They take the place of those there are; none clears them. At most "
        f"{MAX_TARGETS}."
    )
    tolerance: Ratio = strawberry.field(default=Ratio(float(TOLERANCE)), description=BAND)


@strawberry.type(description="The outcome of `setAllocationTargets`.")
class SetAllocationTargetsPayload:
    """The outcome of setting targets."""

    targets: list[AllocationTargets] | None = strawberry.field(
        description="All targets of the portfolio, by dimension; null on an error."
    )
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type
class TargetMutations:
    """Root fields that change targets."""

    @strawberry.mutation(
        description="Set what a portfolio, or all of yours as one, is meant to be made of by one "
        "dimension. Errors: NOT_FOUND, INVALID, OUT_OF_RANGE, REQUIRED, TOO_LONG, "
        "IDEMPOTENCY_CONFLICT."
    )
    async def set_allocation_targets(
        self, info: Info[Context, None], input: SetAllocationTargetsInput
    ) -> SetAllocationTargetsPayload | None:
        """Set targets."""
        context = info.context
        portfolio_id = None
        if input.portfolio_id is not None:
            portfolio_id = key_of(input.portfolio_id, type_name="Portfolio") or 0

        async def act(session: AsyncSession) -> int | None:
            return await set_targets(
                session,
                read_targets(input.targets, by=input.by, tolerance=input.tolerance),
                user_id=context.user_id,
                portfolio_id=portfolio_id,
                dimension=Dimension(input.by.value),
                classification=input.classification,
                now=context.now(),
            )

        done = await outcome(context, "setAllocationTargets", given=input, act=act)
        found = None if done.key is None else (await shown_by_scope(context, [done.key]))[0]
        return SetAllocationTargetsPayload(
            targets=found, replayed=done.replayed, user_errors=done.user_errors
        )
