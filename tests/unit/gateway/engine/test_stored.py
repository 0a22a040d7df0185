"""Objects with nothing but values in them are answered at once; whatever is more is not missed."""

from dataclasses import dataclass, field

import pytest
import strawberry
from graphql import parse

from gateway.engine import Prepared, compiled_executor


@strawberry.type
class Money:
    amount: int
    currency: str | None


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Person(Named):
    name: str


@strawberry.type
class Invented:
    number: int

    def __getattr__(self, name):
        raise AttributeError(name)


@dataclass
class Lookalike:
    """What a resolver may return in place of the type it says."""

    amount: object
    currency: object = None


class Broken:
    """What breaks when it is read, in place of the type."""

    currency = "USD"

    @property
    def amount(self):
        raise ValueError("broken")


@strawberry.type
class Item:
    price: Money | None
    cost: Money
    owner: Person
    tags: list[str]
    history: list[Money]
    invented: Invented


@dataclass
class Row:
    price: object = None
    cost: object = field(default_factory=lambda: Money(amount=1, currency="EUR"))
    owner: object = field(default_factory=lambda: Person(name="Ann"))
    tags: object = ()
    history: object = ()
    invented: object = field(default_factory=lambda: Invented(number=5))


ROWS = []


@strawberry.type
class Query:
    @strawberry.field
    def items(self) -> list[Item | None]:
        return ROWS


SCHEMA = strawberry.Schema(Query)
DOCUMENT = parse(
    "{ items { price { amount currency } cost { amount } owner { name __typename } tags"
    " history { amount } invented { number } } }"
)


@pytest.fixture
def answers():
    prepared = Prepared(compiled_executor(lambda _: None), SCHEMA._schema, DOCUMENT, None)

    def of(*rows):
        ROWS[:] = rows
        results = [prepared.executor(None, None).execute_operation() for _ in range(3)]
        assert results[0] == results[1] == results[2]
        return results[0]

    yield of
    ROWS.clear()


def errors(result):
    return [(error.path, error.message) for error in result.errors]


def test_stored_values_are_answered_each_in_its_place(answers):
    row = Row(
        price=Money(amount=3, currency=None),
        tags=["a", "b"],
        history=(Money(amount=7, currency="USD"), Money(amount=8, currency=None)),
    )
    result = answers(row, Row())
    assert result.errors is None
    assert result.data["items"] == [
        {
            "price": {"amount": 3, "currency": None},
            "cost": {"amount": 1},
            "owner": {"name": "Ann", "__typename": "Person"},
            "tags": ["a", "b"],
            "history": [{"amount": 7}, {"amount": 8}],
            "invented": {"number": 5},
        },
        {
            "price": None,
            "cost": {"amount": 1},
            "owner": {"name": "Ann", "__typename": "Person"},
            "tags": [],
            "history": [],
            "invented": {"number": 5},
        },
    ]


def test_a_null_where_none_may_be_makes_null_what_holds_it(answers):
    result = answers(Row(), Row(cost=Money(amount=None, currency="EUR")), Row(cost=None))
    assert [item is None for item in result.data["items"]] == [False, True, True]
    assert [path for path, _ in errors(result)] == [
        ["items", 1, "cost", "amount"],
        ["items", 2, "cost"],
    ]


def test_objects_of_another_class_are_looked_at_one_by_one(answers):
    result = answers(Row(price=Lookalike(amount=4)), Row(price=Lookalike(amount="four")))
    assert result.data["items"][0]["price"] == {"amount": 4, "currency": None}
    assert result.data["items"][1]["price"] is None
    ((path, message),) = errors(result)
    assert path == ["items", 1, "price", "amount"]
    assert "four" in message


def test_an_object_of_the_class_of_a_type_is_of_that_type_whatever_it_was_cast_to(answers):
    result = answers(Row(owner=strawberry.cast(Money, Person(name="Bob"))))
    assert result.errors is None
    assert result.data["items"][0]["owner"] == {"name": "Bob", "__typename": "Person"}


def test_errors_and_promises_among_stored_values_are_not_missed(answers):
    result = answers(Row(cost=Money(amount=ValueError("broken"), currency=None)), Row())
    assert [item is None for item in result.data["items"]] == [True, False]
    assert errors(result) == [(["items", 0, "cost", "amount"], "broken")]


def test_a_value_that_is_missing_is_the_error_of_its_object(answers):
    bare = Money(amount=1, currency="EUR")
    del bare.amount
    result = answers(Row(cost=bare), Row())
    assert [item is None for item in result.data["items"]] == [True, False]
    assert errors(result)[0][0] == ["items", 0, "cost", "amount"]


def test_what_breaks_when_it_is_read_fails_its_own_field(answers):
    result = answers(Row(price=Broken()), Row(price=Money(amount=4, currency=None)))
    assert [item["price"] for item in result.data["items"]] == [
        None,
        {"amount": 4, "currency": None},
    ]
    assert errors(result) == [(["items", 0, "price", "amount"], "broken")]
