"""Portfolio Performance's transactions, in English or German, with either decimal sign."""

from collections.abc import Mapping
from dataclasses import replace

from datasources.brokers.bookings import Rule, apply, by_hand, rounded
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import ISO, Row
from models.drafts import Draft
from models.transactions import FLOWS, Kind

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
    """Read one row; its value is after fees and taxes, and its direction is told by the type.

    A gross amount in another currency is the instrument's: the two amounts tell the rate.
    """
    (draft,) = apply(row, TYPES, row.text("type"), signed=False)
    gross, own = row.number("gross"), row.text("gross_currency")
    if draft.kind in FLOWS or not gross or own in {"", draft.currency} or not draft.amount:
        return (draft,)
    paid_in = draft.currency
    local = replace(
        draft,
        amount=abs(gross),
        currency=own,
        settlement_currency=paid_in,
        rate=rounded(draft.amount / abs(gross)) or None,
        fee_currency=paid_in if draft.fee else None,
        tax_currency=paid_in if draft.tax else None,
    )
    return (local,)


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
                "gross": "Gross Amount|Bruttobetrag",
                "gross_currency": "Currency Gross Amount|Währung Bruttobetrag",
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
