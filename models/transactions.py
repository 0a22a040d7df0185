"""Transactions: the facts that everything else is derived from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    CompoundSelect,
    Date,
    Index,
    Integer,
    Select,
    String,
    UniqueConstraint,
    and_,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import aliased
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.instruments import Instrument
from models.reading import one_of
from models.types import OPTIONAL_JSON, ExactDecimal, Identifier, UtcDateTime


class Kind(Enum):
    """What a transaction is; the order is the one in which entries of one moment count."""

    SPLIT = "SPLIT"
    SYMBOL_CHANGE = "SYMBOL_CHANGE"
    MERGER = "MERGER"
    SPIN_OFF = "SPIN_OFF"
    OPENING_BALANCE = "OPENING_BALANCE"
    DEPOSIT = "DEPOSIT"
    CASH_TRANSFER_IN = "CASH_TRANSFER_IN"
    EXCHANGE_IN = "EXCHANGE_IN"
    DELIVERY_IN = "DELIVERY_IN"
    BUY = "BUY"
    DIVIDEND_IN_KIND = "DIVIDEND_IN_KIND"
    DIVIDEND_REINVESTED = "DIVIDEND_REINVESTED"
    DIVIDEND = "DIVIDEND"
    INTEREST = "INTEREST"
    FEE_REFUND = "FEE_REFUND"
    TAX_REFUND = "TAX_REFUND"
    RETURN_OF_CAPITAL = "RETURN_OF_CAPITAL"
    TRANSFER_IN = "TRANSFER_IN"
    TRANSFER_OUT = "TRANSFER_OUT"
    SELL = "SELL"
    SHORT = "SHORT"
    COVER = "COVER"
    DELIVERY_OUT = "DELIVERY_OUT"
    INTEREST_PAID = "INTEREST_PAID"
    FEE = "FEE"
    TAX = "TAX"
    CASH_TRANSFER_OUT = "CASH_TRANSFER_OUT"
    EXCHANGE_OUT = "EXCHANGE_OUT"
    WITHDRAWAL = "WITHDRAWAL"

    __hash__ = object.__hash__  # in C: kinds are looked up some twenty times for each entry


TRADES = frozenset({Kind.BUY, Kind.SELL, Kind.SHORT, Kind.COVER})
INCOME = frozenset(
    {
        Kind.DIVIDEND,
        Kind.DIVIDEND_REINVESTED,
        Kind.DIVIDEND_IN_KIND,
        Kind.INTEREST,
        Kind.INTEREST_PAID,
    }
)
FLOWS = frozenset({Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.CASH_TRANSFER_IN, Kind.CASH_TRANSFER_OUT})
EXCHANGES = frozenset({Kind.EXCHANGE_IN, Kind.EXCHANGE_OUT})
"""Both halves of cash of one currency that became cash of another."""

CHARGES = frozenset({Kind.FEE, Kind.TAX, Kind.FEE_REFUND, Kind.TAX_REFUND})
UNIT_TRANSFERS = frozenset(
    {Kind.TRANSFER_IN, Kind.TRANSFER_OUT, Kind.DELIVERY_IN, Kind.DELIVERY_OUT}
)
CORPORATE_ACTIONS = frozenset(
    {Kind.SPLIT, Kind.SYMBOL_CHANGE, Kind.SPIN_OFF, Kind.MERGER, Kind.RETURN_OF_CAPITAL}
)
OPENINGS = frozenset({Kind.OPENING_BALANCE})
TRANSFER_PAIRS = {
    Kind.TRANSFER_OUT: Kind.TRANSFER_IN,
    Kind.CASH_TRANSFER_OUT: Kind.CASH_TRANSFER_IN,
}
"""Both halves of a transfer between portfolios: what leaves one, and what arrives in the other."""


class RateSource(Enum):
    """Where a transaction's exchange rate comes from."""

    BOOKED = "BOOKED"
    MARKET = "MARKET"


