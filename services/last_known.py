"""The database's memory of market data: what a restart or an outage still has to say."""

from bisect import bisect_right
from collections.abc import Collection
from datetime import date
from typing import Any

from datasources.rates import CARRY, cross, days_back
from models.base import Base
from models.database import CHUNK, Database, upsert
from models.last_known import (
    DailyBar,
    ExchangeRate,
    LastQuote,
    StoredProfile,
    bars_on_or_before,
    profiles_by_symbol,
    quotes_by_symbol,
    rates_between,
)
from models.market import (
    Bar,
    CloseQuestion,
    CompanyProfile,
    EuroRate,
    Quote,
    QuoteQuality,
    Rate,
    RateQuestion,
)


class StoredMarket:
    """Reads and keeps the last known quotes, profiles, closes and rates."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the last known quotes; symbols never quoted are absent."""
        async with self._database.reading() as session:
            rows = await session.scalars(quotes_by_symbol(sorted(symbols)))
            return {
                row.symbol: Quote(**row.model_dump() | {"quality": QuoteQuality(row.quality)})
                for row in rows
            }

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return the last known profiles."""
        async with self._database.reading() as session:
            rows = await session.scalars(profiles_by_symbol(sorted(symbols)))
            return {row.symbol: CompanyProfile(**row.model_dump()) for row in rows}

    async def closes(self, questions: Collection[CloseQuestion]) -> dict[CloseQuestion, Bar]:
        """Return the newest stored close on or before each day."""
        if not questions:
            return {}
        pairs = sorted({(question.symbol, question.day) for question in questions})
        bars: dict[str, list[Bar]] = {}
        async with self._database.reading() as session:
            for start in range(0, len(pairs), CHUNK):
                rows = await session.scalars(bars_on_or_before(pairs[start : start + CHUNK]))
                for row in rows:
                    bars.setdefault(row.symbol, []).append(Bar(**row.model_dump()))
        for known in bars.values():
            known.sort(key=_day)
        found: dict[CloseQuestion, Bar] = {}
        for question in questions:
            known = bars.get(question.symbol, [])
            place = bisect_right(known, question.day, key=_day)
            if place:
                found[question] = known[place - 1]
        return found

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return rates of the newest day within a week on which both legs are stored."""
        if not questions:
            return {}
        currencies = {q.base for q in questions} | {q.target for q in questions}
        first = min(q.day for q in questions) - CARRY
        last = max(q.day for q in questions)
        legs: dict[tuple[str, date], EuroRate] = {}
        async with self._database.reading() as session:
            rows = await session.scalars(rates_between(sorted(currencies), first, last))
            for row in rows:
                legs[row.currency, row.day] = EuroRate(**row.model_dump())
        found: dict[RateQuestion, Rate] = {}
        for question in questions:
            rate = cross(
                question,
                days=days_back(question.day),
                look=lambda currency, day: legs.get((currency, day)),
            )
            if rate is not None:
                found[question] = rate
        return found

    async def remember(
        self,
        *,
        quotes: Collection[Quote] = (),
        profiles: Collection[CompanyProfile] = (),
        bars: Collection[Bar] = (),
        rates: Collection[EuroRate] = (),
    ) -> None:
        """Keep the newest of each in one transaction."""
        quote_rows = {
            quote.symbol: _row(LastQuote, quote) | {"quality": quote.quality.value}
            for quote in quotes
        }
        profile_rows = {profile.symbol: _row(StoredProfile, profile) for profile in profiles}
        bar_rows = {(bar.symbol, bar.day): _row(DailyBar, bar) for bar in bars}
        rate_rows = {(rate.currency, rate.day): _row(ExchangeRate, rate) for rate in rates}
        async with self._database.writing() as session:
            await upsert(session, LastQuote, list(quote_rows.values()))
            await upsert(session, StoredProfile, list(profile_rows.values()))
            await upsert(session, DailyBar, list(bar_rows.values()))
            await upsert(session, ExchangeRate, list(rate_rows.values()))


def _row(table: type[Base], value: object) -> dict[str, Any]:
    """Return what of a value its table keeps: how it was found out is not kept."""
    return {name: getattr(value, name) for name in table.model_fields}


def _day(bar: Bar) -> date:
    return bar.day
