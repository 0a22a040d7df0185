"""Shapes that every noun shares: money, nodes, user errors, and reasons for null."""

from decimal import Decimal
from enum import Enum

import strawberry
from graphql import GraphQLError

from analytics.money import UNIT_PRICE_PLACES, round_to
from analytics.valuation import Missing
from models.currencies import exponent
from resolvers.scalars import CurrencyCode, Ratio
from services.errors import Mistake, MistakeCode, RefusedError

RATIO_PLACES = 12


@strawberry.interface(description="Anything with a global id that `node` can find again.")
class Node:
    """Anything with a global id."""

    id: strawberry.ID = strawberry.field(
        description="Global id. Opaque: do not take it apart, its form may change."
    )


@strawberry.type(description="An amount in a currency.")
class Money:
    """An amount in a currency."""

    amount: Decimal = strawberry.field(
        description="Totals are rounded half-even to the decimals of the currency's cash; prices "
        "and costs per unit keep up to 8 decimals."
    )
    currency: CurrencyCode = strawberry.field(description="What the amount is in.")


def money(amount: Decimal, currency: str) -> Money:
    """Build a total, rounded to the currency's cash."""
    return Money(amount=round_to(amount, exponent(currency)), currency=CurrencyCode(currency))


def money_or_none(amount: Decimal | None, currency: str) -> Money | None:
    """Build a total that may be unknown."""
    return None if amount is None else money(amount, currency)


def unit_price(amount: Decimal, currency: str) -> Money:
    """Build a price per unit."""
    return Money(amount=round_to(amount, UNIT_PRICE_PLACES), currency=CurrencyCode(currency))


def fraction(value: Decimal | None) -> Ratio | None:
    """Build a ratio that may be unknown."""
    return None if value is None else Ratio(float(round_to(value, RATIO_PLACES)))


@strawberry.enum(description="Why a figure is null.")
class NullReason(Enum):
    """Why a figure is null."""

    NO_PRICE = strawberry.enum_value(
        "NO_PRICE", description="No source has a price for the symbol."
    )
    NO_PREVIOUS_PRICE = strawberry.enum_value(
        "NO_PREVIOUS_PRICE", description="The close before the current price is not known."
    )
    NO_RATE = strawberry.enum_value(
        "NO_RATE", description="No exchange rate is known for the currency on the day it matters."
    )
    NO_CAPITAL = strawberry.enum_value(
        "NO_CAPITAL",
        description="No money was at work: nothing paid in, or more taken out. A return on "
        "nothing is not a number.",
    )
    ZERO_COST = strawberry.enum_value(
        "ZERO_COST", description="The units cost nothing, so there is no return on cost."
    )
    ZERO_VALUE = strawberry.enum_value(
        "ZERO_VALUE", description="The whole is worth nothing, so there is no share of it."
    )


@strawberry.type(description="Says which figure is null and why.")
class FigureIssue:
    """One reason for null figures."""

    figure: str = strawberry.field(
        description="The first figure concerned, by its field name; figures that build on it are "
        "null too."
    )
    reason: NullReason = strawberry.field(description="The reason, for a program.")
    message: str = strawberry.field(description="The reason, for a person.")
    subject: str | None = strawberry.field(
        description="The symbol or currency concerned, if there is a single one."
    )


MESSAGES = {
    "NO_PRICE": "No source has a price for {}.",
    "NO_PREVIOUS_PRICE": "The previous close of {} is not known.",
    "NO_RATE": "No exchange rate is known for {}.",
    "NO_CAPITAL": "No money was at work in the portfolio, so there is no return on it.",
    "ZERO_COST": "{} cost nothing, so there is no return on its cost.",
    "ZERO_VALUE": "The portfolio is worth nothing, so there is no share of it.",
}


def issue(missing: Missing) -> FigureIssue:
    """Build an issue from what a valuation found missing."""
    reason = missing.reason.value
    return FigureIssue(
        figure=missing.figure,
        reason=NullReason(reason),
        message=MESSAGES[reason].format(missing.about or "some bookings"),
        subject=missing.about,
    )


_CODES = {
    MistakeCode.REQUIRED: "Something needed is missing or empty.",
    MistakeCode.INVALID: "The value does not have the form it needs.",
    MistakeCode.OUT_OF_RANGE: "The value is too small, too large or too precise.",
    MistakeCode.TOO_LONG: "The text is too long.",
    MistakeCode.IN_FUTURE: "The time is yet to come.",
    MistakeCode.NOT_FOUND: "There is no such thing, or it is not yours: both look the same.",
    MistakeCode.ALREADY_EXISTS: "The name or id is taken.",
    MistakeCode.UNKNOWN_CURRENCY: "The code is not an ISO 4217 currency in circulation.",
    MistakeCode.UNKNOWN_INSTRUMENT: "No market-data source knows the symbol.",
    MistakeCode.CURRENCY_MISMATCH: "The currency does not fit the instrument or portfolio.",
    MistakeCode.NO_RATE: "No exchange rate is known for the day: give the booking's own.",
    MistakeCode.OVERSOLD: "More units would be sold than are held at that time.",
    MistakeCode.ARCHIVED: "The portfolio is archived and takes no bookings.",
    MistakeCode.ALREADY_VOIDED: "The transaction is voided already.",
    MistakeCode.LEDGER_NOT_EMPTY: "The change is possible only while nothing is booked.",
    MistakeCode.IDEMPOTENCY_CONFLICT: "The key was used before with another input.",
    MistakeCode.INVALID_CREDENTIALS: "The username or password is wrong.",
    MistakeCode.INVALID_TOKEN: "The refresh token is unknown, expired, used or revoked.",
}

UserErrorCode = strawberry.enum(
    Enum(  # type: ignore[misc]
        "UserErrorCode",
        {
            code.name: strawberry.enum_value(code.name, description=text)
            for code, text in _CODES.items()
        },
    ),
    name="UserErrorCode",
    description="What is wrong with an input. Codes never change their meaning.",
)


@strawberry.type(description="One thing wrong with an input. Nothing was changed.")
class UserError:
    """One thing wrong with an input."""

    code: UserErrorCode = strawberry.field(description="For a program.")  # type: ignore[valid-type]
    message: str = strawberry.field(description="For a person.")
    field: list[str] | None = strawberry.field(
        description="Path to the field within `input`; null when it is about the whole of it."
    )


def user_error(mistake: Mistake) -> UserError:
    """Build a user error from a mistake."""
    return UserError(
        code=UserErrorCode[mistake.code.name],  # type: ignore[index]
        message=mistake.message,
        field=list(mistake.field) or None,
    )


def user_errors(refused: RefusedError) -> list[UserError]:
    """Build the user errors of a refusal."""
    return [user_error(mistake) for mistake in refused.mistakes]


def bad_input(message: str) -> GraphQLError:
    """Build the error for an argument of a query that cannot be used."""
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
