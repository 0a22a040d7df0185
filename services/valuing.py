"""Values ledgers day by day: reads them as lines and payments, and puts prices and rates to."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np

from analytics.book import Book, Entry, book_of
from analytics.series import Flags, Series, of_prices
from analytics.tracks import Track, carry, track_of
from analytics.valuations import OLDEST, Quotes, Valuation, revalue, value
from datasources.market import Market
from models.base import row_key
from models.instruments import Instrument
from models.market import HistoryQuestion
from models.portfolios import Portfolio
from models.transactions import Transaction
from services.aside import aside
from services.entries import Terms, events_of, in_order, movements_of
from services.kept_values import KeptValuation, KeptValues, rates_between

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """The values of a ledger, and which of its lines are the scope's."""

    valuation: Valuation
    scope: Flags

    @property
    def first_day(self) -> date:
        """Return the day of the first booking."""
        return date.fromordinal(int(self.valuation.days[0]) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Some portfolios as one scope, valued up to a day in a currency; ``now`` is the time."""

    portfolios: tuple[Portfolio, ...]
    currency: str
    last: date
    now: datetime

    @property
    def ids(self) -> tuple[int, ...]:
        """Return the keys of the portfolios."""
        return tuple(row_key(row.id) for row in self.portfolios)

    @property
    def key(self) -> Hashable:
        """Return what tells it from others, whatever its ledgers' versions."""
        return self.ids, self.currency, self.last

    @property
    def versions(self) -> Hashable:
        """Return what tells a changed ledger: a change of one bumps all it is tied to."""
        return tuple((row.version, row.lot_method, row.allow_short) for row in self.portfolios)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Ledgers as they were read, and the instruments they are about."""

    entries: Sequence[Transaction]
    book: Book
    instruments: Mapping[int, Instrument]


def read_book(
    entries: Iterable[Transaction], *, terms: Mapping[int, Terms], bases: dict[int, str]
) -> Book:
    """Read ledgers, given in any order, as lines and the payments between them."""
    ordered = in_order(entries)
    portfolios = {entry.id: entry.portfolio_id for entry in ordered}
    others: dict[int | None, int] = {}
    for entry in ordered:
        if entry.origin_id in portfolios:
            others[entry.id] = portfolios[entry.origin_id]
            others[entry.origin_id] = entry.portfolio_id
    return book_of(
        events_of(ordered, terms=terms),
        [
            Entry(
                id=row_key(entry.id),
                portfolio=entry.portfolio_id,
                instrument=entry.instrument_id or 0,
                movements=tuple(movements_of(entry)),
                counterpart=others.get(entry.id),
            )
            for entry in ordered
        ],
        bases=bases,
        method=lambda pool: terms.get(pool[0], Terms()).method,
    )


async def kept_value(kept: KeptValues, market: Market, wanted: Wanted) -> Valued | None:
    """Return values that are kept, with today's prices; null if they have to be worked out."""
    known = kept.find(wanted.key, wanted.versions)
    if known is None:
        return None
    latest = await _latest(market, known.symbols, wanted)
    if latest != known.latest:
        first = date.fromordinal(int(known.valuation.days[0]))
        quotes = await _quotes(kept, market, wanted, known.symbols, known.book, first)
        async with kept.places:
            valuation = await aside(
                known.book.payments,
                revalue,
                known.valuation,
                known.book,
                _with_latest(quotes, known.symbols, latest, wanted.last),
                since=wanted.last,
                last=wanted.last,
            )
        known = replace(known, valuation=valuation, latest=latest)
        kept.keep(wanted.key, known)
    scope = known.valuation.portfolios(wanted.ids)
    return Valued(valuation=known.valuation, scope=scope)


async def value_ledger(
    kept: KeptValues, market: Market, reading: Reading, wanted: Wanted
) -> Valued | None:
    """Value portfolios from the day before their first booking; null without any until then."""
    days = [
        entry.occurred_at.date()
        for entry in reading.entries
        if entry.portfolio_id in set(wanted.ids)
    ]
    if not days or min(days) > wanted.last:
        return None
    first, book = min(days) - DAY, reading.book
    symbols = {
        line.instrument: (row.symbol, row.currency)
        for line in book.balances
        if line.portfolio in wanted.ids and (row := reading.instruments.get(line.instrument))
    }
    quotes = await _quotes(kept, market, wanted, symbols, book, first)
    latest = await _latest(market, symbols, wanted)
    async with kept.places:
        valuation = await aside(
            reading.entries,
            value,
            book,
            _with_latest(quotes, symbols, latest, wanted.last),
            first=first,
            last=wanted.last,
        )
    tracks = [*(one.closes for one in quotes.prices.values()), *quotes.rates.values()]
    whole = all(len(track.days) for track in tracks)
    kept.keep(
        wanted.key,
        KeptValuation(
            versions=wanted.versions,
            until=kept.good_until(whole=whole),
            book=book,
            valuation=valuation,
            symbols=symbols,
            latest=latest,
        ),
    )
    return Valued(valuation=valuation, scope=valuation.portfolios(wanted.ids))


async def _quotes(
    kept: KeptValues,
    market: Market,
    wanted: Wanted,
    symbols: Mapping[int, tuple[str, str]],
    book: Book,
    first: date,
) -> Quotes:
    """Load closes as traded with their splits, and rates."""
    begin = first - OLDEST * DAY
    cash = {line.currency for line in book.balances if line.is_cash}
    bases = {row.base_currency for row in wanted.portfolios}
    currencies = cash | bases | {currency for _, currency in symbols.values()}
    prices = await kept.prices(market, set(symbols.values()), first=begin, last=wanted.last)
    return Quotes(
        currency=wanted.currency,
        prices={key: prices[pair] for key, pair in symbols.items()},
        rates=await kept.rates(
            market, currencies - {wanted.currency}, wanted.currency, first=begin, last=wanted.last
        ),
    )


async def _latest(
    market: Market, symbols: Mapping[int, tuple[str, str]], wanted: Wanted
) -> dict[str, Decimal]:
    """Return the prices of today, if that is the last day, in the currencies expected."""
    if wanted.last != wanted.now.date() or not symbols:
        return {}
    currencies = dict(symbols.values())
    found = await market.quotes(list(currencies))
    return {
        symbol: quote.price
        for symbol, quote in found.items()
        if quote.currency == currencies[symbol]
        and timedelta(0) <= wanted.last - quote.as_of.date() <= OLDEST * DAY
    }


def _with_latest(
    quotes: Quotes,
    symbols: Mapping[int, tuple[str, str]],
    latest: Mapping[str, Decimal],
    last: date,
) -> Quotes:
    """Let the prices of today be the last closes."""
    if not latest:
        return quotes
    prices = dict(quotes.prices)
    for key, (symbol, _) in symbols.items():
        if symbol in latest:
            known = prices[key]
            prices[key] = replace(known, closes=_ended(known.closes, last, latest[symbol]))
    return replace(quotes, prices=prices)


def _ended(track: Track, last: date, price: Decimal) -> Track:
    before = track.days < last.toordinal()
    return Track(
        days=np.append(track.days[before], last.toordinal()),
        values=np.append(track.values[before], float(price)),
    )


async def benchmark_of(
    market: Market, symbol: str, *, currency: str, like: Series
) -> Series | None:
    """Return what one unit of an instrument was worth in a currency on the days of a series.

    Prices have splits applied, so that it is the same unit all the time; null without any.
    """
    first, last = (date.fromordinal(int(day)) for day in like.days[[0, -1]])
    first -= OLDEST * DAY
    question = HistoryQuestion(symbol=symbol, first=first, last=last, adjusted=True)
    bars = (await market.bars([question])).get(question, [])
    if not bars:
        return None
    own = bars[-1].currency
    closes = track_of((bar.day, bar.close) for bar in bars if bar.currency == own)
    level = carry(closes, like.days, oldest=OLDEST)
    worth = level.values
    if own != currency:
        rates = await rates_between(market, [own], currency, first=first, last=last)
        worth = worth * carry(rates.get(own, track_of([])), like.days, oldest=OLDEST).values
    return of_prices(like.days, worth, fresh=level.fresh)
