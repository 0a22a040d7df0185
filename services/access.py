"""Decides who may do what: scopes of tokens, and roles in portfolios. Nobody else decides.

Whoever signs in has every scope; an API token has its own. A portfolio is reached by its owner and
by those it is shared with; to all others it does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from models.access import (
    Role,
    Scope,
    owner_for_update,
    portfolio_and_role,
    roles_of,
)
from models.portfolios import Portfolio
from services.errors import MistakeCode, RefusedError, portfolio_not_found, refuse

ALL_SCOPES = frozenset(Scope)
_ACTOR = "actor"


class MissingScopeError(Exception):
    """A token lacks a scope that the operation needs."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"The API token lacks the scope {scope.value}.")
        self.scope = scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is calling, as proven by a token, until when, and what the token is good for."""

    user_id: int
    expires_at: datetime
    scopes: frozenset[Scope] = ALL_SCOPES
    api_token_id: int | None = None


def with_reading(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Return scopes with the one they bring along: what changes answers with what it changed."""
    return frozenset(scopes) | {Scope.READ}


def require(principal: Principal, scope: Scope) -> None:
    """Raise MissingScopeError unless a caller's token has a scope."""
    if scope not in principal.scopes:
        raise MissingScopeError(scope)


def role_of(portfolio: Portfolio, *, user_id: int, shared: Role | None) -> Role | None:
    """Return a user's role in a portfolio that is shared with them in a role, or not at all."""
    if portfolio.owner_id == user_id:
        return Role.OWNER
    return shared


async def roles_in(
    session: AsyncSession, keys: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Role]:
    """Return the roles that portfolios are shared in, by user and portfolio; owners have none."""
    users, portfolios = zip(*keys, strict=True)
    rows = await session.execute(roles_of(set(users), set(portfolios)))
    return {
        (user_id, portfolio_id): Role[role]
        for user_id, portfolio_id, role in rows
        if user_id is not None and role is not None
    }


async def portfolio_as(
    session: AsyncSession, role: Role, *, user_id: int, portfolio_id: int | None
) -> Portfolio:
    """Return a portfolio that a user has at least a role in; raises RefusedError.

    One that the user does not reach and a missing one are refused alike.
    """
    row = (await session.execute(portfolio_and_role(user_id, portfolio_id or 0))).one_or_none()
    return _checked(row, role, user_id=user_id)


async def hold_as(
    session: AsyncSession, role: Role, *, user_id: int, portfolio_id: int
) -> Portfolio:
    """Return a portfolio as ``portfolio_as``, held with all of its owner's against other writers.

    Shares change under the same lock, so a role that was taken away is gone from here on.
    """
    await session.execute(owner_for_update(user_id, portfolio_id))
    held = portfolio_and_role(user_id, portfolio_id).with_for_update(of=Portfolio)
    row = (await session.execute(held)).one_or_none()
    portfolio = _checked(row, role, user_id=user_id)
    session.info[_ACTOR] = user_id
    return portfolio


def _checked(row: Row[Portfolio, str | None] | None, role: Role, *, user_id: int) -> Portfolio:
    if row is None:
        raise portfolio_not_found()
    own = role_of(row[0], user_id=user_id, shared=None if row[1] is None else Role[row[1]])
    if own is None:
        raise portfolio_not_found()
    if own < role:
        message = "This portfolio is shared with you, but your role in it does not allow this."
        raise refuse(MistakeCode.NOT_FOUND, message, "portfolioId")
    return row[0]


async def may(session: AsyncSession, role: Role, portfolio_ids: Iterable[int]) -> bool:
    """Tell whether whoever changes ledgers in this session has a role in all of some portfolios.

    Our own tools act for nobody, and may.
    """
    actor = session.info.get(_ACTOR)
    if actor is None:
        return True
    for portfolio_id in sorted(set(portfolio_ids)):
        try:
            await portfolio_as(session, role, user_id=actor, portfolio_id=portfolio_id)
        except RefusedError:
            return False
    return True


async def told(session: AsyncSession, message: str, *, portfolio_id: int) -> str:
    """Return a message about a portfolio, or a general one if it is out of the writer's reach."""
    if await may(session, Role.VIEWER, [portfolio_id]):
        return message
    return "A portfolio of the owner that is tied to this one by a transfer does not allow it."
