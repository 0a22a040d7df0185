"""API tokens: what each scope is good for, and that none outlives its end."""

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import gateway.auth
from gateway.app import create_app
from gateway.settings import Settings
from models.database import Database
from models.migrate import upgrade
from tests.conftest import SECRET
from tests.ledger import Ledger
from tests.people import another, link, person, refusal, send, share, token_of, wrong
from tests.streams import events_of

TOKENS = "{ viewer { apiTokens { id name scopes createdAt lastUsedAt expiresAt revokedAt } } }"
WHO = "{ viewer { username } }"


@pytest.fixture
async def ann(api):
    return await person(api, "ann")


async def listed(api):
    return (await api.data(TOKENS))["viewer"]["apiTokens"]


async def test_a_token_is_shown_once_and_stored_nowhere(ann):
    key, secret = await token_of(ann, "TRADE", name="Nightly import")
    # 8 characters to find it by and 32 random bytes
    assert re.fullmatch(r"fql_[A-Za-z0-9_-]{8}[A-Za-z0-9_-]{43}", secret)
    assert await listed(ann) == [
        {
            "id": key,
            "name": "Nightly import",
            "scopes": ["READ", "TRADE"],
            "createdAt": "2024-06-14T15:00:00Z",
            "lastUsedAt": None,
            "expiresAt": "2024-09-12T15:00:00Z",  # 90 days later
            "revokedAt": None,
        }
    ]
    async with ann.services.database.reading() as session:
        (row,) = (await session.execute(text("SELECT * FROM api_tokens"))).mappings()
    assert secret[12:] not in repr(dict(row))


async def test_tokens_and_shares_are_found_by_their_ids_by_whoever_may_manage_them(ann, clock):
    ledger = await Ledger.create(ann)
    bob = await person(ann, "bob")
    key, reading = await token_of(ann, "READ")
    shared = await share(ann, ledger.key, "bob")
    soon, _ = await link(ann, ledger.key, expiresAt="2024-06-14T15:10:00Z")
    _, managing = await token_of(ann, "ADMIN")
    query = (
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename "
        "... on ApiToken { name } ... on PortfolioShare { role username } } }"
    )

    async def found_by(api):
        return (await api.data(query, {"ids": [key, shared, soon]}))["nodes"]

    everything = [
        {"__typename": "ApiToken", "name": "Program"},
        {"__typename": "PortfolioShare", "role": "VIEWER", "username": "bob"},
        {"__typename": "PortfolioShare", "role": None, "username": None},
    ]
    assert await found_by(ann) == everything
    assert await found_by(another(ann, token=managing)) == everything
    assert await found_by(another(ann, token=reading)) == [None] * 3
    assert await found_by(bob) == [None] * 3
    clock.now += timedelta(minutes=10)
    assert await found_by(ann) == [*everything[:2], None]


async def test_a_token_speaks_for_its_user(ann):
    _, secret = await token_of(ann, "READ")
    program = another(ann, token=secret)
    assert await program.data(WHO) == {"viewer": {"username": "ann"}}


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("READ", {"read"}),
        ("TRADE", {"read", "trade"}),
        ("ADMIN", {"read", "manage"}),
    ],
)
async def test_a_scope_is_good_for_what_it_says_and_nothing_else(ann, scope, may):
    ledger = await Ledger.create(ann)
    _, secret = await token_of(ann, scope)
    program = another(ann, token=secret)
    record = (
        'mutation($id: ID!) { recordTrade(input: {portfolioId: $id, side: BUY, symbol: "AAPL", '
    )
    record += 'quantity: "1", price: "1", occurredAt: "2024-03-01T15:00:00Z"}) { trade { id } } }'
    manage = 'mutation { createApiToken(input: {name: "x", scopes: [READ]}) { secret } }'
    assert "errors" not in await program.ask(WHO)
    if "trade" in may:
        assert (await program.data(record, {"id": ledger.key}))["recordTrade"]["trade"]
    else:
        assert await refusal(program, record, {"id": ledger.key}) == ("FORBIDDEN", "TRADE")
        assert await ledger.see("version") == {"version": 0}
    if "manage" in may:
        assert (await program.data(manage))["createApiToken"]["secret"]
        assert len(await listed(program)) == 2
    else:
        assert await refusal(program, manage) == ("FORBIDDEN", "ADMIN")
        answer = await program.ask("{ viewer { username apiTokens { id } } }")
        assert answer["data"] == {"viewer": {"username": "ann", "apiTokens": None}}
        assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN", "scope": "ADMIN"}
        assert len(await listed(ann)) == 1


