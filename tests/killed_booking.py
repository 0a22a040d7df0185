"""Books a transfer of one unit in child after child, each killed one step later than the last.

A step is a statement, or the commit; the first child that is not killed ends the run.
"""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

from sqlalchemy import event, select

from models.database import Database
from models.drafts import Draft
from models.portfolios import Portfolio
from models.transactions import Kind
from services.transfers import book_transfer, prepare_transfer

NOW = datetime(2024, 6, 14, 15, 0, tzinfo=UTC)


async def transfer(url: str, *, steps: int) -> None:
    """Move one unit from the first portfolio to the second; be killed after some steps."""
    database = Database(url)
    draft = Draft(kind=Kind.TRANSFER_OUT, occurred_at=NOW, symbol="AAPL", quantity=Decimal(1))
    async with database.reading() as session:
        source, target = await session.scalars(select(Portfolio).order_by(Portfolio.id))
    prepared = await prepare_transfer(
        database,
        None,  # one currency, and a known instrument: the market is not asked
        source=source,
        target=target,
        draft=draft,
    )
    left = iter(range(steps, 0, -1))

    def step(*_):
        if next(left) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine.sync_engine, "after_cursor_execute", step)
    event.listen(database.engine.sync_engine, "commit", step)
    async with database.writing() as session:
        await book_transfer(
            session,
            prepared,
            user_id=source.owner_id,
            source_id=source.id,
            target_id=target.id,
            now=NOW,
        )
    os._exit(0)


def main(url: str) -> None:
    """Run children until one is not killed; print how many were."""
    for steps in count(1):
        child = os.fork()
        if not child:
            asyncio.run(transfer(url, steps=steps))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGKILL:
            sys.stdout.write(str(steps - 1))
            sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
