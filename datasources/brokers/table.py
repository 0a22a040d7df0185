"""Reads the text of a file as rows whose cells turn into numbers and times, or say why not."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DELIMITERS = (",", ";", "\t", "|")
MAX_ROWS = 200_000
MAX_COLUMNS = 1_000
MAX_CELLS = 5_000_000
"""How much of a file is taken, for what is read of it takes many times its room."""

ISO = "ISO"
"""Stands for ISO 8601 among the date formats of a layout."""

CODE_AT_END = re.compile(r"\W*\b([A-Z]{3})\b\W*$")
"""A currency code at the end of a column's title."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_EMPTY = frozenset({"", "-", "--", "—", "n/a", "na", "nan", "null", "none", "not available"})
_MONEY = r"(?:[A-Z]{0,3}[$€£¥₹]|[A-Z]{3})?"
_NUMBER = re.compile(
    rf"(?P<open>\()?\s*(?P<before>[-+\u2212])?\s*{_MONEY}\s*(?P<inside>[-+\u2212])?\s*"
    r"(?P<digits>[0-9.,][0-9.,'\u2019\s]*?)(?P<power>[eE][-+]?[0-9]{1,2})?\s*"
    rf"{_MONEY}\s*(?P<after>-)?\s*(?P<close>\))?"
)
_STYLES = {
    ".": re.compile(
        r"(?P<whole>[0-9]*|[1-9][0-9]{0,2}(?:[,'\u2019\s][0-9]{3})+)(?:\.(?P<part>[0-9]*))?"
    ),
    ",": re.compile(
        r"(?P<whole>[0-9]*|[1-9][0-9]{0,2}(?:[.'\u2019\s][0-9]{3})+)(?:,(?P<part>[0-9]*))?"
    ),
}
_LONGEST_NUMBER = 60
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


class UnreadableError(ValueError):
    """A file as a whole cannot be read; the message says why."""


