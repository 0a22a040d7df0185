"""Runs long arithmetic aside from the event loop, so that other requests go on meanwhile."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SMALL = 500
"""So many entries take a few milliseconds: less than it is worth to change the thread for."""

AT_A_STRETCH = 0.002
"""Seconds of work between two pauses: less than after which an interpreter is taken by force."""

PAUSE = 1e-5
"""Seconds that let another thread begin; to wait for none would not."""


class Pauses:
    """Let the event loop have the interpreter now and then, in a thread that works for long.

    Else it has to wait five milliseconds each time it comes back from looking for requests. One is
    for all of a work, however many parts that has; in the loop's own thread it never pauses, for
    that would hold the loop up itself.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._needed = not _is_on_loop()
        self._begun = clock()

    def between(self, items: Iterable[T]) -> Iterator[T]:
        """Go through items, and pause behind one whenever a stretch of work is over."""
        if not self._needed:
            yield from items
            return
        for item in items:
            yield item
            if self._clock() - self._begun >= AT_A_STRETCH:
                self._sleep(PAUSE)
                self._begun = self._clock()


def _is_on_loop() -> bool:
    """Tell whether this thread is one that an event loop runs in."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def in_turn(
    places: asyncio.Semaphore, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run work in a thread as soon as there is a place for it."""
    async with places:
        return await asyncio.to_thread(work, *args, **kwargs)


async def aside(size: Sized, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run work on something of a size: here if it is small, otherwise in a thread.

    The work must not touch the database: rows it reads must be loaded.
    """
    if len(size) <= SMALL:
        return work(*args, **kwargs)
    with uncollected():
        return await asyncio.to_thread(work, *args, **kwargs)


MANY = 2_000_000
"""So many objects are made before cyclic garbage is looked for, while a lot is made."""

_works: set[object] = set()
_usual: list[tuple[int, int, int]] = []


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect cyclic garbage seldom while a lot is made that has no cycles.

    Each time would walk over all of it, hold everybody up for up to a second, and find nothing.
    But there may always be somebody at work: what others leave must go in the end.
    """
    work = object()
    if not _works:
        _usual[:] = [gc.get_threshold()]
        gc.set_threshold(MANY)
    _works.add(work)
    try:
        yield
    finally:
        _works.remove(work)
        if not _works:
            gc.set_threshold(*_usual.pop())
