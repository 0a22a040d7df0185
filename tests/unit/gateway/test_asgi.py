"""The endpoint's own handling of HTTP: headers, bodies, and clients that go away."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect

from gateway.transports import asgi
from gateway.transports.asgi import Answer, Call, RefusedRequestError, in_time, unless_gone

GONE = {"type": "http.disconnect"}


def call(*messages, headers=()):
    """A request whose body comes in some messages; after them its client waits."""
    coming = list(messages)

    async def receive():
        return coming.pop(0) if coming else await asyncio.Event().wait()

    state = {"request_id": "1"}
    return Call({"method": "POST", "headers": list(headers), "state": state}, receive)


def part(body, *, more):
    return {"type": "http.request", "body": body, "more_body": more}


def test_headers_are_found_by_name_and_several_of_one_name_are_a_list():
    asked = call(headers=[(b"accept", b"text/html"), (b"a", b"1"), (b"accept", b"image/png")])
    assert asked.header(b"accept") == "text/html, image/png"
    assert asked.header(b"a") == "1"
    assert asked.header(b"missing", "*/*") == "*/*"
    assert asked.authorization is None


@pytest.mark.parametrize(
    "messages",
    [
        [part(b"12345", more=False)],
        [part(b"12", more=True), part(b"34", more=True), part(b"5", more=False)],
        [part(b"12345", more=True), {"type": "http.request"}],
    ],
)
async def test_a_body_is_read_whole_in_whatever_parts_it_comes(messages):
    assert await call(*messages).body(max_bytes=5) == b"12345"


@pytest.mark.parametrize(
    ("messages", "headers"),
    [
        ([part(b"123456", more=False)], []),
        ([part(b"123", more=True), part(b"456", more=True)], []),
        ([], [(b"content-length", b"6")]),
    ],
)
async def test_a_body_larger_than_allowed_is_refused_before_all_of_it_is_read(messages, headers):
    with pytest.raises(RefusedRequestError, match="larger than 5 bytes") as refused:
        await call(*messages, headers=headers).body(max_bytes=5)
    assert (refused.value.status, refused.value.code) == (413, "BODY_TOO_LARGE")


async def test_a_client_that_leaves_while_it_sends_is_not_waited_for():
    with pytest.raises(ClientDisconnect):
        await call(part(b"12", more=True), GONE).body(max_bytes=5)


async def test_a_body_that_does_not_come_in_time_is_not_waited_for():
    with pytest.raises(RefusedRequestError, match="did not come within 0 seconds") as refused:
        await in_time(call(part(b"12", more=True)).body(max_bytes=5), 0)
    assert (refused.value.status, refused.value.code) == (408, "BAD_REQUEST")
    assert refused.value.headers == [(b"connection", b"close")]


async def test_an_answer_says_its_type_and_length():
    sent = []

    async def send(message):
        sent.append(message)

    answer = Answer(b"{}", status=200, media_type="application/json", headers=[(b"vary", b"a")])
    await answer({}, None, send)
    assert sent == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"2"),
                (b"vary", b"a"),
            ],
        },
        {"type": "http.response.body", "body": b"{}"},
    ]


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(asgi, "PATIENCE", 0)


async def test_work_ends_when_its_client_goes_away(at_once):
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ClientDisconnect):
        await unless_gone(work(), call(GONE))
    assert ended.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not asyncio.current_task().cancelling()


async def test_work_goes_on_while_its_client_waits(at_once):
    looked = asyncio.Event()

    async def receive():
        looked.set()
        await asyncio.Event().wait()

    asked = call()
    asked.receive = receive

    async def work():
        await looked.wait()
        return 1

    assert await unless_gone(work(), asked) == 1


async def test_work_that_is_cancelled_by_somebody_else_is_cancelled(at_once):
    async def work():
        await asyncio.Event().wait()

    task = asyncio.create_task(unless_gone(work(), call()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
