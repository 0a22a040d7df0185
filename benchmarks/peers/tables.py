"""Where peers in Python get their data: from memory, or from the same rows in PostgreSQL."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Generic, TypeVar
from uuid import uuid4

import asyncpg

from benchmarks.peers.rows import Money, Rows, make_rows
from benchmarks.running import POSTGRES

T = TypeVar("T")
Row = Mapping[str, Any]

DATABASE = os.environ.get("PEER_DATABASE_URL")
"""The database that a peer reads; from memory where there is none."""

CONNECTIONS = 8
"""Connections that each peer may have."""

COLUMNS = {
    "portfolios": "id text PRIMARY KEY, owner text, name text, base_currency text, place int",
    "positions": "id text PRIMARY KEY, portfolio_id text, symbol text, quantity numeric, "
    "average_cost numeric, cost_basis numeric, market_value numeric, unrealized_gain numeric, "
    "currency text, place int",
    "quotes": "symbol text PRIMARY KEY, price numeric, currency text, change numeric, "
    "change_ratio float8, previous_close numeric, volume int, as_of timestamptz, source text, "
    "quality text",
    "profiles": "symbol text PRIMARY KEY, name text, country text, exchange text, sector text, "
    "industry text, parent text",
}
INDEXES = ("portfolios (owner)", "positions (portfolio_id)")


def records(rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """Return all data as the rows of tables."""
    return {
        "portfolios": [
            {**vars(one), "owner": owner, "place": place}
            for owner, found in rows.portfolios.items()
            for place, one in enumerate(found)
        ],
        "positions": [
            {
                "portfolio_id": portfolio,
                "currency": one.cost_basis.currency,
                "place": place,
                **{
                    name: value.amount if isinstance(value, Money) else value
                    for name, value in vars(one).items()
                },
            }
            for portfolio, found in rows.positions.items()
            for place, one in enumerate(found)
        ],
        "quotes": [asdict(one) for one in rows.quotes.values()],
        "profiles": [asdict(one) for one in rows.profiles.values()],
    }


RECORDS = records(make_rows())


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Give a connection back to the pool: nobody here sets anything that would have to be reset.

    Asking the server to do so takes a round trip for each statement, which pools on Node.js spare.
    """


async def _open() -> asyncpg.Pool:
    return await asyncpg.create_pool(DATABASE, min_size=1, max_size=CONNECTIONS, reset=_as_it_is)


class Pool:
    """The pool of connections, opened when it is asked for the first time."""

    opening: asyncio.Task[asyncpg.Pool] | None = None

    @classmethod
    async def fetch(cls, statement: str, *arguments: object) -> list[Row]:
        """Return the rows of a statement."""
        if cls.opening is None:
            cls.opening = asyncio.create_task(_open())
        pool = await cls.opening
        found: list[Row] = await pool.fetch(statement, *arguments)
        return found


class Table(Generic[T]):
    """The rows of a table, as objects: from memory made beforehand, from the database each time."""

    def __init__(self, name: str, *, key: str, build: Callable[[Row], T]) -> None:
        self._key = key
        self._build = build
        self._kept: dict[str, list[T]] = {}
        for row in RECORDS[name]:
            self._kept.setdefault(row[key], []).append(build(row))
        order = " ORDER BY place" if "place" in COLUMNS[name] else ""
        self._statement = f"SELECT * FROM {name} WHERE {key} = ANY($1){order}"

    async def lists(self, keys: Sequence[str]) -> list[list[T]]:
        """Return all objects of each key."""
        found = self._kept
        if DATABASE:
            found = {key: [] for key in keys}
            for row in await Pool.fetch(self._statement, list(found)):
                found[row[self._key]].append(self._build(row))
        return [found[key] for key in keys]

    async def each(self, keys: Sequence[str]) -> list[T]:
        """Return the one object of each key."""
        return [one for (one,) in await self.lists(keys)]


async def _fill(name: str) -> None:
    connection = await asyncpg.connect(POSTGRES, timeout=5)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    connection = await asyncpg.connect(_url(name))
    for table, columns in COLUMNS.items():
        await connection.execute(f"CREATE TABLE {table} ({columns})")
        names = list(RECORDS[table][0])
        values = [[row[one] for one in names] for row in RECORDS[table]]
        await connection.copy_records_to_table(table, columns=names, records=values)
    for index in INDEXES:
        await connection.execute(f"CREATE INDEX ON {index}")
    await connection.execute("ANALYZE")
    await connection.close()


async def _drop(name: str) -> None:
    connection = await asyncpg.connect(POSTGRES)
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.close()


def _url(name: str) -> str:
    return POSTGRES.rpartition("/")[0] + f"/{name}"


@contextmanager
def filled_database() -> Iterator[str | None]:
    """Make a database of all data and drop it afterwards; none where no server answers."""
    name = f"folioql_bench_{uuid4().hex}"
    try:
        asyncio.run(_fill(name))
    except (OSError, TimeoutError):
        yield None
        return
    try:
        yield _url(name)
    finally:
        asyncio.run(_drop(name))
