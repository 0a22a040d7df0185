"""The money-weighted rate: published examples, closed forms, and pyxirr on random flows."""

from datetime import date

import numpy as np
import pytest
import pyxirr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics.irr import npv, periodic_irr, xirr, xnpv
from analytics.measures import Reason

START = date(2020, 1, 1).toordinal()


def ordinals(*days):
    return [date.fromisoformat(day).toordinal() for day in days]


@pytest.mark.parametrize(
    ("flows", "days", "expected"),
    [
        pytest.param(
            [-10_000, 2_750, 4_250, 3_250, 2_750],
            ordinals("2008-01-01", "2008-03-01", "2008-10-30", "2009-02-15", "2009-04-01"),
            0.373362535,
            id="Microsoft, XIRR function, example",
        ),
    ],
)
def test_a_published_rate_of_dated_flows_is_found(flows, days, expected):
    assert xirr(flows, days).rates[0] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("flows", "expected", "places"),
    [
        pytest.param([-70_000, 12_000, 15_000, 18_000, 21_000], -0.021, 3, id="Microsoft, IRR, 4"),
        pytest.param(
            [-70_000, 12_000, 15_000, 18_000, 21_000, 26_000], 0.087, 3, id="Microsoft, IRR, 5"
        ),
        pytest.param([-70_000, 12_000, 15_000], -0.444, 3, id="Microsoft, IRR, 2"),
        pytest.param([-12, 0, 0, 40], 0.494, 3, id="INSEAD, Measuring PE Fund Performance, 1"),
        pytest.param(
            [-12, -10, -4, 40, 0, 15, 5], 0.324, 3, id="INSEAD, Measuring PE Fund Performance, 2"
        ),
        pytest.param([-50, 2, 67], 0.1778, 4, id="Investopedia, CFA level 1, two dividends"),
        pytest.param([-100, 39, 59, 55, 20], 0.28095, 5, id="numpy-financial, irr, 1"),
        pytest.param([-100, 0, 0, 74], -0.0955, 4, id="numpy-financial, irr, 2"),
        pytest.param([-100, 100, 0, -7], -0.0833, 4, id="numpy-financial, irr, 3"),
        pytest.param([-100, 100, 0, 7], 0.06206, 5, id="numpy-financial, irr, 4"),
        pytest.param([-5, 10.5, 1, -8, 1], 0.0886, 4, id="numpy-financial, irr, 5"),
    ],
)
def test_a_published_rate_of_periodic_flows_is_found(flows, expected, places):
    assert round(periodic_irr(flows).rates[0], places) == expected


def test_present_values_are_those_of_the_documentation():
    flows = [-40_000, 5_000, 8_000, 12_000, 30_000]  # numpy-financial, npv
    assert npv(0.08, flows) == pytest.approx(3065.22267, abs=1e-5)
    assert npv(0.281, [-100, 39, 59, 55, 20]) == pytest.approx(-0.0084785, abs=1e-6)
    days = ordinals("2008-01-01", "2008-03-01", "2008-10-30", "2009-02-15", "2009-04-01")
    found = xnpv(0.09, [-10_000, 2_750, 4_250, 3_250, 2_750], days)  # Microsoft, XNPV function
    assert found == pytest.approx(2086.6476, abs=1e-4)


@given(paid=st.floats(1, 1e9), grown=st.floats(0.01, 20), days=st.integers(30, 20_000))
def test_two_flows_have_the_rate_of_their_closed_form(paid, grown, days):
    expected = grown ** (365 / days) - 1
    if not 1e-5 < expected + 1 < 1e5:
        return
    found = xirr([-paid, paid * grown], [START, START + days])
    assert found.rates == (pytest.approx(expected, rel=1e-9, abs=1e-9),)


@settings(max_examples=150, deadline=None)
@given(
    flows=st.lists(
        st.tuples(st.integers(-5000, 1000), st.integers(0, 3000)), min_size=1, max_size=40
    ),
    end=st.integers(1, 200_000),
)
@example(flows=[(0, 0), (-16, 1508), (105, 4), (-160, 19)], end=1)  # a rate of 28,268
@example(flows=[(0, 0), (-1, 1777)], end=383)  # pyxirr is a millionth off
@example(flows=[(-2, 518), (-58, 103), (438, 278), (-679, 514), (-693, 2440)], end=29478)
@example(flows=[(0, 0), (-5, 2664)], end=1)
def test_a_rate_is_the_one_that_pyxirr_finds_or_worth_nothing_at_its_present_value(flows, end):
    amounts = [float(amount) for amount, _ in flows] + [float(end)]
    days = [START + day for _, day in flows] + [START + 3001]
    roots = xirr(amounts, days)
    size = sum(map(abs, amounts))
    for rate in roots.rates:
        assert abs(xnpv(rate, amounts, days)) <= 1e-9 * size * max(1, (1 + rate) ** -9)
    theirs = pyxirr.xirr([date.fromordinal(day) for day in days], amounts, silent=True)
    if theirs is None or not -0.999 < theirs < 1e5:
        return
    # Where all that counts is far away, it takes next to nothing for nothing.
    if abs(xnpv(theirs, amounts, days)) <= 1e-9 * xnpv(theirs, list(map(abs, amounts)), days):
        assert any(rate == pytest.approx(theirs, rel=1e-6, abs=1e-6) for rate in roots.rates)


