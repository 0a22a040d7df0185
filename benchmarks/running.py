"""What all benchmarks share: databases to run on, the application, and a stopwatch."""

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import Any

import asyncpg
import httpx2
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.settings import Settings
from models.database import Database
from models.migrate import upgrade
from resolvers.context import Services

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
Ask = Callable[[], Awaitable[None]]


@asynccontextmanager
async def databases() -> AsyncIterator[dict[str, str]]:
    """Make an empty database of each kind there is, and drop them afterwards."""
    name = f"folioql_bench_{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": f"sqlite:///{folder}/bench.db"}
        try:
            connection = await asyncpg.connect(POSTGRES, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            print("PostgreSQL skipped: no server answers")
            yield found
            return
        await connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield found | {"PostgreSQL": POSTGRES.rpartition("/")[0] + f"/{name}"}
        finally:
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            await connection.close()


@contextmanager
def empty_database() -> Iterator[str]:
    """Make an SQLite database that has all tables and nothing in them; not within an event loop."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/empty.db"
        asyncio.run(migrate(url))
        yield url


async def migrate(url: str) -> None:
    """Give a database all tables."""
    database = Database(url)
    await upgrade(database)
    await database.close()


@asynccontextmanager
async def serving(
    url: str, **settings: Any
) -> AsyncIterator[tuple[Starlette, Services, httpx2.AsyncClient]]:
    """Serve the application on a migrated database, within this process."""
    await migrate(url)
    application = create_app(
        Settings(
            database_url=url, secret="s" * 32, log_level="error", rate_restore=10**9, **settings
        )
    )
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://bench"
        ) as client,
    ):
        yield application, application.state.services, client


def asking(services: Services, client: httpx2.AsyncClient, user_id: int, query: str) -> Ask:
    """Return what sends a query as a user; raises when the answer has errors."""
    token, _ = services.tokens.issue_access(user_id, now=services.clock())

    async def ask() -> None:
        answer = await client.post(
            "/graphql", json={"query": query}, headers={"authorization": f"Bearer {token}"}
        )
        if "errors" in answer.json():
            raise RuntimeError(answer.text)

    return ask


async def nothing() -> None:
    """Leave the cache warm."""


async def measure(
    ask: Ask, before: Ask = nothing, *, seconds: float = 2.0, least: int = 5
) -> tuple[float, float, float]:
    """Return the median and 99th percentile in milliseconds, and requests a second."""
    await ask()
    times: list[float] = []
    until = perf_counter() + seconds
    while perf_counter() < until or len(times) < least:
        await before()
        started = perf_counter()
        await ask()
        times.append(perf_counter() - started)
    times.sort()
    middle, high = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
    return middle * 1000, high * 1000, len(times) / sum(times)
