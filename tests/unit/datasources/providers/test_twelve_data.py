"""What Twelve Data's answers are taken for; the payloads are in the form its documents give."""

from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import orjson
import pytest

from datasources.errors import (
    BadPayloadError,
    NotEntitledError,
    QuotaExhaustedError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Answer
from datasources.providers._twelve_data import (
    EXCHANGES,
    MICS,
    failure,
    read_bars,
    read_matches,
    read_quotes,
)
from datasources.providers.twelve_data import DIALECT, VENDOR, TwelveData, calls_left
from datasources.symbols import VENUES, Names
from models.market import AssetClass, Bar, InstrumentMatch, Quote, QuoteQuality
from tests.contract.vendors.twelve_data import (
    APPLE,
    DAY,
    DAYS,
    LISTINGS,
    LONDON,
    MINUTE,
    NASDAQ,
    NO_DATA,
    PLAN,
    UNKNOWN,
    VODAFONE,
    error,
)
from tests.vendors import KEY, fake_vendor, reply, upstream_of

NOW = datetime(2026, 11, 20, 21, 30, 40, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@asynccontextmanager
async def connected(*replies):
    clock = Clock()
    async with fake_vendor() as server, upstream_of(VENDOR, server, clock=clock) as upstream:
        server.answers(*replies)
        yield TwelveData(upstream, names=Names(DIALECT), clock=clock), server


def answer(body, *, status=200, headers=None):
    return Answer(status=status, headers=headers or {}, body=orjson.dumps(body), received_at=NOW)


@pytest.mark.parametrize(
    ("symbol", "outward", "inward"),
    [
        ("AAPL", "AAPL", "AAPL"),
        ("BRK.B", "BRK.B", "BRK.B"),
        ("VOD.L", "VOD:LSE", "VOD:XLON"),
        ("SAP.DE", "SAP:XETR", "SAP:XETR"),
        ("MC.PA", "MC:Euronext", "MC:XPAR"),  # one exchange, four markets: the MIC tells
        ("ASML.AS", "ASML:Euronext", "ASML:XAMS"),
        ("7203.T", "7203:JPX", "7203:XJPX"),  # not XTKS
        ("EURUSD=X", "EUR/USD", "EUR/USD"),
        ("BTC-USD", "BTC/USD", "BTC/USD"),  # three letters do not make a currency
        ("DOGE-EUR", "DOGE/EUR", "DOGE/EUR"),
    ],
)
def test_a_symbol_is_asked_for_at_its_exchange_and_recognised_by_its_market(
    symbol, outward, inward
):
    assert DIALECT.outward(symbol) == outward
    assert DIALECT.inward(inward) == symbol


@pytest.mark.parametrize("text", ["APC:XSTU", "AAPL:None", "ABC.V", "GOLD/OUNCE", "A B", ""])
def test_a_listing_on_a_market_that_is_none_of_ours_has_no_symbol(text):
    assert DIALECT.inward(text) is None


def test_an_index_and_a_venue_that_is_not_served_are_not_asked_for():
    assert DIALECT.outward("^GSPC") is None
    assert DIALECT.outward("NBK.KW") is None


def test_every_market_leads_back_to_the_venue_it_is_served_for():
    assert {MICS[VENUES[suffix].mic] for suffix in EXCHANGES} == set(EXCHANGES)


def test_a_quote_is_read_from_text_and_dated_by_its_last_price_not_by_its_bar():
    assert read_quotes(answer(APPLE), {"AAPL": "AAPL"}) == {
        "AAPL": Quote(
            symbol="AAPL",
            price=Decimal("231.42"),
            currency="USD",
            as_of=datetime(2026, 11, 19, 20, 59, tzinfo=UTC),  # 1795121940, not 1795098600
            received_at=NOW,
            source="twelve_data",
            quality=QuoteQuality.FRESH,
            previous_close=Decimal("229.55"),
            open=Decimal("229.9"),
            high=Decimal("232.1"),
            low=Decimal("229.05"),
            volume=Decimal(38811920),
        )
    }


def test_pence_become_pounds_in_every_price_and_in_nothing_else():
    quote = read_quotes(answer(VODAFONE), {"VOD:LSE": "VOD.L"})["VOD.L"]
    assert (quote.currency, quote.price) == ("GBP", Decimal("1.1925"))
    assert (quote.open, quote.high, quote.low, quote.previous_close) == (
        Decimal("1.188"),
        Decimal("1.199"),
        Decimal("1.18"),
        Decimal("1.1855"),
    )
    assert quote.volume == 43498216
    assert quote.quality is QuoteQuality.DELAYED


def test_a_fund_in_london_may_be_quoted_in_another_currency():
    fund = {**VODAFONE, "symbol": "3SAP", "currency": "USD", "close": "2.5"}
    quote = read_quotes(answer(fund), {"3SAP:LSE": "3SAP.L"})["3SAP.L"]
    assert (quote.currency, quote.price) == ("USD", Decimal("2.5"))


@pytest.mark.parametrize(
    ("ticker", "symbol", "changes"),
    [
        # A share of the same ticker elsewhere answers for an American one that is not there.
        ("BMW", "BMW", {"symbol": "BMW", "mic_code": "XETR", "currency": "EUR"}),
        ("BMW", "BMW", {"symbol": "BMW", "mic_code": "XSTU", "currency": "EUR"}),
        # Euronext has the ticker in Brussels, not in Paris.
        ("ABI:Euronext", "ABI.PA", {"symbol": "ABI", "mic_code": "XBRU", "currency": "EUR"}),
        # Without its currency nobody knows whether these are pence.
        ("VOD:LSE", "VOD.L", {"mic_code": "XLON", "currency": None}),
        # Thin symbols lack this and that.
        ("AAPL", "AAPL", {"close": None}),
        ("AAPL", "AAPL", {"close": "0"}),
        ("AAPL", "AAPL", {"last_quote_at": None, "timestamp": None}),
    ],
)
def test_a_price_of_something_else_or_of_nobody_knows_what_is_left_out(ticker, symbol, changes):
    assert read_quotes(answer({**APPLE, **changes}), {ticker: symbol}) == {}


def test_what_a_thin_symbol_lacks_is_unknown_and_its_bar_dates_it_at_worst():
    thin = {
        "symbol": "AAPL",
        "close": "231.42",
        "timestamp": 1795098600,
        "open": "",
        "volume": None,
    }
    quote = read_quotes(answer(thin), {"AAPL": "AAPL"})["AAPL"]
    assert quote.as_of == datetime(2026, 11, 19, 14, 30, tzinfo=UTC)
    assert (quote.currency, quote.open, quote.volume) == ("USD", None, None)


def test_a_pair_is_in_its_second_currency_and_has_no_volume():
    pair = {"symbol": "EUR/GBP", "close": "0.87511", "last_quote_at": 1795121940}
    quote = read_quotes(answer(pair), {"EUR/GBP": "EURGBP=X"})["EURGBP=X"]
    assert (quote.price, quote.currency, quote.volume) == (Decimal("0.87511"), "GBP", None)


BOTH = {"AAPL": "AAPL", "VOD:LSE": "VOD.L"}


def test_an_unknown_member_of_a_batch_is_absent_and_the_others_are_not():
    assert set(read_quotes(answer({"AAPL": APPLE, "VOD:LSE": UNKNOWN}), BOTH)) == {"AAPL"}
    assert set(read_quotes(answer({"AAPL": APPLE}), BOTH)) == {"AAPL"}
    assert read_quotes(answer(UNKNOWN, status=404), BOTH) == {}


def test_an_exchange_beyond_the_plan_does_not_bar_the_others_of_its_batch():
    assert set(read_quotes(answer({"AAPL": APPLE, "VOD:LSE": PLAN}), BOTH)) == {"AAPL"}
    with pytest.raises(NotEntitledError):
        read_quotes(answer({"AAPL": PLAN, "VOD:LSE": PLAN}), BOTH)


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (MINUTE, RateLimitedError),
        (DAY, QuotaExhaustedError),
        (error(500, "Internal server error."), UnavailableError),
    ],
)
def test_a_member_that_could_not_be_told_never_passes_for_unknown(member, expected):
    with pytest.raises(expected):
        read_quotes(answer({"AAPL": APPLE, "VOD:LSE": member}), BOTH)


