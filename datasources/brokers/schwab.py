"""Charles Schwab's history of a brokerage account, in dollars."""

from collections.abc import Mapping

from datasources.brokers.bookings import Rule, apply, by_hand, split_in_words
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import Row, SkipError
from models.drafts import Draft
from models.transactions import Kind

CASH = (Kind.DEPOSIT, Kind.WITHDRAWAL)
INTEREST = (Kind.INTEREST, Kind.INTEREST_PAID)
FEE = (Kind.FEE_REFUND, Kind.FEE)
TAX = (Kind.TAX_REFUND, Kind.TAX)
_CORPORATE = by_hand("The file does not tell what became of the cost: book it by hand.")

ACTIONS: Mapping[str, Rule] = {
    **dict.fromkeys(("buy", "reinvest shares", "buy to open"), Kind.BUY),
    **dict.fromkeys(("sell", "sell to close"), Kind.SELL),
    **dict.fromkeys(("sell short", "sell to open"), Kind.SHORT),
    **dict.fromkeys(("buy to cover", "buy to close"), Kind.COVER),
    **dict.fromkeys(("reinvest dividend", "cash dividend", "qualified dividend"), Kind.DIVIDEND),
    **dict.fromkeys(("non-qualified div", "special dividend", "qual div reinvest"), Kind.DIVIDEND),
    **dict.fromkeys(("special qual div", "special non qual div", "div adjustment"), Kind.DIVIDEND),
    **dict.fromkeys(("pr yr cash div", "pr yr div reinvest", "pr yr special div"), Kind.DIVIDEND),
    **dict.fromkeys(("long term cap gain", "short term cap gain"), Kind.DIVIDEND),
    **dict.fromkeys(("long term cap gain reinvest", "short term cap gain reinvest"), Kind.DIVIDEND),
    "return of capital": Kind.RETURN_OF_CAPITAL,
    "cash in lieu": by_hand("Book the cash with the split or merger it comes from."),
    **dict.fromkeys(("credit interest", "bank interest", "bond interest"), INTEREST),
    **dict.fromkeys(("margin interest", "cd interest"), INTEREST),
    **dict.fromkeys(("moneylink transfer", "wire funds", "wire sent", "wire received"), CASH),
    **dict.fromkeys(("funds received", "moneylink deposit", "funds paid", "journal"), CASH),
    **dict.fromkeys(("misc cash entry", "misc credits", "promotional award"), CASH),
    **dict.fromkeys(("service fee", "adr mgmt fee", "advisor fee", "wire funds adj"), FEE),
    **dict.fromkeys(("nra tax adj", "nra withholding", "foreign tax paid"), TAX),
    **dict.fromkeys(("stock split", "reverse split"), split_in_words),
    **dict.fromkeys(("spin-off", "stock merger", "cash merger", "cash merger adj"), _CORPORATE),
    **dict.fromkeys(("cancel buy", "cancel sell"), by_hand("Void the trade that it cancels.")),
    **dict.fromkeys(("full redemption", "full redemption adj", "assigned", "expired"), _CORPORATE),
    "stock plan activity": by_hand("The file does not tell the cost: book the delivery by hand."),
    "journaled shares": by_hand("The file does not tell the cost: book the delivery by hand."),
    "security transfer": by_hand("The file does not tell the cost: book the delivery by hand."),
    "internal transfer": by_hand("Book the transfer between your portfolios by hand."),
}


def book(row: Row) -> tuple[Draft, ...]:
    """Read one row; of ``11/10/2026 as of 11/09/2026`` the second date is the one that counts."""
    if row.text("date").casefold() == "transactions total":
        raise SkipError("Is the total of the file.")
    day = row.text("date").rpartition(" as of ")[2]
    return apply(row.having(date=day, currency="USD"), ACTIONS, row.text("type"))


FORMAT = Format(
    name="schwab",
    title="Charles Schwab",
    joins=True,
    layouts=[
        Layout(
            columns={
                "date": "Date",
                "type": "Action",
                "symbol": "Symbol",
                "note": "Description",
                "quantity": "Quantity",
                "price": "Price",
                "fee": "Fees & Comm",
                "amount": "Amount",
            },
            needs=frozenset({"date", "type", "symbol", "quantity", "price", "fee", "amount"}),
            book=book,
            dates=("%m/%d/%Y",),
        )
    ],
)
