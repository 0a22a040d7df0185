"""Access of others: tokens that speak for a user, and shares of portfolios."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import Enum, IntEnum

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    String,
    UniqueConstraint,
    Update,
    and_,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.portfolios import Portfolio
from models.reading import one_of
from models.types import Identifier, UtcDateTime
from models.users import User


class Scope(Enum):
    """What a token may be used for."""

    READ = "READ"
    TRADE = "TRADE"
    ADMIN = "ADMIN"


class Role(IntEnum):
    """What a user is to a portfolio; each may do all that the ones below may."""

    VIEWER = 1
    EDITOR = 2
    OWNER = 3


class ApiToken(Base, table=True):
    """A token that speaks for a user within its scopes; ``lookup`` finds it, the hash proves it."""

    __tablename__ = "api_tokens"

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    user_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    name: str = Field(sa_type=String)
    scopes: str = Field(sa_type=String)
    lookup: str = Field(sa_type=String, unique=True)
    token_hash: str = Field(sa_type=String)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PortfolioShare(Base, table=True):
    """A share of one portfolio: with a user in a role, or as a link, which has a token instead."""

    __tablename__ = "portfolio_shares"
    __table_args__ = (UniqueConstraint("portfolio_id", "user_id"),)

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    portfolio_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("portfolios.id", ondelete="CASCADE"), nullable=False
        )
    )
    user_id: int | None = Field(
        default=None,
        sa_column=Column(Identifier, ForeignKey("users.id", ondelete="CASCADE"), index=True),
    )
    role: str | None = Field(default=None, sa_type=String)
    name: str | None = Field(default=None, sa_type=String)
    lookup: str | None = Field(default=None, sa_type=String, unique=True)
    token_hash: str | None = Field(default=None, sa_type=String)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def token_by_lookup(lookup: str) -> Select[ApiToken]:
    """Select the token that a text may be."""
    return select(ApiToken).where(col(ApiToken.lookup) == lookup)


def tokens_of(user_ids: Sequence[int]) -> Select[ApiToken]:
    """Select the tokens of users, oldest first."""
    return (
        select(ApiToken).where(one_of(col(ApiToken.user_id), user_ids)).order_by(col(ApiToken.id))
    )


def token_of(user_id: int, token_id: int) -> Select[ApiToken]:
    """Select one token of one user."""
    return select(ApiToken).where(col(ApiToken.id) == token_id, col(ApiToken.user_id) == user_id)


def _lives(now: datetime) -> ColumnElement[bool]:
    return and_(col(ApiToken.revoked_at).is_(None), col(ApiToken.expires_at) > now)


def living_tokens(user_id: int, *, now: datetime) -> Select[int]:
    """Count the tokens of a user that can be used."""
    return select(func.count(col(ApiToken.id))).where(col(ApiToken.user_id) == user_id, _lives(now))


def forget_dead_tokens(user_id: int, *, now: datetime, keep: int) -> Delete:
    """Delete a user's expired and revoked tokens but for the newest."""
    dead = (
        select(col(ApiToken.id))
        .where(col(ApiToken.user_id) == user_id, ~_lives(now))
        .order_by(col(ApiToken.id).desc())
        .limit(keep)
    )
    return delete(ApiToken).where(
        col(ApiToken.user_id) == user_id, ~_lives(now), col(ApiToken.id).not_in(dead)
    )


def note_use(token_id: int, *, at: datetime, unless_since: datetime) -> Update:
    """Note that a token was used, unless that was noted a moment ago."""
    last = col(ApiToken.last_used_at)
    return (
        update(ApiToken)
        .where(col(ApiToken.id) == token_id, or_(last.is_(None), last <= unless_since))
        .values(last_used_at=at)
    )


def _reaches(user_id: int) -> ColumnElement[bool]:
    """Tell whether a user owns a portfolio or has it shared with them."""
    shared = select(col(PortfolioShare.id)).where(
        col(PortfolioShare.portfolio_id) == col(Portfolio.id),
        col(PortfolioShare.user_id) == user_id,
    )
    return or_(col(Portfolio.owner_id) == user_id, shared.exists())


def portfolio_and_role(user_id: int, portfolio_id: int) -> Select[Portfolio, str | None]:
    """Select a portfolio, whoever owns it, with the role that it is shared with a user in."""
    return (
        select(Portfolio, col(PortfolioShare.role))
        .outerjoin(
            PortfolioShare,
            and_(
                col(PortfolioShare.portfolio_id) == col(Portfolio.id),
                col(PortfolioShare.user_id) == user_id,
            ),
        )
        .where(col(Portfolio.id) == portfolio_id)
    )


def owner_for_update(user_id: int, portfolio_id: int) -> Select[int | None]:
    """Select the owner of a portfolio that a user reaches, and hold them as `user_for_update`."""
    owner = select(col(Portfolio.owner_id)).where(
        col(Portfolio.id) == portfolio_id, _reaches(user_id)
    )
    return (
        select(col(User.id))
        .where(col(User.id) == owner.scalar_subquery())
        .with_for_update(key_share=True)
    )


def roles_of(
    user_ids: Collection[int], portfolio_ids: Collection[int]
) -> Select[int | None, int, str | None]:
    """Select whom of some users portfolios are shared with, and in what role."""
    return select(
        col(PortfolioShare.user_id), col(PortfolioShare.portfolio_id), col(PortfolioShare.role)
    ).where(
        col(PortfolioShare.user_id).in_(user_ids),
        col(PortfolioShare.portfolio_id).in_(portfolio_ids),
    )


def shared_with(user_ids: Sequence[int]) -> Select[int | None, Portfolio]:
    """Select the portfolios that are shared with users, oldest first."""
    return (
        select(col(PortfolioShare.user_id), Portfolio)
        .join(Portfolio, col(Portfolio.id) == col(PortfolioShare.portfolio_id))
        .where(one_of(col(PortfolioShare.user_id), user_ids))
        .order_by(col(Portfolio.id))
    )


def shares_of(portfolio_ids: Sequence[int]) -> Select[PortfolioShare]:
    """Select the shares of portfolios, oldest first."""
    return (
        select(PortfolioShare)
        .where(one_of(col(PortfolioShare.portfolio_id), portfolio_ids))
        .order_by(col(PortfolioShare.id))
    )


def share_by_id(share_id: int) -> Select[PortfolioShare]:
    """Select a share, whoever's it is."""
    return select(PortfolioShare).where(col(PortfolioShare.id) == share_id)


def forget_share(share_id: int) -> Delete:
    """Delete a share."""
    return delete(PortfolioShare).where(col(PortfolioShare.id) == share_id)


def link_by_lookup(lookup: str) -> Select[PortfolioShare, Portfolio]:
    """Select the link that a text may be, with its portfolio."""
    return (
        select(PortfolioShare, Portfolio)
        .join(Portfolio, col(Portfolio.id) == col(PortfolioShare.portfolio_id))
        .where(col(PortfolioShare.lookup) == lookup)
    )
