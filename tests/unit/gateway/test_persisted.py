"""Documents by name: automatic persisted queries, trusted documents, and how much is kept."""

import hashlib
import json
import os
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx2
import pytest
from redis import Redis
from redis.exceptions import RedisError
from starlette.testclient import TestClient

from datasources.shared import SharedServer
from gateway import persisted as persisted_module
from gateway.persisted import PersistedDocuments, read_manifest
from gateway.settings import SettingsError
from tests.conftest import NOW, free_port, missing
from tests.gateways import application_of

# The example of the persisted documents appendix of GraphQL over HTTP, with its published hash.
SPECIFIED = "query($id:ID!){user(id:$id){name}}"
SPECIFIED_HASH = "71f7dc5758652baac68e4a10c50be732b741c892ade2883a99358f52b555286b"

TEXT = "{ __typename }"
HASH = hashlib.sha256(TEXT.encode()).hexdigest()
ANSWER = {"data": {"__typename": "Query"}}
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")


def by_hash(digest=HASH, **extra):
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}} | extra


class Replica:
    """One process, asked over HTTP as a user or as nobody."""

    def __init__(self, client, services):
        self.client = client
        self.services = services
        token, _ = services.tokens.issue_access(1, now=NOW)
        self.headers = {"authorization": f"Bearer {token}"}

    async def ask(self, body, *, user=True, accept="application/json"):
        headers = (self.headers if user else {}) | {"accept": accept}
        return await self.client.post("/graphql", json=body, headers=headers)

    async def told(self, body, *, user=True):
        answer = (await self.ask(body, user=user)).json()
        errors = answer.get("errors")
        return errors[0]["extensions"]["code"] if errors else answer


@pytest.fixture
async def start():
    """Start replicas, by their settings."""
    async with AsyncExitStack() as stack:

        async def begin(**settings):
            application = application_of(**settings)
            await stack.enter_async_context(application.router.lifespan_context(application))
            transport = httpx2.ASGITransport(application)
            client = httpx2.AsyncClient(transport=transport, base_url="http://test")
            await stack.enter_async_context(client)
            return Replica(client, application.state.services)

        yield begin


def test_the_name_of_a_text_is_the_specified_one():
    assert persisted_module.name_of(SPECIFIED) == f"sha256:{SPECIFIED_HASH}"


async def test_a_document_is_sent_once_and_then_asked_for_by_its_hash(start):
    replica = await start()
    first = await replica.ask(by_hash())
    (error,) = first.json()["errors"]
    assert (first.status_code, error["message"]) == (200, "PersistedQueryNotFound")
    assert error["extensions"] == {"code": "PERSISTED_QUERY_NOT_FOUND"}
    in_its_type = await replica.ask(by_hash(), accept="application/graphql-response+json")
    assert in_its_type.status_code == 400
    assert await replica.told(by_hash(query=TEXT)) == ANSWER
    assert await replica.told(by_hash()) == ANSWER
    assert await replica.told(by_hash(), user=False) == ANSWER
    assert await replica.told({"documentId": f"sha256:{HASH}"}) == ANSWER
    extensions = json.dumps(by_hash()["extensions"])
    by_get = await replica.client.get("/graphql", params={"extensions": extensions})
    assert by_get.json() == ANSWER
    by_get = await replica.client.get("/graphql", params={"documentId": f"sha256:{HASH}"})
    assert by_get.json() == ANSWER


async def test_a_hash_of_something_else_is_refused_and_nothing_is_kept(start):
    replica = await start()
    other = hashlib.sha256(b"{ other }").hexdigest()
    response = await replica.ask(by_hash(other, query=TEXT))
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert await replica.told(by_hash(other)) == "PERSISTED_QUERY_NOT_FOUND"
    assert await replica.told(by_hash()) == "PERSISTED_QUERY_NOT_FOUND"
    await replica.told(by_hash(query=TEXT))
    assert await replica.told(by_hash(query="{ other }")) == "BAD_REQUEST"


