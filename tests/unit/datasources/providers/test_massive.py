"""What Massive's answers are taken for; the payloads are in the form its specification gives."""

from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from datasources.errors import (
    BadPayloadError,
    InvalidRequestError,
    NotEntitledError,
    RateLimitedError,
)
from datasources.http import Answer
from datasources.providers._massive import read_matches, read_profile, read_quotes
from datasources.providers.massive import DIALECT, VENDOR, Massive
from datasources.symbols import Names
from models.market import (
    Actions,
    AssetClass,
    Bar,
    CompanyProfile,
    DividendEvent,
    InstrumentMatch,
    Quote,
    QuoteQuality,
    SplitEvent,
)
from tests.contract.vendors.massive import (
    APPLE,
    APPLE_BARS,
    APPLE_SNAPSHOT,
    DIVIDENDS,
    NO_BARS,
    NOTHING,
    SPLITS,
)
from tests.vendors import KEY, fake_vendor, reply, upstream_of

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)  # half past four in New York
RANGE = "/v2/aggs/ticker/AAPL/range/1/day"
REFUSED = {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."}


class Clock:
    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


@asynccontextmanager
async def connected(*replies, now=NOW):
    clock = Clock(now)
    async with fake_vendor() as server, upstream_of(VENDOR, server, clock=clock) as upstream:
        server.answers(*replies)
        yield Massive(upstream, names=Names(DIALECT), clock=clock), server


def answer(text, *, status=200, at=NOW):
    return Answer(status=status, headers={}, body=text.encode(), received_at=at)


def snapshot(rows, *, status="OK", at=NOW):
    return answer(f'{{"count":1,"status":"{status}","tickers":[{rows}]}}', at=at)


@pytest.mark.parametrize(
    ("symbol", "ticker"),
    [
        ("AAPL", "AAPL"),
        ("BRK.A", "BRK.A"),  # a class has a point
        ("KIM-PL", "KIMpL"),  # a preferred share has a small p
        ("T-P", "Tp"),
        ("EURUSD=X", "C:EURUSD"),
        ("BTC-USD", "X:BTCUSD"),
    ],
)
def test_a_symbol_has_a_ticker_and_comes_back_from_it(symbol, ticker):
    assert DIALECT.outward(symbol) == ticker
    assert DIALECT.inward(ticker) == symbol


@pytest.mark.parametrize("symbol", ["VOD.L", "SAP.DE", "^GSPC"])
def test_a_share_listed_elsewhere_and_an_index_have_no_ticker(symbol):
    assert DIALECT.outward(symbol) is None


@pytest.mark.parametrize(
    "ticker",
    [
        "I:SPX",
        "O:AAPL261218C00250000",
        "aapl",  # tickers are case-sensitive: this is not AAPL
        "ACAHw",
        "ABC.V",  # among ours that would be a share of TSX Venture
        "",
    ],
)
def test_a_ticker_without_a_canonical_form_has_none(ticker):
    assert DIALECT.inward(ticker) is None


def test_a_delayed_snapshot_is_a_full_answer_and_says_that_it_is_delayed():
    found = read_quotes(snapshot(APPLE_SNAPSHOT, status="DELAYED"), {"AAPL": "AAPL"})
    assert found == {
        "AAPL": Quote(
            symbol="AAPL",
            price=Decimal("231.42"),
            currency="USD",
            # 1795121940 s: 19 November 2026, 20:59:00; the vendor gives nanoseconds
            as_of=datetime(2026, 11, 19, 20, 59, tzinfo=UTC),
            received_at=NOW,
            source="massive",
            quality=QuoteQuality.DELAYED,
            previous_close=Decimal("229.55"),
            open=Decimal("229.9"),
            high=Decimal("232.1"),
            low=Decimal("229.05"),
            volume=Decimal(38811920),
        )
    }


def test_a_snapshot_that_is_not_delayed_is_fresh():
    found = read_quotes(snapshot(APPLE_SNAPSHOT), {"AAPL": "AAPL"})
    assert found["AAPL"].quality is QuoteQuality.FRESH


def test_a_ticker_whose_row_cannot_be_read_takes_the_others_from_nobody():
    odd = APPLE_SNAPSHOT.replace('"AAPL"', '"ODD"').replace("1795121940000000000", "1795121940")
    both = {"AAPL": "AAPL", "ODD": "ODD"}
    assert list(read_quotes(snapshot(f"{odd},{APPLE_SNAPSHOT}"), both)) == ["AAPL"]
    with pytest.raises(BadPayloadError):
        read_quotes(snapshot(odd), both)


WIPED = """{"ticker":"AAPL","updated":0,"todaysChange":0,
 "day":{"o":0,"h":0,"l":0,"c":0,"v":0,"vw":0},"min":{"av":0,"t":0,"o":0,"h":0,"l":0,"c":0,"v":0},
 "prevDay":{"o":228.8,"h":230.2,"l":228.1,"c":229.55,"v":41230011,"vw":229.4}}"""


@pytest.mark.parametrize(
    ("asked_at", "closed_at"),
    [
        # 5 in the morning in New York on a Thursday: the close of Wednesday, 16:00 = 21:00Z.
        (datetime(2026, 11, 19, 10, tzinfo=UTC), datetime(2026, 11, 18, 21, tzinfo=UTC)),
        # A Monday: the close of Friday.
        (datetime(2026, 11, 23, 10, tzinfo=UTC), datetime(2026, 11, 20, 21, tzinfo=UTC)),
        # The Friday after Thanksgiving: the close of Wednesday.
        (datetime(2026, 11, 27, 10, tzinfo=UTC), datetime(2026, 11, 25, 21, tzinfo=UTC)),
        # In summer 16:00 is 20:00Z.
        (datetime(2026, 7, 15, 9, tzinfo=UTC), datetime(2026, 7, 14, 20, tzinfo=UTC)),
    ],
)
def test_a_snapshot_wiped_overnight_shows_the_last_close_as_of_then(asked_at, closed_at):
    quote = read_quotes(snapshot(WIPED, at=asked_at), {"AAPL": "AAPL"})["AAPL"]
    assert (quote.price, quote.as_of) == (Decimal("229.55"), closed_at)
    assert quote.quality is QuoteQuality.DELAYED
    assert (quote.open, quote.high, quote.low) == (
        Decimal("228.8"),
        Decimal("230.2"),
        Decimal("228.1"),
    )
    assert quote.previous_close is None


@pytest.mark.parametrize(
    "row",
    [
        # A new listing before its first trade has zeros everywhere.
        '{"ticker":"AAPL","updated":0,"day":{"c":0},"min":{"t":0},"prevDay":{"c":0}}',
        '{"ticker":"AAPL","updated":0,"day":null,"min":null,"prevDay":null}',
        # A price that nobody can date is of no use.
        '{"ticker":"AAPL","updated":0,"day":{"c":231.42},"min":{"t":0},"prevDay":{"c":229.55}}',
        # Nobody asked for it.
        '{"ticker":"aapl","updated":1795121940000000000,"day":{"c":1}}',
    ],
)
def test_a_row_without_a_price_a_time_or_a_question_is_left_out(row):
    assert read_quotes(snapshot(row), {"AAPL": "AAPL"}) == {}


def test_without_a_time_of_its_own_the_last_minute_dates_a_snapshot():
    row = '{"ticker":"AAPL","day":{"c":231.42},"min":{"t":1795121880000}}'  # milliseconds here
    quote = read_quotes(snapshot(row), {"AAPL": "AAPL"})["AAPL"]
    assert quote.as_of == datetime(2026, 11, 19, 20, 58, tzinfo=UTC)
    assert quote.volume is None


@pytest.mark.parametrize("rows", ['"tickers":null,', "", '"tickers":[],'])
def test_a_snapshot_without_rows_knows_nothing(rows):
    assert read_quotes(answer(f'{{{rows}"status":"OK"}}'), {"AAPL": "AAPL"}) == {}


async def test_one_request_asks_for_all_shares_and_for_nothing_that_is_none():
    async with connected(reply(f'{{"status":"OK","tickers":[{APPLE_SNAPSHOT}]}}')) as (one, server):
        found = await one.quotes(["AAPL", "KIM-PL", "EURUSD=X", "BTC-USD", "VOD.L"])
        assert set(found) == {"AAPL"}
        # An empty list of tickers would ask for the whole market.
        assert await one.quotes(["EURUSD=X", "VOD.L"]) == {}
    (request,) = server.requests
    assert request.query == {"tickers": "AAPL,KIMpL", "include_otc": "true"}
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_five_calls_a_minute_are_made_and_no_more():
    async with connected(reply(NO_BARS)) as (one, server):
        for _ in range(5):
            await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 11, 3))
        with pytest.raises(RateLimitedError):
            await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 11, 3))
    assert len(server.requests) == 5


