"""Risk of a series of returns: each figure once, or over a window that rolls along."""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analytics import statistics
from analytics.irr import YEAR
from analytics.measures import LARGEST, Measure, Part, Reason, parts
from analytics.series import Days, Floats, Returns
from analytics.statistics import Assumptions, Formula, Sample, Steps


class Statistic(Enum):
    """A figure of risk; its name is that of its definition."""

    ANNUAL_RETURN = "annualReturn"
    VOLATILITY = "volatility"
    DOWNSIDE_RISK = "downsideRisk"
    SHARPE = "sharpe"
    SORTINO = "sortino"
    CALMAR = "calmar"
    MAX_DRAWDOWN = "maxDrawdown"
    BETA = "beta"
    ALPHA = "alpha"
    ALPHA_COMPOUNDED = "alphaCompounded"
    TRACKING_ERROR = "trackingError"
    INFORMATION_RATIO = "informationRatio"
    UP_CAPTURE = "upCapture"
    DOWN_CAPTURE = "downCapture"
    VALUE_AT_RISK = "valueAtRisk"
    CONDITIONAL_VALUE_AT_RISK = "conditionalValueAtRisk"
    PARAMETRIC_VALUE_AT_RISK = "parametricValueAtRisk"
    PARAMETRIC_CONDITIONAL_VALUE_AT_RISK = "parametricConditionalValueAtRisk"
    OMEGA = "omega"
    TAIL_RATIO = "tailRatio"
    STABILITY = "stability"
    WIN_RATE = "winRate"


_RULES: dict[Statistic, tuple[Formula, Reason]] = {
    Statistic.ANNUAL_RETURN: (statistics.annual_return, Reason.TOTAL_LOSS),
    Statistic.VOLATILITY: (statistics.volatility, Reason.SERIES_TOO_SHORT),
    Statistic.DOWNSIDE_RISK: (statistics.downside_risk, Reason.SERIES_TOO_SHORT),
    Statistic.SHARPE: (statistics.sharpe, Reason.NO_VARIATION),
    Statistic.SORTINO: (statistics.sortino, Reason.NO_LOSSES),
    Statistic.CALMAR: (statistics.calmar, Reason.NO_DRAWDOWN),
    Statistic.MAX_DRAWDOWN: (statistics.max_drawdown, Reason.SERIES_TOO_SHORT),
    Statistic.BETA: (statistics.beta, Reason.NO_VARIATION),
    Statistic.ALPHA: (statistics.alpha, Reason.NO_VARIATION),
    Statistic.ALPHA_COMPOUNDED: (statistics.alpha_compounded, Reason.NO_VARIATION),
    Statistic.TRACKING_ERROR: (statistics.tracking_error, Reason.SERIES_TOO_SHORT),
    Statistic.INFORMATION_RATIO: (statistics.information_ratio, Reason.NO_VARIATION),
    Statistic.UP_CAPTURE: (statistics.up_capture, Reason.NO_WINS),
    Statistic.DOWN_CAPTURE: (statistics.down_capture, Reason.NO_LOSSES),
    Statistic.VALUE_AT_RISK: (statistics.value_at_risk, Reason.SERIES_TOO_SHORT),
    Statistic.CONDITIONAL_VALUE_AT_RISK: (
        statistics.conditional_value_at_risk,
        Reason.SERIES_TOO_SHORT,
    ),
    Statistic.PARAMETRIC_VALUE_AT_RISK: (
        statistics.parametric_value_at_risk,
        Reason.SERIES_TOO_SHORT,
    ),
    Statistic.PARAMETRIC_CONDITIONAL_VALUE_AT_RISK: (
        statistics.parametric_conditional_value_at_risk,
        Reason.SERIES_TOO_SHORT,
    ),
    Statistic.OMEGA: (statistics.omega, Reason.NO_LOSSES),
    Statistic.TAIL_RATIO: (statistics.tail_ratio, Reason.NO_LOSSES),
    Statistic.STABILITY: (statistics.stability, Reason.NO_VARIATION),
    Statistic.WIN_RATE: (statistics.win_rate, Reason.NO_VARIATION),
}
"""How each is worked out, and why it may not be defined though there are enough returns."""

COMPARING = frozenset(
    {
        Statistic.BETA,
        Statistic.ALPHA,
        Statistic.ALPHA_COMPOUNDED,
        Statistic.TRACKING_ERROR,
        Statistic.INFORMATION_RATIO,
        Statistic.UP_CAPTURE,
        Statistic.DOWN_CAPTURE,
    }
)
"""Those that need a benchmark."""

_CELLS = 2**20
"""So many returns of overlapping windows are looked at together: a few megabytes a step."""

