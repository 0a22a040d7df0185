"""What happens to lots: the events that a ledger is read as, and the methods that match lots."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from analytics.money import ONE, ZERO, settle

Pool = tuple[int, int]
"""A heap of lots: whose (a portfolio), and of what (an instrument)."""


class Method(Enum):
    """Which lots a sale takes first.

    FIFO the oldest, LIFO the newest, HIFO those with the highest cost per unit in base currency,
    fees included (for shorts the lowest proceeds), older first on ties. AVERAGE takes the oldest
    units at the average cost of all. SPECIFIC takes the lots a sale names, then the oldest.
    """

    FIFO = "FIFO"
    LIFO = "LIFO"
    HIFO = "HIFO"
    AVERAGE = "AVERAGE"
    SPECIFIC = "SPECIFIC"


class Amounts(NamedTuple):
    """Money in the pool's own currency and in base currency, and the part of it that is fees.

    A base figure is null when its exchange rate is not known.
    """

    own: Decimal = ZERO
    base: Decimal | None = ZERO
    fees: Decimal = ZERO
    fees_base: Decimal | None = ZERO

    def plus(self, other: "Amounts") -> "Amounts":
        """Add amounts."""
        own, base, fees, fees_base = other
        return Amounts(
            self.own + own,
            _plus(self.base, base),
            self.fees + fees,
            _plus(self.fees_base, fees_base),
        )

    def minus(self, other: "Amounts") -> "Amounts":
        """Take amounts away."""
        own, base, fees, fees_base = other
        return Amounts(
            self.own - own,
            _minus(self.base, base),
            self.fees - fees,
            _minus(self.fees_base, fees_base),
        )

    def share(self, part: Decimal, whole: Decimal) -> "Amounts":
        """Return what goes with a part of a whole: all of it with all of the whole."""
        if part == whole:
            return self
        own, base, fees, fees_base = self
        return Amounts(
            own and settle(own * part / whole),  # of nothing, nothing
            base and settle(base * part / whole),
            fees and settle(fees * part / whole),
            fees_base and settle(fees_base * part / whole),
        )

    def before_fees(self) -> "Amounts":
        """Leave the fees out of an outlay."""
        return Amounts(own=self.own - self.fees, base=_minus(self.base, self.fees_base))

    def received(self) -> "Amounts":
        """Turn an outlay into what came in: the sign of the money flips, fees stay fees."""
        return Amounts(
            self.own.copy_negate(),
            None if self.base is None else self.base.copy_negate(),
            self.fees,
            self.fees_base,
        )


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def _minus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other


class Fill(NamedTuple):
    """Units that come in (``quantity`` above zero) or go out (below) for money.

    ``outlay`` is what left for them, fees included: negative for a sale, its net proceeds.
    ``rate`` is units of base currency for one of the own, on that day. Without ``may_open`` the
    fill only closes: what it finds nothing for is a shortfall. ``chosen`` names lots to close, by
    the fill that opened them. ``passing`` units come from or go to somewhere outside without cash,
    but for their fees unless these were ``fees_paid`` before. ``book`` tells apart whose units are
    whose within one pool: corporate actions concern those of their own book alone.
    """

    id: int
    at: datetime
    pool: Pool
    quantity: Decimal
    outlay: Amounts
    rate: Decimal | None = ONE
    may_open: bool = True
    chosen: tuple[tuple[int, Decimal], ...] = ()
    opened_at: datetime | None = None
    passing: bool = False
    fees_paid: bool = False
    book: int = 0


class Move(NamedTuple):
    """Units that leave a pool for another, or for outside (``target`` null), at cost.

    Lots keep their date, cost and fees. ``base_rates`` gives the target's own base rate for each
    day of acquisition when its base currency differs; null when it is the same. ``rate`` is that
    of the day, for units that close a short of the target. Within one pool units only change
    their book.
    """

    id: int
    at: datetime
    source: Pool
    target: Pool | None
    quantity: Decimal
    chosen: tuple[tuple[int, Decimal], ...] = ()
    base_rates: Mapping[date, Decimal] | None = None
    rate: Decimal | None = None
    book: int = 0
    target_book: int = 0


class Conversion(NamedTuple):
    """All units of a pool become ``new / old`` times as many, in the same or another pool.

    A split (same pool), symbol change, merger, or with ``keeps`` a spin-off: the old units stay,
    and ``share`` of their cost goes to the new ones. ``cash`` is paid for ``cash_share`` of the
    cost. ``in_lieu`` is paid for the fraction of a unit that remains. Without a target all of it
    is paid in cash.
    """

    id: int
    at: datetime
    source: Pool
    target: Pool | None
    new: Decimal = ONE
    old: Decimal = ONE
    keeps: bool = False
    share: Decimal = ONE
    cash: Amounts | None = None
    cash_share: Decimal = ZERO
    in_lieu: Amounts | None = None
    rate: Decimal | None = ONE
    book: int = 0


class Repayment(NamedTuple):
    """Capital paid back: lowers the cost of all units, and is a gain beyond it."""

    id: int
    at: datetime
    pool: Pool
    paid: Amounts
    rate: Decimal | None = ONE
    book: int = 0


Event = Fill | Move | Conversion | Repayment
