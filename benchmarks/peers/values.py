"""The Strawberry types without relations, the same for plain Strawberry and for FolioQL."""

from datetime import datetime
from decimal import Decimal
from enum import Enum

import strawberry

from benchmarks.peers.tables import Row


@strawberry.enum
class QuoteQuality(Enum):
    """How far a price is the market's."""

    FRESH = "FRESH"
    DELAYED = "DELAYED"
    STALE = "STALE"
    SIMULATED = "SIMULATED"


@strawberry.type
class Money:
    """An amount in a currency."""

    amount: Decimal
    currency: str


@strawberry.type
class Quote:
    """The price of an instrument."""

    symbol: str
    price: Decimal
    currency: str
    change: Decimal
    change_ratio: float
    previous_close: Decimal
    volume: int
    as_of: datetime
    source: str
    quality: QuoteQuality


def quote_of(row: Row) -> Quote:
    """Build the outward shape of a quote."""
    return Quote(
        symbol=row["symbol"],
        price=row["price"],
        currency=row["currency"],
        change=row["change"],
        change_ratio=row["change_ratio"],
        previous_close=row["previous_close"],
        volume=row["volume"],
        as_of=row["as_of"],
        source=row["source"],
        quality=QuoteQuality(row["quality"]),
    )


def money_of(row: Row, name: str) -> Money:
    """Build one of a position's amounts."""
    return Money(amount=row[name], currency=row["currency"])
