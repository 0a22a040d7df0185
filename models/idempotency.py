"""Idempotency keys: which mutation a client has already sent, and what came of it."""

from datetime import datetime

from sqlalchemy import Delete, Select, String, delete, select
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.types import Identifier, UtcDateTime


class IdempotencyKey(Base, table=True):
    """One key of one user, the fingerprint of the input it came with and the row it made."""

    __tablename__ = "idempotency_keys"

    user_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    )
    key: str = Field(sa_type=String, primary_key=True)
    fingerprint: str = Field(sa_type=String)
    result_id: int = Field(sa_type=Identifier)
    created_at: datetime = Field(sa_type=UtcDateTime)


def idempotency_key(user_id: int, key: str) -> Select[IdempotencyKey]:
    """Select what is known of one user's key."""
    return select(IdempotencyKey).where(
        col(IdempotencyKey.user_id) == user_id, col(IdempotencyKey.key) == key
    )


def forget_keys(user_id: int, *, before: datetime, limit: int) -> Delete:
    """Delete a user's oldest keys of a time before, but none that another transaction holds."""
    old = (
        select(col(IdempotencyKey.key))
        .where(col(IdempotencyKey.user_id) == user_id, col(IdempotencyKey.created_at) < before)
        .order_by(col(IdempotencyKey.created_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return delete(IdempotencyKey).where(
        col(IdempotencyKey.user_id) == user_id, col(IdempotencyKey.key).in_(old)
    )
