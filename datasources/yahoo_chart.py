"""Yahoo's charts: days, splits and dividends, and the repair of what is often wrong in them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta, timezone, tzinfo
from decimal import Context, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from datasources.errors import BadPayloadError, InvalidRequestError
from datasources.http import price, seconds, word
from datasources.symbols import MINOR_UNITS, major_unit, suffix_of, venue_of
from models.market import Actions, Bar, DividendEvent, SplitEvent

SOURCE = "yahoo"

NOISY = 9
"""More digits than a price has: the rest of a binary fraction."""

DIGITS = 7
"""What a binary fraction of 32 bits keeps."""

PARTS = {major: int(1 / factor) for major, factor in MINOR_UNITS.values()}
"""Minor units to a major one, where prices come in either: by major currency."""

NEAR = Decimal("0.1")
"""How near to a split's ratio a jump must be for the days before to be unadjusted."""

Payload = Mapping[str, Any]


def plain(value: object) -> object:
    """Return a value that may be wrapped as ``{"raw": …, "fmt": …}``; null for ``{}``."""
    return value.get("raw") if isinstance(value, dict) else value


def amount(value: object, factor: Decimal = Decimal(1)) -> Decimal | None:
    """Read a price, rid of the noise of binary fractions, in major units; null for none.

    Not rounded to Yahoo's own number of decimals: that is for showing, and old prices adjusted for
    many splits would lose all their digits.
    """
    found = price(plain(value))
    if found is None:
        return None
    return _tidy(found) * factor


def _tidy(value: Decimal) -> Decimal:
    if len(value.as_tuple().digits) <= NOISY:
        return value
    return round(value, max(2, DIGITS - 1 - value.adjusted()))


def unit_of(currency: object, symbol: str) -> tuple[str, Decimal] | None:
    """Return the major currency of prices and the factor to it; null if that cannot be told.

    Without a currency a share is priced in its venue's, unless the venue has minor units too.
    """
    code = word(currency)
    if code is not None:
        found = major_unit(code)
        return found if len(found[0]) == 3 and found[0].isupper() else None
    venue = venue_of(symbol).currency
    if venue in PARTS or any(mark in symbol for mark in "^=-"):
        return None
    return venue, Decimal(1)


def chart_of(payload: Payload) -> Payload | None:
    """Return the chart in an answer; null for an unknown symbol and for days without any."""
    chart = payload["chart"]
    if chart.get("result"):
        found: Payload = chart["result"][0]
        return found
    problem = chart.get("error")
    if problem and problem.get("code") != "Not Found" and "Data doesn't" not in str(problem):
        raise InvalidRequestError(f"refused the question: {str(problem.get('code'))[:40]}")
    return None


def zone_of(meta: Payload) -> tzinfo:
    """Return the time zone whose days an exchange's days are."""
    try:
        return ZoneInfo(meta["exchangeTimezoneName"])
    except (KeyError, ValueError, TypeError, OSError):
        offset = meta.get("gmtoffset")
        return timezone(timedelta(seconds=offset)) if isinstance(offset, int) else UTC


def parse_bars(payload: Payload, *, symbol: str, first: date, last: date) -> list[Bar]:
    """Return the days from first to last, adjusted for splits; every repair needs its own proof."""
    chart = chart_of(payload)
    if chart is None:
        return []
    meta = chart["meta"]
    unit = unit_of(meta.get("currency"), symbol)
    if unit is None:
        return []
    if meta.get("dataGranularity", "1d") != "1d":
        raise BadPayloadError("not days, although days were asked for")
    zone = zone_of(meta)
    bars = _rows(chart, symbol=symbol, unit=unit, zone=zone)
    bars = _with_splits(bars, _splits(chart, symbol=symbol, zone=zone))
    bars = _in_one_unit(bars, PARTS.get(unit[0]))
    return [bar for bar in bars if first <= bar.day <= last]


def _rows(chart: Payload, *, symbol: str, unit: tuple[str, Decimal], zone: tzinfo) -> list[Bar]:
    stamps = chart.get("timestamp") or []
    columns = (chart["indicators"].get("quote") or [{}])[0] or {}
    empty = [None] * len(stamps)
    names = ("open", "high", "low", "close", "volume")
    rows = zip(stamps, *(columns.get(name) or empty for name in names), strict=True)
    currency, factor = unit
    by_day: dict[date, Bar] = {}
    # Out of order and repeated around changes of the clocks; a live price comes after its session's
    # own row.
    for stamp, opened, high, low, close, volume in sorted(rows, key=lambda row: seconds(row[0])):
        day = seconds(stamp).astimezone(zone).date()
        closed = amount(close, factor)
        if closed is not None and day not in by_day:
            by_day[day] = Bar(
                symbol=symbol,
                day=day,
                close=closed,
                currency=currency,
                source=SOURCE,
                open=amount(opened, factor),
                high=amount(high, factor),
                low=amount(low, factor),
                volume=price(volume),
                adjusted=True,
            )
    return list(by_day.values())


