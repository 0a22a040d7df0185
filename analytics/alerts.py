"""Price alerts: whether a price meets a condition, and what that means for an alert.

An alert fires on crossing, not on being beyond: the price must have been on the near side before,
and must come back there before it can fire again.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from analytics.money import EXACT


class Measure(Enum):
    """What of a price is compared with the threshold."""

    PRICE = "PRICE"
    CHANGE_FROM_PREVIOUS_CLOSE = "CHANGE_FROM_PREVIOUS_CLOSE"
    CHANGE_FROM_REFERENCE = "CHANGE_FROM_REFERENCE"


class Direction(Enum):
    """On which side of the threshold a condition is met."""

    ABOVE = "ABOVE"
    BELOW = "BELOW"
    EITHER = "EITHER"


class Step(Enum):
    """What a price does to an alert."""

    STAY = "STAY"
    ARM = "ARM"
    FIRE = "FIRE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A price in the instrument's currency, or a change as a positive fraction: 0.05 is 5 %.

    ``reference`` is the price that a change is measured from, null where that is not fixed.
    """

    measure: Measure
    direction: Direction
    threshold: Decimal
    reference: Decimal | None = None

    def base(self, previous_close: Decimal | None) -> Decimal | None:
        """Return the price that a change is measured from; null if none is known, or needed."""
        if self.measure is Measure.CHANGE_FROM_PREVIOUS_CLOSE:
            return previous_close
        return self.reference


def is_met(
    condition: Condition, *, price: Decimal, previous_close: Decimal | None = None
) -> bool | None:
    """Tell whether a price meets a condition, to the last digit; null if it cannot be told."""
    bar = condition.threshold
    if condition.measure is Measure.PRICE:
        return price >= bar if condition.direction is Direction.ABOVE else price <= bar
    base = condition.base(previous_close)
    if not base:
        return None
    # No division, which would have to be rounded.
    moved, bar = EXACT.subtract(price, base), EXACT.multiply(base, bar)
    if condition.direction is Direction.EITHER:
        return moved.copy_abs() >= bar
    return moved >= bar if condition.direction is Direction.ABOVE else moved.copy_negate() >= bar


def step(met: bool | None, *, armed: bool, begins_anew: bool = False) -> Step:
    """Tell what a price does to an alert that was armed, or not, by the prices before.

    ``begins_anew`` says that what the change is measured from is another one than before: it began
    at no change at all, so whatever is met now was crossed since.
    """
    if met is None:
        return Step.STAY
    if met:
        return Step.FIRE if armed or begins_anew else Step.STAY
    return Step.STAY if armed else Step.ARM
