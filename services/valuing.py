"""Reads ledgers and market data as what values are worked out from, day by day."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.book import Book, Entry, book_of
from analytics.series import Flags, Series, of_prices
from analytics.tracks import Track, carry, track_of
from analytics.valuations import OLDEST, Prices, Quotes, Valuation, value
from datasources.market import Market
from models.base import row_key
from models.instruments import Instrument
from models.market import Actions, Bar, HistoryQuestion, Quote, Rate, RateQuestion
from models.transactions import Transaction
from services.aside import aside
from services.entries import Terms, events_of, in_order, movements_of

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """The values of a ledger, and which of its lines are the scope's."""

    valuation: Valuation
    scope: Flags
    symbols: Mapping[int, str]

    @property
    def first_day(self) -> date:
        """Return the day of the first booking."""
        return date.fromordinal(int(self.valuation.days[0]) + 1)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Ledgers as they were read, and the instruments they are about."""

    entries: Sequence[Transaction]
    book: Book
    instruments: Mapping[int, Instrument]


async def value_ledger(
    market: Market,
    reading: Reading,
    *,
    portfolio_ids: Collection[int],
    currency: str,
    last: date,
    today: date,
) -> Valued | None:
    """Value the lines of portfolios from the day before their first booking; null without any."""
    entries, book = reading.entries, reading.book
    days = [entry.occurred_at.date() for entry in entries if entry.portfolio_id in portfolio_ids]
    if not days or min(days) > last:
        return None
    first = min(days) - DAY
    lines = [line for line in book.balances if line.portfolio in portfolio_ids]
    held = {line.instrument for line in lines} & reading.instruments.keys()
    rows = {key: reading.instruments[key] for key in held}
    quotes = await quotes_of(
        market,
        rows,
        currencies={line.currency for line in lines if line.is_cash}
        | {book.bases[key] for key in portfolio_ids},
        currency=currency,
        days=(first, last),
        today=today,
    )
    valuation = await aside(entries, value, book, quotes, first=first, last=last)
    return Valued(
        valuation=valuation,
        scope=valuation.portfolios(portfolio_ids),
        symbols={key: row.symbol for key, row in rows.items()},
    )


async def quotes_of(
    market: Market,
    instruments: Mapping[int, Instrument],
    *,
    currencies: Collection[str],
    currency: str,
    days: tuple[date, date],
    today: date,
) -> Quotes:
    """Load closes as traded with their splits, the price of today if asked for, and rates."""
    begin, last = days[0] - OLDEST * DAY, days[1]
    questions = {
        key: HistoryQuestion(symbol=row.symbol, first=begin, last=last)
        for key, row in instruments.items()
    }
    wanted = {*currencies, *(row.currency for row in instruments.values())} - {currency}
    bars, actions, rates, now = await asyncio.gather(
        market.bars(set(questions.values())),
        market.actions(set(questions.values())),
        market.rates(_rate_questions(wanted, currency, begin, last)),
        _latest(market, [row.symbol for row in instruments.values()] if last == today else []),
    )
    return Quotes(
        currency=currency,
        prices={
            key: _prices(
                row.currency,
                bars.get(questions[key], []),
                actions.get(questions[key]),
                today=(last, now.get(row.symbol)),
            )
            for key, row in instruments.items()
        },
        rates=_rates(rates),
    )


async def _latest(market: Market, symbols: Sequence[str]) -> Mapping[str, Quote]:
    return await market.quotes(symbols) if symbols else {}


def _rate_questions(
    currencies: Collection[str], target: str, first: date, last: date
) -> set[RateQuestion]:
    """Ask for the rate of each weekday; those of weekends are carried."""
    days = [first + count * DAY for count in range((last - first).days + 1)]
    return {
        RateQuestion(base=currency, target=target, day=day)
        for currency in currencies
        for day in days
        if day.weekday() < 5
    }


def _rates(found: Mapping[RateQuestion, Rate]) -> dict[str, Track]:
    by_currency: dict[str, list[RateQuestion]] = {}
    for question in found:
        by_currency.setdefault(question.base, []).append(question)
    return {
        currency: track_of(
            (question.day, found[question].value)
            for question in sorted(questions, key=lambda one: one.day)
        )
        for currency, questions in by_currency.items()
    }


def _prices(
    currency: str,
    bars: Sequence[Bar],
    actions: Actions | None,
    *,
    today: tuple[date, Quote | None],
) -> Prices:
    """Take the closes in the instrument's currency: a price in another is of no use."""
    closes = [(bar.day, bar.close) for bar in bars if bar.currency == currency]
    day, quote = today
    if quote is not None and quote.currency == currency and quote.as_of.date() <= day:
        moment = quote.as_of.date()
        closes = [*(pair for pair in closes if pair[0] < moment), (moment, quote.price)]
    splits = () if actions is None else actions.splits
    return Prices(
        currency=currency,
        closes=track_of(closes),
        splits=track_of((split.day, split.new / split.old) for split in splits),
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
    prices = _prices(own, bars, None, today=(last, None))
    level = carry(prices.closes, like.days, oldest=OLDEST)
    worth = level.values
    if own != currency:
        rates = _rates(await market.rates(_rate_questions([own], currency, first, last)))
        worth = worth * carry(rates.get(own, track_of([])), like.days, oldest=OLDEST).values
    return of_prices(like.days, worth, fresh=level.fresh)
