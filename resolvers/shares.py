"""Shares of a portfolio, and what the caller is to it."""

from datetime import datetime
from enum import Enum
from typing import Protocol

import strawberry
from strawberry.types import Info

from models import access, portfolios
from models.access import Role, Scope
from resolvers.access import roles_of
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.values import Node
from services.sharing import is_over


@strawberry.enum(description="What a user is to a portfolio.")
class PortfolioRole(Enum):
    """What a user is to a portfolio, as `models.access.Role` has it."""

    OWNER = strawberry.enum_value("OWNER", description="May do everything, and share it.")
    EDITOR = strawberry.enum_value(
        "EDITOR", description="Reads all of it, books and corrects its ledger, and imports into it."
    )
    VIEWER = strawberry.enum_value("VIEWER", description="Reads all of it.")


@strawberry.type(
    description="A share of a portfolio: with a user in a role, or a link that shows percentages "
    "to whoever has it."
)
class PortfolioShare(Node):
    """A share of a portfolio."""

    role: PortfolioRole | None = strawberry.field(description="The user's role; null for a link.")
    username: str | None = strawberry.field(description="Who it is with; null for a link.")
    name: str | None = strawberry.field(description="The link's name; null for a user.")
    created_at: datetime = strawberry.field(description="When it was first shared.")
    expires_at: datetime | None = strawberry.field(
        description="When the link ends; null for a user, who has it until it is revoked."
    )


class Owned(Protocol):
    """Whatever stands for one portfolio."""

    row: portfolios.Portfolio


async def roles_in_portfolios(
    parents: "list[Owned]", info: Info[Context, None]
) -> list[PortfolioRole]:
    """Tell what the caller is to a level of portfolios."""
    found = await roles_of(info.context, [parent.row for parent in parents])
    return [PortfolioRole(Role(role or Role.VIEWER).name) for role in found]


async def owners_of_portfolios(parents: "list[Owned]", info: Info[Context, None]) -> list[str]:
    """Name the owners of a level of portfolios."""
    keys = [parent.row.owner_id for parent in parents]
    found = await info.context.loaders.users.load_many(keys)
    return ["" if row is None else row.username for row in found]


async def shares_of(context: Context, rows: list[access.PortfolioShare]) -> list[PortfolioShare]:
    """Build the outward shapes of shares."""
    users = await context.loaders.users.load_many([row.user_id or 0 for row in rows])
    return [
        PortfolioShare(
            id=strawberry.ID(encode_id("PortfolioShare", row.id)),
            role=None if row.role is None else PortfolioRole(row.role),
            username=None if user is None else user.username,
            name=row.name,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )
        for row, user in zip(rows, users, strict=True)
    ]


async def share_by_key(context: Context, key: int) -> PortfolioShare | None:
    """Return a share of a portfolio of the caller's, if they may manage shares."""
    if Scope.ADMIN not in context.caller.scopes:
        return None
    own = await context.loaders.portfolios_by_owner.load(context.user_id)
    groups = await context.loaders.shares.load_many([row.id or 0 for row in own])
    now = context.now()
    rows = [row for group in groups for row in group if row.id == key and not is_over(row, now=now)]
    return next(iter(await shares_of(context, rows)), None)


async def shares_of_portfolios(
    parents: "list[Owned]", info: Info[Context, None]
) -> list[list[PortfolioShare] | None]:
    """List the shares of a level of portfolios, to their owner who may manage them."""
    context = info.context
    context.require(Scope.ADMIN)
    mine = [parent.row.owner_id == context.user_id for parent in parents]
    found = await context.loaders.shares.load_many([parent.row.id or 0 for parent in parents])
    now = context.now()
    rows = [
        [row for row in group if own and not is_over(row, now=now)]
        for own, group in zip(mine, found, strict=True)
    ]
    shapes = iter(await shares_of(context, [row for group in rows for row in group]))
    return [
        [next(shapes) for _ in group] if own else None
        for own, group in zip(mine, rows, strict=True)
    ]
