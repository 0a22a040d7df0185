"""What a load brings back to the cache."""

from collections.abc import Collection, Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Loaded(dict[K, V]):
    """Values by key; ``failed`` are keys that could not be told about, unlike those left out.

    What is left out is known to be absent and remembered so; of what failed an older value still
    stands.
    """

    def __init__(self, found: Mapping[K, V], *, failed: Collection[K] = ()) -> None:
        super().__init__(found)
        self.failed = frozenset(failed) - self.keys()
