"""What people's clients get from a server process: all ask the same and are answered the same."""

import json
import re
import subprocess
import uuid
from functools import cache

import httpx2
import pytest

from tests.clients.conftest import HERE

pytestmark = pytest.mark.process

DOCUMENTS = json.loads((HERE / "documents.json").read_text(encoding="utf-8"))
COMMON = ("query", "mutation", "refusal", "invalid", "anonymous")
SOCKET = "subscription over a socket"
EVENTS = "subscription over server-sent events"
MULTIPART = "subscription over multipart"
ONE_STREAM = ("query over one stream", "subscription over one stream")
EXPECTED = {
    "query": {"instruments": [{"symbol": "AAPL", "currency": "USD"}, None]},
    "refusal": {
        "createPortfolio": {
            "portfolio": None,
            "userErrors": [{"code": "REQUIRED", "field": ["name"]}],
        }
    },
    "invalid": ["GRAPHQL_VALIDATION_FAILED"],
    "anonymous": ["UNAUTHENTICATED"],
    "parts": [
        {"viewer": {"username": "demo"}},
        {"viewer": {"username": "demo", "baseCurrency": "USD"}},
    ],
    "list": [
        {"instruments": [{"symbol": "AAPL"}]},
        {"instruments": [{"symbol": "AAPL"}, None]},
    ],
    "subscription": [{"quoteUpdated": {"symbol": "AAPL", "source": "simulated"}}] * 2,
}
"""What is to come of each case, by its first word."""

CASES = {
    "apollo.mjs": (
        *(*COMMON, "query by GET", SOCKET, MULTIPART),
        *("parts by ids", "parts by paths"),
        *("query by a new hash", "query by a known hash"),
    ),
    "urql.mjs": (*COMMON, "query by GET", SOCKET, EVENTS, "parts", "list in parts"),
    "graphql-request.mjs": (*COMMON, "query by GET"),
    "relay.mjs": (*COMMON, SOCKET),
    "graphql-ws.mjs": (*COMMON, SOCKET, "parts over a socket"),
    "graphql-sse.mjs": (*COMMON, EVENTS, *ONE_STREAM),
    "over_gql.py": (*COMMON, "query over a socket", SOCKET),
}


def without_typenames(value):
    """Leave out what a client asks for by itself."""
    if isinstance(value, list):
        return [without_typenames(one) for one in value]
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key != "__typename"}
        return {key: without_typenames(one) for key, one in kept.items()}
    return value


@pytest.fixture(scope="module")
def token(demo_server):
    answer = httpx2.post(
        f"{demo_server}/auth/token", data={"username": "demo", "password": "demo123"}
    )
    return answer.json()["access_token"]


@pytest.fixture(scope="module")
def run(node, tool, demo_server, token):
    """Run a client once; return the name of the portfolio it is to create, and what it got."""

    @cache
    def running(client):
        name = f"{client} {uuid.uuid4().hex}"
        given = {"address": demo_server, "token": token, "name": name, "documents": DOCUMENTS}
        if client.endswith(".mjs"):
            output = node(client, given=given)
        else:
            output = tool("python", HERE / "python" / client, given=given)
        return name, json.loads(output)

    return running


@pytest.mark.parametrize(
    ("client", "case"), [(client, case) for client, cases in CASES.items() for case in cases]
)
def test_a_client_is_answered(run, client, case):
    name, got = run(client)
    created = {"createPortfolio": {"portfolio": {"name": name}, "userErrors": []}}
    expected = created if case == "mutation" else EXPECTED[case.partition(" ")[0]]
    assert without_typenames(got[case]) == {"value": expected}


@pytest.mark.parametrize("client", CASES)
def test_no_case_of_a_client_is_forgotten(run, client):
    _, got = run(client)
    assert set(got) == set(CASES[client])


def curl(*arguments):
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "20", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_curl_asks_by_post_and_get_and_reads_the_status(demo_server, token):
    address = f"{demo_server}/graphql"
    asked = {"query": DOCUMENTS["QUERY"], "variables": DOCUMENTS["symbols"]}
    signed_in = ("--header", f"authorization: Bearer {token}")
    posted = curl(address, *signed_in, "--json", json.dumps(asked))
    assert json.loads(posted) == {"data": EXPECTED["query"]}
    got = curl(
        address,
        *signed_in,
        "--get",
        *("--data-urlencode", f"query={asked['query']}"),
        *("--data-urlencode", f"variables={json.dumps(asked['variables'])}"),
    )
    assert json.loads(got) == {"data": EXPECTED["query"]}
    status = ("--output", "/dev/null", "--write-out", "%{http_code} %{content_type}")
    asked = {"query": DOCUMENTS["INVALID"]}
    accepting = ("--header", "accept: application/graphql-response+json")
    refused = curl(address, *status, "--json", json.dumps(asked), *accepting)
    assert re.match(r"400 application/graphql-response\+json", refused)


def test_curl_follows_prices_line_by_line(demo_server, token):
    asked = {"query": DOCUMENTS["SUBSCRIPTION"], "variables": DOCUMENTS["followed"]}
    following = subprocess.Popen(
        [
            *("curl", "--silent", "--no-buffer", "--max-time", "20", f"{demo_server}/graphql"),
            *("--header", "accept: text/event-stream"),
            *("--header", "content-type: application/json"),
            *("--header", f"authorization: Bearer {token}"),
            *("--data", json.dumps(asked)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with following:
        data = (line for line in following.stdout if line.startswith("data: "))
        events = [json.loads(next(data).removeprefix("data: ")) for _ in range(2)]
        following.terminate()
    assert [event["data"] for event in events] == EXPECTED["subscription"]
