"""Objects with nothing but values in them are answered at once; whatever is more is not missed."""

from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Generic, Optional, TypeVar

import pytest
import strawberry
from graphql import execute, parse
from strawberry.execution import optimized_is_awaitable

from gateway.engine import Prepared, compiled_executor
from gateway.engine.rows import MOST_VARIABLES, Code
from gateway.engine.selections import MOST_MISSES, WORTH_IT


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
T = TypeVar("T")


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
        results = [prepared.executor(None, None).execute_operation() for _ in range(WORTH_IT + 1)]
        assert all(result == results[0] for result in results)
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


@strawberry.enum
class Side(Enum):
    BUY = "b"
    SELL = "s"


class Word(str):
    """Text of a class of its own."""

    __slots__ = ()


@strawberry.type
class Values:
    text: str | None = None
    number: int | None = None
    share: float | None = None
    flag: bool | None = None
    side: Side | None = None
    exact: Decimal | None = None
    tags: list[str | None] | None = None
    grid: list[list[Money]] | None = None


@dataclass
class Other:
    """What a resolver may return in place of the values it says."""

    number: int


@strawberry.type
class Shelf:
    @strawberry.field
    def values(self) -> list[Values]:
        return ROWS


SHELF = strawberry.Schema(Shelf)
FOUR_EUROS = Money(amount=4, currency="EUR")


@pytest.fixture
def ask():
    """Ask a schema of its own functions for a document about values that are made each time."""
    schema = copy(SHELF)
    schema.execution_context_class = compiled_executor(lambda _: None)

    def of(document, *makers, chosen=schema):
        ROWS[:] = [make() for make in makers]
        kind = chosen.execution_context_class
        more = {"executor_class": kind} if chosen is schema else {}
        return execute(
            chosen._schema, document, is_awaitable=optimized_is_awaitable, **more
        ).formatted

    yield of
    ROWS.clear()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"text": "a", "number": -(2**31), "share": 0.5, "flag": True, "exact": Decimal("1.50")},
        {"text": Word("a"), "number": True, "share": 3, "flag": False, "side": Side.SELL},
        {"text": 7, "number": 2.0, "share": "x"},
        {"number": 2**31},
        {"share": float("nan")},
        {"share": float("inf")},
        {"flag": 1, "side": "b"},
        {"exact": [1]},
        {"text": ValueError("broken")},
        {"tags": ["a", None], "grid": []},
        {"tags": ("a",), "grid": [[FOUR_EUROS, FOUR_EUROS], []]},
        {"tags": {"a": 1}, "grid": [[None]]},
        {"tags": [1], "grid": [None]},
        {"tags": range(3)},
        {"grid": [[Money(amount=None, currency=None)]]},
    ],
)
def test_each_value_is_answered_as_by_graphql_core_before_and_after_a_function_is_made(given, ask):
    document = parse("{ values { text number share flag side exact tags grid { amount } } }")
    makers = (lambda: Values(**given), Values)
    expected = ask(document, *makers, chosen=SHELF)
    for _ in range(WORTH_IT + 1):
        assert ask(document, *makers) == expected


def test_a_function_is_given_up_that_meets_what_it_is_not_for_again_and_again(ask, monkeypatch):
    calls = []
    made = Code.made

    def counted(code):
        function = made(code)
        return lambda objects: calls.append(1) or function(objects)

    monkeypatch.setattr(Code, "made", counted)
    document, other = parse("{ values { number } }"), partial(Other, number=5)
    for _ in range(WORTH_IT):
        assert ask(document, Values) == {"data": {"values": [{"number": None}]}}
    for _ in range(2 * MOST_MISSES):
        assert ask(document, other) == {"data": {"values": [{"number": 5}]}}
    assert len(calls) == 1 + MOST_MISSES


@pytest.fixture
def variables(monkeypatch):
    """How many variables each function that is made has."""
    found = []
    made = Code.made
    monkeypatch.setattr(Code, "made", lambda code: found.append(code._variables) or made(code))
    return found


def test_what_is_too_much_for_one_function_is_left_to_others(ask, variables):
    names = [f"n{number}" for number in range(MOST_VARIABLES - 3)]
    text = f"{{ values {{ {' '.join(f'{name}: text' for name in names)} grid {{ amount }} }} }}"
    row = dict.fromkeys(names, "a") | {"grid": [[{"amount": 4}]]}
    document, values = parse(text), partial(Values, text="a", grid=[[FOUR_EUROS]])
    for _ in range(2 * WORTH_IT):
        assert ask(document, values) == {"data": {"values": [row]}}
    assert variables[0] == MOST_VARIABLES
    assert len(variables) == 2  # one more for the amounts


@strawberry.type
class Tree:
    number: int
    left: Optional["Tree"] = None


@strawberry.type
class Forest:
    @strawberry.field
    def tree(self) -> Tree:
        return Tree(number=1)


def test_fragments_that_double_at_each_level_are_not_written_out(variables):
    """Three to the power of eight objects are asked for, of which there is one."""
    inner = "".join(
        f"fragment F{level} on Tree {{ number "
        + " ".join(f"x{number}: left {{ ...F{level + 1} }}" for number in range(3))
        + " } "
        for level in range(8)
    )
    document = parse(f"{{ tree {{ ...F0 }} }} {inner} fragment F8 on Tree {{ number }}")
    schema = strawberry.Schema(Forest, execution_context_class=compiled_executor(lambda _: None))
    for _ in range(WORTH_IT + 1):
        answer = execute(schema._schema, document, executor_class=schema.execution_context_class)
        assert answer.data == {"tree": {"number": 1, "x0": None, "x1": None, "x2": None}}
    assert variables == [MOST_VARIABLES]


@strawberry.type
class Problem(Exception):  # noqa: N818  # a type that is stored, and an error all the same
    hint: str


@strawberry.type
class Page(Generic[T]):
    items: list[T]
    count: int


@strawberry.type
class Holder:
    problem: Problem | None
    pages: list[Page[int]]


@strawberry.type
class Holding:
    @strawberry.field
    def holder(self) -> Holder:
        return Holder(problem=Problem(hint="x"), pages=[Page(items=[1, 2], count=2)])


@pytest.mark.parametrize(
    "text", ["{ holder { problem { __typename } } }", "{ holder { pages { items count } } }"]
)
def test_errors_that_are_types_and_generic_types_are_answered_alike(text, variables):
    schema = strawberry.Schema(Holding)
    expected = execute(schema._schema, parse(text)).formatted
    schema.execution_context_class = compiled_executor(lambda _: None)
    document = parse(text)
    for _ in range(WORTH_IT + 2 * MOST_MISSES):
        answer = execute(schema._schema, document, executor_class=schema.execution_context_class)
        assert answer.formatted == expected
    assert len(variables) == ("pages" in text)
