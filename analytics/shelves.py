"""Keeps what was worked out, up to so many bytes of it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import inf
from threading import Lock
from typing import Any, Protocol, TypeVar


class Bulky(Protocol):
    """Something that knows how much memory it takes."""

    @property
    def nbytes(self) -> int:
        """Return about how many bytes it takes."""


LEAST = 1_000
"""So many bytes count for what says that it takes less: its place takes some as well."""

B = TypeVar("B", bound=Bulky)
Place = tuple[Hashable, Hashable]


class Shelf:
    """What was made, by owner and key: never more than ``most`` bytes of it, in any thread.

    What was not asked for the longest makes room. What is greater than all of it is not kept.
    """

    def __init__(self, most: float = inf) -> None:
        self.most = most
        self.taken = 0
        self._kept: OrderedDict[Place, tuple[Any, int]] = OrderedDict()
        self._keys: dict[Hashable, set[Hashable]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, owner: Hashable, key: Hashable) -> Any:
        """Return what is kept; null for nothing."""
        with self._lock:
            found = self._kept.get((owner, key))
            if found is None:
                return None
            self._kept.move_to_end((owner, key))
            return found[0]

    def put(self, owner: Hashable, key: Hashable, value: Bulky) -> None:
        """Keep something in the place of what was there."""
        size = max(value.nbytes, LEAST)
        with self._lock:
            self._remove((owner, key))
            if size > self.most:
                return
            while self.taken + size > self.most:
                self._remove(next(iter(self._kept)))
            self._kept[owner, key] = value, size
            self._keys.setdefault(owner, set()).add(key)
            self.taken += size

    def made(self, owner: Hashable, key: Hashable, make: Callable[[], B]) -> B:
        """Return what is kept, or make and keep it; threads that ask at once may all make it."""
        found: B | None = self.get(owner, key)
        if found is None:
            found = make()
            self.put(owner, key, found)
        return found

    def drop(self, owner: Hashable) -> None:
        """Let go of all of an owner's."""
        with self._lock:
            for key in list(self._keys.get(owner, ())):
                self._remove((owner, key))

    def _remove(self, place: Place) -> None:
        if place in self._kept:
            _, size = self._kept.pop(place)
            self.taken -= size
            owner, key = place
            self._keys[owner].remove(key)
            if not self._keys[owner]:
                del self._keys[owner]
