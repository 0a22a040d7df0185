"""What is kept of stretches of days: from the first to the last of them all that there is."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

import numpy as np

from analytics.tracks import Track

V = TypeVar("V")
W = TypeVar("W")

GOOD_FOR = timedelta(minutes=10)
"""How long what is known of past days is taken for all there is."""

SOON = timedelta(seconds=30)
"""How long what was not found is not looked for again."""

MOST_TRACKS = 2_000
"""So many stretches of a kind are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch(Generic[V, W]):
    """Something known from a first to a last day, its version, and until when it is all."""

    first: date
    last: date
    until: datetime
    value: V
    version: W


def good_until(now: datetime, *, whole: bool) -> datetime:
    """Return until when something read now is good: what lacks something, not for long."""
    return now + (GOOD_FOR if whole else SOON)


def covers(kept: Stretch[V, W] | None, first: date, last: date) -> bool:
    """Tell whether all of some days is known."""
    return kept is not None and kept.first <= first and kept.last >= last


def trim(
    kept: OrderedDict[tuple[str, str], Stretch[V, W]], used: Iterable[tuple[str, str]]
) -> None:
    """Let go of what was not used for the longest, if there is too much."""
    for key in used:
        if key in kept:
            kept.move_to_end(key)
    while len(kept) > MOST_TRACKS:
        kept.popitem(last=False)


def alike(one: Track | None, other: Track | None) -> bool:
    """Tell whether two tracks have the same days and values."""
    if one is None or other is None:
        return one is other
    return np.array_equal(one.days, other.days) and np.array_equal(one.values, other.values)
