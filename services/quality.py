"""Reads a ledger as what its quality is judged by."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

from analytics.money import ONE, ZERO, exact
from analytics.quality import (
    NEAR,
    Close,
    Copy,
    Deal,
    Finding,
    Split,
    Subject,
    duplicates,
    entry_currencies,
    future_dates,
    missing_acquisition,
    prices_off,
    quote_currency,
    unbooked_splits,
    worst_first,
)
from models.base import row_key
from models.instruments import Instrument
from models.market import Bar
from models.transactions import TRADES, Kind, Transaction
from services.checks import CLOCK_SKEW
from services.entries import LedgerState, Terms, gross_of, is_kind
from services.order import in_order

_UNITS = (
    dict.fromkeys((Kind.BUY, Kind.COVER, Kind.DELIVERY_IN, Kind.TRANSFER_IN), 1)
    | dict.fromkeys((Kind.OPENING_BALANCE, Kind.DIVIDEND_REINVESTED, Kind.DIVIDEND_IN_KIND), 1)
    | dict.fromkeys((Kind.SELL, Kind.SHORT, Kind.DELIVERY_OUT, Kind.TRANSFER_OUT), -1)
)
"""Which way entries move units."""

_RESTATES = frozenset({Kind.SPLIT, Kind.SPIN_OFF, Kind.MERGER, Kind.SYMBOL_CHANGE})
"""Corporate actions after which a unit may have another price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the market knows of one instrument: closes oldest first, and what it is quoted in."""

    bars: Sequence[Bar] = ()
    quoted_in: str | None = None


class Holdings:
    """The units of each instrument after each entry that changed them."""

    def __init__(self, entries: Iterable[Transaction], *, allow_short: bool) -> None:
        self._days: dict[int, list[date]] = {}
        self._units: dict[int, list[Decimal]] = {}
        for entry in entries:
            if entry.instrument_id is not None:
                self._apply(entry, entry.instrument_id, allow_short=allow_short)

    @exact
    def _apply(self, entry: Transaction, key: int, *, allow_short: bool) -> None:
        kind, day, units = Kind(entry.kind), entry.occurred_at.date(), self.now(key)
        if kind in _RESTATES:
            made = units * (entry.ratio_new or ONE) / (entry.ratio_old or ONE)
            if kind is not Kind.SPIN_OFF:
                self._set(key, day, made if kind is Kind.SPLIT else ZERO)
            if entry.related_instrument_id is not None:
                other = entry.related_instrument_id
                self._set(other, day, self.now(other) + made)
        elif kind in _UNITS and entry.quantity:
            after = units + _UNITS[kind] * entry.quantity
            # What was never acquired cannot be held short, unless it was meant.
            short = kind is Kind.SHORT or allow_short or units < 0
            self._set(key, day, after if short else max(after, ZERO))

    def _set(self, key: int, day: date, units: Decimal) -> None:
        self._days.setdefault(key, []).append(day)
        self._units.setdefault(key, []).append(units)

    def now(self, key: int) -> Decimal:
        """Return the units after all entries."""
        return self._units[key][-1] if key in self._units else ZERO

    def at(self, key: int, day: date) -> Decimal:
        """Return the units at the end of a day."""
        place = bisect_right(self._days.get(key, []), day)
        return self._units[key][place - 1] if place else ZERO

    def spans(self, today: date) -> dict[int, tuple[date, date]]:
        """Return the days from the first entry of each instrument to the last it was held."""
        return {
            key: (days[0], today if self.now(key) else min(days[-1], today))
            for key, days in self._days.items()
            if days[0] <= today
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One ledger, sorted, and the units it held when."""

    entries: tuple[Transaction, ...]
    state: LedgerState
    holdings: Holdings

    def spans(self, today: date) -> dict[int, tuple[date, date]]:
        """Return of which days the closes of which instruments are needed."""
        return {
            key: (first - NEAR, last) for key, (first, last) in self.holdings.spans(today).items()
        }


