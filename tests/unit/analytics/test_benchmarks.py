"""A benchmark over the same days, and with one's own flows."""

from datetime import date

import numpy as np
import pytest
import pyxirr

from analytics.benchmarks import blend, compare, future_value, kaplan_schoar
from analytics.irr import periodic_irr
from analytics.measures import Reason
from analytics.returns import Period
from analytics.series import Series, of_prices
from tests.prices import closes

FIRST = date(2020, 1, 1).toordinal()


def series(values, *, inflow=None, outflow=None):
    count = len(values)
    flows = np.zeros((2, count))
    for row, given in enumerate((inflow, outflow)):
        for place, amount in (given or {}).items():
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


EXAMPLES = [
    # amounts, index, what is left, LN-PME value, LN-PME rate, KS-PME
    pytest.param(
        [-25, 15, 0], [100, 115, 130], 20, 15.5, 0.144, 1.14,
        id="INSEAD, Measuring Private Equity Fund Performance, 2019",
    ),
    pytest.param(
        [-100, -50, 60, 10, 0], [100, 105, 115, 117, 120], None, 104.28, 0.053, None,
        id="Wikipedia, Public market equivalent, Long-Nickels",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("amounts", "index", "left", "worth", "rate", "ratio"), EXAMPLES)
def test_published_equivalents_are_found(amounts, index, left, worth, rate, ratio):
    amounts, index = np.array(amounts, dtype=float), np.array(index, dtype=float)
    paid = future_value(np.maximum(-amounts, 0), index, index[-1])
    got = future_value(np.maximum(amounts, 0), index, index[-1])
    assert paid - got == pytest.approx(worth, abs=0.1)
    flows = amounts.copy()
    flows[-1] = paid - got
    assert periodic_irr(flows).rates[0] == pytest.approx(rate, abs=1e-3)
    if ratio is not None:
        found = kaplan_schoar(paid=paid, got=got, left=left)
        assert found == pytest.approx(ratio, abs=0.01)
        assert found == pytest.approx(pyxirr.pe.ks_pme(amounts, index, left))


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


def test_a_blend_restores_its_weights_each_day():
    found = blend({"A": prices(100, 110, 110), "B": prices(10, 10, 12)}, {"A": 3, "B": 1})
    assert found.value == pytest.approx([1, 1.075, 1.075 * 1.05])
    alone = blend({"A": prices(100, 110, 110), "B": prices(10, 10, 12)}, {"A": 1, "B": 0})
    assert alone.value == pytest.approx([1, 1.1, 1.1])


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
    assert blend(parts, names).value[-1] == pytest.approx(level)
