"""Latency and throughput of the canonical query, beside a bare endpoint in the same run.

SQLite in a temporary file, and PostgreSQL where TEST_POSTGRES_URL or the local server answers. One
client in this process, one request at a time; prints a table and asserts nothing.
"""

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter

import asyncpg
import httpx2

from benchmarks.bare import bare_endpoint
from gateway.app import create_app
from gateway.settings import Settings
from gateway.telemetry import configure_logging
from gateway.web.explorer import default_tabs
from models.base import row_key
from models.database import Database
from models.drafts import Draft
from models.migrate import upgrade
from models.transactions import Kind
from resolvers.context import Services
from services.accounts import create_user
from services.booking import book, hold_portfolio, prepare
from services.portfolios import create_portfolio

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
SIZES = (1, 10, 50, 500)
SECONDS = 2.0
QUERY = default_tabs()[0]["query"]
BOUGHT = datetime(2024, 1, 16, 15, tzinfo=UTC)
Ask = Callable[[], Awaitable[None]]


async def seed(services: Services, positions: int) -> int:
    """Add a user with one portfolio of so many positions; return the user's key."""
    now = services.clock()
    drafts = [
        Draft(
            kind=Kind.BUY,
            occurred_at=BOUGHT,
            symbol=f"SIM{number:03}",
            quantity=Decimal(10),
            price=Decimal("12.34"),
            fee=Decimal("1.5"),
        )
        for number in range(positions)
    ]
    async with services.database.reading() as session:
        prepared = await prepare(session, services.market, base_currency="USD", drafts=drafts)
    async with services.database.writing() as session:
        user = await create_user(
            session, f"user{positions}", password_hash="-", base_currency="USD", now=now
        )
        owner_id = row_key(user.id)
        row = await create_portfolio(
            session, "Main", owner_id=owner_id, base_currency="USD", now=now
        )
        held = await hold_portfolio(session, owner_id=owner_id, portfolio_id=row_key(row.id))
        await book(session, held, prepared=prepared, places=range(len(drafts)), now=now)
    return owner_id


async def measure(ask: Ask, before: Ask) -> tuple[float, float, float]:
    """Return the median and 99th percentile in milliseconds, and requests a second."""
    await ask()
    times: list[float] = []
    until = perf_counter() + SECONDS
    while perf_counter() < until or len(times) < 5:
        await before()
        started = perf_counter()
        await ask()
        times.append(perf_counter() - started)
    times.sort()
    middle, high = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
    return middle * 1000, high * 1000, len(times) / sum(times)


async def nothing() -> None:
    """Leave the cache warm."""


async def compare(url: str, kind: str) -> None:
    """Print the table's rows for one database."""
    database = Database(url)
    await upgrade(database)
    await database.close()
    settings = Settings(database_url=url, secret="s" * 32, log_level="error")
    application = create_app(settings)
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://bench"
        ) as client,
    ):
        services: Services = application.state.services
        for positions in SIZES:
            user_id = await seed(services, positions)
            path = f"/bare/{positions}"
            application.add_route(path, bare_endpoint(services, user_id))
            token, _ = services.tokens.issue_access(user_id, now=services.clock())

            async def graph(token: str = token) -> None:
                answer = await client.post(
                    "/graphql",
                    json={"query": QUERY},
                    headers={"authorization": f"Bearer {token}"},
                )
                if "errors" in answer.json():
                    raise RuntimeError(answer.text)

            async def bare(path: str = path) -> None:
                (await client.get(path)).raise_for_status()

            async def cold() -> None:
                await services.market.forget()

            for cache, before in (("warm", nothing), ("cold", cold)):
                await graph()
                await before()
                statements, calls = services.database.statements, services.market.calls.total()
                await graph()
                statements = services.database.statements - statements
                calls = services.market.calls.total() - calls
                ours, peer = await measure(graph, before), await measure(bare, before)
                print(
                    f"{kind:10} {positions:>9} {cache:5} "
                    f"{ours[0]:>8.1f} {ours[1]:>8.1f} {ours[2]:>8.0f} "
                    f"{peer[0]:>8.1f} {peer[1]:>8.1f} {peer[2]:>8.0f} "
                    f"{ours[0] / peer[0]:>6.1f} {statements:>6} {calls:>6}"
                )


@asynccontextmanager
async def postgres() -> AsyncIterator[str | None]:
    """Create a database for the run and drop it afterwards; null where there is no server."""
    name = f"folioql_bench_{uuid.uuid4().hex}"
    try:
        connection = await asyncpg.connect(POSTGRES, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        yield None
        return
    await connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield POSTGRES.rpartition("/")[0] + f"/{name}"
    finally:
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await connection.close()


async def main() -> None:
    """Run all comparisons."""
    print("Canonical query: milliseconds (median, 99th percentile) and requests a second")
    print(f"{'':27}{'FolioQL':>26} {'bare endpoint':>26}")
    print(
        f"{'database':10} {'positions':>9} {'cache':5} {'p50':>8} {'p99':>8} {'req/s':>8} "
        f"{'p50':>8} {'p99':>8} {'req/s':>8} {'ratio':>6} {'SQL':>6} {'calls':>6}"
    )
    with tempfile.TemporaryDirectory() as folder:
        await compare(f"sqlite:///{folder}/bench.db", "SQLite")
    async with postgres() as url:
        if url is None:
            print("PostgreSQL skipped: no server answers")
        else:
            await compare(url, "PostgreSQL")


configure_logging("error")
asyncio.run(main())
