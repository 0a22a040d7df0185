"""Lets a price fire an alert in child after child, each killed one step later than the last.

A step is a statement, the commit, or telling of it; the first child that is not killed ends the
run.
"""

import asyncio
import os
import signal
import sys
from itertools import count

from sqlalchemy import event

from gateway.resources import open_services
from gateway.settings import Settings
from tests.alerts import quote
from tests.conftest import NOW, SECRET


async def fire(url: str, *, steps: int) -> None:
    """Watch alerts until a price has done what it does; be killed after some steps."""
    settings = Settings(database_url=url, secret=SECRET, log_level="error")
    left = iter(range(steps, 0, -1))

    def step(*_):
        if next(left) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    async with open_services(settings, clock=lambda: NOW) as services:
        database, watch = services.database, services.alerts
        tell = database.tell

        def told(topics):
            step()
            tell(topics)

        database.tell = told
        event.listen(database.engine.sync_engine, "after_cursor_execute", step)
        event.listen(database.engine.sync_engine, "commit", step)
        services.feed.hear([quote("1000001", at=5)])
        while watch._due or watch._wake.is_set() or not watch._wake._waiters:
            await asyncio.sleep(0.001)
        os._exit(0)


def main(url: str) -> None:
    """Run children until one is not killed; print how many were."""
    for steps in count(1):
        child = os.fork()
        if not child:
            asyncio.run(fire(url, steps=steps))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGKILL:
            sys.stdout.write(str(steps - 1))
            sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
