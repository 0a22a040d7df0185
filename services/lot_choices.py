"""Checks that the lots which entries name are there to be taken."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.events import Method
from analytics.holdings import Holding
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
    ledger = in_order(await entries_of(session, pools))
    terms = terms_of(portfolios, method=Method.SPECIFIC)
    holdings = fold(events_of(ledger, terms=terms), method=Method.SPECIFIC)
    # Of a transfer it is the arriving half that moves the lots.
    moved = {entry.origin_id: row_key(entry.id) for entry in ledger if entry.origin_id}
    wrong: dict[int, Mistake] = {}
    for entry in choosing:
        key = row_key(entry.id)
        taken = _taken(holdings.get(pool_of(entry), Holding()), moved.get(key, key))
        wanted: dict[int, Decimal] = {}
        for lot, text in entry.lots or ():
            wanted[int(lot)] = total([wanted.get(int(lot), ZERO), Decimal(text)])
        for opener, units in wanted.items():
            if taken.get(opener, ZERO) < units:
                message = f"At that time there are no {plain(units)} units of that lot."
                wrong[key] = Mistake(MistakeCode.INVALID, message, ("lots",))
    if wrong:
        raise RefusedEntriesError(wrong)


def _taken(holding: Holding, event_id: int) -> dict[int, Decimal]:
    """Return the units that an event took of each lot."""
    parts = [
        (closing.lot_fill_id, abs(closing.quantity))
        for closing in holding.closings
        if closing.event_id == event_id
    ] + [
        (passage.lot_fill_id, abs(passage.quantity))
        for passage in holding.passages
        if passage.event_id == event_id
    ]
    keys = {key for key, _ in parts if key is not None}
    return {key: total(units for other, units in parts if other == key) for key in keys}
