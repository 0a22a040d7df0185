"""Pure work on bars: splits applied or taken back, days that lack one, weeks and months."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from itertools import groupby

import numpy as np

from models.market import Bar, BarInterval, Closes, SplitEvent

ONE = Decimal(1)
DIVISION = Context(prec=28)
ASK_AGAIN = timedelta(days=1)
"""How long after a trading day was found to lack a bar it is asked for once more."""

RESTATED = Decimal("1.2")
"""A past close that changed by more than this factor was restated, not corrected."""


def restate(bars: Iterable[Bar], splits: Collection[SplitEvent], *, adjusted: bool) -> list[Bar]:
    """Return bars with the splits after their day applied, or taken back.

    Bars that are so already stay as they are. The splits must be all there were.
    """
    known = sorted(splits, key=lambda split: split.day)
    days = [split.day for split in known]
    ratios = [(ONE, ONE)]
    for split in reversed(known):
        new, old = ratios[-1]
        ratios.append((new * split.new, old * split.old))
    ratios.reverse()
    found = []
    for bar in bars:
        if bar.adjusted is adjusted:
            found.append(bar)
            continue
        new, old = ratios[bisect_right(days, bar.day)]
        times, over = (old, new) if adjusted else (new, old)
        found.append(
            replace(
                bar,
                close=_scaled(bar.close, times, over) or bar.close,
                open=_scaled(bar.open, times, over),
                high=_scaled(bar.high, times, over),
                low=_scaled(bar.low, times, over),
                volume=_scaled(bar.volume, over, times),
                adjusted=adjusted,
            )
        )
    return found


def restate_closes(closes: Closes, splits: Collection[SplitEvent], *, adjusted: bool) -> Closes:
    """Apply the splits after their day to closes, or take them back, as ``restate`` does."""
    known = sorted(splits, key=lambda split: split.day)
    factors = [1.0]
    for split in reversed(known):
        factors.append(factors[-1] * float(split.new / split.old))
    days = np.array([split.day.toordinal() for split in known], dtype=np.int64)
    later = np.array(factors[::-1])[np.searchsorted(days, closes.days, side="right")]
    values = closes.values / later if adjusted else closes.values * later
    return replace(closes, values=values, adjusted=adjusted)


def closes_of(bars: Iterable[Bar]) -> list[Closes]:
    """Return the closes of bars, given oldest first, apart by currency."""
    by_currency: dict[str, list[Bar]] = {}
    for bar in bars:
        by_currency.setdefault(bar.currency, []).append(bar)
    return [
        Closes(
            currency=currency,
            days=np.array([bar.day.toordinal() for bar in some], dtype=np.int64),
            values=np.array([float(bar.close) for bar in some]),
            adjusted=any(bar.adjusted for bar in some),
        )
        for currency, some in by_currency.items()
    ]


def cut(closes: Closes, first: date, last: date) -> Closes:
    """Return the closes from a day to a day."""
    begin = int(np.searchsorted(closes.days, first.toordinal()))
    end = int(np.searchsorted(closes.days, last.toordinal(), side="right"))
    return replace(closes, days=closes.days[begin:end], values=closes.values[begin:end])


def _scaled(value: Decimal | None, times: Decimal, over: Decimal) -> Decimal | None:
    if value is None or times == over:
        return value
    return DIVISION.divide(value * times, over)


def was_restated(before: Iterable[Bar], after: Iterable[Bar], *, until: date) -> bool:
    """Tell whether days before ``until`` have closes now that no correction explains."""
    closes = {bar.day: bar.close for bar in before if bar.day < until}
    return any(
        bar.close > closes[bar.day] * RESTATED or closes[bar.day] > bar.close * RESTATED
        for bar in after
        if bar.day in closes
    )


def settle_gaps(
    known: Mapping[date, datetime],
    *,
    empty: Iterable[date],
    days: Collection[date],
    now: datetime,
) -> tuple[set[date], dict[date, datetime]]:
    """Return which gaps are confirmed now, and those that stay with the moment they were seen.

    ``empty`` are trading days just asked for in vain, ``days`` those that came.
    """
    asked = set(empty)
    confirmed = {day for day, at in known.items() if day in asked and now - at >= ASK_AGAIN}
    gaps = dict.fromkeys(asked, now) | dict(known)
    return confirmed, {
        day: at for day, at in gaps.items() if day not in confirmed and day not in days
    }


def aggregate(bars: Sequence[Bar], interval: BarInterval) -> list[Bar]:
    """Join days, oldest first, to weeks from Monday or to months, dated by their first bar.

    What is not known of every day is null, and so prices of two currencies are never joined.
    """
    if interval is BarInterval.DAY:
        return list(bars)

    def period(bar: Bar) -> tuple[tuple[int, ...], str]:
        weekly = interval is BarInterval.WEEK
        place = bar.day.isocalendar()[:2] if weekly else (bar.day.year, bar.day.month)
        return place, bar.currency

    return [_joined(list(some)) for _, some in groupby(bars, key=period)]


def _joined(bars: Sequence[Bar]) -> Bar:
    highs = [bar.high for bar in bars if bar.high is not None]
    lows = [bar.low for bar in bars if bar.low is not None]
    volumes = [bar.volume for bar in bars if bar.volume is not None]
    return replace(
        bars[0],
        close=bars[-1].close,
        high=max(highs) if len(highs) == len(bars) else None,
        low=min(lows) if len(lows) == len(bars) else None,
        volume=sum(volumes, Decimal(0)) if len(volumes) == len(bars) else None,
        adjusted=bars[-1].adjusted,
    )
