"""What a scanner for weak GraphQL servers asks, one by one as graphql-cop does, in production."""

import httpx2
import pytest

from tests.conftest import serving

pytestmark = pytest.mark.process

SCHEMA = "query { __schema { types { name fields { name } } } }"
CIRCLE = "query { __schema { types {" + " fields { type {" * 4 + " name" + " }" * 11
FRAGMENTS = (
    "query { __schema { ...A } } fragment A on __Schema { __typename ...B } "
    "fragment B on __Schema { ...A }"
)
ALIASES = "query { " + " ".join(f"alias{number}: __typename" for number in range(101)) + " }"
REPEATED = "query { " + "__typename " * 500 + "}"
DIRECTIVES = "query { __typename " + "@aa" * 10 + " }"


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """A server process as it is run in production, and a client of it."""
    folder = tmp_path_factory.mktemp("production")
    settings = {
        "DATABASE_URL": f"sqlite:///{folder}/demo.db",
        "FOLIOQL_ENVIRONMENT": "production",
    }
    with (
        serving(folder, "demo", **settings) as server,
        httpx2.Client(base_url=server.address) as client,
    ):
        yield client


def ask(client, query):
    return client.post("/graphql", json={"query": query}).json()


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        (SCHEMA, {"GRAPHQL_VALIDATION_FAILED"}),
        (CIRCLE, {"MAX_INTROSPECTION_SIZE_LIMIT"}),
        (
            FRAGMENTS,
            {"MAX_DEPTH_LIMIT", "MAX_INTROSPECTION_DEPTH_LIMIT", "MAX_INTROSPECTION_SIZE_LIMIT"}
            | {"MAX_FIELDS_LIMIT", "MAX_ALIASES_LIMIT"},
        ),
        (ALIASES, {"MAX_ALIASES_LIMIT", "MAX_ROOT_FIELDS_LIMIT"}),
        (REPEATED, {"MAX_ROOT_FIELDS_LIMIT"}),
        (DIRECTIVES, {"GRAPHQL_VALIDATION_FAILED"}),
        ("query { __schema { directive } }", {"GRAPHQL_VALIDATION_FAILED"}),
        ("qwerty cop { abc }", {"GRAPHQL_PARSE_FAILED"}),
    ],
    ids=[
        "introspection",
        "a circle through introspection",
        "a circle of fragments",
        "101 aliases",
        "500 times the same field",
        "10 unknown directives",
        "a misspelt field",
        "no GraphQL",
    ],
)
def test_what_would_be_a_finding_is_refused_and_tells_nothing(production, query, codes):
    answer = ask(production, query)
    assert "data" not in answer
    assert {error["extensions"]["code"] for error in answer["errors"]} == codes
    assert len(answer["errors"]) < 10  # a mistake made ten times is not explained ten times
    assert "Did you mean" not in str(answer)
    assert "stack" not in str(answer).lower()


def test_nothing_is_traced(production):
    assert ask(production, "query { __typename }") == {"data": {"__typename": "Query"}}


def test_a_batch_of_a_stranger_is_refused(production):
    answer = production.post("/graphql", json=[{"query": "query { __typename }"}] * 11)
    assert answer.status_code == 401
    assert "data" not in answer.json()


@pytest.mark.parametrize("path", ["/graphiql", "/playground", "/console", "/graphql"])
def test_there_is_no_explorer(production, path):
    answer = production.get(path, headers={"accept": "text/html"})
    assert answer.status_code in {400, 404, 406}
    assert "graphi" not in answer.text.lower().replace("graphql", "")


def test_a_mutation_is_not_answered_by_get(production):
    answer = production.get("/graphql", params={"query": "mutation { __typename }"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_query_in_the_address_of_a_post_is_not_answered(production):
    answer = production.post("/graphql", params={"query": "query { __typename }"})
    assert answer.status_code == 415


def test_a_page_of_another_site_is_not_answered_by_get(production):
    """Tools may ask by GET; a browser tells for whom it does."""
    asked = {"query": "{ __typename }"}
    assert production.get("/graphql", params=asked).json() == {"data": {"__typename": "Query"}}
    answer = production.get("/graphql", params=asked, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "data" not in answer.json()
