"""The database's memory of market data: what a restart or an outage still has to say."""

from collections.abc import Collection
from datetime import date
from typing import Any

from datasources.rates import CARRY, cross, days_back
from models.bars import DailyBar, series_by_symbol
from models.base import Base
from models.database import Database, chunks, upsert, upsert_many
from models.last_known import (
    ExchangeRate,
    LastQuote,
    StoredProfile,
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
    SeriesKey,
)
from services.stored_bars import StoredHistory, bar_rows, ids_of, key_of


class StoredMarket:
    """Reads and keeps the last known quotes, profiles, closes and rates."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._history = StoredHistory(database)

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
        """Return the newest stored close on or before each day, as traded if there is one."""
        if not questions:
            return {}
        symbols = sorted({question.symbol for question in questions})
        series: dict[str, list[SeriesKey]] = {}
        async with self._database.reading() as session:
            for some in chunks(symbols):
                for row in await session.scalars(series_by_symbol(some)):
                    key = SeriesKey(symbol=row.symbol, source=row.source, adjusted=row.adjusted)
                    series.setdefault(row.symbol, []).append(key)
        asked = {
            (key, question.day) for question in questions for key in series.get(question.symbol, ())
        }
        bars = await self._history.closes(asked)
        found: dict[CloseQuestion, Bar] = {}
        for question in questions:
            known = [
                bars[key, question.day]
                for key in series.get(question.symbol, ())
                if (key, question.day) in bars
            ]
            if known:
                found[question] = max(known, key=lambda bar: (bar.day, not bar.adjusted))
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
        rate_rows = {(rate.currency, rate.day): _row(ExchangeRate, rate) for rate in rates}
        async with self._database.writing() as session:
            await upsert(session, LastQuote, list(quote_rows.values()))
            await upsert(session, StoredProfile, list(profile_rows.values()))
            by_series: dict[SeriesKey, list[Bar]] = {}
            for bar in bars:
                by_series.setdefault(key_of(bar), []).append(bar)
            numbers = await ids_of(session, by_series) if by_series else {}
            for key, some in by_series.items():
                await upsert_many(session, DailyBar, bar_rows(numbers[key], some))
            await upsert(session, ExchangeRate, list(rate_rows.values()))


def _row(table: type[Base], value: object) -> dict[str, Any]:
    """Return what of a value its table keeps: how it was found out is not kept."""
    found = {name: getattr(value, name) for name in table.model_fields}
    # PostgreSQL has no NUL in texts, and one vendor's name must not keep all the rest from it.
    return {
        name: one.replace("\0", "") if isinstance(one, str) else one for name, one in found.items()
    }
