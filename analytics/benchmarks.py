"""Compares a series with an instrument or a blend: over the same days, and with one's own flows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from analytics.irr import YEAR, xirr
from analytics.measures import Measure, Note, Part, Reason, parts
from analytics.periods import Interval, Span, calendar_spans
from analytics.returns import Period, time_weighted
from analytics.series import Days, Flags, Floats, Links, Series, of_prices

_ROUNDING = 1e-9
"""Of the units there have been, so small a part is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Instruments by symbol with the weights they have at the start, which sum to 1.

    Weights are restored at the close of the last day of each stretch of the calendar; without
    ``rebalanced`` never, so that what does better comes to weigh more.
    """

    weights: Mapping[str, float]
    rebalanced: Interval | None = Interval.DAY


def blended(parts_of: Mapping[str, Series], blend: Blend, *, begin: int = 0) -> Series:
    """Return the index of a blend over days that all parts have; it starts with 1.

    It starts on the first day from place ``begin`` on for which all parts are known. It is unknown
    before, and on days on which a part is: such days restore no weights.
    """
    names = list(blend.weights)
    days = parts_of[names[0]].days
    prices = np.column_stack([parts_of[name].value for name in names])
    weights = np.array([blend.weights[name] for name in names])
    index = np.full(len(days), np.nan)
    known: Flags = np.asarray(~np.isnan(prices).any(axis=1))
    known[:begin] = False
    if known.any():
        start = int(known.argmax())
        index[start] = 1.0
        later = np.arange(start + 1, len(days))
        ends = _ends(days[later], blend.rebalanced) & known[later]
        bounds = np.concatenate([[start], later[ends]])
        stretch = np.searchsorted(bounds, later) - 1
        growth = (prices[later] / prices[bounds[stretch]]) @ weights
        level = np.cumprod(np.concatenate([[1.0], growth[bounds[1:] - start - 1]]))
        index[later] = level[stretch] * growth
    fresh = np.all([parts_of[name].fresh for name in names], axis=0)
    return of_prices(days, index, fresh=fresh)


def _ends(days: Days, interval: Interval | None) -> Flags:
    """Return which days end a stretch of the calendar."""
    if interval is None or not len(days):
        return np.zeros(len(days), dtype=bool)
    if interval is Interval.DAY:
        return np.ones(len(days), dtype=bool)
    first, last = (date.fromordinal(int(day)) for day in days[[0, -1]])
    spans = calendar_spans(Span(first=first, last=last), interval)
    return np.asarray(np.isin(days, [span.last.toordinal() for span in spans]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A benchmark over the days of a period, and the same flows put into it.

    ``days`` are those from the first capital to the last, with all in between.
    """

    benchmark: Measure
    days: int
    excess: Measure
    value: Measure
    long_nickels: Measure
    kaplan_schoar: Measure


def compare(period: Period, benchmark: Series, *, price: Series | None = None) -> Comparison:
    """Compare a period with a benchmark whose series has the same days.

    ``price`` is the same without dividends.
    """
    own, links = time_weighted(period), period.links
    while_funded = slice(links.begin, links.end + 1)
    prices = benchmark.value[while_funded]
    theirs = Measure(definition="benchmarkReturn", inputs=_prices(prices))
    if np.isnan(prices[[0, -1]]).any():
        theirs = theirs.because(Reason.NO_PRICE)
    else:
        theirs = replace(
            theirs,
            value=float(prices[-1] / prices[0] - 1),
            steps=() if price is None else _apart(prices, price.value[while_funded]),
        )
    value, long_nickels, kaplan_schoar = _own_flows(period, benchmark.value[period.places])
    return Comparison(
        benchmark=theirs,
        days=len(prices) - 1,
        excess=_excess(own, _alongside(theirs, benchmark, links)),
        value=value,
        long_nickels=long_nickels,
        kaplan_schoar=kaplan_schoar,
    )


