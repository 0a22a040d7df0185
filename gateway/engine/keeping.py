"""What was written of objects that never change, kept as long as they live."""

from collections.abc import Callable
from typing import Any
from weakref import ref

from gateway.engine.leaves import Values

Write = Callable[[dict[str, Any]], Any]
"""Writes one object's answer as what stands in its place whenever the object is asked again."""

KEPT_OBJECTS = 1000
"""How many objects are kept for one selection of one operation; the others are written anew."""


class Written:
    """What one selection has of objects of one type."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._kept: dict[int, tuple[ref[Any], Any]] = {}

    def __len__(self) -> int:
        """Return how many objects are kept now."""
        return len(self._kept)

    def find(self, objects: Values) -> Values:
        """Return what is kept of each object; null for those that there is nothing of."""
        kept = self._kept
        return [None if (found := kept.get(id(one))) is None else found[1] for one in objects]

    def keep(self, thing: Any, row: dict[str, Any]) -> Any:
        """Write an object's answer and keep it, if the object tells of its end."""
        kept, key = self._kept, id(thing)
        if len(kept) >= KEPT_OBJECTS:
            return row
        try:
            life = ref(thing, lambda _: kept.pop(key, None))
        except TypeError:
            return row
        written = self._write(row)
        kept[key] = (life, written)
        return written
