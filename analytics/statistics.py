"""The formulas of risk, over the last axis of arrays: for one series and for all its windows alike.

Each returns what it came to step by step, the figure itself last; NaN where it is not defined.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analytics.irr import YEAR
from analytics.series import Flags, Floats

_FLAT = 1e-12
"""A deviation, return or fall below this is rounding, and nothing is divided by it."""

Steps = dict[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What risk is worked out with besides returns; rates are fractions a year.

    ``periods`` is how many returns make a year: 252 trading days, 365 where it is traded always.
    ``target`` is the least return that is no loss. ``horizon`` counts returns. ``force`` gives
    yearly returns of less than a year too.
    """

    periods: float = 252
    risk_free: float = 0.0
    target: float = 0.0
    confidence: float = 0.95
    horizon: int = 1
    force: bool = False

    @property
    def risk_free_each(self) -> float:
        """Return the risk-free rate of one period."""
        return float((1 + self.risk_free) ** (1 / self.periods) - 1)

    @property
    def target_each(self) -> float:
        """Return the target of one period."""
        return float((1 + self.target) ** (1 / self.periods) - 1)

    @property
    def tail(self) -> float:
        """Return the share of the returns beyond the confidence."""
        return 1 - self.confidence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Returns along the last axis, and a benchmark's of the same days.

    ``length`` is how many calendar days they cover; without it n returns are n / periods years.
    """

    returns: Floats
    benchmark: Floats | None = None
    length: Floats | None = None
    terms: Assumptions = Assumptions()

    @property
    def against(self) -> Floats:
        """Return the benchmark's returns, which must be there."""
        if self.benchmark is None:
            raise ValueError("this figure needs a benchmark")
        return self.benchmark

    @property
    def excess(self) -> Floats:
        """Return what was earned above the risk-free rate."""
        return self.returns - self.terms.risk_free_each

    @property
    def summed(self) -> Floats:
        """Return the sums over the horizon, one for each return that it can end with."""
        horizon = self.terms.horizon
        if horizon == 1:
            return self.returns
        found: Floats = sliding_window_view(self.returns, horizon, axis=-1).sum(axis=-1)
        return found


def _mean(values: Floats) -> Floats:
    return np.asarray(np.mean(values, axis=-1))


def _std(values: Floats) -> Floats:
    return np.asarray(np.std(values, axis=-1, ddof=1))


def _over(part: Floats, whole: Floats, *, least: float = 0.0) -> Floats:
    """Divide; NaN where the whole is no more than the least."""
    found = np.full(np.broadcast_shapes(np.shape(part), np.shape(whole)), np.nan)
    np.divide(part, whole, out=found, where=np.asarray(whole > least))
    return found


def _yearly(sample: Sample, growth: Floats) -> Floats:
    """Return what a growth over the sample is a year; NaN for a total loss."""
    count = sample.returns.shape[-1]
    years = np.asarray(
        count / sample.terms.periods if sample.length is None else sample.length / YEAR
    )
    known = (growth > -1) & (years > 0) & (sample.terms.force | (years >= 1))
    found = np.full(np.shape(growth), np.nan)
    np.power(1 + growth, 1 / np.where(years > 0, years, 1), out=found, where=known)
    return found - 1


def cumulative(sample: Sample) -> Steps:
    """Link the returns."""
    return {"cumulative return": np.asarray(np.prod(1 + sample.returns, axis=-1) - 1)}


def annual_return(sample: Sample) -> Steps:
    """Return the growth a year."""
    steps = cumulative(sample)
    return steps | {"annual return": _yearly(sample, steps["cumulative return"])}


def volatility(sample: Sample) -> Steps:
    """Return the standard deviation a year."""
    std = _std(sample.returns)
    return {"standard deviation": std, "volatility": std * sample.terms.periods**0.5}


def downside_risk(sample: Sample) -> Steps:
    """Return the root of the mean squared shortfall below the target, over all returns, a year."""
    shortfall = np.minimum(sample.returns - sample.terms.target_each, 0)
    each = np.sqrt(_mean(shortfall**2))
    return {"downside deviation": each, "downside risk": each * sample.terms.periods**0.5}


