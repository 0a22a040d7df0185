"""What stored history needs from outside: providers to ask, and when markets trade."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from models.market import Actions, Bar

TradingDays = Callable[[str, date, date], Sequence[date]]
"""Tells on which days a symbol's market trades, from a day to a day."""

LastClose = Callable[[str, datetime], datetime]
"""Tells when the last trading day of a symbol that is over at a moment ended."""


class FetchBars(Protocol):
    """Asks providers for bars."""

    async def __call__(
        self, symbol: str, *, first: date, last: date, source: str | None
    ) -> list[Bar]:
        """Return the bars of one provider: of ``source``, or the first that has any.

        Raises ProviderError when none could answer.
        """
        ...


class FetchActions(Protocol):
    """Asks providers for splits and dividends."""

    async def __call__(
        self, symbol: str, *, first: date, last: date, source: str | None
    ) -> tuple[str, Actions] | None:
        """Return what one provider knows, with its name: of ``source``, or the first that can tell.

        Null when none serves them; raises ProviderError when none could answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetchers:
    """How providers are asked; the names are of those that are, in the order they are asked."""

    bars: FetchBars
    actions: FetchActions
    sources: Sequence[str] = ()
    action_sources: Sequence[str] = ()
