"""The explorer's page, its documents and its files, without a browser."""

import gzip
import json
from html.parser import HTMLParser
from urllib.parse import unquote

import httpx2
import pytest
from graphql import get_variable_values

from gateway.app import create_app
from gateway.documents import Documents
from gateway.schema import schema
from gateway.settings import Settings
from gateway.transports.negotiation import accepts_gzip
from gateway.web.explorer import DOCUMENTS, FILES, MEDIA_TYPES, default_tabs
from tests.conftest import SECRET

NAMES = sorted(path.stem for path in DOCUMENTS.glob("*.graphql"))
PACKED = sorted(name for name in MEDIA_TYPES if name != "NOTICES.txt")
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Page(HTMLParser):
    """What a page of HTML refers to, and the settings it carries."""

    def __init__(self, text):
        super().__init__()
        self.references = []
        self.scripts = []
        self.inline = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.references += [given[name] for name in ("src", "href") if name in given]
        if tag == "script":
            self.scripts.append(given)

    def handle_data(self, data):
        if self.lasttag == "script" and data.strip():
            self.inline.append(data)

    def address_of(self, name):
        (address,) = [one for one in self.references if f"/{name}?" in one]
        return address


@pytest.fixture
async def application(request, tmp_path):
    """The running application; a test may set its settings."""
    given = {"secret": SECRET} | getattr(request, "param", {})
    application = create_app(Settings(database_url=f"sqlite:///{tmp_path}/empty.db", **given))
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def client(application):
    transport = httpx2.ASGITransport(application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def asked_as_it_is(application, path):
    """Ask for a path that a client library would tidy up; return status and body."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    sent = []

    async def send(message):
        sent.append(message)

    await application(scope, None, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


async def opened(client):
    response = await client.get("/graphql", headers=BROWSER)
    assert (response.status_code, response.headers["content-type"]) == (
        200,
        "text/html; charset=utf-8",
    )
    return response


@pytest.mark.parametrize("tab", default_tabs(), ids=NAMES)
def test_a_document_of_the_explorer_is_valid_with_its_variables(tab):
    limits = Settings().document_limits
    documents = Documents(schema._schema, limits=limits, introspection=True)
    operation = documents.operation(tab["query"], name=None)
    (definition,) = operation.document.definitions
    declared = definition.variable_definitions or ()
    variables = json.loads(tab["variables"] or "{}")
    coerced = get_variable_values(schema._schema, declared, variables)
    assert not isinstance(coerced, list), coerced
    assert set(variables) == {one.variable.name.value for one in declared}


def test_each_file_of_variables_belongs_to_a_document():
    assert NAMES == [
        "1-dashboard",
        "2-live-prices",
        "3-record-trade",
        "4-try-a-sale",
        "5-price-alert",
        "6-returns",
        "7-allocation",
    ]
    assert {path.stem for path in DOCUMENTS.glob("*.json")} <= set(NAMES)


@pytest.mark.parametrize(
    ("application", "demo"), [({}, False), ({"demo": True}, True)], indirect=["application"]
)
async def test_the_page_carries_its_settings_and_nothing_that_runs_inline(client, demo):
    page = Page((await opened(client)).text)
    (settings,) = page.inline
    assert json.loads(settings) == {
        "endpoint": "/graphql",
        "demo": demo,
        "defaultTabs": default_tabs(),
    }
    assert [script.get("type") for script in page.scripts] == ["application/json", None]


async def test_the_page_refers_to_no_other_host_and_to_files_that_are_there(client):
    page = Page((await opened(client)).text)
    icon, style, script = page.references
    assert icon.startswith("data:image/svg+xml,")
    assert style.startswith("/graphiql-assets/explorer.css?")
    assert script.startswith("/graphiql-assets/explorer.js?")
    for address in (style, script):
        assert (await client.get(address)).status_code == 200


async def test_the_policy_allows_nothing_but_our_own_server(client):
    response = await opened(client)
    rules = [rule.split() for rule in response.headers["content-security-policy"].split(";")]
    assert {name: sources for name, *sources in rules} == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "worker-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"


async def test_the_page_is_asked_for_anew_and_is_not_taken_for_an_answer(client):
    response = await opened(client)
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["vary"] == "accept"
    response = await client.get("/graphql", params={"query": "{ __typename }"})
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("NOTICES.txt", "text/plain"),
        ("editor.worker.js", "text/javascript"),
        ("explorer.css", "text/css"),
        ("explorer.js", "text/javascript"),
        ("graphql.worker.js", "text/javascript"),
        ("json.worker.js", "text/javascript"),
    ],
)
async def test_a_file_has_its_type_and_is_the_same_packed_and_unpacked(client, name, media_type):
    address = f"/graphiql-assets/{name}"
    packed = await client.get(address, headers={"accept-encoding": "br, gzip"})
    plain = await client.get(address, headers={"accept-encoding": "identity"})
    for response in (packed, plain):
        assert response.status_code == 200
        assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert response.headers["vary"] == "accept-encoding"
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content  # the client has unpacked it
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("name", PACKED)
async def test_a_committed_file_is_sent_as_it_lies_there(client, name):
    committed = (FILES / f"{name}.gz").read_bytes()
    response = await client.get(f"/graphiql-assets/{name}", headers={"accept-encoding": "gzip"})
    assert int(response.headers["content-length"]) == len(committed)
    assert response.content == gzip.decompress(committed)


async def test_a_whole_visit_takes_less_than_two_megabytes(client):
    page = await client.get("/graphql", headers=BROWSER | {"accept-encoding": "identity"})
    files = [
        await client.get(f"/graphiql-assets/{name}", headers={"accept-encoding": "gzip"})
        for name in MEDIA_TYPES
    ]
    sizes = [len(page.content), *(int(one.headers["content-length"]) for one in files)]
    assert sum(sizes) < 2_000_000


def test_the_table_names_all_committed_files_and_no_others():
    committed = {path.name.removesuffix(".gz") for path in FILES.iterdir()}
    assert committed == set(MEDIA_TYPES)


async def test_only_the_address_that_the_page_names_may_be_kept_for_ever(client):
    address = Page((await opened(client)).text).address_of("explorer.js")
    kept = await client.get(address)
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    for other in ("/graphiql-assets/explorer.js", "/graphiql-assets/explorer.js?0123456789abcdef"):
        response = await client.get(other)
        assert (response.status_code, response.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("form", ["{}", "W/{}", '"another", {}'])
async def test_a_file_that_the_browser_has_is_not_sent_again(client, form):
    address = "/graphiql-assets/explorer.css"
    etag = (await client.get(address)).headers["etag"]
    response = await client.get(address, headers={"if-none-match": form.format(etag)})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == etag
    assert response.headers["cache-control"] == "no-cache"


async def test_a_file_that_has_changed_is_sent_again(client):
    response = await client.get("/graphiql-assets/explorer.css", headers={"if-none-match": '"old"'})
    assert response.status_code == 200
    assert response.content


@pytest.mark.parametrize(
    "path",
    [
        "",
        "unknown.js",
        "EXPLORER.JS",
        "explorer.js.gz",
        "explorer.js%00",
        "..",
        "../explorer.py",
        "%2e%2e/explorer.py",
        "..%2fexplorer.py",
        "..%5cexplorer.py",
        "%2e%2e%2f%2e%2e%2fsettings.py",
        "..%252fexplorer.py",
        "graphiql/../../explorer.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
    ],
)
async def test_nothing_but_the_files_of_the_explorer_is_served(application, path):
    status, body = await asked_as_it_is(application, f"/graphiql-assets/{path}")
    assert status == 404
    assert body in {b"There is no such file.\n", b'{"detail":"Not Found"}'}


async def test_a_file_is_only_read(client):
    for method in ("POST", "PUT", "DELETE"):
        response = await client.request(method, "/graphiql-assets/explorer.js")
        assert response.status_code == 405


@pytest.mark.parametrize("application", [{"explorer": False}], indirect=True)
async def test_without_the_explorer_there_is_neither_page_nor_file(client):
    assert (await client.get("/graphiql-assets/explorer.js")).status_code == 404
    response = await client.get("/graphql", headers=BROWSER)
    assert response.status_code == 400
    assert "text/html" not in response.headers["content-type"]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0, gzip", True),
    ],
)
def test_gzip_is_sent_to_whom_it_pleases(header, accepted):
    assert accepts_gzip(header) is accepted
