"""Compares a series with an instrument or a blend: over the same days, and with one's own flows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.irr import xirr
from analytics.measures import Measure, Note, Part, Reason, parts
from analytics.returns import Period, time_weighted
from analytics.series import Days, Flags, Floats, Series, of_prices


def blend(parts_of: Mapping[str, Series], weights: Mapping[str, float]) -> Series:
    """Return the index of a blend whose weights are restored each day; it starts with 1.

    It is unknown from the first day on which a part of it is.
    """
    whole = sum(weights.values())
    chosen = [(parts_of[name], weight / whole) for name, weight in weights.items() if weight]
    days = chosen[0][0].days
    growth = np.zeros(len(days) - 1)
    fresh: Flags = np.ones(len(days), dtype=bool)
    for part, weight in chosen:
        growth += weight * (part.value[1:] / part.value[:-1] - 1)
        fresh = fresh & part.fresh
    return of_prices(days, np.concatenate([[1.0], np.cumprod(1 + growth)]), fresh=fresh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A benchmark over the days of a period, and the same flows put into it."""

    benchmark: Measure
    excess: Measure
    value: Measure
    long_nickels: Measure
    kaplan_schoar: Measure


def compare(period: Period, benchmark: Series) -> Comparison:
    """Compare a period with a benchmark whose series has the same days."""
    own = time_weighted(period)
    skipped = len(period.series.days) - len(period.funded.days)
    prices = benchmark.value[skipped:]
    theirs = Measure(definition="benchmarkReturn", inputs=_ends(prices))
    if np.isnan(prices[[0, -1]]).any():
        theirs = theirs.because(Reason.NO_PRICE)
    else:
        theirs = replace(theirs, value=float(prices[-1] / prices[0] - 1))
    value, long_nickels, kaplan_schoar = _own_flows(period, prices)
    return Comparison(
        benchmark=theirs,
        excess=_excess(own, theirs),
        value=value,
        long_nickels=long_nickels,
        kaplan_schoar=kaplan_schoar,
    )


def _ends(prices: Floats) -> tuple[Part, ...]:
    first, last = (None if np.isnan(one) else float(one) for one in prices[[0, -1]])
    return parts(start_price=first, end_price=last)


def _excess(own: Measure, theirs: Measure) -> Measure:
    begun = Measure(
        definition="excessReturn",
        inputs=parts(return_of_the_period=own.value, return_of_the_benchmark=theirs.value),
    )
    if own.value is None or theirs.value is None:
        return replace(begun, reason=own.reason or theirs.reason)
    if theirs.value <= -1:
        return begun.because(Reason.TOTAL_LOSS)
    return replace(begun, value=(1 + own.value) / (1 + theirs.value) - 1)


def _own_flows(period: Period, prices: Floats) -> tuple[Measure, Measure, Measure]:
    """Buy the benchmark with what came in and sell it for what went out, at the same moments.

    Money in buys at the close of the day before, money out sells at that of its day.
    """
    funded = period.funded
    begun = tuple(
        Measure(definition=name, inputs=period.inputs())
        for name in ("longNickelsValue", "longNickels", "kaplanSchoar")
    )
    lacking = period.measure("longNickels").reason
    inflow, outflow = funded.inflow.copy(), funded.outflow.copy()
    inflow[0], outflow[0] = funded.value[0], 0.0
    before = np.concatenate([prices[:1], prices[:-1]])
    used = np.isnan(before[inflow > 0]).any() or np.isnan(prices[outflow > 0]).any()
    if lacking is None and (used or np.isnan(prices[-1])):
        lacking = Reason.NO_PRICE
    if lacking is not None:
        one, two, three = (measure.because(lacking) for measure in begun)
        return one, two, three
    bought, sold = inflow > 0, outflow > 0
    paid = future_value(inflow[bought], before[bought], prices[-1])
    got = future_value(outflow[sold], prices[sold], prices[-1])
    flows = outflow - inflow
    flows[-1] += paid - got
    ratio = replace(begun[2], steps=parts(contributions_grown=paid, distributions_grown=got))
    if paid > 0:
        left = float(funded.value[-1])
        ratio = replace(ratio, value=kaplan_schoar(paid=paid, got=got, left=left))
    else:
        ratio = ratio.because(Reason.NO_CAPITAL)
    value = replace(begun[0], value=paid - got)
    return value, _rate(begun[1], flows, funded.days), ratio


def _rate(begun: Measure, flows: Floats, days: Days) -> Measure:
    roots = xirr(flows, days)
    if roots.reason is not None:
        return begun.because(roots.reason)
    several = {Note.MULTIPLE_ROOTS} if len(roots.rates) > 1 else ()
    return replace(begun, value=roots.rates[0], notes=frozenset(several))


def future_value(
    amounts: Sequence[float] | Floats, index: Sequence[float] | Floats, last: float
) -> float:
    """Return what amounts would have become in an index by the end."""
    return float(np.sum(np.asarray(amounts) * last / np.asarray(index)))


def kaplan_schoar(*, paid: float, got: float, left: float) -> float:
    """Divide what was got and is left by what was paid, all grown with the index to the end."""
    return (got + left) / paid
