"""Expected values are read off the documented payloads by hand: text, pence and 200 for errors."""

from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import orjson
import pytest

from datasources.errors import (
    BadPayloadError,
    InvalidRequestError,
    NotEntitledError,
    QuotaExhaustedError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Answer
from datasources.providers._alpha_vantage import (
    parse_bars,
    parse_dividends,
    parse_euro,
    parse_profile,
    parse_quote,
    parse_search,
    parse_splits,
    split_ratio,
)
from datasources.providers.alpha_vantage import DIALECT, AlphaVantage, check
from datasources.symbols import Names
from models.market import (
    AssetClass,
    CompanyProfile,
    EuroRate,
    InstrumentMatch,
    Quote,
    QuoteQuality,
    RateQuestion,
)
from tests.contract.vendors.alpha_vantage import (
    BURST,
    DAILY,
    DAYS,
    DIVIDENDS,
    INVALID_CALL,
    MINUTE,
    OVERVIEW,
    PREMIUM_SIZE,
    QUOTES,
    SEARCHES,
    global_quote,
    handler,
)
from tests.vendors import KEY, fake_vendor, reply, upstream_of

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 20)
NOTHING = {"Global Quote": {}}


def answer(body, *, status=200, now=NOW):
    return Answer(status=status, headers={}, body=orjson.dumps(body), received_at=now)


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@asynccontextmanager
async def connected(handle=handler):
    clock = Clock()
    async with (
        fake_vendor() as server,
        upstream_of(AlphaVantage.vendor, server, clock=clock) as upstream,
    ):
        server.handler = handle
        yield AlphaVantage(upstream, names=Names(DIALECT), clock=clock), server, clock


def free(request):
    """Answer like to a free key: no more than the last hundred rows."""
    if request.query.get("outputsize") == "full":
        return reply({"Information": PREMIUM_SIZE})
    return handler(request)


def test_a_quote_is_the_last_close_and_delayed():
    assert parse_quote(answer(QUOTES["AAPL"]), symbol="AAPL") == Quote(
        symbol="AAPL",
        price=Decimal("303.66"),
        currency="USD",
        as_of=datetime(2026, 11, 19, 21, 0, tzinfo=UTC),
        received_at=NOW,
        source="alpha_vantage",
        quality=QuoteQuality.DELAYED,
        previous_close=Decimal("301.78"),
        open=Decimal("301.1"),
        high=Decimal("304.5"),
        low=Decimal("300.2"),
        volume=Decimal(3_551_020),
    )


def test_prices_of_london_are_in_pence_though_the_answer_does_not_say_so():
    quote = parse_quote(answer(QUOTES["VOD.LON"]), symbol="VOD.L", unit="GBX")
    assert (quote.price, quote.previous_close) == (Decimal("0.975"), Decimal("0.96"))
    assert (quote.open, quote.high, quote.low) == (
        Decimal("3.011"),
        Decimal("3.045"),
        Decimal("3.002"),
    )
    assert quote.currency == "GBP"
    # London closes at 16:30.
    assert quote.as_of == datetime(2026, 11, 19, 16, 30, tzinfo=UTC)


def test_a_quote_of_a_paid_plan_has_a_longer_name():
    body = {"Global Quote - DATA DELAYED BY 15 MINUTES": QUOTES["AAPL"]["Global Quote"]}
    assert parse_quote(answer(body), symbol="AAPL").price == Decimal("303.66")


def test_a_quote_of_a_day_that_still_runs_is_no_older_than_its_answer():
    body = global_quote("AAPL", price="1.5", before="1.4", day="2026-11-20")
    now = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    assert parse_quote(answer(body, now=now), symbol="AAPL").as_of == now


@pytest.mark.parametrize(
    "body",
    [
        NOTHING,
        INVALID_CALL,
        global_quote("AAPL", price="None", before="1"),
        global_quote("AAPL", price="0.0000", before="1"),
        global_quote("AAPL", price="1.5", before="1", day="None"),
    ],
    ids=["empty", "invalid call", "no price", "zero", "no day"],
)
def test_what_stands_for_an_unknown_symbol_is_no_quote(body):
    assert parse_quote(answer(body), symbol="ZZZZZ") is None


def test_missing_fields_of_a_new_listing_are_missing_in_its_quote():
    row = {"05. price": "1.5", "07. latest trading day": "2026-11-19", "08. previous close": "None"}
    row |= {"06. volume": "0", "02. open": "-"}
    quote = parse_quote(answer({"Global Quote": row}), symbol="NEW")
    assert (quote.previous_close, quote.open, quote.high, quote.volume) == (None,) * 4


