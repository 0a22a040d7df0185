"""What every provider that pushes prices promises, tried against a stand-in over real sockets."""

import asyncio
import logging
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.errors import (
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    RateLimitedError,
    UnavailableError,
)
from models.market import QuoteQuality
from tests.contract.streams import STAND_INS, YAHOO_STAND_IN
from tests.sockets import socket_vendor
from tests.vendors import HTML, KEY, reply, upstream_of

# 1795122000 in seconds, and 1795122000123 the first price's milliseconds.
NOW = datetime(2026, 11, 19, 21, 0, 0, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Clock:
    """A clock that only pauses move."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture(params=STAND_INS, ids=lambda one: one.kind.vendor.name)
def stand_in(request):
    return request.param


@asynccontextmanager
async def connected(stand_in, *frames, talk=None):
    """Connect to a vendor that sends these frames once all is subscribed to."""

    async def healthy(peer):
        await stand_in.greet(peer)
        await peer.say(*frames)
        await peer.stay()

    async with (
        socket_vendor(talk or healthy) as server,
        upstream_of(stand_in.kind.vendor, server, clock=Clock()) as upstream,
    ):
        yield stand_in.make(upstream, upstream.clock), server


async def follow(provider, symbols, count=1):
    """Return the next quotes of a stream."""
    async with aclosing(provider.stream(symbols)) as quotes:
        return [await anext(quotes) for _ in range(count)]


async def test_a_price_that_is_pushed_is_a_quote(stand_in):
    at = NOW - SECOND
    frame = stand_in.price("AAPL", "231.42", at)
    async with connected(stand_in, frame) as (provider, server):
        (quote,) = await follow(provider, ["AAPL"])
    assert (quote.symbol, quote.price, quote.currency) == ("AAPL", Decimal("231.42"), "USD")
    assert (quote.as_of, quote.received_at) == (at, NOW)
    assert quote.as_of.utcoffset() == timedelta(0)
    assert quote.quality is QuoteQuality.FRESH
    assert quote.source == provider.name
    assert [(visit.path, visit.query) for visit in server.visits] == [
        (stand_in.path, stand_in.query)
    ]
    assert server.said == stand_in.said


async def test_frames_without_a_price_say_nothing_and_are_no_defect(stand_in):
    last = stand_in.price("AAPL", "2", NOW)
    async with connected(stand_in, *stand_in.quiet, last) as (provider, _):
        (quote,) = await follow(provider, ["AAPL"])
    assert quote.price == 2
    assert provider.upstream.malformed == 0


async def test_zero_is_not_a_price_and_other_symbols_are_left_out(stand_in):
    frames = (
        stand_in.price("AAPL", "0", NOW),
        stand_in.price("ZZZZZ", "5", NOW),
        stand_in.price("AAPL", "2", NOW),
    )
    async with connected(stand_in, *frames) as (provider, _):
        (quote,) = await follow(provider, ["AAPL"])
    assert (quote.symbol, quote.price) == ("AAPL", 2)
    assert provider.upstream.malformed == 0


async def test_no_symbol_goes_back_in_time_and_none_is_ahead_of_us(stand_in):
    prices = [("1", NOW - 5 * SECOND), ("2", NOW - 9 * SECOND), ("3", NOW - 5 * SECOND)]
    prices += [("4", NOW + 2 * SECOND), ("5", NOW - SECOND), ("6", NOW)]
    frames = [stand_in.price("AAPL", price, at) for price, at in prices]
    async with connected(stand_in, *frames) as (provider, _):
        found = await follow(provider, ["AAPL"], 4)
    assert [str(quote.price.normalize()) for quote in found] == ["1", "3", "4", "6"]
    assert [quote.as_of for quote in found] == [NOW - 5 * SECOND] * 2 + [NOW] * 2


async def test_what_cannot_be_read_is_counted_and_dropped(stand_in):
    garbage = ["<html>", '{"type":', "null", b"\xff\x00", "17", '["", 3]'[:-1], '"text"']
    # A time in another unit must not pass for a date.
    garbage.append(stand_in.price("AAPL", "9", datetime(9999, 1, 1, tzinfo=UTC)))
    async with connected(stand_in, *garbage, stand_in.price("AAPL", "2", NOW)) as (provider, _):
        (quote,) = await follow(provider, ["AAPL"])
    assert quote.price == 2
    assert provider.upstream.malformed == len(garbage)


async def test_prices_days_old_say_so(stand_in):
    frame = stand_in.price("AAPL", "231.42", NOW - 3 * DAY)
    async with connected(stand_in, frame) as (provider, _):
        (quote,) = await follow(provider, ["AAPL"])
    assert quote.as_of == NOW - 3 * DAY


async def test_a_vendor_that_closes_in_the_middle_is_an_outage(stand_in):
    async def talk(peer):
        await stand_in.greet(peer)
        await peer.say(stand_in.price("AAPL", "2", NOW))

    async with (
        connected(stand_in, talk=talk) as (provider, server),
        aclosing(provider.stream(["AAPL"])) as quotes,
    ):
        assert (await anext(quotes)).price == 2
        with pytest.raises(UnavailableError, match="closed"):
            await anext(quotes)
        assert len(server.visits) == 1


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (reply("slow down", status=429), RateLimitedError),
        (HTML, UnavailableError),
        (reply("<h1>403</h1>", status=403), UnavailableError),
        (reply("", status=503), UnavailableError),
        (reply({}, status=401), InvalidCredentialsError),
        (reply({}, status=403), NotEntitledError),
    ],
    ids=["429", "page", "403 page", "503", "401", "403"],
)
async def test_a_handshake_that_fails_says_why(stand_in, refusal, error):
    async with connected(stand_in) as (provider, server):
        server.refusal = refusal
        with pytest.raises(error):
            await follow(provider, ["AAPL"])


FAULTS = [
    pytest.param(one, name, id=f"{one.kind.vendor.name}: {name}")
    for one in STAND_INS
    for name in one.faults
]


@pytest.mark.parametrize(("stand_in", "fault"), FAULTS)
async def test_a_documented_error_is_of_its_class_and_never_has_the_key(stand_in, fault, caplog):
    caplog.set_level(logging.DEBUG)
    talk, error = stand_in.faults[fault]
    async with connected(stand_in, talk=talk) as (provider, _):
        with pytest.raises(error) as raised:
            await follow(provider, ["AAPL"])
    assert KEY not in str(raised.value) + repr(provider.upstream) + caplog.text


async def test_more_symbols_than_allowed_are_refused_before_anything_is_opened(stand_in):
    many = [f"A{number}" for number in range(stand_in.kind.stream_limit + 1)]
    async with connected(stand_in) as (provider, server):
        with pytest.raises(InvalidRequestError, match="too many symbols"):
            await follow(provider, many)
        assert server.visits == []


async def test_for_what_a_vendor_does_not_have_nothing_is_opened(stand_in):
    if stand_in is YAHOO_STAND_IN:
        pytest.skip("yahoo has a form for everything")
    async with connected(stand_in) as (provider, server):
        assert provider.streamable([stand_in.unserved, "AAPL"]) == ["AAPL"]
        assert [quote async for quote in provider.stream([stand_in.unserved])] == []
        assert [quote async for quote in provider.stream([])] == []
        assert server.visits == []


async def test_who_stops_listening_leaves_no_connection(stand_in):
    async with connected(stand_in, stand_in.price("AAPL", "2", NOW)) as (provider, server):
        await follow(provider, ["AAPL"])
        await server.left.acquire()
        assert server.open == 0
        waiting = asyncio.create_task(follow(provider, ["AAPL"], 2))
        while len(server.said) < 2 * len(stand_in.said):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await server.left.acquire()
        assert server.open == 0
