"""Exports of a ledger, for safe-keeping or for another program."""

from enum import Enum

import strawberry
from strawberry.types import Info

from models import portfolios
from resolvers.context import Context
from services.exports import as_csv, as_json, export_drafts


@strawberry.enum(description="How an export is written.")
class ExportFormat(Enum):
    """How an export is written."""

    CSV = strawberry.enum_value("CSV", description="A table, one row an entry.")
    JSON = strawberry.enum_value("JSON", description="A list of objects, one an entry.")


@strawberry.type(
    description="A ledger as a file of FolioQL's own format: imported into an empty portfolio of "
    "the same base currency and lot method it gives the same figures."
)
class TransactionExport:
    """A ledger as a file."""

    file_name: str = strawberry.field(description="A name to save it by.")
    media_type: str = strawberry.field(description="Its media type.")
    content: str = strawberry.field(description="Its content.")
    row_count: int = strawberry.field(
        description="How many rows it has; a transfer of units that came in has one for each lot."
    )


async def export_of(
    row: portfolios.Portfolio, info: Info[Context, None], *, written: ExportFormat
) -> TransactionExport:
    """Export one portfolio's ledger."""
    async with info.context.services.database.snapshot() as session:
        drafts = await export_drafts(session, row)
    as_table = written is ExportFormat.CSV
    ending = "csv" if as_table else "json"
    stem = "".join(sign if sign.isalnum() else "-" for sign in row.name.lower())
    return TransactionExport(
        file_name=f"{stem}.{ending}",
        media_type="text/csv" if as_table else "application/json",
        content=as_csv(drafts) if as_table else as_json(drafts),
        row_count=len(drafts),
    )
