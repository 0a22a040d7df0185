"""Risk: published figures, empyrical on real and random returns, and what has no value."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analytics.risk
from analytics.measures import Reason
from analytics.risk import COMPARING, Statistic, measure, rolling
from analytics.series import Returns
from analytics.statistics import Assumptions, Sample, beta
from tests.prices import closes, daily_returns

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries it stands on
    import empyrical

S = Statistic
NOISY = Assumptions(force=True)


def percent(*values):
    return np.array(values, dtype=float) / 100


MIXED = percent(1, 10, -4, 2, 3, 2, 1, -10)
WITH_START = percent(0, 1, 10, -4, 2, 3, 2, 1, -10)
POSITIVE = percent(1, 2, 1, 1, 1, 1, 1, 1, 1)
NEGATIVE = percent(0, -6, -7, -1, -9, -2, -6, -8, -5)
BENCHMARK = percent(0, 1, 0, 1, 0, 1, 0, 1, 0)
FLAT = percent(*[1] * 9)
ONE = np.array([-171614, 1322056, 3063862, -1422057, -489779, 1268925, -3357711, 1797036]) / 1e8
TWO = np.array([1846232, 793951, -1448395, 422537, -339611, 3756813, 1515310, 3549769]) / 1e8
TEN_DOWN_TEN = percent(10, -10, 10)
WEEKLY, MONTHLY = 52, 12


def value(statistic, returns, benchmark=None, **terms):
    terms = Assumptions(**{"force": True, **terms})
    return measure(statistic, Sample(returns=returns, benchmark=benchmark, terms=terms)).value


@pytest.mark.parametrize(
    ("statistic", "returns", "terms", "expected"),
    [
        (S.MAX_DRAWDOWN, BENCHMARK, {}, 0),
        (S.MAX_DRAWDOWN, MIXED, {}, -0.1),
        (S.MAX_DRAWDOWN, POSITIVE, {}, 0),
        (S.MAX_DRAWDOWN, NEGATIVE, {}, -0.36590730349873601),
        (S.MAX_DRAWDOWN, TEN_DOWN_TEN, {}, -0.1),
        (S.ANNUAL_RETURN, WITH_START, {"periods": WEEKLY}, 0.24690830513998208),
        (S.ANNUAL_RETURN, WITH_START, {"periods": MONTHLY}, 0.052242061386048144),
        (S.ANNUAL_RETURN, percent(3, 3, 3), {"periods": 1}, 0.03),
        (S.ANNUAL_RETURN, percent(1), {}, 11.274002099240244),
        (S.VOLATILITY, MIXED, {}, 0.9136465399704637),
        (S.VOLATILITY, WITH_START, {"periods": WEEKLY}, 0.38851569394870583),
        (S.VOLATILITY, WITH_START, {"periods": MONTHLY}, 0.18663690238892558),
        (S.VOLATILITY, FLAT, {}, 0),
        (S.CALMAR, WITH_START, {"periods": WEEKLY}, 2.4690830513998208),
        (S.CALMAR, WITH_START, {"periods": MONTHLY}, 0.52242061386048144),
        (S.OMEGA, MIXED, {"target": 10}, 0.83354263497557934),
        (S.SHARPE, MIXED, {}, 1.7238613961706866),
        (S.SHARPE, POSITIVE, {}, 52.915026221291804),
        (S.SHARPE, NEGATIVE, {}, -24.406808633910085),
        (S.DOWNSIDE_RISK, MIXED, {}, 0.60448325038829653),
        (S.DOWNSIDE_RISK, MIXED, {"target": 1.1**252 - 1}, 1.7161730681956295),
        (S.DOWNSIDE_RISK, WITH_START, {"periods": WEEKLY}, 0.25888650451930134),
        (
            S.DOWNSIDE_RISK,
            WITH_START,
            {"periods": WEEKLY, "target": 1.1**52 - 1},
            0.7733045971672482,
        ),
        (S.DOWNSIDE_RISK, WITH_START, {"periods": MONTHLY}, 0.1243650540411842),
        (
            S.DOWNSIDE_RISK,
            WITH_START,
            {"periods": MONTHLY, "target": 1.1**12 - 1},
            0.37148351242013422,
        ),
        (S.DOWNSIDE_RISK, ONE, {}, 0.20671788246185202),
        (S.DOWNSIDE_RISK, TWO, {}, 0.083495680595704475),
        (S.DOWNSIDE_RISK, ONE, {"periods": WEEKLY}, 0.093902996054410062),
        (S.DOWNSIDE_RISK, TWO, {"periods": WEEKLY}, 0.037928477556776516),
        (S.DOWNSIDE_RISK, ONE, {"periods": MONTHLY}, 0.045109540184877193),
        (S.DOWNSIDE_RISK, TWO, {"periods": MONTHLY}, 0.018220251263412916),
        (S.SORTINO, MIXED, {}, 2.605531251673693),
        (S.SORTINO, MIXED, {"target": 1.01**252 - 1}, -1.3934779588919977),
        (S.SORTINO, NEGATIVE, {}, -13.532743075043401),
        (S.SORTINO, WITH_START, {"periods": WEEKLY}, 1.1158901056866439),
        (S.SORTINO, WITH_START, {"periods": MONTHLY}, 0.53605626741889756),
        (S.SORTINO, ONE, {}, 3.0639640966566306),
        (S.SORTINO, TWO, {}, 38.090963117002495),
        (S.SORTINO, ONE, {"periods": WEEKLY}, 1.3918264112070571),
        (S.SORTINO, TWO, {"periods": WEEKLY}, 17.303077589064618),
        (S.SORTINO, ONE, {"periods": MONTHLY}, 0.6686117809312383),
        (S.SORTINO, TWO, {"periods": MONTHLY}, 8.3121296084492844),
        (S.STABILITY, MIXED, {}, 0.1529973665111273),
    ],
)
def test_a_figure_is_the_one_that_empyricals_own_tests_pin(statistic, returns, terms, expected):
    # quantopian/empyrical, empyrical/tests/test_stats.py; rates of a day are given as yearly ones.
    assert value(statistic, returns, **terms) == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_the_tail_ratio_is_the_one_that_empyricals_own_tests_pin_to_one_decimal():
    assert value(S.TAIL_RATIO, MIXED) == pytest.approx(0.9473684210526313, abs=0.05)


@pytest.mark.parametrize(
    ("statistic", "benchmark", "expected"),
    [
        (S.ALPHA, NEGATIVE[1:], -8.306666666666668),
        (S.BETA, NEGATIVE[1:], -0.71296296296296313),
        (S.ALPHA, MIXED, 0),
        (S.BETA, MIXED, 1),
        (S.ALPHA, -MIXED, 0),
        (S.BETA, -MIXED, -1),
        (S.INFORMATION_RATIO, np.zeros(8), 0.10859306069076737 * math.sqrt(252)),
        (S.INFORMATION_RATIO, FLAT[1:], -0.06515583641446039 * math.sqrt(252)),
    ],
)
def test_a_comparison_is_the_one_that_empyricals_own_tests_pin(statistic, benchmark, expected):
    assert value(statistic, MIXED, benchmark) == pytest.approx(expected, abs=1e-8)


REAL = ("AAPL", "GE", "JPM", "PG", "RRC", "XOM")
THEIRS = {
    S.ANNUAL_RETURN: empyrical.annual_return,
    S.VOLATILITY: empyrical.annual_volatility,
    S.DOWNSIDE_RISK: empyrical.downside_risk,
    S.SHARPE: empyrical.sharpe_ratio,
    S.SORTINO: empyrical.sortino_ratio,
    S.CALMAR: empyrical.calmar_ratio,
    S.MAX_DRAWDOWN: empyrical.max_drawdown,
    S.VALUE_AT_RISK: empyrical.value_at_risk,
    S.CONDITIONAL_VALUE_AT_RISK: empyrical.conditional_value_at_risk,
    S.OMEGA: empyrical.omega_ratio,
    S.TAIL_RATIO: empyrical.tail_ratio,
    S.STABILITY: empyrical.stability_of_timeseries,
}
COMPARED = {
    S.BETA: empyrical.beta,
    S.ALPHA_COMPOUNDED: empyrical.alpha,
    S.UP_CAPTURE: empyrical.up_capture,
    S.DOWN_CAPTURE: empyrical.down_capture,
}


@pytest.mark.parametrize("statistic", THEIRS)
def test_a_figure_of_real_returns_is_empyricals(statistic):
    for symbol in closes():
        returns = daily_returns(symbol).values
        assert value(statistic, returns) == pytest.approx(THEIRS[statistic](returns), rel=1e-9)


@pytest.mark.parametrize("statistic", COMPARED)
def test_a_comparison_of_real_returns_is_empyricals(statistic):
    index = daily_returns("SP500").values
    for symbol in closes():
        returns = daily_returns(symbol).values
        theirs = COMPARED[statistic](returns, index)
        assert value(statistic, returns, index) == pytest.approx(theirs, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("risk_free", [0.02, 0.05])
def test_a_risk_free_rate_counts_as_it_does_in_empyrical(risk_free):
    index, each = daily_returns("SP500").values, (1 + risk_free) ** (1 / 252) - 1
    for symbol in REAL:
        returns = daily_returns(symbol).values
        found = value(S.SHARPE, returns, risk_free=risk_free)
        assert found == pytest.approx(empyrical.sharpe_ratio(returns, risk_free=each), rel=1e-9)
        found = value(S.ALPHA_COMPOUNDED, returns, index, risk_free=risk_free)
        assert found == pytest.approx(empyrical.alpha(returns, index, risk_free=each), rel=1e-7)


random_returns = st.lists(
    st.floats(-0.2, 0.25, allow_nan=False).map(lambda one: round(one, 6)), min_size=25, max_size=80
).map(np.array)


@settings(max_examples=60, deadline=None)
@given(returns=random_returns, other=random_returns)
def test_figures_of_random_returns_are_empyricals(returns, other):
    count = min(len(returns), len(other))
    returns, other = returns[:count], other[:count]
    if returns.std() < 1e-6 or other.std() < 1e-6:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = [(one, theirs(returns)) for one, theirs in THEIRS.items()]
        pairs += [(one, theirs(returns, other)) for one, theirs in COMPARED.items()]
    for statistic, theirs in pairs:
        found = value(statistic, returns, other)
        if found is None:  # theirs is infinite, not a number, or made up
            continue
        assert found == pytest.approx(theirs, rel=1e-6, abs=1e-9), statistic


def test_parametric_figures_are_those_of_the_normal_distribution():
    # Quantile and mean excess of the standard normal at 5 % and 1 %: -1.6449 and 2.0627, 2.6652.
    returns = percent(-1, 1, -1, 1, 0.5, -0.5)
    mean, std = returns.mean(), returns.std(ddof=1)
    found = value(S.PARAMETRIC_VALUE_AT_RISK, returns)
    assert found == pytest.approx(mean - 1.644854 * std, abs=1e-8)
    found = value(S.PARAMETRIC_CONDITIONAL_VALUE_AT_RISK, returns)
    assert found == pytest.approx(mean - 2.062713 * std, abs=1e-8)
    found = value(S.PARAMETRIC_CONDITIONAL_VALUE_AT_RISK, returns, confidence=0.99, horizon=4)
    assert found == pytest.approx(4 * mean - 2.665214 * 2 * std, abs=1e-7)


def test_over_a_horizon_historical_figures_look_at_overlapping_sums():
    returns = percent(-5, 1, 1, -3, -3, 2, 4, 0, 1, 1, 1)
    # Sums of two: -4 2 -2 -6 -1 6 4 1 2 2; the 10th percentile lies 0.9 from the lowest.
    found = value(S.VALUE_AT_RISK, returns, confidence=0.9, horizon=2)
    assert found == pytest.approx((-6 + 0.9 * 2) / 100)
    found = value(S.CONDITIONAL_VALUE_AT_RISK, returns, confidence=0.9, horizon=2)
    assert found == pytest.approx(-0.06)


@pytest.mark.parametrize(("confidence", "expected"), [(0.9, -0.095), (0.8, -0.09)])
def test_the_conditional_value_at_risk_looks_at_a_return_that_is_just_the_percentile(
    confidence, expected
):
    # Eleven returns, k = 10 x 0.1 = 1 or 10 x 0.2 = 2: the mean of -10 and -9, or of -8 as well.
    found = value(S.CONDITIONAL_VALUE_AT_RISK, percent(*range(-10, 1)), confidence=confidence)
    assert found == pytest.approx(expected)


def test_the_win_rate_leaves_days_without_change_out():
    assert value(S.WIN_RATE, percent(1, 0, -1, 2, 0)) == pytest.approx(2 / 3)


def test_figures_of_the_benchmark_by_hand():
    # Differences -1 and +3: mean 1, deviation 2 x sqrt 2 (in percent).
    returns, other = percent(1, 5), percent(2, 2)
    found = value(S.TRACKING_ERROR, returns, other, periods=4)
    assert found == pytest.approx(0.04 * math.sqrt(2))
    found = value(S.INFORMATION_RATIO, returns, other, periods=4)
    assert found == pytest.approx(1 / (2 * math.sqrt(2)) * 2)


@pytest.mark.parametrize(
    ("statistic", "returns", "reason"),
    [
        (S.VOLATILITY, percent(1), Reason.SERIES_TOO_SHORT),
        (S.MAX_DRAWDOWN, percent(), Reason.SERIES_TOO_SHORT),
        (S.SHARPE, FLAT, Reason.NO_VARIATION),
        (S.SORTINO, POSITIVE, Reason.NO_LOSSES),
        (S.OMEGA, POSITIVE, Reason.NO_LOSSES),
        (S.CALMAR, np.full(252, 0.01), Reason.NO_DRAWDOWN),
        (S.CALMAR, MIXED, Reason.LESS_THAN_A_YEAR),
        (S.ANNUAL_RETURN, MIXED, Reason.LESS_THAN_A_YEAR),
        (S.ANNUAL_RETURN, np.full(252, -1.0), Reason.TOTAL_LOSS),
        (S.VALUE_AT_RISK, percent(*range(19)), Reason.SERIES_TOO_SHORT),
        (S.STABILITY, percent(0, 0, 0), Reason.NO_VARIATION),
        (S.WIN_RATE, percent(0, 0), Reason.NO_VARIATION),
        (S.BETA, MIXED, Reason.NO_BENCHMARK),
        (S.SHARPE, np.array([0.1, np.nan, 0.2]), Reason.NEGATIVE_CAPITAL),
    ],
)
def test_without_a_figure_the_reason_is_told(statistic, returns, reason):
    found = measure(statistic, Sample(returns=returns))
    assert (found.value, found.reason) == (None, reason)


@pytest.mark.parametrize(
    ("statistic", "benchmark", "reason"),
    [
        (S.BETA, FLAT[:8], Reason.NO_VARIATION),
        (S.ALPHA, FLAT[:8], Reason.NO_VARIATION),
        (S.INFORMATION_RATIO, MIXED, Reason.NO_VARIATION),
        (S.UP_CAPTURE, -POSITIVE[:8], Reason.NO_WINS),
        (S.DOWN_CAPTURE, POSITIVE[:8], Reason.NO_LOSSES),
        (S.BETA, np.full(8, np.nan), Reason.NO_PRICE),
    ],
)
def test_without_a_comparison_the_reason_is_told(statistic, benchmark, reason):
    found = measure(statistic, Sample(returns=MIXED, benchmark=benchmark))
    assert (found.value, found.reason) == (None, reason)


def test_a_formula_that_compares_needs_a_benchmark():
    with pytest.raises(ValueError, match="needs a benchmark"):
        beta(Sample(returns=MIXED))


def test_a_dated_sample_is_a_year_by_its_calendar():
    length = np.array(365.0)
    found = measure(S.ANNUAL_RETURN, Sample(returns=percent(10, 10), length=length))
    assert found.value == pytest.approx(0.21)
    found = measure(S.ANNUAL_RETURN, Sample(returns=percent(10, 10), length=length - 1))
    assert found.reason is Reason.LESS_THAN_A_YEAR
    for gain in (-0.1, 0, 0.1):  # of the day of the first money
        sample = Sample(returns=np.array([gain]), length=np.array(0.0), terms=NOISY)
        assert measure(S.ANNUAL_RETURN, sample).reason is Reason.SERIES_TOO_SHORT


def test_a_figure_out_of_range_is_none_alone_and_rolling():
    # Three in one day: 3 ^ 252 is 3e120, and 1001 ^ 252 more than floats hold.
    returns, index = np.array([2.0, -0.5, 2.0, -0.5]), np.array([0.01, -0.01, 0.01, -0.01])
    for leaps in (returns, np.array([1e3, -0.5, 1e3, -0.5])):
        for statistic in (S.CALMAR, S.UP_CAPTURE, S.ALPHA_COMPOUNDED):
            sample = Sample(returns=leaps, benchmark=index, terms=NOISY)
            found = measure(statistic, sample)
            assert (found.value, found.reason) == (None, Reason.OUT_OF_RANGE), statistic
            assert all(part.value is None or math.isfinite(part.value) for part in found.steps)
            days = np.arange(4)
            rolled = rolling(
                statistic,
                Returns(days=days, values=leaps),
                window=2,
                benchmark=Returns(days=days, values=index),
                terms=NOISY,
            )
            assert np.isnan(rolled.values).all()


def test_a_figure_of_what_is_out_of_range_is_so_too():
    # Both grow by more in a year of such days than floats hold: their ratio is not known.
    leap = np.array([1e3, 1e3])
    found = measure(S.UP_CAPTURE, Sample(returns=leap, benchmark=leap))
    assert (found.value, found.reason) == (None, Reason.OUT_OF_RANGE)


def test_a_figure_tells_its_inputs_and_steps():
    found = measure(S.SHARPE, Sample(returns=percent(1, 3)))
    assert {part.name: part.value for part in found.inputs} == {
        "returns": 2,
        "periods a year": 252,
        "risk free rate": 0,
        "target": 0,
        "confidence": 0.95,
        "horizon": 1,
    }
    assert {part.name: part.value for part in found.steps} == pytest.approx(
        {
            "mean excess return": 0.02,
            "standard deviation": 0.02 / math.sqrt(2),
            "Sharpe ratio": math.sqrt(2 * 252),
        }
    )


@pytest.mark.parametrize("cells", [1, 10_000, 2**20])
@pytest.mark.parametrize("statistic", Statistic)
def test_a_rolling_figure_is_that_of_each_window(monkeypatch, statistic, cells):
    monkeypatch.setattr(analytics.risk, "_CELLS", cells)  # so many are looked at together
    returns, index = daily_returns("JPM"), daily_returns("SP500")
    compared = statistic in COMPARING
    found = rolling(statistic, returns, window=252, benchmark=index if compared else None)
    assert len(found.values) == len(returns.values) - 251
    for place in range(0, len(found.values), 1 if cells == 10_000 else 100):
        window = slice(place, place + 252)
        benchmark = index.values[window] if compared else None
        sample = Sample(returns=returns.values[window], benchmark=benchmark)
        assert found.values[place] == pytest.approx(measure(statistic, sample).value, rel=1e-12)
        assert found.days[place] == returns.days[place + 251]


ROLLED = {
    S.VOLATILITY: empyrical.roll_annual_volatility,
    S.SHARPE: empyrical.roll_sharpe_ratio,
    S.SORTINO: empyrical.roll_sortino_ratio,
    S.MAX_DRAWDOWN: empyrical.roll_max_drawdown,
    S.BETA: empyrical.roll_beta,
    S.ALPHA_COMPOUNDED: empyrical.roll_alpha,
    S.UP_CAPTURE: empyrical.roll_up_capture,
    S.DOWN_CAPTURE: empyrical.roll_down_capture,
}


@pytest.mark.parametrize("statistic", THEIRS | COMPARED)
def test_a_rolling_figure_of_real_returns_is_empyricals_of_each_window(statistic):
    returns, index = daily_returns("XOM"), daily_returns("SP500")
    pair = [returns.values, index.values] if statistic in COMPARING else [returns.values]
    if statistic in ROLLED:
        theirs = ROLLED[statistic](*pair, window=63)
    else:
        work_out = (THEIRS | COMPARED)[statistic]
        windows = (slice(end - 63, end) for end in range(63, len(returns.values) + 1))
        theirs = [work_out(*(one[window] for one in pair)) for window in windows]
    terms, benchmark = Assumptions(force=True), index if statistic in COMPARING else None
    found = rolling(statistic, returns, window=63, benchmark=benchmark, terms=terms)
    assert found.values == pytest.approx(theirs, rel=1e-8, abs=1e-12)


def test_a_window_with_an_unknown_day_of_the_benchmark_has_no_figure():
    days, values = np.arange(6), percent(1, -2, 3, -1, 2, 1)
    theirs = values.copy()
    theirs[1] = np.nan
    for statistic in COMPARING:
        found = rolling(
            statistic,
            Returns(days=days, values=values**2 + values),
            window=3,
            benchmark=Returns(days=days, values=theirs),
        )
        assert np.isnan(found.values).tolist() == [True, True, False, False]


def test_a_window_with_a_break_has_no_figure_and_too_short_a_series_none_at_all():
    returns = Returns(days=np.arange(5), values=np.array([0.1, 0.2, np.nan, 0.1, 0.3]))
    found = rolling(S.VOLATILITY, returns, window=2)
    assert np.isnan(found.values).tolist() == [False, True, True, False]
    for statistic, window in ((S.VOLATILITY, 6), (S.VOLATILITY, 1), (S.BETA, 2)):
        assert rolling(statistic, returns, window=window).values.tolist() == []
