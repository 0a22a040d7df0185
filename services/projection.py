"""Keeps the stored projection (positions, lots, cash, totals) equal to what the ledger derives.

A change rewrites the positions of the instruments it touches and adds its own movement to the
sums; a rebuild derives all of it anew. Both must come to the same rows.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from analytics.ledger import Totals, cash_of, sum_totals
from analytics.money import ZERO, total
from models.base import row_key
from models.database import upsert
from models.portfolios import (
    CashBalance,
    Portfolio,
    PortfolioTotals,
    cash_by_portfolio,
    totals_by_portfolio,
)
from models.positions import Lot, Position, delete_lots, lots_by_position, positions_of_instruments
from models.transactions import Transaction, first_moment, ledger, ledger_of_instruments
from services.entries import (
    InstrumentState,
    LedgerState,
    by_instrument,
    instrument_state,
    ledger_state,
    movement_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of the stored projection that is not what the ledger derives."""

    portfolio: str
    figure: str
    stored: str
    derived: str


async def apply_change(
    session: AsyncSession,
    portfolio: Portfolio,
    *,
    added: Sequence[Transaction] = (),
    removed: Sequence[Transaction] = (),
) -> None:
    """Bring the projection up to date after entries were added or voided, and bump the version.

    Raises OversoldError when the ledger no longer covers a sale.
    """
    touched = {
        entry.instrument_id for entry in (*added, *removed) if entry.instrument_id is not None
    }
    await _rewrite_positions(session, portfolio, instrument_ids=touched)
    await _add_cash(session, portfolio, added=added, removed=removed)
    await _add_totals(session, portfolio, added=added, removed=removed)
    portfolio.version += 1


async def _rewrite_positions(
    session: AsyncSession, portfolio: Portfolio, *, instrument_ids: Collection[int]
) -> None:
    if not instrument_ids:
        return
    portfolio_id = row_key(portfolio.id)
    wanted = sorted(instrument_ids)
    pairs = [(portfolio_id, instrument_id) for instrument_id in wanted]
    groups = by_instrument(await session.scalars(ledger_of_instruments(pairs)))
    states = {
        instrument_id: instrument_state(group, allow_short=portfolio.allow_short)
        for instrument_id, group in groups.items()
    }
    rows = {
        row.instrument_id: row
        for row in await session.scalars(positions_of_instruments(portfolio_id, wanted))
    }
    await session.execute(delete_lots([row_key(row.id) for row in rows.values()]))
    for instrument_id in wanted:
        row = rows.get(instrument_id)
        state = states.get(instrument_id)
        if state is None:
            if row is not None:
                await session.delete(row)
            continue
        figures: dict[str, Any] = {name: figure(state) for name, figure in _FIGURES.items()}
        if row is None:
            row = Position(portfolio_id=portfolio_id, instrument_id=instrument_id, **figures)
            rows[instrument_id] = row
            session.add(row)
        for name, value in figures.items():
            setattr(row, name, value)
    await session.flush()
    for instrument_id, state in states.items():
        session.add_all(_lots(state, position_id=row_key(rows[instrument_id].id)))


_FIGURES: dict[str, Callable[[InstrumentState], object]] = {
    "quantity": lambda state: state.holding.quantity,
    "cost": lambda state: state.holding.cost,
    "cost_base": lambda state: state.holding.cost_base,
    "realized": lambda state: state.holding.realized,
    "realized_base": lambda state: state.holding.realized_base,
    "income": lambda state: state.income,
    "income_base": lambda state: state.income_base,
    "opened_at": lambda state: state.holding.lots[0].opened_at if state.holding.lots else None,
}
"""The columns of a position, and how each is read off a derived state."""


def _lots(state: InstrumentState, *, position_id: int) -> list[Lot]:
    return [
        Lot(
            position_id=position_id,
            transaction_id=lot.fill_id,
            opened_at=lot.opened_at,
            quantity=lot.quantity,
            cost=lot.cost,
            cost_base=lot.cost_base,
        )
        for lot in state.holding.lots
    ]


async def _add_cash(
    session: AsyncSession,
    portfolio: Portfolio,
    *,
    added: Sequence[Transaction],
    removed: Sequence[Transaction],
) -> None:
    portfolio_id = row_key(portfolio.id)
    balances = {
        row.currency: row.amount for row in await session.scalars(cash_by_portfolio([portfolio_id]))
    }
    for currency, amount in cash_of(map(movement_of, added)).items():
        balances[currency] = total([balances.get(currency, ZERO), amount])
    for currency, amount in cash_of(map(movement_of, removed)).items():
        balances[currency] = total([balances.get(currency, ZERO), amount.copy_negate()])
    await upsert(
        session,
        CashBalance,
        [
            {"portfolio_id": portfolio_id, "currency": currency, "amount": amount}
            for currency, amount in sorted(balances.items())
        ],
    )


