"""What one kind of work on stored history shares: one at a time, and what nobody knows."""

import asyncio
from collections.abc import Hashable
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

UNKNOWN_FOR = timedelta(minutes=10)
"""How long a symbol that no provider knows is not asked for again."""


class Turns:
    """Lets one at a time work on a key; who waited finds what the one before has done."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: Hashable) -> asyncio.Lock:
        """Return the lock of a key, for as long as anybody holds on to it."""
        return self._locks.setdefault(key, asyncio.Lock())


class Unknown:
    """Remembers for a while what no provider knew."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def add(self, symbol: str, *, now: datetime) -> None:
        """Remember that nobody knows a symbol."""
        self._until = {key: until for key, until in self._until.items() if until > now}
        self._until[symbol] = now + UNKNOWN_FOR

    def has(self, symbol: str, *, now: datetime) -> bool:
        """Tell whether a symbol was unknown a moment ago."""
        until = self._until.get(symbol)
        return until is not None and until > now