def _scaled(bar: Bar, factor: Decimal) -> Bar:
    return replace(
        bar,
        close=_tidy(bar.close * factor),
        open=bar.open and _tidy(bar.open * factor),
        high=bar.high and _tidy(bar.high * factor),
        low=bar.low and _tidy(bar.low * factor),
    )


def _with_splits(bars: list[Bar], splits: Sequence[SplitEvent]) -> list[Bar]:
    """Adjust the days before a split that Yahoo lists and has not applied, for hours, as a rule.

    They are unadjusted if the price jumps by about the ratio; an adjusted price does not.
    """
    for split in reversed(splits):
        place = next((at for at, bar in enumerate(bars) if bar.day >= split.day), 0)
        ratio = split.new / split.old
        if not place or Decimal("0.7") < ratio < Decimal("1.4"):
            continue
        jump = bars[place - 1].close / bars[place].close
        if abs(jump / ratio - 1) < NEAR:
            before = [
                replace(_scaled(bar, 1 / ratio), volume=bar.volume and bar.volume * ratio)
                for bar in bars[:place]
            ]
            bars = before + bars[place:]
    return bars


def _in_one_unit(bars: list[Bar], parts: int | None) -> list[Bar]:
    """Bring days in pence among days in pounds, or the reverse, to what most days are in."""
    if parts is None or not bars:
        return bars
    levels = [0]
    for before, bar in pairwise(bars):
        levels.append(levels[-1] + _step(bar.close / before.close, parts))
    usual = Counter(reversed(levels)).most_common(1)[0][0]
    return [
        _without_outliers(_scaled(bar, Decimal(parts) ** (usual - level)), parts)
        for bar, level in zip(bars, levels, strict=True)
    ]


def _step(ratio: Decimal, parts: int) -> int:
    """Return how many units up or down a ratio of prices is: beyond what any day could bring."""
    if parts / 2 <= ratio <= parts * 2:
        return 1
    return -1 if parts / 2 <= 1 / ratio <= parts * 2 else 0


def _without_outliers(bar: Bar, parts: int) -> Bar:
    def fitting(value: Decimal | None) -> Decimal | None:
        return None if value is None or _step(value / bar.close, parts) else value

    return replace(bar, open=fitting(bar.open), high=fitting(bar.high), low=fitting(bar.low))


def _events(chart: Payload, kind: str) -> Iterable[Payload]:
    found: Mapping[str, Payload] = (chart.get("events") or {}).get(kind) or {}
    return sorted(found.values(), key=lambda event: seconds(event["date"]))


def _splits(chart: Payload, *, symbol: str, zone: tzinfo) -> list[SplitEvent]:
    found = []
    for event in _events(chart, "splits"):
        new, old = price(event.get("numerator")), price(event.get("denominator"))
        if new is not None and old is not None:
            day = seconds(event["date"]).astimezone(zone).date()
            found.append(SplitEvent(symbol=symbol, day=day, new=new, old=old, source=SOURCE))
    return found


def parse_actions(payload: Payload, *, symbol: str, first: date, last: date) -> Actions:
    """Return splits and dividends of a chart that reaches to today.

    Yahoo adjusts dividends for the splits after them; here they are turned back into what was paid.
    """
    chart = chart_of(payload)
    if chart is None:
        return Actions()
    zone = zone_of(chart["meta"])
    splits = _splits(chart, symbol=symbol, zone=zone)
    dividends = []
    for event in _events(chart, "dividends"):
        day = seconds(event["date"]).astimezone(zone).date()
        unit = unit_of(event.get("currency") or chart["meta"].get("currency"), symbol)
        adjusted = price(event.get("amount"))
        if unit is None or adjusted is None:
            continue
        paid = _as_paid(adjusted, [split for split in splits if split.day > day])
        dividends.append(
            DividendEvent(
                symbol=symbol, ex_day=day, amount=paid * unit[1], currency=unit[0], source=SOURCE
            )
        )
    return Actions(
        splits=tuple(split for split in splits if first <= split.day <= last),
        dividends=tuple(one for one in dividends if first <= one.ex_day <= last),
    )


def _as_paid(adjusted: Decimal, splits: Sequence[SplitEvent]) -> Decimal:
    paid = adjusted
    for split in splits:
        paid = paid * split.new / split.old
    if not splits:
        return paid
    # No more digits than there were, or 0.094643 times 28 would be 2.650004 instead of 2.65.
    return Context(prec=max(4, len(adjusted.as_tuple().digits))).plus(paid)


def is_listed(symbol: str, text: str) -> bool:
    """Tell whether the venue of a vendor's symbol is one whose currency is known."""
    return "." not in text or suffix_of(symbol) is not None
