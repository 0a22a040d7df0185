"""A ledger as arrays: what each line has from day to day, and all that was paid.

It is made of parts that change on their own, one for each group of instruments that are tied to
each other: a booking rewrites its own part, and the rest stays. Units are added up within a part,
cash over all of them, both exactly; they become floats only then.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.book import Balance, Book, Line, Payment
from analytics.events import Pool
from analytics.money import EXACT, ZERO
from analytics.series import Days, Flags, Floats

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """What a line has from some days on: units, and their cost in base currency.

    A cost that is not known is NaN.
    """

    days: Days
    units: Floats
    costs: Floats

    def over(self, days: Days) -> tuple[Floats, Floats]:
        """Return units and their cost at the end of each of some days without holes."""
        bounds = np.zeros(len(self.days) + 2, dtype=np.int64)
        bounds[1:-1] = np.minimum(np.maximum(self.days - days[0], 0), len(days))
        bounds[-1] = len(days)
        lengths = bounds[1:] - bounds[:-1]
        return (
            np.repeat(np.concatenate([[0.0], self.units]), lengths),
            np.repeat(np.concatenate([[0.0], self.costs]), lengths),
        )

    def on(self, day: int) -> float:
        """Return the units at the end of one day."""
        place = int(np.searchsorted(self.days, day, side="right"))
        return float(self.units[place - 1]) if place else 0.0


class Unit(NamedTuple):
    """What a payment is counted in: money of a currency, or units of an instrument.

    Money of an instrument without a currency is in that of its price; ``priced`` are units.
    """

    instrument: int
    currency: str
    priced: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Payments:
    """Payments as columns; sources and targets are places in ``lines``, units in ``units``.

    Null among the lines is outside.
    """

    lines: tuple[Line | None, ...]
    units: tuple[Unit, ...]
    day: Days
    source: Places
    target: Places
    kind: Places
    entry: Places
    unit: Places
    amount: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """What instruments that are tied to each other come to.

    ``cash`` has what each line of cash changes by on days, as ordinals.
    """

    steps: Mapping[Line, Steps]
    cash: Mapping[Line, Mapping[int, Decimal]]
    payments: Payments

    @property
    def portfolios(self) -> frozenset[int]:
        """Return the portfolios that it has lines of."""
        paid = {line.portfolio for line in self.payments.lines if line is not None}
        return frozenset(paid | {line.portfolio for line in self.steps})


def part_of(book: Book) -> Part:
    """Turn what was read of a ledger into arrays."""
    cash: dict[Line, dict[int, Decimal]] = {}
    with localcontext(EXACT):
        for payment in book.payments:
            line = payment.target
            if line is not None and line.is_cash and payment.amount is not None:
                changes = cash.setdefault(line, {})
                day = payment.day.toordinal()
                changes[day] = changes.get(day, ZERO) + payment.amount
    return Part(
        steps={line: _steps_of(balances) for line, balances in book.balances.items()},
        cash=cash,
        payments=_columns(book.payments),
    )


def _steps_of(balances: Iterable[Balance]) -> Steps:
    rows = list(balances)
    return Steps(
        days=np.array([row.day.toordinal() for row in rows], dtype=np.int64),
        units=np.array([float(row.units) for row in rows]),
        costs=np.array([np.nan if row.cost is None else float(row.cost) for row in rows]),
    )


def _columns(payments: Iterable[Payment]) -> Payments:
    lines: dict[Line | None, int] = {}
    units: dict[tuple[int, str, bool], int] = {}
    rows: list[tuple[int, ...]] = []
    amounts: list[float] = []
    for one in payments:
        money = one.amount is not None
        unit = (0 if one.currency else one.instrument, one.currency, not money)
        amounts.append(float(one.units if one.amount is None else one.amount))
        rows.append(
            (
                one.day.toordinal(),
                lines.setdefault(one.source, len(lines)),
                lines.setdefault(one.target, len(lines)),
                int(one.kind),
                one.entry_id,
                units.setdefault(unit, len(units)),
            )
        )
    table = np.array(rows, dtype=np.int64).reshape(-1, 6).T
    return Payments(
        lines=tuple(lines),
        units=tuple(map(Unit._make, units)),
        day=table[0],
        source=table[1],
        target=table[2],
        kind=table[3],
        entry=table[4],
        unit=table[5],
        amount=np.array(amounts, dtype=float),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whole:
    """The lines of portfolios, in order, with what they have and what was paid between them.

    Payments are in the order of days and entries; what is no line of these is outside.
    """

    lines: tuple[Line, ...]
    steps: tuple[Steps, ...]
    bases: Mapping[int, str]
    payments: Payments

    def within(self, wanted: Callable[[Line], bool]) -> Flags:
        """Return which lines are in a scope."""
        return np.array([wanted(line) for line in self.lines], dtype=bool)

    def portfolios(self, keys: Iterable[int]) -> Flags:
        """Return the lines of portfolios; transfers among them are inside."""
        wanted = {0, *keys}
        return self.within(lambda line: {line.portfolio, line.counterpart} <= wanted)

    @property
    def size(self) -> int:
        """Return about how many bytes it takes."""
        return 7 * self.payments.day.nbytes + sum(3 * one.days.nbytes for one in self.steps)

    @property
    def first_day(self) -> date | None:
        """Return the day of the first booking; null without any."""
        firsts = [int(one.days[0]) for one in self.steps if len(one.days)]
        firsts += [int(day) for day in self.payments.day[:1]]
        return date.fromordinal(min(firsts)) if firsts else None


PART = 4_000
"""About so many bytes a part takes besides its numbers."""

CASH = 250
"""About so many bytes a change of cash takes."""

NOTHING = Steps(days=np.empty(0, dtype=np.int64), units=np.empty(0), costs=np.empty(0))


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of ledgers by one of their pools, and the cash they come to together."""

    _parts: dict[Pool, Part] = field(default_factory=dict)
    _keys: dict[int, set[Pool]] = field(default_factory=dict)
    _cash: dict[Line, dict[int, Decimal]] = field(default_factory=dict)

    def changed(self, gone: Iterable[Pool], made: Mapping[Pool, Part]) -> "Parts":
        """Return the same without some parts and with others."""
        other = Parts(
            dict(self._parts),
            {portfolio: set(keys) for portfolio, keys in self._keys.items()},
            {line: dict(changes) for line, changes in self._cash.items()},
        )
        for key in {*gone, *made} & self._parts.keys():
            part = other._parts.pop(key)
            for portfolio in part.portfolios:
                other._keys[portfolio].discard(key)
            other._add_cash(part, sign=-1)
        for key, part in made.items():
            other._parts[key] = part
            for portfolio in part.portfolios:
                other._keys.setdefault(portfolio, set()).add(key)
            other._add_cash(part, sign=1)
        return other

    @property
    def size(self) -> int:
        """Return about how many bytes it takes."""
        changes = sum(map(len, self._cash.values()))
        for part in self._parts.values():
            changes += sum(map(len, part.cash.values()))
        return CASH * changes + sum(
            PART
            + 7 * part.payments.day.nbytes
            + sum(3 * one.days.nbytes for one in part.steps.values())
            for part in self._parts.values()
        )

    def _add_cash(self, part: Part, *, sign: int) -> None:
        with localcontext(EXACT):
            for line, changes in part.cash.items():
                known = self._cash.setdefault(line, {})
                for day, amount in changes.items():
                    left = known.pop(day, ZERO) + sign * amount
                    if left:
                        known[day] = left

    def whole(self, bases: Mapping[int, str]) -> Whole:
        """Put together what portfolios have, given by key with their base currencies."""
        keys = sorted({key for portfolio in bases for key in self._keys.get(portfolio, ())})
        parts = [self._parts[key] for key in keys]
        steps = {line: one for part in parts for line, one in part.steps.items()}
        paid = {line for part in parts for line in part.payments.lines if line is not None}
        lines = tuple(sorted(line for line in paid | steps.keys() if line.portfolio in bases))
        for line in lines:
            if line.is_cash:
                steps[line] = _cash_steps(self._cash[line])
        return Whole(
            lines=lines,
            steps=tuple(steps.get(line, NOTHING) for line in lines),
            bases=bases,
            payments=_joined([part.payments for part in parts], lines),
        )


