"""Shares of a whole, how concentrated they are, and how far off their targets."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.allocation import (
    Drift,
    Item,
    Member,
    Slice,
    allocate,
    drifts,
    effective_number,
    evened,
    herfindahl,
    through,
    top_share,
    wholly,
)
from analytics.measures import Reason
from analytics.money import EXACT, round_to, total
from analytics.valuation import Missing

D = Decimal
UNPRICED = Missing(figure="value", reason=Reason.NO_PRICE, about="A")


def member(place, value, share=1):
    return Member(place=place, share=D(share), value=D(value))


def test_weights_of_all_slices_are_one_whole_and_the_largest_comes_first():
    found = allocate([wholly(D(250), "A"), wholly(D(600), "B"), wholly(D(150), "A")])
    assert found.slices == (
        Slice(key="B", value=D(600), weight=D("0.6"), members=(member(1, 600),)),
        Slice(key="A", value=D(400), weight=D("0.4"), members=(member(0, 250), member(2, 150))),
    )
    assert (found.net, found.gross, found.missing) == (D(1000), D(1000), ())


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


def test_a_value_that_is_not_known_leaves_all_weights_unknown_and_the_other_values_known():
    found = allocate([wholly(None, "A", missing=UNPRICED), wholly(D(1), "B"), wholly(D(2), "C")])
    assert [(one.key, one.value, one.weight) for one in found.slices] == [
        ("C", D(2), None),
        ("B", D(1), None),
        ("A", None, None),
    ]
    assert (found.net, found.gross, found.missing) == (None, None, (UNPRICED,))
    index = herfindahl(found)
    assert (index.value, index.reason, index.about) == (None, Reason.NO_PRICE, "A")
    assert drifts(found, {"B": D(1)}) == []


def test_without_a_positive_whole_there_are_values_and_no_weights():
    debt = allocate([wholly(D(-5), "A")])
    assert (debt.slices[0].value, debt.slices[0].weight, debt.net) == (D(-5), None, D(-5))
    assert debt.missing == (Missing(figure="weight", reason=Reason.ZERO_VALUE),)
    assert drifts(debt, {"A": D(1)}) == []
    assert top_share(debt, 1).value == 1


def test_what_has_no_size_is_not_concentrated():
    nothing = allocate([])
    assert (nothing.slices, nothing.net) == ((), D(0))
    assert effective_number(nothing).reason is Reason.ZERO_VALUE
    unexplained = allocate([wholly(None, "A")])
    assert top_share(unexplained, 5).reason is Reason.ZERO_VALUE


def test_four_equal_parts_are_four_effective_ones():
    found = allocate(wholly(D(25), name) for name in "ABCD")
    assert herfindahl(found).value == pytest.approx(0.25)
    assert effective_number(found).value == pytest.approx(4)
    assert [top_share(found, count).value for count in (1, 3, 5)] == [0.25, 0.75, 1]


@pytest.mark.parametrize(
    ("values", "places", "expected"),
    [
        (["1", "1", "1"], 2, ["0.33", "0.33", "0.34"]),
        (["2", "1"], 2, ["0.67", "0.33"]),
        (["1", "3"], 2, ["0.25", "0.75"]),
        (["4", "-1"], 2, ["1.33", "-0.33"]),
        (["7", "7", "7", "7", "7", "7"], 1, ["0.2", "0.2", "0.2", "0.2", "0.1", "0.1"]),
    ],
)
def test_parts_are_rounded_so_that_they_are_still_one_whole(values, places, expected):
    whole = sum(D(value) for value in values)
    shares = [EXACT.divide(D(value), whole) for value in values]
    found = evened(shares, D(1), places=places)
    assert sorted(found) == sorted(D(one) for one in expected)
    assert total(found) == 1


@given(st.lists(st.decimals("-1e6", "1e6", places=7), max_size=12), st.integers(0, 4))
def test_rounding_moves_no_part_by_a_whole_digit(values, places):
    found = evened(values, total(values), places=places)
    assert total(found) == round_to(total(values), places)
    for one, value in zip(found, values, strict=True):
        assert abs(one - value) <= D(1).scaleb(-places)


def test_six_firms_of_a_market_are_as_concentrated_as_the_published_example_says():
    # Wikipedia, Herfindahl-Hirschman index: six firms with 15 % each and ten with 1 % each come
    # to 0.136; without the tail 80 % and five of 2 % each come to 0.643 with ten of 1 %.
    even = [wholly(D(15), str(name)) for name in range(6)]
    tail = [wholly(D(1), f"small {name}") for name in range(10)]
    assert herfindahl(allocate(even + tail)).value == pytest.approx(0.136)
    one = [wholly(D(80), "big"), *(wholly(D(2), str(name)) for name in range(5))]
    assert herfindahl(allocate(one + tail)).value == pytest.approx(0.643)


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
