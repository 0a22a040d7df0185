"""Exports a ledger as rows that an import into an empty portfolio turns into the same figures.

Units that came from another portfolio are a row for each lot, with its own date, cost and rate.
Voided entries and histories are left out: they count for nothing.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, time
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.events import Event, Fill, Method, Move, Pool
from analytics.holdings import Closing, Passage
from analytics.lots import fold
from analytics.money import EXACT, ZERO, plain, round_to, total
from datasources.brokers.folioql import COLUMNS
from models.base import row_key
from models.database import Database
from models.drafts import Draft
from models.instruments import instruments_by_id
from models.portfolios import Portfolio, portfolio_by_name, portfolios_by_owner
from models.transactions import Kind, Transaction
from models.users import user_by_name
from services.aside import aside
from services.checks import RATE_PLACES
from services.drafts import draft_of
from services.entries import Terms, events_of, pool_of, terms_of
from services.entry_ids import own_id
from services.errors import MistakeCode, refuse
from services.order import in_order
from services.projection import ledger_entries


async def export_drafts(session: AsyncSession, portfolio: Portfolio) -> list[Draft]:
    """Return a portfolio's ledger as drafts with an id each, in the order they count."""
    portfolio_id = row_key(portfolio.id)
    entries = in_order(await ledger_entries(session, [portfolio]))
    mine = [entry for entry in entries if entry.portfolio_id == portfolio_id]
    terms = terms_of(await session.scalars(portfolios_by_owner([portfolio.owner_id])))
    ids = {entry.instrument_id for entry in mine} | {entry.related_instrument_id for entry in mine}
    rows = await session.scalars(instruments_by_id(sorted(key for key in ids if key is not None)))
    symbols = {row.id: row.symbol for row in rows}
    arrivals = await aside(entries, _arrivals, entries, terms=terms)
    written: list[_Row] = []
    for entry in mine:
        draft = replace(
            draft_of(
                entry,
                symbol=symbols.get(entry.instrument_id),
                related_symbol=symbols.get(entry.related_instrument_id),
            ),
            rate=entry.rate if entry.currency != portfolio.base_currency else None,
            external_id=entry.external_id or str(own_id(entry)),
        )
        if entry.origin_id is None or entry.instrument_id is None:
            written.append(_Row(entry=entry, draft=draft))
            continue
        for number, passage in enumerate(arrivals.get(row_key(entry.id), ()), 1):
            arrived = replace(
                _arrival(draft, passage, base=portfolio.base_currency),
                external_id=f"{own_id(entry)}/{number}",
            )
            written.append(_Row(entry=entry, draft=arrived, passage=passage))
    return await aside(written, _with_lot_ids, written, terms=terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row of an export, and the lot it brings if it is one of a transfer."""

    entry: Transaction
    draft: Draft
    passage: Passage | None = None

    @property
    def lot(self) -> int | None:
        """Return the lot that others may name, by the entry that opened it."""
        return self.entry.id if self.passage is None else self.passage.lot_fill_id


def _with_lot_ids(rows: Sequence[_Row], *, terms: Mapping[int, Terms]) -> list[Draft]:
    """Let rows name their lots by the ids of rows, and no more units than these have left.

    A lot that came bit by bit is in several rows. Which of them a choice takes from is found by
    folding the rows as an import will, with each choice as an event of its own.
    """
    named: list[dict[str, Decimal]] = [{} for _ in rows]
    if any(row.draft.lots for row in rows):
        lots: dict[int | None, list[int]] = {}
        for number, row in enumerate(rows):
            lots.setdefault(row.lot, []).append(number)
        events, choices = _choosing(rows, lots, terms=terms)
        for holding in fold(events, method=Method.SPECIFIC).values():
            parts: list[Closing | Passage] = [*holding.closings, *holding.passages]
            for part in parts:
                lot, choice = part.lot_fill_id, choices.get(part.event_id)
                if choice is None or lot is None or lot not in lots.get(choice[1], ()):
                    continue
                chosen, name = named[choice[0]], rows[lot].draft.external_id or ""
                chosen[name] = total([chosen.get(name, ZERO), abs(part.quantity)])
    return [
        replace(row.draft, lots=(), lot_ids=tuple(chosen.items()))
        for row, chosen in zip(rows, named, strict=True)
    ]


def _choosing(
    rows: Sequence[_Row], lots: Mapping[int | None, Sequence[int]], *, terms: Mapping[int, Terms]
) -> tuple[list[Event], dict[int, tuple[int, int]]]:
    """Read rows as events by their numbers, and each choice by the row and the lot it is of."""
    written = [row.entry for row in rows if row.passage is None]
    known = {event.id: event for event in events_of(written, terms=terms)}
    events: list[Event] = []
    choices: dict[int, tuple[int, int]] = {}
    for number, row in enumerate(rows):
        if row.passage is not None:
            events.append(_brought(row.passage, id=number, pool=pool_of(row.entry)))
            continue
        event = known.get(row_key(row.entry.id))
        if isinstance(event, (Fill, Move)):
            for key, units in row.draft.lots:
                choice = len(rows) + len(choices)
                choices[choice] = (number, key)
                chosen = tuple((lot, units) for lot in lots.get(key, ()))
                quantity = units.copy_sign(event.quantity)
                events.append(event._replace(id=choice, quantity=quantity, chosen=chosen))
            rest = [abs(event.quantity), *(units.copy_negate() for _, units in row.draft.lots)]
            event = event._replace(quantity=total(rest).copy_sign(event.quantity), chosen=())
            if not event.quantity:
                continue
        if event is not None:
            events.append(event._replace(id=number))
    return events, choices


def _brought(passage: Passage, *, id: int, pool: Pool) -> Fill:
    return Fill(
        id=id,
        at=passage.at,
        pool=pool,
        quantity=passage.quantity,
        outlay=passage.worth,
        opened_at=passage.opened_at,
    )


async def export_named(database: Database, *, username: str, portfolio: str) -> list[Draft]:
    """Export a portfolio by its owner's name and its own; raises RefusedError."""
    async with database.snapshot() as session:
        user = await session.scalar(user_by_name(username))
        if user is None:
            raise refuse(MistakeCode.NOT_FOUND, f"There is no user {username!r}.", "user")
        row = await session.scalar(portfolio_by_name(owner_id=row_key(user.id), name=portfolio))
        if row is None:
            message = f"{username} has no portfolio {portfolio!r}."
            raise refuse(MistakeCode.NOT_FOUND, message, "portfolio")
        return await export_drafts(session, row)


def _arrivals(
    entries: Sequence[Transaction], *, terms: Mapping[int, Terms]
) -> dict[int, list[Passage]]:
    """Return the lots that came by each transfer between portfolios, by its arriving half."""
    arriving = {entry.id: entry for entry in entries if entry.origin_id is not None}
    if not arriving:
        return {}
    holdings = fold(
        events_of(entries, terms=terms),
        method=lambda pool: terms.get(pool[0], Terms()).method,
    )
    found: dict[int, list[Passage]] = {}
    for (portfolio_id, _), holding in holdings.items():
        for passage in holding.passages:
            entry = arriving.get(passage.event_id)
            if entry is not None and entry.portfolio_id == portfolio_id:
                found.setdefault(passage.event_id, []).append(passage)
    return found


def _arrival(draft: Draft, passage: Passage, *, base: str) -> Draft:
    """Book one lot of a transfer as units that come in at their cost."""
    worth = passage.worth
    foreign = draft.currency != base
    return replace(
        draft,
        kind=Kind.TRANSFER_IN,
        quantity=passage.quantity,
        amount=worth.own,
        fee=worth.fees,
        fee_rate=_rate(worth.fees_base, worth.fees) if foreign else None,
        rate=_rate(worth.base, worth.own) if foreign else None,
        acquired_at=passage.opened_at,
    )


def _rate(base: Decimal | None, own: Decimal) -> Decimal | None:
    """Return the rate that turns one amount into the other, to the last digit."""
    if base is None or not own:
        return None
    return round_to(EXACT.divide(base, own), RATE_PLACES)


def _cells(draft: Draft) -> dict[str, str]:
    """Write what a draft says beyond its defaults."""
    lots = json.dumps([[name, plain(units)] for name, units in draft.lot_ids])
    cells = {
        "date": _moment(draft.occurred_at),
        "type": draft.kind.value.lower(),
        "acquired_at": "" if draft.acquired_at is None else _moment(draft.acquired_at),
        "lots": lots if draft.lot_ids else "",
        "id": draft.external_id or "",
    }
    for one in fields(draft):
        value = getattr(draft, one.name)
        if one.name in COLUMNS and one.name not in cells and value != one.default:
            cells[one.name] = plain(value) if isinstance(value, Decimal) else str(value)
    return {name: cells[name] for name in COLUMNS if cells.get(name)}


def _moment(moment: datetime) -> str:
    """Write a moment; midnight UTC stands for a day without a time."""
    if moment.time() == time():
        return moment.date().isoformat()
    return moment.isoformat().replace("+00:00", "Z")


def as_csv(drafts: Iterable[Draft]) -> str:
    """Write drafts as FolioQL's own CSV, without the columns that none of them uses."""
    rows = [_cells(draft) for draft in drafts]
    used = [
        name for name in COLUMNS if name in {"date", "type"} or any(name in row for row in rows)
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, used, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(drafts: Iterable[Draft]) -> str:
    """Write drafts as FolioQL's own JSON: a list of objects, numbers as strings."""
    return json.dumps([_cells(draft) for draft in drafts], indent=1, ensure_ascii=False) + "\n"
