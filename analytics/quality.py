"""Finds what looks wrong in a ledger: each finding says what it spoils and how to repair it.

Nothing here is proof: a price that halves overnight may be a crash. A missing price is no finding.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import pairwise

from analytics.money import ONE, UNIT_PRICE_PLACES, exact, plain, round_to, total


class Severity(Enum):
    """How much a finding matters, worst first."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


class Code(Enum):
    """What was found."""

    MISSING_ACQUISITION = "MISSING_ACQUISITION"
    FUTURE_DATE = "FUTURE_DATE"
    PRICE_OFF_BY_100 = "PRICE_OFF_BY_100"
    QUOTE_CURRENCY_MISMATCH = "QUOTE_CURRENCY_MISMATCH"
    SPLIT_NOT_BOOKED = "SPLIT_NOT_BOOKED"
    PRICE_OFF_BY_SPLIT = "PRICE_OFF_BY_SPLIT"
    DUPLICATE = "DUPLICATE"
    ENTRY_CURRENCY_MISMATCH = "ENTRY_CURRENCY_MISMATCH"


SPLIT_RATIOS = tuple(
    ratio
    for new, old in [(3, 2), *((n, 1) for n in (2, 3, 4, 5, 7, 8, 10, 15, 20, 25, 30, 50, 100))]
    for ratio in ((Decimal(new), Decimal(old)), (Decimal(old), Decimal(new)))
)
"""New and old units of splits as companies make them, and of their reverse."""

SPLIT_TOLERANCE = Decimal("0.05")
"""How far off a ratio may be, for what the market did that day; wider ones would overlap."""

CALM = (Decimal("0.7"), Decimal("1.425"))
"""Between these no ratio is like a split: 2:3 and 3:2, each 5 % nearer to one."""

HUNDRED = Decimal(100)
HUNDRED_TOLERANCE = Decimal("0.2")
"""No other ratio is near a hundred, so the day's swing can be as wide as it likes."""

NEAR = timedelta(days=5)
"""How far the day of a booked corporate action may be from the day the price jumped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The instrument that a finding is about."""

    id: int
    symbol: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A trade as booked, with the price of one unit in ``currency``."""

    id: int
    at: datetime
    quantity: Decimal
    price: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The close of a day; ``adjusted`` for all later splits, or as it was traded."""

    day: date
    price: Decimal
    currency: str
    adjusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A corporate action that changes the price of a unit; other actions than splits have 1:1."""

    day: date
    new: Decimal = ONE
    old: Decimal = ONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One entry by what makes it alike to others: kind, instrument, day, units and money."""

    id: int
    external_id: str | None
    content: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A mutation that would repair a finding, with what of its input is known.

    ``entry_id`` is the entry it corrects; without one it books into the portfolio.
    """

    mutation: str
    entry_id: int | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that looks wrong; ``affects`` are the figures it spoils, by field name."""

    code: Code
    severity: Severity
    message: str
    affects: tuple[str, ...]
    instrument_id: int | None = None
    entry_ids: tuple[int, ...] = ()
    missing: Decimal | None = None
    repair: Repair | None = None


