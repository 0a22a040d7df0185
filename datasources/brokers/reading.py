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
    decimal_sign,
)
from models.drafts import Draft
from models.transactions import Kind

DRAFT_FIELDS = {"date": "occurred_at", "type": "kind", "id": "external_id"}
"""Where a field of a draft is called otherwise than its column."""

WORDS = frozenset({"date", "time", "type", "symbol", "isin", "note", "id", "order", "acquired_at"})
"""Fields whose texts may look like numbers, but do not show the decimal sign of a file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be booked: what is wrong in which field of a draft, and in which column.

    Both are empty if the row as a whole is wrong.
    """

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
    """What a file holds, every row of it; ``columns`` are by field of a draft."""

    format: str
    rows: Sequence[ParsedRow]
    columns: Mapping[str, str] = field(default_factory=dict)


def read_tables(found: Found, facts: Mapping[str, str]) -> list[ParsedRow]:
    """Read the rows of all tables of a file, in the file's order."""
    rows = [ParsedRow(line=record.line, skipped=reason) for record, reason in found.others]
    for table in found.tables:
        rows += _read_table(table, {**found.facts, **facts})
    return sorted(rows, key=lambda row: row.line)


def _read_table(table: Table, facts: Mapping[str, str]) -> Iterable[ParsedRow]:
    layout = table.layout
    columns = {name: table.header[place].strip() for name, place in table.fields.items()}
    point = layout.point or decimal_sign(
        record.cells[place].strip()
        for name, place in table.fields.items()
        if name not in WORDS
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
        if len(record.cells) < named or (filled and filled[-1] >= widest):
            message = f"The row has {len(record.cells)} cells, the header has {len(table.header)}."
            raise CellError("", "", message)
        return ParsedRow(line=row.line, drafts=table.layout.book(row))
    except SkipError as reason:
        return ParsedRow(line=row.line, skipped=str(reason))
    except ArithmeticError:
        problem = Problem(
            field="", column="", message="The numbers or dates are out of all bounds."
        )
        return ParsedRow(line=row.line, problem=problem)
    except CellError as error:
        name = DRAFT_FIELDS.get(error.field, error.field)
        problem = Problem(field=name, column=error.column, message=str(error))
        return ParsedRow(line=row.line, problem=problem)


def join_splits(rows: Sequence[ParsedRow]) -> list[ParsedRow]:
    """Book a split once that has a row for each of its sides, old units and new ones."""
    result = list(rows)
    first: dict[tuple[object, ...], int] = {}
    for place, row in enumerate(rows):
        (draft, *_) = row.drafts or (None,)
        if draft is None or draft.kind is not Kind.SPLIT:
            continue
        other = first.setdefault((_day(draft), draft.isin or draft.symbol), place)
        known = result[other].drafts[0]
        new, old = known.ratio_new or draft.ratio_new, known.ratio_old or draft.ratio_old
        if other == place or (draft.ratio_new or new, draft.ratio_old or old) != (new, old):
            continue
        whole = replace(known, ratio_new=new, ratio_old=old)
        result[other] = ParsedRow(line=result[other].line, drafts=(whole,))
        result[place] = _without_drafts(row, f"Tells the same split as line {rows[other].line}.")
    return [_whole_split(row) for row in result]


def _whole_split(row: ParsedRow) -> ParsedRow:
    """Refuse a split that lacks a side."""
    if any(
        draft.kind is Kind.SPLIT and None in (draft.ratio_new, draft.ratio_old)
        for draft in row.drafts
    ):
        message = "The other side of the split is not in the file: book it by hand."
        return ParsedRow(line=row.line, problem=Problem("quantity", "", message))
    return row


def join_taxes(rows: Sequence[ParsedRow]) -> list[ParsedRow]:
    """Put tax withheld into the dividend that it belongs to, where it has a row of its own.

    They are of one instrument and currency, and of the same day or a few days apart. A tax without
    a dividend stays an entry.
    """
    result = list(rows)
    dividends: dict[tuple[object, ...], list[int]] = {}
    for place, row in reversed(list(enumerate(rows))):
        if len(row.drafts) == 1 and row.drafts[0].kind is Kind.DIVIDEND and not row.drafts[0].tax:
            dividends.setdefault(_payment(row.drafts[0]), []).append(place)
    for place, row in enumerate(rows):
        if len(row.drafts) != 1 or row.drafts[0].kind is not Kind.TAX:
            continue
        (tax,) = row.drafts
        queues = (dividends.get(_payment(tax, days=days)) for days in (0, -1, 1, -2, 2, -3, 3))
        queue = next(filter(None, queues), [])
        dividend = queue and result[queue[-1]].drafts[0]
        if dividend and tax.amount and tax.amount < (dividend.amount or 0):
            joined = queue.pop()
            line = result[joined].line
            result[joined] = ParsedRow(line=line, drafts=(replace(dividend, tax=tax.amount),))
            result[place] = _without_drafts(row, f"Is the tax of the dividend in line {line}.")
    return result


def _payment(draft: Draft, *, days: int = 0) -> tuple[object, ...]:
    named = draft.isin or draft.symbol
    return (_day(draft).toordinal() + days, named or object(), draft.currency)


def _day(draft: Draft) -> date:
    return draft.occurred_at.date()


def _without_drafts(row: ParsedRow, reason: str) -> ParsedRow:
    return ParsedRow(line=row.line, skipped=reason)
