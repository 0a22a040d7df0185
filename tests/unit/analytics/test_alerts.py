"""When alerts fire: on crossing, to the last digit, and again only after coming back."""

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.alerts import Condition, Direction, Measure, Step, is_met, step

PRICES = st.decimals("0.01", "1000000", places=4)
RATIOS = st.decimals("0.0001", "0.9999", places=4)


def price(direction, level):
    return Condition(
        measure=Measure.PRICE, direction=Direction[direction], threshold=Decimal(level)
    )


def change(direction, ratio, reference=None):
    return Condition(
        measure=Measure.CHANGE_FROM_PREVIOUS_CLOSE
        if reference is None
        else Measure.CHANGE_FROM_REFERENCE,
        direction=Direction[direction],
        threshold=Decimal(ratio),
        reference=None if reference is None else Decimal(reference),
    )


@pytest.mark.parametrize(
    ("condition", "met", "not_met"),
    [
        (price("ABOVE", "200"), ["200", "200.01"], ["199.99999999999999999999999999999999"]),
        (price("BELOW", "200"), ["200", "199.99"], ["200.00000000000000000000000000000001"]),
        # from a close of 80: 84 is 5 % up, 76 is 5 % down
        (change("ABOVE", "0.05"), ["84", "90"], ["83.99", "76"]),
        (change("BELOW", "0.05"), ["76", "1"], ["76.01", "84"]),
        (change("EITHER", "0.05"), ["84", "76", "90", "1"], ["83.99", "76.01", "80"]),
        # from 150, whatever the close
        (change("ABOVE", "0.1", "150"), ["165"], ["164.99", "88"]),
        (change("BELOW", "0.1", "150"), ["135", "88"], ["135.01"]),
    ],
)
def test_the_threshold_itself_is_crossed_and_a_hair_before_it_is_not(condition, met, not_met):
    close = Decimal(80)
    assert all(is_met(condition, price=Decimal(one), previous_close=close) is True for one in met)
    assert not any(is_met(condition, price=Decimal(one), previous_close=close) for one in not_met)


def test_a_change_from_a_close_that_is_not_known_cannot_be_told():
    assert is_met(change("ABOVE", "0.05"), price=Decimal(84)) is None
    assert is_met(change("ABOVE", "0.05"), price=Decimal(84), previous_close=Decimal(0)) is None
    assert [step(None, armed=armed) for armed in (True, False)] == [Step.STAY, Step.STAY]


@given(PRICES, PRICES, RATIOS, st.sampled_from(["ABOVE", "BELOW", "EITHER"]))
def test_a_change_is_compared_as_if_with_endless_digits(now, close, ratio, direction):
    moved = Fraction(now) / Fraction(close) - 1
    beyond = {"ABOVE": moved, "BELOW": -moved, "EITHER": abs(moved)}[direction]
    with localcontext(prec=3):  # whatever the caller's
        met = is_met(change(direction, ratio), price=now, previous_close=close)
    assert met is (beyond >= Fraction(ratio))


def fired(condition, prices, *, armed, repeats):
    """Let prices come one after the other; return the places of those that fired."""
    places = []
    for place, one in enumerate(prices):
        done = step(is_met(condition, price=one), armed=armed)
        if done is Step.FIRE:
            places.append(place)
            if not repeats:
                return places
        if done is not Step.STAY:
            armed = done is Step.ARM
    return places


@given(st.lists(PRICES, min_size=1), PRICES, st.sampled_from(["ABOVE", "BELOW"]))
def test_a_repeating_alert_fires_at_each_crossing_and_only_there(prices, level, direction):
    def beyond(one):
        return one >= level if direction == "ABOVE" else one <= level

    crossings = [
        place
        for place, (before, after) in enumerate(pairwise(prices), 1)
        if not beyond(before) and beyond(after)
    ]
    armed = not beyond(prices[0])
    condition = price(direction, level)
    found = fired(condition, prices[1:], armed=armed, repeats=True)
    assert [place + 1 for place in found] == crossings
    once = fired(condition, prices[1:], armed=armed, repeats=False)
    assert once == found[:1]


@given(st.lists(PRICES, min_size=1), PRICES)
def test_a_price_that_comes_again_changes_nothing(prices, level):
    condition = price("ABOVE", level)
    twice = [one for one in prices for _ in range(3)]
    for armed in (True, False):
        single = fired(condition, prices, armed=armed, repeats=True)
        assert fired(condition, twice, armed=armed, repeats=True) == [3 * one for one in single]


def test_a_change_that_begins_anew_fires_though_it_was_met_before():
    assert step(True, armed=False, begins_anew=True) is Step.FIRE
    assert step(False, armed=False, begins_anew=True) is Step.ARM
    assert step(True, armed=False) is Step.STAY
    assert step(False, armed=True, begins_anew=True) is Step.STAY
