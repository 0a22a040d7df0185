"""Keeps the stored projection (positions, lots, cash, totals) equal to what the ledger derives.

A change rewrites the positions of the instruments it touches, and of those tied to them, and adds
its own movements to the sums; a rebuild derives all of it anew. Both must come to the same rows.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from analytics.events import Pool
from analytics.holdings import Shortfall
from analytics.ledger import Movement, Totals, cash_of, sum_totals
from analytics.money import ZERO, total
from models.base import row_key
from models.changes import LEDGER, note
from models.database import chunks, insert_all, upsert
from models.portfolios import (
    CashBalance,
    Portfolio,
    PortfolioTotals,
    cash_by_portfolio,
    portfolios_by_owner,
    totals_by_portfolio,
)
from models.positions import (
    LOT_COLUMNS,
    Lot,
    LotRow,
    Position,
    delete_lot,
    lot_rows,
    positions_of_pairs,
)
from models.transactions import Transaction, first_moment, ledger
from services.access import told
from services.aside import aside
from services.entries import (
    InstrumentState,
    by_portfolio,
    instrument_states,
    movements_of,
    pool_of,
    terms_of,
)
from services.errors import MistakeCode, refuse
from services.lot_choices import check_lots
from services.pools import entries_of, read_entries, tied, touched_by


class OversoldError(Exception):
    """A change takes units, or leaves later entries to take units, that are not there."""

    def __init__(self, shortfall: Shortfall, *, portfolio_id: int) -> None:
        super().__init__(f"entry {shortfall.event_id} lacks {shortfall.missing} units")
        self.shortfall = shortfall
        self.portfolio_id = portfolio_id


def pools_of(entries: Sequence[Transaction]) -> set[Pool]:
    """Return the pools that entries name."""
    pools = {pool_of(entry) for entry in entries if entry.instrument_id is not None}
    return pools | {
        (entry.portfolio_id, entry.related_instrument_id)
        for entry in entries
        if entry.related_instrument_id is not None
    }


async def apply_change(
    session: AsyncSession,
    *,
    owner_id: int,
    added: Sequence[Transaction] = (),
    removed: Sequence[Transaction] = (),
    lenient: bool = False,
) -> None:
    """Bring the projection up to date after entries were added or voided, and bump versions.

    Raises RefusedError when an entry names lots that are not there or pays cash for units sold
    short, or an archived portfolio would change. Raises OversoldError when a sale finds fewer
    units than it needs, or fewer than before the change, or no longer the lots it names, and when
    a merger pays for units that were never there, unless it did before the change; a ``lenient``
    change keeps a sale of too many units, and its gain is then unknown.
    """
    portfolios = await portfolios_owned_by(session, owner_id)
    touched = pools_of([*added, *removed])
    pools = await tied(session, owner_ids=[owner_id], pools=touched) if touched else set()
    entries, terms = await entries_of(session, pools), terms_of(portfolios.values())
    lack = await aside(
        entries,
        check_lots,
        entries,
        portfolios=portfolios.values(),
        added=added,
        removed=removed,
    )
    if lack is not None:
        (taker,) = {entry.portfolio_id for entry in entries if entry.id == lack.event_id}
        raise OversoldError(lack, portfolio_id=taker)
    states = await aside(entries, instrument_states, entries, terms=terms)
    if any(state.holding.unheld for state in states.values()):
        new = {entry.id for entry in added}
        before = [entry for entry in entries if entry.id not in new] + [*removed]
        _check_held(states, await aside(before, instrument_states, before, terms=terms))
    await _check_paid(session, states, entries, added=added)
    rewritten = await _rewrite_positions(session, states, pools=pools, lenient=lenient)
    arrived, left = by_portfolio(added), by_portfolio(removed)
    await _check_open(session, portfolios, rewritten | arrived.keys() | left.keys())
    changed = {key for key, _ in pools if portfolios[key].archived_at is None}
    for portfolio_id in sorted(arrived.keys() | left.keys()):
        come, gone = (_movements(group.get(portfolio_id, ())) for group in (arrived, left))
        await _add_cash(session, portfolio_id, added=come, removed=gone)
        await _add_totals(session, portfolio_id, added=come, removed=gone)
        changed.add(portfolio_id)
    _bump(session, [portfolios[key] for key in changed])
    touched_by(session).owners.add(owner_id)
    touched_by(session).pools.update(pools)
    touched_by(session).portfolios.update(changed)


async def portfolios_owned_by(session: AsyncSession, owner_id: int) -> dict[int, Portfolio]:
    """Return the portfolios of a person by key."""
    rows = await session.scalars(portfolios_by_owner([owner_id]))
    return {row_key(row.id): row for row in rows}


async def _check_open(
    session: AsyncSession, portfolios: Mapping[int, Portfolio], changed: Iterable[int]
) -> None:
    for portfolio_id in sorted(changed):
        portfolio = portfolios[portfolio_id]
        if portfolio.archived_at is not None:
            message = f"This would change the portfolio {portfolio.name!r}, which is archived."
            message = await told(session, message, portfolio_id=portfolio_id)
            raise refuse(MistakeCode.ARCHIVED, message)


async def _rewrite_positions(
    session: AsyncSession,
    states: Mapping[Pool, InstrumentState],
    *,
    pools: Collection[Pool],
    lenient: bool,
) -> set[int]:
    """Write the positions of pools, and return the portfolios of those that are not as before."""
    if not pools:
        return set()
    rows = {
        (row.portfolio_id, row.instrument_id): row
        for chunk in chunks(sorted(pools))
        for row in await session.scalars(positions_of_pairs(chunk))
    }
    if not lenient:
        _check_covered(states, rows)
    changed: set[int] = set()
    for pool in sorted(pools):
        row, state = rows.get(pool), states.get(pool)
        if state is None:
            if row is not None:
                changed.add(pool[0])
                await session.delete(row)
            continue
        figures = position_figures(state)
        if row is None:
            row = Position(portfolio_id=pool[0], instrument_id=pool[1], **figures)
            rows[pool] = row
            changed.add(pool[0])
            session.add(row)
        for name, value in figures.items():
            if getattr(row, name) != value:
                changed.add(pool[0])
                setattr(row, name, value)
    await session.flush()
    lots = [
        lot
        for pool in sorted(pools)
        if pool in states
        for lot in rows_of_lots(states[pool], position_id=row_key(rows[pool].id))
    ]
    owners = {row_key(row.id): pool[0] for pool, row in rows.items()}
    relotted = await _write_lots(session, list(owners), lots=lots)
    return changed | {owners[position_id] for position_id in relotted}


async def _write_lots(
    session: AsyncSession, position_ids: Sequence[int], *, lots: Iterable[LotRow]
) -> set[int]:
    """Write the lots of positions, leaving alone those that are stored already.

    Lots opened at the same moment stand in the order of their keys: all of them are written anew
    when one of them differs. Returns the positions whose lots are not as before.
    """
    stored: dict[LotRow, dict[int, LotRow]] = {}
    for chunk in chunks(position_ids):
        for key, *columns in await session.execute(lot_rows(chunk)):
            stored.setdefault(tuple(columns[:2]), {})[key] = tuple(columns)
    derived: dict[LotRow, list[LotRow]] = {}
    for lot in lots:
        derived.setdefault(lot[:2], []).append(lot)
    changed = [
        moment
        for moment in sorted(stored.keys() | derived.keys())
        if list(stored.get(moment, {}).values()) != derived.get(moment, [])
    ]
    gone = [{"key": key} for moment in changed for key in stored.get(moment, ())]
    fresh = [
        dict(zip(LOT_COLUMNS, lot, strict=True))
        for moment in changed
        for lot in derived.get(moment, ())
    ]
    if gone:
        await session.execute(delete_lot(), gone)
    await insert_all(session, Lot, fresh)
    return {position_id for position_id, _ in changed}


def _check_covered(states: Mapping[Pool, InstrumentState], rows: Mapping[Pool, Position]) -> None:
    for pool, state in states.items():
        known = rows[pool].missing if pool in rows else ZERO
        if state.holding.missing > known:
            shortfall = state.holding.shortfalls[-1 if known else 0]
            raise OversoldError(shortfall, portfolio_id=pool[0])


def _check_held(
    states: Mapping[Pool, InstrumentState], before: Mapping[Pool, InstrumentState]
) -> None:
    known = {lack.event_id for state in before.values() for lack in state.holding.unheld}
    for pool, state in states.items():
        for lack in state.holding.unheld:
            if lack.event_id not in known:
                raise OversoldError(lack, portfolio_id=pool[0])


async def _check_paid(
    session: AsyncSession,
    states: Mapping[Pool, InstrumentState],
    entries: Sequence[Transaction],
    *,
    added: Sequence[Transaction],
) -> None:
    owed = {key for state in states.values() for key in state.holding.owed}
    new = {entry.id for entry in added}
    for entry in entries:
        if entry.id in owed:
            message = (
                f"The cash of {entry.occurred_at:%Y-%m-%d} is paid to holders, and the position "
                "is short then: book the purchase that covers it instead."
            )
            message = await told(session, message, portfolio_id=entry.portfolio_id)
            raise refuse(MistakeCode.INVALID, message, *(["amount"] if entry.id in new else []))


FIGURES: dict[str, Callable[[InstrumentState], object]] = {
    "quantity": lambda state: state.holding.quantity,
    "cost": lambda state: state.holding.cost,
    "cost_base": lambda state: state.holding.cost_base,
    "fees": lambda state: state.holding.fees,
    "fees_base": lambda state: state.holding.fees_base,
    "realized": lambda state: state.holding.realized,
    "realized_base": lambda state: state.holding.realized_base,
    "income": lambda state: state.income,
    "income_base": lambda state: state.income_base,
    "missing": lambda state: state.holding.missing,
    "opened_at": lambda state: state.holding.lots[0].opened_at if state.holding.lots else None,
}
"""The columns of a position, and how each is read off a derived state."""

FLOWS = ("inflow", "inflow_days", "outflow", "outflow_days", "unrated")
"""The columns of a position that are those of its totals."""


def position_figures(state: InstrumentState) -> dict[str, Any]:
    """Return the columns of a position that its state decides."""
    return {name: figure(state) for name, figure in FIGURES.items()} | {
        name: getattr(state.flows, name) for name in FLOWS
    }


def flows_of_row(row: Position) -> Totals:
    """Read what came into and went out of a stored position as units."""
    return Totals(**{name: getattr(row, name) for name in FLOWS})


def rows_of_lots(state: InstrumentState, *, position_id: int) -> list[LotRow]:
    """Return the open lots of a state, oldest first."""
    return [
        (
            position_id,
            lot.opened_at,
            lot.fill_id,
            lot.quantity,
            lot.paid.own,
            lot.paid.base,
            lot.paid.fees,
            lot.paid.fees_base,
        )
        for lot in state.holding.lots
    ]


def _movements(entries: Iterable[Transaction]) -> list[Movement]:
    return [movement for entry in entries for movement in movements_of(entry)]


async def _add_cash(
    session: AsyncSession,
    portfolio_id: int,
    *,
    added: Sequence[Movement],
    removed: Sequence[Movement],
) -> None:
    balances = {
        row.currency: row.amount for row in await session.scalars(cash_by_portfolio([portfolio_id]))
    }
    for currency, amount in cash_of(added).items():
        balances[currency] = total([balances.get(currency, ZERO), amount])
    for currency, amount in cash_of(removed).items():
        balances[currency] = total([balances.get(currency, ZERO), amount.copy_negate()])
    await _write_cash(session, portfolio_id, balances=balances)


async def _write_cash(
    session: AsyncSession, portfolio_id: int, *, balances: Mapping[str, Decimal]
) -> None:
    await upsert(
        session,
        CashBalance,
        [
            {"portfolio_id": portfolio_id, "currency": currency, "amount": amount}
            for currency, amount in sorted(balances.items())
        ],
    )


def totals_of_row(row: PortfolioTotals | None) -> Totals:
    """Read stored totals; zero for a portfolio without any."""
    if row is None:
        return Totals()
    return Totals(
        inflow=row.inflow,
        inflow_days=row.inflow_days,
        outflow=row.outflow,
        outflow_days=row.outflow_days,
        income=row.income,
        charges=row.charges,
        unrated=row.unrated,
    )


async def _add_totals(
    session: AsyncSession,
    portfolio_id: int,
    *,
    added: Sequence[Movement],
    removed: Sequence[Movement],
) -> None:
    row = await session.scalar(totals_by_portfolio([portfolio_id]))
    totals = totals_of_row(row).plus(sum_totals(added)).plus(sum_totals(removed), sign=-1)
    first = await session.scalar(first_moment(portfolio_id))
    await _write_totals(
        session, portfolio_id, totals=totals, first_day=None if first is None else first.date()
    )


async def _write_totals(
    session: AsyncSession, portfolio_id: int, *, totals: Totals, first_day: date | None
) -> None:
    row = {"portfolio_id": portfolio_id, "first_day": first_day} | asdict(totals)
    await upsert(session, PortfolioTotals, [row])


async def rebuild(session: AsyncSession, portfolio: Portfolio, *, repair: bool = False) -> None:
    """Derive the whole projection of a portfolio anew from its ledger.

    Raises RefusedError when that changes another one that is archived, unless it is a ``repair``.
    """
    portfolio_id = row_key(portfolio.id)
    portfolios = await portfolios_owned_by(session, portfolio.owner_id)
    entries = await read_entries(session, ledger([portfolio_id]))
    known = await session.scalars(
        select(col(Position.instrument_id)).where(col(Position.portfolio_id) == portfolio_id)
    )
    touched = pools_of(entries) | {(portfolio_id, instrument_id) for instrument_id in known}
    pools = await tied(session, owner_ids=[portfolio.owner_id], pools=touched)
    related = await entries_of(session, pools)
    states = await aside(related, instrument_states, related, terms=terms_of(portfolios.values()))
    rewritten = await _rewrite_positions(session, states, pools=pools, lenient=True)
    if not repair:
        await _check_open(session, portfolios, rewritten - {portfolio_id})
    await session.execute(delete(CashBalance).where(col(CashBalance.portfolio_id) == portfolio_id))
    movements = _movements(entries)
    await _write_cash(session, portfolio_id, balances=cash_of(movements))
    first = min((entry.occurred_at.date() for entry in entries), default=None)
    await _write_totals(session, portfolio_id, totals=sum_totals(movements), first_day=first)
    _bump(session, [portfolios[key] for key in rewritten | {portfolio_id}])


def _bump(session: AsyncSession, changed: Sequence[Portfolio]) -> None:
    for portfolio in changed:
        portfolio.version += 1
        note(session, (LEDGER, row_key(portfolio.id)))


async def ledger_entries(
    session: AsyncSession, portfolios: Sequence[Portfolio], *, until: datetime | None = None
) -> list[Transaction]:
    """Return the ledgers of portfolios, and what of other ledgers they are tied to.

    Up to and including a moment if one is given.
    """
    ids = {row_key(portfolio.id) for portfolio in portfolios}
    entries = await read_entries(session, ledger(sorted(ids), until=until))
    owners = {portfolio.owner_id for portfolio in portfolios}
    pools = await tied(session, owner_ids=owners, pools=pools_of(entries))
    elsewhere = {pool for pool in pools if pool[0] not in ids}
    return entries + await entries_of(session, elsewhere, until=until)
