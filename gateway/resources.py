"""Composition root: opens everything the application needs, and closes it in reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

from datasources.cache import Cache
from datasources.feed import Feed
from datasources.http import open_client
from datasources.lease import Lease
from datasources.market import Market
from datasources.peers import LEASE, Peers
from datasources.protocols import Clock
from datasources.providers.ecb import PACKAGED
from datasources.shared import SharedServer
from datasources.wire import RedisWire
from gateway.settings import Settings
from gateway.sources import Sources
from models.database import Database
from models.market import KINDS
from resolvers.context import Services
from services.alert_watch import AlertWatch
from services.api_tokens import ApiTokens
from services.attempts import Attempts
from services.kept_values import KeptValues
from services.last_known import StoredMarket
from services.passwords import Passwords
from services.spending import Allowance, Buckets
from services.stored_bars import StoredHistory
from services.tokens import Tokens
from services.upkeep import Upkeep

SOURCES = {"price_files_currency", "simulation_seed", "provider_urls", "cross_check"}
"""The settings that decide what providers answer, beside their order and the files they read."""

LEARNING_SECONDS = 60
"""How often symbols that are set for vendors are looked up where nothing is renewed."""


def utc_now() -> datetime:
    """Return the time of the machine."""
    return datetime.now(UTC)


def _content(file: Path) -> int | None:
    try:
        return crc32(file.read_bytes())
    except OSError:  # the provider itself tells what is wrong with it
        return None


def sources_of(settings: Settings) -> str:
    """Describe what answers are made from: only replicas that agree on it share cached ones."""
    files = (*settings.price_files, settings.rate_file or PACKAGED)
    order = {kind: settings.providers_of(kind) for kind in KINDS}
    contents = [_content(file) for file in files]
    return settings.model_dump_json(include=SOURCES) + repr((order, contents))


def buckets_of(settings: Settings, *, clock: Clock, server: SharedServer | None) -> Buckets | None:
    """Return what callers may spend: nobody in particular a tenth of what a user may."""
    capacity, restore = settings.rate_capacity, settings.rate_restore
    if not capacity:
        return None
    least = settings.max_cost  # whatever may be asked at all may be asked at once
    return Buckets(
        users=Allowance("user", max(least, capacity), restore),
        addresses=Allowance("address", max(least, capacity // 10), max(1, restore // 10)),
        clock=clock,
        server=server,
    )


def _peers(settings: Settings, server: SharedServer | None, *, clock: Clock) -> Peers | None:
    """Make the door to other replicas, if there is a server that all of them know."""
    if server is None:
        return None
    sources = f"{crc32(sources_of(settings).encode()):08x}"
    lease = Lease(f"feed:{sources}", locks=server, ttl=LEASE)
    wire = RedisWire(settings.cache_url.get_secret_value())
    return Peers(wire, lease, clock=clock, sources=sources)


@asynccontextmanager
async def open_services(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[Services]:
    """Open the database, the market and the feed for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url)
        stack.push_async_callback(database.close)
        url = settings.cache_url.get_secret_value()
        server = SharedServer(url, clock=clock) if url else None
        if server is not None:
            stack.push_async_callback(server.close)
        client = await stack.enter_async_context(open_client())
        sources = Sources(settings, clock=clock, client=client, server=server)
        market = Market(
            chains=sources.chains(),
            cache=Cache(clock=clock, server=server, sources=sources_of(settings)),
            clock=clock,
            last_known=StoredMarket(database),
            history=StoredHistory(database),
            deadline=settings.provider_deadline,
            cross_check=settings.cross_check,
        )
        await stack.enter_async_context(market)
        peers = _peers(settings, server, clock=clock)
        feed = Feed(market, clock=clock, peers=peers, interval=settings.feed_interval)
        database.tell = feed.tell
        stack.push_async_callback(feed.close)
        if peers is not None:
            await stack.enter_async_context(peers)
        alerts = AlertWatch(database=database, market=market, prices=feed, clock=clock)
        await stack.enter_async_context(alerts)
        if sources.names:
            interval = timedelta(seconds=settings.refresh_seconds or LEARNING_SECONDS)
            renews = settings.refresh_seconds > 0
            upkeep = Upkeep(
                database=database,
                market=market,
                names=sources.names,
                watched=lambda: feed.symbols | feed.watched,
                lease=Lease("upkeep", locks=server, ttl=3 * interval) if renews else None,
                interval=interval,
            )
            await stack.enter_async_context(upkeep)
        api_tokens = ApiTokens(database)
        stack.push_async_callback(api_tokens.close)
        buckets = buckets_of(settings, clock=clock, server=server)
        if buckets is not None:
            stack.push_async_callback(buckets.close)
        per_minute = settings.sign_in_attempts
        yield Services(
            database=database,
            market=market,
            kept=KeptValues(clock),
            feed=feed,
            alerts=alerts,
            tokens=Tokens(
                secret=settings.signing_secret(),
                access_lifetime=settings.access_lifetime,
                refresh_lifetime=settings.refresh_lifetime,
            ),
            api_tokens=api_tokens,
            passwords=Passwords(),
            clock=clock,
            server=server,
            buckets=buckets,
            attempts=Attempts(per_minute, clock=clock, server=server) if per_minute else None,
        )
