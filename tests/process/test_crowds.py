"""Clients that misbehave, and crowds that come and go, at a real server: nothing of them is left."""

import asyncio
import json
import os
import random
import re
import shutil
import socket
import struct
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from benchmarks.listeners import frame
from benchmarks.processes import cores, started
from services.tokens import Tokens
from tests.conftest import SECRET

pytestmark = pytest.mark.process

VISITS = int(os.environ.get("SOAK_VISITS", "1000"))
"""How many come and go; many more by hand."""

PATIENCE = 30
"""Seconds for what takes one or two; machines that run tests are busy."""

ROOM = 12_000_000
"""Bytes that a server's memory may grow by while thousands come and go, once it is warm."""

HELLO = (
    b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
INIT = {
    "type": "connection_init",
    "payload": {
        "authorization": "Bearer " + Tokens(secret=SECRET).issue_access(1, now=datetime.now(UTC))[0]
    },
}
LIVE = "subscription($of: [Symbol!]!) { quoteUpdated(symbols: $of, minIntervalMs: 0) { symbol price receivedAt } }"


class Gateway:
    """A server in a process of its own, and what it says of itself."""

    def __init__(self, server):
        self.server = server
        self.address = server.url.removesuffix("/graphql")

    def told(self):
        """How many sockets, listeners and shared executions there are."""
        text = httpx2.get(f"{self.address}/metrics", timeout=PATIENCE).text
        names = ("sockets", "listeners", "shared_executions")
        return [
            int(float(re.search(rf"^folioql_live_{name} (\S+)$", text, re.MULTILINE)[1]))
            for name in names
        ]

    def tasks(self):
        return int(httpx2.get(f"{self.address}/tasks", timeout=PATIENCE).text)

    def files(self):
        return sum(1 for _ in Path(f"/proc/{self.server.process_id}/fd").iterdir())

    def until_empty(self):
        deadline = time.monotonic() + PATIENCE
        while self.told() != [0, 0, 0]:
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.1)

    def connect(self, *, receive_bytes=None):
        parts = urlsplit(self.address)
        made = socket.socket()
        if receive_bytes is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        made.settimeout(PATIENCE)
        made.connect((parts.hostname, parts.port))
        return made

    def shaken(self, **options):
        """A socket that is open and has said who it is."""
        made = self.connect(**options)
        made.sendall(HELLO)
        read_until(made, b"\r\n\r\n")
        say(made, INIT)
        read_until(made, b"connection_ack")
        return made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, migrated_file):
    file = tmp_path_factory.mktemp("crowds") / "crowds.db"
    shutil.copyfile(migrated_file, file)
    environment = {
        "DATABASE_URL": f"sqlite:///{file}",
        "FOLIOQL_SECRET": SECRET,
        "FOLIOQL_CACHE_URL": "",
        "FOLIOQL_PROVIDERS": "simulated",
        "FOLIOQL_FEED_INTERVAL_MS": "50",
        "FOLIOQL_MAX_SOCKETS": "10000",
    }
    command = [sys.executable, "-m", "tests.hasty"]
    with started(command, core=cores()[0], environment=environment) as server:
        yield Gateway(server)


def say(made, message):
    made.sendall(frame(json.dumps(message).encode()))


def subscribe(made, *, key="1", symbols=("AAPL",)):
    payload = {"query": LIVE, "variables": {"of": symbols}}
    say(made, {"id": key, "type": "subscribe", "payload": payload})


def read_until(made, end):
    """Read until some bytes have come, and return everything."""
    data = b""
    while end not in data:
        more = made.recv(65_536)
        assert more, data
        data += more
    return data


def rest(made):
    """Read whatever comes until the other side ends it."""
    data = b""
    try:
        while more := made.recv(65_536):
            data = (data + more)[-1000:]
    except ConnectionResetError:
        pass
    return data


def code_of(data):
    """The code of the close frame that data end in."""
    at = data.rindex(b"\x88")
    return struct.unpack("!H", data[at + 2 : at + 4])[0]


def test_half_a_connection_is_closed_when_it_does_not_answer(gateway):
    with gateway.shaken() as made:
        subscribe(made)
        read_until(made, b'"price"')
        assert code_of(rest(made)) == 4408
    gateway.until_empty()


