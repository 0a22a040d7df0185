"""All portfolios of a person as one: one pool of lots an instrument, one currency for the sums.

Transfers between the portfolios are no flows here and leave lots where they are. Corporate actions
concern the units of the portfolio that booked them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext

from analytics.events import Amounts, Conversion, Event, Fill, Method, Move, Repayment
from analytics.holdings import Holding, Lot
from analytics.ledger import Movement, Nature, cash_of, flow_totals, sum_totals
from analytics.lots import fold
from analytics.money import EXACT, ONE, convert_known, total_known
from models.base import row_key
from models.transactions import Transaction
from services.entries import (
    InstrumentState,
    LedgerState,
    Terms,
    events_of,
    income_of,
    movements_of,
)
from services.order import in_order

ALL = 0
"""Stands for all portfolios where a pool names one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the figures of all portfolios are in, and how to get there.

    ``factors`` are units of the currency for one of a portfolio's base currency, by portfolio and
    day.
    """

    currency: str
    factors: Mapping[tuple[int, date], Decimal | None]

    def factor(self, entry: Transaction) -> Decimal | None:
        """Return the factor of an entry's portfolio and day."""
        return self.factors[entry.portfolio_id, entry.occurred_at.date()]


def internal(entries: Iterable[Transaction]) -> set[int | None]:
    """Return the keys of both halves of transfers between portfolios that are all there."""
    rows = list(entries)
    keys = {entry.id for entry in rows}
    pairs = [(entry.id, entry.origin_id) for entry in rows if entry.origin_id in keys]
    return {key for pair in pairs for key in pair}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rebase:
    """Brings what is in a portfolio's base currency into the common one.

    Where the own currency is the common one, the own amount is right without any rate.
    """

    own: bool
    factor: Decimal | None

    def amounts(self, amounts: Amounts) -> Amounts:
        if self.own:
            return amounts._replace(base=amounts.own, fees_base=amounts.fees)
        if self.factor == ONE:
            return amounts
        return amounts._replace(
            base=convert_known(amounts.base, self.factor),
            fees_base=convert_known(amounts.fees_base, self.factor),
        )

    def rate(self, rate: Decimal | None) -> Decimal | None:
        return ONE if self.own else convert_known(rate, self.factor)


def _is_in(entry: Transaction, currency: str) -> bool:
    """Tell whether an entry, its instrument and its cash are all in one currency.

    Only then its own amounts need no rate: otherwise cost and cash would be converted differently.
    """
    own = entry.instrument_currency or entry.currency
    return {own, entry.currency, entry.settlement_currency} == {currency}


def joined(event: Event, entry: Transaction, report: Report) -> Event:
    """Let an event of one portfolio happen to the pool of all."""
    own = _is_in(entry, report.currency)
    rebase = _Rebase(own=own, factor=report.factor(entry))
    match event:
        case Fill():
            return event._replace(
                pool=(ALL, event.pool[1]),
                book=event.pool[0],
                outlay=rebase.amounts(event.outlay),
                rate=rebase.rate(event.rate),
            )
        case Move():
            return event._replace(
                source=(ALL, event.source[1]),
                book=event.source[0],
                target=None if event.target is None else (ALL, event.target[1]),
                target_book=ALL if event.target is None else event.target[0],
                base_rates=None,
            )
        case Conversion():
            return event._replace(
                source=(ALL, event.source[1]),
                book=event.source[0],
                target=None if event.target is None else (ALL, event.target[1]),
                cash=event.cash and rebase.amounts(event.cash),
                in_lieu=event.in_lieu and rebase.amounts(event.in_lieu),
                rate=rebase.rate(event.rate),
            )
        case Repayment():
            return event._replace(
                pool=(ALL, event.pool[1]),
                book=event.pool[0],
                paid=rebase.amounts(event.paid),
                rate=rebase.rate(event.rate),
            )


def movements_in(
    entries: Iterable[Transaction], report: Report, inside: set[int | None]
) -> list[Movement]:
    """Read entries as movements in the common currency; flows of ``inside`` entries are none."""
    found = []
    for entry in entries:
        factor, own = report.factor(entry), _is_in(entry, report.currency)
        for movement in movements_of(entry):
            nature, amount = movement.nature, movement.amount_base
            if nature is Nature.FLOW and entry.id in inside:
                continue
            if movement.currency == report.currency and (own or nature is not Nature.TRADE):
                amount = movement.amount
            elif factor != ONE:
                amount = convert_known(amount, factor)
            same = amount == movement.amount_base
            found.append(movement if same else movement._replace(amount_base=amount))
    return found


def _income(
    entries: Iterable[Transaction], report: Report
) -> tuple[Decimal | None, Decimal | None]:
    """Return what entries earned before tax, in the instrument's and in the common currency."""
    parts = []
    for entry in entries:
        own, base = income_of([entry])
        same = _is_in(entry, report.currency)
        parts.append((own, own if same else convert_known(base, report.factor(entry))))
    return total_known(own for own, _ in parts), total_known(base for _, base in parts)


def _whole_lots(holding: Holding) -> Holding:
    """Put together what one purchase opened, whosever the units have become."""
    whole: dict[int, Lot] = {}
    with localcontext(EXACT):
        for lot in holding.lots:
            known = whole.get(lot.fill_id)
            whole[lot.fill_id] = (
                lot
                if known is None
                else known.holding(known.quantity + lot.quantity, known.paid.plus(lot.paid))
            )
    return replace(holding, lots=tuple(whole.values()))


def combined_state(
    entries: Iterable[Transaction],
    *,
    terms: Mapping[int, Terms],
    method: Method,
    report: Report,
) -> LedgerState:
    """Derive the state of several ledgers as if they were one, given in any order and complete."""
    ordered = in_order(entries)
    if not ordered:
        return LedgerState()
    by_key = {row_key(entry.id): entry for entry in ordered}
    holdings = fold(
        (joined(event, by_key[event.id], report) for event in events_of(ordered, terms=terms)),
        method=method,
    )
    groups: dict[int, list[Transaction]] = {}
    for entry in ordered:
        if entry.instrument_id is not None:
            groups.setdefault(entry.instrument_id, []).append(entry)
    states = {}
    for instrument_id in groups.keys() | {pool[1] for pool in holdings}:
        holding = _whole_lots(holdings.get((ALL, instrument_id), Holding()))
        income, income_base = _income(groups.get(instrument_id, ()), report)
        states[instrument_id] = InstrumentState(
            holding=holding,
            income=income,
            income_base=income_base,
            flows=flow_totals(holding.passages),
        )
    return LedgerState(
        instruments=states,
        cash=cash_of(movement for entry in ordered for movement in movements_of(entry)),
        totals=sum_totals(movements_in(ordered, report, internal(ordered))),
        first_day=ordered[0].occurred_at.date(),
    )


def days_of(entries: Iterable[Transaction]) -> set[tuple[int, date]]:
    """Return the portfolios and days that factors are needed for."""
    return {(entry.portfolio_id, entry.occurred_at.date()) for entry in entries}
