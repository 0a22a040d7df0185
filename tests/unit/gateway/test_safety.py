"""What keeps other sites' pages, and strangers, from learning or doing what is not theirs."""

import json
import subprocess
import sys

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs

from gateway.settings import SettingsError, load_settings
from gateway.transports.origins import is_welcome
from tests.gateways import ANSWER, GRAPHQL, TYPENAME, application_of, told, under

FRIEND = "https://app.example.com"
STRANGER = "https://evil.example"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "cross-site", "graphql_require_preflight": "1"},
        {"sec_fetch_site": "cross-site", "apollo_require_preflight": "true"},
        {"sec_fetch_site": "cross-site", "x_apollo_operation_name": "Q"},
        {"sec_fetch_site": "same-origin", "origin": "http://test"},
        {"sec_fetch_site": "cross-site", "origin": FRIEND},
    ],
)
@under(cors_origins=(FRIEND,))
async def test_a_get_is_answered_unless_a_strangers_page_may_have_sent_it(site, headers):
    assert (await site.get(**headers)).json() == ANSWER


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "cross-site", "origin": STRANGER},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "image"},
    ],
)
@under(cors_origins=(FRIEND,))
async def test_a_get_of_a_strangers_page_is_refused_with_the_way_out(site, headers):
    response = await site.get(**headers)
    assert (response.status_code, told(response)) == (403, ["FORBIDDEN"])
    assert "GraphQL-Require-Preflight" in response.json()["errors"][0]["message"]


async def test_a_form_of_a_strangers_page_is_refused_before_it_is_read(site):
    form = {"operations": json.dumps(TYPENAME), "map": "{}"}
    files = {"0": ("a.csv", b"a")}

    async def sent(**headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()} | site.user
        return await site.client.post("/graphql", data=form, files=files, headers=named)

    for headers in ({"origin": STRANGER}, {"sec_fetch_site": "cross-site"}):
        assert told(await sent(**headers)) == ["FORBIDDEN"]
    for headers in ({}, {"origin": "http://test"}, {"graphql_require_preflight": "1"}):
        assert (await sent(**headers)).json() == ANSWER


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("multipart/form-data", b"x", "Missing boundary"),
        ("multipart/form-data; boundary=", b"x", "Invalid multipart data"),
        ("multipart/form-data; boundary=a", b"x", "Invalid multipart data"),
        ("multipart/form-data; boundary=a", b"--a\r\n", "The form has no field `operations`"),
        ("multipart/form-data; boundary=a", b"--a\r\n\r\n" * 20, "must be provided"),
    ],
)
async def test_a_form_that_is_none_is_refused_with_the_reason(site, kind, body, message):
    headers = site.user | {"content-type": kind}
    response = await site.client.post("/graphql", content=body, headers=headers)
    assert (response.status_code, told(response)) == (400, ["BAD_REQUEST"])
    assert message in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("origin", "host", "welcome"),
    [
        ("https://folio.example", "folio.example", True),
        ("https://folio.example", "folio.example:443", True),
        ("http://folio.example:8000", "folio.example:8000", True),
        ("https://FOLIO.example", "folio.EXAMPLE", True),
        ("https://folio.example:8000", "folio.example", False),
        ("https://folio.example.evil.example", "folio.example", False),
        ("https://evilfolio.example", "folio.example", False),
        ("https://app.example.com", "folio.example", True),
        ("http://app.example.com", "folio.example", False),
        ("https://app.example.com:444", "folio.example", False),
        ("null", "folio.example", False),
        ("null", "", False),
        ("file://", "", False),
        ("chrome-extension://folio.example", "folio.example", False),
    ],
)
def test_only_our_own_pages_and_those_of_named_sites_are_welcome(origin, host, welcome):
    assert is_welcome(origin, host=host, origins=(FRIEND,)) is welcome


