"""Drafts: bookings that passed the checks of their own fields and wait to be booked."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models.transactions import TRADES, Kind
from services.checks import MAX_KEY, Checks


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One wished-for booking; ``currency`` null means the instrument's or portfolio's own.

    ``rate`` is the booking's own: units of base currency for one unit of ``currency``.
    """

    kind: Kind
    occurred_at: datetime
    symbol: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    fee: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    settlement_currency: str | None = None
    rate: Decimal | None = None
    note: str | None = None
    external_id: str | None = None


def check_draft(draft: Draft, *, now: datetime) -> Draft:
    """Check every field of a draft and return it clean; raises RefusedError with all mistakes."""
    checks = Checks(now=now)
    trade = draft.kind in TRADES
    if draft.symbol is not None:
        symbol = checks.symbol(draft.symbol, "symbol")
    elif trade or draft.kind is Kind.DIVIDEND:
        checks.required("symbol")
        symbol = ""
    else:
        symbol = ""
    clean = Draft(
        kind=draft.kind,
        occurred_at=checks.moment(draft.occurred_at, "occurredAt"),
        symbol=symbol or None,
        quantity=checks.wanted(draft.quantity, "quantity") if trade else None,
        price=checks.wanted(draft.price, "price", zero=True) if trade else None,
        amount=None if trade else checks.wanted(draft.amount, "amount"),
        currency=checks.optional_currency(draft.currency, "currency"),
        fee=checks.decimal(draft.fee, "fee", zero=True),
        tax=checks.decimal(draft.tax, "tax", zero=True),
        settlement_currency=checks.optional_currency(
            draft.settlement_currency, "settlementCurrency"
        ),
        rate=None if draft.rate is None else checks.decimal(draft.rate, "exchangeRate"),
        note=checks.text(draft.note, "note"),
        external_id=checks.text(draft.external_id, "externalId", limit=MAX_KEY),
    )
    checks.finish()
    return clean
