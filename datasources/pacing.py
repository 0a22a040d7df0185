"""Rate budgets: how many calls a vendor allows, counted before they are made.

A budget has limits of any length, all of which must have room. Most windows slide, which keeps a
vendor's limit wherever its own windows begin; a day may also begin at a vendor's midnight. With a
server all replicas that use the same key share one budget. What the vendor itself says (a 429, a
reset header) closes the budget until the time it gives.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

from datasources.errors import QuotaExhaustedError, RateLimitedError
from datasources.protocols import Clock
from models.market import BudgetState

LONG = timedelta(hours=1)
"""A window at least this long is a quota: nobody waits for it."""

TICK = timedelta(milliseconds=1)
"""How exactly times are told to the server."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

BACKGROUND_SHARE = 0.5
"""The part of each limit that work without a waiting user may use up."""

background: ContextVar[bool] = ContextVar("background", default=False)
"""Set while nobody waits for the answer: such calls leave room for those that somebody does."""

time_left: ContextVar[timedelta] = ContextVar("time_left", default=timedelta.max)
"""How long the caller goes on waiting; at most half of it is spent on waiting for room."""

LONGEST_CLOSE = timedelta(days=1)
"""How long a vendor's word is taken: a wrong header must not shut it out for good."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``calls`` within ``window``; ``resets_in`` makes it the calendar day of a zone."""

    calls: int
    window: timedelta
    resets_in: ZoneInfo | None = None

    def began(self, now: datetime) -> datetime:
        """Return the last moment whose calls no longer count."""
        if self.resets_in is None:
            return now - self.window
        return self._midnight(now) - TICK

    def resets(self, now: datetime, oldest: datetime) -> datetime:
        """Return when the oldest counted call stops counting."""
        if self.resets_in is None:
            return oldest + self.window
        return self._midnight(now, days=1)

    def _midnight(self, now: datetime, *, days: int = 0) -> datetime:
        day = now.astimezone(self.resets_in).date() + timedelta(days=days)
        return datetime.combine(day, time(), tzinfo=self.resets_in).astimezone(UTC)


class Server(Protocol):
    """Runs a script where all replicas see its effect; null while it cannot."""

    async def evaluate(
        self, script: str, keys: list[str], arguments: list[str | int]
    ) -> Any | None:
        """Run a script with names of entries and arguments."""
        ...


SCRIPT = """
local now, cost, kept = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local closed = tonumber(redis.call('GET', KEYS[1]) or '0')
if closed > now then return {-1, closed} end
for i = 2, #KEYS do
  local at = 4 + (i - 2) * 3
  local allowed, began, length = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', began)
  if redis.call('ZCARD', KEYS[i]) + cost > allowed then
    local over = redis.call('ZCARD', KEYS[i]) + cost - allowed
    local last = redis.call('ZRANGE', KEYS[i], over - 1, over - 1, 'WITHSCORES')
    return {i - 1, tonumber(last[2] or now)}
  end
end
for i = 2, #KEYS do
  for n = 1, cost do redis.call('ZADD', KEYS[i], now, kept .. ':' .. n) end
  -- Twice, because a day may have 25 hours.
  redis.call('PEXPIRE', KEYS[i], 2 * tonumber(ARGV[4 + (i - 2) * 3 + 2]))
end
return {0, 0}
"""
"""Counts ``cost`` calls in every window, or in none and tells which is full and since when."""

CLOSE = """
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) > known then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
"""


