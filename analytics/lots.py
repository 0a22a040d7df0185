"""Lot matching: folds purchases and sales into open lots and realised gains.

First in, first out. Cost includes fees and transaction taxes (they follow the units, pro rata);
proceeds are net of them. A sale beyond what is held opens a short lot with negative quantity and
negative cost (its net proceeds), so that ``market value - cost`` is the gain on either side.
Cost is conserved exactly: what is relieved plus what is left is what was paid.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from analytics.money import ZERO, convert_known, exact, settle, total, total_known


class Side(Enum):
    """The direction of a trade."""

    BUY = "BUY"
    SELL = "SELL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One executed trade; ``quantity`` above zero, ``price`` per unit, the rest in total.

    ``rate`` is units of base currency for one unit of the trade's, null if not known.
    """

    id: int
    at: datetime
    side: Side
    quantity: Decimal
    price: Decimal
    costs: Decimal = ZERO
    rate: Decimal | None = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What is left of the units one fill opened; quantity and cost are negative for a short."""

    fill_id: int
    opened_at: datetime
    quantity: Decimal
    cost: Decimal
    cost_base: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Units of one lot closed by one fill; ``quantity`` keeps the lot's sign.

    ``gain = proceeds - cost``; for a short the cost is minus what the sale brought, and the
    proceeds are minus what buying back took.
    """

    fill_id: int
    lot_fill_id: int
    opened_at: datetime
    closed_at: datetime
    quantity: Decimal
    cost: Decimal
    proceeds: Decimal
    cost_base: Decimal | None
    proceeds_base: Decimal | None

    @property
    def gain(self) -> Decimal:
        """Return the realised gain in the trade's currency."""
        return total([self.proceeds, self.cost.copy_negate()])

    @property
    def gain_base(self) -> Decimal | None:
        """Return the realised gain in base currency, each side at the rate of its own day."""
        if self.proceeds_base is None or self.cost_base is None:
            return None
        return total([self.proceeds_base, self.cost_base.copy_negate()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """The state of one instrument after a sequence of fills; lots are oldest first."""

    lots: tuple[Lot, ...] = ()
    closings: tuple[Closing, ...] = ()

    @property
    def quantity(self) -> Decimal:
        """Return the units held, negative when short."""
        return total(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> Decimal:
        """Return what the open units cost."""
        return total(lot.cost for lot in self.lots)

    @property
    def cost_base(self) -> Decimal | None:
        """Return what the open units cost in base currency; null if a rate is missing."""
        return total_known(lot.cost_base for lot in self.lots)

    @property
    def realized(self) -> Decimal:
        """Return the sum of realised gains."""
        return total(closing.gain for closing in self.closings)

    @property
    def realized_base(self) -> Decimal | None:
        """Return the sum of realised gains in base currency; null if a rate is missing."""
        return total_known(closing.gain_base for closing in self.closings)


class OversoldError(Exception):
    """A sale takes more units than are held at that moment."""

    def __init__(self, fill: Fill, *, held: Decimal) -> None:
        super().__init__(f"fill {fill.id} sells {fill.quantity} with {held} held")
        self.fill = fill
        self.held = held

    @property
    def missing(self) -> Decimal:
        """Return how many units the sale is short of."""
        return total([self.fill.quantity, self.held.copy_negate()])


@exact
def _split(amount: Decimal | None, *, part: Decimal, whole: Decimal) -> Decimal | None:
    """Return the share of an amount that goes with a part of the units: all with all of them."""
    if amount is None:
        return None
    return amount if part == whole else settle(amount * part / whole)


def _less(whole: Decimal | None, part: Decimal | None) -> Decimal | None:
    return None if whole is None or part is None else total([whole, part.copy_negate()])


@exact
def fold(fills: Iterable[Fill], *, allow_short: bool = False) -> Holding:
    """Match fills, given in the order they count, first in first out.

    Raises OversoldError at the first sale that goes beyond what is held, unless shorts are allowed.
    """
    lots: deque[Lot] = deque()
    closings: list[Closing] = []
    for fill in fills:
        sign = Decimal(1) if fill.side is Side.BUY else Decimal(-1)
        open_quantity = fill.quantity
        # Money that leaves for a purchase, comes in (negative) for a sale, after costs.
        value = sign * fill.quantity * fill.price + fill.costs
        value_base = convert_known(value, fill.rate)
        while open_quantity and lots and lots[0].quantity * sign < 0:
            lot = lots.popleft()
            matched = min(open_quantity, abs(lot.quantity))
            paid = _split(value, part=matched, whole=open_quantity) or ZERO
            paid_base = _split(value_base, part=matched, whole=open_quantity)
            cost = _split(lot.cost, part=matched, whole=abs(lot.quantity)) or ZERO
            cost_base = _split(lot.cost_base, part=matched, whole=abs(lot.quantity))
            closings.append(
                Closing(
                    fill_id=fill.id,
                    lot_fill_id=lot.fill_id,
                    opened_at=lot.opened_at,
                    closed_at=fill.at,
                    quantity=-sign * matched,
                    cost=cost,
                    proceeds=-paid,
                    cost_base=cost_base,
                    proceeds_base=None if paid_base is None else -paid_base,
                )
            )
            open_quantity -= matched
            value -= paid
            value_base = _less(value_base, paid_base)
            if matched < abs(lot.quantity):
                lots.appendleft(
                    Lot(
                        fill_id=lot.fill_id,
                        opened_at=lot.opened_at,
                        quantity=lot.quantity + sign * matched,
                        cost=lot.cost - cost,
                        cost_base=_less(lot.cost_base, cost_base),
                    )
                )
        if not open_quantity:
            continue
        if sign < 0 and not allow_short:
            raise OversoldError(fill, held=fill.quantity - open_quantity)
        lots.append(
            Lot(
                fill_id=fill.id,
                opened_at=fill.at,
                quantity=sign * open_quantity,
                cost=value,
                cost_base=value_base,
            )
        )
    return Holding(lots=tuple(lots), closings=tuple(closings))
