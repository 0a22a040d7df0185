"""Timers of sockets: none ends late, and many end at once."""

import asyncio

import pytest

from gateway.transports.timers import Timers


@pytest.fixture
async def now(monkeypatch):
    """The loop's clock, which stands still until the test moves it."""
    clock = [1000.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock[0])
    return clock


async def moved(clock, to):
    clock[0] = to
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_is_due_within_a_quarter_of_a_second_is_done_in_one_go_and_never_late(now):
    timers, done, loop = Timers(), [], asyncio.get_running_loop()
    before = len(loop._scheduled)
    for at in (1000.0, 1000.1, 1000.2):
        now[0] = at
        timers(12, lambda at=at: done.append(at))
    now[0] = 1000.3
    timers(12, lambda: done.append("another moment"))
    assert len(loop._scheduled) - before == 2
    await moved(now, 1011.9)
    assert done == []
    await moved(now, 1012.0)
    assert done == [1000.0, 1000.1, 1000.2]
    await moved(now, 1012.25)
    assert done == [1000.0, 1000.1, 1000.2, "another moment"]


@pytest.mark.parametrize(
    ("seconds", "earliest"), [(0, 1000.1), (0.5, 1000.584), (12, 1012.0), (900, 1900.0)]
)
async def test_nothing_is_done_sooner_than_by_a_small_part_of_its_time(now, seconds, earliest):
    now[0] = 1000.1
    done = []
    Timers()(seconds, lambda: done.append(True))
    await moved(now, earliest - 0.01)
    assert done == []
    await moved(now, 1000.1 + seconds)
    assert done == [True]


async def test_what_is_cancelled_is_not_done_nor_by_another_of_its_moment(now):
    def cancel_late():
        late.cancel()

    timers, done = Timers(), []
    early = timers(12, lambda: done.append("early"))
    timers(12, cancel_late)
    late = timers(12, lambda: done.append("late"))
    early.cancel()
    await moved(now, 1012.0)
    late.cancel()
    assert done == []


async def test_one_that_fails_keeps_no_other_from_being_done(now):
    def fail():
        raise ValueError("no")

    timers, done = Timers(), []
    timers(12, fail)
    timers(12, lambda: done.append(True))
    await moved(now, 1012.0)
    assert done == [True]


def test_what_another_loop_has_asked_for_at_the_same_moment_is_done_by_that_loop_alone():
    async def ask(name):
        asyncio.get_running_loop().time = lambda: clock[0]
        timers(12, lambda: done.append(name))

    timers, done, clock = Timers(), [], [1000.0]
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(ask("first"))
        second.run(ask("second"))
        second.run(moved(clock, 1012.0))
        assert done == ["second"]
        first.run(moved(clock, 1012.0))
        assert done == ["second", "first"]
