"""The history of a transaction: every change with who, when, before and after."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import Date
from sqlalchemy.ext.asyncio import AsyncSession

from analytics.money import plain
from models.base import row_key
from models.transactions import Revision, Transaction
from models.types import ExactDecimal, UtcDateTime

_FIXED = frozenset({"id", "portfolio_id", "created_at", "origin_id"})
"""Columns that no correction changes."""


class Action(Enum):
    """What a change of a transaction was."""

    UPDATED = "UPDATED"
    VOIDED = "VOIDED"
    UNDONE = "UNDONE"


def _columns() -> dict[str, Any]:
    return {
        column.name: column.type
        for column in Transaction.__table__.columns  # type: ignore[attr-defined]
        if column.name not in _FIXED
    }


def copy_of(entry: Transaction) -> Transaction:
    """Return a transaction as it is now, apart from the database."""
    return Transaction(
        **{
            column.name: getattr(entry, column.name)
            for column in Transaction.__table__.columns  # type: ignore[attr-defined]
        }
    )


def snapshot(entry: Transaction) -> dict[str, Any]:
    """Write all that can change of a transaction as plain JSON values; decimals are text."""
    return {name: _written(getattr(entry, name)) for name in _columns()}


def _written(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, date) else value


def restore(entry: Transaction, before: Mapping[str, Any]) -> None:
    """Set a transaction to a snapshot."""
    for name, kind in _columns().items():
        value = before.get(name)
        if value is not None and isinstance(kind, ExactDecimal):
            value = Decimal(value)
        elif value is not None and isinstance(kind, UtcDateTime):
            value = datetime.fromisoformat(value)
        elif value is not None and isinstance(kind, Date):
            value = date.fromisoformat(value)
        setattr(entry, name, value)


def note_change(
    session: AsyncSession,
    entry: Transaction,
    *,
    action: Action,
    before: Mapping[str, Any],
    user_id: int,
    now: datetime,
) -> None:
    """Keep a change, in the same database transaction as the change itself."""
    session.add(
        Revision(
            transaction_id=row_key(entry.id),
            user_id=user_id,
            at=now,
            action=action.value,
            before=dict(before),
            after=snapshot(entry),
        )
    )