_SEVERITIES = list(Severity)
_CODES = list(Code)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort by severity, then by kind; within a kind the order stays."""
    return sorted(
        findings, key=lambda one: (_SEVERITIES.index(one.severity), _CODES.index(one.code))
    )


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def missing_acquisition(
    subject: Subject, lacks: Sequence[tuple[int, datetime, Decimal]]
) -> Finding:
    """Tell of units that were taken and never came: entry, time and missing units of each."""
    missing = total(units for _, _, units in lacks)
    first = min(at for _, at, _ in lacks)
    return Finding(
        code=Code.MISSING_ACQUISITION,
        severity=Severity.ERROR,
        message=f"{plain(missing)} units of {subject.symbol} were sold or moved out without "
        "having been acquired: book how they came in, and what they had cost.",
        affects=("realizedGain", "totalGain", "totalReturn", "statement", "performance", "risk"),
        instrument_id=subject.id,
        entry_ids=tuple(entry_id for entry_id, _, _ in lacks),
        missing=missing,
        repair=Repair(
            mutation="recordDelivery",
            arguments={
                "direction": "IN",
                "symbol": subject.symbol,
                "quantity": plain(missing),
                "occurredAt": _moment(first.date()),
            },
        ),
    )


def future_dates(
    entries: Iterable[tuple[int, int | None, datetime]], *, latest: datetime
) -> list[Finding]:
    """Find entries, by id, instrument and time, of later than a moment."""
    return [
        Finding(
            code=Code.FUTURE_DATE,
            severity=Severity.ERROR,
            message=f"An entry is dated {at.date()}, which is yet to come, and counts already.",
            affects=("cash", "value", "statement"),
            instrument_id=instrument_id,
            entry_ids=(entry_id,),
            repair=Repair(mutation="updateTransaction", entry_id=entry_id),
        )
        for entry_id, instrument_id, at in entries
        if at > latest
    ]


def duplicates(copies: Iterable[Copy], instrument_of: Mapping[int, int | None]) -> list[Finding]:
    """Find entries of the same content; ``instrument_of`` has their instruments by id."""
    groups: dict[tuple[object, ...], list[Copy]] = {}
    for copy in copies:
        groups.setdefault(copy.content, []).append(copy)
    found = []
    for group in groups.values():
        if len(group) < 2:
            continue
        # Two ids of another system are two bookings there: fills of one order look alike.
        told_apart = all(copy.external_id is not None for copy in group)
        ids = tuple(sorted(copy.id for copy in group))
        found.append(
            Finding(
                code=Code.DUPLICATE,
                severity=Severity.INFO if told_apart else Severity.WARNING,
                message=f"{len(group)} entries of the same day have the same kind, units and "
                "money: one may have been booked twice.",
                affects=("cash", "quantity", "value", "realizedGain"),
                instrument_id=instrument_of[ids[0]],
                entry_ids=ids,
                repair=Repair(mutation="voidTransaction", entry_id=ids[-1]),
            )
        )
    return found


def entry_currencies(subject: Subject, deals: Iterable[Deal]) -> list[Finding]:
    """Find trades in another currency than the instrument's, which may be meant."""
    groups: dict[str, list[Deal]] = {}
    for deal in deals:
        if deal.currency != subject.currency:
            groups.setdefault(deal.currency, []).append(deal)
    return [
        Finding(
            code=Code.ENTRY_CURRENCY_MISMATCH,
            severity=Severity.INFO,
            message=f"{subject.symbol} trades in {subject.currency}, but was booked in "
            f"{currency}: right if that is what was paid.",
            affects=("cash", "costBasis", "realizedGain", "unrealizedGain"),
            instrument_id=subject.id,
            entry_ids=tuple(deal.id for deal in group),
            repair=Repair(
                mutation="updateTransaction",
                entry_id=group[0].id,
                arguments={"currency": subject.currency},
            ),
        )
        for currency, group in groups.items()
    ]


def quote_currency(subject: Subject, currency: str) -> list[Finding]:
    """Find a price in another currency than the instrument's: it cannot value it."""
    if currency == subject.currency:
        return []
    return [
        Finding(
            code=Code.QUOTE_CURRENCY_MISMATCH,
            severity=Severity.ERROR,
            message=f"{subject.symbol} is kept in {subject.currency}, but its source quotes it in "
            f"{currency}: such a price is not used.",
            affects=("marketValue", "value", "unrealizedGain", "statement"),
            instrument_id=subject.id,
        )
    ]


@exact
def split_like(ratio: Decimal) -> tuple[Decimal, Decimal] | None:
    """Return new and old units of the split that makes so many units of one; null for none."""
    if CALM[0] < ratio < CALM[1]:
        return None
    for new, old in SPLIT_RATIOS:
        if abs(ratio * old / new - ONE) <= SPLIT_TOLERANCE:
            return new, old
    return None


@exact
def _hundredfold(ratio: Decimal) -> Decimal | None:
    """Return the factor a price is off by if that is a hundred or a hundredth."""
    for factor in (HUNDRED, ONE / HUNDRED):
        if abs(ratio / factor - ONE) <= HUNDRED_TOLERANCE:
            return factor
    return None


@exact
def _later(splits: Iterable[Split], day: date) -> Decimal:
    """Return what one unit of a day has become by the splits booked after it."""
    units = ONE
    for split in splits:
        if split.day > day:
            units = units * split.new / split.old
    return units


