"""What Massive's answers say: pure functions from payloads to values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Answer, milliseconds, nanoseconds, number, price, readable, word
from datasources.sessions import last_close, local_day
from datasources.symbols import COIN, PAIR, venue_of
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

Row = dict[str, Any]

SOURCE = "massive"
NEW_YORK = ZoneInfo("America/New_York")

REACH = (2, 5, 10)
"""Years of history of the plans: a window that begins earlier is cut without a word."""

EXCHANGES = {
    "XNAS": "NASDAQ",
    "XNYS": "NYSE",
    "XASE": "NYSE American",
    "ARCX": "NYSE Arca",
    "BATS": "Cboe BZX",
}
FUNDS = {"ETF", "ETV", "ETN", "ETS", "FUND"}


def envelope(answer: Answer) -> Row:
    """Return the body; empty for what the vendor says it does not know."""
    body: Row = answer.json(dict)
    status = body.get("status")
    if status == "NOT_FOUND":
        return {}
    if status == "NOT_AUTHORIZED":
        raise NotEntitledError("the plan does not include this")
    if status == "ERROR":
        raise InvalidRequestError("refused the question")
    if answer.status == 404:
        raise BadPayloadError("there is nothing at this address")
    return body


def results(body: Row) -> list[Row]:
    """Return the rows: an empty answer has no such key, and under load it is null."""
    rows = body.get("results")
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise BadPayloadError("the results are no list")
    return rows


def next_page(body: Row) -> str | None:
    """Return path and query of the next page, whatever host and port the vendor writes."""
    address = body.get("next_url")
    if not address:
        return None
    parts = urlsplit(address)
    if not parts.path.startswith("/"):
        raise BadPayloadError("the next page has no address")
    return f"{parts.path}?{parts.query}"


def _currency(symbol: str) -> str:
    """Return what prices of a canonical symbol are in: the second half of a pair, else dollars."""
    pair = PAIR.fullmatch(symbol) or COIN.fullmatch(symbol)
    return pair[2] if pair else venue_of(symbol).currency


def read_quotes(answer: Answer, symbols: Mapping[str, str]) -> dict[str, Quote]:
    """Read a snapshot of some tickers; unknown ones are not in it."""
    body = envelope(answer)
    live = QuoteQuality.DELAYED if body.get("status") == "DELAYED" else QuoteQuality.FRESH

    def read(row: Row) -> Quote | None:
        symbol = symbols.get(row["ticker"])
        if symbol is None:
            return None
        return _quote(row, symbol, live=live, received_at=answer.received_at)

    return {quote.symbol: quote for quote in readable(body.get("tickers") or [], read)}


def _quote(row: Row, symbol: str, *, live: QuoteQuality, received_at: datetime) -> Quote | None:
    session, before = row.get("day") or {}, row.get("prevDay") or {}
    last, previous = price(session.get("c")), price(before.get("c"))
    as_of, quality = _updated(row), live
    if last is None:
        # Wiped every night and filled with the first trade: until then the last close stands.
        session, last, previous = before, previous, None
        as_of, quality = _close_before(symbol, received_at), QuoteQuality.DELAYED
    if last is None or as_of is None:
        return None
    return Quote(
        symbol=symbol,
        price=last,
        currency=venue_of(symbol).currency,
        as_of=as_of,
        received_at=received_at,
        source=SOURCE,
        quality=quality,
        previous_close=previous,
        open=price(session.get("o")),
        high=price(session.get("h")),
        low=price(session.get("l")),
        volume=number(session.get("v")),
    )


def _updated(row: Row) -> datetime | None:
    """Return when a snapshot changed last; after the nightly wipe the times are zero."""
    if row.get("updated"):
        return nanoseconds(row["updated"])
    minute = row.get("min") or {}
    return milliseconds(minute["t"]) if minute.get("t") else None


def _close_before(symbol: str, moment: datetime) -> datetime:
    """Return the last close before today, which the snapshot does not date."""
    midnight = datetime.combine(local_day(symbol, moment), time(), NEW_YORK)
    return last_close(symbol, midnight.astimezone(UTC))


def read_bars(rows: Sequence[Row], symbol: str, *, first: date, last: date) -> list[Bar]:
    """Read days from first to last that have a price."""

    def each() -> Iterator[Bar]:
        for row in rows:
            # A bar begins at midnight in New York, of a pair or coin at midnight UTC: the day that
            # it then is in UTC is the same either way.
            day, close = milliseconds(row["t"]).date(), price(row.get("c"))
            if close is not None and first <= day <= last:
                yield Bar(
                    symbol=symbol,
                    day=day,
                    close=close,
                    currency=_currency(symbol),
                    source=SOURCE,
                    open=price(row.get("o")),
                    high=price(row.get("h")),
                    low=price(row.get("l")),
                    volume=number(row.get("v")),
                )

    return list(each())


def is_cut(bars: Sequence[Bar], *, first: date, today: date) -> bool:
    """Tell whether bars begin where a plan's history does, and not where the window does."""
    if not bars or bars[0].day <= first + timedelta(days=7):
        return False
    edges = [today - timedelta(days=round(years * 365.25)) for years in REACH]
    return any(timedelta(days=-3) <= bars[0].day - edge <= timedelta(days=7) for edge in edges)


