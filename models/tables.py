"""Every table, imported once, so that the metadata is complete for migrations."""

from models import (
    access,
    bars,
    corporate_actions,
    idempotency,
    instruments,
    last_known,
    portfolios,
    positions,
    transactions,
    users,
    vendor_symbols,
)
from models.base import metadata

__all__ = [
    "access",
    "bars",
    "corporate_actions",
    "idempotency",
    "instruments",
    "last_known",
    "metadata",
    "portfolios",
    "positions",
    "transactions",
    "users",
    "vendor_symbols",
]
