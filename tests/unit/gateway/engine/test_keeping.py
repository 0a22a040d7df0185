"""What was written of objects that never change is used again, for as long as they live."""

import gc
from decimal import Decimal
from weakref import ref

import orjson
import pytest
import strawberry
from graphql import execute, parse

from gateway.engine import compiled_executor
from gateway.engine.keeping import KEPT_OBJECTS, Written

WRITTEN = []


@strawberry.type
class Company:
    name: str
    former: list[str] = strawberry.field(default_factory=list)


@strawberry.type
class Price:
    amount: Decimal | None
    company: Company | None = None
    read: strawberry.Private[int] = 0

    @strawberry.field
    def times(self) -> int:
        self.read += 1
        return self.read


@strawberry.type
class Query:
    @strawberry.field
    def prices(self, info: strawberry.Info) -> list[Price | None]:
        return info.context["prices"]


def write(answer):
    WRITTEN.append(answer)
    return orjson.Fragment(orjson.dumps(answer))


@pytest.fixture(autouse=True)
def _nothing_written():
    WRITTEN.clear()


SCHEMA = strawberry.Schema(
    Query,
    execution_context_class=compiled_executor(
        lambda _: None, lambda type_: write if type_.name == "Price" else None
    ),
)


def ask(document, *prices, **variables):
    result = execute(
        SCHEMA._schema,
        document,
        context_value={"prices": list(prices)},
        variable_values=variables,
        executor_class=SCHEMA.execution_context_class,
    )
    errors = [(error.message, error.path) for error in result.errors or ()]
    return orjson.loads(orjson.dumps(result.data)), errors


def test_an_object_is_written_once_for_each_selection():
    document = parse("{ prices { amount company { name former } } }")
    one, two = Price(amount=Decimal("1.5"), company=Company(name="A")), Price(amount=None)
    first = {"amount": "1.5", "company": {"name": "A", "former": []}}
    second = {"amount": None, "company": None}
    for prices, answers in (((one,), [first]), ((two, one, None), [second, first, None])):
        assert ask(document, *prices) == ({"prices": answers}, [])
    assert [first, second] == WRITTEN
    assert ask(parse("{ prices { a: amount } }"), one) == ({"prices": [{"a": "1.5"}]}, [])
    assert len(WRITTEN) == 3


def test_what_an_operation_leaves_out_is_not_written_into_another():
    document = parse("query($all: Boolean!) { prices { __typename amount @include(if: $all) } }")
    one = Price(amount=Decimal(1))
    for _ in range(2):
        assert ask(document, one, all=True)[0] == {
            "prices": [{"__typename": "Price", "amount": "1"}]
        }
        assert ask(document, one, all=False)[0] == {"prices": [{"__typename": "Price"}]}
    assert len(WRITTEN) == 2


def test_an_equal_object_is_another_one():
    document = parse("{ prices { amount } }")
    ask(document, Price(amount=Decimal(1)), Price(amount=Decimal(1)))
    assert len(WRITTEN) == 2


def test_what_a_resolver_says_is_asked_each_time():
    document, one = parse("{ prices { amount times } }"), Price(amount=Decimal(1))
    counts = [ask(document, one)[0]["prices"][0]["times"] for _ in range(3)]
    assert counts == [1, 2, 3]
    assert WRITTEN == []


def test_errors_within_an_object_are_told_each_time():
    document = parse("{ prices { amount company { name } } }")
    good, bad = Price(amount=Decimal(1)), Price(amount=None, company=Company(name=None))
    expected = [{"amount": "1", "company": None}, {"amount": None, "company": None}]
    error = (
        "Cannot return null for non-nullable field Company.name.",
        ["prices", 1, "company", "name"],
    )
    for _ in range(2):
        assert ask(document, good, bad) == ({"prices": expected}, [error])


def test_what_was_written_goes_with_its_object():
    written, one = Written(write), Price(amount=Decimal(1))
    written.keep(one, {"amount": "1"})
    assert len(written) == 1
    del one
    assert len(written) == 0


def test_an_operation_keeps_no_object_alive():
    one = Price(amount=Decimal(1))
    ask(parse("{ prices { amount } }"), one)
    life = ref(one)
    del one
    gc.collect()
    assert life() is None


def test_only_so_many_objects_are_kept():
    written, many = Written(write), [Price(amount=None) for _ in range(KEPT_OBJECTS + 1)]
    rows = [written.keep(one, {"amount": None}) for one in many]
    assert (len(written), rows[-1]) == (KEPT_OBJECTS, {"amount": None})
    assert written.find(many)[-1] is None


def test_an_object_that_does_not_tell_of_its_end_is_not_kept():
    written = Written(write)
    assert written.keep(object(), {"amount": "1"}) == {"amount": "1"}
    assert len(written) == 0
