"""Portfolios: creating, changing and archiving them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from analytics.benchmarks import Blend
from analytics.events import Method
from models.access import Role
from models.base import row_key
from models.changes import LEDGER, note
from models.portfolios import Portfolio, portfolio_by_name
from models.transactions import Transaction
from services.access import hold_as
from services.benchmarks import kept_blend
from services.checks import Checks
from services.entries import Terms, instrument_states, terms_of
from services.errors import MistakeCode, refuse
from services.projection import ledger_entries, rebuild


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioChange:
    """What to change of a portfolio; null leaves a thing as it is.

    A benchmark of nothing takes away the one there is.
    """

    name: str | None = None
    base_currency: str | None = None
    allow_short: bool | None = None
    lot_method: Method | None = None
    benchmark: Blend | None = None


async def _refuse_taken_name(session: AsyncSession, *, owner_id: int, name: str) -> None:
    if await session.scalar(portfolio_by_name(owner_id=owner_id, name=name)) is not None:
        raise refuse(
            MistakeCode.ALREADY_EXISTS, f"You already have a portfolio named {name!r}.", "name"
        )


async def create_portfolio(
    session: AsyncSession,
    name: str,
    *,
    owner_id: int,
    base_currency: str,
    allow_short: bool = False,
    lot_method: Method = Method.FIFO,
    now: datetime,
) -> Portfolio:
    """Add an empty portfolio; raises RefusedError for a bad or taken name."""
    checks = Checks(now=now)
    name = checks.name(name, "name")
    checks.currency(base_currency, "baseCurrency")
    checks.finish()
    await _refuse_taken_name(session, owner_id=owner_id, name=name)
    portfolio = Portfolio(
        owner_id=owner_id,
        name=name,
        base_currency=base_currency,
        allow_short=allow_short,
        lot_method=lot_method.value,
        created_at=now,
    )
    session.add(portfolio)
    await session.flush()
    return portfolio


async def _check_shorts(
    session: AsyncSession, portfolio: Portfolio, *, allowed: bool, checks: Checks
) -> None:
    """Check that the whole history of a ledger can do with shorts allowed, or without."""
    entries = await ledger_entries(session, [portfolio])
    strict = instrument_states(entries, terms={})
    loose = instrument_states(entries, terms={row_key(portfolio.id): Terms(allow_short=True)})
    if allowed and any(state.holding.owed for state in loose.values()):
        message = "A corporate action pays cash while a position would be short."
        checks.note(MistakeCode.INVALID, message, "allowShort")
    needed = any(
        state.holding.missing > loose[pool].holding.missing for pool, state in strict.items()
    )
    if needed and not allowed:
        message = "The ledger has short sales: they must stay allowed."
        checks.note(MistakeCode.OVERSOLD, message, "allowShort")


async def update_portfolio(
    session: AsyncSession,
    change: PortfolioChange,
    *,
    user_id: int,
    portfolio_id: int,
    now: datetime,
) -> Portfolio:
    """Change a portfolio; the base currency only while nothing is booked.

    Another lot method, or other terms of selling short, derive all positions anew.
    """
    portfolio = await hold_as(session, Role.OWNER, user_id=user_id, portfolio_id=portfolio_id)
    checks = Checks(now=now)
    if change.name is not None:
        name = checks.name(change.name, "name")
        if name != portfolio.name:
            await _refuse_taken_name(session, owner_id=user_id, name=name)
        portfolio.name = name
    if change.base_currency is not None and change.base_currency != portfolio.base_currency:
        checks.currency(change.base_currency, "baseCurrency")
        booked = select(exists().where(col(Transaction.portfolio_id) == portfolio.id))
        if await session.scalar(booked):
            checks.note(
                MistakeCode.LEDGER_NOT_EMPTY,
                "The base currency can change only while nothing is booked.",
                "baseCurrency",
            )
        portfolio.base_currency = change.base_currency
    terms = terms_of([portfolio])
    if change.allow_short is not None and change.allow_short != portfolio.allow_short:
        await _check_shorts(session, portfolio, allowed=change.allow_short, checks=checks)
        portfolio.allow_short = change.allow_short
    checks.finish()
    if change.benchmark is not None:
        portfolio.benchmark = kept_blend(change.benchmark) if change.benchmark.weights else None
    if change.lot_method is not None:
        portfolio.lot_method = change.lot_method.value
    if terms_of([portfolio]) != terms:
        await session.flush()
        await rebuild(session, portfolio)
    note(session, (LEDGER, row_key(portfolio.id)))
    await session.flush()
    return portfolio


async def archive_portfolio(
    session: AsyncSession, *, user_id: int, portfolio_id: int, now: datetime
) -> Portfolio:
    """Put a portfolio away: it stays readable and takes no bookings. Twice is no error."""
    portfolio = await hold_as(session, Role.OWNER, user_id=user_id, portfolio_id=portfolio_id)
    portfolio.archived_at = portfolio.archived_at or now
    note(session, (LEDGER, row_key(portfolio.id)))
    await session.flush()
    return portfolio
