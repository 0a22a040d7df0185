"""Exports a ledger as rows that an import into an empty portfolio turns into the same figures.

Units that came from another portfolio are a row for each lot, with its own date, cost and rate.
Voided entries and histories are left out: they count for nothing.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, time
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.holdings import Passage
from analytics.lots import fold
from analytics.money import EXACT, ZERO, plain
from datasources.brokers.folioql import COLUMNS
from models.base import row_key
from models.database import Database
from models.drafts import Draft
from models.instruments import instruments_by_id
from models.portfolios import Portfolio, portfolio_by_name, portfolios_by_owner
from models.transactions import Kind, Transaction
from models.users import user_by_name
from services.drafts import RATE_PLACES, draft_of
from services.entries import Terms, events_of, in_order, terms_of
from services.entry_ids import own_id
from services.errors import MistakeCode, refuse
from services.lot_choices import lots_taken
from services.projection import ledger_entries


async def export_drafts(session: AsyncSession, portfolio: Portfolio) -> list[Draft]:
    """Return a portfolio's ledger as drafts with an id each, in the order they count."""
    portfolio_id = row_key(portfolio.id)
    entries = in_order(await ledger_entries(session, [portfolio]))
    mine = [entry for entry in entries if entry.portfolio_id == portfolio_id]
    owned = list(await session.scalars(portfolios_by_owner([portfolio.owner_id])))
    ids = {entry.instrument_id for entry in mine} | {entry.related_instrument_id for entry in mine}
    rows = await session.scalars(instruments_by_id(sorted(key for key in ids if key is not None)))
    symbols = {row.id: row.symbol for row in rows}
    arrivals = _arrivals(entries, terms=terms_of(owned))
    names = _LotNames(lots_taken(entries, owned, chooser=portfolio_id))
    drafts: list[Draft] = []
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
            names.add(row_key(entry.id), draft)
            drafts.append(replace(draft, lots=(), lot_ids=names.of(row_key(entry.id), draft)))
            continue
        for number, passage in enumerate(arrivals.get(row_key(entry.id), ()), 1):
            arrived = replace(
                _arrival(draft, passage, base=portfolio.base_currency),
                external_id=f"{own_id(entry)}/{number}",
            )
            names.add(passage.lot_fill_id or 0, arrived)
            drafts.append(replace(arrived, lots=()))
    return drafts


class _LotNames:
    """The rows that each lot came in, and what the entries so far have left of each."""

    def __init__(self, taken: Mapping[tuple[int, int], Decimal]) -> None:
        self._rows: dict[int, list[tuple[str, Decimal]]] = {}
        self._taken: dict[int, dict[int, Decimal]] = {}
        for (entry_id, lot), units in taken.items():
            self._taken.setdefault(entry_id, {})[lot] = units

    def add(self, lot: int, draft: Draft) -> None:
        """Add a row that brings units of a lot."""
        row = (draft.external_id or "", draft.quantity or ZERO)
        self._rows.setdefault(lot, []).append(row)

    def of(self, entry_id: int, draft: Draft) -> tuple[tuple[str, Decimal], ...]:
        """Return what an entry takes of the lots it names, by row; a lot that is gone is none."""
        pieces = {
            lot: self._take(lot, units) for lot, units in self._taken.get(entry_id, {}).items()
        }
        named: list[tuple[str, Decimal]] = []
        for lot, units in draft.lots:
            for name, part in pieces.get(lot, ()):
                chosen = min(part, units)
                units = EXACT.subtract(units, chosen)
                if chosen:
                    named.append((name, chosen))
        return tuple(named)

    def _take(self, lot: int, units: Decimal) -> list[tuple[str, Decimal]]:
        """Take units off the rows of a lot, the first first; the last gives all that is left."""
        rows = self._rows.get(lot, [])
        pieces = []
        while units and rows:
            name, left = rows[0]
            part = min(units, left) if len(rows) > 1 else units
            pieces.append((name, part))
            units = EXACT.subtract(units, part)
            rows[0] = (name, EXACT.subtract(left, part))
            if len(rows) > 1 and part == left:
                del rows[0]
        return pieces


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
    rate = None
    if worth.base is not None and worth.own and draft.currency != base:
        rate = EXACT.divide(worth.base, worth.own)
        rate = rate.quantize(Decimal(1).scaleb(-RATE_PLACES), context=EXACT)
    return replace(
        draft,
        kind=Kind.TRANSFER_IN,
        quantity=passage.quantity,
        amount=worth.own,
        fee=worth.fees,
        rate=rate,
        acquired_at=passage.opened_at,
    )


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
