"""Finnhub as its documentation and its users describe it."""

from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    NotEntitledError,
    RateLimitedError,
    UnavailableError,
)
from datasources.providers.finnhub import DIALECT, Finnhub
from datasources.symbols import Names
from tests.contract.stand_in import StandIn
from tests.vendors import KEY, Reply, Request, reply

UNKNOWN = {"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}
QUOTES = {
    # 1795122000 is 2026-11-19, 21:00 in UTC.
    "AAPL": '{"c":231.42,"d":1.87,"dp":0.8146,"h":232.1,"l":229.05,"o":229.9,"pc":229.55,"t":1795122000}',
    # London in pence; the day range of a thin share is zero.
    "VOD.L": '{"c":97.5,"d":1.5,"dp":1.5625,"h":0,"l":0,"o":0,"pc":96.0,"t":1795106100}',
}
PROFILE = (
    '{"country":"US","currency":"USD","exchange":"NASDAQ NMS - GLOBAL MARKET",'
    '"finnhubIndustry":"Technology","ipo":"1980-12-12","logo":"https://static.example/logo.png",'
    '"marketCapitalization":3421550.7,"name":"Apple Inc","phone":"14089961010",'
    '"shareOutstanding":14776.35,"ticker":"AAPL","weburl":"https://www.apple.com/"}'
)
LONDON = [
    {
        "currency": "GBX",
        "description": "VODAFONE GROUP PLC",
        "displaySymbol": "VOD.L",
        "figi": "BBG000C6K6G9",
        "isin": None,
        "mic": "XLON",
        "shareClassFIGI": "BBG001S6R7D7",
        "symbol": "VOD.L",
        "symbol2": "",
        "type": "Common Stock",
    }
]
# 1794960000 and 1795046400 are the beginnings of 2026-11-18 and 19 in UTC.
CANDLES = (
    '{"c":[230.1,231.42],"h":[231.0,232.1],"l":[228.7,229.05],"o":[229.0,229.9],"s":"ok",'
    '"t":[1794960000,1795046400],"v":[41230011,38811920]}'
)
SEARCH = {
    "count": 2,
    "result": [
        {
            "description": "APPLE INC",
            "displaySymbol": "AAPL",
            "symbol": "AAPL",
            "type": "Common Stock",
        },
        {
            "description": "APPLE INC",
            "displaySymbol": "APC.DE",
            "symbol": "APC.DE",
            "type": "Common Stock",
        },
    ],
}
SPLITS = [{"symbol": "AAPL", "date": "2020-08-31", "fromFactor": 1, "toFactor": 4}]
DIVIDENDS = (
    '[{"symbol":"AAPL","date":"2026-11-09","amount":0.26,"adjustedAmount":0.26,'
    '"payDate":"2026-11-12","recordDate":"2026-11-10","declarationDate":"2026-10-29",'
    '"currency":"USD","freq":"2"}]'
)


def handler(request: Request) -> Reply:
    """Answer like the vendor in good health, to a key whose plan includes everything."""
    if request.headers.get("x-finnhub-token") != KEY:
        return reply({"error": "Invalid API key."}, status=401)
    symbol = request.query.get("symbol", "")
    known = symbol == "AAPL"
    answers = {
        "/quote": QUOTES.get(symbol, UNKNOWN),
        "/stock/profile2": PROFILE if known else {},
        "/stock/candle": CANDLES if known else {"s": "no_data"},
        "/stock/symbol": LONDON,
        "/stock/split": SPLITS if known else [],
        "/stock/dividend": DIVIDENDS if known else [],
        "/search": SEARCH if request.query.get("q") == "AAPL" else {"count": 0, "result": []},
    }
    return reply(answers[request.path])


LIMIT_REACHED = "API limit reached. Please try again later. Remaining Limit: 0"

STAND_IN = StandIn(
    vendor=Finnhub.vendor,
    make=lambda upstream, clock: Finnhub(upstream, names=Names(DIALECT), clock=clock),
    handler=handler,
    serves=frozenset({"quotes", "profiles", "bars", "actions", "search"}),
    minor="VOD.L",
    faults={
        "a bad key": (reply({"error": "Invalid API key."}, status=401), InvalidCredentialsError),
        "no key": (reply({"error": "Please use an API key."}, status=401), InvalidCredentialsError),
        "an empty key, said with the words of a limit": (
            reply(
                "API limit reached. Please sign up for a free account to continue using the API.",
                status=429,
                content_type="text/plain",
            ),
            InvalidCredentialsError,
        ),
        "the minute's limit": (reply({"error": LIMIT_REACHED}, status=429), RateLimitedError),
        "the minute's limit as text": (
            reply(LIMIT_REACHED, status=429, content_type="text/plain"),
            RateLimitedError,
        ),
        "not in the plan": (
            reply({"error": "You don't have access to this resource."}, status=403),
            NotEntitledError,
        ),
        "not in the plan, as it was said before": (
            reply({"error": "You don't have access to this resource."}, status=401),
            NotEntitledError,
        ),
        "a page of the edge": (
            reply("<html>Forbidden</html>", status=403, content_type="text/html"),
            UnavailableError,
        ),
        "a redirect to a page": (
            reply(status=302, headers={"Location": "https://elsewhere.example/"}),
            BadPayloadError,
        ),
        "a time in milliseconds": (
            reply({"c": 231, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 1795122000123}),
            BadPayloadError,
        ),
        "a price beyond all reason": (reply('{"c": 1' + "0" * 60 + ', "t": 1}'), BadPayloadError),
        "an error with a status of success": (reply({"error": "what?"}), BadPayloadError),
    },
)
