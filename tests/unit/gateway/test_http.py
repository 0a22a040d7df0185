"""GraphQL over HTTP: which answer, by which status and in which form, each request gets."""

import gzip

import httpx2
import pytest

from gateway.transports import asgi
from tests.gateways import ANSWER, GRAPHQL, JSON, TYPENAME, application_of, told

SIGN_OUT = 'mutation { signOut(input: {refreshToken: ""}) { userErrors { code } } }'


@pytest.fixture
async def client():
    application = application_of()
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://test"
        ) as opened,
    ):
        yield opened


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", JSON),
        ("", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        ("application/*", JSON),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{JSON};q=0.9, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, */*;q=0.8", JSON),
        (f"{JSON};q=0, */*", GRAPHQL),
        (f"{JSON}; charset=utf-8, {GRAPHQL};q=0.1", JSON),
        (f"{JSON}; charset=latin-1, {GRAPHQL};q=0.1", GRAPHQL),
        (f"{GRAPHQL.upper()}", GRAPHQL),
        ("image/png, */*;q=0.1", JSON),
    ],
)
async def test_an_answer_is_written_as_its_client_likes_it_best(client, accept, media_type):
    response = await client.post("/graphql", json=TYPENAME, headers={"accept": accept})
    assert (response.status_code, response.json()) == (200, ANSWER)
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert "accept" in response.headers["vary"]


@pytest.mark.parametrize(
    "accept", ["image/png", f"{JSON};q=0, image/png", f"{JSON};charset=latin-1", "*/*;q=0", "x"]
)
async def test_who_reads_nothing_that_we_write_is_told_so_in_json(client, accept):
    response = await client.post("/graphql", json=TYPENAME, headers={"accept": accept})
    assert (response.status_code, told(response)) == (406, ["BAD_REQUEST"])
    assert response.headers["content-type"] == f"{JSON}; charset=utf-8"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{" + " ".join(f"a{n}: viewer {{ id }}" for n in range(400)) + "}", "MAX_FIELDS_LIMIT"),
    ],
)
@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL, 400)])
async def test_a_document_that_cannot_run_is_200_in_json_and_400_in_graphqls_own_type(
    client, document, code, accept, status
):
    response = await client.post("/graphql", json={"query": document}, headers={"accept": accept})
    assert response.status_code == status
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    assert set(told(response)) <= {code, "MAX_ALIASES_LIMIT", "MAX_ROOT_FIELDS_LIMIT"}


@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL, 400)])
async def test_variables_of_a_wrong_type_are_the_clients_mistake(client, accept, status):
    asked = {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": {"a": [1]}}}
    response = await client.post("/graphql", json=asked, headers={"accept": accept})
    assert (response.status_code, told(response)) == (status, ["BAD_USER_INPUT"])


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({}, "say which"),
        ({"operationName": ""}, "say which"),
        ({"operationName": "C"}, "no operation named 'C'"),
    ],
)
async def test_no_operation_runs_that_was_not_clearly_asked_for(client, accept, extra, message):
    document = f"query A {{ __typename }} mutation B {SIGN_OUT.removeprefix('mutation')}"
    response = await client.post(
        "/graphql", json={"query": document} | extra, headers={"accept": accept}
    )
    assert (response.status_code, told(response)) == (400, ["BAD_REQUEST"])
    assert message in response.json()["errors"][0]["message"]


DEEP = b'{"query": "{ __typename }", "variables": {"a\\u0062": ' + b"[" * 1000 + b"]" * 1000 + b"}}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\xef\xbb\xbf" + b'{"query": "{ __typename }"}', "(BOM)"),
        (b'{"query": "{ __typename }", "variables": {"a": NaN}}', "not JSON"),
        (b'{"query": "{ __typename }", "variables": {"a": Infinity}}', "not JSON"),
        (b'{"query": "{ __typename }", "variables": {"a": "\xff"}}', "UTF-8"),
        (b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}', "not JSON"),
        (b'{"query": "{ __typename }"', "not JSON"),
        (b'{"query": "{ __typename }"}{}', "not JSON"),
        (b'{"query": "{ nope }", "query": "{ __typename }"}', "`query` twice"),
        (b'{"variables": {}, "query": "{ __typename }", "variables": {}}', "`variables` twice"),
        (b'{"query": "{ nope }", "qu\\u0065ry": "{ __typename }"}', "`query` twice"),
        (b'{"query": "{ a }", "variables": {"a": [{"b": 1, "b": 2}]}}', "`b` twice"),
        (b'{"query": "{ a }", "variables": {"a": 1, "a": "\\u003a"}}', "`a` twice"),
        (DEEP, "nested too deep"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "not JSON"),
        (b'{"query": "{ __typename }", "extensions": []}', "`extensions`"),
        (b'{"query": "{ __typename }", "extensions": "x"}', "`extensions`"),
        (b'{"query": ""}', "`query`"),
        (b'"{ __typename }"', "JSON object"),
    ],
)
async def test_a_body_that_is_no_request_is_refused_with_the_reason(client, body, message):
    response = await client.post("/graphql", content=body, headers={"content-type": JSON})
    assert (response.status_code, told(response)) == (400, ["BAD_REQUEST"])
    assert message in response.json()["errors"][0]["message"]
    assert len(response.content) < 400


async def test_a_name_may_be_used_again_in_another_object(client):
    body = b'{"query": "{ __typename }", "variables": {"query": "\\u003a", "a": {"query": 3}}}'
    response = await client.post("/graphql", content=body, headers={"content-type": JSON})
    assert (response.status_code, response.json()) == (200, ANSWER)


