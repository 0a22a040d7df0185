"""Reads Finnhub's answers: pure functions from payloads to values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
)
from datasources.http import Answer, milliseconds, price, seconds, word
from datasources.symbols import UNITED_STATES, Names, major_unit, suffix_of, venue_of
from models.market import (
    AssetClass,
    Bar,
    CompanyProfile,
    DividendEvent,
    InstrumentMatch,
    Quote,
    QuoteQuality,
    SplitEvent,
)

NAME = "finnhub"
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What the list of an exchange tells of a share; its prices are in ``factor`` of currency."""

    currency: str
    factor: Decimal = Decimal(1)
    name: str | None = None
    kind: str | None = None
    isin: str | None = None
    figi: str | None = None


IN_DOLLARS = Listed(currency=UNITED_STATES.currency)


def parse_list(answer: Answer) -> dict[str, Listed]:
    """Read the list of an exchange by symbol; rows without a currency are of no use."""
    found: dict[str, Listed] = {}
    for row in answer.json(list):
        code = word(row.get("currency"))
        if code:
            currency, factor = major_unit(code)
            found[row["symbol"]] = Listed(
                currency=currency,
                factor=factor,
                name=word(row.get("description")),
                kind=word(row.get("type")),
                isin=word(row.get("isin")),
                figi=word(row.get("figi")),
            )
    return found


def parse_quote(answer: Answer, *, symbol: str, listed: Listed) -> Quote | None:
    """Read a quote; null for the zeros and the empty object that stand for an unknown symbol."""
    found = answer.json(dict)
    if not found:
        return None
    last, moment = _price(found["c"], listed), found["t"]
    if last is None or moment == 0:
        return None
    return Quote(
        symbol=symbol,
        price=last,
        currency=listed.currency,
        # The vendor's clock may be ahead of ours.
        as_of=min(seconds(moment), answer.received_at),
        received_at=answer.received_at,
        source=NAME,
        # Only American prices are promised in real time.
        quality=QuoteQuality.FRESH if listed is IN_DOLLARS else QuoteQuality.DELAYED,
        # Before the open, and of thin shares, these are zero.
        previous_close=_price(found.get("pc"), listed),
        open=_price(found.get("o"), listed),
        high=_price(found.get("h"), listed),
        low=_price(found.get("l"), listed),
    )


def parse_profile(answer: Answer, *, symbol: str, listed: Listed) -> CompanyProfile | None:
    """Read a profile; null for an unknown symbol or a fund.

    The vendor's ``currency`` is that of the company's accounts, and its market value is in that.
    Ours is what the shares trade in: where the two differ the value is left out, as it would be
    shown in a currency it is not in.
    """
    found = answer.json(dict)
    if not found:
        return None
    millions = price(found.get("marketCapitalization"))
    return CompanyProfile(
        symbol=symbol,
        name=word(found["name"]) or symbol,
        source=NAME,
        fetched_at=answer.received_at,
        country=word(found.get("country")),
        currency=listed.currency,
        exchange=word(found.get("exchange")),
        ipo_date=_day(found.get("ipo")),
        market_cap=millions * MILLION
        if millions is not None and found.get("currency") == listed.currency
        else None,
        industry=word(found.get("finnhubIndustry")),
        logo_url=word(found.get("logo")),
        website_url=word(found.get("weburl")),
        isin=listed.isin,
        figi=listed.figi,
    )


def parse_bars(
    answer: Answer, *, symbol: str, listed: Listed, first: date, last: date
) -> list[Bar]:
    """Read daily candles, which splits have been applied to, of the days from first to last."""
    found = answer.json(dict)
    if found["s"] == "no_data":
        return []
    if found["s"] != "ok":
        raise BadPayloadError(f"candles of status {str(found['s'])[:20]!r}")
    bars: dict[date, Bar] = {}
    for moment, *values in zip(*(found[name] for name in "tohlcv"), strict=True):
        # Each candle is dated midnight in UTC of the venue's day.
        day = seconds(moment).date()
        opened, high, low, close = (_price(value, listed) for value in values[:4])
        if close is not None and first <= day <= last:
            bars[day] = Bar(
                symbol=symbol,
                day=day,
                close=close,
                currency=listed.currency,
                source=NAME,
                open=opened,
                high=high,
                low=low,
                volume=price(values[4]),
                adjusted=True,
            )
    return [bars[day] for day in sorted(bars)]


