"""Ledgers as parts, kept by owner and brought up to date by what has changed since.

A part is what one instrument comes to in one portfolio, with all it is tied to; what is about cash
alone is a part too. Entries are only ever added, or changed with a revision, and one owner's
changes take turns: the highest keys seen tell what is new, and only the parts it is about are read
anew.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.book import Entry, book_of
from analytics.events import Pool
from analytics.money import exact
from analytics.parts import Part, Parts, Whole, part_of
from models.base import row_key
from models.database import Database
from models.instruments import Instrument, instruments_by_id
from models.ledger_changes import newest_revision, revised_since, touched_since
from models.portfolios import Portfolio, portfolios_by_owner
from models.reading import Prepared
from models.transactions import Transaction, ledger
from services.aside import Pauses, aside, uncollected
from services.entries import Terms, events_in_turn, movements_of, pool_of, terms_of
from services.order import in_order
from services.pools import Ties, entries_of, stream_entries, ties_of

INSTRUMENTS: Prepared[Instrument] = Prepared(instruments_by_id())

Stamp = tuple[int, str, Terms]
"""What tells a changed ledger: a change of one bumps the versions of all it is tied to."""


Stamps = dict[int, Stamp]
"""The stamps of portfolios by key."""


def stamp_of(portfolio: Portfolio) -> Stamp:
    """Return what tells whether a portfolio's ledger, or how it is read, has changed."""
    (terms,) = terms_of([portfolio]).values()
    return portfolio.version, portfolio.base_currency, terms


GROUP, POOL, MARK, INSTRUMENT = 300, 190, 400, 250
"""About so many bytes a group of pools, a pool in it, a mark and an instrument's names take."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """Up to where a portfolio's ledger was read."""

    stamp: Stamp
    newest: "_Keys"


class _Keys(NamedTuple):
    """The highest keys of entries and revisions that were seen of an owner.

    What comes later has higher ones, for the owner is held by who writes.
    """

    entry: int = 0
    revision: int = 0

    def raised(self, *entries: int, revision: int = 0) -> "_Keys":
        """Return keys not lower than others."""
        return _Keys(max(self.entry, *entries, 0), max(self.revision, revision))


