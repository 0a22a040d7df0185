"""A benchmark over the same days, and with one's own flows."""

from datetime import date

import numpy as np
import pytest
import pyxirr
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.benchmarks import Blend, blended, compare
from analytics.measures import Reason
from analytics.periods import Interval
from analytics.returns import Period
from analytics.series import Series, of_prices
from analytics.tracks import carry
from tests.prices import closes

FIRST = date(2020, 1, 1).toordinal()


def series(values, *, inflow=None, outflow=None):
    count = len(values)
    flows = np.zeros((2, count))
    for row, amounts in enumerate((inflow, outflow)):
        for place, amount in (amounts or {}).items():
            flows[row, place] = amount
    return Series(
        days=FIRST + np.arange(count),
        value=np.array(values, dtype=float),
        inflow=flows[0],
        outflow=flows[1],
        fresh=np.ones(count, dtype=bool),
    )


def prices(*values):
    return of_prices(FIRST + np.arange(len(values)), np.array(values, dtype=float))


def yearly(amounts, index, left):
    """Return a period of yearly flows from the investor's side, and the level of an index.

    Money in buys at the close of the day before, so the index has its level by then.
    """
    count = 365 * (len(amounts) - 1) + 2
    values, inflow, outflow = np.full(count, np.nan), np.zeros(count), np.zeros(count)
    levels = np.full(count, np.nan)
    for year, (amount, level) in enumerate(zip(amounts, index, strict=True)):
        place = 365 * year + 1
        levels[place - 1 : place + 1] = level
        inflow[place], outflow[place] = max(-amount, 0), max(amount, 0)
    values[0], values[-1] = 0, left
    days = FIRST + np.arange(count)
    fresh = np.ones(count, dtype=bool)
    series = Series(days=days, value=values, inflow=inflow, outflow=outflow, fresh=fresh)
    return Period(series=series), of_prices(days, levels)


