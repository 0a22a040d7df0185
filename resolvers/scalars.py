"""Custom scalars, each with a link to what specifies it."""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NewType

import strawberry
from graphql import GraphQLError

from analytics.money import plain
from resolvers.uploads import Upload, no_upload_out, parse_upload

MAX_DIGITS = 60
KEPT = 2**14
"""How many written figures are kept, and how many days and moments."""


def _refuse(name: str, hint: str) -> GraphQLError:
    return GraphQLError(f"{name} cannot represent this value: {hint}")


def parse_decimal(value: object) -> Decimal:
    """Read a decimal from text or a whole number; a float has already lost digits.

    1.0, 1.00 and 10e-1 come out as the same 1, so that an input sent again in other digits is
    known for the same.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _refuse("Decimal", 'write it as a string, such as "175.50".')
    text = str(value).strip()
    if len(text) > MAX_DIGITS:
        raise _refuse("Decimal", f"at most {MAX_DIGITS} characters.")
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise _refuse("Decimal", 'write digits with a point, such as "175.50".') from error
    if not number.is_finite():
        raise _refuse("Decimal", "it must be finite.")
    if abs(number.adjusted()) > MAX_DIGITS:
        # A few characters of exponent would be gigabytes of digits once written out.
        raise _refuse("Decimal", f"at most {MAX_DIGITS} digits on either side of the point.")
    return Decimal(plain(number))


def parse_ratio(value: object) -> float:
    """Read a fraction from a JSON number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e9 < value < 1e9:
        raise _refuse("Ratio", "write it as a number, such as 0.25 for 25 %.")
    return float(value)


def parse_date(value: object) -> date:
    """Read a calendar day such as 2022-12-28."""
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise _refuse("Date", "write it as YYYY-MM-DD.") from error


def parse_datetime(value: object) -> datetime:
    """Read an RFC 3339 time with its offset, such as 2022-12-28T14:30:00Z."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise _refuse("DateTime", "write it as 2022-12-28T14:30:00Z.") from error
    if moment.tzinfo is None or not isinstance(value, str):
        raise _refuse("DateTime", "it needs an offset, such as a final Z.")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise _refuse("DateTime", "it is outside the calendar.") from error


def write_datetime(value: datetime) -> str:
    """Write a time in UTC with a final Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


# Answers show the same figures and times again and again, and to write one takes far longer than to
# look it up. What is equal is written alike.
_plain = lru_cache(KEPT)(plain)
_day = lru_cache(KEPT)(date.isoformat)
_moment = lru_cache(KEPT)(write_datetime)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError("A string is expected here.")
    return value


Ratio = NewType("Ratio", float)
CurrencyCode = NewType("CurrencyCode", str)
Symbol = NewType("Symbol", str)

SCALARS: dict[object, Any] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number, sent as a string of plain digits such as "
        '"175.5": no exponent, no trailing zeros. As an input a string or a whole number; '
        "a JSON number with a point is refused, because it has lost digits on the way.",
        serialize=_plain,
        parse_value=parse_decimal,
        specified_by_url="https://www.w3.org/TR/xmlschema11-2/#decimal",
    ),
    date: strawberry.scalar(
        name="Date",
        description="A calendar day as YYYY-MM-DD.",
        serialize=_day,
        parse_value=parse_date,
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339#section-5.6",
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment by RFC 3339. Answers are in UTC with a final Z; inputs need an "
        "offset.",
        serialize=_moment,
        parse_value=parse_datetime,
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339#section-5.6",
    ),
    Ratio: strawberry.scalar(
        name="Ratio",
        description="A fraction as a JSON number: 0.12 means 12 %.",
        serialize=float,
        parse_value=parse_ratio,
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc8259#section-6",
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode",
        description="A currency by its ISO 4217 code in capitals, such as USD.",
        serialize=str,
        parse_value=_text,
        specified_by_url="https://www.iso.org/iso-4217-currency-codes.html",
    ),
    Symbol: strawberry.scalar(
        name="Symbol",
        description="An instrument's symbol in FolioQL's canonical form: capitals, class shares "
        "and exchanges behind a point, such as AAPL, BRK.B, SAP.DE. Inputs may be in small "
        "letters.",
        serialize=str,
        parse_value=_text,
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc20",
    ),
    Upload: strawberry.scalar(
        name="Upload",
        description="A file, sent in a multipart request with null in its place.",
        serialize=no_upload_out,
        parse_value=parse_upload,
        specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
    ),
}
