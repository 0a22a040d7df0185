"""Massive, known as Polygon.io until 2025: American shares, and days of currencies and crypto.

A free key has end-of-day data alone: bars, splits, dividends and the reference, but no snapshot, so
that quotes are refused and the next provider is asked for them.
"""

import re
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import ClassVar, TypeVar
from urllib.parse import quote

from datasources.errors import (
    BadPayloadError,
    InvalidRequestError,
    NotEntitledError,
    UnavailableError,
)
from datasources.http import Answer, Remote, Upstream, Vendor, check_status
from datasources.pacing import Limit
from datasources.protocols import Clock
from datasources.providers._massive import (
    SOURCE,
    Row,
    Statuses,
    envelope,
    events,
    is_cut,
    next_page,
    read_bars,
    read_dividends,
    read_event,
    read_matches,
    read_profile,
    read_quotes,
    read_splits,
    results,
)
from datasources.sessions import last_finished_day
from datasources.sockets import Stream, check_number, open_socket
from datasources.symbols import SYMBOL, Dialect, Names, suffix_of
from models.market import (
    Actions,
    Bar,
    CompanyProfile,
    InstrumentMatch,
    Quote,
    QuoteQuality,
)

T = TypeVar("T")

SNAPSHOT = "/v2/snapshot/locale/us/markets/stocks/tickers"
TICKERS = "/v3/reference/tickers"


def check(answer: Answer) -> None:
    """Raise what an answer's status means; two more may mend, as the vendor's own client has it."""
    # A page is from the edge, and says nothing of the key or the plan.
    turned_away = answer.status in {401, 403} and answer.text().lstrip().startswith("<")
    if turned_away or answer.status in {413, 499}:
        raise UnavailableError(f"turned away at the edge (HTTP {answer.status})")
    check_status(answer)


VENDOR = Vendor(
    name=SOURCE,
    url="https://api.massive.com",
    limits=(Limit(5, timedelta(minutes=1)),),
    key_header="Authorization",
    key_prefix="Bearer ",
    check=check,
)

STREAM = Stream(url="wss://socket.massive.com/stocks")
DELAYED = Stream(url="wss://delayed.massive.com/stocks")
CHANNELS = ("AM", "A", "T")
"""Minutes, seconds and trades: the better the plan, the more of them."""

_PREFERRED = re.compile(r"([A-Z]+)-P([A-Z]?)")
_THEIR_PREFERRED = re.compile(r"([A-Z]+)p([A-Z]?)")
_PAIR = re.compile(r"C:([A-Z]{3})([A-Z]{3})")
_COIN = re.compile(r"X:([A-Z0-9]{2,10})(USD|EUR|GBP|JPY|BTC)")
_AMERICAN_ISIN = re.compile(r"US([A-Z0-9]{9})[0-9]")
"""With the CUSIP inside, which is what the vendor knows."""
_SHARE = re.compile(r"[A-Z0-9]+(\.[A-Z]+)?")


class Tickers(Dialect):
    """Tickers where capitals matter: KIMpL is a preferred share of KIM, ours is KIM-PL."""

    def outward(self, symbol: str) -> str | None:
        """Return the vendor's form of a canonical symbol; null for venues it does not serve."""
        if preferred := _PREFERRED.fullmatch(symbol):
            return "p".join(preferred.groups())
        return super().outward(symbol)

    def inward(self, text: str) -> str | None:
        """Return the canonical form of a ticker; null for what has none, such as an index."""
        if preferred := _THEIR_PREFERRED.fullmatch(text):
            return "-P".join(preferred.groups())
        if pair := _PAIR.fullmatch(text):
            return f"{pair[1]}{pair[2]}=X"
        if coin := _COIN.fullmatch(text):
            return f"{coin[1]}-{coin[2]}"
        # A class such as ABC.V would be another venue's share among ours.
        return text if _SHARE.fullmatch(text) and suffix_of(text) is None else None


DIALECT = Tickers(pair="C:{}{}", coin="X:{}{}")


