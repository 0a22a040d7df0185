"""Exchange rates from the European Central Bank's history file, units of a currency for one euro.

The file is kept as its own lines, two megabytes instead of two hundred thousand decimals: a
look-up splits one line. https://www.ecb.europa.eu/stats/eurofxref/
"""

import asyncio
import io
import re
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Collection
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import ClassVar

from datasources.errors import BadPayloadError
from models.market import EuroRate, Rate, RateQuestion

PACKAGED = Path(__file__).parent.parent / "data" / "ecb-eurofxref-hist.zip"
CARRY = timedelta(days=7)
"""How long a published rate stands for days without one; a longer gap is a suspension."""

NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
"""A rate as it is published; Decimal would also take NaN, Infinity and underscores."""

DIVISION = Context(prec=28, rounding=ROUND_HALF_EVEN)

FIXED = {
    "BGN": Decimal("1.95583"),
    "CYP": Decimal("0.585274"),
    "EEK": Decimal("15.6466"),
    "HRK": Decimal("7.53450"),
    "LTL": Decimal("3.45280"),
    "LVL": Decimal("0.702804"),
    "MTL": Decimal("0.429300"),
    "SIT": Decimal("239.640"),
    "SKK": Decimal("30.1260"),
}
"""Currencies that joined the euro, at the rate fixed for ever, after their last published day."""


class Ecb:
    """Serves cross rates through the euro, both legs of the same day."""

    name = "ECB"
    batch: ClassVar[dict[str, int]] = {}

    def __init__(self, path: Path = PACKAGED) -> None:
        self._path = path
        self._days: list[date] = []
        self._lines: list[str] = []
        self._columns: dict[str, int] = {}
        self._last_published: dict[str, date] = {}
        self._loading = asyncio.Lock()

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return each rate of the last published day on or before the day asked for.

        Absent before the first day, within a suspension, and for unknown currencies.
        """
        async with self._loading:
            if not self._days:
                await asyncio.to_thread(self._read)
        found = {question: self._rate(question) for question in questions}
        return {question: rate for question, rate in found.items() if rate is not None}

    def _read(self) -> None:
        try:
            raw = self._path.read_bytes()
            if self._path.suffix == ".zip":
                with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                    (name,) = archive.namelist()
                    raw = archive.read(name)
            header, *lines = raw.decode("utf-8-sig").splitlines()
            columns = [name.strip() for name in header.split(",")]
            if columns[0] != "Date" or len(columns) < 2:
                raise BadPayloadError(f"{self._path.name} is not an ECB file: no Date column.")
            rows = sorted(
                (date.fromisoformat(line.partition(",")[0].strip()), line)
                for line in lines
                if line.strip()
            )
        except (
            OSError,
            EOFError,
            ValueError,
            RuntimeError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise BadPayloadError(f"{self._path.name} cannot be read: {error}") from error
        if not rows:
            raise BadPayloadError(f"{self._path.name} has no days.")
        self._columns = {name: place for place, name in enumerate(columns) if place and name}
        self._lines = [line for _, line in rows]
        for currency in FIXED.keys() & self._columns.keys():
            published = (day for day, line in reversed(rows) if self._cell(line, currency))
            self._last_published[currency] = next(published, date.min)
        self._days = [day for day, _ in rows]

    def _cell(self, line: str, currency: str) -> Decimal | None:
        cells = line.split(",")
        place = self._columns[currency]
        text = cells[place].strip() if place < len(cells) else ""
        if text in {"", "N/A"}:
            return None
        if not NUMBER.fullmatch(text):
            raise BadPayloadError(f"{self._path.name}: {text[:40]!r} is not a rate.")
        value = Decimal(text)
        return value if value > 0 else None

    def _leg(self, currency: str, *, day: date, line: str) -> Decimal | None:
        if currency == "EUR":
            return Decimal(1)
        if currency not in self._columns:
            return None
        if currency in FIXED and day > self._last_published[currency]:
            return FIXED[currency]
        return self._cell(line, currency)

    def _rate(self, question: RateQuestion) -> Rate | None:
        place = bisect_right(self._days, question.day) - 1
        if place < 0:
            return None
        # Past the end of the file its last day stands, and the rate's day tells its age.
        earliest = min(question.day, self._days[-1]) - CARRY
        while place >= 0 and self._days[place] >= earliest:
            day, line = self._days[place], self._lines[place]
            base = self._leg(question.base, day=day, line=line)
            target = self._leg(question.target, day=day, line=line)
            if base is not None and target is not None:
                return Rate(
                    base=question.base,
                    target=question.target,
                    value=DIVISION.divide(target, base),
                    day=day,
                    source=self.name,
                    legs=tuple(
                        EuroRate(currency=currency, day=day, value=value, source=self.name)
                        for currency, value in (
                            (question.base, base),
                            (question.target, target),
                        )
                        if currency != "EUR"
                    ),
                )
            place -= 1
        return None
