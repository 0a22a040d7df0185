"""The door to vendors' sockets: faults of the wire, silence, and keys that stay secret."""

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from datasources import sockets
from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Vendor, milliseconds
from datasources.sockets import Stream, check_number, open_socket, quality_of
from models.market import Quote, QuoteQuality
from tests.conftest import NOW
from tests.sockets import Ticks, dead_vendor, socket_vendor
from tests.vendors import KEY, fake_vendor, reply, upstream_of

VENDOR = Vendor(name="vendor", url="https://api.example/v1")
STREAM = Stream(url="wss://socket.example/prices?version=2")
WITH_KEY = Stream(url="wss://socket.example/prices", key_parameter="token")
MILLISECONDS = int(NOW.timestamp() * 1000)


def events(frame):
    return frame.json(dict)["data"]


def read(event, received_at):
    return Quote(
        symbol=event["s"],
        price=Decimal(event["p"]),
        currency="USD",
        as_of=milliseconds(event["t"]),
        received_at=received_at,
        source="vendor",
        quality=QuoteQuality.FRESH,
    )


def trade(price, *, symbol="A", after=0):
    return {"s": symbol, "p": price, "t": MILLISECONDS + after}


@asynccontextmanager
async def connected(clock, talk, *, stream=STREAM):
    async with (
        socket_vendor(talk) as server,
        upstream_of(VENDOR, server, clock=clock) as upstream,
        open_socket(upstream, stream) as socket,
    ):
        yield socket, server, upstream


def prices(quotes):
    return [(quote.symbol, str(quote.price)) for quote in quotes]


async def test_with_another_address_the_socket_is_there_under_the_vendors_own_path(clock):
    async def talk(peer):
        assert await peer.hear() == {"subscribe": ["A"]}
        await peer.say({"data": [trade("1.5")]})
        await peer.stay()

    async with connected(clock, talk) as (socket, server, _):
        await socket.send({"subscribe": ["A"]})
        assert prices(await socket.quotes(events, read)) == [("A", "1.5")]
    (visit,) = server.visits
    assert (visit.path, visit.query) == ("/prices", {"version": "2"})
    assert visit.headers["user-agent"].startswith("FolioQL")


async def test_the_key_travels_where_it_is_wanted_and_is_seen_nowhere_else(clock, caplog):
    async def talk(peer):
        await peer.hear()
        await peer.connection.close(4401, f"bad key {KEY}")

    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="websockets")
    async with connected(clock, talk, stream=WITH_KEY) as (socket, server, upstream):
        await socket.sign(lambda key: {"auth": key})
        said = repr((socket, upstream))
        with pytest.raises(UnavailableError) as raised:
            await socket.receive()
    assert server.visits[0].query == {"token": KEY}
    assert server.said == [{"auth": KEY}]
    assert str(raised.value) == "closed (4401)"
    assert raised.value.__suppress_context__
    assert KEY not in caplog.text + said + str(raised.value)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (reply({}, status=401), InvalidCredentialsError),
        (reply({}, status=403), NotEntitledError),
        (reply("<html>Forbidden</html>", status=403), UnavailableError),
        (reply({}, status=429, headers={"Retry-After": "7"}), RateLimitedError),
        (reply("<h1>502</h1>", status=502), UnavailableError),
        (reply("gone", status=404), UnavailableError),
        (reply("no socket here", status=200), UnavailableError),
        (
            reply("", status=302, headers={"Location": "ws://127.0.0.1:9/elsewhere"}),
            UnavailableError,
        ),
    ],
    ids=["401", "403", "403 page", "429", "502", "404", "200", "302"],
)
async def test_a_socket_that_is_not_opened_says_why_and_never_with_the_key(clock, refusal, error):
    async def talk(_):
        pytest.fail("no socket was to be opened")

    async with (
        socket_vendor(talk) as server,
        upstream_of(VENDOR, server, clock=clock) as upstream,
    ):
        server.refusal = refusal
        with pytest.raises(error) as raised:
            async with open_socket(upstream, WITH_KEY):
                pass
        assert len(server.visits) == 1
    assert KEY not in str(raised.value)
    if error is RateLimitedError:
        assert raised.value.until == NOW + timedelta(seconds=7)


async def test_nobody_there_and_somebody_who_says_nothing_are_outages(clock, monkeypatch):
    monkeypatch.setattr(sockets, "OPENING", 0.05)
    async with fake_vendor() as server, upstream_of(VENDOR, server, clock=clock) as upstream:
        server.answers(reply({}, hold=asyncio.Event()))
        with pytest.raises(UnavailableError, match="took too long"):
            async with open_socket(upstream, WITH_KEY):
                pass
    async with upstream_of(VENDOR, server, clock=clock) as upstream:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            async with open_socket(upstream, WITH_KEY):
                pass


async def test_what_cannot_be_read_is_counted_and_dropped_and_the_rest_goes_on(clock, caplog):
    garbage = ["<html>", '{"data": [', "[]", "null", b"\xff\xfe\x00", "{}", '{"data": 5}', "1e999"]

    async def talk(peer):
        # One event that cannot be read takes no other with it.
        await peer.say(*garbage, {"data": [{"s": "A"}, trade("2")]})
        await peer.stay()

    async with connected(clock, talk) as (socket, _, upstream):
        found = [await socket.quotes(events, read) for _ in range(len(garbage) + 1)]
        assert upstream.malformed == len(garbage) + 1
    assert [prices(quotes) for quotes in found] == [[]] * len(garbage) + [[("A", "2")]]


