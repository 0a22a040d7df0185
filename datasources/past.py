"""Prices of the past, splits and dividends: from providers that have all history at hand, or kept.

Providers that answer for single days at no cost are asked each time. All others are asked through
``datasources.history``, which keeps what they say. Whichever is first in the chain goes first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Sequence
from datetime import date, timedelta
from typing import TypeVar

from datasources.chain import Answers, Line, Question, ask_chain
from datasources.errors import UnavailableError
from datasources.fetching import Fetchers
from datasources.history import History
from datasources.learning import Learner
from datasources.protocols import (
    ActionProvider,
    ArrayProvider,
    BarProvider,
    Clock,
    CloseProvider,
    HistoryStore,
)
from datasources.quoting import venue_code
from datasources.series import closes_of
from datasources.sessions import last_close, trading_days
from models.market import Actions, Bar, CloseQuestion, Closes, HistoryQuestion, Outcome

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Past:
    """Answers for closes, bars and actions from the lines that serve them."""

    def __init__(
        self,
        *,
        bars: Sequence[Line],
        actions: Sequence[Line],
        store: HistoryStore | None,
        learner: Learner,
        clock: Clock,
        deadline: timedelta,
    ) -> None:
        self._at_hand = [line for line in bars if isinstance(line.provider, CloseProvider)]
        self._kept = [line for line in bars if line not in self._at_hand]
        self._direct = list(bars) if store is None else self._at_hand
        self._actions = list(actions)
        self._learner = learner
        self._clock = clock
        self._deadline = deadline
        self._at_hand_first = bool(bars) and bars[0] in self._at_hand
        self._history: History | None = None
        if store is not None:
            self._history = History(
                store=store,
                fetch=Fetchers(
                    bars=self._fetch_bars,
                    actions=self._fetch_actions,
                    sources=[line.name for line in self._kept],
                    action_sources=[line.name for line in actions],
                ),
                clock=clock,
                trading_days=trading_days,
                last_close=last_close,
            )

    async def closes(self, questions: Collection[CloseQuestion]) -> Answers[CloseQuestion, Bar]:
        """Return the last close on or before each day."""

        async def at_hand(missing: list[CloseQuestion]) -> Answers[CloseQuestion, Bar]:
            answers = await self._ask(
                Question(
                    kind="closes",
                    ask=lambda provider, keys: provider.closes(keys),
                    venue_of=lambda question: venue_code(question.symbol),
                ),
                missing,
                lines=self._at_hand,
            )
            self._learner.learn(bars=answers.found.values())
            return answers

        async def kept(missing: list[CloseQuestion]) -> Answers[CloseQuestion, Bar]:
            if self._history is None:
                return Answers()
            found = await self._history.closes(missing)
            return Answers(found, failed=set(found.failed))

        return await self._both(list(questions), at_hand, kept)

    async def stored_closes(self, questions: Collection[CloseQuestion]) -> dict[CloseQuestion, Bar]:
        """Return the newest closes that are kept, when nobody could tell better ones."""
        if self._history is None:
            return {}
        return await self._history.closes(questions, ask=False)

    async def bars(
        self, questions: Collection[HistoryQuestion]
    ) -> Answers[HistoryQuestion, list[Bar]]:
        """Return the trading days asked for, of one source each, oldest first."""

        async def one(question: HistoryQuestion) -> Answers[HistoryQuestion, list[Bar]]:
            return await self._ask(
                Question(kind="bars", ask=_bars, venue_of=_venue), [question], lines=self._direct
            )

        async def at_hand(missing: list[HistoryQuestion]) -> Answers[HistoryQuestion, list[Bar]]:
            return _joined(await asyncio.gather(*map(one, missing)))

        async def kept(missing: list[HistoryQuestion]) -> Answers[HistoryQuestion, list[Bar]]:
            if self._history is None:
                return Answers()
            found = await self._history.bars_of(missing)
            return Answers({question: bars for question, bars in found.items() if bars})

        return await self._both(list(questions), at_hand, kept)

    async def close_arrays(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, list[Closes]]:
        """Return the closes of ``bars`` as arrays, apart by currency."""

        async def at_hand(
            missing: list[HistoryQuestion],
        ) -> Answers[HistoryQuestion, list[Closes]]:
            return await self._ask(
                Question(kind="bars", ask=_close_arrays, venue_of=_venue),
                missing,
                lines=self._direct,
            )

        async def kept(missing: list[HistoryQuestion]) -> Answers[HistoryQuestion, list[Closes]]:
            if self._history is None:
                return Answers()
            return Answers(await self._history.close_arrays(missing))

        return (await self._both(list(questions), at_hand, kept)).found

    async def look(self, questions: Collection[HistoryQuestion]) -> set[HistoryQuestion]:
        """Bring what is stored up to now, and return which questions nothing else answers."""
        if self._history is None or self._at_hand_first:
            return set()
        return await self._history.look(questions)

    async def versions(self, symbols: Collection[str]) -> dict[str, int]:
        """Return what changes whenever stored bars or actions of a symbol are written."""
        return {} if self._history is None else await self._history.versions(symbols)

    async def actions(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, Actions]:
        """Return the splits and dividends of symbols, of one source each, oldest first."""
        return {} if self._history is None else await self._history.actions_of(questions)

    async def refresh(self, symbols: Collection[str]) -> None:
        """Bring what is kept of symbols up to today."""
        if self._history is not None:
            await self._history.refresh(symbols)

    async def _both(
        self,
        questions: list[K],
        at_hand: Callable[[list[K]], Awaitable[Answers[K, V]]],
        kept: Callable[[list[K]], Awaitable[Answers[K, V]]],
    ) -> Answers[K, V]:
        """Ask for history at hand and for what is kept, in the order of the chain."""
        parts: list[Answers[K, V]] = []
        for ask in (at_hand, kept) if self._at_hand_first else (kept, at_hand):
            missing = [one for one in questions if not any(one in part.found for part in parts)]
            if missing:
                parts.append(await ask(missing))
        return _joined(parts)

    async def _ask(
        self, question: Question[K, V], keys: list[K], *, lines: Sequence[Line]
    ) -> Answers[K, V]:
        return await ask_chain(
            question, keys, lines=lines, clock=self._clock, seconds=self._deadline.total_seconds()
        )

    async def _fetch_bars(
        self, symbol: str, *, first: date, last: date, source: str | None
    ) -> list[Bar]:
        """Ask the lines whose bars are kept; see ``datasources.fetching``."""
        question = HistoryQuestion(symbol=symbol, first=first, last=last)
        answers = await self._ask(
            Question(kind="bars", ask=_bars, venue_of=_venue),
            [question],
            lines=[line for line in self._kept if source in (None, line.name)],
        )
        if question in answers.found:
            return answers.found[question]
        if _who_knew_nothing(answers, question) is None:
            raise UnavailableError("no provider of bars could answer")
        return []

    async def _fetch_actions(
        self, symbol: str, *, first: date, last: date, source: str | None
    ) -> tuple[str, Actions] | None:
        """Ask the lines that know actions; see ``datasources.fetching``.

        That there were none is only believed when none of them knows of any.
        """

        async def ask(
            provider: ActionProvider, keys: list[HistoryQuestion]
        ) -> dict[HistoryQuestion, tuple[str, Actions]]:
            (key,) = keys
            actions = await provider.actions(key.symbol, first=key.first, last=key.last)
            return {key: (provider.name, actions)} if actions != Actions() else {}

        question = HistoryQuestion(symbol=symbol, first=first, last=last)
        answers = await self._ask(
            Question(kind="actions", ask=ask, venue_of=_venue),
            [question],
            lines=[line for line in self._actions if source in (None, line.name)],
        )
        if question in answers.found:
            return answers.found[question]
        source = _who_knew_nothing(answers, question)
        if source is None and question in answers.attempts:
            raise UnavailableError("no provider of actions could answer")
        return None if source is None else (source, Actions())


def _who_knew_nothing(answers: Answers[K, V], question: K) -> str | None:
    """Name the first source that says there is nothing; null if not all that could tell did."""
    if question in answers.failed:
        return None
    attempts = answers.attempts.get(question, ())
    return next((one.provider for one in attempts if one.outcome is Outcome.UNKNOWN), None)


async def _bars(
    provider: BarProvider, keys: list[HistoryQuestion]
) -> dict[HistoryQuestion, list[Bar]]:
    (key,) = keys
    bars = await provider.bars(key.symbol, first=key.first, last=key.last)
    return {key: bars} if bars else {}


async def _close_arrays(
    provider: BarProvider, keys: list[HistoryQuestion]
) -> dict[HistoryQuestion, list[Closes]]:
    if isinstance(provider, ArrayProvider):
        return await provider.close_arrays(keys)
    found = {}
    for key in keys:
        bars = await provider.bars(key.symbol, first=key.first, last=key.last)
        if bars:
            found[key] = closes_of(bars)
    return found


def _venue(question: HistoryQuestion) -> str:
    return venue_code(question.symbol)


def _joined(parts: Iterable[Answers[K, V]]) -> Answers[K, V]:
    whole: Answers[K, V] = Answers()
    for part in parts:
        whole.found |= part.found
        whole.failed |= part.failed
        for key, attempts in part.attempts.items():
            whole.attempts.setdefault(key, []).extend(attempts)
    whole.failed -= whole.found.keys()
    return whole
