"""Correcting the ledger: updating, voiding and undoing, with every earlier state kept."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.access import Role
from models.drafts import Draft
from models.portfolios import Portfolio
from models.transactions import Kind, Revision, Transaction, transactions_by_id
from services.access import may, portfolio_as
from services.booking import (
    OutdatedError,
    hold_portfolio,
    instruments_for,
    oversold_mistake,
    repeated_split,
    repeated_splits,
)
from services.checks import Checks
from services.drafts import draft_of
from services.entry_ids import id_taken, keys_of_ids
from services.errors import MistakeCode, RefusedError, refuse
from services.history import Action, copy_of, note_change, restore, snapshot
from services.preparing import Prepared, columns_of
from services.projection import OversoldError, apply_change

_MISSING = "There is no such transaction."


async def held_transaction(
    session: AsyncSession, *, user_id: int, transaction_id: int | None, kinds: Collection[Kind]
) -> tuple[Transaction, Portfolio]:
    """Return an entry of one of some kinds, its portfolio held for a change.

    One out of the user's reach, one of another kind and a missing one are refused alike.
    """
    missing = refuse(MistakeCode.NOT_FOUND, _MISSING, "id")
    portfolio_id = await session.scalar(
        select(col(Transaction.portfolio_id)).where(col(Transaction.id) == transaction_id)
    )
    if portfolio_id is None:
        raise missing
    try:
        portfolio = await hold_portfolio(
            session, user_id=user_id, portfolio_id=portfolio_id, field="id"
        )
    except RefusedError as error:
        if error.mistakes[0].code is MistakeCode.NOT_FOUND:
            raise missing from error
        raise
    # Read after the portfolio is held, so that two changes of one entry take turns.
    entry = await session.scalar(
        select(Transaction)
        .where(col(Transaction.id) == transaction_id)
        .execution_options(populate_existing=True)
    )
    if entry is None or Kind(entry.kind) not in kinds:
        raise missing
    return entry, portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An entry as it was read, with what is needed to change it."""

    draft: Draft
    base_currency: str
    updated_at: datetime | None


async def seen_transaction(
    session: AsyncSession, *, user_id: int, transaction_id: int | None, kinds: Collection[Kind]
) -> Seen:
    """Read an entry of one of some kinds; others are refused as not found."""
    missing = refuse(MistakeCode.NOT_FOUND, _MISSING, "id")
    row = (await session.execute(transactions_by_id([transaction_id or 0]))).one_or_none()
    if row is None or Kind(row[0].kind) not in kinds:
        raise missing
    try:
        portfolio = await portfolio_as(
            session, Role.EDITOR, user_id=user_id, portfolio_id=row[0].portfolio_id
        )
    except RefusedError as error:
        raise missing from error
    entry, instrument, related = row
    return Seen(
        draft=draft_of(
            entry,
            symbol=None if instrument is None else instrument.symbol,
            related_symbol=None if related is None else related.symbol,
        ),
        base_currency=portfolio.base_currency,
        updated_at=entry.updated_at,
    )


async def halves_of(session: AsyncSession, entry: Transaction) -> list[Transaction]:
    """Return an entry, with the other half of a transfer between portfolios."""
    rows = await session.scalars(
        select(Transaction).where(
            or_(
                col(Transaction.origin_id) == entry.id,
                col(Transaction.id) == entry.origin_id,
            )
        )
    )
    return [entry, *rows]


async def _halves_to_change(session: AsyncSession, entry: Transaction) -> list[Transaction]:
    """Return what changes with an entry, if whoever changes it may change all of that."""
    halves = await halves_of(session, entry)
    others = {half.portfolio_id for half in halves} - {entry.portfolio_id}
    if not await may(session, Role.EDITOR, others):
        message = "The other half of this transfer is in a portfolio that you may not change."
        raise refuse(MistakeCode.INVALID, message, "id")
    return halves


async def _change(
    session: AsyncSession,
    entries: Sequence[Transaction],
    *,
    change: Callable[[Transaction], None],
    action: Action,
    user_id: int,
    owner_id: int,
    now: datetime,
) -> None:
    """Change entries, keep what they were, and bring the projection up to date."""
    removed: list[Transaction] = []
    for entry in entries:
        before = snapshot(entry)
        if entry.voided_at is None:
            removed.append(copy_of(entry))
        change(entry)
        note_change(session, entry, action=action, before=before, user_id=user_id, now=now)
    await session.flush()
    added = [entry for entry in entries if entry.voided_at is None]
    try:
        await apply_change(session, owner_id=owner_id, added=added, removed=removed)
    except OversoldError as error:
        mistake = await oversold_mistake(
            session, error, what="Another entry needs this one as it was"
        )
        field = "id" if action is not Action.UPDATED else "quantity"
        raise refuse(MistakeCode.OVERSOLD, mistake.message, field) from error
    except RefusedError as error:
        if action is Action.UPDATED:
            raise
        # Who voids or undoes has named nothing but the entry.
        mistakes = [replace(mistake, field=("id",)) for mistake in error.mistakes]
        raise RefusedError(mistakes) from error