async def test_bars_are_asked_for_as_traded_and_dated_in_new_york():
    async with connected(reply(APPLE_BARS)) as (one, server):
        bars = await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 11, 19))
    assert server.paths == [f"{RANGE}/2026-11-02/2026-11-19"]
    assert server.requests[0].query == {"adjusted": "false", "sort": "asc", "limit": "50000"}
    assert bars[0] == Bar(
        symbol="AAPL",
        day=date(2026, 11, 18),  # 1794978000 s: midnight in New York, 05:00Z in winter
        close=Decimal("229.55"),
        currency="USD",
        source="massive",
        open=Decimal("228.8"),
        high=Decimal("230.2"),
        low=Decimal("228.1"),
        volume=Decimal(41230011),
    )
    assert [bar.day.day for bar in bars] == [18, 19]


async def test_a_summer_bar_begins_at_four_utc_and_one_of_a_pair_at_midnight_utc():
    summer = '{"results":[{"c":1.5,"t":1784088000000}],"status":"OK"}'  # 15 July 2026, 04:00Z
    pair = '{"results":[{"c":1.0875,"t":1795046400000}],"status":"OK"}'  # 19 November, 00:00Z
    async with connected(reply(summer), reply(pair)) as (one, server):
        (share,) = await one.bars("AAPL", first=date(2026, 7, 1), last=date(2026, 7, 31))
        (rate,) = await one.bars("EURGBP=X", first=date(2026, 11, 1), last=date(2026, 11, 30))
    assert (share.day, share.currency) == (date(2026, 7, 15), "USD")
    assert (rate.day, rate.currency) == (date(2026, 11, 19), "GBP")
    assert server.paths[1].startswith("/v2/aggs/ticker/C:EURGBP/range/1/day/")


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (datetime(2026, 11, 19, 20, tzinfo=UTC), "2026-11-18"),  # the session runs
        (datetime(2026, 11, 19, 22, tzinfo=UTC), "2026-11-18"),  # closed an hour ago
        (datetime(2026, 11, 20, 1, tzinfo=UTC), "2026-11-19"),  # 20:00 in New York
        (datetime(2026, 11, 22, 12, tzinfo=UTC), "2026-11-20"),  # a Sunday
    ],
)
async def test_the_bar_of_a_day_that_may_still_change_is_not_asked_for(now, last):
    async with connected(reply(NO_BARS), now=now) as (one, server):
        assert await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 12, 31)) == []
        assert await one.bars("AAPL", first=now.date(), last=now.date()) == []
    paths = [path for path in server.paths if path.startswith(f"{RANGE}/2026-11-02/")]
    assert paths == [f"{RANGE}/2026-11-02/{last}"]


