"""Wrong input: each kind gets a clear typed error and changes nothing."""

from pathlib import Path

import pytest
from graphql import (
    build_schema,
    get_named_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)

from resolvers.ids import encode_id

# What is refused here is refused before any database is asked.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

BEYOND = "dDE6MDo5OTk5OTk5OTk5OTk5OTk5OTk5OTphOWI5ZjU3Yg"

INVALID = "GRAPHQL_VALIDATION_FAILED"
TRADE = """mutation($input: RecordTradeInput!) { recordTrade(input: $input) {
  trade { id } userErrors { code message field } } }"""


@pytest.fixture
async def ann(api):
    """A signed-in user with one empty portfolio, whose id is ``api.portfolio``."""
    await api.sign_up("ann")
    made = await api.data(
        'mutation { createPortfolio(input: {name: "Main"}) { portfolio { id } } }'
    )
    api.portfolio = made["createPortfolio"]["portfolio"]["id"]
    return api


async def refused(api, **wrong):
    """Try a trade that is good but for ``wrong``; assert nothing changed; return the errors."""
    good = {
        "portfolioId": api.portfolio,
        "symbol": "AAPL",
        "side": "BUY",
        "quantity": "1",
        "price": "1",
        "occurredAt": "2024-03-01T15:00:00Z",
    }
    answer = (await api.data(TRADE, {"input": good | wrong}))["recordTrade"]
    assert answer["trade"] is None
    after = await api.data(
        "{ viewer { portfolios { version cash { amount } transactions { totalCount } } } }"
    )
    assert after["viewer"]["portfolios"] == [
        {"version": 0, "cash": [], "transactions": {"totalCount": 0}}
    ]
    return [(error["code"], error["field"]) for error in answer["userErrors"]]


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"quantity": "-1"}, "OUT_OF_RANGE", "quantity"),
        ({"quantity": "0"}, "OUT_OF_RANGE", "quantity"),
        ({"quantity": "1000000000000000"}, "OUT_OF_RANGE", "quantity"),
        ({"quantity": "0.0000000000000000001"}, "OUT_OF_RANGE", "quantity"),
        ({"price": "-0.01"}, "OUT_OF_RANGE", "price"),
        ({"fee": "-1"}, "OUT_OF_RANGE", "fee"),
        ({"occurredAt": "2024-06-15T15:00:00Z"}, "IN_FUTURE", "occurredAt"),
        ({"occurredAt": "1820-01-01T00:00:00Z"}, "OUT_OF_RANGE", "occurredAt"),
        ({"currency": "XYZ"}, "UNKNOWN_CURRENCY", "currency"),
        ({"currency": "usd"}, "UNKNOWN_CURRENCY", "currency"),
        ({"settlementCurrency": "EUR"}, "CURRENCY_MISMATCH", "settlementCurrency"),
        ({"symbol": "no such thing!"}, "INVALID", "symbol"),
        ({"symbol": ""}, "INVALID", "symbol"),
        ({"note": "x" * 2001}, "TOO_LONG", "note"),
        ({"portfolioId": "nonsense"}, "NOT_FOUND", "portfolioId"),
        ({"portfolioId": encode_id("Portfolio", 999)}, "NOT_FOUND", "portfolioId"),
        ({"portfolioId": encode_id("Trade", 1)}, "NOT_FOUND", "portfolioId"),
        ({"idempotencyKey": ""}, "REQUIRED", "idempotencyKey"),
        ({"idempotencyKey": "\x00"}, "INVALID", "idempotencyKey"),
        ({"externalId": "a\x00"}, "INVALID", "externalId"),
        ({"idempotencyKey": "x" * 201}, "TOO_LONG", "idempotencyKey"),
    ],
)
async def test_a_wrong_field_is_named_with_its_code(ann, wrong, code, field):
    assert await refused(ann, **wrong) == [(code, [field])]


async def test_a_key_knows_its_input_by_the_numbers_and_not_by_their_digits(ann):
    async def record(quantity):
        trade = {
            "portfolioId": ann.portfolio,
            "symbol": "AAPL",
            "side": "BUY",
            "quantity": quantity,
            "price": "1",
            "occurredAt": "2024-03-01T15:00:00Z",
            "idempotencyKey": "a key",
        }
        answer = await ann.data(
            "mutation($input: RecordTradeInput!) { recordTrade(input: $input) "
            "{ replayed userErrors { code } } }",
            {"input": trade},
        )
        return answer["recordTrade"]

    assert await record("1.0") == {"replayed": False, "userErrors": []}
    assert await record("1.00") == {"replayed": True, "userErrors": []}
    assert (await record("1.01"))["userErrors"] == [{"code": "IDEMPOTENCY_CONFLICT"}]


async def test_all_wrong_fields_are_told_at_once(ann):
    assert await refused(ann, quantity="-1", price="-1", occurredAt="2030-01-01T00:00:00Z") == [
        ("OUT_OF_RANGE", ["quantity"]),
        ("OUT_OF_RANGE", ["price"]),
        ("IN_FUTURE", ["occurredAt"]),
    ]


