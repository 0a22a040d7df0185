"""Previews: makes a change, looks at what it did, and takes it back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.events import Pool
from models.base import row_key
from models.instruments import Instrument, instruments_by_id
from models.portfolios import Portfolio, cash_by_portfolio, portfolios_by_owner
from services.aside import aside
from services.entries import InstrumentState, instrument_states, terms_of
from services.pools import entries_of
from services.projection import touched_by


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
    session: AsyncSession,
    *,
    owner_id: int,
    change: Callable[[AsyncSession], Awaitable[object]],
) -> Preview:
    """Make a change of one person's ledgers, see what it does, and take it back.

    Raises what the change raises. The session's transaction goes on, with nothing changed.
    """
    async with session.begin_nested() as savepoint:
        await change(session)
        touched = touched_by(session)
        after = await _scene(session, owner_id, pools=touched.pools, ids=touched.portfolios)
        rows = await session.scalars(instruments_by_id(sorted({pool[1] for pool in after.states})))
        instruments = {row_key(row.id): _copy(row) for row in rows}
        await savepoint.rollback()
    session.expire_all()
    before = await _scene(session, owner_id, pools=touched.pools, ids=touched.portfolios)
    owned = await session.scalars(portfolios_by_owner([owner_id]))
    return Preview(
        portfolios=tuple(row for row in owned if row.id in touched.portfolios),
        instruments=instruments,
        before=before,
        after=after,
    )


async def _scene(session: AsyncSession, owner_id: int, *, pools: set[Pool], ids: set[int]) -> Scene:
    terms = terms_of(await session.scalars(portfolios_by_owner([owner_id])))
    balances: dict[int, dict[str, Decimal]] = {key: {} for key in ids}
    for row in await session.scalars(cash_by_portfolio(sorted(ids))):
        balances[row.portfolio_id][row.currency] = row.amount
    entries = await entries_of(session, pools)
    states = await aside(entries, instrument_states, entries, terms=terms)
    return Scene(states=states, cash=balances)


def _copy(row: Instrument) -> Instrument:
    """Copy an instrument, which may be gone once the change is taken back."""
    return Instrument(**row.model_dump())
