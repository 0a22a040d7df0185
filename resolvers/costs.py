"""What fields cost: IBM's `@cost` and `@listSize` directives, declared in one place.

https://ibm.github.io/graphql-specs/cost-spec.html. An object counts 1 and a scalar nothing; what
is declared here counts on top, once for each time the field is resolved. How a list is bounded is
declared for every list, so that none is taken for free.
"""

from typing import Any

import strawberry
from graphql import (
    GraphQLField,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_interface_type,
    is_list_type,
    is_object_type,
)
from strawberry import UNSET
from strawberry.schema_directive import Location

MUTATION = 10
"""What a field of a mutation costs unless it is declared here."""

ASSUMED = 10
"""How long a list is taken to be unless it is declared here."""

PAGE = 20
"""How long a page is unless its arguments say otherwise."""

WEIGHTS = {
    "Mutation.signUp": 100,
    "Mutation.signIn": 100,
    "Mutation.importTransactions": 200,
    "Mutation.recordTransactions": 100,
    "Query.searchInstruments": 20,
    "Portfolio.dataQuality": 20,
    "Portfolio.overview": 5,
    "Portfolio.proposals": 20,
    "Portfolio.statement": 20,
    "Portfolio.transactionsExport": 50,
    "Combined.overview": 5,
    "Instrument.history": 10,
}

SIZES = {
    "Viewer.portfolios": 5,
    "Viewer.sharedPortfolios": 5,
    "Portfolio.positions": 50,
    "Combined.positions": 50,
    "Instrument.history": 250,
    "Performance.calendar": 120,
    "Performance.series": 250,
    "Risk.rolling": 250,
    "Instrument.quoteAttempts": 3,
    "Quote.attempts": 3,
    "cash": 3,
    "cashAfter": 3,
    "cashBefore": 3,
    "cashEffects": 1,
    "counts": 5,
    "issues": 2,
    "userErrors": 2,
}
"""How long lists are taken to be, by their coordinates or just their names."""

BY_ARGUMENT = {
    "Query.nodes": "ids",
    "Query.instruments": "symbols",
    "Query.searchInstruments": "first",
}
"""Lists that are as long as an argument says, or as the list that it is."""


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    name="cost",
    description="What a field or object costs, by IBM's cost specification.",
)
class Cost:
    """What a field or object costs."""

    weight: str = strawberry.directive_field(name="weight")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How long a list can be, by IBM's cost specification.",
)
class ListSize:
    """How long a list can be."""

    assumed_size: int | None = strawberry.directive_field(name="assumedSize", default=UNSET)
    slicing_arguments: list[str] | None = strawberry.directive_field(
        name="slicingArguments", default=UNSET
    )
    sized_fields: list[str] | None = strawberry.directive_field(name="sizedFields", default=UNSET)
    require_one_slicing_argument: bool | None = strawberry.directive_field(
        name="requireOneSlicingArgument", default=UNSET
    )


def declare_costs(schema: GraphQLSchema) -> None:
    """Put the directives on the fields of a schema; raises KeyError for what it does not have."""
    declared = {*WEIGHTS, *BY_ARGUMENT, *(name for name in SIZES if "." in name)}
    for coordinate in declared:
        type_name, _, name = coordinate.partition(".")
        schema.type_map[type_name].fields[name]  # type: ignore[attr-defined]
    for kind in schema.type_map.values():
        if kind.name.startswith("__") or not (is_object_type(kind) or is_interface_type(kind)):
            continue
        for name, field in kind.fields.items():
            weight = WEIGHTS.get(f"{kind.name}.{name}")
            if weight is None and kind is schema.mutation_type:
                weight = MUTATION
            if weight is not None:
                _declare(field, Cost(weight=str(weight)))
            size = _size_of(kind.name, name, field)
            if size is not None:
                _declare(field, size)


def _size_of(type_name: str, name: str, field: GraphQLField) -> ListSize | None:
    kind = get_nullable_type(field.type)
    if get_named_type(kind).name.endswith("Connection"):
        return ListSize(
            assumed_size=PAGE,
            slicing_arguments=["first", "last"],
            sized_fields=["edges", "nodes"],
            require_one_slicing_argument=False,
        )
    page = type_name.endswith("Connection")
    if page or not is_list_type(kind):
        return None
    coordinate = f"{type_name}.{name}"
    assumed = SIZES.get(coordinate, SIZES.get(name, ASSUMED))
    argument = BY_ARGUMENT.get(coordinate)
    if argument is None:
        return ListSize(assumed_size=assumed)
    return ListSize(
        assumed_size=assumed, slicing_arguments=[argument], require_one_slicing_argument=False
    )


def _declare(field: GraphQLField, directive: Cost | ListSize) -> None:
    """Give a field a directive in the place of one of its kind, for a printer and for us."""
    definition: Any = field.extensions["strawberry-definition"]
    others = [one for one in definition.directives if type(one) is not type(directive)]
    definition.directives = [*others, directive]
    field.extensions[type(directive).__name__] = directive
