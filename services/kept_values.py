"""Keeps prices, rates and values within a process, so that what did not change is not made again.

Prices and rates of past days are read anew after a while, and the values that rest on them with
them; a ledger that changed has another version. At most so many bytes of values are kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from analytics.book import Book
from analytics.tracks import Track, track_of
from analytics.valuations import Prices, Valuation
from datasources.market import Market
from models.market import Actions, Bar, HistoryQuestion, RateQuestion

V = TypeVar("V")

GOOD_FOR = timedelta(minutes=10)
"""How long prices and rates of past days are taken for what the database would say."""

SOON = timedelta(seconds=30)
"""How long what was not found is not looked for again."""

MOST_BYTES = 256 * 1024 * 1024
MOST_TRACKS = 5_000
AT_ONCE = 2
"""So many valuations at a time: each keeps a thread busy, and there is one interpreter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptValuation:
    """Values of a ledger of some version, until when they are good, and today's prices in them.

    ``symbols`` has the symbol and currency of each instrument.
    """

    versions: Hashable
    until: datetime
    book: Book
    valuation: Valuation
    symbols: Mapping[int, tuple[str, str]]
    latest: Mapping[str, Decimal]

    @property
    def size(self) -> int:
        """Return about how many bytes it takes."""
        found = self.valuation
        arrays = (found.units, found.local, found.rates, found.value, found.cost, found.quoted)
        return sum(array.nbytes for array in arrays) + 500 * len(self.book.payments)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch(Generic[V]):
    """Something known from a first to a last day, and until when it is good."""

    first: date
    last: date
    until: datetime
    value: V


class KeptValues:
    """What a process keeps of prices, rates and values."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._values: OrderedDict[Hashable, KeptValuation] = OrderedDict()
        self._prices: OrderedDict[tuple[str, str], _Stretch[Prices]] = OrderedDict()
        self._rates: OrderedDict[tuple[str, str], _Stretch[Track]] = OrderedDict()
        self.places = asyncio.Semaphore(AT_ONCE)

    def find(self, key: Hashable, versions: Hashable) -> KeptValuation | None:
        """Return values that are still good for a ledger of these versions."""
        kept = self._values.get(key)
        if kept is None or kept.versions != versions or kept.until <= self._clock():
            return None
        self._values.move_to_end(key)
        return kept

    def keep(self, key: Hashable, kept: KeptValuation) -> None:
        """Keep values, and let go of those that were not asked for the longest."""
        self._values[key] = kept
        self._values.move_to_end(key)
        while len(self._values) > 1 and sum(one.size for one in self._values.values()) > MOST_BYTES:
            self._values.popitem(last=False)

    async def prices(
        self,
        market: Market,
        wanted: Collection[tuple[str, str]],
        *,
        first: date,
        last: date,
    ) -> dict[tuple[str, str], Prices]:
        """Return closes as traded, with splits, of pairs of symbol and currency."""
        missing = [pair for pair in wanted if not self._covers(self._prices.get(pair), first, last)]
        if missing:
            questions = {
                symbol: HistoryQuestion(symbol=symbol, first=first, last=last)
                for symbol, _ in missing
            }
            bars, actions = await asyncio.gather(
                market.bars(set(questions.values())), market.actions(set(questions.values()))
            )
            for symbol, currency in missing:
                question = questions[symbol]
                read = _prices(currency, bars.get(question, []), actions.get(question))
                self._prices[symbol, currency] = _Stretch(
                    first=first,
                    last=last,
                    until=self.good_until(whole=len(read.closes.days) > 0),
                    value=read,
                )
        found = {pair: self._prices[pair].value for pair in wanted}
        _trim(self._prices)
        return found

    async def rates(
        self,
        market: Market,
        currencies: Collection[str],
        target: str,
        *,
        first: date,
        last: date,
    ) -> dict[str, Track]:
        """Return the rates of currencies to another; those of weekends are carried."""
        missing = [
            currency
            for currency in currencies
            if not self._covers(self._rates.get((currency, target)), first, last)
        ]
        if missing:
            found = await rates_between(market, missing, target, first=first, last=last)
            for currency in missing:
                self._rates[currency, target] = _Stretch(
                    first=first,
                    last=last,
                    until=self.good_until(whole=currency in found),
                    value=found.get(currency, track_of([])),
                )
        kept = {currency: self._rates[currency, target].value for currency in currencies}
        _trim(self._rates)
        return kept

    def good_until(self, *, whole: bool) -> datetime:
        """Return until when something read now is good: what lacks something, not for long."""
        return self._clock() + (GOOD_FOR if whole else SOON)

    def _covers(
        self, kept: "_Stretch[Prices] | _Stretch[Track] | None", first: date, last: date
    ) -> bool:
        return (
            kept is not None
            and kept.first <= first
            and kept.last >= last
            and kept.until > self._clock()
        )


def _trim(kept: OrderedDict[tuple[str, str], _Stretch[V]]) -> None:
    while len(kept) > MOST_TRACKS:
        kept.popitem(last=False)


def _prices(currency: str, bars: Collection[Bar], actions: Actions | None) -> Prices:
    """Take the closes in the instrument's currency: a price in another is of no use."""
    splits = () if actions is None else actions.splits
    return Prices(
        currency=currency,
        closes=track_of((bar.day, bar.close) for bar in bars if bar.currency == currency),
        splits=track_of((split.day, split.new / split.old) for split in splits),
    )


async def rates_between(
    market: Market, currencies: Collection[str], target: str, *, first: date, last: date
) -> dict[str, Track]:
    """Return the rates of currencies to another on the weekdays of a stretch."""
    days = [first + timedelta(days=count) for count in range((last - first).days + 1)]
    found = await market.rates(
        {
            RateQuestion(base=currency, target=target, day=day)
            for currency in currencies
            for day in days
            if day.weekday() < 5
        }
    )
    by_currency: dict[str, list[RateQuestion]] = {}
    for question in sorted(found, key=lambda one: one.day):
        by_currency.setdefault(question.base, []).append(question)
    return {
        currency: track_of((question.day, found[question].value) for question in questions)
        for currency, questions in by_currency.items()
    }
