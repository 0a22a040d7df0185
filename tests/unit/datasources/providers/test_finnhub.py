"""Expected values are read off the documented payloads by hand: units, times and zeros."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import orjson
import pytest

from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    NotEntitledError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Answer
from datasources.providers._finnhub import (
    IN_DOLLARS,
    Listed,
    parse_bars,
    parse_dividends,
    parse_list,
    parse_profile,
    parse_quote,
    parse_search,
    parse_splits,
)
from datasources.providers.finnhub import DIALECT, Finnhub, calls_left, check
from datasources.symbols import Names
from models.market import AssetClass, CompanyProfile, InstrumentMatch, Quote, QuoteQuality
from tests.contract.vendors.finnhub import CANDLES, PROFILE, QUOTES, handler
from tests.vendors import fake_vendor, reply, upstream_of

NOW = datetime(2026, 11, 20, 21, 30, 20, tzinfo=UTC)
PENCE = Listed(currency="GBP", factor=Decimal("0.01"))
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 20)


def answer(body, *, status=200, headers=None, now=NOW):
    if not isinstance(body, str):
        body = orjson.dumps(body).decode()
    return Answer(status=status, headers=headers or {}, body=body.encode(), received_at=now)


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@asynccontextmanager
async def connected(*, overrides=None):
    clock = Clock()
    async with (
        fake_vendor() as server,
        upstream_of(Finnhub.vendor, server, clock=clock) as upstream,
    ):
        server.handler = handler
        yield Finnhub(upstream, names=Names(DIALECT, overrides), clock=clock), server, clock


def test_an_american_quote_is_in_dollars_of_the_vendors_second_and_fresh():
    assert parse_quote(answer(QUOTES["AAPL"]), symbol="AAPL", listed=IN_DOLLARS) == Quote(
        symbol="AAPL",
        price=Decimal("231.42"),
        currency="USD",
        as_of=datetime(2026, 11, 19, 21, 0, tzinfo=UTC),
        received_at=NOW,
        source="finnhub",
        quality=QuoteQuality.FRESH,
        previous_close=Decimal("229.55"),
        open=Decimal("229.9"),
        high=Decimal("232.1"),
        low=Decimal("229.05"),
    )


def test_a_quote_in_pence_comes_out_in_pounds_and_its_zeros_are_missing():
    quote = parse_quote(answer(QUOTES["VOD.L"]), symbol="VOD.L", listed=PENCE)
    assert (quote.price, quote.currency) == (Decimal("0.975"), "GBP")
    assert quote.previous_close == Decimal("0.96")
    assert (quote.open, quote.high, quote.low) == (None, None, None)
    assert quote.quality is QuoteQuality.DELAYED


@pytest.mark.parametrize(
    "body",
    [
        {"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0},
        # seen for Sydney
        {},
        # no time, no price
        {"c": 231.42, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0},
        {"c": 0, "h": 0, "l": 0, "o": 0, "pc": 229.55, "t": 1795122000},
        {"c": None, "h": None, "l": None, "o": None, "pc": None, "t": None},
    ],
    ids=["zeros", "empty", "no time", "no price", "nulls"],
)
def test_what_stands_for_an_unknown_symbol_is_no_quote(body):
    assert parse_quote(answer(body), symbol="ZZZZZ", listed=IN_DOLLARS) is None


def test_the_payload_of_before_2021_without_changes_is_still_a_quote():
    body = {"c": 231.42, "h": 232.1, "l": 229.05, "o": 229.9, "pc": 229.55, "t": 1795122000}
    assert parse_quote(answer(body), symbol="AAPL", listed=IN_DOLLARS).price == Decimal("231.42")


def test_a_vendor_whose_clock_is_ahead_makes_no_quote_of_the_future():
    # 1795210225 is 2026-11-20, 21:30:25 in UTC, five seconds from now.
    body = {"c": 1, "t": 1795210225}
    assert parse_quote(answer(body), symbol="AAPL", listed=IN_DOLLARS).as_of == NOW


def test_a_profile_counts_its_market_value_in_millions():
    assert parse_profile(answer(PROFILE), symbol="AAPL", listed=IN_DOLLARS) == CompanyProfile(
        symbol="AAPL",
        name="Apple Inc",
        source="finnhub",
        fetched_at=NOW,
        country="US",
        currency="USD",
        exchange="NASDAQ NMS - GLOBAL MARKET",
        ipo_date=date(1980, 12, 12),
        market_cap=Decimal(3_421_550_700_000),
        industry="Technology",
        logo_url="https://static.example/logo.png",
        website_url="https://www.apple.com/",
    )


def test_a_market_value_in_the_currency_of_the_accounts_is_not_shown_in_that_of_the_shares():
    # The shares trade in dollars, the accounts are in Taiwan dollars.
    body = {"name": "Chips", "currency": "TWD", "marketCapitalization": 40_000_000, "ipo": ""}
    profile = parse_profile(answer(body), symbol="TSM", listed=IN_DOLLARS)
    assert (profile.currency, profile.market_cap, profile.ipo_date) == ("USD", None, None)


def test_a_profile_keeps_the_identifiers_of_the_list_and_has_no_empty_texts():
    body = {"name": "", "currency": "GBP", "marketCapitalization": 0, "weburl": "", "logo": ""}
    listed = Listed(currency="GBP", factor=Decimal("0.01"), figi="BBG000C6K6G9")
    profile = parse_profile(answer(body), symbol="VOD.L", listed=listed)
    assert (profile.name, profile.figi, profile.market_cap) == ("VOD.L", "BBG000C6K6G9", None)
    assert (profile.website_url, profile.logo_url, profile.industry) == (None, None, None)


def test_a_fund_has_no_profile():
    assert parse_profile(answer({}), symbol="SPY", listed=IN_DOLLARS) is None


def test_candles_are_adjusted_days_dated_by_midnight_in_utc():
    first, second = parse_bars(
        answer(CANDLES), symbol="AAPL", listed=IN_DOLLARS, first=FIRST, last=LAST
    )
    assert (first.day, first.close, first.volume) == (
        date(2026, 11, 18),
        Decimal("230.1"),
        Decimal(41_230_011),
    )
    assert (second.day, second.open, second.high, second.low, second.close) == (
        date(2026, 11, 19),
        Decimal("229.9"),
        Decimal("232.1"),
        Decimal("229.05"),
        Decimal("231.42"),
    )
    assert first.adjusted
    assert first.currency == "USD"


def candles(**changes):
    body = {name: [1795046400 if name == "t" else 10] for name in "tohlcv"}
    return {"s": "ok"} | body | changes


@pytest.mark.parametrize(
    "body",
    [
        {"s": "no_data"},
        {"s": "no_data", "c": None, "t": None},
        candles(c=[None]),
        candles(c=[0]),
        # the day before the first, the day after the last
        candles(t=[1793404800]),
        candles(t=[1795219200]),
    ],
    ids=["no data", "null arrays", "a null", "a zero", "too early", "too late"],
)
def test_candles_without_a_close_in_the_days_asked_are_no_bars(body):
    bars = parse_bars(
        answer(body, now=NOW + timedelta(days=2)),
        symbol="AAPL",
        listed=IN_DOLLARS,
        first=FIRST,
        last=LAST,
    )
    assert bars == []


def test_candles_come_in_order_each_day_once_and_pence_as_pounds():
    body = {name: [30, 20, 10] for name in "ohlcv"}
    body |= {"s": "ok", "t": [1795046400, 1794960000, 1795046400], "v": [0, 5, 7]}
    bars = parse_bars(answer(body), symbol="VOD.L", listed=PENCE, first=FIRST, last=LAST)
    assert [(bar.day.day, bar.close, bar.volume) for bar in bars] == [
        (18, Decimal("0.2"), Decimal(5)),
        (19, Decimal("0.1"), Decimal(7)),
    ]
    assert {bar.currency for bar in bars} == {"GBP"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (candles(c=[1, 2]), ValueError),
        (candles(s="wait"), BadPayloadError),
        ({"s": "ok"}, KeyError),
    ],
    ids=["unequal arrays", "another status", "no arrays"],
)
def test_candles_in_another_form_are_no_bars(body, error):
    # Whatever a parser raises comes out of the door as a bad payload.
    with pytest.raises(error):
        parse_bars(answer(body), symbol="AAPL", listed=IN_DOLLARS, first=FIRST, last=LAST)


def test_a_split_gives_the_new_shares_for_the_old_ones():
    body = [
        {"symbol": "AAPL", "date": "2020-08-31", "fromFactor": 1, "toFactor": 4},
        {"symbol": "AAPL", "date": "2014-06-09", "fromFactor": 1, "toFactor": 7},
        {"symbol": "AAPL", "date": "2013-06-09", "fromFactor": 0, "toFactor": 7},
    ]
    splits = parse_splits(answer(body), symbol="AAPL")
    assert [(split.day, split.new, split.old) for split in splits] == [
        (date(2014, 6, 9), 7, 1),
        (date(2020, 8, 31), 4, 1),
    ]


def test_a_dividend_is_what_was_paid_in_the_currency_of_its_row():
    body = [
        {"date": "2026-11-26", "amount": 4.5, "adjustedAmount": 2, "currency": "GBX"},
        {"date": "2020-08-07", "amount": 0.82, "adjustedAmount": 0.205, "payDate": "2020-08-13", "currency": "USD"},
        {"date": "2020-05-08", "amount": 0, "payDate": "", "currency": "USD"},
    ]  # fmt: skip
    found = parse_dividends(answer(body), symbol="AAPL")
    assert [(one.ex_day, one.amount, one.currency, one.pay_day) for one in found] == [
        (date(2020, 8, 7), Decimal("0.82"), "USD", date(2020, 8, 13)),
        (date(2026, 11, 26), Decimal("0.045"), "GBP", None),
    ]


def test_a_dividend_without_a_currency_is_in_dollars_for_an_american_share_alone():
    body = [{"date": "2020-08-07", "amount": 0.82, "currency": ""}]
    (dividend,) = parse_dividends(answer(body), symbol="BRK.B")
    assert dividend.currency == "USD"
    with pytest.raises(BadPayloadError):
        parse_dividends(answer(body), symbol="VOD.L")


def test_a_list_tells_pence_from_pounds_and_leaves_out_what_has_no_currency():
    body = [
        {"currency": "GBX", "symbol": "VOD.L", "description": "VODAFONE", "isin": None},
        {"currency": "GBP", "symbol": "IGLT.L", "type": "ETP", "figi": "BBG1"},
        {"currency": "", "symbol": "NO.L"},
    ]
    assert parse_list(answer(body)) == {
        "VOD.L": Listed(currency="GBP", factor=Decimal("0.01"), name="VODAFONE"),
        "IGLT.L": Listed(currency="GBP", kind="ETP", figi="BBG1"),
    }


def test_a_search_finds_what_has_a_canonical_symbol_once_each():
    body = {
        "count": 7,
        "result": [
            {"description": "APPLE INC", "symbol": "AAPL", "type": "Common Stock"},
            {"description": "APPLE INC", "symbol": "AAPL", "type": ""},
            {"description": "BERKSHIRE", "symbol": "BRK.B", "type": ""},
            # Berlin is no venue of ours, and no American share class.
            {"description": "APPLE INC", "symbol": "APC.BE", "type": "Common Stock"},
            {"description": "", "symbol": "ERE.UN.TO", "type": "Unit"},
            {"description": "GOLD", "symbol": "IGLN.L", "type": "ETP"},
            {"description": "BITCOIN", "symbol": "BINANCE:BTCUSDT", "type": "Crypto"},
        ],
    }
    found = parse_search(answer(body), names=Names(DIALECT))
    assert [match.symbol for match in found] == ["AAPL", "BRK.B", "ERE-UN.TO", "IGLN.L"]
    assert found[2] == InstrumentMatch(
        symbol="ERE-UN.TO", name="ERE-UN.TO", currency="CAD", source="finnhub", exchange="Toronto"
    )
    assert found[3].asset_class is AssetClass.FUND


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK.B"),
        ("VOD.L", "VOD.L"),
        ("ERE-UN.TO", "ERE.UN.TO"),
        ("RELIANCE.NS", "RELIANCE.NS"),
        ("VOLV-B.ST", "VOLV-B.ST"),
    ],
)
def test_symbols_are_written_as_the_vendor_does_and_back(ours, theirs):
    assert DIALECT.outward(ours) == theirs
    assert DIALECT.inward(theirs) == ours


@pytest.mark.parametrize("symbol", ["EURUSD=X", "BTC-USD", "^GSPC"])
async def test_what_the_vendor_does_not_price_is_not_asked(symbol):
    async with connected() as (provider, server, _):
        assert await provider.quotes([symbol]) == {}
        assert await provider.profiles([symbol]) == {}
        assert await provider.bars(symbol, first=FIRST, last=LAST) == []
        assert (await provider.actions(symbol, first=FIRST, last=LAST)).splits == ()
        assert await provider.find([symbol]) == {}
        assert await provider.search("  ", limit=5) == []
    assert server.requests == []


async def test_a_name_of_another_kind_is_not_asked_as_nothing_tells_its_currency():
    async with connected(overrides={"EURGBP=X": "OANDA:EUR_GBP"}) as (provider, server, _):
        assert await provider.quotes(["EURGBP=X"]) == {}
    assert server.requests == []


async def test_the_list_of_an_exchange_is_fetched_once_a_day_and_never_for_american_shares():
    async with connected() as (provider, server, clock):
        await provider.quotes(["AAPL"])
        assert server.paths == ["/quote"]
        await asyncio.gather(*(provider.quotes(["VOD.L"]) for _ in range(3)))
        assert server.paths.count("/stock/symbol") == 1
        assert server.requests[1].query == {"exchange": "L"}
        clock.now += timedelta(days=1)
        await provider.quotes(["VOD.L"])
    assert server.paths.count("/stock/symbol") == 2
    assert server.paths.count("/quote") == 5


async def test_a_list_that_takes_longer_than_anybody_waits_is_read_to_its_end():
    async with connected() as (provider, server, _):
        held, answered = asyncio.Event(), server.handler

        def slow_list(request):
            found = answered(request)
            return replace(found, hold=held) if request.path == "/stock/symbol" else found

        server.handler = slow_list
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await provider.quotes(["VOD.L"])
        held.set()
        assert list(await provider.quotes(["VOD.L"])) == ["VOD.L"]
    assert server.paths == ["/stock/symbol", "/quote"]


async def test_a_listing_of_a_venue_that_we_do_not_know_is_no_price_in_dollars():
    async with connected() as (provider, server, _):
        assert await provider.quotes(["SAP.SG", "SAP.MU"]) == {}
    assert server.paths == []
    assert DIALECT.outward("BRK.B") == "BRK.B"


async def test_a_share_that_is_not_on_its_exchanges_list_has_no_price_in_we_know_not_what():
    async with connected() as (provider, server, _):
        assert await provider.quotes(["ZZZ.L"]) == {}
    assert server.paths == ["/stock/symbol"]


async def test_candles_are_asked_in_seconds_from_the_first_midnight_to_the_end_of_the_last_day():
    async with connected() as (provider, server, _):
        await provider.bars("AAPL", first=date(2026, 11, 18), last=date(2026, 11, 19))
    assert server.requests[0].query == {
        "symbol": "AAPL",
        "resolution": "D",
        "from": "1794960000",
        "to": "1795132799",
    }


@pytest.mark.parametrize(
    ("now", "days"),
    [
        # New York closes at 21:00 in UTC on 2026-11-19, and prices are mended for four hours.
        (datetime(2026, 11, 20, 0, 59, tzinfo=UTC), [18]),
        (datetime(2026, 11, 20, 1, 0, tzinfo=UTC), [18, 19]),
    ],
)
async def test_a_day_that_may_still_run_is_no_close(now, days):
    async with connected() as (provider, server, clock):
        clock.now = now
        bars = await provider.bars("AAPL", first=FIRST, last=LAST)
        assert [bar.day.day for bar in bars] == days
        assert await provider.bars("AAPL", first=now.date(), last=now.date()) == []
    assert len(server.requests) == 1


async def test_actions_outside_the_days_asked_are_left_out():
    async with connected() as (provider, server, _):
        found = await provider.actions("AAPL", first=date(2026, 11, 9), last=date(2026, 11, 9))
    assert found.splits == ()
    assert [event.amount for event in found.dividends] == [Decimal("0.26")]
    assert server.paths == ["/stock/split", "/stock/dividend"]


async def test_only_the_very_symbol_is_found():
    async with connected() as (provider, server, _):
        found = {"description": "", "symbol": "AAPLW", "type": ""}
        server.answers(reply({"count": 1, "result": [found]}))
        assert await provider.find(["AAPL"]) == {}


async def test_finding_a_share_of_another_exchange_reads_its_list_alone():
    async with connected() as (provider, server, _):
        found = await provider.find(["VOD.L"])
    assert found["VOD.L"] == InstrumentMatch(
        symbol="VOD.L",
        name="VODAFONE GROUP PLC",
        currency="GBP",
        source="finnhub",
        exchange="London",
        figi="BBG000C6K6G9",
    )
    assert server.paths == ["/stock/symbol"]


@pytest.mark.parametrize(
    ("headers", "until"),
    [
        ({}, datetime(2026, 11, 20, 21, 31, tzinfo=UTC)),
        ({"retry-after": "7"}, datetime(2026, 11, 20, 21, 30, 27, tzinfo=UTC)),
        # 1795210245 is 2026-11-20, 21:30:45 in UTC.
        ({"x-ratelimit-reset": "1795210245"}, datetime(2026, 11, 20, 21, 30, 45, tzinfo=UTC)),
        # in the past, an hour away, in milliseconds, no number
        ({"x-ratelimit-reset": "1795210200"}, datetime(2026, 11, 20, 21, 31, tzinfo=UTC)),
        ({"x-ratelimit-reset": "1795213800"}, datetime(2026, 11, 20, 21, 31, tzinfo=UTC)),
        ({"x-ratelimit-reset": "1795210245000"}, datetime(2026, 11, 20, 21, 31, tzinfo=UTC)),
        ({"x-ratelimit-reset": "soon"}, datetime(2026, 11, 20, 21, 31, tzinfo=UTC)),
    ],
)
def test_a_limit_lasts_until_the_header_says_or_the_next_minute(headers, until):
    with pytest.raises(RateLimitedError) as caught:
        check(answer("API limit reached. Please try again later.", status=429, headers=headers))
    assert caught.value.until == until


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, '{"error":"Invalid API key."}', InvalidCredentialsError),
        (401, '{"error":"You don\'t have access to this resource."}', NotEntitledError),
        (403, '{"error":"You don\'t have access to this resource."}', NotEntitledError),
        (403, "", NotEntitledError),
        (403, "<html>", UnavailableError),
        (429, "API limit reached. Please sign up for a free account.", InvalidCredentialsError),
        (502, "<html>", UnavailableError),
        (302, "", BadPayloadError),
    ],
)
def test_a_refusal_is_taken_for_what_its_words_say(status, body, error):
    with pytest.raises(error):
        check(answer(body, status=status))


def test_the_calls_left_are_read_where_the_headers_tell():
    assert calls_left(answer({})) is None
    assert calls_left(answer({}, headers={"x-ratelimit-remaining": "many"})) is None
    told = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795210245"}
    assert calls_left(answer({}, headers=told)) == (
        0,
        datetime(2026, 11, 20, 21, 30, 45, tzinfo=UTC),
    )


async def test_when_no_calls_are_left_none_is_made_until_the_minute_is_over():
    async with connected() as (provider, server, clock):
        server.answers(reply(QUOTES["AAPL"], headers={"X-Ratelimit-Remaining": "0"}))
        assert set(await provider.quotes(["AAPL"])) == {"AAPL"}
        with pytest.raises(RateLimitedError):
            await provider.quotes(["AAPL"])
        assert len(server.requests) == 1
        clock.now = datetime(2026, 11, 20, 21, 31, tzinfo=UTC)
        assert set(await provider.quotes(["AAPL"])) == {"AAPL"}


async def test_five_calls_of_the_second_and_of_the_minute_are_left_for_others():
    async with connected() as (provider, server, clock):
        for _ in range(25):
            await provider.quotes(["AAPL"])
        assert clock.now == NOW
        await provider.quotes(["AAPL"])  # waits for the next second
        assert clock.now == NOW + timedelta(seconds=1)
        for _ in range(29):
            await provider.quotes(["AAPL"])
        with pytest.raises(RateLimitedError):
            await provider.quotes(["AAPL"])
    assert len(server.requests) == 55
