"""Interactive Brokers' activity statement and transaction history, made of sections."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from datasources.brokers.bookings import (
    Rule,
    apply,
    booking,
    by_hand,
    conversion,
    isin_of,
    listed,
    split_in_words,
)
from datasources.brokers.layouts import Format, Found, Layout, Table, fields_of
from datasources.brokers.table import ISO, Record, Row, SkipError, UnreadableError, squash
from models.drafts import ZERO, Draft
from models.transactions import Kind

ZONE = "America/New_York"
DATES = ("%Y-%m-%d, %H:%M:%S", "%Y-%m-%d", ISO)
_ISSUER = re.compile(r"^\s*([A-Z0-9. ]{1,12}?)\s*\(([A-Z]{2}[A-Z0-9]{9}[0-9])\)")
_SHARES = frozenset({"stocks", "stk", "funds", "fund", "etf", "equity", ""})

FEE = (Kind.FEE_REFUND, Kind.FEE)
TAX = (Kind.TAX_REFUND, Kind.TAX)
INTEREST = (Kind.INTEREST, Kind.INTEREST_PAID)
CASH = (Kind.DEPOSIT, Kind.WITHDRAWAL)


def of_issuer(row: Row) -> Row:
    """Fill in the symbol and ISIN that a description begins with: ``AAPL(US0378331005) Cash``."""
    found = _ISSUER.match(row.text("note"))
    if found is None:
        return row
    symbol = listed(found[1], row.text("currency"), found[2])
    return row.having(symbol=symbol or "", isin=found[2])


def trade(row: Row) -> tuple[Draft, ...]:
    """Book an execution: proceeds before the commission, which may be in another currency."""
    category = row.text("category").casefold()
    if category in {"forex", "cash"}:
        return forex(row)
    if category not in _SHARES:
        raise row.wrong(
            "category", f"{row.text('category')} are not booked from files: do by hand."
        )
    quantity, currency = row.needed("quantity"), row.text("currency")
    proceeds, tax = row.number("proceeds"), -(row.number("tax") or ZERO)
    fee, fee_in = -(row.number("fee") or ZERO), row.text("fee_currency") or currency
    if proceeds is not None:
        proceeds -= tax + (fee if fee_in == currency else ZERO)
    isin = row.text("isin") or row.facts.get(f"isin {row.text('symbol')}", "")
    cells = {
        "amount": "" if proceeds is None else str(proceeds),
        "symbol": listed(row.text("symbol"), currency, isin_of(isin)) or "",
        "isin": isin,
        "fee": str(fee),
        "tax": str(tax),
    }
    opens = "O" in re.split(r"[;,\s]+", row.text("code"))
    closes = "C" in re.split(r"[;,\s]+", row.text("code"))
    if quantity > 0:
        kind = Kind.COVER if closes and not opens else Kind.BUY
    else:
        kind = Kind.SHORT if opens and not closes else Kind.SELL
    return (booking(row.having(**cells), kind, fee_sign=1),)


def forex(row: Row) -> tuple[Draft, ...]:
    """Book a trade of a pair such as EUR.USD: units of the first, paid in the second."""
    pair = re.fullmatch(r"([A-Z]{3})\.([A-Z]{3})", row.text("symbol"))
    if pair is None:
        raise row.wrong("symbol", f"{row.text('symbol')[:40]!r} is not a pair of currencies.")
    units, paid = (row.needed("quantity"), pair[1]), (row.needed("proceeds"), pair[2])
    sold, bought = (paid, units) if units[0] > 0 else (units, paid)
    first, second = conversion(row, sold=sold, bought=bought)
    fee = -(row.number("fee") or ZERO)
    fee_in = row.text("fee_currency") or row.facts.get("base currency") or row.text("currency")
    if fee > 0:
        other = None if fee_in == first.currency else fee_in
        first = replace(first, fee=fee, fee_currency=other)
    return (first, second)


def _entry(rule: Rule) -> Callable[[Row], tuple[Draft, ...]]:
    def book(row: Row) -> tuple[Draft, ...]:
        _skip_total(row)
        return apply(of_issuer(row), {"": rule}, "")

    return book


def _skip_total(row: Row) -> None:
    if any(row.text(name).casefold().startswith("total") for name in ("group", "currency")):
        raise SkipError("Is a total.")


def statement_trade(row: Row) -> tuple[Draft, ...]:
    """Read a row of the section Trades; only orders are bookings, their parts are not."""
    level = row.text("level").casefold()
    if level not in {"", "order", "trade"}:
        raise SkipError(f"Is a detail of a trade: {row.text('level')}.")
    return trade(row.having(fee_currency=row.currency_of_title("fee")))


def corporate_action(row: Row) -> tuple[Draft, ...]:
    """Read a corporate action: a split by its words, all others by hand."""
    _skip_total(row)
    if "split" not in row.text("note").casefold():
        raise row.wrong("note", "The file does not tell what became of the cost: book it by hand.")
    return split_in_words(of_issuer(row))


HISTORY: Mapping[str, Rule] = {
    "dividend": Kind.DIVIDEND,
    "payment in lieu": Kind.DIVIDEND,
    "foreign tax withholding": TAX,
    "credit interest": INTEREST,
    "debit interest": INTEREST,
    "investment interest paid": INTEREST,
    "investment interest received": INTEREST,
    "deposit": CASH,
    "withdrawal": CASH,
    "electronic fund transfer": CASH,
    "other fee": FEE,
    "commission adjustment": FEE,
    "sales tax": TAX,
    "transaction fee": FEE,
    "buy": Kind.BUY,
    "sell": Kind.SELL,
    "forex trade component": by_hand("Only one side of the conversion is told: book it by hand."),
    "adjustment": by_hand("The file does not tell what is adjusted: book it by hand."),
    "corporate action": by_hand("The file does not tell the terms: book it by hand."),
}


def history_row(row: Row) -> tuple[Draft, ...]:
    """Read a row of the transaction history, whose amounts are in the account's base currency.

    The price is in the instrument's currency, which only newer files tell: without it the cash
    alone is booked.
    """
    base = row.facts.get("base currency") or row.facts.get("currency")
    if not base:
        raise row.wrong("amount", "The file does not tell the account's base currency: give it.")
    own = row.text("price_currency")
    cells = {"currency": own or base, "settlement_currency": base}
    if not own:
        cells["price"] = ""
    issued = _ISSUER.match(row.text("note"))
    if issued is not None:
        cells["isin"] = issued[2]
    return apply(row.having(**cells), HISTORY, row.text("type"))


TRADES = Layout(
    columns={
        "level": "DataDiscriminator",
        "category": "Asset Category",
        "currency": "Currency",
        "symbol": "Symbol",
        "date": "Date/Time",
        "quantity": "Quantity",
        "price": "T. Price",
        "proceeds": "Proceeds",
        "fee": "Comm/Fee|Comm in|Comm",
        "code": "Code",
    },
    needs=frozenset({"category", "currency", "symbol", "date", "quantity", "proceeds"}),
    book=statement_trade,
    dates=DATES,
    zone=ZONE,
)


def _cash(rule: Rule) -> Layout:
    return Layout(
        columns={
            "group": "Subtitle",
            "currency": "Currency",
            "date": "Date|Settle Date",
            "note": "Description",
            "amount": "Amount",
        },
        needs=frozenset({"currency", "date", "note", "amount"}),
        book=_entry(rule),
        dates=DATES,
        zone=ZONE,
    )


SECTIONS: Mapping[str, Layout] = {
    "Trades": TRADES,
    "Dividends": _cash(Kind.DIVIDEND),
    "Payment In Lieu Of Dividends": _cash(Kind.DIVIDEND),
    "Withholding Tax": _cash(TAX),
    "Interest": _cash(INTEREST),
    "Fees": _cash(FEE),
    "Other Fees": _cash(FEE),
    "Deposits & Withdrawals": _cash(CASH),
    "Corporate Actions": Layout(
        columns={
            "group": "Asset Category",
            "currency": "Currency",
            "date": "Report Date",
            "note": "Description",
            "quantity": "Quantity",
        },
        needs=frozenset({"date", "note", "quantity"}),
        book=corporate_action,
        dates=DATES,
        zone=ZONE,
    ),
    "Transaction History": Layout(
        columns={
            "date": "Date",
            "note": "Description",
            "type": "Transaction Type",
            "symbol": "Symbol",
            "quantity": "Quantity",
            "price": "Price",
            "price_currency": "Price Currency",
            "fee": "Commission",
            "amount": "Net Amount",
        },
        needs=frozenset({"date", "type", "symbol", "amount"}),
        book=history_row,
        dates=DATES,
        zone=ZONE,
    ),
}
"""The sections that hold bookings; all others repeat or sum them up, and are skipped."""


def find(form: Format, records: Iterable[Record]) -> Found:
    """Deal the rows out by section: a header of its own, data, and totals."""
    del form
    tables: list[Table] = []
    others: list[tuple[Record, str]] = []
    facts: dict[str, str] = {}
    header: list[str] = []
    current: Table | None = None
    known = False
    for record in records:
        section, role, *cells = (*record.cells, "", "")
        section, cells = section.strip(), cells[:-2]
        if role == "Header":
            header = cells
            layout = SECTIONS.get(section)
            current = None if layout is None else _table(section, layout, cells)
            known = known or layout is not None or section in FIRST
            if current is not None:
                tables.append(current)
        elif role == "Data" and current is not None:
            current.rows.append(Record(record.line, cells))
        elif role == "Data":
            facts |= _facts(section, dict(zip(map(squash, header), cells, strict=False)))
            others.append((record, f"Belongs to the section {section[:60]}, which books nothing."))
        else:
            others.append((record, "Is a total." if role in TOTALS else "Is in no section."))
    return Found(tables=tables, facts=facts, others=others, known=known)


def _table(section: str, layout: Layout, header: list[str]) -> Table:
    fields = fields_of(layout, header)
    if fields is None:
        raise UnreadableError(f"The section {section} lacks columns that it used to have.")
    return Table(layout=layout, fields=fields, header=header, rows=[])


FIRST = frozenset({"Statement", "Account Information"})
TOTALS = frozenset({"Total", "SubTotal", "Notes"})


def _facts(section: str, cells: Mapping[str, str]) -> dict[str, str]:
    """Return what a row says of the file: the base currency, and the ISINs of symbols."""
    if squash(cells.get("fieldname", "")) == "basecurrency":
        return {"base currency": cells.get("fieldvalue", "").strip()}
    if section == "Financial Instrument Information":
        isin = isin_of(cells.get("securityid", "").strip()) or ""
        return {f"isin {symbol.strip()}": isin for symbol in cells.get("symbol", "").split(",")}
    return {}


FORMAT = Format(
    name="interactive-brokers",
    title="Interactive Brokers",
    layouts=list(SECTIONS.values()),
    joins=True,
    find=find,
)
