"""Mutations of API tokens: creating and revoking them."""

from datetime import datetime

import strawberry
from strawberry.types import Info

from models.access import Scope
from resolvers.api_tokens import ApiScope, ApiToken, api_token_of
from resolvers.changes import ERRORS
from resolvers.context import Context
from resolvers.ids import key_of
from resolvers.values import UserError, user_errors
from services.api_tokens import (
    LIFETIME,
    MAX_LIFETIME,
    MAX_TOKENS,
    create_api_token,
    revoke_api_token,
)
from services.errors import RefusedError

EXPIRES_AT = (
    f"From when on it is refused: at most {MAX_LIFETIME.days} days from now, and {LIFETIME.days} "
    "days if left out."
)


@strawberry.input(description="A new API token.")
class CreateApiTokenInput:
    """A new API token."""

    name: str = strawberry.field(description="1 to 100 characters, such as what it is for.")
    scopes: list[ApiScope] = strawberry.field(
        description="What it may be used for. `TRADE` and `ADMIN` bring `READ` along, and not each "
        "other."
    )
    expires_at: datetime | None = strawberry.field(default=None, description=EXPIRES_AT)


@strawberry.input(description="An API token to end.")
class RevokeApiTokenInput:
    """An API token to end."""

    token_id: strawberry.ID = strawberry.field(description="Which token, by `ApiToken.id`.")


@strawberry.type(description="The outcome of `createApiToken`.")
class CreateApiTokenPayload:
    """The outcome of creating an API token."""

    api_token: ApiToken | None = strawberry.field(
        default=None, description="The token; null on an error."
    )
    secret: str | None = strawberry.field(
        default=None,
        description="What to send as `Authorization: Bearer …`. It is shown this once and never "
        "again; null on an error.",
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


@strawberry.type(description="The outcome of `revokeApiToken`.")
class RevokeApiTokenPayload:
    """The outcome of revoking an API token."""

    api_token: ApiToken | None = strawberry.field(
        default=None, description="The token; null on an error."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


@strawberry.type
class ApiTokenMutations:
    """Root fields that manage API tokens."""

    @strawberry.mutation(
        description="Create an API token, for programs that cannot sign in. One that is created "
        "with an API token has none but its scopes, and ends no later. At most "
        f"{MAX_TOKENS} at a time. Errors: REQUIRED, TOO_LONG, INVALID, OUT_OF_RANGE."
    )
    async def create_api_token(
        self, info: Info[Context, None], input: CreateApiTokenInput
    ) -> CreateApiTokenPayload | None:
        """Create an API token."""
        context = info.context
        scopes = {Scope(scope.value) for scope in input.scopes}
        for scope in sorted(scopes, key=lambda scope: scope.value):
            context.require(scope)
        try:
            async with context.services.database.writing() as session:
                row, secret = await create_api_token(
                    session,
                    input.name,
                    scopes=scopes,
                    expires_at=input.expires_at,
                    creator=context.caller,
                    now=context.now(),
                )
        except RefusedError as error:
            return CreateApiTokenPayload(user_errors=user_errors(error))
        context.forget()
        return CreateApiTokenPayload(api_token=api_token_of(row), secret=secret.text)

    @strawberry.mutation(
        description="End an API token, within seconds everywhere. Those created with it go on: "
        "each is revoked by itself. Twice is no error. Errors: NOT_FOUND."
    )
    async def revoke_api_token(
        self, info: Info[Context, None], input: RevokeApiTokenInput
    ) -> RevokeApiTokenPayload | None:
        """Revoke an API token."""
        context = info.context
        try:
            async with context.services.database.writing() as session:
                row = await revoke_api_token(
                    session,
                    user_id=context.user_id,
                    token_id=key_of(input.token_id, type_name="ApiToken"),
                    now=context.now(),
                )
        except RefusedError as error:
            return RevokeApiTokenPayload(user_errors=user_errors(error))
        context.services.api_tokens.forget(row.id)
        context.forget()
        return RevokeApiTokenPayload(api_token=api_token_of(row))