@pytest.mark.parametrize(
    "value", ["abc", "1e400", "1e-1000000000", "NaN", "Infinity", "1,5", 1.5, True, None]
)
async def test_a_value_that_is_no_decimal_is_refused_before_anything_runs(ann, value):
    answer = await ann.ask(
        TRADE,
        {
            "input": {
                "portfolioId": ann.portfolio,
                "symbol": "AAPL",
                "side": "BUY",
                "quantity": value,
                "price": "1",
                "occurredAt": "2024-03-01T15:00:00Z",
            }
        },
    )
    codes = {error["extensions"]["code"] for error in answer.get("errors", [])} or {
        error["code"] for error in answer["data"]["recordTrade"]["userErrors"]
    }
    assert codes in ({"BAD_USER_INPUT"}, {"OUT_OF_RANGE"})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "BAD_REQUEST"),
        (b"{", 400, "BAD_REQUEST"),
        (b"[]", 400, "BAD_REQUEST"),
        (b"null", 400, "BAD_REQUEST"),
        (b'"text"', 400, "BAD_REQUEST"),
        (b"{}", 400, "BAD_REQUEST"),
        (b'{"query": 1}', 400, "BAD_REQUEST"),
        (b'{"query": "{ viewer { id } }", "variables": []}', 400, "BAD_REQUEST"),
        (b'{"query": "{ viewer { id } }", "operationName": 1}', 400, "BAD_REQUEST"),
        (b'\xff\xfe{"query": "x"}', 400, "BAD_REQUEST"),
        (b"[" * 100_000, 400, "BAD_REQUEST"),
        (b'{"query": "{ viewer {"}', 200, "GRAPHQL_PARSE_FAILED"),
        (b'{"query": "{ nope }"}', 200, INVALID),
        (
            b'{"query": "fragment F on Query { viewer { id } }"}',
            200,
            INVALID,
        ),
        (b'{"query": "query A { __typename } query B { __typename }"}', 400, "BAD_REQUEST"),
        (b'{"query": "{ node(id: 1) @skip(if: ' + b"9" * 5000 + b') { id } }"}', 200, INVALID),
        (
            b'{"query": "{ searchInstruments(text: 1, first: ' + b"9" * 5000 + b') { symbol } }"}',
            200,
            INVALID,
        ),
        (b'{"query": "{ a { ' + b"a " * 500 + b'} }"}', 200, "MAX_FIELDS_LIMIT"),
        (b'{"query": "{ ' + b"a " * 6000 + b'}"}', 200, "MAX_TOKENS_LIMIT"),
        (b'{"query": "' + b"{a" * 30 + b"}" * 30 + b'"}', 200, "MAX_DEPTH_LIMIT"),
        (
            b'{"query": "subscription { quoteUpdated(symbols: [\\"A\\"]) { price } }"}',
            406,
            "BAD_REQUEST",
        ),
        (b" " * 10_000_000, 413, "BODY_TOO_LARGE"),
    ],
)
async def test_a_malformed_request_gets_an_answer_in_graphqls_shape(api, body, status, code):
    response = await api.client.post(
        "/graphql", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == status
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}


async def test_a_body_of_another_type_is_refused(api):
    response = await api.client.post(
        "/graphql", content=b"query=x", headers={"content-type": "text/plain"}
    )
    assert response.status_code == 415


async def test_a_mutation_over_get_is_refused_and_a_query_is_answered(api):
    response = await api.client.get("/graphql", params={"query": "{ __typename }"})
    assert response.json() == {"data": {"__typename": "Query"}}
    response = await api.client.get(
        "/graphql",
        params={
            "query": 'mutation { signIn(input: {username: "a", password: "b"}) { userErrors { code } } }'
        },
    )
    assert response.status_code == 405


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("first: -1", "`first` must be from 0 to 100"),
        ("first: 101", "`first` must be from 0 to 100"),
        ("first: 1, last: 1", "not both"),
        ('after: "nonsense"', "`after` is not a cursor"),
        ('before: "dDE6MTox"', "`before` is not a cursor"),
    ],
)
async def test_page_arguments_that_make_no_sense_are_refused(ann, arguments, message):
    answer = await ann.ask(
        f"{{ viewer {{ portfolios {{ trades({arguments}) {{ nodes {{ id }} }} }} }} }}"
    )
    (error,) = answer["errors"]
    assert message in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "query",
    [
        '{ viewer { portfolios { overview(asOf: "0001-01-01") { value { amount } } } } }',
        '{ viewer { portfolios { overview(asOf: "2024-06-15") { value { amount } } } } }',
        '{ viewer { portfolios { overview(currency: "usd") { value { amount } } } } }',
        '{ exchangeRate(base: "USD", target: "EUR", on: "0001-01-01") { rate } }',
        '{ exchangeRate(base: "dollar", target: "EUR") { rate } }',
        '{ searchInstruments(text: "", first: 1) { symbol } }',
        '{ searchInstruments(text: "A", first: 0) { symbol } }',
        '{ viewer { portfolios { trades(filter: {symbols: ["!"]}) { totalCount } } } }',
        "{ viewer { portfolios { trades(filter: {kinds: [FEE]}) { totalCount } } } }",
        # A cursor with a right check sum and a key beyond any row's.
        f'{{ viewer {{ portfolios {{ trades(after: "{BEYOND}") {{ totalCount }} }} }} }}',
    ],
)
async def test_an_argument_that_makes_no_sense_is_the_callers_mistake(ann, query):
    answer = await ann.ask(query)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}


