"""Plans live as long as their documents, know when they are not meant, and count what they do."""

import gc
import weakref

import strawberry
from graphql import execute, parse
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from gateway.engine import compiled_executor
from gateway.engine.plans import KEPT_VARIANTS


@strawberry.type
class Person:
    name: str
    age: int = 7

    @strawberry.field
    def friend(self) -> "Person | None":
        return Person(name=f"{self.name}'s friend")


@strawberry.type
class Query:
    @strawberry.field
    def people(self) -> list[Person]:
        return [Person(name="ann"), Person(name="bob")]

    @strawberry.field
    def person(self) -> Person:
        return Person(name="ann")


def schema(**more):
    return strawberry.Schema(
        Query, execution_context_class=compiled_executor(lambda _: None), **more
    )


def plans(of):
    return of.execution_context_class.plans


def run(of, document, **variables):
    return execute(
        of._schema,
        document,
        variable_values=variables,
        executor_class=of.execution_context_class,
        operation_extensions=None,
    )


def test_a_document_is_compiled_once_and_its_plan_goes_with_it():
    one = schema()
    document = parse("{ people { name friend { age } } }")
    for _ in range(3):
        assert run(one, document).errors is None
    assert len(plans(one)) == 1
    (_, plan) = next(iter(plans(one)._plans.values()))
    freed = weakref.ref(plan)
    del document, plan
    gc.collect()
    assert len(plans(one)) == 0
    assert freed() is None


def test_many_documents_leave_nothing_behind():
    one = schema()
    for number in range(300):
        run(one, parse(f"{{ people {{ a{number}: name }} }}"))
    gc.collect()
    assert len(plans(one)) == 0


def test_each_operation_of_a_document_has_its_own_plan():
    one = schema()
    document = parse("query A { people { name } } query B { people { age } }")
    first, second = (
        execute(
            one._schema,
            document,
            operation_name=name,
            executor_class=one.execution_context_class,
            operation_extensions=None,
        ).data["people"][0]
        for name in "AB"
    )
    assert (first, second) == ({"name": "ann"}, {"age": 7})
    assert len(plans(one)) == 2


def test_conditions_are_looked_at_each_time_and_only_so_many_of_them_are_kept():
    one = schema()
    names = [f"v{number}" for number in range(6)]
    document = parse(
        f"query({', '.join(f'${name}: Boolean!' for name in names)}) {{ person {{ age "
        + " ".join(f"{name}: name @include(if: ${name})" for name in names)
        + " } }"
    )
    for number in range(64):
        given = {name: bool(number >> place & 1) for place, name in enumerate(names)}
        data = run(one, document, **given).data["person"]
        assert list(data) == ["age", *(name for name in names if given[name])]
    (_, plan) = next(iter(plans(one)._plans.values()))
    assert len(plan._selections) == KEPT_VARIANTS


def test_a_condition_that_is_null_is_an_error_where_it_stands():
    one = schema()
    inner = parse("query($on: Boolean = true) { person { name @skip(if: $on) } people { age } }")
    outer = parse("query($on: Boolean = true) { person @skip(if: $on) { name } }")
    for document in (inner, outer):
        expected = execute(one._schema, document, variable_values={"on": None})
        answer = run(one, document, on=None)
        assert answer.data == expected.data
        assert [error.formatted for error in answer.errors] == [
            error.formatted for error in expected.errors
        ]


class Shouting(SchemaExtension):
    def resolve(self, next_, root, info, *args, **kwargs):
        value = next_(root, info, *args, **kwargs)
        return value.upper() if isinstance(value, str) else value


async def test_what_the_engine_does_not_cover_is_run_by_graphql_core_and_counted():
    one = schema(config=StrawberryConfig(enable_experimental_incremental_execution=True))
    asked = await one.execute("{ __schema { queryType { name } } }")
    assert asked.data == {"__schema": {"queryType": {"name": "Query"}}}
    asked = await one.execute('{ __type(name: "Query") { name } person { name } }')
    assert asked.data == {"__type": {"name": "Query"}, "person": {"name": "ann"}}
    deferred = await one.execute("{ person { name ... @defer { age } } }")
    assert deferred.initial_result.data == {"person": {"name": "ann"}}
    deep = "{ person " + "{ friend " * 70 + "{ name }" + " }" * 71
    assert (await one.execute(deep)).errors is None
    await one.execute("{ person { name } }")
    assert plans(one).outcomes == {
        "introspection": 2, "incremental": 1, "depth": 1, "compiled": 1
    }  # fmt: skip


async def test_an_extension_around_every_field_is_respected():
    one = schema(extensions=[Shouting])
    assert (await one.execute("{ person { name } }")).data == {"person": {"name": "ANN"}}
    assert plans(one).outcomes == {"middleware": 1}


def test_an_answer_that_waits_for_nothing_needs_no_event_loop():
    one = schema()
    result = one.execute_sync("{ people { name friend { name } } }")
    assert result.data == {
        "people": [
            {"name": "ann", "friend": {"name": "ann's friend"}},
            {"name": "bob", "friend": {"name": "bob's friend"}},
        ]
    }
    assert plans(one).outcomes == {"compiled": 1}


def test_an_operation_that_the_schema_has_no_type_for_goes_to_graphql_core():
    one = schema()
    (error,) = run(one, parse("mutation { change }")).errors
    assert error.message == "Schema is not configured to execute mutation operation."
    assert plans(one).outcomes == {"type": 1}
