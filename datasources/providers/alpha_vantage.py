"""Alpha Vantage: a slow fallback of a few calls a day, whose errors come as HTTP 200.

https://www.alphavantage.co/documentation/
"""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    ProviderError,
    QuotaExhaustedError,
    RateLimitedError,
)
from datasources.http import Answer, Remote, Upstream, Vendor, check_status
from datasources.pacing import Limit
from datasources.protocols import Clock
from datasources.providers._alpha_vantage import (
    CARRY,
    ERROR,
    NAME,
    UNTOLD,
    euro_rate,
    parse_bars,
    parse_dividends,
    parse_euro,
    parse_profile,
    parse_quote,
    parse_search,
    parse_splits,
    parse_unit,
)
from datasources.sessions import last_finished_day
from datasources.symbols import Dialect, Names, suffix_of
from models.market import (
    Actions,
    Bar,
    CompanyProfile,
    InstrumentMatch,
    Quote,
    Rate,
    RateQuestion,
)

T = TypeVar("T")

DAY = timedelta(days=1)
A_DAY = Limit(25, DAY, resets_in=ZoneInfo("America/New_York"))
A_SECOND = Limit(1, timedelta(seconds=1.2))
"""One call a second is allowed; calls may take unequally long on their way."""

LONGEST_ERROR = 5_000
COMPACT = 100
"""How many rows a series has without a paid plan."""

DAILY, CURRENCIES = "TIME_SERIES_DAILY", "FX_DAILY"
TOO_LONG_AGO = "the plan has only the last hundred days"


def _burst(answer: Answer) -> ProviderError:
    return RateLimitedError("one call a second", until=answer.received_at + timedelta(seconds=2))


def _minute(answer: Answer) -> ProviderError:
    return RateLimitedError("too many calls", until=answer.received_at + timedelta(minutes=1))


def _day(answer: Answer) -> ProviderError:
    until = A_DAY.resets(answer.received_at, answer.received_at)
    return QuotaExhaustedError("the calls of the day are used up", until=until)


def _plan(_: Answer) -> ProviderError:
    return NotEntitledError("the plan does not include this")


def _demo(_: Answer) -> ProviderError:
    return InvalidCredentialsError("the key is the one of the vendor's examples")


def _key(_: Answer) -> ProviderError:
    return InvalidCredentialsError("the key is missing or wrong")


# In this order: what says "per second" names the day's calls too, and every text advertises plans
# and "all premium endpoints".
MEANINGS: Mapping[str, tuple[tuple[str, Callable[[Answer], ProviderError]], ...]] = {
    "Information": (
        ("per second", _burst),
        ("requests per day", _day),
        ("is a premium endpoint|premium feature", _plan),
        ("demo", _demo),
        ("per minute", _minute),
    ),
    "Note": (("per minute", _minute), ("per day", _day), ("call frequency", _minute)),
    ERROR: (("apikey.*invalid or missing", _key),),
}


def check(answer: Answer) -> None:
    """Raise what the body says, whatever the status.

    An invalid call is let pass: our calls are valid, so that it stands for an unknown symbol. No
    text goes into an error, as the vendor's repeat the key.
    """
    for name, text in _said(answer).items():
        for fragment, meaning in MEANINGS.get(name, ()):
            if re.search(fragment, str(text), re.IGNORECASE | re.DOTALL):
                raise meaning(answer)
        if name in MEANINGS and not (name == ERROR and "Invalid API call" in str(text)):
            raise InvalidRequestError("refused in words that are not documented")
    check_status(answer)


def _said(answer: Answer) -> dict[str, Any]:
    """Return a body that is short enough to be an error; empty for any other."""
    if len(answer.body) > LONGEST_ERROR:
        return {}
    try:
        return answer.json(dict)
    except BadPayloadError:
        return {}


DIALECT = Dialect(
    suffixes={
        "L": "LON",
        "TO": "TRT",
        "V": "TRV",
        "DE": "DEX",
        "BO": "BSE",
        "SS": "SHH",
        "SZ": "SHZ",
        "PA": "PAR",
        "AS": "AMS",
    },
    class_mark="-",
)


