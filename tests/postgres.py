"""PostgreSQL databases for tests: to make one takes fifty times as long as to empty it again."""

import asyncio
import os
import re
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import asyncpg

from models.database import Database
from models.migrate import upgrade

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")

OTHERS = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
  AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""

SCHEMA = """SELECT (SELECT sum(hashtext(a::text)) FROM pg_attribute a JOIN pg_class c
    ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace),
  (SELECT sum(hashtext(c::text)) FROM pg_constraint c), (SELECT min(version_num) FROM alembic_version)"""
"""Changes with every column, index and constraint that is made anew or dropped."""

FILLED = """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
  AND relkind = 'r' AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0"""

RESTART = """SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
  FROM pg_sequences WHERE last_value IS NOT NULL"""


class Emptied:
    """A migrated database that one test after the other has to itself.

    It is as new for each: who has changed the schema, or is still connected, leaves no database.
    """

    async def create(self):
        self.url = await create_database()
        database = Database(self.url)
        await upgrade(database)
        await database.close()
        # Without its triggers, rows may go in any order.
        self._connection = await asyncpg.connect(
            self.url, server_settings={"session_replication_role": "replica"}
        )
        self._schema = await self._connection.fetch(SCHEMA)

    async def empty(self):
        """Leave no row and no number taken; false when the database is not as it was then."""
        try:
            async with asyncio.timeout(20):
                return await self._emptied()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    async def _emptied(self):
        for _ in range(100):  # who is just leaving takes a moment
            if not await self._connection.fetchval(OTHERS):
                break
            await asyncio.sleep(0.01)
        else:
            return False
        if await self._connection.fetch(SCHEMA) != self._schema:
            return False
        filled = [name for (name,) in await self._connection.fetch(FILLED)]
        if filled:
            await self._connection.execute("; ".join(f"DELETE FROM {name}" for name in filled))
            # Gives their pages back, or rows might lie in another order.
            await self._connection.execute(f"VACUUM {', '.join(filled)}")
        await self._connection.fetch(RESTART)
        return True

    async def drop(self):
        self._connection.terminate()
        await drop_database(self.url)


class Databases:
    """What a worker has of a server, from a thread with an event loop that outlives the tests'."""

    def __init__(self):
        self._thread = ThreadPoolExecutor(1)
        self._runner = asyncio.Runner()
        self._spare = []

    def _run(self, work):
        return self._thread.submit(self._runner.run, work).result()

    def lend(self):
        """Return a migrated database without rows."""
        if self._spare:
            return self._spare.pop()
        made = Emptied()
        self._run(made.create())
        return made

    def take_back(self, used):
        """Make a database as new, or drop it."""
        if self._run(used.empty()):
            self._spare.append(used)
        else:
            self._run(used.drop())

    def close(self):
        """Drop all databases."""
        for spare in self._spare:
            self._run(spare.drop())
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()


async def is_there():
    """Tell whether there is a server."""
    try:
        connection = await asyncpg.connect(POSTGRES, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


def _place():
    """Tell where processes' numbers mean what they do here: containers may share a host's name."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        namespace = ""
    return f"{socket.gethostname()} {namespace}"


PREFIX = f"folioql_test_{crc32(_place().encode()):08x}_"
"""What names of databases that are made here begin with; the process's number follows."""

MADE = re.compile(PREFIX + r"([0-9]{1,9})_[0-9a-f]{12}")
"""The whole name, so that a database which somebody has named much like it is left alone."""

UNUSED = """SELECT datname FROM pg_database d WHERE starts_with(datname, $1)
  AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname)"""


async def create_database(pid=None):
    """Make a new database with nothing in it; return its address."""
    name = f"{PREFIX}{pid or os.getpid()}_{uuid.uuid4().hex[:12]}"
    await _order(f'CREATE DATABASE "{name}"')
    return f"{POSTGRES.rpartition('/')[0]}/{name}"


async def drop_left_behind():
    """Drop the databases of runs that were killed: nobody uses them, nor will who made them."""
    connection = await asyncpg.connect(POSTGRES)
    for (name,) in await connection.fetch(UNUSED, PREFIX):
        made = MADE.fullmatch(name)
        if made and not _is_running(int(made[1])):
            with suppress(asyncpg.PostgresError):  # another worker was there first
                await connection.execute(f'DROP DATABASE "{name}"')
    await connection.close()


def _is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


async def drop_database(url):
    """Drop a database, whoever is connected."""
    await _order(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)')


async def _order(statement):
    connection = await asyncpg.connect(POSTGRES)
    await connection.execute(statement)
    await connection.close()
