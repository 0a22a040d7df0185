"""Lot matching: folds a ledger's events into open lots, realised gains, and what passed in or out.

A pool is one heap of lots, such as one portfolio's units of one instrument; lots can move between
pools. Cost includes fees and transaction taxes, which follow the units pro rata; proceeds are net
of them. A sale beyond what is held opens a short lot with negative quantity and negative cost (its
net proceeds), so that ``market value - cost`` is the gain on either side. Nothing is ever lost:
what is relieved plus what is left is what was paid, to the last digit, for every method.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, localcontext
from functools import partial

from analytics.events import Amounts, Conversion, Event, Fill, Method, Move, Pool, Repayment
from analytics.heaps import Heap
from analytics.holdings import Closing, Holding, Lot, Passage, Shortfall
from analytics.money import EXACT, ONE, ZERO, convert_known, settle, total


@dataclass(slots=True)
class _Account:
    """What becomes of one pool while events are folded."""

    heap: Heap
    closings: list[Closing] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    shortfalls: list[Shortfall] = field(default_factory=list)
    owed: list[int] = field(default_factory=list)

    def add(self, lot: Lot) -> None:
        """Keep a lot; one that a reverse split left no unit of keeps its cost."""
        if lot.quantity or lot.paid.own:
            self.heap.add(lot)

    def offset(self, event: Event, lot: Lot, chosen: Iterable[tuple[int, Decimal]] = ()) -> Lot:
        """Close what is open on the other side with a lot's units; return what is left of it."""
        paid, units = lot.paid, abs(lot.quantity)
        if self.heap.quantity * lot.quantity < 0:
            for other in self.heap.take(units, chosen, book=event.book):
                share = paid.share(abs(other.quantity), units)
                self.close(event, other, share.received())
                paid, units = paid.minus(share), units - abs(other.quantity)
        return replace(lot, quantity=units.copy_sign(lot.quantity), paid=paid)

    def close(self, event: Event, lot: Lot, received: Amounts) -> None:
        self.closings.append(
            Closing(
                event_id=event.id,
                lot_fill_id=lot.fill_id,
                opened_at=lot.opened_at,
                closed_at=event.at,
                quantity=lot.quantity,
                paid=lot.paid,
                received=received,
                rate=event.rate,
            )
        )

    def pay_fraction(self, event: Conversion, made: Iterable[Lot], paid: Amounts) -> list[Lot]:
        """Sell what is no whole unit, as the method takes lots; return what stays."""
        heap = Heap(self.heap.method)
        for lot in made:
            heap.add(lot)
        units = abs(heap.quantity) % ONE
        if not units:
            self.close(event, _nothing(event), paid)
        for part in heap.take(units, book=event.book):
            share = paid.share(abs(part.quantity), units)
            self.close(event, part, share)
            paid, units = paid.minus(share), units - abs(part.quantity)
        return heap.lift_all(event.book)

    def lack(self, event: Fill | Move, *, held: Decimal) -> None:
        self.shortfalls.append(
            Shortfall(event_id=event.id, at=event.at, wanted=abs(event.quantity), held=held)
        )

    def holding(self) -> Holding:
        return Holding(
            lots=self.heap.lots(),
            closings=tuple(self.closings),
            passages=tuple(self.passages),
            shortfalls=tuple(self.shortfalls),
            owed=tuple(self.owed),
        )


