"""Exact decimal arithmetic: one context for all of it, and rounding only where it is asked for."""

from collections.abc import Callable, Iterable
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    getcontext,
    localcontext,
)
from functools import cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

EXACT = Context(
    prec=128, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""Wide enough that sums and products of accepted inputs are exact, never rounded."""

PLACES = 18
"""Decimals kept where a division does not end: a share of a lot's cost, a converted amount."""

UNIT_PRICE_PLACES = 8
"""Decimals of a price per unit that comes out of a division."""

ZERO = Decimal(0)
ONE = Decimal(1)


def exact(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function under the exact context, whatever context its caller has."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if getcontext().prec == EXACT.prec:  # called by one that does so already
            return function(*args, **kwargs)
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return run


@cache
def _last_place(places: int) -> Decimal:
    return ONE.scaleb(-places)


def round_to(value: Decimal, places: int) -> Decimal:
    """Round half-even to a number of decimals."""
    return value.quantize(_last_place(places), ROUND_HALF_EVEN, EXACT)


_LAST_PLACE = _last_place(PLACES)


def settle(value: Decimal) -> Decimal:
    """Cut the endless digits of a division to ``PLACES``; shorter values stay as they are."""
    if not value.is_finite():
        return value
    try:
        cut = value.quantize(_LAST_PLACE, ROUND_HALF_EVEN, EXACT)
    except InvalidOperation:  # it has too many digits to be written with so many decimals
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent >= -PLACES:
            return value
        raise
    # Of equal values the one with fewer digits is greater in total order; to ask for the exponent
    # would cost several times as much.
    return value if cut == value and not value.compare_total_mag(cut).is_signed() else cut


def convert(amount: Decimal, rate: Decimal) -> Decimal:
    """Convert an amount at a rate, to ``PLACES`` decimals."""
    return settle(EXACT.multiply(amount, rate))


def convert_known(amount: Decimal | None, rate: Decimal | None) -> Decimal | None:
    """Convert an amount at a rate; null when either is not known. Zero needs no rate."""
    if amount is None:
        return None
    if not amount:
        return ZERO
    return None if rate is None else settle(EXACT.multiply(amount, rate))


@exact
def total(values: Iterable[Decimal]) -> Decimal:
    """Sum exactly; zero for nothing."""
    return sum(values, ZERO)


def total_known(values: Iterable[Decimal | None]) -> Decimal | None:
    """Sum exactly; null as soon as one value is not known."""
    known: list[Decimal] = []
    for value in values:
        if value is None:
            return None
        known.append(value)
    return total(known)


@exact
def ratio(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """Divide; null when a side is not known or the whole is zero."""
    return None if part is None or not whole else settle(part / whole)


def plain(value: Decimal) -> str:
    """Write digits without an exponent and without trailing zeros: 50, 0.1, 1200."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
