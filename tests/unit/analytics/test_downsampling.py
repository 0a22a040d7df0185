"""Fewer points that keep the shape."""

import numpy as np

from analytics.downsampling import downsample


def test_peaks_and_troughs_and_both_ends_are_kept():
    values = np.sin(np.arange(3650) / 200)
    values[1234], values[2345] = 5, -7
    found = downsample(values, points=100)
    assert len(found) == 100
    assert {0, 1234, 2345, 3649} <= set(found.tolist())
    assert (np.diff(found) > 0).all()


def test_a_short_series_keeps_all_it_knows():
    values = np.array([1, np.nan, 3, 2.0])
    assert downsample(values, points=10).tolist() == [0, 2, 3]


def test_unknown_values_are_never_chosen():
    values = np.arange(500.0)
    values[100:400] = np.nan
    found = downsample(values, points=20)
    assert not np.isnan(values[found]).any()
    assert {0, 499} <= set(found.tolist())
