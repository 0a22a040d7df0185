"""Reads a ledger as lines that have a value, and as payments between them.

A line is one portfolio's units of one instrument, or its cash of one currency. What is bought is a
payment from the cash to the position, a dividend one from the position to the cash; what crosses
the bounds of a scope, be it one position, a portfolio or all, is a flow of that scope. Balances
are added up exactly, entry by entry: nothing left is exactly zero.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from analytics.events import Conversion, Event, Fill, Method, Move, Pool
from analytics.ledger import Levy, Movement, Nature
from analytics.lots import Change, trace
from analytics.money import ZERO


class Line(NamedTuple):
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
    MISSING = 4
    FEE = 5


class Payment(NamedTuple):
    """Money or units that pass from a line to another; null stands for outside.

    ``units`` of an instrument count at their price of the day, an ``amount`` at the rate of its
    currency; either can be negative. Nobody knows what units that are ``MISSING`` count at: they
    left, and no booking tells when they came and what had been paid for them.
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


class Balance(NamedTuple):
    """What a line has at the end of a day on which it changed; ``cost`` in base currency."""

    day: date
    units: Decimal
    cost: Decimal | None = ZERO


class Entry(NamedTuple):
    """One entry's cash: its movements, and whose.

    ``counterpart`` is the other portfolio of a transfer between two of the same person.
    """

    id: int
    portfolio: int
    instrument: int
    movements: Sequence[Movement]
    counterpart: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Balances of units by line, days ascending, and all payments, of which cash is the sum.

    ``bases`` are the base currencies.
    """

    balances: dict[Line, list[Balance]]
    payments: list[Payment]
    bases: Mapping[int, str]


def book_of(
    events: Iterable[Event],
    entries: Iterable[Entry],
    *,
    bases: Mapping[int, str],
    method: Method | Callable[[Pool], Method] = Method.FIFO,
) -> Book:
    """Read a ledger, given in the order it counts."""
    payments: list[Payment] = []
    balances: dict[Pool, dict[date, Balance]] = {}
    for event, changes in trace(events, method=method):
        day = event.at.date()
        for pool, _, units, cost, missing in changes:
            balances.setdefault(pool, {})[day] = Balance(day, units, cost)
            if missing:
                payments.append(_missing(event, pool, missing))
        payment = _passed(event, changes)
        if payment is not None:
            payments.append(payment)
    for entry in entries:
        payments += _moved(entry)
    return Book(
        balances={Line(*pool): list(by_day.values()) for pool, by_day in balances.items()},
        payments=payments,
        bases=bases,
    )


def _passed(event: Event, changes: tuple[Change, ...]) -> Payment | None:
    """Return what passed in units: to or from outside, another portfolio, another instrument."""
    if isinstance(event, Fill) and not event.passing:
        return None
    arrived = changes[-1]
    units = arrived.units - arrived.units_before
    source: Line | None = None
    target: Line | None = Line(*arrived.pool)
    amount = None
    match event:
        case Fill():
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


def _missing(event: Event, pool: Pool, units: Decimal) -> Payment:
    """Return what must have come from outside for an event to take it."""
    return Payment(
        entry_id=event.id,
        day=event.at.date(),
        source=None,
        target=Line(*pool),
        kind=PaymentKind.MISSING,
        units=units,
        instrument=pool[1],
    )


def _moved(entry: Entry) -> Iterator[Payment]:
    """Say between which lines movements of cash were paid."""
    key, portfolio, instrument, movements, counterpart = entry
    cash = None
    for day, nature, currency, amount, _, levy in movements:
        if cash is None or cash.currency != currency:
            cash = Line(portfolio, 0, currency)
            position = Line(portfolio, instrument) if instrument else cash
        source: Line | None = position
        kind = PaymentKind.PLAIN
        if levy is Levy.TAX:
            kind = PaymentKind.TAX
        elif levy is Levy.FEE:
            kind = PaymentKind.TRADE_FEE if nature is Nature.TRADE else PaymentKind.FEE
        elif nature is Nature.INCOME:
            kind = PaymentKind.INCOME
        elif nature is Nature.FLOW:
            source = None
            if counterpart is not None:
                first, second = sorted((portfolio, counterpart))
                source = Line(first, counterpart=second)
        elif nature is Nature.EXCHANGE:
            source = Line(portfolio)
        yield Payment(key, day, source, cash, kind, amount, currency)