class Transaction(Base, table=True):
    """One booking. Which columns it has depends on its kind; no number is ever negative.

    ``quantity`` and ``price`` are of units, ``amount`` is money in ``currency``: what an income,
    flow or charge comes to, the cost of delivered units, the cash of a corporate action. Fee and
    tax are in currencies of their own, ``currency`` if null. Cash moves in
    ``settlement_currency``, which is ``currency`` or the portfolio's base currency; a fee or tax
    in another currency moves cash in that one. Rates are units of base currency for one unit:
    ``rate`` of ``currency`` (the booking's own, or the market's of ``rate_day``),
    ``instrument_rate`` of the instrument's currency, ``fee_rate`` and ``tax_rate``; null if not
    known, or for the last three if the same as ``rate``. Where each comes from its source tells.

    Corporate actions make ``ratio_new`` units of ``related_instrument_id`` out of ``ratio_old``,
    and ``cost_share`` is the fraction of the cost that goes to them (spin-off) or is paid for in
    cash (merger). The arriving half of a transfer names the leaving half by ``origin_id``;
    ``lot_rates`` has its base rate for days of acquisition when base currencies differ. ``lots``
    are the lots a sale names, by the transaction that opened them. A voided transaction stays,
    and counts for nothing.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        UniqueConstraint("portfolio_id", "external_id"),
        Index("ix_transactions_portfolio_time", "portfolio_id", "occurred_at", "id"),
        Index("ix_transactions_portfolio_instrument", "portfolio_id", "instrument_id"),
        Index(
            "ix_transactions_links",
            "portfolio_id",
            sqlite_where=text("related_instrument_id IS NOT NULL OR origin_id IS NOT NULL"),
            postgresql_where=text("related_instrument_id IS NOT NULL OR origin_id IS NOT NULL"),
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
    related_instrument_id: int | None = Field(
        default=None, sa_column=Column(Identifier, ForeignKey("instruments.id"), index=True)
    )
    origin_id: int | None = Field(
        default=None,
        sa_column=Column(
            Identifier, ForeignKey("transactions.id", ondelete="SET NULL"), index=True
        ),
    )
    kind: str = Field(sa_type=String)
    occurred_at: datetime = Field(sa_type=UtcDateTime)
    acquired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    quantity: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    price: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    amount: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    currency: str = Field(sa_type=String)
    fee: Decimal = Field(default=Decimal(0), sa_type=ExactDecimal)
    fee_currency: str | None = Field(default=None, sa_type=String)
    fee_rate: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    fee_rate_source: str | None = Field(default=None, sa_type=String)
    tax: Decimal = Field(default=Decimal(0), sa_type=ExactDecimal)
    tax_currency: str | None = Field(default=None, sa_type=String)
    tax_rate: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    tax_rate_source: str | None = Field(default=None, sa_type=String)
    settlement_currency: str = Field(sa_type=String)
    rate: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    rate_day: date | None = Field(default=None, sa_type=Date)
    rate_source: str | None = Field(default=None, sa_type=String)
    instrument_currency: str | None = Field(default=None, sa_type=String)
    instrument_rate: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    instrument_rate_source: str | None = Field(default=None, sa_type=String)
    ratio_new: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    ratio_old: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    cost_share: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    lots: list[list[str]] | None = Field(default=None, sa_type=OPTIONAL_JSON)
    lot_rates: dict[str, str] | None = Field(default=None, sa_type=OPTIONAL_JSON)
    note: str | None = Field(default=None, sa_type=String)
    external_id: str | None = Field(default=None, sa_type=String)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    voided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    void_reason: str | None = Field(default=None, sa_type=String)


class Revision(Base, table=True):
    """One change of a transaction: who, when, and all its columns before and after.

    ``undone_at`` is when the change was undone; undoing is a revision of its own.
    """

    __tablename__ = "transaction_revisions"

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    transaction_id: int = Field(
        sa_column=Column(
            Identifier,
            ForeignKey("transactions.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        )
    )
    user_id: int | None = Field(
        default=None, sa_column=Column(Identifier, ForeignKey("users.id", ondelete="SET NULL"))
    )
    at: datetime = Field(sa_type=UtcDateTime)
    action: str = Field(sa_type=String)
    before: dict[str, Any] = Field(sa_type=JSON)
    after: dict[str, Any] = Field(sa_type=JSON)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


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


RELATED = aliased(Instrument)
"""The instrument that a transaction is about besides its own."""

PageQuestion = tuple[TransactionFilter, PageCut, Sequence[int]]
"""The same page of each of some portfolios."""


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


def transactions_pages(
    questions: Sequence[PageQuestion],
) -> Select[int, Transaction, Instrument | None, Instrument | None]:
    """Select pages of portfolios' transactions, newest first, in one statement.

    Rows have the number of their question first, and go by portfolio. Of each page there is one row
    more than the limit, which tells whether there is another page.
    """
    found = []
    for place, question in enumerate(questions):
        keys = _keys_of_pages(*question).subquery()
        number = literal_column(str(place), Integer)  # no parameter: it is the same each time
        found.append(select(number.label("number"), keys.c.id))
    pages = union_all(*found).subquery()
    return (
        select(pages.c.number, Transaction, Instrument, RELATED)
        .join(Transaction, col(Transaction.id) == pages.c.id)
        .outerjoin(Instrument, col(Instrument.id) == col(Transaction.instrument_id))
        .outerjoin(RELATED, col(RELATED.id) == col(Transaction.related_instrument_id))
        .order_by(
            col(Transaction.portfolio_id),
            col(Transaction.occurred_at).desc(),
            col(Transaction.id).desc(),
        )
    )


def _keys_of_pages(
    chosen: TransactionFilter, cut: PageCut, portfolio_ids: Sequence[int]
) -> CompoundSelect[int | None]:
    conditions = _conditions(chosen)
    if cut.after is not None:
        conditions.append(_older_than(*cut.after))
    if cut.before is not None:
        conditions.append(_newer_than(*cut.before))
    moment, key = col(Transaction.occurred_at), col(Transaction.id)
    order = (moment.asc(), key.asc()) if cut.backward else (moment.desc(), key.desc())
    # One walk along the index for each portfolio: to number all rows would read all of them.
    pages = [
        select(col(Transaction.id))
        .where(col(Transaction.portfolio_id) == portfolio_id, *conditions)
        .order_by(*order)
        .limit(cut.limit + 1)
        .subquery()
        for portfolio_id in portfolio_ids
    ]
    return union_all(*(select(page.c.id) for page in pages))


def transaction_counts(portfolio_ids: Sequence[int], chosen: TransactionFilter) -> Select[int, int]:
    """Count each portfolio's transactions that pass a filter; portfolios without any are absent."""
    return (
        select(col(Transaction.portfolio_id), func.count())
        .where(col(Transaction.portfolio_id).in_(portfolio_ids), *_conditions(chosen))
        .group_by(col(Transaction.portfolio_id))
    )


