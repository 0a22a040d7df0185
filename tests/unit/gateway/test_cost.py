"""The cost of operations: an upper bound beforehand, and what it came to by the answer."""

import re

import pytest
from graphql import (
    build_schema,
    get_named_type,
    get_nullable_type,
    get_operation_ast,
    is_list_type,
    parse,
)

from gateway.cost import SATURATED, CostPlan
from gateway.schema import schema
from tests import hostile

POSITION = "symbol quote { price } marketValue { amount currency }"


def plan(text, name=None):
    document = parse(text)
    return CostPlan(schema._schema, document, get_operation_ast(document, name))


def estimate(text, **variables):
    return plan(text).estimate(variables)


@pytest.mark.parametrize(
    ("text", "variables", "cost"),
    [
        ("{ viewer { id username } }", {}, 1),
        ("{ __typename }", {}, 0),
        # 300 types in their list, 50 parts of the schema for a point, and one to begin with.
            ("{ __schema { types { name } } }", {}, 7),
        # A viewer, 5 portfolios, and of each 50 positions with a quote and a value.
        ("{ viewer { portfolios { positions { " + POSITION + " } } } }", {}, 1 + 5 * (1 + 50 * 3)),
        # A page is an object; 7 entries with an edge and a node each.
        (
            '{ node(id: "x") { ... on Portfolio { trades(first: 7) { edges { node { id } } } } } }',
            {},
            1 + 1 + 7 * 2,
        ),
        ('{ node(id: "x") { ... on Portfolio { trades { nodes { id } totalCount } } } }', {}, 22),
        (
            "query($n: Int) { viewer { combined { lots(first: $n) { nodes { id } } } } }",
            {"n": 3},
            1 + 1 + 1 + 3,
        ),
        ("query($n: Int = 4) { viewer { combined { lots(first: $n) { nodes { id } } } } }", {}, 7),
        (
            "query($n: Int) { viewer { combined { lots(last: $n) { nodes { id } } } } }",
            {"n": None},
            23,
        ),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', {}, 3),
        # A link is open to all: what it shows costs 1, how it did 5 more than that, and each point.
        (
            'query($n: Int) { sharedPortfolio(token: "x") '
            "{ performance { series(points: $n) { day } } } }",
            {"n": 10_000},
            1 + 6 + 10_000,
        ),
        (
            'query { sharedPortfolio(token: "x") { performance { series(points: 10) { day } } } }',
            {},
            1 + 6 + 10,
        ),
        ("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a"] * 100}, 100),
        # The field itself costs 20, whatever it finds.
        ('{ searchInstruments(text: "a", first: 5) { symbol } }', {}, 25),
        ('{ searchInstruments(text: "a") { symbol } }', {}, 30),
        # 100 for the password, the payload, the session and the viewer.
        (
            'mutation { signIn(input: {username: "a", password: "b"}) { session { viewer { id } } } }',
            {},
            103,
        ),
        ('mutation { a: signOut(input: {refreshToken: "a"}) { userErrors { code } } }', {}, 13),
        # Fragments count wherever they are spread.
        ("{ ...F a: viewer { id } ...F } fragment F on Query { viewer { id } }", {}, 3),
        (
            "query($n: Int) { viewer { combined { lots(first: $n) { nodes { id } } } } }",
            {"n": 10**30},
            SATURATED,
        ),
        (hostile.large_answer(4), {}, SATURATED),
    ],
)  # fmt: skip
def test_an_operation_costs_what_its_objects_and_fields_do(text, variables, cost):
    """Worked out by hand from the weights and sizes in the schema."""
    assert plan(text).estimate(variables) == cost


@pytest.mark.parametrize("value", [-5, True, "7", {"a": 1}, 1.5])
def test_a_length_that_is_none_is_not_believed(value):
    """Execution refuses such a variable; here it is at most a list of no length."""
    text = "query($n: Int) { viewer { combined { lots(first: $n) { nodes { id } } } } }"
    assert estimate(text, n=value) in {3, 23}


