"""Alpha Vantage as its documentation and its users describe it."""

from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    QuotaExhaustedError,
    RateLimitedError,
)
from datasources.providers.alpha_vantage import DIALECT, AlphaVantage
from datasources.symbols import Names
from tests.contract.stand_in import StandIn
from tests.vendors import KEY, Reply, Request, reply


def global_quote(symbol, *, price, before, day="2026-11-19"):
    return {
        "Global Quote": {
            "01. symbol": symbol,
            "02. open": "301.1000",
            "03. high": "304.5000",
            "04. low": "300.2000",
            "05. price": price,
            "06. volume": "3551020",
            "07. latest trading day": day,
            "08. previous close": before,
            "09. change": "1.8800",
            "10. change percent": "0.6230%",
        }
    }


QUOTES = {
    "AAPL": global_quote("AAPL", price="303.6600", before="301.7800"),
    # London in pence, which the answer does not say.
    "VOD.LON": global_quote("VOD.LON", price="97.5000", before="96.0000"),
}
OVERVIEW = {
    "Symbol": "AAPL",
    "AssetType": "Common Stock",
    "Name": "Apple Inc",
    "Description": "Example text.",
    "CIK": "320193",
    "Exchange": "NASDAQ",
    "Currency": "USD",
    "Country": "USA",
    "Sector": "TECHNOLOGY",
    "Industry": "CONSUMER ELECTRONICS",
    "MarketCapitalization": "3421550700000",
    "PEGRatio": "None",
    "DividendYield": "0.0045",
    "DividendDate": "0000-00-00",
}
DAYS = {
    "Meta Data": {
        "1. Information": "Daily Prices (open, high, low, close) and Volumes",
        "2. Symbol": "AAPL",
        "3. Last Refreshed": "2026-11-19",
        "4. Output Size": "Compact",
        "5. Time Zone": "US/Eastern",
    },
    "Time Series (Daily)": {
        "2026-11-19": {
            "1. open": "301.1000",
            "2. high": "304.5000",
            "3. low": "300.2000",
            "4. close": "303.6600",
            "5. volume": "3551020",
        },
        "2026-11-10": {
            "1. open": "305.0000",
            "2. high": "306.0000",
            "3. low": "303.1000",
            "4. close": "304.4000",
            "5. volume": "3402211",
        },
    },
}
SPLITS = {
    "symbol": "AAPL",
    "data": [
        {"effective_date": "2020-08-31", "split_factor": "4.0000"},
        {"effective_date": "2014-06-09", "split_factor": "7.0000"},
    ],
}
DIVIDENDS = {
    "symbol": "AAPL",
    "data": [
        {
            "ex_dividend_date": "2026-11-10",
            "declaration_date": "2026-10-28",
            "record_date": "2026-11-10",
            "payment_date": "2026-12-10",
            "amount": "1.68",
        },
        {
            "ex_dividend_date": "2026-08-10",
            "declaration_date": "None",
            "record_date": "None",
            "payment_date": "None",
            "amount": "1.68",
        },
    ],
}


def euros(currency, closes):
    return {
        "Meta Data": {
            "1. Information": "Forex Daily Prices (open, high, low, close)",
            "2. From Symbol": "EUR",
            "3. To Symbol": currency,
            "4. Output Size": "Compact",
            "5. Last Refreshed": "2026-11-20 11:05:00",
            "6. Time Zone": "UTC",
        },
        "Time Series FX (Daily)": {
            day: {"1. open": close, "2. high": close, "3. low": close, "4. close": close}
            for day, close in closes.items()
        },
    }


RATES = {
    "USD": euros(
        "USD", {"2026-11-20": "1.11730", "2026-11-19": "1.11700", "2026-11-13": "1.12000"}
    ),
    "GBP": euros("GBP", {"2026-11-16": "0.87000", "2026-11-13": "0.84000"}),
}
MATCHES = {
    "bestMatches": [
        {
            "1. symbol": "AAPL",
            "2. name": "Apple Inc",
            "3. type": "Equity",
            "4. region": "United States",
            "5. marketOpen": "09:30",
            "6. marketClose": "16:00",
            "7. timezone": "UTC-04",
            "8. currency": "USD",
            "9. matchScore": "1.0000",
        }
    ]
}
INVALID_CALL = {
    "Error Message": "Invalid API call. Please retry or visit the documentation "
    "(https://www.alphavantage.co/documentation/) for TIME_SERIES_DAILY."
}
SEARCHES = {
    "AAPL": MATCHES,
    # What London's prices are in is told here alone, and not the same for all shares.
    "VOD.LON": {
        "bestMatches": [{"1. symbol": "VOD.LON", "2. name": "Vodafone", "8. currency": "GBX"}]
    },
    "CSPX.LON": {
        "bestMatches": [{"1. symbol": "CSPX.LON", "2. name": "ETF", "8. currency": "USD"}]
    },
}


