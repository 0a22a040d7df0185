"""Transactions: the facts that everything else is derived from."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Date,
    Index,
    Select,
    String,
    UniqueConstraint,
    and_,
    func,
    or_,
    select,
)
from sqlalchemy.orm import aliased
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.instruments import Instrument
from models.types import ExactDecimal, Identifier, UtcDateTime


class Kind(Enum):
    """What a transaction is, which also decides its place within a moment."""

    DEPOSIT = "DEPOSIT"
    BUY = "BUY"
    DIVIDEND = "DIVIDEND"
    INTEREST = "INTEREST"
    SELL = "SELL"
    FEE = "FEE"
    TAX = "TAX"
    WITHDRAWAL = "WITHDRAWAL"


TRADES = frozenset({Kind.BUY, Kind.SELL})
INCOME = frozenset({Kind.DIVIDEND, Kind.INTEREST})
FLOWS = frozenset({Kind.DEPOSIT, Kind.WITHDRAWAL})
CHARGES = frozenset({Kind.FEE, Kind.TAX})


class RateSource(Enum):
    """Where a transaction's exchange rate comes from."""

    BOOKED = "BOOKED"
    MARKET = "MARKET"


class Transaction(Base, table=True):
    """One booking. Trades have quantity and price, all else has an amount; never negative.

    ``fee`` and ``tax`` are in ``currency``. Cash moves in ``settlement_currency``, which is
    ``currency`` or the portfolio's base currency. ``rate`` is units of base currency for one unit
    of ``currency``: the booking's own, or the market's of ``rate_day``; null if none was known.
    A voided transaction stays, and counts for nothing.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        UniqueConstraint("portfolio_id", "external_id"),
        Index("ix_transactions_portfolio_time", "portfolio_id", "occurred_at", "id"),
        Index("ix_transactions_portfolio_instrument", "portfolio_id", "instrument_id"),
        CheckConstraint(
            "(quantity IS NULL) = (price IS NULL) AND (quantity IS NULL) <> (amount IS NULL)",
            name="trade_or_amount",
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    portfolio_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("portfolios.id", ondelete="CASCADE"), nullable=False
        )
    )
    instrument_id: int | None = Field(
        default=None, sa_column=Column(Identifier, ForeignKey("instruments.id"), index=True)
    )
    kind: str = Field(sa_type=String)
    occurred_at: datetime = Field(sa_type=UtcDateTime)
    quantity: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    price: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    amount: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    currency: str = Field(sa_type=String)
    fee: Decimal = Field(default=Decimal(0), sa_type=ExactDecimal)
    tax: Decimal = Field(default=Decimal(0), sa_type=ExactDecimal)
    settlement_currency: str = Field(sa_type=String)
    rate: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    rate_day: date | None = Field(default=None, sa_type=Date)
    rate_source: str | None = Field(default=None, sa_type=String)
    note: str | None = Field(default=None, sa_type=String)
    external_id: str | None = Field(default=None, sa_type=String)
    created_at: datetime = Field(sa_type=UtcDateTime)
    voided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    void_reason: str | None = Field(default=None, sa_type=String)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFilter:
    """Which transactions a page is made of; empty collections and nulls leave all in."""

    kinds: frozenset[Kind] = frozenset()
    symbols: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    voided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCut:
    """Where a page of transactions, newest first, begins or ends: exclusive bounds by time and id.

    ``backward`` takes the last ``limit`` rows instead of the first.
    """

    limit: int
    after: tuple[datetime, int] | None = None
    before: tuple[datetime, int] | None = None
    backward: bool = False


def _conditions(chosen: TransactionFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if not chosen.voided:
        conditions.append(col(Transaction.voided_at).is_(None))
    if chosen.kinds:
        conditions.append(col(Transaction.kind).in_(sorted(kind.value for kind in chosen.kinds)))
    if chosen.symbols:
        instruments = select(col(Instrument.id)).where(
            col(Instrument.symbol).in_(sorted(chosen.symbols))
        )
        conditions.append(col(Transaction.instrument_id).in_(instruments))
    if chosen.since is not None:
        conditions.append(col(Transaction.occurred_at) >= chosen.since)
    if chosen.until is not None:
        conditions.append(col(Transaction.occurred_at) <= chosen.until)
    return conditions


def _older_than(moment: datetime, key: int) -> ColumnElement[bool]:
    occurred_at, identifier = col(Transaction.occurred_at), col(Transaction.id)
    return or_(occurred_at < moment, and_(occurred_at == moment, identifier < key))


def _newer_than(moment: datetime, key: int) -> ColumnElement[bool]:
    occurred_at, identifier = col(Transaction.occurred_at), col(Transaction.id)
    return or_(occurred_at > moment, and_(occurred_at == moment, identifier > key))


def transactions_page(
    portfolio_ids: list[int], chosen: TransactionFilter, cut: PageCut
) -> Select[Transaction, Instrument | None]:
    """Select one page of each portfolio's transactions, newest first, in one statement.

    Takes one row more than the limit, which tells whether there is another page.
    """
    conditions = [col(Transaction.portfolio_id).in_(portfolio_ids), *_conditions(chosen)]
    if cut.after is not None:
        conditions.append(_older_than(*cut.after))
    if cut.before is not None:
        conditions.append(_newer_than(*cut.before))
    order = (
        (col(Transaction.occurred_at).asc(), col(Transaction.id).asc())
        if cut.backward
        else (col(Transaction.occurred_at).desc(), col(Transaction.id).desc())
    )
    place = (
        func.row_number()
        .over(partition_by=col(Transaction.portfolio_id), order_by=order)
        .label("place")
    )
    ranked = select(Transaction, place).where(*conditions).subquery()
    row = aliased(Transaction, ranked)
    return (
        select(row, Instrument)
        .outerjoin(Instrument, col(Instrument.id) == row.instrument_id)
        .where(ranked.c.place <= cut.limit + 1)
        .order_by(col(row.portfolio_id), col(row.occurred_at).desc(), col(row.id).desc())
    )


def transaction_counts(portfolio_ids: list[int], chosen: TransactionFilter) -> Select[int, int]:
    """Count each portfolio's transactions that pass a filter; portfolios without any are absent."""
    return (
        select(col(Transaction.portfolio_id), func.count())
        .where(col(Transaction.portfolio_id).in_(portfolio_ids), *_conditions(chosen))
        .group_by(col(Transaction.portfolio_id))
    )


