"""What a server writes to a socket past its protocol is what the protocol would have written."""

import asyncio

import pytest
from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from gateway.transports.direct import DIRECT, DirectProtocol, frame_of

HELLO = (
    b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 100_000])
def test_a_message_is_one_frame_of_text_whatever_its_length(size):
    text = b"x" * size
    whole = Frame(Opcode.TEXT, text).serialize(mask=False)
    assert frame_of((text,)) == frame_of((text[:1], b"", text[1:])) == whole


@pytest.mark.parametrize(
    ("text", "whole", "welcome", "past"),
    [
        (b'{"type":"pong"}', True, True, True),
        (b'{"type":"pong"}', True, False, False),
        (b'{"type":"pong"}', False, True, False),
        (b'{"type": "pong"}', True, True, False),
        (b'{"type":"ping"}', True, True, False),
    ],
)
def test_a_plain_answer_to_a_ping_goes_past_the_queue_as_long_as_it_is_welcome(
    monkeypatch, text, whole, welcome, past
):
    queued, taken = [], []
    monkeypatch.setattr(WebSocketsSansIOProtocol, "__init__", lambda _: None)
    monkeypatch.setattr(
        WebSocketsSansIOProtocol, "handle_text", lambda _, event: queued.append(event.data)
    )
    protocol = DirectProtocol()
    protocol.take_pong = lambda: taken.append(True) or welcome
    protocol.handle_text(Frame(Opcode.TEXT, text, fin=whole))
    assert queued == ([] if past else [text])
    assert bool(taken) is (whole and text == b'{"type":"pong"}')


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self):
        super().__init__()
        self.written, self.closing = [], False

    def write(self, data):
        self.written.append(data)

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True


async def test_a_message_is_written_at_once_while_the_client_reads_and_until_a_goodbye():
    lines, leave, end = [], asyncio.Event(), asyncio.Event()

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        lines.append(scope["extensions"][DIRECT])
        await leave.wait()
        await send({"type": "websocket.close", "code": 1000})
        lines.append(None)
        await end.wait()

    async def until(number):
        while len(lines) < number:
            await asyncio.sleep(0)

    config = Config(application, log_config=None, ws_ping_interval=None)
    config.load()
    protocol = DirectProtocol(config=config, server_state=ServerState(), app_state={})
    transport = Transport()
    protocol.connection_made(transport)
    protocol.data_received(HELLO)
    await until(1)
    (direct,) = lines
    write, before = direct.write, len(transport.written)
    assert write((b"a", b"b"))
    protocol.pause_writing()
    assert not write((b"c",))
    protocol.resume_writing()
    assert write((b"d",))
    transport.closing = True
    assert not write((b"e",))
    transport.closing = False
    assert transport.written[before:] == [b"\x81\x02ab", b"\x81\x01d"]
    leave.set()
    await until(2)
    goodbye = len(transport.written)
    assert not write((b"f",))
    protocol.pause_writing()
    protocol.resume_writing()
    assert not write((b"g",))
    assert len(transport.written) == goodbye
    end.set()
    protocol.connection_lost(None)
    while protocol.tasks:
        await asyncio.sleep(0)
