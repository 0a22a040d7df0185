"""HTTP caching: what hints of the schema come to for one answer, and what a client has already.

Only answers to GET are kept by anybody, so nothing of this is worked out for POST.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from math import inf
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

from datasources.policies import fresh_until
from gateway.documents import Operation
from models.market import Quote
from resolvers.caching import DAY, CacheControl, CacheScope

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


class Keeping(NamedTuple):
    """How many seconds an answer may be kept, and whether only by the one who asked."""

    seconds: float
    private: bool

    def with_(self, other: "Keeping") -> "Keeping":
        """Return what holds for both together."""
        return Keeping(min(self.seconds, other.seconds), self.private or other.private)


AS_LONG_AS_THE_REST = Keeping(inf, private=False)
NOT_AT_ALL = Keeping(0, private=True)
OF_SCHEMA = Keeping(300, private=False)


def keeping_of(operation: Operation, schema: GraphQLSchema) -> Keeping:
    """Work out from the hints of a schema how long the answer to a query may be kept.

    Each fragment is looked at once, so the work grows with the document and no faster.
    """
    if operation.of_schema_alone:
        return OF_SCHEMA
    fragments = {
        node.name.value: node
        for node in operation.document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    found: dict[str, Keeping] = {}

    def together(selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Keeping:
        keeping = AS_LONG_AS_THE_REST
        for node in selections.selections if selections else ():
            keeping = keeping.with_(of(node, parent))
        return keeping

    def of(node: object, parent: GraphQLNamedType | None) -> Keeping:
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            type_ = schema.get_type(condition.name.value) if condition else parent
            return together(node.selection_set, type_)
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in found:
                fragment = fragments[name]
                type_ = schema.get_type(fragment.type_condition.name.value)
                found[name] = together(fragment.selection_set, type_)
            return found[name]
        if not isinstance(node, FieldNode) or not isinstance(parent, Composite):
            return NOT_AT_ALL
        field = schema.get_field(parent, node.name.value)
        if field is None:
            return NOT_AT_ALL
        answered = get_named_type(field.type)
        within = together(node.selection_set, answered)
        hint = hint_of(field) or hint_of(answered)
        if hint is not None:
            private = hint.scope is CacheScope.PRIVATE
            return within.with_(Keeping(hint.max_age, private=private))
        return NOT_AT_ALL if is_composite_type(answered) else within

    return together(operation.node.selection_set, schema.query_type)


def hint_of(thing: GraphQLField | GraphQLNamedType) -> CacheControl | None:
    """Return what a type or field of a Strawberry schema says of being kept."""
    definition = thing.extensions.get("strawberry-definition")
    directives: Iterable[Any] = getattr(definition, "directives", None) or ()
    return next((one for one in directives if isinstance(one, CacheControl)), None)


def until_stale(keeping: Keeping, quotes: Iterable[Quote | None], *, now: datetime) -> Keeping:
    """Keep an answer with quotes until one of them is stale, and not at all if one is missing."""
    left = (0 if quote is None else (fresh_until(quote) - now).total_seconds() for quote in quotes)
    return keeping._replace(seconds=max(0, min(keeping.seconds, *left, inf)))


def cache_control(keeping: Keeping) -> bytes:
    """Write the Cache-Control of a good answer to GET."""
    whose = "private" if keeping.private else "public"
    seconds = int(min(keeping.seconds, DAY))
    return f"{whose}, {f'max-age={seconds}' if seconds > 0 else 'no-cache'}".encode()


def tag_of(written: bytes) -> bytes:
    """Return the ETag of an answer by its data: what else it tells differs each time."""
    return b'"' + blake2b(written, digest_size=12).hexdigest().encode() + b'"'


def has_already(if_none_match: str, tag: bytes) -> bool:
    """Tell whether a client names the tag among those it has, by weak comparison (RFC 9110)."""
    named = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in named or tag.decode() in named
