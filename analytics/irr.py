"""The money-weighted rate: what a deposit would have had to yield to bring the same flows.

f(r) = sum of flow x (1 + r) ^ (-(day - first day) / 365) = 0. A flow paid in is negative, one
taken out positive; the year has 365 days. Roots between r = -0.999999 and 999,999 are found, up to
four that lie within 2.8 % of 1 + r. Those that floats cannot tell apart are told as one: two may be
a millionth of 1 + r apart, more have to be farther from each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.measures import Reason
from analytics.series import Days, Floats

YEAR = 365
_WIDEST = float(np.log(1e6))
_POINTS = 1001  # 2.8 % of 1 + r from one to the next
_WITHIN = 4  # roots between one point and the next
_SAME = 1e-6  # of 1 + r
_ROUNDING = 1e-14  # of the sum of all that is added up


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """All rates that solve the equation, the one nearest to zero on the log scale first."""

    rates: tuple[float, ...] = ()
    reason: Reason | None = None


def _worth(logs: Floats, flows: Floats, years: Floats) -> Floats:
    """Return f at each log of 1 + r, scaled down by its largest power: only its sign counts."""
    powers = np.multiply.outer(-logs, years)
    powers -= np.maximum(-logs * years[-1], 0)[:, np.newaxis]  # the first flow has power zero
    np.exp(powers, out=powers)
    found: Floats = powers @ flows
    return found


def _zeros(logs: Floats, flows: Floats, years: Floats) -> Floats:
    """Return where f is zero, if between two of the points it only rises or only falls."""
    worth, size = _worth(logs, np.column_stack([flows, np.abs(flows)]), years).T
    # Where f touches zero, rounding alone tells on which side it is.
    signs = np.where(np.abs(worth) <= _ROUNDING * size, 0.0, np.sign(worth))
    crossed = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    low, high, before = logs[crossed], logs[crossed + 1], signs[crossed]
    for _ in range(64 if len(crossed) else 0):  # halves until the floats have no number between
        middle = (low + high) / 2
        same = np.sign(_worth(middle, flows, years)) == before
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    found = np.sort(np.concatenate([logs[signs == 0], (low + high) / 2]))
    return found[np.diff(found, prepend=-np.inf) > _SAME]


def irr(flows: Floats, times: Floats) -> Roots:
    """Find the rates per unit of time at which dated flows are worth nothing together."""
    moments, places = np.unique(times, return_inverse=True)
    summed = np.bincount(places, weights=flows)
    kept = np.abs(summed) > 1e-12 * np.abs(flows).sum()
    summed, moments = summed[kept], moments[kept]
    if len(summed) < 2 or summed.min() >= 0 or summed.max() <= 0:
        return Roots(reason=Reason.NO_SIGN_CHANGE)
    moments = moments - moments[0]
    # By Descartes' rule there are no more roots than changes of sign: one has one, wherever it is.
    changes = int(np.count_nonzero(np.diff(np.sign(summed))))
    grid = points = np.linspace(-_WIDEST, _WIDEST, 2 if changes == 1 else _POINTS)
    # f turns where its derivative is zero, and that turns where the next one is.
    for order in range(min(changes, _WITHIN) - 1, -1, -1):
        found = _zeros(points, summed * moments**order, moments)
        points = np.union1d(grid, found)
    if not len(found):
        return Roots(reason=Reason.NO_ROOT)
    return Roots(rates=tuple(float(np.expm1(log)) for log in sorted(found.tolist(), key=abs)))


def borrowed(flows: Floats, times: Floats, rate: float) -> bool:
    """Tell whether at a rate there was never money of one's own: what went out came in later."""
    logs = -np.log1p(rate) * (times - times[0])
    worth = flows * np.exp(logs - logs.max())
    balance = -np.cumsum(worth)
    return not bool((balance > 1e-9 * np.abs(worth).sum()).any())


def xirr(flows: Sequence[float] | Floats, days: Sequence[int] | Days) -> Roots:
    """Find the yearly rates of flows on days, given as ordinals."""
    return irr(np.asarray(flows, dtype=float), np.asarray(days, dtype=float) / YEAR)


def periodic_irr(flows: Sequence[float] | Floats) -> Roots:
    """Find the rates per period of flows one period apart."""
    return irr(np.asarray(flows, dtype=float), np.arange(len(flows), dtype=float))


def npv(rate: float, flows: Sequence[float] | Floats) -> float:
    """Return what flows one period apart are worth at the time of the first."""
    return float(np.sum(np.asarray(flows) * (1 + rate) ** -np.arange(len(flows), dtype=float)))


def xnpv(rate: float, flows: Sequence[float] | Floats, days: Sequence[int] | Days) -> float:
    """Return what dated flows are worth on the first of the days."""
    years = (np.asarray(days) - min(days)) / YEAR
    return float(np.sum(np.asarray(flows) * (1 + rate) ** -years))
