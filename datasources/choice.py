"""Which of several stored series of a symbol answers, and which one grows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from datasources.fetching import TradingDays
from models.market import Series

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Days from first to last, both included."""

    first: date
    last: date


class Choice:
    """Knows the order of the sources; series of others were loaded or are of former ones."""

    def __init__(self, *, sources: Sequence[str], trading_days: TradingDays) -> None:
        self._ranks = {name: place for place, name in enumerate(sources)}
        self._trading_days = trading_days

    def days(self, series: Series, first: date, last: date) -> Sequence[date]:
        """Return the trading days of a series' market; none when last is before first."""
        return self._trading_days(series.key.symbol, first, last) if first <= last else ()

    def home(self, known: Collection[Series]) -> Series | None:
        """Return the series that is extended: of the source that is asked first."""
        return min(
            (one for one in known if one.key.source in self._ranks),
            key=lambda one: (self._ranks[one.key.source], one.first),
            default=None,
        )

    def enough(self, known: Collection[Series], span: Span, *, adjusted: bool) -> bool:
        """Tell whether a series that no source extends has all that is wanted."""
        return any(
            self._covers(one, span) and not self._aside(one, adjusted=adjusted)
            for one in known
            if one.key.source not in self._ranks
        )

    def best(self, known: Sequence[Series], span: Span, *, adjusted: bool) -> Series:
        """Return the series that answers: it has most of the days, and is as asked if one is."""

        def worth(series: Series) -> tuple[bool, bool, int, bool, int]:
            covers = self._covers(series, span)
            overlap = (min(series.last, span.last) - max(series.first, span.first)).days
            return (
                self._aside(series, adjusted=adjusted),
                not covers,
                0 if covers else -overlap,
                series.key.adjusted is not adjusted,
                self._ranks.get(series.key.source, len(self._ranks)),
            )

        return known[0] if len(known) == 1 else min(known, key=worth)

    def _covers(self, series: Series, span: Span) -> bool:
        return not (
            self.days(series, span.first, series.first - DAY)
            or self.days(series, series.last + DAY, span.last)
        )

    def _aside(self, series: Series, *, adjusted: bool) -> bool:
        """Tell whether a series is of no use while there is another.

        What was loaded as adjusted may have dividends applied too: no price of that day.
        """
        return not adjusted and series.key.adjusted and series.key.source not in self._ranks
