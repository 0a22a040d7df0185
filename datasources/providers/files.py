"""Prices from CSV files: one column a symbol, or one row a symbol and day.

Wide: ``Date`` and then a column a symbol, taken as adjusted closes in the default currency. Long:
``date,symbol,close`` and perhaps ``open,high,low,volume,currency``, taken as traded. Plain, gzip
or a ZIP of one file. Empty cells and ``N/A`` are days without a price. Several files of the same
kind make one history; of a day given twice the later row counts.
"""

import asyncio
import csv
import gzip
import io
import re
import zipfile
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import numpy as np

from datasources.errors import BadPayloadError
from datasources.protocols import Clock
from datasources.symbols import InvalidSymbolError, canonical, major_unit, venue_of
from models.market import (
    Bar,
    CloseQuestion,
    Closes,
    HistoryQuestion,
    InstrumentMatch,
    Quote,
    QuoteQuality,
)

CLOSE = time(21, tzinfo=UTC)
"""When a day's close counts as made: the end of the United States' session."""

FRESH_DAYS = 4
"""A last close older than this is stale: a long weekend is not."""

HOLES = {"", "N/A", "NA", "NaN", "null"}

NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?")
"""A price or volume; Decimal would also take Infinity, underscores and other scripts' digits."""

EXTRAS = ("open", "high", "low", "volume")


@dataclass(slots=True)
class Series:
    """The closes of one symbol, oldest first; prices stay text until somebody asks."""

    currency: str
    factor: Decimal
    adjusted: bool
    days: list[date] = field(default_factory=list)
    closes: list[str] = field(default_factory=list)
    extras: dict[date, tuple[str, ...]] = field(default_factory=dict)


def read_text(path: Path) -> str:
    """Read a CSV file, unpacked if need be; raises BadPayloadError naming the file."""
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        elif path.suffix == ".zip":
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                (name,) = archive.namelist()
                raw = archive.read(name)
        return raw.decode("utf-8-sig")
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise BadPayloadError(f"{path.name} cannot be read: {error}") from error