def totals_of_row(row: PortfolioTotals | None) -> Totals:
    """Read stored totals; zero for a portfolio without any."""
    if row is None:
        return Totals()
    return Totals(
        inflow=row.inflow,
        inflow_days=row.inflow_days,
        outflow=row.outflow,
        outflow_days=row.outflow_days,
        income=row.income,
        charges=row.charges,
        unrated=row.unrated,
    )


async def _add_totals(
    session: AsyncSession,
    portfolio: Portfolio,
    *,
    added: Sequence[Transaction],
    removed: Sequence[Transaction],
) -> None:
    portfolio_id = row_key(portfolio.id)
    row = await session.scalar(totals_by_portfolio([portfolio_id]))
    totals = (
        totals_of_row(row)
        .plus(sum_totals(map(movement_of, added)))
        .plus(sum_totals(map(movement_of, removed)), sign=-1)
    )
    first = await session.scalar(first_moment(portfolio_id))
    await _write_totals(
        session, portfolio_id, totals=totals, first_day=None if first is None else first.date()
    )


async def _write_totals(
    session: AsyncSession, portfolio_id: int, *, totals: Totals, first_day: date | None
) -> None:
    row = {"portfolio_id": portfolio_id, "first_day": first_day} | asdict(totals)
    await upsert(session, PortfolioTotals, [row])


async def rebuild(session: AsyncSession, portfolio: Portfolio) -> None:
    """Derive the whole projection of a portfolio anew from its ledger."""
    portfolio_id = row_key(portfolio.id)
    entries = list(await session.scalars(ledger([portfolio_id])))
    known = await session.scalars(
        select(col(Position.instrument_id)).where(col(Position.portfolio_id) == portfolio_id)
    )
    touched = set(known) | set(by_instrument(entries))
    await _rewrite_positions(session, portfolio, instrument_ids=touched)
    state = ledger_state(entries, allow_short=portfolio.allow_short)
    await session.execute(delete(CashBalance).where(col(CashBalance.portfolio_id) == portfolio_id))
    await upsert(
        session,
        CashBalance,
        [
            {"portfolio_id": portfolio_id, "currency": currency, "amount": amount}
            for currency, amount in sorted(state.cash.items())
        ],
    )
    await _write_totals(session, portfolio_id, totals=state.totals, first_day=state.first_day)
    portfolio.version += 1


async def verify(session: AsyncSession, portfolio: Portfolio) -> list[Difference]:
    """Compare the stored projection with what the ledger derives; empty when all is well."""
    portfolio_id = row_key(portfolio.id)
    entries = list(await session.scalars(ledger([portfolio_id])))
    derived = _flat(ledger_state(entries, allow_short=portfolio.allow_short))
    stored = await _stored(session, portfolio_id)
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


def _flat(state: LedgerState) -> dict[str, str]:
    figures: dict[str, str] = {}
    for instrument_id, instrument in state.instruments.items():
        for name, figure in _FIGURES.items():
            figures[f"position {instrument_id} {name}"] = _shown(figure(instrument))
        for index, lot in enumerate(_lots(instrument, position_id=0)):
            figures |= _lot_figures(instrument_id, index=index, lot=lot)
    for currency, amount in state.cash.items():
        if amount:
            figures[f"cash {currency}"] = _shown(amount)
    for name, value in asdict(state.totals).items():
        figures[f"totals {name}"] = _shown(value)
    figures["totals first_day"] = str(state.first_day)
    return figures


def _lot_figures(instrument_id: int, *, index: int, lot: Lot) -> dict[str, str]:
    names = ("transaction_id", "opened_at", "quantity", "cost", "cost_base")
    return {
        f"position {instrument_id} lot {index} {name}": _shown(getattr(lot, name)) for name in names
    }


async def _stored(session: AsyncSession, portfolio_id: int) -> dict[str, str]:
    figures: dict[str, str] = {}
    positions = list(
        await session.scalars(select(Position).where(col(Position.portfolio_id) == portfolio_id))
    )
    lots: dict[int, list[Lot]] = {}
    for lot in await session.scalars(lots_by_position([row_key(row.id) for row in positions])):
        lots.setdefault(lot.position_id, []).append(lot)
    for row in positions:
        for name in _FIGURES:
            figures[f"position {row.instrument_id} {name}"] = _shown(getattr(row, name))
        for index, lot in enumerate(lots.get(row_key(row.id), [])):
            figures |= _lot_figures(row.instrument_id, index=index, lot=lot)
    for balance in await session.scalars(cash_by_portfolio([portfolio_id])):
        if balance.amount:
            figures[f"cash {balance.currency}"] = _shown(balance.amount)
    totals = await session.scalar(totals_by_portfolio([portfolio_id]))
    for name, value in asdict(totals_of_row(totals)).items():
        figures[f"totals {name}"] = _shown(value)
    figures["totals first_day"] = str(totals.first_day if totals else None)
    return figures