DASHBOARD = "{ viewer { portfolios { name positions { " + POSITION + " } } } }"


def positions(count):
    one = {"symbol": "A", "quote": {"price": "1"}, "marketValue": {"amount": "1"}}
    return [one] * count


YEAR = 'range: {from: "2024-01-01", to: "2024-12-31"}'
DATES = {"from": "2024-01-01", "to": "2024-12-31"}


@pytest.mark.parametrize(
    ("days", "interval", "variables", "stretches"),
    [
        # Of 366 days 364 are 13 times 28, or 52 weeks; before and after them a day is one by itself.
        (f"({YEAR})", "", {}, 15),
        (f"({YEAR})", "(interval: YEAR)", {}, 2),
        (f"({YEAR})", "(interval: WEEK)", {}, 54),
        ("(range: $range)", "(interval: $each)", {"range": DATES, "each": "DAY"}, 366),
        ("(range: {from: $from, to: $to})", "", DATES, 15),
        ("(period: ONE_WEEK)", "(interval: DAY)", {}, 7),
        ("(period: ONE_WEEK)", "(interval: WEEK)", {}, 2),
        # A Sunday and a Monday are of two weeks.
        ('(range: {from: "2024-01-07", to: "2024-01-08"})', "(interval: WEEK)", {}, 2),
        ("(period: $period)", "(interval: DAY)", {"period": "ONE_MONTH"}, 31),
        ("(period: $period)", "(interval: DAY)", {}, 7),
        # Without a first day ten years, whatever is said of it.
        ("", "", {}, 132),
        ("(period: MAX)", "(interval: YEAR)", {}, 12),
        ('(range: {from: "1", to: "2"})', "", {}, 132),
    ],
)
def test_a_table_costs_by_its_days_and_how_long_its_stretches_are(
    days, interval, variables, stretches
):
    text = f"""query(
      $range: DateRangeInput, $from: Date!, $to: Date!, $each: PerformanceInterval! = MONTH,
      $period: PerformancePeriod = ONE_WEEK
    ) {{ viewer {{ combined {{ performance{days} {{ calendar{interval} {{ from }} }} }} }} }}"""
    # A viewer, its combined portfolio, and the performance, which costs 5 by itself.
    assert estimate(text, **variables) == 1 + 1 + 6 + stretches


@pytest.mark.parametrize(
    ("data", "cost"),
    [
        ({"viewer": {"portfolios": []}}, 1),
        ({"viewer": {"portfolios": [{"name": "a", "positions": positions(2)}]}}, 1 + 1 + 2 * 3),
        (
            {"viewer": {"portfolios": [{"positions": [{"quote": None, "marketValue": None}]}]}},
            3,
        ),
        ({"viewer": {"portfolios": [{"positions": positions(1000)}]}}, 756),
        ({"viewer": None}, 0),
    ],
)
def test_what_it_came_to_is_counted_in_the_answer(data, cost):
    """Nulls and short lists cost nothing; more than was taken is never asked for."""
    assert plan(DASHBOARD).actual(data, estimated=756) == cost


