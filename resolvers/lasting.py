"""Outward shapes that last: built once of a value that never changes, and kept as long as it."""

from collections.abc import Callable
from functools import wraps
from operator import is_not
from typing import TypeVar, TypeVarTuple
from weakref import ref

S = TypeVar("S")
B = TypeVarTuple("B")
T = TypeVar("T")


def lasting(build: Callable[[S, *B], T]) -> Callable[[S, *B], T]:
    """Build the shape of each value once; the same value, not only an equal one, gets it again.

    So it is while all that it is built with beside the value is the same, too; none of that is
    given by name. A shape that holds its value would keep both for ever.
    """
    kept: dict[int, tuple[ref[S], tuple[object, ...], T]] = {}

    @wraps(build)
    def shape(value: S, /, *beside: *B) -> T:
        key = id(value)
        found = kept.get(key)
        if found is None or any(map(is_not, beside, found[1])):
            gone = ref(value, lambda _: kept.pop(key, None))
            found = kept[key] = (gone, beside, build(value, *beside))
        return found[2]

    return shape
