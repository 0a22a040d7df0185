"""Yahoo Finance: wide, free, unofficial and fragile; best effort, and never the only source.

Quotes are asked for in batches, which takes a crumb. Without one each symbol's chart is asked,
which needs none: fifty calls instead of one, so that this is only the way out. Charts also have
the days, splits and dividends.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from urllib.parse import quote as escaped

from datasources.errors import AuthExpiredError, InvalidRequestError, ProviderError
from datasources.http import Answer, Remote, Upstream, Vendor, price, readable, seconds, word
from datasources.pacing import Limit
from datasources.protocols import Clock
from datasources.sessions import last_finished_day
from datasources.sockets import Stream, check_number, open_socket
from datasources.symbols import COIN, PAIR, VENUES, Dialect, Names, venue_of
from datasources.yahoo_chart import (
    SOURCE,
    amount,
    chart_of,
    is_listed,
    parse_actions,
    parse_bars,
    plain,
    unit_of,
)
from datasources.yahoo_session import HOSTS, Payload, YahooSession
from datasources.yahoo_stream import Followed, Unit, messages, read_message
from models.market import (
    Actions,
    AssetClass,
    Bar,
    CompanyProfile,
    InstrumentMatch,
    Quote,
    QuoteQuality,
)

DIALECT = Dialect(
    suffixes={suffix: suffix for suffix in VENUES},
    class_mark="-",
    pair="{}{}=X",
    coin="{}-{}",
    indices=True,
)
BATCH = 50
STREAM = Stream(url="wss://streamer.finance.yahoo.com/?version=2")
CHARTS_AT_ONCE = 8
MODULES = "price,quoteType,assetProfile"

KINDS = {
    "EQUITY": AssetClass.EQUITY,
    "ETF": AssetClass.FUND,
    "MUTUALFUND": AssetClass.FUND,
    "CRYPTOCURRENCY": AssetClass.CRYPTO,
    "CURRENCY": AssetClass.CURRENCY,
    "INDEX": AssetClass.OTHER,
}
"""What is worth finding; futures and options are not."""


def _whatever(_: Answer) -> None:
    """Leave every answer to who reads it: what one means depends on what was asked."""


class Yahoo(Remote):
    """Serves quotes, profiles, days, splits, dividends and symbols of all exchanges."""

    dialect: ClassVar[Dialect] = DIALECT
    vendor = Vendor(
        name=SOURCE,
        url="https://query1.finance.yahoo.com",
        hosts=HOSTS,
        limits=(Limit(60, timedelta(minutes=1)),),  # none is published; blocks are by address
        check=_whatever,
        # Anything that is no browser is turned away.
        headers={
            "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
            "(KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "Accept": "*/*",
        },
    )
    batch: ClassVar[Mapping[str, int]] = {"quotes": BATCH, "find": BATCH, "profiles": 1}
    stream_limit: ClassVar[int] = 100

    def __init__(self, upstream: Upstream, *, names: Names, clock: Clock) -> None:
        super().__init__(upstream, names=names, clock=clock)
        self._session = YahooSession(upstream, clock=clock)
        self._units: dict[str, Unit] = {}

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the current quotes of symbols."""
        found = readable(
            await self._rows(symbols),
            lambda one: parse_quote(one[1][0], symbol=one[0], received_at=one[1][1]),
        )
        return {quote.symbol: quote for quote in found}

    async def find(self, symbols: Collection[str]) -> dict[str, InstrumentMatch]:
        """Return the instruments with exactly these symbols."""
        found = (parse_match(row, symbol=symbol) for symbol, (row, _) in await self._rows(symbols))
        return {match.symbol: match for match in found if match is not None}

    async def _rows(self, symbols: Collection[str]) -> list[tuple[str, tuple[Payload, datetime]]]:
        """Return what is known of each symbol just now, and when it was said."""
        outward = self._names.outward(symbols)
        if not outward:
            return []
        try:
            rows = await self._session.get(
                "/v7/finance/quote",
                {"symbols": ",".join(outward)},
                read=lambda payload, at: {text: (row, at) for text, row in read_rows(payload)},
                signed=True,
            )
        except AuthExpiredError:
            rows = await self._charts(outward)
        return [(symbol, rows[text]) for text, symbol in outward.items() if text in rows]

    async def _charts(self, texts: Collection[str]) -> dict[str, tuple[Payload, datetime]]:
        """Ask for each symbol alone; raises ProviderError only if none could be had."""
        gate = asyncio.Semaphore(CHARTS_AT_ONCE)

        def read(payload: Payload, at: datetime) -> tuple[Payload, datetime] | None:
            row = read_meta(payload)
            return None if row is None else (row, at)

        async def ask(text: str) -> tuple[Payload, datetime] | None:
            async with gate:
                return await self._session.get(
                    _chart_path(text), {"range": "1d", "interval": "1d"}, read=read
                )

        found: dict[str, tuple[Payload, datetime]] = {}
        failures: list[ProviderError] = []
        answers = await asyncio.gather(*(ask(text) for text in texts), return_exceptions=True)
        for text, answer in zip(texts, answers, strict=True):
            if isinstance(answer, ProviderError):
                failures.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            elif answer is not None:
                found[text] = answer
        if failures and not found:
            raise failures[0]
        return found

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return the profiles of symbols, one call each."""
        found = [
            await self._profile(text, symbol)
            for text, symbol in self._names.outward(symbols).items()
        ]
        return {profile.symbol: profile for profile in found if profile is not None}

    async def _profile(self, text: str, symbol: str) -> CompanyProfile | None:
        return await self._session.get(
            f"/v10/finance/quoteSummary/{escaped(text, safe='')}",
            {"modules": MODULES, "formatted": "false", "symbol": text},
            read=lambda payload, at: parse_profile(payload, symbol=symbol, fetched_at=at),
            signed=True,
        )

    async def bars(self, symbol: str, *, first: date, last: date) -> list[Bar]:
        """Return the trading days that are over, adjusted for splits and not for dividends."""
        # The last row may be the price of now: a day that is not over has no close.
        done = min(last, last_finished_day(symbol, self._clock()))
        for text in self._names.outward([symbol]) if first <= done else ():
            return await self._session.get(
                _chart_path(text),
                _days(first, done),
                read=lambda payload, _: parse_bars(payload, symbol=symbol, first=first, last=done),
            )
        return []

    async def actions(self, symbol: str, *, first: date, last: date) -> Actions:
        """Return splits and dividends; asks up to today, for the splits since a dividend."""
        for text in self._names.outward([symbol]):
            return await self._session.get(
                _chart_path(text),
                _days(first, max(last, self._clock().date())),
                read=lambda payload, _: parse_actions(
                    payload, symbol=symbol, first=first, last=last
                ),
            )
        return Actions()

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return instruments that fit a symbol or words of a name, best first."""
        parameters = {"q": text, "quotesCount": str(limit), "newsCount": "0", "listsCount": "0"}
        matches = await self._session.get(
            "/v1/finance/search",
            parameters,
            read=lambda payload, _: parse_search(payload, names=self._names),
        )
        return matches[:limit]

    def streamable(self, symbols: Collection[str]) -> list[str]:
        """Return those of symbols that have a form here."""
        return list(self._names.outward(symbols).values())

    async def stream(self, symbols: Collection[str]) -> AsyncGenerator[Quote, None]:
        """Yield prices, about one a second for each symbol, the first as old as it may be.

        There may be many connections. Symbols beyond the limit would be dropped without a word.
        """
        check_number(symbols, self.stream_limit)
        outward = self._names.outward(symbols)
        if not outward:
            return
        followed = {
            text: Followed(symbol=symbol, unit=unit)
            for (text, symbol), unit in zip(
                outward.items(), await self._units_of(outward.values()), strict=True
            )
        }
        async with open_socket(self.upstream, STREAM) as socket:
            await socket.send({"subscribe": list(followed)})
            while True:
                for quote in await socket.quotes(
                    messages, lambda message, at: read_message(message, followed, received_at=at)
                ):
                    yield quote

    async def _units_of(self, symbols: Collection[str]) -> list[Unit | None]:
        """Return what symbols are priced in; asked once, and only where a symbol does not tell."""
        unknown = [s for s in symbols if unit_of(None, s) is None and s not in self._units]
        for start in range(0, len(unknown), BATCH):
            # Most messages say it themselves.
            with suppress(ProviderError):
                for symbol, (row, _) in await self._rows(unknown[start : start + BATCH]):
                    unit = unit_of(row.get("currency"), symbol)
                    if unit is not None:
                        self._units[symbol] = unit
        return [unit_of(None, symbol) or self._units.get(symbol) for symbol in symbols]


