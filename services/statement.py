"""Reads ledgers as what a statement of a period is worked out from."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from analytics.events import Conversion, Event, Fill, Method, Move, Pool, Repayment
from analytics.holdings import Passage
from analytics.measures import Reason
from analytics.statement import Asset, Mark, Period, unmarked, worth
from analytics.valuation import Missing
from models.transactions import Transaction
from services.combined import ALL, Report, joined, movements_in
from services.entries import (
    InstrumentState,
    LedgerState,
    Terms,
    by_portfolio,
    events_of,
    ledger_states,
)
from services.order import in_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One ledger over a period: its state at both ends, and what happened in between.

    ``passages`` are the units that came or went without cash, by the event and the instrument.
    """

    portfolio_id: int
    first: date
    last: date
    start: LedgerState
    end: LedgerState
    method: Method
    entries: tuple[Transaction, ...]
    events: tuple[Event, ...]
    passages: Mapping[int, Sequence[tuple[int, Passage]]]

    @property
    def before(self) -> date:
        """Return the day whose end is the start."""
        return self.first - timedelta(days=1)

    @property
    def instrument_ids(self) -> set[int]:
        """Return the instruments that the period may concern."""
        return set(self.start.instruments) | set(self.end.instruments)

    def marks(self) -> set[tuple[int, date]]:
        """Return which instruments need a price and a rate of which day."""
        held = {
            (instrument_id, day)
            for day, state in ((self.before, self.start), (self.last, self.end))
            for instrument_id, known in state.instruments.items()
            if known.holding.quantity
        }
        return held | {
            (instrument_id, event.at.date())
            for event in self.events
            if _needs_mark(event)
            for instrument_id, _ in self.passages.get(event.id, ())
        }

    def days(self) -> set[date]:
        """Return the days of all entries."""
        return {entry.occurred_at.date() for entry in self.entries}


def activities_of(
    entries: Iterable[Transaction],
    *,
    terms: Mapping[int, Terms],
    portfolio_ids: Collection[int],
    first: date,
    last: date,
) -> dict[int, Activity]:
    """Read ledgers, given complete and in any order, over the days from first to last."""
    ordered = [entry for entry in in_order(entries) if entry.occurred_at.date() <= last]
    earlier = [entry for entry in ordered if entry.occurred_at.date() < first]
    starts, ends = (ledger_states(part, terms=terms) for part in (earlier, ordered))
    groups = by_portfolio(ordered[len(earlier) :])
    events: dict[int, list[Event]] = {}
    for event in events_of(ordered, terms=terms):
        if event.at.date() >= first:
            for portfolio_id in _portfolios(event):
                events.setdefault(portfolio_id, []).append(event)
    return {
        portfolio_id: Activity(
            portfolio_id=portfolio_id,
            first=first,
            last=last,
            start=starts.get(portfolio_id, LedgerState()),
            end=(end := ends.get(portfolio_id, LedgerState())),
            method=terms.get(portfolio_id, Terms()).method,
            entries=tuple(groups.get(portfolio_id, ())),
            events=tuple(events.get(portfolio_id, ())),
            passages=_passages(end),
        )
        for portfolio_id in portfolio_ids
    }


def _portfolios(event: Event) -> set[int]:
    match event:
        case Fill() | Repayment():
            return {event.pool[0]}
        case Conversion():
            return {event.source[0]}
        case _:
            pools = {event.source, event.target or event.source}
            return {pool[0] for pool in pools}


def _passages(state: LedgerState) -> dict[int, list[tuple[int, Passage]]]:
    found: dict[int, list[tuple[int, Passage]]] = {}
    for instrument_id, known in state.instruments.items():
        for passage in known.holding.passages:
            found.setdefault(passage.event_id, []).append((instrument_id, passage))
    return found


def _needs_mark(event: Event) -> bool:
    """Tell whether units pass at a value that is not stated: a cost is none."""
    return isinstance(event, Move) or (
        isinstance(event, Fill) and event.passing and event.quantity > 0
    )


