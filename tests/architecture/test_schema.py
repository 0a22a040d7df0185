"""What Relay and code generators rely on, asked of each type and field of the schema."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLString,
    build_schema,
    get_directive_values,
    get_named_type,
    get_nullable_type,
    is_specified_scalar_type,
)

from gateway.schema_changes import removal_day
from resolvers.viewer import NODES

ROOT = Path(__file__).parents[2]
SCHEMA = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))
OWN = {name: kind for name, kind in SCHEMA.type_map.items() if not name.startswith("__")}
SHAPES = {
    name: kind
    for name, kind in OWN.items()
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
}
CONNECTIONS = sorted(name for name in SHAPES if name.endswith("Connection"))
PAGES = {
    "first": GraphQLInt,
    "after": GraphQLString,
    "last": GraphQLInt,
    "before": GraphQLString,
}
LISTS = sorted(
    f"{name}.{field}"
    for name, kind in SHAPES.items()
    for field, definition in kind.fields.items()
    if isinstance(get_nullable_type(definition.type), GraphQLList)
)


def written(name):
    """Return the fields of a type as they are written in the schema."""
    return {field: str(definition.type) for field, definition in SHAPES[name].fields.items()}


def test_whatever_has_an_id_is_a_node_and_the_other_way_round():
    with_id = {name for name, kind in SHAPES.items() if "id" in kind.fields}
    nodes = {name for name, kind in SHAPES.items() if SCHEMA.type_map["Node"] in kind.interfaces}
    assert with_id - {"Node"} == nodes
    assert {str(SHAPES[name].fields["id"].type) for name in with_id} == {"ID!"}


def test_each_kind_of_node_can_be_found_again():
    assert {kind.name for kind in SCHEMA.get_possible_types(SCHEMA.type_map["Node"])} == set(NODES)


def test_node_and_nodes_are_as_relay_wants_them():
    fields = {name: SCHEMA.query_type.fields[name] for name in ("node", "nodes")}
    assert {name: str(field.type) for name, field in fields.items()} == {
        "node": "Node",
        "nodes": "[Node]!",
    }
    assert str(fields["node"].args["id"].type) == "ID!"
    assert str(fields["nodes"].args["ids"].type) == "[ID!]!"


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_connection_is_as_relay_wants_it(name):
    node = name.removesuffix("Connection")
    fields = written(name)
    assert (
        fields.items()
        >= {
            "edges": f"[{node}Edge!]!",
            "nodes": f"[{node}!]!",
            "pageInfo": "PageInfo!",
            "totalCount": "Int!",
        }.items()
    )
    assert written(f"{node}Edge") == {"cursor": "String!", "node": f"{node}!"}


def test_page_info_is_as_relay_wants_it():
    assert written("PageInfo") == {
        "hasNextPage": "Boolean!",
        "hasPreviousPage": "Boolean!",
        "startCursor": "String",
        "endCursor": "String",
    }


def test_each_field_of_a_connection_takes_the_four_arguments_of_a_page():
    for kind in SHAPES.values():
        for field in kind.fields.values():
            if get_nullable_type(field.type) in [SHAPES[name] for name in CONNECTIONS]:
                assert {key: field.args[key].type for key in PAGES} == PAGES


def bound_of(place):
    """Return how a list field is bounded: by its connection, or by what its directive declares."""
    name, _, field = place.partition(".")
    if name in CONNECTIONS and field in {"edges", "nodes"}:
        return "a page"
    directive = SCHEMA.get_directive("listSize")
    return get_directive_values(directive, SHAPES[name].fields[field].ast_node)


@pytest.mark.parametrize("place", LISTS)
def test_no_list_is_without_a_bound(place):
    assert bound_of(place)


NO_LENGTHS = {
    "Risk.rolling": {"window", "horizon"},
    "Viewer.alerts": {"statuses"},
}
"""Numbers and lists that say what a list is of, and not how long it is."""


@pytest.mark.parametrize("place", LISTS)
def test_a_list_that_is_as_long_as_an_argument_says_costs_by_it(place):
    name, _, field = place.partition(".")
    lengths = {
        argument
        for argument, given in SHAPES[name].fields[field].args.items()
        if get_nullable_type(given.type) is GraphQLInt
        or isinstance(get_nullable_type(given.type), GraphQLList)
    }
    told = bound_of(place)
    sliced = set() if told == "a page" else set(told.get("slicingArguments") or ())
    assert sliced == lengths - NO_LENGTHS.get(place, set())


def test_each_scalar_of_ours_links_to_what_specifies_it():
    assert {
        name: kind.specified_by_url
        for name, kind in OWN.items()
        if isinstance(kind, GraphQLScalarType) and not is_specified_scalar_type(kind)
    } == {
        "CurrencyCode": "https://www.iso.org/iso-4217-currency-codes.html",
        "Date": "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6",
        "DateTime": "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6",
        "Decimal": "https://www.w3.org/TR/xmlschema11-2/#decimal",
        "Ratio": "https://datatracker.ietf.org/doc/html/rfc8259#section-6",
        "Symbol": "https://datatracker.ietf.org/doc/html/rfc20",
        "Upload": "https://github.com/jaydenseric/graphql-multipart-request-spec",
    }


def test_a_deprecation_says_what_to_use_and_until_when():
    reasons = [
        definition.deprecation_reason
        for kind in OWN.values()
        for definition in [
            *getattr(kind, "fields", {}).values(),
            *getattr(kind, "values", {}).values(),
        ]
        if definition.deprecation_reason is not None
    ]
    assert [reason for reason in reasons if removal_day(reason) is None] == []


def reached_from(name):
    """Return the types that can be selected below a type."""
    found, todo = set(), [name]
    while todo:
        kind = SCHEMA.type_map[todo.pop()]
        if kind.name not in found:
            found.add(kind.name)
            todo += [get_named_type(one.type).name for one in getattr(kind, "fields", {}).values()]
            if isinstance(kind, GraphQLInterfaceType):
                todo += [one.name for one in SCHEMA.get_possible_types(kind)]
    return found


def test_whoever_has_a_link_alone_reaches_no_amount_and_no_explanation():
    assert reached_from("SharedPortfolioView") == {
        *("SharedPortfolioView", "SharedHolding", "SharedAllocation", "SharedSlice"),
        *("SharedPerformance", "SharedReturn", "SharedPoint"),
        *("AllocationDimension", "SliceKind", "NullReason"),
        *("String", "CurrencyCode", "Symbol", "Ratio", "Date", "DateTime"),
    }