def _chart_path(text: str) -> str:
    return f"/v8/finance/chart/{escaped(text, safe='')}"


def _days(first: date, last: date) -> dict[str, str]:
    # A day more on either side: the days of exchanges begin and end at other times than UTC's.
    begin, end = (
        int(datetime.combine(day, time(), tzinfo=UTC).timestamp())
        for day in (first - timedelta(days=1), last + timedelta(days=2))
    )
    return {
        "period1": str(begin),
        "period2": str(end),
        "interval": "1d",
        "events": "div,splits",
    }


def read_rows(payload: Payload) -> list[tuple[str, Payload]]:
    """Return the rows of a batch with their symbols; unknown ones are left out silently."""
    answer = payload["quoteResponse"]
    if answer.get("error"):
        raise InvalidRequestError("refused the batch")
    return [(row["symbol"], row) for row in answer["result"] or [] if "symbol" in row]


def read_meta(payload: Payload) -> Payload | None:
    """Return what a chart says of its symbol, in the form of a batch's row."""
    chart = chart_of(payload)
    if chart is None:
        return None
    meta = chart["meta"]
    return {
        **meta,
        "quoteType": meta.get("instrumentType"),
        # The close before the range asked for, which is today alone.
        "regularMarketPreviousClose": meta.get("chartPreviousClose"),
    }


