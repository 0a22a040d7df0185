"""Latency and throughput of the canonical query, beside a bare endpoint in the same run.

One client in this process, one request at a time; prints a table and asserts nothing.
"""

from datetime import UTC, datetime
from decimal import Decimal

from benchmarks.bare import bare_endpoint
from benchmarks.running import asking, databases, measure, nothing, serving
from gateway.web.explorer import default_tabs
from models.base import row_key
from models.drafts import Draft
from models.transactions import Kind
from resolvers.context import Services
from services.accounts import create_user
from services.booking import book, hold_portfolio
from services.portfolios import create_portfolio
from services.preparing import prepare

SIZES = (1, 10, 50, 500)
QUERY = default_tabs()[0]["query"]
BOUGHT = datetime(2024, 1, 16, 15, tzinfo=UTC)


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
    prepared = await prepare(services.database, services.market, base_currency="USD", drafts=drafts)
    async with services.database.writing() as session:
        user = await create_user(
            session, f"user{positions}", password_hash="-", base_currency="USD", now=now
        )
        owner_id = row_key(user.id)
        row = await create_portfolio(
            session, "Main", owner_id=owner_id, base_currency="USD", now=now
        )
        held = await hold_portfolio(session, user_id=owner_id, portfolio_id=row_key(row.id))
        await book(session, held, prepared=prepared, places=range(len(drafts)), now=now)
    return owner_id


async def compare(url: str, kind: str) -> None:
    """Print the table's rows for one database."""
    async with serving(url) as (application, services, client):
        for positions in SIZES:
            user_id = await seed(services, positions)
            path = f"/bare/{positions}"
            application.add_route(path, bare_endpoint(services, user_id))
            graph = asking(services, client, user_id, QUERY)

            async def bare(path: str = path) -> None:
                (await client.get(path)).raise_for_status()

            for cache, before in (("warm", nothing), ("cold", services.market.forget)):
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


async def main() -> None:
    """Run all comparisons."""
    print("Canonical query: milliseconds (median, 99th percentile) and requests a second")
    print(f"{'':27}{'FolioQL':>26} {'bare endpoint':>26}")
    print(
        f"{'database':10} {'positions':>9} {'cache':5} {'p50':>8} {'p99':>8} {'req/s':>8} "
        f"{'p50':>8} {'p99':>8} {'req/s':>8} {'ratio':>6} {'SQL':>6} {'calls':>6}"
    )
    async with databases() as urls:
        for kind, url in urls.items():
            await compare(url, kind)
