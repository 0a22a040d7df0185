"""Stored values: decimals come back digit for digit, times aware."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError, StatementError

from models.database import packed, upsert
from models.last_known import ExchangeRate, LastQuote, rates_between
from models.positions import Lot
from models.users import RefreshToken

DAY = datetime(2024, 1, 2, tzinfo=UTC).date()

EXAMPLES = [
    "12345678901.123456789012345678",
    "9007199254740993.00000001",
    "0.1",
    "-0.000000000000000001",
    "0",
    "999999999999999.999999999999",
]


@pytest.mark.parametrize("digits", EXAMPLES)
async def test_a_decimal_comes_back_digit_for_digit(database, digits):
    row = {"currency": "XXX", "day": DAY, "value": Decimal(digits), "source": "test"}
    async with database.writing() as session:
        await upsert(session, ExchangeRate, [row])
    (found,) = await database.rows(rates_between(), keys=["XXX"], first=DAY, last=DAY)
    assert found == ("XXX", DAY, Decimal(digits), "test")


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    value=st.decimals(
        min_value=Decimal(-(10**30)),
        max_value=Decimal(10**30),
        places=18,
        allow_nan=False,
        allow_infinity=False,
    )
)
def test_any_decimal_survives_the_column_type_of_sqlite(value):
    from sqlalchemy.dialects import sqlite

    from models.types import ExactDecimal

    column, dialect = ExactDecimal(), sqlite.dialect()
    stored = column.process_bind_param(value, dialect)
    assert column.result_processor(dialect, None)(stored) == value


async def test_a_number_that_is_not_finite_is_never_stored(database):
    row = {"currency": "XXX", "day": DAY, "value": Decimal("NaN"), "source": "test"}
    with pytest.raises(StatementError, match="not a finite Decimal"):
        async with database.writing() as session:
            await upsert(session, ExchangeRate, [row])


async def test_a_naive_time_is_never_stored(database):
    naive = datetime(2024, 1, 2)  # noqa: DTZ001
    row = {
        "symbol": "A",
        "price": Decimal(1),
        "currency": "USD",
        "as_of": naive,
        "received_at": naive,
        "source": "x",
        "quality": "FRESH",
    }
    with pytest.raises(StatementError, match="naive datetime"):
        async with database.writing() as session:
            await upsert(session, LastQuote, [row])


async def test_a_row_that_points_nowhere_is_refused(database):
    with pytest.raises(IntegrityError):
        async with database.writing() as session:
            session.add(
                Lot(
                    position_id=1,
                    transaction_id=1,
                    opened_at=datetime(2024, 1, 2, tzinfo=UTC),
                    quantity=Decimal(1),
                    cost=Decimal(1),
                )
            )


async def test_an_error_of_the_database_does_not_tell_what_was_to_be_stored(database):
    token = {
        "user_id": 1,
        "family": "a family",
        "token_hash": "the hash of a token",
        "created_at": datetime(2024, 1, 2, tzinfo=UTC),
        "expires_at": datetime(2024, 1, 2, tzinfo=UTC),
    }
    with pytest.raises(IntegrityError) as caught:
        async with database.writing() as session:
            session.add(RefreshToken(**token))
    assert "INSERT INTO refresh_tokens" in str(caught.value)
    assert "the hash of a token" not in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "packs"),
    [
        ([], []),
        ([3], [[3]]),
        ([1, 2, 2, 4, 1], [[1, 2], [2], [4], [1]]),
        ([5, 1, 3, 1], [[5], [1, 3], [1]]),
    ],
)
def test_questions_are_packed_up_to_a_size_in_their_order(sizes, packs):
    assert list(packed(sizes, 4, lambda size: size)) == packs
