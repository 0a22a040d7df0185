"""Places: where in the answer the values of a column are, worked out only when somebody asks.

A column has one value for each object of a level. Its place knows for the number of a value the
way to it from the root of the answer. Errors need that, and resolvers that are given an info.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from graphql.pyutils import Path


class Step(NamedTuple):
    """One step down: a field of an object, or an item of a list."""

    key: str | int
    order: int
    """Its number among its siblings, in the order of the answer."""
    nullable: bool
    """Whether null may stand here."""
    owner: str | None
    """The object type that has the field; none for items."""


class Place(Protocol):
    """Where the values of a column are."""

    def steps(self, number: int) -> tuple[Step, ...]:
        """Return the way from the root to one of the values."""


class Root:
    """The place of the root object."""

    __slots__ = ()

    def steps(self, number: int) -> tuple[Step, ...]:  # noqa: ARG002
        """Return the way from the root to itself."""
        return ()


class FieldPlace:
    """The place of a field's values, one for each object of a level."""

    __slots__ = ("_objects", "_step")

    def __init__(self, objects: Place, step: Step) -> None:
        self._objects = objects
        self._step = step

    def steps(self, number: int) -> tuple[Step, ...]:
        """Return the way from the root to one of the values."""
        return (*self._objects.steps(number), self._step)


class ItemPlace:
    """The place of the items of a column of lists, one list's items behind the other's."""

    __slots__ = ("_ends", "_lengths", "_lists", "_nullable")

    def __init__(self, lists: Place, lengths: Sequence[int], *, nullable: bool) -> None:
        self._lists = lists
        self._lengths = lengths
        self._nullable = nullable
        self._ends: list[int] = []

    def steps(self, number: int) -> tuple[Step, ...]:
        """Return the way from the root to one of the items."""
        if not self._ends:
            self._ends = list(accumulate(self._lengths))
        which = bisect_right(self._ends, number)
        index = number - (self._ends[which - 1] if which else 0)
        return (*self._lists.steps(which), Step(index, index, self._nullable, None))


class ChosenPlace:
    """The place of some values of a column."""

    __slots__ = ("_chosen", "_place")

    def __init__(self, place: Place, chosen: Sequence[int]) -> None:
        self._place = place
        self._chosen = chosen

    def steps(self, number: int) -> tuple[Step, ...]:
        """Return the way from the root to one of the values."""
        return self._place.steps(self._chosen[number])


def path_of(steps: Sequence[Step]) -> Path:
    """Build the path that a resolver's info has."""
    path: Path | None = None
    for step in steps:
        path = Path(path, step.key, step.owner)
    if path is None:
        raise ValueError("the root has no path")
    return path
