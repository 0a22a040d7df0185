"""Every table, imported once, so that the metadata is complete for migrations."""

from models import (
    access,
    alerts,
    bars,
    corporate_actions,
    idempotency,
    instruments,
    last_known,
    portfolios,
    positions,
    tags,
    targets,
    transactions,
    users,
    vendor_symbols,
    watchlists,
)
from models.base import metadata

__all__ = [
    "access",
    "alerts",
    "bars",
    "corporate_actions",
    "idempotency",
    "instruments",
    "last_known",
    "metadata",
    "portfolios",
    "positions",
    "tags",
    "targets",
    "transactions",
    "users",
    "vendor_symbols",
    "watchlists",
]
