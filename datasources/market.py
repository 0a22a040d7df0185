"""The one door to market data: batch in, batch out, matched by key, whatever the source.

Each kind has a chain of providers: what one does not know or cannot give goes on to the next. When
all fail, the last value that was known answers, and says how old it is.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

from datasources.cache import Cache
from datasources.chain import Line, Question, ask_chain, loaded
from datasources.countries import country_code
from datasources.finding import Finding
from datasources.learning import Learner
from datasources.loaded import Loaded
from datasources.past import Past
from datasources.policies import POLICIES
from datasources.protocols import (
    ActionProvider,
    BarProvider,
    Clock,
    EuroRateProvider,
    HistoryStore,
    LastKnown,
    ProfileProvider,
    QuoteProvider,
    RateProvider,
    SearchProvider,
)
from datasources.quoting import Quoting, venue_code
from datasources.sessions import last_finished_day
from models.market import (
    KINDS,
    Actions,
    Attempt,
    Bar,
    CloseQuestion,
    Closes,
    CompanyProfile,
    EuroRate,
    HistoryQuestion,
    InstrumentMatch,
    ProviderState,
    Quote,
    Rate,
    RateQuestion,
)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

DEADLINE = timedelta(seconds=2)
"""How long a caller waits for providers before the last known value answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """The providers of each kind, in the order they are asked."""

    quotes: tuple[QuoteProvider, ...] = ()
    profiles: tuple[ProfileProvider, ...] = ()
    bars: tuple[BarProvider, ...] = ()
    actions: tuple[ActionProvider, ...] = ()
    rates: tuple[RateProvider, ...] = ()
    search: tuple[SearchProvider, ...] = ()