async def test_a_document_that_cannot_run_is_not_kept(start):
    replica = await start()
    digest = hashlib.sha256(b"{ nope }").hexdigest()
    assert await replica.told(by_hash(digest, query="{ nope }")) == "GRAPHQL_VALIDATION_FAILED"
    assert await replica.told(by_hash(digest)) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": 1},
        {"documentId": ""},
        {"documentId": "a" * 201},
        {"extensions": {"persistedQuery": "a"}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 5}}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": HASH}}},
        by_hash(documentId="another"),
        by_hash(query=1),
        by_hash(query=""),
    ],
)
async def test_a_malformed_name_is_refused(start, body):
    response = await (await start()).ask(body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_nobody_pushes_out_only_what_nobody_has_sent(monkeypatch):
    monkeypatch.setattr(persisted_module, "KEPT_OF_USERS", 2)
    monkeypatch.setattr(persisted_module, "KEPT_OF_NOBODY", 2)
    store = PersistedDocuments()
    names = {text: persisted_module.name_of(text) for text in "abcdef"}

    async def keep(text, *, anonymous):
        user = None if anonymous else 1
        await store.keep(names[text], text, user=user, server=None)

    async def known():
        found = [await found_under(name) for name in names.values()]
        return "".join(text for text in found if text)

    async def found_under(name):
        try:
            return await store.text(name, "", server=None)
        except persisted_module.RefusedDocumentError:
            return None

    await keep("a", anonymous=False)
    for text in "bcd":
        await keep(text, anonymous=True)
    assert await known() == "acd"
    await keep("e", anonymous=False)
    await store.text(names["a"], "", server=None)  # used again, so the other one goes
    await keep("f", anonymous=False)
    assert await known() == "acdf"


async def test_a_very_long_document_is_run_and_not_kept(start):
    replica = await start()
    text = "{ __typename }" + " " * 20_000
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert await replica.told(by_hash(digest, query=text)) == ANSWER
    assert await replica.told(by_hash(digest)) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.fixture
def redis():
    opened = Redis.from_url(REDIS)
    try:
        opened.ping()
    except RedisError:
        missing("Redis")
    yield opened
    opened.close()


@pytest.mark.redis
async def test_replicas_share_what_users_have_sent(start, redis):
    text = f"{{ __typename a{uuid4().hex}: __typename }}"
    name = persisted_module.name_of(text)
    digest = name.removeprefix("sha256:")
    key = f"folioql:document:{name}"
    one, other, late = [await start(cache_url=REDIS) for _ in range(3)]
    assert "data" in await one.told(by_hash(digest, query=text), user=False)
    assert redis.get(key) is None
    assert await other.told(by_hash(digest)) == "PERSISTED_QUERY_NOT_FOUND"
    assert "data" in await other.told(by_hash(digest, query=text))
    assert redis.get(key) == text.encode()
    assert 86_000_000 < redis.pttl(key) <= 86_400_000
    redis.pexpire(key, 60_000)
    assert "data" in await late.told(by_hash(digest))
    assert 86_000_000 < redis.pttl(key) <= 86_400_000
    redis.set(key, b"{ tampered: __typename }")
    last = await start(cache_url=REDIS)
    assert await last.told(by_hash(digest)) == "PERSISTED_QUERY_NOT_FOUND"
    redis.delete(key, "folioql:documents-of:1")


@pytest.mark.redis
async def test_one_user_shares_only_so_many_new_texts_a_day(redis, monkeypatch):
    monkeypatch.setattr(persisted_module, "SHARED_OF_ONE_USER", 2)
    server, user, other = SharedServer(REDIS, clock=lambda: NOW), uuid4().int, uuid4().int
    texts = [f"{{ a{uuid4().hex}: __typename }}" for _ in range(4)]
    names = [persisted_module.name_of(text) for text in texts]
    counts = [f"folioql:documents-of:{one}" for one in (user, other)]

    async def send(text, *, by):
        store = PersistedDocuments()
        await store.keep(persisted_module.name_of(text), text, user=by, server=server)

    def shared():
        return [redis.get(f"folioql:document:{name}") is not None for name in names]

    for text in (texts[0], texts[0], texts[1], texts[2]):  # what is shared already is not counted
        await send(text, by=user)
    assert shared() == [True, True, False, False]
    assert 86_000_000 < redis.pttl(counts[0]) <= 86_400_000
    await send(texts[3], by=other)
    assert shared() == [True, True, False, True]
    redis.delete(*counts, *(f"folioql:document:{name}" for name in names))
    await server.close()


async def test_a_server_that_is_away_costs_sharing_only(start):
    replica = await start(cache_url=f"redis://127.0.0.1:{free_port()}/0")
    assert await replica.told(by_hash()) == "PERSISTED_QUERY_NOT_FOUND"
    assert await replica.told(by_hash(query=TEXT)) == ANSWER
    assert await replica.told(by_hash()) == ANSWER


APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [
        {"id": HASH, "body": TEXT, "name": "A", "type": "query"},
        {"id": "two", "body": "query B { __typename } query C { __typename }", "name": "B"},
    ],
}
MAP = {HASH: TEXT, "two": "query B { __typename } query C { __typename }"}


