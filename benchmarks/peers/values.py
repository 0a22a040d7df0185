"""The Strawberry types without relations, the same for plain Strawberry and for FolioQL."""

from datetime import datetime
from decimal import Decimal
from enum import Enum

import strawberry

from benchmarks.peers import rows


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


def quote_of(row: rows.Quote) -> Quote:
    """Build the outward shape of a quote."""
    return Quote(**vars(row) | {"quality": QuoteQuality(row.quality)})


def amounts_of(row: rows.Position) -> dict[str, Money]:
    """Build the outward shape of a position's amounts, by field."""
    return {
        name: Money(**vars(value))
        for name, value in vars(row).items()
        if isinstance(value, rows.Money)
    }
