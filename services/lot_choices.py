"""Checks that the lots which entries name are there to be taken."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from analytics.events import Method
from analytics.holdings import Closing, Passage, Shortfall
from analytics.lots import fold
from analytics.money import ZERO, plain, total
from models.base import row_key
from models.portfolios import Portfolio
from models.transactions import Transaction
from services.entries import events_of, terms_of
from services.errors import Mistake, MistakeCode, RefusedEntriesError
from services.order import in_order


def check_lots(
    entries: Sequence[Transaction],
    *,
    portfolios: Collection[Portfolio],
    added: Sequence[Transaction],
    removed: Sequence[Transaction],
) -> Shortfall | None:
    """Raise RefusedEntriesError when added entries name more units than a lot has.

    Return what another entry lacks of the lots it names, unless it did before the change.
    ``entries`` are of all pools that the change reaches. Whatever a portfolio's method is: the
    names count for the method SPECIFIC.
    """
    lacking = _lacking(entries, portfolios)
    new = {row_key(entry.id) for entry in added}
    wrong = {
        key: Mistake(
            MistakeCode.INVALID,
            f"At that time there are no {plain(lack.wanted)} units of that lot.",
            ("lots",),
        )
        for key, lack in lacking.items()
        if key in new
    }
    if wrong:
        raise RefusedEntriesError(wrong)
    if not lacking:
        return None
    before = [entry for entry in entries if row_key(entry.id) not in new] + [*removed]
    known = _lacking(before, portfolios)
    return next((lack for key, lack in lacking.items() if key not in known), None)


def _lacking(
    entries: Sequence[Transaction], portfolios: Collection[Portfolio]
) -> dict[int, Shortfall]:
    """Return for each entry that names lots the first of them that has too few units."""
    choosing = [entry for entry in entries if entry.lots]
    taken: dict[tuple[int, int], Decimal] = {}
    for chooser in {entry.portfolio_id for entry in choosing}:
        taken |= lots_taken(entries, portfolios, chooser=chooser)
    lacking: dict[int, Shortfall] = {}
    for entry in choosing:
        key = row_key(entry.id)
        wanted: dict[int, Decimal] = {}
        for lot, text in entry.lots or ():
            wanted[int(lot)] = total([wanted.get(int(lot), ZERO), Decimal(text)])
        for opener, units in wanted.items():
            held = taken.get((key, opener), ZERO)
            if held < units:
                lack = Shortfall(event_id=key, at=entry.occurred_at, wanted=units, held=held)
                lacking.setdefault(key, lack)
    return lacking


def lots_taken(
    entries: Iterable[Transaction], portfolios: Iterable[Portfolio], *, chooser: int
) -> dict[tuple[int, int], Decimal]:
    """Return how many units each entry of a portfolio takes of each lot by the method SPECIFIC.

    What comes from other portfolios comes by their own methods.
    """
    ledger = in_order(entries)
    # Of a transfer it is the arriving half that moves the lots.
    movers = {entry.id: entry.origin_id for entry in ledger}
    terms = terms_of(portfolios)
    holdings = fold(
        events_of(ledger, terms=terms),
        method=lambda pool: Method.SPECIFIC if pool[0] == chooser else terms[pool[0]].method,
    )
    found: dict[tuple[int, int], Decimal] = {}
    for (portfolio_id, _), holding in holdings.items():
        if portfolio_id != chooser:
            continue
        parts: list[Closing | Passage] = list(holding.closings)
        parts += [passage for passage in holding.passages if passage.quantity < 0]
        for part in parts:
            if part.lot_fill_id is not None:
                key = (movers.get(part.event_id) or part.event_id, part.lot_fill_id)
                found[key] = total([found.get(key, ZERO), abs(part.quantity)])
    return found
