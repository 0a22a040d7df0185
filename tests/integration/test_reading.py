"""Reading without sessions: plain rows, one round trip each, connections that live."""

import re
from datetime import date
from decimal import Decimal

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url

from models.bars import DailyBar, close_texts, versions_of_series
from models.instruments import Instrument, instruments_by_id, instruments_by_symbol
from models.market import SeriesKey
from models.portfolios import cash_by_portfolio, portfolios_by_id, totals_by_portfolio
from models.positions import positions_by_portfolio
from models.reading import Prepared
from models.transactions import transactions_by_id
from services.stored_bars import ids_of
from tests.postgres import POSTGRES

POSTGRES_ONLY = [pytest.param("postgres", marks=pytest.mark.postgres)]


async def test_entities_come_as_plain_tuples_with_their_attributes(demo):
    (row,) = await demo.services.database.scalars(portfolios_by_id([1]))
    assert (row.id, row.base_currency, row.is_all) == (1, "USD", False)
    assert row[0] == 1
    with pytest.raises(AttributeError):
        row.name = "Other"


async def test_what_an_outer_join_does_not_find_is_null(demo):
    rows = await demo.services.database.rows(transactions_by_id(list(range(1, 100))))
    kinds = {entry.kind: (held and held.symbol, related) for entry, held, related in rows}
    assert kinds["DEPOSIT"] == (None, None)
    assert kinds["DIVIDEND"][0] is not None


async def test_many_keys_are_one_parameter(database, clock):
    names = [f"S{number}" for number in range(3000)] + ["it's", 'a "b"', "\\"]
    async with database.writing() as session:
        session.add_all(
            Instrument(
                symbol=name, name=name, asset_class="EQUITY", currency="USD", created_at=clock()
            )
            for name in names
        )
    found = await database.scalars(instruments_by_symbol([*names, "NONE"]))
    assert {row.symbol for row in found} == set(names)
    ids = [row.id for row in found]
    assert len(await database.scalars(instruments_by_id(ids))) == 3003
    assert await database.scalars(instruments_by_id([])) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "statement", [portfolios_by_id, positions_by_portfolio, close_texts, versions_of_series]
)
async def test_sqlite_finds_many_keys_by_an_index(database, statement):
    compiled = str(statement().compile(dialect=sqlite.dialect(paramstyle="named")))
    query = re.sub(r"__\[POSTCOMPILE_\w+\]", "','", compiled)
    async with database.reading() as session:
        steps = await session.execute(
            text(f"EXPLAIN QUERY PLAN {query}"), {"keys": "[1]", "first": "", "last": ""}
        )
        assert "SEARCH" in next(step.detail for step in steps if "json_each" not in step.detail)


async def test_statements_side_by_side_are_one_and_read_what_each_of_them_does(demo):
    database = demo.services.database
    reading = Prepared(positions_by_portfolio(), cash_by_portfolio(), totals_by_portfolio())
    before = database.statements
    found = await database.read(reading, keys=[1, 2])
    assert database.statements - before == 1
    apart = [
        await database.rows(statement([1, 2]))
        for statement in (positions_by_portfolio, cash_by_portfolio, totals_by_portfolio)
    ]
    assert all(apart)
    assert [set(rows) for rows in found] == [set(rows) for rows in apart]


@pytest.fixture
async def german_days(database_url):
    """Let a server write days as 31.05.2024, in sessions that ask for nothing else."""
    name = make_url(database_url).database
    connection = await asyncpg.connect(POSTGRES)
    await connection.execute(f"ALTER DATABASE \"{name}\" SET datestyle TO 'German'")
    yield
    await connection.execute(f'ALTER DATABASE "{name}" RESET datestyle')
    await connection.close()


@pytest.mark.parametrize("database_url", POSTGRES_ONLY, indirect=True)
async def test_days_are_told_alike_however_the_server_writes_them(german_days, database):
    key, day = SeriesKey(symbol="ACME", source="loaded", adjusted=False), date(2024, 5, 31)
    async with database.writing() as session:
        (number,) = (await ids_of(session, [key])).values()
        bar = DailyBar(series_id=number, day=day, close=Decimal("1.50"), currency="USD")
        session.add(bar)
    (row,) = await database.rows(close_texts(), keys=[number], first=day, last=day)
    assert row == (number, "2024-05-31", "1.50", "USD")


@pytest.mark.parametrize("database_url", POSTGRES_ONLY, indirect=True)
async def test_a_connection_that_the_server_has_closed_is_not_handed_out(database):
    assert await database.scalars(portfolios_by_id([1])) == []
    connection = await asyncpg.connect(POSTGRES)
    await connection.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
        database.url.database,
    )
    await connection.close()
    assert await database.scalars(portfolios_by_id([1])) == []
    async with database.writing() as session:
        assert (await session.execute(portfolios_by_id([1]))).all() == []
