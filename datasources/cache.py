"""The cache: aiocache behind what it lacks. The only module that knows aiocache.

Single flight per key and batch, negative entries, freshness judged by an injected clock, a value
past its time when loading fails, and a bound on memory.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from aiocache import SimpleMemoryCache

from datasources.errors import ProviderError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long a kind of value is fresh, how long absence is, and how old it may ever be used."""

    ttl: timedelta
    negative_ttl: timedelta
    stale_limit: timedelta


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A cached value; null stands for something the source does not know."""

    value: T | None
    stored_at: datetime
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


class Cache:
    """Caches values by kind and key; loads what is missing in one go."""

    def __init__(self, *, clock: Callable[[], datetime], max_entries: int = 10_000) -> None:
        self._clock = clock
        self._store = _BoundedMemory(max_entries=max_entries)
        self._flights: dict[str, asyncio.Future[Entry[Any] | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get_many(
        self,
        kind: str,
        keys: Collection[str],
        *,
        load: Callable[[list[str]], Awaitable[dict[str, T]]],
        policy: Policy,
        max_age: timedelta | None = None,
    ) -> dict[str, Entry[T]]:
        """Return entries by key, loading those that are missing or too old in one call.

        A caller that comes while a key is being loaded waits for that load. When loading raises
        ProviderError, values within the stale limit come back marked stale and the rest is absent;
        any other error reaches every caller. Values must be immutable: all callers share them.
        """
        found: dict[str, Entry[T]] = {}
        waits: dict[str, asyncio.Future[Entry[T] | None]] = {}
        missing: list[str] = []
        now = self._clock()
        for key in dict.fromkeys(keys):
            entry = cast("Entry[T] | None", await self._store.get(f"{kind}:{key}"))
            if entry is not None and self._fresh(entry, now, policy=policy, max_age=max_age):
                found[key] = entry
            elif f"{kind}:{key}" in self._flights:
                waits[key] = self._flights[f"{kind}:{key}"]
            else:
                missing.append(key)
        if missing:
            loop = asyncio.get_running_loop()
            for key in missing:
                waits[key] = self._flights[f"{kind}:{key}"] = loop.create_future()
            task = loop.create_task(self._fly(kind, missing, load=load, policy=policy))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        for key, flight in waits.items():
            # Shielded: a caller that gives up must not take the flight from the others.
            entry = await asyncio.shield(flight)
            if entry is not None:
                found[key] = entry
        return found

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
        load: Callable[[list[str]], Awaitable[dict[str, T]]],
        policy: Policy,
    ) -> None:
        landed: dict[str, Entry[T] | None] = {}
        failure: BaseException | None = None
        try:
            values = await load(keys)
            now = self._clock()
            keep = max(policy.stale_limit, policy.ttl, policy.negative_ttl)
            for key in keys:
                entry: Entry[T] = Entry(values.get(key), now)
                await self._store.set(f"{kind}:{key}", entry, ttl=keep.total_seconds())
                landed[key] = entry
        except ProviderError:
            landed = {key: await self._stale(kind, key, policy=policy) for key in keys}
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

    async def _stale(self, kind: str, key: str, *, policy: Policy) -> Entry[Any] | None:
        entry = cast("Entry[Any] | None", await self._store.get(f"{kind}:{key}"))
        if entry is None or entry.value is None:
            return None
        if self._clock() - entry.stored_at > policy.stale_limit:
            return None
        return replace(entry, stale=True)

    async def forget(self) -> None:
        """Drop all entries; loads under way go on."""
        await self._store.clear()

    async def close(self) -> None:
        """Stop the loads under way and forget everything."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._store.clear()