def transactions_by_id(ids: list[int]) -> Select[Transaction, Instrument | None]:
    """Select transactions by key, voided ones too, with their instruments."""
    return (
        select(Transaction, Instrument)
        .outerjoin(Instrument, col(Instrument.id) == col(Transaction.instrument_id))
        .where(col(Transaction.id).in_(ids))
    )


def ledger(portfolio_ids: list[int], *, until: datetime | None = None) -> Select[Transaction]:
    """Select what counts of whole ledgers, up to and including a moment."""
    statement = select(Transaction).where(
        col(Transaction.portfolio_id).in_(portfolio_ids), col(Transaction.voided_at).is_(None)
    )
    if until is not None:
        statement = statement.where(col(Transaction.occurred_at) <= until)
    return statement


def ledger_since(portfolio_ids: list[int], moment: datetime) -> Select[Transaction]:
    """Select what counts of ledgers from a moment on."""
    return select(Transaction).where(
        col(Transaction.portfolio_id).in_(portfolio_ids),
        col(Transaction.voided_at).is_(None),
        col(Transaction.occurred_at) >= moment,
    )


def ledger_of_instruments(
    pairs: Collection[tuple[int, int]],
) -> Select[Transaction]:
    """Select what counts of ledgers for pairs of portfolio and instrument."""
    by_portfolio: dict[int, list[int]] = {}
    for portfolio_id, instrument_id in sorted(pairs):
        by_portfolio.setdefault(portfolio_id, []).append(instrument_id)
    return select(Transaction).where(
        col(Transaction.voided_at).is_(None),
        or_(
            *(
                and_(
                    col(Transaction.portfolio_id) == portfolio_id,
                    col(Transaction.instrument_id).in_(instrument_ids),
                )
                for portfolio_id, instrument_ids in by_portfolio.items()
            )
        ),
    )


def first_moment(portfolio_id: int) -> Select[datetime | None]:
    """Select the time of a portfolio's earliest transaction that counts."""
    return select(func.min(col(Transaction.occurred_at))).where(
        col(Transaction.portfolio_id) == portfolio_id, col(Transaction.voided_at).is_(None)
    )


def external_ids(portfolio_id: int, wanted: list[str]) -> Select[str | None]:
    """Select which external ids a portfolio already has, voided bookings included."""
    return select(col(Transaction.external_id)).where(
        col(Transaction.portfolio_id) == portfolio_id, col(Transaction.external_id).in_(wanted)
    )
