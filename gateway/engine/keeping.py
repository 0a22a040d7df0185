"""What was written of objects that never change, kept as long as they live."""

from collections.abc import Callable
from typing import Any
from weakref import WeakSet, ref

from gateway.engine.leaves import Values

Write = Callable[[dict[str, Any]], tuple[Any, int]]
"""Writes one object's answer: what stands in its place from then on, and the bytes it takes."""

KEPT_BYTES = 32_000_000
"""What is kept of all objects for all selections of one schema."""
KEEPING_BYTES = 500
"""What it takes to keep something, however short it is."""


class Room:
    """The bytes that all selections of one schema share.

    What is freed is not given back: once everything is taken, all of it is forgotten.
    """

    def __init__(self) -> None:
        self._taken = 0
        self._written: WeakSet[Written] = WeakSet()

    def enter(self, written: "Written") -> None:
        """Have what a selection keeps forgotten with the rest."""
        self._written.add(written)

    def take(self, size: int) -> None:
        """Make room for something."""
        self._taken += size + KEEPING_BYTES
        if self._taken > KEPT_BYTES:
            self._taken = size + KEEPING_BYTES
            for written in self._written:
                written.forget()


class Written:
    """What one selection has of objects of one type."""

    def __init__(self, write: Write, room: Room) -> None:
        self._write = write
        self._room = room
        room.enter(self)
        self._kept: dict[int, Any] = {}
        """What was written, by where the object is."""
        self._lives: dict[int, ref[Any]] = {}

    def __len__(self) -> int:
        """Return how many objects are kept now."""
        return len(self._kept)

    def find(self, objects: Values) -> Values:
        """Return what is kept of each object; null for those that there is nothing of."""
        return list(map(self._kept.get, map(id, objects)))

    def find_all(self, objects: Values) -> Values | None:
        """Return what is kept of each object; none unless there is something of all."""
        try:
            return list(map(self._kept.__getitem__, map(id, objects)))
        except KeyError:
            return None

    def keep(self, thing: Any, row: dict[str, Any]) -> Any:
        """Write an object's answer and keep it, if the object tells of its end."""
        kept, lives, key = self._kept, self._lives, id(thing)

        def forget(_: object) -> None:
            kept.pop(key, None)
            lives.pop(key, None)

        try:
            life = ref(thing, forget)
        except TypeError:
            return row
        written, size = self._write(row)
        self._room.take(size)
        kept[key], lives[key] = written, life
        return written

    def forget(self) -> None:
        """Keep nothing of what there is."""
        self._kept.clear()
        self._lives.clear()
