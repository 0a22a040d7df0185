"""API tokens: creating and revoking them, and telling who one speaks for."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from models.access import (
    ApiToken,
    Scope,
    forget_dead_tokens,
    living_tokens,
    note_use,
    token_by_lookup,
    token_of,
)
from models.base import row_key
from models.database import Database
from models.users import user_for_update
from services.access import Principal, with_reading
from services.checks import CLOCK_SKEW, Checks
from services.errors import MistakeCode, refuse
from services.opaque import API_TOKEN, OpaqueToken, new_token, read_token
from services.tokens import InvalidTokenError

MAX_TOKENS = 50
"""Tokens of one user that can be used, and as many that no longer can, are kept."""

LIFETIME = timedelta(days=90)
MAX_LIFETIME = timedelta(days=365)

FRESH = timedelta(seconds=5)
"""How long what is known of a token is believed: a token revoked elsewhere is good no longer."""

USE_NOTED = timedelta(minutes=1)
MAX_KNOWN = 10_000

log = structlog.get_logger(__name__)


def scopes_of(row: ApiToken) -> frozenset[Scope]:
    """Return the scopes of a stored token."""
    return frozenset(Scope(name) for name in row.scopes.split())


def checked_end(
    given: datetime | None, *, checks: Checks, latest: datetime | None = None
) -> datetime:
    """Check when a token shall expire: in 90 days unless it says, within a year, not after another.

    Mistakes are of the field ``expiresAt``.
    """
    now = checks.now
    if given is None:
        return now + LIFETIME if latest is None else min(now + LIFETIME, latest)
    if given.tzinfo is None:
        checks.note(MistakeCode.INVALID, "Must say its time zone, such as a final Z.", "expiresAt")
    elif not now < given <= now + MAX_LIFETIME + CLOCK_SKEW:
        message = f"Must be in the future, within {MAX_LIFETIME.days} days."
        checks.note(MistakeCode.OUT_OF_RANGE, message, "expiresAt")
    elif latest is not None and given > latest:
        message = "Must not be later than the end of the token that creates it."
        checks.note(MistakeCode.OUT_OF_RANGE, message, "expiresAt")
    return given


async def create_api_token(
    session: AsyncSession,
    name: str,
    *,
    scopes: Collection[Scope],
    expires_at: datetime | None,
    creator: Principal,
    now: datetime,
) -> tuple[ApiToken, OpaqueToken]:
    """Add a token of the one who asks for it, and return it with its secret.

    Its scopes must have been required of the creator. Raises RefusedError.
    """
    checks = Checks(now=now)
    name = checks.name(name, "name")
    latest = None if creator.api_token_id is None else creator.expires_at
    end = checked_end(expires_at, checks=checks, latest=latest)
    if not scopes:
        checks.required("scopes")
    checks.finish()
    await session.execute(user_for_update(creator.user_id))
    forget = forget_dead_tokens(creator.user_id, now=now, keep=MAX_TOKENS)
    await session.execute(forget, execution_options={"synchronize_session": False})
    if (await session.scalar(living_tokens(creator.user_id, now=now)) or 0) >= MAX_TOKENS:
        raise refuse(MistakeCode.OUT_OF_RANGE, f"You have {MAX_TOKENS} tokens: revoke one first.")
    secret = new_token(API_TOKEN)
    row = ApiToken(
        user_id=creator.user_id,
        name=name,
        scopes=" ".join(sorted(scope.value for scope in with_reading(scopes))),
        lookup=secret.lookup,
        token_hash=secret.digest,
        created_at=now,
        expires_at=end,
    )
    session.add(row)
    await session.flush()
    return row, secret


async def revoke_api_token(
    session: AsyncSession, *, user_id: int, token_id: int | None, now: datetime
) -> ApiToken:
    """End a user's token; ending it twice is no error. Raises RefusedError."""
    row = await session.scalar(token_of(user_id, token_id or 0))
    if row is None:
        raise refuse(MistakeCode.NOT_FOUND, "There is no such token.", "tokenId")
    row.revoked_at = row.revoked_at or now
    await session.flush()
    return row


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of a token, and when."""

    principal: Principal
    revoked: bool
    read_at: datetime


class ApiTokens:
    """Tells who tokens speak for, with one statement each, believed for a few seconds.

    The time of the last use is written behind, at most once a minute for a token.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Known] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def read(self, text: str, *, now: datetime) -> Principal:
        """Return who a token speaks for; raises InvalidTokenError."""
        token = read_token(text, prefix=API_TOKEN)
        if token is None:
            raise InvalidTokenError("The API token is not valid.")
        known = self._known.get(token.digest)
        if known is None or not timedelta() <= now - known.read_at < FRESH:
            known = await self._look_up(token, now=now)
        if known.revoked:
            raise InvalidTokenError("The API token was revoked.")
        if known.principal.expires_at <= now:
            raise InvalidTokenError("The API token has expired.")
        return known.principal

    async def _look_up(self, token: OpaqueToken, *, now: datetime) -> _Known:
        self._known.pop(token.digest, None)
        async with self._database.reading() as session:
            row = await session.scalar(token_by_lookup(token.lookup))
        if row is None or not token.proves(row.token_hash):
            raise InvalidTokenError("The API token is not valid.")
        principal = Principal(
            user_id=row.user_id,
            expires_at=row.expires_at,
            scopes=scopes_of(row),
            api_token_id=row_key(row.id),
        )
        known = _Known(principal, revoked=row.revoked_at is not None, read_at=now)
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[token.digest] = known
        useful = not known.revoked and row.expires_at > now
        if useful and (row.last_used_at is None or row.last_used_at <= now - USE_NOTED):
            task = asyncio.create_task(self._note_use(row_key(row.id), at=now))
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)
        return known

    async def _note_use(self, token_id: int, *, at: datetime) -> None:
        try:
            async with self._database.writing() as session:
                await session.execute(
                    note_use(token_id, at=at, unless_since=at - USE_NOTED),
                    execution_options={"synchronize_session": False},
                )
        except Exception:
            log.exception("api_token_use_not_noted")

    def forget(self, token_id: int | None) -> None:
        """Believe nothing of a token any more."""
        self._known = {
            digest: known
            for digest, known in self._known.items()
            if known.principal.api_token_id != token_id
        }

    async def close(self) -> None:
        """Wait until all uses are noted."""
        await asyncio.gather(*self._notes)
