"""Idempotency: a mutation sent twice with one key happens once."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from models.idempotency import IdempotencyKey, idempotency_key
from services.checks import MAX_KEY
from services.errors import MistakeCode, refuse

KEY_LIFETIME = timedelta(days=30)
"""How long a key is remembered at least; the first sign-in or refresh after it forgets the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A mutation as far as repeating it goes: who, which, and with what input."""

    user_id: int
    key: str | None
    operation: str
    content: str

    @property
    def fingerprint(self) -> str:
        """Return what two equal requests have in common."""
        return hashlib.sha256(f"{self.operation}\n{self.content}".encode()).hexdigest()


def check_key(request: Request) -> None:
    """Refuse a key that is empty or too long."""
    if request.key is not None and not 0 < len(request.key) <= MAX_KEY:
        raise refuse(
            MistakeCode.TOO_LONG if request.key else MistakeCode.REQUIRED,
            f"Must have 1 to {MAX_KEY} characters.",
            "idempotencyKey",
        )
    if request.key is not None and not request.key.isprintable():
        raise refuse(MistakeCode.INVALID, "Must be printable characters.", "idempotencyKey")


async def replayed(session: AsyncSession, request: Request) -> int | None:
    """Return the row an earlier request with this key made; null if this is the first.

    Raises RefusedError when the key came with another input before.
    """
    if request.key is None:
        return None
    known = await session.scalar(idempotency_key(request.user_id, request.key))
    if known is None:
        return None
    if known.fingerprint != request.fingerprint:
        raise refuse(
            MistakeCode.IDEMPOTENCY_CONFLICT,
            "This key was used before with another input.",
            "idempotencyKey",
        )
    return known.result_id


def remember(
    session: AsyncSession, request: Request, *, result_id: int | None, now: datetime
) -> None:
    """Keep what a request made, in the same transaction as the change itself."""
    if request.key is not None and result_id is not None:
        session.add(
            IdempotencyKey(
                user_id=request.user_id,
                key=request.key,
                fingerprint=request.fingerprint,
                result_id=result_id,
                created_at=now,
            )
        )
