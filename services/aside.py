"""Runs long arithmetic aside from the event loop, so that other requests go on meanwhile."""

import asyncio
from collections.abc import Callable, Sized
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SMALL = 500
"""So many entries take a few milliseconds: less than it is worth to change the thread for."""


async def aside(size: Sized, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run work on something of a size: here if it is small, otherwise in a thread.

    The work must not touch the database: rows it reads must be loaded.
    """
    if len(size) <= SMALL:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
