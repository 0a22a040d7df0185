"""What it takes to value ledgers day by day: cold, warm, after a trade, and a hundred at once.

Each size and database has a process of its own. Bars are stored before, as after a first look at a
vendor; what plain pandas takes for the same closes and units in memory is measured beside.
"""

import asyncio
import math
import multiprocessing
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from statistics import median
from time import perf_counter

import httpx2
import numpy as np
import pandas as pd
from sqlalchemy import update
from sqlmodel import col

from benchmarks.ledger import Ledger, open_ledger
from benchmarks.ledgers import FIRST, INSTRUMENTS, SPAN, drafts_of, symbol_of
from benchmarks.running import asking, databases, serving
from gateway.server import collect_seldom, take_short_turns
from gateway.telemetry import configure_logging
from models.bars import DailyBar, PriceSeries
from models.database import Database, insert_all
from models.drafts import Draft
from models.market import SeriesKey
from models.transactions import Kind
from resolvers.context import Services
from services.stored_bars import ids_of

SIZES = (1_500, 15_000, 150_000)
MANY = 100
REPEATS = 20
DAY = timedelta(days=1)
LAST = (FIRST + SPAN).date() + 30 * DAY
CURRENCIES = {".DE": "EUR", ".TO": "CAD", ".L": "GBP"}
QUESTION = """{ viewer { portfolios { performance(range: {from: "%s", to: "%s"}) {
    gain { value } timeWeightedReturn { value reason }
    series(points: 500) { day value { amount } invested { amount } growth } } } } }"""
TOTALS = """{ viewer { portfolios { performance(range: {from: "%s", to: "%s"}) {
    gain { value } timeWeightedReturn { value reason } } } } }"""
ROLLING = """{ viewer { portfolios { risk(range: {from: "%s", to: "%s"}) {
    rolling(measure: SHARPE, window: 252) { day value } } } } }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What values of one size took, in milliseconds."""

    cold: float
    warm: float
    trade: float
    rolling: float
    many: float
    many_warm: float
    health: float
    frames: float


HEADINGS = {
    "cold": "cold",
    "warm": "warm",
    "trade": "+1 trade",
    "rolling": "rolling",
    "many": "100 cold",
    "many_warm": "100 warm",
    "health": "healthz",
    "frames": "pandas",
}


def weekdays() -> list[date]:
    """Return the days that bars are stored of."""
    days = pd.bdate_range(FIRST.date() - 30 * DAY, LAST)
    return [day.date() for day in days]


async def store_bars(database: Database, now: datetime) -> None:
    """Store made-up bars of all instruments, as traded and of one source."""
    days, chance = weekdays(), Random(7)
    keys = [
        SeriesKey(symbol=symbol_of(rank), source="loaded", adjusted=False)
        for rank in range(INSTRUMENTS)
    ]
    async with database.writing() as session:
        numbers = await ids_of(session, keys)
        for key in keys:
            currency = CURRENCIES.get("." + key.symbol.rpartition(".")[2], "USD")
            price, rows = chance.uniform(10, 200), []
            for day in days:
                price *= math.exp(chance.gauss(0.0002, 0.01))
                close = Decimal(f"{price:.2f}")
                rows.append(
                    dict.fromkeys(("open", "high", "low", "volume"))
                    | {"series_id": numbers[key], "day": day, "close": close, "currency": currency}
                )
            await insert_all(session, DailyBar, rows)
        await session.execute(
            update(PriceSeries)
            .where(col(PriceSeries.id).in_(list(numbers.values())))
            .values(first_day=days[0], last_day=days[-1], checked_at=now)
        )


def beside(size: int) -> float:
    """Return the milliseconds that pandas takes: units by day times closes carried forward.

    No currencies, costs, fees or flows: only the least there is to do, all of it in memory.
    """
    chance = np.random.default_rng(1)
    days = pd.date_range(FIRST.date(), LAST)
    traded = pd.DataFrame(
        np.exp(np.cumsum(chance.normal(0.0002, 0.01, (len(days), INSTRUMENTS)), axis=0)),
        index=days,
        columns=[symbol_of(rank) for rank in range(INSTRUMENTS)],
    )
    closes = traded.loc[days.weekday < 5]
    trades = pd.DataFrame(
        {
            "day": days[chance.integers(0, len(days), size)],
            "symbol": chance.choice(closes.columns, size),
            "units": chance.integers(1, 20, size),
        }
    )
    started = perf_counter()
    units = trades.pivot_table(index="day", columns="symbol", values="units", aggfunc="sum")
    held = units.reindex(index=days, columns=closes.columns).fillna(0).cumsum()
    value = (held * closes.reindex(days).ffill()).sum(axis=1)
    value.pct_change(fill_method=None).rolling(252).std()
    return (perf_counter() - started) * 1000