@pytest.mark.parametrize(
    ("asked", "answer", "cost"),
    [
        # Each field of these is in every object, so that nobody has to look.
        ("own { id } others { own { id } }", {"own": {}, "others": [{"own": {}}] * 3}, 8),
        # Of a fragment on one type, an object of another has nothing.
        ("others { ... on Person { own { id } } }", {"others": [{"own": {}}, {}, {}]}, 5),
        ("others { ...P } } } fragment P on Person { own { id", {"others": [{"own": {}}, {}]}, 4),
        # Nor has anybody of what is left out.
        ("own @include(if: false) { id } others { id }", {"others": [{}]}, 2),
        ("others { own @skip(if: true) { id } }", {"others": [{}, {}]}, 3),
        ("others { ... @skip(if: true) { own { id } } }", {"others": [{}, {}]}, 3),
        # What is asked for elsewhere as well is there.
        ("others { own { id } ... on Person { own { id } } }", {"others": [{"own": {}}] * 2}, 5),
        # What only some of the same name ask for is not in all of them.
        (
            "others { ... on Person { own { own { id } } } ... on Pet { own { id } } }",
            {"others": [{"own": {"own": {}}}, {"own": {}}, {"own": {}}]},
            8,
        ),
        ("own @include(if: false) { own { id } } own { id }", {"own": {}}, 2),
        ("... @skip(if: true) { others { own { id } } } others { id }", {"others": [{}] * 9}, 10),
        # What may be null is looked at, and so is what is within.
        ("others { friend { id } }", {"others": [{"friend": None}, {"friend": {}}]}, 4),
        ("others { own { own { id } } }", {"others": [{"own": {"own": {}}}]}, 4),
    ],
)
def test_single_objects_are_counted_where_they_are(asked, answer, cost):
    schema = build_schema(
        "type Query { person: Person! } interface Being { id: ID! own: Person! friend: Person } "
        "type Person implements Being { id: ID! own: Person! friend: Person others: [Being!]! } "
        "type Pet implements Being { id: ID! own: Person! friend: Person }"
    )
    document = parse(f"{{ person {{ {asked} }} }}")
    made = CostPlan(schema, document, get_operation_ast(document))
    assert made.actual({"person": answer}, estimated=100) == cost


def test_an_answer_without_data_costs_what_was_estimated():
    """Work may have been done that a null does not show."""
    assert plan(DASHBOARD).actual(None, estimated=756) == 756


def test_a_field_asked_for_twice_costs_once():
    """Fields of one name are one in the answer, by whatever fragments they come."""
    text = (
        "{ viewer { id } ...F ... { viewer { combined { baseCurrency } } } } "
        "fragment F on Query { viewer { portfolios { id } } }"
    )
    data = {"viewer": {"id": "x", "portfolios": [{"id": "y"}], "combined": {"baseCurrency": "USD"}}}
    assert plan(text).actual(data, estimated=100) == 3
    assert plan(text).estimate({}) == 1 + (1 + 5) + (1 + 1)


def test_one_of_several_operations_is_meant():
    """Each has a plan of its own."""
    text = "query A { viewer { id } } query B { a: viewer { id } b: viewer { id } }"
    assert plan(text, "A").estimate({}) == 1
    assert plan(text, "B").estimate({}) == 2


@pytest.mark.parametrize(
    "make", [hostile.doubled_fragments, hostile.fragment_chain, hostile.repeated_fragments]
)
def test_a_plan_goes_over_each_selection_once(make):
    """Twice the document is at most twice the work, however often fragments double."""
    once, twice = plan(make(20)).visits, plan(make(40)).visits
    assert twice <= 2 * once + 2


def test_fragments_that_double_end_in_too_much_for_anybody():
    """The estimate itself is worked out once for each fragment."""
    assert estimate(hostile.doubled_fragments(40)) == SATURATED


def test_every_list_of_objects_says_how_long_it_can_be():
    """None is free: it has a size, or is part of a page that has one."""
    printed = build_schema(schema.as_str())
    for kind in printed.type_map.values():
        if kind.ast_node is None or kind.ast_node.kind != "object_type_definition":
            continue
        if kind.name.endswith("Connection"):
            continue
        for node in kind.ast_node.fields:
            field = kind.fields[node.name.value]
            below = get_named_type(field.type)
            listed = is_list_type(get_nullable_type(field.type)) and hasattr(below, "fields")
            if listed or below.name.endswith("Connection"):
                names = {directive.name.value for directive in node.directives}
                assert "listSize" in names, f"{kind.name}.{node.name.value}"


def test_every_mutation_costs_at_least_ten():
    """Writing costs more than reading."""
    costs = [
        field.extensions["Cost"].weight for field in schema._schema.mutation_type.fields.values()
    ]
    assert min(map(int, costs)) == 10
    assert len(re.findall(r'@cost\(weight: "10"\)', schema.as_str())) > 20