async def test_a_token_creates_none_that_may_do_more_or_lives_longer(ann):
    _, secret = await token_of(ann, "ADMIN", expiresAt="2024-06-20T00:00:00Z")
    program = another(ann, token=secret)
    wider = 'mutation { createApiToken(input: {name: "x", scopes: [READ, TRADE]}) { secret } }'
    assert await refusal(program, wider) == ("FORBIDDEN", "TRADE")
    longer = {"name": "x", "scopes": ["READ"], "expiresAt": "2024-06-20T00:00:01Z"}
    assert wrong(await send(program, "createApiToken", longer)) == [("OUT_OF_RANGE", "expiresAt")]
    made = await send(
        program, "createApiToken", {"name": "x", "scopes": ["READ"]}, "apiToken { expiresAt }"
    )
    assert made["apiToken"] == {"expiresAt": "2024-06-20T00:00:00Z"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": " "}, [("REQUIRED", "name")]),
        ({"name": "n" * 101}, [("TOO_LONG", "name")]),
        ({"name": "a\nb"}, [("INVALID", "name")]),
        ({"scopes": []}, [("REQUIRED", "scopes")]),
        ({"expiresAt": "2024-06-14T15:00:00Z"}, [("OUT_OF_RANGE", "expiresAt")]),
        ({"expiresAt": "2025-06-15T00:00:00Z"}, [("OUT_OF_RANGE", "expiresAt")]),
        ({"expiresAt": "2025-06-14T15:00:00Z"}, []),
    ],
)
async def test_a_token_has_a_name_scopes_and_an_end_within_a_year(ann, given, expected):
    made = await send(ann, "createApiToken", {"name": "x", "scopes": ["READ"]} | given)
    assert wrong(made) == expected


async def test_a_user_has_fifty_tokens_and_as_many_that_ended(ann, clock):
    first, _ = await token_of(ann, "READ")
    for _ in range(49):
        await token_of(ann, "READ", expiresAt="2024-06-14T15:01:00Z")
    one_more = {"name": "x", "scopes": ["READ"]}
    assert wrong(await send(ann, "createApiToken", one_more)) == [("OUT_OF_RANGE", "")]
    assert wrong(await send(ann, "revokeApiToken", {"tokenId": first})) == []
    await token_of(ann, "READ")
    clock.now += timedelta(minutes=2)
    await token_of(ann, "READ")
    # 49 have expired and one is revoked; two are in use
    assert len(await listed(ann)) == 52
    last, _ = await token_of(ann, "READ")
    await send(ann, "revokeApiToken", {"tokenId": last})
    await token_of(ann, "READ")
    found = await listed(ann)
    assert (len(found), found[0]["id"] == first) == (53, False)


async def test_an_expired_token_is_refused(ann, clock):
    _, secret = await token_of(ann, "READ", expiresAt="2024-06-14T15:00:02Z")
    program = another(ann, token=secret)
    await program.data(WHO)
    clock.now += timedelta(seconds=2)
    answer = await program.ask(WHO)
    assert answer["data"] is None
    assert answer["errors"][0]["message"] == "The API token has expired. Create another."
    assert answer["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_a_revoked_token_is_refused_at_once_and_elsewhere_within_five_seconds(ann, clock):
    _, secret = await token_of(ann, "READ")
    program = another(ann, token=secret)
    await program.data(WHO)
    async with ann.services.database.writing() as session:  # as another replica does it
        await session.execute(text("UPDATE api_tokens SET revoked_at = created_at"))
    clock.now += timedelta(seconds=4.9)
    await program.data(WHO)
    clock.now += timedelta(seconds=0.1)
    assert await refusal(program, WHO) == ("UNAUTHENTICATED", None)
    key, secret = await token_of(ann, "READ")
    program = another(ann, token=secret)
    await program.data(WHO)
    done = await send(ann, "revokeApiToken", {"tokenId": key}, "apiToken { revokedAt }")
    assert done["apiToken"] == {"revokedAt": "2024-06-14T15:00:05Z"}
    assert await refusal(program, WHO) == ("UNAUTHENTICATED", None)
    clock.now += timedelta(minutes=1)
    again = await send(ann, "revokeApiToken", {"tokenId": key}, "apiToken { revokedAt }")
    assert again == done


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text + "A",
        lambda text: text[:-1],
        lambda text: "fqs_" + text[4:],
        lambda text: text.upper(),
    ],
)
async def test_any_other_text_is_no_token(ann, change):
    _, secret = await token_of(ann, "READ")
    program = another(ann, token=change(secret))
    assert await refusal(program, WHO) == ("UNAUTHENTICATED", None)


async def test_a_token_of_somebody_else_is_no_token_of_yours(ann):
    key, secret = await token_of(ann, "READ")
    bob = await person(ann, "bob")
    assert await listed(bob) == []
    refused = await send(bob, "revokeApiToken", {"tokenId": key})
    assert wrong(refused) == [("NOT_FOUND", "tokenId")]
    await another(ann, token=secret).data(WHO)