def test_the_minute_and_the_day_of_credits_end_when_they_do():
    minute, day = failure(MINUTE, now=NOW), failure(DAY, now=NOW)
    assert type(minute) is RateLimitedError
    assert minute.until == datetime(2026, 11, 20, 21, 31, tzinfo=UTC)
    assert type(day) is QuotaExhaustedError
    assert day.until == datetime(2026, 11, 21, tzinfo=UTC)


def test_what_is_left_of_the_minute_stands_in_a_header():
    end = datetime(2026, 11, 20, 21, 31, tzinfo=UTC)
    assert calls_left(answer({}, headers={"api-credits-left": "3"})) == (3, end)
    assert calls_left(answer({})) is None
    assert calls_left(answer({}, headers={"api-credits-left": "-1"})) is None


async def test_a_batch_is_one_request_and_costs_a_credit_for_each_symbol():
    both = reply({"AAPL": APPLE, "VOD:LSE": VODAFONE})
    async with connected(both) as (one, server):
        found = await one.quotes(["AAPL", "VOD.L", "^GSPC"])
        assert await one.quotes(["^GSPC"]) == {}
        states = one.upstream.budget.states()
    assert set(found) == {"AAPL", "VOD.L"}
    (request,) = server.requests
    assert request.query == {"symbol": "AAPL,VOD:LSE"}
    assert request.headers["authorization"] == f"apikey {KEY}"
    assert [(state.limit, state.left) for state in states] == [(8, 6), (800, 798)]


