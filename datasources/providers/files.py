"""Prices from CSV files: one column a symbol, or one row a symbol and day.

Wide: ``Date`` and then a column a symbol, taken as adjusted closes in the default currency. Long:
``date,symbol,close`` and perhaps ``open,high,low,volume,currency``, taken as traded. Plain, gzip
or a ZIP of one file. Empty cells and ``N/A`` are days without a price.
"""

import asyncio
import csv
import gzip
import io
import zipfile
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from datasources.errors import BadPayloadError
from datasources.protocols import Clock
from datasources.symbols import InvalidSymbolError, canonical, major_unit, venue_of
from models.market import Bar, CloseQuestion, InstrumentMatch, Quote, QuoteQuality

CLOSE = time(21, tzinfo=UTC)
"""When a day's close counts as made: the end of the United States' session."""

FRESH_DAYS = 4
"""A last close older than this is stale: a long weekend is not."""

HOLES = {"", "N/A", "NA", "NaN", "null"}


@dataclass(slots=True)
class Series:
    """The closes of one symbol, oldest first; prices stay text until somebody asks."""

    currency: str
    factor: Decimal
    adjusted: bool
    where: str
    days: list[date] = field(default_factory=list)
    closes: list[str] = field(default_factory=list)


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
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise BadPayloadError(f"{path.name} cannot be read: {error}") from error


class Files:
    """Serves quotes, closes and symbols from files; the newest close is the current price."""

    name = "files"

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
            rows = csv.reader(read_text(path).splitlines())
            header = [name.strip() for name in next(rows, [])]
            names = [name.lower() for name in header]
            if names[:1] != ["date"]:
                raise BadPayloadError(f"{path.name}: the first column must be Date.")
            if {"symbol", "close"} <= set(names):
                self._read_long(path, names=names, rows=list(rows), series=series)
            else:
                self._read_wide(path, header=header, rows=list(rows), series=series)
        for one in series.values():
            order = sorted(range(len(one.days)), key=one.days.__getitem__)
            one.days = [one.days[place] for place in order]
            one.closes = [one.closes[place] for place in order]
        return series

    def _new(self, path: Path, *, currency: str, adjusted: bool) -> Series:
        major, factor = major_unit(currency)
        return Series(currency=major, factor=factor, adjusted=adjusted, where=path.name)

    def _read_wide(
        self, path: Path, *, header: list[str], rows: list[list[str]], series: dict[str, Series]
    ) -> None:
        try:
            symbols = [canonical(name) for name in header[1:] if name]
        except InvalidSymbolError as error:
            raise BadPayloadError(f"{path.name}: {error}") from error
        for symbol in symbols:
            series[symbol] = self._new(path, currency=self._currency, adjusted=True)
        for line, row in enumerate(rows, start=2):
            if not row:
                continue
            day = _day(row[0], path=path, line=line)
            for symbol, cell in zip(symbols, row[1:], strict=False):
                if cell.strip() not in HOLES:
                    series[symbol].days.append(day)
                    series[symbol].closes.append(_checked(cell.strip(), path=path, line=line))

    def _read_long(
        self, path: Path, *, names: list[str], rows: list[list[str]], series: dict[str, Series]
    ) -> None:
        for line, row in enumerate(rows, start=2):
            if not row:
                continue
            cells = dict(zip(names, (cell.strip() for cell in row), strict=False))
            if cells.get("close", "") in HOLES:
                continue
            try:
                symbol = canonical(cells.get("symbol", ""))
            except InvalidSymbolError as error:
                raise BadPayloadError(f"{path.name} line {line}: {error}") from error
            if symbol not in series:
                currency = cells.get("currency") or self._currency
                series[symbol] = self._new(path, currency=currency, adjusted=False)
            series[symbol].days.append(_day(cells["date"], path=path, line=line))
            series[symbol].closes.append(_checked(cells["close"], path=path, line=line))

    def _bar(self, symbol: str, series: Series, place: int) -> Bar:
        return Bar(
            symbol=symbol,
            day=series.days[place],
            close=Decimal(series.closes[place]) * series.factor,
            currency=series.currency,
            source=self.name,
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
                as_of=datetime.combine(bar.day, CLOSE),
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
        start, end = (
            bisect_right(series.days, first - timedelta(days=1)),
            bisect_right(series.days, last),
        )
        return [self._bar(symbol, series, place) for place in range(start, end)]

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


def _day(text: str, *, path: Path, line: int) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise BadPayloadError(f"{path.name} line {line}: {text[:40]!r} is not a day.") from error


def _checked(text: str, *, path: Path, line: int) -> str:
    try:
        above_zero = Decimal(text) > 0
    except InvalidOperation:
        above_zero = False
    if not above_zero:
        raise BadPayloadError(f"{path.name} line {line}: {text[:40]!r} is not a price.")
    return text