def parse_splits(answer: Answer, *, symbol: str) -> tuple[SplitEvent, ...]:
    """Read splits, oldest first."""
    events = []
    for row in answer.json(list):
        day = date.fromisoformat(row["date"])
        old, new = price(row["fromFactor"]), price(row["toFactor"])
        if old is not None and new is not None:
            events.append(SplitEvent(symbol=symbol, day=day, new=new, old=old, source=NAME))
    return tuple(sorted(events, key=lambda event: event.day))


def parse_dividends(answer: Answer, *, symbol: str) -> tuple[DividendEvent, ...]:
    """Read dividends as paid, oldest first; raises BadPayloadError for one in we know not what."""
    events = []
    for row in answer.json(list):
        day, amount = date.fromisoformat(row["date"]), price(row["amount"])
        code = word(row.get("currency"))
        if code is None and suffix_of(symbol) is None:
            code = UNITED_STATES.currency
        if amount is None:
            continue
        if code is None:
            raise BadPayloadError("a dividend without a currency")
        currency, factor = major_unit(code)
        events.append(
            DividendEvent(
                symbol=symbol,
                ex_day=day,
                amount=amount * factor,
                currency=currency,
                source=NAME,
                pay_day=_day(row.get("payDate")),
            )
        )
    return tuple(sorted(events, key=lambda event: event.ex_day))


def parse_search(answer: Answer, *, names: Names) -> list[InstrumentMatch]:
    """Read what a search found, best first; instruments of venues that we do not know are left out.

    The currency is that of the venue: nothing else is told, and one list for each venue found would
    be too many calls.
    """
    matches: dict[str, InstrumentMatch] = {}
    for row in answer.json(dict)["result"]:
        symbol = names.inward(row["symbol"])
        if symbol is not None:
            listed = Listed(currency=venue_of(symbol).currency)
            match = match_of(
                symbol, name=row.get("description"), kind=row.get("type"), listed=listed
            )
            matches.setdefault(symbol, match)
    return list(matches.values())


def match_of(symbol: str, *, name: Any, kind: Any, listed: Listed) -> InstrumentMatch:
    """Describe an instrument as the vendor names it, and its kind as far as that can be told."""
    kind = (word(kind) or "").lower()
    is_fund = kind in {"etp", "etf", "etc", "etn"} or "fund" in kind
    return InstrumentMatch(
        symbol=symbol,
        name=word(name) or symbol,
        currency=listed.currency,
        source=NAME,
        exchange=venue_of(symbol).exchange,
        isin=listed.isin,
        figi=listed.figi,
        asset_class=AssetClass.FUND if is_fund else AssetClass.EQUITY,
    )


def _price(value: Any, listed: Listed) -> Decimal | None:
    found = price(value)
    return None if found is None else found * listed.factor


def _day(value: Any) -> date | None:
    """Read a date that nothing hangs on; null for what vendors write for missing."""
    try:
        return date.fromisoformat(word(value) or "")
    except ValueError:
        return None


def trades(frame: Answer) -> list[dict[str, Any]]:
    """Return the trades in a frame of the stream; none in a ping. Raises what an error tells.

    An invalid symbol is only silent: the others go on.
    """
    message = frame.json(dict)
    if message["type"] == "error":
        text = str(message.get("msg")).casefold()
        if "too many symbols" in text:
            raise InvalidRequestError("too many symbols")
        if "access" in text:
            raise NotEntitledError("the plan does not include this")
        if "api key" in text or "token" in text:
            raise InvalidCredentialsError("the key is missing or wrong")
    return list(message["data"]) if message["type"] == "trade" else []


def parse_trade(
    trade: Mapping[str, Any], served: Mapping[str, tuple[str, Listed]], *, received_at: datetime
) -> Quote | None:
    """Read a trade; null for another symbol's. Its time is in milliseconds here.

    Its volume is that of the trade alone, or zero, and not the day's.
    """
    if trade["s"] not in served:
        return None
    symbol, listed = served[trade["s"]]
    last = _price(trade["p"], listed)
    if last is None:
        return None
    return Quote(
        symbol=symbol,
        price=last,
        currency=listed.currency,
        as_of=min(milliseconds(trade["t"]), received_at),
        received_at=received_at,
        source=NAME,
        quality=QuoteQuality.FRESH if listed is IN_DOLLARS else QuoteQuality.DELAYED,
    )
