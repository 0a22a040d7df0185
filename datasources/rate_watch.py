"""Exchange rates that somebody follows: looked at again and again, and told when they change.

Each replica looks for itself: rates are cached for all, so that nobody is asked more often.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from decimal import Decimal
from typing import cast

import structlog

from datasources.hub import Hub
from datasources.market import Market
from datasources.protocols import Clock
from datasources.tasks import end
from models.changes import RATE
from models.market import RateQuestion

log = structlog.get_logger(__name__)

Pair = tuple[str, str]
"""What is converted, and into what."""

LOOK = timedelta(seconds=10)


class RateWatch:
    """Looks at the pairs of currencies that somebody listens to, only while somebody does."""

    def __init__(
        self,
        market: Market,
        hub: Hub,
        *,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._market = market
        self._hub = hub
        self._clock = clock
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    @property
    def _pairs(self) -> frozenset[Pair]:
        return cast("frozenset[Pair]", self._hub.heard(RATE))

    async def known(self, pairs: Collection[Pair]) -> dict[Pair, Decimal]:
        """Return the rates of today, or of the last day before that has one."""
        today = self._clock().date()
        questions = [
            RateQuestion(base=base, target=target, day=today) for base, target in sorted(pairs)
        ]
        found = await self._market.rates(questions) if questions else {}
        return {(asked.base, asked.target): rate.value for asked, rate in found.items()}

    async def look(self) -> None:
        """Tell of every rate that somebody listens to: who knows it already hears nothing."""
        for pair, value in (await self.known(self._pairs)).items():
            self._hub.publish((RATE, pair), says=value)

    async def settle(self) -> None:
        """Look again and again if anybody listens, or leave nothing running."""
        if not self._pairs:
            await self.close()
        elif self._task is None:
            self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            await self._sleep(LOOK.total_seconds())
            try:
                await self.look()
            except Exception:
                log.exception("rates_not_looked_at")

    async def close(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        await end(task)
