"""Watchlists: creating and deleting them, and what is on them in what order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from models.base import row_key
from models.changes import WATCHLIST, note
from models.users import user_for_update
from models.watchlists import (
    Watchlist,
    WatchlistItem,
    items_by_watchlist,
    watchlist_by_name,
    watchlist_count,
    watchlist_for_update,
)
from services.checks import Checks
from services.errors import MistakeCode, refuse
from services.instruments import Named, Path

MAX_WATCHLISTS = 50
"""Watchlists of one user."""

MAX_ITEMS = 100
"""Instruments on one watchlist: as many as can be followed at a time."""

SYMBOLS = "symbols"


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """A watchlist that somebody wants to change, and when."""

    user_id: int
    watchlist_id: int
    now: datetime


def check_symbols(given: Sequence[str], *, now: datetime, some: bool = True) -> dict[str, Path]:
    """Return the canonical form of symbols with where they are named; raises RefusedError.

    None may come twice, and with ``some`` there must be one.
    """
    checks = Checks(now=now)
    found: dict[str, Path] = {}
    if some and not given:
        checks.required(SYMBOLS)
    if len(given) > MAX_ITEMS:
        message = f"At most {MAX_ITEMS} symbols at a time."
        raise refuse(MistakeCode.OUT_OF_RANGE, message, SYMBOLS)
    for place, text in enumerate(given):
        field = (SYMBOLS, str(place))
        symbol = checks.symbol(text, *field)
        if symbol and symbol in found:
            checks.note(MistakeCode.ALREADY_EXISTS, f"{symbol} is named twice.", *field)
        found.setdefault(symbol, field)
    checks.finish()
    return found


async def _held(session: AsyncSession, which: Which) -> Watchlist:
    """Return a user's watchlist, held against other writers; raises RefusedError.

    A stranger's and a missing one are refused alike.
    """
    held = watchlist_for_update(user_id=which.user_id, watchlist_id=which.watchlist_id)
    row = await session.scalar(held)
    if row is None:
        raise refuse(MistakeCode.NOT_FOUND, "There is no such watchlist.", "watchlistId")
    return row


async def _listed(session: AsyncSession, watchlist: Watchlist) -> dict[str, WatchlistItem]:
    rows = await session.execute(items_by_watchlist([row_key(watchlist.id)]))
    return {instrument.symbol: item for item, instrument in rows}


async def _changed(session: AsyncSession, watchlist: Watchlist) -> Watchlist:
    """Count a change of a held watchlist, and note it for those who follow it."""
    watchlist.version += 1
    note(session, (WATCHLIST, row_key(watchlist.id)))
    await session.flush()
    return watchlist


async def _checked_name(session: AsyncSession, name: str, *, user_id: int, now: datetime) -> str:
    checks = Checks(now=now)
    name = checks.name(name, "name")
    checks.finish()
    if await session.scalar(watchlist_by_name(user_id=user_id, name=name)) is not None:
        message = f"You already have a watchlist named {name!r}."
        raise refuse(MistakeCode.ALREADY_EXISTS, message, "name")
    return name


async def create_watchlist(
    session: AsyncSession, name: str, *, named: Named, user_id: int, now: datetime
) -> Watchlist:
    """Add a watchlist with instruments on it; raises RefusedError."""
    await session.execute(user_for_update(user_id))
    name = await _checked_name(session, name, user_id=user_id, now=now)
    if (await session.scalar(watchlist_count(user_id)) or 0) >= MAX_WATCHLISTS:
        message = f"You have {MAX_WATCHLISTS} watchlists: delete one first."
        raise refuse(MistakeCode.OUT_OF_RANGE, message)
    watchlist = Watchlist(user_id=user_id, name=name, created_at=now)
    session.add(watchlist)
    await session.flush()
    await _append(session, watchlist, named, after=0, now=now)
    return watchlist


async def _append(
    session: AsyncSession, watchlist: Watchlist, named: Named, *, after: int, now: datetime
) -> None:
    for place, instrument in enumerate(await named.rows(session, now=now), after):
        session.add(
            WatchlistItem(
                watchlist_id=row_key(watchlist.id),
                instrument_id=row_key(instrument.id),
                place=place,
                added_at=now,
            )
        )
    await session.flush()


async def rename_watchlist(session: AsyncSession, which: Which, name: str) -> Watchlist:
    """Give a watchlist another name; raises RefusedError."""
    watchlist = await _held(session, which)
    if name.strip() == watchlist.name:
        return watchlist
    watchlist.name = await _checked_name(session, name, user_id=which.user_id, now=which.now)
    return await _changed(session, watchlist)


async def delete_watchlist(session: AsyncSession, which: Which) -> Watchlist:
    """Delete a watchlist with all that is on it, and return it; raises RefusedError."""
    watchlist = await _held(session, which)
    note(session, (WATCHLIST, row_key(watchlist.id)))
    await session.delete(watchlist)
    await session.flush()
    return watchlist


async def add_to_watchlist(session: AsyncSession, which: Which, named: Named) -> Watchlist:
    """Put instruments at the end of a watchlist; raises RefusedError for those that are on it."""
    watchlist = await _held(session, which)
    listed = await _listed(session, watchlist)
    checks = Checks(now=which.now)
    for number, symbol in enumerate(named.symbols):
        if symbol in listed:
            message = f"{symbol} is on this watchlist already."
            checks.note(MistakeCode.ALREADY_EXISTS, message, SYMBOLS, str(number))
    checks.finish()
    if len(listed) + len(named.symbols) > MAX_ITEMS:
        message = f"A watchlist has at most {MAX_ITEMS} instruments; this one has {len(listed)}."
        raise refuse(MistakeCode.OUT_OF_RANGE, message, SYMBOLS)
    last = max((item.place for item in listed.values()), default=-1)
    await _append(session, watchlist, named, after=last + 1, now=which.now)
    return await _changed(session, watchlist)


async def _held_with(
    session: AsyncSession, which: Which, symbols: dict[str, Path]
) -> tuple[Watchlist, dict[str, WatchlistItem]]:
    """Return a held watchlist and what is on it; raises RefusedError for symbols that are not."""
    watchlist = await _held(session, which)
    listed = await _listed(session, watchlist)
    checks = Checks(now=which.now)
    for symbol, field in symbols.items():
        if symbol not in listed:
            message = f"{symbol} is not on this watchlist."
            checks.note(MistakeCode.NOT_FOUND, message, *field)
    checks.finish()
    return watchlist, listed


async def remove_from_watchlist(
    session: AsyncSession, which: Which, given: Sequence[str]
) -> Watchlist:
    """Take instruments off a watchlist; raises RefusedError for those that are not on it."""
    symbols = check_symbols(given, now=which.now)
    watchlist, listed = await _held_with(session, which, symbols)
    for symbol in symbols:
        await session.delete(listed[symbol])
    return await _changed(session, watchlist)


async def reorder_watchlist(
    session: AsyncSession, which: Which, given: Sequence[str], *, position: int
) -> Watchlist:
    """Put instruments, in this order, where ``position`` of the others are before them.

    The others keep their order. Raises RefusedError.
    """
    symbols = check_symbols(given, now=which.now)
    watchlist, listed = await _held_with(session, which, symbols)
    others = [symbol for symbol in listed if symbol not in symbols]
    if not 0 <= position <= len(others):
        message = f"Must be from 0 to {len(others)}, the number of the other instruments."
        raise refuse(MistakeCode.OUT_OF_RANGE, message, "position")
    for place, symbol in enumerate([*others[:position], *symbols, *others[position:]]):
        listed[symbol].place = place
    return await _changed(session, watchlist)


async def note_on_watchlist(
    session: AsyncSession, which: Which, symbol: str, text: str | None
) -> Watchlist:
    """Write a note on an instrument of a watchlist, or wipe it off; raises RefusedError."""
    checks = Checks(now=which.now)
    symbol = checks.symbol(symbol, "symbol")
    text = checks.text(text, "note")
    checks.finish()
    watchlist, listed = await _held_with(session, which, {symbol: ("symbol",)})
    listed[symbol].note = text
    return await _changed(session, watchlist)
