"""Imports transactions from FolioQL's own CSV, row by row and all or nothing.

Columns, in any order, named in the first row: ``date`` and ``type`` are required; ``symbol``,
``quantity``, ``price``, ``fee``, ``tax``, ``currency``, ``settlement_currency``,
``exchange_rate``, ``note`` and ``id`` may be there. Rows that are no trades put their amount into
``price`` and leave ``quantity`` empty. A row without an id is known again by its content: the
second of two equal rows in one file is a booking of its own.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum

from sqlalchemy.ext.asyncio import AsyncSession

from datasources.market import Market
from models.base import row_key
from models.database import Database
from models.drafts import Draft
from models.portfolios import Portfolio, portfolio_by_name
from models.transactions import TRADES, Kind
from models.users import user_by_name
from services.booking import (
    Prepared,
    book,
    hold_portfolio,
    prepare,
    taken_external_ids,
)
from services.drafts import check_draft
from services.errors import Mistake, MistakeCode, RefusedError, refuse
from services.portfolios import create_portfolio

COLUMNS = (
    "date",
    "type",
    "symbol",
    "quantity",
    "price",
    "fee",
    "tax",
    "currency",
    "settlement_currency",
    "exchange_rate",
    "note",
    "id",
)
REQUIRED = frozenset({"date", "type"})
MAX_ROWS = 200_000

_COLUMN_OF_FIELD = {
    "occurredAt": "date",
    "settlementCurrency": "settlement_currency",
    "exchangeRate": "exchange_rate",
    "externalId": "id",
    "amount": "price",
}


class Fate(Enum):
    """What became of a row."""

    ADDED = "added"
    KNOWN = "known"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a file by its line number: a draft, or what is wrong with it."""

    line: int
    draft: Draft | None = None
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one row, and why if it was refused."""

    line: int
    fate: Fate
    mistakes: tuple[Mistake, ...] = ()


def parse_csv(text: str, *, now: datetime) -> list[Row]:
    """Read a file; raises RefusedError if it is no table of ours, else judges row by row."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header)
        rows: list[Row] = []
        seen: Counter[str] = Counter()
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) == MAX_ROWS:
                raise refuse(MistakeCode.TOO_LONG, f"More than {MAX_ROWS} rows.", "file")
            rows.append(_row(reader.line_num, header=header, cells=cells, now=now, seen=seen))
    except csv.Error as error:
        raise refuse(
            MistakeCode.INVALID, f"Line {reader.line_num} is not CSV: {error}.", "file"
        ) from error
    return rows


def _check_header(header: list[str]) -> None:
    if not header:
        raise refuse(MistakeCode.REQUIRED, "The file is empty.", "file")
    unknown = [name for name in header if name not in COLUMNS]
    missing = sorted(REQUIRED - set(header))
    twice = [name for name, count in Counter(header).items() if count > 1]
    for names, words in ((unknown, "unknown"), (missing, "missing"), (twice, "repeated")):
        if names:
            raise refuse(
                MistakeCode.INVALID,
                f"Columns {words}: {', '.join(repr(name) for name in names)}. "
                f"Known are: {', '.join(COLUMNS)}.",
                "file",
            )


def _row(
    line: int,
    *,
    header: list[str],
    cells: list[str],
    now: datetime,
    seen: Counter[str],
) -> Row:
    if len(cells) != len(header):
        message = f"The row has {len(cells)} cells, the header has {len(header)}."
        return Row(line=line, mistakes=(Mistake(MistakeCode.INVALID, message),))
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    try:
        draft = check_draft(_draft(values), now=now)
    except RefusedError as error:
        renamed = tuple(
            replace(
                mistake, field=tuple(_COLUMN_OF_FIELD.get(part, part) for part in mistake.field)
            )
            for mistake in error.mistakes
        )
        return Row(line=line, mistakes=renamed)
    if draft.external_id is None:
        content = hashlib.sha256(repr(replace(draft, note=None)).encode()).hexdigest()[:32]
        seen[content] += 1
        draft = replace(draft, external_id=f"row:{content}:{seen[content]}")
    return Row(line=line, draft=draft)


