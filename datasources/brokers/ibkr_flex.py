"""Interactive Brokers' Flex queries as CSV, with or without the rows that mark sections."""

from collections.abc import Iterable, Mapping

from datasources.brokers.bookings import Rule, apply, isin_of, listed
from datasources.brokers.interactive_brokers import CASH, FEE, INTEREST, TAX, ZONE, trade
from datasources.brokers.layouts import Format, Found, Layout, find_tables
from datasources.brokers.table import ISO, Record, Row, SkipError
from models.drafts import Draft
from models.transactions import Kind

DATES = (
    *("%Y%m%d;%H%M%S", "%Y%m%d,%H%M%S", "%Y%m%d %H%M%S", "%Y%m%d"),
    *("%Y-%m-%d;%H:%M:%S", "%Y-%m-%d, %H:%M:%S", ISO),
)
TYPES: Mapping[str, Rule] = {
    **dict.fromkeys(("dividends", "payment in lieu of dividends"), Kind.DIVIDEND),
    "withholding tax": TAX,
    **dict.fromkeys(("broker interest paid", "broker interest received"), INTEREST),
    **dict.fromkeys(("bond interest paid", "bond interest received"), INTEREST),
    **dict.fromkeys(("deposits & withdrawals", "deposits/withdrawals"), CASH),
    **dict.fromkeys(("other fees", "commission adjustments", "advisor fees"), FEE),
}


def book_trade(row: Row) -> tuple[Draft, ...]:
    """Read an execution; the same trade may stand at other levels too."""
    level = row.text("level").casefold()
    if level not in {"", "execution"}:
        raise SkipError(f"Repeats executions at the level {row.text('level')[:40]}.")
    if "(ca" in row.text("side").casefold():
        raise row.wrong("side", "Cancels an earlier trade: void that one.")
    row = row.having(
        date=row.text("date") or row.text("day"), id=row.text("id") or row.text("trade")
    )
    return trade(row)


def book_cash(row: Row) -> tuple[Draft, ...]:
    """Read a cash transaction, of which the day counts that it was settled."""
    if row.text("level").casefold() not in {"", "detail"}:
        raise SkipError("Sums up cash transactions.")
    isin = isin_of(row.text("isin"))
    symbol = listed(row.text("symbol"), row.text("currency"), isin) or ""
    day = (row.text("date") or row.text("settled")).partition(";")[0].partition(",")[0]
    return apply(row.having(symbol=symbol, date=day), TYPES, row.text("type"))


def find(form: Format, records: Iterable[Record]) -> Found:
    """Find the tables behind the marks that some files put before each row."""
    plain: list[Record] = []
    others: list[tuple[Record, str]] = []
    for record in records:
        mark = record.cells[0].strip()
        if mark in {"HEADER", "DATA"}:
            plain.append(Record(record.line, record.cells[2:]))
        elif mark in {"BOF", "BOA", "BOS", "EOS", "EOA", "EOF", "MSG"}:
            others.append((record, "Marks a section."))
        else:
            plain.append(record)
    found = find_tables(form, plain)
    return Found(tables=found.tables, facts={}, others=[*found.others, *others])


_COLUMNS = {
    "currency": "CurrencyPrimary",
    "category": "AssetClass|AssetCategory",
    "symbol": "Symbol",
    "note": "Description",
    "isin": "ISIN",
    "id": "TransactionID",
    "level": "LevelOfDetail",
}
TRADES = Layout(
    columns={
        **_COLUMNS,
        "trade": "TradeID",
        "date": "DateTime|Date/Time",
        "day": "TradeDate",
        "quantity": "Quantity",
        "price": "TradePrice|T. Price",
        "proceeds": "Proceeds",
        "tax": "Taxes",
        "fee": "IBCommission",
        "fee_currency": "IBCommissionCurrency",
        "side": "Buy/Sell",
        "code": "Open/CloseIndicator",
    },
    needs=frozenset({"currency", "symbol", "quantity", "price", "fee"}),
    book=book_trade,
    dates=DATES,
    zone=ZONE,
)
CASH_TRANSACTIONS = Layout(
    columns={
        **_COLUMNS,
        "date": "DateTime|Date/Time",
        "settled": "SettleDate",
        "amount": "Amount",
        "type": "Type",
    },
    needs=frozenset({"currency", "date", "amount", "type"}),
    book=book_cash,
    dates=DATES,
    zone=ZONE,
)

FORMAT = Format(
    name="ibkr-flex",
    title="Interactive Brokers Flex query",
    layouts=[TRADES, CASH_TRANSACTIONS],
    joins=True,
    find=find,
)
