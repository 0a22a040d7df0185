"""What lines of a scope were worth on days: units or cash, the price and the rate they count at."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import isclose, isnan

import numpy as np
import strawberry

from analytics.book import Line
from analytics.tracks import OLDEST
from analytics.valuations import Valuation
from models import instruments
from models.market import Bar, HistoryQuestion, Quote, Rate, RateQuestion
from resolvers.closing_prices import ClosingPrice, closing_price_of
from resolvers.context import Context
from resolvers.exchange_rates import ExchangeRate, rate_of
from resolvers.instruments import Instrument, instrument_of
from resolvers.scalars import CurrencyCode
from resolvers.scoping import Scoped
from resolvers.transactions import PortfolioReference, portfolios_of_keys
from resolvers.values import NullReason

DAY = timedelta(days=1)


@strawberry.type(
    description="Units of an instrument, or cash of a currency, at the end of a day: `units` x "
    "`price` x the rate is the value."
)
class LineValue:
    """Units or cash at the end of a day, and what they were worth."""

    portfolio: PortfolioReference = strawberry.field(description="The portfolio that had them.")
    instrument: Instrument | None = strawberry.field(description="What was held; null for cash.")
    currency: CurrencyCode = strawberry.field(
        description="What the cash is of, or what the price is in."
    )
    units: Decimal = strawberry.field(description="Units held, or the amount of cash.")
    price: Decimal | None = strawberry.field(
        description="What one unit counted at, splits since the price was made applied; null for "
        "cash, and where there is none of the last ten days."
    )
    price_day: date | None = strawberry.field(description="The day the price is of, if known.")
    price_source: str | None = strawberry.field(description="Where the price is from, if known.")
    closing_price: ClosingPrice | None = strawberry.field(
        description="The close it counted at, which `node` finds again by its id; null for cash "
        "and for the current price of today."
    )
    exchange_rate: ExchangeRate | None = strawberry.field(
        description="What one unit of `currency` counted at; of one currency for itself 1. Null "
        "where none is known."
    )
    value: float | None = strawberry.field(
        description="What it was worth in the figure's currency; null without a price or rate."
    )
    reason: NullReason | None = strawberry.field(
        description="Why `value` is null; null if it is not."
    )


@dataclass(frozen=True, slots=True)
class Spot:
    """One line at the end of one day: its column and its row in the valuation of a scope."""

    scoped: Scoped
    valuation: Valuation
    place: int
    column: int

    @property
    def line(self) -> Line:
        """Return the line."""
        return self.valuation.lines[self.column]

    @property
    def day(self) -> date:
        """Return the day."""
        return date.fromordinal(int(self.valuation.days[self.place]))

    def currency(self, row: instruments.Instrument | None) -> str:
        """Return the currency of its price, or of its cash."""
        return self.line.currency if row is None else row.currency

    def rate(self, row: instruments.Instrument | None) -> RateQuestion:
        """Return the question for its rate, by the day that it is of."""
        return rate_question(self.valuation, self.currency(row), self.day)


def rate_question(valuation: Valuation, currency: str, day: date) -> RateQuestion:
    """Return the question for what a currency counted at on a day, by the day of that rate."""
    course = valuation.courses.get(currency)
    found = None if course is None else course.day_of(day.toordinal())
    quoted = day if found is None else date.fromordinal(found)
    return RateQuestion(base=currency, target=valuation.target, day=quoted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Market:
    """What was loaded to say where prices and rates are from."""

    today: date
    instruments: Mapping[int, instruments.Instrument]
    bars: Mapping[int, Sequence[Bar]]
    quotes: Mapping[int, Quote]
    rates: Mapping[RateQuestion, Rate | None]
    portfolios: Mapping[int, PortfolioReference]

    def quote(self, spot: Spot) -> Quote | None:
        """Return the current price, where that is what counted: today, and while it is good."""
        row, quote = self.instruments[spot.line.instrument], self.quotes.get(spot.line.instrument)
        if quote is None or spot.day != self.today or quote.currency != row.currency:
            return None
        age = self.today - quote.as_of.date()
        return quote if timedelta(0) <= age <= OLDEST * DAY else None

    def bar(self, spot: Spot) -> Bar | None:
        """Return the last close on or before the day."""
        known = self.bars.get(spot.line.instrument, ())
        place = bisect_right(known, spot.day, key=lambda bar: bar.day)
        return known[place - 1] if place else None


async def lines_of_days(
    context: Context, days: Sequence[tuple[Scoped, int]]
) -> list[list[LineValue]]:
    """Return what was held at the end of days, each a row of its scope's valuation."""
    spots = [list(_spots(scoped, place)) for scoped, place in days]
    market = await _market(context, [spot for some in spots for spot in some])
    return [[_line_value(spot, market) for spot in some] for some in spots]


