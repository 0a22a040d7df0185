"""The one door to market data: batch in, batch out, matched by key, whatever the source.

Each kind has a chain of providers: what one does not know or cannot give goes on to the next.
When all fail, the last value that was known answers, and says how old it is.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from datasources.cache import Cache
from datasources.errors import ProviderError, UnavailableError
from datasources.policies import POLICIES
from datasources.protocols import (
    BarProvider,
    Clock,
    LastKnown,
    ProfileProvider,
    Provider,
    QuoteProvider,
    RateProvider,
    SearchProvider,
)
from models.market import (
    Bar,
    CloseQuestion,
    CompanyProfile,
    EuroRate,
    InstrumentMatch,
    ProviderState,
    Quote,
    QuoteQuality,
    Rate,
    RateQuestion,
)

log = structlog.get_logger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """The providers of each kind, in the order they are asked."""

    quotes: tuple[QuoteProvider, ...] = ()
    profiles: tuple[ProfileProvider, ...] = ()
    bars: tuple[BarProvider, ...] = ()
    rates: tuple[RateProvider, ...] = ()
    search: tuple[SearchProvider, ...] = ()


class Market:
    """Answers for prices, profiles, closes, rates and symbols.

    ``calls`` counts what providers were asked, by provider and kind. Used as an async context
    manager it writes what it learns to ``last_known`` in the background.
    """

    def __init__(
        self,
        *,
        chains: Chains,
        cache: Cache,
        clock: Clock,
        last_known: LastKnown | None = None,
        flush_interval: timedelta = timedelta(seconds=5),
    ) -> None:
        self._chains = chains
        self._cache = cache
        self._clock = clock
        self._last_known = last_known
        self._flush_interval = flush_interval
        self._flusher: asyncio.Task[None] | None = None
        self._errors: dict[str, str] = {}
        self._new_quotes: dict[str, Quote] = {}
        self._new_profiles: dict[str, CompanyProfile] = {}
        self._new_bars: dict[tuple[str, date], Bar] = {}
        self._new_rates: dict[tuple[str, date], EuroRate] = {}
        self.calls: Counter[tuple[str, str]] = Counter()

    async def _ask(
        self,
        kind: str,
        wanted: Collection[K],
        *,
        providers: Sequence[Provider],
        ask: Callable[[Any, list[K]], Awaitable[dict[K, V]]],
    ) -> dict[K, V]:
        """Ask the providers of a kind in order; raises UnavailableError if none could answer."""
        found: dict[K, V] = {}
        answered = False
        for provider in providers:
            missing = [key for key in wanted if key not in found]
            if not missing:
                break
            self.calls[provider.name, kind] += 1
            try:
                answers = await ask(provider, missing)
            except ProviderError as error:
                log.warning("provider_failed", provider=provider.name, kind=kind, error=str(error))
                self._errors[provider.name] = str(error)
                continue
            except Exception as error:
                # A provider's defect is no reason to fail the graph, but must be seen.
                log.exception("provider_broken", provider=provider.name, kind=kind)
                self._errors[provider.name] = type(error).__name__
                continue
            answered = True
            asked = set(missing)
            found |= {key: value for key, value in answers.items() if key in asked}
        if not answered and providers:
            raise UnavailableError(f"no provider of {kind} could answer")
        return found

    async def quotes(
        self, symbols: Collection[str], *, max_age: timedelta | None = None
    ) -> dict[str, Quote]:
        """Return the quotes of symbols, none older than ``max_age`` if that can be had."""

        async def load(missing: list[str]) -> dict[str, Quote]:
            found = await self._ask(
                "quotes",
                missing,
                providers=self._chains.quotes,
                ask=lambda provider, keys: provider.quotes(keys),
            )
            # Zero is not a price, whatever a vendor says.
            found = {symbol: quote for symbol, quote in found.items() if quote.price > 0}
            self._new_quotes |= found
            return found

        entries = await self._cache.get_many(
            "quotes", symbols, of=Quote, load=load, policy=POLICIES["quotes"], max_age=max_age
        )
        found = {
            symbol: _stale(entry.value) if entry.stale else entry.value
            for symbol, entry in entries.items()
            if entry.value is not None
        }
        missing = [symbol for symbol in symbols if symbol not in found]
        if missing and self._last_known is not None:
            kept = await self._last_known.quotes(missing)
            found |= {symbol: _stale(quote) for symbol, quote in kept.items()}
        return found

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return the profiles of symbols."""

        async def load(missing: list[str]) -> dict[str, CompanyProfile]:
            found = await self._ask(
                "profiles",
                missing,
                providers=self._chains.profiles,
                ask=lambda provider, keys: provider.profiles(keys),
            )
            self._new_profiles |= found
            return found

        entries = await self._cache.get_many(
            "profiles", symbols, of=CompanyProfile, load=load, policy=POLICIES["profiles"]
        )
        found = {key: entry.value for key, entry in entries.items() if entry.value is not None}
        missing = [symbol for symbol in symbols if symbol not in found]
        if missing and self._last_known is not None:
            found |= await self._last_known.profiles(missing)
        return found

    async def closes(self, questions: Collection[CloseQuestion]) -> dict[CloseQuestion, Bar]:
        """Return the last close on or before each day."""

        async def load(missing: list[CloseQuestion]) -> dict[CloseQuestion, Bar]:
            found = await self._ask(
                "closes",
                missing,
                providers=self._chains.bars,
                ask=lambda provider, keys: provider.closes(keys),
            )
            self._new_bars |= {(bar.symbol, bar.day): bar for bar in found.values()}
            return found

        found = await self._by_day("closes", questions, of=Bar, load=load)
        missing = [question for question in questions if question not in found]
        if missing and self._last_known is not None:
            found |= await self._last_known.closes(missing)
        return found

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return the rate of each day, or of the last day before that has one."""
        found = {
            question: Rate(
                base=question.base,
                target=question.target,
                value=Decimal(1),
                day=question.day,
                source="identity",
            )
            for question in questions
            if question.base == question.target
        }

        async def load(missing: list[RateQuestion]) -> dict[RateQuestion, Rate]:
            rates = await self._ask(
                "rates",
                missing,
                providers=self._chains.rates,
                ask=lambda provider, keys: provider.rates(keys),
            )
            legs = (leg for rate in rates.values() for leg in rate.legs)
            self._new_rates |= {(leg.currency, leg.day): leg for leg in legs}
            return rates

        crosses = [question for question in questions if question not in found]
        found |= await self._by_day("rates", crosses, of=Rate, load=load)
        missing = [question for question in questions if question not in found]
        if missing and self._last_known is not None:
            found |= await self._last_known.rates(missing)
        return found

    async def _by_day(
        self,
        kind: str,
        questions: Collection[Any],
        *,
        of: type[V],
        load: Callable[[list[Any]], Awaitable[dict[Any, V]]],
    ) -> dict[Any, V]:
        """Answer questions about days through the cache; a past day's answer lasts longer.

        The two are kept apart, or what was said of a day while it ran would count as its last word.
        """
        by_key = {repr(question): question for question in questions}

        async def load_keys(keys: list[str]) -> dict[str, V]:
            answers = await load([by_key[key] for key in keys])
            return {key: answers[by_key[key]] for key in keys if by_key[key] in answers}

        now = self._clock().date()
        keys: dict[str, list[str]] = {"today": [], "past": []}
        for key, question in by_key.items():
            keys["today" if question.day >= now else "past"].append(key)
        groups = await asyncio.gather(
            *(
                self._cache.get_many(
                    f"{kind}:{age}", group, of=of, load=load_keys, policy=POLICIES[age]
                )
                for age, group in keys.items()
                if group
            )
        )
        return {
            by_key[key]: entry.value
            for entries in groups
            for key, entry in entries.items()
            if entry.value is not None
        }

    async def bars(self, symbol: str, *, first: date, last: date) -> list[Bar]:
        """Return the trading days from first to last of the first provider that has any."""
        found = await self._ask(
            "bars",
            [symbol],
            providers=self._chains.bars,
            ask=lambda provider, _: _bars(provider, symbol, first=first, last=last),
        )
        return found.get(symbol, [])

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return instruments that fit a text, the first provider's first; empty if none can say."""
        found: dict[str, InstrumentMatch] = {}

        async def ask(provider: SearchProvider, _: list[str]) -> dict[str, None]:
            for match in await provider.search(text, limit=limit):
                found.setdefault(match.symbol, match)
            return {}

        with suppress(UnavailableError):
            await self._ask("search", [text], providers=self._chains.search, ask=ask)
        return list(found.values())[:limit]

    async def find(self, symbols: Collection[str]) -> dict[str, InstrumentMatch]:
        """Return the instruments with exactly these symbols."""

        async def load(missing: list[str]) -> dict[str, InstrumentMatch]:
            return await self._ask(
                "find",
                missing,
                providers=self._chains.search,
                ask=lambda provider, keys: provider.find(keys),
            )

        entries = await self._cache.get_many(
            "find", symbols, of=InstrumentMatch, load=load, policy=POLICIES["find"]
        )
        return {key: entry.value for key, entry in entries.items() if entry.value is not None}

    async def forget(self) -> None:
        """Drop what this process has cached, so that the next question goes further."""
        await self._cache.forget()

    def statuses(self) -> list[ProviderState]:
        """Tell what each provider serves and what went wrong last."""
        kinds: dict[str, list[str]] = {}
        for kind in ("quotes", "profiles", "bars", "rates", "search"):
            for provider in getattr(self._chains, kind):
                kinds.setdefault(provider.name, []).append(kind)
        return [
            ProviderState(
                name=name,
                kinds=tuple(served),
                usable=name not in self._errors,
                last_error=self._errors.get(name),
                calls=sum(count for (who, _), count in self.calls.items() if who == name),
            )
            for name, served in kinds.items()
        ]

    async def flush(self) -> None:
        """Write what was learnt since the last time to the lasting memory."""
        if self._last_known is None:
            return
        quotes, self._new_quotes = self._new_quotes, {}
        profiles, self._new_profiles = self._new_profiles, {}
        bars, self._new_bars = self._new_bars, {}
        rates, self._new_rates = self._new_rates, {}
        if quotes or profiles or bars or rates:
            await self._last_known.remember(
                quotes=list(quotes.values()),
                profiles=list(profiles.values()),
                bars=list(bars.values()),
                rates=list(rates.values()),
            )

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(self._flush_interval.total_seconds())
            try:
                await self.flush()
            except Exception:
                log.exception("last_known_not_written")

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
        if self._flusher is not None:
            self._flusher.cancel()
            with suppress(asyncio.CancelledError):
                await self._flusher
        await self.flush()
        await self._cache.close()


async def _bars(
    provider: BarProvider, symbol: str, *, first: date, last: date
) -> dict[str, list[Bar]]:
    bars = await provider.bars(symbol, first=first, last=last)
    return {symbol: bars} if bars else {}


def _stale(quote: Quote) -> Quote:
    """Mark a quote as stale; a simulated one stays marked as what it is."""
    if quote.quality is QuoteQuality.SIMULATED:
        return quote
    return replace(quote, quality=QuoteQuality.STALE)
