"""Sharing portfolios: with users in a role, and as links that show no amounts."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from models.access import (
    PortfolioShare,
    Role,
    forget_share,
    link_by_lookup,
    share_by_id,
    shares_of,
)
from models.base import row_key
from models.changes import ACCESS, note
from models.portfolios import Portfolio
from models.users import user_by_name
from services.access import hold_as
from services.accounts import USERNAME
from services.api_tokens import checked_end
from services.checks import Checks
from services.errors import MistakeCode, RefusedError, refuse
from services.opaque import LINK_TOKEN, OpaqueToken, new_token, read_token

MAX_SHARES = 100
"""Shares of one portfolio, links that still work included."""


async def _living_shares(
    session: AsyncSession, portfolio: Portfolio, *, now: datetime
) -> list[PortfolioShare]:
    """Return the shares of a held portfolio; links that have expired are forgotten."""
    rows = list(await session.scalars(shares_of([row_key(portfolio.id)])))
    for row in rows:
        if is_over(row, now=now):
            await session.delete(row)
    return [row for row in rows if not is_over(row, now=now)]


def is_over(row: PortfolioShare, *, now: datetime) -> bool:
    """Tell whether a share is a link that has expired."""
    return row.expires_at is not None and row.expires_at <= now


def _too_many() -> RefusedError:
    message = f"The portfolio has {MAX_SHARES} shares: revoke one first."
    return refuse(MistakeCode.OUT_OF_RANGE, message)


async def share_portfolio(
    session: AsyncSession,
    *,
    owner_id: int,
    portfolio_id: int,
    username: str,
    role: Role,
    now: datetime,
) -> PortfolioShare:
    """Share a portfolio with a user, or give them another role in it; raises RefusedError."""
    portfolio = await hold_as(session, Role.OWNER, user_id=owner_id, portfolio_id=portfolio_id)
    shares = await _living_shares(session, portfolio, now=now)
    username = username.strip()
    # Anything else is nobody's, and not fit for a statement.
    user = await session.scalar(user_by_name(username)) if USERNAME.fullmatch(username) else None
    if user is None:
        raise refuse(MistakeCode.NOT_FOUND, "There is no user of this name.", "username")
    if user.id == owner_id:
        raise refuse(MistakeCode.INVALID, "The portfolio is yours.", "username")
    known = next((row for row in shares if row.user_id == user.id), None)
    if known is None and len(shares) >= MAX_SHARES:
        raise _too_many()
    if known is None:
        known = PortfolioShare(portfolio_id=portfolio_id, user_id=user.id, created_at=now)
        session.add(known)
    known.role = role.name
    await session.flush()
    return known


async def create_link(
    session: AsyncSession,
    *,
    owner_id: int,
    portfolio_id: int,
    name: str,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[PortfolioShare, OpaqueToken]:
    """Add a link to a portfolio, and return it with its token; raises RefusedError."""
    portfolio = await hold_as(session, Role.OWNER, user_id=owner_id, portfolio_id=portfolio_id)
    checks = Checks(now=now)
    name = checks.name(name, "name")
    end = checked_end(expires_at, checks=checks)
    checks.finish()
    if len(await _living_shares(session, portfolio, now=now)) >= MAX_SHARES:
        raise _too_many()
    token = new_token(LINK_TOKEN)
    row = PortfolioShare(
        portfolio_id=portfolio_id,
        name=name,
        lookup=token.lookup,
        token_hash=token.digest,
        created_at=now,
        expires_at=end,
    )
    session.add(row)
    await session.flush()
    return row, token


async def revoke_share(session: AsyncSession, *, user_id: int, share_id: int | None) -> int:
    """End a share, as the owner or as whom it is with; return the portfolio's key.

    Raises RefusedError: a stranger's share and a missing one look the same.
    """
    missing = refuse(MistakeCode.NOT_FOUND, "There is no such share.", "shareId")
    row = await session.scalar(share_by_id(share_id or 0))
    if row is None:
        raise missing
    try:
        portfolio = await hold_as(
            session, Role.VIEWER, user_id=user_id, portfolio_id=row.portfolio_id
        )
    except RefusedError as error:
        raise missing from error
    if user_id not in (portfolio.owner_id, row.user_id):
        raise missing
    await session.execute(forget_share(row_key(row.id)))
    note(session, (ACCESS, row.portfolio_id))
    return row.portfolio_id


async def portfolio_of_link(
    session: AsyncSession, text: str, *, now: datetime
) -> tuple[Portfolio, datetime] | None:
    """Return the portfolio that a link's token shows and until when; null for any other text."""
    token = read_token(text, prefix=LINK_TOKEN)
    if token is None:
        return None
    row = (await session.execute(link_by_lookup(token.lookup))).one_or_none()
    if row is None:
        return None
    link, portfolio = row
    if not token.proves(link.token_hash) or is_over(link, now=now) or link.expires_at is None:
        return None
    return portfolio, link.expires_at
