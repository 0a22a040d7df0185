"""Work that nobody asks for: keeps what is held and watched fresh, within half of each budget.

Prices and profiles are renewed as often as their time in the cache ends, price history once after
each close: what is fresh costs nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog

from datasources.lease import Lease
from datasources.market import Market
from datasources.pacing import background
from datasources.symbols import Names
from datasources.tasks import end
from models.database import Database, chunks
from models.positions import held_symbols
from services.failing import say_failed
from services.vendor_symbols import vendor_symbols_by_provider

log = structlog.get_logger(__name__)


class Upkeep:
    """Renews market data round by round, from one replica; every replica learns symbols.

    ``watched`` tells what is followed live here; without a ``lease`` symbols are learnt alone. Used
    as an async context manager it learns them at once and works in the background; the first round
    begins after one interval.
    """

    def __init__(
        self,
        *,
        database: Database,
        market: Market,
        names: Mapping[str, Names],
        watched: Callable[[], Collection[str]],
        lease: Lease | None,
        interval: timedelta,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._market = market
        self._names = names
        self._watched = watched
        self._lease = lease
        self._interval = interval
        self._sleep = sleep
        self._worker: asyncio.Task[None] | None = None

    async def learn_symbols(self) -> None:
        """Take over which symbols vendors were set to use for single instruments."""
        async with self._database.reading() as session:
            known = await vendor_symbols_by_provider(session)
        changed: set[str] = set()
        for provider, names in self._names.items():
            before, after = names.overrides, known.get(provider, {})
            changed |= {symbol for symbol, _ in before.items() ^ after.items()}
            names.overrides = after
        if changed:
            in_use = [
                (provider, sorted(names.overrides.items()))
                for provider, names in sorted(self._names.items())
                if names.overrides
            ]
            await self._market.disbelieve(changed, names=repr(in_use) if in_use else "")

    async def round(self) -> bool:
        """Work once, and tell whether this replica was the one to renew."""
        await self.learn_symbols()
        if self._lease is None or not await self._lease.held():
            return False
        async with self._database.reading() as session:
            held = set(await session.scalars(held_symbols()))
        symbols = sorted(held | set(self._watched()))
        token = background.set(True)
        try:
            for chunk in chunks(symbols):
                await self._market.quotes(chunk)
                await self._market.profiles(chunk)
                await self._market.refresh(chunk)
        finally:
            background.reset(token)
        return True

    async def _work(self) -> None:
        while True:
            await self._sleep(self._interval.total_seconds())
            try:
                await self.round()
            except Exception as error:  # noqa: BLE001  # logged
                say_failed(log, "upkeep_failed", error)

    async def __aenter__(self) -> Self:
        """Learn symbols, so that no price of another instrument is asked for, and start."""
        try:
            await self.learn_symbols()
        except Exception as error:  # noqa: BLE001  # logged
            say_failed(log, "symbols_not_learnt", error)
        self._worker = asyncio.create_task(self._work())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and let another replica go on."""
        await end(self._worker)
        if self._lease is not None:
            await self._lease.give_back()