def test_a_client_that_never_reads_is_cut_off_and_nothing_is_kept_for_it(gateway):
    gateway.until_empty()
    with gateway.shaken(receive_bytes=4096) as warm:
        subscribe(warm)
        read_until(warm, b'"price"')
    gateway.until_empty()
    before = gateway.server.memory()
    with gateway.shaken(receive_bytes=4096) as made:
        symbols = [f"SIM{number:03}" for number in range(100)]
        for key in range(100):
            subscribe(made, key=str(key), symbols=symbols)
        gateway.until_empty()
        assert gateway.server.memory() - before < 30_000_000
        rest(made)  # comes to an end
    assert gateway.told() == [0, 0, 0]


def test_a_flood_is_closed_and_keeps_nobody_else_waiting(gateway):
    with gateway.shaken() as quiet, gateway.shaken() as made:
        subscribe(quiet)
        ping = frame(b'{"type":"ping"}')
        try:
            made.sendall(ping * 20_000)
        except ConnectionError:
            pass
        else:
            assert b"Too many messages" in rest(made)
        read_until(quiet, b'"price"')
    gateway.until_empty()


GARBAGE = {
    "a frame without a mask": b"\x81\x02{}",
    "an operation that there is not": b"\x83\x80\x00\x00\x00\x00",
    "a bit that is reserved": frame(b"{}", 0xC1),
    "the rest of nothing": frame(b"{}", 0x80),
    "a ping that is too long": frame(b"x" * 200, 0x89),
    "no text": frame(b"\xff\xfe"),
    "a frame of gigabytes": b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(4),
    "bytes": frame(b"{}", 0x82),
    "no protocol at all": b"GET / HTTP/1.1\r\n\r\n" * 100,
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_ends_its_own_socket_and_nothing_else(gateway, data):
    with gateway.shaken() as bad:
        subscribe(bad)
        read_until(bad, b'"price"')
        bad.sendall(data)
        rest(bad)
    with gateway.shaken() as good:
        subscribe(good)
        read_until(good, b'"price"')
    gateway.until_empty()


async def visit(address, chance):
    """Come, and go in one of many ways."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    stage = chance.randrange(6)
    if stage > 0:
        writer.write(HELLO)
        await reader.readuntil(b"\r\n\r\n")
    if stage > 1:
        writer.write(frame(json.dumps(INIT).encode()))
        await reader.readuntil(b"connection_ack")
    if stage > 2:
        of = chance.sample(["AAPL", "MSFT", "KO", "SAP.DE"], 2)
        payload = {"query": LIVE, "variables": {"of": of}}
        subscription = {"id": "1", "type": "subscribe", "payload": payload}
        writer.write(frame(json.dumps(subscription).encode()))
    if stage > 3:
        await reader.readuntil(b'"price"')
    if stage > 4:
        writer.write(frame(b'{"id":"1","type":"complete"}') + frame(b"\x03\xe8", 0x88))
        await reader.read()
    if chance.random() < 0.5:
        writer.transport.abort()
    writer.close()


async def come_and_go(address, number):
    room, chance = asyncio.Semaphore(50), random.Random(1)

    async def one():
        async with room:
            await asyncio.wait_for(visit(address, chance), PATIENCE)

    await asyncio.gather(*(one() for _ in range(number)))


def test_of_thousands_that_come_and_go_nothing_is_left(gateway):
    """SOAK_VISITS=100000 goes on for longer."""
    asyncio.run(come_and_go(gateway.address, 500))
    gateway.until_empty()
    before = gateway.tasks(), gateway.files(), gateway.server.memory()
    asyncio.run(come_and_go(gateway.address, VISITS))
    gateway.until_empty()
    deadline = time.monotonic() + PATIENCE
    # A database under load is read through a connection or two more.
    while gateway.tasks() > before[0] or gateway.files() > before[1] + 10:
        assert time.monotonic() < deadline, (gateway.tasks(), gateway.files(), before)
        time.sleep(0.1)
    assert gateway.server.memory() - before[2] < ROOM
