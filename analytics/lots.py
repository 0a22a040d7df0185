"""Lot matching: folds a ledger's events into open lots, realised gains, and what passed in or out.

A pool is one heap of lots, such as one portfolio's units of one instrument; lots can move between
pools. Cost includes fees and transaction taxes, which follow the units pro rata; proceeds are net
of them. A sale beyond what is held opens a short lot with negative quantity and negative cost (its
net proceeds), so that ``market value - cost`` is the gain on either side. Nothing is ever lost:
what is relieved plus what is left is what was paid, to the last digit, for every method.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from typing import NamedTuple

from analytics.events import Amounts, Conversion, Event, Fill, Method, Move, Pool, Repayment
from analytics.heaps import Heap
from analytics.holdings import Closing, Holding, Lot, Passage, Shortfall
from analytics.money import EXACT, ONE, ZERO, convert_known, settle, total


class Change(NamedTuple):
    """What an event left of one pool: units and their cost in base currency.

    ``missing`` are the units that it took and the pool did not have.
    """

    pool: Pool
    units_before: Decimal
    units: Decimal
    cost: Decimal | None
    missing: Decimal


@dataclass(slots=True)
class _Account:
    """What becomes of one pool while events are folded."""

    heap: Heap
    closings: list[Closing] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    shortfalls: list[Shortfall] = field(default_factory=list)
    owed: list[int] = field(default_factory=list)
    unheld: list[Shortfall] = field(default_factory=list)
    owned: dict[int, Decimal] = field(default_factory=dict)
    """The units of each book, whosever lots a sale took."""
    told: Decimal = ZERO
    """How many units there were when it was asked for changes last."""

    def count(self, book: int, units: Decimal) -> None:
        """Note that a book has more units, or fewer; one that never had any is not noted."""
        if units:
            self.owned[book] = self.owned.get(book, ZERO) + units

    def free(self, book: int) -> Decimal:
        """Return how many units of a book can leave it."""
        return max(self.owned.get(book, ZERO), ZERO)

    def missing(self, fill: Fill) -> Decimal:
        """Return how many units of a fill its own book has nothing for."""
        if fill.may_open:
            return ZERO
        units = self.owned.get(fill.book, ZERO)
        return max(abs(fill.quantity) - (abs(units) if units * fill.quantity < 0 else ZERO), ZERO)

    def add(self, lot: Lot) -> None:
        """Keep a lot; one that a reverse split left no unit of keeps its cost."""
        if lot.quantity or lot.paid.own:
            self.heap.add(lot)

    def offset(
        self,
        event: Event,
        lot: Lot,
        chosen: Iterable[tuple[int, Decimal]] = (),
        *,
        missing: Decimal = ZERO,
    ) -> Lot:
        """Close what is open on the other side with a lot's units; return what is left of it.

        ``missing`` units of it close nothing.
        """
        if self.heap.quantity * lot.quantity >= 0:
            return lot
        paid, units = lot.paid, abs(lot.quantity)
        for other in self.heap.take(units - missing, chosen, book=event.book):
            share = paid.share(abs(other.quantity), units)
            self.close(event, other, share.received())
            paid, units = paid.minus(share), units - abs(other.quantity)
        return lot.holding(units.copy_sign(lot.quantity), paid)

    def close(self, event: Event, lot: Lot, received: Amounts, *, in_lieu: bool = False) -> None:
        fill_id, opened_at, quantity, paid, _ = lot
        rate = event.rate
        self.closings.append(
            Closing(event.id, fill_id, opened_at, event.at, quantity, paid, received, rate, in_lieu)
        )

    def pay_fraction(self, event: Conversion, made: Iterable[Lot], paid: Amounts) -> list[Lot]:
        """Sell what is no whole unit, as the method takes lots; return what stays."""
        heap = Heap(self.heap.method)
        for lot in made:
            heap.add(lot)
        units = abs(heap.quantity) % ONE
        if not units:
            self.close(event, _nothing(event), paid, in_lieu=True)
        for part in heap.take(units, book=event.book):
            share = paid.share(abs(part.quantity), units)
            self.close(event, part, share, in_lieu=True)
            paid, units = paid.minus(share), units - abs(part.quantity)
        return heap.lift_all(event.book)

    def lack(self, event: Fill | Move, *, held: Decimal) -> None:
        self.shortfalls.append(
            Shortfall(event_id=event.id, at=event.at, wanted=abs(event.quantity), held=held)
        )

    def change(self, pool: Pool) -> Change:
        """Return what became of the pool since this was asked for last."""
        missing = ZERO
        if self.shortfalls:
            missing = total(lack.missing for lack in self.shortfalls)
            self.shortfalls.clear()
        before, self.told = self.told, self.heap.quantity
        return Change(pool, before, self.told, self.heap.cost_base, missing)

    def holding(self) -> Holding:
        return Holding(
            lots=self.heap.lots(),
            closings=tuple(self.closings),
            passages=tuple(self.passages),
            shortfalls=tuple(self.shortfalls),
            owed=tuple(self.owed),
            unheld=tuple(self.unheld),
        )


class _Accounts(dict[Pool, _Account]):
    """All pools, and what each kind of event does to them."""

    def __init__(self, method: Method | Callable[[Pool], Method]) -> None:
        self._method = method

    def __missing__(self, pool: Pool) -> _Account:
        method = self._method(pool) if callable(self._method) else self._method
        account = self[pool] = _Account(Heap(method))
        return account

    def holdings(self) -> dict[Pool, Holding]:
        return {pool: account.holding() for pool, account in self.items()}

    def apply(self, event: Event) -> None:
        match event:
            case Fill():
                self._fill(event)
            case Move():
                self._move(event)
            case Conversion():
                self._convert(event)
            case _:
                self._repay(event)

    def _fill(self, fill: Fill) -> None:
        account = self[fill.pool]
        brought = Lot(fill.id, fill.opened_at or fill.at, fill.quantity, fill.outlay, fill.book)
        missing = account.missing(fill).copy_sign(fill.quantity)
        account.count(fill.book, fill.quantity - missing)
        left = account.offset(fill, brought, fill.chosen, missing=abs(missing))
        if not missing:
            account.add(left)
        elif left.quantity != missing:  # what another book's units had closed before opens anew
            opened = left.quantity - missing
            paid = left.paid.share(opened, left.quantity)
            account.add(left.holding(opened, paid))
            left = left.holding(missing, left.paid.minus(paid))
        if missing:
            account.lack(fill, held=abs(fill.quantity) - abs(missing))
            account.closings.append(
                Closing(
                    event_id=fill.id,
                    lot_fill_id=None,
                    opened_at=None,
                    closed_at=fill.at,
                    quantity=left.quantity.copy_negate(),
                    paid=None,
                    received=left.paid.received(),
                    rate=fill.rate,
                )
            )
        if fill.passing:
            account.passages.append(
                Passage(
                    event_id=fill.id,
                    at=fill.at,
                    quantity=fill.quantity,
                    worth=fill.outlay if fill.fees_paid else fill.outlay.before_fees(),
                )
            )

    def _move(self, move: Move) -> None:
        source = self[move.source]
        if move.source == move.target and move.book == move.target_book:
            return
        held = source.free(move.book)
        if held < move.quantity:
            source.lack(move, held=held)
        moved = min(held, move.quantity)
        source.count(move.book, -moved)
        if move.target is not None:
            self[move.target].count(move.target_book, moved)
        if move.source == move.target:
            source.heap.pass_on(moved, book=move.book, target=move.target_book)
            return
        for lot in source.heap.lift(moved, move.chosen, book=move.book):
            source.passages.append(
                Passage(
                    event_id=move.id,
                    at=move.at,
                    quantity=lot.quantity.copy_negate(),
                    worth=Amounts().minus(lot.paid),
                    lot_fill_id=lot.fill_id,
                    opened_at=lot.opened_at,
                )
            )
            if move.target is None:
                continue
            target, arrived = self[move.target], _rebased(lot, move.base_rates)
            target.add(target.offset(move, arrived))
            target.passages.append(
                Passage(
                    event_id=move.id,
                    at=move.at,
                    quantity=arrived.quantity,
                    worth=arrived.paid,
                    lot_fill_id=lot.fill_id,
                    opened_at=lot.opened_at,
                )
            )

    def _convert(self, event: Conversion) -> None:
        source = self[event.source]
        parts = source.heap.lift_all(event.book)
        cash, units = event.cash or Amounts(), _units(parts)
        if units < 0 and (event.cash or event.in_lieu):
            source.owed.append(event.id)
        never = event.book not in source.owned and not source.shortfalls
        if never and (event.cash or event.in_lieu):
            source.unheld.append(Shortfall(event_id=event.id, at=event.at, wanted=ZERO, held=ZERO))
        made: list[Lot] = []
        counted = became = ZERO
        for part in parts:
            rest = part.paid
            if event.cash is not None:
                sold = rest.share(event.cash_share, ONE)
                rest = rest.minus(sold)
                share = cash.share(part.quantity, units)
                quantity = part.quantity if event.target is None else ZERO
                source.close(event, part.holding(quantity, sold), share)
                cash, units = cash.minus(share), units - part.quantity
            given = rest.share(event.share, ONE)
            if event.keeps:
                source.heap.add(part.holding(part.quantity, rest.minus(given)))
            # Rounded as a running sum, so that all parts together are the whole, rounded once.
            counted += part.quantity
            before, became = became, settle(counted * event.new / event.old)
            made.append(part.holding(became - before, given))
        owned = source.owned.get(event.book, ZERO)
        if not event.keeps:
            source.count(event.book, -owned)
        if event.cash is not None and not parts:
            source.close(event, _nothing(event), event.cash)
        if event.target is None:
            return
        target, whole = self[event.target], _units(made)
        if event.in_lieu is not None:
            made = target.pay_fraction(event, made, event.in_lieu)
        # A book owns, or owes, more than its lots where those of another were closed for them.
        owns = settle(owned * event.new / event.old)
        target.count(event.book, owns - (whole - _units(made)))
        for lot in made:
            target.add(target.offset(event, lot))

    def _repay(self, event: Repayment) -> None:
        account = self[event.pool]
        parts = account.heap.lift_all(event.book)
        if _units(parts) < 0:
            # A short owes nothing here: what it pays out is booked as a charge.
            for part in parts:
                account.heap.add(part)
            parts = []
        left, units = event.paid, _units(parts)
        for part in parts:
            share = left.share(part.quantity, units)
            left, units = left.minus(share), units - part.quantity
            whole = share.own >= part.paid.own or not part.paid.own
            relieved = part.paid if whole else part.paid.share(share.own, part.paid.own)
            account.close(event, part.holding(ZERO, relieved), share)
            account.heap.add(part.holding(part.quantity, part.paid.minus(relieved)))
        if not parts:
            account.close(event, _nothing(event), left)


def _nothing(event: Conversion | Repayment) -> Lot:
    """Return what money is paid for that comes without units."""
    return Lot(fill_id=event.id, opened_at=event.at, quantity=ZERO, paid=Amounts())


def _units(parts: Iterable[Lot]) -> Decimal:
    return total(part.quantity for part in parts)


def _rebased(lot: Lot, base_rates: Mapping[date, Decimal] | None) -> Lot:
    """Give a lot the base cost it has under another base currency."""
    if base_rates is None:
        return lot
    rate = base_rates.get(lot.opened_at.date())
    own, _, fees, _ = lot.paid
    paid = Amounts(own, convert_known(own, rate), fees, convert_known(fees, rate))
    return lot.holding(lot.quantity, paid)


def fold(
    events: Iterable[Event], *, method: Method | Callable[[Pool], Method] = Method.FIFO
) -> dict[Pool, Holding]:
    """Apply events in the order given, and return what they leave in each pool.

    Never fails: what is taken and not there is a shortfall of its pool.
    """
    accounts = _Accounts(method)
    with localcontext(EXACT):
        for event in events:
            accounts.apply(event)
        return accounts.holdings()


def trace(
    events: Iterable[Event], *, method: Method | Callable[[Pool], Method] = Method.FIFO
) -> list[tuple[Event, tuple[Change, ...]]]:
    """Apply events in the order given, and return with each what it changed, its source first."""
    accounts = _Accounts(method)
    traced = []
    with localcontext(EXACT):
        for event in events:
            accounts.apply(event)
            changes = tuple([accounts[pool].change(pool) for pool in _pools_of(event)])
            traced.append((event, changes))
    return traced


def _pools_of(event: Event) -> list[Pool]:
    match event:
        case Fill() | Repayment():
            return [event.pool]
        case _:
            return [event.source] if event.target is None else [event.source, event.target]
