"""Adds up what ledgers say of stretches of the calendar: gains realised, income, charges, flows."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from analytics.ledger import Levy, Movement, Nature
from analytics.money import convert_known, total_known
from analytics.periods import Span
from services.entries import InstrumentState

Rate = Callable[[date], Decimal | None]
"""Tells what one unit of the base currency was in the report currency on a day."""

_OF_LEVY = {Levy.FEE: "fees", Levy.TAX: "taxes"}
_OF_NATURE = {Nature.INCOME: "income", Nature.FLOW: "flows"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a ledger says of a stretch, in the report currency; null where a rate is missing.

    ``realized`` is null where an acquisition is missing too. Fees and taxes are what was paid less
    refunds; ``flows`` is cash paid in less cash taken out. ``closed`` has the days and instruments
    of which units were closed.
    """

    realized: Decimal | None
    income: Decimal | None
    fees: Decimal | None
    taxes: Decimal | None
    flows: Decimal | None
    closed: frozenset[tuple[date, int]]


@dataclass(slots=True)
class _Amounts:
    realized: list[Decimal | None] = field(default_factory=list)
    income: list[Decimal | None] = field(default_factory=list)
    fees: list[Decimal | None] = field(default_factory=list)
    taxes: list[Decimal | None] = field(default_factory=list)
    flows: list[Decimal | None] = field(default_factory=list)
    closed: set[tuple[date, int]] = field(default_factory=set)

    def tally(self) -> Tally:
        fees, taxes = total_known(self.fees), total_known(self.taxes)
        return Tally(
            realized=total_known(self.realized),
            income=total_known(self.income),
            fees=None if fees is None else fees.copy_negate(),
            taxes=None if taxes is None else taxes.copy_negate(),
            flows=total_known(self.flows),
            closed=frozenset(self.closed),
        )


def tallies_of(
    spans: Sequence[Span],
    *,
    movements: Iterable[Movement],
    states: Mapping[int, InstrumentState],
    rate_on: Rate,
) -> list[Tally]:
    """Add up ledgers by stretches that follow on each other.

    ``movements`` are in the report currency already; gains, in ``states`` by instrument, are
    converted at the rate of their closing.
    """
    amounts = [_Amounts() for _ in spans]
    firsts = [span.first for span in spans]

    def of(day: date) -> _Amounts | None:
        place = bisect_right(firsts, day) - 1
        return amounts[place] if place >= 0 and day <= spans[place].last else None

    for movement in movements:
        name = (
            _OF_NATURE.get(movement.nature)
            if movement.levy is None
            else _OF_LEVY.get(movement.levy)
        )
        into = of(movement.day)
        if name is not None and into is not None:
            getattr(into, name).append(movement.amount_base)
    for key, state in states.items():
        for closing in state.holding.closings:
            day = closing.closed_at.date()
            into = of(day)
            if into is not None:
                into.realized.append(convert_known(closing.gain_base, rate_on(day)))
                if closing.quantity:
                    into.closed.add((day, key))
    return [one.tally() for one in amounts]
