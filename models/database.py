"""The database: engine, sessions for reading and for writing, and whether it is migrated."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    create_engine,
    event,
    insert,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from models.base import Base
from models.changes import Topic, taken_notes
from models.reading import AnySelect, Prepared, Row, pooled, threaded
from models.tables import metadata

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
DRIVERS["postgres"] = DRIVERS["postgresql"]

BUSY_TIMEOUT_SECONDS = 30
T = TypeVar("T")

CHUNK = 500
"""Rows or keys that one statement names at most: databases bound its parameters and its depth."""


class UnsupportedDatabaseError(ValueError):
    """The database URL names a database that FolioQL cannot use."""


def database_url(given: str) -> URL:
    """Turn a plain ``sqlite:///file`` or ``postgresql://…`` URL into one with our driver."""
    try:
        url = make_url(given)
    except Exception as error:
        # The text may hold a password, so the message does not repeat it.
        raise UnsupportedDatabaseError("the database URL cannot be read") from error
    family = url.get_backend_name()
    if family not in DRIVERS:
        raise UnsupportedDatabaseError(
            f"cannot use a {family!r} database: only sqlite:/// and postgresql:// URLs work"
        )
    return url.set(drivername=DRIVERS[family])


def _tune_connections(engine: Engine) -> None:
    """Make SQLite enforce foreign keys, write ahead and wait its turn."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves, below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()


def _tune_transactions(engine: Engine) -> None:
    """Make SQLite really begin, and rebuild tables when it is told to."""

    @event.listens_for(engine, "checkin")
    def on_checkin(connection: Any, record: Any) -> None:
        if record.info.pop("loose", False):
            connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("folioql_migrating", False):
            # Rebuilding a table drops the old one, which would delete the rows that refer to it.
            connection.info["loose"] = True
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        # A deferred transaction that reads first and writes later can fail on a busy file
        # without waiting; a writer therefore takes the lock at once.
        writing = connection.get_execution_options().get("folioql_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _drop_closed(engine: Engine) -> None:
    """Do not hand out connections that the server has closed.

    The driver knows without asking, so that this saves the round trip of a ping each time.
    """

    @event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError("the server has closed the connection")


class Database:
    """One database with its connection pool; ``statements`` counts what was sent to it."""

    def __init__(self, url: str, *, echo: bool = False, pool_size: int = 10) -> None:
        self.url = database_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.statements = 0
        self.tell: Callable[[frozenset[Topic]], None] = lambda _: None
        """Hears what each transaction noted as changed, once it is committed."""
        self.metadata = metadata  # complete: a table that is not imported breaks foreign keys
        # An error of the database ends up in a log, where what people store does not belong.
        options: dict[str, Any] = {"echo": echo, "hide_parameters": True}
        if self.is_sqlite and self.url.database in (None, "", ":memory:"):
            self.engine: AsyncEngine = create_async_engine(self.url, **options)
        else:
            # The connection used last has most statements prepared.
            options |= {"pool_size": pool_size, "max_overflow": pool_size, "pool_use_lifo": True}
            if not self.is_sqlite:
                # Days as text are the same on both databases, whatever the server's own style.
                options["connect_args"] = {"server_settings": {"datestyle": "ISO"}}
            self.engine = create_async_engine(self.url, **options)
        self._engines: list[Engine] = [self.engine.sync_engine]
        self._read = pooled(self.engine)
        if not self.is_sqlite:
            _drop_closed(self.engine.sync_engine)
        else:
            _tune_connections(self.engine.sync_engine)
            _tune_transactions(self.engine.sync_engine)
            if self.file() is not None:
                reader = create_engine(self.url.set(drivername="sqlite"), **options)
                _tune_connections(reader)
                self._engines.append(reader)
                self._read = threaded(reader)
        for engine in self._engines:
            event.listen(engine, "before_cursor_execute", self._count)
        self._snapshots = async_sessionmaker(self.engine, expire_on_commit=False)
        # What reads needs no transaction on a server, where it would cost two round trips.
        self._reading = async_sessionmaker(
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="AUTOCOMMIT"),
            expire_on_commit=False,
        )
        self._writing = async_sessionmaker(
            self.engine.execution_options(folioql_writing=True), expire_on_commit=False
        )

    def _count(self, _connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            self.statements += 1

    async def read(self, prepared: Prepared[Any], **parameters: Any) -> list[list[Row]]:
        """Read what several statements select, in one round trip and all of the same moment."""
        return prepared.dealt(await self._read(prepared.statement, parameters))

    async def rows(self, statement: AnySelect | Prepared[Any], **parameters: Any) -> list[Row]:
        """Read by one statement, in one round trip; entities come as tuples of their columns."""
        prepared: Prepared[Any] = (
            statement if isinstance(statement, Prepared) else Prepared(statement)
        )
        return (await self.read(prepared, **parameters))[0]

    async def scalars(self, statement: Select[T] | Prepared[T], **parameters: Any) -> list[T]:
        """Read the one thing that a statement selects."""
        return [row[0] for row in await self.rows(statement, **parameters)]

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a short session for statements that change nothing."""
        async with self._reading() as session:
            yield session

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """Open a session whose statements all see the same moment."""
        async with self._snapshots() as session:
            if not self.is_sqlite:  # there every transaction is a snapshot
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that commits at the end of the block and rolls back on an error."""
        async with self._writing.begin() as session:
            yield session
        topics = taken_notes(session)
        if topics:
            self.tell(topics)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a bare connection inside a transaction, to look at the schema."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """Open a bare connection inside a transaction that may rebuild tables."""
        engine = self.engine.execution_options(folioql_migrating=True)
        async with engine.connect() as connection:
            yield connection

    async def ping(self) -> None:
        """Raise when the database cannot be reached."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()
        for engine in self._engines[1:]:
            engine.dispose()

    def file(self) -> Path | None:
        """Return the file of an SQLite database, null for one in memory or on a server."""
        name = self.url.database
        return Path(name) if self.is_sqlite and name and name != ":memory:" else None