class CellError(ValueError):
    """A cell does not hold what it should; ``field`` is of the layout, ``column`` of the file."""

    def __init__(self, field: str, column: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.column = column


class SkipError(Exception):
    """A row is no entry of a ledger; the message says what it is."""


class Record(NamedTuple):
    """The cells of one row, and the line of the file that it begins on."""

    line: int
    cells: list[str]


def decode(content: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 or Windows-1252; raises UnreadableError."""
    head = content[:200]
    encodings = [name for mark, name in _MARKS.items() if content.startswith(mark)]
    if not encodings and b"\0" in head:
        # Latin letters in UTF-16 have a zero byte each: which half it is tells the byte order.
        zeros_first = head[::2].count(0) > head[1::2].count(0)
        encodings = ["utf-16-be" if zeros_first else "utf-16-le"]
    for encoding in encodings or ["utf-8", "cp1252"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UnreadableError("The file is no text in UTF-8, UTF-16 or Windows-1252.")


def check_size(*, rows: int = 0, columns: int = 0, cells: int = 0) -> None:
    """Refuse more than can be read at once; raises UnreadableError."""
    for word, number, most in (
        ("rows", rows, MAX_ROWS),
        ("columns", columns, MAX_COLUMNS),
        ("cells", cells, MAX_CELLS),
    ):
        if number > most:
            raise UnreadableError(f"More than {most:,} {word}: cut the file into parts.")


def records(text: str, delimiter: str) -> Iterator[Record]:
    """Read the rows of a file that are not blank; raises UnreadableError, also for too many."""
    width = count = total = 0

    def lines() -> Iterator[str]:
        nonlocal width
        for found in _LINE.finditer(text):
            # Counted before they are parted: one line can be all of a large file.
            width += text.count(delimiter, *found.span())
            check_size(columns=width)
            yield found[0]

    reader = csv.reader(lines(), delimiter=delimiter, strict=True, skipinitialspace=True)
    line = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                count, total = count + 1, total + len(cells)
                check_size(rows=count, cells=total)
                yield Record(line, cells)
            line, width = reader.line_num + 1, 0
    except csv.Error as error:
        raise UnreadableError(f"Line {line} is not CSV: {error}.") from error


@lru_cache(maxsize=2_000)
def squash(header: str) -> str:
    """Return a column's name without case, blanks and signs, as names are compared."""
    return re.sub(r"[\W_]+", "", header.casefold())


def parse_number(text: str, point: str | None) -> Decimal | None:
    """Read a number with its decimal sign, null if empty; raises ValueError.

    Without a known sign a number that could be meant either way is refused, not guessed.
    """
    if text.casefold() in _EMPTY:
        return None
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    signs = [] if found is None else [found[name] for name in ("open", "before", "inside", "after")]
    signs = [sign for sign in signs if sign]
    if found is None or len(signs) > 1 or (found["open"] is None) != (found["close"] is None):
        raise ValueError(f"{text[:40]!r} is not a number.")
    digits = found["digits"].strip()
    values = {value for sign in (point or ".,") if (value := _styled(digits, sign)) is not None}
    if not values:
        raise ValueError(f"{text[:40]!r} is not a number with a decimal {point or 'sign'!r}.")
    if len(values) > 1:
        raise ValueError(f"{text[:40]!r} can be read in two ways: say which sign is the decimal.")
    number = values.pop() * Decimal(f"1{found['power'] or ''}")
    return number.copy_negate() if signs and signs[0] != "+" else number


def _styled(digits: str, point: str) -> Decimal | None:
    found = _STYLES[point].fullmatch(digits)
    if found is None or not (found["whole"] or found["part"]):
        return None
    whole = re.sub(r"[^0-9]", "", found["whole"])
    return Decimal(f"{whole or 0}.{found['part'] or ''}")


def decimal_sign(texts: Iterable[str]) -> str | None:
    """Return the decimal sign that all numbers of a file must have, null if they leave it open."""
    signs = set()
    for text in set(texts):
        kinds = [sign for sign in _STYLES if _reads(text, sign)]
        if len(kinds) == 1:
            signs.add(kinds[0])
    return signs.pop() if len(signs) == 1 else None


def _reads(text: str, point: str) -> bool:
    try:
        return parse_number(text, point) is not None
    except ValueError:
        return False


@lru_cache(maxsize=20_000)
def parse_moment(text: str, formats: tuple[str, ...], zone: str) -> datetime:
    """Read a date, or date and time, as a moment in UTC; raises ValueError.

    A time without a zone of its own is one of ``zone``. If that falls on another day in UTC it
    keeps its day and gives up its time, for it is the day that figures and tax years go by.
    """
    for form in formats:
        try:
            moment = (
                datetime.fromisoformat(text) if form == ISO else datetime.strptime(text, form)  # noqa: DTZ007
            )
        except ValueError:
            continue
        day_only = moment.tzinfo is None and moment.time() == time()
        placed = moment.replace(tzinfo=UTC if day_only else moment.tzinfo or ZoneInfo(zone))
        try:
            there = placed.astimezone(UTC)
        except OverflowError:
            continue
        if moment.tzinfo is None and there.date() != moment.date():
            return datetime.combine(moment.date(), time(), UTC)
        return there
    raise ValueError(f"{text[:40]!r} is not a date of this format.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row with its cells by field, and what its file says for all rows (``facts``)."""

    line: int
    cells: Mapping[str, str]
    columns: Mapping[str, str]
    point: str | None = "."
    dates: tuple[str, ...] = (ISO,)
    zone: str = "UTC"
    facts: Mapping[str, str] = field(default_factory=dict)

    def having(self, **cells: str) -> "Row":
        """Return the row with other texts in some fields."""
        return replace(self, cells={**self.cells, **cells})

    def exactly(self) -> "Row":
        """Return the row for numbers that were written out anew, with a point."""
        return replace(self, point=".")

    def text(self, name: str) -> str:
        """Return what a field holds, empty if the file has no such column."""
        return self.cells.get(name, "")

    def wrong(self, name: str, message: str) -> CellError:
        """Return the error that says what is wrong with a field."""
        return CellError(name, self.columns.get(name, name), message)

    def currency_of_title(self, name: str) -> str:
        """Return the currency that a column's title ends in, as in ``Total (GBP)``, else empty."""
        found = CODE_AT_END.search(self.columns.get(name, ""))
        return found[1] if found else ""

    def number(self, name: str) -> Decimal | None:
        """Read a number, null if there is none; raises CellError."""
        try:
            return parse_number(self.text(name), self.point)
        except ValueError as error:
            raise self.wrong(name, str(error)) from error

    def needed(self, name: str) -> Decimal:
        """Read a number that must be there; raises CellError."""
        number = self.number(name)
        if number is None:
            raise self.wrong(name, "Must be given.")
        return number

    def moment(self, name: str = "date") -> datetime:
        """Read a time that must be there; raises CellError."""
        if not self.text(name):
            raise self.wrong(name, "Must be given.")
        try:
            return parse_moment(self.text(name), self.dates, self.zone)
        except ValueError as error:
            raise self.wrong(name, str(error)) from error
