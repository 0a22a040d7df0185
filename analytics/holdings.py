"""What lots come to: open lots, closings with their gains, passages and shortfalls of a pool."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import NamedTuple

from analytics.events import Amounts
from analytics.money import EXACT, total, total_known


class Lot(NamedTuple):
    """What is left of the units one fill opened; quantity and cost are negative for a short.

    ``book`` tells whose they are where one pool holds the units of several portfolios.
    """

    fill_id: int
    opened_at: datetime
    quantity: Decimal
    paid: Amounts
    book: int = 0

    def holding(self, quantity: Decimal, paid: Amounts) -> "Lot":
        """Return the same lot with other units and what was paid for them."""
        return Lot(self.fill_id, self.opened_at, quantity, paid, self.book)

    @property
    def cost(self) -> Decimal:
        """Return the cost in the own currency, fees included."""
        return self.paid.own

    @property
    def cost_base(self) -> Decimal | None:
        """Return the cost in base currency, at the rate of the purchase."""
        return self.paid.base


class Closing(NamedTuple):
    """Units of one lot closed by one event; ``quantity`` keeps the lot's sign.

    ``gain = proceeds - cost``; for a short the cost is minus what the sale brought, and the
    proceeds are minus what buying back took. Zero quantity is cash paid on units that stay;
    ``in_lieu`` is cash for the fraction of a unit that was left over.
    Without a lot the acquisition is missing: cost and gain are not known.
    """

    event_id: int
    lot_fill_id: int | None
    opened_at: datetime | None
    closed_at: datetime
    quantity: Decimal
    paid: Amounts | None
    received: Amounts
    rate: Decimal | None
    in_lieu: bool = False

    @property
    def cost(self) -> Decimal | None:
        """Return the cost of what was closed, fees included."""
        return None if self.paid is None else self.paid.own

    @property
    def cost_base(self) -> Decimal | None:
        """Return the cost in base currency, at the rate of the purchase."""
        return None if self.paid is None else self.paid.base

    @property
    def proceeds(self) -> Decimal:
        """Return what it brought, after fees."""
        return self.received.own

    @property
    def proceeds_base(self) -> Decimal | None:
        """Return what it brought in base currency, at the rate of the sale."""
        return self.received.base

    @property
    def gain(self) -> Decimal | None:
        """Return the realised gain in the own currency."""
        return None if self.cost is None else EXACT.subtract(self.proceeds, self.cost)

    @property
    def gain_base(self) -> Decimal | None:
        """Return the realised gain in base currency, each side at the rate of its own day."""
        if self.proceeds_base is None or self.cost_base is None:
            return None
        return EXACT.subtract(self.proceeds_base, self.cost_base)

    @property
    def holding_days(self) -> int | None:
        """Return the days between opening and closing; null if the acquisition is missing."""
        if self.opened_at is None:
            return None
        return (self.closed_at.date() - self.opened_at.date()).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Units that came in (positive) or went out without cash, at cost or at their stated value.

    Those that leave or come at cost tell the lot they are of.
    """

    event_id: int
    at: datetime
    quantity: Decimal
    worth: Amounts
    lot_fill_id: int | None = None
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Units that an event takes from a pool that does not have them."""

    event_id: int
    at: datetime
    wanted: Decimal
    held: Decimal

    @property
    def missing(self) -> Decimal:
        """Return how many units are missing."""
        return EXACT.subtract(self.wanted, self.held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """The state of one pool after a sequence of events; lots are oldest first.

    ``owed`` are the events that pay cash to holders while the pool is short, and would owe it;
    ``unheld`` those that do so though it never had a unit: nobody knows how many are missing.
    """

    lots: tuple[Lot, ...] = ()
    closings: tuple[Closing, ...] = ()
    passages: tuple[Passage, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    owed: tuple[int, ...] = ()
    unheld: tuple[Shortfall, ...] = ()

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
    def fees(self) -> Decimal:
        """Return the part of the cost that is fees."""
        return total(lot.paid.fees for lot in self.lots)

    @property
    def fees_base(self) -> Decimal | None:
        """Return the fees within the cost in base currency; null if a rate is missing."""
        return total_known(lot.paid.fees_base for lot in self.lots)

    @property
    def realized(self) -> Decimal | None:
        """Return the sum of realised gains; null if an acquisition is missing."""
        return total_known(closing.gain for closing in self.closings)

    @property
    def realized_base(self) -> Decimal | None:
        """Return realised gains in base currency; null if a rate or an acquisition is missing."""
        return total_known(closing.gain_base for closing in self.closings)

    def before_fees(self) -> "Holding":
        """Return the same with fees left out of every cost and all proceeds."""
        with localcontext(EXACT):
            return replace(
                self,
                lots=tuple(lot.holding(lot.quantity, lot.paid.before_fees()) for lot in self.lots),
                closings=tuple(
                    closing._replace(
                        paid=None if closing.paid is None else closing.paid.before_fees(),
                        received=closing.received.received().before_fees().received(),
                    )
                    for closing in self.closings
                ),
            )

    @property
    def missing(self) -> Decimal:
        """Return how many units were taken that no acquisition accounts for."""
        return total(shortfall.missing for shortfall in self.shortfalls)
