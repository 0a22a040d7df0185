"""Who waits for what, and in whose task: as little as possible, and never in the wrong one."""

import asyncio

import pytest
import strawberry
from graphql import parse
from graphql.execution import ExecutionResult
from strawberry.types import Info

from gateway.engine import Prepared, compiled_executor
from gateway.schema import batch_resolver_of
from resolvers.batching import batched


class Story:
    """What resolvers of one operation met, in order."""

    def __init__(self):
        self.events = []
        self.tasks = {}
        self.opened = asyncio.Event()
        self.shared = asyncio.get_running_loop().create_future()


async def squares(parents: "list[Item]", info: Info) -> list[int]:
    info.context.tasks["square"] = asyncio.current_task()
    return [one.number**2 for one in parents]


async def cubes(parents: "list[Item]", info: Info) -> list[int]:
    story = info.context
    story.tasks["cube"] = asyncio.current_task()
    async with asyncio.timeout(5):
        await story.opened.wait()
    assert story.tasks["cube"] is asyncio.current_task()
    return [one.number**3 for one in parents]


@strawberry.type
class Item:
    number: int
    square: int = batched(squares, description="Its square.")
    cube: int = batched(cubes, description="Its cube.")


@strawberry.type
class Query:
    @strawberry.field
    async def items(self) -> list[Item]:
        return [Item(number=number) for number in range(3)]

    @strawberry.field
    async def patient(self, info: Info) -> int:
        info.context.events.append("asks")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            info.context.events.append("cleaned up")
            raise
        return 1

    @strawberry.field
    async def polite(self, info: Info) -> int:
        info.context.events.append("before")
        await asyncio.sleep(0)
        info.context.events.append("after")
        return 1

    @strawberry.field
    async def stubborn(self) -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 7
        return 1

    @strawberry.field
    async def shared(self, info: Info) -> int:
        return await info.context.shared


SCHEMA = strawberry.Schema(Query)
KIND = compiled_executor(batch_resolver_of)


def begun(document, story):
    prepared = Prepared(KIND, SCHEMA._schema, parse(document), None)
    return prepared.executor(None, story).execute_operation()


async def test_what_waits_for_nothing_is_there_without_a_turn_of_the_loop():
    result = begun("{ items { number square } again: items { square } }", Story())
    assert isinstance(result, ExecutionResult)
    assert result.data["items"][2] == {"number": 2, "square": 4}
    assert result.data["again"] == [{"square": 0}, {"square": 1}, {"square": 4}]


async def test_the_first_that_waits_stays_in_the_task_that_began_it():
    story = Story()
    result = begun("{ items { cube square } }", story)
    story.opened.set()
    assert (await result).data["items"][2] == {"cube": 8, "square": 4}
    assert story.tasks["cube"] is asyncio.current_task()
    assert story.tasks["square"] is not asyncio.current_task()


async def test_what_begins_in_a_task_of_its_own_ends_there():
    story = Story()
    result = begun("{ patient: shared items { cube } }", story)
    story.opened.set()
    story.shared.set_result(1)
    assert (await result).data["items"][1] == {"cube": 1}
    assert story.tasks["cube"] is not asyncio.current_task()


async def test_a_turn_that_a_resolver_asks_for_is_taken():
    story = Story()
    result = asyncio.create_task(begun("{ polite }", story))
    assert story.events == ["before"]
    asyncio.get_running_loop().call_soon(story.events.append, "another")
    assert (await result).data == {"polite": 1}
    assert story.events == ["before", "another", "after"]


async def test_several_may_wait_for_the_same_future():
    story = Story()
    result = begun("{ a: shared b: shared c: shared }", story)
    other = asyncio.ensure_future(story.shared)
    await asyncio.sleep(0)
    story.shared.set_result(5)
    assert (await result).data == {"a": 5, "b": 5, "c": 5}
    assert await other == 5


async def test_what_is_cancelled_cleans_up_before_it_ends():
    story = Story()
    running = asyncio.create_task(begun("{ patient other: patient }", story))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert story.events == ["asks", "asks"]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert story.events[2:] == ["cleaned up", "cleaned up"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_resolver_that_answers_although_it_is_cancelled_is_heard():
    running = asyncio.create_task(begun("{ stubborn }", Story()))
    await asyncio.sleep(0)
    running.cancel()
    assert (await running).data == {"stubborn": 7}


async def test_what_was_begun_and_is_waited_for_by_nobody_ends():
    story = Story()
    result = begun("{ patient other: patient }", story)
    result.close()
    del result  # Python 3.12 keeps what a coroutine was given, closed or not, as long as itself
    await asyncio.sleep(0)
    assert story.events == ["asks"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