def test_every_root_is_told_and_the_one_nearest_to_nothing_lost_comes_first():
    # -1000 + 2500/(1+r) - 1540/(1+r)^2 = 0 at 10 % and 40 %, as the quadratic formula has it.
    found = periodic_irr([-1000, 2500, -1540])
    assert found.rates == pytest.approx((0.1, 0.4))


def test_roots_that_are_close_together_are_both_found():
    # (1 - 1.1 x) (1 - 1.11 x) = 1 - 2.21 x + 1.221 x^2, where x is 1 / (1 + r).
    assert periodic_irr([-1000, 2210, -1221]).rates == pytest.approx((0.1, 0.11))
    # (1 - 1.1 x) (1 - 1.1001 x) = 1 - 2.2001 x + 1.21011 x^2
    assert periodic_irr([1e5, -220010, 121011]).rates == pytest.approx((0.1, 0.1001))


def flows_of(*rates):
    """Return flows a period apart with such rates: the product of all (-1, 1 + rate)."""
    flows = np.array([10_000.0])
    for rate in rates:
        flows = np.convolve(flows, (-1, 1 + rate))
    return flows


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    "rates",
    [
        (0.1, 0.11, 0.12),
        (0.1, 0.1001, 0.1002),
        (0.1, 0.105, 0.11, 0.115),
        (0.05, 0.1, 0.105, 3),
    ],
)
def test_up_to_four_roots_that_are_close_together_are_all_found(rates, side):
    found = periodic_irr(side * flows_of(*rates)).rates
    assert found == pytest.approx(rates, abs=1e-5)
    # The same flows in the opposite order grow where those shrink.
    turned = periodic_irr(side * flows_of(*rates)[::-1]).rates
    assert [1 / (1 + rate) - 1 for rate in turned] == pytest.approx(rates, abs=1e-5)


@pytest.mark.parametrize("rate", [-0.5, 0, 0.1, 0.2, 2])
@pytest.mark.parametrize("times", [2, 3, 4])
def test_a_root_that_f_only_touches_is_told_once(rate, times):
    flows = flows_of(*[rate] * times)
    for signed in (flows, -flows):
        assert periodic_irr(signed).rates == pytest.approx((rate,), abs=1e-6)
    beside = periodic_irr(flows_of(*[rate] * times, 0.7)).rates
    assert sorted(beside) == pytest.approx(sorted((rate, 0.7)), abs=1e-6)


def test_flows_of_one_day_count_as_one():
    days = [START, START, START + 365]
    assert xirr([-50, -50, 110], days).rates == pytest.approx((0.1,))


@pytest.mark.parametrize(
    ("flows", "reason"),
    [
        ([-100, -10], Reason.NO_SIGN_CHANGE),
        ([100, 10], Reason.NO_SIGN_CHANGE),
        ([0, 0], Reason.NO_SIGN_CHANGE),
        ([-100, 100], Reason.NO_SIGN_CHANGE),
        ([100, -250, 200], Reason.NO_ROOT),
    ],
)
def test_without_a_rate_the_reason_is_told(flows, reason):
    days = [START] * 2 if flows == [-100, 100] else range(START, START + 365 * len(flows), 365)
    found = xirr(flows, list(days))
    assert (found.rates, found.reason) == ((), reason)


def test_a_loss_of_nearly_all_has_a_rate_and_one_beyond_the_range_has_none():
    year = [START, START + 365]
    assert xirr([-1e9, 1e4], year).rates == pytest.approx((1e-5 - 1,))
    assert xirr([-1e9, 100], year).reason is Reason.NO_ROOT


def test_thousands_of_flows_have_their_rate():
    random = np.random.default_rng(1)
    flows = random.normal(-10, 100, 1000)
    flows[-1] += 30_000
    days = START + 3 * np.arange(1000)
    theirs = pyxirr.xirr([date.fromordinal(int(day)) for day in days], flows)
    assert xirr(flows, days).rates[0] == pytest.approx(theirs, abs=1e-9)
