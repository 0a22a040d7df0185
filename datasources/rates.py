"""Exchange rates out of published ones: two legs per euro of the same day make a cross rate.

Whoever has published rates, from whatever source, gives the days that may answer, newest first,
and a look-up of one currency's leg; the arithmetic and the rules are here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from models.market import EuroRate, Rate, RateQuestion

FIRST_DAY = date(1999, 1, 4)
"""The first day for which rates per euro were published."""

CARRY = timedelta(days=7)
"""How long a published rate stands for days without one; a longer gap is a suspension."""

DIVISION = Context(prec=28, rounding=ROUND_HALF_EVEN)

FIXED = {
    "SIT": (date(2007, 1, 1), Decimal("239.640")),
    "CYP": (date(2008, 1, 1), Decimal("0.585274")),
    "MTL": (date(2008, 1, 1), Decimal("0.429300")),
    "SKK": (date(2009, 1, 1), Decimal("30.1260")),
    "EEK": (date(2011, 1, 1), Decimal("15.6466")),
    "LVL": (date(2014, 1, 1), Decimal("0.702804")),
    "LTL": (date(2015, 1, 1), Decimal("3.45280")),
    "HRK": (date(2023, 1, 1), Decimal("7.53450")),
    "BGN": (date(2026, 1, 1), Decimal("1.95583")),
}
"""Currencies that joined the euro: since when, and the rate fixed for ever."""

FIXED_SOURCE = "ECB"

Look = Callable[[str, date], EuroRate | None]
"""Finds the rate of a currency published on exactly one day."""


def is_fixed(currency: str, day: date) -> bool:
    """Tell whether a currency needs no published rate on a day: the euro, or one it replaced."""
    return currency == "EUR" or (currency in FIXED and day >= FIXED[currency][0])


def days_back(day: date) -> Iterator[date]:
    """Yield a day and those before it whose rates may stand for it, newest first."""
    return (day - timedelta(days=back) for back in range(CARRY.days + 1))


def cross(question: RateQuestion, *, days: Iterable[date], look: Look) -> Rate | None:
    """Return the rate of the first of ``days`` that has both legs; null if none has."""
    for day in days:
        base = _leg(question.base, day, look)
        target = _leg(question.target, day, look)
        if base is not None and target is not None:
            legs = tuple(leg for leg in (base, target) if leg.currency != "EUR")
            return Rate(
                base=question.base,
                target=question.target,
                value=DIVISION.divide(target.value, base.value),
                day=day,
                source=(legs or (base,))[0].source,
                legs=legs,
            )
    return None


def crosses(
    base: str, target: str, *, legs: Mapping[str, Sequence[EuroRate]]
) -> list[tuple[date, Decimal]]:
    """Return the rates of the days on which both legs were published, oldest first."""
    published = [{leg.day: leg.value for leg in legs.get(one, ())} for one in (base, target)]
    found = []
    for day in sorted(published[0].keys() | published[1].keys()):
        whole, part = (
            known.get(day) if not is_fixed(currency, day) else _fixed(currency)
            for currency, known in zip((base, target), published, strict=True)
        )
        if whole is not None and part is not None:
            found.append((day, DIVISION.divide(part, whole)))
    return found


def _fixed(currency: str) -> Decimal:
    return Decimal(1) if currency == "EUR" else FIXED[currency][1]


def _leg(currency: str, day: date, look: Look) -> EuroRate | None:
    if is_fixed(currency, day):
        source = "identity" if currency == "EUR" else FIXED_SOURCE
        return EuroRate(currency=currency, day=day, value=_fixed(currency), source=source)
    return look(currency, day)
