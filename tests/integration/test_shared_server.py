"""The server that replicas share: values, locks and scripts, and null once it fails."""

import os
import uuid
from datetime import timedelta

import pytest
from redis import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from datasources.shared import SharedServer
from tests.conftest import free_port, missing

pytestmark = pytest.mark.redis

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def client():
    opened = Redis.from_url(REDIS)
    try:
        opened.ping()
    except RedisError:
        missing("Redis")
    yield opened
    opened.close()


@pytest.fixture
async def server(client, clock):
    opened = SharedServer(REDIS, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def name(client):
    """A name that no other test has."""
    made = f"test:{uuid.uuid4().hex}"
    yield made
    for left in client.scan_iter(f"folioql:{made}*"):
        client.delete(left)


async def test_values_come_back_in_the_order_of_the_question_until_their_end(server, client, name):
    assert await server.set_many({f"{name}:a": b"1", f"{name}:b": b"2"}, ttl=MINUTE)
    assert await server.get_many([f"{name}:b", f"{name}:c", f"{name}:a"]) == [b"2", None, b"1"]
    assert 59_000 < client.pttl(f"folioql:{name}:a") <= 60_000


async def test_a_script_runs_on_names_of_ours_with_texts_and_numbers(server, client, name):
    script = "redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2]); return {7, ARGV[1]}"
    assert await server.evaluate(script, [name], ["text", 60_000]) == [7, b"text"]
    assert client.get(f"folioql:{name}") == b"text"


async def test_a_lock_has_one_holder_until_it_is_released(server, client, name):
    assert await server.acquire(name, holder="one", ttl=MINUTE) is True
    assert await server.acquire(name, holder="two", ttl=MINUTE) is False
    assert await server.acquire(name, holder="one", ttl=MINUTE) is False
    assert await server.release(name, holder="two") is False
    assert await server.release(name, holder="one") is True
    assert await server.release(name, holder="one") is False
    assert await server.acquire(name, holder="two", ttl=MINUTE) is True
    assert 59_000 < client.pttl(f"folioql:{name}") <= 60_000


async def test_only_the_holder_gives_a_lock_more_time(server, client, name):
    await server.acquire(name, holder="one", ttl=MINUTE)
    assert await server.extend(name, holder="two", ttl=5 * MINUTE) is False
    assert client.pttl(f"folioql:{name}") <= 60_000
    assert await server.extend(name, holder="one", ttl=5 * MINUTE) is True
    assert 60_000 < client.pttl(f"folioql:{name}") <= 300_000
    client.delete(f"folioql:{name}")  # its time is over
    assert await server.extend(name, holder="one", ttl=MINUTE) is False


async def test_of_many_locks_those_that_are_free_are_taken_and_only_own_ones_released(server, name):
    await server.acquire(f"{name}:b", holder="one", ttl=MINUTE)
    names = [f"{name}:{letter}" for letter in "abc"]
    assert await server.acquire_many(names, holder="two", ttl=MINUTE) == [names[0], names[2]]
    assert await server.release_many(names, holder="two") == 2
    assert await server.release(names[1], holder="one") is True


async def test_everything_is_null_while_the_server_fails_and_it_is_left_alone(clock, name):
    server = SharedServer(f"redis://127.0.0.1:{free_port()}/0", clock=clock)
    with capture_logs() as logged:
        assert [
            await server.get_many([name]),
            await server.set_many({name: b""}, ttl=MINUTE),
            await server.evaluate("return 1", [name]),
            await server.acquire(name, holder="one", ttl=MINUTE),
            await server.acquire_many([name], holder="one", ttl=MINUTE),
            await server.extend(name, holder="one", ttl=MINUTE),
            await server.release(name, holder="one"),
            await server.release_many([name], holder="one"),
        ] == [None] * 8
    assert [(entry["event"], entry["error"]) for entry in logged] == [
        ("shared_cache_failed", "ConnectionError")
    ]
    await server.close()
