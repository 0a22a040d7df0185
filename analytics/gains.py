"""Splits a gain into what the price did and what the exchange rate did.

Cost C at rate s0, value or proceeds W at rate s1, both in the own currency: the gain in base
currency is W x s1 - C x s0. The currency effect is C x (s1 - s0), the price effect (W - C) x s1;
the cross term is inside the price effect.
"""

from dataclasses import dataclass
from decimal import Decimal

from analytics.holdings import Closing
from analytics.money import convert, exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A gain in base currency by what made it; both parts together are the gain."""

    price: Decimal
    currency: Decimal


@exact
def split_unrealized(
    *, value: Decimal | None, cost: Decimal, cost_base: Decimal | None, rate: Decimal | None
) -> Split | None:
    """Split the gain on units held; ``rate`` is today's. Null when a part is not known."""
    if value is None or cost_base is None or rate is None:
        return None
    currency = convert(cost, rate) - cost_base
    return Split(price=convert(value, rate) - cost_base - currency, currency=currency)


@exact
def split_realized(closing: Closing) -> Split | None:
    """Split the gain of a closing; null when a rate or the acquisition is not known."""
    if closing.gain_base is None or closing.rate is None or closing.cost is None:
        return None
    currency = convert(closing.cost, closing.rate) - (closing.cost_base or Decimal(0))
    return Split(price=closing.gain_base - currency, currency=currency)
