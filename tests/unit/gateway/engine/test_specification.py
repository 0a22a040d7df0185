"""The specification's own examples of execution, and of what errors do to an answer.

https://spec.graphql.org/September2025/#sec-Execution
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Annotated, Union

import pytest
import strawberry
from graphql import GraphQLError
from strawberry.permission import BasePermission
from strawberry.types import Info

from gateway.engine import compiled_executor
from gateway.schema import batch_resolver_of
from resolvers.batching import Batches, batched

log = []


class Context:
    def __init__(self):
        self.batches = Batches()


@strawberry.type
class Address:
    street: str = "Main"


@strawberry.interface
class Named:
    name: str


class Friendly(BasePermission):
    message = "Only for friends"

    def has_permission(self, source, info, **kwargs):
        return source.name != "eve"


async def lengths(parents: list["Person"], info: Info, plus: int = 0) -> list[int]:
    log.append((info.field_name, info.path.as_list(), [parent.name for parent in parents], plus))
    return [
        GraphQLError("too long") if parent.name == "longest" else len(parent.name) + plus
        for parent in parents
    ]


async def miscounted(parents: list["Person"], info: Info) -> list[int | None]:
    return [1]


@strawberry.type
class Person(Named):
    age: int | None = 7
    address: Address | None = strawberry.field(default_factory=Address)
    strict: str | None = strawberry.field(default="fine", permission_classes=[Friendly])
    length: int = batched(lengths, description="Its name's length.")
    miscounted: int | None = batched(miscounted, description="Never right.")

    @strawberry.field
    def sure(self) -> str:
        if self.name == "eve":
            raise ValueError("eve")
        return self.name

    @strawberry.field
    async def friends(self) -> list["Person"]:
        return [Person(name=f"{self.name}{number}") for number in range(2)]

    @strawberry.field
    async def maybe_friends(self) -> list["Person | None"]:
        return [Person(name="eve"), Person(name="ann")]


@strawberry.type
class Robot(Named):
    model: int = 1


@strawberry.type
class Number:
    value: int


@strawberry.type
class Lists:
    """Lists of all four kinds, each with something wrong in it."""

    @strawberry.field
    def items(self) -> list[int | None]:
        return [1, ValueError("two"), 3]

    @strawberry.field
    def sure_items(self) -> list[int]:
        return [1, ValueError("two"), 3]

    @strawberry.field
    def maybe_of_sure(self) -> list[int] | None:
        return [1, None, 3]

    @strawberry.field
    def sure_list(self) -> list[int | None]:
        raise ValueError("no list")

    @strawberry.field(name="list")
    def maybe_list(self) -> list[int | None] | None:
        raise ValueError("no list")


@strawberry.type
class Coerced:
    """One value, whatever it is, as each of the built-in types."""

    value: strawberry.Private[object] = None

    @strawberry.field
    def whole(self) -> int | None:
        return Coerced.value

    @strawberry.field
    def real(self) -> float | None:
        return Coerced.value

    @strawberry.field
    def text(self) -> str | None:
        return Coerced.value

    @strawberry.field
    def yes(self) -> bool | None:
        return Coerced.value

    @strawberry.field
    def id(self) -> strawberry.ID | None:
        return Coerced.value

    @strawberry.field
    def many(self) -> list[str] | None:
        return Coerced.value


class State:
    number = 0


@strawberry.type
class Query:
    @strawberry.field
    def person(self, name: str = "ann") -> Person | None:
        return Person(name=name)

    @strawberry.field
    def people(self, names: list[str]) -> list[Person]:
        return [Person(name=name) for name in names]

    @strawberry.field
    def named(self) -> list[Named]:
        return [Person(name="ann"), Robot(name="r2"), Person(name="bob")]

    @strawberry.field
    def either(self) -> list[Annotated[Union[Person, Robot], strawberry.union("Either")]]:  # noqa: UP007
        return [Robot(name="r2"), Person(name="ann"), Address()]

    @strawberry.field
    def lists(self) -> Lists | None:
        return Lists()

    @strawberry.field
    def coerced(self) -> Coerced:
        return Coerced()

    @strawberry.field
    def matrix(self) -> list[list[int | None]]:
        return [[1, 2], [], [None, "x"]]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def change(self, to: int) -> Number:
        await asyncio.sleep(0)
        if to < 0:
            raise ValueError("below zero")
        State.number = to
        return Number(value=State.number)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def followed(self, names: list[str]) -> AsyncGenerator[Person, None]:
        for name in names:
            yield Person(name=name)


SCHEMA = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    types=[Robot],
    execution_context_class=compiled_executor(batch_resolver_of),
)
REFERENCE = strawberry.Schema(Query, Mutation, Subscription, types=[Robot])


async def ask(text, **variables):
    """Ask the engine; what graphql-core answers must be the same."""
    log.clear()
    result = await SCHEMA.execute(text, variable_values=variables, context_value=Context())
    told = list(log)
    expected = await REFERENCE.execute(text, variable_values=variables, context_value=Context())
    assert json.dumps(result.data) == json.dumps(expected.data)
    assert [error.formatted for error in result.errors or ()] == [
        error.formatted for error in expected.errors or ()
    ]
    log[:] = told
    return result


async def data(text, **variables):
    result = await ask(text, **variables)
    assert result.errors is None
    return result.data


def problems(result):
    return [(error.message, error.path) for error in result.errors]


async def test_fields_come_in_the_order_they_are_first_met():
    assert list(
        await data("{ c: __typename ...F a: __typename b: __typename } "
                   "fragment F on Query { b: __typename ... { a: __typename } }")
    ) == ["c", "b", "a"]  # fmt: skip


async def test_fields_of_one_name_are_merged():
    assert await data(
        "{ person { address { street } name } person { address { town: street } age } }"
    ) == {"person": {"address": {"street": "Main", "town": "Main"}, "name": "ann", "age": 7}}


async def test_a_fragment_applies_to_objects_of_its_type():
    text = "{ named { __typename name ... on Person { age } ... on Robot { model } } }"
    assert (await data(text))["named"] == [
        {"__typename": "Person", "name": "ann", "age": 7},
        {"__typename": "Robot", "name": "r2", "model": 1},
        {"__typename": "Person", "name": "bob", "age": 7},
    ]


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("include", [True, False])
async def test_a_field_is_there_if_it_is_included_and_not_skipped(skip, include):
    text = (
        "query($skip: Boolean!, $include: Boolean!) "
        "{ person { age name @skip(if: $skip) @include(if: $include) } }"
    )
    there = {"name": "ann"} if include and not skip else {}
    assert await data(text, skip=skip, include=include) == {"person": {"age": 7} | there}


async def test_an_object_of_which_nothing_is_asked_is_empty():
    assert await data("{ person { name @skip(if: true) } }") == {"person": {}}


async def test_root_fields_of_a_mutation_run_one_after_the_other():
    text = "mutation { a: change(to: 1) { value } b: change(to: 2) { value } c: change(to: 3) { value } }"
    assert await data(text) == {"a": {"value": 1}, "b": {"value": 2}, "c": {"value": 3}}
    assert State.number == 3


async def test_a_mutation_stops_at_the_field_that_makes_its_answer_null():
    result = await ask(
        "mutation { a: change(to: 4) { value } b: change(to: -1) { value } c: change(to: 5) { value } }"
    )
    assert (result.data, problems(result)) == (None, [("below zero", ["b"])])
    assert State.number == 4


async def test_an_error_makes_the_nearest_nullable_field_null():
    result = await ask('{ person(name: "eve") { name sure } }')
    assert result.data == {"person": None}
    assert problems(result) == [("eve", ["person", "sure"])]
    assert [(one.line, one.column) for one in result.errors[0].locations] == [(1, 30)]


async def test_an_error_among_items_that_may_not_be_null_makes_all_of_the_answer_null():
    result = await ask('{ people(names: ["ann", "eve", "bob"]) { sure } }')
    assert (result.data, problems(result)) == (None, [("eve", ["people", 1, "sure"])])


async def test_an_error_in_an_item_that_may_be_null_leaves_the_others_alone():
    result = await ask("{ person { maybeFriends { sure } } }")
    assert result.data == {"person": {"maybeFriends": [None, {"sure": "ann"}]}}
    assert problems(result) == [("eve", ["person", "maybeFriends", 0, "sure"])]


async def test_lists_within_lists_keep_their_places():
    result = await ask("{ matrix }")
    assert result.data == {"matrix": [[1, 2], [], [None, None]]}
    assert problems(result) == [("Int cannot represent non-integer value: 'x'", ["matrix", 2, 1])]


async def test_a_value_of_no_member_of_a_union_is_an_error():
    result = await ask("{ either { __typename } }")
    assert result.data is None
    assert [path for _, path in problems(result)] == [["either", 2]]


async def test_a_variable_of_another_type_is_refused_before_anything_is_run():
    result = await ask("query($name: String!) { person(name: $name) { name } }", name=1)
    assert (result.data, result.errors[0].path) == (None, None)


async def test_a_batched_field_is_asked_once_a_level_with_all_its_objects():
    answer = await data(
        '{ people(names: ["a", "bb"]) { length more: length(plus: 10) friends { length } } }'
    )
    assert answer["people"] == [
        {"length": 1, "more": 11, "friends": [{"length": 2}, {"length": 2}]},
        {"length": 2, "more": 12, "friends": [{"length": 3}, {"length": 3}]},
    ]
    assert log == [
        ("length", ["people", 0, "length"], ["a", "bb"], 0),
        ("length", ["people", 0, "more"], ["a", "bb"], 10),
        ("length", ["people", 0, "friends", 0, "length"], ["a0", "a1", "bb0", "bb1"], 0),
    ]


async def test_a_batched_field_may_fail_for_one_object_alone():
    result = await ask('{ person(name: "longest") { length } other: person { length } }')
    assert result.data == {"person": None, "other": {"length": 3}}
    assert problems(result) == [("too long", ["person", "length"])]


async def test_a_batched_field_that_answers_too_little_fails_for_all():
    text = '{ people(names: ["a", "b"]) { name miscounted } }'
    result = await SCHEMA.execute(text, context_value=Context())
    assert result.data == {
        "people": [{"name": "a", "miscounted": None}, {"name": "b", "miscounted": None}]
    }
    assert problems(result) == [
        ("2 objects got 1 values", ["people", number, "miscounted"]) for number in range(2)
    ]


async def test_permissions_and_extensions_of_fields_keep_working():
    result = await ask('{ people(names: ["ann", "eve"]) { strict } }')
    assert result.data == {"people": [{"strict": "fine"}, {"strict": None}]}
    assert problems(result) == [("Only for friends", ["people", 1, "strict"])]


async def test_each_event_of_a_subscription_is_executed_by_the_plan():
    plans = SCHEMA.execution_context_class.plans
    before = plans.outcomes["compiled"]
    events = await SCHEMA.subscribe(
        'subscription { followed(names: ["ann", "eve"]) { sure length } }', context_value=Context()
    )
    first, second = [event async for event in events]
    assert first.data == {"followed": {"sure": "ann", "length": 3}}
    assert (second.data, problems(second)) == (None, [("eve", ["followed", "sure"])])
    assert plans.outcomes["compiled"] == before + 2


async def test_fields_that_wait_wait_at_the_same_time():
    started, release = [], asyncio.Event()

    @strawberry.type
    class Waiting:
        @strawberry.field
        async def one(self) -> int:
            started.append(1)
            await release.wait()
            return 1

        @strawberry.field
        async def two(self) -> int:
            started.append(2)
            release.set()
            return 2

    schema = strawberry.Schema(
        Waiting, execution_context_class=compiled_executor(batch_resolver_of)
    )
    assert (await schema.execute("{ one two }")).data == {"one": 1, "two": 2}
    assert started == [1, 2]


@pytest.mark.parametrize(
    ("text", "data_", "path"),
    [
        # If all fields up to the root may not be null, all of the answer is.
        ('{ people(names: ["eve"]) { sure } }', None, ["people", 0, "sure"]),
        # A field that may not be null within a list whose items may: the item is null.
        ("{ lists { sureItems } }", {"lists": None}, ["lists", "sureItems", 1]),
        ("{ lists { items } }", {"lists": {"items": [1, None, 3]}}, ["lists", "items", 1]),
        ("{ lists { sureList } }", {"lists": None}, ["lists", "sureList"]),
        ("{ lists { list } }", {"lists": {"list": None}}, ["lists", "list"]),
        (
            "{ lists { maybeOfSure } }",
            {"lists": {"maybeOfSure": None}},
            ["lists", "maybeOfSure", 1],
        ),
    ],
)
async def test_an_error_in_a_list_goes_as_far_up_as_its_types_say(text, data_, path):
    result = await ask(text)
    assert (result.data, [error.path for error in result.errors]) == (data_, [path])


async def test_only_one_error_is_told_of_a_place_that_becomes_null():
    # Both fields of eve fail, and either makes her null.
    result = await ask('{ person(name: "eve") { sure again: sure } }')
    assert result.data == {"person": None}
    assert [error.path for error in result.errors] == [["person", "sure"]]


async def test_fields_with_the_same_key_below_aliases_are_merged_with_their_selections():
    text = "{ me: person { ...A ...B } } fragment A on Person { address { street } } fragment B on Person { address { town: street } name }"
    assert await data(text) == {
        "me": {"address": {"street": "Main", "town": "Main"}, "name": "ann"}
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2**31, "non 32-bit signed integer"),
        (1.5, "non-integer value"),
        ("", "non-integer value"),
        ("12", None),
        (True, None),
        (3.0, None),
    ],
)
async def test_integers_are_coerced_or_refused(value, said):
    Coerced.value = value
    result = await ask("{ coerced { whole } }")
    if said is None:
        assert result.data == {"coerced": {"whole": int(value)}}
    else:
        assert result.data == {"coerced": {"whole": None}}
        assert said in result.errors[0].message


@pytest.mark.parametrize(
    ("field", "value", "written"),
    [
        ("real", 2, 2.0),
        ("real", "1.5", 1.5),
        ("real", True, 1.0),
        ("real", float("inf"), None),
        ("text", True, "true"),
        ("text", 1.5, "1.5"),
        ("text", {}, None),
        ("yes", 1, True),
        ("yes", "true", None),
        ("id", 7, "7"),
        ("id", 1.5, None),
    ],
)
async def test_results_are_coerced_to_the_type_of_their_field(field, value, written):
    Coerced.value = value
    result = await ask(f"{{ coerced {{ {field} }} }}")
    assert result.data == {"coerced": {field: written}}
    assert (result.errors is None) == (written is not None)


async def test_a_list_is_no_single_value():
    Coerced.value = "abc"
    result = await ask("{ coerced { many } }")
    assert result.data == {"coerced": {"many": None}}
    assert "Expected Iterable" in result.errors[0].message
