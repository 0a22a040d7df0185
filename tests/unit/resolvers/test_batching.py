"""Loaders and batched fields: one call for all who ask at a time, and no harm among neighbours."""

import asyncio

import pytest

from resolvers.batching import Batches, CancelledBatchError, Loader, loading


class Calls(list):
    """The calls that a loader made, each with its keys; they wait and fail as they are told."""

    def __init__(self):
        super().__init__()
        self.errors = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.tasks = []
        self.loader = Loader(self.load, default=lambda: None)

    async def load(self, keys):
        self.append(keys)
        self.tasks.append(asyncio.current_task())
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop()
        return {key: key * 10 for key in keys if key != 13}

    async def started(self, count=1):
        while len(self) < count:
            await asyncio.sleep(0)


@pytest.fixture
async def calls():
    return Calls()


def turns(coroutine):
    """Count how often something gives way to others before it ends."""
    count = 0
    try:
        while True:
            coroutine.send(None)
            count += 1
    except StopIteration as end:
        return end.value, count


async def test_siblings_are_loaded_in_one_call_and_each_key_once(calls):
    one = calls.loader
    assert await asyncio.gather(one.load(1), one.load_many([2, 1]), one.load(13)) == [
        10,
        [20, 10],
        None,
    ]
    assert await one.load(2) == 20
    assert calls == [[1, 2, 13]]


async def test_askers_that_are_gathers_deep_join_one_call(calls):
    async def deep(key, depth):
        if not depth:
            return await calls.loader.load(key)
        return (await asyncio.gather(deep(key, depth - 1)))[0]

    found = await asyncio.gather(*(deep(key, key) for key in range(6)))
    assert found == [0, 10, 20, 30, 40, 50]
    assert calls == [[0, 1, 2, 3, 4, 5]]


async def test_what_is_known_is_returned_at_once(calls):
    await calls.loader.load_many([1, 2])
    assert turns(calls.loader.load_many([2, 1, 2])) == ([20, 10, 20], 0)
    assert turns(calls.loader.load_many([])) == ([], 0)
    assert calls == [[1, 2]]


async def test_a_level_waits_for_one_future_however_many_keys(calls, monkeypatch):
    loop, made = asyncio.get_running_loop(), []
    create = loop.create_future
    monkeypatch.setattr(loop, "create_future", lambda: made.append(1) or create())
    found = await calls.loader.load_many(range(500))
    assert (found[12:15], len(found)) == ([120, None, 140], 500)
    assert len(made) == 1


async def test_keys_that_are_on_their_way_are_waited_for_and_not_asked_again(calls):
    calls.gate.clear()
    first = asyncio.create_task(calls.loader.load_many([1, 2]))
    await calls.started()
    second = asyncio.create_task(calls.loader.load_many([2, 3]))
    await calls.started(2)
    calls.gate.set()
    assert (await first, await second) == ([10, 20], [20, 30])
    assert calls == [[1, 2], [3]]


async def test_a_failed_load_reaches_everyone_and_is_not_kept(calls):
    one = calls.loader
    calls.errors.append(ValueError("down"))
    outcomes = await asyncio.gather(one.load(1), one.load(2), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]
    assert await one.load(1) == 10
    assert calls == [[1, 2], [1]]


async def test_a_waiter_that_gives_up_does_not_disturb_its_neighbour(calls):
    calls.gate.clear()
    first, second = (asyncio.create_task(calls.loader.load(1)) for _ in range(2))
    await calls.started()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    calls.gate.set()
    assert await second == 10


