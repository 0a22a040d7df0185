"""What ledgers of different sizes cost to book, to add to and to ask about.

Each size and database has a process of its own, so that its memory is its own.
"""

import asyncio
import multiprocessing
import resource
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from statistics import median
from time import perf_counter

from benchmarks.ledgers import BUSIEST, FIRST, QUIETEST, SPAN, drafts_of
from benchmarks.query import QUERY
from benchmarks.running import asking, databases, measure, serving
from gateway.telemetry import configure_logging
from models.base import row_key
from models.drafts import Draft
from models.transactions import Kind
from resolvers.context import Services
from services.accounts import create_user
from services.booking import book, hold_portfolio
from services.exports import as_csv
from services.imports import ImportFile, parse
from services.portfolios import create_portfolio
from services.preparing import prepare

SIZES = (1_500, 15_000, 150_000)
REPEATS = 20
POSITIONS = "{ viewer { portfolios { positions(%s) { symbol quantity averageCost { amount } } } } }"
PAST = POSITIONS % f'asOf: "{(FIRST + SPAN - timedelta(days=3652)).date()}"'
BY_COST = POSITIONS % "lotMethod: HIFO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one ledger cost: times in milliseconds, memory in mebibytes."""

    parse: float
    prepare: float
    book: float
    busy: float
    quiet: float
    warm: float
    cold: float
    past: float
    by_cost: float
    memory: float


HEADINGS = {
    "parse": "parse",
    "prepare": "prepare",
    "book": "book all",
    "busy": "+1 busy",
    "quiet": "+1 quiet",
    "warm": "warm",
    "cold": "cold",
    "past": "asOf",
    "by_cost": "HIFO",
    "memory": "MiB",
}


class Ledger:
    """A portfolio that is booked into."""

    def __init__(self, services: Services, owner_id: int, portfolio_id: int) -> None:
        self.services = services
        self.owner_id = owner_id
        self.portfolio_id = portfolio_id

    async def add(self, drafts: Sequence[Draft]) -> tuple[float, float]:
        """Book drafts and return the milliseconds of preparing and of booking."""
        services, now = self.services, self.services.clock()
        started = perf_counter()
        prepared = await prepare(
            services.database, services.market, base_currency="USD", drafts=drafts
        )
        ready = perf_counter()
        async with services.database.writing() as session:
            held = await hold_portfolio(
                session, user_id=self.owner_id, portfolio_id=self.portfolio_id
            )
            await book(session, held, prepared=prepared, places=range(len(drafts)), now=now)
        return (ready - started) * 1000, (perf_counter() - ready) * 1000

    async def add_one(self, symbol: str) -> float:
        """Return the median milliseconds of one more trade, bought and sold in turn."""
        times = []
        for number in range(REPEATS):
            trade = Draft(
                kind=Kind.SELL if number % 2 else Kind.BUY,
                occurred_at=FIRST + SPAN + timedelta(hours=number),
                symbol=symbol,
                quantity=Decimal(3),
                price=Decimal("12.34"),
                fee=Decimal(1),
            )
            times.append(sum(await self.add([trade])))
        return median(times)


async def open_ledger(services: Services, *, names: Sequence[str] = ("Main",)) -> list[Ledger]:
    """Create a user with empty portfolios."""
    now = services.clock()
    async with services.database.writing() as session:
        user = await create_user(
            session, f"investor-{len(names)}", password_hash="-", base_currency="USD", now=now
        )
        owner_id = row_key(user.id)
        rows = [
            await create_portfolio(session, name, owner_id=owner_id, base_currency="USD", now=now)
            for name in names
        ]
    return [Ledger(services, owner_id, row_key(row.id)) for row in rows]


async def _import(ledger: Ledger, size: int) -> tuple[float, float, float]:
    """Read and book a whole ledger; nothing of it stays in memory."""
    services = ledger.services
    file = ImportFile(content=as_csv(drafts_of(size)).encode())
    started = perf_counter()
    drafts = (await parse(file, now=services.clock())).drafts
    return (perf_counter() - started) * 1000, *await ledger.add(drafts)


async def _costs(url: str, size: int) -> Costs:
    async with serving(url) as (_, services, client):
        (ledger,) = await open_ledger(services)
        parsed, prepared, booked = await _import(ledger, size)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        dashboard, past, by_cost = (
            asking(services, client, ledger.owner_id, query) for query in (QUERY, PAST, BY_COST)
        )
        return Costs(
            parse=parsed,
            prepare=prepared,
            book=booked,
            busy=await ledger.add_one(BUSIEST),
            quiet=await ledger.add_one(QUIETEST),
            warm=(await measure(dashboard))[0],
            cold=(await measure(dashboard, services.market.forget))[0],
            past=(await measure(past, least=1))[0],
            by_cost=(await measure(by_cost, least=1))[0],
            memory=memory,
        )


def costs(url: str, size: int) -> Costs:
    """Measure one size on one database, in this process."""
    configure_logging("critical")  # a long import keeps the market's memory waiting, and it says so
    return asyncio.run(_costs(url, size))


async def main(sizes: Sequence[int]) -> None:
    """Measure all sizes on all databases, and how much each figure grows with ten times as many."""
    print("Ledgers: milliseconds (of one more trade and of queries the median), peak memory")
    print(f"{'database':10} {'entries':>8}" + "".join(f"{one:>10}" for one in HEADINGS.values()))
    context = multiprocessing.get_context("spawn")
    before: dict[str, Costs] = {}
    for size in sizes:
        async with databases() as urls:
            for kind, url in urls.items():
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    found = pool.submit(costs, url, size).result()
                _print_row(f"{kind:10} {size:>8}", found, before.get(kind))
                before[kind] = found


def _print_row(title: str, found: Costs, smaller: Costs | None) -> None:
    figures = asdict(found)
    print(title + "".join(f"{figures[name]:>10.0f}" for name in HEADINGS), flush=True)
    if smaller is not None:
        than = asdict(smaller)
        ratios = (f"{figures[name] / than[name]:>9.1f}x" for name in HEADINGS)
        print(f"{'':19}" + "".join(ratios), flush=True)
