"""The cache: aiocache behind what it lacks. The only module that knows aiocache's memory.

Single flight per key in the process and across replicas, negative entries, freshness judged by an
injected clock, values past their time while they are loaded anew or cannot be, and a bound on
memory. Behind the memory there may be a server, where replicas find what others have loaded.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import uniform
from typing import Any, TypeVar, cast
from uuid import uuid4

import structlog
from aiocache import SimpleMemoryCache

from datasources.entries import Entry, SharedEntries
from datasources.errors import ProviderError
from datasources.loaded import Loaded
from datasources.orders import Held, Load, Order
from datasources.pacing import background
from datasources.policies import Policy
from datasources.protocols import Clock
from datasources.shared import SharedServer

log = structlog.get_logger(__name__)

T = TypeVar("T")

LEASE = timedelta(seconds=30)
"""How long a replica may take to load what others wait for: longer than a request may last."""

WAIT_FOR_OTHERS = 2.0
"""How many seconds a replica waits for another one's load before it loads itself."""

HOT_READS = 10
"""How often a value is read before it is worth loading anew while it is still fresh."""


_Flight = asyncio.Task[dict[str, Entry[Any]]]


class _Memory(SimpleMemoryCache):  # type: ignore[misc]
    """aiocache's memory with the least recently used entries dropped beyond a number.

    Entries know their own end, so that none needs a timer of the loop.
    """

    def __init__(self, *, max_entries: int) -> None:
        # No time-outs: nothing here waits, and wait_for would cost more than the look-up.
        super().__init__(timeout=None, key_builder=lambda key, namespace: key)  # noqa: ARG005
        self._cache: OrderedDict[str, Held] = OrderedDict()
        self._max_entries = max_entries

    async def _clear(self, *_args: Any, **_kwargs: Any) -> bool:
        # aiocache would put a plain dict in place of ours.
        self._cache.clear()
        return True

    async def _multi_get(self, keys: Sequence[str], **_kwargs: Any) -> list[Held | None]:
        found = [self._cache.get(key) for key in keys]
        for key, held in zip(keys, found, strict=True):
            if held is not None:
                self._cache.move_to_end(key)
        return found

    async def _set(self, key: str, value: Any, **kwargs: Any) -> Any:
        done = await super()._set(key, value, **kwargs)
        self._cache.move_to_end(key)
        while len(self._cache) > self._max_entries:
            self._cache.popitem(last=False)
        return done


