"""Values ledgers day by day: what is booked, with prices and rates, up to today.

What is kept of each of these holds until a version tells otherwise, so that a question is answered
by what changed since the last one: nothing, today's prices, a few instruments' ledgers, or rates.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from analytics.series import Flags
from analytics.tracks import OLDEST
from analytics.valuations import Latest, Prices, Valuation
from datasources.market import Market
from models.base import row_key
from models.database import Database
from models.market import Quote
from models.portfolios import Portfolio
from models.positions import symbols_since
from models.reading import Prepared
from services.aside import aside
from services.kept_values import KeptValuation, KeptValues
from services.ledgers import Stamps, stamp_of

SYMBOLS: Prepared[Any] = Prepared(symbols_since())
DAY = timedelta(days=1)
REACH = OLDEST * DAY
"""How long before the first day prices and rates may still count on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """The values of a ledger, and which of its lines are the scope's.

    ``begin`` is the place of the day of the scope's first booking. ``symbols`` has the symbol and
    currency of each instrument.
    """

    valuation: Valuation
    scope: Flags
    symbols: Mapping[int, tuple[str, str]]
    begin: int = 1

    @property
    def first_day(self) -> date:
        """Return the day of the first booking."""
        return date.fromordinal(int(self.valuation.days[0]) + self.begin)

    def of(self, instrument: int) -> "Valued":
        """Return the units of one instrument alone."""
        scope = self.scope & self.valuation.within(lambda line: line.instrument == instrument)
        return replace(self, scope=scope, begin=self.valuation.begin_of(scope))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An owner's portfolios as one scope in a currency; ``live`` with today's prices for today."""

    portfolios: tuple[Portfolio, ...]
    currency: str
    live: bool

    @property
    def ids(self) -> tuple[int, ...]:
        """Return the keys of the portfolios."""
        return tuple(row_key(row.id) for row in self.portfolios)

    @property
    def stamps(self) -> Stamps:
        """Return what tells whether a ledger has changed."""
        return {row_key(row.id): stamp_of(row) for row in self.portfolios}


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuer:
    """Values portfolios by what is kept, and by what has changed since."""

    kept: KeptValues
    database: Database
    market: Market
    now: datetime

    @property
    def today(self) -> date:
        """Return the last day of all values."""
        return self.now.date()

    async def values(self, wanted: Sequence[Wanted]) -> list[Valued | None]:
        """Value portfolios from the day before their first booking; null without any."""
        read = await self._read(wanted)
        begun = {
            place: first - DAY
            for place, one in enumerate(read)
            if one is not None and (first := one.whole.first_day) and first <= self.today
        }
        if not begun:
            return [None] * len(read)
        first = min(begun.values()) - REACH
        known = {place: one for place, one in enumerate(read) if one and place in begun}
        pairs = {pair for one in known.values() for pair in one.symbols.values()}
        prices = await self.kept.prices(self.market, pairs, first=first, last=self.today)
        live = {
            pair
            for place, one in enumerate(wanted)
            if one.live and place in known
            for pair in known[place].symbols.values()
        }
        latest = await self._latest(live)
        found: list[Valued | None] = []
        for place, one in enumerate(wanted):
            kept = known.get(place)
            found.append(
                None
                if kept is None
                else await self._valued(one, kept, begun[place], prices=prices, latest=latest)
            )
        return found

    async def _read(self, wanted: Sequence[Wanted]) -> list[KeptValuation | None]:
        """Return what is kept of portfolios, their ledgers read as far as they changed."""
        outdated: dict[int, dict[tuple[int, ...], None]] = {}
        # While ledgers are read, what is kept may make room, or be of another version.
        found = {one.ids: self.kept.find(one.ids, one.stamps) for one in wanted}
        for one in wanted:
            if one.portfolios and found[one.ids] is None:
                outdated.setdefault(one.portfolios[0].owner_id, {})[one.ids] = None
        for owner_id, scopes in outdated.items():
            ledgers = self.kept.ledgers(owner_id)
            unread = {key for ids in scopes for key in ids if not ledgers.has(key)}
            wholes, _ = await asyncio.gather(
                ledgers.wholes(self.database, list(scopes)), self._load_ahead(unread)
            )
            self.kept.hold(ledgers)
            for ids, (whole, stamps) in zip(scopes, wholes, strict=True):
                held = sorted({line.instrument for line in whole.lines} - {0})
                made = found[ids] = KeptValuation(
                    stamps=stamps,
                    whole=whole,
                    symbols={key: ledgers.instruments[key] for key in held},
                    shelf=self.kept.shelf,
                )
                self.kept.keep(ids, made)
        return [found[one.ids] for one in wanted]

    async def _load_ahead(self, ids: Collection[int]) -> None:
        """Load the prices of portfolios while their ledgers are read: the one takes no processor.

        What is missing then, because it was booked meanwhile, is loaded afterwards.
        """
        rows = await self.database.rows(SYMBOLS, keys=sorted(ids)) if ids else []
        days = [day for _, _, day in rows if day is not None]
        if days:
            pairs = {(symbol, currency) for symbol, currency, _ in rows}
            first = min(days) - DAY - REACH
            await self.kept.prices(self.market, pairs, first=first, last=self.today)

    async def _valued(
        self,
        wanted: Wanted,
        kept: KeptValuation,
        first: date,
        *,
        prices: Mapping[tuple[str, str], Prices],
        latest: Mapping[tuple[str, str], Latest],
    ) -> Valued:
        courses = await self.kept.rates.between(
            self.market,
            sorted(kept.currencies - {wanted.currency}),
            wanted.currency,
            first=first - REACH,
            last=self.today,
        )
        # All at once, so that nobody puts other prices in between.
        priced = kept.priced(
            {key: prices[pair] for key, pair in kept.symbols.items()},
            range(first.toordinal(), self.today.toordinal() + 1),
            {key: latest[pair] for key, pair in kept.symbols.items() if pair in latest}
            if wanted.live
            else None,
        )
        valuation = kept.valued(priced, wanted.currency, courses)
        if not valuation.knows(kept.scope):
            async with self.kept.places:
                # What all figures need, once and for all of them.
                await aside(range(len(valuation.lines) * LINE), valuation.series, kept.scope)
        return Valued(valuation=valuation, scope=kept.scope, symbols=kept.symbols)

    async def _latest(self, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], Latest]:
        """Return the prices of today, in the currencies expected."""
        if not pairs:
            return {}
        found = await self.market.quotes(sorted({symbol for symbol, _ in pairs}))
        return {
            (symbol, currency): Latest(
                price=float(quote.price), fresh=self._age(quote) == timedelta(0)
            )
            for symbol, currency in pairs
            if (quote := found.get(symbol)) is not None
            and quote.currency == currency
            and timedelta(0) <= self._age(quote) <= REACH
        }

    def _age(self, quote: Quote) -> timedelta:
        return self.today - quote.as_of.date()


LINE = 10
"""How many entries it takes to work as long as on one line of a ledger."""
