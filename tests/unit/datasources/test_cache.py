"""The cache: single flight, negative entries, staleness, and a bound."""

import asyncio
from datetime import timedelta

import pytest

from datasources.cache import Cache
from datasources.errors import UnavailableError
from datasources.policies import Policy
from tests.conftest import Clock

POLICY = Policy(
    ttl=timedelta(seconds=60), negative_ttl=timedelta(seconds=10), stale_limit=timedelta(hours=1)
)


class Source:
    """Answers from a table, counts what it is asked, and fails or waits on demand."""

    def __init__(self, **known):
        self.known = known
        self.asked = []
        self.failure = None
        self.gate = None

    async def __call__(self, keys):
        self.asked.append(sorted(keys))
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return {key: self.known[key] for key in keys if key in self.known}


@pytest.fixture
async def cache(clock):
    opened = Cache(clock=clock, max_entries=100)
    yield opened
    await opened.close()


async def ask(cache, source, *keys, **more):
    entries = await cache.get_many("kind", keys, of=int, load=source, policy=POLICY, **more)
    return {key: (entry.value, entry.stale) for key, entry in entries.items()}


async def test_all_missing_keys_of_a_call_are_loaded_in_one_go(cache):
    source = Source(a=1, b=2)
    assert await ask(cache, source, "a", "b", "a") == {"a": (1, False), "b": (2, False)}
    assert await ask(cache, source, "a", "b") == {"a": (1, False), "b": (2, False)}
    assert source.asked == [["a", "b"]]


async def test_a_thousand_callers_of_one_cold_key_are_one_load(cache):
    source = Source(a=1)
    source.gate = asyncio.Event()
    callers = [asyncio.create_task(ask(cache, source, "a")) for _ in range(1000)]
    while not source.asked:
        await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*callers) == [{"a": (1, False)}] * 1000
    assert source.asked == [["a"]]


async def test_a_caller_that_gives_up_takes_the_load_from_nobody(cache):
    source = Source(a=1)
    source.gate = asyncio.Event()
    first, second = (asyncio.create_task(ask(cache, source, "a")) for _ in range(2))
    while not source.asked:
        await asyncio.sleep(0)
    first.cancel()
    source.gate.set()
    assert await second == {"a": (1, False)}
    assert first.cancelled() or first.cancelling()


async def test_what_a_source_does_not_know_is_remembered_for_a_short_while(cache, clock):
    source = Source()
    assert await ask(cache, source, "a") == {"a": (None, False)}
    await ask(cache, source, "a")
    assert len(source.asked) == 1
    clock.now += timedelta(seconds=10)
    source.known["a"] = 1
    assert await ask(cache, source, "a") == {"a": (1, False)}


async def test_an_old_value_is_loaded_again_and_a_wanted_age_shortens_its_time(cache, clock):
    source = Source(a=1)
    await ask(cache, source, "a")
    clock.now += timedelta(seconds=5)
    await ask(cache, source, "a", max_age=timedelta(seconds=6))
    assert len(source.asked) == 1
    await ask(cache, source, "a", max_age=timedelta(seconds=5))
    assert len(source.asked) == 2
    clock.now += timedelta(seconds=60)
    await ask(cache, source, "a")
    assert len(source.asked) == 3


async def test_a_failure_serves_the_old_value_as_stale_up_to_the_limit_and_is_not_kept(
    cache, clock
):
    source = Source(a=1)
    await ask(cache, source, "a")
    source.failure = UnavailableError("down")
    clock.now += timedelta(minutes=5)
    assert await ask(cache, source, "a", "b") == {"a": (1, True)}
    source.failure = None
    assert await ask(cache, source, "a") == {"a": (1, False)}
    source.failure = UnavailableError("down")
    clock.now += timedelta(hours=2)
    assert await ask(cache, source, "a") == {}


async def test_a_defect_reaches_every_caller_and_is_not_kept(cache):
    source = Source(a=1)
    source.failure = ZeroDivisionError("defect")
    source.gate = asyncio.Event()
    source.gate.set()
    outcomes = await asyncio.gather(
        ask(cache, source, "a"), ask(cache, source, "a"), return_exceptions=True
    )
    assert [type(one) for one in outcomes] == [ZeroDivisionError, ZeroDivisionError]
    source.failure = None
    assert await ask(cache, source, "a") == {"a": (1, False)}


async def test_forgetting_loads_anew_and_the_bound_stays(cache):
    source = Source(a=1)
    await ask(cache, source, "a")
    await cache.forget()
    assert await ask(cache, source, "a") == {"a": (1, False)}
    assert source.asked == [["a"], ["a"]]


async def test_the_least_recently_used_entries_go_first_beyond_the_bound():
    cache = Cache(clock=Clock(), max_entries=2)
    source = Source(a=1, b=2, c=3)
    await ask(cache, source, "a")
    await ask(cache, source, "b")
    await ask(cache, source, "a")
    await ask(cache, source, "c")
    source.asked.clear()
    await ask(cache, source, "a")
    await ask(cache, source, "b")
    assert source.asked == [["b"]]
    await cache.close()
