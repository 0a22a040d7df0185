"""When markets trade: sessions, trading days and closes, by the market a symbol belongs to.

Holidays and half days come from the ``holidays`` package. Where it does not know an exchange, or
only estimates a day, the day counts as a trading day: a price that is asked for in vain costs
little, one that is not asked for is wrong.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from holidays import HALF_DAY, financial_holidays

from datasources.hours import ALWAYS, CURRENCIES, HOURS, INDICES, Hours
from datasources.symbols import COIN, PAIR, venue_of

DAY = timedelta(days=1)
SETTLING = timedelta(hours=4)
"""How long after a close vendors still mend the bar of the day."""

MARGIN = 31 * DAY
"""How far a year's table reaches into its neighbours: no market is closed for longer."""


@dataclass(frozen=True, slots=True)
class Session:
    """Whether a market trades at a moment, and when that changes.

    Open: ``opened_at`` and ``closes_at`` are around the moment. Closed, over lunch too:
    ``closed_at`` is when trading last ended and ``opens_at`` when it goes on. All are null for a
    market that never closes.
    """

    is_open: bool
    opened_at: datetime | None = None
    closes_at: datetime | None = None
    closed_at: datetime | None = None
    opens_at: datetime | None = None


_ALWAYS_OPEN = Session(is_open=True)


@dataclass(frozen=True, slots=True)
class _Year:
    """A market's times around a year, in order: trading, and the closes of its days."""

    opens: tuple[datetime, ...]
    closes: tuple[datetime, ...]
    days: tuple[date, ...]
    day_closes: tuple[datetime, ...]


@lru_cache(maxsize=50_000)
def market_of(symbol: str) -> str:
    """Return the market of a canonical symbol: the MIC of an exchange, or one that none holds.

    An index made of prices from we know not where may move at any time.
    """
    if symbol.startswith("^"):
        return INDICES.get(symbol, ALWAYS)
    if PAIR.fullmatch(symbol):
        return CURRENCIES
    if COIN.fullmatch(symbol):
        return ALWAYS
    return venue_of(symbol).mic


def _hours_on(market: str, day: date) -> Hours:
    return next(hours for hours in reversed(HOURS[market]) if hours.since <= day)


@lru_cache(maxsize=1024)
def _closed_days(calendar: str, year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Return the holidays and the half days of a year."""
    public = financial_holidays(calendar, years=year)
    half: frozenset[date] = frozenset()
    if HALF_DAY in public.supported_categories:
        half = frozenset(financial_holidays(calendar, years=year, categories=(HALF_DAY,)))
    return frozenset(day for day, name in public.items() if "(estimated)" not in name), half


def _is_trading_day(hours: Hours, day: date) -> bool:
    if day.weekday() not in hours.week:
        return False
    return hours.calendar is None or day not in _closed_days(hours.calendar, day.year)[0]


def _ends_year(market: str, day: date) -> bool:
    later = (day + number * DAY for number in range(1, 32 - day.day))
    return day.month == 12 and not any(
        _is_trading_day(_hours_on(market, one), one) for one in later
    )


def _times(market: str, day: date) -> list[tuple[datetime, datetime]]:
    """Return from when to when a market trades on one of its trading days."""
    hours = _hours_on(market, day)
    zone = ZoneInfo(hours.zone)
    closes = hours.ends.get(day.weekday(), hours.closes)
    is_half = hours.calendar is not None and day in _closed_days(hours.calendar, day.year)[1]
    if hours.half is not None and (is_half or (hours.year_end and _ends_year(market, day))):
        closes = hours.half

    def moment(text: str, on: date) -> datetime:
        return datetime.combine(on, time.fromisoformat(text), zone).astimezone(UTC)

    first, last = moment(hours.opens, day - DAY if hours.eve else day), moment(closes, day)
    if hours.lunch is None:
        return [(first, last)]
    lunch, back = (moment(text, day) for text in hours.lunch)
    return [(first, lunch), (back, last)] if back < last else [(first, min(lunch, last))]


@lru_cache(maxsize=512)
def _year(market: str, year: int) -> _Year:
    opens: list[datetime] = []
    closes: list[datetime] = []
    days: list[date] = []
    day_closes: list[datetime] = []
    day = date(year, 1, 1) - MARGIN
    while day < date(year + 1, 1, 1) + MARGIN:
        if _is_trading_day(_hours_on(market, day), day):
            for begin, end in _times(market, day):
                if closes and begin == closes[-1]:
                    closes[-1] = end  # it goes on without a break
                else:
                    opens.append(begin)
                    closes.append(end)
            days.append(day)
            day_closes.append(closes[-1])
        day += DAY
    return _Year(tuple(opens), tuple(closes), tuple(days), tuple(day_closes))


def session_of(symbol: str, now: datetime) -> Session:
    """Tell whether a symbol's market trades at a moment."""
    market = market_of(symbol)
    if market == ALWAYS:
        return _ALWAYS_OPEN
    year = _year(market, now.year)
    place = bisect_right(year.opens, now) - 1
    if now < year.closes[place]:
        return Session(is_open=True, opened_at=year.opens[place], closes_at=year.closes[place])
    return Session(is_open=False, closed_at=year.closes[place], opens_at=year.opens[place + 1])


def local_day(symbol: str, moment: datetime) -> date:
    """Return the day that a moment belongs to at a symbol's market, be it a trading day or not."""
    market = market_of(symbol)
    if market == ALWAYS:
        return moment.astimezone(UTC).date()
    hours = HOURS[market][-1]
    there = moment.astimezone(ZoneInfo(hours.zone))
    if hours.eve and there.time() >= time.fromisoformat(hours.opens):
        return there.date() + DAY
    return there.date()


def last_close(symbol: str, now: datetime) -> datetime:
    """Return when the last trading day that is over ended; a market that never closes: midnight."""
    market = market_of(symbol)
    if market == ALWAYS:
        return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    year = _year(market, now.year)
    return year.day_closes[bisect_right(year.day_closes, now) - 1]


def last_finished_day(symbol: str, now: datetime) -> date:
    """Return the last day whose bar is final."""
    return local_day(symbol, last_close(symbol, now - SETTLING) - timedelta(seconds=1))


def trading_days(symbol: str, first: date, last: date) -> list[date]:
    """Return the days from first to last, both included, on which a symbol's market trades."""
    return list(_trading_days(market_of(symbol), first, last))


def _trading_days(market: str, first: date, last: date) -> Iterator[date]:
    if market == ALWAYS:
        for number in range((last - first).days + 1):
            yield first + number * DAY
        return
    for number in range(first.year, last.year + 1):
        days = _year(market, number).days
        begin, end = max(first, date(number, 1, 1)), min(last, date(number, 12, 31))
        yield from days[bisect_left(days, begin) : bisect_right(days, end)]