@exact
def unbooked_splits(
    subject: Subject,
    closes: Sequence[Close],
    *,
    held: Callable[[date], Decimal],
    splits: Sequence[Split],
) -> list[Finding]:
    """Find closes, oldest first, that jump from one day to the next as a split makes them.

    ``held`` tells the units at the end of a day.
    """
    found = []
    for before, after in pairwise(closes):
        ratio = split_like(before.price / after.price)
        if ratio is None or not held(before.day):
            continue
        if any(abs(split.day - after.day) <= NEAR for split in splits):
            continue
        new, old = (plain(units) for units in ratio)
        found.append(
            Finding(
                code=Code.SPLIT_NOT_BOOKED,
                severity=Severity.WARNING,
                message=f"{subject.symbol} closed at {plain(before.price)} on {before.day} and at "
                f"{plain(after.price)} on {after.day}, as after a split of {new} for {old}; none "
                "is booked.",
                affects=("quantity", "averageCost", "marketValue", "value", "unrealizedGain"),
                instrument_id=subject.id,
                repair=Repair(
                    mutation="recordCorporateAction",
                    arguments={
                        "kind": "SPLIT",
                        "symbol": subject.symbol,
                        "newUnits": new,
                        "oldUnits": old,
                        "occurredAt": _moment(after.day),
                    },
                ),
            )
        )
    return found


@exact
def prices_off(
    subject: Subject,
    deals: Iterable[Deal],
    *,
    closes: Mapping[date, Close],
    splits: Sequence[Split],
) -> list[Finding]:
    """Find trades whose price is not the market's of their day, but a telling multiple of it."""
    found = []
    for deal in deals:
        close = closes.get(deal.at.date())
        if close is None or close.currency != deal.currency or not deal.price:
            continue
        traded = close.price * (_later(splits, close.day) if close.adjusted else ONE)
        factor = _hundredfold(deal.price / traded)
        if factor is not None:
            found.append(_off_by_hundred(subject, deal, traded=traded, factor=factor))
            continue
        ratio = split_like(deal.price / traded)
        if ratio is not None:
            found.append(_off_by_split(subject, deal, close=close, traded=traded, ratio=ratio))
    return found


_COSTS = ("cash", "costBasis", "realizedGain", "unrealizedGain", "value")


def _off_by_hundred(subject: Subject, deal: Deal, *, traded: Decimal, factor: Decimal) -> Finding:
    word = "a hundred times" if factor > ONE else "a hundredth of"
    return Finding(
        code=Code.PRICE_OFF_BY_100,
        severity=Severity.ERROR,
        message=f"{subject.symbol} was booked at {plain(deal.price)} on {deal.at.date()}, about "
        f"{word} its close of {_price(traded)}: pence or cents may have been read as whole units.",
        affects=_COSTS,
        instrument_id=subject.id,
        entry_ids=(deal.id,),
        repair=Repair(
            mutation="updateTransaction",
            entry_id=deal.id,
            arguments={"price": plain(round_to(deal.price / factor, UNIT_PRICE_PLACES))},
        ),
    )


def _off_by_split(
    subject: Subject,
    deal: Deal,
    *,
    close: Close,
    traded: Decimal,
    ratio: tuple[Decimal, Decimal],
) -> Finding:
    """Tell of a split unbooked (closes adjusted for it), or booked into the trade itself."""
    new, old = ratio
    if close.adjusted:
        repair = Repair(
            mutation="recordCorporateAction",
            arguments={
                "kind": "SPLIT",
                "symbol": subject.symbol,
                "newUnits": plain(new),
                "oldUnits": plain(old),
            },
        )
    else:
        repair = Repair(
            mutation="updateTransaction",
            entry_id=deal.id,
            arguments={
                "quantity": plain(round_to(deal.quantity * new / old, UNIT_PRICE_PLACES)),
                "price": plain(round_to(deal.price * old / new, UNIT_PRICE_PLACES)),
            },
        )
    return Finding(
        code=Code.PRICE_OFF_BY_SPLIT,
        severity=Severity.WARNING,
        message=f"{subject.symbol} was booked at {plain(deal.price)} on {deal.at.date()}, about "
        f"{plain(new)}/{plain(old)} of its close of {_price(traded)}: a split after that day is "
        "not booked, or prices and units were adjusted for one.",
        affects=("quantity", *_COSTS),
        instrument_id=subject.id,
        entry_ids=(deal.id,),
        repair=repair,
    )


def _price(traded: Decimal) -> str:
    return plain(round_to(traded, UNIT_PRICE_PLACES))
