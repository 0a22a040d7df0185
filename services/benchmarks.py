"""What instruments were worth day by day, for portfolios to be compared with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

import numpy as np

from analytics.benchmarks import Blend
from analytics.periods import Interval
from analytics.series import Series, of_prices
from analytics.tracks import OLDEST, Course, Track, reinvested, track_of
from datasources.market import Market
from models.market import Actions, Closes, DividendEvent, HistoryQuestion, Quote
from models.portfolios import Portfolio
from services.checks import Checks
from services.errors import MistakeCode, refuse
from services.instruments import Path
from services.kept_values import KeptValues

CARRIED = timedelta(days=OLDEST)

MAX_PARTS = 20
ROUNDING = 1e-6
"""By so much weights may miss 1, as three thirds do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """An instrument and its weight, as somebody wrote them."""

    symbol: str
    weight: float


def checked_blend(
    parts: Sequence[Weighed], rebalanced: Interval | None, *, now: datetime, field: Path = ()
) -> Blend:
    """Return a blend of weights that sum to 1; raises RefusedError, naming what is wrong."""
    checks, path = Checks(now=now), (*field, "parts")
    if not 1 <= len(parts) <= MAX_PARTS:
        message = f"A blend is of 1 to {MAX_PARTS} instruments."
        raise refuse(MistakeCode.OUT_OF_RANGE, message, *path)
    weights: dict[str, float] = {}
    for place, part in enumerate(parts):
        symbol = checks.symbol(part.symbol, *path, str(place), "symbol")
        if symbol in weights:
            message = f"{symbol} is named twice."
            checks.note(MistakeCode.ALREADY_EXISTS, message, *path, str(place), "symbol")
        if not part.weight > 0:
            message = "A weight must be above 0."
            checks.note(MistakeCode.OUT_OF_RANGE, message, *path, str(place), "weight")
        weights[symbol] = part.weight
    whole = sum(part.weight for part in parts)
    if not abs(whole - 1) <= ROUNDING:
        message = f"The weights sum to {whole:.6g} and not to 1."
        checks.note(MistakeCode.INVALID, message, *path)
    checks.finish()
    return Blend(
        weights={symbol: weight / whole for symbol, weight in weights.items()},
        rebalanced=rebalanced,
    )


def own_blend(portfolio: Portfolio) -> Blend | None:
    """Return the benchmark of a portfolio."""
    kept = portfolio.benchmark
    if kept is None:
        return None
    rebalanced = kept["rebalanced"]
    return Blend(weights=kept["weights"], rebalanced=rebalanced and Interval(rebalanced))


def kept_blend(blend: Blend) -> dict[str, Any]:
    """Write a benchmark as a portfolio keeps it."""
    interval = blend.rebalanced
    return {"weights": dict(blend.weights), "rebalanced": interval and interval.value}


class PriceOnly(Enum):
    """Why a level has no dividends within."""

    ASKED_FOR = "ASKED_FOR"
    NO_DIVIDENDS = "NO_DIVIDENDS"
    NOT_TOLD = "NOT_TOLD"
    ADJUSTED_CLOSES = "ADJUSTED_CLOSES"
    OTHER_CURRENCY = "OTHER_CURRENCY"
    OTHER_PART = "OTHER_PART"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one unit of an instrument was worth day by day, as prices alone and with dividends.

    Where ``total`` has none of them within, ``reason`` says why. ``dividends`` are those of the
    days, as paid.
    """

    price: Series
    total: Series
    dividends: tuple[DividendEvent, ...] = ()
    reason: PriceOnly | None = None


@dataclass(frozen=True, slots=True)
class LevelKey:
    """Asks what one unit was worth in a currency on the days from first to last."""

    symbol: str
    currency: str
    first: date
    last: date

    @property
    def question(self) -> HistoryQuestion:
        """Return the prices it takes, as traded, so that dividends as paid go with them."""
        return HistoryQuestion(symbol=self.symbol, first=self.first - CARRIED, last=self.last)


async def levels_of(
    market: Market, kept: KeptValues, keys: Sequence[LevelKey], *, now: datetime
) -> dict[LevelKey, Level]:
    """Return what was asked for, today at the current price; nothing of what has no price."""
    questions = {key.question for key in keys}
    current = {key.symbol for key in keys if key.last == now.date()}
    closes, actions, quotes = await asyncio.gather(
        market.close_arrays(questions), market.actions(questions), market.quotes(current)
    )
    return {
        key: await _level(
            market,
            kept,
            key,
            _Known(found, actions.get(key.question), quotes if key.last == now.date() else {}),
        )
        for key in keys
        if (found := closes.get(key.question))
    }


@dataclass(frozen=True, slots=True)
class _Known:
    """What the market has of an instrument; quotes where it is wanted until today."""

    closes: Sequence[Closes]
    actions: Actions | None
    quotes: dict[str, Quote]


async def _level(market: Market, kept: KeptValues, key: LevelKey, known: _Known) -> Level:
    own = max(known.closes, key=lambda closes: int(closes.days[-1]))
    track, latest = Track(days=own.days, values=own.values), known.quotes.get(key.symbol)
    if (
        latest is not None
        and latest.currency == own.currency
        and latest.as_of.date() >= key.last - CARRIED
    ):
        track = track.until(key.last).followed_by(track_of([(key.last, latest.price)]))
    days = np.arange(key.first.toordinal(), key.last.toordinal() + 1, dtype=np.int64)
    actions = known.actions or Actions(whole=False)
    # What was adjusted has its splits within already.
    applied = () if own.adjusted else actions.splits
    splits = track_of((split.day, split.new / split.old) for split in applied)
    paid = [one for one in actions.dividends if key.first < one.ex_day <= key.last]
    reason = _price_only(own, actions, paid)
    level = Course(track, splits).over(days)
    rate = np.ones(len(days))
    if own.currency != key.currency:
        rates = await kept.rates.between(
            market, [own.currency], key.currency, first=key.first - CARRIED, last=key.last
        )
        rate = rates[own.currency].over(days).values
    bought = track_of((one.ex_day, one.amount) for one in paid if reason is None)
    price, total = (
        reinvested(days, level, splits=splits, dividends=dividends) * rate
        for dividends in (track_of(()), bought)
    )
    return Level(
        price=of_prices(days, price, fresh=level.fresh),
        total=of_prices(days, total, fresh=level.fresh),
        dividends=tuple(paid),
        reason=reason,
    )


def _price_only(own: Closes, actions: Actions, paid: Sequence[DividendEvent]) -> PriceOnly | None:
    """Return why dividends are left out, unless they are within."""
    if own.adjusted:
        return PriceOnly.ADJUSTED_CLOSES
    if not actions.whole:
        return PriceOnly.NOT_TOLD
    if any(one.currency != own.currency for one in paid):
        return PriceOnly.OTHER_CURRENCY
    return None if paid else PriceOnly.NO_DIVIDENDS
