"""Reads Alpha Vantage's answers, in which all values are text: pure functions to values."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from datasources.errors import BadPayloadError
from datasources.http import Answer, price, word
from datasources.sessions import last_close
from datasources.symbols import Names, major_unit, suffix_of, venue_of
from models.market import (
    AssetClass,
    Bar,
    CompanyProfile,
    DividendEvent,
    EuroRate,
    InstrumentMatch,
    Quote,
    QuoteQuality,
    Rate,
    RateQuestion,
    SplitEvent,
)

NAME = "alpha_vantage"
ERROR = "Error Message"
ONE = Decimal(1)
SHOWN = Decimal("0.0001")
"""The last place of a split's factor."""

CARRY = timedelta(days=7)
"""How long a rate stands for days without one; a longer gap is a suspension."""

DIVISION = Context(prec=28, rounding=ROUND_HALF_EVEN)

UNTOLD = {"L"}
"""Venues whose prices are in several units, such as pence, pounds and dollars in London.

No answer with a price says in which: only a search does.
"""

KINDS = {"etf": AssetClass.FUND, "mutual fund": AssetClass.FUND, "equity": AssetClass.EQUITY}
COUNTRIES = {"USA": "US"}


def unit_of(symbol: str, told: str | None) -> tuple[str, Decimal]:
    """Return the currency of a symbol's prices, and the factor to it."""
    return major_unit(told or venue_of(symbol).currency)


def parse_unit(answer: Answer, *, text: str) -> str | None:
    """Read from a search what the prices of the vendor's symbol are in; null if it is not there."""
    for one in _rows(answer, "bestMatches"):
        row = _fields(one)
        if row["symbol"] == text:
            return word(row.get("currency"))
    return None


def parse_quote(answer: Answer, *, symbol: str, unit: str | None = None) -> Quote | None:
    """Read the last close; null for the empty object that stands for an unknown symbol."""
    row = _fields(_part(answer, "Global Quote"))
    day, (currency, factor) = _day(row.get("latest trading day")), unit_of(symbol, unit)
    last = _price(row.get("price"), factor)
    if last is None or day is None:
        return None
    return Quote(
        symbol=symbol,
        price=last,
        currency=currency,
        # A day without a time: it is the close of that day, or now while it runs.
        as_of=min(last_close(symbol, datetime.combine(day, time.max, UTC)), answer.received_at),
        received_at=answer.received_at,
        source=NAME,
        quality=QuoteQuality.DELAYED,
        previous_close=_price(row.get("previous close"), factor),
        open=_price(row.get("open"), factor),
        high=_price(row.get("high"), factor),
        low=_price(row.get("low"), factor),
        volume=price(row.get("volume")),
    )


def parse_profile(answer: Answer, *, symbol: str) -> CompanyProfile | None:
    """Read an overview; null for an unknown symbol and for most funds.

    Its market value is in units of the currency that it names, which the shares trade in.
    """
    found = _known(answer)
    name = word(found["Name"]) if found else None
    if name is None:
        return None
    country = word(found.get("Country"))
    return CompanyProfile(
        symbol=symbol,
        name=name,
        source=NAME,
        fetched_at=answer.received_at,
        country=COUNTRIES.get(country, country) if country else None,
        currency=major_unit(word(found.get("Currency")) or venue_of(symbol).currency)[0],
        exchange=word(found.get("Exchange")),
        market_cap=price(found.get("MarketCapitalization")),
        sector=_title(found.get("Sector")),
        industry=_title(found.get("Industry")),
    )


def parse_bars(
    answer: Answer, *, symbol: str, first: date, last: date, unit: str | None = None
) -> list[Bar]:
    """Read days from first to last as they were traded."""
    currency, factor = unit_of(symbol, unit)
    bars = []
    for text, row in _part(answer, "Time Series (Daily)").items():
        day, values = date.fromisoformat(text), _fields(row)
        close = _price(values["close"], factor)
        if close is not None and first <= day <= last:
            bars.append(
                Bar(
                    symbol=symbol,
                    day=day,
                    close=close,
                    currency=currency,
                    source=NAME,
                    open=_price(values.get("open"), factor),
                    high=_price(values.get("high"), factor),
                    low=_price(values.get("low"), factor),
                    volume=price(values.get("volume")),
                )
            )
    return sorted(bars, key=lambda bar: bar.day)


def parse_splits(answer: Answer, *, symbol: str) -> tuple[SplitEvent, ...]:
    """Read splits, oldest first."""
    events = []
    for row in _rows(answer, "data"):
        day, factor = _day(row["effective_date"]), price(row["split_factor"])
        if day is not None and factor is not None:
            new, old = split_ratio(factor)
            events.append(SplitEvent(symbol=symbol, day=day, new=new, old=old, source=NAME))
    return tuple(sorted(events, key=lambda event: event.day))


