"""Resolvers get from the engine what they get from Strawberry, however they are declared."""

import enum
from copy import copy
from typing import Any

import pytest
import strawberry
from strawberry.extensions import DisableValidation
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from gateway.engine import compiled_executor


@strawberry.enum
class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


@strawberry.input
class Size:
    width: int
    height: int | None = strawberry.UNSET


class Shouting(StrawberryField):
    """A field that does more than to call its function."""

    def get_result(self, source, info, args, kwargs):
        return super().get_result(source, info, args, kwargs).upper()


def shouted() -> str:
    return "loud"


@strawberry.type
class Query:
    name: str = "root"

    @strawberry.field
    def of_self(self, some_text: str, number: int = 7) -> str:
        return f"{self.name} {some_text} {number}"

    @strawberry.field
    @staticmethod
    def of_parent(parent: strawberry.Parent[Any], text: str | None = None) -> str:
        return f"{parent.name} {text}"

    @strawberry.field
    @staticmethod
    def of_root(root: Any) -> str:
        return root.name

    @strawberry.field
    async def told(self, info: Info, flag: bool, share: float) -> str:
        return f"{info.field_name} {info.python_name} {info.context} {flag} {share}"

    @strawberry.field
    def named(self, given: Info, key: strawberry.ID) -> str:
        return f"{given.path.key} {key!r}"

    @strawberry.field
    def picked(self, colour: Colour, colours: list[Colour]) -> str:
        return f"{colour.name} {[one.name for one in colours]}"

    @strawberry.field
    def sized(self, size: Size, many: list[list[int]]) -> str:
        return f"{size.width} {size.height is strawberry.UNSET} {many}"

    @strawberry.field
    def perhaps(self, text: strawberry.Maybe[str | None] = None) -> str:
        return "nothing" if text is None else f"some {text.value}"

    @strawberry.field
    def left_out(self, text: str | None = strawberry.UNSET) -> str:
        return str(text is strawberry.UNSET)

    @strawberry.field
    async def promised(self) -> str:
        async def later():
            return "later"

        return await later()

    broken: str = strawberry.field(resolver=lambda: 1 / 0)
    shouted: str = Shouting(base_resolver=strawberry.field(resolver=shouted).base_resolver)


SCHEMAS = {
    "compiled": strawberry.Schema(
        Query, execution_context_class=compiled_executor(lambda field: None)
    ),
    "reference": strawberry.Schema(Query),
}


@pytest.mark.parametrize("engine", SCHEMAS)
@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ('ofSelf(someText: "a")', "root a 7"),
        ('ofSelf(number: 1, someText: "b")', "root b 1"),
        ("ofParent", "root None"),
        ('ofParent(text: "x")', "root x"),
        ("ofRoot", "root"),
        ("told(flag: true, share: 1)", "told told Ann True 1.0"),
        ('named(key: "5")', "named '5'"),
        ("named(key: 5)", "named '5'"),
        ("picked(colour: RED, colours: [BLUE, RED])", "RED ['BLUE', 'RED']"),
        ("sized(size: {width: 2}, many: [[1], []])", "2 True [[1], []]"),
        ("perhaps", "nothing"),
        ("perhaps(text: null)", "some None"),
        ('perhaps(text: "x")', "some x"),
        ("leftOut", "True"),
        ("leftOut(text: null)", "False"),
        ("promised", "later"),
        ("shouted", "LOUD"),
    ],
)
async def test_arguments_infos_and_parents_arrive(engine, asked, answer):
    result = await SCHEMAS[engine].execute(
        f"{{ {asked} }}", root_value=Query(), context_value="Ann"
    )
    assert result.errors is None
    assert list(result.data.values()) == [answer]


class Touchy:
    """A value that cannot be compared."""

    def __eq__(self, other):
        raise RuntimeError("no comparing")

    __hash__ = None


@pytest.mark.parametrize("engine", ["compiled", "reference"])
async def test_values_of_variables_are_handed_on_without_a_look(engine):
    scalar = strawberry.scalar(name="Odd", parse_value=lambda _: Touchy())

    @strawberry.type
    class Asked:
        @strawberry.field
        def kind(self, odd: strawberry.ID, what: Any) -> str:
            return f"{odd} {type(what).__name__}"

    chosen = {"compiled": compiled_executor(lambda field: None)}.get(engine)
    schema = strawberry.Schema(
        Asked,
        config=StrawberryConfig(scalar_map={Any: scalar}),
        **({"execution_context_class": chosen} if chosen else {}),
    )
    result = await schema.execute(
        "query ($one: ID!, $two: Odd!) { kind(odd: $one, what: $two) }",
        variable_values={"one": "1", "two": 2},
    )
    assert (result.errors, result.data) == (None, {"kind": "1 Touchy"})


async def test_an_argument_that_nobody_knows_is_passed_over_where_nobody_validates():
    schema = strawberry.Schema(
        Query,
        extensions=[DisableValidation],
        execution_context_class=compiled_executor(lambda field: None),
    )
    result = await schema.execute(
        "query ($x: Int!) { ofParent(bogus: $x) }", variable_values={"x": 1}, root_value=Query()
    )
    assert result.data == {"ofParent": "root None"}


async def test_infos_can_be_copied_and_kept():
    kept = []

    @strawberry.type
    class Asked:
        @strawberry.field
        def name(self, info: Info) -> str:
            kept.extend([info, copy(info)])
            return info.field_name

    schema = strawberry.Schema(Asked, execution_context_class=compiled_executor(lambda field: None))
    assert (await schema.execute("{ alias: name }")).data == {"alias": "name"}
    assert [(one.field_name, one.path.key) for one in kept] == [("name", "alias")] * 2
    assert copy(kept[0]._raw_info).path.key == "alias"


@pytest.mark.parametrize("engine", SCHEMAS)
async def test_what_a_function_raises_stands_at_its_field(engine):
    result = await SCHEMAS[engine].execute("{ broken }", root_value=Query())
    (error,) = result.errors
    assert (error.path, error.message) == (["broken"], "division by zero")
