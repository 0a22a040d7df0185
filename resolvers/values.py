"""Shapes that every noun shares: money, nodes, user errors, and reasons for null."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import Enum
from math import isfinite, isnan

import strawberry
from graphql import GraphQLError

from analytics.money import UNIT_PRICE_PLACES, round_to
from analytics.valuation import Missing
from models.currencies import exponent, is_currency
from resolvers.caching import DAY, CacheControl
from resolvers.scalars import CurrencyCode, Ratio
from services.checks import EARLIEST
from services.errors import Mistake, RefusedError

RATIO_PLACES = 12


@strawberry.interface(description="Anything with a global id that `node` can find again.")
class Node:
    """Anything with a global id."""

    id: strawberry.ID = strawberry.field(
        description="Global id. Opaque: do not take it apart, its form may change."
    )


@strawberry.type(
    description="An amount in a currency.",
    directives=[CacheControl(max_age=DAY)],  # as far as what has it may be kept
)
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


def amount_of(value: float, currency: str) -> Money | None:
    """Build an amount of a statistic; null for one that is not known."""
    return amounts_of([float(value)], currency)[0]


def amounts_of(values: Iterable[float], currency: str) -> list[Money | None]:
    """Build amounts of a statistic in one currency; null for those that are not known."""
    code, places = CurrencyCode(currency), exponent(currency)
    return [
        None
        if isnan(value)
        else Money(amount=round_to(Decimal(repr(value)), places), currency=code)
        for value in values
    ]


def ratio_of(value: float | None) -> Ratio | None:
    """Build a ratio of a statistic; null for one that is not known, or that no float holds."""
    if value is None or not isfinite(value):
        return None
    # A loss too small to show is no loss: minus zero is zero.
    return Ratio(round(float(value), RATIO_PLACES) + 0.0)


@strawberry.enum(description="Which way a list is ordered.")
class OrderDirection(Enum):
    """Which way a list is ordered."""

    ASC = strawberry.enum_value("ASC", description="The least first.")
    DESC = strawberry.enum_value("DESC", description="The greatest first.")


def exactly(given: Ratio) -> Decimal:
    """Read a ratio by the digits that it was written in."""
    return Decimal(repr(float(given)))


@strawberry.input(description="Days, both of them included.")
class DateRangeInput:
    """Days, both included."""

    first: date = strawberry.field(name="from", description="The first day.")
    last: date = strawberry.field(name="to", description="The last day.")


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
    MISSING_ACQUISITION = strawberry.enum_value(
        "MISSING_ACQUISITION",
        description="Units were sold or moved out that no booking accounts for, so their cost and "
        "what rests on it are not known.",
    )
    NO_CAPITAL = strawberry.enum_value(
        "NO_CAPITAL",
        description="No money was at work: nothing paid in, or more taken out. A return on "
        "nothing is not a number.",
    )
    NEGATIVE_CAPITAL = strawberry.enum_value(
        "NEGATIVE_CAPITAL",
        description="On a day more had been taken out than there was, or debts were more than all "
        "else: a return over that day is not a number, though one before and one after may be.",
    )
    NO_SIGN_CHANGE = strawberry.enum_value(
        "NO_SIGN_CHANGE", description="Money only came in, or only went out: no rate explains it."
    )
    NO_ROOT = strawberry.enum_value(
        "NO_ROOT",
        description="No rate between -99.9999 % and 99,999,900 % explains the flows: a yearly one, "
        "or under a year that of the period.",
    )
    LESS_THAN_A_YEAR = strawberry.enum_value(
        "LESS_THAN_A_YEAR",
        description="365 days are not over: a yearly figure would say more than happened.",
    )
    TOTAL_LOSS = strawberry.enum_value(
        "TOTAL_LOSS", description="All was lost: there is no rate that compounds to that."
    )
    OUT_OF_RANGE = strawberry.enum_value(
        "OUT_OF_RANGE",
        description="It is more than 10^15: what a day or a few come to, compounded over a year.",
    )
    SERIES_TOO_SHORT = strawberry.enum_value(
        "SERIES_TOO_SHORT", description="There are too few returns for the figure."
    )
    NO_VARIATION = strawberry.enum_value(
        "NO_VARIATION", description="All returns are the same: nothing can be divided by that."
    )
    NO_DRAWDOWN = strawberry.enum_value(
        "NO_DRAWDOWN", description="It never fell: nothing can be divided by that."
    )
    NO_LOSSES = strawberry.enum_value("NO_LOSSES", description="Nothing was lost.")
    NO_WINS = strawberry.enum_value("NO_WINS", description="Nothing was won.")
    NO_TRADES = strawberry.enum_value("NO_TRADES", description="No trade was closed.")
    NO_BENCHMARK = strawberry.enum_value(
        "NO_BENCHMARK", description="It compares with a benchmark, and none is named."
    )
    SHORT_BENCHMARK = strawberry.enum_value(
        "SHORT_BENCHMARK",
        description="More was taken out than the benchmark would have given: with the same flows "
        "it would have been sold short.",
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
    "MISSING_ACQUISITION": "{} were sold or moved out without having been acquired: book how "
    "they came in.",
    "NO_CAPITAL": "No money was at work in the portfolio, so there is no return on it.",
    "NEGATIVE_CAPITAL": "On a day debts were more than all else, so there is no return over it.",
    "NO_SIGN_CHANGE": "Money only came in or only went out, so no rate explains it.",
    "NO_ROOT": "No rate explains the flows.",
    "LESS_THAN_A_YEAR": "365 days are not over, so there is no yearly figure.",
    "TOTAL_LOSS": "All was lost, and no rate compounds to that.",
    "OUT_OF_RANGE": "It is too large to mean anything.",
    "SERIES_TOO_SHORT": "There are too few returns.",
    "NO_VARIATION": "All returns are the same.",
    "NO_DRAWDOWN": "It never fell.",
    "NO_LOSSES": "Nothing was lost.",
    "NO_WINS": "Nothing was won.",
    "NO_TRADES": "No trade was closed.",
    "NO_BENCHMARK": "Name a benchmark to compare with.",
    "SHORT_BENCHMARK": "More was taken out than the benchmark would have given.",
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


@strawberry.enum(description="What is wrong with an input. Codes never change their meaning.")
class UserErrorCode(Enum):
    """What is wrong with an input, as `MistakeCode` has it."""

    REQUIRED = strawberry.enum_value(
        "REQUIRED", description="Something needed is missing or empty."
    )
    INVALID = strawberry.enum_value(
        "INVALID", description="The value does not have the form it needs."
    )
    OUT_OF_RANGE = strawberry.enum_value(
        "OUT_OF_RANGE", description="The value is too small, too large or too precise."
    )
    TOO_LONG = strawberry.enum_value("TOO_LONG", description="The text is too long.")
    IN_FUTURE = strawberry.enum_value("IN_FUTURE", description="The time is yet to come.")
    NOT_FOUND = strawberry.enum_value(
        "NOT_FOUND", description="There is no such thing, or it is not for you: both look the same."
    )
    ALREADY_EXISTS = strawberry.enum_value("ALREADY_EXISTS", description="The name or id is taken.")
    UNKNOWN_CURRENCY = strawberry.enum_value(
        "UNKNOWN_CURRENCY", description="The code is not an ISO 4217 currency in circulation."
    )
    UNKNOWN_INSTRUMENT = strawberry.enum_value(
        "UNKNOWN_INSTRUMENT", description="No market-data source knows the symbol."
    )
    CURRENCY_MISMATCH = strawberry.enum_value(
        "CURRENCY_MISMATCH", description="The currency does not fit the instrument or portfolio."
    )
    NO_RATE = strawberry.enum_value(
        "NO_RATE", description="No exchange rate is known for the day: give the booking's own."
    )
    OVERSOLD = strawberry.enum_value(
        "OVERSOLD", description="More units would be sold than are held at that time."
    )
    ARCHIVED = strawberry.enum_value(
        "ARCHIVED", description="The portfolio is archived and takes no bookings."
    )
    ALREADY_VOIDED = strawberry.enum_value(
        "ALREADY_VOIDED", description="The transaction is voided already."
    )
    NOTHING_TO_UNDO = strawberry.enum_value(
        "NOTHING_TO_UNDO", description="The transaction has no change that could be undone."
    )
    LEDGER_NOT_EMPTY = strawberry.enum_value(
        "LEDGER_NOT_EMPTY", description="The change is possible only while nothing is booked."
    )
    IDEMPOTENCY_CONFLICT = strawberry.enum_value(
        "IDEMPOTENCY_CONFLICT", description="The key was used before with another input."
    )
    INVALID_CREDENTIALS = strawberry.enum_value(
        "INVALID_CREDENTIALS", description="The username or password is wrong."
    )
    INVALID_TOKEN = strawberry.enum_value(
        "INVALID_TOKEN", description="The refresh token is unknown, expired, used or revoked."
    )


@strawberry.type(description="One thing wrong with an input. Nothing was changed.")
class UserError:
    """One thing wrong with an input."""

    code: UserErrorCode = strawberry.field(description="For a program.")
    message: str = strawberry.field(description="For a person.")
    field: list[str] | None = strawberry.field(
        description="Path to the field within `input`; null when it is about the whole of it."
    )


def user_error(mistake: Mistake) -> UserError:
    """Build a user error from a mistake."""
    return UserError(
        code=UserErrorCode(mistake.code.value),
        message=mistake.message,
        field=list(mistake.field) or None,
    )


def user_errors(refused: RefusedError) -> list[UserError]:
    """Build the user errors of a refusal."""
    return [user_error(mistake) for mistake in refused.mistakes]


def check_day(day: date | None, *, today: date, argument: str) -> None:
    """Refuse a day that is yet to come, or before any ledger."""
    if day is not None and not EARLIEST <= day <= today:
        when = "is yet to come" if day > today else f"is before {EARLIEST}"
        raise bad_input(f"`{argument}` {day} {when}.")


def checked_currency(currency: str | None, *, argument: str) -> str | None:
    """Return a currency that may be left out; refuse one that is none."""
    if currency is not None and not is_currency(currency):
        raise bad_input(f"`{argument}`: {currency!r} is not an ISO 4217 currency.")
    return currency


def bad_input(message: str) -> GraphQLError:
    """Build the error for an argument of a query that cannot be used."""
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
