"""Prices that cannot be right: what is doubted, for how long, and what is told."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from datasources.sanity import agree, disagreement, doubt_of
from models.market import Doubt, PriceDoubt, Quote, QuoteQuality
from tests.conftest import NOW

# Vodafone at 68.50 pence is 0.6850 pounds.
BELIEVED = Quote(
    symbol="VOD.L",
    price=Decimal("0.6850"),
    currency="GBP",
    as_of=NOW - timedelta(minutes=1),
    received_at=NOW,
    source="one",
    quality=QuoteQuality.FRESH,
)


def later(price, days=0.0, **more):
    at = NOW + timedelta(days=days)
    changed = {"as_of": at, "received_at": at, "source": "two"} | more
    return replace(BELIEVED, price=Decimal(price), **changed)


def kind(price, days=0.0, reference="0.6850", **more):
    found = doubt_of(later(price, days, **more), replace(BELIEVED, price=Decimal(reference)))
    return None if found is None else (found.doubt, found.rejected)


@pytest.mark.parametrize(
    ("reference", "price", "expected"),
    [
        ("0.6850", "68.50", (Doubt.MINOR_UNIT, True)),  # pence for pounds
        ("68.50", "0.6850", (Doubt.MINOR_UNIT, True)),  # pounds divided once too often
        ("0.6850", "75.35", (Doubt.MINOR_UNIT, True)),  # and a tenth up on the day
        ("0.900", "900", (Doubt.MINOR_UNIT, True)),  # fils for dinars
        ("900", "0.900", (Doubt.MINOR_UNIT, True)),
        ("100", "50", (Doubt.SPLIT, False)),  # 2 for 1
        ("100", "33.33", (Doubt.SPLIT, False)),  # 3 for 1
        ("100", "66.67", (Doubt.SPLIT, False)),  # 3 for 2
        ("1208.88", "120.89", (Doubt.SPLIT, False)),  # Nvidia's 10 for 1
        ("2255.34", "112.77", (Doubt.SPLIT, False)),  # Alphabet's 20 for 1
        ("2", "50", (Doubt.SPLIT, False)),  # 1 for 25
        ("100", "52.50", (Doubt.SPLIT, False)),  # 2 for 1 and 5 % up
        ("100", "1.37", (Doubt.JUMP, True)),
        ("100", "6300", (Doubt.JUMP, True)),
        ("100", "1000000", (Doubt.JUMP, True)),
        ("100", "100", None),
        ("100", "130", None),
        ("100", "141", (Doubt.SPLIT, False)),  # the least that is odd
        ("100", "140.99", None),
        ("100", "70.93", None),
        ("100", "250", None),
        ("0.0001", "0.0001", None),
    ],
)
def test_what_a_price_beside_the_last_one_may_be(reference, price, expected):
    assert kind(price, reference=reference) == expected


def test_both_values_and_both_sources_are_told():
    assert doubt_of(later("68.50"), BELIEVED) == PriceDoubt(
        doubt=Doubt.MINOR_UNIT,
        rejected=True,
        price=Decimal("68.50"),
        source="two",
        against=Decimal("0.6850"),
        against_source="one",
        against_as_of=NOW - timedelta(minutes=1),
    )


def test_what_cannot_be_compared_is_not_doubted():
    assert doubt_of(later("68.50"), None) is None
    assert kind("68.50", currency="USD") is None
    assert kind("68.50", quality=QuoteQuality.SIMULATED) is None
    made_up = replace(BELIEVED, quality=QuoteQuality.SIMULATED)
    assert doubt_of(later("68.50"), made_up) is None


@pytest.mark.parametrize(
    ("price", "rejected_until", "told_until"),
    [("68.50", 7, 90), ("1.37", 0, 4), ("6.05", 1, 5)],
)
def test_the_old_price_stands_in_for_a_while_and_in_the_end_the_market_wins(
    price, rejected_until, told_until
):
    moment = 1 / 86_400
    if rejected_until:
        assert kind(price, rejected_until - moment)[1] is True
    assert kind(price, rejected_until)[1] is False
    assert kind(price, told_until - moment)[1] is False
    assert kind(price, told_until) is None


def test_a_long_weekend_confirms_nothing():
    # From Thursday's close before Good Friday to the opening on Tuesday after Easter
    weekend = 4 + 15.5 / 24
    assert kind("68.50", weekend) == (Doubt.MINOR_UNIT, True)
    assert kind("6.05", weekend) == (Doubt.JUMP, False)
    # From Friday's close to Tuesday's opening: a split is still told.
    assert kind("1.37", 3 + 17.5 / 24) == (Doubt.SPLIT, False)


def test_a_clock_that_is_put_back_rejects_no_split():
    assert kind("1.37", -30) == (Doubt.SPLIT, False)
    assert kind("68.50", -30) == (Doubt.MINOR_UNIT, True)


def test_sources_agree_within_a_twentieth():
    assert agree(Decimal(100), Decimal(105))
    assert agree(Decimal(105), Decimal(100))
    assert not agree(Decimal(100), Decimal("105.01"))


def test_a_disagreement_marks_and_rejects_nothing():
    assert disagreement(later("0.70"), BELIEVED) is None
    assert disagreement(later("0.80", currency="USD"), BELIEVED) is None
    found = disagreement(later("0.80"), BELIEVED)
    assert (found.doubt, found.rejected) == (Doubt.DISAGREEMENT, False)
    assert (found.price, found.source) == (Decimal("0.80"), "two")
    assert (found.against, found.against_source) == (Decimal("0.6850"), "one")
