"""The cache: aiocache behind what it lacks. The only module that knows aiocache.

Single flight per key and batch, negative entries, freshness judged by an injected clock, a value
past its time when loading fails, and a bound on memory. Behind the memory there may be a Redis or
Valkey server, where replicas find what others have loaded.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Generic, TypeVar, cast
from zlib import crc32

import structlog
from aiocache import SimpleMemoryCache
from aiocache.backends.redis import RedisCache
from aiocache.serializers import NullSerializer
from pydantic import AwareDatetime, TypeAdapter, ValidationError
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from datasources.errors import ProviderError

log = structlog.get_logger(__name__)

T = TypeVar("T")

FORMAT = 1
"""Grows when a value's meaning changes and its shape does not: older entries are then not read."""

CALL_SECONDS = 0.25
"""How long the server may take: asking a provider anew must not be the quicker way."""

BACK_OFF = timedelta(seconds=5)
"""How long a server that failed is left alone."""

MAX_CONNECTIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long a kind of value is fresh, how long absence is, and how old it may ever be used."""

    ttl: timedelta
    negative_ttl: timedelta
    stale_limit: timedelta

    @property
    def keep(self) -> timedelta:
        """Return the age at which a value is of no more use."""
        return max(self.ttl, self.negative_ttl, self.stale_limit)


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A cached value; null stands for something the source does not know."""

    value: T | None
    stored_at: AwareDatetime
    stale: bool = False


class _BoundedMemory(SimpleMemoryCache):  # type: ignore[misc]
    """aiocache's memory with the least recently used entries dropped beyond a number."""

    def __init__(self, *, max_entries: int) -> None:
        # No time-outs: nothing here waits, and wait_for would cost more than the look-up.
        super().__init__(timeout=None)
        self._cache: OrderedDict[str, Any] = OrderedDict()
        self._max_entries = max_entries

    async def _clear(self, *_args: Any, **_kwargs: Any) -> bool:
        # aiocache would put a plain dict in place of ours.
        self._cache.clear()
        return True

    async def _get(self, key: str, **kwargs: Any) -> Any:
        if key in self._cache:
            self._cache.move_to_end(key)
        return await super()._get(key, **kwargs)

    async def _set(self, key: str, value: Any, **kwargs: Any) -> Any:
        done = await super()._set(key, value, **kwargs)
        self._cache.move_to_end(key)
        while len(self._cache) > self._max_entries:
            self._cache.popitem(last=False)
        return done


class _Server(RedisCache):  # type: ignore[misc]
    """aiocache's Redis, with the address as a URL and bytes left as they are."""

    def __init__(self, url: str, *, namespace: str) -> None:
        super().__init__(
            # Callers beyond the last connection wait for one instead of failing.
            connection_pool_class=partial(BlockingConnectionPool.from_url, url),
            pool_max_size=MAX_CONNECTIONS,
            # A connection that the server has closed meanwhile is no failure of the server.
            connection_pool_kwargs={"retry": Retry(NoBackoff(), retries=1)},
            namespace=namespace,
            serializer=NullSerializer(encoding=None),
            timeout=CALL_SECONDS,
        )

    async def _close(self, *_args: Any, **_kwargs: Any) -> None:
        # aiocache would call a name that the client has deprecated.
        await self.client.aclose()


async def probe(url: str) -> None:
    """Write to a server and read from it as the cache does; raises whatever is in the way."""
    server = _Server(url, namespace="folioql")
    try:
        await server.multi_set([("probe", b"")], ttl=1.0)
        await server.multi_get(["probe"])
    finally:
        with suppress(Exception):
            await server.close()


def _digest(text: str) -> str:
    return f"{crc32(text.encode()):08x}"


@cache
def _form(of: Any) -> tuple[TypeAdapter[Entry[Any]], str]:
    """Return what turns entries of a type to JSON and back, and a digest of the type's shape."""
    adapter: TypeAdapter[Entry[Any]] = TypeAdapter(Entry[of])
    return adapter, _digest(json.dumps(adapter.json_schema(), sort_keys=True))


