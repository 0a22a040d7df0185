"""Several requests in one: who may, how many, in which order they run, and what each is told."""

import asyncio
from types import SimpleNamespace

import pytest
from graphql import OperationType

from gateway.engine import Prepared
from gateway.transports.batches import Batch
from gateway.transports.streams import Patience
from tests.gateways import ANSWER, GRAPHQL, told, under
from tests.gateways import TYPENAME as ASK


async def sent(site, body, **headers):
    return await site.client.post("/graphql", json=body, headers=site.user | headers)


async def test_each_request_has_its_answer_in_its_place(site):
    response = await sent(
        site,
        [
            ASK,
            {"query": "{ nope }"},
            {"query": "query($n: String!) { __type(name: $n) { name } }", "variables": {"n": "ID"}},
            {"nothing": "known"},
            {"query": "{"},
            {"query": 'subscription { quoteUpdated(symbols: ["A"]) { price } }'},
            {"query": "query A { a: __typename } query B { b: __typename }"},
            {"query": "query A { a: __typename } query B { __typename }", "operationName": "B"},
            {"documentId": "unknown"},
            {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": []}},
        ],
        accept=GRAPHQL,
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    answers = response.json()
    assert [
        one["errors"][0]["extensions"]["code"] if "errors" in one else one for one in answers
    ] == [
        ANSWER,
        "GRAPHQL_VALIDATION_FAILED",
        {"data": {"__type": {"name": "ID"}}},
        "BAD_REQUEST",
        "GRAPHQL_PARSE_FAILED",
        "BAD_REQUEST",
        "BAD_REQUEST",
        ANSWER,
        "PERSISTED_QUERY_NOT_FOUND",
        "BAD_USER_INPUT",
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 400, "BAD_REQUEST"),
        (["{ __typename }"], 400, "BAD_REQUEST"),
        ([ASK, [ASK]], 400, "BAD_REQUEST"),
        ([ASK] * 11, 400, "MAX_BATCH_LIMIT"),
    ],
)
async def test_a_list_that_is_none_or_too_long_is_refused_as_a_whole(site, body, status, code):
    response = await sent(site, body)
    assert (response.status_code, told(response)) == (status, [code])


async def test_as_many_as_allowed_are_run(site):
    assert (await sent(site, [ASK] * 10)).json() == [ANSWER] * 10


async def test_nobody_sends_several_at_once_without_signing_in(site):
    response = await site.client.post("/graphql", json=[ASK])
    assert (response.status_code, told(response)) == (401, ["UNAUTHENTICATED"])
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/json"},
        {"content-type": "multipart/form-data; boundary=a", "content-length": "50"},
    ],
)
@under(patience=Patience(receive=0, upload=0))
async def test_a_body_that_never_ends_is_not_waited_for(site, headers):
    async def body():
        yield b"--a"
        await asyncio.Event().wait()

    response = await site.client.post("/graphql", content=body(), headers=site.user | headers)
    assert (response.status_code, told(response)) == (408, ["BAD_REQUEST"])
    assert response.headers["connection"] == "close"


@under(patience=Patience(receive=0))
async def test_a_form_that_never_ends_is_not_waited_for_either(site):
    async def body():
        yield b"username=ann&"
        await asyncio.Event().wait()

    form = {"content-type": "application/x-www-form-urlencoded", "content-length": "50"}
    response = await site.client.post("/auth/token", content=body(), headers=form)
    assert (response.status_code, response.json()["error"]) == (408, "invalid_request")
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_failure_of_ours_outside_any_field_is_500(site, accept, monkeypatch):
    def broken(*_):
        raise RuntimeError("no")

    monkeypatch.setattr(Prepared, "executor", broken)
    response = await site.client.post("/graphql", json=ASK, headers={"accept": accept})
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (500, "INTERNAL_SERVER_ERROR")


@under(max_batch=0)
async def test_lists_may_be_turned_off(site):
    response = await sent(site, [ASK])
    assert (response.status_code, told(response)) == (400, ["BAD_REQUEST"])


async def test_a_list_is_not_written_as_what_its_client_does_not_read(site):
    response = await sent(site, [ASK], accept="text/event-stream")
    assert (response.status_code, told(response)) == (406, ["BAD_REQUEST"])


async def test_a_member_given_twice_is_found_in_any_request_of_a_list(site):
    body = b'[{"query": "{ a }", "query": "{ __typename }"}, {"query": "{ __typename }"}]'
    headers = site.user | {"content-type": "application/json"}
    response = await site.client.post("/graphql", content=body, headers=headers)
    assert (response.status_code, told(response)) == (400, ["BAD_REQUEST"])


class Scripted:
    """Executes nothing: says what begins, and ends it when told to."""

    def __init__(self):
        self.running = []
        self.contexts = []
        self.ends = {}

    async def operation(self, request, context):
        return SimpleNamespace(type=OperationType(request.query.split()[0]))

    async def execute(self, request, *, operation, context):
        name = request.query.split()[1]
        self.running.append(name)
        self.contexts.append(context)
        await self.ends.setdefault(name, asyncio.Event()).wait()
        self.running.remove(name)
        return {"data": name}


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_queries_run_side_by_side_and_mutations_in_their_order():
    executor = Scripted()
    batch = Batch(executor)

    async def new_context():
        return SimpleNamespace(request_id="1")

    for text in ("query a", "mutation b", "mutation c", "query d"):
        await batch.add({"query": text}, new_context=new_context)
    assert batch.changes_something
    running = asyncio.create_task(batch.run())
    await settle()
    assert sorted(executor.running) == ["a", "b", "d"]
    executor.ends["b"].set()
    executor.ends["d"].set()
    await settle()
    assert sorted(executor.running) == ["a", "c"]
    executor.ends["c"].set()
    executor.ends["a"].set()
    assert await running == [{"data": name} for name in "abcd"]
    assert len({id(context) for context in executor.contexts}) == 4
