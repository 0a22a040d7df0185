"""Fields that share a name in the answer: judged as graphql-core judges them, and in linear time."""

from random import Random

import pytest
from graphql import (
    OverlappingFieldsCanBeMergedRule,
    Source,
    TypeInfo,
    TypeInfoVisitor,
    build_schema,
    parse,
    validate,
    visit,
)
from graphql.validation import ValidationContext
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.overlaps import MergedFieldsRule

SCHEMA = build_schema("""
directive @stream(label: String, initialCount: Int) on FIELD
input Filter { a: Int, b: [String] }
interface Being { name(short: Boolean): String, age: Int!, friend: Being, kin: [Being] }
type Cat implements Being {
  name(short: Boolean): String, age: Int!, friend: Being, kin: [Being], lives: Int,
  toy(filter: Filter): Cat
}
type Dog implements Being {
  name(short: Boolean): String, age: Int!, friend: Being, kin: [Being], lives: String,
  toy(filter: Filter): Dog
}
union Pet = Cat | Dog
type Query { cat: Cat, dog: Dog!, pets: [Pet!], being: Being, name: String }
type Mutation { name: String }
""")
FIELDS = {
    "Cat": ["name", "age", "friend", "kin", "lives", "toy"],
    "Dog": ["name", "age", "friend", "kin", "lives", "toy"],
    "Being": ["name", "age", "friend", "kin"],
    "Query": ["cat", "dog", "pets", "being", "name"],
    "Pet": [],
}
LEADS_TO = {"friend": "Being", "kin": "Being", "cat": "Cat", "dog": "Dog", "pets": "Pet"}
ARGUMENTS = {
    "name": ["", "", "", "(short: true)", "(short: $v)"],
    "toy": [
        "",
        '(filter: {a: 1, b: "x"})',
        '(filter: {b: "x", a: 1})',
        '(filter: {b: """x"""})',
    ],
}


def made_up(seed):
    """Write a document of many repeated fields, an operation and three fragments."""
    random = Random(seed)
    aliased = random.choice([0, 0.1, 0.5])

    def selections(kind, depth):
        return "{ " + " ".join(one(kind, depth) for _ in range(random.randint(1, 3))) + " }"

    def one(kind, depth):
        chance = random.random()
        if chance < 0.2 or not FIELDS[kind]:
            other = random.choice([*FIELDS])
            return f"... on {other} {selections(other, depth - 1)}" if depth > 0 else "__typename"
        if chance < 0.35 and spreadable:
            return "..." + random.choice(spreadable)
        name = random.choice(FIELDS[kind])
        alias = random.choice("ab") + ": " if random.random() < aliased else ""
        arguments = random.choice(ARGUMENTS.get(name, [""]) if aliased else [""])
        stream = " @stream" if name == "kin" and random.random() < aliased / 5 else ""
        below = LEADS_TO.get(name, "Being" if name == "being" else kind if name == "toy" else None)
        inner = selections(below, depth - 1) if below and depth > 0 else ""
        return f"{alias}{name}{arguments}{stream} {inner}"

    spreadable = "FGH"
    parts = [selections("Query", 4)]
    for name in "FGH":
        spreadable = spreadable[1:]  # never in a circle: that would be refused anyway
        kind = random.choice([*FIELDS])
        parts.append(f"fragment {name} on {kind} {selections(kind, 3)}")
    return " ".join(parts)


def messages(rule, text):
    return [error.message for error in validate(SCHEMA, parse(text), [rule])]


@settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_the_verdict_is_that_of_the_reference(seed):
    """Whatever the document, it is refused exactly when graphql-core refuses it."""
    text = made_up(seed)
    refused = bool(messages(OverlappingFieldsCanBeMergedRule, text))
    assert bool(messages(MergedFieldsRule, text)) == refused


def test_made_up_documents_are_refused_and_accepted():
    """The comparison above has cases of both kinds."""
    verdicts = [bool(messages(OverlappingFieldsCanBeMergedRule, made_up(n))) for n in range(60)]
    assert 10 < sum(verdicts) < 50


