"""The database's memory of market data: what a restart or an outage still has to say."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from sqlalchemy import update
from sqlmodel import col

from datasources.rates import CARRY, cross, days_back
from models.bars import DailyBar, PriceSeries, series_by_symbol
from models.base import Base
from models.database import Database, chunks, upsert, upsert_many
from models.last_known import (
    ExchangeRate,
    LastQuote,
    RateVersion,
    StoredProfile,
    profiles_by_symbol,
    quotes_by_symbol,
    rates_between,
    versions_of_rates,
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
from models.reading import Prepared
from services.stored_bars import StoredHistory, bar_rows, ids_of, key_of, new_version

RATES: Prepared[Any] = Prepared(rates_between())
VERSIONS: Prepared[Any] = Prepared(versions_of_rates())


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
        known = await self.euro_rates(currencies, first=first, last=last)
        legs = {(leg.currency, leg.day): leg for some in known.values() for leg in some}
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

    async def euro_rates(
        self, currencies: Collection[str], *, first: date, last: date
    ) -> dict[str, list[EuroRate]]:
        """Return the stored rates of currencies between two days, oldest first."""
        found: dict[str, list[EuroRate]] = {}
        rows = await self._database.rows(RATES, keys=sorted(currencies), first=first, last=last)
        for currency, day, value, source in rows:
            rate = EuroRate(currency=currency, day=day, value=value, source=source)
            found.setdefault(currency, []).append(rate)
        return found

    async def rate_versions(self, currencies: Collection[str]) -> dict[str, int]:
        """Return what changes whenever a rate of a currency is written; zero for none."""
        found = dict.fromkeys(currencies, 0)
        for rows in await self._database.read(VERSIONS, keys=sorted(found)):
            found.update(rows)
        return found

    async def _unlike(self, rates: Iterable[EuroRate]) -> list[EuroRate]:
        """Return of rates those that are not stored, or with another value: so versions tell.

        Who told a value makes no difference.
        """
        newest = {(rate.currency, rate.day): rate for rate in rates}
        if not newest:
            return []
        currencies, days = sorted({currency for currency, _ in newest}), [day for _, day in newest]
        rows = await self._database.rows(RATES, keys=currencies, first=min(days), last=max(days))
        stored = {(currency, day): value for currency, day, value, _ in rows}
        return [rate for key, rate in newest.items() if stored.get(key) != rate.value]

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
        news = await self._unlike(rates)
        async with self._database.writing() as session:
            await upsert(session, LastQuote, list(quote_rows.values()))
            await upsert(session, StoredProfile, list(profile_rows.values()))
            by_series: dict[SeriesKey, list[Bar]] = {}
            for bar in bars:
                by_series.setdefault(key_of(bar), []).append(bar)
            numbers = await ids_of(session, by_series) if by_series else {}
            for key, some in by_series.items():
                await upsert_many(session, DailyBar, bar_rows(numbers[key], some))
                await session.execute(
                    update(PriceSeries)
                    .where(
                        col(PriceSeries.id) == numbers[key],
                        # Of what only single days are known, nothing is made that lasts.
                        col(PriceSeries.first_day).is_not(None),
                    )
                    .values(version=new_version())
                )
            await upsert_many(session, ExchangeRate, [_row(ExchangeRate, rate) for rate in news])
            versions = [
                {"currency": currency, "version": new_version()}
                for currency in sorted({rate.currency for rate in news})
            ]
            await upsert_many(session, RateVersion, versions)


def _row(table: type[Base], value: object) -> dict[str, Any]:
    """Return what of a value its table keeps: how it was found out is not kept."""
    found = {name: getattr(value, name) for name in table.model_fields}
    # PostgreSQL has no NUL in texts, and one vendor's name must not keep all the rest from it.
    return {
        name: one.replace("\0", "") if isinstance(one, str) else one for name, one in found.items()
    }
