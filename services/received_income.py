"""What dividends and interest a ledger received, payer by payer, by stretches of the calendar."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from analytics.ledger import Levy, Nature
from analytics.money import ZERO, total_known
from analytics.periods import Span
from models.transactions import INCOME, Transaction
from services.combined import Report, movements_in
from services.entries import is_kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What one payer paid; null is interest on cash. Null amounts lack a rate."""

    instrument_id: int | None
    gross: Decimal | None = ZERO
    tax: Decimal | None = ZERO
    bookings: int = 0

    @property
    def net(self) -> Decimal | None:
        """Return what was left after tax withheld."""
        return total_known([self.gross, None if self.tax is None else self.tax.copy_negate()])

    def plus(self, other: "Received") -> "Received":
        """Add what came at another time, or from another payer."""
        return Received(
            instrument_id=self.instrument_id,
            gross=total_known([self.gross, other.gross]),
            tax=total_known([self.tax, other.tax]),
            bookings=self.bookings + other.bookings,
        )


def received_income(
    spans: Sequence[Span], entries: Iterable[Transaction], report: Report
) -> list[list[Received]]:
    """Add up income in the report currency by stretches that follow on each other, and payers."""
    firsts = [span.first for span in spans]
    found: list[dict[int | None, Received]] = [{} for _ in spans]
    for entry in entries:
        day = entry.occurred_at.date()
        place = bisect_right(firsts, day) - 1
        if place < 0 or day > spans[place].last or not is_kind(entry, INCOME):
            continue
        one, payers = _received(entry, report), found[place]
        known = payers.get(one.instrument_id)
        payers[one.instrument_id] = one if known is None else known.plus(one)
    return [list(payers.values()) for payers in found]


def _received(entry: Transaction, report: Report) -> Received:
    movements = movements_in([entry], report, set())
    tax = total_known(one.amount_base for one in movements if one.levy is Levy.TAX)
    return Received(
        instrument_id=entry.instrument_id,
        gross=total_known(
            one.amount_base for one in movements if one.nature is Nature.INCOME and one.levy is None
        ),
        tax=None if tax is None else tax.copy_negate(),
        bookings=1,
    )