@pytest.mark.parametrize("results", ["", '"results":null,', '"results":[],'])
async def test_an_empty_window_has_no_results_or_none_of_them(results):
    async with connected(reply(f'{{{results}"status":"OK"}}')) as (one, _):
        assert await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 11, 3)) == []


def page(start, next_url):
    following = f',"next_url":"{next_url}"' if next_url else ""
    return reply(f'{{"results":[{{"c":1,"t":{start}}}],"status":"OK"{following}}}')


async def test_pages_are_asked_of_our_own_address_with_our_own_header():
    async with connected(
        page(1794805200000, "https://api.massive.com:443/v2/aggs/x?cursor=bGltaXQ9MQ"),
        page(1794891600000, "https://api.polygon.io/v2/aggs/x?cursor=two"),
        page(1794978000000, None),
    ) as (one, server):
        bars = await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 11, 19))
    assert [bar.day.day for bar in bars] == [16, 17, 18]
    assert server.paths[1:] == ["/v2/aggs/x", "/v2/aggs/x"]
    assert [request.query for request in server.requests[1:]] == [
        {"cursor": "bGltaXQ9MQ"},
        {"cursor": "two"},
    ]
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}


async def test_pages_that_repeat_themselves_are_no_answer():
    again = page(1794978000000, "https://api.massive.com/v2/aggs/x?cursor=again")
    async with connected(again) as (one, server):
        with pytest.raises(BadPayloadError, match="repeat"):
            await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 11, 19))
    assert len(server.requests) == 2


async def test_a_next_page_without_an_address_is_a_bad_payload():
    async with connected(page(1794978000000, "cursor")) as (one, _):
        with pytest.raises(BadPayloadError, match="no address"):
            await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 11, 19))


@pytest.mark.parametrize("results", ['{"t":1}', "[null]", '[{"c":1,"t":1794978000}]'])
async def test_results_in_another_form_or_unit_of_time_are_a_bad_payload(results):
    async with connected(reply(f'{{"results":{results},"status":"OK"}}')) as (one, _):
        with pytest.raises(BadPayloadError):
            await one.bars("AAPL", first=date(2026, 11, 2), last=date(2026, 11, 19))


