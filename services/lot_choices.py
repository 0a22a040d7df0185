"""Checks that the lots which entries name are there to be taken."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.events import Method
from analytics.holdings import Closing, Passage
from analytics.lots import fold
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
    ledger = await entries_of(session, pools)
    taken: dict[tuple[int, int], Decimal] = {}
    for chooser in {entry.portfolio_id for entry in choosing}:
        taken |= lots_taken(ledger, portfolios, chooser=chooser)
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
