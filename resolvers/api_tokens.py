"""API tokens: what a user's programs speak for them with."""

from datetime import datetime
from enum import Enum
from typing import Protocol

import strawberry
from strawberry.types import Info

from models import access, users
from models.access import Scope
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.values import Node
from services.api_tokens import scopes_of


@strawberry.enum(description="What an API token may be used for.")
class ApiScope(Enum):
    """What an API token may be used for, as `models.access.Scope` has it."""

    READ = strawberry.enum_value(
        "READ", description="Read what you can read, but for tokens and shares."
    )
    TRADE = strawberry.enum_value(
        "TRADE", description="Read, and change portfolios, their ledgers, watchlists and alerts."
    )
    ADMIN = strawberry.enum_value(
        "ADMIN", description="Read, and manage the account, its tokens and its shares."
    )


@strawberry.type(description="A token that a program sends in your name. Its secret is not kept.")
class ApiToken(Node):
    """A token that a program sends in a user's name."""

    name: str = strawberry.field(description="Your name for it.")
    scopes: list[ApiScope] = strawberry.field(description="What it may be used for.")
    created_at: datetime = strawberry.field(description="When it was created.")
    expires_at: datetime = strawberry.field(description="From then on it is refused.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was last used, to the minute; null if it never was."
    )
    revoked_at: datetime | None = strawberry.field(
        description="When it was revoked; null while it is not."
    )


def api_token_of(row: access.ApiToken) -> ApiToken:
    """Build the outward shape of a token."""
    mine = scopes_of(row)
    return ApiToken(
        id=strawberry.ID(encode_id("ApiToken", row.id)),
        name=row.name,
        scopes=[ApiScope(scope.value) for scope in Scope if scope in mine],
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


async def api_token_by_key(context: Context, key: int) -> ApiToken | None:
    """Return a token of the caller's, if they may manage tokens."""
    if Scope.ADMIN not in context.caller.scopes:
        return None
    rows = await context.loaders.api_tokens.load(context.user_id)
    return next((api_token_of(row) for row in rows if row.id == key), None)


class Account(Protocol):
    """Whatever stands for a user."""

    row: users.User


async def tokens_of_accounts(
    parents: "list[Account]", info: Info[Context, None]
) -> list[list[ApiToken] | None]:
    """List the tokens of users; for whoever may manage them."""
    info.context.require(Scope.ADMIN)
    found = await info.context.loaders.api_tokens.load_many(
        [parent.row.id or 0 for parent in parents]
    )
    return [[api_token_of(row) for row in rows] for rows in found]
