"""Returns of a period: by hand, by published examples, and what must hold for any flows."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.measures import Note, Reason
from analytics.returns import (
    Period,
    absolute_gain,
    annualized,
    modified_dietz,
    money_weighted,
    time_weighted,
)
from analytics.series import Series, links_of, returns_of, together

FIRST = date(2023, 1, 1)
UNKNOWN = float("nan")


def series(values, *, inflow=None, outflow=None, fresh=None, first=FIRST):
    """Build a series; flows are by place."""
    count = len(values)
    flows = [np.zeros(count), np.zeros(count)]
    for column, given_flows in zip(flows, (inflow, outflow), strict=True):
        for place, amount in (given_flows or {}).items():
            column[place] = amount
    return Series(
        days=np.arange(count) + first.toordinal(),
        value=np.array(values, dtype=float),
        inflow=flows[0],
        outflow=flows[1],
        fresh=np.ones(count, dtype=bool) if fresh is None else np.array(fresh),
    )


def sparse(days, **known):
    """Build a series of which the value is only known on some days."""
    values = np.full(days + 1, UNKNOWN)
    for place, value in known.pop("values").items():
        values[place] = value
    return series(values, **known)


def period(*args, **more):
    return Period(series=series(*args, **more))


def test_money_in_works_from_the_start_of_its_day_and_money_out_until_the_end():
    # 100 grows to 110; then 90 come in and 200 become 220; then 20 go out of 231.
    found = time_weighted(period([100, 110, 220, 211], inflow={2: 90}, outflow={3: 20}))
    assert found.value == pytest.approx(1.1 * 1.1 * 1.05 - 1)
    assert found.notes == frozenset()


def test_the_gain_of_the_first_day_counts_and_a_deposit_on_the_last_is_neutral():
    assert time_weighted(period([0, 110], inflow={1: 100})).value == pytest.approx(0.1)
    found = time_weighted(period([100, 110, 160], inflow={2: 50}))
    assert found.value == pytest.approx(0.1)


def test_days_without_capital_are_left_out():
    found = time_weighted(
        period([100, 0, 0, 0, 55], outflow={1: 110}, inflow={4: 50}),
    )
    assert found.value == pytest.approx(1.1 * 1.1 - 1)


@pytest.mark.parametrize(
    ("expected", "values", "inflow", "outflow"),
    [
        pytest.param(0.13, [100, 113], {}, {}, id="Journal of Accountancy, February 1998, 1"),
        # A share bought for 100, another for 120 a year later, both sold at 130; 2 of dividend
        # each year: 22 % and 10 %.
        pytest.param(
            1.22 * 1.1 - 1,
            [100, 120, 240, 0],
            {2: 120},
            {1: 2, 3: 264},
            id="CFA level 1, LOS 7.d, time-weighted return of a share",
        ),
    ],
)
def test_a_published_time_weighted_return_is_found(expected, values, inflow, outflow):
    found = time_weighted(period(values, inflow=inflow, outflow=outflow))
    assert found.value == pytest.approx(expected)


def test_the_published_modified_dietz_return_is_found():
    # Wikipedia, Modified Dietz method: 100 become 300 in two years, 50 come in after the first.
    found = modified_dietz(Period(series=sparse(730, values={0: 100, 730: 300}, inflow={366: 50})))
    assert found.value == pytest.approx(1.2)
    assert {part.name: part.value for part in found.steps} == {
        "gain": 150,
        "average capital": 125,
    }


def test_the_return_over_a_gap_is_modified_dietz_and_says_so():
    gap = Period(series=sparse(730, values={0: 100, 730: 300}, inflow={366: 50}))
    found = time_weighted(gap)
    assert found.value == pytest.approx(1.2)
    assert found.notes == {Note.APPROXIMATED}


def test_the_money_weighted_rate_of_one_deposit_is_its_yearly_time_weighted_return():
    values = np.linspace(1000, 1210, 731)
    values[0] = 0
    two_years = period(values, inflow={1: 1000})
    assert two_years.days == 729
    yearly = (1210 / 1000) ** (365 / 729) - 1
    assert annualized(two_years, time_weighted(two_years)).value == pytest.approx(yearly)
    assert money_weighted(two_years, annual=True).value == pytest.approx(yearly)
    assert money_weighted(two_years).value == pytest.approx(0.21)
    assert time_weighted(two_years).value == pytest.approx(0.21)


def test_less_than_a_year_has_no_yearly_figure_unless_forced():
    short = period(np.linspace(100, 110, 101))
    found = annualized(short, time_weighted(short))
    assert (found.value, found.reason) == (None, Reason.LESS_THAN_A_YEAR)
    assert money_weighted(short, annual=True).reason is Reason.LESS_THAN_A_YEAR
    forced = annualized(short, time_weighted(short), force=True)
    assert forced.value == pytest.approx(1.1**3.65 - 1)
    assert money_weighted(short, annual=True, force=True).value == pytest.approx(1.1**3.65 - 1)
    assert money_weighted(short).value == pytest.approx(0.1)


def test_a_rate_that_means_nothing_is_told_to_be_out_of_range():
    # A factor of 10 in a day is 10 ^ 365 a year; a factor of 10 in 15 days is 10 ^ 24.3.
    for leap in (period([100, 1000]), period(np.linspace(100, 1000, 16))):
        found = annualized(leap, time_weighted(leap), force=True)
        assert (found.value, found.reason) == (None, Reason.OUT_OF_RANGE)
    # 1.1 a day is 1.1 ^ 365 = 1.28e15 a year, and 1.099 a day 9.2e14.
    above, below = period([1000, 1100]), period([1000, 1099])
    assert annualized(above, time_weighted(above), force=True).reason is Reason.OUT_OF_RANGE
    assert annualized(below, time_weighted(below), force=True).value == pytest.approx(
        1.099**365 - 1
    )


def test_a_period_of_a_rate_may_be_out_of_range_and_so_may_a_product_of_days():
    # 1 gave 2 after 30 days: 2 ^ (365 / 30) = 4,597 times a year, for 100 years.
    doubled = period(np.ones(36_501), outflow={30: 2})
    assert money_weighted(doubled).reason is Reason.OUT_OF_RANGE
    # 10 ^ 200 times on each of two days.
    leaps = period([1, 1, 1], outflow={1: 1e200, 2: 1e200})
    assert time_weighted(leaps).reason is Reason.OUT_OF_RANGE
    assert links_of(leaps.series).index().tolist() == [1, 1e200, np.inf]


@pytest.mark.parametrize(("days", "known"), [(365, True), (364, False)])
def test_365_days_are_a_year_and_one_less_is_none(days, known):
    made = period(np.linspace(1, 2, days + 1))
    assert (annualized(made, time_weighted(made)).value is not None) is known


def test_a_total_loss_has_no_yearly_return():
    lost = period([100, *[50] * 400, 0])
    assert time_weighted(lost).value == -1
    assert annualized(lost, time_weighted(lost)).reason is Reason.TOTAL_LOSS


def test_negative_capital_ends_the_chain_and_both_sides_are_told():
    broken = period([100, 120, -10, -5, 50, 55], inflow={4: 40}, outflow={})
    found = time_weighted(broken)
    assert (found.value, found.reason) == (None, Reason.NEGATIVE_CAPITAL)
    assert [part.value for part in found.steps] == pytest.approx([-110 / 100, 50 / 35 * 1.1 - 1])
    assert [part.name for part in found.steps] == [
        "return from 2023-01-01 to 2023-01-03",
        "return from 2023-01-04 to 2023-01-06",
    ]
    index = links_of(broken.series).index()
    assert index[:3] == pytest.approx([1, 1.2, -0.1])
    assert np.isnan(index[3:]).all()


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (period([0, 0, 0]), Reason.NO_CAPITAL),
        (period([0]), Reason.NO_CAPITAL),
        (period([UNKNOWN, 100, 110]), Reason.NO_PRICE),
        (period([100, 100, UNKNOWN]), Reason.NO_PRICE),
        (period([100, 110, 120], inflow={1: UNKNOWN}), Reason.NO_PRICE),
    ],
)
def test_without_a_return_the_reason_is_told(made, reason):
    for measure in (time_weighted, modified_dietz, money_weighted):
        found = measure(made)
        assert (found.value, found.reason) == (None, reason)
    assert annualized(made, time_weighted(made)).reason is reason


def test_more_taken_out_than_there_was_leaves_no_capital_at_work():
    # 1,000 out on the first of ten days: 100 less 900 were at work on average.
    taken = period([100, *[5] * 10], outflow={1: 1000})
    assert modified_dietz(taken).reason is Reason.NEGATIVE_CAPITAL
    # 100 in on the first day and 200 out at its end: half of the days each, and no more was there.
    even = period([100, 50, 50], outflow={1: 200})
    assert modified_dietz(even).reason is Reason.NO_CAPITAL


def test_money_that_only_came_in_has_no_rate():
    assert money_weighted(period([100, 50, 0])).reason is Reason.NO_SIGN_CHANGE


def test_a_return_of_no_days_has_no_yearly_rate_even_by_force():
    first_day = period([0, 110], inflow={1: 100})
    assert annualized(first_day, time_weighted(first_day), force=True).reason is (
        Reason.SERIES_TOO_SHORT
    )


def test_without_a_trading_day_or_a_gain_there_are_no_returns():
    found = returns_of(links_of(series([100, 100], fresh=[False, False])))
    assert (found.days.tolist(), found.values.tolist()) == ([], [])


def test_the_gain_needs_no_capital_but_both_ends():
    assert absolute_gain(period([0, 0])).value == 0
    found = absolute_gain(period([100, 90, 40], inflow={1: 5}, outflow={2: 70}))
    assert found.value == 40 - 100 - 5 + 70
    assert absolute_gain(period([100, UNKNOWN])).reason is Reason.NO_PRICE


def test_several_rates_are_all_told():
    # -1000, +2500 after a year, -1540 after two: 10 % and 40 %, as the quadratic formula has it.
    values = np.full(731, 2000.0)
    values[0], values[730] = 1000, 0
    made = period(values, outflow={365: 2500}, inflow={730: 1540})
    found = money_weighted(made, annual=True)
    assert found.value == pytest.approx(0.1)
    assert [part.value for part in found.steps] == pytest.approx([0.1, 0.4, 730])
    assert found.notes == {Note.MULTIPLE_ROOTS}


def test_a_cut_starts_from_the_end_of_the_day_before():
    whole = series([100, 110, 121, 133.1, 150], inflow={4: 10})
    part = whole.cut(date(2023, 1, 3), date(2023, 1, 4))
    assert part.value.tolist() == [110, 121, 133.1]
    assert Period(series=part).first == date(2023, 1, 2)
    early = whole.cut(date(2022, 1, 1), date(2023, 1, 2))
    assert early.value.tolist() == [100, 110]


growths = st.lists(st.floats(-0.3, 0.4), min_size=3, max_size=40)


def invested(growths, flows):
    """Return the series of money that grows so, whatever comes in first or goes out last."""
    value, values, inflow, outflow = 1000.0, [1000.0], {}, {}
    for place, growth in enumerate(growths, start=1):
        comes, goes = flows.get(place, (0.0, 0.0))
        value = (value + comes) * (1 + growth)
        goes = min(goes, value / 2)
        value -= goes
        inflow[place], outflow[place] = comes, goes
        values.append(value)
    return series(values, inflow=inflow, outflow=outflow)


flows = st.dictionaries(
    st.integers(1, 40), st.tuples(st.floats(0, 5000), st.floats(0, 5000)), max_size=10
)


@settings(deadline=None)
@given(growths=growths, flows=flows, times=st.floats(0.01, 100))
def test_neither_moving_nor_multiplying_flows_changes_the_time_weighted_return(
    growths, flows, times
):
    expected = np.prod(1 + np.array(growths)) - 1
    moved = {place % len(growths) + 1: flow for place, flow in flows.items()}
    multiplied = {place: (comes * times, goes * times) for place, (comes, goes) in flows.items()}
    for some in ({}, flows, moved, multiplied):
        found = time_weighted(Period(series=invested(growths, some)))
        assert found.value == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(growths=growths, flows=flows, cut=st.integers(1, 38))
def test_linked_parts_of_a_period_are_the_whole(growths, flows, cut):
    whole = invested(growths, flows)
    middle = FIRST + timedelta(days=min(cut, len(growths) - 1))
    last = FIRST + timedelta(days=len(growths))
    parts = [
        time_weighted(Period(series=whole.cut(begin, end))).value
        for begin, end in ((FIRST + timedelta(days=1), middle), (middle + timedelta(days=1), last))
    ]
    expected = time_weighted(Period(series=whole)).value
    assert (1 + parts[0]) * (1 + parts[1]) - 1 == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_returns_end_on_trading_days_and_carry_what_happened_between():
    made = series([100, 110, 121, 133.1, 133.1], fresh=[True, True, False, True, False])
    found = returns_of(links_of(made))
    assert found.values == pytest.approx([0.1, 0.21])
    assert found.days.tolist() == [FIRST.toordinal() + 1, FIRST.toordinal() + 3]


def test_returns_begin_with_the_first_capital():
    found = returns_of(links_of(series([0, 0, 110, 121], inflow={2: 100})))
    assert found.values == pytest.approx([0.1, 0.1])


def test_returns_of_two_series_are_compared_between_days_on_which_both_traded():
    one = series([100, 110, 121, 133.1], fresh=[True, True, True, True])
    other = series([50, 50, 60, 66], fresh=[True, False, True, True])
    mine, theirs = together(one, other)
    assert mine.values == pytest.approx([0.21, 0.1])
    assert theirs.values == pytest.approx([0.2, 0.1])
    assert mine.days.tolist() == theirs.days.tolist()


def test_two_series_are_compared_from_when_both_have_capital():
    one = series([0, 0, 110, 121], inflow={2: 100})
    other = series([50, 55, 66, 66])
    mine, theirs = together(one, other)
    assert mine.values == pytest.approx([0.1, 0.1])
    assert theirs.values == pytest.approx([0.2, 0])


def test_an_unknown_value_is_passed_over():
    made = series([100, UNKNOWN, 121])
    found = links_of(made)
    assert found.gapped
    assert found.index()[[0, 2]] == pytest.approx([1, 1.21])
    assert np.isnan(found.index()[1])
    assert np.isnan(links_of(series([UNKNOWN, UNKNOWN])).index()).all()
    assert replace(made, value=made.value).cut(FIRST, FIRST).value.tolist() == [100]