async def test_a_window_that_the_plan_refuses_says_nothing_about_other_windows():
    async with connected(reply(REFUSED, status=403)) as (one, _):
        with pytest.raises(InvalidRequestError, match="these days"):
            await one.bars("AAPL", first=date(2015, 1, 1), last=date(2015, 12, 31))


@pytest.mark.parametrize(
    ("first_bar", "cut"),
    [
        (1732165200000, True),  # 21 November 2024: two years ago, where a free key's history begins
        (1732510800000, True),  # 25 November 2024: a weekend later
        (1738386000000, False),  # 1 February 2025: listed since
    ],
)
async def test_a_window_cut_where_the_plan_ends_does_not_pass_for_all_there_is(first_bar, cut):
    async with connected(page(first_bar, None)) as (one, _):
        if cut:
            with pytest.raises(InvalidRequestError, match="reaches back to 2024-11-2"):
                await one.bars("AAPL", first=date(2020, 1, 1), last=date(2026, 11, 19))
        else:
            assert len(await one.bars("AAPL", first=date(2020, 1, 1), last=date(2026, 11, 19))) == 1


async def test_a_window_that_begins_with_the_plan_is_whole():
    async with connected(page(1732165200000, None)) as (one, _):
        assert len(await one.bars("AAPL", first=date(2024, 11, 20), last=date(2026, 11, 19))) == 1


async def test_splits_and_dividends_are_raw_and_asked_for_within_the_days():
    async with connected(reply(SPLITS), reply(DIVIDENDS)) as (one, server):
        actions = await one.actions("AAPL", first=date(2020, 1, 1), last=date(2026, 11, 19))
    assert actions == Actions(
        splits=(
            # Four for one: split_to over split_from.
            SplitEvent(
                symbol="AAPL",
                day=date(2020, 8, 31),
                new=Decimal(4),
                old=Decimal(1),
                source="massive",
            ),
        ),
        dividends=(
            DividendEvent(
                symbol="AAPL",
                ex_day=date(2026, 11, 9),
                amount=Decimal("0.26"),
                currency="USD",
                source="massive",
                pay_day=date(2026, 11, 12),
            ),
        ),
    )
    assert server.requests[0].query == {
        "ticker": "AAPL",
        "execution_date.gte": "2020-01-01",
        "execution_date.lte": "2026-11-19",
        "order": "asc",
        "sort": "execution_date",
        "limit": "1000",
    }


async def test_actions_come_in_order_without_what_lacks_its_figures_or_lies_outside():
    splits = """{"results":[
     {"execution_date":"2024-06-10","split_from":1,"split_to":10,"ticker":"X"},
     {"execution_date":"2021-07-20","split_from":8,"split_to":1.5,"ticker":"X"},
     {"execution_date":"2022-01-03","split_from":0,"split_to":1,"ticker":"X"},
     {"execution_date":"1999-01-04","split_from":1,"split_to":2,"ticker":"X"}]}"""
    dividends = """{"results":[
     {"cash_amount":1.5,"ex_dividend_date":"2024-03-01","dividend_type":"SC"},
     {"cash_amount":0,"ex_dividend_date":"2024-02-01"},
     {"cash_amount":0.4,"currency":"cad","ex_dividend_date":"2023-03-01","pay_date":null}]}"""
    async with connected(reply(splits), reply(dividends)) as (one, _):
        actions = await one.actions("X", first=date(2020, 1, 1), last=date(2026, 1, 1))
    assert [(one.day.year, one.new, one.old) for one in actions.splits] == [
        (2021, Decimal("1.5"), Decimal(8)),
        (2024, Decimal(10), Decimal(1)),
    ]
    assert [(one.ex_day.year, one.amount, one.currency, one.pay_day) for one in actions.dividends] == [
        (2023, Decimal("0.4"), "CAD", None),
        (2024, Decimal("1.5"), "USD", None),
    ]  # fmt: skip


async def test_what_is_no_share_has_no_actions_and_costs_no_call():
    async with connected(reply(NOTHING)) as (one, server):
        for symbol in ("EURUSD=X", "VOD.L"):
            found = await one.actions(symbol, first=date(2020, 1, 1), last=date(2026, 1, 1))
            assert found == Actions()
    assert server.requests == []


def test_a_profile_keeps_the_figi_and_leaves_out_pictures_that_need_the_key():
    found = read_profile(answer(f'{{"results":{APPLE},"status":"OK"}}'), "AAPL")
    assert found["AAPL"] == CompanyProfile(
        symbol="AAPL",
        name="Apple Inc.",
        source="massive",
        fetched_at=NOW,
        currency="USD",
        exchange="NASDAQ",
        ipo_date=date(1980, 12, 12),
        market_cap=Decimal(3421550700000),
        industry="ELECTRONIC COMPUTERS",
        website_url="https://www.apple.com",
        figi="BBG000B9XRY4",
    )


