"""What a benchmark rests on by day: its level, and closes, dividends and rates of its parts."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import strawberry
from strawberry.types import Info

from analytics.tracks import OLDEST
from models import instruments
from models.market import Actions, Bar, HistoryQuestion, Quote, Rate, RateQuestion
from resolvers.bars import DividendEvent, SplitEvent, dividend_of, split_of
from resolvers.batching import batched
from resolvers.closing_prices import ClosingPrice, closing_price_of
from resolvers.context import Context
from resolvers.evidence import Bookings, Evidence, Evident, Moment, place_of, shown
from resolvers.exchange_rates import ExchangeRate, rate_of
from resolvers.paging import Connection, connection_of, cut_of, page_of_list
from resolvers.scalars import CurrencyCode, Symbol

ORDERING = "b1"
"""Names the ordering that cursors of a benchmark's days belong to."""

DAY = timedelta(days=1)

APART = 30 * DAY
"""Days that are further apart are asked for apart."""


@strawberry.type(description="An instrument of a benchmark at the end of a day.")
class BenchmarkLine:
    """An instrument of a benchmark at the end of a day."""

    symbol: Symbol = strawberry.field(description="The instrument.")
    currency: CurrencyCode | None = strawberry.field(
        description="What the price is in; null without one."
    )
    price: Decimal | None = strawberry.field(
        description="What one unit of `priceDay` counted at: the close of the day or the last one "
        "before, today the current price; null where there is none of the last ten days."
    )
    price_day: date | None = strawberry.field(description="The day the price is of.")
    price_source: str | None = strawberry.field(description="Where the price is from.")
    closing_price: ClosingPrice | None = strawberry.field(
        description="The close, which `node` finds again by its id; null for the current price, "
        "and for an instrument that nobody has ever booked or watched."
    )
    exchange_rate: ExchangeRate | None = strawberry.field(
        description="What one unit of `currency` counted at; null where none is known."
    )
    dividends: list[DividendEvent] = strawberry.field(
        description="Dividends with this ex-day, whether they are within or not."
    )
    splits: list[SplitEvent] = strawberry.field(description="Splits of the day.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Market:
    """What was loaded to say where prices and rates are from."""

    today: date
    rows: Mapping[str, instruments.Instrument | None]
    bars: Mapping[str, Sequence[Bar]]
    actions: Mapping[str, Sequence[Actions]]
    quotes: Mapping[str, Quote | None]

    def price(self, symbol: str, day: date) -> Bar | Quote | None:
        """Return what counted on a day."""
        known, quote = self.bars[symbol], self.quotes.get(symbol)
        place = bisect_right(known, day, key=lambda bar: bar.day)
        bar = known[place - 1] if place and known[place - 1].day >= day - OLDEST * DAY else None
        if quote is None or day != self.today or quote.as_of.date() < day - OLDEST * DAY:
            return bar
        return quote if bar is None or quote.currency == bar.currency else bar


async def lines_of_benchmarks(
    parents: "list[BenchmarkDay]", info: Info[Context, None]
) -> list[list[BenchmarkLine]]:
    """Tell what the parts of benchmarks counted at on a level of days, a call a kind."""
    context = info.context
    market = await _market(context, parents)
    priced = [
        [(symbol, market.price(symbol, parent.day)) for symbol in parent.symbols]
        for parent in parents
    ]
    wanted = {
        RateQuestion(base=price.currency, target=parent.currency, day=parent.day): None
        for parent, some in zip(parents, priced, strict=True)
        for _, price in some
        if price is not None
    }
    rates = dict(zip(wanted, await context.loaders.rates.load_many(list(wanted)), strict=True))
    return [
        [_line(symbol, price, parent, market=market, rates=rates) for symbol, price in some]
        for parent, some in zip(parents, priced, strict=True)
    ]


async def _market(context: Context, parents: "Sequence[BenchmarkDay]") -> _Market:
    loaders, today = context.loaders, context.now().date()
    symbols = list(dict.fromkeys(symbol for parent in parents for symbol in parent.symbols))
    questions = [
        question
        for symbol in symbols
        for question in questions_of(
            symbol, {parent.day for parent in parents if symbol in parent.symbols}
        )
    ]
    current = sorted(
        {symbol for parent in parents if parent.day == today for symbol in parent.symbols}
    )
    rows, bars, actions, quotes = await asyncio.gather(
        loaders.instruments_by_symbol.load_many(symbols),
        loaders.bars.load_many(questions),
        loaders.actions.load_many(questions),
        loaders.quotes.load_many(current),
    )
    known: dict[str, list[Bar]] = {symbol: [] for symbol in symbols}
    told: dict[str, list[Actions]] = {symbol: [] for symbol in symbols}
    for question, some, done in zip(questions, bars, actions, strict=True):
        known[question.symbol] += some
        told[question.symbol].append(done)
    return _Market(
        today=today,
        rows=dict(zip(symbols, rows, strict=True)),
        bars=known,
        actions=told,
        quotes=dict(zip(current, quotes, strict=True)),
    )


def questions_of(symbol: str, wanted: Iterable[date]) -> list[HistoryQuestion]:
    """Ask for days of a symbol, and those before that may count, oldest first.

    Pages that are far apart load nothing of what is between them.
    """
    days = sorted(wanted)
    starts = [place for place, day in enumerate(days) if not place or day - days[place - 1] > APART]
    return [
        HistoryQuestion(symbol=symbol, first=days[start] - OLDEST * DAY, last=days[stop - 1])
        for start, stop in pairwise([*starts, len(days)])
    ]


def _line(
    symbol: str,
    price: Bar | Quote | None,
    parent: "BenchmarkDay",
    *,
    market: _Market,
    rates: Mapping[RateQuestion, Rate | None],
) -> BenchmarkLine:
    row, rate, actions = market.rows[symbol], None, market.actions[symbol]
    if price is not None:
        rate = rates[RateQuestion(base=price.currency, target=parent.currency, day=parent.day)]
    bar = price if isinstance(price, Bar) else None
    quote = price if isinstance(price, Quote) else None
    return BenchmarkLine(
        symbol=Symbol(symbol),
        currency=None if price is None else CurrencyCode(price.currency),
        price=bar.close if bar else quote.price if quote else None,
        price_day=bar.day if bar else quote.as_of.date() if quote else None,
        price_source=None if price is None else price.source,
        closing_price=closing_price_of(bar, row) if bar and row else None,
        exchange_rate=None if rate is None else rate_of(rate),
        dividends=[
            dividend_of(one)
            for some in actions
            for one in some.dividends
            if one.ex_day == parent.day
        ],
        splits=[split_of(one) for some in actions for one in some.splits if one.day == parent.day],
    )


@strawberry.type(
    description="A benchmark at the end of a day. `level` is that of the day before times the sum "
    "over its parts of weight x (price + dividend) x rate / (price x rate) of the day before. The "
    "weights are those of the blend on the day after they were restored; from then on each grows "
    "with its part over the whole. A dividend counts at the first close from its ex-day on."
)
class BenchmarkDay:
    """A benchmark at the end of a day."""

    symbols: strawberry.Private[tuple[str, ...]]
    currency: strawberry.Private[str]
    day: date = strawberry.field(description="The day.")
    level: float | None = strawberry.field(
        description="What one unit of money put in at the start had become; null without a price "
        "or rate."
    )
    return_: float | None = strawberry.field(
        name="return",
        description="What it earned since the day before; null at the start, and where it is not "
        "known.",
    )
    lines: list[BenchmarkLine] = batched(
        lines_of_benchmarks, description="Its instruments, and what they counted at."
    )


async def days_of_benchmarks(
    parents: "Sequence[Evident]",
    info: Info[Context, None],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> list[Connection[BenchmarkDay] | None]:
    """Page through the days of benchmarks that figures rest on."""
    del info
    cut = cut_of(first=first, after=after, last=last, before=before, ordering=ORDERING)

    def days(evidence: Evidence | Bookings | Moment | None) -> Connection[BenchmarkDay] | None:
        if not isinstance(evidence, Evidence) or evidence.compared is None:
            return None
        scoped, series = evidence.scoped, evidence.compared.series
        funded = scoped.period.places if scoped.valued else slice(0)
        places = range(len(series.days))[funded]
        page = page_of_list(
            places[::-1],
            cut,
            place=lambda place: place_of(int(series.days[place]), place + 1),
            ordering=ORDERING,
        )
        growth = np.diff(series.value, prepend=np.nan) / np.roll(series.value, 1)
        nodes = [
            BenchmarkDay(
                symbols=evidence.compared.symbols,
                currency=scoped.currency,
                day=date.fromordinal(int(series.days[place])),
                level=shown(series.value[place]),
                return_=shown(growth[place]) if place > places[0] else None,
            )
            for place in page.items
        ]
        return connection_of(page, nodes)

    return [days(parent.evidence) for parent in parents]
