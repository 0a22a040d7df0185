"""DEGIRO's two files: trades in Transactions.csv, and in Account.csv all other cash."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from datasources.brokers.bookings import Rule, apply, booking, by_hand, converted
from datasources.brokers.layouts import Format, Found, Layout, find_tables
from datasources.brokers.table import Record, Row, SkipError
from models.drafts import ZERO, Draft
from models.transactions import Kind

DATES = ("%d-%m-%Y %H:%M", "%d-%m-%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%d.%m.%Y %H:%M")
ZONE = "Europe/Amsterdam"
_TRADE = "Is part of a trade, which Transactions.csv has."
_SWEEP = "Moves cash within the account."


def money(row: Row, name: str) -> tuple[Decimal | None, str]:
    """Read an amount and its currency, which stand in two columns, in either order."""
    pair = [row.text(name), row.text(f"{name}_2")]
    codes = [cell for cell in pair if re.fullmatch(r"[A-Za-z]{3}", cell)]
    numbers = [cell for cell in pair if cell and cell not in codes]
    code = codes[0] if codes else row.currency_of_title(name)
    return row.having(**{name: numbers[0] if numbers else ""}).number(name), code


def _with_time(row: Row) -> Row:
    return row.having(date=f"{row.text('date')} {row.text('time')}".strip())


def book_trade(row: Row) -> tuple[Draft, ...]:
    """Read a trade: the price in its own currency, cash and costs in the account's."""
    quantity = row.needed("quantity")
    price, own = money(row, "price")
    total, paid_in = money(row, "total")
    costs = [cost or ZERO for cost, _ in (money(row, "fee"), money(row, "conversion_fee"))]
    if price == 0:
        raise row.wrong("price", "Units without a price come from a corporate action: book it.")
    row = _with_time(row).having(
        price="" if price is None else str(price),
        currency=own,
        amount="" if total is None else str(total),
        settlement_currency=paid_in or own,
        fee=str(-sum(costs, ZERO)),
        quantity=str(quantity),
    )
    return (booking(row.exactly(), Kind.BUY if quantity > 0 else Kind.SELL, fee_sign=1),)


CASH = (Kind.DEPOSIT, Kind.WITHDRAWAL)
FEE = (Kind.FEE_REFUND, Kind.FEE)
TAX = (Kind.TAX_REFUND, Kind.TAX)
INTEREST = (Kind.INTEREST, Kind.INTEREST_PAID)

DESCRIPTIONS: Mapping[str, Rule] = {
    **dict.fromkeys(("dividendbelasting", "dividend tax", "dividendensteuer"), TAX),
    **dict.fromkeys(("dividend", "dividende"), Kind.DIVIDEND),
    **dict.fromkeys(
        ("kapitalrückzahlung", "capital return", "return of capital"), Kind.RETURN_OF_CAPITAL
    ),
    **dict.fromkeys(("deposit", "flatex deposit", "ideal deposit", "sofort deposit"), CASH),
    **dict.fromkeys(("storting", "ideal storting", "einzahlung", "flatex einzahlung"), CASH),
    **dict.fromkeys(("withdrawal", "flatex withdrawal", "processed flatex withdrawal"), CASH),
    **dict.fromkeys(("terugstorting", "auszahlung", "geldauszahlung"), CASH),
    **dict.fromkeys(("flatex interest", "interest", "rente", "zinsen", "flatex zinsen"), INTEREST),
    **dict.fromkeys(("degiro exchange connection fee", "exchange connection fee"), FEE),
    **dict.fromkeys(("degiro aansluitingskosten", "aansluitingskosten"), FEE),
    **dict.fromkeys(("giro exchange connection fee", "einrichtung von handelsmodalitäten"), FEE),
    **dict.fromkeys(("adr/gdr pass-through fee", "adr/gdr externe kosten"), FEE),
    **dict.fromkeys(("degiro corporate action kosten", "degiro corporate action fee"), FEE),
    **dict.fromkeys(
        ("fx debit", "fx credit", "valuta debitering", "valuta creditering"), converted
    ),
    **dict.fromkeys(("währungswechsel", "currency exchange"), converted),
    **dict.fromkeys(("degiro cash sweep transfer", "flatex cash sweep transfer"), _SWEEP),
    **dict.fromkeys(("cash market fund", "money market fund", "geldmarktfonds"), _SWEEP),
    **dict.fromkeys(("koop", "verkoop", "buy", "sell", "kauf", "verkauf"), _TRADE),
    **dict.fromkeys(
        ("degiro transactiekosten", "degiro transaction", "transaktionskosten"), _TRADE
    ),
    "reservation": "Reserves cash, and moves none.",
    "stock split": by_hand("Book the split by hand, with the ratio of new to old units."),
}
"""What a description begins with; of several the longest counts."""


