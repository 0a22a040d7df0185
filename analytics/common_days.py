"""Returns of several series on the days that all of them were traded."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from analytics.measures import Reason
from analytics.series import Days, Flags, Series

K = TypeVar("K", bound=Hashable)

REACH = 10
"""So many days a series may begin after the first day or end before the last, for holidays."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommonReturns(Generic[K]):
    """Returns from one common day to the next: a column for each key, in order.

    ``days`` has one more than there are returns; ``dropped`` tells why a series is left out.
    """

    keys: tuple[K, ...]
    days: Days
    returns: NDArray[np.float64]
    dropped: Mapping[K, Reason]


def common_returns(series: Mapping[K, Series | None]) -> CommonReturns[K]:
    """Bring series of the same days together, without those that do not cover them."""
    kept: dict[K, Series] = {}
    dropped: dict[K, Reason] = {}
    for key, one in series.items():
        reason = Reason.NO_PRICE if one is None else _lacks(one)
        if one is None or reason is not None:
            dropped[key] = reason or Reason.NO_PRICE
        else:
            kept[key] = one
    if not kept:
        nothing = np.zeros((0, 0))
        return CommonReturns(
            keys=(), days=np.zeros(0, dtype=np.int64), returns=nothing, dropped=dropped
        )
    traded = np.logical_and.reduce([_traded(one) for one in kept.values()])
    values = np.column_stack([one.value[traded] for one in kept.values()])
    return CommonReturns(
        keys=tuple(kept),
        days=next(iter(kept.values())).days[traded],
        returns=values[1:] / values[:-1] - 1,
        dropped=dropped,
    )


def _traded(one: Series) -> Flags:
    return one.fresh & ~np.isnan(one.value)


def _lacks(one: Series) -> Reason | None:
    places = np.flatnonzero(_traded(one))
    if not len(places):
        return Reason.NO_RATE if one.fresh.any() else Reason.NO_PRICE
    if places[0] > REACH or places[-1] < len(one.days) - 1 - REACH:
        return Reason.SERIES_TOO_SHORT
    known = one.value[places]
    return Reason.NO_VARIATION if (known == known[0]).all() else None