async def test_a_name_that_no_account_can_have_is_just_a_wrong_one(api):
    answer = await api.data(
        "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }",
        {"input": {"username": "a\x00b", "password": "x"}},
    )
    assert answer["signIn"]["userErrors"] == [{"code": "INVALID_CREDENTIALS"}]


async def test_an_internal_fault_is_masked_with_a_reference_that_is_in_the_log(ann, capsys):
    async with ann.services.database.writing() as session:
        from sqlalchemy import text

        await session.execute(text("DROP TABLE lots"))
        await session.execute(text("ALTER TABLE positions RENAME TO gone"))
    response = await ann.post("{ viewer { portfolios { positions { symbol } } } }")
    (error,) = response.json()["errors"]
    reference = response.headers["x-request-id"]
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "reference": reference}
    assert error["message"] == f"Something went wrong on our side. Reference: {reference}."
    assert "positions" in capsys.readouterr().out


async def test_signing_up_checks_each_field_and_a_taken_name(api):
    query = (
        "mutation($input: SignUpInput!) { signUp(input: $input) "
        "{ session { accessToken } userErrors { code field } } }"
    )

    async def errors(**given):
        answer = await api.data(query, {"input": given})
        assert answer["signUp"]["session"] is None
        return [(one["code"], one["field"]) for one in answer["signUp"]["userErrors"]]

    assert await errors(username="a b", password="short", baseCurrency="XXX") == [
        ("INVALID", ["username"]),
        ("OUT_OF_RANGE", ["password"]),
        ("UNKNOWN_CURRENCY", ["baseCurrency"]),
    ]
    await api.sign_up("Ann")
    assert await errors(username="aNN", password="long enough") == [
        ("ALREADY_EXISTS", ["username"])
    ]


async def test_the_token_form_answers_as_oauth_has_it(demo):
    async def ask(**form):
        answer = await demo.client.post("/auth/token", data=form)
        return answer.status_code, answer.json()

    status, body = await ask(grant_type="password", username="demo", password="wrong")
    assert (status, body["error"]) == (400, "invalid_grant")
    status, body = await ask(grant_type="password", username="demo")
    assert (status, body["error"]) == (400, "invalid_request")
    status, body = await ask(grant_type="magic")
    assert (status, body["error"]) == (400, "unsupported_grant_type")
    status, body = await ask(grant_type="password", username="demo", password="demo123")
    assert (status, body["token_type"], body["expires_in"]) == (200, "bearer", 900)
    status, renewed = await ask(grant_type="refresh_token", refresh_token=body["refresh_token"])
    assert status == 200
    assert renewed["refresh_token"] != body["refresh_token"]


async def test_health_and_readiness(api):
    assert (await api.client.get("/healthz")).json() == {"status": "alive"}
    assert (await api.client.get("/readyz")).json() == {"status": "ready"}


SCHEMA = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8"))
WORDS = {
    "ID": "x",
    "String": "x",
    "Symbol": "AAPL",
    "CurrencyCode": "USD",
    "Decimal": "1",
    "DateTime": "2024-03-01T00:00:00Z",
}
SESSIONS = {"signUp", "signIn", "refreshSession", "signOut"}
CHANGES = sorted(SCHEMA.mutation_type.fields.keys() - SESSIONS)


def least(kind):
    """Return the least value that an input type takes."""
    if is_non_null_type(kind):
        return least(kind.of_type)
    if is_list_type(kind):
        return []
    if is_enum_type(kind):
        return next(iter(kind.values))
    if kind.name in WORDS:
        return WORDS[kind.name]
    return {
        name: least(field.type)
        for name, field in kind.fields.items()
        if is_required_input_field(field)
    }


@pytest.mark.parametrize("mutation", CHANGES)
async def test_nobody_changes_anything_without_signing_in(api, mutation):
    kind = SCHEMA.mutation_type.fields[mutation].args["input"].type
    title = get_named_type(kind).name
    query = (
        f"mutation($input: {title}!) {{ {mutation}(input: $input) {{ userErrors {{ code }} }} }}"
    )
    answer = await api.ask(query, {"input": least(kind)})
    codes = [error["extensions"]["code"] for error in answer["errors"]]
    assert codes == ["UNAUTHENTICATED"]
