"""The cache: single flight, negative entries, staleness, renewal behind, patience, a bound."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from datasources.cache import Cache
from datasources.errors import UnavailableError
from datasources.loaded import Loaded
from datasources.pacing import background
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


async def ask(cache, source, *keys, policy=POLICY, **more):
    entries = await cache.get_many("kind", keys, of=int, load=source, policy=policy, **more)
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


async def test_a_failure_serves_the_old_value_as_stale_up_to_the_limit_and_for_seconds_only(
    cache, clock
):
    source = Source(a=1)
    await ask(cache, source, "a")
    source.failure = UnavailableError("down")
    clock.now += timedelta(minutes=5)
    assert await ask(cache, source, "a", "b") == {"a": (1, True)}
    source.failure = None
    # A failure is no value and is not kept, but an outage is not asked for again by every client.
    clock.now += timedelta(seconds=5)
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


async def test_during_an_outage_a_key_is_asked_for_once_in_five_seconds(cache, clock):
    source = Source(a=1)
    await ask(cache, source, "a")
    source.failure = UnavailableError("down")
    clock.now += timedelta(minutes=5)
    for _ in range(3):
        assert await ask(cache, source, "a", "b") == {"a": (1, True)}
    assert await ask(cache, source, "a", max_age=timedelta(0)) == {"a": (1, True)}
    assert source.asked == [["a"], ["a", "b"]]
    clock.now += timedelta(seconds=4.999)
    await ask(cache, source, "b")
    assert len(source.asked) == 2
    clock.now += timedelta(seconds=0.001)
    await ask(cache, source, "b")
    assert source.asked[2:] == [["b"]]


async def test_what_failed_of_a_load_is_not_taken_for_unknown(cache, clock):
    async def partly(keys):
        source.asked.append(sorted(keys))
        return Loaded({"a": 1}, failed=["b"])

    source = Source()
    entries = await cache.get_many("kind", ["a", "b", "c"], of=int, load=partly, policy=POLICY)
    assert {key: entry.value for key, entry in entries.items()} == {"a": 1, "c": None}
    clock.now += timedelta(seconds=5)
    source.known["b"] = 2
    assert await ask(cache, source, "a", "b", "c") == {
        "a": (1, False),
        "b": (2, False),
        "c": (None, False),
    }
    assert source.asked == [["a", "b", "c"], ["b"]]


async def test_failures_that_are_over_are_not_remembered(cache, clock):
    source = Source()
    source.failure = UnavailableError("down")
    for number in range(20):
        await ask(cache, source, f"key {number}")
        clock.now += timedelta(seconds=1)
    assert list(cache._failed_at) == [f"kind:key {number}" for number in range(15, 20)]


GRACE = replace(POLICY, grace=timedelta(seconds=30))


async def landed(cache):
    """Wait for the loads that nobody waits for."""
    await asyncio.gather(*cache._tasks, return_exceptions=True)


async def test_just_past_its_time_a_value_answers_at_once_and_is_loaded_anew_behind(cache, clock):
    source = Source(a=1)
    await ask(cache, source, "a", policy=GRACE)
    clock.now += timedelta(seconds=60)
    source.known["a"] = 2
    source.gate = asyncio.Event()
    for _ in range(3):
        assert await ask(cache, source, "a", policy=GRACE) == {"a": (1, False)}
    source.gate.set()
    await landed(cache)
    assert await ask(cache, source, "a", policy=GRACE) == {"a": (2, False)}
    assert source.asked == [["a"], ["a"]]


async def test_a_value_further_past_its_time_is_waited_for_and_so_is_one_of_a_wanted_age(
    cache, clock
):
    source = Source(a=1)
    await ask(cache, source, "a", policy=GRACE)
    clock.now += timedelta(seconds=60)
    source.known["a"] = 2
    assert await ask(cache, source, "a", policy=GRACE, max_age=timedelta(hours=1)) == {
        "a": (2, False)
    }
    clock.now += timedelta(seconds=90)
    source.known["a"] = 3
    assert await ask(cache, source, "a", policy=GRACE) == {"a": (3, False)}


async def test_absence_just_past_its_time_is_no_answer(cache, clock):
    source = Source()
    await ask(cache, source, "a", policy=GRACE)
    clock.now += timedelta(seconds=10)
    source.known["a"] = 1
    assert await ask(cache, source, "a", policy=GRACE) == {"a": (1, False)}


async def test_a_renewal_that_fails_is_told_to_the_next_caller(cache, clock):
    source = Source(a=1)
    await ask(cache, source, "a", policy=GRACE)
    clock.now += timedelta(seconds=60)
    source.failure = UnavailableError("down")
    assert await ask(cache, source, "a", policy=GRACE) == {"a": (1, False)}
    await landed(cache)
    assert await ask(cache, source, "a", policy=GRACE) == {"a": (1, True)}
    assert source.asked == [["a"], ["a"]]


async def test_a_defect_of_a_renewal_is_logged_and_the_next_caller_is_answered(cache, clock):
    source = Source(a=1)
    await ask(cache, source, "a", policy=GRACE)
    clock.now += timedelta(seconds=60)
    source.failure = ZeroDivisionError("defect")
    with capture_logs() as logged:
        assert await ask(cache, source, "a", policy=GRACE) == {"a": (1, False)}
        await landed(cache)
    assert [entry["event"] for entry in logged] == ["refresh_broken"]
    assert await ask(cache, source, "a", policy=GRACE) == {"a": (1, False)}


async def test_a_value_that_is_read_often_is_loaded_anew_before_its_time_is_over(cache, clock):
    source = Source(a=1, b=1)
    for _ in range(11):
        await ask(cache, source, "a")
    await ask(cache, source, "b")
    clock.now += timedelta(seconds=47.9)
    await ask(cache, source, "a", "b")
    assert source.asked == [["a"], ["b"]]
    clock.now += timedelta(seconds=0.1)
    source.gate = asyncio.Event()
    source.known["a"] = 2
    for _ in range(3):
        assert await ask(cache, source, "a", "b") == {"a": (1, False), "b": (1, False)}
    source.gate.set()
    await landed(cache)
    assert await ask(cache, source, "a", "b") == {"a": (2, False), "b": (1, False)}
    assert source.asked == [["a"], ["b"], ["a"]]


async def test_a_failed_early_renewal_leaves_the_value_fresh_and_waits_for_the_next(cache, clock):
    source = Source(a=1)
    for _ in range(11):
        await ask(cache, source, "a")
    clock.now += timedelta(seconds=48)
    source.failure = UnavailableError("down")
    for _ in range(3):
        assert await ask(cache, source, "a") == {"a": (1, False)}
        await landed(cache)
    assert source.asked == [["a"], ["a"]]


async def test_a_caller_whose_patience_ends_gets_the_old_value_and_the_next_one_the_new(
    cache, clock
):
    source = Source(a=1)
    await ask(cache, source, "a")
    clock.now += timedelta(minutes=5)
    source.known |= {"a": 2, "b": 3}
    source.gate = asyncio.Event()
    assert await ask(cache, source, "a", "b", patience=timedelta(0)) == {"a": (1, True)}
    assert await ask(cache, source, "a", patience=timedelta(milliseconds=1)) == {"a": (1, True)}
    source.gate.set()
    await landed(cache)
    assert await ask(cache, source, "a", "b") == {"a": (2, False), "b": (3, False)}
    assert source.asked == [["a"], ["a", "b"]]


async def test_a_caller_with_patience_takes_what_comes_in_time(cache):
    source = Source(a=1)
    assert await ask(cache, source, "a", patience=timedelta(seconds=60)) == {"a": (1, False)}


async def test_beyond_the_stale_limit_the_end_of_patience_brings_nothing(cache, clock):
    source = Source(a=1)
    await ask(cache, source, "a")
    clock.now += timedelta(hours=1, seconds=1)
    source.gate = asyncio.Event()
    assert await ask(cache, source, "a", patience=timedelta(0)) == {}


async def test_a_policy_may_tell_by_key_and_value_how_long_a_value_is_fresh(cache, clock):
    def life(key, value, now):
        assert now == clock.now
        return timedelta(hours=value) if key == "a" else timedelta(seconds=1)

    policy = replace(POLICY, life=life)
    source = Source(a=2, b=2)
    await ask(cache, source, "a", "b", "c", policy=policy)
    clock.now += timedelta(seconds=1)
    await ask(cache, source, "a", "b", "c", policy=policy)
    assert source.asked == [["a", "b", "c"], ["b"]]
    clock.now += timedelta(hours=2, seconds=-2)
    await ask(cache, source, "a", policy=policy)
    assert len(source.asked) == 2
    clock.now += timedelta(seconds=1)
    await ask(cache, source, "a", policy=policy)
    assert len(source.asked) == 3


async def test_values_in_memory_need_no_timers(cache):
    before = len(asyncio.get_running_loop()._scheduled)
    await ask(cache, Source(), *map(str, range(100)))
    assert len(asyncio.get_running_loop()._scheduled) == before


async def test_with_aiocache_disabled_every_question_is_a_load(cache, monkeypatch):
    monkeypatch.setenv("AIOCACHE_DISABLE", "1")
    source = Source(a=1)
    for _ in range(2):
        assert await ask(cache, source, "a") == {"a": (1, False)}
    assert source.asked == [["a"], ["a"]]


async def test_what_somebody_waits_for_is_loaded_before_what_is_renewed_behind(cache, clock):
    source = Source(a=1, b=2)
    policy = replace(POLICY, grace=timedelta(seconds=30))
    await ask(cache, source, "a", policy=policy)
    clock.now += timedelta(seconds=61)
    assert await ask(cache, source, "a", "b", policy=policy) == {"a": (1, False), "b": (2, False)}
    await asyncio.sleep(0)
    assert source.asked == [["a"], ["b"], ["a"]]


async def test_what_a_load_under_way_brings_is_not_kept_once_all_was_renounced(cache):
    source = Source(a=1)
    source.gate = asyncio.Event()
    caller = asyncio.create_task(ask(cache, source, "a"))
    while not source.asked:
        await asyncio.sleep(0)
    await cache.renounce("other names")
    source.gate.set()
    assert await caller == {"a": (1, False)}
    source.known["a"] = 2
    assert await ask(cache, source, "a") == {"a": (2, False)}


async def test_what_fails_in_the_background_is_no_failure_to_somebody_who_waits(cache):
    source = Source(a=1)
    source.failure = UnavailableError("half of the budget is used up")
    token = background.set(True)
    assert await ask(cache, source, "a") == {}
    background.reset(token)
    source.failure = None
    assert await ask(cache, source, "a") == {"a": (1, False)}