def period_of(
    activity: Activity,
    *,
    symbols: Mapping[int, tuple[str, str]],
    mark_at: Callable[[int, date], Mark],
    rate_at: Callable[[str, date], Decimal | None],
    report: Report,
) -> Period:
    """Put prices and rates to an activity.

    ``symbols`` has symbol and currency by instrument, ``report`` the currency of the figures.
    """
    assets = {
        instrument_id: Asset(
            pool=(ALL, instrument_id),
            symbol=symbols[instrument_id][0],
            currency=symbols[instrument_id][1],
            lots=_state(activity.start, instrument_id).holding.lots,
            start=mark_at(instrument_id, activity.before),
            quantity=_state(activity.end, instrument_id).holding.quantity,
            end=mark_at(instrument_id, activity.last),
        )
        for instrument_id in sorted(activity.instrument_ids)
    }
    entries = {entry.id: entry for entry in activity.entries}
    events: list[Event] = []
    missing = _shortfalls(activity, assets)
    for event in activity.events:
        if not _needs_mark(event):
            shared = joined(_before_fees(event), entries[event.id], report)
            events.append(shared._replace(book=ALL))
            continue
        for instrument_id, passage in activity.passages.get(event.id, ()):
            mark, asset = mark_at(instrument_id, event.at.date()), assets[instrument_id]
            figure = "inflows" if passage.quantity > 0 else "outflows"
            missing += unmarked(passage.quantity, mark, figure=figure, asset=asset)
            events.append(_passing(event, passage, asset.pool, mark))
    return Period(
        assets=tuple(assets.values()),
        events=tuple(events),
        unsold=frozenset(event.id for event in activity.events if isinstance(event, Move)),
        movements=tuple(movements_in(activity.entries, report, set())),
        start_cash=activity.start.cash,
        end_cash=activity.end.cash,
        start_rates={name: rate_at(name, activity.before) for name in activity.start.cash},
        end_rates={name: rate_at(name, activity.last) for name in activity.end.cash},
        method=activity.method,
        missing=tuple(missing),
    )


def _state(state: LedgerState, instrument_id: int) -> InstrumentState:
    return state.instruments.get(instrument_id, InstrumentState())


def _shortfalls(activity: Activity, assets: Mapping[int, Asset]) -> list[Missing]:
    return [
        Missing(
            figure="realizedGain",
            reason=Reason.MISSING_ACQUISITION,
            about=assets[instrument_id].symbol,
        )
        for instrument_id, known in activity.end.instruments.items()
        if any(lack.at.date() >= activity.first for lack in known.holding.shortfalls)
    ]


def _before_fees(event: Event) -> Event:
    """Leave fees and taxes out: they are lines of their own."""
    match event:
        case Fill():
            return event._replace(outlay=event.outlay.before_fees())
        case Conversion():
            cash, in_lieu = (
                paid and paid.received().before_fees().received()
                for paid in (event.cash, event.in_lieu)
            )
            return event._replace(cash=cash, in_lieu=in_lieu)
        case Repayment():
            return event._replace(paid=event.paid.received().before_fees().received())
        case _:
            raise TypeError("a move is at market value, and has no fees")


def _passing(event: Event, passage: Passage, pool: Pool, mark: Mark) -> Fill:
    """Read units that passed as if bought from, or sold to, somewhere outside at their value."""
    lot_id = passage.lot_fill_id
    arrived = passage.quantity > 0 and lot_id is not None
    return Fill(
        id=lot_id if arrived and lot_id is not None else event.id,
        at=event.at,
        pool=pool,
        quantity=passage.quantity,
        outlay=worth(passage.quantity, mark),
        rate=mark.rate,
        may_open=passage.quantity > 0,
        chosen=() if lot_id is None else ((lot_id, abs(passage.quantity)),),
        opened_at=event.opened_at if isinstance(event, Fill) else passage.opened_at,
        passing=True,
    )
