"""Keeps ledgers, prices, rates and values within a process, so that nothing is made twice.

Each is kept by the version of what it was made from: a ledger's, and that of the stored bars and
actions of a symbol, or of the rates of a currency. Whether there is anything newer is looked at
after a while. At most so many bytes are kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from analytics.parts import Whole
from analytics.series import Flags
from analytics.shelves import Shelf
from analytics.tracks import Course, Track, track_of
from analytics.valuations import NEVER, Latest, Priced, Prices, Valuation
from datasources.market import Market
from models.market import Actions, Closes, HistoryQuestion
from services.kept_rates import KeptRates
from services.ledgers import Ledgers, Stamps
from services.stretches import Stretch, alike, covers, good_until, trim

MOST_BYTES = 256 * 1024 * 1024
"""So much is kept of ledgers and of values; a track of twelve years is another 100 KB at most."""

MOST_CURRENCIES = 8
AT_ONCE = 2
"""So many valuations at a time: each keeps a thread busy, and there is one interpreter."""


@dataclass(slots=True, kw_only=True, eq=False)
class KeptValuation:
    """Portfolios of some versions as a whole, priced, and their values in report currencies.

    ``symbols`` has the symbol and currency of each instrument. What has prices of today for its
    last day is apart from what has closes alone. What is worked out is kept on the ``shelf``.
    """

    stamps: Stamps
    whole: Whole
    symbols: Mapping[int, tuple[str, str]]
    shelf: Shelf = field(default_factory=Shelf)
    scope: Flags = field(init=False)
    currencies: frozenset[str] = field(init=False)
    closed: Priced | None = None
    latest: Priced | None = None
    values: dict[tuple[str, Priced], Valuation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scope = self.whole.portfolios(self.whole.bases)
        self.currencies = frozenset(
            {line.currency for line in self.whole.lines if line.is_cash}
            | set(self.whole.bases.values())
            | {currency for _, currency in self.symbols.values()}
        )

    def priced(
        self, prices: Mapping[int, Prices], days: range, latest: Mapping[int, Latest] | None
    ) -> Priced:
        """Return the lines priced: those there are unless a price or the days have changed."""
        closed = self.closed
        if (
            closed is None
            or (int(closed.days[0]), int(closed.days[-1])) != (days[0], days[-1])
            or any(closed.prices[key] is not one for key, one in prices.items())
        ):
            self.let_go()
            axis = np.arange(days[0], days[-1] + 1, dtype=np.int64)
            closed = self.closed = Priced(
                whole=self.whole, prices=prices, days=axis, shelf=self.shelf
            )
        if latest is None:
            return closed
        if self.latest is None or self.latest.latest != latest:
            self._let_go_but(closed)
            self.latest = closed.with_latest(latest)
        return self.latest

    def valued(self, priced: Priced, target: str, courses: Mapping[str, Course]) -> Valuation:
        """Return the values in a report currency: those there are unless a rate has changed."""
        key = target, priced
        known = self.values.pop(key, None)
        if known is None or any(known.courses[name] is not one for name, one in courses.items()):
            if known is not None:
                known.let_go()
            known = Valuation(priced=priced, target=target, courses=courses)
        self.values[key] = known  # what was asked for last is last
        while len(self.values) > MOST_CURRENCIES:
            self.values.pop(next(iter(self.values))).let_go()
        return known

    def let_go(self) -> None:
        """Let go of all that was worked out."""
        self._let_go_but(None)
        if self.closed is not None:
            self.closed.let_go()
            self.shelf.drop(self.closed.past)

    def _let_go_but(self, closed: Priced | None) -> None:
        """Let go of what was worked out with other prices."""
        for key in [key for key in self.values if key[1] is not closed]:
            self.values.pop(key).let_go()
        if self.latest is not None:
            self.latest.let_go()
            self.latest = None

    @property
    def nbytes(self) -> int:
        """Return about how many bytes it takes, besides what is worked out of it."""
        return self.whole.size


class KeptValues:
    """What a process keeps of ledgers, prices, rates and values."""

    def __init__(self, clock: Callable[[], datetime], *, most: int = MOST_BYTES) -> None:
        self._clock = clock
        self.shelf = Shelf(most)
        self._prices: OrderedDict[tuple[str, str], Stretch[Prices, int]] = OrderedDict()
        self.rates = KeptRates(clock)
        self.places = asyncio.Semaphore(AT_ONCE)

    def ledgers(self, owner_id: int) -> Ledgers:
        """Return what is known of an owner's ledgers."""
        return self.shelf.made("ledgers", owner_id, lambda: Ledgers(owner_id))

    def hold(self, ledgers: Ledgers) -> None:
        """Keep what was read of ledgers, as much as it is now."""
        self.shelf.put("ledgers", ledgers.owner_id, ledgers)

    def find(self, key: Hashable, stamps: Stamps) -> KeptValuation | None:
        """Return what is kept of ledgers of some versions."""
        kept: KeptValuation | None = self.shelf.get("values", key)
        return kept if kept is not None and kept.stamps == stamps else None

    def keep(self, key: Hashable, kept: KeptValuation) -> None:
        """Keep values in the place of those of another version."""
        before: KeptValuation | None = self.shelf.get("values", key)
        if before is not None:
            before.let_go()
        self.shelf.put("values", key, kept)

    async def prices(
        self,
        market: Market,
        wanted: Collection[tuple[str, str]],
        *,
        first: date,
        last: date,
    ) -> dict[tuple[str, str], Prices]:
        """Return closes as traded, with splits, of pairs of symbol and currency.

        Those that have not changed are the very same as before.
        """
        missing = await self._outdated(market, wanted, first=first, last=last)
        # While others are waited for, what is kept may have to make room.
        found = {pair: self._prices[pair].value for pair in wanted if pair not in missing}
        questions = {pair: self._question(pair, first=first, last=last) for pair in missing}
        if missing:
            asked = set(questions.values())
            closes, actions = await asyncio.gather(
                market.close_arrays(asked), market.actions(asked)
            )
            for pair, version in missing.items():
                question, known = questions[pair], self._prices.get(pair)
                read = _prices(pair[1], closes.get(question, ()), actions.get(question))
                if known is not None and _same(known.value, read):
                    read = known.value
                found[pair] = read
                self._prices[pair] = Stretch(
                    first=question.first,
                    last=last,
                    until=good_until(self._clock(), whole=len(read.closes.days) > 0),
                    value=read,
                    version=version,
                )
        trim(self._prices, found)
        return found

    async def _outdated(
        self, market: Market, wanted: Collection[tuple[str, str]], *, first: date, last: date
    ) -> dict[tuple[str, str], int]:
        """Return what of prices has to be read, with the versions that are there to read.

        After a while providers are asked for more; what is stored is only read if it changed.
        """
        if not wanted:
            return {}
        symbols, now = {symbol for symbol, _ in wanted}, self._clock()
        spanned = {pair for pair in wanted if covers(self._prices.get(pair), first, last)}
        old = {
            pair: self._question(pair, first=first, last=last)
            for pair in spanned
            if self._prices[pair].until <= now
        }
        stored = await market.look(set(old.values())) if old else set()
        versions = await market.versions(symbols)
        missing = {}
        for pair in wanted:
            version, known = versions.get(pair[0], 0), self._prices.get(pair)
            if known is None or pair not in spanned or known.version != version:
                missing[pair] = version
            elif pair in old and old[pair] in stored:
                until = good_until(self._clock(), whole=len(known.value.closes.days) > 0)
                self._prices[pair] = replace(known, until=until)
            elif pair in old:
                missing[pair] = version
        return missing

    def _question(self, pair: tuple[str, str], *, first: date, last: date) -> HistoryQuestion:
        """Return the question for prices with those that are known, so that these stay."""
        known = self._prices.get(pair)
        begin = first if known is None else min(first, known.first)
        return HistoryQuestion(symbol=pair[0], first=begin, last=last)


def _prices(currency: str, closes: Sequence[Closes], actions: Actions | None) -> Prices:
    """Take the closes in the instrument's currency: a price in another is of no use."""
    splits = () if actions is None else actions.splits
    known = next((one for one in closes if one.currency == currency), None)
    return Prices(
        currency=currency,
        closes=NEVER if known is None else Track(days=known.days, values=known.values),
        splits=track_of((split.day, split.new / split.old) for split in splits),
    )


def _same(one: Prices, other: Prices) -> bool:
    return alike(one.closes, other.closes) and alike(one.splits, other.splits)
