"""The database's store of price history: bars by series, what is known of each, and actions."""

import asyncio
import secrets
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.bars import (
    PRICES,
    DailyBar,
    EmptyDay,
    PriceSeries,
    bars_on_or_before,
    bars_within,
    close_texts,
    open_gaps,
    series_by_symbol,
    versions_of_series,
)
from models.base import row_key
from models.corporate_actions import (
    ActionCoverage,
    ActionKind,
    CorporateAction,
    actions_by_symbol,
    coverage_by_symbol,
    delete_actions,
    versions_of_actions,
)
from models.database import Database, chunks, insert_all, insert_missing, upsert, upsert_many
from models.market import (
    Actions,
    Bar,
    BarRange,
    Closes,
    DividendEvent,
    KnownActions,
    Series,
    SeriesKey,
    SplitEvent,
)
from models.reading import Prepared, Row

T = TypeVar("T")

CLOSE_TEXTS: Prepared[Any] = Prepared(close_texts())
VERSIONS: Prepared[Any] = Prepared(versions_of_series(), versions_of_actions())
AT_ONCE = 150
"""So many series are read by one statement: several at once need more than one processor, of which
one is wanted to read the ledger meanwhile."""

EPOCH = date(1970, 1, 1).toordinal()


class StoredHistory:
    """Reads and keeps bars and corporate actions; the number of a series never changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[SeriesKey, int] = {}

    async def series(self, symbols: Collection[str]) -> dict[str, list[Series]]:
        """Return the series of symbols of which more than single days are known."""
        found: dict[int, Series] = {}
        async with self._database.reading() as session:
            for some in chunks(sorted(set(symbols))):
                for row in await session.scalars(series_by_symbol(some)):
                    key = _key_of(row)
                    self._ids[key] = row_key(row.id)
                    if row.first_day and row.last_day and row.checked_at:
                        found[row_key(row.id)] = Series(
                            key=key,
                            first=row.first_day,
                            last=row.last_day,
                            checked_at=row.checked_at,
                        )
            gaps: dict[int, dict[date, Any]] = {}
            for part in chunks(list(found)):
                for gap in await session.scalars(open_gaps(part)):
                    gaps.setdefault(gap.series_id, {})[gap.day] = gap.checked_at
        by_symbol: dict[str, list[Series]] = {}
        for number, one in found.items():
            by_symbol.setdefault(one.key.symbol, []).append(replace(one, gaps=gaps.get(number, {})))
        return by_symbol

    async def bars(self, ranges: Collection[BarRange]) -> dict[BarRange, list[Bar]]:
        """Return the bars of stretches of series, oldest first."""
        async with self._database.reading() as session:
            ids = await self._known_ids(session, {wanted.key for wanted in ranges})
            by_id = {number: key for key, number in ids.items()}
            # Stretches of one series are read as the one that holds them all.
            whole: dict[int, tuple[date, date]] = {}
            for wanted in ranges:
                if wanted.key in ids:
                    number = ids[wanted.key]
                    first, last = whole.get(number, (wanted.first, wanted.last))
                    whole[number] = (min(first, wanted.first), max(last, wanted.last))
            read: dict[SeriesKey, list[Bar]] = {}
            spans = [(number, first, last) for number, (first, last) in whole.items()]
            for some in chunks(spans):
                for row in await session.execute(bars_within(some)):
                    key = by_id[row[0]]
                    read.setdefault(key, []).append(_bar(key, row[1:]))
        return {wanted: _cut(read.get(wanted.key, []), wanted) for wanted in ranges}

    async def closes(
        self, questions: Collection[tuple[SeriesKey, date]]
    ) -> dict[tuple[SeriesKey, date], Bar]:
        """Return the last bar of each series on or before a day."""
        async with self._database.reading() as session:
            ids = await self._known_ids(session, {key for key, _ in questions})
            pairs = sorted({(ids[key], day) for key, day in questions if key in ids})
            by_id = {number: key for key, number in ids.items()}
            known: dict[SeriesKey, list[Bar]] = {}
            for some in chunks(pairs):
                for row in await session.scalars(bars_on_or_before(some)):
                    key = by_id[row.series_id]
                    values = [getattr(row, name) for name in PRICES]
                    known.setdefault(key, []).append(_bar(key, values))
        return newest(known, questions)

    async def close_arrays(
        self, keys: Collection[SeriesKey], *, first: date, last: date
    ) -> dict[SeriesKey, list[Closes]]:
        """Return the closes of series between two days, apart by currency."""
        async with self._database.reading() as session:
            ids = await self._known_ids(session, keys)
        by_id = {number: key for key, number in ids.items()}

        async def read(some: Sequence[int]) -> dict[int, list[Closes]]:
            rows = await self._database.rows(CLOSE_TEXTS, keys=some, first=first, last=last)
            return await asyncio.to_thread(closes_of_rows, rows)

        parts = await asyncio.gather(*map(read, chunks(sorted(by_id), AT_ONCE)))
        return {by_id[number]: closes for part in parts for number, closes in part.items()}

    async def versions(self, symbols: Collection[str]) -> dict[str, int]:
        """Return what changes whenever bars or actions of a symbol are written; zero for none."""
        found = dict.fromkeys(symbols, 0)
        for rows in await self._database.read(VERSIONS, keys=sorted(found)):
            for symbol, version in rows:
                found[symbol] += version
        return found

    async def keep(
        self,
        series: Series,
        bars: Collection[Bar],
        *,
        confirmed: Collection[date] = (),
        anew: bool = False,
    ) -> None:
        """Add bars to a series, or put them in the place of all it had, with what is now known."""
        async with self._database.writing() as session:
            number = (await ids_of(session, {series.key}))[series.key]
            if anew:
                await session.execute(delete(DailyBar).where(col(DailyBar.series_id) == number))
                await session.execute(delete(EmptyDay).where(col(EmptyDay.series_id) == number))
            await upsert_many(session, DailyBar, bar_rows(number, bars))
            closed = {bar.day for bar in bars}
            for some in chunks(sorted(closed)):
                await session.execute(
                    delete(EmptyDay).where(
                        col(EmptyDay.series_id) == number, col(EmptyDay.day).in_(some)
                    )
                )
            place = {"series_id": number}
            asked = [
                place | {"day": day, "checked_at": at, "confirmed": False}
                for day, at in series.gaps.items()
            ]
            await insert_missing(session, EmptyDay, asked)  # what is confirmed stays so
            sure = [
                place | {"day": day, "checked_at": series.checked_at, "confirmed": True}
                for day in confirmed
            ]
            await upsert(session, EmptyDay, sure)
            await session.execute(
                update(PriceSeries)
                .where(col(PriceSeries.id) == number)
                .values(
                    first_day=series.first,
                    last_day=series.last,
                    checked_at=series.checked_at,
                    version=new_version(),
                )
            )

    async def actions(self, symbols: Collection[str]) -> dict[str, list[KnownActions]]:
        """Return what sources know was done to symbols."""
        splits: dict[tuple[str, str], list[SplitEvent]] = {}
        dividends: dict[tuple[str, str], list[DividendEvent]] = {}
        found: dict[str, list[KnownActions]] = {}
        async with self._database.reading() as session:
            covered: list[ActionCoverage] = []
            for some in chunks(sorted(set(symbols))):
                covered += await session.scalars(coverage_by_symbol(some))
                if not covered:
                    continue
                for row in await session.execute(actions_by_symbol(some)):
                    place = row.symbol, row.source
                    if row.kind == ActionKind.SPLIT.value:
                        splits.setdefault(place, []).append(_split(row))
                    else:
                        dividends.setdefault(place, []).append(_dividend(row))
        for one in covered:
            place = one.symbol, one.source
            found.setdefault(one.symbol, []).append(
                KnownActions(
                    symbol=one.symbol,
                    source=one.source,
                    first=one.first_day,
                    last=one.last_day,
                    checked_at=one.checked_at,
                    actions=Actions(
                        splits=tuple(splits.get(place, ())),
                        dividends=tuple(dividends.get(place, ())),
                    ),
                )
            )
        return found

    async def keep_actions(self, known: KnownActions, *, first: date, last: date) -> None:
        """Keep what is known, ``known.actions`` in the place of all from first to last."""
        coverage = {
            "symbol": known.symbol,
            "source": known.source,
            "first_day": known.first,
            "last_day": known.last,
            "checked_at": known.checked_at,
            "version": new_version(),
        }
        async with self._database.writing() as session:
            await upsert(session, ActionCoverage, [coverage])  # holds it against another writer
            await session.execute(
                delete_actions(known.symbol, known.source, first=first, last=last)
            )
            await insert_all(session, CorporateAction, _action_rows(known))

    async def _known_ids(
        self, session: AsyncSession, keys: Collection[SeriesKey]
    ) -> dict[SeriesKey, int]:
        missing = {key.symbol for key in keys if key not in self._ids}
        for some in chunks(sorted(missing)):
            for row in await session.scalars(series_by_symbol(some)):
                self._ids[_key_of(row)] = row_key(row.id)
        return {key: self._ids[key] for key in keys if key in self._ids}


def new_version() -> int:
    """Draw a version: unlike a counter it never comes back, whatever is deleted meanwhile."""
    return secrets.randbits(62)


def closes_of_rows(rows: Iterable[Row]) -> dict[int, list[Closes]]:
    """Read texts of days, closes and currencies; series of one market mostly share their days."""
    known: dict[str, NDArray[np.int64]] = {}
    found = {}
    for number, days, closes, currencies in rows:
        if days not in known:
            known[days] = np.array(days.split(","), dtype="datetime64[D]").astype(np.int64) + EPOCH
        ordinals = known[days]
        values = np.frombuffer(array("d", orjson.loads(f"[{closes}]")))
        if np.any(np.diff(ordinals) < 0):
            order = np.argsort(ordinals)
            ordinals, values = ordinals[order], values[order]
            currencies = ",".join(np.array(currencies.split(","))[order])
        one = currencies.partition(",")[0]
        if currencies == f"{one}," * (len(values) - 1) + one:
            found[number] = [Closes(currency=one, days=ordinals, values=values)]
            continue
        names = np.array(currencies.split(","))
        found[number] = [
            Closes(currency=str(name), days=ordinals[names == name], values=values[names == name])
            for name in np.unique(names)
        ]
    return found


def _key_of(row: PriceSeries) -> SeriesKey:
    return SeriesKey(symbol=row.symbol, source=row.source, adjusted=row.adjusted)


def key_of(bar: Bar) -> SeriesKey:
    """Return the series that a bar belongs to."""
    return SeriesKey(symbol=bar.symbol, source=bar.source, adjusted=bar.adjusted)


def _bar(key: SeriesKey, values: Sequence[Any]) -> Bar:
    day, close, currency, opened, high, low, volume = values
    return Bar(
        symbol=key.symbol,
        day=day,
        close=close,
        currency=currency,
        source=key.source,
        open=opened,
        high=high,
        low=low,
        volume=volume,
        adjusted=key.adjusted,
    )


def _day(bar: Bar) -> date:
    return bar.day


def _cut(bars: Sequence[Bar], wanted: BarRange) -> list[Bar]:
    start = bisect_left(bars, wanted.first, key=_day)
    return list(bars[start : bisect_right(bars, wanted.last, key=_day)])


def newest(
    known: Mapping[SeriesKey, list[Bar]], questions: Collection[tuple[SeriesKey, date]]
) -> dict[tuple[SeriesKey, date], Bar]:
    """Return of each series the last of some bars on or before a day."""
    for bars in known.values():
        bars.sort(key=_day)
    found = {}
    for key, day in questions:
        bars = known.get(key, [])
        place = bisect_right(bars, day, key=_day)
        if place:
            found[key, day] = bars[place - 1]
    return found


async def ids_of(session: AsyncSession, keys: Collection[SeriesKey]) -> dict[SeriesKey, int]:
    """Return the numbers of series, those that are new created."""
    rows = [{"symbol": key.symbol, "source": key.source, "adjusted": key.adjusted} for key in keys]
    await insert_missing(session, PriceSeries, sorted(rows, key=repr))
    found: dict[SeriesKey, int] = {}
    for some in chunks(sorted({key.symbol for key in keys})):
        for row in await session.scalars(series_by_symbol(some)):
            found[_key_of(row)] = row_key(row.id)
    return {key: found[key] for key in keys}


def bar_rows(number: int, bars: Iterable[Bar]) -> list[dict[str, Any]]:
    """Return the rows of a series' bars; of a day given twice the later counts."""
    by_day = {
        bar.day: {"series_id": number} | {name: getattr(bar, name) for name in PRICES}
        for bar in bars
    }
    return list(by_day.values())


