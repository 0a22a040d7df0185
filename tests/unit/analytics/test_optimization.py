"""Weights by objectives of the field, against closed forms and published examples."""

import sys
from math import sqrt

import numpy as np
import pytest

from analytics.optimization import (
    Estimator,
    Failure,
    Objective,
    Problem,
    Solution,
    optimize,
)
from analytics.statistics import Assumptions


def returns(deviations, correlations, means, *, periods=500):
    """Make up returns that have exactly these moments."""
    deviations = np.array(deviations)
    wanted = np.linalg.cholesky(np.array(correlations) * np.outer(deviations, deviations))
    drawn = np.random.default_rng(7).standard_normal((periods, len(deviations)))
    drawn -= drawn.mean(axis=0)
    white = drawn @ np.linalg.inv(np.linalg.cholesky(np.cov(drawn, rowvar=False))).T
    return white @ wanted.T + np.array(means)


def solved(matrix, objective, **terms):
    found = optimize(Problem(returns=matrix, objective=objective, **terms))
    assert isinstance(found, Solution), found
    assert found.weights.sum() == pytest.approx(1, abs=1e-12)
    assert found.contributions.sum() == pytest.approx(1)
    return found


# Two assets of 1 % and 2 % a day, correlated by 0.3, that earned 0.05 % and 0.12 % a day.
ONE, TWO, RHO, MEANS = 0.01, 0.02, 0.3, (0.0005, 0.0012)
PAIR = returns([ONE, TWO], [[1, RHO], [RHO, 1]], MEANS)
JOINT = RHO * ONE * TWO


def test_minimum_variance_of_two_assets_is_the_closed_form():
    found = solved(PAIR, Objective.MINIMUM_VARIANCE)
    first = (TWO**2 - JOINT) / (ONE**2 + TWO**2 - 2 * JOINT)
    assert found.weights == pytest.approx([first, 1 - first], abs=1e-4)
    variance = ONE**2 * TWO**2 * (1 - RHO**2) / (ONE**2 + TWO**2 - 2 * JOINT)
    assert found.volatility == pytest.approx(sqrt(variance * 252), rel=1e-6)
    assert found.contributions == pytest.approx(found.weights, abs=1e-3)


def test_maximum_sharpe_of_two_assets_is_the_closed_form():
    terms = Assumptions(periods=252, risk_free=0.05)
    free = 1.05 ** (1 / 252) - 1
    one, two = MEANS[0] - free, MEANS[1] - free
    first = one * TWO**2 - two * JOINT
    first /= one * TWO**2 + two * ONE**2 - (one + two) * JOINT
    found = solved(PAIR, Objective.MAXIMUM_SHARPE, terms=terms)
    assert found.weights == pytest.approx([first, 1 - first], abs=1e-4)
    best = (one**2 * TWO**2 + two**2 * ONE**2 - 2 * one * two * JOINT) / (
        ONE**2 * TWO**2 * (1 - RHO**2)
    )
    assert found.sharpe == pytest.approx(sqrt(best * 252), rel=1e-6)
    assert found.expected_return == pytest.approx(
        252 * (first * MEANS[0] + (1 - first) * MEANS[1]), rel=1e-3
    )


def test_risk_parity_of_two_assets_is_by_inverse_deviation_whatever_their_correlation():
    found = solved(PAIR, Objective.RISK_PARITY)
    assert found.weights == pytest.approx([TWO / (ONE + TWO), ONE / (ONE + TWO)], abs=1e-4)
    assert found.contributions == pytest.approx([0.5, 0.5], abs=1e-3)


def test_hierarchical_risk_parity_of_two_assets_is_by_inverse_variance():
    found = solved(PAIR, Objective.HIERARCHICAL_RISK_PARITY)
    whole = ONE**2 + TWO**2
    assert found.weights == pytest.approx([TWO**2 / whole, ONE**2 / whole], abs=1e-9)


# Maillard, Roncalli, Teiletche (2010), On the properties of equally-weighted risk contributions
# portfolios: deviations of 10 to 40 %, and correlations of 0.8 and -0.5 in pairs.
FOUR = returns(
    [0.1, 0.2, 0.3, 0.4],
    [[1, 0.8, 0, 0], [0.8, 1, 0, 0], [0, 0, 1, -0.5], [0, 0, -0.5, 1]],
    [0.02, 0.03, 0.05, 0.06],
)


