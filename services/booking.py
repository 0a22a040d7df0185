"""Booking: the one way into the ledger, for a single trade and for an import alike.

What is booked was prepared before (``services.preparing``): here entries and the projection are
written within one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.money import plain
from models.access import Role
from models.base import row_key
from models.database import insert_all
from models.drafts import Draft
from models.instruments import Instrument
from models.portfolios import Portfolio
from models.transactions import (
    Kind,
    Transaction,
    booked_since,
    newest_key,
    splits_on,
)
from services.access import hold_as, told
from services.entry_ids import keys_of_ids, refuse_taken_ids
from services.errors import (
    Mistake,
    MistakeCode,
    RefusedEntriesError,
    RefusedError,
    refuse,
)
from services.instruments import create_missing, known_instruments
from services.preparing import Prepared, columns_of, symbols_of
from services.projection import OversoldError, apply_change


class OutdatedError(Exception):
    """The portfolio's base currency changed since the drafts were prepared: prepare again."""


async def hold_portfolio(
    session: AsyncSession, *, user_id: int, portfolio_id: int, field: str = "portfolioId"
) -> Portfolio:
    """Return a portfolio that a user may change the ledger of, held against other writers.

    One owner's ledgers are held together, for a change of one can reach into another. ``field``
    is what of the input led to it.
    """
    found = await hold_as(session, Role.EDITOR, user_id=user_id, portfolio_id=portfolio_id)
    if found.archived_at is not None:
        raise refuse(
            MistakeCode.ARCHIVED, "The portfolio is archived and takes no bookings.", field
        )
    return found


async def _name_lots(
    session: AsyncSession,
    portfolio_id: int,
    drafts: Sequence[Draft],
    entries: Sequence[Transaction],
) -> None:
    """Let new entries name their lots by key, where their drafts name them by external id."""
    wanted = {name for draft in drafts for name, _ in draft.lot_ids}
    if not wanted:
        return
    keys = await keys_of_ids(session, portfolio_id, wanted)
    keys |= {entry.external_id: row_key(entry.id) for entry in entries if entry.external_id}
    wrong: dict[int, Mistake] = {}
    for draft, entry in zip(drafts, entries, strict=True):
        unknown = [name for name, _ in draft.lot_ids if name not in keys]
        if unknown:
            message = f"There is no entry with the id {unknown[0]!r} that opened a lot."
            wrong[row_key(entry.id)] = Mistake(MistakeCode.NOT_FOUND, message, ("lots",))
        elif draft.lot_ids:
            entry.lots = [[str(keys[name]), plain(units)] for name, units in draft.lot_ids]
    if wrong:
        raise RefusedEntriesError(wrong)


class RefusedPlacesError(Exception):
    """Bookings of a batch were refused, by their places in it; null is an older one."""

    def __init__(self, mistakes: Mapping[int | None, Mistake]) -> None:
        super().__init__("; ".join(mistake.message for mistake in mistakes.values()))
        self.mistakes = mistakes


async def oversold_mistake(session: AsyncSession, error: OversoldError, *, what: str) -> Mistake:
    """Say in plain words which entry lacks how many units."""
    lack = error.shortfall
    message = f"{what}: the entry of {lack.at:%Y-%m-%d} "
    message += (
        f"takes {plain(lack.wanted)} and finds only {plain(lack.held)} held, "
        f"{plain(lack.missing)} too few."
        if lack.wanted
        else "pays cash for units, and none were ever there: book how they came in first."
    )
    message = await told(session, message, portfolio_id=error.portfolio_id)
    field = "quantity" if lack.wanted else "amount"
    return Mistake(MistakeCode.OVERSOLD, message, (field,))


async def instruments_for(
    session: AsyncSession, prepared: Prepared, places: Collection[int], *, now: datetime
) -> dict[str, Instrument]:
    """Return the instruments of drafts by symbol, those that are new among them created."""
    wanted = symbols_of([prepared.settled[place].draft for place in places])
    known = await known_instruments(session, wanted)
    fresh = [match for symbol, match in prepared.matches.items() if symbol in wanted - set(known)]
    return known | await create_missing(session, fresh, now=now)


def repeated_split(entry: Transaction) -> Mistake:
    """Say that a split is booked already."""
    day = entry.occurred_at.date()
    message = f"A split of that day ({day}) is booked already: it would count twice."
    return Mistake(MistakeCode.ALREADY_EXISTS, message, ("occurredAt",))