class _Accounts:
    """All pools, and what each kind of event does to them."""

    def __init__(self, method_of: Callable[[Pool], Method]) -> None:
        self._method_of = method_of
        self._accounts: dict[Pool, _Account] = {}

    def __getitem__(self, pool: Pool) -> _Account:
        account = self._accounts.get(pool)
        if account is None:
            account = self._accounts[pool] = _Account(Heap(self._method_of(pool)))
        return account

    def holdings(self) -> dict[Pool, Holding]:
        return {pool: account.holding() for pool, account in self._accounts.items()}

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
        brought = Lot(
            fill_id=fill.id,
            opened_at=fill.opened_at or fill.at,
            quantity=fill.quantity,
            paid=fill.outlay,
            book=fill.book,
        )
        left = account.offset(fill, brought, fill.chosen)
        if fill.may_open:
            account.add(left)
        elif left.quantity:
            account.lack(fill, held=abs(fill.quantity) - abs(left.quantity))
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
        if move.source == move.target:
            source.heap.pass_on(move.quantity, book=move.book, target=move.target_book)
            return
        held = max(source.heap.quantity, ZERO)
        if held < move.quantity:
            source.lack(move, held=held)
        for lot in source.heap.lift(min(held, move.quantity), move.chosen, book=move.book):
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
        cash_share = ZERO if event.cash is None else event.cash_share  # no cash takes no cost
        made: list[Lot] = []
        counted = ZERO
        for part in parts:
            sold = part.paid.share(cash_share, ONE)
            rest = part.paid.minus(sold)
            given = rest.share(event.share, ONE)
            if event.cash is not None:
                share = cash.share(part.quantity, units)
                quantity = part.quantity if event.target is None else ZERO
                source.close(event, replace(part, quantity=quantity, paid=sold), share)
                cash, units = cash.minus(share), units - part.quantity
            if event.keeps:
                source.heap.add(replace(part, paid=rest.minus(given)))
            # Rounded as a running sum, so that all parts together are the whole, rounded once.
            before = settle(counted * event.new / event.old)
            counted += part.quantity
            quantity = settle(counted * event.new / event.old) - before
            made.append(replace(part, quantity=quantity, paid=given))
        if event.cash is not None and not parts:
            source.close(event, _nothing(event), event.cash)
        if event.target is None:
            return
        target = self[event.target]
        if event.in_lieu is not None:
            made = target.pay_fraction(event, made, event.in_lieu)
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
            account.close(event, replace(part, quantity=ZERO, paid=relieved), share)
            account.heap.add(replace(part, paid=part.paid.minus(relieved)))
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
    return replace(
        lot,
        paid=replace(
            lot.paid,
            base=convert_known(lot.paid.own, rate),
            fees_base=convert_known(lot.paid.fees, rate),
        ),
    )


def fold(
    events: Iterable[Event], *, method: Method | Callable[[Pool], Method] = Method.FIFO
) -> dict[Pool, Holding]:
    """Apply events in the order given, and return what they leave in each pool.

    Never fails: what is taken and not there is a shortfall of its pool.
    """
    method_of = method if callable(method) else partial(_same, method)
    accounts = _Accounts(method_of)
    with localcontext(EXACT):
        for event in events:
            accounts.apply(event)
        return accounts.holdings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an event left of one pool: units and their cost in base currency."""

    pool: Pool
    units_before: Decimal
    units: Decimal
    cost: Decimal | None


def trace(
    events: Iterable[Event], *, method: Method | Callable[[Pool], Method] = Method.FIFO
) -> Iterator[tuple[Event, tuple[Change, ...]]]:
    """Apply events in the order given, and yield with each what it changed, its source first."""
    accounts = _Accounts(method if callable(method) else partial(_same, method))
    for event in events:
        with localcontext(EXACT):
            heaps = {pool: accounts[pool].heap for pool in _pools_of(event)}
            before = {pool: heap.quantity for pool, heap in heaps.items()}
            accounts.apply(event)
            changes = tuple(
                Change(
                    pool=pool,
                    units_before=before[pool],
                    units=heap.quantity,
                    cost=heap.cost_base,
                )
                for pool, heap in heaps.items()
            )
        yield event, changes


def _pools_of(event: Event) -> list[Pool]:
    match event:
        case Fill() | Repayment():
            return [event.pool]
        case _:
            return [event.source] if event.target is None else [event.source, event.target]


def _same(method: Method, _pool: Pool) -> Method:
    return method
