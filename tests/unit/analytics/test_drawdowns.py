"""Falls from a peak, by hand and against empyrical's deepest."""

from datetime import date

import numpy as np
import pytest

from analytics.drawdowns import Drawdown, deepest, drawdowns
from analytics.risk import Statistic, measure
from analytics.series import Returns
from analytics.statistics import Sample
from tests.prices import closes, daily_returns

START = date(2024, 1, 1)


def falls(*wealth):
    levels = np.array([1.0, *wealth])
    days = START.toordinal() + 1 + np.arange(len(wealth))
    return drawdowns(Returns(days=days, values=levels[1:] / levels[:-1] - 1), start=START)


def test_each_fall_tells_peak_trough_recovery_and_how_long_it_took():
    found = falls(2, 1.5, 1, 2, 3, 2.7)
    assert found == [
        Drawdown(
            depth=pytest.approx(-0.5),
            peak=date(2024, 1, 2),
            trough=date(2024, 1, 4),
            recovery=date(2024, 1, 5),
            days=3,
        ),
        Drawdown(
            depth=pytest.approx(-0.1),
            peak=date(2024, 1, 6),
            trough=date(2024, 1, 7),
            recovery=None,
            days=1,
        ),
    ]
    assert deepest(found[::-1]) == found


def test_the_start_is_a_peak():
    (fall,) = falls(0.9, 0.8, 1)
    assert (fall.peak, fall.depth) == (START, pytest.approx(-0.2))


def test_without_a_fall_there_is_none():
    assert falls(1, 2, 3) == []


@pytest.mark.parametrize("symbol", ["AAPL", "GE", "RRC", "SP500"])
def test_the_deepest_fall_of_real_prices_is_the_maximum_drawdown(symbol):
    track, returns = closes()[symbol], daily_returns(symbol)
    start = date.fromordinal(int(track.days[0]))
    fall, *_ = deepest(drawdowns(returns, start=start))
    figure = measure(Statistic.MAX_DRAWDOWN, Sample(returns=returns.values)).value
    assert fall.depth == pytest.approx(figure, rel=1e-12)
    level = dict(zip(track.days.tolist(), track.values.tolist(), strict=True))
    fallen = level[fall.trough.toordinal()] / level[fall.peak.toordinal()] - 1
    assert fall.depth == pytest.approx(fallen, rel=1e-9)


def test_the_crash_of_2020_is_dated_as_everybody_has_it():
    # S&P 500: from 3,386.15 on February 19th to 2,237.40 on March 23rd, back above on August 18th.
    returns = daily_returns("SP500")
    falls = deepest(drawdowns(returns, start=date(2020, 1, 2)))
    found = next(fall for fall in falls if fall.peak.year == 2020)
    assert (found.peak, found.trough) == (date(2020, 2, 19), date(2020, 3, 23))
    assert found.recovery == date(2020, 8, 18)
    assert round(found.depth, 4) == round(2237.40 / 3386.15 - 1, 4)
    assert found.days == 181
