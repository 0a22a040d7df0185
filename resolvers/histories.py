"""Histories: every change of a ledger entry, with who, when, before and after."""

from datetime import datetime
from enum import Enum

import strawberry

from models import transactions
from services.drafts import outward


@strawberry.enum(description="What a change of a transaction was.")
class ChangeAction(Enum):
    """What a change of a transaction was, as `services.history.Action` has it."""

    UPDATED = strawberry.enum_value("UPDATED", description="Its content was corrected.")
    VOIDED = strawberry.enum_value("VOIDED", description="It was voided.")
    UNDONE = strawberry.enum_value("UNDONE", description="The change before was undone.")


@strawberry.type(description="One field of a transaction that a change touched.")
class FieldChange:
    """One field that a change touched."""

    field: str = strawberry.field(description="Its name.")
    before: str | None = strawberry.field(description="What it was; null for nothing.")
    after: str | None = strawberry.field(description="What it became; null for nothing.")


@strawberry.type(description="One change of a transaction.")
class TransactionChange:
    """One change of a transaction."""

    action: ChangeAction = strawberry.field(description="What was done.")
    changed_at: datetime = strawberry.field(description="When.")
    changed_by: str | None = strawberry.field(
        description="The name of who did it; null for an account that is gone."
    )
    undone_at: datetime | None = strawberry.field(
        description="When this change was undone; null while it stands."
    )
    fields: list[FieldChange] = strawberry.field(description="What it touched, by name.")


def change_of(row: transactions.Revision, *, changed_by: str | None) -> TransactionChange:
    """Build the outward shape of a change."""
    return TransactionChange(
        action=ChangeAction(row.action),
        changed_at=row.at,
        changed_by=changed_by,
        undone_at=row.undone_at,
        fields=[
            FieldChange(field=outward(name), before=_text(row.before.get(name)), after=_text(value))
            for name, value in sorted(row.after.items())
            if row.before.get(name) != value and name not in _INTERNAL
        ],
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


_INTERNAL = frozenset({"instrument_id", "related_instrument_id", "updated_at", "lot_rates"})
"""Columns that say nothing to a person; who and when a change tells itself."""
