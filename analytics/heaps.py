"""The open lots of one pool, kept in the order in which a method takes them."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Context, Decimal
from operator import attrgetter
from typing import Any

from analytics.events import Amounts, Method
from analytics.holdings import Lot
from analytics.money import ZERO

_LATEST = datetime.max.replace(tzinfo=UTC)

_COMPARED = Context(prec=12)
"""So many digits of costs per unit are compared: what is left of a cost that was shared is rounded,
and the digits after these would tell apart what was bought at the same price."""

_oldest_first = attrgetter("opened_at")


def _newest_first(lot: Lot) -> tuple[Any, ...]:
    return (_LATEST - lot.opened_at,)


def _highest_first(lot: Lot) -> tuple[Any, ...]:
    """Order by cost per unit; a lot of which that is not known comes last."""
    if lot.paid.base is None or not lot.quantity:
        return (Decimal("Infinity"), lot.opened_at)
    per_unit = _COMPARED.divide(lot.paid.base, lot.quantity)
    return (-per_unit if lot.quantity > 0 else per_unit, lot.opened_at)


_RELIEF: dict[Method, tuple[Callable[..., int], Callable[[Lot], Any]]] = {
    Method.FIFO: (bisect_right, _oldest_first),
    Method.LIFO: (bisect_left, _newest_first),
    Method.HIFO: (bisect_right, _highest_first),
    Method.AVERAGE: (bisect_right, _oldest_first),
    Method.SPECIFIC: (bisect_right, _oldest_first),
}
"""How each method keeps lots in the order they are taken; ties go by the order they came in."""


class Heap:
    """The open lots of one pool, next to be taken first."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self._find, self._key = _RELIEF[method]
        self._lots: list[Lot] = []
        # Where each lot goes, as it was added: what a sale leaves of one keeps its place.
        self._order: list[Any] = []
        self._pooled = Amounts()  # of all lots, kept for AVERAGE alone
        self.quantity = ZERO
        self.cost_base: Decimal | None = ZERO
        """What all lots cost; once a rate is not known, null until the last of them is gone."""

    def add(self, lot: Lot) -> None:
        """Put a lot where the method has it."""
        order = self._key(lot)
        index = self._find(self._order, order)
        self._lots.insert(index, lot)
        self._order.insert(index, order)
        self.quantity += lot.quantity
        self.cost_base = _sum(self.cost_base, lot.paid.base)
        if self.method is Method.AVERAGE:
            self._pooled = self._pooled.plus(lot.paid)

    def take(
        self, units: Decimal, chosen: Iterable[tuple[int, Decimal]] = (), *, book: int = 0
    ) -> list[Lot]:
        """Remove units, up to all there are, and return them as parts of their lots.

        The method looks at all books alike; one that lost units to ``book`` gets as many from it.
        """
        parts = self._take(units, chosen)
        for part in parts:
            if part.book != book:
                self.pass_on(abs(part.quantity), book=book, target=part.book)
        return parts

    def pass_on(self, units: Decimal, *, book: int, target: int) -> None:
        """Let units of one book be another's, up to all it has; the last to be taken go first."""
        for index in range(len(self._lots) - 1, -1, -1):
            lot = self._lots[index]
            if not units:
                return
            if lot.book != book:
                continue
            passed = min(units, abs(lot.quantity))
            units -= passed
            if passed == abs(lot.quantity):
                self._lots[index] = lot._replace(book=target)
                continue
            quantity = passed.copy_sign(lot.quantity)
            paid = lot.paid.share(quantity, lot.quantity)
            kept = lot.holding(lot.quantity - quantity, lot.paid.minus(paid))
            gone = lot.holding(quantity, paid)._replace(book=target)
            self._lots[index : index + 1] = [kept, gone]
            self._order.insert(index, self._order[index])

    def _take(self, units: Decimal, chosen: Iterable[tuple[int, Decimal]]) -> list[Lot]:
        parts: list[Lot] = []
        if self.method is Method.SPECIFIC:
            for fill_id, wanted in chosen:
                for lot in [lot for lot in self._lots if lot.fill_id == fill_id]:
                    taken = min(wanted, units, abs(lot.quantity))
                    if taken:
                        parts.append(self._cut(self._lots.index(lot), taken))
                        units -= taken
                        wanted -= taken
        while units and self._lots:
            taken = min(units, abs(self._lots[0].quantity))
            parts.append(self._cut(0, taken))
            units -= taken
        return parts

    def lift(
        self, units: Decimal, chosen: Iterable[tuple[int, Decimal]] = (), *, book: int = 0
    ) -> list[Lot]:
        """Remove units as `take` does; return the parts in the order to add them elsewhere."""
        parts = self.take(units, chosen, book=book)
        return parts[::-1] if self.method is Method.LIFO else parts

    def lift_all(self, book: int) -> list[Lot]:
        """Remove all units of a book."""
        parts, index = [], 0
        if self.method is not Method.AVERAGE and all(lot.book == book for lot in self._lots):
            parts, self._lots, self._order = self._lots, [], []
            self.quantity, self.cost_base = ZERO, ZERO
        while index < len(self._lots):
            if self._lots[index].book == book:
                parts.append(self._cut(index, abs(self._lots[index].quantity)))
            else:
                index += 1
        return parts[::-1] if self.method is Method.LIFO else parts

    def _cut(self, index: int, units: Decimal) -> Lot:
        lot = self._lots[index]
        quantity = units.copy_sign(lot.quantity)
        if self.method is Method.AVERAGE:
            paid = self._pooled.share(quantity, self.quantity)
            flat = quantity == self.quantity  # an unknown rate ends with the units it was for
            self._pooled = Amounts() if flat else self._pooled.minus(paid)
        else:
            paid = lot.paid.share(quantity, lot.quantity)
        self.quantity -= quantity
        self.cost_base = _sum(self.cost_base, paid.base, sign=-1)
        if quantity == lot.quantity:
            del self._lots[index], self._order[index]
            if not self._lots:
                self.cost_base = ZERO
        else:
            self._lots[index] = lot.holding(lot.quantity - quantity, lot.paid.minus(paid))
        return lot if paid is lot.paid else lot.holding(quantity, paid)

    def lots(self) -> tuple[Lot, ...]:
        """Return the lots oldest first; averaged ones share their cost by units."""
        newest_first = self.method is Method.LIFO
        found = sorted(reversed(self._lots) if newest_first else self._lots, key=_oldest_first)
        if self.method is not Method.AVERAGE:
            return tuple(found)
        left, units, levelled = self._pooled, self.quantity, []
        for lot in found:
            paid = left.share(lot.quantity, units)
            levelled.append(lot.holding(lot.quantity, paid))
            left, units = left.minus(paid), units - lot.quantity
        return tuple(levelled)


def _sum(one: Decimal | None, other: Decimal | None, *, sign: int = 1) -> Decimal | None:
    if one is None or other is None:
        return None
    return one + other if sign > 0 else one - other
