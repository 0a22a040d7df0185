"""Strawberry's declarations mean to the engine what they mean to graphql-core, and it leaves with its client."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.types import Info

from gateway.engine import compiled_executor
from gateway.schema import batch_resolver_of
from resolvers.batching import batched
from tests.nasty import Context


class Doubled(FieldExtension):
    """Works on synchronous fields and on asynchronous ones."""

    def resolve(self, following, source, info, **given):
        return 2 * following(source, info, **given)

    async def resolve_async(self, following, source, info, **given):
        return 2 * await following(source, info, **given)


class Even(BasePermission):
    message = "only even ones"

    def has_permission(self, source, info, **given):
        return source.number % 2 == 0


class EvenLater(Even):
    async def has_permission(self, source, info, **given):
        await asyncio.sleep(0)
        return source.number % 2 == 0


async def squares(parents: list["Item"], info: Info) -> list[int]:
    return [parent.number**2 for parent in parents]


async def all_kept(parents: list["Item"], info: Info) -> list[int]:
    return [await Waiting.in_resolver("batched")] * len(parents)


class Waiting:
    """Resolvers that wait until they are cancelled, and say when they have gone."""

    came, gone = [], []

    @classmethod
    async def in_resolver(cls, name):
        cls.came.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # to leave takes a while
            cls.gone.append(name)


@strawberry.type
class Item:
    number: int
    doubled_square: int = batched(squares, description="Twice its square.")
    kept: int = batched(all_kept, description="Never comes.")

    @strawberry.field(extensions=[Doubled()])
    def doubled(self) -> int:
        return self.number

    @strawberry.field(extensions=[Doubled()])
    async def doubled_later(self) -> int:
        return self.number

    @strawberry.field(permission_classes=[Even])
    def half(self) -> int | None:
        return self.number // 2

    @strawberry.field(permission_classes=[EvenLater])
    async def half_later(self) -> int | None:
        return self.number // 2

    @strawberry.field
    async def never(self) -> int:
        return await Waiting.in_resolver("resolver")

    @strawberry.field
    async def broken_off(self) -> int | None:
        raise asyncio.CancelledError


Item.__strawberry_definition__.get_field("doubled_square").extensions = [Doubled()]


@strawberry.type
class Query:
    @strawberry.field
    def items(self) -> list[Item]:
        return [Item(number=number) for number in range(3)]


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def counted(self, to: int) -> AsyncGenerator[Item, None]:
        for number in range(to):
            yield Item(number=number)


SCHEMAS = {
    "compiled": strawberry.Schema(
        Query,
        subscription=Subscription,
        execution_context_class=compiled_executor(batch_resolver_of),
    ),
    "reference": strawberry.Schema(Query, subscription=Subscription),
}


@pytest.fixture(params=SCHEMAS)
def schema(request):
    return SCHEMAS[request.param]


async def test_extensions_stand_around_fields_that_wait_and_that_do_not_and_around_batches(schema):
    result = await schema.execute(
        "{ items { doubled doubledLater doubledSquare } }", context_value=Context()
    )
    assert result.errors is None
    assert result.data["items"] == [
        {"doubled": 0, "doubledLater": 0, "doubledSquare": 0},
        {"doubled": 2, "doubledLater": 2, "doubledSquare": 2},
        {"doubled": 4, "doubledLater": 4, "doubledSquare": 8},
    ]


@pytest.mark.parametrize("field", ["half", "halfLater"])
async def test_a_permission_refuses_one_object_and_not_the_others(schema, field):
    result = await schema.execute(f"{{ items {{ {field} }} }}", context_value=Context())
    assert result.data["items"] == [{field: 0}, {field: None}, {field: 1}]
    assert [(one.message, one.path) for one in result.errors] == [
        ("only even ones", ["items", 1, field])
    ]


async def test_each_event_is_executed_by_itself(schema):
    events = await schema.subscribe(
        "subscription { counted(to: 3) { half doubledSquare } }", context_value=Context()
    )
    answers = [(event.data["counted"], len(event.errors or ())) async for event in events]
    assert answers == [
        ({"half": 0, "doubledSquare": 0}, 0),
        ({"half": None, "doubledSquare": 2}, 1),
        ({"half": 1, "doubledSquare": 8}, 0),
    ]


async def test_a_resolver_that_is_cancelled_by_others_cancels_the_operation(schema):
    with pytest.raises(asyncio.CancelledError):
        await schema.execute("{ items { number brokenOff } }", context_value=Context())


async def test_all_resolvers_have_gone_when_a_cancelled_operation_ends():
    Waiting.came, Waiting.gone = [], []
    asking = asyncio.create_task(
        SCHEMAS["compiled"].execute("{ items { never kept } }", context_value=Context())
    )
    while len(Waiting.came) < 4:
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert sorted(Waiting.gone) == ["batched", "resolver", "resolver", "resolver"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
