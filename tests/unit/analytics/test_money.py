"""Expected values are written out by hand; none comes from the functions under test."""

from decimal import Decimal, InvalidOperation, localcontext

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics.money import (
    ZERO,
    convert,
    convert_known,
    exact,
    plain,
    ratio,
    round_to,
    settle,
    total,
    total_known,
)

THIRD = Decimal("0." + "3" * 18)


@pytest.mark.parametrize(
    ("text", "places", "expected"),
    [
        # A tie goes to the even neighbour: 2 stays, 3 becomes 4.
        ("0.125", 2, "0.12"),
        ("0.135", 2, "0.14"),
        ("-0.125", 2, "-0.12"),
        ("0.1250000001", 2, "0.13"),
        ("1E+3", 2, "1000.00"),
        ("149.06", 0, "149"),
    ],
)
def test_rounding_takes_a_tie_to_the_even_neighbour(text, places, expected):
    assert str(round_to(Decimal(text), places)) == expected


def test_rounding_ignores_the_callers_precision():
    with localcontext(prec=3):
        assert str(round_to(Decimal("123456789.125"), 2)) == "123456789.12"


def test_settling_cuts_the_endless_digits_of_a_division_to_eighteen():
    assert settle(Decimal("0." + "3" * 40)) == THIRD
    # 2/3 ends in a 7 once it is rounded.
    assert settle(Decimal("0." + "6" * 40)) == Decimal("0." + "6" * 17 + "7")


def test_settling_leaves_shorter_values_and_what_is_no_number_as_they_are():
    assert str(settle(Decimal("1.50"))) == "1.50"
    assert settle(Decimal("Infinity")) == Decimal("Infinity")


DIGITS = st.lists(st.integers(0, 9), min_size=1, max_size=140)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20)
    | st.builds(
        lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
        st.integers(0, 1),
        DIGITS,
        st.integers(-60, 250),
    )
)
@example(Decimal("1E+110"))
@example(Decimal("-1E+111"))
@example(Decimal("0E+200"))
@example(Decimal("1" + "0" * 109 + "." + "3" * 19))
@example(Decimal("1" + "0" * 110 + "." + "3" * 19))
@example(Decimal("1E+999999"))
def test_settling_looks_at_how_many_digits_there_are(value):
    if value.as_tuple().exponent >= -18:
        assert str(settle(value)) == str(value)
    elif value.adjusted() < 110:
        assert str(settle(value)) == str(round_to(value, 18))
    else:  # too long to be rounded exactly
        with pytest.raises(InvalidOperation):
            settle(value)


def test_converting_multiplies_the_amount_by_the_rate():
    # The published example: a fee of 4.46 USD is 3.94 EUR. 4.46 x 0.8834 = 3.939964
    assert convert(Decimal("4.46"), Decimal("0.8834")) == Decimal("3.939964")
    # Minor units: 14906 GBp are 149.06 GBP.
    assert convert(Decimal(14906), Decimal("0.01")) == Decimal("149.06")


def test_converting_settles_a_product_with_too_many_decimals():
    # 0.1 x 0.333333333333333333 = 0.0333333333333333333, of which 18 decimals stay.
    assert convert(Decimal("0.1"), THIRD) == Decimal("0.033333333333333333")


@pytest.mark.parametrize(
    ("amount", "rate", "expected"),
    [
        (None, Decimal(2), None),
        (None, None, None),
        (Decimal(3), None, None),
        (Decimal(3), Decimal(2), Decimal(6)),
    ],
)
def test_what_is_not_known_converts_to_null(amount, rate, expected):
    assert convert_known(amount, rate) == expected


def test_zero_needs_no_rate():
    assert convert_known(Decimal("0.00"), None) == ZERO


def test_sums_are_exact_beyond_the_usual_twenty_eight_digits():
    # 10^30 + 10^-18 has 49 digits.
    assert str(total([Decimal("1e30"), Decimal("1e-18")])) == f"1{'0' * 30}.{'0' * 17}1"
    assert total([]) == ZERO


def test_a_sum_with_something_unknown_is_null():
    assert total_known([Decimal(1), None, Decimal(2)]) is None
    # 0.1 + 0.2 = 0.3, which binary floating point does not say.
    assert total_known([Decimal("0.1"), Decimal("0.2")]) == Decimal("0.3")
    assert total_known([]) == ZERO


def test_a_ratio_is_a_fraction_with_eighteen_decimals():
    assert ratio(Decimal(1), Decimal(3)) == THIRD
    # A trade of 2700 on 5150: 2700/5150 = 0.52427184466019417475...
    assert ratio(Decimal(2700), Decimal(5150)) == Decimal("0.524271844660194175")


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        (None, Decimal(1)),
        (Decimal(1), None),
        (Decimal(1), Decimal(0)),
        (Decimal(0), Decimal(0)),
        (None, None),
    ],
)
def test_a_ratio_of_the_unknown_or_over_nothing_is_null(part, whole):
    assert ratio(part, whole) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50", "50"),
        ("50.00", "50"),
        ("0.10", "0.1"),
        ("1.2E+3", "1200"),
        ("1E-8", "0.00000001"),
        ("100", "100"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("0E+2", "0"),
        ("-1.50", "-1.5"),
    ],
)
def test_plain_digits_have_no_exponent_and_no_trailing_zeros(text, expected):
    assert plain(Decimal(text)) == expected


def test_an_exact_function_does_not_depend_on_its_callers_context():
    @exact
    def half(value):
        """Halve."""
        return value / 2

    with localcontext(prec=2):
        # 12345 / 2 = 6172.5, which two digits would turn into 6200.
        assert half(Decimal(12345)) == Decimal("6172.5")
    assert (half.__name__, half.__doc__) == ("half", "Halve.")


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=12
    )
)
def test_plain_digits_read_back_as_the_same_number(value):
    assert Decimal(plain(value)) == value
    assert "E" not in plain(value)


@given(
    st.lists(st.decimals(min_value=-(10**15), max_value=10**15, places=15), max_size=20),
    st.randoms(use_true_random=False),
)
def test_a_sum_does_not_depend_on_the_order(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    assert str(total(shuffled)) == str(total(values))
