"""What companies did to their shares, as sources tell it: splits and dividends."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, Date, Delete, Integer, Select, String, delete, select
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.reading import one_of
from models.types import ExactDecimal, Identifier, UtcDateTime


class ActionKind(Enum):
    """What was done."""

    SPLIT = "SPLIT"
    DIVIDEND = "DIVIDEND"


class CorporateAction(Base, table=True):
    """A split or dividend from one source; ``place`` tells apart those of one day.

    A split has ``new`` units for ``old`` ones, a dividend an amount for each unit as paid.
    """

    __tablename__ = "corporate_actions"

    symbol: str = Field(sa_type=String, primary_key=True)
    source: str = Field(sa_type=String, primary_key=True)
    kind: str = Field(sa_type=String, primary_key=True)
    day: date = Field(sa_type=Date, primary_key=True)
    place: int = Field(sa_type=Integer, primary_key=True)
    new: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    old: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    amount: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    currency: str | None = Field(default=None, sa_type=String)
    pay_day: date | None = Field(default=None, sa_type=Date)


class ActionCoverage(Base, table=True):
    """From when to when all actions of a symbol that a source knows are stored.

    ``version`` is drawn anew whenever they are written, as that of a series of prices is.
    """

    __tablename__ = "action_coverage"

    symbol: str = Field(sa_type=String, primary_key=True)
    source: str = Field(sa_type=String, primary_key=True)
    first_day: date = Field(sa_type=Date)
    last_day: date = Field(sa_type=Date)
    checked_at: datetime = Field(sa_type=UtcDateTime)
    version: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default="0")
    )


class DismissedProposal(Base, table=True):
    """A booking that was proposed for a portfolio and is not wanted."""

    __tablename__ = "dismissed_proposals"

    portfolio_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("portfolios.id", ondelete="CASCADE"), primary_key=True
        )
    )
    proposal: str = Field(sa_type=String, primary_key=True)
    dismissed_at: datetime = Field(sa_type=UtcDateTime)


def actions_by_symbol(
    symbols: Collection[str],
) -> Select[*tuple[Any, ...]]:
    """Select the actions of symbols, oldest first, as plain columns: there are thousands."""
    return (
        select(*CorporateAction.__table__.c)  # type: ignore[attr-defined]
        .where(col(CorporateAction.symbol).in_(sorted(symbols)))
        .order_by(col(CorporateAction.day), col(CorporateAction.place))
    )


def coverage_by_symbol(symbols: Collection[str]) -> Select[ActionCoverage]:
    """Select what is known of the actions of symbols."""
    return select(ActionCoverage).where(col(ActionCoverage.symbol).in_(sorted(symbols)))


def versions_of_actions(symbols: Sequence[str] = ()) -> Select[str, int]:
    """Select the versions of what is known of the actions of symbols."""
    return select(col(ActionCoverage.symbol), col(ActionCoverage.version)).where(
        one_of(col(ActionCoverage.symbol), symbols)
    )


def delete_actions(symbol: str, source: str, *, first: date, last: date) -> Delete:
    """Delete the actions of a symbol from one source, from a day to a day."""
    return delete(CorporateAction).where(
        col(CorporateAction.symbol) == symbol,
        col(CorporateAction.source) == source,
        col(CorporateAction.day).between(first, last),
    )


def dismissed_by_portfolio(portfolio_ids: Collection[int]) -> Select[DismissedProposal]:
    """Select what was dismissed of portfolios."""
    return select(DismissedProposal).where(
        col(DismissedProposal.portfolio_id).in_(sorted(portfolio_ids))
    )
