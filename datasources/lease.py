"""One of several replicas does what need be done once: whoever holds the lease."""

from datetime import timedelta
from typing import Protocol
from uuid import uuid4


class Locks(Protocol):
    """Locks that all replicas see; null while nobody can tell."""

    async def acquire(self, name: str, *, holder: str, ttl: timedelta) -> bool | None:
        """Take a lock that nobody has."""
        ...

    async def extend(self, name: str, *, holder: str, ttl: timedelta) -> bool | None:
        """Give a lock more time."""
        ...

    async def release(self, name: str, *, holder: str) -> bool | None:
        """Give a lock back."""
        ...


class Lease:
    """A role that one replica has, for as long as it asks again before ``ttl`` is over.

    Without locks there is one process, which has every role. While the locks' server fails, roles
    stay as they are: two replicas must not take one because neither hears of the other.
    """

    def __init__(self, name: str, *, locks: Locks | None, ttl: timedelta) -> None:
        self._name = name
        self._locks = locks
        self._ttl = ttl
        self._holder = uuid4().hex
        self._held = locks is None

    async def held(self) -> bool:
        """Take the role if it is free, keep it if it is ours, and tell which."""
        if self._locks is None:
            return True
        if self._held:
            kept = await self._locks.extend(self._name, holder=self._holder, ttl=self._ttl)
            if kept is not False:
                return True
        taken = await self._locks.acquire(self._name, holder=self._holder, ttl=self._ttl)
        self._held = bool(taken)
        return self._held

    async def give_back(self) -> None:
        """Let another replica have the role at once."""
        if self._locks is not None and self._held:
            self._held = False
            await self._locks.release(self._name, holder=self._holder)