@pytest.mark.parametrize("path", ["/graphql", "/auth/token"])
@under(cors_origins=(FRIEND, "http://localhost:3000"))
async def test_a_named_site_may_ask_and_read_and_no_other(site, path):
    asked = {"access-control-request-method": "POST"}
    wanted = {"access-control-request-headers": "authorization,content-type,x-own"}
    for origin in (FRIEND, "http://localhost:3000"):
        headers = {"origin": origin} | asked | wanted
        response = await site.client.options(path, headers=headers)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == origin
        assert "x-own" in response.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in response.headers
    for origin in (STRANGER, "null", FRIEND + ".evil.example", FRIEND.upper()):
        response = await site.client.options(path, headers={"origin": origin} | asked | wanted)
        assert response.status_code == 400
        assert "access-control-allow-origin" not in response.headers


@under(cors_origins=(FRIEND,), cors_credentials=True)
async def test_an_answer_says_who_may_read_it(site):
    response = await site.client.post("/graphql", json=TYPENAME, headers={"origin": FRIEND})
    assert response.json() == ANSWER
    assert response.headers["access-control-allow-origin"] == FRIEND
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "X-Request-Id" in response.headers["access-control-expose-headers"]
    assert "origin" in response.headers["vary"].lower()
    response = await site.client.post("/graphql", json=TYPENAME, headers={"origin": STRANGER})
    assert "access-control-allow-origin" not in response.headers
    response = await site.client.post("/graphql", json=TYPENAME)
    assert "origin" in response.headers["vary"].lower()


async def test_without_a_setting_no_other_site_may_read_anything(site):
    headers = {"origin": FRIEND, "access-control-request-method": "POST"}
    response = await site.client.options("/graphql", headers=headers)
    assert response.status_code == 204
    assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/graphql", "/healthz", "/nowhere"])
@under(hsts_seconds=3600)
async def test_every_answer_is_marked_as_mere_data(site, path):
    response = await site.client.get(path, params=TYPENAME)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    policy = "default-src 'none'; frame-ancestors 'none'"
    assert response.headers.get_list("content-security-policy") == [policy]
    assert response.headers["strict-transport-security"] == "max-age=3600; includeSubDomains"


async def test_the_page_keeps_its_own_policy_and_nobody_is_held_to_tls_unasked(site):
    response = await site.client.get("/graphql", headers={"accept": "text/html"})
    (policy,) = response.headers.get_list("content-security-policy")
    assert "script-src 'self'" in policy
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    assert "strict-transport-security" not in response.headers


@pytest.mark.parametrize(
    ("origin", "opened"),
    [(None, True), (FRIEND, True), ("http://testserver", True), (STRANGER, False), ("null", False)],
)
def test_a_socket_is_opened_for_welcome_pages_and_for_programs(origin, opened):
    headers = {"origin": origin} if origin else {}
    with TestClient(application_of(cors_origins=(FRIEND,))) as client:
        connecting = client.websocket_connect(
            "/graphql", subprotocols=["graphql-transport-ws"], headers=headers
        )
        if not opened:
            with pytest.raises(WebSocketDisconnect), connecting:
                pass
            return
        with connecting as socket:
            socket.send_json({"type": "connection_init"})
            assert socket.receive_json() == {"type": "connection_ack"}


WRONG_FIELD = {"query": "{ viewr { id } }"}
WRONG_INPUT = {
    "query": "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }",
    "variables": {"input": {"usernam": "a", "password": "b"}},
}


@pytest.mark.parametrize("asked", [WRONG_FIELD, WRONG_INPUT])
@under(environment="production")
async def test_in_production_strangers_are_not_told_what_they_may_have_meant(site, asked):
    async def message(headers):
        response = await site.client.post("/graphql", json=asked, headers=headers)
        return response.json()["errors"][-1]["message"]

    for _ in range(2):  # also when the document is known
        assert "Did you mean" not in await message({})
        assert "Did you mean" in await message(site.user)


async def test_in_development_everybody_is(site):
    response = await site.client.post("/graphql", json=WRONG_FIELD)
    assert response.json()["errors"][0]["message"] == (
        "Cannot query field 'viewr' on type 'Query'. Did you mean 'viewer'?"
    )