def sharpe(sample: Sample) -> Steps:
    """Divide the mean excess return by its standard deviation."""
    mean, std = _mean(sample.excess), _std(sample.excess)
    ratio = _over(mean, std, least=_FLAT) * sample.terms.periods**0.5
    return {"mean excess return": mean, "standard deviation": std, "Sharpe ratio": ratio}


def sortino(sample: Sample) -> Steps:
    """Divide the mean return above the target, a year, by the downside risk."""
    mean = _mean(sample.returns - sample.terms.target_each)
    steps = downside_risk(sample)
    ratio = _over(mean * sample.terms.periods, steps["downside risk"], least=_FLAT)
    return {"mean return above the target": mean} | steps | {"Sortino ratio": ratio}


def max_drawdown(sample: Sample) -> Steps:
    """Return the deepest fall from a peak, the start being one."""
    return {"maximum drawdown": np.asarray(under_water(sample.returns).min(axis=-1))}


def under_water(returns: Floats) -> Floats:
    """Return after each return how far below its highest the wealth is, as a negative fraction."""
    wealth = np.cumprod(1 + returns, axis=-1)
    peak = np.maximum(np.maximum.accumulate(wealth, axis=-1), 1)
    found = wealth / peak - 1
    return np.where(found > -_FLAT, 0.0, found)


def calmar(sample: Sample) -> Steps:
    """Divide the annual return by the maximum drawdown."""
    steps = annual_return(sample) | max_drawdown(sample)
    ratio = _over(steps["annual return"], -steps["maximum drawdown"], least=_FLAT)
    return steps | {"Calmar ratio": ratio}


def beta(sample: Sample) -> Steps:
    """Divide the covariance with the benchmark by the benchmark's variance."""
    returns, against = sample.returns, sample.against
    apart = against - _mean(against)[..., np.newaxis]
    freedom = returns.shape[-1] - 1
    covariance = np.sum((returns - _mean(returns)[..., np.newaxis]) * apart, axis=-1) / freedom
    variance = np.sum(apart**2, axis=-1) / freedom
    return {
        "covariance with the benchmark": np.asarray(covariance),
        "variance of the benchmark": np.asarray(variance),
        "beta": _over(covariance, variance, least=_FLAT**2),
    }


def _alpha_each(sample: Sample) -> Steps:
    mean, other = _mean(sample.excess), _mean(sample.against - sample.terms.risk_free_each)
    slope = beta(sample)["beta"]
    return {
        "mean excess return": mean,
        "mean excess return of the benchmark": other,
        "beta": slope,
        "alpha of a period": mean - slope * other,
    }


def alpha(sample: Sample) -> Steps:
    """Return what beta does not explain, a year: times the periods."""
    steps = _alpha_each(sample)
    return steps | {"alpha": steps["alpha of a period"] * sample.terms.periods}


def alpha_compounded(sample: Sample) -> Steps:
    """Return what beta does not explain, compounded over a year."""
    steps = _alpha_each(sample)
    return steps | {"alpha": (1 + steps["alpha of a period"]) ** sample.terms.periods - 1}


def tracking_error(sample: Sample) -> Steps:
    """Return the standard deviation of the difference to the benchmark, a year."""
    std = _std(sample.returns - sample.against)
    return {
        "standard deviation of the difference": std,
        "tracking error": std * sample.terms.periods**0.5,
    }


def information_ratio(sample: Sample) -> Steps:
    """Divide the mean difference to the benchmark, a year, by the tracking error."""
    mean = _mean(sample.returns - sample.against)
    steps = tracking_error(sample)
    std = steps["standard deviation of the difference"]
    ratio = _over(mean, std, least=_FLAT) * sample.terms.periods**0.5
    return {"mean difference": mean} | steps | {"information ratio": ratio}


def up_capture(sample: Sample) -> Steps:
    """Divide the annual return by the benchmark's, both on days when the benchmark rose."""
    return _capture(sample, sample.against > _FLAT)


def down_capture(sample: Sample) -> Steps:
    """Divide the annual return by the benchmark's, both on days when the benchmark fell."""
    return _capture(sample, sample.against < -_FLAT)


