"""Questrade's account activity."""

from collections.abc import Mapping

from datasources.brokers.bookings import Rule, apply, by_hand, converted, split_in_words
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import ISO, Row
from models.drafts import Draft
from models.transactions import Kind

CASH = (Kind.DEPOSIT, Kind.WITHDRAWAL)
_COST = by_hand("The file does not tell what the units cost: book it by hand.")

ACTIONS: Mapping[str, Rule] = {
    "buy": Kind.BUY,
    "rei": Kind.BUY,
    "sell": Kind.SELL,
    "sht": Kind.SHORT,
    "cov": Kind.COVER,
    "div": Kind.DIVIDEND,
    "dividends": Kind.DIVIDEND,
    "dis": _COST,
    **dict.fromkeys(("dep", "con", "wdr", "eft", "deposits", "withdrawals"), CASH),
    "fxt": converted,
    "fx conversion": converted,
    "interest": (Kind.INTEREST, Kind.INTEREST_PAID),
    "fch": (Kind.FEE_REFUND, Kind.FEE),
    "lfj": (Kind.FEE_REFUND, Kind.FEE),
    "fees and rebates": (Kind.FEE_REFUND, Kind.FEE),
    "nrt": (Kind.TAX_REFUND, Kind.TAX),
    **dict.fromkeys(("tf6", "tfi", "tfo", "brw", "nac", "transfers"), _COST),
    "spl": split_in_words,
    "corporate actions": _COST,
}
"""What the action means, or the activity's type if that is empty."""


def book(row: Row) -> tuple[Draft, ...]:
    """Read one row; cash that is called a transfer is a flow, units are not."""
    word = (row.text("type") or row.text("activity")).casefold()
    if ACTIONS.get(word) is _COST and row.number("amount") and not row.number("quantity"):
        word = "con"
    symbol = row.text("symbol").lstrip(".")
    return apply(row.having(symbol=symbol), ACTIONS, word)


FORMAT = Format(
    name="questrade",
    title="Questrade",
    joins=True,
    layouts=[
        Layout(
            columns={
                "date": "Transaction Date|Trade Date",
                "type": "Action",
                "symbol": "Symbol",
                "note": "Description",
                "quantity": "Quantity",
                "price": "Price",
                "fee": "Commission",
                "amount": "Net Amount",
                "currency": "Currency",
                "activity": "Activity Type|Type",
            },
            needs=frozenset({"date", "type", "symbol", "quantity", "fee", "amount", "currency"}),
            book=book,
            dates=("%Y-%m-%d %I:%M:%S %p", "%d %b %Y %I:%M:%S %p", "%d %b %Y", "%m/%d/%Y", ISO),
            zone="America/Toronto",
        )
    ],
)
