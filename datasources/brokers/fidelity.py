"""Fidelity's account history, whose actions are sentences."""

from collections.abc import Mapping

from datasources.brokers.bookings import Rule, apply, by_hand, split_in_words
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import Row, SkipError
from models.drafts import ZERO, Draft
from models.transactions import Kind

CASH = (Kind.DEPOSIT, Kind.WITHDRAWAL)
INTEREST = (Kind.INTEREST, Kind.INTEREST_PAID)
_SWEEP = "Moves cash within the account."
_CORPORATE = by_hand("The file does not tell what became of the cost: book it by hand.")

ACTIONS: Mapping[str, Rule] = {
    "you bought": Kind.BUY,
    "you bought closing transaction": Kind.COVER,
    "reinvestment": Kind.BUY,
    "you sold": Kind.SELL,
    "you sold opening transaction": Kind.SHORT,
    "you sold short": Kind.SHORT,
    "dividend received": Kind.DIVIDEND,
    "long-term cap gain": Kind.DIVIDEND,
    "short-term cap gain": Kind.DIVIDEND,
    "return of capital": Kind.RETURN_OF_CAPITAL,
    "interest earned": INTEREST,
    "margin interest": INTEREST,
    "foreign tax paid": (Kind.TAX_REFUND, Kind.TAX),
    "fee charged": (Kind.FEE_REFUND, Kind.FEE),
    "electronic funds transfer": CASH,
    "direct deposit": CASH,
    "direct debit": CASH,
    "wire transfer": CASH,
    "check received": CASH,
    "check paid": CASH,
    "transferred from": CASH,
    "transferred to": CASH,
    "redemption from core account": _SWEEP,
    "purchase into core account": _SWEEP,
    "distribution": split_in_words,
    "merger": _CORPORATE,
    "expired": _CORPORATE,
    "assigned": _CORPORATE,
}
"""What an action begins with; of several the longest counts."""


def book(row: Row) -> tuple[Draft, ...]:
    """Read one row, whose fees are in two columns and whose cash is settled or still pending."""
    if "processing" in (row.text("settled").casefold(), row.text("balance").casefold()):
        raise SkipError("Is still pending.")
    sentence = " ".join(row.text("type").casefold().split())
    begins = [words for words in ACTIONS if sentence.startswith(words)]
    word = max(begins, key=len, default=row.text("type"))
    rule = ACTIONS.get(word)
    if rule == CASH and row.number("quantity"):
        raise row.wrong("type", "The file does not tell the cost: book the delivery by hand.")
    costs = sum(abs(row.number(name) or ZERO) for name in ("commission", "fees", "accrued"))
    currency = row.text("currency") or "USD"
    note = row.text("note") if rule is not split_in_words else row.text("type")
    return apply(row.having(fee=str(costs), currency=currency, note=note), ACTIONS, word)


FORMAT = Format(
    name="fidelity",
    title="Fidelity",
    joins=True,
    layouts=[
        Layout(
            columns={
                "date": "Run Date",
                "type": "Action",
                "symbol": "Symbol",
                "note": "Description|Security Description",
                "quantity": "Quantity",
                "price": "Price ($)|Price",
                "commission": "Commission ($)|Commission",
                "fees": "Fees ($)|Fees",
                "accrued": "Accrued Interest ($)|Accrued Interest",
                "amount": "Amount ($)|Amount",
                "balance": "Cash Balance ($)|Cash Balance",
                "settled": "Settlement Date",
                "currency": "Currency",
            },
            needs=frozenset({"date", "type", "symbol", "quantity", "price", "amount"}),
            book=book,
            dates=("%m/%d/%Y",),
        )
    ],
)
