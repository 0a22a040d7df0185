"""FolioQL's own table and list: a column for each field of a booking."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from datasources.brokers.bookings import ticker
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import ISO, Row
from models.drafts import ZERO, Draft
from models.transactions import TRADES, UNIT_TRANSFERS, Kind

COLUMNS: Mapping[str, str] = {
    "date": "date|occurred_at|trade date|transaction date|day|time",
    "type": "type|kind|action|side|transaction type|transaction",
    "symbol": "symbol|ticker|code|instrument",
    "isin": "isin",
    "quantity": "quantity|qty|shares|units",
    "price": "price|unit price|price per share|trade price",
    "amount": "amount|total|value",
    "currency": "currency|ccy",
    "fee": "fee|fees|commission",
    "fee_currency": "fee_currency",
    "fee_rate": "fee_rate|fee_exchange_rate",
    "tax": "tax|taxes|withholding tax",
    "tax_currency": "tax_currency",
    "tax_rate": "tax_rate|tax_exchange_rate",
    "settlement_currency": "settlement_currency",
    "rate": "exchange_rate|rate",
    "instrument_rate": "instrument_rate|instrument_exchange_rate",
    "related_symbol": "related_symbol|new symbol",
    "ratio_new": "ratio_new|new_units",
    "ratio_old": "ratio_old|old_units",
    "cost_share": "cost_share",
    "acquired_at": "acquired_at|acquired|acquisition date",
    "lots": "lots",
    "note": "note|notes|comment|description|memo",
    "id": "id|external_id|transaction id",
}
"""The columns, one for each field of a draft, and the other names they are known by."""

WORDS = {kind.value.lower(): kind for kind in Kind} | {
    "b": Kind.BUY,
    "bought": Kind.BUY,
    "purchase": Kind.BUY,
    "s": Kind.SELL,
    "sold": Kind.SELL,
    "sale": Kind.SELL,
    "sell_short": Kind.SHORT,
    "buy_to_cover": Kind.COVER,
    "div": Kind.DIVIDEND,
    "drip": Kind.DIVIDEND_REINVESTED,
    "stock_split": Kind.SPLIT,
    "withdraw": Kind.WITHDRAWAL,
    "fees": Kind.FEE,
    "commission": Kind.FEE,
    "taxes": Kind.TAX,
    "withholding_tax": Kind.TAX,
}
"""What the word in the type column means, apart from case, blanks and hyphens."""

NUMBERS = (
    *("quantity", "price", "amount"),
    *("fee_rate", "tax_rate", "rate", "instrument_rate"),
    *("ratio_new", "ratio_old", "cost_share"),
)
TEXTS = ("currency", "fee_currency", "tax_currency", "settlement_currency", "note")


def kind_of(row: Row) -> Kind:
    """Read the type of a row; raises CellError."""
    word = row.text("type")
    kind = WORDS.get(re.sub(r"[\s-]+", "_", word.casefold()))
    if kind is None:
        known = ", ".join(kind.value.lower() for kind in Kind)
        raise row.wrong("type", f"{word[:60]!r} is not a type; known are: {known}.")
    return kind


def book(row: Row) -> tuple[Draft, ...]:
    """Read a row as the draft that it spells out."""
    kind = kind_of(row)
    fields: dict[str, Any] = {name: row.number(name) for name in NUMBERS}
    fields |= {name: row.text(name) or None for name in TEXTS}
    if kind not in TRADES | UNIT_TRANSFERS and fields["quantity"] is fields["amount"] is None:
        # What has no units has its amount in either column.
        fields |= {"amount": fields["price"], "price": None}
    if fields["settlement_currency"] == fields["currency"]:
        fields["settlement_currency"] = None
    draft = Draft(
        kind=kind,
        occurred_at=row.moment(),
        symbol=ticker(row.text("symbol")),
        isin=row.text("isin").upper() or None,
        related_symbol=ticker(row.text("related_symbol")),
        fee=row.number("fee") or ZERO,
        tax=row.number("tax") or ZERO,
        acquired_at=row.moment("acquired_at") if row.text("acquired_at") else None,
        lot_ids=_lots(row),
        external_id=row.text("id") or None,
        **fields,
    )
    return (draft,)


def _lots(row: Row) -> tuple[tuple[str, Decimal], ...]:
    """Read the lots a row takes: a list of pairs, the id of what opened a lot and units."""
    wrong = row.wrong("lots", 'Lots are written as [["id of the purchase", "5"]].')
    if not row.text("lots"):
        return ()
    try:
        pairs = json.loads(row.text("lots"))
        lots = tuple((name, Decimal(units)) for name, units in pairs)
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise wrong from error
    if not all(isinstance(name, str) and units.is_finite() for name, units in lots):
        raise wrong
    return lots


FORMAT = Format(
    name="folioql",
    title="FolioQL",
    layouts=[
        Layout(
            columns=COLUMNS,
            needs=frozenset({"date", "type"}),
            book=book,
            dates=(ISO,),
            strict=True,
        )
    ],
)