def test_an_overview_is_a_profile_with_its_market_value_in_units():
    assert parse_profile(answer(OVERVIEW), symbol="AAPL") == CompanyProfile(
        symbol="AAPL",
        name="Apple Inc",
        source="alpha_vantage",
        fetched_at=NOW,
        country="US",
        currency="USD",
        exchange="NASDAQ",
        market_cap=Decimal(3_421_550_700_000),
        sector="Technology",
        industry="Consumer Electronics",
    )


@pytest.mark.parametrize("body", [{}, {"Symbol": "ZZZZZ", "Name": "None"}])
def test_an_overview_without_a_name_is_no_profile(body):
    assert parse_profile(answer(body), symbol="ZZZZZ") is None


def test_what_an_overview_lacks_is_missing_and_a_market_value_is_never_in_pence():
    body = {"Name": "Tesco PLC", "Currency": "GBX", "MarketCapitalization": "28000000000"}
    body |= {"Sector": "-", "Country": "None"}
    profile = parse_profile(answer(body), symbol="TSCO.L")
    assert (profile.currency, profile.market_cap) == ("GBP", Decimal(28_000_000_000))
    assert (profile.sector, profile.industry, profile.country) == (None, None, None)


def test_days_come_oldest_first_as_they_were_traded():
    first, second = parse_bars(answer(DAYS), symbol="AAPL", first=FIRST, last=LAST)
    assert (first.day, first.close) == (date(2026, 11, 10), Decimal("304.4"))
    assert (second.day, second.open, second.high, second.low, second.close, second.volume) == (
        date(2026, 11, 19),
        Decimal("301.1"),
        Decimal("304.5"),
        Decimal("300.2"),
        Decimal("303.66"),
        Decimal(3_551_020),
    )
    assert not first.adjusted
    assert first.currency == "USD"


def test_a_field_is_known_by_its_name_as_its_number_differs():
    # The volume is the sixth field where there is an adjusted close.
    row = {"4. close": "303.66", "5. adjusted close": "1.1", "6. volume": "3551020"}
    body = {"Time Series (Daily) - DATA DELAYED BY 15 MINUTES": {"2026-11-19": row}}
    (bar,) = parse_bars(answer(body), symbol="VOD.L", first=FIRST, last=LAST, unit="GBX")
    assert (bar.close, bar.volume) == (Decimal("3.0366"), Decimal(3_551_020))
    assert bar.currency == "GBP"


@pytest.mark.parametrize(
    ("symbol", "text", "price", "currency"),
    [("VOD.L", "VOD.LON", "0.975", "GBP"), ("CSPX.L", "CSPX.LON", "612.5", "USD")],
)
async def test_what_a_london_price_is_in_is_asked_for_once(symbol, text, price, currency):
    quotes = {
        "VOD.LON": QUOTES["VOD.LON"],
        "CSPX.LON": global_quote("CSPX.LON", price="612.5000", before="610.0000"),
    }

    def handle(request):
        function = request.query["function"]
        return reply(SEARCHES[text] if function == "SYMBOL_SEARCH" else quotes[text])

    async with connected(handle) as (provider, server, _):
        for _ in range(2):
            quote = (await provider.quotes([symbol]))[symbol]
            assert (quote.price, quote.currency) == (Decimal(price), currency)
    asked = [request.query["function"] for request in server.requests]
    assert asked == ["SYMBOL_SEARCH", "GLOBAL_QUOTE", "GLOBAL_QUOTE"]


async def test_a_london_price_in_nobody_knows_what_is_none():
    async with connected(lambda _: reply({"bestMatches": []})) as (provider, _, _):
        assert await provider.quotes(["XYZ.L"]) == {}
        assert await provider.bars("XYZ.L", first=FIRST, last=LAST) == []


def test_days_outside_those_asked_are_left_out():
    one = date(2026, 11, 10)
    (bar,) = parse_bars(answer(DAYS), symbol="AAPL", first=one, last=one)
    assert bar.day == one


@pytest.mark.parametrize(
    ("factor", "new", "old"),
    [
        ("4.0000", 4, 1),
        ("1.5000", 3, 2),
        ("0.1000", 1, 10),
        # as printed with four places: 1/3, 4/3, 2/3, 1/15, 1/30
        ("0.3333", 1, 3),
        ("1.3333", 4, 3),
        ("0.6667", 2, 3),
        ("0.0667", 1, 15),
        ("0.0333", 1, 30),
        # near no simple ratio
        ("1.0500", 21, 20),
        ("1.0215", 2043, 2000),
    ],
)
def test_a_factor_stands_for_the_simple_ratio_it_was_rounded_from(factor, new, old):
    assert split_ratio(Decimal(factor)) == (new, old)


