"""Histories: every change of a ledger entry, with who, when, before and after."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

import strawberry
from strawberry.types import Info
from strawberry.utils.str_converters import to_camel_case

from models import transactions
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.lots import LOT
from resolvers.scalars import write_datetime
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


class Entry(Protocol):
    """Whatever stands for a ledger entry."""

    row: transactions.Transaction


async def histories_of_entries(
    parents: "list[Entry]", info: Info[Context, None]
) -> list[list[TransactionChange]]:
    """List the changes of a level of transactions."""
    loaders = info.context.loaders
    found = await loaders.revisions.load_many([parent.row.id or 0 for parent in parents])
    ids = sorted({row.user_id for rows in found for row in rows if row.user_id is not None})
    names = {
        user.id: user.username for user in await loaders.users.load_many(ids) if user is not None
    }
    keys = sorted({key for rows in found for row in rows for key in _instruments_of(row)})
    symbols = {
        row.id: row.symbol for row in await loaders.instruments.load_many(keys) if row is not None
    }
    return [
        [_change(row, changed_by=names.get(row.user_id), symbols=symbols) for row in rows]
        for rows in found
    ]


_SYMBOLS = {"instrument_id": "symbol", "related_instrument_id": "relatedSymbol"}
_INTERNAL = frozenset(
    {"updated_at", "lot_rates", "fee_rate_source", "tax_rate_source", "instrument_rate_source"}
)
"""Columns that say nothing to a person; who and when a change tells itself."""


def _instruments_of(row: transactions.Revision) -> set[int]:
    found = {state.get(name) for state in (row.before, row.after) for name in _SYMBOLS}
    return {key for key in found if key is not None}


def _change(
    row: transactions.Revision, *, changed_by: str | None, symbols: Mapping[int | None, str]
) -> TransactionChange:
    def text(name: str, value: Any) -> str | None:
        if value is None or name in _SYMBOLS:
            return symbols.get(value)
        if name == "lots":
            return ", ".join(f"{units} of {encode_id(LOT, int(key))}" for key, units in value)
        if name.endswith("_at"):
            return write_datetime(datetime.fromisoformat(value))
        return str(value)

    fields = [
        FieldChange(
            field=_SYMBOLS.get(name) or to_camel_case(outward(name)),
            before=text(name, row.before.get(name)),
            after=text(name, value),
        )
        for name, value in row.after.items()
        if row.before.get(name) != value and name not in _INTERNAL
    ]
    return TransactionChange(
        action=ChangeAction(row.action),
        changed_at=row.at,
        changed_by=changed_by,
        undone_at=row.undone_at,
        fields=sorted(fields, key=lambda change: change.field),
    )
