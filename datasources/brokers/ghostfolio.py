"""Ghostfolio's activities, as its JSON export or as the CSV that it imports."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from datasources.brokers.bookings import Rule, apply, booking, rounded
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import ISO, Row
from models.drafts import ZERO, Draft
from models.transactions import Kind

DATES = ("%d-%m-%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y%m%d", ISO)
_QUARTER = timedelta(minutes=15)


def money(kind: Kind) -> Rule:
    """Return the rule for an activity without units, which comes to quantity times price."""

    def book(row: Row) -> tuple[Draft, ...]:
        amount = rounded(row.needed("quantity") * row.needed("price"))
        symbol = row.text("symbol") if kind is Kind.DIVIDEND else ""
        fee = row.number("fee") or ZERO
        # The fee is charged beside the amount, while a row's cash is after it.
        cash = amount - abs(fee)
        if kind is Kind.FEE:
            cash = -(amount + abs(fee))
            row = row.having(fee="")
        return (booking(row.having(amount=str(cash), symbol=symbol), kind),)

    return book


TYPES: Mapping[str, Rule] = {
    "buy": Kind.BUY,
    "sell": Kind.SELL,
    "dividend": money(Kind.DIVIDEND),
    "interest": money(Kind.INTEREST),
    "fee": money(Kind.FEE),
    "liability": "Is no booking: a liability has no place in a ledger.",
    "item": "Is no booking: a valuable has no place in a ledger.",
}


def book(row: Row) -> tuple[Draft, ...]:
    """Read one activity; its numbers were floats, and its fee may have either sign."""
    numbers = {name: row.number(name) for name in ("quantity", "price", "fee")}
    cells = {name: str(rounded(number)) for name, number in numbers.items() if number is not None}
    return apply(row.having(date=local_day(row), **cells), TYPES, row.text("type"))


def local_day(row: Row) -> str:
    """Return the day of a time that is midnight in the exporter's own zone, as of 23:00 UTC.

    Zones differ by quarters of an hour: any other time is one, and stays.
    """
    moment = row.moment()
    day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if (moment - day) % _QUARTER:
        return row.text("date")
    if moment - day >= timedelta(hours=12):
        day += timedelta(days=1)
    return day.date().isoformat()


FORMAT = Format(
    name="ghostfolio",
    title="Ghostfolio",
    layouts=[
        Layout(
            columns={
                "date": "date|tradedate",
                "type": "type|action|buy/sell",
                "symbol": "symbol|code|ticker",
                "quantity": "quantity|qty|shares|units",
                "price": "unitprice|price|tradeprice|value",
                "currency": "currency|ccy|currencyprimary",
                "fee": "fee|commission|ibcommission",
                "note": "comment|note",
                "id": "id",
                "source": "datasource",
            },
            needs=frozenset({"date", "type", "symbol", "quantity", "price", "currency", "source"}),
            book=book,
            dates=DATES,
        )
    ],
)