async def test_a_waiter_whose_time_is_up_does_not_disturb_its_neighbour(calls):
    calls.gate.clear()
    second = asyncio.create_task(calls.loader.load(1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(calls.loader.load(1), timeout=0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await calls.loader.load(1)
    calls.gate.set()
    assert await second == 10
    assert calls == [[1]]


async def test_a_batch_that_everyone_gave_up_is_there_for_who_comes_later(calls):
    first = asyncio.create_task(calls.loader.load(1))
    await asyncio.sleep(0)
    first.cancel()
    assert await calls.loader.load(1) == 10
    assert calls == [[1]]


async def test_a_load_that_everyone_gave_up_is_cancelled(calls):
    calls.gate.clear()
    waiters = [asyncio.create_task(calls.loader.load(key)) for key in (1, 1, 2)]
    await calls.started()
    (loading_task,) = calls.tasks
    for waiter in waiters[:2]:
        waiter.cancel()
    await asyncio.wait(waiters[:2])
    assert loading_task.cancelling() == 0
    waiters[2].cancel()
    await asyncio.wait([*waiters, loading_task])
    assert loading_task.cancelled()


async def test_who_asks_while_a_load_is_being_cancelled_has_another(calls):
    calls.gate.clear()
    waiter = asyncio.create_task(calls.loader.load(1))
    await calls.started()
    waiter.cancel()
    while not calls.tasks[0].cancelling():
        await asyncio.sleep(0)
    calls.gate.set()
    assert await calls.loader.load(1) == 10
    assert calls == [[1], [1]]


async def test_who_asks_when_a_load_was_given_up_before_it_began_has_another(calls):
    before, waiting = asyncio.all_tasks(), calls.loader.load(1)
    waiting.send(None)
    while asyncio.all_tasks() == before:
        await asyncio.sleep(0)
    waiting.close()
    assert await calls.loader.load(1) == 10
    assert calls == [[1]]


async def test_who_waits_for_two_loads_has_both_from_the_start(calls):
    calls.gate.clear()
    first = asyncio.create_task(calls.loader.load(1))
    await calls.started()
    second = asyncio.create_task(calls.loader.load(2))
    await calls.started(2)
    both = asyncio.create_task(calls.loader.load_many([1, 2]))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    calls.gate.set()
    assert (await first, await both) == (10, [10, 20])
    assert calls == [[1], [2]]


async def test_what_everyone_gave_up_before_it_began_is_not_loaded(calls):
    waiter = asyncio.create_task(calls.loader.load(1))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    for _ in range(10):
        await asyncio.sleep(0)
    assert calls == []
    assert await calls.loader.load(1) == 10
    assert calls == [[1]]


async def test_a_batched_field_that_everyone_gave_up_is_cancelled():
    running = asyncio.Queue()

    async def never(_parents, _info):
        running.put_nowait(asyncio.current_task())
        await asyncio.Event().wait()

    waiter = asyncio.create_task(Batches().ask(never, 1, None, {}))
    task = await running.get()
    waiter.cancel()
    await asyncio.wait([waiter, task])
    assert task.cancelled()


async def test_a_cancelled_batch_leaves_nobody_waiting_and_is_not_kept(calls):
    calls.gate.clear()
    waiters = [asyncio.create_task(calls.loader.load(key)) for key in (1, 2)]
    await calls.started()
    calls.tasks[0].cancel()
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CancelledBatchError, CancelledBatchError]
    calls.gate.set()
    assert await calls.loader.load(1) == 10


async def test_a_batch_that_is_cancelled_before_it_begins_leaves_nobody_waiting(calls):
    before = asyncio.all_tasks()
    waiter = asyncio.create_task(calls.loader.load(1))
    while not (sending := asyncio.all_tasks() - before - {waiter}):
        await asyncio.sleep(0)
    sending.pop().cancel()
    with pytest.raises(CancelledBatchError):
        await waiter
    assert await calls.loader.load(1) == 10
    assert calls == [[1]]


async def test_loaders_are_made_when_they_are_asked_for_and_shared_by_nobody():
    class Owner:
        def __init__(self, name):
            self.name = name

        @loading(default=list)
        async def names(self, keys):
            return {key: [self.name] for key in keys if key}

    ann, bob = Owner("ann"), Owner("bob")
    assert "names" not in vars(ann)
    assert ann.names is ann.names
    assert (await ann.names.load(1), await bob.names.load(1)) == (["ann"], ["bob"])
    assert await ann.names.load(0) == []


async def test_a_batched_field_asks_for_its_siblings_in_one_call():
    asked = []

    async def double(parents, _info, by=2):
        asked.append(parents)
        return [ValueError(parent) if parent == 3 else parent * by for parent in parents]

    batches = Batches()
    outcomes = await asyncio.gather(
        *(batches.ask(double, number, None, {}) for number in (1, 2, 3)),
        batches.ask(double, 1, None, {"by": 5}),
        return_exceptions=True,
    )
    assert outcomes[:2] + outcomes[3:] == [2, 4, 5]
    assert repr(outcomes[2]) == "ValueError(3)"
    assert asked == [[1, 2, 3], [1]]


async def test_a_call_that_answers_too_little_fails_all_who_asked():
    async def short(_parents, _info):
        return []

    with pytest.raises(RuntimeError, match="1 questions got 0 answers"):
        await Batches().ask(short, 1, None, {})
