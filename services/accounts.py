"""Accounts: signing up, in and out, and refreshing a session."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from models.database import Database
from models.idempotency import forget_keys
from models.users import (
    RefreshToken,
    User,
    forget_expired_tokens,
    lock_family,
    refresh_token_by_hash,
    revoke_family,
    user_by_name,
)
from services.checks import Checks
from services.errors import MistakeCode, refuse
from services.idempotency import KEY_LIFETIME
from services.passwords import Passwords
from services.tokens import Tokens, hash_refresh_token, new_refresh_token

USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}")
MIN_PASSWORD = 8
MAX_PASSWORD = 256
FORGOTTEN_AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session as the client gets it; the refresh token works once."""

    user_id: int
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


def check_new_user(username: str, *, password: str, base_currency: str, now: datetime) -> str:
    """Check a sign-up and return the clean username; raises RefusedError."""
    checks = Checks(now=now)
    username = username.strip()
    if not USERNAME.fullmatch(username):
        checks.note(
            MistakeCode.INVALID,
            "Must be 3 to 64 letters, digits or . _ @ + -, beginning with a letter or digit.",
            "username",
        )
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        checks.note(
            MistakeCode.OUT_OF_RANGE,
            f"Must have {MIN_PASSWORD} to {MAX_PASSWORD} characters.",
            "password",
        )
    checks.currency(base_currency, "baseCurrency")
    checks.finish()
    return username


async def create_user(
    session: AsyncSession,
    username: str,
    *,
    password_hash: str,
    base_currency: str,
    now: datetime,
) -> User:
    """Add a user; raises RefusedError when the name is taken."""
    user = User(
        username=username,
        username_key=username.casefold(),
        password_hash=password_hash,
        base_currency=base_currency,
        created_at=now,
    )
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise refuse(MistakeCode.ALREADY_EXISTS, "This username is taken.", "username") from error
    return user


async def check_credentials(
    database: Database, passwords: Passwords, *, username: str, password: str
) -> User:
    """Return the user that a name and password prove; raises RefusedError without saying which.

    The check takes long on purpose, so it holds no connection of the database's pool.
    """
    username = username.strip()
    user = None
    if USERNAME.fullmatch(username):  # anything else is nobody's, and not fit for a statement
        async with database.reading() as session:
            user = await session.scalar(user_by_name(username))
    too_long = len(password) > MAX_PASSWORD
    stored = None if user is None or too_long else user.password_hash
    fits = await passwords.check(password[:MAX_PASSWORD], stored=stored)
    if user is None or not fits:
        raise refuse(MistakeCode.INVALID_CREDENTIALS, "The username or password is wrong.")
    return user


async def start_session(
    session: AsyncSession,
    tokens: Tokens,
    *,
    user_id: int,
    now: datetime,
    family: str | None = None,
) -> SignedIn:
    """Issue an access token and a refresh token, of a new family unless one goes on.

    What has expired of the user's goes at the same time, some of it if it is much.
    """
    tokens_gone = forget_expired_tokens(user_id, now=now, limit=FORGOTTEN_AT_A_TIME)
    keys_gone = forget_keys(user_id, before=now - KEY_LIFETIME, limit=FORGOTTEN_AT_A_TIME)
    for statement in (tokens_gone, keys_gone):
        await session.execute(statement, execution_options={"synchronize_session": False})
    refresh_token = new_refresh_token()
    refresh_expires_at = now + tokens.refresh_lifetime
    session.add(
        RefreshToken(
            user_id=user_id,
            family=family or secrets.token_hex(16),
            token_hash=hash_refresh_token(refresh_token),
            created_at=now,
            expires_at=refresh_expires_at,
        )
    )
    access_token, access_expires_at = tokens.issue_access(user_id, now=now)
    return SignedIn(
        user_id=user_id,
        access_token=access_token,
        access_expires_at=access_expires_at,
        refresh_token=refresh_token,
        refresh_expires_at=refresh_expires_at,
    )


async def _hold(session: AsyncSession, refresh_token: str) -> RefreshToken | None:
    """Find a refresh token, its family locked against all others until the transaction ends."""
    token_hash = hash_refresh_token(refresh_token)
    await session.execute(lock_family(token_hash))
    return await session.scalar(refresh_token_by_hash(token_hash))


async def refresh_session(
    session: AsyncSession, tokens: Tokens, *, refresh_token: str, now: datetime
) -> SignedIn | None:
    """Trade a refresh token for a new session; null when it is not good for one.

    A token that was used before has leaked or been replayed, so its whole family ends. That
    change must be kept: the caller commits and then refuses, which is why this does not raise.
    """
    known = await _hold(session, refresh_token)
    if known is None or known.revoked_at is not None or known.expires_at <= now:
        return None
    if known.used_at is not None:
        await session.execute(revoke_family(known.family, at=now))
        return None
    known.used_at = now
    return await start_session(session, tokens, user_id=known.user_id, now=now, family=known.family)


async def sign_out(session: AsyncSession, *, refresh_token: str, now: datetime) -> None:
    """End the session that a refresh token belongs to; an unknown token is no error."""
    known = await _hold(session, refresh_token)
    if known is not None:
        await session.execute(revoke_family(known.family, at=now))
