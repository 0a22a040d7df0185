"""Limits over HTTP: what is refused, what only warns, and what is counted."""

from contextlib import AsyncExitStack
from datetime import timedelta

import httpx2
import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.app import create_app
from gateway.auth import address_of
from gateway.settings import Settings
from models.database import Database
from models.migrate import upgrade
from tests.conftest import SECRET, Api


@pytest.fixture
async def start(tmp_path, clock):
    """Start the application with settings of a test's own."""
    url = f"sqlite:///{tmp_path}/test.db"
    opened = Database(url)
    await upgrade(opened)
    await opened.close()
    async with AsyncExitStack() as stack:

        async def started(**given):
            settings = Settings(database_url=url, secret=SECRET, log_level="error", **given)
            application = create_app(settings, clock=clock)
            await stack.enter_async_context(application.router.lifespan_context(application))
            client = await stack.enter_async_context(
                httpx2.AsyncClient(
                    transport=httpx2.ASGITransport(application), base_url="http://test"
                )
            )
            return Api(client, application.state.services)

        yield started


async def test_a_limit_that_only_warns_answers_and_says_so(start):
    """The data is there, the warning beside it, and the count for whoever runs the server."""
    warning = await start(limits="warn", max_depth=3, max_cost=200, metrics=True)
    await warning.sign_up("ann")
    answer = await warning.ask("{ viewer { combined { lots { totalCount } } } }")
    assert answer["data"] == {"viewer": {"combined": {"lots": {"totalCount": 0}}}}
    assert answer["extensions"]["warnings"] == [
        {
            "message": "The document goes 4 levels deep; at most 3 are allowed.",
            "extensions": {"code": "MAX_DEPTH_LIMIT", "limit": 3, "found": 4},
        }
    ]
    assert "extensions" not in await warning.ask("{ viewer { id } }")
    costly = "{ viewer { portfolios { positions { symbol } } } }"
    assert "errors" not in await warning.ask(costly)
    metrics = (await warning.client.get("/metrics")).text
    assert (
        'folioql_beyond_limits_total{code="COST_ESTIMATED_TOO_EXPENSIVE",outcome="warned"} 1.0'
        in metrics
    )
    assert 'folioql_beyond_limits_total{code="MAX_DEPTH_LIMIT",outcome="warned"} 2.0' in metrics


GRAPHQL = "application/graphql-response+json"


async def test_an_operation_that_can_cost_too_much_is_refused_before_it_runs(start):
    """The variables say how much: a document alone is no offence."""
    api = await start(max_cost=200)
    await api.sign_up("ann")
    text = "query($n: Int) { viewer { combined { lots(first: $n) { nodes { quantity } } } } }"
    assert "errors" not in await api.ask(text, {"n": 100})
    answer = await api.ask(text, {"n": 198})
    assert answer == {
        "errors": [
            {
                "message": "The operation can cost 201; at most 200 is allowed.",
                "extensions": {
                    "code": "COST_ESTIMATED_TOO_EXPENSIVE",
                    "limit": 200,
                    "found": 201,
                },
            }
        ]
    }


async def test_the_cost_is_told_when_asked_for_in_headers_and_in_the_query(start, clock):
    """Shopify's names in the extension, GitHub's in the field, the draft's in the headers."""
    api = await start(rate_capacity=500_000, rate_restore=5_000)
    await api.sign_up("ann")
    text = "{ rateLimit { limit cost remaining used resetAt } viewer { portfolios { id } } }"
    await api.ask(text)
    clock.now += timedelta(minutes=5)
    response = await api.post(text, extensions={"cost": True})
    answer = response.json()
    # The limit, the viewer and at most five portfolios, of which there are none.
    assert answer["data"]["rateLimit"] == {
        "limit": 500_000,
        "cost": 7,
        "remaining": 499_993,
        "used": 7,
        "resetAt": "2024-06-14T15:05:01Z",
    }
    assert answer["extensions"] == {
        "cost": {
            "requestedQueryCost": 7,
            "actualQueryCost": 2,
            "throttleStatus": {
                "maximumAvailable": 500_000,
                "currentlyAvailable": 499_998,
                "restoreRate": 5_000,
            },
        }
    }
    assert response.headers["ratelimit-policy"] == '"user";q=500000;w=100'
    assert response.headers["ratelimit"] == '"user";r=499998;t=1'
    assert "retry-after" not in response.headers
    assert "extensions" not in await api.ask(text)


