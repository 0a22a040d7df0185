"""What a user can do wrong: typed, helpful, and naming the field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class MistakeCode(Enum):
    """Machine-readable kind of a mistake; clients switch on it, so codes never change meaning."""

    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    TOO_LONG = "TOO_LONG"
    IN_FUTURE = "IN_FUTURE"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    NO_RATE = "NO_RATE"
    OVERSOLD = "OVERSOLD"
    ARCHIVED = "ARCHIVED"
    ALREADY_VOIDED = "ALREADY_VOIDED"
    NOTHING_TO_UNDO = "NOTHING_TO_UNDO"
    LEDGER_NOT_EMPTY = "LEDGER_NOT_EMPTY"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105  # a code, not a secret


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with an input; ``field`` is the path to it within the input."""

    code: MistakeCode
    message: str
    field: tuple[str, ...] = ()


class RefusedError(Exception):
    """An input was refused for one or more mistakes, and nothing was changed."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(mistake.message for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class RefusedEntriesError(RefusedError):
    """Some entries of several were refused: ``by_key`` has what is wrong with each."""

    def __init__(self, by_key: Mapping[int, Mistake]) -> None:
        super().__init__(list(by_key.values()))
        self.by_key = by_key


def refuse(code: MistakeCode, message: str, *field: str) -> RefusedError:
    """Build the refusal for a single mistake."""
    return RefusedError([Mistake(code, message, field)])


def portfolio_not_found() -> RefusedError:
    """Refuse a portfolio that does not exist or is somebody else's: both look the same."""
    return refuse(MistakeCode.NOT_FOUND, "There is no such portfolio.", "portfolioId")
