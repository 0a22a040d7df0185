"""Tasks that go on in the background until they are told to end."""

import asyncio
from contextlib import suppress


async def end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, if there is one, and wait until it has cleaned up."""
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
