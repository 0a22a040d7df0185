"""Stored price history: daily bars by series, what of each series is known, and gaps in it."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    String,
    UniqueConstraint,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
)
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.reading import one_of
from models.types import ExactDecimal, Identifier, UtcDateTime


class PriceSeries(Base, table=True):
    """The prices of a symbol from one source, as traded or adjusted for splits: never mixed.

    From ``first_day`` to ``last_day`` all that the source has was asked for, ``last_day`` last at
    ``checked_at``; null where only single days are known. ``version`` is drawn anew whenever
    bars are written, so that it tells whether what was made of them still holds.
    """

    __tablename__ = "price_series"
    __table_args__ = (UniqueConstraint("symbol", "source", "adjusted"),)

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    symbol: str = Field(sa_type=String)
    source: str = Field(sa_type=String)
    adjusted: bool
    first_day: date | None = Field(default=None, sa_type=Date)
    last_day: date | None = Field(default=None, sa_type=Date)
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default="0")
    )


class DailyBar(Base, table=True):
    """One day's prices of a series."""

    __tablename__ = "daily_bars"
    # Days of a series are read in one stretch, so SQLite keeps the rows in the key's order.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # as SQLAlchemy has it

    series_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("price_series.id", ondelete="CASCADE"), primary_key=True
        )
    )
    day: date = Field(sa_type=Date, primary_key=True)
    close: Decimal = Field(sa_type=ExactDecimal)
    currency: str = Field(sa_type=String)
    open: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    high: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    low: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    volume: Decimal | None = Field(default=None, sa_type=ExactDecimal)


class EmptyDay(Base, table=True):
    """A trading day that a series has no bar of; ``confirmed`` once it was asked for again."""

    __tablename__ = "empty_days"

    series_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("price_series.id", ondelete="CASCADE"), primary_key=True
        )
    )
    day: date = Field(sa_type=Date, primary_key=True)
    checked_at: datetime = Field(sa_type=UtcDateTime)
    confirmed: bool = False


PRICES = ("day", "close", "currency", "open", "high", "low", "volume")
"""What a bar has of its own; the rest is its series'."""


def series_by_symbol(symbols: Collection[str]) -> Select[PriceSeries]:
    """Select all series of symbols."""
    return select(PriceSeries).where(col(PriceSeries.symbol).in_(sorted(symbols)))


def versions_of_series(symbols: Sequence[str] = ()) -> Select[str, int]:
    """Select the versions of all series of symbols."""
    return select(col(PriceSeries.symbol), col(PriceSeries.version)).where(
        one_of(col(PriceSeries.symbol), symbols)
    )


def open_gaps(series_ids: Collection[int]) -> Select[EmptyDay]:
    """Select the days of series that may yet get a bar."""
    return select(EmptyDay).where(
        col(EmptyDay.series_id).in_(sorted(series_ids)), col(EmptyDay.confirmed).is_(False)
    )


def bars_within(
    ranges: Collection[tuple[int, date, date]],
) -> Select[
    int, date, Decimal, str, Decimal | None, Decimal | None, Decimal | None, Decimal | None
]:
    """Select the bars of series from a day to a day each, oldest first, ``CHUNK`` ranges at most.

    Plain columns: thousands of bars are read several times faster than as rows of their own.
    """
    wanted = [
        and_(col(DailyBar.series_id) == key, col(DailyBar.day).between(first, last))
        for key, first, last in sorted(ranges)
    ]
    table = DailyBar.__table__  # type: ignore[attr-defined]
    return (
        select(table.c.series_id, *(table.c[name] for name in PRICES))
        .where(or_(*wanted))
        .order_by(table.c.series_id, table.c.day)
    )


def close_texts(series_ids: Sequence[int] = ()) -> Select[int, str, str, str]:
    """Select the days, closes and currencies of series as one text each, cut by commas.

    They are in no order: a row for each bar would cost ten times as much. The days are those from
    the parameter ``first`` to ``last``.
    """
    table = DailyBar.__table__  # type: ignore[attr-defined]

    def joined(column: ColumnElement[Any]) -> ColumnElement[str]:
        return func.aggregate_strings(cast(column, String), ",")

    return (
        select(
            table.c.series_id,
            joined(table.c.day),
            joined(table.c.close),
            joined(table.c.currency),
        )
        .where(
            one_of(table.c.series_id, series_ids),
            table.c.day.between(bindparam("first", type_=Date), bindparam("last", type_=Date)),
        )
        .group_by(table.c.series_id)
    )


def bars_on_or_before(questions: Collection[tuple[int, date]]) -> Select[DailyBar]:
    """Select the newest bar of each series on or before its day, for ``CHUNK`` at most."""
    newest = [
        and_(
            col(DailyBar.series_id) == key,
            col(DailyBar.day)
            == select(func.max(col(DailyBar.day)))
            .where(col(DailyBar.series_id) == key, col(DailyBar.day) <= day)
            .scalar_subquery(),
        )
        for key, day in sorted(questions)
    ]
    return select(DailyBar).where(or_(*newest))
