"""Checks that the lots which entries name are there to be taken."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from analytics.events import Method, Pool
from analytics.holdings import Closing, Passage, Shortfall
from analytics.lots import fold
from analytics.money import EXACT, ZERO, plain
from models.base import row_key
from models.transactions import Transaction
from services.entries import Terms, events_of, in_order, pool_of
from services.errors import MistakeCode, refuse


def check_lots(
    entries: Sequence[Transaction],
    *,
    terms: Mapping[int, Terms],
    added: Sequence[Transaction],
    removed: Sequence[Transaction],
) -> Shortfall | None:
    """Raise RefusedError when an added entry names units of a lot that has not as many.

    Return what another entry lacks of the lots it names, unless it did before the change.
    ``entries`` are of all pools that the change reaches. Whatever a portfolio's method is: the
    names count for the method SPECIFIC.
    """
    lacking = _lacking(entries, terms)
    for entry in added:
        lack = lacking.pop(row_key(entry.id), None)
        if lack is not None:
            message = f"At that time there are no {plain(lack.wanted)} units of that lot."
            raise refuse(MistakeCode.INVALID, message, "lots")
    if not lacking:
        return None
    new = {entry.id for entry in added}
    before = _lacking([entry for entry in entries if entry.id not in new] + [*removed], terms)
    return next((lack for key, lack in lacking.items() if key not in before), None)


def _lacking(entries: Iterable[Transaction], terms: Mapping[int, Terms]) -> dict[int, Shortfall]:
    """Return for each entry that names lots the first of them that has too few units."""
    ledger = in_order(entries)
    choosing = [entry for entry in ledger if entry.lots]
    if not choosing:
        return {}
    by_name = {key: replace(one, method=Method.SPECIFIC) for key, one in terms.items()}
    taken = _taken(ledger, by_name)
    # Of a transfer it is the arriving half that moves the lots.
    moved = {entry.origin_id: row_key(entry.id) for entry in ledger if entry.origin_id}
    lacking: dict[int, Shortfall] = {}
    for entry in choosing:
        key = row_key(entry.id)
        for lot, units in entry.lots or ():
            wanted = Decimal(units)
            held = taken.get((pool_of(entry), moved.get(key, key), int(lot)), ZERO)
            if held < wanted:
                lacking.setdefault(
                    key, Shortfall(event_id=key, at=entry.occurred_at, wanted=wanted, held=held)
                )
    return lacking


def _taken(
    ledger: Iterable[Transaction], terms: Mapping[int, Terms]
) -> dict[tuple[Pool, int, int | None], Decimal]:
    """Return the units that each event took of each lot of a pool."""
    taken: dict[tuple[Pool, int, int | None], Decimal] = {}
    holdings = fold(events_of(ledger, terms=terms), method=Method.SPECIFIC)
    for pool, holding in holdings.items():
        parts: tuple[Closing | Passage, ...] = (*holding.closings, *holding.passages)
        for part in parts:
            key = (pool, part.event_id, part.lot_fill_id)
            taken[key] = EXACT.add(taken.get(key, ZERO), abs(part.quantity))
    return taken
