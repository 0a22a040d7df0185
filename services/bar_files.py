"""Loads price files into the stored history in bulk: what is new or differs is written at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from datasources.providers.files import Files
from models.bars import PRICES, DailyBar, PriceSeries, bars_within
from models.database import Database, upsert_many
from models.market import Bar
from services.stored_bars import ids_of, key_of, new_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """How files are read; ``adjusted`` null leaves it to their form."""

    source: str = "loaded"
    currency: str = "USD"
    adjusted: bool | None = None


@dataclass(slots=True)
class LoadedBars:
    """What became of the bars of files."""

    symbols: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0


async def load_bars(
    database: Database, paths: Sequence[Path], *, how: Loading, now: datetime
) -> LoadedBars:
    """Bring the stored history to what files say of their days, all or nothing.

    Raises BadPayloadError naming file and line for a file that cannot be read.
    """
    files = Files(paths, clock=lambda: now.astimezone(UTC), currency=how.currency)
    by_symbol = {
        symbol: [
            replace(
                bar,
                source=how.source,
                adjusted=bar.adjusted if how.adjusted is None else how.adjusted,
            )
            for bar in await files.bars(symbol, first=date.min, last=date.max)
        ]
        for symbol in await files.symbols()
    }
    report = LoadedBars(symbols=len(by_symbol))
    keys = {key_of(bars[0]): bars for bars in by_symbol.values()}
    async with database.writing() as session:
        numbers = await ids_of(session, keys)
        for key, bars in keys.items():
            await _load(session, numbers[key], bars, report=report, now=now)
    return report


async def _load(
    session: AsyncSession, number: int, bars: Sequence[Bar], *, report: LoadedBars, now: datetime
) -> None:
    """Write of one series what is new or differs; its days are then known as a whole."""
    first, last = bars[0].day, bars[-1].day
    rows = await session.execute(bars_within([(number, first, last)]))
    known: dict[date, tuple[Any, ...]] = {row[1]: tuple(row[1:]) for row in rows}
    fresh: list[dict[str, Any]] = []
    for bar in bars:
        values = tuple(getattr(bar, name) for name in PRICES)
        before = known.get(bar.day)
        if before == values:
            report.unchanged += 1
            continue
        report.added += before is None
        report.changed += before is not None
        fresh.append({"series_id": number} | dict(zip(PRICES, values, strict=True)))
    if not fresh:
        return
    await upsert_many(session, DailyBar, fresh)
    series = await session.get_one(PriceSeries, number)
    await session.execute(
        update(PriceSeries)
        .where(col(PriceSeries.id) == number)
        .values(
            first_day=min(first, series.first_day or first),
            last_day=max(last, series.last_day or last),
            checked_at=now,
            version=new_version(),
        )
    )