async def test_a_token_costs_one_statement_and_then_none_for_five_seconds(ann, clock):
    _, secret = await token_of(ann, "READ")
    program, services = another(ann, token=secret), ann.services

    async def statements():
        before = services.database.statements
        await program.data(WHO)
        await services.api_tokens.close()  # what is written behind
        return services.database.statements - before

    # the token, the user, and the time of use
    assert await statements() == 3
    assert await statements() == 1
    clock.now += timedelta(seconds=5)
    assert await statements() == 2
    assert (await listed(ann))[0]["lastUsedAt"] == "2024-06-14T15:00:00Z"
    clock.now += timedelta(seconds=55)
    assert await statements() == 3
    assert (await listed(ann))[0]["lastUsedAt"] == "2024-06-14T15:01:00Z"


async def test_the_time_of_use_is_in_nobodys_way(ann):
    _, secret = await token_of(ann, "READ")
    program, database = another(ann, token=secret), ann.services.database
    if database.is_sqlite:
        pytest.skip("one file has one writer")
    async with database.writing() as session:
        await session.execute(text("SELECT 1 FROM api_tokens FOR UPDATE"))
        assert await program.data(WHO) == {"viewer": {"username": "ann"}}
    await ann.services.api_tokens.close()
    assert (await listed(ann))[0]["lastUsedAt"] == "2024-06-14T15:00:00Z"


async def test_a_stream_of_events_ends_when_its_token_is_revoked(ann, monkeypatch):
    monkeypatch.setattr(gateway.auth, "RECHECK_SECONDS", 0.05)
    key, secret = await token_of(ann, "READ")
    stream = asyncio.create_task(
        ann.client.post(
            "/graphql",
            json={"query": 'subscription { quoteUpdated(symbols: ["AAPL"]) { symbol } }'},
            headers={"authorization": f"Bearer {secret}", "accept": "text/event-stream"},
        )
    )
    while not ann.services.feed.listeners:
        await asyncio.sleep(0)
    assert not stream.done()
    await send(ann, "revokeApiToken", {"tokenId": key})
    *_, last, complete = events_of((await stream).text)
    assert last.data == {
        "errors": [
            {
                "message": "The API token was revoked. Create another.",
                "extensions": {"code": "UNAUTHENTICATED"},
            }
        ]
    }
    assert complete.name == "complete"
    assert ann.services.feed.listeners == 0


async def test_a_stream_of_events_needs_a_caller(ann):
    response = await ann.client.post(
        "/graphql",
        json={"query": 'subscription { quoteUpdated(symbols: ["AAPL"]) { symbol } }'},
        headers={"accept": "text/event-stream"},
    )
    assert '"code":"UNAUTHENTICATED"' in response.text
    assert "event: complete" in response.text


def test_a_socket_takes_a_token_and_closes_when_it_is_revoked(tmp_path, monkeypatch):
    monkeypatch.setattr(gateway.auth, "RECHECK_SECONDS", 0.05)
    database_url = f"sqlite:///{tmp_path}/x.db"

    async def prepared():
        database = Database(database_url)
        await upgrade(database)
        await database.close()

    asyncio.run(prepared())

    def post(client, query, headers):
        return client.post("/graphql", json={"query": query}, headers=headers).json()["data"]

    with TestClient(create_app(Settings(database_url=database_url, secret=SECRET))) as client:
        session = post(
            client,
            'mutation { signUp(input: {username: "ann", password: "correct horse"}) '
            "{ session { accessToken } } }",
            {},
        )["signUp"]["session"]
        mine = {"authorization": f"Bearer {session['accessToken']}"}
        made = post(
            client,
            'mutation { done: createApiToken(input: {name: "x", scopes: [READ]}) '
            "{ secret apiToken { id } } }",
            mine,
        )["done"]
        with client.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket:
            socket.send_json(
                {
                    "type": "connection_init",
                    "payload": {"Authorization": f"Bearer {made['secret']}"},
                }
            )
            assert socket.receive_json() == {"type": "connection_ack"}
            socket.send_json({"type": "subscribe", "id": "1", "payload": {"query": WHO}})
            assert socket.receive_json()["payload"] == {"data": {"viewer": {"username": "ann"}}}
            assert socket.receive_json() == {"type": "complete", "id": "1"}
            revoke = f'mutation {{ revokeApiToken(input: {{tokenId: "{made["apiToken"]["id"]}"}}) '
            post(client, revoke + "{ userErrors { code } } }", mine)
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_json()
            assert (closed.value.code, closed.value.reason) == (
                4403,
                "The API token was revoked. Create another",
            )
