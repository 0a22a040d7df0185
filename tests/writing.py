"""Writes documents at random for any schema: valid ones, of all that documents are made of."""

import json
import random
from dataclasses import dataclass, field, replace
from zlib import crc32

from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
    parse,
    validate,
)
from strawberry.execution import optimized_is_awaitable

from gateway.engine import Prepared

SCALARS = {
    "Int": (0, 1, 3, -7),
    "Float": (0.5, -2.0, 3.0),
    "String": ("", "one", 'two "words"'),
    "ID": ("1", "x"),
    "Boolean": (True, False),
}

MISTAKEN = 0.05
"""How many documents may come with variables that are refused."""


@dataclass(frozen=True)
class Question:
    """A document and the values of its variables."""

    text: str
    variables: dict
    document: DocumentNode | None = field(default=None, repr=False)


@dataclass
class Writer:
    """Writes one document."""

    schema: object
    random: random.Random
    scalars: dict
    depth: int = 5
    most: int = 5
    fields: int = 200
    """How many fields are written before it comes to an end: the rest are leaves."""
    without: tuple = ()
    seldom: tuple = ()
    """Arguments that mostly make an error if they are given."""
    arguments: dict = field(default_factory=dict)
    variables: dict = field(default_factory=dict)
    declared: list = field(default_factory=list)
    fragments: list = field(default_factory=list)
    mistaken: bool = False

    def question(self, root):
        body = self.selection(root, self.depth)
        kind = {
            self.schema.query_type: "query",
            self.schema.mutation_type: "mutation",
        }[root]
        heading = f"{kind}({', '.join(self.declared)})" if self.declared else kind
        return Question("\n".join([f"{heading} {body}", *self.fragments]), self.variables)

    def chance(self, share):
        return self.random.random() < share

    def selection(self, type_, depth):
        parts = []
        for _ in range(self.random.randint(1, self.most)):
            part = self.part(type_, depth)
            if part:
                parts.append(part)
        return "{ " + (" ".join(parts) or "__typename") + " }"

    def part(self, type_, depth):
        if is_abstract_type(type_) and self.chance(0.4):
            member = self.random.choice(self.schema.get_possible_types(type_))
            return f"... on {member}{self.directive()} {self.selection(member, depth)}"
        if self.chance(0.06):
            return f"...{self.directive()} {self.selection(type_, depth)}"
        if self.chance(0.06):
            name = f"F{len(self.fragments)}"
            self.fragments.append("")
            number = len(self.fragments) - 1
            self.fragments[number] = f"fragment {name} on {type_} {self.selection(type_, depth)}"
            return f"...{name}{self.directive()}"
        if isinstance(type_, GraphQLUnionType) or self.chance(0.08):
            return "__typename"
        return self.field(type_, depth)

    def field(self, type_, depth):
        depth = depth if self.fields > 0 else 1
        wanted = [
            (name, one)
            for name, one in type_.fields.items()
            if name not in self.without and (depth > 1 or is_leaf_type(get_named_type(one.type)))
        ]
        self.fields -= 1
        if not wanted:
            return "__typename"
        name, chosen = self.random.choice(wanted)
        given = [
            f"{key}: {self.literal(one.type, f'{name}.{key}')}"
            for key, one in chosen.args.items()
            if is_required_argument(one) or self.chance(0.03 if key in self.seldom else 0.4)
        ]
        arguments = f"({', '.join(given)})" if given else ""
        key = name
        if arguments or self.chance(0.2) or not isinstance(type_, GraphQLInterfaceType):
            key = f"{name}{type_}{crc32(arguments.encode()) % 1000}"
        inner = get_named_type(chosen.type)
        below = "" if is_leaf_type(inner) else " " + self.selection(inner, depth - 1)
        return f"{key}: {name}{arguments}{self.directive()}{below}"

    def directive(self):
        if not self.chance(0.08):
            return ""
        condition = self.random.choice(("true", "false"))
        if self.chance(0.5):
            condition = self.variable("Boolean!", self.chance(0.5))
        return f" @{self.random.choice(('skip', 'include'))}(if: {condition})"

    def variable(self, type_, value):
        name = f"v{len(self.declared)}"
        self.declared.append(f"${name}: {type_}")
        self.variables[name] = value
        return f"${name}"

    def literal(self, type_, place=""):
        value, text = self.value(type_, place)
        if self.chance(0.25):
            if self.mistaken and self.chance(0.2):
                return self.variable(type_, {"no": "such thing"})
            if value is None and self.chance(0.5):
                self.declared.append(f"$u{len(self.declared)}: {type_}")
                return self.declared[-1].partition(":")[0]
            return self.variable(type_, value)
        return text

    def value(self, type_, place=""):
        """Return a value as JSON, and as a literal."""
        if isinstance(type_, GraphQLNonNull):
            return self.value_of(type_.of_type, place)
        if self.chance(0.15):
            return None, "null"
        return self.value_of(type_, place)

    def value_of(self, type_, place):
        if isinstance(type_, GraphQLList):
            items = [self.value(type_.of_type, place) for _ in range(self.random.randint(0, 3))]
            return [one for one, _ in items], f"[{', '.join(text for _, text in items)}]"
        if isinstance(type_, GraphQLEnumType):
            name = self.random.choice(list(type_.values))
            return name, name
        if isinstance(type_, GraphQLInputObjectType):
            given = {
                name: self.value(one.type, f"{type_.name}.{name}")
                for name, one in type_.fields.items()
                if is_required_input_field(one) or self.chance(0.4)
            }
            text = ", ".join(f"{name}: {text}" for name, (_, text) in given.items())
            return {name: one for name, (one, _) in given.items()}, f"{{{text}}}"
        choice = self.arguments.get(place) or self.arguments.get(place.rpartition(".")[2])
        choice = choice or (SCALARS | self.scalars)[type_.name]
        value = self.random.choice(choice)
        return value, json.dumps(value)


def questions(schema, count, *, seed=0, scalars=None, roots=None, **size):
    """Write so many valid documents."""
    written = 0
    number = 0
    while written < count:
        number += 1
        chosen = random.Random(f"{seed}/{number}")
        writer = Writer(schema, chosen, scalars or {}, **size)
        writer.mistaken = writer.chance(MISTAKEN)
        question = writer.question(chosen.choice(roots or [schema.query_type]))
        document = parse(question.text)
        if not validate(schema, document):
            written += 1
            yield replace(question, document=document)


async def answer(schema, question, *, context, root=None):
    """Have a question executed, and return data and errors as they would be sent.

    Parsing and validation are left out: they are the same whatever executes, and most of the time.
    """
    prepared = Prepared(
        schema.execution_context_class,
        schema._schema,
        question.document,
        None,
        root_value=root,
        is_awaitable=optimized_is_awaitable,
        operation_extensions=None,
    )
    # The engine's second executor of an operation is made of the first.
    for _ in range(2):
        executor = prepared.executor(question.variables, context)
    if isinstance(executor, list):
        return "null", [error.formatted for error in executor]
    result = executor.execute_operation()
    if optimized_is_awaitable(result):
        result = await result
    return json.dumps(result.data), [error.formatted for error in result.errors or ()]


def nulled(data, errors):
    """Tell where errors made an answer null, and what is said of it.

    Where a null went up from below, which of several errors is told depends on which came first.
    """
    found = set()
    for error in errors:
        path = error.get("path", ())
        place, value = [], json.loads(data)
        for step in path:
            if value is None:
                break
            place.append(step)
            value = value[step]
        itself = len(place) == len(path)
        found.add((tuple(place), error["message"] if itself else None))
    return found
