"""Fewer points of a series that still show its shape."""

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

from analytics.series import Floats


def downsample(values: Floats, *, points: int) -> NDArray[np.intp]:
    """Return the places of so many points, ascending, that keep peaks, troughs and both ends.

    Of largest triangles (LTTB) among the extremes of each stretch. Unknown values are left out;
    a series that has no more points than asked for keeps them all. At least three are kept.
    """
    known = np.flatnonzero(~np.isnan(values))
    if len(known) <= max(points, 3):
        return known
    sampler = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]  # it says nothing of itself
    chosen = sampler.downsample(
        known.astype(np.float64), np.ascontiguousarray(values[known]), n_out=max(points, 3)
    )
    return known[np.asarray(chosen, dtype=np.intp)]
