"""Points that callers spend: a bucket for each, which fills up again as time goes by.

What an operation can cost is taken before it runs, and what it did not cost is given back. With a
server, replicas share the buckets; while it is away each counts for itself.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from datasources.pacing import Server

KEPT = 10_000
"""Callers that are remembered; who is forgotten has a full bucket again."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TAKE = """
local now, points = tonumber(ARGV[1]), tonumber(ARGV[2])
local capacity, rate = tonumber(ARGV[3]), tonumber(ARGV[4])
local held = redis.call('HMGET', KEYS[1], 'left', 'at')
local left, at = tonumber(held[1]) or capacity, tonumber(held[2]) or now
if now > at then
  left = left + (now - at) * rate / 1000
  at = now
end
left = math.min(capacity, left)
local taken = 0
if points <= left then
  left = math.min(capacity, left - points)
  taken = 1
end
redis.call('HSET', KEYS[1], 'left', string.format('%.3f', left), 'at', string.format('%.0f', at))
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate) * 1000 + 1000)
return {taken, math.floor(left)}
"""
"""Fills a bucket by the time that has passed, then takes points if there are as many."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller may spend: so many points at once, and so many more each second."""

    name: str
    capacity: int
    restore_rate: int

    def seconds_until(self, points: int, *, left: int) -> int:
        """Return after how many seconds there are so many points, rounded up."""
        return max(0, math.ceil((points - left) / self.restore_rate))


USER = "user:"
"""What names of signed-in callers begin with; all others are addresses."""


@dataclass(slots=True)
class Spending:
    """What one operation has cost its caller so far, and what the caller has left."""

    allowance: Allowance
    requested: int
    left: int
    refused: bool
    now: datetime
    actual: int | None = None

    @property
    def resets_at(self) -> datetime:
        """Return when the bucket is full again if nothing more is taken."""
        return self.now + timedelta(seconds=self.resets_in)

    @property
    def resets_in(self) -> int:
        """Return after how many seconds the bucket is full again."""
        return self.allowance.seconds_until(self.allowance.capacity, left=self.left)

    @property
    def retry_in(self) -> int:
        """Return after how many seconds there is enough for this operation."""
        return self.allowance.seconds_until(self.requested, left=self.left)


@dataclass(slots=True)
class _Bucket:
    left: float
    at: datetime


class Buckets:
    """The buckets of all callers: those of users and, smaller ones, of addresses."""

    def __init__(
        self,
        *,
        users: Allowance,
        addresses: Allowance,
        clock: Callable[[], datetime],
        server: Server | None = None,
    ) -> None:
        self._users = users
        self._addresses = addresses
        self._clock = clock
        self._server = server
        self._kept: OrderedDict[str, _Bucket] = OrderedDict()
        self._giving_back: set[asyncio.Task[Spending]] = set()

    def _allowance(self, caller: str) -> Allowance:
        return self._users if caller.startswith(USER) else self._addresses

    async def take(self, caller: str, points: int) -> Spending:
        """Take points if there are as many; negative ones are given back."""
        now, allowance, answer = self._clock(), self._allowance(caller), None
        if self._server is not None:
            answer = await self._server.evaluate(
                TAKE,
                [f"points:{caller}"],
                [
                    (now - EPOCH) // timedelta(milliseconds=1),
                    points,
                    allowance.capacity,
                    allowance.restore_rate,
                ],
            )
        bucket = self._bucket(caller, now)
        if answer is not None:
            taken, bucket.left = bool(answer[0]), float(answer[1])
        else:
            taken = points <= bucket.left
            if taken:
                bucket.left = min(allowance.capacity, bucket.left - points)
        return Spending(allowance, points, math.floor(bucket.left), not taken, now)

    def give_back(self, caller: str, spending: Spending, *, actual: int) -> None:
        """Give back what an operation did not cost, without waiting for a server."""
        spending.actual = actual
        rest = spending.requested - actual
        if rest <= 0:
            return
        spending.left = min(spending.allowance.capacity, spending.left + rest)
        if self._server is None:
            bucket = self._bucket(caller, self._clock())
            bucket.left = min(spending.allowance.capacity, bucket.left + rest)
            return
        task = asyncio.get_running_loop().create_task(self.take(caller, -rest))
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)

    async def close(self) -> None:
        """Wait for what is being given back."""
        await asyncio.gather(*self._giving_back, return_exceptions=True)

    def _bucket(self, caller: str, now: datetime) -> _Bucket:
        """Return a bucket, filled up to now."""
        allowance, bucket = self._allowance(caller), self._kept.get(caller)
        if bucket is None:
            bucket = self._kept[caller] = _Bucket(allowance.capacity, now)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return bucket
        self._kept.move_to_end(caller)
        passed = max(0.0, (now - bucket.at).total_seconds())
        bucket.left = min(allowance.capacity, bucket.left + passed * allowance.restore_rate)
        bucket.at = max(now, bucket.at)
        return bucket
