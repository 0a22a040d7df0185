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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """A scope at the end of each day, and what came in and went out during it, both positive.

    ``days`` are ordinals without holes. The first day is what the series starts from: its own
    flows are left out. A value or flow that is not known is NaN. ``fresh`` tells the days on which
    something of the scope was traded.
    """

    days: Days
    value: Floats
    inflow: Floats
    outflow: Floats
    fresh: Flags

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
    capital and gain (``idle``), NaN without positive capital (``broken``) or an unknown flow.
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

    def index(self) -> Floats:
        """Return the flow-free index, 1 at the start: NaN on unknown days and beyond a break."""
        found = np.full(len(self.series.days), np.nan)
        if len(self.starts):
            found[self.starts[0]] = 1.0
            found[self.ends] = np.cumprod(1 + self.growth)
        return found

    def segments(self) -> Iterator[tuple[date, date, float]]:
        """Yield the stretches between breaks that had capital: days they lie between, return."""
        bounds = np.flatnonzero(np.isnan(self.growth))
        for places in np.split(np.arange(len(self.growth)), bounds):
            part = places[~np.isnan(self.growth[places]) & ~self.idle[places]]
            if len(part):
                first, last = self.starts[part[0]], self.ends[part[-1]]
                yield (
                    date.fromordinal(int(self.series.days[first])),
                    date.fromordinal(int(self.series.days[last])),
                    float(np.prod(1 + self.growth[part]) - 1),
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
    idle = (capital == 0) & (gain == 0)
    broken = (capital <= 0) & ~idle
    growth = np.full(len(gain), np.nan)
    np.divide(gain, capital, out=growth, where=capital > 0)
    growth[idle] = 0.0
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Returns:
    """Returns that end on days, as ordinals; what happened between two of them is in the later."""

    days: Days
    values: Floats


def returns_of(links: Links, *, on: Flags | None = None) -> Returns:
    """Return what was earned from trading day to trading day, from the first capital on.

    ``on`` tells the days of the series to end returns on instead of those of the scope itself.
    """
    fresh = links.series.fresh if on is None else on
    active = np.flatnonzero(~links.idle)
    ends = links.ends[active]
    last = np.flatnonzero(fresh[ends])
    if not len(last):
        return Returns(days=np.empty(0, dtype=np.int64), values=np.empty(0))
    heads = np.concatenate([[0], last[:-1] + 1])
    factors = 1 + links.growth[active[: last[-1] + 1]]
    return Returns(
        days=links.series.days[ends[last]], values=np.multiply.reduceat(factors, heads) - 1
    )


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
