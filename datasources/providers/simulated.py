"""A simulated market: deterministic from a seed, any symbol, and labelled as simulated everywhere.

A price is a pure function of seed, symbol and moment, so that it needs no state, looks the same to
every process, and can be asked for any day of the past.
"""

import asyncio
import csv
import hashlib
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from datasources.protocols import Clock
from datasources.symbols import SYMBOL, Venue, venue_of
from models.market import (
    AssetClass,
    Bar,
    CloseQuestion,
    Closes,
    CompanyProfile,
    HistoryQuestion,
    InstrumentMatch,
    Quote,
    QuoteQuality,
)

CLOSE = time(21, tzinfo=UTC)
WAVES = (
    (6.0e7, 0.12),  # about two years
    (9.0e6, 0.05),
    (6.0e5, 0.02),
    (4.0e4, 0.006),
    (900.0, 0.002),
    (23.0, 0.0008),  # seen to move while one watches
)
"""Periods in seconds and amplitudes of the logarithm of the price."""

SATURDAY = 5
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Company:
    """What the simulated market knows of a symbol."""

    symbol: str
    name: str
    price: float
    venue: Venue
    sector: str | None
    industry: str | None
    asset_class: AssetClass


@cache
def known_companies() -> dict[str, Company]:
    """Return the companies with a name of their own, by symbol."""
    table = Path(__file__).with_name("companies.csv").read_text(encoding="utf-8")
    return {
        row["symbol"]: Company(
            row["symbol"],
            row["name"],
            float(row["price"]),
            venue_of(row["symbol"]),
            row["sector"],
            row["industry"],
            AssetClass(row["asset_class"]),
        )
        for row in csv.DictReader(table.splitlines())
    }


