"""Compares stored projections with what ledgers derive, and if asked rebuilds them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from analytics.ledger import Totals
from models.base import row_key
from models.database import Database
from models.migrate import upgrade
from models.portfolios import (
    Portfolio,
    cash_by_portfolio,
    portfolio_for_update,
    totals_by_portfolio,
)
from models.positions import LOT_COLUMNS, Lot, LotRow, Position, lots_by_position
from models.transactions import Transaction
from models.users import user_for_update
from services.entries import ledger_states, terms_of
from services.projection import (
    FIGURES,
    FLOWS,
    ledger_entries,
    portfolios_owned_by,
    position_figures,
    rows_of_lots,
    totals_of_row,
)
from services.projection import rebuild as rebuild_projection


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of the stored projection that is not what the ledger derives."""

    portfolio: str
    figure: str
    stored: str
    derived: str


async def verify_all(database: Database, *, rebuild: bool = False) -> tuple[int, list[Difference]]:
    """Return how many portfolios were checked, and every difference found."""
    async with database.reading() as session:
        portfolios = list(await session.scalars(select(Portfolio).order_by(col(Portfolio.id))))
    differences: list[Difference] = []
    for portfolio in portfolios:
        async with database.snapshot() as session:
            found = await verify(session, portfolio)
        if found and rebuild:
            await _rebuild(database, portfolio)
        differences.extend(found)
    return len(portfolios), differences


async def _rebuild(database: Database, portfolio: Portfolio) -> None:
    async with database.writing() as session:
        # All of a person's ledgers at once, for what is tied to this one is derived with it.
        await session.execute(user_for_update(portfolio.owner_id))
        held = await session.scalar(
            portfolio_for_update(owner_id=portfolio.owner_id, portfolio_id=row_key(portfolio.id))
        )
        if held is not None:
            await rebuild_projection(session, held, repair=True)


async def bring_up_to_date(database: Database) -> None:
    """Migrate to the newest revision, and derive anew what is not as today's rules derive it.

    The second also when there was nothing to migrate: an earlier try may have died in between.
    """
    await upgrade(database)
    await verify_all(database, rebuild=True)


async def verify(session: AsyncSession, portfolio: Portfolio) -> list[Difference]:
    """Compare the stored projection with what the ledger derives; empty when all is well."""
    portfolio_id = row_key(portfolio.id)
    portfolios = await portfolios_owned_by(session, portfolio.owner_id)
    derived = _derived(
        await ledger_entries(session, [portfolio]),
        portfolio_id=portfolio_id,
        portfolios=portfolios,
    )
    stored = await stored_figures(session, portfolio_id)
    return [
        Difference(
            portfolio=portfolio.name,
            figure=figure,
            stored=stored.get(figure, "nothing"),
            derived=derived.get(figure, "nothing"),
        )
        for figure in sorted(derived.keys() | stored.keys())
        if stored.get(figure) != derived.get(figure)
    ]


def _shown(value: object) -> str:
    """Write a figure so that equal ones read the same, whatever their trailing zeros."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _derived(
    entries: Sequence[Transaction], *, portfolio_id: int, portfolios: Mapping[int, Portfolio]
) -> dict[str, str]:
    states = ledger_states(entries, terms=terms_of(portfolios.values()))
    figures: dict[str, str] = {}
    state = states.get(portfolio_id)
    for instrument_id, instrument in (state.instruments if state else {}).items():
        for name, value in position_figures(instrument).items():
            figures[f"position {instrument_id} {name}"] = _shown(value)
        for index, lot in enumerate(rows_of_lots(instrument, position_id=0)):
            figures |= _lot_figures(instrument_id, index=index, lot=lot)
    for currency, amount in (state.cash if state else {}).items():
        if amount:
            figures[f"cash {currency}"] = _shown(amount)
    for name, value in asdict(state.totals if state else Totals()).items():
        figures[f"totals {name}"] = _shown(value)
    figures["totals first_day"] = str(state.first_day if state else None)
    return figures


def _lot_figures(instrument_id: int, *, index: int, lot: LotRow) -> dict[str, str]:
    return {
        f"position {instrument_id} lot {index} {name}": _shown(value)
        for name, value in zip(LOT_COLUMNS, lot, strict=True)
        if name != "position_id"
    }


async def stored_figures(session: AsyncSession, portfolio_id: int) -> dict[str, str]:
    """Return every stored figure of a portfolio by a name of its own."""
    figures: dict[str, str] = {}
    positions = list(
        await session.scalars(select(Position).where(col(Position.portfolio_id) == portfolio_id))
    )
    lots: dict[int, list[Lot]] = {}
    for lot in await session.scalars(lots_by_position([row_key(row.id) for row in positions])):
        lots.setdefault(lot.position_id, []).append(lot)
    for row in positions:
        for name in (*FIGURES, *FLOWS):
            figures[f"position {row.instrument_id} {name}"] = _shown(getattr(row, name))
        for index, lot in enumerate(lots.get(row_key(row.id), [])):
            columns = tuple(getattr(lot, name) for name in LOT_COLUMNS)
            figures |= _lot_figures(row.instrument_id, index=index, lot=columns)
    for balance in await session.scalars(cash_by_portfolio([portfolio_id])):
        if balance.amount:
            figures[f"cash {balance.currency}"] = _shown(balance.amount)
    totals = await session.scalar(totals_by_portfolio([portfolio_id]))
    for name, value in asdict(totals_of_row(totals)).items():
        figures[f"totals {name}"] = _shown(value)
    figures["totals first_day"] = str(totals.first_day if totals else None)
    return figures
