"""What a caller may spend, asked within a query."""

from datetime import datetime

import strawberry
from strawberry.types import Info

from resolvers.context import Context
from services.spending import Spending


@strawberry.type(
    description="What the caller may spend, in points: a bucket that fills up again as time goes "
    "by. A user has one, whatever the token; without a user the address has."
)
class RateLimit:
    """What the caller may spend."""

    spending: strawberry.Private[Spending]

    @strawberry.field(description="Points of a full bucket.")
    def limit(self) -> int:
        """Return how much the bucket holds."""
        return self.spending.allowance.capacity

    @strawberry.field(description="Points that this operation can cost at most.")
    def cost(self) -> int:
        """Return the estimate, which was taken."""
        return self.spending.requested

    @strawberry.field(
        description="Points left, those of this operation taken. What it does not cost is given "
        "back after it."
    )
    def remaining(self) -> int:
        """Return what is left."""
        return self.spending.left

    @strawberry.field(description="Points that are not there now: `limit` less `remaining`.")
    def used(self) -> int:
        """Return what is missing."""
        return self.spending.allowance.capacity - self.spending.left

    @strawberry.field(description="When the bucket is full again if nothing more is spent.")
    def reset_at(self) -> datetime:
        """Return when it is full."""
        return self.spending.resets_at


@strawberry.type
class RateLimitQueries:
    """Root fields about what a caller may spend."""

    @strawberry.field(
        description="What you may spend, and what this operation can cost; null where nothing is "
        "counted. Needs no account."
    )
    def rate_limit(self, info: Info[Context, None]) -> RateLimit | None:
        """Return the state of the caller's bucket."""
        spending = info.context.spending
        return None if spending is None else RateLimit(spending=spending)
