"""What dividends to expect: those announced, and for the rest those of a year before.

Nothing of it is booked. What rests on the year before is an estimate: companies pay on other days
and other amounts, or not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from typing import Protocol

from analytics.money import ONE, exact, settle
from analytics.periods import months_before
from models.market import Actions, DividendEvent, SplitEvent
from models.transactions import Kind, Transaction
from services.entries import gross_of
from services.proposals import unpaid

DAY = timedelta(days=1)
APART = timedelta(days=45)
"""A dividend of this year so near to one of the year before, a year on, is the same one again."""

_PAID = frozenset({Kind.DIVIDEND.value, Kind.DIVIDEND_REINVESTED.value})


class Basis(Enum):
    """What an expected dividend rests on."""

    ANNOUNCED = "ANNOUNCED"
    PAID_LAST_YEAR = "PAID_LAST_YEAR"
    BOOKED_LAST_YEAR = "BOOKED_LAST_YEAR"


class Units(Protocol):
    """Whatever tells how many units were held at the end of a day."""

    def at(self, key: int, day: date) -> Decimal:
        """Return the units of an instrument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A dividend to expect: for each of the units an amount; ``before`` is that of a year before.

    ``day`` is when to expect it: the pay day, or the ex-day where that is not known. The ex-day is
    null where only a booking of the year before is known; ``entry_id`` is that one.
    """

    instrument_id: int
    basis: Basis
    day: date
    ex_day: date | None
    pay_day: date | None
    units: Decimal
    per_unit: Decimal
    currency: str
    source: str | None = None
    before: date | None = None
    entry_id: int | None = None

    @property
    @exact
    def gross(self) -> Decimal:
        """Return what it comes to, before taxes."""
        return settle(self.units * self.per_unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """One instrument that is held: what is known of it, and the bookings about it."""

    instrument_id: int
    units: Decimal
    actions: Actions
    entries: Sequence[Transaction]


def year_after(day: date) -> date:
    """Return the same day a year later."""
    return months_before(day, -12)


def expected_dividends(payers: Iterable[Payer], held: Units, *, today: date) -> list[Expected]:
    """Return the dividends of the year after a day, the first to be paid first."""
    last = year_after(today)
    found = []
    for payer in payers:
        announced = _announced(payer, held, today=today)
        estimated = _estimated(payer, today=today) or _repeated(payer, held, today=today)
        found += [
            one for one in (*announced, *estimated) if today < one.day <= last and one.units > 0
        ]
    return sorted(found, key=lambda one: (one.day, one.instrument_id, one.per_unit))


@exact
def _announced(payer: Payer, held: Units, *, today: date) -> list[Expected]:
    """Return what was announced and is neither paid nor booked."""
    coming = [paid for paid in payer.actions.dividends if (paid.pay_day or paid.ex_day) > today]
    booked = [entry.occurred_at.date() for entry in payer.entries if entry.kind in _PAID]
    return [
        _expected(
            payer,
            paid,
            units=held.at(payer.instrument_id, paid.ex_day - DAY)
            if paid.ex_day <= today
            else settle(payer.units * _ratio(payer.actions.splits, today, paid.ex_day)),
        )
        for paid in unpaid(coming, booked)
    ]


def _expected(payer: Payer, paid: DividendEvent, *, units: Decimal) -> Expected:
    return Expected(
        instrument_id=payer.instrument_id,
        basis=Basis.ANNOUNCED,
        day=paid.pay_day or paid.ex_day,
        ex_day=paid.ex_day,
        pay_day=paid.pay_day,
        units=units,
        per_unit=paid.amount,
        currency=paid.currency,
        source=paid.source,
    )


@exact
def _estimated(payer: Payer, *, today: date) -> list[Expected]:
    """Return what was paid in the last year as if it came again, but for what is known by now."""
    since = months_before(today, 12)
    dividends = payer.actions.dividends
    last_year = [paid for paid in dividends if since < paid.ex_day <= today]
    days = sorted(paid.ex_day for paid in last_year)
    gaps = sorted(later - day for day, later in pairwise(days))
    apart = min(APART, gaps[len(gaps) // 2] / 2) if gaps else APART
    this_year = [paid.ex_day for paid in dividends if paid.ex_day > today - apart]
    left = _unmatched([year_after(paid.ex_day) for paid in last_year], this_year, apart=apart)
    return [
        Expected(
            instrument_id=payer.instrument_id,
            basis=Basis.PAID_LAST_YEAR,
            day=year_after(paid.pay_day or paid.ex_day),
            ex_day=year_after(paid.ex_day),
            pay_day=None if paid.pay_day is None else year_after(paid.pay_day),
            units=payer.units,
            per_unit=settle(paid.amount / _ratio(payer.actions.splits, paid.ex_day - DAY, today)),
            currency=paid.currency,
            source=paid.source,
            before=paid.ex_day,
        )
        for place, paid in enumerate(last_year)
        if place in left
    ]


def _unmatched(expected: Sequence[date], known: Sequence[date], *, apart: timedelta) -> set[int]:
    """Return the places of the days that no known day stands for, the nearest pairs first."""
    pairs = sorted(
        (abs(day - other), place, number)
        for place, day in enumerate(expected)
        for number, other in enumerate(known)
        if abs(day - other) <= apart
    )
    left, used = set(range(len(expected))), set()
    for _, place, number in pairs:
        if place in left and number not in used:
            left.remove(place)
            used.add(number)
    return left


@exact
def _repeated(payer: Payer, held: Units, *, today: date) -> list[Expected]:
    """Return what was booked in the last year as if it came again; of a source nothing is known."""
    if payer.actions.dividends:
        return []
    since = months_before(today, 12)
    found = []
    for entry in payer.entries:
        day = entry.occurred_at.date()
        units = held.at(payer.instrument_id, day - DAY)
        if entry.kind not in _PAID or not since < day <= today or units <= 0:
            continue
        became = _booked_ratio(payer.entries, day)
        found.append(
            Expected(
                instrument_id=payer.instrument_id,
                basis=Basis.BOOKED_LAST_YEAR,
                day=year_after(day),
                ex_day=None,
                pay_day=year_after(day),
                units=payer.units,
                per_unit=settle(gross_of(entry) / units / became),
                currency=entry.currency,
                before=day,
                entry_id=entry.id,
            )
        )
    return found


@exact
def _ratio(splits: Iterable[SplitEvent], after: date, until: date) -> Decimal:
    """Return how many units one became by splits after a day, until another."""
    made = ONE
    for split in splits:
        if after < split.day <= until:
            made *= split.new / split.old
    return made


@exact
def _booked_ratio(entries: Iterable[Transaction], since: date) -> Decimal:
    made = ONE
    for entry in entries:
        if entry.kind == Kind.SPLIT.value and entry.occurred_at.date() >= since:
            made *= (entry.ratio_new or ONE) / (entry.ratio_old or ONE)
    return made
