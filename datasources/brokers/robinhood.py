"""Robinhood's account activity, in dollars and without crypto."""

from collections.abc import Mapping

from datasources.brokers.bookings import (
    Rule,
    apply,
    by_hand,
    split_from,
    split_in_words,
    split_into,
)
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import Row
from models.drafts import Draft
from models.transactions import Kind

CASH = (Kind.DEPOSIT, Kind.WITHDRAWAL)
_COST = by_hand("The file does not tell the cost: book the delivery by hand.")
_CORPORATE = by_hand("The file does not tell what became of the cost: book it by hand.")


def reverse_split(row: Row) -> tuple[Draft, ...]:
    """Book one side of a reverse split; the units that are taken away end in S."""
    quantity = row.text("quantity").upper()
    side = split_from if quantity.endswith("S") else split_into
    return side(row.having(quantity=quantity.removesuffix("S")))


CODES: Mapping[str, Rule] = {
    **dict.fromkeys(("buy", "bto"), Kind.BUY),
    **dict.fromkeys(("sell", "stc"), Kind.SELL),
    "sto": Kind.SHORT,
    "btc": Kind.COVER,
    **dict.fromkeys(("cdiv", "mdiv", "qdiv"), Kind.DIVIDEND),
    **dict.fromkeys(("int", "slip", "mint"), (Kind.INTEREST, Kind.INTEREST_PAID)),
    **dict.fromkeys(("ach", "rtp", "wire", "xent", "ccpy", "dcf", "xcf", "gdbp", "roc"), CASH),
    **dict.fromkeys(("itrf", "jnls", "jnl", "futswp", "misc"), CASH),
    **dict.fromkeys(("gold", "dfee", "afee", "afs", "gmpc"), (Kind.FEE_REFUND, Kind.FEE)),
    **dict.fromkeys(("dtax", "mtax", "ntax"), (Kind.TAX_REFUND, Kind.TAX)),
    **dict.fromkeys(("spl", "stsp"), split_in_words),
    "spr": reverse_split,
    **dict.fromkeys(("acati", "acato", "rec"), _COST),
    **dict.fromkeys(("soff", "mrgs", "conv", "mrgc", "cil"), _CORPORATE),
    **dict.fromkeys(("oexp", "oasgn", "oexcs"), _CORPORATE),
}


def book(row: Row) -> tuple[Draft, ...]:
    """Read one row; the CUSIP on the second line of the description is no news."""
    note = row.text("note").partition("\n")[0].strip()
    return apply(row.having(note=note, currency="USD"), CODES, row.text("type"))


FORMAT = Format(
    name="robinhood",
    title="Robinhood",
    joins=True,
    layouts=[
        Layout(
            columns={
                "date": "Activity Date",
                "symbol": "Instrument",
                "note": "Description",
                "type": "Trans Code",
                "quantity": "Quantity",
                "price": "Price",
                "amount": "Amount",
            },
            needs=frozenset({"date", "symbol", "type", "quantity", "price", "amount"}),
            book=book,
            dates=("%m/%d/%Y",),
        )
    ],
)