PUBLISHED = [
    # amounts, index, what is left, LN-PME value, LN-PME rate, KS-PME
    pytest.param(
        [-25, 15, 0], [100, 115, 130], 20, 15.5, 0.144, 1.14,
        id="INSEAD, Measuring Private Equity Fund Performance, 2019",
    ),
    pytest.param(
        [-100, -50, 60, 10, 0], [100, 105, 115, 117, 120], 110, 104.28, 0.053, 1.04,
        id="Wikipedia, Public market equivalent",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("amounts", "index", "left", "worth", "rate", "ratio"), PUBLISHED)
def test_published_equivalents_are_found(amounts, index, left, worth, rate, ratio):
    found = compare(*yearly(amounts, index, left))
    assert found.value.value == pytest.approx(worth, abs=0.1)
    assert found.long_nickels.value == pytest.approx(rate, abs=1e-3)
    assert found.kaplan_schoar.value == pytest.approx(ratio, abs=0.01)


calls = st.lists(
    st.tuples(st.floats(-100, 60).map(round), st.floats(-0.3, 0.4)), min_size=1, max_size=6
)


@settings(deadline=None)
@given(first=st.integers(100, 500), calls=calls, left=st.integers(1, 500))
def test_equivalents_of_random_flows_are_those_of_pyxirr(first, calls, left):
    amounts = np.array([-first, *(amount for amount, _ in calls), 0], dtype=float)
    index = np.cumprod([1.0, *(1 + growth for _, growth in calls), 1.0])
    found = compare(*yearly(amounts, index, left))
    ratio = pyxirr.pe.ks_pme(amounts, index, left)
    assert found.kaplan_schoar.value == pytest.approx(ratio, rel=1e-9)
    worth = pyxirr.pe.ln_pme_nav(amounts, index)
    assert found.value.value == pytest.approx(worth, rel=1e-9, abs=1e-9)
    if found.long_nickels.value is None:
        units = np.cumsum(-amounts / index)
        short = units.min() < 0
        assert found.long_nickels.reason is (Reason.SHORT_BENCHMARK if short else Reason.NO_ROOT)
        return
    rate = pyxirr.pe.ln_pme(amounts, index)
    assert found.long_nickels.value == pytest.approx(rate, rel=1e-6, abs=1e-8)


def test_who_takes_out_more_than_the_benchmark_gave_would_have_sold_it_short():
    # 100 become 300 and 250 of them go out, while the benchmark stands still.
    found = compare(*yearly([-100, 250, 0], [100, 100, 100], 50))
    assert found.value.value == -150
    assert (found.long_nickels.value, found.long_nickels.reason) == (None, Reason.SHORT_BENCHMARK)
    assert found.kaplan_schoar.value == 3


def test_who_is_short_in_between_alone_was_short():
    found = compare(*yearly([-100, 150, -100, 0], [100, 100, 100, 100], 60))
    assert found.value.value == 50
    assert found.long_nickels.reason is Reason.SHORT_BENCHMARK


def test_the_same_days_are_compared():
    period = Period(series=series([100, 110, 121]))
    found = compare(period, prices(50, 55, 55))
    assert found.benchmark.value == pytest.approx(0.1)
    assert found.excess.value == pytest.approx(0.1)


def test_what_is_the_benchmark_is_worth_as_much_with_the_same_flows():
    # 100 at the start, 50 before the second day, 30 out after the third: units of the index.
    index = np.array([10, 11, 12, 9, 10.0])
    units = [10, 10, 10 + 50 / 11, 10 + 50 / 11 - 30 / 9, 10 + 50 / 11 - 30 / 9]
    period = Period(series=series(units * index, inflow={2: 50}, outflow={3: 30}))
    found = compare(period, prices(*index))
    assert found.value.value == pytest.approx(units[-1] * 10)
    assert found.kaplan_schoar.value == pytest.approx(1)
    assert found.excess.value == pytest.approx(0)


def test_a_better_portfolio_has_a_ratio_above_one_and_its_flows_a_lower_rate_in_the_benchmark():
    values = np.linspace(100, 140, 731)
    flat = np.linspace(10, 11, 731)
    found = compare(Period(series=series(values)), prices(*flat))
    assert found.kaplan_schoar.value == pytest.approx(1.4 / 1.1)
    assert found.value.value == pytest.approx(110)
    assert found.long_nickels.value == pytest.approx(1.1 ** (365 / 730) - 1)
    assert {part.name: part.value for part in found.kaplan_schoar.steps} == {
        "contributions grown": pytest.approx(110),
        "distributions grown": 0,
    }


def test_the_days_before_the_first_capital_are_not_compared():
    period = Period(series=series([0, 0, 110], inflow={2: 100}))
    found = compare(period, prices(10, 20, 22))
    assert found.benchmark.value == pytest.approx(0.1)
    assert found.kaplan_schoar.value == pytest.approx(1)


@pytest.mark.parametrize("unknown", [0, 2])
def test_without_a_price_at_an_end_there_is_no_comparison(unknown):
    levels = [10.0, 11.0, 12.0]
    levels[unknown] = float("nan")
    found = compare(Period(series=series([100, 110, 121])), prices(*levels))
    for measure in (found.benchmark, found.excess, found.value, found.kaplan_schoar):
        assert (measure.value, measure.reason) == (None, Reason.NO_PRICE)


def test_without_capital_there_is_nothing_to_compare():
    found = compare(Period(series=series([0, 0])), prices(1, 2))
    assert found.excess.reason is Reason.NO_CAPITAL
    assert found.long_nickels.reason is Reason.NO_CAPITAL
    lost = compare(Period(series=series([1, 1])), prices(1, 0))
    assert lost.excess.reason is Reason.TOTAL_LOSS
    assert lost.kaplan_schoar.reason is Reason.NO_CAPITAL


def halves(rebalanced, *pairs, begin=0, first=FIRST):
    """Blend two prices by half."""
    days = first + np.arange(len(pairs))
    parts = {
        name: of_prices(days, np.array([pair[place] for pair in pairs], dtype=float))
        for place, name in enumerate(("A", "B"))
    }
    blend = Blend(weights={"A": 0.5, "B": 0.5}, rebalanced=rebalanced)
    return blended(parts, blend, begin=begin).value


def test_a_blend_restores_its_weights_each_day():
    parts = {"A": prices(100, 110, 110), "B": prices(10, 10, 12)}
    found = blended(parts, Blend(weights={"A": 0.75, "B": 0.25}))
    assert found.value == pytest.approx([1, 1.075, 1.075 * 1.05])
    assert blended(parts, Blend(weights={"A": 1})).value == pytest.approx([1, 1.1, 1.1])


def test_weights_may_be_restored_at_the_end_of_each_month_or_never():
    # A doubles and falls back around the end of January, B stands still.
    end = date(2024, 1, 30).toordinal()
    pairs = [(100, 10), (200, 10), (100, 10), (200, 10)]
    monthly = halves(Interval.MONTH, *pairs, first=end)
    # 1.5 on the 31st, from when 0.75 is in each: 0.375 + 0.75, then back.
    assert monthly == pytest.approx([1, 1.5, 1.125, 1.5])
    assert halves(None, *pairs, first=end) == pytest.approx([1, 1.5, 1, 1.5])
    assert halves(Interval.DAY, *pairs) == pytest.approx([1, 1.5, 1.125, 1.6875])


def test_a_blend_starts_when_all_parts_are_known_and_where_it_is_told_to():
    unknown = float("nan")
    pairs = [(100, unknown), (110, 10), (121, 10), (121, 20)]
    found = halves(None, *pairs)
    assert found == pytest.approx([unknown, 1, 1.05, 1.55], nan_ok=True)
    found = halves(None, *pairs, begin=2)
    assert found == pytest.approx([unknown, unknown, 1, 1.5], nan_ok=True)
    assert np.isnan(halves(Interval.DAY, (1, unknown), (unknown, 1))).all()
    assert halves(Interval.WEEK, (1, 2)).tolist() == [1]


def test_a_day_without_a_price_is_unknown_and_restores_no_weights():
    unknown = float("nan")
    pairs = [(100, 10), (unknown, 10), (120, 10), (120, 20)]
    assert halves(None, *pairs) == pytest.approx([1, unknown, 1.1, 1.6], nan_ok=True)
    assert halves(Interval.DAY, *pairs) == pytest.approx([1, unknown, 1.1, 1.65], nan_ok=True)


def test_a_blend_of_real_prices_is_that_of_their_daily_returns():
    tracks = closes()
    names = {"AAPL": 0.5, "XOM": 0.3, "KO": 0.2}
    parts = {name: of_prices(tracks[name].days, tracks[name].values) for name in names}
    level = 1.0
    for place in range(1, len(tracks["KO"].days)):
        each = (
            share * (tracks[name].values[place] / tracks[name].values[place - 1] - 1)
            for name, share in names.items()
        )
        level *= 1 + sum(each)
    assert blended(parts, Blend(weights=names)).value[-1] == pytest.approx(level)


@pytest.mark.parametrize("interval", [Interval.WEEK, Interval.MONTH, Interval.YEAR])
def test_a_blend_of_real_prices_is_that_of_units_bought_anew_at_the_end_of_each_stretch(interval):
    tracks = closes()
    names = {"AAPL": 0.5, "XOM": 0.3, "KO": 0.2}
    first, last = (int(day) for day in tracks["KO"].days[[0, -1]])
    days = np.arange(first, last + 1)
    levels = {name: carry(tracks[name], days, oldest=10).values for name in names}
    parts = {name: of_prices(days, level) for name, level in levels.items()}
    found = blended(parts, Blend(weights=names, rebalanced=interval)).value
    worth, units = 1.0, {name: share / levels[name][0] for name, share in names.items()}
    for place in range(1, len(days)):
        worth = sum(units[name] * levels[name][place] for name in names)
        today, next_day = (date.fromordinal(int(days[place]) + more) for more in (0, 1))
        if interval.name in {"MONTH", "YEAR"}:
            name_of = f"{interval.name.lower()}"
            over = getattr(today, name_of) != getattr(next_day, name_of)
        else:
            over = next_day.weekday() == 0
        if over:
            units = {name: worth * share / levels[name][place] for name, share in names.items()}
        assert found[place] == pytest.approx(worth, rel=1e-9)
