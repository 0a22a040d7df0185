"""Price history, asked for once and kept: providers are only asked for days that are missing.

A symbol's bars are kept in series, one for each source and for prices as traded or adjusted, and
an answer comes from one series alone. A series grows at its ends, its newest days are asked for
again after each close, and after a split an adjusted series is asked for anew as a whole.
"""

import asyncio
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar

import structlog

from datasources.choice import Choice, Span
from datasources.errors import ProviderError
from datasources.fetching import Fetchers, LastClose, TradingDays
from datasources.known_actions import ActionHistory
from datasources.loaded import Loaded
from datasources.protocols import Clock, HistoryStore
from datasources.series import (
    ASK_AGAIN,
    cut,
    restate,
    restate_closes,
    settle_gaps,
    was_restated,
)
from datasources.turns import Turns, Unknown
from models.market import (
    Actions,
    Bar,
    BarRange,
    CloseQuestion,
    Closes,
    HistoryQuestion,
    Series,
    SeriesKey,
    SplitEvent,
)

log = structlog.get_logger(__name__)

Q = TypeVar("Q", bound=Hashable)

DAY = timedelta(days=1)
TAIL = 5
"""How many of a series' newest trading days are asked for again after a close."""

TAIL_REACH = timedelta(days=30)
"""Calendar days within which those are found, whatever the holidays."""

CARRY = timedelta(days=30)
"""How far back the last close before a day is looked for where nothing is known yet."""