def handler(request: Request) -> Reply:
    """Answer like the vendor in good health, to a key whose plan includes everything."""
    asked = request.query
    if request.path != "/query" or asked.get("apikey") != KEY:
        return reply({"Error Message": "the parameter apikey is invalid or missing."})
    known = asked.get("symbol") == "AAPL"
    answers = {
        "GLOBAL_QUOTE": QUOTES.get(asked.get("symbol"), {"Global Quote": {}}),
        "OVERVIEW": OVERVIEW if known else {},
        "TIME_SERIES_DAILY": DAYS if known else INVALID_CALL,
        "SPLITS": SPLITS if known else {"symbol": "ZZZZZ", "data": []},
        "DIVIDENDS": DIVIDENDS if known else {"symbol": "ZZZZZ", "data": []},
        "FX_DAILY": RATES.get(asked.get("to_symbol"), INVALID_CALL),
        "SYMBOL_SEARCH": SEARCHES.get(asked.get("keywords"), {"bestMatches": []}),
    }
    return reply(answers[asked["function"]])


BURST = (
    "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more "
    "sparingly (1 request per second). You may subscribe to any of the premium plans to lift the "
    "free key rate limit (25 requests per day), raise the per-second burst limit, and instantly "
    "unlock all premium endpoints"
)
DAILY = (
    f"We have detected your API key as {KEY} and our standard API rate limit is 25 requests per "
    "day. Please subscribe to any of the premium plans to instantly remove all daily rate limits."
)
PREMIUM = (
    "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any of "
    "the premium plans to instantly unlock all premium endpoints"
)
PREMIUM_SIZE = (
    "The outputsize=full parameter value is a premium feature for the TIME_SERIES_DAILY endpoint. "
    "You may subscribe to any of the premium plans to instantly unlock all premium features"
)
DEMO = "The **demo** API key is for demo purposes only. Please claim your free API key."
MINUTE = (
    "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and "
    "500 calls per day. Please visit our site if you would like a higher API call frequency."
)

STAND_IN = StandIn(
    vendor=AlphaVantage.vendor,
    make=lambda upstream, clock: AlphaVantage(upstream, names=Names(DIALECT), clock=clock),
    handler=handler,
    serves=frozenset({"quotes", "profiles", "bars", "actions", "rates", "search"}),
    minor="VOD.L",
    faults={
        "the second's limit, which names the day's and premium": (
            reply({"Information": BURST}),
            RateLimitedError,
        ),
        "the day's limit, with the key in it": (
            reply({"Information": DAILY}),
            QuotaExhaustedError,
        ),
        "not in the plan": (reply({"Information": PREMIUM}), NotEntitledError),
        "a size that is not in the plan": (reply({"Information": PREMIUM_SIZE}), NotEntitledError),
        "the key of the examples": (reply({"Information": DEMO}), InvalidCredentialsError),
        "the minute's limit of old": (reply({"Note": MINUTE}), RateLimitedError),
        "the day's limit of old": (
            reply({"Note": "Our limit is 500 calls per day."}),
            QuotaExhaustedError,
        ),
        "a bad key": (
            reply(
                {
                    "Error Message": "the parameter apikey is invalid or missing. Please claim "
                    f"your free API key. {KEY}"
                }
            ),
            InvalidCredentialsError,
        ),
        "another error": (reply({"Error Message": f"No {KEY}."}), InvalidRequestError),
        "an information that is not documented": (
            reply({"Information": f"{KEY} is invited"}),
            InvalidRequestError,
        ),
        "an error whose status is one too": (
            reply({"Information": DAILY}, status=503),
            QuotaExhaustedError,
        ),
        "a table instead of JSON": (
            reply("timestamp,open\n2026-11-19,301.1", content_type="application/x-download"),
            BadPayloadError,
        ),
        "a part under another name": (reply({"Quote": {"05. price": "1"}}), BadPayloadError),
        "a price beyond all reason": (
            reply(global_quote("AAPL", price="1" + "0" * 60, before="1")),
            BadPayloadError,
        ),
    },
)
