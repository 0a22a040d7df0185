"""The hub: whoever listens to topics gets what is new of each, and of each only the newest."""

import asyncio
from collections.abc import AsyncIterator, Collection, Hashable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from models.changes import Topic


class Listener:
    """One subscriber's topics, with one slot for each: a newer event replaces an unread one.

    So it holds no more than its topics, however slowly it is read. What is ``urgent`` does not wait
    for the least interval between two ``changes``.
    """

    def __init__(self, *, min_interval: timedelta, urgent: frozenset[Topic]) -> None:
        self.topics: frozenset[Topic] = frozenset()
        self._min_interval = min_interval.total_seconds()
        self._urgent = urgent
        self._slots: dict[Topic, tuple[Hashable, Any]] = {}
        self._seen: dict[Topic, Hashable] = {}
        self._ready_at: dict[Topic, float] = {}
        self._due_at = asyncio.get_running_loop().time() + self._min_interval
        self._wake = asyncio.Event()
        self._closed = False

    def offer(self, topic: Topic, event: Any, *, says: Hashable = None) -> None:
        """Take an event unless it says what the last one said; one that says nothing is new."""
        known = self._slots[topic][0] if topic in self._slots else self._seen.get(topic)
        if says is None or known != says:
            self._slots[topic] = (says, event)
            self._wake.set()

    def begin(self, topic: Topic, event: Any, *, says: Hashable) -> None:
        """Take the last known event of a topic, unless a newer one has come meanwhile."""
        if topic not in self._slots and topic not in self._seen:
            self.offer(topic, event, says=says)

    def saw(self, topic: Topic, *, says: Hashable) -> None:
        """Take for seen what an event says, from elsewhere."""
        self._seen[topic] = says

    def drop(self, topics: Collection[Topic]) -> None:
        """Forget topics that are no longer listened to."""
        for topic in topics:
            for kept in (self._slots, self._seen, self._ready_at):
                kept.pop(topic, None)

    def close(self) -> None:
        """End the listener's iteration."""
        self._closed = True
        self._wake.set()

    async def updates(self) -> AsyncIterator[Any]:
        """Yield events as they come, each topic's at most once in the least interval."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            now = loop.time()
            due = [topic for topic in self._slots if self._ready_at.get(topic, 0.0) <= now]
            for topic in due:
                if topic not in self._slots:
                    continue
                self._ready_at[topic] = now + self._min_interval
                yield self._take(topic)
                if self._closed:
                    return
            if not due:
                waits = [self._ready_at[topic] - now for topic in self._slots]
                await self._woken(min(waits, default=None))

    async def changes(self) -> dict[Topic, Any]:
        """Return all that is new, at most once in the least interval; nothing at the end."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            left = self._due_at - loop.time()
            ready = [topic for topic in self._slots if left <= 0 or topic in self._urgent]
            if ready:
                if left <= 0:
                    self._due_at = loop.time() + self._min_interval
                return {topic: self._take(topic) for topic in ready}
            await self._woken(left if self._slots else None)
        return {}

    def _take(self, topic: Topic) -> Any:
        self._seen[topic], event = self._slots.pop(topic)
        return event

    async def _woken(self, seconds: float | None) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            # Not by wait_for: before Python 3.12 it forgets to be cancelled where what it waits
            # for happens at the same time.
            async with asyncio.timeout(seconds):
                await self._wake.wait()


class Hub:
    """Knows who listens to what; whoever has news of a topic publishes it here."""

    def __init__(self) -> None:
        self._listeners: dict[Topic, dict[Listener, None]] = {}
        self._all: dict[Listener, None] = {}

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return len(self._all)

    def heard(self, kind: str) -> frozenset[Any]:
        """Return of what things of a kind anybody listens."""
        return frozenset(thing for of, thing in self._listeners if of == kind)

    @contextmanager
    def listen(
        self,
        topics: Collection[Topic] = (),
        *,
        min_interval: timedelta = timedelta(0),
        urgent: Collection[Topic] = (),
    ) -> Iterator[Listener]:
        """Listen to topics within a block; leaving it unregisters at once."""
        listener = Listener(min_interval=min_interval, urgent=frozenset(urgent))
        self._all[listener] = None
        try:
            self.follow(listener, topics)
            yield listener
        finally:
            self.follow(listener, ())
            del self._all[listener]

    def follow(self, listener: Listener, topics: Collection[Topic]) -> None:
        """Let a listener listen to these topics and no others."""
        before, listener.topics = listener.topics, frozenset(topics)
        for topic in listener.topics - before:
            self._listeners.setdefault(topic, {})[listener] = None
        for topic in before - listener.topics:
            del self._listeners[topic][listener]
            if not self._listeners[topic]:
                del self._listeners[topic]
        listener.drop(before - listener.topics)

    def publish(self, topic: Topic, event: Any = None, *, says: Hashable = None) -> None:
        """Offer an event to all who listen to its topic."""
        for listener in self._listeners.get(topic, ()):
            listener.offer(topic, event, says=says)

    def stir(self, *kinds: str) -> None:
        """Let all who listen to things of some kinds look for themselves what has changed."""
        for topic in self._listeners:
            if topic[0] in kinds:
                self.publish(topic)

    def close(self) -> None:
        """End every listener's iteration."""
        for listener in self._all:
            listener.close()
