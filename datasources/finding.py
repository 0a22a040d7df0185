"""Instruments found by words, by symbol and by ISIN, through the chain of those that search."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from datasources.cache import Cache
from datasources.chain import Line, Question, ask_chain, loaded
from datasources.errors import UnavailableError
from datasources.loaded import Loaded
from datasources.policies import POLICIES
from datasources.protocols import Clock, SearchProvider
from datasources.quoting import venue_code
from models.market import InstrumentMatch

V = TypeVar("V")

MAX_LISTINGS = 20
LISTINGS_PATIENCE = timedelta(seconds=10)
"""How long an import waits for vendors to tell what its ISINs are."""


def _anywhere(_: str) -> str:
    return ""


class Finding:
    """Searches through the lines that can; what they said is kept in the cache."""

    def __init__(
        self, lines: Sequence[Line], *, cache: Cache, clock: Clock, deadline: timedelta
    ) -> None:
        self._lines = lines
        self._cache = cache
        self._clock = clock
        self._deadline = deadline

    async def _ask(
        self,
        kind: str,
        keys: list[str],
        *,
        ask: Callable[[Any, list[str]], Awaitable[dict[str, V]]],
        venue_of: Callable[[str], str] = _anywhere,
    ) -> Loaded[str, V]:
        answers = await ask_chain(
            Question(kind=kind, ask=ask, venue_of=venue_of),
            keys,
            lines=self._lines,
            clock=self._clock,
            seconds=self._deadline.total_seconds(),
        )
        return loaded(answers)

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return instruments that fit a text, the first provider's first; empty if none can say."""

        async def load(keys: list[str]) -> dict[str, tuple[InstrumentMatch, ...]]:
            found: dict[str, InstrumentMatch] = {}

            async def ask(provider: SearchProvider, _: list[str]) -> dict[str, None]:
                for match in await provider.search(text, limit=limit):
                    found.setdefault(match.symbol, match)
                return dict.fromkeys(keys) if len(found) >= limit else {}

            try:
                await self._ask("search", keys, ask=ask)
            except UnavailableError:
                if not found:
                    raise
            return dict.fromkeys(keys, tuple(found.values())[:limit])

        entries = await self._cache.get_many(
            "search",
            [f"{limit}:{text}"],
            of=tuple[InstrumentMatch, ...],
            load=load,
            policy=POLICIES["search"],
            patience=self._deadline,
        )
        return [match for entry in entries.values() for match in entry.value or ()]

    async def find(self, symbols: Collection[str]) -> Loaded[str, InstrumentMatch]:
        """Return the instruments with exactly these symbols; what nobody could tell has failed."""

        async def load(missing: list[str]) -> dict[str, InstrumentMatch]:
            return await self._ask(
                "find",
                missing,
                ask=lambda provider, keys: provider.find(keys),
                venue_of=venue_code,
            )

        entries = await self._cache.get_many(
            "find",
            symbols,
            of=InstrumentMatch,
            load=load,
            policy=POLICIES["find"],
            patience=self._deadline,
        )
        found = {key: entry.value for key, entry in entries.items() if entry.value is not None}
        return Loaded(found, failed=set(symbols) - entries.keys())

    async def listings(self, isins: Collection[str]) -> dict[str, tuple[InstrumentMatch, ...]]:
        """Return what vendors list under each ISIN, absent where they list nothing.

        Only those are asked whose search is known to take an ISIN: any other might find some
        name that looks like it.
        """
        knowing = [line for line in self._lines if getattr(line.provider, "finds_isins", False)]

        async def ask(
            provider: SearchProvider, keys: list[str]
        ) -> dict[str, tuple[InstrumentMatch, ...]]:
            (isin,) = keys
            found = await provider.search(isin, limit=MAX_LISTINGS)
            return {isin: tuple(found)} if found else {}

        async def load(missing: list[str]) -> dict[str, tuple[InstrumentMatch, ...]]:
            # One ISIN a question, whatever a vendor's batches are.
            found = await asyncio.gather(
                *(
                    ask_chain(
                        Question(kind="listings", ask=ask),
                        [isin],
                        lines=knowing,
                        clock=self._clock,
                        seconds=self._deadline.total_seconds(),
                    )
                    for isin in missing
                )
            )
            return Loaded(
                {isin: matches for one in found for isin, matches in one.found.items()},
                failed={isin for one in found for isin in one.failed},
            )

        if not knowing:
            return {}
        entries = await self._cache.get_many(
            "listings",
            isins,
            of=tuple[InstrumentMatch, ...],
            load=load,
            policy=POLICIES["profiles"],
            patience=LISTINGS_PATIENCE,
        )
        return {key: entry.value for key, entry in entries.items() if entry.value is not None}
