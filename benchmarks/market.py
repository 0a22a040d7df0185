"""What the market's cache costs, beside aiocache as it comes and beside no cache at all.

All ask the same made-up vendor, in one process; prints a table and asserts nothing.
"""

import asyncio
import gc
import os
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

from aiocache import RedisCache, cached, multi_cached
from aiocache.serializers import PickleSerializer
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from benchmarks.running import Ask, measure, nothing
from datasources.cache import Cache
from datasources.entries import SharedEntries
from datasources.market import Chains, Market
from datasources.policies import POLICIES
from datasources.shared import MAX_CONNECTIONS, NAMESPACE, SharedServer
from gateway.resources import utc_now
from models.market import Quote, QuoteQuality

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
DELAY = 0.005
"""How many seconds the vendor takes for an answer, whatever is asked."""

BATCH, CALLERS, MANY = 500, 1_000, 10_000
SYMBOLS = [f"SIM{number:05}" for number in range(MANY)]
TTL = 3600
"""How long aiocache keeps values here: none ends while it is measured, nor do ours."""


def clock() -> datetime:
    """Return a Friday afternoon in New York, always: prices are fresh for a minute."""
    return datetime(2024, 6, 14, 18, tzinfo=UTC)


class Source:
    """A vendor that knows every symbol, takes its time and counts its calls."""

    name = "made-up"
    batch: ClassVar[dict[str, int]] = {}
    upstream = None  # what makes it a vendor to the chain, whose prices are judged

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.calls = 0

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Answer for all symbols at once."""
        self.calls += 1
        await asyncio.sleep(self.seconds)
        now = clock()
        return {
            symbol: Quote(
                symbol=symbol,
                price=Decimal("12.34"),
                currency="USD",
                as_of=now,
                received_at=now,
                source=self.name,
                quality=QuoteQuality.FRESH,
            )
            for symbol in symbols
        }


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to get quotes; ``forget`` empties the memory of the process, and no server's."""

    name: str
    ask: Callable[[Sequence[str]], Awaitable[object]]
    forget: Ask = nothing
    close: Ask = nothing


def through_market(source: Source, cache: Cache) -> Contender:
    """Ask as resolvers do: with the chain, the doubts and the attempts."""
    market = Market(chains=Chains(quotes=(source,)), cache=cache, clock=clock)
    return Contender("Market.quotes", market.quotes, market.forget, cache.close)


def through_cache(source: Source, cache: Cache) -> Contender:
    """Ask the cache alone."""

    async def ask(symbols: Sequence[str]) -> object:
        return await cache.get_many(
            "quotes", symbols, of=Quote, load=source.quotes, policy=POLICIES["quotes"]
        )

    return Contender("Cache.get_many", ask, cache.forget, cache.close)


def by_cached(source: Source, **options: Any) -> Contender:
    """Ask as aiocache's readers learn it first: a function of one symbol, decorated."""

    @cached(ttl=TTL, key_builder=lambda _, symbol: symbol, **options)
    async def quote(symbol: str) -> Quote:
        return (await source.quotes([symbol]))[symbol]

    async def ask(symbols: Sequence[str]) -> object:
        if len(symbols) == 1:
            return await quote(symbols[0])
        return await asyncio.gather(*map(quote, symbols))

    return _of_aiocache("@cached", ask, quote.cache)


def by_multi_cached(source: Source, **options: Any) -> Contender:
    """Ask with aiocache's decorator for functions of many symbols."""

    @multi_cached("symbols", ttl=TTL, **options)
    async def quotes(symbols: Sequence[str]) -> dict[str, Quote]:
        return await source.quotes(symbols)

    return _of_aiocache("@multi_cached", quotes, quotes.cache)


def _of_aiocache(
    name: str, ask: Callable[[Sequence[str]], Awaitable[object]], kept: Any
) -> Contender:
    if isinstance(kept, RedisCache):
        return Contender(name, ask, close=kept.client.aclose)
    return Contender(name, ask, kept.clear)


def uncached(source: Source) -> Contender:
    """Ask the vendor each time."""
    return Contender("no cache", source.quotes)


def in_memory(source: Source) -> list[Contender]:
    """Return all ways without a server, each with nothing cached yet."""
    return [
        through_market(source, Cache(clock=clock)),
        through_cache(source, Cache(clock=clock)),
        by_cached(source),
        by_multi_cached(source),
        uncached(source),
    ]


