"""What was quoted on some days (closes, exchange rates), carried forward over the days between."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from analytics.series import Days, Flags, Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """Values by day, as ordinals that ascend."""

    days: Days
    values: Floats


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
