"""Values a portfolio: what it holds, at prices and rates of one moment, in one currency.

``value = cash + market value``, never cash + cost. A figure that rests on something unknown is
null, and the valuation says which price or rate was missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.ledger import Totals, average_capital
from analytics.measures import Reason
from analytics.money import ZERO, convert_known, exact, ratio, total_known


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One position: its own figures in ``currency``, their ``_base`` twins in base currency."""

    symbol: str
    currency: str
    quantity: Decimal
    cost: Decimal
    cost_base: Decimal | None
    realized_base: Decimal | None
    missing: Decimal
    price: Decimal | None
    previous_price: Decimal | None
    previous_quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Units of the report currency for one unit of a currency: now, and at the previous day."""

    now: Mapping[str, Decimal | None]
    previous: Mapping[str, Decimal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All of a portfolio that a valuation needs.

    ``day_inflow`` and ``day_outflow`` are today's external flows by currency, both positive;
    ``previous_cash`` is the cash before anything booked today.
    """

    base_currency: str
    held: tuple[Held, ...]
    cash: Mapping[str, Decimal]
    previous_cash: Mapping[str, Decimal]
    day_inflow: Mapping[str, Decimal]
    day_outflow: Mapping[str, Decimal]
    totals: Totals
    first_day: date | None
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One reason why some figures are null; ``about`` is the symbol or currency concerned."""

    figure: str
    reason: Reason
    about: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """A portfolio's figures in one currency; ratios are fractions."""

    currency: str
    value: Decimal | None
    cash: Decimal | None
    market_value: Decimal | None
    invested: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None
    income: Decimal | None
    charges: Decimal | None
    contributed: Decimal | None
    total_gain: Decimal | None
    total_return: Decimal | None
    day_change: Decimal | None
    day_change_ratio: Decimal | None
    missing: tuple[Missing, ...]


def _in(amounts: Mapping[str, Decimal], rates: Mapping[str, Decimal | None]) -> Decimal | None:
    return total_known(
        convert_known(amount, rates.get(currency)) for currency, amount in amounts.items()
    )


@exact
def market_value(quantity: Decimal, price: Decimal | None) -> Decimal | None:
    """Return units times price; zero units are worth zero without a price."""
    if not quantity:
        return ZERO
    return None if price is None else quantity * price


@exact
def _minus(whole: Decimal | None, *parts: Decimal | None) -> Decimal | None:
    if whole is None or None in parts:
        return None
    return whole - sum((part for part in parts if part is not None), ZERO)


def _unrated_before(book: Book, rates: Rates) -> set[str]:
    """Return the currencies whose lack of a rate leaves the day's start or flows unknown."""
    before = {held.currency for held in book.held if held.previous_quantity} | {
        currency for currency, amount in book.previous_cash.items() if amount
    }
    flowed = book.day_inflow.keys() | book.day_outflow.keys()
    return {currency for currency in before if rates.previous.get(currency) is None} | {
        currency for currency in flowed if rates.now.get(currency) is None
    }


def _missing(book: Book, rates: Rates) -> list[Missing]:
    found: list[Missing] = []
    for held in book.held:
        if held.quantity and held.price is None:
            found.append(Missing(figure="value", reason=Reason.NO_PRICE, about=held.symbol))
        if held.previous_quantity and held.previous_price is None:
            found.append(
                Missing(figure="dayChange", reason=Reason.NO_PREVIOUS_PRICE, about=held.symbol)
            )
        if held.missing:
            found.append(
                Missing(figure="realizedGain", reason=Reason.MISSING_ACQUISITION, about=held.symbol)
            )
        if held.cost_base is None or (held.realized_base is None and not held.missing):
            found.append(Missing(figure="invested", reason=Reason.NO_RATE, about=held.symbol))
    needed = {held.currency for held in book.held if held.quantity} | {
        currency for currency, amount in book.cash.items() if amount
    }
    unrated = {
        currency for currency in needed | {book.base_currency} if rates.now.get(currency) is None
    }
    found.extend(
        Missing(figure="value", reason=Reason.NO_RATE, about=currency)
        for currency in sorted(unrated)
    )
    found.extend(
        Missing(figure="dayChange", reason=Reason.NO_RATE, about=currency)
        for currency in sorted(_unrated_before(book, rates) - unrated)
    )
    if book.totals.unrated:
        found.append(Missing(figure="totalGain", reason=Reason.NO_RATE))
    return found


def _day_change(
    book: Book, rates: Rates, *, value: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """Return V(t) - V(t-1) - F(t), and that over V(t-1) plus the day's inflows."""
    before = total_known(
        [
            *(
                convert_known(
                    market_value(held.previous_quantity, held.previous_price),
                    rates.previous.get(held.currency),
                )
                for held in book.held
            ),
            _in(book.previous_cash, rates.previous),
        ]
    )
    inflow = _in(book.day_inflow, rates.now)
    outflow = _in(book.day_outflow, rates.now)
    change = total_known([_minus(value, before, inflow), outflow])
    return change, ratio(change, total_known([before, inflow]))


@exact
def value_portfolio(book: Book, *, currency: str, rates: Rates) -> Valuation:
    """Work out every figure of the overview in a report currency.

    Sums of the past (invested, realised, income, contributed) are kept in base currency at the
    rates of their own days, and converted from there at the rate of the valuation day.
    """
    from_base = rates.now.get(book.base_currency)
    values = total_known(
        convert_known(market_value(held.quantity, held.price), rates.now.get(held.currency))
        for held in book.held
    )
    cash = _in(book.cash, rates.now)
    value = total_known([values, cash])
    invested = convert_known(total_known(held.cost_base for held in book.held), from_base)
    realized = convert_known(total_known(held.realized_base for held in book.held), from_base)
    rated = book.totals.unrated == 0
    contributed = convert_known(book.totals.contributed, from_base) if rated else None
    whole = not any(held.missing for held in book.held)
    total_gain = _minus(value, contributed) if whole else None
    capital = average_capital(book.totals, first_day=book.first_day, last_day=book.day)
    missing = _missing(book, rates)
    if rated and (capital is None or capital <= 0):
        capital = None
        missing.append(Missing(figure="totalReturn", reason=Reason.NO_CAPITAL))
    day_change, day_change_ratio = _day_change(book, rates, value=value)
    return Valuation(
        currency=currency,
        value=value,
        cash=cash,
        market_value=values,
        invested=invested,
        unrealized=_minus(values, invested),
        realized=realized,
        income=convert_known(book.totals.income, from_base) if rated else None,
        charges=convert_known(book.totals.charges, from_base) if rated else None,
        contributed=contributed,
        total_gain=total_gain,
        total_return=ratio(total_gain, convert_known(capital, from_base)),
        day_change=day_change,
        day_change_ratio=day_change_ratio,
        missing=tuple(missing),
    )