async def test_of_a_frame_the_newest_of_each_symbol_comes_and_none_goes_back_in_time(clock):
    async def talk(peer):
        # One frame carries several trades, possibly of several symbols, not strictly ordered.
        several = [
            trade("1", after=5),
            trade("7", symbol="B"),
            trade("3", after=20),
            trade("2", after=10),
        ]
        await peer.say({"data": several})
        await peer.say({"data": [trade("4", after=19), trade("8", symbol="B", after=1)]})
        await peer.say({"data": [trade("5", after=20)]})
        await peer.stay()

    async with connected(clock, talk) as (socket, _, _):
        found = [prices(await socket.quotes(events, read)) for _ in range(3)]
    assert found == [[("A", "3"), ("B", "7")], [("B", "8")], [("A", "5")]]


async def test_a_flood_is_read_to_its_newest_price(clock):
    count = 3_000

    async def talk(peer):
        for number in range(1, count + 1):
            await peer.say({"data": [trade(str(number), after=number)]})

    async with connected(clock, talk) as (socket, _, _):
        seen = [quote for _ in range(count) for quote in await socket.quotes(events, read)]
    assert prices(seen) == [("A", str(number)) for number in range(1, count + 1)]


@pytest.mark.parametrize(("code", "words"), [(1000, "closed (1000)"), (1011, "closed (1011)")])
async def test_what_came_before_the_end_is_still_read(clock, code, words):
    async def talk(peer):
        await peer.say({"data": [trade("1")]})
        await peer.connection.close(code)

    async with connected(clock, talk) as (socket, server, _):
        await server.left.acquire()
        await socket.send({"too": "late"})
        assert prices(await socket.quotes(events, read)) == [("A", "1")]
        with pytest.raises(UnavailableError) as raised:
            await socket.receive()
    assert str(raised.value) == words


async def test_a_connection_that_breaks_is_an_outage(clock):
    async def talk(peer):
        peer.connection.transport.abort()

    async with connected(clock, talk) as (socket, _, _):
        with pytest.raises(UnavailableError, match=r"closed \(1006\)"):
            await socket.receive()


async def test_a_frame_without_end_is_not_taken(clock, monkeypatch):
    monkeypatch.setattr(sockets, "MAX_FRAME", 1_000)

    async def talk(peer):
        await peer.say("x" * 1_001)
        await peer.stay()

    async with connected(clock, talk) as (socket, _, _):
        with pytest.raises(BadPayloadError, match="too large"):
            await socket.receive()


async def test_half_a_connection_is_noticed_after_three_beats_of_silence(clock):
    ticks = Ticks()
    stream = Stream(url="wss://socket.example/", beat=7.0, sleep=ticks)
    async with (
        dead_vendor() as server,
        upstream_of(VENDOR, server, clock=clock) as upstream,
        open_socket(upstream, stream) as socket,
    ):
        waiting = asyncio.create_task(socket.receive())
        # The first beat only finds that the socket was opened since; each sends a ping.
        for _ in range(3):
            await ticks.tick()
            await server.heard.acquire()
            assert not waiting.done()
        await ticks.tick()
        with pytest.raises(UnavailableError, match="silent"):
            await waiting
    assert ticks.asked == [7.0] * 4


async def test_a_quiet_socket_lives_as_long_as_pings_are_heard(clock):
    """Outside trading hours nothing arrives: a silent socket with pings is healthy."""
    ticks, peers = Ticks(), asyncio.Queue()
    stream = Stream(url="wss://socket.example/", sleep=ticks)

    async def talk(peer):
        await peers.put(peer)
        await peer.stay()

    async with connected(clock, talk, stream=stream) as (socket, _, _):
        peer = await peers.get()
        waiting = asyncio.create_task(socket.quotes(events, read))
        for _ in range(2 * sockets.QUIET_BEATS):
            await (await peer.connection.ping())
            await ticks.tick()
        await peer.say({"data": [trade("3")]})
        assert prices(await waiting) == [("A", "3")]


async def test_what_nobody_reads_is_no_silence(clock):
    ticks = Ticks()
    stream = Stream(url="wss://socket.example/", sleep=ticks)
    async with (
        dead_vendor() as server,
        upstream_of(VENDOR, server, clock=clock) as upstream,
        open_socket(upstream, stream),
    ):
        for _ in range(2 * sockets.QUIET_BEATS):
            await ticks.tick()
            await server.heard.acquire()


async def test_who_is_never_let_in_gives_up(clock, monkeypatch):
    async def talk(peer):
        await peer.say("garbage", {"status": "connected"})
        await peer.stay()

    async with connected(clock, talk) as (socket, _, upstream):
        monkeypatch.setattr(sockets, "OPENING", 0.05)
        with pytest.raises(UnavailableError, match="took too long"):
            await socket.until(lambda frame: frame.json(dict)["status"] == "in")
        assert upstream.malformed == 1


async def test_leaving_closes_the_connection(clock):
    async def talk(peer):
        await peer.stay()

    async with connected(clock, talk) as (_, server, _):
        pass
    assert server.open == 0


def test_more_symbols_than_one_connection_may_follow_are_refused():
    check_number(["A", "B"], 2)
    with pytest.raises(InvalidRequestError, match="too many symbols: 3, where 2 are allowed"):
        check_number(["A", "B", "C"], 2)


def test_a_price_of_this_minute_is_not_delayed():
    assert quality_of(NOW - timedelta(seconds=60), NOW) is QuoteQuality.FRESH
    assert quality_of(NOW - timedelta(minutes=15), NOW) is QuoteQuality.DELAYED
