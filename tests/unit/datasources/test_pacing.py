"""Rate budgets: no window ever holds more than its limit, and nobody waits in vain."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasources.errors import QuotaExhaustedError, RateLimitedError
from datasources.pacing import Budget, Limit, background, time_left
from tests.conftest import NOW, Clock

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")


def budget_of(clock, *limits, **more):
    async def sleep(seconds):
        clock.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    return Budget(limits, name="test", clock=clock, sleep=sleep, **more)


async def taken(budget, cost=1, **more):
    """Say whether there was room, or when there will be."""
    try:
        await budget.take(cost, **more)
    except RateLimitedError as error:
        return error.until
    return True


async def test_a_window_slides_call_by_call(clock):
    budget = budget_of(clock, Limit(3, MINUTE))
    start = clock.now
    for second, expected in [
        (0, True),
        (20, True),
        (20, True),
        (59, start + MINUTE),
        (60, True),
        (60, start + timedelta(seconds=80)),
        (80, True),
        (80, True),
        (80, start + timedelta(seconds=120)),
    ]:
        clock.now = start + timedelta(seconds=second)
        assert await taken(budget) == expected, second


async def test_a_day_begins_at_the_vendors_midnight_and_what_is_taken_at_midnight_is_of_it(clock):
    budget = budget_of(clock, Limit(2, DAY, resets_in=NEW_YORK))
    # June: New York is four hours behind, its midnight is 04:00 UTC.
    midnight = datetime(2024, 6, 15, 4, tzinfo=UTC)
    assert [await taken(budget) for _ in range(3)] == [True, True, midnight]
    clock.now = midnight - timedelta(microseconds=1)
    assert await taken(budget) == midnight
    clock.now = midnight
    assert [await taken(budget) for _ in range(3)] == [True, True, midnight + DAY]


async def test_a_day_of_25_hours_is_one_day(clock):
    budget = budget_of(clock, Limit(1, DAY, resets_in=NEW_YORK))
    # The clocks of New York go back on 2024-11-03: from 04:00 UTC to 05:00 UTC of the next day.
    clock.now = datetime(2024, 11, 3, 4, tzinfo=UTC)
    assert await taken(budget) is True
    ends = datetime(2024, 11, 4, 5, tzinfo=UTC)
    clock.now = ends - SECOND
    assert await taken(budget) == ends
    clock.now = ends
    assert await taken(budget) is True


async def test_a_call_counts_in_all_windows_or_in_none(clock):
    budget = budget_of(clock, Limit(5, MINUTE), Limit(4, DAY))
    await budget.take(3)
    with pytest.raises(QuotaExhaustedError) as caught:
        await budget.take(2)
    assert caught.value.until == clock.now + DAY
    assert [state.left for state in budget.states()] == [2, 1]
    await budget.take(1)
    assert [state.left for state in budget.states()] == [1, 0]


async def test_what_costs_more_than_the_limit_is_never_let_through(clock):
    budget = budget_of(clock, Limit(3, SECOND))
    for _ in range(2):
        assert await taken(budget, 4, patience=timedelta(seconds=5)) is not True
    assert clock.now == NOW + timedelta(seconds=10)
    assert [state.left for state in budget.states()] == [3]


async def test_patience_waits_for_room_and_no_longer(clock):
    budget = budget_of(clock, Limit(2, SECOND))
    await budget.take(2)
    clock.now += SECOND / 2
    assert await taken(budget, patience=SECOND * 0.4) == NOW + SECOND
    assert clock.now == NOW + SECOND / 2
    assert await taken(budget, patience=SECOND / 2) is True
    assert clock.now == NOW + SECOND


async def test_half_of_a_callers_time_is_left_for_the_vendor(clock):
    budget = budget_of(clock, Limit(1, SECOND))
    await budget.take()
    hurry = time_left.set(SECOND * 1.9)
    assert await taken(budget, patience=MINUTE) == NOW + SECOND
    time_left.reset(hurry)
    assert await taken(budget, patience=MINUTE) is True


async def test_work_in_the_background_leaves_half_to_those_who_wait(clock):
    budget = budget_of(clock, Limit(5, MINUTE))
    quiet = background.set(True)
    assert [await taken(budget) for _ in range(3)] == [True, True, NOW + MINUTE]
    background.reset(quiet)
    assert [await taken(budget) for _ in range(4)] == [True, True, True, NOW + MINUTE]


async def test_a_vendors_word_closes_the_budget_and_only_a_later_one_changes_it(clock):
    budget = budget_of(clock, Limit(5, MINUTE))
    await budget.close(NOW + 2 * MINUTE)
    await budget.close(NOW + MINUTE)
    assert await taken(budget) == NOW + 2 * MINUTE
    (state,) = budget.states()
    assert (state.left, state.resets_at) == (0, NOW + 2 * MINUTE)
    clock.now = NOW + 2 * MINUTE
    assert await taken(budget) is True


async def test_a_word_that_names_a_past_or_an_absurd_time_shuts_nobody_out(clock):
    budget = budget_of(clock, Limit(5, MINUTE))
    await budget.close(NOW - MINUTE)
    assert await taken(budget) is True
    await budget.close(NOW + 4000 * DAY)
    with pytest.raises(QuotaExhaustedError) as caught:
        await budget.take()
    assert caught.value.until == NOW + DAY


async def test_states_tell_what_is_left_and_when_the_next_call_is_free(clock):
    budget = budget_of(clock, Limit(3, MINUTE), Limit(9, DAY, resets_in=ZoneInfo("UTC")))
    assert [(one.left, one.resets_at) for one in budget.states()] == [(3, None), (9, None)]
    await budget.take(2)
    clock.now += SECOND
    midnight = datetime(2024, 6, 15, tzinfo=UTC)
    assert [(one.limit, one.left, one.resets_at) for one in budget.states()] == [
        (3, 1, NOW + MINUTE),
        (9, 7, midnight),
    ]
    clock.now += MINUTE
    assert [(one.left, one.resets_at) for one in budget.states()] == [(3, None), (7, midnight)]


async def test_a_clock_that_is_put_back_costs_one_window_at_most(clock):
    budget = budget_of(clock, Limit(2, MINUTE))
    await budget.take(2)
    clock.now -= timedelta(hours=3)
    put_back = clock.now
    assert await taken(budget) == put_back + MINUTE
    clock.now += MINUTE
    assert await taken(budget, 2) is True


class Forgetful:
    """A server that lets everything through, or fails; somebody else calls meanwhile."""

    def __init__(self, answer):
        self.answer = answer

    async def evaluate(self, script, keys, arguments):
        await asyncio.sleep(0)
        return self.answer


@pytest.mark.parametrize("answer", [None, [0, 0]])
async def test_what_a_process_counted_itself_holds_whatever_the_server_says(clock, answer):
    budget = budget_of(clock, Limit(3, MINUTE), server=Forgetful(answer))
    for _ in range(3):
        await budget.take()
    assert await taken(budget) == NOW + MINUTE


async def test_without_the_server_no_two_callers_take_the_same_room(clock):
    budget = budget_of(clock, Limit(3, MINUTE), server=Forgetful(None))
    outcomes = await asyncio.gather(*(taken(budget) for _ in range(10)))
    assert outcomes.count(True) == 3


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 4), st.sampled_from([0, 1, 3])),
        st.tuples(st.just("move"), st.integers(0, 5_000_000)),
        st.tuples(st.just("close"), st.integers(-1_000_000, 4_000_000)),
    ),
    max_size=60,
)


@given(
    limits=st.lists(
        st.tuples(st.integers(1, 6), st.integers(1, 9)), min_size=1, max_size=3, unique=True
    ),
    steps=STEPS,
)
async def test_no_window_ever_holds_more_than_its_limit(limits, steps):
    clock = Clock()
    budget = budget_of(clock, *(Limit(calls, length * SECOND) for calls, length in limits))
    made, shut = [], NOW
    for step, *numbers in steps:
        if step == "move":
            clock.now += timedelta(microseconds=numbers[0])
        elif step == "close":
            until = clock.now + timedelta(microseconds=numbers[0])
            await budget.close(until)
            shut = max(shut, until)
        else:
            cost, patience = numbers
            if await taken(budget, cost, patience=patience * SECOND) is True:
                assert clock.now >= shut
                made += [clock.now] * cost
    for calls, length in limits:
        for began in made:
            assert sum(began <= at < began + length * SECOND for at in made) <= calls


@given(limit=st.integers(1, 5), moves=st.lists(st.integers(0, 20 * 3600), max_size=40))
async def test_no_calendar_day_ever_holds_more_than_its_limit(limit, moves):
    clock = Clock()
    budget = budget_of(clock, Limit(limit, DAY, resets_in=NEW_YORK))
    made = {}
    for seconds in moves:
        clock.now += timedelta(seconds=seconds)
        if await taken(budget) is True:
            day = clock.now.astimezone(NEW_YORK).date()
            made[day] = made.get(day, 0) + 1
        else:
            assert made[clock.now.astimezone(NEW_YORK).date()] == limit
    assert all(count <= limit for count in made.values())
