"""Price history of instruments, and what companies did to their shares."""

from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Protocol

import strawberry
from strawberry.types import Info

from datasources.series import aggregate
from models import market
from models.market import HistoryQuestion
from resolvers.caching import HOUR, MINUTE, CacheControl
from resolvers.context import Context
from resolvers.scalars import CurrencyCode
from resolvers.values import DateRangeInput, Money, bad_input, unit_price

MAX_YEARS = 40
MAX_SPAN = timedelta(days=366 * MAX_YEARS)


class Listed(Protocol):
    """Whatever has a symbol."""

    symbol: str


@strawberry.enum(description="How long a bar is.")
class BarInterval(Enum):
    """How long a bar is."""

    DAY = strawberry.enum_value("DAY", description="A trading day.")
    WEEK = strawberry.enum_value("WEEK", description="A week from Monday on.")
    MONTH = strawberry.enum_value("MONTH", description="A calendar month.")


@strawberry.type(
    description="Prices of one instrument over a day, week or month: the first open, the highest "
    "high, the lowest low, the last close and all volume of its days.",
    directives=[CacheControl(max_age=5 * MINUTE)],
)
class Bar:
    """Prices over a day, week or month."""

    day: date = strawberry.field(description="Its day, or the first trading day within it.")
    open: Decimal | None = strawberry.field(description="The first price; null if not known.")
    high: Decimal | None = strawberry.field(description="The highest; null if not known.")
    low: Decimal | None = strawberry.field(description="The lowest; null if not known.")
    close: Decimal = strawberry.field(description="The last price.")
    volume: Decimal | None = strawberry.field(description="Units traded; null if not known.")
    currency: CurrencyCode = strawberry.field(description="What prices are in.")
    adjusted: bool = strawberry.field(
        description="Whether prices and volume have the splits after their day applied."
    )
    source: str = strawberry.field(
        description="Where it is from. All bars of one answer are from one source."
    )


@strawberry.type(description="New units for old ones.", directives=[CacheControl(max_age=HOUR)])
class SplitEvent:
    """New units for old ones."""

    day: date = strawberry.field(description="The first day on which the new units trade.")
    new_units: Decimal = strawberry.field(description="So many new units for `oldUnits`.")
    old_units: Decimal = strawberry.field(description="The units that `newUnits` is for.")
    source: str = strawberry.field(description="Where it is from.")


@strawberry.type(
    description="Cash that a company paid for each unit.",
    directives=[CacheControl(max_age=HOUR)],
)
class DividendEvent:
    """Cash paid for each unit."""

    ex_day: date = strawberry.field(
        description="The first day on which a buyer does not get it any more."
    )
    pay_day: date | None = strawberry.field(description="When it is paid, if known.")
    amount: Money = strawberry.field(
        description="For each unit there was on that day, before taxes."
    )
    source: str = strawberry.field(description="Where it is from.")


def bar_of(bar: market.Bar) -> Bar:
    """Build the outward shape of a bar."""
    return Bar(
        day=bar.day,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
        currency=CurrencyCode(bar.currency),
        adjusted=bar.adjusted,
        source=bar.source,
    )


def split_of(split: market.SplitEvent) -> SplitEvent:
    """Build the outward shape of a split."""
    return SplitEvent(day=split.day, new_units=split.new, old_units=split.old, source=split.source)


def dividend_of(dividend: market.DividendEvent) -> DividendEvent:
    """Build the outward shape of a dividend."""
    return DividendEvent(
        ex_day=dividend.ex_day,
        pay_day=dividend.pay_day,
        amount=unit_price(dividend.amount, dividend.currency),
        source=dividend.source,
    )


def _days(range: DateRangeInput) -> tuple[date, date]:
    if range.last < range.first:
        raise bad_input("`range.last` must not be before `range.from`.")
    if range.last - range.first > MAX_SPAN:
        raise bad_input(f"`range` takes at most {MAX_YEARS} years.")
    return range.first, range.last


async def histories_of_instruments(
    parents: "list[Listed]",
    info: Info[Context, None],
    range: DateRangeInput,
    interval: BarInterval = BarInterval.DAY,
    adjusted: bool = True,
) -> list[list[Bar]]:
    """Return the price history of a level of instruments."""
    first, last = _days(range)
    questions = [
        HistoryQuestion(symbol=parent.symbol, first=first, last=last, adjusted=adjusted)
        for parent in parents
    ]
    length = market.BarInterval(interval.value)
    return [
        [bar_of(bar) for bar in aggregate(bars, length)]
        for bars in await info.context.loaders.bars.load_many(questions)
    ]


async def _actions(
    parents: "list[Listed]", info: Info[Context, None], first: date, last: date
) -> list[market.Actions]:
    questions = [
        HistoryQuestion(symbol=parent.symbol, first=first, last=last) for parent in parents
    ]
    return await info.context.loaders.actions.load_many(questions)


async def splits_of_instruments(
    parents: "list[Listed]", info: Info[Context, None]
) -> list[list[SplitEvent]]:
    """Return the splits of a level of instruments."""
    today = info.context.now().date()
    found = await _actions(parents, info, first_day(today), today)
    return [[split_of(split) for split in actions.splits] for actions in found]


async def dividends_of_instruments(
    parents: "list[Listed]", info: Info[Context, None], range: DateRangeInput
) -> list[list[DividendEvent]]:
    """Return the dividends of a level of instruments."""
    first, last = _days(range)
    found = await _actions(parents, info, first, last)
    return [[dividend_of(paid) for paid in actions.dividends] for actions in found]


def first_day(today: date) -> date:
    """Return the first day that is asked about."""
    return date(today.year - MAX_YEARS, 1, 1)