def _draft(values: Mapping[str, str]) -> Draft:
    """Read the cells of a row; raises RefusedError naming the column."""
    text = {name: value or None for name, value in values.items()}
    try:
        kind = Kind((text.get("type") or "").upper())
    except ValueError as error:
        known = ", ".join(kind.value.lower() for kind in Kind)
        message = f"{values.get('type', '')!r} is not a type; known are: {known}."
        raise refuse(MistakeCode.INVALID, message, "type") from error
    price = _number(text.get("price"), "price")
    quantity = _number(text.get("quantity"), "quantity")
    trade = kind in TRADES
    if not trade and quantity is not None:
        message = f"A {kind.value.lower()} has no quantity: put its amount into price."
        raise refuse(MistakeCode.INVALID, message, "quantity")
    return Draft(
        kind=kind,
        occurred_at=_moment(text.get("date")),
        symbol=text.get("symbol"),
        quantity=quantity,
        price=price if trade else None,
        amount=None if trade else price,
        currency=text.get("currency"),
        fee=_number(text.get("fee"), "fee") or Decimal(0),
        tax=_number(text.get("tax"), "tax") or Decimal(0),
        settlement_currency=text.get("settlement_currency"),
        rate=_number(text.get("exchange_rate"), "exchange_rate"),
        note=text.get("note"),
        external_id=text.get("id"),
    )


def _number(text: str | None, column: str) -> Decimal | None:
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        message = f"{text!r} is not a number: write 1234.56, without thousands separators."
        raise refuse(MistakeCode.INVALID, message, column) from error
    return number


def _moment(text: str | None) -> datetime:
    if text is None:
        raise refuse(MistakeCode.REQUIRED, "Must be given.", "date")
    try:
        if len(text) == len("2022-12-28"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is not a date: write 2022-12-28 or 2022-12-28T14:30:00Z."
        raise refuse(MistakeCode.INVALID, message, "date") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


async def book_rows(
    session: AsyncSession,
    portfolio: Portfolio,
    *,
    rows: Sequence[Row],
    prepared: Prepared,
    skip_refused: bool,
    now: datetime,
) -> list[Outcome]:
    """Book rows into a held portfolio and tell what became of each.

    ``prepared`` has one draft for each row that has one, in order. A sale that finds too few
    units is a refused row. Unless ``skip_refused``, the caller rolls back when any row is refused.
    """
    outcomes: dict[int, Outcome] = {}
    places: list[int] = []
    taken = await taken_external_ids(session, portfolio.id or 0, prepared.drafts)
    lines = [row.line for row in rows if row.draft is not None]
    for row in rows:
        if row.draft is None:
            outcomes[row.line] = Outcome(line=row.line, fate=Fate.REFUSED, mistakes=row.mistakes)
    for place, (line, draft) in enumerate(zip(lines, prepared.drafts, strict=True)):
        mistakes = prepared.mistakes.get(place, ())
        if draft.external_id in taken:
            outcomes[line] = Outcome(line=line, fate=Fate.KNOWN)
        elif mistakes:
            outcomes[line] = Outcome(line=line, fate=Fate.REFUSED, mistakes=mistakes)
        else:
            places.append(place)
            if draft.external_id is not None:
                taken.add(draft.external_id)
    await book(session, portfolio, prepared=prepared, places=places, now=now, lenient=True)
    for place in places:
        outcomes[lines[place]] = Outcome(line=lines[place], fate=Fate.ADDED)
    return [outcomes[row.line] for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import did, row by row; ``booked`` is false when nothing was changed."""

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
    """Rolls an import back, with its report."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__("rolled back")
        self.outcomes = outcomes


async def import_file(
    database: Database,
    market: Market,
    *,
    text: str,
    into: Target,
    dry_run: bool,
    skip_refused: bool,
    now: datetime,
) -> Report:
    """Import a file into a user's portfolio, created if there is none of that name.

    One transaction: killed at any moment it leaves all of the rows or none. Raises RefusedError
    when the file as a whole cannot be used.
    """
    rows = parse_csv(text, now=now)
    async with database.reading() as session:
        user = await session.scalar(user_by_name(into.username))
        if user is None:
            raise refuse(MistakeCode.NOT_FOUND, f"There is no user {into.username!r}.", "user")
        known = await session.scalar(
            portfolio_by_name(owner_id=row_key(user.id), name=into.portfolio)
        )
        currency = known.base_currency if known else into.base_currency or user.base_currency
        drafts = [row.draft for row in rows if row.draft is not None]
        prepared = await prepare(session, market, base_currency=currency, drafts=drafts)
    try:
        async with database.writing() as session:
            owner_id = row_key(user.id)
            if known is None:
                known = await create_portfolio(
                    session, into.portfolio, owner_id=owner_id, base_currency=currency, now=now
                )
            held = await hold_portfolio(session, owner_id=owner_id, portfolio_id=row_key(known.id))
            outcomes = await book_rows(
                session,
                held,
                rows=rows,
                prepared=prepared,
                skip_refused=skip_refused,
                now=now,
            )
            refused = any(outcome.fate is Fate.REFUSED for outcome in outcomes)
            if dry_run or (refused and not skip_refused):
                raise _UndoneError(outcomes)
    except _UndoneError as undone:
        return Report(outcomes=tuple(undone.outcomes), booked=False)
    return Report(outcomes=tuple(outcomes), booked=True)
