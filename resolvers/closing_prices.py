"""Closing prices that can be found again by their ids."""

from datetime import date
from decimal import Decimal

import strawberry

from models import instruments
from models.base import row_key
from models.market import Bar, HistoryQuestion
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.scalars import CurrencyCode
from resolvers.values import Node

DAY_BITS = 22
"""So many bits hold any day as an ordinal; the instrument's key is before them."""


@strawberry.type(description="The last price of an instrument on a day, as it was traded.")
class ClosingPrice(Node):
    """The last price of an instrument on a day."""

    instrument: Instrument = strawberry.field(description="What was traded.")
    day: date = strawberry.field(description="The trading day.")
    close: Decimal = strawberry.field(description="The price of one unit of that day.")
    currency: CurrencyCode = strawberry.field(description="What the price is in.")
    source: str = strawberry.field(description="Where it is from.")


def closing_price_of(bar: Bar, row: instruments.Instrument) -> ClosingPrice:
    """Build the outward shape of a closing price."""
    key = (row_key(row.id) << DAY_BITS) | bar.day.toordinal()
    return ClosingPrice(
        id=strawberry.ID(encode_id("ClosingPrice", key)),
        instrument=instrument_of(row),
        day=bar.day,
        close=bar.close,
        currency=CurrencyCode(bar.currency),
        source=bar.source,
    )


async def closing_price_by_key(context: Context, key: int) -> ClosingPrice | None:
    """Return a closing price by its key; null for a day without one."""
    ordinal = key & ((1 << DAY_BITS) - 1)
    if not 0 < ordinal <= context.now().toordinal():
        return None
    row = await context.loaders.instruments.load(key >> DAY_BITS)
    if row is None:
        return None
    day = date.fromordinal(ordinal)
    bars = await context.loaders.bars.load(HistoryQuestion(symbol=row.symbol, first=day, last=day))
    found = next((bar for bar in bars if bar.day == day), None)
    return None if found is None else closing_price_of(found, row)
