"""What providers said, kept for later: written to the lasting memory in the background."""

import asyncio
from collections.abc import Iterable
from datetime import date, timedelta
from types import TracebackType
from typing import Self

import structlog

from datasources.protocols import LastKnown
from datasources.tasks import end
from models.market import Bar, CompanyProfile, EuroRate, Quote

log = structlog.get_logger(__name__)

INTERVAL = timedelta(seconds=5)
"""How often what is new is written."""


class Learner:
    """Gathers the newest of each thing and writes it every few seconds, in one go.

    A batch that cannot be written is tried again with the next one.
    """

    def __init__(self, memory: LastKnown | None, *, interval: timedelta = INTERVAL) -> None:
        self._memory = memory
        self._interval = interval
        self._flusher: asyncio.Task[None] | None = None
        self._quotes: dict[str, Quote] = {}
        self._profiles: dict[str, CompanyProfile] = {}
        self._bars: dict[tuple[str, date, str, bool], Bar] = {}
        self._rates: dict[tuple[str, date], EuroRate] = {}

    def learn(
        self,
        *,
        quotes: Iterable[Quote] = (),
        profiles: Iterable[CompanyProfile] = (),
        bars: Iterable[Bar] = (),
        rates: Iterable[EuroRate] = (),
    ) -> None:
        """Take what is new."""
        if self._memory is None:
            return
        self._quotes |= {quote.symbol: quote for quote in quotes}
        self._profiles |= {profile.symbol: profile for profile in profiles}
        self._bars |= {(bar.symbol, bar.day, bar.source, bar.adjusted): bar for bar in bars}
        self._rates |= {(rate.currency, rate.day): rate for rate in rates}

    async def flush(self) -> None:
        """Write what was learnt since the last time."""
        if self._memory is None:
            return
        quotes, self._quotes = self._quotes, {}
        profiles, self._profiles = self._profiles, {}
        bars, self._bars = self._bars, {}
        rates, self._rates = self._rates, {}
        if not (quotes or profiles or bars or rates):
            return
        try:
            await self._memory.remember(
                quotes=list(quotes.values()),
                profiles=list(profiles.values()),
                bars=list(bars.values()),
                rates=list(rates.values()),
            )
        except BaseException:
            # What came meanwhile is newer.
            self._quotes, self._profiles = quotes | self._quotes, profiles | self._profiles
            self._bars, self._rates = bars | self._bars, rates | self._rates
            raise

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except Exception:
            log.exception("last_known_not_written")

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(self._interval.total_seconds())
            await self._try_to_flush()

    async def __aenter__(self) -> Self:
        """Start writing in the background."""
        self._flusher = asyncio.create_task(self._keep_flushing())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and write what is left."""
        await end(self._flusher)
        await self._try_to_flush()