class _Shared:
    """Entries on a server that replicas share; while it fails it is as good as empty.

    The names of entries hold the shape of the value and what it is made from, so that replicas
    with other code or other providers never read them.
    """

    def __init__(self, url: str, *, sources: str, clock: Callable[[], datetime]) -> None:
        self._server = _Server(url, namespace=f"folioql:{FORMAT}:{_digest(sources)}")
        self._clock = clock
        self._failed_at: datetime | None = None

    async def get(self, kind: str, keys: Collection[str], *, of: Any) -> dict[str, Entry[Any]]:
        """Return the entries that are there and can be read."""
        adapter, shape = _form(of)
        answers = await self._call(
            self._server.multi_get, [f"{shape}:{kind}:{key}" for key in keys]
        )
        found: dict[str, Entry[Any]] = {}
        for key, answer in zip(keys, answers or (), strict=False):
            if answer is not None:
                with suppress(ValidationError):
                    found[key] = adapter.validate_json(answer)
        return found

    async def set(
        self, kind: str, entries: dict[str, Entry[Any]], *, of: Any, ttl: timedelta
    ) -> None:
        """Offer entries to other replicas."""
        adapter, shape = _form(of)
        await self._call(
            self._server.multi_set,
            [(f"{shape}:{kind}:{key}", adapter.dump_json(entry)) for key, entry in entries.items()],
            ttl=ttl.total_seconds(),
        )

    async def _call(
        self, command: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any
    ) -> Any:
        """Ask the server; null when it fails or has failed a moment ago."""
        now = self._clock()
        if self._failed_at is not None and abs(now - self._failed_at) < BACK_OFF:
            return None
        try:
            answer = await command(*arguments, **options)
        except Exception as error:  # noqa: BLE001  # whatever it is, it costs freshness only
            if self._failed_at is None:
                # Only the kind of error: a server's words may repeat a password.
                log.warning("shared_cache_failed", error=type(error).__name__)
            self._failed_at = now
            return None
        if self._failed_at is not None:
            log.info("shared_cache_back")
            self._failed_at = None
        return answer

    async def close(self) -> None:
        """Close the connections."""
        with suppress(Exception):
            await self._server.close()


