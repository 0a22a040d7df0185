"""Outward shapes that last: built once of a value that never changes, and kept as long as it."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import ref

S = TypeVar("S")
T = TypeVar("T")


def lasting(build: Callable[[S], T]) -> Callable[[S], T]:
    """Build the shape of each value once; the same value, not only an equal one, gets it again."""
    kept: dict[int, tuple[ref[S], T]] = {}

    @wraps(build)
    def shape(value: S) -> T:
        key = id(value)
        found = kept.get(key)
        if found is None:
            found = kept[key] = (ref(value, lambda _: kept.pop(key, None)), build(value))
        return found[1]

    return shape