class AlphaVantage(Remote):
    """Serves a little of everything, one thing a call."""

    dialect: ClassVar[Dialect] = DIALECT
    vendor: ClassVar[Vendor] = Vendor(
        name=NAME,
        url="https://www.alphavantage.co",
        limits=(A_DAY, A_SECOND),
        key_parameter="apikey",
        check=check,
    )
    batch: ClassVar[dict[str, int]] = {"quotes": 1, "profiles": 1, "find": 1}

    def __init__(self, upstream: Upstream, *, names: Names, clock: Clock) -> None:
        super().__init__(upstream, names=names, clock=clock)
        self._units: dict[str, str] = {}
        self._compact_until: dict[str, datetime] = {}
        self._euros: dict[str, tuple[date, bool, dict[date, Decimal]]] = {}
        self._loading = asyncio.Lock()

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the last closes of symbols, one call each.

        Where prices may be in pence or not, one call more tells, once for each symbol.
        """
        found: dict[str, Quote] = {}
        for text, symbol in self._names.outward(symbols).items():
            unit = await self._unit(text, symbol)
            if unit is None and suffix_of(symbol) in UNTOLD:
                continue
            read = partial(parse_quote, symbol=symbol, unit=unit)
            quote = await self._ask("GLOBAL_QUOTE", {"symbol": text}, read=read)
            if quote is not None:
                found[symbol] = quote
        return found

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return the profiles of symbols, one call each."""
        found: dict[str, CompanyProfile] = {}
        for text, symbol in self._names.outward(symbols).items():
            read = partial(parse_profile, symbol=symbol)
            profile = await self._ask("OVERVIEW", {"symbol": text}, read=read)
            if profile is not None:
                found[symbol] = profile
        return found

    async def bars(self, symbol: str, *, first: date, last: date) -> list[Bar]:
        """Return the trading days from first to last, both included, in order.

        The row of a day whose session is not surely over is no close and left out. Raises
        InvalidRequestError for days that the plan does not reach back to: NotEntitledError would
        say that it has no bars at all.
        """
        last = min(last, last_finished_day(symbol, self._clock()))
        if first > last:
            return []
        for text in self._names.outward([symbol]):
            unit = await self._unit(text, symbol)
            if unit is None and suffix_of(symbol) in UNTOLD:
                return []
            read = partial(parse_bars, symbol=symbol, first=first, last=last, unit=unit)
            whole = self._needs_all(first)
            if whole and not self._may_have_all(DAILY):
                raise InvalidRequestError(TOO_LONG_AGO)
            try:
                return await self._series(DAILY, {"symbol": text}, whole=whole, read=read)
            except NotEntitledError:
                if whole:
                    raise InvalidRequestError(TOO_LONG_AGO) from None
                raise
        return []

    async def actions(self, symbol: str, *, first: date, last: date) -> Actions:
        """Return splits and dividends with their day from first to last, both included.

        None of venues that may price in a minor unit: what dividends are counted in is not told.
        """
        if suffix_of(symbol) in UNTOLD:
            return Actions()
        for text in self._names.outward([symbol]):
            asked = {"symbol": text}
            splits = await self._ask("SPLITS", asked, read=partial(parse_splits, symbol=symbol))
            dividends = await self._ask(
                "DIVIDENDS", asked, read=partial(parse_dividends, symbol=symbol)
            )
            return Actions(
                splits=tuple(event for event in splits if first <= event.day <= last),
                dividends=tuple(event for event in dividends if first <= event.ex_day <= last),
            )
        return Actions()

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return each rate of the day or the last one before, both legs of the same day.

        Absent where the plan does not reach back far enough. The series of a currency is kept for
        the day: calls are too few for one a question.
        """
        if not questions:
            return {}
        since = min(question.day for question in questions) - CARRY
        currencies = {code for one in questions for code in (one.base, one.target)} - {"EUR"}
        series = {code: await self._euro(code, since=since) for code in sorted(currencies)}
        found = {question: euro_rate(question, series) for question in questions}
        return {question: rate for question, rate in found.items() if rate is not None}

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return instruments that fit a symbol or words of a name, best first."""
        if not text.strip():
            return []
        read = partial(parse_search, names=self._names)
        return (await self._ask("SYMBOL_SEARCH", {"keywords": text.strip()}, read=read))[:limit]

    async def find(self, symbols: Collection[str]) -> dict[str, InstrumentMatch]:
        """Return the instruments with exactly these symbols."""
        found: dict[str, InstrumentMatch] = {}
        for text, symbol in self._names.outward(symbols).items():
            for match in await self.search(text, limit=100):
                if match.symbol == symbol:
                    found[symbol] = match
        return found

    async def _unit(self, text: str, symbol: str) -> str | None:
        """Return what a symbol's prices are in; null if the venue tells, or nobody does."""
        if suffix_of(symbol) not in UNTOLD:
            return None
        if text not in self._units:
            unit = await self._ask(
                "SYMBOL_SEARCH", {"keywords": text}, read=partial(parse_unit, text=text)
            )
            if unit is None:
                return None
            self._units[text] = unit
        return self._units[text]

    async def _ask(
        self, function: str, asked: Mapping[str, str], *, read: Callable[[Answer], T]
    ) -> T:
        return await self.upstream.get("/query", {"function": function, **asked}, read=read)

    async def _series(
        self, function: str, asked: Mapping[str, str], *, whole: bool, read: Callable[[Answer], T]
    ) -> T:
        """Ask for all rows of a series or for the last hundred; note when all cost too much."""
        size = "full" if whole else "compact"
        try:
            return await self._ask(function, {**asked, "outputsize": size}, read=read)
        except NotEntitledError:
            if whole:
                self._compact_until[function] = self._clock() + DAY
            raise

    def _may_have_all(self, function: str) -> bool:
        until = self._compact_until.get(function)
        return until is None or self._clock() >= until

    def _needs_all(self, since: date) -> bool:
        """Tell whether there may be more rows since a day than a compact answer has."""
        weeks, rest = divmod((self._clock().date() - since).days + 1, 7)
        weekdays = sum((since + timedelta(days=number)).weekday() < 5 for number in range(rest))
        return weeks * 5 + weekdays > COMPACT

    async def _euro(self, currency: str, *, since: date) -> Mapping[date, Decimal]:
        """Return units of a currency for one euro by day, as far back as the plan reaches."""
        asked = {"from_symbol": "EUR", "to_symbol": currency}
        async with self._loading:
            whole = self._needs_all(since) and self._may_have_all(CURRENCIES)
            today, known = self._clock().date(), self._euros.get(currency)
            if known is not None and known[0] == today and (known[1] or not whole):
                return known[2]
            try:
                rates = await self._series(CURRENCIES, asked, whole=whole, read=parse_euro)
            except NotEntitledError:
                if not whole:
                    raise
                whole = False
                rates = await self._series(CURRENCIES, asked, whole=False, read=parse_euro)
            self._euros[currency] = today, whole, rates
            return rates