async def test_a_huge_variable_is_refused_in_few_words(client):
    asked = {"query": "query($a: Int!) { a: __typename }", "variables": {"a": "9" * 900_000}}
    asked["query"] = "query($a: Symbol!) { quote(symbol: $a) { price } }"
    response = await client.post("/graphql", json=asked, headers={"accept": GRAPHQL})
    assert response.status_code == 400
    assert len(response.content) < 1000


@pytest.mark.parametrize(
    "content_type",
    [JSON, "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', f"{JSON};a=b"],
)
async def test_json_in_utf_8_is_read_however_it_is_announced(client, content_type):
    body = '{"query": "{ __type(name: \\"Läufer🏃\\") { name } }"}'.encode()
    response = await client.post("/graphql", content=body, headers={"content-type": content_type})
    assert (response.status_code, response.json()) == (200, {"data": {"__type": None}})


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": f"{JSON}; charset=iso-8859-1"},
        {"content-type": f"{JSON}; charset=utf-16"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/graphql"},
        {},
        {"content-type": JSON, "content-encoding": "gzip"},
    ],
)
async def test_a_body_in_another_form_is_refused(client, headers):
    response = await client.post("/graphql", content=b'{"query":"{a}"}', headers=headers)
    assert (response.status_code, told(response)) == (415, ["BAD_REQUEST"])
    encodings = response.headers.get("accept-encoding")
    assert encodings == ("identity" if "content-encoding" in headers else None)


async def test_a_query_may_come_by_get_with_variables_and_a_name(client):
    asked = {
        "query": "query A { __typename } query B($n: String!) { __type(name: $n) { name } }",
        "variables": '{"n": "Query"}',
        "operationName": "B",
        "extensions": "",
    }
    response = await client.get("/graphql", params=asked)
    assert (response.status_code, response.json()) == (200, {"data": {"__type": {"name": "Query"}}})


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "query=",
        "query={a}&query={__typename}",
        "query=%ff",
        "query={__typename}&variables=[1]",
        "query={__typename}&variables={",
        "query={__typename}&extensions=1",
        "&".join(f"a{number}=1" for number in range(30)),
    ],
)
async def test_parameters_that_are_no_request_are_refused(client, parameters):
    response = await client.get(f"/graphql?{parameters}")
    assert (response.status_code, told(response)) == (400, ["BAD_REQUEST"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_mutation_needs_post(client, method):
    response = await client.request(method, "/graphql", params={"query": SIGN_OUT})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_a_subscription_is_never_answered_in_one_piece(client):
    asked = {"query": 'subscription { quoteUpdated(symbols: ["A"]) { price } }'}
    for accept in ("*/*", JSON, GRAPHQL):
        response = await client.post("/graphql", json=asked, headers={"accept": accept})
        assert (response.status_code, told(response)) == (406, ["BAD_REQUEST"])


async def test_options_tell_the_methods_and_others_are_refused(client):
    allowed = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
    response = await client.options("/graphql")
    assert (response.status_code, response.headers["allow"], response.content) == (
        204,
        allowed,
        b"",
    )
    for method in ("PATCH", "TRACE"):
        response = await client.request(method, "/graphql")
        assert (response.status_code, response.headers["allow"]) == (405, allowed)
        assert told(response) == ["BAD_REQUEST"]


async def test_a_browser_gets_the_page_and_a_program_gets_the_answer(client):
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    response = await client.get("/graphql", headers=browser)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    program = {"accept": "application/json, text/html;q=0.5"}
    response = await client.get("/graphql", params=TYPENAME, headers=program)
    assert response.json() == ANSWER


SCHEMA = {"query": "{ __schema { types { name description } } }"}


async def test_a_large_answer_is_compressed_where_its_client_likes_it(client):
    async def sent(asked, encodings):
        headers = {"accept-encoding": encodings}
        async with client.stream("POST", "/graphql", json=asked, headers=headers) as response:
            return response, b"".join([part async for part in response.aiter_raw()])

    plain, body = await sent(SCHEMA, "identity")
    assert "content-encoding" not in plain.headers
    packed, small = await sent(SCHEMA, "br, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(small) == body
    assert int(packed.headers["content-length"]) == len(small) < len(body) / 2
    assert "accept-encoding" in plain.headers["vary"]
    assert "accept-encoding" in packed.headers["vary"]
    for asked, encodings in (
        (TYPENAME, "gzip"),
        (SCHEMA, "gzip;q=0"),
        (SCHEMA, "br"),
        (SCHEMA, ""),
    ):
        response, _ = await sent(asked, encodings)
        assert "content-encoding" not in response.headers


@pytest.mark.parametrize(("least", "packed"), [(23, True), (24, False), (0, False)])
async def test_what_is_large_is_a_setting(least, packed):
    application = application_of(compress_from_bytes=least)
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://test"
        ) as client,
    ):
        response = await client.post("/graphql", json={"query": "{ a1: __typename }"})
    assert response.content == b'{"data":{"a1":"Query"}}'  # 23 bytes
    assert ("content-encoding" in response.headers) is packed


async def test_a_very_large_answer_is_compressed_by_a_thread(monkeypatch):
    monkeypatch.setattr(asgi, "AT_ONCE", 10)
    answer = asgi.Answer(b"a" * 100, status=200, media_type=JSON)
    await answer.compress()
    assert gzip.decompress(answer.body) == b"a" * 100
    assert list(answer.headers) == [(b"content-encoding", b"gzip")]
