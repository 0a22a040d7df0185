"""Yahoo's provider: batches and the way out of them, summaries, search, and what it asks."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import unquote

import orjson
import pytest

from datasources.errors import (
    AuthExpiredError,
    BadPayloadError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Answer
from datasources.providers.yahoo import DIALECT, Yahoo, parse_profile, parse_quote, parse_search
from datasources.symbols import Names
from models.market import AssetClass, CompanyProfile, InstrumentMatch, Quote, QuoteQuality
from tests.contract.vendors.yahoo import APPLE, SEARCH, SUMMARY, VODAFONE, chart, handler, not_found
from tests.vendors import fake_vendor, reply, upstream_of

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)


def wire(payload):
    """Send a payload through JSON, as an answer does."""
    return Answer(status=200, headers={}, body=orjson.dumps(payload), received_at=NOW).json(dict)


@asynccontextmanager
async def connected(clock, serve=handler):
    clock.now = NOW
    async with (
        fake_vendor() as server,
        upstream_of(Yahoo.vendor, server, clock=clock) as upstream,
    ):
        server.handler = serve
        yield Yahoo(upstream, names=Names(DIALECT), clock=clock), server


def without_crumb(charts):
    """Serve charts by symbol where no crumb is to be had."""

    def serve(request):
        path = unquote(request.path)
        if not path.startswith("/v8/finance/chart/"):
            return reply("", status=500)
        return charts[path.rpartition("/")[2]]

    return serve


async def test_a_batch_is_one_call_and_a_quote_has_what_the_row_tells(clock):
    async with connected(clock) as (yahoo, server):
        found = await yahoo.quotes(["AAPL", "VOD.L", "ZZZZZ"])
        await yahoo.quotes(["AAPL"])
    assert found == {
        "AAPL": Quote(
            symbol="AAPL",
            price=Decimal("231.42"),
            currency="USD",
            as_of=datetime(2026, 11, 19, 21, 0, tzinfo=UTC),
            received_at=NOW,
            source="yahoo",
            quality=QuoteQuality.FRESH,
            previous_close=Decimal("229.55"),
            volume=Decimal(38811920),
        ),
        "VOD.L": Quote(
            symbol="VOD.L",
            price=Decimal("0.7134"),
            currency="GBP",
            as_of=datetime(2026, 11, 19, 16, 30, tzinfo=UTC),
            received_at=NOW,
            source="yahoo",
            quality=QuoteQuality.DELAYED,
            previous_close=Decimal("0.7164"),
        ),
    }
    assert server.paths[2:] == ["/v7/finance/quote", "/v7/finance/quote"]
    assert server.requests[2].query["symbols"] == "AAPL,VOD.L,ZZZZZ"


async def test_a_row_that_cannot_be_read_takes_the_others_from_nobody(clock):
    def serve(request):
        found = handler(request)
        # In milliseconds, which would be the year 58854.
        return replace(found, body=found.body.replace(b"1795105800", b"1795105800000"))

    async with connected(clock, serve) as (yahoo, _):
        assert list(await yahoo.quotes(["AAPL", "VOD.L"])) == ["AAPL"]
        with pytest.raises(BadPayloadError):
            await yahoo.quotes(["VOD.L"])


async def test_symbols_are_asked_for_as_yahoo_writes_them(clock):
    async with connected(clock) as (yahoo, server):
        await yahoo.quotes(["BRK.B", "EURUSD=X", "BTC-USD", "^GSPC", "0700.HK", "SAP.DE"])
    assert server.requests[-1].query["symbols"] == "BRK-B,EURUSD=X,BTC-USD,^GSPC,0700.HK,SAP.DE"


async def test_nothing_to_ask_is_no_call(clock):
    async with connected(clock) as (yahoo, server):
        assert await yahoo.quotes([]) == {}
        assert await yahoo.find([]) == {}
        assert await yahoo.profiles([]) == {}
    assert server.requests == []


@pytest.mark.parametrize(
    "row",
    [
        APPLE | {"regularMarketPrice": 0},
        APPLE | {"regularMarketPrice": None},
        APPLE | {"regularMarketPrice": {}},
        {key: value for key, value in APPLE.items() if key != "regularMarketTime"},
        VODAFONE | {"currency": None},
    ],
    ids=["zero", "null", "wrapped nothing", "dead, without a time", "in pence or in pounds"],
)
def test_a_row_without_a_price_that_can_be_told_is_no_quote(row):
    symbol = row["symbol"]
    assert parse_quote(wire(row), symbol=symbol, received_at=NOW) is None


def test_wrapped_numbers_are_the_same_numbers():
    wrapped = {
        key: {"raw": value, "fmt": str(value)} if isinstance(value, int | float) else value
        for key, value in APPLE.items()
    }
    assert parse_quote(wire(wrapped), symbol="AAPL", received_at=NOW) == parse_quote(
        wire(APPLE), symbol="AAPL", received_at=NOW
    )


async def test_without_a_crumb_each_symbols_chart_answers(clock):
    charts = {
        "AAPL": reply(chart()),
        "VOD.L": reply(
            chart({"currency": "GBp", "regularMarketPrice": 71.34, "chartPreviousClose": 71.64})
        ),
        "ZZZZZ": not_found("chart", "No data found, symbol may be delisted"),
    }
    async with connected(clock, without_crumb(charts)) as (yahoo, server):
        found = await yahoo.quotes(["AAPL", "VOD.L", "ZZZZZ"])
        assert {symbol: (one.price, one.previous_close) for symbol, one in found.items()} == {
            "AAPL": (Decimal("231.42"), Decimal("229.55")),
            "VOD.L": (Decimal("0.7134"), Decimal("0.7164")),
        }
        # How late a chart is, it does not tell.
        assert found["AAPL"].quality is QuoteQuality.DELAYED
        match = (await yahoo.find(["AAPL"]))["AAPL"]
        assert (match.name, match.currency) == ("Apple Inc.", "USD")
    asked = [request for request in server.requests if "chart" in request.path]
    assert len(asked) == 4
    assert asked[0].query == {"range": "1d", "interval": "1d"}


async def test_one_chart_that_fails_leaves_the_others_and_all_that_fail_are_told(clock):
    broken, fine = reply("", status=502), reply(chart())
    async with connected(clock, without_crumb({"AAPL": fine, "MSFT": broken})) as (yahoo, _):
        assert set(await yahoo.quotes(["MSFT", "AAPL"])) == {"AAPL"}
        with pytest.raises(UnavailableError):
            await yahoo.quotes(["MSFT"])


async def test_after_too_many_calls_the_other_charts_are_not_asked(clock):
    enough = reply("Too Many Requests", status=429)
    symbols = [f"A{number}" for number in range(50)]
    async with connected(clock, without_crumb(dict.fromkeys(symbols, enough))) as (yahoo, server):
        with pytest.raises(RateLimitedError) as caught:
            await yahoo.quotes(symbols)
    assert caught.value.until is not None
    assert sum("chart" in path for path in server.paths) <= 8


async def test_without_a_crumb_there_are_no_profiles(clock):
    async with connected(clock, without_crumb({})) as (yahoo, _):
        with pytest.raises(AuthExpiredError):
            await yahoo.profiles(["AAPL"])


def test_a_profile_has_what_the_summary_tells():
    assert parse_profile(wire(SUMMARY), symbol="AAPL", fetched_at=NOW) == CompanyProfile(
        symbol="AAPL",
        name="Apple Inc.",
        source="yahoo",
        fetched_at=NOW,
        country="United States",
        currency="USD",
        exchange="NASDAQ/NYSE",
        market_cap=Decimal(3421550700000),
        sector="Technology",
        industry="Consumer Electronics",
    )


def test_a_funds_profile_lacks_modules_and_pence_are_not_its_capital():
    payload = {
        "quoteSummary": {
            "result": [
                {
                    "quoteType": {"shortName": "A FUND"},
                    "price": {"currency": "GBp", "marketCap": {"raw": 1000, "fmt": "1k"}},
                }
            ]
        }
    }
    profile = parse_profile(wire(payload), symbol="ISF.L", fetched_at=NOW)
    assert (profile.name, profile.currency, profile.market_cap) == ("A FUND", "GBP", 1000)
    assert (profile.exchange, profile.sector, profile.country) == ("London", None, None)


async def test_a_summary_is_asked_for_with_plain_numbers(clock):
    async with connected(clock) as (yahoo, server):
        await yahoo.profiles(["AAPL"])
    request = server.requests[-1]
    assert request.path == "/v10/finance/quoteSummary/AAPL"
    assert request.query["formatted"] == "false"
    assert request.query["crumb"] == "aB/c.dEf9hI"


async def test_days_are_asked_for_with_a_day_more_on_either_side(clock):
    async with connected(clock) as (yahoo, server):
        bars = await yahoo.bars("AAPL", first=date(2026, 11, 19), last=date(2026, 11, 19))
        assert [(bar.day, bar.close) for bar in bars] == [(date(2026, 11, 19), Decimal("231.42"))]
        # Before 1970 times are below zero.
        await yahoo.bars("^GSPC", first=date(1950, 1, 3), last=date(1950, 1, 4))
        await yahoo.actions("AAPL", first=date(2020, 1, 1), last=date(2020, 12, 31))
    days, old, actions = server.requests
    assert days.query == {
        "period1": "1794960000",  # 2026-11-18
        "period2": "1795219200",  # 2026-11-21
        "interval": "1d",
        "events": "div,splits",
    }
    assert (old.path, old.query["period1"]) == ("/v8/finance/chart/%5EGSPC", "-631065600")
    # Up to today, so that the splits since are known.
    assert actions.query["period2"] == "1795305600"  # 2026-11-22


@pytest.mark.parametrize(
    ("now", "last"),
    # The session ends at 21:00 UTC, and the bar is final some hours later.
    [("2026-11-19T18:00", 18), ("2026-11-19T21:30", 18), ("2026-11-20T09:00", 19)],
)
async def test_the_row_of_a_day_that_is_not_over_is_no_close(clock, now, last):
    async with connected(clock) as (yahoo, _):
        clock.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
        bars = await yahoo.bars("AAPL", first=date(2026, 11, 1), last=date(2026, 11, 30))
    assert bars[-1].day == date(2026, 11, last)


async def test_a_day_that_is_still_to_end_is_not_asked_for(clock):
    async with connected(clock) as (yahoo, server):
        assert await yahoo.bars("AAPL", first=NOW.date(), last=NOW.date()) == []
    assert server.requests == []


def test_search_gives_what_can_be_quoted_in_the_currency_of_its_venue():
    rows = [
        *SEARCH["quotes"],  # Apple, and a private company without a symbol
        {"symbol": "VOD.L", "quoteType": "EQUITY", "shortname": "VODAFONE"},
        {"symbol": "BRK-B", "quoteType": "EQUITY"},
        {"symbol": "IVV", "quoteType": "ETF", "longname": "A fund"},
        {"symbol": "BTC-EUR", "quoteType": "CRYPTOCURRENCY", "shortname": "Bitcoin EUR"},
        {"symbol": "EURUSD=X", "quoteType": "CURRENCY", "shortname": "EUR/USD"},
        {"symbol": "^FTSE", "quoteType": "INDEX", "shortname": "FTSE 100"},  # in what?
        {"symbol": "APC.SG", "quoteType": "EQUITY"},  # a venue that is not ours
        {"symbol": "GC=F", "quoteType": "FUTURE"},
        {"symbol": "AAPL", "quoteType": "EQUITY", "longname": "Once more"},
    ]
    found = parse_search(wire({"quotes": rows}), names=Names(DIALECT))
    assert found[0] == InstrumentMatch(
        symbol="AAPL", name="Apple Inc.", currency="USD", source="yahoo", exchange="NASDAQ"
    )
    assert [(one.symbol, one.name, one.currency, one.asset_class) for one in found[1:]] == [
        ("VOD.L", "VODAFONE", "GBP", AssetClass.EQUITY),
        ("BRK.B", "BRK.B", "USD", AssetClass.EQUITY),
        ("IVV", "A fund", "USD", AssetClass.FUND),
        ("BTC-EUR", "Bitcoin EUR", "EUR", AssetClass.CRYPTO),
        ("EURUSD=X", "EUR/USD", "USD", AssetClass.CURRENCY),
    ]


async def test_search_asks_for_no_news_and_needs_no_session(clock):
    async with connected(clock) as (yahoo, server):
        (match,) = await yahoo.search("AAPL", limit=3)
    assert match.symbol == "AAPL"
    (request,) = server.requests
    assert request.query == {"q": "AAPL", "quotesCount": "3", "newsCount": "0", "listsCount": "0"}