def audit_of(entries: Iterable[Transaction], *, state: LedgerState, terms: Terms) -> Audit:
    """Prepare one ledger, given complete and in any order."""
    ordered = tuple(in_order(entries))
    return Audit(
        entries=ordered,
        state=state,
        holdings=Holdings(ordered, allow_short=terms.allow_short),
    )


def findings_of(
    audit: Audit,
    *,
    instruments: Mapping[int, Instrument],
    evidence: Mapping[int, Evidence],
    now: datetime,
) -> list[Finding]:
    """Return all that looks wrong in a ledger, worst first."""
    keys = {row_key(entry.id): entry.instrument_id for entry in audit.entries}
    found = future_dates(
        ((row_key(entry.id), entry.instrument_id, entry.occurred_at) for entry in audit.entries),
        latest=now + CLOCK_SKEW,
    )
    found += duplicates(map(_copy, audit.entries), keys)
    by_instrument: dict[int, list[Transaction]] = {}
    for entry in audit.entries:
        if entry.instrument_id is not None:
            by_instrument.setdefault(entry.instrument_id, []).append(entry)
    for key, row in sorted(instruments.items(), key=lambda pair: pair[1].symbol):
        subject = Subject(id=key, symbol=row.symbol, currency=row.currency)
        known = audit.state.instruments.get(key)
        lacks = known.holding.shortfalls if known is not None else ()
        if lacks:
            found.append(
                missing_acquisition(
                    subject, [(lack.event_id, lack.at, lack.missing) for lack in lacks]
                )
            )
        found += _of_instrument(
            subject,
            by_instrument.get(key, []),
            evidence=evidence.get(key, Evidence()),
            holdings=audit.holdings,
        )
    return worst_first(found)


def _of_instrument(
    subject: Subject,
    entries: Sequence[Transaction],
    *,
    evidence: Evidence,
    holdings: Holdings,
) -> list[Finding]:
    deals = [_deal(entry) for entry in entries if is_kind(entry, TRADES) and entry.quantity]
    actions = [_action(entry) for entry in entries if is_kind(entry, _RESTATES)]
    closes = [
        Close(day=bar.day, price=bar.close, currency=bar.currency, adjusted=bar.adjusted)
        for bar in evidence.bars
    ]
    found = entry_currencies(subject, deals)
    if evidence.quoted_in is not None:
        found += quote_currency(subject, evidence.quoted_in)
    found += unbooked_splits(
        subject,
        closes,
        held=partial(holdings.at, subject.id),
        splits=actions,
    )
    found += prices_off(
        subject,
        deals,
        closes=_closes_of({deal.at.date() for deal in deals}, closes),
        splits=actions,
    )
    return found


def _action(entry: Transaction) -> Split:
    day = entry.occurred_at.date()
    if Kind(entry.kind) is not Kind.SPLIT:
        return Split(day=day)
    return Split(day=day, new=entry.ratio_new or ONE, old=entry.ratio_old or ONE)


def _closes_of(days: Iterable[date], closes: Sequence[Close]) -> dict[date, Close]:
    """Return the close of each day, or the last of a few days before."""
    known = [close.day for close in closes]
    found = {}
    for day in days:
        place = bisect_right(known, day)
        if place and day - known[place - 1] < NEAR + timedelta(days=1):
            found[day] = closes[place - 1]
    return found


@exact
def _deal(entry: Transaction) -> Deal:
    quantity = entry.quantity or ONE
    return Deal(
        id=row_key(entry.id),
        at=entry.occurred_at,
        quantity=quantity,
        price=gross_of(entry) / quantity,
        currency=entry.currency,
    )


def _copy(entry: Transaction) -> Copy:
    return Copy(
        id=row_key(entry.id),
        external_id=entry.external_id,
        content=(
            entry.kind,
            entry.instrument_id,
            entry.related_instrument_id,
            entry.occurred_at.date(),
            entry.currency,
            entry.quantity,
            entry.price,
            entry.amount,
        ),
    )