class Bench:
    """The questions of one size, about a ledger of its own or about a hundred small ones."""

    def __init__(self, services: Services, client: httpx2.AsyncClient) -> None:
        self.services = services
        self.client = client

    def forget(self) -> None:
        """Drop all values of this process."""
        self.services.kept.__init__(self.services.clock)  # type: ignore[misc]

    async def time(self, ask: Callable[[], Awaitable[None]]) -> float:
        """Return the milliseconds of one answer."""
        started = perf_counter()
        await ask()
        return (perf_counter() - started) * 1000

    async def cold(self, ask: Callable[[], Awaitable[None]]) -> float:
        """Return the milliseconds of an answer of which nothing is kept."""
        times = []
        for _ in range(3):
            self.forget()
            times.append(await self.time(ask))
        return median(times)

    async def warm(self, ask: Callable[[], Awaitable[None]]) -> float:
        """Return the median milliseconds of answers of which all is kept."""
        return median([await self.time(ask) for _ in range(REPEATS)])

    async def after_a_trade(self, ledger: Ledger, ask: Callable[[], Awaitable[None]]) -> float:
        """Return the median after one more trade a year before the last, each time."""
        times = []
        for number in range(REPEATS):
            trade = Draft(
                kind=Kind.BUY,
                occurred_at=FIRST + SPAN - timedelta(days=365 - number),
                symbol=symbol_of(number * 7),
                quantity=Decimal(3),
                price=Decimal("12.34"),
                fee=Decimal(1),
            )
            await ledger.add([trade])
            times.append(await self.time(ask))
        return median(times)

    async def health(self, ask: Callable[[], Awaitable[None]]) -> float:
        """Return the longest that `/healthz` took while values were worked out from nothing."""
        self.forget()
        work, longest = asyncio.create_task(ask()), 0.0
        while not work.done():
            started = perf_counter()
            await self.client.get("/healthz")
            longest = max(longest, perf_counter() - started)
            await asyncio.sleep(0.002)
        await work
        return longest * 1000


async def _costs(url: str, size: int) -> Costs:
    decade = (LAST - timedelta(days=3652), LAST)
    async with serving(url, bar_providers=()) as (_, services, client):
        await store_bars(services.database, services.clock())
        (one,) = await open_ledger(services)
        await one.add(drafts_of(size))
        collect_seldom()
        take_short_turns()
        bench = Bench(services, client)
        ask = asking(services, client, one.owner_id, QUESTION % decade)
        rolling = asking(services, client, one.owner_id, ROLLING % decade)
        many = await open_ledger(services, names=[f"Client {number}" for number in range(MANY)])
        for number, ledger in enumerate(many):
            await ledger.add(drafts_of(size // MANY, seed=number + 2))
        ask_many = asking(services, client, many[0].owner_id, TOTALS % decade)
        return Costs(
            cold=await bench.cold(ask),
            warm=await bench.warm(ask),
            trade=await bench.after_a_trade(one, ask),
            rolling=await bench.warm(rolling),
            many=await bench.cold(ask_many),
            many_warm=await bench.warm(ask_many),
            health=await bench.health(ask),
            frames=beside(size),
        )


def costs(url: str, size: int) -> Costs:
    """Measure one size on one database, in this process."""
    configure_logging("critical")
    return asyncio.run(_costs(url, size))


async def main(sizes: Sequence[int]) -> None:
    """Measure sizes on all databases."""
    print("Values by day: milliseconds of ten years, of the longest answer of /healthz meanwhile")
    print(f"{'database':10} {'entries':>8}" + "".join(f"{one:>10}" for one in HEADINGS.values()))
    context = multiprocessing.get_context("spawn")
    for size in sizes:
        async with databases() as urls:
            for kind, url in urls.items():
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    found = asdict(pool.submit(costs, url, size).result())
                row = "".join(f"{found[name]:>10.1f}" for name in HEADINGS)
                print(f"{kind:10} {size:>8}{row}", flush=True)
