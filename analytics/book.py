"""Reads a ledger as lines that have a value, and as payments between them.

A line is one portfolio's units of one instrument, or its cash of one currency. What is bought is a
payment from the cash to the position, a dividend one from the position to the cash; what crosses
the bounds of a scope, be it one position, a portfolio or all, is a flow of that scope. Balances
are added up exactly, entry by entry, and become floats only then: nothing left is exactly zero.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from enum import IntEnum

from analytics.events import Conversion, Event, Fill, Method, Move, Pool
from analytics.ledger import Levy, Movement, Nature
from analytics.lots import Change, trace
from analytics.money import EXACT, ZERO


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """Units of an instrument, or cash of a currency (``instrument`` 0).

    A line with neither is never worth anything: what is paid into it and not out of it is lost. One
    for each portfolio has what exchanging currencies cost, one for each pair what transfers did,
    whose ``counterpart`` is the other portfolio.
    """

    portfolio: int
    instrument: int = 0
    currency: str = ""
    counterpart: int = 0

    @property
    def is_cash(self) -> bool:
        """Tell whether this is cash."""
        return not self.instrument and bool(self.currency)


class PaymentKind(IntEnum):
    """What of a return a payment concerns."""

    PLAIN = 0
    INCOME = 1
    TRADE_FEE = 2
    TAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money or units that pass from a line to another; null stands for outside.

    ``units`` of an instrument count at their price of the day, an ``amount`` at the rate of its
    currency; either can be negative.
    """

    entry_id: int
    day: date
    source: Line | None
    target: Line | None
    kind: PaymentKind = PaymentKind.PLAIN
    amount: Decimal | None = None
    currency: str = ""
    units: Decimal = ZERO
    instrument: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a line has at the end of a day on which it changed; ``cost`` in base currency."""

    day: date
    units: Decimal
    cost: Decimal | None = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry's cash: its movements, and whose.

    ``counterpart`` is the other portfolio of a transfer between two of the same person.
    """

    id: int
    portfolio: int
    instrument: int
    movements: tuple[Movement, ...]
    counterpart: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Balances by line, days ascending, and all payments; ``bases`` are the base currencies."""

    balances: dict[Line, list[Balance]]
    payments: list[Payment]
    bases: dict[int, str]


def book_of(
    events: Iterable[Event],
    entries: Iterable[Entry],
    *,
    bases: dict[int, str],
    method: Method | Callable[[Pool], Method] = Method.FIFO,
) -> Book:
    """Read a ledger, given in the order it counts."""
    book = Book(balances={}, payments=[], bases=bases)
    for event, changes in trace(events, method=method):
        for change in changes:
            _put(
                book,
                Line(*change.pool),
                Balance(day=event.at.date(), units=change.units, cost=change.cost),
            )
        payment = _passed(event, changes)
        if payment is not None:
            book.payments.append(payment)
    with localcontext(EXACT):
        for entry in entries:
            for movement in entry.movements:
                _move(book, entry, movement)
    return book


def _put(book: Book, line: Line, balance: Balance) -> None:
    balances = book.balances.setdefault(line, [])
    if balances and balances[-1].day == balance.day:
        balances[-1] = balance
    else:
        balances.append(balance)


def _passed(event: Event, changes: tuple[Change, ...]) -> Payment | None:
    """Return what passed in units: to or from outside, another portfolio, another instrument."""
    arrived = changes[-1]
    units = arrived.units - arrived.units_before
    source: Line | None = None
    target: Line | None = Line(*arrived.pool)
    amount = None
    match event:
        case Fill() if event.passing:
            if event.quantity < 0:  # at the value stated for them
                source, target, units = target, None, ZERO
                amount = -event.outlay.before_fees().own
        case Move():
            if event.source == event.target:
                return None
            source = Line(*event.source)
            if event.target is None:
                target, units = None, -units
        case Conversion() if event.target not in {None, event.source}:
            source = Line(*event.source)
        case _:
            return None
    return Payment(
        entry_id=event.id,
        day=event.at.date(),
        source=source,
        target=target,
        units=units,
        instrument=arrived.pool[1],
        amount=amount,
    )


def _move(book: Book, entry: Entry, movement: Movement) -> None:
    """Let a movement change the cash, and say between which lines it was paid."""
    cash = Line(entry.portfolio, 0, movement.currency)
    balances = book.balances.get(cash)
    before = balances[-1].units if balances else ZERO
    _put(book, cash, Balance(day=movement.day, units=before + movement.amount))
    position = Line(entry.portfolio, entry.instrument) if entry.instrument else cash
    source: Line | None = position
    kind = PaymentKind.PLAIN
    if movement.levy is Levy.TAX:
        kind = PaymentKind.TAX
    elif movement.levy is Levy.FEE:
        kind = PaymentKind.TRADE_FEE if movement.nature is Nature.TRADE else PaymentKind.PLAIN
    elif movement.nature is Nature.INCOME:
        kind = PaymentKind.INCOME
    elif movement.nature is Nature.FLOW:
        source = None
        if entry.counterpart is not None:
            first, second = sorted((entry.portfolio, entry.counterpart))
            source = Line(first, counterpart=second)
    elif movement.nature is Nature.EXCHANGE:
        source = Line(entry.portfolio)
    book.payments.append(
        Payment(
            entry_id=entry.id,
            day=movement.day,
            source=source,
            target=cash,
            kind=kind,
            amount=movement.amount,
            currency=movement.currency,
        )
    )