def _cash_steps(changes: Mapping[int, Decimal]) -> Steps:
    known = sorted(changes.items())
    with localcontext(EXACT):
        balances = accumulate(amount for _, amount in known)
        units = np.array([float(balance) for balance in balances])
    days = np.array([day for day, _ in known], dtype=np.int64)
    return Steps(days=days, units=units, costs=np.zeros(len(days)))


def _joined(payments: Collection[Payments], lines: tuple[Line, ...]) -> Payments:
    """Put payments together that touch a line, in an order that their parts do not decide."""
    places = {line: place for place, line in enumerate(lines)}
    outside = len(lines)
    units: dict[Unit, int] = {}
    columns: dict[str, list[Places | Floats]] = {
        name: [np.empty(0, dtype=np.int64)]
        for name in ("day", "source", "target", "kind", "entry", "unit")
    }
    columns["amount"] = [np.empty(0)]
    for part in payments:
        at = np.array(
            [outside if line is None else places.get(line, outside) for line in part.lines],
            dtype=np.int64,
        )
        counted = np.array(
            [units.setdefault(unit, len(units)) for unit in part.units], dtype=np.int64
        )
        for name in ("day", "kind", "entry", "amount"):
            columns[name].append(getattr(part, name))
        columns["source"].append(at[part.source])
        columns["target"].append(at[part.target])
        columns["unit"].append(counted[part.unit])
    table = {name: np.concatenate(some) for name, some in columns.items()}
    kept = np.flatnonzero((table["source"] != outside) | (table["target"] != outside))
    order = kept[np.lexsort((table["entry"][kept], table["day"][kept]))]
    return Payments(
        lines=(*lines, None),
        units=tuple(units),
        **{name: column[order] for name, column in table.items()},  # type: ignore[arg-type]
    )
