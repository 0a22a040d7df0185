"""How many sockets and streams one caller may have open, and how fast each socket may speak."""

import asyncio
from collections import Counter

from resolvers.context import Context

MESSAGES_AT_ONCE = 250
"""Enough to open all the operations that a socket may have, twice."""

MESSAGES_PER_SECOND = 50


class Crowd:
    """Counts what each caller has open in this process: a user, or else an address."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._open: Counter[int | str] = Counter()

    @property
    def callers(self) -> int:
        """Return how many callers have anything open."""
        return len(self._open)

    @property
    def sockets(self) -> int:
        """Return how many sockets and streams are open."""
        return self._open.total()

    def enter(self, caller: int | str) -> bool:
        """Count one in; false if the caller has as many as it may."""
        if self._open[caller] >= self.most:
            return False
        self._open[caller] += 1
        return True

    def leave(self, caller: int | str) -> None:
        """Count one out."""
        self._open[caller] -= 1
        if not self._open[caller]:
            del self._open[caller]


class Pace:
    """How fast one socket's client may speak: some messages at once, then some each second."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left = float(MESSAGES_AT_ONCE)
        self._at = asyncio.get_running_loop().time()

    def allows(self) -> bool:
        """Count a message; false if it came too soon."""
        now = asyncio.get_running_loop().time()
        earned = (now - self._at) * MESSAGES_PER_SECOND
        self._left = min(MESSAGES_AT_ONCE, self._left + earned)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def caller_of(context: Context) -> int | str:
    """Return whose a stream is: the user's, or else of the address that it goes to."""
    return context.address if context.principal is None else context.principal.user_id
