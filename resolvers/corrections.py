"""Mutations that correct the ledger: update, void and undo, with every earlier state kept."""

from datetime import datetime
from decimal import Decimal

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from analytics.money import ZERO
from models.transactions import Kind
from resolvers.booking_inputs import AMOUNT, PRICE, QUANTITY, LotChoice, values_of
from resolvers.bookings import NULL, LedgerPayload, answer
from resolvers.changes import Done, LedgerChange, once
from resolvers.context import Context
from resolvers.ids import NodeKey, decode_id
from resolvers.scalars import CurrencyCode, Symbol
from resolvers.transactions import KINDS_BY_TYPE_NAME, Transaction, TransactionKind
from services.drafts import changed_draft, check_draft
from services.errors import MistakeCode, refuse
from services.preparing import prepare
from services.transactions import (
    seen_transaction,
    undo_change,
    update_transaction,
    void_transaction,
)

UNSET = strawberry.UNSET


@strawberry.input(
    description="What to change of a ledger entry. What is left out stays; null takes a thing "
    "away. Which fields an entry can have depends on its kind, as in the mutation that books it."
)
class UpdateTransactionInput(LedgerChange):
    """What to change of a ledger entry."""

    id: strawberry.ID = strawberry.field(description="Which entry.")
    kind: TransactionKind | None = strawberry.field(
        default=UNSET, description="Another kind of the same type, such as SELL for BUY."
    )
    occurred_at: datetime | None = strawberry.field(default=UNSET, description="When.")
    symbol: Symbol | None = strawberry.field(default=UNSET, description="The instrument.")
    quantity: Decimal | None = strawberry.field(default=UNSET, description=QUANTITY)
    price: Decimal | None = strawberry.field(default=UNSET, description=PRICE)
    amount: Decimal | None = strawberry.field(default=UNSET, description=AMOUNT)
    currency: CurrencyCode | None = strawberry.field(
        default=UNSET, description="What its money is in."
    )
    exchange_rate: Decimal | None = strawberry.field(
        default=UNSET, description="The booking's own rate; null for the market's of the day."
    )
    fee: Decimal | None = strawberry.field(default=UNSET, description="Null stands for zero.")
    fee_currency: CurrencyCode | None = strawberry.field(
        default=UNSET, description="What the fee was paid in."
    )
    fee_exchange_rate: Decimal | None = strawberry.field(
        default=UNSET, description="The fee's own rate; null for the market's of the day."
    )
    tax: Decimal | None = strawberry.field(default=UNSET, description="Null stands for zero.")
    tax_currency: CurrencyCode | None = strawberry.field(
        default=UNSET, description="What the tax was paid in."
    )
    tax_exchange_rate: Decimal | None = strawberry.field(
        default=UNSET, description="The tax's own rate; null for the market's of the day."
    )
    instrument_exchange_rate: Decimal | None = strawberry.field(
        default=UNSET, description="The rate of the instrument's currency, where it differs."
    )
    settlement_currency: CurrencyCode | None = strawberry.field(
        default=UNSET, description="The cash that moves."
    )
    related_symbol: Symbol | None = strawberry.field(
        default=UNSET, description="The instrument that comes of a corporate action."
    )
    new_units: Decimal | None = strawberry.field(
        default=UNSET, description="So many new units for every `oldUnits`."
    )
    old_units: Decimal | None = strawberry.field(
        default=UNSET, description="The units that `newUnits` is for."
    )
    cost_share: Decimal | None = strawberry.field(default=UNSET, description="From 0 to 1.")
    acquired_at: datetime | None = strawberry.field(
        default=UNSET, description="When units that came in were acquired."
    )
    lots: list[LotChoice] | None = strawberry.field(
        default=UNSET, description="The lots a sale closes."
    )
    note: str | None = strawberry.field(default=UNSET, description="At most 2,000 characters.")
    external_id: str | None = strawberry.field(
        default=UNSET, description="Id in the system it comes from."
    )


@strawberry.input(description="A ledger entry that shall no longer count.")
class VoidTransactionInput(LedgerChange):
    """A ledger entry that shall no longer count."""

    id: strawberry.ID = strawberry.field(description="Which entry.")
    reason: str | None = strawberry.field(default=None, description="At most 2,000 characters.")


@strawberry.input(description="A ledger entry whose last change shall be taken back.")
class UndoTransactionChangeInput(LedgerChange):
    """A ledger entry whose last change shall be taken back."""

    id: strawberry.ID = strawberry.field(description="Which entry.")


@strawberry.type(description="The outcome of `updateTransaction`.")
class UpdateTransactionPayload(LedgerPayload):
    """The outcome of updating an entry."""

    transaction: Transaction | None = strawberry.field(
        default=None, description=f"The entry as it is now; {NULL}"
    )


@strawberry.type(description="The outcome of `voidTransaction`.")
class VoidTransactionPayload(LedgerPayload):
    """The outcome of voiding an entry."""

    transaction: Transaction | None = strawberry.field(
        default=None, description=f"The voided entry; {NULL}"
    )