def book_cash(row: Row) -> tuple[Draft, ...]:
    """Read a movement of cash; what has an order's number belongs to a trade."""
    if row.text("order"):
        raise SkipError(_TRADE)
    text = " ".join(row.text("note").casefold().split())
    begins = [words for words in DESCRIPTIONS if f"{text} ".startswith(f"{words} ")]
    word = max(begins, key=len, default=row.text("note"))
    amount, currency = money(row, "change")
    cells = {"amount": "" if amount is None else str(amount), "currency": currency}
    return apply(_with_time(row).having(**cells).exactly(), DESCRIPTIONS, word)


def find(form: Format, records: Iterable[Record]) -> Found:
    """Find the tables, and join descriptions that go on in a line without a date."""
    found = find_tables(form, records)
    for table in found.tables:
        note = table.fields.get("note")
        if note is None:
            continue
        whole: list[Record] = []
        for record in table.rows:
            cut_off = note >= min(len(one.cells) for one in (record, *whole[-1:]))
            if whole and not cut_off and not record.cells[0].strip():
                whole[-1].cells[note] += f" {record.cells[note]}".rstrip()
            else:
                whole.append(record)
        table.rows[:] = whole
    return found


TRADES = Layout(
    columns={
        "date": "Date|Datum|Fecha|Data",
        "time": "Time|Tijd|Uhrzeit|Hora|Ora|Heure",
        "note": "Product|Produkt|Producto|Prodotto|Produit|Produto",
        "isin": "ISIN",
        "quantity": "Quantity|Aantal|Anzahl|Número|Quantità|Quantité|Quantidade",
        "price": "Price|Koers|Kurs|Precio|Quotazione|Cours|Preços",
        "price_2": "Price (2)|Koers (2)|Kurs (2)|Precio (2)|Quotazione (2)|Cours (2)|Preços (2)",
        "fee": "Transaction and/or third party fees|Transaction and/or third|Transaction costs"
        "|Transactiekosten en/of|Transactiekosten en/of kosten van derden|Gebühr"
        "|Transaktionsgebühren|Transaktionskosten und/oder Kosten von Dritten",
        "fee_2": "Transaction and/or third (2)|Transaction costs (2)|Transactiekosten en/of (2)"
        "|Gebühr (2)|Transaktionsgebühren (2)",
        "conversion_fee": "AutoFX Fee|AutoFX-Gebühr|AutoFX Kosten",
        "total": "Total|Totaal|Gesamt|Totale",
        "total_2": "Total (2)|Totaal (2)|Gesamt (2)|Totale (2)",
    },
    needs=frozenset({"date", "isin", "quantity", "price", "price_2", "total"}),
    book=book_trade,
    point=None,
    dates=DATES,
    zone=ZONE,
    spare=1,
)
CASH_BOOK = Layout(
    columns={
        "date": "Date|Datum|Fecha|Data",
        "time": "Time|Tijd|Uhrzeit|Hora|Ora|Heure",
        "isin": "ISIN",
        "note": "Description|Omschrijving|Beschreibung",
        "change": "Change|Mutatie|Änderung",
        "change_2": "Change (2)|Mutatie (2)|Änderung (2)",
        "order": "Order Id|Order-ID",
    },
    needs=frozenset({"date", "isin", "note", "change", "change_2"}),
    book=book_cash,
    point=None,
    dates=DATES,
    zone=ZONE,
    spare=1,
)

FORMAT = Format(name="degiro", title="DEGIRO", layouts=[TRADES, CASH_BOOK], joins=True, find=find)
