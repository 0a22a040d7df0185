"""What Twelve Data's answers say: pure functions from payloads to values."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    ProviderError,
    QuotaExhaustedError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Answer, next_minute, number, price, seconds, word
from datasources.sockets import quality_of
from datasources.symbols import COIN, PAIR, VENUES, major_unit, suffix_of, venue_of
from models.market import AssetClass, Bar, InstrumentMatch, Quote, QuoteQuality

Row = dict[str, Any]

SOURCE = "twelve_data"

EXCHANGES = {
    "TO": "TSX",
    "V": "TSXV",
    "NE": "NEO",
    "CN": "CSE",
    "L": "LSE",
    "DE": "XETR",
    "F": "FSX",
    "PA": "Euronext",
    "AS": "Euronext",
    "BR": "Euronext",
    "LS": "Euronext",
    "MI": "MTA",
    "MC": "BME",
    "VI": "VSE",
    "HE": "OMXH",
    "SW": "SIX",
    "ST": "OMX",
    "OL": "OSE",
    "CO": "OMXC",
    "WA": "GPW",
    "IS": "BIST",
    "T": "JPX",
    "HK": "HKEX",
    "SS": "SSE",
    "SZ": "SZSE",
    "AX": "ASX",
    "NZ": "NZX",
    "SI": "SGX",
    "JK": "IDX",
    "KL": "MYX",
    "BK": "SET",
    "KS": "KRX",
    "KQ": "KOSDAQ",
    "TW": "TWSE",
    "TWO": "TPEX",
    "NS": "NSE",
    "BO": "BSE",
    "JO": "JSE",
    "TA": "TASE",
    "SA": "Bovespa",
    "MX": "BMV",
}
"""The exchange that a symbol is asked for at; Euronext is one, and the answer's MIC tells where."""

MICS = {VENUES[suffix].mic: suffix for suffix in EXCHANGES} | {"XJPX": "T"}
IN_MINOR_UNITS = {"L", "JO", "TA"}
"""Venues where a price without its currency may be in pence, cents or agorot."""

CLASSES = {
    "etf": AssetClass.FUND,
    "mutual fund": AssetClass.FUND,
    "closed-end fund": AssetClass.FUND,
    "exchange-traded note": AssetClass.FUND,
    "bond": AssetClass.BOND,
    "digital currency": AssetClass.CRYPTO,
    "physical currency": AssetClass.CURRENCY,
    "index": AssetClass.OTHER,
    "warrant": AssetClass.OTHER,
    "right": AssetClass.OTHER,
    "structured product": AssetClass.OTHER,
}


def failure(error: Mapping[str, Any], *, now: datetime) -> ProviderError | None:
    """Return what an error body means; null for one that says that there is no such thing."""
    code, text = int(number(error.get("code")) or 0), str(error.get("message")).casefold()
    if code == 429:
        return _out_of_credits(text, now)
    if code == 403 or "available starting with" in text:
        return NotEntitledError("the plan does not include this")
    if code == 401:
        return InvalidCredentialsError("the key is missing or wrong")
    no_symbol = "symbol" in text and ("missing or invalid" in text or "not found" in text)
    if code in {400, 404} and (no_symbol or "no data is available" in text):
        return None
    words = f"refused the question (code {code})"
    return UnavailableError(words) if code >= 500 else InvalidRequestError(words)


def _out_of_credits(text: str, now: datetime) -> RateLimitedError:
    if "for the day" not in text:
        return RateLimitedError("the credits of the minute are used up", until=next_minute(now))
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    until = datetime.combine(tomorrow, time(), UTC)
    return QuotaExhaustedError("the credits of the day are used up", until=until)


def _body(answer: Answer) -> Row:
    """Return the body; empty if it says that there is no such thing."""
    body: Row = answer.json(dict)
    if body.get("status") == "error":
        return {}
    if answer.status == 404:
        raise BadPayloadError("there is nothing at this address")
    return body


def read_quotes(answer: Answer, symbols: Mapping[str, str]) -> dict[str, Quote]:
    """Read the quotes of some tickers: an object by ticker, or a single one as it is.

    A member that is an error for another reason than being unknown is the error of all: the rest
    would look as if the vendor did not know it. Only what the plan leaves out is left out here too,
    unless that is everything, lest one exchange should bar the others.
    """
    body = _body(answer)
    found: dict[str, Quote] = {}
    refused: list[NotEntitledError] = []
    for ticker, symbol in symbols.items():
        member = body if len(symbols) == 1 and ticker not in body else body.get(ticker)
        if not isinstance(member, dict):
            continue
        if member.get("status") == "error":
            error = failure(member, now=answer.received_at)
            if isinstance(error, NotEntitledError):
                refused.append(error)
            elif error is not None:
                raise error
        elif (quote := _quote(member, symbol, received_at=answer.received_at)) is not None:
            found[symbol] = quote
    if refused and len(refused) == len(symbols):
        raise refused[0]
    return found