@strawberry.type(description="The outcome of `undoTransactionChange`.")
class UndoTransactionChangePayload(LedgerPayload):
    """The outcome of undoing a change."""

    transaction: Transaction | None = strawberry.field(
        default=None, description=f"The entry as it is again; {NULL}"
    )


def _found(text: str) -> tuple[int | None, frozenset[Kind]]:
    """Read an entry's id: its key, and the kinds that an entry of its type can be."""
    found = decode_id(text) or NodeKey("", 0)
    return found.key or None, KINDS_BY_TYPE_NAME.get(found.type_name, frozenset())


def _changes(given: UpdateTransactionInput, kinds: frozenset[Kind]) -> dict[str, object]:
    """Read what is to change; raises RefusedError for what cannot be taken away or become."""
    changes = {name: value for name, value in values_of(given).items() if value is not UNSET}
    for name, outward in (("kind", "kind"), ("occurred_at", "occurredAt")):
        if name in changes and changes[name] is None:
            raise refuse(MistakeCode.REQUIRED, "Cannot be taken away.", outward)
    for name in ("fee", "tax"):
        if name in changes:
            changes[name] = changes[name] or ZERO
    if "kind" in changes and changes["kind"] not in kinds:
        known = ", ".join(sorted(kind.value for kind in kinds))
        raise refuse(MistakeCode.INVALID, f"This entry can be one of {known}.", "kind")
    return changes


@strawberry.type
class CorrectionMutations:
    """Root fields that correct ledgers."""

    @strawberry.mutation(
        description="Change a ledger entry: what it was is kept in its `history`, and the change "
        "can be undone. A transfer between portfolios is voided and recorded anew. Errors: those "
        "of booking it, and ALREADY_VOIDED."
    )
    async def update_transaction(
        self, info: Info[Context, None], input: UpdateTransactionInput
    ) -> UpdateTransactionPayload | None:
        """Change a ledger entry."""
        context = info.context
        now, user_id = context.now(), context.user_id

        async def change() -> Done:
            key, kinds = _found(input.id)
            async with context.services.database.reading() as session:
                seen = await seen_transaction(
                    session, user_id=user_id, transaction_id=key, kinds=kinds
                )
            draft = check_draft(changed_draft(seen.draft, _changes(input, kinds)), now=now)
            prepared = await prepare(
                context.services.database,
                context.services.market,
                base_currency=seen.base_currency,
                drafts=[draft],
            )

            async def act(session: AsyncSession) -> int | None:
                entry = await update_transaction(
                    session,
                    user_id=user_id,
                    transaction_id=key,
                    kinds=kinds,
                    seen_at=seen.updated_at,
                    prepared=prepared,
                    now=now,
                )
                return entry.id

            return await once(context, "updateTransaction", given=input, act=act)

        return await answer(context, UpdateTransactionPayload, field="transaction", change=change)

    @strawberry.mutation(
        description="Void a ledger entry: it stays in the list and counts for nothing. Of a "
        "transfer between portfolios both halves are voided. Errors: NOT_FOUND, ARCHIVED, "
        "ALREADY_VOIDED, OVERSOLD (a later sale needs it), INVALID, TOO_LONG, IDEMPOTENCY_CONFLICT."
    )
    async def void_transaction(
        self, info: Info[Context, None], input: VoidTransactionInput
    ) -> VoidTransactionPayload | None:
        """Void a ledger entry."""
        context = info.context
        key, kinds = _found(input.id)

        async def act(session: AsyncSession) -> int | None:
            entry = await void_transaction(
                session,
                user_id=context.user_id,
                transaction_id=key,
                kinds=kinds,
                reason=input.reason,
                now=context.now(),
            )
            return entry.id

        async def change() -> Done:
            return await once(context, "voidTransaction", given=input, act=act)

        return await answer(context, VoidTransactionPayload, field="transaction", change=change)

    @strawberry.mutation(
        description="Take back the last update or void of a ledger entry; once more takes back "
        "the one before. Errors: NOT_FOUND, ARCHIVED, NOTHING_TO_UNDO, OVERSOLD, INVALID, "
        "ALREADY_EXISTS, IDEMPOTENCY_CONFLICT."
    )
    async def undo_transaction_change(
        self, info: Info[Context, None], input: UndoTransactionChangeInput
    ) -> UndoTransactionChangePayload | None:
        """Undo the last change of a ledger entry."""
        context = info.context
        key, kinds = _found(input.id)

        async def act(session: AsyncSession) -> int | None:
            entry = await undo_change(
                session,
                user_id=context.user_id,
                transaction_id=key,
                kinds=kinds,
                now=context.now(),
            )
            return entry.id

        async def change() -> Done:
            return await once(context, "undoTransactionChange", given=input, act=act)

        return await answer(
            context, UndoTransactionChangePayload, field="transaction", change=change
        )