@pytest.mark.parametrize(
    ("objective", "weights", "volatility"),
    [
        (Objective.MINIMUM_VARIANCE, [0.745, 0, 0.152, 0.103], 0.086),
        (Objective.RISK_PARITY, [0.384, 0.192, 0.243, 0.182], 0.103),
    ],
)
def test_four_assets_weigh_what_the_published_example_says(objective, weights, volatility):
    found = solved(FOUR, objective, terms=Assumptions(periods=1))
    assert found.weights == pytest.approx(weights, abs=6e-4)
    assert found.volatility == pytest.approx(volatility, abs=6e-4)


def test_maximum_sharpe_of_four_assets_is_the_tangency_portfolio():
    found = solved(FOUR, Objective.MAXIMUM_SHARPE, terms=Assumptions(periods=1, risk_free=0.01))
    covariance, means = np.cov(FOUR, rowvar=False), FOUR.mean(axis=0)
    tangency = np.linalg.solve(covariance, means - 0.01)
    assert found.weights == pytest.approx(tangency / tangency.sum(), abs=1e-4)


def test_hierarchical_risk_parity_halves_by_clusters():
    # By hand: clusters {1, 2} and {3, 4} with correlations of 0.8 and -0.5. Within one by inverse
    # variance: 0.8 and 0.2, 0.64 and 0.36; their variances are 0.01344 and 0.03168.
    correlations = [[1, 0.8, 0, 0], [0.8, 1, 0, 0], [0, 0, 1, 0.5], [0, 0, 0.5, 1]]
    matrix = returns([0.1, 0.2, 0.3, 0.4], correlations, [0, 0, 0, 0])
    one = 0.8**2 * 0.01 + 0.2**2 * 0.04 + 2 * 0.8 * 0.2 * 0.8 * 0.02
    two = 0.64**2 * 0.09 + 0.36**2 * 0.16 + 2 * 0.64 * 0.36 * 0.5 * 0.12
    share = two / (one + two)
    found = solved(matrix, Objective.HIERARCHICAL_RISK_PARITY)
    expected = [share * 0.8, share * 0.2, (1 - share) * 0.64, (1 - share) * 0.36]
    assert found.weights == pytest.approx(expected, abs=1e-9)


def test_weights_keep_to_their_bounds():
    for objective in Objective:
        found = solved(FOUR, objective, minimum=0.1, maximum=0.4)
        assert found.weights.min() >= 0.1 - 1e-5
        assert found.weights.max() <= 0.4 + 1e-5


def test_shrunk_covariances_put_up_with_what_a_sample_does_not():
    same = np.column_stack([PAIR, PAIR[:, 0]])
    singular = Problem(returns=same, objective=Objective.MINIMUM_VARIANCE)
    assert optimize(singular) is Failure.SINGULAR_COVARIANCE
    shrunk = solved(same, Objective.MINIMUM_VARIANCE, estimator=Estimator.LEDOIT_WOLF)
    assert shrunk.weights[0] == pytest.approx(shrunk.weights[2], abs=1e-3)
    solved(same, Objective.HIERARCHICAL_RISK_PARITY)


@pytest.mark.parametrize(
    ("problem", "failure"),
    [
        ({"returns": PAIR[:, :1]}, Failure.TOO_FEW_INSTRUMENTS),
        ({"returns": PAIR[:29]}, Failure.SERIES_TOO_SHORT),
        ({"returns": PAIR, "maximum": 0.4}, Failure.INFEASIBLE),
        ({"returns": PAIR, "minimum": 0.6}, Failure.INFEASIBLE),
        ({"returns": PAIR * [1, 0]}, Failure.SINGULAR_COVARIANCE),
        ({"returns": PAIR, "terms": Assumptions(risk_free=0.9)}, Failure.NO_EXCESS_RETURN),
        (
            {"returns": PAIR - [0.1, 0], "minimum": 0.5, "maximum": 0.5},
            Failure.NOT_SOLVED,
        ),
    ],
)
def test_what_has_no_weights_tells_why(problem, failure):
    assert optimize(Problem(objective=Objective.MAXIMUM_SHARPE, **problem)) is failure


def test_without_the_extra_there_are_no_weights(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfolio", None)
    problem = Problem(returns=PAIR, objective=Objective.RISK_PARITY)
    assert optimize(problem) is Failure.NOT_INSTALLED