@pytest.mark.parametrize(
    "text",
    [
        "{ cat { a: name a: age } }",
        "{ cat { name(short: true) name } }",
        "{ cat { a: name } cat { a: age } }",
        "{ cat { friend { a: name } } ... { cat { friend { a: age } } } }",
        "{ being { ... on Cat { lives } ... on Dog { lives } } }",
        "{ cat { ...F } cat { ...G } } fragment F on Cat { a: name } fragment G on Cat { a: age }",
        "{ cat { kin @stream kin { name } } }",
    ],
)
def test_one_conflict_is_told_in_the_words_of_the_reference(text):
    """So that nobody has to learn other messages than those that search engines know."""
    told = messages(MergedFieldsRule, text)
    assert len(told) == 1
    assert told == messages(OverlappingFieldsCanBeMergedRule, text)


def test_a_conflict_points_at_both_fields():
    """The locations are those of the fields, and of the fields they are below."""
    text = "{ cat { a: name } cat { a: age } }"
    (error,) = validate(SCHEMA, parse(Source(text)), [MergedFieldsRule])
    assert [location.column for location in error.locations] == [3, 9, 19, 25]


def visits(text):
    """Count the selections that the check of a document looks at."""
    document, errors = parse(text), []
    info = TypeInfo(SCHEMA)
    rule = MergedFieldsRule(ValidationContext(SCHEMA, document, info, errors.append))
    visit(document, TypeInfoVisitor(info, rule))
    assert errors == []
    return rule.visits


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "{ cat { " + "age " * n + "} }",
        lambda n: "{ " + "cat { friend { age } } " * n + "}",
        lambda n: "{ " + "cat { toy(filter: {a: 1}) { name } } " * n + "}",
        lambda n: (
            "{ cat { " + " ".join(f"...F{i}" for i in range(n)) + " } } "
            + " ".join(f"fragment F{i} on Cat {{ friend {{ age }} }}" for i in range(n))
        ),
        lambda n: "{ ...F0 } " + "".join(
            f"fragment F{i} on Query {{ ...F{i + 1} ...F{i + 1} name }}" for i in range(n)
        ) + f"fragment F{n} on Query {{ name }}",
        lambda n: "{ cat { ...F0 } } " + "".join(
            f"fragment F{i} on Cat {{ a: toy {{ ...F{i + 1} }} b: toy {{ ...F{i + 1} }} }}"
            for i in range(n)
        ) + f"fragment F{n} on Cat {{ name }}",
    ],
)  # fmt: skip
def test_twice_the_document_is_twice_the_work(make):
    """Repeated fields, and fragments within fragments, are looked at once a pass."""
    once, twice = visits(make(50)), visits(make(100))
    assert once < 50 * 12
    assert twice <= 2 * once + 10


def test_fragments_that_meet_in_endless_ways_are_given_up():
    """Which fragments meet at the end depends on each turn on the way: 2 to the power of 16 ways."""
    steps = 16
    parts = [
        f"fragment F{n} on Cat {{ a: toy {{ ...F{n + 1} ...M{n + 1}_1 }} b: toy {{ ...F{n + 1} }} }}"
        for n in range(steps)
    ]
    parts += [
        f"fragment M{n}_{i} on Cat {{ a: toy {{ ...M{n + 1}_{i + 1} }} "
        f"b: toy {{ ...M{n + 1}_{i + 1} }} }}"
        for n in range(1, steps)
        for i in range(1, n + 1)
    ]
    parts += [f"fragment M{steps}_{i} on Cat {{ name }}" for i in range(1, steps + 1)]
    text = f"{{ cat {{ ...F0 }} }} fragment F{steps} on Cat {{ name }} " + " ".join(parts)
    assert len(text) < 15_000
    assert messages(MergedFieldsRule, text) == ["Its fields meet in too many ways to be checked."]
