"""Operations prepared once and run many times: nothing of one run is in another."""

import asyncio
import gc
from weakref import ref

import pytest
import strawberry
from graphql import parse
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import Info

from gateway.engine import CompiledExecutor, Prepared, compiled_executor


class Caller:
    def __init__(self, name):
        self.name = name


@strawberry.type
class Query:
    @strawberry.field
    async def greeting(self, info: Info, times: int, loud: bool = False) -> str | None:
        await asyncio.sleep(0)
        words = " ".join([f"Hello {info.context.name}"] * times)
        return words.upper() if loud else words


DOCUMENT = parse(
    "query Greet($times: Int! = 1, $loud: Boolean, $ask: Boolean = true)"
    " { greeting(times: $times, loud: $loud) @include(if: $ask) }"
    " query Other { __typename }"
)
SCHEMA = strawberry.Schema(Query)
KINDS = {
    "compiled": compiled_executor(lambda field: None),
    "reference": StrawberryGraphQLCoreExecutionContext,
}


@pytest.fixture(params=KINDS)
def prepared(request):
    return Prepared(KINDS[request.param], SCHEMA._schema, DOCUMENT, "Greet")


async def answer(prepared, variables, name="Ann"):
    result = prepared.executor(variables, Caller(name)).execute_operation()
    return await result


async def test_each_run_has_its_own_variables_caller_and_errors(prepared):
    given = [({"times": 2}, "Ann"), ({}, "Bob"), ({"loud": True}, "Cid"), ({"ask": False}, "Dan")]
    results = []
    for variables, name in given * 2:
        result = prepared.executor(variables, Caller(name)).execute_operation()
        results.append(await result if asyncio.iscoroutine(result) else result)
    expected = ["Hello Ann Hello Ann", "Hello Bob", "HELLO CID", None]
    assert [(result.data or {}).get("greeting") for result in results] == expected * 2
    assert [result.errors for result in results] == [None] * 8


async def test_runs_at_the_same_time_do_not_meet(prepared):
    await answer(prepared, {})
    names = [f"caller {number}" for number in range(20)]
    results = await asyncio.gather(*(answer(prepared, {}, name) for name in names))
    assert [result.data["greeting"] for result in results] == [f"Hello {name}" for name in names]


async def test_wrong_variables_are_told_each_time_and_prepare_nothing(prepared):
    for _ in range(2):
        (error,) = prepared.executor({"times": "many"}, Caller("Ann"))
        assert error.message.startswith("Variable '$times' has invalid value")
    assert (await answer(prepared, {"times": 1})).data == {"greeting": "Hello Ann"}
    (error,) = prepared.executor({"times": None}, Caller("Ann"))
    assert "Expected value of non-null type" in error.message


async def test_no_caller_is_kept(prepared):
    first, second = Caller("Ann"), Caller("Bob")
    for caller in (first, second):
        await prepared.executor({}, caller).execute_operation()
    gone = [ref(first), ref(second)]
    del first, second, caller
    gc.collect()
    assert [one() for one in gone] == [None, None]


async def test_the_second_run_of_a_plan_builds_nothing_and_counts():
    kind = compiled_executor(lambda field: None)
    built = []

    class Watched(kind):
        @classmethod
        def build(cls, *arguments, **given):
            built.append(1)
            return super().build(*arguments, **given)

    prepared = Prepared(Watched, SCHEMA._schema, DOCUMENT, "Greet")
    for _ in range(3):
        await answer(prepared, {})
    assert (len(built), dict(kind.plans.outcomes)) == (1, {"compiled": 3})
    assert issubclass(Watched, CompiledExecutor)
