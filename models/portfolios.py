"""Portfolios, and what is derived for each as a whole: cash balances and running totals."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, Select, String, UniqueConstraint, select
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.reading import one_of
from models.types import OPTIONAL_JSON, ExactDecimal, Identifier, UtcDateTime


class Portfolio(Base, table=True):
    """A ledger of one owner in one base currency.

    ``version`` grows by one with every change of the ledger and keys every derived cache.
    ``benchmark`` has the weights of instruments by symbol, and how often they are restored.
    """

    __tablename__ = "portfolios"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    owner_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("users.id", ondelete="CASCADE"), nullable=False)
    )
    name: str = Field(sa_type=String)
    base_currency: str = Field(sa_type=String)
    allow_short: bool = False
    lot_method: str = Field(default="FIFO", sa_type=String)
    version: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    archived_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    benchmark: dict[str, Any] | None = Field(default=None, sa_type=OPTIONAL_JSON)

    @property
    def is_all(self) -> bool:
        """Tell whether this stands for all portfolios of its owner."""
        return (self.id or 0) < 0


class CashBalance(Base, table=True):
    """Projection: the cash of one portfolio in one currency."""

    __tablename__ = "cash_balances"

    portfolio_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("portfolios.id", ondelete="CASCADE"), primary_key=True
        )
    )
    currency: str = Field(sa_type=String, primary_key=True)
    amount: Decimal = Field(sa_type=ExactDecimal)


class PortfolioTotals(Base, table=True):
    """Projection: sums over one portfolio's ledger, in its base currency.

    ``inflow_days`` and ``outflow_days`` weigh each flow with its day's ordinal, so that a
    money-weighted average over any period needs no second look at the ledger. ``unrated`` counts
    the entries that no exchange rate was known for: while it is above zero the sums are partial.
    """

    __tablename__ = "portfolio_totals"

    portfolio_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("portfolios.id", ondelete="CASCADE"), primary_key=True
        )
    )
    first_day: date | None = Field(default=None, sa_type=Date)
    inflow: Decimal = Field(sa_type=ExactDecimal)
    inflow_days: Decimal = Field(sa_type=ExactDecimal)
    outflow: Decimal = Field(sa_type=ExactDecimal)
    outflow_days: Decimal = Field(sa_type=ExactDecimal)
    income: Decimal = Field(sa_type=ExactDecimal)
    charges: Decimal = Field(sa_type=ExactDecimal)
    unrated: int = 0


def all_of(owner_id: int, *, base_currency: str, since: datetime) -> Portfolio:
    """Return what stands for all portfolios of an owner as one; it is never stored.

    Its key is the owner's with a minus sign.
    """
    return Portfolio(
        id=-owner_id, owner_id=owner_id, name="", base_currency=base_currency, created_at=since
    )


def portfolios_by_owner(owner_ids: Sequence[int] = ()) -> Select[Portfolio]:
    """Select the portfolios of owners, oldest first."""
    return (
        select(Portfolio)
        .where(one_of(col(Portfolio.owner_id), owner_ids))
        .order_by(col(Portfolio.id))
    )


def portfolio_keys(owner_ids: list[int]) -> Select[int | None, int]:
    """Select the keys of owners' portfolios with their owner's."""
    return select(col(Portfolio.id), col(Portfolio.owner_id)).where(
        col(Portfolio.owner_id).in_(owner_ids)
    )


def portfolios_by_id(ids: Sequence[int] = ()) -> Select[Portfolio]:
    """Select portfolios by key, whoever owns them."""
    return select(Portfolio).where(one_of(col(Portfolio.id), ids))


def portfolio_for_update(*, owner_id: int, portfolio_id: int) -> Select[Portfolio]:
    """Select one owner's portfolio and hold it against other writers."""
    return (
        select(Portfolio)
        .where(col(Portfolio.id) == portfolio_id, col(Portfolio.owner_id) == owner_id)
        .with_for_update()
    )


def portfolio_by_name(*, owner_id: int, name: str) -> Select[Portfolio]:
    """Select one owner's portfolio by its name."""
    return select(Portfolio).where(col(Portfolio.owner_id) == owner_id, col(Portfolio.name) == name)


def cash_by_portfolio(portfolio_ids: Sequence[int] = ()) -> Select[CashBalance]:
    """Select the cash balances of portfolios, by currency."""
    return (
        select(CashBalance)
        .where(one_of(col(CashBalance.portfolio_id), portfolio_ids))
        .order_by(col(CashBalance.currency))
    )


def totals_by_portfolio(portfolio_ids: Sequence[int] = ()) -> Select[PortfolioTotals]:
    """Select the running totals of portfolios."""
    return select(PortfolioTotals).where(one_of(col(PortfolioTotals.portfolio_id), portfolio_ids))
