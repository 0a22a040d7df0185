"""What was quoted on some days (closes, exchange rates), carried forward over the days between."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import numpy as np

from analytics.series import Days, Flags, Floats

OLDEST = 10
"""For so many days a price or a rate is good where there is no newer one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """Values by day, as ordinals that ascend."""

    days: Days
    values: Floats

    def until(self, day: date) -> "Track":
        """Return what it was before a day."""
        end = int(np.searchsorted(self.days, day.toordinal()))
        return Track(days=self.days[:end], values=self.values[:end])

    def followed_by(self, later: "Track") -> "Track":
        """Return both, of days that come after each other."""
        return Track(
            days=np.concatenate([self.days, later.days]),
            values=np.concatenate([self.values, later.values]),
        )

    def overlaid(self, other: "Track") -> "Track":
        """Return both; on days of both the other's values."""
        kept = ~np.isin(self.days, other.days, assume_unique=True)
        days = np.concatenate([self.days[kept], other.days])
        values = np.concatenate([self.values[kept], other.values])
        order = np.argsort(days)
        return Track(days=days[order], values=values[order])


def track_of(quoted: Iterable[tuple[date, Decimal | float]]) -> Track:
    """Build a track of pairs that come in the order of their days."""
    pairs = list(quoted)
    return Track(
        days=np.array([day.toordinal() for day, _ in pairs], dtype=np.int64),
        values=np.array([float(value) for _, value in pairs]),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Carried:
    """The last value on or before each day; NaN before the first and when it is too old."""

    values: Floats
    fresh: Flags


def carry(track: Track, days: Days, *, oldest: int, splits: Track | None = None) -> Carried:
    """Carry values forward, for so many days at most, and never backward.

    ``splits`` has units after for one before, by the day they count from: a price of before a
    split is for as many units as it became.
    """
    if not len(track.days):
        return Carried(values=np.full(len(days), np.nan), fresh=np.zeros(len(days), dtype=bool))
    places = np.searchsorted(track.days, days, side="right") - 1
    age = days - track.days[places]
    known = (places >= 0) & (age <= oldest)
    values = np.where(known, track.values[places], np.nan)
    if splits is not None and len(splits.days):
        became = np.concatenate([[1.0], np.cumprod(splits.values)])
        quoted = np.searchsorted(splits.days, track.days[places], side="right")
        values = values * became[quoted] / became[np.searchsorted(splits.days, days, side="right")]
    return Carried(values=values, fresh=known & (age == 0))


def reinvested(days: Days, level: Carried, *, splits: Track, dividends: Track) -> Floats:
    """Return what one unit, held since the first of days without holes, is worth on each of them.

    It becomes more units by splits, and what each unit pays buys more of them at the close of its
    ex-day, or at the next close there is: until then the price is one of before the ex-day, with
    the dividend within. Prices and dividends are those of a unit of their day.
    """
    prices, begin = level.values, int(np.argmin(np.isnan(level.values)))
    closes = np.flatnonzero(level.fresh)
    ratios, bought = np.ones(len(days)), np.zeros(len(days))
    for day, ratio in zip(splits.days - days[0], splits.values, strict=True):
        if 0 < day < len(days):
            ratios[day] *= ratio
    became = np.cumprod(ratios)
    for day, paid in zip(dividends.days - days[0], dividends.values, strict=True):
        place = int(np.searchsorted(closes, day))
        if day > begin and place < len(closes):
            close = closes[place]
            bought[close] += paid * became[day] / (became[close] * prices[close])
    return became * np.cumprod(1 + bought) * prices


@dataclass(slots=True, eq=False)
class Course:
    """A track carried forward, worked out once for all who ask, whatever days they ask for."""

    track: Track
    splits: Track | None = None
    _carried: Carried | None = field(default=None, init=False)

    def day_of(self, day: int) -> int | None:
        """Return the day that what counts on a day is of; null where nothing does."""
        place = int(np.searchsorted(self.track.days, day, side="right")) - 1
        found = int(self.track.days[place]) if place >= 0 else None
        return found if found is not None and day - found <= OLDEST else None

    def over(self, days: Days) -> Carried:
        """Return what it is on days without holes."""
        begin = int(self.track.days[0]) if len(self.track.days) else int(days[-1]) + 1
        start, stop = int(days[0]) - begin, int(days[-1]) + 1 - begin
        whole = self._carried  # threads may ask for different days at once
        if whole is None or len(whole.values) < stop:
            known = np.arange(begin, begin + max(stop, 0), dtype=np.int64)
            whole = carry(self.track, known, oldest=OLDEST, splits=self.splits)
            self._carried = whole
        if start >= 0:
            return Carried(values=whole.values[start:stop], fresh=whole.fresh[start:stop])
        before, stop = min(-start, len(days)), max(stop, 0)
        return Carried(
            values=np.concatenate([np.full(before, np.nan), whole.values[:stop]]),
            fresh=np.concatenate([np.zeros(before, dtype=bool), whole.fresh[:stop]]),
        )