@dataclass(frozen=True, slots=True)
class _Changes:
    """The pools that have to be read anew, all they are tied to, and what is booked about them.

    Who turns the entries into parts takes them out of here.
    """

    owned: Mapping[int, Portfolio]
    pools: set[Pool]
    ties: Ties
    entries: list[Transaction]
    marks: Mapping[int, _Mark]

    def bases(self, ids: Iterable[int]) -> dict[int, str]:
        """Return the base currencies of portfolios that are still there."""
        return {key: self.owned[key].base_currency for key in ids if key in self.owned}


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read so far; a change makes another one, so that it holds as a whole or not."""

    parts: Parts = field(default_factory=Parts)
    groups: Mapping[Pool, set[Pool]] = field(default_factory=dict)
    """The pools of each part."""
    marks: Mapping[int, _Mark] = field(default_factory=dict)
    size: int = 0

    def around(self, pools: set[Pool], portfolios: Collection[int]) -> set[Pool]:
        """Return all pools of the groups that some pools, or all of portfolios, were in."""
        return {
            pool
            for group in self.groups.values()
            if not group.isdisjoint(pools) or any(one[0] in portfolios for one in group)
            for pool in group
        }

    def changed(self, changes: _Changes) -> "_Known":
        """Return the same with new parts in the place of all that had something of them."""
        if not changes.marks:
            return self
        groups = dict(self.groups)
        gone = [key for key, group in groups.items() if not group.isdisjoint(changes.pools)]
        for key in gone:
            del groups[key]
        fresh = changes.ties.groups(changes.pools)
        made = _parts_of(changes, fresh)
        parts = self.parts.changed(gone, made)
        groups |= {key: fresh[key] for key in made}
        marks = dict(self.marks) | dict(changes.marks)
        pools = sum(map(len, groups.values()))
        size = parts.size + GROUP * len(groups) + POOL * pools + MARK * len(marks)
        return _Known(parts=parts, groups=groups, marks=marks, size=size)


@dataclass(slots=True, eq=False)
class Ledgers:
    """What was read of one owner's ledgers."""

    owner_id: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    instruments: dict[int, tuple[str, str]] = field(default_factory=dict)
    """The symbols and currencies of instruments by key."""
    _known: _Known = field(default_factory=_Known)

    @property
    def nbytes(self) -> int:
        """Return about how many bytes it takes."""
        return self._known.size + INSTRUMENT * len(self.instruments)

    def has(self, key: int) -> bool:
        """Tell whether a portfolio's ledger was ever read."""
        return key in self._known.marks

    async def wholes(
        self, database: Database, scopes: Sequence[tuple[int, ...]]
    ) -> list[tuple[Whole, Stamps]]:
        """Return what the portfolios of scopes have together, with the stamps of what was read."""
        async with self.lock:
            with uncollected():
                ids = sorted({key for scope in scopes for key in scope})
                changes = await self._changes(database, ids)
                known = self._known = await aside(changes.entries, self._known.changed, changes)
            found = []
            for scope in scopes:
                bases = changes.bases(scope)
                whole = await asyncio.to_thread(known.parts.whole, bases)
                found.append((whole, {key: known.marks[key].stamp for key in bases}))
            held = {line.instrument for whole, _ in found for line in whole.lines}
            await self._learn(database, held - {0})
            return found

    async def _changes(self, database: Database, ids: Collection[int]) -> _Changes:
        """Read what of some portfolios is not known yet, all of one moment."""
        known = self._known
        async with database.snapshot() as session:
            rows = await session.scalars(portfolios_by_owner([self.owner_id]))
            owned = {row_key(row.id): row for row in rows}
            stamps = {key: stamp_of(owned[key]) for key in ids if key in owned}
            anew = [
                key
                for key, stamp in stamps.items()
                if key not in known.marks or known.marks[key].stamp[1:] != stamp[1:]
            ]
            changed = [
                key
                for key, stamp in stamps.items()
                if key not in anew and known.marks[key].stamp != stamp
            ]
            if not anew and not changed:
                return _Changes(owned, set(), Ties(), [], {})
            pools, newest = await self._touched(session, changed)
            entries: list[Transaction] = []
            if anew:
                async for some in stream_entries(session, ledger(anew)):
                    entries += some
                    places = {
                        (entry.portfolio_id, entry.instrument_id, entry.related_instrument_id)
                        for entry in some
                    }
                    pools |= {pool for place in places for pool in _pools(*place)}
                    newest = newest.raised(*(row_key(entry.id) for entry in some))
                revision = await session.scalar(newest_revision(anew)) or 0
                newest = newest.raised(revision=revision)
            ties = await ties_of(session, [self.owner_id])
            pools = ties.around(pools | known.around(pools, anew))
            elsewhere = {pool for pool in pools if pool[0] not in anew}
            entries += await entries_of(session, elsewhere)
            marks = {key: _Mark(stamps[key], newest) for key in [*anew, *changed]}
            return _Changes(owned, pools, ties, entries, marks)

    async def _touched(
        self, session: AsyncSession, changed: Collection[int]
    ) -> tuple[set[Pool], _Keys]:
        """Return the pools of portfolios that were touched since they were read, and keys seen."""
        newest = _Keys()
        for mark in self._known.marks.values():
            newest = newest.raised(mark.newest.entry, revision=mark.newest.revision)
        if not changed:
            return set(), newest
        known = [self._known.marks[key].newest for key in changed]
        ids, pools = sorted(changed), set[Pool]()
        added = touched_since(ids, min(one.entry for one in known))
        for key, portfolio_id, instrument_id, related_id in await session.execute(added):
            pools |= _pools(portfolio_id, instrument_id, related_id)
            newest = newest.raised(row_key(key))
        revised = revised_since(ids, min(one.revision for one in known))
        for key, portfolio_id, instrument_id, related_id, before in await session.execute(revised):
            pools |= _pools(portfolio_id, instrument_id, related_id)
            was = before.get("instrument_id"), before.get("related_instrument_id")
            pools |= _pools(portfolio_id, *was)
            newest = newest.raised(revision=row_key(key))
        return pools, newest

    async def _learn(self, database: Database, ids: set[int]) -> None:
        missing = sorted(ids - self.instruments.keys())
        if missing:
            rows = await database.scalars(INSTRUMENTS, keys=missing)
            self.instruments |= {row_key(row.id): (row.symbol, row.currency) for row in rows}


def _pools(portfolio_id: int, instrument_id: int | None, related_id: int | None) -> set[Pool]:
    pools = {(portfolio_id, instrument_id or 0)}
    return pools if related_id is None else pools | {(portfolio_id, related_id)}


@exact
def _parts_of(changes: _Changes, groups: Mapping[Pool, set[Pool]]) -> dict[Pool, Part]:
    """Read entries as parts, one for each group of pools."""
    key_of = {pool: key for key, group in groups.items() for pool in group}
    by_group: dict[Pool, list[Transaction]] = {}
    entries, terms = changes.entries, terms_of(changes.owned.values())
    while entries:  # to let go of all of them at once would hold everybody up
        entry = entries.pop()
        by_group.setdefault(key_of[pool_of(entry)], []).append(entry)
    pauses = Pauses()
    return {
        key: _part_of(by_group.pop(key), terms=terms, ties=changes.ties, pauses=pauses)
        for key in list(by_group)
    }


def _part_of(
    entries: Iterable[Transaction], *, terms: Mapping[int, Terms], ties: Ties, pauses: Pauses
) -> Part:
    ordered = in_order(entries)
    return part_of(
        book_of(
            pauses.between(events_in_turn(ordered, terms=terms)),
            (
                Entry(
                    row_key(entry.id),
                    entry.portfolio_id,
                    entry.instrument_id or 0,
                    movements_of(entry, rated=False),
                    ties.counterparts.get(row_key(entry.id)),
                )
                for entry in pauses.between(ordered)
            ),
            bases={},
            method=lambda pool: terms.get(pool[0], Terms()).method,
        )
    )