class Files:
    """Serves quotes, closes and symbols from files; the newest close is the current price."""

    name = "files"
    batch: ClassVar[dict[str, int]] = {}

    def __init__(self, paths: Sequence[Path], *, clock: Clock, currency: str = "USD") -> None:
        self._paths = list(paths)
        self._clock = clock
        self._currency = currency
        self._series: dict[str, Series] | None = None
        self._loading = asyncio.Lock()

    async def _load(self) -> dict[str, Series]:
        async with self._loading:
            if self._series is None:
                self._series = await asyncio.to_thread(self._read_all)
            return self._series

    def _read_all(self) -> dict[str, Series]:
        series: dict[str, Series] = {}
        for path in self._paths:
            try:
                self._read(path, series=series)
            except csv.Error as error:
                raise BadPayloadError(f"{path.name} cannot be read: {error}") from error
        for one in series.values():
            by_day = dict(sorted(dict(zip(one.days, one.closes, strict=True)).items()))
            one.days, one.closes = list(by_day), list(by_day.values())
        return {symbol: one for symbol, one in series.items() if one.days}

    def _read(self, path: Path, *, series: dict[str, Series]) -> None:
        rows = csv.reader(read_text(path).splitlines())
        header = [name.strip() for name in next(rows, [])]
        names = [name.lower() for name in header]
        if names[:1] != ["date"]:
            raise BadPayloadError(f"{path.name}: the first column must be Date.")
        if {"symbol", "close"} <= set(names):
            self._read_long(path, names=names, rows=list(rows), series=series)
        else:
            self._read_wide(path, header=header, rows=list(rows), series=series)

    def _read_wide(
        self, path: Path, *, header: list[str], rows: list[list[str]], series: dict[str, Series]
    ) -> None:
        try:
            # A column without a name keeps its place, or the prices after it would move.
            symbols = [canonical(name) if name else None for name in header[1:]]
        except InvalidSymbolError as error:
            raise BadPayloadError(f"{path.name}: {error}") from error
        columns = [
            symbol
            and _series(
                series, symbol, currency=self._currency, adjusted=True, where=f"{path.name} line 1"
            )
            for symbol in symbols
        ]
        for line, row in enumerate(rows, start=2):
            if not row:
                continue
            day = _day(row[0], path=path, line=line)
            for column, cell in zip(columns, row[1:], strict=False):
                if column and cell.strip() not in HOLES:
                    column.days.append(day)
                    column.closes.append(_price(cell.strip(), where=f"{path.name} line {line}"))

    def _read_long(
        self, path: Path, *, names: list[str], rows: list[list[str]], series: dict[str, Series]
    ) -> None:
        for line, row in enumerate(rows, start=2):
            if not row:
                continue
            where = f"{path.name} line {line}"
            cells = dict(zip(names, (cell.strip() for cell in row), strict=False))
            if cells.get("close", "") in HOLES:
                continue
            try:
                symbol = canonical(cells.get("symbol", ""))
            except InvalidSymbolError as error:
                raise BadPayloadError(f"{where}: {error}") from error
            currency = cells.get("currency") or self._currency
            one = _series(series, symbol, currency=currency, adjusted=False, where=where)
            day = _day(cells["date"], path=path, line=line)
            one.days.append(day)
            one.closes.append(_price(cells["close"], where=where))
            extras = tuple(_extra(cells.get(name, ""), where=where) for name in EXTRAS)
            if any(extras):
                one.extras[day] = extras
            else:
                one.extras.pop(day, None)

    def _bar(self, symbol: str, series: Series, place: int) -> Bar:
        day = series.days[place]
        opened, high, low, volume = (
            Decimal(text) if text else None for text in series.extras.get(day, ("",) * len(EXTRAS))
        )
        return Bar(
            symbol=symbol,
            day=day,
            close=Decimal(series.closes[place]) * series.factor,
            currency=series.currency,
            source=self.name,
            open=opened * series.factor if opened else None,  # vendors write zero for unknown
            high=high * series.factor if high else None,
            low=low * series.factor if low else None,
            volume=volume,
            adjusted=series.adjusted,
        )

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the last close of each symbol that the files have."""
        known, now = await self._load(), self._clock()
        quotes: dict[str, Quote] = {}
        for symbol in symbols:
            series = known.get(symbol)
            if series is None or not series.days:
                continue
            bar = self._bar(symbol, series, -1)
            old = now.date() - bar.day > timedelta(days=FRESH_DAYS)
            quotes[symbol] = Quote(
                symbol=symbol,
                price=bar.close,
                currency=bar.currency,
                as_of=min(datetime.combine(bar.day, CLOSE), now),
                received_at=now,
                source=self.name,
                quality=QuoteQuality.STALE if old else QuoteQuality.DELAYED,
                previous_close=self._bar(symbol, series, -2).close
                if len(series.days) > 1
                else None,
            )
        return quotes

    async def closes(self, questions: Collection[CloseQuestion]) -> dict[CloseQuestion, Bar]:
        """Return the last close on or before each day."""
        known = await self._load()
        found: dict[CloseQuestion, Bar] = {}
        for question in questions:
            series = known.get(question.symbol)
            place = 0 if series is None else bisect_right(series.days, question.day)
            if series is not None and place:
                found[question] = self._bar(question.symbol, series, place - 1)
        return found

    async def bars(self, symbol: str, *, first: date, last: date) -> list[Bar]:
        """Return the days that the files have from first to last."""
        series = (await self._load()).get(symbol)
        if series is None:
            return []
        start, end = bisect_left(series.days, first), bisect_right(series.days, last)
        return [self._bar(symbol, series, place) for place in range(start, end)]

    async def close_arrays(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, list[Closes]]:
        """Return the closes that the files have from first to last."""
        known = await self._load()
        asked = {one: known[one.symbol] for one in questions if one.symbol in known}
        return await asyncio.to_thread(
            lambda: {question: [_closes(question, series)] for question, series in asked.items()}
        )

    async def symbols(self) -> list[str]:
        """Return all symbols that the files have, in order."""
        return sorted(await self._load())

    def _match(self, symbol: str, series: Series) -> InstrumentMatch:
        return InstrumentMatch(
            symbol=symbol,
            name=symbol,
            currency=series.currency,
            source=self.name,
            exchange=venue_of(symbol).exchange,
        )

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return the symbols that begin with the text."""
        known, prefix = await self._load(), text.strip().upper()
        fitting = sorted(symbol for symbol in known if symbol.startswith(prefix))
        return [self._match(symbol, known[symbol]) for symbol in fitting[:limit]]

    async def find(self, symbols: Collection[str]) -> dict[str, InstrumentMatch]:
        """Return the symbols that the files have."""
        known = await self._load()
        return {symbol: self._match(symbol, known[symbol]) for symbol in symbols if symbol in known}


def _closes(question: HistoryQuestion, series: Series) -> Closes:
    start, end = bisect_left(series.days, question.first), bisect_right(series.days, question.last)
    texts = series.closes[start:end]
    in_major = series.factor == 1  # as a rule, and a decimal costs ten times as much
    values = [float(text if in_major else Decimal(text) * series.factor) for text in texts]
    return Closes(
        currency=series.currency,
        days=np.array([day.toordinal() for day in series.days[start:end]], dtype=np.int64),
        values=np.array(values, dtype=float),
        adjusted=series.adjusted,
    )


def _day(text: str, *, path: Path, line: int) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise BadPayloadError(f"{path.name} line {line}: {text[:40]!r} is not a day.") from error


def _series(
    series: dict[str, Series], symbol: str, *, currency: str, adjusted: bool, where: str
) -> Series:
    """Return a symbol's series; raises BadPayloadError for prices that cannot join it."""
    major, factor = major_unit(currency)
    one = series.setdefault(symbol, Series(currency=major, factor=factor, adjusted=adjusted))
    if (one.currency, one.factor, one.adjusted) != (major, factor, adjusted):
        raise BadPayloadError(
            f"{where}: prices of {symbol} are in {currency}, {'' if adjusted else 'not '}adjusted,"
            " unlike those before."
        )
    return one


def _price(text: str, *, where: str) -> str:
    if not NUMBER.fullmatch(text) or Decimal(text) <= 0:
        raise BadPayloadError(f"{where}: {text[:40]!r} is not a price.")
    return text


def _extra(text: str, *, where: str) -> str:
    if text in HOLES:
        return ""
    if not NUMBER.fullmatch(text):
        raise BadPayloadError(f"{where}: {text[:40]!r} is not a number.")
    return text
