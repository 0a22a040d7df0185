"""Portfolio Performance's transactions, in English or German, with either decimal sign."""

from collections.abc import Mapping

from datasources.brokers.bookings import Rule, apply, by_hand
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import ISO, Row
from models.drafts import Draft
from models.transactions import Kind

_UNITS = by_hand("Book the transfer between your portfolios by hand.")

TYPES: Mapping[str, Rule] = {
    **dict.fromkeys(("buy", "kauf"), Kind.BUY),
    **dict.fromkeys(("sell", "verkauf"), Kind.SELL),
    **dict.fromkeys(("deposit", "einlage"), Kind.DEPOSIT),
    **dict.fromkeys(("removal", "entnahme"), Kind.WITHDRAWAL),
    **dict.fromkeys(("dividend", "dividende"), Kind.DIVIDEND),
    **dict.fromkeys(("interest", "zinsen"), Kind.INTEREST),
    **dict.fromkeys(("interest charge", "zinsbelastung"), Kind.INTEREST_PAID),
    **dict.fromkeys(("fees", "gebühren"), Kind.FEE),
    **dict.fromkeys(("fees refund", "gebührenerstattung"), Kind.FEE_REFUND),
    **dict.fromkeys(("taxes", "steuern"), Kind.TAX),
    **dict.fromkeys(("tax refund", "steuerrückerstattung"), Kind.TAX_REFUND),
    **dict.fromkeys(("delivery (inbound)", "einlieferung"), Kind.DELIVERY_IN),
    **dict.fromkeys(("delivery (outbound)", "auslieferung"), Kind.DELIVERY_OUT),
    **dict.fromkeys(("transfer (inbound)", "umbuchung (eingang)"), Kind.CASH_TRANSFER_IN),
    **dict.fromkeys(("transfer (outbound)", "umbuchung (ausgang)"), Kind.CASH_TRANSFER_OUT),
    **dict.fromkeys(("security transfer", "wertpapierübertrag"), _UNITS),
}


def book(row: Row) -> tuple[Draft, ...]:
    """Read one row; its value is after fees and taxes, and its direction is told by the type."""
    return apply(row, TYPES, row.text("type"), signed=False)


FORMAT = Format(
    name="portfolio-performance",
    title="Portfolio Performance",
    layouts=[
        Layout(
            columns={
                "date": "Date|Datum",
                "type": "Type|Typ",
                "amount": "Value|Wert",
                "currency": "Transaction Currency|Buchungswährung",
                "fee": "Fees|Gebühren",
                "tax": "Taxes|Steuern",
                "quantity": "Shares|Stück",
                "isin": "ISIN",
                "symbol": "Ticker Symbol|Ticker-Symbol|Symbol",
                "note": "Note|Notiz",
            },
            needs=frozenset({"date", "type", "amount", "currency"}),
            book=book,
            point=None,
            dates=(ISO, "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%YT%H:%M"),
        )
    ],
)