def split_ratio(factor: Decimal) -> tuple[Decimal, Decimal]:
    """Return how many new shares there are for how many old ones.

    Factors come with four places: 0.3333 is one for three, and a thousand shares must not become
    a third of a thousand less a bit. A factor near no simple ratio is taken as it is.
    """
    for old in (*range(1, 11), round(ONE / factor)):
        new = round(factor * old)
        if new and abs(DIVISION.divide(Decimal(new), Decimal(old)) - factor) <= SHOWN / 2:
            return Decimal(new), Decimal(old)
    new, old = factor.as_integer_ratio()
    return Decimal(new), Decimal(old)


def parse_dividends(answer: Answer, *, symbol: str) -> tuple[DividendEvent, ...]:
    """Read dividends, oldest first."""
    currency, factor = unit_of(symbol, None)
    events = []
    for row in _rows(answer, "data"):
        day, amount = _day(row["ex_dividend_date"]), _price(row["amount"], factor)
        if day is not None and amount is not None:
            events.append(
                DividendEvent(
                    symbol=symbol,
                    ex_day=day,
                    amount=amount,
                    currency=currency,
                    source=NAME,
                    pay_day=_day(row.get("payment_date")),
                )
            )
    return tuple(sorted(events, key=lambda event: event.ex_day))


def parse_search(answer: Answer, *, names: Names) -> list[InstrumentMatch]:
    """Read what a search found, best first, except of venues that we have no symbols for."""
    matches: dict[str, InstrumentMatch] = {}
    for one in _rows(answer, "bestMatches"):
        row = _fields(one)
        symbol = names.inward(row["symbol"])
        if symbol is None:
            continue
        # Without a known ending a symbol would pass for an American one.
        if suffix_of(symbol) is None and row.get("region") != "United States":
            continue
        venue = venue_of(symbol)
        match = InstrumentMatch(
            symbol=symbol,
            name=word(row.get("name")) or symbol,
            currency=major_unit(word(row.get("currency")) or venue.currency)[0],
            source=NAME,
            exchange=venue.exchange,
            asset_class=KINDS.get((word(row.get("type")) or "").lower(), AssetClass.OTHER),
        )
        matches.setdefault(symbol, match)
    return list(matches.values())


def parse_euro(answer: Answer) -> dict[date, Decimal]:
    """Read units of a currency for one euro by day; today's rate still moves and is left out."""
    today, rates = answer.received_at.date(), {}
    for text, row in _part(answer, "Time Series FX (Daily)").items():
        day, value = date.fromisoformat(text), price(_fields(row)["close"])
        if value is not None and day < today:
            rates[day] = value
    return rates


def euro_rate(question: RateQuestion, series: Mapping[str, Mapping[date, Decimal]]) -> Rate | None:
    """Work out a rate through the euro, both legs of the same day, on or shortly before the day."""
    for days in range(CARRY.days + 1):
        day = question.day - timedelta(days=days)
        legs = {
            currency: ONE if currency == "EUR" else series[currency].get(day)
            for currency in (question.base, question.target)
        }
        base, target = legs[question.base], legs[question.target]
        if base is not None and target is not None:
            return Rate(
                base=question.base,
                target=question.target,
                value=DIVISION.divide(target, base),
                day=day,
                source=NAME,
                legs=tuple(
                    EuroRate(currency=currency, day=day, value=value, source=NAME)
                    for currency, value in legs.items()
                    if currency != "EUR" and value is not None
                ),
            )
    return None


def _known(answer: Answer) -> dict[str, Any]:
    """Return the answer; empty for the error that stands for an unknown symbol or currency."""
    found = answer.json(dict)
    return {} if ERROR in found else found


def _part(answer: Answer, name: str) -> dict[str, Any]:
    """Return the one part of an answer, whose name may be followed by how late its prices are."""
    found = _known(answer)
    if not found:
        return {}
    part = next((value for key, value in found.items() if key.startswith(name)), None)
    if not isinstance(part, dict):
        raise BadPayloadError(f"no {name}")
    return part


def _rows(answer: Answer, name: str) -> list[dict[str, Any]]:
    found = _known(answer)
    rows = found[name] if found else []
    if not isinstance(rows, list):
        raise BadPayloadError(f"no list of {name}")
    return rows


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row by the names of its fields; their numbers differ from one answer to another."""
    return {name.partition(". ")[2]: value for name, value in row.items()}


def _price(value: Any, factor: Decimal) -> Decimal | None:
    found = price(value)
    return None if found is None else found * factor


def _day(value: Any) -> date | None:
    """Read a date; null for what the vendor writes for missing, 0000-00-00 among it."""
    try:
        return date.fromisoformat(word(value) or "")
    except ValueError:
        return None


def _title(value: Any) -> str | None:
    """Read words that come in capitals."""
    text = word(value)
    return text.title() if text and text.isupper() else text
