"""Instruments: what can be held and priced, one row for all users."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, String, select
from sqlmodel import Column, Field, col

from models.base import Base
from models.reading import one_of
from models.types import Identifier, UtcDateTime


class Instrument(Base, table=True):
    """A share, fund or other thing with a canonical symbol and one trading currency."""

    __tablename__ = "instruments"

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    symbol: str = Field(sa_type=String, unique=True)
    name: str = Field(sa_type=String)
    asset_class: str = Field(sa_type=String)
    currency: str = Field(sa_type=String)
    exchange: str | None = Field(default=None, sa_type=String)
    isin: str | None = Field(default=None, sa_type=String)
    figi: str | None = Field(default=None, sa_type=String)
    created_at: datetime = Field(sa_type=UtcDateTime)


def instruments_by_symbol(symbols: Sequence[str] = ()) -> Select[Instrument]:
    """Select instruments by canonical symbol."""
    return select(Instrument).where(one_of(col(Instrument.symbol), symbols))


def instruments_by_id(ids: Sequence[int] = ()) -> Select[Instrument]:
    """Select instruments by key."""
    return select(Instrument).where(one_of(col(Instrument.id), ids))


def symbols_by_isin(isins: list[str]) -> Select[str | None, str]:
    """Select the symbols of instruments known by their ISIN."""
    return select(col(Instrument.isin), col(Instrument.symbol)).where(
        col(Instrument.isin).in_(isins)
    )
