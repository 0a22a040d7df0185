"""Checks that the lots which entries name are there to be taken."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.lots import Closing, Method, Passage, fold
from analytics.money import ZERO, plain, total
from models.base import row_key
from models.portfolios import Portfolio
from models.transactions import Transaction
from services.entries import events_of, in_order, pool_of, terms_of
from services.errors import Mistake, MistakeCode, RefusedEntriesError
from services.pools import entries_of, tied


async def check_lots(
    session: AsyncSession, portfolios: Sequence[Portfolio], entries: Iterable[Transaction]
) -> None:
    """Raise RefusedEntriesError when entries, booked already, name more units than a lot has.

    Whatever the portfolio's method is: the names count for the method SPECIFIC.
    """
    choosing = [entry for entry in entries if entry.lots]
    if not choosing:
        return
    owners = sorted({portfolio.owner_id for portfolio in portfolios})
    pools = await tied(session, owner_ids=owners, pools=map(pool_of, choosing))
    taken = lots_taken(await entries_of(session, pools), portfolios)
    wrong: dict[int, Mistake] = {}
    for entry in choosing:
        wanted: dict[int, Decimal] = {}
        for lot, text in entry.lots or ():
            wanted[int(lot)] = total([wanted.get(int(lot), ZERO), Decimal(text)])
        for opener, units in wanted.items():
            if taken.get((row_key(entry.id), opener), ZERO) < units:
                message = f"At that time there are no {plain(units)} units of that lot."
                wrong[row_key(entry.id)] = Mistake(MistakeCode.INVALID, message, ("lots",))
    if wrong:
        raise RefusedEntriesError(wrong)


def lots_taken(
    entries: Iterable[Transaction], portfolios: Iterable[Portfolio]
) -> dict[tuple[int, int], Decimal]:
    """Return how many units each entry takes of each lot by the method SPECIFIC."""
    ledger = in_order(entries)
    # Of a transfer it is the arriving half that moves the lots.
    movers = {entry.id: entry.origin_id for entry in ledger}
    terms = terms_of(portfolios, method=Method.SPECIFIC)
    found: dict[tuple[int, int], Decimal] = {}
    for holding in fold(events_of(ledger, terms=terms), method=Method.SPECIFIC).values():
        parts: list[Closing | Passage] = list(holding.closings)
        parts += [passage for passage in holding.passages if passage.quantity < 0]
        for part in parts:
            if part.lot_fill_id is not None:
                key = (movers.get(part.event_id) or part.event_id, part.lot_fill_id)
                found[key] = total([found.get(key, ZERO), abs(part.quantity)])
    return found