def _capture(sample: Sample, days: Flags) -> Steps:
    count = np.count_nonzero(days, axis=-1)
    power = np.asarray(sample.terms.periods / np.maximum(count, 1))
    own, other = (
        np.prod(np.where(days, 1 + values, 1), axis=-1) ** power - 1
        for values in (sample.returns, sample.against)
    )
    ratio = np.sign(other) * _over(own, np.abs(other))
    return {
        "days": np.asarray(count, dtype=float),
        "annual return on these days": np.asarray(own),
        "annual return of the benchmark on these days": np.asarray(other),
        "capture": ratio,
    }


def value_at_risk(sample: Sample) -> Steps:
    """Return the percentile of the returns, or of their sums over the horizon."""
    found = np.quantile(sample.summed, sample.terms.tail, axis=-1)
    return {"value at risk": np.asarray(found)}


def conditional_value_at_risk(sample: Sample) -> Steps:
    """Return the mean of the k + 1 lowest returns, k = int((n - 1) a)."""
    summed = sample.summed
    last = int(round((summed.shape[-1] - 1) * sample.terms.tail, 9))  # 1 - 0.9 is below 0.1
    worst = np.partition(summed, last, axis=-1)[..., : last + 1]
    return {"conditional value at risk": _mean(worst)}


def _normal(sample: Sample) -> Steps:
    horizon = sample.terms.horizon
    return {
        "mean over the horizon": _mean(sample.returns) * horizon,
        "standard deviation over the horizon": _std(sample.returns) * horizon**0.5,
    }


def parametric_value_at_risk(sample: Sample) -> Steps:
    """Return the percentile of the normal distribution with the same mean and deviation."""
    mean, std = (steps := _normal(sample)).values()
    return steps | {"value at risk": mean + NormalDist().inv_cdf(sample.terms.tail) * std}


def parametric_conditional_value_at_risk(sample: Sample) -> Steps:
    """Return the mean of the normal distribution below its percentile."""
    mean, std = (steps := _normal(sample)).values()
    height = NormalDist().pdf(NormalDist().inv_cdf(sample.terms.tail))
    return steps | {"conditional value at risk": mean - std * height / sample.terms.tail}


def omega(sample: Sample) -> Steps:
    """Divide the sum of gains above the target by that of shortfalls below it."""
    apart = sample.returns - sample.terms.target_each
    gains = np.asarray(np.sum(np.maximum(apart, 0), axis=-1))
    losses = np.asarray(np.sum(np.maximum(-apart, 0), axis=-1))
    return {
        "sum above the target": gains,
        "sum below the target": losses,
        "omega": _over(gains, losses, least=_FLAT),
    }


def tail_ratio(sample: Sample) -> Steps:
    """Divide the size of the 95th percentile by that of the 5th."""
    high, low = np.abs(np.quantile(sample.returns, [0.95, 0.05], axis=-1))
    return {
        "size of the 95th percentile": np.asarray(high),
        "size of the 5th percentile": np.asarray(low),
        "tail ratio": _over(high, low, least=_FLAT),
    }


def stability(sample: Sample) -> Steps:
    """Return the share of the variance of log wealth that a straight line explains."""
    logs = np.full(sample.returns.shape, np.nan)
    np.log1p(sample.returns, out=logs, where=sample.returns > -1)
    wealth = np.cumsum(logs, axis=-1)
    time = np.arange(wealth.shape[-1], dtype=float)
    time -= time.mean()
    apart = wealth - _mean(wealth)[..., np.newaxis]
    slope = np.sum(time * apart, axis=-1) / np.sum(time**2)
    explained = slope**2 * np.sum(time**2)
    whole = np.asarray(np.sum(apart**2, axis=-1))
    return {
        "growth of log wealth a period": np.asarray(slope),
        "stability": _over(np.asarray(explained), whole, least=_FLAT**2),
    }


def win_rate(sample: Sample) -> Steps:
    """Divide the number of gains by that of gains and losses."""
    wins = np.asarray(np.count_nonzero(sample.returns > _FLAT, axis=-1), dtype=float)
    losses = np.asarray(np.count_nonzero(sample.returns < -_FLAT, axis=-1), dtype=float)
    return {"gains": wins, "losses": losses, "win rate": _over(wins, wins + losses)}


Formula = Callable[[Sample], Steps]