class History:
    """Answers for bars, closes, splits and dividends from a store, and fills it on demand."""

    def __init__(
        self,
        *,
        store: HistoryStore,
        fetch: Fetchers,
        clock: Clock,
        trading_days: TradingDays,
        last_close: LastClose,
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._clock = clock
        self._choice = Choice(sources=fetch.sources, trading_days=trading_days)
        self._last_close = last_close
        self._turns = Turns()
        self._unknown = Unknown()
        self._actions = ActionHistory(
            store=store,
            fetch=fetch.actions,
            clock=clock,
            last_close=last_close,
            sources=fetch.action_sources,
        )

    async def bars_of(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, list[Bar]]:
        """Return the trading days asked for, of one series each, oldest first.

        Splits are applied or taken back as asked, as far as the series' source tells of them;
        each bar says what it is.
        """
        chosen, _ = await self._filled({question: question for question in questions})
        ranges = {
            question: BarRange(key=series.key, first=question.first, last=question.last)
            for question, series in chosen.items()
        }
        bars = await self._store.bars(set(ranges.values())) if ranges else {}
        found = {question: bars[wanted] for question, wanted in ranges.items()}
        other = {
            question: chosen[question]
            for question, some in found.items()
            if some and chosen[question].key.adjusted is not question.adjusted
        }
        splits = await self._splits(
            (one, found[question][0].day) for question, one in other.items()
        )
        for question, series in other.items():
            if series.key in splits:
                found[question] = restate(
                    found[question], splits[series.key], adjusted=question.adjusted
                )
        return found

    async def close_arrays(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, list[Closes]]:
        """Return the closes of the trading days asked for as arrays, chosen as ``bars_of`` does."""
        chosen, _ = await self._filled({question: question for question in questions})
        if not chosen:
            return {}
        stored = await self._store.close_arrays(
            {series.key for series in chosen.values()},
            first=min(question.first for question in chosen),
            last=max(question.last for question in chosen),
        )
        found: dict[HistoryQuestion, list[Closes]] = {}
        for question, series in chosen.items():
            parts = [cut(one, question.first, question.last) for one in stored.get(series.key, ())]
            adjusted = series.key.adjusted
            if known := [replace(one, adjusted=adjusted) for one in parts if len(one.days)]:
                found[question] = known
        begins = {
            question: date.fromordinal(min(int(one.days[0]) for one in closes))
            for question, closes in found.items()
            if chosen[question].key.adjusted is not question.adjusted
        }
        splits = await self._splits((chosen[question], day) for question, day in begins.items())
        for question in begins:
            applied = splits.get(chosen[question].key)
            if applied is not None:
                found[question] = [
                    restate_closes(one, applied, adjusted=question.adjusted)
                    for one in found[question]
                ]
        return found

    async def look(self, questions: Collection[HistoryQuestion]) -> set[HistoryQuestion]:
        """Ask for bars and actions that are missing, and return which questions have a series."""
        chosen, _ = await self._filled({question: question for question in questions})
        await self._actions.of(questions)
        return set(chosen)

    async def versions(self, symbols: Collection[str]) -> dict[str, int]:
        """Return what changes whenever bars or actions of a symbol are written."""
        return await self._store.versions(symbols)

    async def bars(
        self, symbol: str, *, first: date, last: date, adjusted: bool = False
    ) -> list[Bar]:
        """Return the trading days of one symbol; see ``bars_of``."""
        question = HistoryQuestion(symbol=symbol, first=first, last=last, adjusted=adjusted)
        return (await self.bars_of([question])).get(question, [])

    async def closes(
        self, questions: Collection[CloseQuestion], *, ask: bool = True
    ) -> Loaded[CloseQuestion, Bar]:
        """Return the last close on or before each day, as traded where the splits are known.

        What a provider failed to tell is left out as failed; without ``ask`` none is asked, and
        the newest close that is stored answers.
        """
        chosen, failed = await self._filled(
            {
                question: HistoryQuestion(
                    symbol=question.symbol, first=question.day - CARRY, last=question.day
                )
                for question in questions
            },
            ask=ask,
        )
        chosen = {
            question: series for question, series in chosen.items() if question.symbol not in failed
        }
        pairs = {question: (series.key, question.day) for question, series in chosen.items()}
        bars = await self._store.closes(set(pairs.values())) if pairs else {}
        found = {question: bars[pair] for question, pair in pairs.items() if pair in bars}
        splits = await self._splits(
            (chosen[question], bar.day) for question, bar in found.items() if bar.adjusted
        )
        for question, bar in found.items():
            if bar.adjusted and pairs[question][0] in splits:
                known = splits[pairs[question][0]]
                (found[question],) = restate([bar], known, adjusted=False)
        return Loaded(found, failed=[one for one in questions if one.symbol in failed])

    async def actions_of(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, Actions]:
        """Return the splits and dividends of symbols, of one source each, oldest first."""
        return await self._actions.of(questions)

    async def actions(self, symbol: str, *, first: date, last: date) -> Actions:
        """Return the splits and dividends of one symbol, oldest first."""
        question = HistoryQuestion(symbol=symbol, first=first, last=last)
        return (await self.actions_of([question])).get(question, Actions())

    async def refresh(self, symbols: Collection[str]) -> None:
        """Bring what is stored of symbols up to today; symbols without history stay so."""
        today = self._clock().date()
        await self._filled(
            {
                symbol: HistoryQuestion(
                    symbol=symbol, first=max(one.last for one in known), last=today
                )
                for symbol, known in (await self._store.series(symbols)).items()
            }
        )

    async def _filled(
        self, wanted: Mapping[Q, HistoryQuestion], *, ask: bool = True
    ) -> tuple[dict[Q, Series], set[str]]:
        """Fill the store for questions, and choose the series that answers each.

        With them come the symbols that providers failed to tell about.
        """
        today = self._clock().date()
        spans: dict[tuple[str, bool], Span] = {}
        for one in wanted.values():
            if one.first <= today:
                first, last = one.first, min(one.last, today)
                known = spans.get((one.symbol, one.adjusted), Span(first, last))
                spans[one.symbol, one.adjusted] = Span(
                    min(known.first, first), max(known.last, last)
                )
        symbols = {symbol for symbol, _ in spans}
        stored = await self._store.series(symbols) if symbols else {}
        lacking = [
            self._fill(symbol, span, adjusted=adjusted)
            for (symbol, adjusted), span in spans.items()
            if ask and self._lacks(symbol, stored.get(symbol, ()), span, adjusted=adjusted)
        ]
        failed: set[str] = set()
        if lacking:
            failed = {symbol for symbol in await asyncio.gather(*lacking) if symbol is not None}
            stored = await self._store.series(symbols)
        found: dict[Q, Series] = {}
        for question, one in wanted.items():
            span = spans.get((one.symbol, one.adjusted))
            if span is not None and one.symbol in stored:
                found[question] = self._choice.best(stored[one.symbol], span, adjusted=one.adjusted)
        return found, failed

    def _lacks(self, symbol: str, known: Collection[Series], span: Span, *, adjusted: bool) -> bool:
        """Tell whether a provider is to be asked before a question can be answered."""
        if not self._fetch.sources or self._choice.enough(known, span, adjusted=adjusted):
            return False
        home = self._choice.home(known)
        if home is None:
            return not self._unknown.has(symbol, now=self._clock())
        return bool(self._missing(home, span))

    def _missing(self, series: Series, span: Span) -> list[Span]:
        """Return the stretches that are to be asked for: before, after, and gaps."""
        now = self._clock()
        parts = []
        if self._choice.days(series, span.first, series.first - DAY):
            parts.append(Span(span.first, series.first - DAY))
        tail = self._tail(series) if self._outdated(series) else series.last + DAY
        if self._choice.days(series, series.last + DAY, span.last):
            parts.append(Span(tail, span.last))
        elif tail <= span.last and series.last >= series.checked_at.date() - CARRY:
            parts.append(Span(tail, series.last))
        due = [
            day
            for day, asked in series.gaps.items()
            if span.first <= day <= span.last and now - asked >= ASK_AGAIN
        ]
        if due and not any(part.first <= min(due) and max(due) <= part.last for part in parts):
            parts.append(Span(min(due), max(due)))
        return parts

    def _outdated(self, series: Series) -> bool:
        """Tell whether a trading day has ended since a series was checked."""
        return series.checked_at < self._last_close(series.key.symbol, self._clock())

    def _tail(self, series: Series) -> date:
        days = self._choice.days(series, max(series.first, series.last - TAIL_REACH), series.last)
        return days[-TAIL:][0] if days else series.last

    async def _fill(self, symbol: str, span: Span, *, adjusted: bool) -> str | None:
        """Ask for what is missing of a symbol; a failure leaves what is stored as it is.

        Returns the symbol if that was so.
        """
        async with self._turns.of(symbol):
            known = (await self._store.series([symbol])).get(symbol, [])
            if not self._lacks(symbol, known, span, adjusted=adjusted):
                return None
            home = self._choice.home(known)
            try:
                if home is None:
                    await self._begin(symbol, span)
                else:
                    await self._extend(home, span)
            except ProviderError as error:
                log.warning("history_not_fetched", symbol=symbol, error=str(error))
                return symbol
        return None

    async def _begin(self, symbol: str, span: Span) -> None:
        """Start a series with what the first provider has that knows the symbol."""
        now = self._clock()
        bars = await self._fetch.bars(symbol, first=span.first, last=span.last, source=None)
        if not bars:
            self._unknown.add(symbol, now=now)
            return
        key = SeriesKey(symbol=symbol, source=bars[0].source, adjusted=bars[0].adjusted)
        series = Series(key=key, first=span.first, last=span.last, checked_at=now)
        await self._keep(series, span, bars)

    async def _extend(self, series: Series, span: Span) -> None:
        """Add what is missing of a series, or take all of it anew after a split."""
        whole = Span(min(span.first, series.first), max(span.last, series.last))
        adjusted = series.key.adjusted and self._outdated(series)
        if adjusted and await self._split_since(series):
            await self._renew(series, whole)
            return
        for part in self._missing(series, span):
            bars = await self._ask(series, part)
            if adjusted and part.first <= series.last:
                wanted = BarRange(key=series.key, first=part.first, last=series.last)
                before = (await self._store.bars([wanted]))[wanted]
                if was_restated(before, bars, until=series.checked_at.date()):
                    await self._renew(series, whole)
                    return
            series = await self._keep(series, part, bars)

    async def _ask(self, series: Series, span: Span) -> list[Bar]:
        return await self._fetch.bars(
            series.key.symbol, first=span.first, last=span.last, source=series.key.source
        )

    async def _split_since(self, series: Series) -> bool:
        """Tell whether a split fell on the day a series was checked, or since."""
        place = series.key.symbol, series.key.source
        since, today = series.checked_at.date(), self._clock().date()
        known = (await self._actions.of_sources({place: (since, today)})).get(place)
        return known is not None and any(
            since <= split.day <= today for split in known.actions.splits
        )

    async def _renew(self, series: Series, span: Span) -> None:
        """Put a series anew in the place of the old one, unless there is nothing of it now."""
        bars = await self._ask(series, span)
        if bars:
            fresh = replace(
                series, first=span.first, last=span.last, checked_at=self._clock(), gaps={}
            )
            await self._keep(fresh, span, bars, anew=True)

    async def _keep(
        self, series: Series, span: Span, bars: Collection[Bar], *, anew: bool = False
    ) -> Series:
        """Store a stretch of a series, and note which trading days within it have no bar."""
        now, key = self._clock(), series.key
        own = [
            bar
            for bar in bars
            if (bar.symbol, bar.source, bar.adjusted) == (key.symbol, key.source, key.adjusted)
            and span.first <= bar.day <= span.last
        ]
        days = {bar.day for bar in own}
        # Where nothing lies beyond, there is no telling a gap from the days before or after it all.
        first = span.first if series.first < span.first else min(days, default=date.max)
        last = span.last if span.last < series.last else max(days, default=date.min)
        empty = [day for day in self._choice.days(series, first, last) if day not in days]
        confirmed, gaps = settle_gaps(series.gaps, empty=empty, days=days, now=now)
        series = replace(
            series,
            first=min(series.first, span.first),
            last=max(series.last, span.last),
            checked_at=now if span.last >= series.last else series.checked_at,
            gaps=gaps,
        )
        await self._store.keep(series, own, confirmed=confirmed, anew=anew)
        return series

    async def _splits(
        self, wanted: Iterable[tuple[Series, date]]
    ) -> dict[SeriesKey, tuple[SplitEvent, ...]]:
        """Return the splits of series since a day, where their own source tells all of them.

        Of an adjusted series those count that it had applied when it was last checked.
        """
        today = self._clock().date()
        spans: dict[tuple[str, str], tuple[date, date]] = {}
        applied: dict[SeriesKey, date] = {}
        for series, day in wanted:
            key = series.key
            applied[key] = until = series.checked_at.date() if key.adjusted else today
            place = key.symbol, key.source
            first, last = spans.get(place, (day, until))
            spans[place] = min(first, day, until), max(last, until)
        known = await self._actions.of_sources(spans)
        return {
            key: tuple(split for split in one.actions.splits if split.day <= until)
            for key, until in applied.items()
            if (one := known.get((key.symbol, key.source))) is not None
        }