EVENTS = {"accept": "text/event-stream"}
LISTED = "{ viewer { portfolios { name } } }"


async def spent_by(api, **headers):
    """Return what one operation took beforehand and in the end, and what is left after it."""
    response = await api.post(LISTED, extensions={"cost": True}, headers=headers)
    cost = response.json()["extensions"]["cost"]
    left = cost["throttleStatus"]["currentlyAvailable"]
    return cost["requestedQueryCost"], cost["actualQueryCost"], left


async def test_the_answer_to_a_list_tells_what_is_left_after_all_of_it(start):
    api = await start()
    await api.sign_up("ann")
    await spent_by(api)  # the document has been read and paid for from now on
    _, actual, left = await spent_by(api)
    asked = [{"query": LISTED}] * 3 + [{"query": "{"}, {"nothing": "known"}]
    response = await api.client.post("/graphql", json=asked, headers=api.headers)
    after = left - 3 * actual - len("{")
    assert response.headers["ratelimit"].startswith(f'"user";r={after};t=')
    assert (await spent_by(api))[2] == after - actual


async def test_a_stream_begins_with_what_is_left_once_it_is_paid_for(start):
    api = await start()
    await api.sign_up("ann")
    await spent_by(api)
    requested, _, left = await spent_by(api)
    response = await api.client.post(
        "/graphql", json={"query": LISTED}, headers=api.headers | EVENTS
    )
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["ratelimit"].startswith(f'"user";r={left - requested};t=')


async def test_lists_and_streams_of_which_something_was_too_much_tell_when_to_try_again(start):
    api = await start(max_cost=200, rate_capacity=3_000, rate_restore=10)
    await api.sign_up("ann")
    costly = {"query": '{ searchInstruments(text: "a", first: 50) { symbol } }'}
    while "errors" not in await api.ask(costly["query"]):
        pass
    several = [{"query": "{ __typename }"}, costly]
    listed = await api.client.post("/graphql", json=several, headers=api.headers)
    assert "errors" in listed.json()[1]
    stream = await api.client.post("/graphql", json=costly, headers=api.headers | EVENTS)
    assert "RATE_LIMITED" in stream.text
    for response in (listed, stream):
        assert int(response.headers["retry-after"]) > 0


