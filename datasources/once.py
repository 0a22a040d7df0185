"""Work that many wait for is done once, and to its end."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Does one thing of a key at a time for all who wait for it, though they give up.

    What takes longer than anybody waits would otherwise be begun again and again, and never done.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work under way brings, or begin it; whatever it raises all get."""
        task: asyncio.Task[T] | None = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(_awaited(work))
            self._under_way[key] = task
            task.add_done_callback(partial(self._done, key))
        return await asyncio.shield(task)

    def _done(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # read once, so that nobody waiting is no warning


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
