"""Twelve Data as it documents itself: text for numbers, errors as members, London in pence."""

import orjson

from datasources.errors import (
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    QuotaExhaustedError,
    RateLimitedError,
    UnavailableError,
)
from datasources.providers.twelve_data import DIALECT, VENDOR, TwelveData
from datasources.symbols import Names
from tests.contract.stand_in import StandIn
from tests.vendors import reply

APPLE = {
    "symbol": "AAPL",
    "name": "Apple Inc.",
    "exchange": "NASDAQ",
    "mic_code": "XNGS",
    "currency": "USD",
    "datetime": "2026-11-19",
    "timestamp": 1795098600,
    "last_quote_at": 1795121940,
    "open": "229.9",
    "high": "232.1",
    "low": "229.05",
    "close": "231.42",
    "volume": "38811920",
    "previous_close": "229.55",
    "change": "1.87",
    "percent_change": "0.8146",
    "average_volume": "50210000",
    "is_market_open": False,
    "fifty_two_week": {"low": "169.2", "high": "260.1"},
}
VODAFONE = {
    "symbol": "VOD",
    "name": "Vodafone Group Plc",
    "exchange": "LSE",
    "mic_code": "XLON",
    "currency": "GBp",
    "datetime": "2026-11-19",
    "timestamp": 1795075200,
    "last_quote_at": 1795105800,
    "open": "118.80",
    "high": "119.90",
    "low": "118.00",
    "close": "119.25",
    "volume": "43498216",
    "previous_close": "118.55",
}
LONDON = {
    "symbol": "VOD",
    "interval": "1day",
    "currency": "GBp",
    "exchange_timezone": "Europe/London",
    "exchange": "LSE",
    "mic_code": "XLON",
    "type": "Common Stock",
}
NASDAQ = {
    "symbol": "AAPL",
    "interval": "1day",
    "currency": "USD",
    "exchange_timezone": "America/New_York",
    "exchange": "NASDAQ",
    "mic_code": "XNGS",
    "type": "Common Stock",
}
DAYS = [  # newest first
    {
        "datetime": "2026-11-19",
        "open": "229.9",
        "high": "232.1",
        "low": "229.05",
        "close": "231.42",
        "volume": "38811920",
    },
    {
        "datetime": "2026-11-18",
        "open": "228.8",
        "high": "230.2",
        "low": "228.1",
        "close": "229.55",
        "volume": "41230011",
    },
]
LISTINGS = [
    {
        "symbol": "AAPL",
        "instrument_name": "Apple Inc.",
        "exchange": "NASDAQ",
        "mic_code": "XNGS",
        "exchange_timezone": "America/New_York",
        "instrument_type": "Common Stock",
        "country": "United States",
        "currency": "USD",
    },
    {
        "symbol": "AAPL",
        "instrument_name": "Apple Inc.",
        "exchange": "BMV",
        "mic_code": "XMEX",
        "exchange_timezone": "America/Mexico_City",
        "instrument_type": "Common Stock",
        "country": "Mexico",
        "currency": "MXN",
    },
]
QUOTES = {"AAPL": APPLE, "VOD:LSE": VODAFONE}


def error(code, message):
    return {"code": code, "message": message, "status": "error"}


UNKNOWN = error(404, "**symbol** or **figi** parameter is missing or invalid. Please provide one.")
NO_DATA = error(400, "No data is available on the specified dates. Try setting different dates.")
MINUTE = error(
    429,
    "You have run out of API credits for the current minute. 9 API credits were used, with the "
    "current limit being 8. Wait for the next minute.",
)
DAY = error(429, "You have run out of API credits for the day. The current limit being 800.")
PLAN = error(403, "This symbol is available starting with Grow. Consider upgrading your plan.")


def handler(request):
    if not request.headers.get("authorization", "").startswith("apikey "):
        return reply(error(401, "**apikey** parameter is incorrect or not specified."), status=401)
    tickers = request.query["symbol"].split(",")
    if request.path == "/quote":
        members = {ticker: QUOTES.get(ticker, UNKNOWN) for ticker in tickers}
        body = members if len(tickers) > 1 else members[tickers[0]]
    elif request.path == "/time_series":
        known = tickers == ["AAPL"]
        body = {"meta": NASDAQ, "values": DAYS, "status": "ok"} if known else UNKNOWN
    elif request.path == "/symbol_search":
        body = {"data": LISTINGS if tickers == ["AAPL"] else [], "status": "ok"}
    else:
        return reply("Not Found", status=404, content_type="text/plain")
    return reply(orjson.dumps(body), status=404 if body is UNKNOWN else 200)


STAND_IN = StandIn(
    vendor=VENDOR,
    make=lambda upstream, clock: TwelveData(upstream, names=Names(DIALECT), clock=clock),
    handler=handler,
    serves=frozenset({"quotes", "bars", "search"}),
    minor="VOD.L",
    faults={
        "a wrong key": (
            reply(error(401, "**apikey** parameter is incorrect or not specified."), status=401),
            InvalidCredentialsError,
        ),
        "a wrong key with a good status": (
            reply(error(401, "**apikey** parameter is incorrect or not specified.")),
            InvalidCredentialsError,
        ),
        "the ninth credit of a minute": (reply(MINUTE, status=429), RateLimitedError),
        "the same with a good status": (reply(MINUTE), RateLimitedError),
        "the last credit of the day": (reply(DAY, status=429), QuotaExhaustedError),
        "the same with a good status, too": (reply(DAY), QuotaExhaustedError),
        "an exchange beyond the plan": (reply(PLAN, status=403), NotEntitledError),
        "the same called not found": (reply({**PLAN, "code": 404}, status=404), NotEntitledError),
        "a bad parameter": (
            reply(error(400, "Invalid **interval** provided: 1dy."), status=400),
            InvalidRequestError,
        ),
        "a failure inside": (reply(error(500, "Internal server error.")), UnavailableError),
        "a page from the edge": (
            reply("<html>Access denied</html>", status=403, content_type="text/html"),
            UnavailableError,
        ),
    },
)
