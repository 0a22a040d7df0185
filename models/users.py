"""Users and the refresh tokens of their sessions."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Delete, Select, String, Update, delete, func, select, update
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.reading import one_of
from models.types import Identifier, UtcDateTime


class User(Base, table=True):
    """A person who signs in; ``username_key`` is the case-folded name that must be unique."""

    __tablename__ = "users"

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    username: str = Field(sa_type=String)
    username_key: str = Field(sa_type=String, unique=True)
    password_hash: str = Field(sa_type=String)
    base_currency: str = Field(sa_type=String)
    created_at: datetime = Field(sa_type=UtcDateTime)


class RefreshToken(Base, table=True):
    """One refresh token, stored as a hash; all rotations of one sign-in share a ``family``."""

    __tablename__ = "refresh_tokens"

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    user_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    family: str = Field(sa_type=String, index=True)
    token_hash: str = Field(sa_type=String, unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def user_by_name(username: str) -> Select[User]:
    """Select the user of a name, whatever its capitals."""
    return select(User).where(col(User.username_key) == username.casefold())


def users_by_id(ids: Sequence[int] = ()) -> Select[User]:
    """Select users by key."""
    return select(User).where(one_of(col(User.id), ids))


def user_for_update(user_id: int) -> Select[int | None]:
    """Select a user's key and hold it: writers of one person's ledgers take turns."""
    return (
        select(col(User.id))
        .where(col(User.id) == user_id)
        .with_for_update(key_share=True)  # rows that refer to the user can still be written
    )


def user_count() -> Select[int]:
    """Count all users."""
    return select(func.count()).select_from(User)


def refresh_token_by_hash(token_hash: str) -> Select[RefreshToken]:
    """Select a refresh token."""
    return select(RefreshToken).where(col(RefreshToken.token_hash) == token_hash)


def lock_family(token_hash: str) -> Select[int | None]:
    """Lock all the refresh tokens of a token's family, oldest first, and select their keys.

    A rotation adds a row that a statement already waiting cannot see, so whoever changes a family
    takes this lock first and reads in a statement of its own after it.
    """
    of_token = select(col(RefreshToken.family)).where(col(RefreshToken.token_hash) == token_hash)
    return (
        select(col(RefreshToken.id))
        .where(col(RefreshToken.family) == of_token.scalar_subquery())
        .order_by(col(RefreshToken.id))
        .with_for_update()
    )


def revoke_family(family: str, *, at: datetime) -> Update:
    """End a whole family of refresh tokens."""
    return (
        update(RefreshToken)
        .where(col(RefreshToken.family) == family, col(RefreshToken.revoked_at).is_(None))
        .values(revoked_at=at)
    )


def forget_expired_tokens(user_id: int, *, now: datetime, limit: int) -> Delete:
    """Delete a user's oldest expired refresh tokens, but none that another transaction holds."""
    expired = (
        select(col(RefreshToken.id))
        .where(col(RefreshToken.user_id) == user_id, col(RefreshToken.expires_at) <= now)
        .order_by(col(RefreshToken.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return delete(RefreshToken).where(col(RefreshToken.id).in_(expired))