def _alongside(theirs: Measure, benchmark: Series, links: Links) -> Measure:
    """Return what a benchmark earned on the days with capital alone, as the own return has it."""
    active = ~links.idle
    starts, ends = links.starts[active], links.ends[active]
    if theirs.value is None or not len(starts):
        return theirs
    pauses = np.flatnonzero(starts[1:] != ends[:-1])
    begun, ended = starts[np.append(0, pauses + 1)], ends[np.append(pauses, -1)]
    growth = float(np.prod(benchmark.value[ended] / benchmark.value[begun]))
    if np.isnan(growth):
        return replace(theirs, value=None).because(Reason.NO_PRICE)
    return replace(theirs, value=growth - 1)


def _apart(prices: Floats, without: Floats) -> tuple[Part, ...]:
    """Return what prices made of a return, and what dividends did: both compound to it."""
    growth, alone = (float(one[-1] / one[0]) for one in (prices, without))
    return parts(price_return=alone - 1, dividend_return=growth / alone - 1)


def _prices(prices: Floats) -> tuple[Part, ...]:
    first, last = (None if np.isnan(one) else float(one) for one in prices[[0, -1]])
    return parts(start_price=first, end_price=last)


def _excess(own: Measure, theirs: Measure) -> Measure:
    begun = Measure(
        definition="excessReturn",
        inputs=parts(return_of_the_period=own.value, return_of_the_benchmark=theirs.value),
        notes=own.notes,
    )
    if own.value is None or theirs.value is None:
        return replace(begun, reason=own.reason or theirs.reason)
    if theirs.value <= -1:
        return begun.because(Reason.TOTAL_LOSS)
    steps = parts(difference=own.value - theirs.value)
    return replace(begun, steps=steps).of_rate((1 + own.value) / (1 + theirs.value) - 1)


def yearly(period: Period, measure: Measure, *, force: bool = False) -> Measure:
    """Return a yearly rate; of less than a year only with ``force``."""
    if measure.value is None or period.days >= YEAR or force:
        return measure
    return measure.because(Reason.LESS_THAN_A_YEAR)


def _own_flows(period: Period, prices: Floats) -> tuple[Measure, Measure, Measure]:
    """Buy the benchmark with what came in and sell it for what went out, at the same moments.

    Money in buys at the close of the day before, money out sells at that of its day.
    """
    funded = period.funded
    value, rate, ratio = (
        Measure(definition=name, inputs=period.inputs())
        for name in ("longNickelsValue", "longNickels", "kaplanSchoar")
    )
    inflow, outflow = funded.inflow.copy(), funded.outflow.copy()
    inflow[0], outflow[0] = funded.value[0], 0.0
    bought = _units(inflow, np.concatenate([prices[:1], prices[:-1]]))
    sold = _units(outflow, prices)
    last = float(prices[-1])
    paid, got = float(bought.sum()) * last, float(sold.sum()) * last
    lacking = period.measure("longNickels").reason
    if lacking is None and np.isnan(paid + got):
        lacking = Reason.NO_PRICE
    if lacking is not None:
        return value.because(lacking), rate.because(lacking), ratio.because(lacking)
    steps = parts(contributions_grown=paid, distributions_grown=got)
    value = replace(value, value=paid - got, steps=steps)
    ratio = replace(ratio, steps=steps)
    left = float(funded.value[-1])
    ratio = ratio.of_rate((got + left) / paid) if paid else ratio.because(Reason.NO_CAPITAL)
    units = np.cumsum(bought - sold)
    if units.min() < -_ROUNDING * units.max():
        return value, rate.because(Reason.SHORT_BENCHMARK), ratio
    flows = outflow - inflow
    flows[-1] += paid - got
    return value, _rate(rate, flows, funded.days), ratio


def _units(amounts: Floats, prices: Floats) -> Floats:
    """Return how many units amounts buy: NaN where there is no price for one."""
    found = np.zeros(len(amounts))
    found[amounts > 0] = np.nan
    np.divide(amounts, prices, out=found, where=(amounts > 0) & (prices > 0))
    return found


def _rate(begun: Measure, flows: Floats, days: Days) -> Measure:
    roots = xirr(flows, days)
    if roots.reason is not None:
        return begun.because(roots.reason)
    several = {Note.MULTIPLE_ROOTS} if len(roots.rates) > 1 else ()
    return replace(begun, value=roots.rates[0], notes=frozenset(several))