def parse_quote(row: Mapping[str, Any], *, symbol: str, received_at: datetime) -> Quote | None:
    """Return a row's price; null without a price, a time, or a unit that can be told."""
    unit = unit_of(row.get("currency"), symbol)
    at = plain(row.get("regularMarketTime"))
    if unit is None or at is None:
        return None
    currency, factor = unit
    current = amount(row.get("regularMarketPrice"), factor)
    if current is None:
        return None
    return Quote(
        symbol=symbol,
        price=current,
        currency=currency,
        as_of=seconds(at),
        received_at=received_at,
        source=SOURCE,
        # The delay differs by exchange; a chart does not tell it.
        quality=QuoteQuality.FRESH
        if plain(row.get("exchangeDataDelayedBy")) == 0
        else QuoteQuality.DELAYED,
        previous_close=amount(row.get("regularMarketPreviousClose"), factor),
        open=amount(row.get("regularMarketOpen"), factor),
        high=amount(row.get("regularMarketDayHigh"), factor),
        low=amount(row.get("regularMarketDayLow"), factor),
        volume=price(plain(row.get("regularMarketVolume"))),
    )


def parse_match(row: Mapping[str, Any], *, symbol: str) -> InstrumentMatch | None:
    """Return what a row says a symbol is; null for what is not served, or has no known unit."""
    kind = KINDS.get(str(row.get("quoteType")))
    unit = unit_of(row.get("currency"), symbol)
    if kind is None or unit is None:
        return None
    return InstrumentMatch(
        symbol=symbol,
        name=word(row.get("longName")) or word(row.get("shortName")) or symbol,
        currency=unit[0],
        source=SOURCE,
        exchange=word(row.get("fullExchangeName")),
        asset_class=kind,
    )


def parse_search(payload: Payload, *, names: Names) -> list[InstrumentMatch]:
    """Return the rows that can be quoted, in Yahoo's order; their currency is their venue's."""
    found: dict[str, InstrumentMatch] = {}
    for row in payload["quotes"]:
        text = word(row.get("symbol"))
        symbol = names.inward(text) if text else None
        kind = KINDS.get(str(row.get("quoteType")))
        if text is None or symbol is None or kind is None or not is_listed(symbol, text):
            continue
        currency = _currency_of(symbol, kind)
        if currency is not None and symbol not in found:
            found[symbol] = InstrumentMatch(
                symbol=symbol,
                name=word(row.get("longname")) or word(row.get("shortname")) or symbol,
                currency=currency,
                source=SOURCE,
                exchange=word(row.get("exchDisp")),
                asset_class=kind,
            )
    return list(found.values())


def _currency_of(symbol: str, kind: AssetClass) -> str | None:
    """Return what a symbol is quoted in; null for indices, whose symbols do not tell."""
    form = {AssetClass.CURRENCY: PAIR, AssetClass.CRYPTO: COIN}.get(kind)
    if form is not None:
        match = form.fullmatch(symbol)
        return match and match[2]
    return None if kind is AssetClass.OTHER else venue_of(symbol).currency


def parse_profile(payload: Payload, *, symbol: str, fetched_at: datetime) -> CompanyProfile | None:
    """Return who is behind a symbol; null if unknown. Funds lack most of it."""
    result = payload["quoteSummary"].get("result")
    if not result:
        return None
    kind, money, company = (
        result[0].get(module) or {} for module in ("quoteType", "price", "assetProfile")
    )
    unit = unit_of(money.get("currency"), symbol)
    names = (part.get(name) for name in ("longName", "shortName") for part in (kind, money))
    return CompanyProfile(
        symbol=symbol,
        name=next((found for name in names if (found := word(name))), symbol),
        source=SOURCE,
        fetched_at=fetched_at,
        country=word(company.get("country")),
        currency=unit and unit[0],
        exchange=word(money.get("exchangeName")) or venue_of(symbol).exchange,
        # In major units, whatever the price is in.
        market_cap=price(plain(money.get("marketCap"))),
        sector=word(company.get("sector")),
        industry=word(company.get("industry")),
        website_url=word(company.get("website")),
    )
