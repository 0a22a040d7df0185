"""What vendors' stream events say: units of time and money, channels, exchanges, plans."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.errors import NotEntitledError
from datasources.http import Answer
from datasources.providers import twelve_data
from datasources.providers._finnhub import IN_DOLLARS, Listed, parse_trade, trades
from datasources.providers._massive import events, read_event
from datasources.providers._twelve_data import price_events, read_price
from models.market import QuoteQuality
from tests.contract.streams import (
    FINNHUB_STAND_IN,
    MASSIVE_STAND_IN,
    TWELVE_DATA_STAND_IN,
    YAHOO_STAND_IN,
    finnhub_price,
    massive_admit,
    massive_price,
    pricing,
    status,
    twelve_data_price,
)
from tests.contract.test_streams import NOW, connected, follow
from tests.contract.vendors import yahoo
from tests.sockets import Ticks
from tests.vendors import reply

LATER = datetime(2026, 11, 19, 21, 5, tzinfo=UTC)


def frame(body):
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status=200, headers={}, body=text.encode(), received_at=LATER)


def test_finnhub_tells_milliseconds_here_and_the_volume_of_the_trade_alone():
    text = (
        '{"type":"trade","data":[{"s":"AAPL","p":231.42,"t":1795122000123,"v":100,"c":["1","12"]}]}'
    )
    (trade,) = trades(frame(text))
    quote = parse_trade(trade, {"AAPL": ("AAPL", IN_DOLLARS)}, received_at=LATER)
    assert (quote.price, quote.volume) == (Decimal("231.42"), None)
    assert quote.as_of == datetime(2026, 11, 19, 21, 0, 0, 123000, tzinfo=UTC)


def test_finnhubs_conditions_may_be_null_and_its_volume_zero():
    trade = {"s": "AAPL", "p": Decimal(2), "t": 1795122000123, "v": 0, "c": None}
    assert parse_trade(trade, {"AAPL": ("AAPL", IN_DOLLARS)}, received_at=LATER).price == 2


def test_finnhubs_pence_are_pounds():
    pence = Listed(currency="GBP", factor=Decimal("0.01"))
    trade = {"s": "VOD.L", "p": Decimal("71.34"), "t": 1795105800000, "v": 1}
    quote = parse_trade(trade, {"VOD.L": ("VOD.L", pence)}, received_at=LATER)
    assert (quote.price, quote.currency) == (Decimal("0.7134"), "GBP")
    assert quote.quality is QuoteQuality.DELAYED


async def test_finnhub_does_without_an_exchange_whose_list_is_refused():
    price = finnhub_price("AAPL", "2", NOW)
    async with connected(FINNHUB_STAND_IN, price) as (provider, server):
        server.answer = lambda _: reply({"error": "You don't have access"}, status=403)
        (quote,) = await follow(provider, ["VOD.L", "AAPL"])
    assert quote.symbol == "AAPL"
    assert server.said == [{"type": "subscribe", "symbol": "AAPL"}]


@pytest.mark.parametrize(
    ("text", "price", "as_of", "opened", "volume"),
    [
        # The end of the minute, the official open and the day's volume; not the window's range.
        (massive_price("MSFT", "231.42", NOW), "231.42", NOW, "229.9", 38_811_920),
        # A trade: milliseconds of the consolidated tape.
        (
            '[{"ev":"T","sym":"MSFT","x":11,"i":"88120","z":3,"p":514.12,"s":40,"c":[37],'
            '"t":1795121941784,"q":5120077,"trfi":202,"trft":1795121941790}]',
            "514.12",
            datetime(2026, 11, 19, 20, 59, 1, 784000, tzinfo=UTC),
            None,
            None,
        ),
        # Early in the day there is no official open.
        (
            '[{"ev":"A","sym":"MSFT","v":5,"av":5,"o":1,"c":2,"h":3,"l":1,"s":1795121999000,"e":1795122000000}]',
            "2",
            NOW,
            None,
            5,
        ),
    ],
    ids=["minute", "trade", "second"],
)
def test_massives_events_are_read_by_their_channel(text, price, as_of, opened, volume):
    (event,) = events(frame(text))
    quote = read_event(event, {"MSFT": "MSFT"}, quality=QuoteQuality.FRESH, received_at=LATER)
    assert (quote.price, quote.as_of) == (Decimal(price), as_of)
    assert quote.open == (None if opened is None else Decimal(opened))
    assert (quote.volume, quote.high, quote.low, quote.currency) == (volume, None, None, "USD")


def test_massives_capitals_matter():
    (event,) = events(frame(massive_price("KIMpL", "24.5", NOW)))
    told = {"quality": QuoteQuality.FRESH, "received_at": LATER}
    assert read_event(event, {"KIMpL": "KIM-PL"}, **told).symbol == "KIM-PL"
    assert read_event(event, {"KIMPL": "KIMPL"}, **told) is None


async def test_a_plan_with_delayed_prices_is_served_where_those_are():
    """Real time is refused, fifteen minutes ago is not: the second connection has its prices."""
    calls = 0

    async def talk(peer):
        nonlocal calls
        calls += 1
        if calls == 1:
            await massive_admit(peer)
            await peer.say(status("error", "not authorized"))
            await peer.stay()
        else:
            await MASSIVE_STAND_IN.greet(peer)
            await peer.say(massive_price("AAPL", "2", NOW - timedelta(minutes=15)))
            await peer.stay()

    async with connected(MASSIVE_STAND_IN, talk=talk) as (provider, server):
        (quote,) = await follow(provider, ["AAPL"])
        assert (quote.price, quote.quality) == (2, QuoteQuality.DELAYED)
        (again,) = await follow(provider, ["AAPL"])
        assert again.quality is QuoteQuality.DELAYED
    # Refused once: the next connection goes where prices are had at once.
    assert len(server.visits) == 3


async def test_a_plan_without_any_stream_is_asked_twice_and_no_more():
    async def talk(peer):
        await massive_admit(peer)
        await peer.say(status("error", "not authorized"))
        await peer.stay()

    async with connected(MASSIVE_STAND_IN, talk=talk) as (provider, server):
        with pytest.raises(NotEntitledError):
            await follow(provider, ["AAPL"])
    assert len(server.visits) == 2


def test_twelve_data_tells_seconds_and_the_volume_of_the_day():
    (event,) = price_events(frame(twelve_data_price("AAPL", "231.42", NOW)))
    quote = read_price(event, {"AAPL": "AAPL"}, received_at=LATER)
    assert (quote.price, quote.volume, quote.as_of) == (Decimal("231.42"), 38_811_920, NOW)
    assert quote.quality is QuoteQuality.FRESH


@pytest.mark.parametrize(
    ("asked", "symbol", "price"),
    [
        # Pence of London, which the ticker alone does not tell from the American share.
        ({"VOD:LSE": "VOD.L", "VOD": "VOD"}, "VOD.L", "0.7134"),
        ({"VOD": "VOD"}, None, None),
    ],
    ids=["asked for", "of another exchange"],
)
def test_twelve_datas_tickers_come_without_the_exchange_they_were_asked_for_at(
    asked, symbol, price
):
    event = {
        "event": "price",
        "symbol": "VOD",
        "currency": "GBp",
        "exchange": "LSE",
        "timestamp": 1795105800,
        "price": Decimal("71.34"),
    }
    quote = read_price(event, asked, received_at=LATER)
    assert (quote and quote.symbol) == symbol
    assert quote is None or (str(quote.price), quote.currency) == (price, "GBP")
    # Four hours old: whatever the plan, that is not the price of now.
    assert quote is None or quote.quality is QuoteQuality.DELAYED


async def test_twelve_data_gets_a_heartbeat_every_ten_seconds(monkeypatch):
    ticks = Ticks()
    stream = twelve_data.Stream(
        url=twelve_data.STREAM.url, heartbeat=twelve_data.STREAM.heartbeat, sleep=ticks
    )
    monkeypatch.setattr(twelve_data, "STREAM", stream)

    async def talk(peer):
        await TWELVE_DATA_STAND_IN.greet(peer)
        await peer.say(twelve_data_price("AAPL", "1", NOW))
        await ticks.tick()
        await peer.hear()
        await peer.say(twelve_data_price("AAPL", "2", NOW))
        await peer.stay()

    async with connected(TWELVE_DATA_STAND_IN, talk=talk) as (provider, server):
        assert [quote.price for quote in await follow(provider, ["AAPL"], 2)] == [1, 2]
    assert server.said[1:] == [{"action": "heartbeat"}]
    assert ticks.asked == [10.0, 10.0]


async def test_yahoo_looks_up_once_what_a_symbol_is_priced_in_where_messages_do_not_tell():
    asked = []

    def answer(request):
        asked.append(request.path)
        return yahoo.STAND_IN.handler(request)

    price = pricing("VOD.L", 71.34, NOW)
    async with connected(YAHOO_STAND_IN, price) as (provider, server):
        server.answer = answer
        for _ in range(2):
            (quote,) = await follow(provider, ["AAPL", "VOD.L"])
            assert (quote.symbol, quote.price, quote.currency) == (
                "VOD.L",
                Decimal("0.7134"),
                "GBP",
            )
    assert asked.count("/v7/finance/quote") == 1


async def test_yahoo_goes_without_what_cannot_be_looked_up():
    frames = pricing("VOD.L", 71.34, NOW), pricing("VOD.L", 71.35, NOW, currency="GBp")
    async with connected(YAHOO_STAND_IN, *frames) as (provider, _):
        (quote,) = await follow(provider, ["VOD.L"])
    assert quote.price == Decimal("0.7135")
