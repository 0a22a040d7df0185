"""Trading 212's history, whose columns change with the period and the product."""

from collections.abc import Mapping
from dataclasses import replace

from datasources.brokers.bookings import (
    Rule,
    apply,
    booking,
    by_hand,
    conversion,
    isin_of,
    listed,
    rounded,
    split_from,
    split_into,
)
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import ISO, Row
from datasources.symbols import major_unit
from models.drafts import ZERO, Draft
from models.transactions import Kind

CHARGES = {
    "fee": ("conversion_fee", "deposit_fee", "transaction_fee", "finra_fee"),
    "tax": ("stamp_duty", "reserve_tax", "french_tax"),
}
"""Columns that add up to the fee and to the transaction tax."""

ORDERS = ("market", "limit", "stop", "stop limit")


def dividend(row: Row) -> tuple[Draft, ...]:
    """Book a dividend, whose total and whose price are net of the tax withheld.

    If the tax is not in the currency of the total, then units times price tell the rate.
    """
    own, paid_in = row.text("currency"), row.text("settlement_currency")
    row = row.having(tax=row.text("withheld"), tax_currency=row.text("withheld_currency"))
    taxed_in = row.text("tax_currency") or paid_in
    if not row.number("tax") or major_unit(taxed_in)[0] == major_unit(paid_in)[0]:
        return (booking(row, Kind.DIVIDEND),)
    value = rounded((row.number("quantity") or ZERO) * (row.number("price") or ZERO))
    if major_unit(taxed_in)[0] != major_unit(own)[0] or value <= 0:
        raise row.wrong("withheld", f"The row tells no rate from {taxed_in} to {paid_in}.")
    draft = booking(row.having(amount=str(value), settlement_currency=own), Kind.DIVIDEND)
    rate = rounded(row.needed("amount") / value)
    return (replace(draft, settlement_currency=paid_in, rate=rate or None),)


def exchange(row: Row) -> tuple[Draft, ...]:
    """Book a conversion, which has both of its sides in one row."""
    sold = (row.needed("sold"), row.text("sold_currency"))
    bought = (row.needed("bought"), row.text("bought_currency"))
    return conversion(row, sold=sold, bought=bought)


ACTIONS: Mapping[str, Rule] = {
    **{f"{order} buy": Kind.BUY for order in ORDERS},
    **{f"{order} sell": Kind.SELL for order in ORDERS},
    "dividend": dividend,
    "dividend (return of capital)": Kind.RETURN_OF_CAPITAL,
    "interest on cash": (Kind.INTEREST, Kind.INTEREST_PAID),
    "lending interest": (Kind.INTEREST, Kind.INTEREST_PAID),
    **dict.fromkeys(("deposit", "card credit"), Kind.DEPOSIT),
    **dict.fromkeys(("withdrawal", "card debit"), Kind.WITHDRAWAL),
    **dict.fromkeys(("spending cashback", "new card cost"), (Kind.FEE_REFUND, Kind.FEE)),
    "currency conversion": exchange,
    "stock split open": split_into,
    "stock split close": split_from,
    **dict.fromkeys(
        ("stock split", "custom stock split", "custom etf split"),
        by_hand("The file does not tell the ratio of the split: book it by hand."),
    ),
    "result adjustment": (Kind.FEE_REFUND, Kind.FEE),
    **dict.fromkeys(
        ("spin off", "stock distribution", "transfer in", "transfer out"),
        by_hand("The file does not tell the cost: book it by hand."),
    ),
}


def _charges(row: Row) -> dict[str, str]:
    """Add up the columns of charges, all of which must be in one currency."""
    cells: dict[str, str] = {}
    for name, columns in CHARGES.items():
        costs = [column for column in columns if row.number(column)]
        currencies = {
            row.text(f"{column}_currency") or row.currency_of_title(column) for column in costs
        }
        if len(currencies) > 1:
            raise row.wrong(costs[0], f"The charges are in {' and '.join(sorted(currencies))}.")
        if costs:
            total = sum(abs(row.needed(column)) for column in costs)
            cells |= {name: str(total), f"{name}_currency": currencies.pop()}
    return cells


def book(row: Row) -> tuple[Draft, ...]:
    """Read one row, whatever columns its file has."""
    word = row.text("type").casefold()
    if word.startswith("dividend"):
        word = "dividend (return of capital)" if "return of capital" in word else "dividend"
    symbol = listed(row.text("symbol"), row.text("currency"), isin_of(row.text("isin")))
    paid_in = row.text("settlement_currency") or row.currency_of_title("amount")
    row = row.having(symbol=symbol or "", settlement_currency=paid_in, **_charges(row))
    return apply(row, ACTIONS, word, signed=False)


_MONEY = {
    "conversion_fee": "Currency conversion fee",
    "deposit_fee": "Deposit fee",
    "transaction_fee": "Transaction fee",
    "finra_fee": "Finra fee",
    "stamp_duty": "Stamp duty",
    "reserve_tax": "Stamp duty reserve tax",
    "french_tax": "French transaction tax",
    "withheld": "Withholding tax",
    "sold": "Currency conversion from amount",
    "bought": "Currency conversion to amount",
}

FORMAT = Format(
    name="trading212",
    title="Trading 212",
    joins=True,
    layouts=[
        Layout(
            columns={
                "type": "Action",
                "date": "Time",
                "isin": "ISIN",
                "symbol": "Ticker",
                "quantity": "No. of shares",
                "price": "Price / share",
                "currency": "Currency (Price / share)",
                "amount": "Total",
                "settlement_currency": "Currency (Total)",
                "note": "Name",
                "id": "ID",
                **_MONEY,
                **{f"{name}_currency": f"Currency ({title})" for name, title in _MONEY.items()},
            },
            needs=frozenset({"type", "date", "amount", "id"}),
            book=book,
            dates=(ISO,),
        )
    ],
)
