"""Checks of single inputs: each returns the clean value, and notes a mistake when there is one."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from analytics.money import PLACES, plain
from datasources.symbols import InvalidSymbolError, canonical
from models.currencies import is_currency
from services.errors import Mistake, MistakeCode, RefusedError

MAX_INTEGER_DIGITS = 15
MONEY_PLACES = 2 * PLACES
"""Decimals of money: those of a quantity times a price, so that what we write can be read again."""

RATE_PLACES = 40
"""Decimals of an exchange rate: one that was divided out of two others is kept in full."""

EARLIEST = date(1900, 1, 1)
CLOCK_SKEW = timedelta(minutes=5)
"""How far a client's clock may run ahead of ours before its "now" counts as the future."""

MAX_NAME = 100
MAX_NOTE = 2_000
MAX_KEY = 200


def storable(text: str) -> bool:
    """Tell whether a database takes a text: no null characters, no surrogates that stand alone."""
    return not any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text)


class Checks:
    """Collects every mistake of one input, so that a form can show all of them at once."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self.mistakes: list[Mistake] = []

    def note(self, code: MistakeCode, message: str, *field: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(code, message, field))

    def finish(self) -> None:
        """Raise RefusedError if anything was noted."""
        if self.mistakes:
            raise RefusedError(self.mistakes)

    def decimal(
        self, value: Decimal, field: str, *, zero: bool = False, places: int = PLACES
    ) -> Decimal:
        """Check an amount, quantity or price: finite, above zero (or zero), of sane length."""
        if not value.is_finite():
            self.note(MistakeCode.INVALID, "Must be a number.", field)
            return Decimal(1)
        if value < 0 or (value == 0 and not zero):
            bound = "zero or more" if zero else "more than zero"
            self.note(MistakeCode.OUT_OF_RANGE, f"Must be {bound}, not {value}.", field)
            return Decimal(1)
        if not value:
            return Decimal(0)  # whatever its exponent
        if value.adjusted() >= MAX_INTEGER_DIGITS:
            self.note(
                MistakeCode.OUT_OF_RANGE,
                f"Must have at most {MAX_INTEGER_DIGITS} digits before the point.",
                field,
            )
            return Decimal(1)
        # An absurd exponent is not written out: it would be gigabytes of digits.
        tiny = value.adjusted() < -places
        value = Decimal(1) if tiny else Decimal(plain(value))
        exponent = value.as_tuple().exponent
        if tiny or (isinstance(exponent, int) and -exponent > places):
            self.note(MistakeCode.OUT_OF_RANGE, f"Must have at most {places} decimals.", field)
        return value

    def required(self, field: str) -> None:
        """Note that a field is missing."""
        self.note(MistakeCode.REQUIRED, "Must be given.", field)

    def wanted(self, value: Decimal | None, field: str, *, zero: bool = False) -> Decimal:
        """Check a number that must be given."""
        if value is None:
            self.required(field)
            return Decimal(1)
        return self.decimal(value, field, zero=zero)

    def optional_currency(self, code: str | None, field: str) -> str | None:
        """Check a currency that may be left out."""
        return None if code is None else self.currency(code, field)

    def currency(self, code: str, field: str) -> str:
        """Check an ISO 4217 code of a currency in circulation."""
        if not is_currency(code):
            self.note(
                MistakeCode.UNKNOWN_CURRENCY,
                f"{code!r} is not a currency: use an ISO 4217 code in capitals, such as USD.",
                field,
            )
        return code

    def symbol(self, text: str, *field: str) -> str:
        """Check a symbol and bring it to canonical form."""
        try:
            return canonical(text)
        except InvalidSymbolError as error:
            self.note(MistakeCode.INVALID, str(error), *field)
            return ""

    def moment(self, value: datetime, field: str) -> datetime:
        """Check a time: aware, not in the future, not before 1900."""
        if value.tzinfo is None:
            self.note(MistakeCode.INVALID, "Must say its time zone, such as a final Z.", field)
            return self.now
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            self.note(MistakeCode.OUT_OF_RANGE, "Is outside the calendar.", field)
            return self.now
        if value > self.now + CLOCK_SKEW:
            self.note(MistakeCode.IN_FUTURE, f"{value:%Y-%m-%d %H:%M} UTC is yet to come.", field)
        elif value.date() < EARLIEST:
            self.note(MistakeCode.OUT_OF_RANGE, f"Must be {EARLIEST} or later.", field)
        return value

    def name(self, text: str, field: str, *, limit: int = MAX_NAME) -> str:
        """Check a name: something visible, on one line, not too long."""
        text = text.strip()
        if not text:
            self.note(MistakeCode.REQUIRED, "Must not be empty.", field)
        if len(text) > limit:
            self.note(MistakeCode.TOO_LONG, f"Must have at most {limit} characters.", field)
        if not text.isprintable():
            self.note(MistakeCode.INVALID, "Must be printable characters on one line.", field)
        return text

    def text(self, text: str | None, field: str, *, limit: int = MAX_NOTE) -> str | None:
        """Check a free text, which may be missing; an empty one counts as missing."""
        if text is None or not text.strip():
            return None
        if len(text) > limit:
            self.note(MistakeCode.TOO_LONG, f"Must have at most {limit} characters.", field)
        if not storable(text):
            message = "Must not have null characters or halves of characters."
            self.note(MistakeCode.INVALID, message, field)
        return text.strip()