def _chance(*parts: object) -> float:
    """Return a number from 0 to 1 that depends on nothing but the parts."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def company(symbol: str) -> Company:
    """Return what is known of a symbol, made up for one without an entry."""
    known = known_companies().get(symbol)
    if known is not None:
        return known
    price = 10 * 50 ** _chance("base", symbol)
    return Company(
        symbol, f"Simulated {symbol}", price, venue_of(symbol), None, None, AssetClass.EQUITY
    )


@lru_cache(maxsize=4096)  # symbols come from outside: without an end, memory would have none
def _phases(seed: int, symbol: str) -> tuple[float, ...]:
    return tuple(_chance(seed, symbol, period) for period, _ in WAVES)


def price_at(symbol: str, moment: datetime, *, seed: int) -> Decimal:
    """Return the price at a moment: above zero, to the cent (to the mil below one unit)."""
    seconds = moment.timestamp()
    exponent = sum(
        amplitude * math.sin(2 * math.pi * (seconds / period + phase))
        for (period, amplitude), phase in zip(WAVES, _phases(seed, symbol), strict=True)
    )
    price = company(symbol).price * math.exp(exponent)
    return max(Decimal(f"{price:.2f}" if price >= 1 else f"{price:.4f}"), Decimal("0.0001"))


def _last_weekday(day: date) -> date:
    return day - timedelta(days=max(0, day.weekday() - SATURDAY + 1))


class Simulated:
    """Serves every kind of market data but exchange rates, for any well-formed symbol."""

    name = "simulated"
    batch: ClassVar[dict[str, int]] = {}

    def __init__(self, *, clock: Clock, seed: int = 1) -> None:
        self._clock = clock
        self._seed = seed

    def _price(self, symbol: str, moment: datetime) -> Decimal:
        return price_at(symbol, moment, seed=self._seed)

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the price of this second for each symbol."""
        now = self._clock()
        return {symbol: self._quote(symbol, now) for symbol in _well_formed(symbols)}

    def _quote(self, symbol: str, now: datetime) -> Quote:
        moment = now.replace(microsecond=0)
        previous = datetime.combine(moment.date() - timedelta(days=1), CLOSE)
        price = self._price(symbol, moment)
        opened = self._price(symbol, datetime.combine(moment.date(), time(0), UTC))
        return Quote(
            symbol=symbol,
            price=price,
            currency=company(symbol).venue.currency,
            as_of=moment,
            received_at=now,
            source=self.name,
            quality=QuoteQuality.SIMULATED,
            previous_close=self._price(symbol, previous),
            open=opened,
            high=max(price, opened),
            low=min(price, opened),
            volume=Decimal(int(1e6 * (1 + 9 * _chance("volume", symbol)))),
        )

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return a profile for each symbol."""
        now = self._clock()
        return {symbol: self._profile(company(symbol), now) for symbol in _well_formed(symbols)}

    def _profile(self, known: Company, now: datetime) -> CompanyProfile:
        return CompanyProfile(
            symbol=known.symbol,
            name=known.name,
            source=self.name,
            fetched_at=now,
            country=known.venue.country,
            currency=known.venue.currency,
            exchange=known.venue.exchange,
            sector=known.sector,
            industry=known.industry,
        )

    def _bar(self, symbol: str, day: date) -> Bar:
        close = self._price(symbol, datetime.combine(day, CLOSE))
        opened = self._price(symbol, datetime.combine(day, time(14, 30, tzinfo=UTC)))
        return Bar(
            symbol=symbol,
            day=day,
            close=close,
            currency=company(symbol).venue.currency,
            source=self.name,
            open=opened,
            high=max(close, opened),
            low=min(close, opened),
        )

    async def closes(self, questions: Collection[CloseQuestion]) -> dict[CloseQuestion, Bar]:
        """Return the close of the last weekday on or before each day."""
        newest = self._newest_close()
        return {
            question: self._bar(question.symbol, _last_weekday(min(question.day, newest)))
            for question in questions
            if SYMBOL.fullmatch(question.symbol)
        }

    def _newest_close(self) -> date:
        """Return the last weekday whose session is over."""
        now = self._clock()
        over = now.date() if now >= datetime.combine(now.date(), CLOSE) else _day_before(now.date())
        return _last_weekday(over)

    async def bars(self, symbol: str, *, first: date, last: date) -> list[Bar]:
        """Return the weekdays from first to last whose session is over."""
        if not SYMBOL.fullmatch(symbol):
            return []
        return [self._bar(symbol, day) for day in _weekdays(first, min(last, self._newest_close()))]

    async def close_arrays(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, list[Closes]]:
        """Return the closes of the weekdays from first to last whose session is over."""
        newest = self._newest_close()
        asked = [one for one in questions if SYMBOL.fullmatch(one.symbol)]
        return await asyncio.to_thread(
            lambda: {question: [self._closes(question, newest)] for question in asked}
        )

    def _closes(self, question: HistoryQuestion, newest: date) -> Closes:
        """Work out the prices of many closes at once, as ``price_at`` does for each."""
        last = min(question.last, newest).toordinal()
        days = np.arange(question.first.toordinal(), last + 1, dtype=np.int64)
        days = days[(days - 1) % 7 < SATURDAY]
        seconds = (days - EPOCH) * 86_400.0 + CLOSE.hour * 3600
        exponent = np.zeros(len(days))
        phases = _phases(self._seed, question.symbol)
        for (period, amplitude), phase in zip(WAVES, phases, strict=True):
            exponent += amplitude * np.sin(2 * np.pi * (seconds / period + phase))
        known = company(question.symbol)
        prices = known.price * np.exp(exponent)
        values = np.where(prices >= 1, np.round(prices, 2), np.round(prices, 4))
        return Closes(currency=known.venue.currency, days=days, values=np.maximum(values, 0.0001))

    def _match(self, known: Company) -> InstrumentMatch:
        return InstrumentMatch(
            symbol=known.symbol,
            name=known.name,
            currency=known.venue.currency,
            source=self.name,
            exchange=known.venue.exchange,
            asset_class=known.asset_class,
        )

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return known companies by symbol, prefix and words of the name, then the text itself."""
        symbol, words = text.strip().upper(), text.casefold().split()

        def rank(known: Company) -> int | None:
            if known.symbol == symbol:
                return 0
            if known.symbol.startswith(symbol):
                return 1
            name = known.name.casefold()
            return 2 if all(word in name for word in words) else None

        ranked = [
            (place, known)
            for known in known_companies().values()
            if (place := rank(known)) is not None
        ]
        ranked.sort(key=lambda pair: (pair[0], pair[1].symbol))
        found = [known for _, known in ranked]
        if SYMBOL.fullmatch(symbol) and symbol not in known_companies():
            found.append(company(symbol))
        return [self._match(known) for known in found[:limit]]

    async def find(self, symbols: Collection[str]) -> dict[str, InstrumentMatch]:
        """Return an instrument for each symbol."""
        return {symbol: self._match(company(symbol)) for symbol in _well_formed(symbols)}


def _well_formed(symbols: Collection[str]) -> Iterator[str]:
    return (symbol for symbol in symbols if SYMBOL.fullmatch(symbol))


def _day_before(day: date) -> date:
    return day - timedelta(days=1)


def _weekdays(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        if day.weekday() < SATURDAY:
            yield day
        day += timedelta(days=1)
