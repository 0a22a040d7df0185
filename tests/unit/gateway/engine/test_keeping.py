"""What was written of objects that never change is used again, for as long as they live."""

import gc
from decimal import Decimal
from weakref import ref

import orjson
import pytest
import strawberry
from graphql import execute, parse

from gateway.engine import compiled_executor
from gateway.engine import keeping as keeping_module
from gateway.engine.keeping import Room, Written

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
    text = orjson.dumps(answer)
    return orjson.Fragment(text), len(text)


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
    written, one = Written(write, Room()), Price(amount=Decimal(1))
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


def test_all_selections_share_the_bytes_and_start_anew_when_they_are_full(monkeypatch):
    row = {"amount": None}  # {"amount":null} takes 15 bytes, and 500 to keep it
    monkeypatch.setattr(keeping_module, "KEPT_BYTES", 4 * 515)
    room = Room()
    one, other = Written(write, room), Written(write, room)
    prices = [Price(amount=None) for _ in range(5)]
    counts = []
    for selection, price in zip((one, one, one, other, other), prices, strict=True):
        selection.keep(price, row)
        counts.append((len(one), len(other)))
    assert counts == [(1, 0), (2, 0), (3, 0), (3, 1), (0, 1)]
    assert one.find(prices) == [None] * 5


def test_operations_of_a_schema_share_the_bytes(monkeypatch):
    one, documents = (
        Price(amount=None),
        [parse(f"{{ prices {{ {name}: amount }} }}") for name in "ab"],
    )
    for document in (*documents, documents[0]):
        ask(document, one)
    assert len(WRITTEN) == 2
    monkeypatch.setattr(keeping_module, "KEPT_BYTES", 0)
    ask(parse("{ prices { c: amount } }"), one)
    ask(documents[0], one)
    assert [list(answer) for answer in WRITTEN] == [["a"], ["b"], ["c"], ["a"]]


def test_an_object_is_written_while_what_is_kept_is_forgotten(monkeypatch):
    monkeypatch.setattr(keeping_module, "KEPT_BYTES", 0)
    document, prices = parse("{ prices { amount } }"), [Price(amount=Decimal(n)) for n in (1, 2)]
    for _ in range(2):
        assert ask(document, *prices) == ({"prices": [{"amount": "1"}, {"amount": "2"}]}, [])


def test_an_object_that_does_not_tell_of_its_end_is_not_kept():
    written = Written(write, Room())
    assert written.keep(object(), {"amount": "1"}) == {"amount": "1"}
    assert len(written) == 0
