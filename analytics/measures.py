"""A measure: a number or the reason why there is none, and how it came about."""

from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

LARGEST = 1e15
"""Returns and ratios above it, or below its negative, are of arithmetic alone: none is told."""


class Reason(Enum):
    """Why a figure is null."""

    NO_PRICE = "NO_PRICE"
    NO_PREVIOUS_PRICE = "NO_PREVIOUS_PRICE"
    NO_RATE = "NO_RATE"
    MISSING_ACQUISITION = "MISSING_ACQUISITION"
    NO_CAPITAL = "NO_CAPITAL"
    NEGATIVE_CAPITAL = "NEGATIVE_CAPITAL"
    ZERO_COST = "ZERO_COST"
    ZERO_VALUE = "ZERO_VALUE"
    NO_SIGN_CHANGE = "NO_SIGN_CHANGE"
    NO_ROOT = "NO_ROOT"
    LESS_THAN_A_YEAR = "LESS_THAN_A_YEAR"
    TOTAL_LOSS = "TOTAL_LOSS"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    SERIES_TOO_SHORT = "SERIES_TOO_SHORT"
    NO_VARIATION = "NO_VARIATION"
    NO_DRAWDOWN = "NO_DRAWDOWN"
    NO_LOSSES = "NO_LOSSES"
    NO_WINS = "NO_WINS"
    NO_TRADES = "NO_TRADES"
    NO_BENCHMARK = "NO_BENCHMARK"
    SHORT_BENCHMARK = "SHORT_BENCHMARK"


class Note(Enum):
    """What else to know of a figure that is there."""

    APPROXIMATED = "APPROXIMATED"
    MULTIPLE_ROOTS = "MULTIPLE_ROOTS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One input or step of a figure, in the words of its definition; null where not known."""

    name: str
    value: float | date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A value, or null with a reason; ``definition`` is a key of `analytics.definitions`.

    ``inputs`` are what the figure was worked out from and ``steps`` what came in between, in the
    order of the work. ``about`` is the symbol or currency that a reason concerns.
    """

    definition: str
    value: float | None = None
    reason: Reason | None = None
    about: str | None = None
    inputs: tuple[Part, ...] = ()
    steps: tuple[Part, ...] = ()
    notes: frozenset[Note] = frozenset()

    def because(self, reason: Reason, *, about: str | None = None) -> "Measure":
        """Return the same without a value, for a reason."""
        return replace(self, value=None, reason=reason, about=about)

    def of_rate(self, value: float) -> "Measure":
        """Return the same with a return or ratio; without one if it is out of all range."""
        if not abs(value) <= LARGEST:
            return self.because(Reason.OUT_OF_RANGE)
        return replace(self, value=value)


def parts(**named: float | date | None) -> tuple[Part, ...]:
    """Name inputs or steps; underscores stand for spaces."""
    return tuple(Part(name=name.replace("_", " "), value=value) for name, value in named.items())
