"""Custom scalars: what they take, and what they refuse before any work."""

from decimal import Decimal

import pytest
from graphql import GraphQLError

from resolvers.scalars import parse_decimal


@pytest.mark.parametrize("text", ["1e-1000000000", "1e999999999", "0e-999999999", "1e61", "1e-61"])
def test_an_absurd_exponent_is_refused(text):
    with pytest.raises(GraphQLError, match="at most 60 digits on either side of the point"):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "number"), [("1e3", 1000), ("175.50", Decimal("175.5")), (7, 7), ("-0.1e1", -1)]
)
def test_a_number_is_read_as_what_it_is(text, number):
    assert parse_decimal(text) == number


@pytest.mark.parametrize("text", ["1", "1.0", "1.00", "10e-1", "+1", 1])
def test_a_number_is_the_same_however_it_is_written(text):
    assert repr(parse_decimal(text)) == "Decimal('1')"