def _milliseconds(moment: datetime) -> int:
    """Round up, so that a call is forgotten too late rather than too early."""
    return -((EPOCH - moment) // TICK)


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@dataclass(slots=True)
class _Window:
    limit: Limit
    calls: deque[datetime] = field(default_factory=deque)

    def trim(self, now: datetime) -> None:
        if self.calls and self.calls[-1] > now:
            # The clock was put back: what was to come is over, but still counts for a window.
            self.calls = deque(min(call, now) for call in self.calls)
        began = self.limit.began(now)
        while self.calls and self.calls[0] <= began:
            self.calls.popleft()


class Budget:
    """The calls that a vendor allows one key; ``name`` is what replicas share it under."""

    def __init__(
        self,
        limits: Sequence[Limit],
        *,
        name: str,
        clock: Clock,
        server: Server | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._windows = [_Window(limit) for limit in limits]
        self._name = name
        self._clock = clock
        self._server = server
        self._sleep = sleep
        self._closed_until: datetime | None = None

    async def take(self, cost: int = 1, *, patience: timedelta = timedelta(0)) -> None:
        """Count calls, waiting for room as long as patience lasts.

        Raises RateLimitedError, or QuotaExhaustedError for a window that nobody can wait for; then
        nothing was counted.
        """
        patience = min(patience, time_left.get() / 2)
        while (refused := await self._count(cost)) is not None:
            until, long = refused
            wait = max(until - self._clock(), TICK)
            if long:
                raise QuotaExhaustedError("the calls of this period are used up", until=until)
            if wait > patience:
                raise RateLimitedError("too many calls for now", until=until)
            await self._sleep(wait.total_seconds())
            patience -= wait

    async def _count(self, cost: int) -> tuple[datetime, bool] | None:
        """Count calls; or return when there will be room and whether that is a long time.

        What is full by this process's own calls is full, whatever the server has forgotten.
        """
        now = self._clock()
        refused = self._full(cost, now=now)
        if refused is None and self._server is not None:
            answer = await self._server.evaluate(
                SCRIPT,
                [f"{self._name}:closed", *self._keys()],
                [_milliseconds(now), cost, uuid4().hex, *self._terms(now)],
            )
            now = self._clock()
            # Without an answer, others may have counted here while it was waited for.
            refused = self._full(cost, now=now) if answer is None else self._judge(answer, now=now)
        if refused is None:
            for window in self._windows:
                window.calls.extend([now] * cost)
        return refused

    def _full(self, cost: int, *, now: datetime) -> tuple[datetime, bool] | None:
        if self._closed_until is not None and self._closed_until > now:
            return self._closed_until, self._closed_until - now >= LONG
        for window in self._windows:
            window.trim(now)
            over = len(window.calls) + cost - self._allowed(window.limit)
            if over > 0:
                oldest = window.calls[over - 1] if over <= len(window.calls) else now
                return window.limit.resets(now, oldest), window.limit.window >= LONG
        return None

    def _judge(self, answer: Sequence[int], *, now: datetime) -> tuple[datetime, bool] | None:
        which, since = answer
        if which == 0:
            return None
        if which < 0:
            self._closed_until = _moment(since)
            return self._closed_until, self._closed_until - now >= LONG
        limit = self._windows[which - 1].limit
        return limit.resets(now, _moment(since)), limit.window >= LONG

    @staticmethod
    def _allowed(limit: Limit) -> int:
        if not background.get():
            return limit.calls
        return max(1, int(limit.calls * BACKGROUND_SHARE))

    def _keys(self) -> list[str]:
        return [
            f"{self._name}:{window.limit.window // TICK}:{window.limit.resets_in or 'sliding'}"
            for window in self._windows
        ]

    def _terms(self, now: datetime) -> list[str | int]:
        terms: list[str | int] = []
        for window in self._windows:
            length = window.limit.window // TICK
            began = (window.limit.began(now) - EPOCH) // TICK
            terms += [self._allowed(window.limit), began, length]
        return terms

    async def close(self, until: datetime) -> None:
        """Allow no call before a time, because the vendor said so."""
        now = self._clock()
        until = min(until, now + LONGEST_CLOSE)
        if until <= now or (self._closed_until is not None and self._closed_until >= until):
            return
        self._closed_until = until
        if self._server is not None:
            length = max(1, _milliseconds(until) - _milliseconds(now))
            await self._server.evaluate(
                CLOSE, [f"{self._name}:closed"], [_milliseconds(until), length]
            )

    def states(self) -> list[BudgetState]:
        """Return what is left of each limit as far as this process knows."""
        now = self._clock()
        closed = self._closed_until if self._closed_until and self._closed_until > now else None
        found = []
        for window in self._windows:
            window.trim(now)
            used = len(window.calls)
            resets = window.limit.resets(now, window.calls[0]) if used else None
            found.append(
                BudgetState(
                    limit=window.limit.calls,
                    window=window.limit.window,
                    left=0 if closed else max(0, window.limit.calls - used),
                    resets_at=closed or resets,
                )
            )
        return found
