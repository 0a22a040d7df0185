"""The last known market data, kept so that a restart or an outage still has an answer."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Date, Select, String, bindparam, select
from sqlmodel import Column, Field, col

from models.base import Base
from models.reading import one_of
from models.types import ExactDecimal, UtcDateTime


class LastQuote(Base, table=True):
    """The newest quote we have ever had of a symbol."""

    __tablename__ = "last_quotes"

    symbol: str = Field(sa_type=String, primary_key=True)
    price: Decimal = Field(sa_type=ExactDecimal)
    currency: str = Field(sa_type=String)
    as_of: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    source: str = Field(sa_type=String)
    quality: str = Field(sa_type=String)
    previous_close: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    open: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    high: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    low: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    volume: Decimal | None = Field(default=None, sa_type=ExactDecimal)


class StoredProfile(Base, table=True):
    """The newest company profile we have ever had of a symbol."""

    __tablename__ = "company_profiles"

    symbol: str = Field(sa_type=String, primary_key=True)
    name: str = Field(sa_type=String)
    source: str = Field(sa_type=String)
    fetched_at: datetime = Field(sa_type=UtcDateTime)
    country: str | None = Field(default=None, sa_type=String)
    currency: str | None = Field(default=None, sa_type=String)
    exchange: str | None = Field(default=None, sa_type=String)
    ipo_date: date | None = Field(default=None, sa_type=Date)
    market_cap: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    sector: str | None = Field(default=None, sa_type=String)
    industry: str | None = Field(default=None, sa_type=String)
    logo_url: str | None = Field(default=None, sa_type=String)
    website_url: str | None = Field(default=None, sa_type=String)
    isin: str | None = Field(default=None, sa_type=String)
    figi: str | None = Field(default=None, sa_type=String)


class ExchangeRate(Base, table=True):
    """Units of a currency for one euro, as published for a day."""

    __tablename__ = "exchange_rates"

    currency: str = Field(sa_type=String, primary_key=True)
    day: date = Field(sa_type=Date, primary_key=True)
    value: Decimal = Field(sa_type=ExactDecimal)
    source: str = Field(sa_type=String)


class RateVersion(Base, table=True):
    """Drawn anew whenever rates of a currency are written, so that it tells whether any were."""

    __tablename__ = "rate_versions"

    currency: str = Field(sa_type=String, primary_key=True)
    version: int = Field(sa_column=Column(BigInteger, nullable=False))


def quotes_by_symbol(symbols: list[str]) -> Select[LastQuote]:
    """Select the last known quotes of symbols."""
    return select(LastQuote).where(col(LastQuote.symbol).in_(symbols))


def profiles_by_symbol(symbols: list[str]) -> Select[StoredProfile]:
    """Select the last known profiles of symbols."""
    return select(StoredProfile).where(col(StoredProfile.symbol).in_(symbols))


def rates_between() -> Select[str, date, Decimal, str]:
    """Select the stored rates of currencies within two days, both included, oldest first."""
    return (
        select(
            col(ExchangeRate.currency),
            col(ExchangeRate.day),
            col(ExchangeRate.value),
            col(ExchangeRate.source),
        )
        .where(
            one_of(col(ExchangeRate.currency), ()),
            col(ExchangeRate.day) >= bindparam("first", type_=Date),
            col(ExchangeRate.day) <= bindparam("last", type_=Date),
        )
        .order_by(col(ExchangeRate.day))
    )


def versions_of_rates(currencies: Sequence[str] = ()) -> Select[str, int]:
    """Select the versions of the stored rates of currencies."""
    return select(col(RateVersion.currency), col(RateVersion.version)).where(
        one_of(col(RateVersion.currency), currencies)
    )