async def test_no_more_credits_are_spent_than_a_minute_has():
    async with connected(reply(APPLE)) as (one, server):
        for _ in range(8):
            await one.quotes(["AAPL"])
        with pytest.raises(RateLimitedError) as caught:
            await one.quotes(["AAPL"])
    assert len(server.requests) == 8
    assert caught.value.until == NOW + timedelta(minutes=1)


async def test_after_a_header_that_says_nothing_is_left_nobody_asks_before_the_next_minute():
    spent = reply(APPLE, headers={"api-credits-left": "0"})
    async with connected(spent) as (one, server):
        assert set(await one.quotes(["AAPL"])) == {"AAPL"}
        with pytest.raises(RateLimitedError):
            await one.quotes(["AAPL"])
    assert len(server.requests) == 1


async def test_bars_are_asked_for_as_traded_with_the_day_after_the_last():
    async with connected(reply({"meta": NASDAQ, "values": DAYS, "status": "ok"})) as (one, server):
        bars = await one.bars("AAPL", first=date(2026, 11, 18), last=date(2026, 11, 30))
    assert server.requests[0].query == {
        "symbol": "AAPL",
        "interval": "1day",
        "adjust": "none",
        "start_date": "2026-11-18",
        "end_date": "2026-11-20",  # the 20th may still change, and its midnight is the end
        "outputsize": "5000",
    }
    assert bars[0] == Bar(
        symbol="AAPL",
        day=date(2026, 11, 18),
        close=Decimal("229.55"),
        currency="USD",
        source="twelve_data",
        open=Decimal("228.8"),
        high=Decimal("230.2"),
        low=Decimal("228.1"),
        volume=Decimal(41230011),
    )
    assert [bar.day.day for bar in bars] == [18, 19]


def test_bars_in_pence_are_in_pounds():
    page = read_bars(answer({"meta": LONDON, "values": DAYS[:1], "status": "ok"}), "VOD.L")
    (bar,) = page.bars
    assert (bar.close, bar.open, bar.currency) == (Decimal("2.3142"), Decimal("2.299"), "GBP")
    assert (bar.volume, bar.adjusted) == (Decimal(38811920), False)


def test_bars_of_another_countrys_share_are_not_taken():
    page = read_bars(answer({"meta": LONDON, "values": DAYS, "status": "ok"}), "VOD")
    assert page.bars == []


@pytest.mark.parametrize("body", [NO_DATA, UNKNOWN, {"meta": NASDAQ, "status": "ok"}])
async def test_an_empty_window_and_an_unknown_symbol_have_no_bars(body):
    async with connected(reply(body)) as (one, _):
        assert await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 11, 19)) == []


async def test_a_day_that_may_still_change_and_an_unserved_venue_cost_nothing():
    async with connected(reply(NO_DATA)) as (one, server):
        assert await one.bars("AAPL", first=date(2026, 11, 20), last=date(2026, 11, 20)) == []
        assert await one.bars("NBK.KW", first=date(2026, 11, 2), last=date(2026, 11, 19)) == []
    assert server.requests == []


def full_page(newest, *, of=5000):
    days = [{"datetime": str(newest - timedelta(days=back)), "close": "1"} for back in range(of)]
    return reply({"meta": NASDAQ, "values": days, "status": "ok"}), days[-1]["datetime"]


