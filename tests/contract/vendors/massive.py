"""Massive as it documents itself: American shares, nothing of London, unknown tickers left out."""

from datasources.errors import (
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    RateLimitedError,
    UnavailableError,
)
from datasources.providers.massive import DIALECT, VENDOR, Massive
from datasources.symbols import Names
from tests.contract.stand_in import StandIn
from tests.vendors import reply

APPLE_SNAPSHOT = """{"ticker":"AAPL","todaysChange":1.87,"todaysChangePerc":0.8146,
 "updated":1795121940000000000,
 "day":{"o":229.9,"h":232.1,"l":229.05,"c":231.42,"v":38811920,"vw":230.87},
 "min":{"av":38811920,"t":1795121880000,"n":412,"o":231.4,"h":231.45,"l":231.38,"c":231.42,
  "v":61233,"vw":231.41},
 "prevDay":{"o":228.8,"h":230.2,"l":228.1,"c":229.55,"v":41230011,"vw":229.4}}"""

APPLE_BARS = """{"ticker":"AAPL","queryCount":2,"resultsCount":2,"adjusted":false,
 "results":[{"v":41230011,"vw":229.4,"o":228.8,"c":229.55,"h":230.2,"l":228.1,"t":1794978000000,
  "n":501223},{"v":38811920,"vw":230.87,"o":229.9,"c":231.42,"h":232.1,"l":229.05,
  "t":1795064400000,"n":488120}],"status":"OK","request_id":"example-request-1","count":2}"""

NO_BARS = """{"ticker":"ZZZZZ","queryCount":0,"resultsCount":0,"adjusted":false,"status":"OK",
 "request_id":"5f1c","count":0}"""

APPLE = """{"ticker":"AAPL","name":"Apple Inc.","market":"stocks","locale":"us",
 "primary_exchange":"XNAS","type":"CS","active":true,"currency_name":"usd","cik":"0000320193",
 "composite_figi":"BBG000B9XRY4","share_class_figi":"BBG001S5N8V8","market_cap":3421550700000,
 "sic_code":"3571","sic_description":"ELECTRONIC COMPUTERS","ticker_root":"AAPL",
 "homepage_url":"https://www.apple.com","total_employees":164000,"list_date":"1980-12-12",
 "branding":{"logo_url":"https://api.massive.com/v1/reference/company-branding/x/logo.svg"},
 "share_class_shares_outstanding":14776350000,"round_lot":100}"""

SPLITS = """{"results":[{"execution_date":"2020-08-31","id":"Eexample","split_from":1,"split_to":4,
 "ticker":"AAPL"}],"status":"OK","request_id":"c1"}"""

DIVIDENDS = """{"results":[{"cash_amount":0.26,"currency":"USD","declaration_date":"2026-10-29",
 "dividend_type":"CD","ex_dividend_date":"2026-11-09","frequency":4,"id":"E8e",
 "pay_date":"2026-11-12","record_date":"2026-11-09","ticker":"AAPL"}],"status":"OK",
 "request_id":"c2"}"""

NOTHING = '{"status":"OK","request_id":"c3"}'


def handler(request):
    if request.headers.get("authorization", "").partition(" ")[0] != "Bearer":
        return reply({"status": "ERROR", "error": "API Key was not provided"}, status=401)
    body = None
    match request.path.split("/"):
        case [_, "v2", "snapshot", "locale", "us", "markets", "stocks", "tickers"]:
            rows = APPLE_SNAPSHOT if "AAPL" in request.query["tickers"].split(",") else ""
            body = f'{{"count":1,"status":"DELAYED","tickers":[{rows}]}}'
        case [_, "v2", "aggs", "ticker", ticker, "range", "1", "day", _, _]:
            body = APPLE_BARS if ticker == "AAPL" else NO_BARS
        case [_, "v3", "reference", "tickers", "AAPL"]:
            body = f'{{"request_id":"r2","results":{APPLE},"status":"OK"}}'
        case [_, "v3", "reference", "tickers"]:
            known = "AAPL" in (request.query.get("ticker"), request.query.get("search"))
            body = f'{{"count":1,"results":[{APPLE}],"status":"OK"}}' if known else NOTHING
        case [_, "v3", "reference", "splits"]:
            body = SPLITS if request.query["ticker"] == "AAPL" else NOTHING
        case [_, "v3", "reference", "dividends"]:
            body = DIVIDENDS if request.query["ticker"] == "AAPL" else NOTHING
    unknown = {"status": "NOT_FOUND", "request_id": "r4", "message": "Ticker not found."}
    return reply(unknown, status=404) if body is None else reply(body)


STAND_IN = StandIn(
    vendor=VENDOR,
    make=lambda upstream, clock: Massive(upstream, names=Names(DIALECT), clock=clock),
    handler=handler,
    serves=frozenset({"quotes", "profiles", "bars", "actions", "search"}),
    faults={
        "an unknown key": (
            reply({"status": "ERROR", "request_id": "e1", "error": "Unknown API Key"}, status=401),
            InvalidCredentialsError,
        ),
        "a snapshot, which no free plan has": (
            reply(
                {
                    "status": "NOT_AUTHORIZED",
                    "request_id": "e2",
                    "message": "You are not entitled to this data. Please upgrade your plan.",
                },
                status=403,
            ),
            NotEntitledError,
        ),
        "the same without the status": (
            reply({"status": "NOT_AUTHORIZED", "request_id": "e3", "message": "Not entitled."}),
            NotEntitledError,
        ),
        "the sixth call of a minute": (
            reply(
                {
                    "status": "ERROR",
                    "request_id": "e4",
                    "error": "You've exceeded the maximum requests per minute, please wait.",
                },
                status=429,
            ),
            RateLimitedError,
        ),
        "too many calls, an empty body": (reply("", status=429), RateLimitedError),
        "a bad parameter": (
            reply({"status": "ERROR", "error": "limit must be a number"}, status=400),
            InvalidRequestError,
        ),
        "a status that their client repeats": (reply("", status=499), UnavailableError),
        "another of those": (reply("", status=413), UnavailableError),
        "an overloaded gateway": (
            reply("<html>504 Gateway Time-out</html>", status=504, content_type="text/html"),
            UnavailableError,
        ),
        "a page from the edge": (
            reply("<html>Access denied</html>", status=403, content_type="text/html"),
            UnavailableError,
        ),
    },
)
