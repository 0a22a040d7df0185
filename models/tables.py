"""Every table, imported once, so that the metadata is complete for migrations."""

from models import idempotency, instruments, last_known, portfolios, positions, transactions, users
from models.base import metadata

__all__ = [
    "idempotency",
    "instruments",
    "last_known",
    "metadata",
    "portfolios",
    "positions",
    "transactions",
    "users",
]