def test_a_fund_has_little_more_than_what_is_always_there():
    row = """{"results":{"ticker":"SPY","name":"SPDR S&P 500 ETF Trust","market":"stocks",
     "locale":"us","active":true,"currency_name":"usd"},"status":"OK"}"""
    profile = read_profile(answer(row), "SPY")["SPY"]
    assert (profile.currency, profile.market_cap, profile.ipo_date) == ("USD", None, None)
    assert (profile.exchange, profile.industry, profile.figi) == (None, None, None)


def test_an_unknown_ticker_has_no_profile_and_another_address_is_no_unknown_ticker():
    missing = '{"status":"NOT_FOUND","request_id":"r","message":"Ticker not found."}'
    assert read_profile(answer(missing, status=404), "ZZZZZ") == {}
    with pytest.raises(BadPayloadError):
        read_profile(answer('{"message":"no Route matched"}', status=404), "AAPL")


def test_an_error_in_the_body_counts_whatever_the_status_is():
    with pytest.raises(NotEntitledError):
        read_profile(answer('{"status":"NOT_AUTHORIZED","message":"no"}'), "AAPL")
    with pytest.raises(InvalidRequestError):
        read_profile(answer('{"status":"ERROR","error":"no"}'), "AAPL")


ROWS = [
    {"ticker": "AAPB", "name": "GraniteShares 2x Long AAPL", "type": "ETF", "currency_name": "usd"},
    {"ticker": "AAPL", "name": "Apple Inc.", "type": "CS", "currency_name": "usd"},
    {"ticker": "KIMpL", "name": "Kimco Preferred L", "type": "PFD", "currency_name": "usd"},
    {
        "ticker": "C:EURGBP",
        "name": "Euro - British Pound",
        "market": "fx",
        "currency_name": "British Pound",
    },
    {
        "ticker": "X:BTCEUR",
        "name": "Bitcoin - Euro",
        "market": "crypto",
        "currency_name": "Euro",
    },
    {"ticker": "I:SPX", "name": "S&P 500", "market": "indices", "currency_name": "usd"},
]


def test_rows_of_the_reference_become_instruments_of_their_class_and_currency():
    found = read_matches(ROWS, DIALECT.inward)
    assert [(one.symbol, one.currency, one.asset_class) for one in found.values()] == [
        ("AAPB", "USD", AssetClass.FUND),
        ("AAPL", "USD", AssetClass.EQUITY),
        ("KIM-PL", "USD", AssetClass.EQUITY),
        ("EURGBP=X", "GBP", AssetClass.CURRENCY),
        ("BTC-EUR", "EUR", AssetClass.CRYPTO),
    ]


async def test_a_search_puts_the_ticker_itself_before_what_comes_first_in_the_alphabet():
    async with connected(reply({"results": ROWS, "status": "OK"})) as (one, server):
        found = await one.search(" aapl ", limit=2)
    assert [match.symbol for match in found] == ["AAPL", "AAPB"]
    assert len(server.requests) == 1


async def test_a_ticker_beyond_the_first_page_of_a_search_is_asked_for_by_itself():
    first = {
        "results": ROWS[:1],
        "next_url": "https://api.massive.com/v3/reference/tickers?cursor=n",
    }
    alone = {"results": [{"ticker": "T", "name": "AT&T", "currency_name": "usd"}]}
    async with connected(reply(first), reply(alone)) as (one, server):
        found = await one.search("T", limit=5)
    assert [match.symbol for match in found] == ["T", "AAPB"]
    assert server.requests[1].query == {"ticker": "T"}


async def test_an_american_isin_is_searched_by_the_cusip_inside_it():
    async with connected(reply(f'{{"results":[{APPLE}]}}')) as (one, server):
        (match,) = await one.search("US0378331005", limit=5)
    assert (match.symbol, match.isin) == ("AAPL", "US0378331005")
    assert server.requests[0].query == {"cusip": "037833100"}


async def test_an_instrument_is_found_under_exactly_its_symbol():
    async with connected(reply(f'{{"results":[{APPLE}]}}'), reply(NOTHING)) as (one, _):
        found = await one.find(["AAPL", "ZZZZZ", "VOD.L"])
    assert found == {
        "AAPL": InstrumentMatch(
            symbol="AAPL",
            name="Apple Inc.",
            currency="USD",
            source="massive",
            exchange="NASDAQ",
            figi="BBG000B9XRY4",
        )
    }
