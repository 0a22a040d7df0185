"""What a whole ledger adds up to: cash by currency, and running totals in base currency."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from analytics.holdings import Passage
from analytics.money import ZERO, exact


class Nature(Enum):
    """What moving cash means for a return."""

    TRADE = "TRADE"
    INCOME = "INCOME"
    FLOW = "FLOW"
    CHARGE = "CHARGE"
    EXCHANGE = "EXCHANGE"


class Levy(Enum):
    """What kind of cost a payment is, whether an entry of its own or part of one."""

    FEE = "FEE"
    TAX = "TAX"


class Movement(NamedTuple):
    """One part of what a ledger entry does to the cash: positive in, negative out.

    ``amount_base`` is in base currency at the entry's rate, null if none was known, or asked for.
    An income and the tax withheld from it are two movements, so that each counts as what it is;
    ``levy`` tells which are fees and taxes, those within trades too. An exchange is cash for cash
    of another currency: neither half is a flow, and what it cost shows in the value of the cash.
    """

    day: date
    nature: Nature
    currency: str
    amount: Decimal
    amount_base: Decimal | None
    levy: Levy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over a ledger in base currency; outflow and charges are positive amounts.

    ``inflow_days`` is the sum of each inflow times the ordinal of its day, likewise for outflow.
    ``unrated`` counts entries that no exchange rate was known for: above zero, sums are partial.
    """

    inflow: Decimal = ZERO
    inflow_days: Decimal = ZERO
    outflow: Decimal = ZERO
    outflow_days: Decimal = ZERO
    income: Decimal = ZERO
    charges: Decimal = ZERO
    unrated: int = 0

    @exact
    def plus(self, other: "Totals", *, sign: int = 1) -> "Totals":
        """Add, or with ``sign=-1`` take away, other totals."""
        return Totals(
            **{
                name: getattr(self, name) + sign * getattr(other, name)
                for name in (field.name for field in fields(self))
            }
        )

    @property
    @exact
    def contributed(self) -> Decimal:
        """Return what was paid in less what was taken out."""
        return self.inflow - self.outflow


_NOTHING = tuple(asdict(Totals()).items())


def totals_of(movement: Movement) -> Totals:
    """Return what one movement adds to the totals."""
    return _totals(movement.nature, movement.amount_base, movement.day)


def flow_totals(passages: Iterable[Passage]) -> Totals:
    """Return what units that came in or went out without cash add to the totals."""
    return sum_of(
        *(_totals(Nature.FLOW, passage.worth.base, passage.at.date()) for passage in passages)
    )


@exact
def _totals(nature: Nature, amount: Decimal | None, day: date) -> Totals:
    if nature in {Nature.TRADE, Nature.EXCHANGE}:
        return Totals()
    if amount is None:
        return Totals(unrated=1)
    if nature is Nature.INCOME:
        return Totals(income=amount)
    if nature is Nature.CHARGE:
        return Totals(charges=-amount)
    if amount >= 0:
        return Totals(inflow=amount, inflow_days=amount * day.toordinal())
    return Totals(outflow=-amount, outflow_days=-amount * day.toordinal())


def sum_totals(movements: Iterable[Movement]) -> Totals:
    """Return the totals of a whole ledger."""
    return sum_of(*map(totals_of, movements))


@exact
def sum_of(*totals: Totals) -> Totals:
    """Return the sum of totals."""
    return Totals(
        **{name: sum((getattr(one, name) for one in totals), zero) for name, zero in _NOTHING}
    )


@exact
def cash_of(movements: Iterable[Movement]) -> dict[str, Decimal]:
    """Return the cash of each currency that ever moved, zero balances included."""
    balances: dict[str, Decimal] = {}
    for movement in movements:
        balances[movement.currency] = balances.get(movement.currency, ZERO) + movement.amount
    return balances


@exact
def average_capital(totals: Totals, *, first_day: date | None, last_day: date) -> Decimal | None:
    """Return the capital that worked on average from the first day to the last, both included.

    Modified Dietz: each flow counts for the share of the period it was in the portfolio, money in
    from the start of its day, money out until the end of its day. Null before the first day.
    """
    if first_day is None or last_day < first_day:
        return None
    days = last_day.toordinal() - first_day.toordinal() + 1
    end = last_day.toordinal()
    weighted = (
        (end + 1) * totals.inflow
        - totals.inflow_days
        - (end * totals.outflow - totals.outflow_days)
    )
    return weighted / days
