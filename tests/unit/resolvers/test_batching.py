"""Loaders and batched fields: one call for all who ask at a time, and no harm among neighbours."""

import asyncio

import pytest

from resolvers.batching import Loader


def loader(calls, *, fail=None, gate=None):
    async def load(keys):
        calls.append(keys)
        if gate is not None:
            await gate.wait()
        if fail:
            raise fail.pop()
        return {key: key * 10 for key in keys if key != 13}

    return Loader(load, default=lambda: None)


async def test_siblings_are_loaded_in_one_call_and_each_key_once():
    calls = []
    one = loader(calls)
    assert await asyncio.gather(one.load(1), one.load_many([2, 1]), one.load(13)) == [
        10,
        [20, 10],
        None,
    ]
    assert await one.load(2) == 20
    assert calls == [[1, 2, 13]]


async def test_a_failed_load_reaches_everyone_and_is_not_kept():
    calls = []
    one = loader(calls, fail=[ValueError("down")])
    outcomes = await asyncio.gather(one.load(1), one.load(2), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]
    assert await one.load(1) == 10
    assert calls == [[1, 2], [1]]


async def test_a_waiter_that_gives_up_does_not_disturb_its_neighbour():
    calls, gate = [], asyncio.Event()
    one = loader(calls, gate=gate)
    first, second = asyncio.create_task(one.load(1)), asyncio.create_task(one.load(1))
    while not calls:
        await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == 10
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_forgetting_loads_anew():
    calls = []
    one = loader(calls)
    await one.load(1)
    one.forget()
    await one.load(1)
    assert calls == [[1], [1]]
