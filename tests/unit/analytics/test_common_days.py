"""Returns of several series on the days that all of them were traded."""

import numpy as np
import pytest

from analytics.common_days import common_returns
from analytics.measures import Reason
from analytics.series import of_prices

DAYS = np.arange(100, 130)


def series(prices, *, skipped=()):
    """Prices of days, of which some are only carried."""
    fresh = ~np.isin(DAYS, skipped)
    values = np.full(len(DAYS), np.nan)
    values[: len(prices)] = prices
    return of_prices(DAYS, values, fresh=fresh)


def test_returns_are_from_one_day_that_all_were_traded_to_the_next():
    rising = series(100 * 1.01 ** np.arange(30), skipped=(101,))
    falling = series(50 * 0.99 ** np.arange(30), skipped=(102, 129))
    found = common_returns({"A": rising, "B": falling})
    assert (found.keys, found.dropped) == (("A", "B"), {})
    assert found.days.tolist() == [100, *range(103, 129)]
    assert found.returns[0] == pytest.approx([1.01**3 - 1, 0.99**3 - 1])
    assert found.returns[1] == pytest.approx([0.01, -0.01])
    assert found.returns.shape == (26, 2)


def test_what_does_not_cover_the_days_is_left_out_and_told():
    whole = series(100 * 1.01 ** np.arange(30))
    late = series([*[np.nan] * 11, *range(1, 20)])
    early = series([*range(1, 20)])
    unrated = series([np.nan] * 30)
    never = series([np.nan] * 30, skipped=DAYS)
    found = common_returns(
        {
            "whole": whole,
            "late": late,
            "early": early,
            "unrated": unrated,
            "never": never,
            "none": None,
            "flat": series([5.0] * 30),
        }
    )
    assert found.keys == ("whole",)
    assert found.returns.shape == (29, 1)
    assert found.dropped == {
        "late": Reason.SERIES_TOO_SHORT,
        "early": Reason.SERIES_TOO_SHORT,
        "unrated": Reason.NO_RATE,
        "never": Reason.NO_PRICE,
        "none": Reason.NO_PRICE,
        "flat": Reason.NO_VARIATION,
    }


def test_of_nothing_there_are_no_returns():
    found = common_returns({"A": None})
    assert (found.keys, found.returns.shape, len(found.days)) == ((), (0, 0), 0)