async def compare(
    title: str,
    source: Source,
    contenders: Sequence[Contender],
    *,
    batch: int = 1,
    callers: int = 1,
    before: Callable[[Contender], Ask],
    seconds: float = 1.0,
) -> None:
    """Print milliseconds and vendor calls of each way, and its time as a part of the first's."""
    symbols = SYMBOLS[:batch]
    times: list[float] = []
    cells: list[str] = []
    for one in contenders:

        async def ask(one: Contender = one) -> None:
            if callers == 1:
                await one.ask(symbols)
            else:
                await asyncio.gather(*(one.ask(symbols) for _ in range(callers)))

        await ask()
        await before(one)()
        source.calls = 0
        await ask()
        calls = source.calls
        times.append((await measure(ask, before(one), seconds=seconds))[0])
        cells.append(f"{times[-1]:>11.3f} {calls:>5}")
    print(f"{title:24}" + "".join(cells))
    ratios = (f"{time / times[0]:>10.2f}x{'':6}" for time in times[1:])
    print(f"{'':41}" + "".join(ratios).rstrip(), flush=True)


async def memory(place: int) -> float:
    """Return the mebibytes that a way's quotes take once it has many, with all kept beside."""
    tracemalloc.start()
    contender = in_memory(Source(0))[place]
    for start in range(0, MANY, BATCH):
        await contender.ask(SYMBOLS[start : start + BATCH])
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / 2**20


@asynccontextmanager
async def redis_server() -> AsyncIterator[Redis | None]:
    """Connect to the Redis server, if there is one."""
    client = Redis.from_url(REDIS)
    try:
        await client.ping()
    except (OSError, RedisError):
        print("Redis skipped: no server answers")
        yield None
    else:
        yield client
    finally:
        await client.aclose()


async def share(client: Redis, seconds: float, *, batch: int = BATCH) -> None:
    """Print what a batch costs a process whose memory is empty, with the server behind it."""
    source, run = Source(DELAY), f"folioql_bench_{uuid4().hex}"
    server = SharedServer(REDIS, clock=utc_now)
    address = urlsplit(REDIS)
    options = {
        "cache": RedisCache,
        "serializer": PickleSerializer(),
        "endpoint": address.hostname,
        "port": address.port or 6379,
        "db": int(address.path.strip("/") or 0),
        "password": address.password,
        # By itself the client fails beyond a hundred connections instead of waiting.
        "connection_pool_class": BlockingConnectionPool,
        "pool_max_size": MAX_CONNECTIONS,
    }
    patterns: dict[str, str] = {}
    contenders: list[Contender] = []
    for ours in (through_market, through_cache):
        sources = run + ours.__name__
        contenders.append(ours(source, Cache(clock=clock, server=server, sources=sources)))
        prefix = SharedEntries(server, sources=sources).prefix
        patterns[contenders[-1].name] = f"{NAMESPACE}:{prefix}:*"
    for theirs in (by_cached, by_multi_cached):
        namespace = run + theirs.__name__
        contenders.append(theirs(source, namespace=namespace, **options))
        patterns[contenders[-1].name] = f"{namespace}:*"

    async def erase(pattern: str) -> None:
        names = [name async for name in client.scan_iter(pattern, count=1000)]
        if names:
            await client.delete(*names)

    def anew(one: Contender) -> Ask:
        async def before() -> None:
            await erase(patterns[one.name])
            await one.forget()

        return before

    try:
        for title, before in (("server empty", anew), ("server full", attrgetter("forget"))):
            await compare(
                f"{batch} cold, {title}",
                source,
                contenders,
                batch=batch,
                before=before,
                seconds=seconds,
            )
    finally:
        for one in contenders:
            await one.close()
        await server.close()
        for pattern in patterns.values():
            await erase(pattern)


async def main(seconds: float = 1.0) -> None:
    """Run all comparisons, each way for so many seconds."""
    source, at_once = Source(DELAY), Source(0)
    contenders, quick = in_memory(source), in_memory(at_once)
    forget = attrgetter("forget")

    def keep(_: Contender) -> Ask:
        return nothing

    gc.collect()
    gc.freeze()  # or walking what imports have left, a tenth of a second, would hit some at random
    print("Quotes: milliseconds (median) and calls of the vendor, and times as long as the first")
    print(f"{'':24}" + "".join(f"{one.name:>17}" for one in contenders))
    await compare("1 warm", source, contenders, before=keep, seconds=seconds)
    await compare("1 cold", source, contenders, before=forget, seconds=seconds)
    await compare("1 cold, vendor at once", at_once, quick, before=forget, seconds=seconds)
    for title, before in (("warm", keep), ("cold", forget)):
        await compare(
            f"{BATCH} {title}", source, contenders, batch=BATCH, before=before, seconds=seconds
        )
    await compare(
        f"{CALLERS:,} callers of 1 cold",
        source,
        contenders,
        callers=CALLERS,
        before=forget,
        seconds=seconds,
    )
    async with redis_server() as client:
        if client is not None:
            await share(client, seconds)
    sizes = [await memory(place) for place in range(len(contenders) - 1)]
    print(
        f"{f'MiB of {MANY:,} quotes':24}"
        + "".join(f"{size:>11.1f}{'':6}" for size in sizes).rstrip()
    )
    for one in (*contenders, *quick):
        await one.close()
