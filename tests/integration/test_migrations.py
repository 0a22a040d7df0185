"""Migrations: they run both ways, and models and migrated databases agree."""

from models.database import Database
from models.migrate import differences, downgrade, head, is_migrated, revision, upgrade


async def test_an_upgrade_from_nothing_agrees_with_the_models(database):
    assert await is_migrated(database)
    assert await differences(database) == []


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
    async with database.connection() as connection:
        journal = (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar()
        keys = (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar()
    await database.close()
    assert (journal, keys) == ("wal", 1)
