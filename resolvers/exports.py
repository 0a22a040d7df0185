"""Exports of a ledger, for safe-keeping or for another program."""

from enum import Enum
from typing import Protocol

import strawberry
from strawberry.types import Info

from models import portfolios
from resolvers.context import Context
from services.aside import aside
from services.exports import as_csv, as_json


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


async def exports_of_portfolios(
    parents: "list[Exportable]",
    info: Info[Context, None],
    format: ExportFormat = ExportFormat.CSV,
) -> list[TransactionExport]:
    """Export the ledgers of a level of portfolios."""
    ids = [parent.row.id or 0 for parent in parents]
    found = await info.context.loaders.exports.load_many(ids)
    as_table = format is ExportFormat.CSV
    ending, write = ("csv", as_csv) if as_table else ("json", as_json)
    exports = []
    for parent, drafts in zip(parents, found, strict=True):
        stem = "".join(sign if sign.isalnum() else "-" for sign in parent.row.name.lower())
        exports.append(
            TransactionExport(
                file_name=f"{stem}.{ending}",
                media_type="text/csv" if as_table else "application/json",
                content=await aside(drafts, write, drafts),
                row_count=len(drafts),
            )
        )
    return exports


class Exportable(Protocol):
    """Whatever stands for one ledger."""

    row: portfolios.Portfolio