async def test_a_list_tells_to_wait_for_the_request_that_was_refused_not_for_a_dearer_one(start):
    api = await start(max_cost=1_000, rate_capacity=1_000, rate_restore=10)
    await api.sign_up("ann")
    text = "query($n: Int) { viewer { combined { lots(first: $n) { nodes { quantity } } } } }"
    await api.ask(text)  # the document has been read and paid for from now on
    # Each costs three more than it asks for; so many are more than a page has, which costs all.
    several = [{"query": text, "variables": {"n": number}} for number in (597, 397)]
    listed = await api.client.post("/graphql", json=several, headers=api.headers)
    codes = [answer["errors"][0]["extensions"]["code"] for answer in listed.json()]
    assert codes == ["BAD_USER_INPUT", "RATE_LIMITED"]
    state = listed.headers["ratelimit"]
    left = int(state.removeprefix('"user";r=').split(";")[0])
    assert 300 < left < 400
    assert int(listed.headers["retry-after"]) == -((left - 400) // 10)


async def test_who_has_spent_all_is_refused_until_points_come_back(start, clock):
    """By the status where the client knows it, by the code everywhere."""
    api = await start(max_cost=200, rate_capacity=3_000, rate_restore=10)
    await api.sign_up("ann")
    costly = '{ searchInstruments(text: "a", first: 50) { symbol } }'
    served = 0
    while "errors" not in (answer := await api.ask(costly)):
        served += 1
    assert 30 <= served <= 150
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert (await api.post(costly)).status_code == 200
    api.headers["accept"] = GRAPHQL
    refused = await api.post(costly)
    assert refused.status_code == 429
    wait = int(refused.headers["retry-after"])
    assert refused.json()["errors"][0]["extensions"]["retryAfter"] == wait
    clock.now += timedelta(seconds=wait)
    assert (await api.post(costly)).status_code == 200


async def test_documents_that_nobody_knows_cost_their_characters(start):
    """So does what is refused: an attacker pays for the reading."""
    api = await start(max_cost=200, rate_capacity=1_000, rate_restore=1)
    answers = [await api.ask(f"{{ a{n:02}: nothing{n:02}   }}") for n in range(11)]
    codes = [answer["errors"][0]["extensions"]["code"] for answer in answers]
    # An address has 200 points, and each document twenty characters.
    assert codes == ["GRAPHQL_VALIDATION_FAILED"] * 10 + ["RATE_LIMITED"]
    known = await api.ask("{ a00: nothing00   }")
    assert known["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_nothing_is_counted_where_the_capacity_is_none(start):
    """The field is null, and no header says anything."""
    api = await start(rate_capacity=0)
    response = await api.post("{ rateLimit { limit } }", extensions={"cost": True})
    assert response.json() == {"data": {"rateLimit": None}}
    assert "ratelimit" not in response.headers


SIGN_IN = """mutation($name: String!) { signIn(input: {username: $name, password: "wrong horse"}) {
  session { accessToken } userErrors { code } } }"""


async def test_signing_in_is_limited_alike_for_accounts_that_exist_and_do_not(start, clock):
    """The answer tells neither, over GraphQL and at the token endpoint."""
    api = await start(sign_in_attempts=3)
    await api.sign_up("ann")  # an attempt as well
    api.headers = {}
    told = {"ann": [], "nobody": []}
    for name, tries in (("ann", 3), ("nobody", 4)):
        for _ in range(tries):
            answer = await api.ask(SIGN_IN, {"name": name})
            errors = answer.get("errors")
            told[name].append(
                errors[0]["extensions"]
                if errors
                else answer["data"]["signIn"]["userErrors"][0]["code"]
            )
    refused = {"code": "RATE_LIMITED", "retryAfter": 60}
    assert told["ann"] == ["INVALID_CREDENTIALS"] * 2 + [refused]
    assert told["nobody"] == ["INVALID_CREDENTIALS"] * 3 + [refused]
    form = {"username": "ann", "password": "correct horse"}
    response = await api.client.post("/auth/token", data=form)
    assert (response.status_code, response.headers["retry-after"]) == (429, "60")
    clock.now += timedelta(minutes=1)
    assert (await api.client.post("/auth/token", data=form)).status_code == 200


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 1), "fe80::/64"),
        (("a:socket", 1), "a:socket"),
        (None, ""),
    ],
)
def test_an_address_is_that_of_a_caller_and_of_ipv6_the_network(client, address):
    """Whoever has one address of a network has all of it."""
    assert address_of({"client": client}) == address


async def test_a_forwarded_address_is_believed_of_trusted_proxies_alone():
    """A client could say anything."""
    heard = []

    async def application(scope, receive, send):
        heard.append(scope["client"][0])

    settings = Settings(trusted_proxies="10.0.0.0/8, 192.0.2.1")
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
    for trusted in ((), settings.trusted_proxies):
        proxied = ProxyHeadersMiddleware(application, trusted_hosts=list(trusted))
        headers = [(b"x-forwarded-for", b"6.6.6.6, 198.51.100.4, 10.1.1.1")]
        scope = {"type": "http", "client": ("192.0.2.1", 1), "headers": headers}
        await proxied(scope, None, None)
    assert heard == ["192.0.2.1", "198.51.100.4"]


async def test_the_dashboard_of_the_demo_fits_many_times_and_costs_what_it_shows(demo):
    """Either engine's answer is counted: portfolios, positions, quotes and profiles."""
    text = "{ viewer { portfolios { positions { quote { price } profile { name } } } } }"
    answer = await demo.ask(text, extensions={"cost": True})
    cost = answer["extensions"]["cost"]
    shown = 1
    for portfolio in answer["data"]["viewer"]["portfolios"]:
        shown += 1
        for position in portfolio["positions"]:
            shown += 1 + (position["quote"] is not None) + (position["profile"] is not None)
    assert cost["actualQueryCost"] == shown
    assert cost["requestedQueryCost"] == 1 + 5 * (1 + 50 * 3)
    assert cost["throttleStatus"]["maximumAvailable"] > 600 * cost["requestedQueryCost"]