async def void_transaction(
    session: AsyncSession,
    *,
    user_id: int,
    transaction_id: int | None,
    kinds: Collection[Kind],
    reason: str | None,
    now: datetime,
) -> Transaction:
    """Void a transaction, of a transfer both halves.

    Raises RefusedError if that would leave a later entry without its units.
    """
    checks = Checks(now=now)
    reason = checks.text(reason, "reason")
    checks.finish()
    entry, portfolio = await held_transaction(
        session, user_id=user_id, transaction_id=transaction_id, kinds=kinds
    )
    if entry.voided_at is not None:
        raise refuse(MistakeCode.ALREADY_VOIDED, "The transaction is voided already.", "id")

    def void(row: Transaction) -> None:
        row.voided_at = now
        row.void_reason = reason

    await _change(
        session,
        await _halves_to_change(session, entry),
        change=void,
        action=Action.VOIDED,
        user_id=user_id,
        owner_id=portfolio.owner_id,
        now=now,
    )
    return entry


async def update_transaction(
    session: AsyncSession,
    *,
    user_id: int,
    transaction_id: int | None,
    kinds: Collection[Kind],
    seen_at: datetime | None,
    prepared: Prepared,
    now: datetime,
) -> Transaction:
    """Give a transaction the content of the only draft of a prepared batch.

    Raises RefusedError for a transfer between portfolios, which is voided and recorded anew, and
    OutdatedError when somebody else changed the entry since it was seen.
    """
    if 0 in prepared.mistakes:
        raise RefusedError(prepared.mistakes[0])
    entry, portfolio = await held_transaction(
        session, user_id=user_id, transaction_id=transaction_id, kinds=kinds
    )
    if prepared.base_currency != portfolio.base_currency or entry.updated_at != seen_at:
        raise OutdatedError
    if entry.voided_at is not None:
        raise refuse(
            MistakeCode.ALREADY_VOIDED, "The transaction is voided: undo that first.", "id"
        )
    if len(await halves_of(session, entry)) > 1:
        message = "A transfer between portfolios is voided and recorded anew."
        raise refuse(MistakeCode.INVALID, message, "id")
    columns = columns_of(
        prepared.settled[0],
        base_currency=portfolio.base_currency,
        instruments=await instruments_for(session, prepared, [0], now=now),
    )

    def update(row: Transaction) -> None:
        for name, value in columns.items():
            setattr(row, name, value)
        row.updated_at = now

    changed = copy_of(entry)
    update(changed)
    await _refuse_clash(session, entry, changed)
    await _change(
        session,
        [entry],
        change=update,
        action=Action.UPDATED,
        user_id=user_id,
        owner_id=portfolio.owner_id,
        now=now,
    )
    return entry


async def _refuse_clash(
    session: AsyncSession, was: Transaction, entry: Transaction, *, field: str | None = None
) -> None:
    """Refuse a change to what another entry is already: the same external id, the same split."""
    name = entry.external_id
    if name not in (None, was.external_id):
        taken = await keys_of_ids(session, entry.portfolio_id, [name or ""])
        if taken.get(name or "", entry.id) != entry.id:
            raise id_taken(name or "", field or "externalId")
    split = _split_of(entry)
    if split not in (None, _split_of(was)) and await repeated_splits(
        session, entry.portfolio_id, [entry]
    ):
        mistake = repeated_split(entry)
        raise refuse(mistake.code, mistake.message, field or "occurredAt")


def _split_of(entry: Transaction) -> tuple[int | None, date] | None:
    """Return of what and when an entry is a split that counts; null if it is none."""
    if entry.kind != Kind.SPLIT.value or entry.voided_at is not None:
        return None
    return (entry.instrument_id, entry.occurred_at.date())


async def undo_change(
    session: AsyncSession,
    *,
    user_id: int,
    transaction_id: int | None,
    kinds: Collection[Kind],
    now: datetime,
) -> Transaction:
    """Undo the newest change of a transaction that is not undone yet; raises RefusedError."""
    entry, portfolio = await held_transaction(
        session, user_id=user_id, transaction_id=transaction_id, kinds=kinds
    )
    halves = await _halves_to_change(session, entry)
    newest = {row.id: await _newest_change(session, row) for row in halves}
    if newest[entry.id] is None:
        raise refuse(MistakeCode.NOTHING_TO_UNDO, "Nothing was changed that could be undone.", "id")
    for row in halves:
        revision = newest[row.id]
        if revision is not None:
            again = copy_of(row)
            restore(again, revision.before)
            await _refuse_clash(session, row, again, field="id")

    def undo(row: Transaction) -> None:
        revision = newest[row.id]
        if revision is not None:
            restore(row, revision.before)
            revision.undone_at = now

    await _change(
        session,
        halves,
        change=undo,
        action=Action.UNDONE,
        user_id=user_id,
        owner_id=portfolio.owner_id,
        now=now,
    )
    return entry


async def _newest_change(session: AsyncSession, entry: Transaction) -> Revision | None:
    return await session.scalar(
        select(Revision)
        .where(
            col(Revision.transaction_id) == entry.id,
            col(Revision.undone_at).is_(None),
            col(Revision.action) != Action.UNDONE.value,
        )
        .order_by(col(Revision.id).desc())
        .limit(1)
    )
