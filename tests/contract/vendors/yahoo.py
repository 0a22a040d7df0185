"""Yahoo: cookie, crumb, batches, charts, summaries and search, as clients have found them."""

from datetime import UTC, datetime
from urllib.parse import unquote

from datasources.errors import (
    AuthExpiredError,
    BadPayloadError,
    InvalidRequestError,
    RateLimitedError,
    UnavailableError,
)
from datasources.providers.yahoo import DIALECT, Yahoo
from datasources.symbols import Names
from tests.contract.stand_in import StandIn
from tests.vendors import reply

COOKIE, CRUMB_TEXT = "d=AQAB&S=stand-in", "aB/c.dEf9hI"

# The documented examples: 2026-11-19, 21:00 UTC in New York and 16:30 UTC in London.
APPLE = {
    "symbol": "AAPL",
    "currency": "USD",
    "regularMarketPrice": 231.42,
    "regularMarketTime": 1795122000,
    "regularMarketPreviousClose": 229.55,
    "regularMarketOpen": 0,
    "regularMarketVolume": 38811920,
    "marketState": "CLOSED",
    "exchangeDataDelayedBy": 0,
    "quoteType": "EQUITY",
    "longName": "Apple Inc.",
    "fullExchangeName": "NasdaqGS",
}
VODAFONE = {
    "symbol": "VOD.L",
    "currency": "GBp",
    "regularMarketPrice": 71.34,
    "regularMarketTime": 1795105800,
    "regularMarketPreviousClose": 71.64,
    "exchangeDataDelayedBy": 20,
    "quoteType": "EQUITY",
    "shortName": "VODAFONE GROUP PLC",
}
ROWS = {row["symbol"]: row for row in (APPLE, VODAFONE)}


def chart(meta=None, *, stamps=(), closes=(), events=None, **columns):
    """Make a chart in the documented form."""
    quote = {"close": list(closes), **{name: list(values) for name, values in columns.items()}}
    result = {
        "meta": {
            "currency": "USD",
            "symbol": "AAPL",
            "instrumentType": "EQUITY",
            "exchangeTimezoneName": "America/New_York",
            "gmtoffset": -18000,
            "regularMarketTime": 1795122000,
            "regularMarketPrice": 231.42,
            "chartPreviousClose": 229.55,
            "longName": "Apple Inc.",
            "dataGranularity": "1d",
            **(meta or {}),
        },
        "timestamp": list(stamps),
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": list(closes)}]},
    }
    return {"chart": {"result": [result | ({"events": events} if events else {})], "error": None}}


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


APPLE_CHART = chart(
    stamps=[at("2026-11-18T14:30"), at("2026-11-19T14:30")],
    closes=[229.55, 231.42],
    # A split of four for one, and what Yahoo made of 0.82 dollars paid before it.
    events={
        "dividends": {"1596807000": {"amount": 0.205, "date": at("2020-08-07T13:30")}},
        "splits": {
            "1598880600": {
                "date": at("2020-08-31T13:30"),
                "numerator": 4,
                "denominator": 1,
                "splitRatio": "4:1",
            }
        },
    },
)

SUMMARY = {
    "quoteSummary": {
        "result": [
            {
                "quoteType": {"exchange": "NMS", "quoteType": "EQUITY", "longName": "Apple Inc."},
                "price": {
                    "regularMarketPrice": 231.42,
                    "currency": "USD",
                    "marketCap": 3421550700000,
                },
                "assetProfile": {
                    "sector": "Technology",
                    "industry": "Consumer Electronics",
                    "country": "United States",
                },
            }
        ],
        "error": None,
    }
}

SEARCH = {
    "count": 2,
    "quotes": [
        {
            "exchange": "NMS",
            "shortname": "Apple Inc.",
            "quoteType": "EQUITY",
            "symbol": "AAPL",
            "longname": "Apple Inc.",
            "exchDisp": "NASDAQ",
            "isYahooFinance": True,
        },
        {"name": "Example Private Co", "permalink": "example", "isYahooFinance": False},
    ],
    "news": [],
    "lists": [],
}

BAD_CRUMB = reply(
    {
        "finance": {
            "result": None,
            "error": {"code": "Unauthorized", "description": "Invalid Crumb"},
        }
    },
    status=401,
)


def not_found(root, description):
    return reply(
        {root: {"result": None, "error": {"code": "Not Found", "description": description}}},
        status=404,
    )


def handler(request):
    path = unquote(request.path)
    if path == "/":  # an error by nature, with the cookie
        return reply("", status=404, headers={"Set-Cookie": f"A3={COOKIE}; Path=/; Secure"})
    if path.startswith("/v8/finance/chart/"):
        if path.endswith("/AAPL"):
            return reply(APPLE_CHART)
        return not_found("chart", "No data found, symbol may be delisted")
    if path == "/v1/finance/search":
        return reply(SEARCH if request.query["q"] == "AAPL" else {"count": 0, "quotes": []})
    return signed(request, path)


def signed(request, path):
    """Answer what needs the cookie, and mostly the crumb."""
    known = request.headers.get("cookie") == f"A3={COOKIE}"
    if path == "/v1/test/getcrumb":
        return reply(CRUMB_TEXT if known else "", content_type="text/plain")
    if not known or request.query.get("crumb") != CRUMB_TEXT:
        return BAD_CRUMB
    if path == "/v7/finance/quote":
        asked = request.query["symbols"].split(",")
        rows = [ROWS[one] for one in reversed(asked) if one in ROWS]
        return reply({"quoteResponse": {"result": rows, "error": None}})
    if path.endswith("/AAPL"):
        return reply(SUMMARY)
    return not_found("quoteSummary", "Quote not found for symbol: XXXX")


STAND_IN = StandIn(
    vendor=Yahoo.vendor,
    make=lambda upstream, clock: Yahoo(upstream, names=Names(DIALECT), clock=clock),
    handler=handler,
    serves=frozenset({"quotes", "profiles", "bars", "actions", "search"}),
    faults={
        "a crumb that is never right": (BAD_CRUMB, AuthExpiredError),
        "too many calls": (
            reply("Too Many Requests\r\n", status=429, content_type="text/plain"),
            RateLimitedError,
        ),
        "too many calls, at the edge": (
            reply("Edge: Too Many Requests", status=429, content_type="text/html"),
            RateLimitedError,
        ),
        "too many calls, with status 200": (
            reply("Too Many Requests", content_type="text/plain"),
            RateLimitedError,
        ),
        "a wall of consent": (
            reply("", status=307, headers={"Location": "https://consent.yahoo.com/v2/x"}),
            AuthExpiredError,
        ),
        "a wall of consent, with status 200": (
            reply("<html><form action='https://consent.yahoo.com/v2/collectConsent'></html>"),
            AuthExpiredError,
        ),
        "a range that does not go with the interval": (
            reply(
                {"chart": {"result": None, "error": {"code": "Unprocessable Entity"}}}, status=422
            ),
            InvalidRequestError,
        ),
        "an address that is turned away": (reply("", status=403), UnavailableError),
        "another root": (reply([]), BadPayloadError),
        "another key": (reply({"finance": {}}), BadPayloadError),
    },
    minor="VOD.L",
    opening=2,
)
