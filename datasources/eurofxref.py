"""The European Central Bank's files of reference rates: units of a currency for one euro.

The history (CSV, perhaps in a ZIP) is kept as its own lines, two megabytes instead of two hundred
thousand decimals: a look-up splits one line. The 90-day file is XML, read into lines of the
same form. https://www.ecb.europa.eu/stats/eurofxref/
"""

import hashlib
import io
import re
import zipfile
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Self
from xml.parsers import expat

from datasources.errors import BadPayloadError
from datasources.rates import CARRY
from models.market import EuroRate

SOURCE = "ECB"

ROOT = "http://www.gesmes.org/xml/2002-08-01|Envelope"
"""The root of the XML files; the namespace is a name and not an address."""

NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
"""A rate as it is published; Decimal would also take NaN, Infinity and underscores."""

MAX_UNPACKED = 32_000_000
"""Far beyond the whole history."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which cell of a line is which currency's, and the file to blame for a bad one."""

    name: str
    columns: Mapping[str, int]


class Table:
    """Published rates by day; ``days`` are in order."""

    def __init__(self, lines: Mapping[date, tuple[_Layout, str]]) -> None:
        self._lines = lines
        self.days = sorted(lines)

    @cached_property
    def version(self) -> str:
        """Return what tells whether anything is published otherwise, wherever it is read."""
        lines = [f"{day} {self._lines[day][1]}" for day in self.days]
        layouts = [",".join(layout.columns) for layout, _ in self._lines.values()]
        text = "\n".join([*dict.fromkeys(layouts), *lines])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def renewed(self, other: Self) -> "Table":
        """Return the days of another, with those of its own that are before or after them.

        What the other leaves out between its days was taken back.
        """
        first, last = other.days[0], other.days[-1]
        outside = {day: line for day, line in self._lines.items() if not first <= day <= last}
        return Table(outside | dict(other._lines))

    def days_back(self, day: date) -> Iterator[date]:
        """Yield the published days that may stand for a day, newest first."""
        place = bisect_right(self.days, day)
        while place > 0 and day - self.days[place - 1] <= CARRY:
            place -= 1
            yield self.days[place]

    def between(
        self, currencies: Collection[str], first: date, last: date
    ) -> dict[str, list[EuroRate]]:
        """Return all rates of currencies published between two days, oldest first."""
        found: dict[str, list[EuroRate]] = {}
        for day in self.days[bisect_left(self.days, first) : bisect_right(self.days, last)]:
            for currency in currencies:
                rate = self.look(currency, day)
                if rate is not None:
                    found.setdefault(currency, []).append(rate)
        return found

    def look(self, currency: str, day: date) -> EuroRate | None:
        """Return the rate published on exactly that day; null if there is none.

        Raises BadPayloadError for a cell that is no rate.
        """
        layout, line = self._lines[day]
        place = layout.columns.get(currency)
        cells = [] if place is None else line.split(",", place + 1)  # the rest is not wanted
        text = cells[place].strip() if place is not None and place < len(cells) else ""
        if text in {"", "N/A"}:
            return None
        value = _value(text, name=layout.name)
        return EuroRate(currency=currency, day=day, value=value, source=SOURCE) if value else None


def _value(text: str, *, name: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise BadPayloadError(f"{name}: {text[:40]!r} is not a rate.")
    return Decimal(text)


def read_history(raw: bytes, *, name: str) -> Table:
    """Read the history, plain or in a ZIP of one file; raises BadPayloadError with its name."""
    try:
        text = (_unpack(raw) if raw.startswith(b"PK") else raw).decode("utf-8-sig")
        header, *lines = text.splitlines()
        columns = [column.strip() for column in header.split(",")]
        if columns[0] != "Date" or len(columns) < 2:
            raise BadPayloadError(f"{name} is not an ECB file: no Date column.")
        layout = _Layout(name, {column: at for at, column in enumerate(columns) if at and column})
        found = {
            date.fromisoformat(line.partition(",")[0].strip()): (layout, line)
            for line in lines
            if line.strip()
        }
    except (EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise BadPayloadError(f"{name} cannot be read: {error}") from error
    if not found:
        raise BadPayloadError(f"{name} has no days.")
    return Table(found)


def _unpack(raw: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        (member,) = archive.infolist()
        if member.file_size > MAX_UNPACKED:
            raise ValueError("too large")
        return archive.read(member)


def read_xml(raw: bytes, *, name: str) -> Table:
    """Read the 90-day file; raises BadPayloadError unless all of it is in form.

    A document type, which only HTML has here, is refused: entities could grow without end.
    """
    roots: list[str] = []
    days: dict[date, dict[str, str]] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        roots.append(tag)
        if "time" in attributes:
            days[date.fromisoformat(attributes["time"])] = {}
        elif "currency" in attributes:
            _value(attributes["rate"], name=name)
            days[next(reversed(days))][attributes["currency"]] = attributes["rate"]

    def refuse(*_: object) -> None:
        raise BadPayloadError(f"{name} has a document type: it is no ECB file.")

    parser = expat.ParserCreate(namespace_separator="|")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, ValueError, KeyError, StopIteration) as error:
        raise BadPayloadError(f"{name} cannot be read: {error}") from error
    if roots[0] != ROOT:
        raise BadPayloadError(f"{name} is not an ECB file: begins with {roots[0][:40]!r}.")
    if not days or not all(days.values()):
        raise BadPayloadError(f"{name} has no rates.")
    return Table({day: _line(rates, name=name) for day, rates in days.items()})


def _line(rates: Mapping[str, str], *, name: str) -> tuple[_Layout, str]:
    layout = _Layout(name, {currency: at for at, currency in enumerate(rates)})
    return layout, ",".join(rates.values())
