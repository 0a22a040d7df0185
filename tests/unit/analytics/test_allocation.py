"""Shares of a whole, how concentrated they are, and how far off their targets."""

from decimal import Decimal

import pytest

from analytics.allocation import (
    Drift,
    Item,
    Slice,
    allocate,
    concentration,
    drifts,
    through,
    wholly,
)
from analytics.measures import Reason

D = Decimal


def test_weights_of_all_slices_are_one_whole_and_the_largest_comes_first():
    found = allocate([wholly(D(250), "A"), wholly(D(600), "B"), wholly(D(150), "A")])
    assert found.slices == (
        Slice(key="B", value=D(600), weight=D("0.6"), count=1),
        Slice(key="A", value=D(400), weight=D("0.4"), count=2),
    )
    assert (found.net, found.gross, found.reason) == (D(1000), D(1000), None)


def test_what_is_assigned_in_part_leaves_the_rest_unassigned():
    found = allocate([Item(value=D(100), shares={"Health": D("0.25"), "Energy": D("0.5")})])
    assert {one.key: one.weight for one in found.slices} == {
        "Energy": D("0.5"),
        "Health": D("0.25"),
        None: D("0.25"),
    }


def test_shorts_count_negative_in_the_net_and_with_their_size_in_the_gross():
    found = allocate([wholly(D(300), "long"), wholly(D(-100), "short")])
    assert (found.net, found.gross) == (D(200), D(400))
    assert {one.key: one.weight for one in found.slices} == {
        "long": D("1.5"),
        "short": D("-0.5"),
    }


def test_without_a_value_or_a_positive_whole_the_reason_is_told():
    unknown = allocate([wholly(None, "A"), wholly(D(1), "B")])
    assert (unknown.slices, unknown.net, unknown.reason) == ((), None, Reason.NO_PRICE)
    debt = allocate([wholly(D(-5), "A")])
    assert (debt.slices[0].weight, debt.reason) == (None, Reason.ZERO_VALUE)
    assert concentration(unknown).herfindahl.reason is Reason.NO_PRICE
    assert drifts(debt, {"A": D(1)}) == []


def test_four_equal_parts_are_four_effective_ones():
    found = concentration(allocate(wholly(D(25), name) for name in "ABCD"))
    assert found.herfindahl.value == pytest.approx(0.25)
    assert (found.effective, found.largest, found.top_five) == (pytest.approx(4), 0.25, 1)


def test_six_firms_of_a_market_are_as_concentrated_as_the_published_example_says():
    # Wikipedia, Herfindahl-Hirschman index: six firms with 15 % each and ten with 1 % each come
    # to 0.136; without the tail 80 % and five of 2 % each come to 0.643 with ten of 1 %.
    even = [wholly(D(15), str(name)) for name in range(6)]
    tail = [wholly(D(1), f"small {name}") for name in range(10)]
    assert concentration(allocate(even + tail)).herfindahl.value == pytest.approx(0.136)
    one = [wholly(D(80), "big"), *(wholly(D(2), str(name)) for name in range(5))]
    assert concentration(allocate(one + tail)).herfindahl.value == pytest.approx(0.643)


def test_drift_tells_what_it_would_take():
    found = drifts(
        allocate([wholly(D(700), "shares"), wholly(D(300), None)]),
        {"shares": D("0.6"), "bonds": D("0.4")},
    )
    assert found[0] == Drift(
        key="bonds", weight=D(0), target=D("0.4"), drift=D("-0.4"), amount=D(400)
    )
    assert {one.key: one.amount for one in found} == {
        "bonds": D(400),
        None: D(-300),
        "shares": D(-100),
    }


def test_a_fund_stands_for_what_is_known_of_its_inside():
    inside = {"FUND": {"ACME": D("0.6")}}
    items = through([(D(100), "FUND"), (D(40), "ACME")], inside.get)
    found = allocate(items)
    assert {one.key: one.value for one in found.slices} == {"ACME": D(100), None: D(40)}
