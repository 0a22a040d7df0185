"""Signing up, in and out, and refreshing a session."""

from datetime import datetime

import strawberry
from strawberry.types import Info

from resolvers.context import Context
from resolvers.scalars import CurrencyCode
from resolvers.values import UserError, user_errors
from resolvers.viewer import Viewer, viewer_of
from services.access import Principal
from services.accounts import (
    SignedIn,
    check_credentials,
    check_new_user,
    create_user,
    refresh_session,
    sign_out,
    start_session,
)
from services.errors import MistakeCode, RefusedError, refuse

ERRORS = "What is wrong with the input; empty when it worked."


@strawberry.type(description="A signed-in session. Keep both tokens secret.")
class Session:
    """A signed-in session."""

    access_token: str = strawberry.field(
        description="Send it as `Authorization: Bearer …`, in HTTP headers or in a socket's "
        "connection_init."
    )
    access_token_expires_at: datetime = strawberry.field(
        description="From then on it is refused: refresh before."
    )
    refresh_token: str = strawberry.field(
        description="Trades for a new session with `refreshSession`, once. Using it a second time "
        "ends the session everywhere."
    )
    refresh_token_expires_at: datetime = strawberry.field(
        description="From then on only signing in helps."
    )
    viewer: Viewer = strawberry.field(description="Who is signed in.")


@strawberry.type(description="The outcome of `signUp`, `signIn` and `refreshSession`.")
class SessionPayload:
    """A new session, or why there is none."""

    session: Session | None = strawberry.field(description="The new session; null on an error.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="The outcome of `signOut`.")
class SignOutPayload:
    """The outcome of signing out."""

    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.input(description="A new account.")
class SignUpInput:
    """A new account."""

    username: str = strawberry.field(
        description="3 to 64 letters, digits or . _ @ + -; unique whatever its capitals."
    )
    password: str = strawberry.field(description="8 to 256 characters.")
    base_currency: CurrencyCode = strawberry.field(
        default=CurrencyCode("USD"), description="What new portfolios are kept in."
    )


@strawberry.input(description="Credentials.")
class SignInInput:
    """Credentials."""

    username: str = strawberry.field(description="The account's name.")
    password: str = strawberry.field(description="Its password.")


@strawberry.input(description="A refresh token.")
class RefreshTokenInput:
    """A refresh token."""

    refresh_token: str = strawberry.field(description="As a session gave it.")


async def _payload(context: Context, signed_in: SignedIn) -> SessionPayload:
    # What follows in this operation runs as the one who has just signed in.
    context.principal = Principal(user_id=signed_in.user_id, expires_at=signed_in.access_expires_at)
    context.forget()
    row = await context.loaders.users.load(signed_in.user_id)
    if row is None:
        return _refused(refuse(MistakeCode.INVALID_TOKEN, "The account no longer exists."))
    return SessionPayload(
        session=Session(
            access_token=signed_in.access_token,
            access_token_expires_at=signed_in.access_expires_at,
            refresh_token=signed_in.refresh_token,
            refresh_token_expires_at=signed_in.refresh_expires_at,
            viewer=viewer_of(row),
        ),
        user_errors=[],
    )


def _refused(error: RefusedError) -> SessionPayload:
    return SessionPayload(session=None, user_errors=user_errors(error))


@strawberry.type
class AccountMutations:
    """Root fields that open and close sessions."""

    @strawberry.mutation(
        description="Create an account and sign in. Errors: INVALID, OUT_OF_RANGE, "
        "UNKNOWN_CURRENCY, ALREADY_EXISTS."
    )
    async def sign_up(self, info: Info[Context, None], input: SignUpInput) -> SessionPayload | None:
        """Create an account."""
        services, now = info.context.services, info.context.now()
        await info.context.count_attempt(account=input.username)
        try:
            username = check_new_user(
                input.username,
                password=input.password,
                base_currency=input.base_currency,
                now=now,
            )
            password_hash = await services.passwords.hash(input.password)
            async with services.database.writing() as session:
                user = await create_user(
                    session,
                    username,
                    password_hash=password_hash,
                    base_currency=input.base_currency,
                    now=now,
                )
                signed_in = await start_session(
                    session, services.tokens, user_id=user.id or 0, now=now
                )
        except RefusedError as error:
            return _refused(error)
        return await _payload(info.context, signed_in)

    @strawberry.mutation(
        description="Open a session with a username and password. Errors: INVALID_CREDENTIALS."
    )
    async def sign_in(self, info: Info[Context, None], input: SignInInput) -> SessionPayload | None:
        """Open a session."""
        services, now = info.context.services, info.context.now()
        await info.context.count_attempt(account=input.username)
        try:
            user = await check_credentials(
                services.database,
                services.passwords,
                username=input.username,
                password=input.password,
            )
        except RefusedError as error:
            return _refused(error)
        async with services.database.writing() as session:
            signed_in = await start_session(session, services.tokens, user_id=user.id or 0, now=now)
        return await _payload(info.context, signed_in)

    @strawberry.mutation(
        description="Trade a refresh token for a new session; the old token is used up. "
        "Errors: INVALID_TOKEN."
    )
    async def refresh_session(
        self, info: Info[Context, None], input: RefreshTokenInput
    ) -> SessionPayload | None:
        """Renew a session."""
        services, now = info.context.services, info.context.now()
        async with services.database.writing() as session:
            signed_in = await refresh_session(
                session, services.tokens, refresh_token=input.refresh_token, now=now
            )
        if signed_in is None:
            message = "The refresh token is unknown, expired, used or revoked: sign in again."
            return _refused(refuse(MistakeCode.INVALID_TOKEN, message, "refreshToken"))
        return await _payload(info.context, signed_in)

    @strawberry.mutation(
        description="End the session of a refresh token. Its access token lapses within minutes. "
        "An unknown token is no error."
    )
    async def sign_out(
        self, info: Info[Context, None], input: RefreshTokenInput
    ) -> SignOutPayload | None:
        """End a session."""
        services, now = info.context.services, info.context.now()
        async with services.database.writing() as session:
            await sign_out(session, refresh_token=input.refresh_token, now=now)
        return SignOutPayload(user_errors=[])