def _quote(row: Row, symbol: str, *, received_at: datetime) -> Quote | None:
    unit = _unit(row, symbol)
    # ``timestamp`` is when the day's bar began, ``last_quote_at`` when its close was made.
    at = row.get("last_quote_at") or row.get("timestamp")
    close = price(row.get("close"))
    if unit is None or at is None or close is None:
        return None
    currency, factor = unit
    real_time = suffix_of(symbol) is None
    return Quote(
        symbol=symbol,
        price=close * factor,
        currency=currency,
        as_of=seconds(at),
        received_at=received_at,
        source=SOURCE,
        quality=QuoteQuality.FRESH if real_time else QuoteQuality.DELAYED,
        previous_close=_times(price(row.get("previous_close")), factor),
        open=_times(price(row.get("open")), factor),
        high=_times(price(row.get("high")), factor),
        low=_times(price(row.get("low")), factor),
        volume=number(row.get("volume")),
    )


def _times(value: Decimal | None, factor: Decimal) -> Decimal | None:
    return None if value is None else value * factor


def _unit(row: Row, symbol: str) -> tuple[str, Decimal] | None:
    """Return the major currency and the factor to it; null for prices of something else.

    A ticker without an exchange may be answered with a share of the same name in another country.
    """
    if pair := PAIR.fullmatch(symbol) or COIN.fullmatch(symbol):
        return pair[2], Decimal(1)
    suffix, mic = suffix_of(symbol), word(row.get("mic_code"))
    if mic in MICS and MICS[mic] != suffix:
        return None
    code = word(row.get("currency"))
    if code is None:
        return None if suffix in IN_MINOR_UNITS else (venue_of(symbol).currency, Decimal(1))
    if suffix is None and code != venue_of(symbol).currency:
        return None
    return major_unit(code)


class Page(NamedTuple):
    """Some days of a series; ``rows`` and ``oldest`` are of all that was sent."""

    bars: list[Bar]
    rows: int
    oldest: date | None


def read_bars(answer: Answer, symbol: str) -> Page:
    """Read days, which come newest first and are the exchange's own."""
    body = _body(answer)
    rows = body.get("values") or []
    unit = _unit(body.get("meta") or {}, symbol)
    days = [date.fromisoformat(row["datetime"][:10]) for row in rows]
    bars = []
    for day, row in zip(days, rows, strict=True):
        close = price(row.get("close"))
        if unit is not None and close is not None:
            currency, factor = unit
            bars.append(
                Bar(
                    symbol=symbol,
                    day=day,
                    close=close * factor,
                    currency=currency,
                    source=SOURCE,
                    open=_times(price(row.get("open")), factor),
                    high=_times(price(row.get("high")), factor),
                    low=_times(price(row.get("low")), factor),
                    volume=number(row.get("volume")),
                )
            )
    return Page(bars, len(rows), min(days, default=None))


def read_matches(answer: Answer, inward: Callable[[str], str | None]) -> dict[str, InstrumentMatch]:
    """Read listings that have a canonical symbol, the best first."""
    found: dict[str, InstrumentMatch] = {}
    for row in _body(answer).get("data") or []:
        here = "/" in row["symbol"] or row.get("country") == "United States"
        symbol = inward(row["symbol"] if here else f"{row['symbol']}:{row.get('mic_code')}")
        name = word(row.get("instrument_name"))
        unit = symbol and _unit(row, symbol)
        if symbol and name and unit and symbol not in found:
            kind = (word(row.get("instrument_type")) or "").casefold()
            found[symbol] = InstrumentMatch(
                symbol=symbol,
                name=name,
                currency=unit[0],
                source=SOURCE,
                exchange=word(row.get("exchange")),
                asset_class=CLASSES.get(kind, AssetClass.EQUITY),
            )
    return found


def price_events(frame: Answer) -> list[Row]:
    """Return the price in a frame of the stream, if it is one; raises what an error tells.

    Symbols that cannot be followed are only silent, unless that is all of them.
    """
    body: Row = frame.json(dict)
    if body["event"] == "price":
        return [body]
    if body["event"] == "subscribe-status":
        if body["status"] == "error" and not body.get("success"):
            raise InvalidRequestError("none of the symbols can be followed")
    elif body.get("status") == "error" and (error := failure(body, now=frame.received_at)):
        raise error
    return []


def read_price(event: Row, symbols: Mapping[str, str], *, received_at: datetime) -> Quote | None:
    """Read a price; null for another symbol's. Numbers are no texts here, and times are seconds.

    The ticker comes without the exchange that it was asked for at.
    """
    ticker, exchange = event["symbol"], word(event.get("exchange"))
    symbol = symbols.get(f"{ticker}:{exchange}")
    if symbol is None and exchange not in EXCHANGES.values():
        symbol = symbols.get(ticker)
    unit, last = symbol and _unit(event, symbol), price(event["price"])
    if symbol is None or not unit or last is None:
        return None
    currency, factor = unit
    as_of = min(seconds(event["timestamp"]), received_at)
    real_time = suffix_of(symbol) is None
    return Quote(
        symbol=symbol,
        price=last * factor,
        currency=currency,
        as_of=as_of,
        received_at=received_at,
        source=SOURCE,
        quality=QuoteQuality.FRESH if real_time else quality_of(as_of, received_at),
        volume=number(event.get("day_volume")),
    )
