"""The money-weighted rate: what a deposit would have had to yield to bring the same flows.

f(r) = sum of flow x (1 + r) ^ (-(day - first day) / 365) = 0. A flow paid in is negative, one
taken out positive; the year has 365 days. All roots between r = -0.999999 and 999,999 are found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.measures import Reason
from analytics.series import Days, Floats

YEAR = 365
_WIDEST = float(np.log(1e6))
_POINTS = 1001  # so near to each other that the classic examples' roots fall apart


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


def irr(flows: Floats, times: Floats) -> Roots:
    """Find the rates per unit of time at which dated flows are worth nothing together."""
    moments, places = np.unique(times, return_inverse=True)
    summed = np.bincount(places, weights=flows)
    kept = np.abs(summed) > 1e-12 * np.abs(flows).sum()
    summed, moments = summed[kept], moments[kept]
    if len(summed) < 2 or summed.min() >= 0 or summed.max() <= 0:
        return Roots(reason=Reason.NO_SIGN_CHANGE)
    moments = moments - moments[0]
    # By Descartes' rule one change of sign has one root, wherever it is.
    changes = np.count_nonzero(np.diff(np.sign(summed)))
    logs = np.linspace(-_WIDEST, _WIDEST, 2 if changes == 1 else _POINTS)
    signs = np.sign(_worth(logs, summed, moments))
    found = [float(log) for log in logs[signs == 0]]
    crossed = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    low, high = logs[crossed], logs[crossed + 1]
    before = signs[crossed]
    for _ in range(64 if len(crossed) else 0):  # halves until the floats have no number between
        middle = (low + high) / 2
        same = np.sign(_worth(middle, summed, moments)) == before
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    found += [float(log) for log in (low + high) / 2]
    if not found:
        return Roots(reason=Reason.NO_ROOT)
    return Roots(rates=tuple(float(np.expm1(log)) for log in sorted(found, key=abs)))


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
