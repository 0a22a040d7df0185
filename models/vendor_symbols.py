"""How vendors call single instruments, where their usual way of writing symbols is not it."""

from sqlalchemy import Select, String, select
from sqlmodel import Field, col

from models.base import Base


class VendorSymbol(Base, table=True):
    """A provider's own symbol of one instrument."""

    __tablename__ = "vendor_symbols"

    provider: str = Field(sa_type=String, primary_key=True)
    symbol: str = Field(sa_type=String, primary_key=True)
    vendor_symbol: str = Field(sa_type=String)
    note: str | None = Field(default=None, sa_type=String)


def vendor_symbols() -> Select[VendorSymbol]:
    """Select all of them, in order."""
    return select(VendorSymbol).order_by(col(VendorSymbol.provider), col(VendorSymbol.symbol))
