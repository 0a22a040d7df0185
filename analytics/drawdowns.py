"""Falls from a peak: how deep, from when to when, and how long until it was reached again."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from analytics.series import Returns
from analytics.statistics import under_water


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """One fall; ``depth`` is a negative fraction, ``recovery`` null while still under water.

    ``days`` are calendar days from the peak to the recovery, or to the last day known.
    """

    depth: float
    peak: date
    trough: date
    recovery: date | None
    days: int


def drawdowns(returns: Returns, *, start: date) -> list[Drawdown]:
    """Return all falls, oldest first; ``start`` is the day the first return starts from."""
    depths = np.concatenate([[0.0], under_water(returns.values)])
    days = np.concatenate([[start.toordinal()], returns.days])
    below = depths < 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], below, [False]])))
    found = []
    for begin, end in edges.reshape(-1, 2):  # a fall goes from begin to before end
        recovered = end < len(days)
        last = end if recovered else end - 1
        trough = begin + int(np.argmin(depths[begin:end]))
        found.append(
            Drawdown(
                depth=float(depths[trough]),
                peak=date.fromordinal(int(days[begin - 1])),
                trough=date.fromordinal(int(days[trough])),
                recovery=date.fromordinal(int(days[end])) if recovered else None,
                days=int(days[last] - days[begin - 1]),
            )
        )
    return found


def deepest(falls: list[Drawdown]) -> list[Drawdown]:
    """Return falls, the deepest first, and the first of equal ones."""
    return sorted(falls, key=lambda fall: fall.depth)
