"""Transfers between portfolios of one owner: one booking in each, tied together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.money import plain
from datasources.market import Market
from models.base import row_key
from models.database import Database
from models.drafts import Draft
from models.instruments import Instrument
from models.market import RateQuestion
from models.portfolios import Portfolio
from models.transactions import TRANSFER_PAIRS, Transaction
from services.booking import OutdatedError, book, hold_portfolio, instruments_for, oversold_mistake
from services.entry_ids import refuse_taken_ids
from services.errors import MistakeCode, RefusedError, refuse
from services.instruments import known_instruments
from services.pools import entries_of, tied
from services.preparing import Prepared, columns_of, prepare
from services.projection import OversoldError, apply_change


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTransfer:
    """Both halves of a transfer, and the target's base rates for the lots that may move."""

    leaving: Prepared
    arriving: Prepared
    lot_rates: Mapping[date, str] | None


async def prepare_transfer(
    database: Database,
    market: Market,
    *,
    source: Portfolio,
    target: Portfolio,
    draft: Draft,
) -> PreparedTransfer:
    """Find the rates that a transfer needs; ``draft`` is of its leaving half.

    Raises RefusedError for portfolios of two owners: what leaves one ledger must not depend on
    somebody else's.
    """
    if source.owner_id != target.owner_id:
        message = "Both portfolios must have one owner: book a delivery out and one in."
        raise refuse(MistakeCode.INVALID, message, "toPortfolioId")
    leaving = await prepare(database, market, base_currency=source.base_currency, drafts=[draft])
    arriving = replace(
        leaving.drafts[0], kind=TRANSFER_PAIRS[draft.kind], lots=(), rate=None
    )  # in the currency that left, whatever the target's own is
    return PreparedTransfer(
        leaving=leaving,
        arriving=await prepare(
            database, market, base_currency=target.base_currency, drafts=[arriving]
        ),
        lot_rates=None
        if draft.symbol is None or source.base_currency == target.base_currency
        else await _lot_rates(database, market, source=source, target=target, symbol=draft.symbol),
    )


async def _lot_rates(
    database: Database, market: Market, *, source: Portfolio, target: Portfolio, symbol: str
) -> dict[date, str]:
    """Return the target's base rate on every day on which a lot that may move was acquired."""
    async with database.reading() as session:
        instruments = await known_instruments(session, [symbol])
        if symbol not in instruments:
            return {}
        pool = (row_key(source.id), row_key(instruments[symbol].id))
        pools = await tied(session, owner_ids=[source.owner_id], pools=[pool])
        entries = await entries_of(session, pools)
    questions = {
        RateQuestion(
            base=instruments[symbol].currency,
            target=target.base_currency,
            day=(entry.acquired_at or entry.occurred_at).date(),
        )
        for entry in entries
    }
    answers = await market.rates(questions)
    return {question.day: plain(rate.value) for question, rate in answers.items()}


async def book_exchange(
    session: AsyncSession, portfolio: Portfolio, *, prepared: Prepared, now: datetime
) -> Transaction:
    """Book both halves of an exchange of currencies, tied together; return the leaving one."""
    await refuse_taken_ids(session, row_key(portfolio.id), prepared.drafts)
    leaving, arriving = await book(session, portfolio, prepared=prepared, places=[0, 1], now=now)
    arriving.origin_id = leaving.id
    return leaving


async def book_transfer(
    session: AsyncSession,
    prepared: PreparedTransfer,
    *,
    user_id: int,
    source_id: int,
    target_id: int,
    now: datetime,
) -> Transaction:
    """Book both halves of a transfer and return the leaving one; raises RefusedError."""
    for half in (prepared.leaving, prepared.arriving):
        if 0 in half.mistakes:
            raise RefusedError(half.mistakes[0])
    source = await hold_portfolio(
        session, user_id=user_id, portfolio_id=source_id, field="fromPortfolioId"
    )
    target = await hold_portfolio(
        session, user_id=user_id, portfolio_id=target_id, field="toPortfolioId"
    )
    for half, portfolio in ((prepared.leaving, source), (prepared.arriving, target)):
        if half.base_currency != portfolio.base_currency:
            raise OutdatedError
        await refuse_taken_ids(session, row_key(portfolio.id), half.drafts)
    instruments = await instruments_for(session, prepared.leaving, [0], now=now)
    leaving = _entry(prepared.leaving, portfolio=source, instruments=instruments, now=now)
    session.add(leaving)
    await session.flush()
    arriving = _entry(prepared.arriving, portfolio=target, instruments=instruments, now=now)
    arriving.origin_id = leaving.id
    if prepared.lot_rates is not None:
        arriving.lot_rates = {day.isoformat(): rate for day, rate in prepared.lot_rates.items()}
    session.add(arriving)
    await session.flush()
    try:
        await apply_change(session, owner_id=source.owner_id, added=[leaving, arriving])
    except OversoldError as error:
        mistake = await oversold_mistake(session, error, what="Not enough units")
        raise RefusedError([mistake]) from error
    return leaving


def _entry(
    prepared: Prepared,
    *,
    portfolio: Portfolio,
    instruments: Mapping[str, Instrument],
    now: datetime,
) -> Transaction:
    columns = columns_of(
        prepared.settled[0], base_currency=portfolio.base_currency, instruments=instruments
    )
    return Transaction(portfolio_id=row_key(portfolio.id), created_at=now, **columns)