class Massive(Remote):
    """Serves quotes, profiles, bars, actions and the search for American instruments."""

    dialect: ClassVar[Dialect] = DIALECT
    vendor = VENDOR
    batch: ClassVar[Mapping[str, int]] = {"quotes": 250, "profiles": 1, "find": 1}
    finds_isins: ClassVar[bool] = True
    stream_limit: ClassVar[int] = 500  # none is documented; who reads too slowly is cut off

    def __init__(self, upstream: Upstream, *, names: Names, clock: Clock) -> None:
        super().__init__(upstream, names=names, clock=clock)
        self._delayed = False

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the quotes of shares, in one request for all of them."""
        asked = _shares(self._names.outward(symbols))
        if not asked:  # an empty list would ask for the whole market
            return {}
        return await self.upstream.get(
            SNAPSHOT,
            {"tickers": ",".join(asked), "include_otc": "true"},
            read=lambda answer: read_quotes(answer, asked),
        )

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return the profiles of symbols, each in a request of its own."""
        found: dict[str, CompanyProfile] = {}
        for ticker, symbol in self._names.outward(symbols).items():
            found |= await self.upstream.get(
                f"{TICKERS}/{_in_path(ticker)}",
                read=partial(read_profile, symbol=symbol),
            )
        return found

    async def bars(self, symbol: str, *, first: date, last: date) -> list[Bar]:
        """Return the days that are surely over, as traded.

        Raises InvalidRequestError for a window that the plan cuts or refuses: a part of it must not
        pass for all there is, and the refusal says nothing about other windows.
        """
        now = self._clock()
        last = min(last, last_finished_day(symbol, now))
        tickers = list(self._names.outward([symbol]))
        if not tickers or first > last:
            return []
        path = f"/v2/aggs/ticker/{_in_path(tickers[0])}/range/1/day/{first}/{last}"
        try:
            found = await self._all(
                path,
                {"adjusted": "false", "sort": "asc", "limit": "50000"},
                read=lambda rows: read_bars(rows, symbol, first=first, last=last),
            )
        except NotEntitledError:
            raise InvalidRequestError("the plan does not include these days") from None
        days = {bar.day: bar for bar in found}
        bars = [days[day] for day in sorted(days)]
        if is_cut(bars, first=first, today=now.date()):
            raise InvalidRequestError(f"the plan reaches back to {bars[0].day} only")
        return bars

    async def actions(self, symbol: str, *, first: date, last: date) -> Actions:
        """Return splits and dividends; amounts are as paid, not adjusted for splits."""
        asked = list(_shares(self._names.outward([symbol])))
        if not asked:
            return Actions()

        def terms(of: str) -> dict[str, str]:
            within = {f"{of}.gte": str(first), f"{of}.lte": str(last)}
            return {"ticker": asked[0], **within, "order": "asc", "sort": of, "limit": "1000"}

        splits = await self._all(
            "/v3/reference/splits",
            terms("execution_date"),
            read=lambda rows: read_splits(rows, symbol),
        )
        dividends = await self._all(
            "/v3/reference/dividends",
            terms("ex_dividend_date"),
            read=lambda rows: read_dividends(rows, symbol),
        )
        return Actions(
            splits=tuple(
                sorted((one for one in splits if first <= one.day <= last), key=lambda s: s.day)
            ),
            dividends=tuple(
                sorted(
                    (one for one in dividends if first <= one.ex_day <= last),
                    key=lambda d: d.ex_day,
                )
            ),
        )

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return instruments by ticker, name or American ISIN.

        The vendor sorts by ticker; here it counts how they fit.
        """
        wanted = text.strip().upper()
        if isin := _AMERICAN_ISIN.fullmatch(wanted):
            matches = await self.upstream.get(TICKERS, {"cusip": isin[1]}, read=self._matches)
            return [replace(match, isin=wanted) for match in matches.values()][:limit]
        matches, more = await self.upstream.get(
            TICKERS,
            {"search": text.strip(), "active": "true", "limit": "1000"},
            read=lambda answer: (self._matches(answer), next_page(envelope(answer)) is not None),
        )
        if more and wanted not in matches and SYMBOL.fullmatch(wanted):
            matches |= await self.find([wanted])
        ranked = sorted(
            matches.values(),
            key=lambda match: (match.symbol != wanted, not match.symbol.startswith(wanted)),
        )
        return ranked[:limit]

    async def find(self, symbols: Collection[str]) -> dict[str, InstrumentMatch]:
        """Return the instruments with exactly these symbols, each in a request of its own."""
        found: dict[str, InstrumentMatch] = {}
        for ticker, symbol in self._names.outward(symbols).items():
            matches = await self.upstream.get(TICKERS, {"ticker": ticker}, read=self._matches)
            if symbol in matches:
                found[symbol] = matches[symbol]
        return found

    def streamable(self, symbols: Collection[str]) -> list[str]:
        """Return the shares among symbols: what else there is has other addresses."""
        return list(_shares(self._names.outward(symbols)).values())

    async def stream(self, symbols: Collection[str]) -> AsyncGenerator[Quote, None]:
        """Yield trades, seconds and minutes, whatever the plan has, in real time if it has that."""
        check_number(symbols, self.stream_limit)
        asked = _shares(self._names.outward(symbols))
        while asked:
            try:
                async with aclosing(self._follow(asked, delayed=self._delayed)) as quotes:
                    async for one in quotes:
                        yield one
            except NotEntitledError:
                # A plan with delayed prices is refused where the others are.
                self._delayed = not self._delayed
                if not self._delayed:
                    raise

    async def _follow(
        self, asked: Mapping[str, str], *, delayed: bool
    ) -> AsyncGenerator[Quote, None]:
        statuses = Statuses()
        quality = QuoteQuality.DELAYED if delayed else QuoteQuality.FRESH

        def read(event: Row, at: datetime) -> Quote | None:
            if event["ev"] == "status":
                statuses.admits(event)
                return None
            return read_event(event, asked, quality=quality, received_at=at)

        async with open_socket(self.upstream, DELAYED if delayed else STREAM) as socket:
            await socket.sign(lambda key: {"action": "auth", "params": key})
            await socket.until(lambda frame: any(map(statuses.admits, events(frame))))
            for channel in CHANNELS:
                wanted = ",".join(f"{channel}.{ticker}" for ticker in asked)
                await socket.send({"action": "subscribe", "params": wanted})
            while True:
                for one in await socket.quotes(events, read):
                    yield one

    def _matches(self, answer: Answer) -> dict[str, InstrumentMatch]:
        return read_matches(results(envelope(answer)), self._names.inward)

    async def _all(
        self, path: str, parameters: Mapping[str, str], *, read: Callable[[list[Row]], list[T]]
    ) -> list[T]:
        """Read page after page, each from our own address and with our own header."""

        def page(answer: Answer) -> tuple[list[T], str | None]:
            body = envelope(answer)
            return read(results(body)), next_page(body)

        found, following = await self.upstream.get(path, parameters, read=page)
        seen: set[str] = set()
        while following is not None:
            if following in seen:
                raise BadPayloadError("the pages repeat themselves")
            seen.add(following)
            more, following = await self.upstream.get(following, read=page)
            found += more
        return found


def _shares(tickers: Mapping[str, str]) -> dict[str, str]:
    """Leave out what is no share: currency pairs and crypto assets have other addresses."""
    return {ticker: symbol for ticker, symbol in tickers.items() if ":" not in ticker}


def _in_path(ticker: str) -> str:
    return quote(ticker, safe=":")