@pytest.mark.parametrize("overlap", [0, 1])
async def test_more_days_than_an_answer_holds_are_asked_for_from_the_oldest_on(overlap):
    newest = date(2026, 11, 19)
    first_page, oldest = full_page(newest)
    # Whether the end itself is in the next page or not, no day comes twice.
    second_page, _ = full_page(date.fromisoformat(oldest) - timedelta(days=1 - overlap), of=3)
    async with connected(first_page, second_page) as (one, server):
        bars = await one.bars("AAPL", first=date(1990, 1, 1), last=newest)
    assert [request.query["end_date"] for request in server.requests] == ["2026-11-20", oldest]
    assert len(bars) == 5003 - overlap
    days = [bar.day for bar in bars]
    assert days == sorted(set(days))


async def test_a_vendor_that_sends_the_same_page_again_is_not_asked_for_ever():
    same, _ = full_page(date(2026, 11, 19))
    async with connected(same) as (one, server):
        bars = await one.bars("AAPL", first=date(1990, 1, 1), last=date(2026, 11, 19))
    assert len(server.requests) == 2
    assert len(bars) == 5000


def test_an_address_that_is_not_there_is_no_unknown_symbol():
    with pytest.raises(BadPayloadError):
        read_quotes(answer({"message": "no Route matched"}, status=404), {"AAPL": "AAPL"})


ROWS = [
    *LISTINGS,
    {**LISTINGS[0], "instrument_name": "Apple Inc. again"},
    {**LISTINGS[1], "symbol": "APC", "exchange": "XSTU", "mic_code": "XSTU", "country": "Germany"},
    {
        **LISTINGS[1],
        "symbol": "3SWP",
        "instrument_name": "GraniteShares 3x Short Apple",
        "exchange": "LSE",
        "mic_code": "XLON",
        "instrument_type": "ETF",
        "country": "United Kingdom",
        "currency": "GBp",
    },
    {
        "symbol": "EUR/USD",
        "instrument_name": "Euro / US Dollar",
        "exchange": "PHYSICAL CURRENCY",
        "mic_code": "",
        "instrument_type": "Physical Currency",
        "country": "",
        "currency": "",
    },
    {
        "symbol": "BTC/EUR",
        "instrument_name": "Bitcoin Euro",
        "exchange": "Binance",
        "instrument_type": "Digital Currency",
        "country": "",
        "currency": "",
    },
]


def test_listings_become_instruments_with_their_class_and_major_currency():
    found = read_matches(answer({"data": ROWS, "status": "ok"}), DIALECT.inward)
    assert [(one.symbol, one.currency, one.asset_class) for one in found.values()] == [
        ("AAPL", "USD", AssetClass.EQUITY),
        ("AAPL.MX", "MXN", AssetClass.EQUITY),
        ("3SWP.L", "GBP", AssetClass.FUND),
        ("EURUSD=X", "USD", AssetClass.CURRENCY),
        ("BTC-EUR", "EUR", AssetClass.CRYPTO),
    ]
    assert found["AAPL"] == InstrumentMatch(
        symbol="AAPL",
        name="Apple Inc.",
        currency="USD",
        source="twelve_data",
        exchange="NASDAQ",
    )


@pytest.mark.parametrize(
    ("text", "asked", "first"),
    [
        ("AAPL", "AAPL", "AAPL"),
        ("aapl.mx", "AAPL", "AAPL.MX"),  # the vendor searches tickers without their exchange
        ("Apple Inc", "Apple Inc", "AAPL"),
    ],
)
async def test_a_search_asks_for_the_bare_ticker_and_puts_the_symbol_asked_for_first(
    text, asked, first
):
    async with connected(reply({"data": ROWS, "status": "ok"})) as (one, server):
        found = await one.search(f" {text} ", limit=2)
    assert server.requests[0].query == {"symbol": asked, "outputsize": "120"}
    assert [len(found), found[0].symbol] == [2, first]


async def test_an_instrument_is_found_under_exactly_its_symbol():
    async with connected(reply({"data": ROWS, "status": "ok"})) as (one, server):
        found = await one.find(["AAPL.MX", "AAPL.DE", "^GSPC"])
    assert {symbol: match.exchange for symbol, match in found.items()} == {"AAPL.MX": "BMV"}
    assert [request.query["symbol"] for request in server.requests] == ["AAPL", "AAPL"]
