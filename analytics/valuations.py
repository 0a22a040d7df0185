"""Values every line of a ledger on every day, and any scope of them, in one report currency.

What a scope has in each currency is summed up line by line, worked out once for all report
currencies, and only then multiplied with the rates: the work grows with days times lines, and with
the number of payments, never with their product. Days before the last one are worked out apart:
the price of today may change at any time, theirs do not. Everything is float64 here; what is shown
as exact money comes from `analytics.statement`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from analytics.book import Book, Line, PaymentKind
from analytics.measures import Reason
from analytics.parts import Parts, Whole, part_of
from analytics.series import ROUNDING, Days, Flags, Floats, Series, joined
from analytics.shelves import Shelf
from analytics.tracks import Course, Track

EVERY = slice(None)
NEVER = Track(days=np.empty(0, dtype=np.int64), values=np.empty(0))


@dataclass(slots=True, kw_only=True, eq=False)
class Prices:
    """One instrument's closes as traded, their currency, and its splits."""

    currency: str
    closes: Track
    splits: Track | None = None
    course: Course = field(init=False)

    def __post_init__(self) -> None:
        self.course = Course(self.closes, self.splits)


UNKNOWN = Prices(currency="", closes=NEVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """Prices by instrument, and what one unit of a currency was in the report currency."""

    currency: str
    prices: Mapping[int, Prices]
    rates: Mapping[str, Track]


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

    The place after the last line is outside. An amount is NaN where no price or rate is known, or
    where units are missing. ``payment`` is the place among all payments.
    """

    day: NDArray[np.intp]
    source: NDArray[np.intp]
    target: NDArray[np.intp]
    amount: Floats
    kind: NDArray[np.intp]
    entry: NDArray[np.int64]
    payment: NDArray[np.intp]

    @property
    def nbytes(self) -> int:
        """Return about how many bytes it takes."""
        return sum(getattr(self, name).nbytes for name in self.__slots__)

    def where(self, chosen: Flags) -> "Flows":
        """Return some of the payments."""
        return Flows(**{name: getattr(self, name)[chosen] for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The price of the last day, and whether it is of that very day."""

    price: float
    fresh: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holdings:
    """What lines of one currency come to by day: cash apart, and whether anything was held."""

    currency: str
    is_cash: bool
    local: Floats
    held: Flags


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """What a scope comes to by day, whatever the report currency: costs by base currency."""

    holdings: tuple[Holdings, ...]
    costs: Mapping[str, Floats]
    fresh: Flags

    @property
    def nbytes(self) -> int:
        """Return about how many bytes it takes."""
        held = sum(one.local.nbytes + one.held.nbytes for one in self.holdings)
        return held + sum(costs.nbytes for costs in self.costs.values()) + self.fresh.nbytes


@dataclass(slots=True, kw_only=True, eq=False)
class Priced:
    """The lines of a ledger with the prices of their instruments, on days without holes.

    ``latest`` has prices that count on the last day instead of the closes. What is worked out is
    kept on the ``shelf``, that of the days before under ``past``.
    """

    whole: Whole
    prices: Mapping[int, Prices]
    days: Days
    latest: Mapping[int, Latest] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf)
    past: object = field(default_factory=object)
    _own: object = field(default_factory=object, init=False)

    def with_latest(self, latest: Mapping[int, Latest]) -> "Priced":
        """Return the same with other prices on the last day; what was before it is kept."""
        return replace(self, latest=latest)

    def let_go(self) -> None:
        """Let go of what was worked out with the prices of the last day."""
        self.shelf.drop(self._own)

    def currency(self, line: Line) -> str:
        """Return the currency of a line, or nothing if its instrument has no price."""
        return self.of(line.instrument).currency if line.instrument else line.currency

    def of(self, instrument: int) -> Prices:
        """Return the prices of an instrument."""
        return self.prices.get(instrument, UNKNOWN)

    def price(self, instrument: int, window: slice) -> tuple[Floats, Flags]:
        """Return the prices of an instrument on some days, and whether they are of that day."""
        days = self.days[window]
        known = self.of(instrument).course.over(days)
        latest = self.latest.get(instrument)
        if latest is None or days[-1] != self.days[-1]:
            return known.values, known.fresh
        return (
            np.append(known.values[:-1], latest.price),
            np.append(known.fresh[:-1], latest.fresh),
        )

    def column(self, place: int) -> tuple[Floats, Floats]:
        """Return the units of a line by day, and their value in its currency."""
        units, _ = self.whole.steps[place].over(self.days)
        return units, self._local(place, units, slice(0, None))[0]

    def on(self, row: int, place: int) -> tuple[float, float]:
        """Return the units of a line at the end of one day, and their value in its currency."""
        units = np.array([self.whole.steps[place].on(int(self.days[row]))])
        local, _ = self._local(place, units, slice(row, row + 1))
        return float(units[0]), float(local[0])

    def _local(self, place: int, units: Floats, window: slice) -> tuple[Floats, Flags | None]:
        """Return what units of a line are worth on some days, and where they had a price."""
        line = self.whole.lines[place]
        if not line.instrument:
            return units, None
        prices, fresh = self.price(line.instrument, window)
        local = np.zeros(len(units))
        np.multiply(units, prices, out=local, where=units != 0)
        return local, fresh

    def sums(self, scope: Flags) -> Sums:
        """Return what a scope comes to."""
        key, last = scope.tobytes(), len(self.days) - 1

        def whole() -> Sums:
            # The last day first: prices are carried once, as far as they are asked for.
            now = self._summed(scope, slice(last, last + 1))
            before = self.shelf.made(self.past, key, lambda: self._summed(scope, slice(0, last)))
            return _followed(before, now)

        return self.shelf.made(self._own, key, whole)

    def _summed(self, scope: Flags, window: slice) -> Sums:
        """Sum up the lines of a scope one by one: a column fits the processor's memory."""
        days, whole = self.days[window], self.whole
        count = len(days)
        local: dict[tuple[str, bool], Floats] = {}
        held: dict[tuple[str, bool], Flags] = {}
        costs: dict[str, Floats] = {}
        fresh = np.zeros(count, dtype=bool)
        with_before = np.arange(days[0] - 1, days[-1] + 1) if count else days
        for place in np.flatnonzero(scope).tolist():
            line = whole.lines[place]
            kind, base = (self.currency(line), line.is_cash), whole.bases[line.portfolio]
            if kind not in local:
                local[kind], held[kind] = np.zeros(count), np.zeros(count, dtype=bool)
            if base not in costs:
                costs[base] = np.zeros(count)
            if not count:
                continue
            units, spent = whole.steps[place].over(with_before)
            has = units != 0
            worth, quoted = self._local(place, units[1:], window)
            local[kind] += worth
            held[kind] |= has[1:]
            if quoted is not None:
                costs[base] += spent[1:]
                fresh |= (has[1:] | has[:-1]) & quoted  # what was sold today was traded today
        return Sums(
            holdings=tuple(
                Holdings(currency=kind[0], is_cash=kind[1], local=local[kind], held=held[kind])
                for kind in sorted(local)
            ),
            costs=dict(sorted(costs.items())),
            fresh=fresh,
        )

    def paid(self) -> Floats:
        """Return what each payment of the ledger was worth in its own currency."""
        return self.shelf.made(self._own, "paid", self._worth_paid)

    def _worth_paid(self) -> Floats:
        payments = self.whole.payments
        amounts, within = payments.amount.copy(), self._within()
        priced = np.array([unit.priced for unit in payments.units], dtype=bool)
        rows = np.flatnonzero(priced[payments.unit] & within & (amounts != 0))
        for number in np.unique(payments.unit[rows]).tolist():
            chosen = rows[payments.unit[rows] == number]
            prices, _ = self.price(payments.units[number].instrument, slice(0, None))
            amounts[chosen] *= prices[payments.day[chosen] - self.days[0]]
        amounts[payments.kind == PaymentKind.MISSING] = np.nan
        return amounts

    def _within(self) -> Flags:
        day = self.whole.payments.day
        return np.asarray((day >= self.days[0]) & (day <= self.days[-1]))

    def flows(self, rate: Callable[[str], Floats]) -> Flows:
        """Return the payments of the days, at rates."""
        payments, amounts, within = self.whole.payments, self.paid().copy(), self._within()
        place = payments.day - self.days[0]
        currencies = [unit.currency or self.of(unit.instrument).currency for unit in payments.units]
        for currency in set(currencies):
            numbers = [number for number, one in enumerate(currencies) if one == currency]
            chosen = np.isin(payments.unit, numbers) & within & (amounts != 0)
            amounts[chosen] *= rate(currency)[place[chosen]]
        return Flows(
            day=place[within],
            source=payments.source[within],
            target=payments.target[within],
            amount=amounts[within],
            kind=payments.kind[within],
            entry=payments.entry[within],
            payment=np.flatnonzero(within),
        )