class Cache:
    """Caches values by kind and key; loads what is missing in one go.

    With the ``url`` of a Redis or Valkey server, what is missing here is looked up there first;
    ``sources`` describes what values are made from, and only caches that agree on it share them.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        max_entries: int = 10_000,
        url: str = "",
        sources: str = "",
    ) -> None:
        self._clock = clock
        self._store = _BoundedMemory(max_entries=max_entries)
        self._shared = _Shared(url, sources=sources, clock=clock) if url else None
        self._flights: dict[str, asyncio.Future[Entry[Any] | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get_many(
        self,
        kind: str,
        keys: Collection[str],
        *,
        of: type[T],
        load: Callable[[list[str]], Awaitable[dict[str, T]]],
        policy: Policy,
        max_age: timedelta | None = None,
    ) -> dict[str, Entry[T]]:
        """Return entries of a type by key, loading those missing or too old in one call.

        A caller that comes while a key is being loaded waits for that load. When loading raises
        ProviderError, values within the stale limit come back marked stale and the rest is absent;
        any other error reaches every caller. Values must be immutable: all callers share them.
        """
        found: dict[str, Entry[T]] = {}
        waits: dict[str, asyncio.Future[Entry[T] | None]] = {}
        missing: list[str] = []
        now = self._clock()
        for key in dict.fromkeys(keys):
            entry = await self._known(kind, key)
            if entry is not None and self._fresh(entry, now, policy=policy, max_age=max_age):
                found[key] = entry
            elif f"{kind}:{key}" in self._flights:
                waits[key] = self._flights[f"{kind}:{key}"]
            else:
                missing.append(key)
        joined = set(waits)
        if missing:
            loop = asyncio.get_running_loop()
            for key in missing:
                waits[key] = self._flights[f"{kind}:{key}"] = loop.create_future()
            task = loop.create_task(
                self._fly(kind, missing, of=of, load=load, policy=policy, max_age=max_age)
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        for key, flight in waits.items():
            # Shielded: a caller that gives up must not take the flight from the others.
            entry = await asyncio.shield(flight)
            if entry is not None:
                found[key] = entry
        # Others may have been content with a shared entry that is too old for this caller.
        outdated = [
            key
            for key in joined & set(found)
            if found[key].stored_at < now
            and not found[key].stale
            and not self._fresh(found[key], now, policy=policy, max_age=max_age)
        ]
        if outdated:
            found |= await self.get_many(
                kind, outdated, of=of, load=load, policy=policy, max_age=max_age
            )
        return found

    async def _known(self, kind: str, key: str) -> Entry[Any] | None:
        return cast("Entry[Any] | None", await self._store.get(f"{kind}:{key}"))

    async def _keep(self, kind: str, key: str, entry: Entry[Any], *, ttl: timedelta) -> None:
        await self._store.set(f"{kind}:{key}", entry, ttl=ttl.total_seconds())

    @staticmethod
    def _fresh(
        entry: Entry[Any], now: datetime, *, policy: Policy, max_age: timedelta | None
    ) -> bool:
        ttl = policy.negative_ttl if entry.value is None else policy.ttl
        if max_age is not None:
            ttl = min(ttl, max_age)
        return now - entry.stored_at < ttl

    async def _fly(
        self,
        kind: str,
        keys: list[str],
        *,
        of: type[T],
        load: Callable[[list[str]], Awaitable[dict[str, T]]],
        policy: Policy,
        max_age: timedelta | None,
    ) -> None:
        landed: dict[str, Entry[T] | None] = {}
        missing = keys
        failure: BaseException | None = None
        try:
            landed |= await self._recall(kind, keys, of=of, policy=policy, max_age=max_age)
            missing = [key for key in keys if key not in landed]
            if missing:
                landed |= await self._load(kind, missing, of=of, load=load, policy=policy)
        except ProviderError:
            landed |= {key: await self._stale(kind, key, policy=policy) for key in missing}
        except BaseException as error:  # handed on to every caller
            failure = error
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            for key in keys:
                flight = self._flights.pop(f"{kind}:{key}")
                if flight.done():
                    continue
                if isinstance(failure, Exception):
                    flight.set_exception(failure)
                    flight.exception()  # read once, so that nobody waiting is no warning
                elif failure is not None:
                    flight.cancel()
                else:
                    flight.set_result(landed.get(key))

    async def _recall(
        self,
        kind: str,
        keys: list[str],
        *,
        of: type[T],
        policy: Policy,
        max_age: timedelta | None,
    ) -> dict[str, Entry[T]]:
        """Take newer entries from the server, each with the age it has; return the fresh ones."""
        if self._shared is None:
            return {}
        found = await self._shared.get(kind, keys, of=of)
        now = self._clock()
        newer: dict[str, Entry[T]] = {}
        for key, entry in found.items():
            known = await self._known(kind, key)
            age = now - entry.stored_at
            # What comes from the future has no age to judge it by.
            usable = timedelta(0) <= age < policy.keep
            if usable and (known is None or known.stored_at < entry.stored_at):
                await self._keep(kind, key, entry, ttl=policy.keep - age)
                newer[key] = entry
        return {
            key: entry
            for key, entry in newer.items()
            if self._fresh(entry, now, policy=policy, max_age=max_age)
        }

    async def _load(
        self,
        kind: str,
        keys: list[str],
        *,
        of: type[T],
        load: Callable[[list[str]], Awaitable[dict[str, T]]],
        policy: Policy,
    ) -> dict[str, Entry[T]]:
        """Load keys, and keep what is found here and on the server."""
        values = await load(keys)
        now = self._clock()
        loaded = {key: Entry(values.get(key), now) for key in keys}
        for key, entry in loaded.items():
            await self._keep(kind, key, entry, ttl=policy.keep)
        if self._shared is not None:
            await self._shared.set(kind, loaded, of=of, ttl=policy.keep)
        return loaded

    async def _stale(self, kind: str, key: str, *, policy: Policy) -> Entry[Any] | None:
        entry = await self._known(kind, key)
        if entry is None or entry.value is None:
            return None
        if self._clock() - entry.stored_at > policy.stale_limit:
            return None
        return replace(entry, stale=True)

    async def forget(self) -> None:
        """Drop all entries of this process; loads under way go on."""
        await self._store.clear()

    async def close(self) -> None:
        """Stop the loads under way and forget everything."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._store.clear()
        if self._shared is not None:
            await self._shared.close()
