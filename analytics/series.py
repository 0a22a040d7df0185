"""A scope's value day by day, free of what was paid in and taken out: links, index, returns.

All of it is float64: statistics of the past, never booked and never turned back into money. What a
user sees as money at the ends of a period is worked out exactly in `analytics.statement`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ROUNDING = 1e-12
"""Of what sums are made of, so small a part is rounding of binary fractions, and no money."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """A scope at the end of each day, and what came in and went out during it, both positive.

    But for what is charged after all was taken out: as no money works then, it went out below zero.
    ``days`` are ordinals without holes. The first day is what the series starts from: its own
    flows are left out. A value or flow that is not known is NaN. ``fresh`` tells the days on which
    something of the scope was traded.
    """

    days: Days
    value: Floats
    inflow: Floats
    outflow: Floats
    fresh: Flags

    @property
    def nbytes(self) -> int:
        """Return about how many bytes it takes; its days are those of others too."""
        return sum(one.nbytes for one in (self.value, self.inflow, self.outflow, self.fresh))

    def places(self, first: date, last: date) -> slice:
        """Return where the days from first to last are, with the day before to start from."""
        begin = max(first.toordinal() - 1 - int(self.days[0]), 0)
        return slice(begin, max(last.toordinal() + 1 - int(self.days[0]), begin + 1))

    def cut(self, first: date, last: date) -> "Series":
        """Return the days from first to last, both included, with the day before to start from."""
        return self.part(self.places(first, last))

    def part(self, part: slice) -> "Series":
        """Return the days at some places."""
        return Series(
            days=self.days[part],
            value=self.value[part],
            inflow=self.inflow[part],
            outflow=self.outflow[part],
            fresh=self.fresh[part],
        )


def of_prices(days: Days, prices: Floats, *, fresh: Flags | None = None) -> Series:
    """Return the series of one unit that is held all the time."""
    none = np.zeros(len(days))
    traded = np.ones(len(days), dtype=bool) if fresh is None else fresh
    return Series(days=days, value=prices, inflow=none, outflow=none, fresh=traded)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Links:
    """What was earned between one known value and the next, as a rule from day to day.

    Money in works from the start of its day, money out until the end of its. ``starts`` and
    ``ends`` are places in the series. ``growth`` is the gain over the capital: zero without
    capital and gain (``idle``), NaN without positive capital (``broken``) or an unknown flow. What
    next has capital after a loss of more than all is broken too: of less than nothing is nothing
    left to grow. What is earned or charged after all was taken out, such as a dividend of units
    that are sold, is in the growth of the last link with capital; its own link is idle. What
    comes before the first capital is in no growth, and in the gain alone.
    """

    series: Series
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    gain: Floats
    capital: Floats
    growth: Floats
    idle: Flags
    broken: Flags

    @property
    def gapped(self) -> bool:
        """Tell whether a link passes over days without a value, and is approximated."""
        return bool(np.any(self.ends - self.starts > 1))

    @property
    def begin(self) -> int:
        """Return the place from which there is capital: the last one if there never is."""
        active = self.starts[~self.idle]
        return int(active[0]) if len(active) else len(self.series.days) - 1

    @property
    def end(self) -> int:
        """Return the last place with capital before it: the last one if there never is."""
        return self._last(~self.idle)

    @property
    def paid_until(self) -> int:
        """Return the last place with capital before it, or with what was earned afterwards."""
        return max(self.end, self._last(~self.idle | (self.gain != 0)))

    @property
    def counted_in(self) -> NDArray[np.intp]:
        """Return in the growth of which link the gain of each is: mostly its own."""
        return np.where(self.idle & (self.gain != 0), _with_capital(~self.idle), self._numbers)

    @property
    def _numbers(self) -> NDArray[np.intp]:
        return np.arange(len(self.starts))

    def _last(self, chosen: Flags) -> int:
        ends = self.ends[chosen]
        return int(ends[-1]) if len(ends) else len(self.series.days) - 1

    @property
    def funded_days(self) -> int:
        """Return for how many days there was capital, from the day it came on."""
        active = ~self.idle
        begun = active & (self.series.value[self.starts] == 0)
        return int((self.ends - self.starts)[active].sum() - begun.sum())

    def index(self) -> Floats:
        """Return the flow-free index, 1 at the start: NaN on unknown days and beyond a break."""
        found = np.full(len(self.series.days), np.nan)
        if len(self.starts):
            found[self.starts[0]] = 1.0
            with np.errstate(over="ignore"):
                found[self.ends] = np.cumprod(1 + self.growth)
        return found

    def segments(self) -> Iterator[tuple[date, date, float]]:
        """Yield the stretches between breaks that had capital: days they lie between, return."""
        bounds = np.flatnonzero(np.isnan(self.growth))
        for places in np.split(np.arange(len(self.growth)), bounds):
            part = places[~np.isnan(self.growth[places]) & ~self.idle[places]]
            if len(part):
                first, last = self.starts[part[0]], self.ends[part[-1]]
                with np.errstate(over="ignore"):
                    linked = np.prod(1 + self.growth[part])
                yield (
                    date.fromordinal(int(self.series.days[first])),
                    date.fromordinal(int(self.series.days[last])),
                    float(linked - 1),
                )


def links_of(series: Series) -> Links:
    """Link the known values of a series: Modified Dietz, which day by day is time-weighted."""
    known = np.flatnonzero(~np.isnan(series.value))
    starts, ends = known[:-1], known[1:]
    if not len(starts):
        none = np.empty(0)
        no = np.empty(0, dtype=bool)
        return Links(
            series=series,
            starts=starts,
            ends=ends,
            gain=none,
            capital=none,
            growth=none,
            idle=no,
            broken=no,
        )
    span = ends - starts
    within = slice(starts[0] + 1, ends[-1] + 1)
    heads = starts - starts[0]
    inflow, outflow = series.inflow[within], series.outflow[within]
    left = (np.repeat(ends, span) - np.arange(within.start, within.stop)) / np.repeat(span, span)
    worked = inflow * (left + 1 / np.repeat(span, span)) - outflow * left
    capital = series.value[starts] + np.add.reduceat(worked, heads)
    net = np.add.reduceat(inflow - outflow, heads)
    gain = series.value[ends] - series.value[starts] - net
    size = np.abs(series.value[starts]) + np.abs(series.value[ends])
    size += np.add.reduceat(inflow + outflow, heads)
    gain[np.abs(gain) <= ROUNDING * size] = 0.0
    put_in = np.abs(series.value[starts]) + np.add.reduceat(np.abs(worked), heads)
    capital[np.abs(capital) <= ROUNDING * put_in] = 0.0
    idle = (capital == 0) & (gain == 0)
    growth = np.full(len(gain), np.nan)
    np.divide(gain, capital, out=growth, where=capital > 0)
    late = _paid_late(series, known, capital, gain)
    earned = capital > 0
    last = _with_capital(earned)
    counts = late & earned[last] & (last < np.arange(len(gain)))
    np.add.at(growth, last[counts], gain[counts] / capital[last[counts]])
    late &= counts | (series.value[ends] == 0)
    idle |= late
    beyond = _after_ruin(growth, idle)  # a late loss may be what makes it more than all
    growth[idle], growth[beyond] = 0.0, np.nan
    broken = ((capital <= 0) & ~idle) | beyond
    return Links(
        series=series,
        starts=starts,
        ends=ends,
        gain=gain,
        capital=capital,
        growth=growth,
        idle=idle,
        broken=broken,
    )


def _after_ruin(growth: Floats, idle: Flags) -> Flags:
    """Return which links are the next that are not idle after a loss of more than all."""
    active = np.flatnonzero(~idle)
    found = np.zeros(len(growth), dtype=bool)
    found[active[1:]] = growth[active[:-1]] < -1
    return found


def _paid_late(series: Series, known: NDArray[np.intp], capital: Floats, gain: Floats) -> Flags:
    """Return which links earned or lost something of nothing, with no debt at either end."""
    before, after = series.value[known[:-1]], series.value[known[1:]]
    late = np.where(gain > 0, after >= 0, (gain < 0) & (after == 0))
    return np.asarray((capital == 0) & (before == 0) & late)


def _with_capital(chosen: Flags) -> NDArray[np.intp]:
    """Return the last chosen link until each; the first of all where there is none."""
    return np.maximum.accumulate(np.where(chosen, np.arange(len(chosen)), 0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Returns:
    """Returns that end on days, as ordinals; what happened between two of them is in the later."""

    days: Days
    values: Floats


def returns_of(links: Links, *, on: Flags | None = None) -> Returns:
    """Return what was earned from trading day to trading day, from the first capital on.

    What cash alone brought or lost after the last trading day ends on days of its own: nothing that
    happened is left out. Where the value at either end is not known, nor is the return there.
    ``on`` tells the days of the series to end returns on instead.
    """
    fresh = links.series.fresh if on is None else on
    active = np.flatnonzero(~links.idle)
    ends = links.ends[active]
    stops = fresh[ends]
    if on is None:
        traded = np.flatnonzero(stops)
        after = slice(traded[-1] + 1 if len(traded) else 0, None)
        stops[after] = links.growth[active][after] != 0
    last = np.flatnonzero(stops)
    if not len(last):
        return Returns(days=np.empty(0, dtype=np.int64), values=np.empty(0))
    heads = np.concatenate([[0], last[:-1] + 1])
    factors = 1 + links.growth[active[: last[-1] + 1]]
    days = links.series.days[ends[last]]
    values = np.multiply.reduceat(factors, heads) - 1
    if on is None:
        lacks_start, lacks_end = np.isnan(links.series.value[[0, -1]]).astype(int).tolist()
        before, after_all = [np.nan] * lacks_start, [np.nan] * lacks_end
        begin = links.series.days[[int(links.starts[0])] * lacks_start]
        days = np.concatenate([begin, days, links.series.days[[-1] * lacks_end]])
        values = np.concatenate([before, values, after_all])
    return Returns(days=days, values=values)


def joined(amounts: Floats, entries: Days, chosen: Flags) -> Floats:
    """Return amounts with chosen ones of the same entry put together in the first of them."""
    found, places = amounts.copy(), np.flatnonzero(chosen)
    _, first, group = np.unique(entries[places], return_index=True, return_inverse=True)
    found[places] = 0.0
    found[places[first]] = np.bincount(group, amounts[places], minlength=len(first))
    return found


def together(first: Series, second: Series) -> tuple[Returns, Returns]:
    """Return the returns of two series of the same days between the days on which both traded."""
    one, other = links_of(first), links_of(second)
    both = first.fresh & second.fresh
    for links in (one, other):
        with_return = np.zeros(len(both), dtype=bool)
        with_return[links.ends[~links.idle]] = True
        both = both & with_return
    begin = _begin(one, other)
    return returns_of(_from(one, begin), on=both), returns_of(_from(other, begin), on=both)


def _begin(*all_links: Links) -> int:
    """Return the place from which all of some links have capital."""
    return max(links.begin for links in all_links)


def _from(links: Links, begin: int) -> Links:
    kept = links.starts >= begin
    return replace(
        links,
        **{
            name: getattr(links, name)[kept]
            for name in ("starts", "ends", "gain", "capital", "growth", "idle", "broken")
        },
    )
