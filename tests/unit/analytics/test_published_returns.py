"""Returns and risk as others have published them, and on real prices as reference libraries do."""

import warnings
from datetime import date

import numpy as np
import pytest
import pyxirr

from analytics.irr import xirr
from analytics.returns import Period, modified_dietz, money_weighted, time_weighted
from analytics.risk import Statistic, measure
from analytics.series import Series, links_of, returns_of
from analytics.statistics import Assumptions, Sample
from analytics.tracks import carry
from tests.prices import closes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries it stands on
    import empyrical

S = Statistic


def percent(*values):
    return np.array(values, dtype=float) / 100


def worth(*values):
    levels = np.array(values, dtype=float)
    return levels[1:] / levels[:-1] - 1


# Of Bacon, Practical Portfolio Performance Measurement and Attribution, 2008.
BACON = percent(
    *(0.3, 2.6, 1.1, -1.0, 1.5, 2.5, 1.6, 6.7, -1.4, 4.0, -0.5, 8.1),
    *(4.0, -3.7, -6.1, 1.7, -4.9, -2.2, 7.0, 5.8, -6.5, 2.4, -0.5, -0.9),
)
HALF_A_MONTH = Assumptions(periods=1, target=0.005)
SHARPER = percent(17, 15, 23, -5, 12, 9, 13, -4)
YEARLY = Assumptions(periods=1)

PUBLISHED = [
    # source, figure, returns, terms, what is printed, to how many decimals
    ("Rollinger and Hoffman, Sortino: A Sharper Ratio", S.SORTINO, SHARPER, YEARLY, 4.417, 3),
    (
        "Rollinger and Hoffman, Sortino: A Sharper Ratio",
        S.DOWNSIDE_RISK,
        SHARPER,
        YEARLY,
        0.02264,
        5,
    ),
    (
        "Investopedia, Maximum Drawdown",
        S.MAX_DRAWDOWN,
        worth(500_000, 750_000, 400_000, 600_000, 350_000, 800_000),
        YEARLY,
        -0.5333,
        4,
    ),
    ("PerformanceAnalytics, Kappa, of Bacon's portfolio", S.SORTINO, BACON, HALF_A_MONTH, 0.157, 3),
    ("PerformanceAnalytics, DownsideDeviation", S.DOWNSIDE_RISK, BACON, HALF_A_MONTH, 0.0255, 4),
    ("PerformanceAnalytics, BernardoLedoitRatio", S.OMEGA, BACON, YEARLY, 1.78, 2),
    # Its Omega-Sharpe ratio is omega less 1.
    ("PerformanceAnalytics, OmegaSharpeRatio", S.OMEGA, BACON, HALF_A_MONTH, 1.29, 2),
]


@pytest.mark.parametrize(
    ("where", "statistic", "returns", "terms", "expected", "places"), PUBLISHED
)
def test_a_published_figure_of_risk_is_found(where, statistic, returns, terms, expected, places):
    found = measure(statistic, Sample(returns=returns, terms=terms)).value
    assert round(found, places) == expected, where


def period(values, *, inflow=None, outflow=None):
    """Return a period; flows are by place."""
    flows = np.zeros((2, len(values)))
    for row, amounts in enumerate((inflow or {}, outflow or {})):
        flows[row, list(amounts)] = list(amounts.values())
    return Period(
        series=Series(
            days=date(2023, 1, 1).toordinal() + np.arange(len(values)),
            value=np.array(values, dtype=float),
            inflow=flows[0],
            outflow=flows[1],
            fresh=np.ones(len(values), dtype=bool),
        )
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # Investopedia, Time-Weighted Rate of Return: 100,000 come in, or go out, in August.
        (period([1_000_000, 1_162_484, 1_192_328], inflow={2: 100_000}), 0.0979),
        (period([1_000_000, 1_062_484, 1_003_440], outflow={1: 100_000}), 0.0979),
    ],
)
def test_a_published_time_weighted_return_is_found(found, expected):
    assert round(time_weighted(found).value, 4) == expected


def test_the_rate_in_libreoffices_help_is_found():
    days = ["2001-01-01", "2001-02-01", "2001-03-15", "2001-05-12", "2001-08-10"]
    ordinals = [date.fromisoformat(day).toordinal() for day in days]
    assert round(xirr([-10_000, 2_000, 2_500, 5_000, 1_000], ordinals).rates[0], 4) == 0.1828


# On real prices


def saved(symbol, *, each=100.0):
    """Return a savings plan: so much into an instrument every 30 days, a tenth out every 200."""
    track = closes()[symbol]
    days = np.arange(int(track.days[0]), int(track.days[-1]) + 1)
    prices = carry(track, days, oldest=10)
    inflow, outflow, value = (np.zeros(len(days)) for _ in range(3))
    units = 0.0
    for place, price in enumerate(prices.values):
        if place % 30 == 1:
            inflow[place] = each
            units += each / prices.values[place - 1]
        if place % 200 == 199:
            outflow[place] = units * price / 10
            units -= units / 10
        value[place] = units * price
    return Series(days=days, value=value, inflow=inflow, outflow=outflow, fresh=prices.fresh)


@pytest.mark.parametrize("symbol", ["AAPL", "GE", "KO", "RRC", "SP500", "XOM"])
def test_a_savings_plan_in_real_prices_has_the_return_of_the_prices_and_pyxirrs_rate(symbol):
    track = closes()[symbol]
    prices = carry(track, np.arange(int(track.days[0]), int(track.days[-1]) + 1), oldest=10).values
    for each in (1.0, 250.0):
        series = saved(symbol, each=each)
        whole = Period(series=series)
        # Money in bought at the close of the day before.
        expected = prices[-1] / prices[0] - 1
        assert time_weighted(whole).value == pytest.approx(expected, rel=1e-9)
        flows = series.outflow - series.inflow
        flows[-1] += series.value[-1]
        moved = np.flatnonzero(flows)
        dates = [date.fromordinal(int(day)) for day in series.days[moved]]
        rate = money_weighted(whole, annual=True).value
        assert rate == pytest.approx(pyxirr.xirr(dates, flows[moved]), abs=1e-9)
        assert modified_dietz(whole).steps[0].value == pytest.approx(flows.sum())


@pytest.mark.parametrize("symbol", ["AAPL", "GE", "KO", "RRC", "SP500", "XOM"])
def test_risk_of_a_savings_plan_is_that_of_the_prices(symbol):
    returns = returns_of(links_of(saved(symbol))).values
    theirs = worth(*closes()[symbol].values)
    assert returns == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    for statistic, reference in (
        (S.VOLATILITY, empyrical.annual_volatility),
        (S.SHARPE, empyrical.sharpe_ratio),
        (S.MAX_DRAWDOWN, empyrical.max_drawdown),
    ):
        found = measure(statistic, Sample(returns=returns)).value
        assert found == pytest.approx(reference(theirs), rel=1e-9)
