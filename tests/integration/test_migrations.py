"""Migrations: they run both ways, and models and migrated databases agree."""

from dataclasses import replace
from datetime import UTC, date, datetime

from sqlalchemy import func, select, text

from models.database import Database
from models.market import BarRange, Series, SeriesKey
from models.migrate import differences, downgrade, head, is_migrated, revision, upgrade
from models.positions import Lot, Position
from models.transactions import Transaction
from services.stored_bars import StoredHistory
from services.verification import bring_up_to_date, verify_all
from tests.ledger import Ledger


async def test_an_upgrade_from_nothing_agrees_with_the_models(empty_database_url):
    database = Database(empty_database_url)
    await upgrade(database)
    assert await is_migrated(database)
    assert await differences(database) == []
    await database.close()


async def test_a_downgrade_empties_the_database_and_an_upgrade_fills_it_again(database):
    await downgrade(database)
    assert await revision(database) is None
    await upgrade(database)
    assert await revision(database) == head()


async def test_an_upgrade_of_an_upgraded_database_changes_nothing(database):
    await upgrade(database)
    assert await differences(database) == []


async def test_sqlite_writes_ahead_and_enforces_foreign_keys(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/x.db")
    await upgrade(database)  # which does without foreign keys for a moment
    async with database.reading() as session:
        journal = await session.scalar(text("PRAGMA journal_mode"))
        keys = await session.scalar(text("PRAGMA foreign_keys"))
    await database.close()
    assert (journal, keys) == ("wal", 1)


async def test_an_upgrade_keeps_every_row_and_derives_positions_anew(empty_database_url):
    database = Database(empty_database_url)
    await upgrade(database, target="0001")
    now = datetime(2024, 1, 2, tzinfo=UTC).isoformat()
    async with database.writing() as session:
        for statement in (
            "INSERT INTO users (id, username, username_key, password_hash, base_currency, "
            f"created_at) VALUES (1, 'ann', 'ann', 'x', 'USD', '{now}')",
            "INSERT INTO portfolios (id, owner_id, name, base_currency, allow_short, version, "
            f"created_at) VALUES (1, 1, 'Main', 'USD', FALSE, 1, '{now}')",
            "INSERT INTO instruments (id, symbol, name, asset_class, currency, created_at) "
            f"VALUES (1, 'AAPL', 'Apple', 'EQUITY', 'USD', '{now}')",
            "INSERT INTO transactions (id, portfolio_id, instrument_id, kind, occurred_at, "
            "quantity, price, currency, fee, tax, settlement_currency, rate, created_at) VALUES "
            f"(1, 1, 1, 'BUY', '{now}', '10', '100', 'USD', '2', '0', 'USD', '1', '{now}')",
            "INSERT INTO positions (id, portfolio_id, instrument_id, quantity, cost, cost_base, "
            f"realized, income, opened_at) VALUES (1, 1, 1, '10', '1002', '1002', '0', '0', '{now}')",
            "INSERT INTO lots (id, position_id, transaction_id, opened_at, quantity, cost, "
            f"cost_base) VALUES (1, 1, 1, '{now}', '10', '1002', '1002')",
        ):
            await session.execute(text(statement))
    await bring_up_to_date(database)
    async with database.reading() as session:
        (position,) = await session.scalars(select(Position))
        (lot,) = await session.scalars(select(Lot))
        entries = await session.scalar(select(func.count()).select_from(Transaction))
    checked = await verify_all(database)
    await downgrade(database, target="0001")
    async with database.reading() as session:
        left = await session.scalar(text("SELECT count(*) FROM transactions"))
    await database.close()
    assert (entries, left, position.quantity, position.fees, lot.fees) == (1, 1, 10, 2, 2)
    assert checked == (1, [])


async def test_a_downgrade_keeps_what_has_one_currency_and_drops_what_has_more(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    await ledger.trade("BUY", "10", "100", fee="1", note="one")
    await ledger.trade("BUY", "10", "90", fee="1500", feeCurrency="JPY")
    await ledger.trade("BUY", "10", "90", tax="2", taxCurrency="CHF")
    await ledger.trade("BUY", "10", "90", currency="EUR")
    database = api.services.database
    await downgrade(database, target="0001")
    async with database.reading() as session:
        left = list(await session.scalars(text("SELECT note FROM transactions")))
    await bring_up_to_date(database)
    position = await ledger.position()
    assert left == ["one"]
    assert position["costBasis"] == "1001 USD"
    assert await verify_all(database) == (1, [])


async def test_stored_bars_become_series_and_of_a_day_the_one_as_traded_comes_back(
    empty_database_url,
):
    database = Database(empty_database_url)
    await upgrade(database, target="0002")
    rows = [
        ("ACME", "2024-05-06", "10.123456789012345678", "files", "FALSE"),
        ("ACME", "2024-05-07", "11", "vendor", "TRUE"),
    ]
    async with database.writing() as session:
        for symbol, day, close, source, adjusted in rows:
            await session.execute(
                text(
                    "INSERT INTO daily_bars (symbol, day, close, currency, source, adjusted) "
                    f"VALUES ('{symbol}', '{day}', '{close}', 'USD', '{source}', {adjusted})"
                )
            )
    await upgrade(database)
    store, first, last = StoredHistory(database), date(2024, 5, 6), date(2024, 5, 7)
    keys = [
        SeriesKey(symbol="ACME", source=source, adjusted=adjusted)
        for source, adjusted in (("files", False), ("vendor", True))
    ]
    bars = await store.bars([BarRange(key=key, first=first, last=last) for key in keys])
    await store.keep(
        Series(key=keys[1], first=first, last=last, checked_at=datetime(2024, 6, 1, tzinfo=UTC)),
        [replace(bar, day=first) for some in bars.values() for bar in some if bar.adjusted],
    )
    await downgrade(database, target="0002")
    async with database.reading() as session:
        kept = await session.execute(
            text("SELECT CAST(close AS TEXT), source FROM daily_bars ORDER BY day")
        )
        left = [tuple(row) for row in kept]
    await database.close()
    assert [[str(bar.close) for bar in some] for some in bars.values()] == [
        ["10.123456789012345678"],
        ["11"],
    ]
    assert left == [("10.123456789012345678", "files"), ("11", "vendor")]