def test_splits_without_a_day_or_a_factor_are_none():
    body = {
        "symbol": "IBM",
        "data": [
            {"effective_date": "1999-05-27", "split_factor": "2.0000"},
            {"effective_date": "1997-05-28", "split_factor": "2.0000"},
            {"effective_date": "None", "split_factor": "2.0000"},
            {"effective_date": "1996-05-28", "split_factor": "0"},
        ],
    }
    splits = parse_splits(answer(body), symbol="IBM")
    assert [split.day.year for split in splits] == [1997, 1999]
    assert (splits[0].new, splits[0].old) == (2, 1)


def test_dividends_come_oldest_first_and_their_pay_day_may_be_missing():
    first, second = parse_dividends(answer(DIVIDENDS), symbol="AAPL")
    assert (first.ex_day, first.pay_day) == (date(2026, 8, 10), None)
    assert (second.ex_day, second.pay_day) == (date(2026, 11, 10), date(2026, 12, 10))
    assert (second.amount, second.currency) == (Decimal("1.68"), "USD")


def test_a_search_tells_the_major_currency_and_leaves_out_venues_without_symbols():
    body = {
        "bestMatches": [
            {"1. symbol": "TSCO.LON", "2. name": "Tesco PLC", "3. type": "Equity", "4. region": "United Kingdom", "8. currency": "GBX"},
            {"1. symbol": "TSCDF", "2. name": "Tesco plc", "3. type": "Equity", "4. region": "United States", "8. currency": "USD"},
            {"1. symbol": "TCO0.FRK", "2. name": "Tesco PLC", "3. type": "Equity", "4. region": "Frankfurt", "8. currency": "EUR"},
            {"1. symbol": "BRK-B", "2. name": "", "3. type": "ETF", "4. region": "United States", "8. currency": ""},
            {"1. symbol": "TSCO.LON", "2. name": "again", "3. type": "Equity", "4. region": "United Kingdom", "8. currency": "GBX"},
        ]
    }  # fmt: skip
    found = parse_search(answer(body), names=Names(DIALECT))
    assert found == [
        InstrumentMatch(
            symbol="TSCO.L",
            name="Tesco PLC",
            currency="GBP",
            source="alpha_vantage",
            exchange="London",
        ),
        InstrumentMatch(
            symbol="TSCDF",
            name="Tesco plc",
            currency="USD",
            source="alpha_vantage",
            exchange="NASDAQ/NYSE",
        ),
        InstrumentMatch(
            symbol="BRK.B",
            name="BRK.B",
            currency="USD",
            source="alpha_vantage",
            exchange="NASDAQ/NYSE",
            asset_class=AssetClass.FUND,
        ),
    ]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK-B"),
        ("VOD.L", "VOD.LON"),
        ("RY.TO", "RY.TRT"),
        ("SAP.DE", "SAP.DEX"),
        ("RELIANCE.BO", "RELIANCE.BSE"),
        ("600519.SS", "600519.SHH"),
    ],
)
def test_symbols_are_written_as_the_vendor_does_and_back(ours, theirs):
    assert DIALECT.outward(ours) == theirs
    assert DIALECT.inward(theirs) == ours


@pytest.mark.parametrize("symbol", ["7203.T", "EURUSD=X", "BTC-USD", "^GSPC"])
async def test_what_the_vendor_does_not_serve_is_not_asked(symbol):
    async with connected() as (provider, server, _):
        assert await provider.quotes([symbol]) == {}
        assert await provider.profiles([symbol]) == {}
        assert await provider.bars(symbol, first=FIRST, last=LAST) == []
        assert (await provider.actions(symbol, first=FIRST, last=LAST)).splits == ()
        assert await provider.find([symbol]) == {}
        assert await provider.rates([]) == {}
        assert await provider.search(" ", limit=5) == []
    assert server.requests == []


async def test_london_has_no_actions_as_nothing_tells_what_its_dividends_are_in():
    async with connected() as (provider, server, _):
        found = await provider.actions("VOD.L", first=date(2000, 1, 1), last=LAST)
    assert (found.splits, found.dividends) == ((), ())
    assert server.requests == []