def transactions_by_id(
    ids: Sequence[int],
) -> Select[Transaction, Instrument | None, Instrument | None]:
    """Select transactions by key, voided ones too, with both of their instruments."""
    return (
        select(Transaction, Instrument, RELATED)
        .outerjoin(Instrument, col(Instrument.id) == col(Transaction.instrument_id))
        .outerjoin(RELATED, col(RELATED.id) == col(Transaction.related_instrument_id))
        .where(one_of(col(Transaction.id), ids))
    )


def ledger(portfolio_ids: list[int], *, until: datetime | None = None) -> Select[Transaction]:
    """Select what counts of whole ledgers, up to and including a moment."""
    statement = select(Transaction).where(
        col(Transaction.portfolio_id).in_(portfolio_ids), col(Transaction.voided_at).is_(None)
    )
    if until is not None:
        statement = statement.where(col(Transaction.occurred_at) <= until)
    return statement


def newest_key() -> Select[int | None]:
    """Select the highest key of all transactions."""
    return select(func.max(col(Transaction.id)))


def newest_key_of(portfolio_id: int) -> Select[int | None]:
    """Select the highest key of a portfolio's transactions."""
    return newest_key().where(col(Transaction.portfolio_id) == portfolio_id)


def trades_after(
    portfolio_id: int, key: int, *, limit: int
) -> Select[Transaction, Instrument, Instrument | None]:
    """Select a portfolio's trades with higher keys, in the order they were booked.

    They come with both of their instruments, of which trades have one.
    """
    return (
        select(Transaction, Instrument, RELATED)
        .join(Instrument, col(Instrument.id) == col(Transaction.instrument_id))
        .outerjoin(RELATED, col(RELATED.id) == col(Transaction.related_instrument_id))
        .where(
            col(Transaction.portfolio_id) == portfolio_id,
            col(Transaction.id) > key,
            col(Transaction.kind).in_([kind.value for kind in TRADES]),
            col(Transaction.voided_at).is_(None),
        )
        .order_by(col(Transaction.id))
        .limit(limit)
    )


