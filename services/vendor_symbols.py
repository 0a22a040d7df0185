"""How vendors call single instruments, where their usual way of writing symbols is not it."""

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.bars import PriceSeries
from models.corporate_actions import ActionCoverage, CorporateAction
from models.database import upsert
from models.last_known import LastQuote, StoredProfile
from models.vendor_symbols import VendorSymbol, vendor_symbols


async def vendor_symbols_by_provider(session: AsyncSession) -> dict[str, dict[str, str]]:
    """Return what is set: vendors' symbols by ours, by provider."""
    found: dict[str, dict[str, str]] = {}
    for row in await session.scalars(vendor_symbols()):
        found.setdefault(row.provider, {})[row.symbol] = row.vendor_symbol
    return found


async def set_vendor_symbol(
    session: AsyncSession,
    *,
    provider: str,
    symbol: str,
    vendor_symbol: str | None,
    note: str | None = None,
) -> None:
    """Set how a provider calls an instrument, or with null go back to its usual way.

    What this provider told of the instrument so far may have been another's: it is forgotten.
    """
    if vendor_symbol is None:
        await session.execute(
            delete(VendorSymbol).where(
                col(VendorSymbol.provider) == provider, col(VendorSymbol.symbol) == symbol
            )
        )
    else:
        row = {
            "provider": provider,
            "symbol": symbol,
            "vendor_symbol": vendor_symbol,
            "note": note,
        }
        await upsert(session, VendorSymbol, [row])
    for table in (LastQuote, StoredProfile, PriceSeries, CorporateAction, ActionCoverage):
        told = (col(table.symbol) == symbol, col(table.source) == provider)
        await session.execute(delete(table).where(*told))
