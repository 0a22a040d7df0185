"""Budgets that replicas share through a Redis server, and what holds without it."""

import asyncio
import multiprocessing
import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from datasources.errors import QuotaExhaustedError, RateLimitedError
from datasources.pacing import Budget, Limit, background
from tests.conftest import NOW, missing
from tests.integration.test_shared_cache import REDIS, OwnServer
from tests.replicas import Server, hammer, takes

pytestmark = pytest.mark.redis

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LIMITS = (Limit(20, MINUTE), Limit(30, DAY, resets_in=ZoneInfo("America/New_York")))


@pytest.fixture
async def server():
    opened = Server(REDIS)
    if await opened.evaluate("return 1", [], []) is None:
        missing("Redis")
    yield opened
    await opened.redis.aclose()


@pytest.fixture
def name():
    return f"folioql-test:{uuid.uuid4().hex}"


@pytest.fixture(autouse=True)
async def _tidy(server, name):
    yield
    for key in [key async for key in server.redis.scan_iter(f"{name}:*")]:
        await server.redis.delete(key)


async def test_replicas_with_one_name_share_one_budget(server, name, clock):
    one, two = (Budget(LIMITS, name=name, clock=clock, server=server) for _ in range(2))
    other = Budget(LIMITS, name=f"{name}:other", clock=clock, server=server)
    assert [await takes(one, 12), await takes(two, 12)] == [12, 8]
    assert await takes(other, 12) == 12
    with pytest.raises(RateLimitedError) as caught:
        await one.take()
    assert caught.value.until == NOW + MINUTE
    clock.now += MINUTE
    # The minute is free again, and of the day ten are left.
    assert [await takes(one, 6), await takes(two, 6)] == [6, 4]
    with pytest.raises(QuotaExhaustedError) as caught:
        await one.take()
    # Midnight in New York
    assert caught.value.until == datetime(2024, 6, 15, 4, tzinfo=UTC)
    clock.now = caught.value.until
    assert [await takes(one, 12), await takes(two, 12)] == [12, 8]


async def test_what_does_not_fit_everywhere_counts_nowhere(server, name, clock):
    one, two = (Budget(LIMITS, name=name, clock=clock, server=server) for _ in range(2))
    assert await takes(one, 1, cost=15) == 1
    clock.now += MINUTE
    # Sixteen fit into the minute and not into the day; fifteen fit into both.
    assert await takes(two, 5, cost=16) == 0
    assert await takes(two, 5, cost=15) == 1


async def test_a_budget_is_exact_to_the_millisecond(server, name, clock):
    one, two = (
        Budget([Limit(1, timedelta(seconds=1))], name=name, clock=clock, server=server)
        for _ in range(2)
    )
    clock.now = NOW + timedelta(microseconds=600)
    assert await takes(one, 1) == 1
    clock.now = NOW + timedelta(microseconds=1_000_599)
    assert await takes(two, 1) == 0
    clock.now = NOW + timedelta(microseconds=1_001_000)
    assert await takes(two, 1) == 1


async def test_work_in_the_background_leaves_half_of_what_all_share(server, name, clock):
    one, two = (Budget(LIMITS, name=name, clock=clock, server=server) for _ in range(2))
    assert await takes(one, 6) == 6
    quiet = background.set(True)
    assert await takes(two, 10) == 4
    background.reset(quiet)
    assert await takes(two, 20) == 10


async def test_a_vendors_word_to_one_replica_holds_for_all(server, name, clock):
    one, two = (Budget(LIMITS, name=name, clock=clock, server=server) for _ in range(2))
    await one.close(NOW + timedelta(seconds=90))
    await one.close(NOW + timedelta(seconds=30))
    with pytest.raises(RateLimitedError) as caught:
        await two.take()
    assert caught.value.until == NOW + timedelta(seconds=90)
    assert [state.left for state in two.states()] == [0, 0]
    clock.now += timedelta(seconds=90)
    assert await takes(two, 1) == 1


async def test_eight_processes_that_hammer_never_overrun(name):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    replicas = [
        context.Process(target=hammer, args=(REDIS, name, LIMITS, results)) for _ in range(8)
    ]
    for replica in replicas:
        replica.start()
    done = [await asyncio.to_thread(results.get, timeout=60) for _ in replicas]
    for replica in replicas:
        replica.join(20)
    assert sum(done) == 20


async def test_without_the_server_each_goes_on_with_what_it_counted_itself(name, clock):
    own = OwnServer()
    own.start()
    server = Server(own.url)
    one, two = (Budget(LIMITS[:1], name=name, clock=clock, server=server) for _ in range(2))
    try:
        assert [await takes(one, 6), await takes(two, 8)] == [6, 8]
        own.stop()
        assert await takes(one, 30) == 14
        own.start()
        # The server has forgotten everything; what a process counted itself still holds.
        assert [await takes(one, 5), await takes(two, 30)] == [0, 12]
        clock.now += MINUTE
        assert [await takes(one, 12), await takes(two, 12)] == [12, 8]
    finally:
        await server.redis.aclose()
        own.stop()