async def repeated_splits(
    session: AsyncSession, portfolio_id: int, entries: Sequence[Transaction]
) -> list[Transaction]:
    """Return which of new entries are splits that the ledger, or an entry before, has already."""
    splits = [entry for entry in entries if entry.kind == Kind.SPLIT.value]
    if not splits:
        return []
    known: set[tuple[int | None, date]] = {
        (instrument_id, occurred_at.date())
        for instrument_id, occurred_at in await session.execute(
            splits_on(portfolio_id, sorted({entry.instrument_id or 0 for entry in splits}))
        )
    }
    repeated = []
    for entry in splits:
        key = (entry.instrument_id, entry.occurred_at.date())
        if key in known:
            repeated.append(entry)
        known.add(key)
    return repeated


async def book(
    session: AsyncSession,
    portfolio: Portfolio,
    *,
    prepared: Prepared,
    places: Sequence[int],
    now: datetime,
    lenient: bool = False,
) -> list[Transaction]:
    """Write the drafts at some places of a prepared batch, and bring the projection up to date.

    The portfolio must be held for the change. Raises RefusedPlacesError for splits that are booked
    already, lots that are not there, and unless ``lenient`` for more units than are held; the
    caller's transaction must then be rolled back. Raises OutdatedError when the base currency is
    no longer the one prepared for.
    """
    if prepared.base_currency != portfolio.base_currency:
        raise OutdatedError
    instruments = await instruments_for(session, prepared, places, now=now)
    portfolio_id = row_key(portfolio.id)
    rows: list[dict[str, Any]] = [
        {"portfolio_id": portfolio_id, "created_at": now}
        | columns_of(
            prepared.settled[place],
            base_currency=portfolio.base_currency,
            instruments=instruments,
        )
        for place in places
    ]
    splits = {
        place: Transaction(**row)
        for place, row in zip(places, rows, strict=True)
        if row["kind"] == Kind.SPLIT.value
    }
    repeated = {
        id(entry) for entry in await repeated_splits(session, portfolio_id, list(splits.values()))
    }
    if repeated:
        raise RefusedPlacesError(
            {
                place: repeated_split(entry)
                for place, entry in splits.items()
                if id(entry) in repeated
            }
        )
    entries = await _write(session, portfolio_id, rows)
    drafts = [prepared.settled[place].draft for place in places]
    by_id = {entry.id: place for entry, place in zip(entries, places, strict=True)}
    try:
        await _name_lots(session, portfolio_id, drafts, entries)
        await apply_change(session, owner_id=portfolio.owner_id, added=entries, lenient=lenient)
    except RefusedEntriesError as error:
        raise RefusedPlacesError(
            {by_id[key]: mistake for key, mistake in error.by_key.items()}
        ) from error
    except OversoldError as error:
        place = by_id.get(error.shortfall.event_id)
        what = "Not enough units" if place is not None else "This would break a later entry"
        raise RefusedPlacesError(
            {place: await oversold_mistake(session, error, what=what)}
        ) from error
    return entries


async def _write(
    session: AsyncSession, portfolio_id: int, rows: Sequence[dict[str, Any]]
) -> list[Transaction]:
    """Insert transactions all at once and return them in the same order.

    Rows inserted together get ascending keys, all above those that were there: reading them back
    is many times faster than to ask for the key of each while inserting.
    """
    newest = await session.scalar(newest_key())
    await insert_all(session, Transaction, rows)
    found = await session.scalars(booked_since(newest or 0))
    return [row for row in found if row.portfolio_id == portfolio_id]  # others book meanwhile


async def book_one(
    session: AsyncSession, portfolio: Portfolio, *, prepared: Prepared, now: datetime
) -> Transaction:
    """Write the only draft of a prepared batch; raises RefusedError with what is wrong with it."""
    if 0 in prepared.mistakes:
        raise RefusedError(prepared.mistakes[0])
    await refuse_taken_ids(session, row_key(portfolio.id), prepared.drafts)
    try:
        return (await book(session, portfolio, prepared=prepared, places=[0], now=now))[0]
    except RefusedPlacesError as error:
        raise RefusedError(list(error.mistakes.values())) from error
