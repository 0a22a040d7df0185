"""Real closes for tests: 20 stocks and the S&P 500 index, 2020 to 2022."""

import csv
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

from analytics.series import Returns
from analytics.tracks import Track

FILE = Path(__file__).parent / "samples" / "prices" / "sp500-2020-2022.csv"


@cache
def closes() -> dict[str, Track]:
    """Return the closes by symbol."""
    with FILE.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    days = np.array([date.fromisoformat(row["Date"]).toordinal() for row in rows])
    return {
        name: Track(days=days, values=np.array([float(row[name]) for row in rows]))
        for name in rows[0]
        if name != "Date"
    }


def daily_returns(symbol: str) -> Returns:
    """Return the returns of a symbol from close to close."""
    track = closes()[symbol]
    return Returns(days=track.days[1:], values=track.values[1:] / track.values[:-1] - 1)