def _spots(scoped: Scoped, place: int) -> Iterator[Spot]:
    if scoped.valued is not None:
        valuation, scope = scoped.valued.valuation, scoped.valued.scope
        for column in np.flatnonzero(scope & (valuation.units_on(place) != 0)):
            yield Spot(scoped, valuation, place, int(column))


async def _market(context: Context, spots: Sequence[Spot]) -> _Market:
    """Load what says where the prices and rates of some lines are from, a call a kind."""
    loaders, today = context.loaders, context.now().date()
    owners = sorted({spot.line.portfolio for spot in spots})
    ids = sorted({spot.line.instrument for spot in spots} - {0})
    rows = {
        key: row
        for key, row in zip(ids, await loaders.instruments.load_many(ids), strict=True)
        if row is not None
    }
    first = min((spot.day for spot in spots), default=today) - OLDEST * DAY
    last = max((spot.day for spot in spots), default=today)
    questions = [
        HistoryQuestion(symbol=row.symbol, first=first, last=last) for row in rows.values()
    ]
    wanted = list({spot.rate(rows.get(spot.line.instrument)): None for spot in spots})
    symbols = [row.symbol for row in rows.values()] if last == today else []
    bars, quotes, rates, portfolios = await asyncio.gather(
        loaders.bars.load_many(questions),
        loaders.quotes.load_many(symbols),
        loaders.rates.load_many(wanted),
        portfolios_of_keys(context, owners),
    )
    return _Market(
        today=today,
        instruments=rows,
        bars={
            key: [bar for bar in some if bar.currency == row.currency]
            for (key, row), some in zip(rows.items(), bars, strict=True)
        },
        quotes={key: one for key, one in zip(rows, quotes, strict=False) if one is not None},
        rates=dict(zip(wanted, rates, strict=True)),
        portfolios=dict(zip(owners, portfolios, strict=True)),
    )


def _line_value(spot: Spot, market: _Market) -> LineValue:
    whole, row = spot.valuation, market.instruments.get(spot.line.instrument)
    units, local, factor, value = whole.spot(spot.place, spot.column)
    rate = market.rates.get(spot.rate(row))
    rated = None if rate is None else counted(factor, rate.value)
    reason = None
    if isnan(value):
        reason = NullReason.NO_PRICE if isnan(local) else NullReason.NO_RATE
    quote = bar = None
    if row is not None and not isnan(local):
        quote = market.quote(spot)
        bar = market.bar(spot) if quote is None else None
    known = quote.price if quote else bar.close if bar else None
    return LineValue(
        portfolio=market.portfolios[spot.line.portfolio],
        instrument=None if row is None else instrument_of(row),
        currency=CurrencyCode(spot.currency(row)),
        units=_decimal(units),
        price=None if row is None or isnan(local) else counted(local / units, known),
        price_day=quote.as_of.date() if quote else bar.day if bar else None,
        price_source=quote.source if quote else bar.source if bar else None,
        closing_price=closing_price_of(bar, row) if bar and row else None,
        exchange_rate=None if rate is None else rate_of(rate, value=rated),
        value=None if isnan(value) else value,
        reason=reason,
    )


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def counted(value: float, known: Decimal | None) -> Decimal:
    """Return what counted: what is known, to all of its digits, unless it was something else."""
    if known is not None and isclose(value, known, rel_tol=1e-12):
        return known
    return _decimal(value)
