"""Weights that returns of the past would have asked for, by objectives of the field.

Solved by skfolio, an optional extra that is imported when it is asked for. What is told of the
weights is worked out here, from the same means and covariances.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.series import Floats
from analytics.statistics import Assumptions

LEAST_OBSERVATIONS = 30
SINGULAR = 1e-8
"""A least eigenvalue of the correlations below this means that some returns follow from others."""

NO_SPREAD = 1e-12
"""Returns that spread by less than this never change."""

NOISE = 1e-6
"""Weights below this are what a solver leaves of zero."""


class Objective(Enum):
    """What weights are to be best at."""

    MINIMUM_VARIANCE = "MINIMUM_VARIANCE"
    MAXIMUM_SHARPE = "MAXIMUM_SHARPE"
    RISK_PARITY = "RISK_PARITY"
    HIERARCHICAL_RISK_PARITY = "HIERARCHICAL_RISK_PARITY"


class Estimator(Enum):
    """How covariances are estimated."""

    SAMPLE = "SAMPLE"
    LEDOIT_WOLF = "LEDOIT_WOLF"


class Failure(Enum):
    """Why there are no weights."""

    NOT_INSTALLED = "NOT_INSTALLED"
    TOO_FEW_INSTRUMENTS = "TOO_FEW_INSTRUMENTS"
    SERIES_TOO_SHORT = "SERIES_TOO_SHORT"
    SINGULAR_COVARIANCE = "SINGULAR_COVARIANCE"
    NO_EXCESS_RETURN = "NO_EXCESS_RETURN"
    INFEASIBLE = "INFEASIBLE"
    NOT_SOLVED = "NOT_SOLVED"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Returns with a row a period and a column an asset, and what is asked of the weights.

    Weights are long only, each from ``minimum`` to ``maximum``, and one together.
    """

    returns: NDArray[np.float64]
    objective: Objective
    estimator: Estimator = Estimator.SAMPLE
    terms: Assumptions = field(default_factory=Assumptions)
    minimum: float = 0.0
    maximum: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """Weights, and what they would have come to a year.

    ``contributions`` are the shares of assets in the variance.
    """

    weights: Floats
    contributions: Floats
    expected_return: float
    volatility: float
    sharpe: float


def optimize(problem: Problem) -> Solution | Failure:
    """Find weights, or tell why there are none."""
    failure = _failure(problem)
    if failure is not None:
        return failure
    means, free = problem.returns.mean(axis=0), problem.terms.risk_free_each
    scale = 1 / float(problem.returns.std())  # solvers dislike very small numbers
    try:
        weights, covariance = _solved(problem, scale)
    except ModuleNotFoundError:
        return Failure.NOT_INSTALLED
    except ArithmeticError:
        return Failure.NOT_SOLVED
    weights = np.where(weights < NOISE, 0.0, weights)
    weights /= weights.sum()
    marginal = covariance / scale**2 @ weights
    variance, expected = float(weights @ marginal), float(weights @ means)
    volatility = float(np.sqrt(variance * problem.terms.periods))
    return Solution(
        weights=weights,
        contributions=weights * marginal / variance,
        expected_return=expected * problem.terms.periods,
        volatility=volatility,
        sharpe=(expected - free) * problem.terms.periods / volatility,
    )


def _failure(problem: Problem) -> Failure | None:
    """Tell why a problem need not be tried."""
    rows, columns = problem.returns.shape
    if columns < 2:
        return Failure.TOO_FEW_INSTRUMENTS
    if rows < max(LEAST_OBSERVATIONS, columns + 2):
        return Failure.SERIES_TOO_SHORT
    if not problem.minimum * columns <= 1 <= problem.maximum * columns:
        return Failure.INFEASIBLE
    if _is_singular(problem):
        return Failure.SINGULAR_COVARIANCE
    best = problem.returns.mean(axis=0).max()
    if problem.objective is Objective.MAXIMUM_SHARPE and best <= problem.terms.risk_free_each:
        return Failure.NO_EXCESS_RETURN
    return None


def _is_singular(problem: Problem) -> bool:
    """Tell whether the returns of some assets follow from those of others, or never change.

    Shrinking puts up with the first, and so does what looks at pairs alone.
    """
    if (problem.returns.std(axis=0) < NO_SPREAD).any():
        return True
    pairwise = problem.objective is Objective.HIERARCHICAL_RISK_PARITY
    if pairwise or problem.estimator is Estimator.LEDOIT_WOLF:
        return False
    correlations = np.corrcoef(problem.returns, rowvar=False)
    return bool(np.linalg.eigvalsh(correlations)[0] < SINGULAR)


def _solved(problem: Problem, scale: float) -> tuple[Floats, NDArray[np.float64]]:
    """Return weights and the covariances they rest on, both of scaled returns.

    Raises ModuleNotFoundError without the extra, and ArithmeticError for what is not solved.
    """
    from skfolio import RiskMeasure  # noqa: PLC0415  # an extra, and seconds to load
    from skfolio.exceptions import OptimizationError  # noqa: PLC0415
    from skfolio.moments import EmpiricalCovariance, EmpiricalMu, LedoitWolf  # noqa: PLC0415
    from skfolio.optimization import (  # noqa: PLC0415
        HierarchicalRiskParity,
        MeanRisk,
        ObjectiveFunction,
        RiskBudgeting,
    )
    from skfolio.prior import EmpiricalPrior  # noqa: PLC0415

    shrunk = problem.estimator is Estimator.LEDOIT_WOLF
    terms: dict[str, Any] = {
        "risk_measure": RiskMeasure.VARIANCE,
        "min_weights": problem.minimum,
        "max_weights": problem.maximum,
        "prior_estimator": EmpiricalPrior(
            mu_estimator=EmpiricalMu(),
            covariance_estimator=LedoitWolf() if shrunk else EmpiricalCovariance(nearest=False),
        ),
    }
    match problem.objective:
        case Objective.MINIMUM_VARIANCE:
            model = MeanRisk(**terms)
        case Objective.MAXIMUM_SHARPE:
            model = MeanRisk(
                objective_function=ObjectiveFunction.MAXIMIZE_RATIO,
                risk_free_rate=problem.terms.risk_free_each * scale,
                **terms | {"risk_measure": RiskMeasure.STANDARD_DEVIATION},
            )
        case Objective.RISK_PARITY:
            model = RiskBudgeting(**terms)
        case _:
            model = HierarchicalRiskParity(**terms)
    try:
        model.fit(problem.returns * scale)
    except (OptimizationError, ValueError) as error:
        raise ArithmeticError(str(error)) from error
    return model.weights_, model.prior_estimator_.return_distribution_.covariance
