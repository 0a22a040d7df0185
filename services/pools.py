"""Finds which pools of lots hang together: by transfers and by corporate actions.

What happens to one pool can change every pool it is tied to, in any portfolio of the owner, so
they are always derived together.
"""

from collections import namedtuple
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from analytics.events import Pool
from models.database import chunks
from models.ledger_changes import links
from models.transactions import Transaction, ledger_of_instruments
from services.aside import uncollected

_NAMES = tuple(Transaction.model_fields)
_TABLE = Transaction.__table__.c  # type: ignore[attr-defined]  # cheaper to read than attributes
_Entry: Any = namedtuple("_Entry", _NAMES)  # type: ignore[misc]  # noqa: PYI024  # as the model's

_ASIDE = {"note", "external_id", "void_reason", "voided_at", "created_at", "updated_at", "rate_day"}
_TOLD = [name for name in _NAMES if name not in _ASIDE and not name.endswith("_source")]
_Told: Any = namedtuple("_Told", _TOLD)  # type: ignore[misc]  # noqa: PYI024
"""What of an entry decides what it does to units and cash."""


AT_ONCE = 500
"""So many entries are read within some ten milliseconds."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What the changes of one session reach: pools of lots, portfolios, and their owners."""

    owners: set[int] = field(default_factory=set)
    pools: set[Pool] = field(default_factory=set)
    portfolios: set[int] = field(default_factory=set)


def touched_by(session: AsyncSession) -> Touched:
    """Return what this session has changed so far."""
    touched: Touched = session.info.setdefault("touched", Touched())
    return touched


async def read_entries(session: AsyncSession, statement: Select[Transaction]) -> list[Transaction]:
    """Read many transactions as plain tuples, which have the same attributes but cannot change.

    A model costs three times as much to load, and each of its attributes ten times as much to read.
    """
    await session.flush()
    connection = await session.connection()  # a session looks at each row for entities
    columns = statement.with_only_columns(*(_TABLE[name] for name in _NAMES))
    with uncollected():
        rows = await connection.execute(columns)
        return cast("list[Transaction]", list(map(_Entry._make, rows)))


async def stream_entries(
    session: AsyncSession, statement: Select[Transaction]
) -> AsyncIterator[list[Transaction]]:
    """Read entries within a transaction some at a time, so that others have their turn meanwhile.

    They have only what decides what an entry does to units and cash.
    """
    columns = [_TABLE[name] for name in _TOLD]
    connection = await session.connection()
    rows = await connection.stream(
        statement.with_only_columns(*columns), execution_options={"yield_per": AT_ONCE}
    )
    async for some in rows.partitions():
        yield cast("list[Transaction]", list(map(_Told._make, some)))


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties pools, and the other portfolio of each half of a transfer between two."""

    neighbours: dict[Pool, set[Pool]] = field(default_factory=dict)
    counterparts: dict[int, int] = field(default_factory=dict)

    def around(self, pools: Iterable[Pool]) -> set[Pool]:
        """Return pools with all that they are tied to, directly or through others."""
        found: set[Pool] = set()
        waiting = set(pools)
        while waiting:
            pool = waiting.pop()
            found.add(pool)
            waiting |= self.neighbours.get(pool, set()) - found
        return found

    def groups(self, pools: Iterable[Pool]) -> dict[Pool, set[Pool]]:
        """Return pools apart, each with all it is tied to, by the first of them."""
        found: dict[Pool, set[Pool]] = {}
        waiting = set(pools)
        while waiting:
            group = self.around([waiting.pop()])
            waiting -= group
            found[min(group)] = group
        return found


async def ties_of(session: AsyncSession, owner_ids: Collection[int]) -> Ties:
    """Read what ties the pools of owners."""
    ties = Ties()
    rows = await session.execute(links(sorted(owner_ids)))
    for portfolio_id, instrument_id, related_id, origin_portfolio_id, key, origin_key in rows:
        if key is not None and origin_key is not None:
            ties.counterparts.update({key: origin_portfolio_id, origin_key: portfolio_id})
        if instrument_id is None:
            continue
        one = (portfolio_id, instrument_id)
        others = {(portfolio_id, related_id or 0), (origin_portfolio_id or 0, one[1])}
        for other in others:
            if all(other):
                ties.neighbours.setdefault(one, set()).add(other)
                ties.neighbours.setdefault(other, set()).add(one)
    return ties


async def tied(
    session: AsyncSession, *, owner_ids: Collection[int], pools: Iterable[Pool]
) -> set[Pool]:
    """Return pools with all that they are tied to, directly or through others."""
    return (await ties_of(session, owner_ids)).around(pools)


async def entries_of(
    session: AsyncSession, pools: Collection[Pool], *, until: datetime | None = None
) -> list[Transaction]:
    """Return what counts of the ledgers about some pools, up to and including a moment."""
    entries: list[Transaction] = []
    for chunk in chunks(sorted(pools)):
        entries += await read_entries(session, ledger_of_instruments(chunk, until=until))
    return entries
