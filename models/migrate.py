"""Runs the schema migrations that ship inside this package."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from models.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_KEY = 0x466F6C696F  # any number that all replicas agree on


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def head() -> str | None:
    """Return the newest revision that this program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def revision(database: Database) -> str | None:
    """Return the revision the database is at; null for one never migrated."""
    async with database.connection() as connection:
        return await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )


async def is_migrated(database: Database) -> bool:
    """Tell whether the database is at the newest revision."""
    return await revision(database) == head()


async def upgrade(database: Database, *, target: str = "head") -> None:
    """Bring the database up to a revision; replicas that start together wait for each other."""

    def run(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_KEY})"))
        command.upgrade(_config(connection), target)

    await _run(database, run)


async def downgrade(database: Database, *, target: str = "base") -> None:
    """Take the database down to a revision; what only newer ones can hold is lost."""
    await _run(database, lambda connection: command.downgrade(_config(connection), target))


async def differences(database: Database) -> list[object]:
    """List where the migrated database and the models disagree; empty when they agree."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": False}
        )
        return list(compare_metadata(context, database.metadata))

    async with database.connection() as connection:
        return await connection.run_sync(compare)


async def _run(database: Database, work: object) -> None:
    async with database.migrating() as connection:
        await connection.run_sync(work)  # type: ignore[arg-type]
        if database.is_sqlite:
            broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).first()
            if broken is not None:
                raise RuntimeError(f"the migration would break a reference of {broken[0]}")
        await connection.commit()