@under(environment="production")
async def test_in_production_the_schema_is_not_told(site):
    asked = {"query": "{ __schema { queryType { name } } }"}
    response = await site.client.post("/graphql", json=asked, headers={"accept": GRAPHQL})
    assert (response.status_code, set(told(response))) == (400, {"GRAPHQL_VALIDATION_FAILED"})
    response = await site.client.get("/graphql", headers={"accept": "text/html, */*;q=0.1"})
    assert (response.status_code, told(response)) == (400, ["BAD_REQUEST"])
    assert (await site.client.get("/graphiql-assets/explorer.js")).status_code == 404


@under(environment="production", introspection=True, explorer=True)
async def test_production_may_be_told_to_tell(site):
    response = await site.client.post("/graphql", json={"query": "{ __schema { __typename } }"})
    assert "data" in response.json()
    response = await site.client.get("/graphql", headers={"accept": "text/html"})
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "value",
    ["*", "example.com", "https://example.com/", "https://*.example.com", "null", "https://A.com"],
)
def test_sites_are_named_exactly(value, tmp_path):
    with pytest.raises(SettingsError, match="FOLIOQL_CORS_ORIGINS: not all of the form"):
        load_settings({"FOLIOQL_CORS_ORIGINS": value}, env_file=tmp_path / "none")


def test_several_sites_are_a_list(tmp_path):
    given = {"FOLIOQL_CORS_ORIGINS": "https://a.example, http://[::1]:3000"}
    settings = load_settings(given, env_file=tmp_path / "none")
    assert settings.cors_origins == ("https://a.example", "http://[::1]:3000")


NASTY = "x\n\x1b[31m{" * 5_000


@pytest.mark.parametrize(
    "request_of",
    [
        lambda client: client.post("/graphql", json={"query": NASTY}),
        lambda client: client.post("/graphql", json={"query": "{ a }", "operationName": NASTY}),
        lambda client: client.post("/graphql", content=NASTY.encode()),
        lambda client: client.get("/graphql", params={"query": NASTY[:5_000]}),
        lambda client: client.get("/graphql", headers={"accept": "a" * 50_000}),
        lambda client: client.post("/" + "%0a" * 20_000),
        lambda client: client.request("A" * 50_000, "/graphql"),
        lambda client: client.post(
            "/graphql", json=TYPENAME, headers={"authorization": "Bearer " + "a" * 50_000}
        ),
        lambda client: client.post("/graphql", json=WRONG_INPUT | {"variables": {"input": NASTY}}),
    ],
)
async def test_a_clients_mistake_is_one_short_line_of_the_log(site, caplog, request_of):
    caplog.clear()
    with capture_logs() as entries:
        await request_of(site.client)
    (entry,) = entries
    assert (entry["event"], entry["log_level"]) == ("request", "info")
    assert len(json.dumps(entry)) < 1_500
    ours = [record for record in caplog.records if record.name.split(".")[0] != "httpx2"]
    assert ours == []


def test_what_libraries_log_of_a_client_is_cut_and_stays_one_line():
    (line,) = logged("logging.getLogger('a').warning('x\\n\\x1b' * 5000)")
    assert line["event"] == ("x\n\x1b" * 5000)[:1000]


def test_what_the_server_says_of_each_socket_is_left_to_our_own_line():
    lines = logged(
        "uvicorn = logging.getLogger('uvicorn.error')",
        "uvicorn.info('%s - \"WebSocket %s\" [accepted]', '127.0.0.1', '/graphql?token=secret')",
        "uvicorn.info('connection open')",
        "uvicorn.info('Application startup complete.')",
    )
    assert [line["event"] for line in lines] == ["Application startup complete."]


def logged(*statements):
    """What a process logs, as its handlers are for good."""
    begin = (
        "import logging; from gateway.telemetry import configure_logging; configure_logging('info')"
    )
    script = "; ".join([begin, *statements])
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return [json.loads(line) for line in ran.stderr.splitlines()]
