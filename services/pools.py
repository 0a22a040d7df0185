"""Finds which pools of lots hang together: by transfers and by corporate actions.

What happens to one pool can change every pool it is tied to, in any portfolio of the owner, so
they are always derived together.
"""

from collections import namedtuple
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from analytics.events import Pool
from models.database import chunks
from models.transactions import Transaction, ledger_of_instruments, links

_NAMES = tuple(Transaction.model_fields)
_COLUMNS = [getattr(Transaction, name) for name in _NAMES]
_Entry: Any = namedtuple("_Entry", _NAMES)  # type: ignore[misc]  # noqa: PYI024  # as the model's


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
    rows = await session.execute(statement.with_only_columns(*_COLUMNS))
    return cast("list[Transaction]", list(map(_Entry._make, rows)))


async def tied(
    session: AsyncSession, *, owner_ids: Collection[int], pools: Iterable[Pool]
) -> set[Pool]:
    """Return pools with all that they are tied to, directly or through others."""
    neighbours: dict[Pool, set[Pool]] = {}
    rows = await session.execute(links(sorted(owner_ids)))
    for portfolio_id, instrument_id, related_id, origin_portfolio_id in rows:
        if instrument_id is None:
            continue
        one = (portfolio_id, instrument_id)
        others = {(portfolio_id, related_id or 0), (origin_portfolio_id or 0, one[1])}
        for other in others:
            if all(other):
                neighbours.setdefault(one, set()).add(other)
                neighbours.setdefault(other, set()).add(one)
    found: set[Pool] = set()
    waiting = set(pools)
    while waiting:
        pool = waiting.pop()
        found.add(pool)
        waiting |= neighbours.get(pool, set()) - found
    return found


async def entries_of(
    session: AsyncSession, pools: Collection[Pool], *, until: datetime | None = None
) -> list[Transaction]:
    """Return what counts of the ledgers about some pools, up to and including a moment."""
    entries: list[Transaction] = []
    for chunk in chunks(sorted(pools)):
        entries += await read_entries(session, ledger_of_instruments(chunk, until=until))
    return entries
