"""What reading a file gives: a draft, a problem or a reason for each of its rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from datasources.brokers.layouts import Found, Table
from datasources.brokers.table import (
    CellError,
    Record,
    Row,
    SkipError,
    UnreadableError,
    decimal_sign,
)
from models.drafts import Draft
from models.transactions import Kind

MAX_ROWS = 200_000
NUMBERS = ("quantity", "price", "amount", "fee", "tax", "rate")
"""Fields whose numbers show the decimal sign of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a row cannot be booked: what is wrong in which field, and in which column of the file."""

    field: str
    column: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRow:
    """One row by its line: drafts, or what is wrong with it, or why it is no entry."""

    line: int
    drafts: tuple[Draft, ...] = ()
    problem: Problem | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file holds, every row of it; ``columns`` names the file's column of each field."""

    format: str
    rows: Sequence[ParsedRow]
    columns: Mapping[str, str] = field(default_factory=dict)


def read_tables(found: Found, facts: Mapping[str, str]) -> list[ParsedRow]:
    """Read the rows of all tables of a file, in the file's order; raises UnreadableError."""
    if sum(len(table.rows) for table in found.tables) > MAX_ROWS:
        raise UnreadableError(f"More than {MAX_ROWS} rows.")
    rows = [ParsedRow(line=record.line, skipped=reason) for record, reason in found.others]
    for table in found.tables:
        rows += _read_table(table, {**found.facts, **facts})
    return join_taxes(once_per_split(sorted(rows, key=lambda row: row.line)))


def _read_table(table: Table, facts: Mapping[str, str]) -> Iterable[ParsedRow]:
    layout = table.layout
    columns = {name: table.header[place].strip() for name, place in table.fields.items()}
    point = layout.point or decimal_sign(
        record.cells[place].strip()
        for name, place in table.fields.items()
        if name in NUMBERS
        for record in table.rows
        if place < len(record.cells)
    )
    for record in table.rows:
        cells = {
            name: record.cells[place].strip() if place < len(record.cells) else ""
            for name, place in table.fields.items()
        }
        row = Row(
            line=record.line,
            cells=cells,
            columns=columns,
            point=point,
            dates=layout.dates,
            zone=layout.zone,
            facts=facts,
        )
        yield _judge(row, record, table)


def _judge(row: Row, record: Record, table: Table) -> ParsedRow:
    filled = [place for place, cell in enumerate(record.cells) if cell.strip()]
    try:
        if len(filled) <= 1 < len(table.layout.needs):
            raise SkipError("Is no row of the table.")
        # A title without a name may be missing from the rows, and so may its cell.
        named = 1 + max(place for place, title in enumerate(table.header) if title.strip())
        widest = len(table.header) + table.layout.spare
        if len(record.cells) < named or filled[-1] >= widest:
            message = f"The row has {len(record.cells)} cells, the header has {len(table.header)}."
            raise CellError("", "", message)
        return ParsedRow(line=row.line, drafts=table.layout.book(row))
    except SkipError as reason:
        return ParsedRow(line=row.line, skipped=str(reason))
    except CellError as error:
        problem = Problem(field=error.field, column=error.column, message=str(error))
        return ParsedRow(line=row.line, problem=problem)


def once_per_split(rows: Sequence[ParsedRow]) -> list[ParsedRow]:
    """Keep the first of the rows that tell the same split, one for each side of it."""
    seen: dict[tuple[object, ...], int] = {}
    result = []
    for row in rows:
        (draft, *_) = row.drafts or (None,)
        if draft is not None and draft.kind is Kind.SPLIT:
            key = (_day(draft), draft.symbol, draft.isin, draft.ratio_new, draft.ratio_old)
            first = seen.setdefault(key, row.line)
            if first != row.line:
                row = _without_drafts(row, f"Tells the same split as line {first}.")
        result.append(row)
    return result


def join_taxes(rows: Sequence[ParsedRow]) -> list[ParsedRow]:
    """Put tax withheld into the dividend that it belongs to, where it has a row of its own.

    A tax without a dividend of the same day, instrument and currency stays an entry.
    """
    result = list(rows)
    dividends: dict[tuple[object, ...], list[int]] = {}
    for place, row in reversed(list(enumerate(rows))):
        if len(row.drafts) == 1 and row.drafts[0].kind is Kind.DIVIDEND and not row.drafts[0].tax:
            dividends.setdefault(_payment(row.drafts[0]), []).append(place)
    for place, row in enumerate(rows):
        if len(row.drafts) != 1 or row.drafts[0].kind is not Kind.TAX:
            continue
        tax = row.drafts[0]
        queue = dividends.get(_payment(tax), [])
        dividend = queue and result[queue[-1]].drafts[0]
        if dividend and tax.amount and tax.amount < (dividend.amount or 0):
            joined = queue.pop()
            line = result[joined].line
            result[joined] = ParsedRow(line=line, drafts=(replace(dividend, tax=tax.amount),))
            result[place] = _without_drafts(row, f"Is the tax of the dividend in line {line}.")
    return result


def _payment(draft: Draft) -> tuple[object, ...]:
    named = draft.isin or draft.symbol
    return (_day(draft), named or object(), draft.currency)


def _day(draft: Draft) -> date:
    return draft.occurred_at.date()


def _without_drafts(row: ParsedRow, reason: str) -> ParsedRow:
    return ParsedRow(line=row.line, skipped=reason)
