"""Imports transactions from a file, row by row and all or nothing.

A row without an id is known again by its content: the second of two equal rows in one file is a
booking of its own.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from datasources.brokers import ParsedRow, Reading, UnreadableError, read
from datasources.market import Market
from models.base import row_key
from models.database import Database
from models.drafts import Draft
from models.portfolios import portfolio_by_name
from models.users import user_by_name
from services.batches import Fate, Outcome, RefusedRowsError, Row, book_rows
from services.booking import OutdatedError, hold_portfolio
from services.drafts import check_draft, outward
from services.errors import Mistake, MistakeCode, RefusedError, refuse
from services.portfolios import create_portfolio
from services.preparing import Prepared, prepare

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFile:
    """A file and how to read it: a null format is recognised by the header.

    ``mapping`` names the file's column for each field of FolioQL's own format, or with a ``=`` in
    front a value for all rows. With ``skip_refused`` the good rows are booked although others are
    refused.
    """

    content: bytes
    format: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    skip_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a file holds: the name of its format, and its rows."""

    format: str
    rows: tuple[Row, ...]

    @property
    def drafts(self) -> list[Draft]:
        """Return the drafts of the rows that have one, in order."""
        return [row.draft for row in self.rows if row.draft is not None]


async def parse(file: ImportFile, *, now: datetime) -> Parsed:
    """Read a file aside from the event loop; raises RefusedError if it cannot be used at all."""
    return await asyncio.to_thread(_parse, file, now)


def _parse(file: ImportFile, now: datetime) -> Parsed:
    try:
        reading = read(file.content, format=file.format, mapping=file.mapping)
    except UnreadableError as error:
        raise refuse(MistakeCode.INVALID, str(error), "file") from error
    seen: Counter[str] = Counter()
    rows = [
        row for parsed in reading.rows for row in _rows(parsed, reading=reading, now=now, seen=seen)
    ]
    return Parsed(format=reading.format, rows=tuple(rows))


def _rows(
    parsed: ParsedRow, *, reading: Reading, now: datetime, seen: Counter[str]
) -> Sequence[Row]:
    if parsed.skipped is not None:
        return [Row(line=parsed.line, skipped=parsed.skipped)]
    if parsed.problem is not None:
        names = (parsed.problem.column or parsed.problem.field,)
        mistake = Mistake(MistakeCode.INVALID, parsed.problem.message, tuple(filter(None, names)))
        return [Row(line=parsed.line, mistakes=(mistake,))]
    return [
        _checked(parsed.line, draft, reading=reading, now=now, seen=seen) for draft in parsed.drafts
    ]


def _checked(
    line: int, draft: Draft, *, reading: Reading, now: datetime, seen: Counter[str]
) -> Row:
    try:
        draft = check_draft(draft, now=now)
    except RefusedError as error:
        columns = {outward(name): column for name, column in reading.columns.items()}
        columns |= {
            "occurredAt": columns.get("date", "date"),
            "externalId": columns.get("id", "id"),
        }
        return Row(
            line=line,
            mistakes=tuple(
                replace(mistake, field=tuple(columns.get(part, part) for part in mistake.field))
                for mistake in error.mistakes
            ),
        )
    if draft.external_id is None:
        print_ = _fingerprint(draft)
        seen[print_] += 1
        draft = replace(draft, external_id=f"row:{print_}:{seen[print_]}")
    return Row(line=line, draft=draft)


def _fingerprint(draft: Draft) -> str:
    """Return what equal rows have in common; a field of no value never counts."""
    content = [
        f"{one.name}={getattr(draft, one.name)!r}"
        for one in fields(draft)
        if getattr(draft, one.name) != one.default and one.name != "note"
    ]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import did, row by row; ``booked`` is false when nothing was changed."""

    format: str
    outcomes: tuple[Outcome, ...]
    booked: bool

    def count(self, fate: Fate) -> int:
        """Count the rows with one fate."""
        return sum(outcome.fate is fate for outcome in self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an import goes; the base currency is for a portfolio that is created."""

    username: str
    portfolio: str
    base_currency: str | None = None


class _UndoneError(Exception):
    """Rolls a dry run back, with its report."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__("rolled back")
        self.outcomes = tuple(outcomes)


async def import_file(
    database: Database,
    market: Market,
    *,
    file: ImportFile,
    into: Target,
    dry_run: bool,
    now: datetime,
    progress: Progress = lambda _: None,
) -> Report:
    """Import a file into a user's portfolio, created if there is none of that name.

    One transaction: killed at any moment it leaves all of the rows or none. Raises RefusedError
    when the file as a whole cannot be used.
    """
    parsed = await parse(file, now=now)
    progress(f"{len(parsed.rows)} rows of the format {parsed.format} read")
    while True:
        prepared, owner_id = await _prepare(database, market, parsed=parsed, into=into)
        progress(f"{len(prepared.matches)} new instruments and all exchange rates found")
        try:
            async with database.writing() as session:
                known = await session.scalar(
                    portfolio_by_name(owner_id=owner_id, name=into.portfolio)
                ) or await create_portfolio(
                    session,
                    into.portfolio,
                    owner_id=owner_id,
                    base_currency=prepared.base_currency,
                    now=now,
                )
                held = await hold_portfolio(
                    session, user_id=owner_id, portfolio_id=row_key(known.id)
                )
                outcomes = await book_rows(
                    session,
                    held,
                    rows=parsed.rows,
                    prepared=prepared,
                    lenient=True,
                    skip_refused=file.skip_refused,
                    now=now,
                )
                if dry_run:
                    raise _UndoneError(outcomes)
        except OutdatedError:
            continue
        except (_UndoneError, RefusedRowsError) as undone:
            return Report(format=parsed.format, outcomes=undone.outcomes, booked=False)
        return Report(format=parsed.format, outcomes=tuple(outcomes), booked=True)


async def _prepare(
    database: Database, market: Market, *, parsed: Parsed, into: Target
) -> tuple[Prepared, int]:
    async with database.reading() as session:
        user = await session.scalar(user_by_name(into.username))
        if user is None:
            raise refuse(MistakeCode.NOT_FOUND, f"There is no user {into.username!r}.", "user")
        known = await session.scalar(
            portfolio_by_name(owner_id=row_key(user.id), name=into.portfolio)
        )
        currency = known.base_currency if known else into.base_currency or user.base_currency
    prepared = await prepare(database, market, base_currency=currency, drafts=parsed.drafts)
    return prepared, row_key(user.id)