def read_splits(rows: Sequence[Row], symbol: str) -> list[SplitEvent]:
    """Read splits: ``split_to`` new units for ``split_from`` old ones."""
    found = []
    for row in rows:
        new, old = price(row.get("split_to")), price(row.get("split_from"))
        if new is not None and old is not None:
            day = date.fromisoformat(row["execution_date"])
            found.append(SplitEvent(symbol=symbol, day=day, new=new, old=old, source=SOURCE))
    return found


def read_dividends(rows: Sequence[Row], symbol: str) -> list[DividendEvent]:
    """Read dividends of every type; one without a currency is in the share's own."""
    return [
        DividendEvent(
            symbol=symbol,
            ex_day=date.fromisoformat(row["ex_dividend_date"]),
            amount=amount,
            currency=(word(row.get("currency")) or venue_of(symbol).currency).upper(),
            source=SOURCE,
            pay_day=_day(row.get("pay_date")),
        )
        for row in rows
        if (amount := price(row.get("cash_amount"))) is not None
    ]


def _day(text: object) -> date | None:
    found = word(text)
    return date.fromisoformat(found[:10]) if found else None


def read_profile(answer: Answer, symbol: str) -> dict[str, CompanyProfile]:
    """Read one ticker's details; what only the key may fetch, such as the logo, is left out."""
    row = envelope(answer).get("results") or {}
    name = word(row.get("name"))
    if name is None:
        return {}
    profile = CompanyProfile(
        symbol=symbol,
        name=name,
        source=SOURCE,
        fetched_at=answer.received_at,
        currency=_currency_of(row, symbol),
        exchange=_exchange(row),
        ipo_date=_day(row.get("list_date")),
        market_cap=price(row.get("market_cap")),
        industry=word(row.get("sic_description")),
        website_url=word(row.get("homepage_url")),
        figi=word(row.get("composite_figi")),
    )
    return {symbol: profile}


def read_matches(
    rows: Sequence[Row], inward: Callable[[str], str | None]
) -> dict[str, InstrumentMatch]:
    """Read rows of the reference that have a canonical symbol."""
    found: dict[str, InstrumentMatch] = {}
    for row in rows:
        symbol, name = inward(row["ticker"]), word(row.get("name"))
        if symbol is not None and name is not None:
            found[symbol] = InstrumentMatch(
                symbol=symbol,
                name=name,
                currency=_currency_of(row, symbol),
                source=SOURCE,
                exchange=_exchange(row),
                figi=word(row.get("composite_figi")),
                asset_class=_asset_class(row),
            )
    return found


def _currency_of(row: Row, symbol: str) -> str:
    """Return the currency: a code in small letters for shares, words for pairs and coins."""
    code = (word(row.get("currency_name")) or "").upper()
    return code if len(code) == 3 else _currency(symbol)


def _exchange(row: Row) -> str | None:
    mic = word(row.get("primary_exchange"))
    return mic and EXCHANGES.get(mic, mic)


def _asset_class(row: Row) -> AssetClass:
    market, kind = row.get("market"), row.get("type")
    if market == "crypto":
        return AssetClass.CRYPTO
    if market == "fx":
        return AssetClass.CURRENCY
    if kind in FUNDS:
        return AssetClass.FUND
    return AssetClass.BOND if kind == "BOND" else AssetClass.EQUITY


def events(frame: Answer) -> list[Row]:
    """Return the events of a frame of the stream, which is always an array."""
    return list(frame.json(list))


class Statuses:
    """What the statuses of a stream mean, which depends on those before."""

    def __init__(self) -> None:
        self._subscribed = False

    def admits(self, event: Row) -> bool:
        """Tell whether an event lets us in; raises ProviderError for one that ends the stream."""
        if event["ev"] != "status":
            return False
        status, text = event["status"], str(event.get("message")).casefold()
        if status in {"auth_failed", "auth_timeout"}:
            if "plan" in text:
                raise NotEntitledError("the plan does not include this")
            raise InvalidCredentialsError("the key is missing or wrong")
        if status == "max_connections":
            raise RateLimitedError("too many connections")
        if status in {"slow_consumer", "force_disconnect"}:
            raise UnavailableError(f"cut off ({status})")
        # What any plan has is subscribed to first: what is refused later, a better one has.
        if status == "error" and not self._subscribed:
            raise NotEntitledError("the plan does not include this")
        self._subscribed |= status == "success"
        return bool(status == "auth_success")


def read_event(
    event: Row,
    symbols: Mapping[str, str],
    *,
    quality: QuoteQuality,
    received_at: datetime,
) -> Quote | None:
    """Read a trade, or the end of a minute or second; null for anything else.

    Times are in milliseconds here. The range of a window is not the day's; its day's open and
    volume are.
    """
    trade = event["ev"] == "T"
    symbol = symbols.get(event["sym"]) if trade or event["ev"] in {"A", "AM"} else None
    last = price(event["p" if trade else "c"]) if symbol else None
    if symbol is None or last is None:
        return None
    return Quote(
        symbol=symbol,
        price=last,
        currency=venue_of(symbol).currency,
        as_of=min(milliseconds(event["t" if trade else "e"]), received_at),
        received_at=received_at,
        source=SOURCE,
        quality=quality,
        open=None if trade else price(event.get("op")),
        volume=None if trade else number(event.get("av")),
    )
