"""Correcting the ledger: voiding a transaction, which keeps it and lets it count for nothing."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from analytics.lots import OversoldError
from models.transactions import Transaction
from services.booking import hold_portfolio, oversold_mistake
from services.checks import Checks
from services.errors import MistakeCode, RefusedError, refuse
from services.projection import apply_change


async def void_transaction(
    session: AsyncSession,
    *,
    owner_id: int,
    transaction_id: int | None,
    reason: str | None,
    now: datetime,
) -> Transaction:
    """Void a transaction; raises RefusedError if that would leave a later sale uncovered."""
    checks = Checks(now=now)
    reason = checks.text(reason, "reason")
    checks.finish()
    missing = refuse(MistakeCode.NOT_FOUND, "There is no such transaction.", "id")
    portfolio_id = await session.scalar(
        select(col(Transaction.portfolio_id)).where(col(Transaction.id) == transaction_id)
    )
    if portfolio_id is None:
        raise missing
    try:
        portfolio = await hold_portfolio(session, owner_id=owner_id, portfolio_id=portfolio_id)
    except RefusedError as error:
        if error.mistakes[0].code is MistakeCode.NOT_FOUND:
            raise missing from error
        raise
    # Read after the portfolio is held, so that two voids of one transaction take turns.
    entry = await session.scalar(select(Transaction).where(col(Transaction.id) == transaction_id))
    if entry is None:
        raise missing
    if entry.voided_at is not None:
        raise refuse(MistakeCode.ALREADY_VOIDED, "The transaction is voided already.", "id")
    entry.voided_at = now
    entry.void_reason = reason
    await session.flush()
    try:
        await apply_change(session, portfolio, removed=[entry])
    except OversoldError as error:
        mistake = oversold_mistake(error, what="A later sale needs this")
        raise refuse(MistakeCode.OVERSOLD, mistake.message, "id") from error
    return entry