_HISTORICAL = frozenset({Statistic.VALUE_AT_RISK, Statistic.CONDITIONAL_VALUE_AT_RISK})
_OF_GROWTH = frozenset({Statistic.CALMAR, Statistic.STABILITY})
_YEARLY = frozenset({Statistic.ANNUAL_RETURN, Statistic.CALMAR})
_ONE_IS_ENOUGH = frozenset(
    {Statistic.ANNUAL_RETURN, Statistic.MAX_DRAWDOWN, Statistic.WIN_RATE, Statistic.OMEGA}
)


def _least(statistic: Statistic, terms: Assumptions) -> int:
    """Return how many returns there must be."""
    if statistic in _HISTORICAL:  # less than one return would lie beyond the percentile
        return int(np.ceil(round(1 / terms.tail, 9))) + terms.horizon - 1
    return 1 if statistic in _ONE_IS_ENOUGH else 2


def _years(sample: Sample) -> float:
    if sample.length is None:
        return float(sample.returns.shape[-1] / sample.terms.periods)
    return float(sample.length) / YEAR


def _lacking(statistic: Statistic, sample: Sample) -> Reason | None:
    """Return why the returns do not allow a figure."""
    if statistic in COMPARING and sample.benchmark is None:
        return Reason.NO_BENCHMARK
    if sample.returns.shape[-1] < _least(statistic, sample.terms):
        return Reason.SERIES_TOO_SHORT
    if np.any(np.isnan(sample.returns)):
        return Reason.NEGATIVE_CAPITAL
    if sample.benchmark is not None and np.any(np.isnan(sample.benchmark)):
        return Reason.NO_PRICE
    return None


def measure(statistic: Statistic, sample: Sample) -> Measure:
    """Work out one figure of one series."""
    terms, returns = sample.terms, sample.returns
    formula, reason = _RULES[statistic]
    begun = Measure(
        definition=statistic.value,
        inputs=parts(
            returns=float(returns.shape[-1]),
            periods_a_year=terms.periods,
            risk_free_rate=terms.risk_free,
            target=terms.target,
            confidence=terms.confidence,
            horizon=float(terms.horizon),
        ),
    )
    lacking = _lacking(statistic, sample)
    if lacking is not None:
        return begun.because(lacking)
    worked = {name: float(value) for name, value in _worked(formula, sample).items()}
    *_, value = worked.values()
    known = [(name, one if np.isfinite(one) else None) for name, one in worked.items()]
    begun = replace(begun, steps=tuple(Part(name=name, value=one) for name, one in known))
    if not np.isnan(value):
        return begun.of_rate(value)
    if np.isinf(list(worked.values())).any():
        reason = Reason.OUT_OF_RANGE
    elif statistic in _YEARLY and _years(sample) < 1 and not terms.force:
        reason = Reason.LESS_THAN_A_YEAR
    elif statistic in _OF_GROWTH and np.any(sample.returns <= -1):
        reason = Reason.TOTAL_LOSS
    elif statistic in _YEARLY and not _years(sample):
        reason = Reason.SERIES_TOO_SHORT
    return begun.because(reason)


def _worked(formula: Formula, sample: Sample) -> Steps:
    """Work a formula out; what no float holds is infinite, and what builds on it may be NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        return formula(sample)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rolling:
    """A figure over each window of a series, by the day the window ends; NaN where undefined."""

    days: Days
    values: Floats


def rolling(
    statistic: Statistic,
    returns: Returns,
    *,
    window: int,
    benchmark: Returns | None = None,
    terms: Assumptions | None = None,
) -> Rolling:
    """Work out one figure over every window of so many returns; nothing if there are fewer.

    Of a window n returns are n / periods years, whatever the calendar says.
    """
    terms = terms or Assumptions()
    count = len(returns.values) - window + 1
    lacking = statistic in COMPARING and benchmark is None
    if lacking or count < 1 or window < _least(statistic, terms):
        return Rolling(days=np.empty(0, dtype=np.int64), values=np.empty(0))
    known = [returns.values] + ([] if benchmark is None else [benchmark.values])
    views = [sliding_window_view(values, window) for values in known]
    formula, _ = _RULES[statistic]
    found = np.empty(count)
    step = max(_CELLS // window, 1)
    for begin in range(0, count, step):
        some = slice(begin, begin + step)
        sample = Sample(
            returns=views[0][some],
            benchmark=None if benchmark is None else views[1][some],
            terms=terms,
        )
        *_, found[some] = _worked(formula, sample).values()
    found[np.abs(found) > LARGEST] = np.nan
    for view in views:
        found[np.isnan(view).any(axis=-1)] = np.nan
    return Rolling(days=returns.days[window - 1 :], values=found)