def written(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("content", [APOLLO, MAP, list(MAP.items())])
def test_the_usual_manifests_are_read(tmp_path, content):
    assert read_manifest(written(tmp_path / "manifest.json", content)) == MAP


async def test_only_trusted_documents_are_run_where_that_is_said(start, tmp_path):
    path = written(tmp_path / "manifest.json", APOLLO)
    replica = await start(trusted_documents=path, trusted_only=True)
    for body in (
        by_hash(),
        by_hash(query=TEXT),
        {"documentId": HASH},
        {"documentId": f"sha256:{HASH}"},
        {"query": TEXT},
        {"documentId": "two", "operationName": "B"},
        by_hash("two", operationName="C"),
    ):
        assert await replica.told(body, user=False) == ANSWER
    digest = hashlib.sha256(b"{ a: __typename }").hexdigest()
    for body in (
        {"query": "{ a: __typename }"},
        {"documentId": "three"},
        by_hash(digest),
        by_hash(digest, query="{ a: __typename }"),
    ):
        assert await replica.told(body) == "PERSISTED_QUERY_NOT_IN_LIST"
    assert await replica.told({"documentId": "two"}) == "BAD_REQUEST"
    assert await replica.told({"documentId": "two", "query": TEXT}) == "BAD_REQUEST"


async def test_trusted_documents_may_stand_beside_others(start, tmp_path):
    replica = await start(trusted_documents=written(tmp_path / "manifest.json", MAP))
    assert await replica.told({"documentId": HASH}) == ANSWER
    assert await replica.told({"query": "{ __typename }"}) == ANSWER
    assert await replica.told({"documentId": "three"}) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"{", "is not JSON"),
        (b'"text"', "neither Apollo's manifest nor a map"),
        (b'{"operations": [{"id": "a"}]}', "neither Apollo's manifest nor a map"),
        (b'{"a": 1}', "not a string"),
        (b'{"a": ""}', "not a string"),
        (b'{"a": "{ nope }"}', "'a' cannot be run: Cannot query field 'nope'"),
        (b'{"a": "{"}', "'a' cannot be run: Syntax Error"),
    ],
)
def test_a_bad_manifest_stops_the_start_and_says_why(tmp_path, content, message):
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match="FOLIOQL_TRUSTED_DOCUMENTS") as refused:
        application_of(trusted_documents=path)
    assert message in str(refused.value)


def test_trusting_a_list_only_needs_the_list():
    with pytest.raises(ValueError, match="FOLIOQL_TRUSTED_ONLY needs FOLIOQL_TRUSTED_DOCUMENTS"):
        application_of(trusted_only=True)


def test_a_socket_has_documents_by_name_too():
    heard = []
    with (
        TestClient(application_of()) as client,
        client.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket,
    ):
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        for body, messages in ((by_hash(), 1), (by_hash(query=TEXT), 2), (by_hash(), 2)):
            socket.send_json({"id": "1", "type": "subscribe", "payload": body})
            heard += [socket.receive_json() for _ in range(messages)]
    kinds = [one["type"] for one in heard]
    assert kinds == ["error", "next", "complete", "next", "complete"]
    assert heard[0]["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert heard[3]["payload"] == ANSWER
