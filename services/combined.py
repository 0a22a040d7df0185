"""All portfolios of a person as one: one pool of lots an instrument, one currency for the sums.

Transfers between the portfolios are no flows here and leave lots where they are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from analytics.events import Amounts, Conversion, Event, Fill, Method, Move, Repayment
from analytics.holdings import Holding
from analytics.ledger import Movement, Nature, cash_of, flow_totals, sum_totals
from analytics.lots import fold
from analytics.money import ONE, convert_known, total_known
from models.transactions import Transaction
from services.entries import (
    InstrumentState,
    LedgerState,
    Terms,
    events_of,
    in_order,
    income_of,
    movements_of,
)

ALL = 0
"""Stands for all portfolios where a pool names one."""

Factors = Mapping[tuple[int, date], Decimal | None]
"""Units of the common currency for one of a portfolio's base currency, by portfolio and day."""


def internal(entries: Iterable[Transaction]) -> set[int | None]:
    """Return the keys of both halves of transfers between portfolios that are all there."""
    rows = list(entries)
    keys = {entry.id for entry in rows}
    pairs = [(entry.id, entry.origin_id) for entry in rows if entry.origin_id in keys]
    return {key for pair in pairs for key in pair}


def _rebased(amounts: Amounts, factor: Decimal | None) -> Amounts:
    if factor == ONE:
        return amounts
    return replace(
        amounts,
        base=convert_known(amounts.base, factor),
        fees_base=convert_known(amounts.fees_base, factor),
    )


def _joined(event: Event, factors: Factors) -> Event:
    """Let an event of one portfolio happen to the pool of all."""
    day = event.at.date()
    match event:
        case Fill():
            factor = factors[event.pool[0], day]
            return replace(
                event,
                pool=(ALL, event.pool[1]),
                outlay=_rebased(event.outlay, factor),
                rate=convert_known(event.rate, factor),
            )
        case Move():
            target = None if event.target is None else (ALL, event.target[1])
            return replace(event, source=(ALL, event.source[1]), target=target, base_rates=None)
        case Conversion():
            factor = factors[event.source[0], day]
            return replace(
                event,
                source=(ALL, event.source[1]),
                target=None if event.target is None else (ALL, event.target[1]),
                cash=event.cash and _rebased(event.cash, factor),
                in_lieu=event.in_lieu and _rebased(event.in_lieu, factor),
                rate=convert_known(event.rate, factor),
            )
        case Repayment():
            factor = factors[event.pool[0], day]
            return replace(
                event,
                pool=(ALL, event.pool[1]),
                paid=_rebased(event.paid, factor),
                rate=convert_known(event.rate, factor),
            )


def _movements(
    entries: Iterable[Transaction], factors: Factors, inside: set[int | None]
) -> list[Movement]:
    return [
        replace(
            movement,
            amount_base=convert_known(
                movement.amount_base, factors[entry.portfolio_id, movement.day]
            ),
        )
        for entry in entries
        for movement in movements_of(entry)
        if not (entry.id in inside and movement.nature is Nature.FLOW)
    ]


def combined_state(
    entries: Iterable[Transaction],
    *,
    terms: Mapping[int, Terms],
    method: Method,
    factors: Factors,
) -> LedgerState:
    """Derive the state of several ledgers as if they were one, given in any order and complete."""
    ordered = in_order(entries)
    if not ordered:
        return LedgerState()
    inside = internal(ordered)
    holdings = fold(
        (_joined(event, factors) for event in events_of(ordered, terms=terms)), method=method
    )
    groups: dict[int, list[Transaction]] = {}
    for entry in ordered:
        if entry.instrument_id is not None:
            groups.setdefault(entry.instrument_id, []).append(entry)
    states = {}
    for instrument_id in groups.keys() | {pool[1] for pool in holdings}:
        holding = holdings.get((ALL, instrument_id), Holding())
        earned = [(entry, *income_of([entry])) for entry in groups.get(instrument_id, ())]
        states[instrument_id] = InstrumentState(
            holding=holding,
            income=total_known(own for _, own, _ in earned),
            income_base=total_known(
                convert_known(base, factors[entry.portfolio_id, entry.occurred_at.date()])
                for entry, _, base in earned
            ),
            flows=flow_totals(holding.passages),
        )
    return LedgerState(
        instruments=states,
        cash=cash_of(movement for entry in ordered for movement in movements_of(entry)),
        totals=sum_totals(_movements(ordered, factors, inside)),
        first_day=ordered[0].occurred_at.date(),
    )


def days_of(entries: Iterable[Transaction]) -> set[tuple[int, date]]:
    """Return the portfolios and days that factors are needed for."""
    return {(entry.portfolio_id, entry.occurred_at.date()) for entry in entries}
