"""Drafts: bookings that wait to be checked and booked, from a client or from a file."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models.transactions import Kind

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One wished-for booking; ``currency`` null means the instrument's or portfolio's own.

    The units' money is ``price`` (per unit) or ``amount`` (for all of them, before fees), never
    both. Rates are the booking's own: units of base currency for one unit of ``currency``, of the
    instrument's currency, of the fee's and the tax's. ``lots`` names lots by the transaction that
    opened them, ``lot_ids`` by its external id. ``isin`` stands in for a symbol that a file does
    not have.
    """

    kind: Kind
    occurred_at: datetime
    symbol: str | None = None
    isin: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    fee: Decimal = ZERO
    fee_currency: str | None = None
    fee_rate: Decimal | None = None
    tax: Decimal = ZERO
    tax_currency: str | None = None
    tax_rate: Decimal | None = None
    settlement_currency: str | None = None
    rate: Decimal | None = None
    instrument_rate: Decimal | None = None
    related_symbol: str | None = None
    ratio_new: Decimal | None = None
    ratio_old: Decimal | None = None
    cost_share: Decimal | None = None
    acquired_at: datetime | None = None
    lots: tuple[tuple[int, Decimal], ...] = ()
    lot_ids: tuple[tuple[str, Decimal], ...] = ()
    note: str | None = None
    external_id: str | None = None