async def test_only_the_very_symbol_is_found():
    async with connected() as (provider, server, _):
        server.answers(
            reply(
                {
                    "bestMatches": [
                        {"1. symbol": "AAPLW", "4. region": "United States", "8. currency": "USD"},
                        {"1. symbol": "AAPL", "4. region": "United States", "8. currency": "USD"},
                        {"1. symbol": "NO SYMBOL", "4. region": "United States"},
                    ]
                }
            )
        )
        assert list(await provider.find(["AAPL"])) == ["AAPL"]
        assert await provider.find(["ZZZZZ"]) == {}


def test_a_long_answer_is_no_error_whatever_its_words():
    check(answer({"Name": "x" * 5_000, "Note": "per minute"}))


async def test_the_key_travels_in_the_query_and_the_symbol_as_the_vendor_writes_it():
    async with connected() as (provider, server, _):
        await provider.quotes(["BRK.B"])
    assert server.requests[0].query == {
        "function": "GLOBAL_QUOTE",
        "symbol": "BRK-B",
        "apikey": KEY,
    }


@pytest.mark.parametrize(
    ("first", "size"),
    [
        # From Monday 6 July to Friday 20 November 2026 are twenty weeks of five days.
        (date(2026, 7, 6), "compact"),
        (date(2026, 7, 5), "compact"),
        (date(2026, 7, 3), "full"),
    ],
)
async def test_all_days_are_asked_only_when_a_hundred_may_not_do(first, size):
    async with connected() as (provider, server, _):
        await provider.bars("AAPL", first=first, last=LAST)
    assert [request.query["outputsize"] for request in server.requests] == [size]


@pytest.mark.parametrize(
    ("now", "days"),
    [
        # New York closes at 21:00 in UTC on 2026-11-19, and prices are mended for four hours.
        (datetime(2026, 11, 20, 0, 59, tzinfo=UTC), [10]),
        (datetime(2026, 11, 20, 1, 0, tzinfo=UTC), [10, 19]),
    ],
)
async def test_a_day_that_may_still_run_is_no_close(now, days):
    async with connected() as (provider, server, clock):
        clock.now = now
        bars = await provider.bars("AAPL", first=FIRST, last=LAST)
        assert [bar.day.day for bar in bars] == days
        assert await provider.bars("AAPL", first=now.date(), last=now.date()) == []
    assert len(server.requests) == 1


async def test_days_beyond_a_free_plan_are_refused_once_and_the_last_hundred_still_had():
    async with connected(free) as (provider, server, clock):
        for _ in range(3):
            with pytest.raises(InvalidRequestError):
                await provider.bars("AAPL", first=date(2020, 1, 1), last=LAST)
        assert len(server.requests) == 1
        assert len(await provider.bars("AAPL", first=FIRST, last=LAST)) == 2
        clock.now += timedelta(days=1)
        with pytest.raises(InvalidRequestError):
            await provider.bars("AAPL", first=date(2020, 1, 1), last=LAST)
    assert [request.query["outputsize"] for request in server.requests] == [
        "full",
        "compact",
        "full",
    ]


async def test_a_plan_without_even_a_hundred_days_does_not_include_them():
    async with connected(lambda _: reply({"Information": PREMIUM_SIZE})) as (provider, _, _):
        with pytest.raises(NotEntitledError):
            await provider.bars("AAPL", first=FIRST, last=LAST)
        with pytest.raises(NotEntitledError):
            await provider.rates([question("EUR", "USD", LAST)])


def question(base, target, day):
    return RateQuestion(base=base, target=target, day=day)


def test_the_rate_of_today_still_moves_and_is_left_out():
    body = {"Time Series FX (Daily)": {"2026-11-20": {"4. close": "1.1173"}, "2026-11-19": {"4. close": "1.1170"}, "2026-11-18": {"4. close": "None"}}}  # fmt: skip
    assert parse_euro(answer(body)) == {date(2026, 11, 19): Decimal("1.1170")}


async def test_a_cross_rate_divides_two_rates_of_one_day_and_names_them():
    # One euro was 1.12 dollars and 0.84 pounds on Friday: a dollar was three quarters of a pound.
    asked = question("USD", "GBP", date(2026, 11, 15))
    async with connected() as (provider, _, _):
        rate = (await provider.rates([asked]))[asked]
    day = date(2026, 11, 13)
    assert (rate.value, rate.day, rate.source) == (Decimal("0.75"), day, "alpha_vantage")
    assert rate.legs == (
        EuroRate(currency="USD", day=day, value=Decimal("1.12"), source="alpha_vantage"),
        EuroRate(currency="GBP", day=day, value=Decimal("0.84"), source="alpha_vantage"),
    )