def _kept(value: T | None) -> T:
    """Return what an action of its kind always has."""
    if value is None:
        raise ValueError("the stored action is not complete")
    return value


def _split(row: Any) -> SplitEvent:
    assert row.new is not None and row.old is not None  # noqa: PT018, S101  # as it was kept
    return SplitEvent(symbol=row.symbol, day=row.day, new=row.new, old=row.old, source=row.source)


def _dividend(row: Any) -> DividendEvent:
    return DividendEvent(
        symbol=row.symbol,
        ex_day=row.day,
        amount=_kept(row.amount),
        currency=_kept(row.currency),
        source=row.source,
        pay_day=row.pay_day,
    )


def _action_rows(known: KnownActions) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    nothing = dict.fromkeys(("new", "old", "amount", "currency", "pay_day"))
    start = {"symbol": known.symbol, "source": known.source} | nothing
    for split in known.actions.splits:
        own = {"kind": ActionKind.SPLIT.value, "day": split.day}
        rows.append(start | own | {"new": split.new, "old": split.old})
    for dividend in known.actions.dividends:
        own = {"kind": ActionKind.DIVIDEND.value, "day": dividend.ex_day}
        paid = {"amount": dividend.amount, "currency": dividend.currency}
        rows.append(start | own | paid | {"pay_day": dividend.pay_day})
    counts: dict[tuple[str, date], int] = {}
    for row in rows:
        place = row["kind"], row["day"]
        row["place"] = counts[place] = counts.get(place, -1) + 1
    return rows
