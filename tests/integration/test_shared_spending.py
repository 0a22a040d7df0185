"""Points and attempts that replicas share through a Redis server."""

import uuid
from datetime import timedelta

import pytest

from services.attempts import Attempts, TooManyAttemptsError
from services.spending import Allowance, Buckets
from tests.conftest import missing
from tests.integration.test_shared_cache import REDIS
from tests.replicas import Server

pytestmark = pytest.mark.redis

USERS, ADDRESSES = Allowance("user", 100, 10), Allowance("address", 20, 1)


@pytest.fixture
async def server():
    opened = Server(REDIS)
    if await opened.evaluate("return 1", [], []) is None:
        missing("Redis")
    yield opened
    await opened.redis.aclose()


@pytest.fixture
async def caller(server):
    name = f"user:test-{uuid.uuid4().hex}"
    yield name
    await server.redis.delete(f"points:{name}")


class Away:
    """A server that does not answer."""

    async def evaluate(self, script, keys, arguments):
        return None


async def test_replicas_share_a_callers_bucket(server, caller, clock):
    """What one takes the other misses; what one gives back the other has."""
    one, two = (
        Buckets(users=USERS, addresses=ADDRESSES, clock=clock, server=server) for _ in range(2)
    )
    spending = await one.take(caller, 60)
    assert (spending.left, spending.refused) == (40, False)
    refused = await two.take(caller, 41)
    assert (refused.left, refused.refused) == (40, True)
    one.give_back(caller, spending, actual=10)
    await one.close()
    assert (await two.take(caller, 90)).left == 0
    clock.now += timedelta(seconds=3)
    assert (await one.take(caller, 0)).left == 30
    assert 10_000 < await server.redis.pttl(f"points:{caller}") <= 11_000


async def test_a_server_that_is_away_leaves_each_replica_with_its_own_count(server, caller, clock):
    """It goes on from what it last heard."""
    buckets = Buckets(users=USERS, addresses=ADDRESSES, clock=clock, server=server)
    await buckets.take(caller, 60)
    buckets._server = Away()
    assert (await buckets.take(caller, 41)).refused
    assert (await buckets.take(caller, 40)).left == 0


async def test_replicas_share_attempts(server, clock):
    """An account is tried so often in all, whichever replica is asked."""
    account = f"test-{uuid.uuid4().hex}"
    replicas = [Attempts(2, clock=clock, server=server) for _ in range(2)]
    for replica in replicas:
        await replica.count(account=account, address=account)
    for replica in replicas:
        with pytest.raises(TooManyAttemptsError):
            await replica.count(account=account, address=account)
