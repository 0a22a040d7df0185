"""Reads stored transactions as what the pure functions understand: fills, movements, states."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from analytics.ledger import Movement, Nature, Totals, cash_of, sum_totals
from analytics.lots import Fill, Holding, Side, fold
from analytics.money import ZERO, convert, convert_known, exact, total, total_known
from models.base import row_key
from models.transactions import CHARGES, FLOWS, INCOME, TRADES, Kind, Transaction

_RANK = {kind.value: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentState:
    """What a ledger says of one instrument; income is gross, in the instrument's currency."""

    holding: Holding
    income: Decimal
    income_base: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """All that is derived from one ledger."""

    instruments: Mapping[int, InstrumentState] = field(default_factory=dict)
    cash: Mapping[str, Decimal] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    first_day: date | None = None


def in_order(transactions: Iterable[Transaction]) -> list[Transaction]:
    """Sort as the ledger counts: by time, then inflows before outflows, then order of entry."""
    return sorted(
        transactions, key=lambda entry: (entry.occurred_at, _RANK[entry.kind], entry.id or 0)
    )


def is_kind(transaction: Transaction, kinds: frozenset[Kind]) -> bool:
    """Tell whether a transaction is of one of some kinds."""
    return Kind(transaction.kind) in kinds


def fill_of(trade: Transaction) -> Fill:
    """Read a trade as a fill; its fee and transaction tax both follow the units."""
    return Fill(
        id=row_key(trade.id),
        at=trade.occurred_at,
        side=Side(trade.kind),
        quantity=trade.quantity or ZERO,
        price=trade.price or ZERO,
        costs=total([trade.fee, trade.tax]),
        rate=trade.rate,
    )


@exact
def own_amount(entry: Transaction) -> Decimal:
    """Return the signed cash of an entry in its own currency, after fee and tax."""
    gross = (
        entry.amount
        if entry.amount is not None
        else (entry.quantity or ZERO) * (entry.price or ZERO)
    )
    inward = Kind(entry.kind) in {Kind.SELL, Kind.DIVIDEND, Kind.INTEREST, Kind.DEPOSIT}
    return (gross if inward else -gross) - entry.fee - entry.tax


def cash_effect(entry: Transaction) -> Decimal:
    """Return the signed cash of an entry in the currency it was settled in."""
    amount = own_amount(entry)
    if entry.settlement_currency == entry.currency:
        return amount
    if entry.rate is None:
        raise ValueError("an entry settled in another currency always has a rate")
    return convert(amount, entry.rate)


def _nature(entry: Transaction) -> Nature:
    kind = Kind(entry.kind)
    for kinds, nature in (
        (TRADES, Nature.TRADE),
        (INCOME, Nature.INCOME),
        (FLOWS, Nature.FLOW),
        (CHARGES, Nature.CHARGE),
    ):
        if kind in kinds:
            return nature
    raise ValueError(f"unknown kind {kind}")


def movement_of(entry: Transaction) -> Movement:
    """Read any entry as a movement of cash."""
    nature = _nature(entry)
    earned = nature is Nature.INCOME
    return Movement(
        day=entry.occurred_at.date(),
        nature=nature,
        currency=entry.settlement_currency,
        amount=cash_effect(entry),
        amount_base=convert_known(own_amount(entry), entry.rate),
        gross_base=convert_known(entry.amount, entry.rate) if earned else ZERO,
        withheld_base=convert_known(total([entry.fee, entry.tax]), entry.rate) if earned else ZERO,
    )


def instrument_state(entries: Iterable[Transaction], *, allow_short: bool) -> InstrumentState:
    """Derive one instrument's state from its entries, given in any order.

    Raises OversoldError where a sale goes beyond what is held and shorts are not allowed.
    """
    ordered = in_order(entries)
    trades = [entry for entry in ordered if is_kind(entry, TRADES)]
    income = [entry for entry in ordered if is_kind(entry, INCOME)]
    return InstrumentState(
        holding=fold(map(fill_of, trades), allow_short=allow_short),
        income=total(entry.amount or ZERO for entry in income),
        income_base=total_known(convert_known(entry.amount, entry.rate) for entry in income),
    )


def by_instrument(entries: Iterable[Transaction]) -> dict[int, list[Transaction]]:
    """Group the entries that concern an instrument."""
    groups: dict[int, list[Transaction]] = {}
    for entry in entries:
        if entry.instrument_id is not None:
            groups.setdefault(entry.instrument_id, []).append(entry)
    return groups


def ledger_state(entries: Iterable[Transaction], *, allow_short: bool) -> LedgerState:
    """Derive everything from one portfolio's entries, given in any order."""
    ordered = in_order(entries)
    movements = [movement_of(entry) for entry in ordered]
    return LedgerState(
        instruments={
            instrument_id: instrument_state(group, allow_short=allow_short)
            for instrument_id, group in by_instrument(ordered).items()
        },
        cash=cash_of(movements),
        totals=sum_totals(movements),
        first_day=ordered[0].occurred_at.date() if ordered else None,
    )
