"""Budgets as replicas have them: what a process of its own does for the tests, with few imports."""

import asyncio
from datetime import UTC, datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from datasources.errors import RateLimitedError
from datasources.pacing import Budget


class Server:
    """Evaluates scripts on Redis; null while it cannot."""

    def __init__(self, url):
        self.redis = Redis.from_url(url)

    async def evaluate(self, script, keys, arguments):
        try:
            return await self.redis.eval(script, len(keys), *keys, *arguments)
        except RedisError:
            return None


async def takes(budget, times, cost=1):
    """Take one after the other and return how often there was room."""
    done = 0
    for _ in range(times):
        try:
            await budget.take(cost)
        except RateLimitedError:
            continue
        done += 1
    return done


def hammer(url, name, limits, results):
    """Be a replica: many tasks at once, each insisting."""

    async def run():
        server = Server(url)
        budget = Budget(
            limits, name=name, clock=lambda: datetime(2024, 6, 14, tzinfo=UTC), server=server
        )
        done = sum(await asyncio.gather(*(takes(budget, 5) for _ in range(8))))
        await server.redis.aclose()
        return done

    results.put(asyncio.run(run()))
