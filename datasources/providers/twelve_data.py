"""Twelve Data: quotes and days of shares all over the world, each symbol for one credit.

An error is often a body with HTTP 200, and in a batch every member may be one of its own.
"""

from collections.abc import AsyncGenerator, Collection, Mapping
from datetime import date, datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from datasources.errors import BadPayloadError, UnavailableError
from datasources.http import Answer, Remote, Vendor, check_status, next_minute
from datasources.pacing import Limit
from datasources.providers._twelve_data import (
    EXCHANGES,
    MICS,
    SOURCE,
    failure,
    price_events,
    read_bars,
    read_matches,
    read_price,
    read_quotes,
)
from datasources.sessions import last_finished_day
from datasources.sockets import Stream, check_number, open_socket
from datasources.symbols import (
    COIN,
    PAIR,
    SYMBOL,
    Dialect,
    InvalidSymbolError,
    canonical,
    suffix_of,
)
from models.currencies import is_currency
from models.market import Bar, InstrumentMatch, Quote

PAGE = 5000
"""The most days that one answer may have."""


def check(answer: Answer) -> None:
    """Raise what a body says, whatever the status; what is unknown is left to who asked."""
    try:
        body = answer.json(dict)
    except BadPayloadError:
        if answer.status in {401, 403}:  # a page from the edge, which knows neither key nor plan
            raise UnavailableError(f"turned away at the edge (HTTP {answer.status})") from None
        body = {}
    if body.get("status") != "error":
        check_status(answer)
    elif (error := failure(body, now=answer.received_at)) is not None:
        raise error


def calls_left(answer: Answer) -> tuple[int, datetime] | None:
    """Return how many credits are left of the minute."""
    left = answer.headers.get("api-credits-left", "")
    return (int(left), next_minute(answer.received_at)) if left.isdecimal() else None


VENDOR = Vendor(
    name=SOURCE,
    url="https://api.twelvedata.com",
    limits=(
        Limit(8, timedelta(minutes=1)),
        Limit(800, timedelta(days=1), resets_in=ZoneInfo("UTC")),
    ),
    key_header="Authorization",
    key_prefix="apikey ",
    check=check,
    calls_left=calls_left,
)


STREAM = Stream(
    url="wss://ws.twelvedata.com/v1/quotes/price",
    key_parameter="apikey",
    heartbeat={"action": "heartbeat"},
)


class Listings(Dialect):
    """Outward a ticker stands with its exchange (VOD:LSE), inward with its MIC (VOD:XLON)."""

    def inward(self, text: str) -> str | None:
        """Return the canonical form of TICKER:MIC, an American TICKER, or a pair EUR/USD."""
        first, slash, second = text.partition("/")
        if slash:
            pair = PAIR.fullmatch(f"{first}{second}=X")
            coin = COIN.fullmatch(f"{first}-{second}")
            found = pair if is_currency(first) else coin
            return found and found[0]
        ticker, colon, mic = text.partition(":")
        suffix = MICS.get(mic)
        if colon and suffix is None:
            return None
        try:
            symbol = canonical(f"{ticker}.{suffix}" if colon else ticker)
        except InvalidSymbolError:
            return None
        return symbol if suffix_of(symbol) == suffix else None


DIALECT = Listings(suffixes=EXCHANGES, separator=":", pair="{}/{}", coin="{}/{}")


class TwelveData(Remote):
    """Serves quotes, bars and the search."""

    dialect: ClassVar[Dialect] = DIALECT
    vendor = VENDOR
    # Half a minute's credits: more would never fit into the share that background work may use.
    batch: ClassVar[Mapping[str, int]] = {"quotes": 4, "find": 1}
    stream_limit: ClassVar[int] = 8  # of a trial, which like the rest of it has eight credits

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the quotes of symbols, in one request that costs a credit for each."""
        asked = self._names.outward(symbols)
        if not asked:
            return {}
        return await self.upstream.get(
            "/quote",
            {"symbol": ",".join(asked)},
            read=lambda answer: read_quotes(answer, asked),
            cost=len(asked),
        )

    async def bars(self, symbol: str, *, first: date, last: date) -> list[Bar]:
        """Return the days that are surely over, as traded."""
        last = min(last, last_finished_day(symbol, self._clock()))
        tickers = list(self._names.outward([symbol]))
        if not tickers or first > last:
            return []
        found: dict[date, Bar] = {}
        # The end is taken as midnight, so that the day itself would be missing.
        end = last + timedelta(days=1)
        while True:
            page = await self.upstream.get(
                "/time_series",
                {
                    "symbol": tickers[0],
                    "interval": "1day",
                    "adjust": "none",
                    "start_date": str(first),
                    "end_date": str(end),
                    "outputsize": str(PAGE),
                },
                read=lambda answer: read_bars(answer, symbol),
            )
            found |= {bar.day: bar for bar in page.bars if first <= bar.day <= last}
            if page.rows < PAGE or page.oldest is None or page.oldest >= end:
                return [found[day] for day in sorted(found)]
            end = page.oldest

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return instruments that fit a ticker, a name or an ISIN, in the vendor's order."""
        wanted = text.strip()
        if SYMBOL.fullmatch(wanted.upper()):
            outward = next(iter(self._names.outward([wanted.upper()])), wanted)
            wanted = outward.partition(":")[0]
        found = await self._found(wanted)
        ranked = sorted(found.values(), key=lambda match: match.symbol != text.strip().upper())
        return ranked[:limit]

    async def find(self, symbols: Collection[str]) -> dict[str, InstrumentMatch]:
        """Return the instruments with exactly these symbols, each in a request of its own."""
        found: dict[str, InstrumentMatch] = {}
        for outward, symbol in self._names.outward(symbols).items():
            matches = await self._found(outward.partition(":")[0])
            if symbol in matches:
                found[symbol] = matches[symbol]
        return found

    def streamable(self, symbols: Collection[str]) -> list[str]:
        """Return those of symbols that have a ticker here."""
        return list(self._names.outward(symbols).values())

    async def stream(self, symbols: Collection[str]) -> AsyncGenerator[Quote, None]:
        """Yield prices as they change."""
        check_number(symbols, self.stream_limit)
        asked = self._names.outward(symbols)
        if not asked:
            return
        async with open_socket(self.upstream, STREAM) as socket:
            await socket.send({"action": "subscribe", "params": {"symbols": ",".join(asked)}})
            while True:
                for quote in await socket.quotes(
                    price_events, lambda event, at: read_price(event, asked, received_at=at)
                ):
                    yield quote

    async def _found(self, text: str) -> dict[str, InstrumentMatch]:
        return await self.upstream.get(
            "/symbol_search",
            {"symbol": text, "outputsize": "120"},
            read=lambda answer: read_matches(answer, self._names.inward),
        )
