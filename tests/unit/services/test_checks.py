"""Checks of single inputs that no request can bring about, since the schema's scalars come first."""

from decimal import Decimal

import pytest

from services.checks import Checks
from services.errors import MistakeCode
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e-1000000000", "Must have at most 18 decimals."),
        ("1e-19", "Must have at most 18 decimals."),
        ("1e999999999", "Must have at most 15 digits before the point."),
        ("-1e999999999", "Must be more than zero, not -1E+999999999."),
    ],
)
def test_an_absurd_exponent_is_refused_without_being_written_out(text, message):
    checks = Checks(now=NOW)
    assert checks.decimal(Decimal(text), "price") == 1
    (mistake,) = checks.mistakes
    assert (mistake.code, mistake.message) == (MistakeCode.OUT_OF_RANGE, message)


@pytest.mark.parametrize("text", ["0", "-0", "0e-1000000000", "0e999999999"])
def test_zero_is_zero_whatever_its_exponent(text):
    checks = Checks(now=NOW)
    assert str(checks.decimal(Decimal(text), "fee", zero=True)) == "0"
    assert checks.mistakes == []
