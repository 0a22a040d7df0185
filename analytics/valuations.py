"""Values every line of a book on every day, and any scope of them, in one report currency.

Units and cash are put on the axis of days once, then multiplied with prices and rates: the work
grows with days times lines, and with the number of entries, never with their product. Everything
is float64 here; what is shown as exact money comes from `analytics.statement`. A later value never
depends on what happens after it, so a changed ledger or price is worked out from its day on alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.book import Balance, Book, Line, Payment, PaymentKind
from analytics.measures import Reason
from analytics.series import Days, Flags, Floats, Series
from analytics.tracks import Carried, Track, carry

OLDEST = 10
"""For so many days a price or a rate is good where there is no newer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """One instrument's closes as traded, their currency, and its splits."""

    currency: str
    closes: Track
    splits: Track | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """Prices by instrument, and what one unit of a currency was in the report currency."""

    currency: str
    prices: Mapping[int, Prices]
    rates: Mapping[str, Track]
    oldest: int = OLDEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What counts as lost or earned, rather than as taken out or paid in.

    Taxes are lost only ``net_of_tax``, the fees of trades unless they are ``expensed``, that is
    shown apart; all other fees are always lost. Without ``income`` the return is that of prices.
    """

    net_of_tax: bool = False
    expensed: bool = False
    income: bool = True

    def set_apart(self) -> list[PaymentKind]:
        """Return the kinds of payments that come from, or go to, outside."""
        chosen = {
            PaymentKind.TAX: not self.net_of_tax,
            PaymentKind.TRADE_FEE: self.expensed,
            PaymentKind.INCOME: not self.income,
        }
        return [kind for kind, apart in chosen.items() if apart]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flows:
    """Payments of the days as columns: place of the day and of both lines, amount, kind, entry.

    The place after the last line is outside. An amount is NaN where no price or rate is known.
    """

    day: NDArray[np.intp]
    source: NDArray[np.intp]
    target: NDArray[np.intp]
    amount: Floats
    kind: NDArray[np.intp]
    entry: NDArray[np.int64]

    def where(self, chosen: Flags) -> "Flows":
        """Return some of the payments."""
        return Flows(**{name: getattr(self, name)[chosen] for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Valuation:
    """All lines of a book (columns) on all days (rows): values and costs in the report currency.

    ``units`` are held at the end of the day, ``local`` is their value in their own currency and
    ``rates`` what one unit of that was worth. NaN where a price or rate is missing. ``quoted``
    tells whether a line had a price of its own day.
    """

    days: Days
    lines: tuple[Line, ...]
    units: Floats
    local: Floats
    rates: Floats
    value: Floats
    cost: Floats
    quoted: Flags
    flows: Flows = field(repr=False)

    def within(self, wanted: Callable[[Line], bool]) -> Flags:
        """Return which lines are in a scope."""
        return np.array([wanted(line) for line in self.lines], dtype=bool)

    def portfolios(self, keys: Iterable[int]) -> Flags:
        """Return the lines of portfolios; transfers among them are inside."""
        wanted = {0, *keys}
        return self.within(lambda line: {line.portfolio, line.counterpart} <= wanted)

    def value_of(self, scope: Flags) -> Floats:
        """Return the value of a scope by day."""
        found: Floats = self.value[:, scope].sum(axis=1)
        return found

    def cash_of(self, scope: Flags) -> Floats:
        """Return the cash of a scope by day."""
        return self.value_of(scope & self.within(lambda line: line.is_cash))

    def invested_in(self, scope: Flags) -> Floats:
        """Return what the units held in a scope had cost, by day."""
        found: Floats = self.cost[:, scope].sum(axis=1)
        return found

    def crossing(self, scope: Flags, policy: Policy) -> tuple[Flows, Floats]:
        """Return the payments over the bounds of a scope, and their amounts: positive comes in."""
        inside = np.append(scope, False)  # outside is not
        apart = np.isin(self.flows.kind, policy.set_apart())
        comes = inside[self.flows.target]
        goes = inside[self.flows.source] & ~apart
        chosen = comes != goes
        crossing = self.flows.where(chosen)
        return crossing, np.where(comes[chosen], crossing.amount, -crossing.amount)

    def series(self, scope: Flags, policy: Policy | None = None) -> Series:
        """Return the series of a scope."""
        crossing, amounts = self.crossing(scope, policy or Policy())
        count = len(self.days)
        held = self.units[:, scope] != 0
        held[1:] |= held[:-1].copy()
        return Series(
            days=self.days,
            value=self.value_of(scope),
            inflow=_by_day(crossing.day, np.maximum(amounts, 0), count),
            outflow=_by_day(crossing.day, np.maximum(-amounts, 0), count),
            fresh=(held & self.quoted[:, scope]).any(axis=1),
        )

    def missing(self, scope: Flags, place: int) -> list[tuple[Reason, Line]]:
        """Return why the value of a scope on a day is not known, and on which lines."""
        found = []
        for column in np.flatnonzero(scope & np.isnan(self.value[place])):
            unpriced = bool(np.isnan(self.local[place, column]))
            found.append((Reason.NO_PRICE if unpriced else Reason.NO_RATE, self.lines[column]))
        return found


def _by_day(days: NDArray[np.intp], amounts: Floats, count: int) -> Floats:
    return np.asarray(np.bincount(days, amounts, minlength=count), dtype=float)


def value(book: Book, quotes: Quotes, *, first: date, last: date) -> Valuation:
    """Value a book on the days from first to last, both included."""
    days = np.arange(first.toordinal(), last.toordinal() + 1, dtype=np.int64)
    lines = tuple(sorted(_lines(book)))
    grid = _Grid(book=book, quotes=quotes, days=days)
    shape = (len(days), len(lines))
    units, local, rates, worth = (np.zeros(shape) for _ in range(4))
    cost, quoted = np.zeros(shape), np.zeros(shape, dtype=bool)
    for column, line in enumerate(lines):
        units[:, column], costs = _on_axis(book.balances.get(line, ()), days)
        held = units[:, column] != 0
        if line.instrument:
            price = grid.price(line.instrument)
            local[held, column] = units[held, column] * price.values[held]
            quoted[:, column] = price.fresh
        else:
            local[held, column] = units[held, column]
        rate = grid.rate(grid.currency(line))
        rates[:, column] = rate
        worth[held, column] = local[held, column] * rate[held]
        spent = costs != 0
        cost[spent, column] = costs[spent] * grid.rate(book.bases[line.portfolio])[spent]
    return Valuation(
        days=days,
        lines=lines,
        units=units,
        local=local,
        rates=rates,
        value=worth,
        cost=cost,
        quoted=quoted,
        flows=_flows(book, grid, lines),
    )


def _lines(book: Book) -> set[Line]:
    paid = {line for payment in book.payments for line in (payment.source, payment.target) if line}
    return paid | book.balances.keys()


def _on_axis(balances: Iterable[Balance], days: Days) -> tuple[Floats, Floats]:
    """Return units and their cost in base currency at the end of each day."""
    rows = list(balances)
    changed = np.array([row.day.toordinal() for row in rows], dtype=np.int64)
    after = np.array([0.0, *(float(row.units) for row in rows)])
    costs = np.array([0.0, *(np.nan if row.cost is None else float(row.cost) for row in rows)])
    places = np.searchsorted(changed, days, side="right")
    return after[places], costs[places]


class _Grid:
    """Prices and rates on the axis, each carried once."""

    def __init__(self, *, book: Book, quotes: Quotes, days: Days) -> None:
        self.book = book
        self.quotes = quotes
        self.days = days
        self._prices: dict[int, Carried] = {}
        self._rates: dict[str, Floats] = {}

    def price(self, instrument: int) -> Carried:
        if instrument not in self._prices:
            none = np.empty(0)
            unknown = Prices(currency="", closes=Track(days=none.astype(np.int64), values=none))
            prices = self.quotes.prices.get(instrument, unknown)
            self._prices[instrument] = carry(
                prices.closes, self.days, oldest=self.quotes.oldest, splits=prices.splits
            )
        return self._prices[instrument]

    def rate(self, currency: str) -> Floats:
        if currency not in self._rates:
            if currency == self.quotes.currency:
                self._rates[currency] = np.ones(len(self.days))
            else:
                track = self.quotes.rates.get(currency)
                self._rates[currency] = (
                    np.full(len(self.days), np.nan)
                    if track is None
                    else carry(track, self.days, oldest=self.quotes.oldest).values
                )
        return self._rates[currency]

    def currency(self, line: Line) -> str:
        """Return the currency of a line, or nothing if its instrument has no price."""
        if not line.instrument:
            return line.currency
        prices = self.quotes.prices.get(line.instrument)
        return "" if prices is None else prices.currency

    def worth(self, payment: Payment, place: int) -> float:
        """Return what a payment was worth on its day."""
        if payment.amount is not None:
            currency = payment.currency or self.currency(Line(0, payment.instrument))
            return float(payment.amount) * float(self.rate(currency)[place])
        if not payment.units:
            return 0.0
        price = float(self.price(payment.instrument).values[place])
        rate = self.rate(self.currency(Line(0, payment.instrument)))
        return float(payment.units) * price * float(rate[place])


def _flows(book: Book, grid: _Grid, lines: tuple[Line, ...]) -> Flows:
    begin = int(grid.days[0])
    column: dict[Line | None, int] = {line: place for place, line in enumerate(lines)}
    column[None] = len(lines)
    rows = [
        (
            place,
            column[payment.source],
            column[payment.target],
            int(payment.kind),
            payment.entry_id,
        )
        for payment in book.payments
        if 0 <= (place := payment.day.toordinal() - begin) < len(grid.days)
    ]
    amounts = [
        grid.worth(payment, place)
        for payment in book.payments
        if 0 <= (place := payment.day.toordinal() - begin) < len(grid.days)
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return Flows(
        day=table[:, 0],
        source=table[:, 1],
        target=table[:, 2],
        kind=table[:, 3],
        entry=table[:, 4],
        amount=np.array(amounts, dtype=float),
    )


def revalue(known: Valuation, book: Book, quotes: Quotes, *, since: date, last: date) -> Valuation:
    """Value a book anew from a day on, and keep what is known of the days before it.

    Nothing before that day may have changed: no entry, no price, no rate.
    """
    start = date.fromordinal(int(known.days[0]))
    kept = min(max(since.toordinal() - int(known.days[0]), 0), len(known.days))
    if not kept:
        return value(book, quotes, first=start, last=last)
    fresh = value(book, quotes, first=date.fromordinal(int(known.days[0]) + kept), last=last)
    column = {line: place for place, line in enumerate(fresh.lines)}
    moved = [column.get(line, -1) for line in known.lines]
    there = np.array([place >= 0 for place in moved], dtype=bool)
    places = np.array([place for place in moved if place >= 0], dtype=np.intp)

    def joined(name: str) -> Any:
        rows = getattr(fresh, name)
        earlier = np.zeros((kept, len(fresh.lines)), dtype=rows.dtype)
        earlier[:, places] = getattr(known, name)[:kept, there]
        return np.concatenate([earlier, rows])

    outside = np.append(np.array(moved, dtype=np.intp), len(fresh.lines))
    before = known.flows.where(known.flows.day < kept)
    before = replace(before, source=outside[before.source], target=outside[before.target])
    after = replace(fresh.flows, day=fresh.flows.day + kept)
    return Valuation(
        days=np.concatenate([known.days[:kept], fresh.days]),
        lines=fresh.lines,
        units=joined("units"),
        local=joined("local"),
        rates=joined("rates"),
        value=joined("value"),
        cost=joined("cost"),
        quoted=joined("quoted"),
        flows=Flows(
            **{
                name: np.concatenate([getattr(before, name), getattr(after, name)])
                for name in Flows.__slots__
            }
        ),
    )
