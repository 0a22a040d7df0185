"""What is executed for many and has to wait for one socket's client to read."""

from collections.abc import Callable
from typing import Any, Protocol

import orjson

from gateway.transports.followers import Response, Written
from gateway.transports.sharing import Seat
from models.changes import Topic

Parts = tuple[bytes, ...]
"""A message in parts, most of which it shares with others."""

END: Topic = ("end", None)
"""The topic of what is said last of an operation."""


class Speaker(Protocol):
    """A socket that operations speak on."""

    @property
    def backlog(self) -> "Backlog":
        """What waits for its client."""
        ...

    def say(self, follower: "SocketFollower", topic: Topic, parts: Parts) -> None:
        """Write what has come of a shared operation: at once, or when the client has read."""
        ...


class SocketFollower:
    """A subscription over a socket that is executed for others as well."""

    __slots__ = ("_begin", "_close", "_socket", "key", "seat", "straight", "waiting")

    seat: Seat

    def __init__(self, socket: Speaker, key: str, extensions: dict[str, Any]) -> None:
        self._socket = socket
        self._begin = b'{"id":%b,"type":"next","payload":{"data":' % orjson.dumps(key)
        own = b',"extensions":%b' % orjson.dumps(extensions) if extensions else b""
        self._close = own + b"}}"
        self.key = key
        self.waiting = 0
        self.straight: Callable[[Parts], bool] | None = None
        """Writes to the client at once, or says that it cannot; not while anything waits."""

    @property
    def burden(self) -> int:
        """Return how many bytes wait that may not be left out, with all else on the socket."""
        return self._socket.backlog.burden

    def offer(self, topic: Topic, event: Written) -> None:
        """Take a response; of the same topic only the newest matters."""
        parts = (self._begin, event.data, event.rest, self._close)
        if self.straight is None or not self.straight(parts):
            self._socket.say(self, topic, parts)

    def end(self, final: Response | None, *, at_once: bool = False) -> None:
        """Take it that nothing more comes, but for what it ended with."""
        if at_once:
            self._socket.backlog.forget(self)
        said: dict[str, Any] = {"id": self.key, "type": "complete"}
        if final is not None:
            said = {"id": self.key, "type": "error", "payload": final["errors"]}
        self._socket.say(self, END, (orjson.dumps(said),))


class Backlog:
    """What waits to be written to one socket: of each operation and topic the newest, in turn."""

    __slots__ = ("_bytes", "_due", "_kept")

    def __init__(self) -> None:
        self._due: dict[tuple[SocketFollower, Topic], Parts] = {}
        self._kept = self._bytes = 0

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._due)

    @property
    def burden(self) -> int:
        """Return how many bytes wait that may not be left out, if it is more than one message.

        What is replaced by what is newer does not grow.
        """
        return self._bytes if self._kept > 1 else 0

    def put(self, follower: SocketFollower, topic: Topic, parts: Parts) -> None:
        """Let a message wait."""
        if (follower, topic) not in self._due:
            follower.waiting += 1
            self._count(follower, parts, 1)
        self._due[follower, topic] = parts

    def take(self) -> tuple[SocketFollower, Topic, Parts]:
        """Take what has waited longest; it waits for its follower until that is told otherwise."""
        follower, topic = next(iter(self._due))
        parts = self._due.pop((follower, topic))
        self._count(follower, parts, -1)
        return follower, topic, parts

    def forget(self, follower: SocketFollower) -> None:
        """Drop what waits of a shared operation."""
        for place in [one for one in self._due if one[0] is follower]:
            self._count(follower, self._due.pop(place), -1)
            follower.waiting -= 1

    def clear(self) -> None:
        """Drop all."""
        self._due.clear()
        self._kept = self._bytes = 0

    def _count(self, follower: SocketFollower, parts: Parts, sign: int) -> None:
        if follower.seat.every:  # of which each message has a topic of its own
            self._kept += sign
            self._bytes += sign * sum(map(len, parts))
