"""HTTP caching: what hints come to, and that nothing of a user's is ever public."""

import json
from datetime import timedelta
from math import inf

import httpx2
import pytest

from gateway.app import create_app
from gateway.caching import Keeping, has_already, keeping_of
from gateway.documents import Documents
from gateway.schema import schema
from gateway.settings import Settings
from tests.conftest import SECRET

CORE = schema._schema
DAY = 86_400


def keeping(text):
    documents = Documents(CORE, limits=Settings().document_limits, introspection=True)
    return keeping_of(documents.operation(text, name=None), CORE)


@pytest.mark.parametrize(
    ("text", "seconds", "private"),
    [
        ("{ ...A } fragment A on Query { __typename }", inf, False),
        ('{ instrument(symbol: "A") { symbol name } }', 300, False),
        ('{ instrument(symbol: "A") { quote { price } profile { name } } }', 300, False),
        ('{ searchInstruments(text: "A") { symbol } }', 60, False),
        (
            '{ instrument(symbol: "A") { dividends(range: {from: "2020-01-01", to: "2020-02-01"}) { amount { amount } } } }',
            300,
            False,
        ),
        ('{ exchangeRate(base: "EUR", target: "USD") { rate } }', 300, False),
        ('{ instrument(symbol: "A") { quote { attempts { provider } } } }', 0, True),
        ("{ viewer { username } }", 0, True),
        ('{ instrument(symbol: "A") { symbol } viewer { id } }', 0, True),
        ('{ node(id: "x") { ... on Instrument { name } } }', 0, True),
        ("{ __schema { queryType { name } } }", 300, False),
        (
            "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { viewer { id } }",
            0,
            True,
        ),
        ('{ ...A } fragment A on Query { instrument(symbol: "A") { name } }', 300, False),
    ],
)
def test_an_answer_is_kept_as_long_as_the_least_lasting_of_what_it_tells(text, seconds, private):
    assert keeping(text) == Keeping(seconds, private)


def test_fragments_within_fragments_count_for_what_spreads_them():
    links = [f"fragment F{n} on Instrument {{ ...F{n + 1} ...F{n + 1} }}" for n in range(6)]
    start, end = '{ instrument(symbol: "A") { ...F0 } }', "fragment F6 on Instrument { id name }"
    assert keeping(" ".join([start, *links, end])) == Keeping(300, private=False)


@pytest.mark.parametrize(
    ("header", "has"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("a", False)],
)
def test_a_client_that_names_the_tag_has_it_already(header, has):
    assert has_already(header, b'"a"') is has


@pytest.fixture
async def client(tmp_path, migrated_file, clock):
    """A client of the application with one instrument booked; `ask` is signed in."""
    file = tmp_path / "x.db"
    file.write_bytes(migrated_file.read_bytes())
    application = create_app(
        Settings(database_url=f"sqlite:///{file}", secret=SECRET, log_level="error"), clock=clock
    )
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://test"
        ) as client,
    ):

        async def post(query):
            return (await client.post("/graphql", json={"query": query})).json()["data"]

        session = await post(
            'mutation { signUp(input: {username: "ann", password: "correct horse"})'
            " { session { accessToken } } }"
        )
        token = session["signUp"]["session"]["accessToken"]
        client.headers["authorization"] = f"Bearer {token}"
        made = await post(
            'mutation { createPortfolio(input: {name: "Main"}) { portfolio { id } } }'
        )
        key = made["createPortfolio"]["portfolio"]["id"]
        await post(
            f'mutation {{ recordTrade(input: {{portfolioId: "{key}", symbol: "AAPL", side: BUY,'
            ' quantity: "1", price: "100", occurredAt: "2024-06-03T15:00:00Z"})'
            " { trade { id } userErrors { message } } }"
        )
        yield client


async def get(client, query, **headers):
    return await client.get("/graphql", params={"query": query}, headers=headers)


async def test_what_a_client_has_already_is_not_sent_again(client):
    query = '{ instrument(symbol: "AAPL") { name } }'
    first = await get(client, query)
    assert (first.status_code, first.headers["cache-control"]) == (200, "private, max-age=300")
    tag = first.headers["etag"]
    assert tag[0] == tag[-1] == '"'
    again = await get(client, query, **{"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert "authorization" in again.headers["vary"]
    other = await get(client, '{ instrument(symbol: "AAPL") { symbol } }', **{"if-none-match": tag})
    assert (other.status_code, json.loads(other.content)["data"]["instrument"]) == (
        200,
        {"symbol": "AAPL"},
    )


async def test_an_answer_with_a_price_is_kept_until_the_price_is_stale(client, clock):
    query = '{ instrument(symbol: "AAPL") { quote { price } } }'
    assert (await get(client, query)).headers["cache-control"] == "private, max-age=60"
    clock.now += timedelta(seconds=20)
    assert (await get(client, query)).headers["cache-control"] == "private, max-age=40"


@pytest.mark.parametrize(
    "query",
    ["{ viewer { username } }", '{ instrument(symbol: "AAPL") { quoteAttempts { provider } } }'],
)
async def test_what_has_no_hint_is_asked_again_each_time(client, query):
    answer = await get(client, query)
    assert answer.json()["data"]
    assert answer.headers["cache-control"] == "private, no-cache"


async def test_what_is_not_there_is_asked_again_at_once(client):
    for query in (
        '{ instrument(symbol: "NONE") { name } }',
        '{ rate: exchangeRate(base: "XXX", target: "USD") { rate } }',
    ):
        answer = await get(client, query)
        assert [*answer.json()["data"].values()] == [None]
        assert answer.headers["cache-control"] == "private, no-cache"


async def test_what_one_caller_is_told_of_costs_is_not_public(client):
    del client.headers["authorization"]
    params = {"query": "{ __typename }"}
    plain = await client.get("/graphql", params=params)
    assert plain.headers["cache-control"] == "public, max-age=300"
    assert [name for name in plain.headers if name.startswith("ratelimit")] == []
    told = await client.get("/graphql", params=params | {"extensions": '{"cost": true}'})
    assert told.json()["extensions"]["cost"]
    assert told.headers["cache-control"] == "private, max-age=300"
    assert told.headers["etag"] == plain.headers["etag"]


async def test_what_never_changes_is_kept_for_a_day(client):
    answer = await get(client, "{ ...A } fragment A on Query { __typename }")
    assert answer.json() == {"data": {"__typename": "Query"}}
    assert answer.headers["cache-control"] == "private, max-age=86400"


async def test_only_what_anybody_may_know_is_public(client):
    of_schema = "{ __schema { queryType { name } } }"
    assert (await get(client, of_schema)).headers["cache-control"] == "private, max-age=300"
    del client.headers["authorization"]
    assert (await get(client, of_schema)).headers["cache-control"] == "public, max-age=300"
    refused = await get(client, '{ instrument(symbol: "AAPL") { name } }')
    assert refused.json()["errors"]
    assert (refused.headers["cache-control"], "etag" in refused.headers) == ("no-store", False)


async def test_answers_to_post_are_not_stored(client):
    answer = await client.post(
        "/graphql", json={"query": '{ instrument(symbol: "AAPL") { name } }'}
    )
    assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)


async def test_a_compressed_answer_has_a_weak_tag_that_fits_the_plain_one(client):
    query = "{ __schema { types { name fields { name } } } }"
    plain = await get(client, query, **{"accept-encoding": "identity"})
    small = await get(client, query, **{"accept-encoding": "gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["etag"] == "W/" + plain.headers["etag"]
    again = await get(client, query, **{"if-none-match": small.headers["etag"]})
    assert again.status_code == 304