def _followed(past: Sums, now: Sums) -> Sums:
    """Put the last day behind the days before it."""
    return Sums(
        holdings=tuple(
            replace(
                one,
                local=np.concatenate([one.local, other.local]),
                held=np.concatenate([one.held, other.held]),
            )
            for one, other in zip(past.holdings, now.holdings, strict=True)
        ),
        costs={
            base: np.concatenate([costs, now.costs[base]]) for base, costs in past.costs.items()
        },
        fresh=np.concatenate([past.fresh, now.fresh]),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """Lines (columns) on days (rows); NaN where a price or rate is missing.

    These are units held at the end of the day, their value in their own currency and in the report
    currency, and the rates between the two.
    """

    units: Floats
    local: Floats
    rates: Floats
    value: Floats


@dataclass(slots=True, kw_only=True, eq=False)
class Valuation:
    """All lines of a ledger on all days: values and costs in the report currency.

    ``courses`` has what one unit of each other currency was worth. What is worked out of a scope
    is kept; tables are made anew each time.
    """

    priced: Priced
    target: str
    courses: Mapping[str, Course]
    _own: object = field(default_factory=object, init=False)

    @property
    def days(self) -> Days:
        """Return the days, as ordinals."""
        return self.priced.days

    @property
    def lines(self) -> tuple[Line, ...]:
        """Return the lines, in order."""
        return self.priced.whole.lines

    @property
    def shelf(self) -> Shelf:
        """Return where what is worked out is kept."""
        return self.priced.shelf

    def let_go(self) -> None:
        """Let go of what was worked out."""
        self.shelf.drop(self._own)

    def rate(self, currency: str) -> Floats:
        """Return what one unit of a currency was worth by day."""
        course = self.courses.get(currency)
        if currency == self.target:
            return np.ones(len(self.days))
        if course is None:
            return np.full(len(self.days), np.nan)
        return course.over(self.days).values

    @property
    def flows(self) -> Flows:
        """Return the payments of the days."""
        return self.shelf.made(self._own, "flows", lambda: self.priced.flows(self.rate))

    def tables(self, scope: Flags, places: slice = EVERY) -> Tables:
        """Return what the lines of a scope had, and were worth, on some of the days."""
        columns = np.flatnonzero(scope).tolist()
        table = np.empty((4, len(self.days[places]), len(columns)))
        for number, column in enumerate(columns):
            units, local = self.priced.column(column)
            rates = self.rate(self.priced.currency(self.lines[column]))
            worth = _times(local, rates, units != 0)
            for kind, one in enumerate((units, local, rates, worth)):
                table[kind, :, number] = one[places]
        units, local, rates, worth = table
        return Tables(units=units, local=local, rates=rates, value=worth)

    def units_on(self, place: int) -> Floats:
        """Return the units of all lines at the end of one day."""
        return np.array([one.on(int(self.days[place])) for one in self.priced.whole.steps])

    def units_of(self, place: int, column: int) -> float:
        """Return the units of one line at the end of one day."""
        return self.priced.whole.steps[column].on(int(self.days[place]))

    def spot(self, place: int, column: int) -> tuple[float, float, float, float]:
        """Return one line's units at the end of one day, their value there, rate and value here."""
        units, local = self.priced.on(place, column)
        rate = float(self.rate(self.priced.currency(self.lines[column]))[place])
        return units, local, rate, local * rate if units else 0.0

    def within(self, wanted: Callable[[Line], bool]) -> Flags:
        """Return which lines are in a scope."""
        return self.priced.whole.within(wanted)

    def portfolios(self, keys: Iterable[int]) -> Flags:
        """Return the lines of portfolios; transfers among them are inside."""
        return self.priced.whole.portfolios(keys)

    def begin_of(self, scope: Flags) -> int:
        """Return the place of the first day a scope has a payment: past the end if it has none."""
        inside = np.append(scope, False)  # outside is not
        touched = self.flows.day[inside[self.flows.source] | inside[self.flows.target]]
        return int(touched.min(initial=len(self.days)))

    def value_of(self, scope: Flags) -> Floats:
        """Return the value of a scope by day."""
        return self._worth(self.priced.sums(scope).holdings)

    def cash_of(self, scope: Flags) -> Floats:
        """Return the cash of a scope by day."""
        return self._worth(one for one in self.priced.sums(scope).holdings if one.is_cash)

    def _worth(self, holdings: Iterable[Holdings]) -> Floats:
        whole, size = np.zeros(len(self.days)), np.zeros(len(self.days))
        for one in holdings:
            part = _times(one.local, self.rate(one.currency), one.held)
            whole += part
            size += np.abs(part)
        whole[np.abs(whole) <= ROUNDING * size] = 0.0  # debts that are as much as all else
        return whole

    def invested_in(self, scope: Flags) -> Floats:
        """Return what the units held in a scope had cost, by day."""
        whole = np.zeros(len(self.days))
        for base, costs in self.priced.sums(scope).costs.items():
            whole += _times(costs, self.rate(base), costs != 0)
        return whole

    def crossing(self, scope: Flags, policy: Policy) -> tuple[Flows, Floats]:
        """Return the payments over the bounds of a scope, and their amounts: positive comes in."""
        inside = np.append(scope, False)  # outside is not
        apart = np.isin(self.flows.kind, policy.set_apart())
        comes = inside[self.flows.target]
        goes = inside[self.flows.source] & ~apart
        chosen = comes != goes
        crossing = self.flows.where(chosen)
        return crossing, np.where(comes[chosen], crossing.amount, -crossing.amount)

    def knows(self, scope: Flags) -> bool:
        """Tell whether the series of a scope is kept."""
        return self.shelf.get(self._own, (scope.tobytes(), Policy())) is not None

    def series(self, scope: Flags, policy: Policy | None = None) -> Series:
        """Return the series of a scope."""
        chosen = policy or Policy()

        def make() -> Series:
            crossing, amounts = self.crossing(scope, chosen)
            worth, count = self.value_of(scope), len(self.days)
            empty = worth == 0  # so a fee or a tax is less paid out, and no money put in
            late = (np.append(True, empty[:-1]) & empty)[crossing.day]
            late &= np.isin(crossing.kind, (PaymentKind.INCOME, PaymentKind.TAX, PaymentKind.FEE))
            amounts = joined(amounts, crossing.entry, late)
            inflow = np.where(late, 0, np.maximum(amounts, 0))
            return Series(
                days=self.days,
                value=worth,
                inflow=_by_day(crossing.day, inflow, count),
                outflow=_by_day(crossing.day, inflow - amounts, count),
                fresh=self.priced.sums(scope).fresh,
            )

        return self.shelf.made(self._own, (scope.tobytes(), chosen), make)

    def missing(self, scope: Flags, place: int) -> Iterator[tuple[Reason, Line]]:
        """Yield why the value of a scope on a day is not known, and on which lines."""
        day, window = int(self.days[place]), slice(place, place + 1)
        for column in np.flatnonzero(scope).tolist():
            line = self.lines[column]
            if not self.priced.whole.steps[column].on(day):
                continue
            if line.instrument and np.isnan(self.priced.price(line.instrument, window)[0][0]):
                yield Reason.NO_PRICE, line
            elif np.isnan(self.rate(self.priced.currency(line))[place]):
                yield Reason.NO_RATE, line


def _times(amounts: Floats, rates: Floats, where: Flags) -> Floats:
    """Convert amounts; where there is nothing, no rate is needed."""
    return np.multiply(amounts, rates, out=np.zeros(len(amounts)), where=where)


def _by_day(days: NDArray[np.intp], amounts: Floats, count: int) -> Floats:
    return np.asarray(np.bincount(days, amounts, minlength=count), dtype=float)


def days_between(first: date, last: date) -> Days:
    """Return the days from first to last, both included."""
    return np.arange(first.toordinal(), last.toordinal() + 1, dtype=np.int64)


def value(book: Book, quotes: Quotes, *, first: date, last: date) -> Valuation:
    """Value a book on the days from first to last, both included."""
    parts = Parts().changed((), {(0, 0): part_of(book)})
    priced = Priced(
        whole=parts.whole(book.bases), prices=quotes.prices, days=days_between(first, last)
    )
    courses = {currency: Course(track) for currency, track in quotes.rates.items()}
    return Valuation(priced=priced, target=quotes.currency, courses=courses)
