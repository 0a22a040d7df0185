"""The one door to the Redis or Valkey server that replicas share; aiocache talks to it.

Whatever goes wrong there costs sharing only: every question has an answer that stands for a
server that fails, and a server that has failed is left alone for a while.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from aiocache.backends.redis import RedisCache
from aiocache.serializers import NullSerializer
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from datasources.protocols import Clock

log = structlog.get_logger(__name__)

NAMESPACE = "folioql"
"""What all names on the server begin with."""

CHANNEL = f"{NAMESPACE}:live"
"""What replicas tell each other goes through."""

CALL_SECONDS = 0.25
"""How long the server may take: asking a provider anew must not be the quicker way."""

BACK_OFF = timedelta(seconds=5)
"""How long a server that failed is left alone."""

MAX_CONNECTIONS = 20

_ACQUIRE = """
local taken = {}
for place, name in ipairs(KEYS) do
  if redis.call('set', name, ARGV[1], 'NX', 'PX', ARGV[2]) then taken[#taken + 1] = place end
end
return taken
"""
_EXTEND = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])
"""
_RELEASE = """
local freed = 0
for _, name in ipairs(KEYS) do
  if redis.call('get', name) == ARGV[1] then freed = freed + redis.call('del', name) end
end
return freed
"""


class _Connection(RedisCache):  # type: ignore[misc]
    """aiocache's Redis, with the address as a URL and bytes left as they are."""

    def __init__(self, url: str) -> None:
        super().__init__(
            # Callers beyond the last connection wait for one instead of failing.
            connection_pool_class=partial(BlockingConnectionPool.from_url, url),
            pool_max_size=MAX_CONNECTIONS,
            # A connection that the server has closed meanwhile is no failure of the server.
            connection_pool_kwargs={"retry": Retry(NoBackoff(), retries=1)},
            namespace=NAMESPACE,
            serializer=NullSerializer(encoding=None),
            timeout=CALL_SECONDS,
        )

    async def _close(self, *_args: Any, **_kwargs: Any) -> None:
        # aiocache would call a name that the client has deprecated.
        await self.client.aclose()


async def probe(url: str) -> None:
    """Write to a server and read from it as replicas do; raises whatever is in the way."""
    connection = _Connection(url)
    try:
        await connection.multi_set([("probe", b"")], ttl=1.0)
        await connection.multi_get(["probe"])
        await connection.raw("eval", "return 1", 0)
        await connection.raw("publish", CHANNEL, b"")  # which replicas do not understand
    finally:
        with suppress(Exception):
            await connection.close()


def _milliseconds(ttl: timedelta) -> int:
    return max(1, round(ttl.total_seconds() * 1000))


class SharedServer:
    """Values, locks and scripts on a server; null is the answer of one that fails.

    A lock belongs to its ``holder`` until it is released or its time is over; it is not taken
    twice, not even by its holder.
    """

    def __init__(self, url: str, *, clock: Clock) -> None:
        self._connection = _Connection(url)
        self._clock = clock
        self._failed_at: datetime | None = None

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None] | None:
        """Return the values of keys in their order; null for keys without one."""
        answers: list[bytes | None] | None = await self._call(self._connection.multi_get, keys)
        return answers

    async def set_many(self, values: dict[str, bytes], *, ttl: timedelta) -> bool | None:
        """Keep values for a time."""
        seconds = _milliseconds(ttl) / 1000
        done: bool | None = await self._call(
            self._connection.multi_set, list(values.items()), ttl=seconds
        )
        return done

    async def evaluate(
        self, script: str, keys: Sequence[str], arguments: Sequence[str | int] = ()
    ) -> Any:
        """Run a Lua script in one go on keys of ours; it must return something other than nil."""
        names = [f"{NAMESPACE}:{key}" for key in keys]
        return await self._call(
            self._connection.raw, "eval", script, len(names), *names, *arguments
        )

    async def acquire(self, name: str, *, holder: str, ttl: timedelta) -> bool | None:
        """Take a lock that nobody has; false if somebody has it."""
        taken = await self.acquire_many([name], holder=holder, ttl=ttl)
        return None if taken is None else bool(taken)

    async def acquire_many(
        self, names: Sequence[str], *, holder: str, ttl: timedelta
    ) -> list[str] | None:
        """Take the locks that nobody has, and return their names."""
        places = await self.evaluate(_ACQUIRE, names, [holder, _milliseconds(ttl)])
        return None if places is None else [names[place - 1] for place in places]

    async def extend(self, name: str, *, holder: str, ttl: timedelta) -> bool | None:
        """Give a lock more time from now on; false if the holder has lost it."""
        extended = await self.evaluate(_EXTEND, [name], [holder, _milliseconds(ttl)])
        return None if extended is None else bool(extended)

    async def release(self, name: str, *, holder: str) -> bool | None:
        """Give a lock back; false if the holder had lost it."""
        freed = await self.release_many([name], holder=holder)
        return None if freed is None else bool(freed)

    async def release_many(self, names: Collection[str], *, holder: str) -> int | None:
        """Give locks back, and return how many the holder still had."""
        freed: int | None = await self.evaluate(_RELEASE, list(names), [holder])
        return freed

    async def _call(
        self, command: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any
    ) -> Any:
        """Ask the server; null when it fails or has failed a moment ago."""
        now = self._clock()
        if self._failed_at is not None and abs(now - self._failed_at) < BACK_OFF:
            return None
        try:
            answer = await command(*arguments, **options)
        except Exception as error:  # noqa: BLE001  # whatever it is, it costs sharing only
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
            await self._connection.close()