class Cache:
    """Caches values by kind and key; loads what is missing in one go.

    With a ``server`` what is missing here is looked up there first; ``sources`` describes what
    values are made from, and only caches that agree on it share them. ``sleep`` waits between two
    looks at what another replica is loading.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        max_entries: int = 10_000,
        server: SharedServer | None = None,
        sources: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._store = _Memory(max_entries=max_entries)
        self._shared = SharedEntries(server, sources=sources) if server else None
        self._sleep = sleep
        self._terms = ""
        self._flights: dict[str, _Flight] = {}
        self._tasks: set[_Flight] = set()
        self._failed_at: dict[str, datetime] = {}
        self.looks: Counter[tuple[str, str]] = Counter()
        """How often keys of a kind were there (hit), past their time (old), or not (miss)."""

    async def get_many(
        self,
        kind: str,
        keys: Collection[str],
        *,
        of: type[T],
        load: Load[T],
        policy: Policy,
        max_age: timedelta | None = None,
        patience: timedelta | None = None,
    ) -> dict[str, Entry[T]]:
        """Return entries of a type by key, loading those missing or too old in one call.

        A caller that comes while a key is being loaded waits for that load. When loading raises
        ProviderError, and for a few seconds after, values within the stale limit come back marked
        stale and the rest is absent; any other error reaches every caller. So it goes for what is
        still being loaded when ``patience`` ends: the load goes on and is kept for the next one.
        Without ``max_age`` a value just past its time answers at once, and is loaded anew behind.
        Values must be immutable: all callers share them.
        """
        order = Order(kind=kind, of=of, load=load, policy=policy, max_age=max_age)
        return await self._get(order, list(dict.fromkeys(keys)), patience=patience)

    async def _get(
        self, order: Order[T], keys: list[str], *, patience: timedelta | None
    ) -> dict[str, Entry[T]]:
        now = self._clock()
        found: dict[str, Entry[T]] = {}
        missing: list[str] = []
        behind: list[str] = []
        old = 0
        for key, held in zip(keys, await self._held(order, keys), strict=True):
            if held is not None and order.accepts(held, now):
                held.reads += 1
                found[key] = held.entry
                if held.reads > HOT_READS and now >= held.hot_from:
                    behind.append(key)
            elif held is not None and order.spares(held, now) and not self._failing(order, key):
                found[key] = held.entry
                behind.append(key)
                old += 1
            else:
                missing.append(key)
        self.looks[order.kind, "hit"] += len(found) - old
        self.looks[order.kind, "old"] += old
        self.looks[order.kind, "miss"] += len(missing)
        if missing:
            # First, so that what somebody waits for has the first call that a source allows.
            found |= await self._wait_for(order, missing, patience=patience)
        behind = [
            key
            for key in behind
            if order.name(key) not in self._flights and not self._failing(order, key)
        ]
        if behind:
            self._launch(order, behind).add_done_callback(_tell)
        return found

    async def _wait_for(
        self, order: Order[T], keys: list[str], *, patience: timedelta | None
    ) -> dict[str, Entry[T]]:
        """Return what is loaded of keys, by this caller or another, while patience lasts."""
        now = self._clock()
        loop = asyncio.get_running_loop()
        started = loop.time()
        joined = {
            key: self._flights[name] for key in keys if (name := order.name(key)) in self._flights
        }
        unanswered: list[str] = []
        own: list[str] = []
        for key in keys:
            if key not in joined:
                (unanswered if self._failing(order, key) else own).append(key)
        waits = joined | (dict.fromkeys(own, self._launch(order, own)) if own else {})
        if waits:
            # Whoever gives up here takes the flight from nobody.
            seconds = None if patience is None else patience.total_seconds()
            await asyncio.wait(set(waits.values()), timeout=seconds)
        found: dict[str, Entry[T]] = {}
        for key, flight in waits.items():
            if not flight.done():
                unanswered.append(key)
            elif (entry := flight.result().get(key)) is not None:
                found[key] = entry
        found |= await self._stale(order, unanswered)
        # Others may have been content with a shared entry that is too old for this caller.
        outdated = [
            key
            for key in joined
            if (entry := found.get(key)) is not None
            and entry.stored_at < now
            and not entry.stale
            and not order.accepts(order.hold(key, entry), now)
        ]
        if outdated:
            if patience is not None:
                spent = timedelta(seconds=loop.time() - started)
                patience = max(patience - spent, timedelta(0))
            found |= await self._get(order, outdated, patience=patience)
        return found

    async def _held(self, order: Order[Any], keys: Sequence[str]) -> list[Held | None]:
        held = await self._store.multi_get([order.name(key) for key in keys])
        # Nothing at all is what aiocache says when it is disabled.
        return cast("list[Held | None]", held or [None] * len(keys))

    async def _keep(self, order: Order[Any], entries: dict[str, Held]) -> None:
        await self._store.multi_set([(order.name(key), held) for key, held in entries.items()])

    def _failing(self, order: Order[Any], key: str) -> bool:
        """Tell whether a load of the key has failed a moment ago."""
        failed_at = self._failed_at.get(order.name(key))
        return failed_at is not None and abs(self._clock() - failed_at) < order.policy.failure_ttl

    def _launch(self, order: Order[T], keys: list[str]) -> _Flight:
        """Begin to load keys that nobody is loading."""
        flight = asyncio.get_running_loop().create_task(self._fly(order, keys))
        self._tasks.add(flight)
        names = [order.name(key) for key in keys]
        self._flights |= dict.fromkeys(names, flight)

        def landed(_: _Flight) -> None:
            self._tasks.discard(flight)
            for name in names:
                del self._flights[name]
            if not flight.cancelled():
                flight.exception()  # read once, so that nobody waiting is no warning

        flight.add_done_callback(landed)
        return flight

    async def _fly(self, order: Order[T], keys: list[str]) -> dict[str, Entry[T]]:
        """Get keys from the server or the source; what others are loading, wait for a while."""
        if self._shared is None:
            return await self._load(order, keys)
        began = self._clock()
        landed = await self._recall(order, keys)
        missing = [key for key in keys if key not in landed]
        holder, waited = uuid4().hex, 0.0
        while missing:
            locked = await self._shared.lock(order.kind, missing, holder=holder, lease=LEASE)
            mine = locked if waited < WAIT_FOR_OTHERS else missing
            try:
                if mine:
                    # The one who had the lock before may just have loaded it.
                    landed |= await self._recall(order, mine, since=began)
                    if unknown := [key for key in mine if key not in landed]:
                        landed |= await self._load(order, unknown)
            finally:
                if locked:
                    await self._shared.unlock(order.kind, locked, holder=holder)
            if missing := [key for key in missing if key not in mine]:
                pause = uniform(0.02, 0.1)  # noqa: S311  # spreads replicas, guards nothing
                await self._sleep(pause)
                waited += pause
                landed |= await self._recall(order, missing, since=began)
                missing = [key for key in missing if key not in landed]
        return landed

    async def _recall(
        self, order: Order[T], keys: list[str], *, since: datetime | None = None
    ) -> dict[str, Entry[T]]:
        """Take newer entries from the server, each with the age it has; return the fresh ones.

        What was stored ``since`` the caller asked is fresh to everybody.
        """
        if self._shared is None:
            return {}
        found = await self._shared.get(order.kind, keys, of=order.of)
        now = self._clock()
        newer: dict[str, Held] = {}
        for key, known in zip(keys, await self._held(order, keys), strict=True):
            entry = found.get(key)
            # What comes from the future has no age to judge it by.
            if entry is None or not entry.stored_at <= now:
                continue
            held = order.hold(key, entry)
            usable = now < held.kept_until
            if usable and (known is None or known.entry.stored_at < entry.stored_at):
                newer[key] = held
        await self._keep(order, newer)
        return {
            key: held.entry
            for key, held in newer.items()
            if order.accepts(held, now) or (since is not None and held.entry.stored_at >= since)
        }

    async def _load(self, order: Order[T], keys: list[str]) -> dict[str, Entry[T]]:
        """Load keys, and keep what is found here and on the server; stale values for the rest."""
        terms = self._terms
        try:
            values = await order.load(keys)
        except ProviderError:
            values = Loaded({}, failed=keys)
        now = self._clock()
        unknown = values.failed if isinstance(values, Loaded) else frozenset()
        failed = [key for key in keys if key in unknown]
        loaded = {
            key: order.hold(key, Entry(values.get(key), now)) for key in keys if key not in unknown
        }
        if not background.get():
            # What its half of a budget did not do for, somebody who waits may have at once.
            self._remember_failures(order, failed, now)
        entries = {key: held.entry for key, held in loaded.items()}
        if loaded and terms == self._terms:
            await self._keep(order, loaded)
            if self._shared is not None:
                ttl = max(held.kept_until for held in loaded.values()) - now
                await self._shared.set(order.kind, entries, of=order.of, ttl=ttl)
        return entries | await self._stale(order, failed)

    def _remember_failures(self, order: Order[Any], keys: list[str], now: datetime) -> None:
        for name in [order.name(key) for key in keys]:
            self._failed_at.pop(name, None)
            self._failed_at[name] = now
        for name, failed_at in list(self._failed_at.items()):
            if abs(now - failed_at) < order.policy.failure_ttl:
                break  # these are in the order of time
            del self._failed_at[name]

    async def _stale(self, order: Order[T], keys: list[str]) -> dict[str, Entry[T]]:
        """Return the values of keys that are not older than the stale limit."""
        if not keys:
            return {}  # nearly always, and a look-up of nothing is not free
        oldest = self._clock() - order.policy.stale_limit
        return {
            key: replace(held.entry, stale=True)
            for key, held in zip(keys, await self._held(order, keys), strict=True)
            if held is not None and held.entry.value is not None and held.entry.stored_at >= oldest
        }

    async def forget(self) -> None:
        """Drop all entries of this process; loads under way go on."""
        self._failed_at.clear()
        await self._store.clear()

    async def renounce(self, terms: str) -> None:
        """Forget everything, and what loads under way bring too: it is not what was thought.

        From now on entries are shared with caches that go by the same ``terms`` alone.
        """
        self._terms = terms
        if self._shared is not None:
            self._shared.set_apart(terms)
        await self.forget()

    async def close(self) -> None:
        """Stop the loads under way and forget everything."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.forget()


def _tell(flight: _Flight) -> None:
    """Log the defect of a load that nobody waits for."""
    if not flight.cancelled() and (error := flight.exception()) is not None:
        log.error("refresh_broken", exc_info=error)
