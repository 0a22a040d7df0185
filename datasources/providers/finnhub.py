"""Finnhub: American quotes, profiles and search; other venues and history if the plan has them.

https://finnhub.io/docs/api
"""

from collections.abc import AsyncGenerator, Collection
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import ClassVar

from datasources.errors import (
    InvalidCredentialsError,
    NotEntitledError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import (
    Answer,
    Remote,
    Upstream,
    Vendor,
    check_status,
    next_minute,
    retry_after,
)
from datasources.once import Once
from datasources.pacing import Limit
from datasources.protocols import Clock
from datasources.providers._finnhub import (
    IN_DOLLARS,
    NAME,
    Listed,
    match_of,
    parse_bars,
    parse_dividends,
    parse_list,
    parse_profile,
    parse_quote,
    parse_search,
    parse_splits,
    parse_trade,
    trades,
)
from datasources.sessions import last_finished_day
from datasources.sockets import Stream, check_number, open_socket
from datasources.symbols import VENUES, Dialect, Names, suffix_of, venue_of
from models.market import Actions, Bar, CompanyProfile, InstrumentMatch, Quote

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def resets_at(answer: Answer) -> datetime:
    """Return when calls are allowed again: within the minute that the limit is counted by."""
    text = answer.headers.get("x-ratelimit-reset", "").strip()
    if text.isdecimal() and len(text) <= 10:
        at = datetime.fromtimestamp(int(text), UTC)
        if answer.received_at < at <= answer.received_at + MINUTE:
            return at
    return retry_after(answer) or next_minute(answer.received_at)


def calls_left(answer: Answer) -> tuple[int, datetime] | None:
    """Return how many calls are left until when, if the headers tell."""
    left = answer.headers.get("x-ratelimit-remaining", "").strip()
    return (int(left), resets_at(answer)) if left.isdecimal() and len(left) <= 6 else None


def check(answer: Answer) -> None:
    """Raise what a refusal means, be it JSON or text."""
    if answer.status in {401, 403, 429}:
        text = answer.text().strip().lower()
        # Without a key the vendor says that a limit is reached, and how to get a key.
        if answer.status == 429 and "sign up" in text:
            raise InvalidCredentialsError("the key is missing")
        if answer.status == 429:
            raise RateLimitedError("too many calls", until=resets_at(answer))
        # A page is from the edge, and says nothing of the plan.
        if text.startswith("<"):
            raise UnavailableError(f"turned away at the edge (HTTP {answer.status})")
        if "have access to this resource" in text:
            raise NotEntitledError("the plan does not include this")
    check_status(answer)


def _is_foreign(symbol: str) -> bool:
    """Tell whether a symbol ends in a venue that we do not know: share classes have one letter."""
    _, point, ending = symbol.rpartition(".")
    return bool(point) and len(ending) > 1 and suffix_of(symbol) is None


class FinnhubDialect(Dialect):
    """Canadian units have a point where ours have a dash: ERE.UN.TO is our ERE-UN.TO."""

    def outward(self, symbol: str) -> str | None:
        """Return the vendor's form of a canonical symbol; null if it does not serve the venue.

        Nor is there one of a venue that we do not know, whose prices would pass for dollars.
        """
        text = super().outward(symbol)
        if _is_foreign(symbol):
            return None
        return text.replace("-", ".") if text and venue_of(symbol).country == "CA" else text

    def inward(self, text: str) -> str | None:
        """Return the canonical form of a vendor's symbol; null for one that has none.

        What stands after a point is a venue, or else a share class of one letter: a longer ending
        is a venue that we do not know, and no American share.
        """
        symbol = super().inward(text)
        if symbol is None:
            return None
        if suffix_of(symbol) is None:
            return None if _is_foreign(symbol) else symbol
        return symbol.replace(".UN.", "-UN.") if venue_of(symbol).country == "CA" else symbol


# No currency pairs and crypto assets: the endpoints here do not say what those are priced in.
DIALECT = FinnhubDialect(suffixes={suffix: suffix for suffix in VENUES})


STREAM = Stream(url="wss://ws.finnhub.io", key_parameter="token")


class Finnhub(Remote):
    """Serves what a free key can have, and the rest for plans that include it."""

    dialect: ClassVar[Dialect] = DIALECT
    vendor: ClassVar[Vendor] = Vendor(
        name=NAME,
        url="https://finnhub.io/api/v1",
        # Sixty and thirty are allowed: five less, for whoever else uses the key.
        limits=(Limit(55, MINUTE), Limit(25, SECOND)),
        key_header="X-Finnhub-Token",
        check=check,
        calls_left=calls_left,
    )
    batch: ClassVar[dict[str, int]] = {"quotes": 1, "profiles": 1, "find": 1}
    finds_isins: ClassVar[bool] = True
    stream_limit: ClassVar[int] = 50

    def __init__(self, upstream: Upstream, *, names: Names, clock: Clock) -> None:
        super().__init__(upstream, names=names, clock=clock)
        self._lists: dict[str, tuple[datetime, dict[str, Listed]]] = {}
        self._loading = Once()

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the current quotes of symbols, one call each."""
        found: dict[str, Quote] = {}
        for text, symbol, listed in await self._served(symbols):
            read = partial(parse_quote, symbol=symbol, listed=listed)
            quote = await self.upstream.get("/quote", {"symbol": text}, read=read)
            if quote is not None:
                found[symbol] = quote
        return found

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return the profiles of symbols, one call each."""
        found: dict[str, CompanyProfile] = {}
        for text, symbol, listed in await self._served(symbols):
            read = partial(parse_profile, symbol=symbol, listed=listed)
            profile = await self.upstream.get("/stock/profile2", {"symbol": text}, read=read)
            if profile is not None:
                found[symbol] = profile
        return found

    async def bars(self, symbol: str, *, first: date, last: date) -> list[Bar]:
        """Return the trading days from first to last, both included, in order.

        The row of a day whose session is not surely over is no close and left out.
        """
        last = min(last, last_finished_day(symbol, self._clock()))
        if first > last:
            return []
        for text, _, listed in await self._served([symbol]):
            return await self.upstream.get(
                "/stock/candle",
                {
                    "symbol": text,
                    "resolution": "D",
                    "from": str(_epoch(first)),
                    "to": str(_epoch(last + DAY) - 1),
                },
                read=partial(parse_bars, symbol=symbol, listed=listed, first=first, last=last),
            )
        return []

    async def actions(self, symbol: str, *, first: date, last: date) -> Actions:
        """Return splits and dividends with their day from first to last, both included."""
        for text in self._names.outward([symbol]):
            asked = {"symbol": text, "from": first.isoformat(), "to": last.isoformat()}
            splits = await self.upstream.get(
                "/stock/split", asked, read=partial(parse_splits, symbol=symbol)
            )
            dividends = await self.upstream.get(
                "/stock/dividend", asked, read=partial(parse_dividends, symbol=symbol)
            )
            return Actions(
                splits=tuple(event for event in splits if first <= event.day <= last),
                dividends=tuple(event for event in dividends if first <= event.ex_day <= last),
            )
        return Actions()

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return instruments that fit a symbol or words of a name, best first."""
        if not text.strip():
            return []
        read = partial(parse_search, names=self._names)
        return (await self.upstream.get("/search", {"q": text.strip()}, read=read))[:limit]

    async def find(self, symbols: Collection[str]) -> dict[str, InstrumentMatch]:
        """Return the instruments with exactly these symbols."""
        found: dict[str, InstrumentMatch] = {}
        for text, symbol, listed in await self._served(symbols):
            if listed is not IN_DOLLARS:
                found[symbol] = match_of(symbol, name=listed.name, kind=listed.kind, listed=listed)
                continue
            for match in await self.search(text, limit=100):
                if match.symbol == symbol:
                    found[symbol] = match
        return found

    def streamable(self, symbols: Collection[str]) -> list[str]:
        """Return those of symbols that have a ticker here."""
        return [symbol for text, symbol in self._names.outward(symbols).items() if ":" not in text]

    async def stream(self, symbols: Collection[str]) -> AsyncGenerator[Quote, None]:
        """Yield trades, each a quote; outside trading hours there are none.

        There may be one connection for a key: a second one closes the first, or starves it.
        """
        check_number(symbols, self.stream_limit)
        served: dict[str, tuple[str, Listed]] = {}
        for one in symbols:
            # That the list of one exchange cannot be had is no reason to do without the others.
            with suppress(ProviderError):
                for text, symbol, listed in await self._served([one]):
                    served[text] = symbol, listed
        if not served:
            return
        async with open_socket(self.upstream, STREAM) as socket:
            for text in served:
                await socket.send({"type": "subscribe", "symbol": text})
            while True:
                for quote in await socket.quotes(
                    trades, lambda trade, at: parse_trade(trade, served, received_at=at)
                ):
                    yield quote

    async def _served(self, symbols: Collection[str]) -> list[tuple[str, str, Listed]]:
        """Return the vendor's and our symbol, and what it is priced in, of those it serves.

        Quotes and bars do not say what they are in: the lists of the exchanges do.
        """
        served = []
        for text, symbol in self._names.outward(symbols).items():
            listed = await self._listed(text)
            if listed is not None:
                served.append((text, symbol, listed))
        return served

    async def _listed(self, text: str) -> Listed | None:
        """Return what a symbol is priced in; null when nothing says so."""
        if ":" in text:
            return None
        exchange = suffix_of(text)
        if exchange is None:
            return IN_DOLLARS
        known = self._lists.get(exchange)
        if known is None or self._clock() - known[0] >= DAY:
            # A list has thousands of rows: it may take longer than a price may.
            known = await self._loading.do(exchange, partial(self._load_list, exchange))
        return known[1].get(text)

    async def _load_list(self, exchange: str) -> tuple[datetime, dict[str, Listed]]:
        listed = await self.upstream.get("/stock/symbol", {"exchange": exchange}, read=parse_list)
        known = self._lists[exchange] = self._clock(), listed
        return known


def _epoch(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