def lacks_tables(error: Exception) -> bool:
    """Tell whether a statement failed as a table is not there: nobody has migrated the database."""
    if not isinstance(error, DBAPIError):
        return False
    undefined = getattr(error.orig, "sqlstate", None) == "42P01"
    return undefined or "no such table" in str(error.orig)


def chunks(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Cut values into parts that one statement can name."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def packed(items: Iterable[T], most: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """Put items together that come to no more than a size; one that is larger stays alone."""
    pack: list[T] = []
    taken = 0
    for item in items:
        if pack and taken + size(item) > most:
            yield pack
            pack, taken = [], 0
        pack.append(item)
        taken += size(item)
    if pack:
        yield pack


async def insert_all(
    session: AsyncSession, table: type[Base], rows: Sequence[dict[str, Any]]
) -> None:
    """Insert rows that all have the same columns, in order and in one go."""
    if rows:
        # Without nulls spelled out the rows would be cut into runs that leave out the same ones.
        await session.execute(insert(table), rows, execution_options={"render_nulls": True})


async def insert_missing(
    session: AsyncSession, table: type[Base], rows: Sequence[dict[str, Any]]
) -> None:
    """Insert rows, but none that would break the uniqueness of one that is there."""
    for chunk in chunks(rows):
        statement = _insert(session)(table.__table__).values(list(chunk))  # type: ignore[attr-defined]
        await session.execute(statement.on_conflict_do_nothing())


async def upsert_many(
    session: AsyncSession, table: type[Base], rows: Sequence[dict[str, Any]]
) -> None:
    """Do as ``upsert``, for thousands of rows: one short statement, run for each by the driver."""
    if rows:
        statement = _insert(session)(table.__table__)  # type: ignore[attr-defined]
        await session.execute(_overwriting(statement), rows)


async def upsert(session: AsyncSession, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or overwrite those with the same primary key; later rows must not repeat one."""
    for chunk in chunks(rows):
        statement = _insert(session)(table.__table__).values(list(chunk))  # type: ignore[attr-defined]
        await session.execute(_overwriting(statement))


def _insert(session: AsyncSession) -> Callable[..., Any]:
    """Return the database's own insert, which may meet rows that are there."""
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


def _overwriting(statement: Any) -> Any:
    """Let an insert overwrite rows with the same primary key."""
    keys = [column.name for column in statement.table.primary_key]
    changes = {
        column.name: statement.excluded[column.name]
        for column in statement.table.columns
        if column.name not in keys
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)