def booked_since(key: int) -> Select[Transaction]:
    """Select the transactions of all with higher keys, in the order they were booked."""
    return select(Transaction).where(col(Transaction.id) > key).order_by(col(Transaction.id))


def ledger_since(portfolio_ids: Sequence[int], moment: datetime) -> Select[Transaction]:
    """Select what counts of ledgers from a moment on."""
    return select(Transaction).where(
        one_of(col(Transaction.portfolio_id), portfolio_ids),
        col(Transaction.voided_at).is_(None),
        col(Transaction.occurred_at) >= moment,
    )


def ledger_of_instruments(
    pairs: Collection[tuple[int, int]], *, until: datetime | None = None
) -> Select[Transaction]:
    """Select what counts of ledgers for pairs of portfolio and instrument, up to a moment.

    Instrument 0 stands for what is about cash alone.
    """
    by_portfolio: dict[int, list[int]] = {}
    for portfolio_id, instrument_id in sorted(pairs):
        by_portfolio.setdefault(portfolio_id, []).append(instrument_id)
    bounds = [] if until is None else [col(Transaction.occurred_at) <= until]
    return select(Transaction).where(
        *bounds,
        col(Transaction.voided_at).is_(None),
        or_(
            *(
                and_(
                    col(Transaction.portfolio_id) == portfolio_id,
                    or_(
                        col(Transaction.instrument_id).in_(instrument_ids),
                        col(Transaction.instrument_id).is_(None)
                        if 0 in instrument_ids
                        else false(),
                    ),
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


def external_ids(portfolio_id: int, wanted: list[str]) -> Select[str | None, int | None]:
    """Select which external ids a portfolio has, voided bookings included, and their keys."""
    return select(col(Transaction.external_id), col(Transaction.id)).where(
        col(Transaction.portfolio_id) == portfolio_id, col(Transaction.external_id).in_(wanted)
    )


def entries_by_key(portfolio_id: int, keys: list[int]) -> Select[Transaction]:
    """Select one portfolio's transactions by key, voided ones too."""
    return select(Transaction).where(
        col(Transaction.portfolio_id) == portfolio_id, col(Transaction.id).in_(keys)
    )


def revisions(transaction_ids: Sequence[int]) -> Select[Revision]:
    """Select the changes of transactions, oldest first."""
    return (
        select(Revision)
        .where(one_of(col(Revision.transaction_id), transaction_ids))
        .order_by(col(Revision.id))
    )


def splits_on(portfolio_id: int, instrument_ids: list[int]) -> Select[int | None, datetime]:
    """Select when one portfolio's splits of some instruments took place."""
    return select(col(Transaction.instrument_id), col(Transaction.occurred_at)).where(
        col(Transaction.portfolio_id) == portfolio_id,
        col(Transaction.instrument_id).in_(instrument_ids),
        col(Transaction.kind) == Kind.SPLIT.value,
        col(Transaction.voided_at).is_(None),
    )


def splits_of(
    portfolio_id: int, symbols: list[str]
) -> Select[str, datetime, Decimal | None, Decimal | None]:
    """Select one portfolio's splits of some instruments: symbol, time, new units for old ones."""
    return (
        select(
            col(Instrument.symbol),
            col(Transaction.occurred_at),
            col(Transaction.ratio_new),
            col(Transaction.ratio_old),
        )
        .join(Instrument, col(Instrument.id) == col(Transaction.instrument_id))
        .where(
            col(Transaction.portfolio_id) == portfolio_id,
            col(Instrument.symbol).in_(symbols),
            col(Transaction.kind) == Kind.SPLIT.value,
            col(Transaction.voided_at).is_(None),
        )
    )
