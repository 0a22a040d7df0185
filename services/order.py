"""The place of entries in the ledger."""

from collections.abc import Iterable
from datetime import date, time
from itertools import groupby

from analytics.money import ONE, ZERO
from models.transactions import Kind, Transaction

_RANK = {kind.value: rank for rank, kind in enumerate(Kind)}
_LATE = _RANK[Kind.SELL.value]
"""Entries of this rank and on take out: without a time of their own they count at day's end."""

_CONTENT = (
    *("price", "quantity", "amount", "fee", "tax", "rate", "instrument_rate", "fee_rate"),
    *("tax_rate", "ratio_new", "ratio_old", "cost_share"),
)
"""What of two entries of one moment and kind decides which counts first."""

_MIDNIGHT = time()


def _moment(entry: Transaction) -> tuple[date, int, time, int]:
    at = entry.occurred_at
    clock, rank = at.time(), _RANK[entry.kind]
    return at.date(), 1 if clock != _MIDNIGHT else (2 if rank >= _LATE else 0), clock, rank


def order_key(entry: Transaction) -> tuple[object, ...]:
    """Return the place of an entry in the ledger.

    By day; entries without a time of their own (midnight UTC) that bring in count first, those
    that take out last; then by time, kind and content, so that the order of entry decides only
    between entries that are equal anyway. Lots that came from another portfolio count in the order
    of entry, for there they were taken in an order that their content does not tell.
    """
    moment = _moment(entry)
    if entry.kind == Kind.TRANSFER_IN.value and entry.origin_id is None:
        return (*moment, -ONE, entry.id or 0)
    return (
        *moment,
        *(getattr(entry, name) or ZERO for name in _CONTENT),
        entry.acquired_at or entry.occurred_at,
        entry.id or 0,
    )


def in_order(transactions: Iterable[Transaction]) -> list[Transaction]:
    """Sort as the ledger counts."""
    ordered: list[Transaction] = []
    for _, some in groupby(sorted(transactions, key=_moment), key=_moment):
        same = list(some)  # mostly one: only of several the content is looked at
        ordered += same if len(same) == 1 else sorted(same, key=order_key)
    return ordered
