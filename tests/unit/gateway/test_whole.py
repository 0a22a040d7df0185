"""An answer that is written at once has the bytes of one that uvicorn writes in two steps."""

import asyncio

import pytest
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from gateway.transports.asgi import Answer
from gateway.transports.whole import WHOLE, WholeCycle, WholeProtocol, offer

SERVER = [(b"date", b"Sun, 22 Nov 2026 00:25:00 GMT"), (b"server", b"uvicorn")]


class Wire:
    """What a transport was told to write, and whether it was closed."""

    def __init__(self):
        self.written, self.closed = [], False

    def write(self, data):
        self.written.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


def begun(kind, *, method="POST", keep_alive=True):
    """A request that waits for its answer."""
    wire, ends = Wire(), []
    cycle = kind(
        scope={"type": "http", "method": method, "http_version": "1.1"},
        transport=wire,
        flow=FlowControl(wire),
        logger=None,
        access_logger=None,
        access_log=False,
        default_headers=SERVER,
        message_event=asyncio.Event(),
        expect_100_continue=True,
        keep_alive=keep_alive,
        on_response=lambda: ends.append(True),
    )
    return cycle, wire, ends


async def sent(kind, answer, **request):
    """What is left of a request after its answer."""
    cycle, wire, ends = begun(kind, **request)
    if kind is WholeCycle:
        cycle.scope["extensions"] = {WHOLE: {}}
    await answer(cycle.scope, cycle.receive, cycle.send)
    done = cycle.response_complete and not cycle.waiting_for_100_continue
    return b"".join(wire.written), wire.closed, len(ends), done


@pytest.mark.parametrize(
    ("answer", "request_"),
    [
        (Answer(b"{}", status=200, media_type="application/json"), {}),
        (Answer(b"", status=200, media_type="application/json"), {}),
        (Answer(b"{}", status=503, media_type="a/b", headers=((b"x", b"y: z"),)), {}),
        (Answer(b"{}", status=200, media_type="application/json"), {"method": "HEAD"}),
        (Answer(b"{}", status=200, media_type="application/json"), {"keep_alive": False}),
        (Answer(b"{}", status=408, media_type="a/b", headers=((b"connection", b"close"),)), {}),
        (Answer(b"", status=202), {}),
        (Answer(b"{}", status=200, media_type="a/b", headers=((b"Connection", b"close"),)), {}),
        (Answer(b"", status=204, headers=((b"allow", b"GET"),)), {}),
        (Answer(b"", status=304, headers=((b"etag", b'"x"'),)), {"method": "GET"}),
    ],
)
async def test_the_bytes_and_what_becomes_of_the_connection_are_uvicorns(answer, request_):
    expected = await sent(RequestResponseCycle, answer, **request_)
    assert expected[2:] == (1, True)
    assert await sent(WholeCycle, answer, **request_) == expected


async def test_an_ordinary_answer_is_one_write():
    cycle, wire, _ = begun(WholeCycle)
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    await cycle.send(start | {WHOLE: b"{}"})
    (written,) = wire.written
    assert written.endswith(b"content-length: 2\r\n\r\n{}")


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\x00b"),
        (b"x y", b"a"),
        (b"x:", b"a"),
    ],
)
async def test_no_header_can_begin_another_one(header):
    cycle, wire, _ = begun(WholeCycle)
    headers = [(b"content-length", b"2"), header]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    with pytest.raises(RuntimeError, match="Invalid HTTP header"):
        await cycle.send(start | {WHOLE: b"{}"})
    assert wire.written == []


@pytest.mark.parametrize("length", [b"1", b"3"])
async def test_a_length_that_is_not_the_bodys_is_refused_as_ever(length):
    cycle, _, _ = begun(WholeCycle)
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    with pytest.raises(RuntimeError, match="than Content-Length"):
        await cycle.send(start | {WHOLE: b"{}"})


async def test_a_body_of_no_said_length_goes_out_in_chunks():
    cycle, wire, _ = begun(WholeCycle)
    await cycle.send({"type": "http.response.start", "status": 200, "headers": [], WHOLE: b"{}"})
    assert b"transfer-encoding: chunked\r\n" in wire.written[0]
    assert wire.written[1] == b"2\r\n{}\r\n0\r\n\r\n"


async def test_a_second_answer_to_one_request_is_refused():
    cycle, wire, ends = begun(WholeCycle)
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    await cycle.send(start | {WHOLE: b"{}"})
    with pytest.raises(RuntimeError, match="after response already completed"):
        await cycle.send(start | {WHOLE: b"{}"})
    assert (len(wire.written), len(ends)) == (1, 1)


async def test_a_whole_answer_is_offered_where_nothing_stands_before_the_server():
    cycle, _, _ = begun(WholeCycle)
    offered, between, elsewhere = {}, {}, {}

    async def send(message):
        await cycle.send(message)

    offer(offered, cycle.send)
    offer(between, send)
    offer(elsewhere, begun(RequestResponseCycle)[0].send)
    assert (offered, between, elsewhere) == ({"extensions": {WHOLE: {}}}, {}, {})


async def test_nothing_is_written_to_who_has_gone():
    cycle, wire, ends = begun(WholeCycle)
    cycle.disconnected = True
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    await cycle.send(start | {WHOLE: b"{}"})
    assert (wire.written, ends) == ([], [])


async def test_who_reads_slowly_is_waited_for():
    cycle, wire, _ = begun(WholeCycle)
    cycle.flow.pause_writing()
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    sending = asyncio.ensure_future(cycle.send(start | {WHOLE: b"{}"}))
    await asyncio.sleep(0)
    assert not sending.done()
    cycle.flow.resume_writing()
    await sending
    assert len(wire.written) == 1


async def test_requests_that_come_together_are_answered_in_their_order():
    asked = []

    async def application(scope, receive, send):
        offer(scope, send)
        asked.append((await receive())["body"])
        await Answer(asked[-1], status=200, media_type="a/b")(scope, receive, send)

    config = Config(application, log_config=None, access_log=False)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: WholeProtocol(config, state, {}), "127.0.0.1", 0, backlog=1
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        one = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n%b"
        writer.write(b"".join(one % body for body in (b"1", b"2", b"3")))
        answers = [await read(reader) for _ in range(3)]
        writer.close()
        await writer.wait_closed()
    assert (answers, asked) == ([b"1", b"2", b"3"],) * 2
    assert state.total_requests == 3


async def read(reader):
    """Read one answer, and return its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-length: 1\r\n" in head
    return await reader.readexactly(1)


@pytest.mark.parametrize(
    "headers",
    [[], [(b"content-length", b"2"), (b"content-length", b"7")], [(b"content-length", b"7")]],
)
async def test_an_answer_whose_length_is_not_told_once_is_left_to_uvicorn(headers):
    cycle, _, _ = begun(WholeCycle)
    cycle.default_headers = []
    assert cycle._text({"status": 200, "headers": headers}, b"{}") is None