async def test_a_rate_stands_for_a_week_and_no_longer():
    # The last pounds are of Monday the 16th.
    week = [question("EUR", "GBP", date(2026, 11, day)) for day in (16, 20, 12)]
    async with connected() as (provider, _, clock):
        found = await provider.rates(week)
        assert {asked.day.day: rate.day.day for asked, rate in found.items()} == {16: 16, 20: 16}
        clock.now += timedelta(days=5)
        assert await provider.rates([question("EUR", "GBP", date(2026, 11, 24))]) == {}


async def test_the_series_of_a_currency_is_asked_once_a_day_even_of_an_unknown_one():
    async with connected() as (provider, server, clock):
        for _ in range(3):
            for day in (date(2026, 11, 13), date(2026, 11, 19)):
                await provider.rates([question("EUR", "USD", day), question("XXX", "EUR", day)])
        assert [request.query["to_symbol"] for request in server.requests] == ["USD", "XXX"]
        clock.now += timedelta(days=1)
        await provider.rates([question("EUR", "USD", date(2026, 11, 19))])
    assert len(server.requests) == 3


async def test_rates_of_long_ago_are_absent_on_a_free_plan_and_cost_two_calls_once():
    long_ago, lately = (question("EUR", "USD", date(year, 11, 13)) for year in (2020, 2026))
    async with connected(free) as (provider, server, _):
        for _ in range(2):
            assert set(await provider.rates([long_ago, lately])) == {lately}
    assert [request.query["outputsize"] for request in server.requests] == ["full", "compact"]


@pytest.mark.parametrize(
    ("body", "error", "until"),
    [
        ({"Information": BURST}, RateLimitedError, NOW + timedelta(seconds=2)),
        # Midnight in New York is 05:00 in UTC in November.
        ({"Information": DAILY}, QuotaExhaustedError, datetime(2026, 11, 21, 5, 0, tzinfo=UTC)),
        ({"Note": MINUTE}, RateLimitedError, NOW + timedelta(minutes=1)),
        (
            {"Note": "Please lower your API call frequency."},
            RateLimitedError,
            NOW + timedelta(minutes=1),
        ),
        (
            {"Note": "Our call frequency is 500 calls per day."},
            QuotaExhaustedError,
            datetime(2026, 11, 21, 5, 0, tzinfo=UTC),
        ),
    ],
    ids=["burst", "day", "minute", "frequency", "day of old"],
)
def test_each_limit_ends_when_its_window_does(body, error, until):
    with pytest.raises(RateLimitedError) as caught:
        check(answer(body))
    assert type(caught.value) is error
    assert caught.value.until == until


def test_an_invalid_call_is_let_pass_and_a_bad_status_without_words_is_not():
    check(answer(INVALID_CALL))
    check(answer(OVERVIEW))
    with pytest.raises(UnavailableError):
        check(answer({}, status=500))


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        (parse_quote, {"Quote": {}}),
        (parse_splits, {"data": {}}),
        (parse_dividends, {"data": None}),
    ],
)
def test_an_answer_in_another_form_is_a_bad_payload(parse, body):
    with pytest.raises(BadPayloadError):
        parse(answer(body), symbol="AAPL")


async def test_calls_keep_more_than_a_second_apart():
    async with connected() as (provider, _, clock):
        await provider.quotes(["AAPL"])
        assert clock.now == NOW
        await provider.quotes(["AAPL"])
        assert clock.now == NOW + timedelta(seconds=1.2)


async def test_after_25_calls_none_is_made_until_midnight_in_new_york():
    async with connected() as (provider, server, clock):
        for _ in range(25):
            await provider.quotes(["AAPL"])
        with pytest.raises(QuotaExhaustedError) as caught:
            await provider.quotes(["AAPL"])
        assert caught.value.until == datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
        assert len(server.requests) == 25
        clock.now = caught.value.until
        assert set(await provider.quotes(["AAPL"])) == {"AAPL"}


async def test_a_used_up_day_that_the_vendor_tells_of_closes_it_until_midnight():
    async with connected(lambda _: reply({"Information": DAILY})) as (provider, server, clock):
        for _ in range(2):
            with pytest.raises(QuotaExhaustedError) as caught:
                await provider.quotes(["AAPL"])
            assert KEY not in str(caught.value)
        assert len(server.requests) == 1
        clock.now = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
        server.handler = handler
        assert set(await provider.quotes(["AAPL"])) == {"AAPL"}