class Market:
    """Answers for prices, profiles, closes, rates and symbols.

    Used as an async context manager it writes what it learns to ``last_known`` in the background.
    In ``history`` bars and actions are kept of providers that do not have them at hand.
    """

    def __init__(
        self,
        *,
        chains: Chains,
        cache: Cache,
        clock: Clock,
        last_known: LastKnown | None = None,
        history: HistoryStore | None = None,
        deadline: timedelta = DEADLINE,
        cross_check: bool = False,
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._last_known = last_known
        self._deadline = deadline
        self._learner = Learner(last_known)
        self._stack = AsyncExitStack()
        by_name: dict[str, Line] = {}
        self._lines: dict[str, list[Line]] = {
            kind: [
                by_name.setdefault(provider.name, Line(provider, clock=clock))
                for provider in getattr(chains, kind)
            ]
            for kind in KINDS
        }
        self._past = Past(
            bars=self._lines["bars"],
            actions=self._lines["actions"],
            store=history,
            learner=self._learner,
            clock=clock,
            deadline=deadline,
        )
        self._finding = Finding(self._lines["search"], cache=cache, clock=clock, deadline=deadline)
        self._quoting = Quoting(
            self._lines["quotes"],
            clock=clock,
            deadline=deadline,
            memory=last_known,
            learn=lambda quotes: self._learner.learn(quotes=quotes),
            cross_check=cross_check,
        )

    def lines(self) -> list[Line]:
        """Return each provider in use once, in the order of the chains."""
        return list({line.name: line for lines in self._lines.values() for line in lines}.values())

    def cache_looks(self) -> Counter[tuple[str, str]]:
        """Return how often the cache had what was asked for, by kind and hit, old or miss."""
        return self._cache.looks

    @property
    def calls(self) -> Counter[tuple[str, str]]:
        """Return how often providers were asked, by provider and kind."""
        return Counter(
            {
                (line.name, kind): count
                for line in self.lines()
                for kind, count in line.calls.items()
            }
        )

    async def _ask(
        self,
        kind: str,
        wanted: Collection[K],
        *,
        of: str,
        ask: Callable[[Any, list[K]], Awaitable[dict[K, V]]],
        venue_of: Callable[[K], str] = lambda _: "",
    ) -> Loaded[K, V]:
        """Ask the providers of a kind in order; raises UnavailableError if none could answer."""
        answers = await ask_chain(
            Question(kind=kind, ask=ask, venue_of=venue_of),
            list(wanted),
            lines=self._lines[of],
            clock=self._clock,
            seconds=self._deadline.total_seconds(),
        )
        return loaded(answers)

    async def quotes(
        self, symbols: Collection[str], *, max_age: timedelta | None = None
    ) -> dict[str, Quote]:
        """Return the quotes of symbols, none older than ``max_age`` if that can be had."""

        async def load(missing: list[str]) -> dict[str, Quote]:
            return loaded(await self._quoting.load(missing))

        live = self._quoting.live(symbols, max_age=max_age)
        entries = await self._cache.get_many(
            "quotes",
            [symbol for symbol in symbols if symbol not in live],
            of=Quote,
            load=load,
            policy=POLICIES["quotes"],
            max_age=max_age,
            patience=self._deadline,
        )
        found = live | {
            symbol: self._quoting.outdated(entry.value) if entry.stale else entry.value
            for symbol, entry in entries.items()
            if entry.value is not None
        }
        missing = [symbol for symbol in symbols if symbol not in found]
        if missing:
            kept = await self._quoting.believed(missing)
            found |= {symbol: self._quoting.outdated(quote) for symbol, quote in kept.items()}
        return self._quoting.newest(symbols, found)

    def streams(self) -> list[Line]:
        """Return who pushes prices, in the order they are asked, without who refused to lately."""
        return [
            line
            for line in self._lines["quotes"]
            if hasattr(line.provider, "stream") and not line.barred("stream", "")
        ]

    async def take(self, line: Line, quote: Quote) -> Quote | None:
        """Take a price that was pushed, and return what there is to show of it.

        Whoever asks for the symbol from now on gets it too.
        """
        return await self._quoting.take(line, quote)

    def hear(self, quote: Quote) -> None:
        """Take a price that another replica has judged."""
        self._quoting.hear(quote)

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return the profiles of symbols."""

        async def load(missing: list[str]) -> dict[str, CompanyProfile]:
            found = await self._ask(
                "profiles",
                missing,
                of="profiles",
                ask=lambda provider, keys: provider.profiles(keys),
                venue_of=venue_code,
            )
            for symbol, profile in found.items():
                found[symbol] = replace(profile, country=country_code(profile.country))
            self._learner.learn(profiles=found.values())
            return found

        entries = await self._cache.get_many(
            "profiles",
            symbols,
            of=CompanyProfile,
            load=load,
            policy=POLICIES["profiles"],
            patience=self._deadline,
        )
        found = {key: entry.value for key, entry in entries.items() if entry.value is not None}
        missing = [symbol for symbol in symbols if symbol not in found]
        if missing and self._last_known is not None:
            found |= await self._last_known.profiles(missing)
        return found

    async def closes(self, questions: Collection[CloseQuestion]) -> dict[CloseQuestion, Bar]:
        """Return the last close on or before each day."""

        async def load(missing: list[CloseQuestion]) -> Loaded[CloseQuestion, Bar]:
            return loaded(await self._past.closes(missing))

        now = self._clock()
        found = await self._by_day(
            "closes",
            questions,
            of=Bar,
            load=load,
            is_over=lambda question: question.day <= last_finished_day(question.symbol, now),
        )
        missing = [question for question in questions if question not in found]
        if missing:
            found |= await self._past.stored_closes(missing)
        missing = [question for question in missing if question not in found]
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

        async def load(missing: list[RateQuestion]) -> Loaded[RateQuestion, Rate]:
            rates = await self._ask(
                "rates",
                missing,
                of="rates",
                ask=lambda provider, keys: provider.rates(keys),
            )
            self._learner.learn(rates=[leg for rate in rates.values() for leg in rate.legs])
            return rates

        crosses = [question for question in questions if question not in found]
        today = self._clock().date()
        found |= await self._by_day(
            "rates",
            crosses,
            of=Rate,
            load=load,
            is_over=lambda question: question.day < today,
            version=await self.published_version() if crosses else "",
        )
        missing = [question for question in questions if question not in found]
        if missing and self._last_known is not None:
            found |= await self._last_known.rates(missing)
        return found

    async def euro_rates(
        self, currencies: Collection[str], *, first: date, last: date
    ) -> dict[str, list[EuroRate]]:
        """Return what was published of currencies between two days, from who has it all at hand.

        Currencies that nobody has so are absent: ``rates`` may know them day by day.
        """
        lines = [one for one in self._lines["rates"] if isinstance(one.provider, EuroRateProvider)]
        answers = await ask_chain(
            Question(
                kind="rates",
                ask=lambda provider, keys: provider.euro_rates(keys, first=first, last=last),
                venue_of=lambda _: "",
            ),
            sorted(set(currencies) - {"EUR"}),
            lines=lines,
            clock=self._clock,
            seconds=self._deadline.total_seconds(),
        )
        if any(line.remote for line in lines):
            self._learner.learn(rates=[leg for legs in answers.found.values() for leg in legs])
        return answers.found

    async def published_version(self) -> str:
        """Return what changes with anything that those tell who have all rates at hand."""
        versions = await asyncio.gather(
            *(
                line.provider.rates_version()
                for line in self._lines["rates"]
                if isinstance(line.provider, EuroRateProvider)
            )
        )
        return "-".join(version or "" for version in versions)

    async def stored_rates(
        self, currencies: Collection[str], *, first: date, last: date
    ) -> dict[str, list[EuroRate]]:
        """Return what anybody was ever told of currencies between two days, as it was told last."""
        if self._last_known is None:
            return {}
        return await self._last_known.euro_rates(currencies, first=first, last=last)

    async def stored_rate_versions(self, currencies: Collection[str]) -> dict[str, int]:
        """Return what changes whenever a rate of a currency is stored."""
        if self._last_known is None:
            return {}
        return await self._last_known.rate_versions(currencies)

    async def _by_day(
        self,
        kind: str,
        questions: Collection[Any],
        *,
        of: type[V],
        load: Callable[[list[Any]], Awaitable[Loaded[Any, V]]],
        is_over: Callable[[Any], bool],
        version: str = "",
    ) -> dict[Any, V]:
        """Answer questions about days through the cache; a past day's answer lasts longer.

        The two are kept apart, or what was said of a day while it ran would count as its last word.
        An answer is of one version of its source.
        """
        by_key = {f"{version}{question!r}": question for question in questions}

        async def load_keys(keys: list[str]) -> Loaded[str, V]:
            answers = await load([by_key[key] for key in keys])
            return Loaded(
                {key: answers[by_key[key]] for key in keys if by_key[key] in answers},
                failed=[key for key in keys if by_key[key] in answers.failed],
            )

        keys: dict[str, list[str]] = {"today": [], "past": []}
        for key, question in by_key.items():
            keys["past" if is_over(question) else "today"].append(key)
        groups = await asyncio.gather(
            *(
                self._cache.get_many(
                    f"{kind}:{age}",
                    group,
                    of=of,
                    load=load_keys,
                    policy=POLICIES[age],
                    patience=self._deadline,
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

    async def bars(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, list[Bar]]:
        """Return the trading days asked for, each series of one source; absent if none has any."""
        return (await self._past.bars(questions)).found

    async def close_arrays(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, list[Closes]]:
        """Return the closes of ``bars`` as arrays, apart by currency."""
        return await self._past.close_arrays(questions)

    async def look(self, questions: Collection[HistoryQuestion]) -> set[HistoryQuestion]:
        """Bring stored bars and actions up to now; return what only these answer.

        Whether that is still the same, ``versions`` tells.
        """
        return await self._past.look(questions)

    async def versions(self, symbols: Collection[str]) -> dict[str, int]:
        """Return what changes whenever stored bars or actions of a symbol are written.

        Prices that are not stored have none.
        """
        return await self._past.versions(symbols)

    async def actions(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, Actions]:
        """Return the splits and dividends of symbols, each of one source."""
        return await self._past.actions(questions)

    async def refresh(self, symbols: Collection[str]) -> None:
        """Bring the price history that is kept of symbols up to today."""
        await self._past.refresh(symbols)

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return instruments that fit a text, the first provider's first; empty if none can say."""
        return await self._finding.search(text, limit=limit)

    async def find(self, symbols: Collection[str]) -> Loaded[str, InstrumentMatch]:
        """Return the instruments with exactly these symbols; what nobody could tell has failed."""
        return await self._finding.find(symbols)

    async def listings(self, isins: Collection[str]) -> dict[str, tuple[InstrumentMatch, ...]]:
        """Return what vendors list under each ISIN, absent where they list nothing."""
        return await self._finding.listings(isins)

    async def disbelieve(self, symbols: Collection[str], *, names: str) -> None:
        """Forget what was believed of prices, because symbols turn out to mean something else.

        ``names`` describes what they mean now: only replicas that agree on it share what they load.
        """
        self._quoting.forget(symbols)
        await self._cache.renounce(names)

    async def forget(self) -> None:
        """Drop what this process has cached, so that the next question goes further."""
        await self._cache.forget()

    def attempts(self, symbol: str) -> tuple[Attempt, ...]:
        """Return how this process's last question for a price went, provider by provider."""
        return self._quoting.attempts(symbol)

    @property
    def has_vendors(self) -> bool:
        """Tell whether any price comes from a vendor's service."""
        return any(line.remote for line in self._lines["quotes"])

    def statuses(self) -> list[ProviderState]:
        """Tell what each provider serves and what went wrong last."""
        return [
            line.state([kind for kind, lines in self._lines.items() if line in lines])
            for line in self.lines()
        ]

    async def flush(self) -> None:
        """Write what was learnt since the last time to the lasting memory."""
        await self._learner.flush()

    async def __aenter__(self) -> Self:
        """Start writing in the background."""
        await self._stack.enter_async_context(self._learner)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and write what is left."""
        await self._stack.aclose()
        await self._cache.close()
