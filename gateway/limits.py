"""Limits of documents: what they may ask for, found out by going over each part of them once.

The text is counted before it is parsed, the parsed document before it is validated. What is asked
for through a fragment counts wherever the fragment is spread, and is counted once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

TOKEN = re.compile(
    # A string without an end is one too: nothing is ever looked at twice.
    r'"""(?:[^"\\]|\\"""|\\|"(?!""))*+(?:""")?'
    r'|"(?:[^"\\\n\r]|\\.)*+"?'
    r"|\#[^\n\r]*+|[_A-Za-z]\w*+|-?[0-9][0-9.eE+-]*+|\.\.\.|[^\s,\ufeff]",
    re.ASCII,
)
ENDLESS = 10**6
"""What a fragment that contains itself, or doubles too often, is counted as."""

INTROSPECTION = {"__schema", "__type"}

MEMBERS = {
    "types": 300,
    "directives": 20,
    "fields": 10,
    "inputFields": 6,
    "enumValues": 6,
    "possibleTypes": 6,
    "args": 2,
}
"""How long lists of the schema are taken to be; each of their members is a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that a document may have of each; ``enforced`` is whether more is refused."""

    length: int = 50_000
    tokens: int = 5_000
    operations: int = 20
    depth: int = 20
    fields: int = 500
    root_fields: int = 50
    aliases: int = 100
    directives: int = 100
    fragments: int = 200
    introspection_depth: int = 16
    introspection_size: int = 300_000
    """Parts of the schema that a document can read; the usual question reads some 140,000."""
    cost: int = 50_000
    """What an operation can cost at most; known when its variables are."""
    enforced: bool = True


class Breach(NamedTuple):
    """A limit that a document goes beyond."""

    code: str
    message: str
    limit: int
    found: int

    def error(self) -> GraphQLError:
        """Word it as clients see it."""
        extensions = {"code": self.code, "limit": self.limit, "found": self.found}
        return GraphQLError(self.message, extensions=extensions)


WORDS = {
    "length": "is {found} characters long",
    "tokens": "has {found} tokens",
    "operations": "has {found} operations",
    "depth": "goes {found} levels deep",
    "fields": "asks for {found} fields",
    "root_fields": "asks for {found} root fields in one operation",
    "aliases": "gives {found} aliases",
    "directives": "has {found} directives",
    "fragments": "has {found} fragments and spreads of them",
    "introspection_depth": "goes {found} levels into the schema",
    "introspection_size": "can read {found} parts of the schema",
}


def breach_of(name: str, *, limit: int, found: int) -> Breach:
    """Build a breach of a limit by its name."""
    words = WORDS[name].format(found="endlessly many" if found >= ENDLESS else found)
    message = f"The document {words}; at most {limit} are allowed."
    return Breach(f"MAX_{name.upper()}_LIMIT", message, limit, found)


def tokens_of(text: str) -> int:
    """Count the tokens of a text, comments left out, many times quicker than to parse it."""
    return sum(token[0] != "#" for token in TOKEN.findall(text))


def breaches_of_text(text: str, limits: Limits) -> Iterator[Breach]:
    """Tell which limits a text goes beyond before it is parsed."""
    if len(text) > limits.length:
        yield breach_of("length", limit=limits.length, found=len(text))
        if limits.enforced:
            return
    tokens = tokens_of(text)
    if tokens > limits.tokens:
        yield breach_of("tokens", limit=limits.tokens, found=tokens)


def breaches_of(document: DocumentNode, limits: Limits) -> Iterator[Breach]:
    """Tell which limits a document goes beyond."""
    meter = Meter(document)
    operations = [
        meter.size(node.selection_set)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    found = {
        one.name: max((getattr(size, one.name) for size in operations), default=0)
        for one in fields(Limits)
        if one.name in Size._fields
    }
    found |= {
        "operations": len(operations),
        "directives": meter.directives,
        "fragments": meter.fragments,
    }
    for name, amount in found.items():
        limit: int = getattr(limits, name)
        if amount > limit:
            yield breach_of(name, limit=limit, found=amount)


class Size(NamedTuple):
    """How much selections ask for, fragments included; no number is greater than endless."""

    depth: int = 0
    fields: int = 0
    root_fields: int = 0
    aliases: int = 0
    introspection_depth: int = 0
    introspection_size: int = 0
    parts: int = 0
    """Parts of the schema, if this is within a question about it."""


class Meter:
    """Measures a document: each selection once, whatever it is spread into."""

    def __init__(self, document: DocumentNode) -> None:
        self.visits = 0
        """How many selections were looked at."""
        self.directives = 0
        self.fragments = 0
        """Definitions of fragments and spreads of them."""
        self._definitions: dict[str, FragmentDefinitionNode] = {}
        self._measured: dict[str, Size] = {}
        for node in document.definitions:
            self.directives += len(getattr(node, "directives", None) or ())
            if isinstance(node, FragmentDefinitionNode):
                self.fragments += 1
                self._definitions.setdefault(node.name.value, node)
        for name in self._definitions:
            self._fragment(name)

    def size(self, selections: SelectionSetNode | None) -> Size:
        """Measure selections."""
        if selections is None:
            return Size()
        sizes = [self._selection(node) for node in selections.selections]
        if not sizes:
            return Size()
        depth, asked, roots, aliases, into_schema, of_schema, parts = zip(*sizes, strict=True)
        return Size(
            max(depth),
            min(sum(asked), ENDLESS),
            min(sum(roots), ENDLESS),
            min(sum(aliases), ENDLESS),
            max(into_schema),
            min(sum(of_schema), ENDLESS),
            min(sum(parts), ENDLESS),
        )

    def _selection(self, node: SelectionNode) -> Size:
        self.visits += 1
        self.directives += len(node.directives or ())
        if isinstance(node, FieldNode):
            within = self.size(node.selection_set)
            name = node.name.value
            into_schema, of_schema = within.introspection_depth, within.introspection_size
            if name in INTROSPECTION:
                into_schema = max(into_schema, within.depth)
                of_schema = min(of_schema + within.parts, ENDLESS)
            parts = MEMBERS.get(name, 1) * (1 + within.parts) if node.selection_set else 0
            return Size(
                within.depth + 1,
                within.fields + 1,
                1,
                within.aliases + (node.alias is not None),
                into_schema,
                of_schema,
                min(parts, ENDLESS),
            )
        if isinstance(node, InlineFragmentNode):
            return self.size(node.selection_set)
        if isinstance(node, FragmentSpreadNode):
            self.fragments += 1
            return self._fragment(node.name.value)
        return Size()

    def _fragment(self, name: str) -> Size:
        """Measure a fragment; one that contains itself is endless, and refused by validation."""
        if name not in self._measured:
            self._measured[name] = Size(*[ENDLESS] * len(Size._fields))
            definition = self._definitions.get(name)
            self._measured[name] = self.size(definition.selection_set) if definition else Size()
        return self._measured[name]
