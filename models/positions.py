"""Positions and lots: the projection of the ledger by each portfolio's own lot method.

Rewritten instrument by instrument in the same database transaction as the ledger change;
``folioql verify`` rebuilds it and must find no difference.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Delete, Select, Table, UniqueConstraint, bindparam, delete, select, tuple_
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.instruments import Instrument
from models.portfolios import PortfolioTotals
from models.reading import one_of
from models.types import ExactDecimal, Identifier, UtcDateTime


class Position(Base, table=True):
    """What one portfolio holds, or has held, of one instrument.

    ``cost``, ``realized`` and ``income`` are in the instrument's currency; their ``_base`` twins
    are in the portfolio's, at the rate of each booking, and null when a rate was not known.
    ``quantity`` is negative for a short position; ``fees`` is the part of the cost that is fees.
    ``missing`` counts units sold or moved out that no acquisition accounts for: above zero,
    realised gains are null. The flows sum what came in and went out as units, like
    ``PortfolioTotals`` does for cash.
    """

    __tablename__ = "positions"
    __table_args__ = (UniqueConstraint("portfolio_id", "instrument_id"),)

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    portfolio_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("portfolios.id", ondelete="CASCADE"), nullable=False
        )
    )
    instrument_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("instruments.id"), nullable=False, index=True)
    )
    quantity: Decimal = Field(sa_type=ExactDecimal)
    cost: Decimal = Field(sa_type=ExactDecimal)
    cost_base: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    fees: Decimal = Field(sa_type=ExactDecimal)
    fees_base: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    realized: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    realized_base: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    income: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    income_base: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    missing: Decimal = Field(sa_type=ExactDecimal)
    inflow: Decimal = Field(sa_type=ExactDecimal)
    inflow_days: Decimal = Field(sa_type=ExactDecimal)
    outflow: Decimal = Field(sa_type=ExactDecimal)
    outflow_days: Decimal = Field(sa_type=ExactDecimal)
    unrated: int = 0
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Lot(Base, table=True):
    """What is left of one purchase (or short sale: negative quantity and cost).

    ``transaction_id`` is the one that opened it, which after a transfer is another portfolio's.
    """

    __tablename__ = "lots"

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    position_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("positions.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    transaction_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("transactions.id"), nullable=False, index=True)
    )
    opened_at: datetime = Field(sa_type=UtcDateTime)
    quantity: Decimal = Field(sa_type=ExactDecimal)
    cost: Decimal = Field(sa_type=ExactDecimal)
    cost_base: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    fees: Decimal = Field(sa_type=ExactDecimal)
    fees_base: Decimal | None = Field(default=None, sa_type=ExactDecimal)


LOTS: Table = Lot.__table__  # type: ignore[attr-defined]
LOT_COLUMNS = (
    "position_id",
    "opened_at",
    "transaction_id",
    "quantity",
    "cost",
    "cost_base",
    "fees",
    "fees_base",
)
LotRow = tuple[Any, ...]
"""A lot as ``LOT_COLUMNS``; the first two, position and moment of opening, are its place."""


def held_symbols() -> Select[str]:
    """Select the symbols that any portfolio holds, each once."""
    return (
        select(col(Instrument.symbol))
        .join(Position, col(Position.instrument_id) == col(Instrument.id))
        .where(col(Position.opened_at).is_not(None))
        .distinct()
    )


def symbols_since(portfolio_ids: Sequence[int] = ()) -> Select[str, str, date | None]:
    """Select symbol and currency of all that portfolios have ever had, with their first day."""
    return (
        select(col(Instrument.symbol), col(Instrument.currency), col(PortfolioTotals.first_day))
        .join(Position, col(Position.instrument_id) == col(Instrument.id))
        .join(PortfolioTotals, col(PortfolioTotals.portfolio_id) == col(Position.portfolio_id))
        .where(one_of(col(Position.portfolio_id), portfolio_ids))
    )


def positions_by_portfolio(portfolio_ids: Sequence[int] = ()) -> Select[Position, Instrument]:
    """Select the positions of portfolios with their instruments, by symbol."""
    return (
        select(Position, Instrument)
        .join(Instrument, col(Instrument.id) == col(Position.instrument_id))
        .where(one_of(col(Position.portfolio_id), portfolio_ids))
        .order_by(col(Instrument.symbol))
    )


def positions_by_id(ids: Sequence[int] = ()) -> Select[Position, Instrument]:
    """Select positions by key with their instruments."""
    return (
        select(Position, Instrument)
        .join(Instrument, col(Instrument.id) == col(Position.instrument_id))
        .where(one_of(col(Position.id), ids))
    )


def positions_of_pairs(pairs: Sequence[tuple[int, int]]) -> Select[Position]:
    """Select the positions of pairs of portfolio and instrument, not too many at once."""
    return select(Position).where(
        tuple_(col(Position.portfolio_id), col(Position.instrument_id)).in_(pairs)
    )


def lots_by_position(position_ids: Sequence[int] = ()) -> Select[Lot]:
    """Select the open lots of positions, oldest first."""
    return (
        select(Lot)
        .where(one_of(col(Lot.position_id), position_ids))
        .order_by(col(Lot.opened_at), col(Lot.id))
    )


def lot_rows(position_ids: Sequence[int]) -> Select[Any]:
    """Select the lots of positions as plain rows: the key, then ``LOT_COLUMNS``."""
    return (
        select(LOTS.c.id, *(LOTS.c[name] for name in LOT_COLUMNS))
        .where(LOTS.c.position_id.in_(position_ids))
        .order_by(LOTS.c.id)
    )


def delete_lot() -> Delete:
    """Delete the lot whose key is the parameter ``key``; executed once for many keys."""
    return delete(LOTS).where(LOTS.c.id == bindparam("key"))
