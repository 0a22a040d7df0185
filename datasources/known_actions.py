"""Splits and dividends, asked for once and kept: what is new is added once a trading day."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import structlog

from datasources.errors import ProviderError
from datasources.fetching import FetchActions, LastClose
from datasources.protocols import Clock, HistoryStore
from datasources.turns import Turns, Unknown
from models.market import Actions, HistoryQuestion, KnownActions

log = structlog.get_logger(__name__)

LATE = timedelta(days=30)
"""How long after its day an action may still be corrected, or turn up."""

AHEAD = timedelta(days=366)
"""How far ahead actions are announced at most."""


class ActionHistory:
    """Answers for splits and dividends from the store, and fills it on demand."""

    def __init__(
        self,
        *,
        store: HistoryStore,
        fetch: FetchActions,
        clock: Clock,
        last_close: LastClose,
        sources: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._clock = clock
        self._last_close = last_close
        self._sources = list(sources)
        self._turns = Turns()
        self._unknown = Unknown()

    async def of(self, questions: Collection[HistoryQuestion]) -> dict[HistoryQuestion, Actions]:
        """Return the splits and dividends of symbols, of one source each, oldest first."""
        known = await self._store.actions({question.symbol for question in questions})
        spans: dict[str, tuple[date, date]] = {}
        for question in questions:
            first, last = spans.get(question.symbol, (question.first, question.last))
            spans[question.symbol] = (min(first, question.first), max(last, question.last))
        wanted = {
            symbol: (first, min(last, self._today + AHEAD))
            for symbol, (first, last) in spans.items()
        }
        await asyncio.gather(
            *(
                self._bring_up(symbol, None, span, known=known)
                for symbol, span in wanted.items()
                if span[0] <= span[1] and not self._complete(known.get(symbol, ()), symbol, span)
            )
        )
        found = {}
        for question in questions:
            one = self._home(known.get(question.symbol, ()))
            if one is not None:
                told = within(one.actions, question.first, question.last)
                until = min(question.last, self._today)
                found[question] = replace(
                    told, whole=one.first <= question.first and until <= one.last
                )
        return found

    async def of_sources(
        self, wanted: Mapping[tuple[str, str], tuple[date, date]]
    ) -> dict[tuple[str, str], KnownActions]:
        """Return what single sources know was done to symbols from a day to a day.

        A source that cannot tell of all these days is left out.
        """
        known = await self._store.actions({symbol for symbol, _ in wanted}) if wanted else {}
        lacking = []
        for (symbol, source), span in wanted.items():
            one = _from(known.get(symbol, ()), source)
            if source in self._sources and (one is None or not self._fresh(one, span)):
                lacking.append(self._bring_up(symbol, source, span, known=known))
        await asyncio.gather(*lacking)
        found = {}
        for (symbol, source), (first, last) in wanted.items():
            one = _from(known.get(symbol, ()), source)
            if one is not None and one.first <= first and last <= one.last:
                found[symbol, source] = one
        return found

    @property
    def _today(self) -> date:
        return self._clock().date()

    def _home(self, known: Collection[KnownActions]) -> KnownActions | None:
        """Return what answers for a symbol: the source that is asked first, of those known."""
        ranks = {name: place for place, name in enumerate(self._sources)}
        return min(
            known, key=lambda one: (ranks.get(one.source, len(ranks)), one.source), default=None
        )

    def _complete(
        self, known: Collection[KnownActions], symbol: str, span: tuple[date, date]
    ) -> bool:
        home = self._home(known)
        if home is None or home.source not in self._sources:
            return not self._sources or self._unknown.has(symbol, now=self._clock())
        return self._fresh(home, span)

    def _fresh(self, known: KnownActions, span: tuple[date, date]) -> bool:
        first, last = span
        if first < known.first or last > known.last:
            return False
        settled = last < known.checked_at.date() - LATE
        return settled or known.checked_at >= self._last_close(known.symbol, self._clock())

    async def _bring_up(
        self,
        symbol: str,
        source: str | None,
        span: tuple[date, date],
        *,
        known: dict[str, list[KnownActions]],
    ) -> None:
        """Ask for what is missing of a span, and put what is then known into ``known``."""
        async with self._turns.of(symbol):
            stored = (await self._store.actions([symbol])).get(symbol, [])
            one = self._home(stored) if source is None else _from(stored, source)
            if one is not None and one.source not in self._sources:
                one = None
            if one is None or not self._fresh(one, span):
                try:
                    one = await self._ask(
                        symbol, source or (one.source if one else None), span, one
                    )
                except ProviderError as error:
                    log.warning("actions_not_fetched", symbol=symbol, error=str(error))
            if one is not None:
                others = [other for other in stored if other.source != one.source]
                known[symbol] = [*others, one]

    async def _ask(
        self,
        symbol: str,
        source: str | None,
        span: tuple[date, date],
        before: KnownActions | None,
    ) -> KnownActions | None:
        now = self._clock()
        first, last = span
        if before is not None:
            # What is known stays in one piece, and of its end some may have turned up late.
            tail = max(before.first, min(before.last, self._today) - LATE)
            first, last = min(first, tail) if first < before.first else tail, max(last, before.last)
        if last > self._today:  # once for all who ask ahead on this day
            last = self._today + AHEAD
        answer = await self._fetch(symbol, first=first, last=last, source=source)
        if answer is None:
            self._unknown.add(symbol, now=now)
            return before
        name, actions = answer
        if before is None or before.source != name:
            before = KnownActions(
                symbol=symbol, source=name, first=first, last=last, checked_at=now
            )
        fresh = within(actions, first, last)
        merged = replace(
            before,
            first=min(before.first, first),
            last=max(before.last, last),
            checked_at=now,
        )
        await self._store.keep_actions(replace(merged, actions=fresh), first=first, last=last)
        kept = (
            within(before.actions, date.min, first - timedelta(days=1)),
            fresh,
            within(before.actions, last + timedelta(days=1), date.max),
        )
        return replace(
            merged,
            actions=Actions(
                splits=tuple(split for part in kept for split in part.splits),
                dividends=tuple(paid for part in kept for paid in part.dividends),
            ),
        )


def _from(known: Collection[KnownActions], source: str) -> KnownActions | None:
    return next((one for one in known if one.source == source), None)


def within(actions: Actions, first: date, last: date) -> Actions:
    """Return the actions of days from first to last, oldest first."""
    splits = [split for split in actions.splits if first <= split.day <= last]
    dividends = [paid for paid in actions.dividends if first <= paid.ex_day <= last]
    return Actions(
        splits=tuple(sorted(splits, key=lambda split: split.day)),
        dividends=tuple(sorted(dividends, key=lambda paid: paid.ex_day)),
    )
