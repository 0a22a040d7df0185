"""Previews: makes a change, looks at what it did, and takes it back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.events import Pool
from models.access import Role
from models.base import row_key
from models.changes import taken_notes
from models.instruments import Instrument, instruments_by_id
from models.portfolios import Portfolio, cash_by_portfolio, portfolios_by_id, portfolios_by_owner
from services.access import may
from services.aside import aside
from services.entries import InstrumentState, instrument_states, terms_of
from services.pools import Touched, entries_of, touched_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a person holds in some pools, and the cash of some portfolios, at one moment."""

    states: Mapping[Pool, InstrumentState]
    cash: Mapping[int, Mapping[str, Decimal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change would do: the portfolios it touches, before and after."""

    portfolios: tuple[Portfolio, ...]
    instruments: Mapping[int, Instrument]
    before: Scene
    after: Scene


async def preview(
    session: AsyncSession, *, change: Callable[[AsyncSession], Awaitable[object]]
) -> Preview:
    """Make a change of one owner's ledgers, see what it does, and take it back.

    What it does to portfolios out of the reach of whoever makes it is left out. Raises what the
    change raises. The session's transaction goes on, with nothing changed.
    """
    async with session.begin_nested() as savepoint:
        await change(session)
        touched = touched_by(session)
        shown = {key for key in touched.portfolios if await may(session, Role.VIEWER, [key])}
        after = await _scene(session, touched, shown=shown)
        rows = await session.scalars(instruments_by_id(sorted({pool[1] for pool in after.states})))
        instruments = {row_key(row.id): _copy(row) for row in rows}
        await savepoint.rollback()
        taken_notes(session)
    session.expire_all()
    before = await _scene(session, touched, shown=shown)
    rows_now = await session.scalars(portfolios_by_id(sorted(shown)))
    return Preview(
        portfolios=tuple(sorted(rows_now, key=lambda row: row_key(row.id))),
        instruments=instruments,
        before=before,
        after=after,
    )


async def _scene(session: AsyncSession, touched: Touched, *, shown: set[int]) -> Scene:
    terms = terms_of(await session.scalars(portfolios_by_owner(sorted(touched.owners))))
    balances: dict[int, dict[str, Decimal]] = {key: {} for key in shown}
    for row in await session.scalars(cash_by_portfolio(sorted(shown))):
        balances[row.portfolio_id][row.currency] = row.amount
    entries = await entries_of(session, touched.pools)
    states = await aside(entries, instrument_states, entries, terms=terms)
    return Scene(states=states, cash=balances)


def _copy(row: Instrument) -> Instrument:
    """Copy an instrument, which may be gone once the change is taken back."""
    return Instrument(**row.model_dump())
