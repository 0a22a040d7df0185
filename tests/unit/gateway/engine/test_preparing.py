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


async def test_a_caller_goes_with_the_run_without_looking_for_garbage():
    prepared = Prepared(KINDS["compiled"], SCHEMA._schema, DOCUMENT, "Greet")
    await answer(prepared, {})
    gc.collect()
    gc.disable()
    try:
        caller = Caller("Bob")
        gone = ref(caller)
        await prepared.executor({}, caller).execute_operation()
        del caller
        assert gone() is None
    finally:
        gc.enable()


async def test_what_a_resolver_leaves_to_be_settled_is_kept_until_it_is():
    settled = []

    async def late():
        await asyncio.sleep(0)
        settled.append(1)

    @strawberry.type
    class Leaving:
        @strawberry.field
        def number(self, info: Info) -> int:
            info._raw_info.async_helpers.track([late()])
            return 1

    schema = strawberry.Schema(Leaving)
    prepared = Prepared(KINDS["compiled"], schema._schema, parse("{ number }"), None)
    for _ in range(2):
        assert prepared.executor(None, None).execute_operation().data == {"number": 1}
    for _ in range(3):
        await asyncio.sleep(0)
    assert settled == [1, 1]


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


@strawberry.type
class Echo:
    @strawberry.field
    def echo(
        self, text: str | None = None, key: strawberry.ID | None = None, flag: bool = False
    ) -> str:
        return f"{text!r} {key!r} {flag!r}"


@pytest.mark.parametrize("given", ["x", "", 1, True, None, ["x"], {"x": 1}, ...])
@pytest.mark.parametrize("kind", ["String!", "String", "ID!", "ID", "Boolean!"])
def test_plain_variables_are_taken_and_refused_as_by_the_reference(kind, given):
    name = {"S": "text", "I": "key", "B": "flag"}[kind[0]]
    document = parse(f"query ($given: {kind}) {{ echo({name}: $given) }}")
    schema = strawberry.Schema(Echo)._schema
    answers = []
    for executors in KINDS.values():
        prepared = Prepared(executors, schema, document, None)
        for _ in range(2):  # what is kept of an operation is used from the second time on
            variables = {} if given is ... else {"given": given}
            executor = prepared.executor(variables, None)
            if isinstance(executor, list):
                answers.append([one.formatted for one in executor])
            else:
                answers.append(executor.execute_operation().data)
    assert answers == answers[:1] * 4
