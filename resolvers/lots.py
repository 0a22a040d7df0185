"""Lots, the methods that match them, and what a gain is made of."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum

import strawberry

from analytics import holdings
from analytics.events import Amounts, Method
from analytics.gains import Split
from analytics.money import convert, ratio, total
from models import instruments, positions
from resolvers.context import Context
from resolvers.figures import HoldingFacts
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.values import Money, money, unit_price


@strawberry.enum(description="Which lots a sale takes first.")
class LotMethod(Enum):
    """Which lots a sale takes first, as `analytics.events.Method` has it."""

    FIFO = strawberry.enum_value("FIFO", description="The oldest first.")
    LIFO = strawberry.enum_value("LIFO", description="The newest first.")
    HIFO = strawberry.enum_value(
        "HIFO",
        description="The highest cost per unit first, in base currency with fees; for short "
        "positions the lowest proceeds first. The older first on ties.",
    )
    AVERAGE = strawberry.enum_value(
        "AVERAGE", description="The oldest first, at the moving average cost of all units held."
    )
    SPECIFIC = strawberry.enum_value(
        "SPECIFIC",
        description="The lots that the sale names; where it names none, the oldest first.",
    )


def method_of(given: LotMethod | None) -> Method | None:
    """Read a lot method; null stands for the portfolio's own."""
    return None if given is None else Method(given.value)


@strawberry.enum(description="What becomes of the fees and transaction taxes of trades.")
class FeePolicy(Enum):
    """What becomes of the fees of trades."""

    CAPITALIZE = strawberry.enum_value(
        "CAPITALIZE", description="They are part of the cost, and are taken off the proceeds."
    )
    EXPENSE = strawberry.enum_value(
        "EXPENSE", description="They are left out of cost and proceeds: gains are before fees."
    )


@strawberry.type(
    description="A gain by what made it. With cost C at the rate s0 of its day, and value or "
    "proceeds W at the rate s1 of theirs: the currency effect is C x (s1 - s0), the price effect "
    "is (W - C) x s1; together they are the gain."
)
class GainSplit:
    """A gain by what made it."""

    price_effect: Money = strawberry.field(description="What the price did.")
    currency_effect: Money = strawberry.field(description="What the exchange rate did.")
    total: Money = strawberry.field(description="Both together.")


@strawberry.type(description="What is left of one purchase, or of one short sale.")
class Lot:
    """What is left of one purchase or short sale."""

    opened_by: strawberry.Private[int]
    instrument: Instrument = strawberry.field(description="What it is of.")
    quantity: Decimal = strawberry.field(
        description="Units left, split-adjusted; negative for a short sale."
    )
    cost: Money = strawberry.field(
        description="What they cost with fees, in the instrument's currency; negative for a "
        "short sale: what it brought."
    )
    fees: Money = strawberry.field(description="The part of the cost that is fees and taxes.")
    cost_per_unit: Money = strawberry.field(description="Cost of one unit.")
    opened_at: datetime = strawberry.field(
        description="When they were bought or sold short; kept through transfers, splits and "
        "mergers."
    )
    opened_by_id: strawberry.ID = strawberry.field(
        description="Names this lot where a sale picks lots: the entry that opened it."
    )


async def lots_of_holdings(
    context: Context, holdings: Sequence[HoldingFacts]
) -> list[list[holdings.Lot]]:
    """Return the open lots of positions, oldest first: derived with them, or as stored."""
    keys = [held.key or 0 for held in holdings if held.lots is None]
    rows = dict(zip(keys, await context.loaders.lots_by_position.load_many(keys), strict=True))
    return [
        [_stored_lot(row) for row in rows[held.key or 0]] if held.lots is None else list(held.lots)
        for held in holdings
    ]


def _stored_lot(row: positions.Lot) -> holdings.Lot:
    return holdings.Lot(
        fill_id=row.transaction_id,
        opened_at=row.opened_at,
        quantity=row.quantity,
        paid=Amounts(own=row.cost, base=row.cost_base, fees=row.fees, fees_base=row.fees_base),
    )


def lot_of(lot: holdings.Lot, *, instrument: instruments.Instrument) -> Lot:
    """Build the outward shape of a lot."""
    currency = instrument.currency
    return Lot(
        opened_by=lot.fill_id,
        opened_by_id=strawberry.ID(encode_id(LOT, lot.fill_id)),
        instrument=instrument_of(instrument),
        quantity=lot.quantity,
        cost=money(lot.cost, currency),
        fees=money(lot.paid.fees, currency),
        cost_per_unit=unit_price(ratio(lot.cost, lot.quantity) or Decimal(0), currency),
        opened_at=lot.opened_at,
    )


LOT = "Lot"
"""What the ids of lots are of: they name the entry that opened the lot."""


def gain_split_of(split: Split | None, *, rate: Decimal | None, currency: str) -> GainSplit | None:
    """Build the outward shape of a split gain, converted at a rate."""
    if split is None or rate is None:
        return None
    price, effect = convert(split.price, rate), convert(split.currency, rate)
    return GainSplit(
        price_effect=money(price, currency),
        currency_effect=money(effect, currency),
        total=money(total([price, effect]), currency),
    )
