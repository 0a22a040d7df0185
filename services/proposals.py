"""Finds splits and dividends that the market knows of and a ledger does not have.

Nothing is booked: a proposal is what somebody may want to book.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from analytics.money import exact, plain
from analytics.quality import NEAR
from models.corporate_actions import ActionKind, DismissedProposal
from models.database import insert_missing
from models.drafts import Draft
from models.instruments import Instrument
from models.market import Actions, DividendEvent, SplitEvent
from models.transactions import Kind, Transaction
from services.quality import Holdings

DAY = timedelta(days=1)
LATE = timedelta(days=30)
"""How long after its pay day a dividend may be booked and still be that one."""

_PAID = frozenset({Kind.DIVIDEND.value, Kind.DIVIDEND_REINVESTED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A split with its ratio, or a dividend with what it comes to, that a ledger may lack.

    ``day`` is the split's or the ex-day, ``units`` were held at the end of the day before.
    """

    key: str
    kind: ActionKind
    instrument: Instrument
    day: date
    booked_on: date
    units: Decimal
    source: str
    ratio_new: Decimal | None = None
    ratio_old: Decimal | None = None
    per_unit: Decimal | None = None
    gross: Decimal | None = None
    currency: str | None = None

    def draft(self) -> Draft:
        """Return the booking; its external id makes that it can be booked once only."""
        return Draft(
            kind=Kind(self.kind.value),
            occurred_at=datetime.combine(self.booked_on, time.min, UTC),
            symbol=self.instrument.symbol,
            ratio_new=self.ratio_new,
            ratio_old=self.ratio_old,
            amount=self.gross,
            currency=self.currency,
            external_id=self.key,
        )


def proposals_of(
    entries: Sequence[Transaction],
    *,
    holdings: Holdings,
    instruments: Mapping[int, Instrument],
    actions: Mapping[int, Actions],
    today: date,
) -> list[Proposal]:
    """Return what one ledger lacks up to today, the oldest first."""
    found: list[Proposal] = []
    for key, known in actions.items():
        instrument = instruments[key]
        mine = [entry for entry in entries if entry.instrument_id == key]
        for split in known.splits:
            units = holdings.at(key, split.day - DAY)
            if units and split.day <= today and not _split_booked(split, mine):
                found.append(_of_split(split, instrument, units=units))
        owed = [
            paid
            for paid in known.dividends
            if holdings.at(key, paid.ex_day - DAY) > 0 and (paid.pay_day or paid.ex_day) <= today
        ]
        paid_days = [entry.occurred_at.date() for entry in mine if entry.kind in _PAID]
        for paid in unpaid(owed, paid_days):
            units = holdings.at(key, paid.ex_day - DAY)
            found.append(_of_dividend(paid, instrument, units=units))
    return sorted(found, key=lambda one: (one.day, one.kind is ActionKind.DIVIDEND, one.key))


@exact
def _split_booked(split: SplitEvent, entries: Iterable[Transaction]) -> bool:
    return any(
        entry.kind == Kind.SPLIT.value
        and abs(entry.occurred_at.date() - split.day) <= NEAR
        and (entry.ratio_new or 1) * split.old == (entry.ratio_old or 1) * split.new
        for entry in entries
    )


def unpaid(owed: Sequence[DividendEvent], booked: Sequence[date]) -> list[DividendEvent]:
    """Return the dividends that no booking stands for.

    A booking from the ex-day to a month after the pay day stands for one dividend, the one whose
    pay day is nearest.
    """
    pairs = sorted(
        (abs(day - (paid.pay_day or paid.ex_day)), number, place)
        for number, paid in enumerate(owed)
        for place, day in enumerate(booked)
        if paid.ex_day <= day <= (paid.pay_day or paid.ex_day) + LATE
    )
    settled: set[int] = set()
    used: set[int] = set()
    for _, number, place in pairs:
        if number not in settled and place not in used:
            settled.add(number)
            used.add(place)
    return [paid for number, paid in enumerate(owed) if number not in settled]


def _of_split(split: SplitEvent, instrument: Instrument, *, units: Decimal) -> Proposal:
    ratio = f"{plain(split.new)}:{plain(split.old)}"
    return Proposal(
        key=f"proposal:split:{instrument.symbol}:{split.day}:{ratio}",
        kind=ActionKind.SPLIT,
        instrument=instrument,
        day=split.day,
        booked_on=split.day,
        units=units,
        source=split.source,
        ratio_new=split.new,
        ratio_old=split.old,
    )


@exact
def _of_dividend(paid: DividendEvent, instrument: Instrument, *, units: Decimal) -> Proposal:
    return Proposal(
        key=f"proposal:dividend:{instrument.symbol}:{paid.ex_day}:{plain(paid.amount)}",
        kind=ActionKind.DIVIDEND,
        instrument=instrument,
        day=paid.ex_day,
        booked_on=paid.pay_day or paid.ex_day,
        units=units,
        source=paid.source,
        per_unit=paid.amount,
        gross=units * paid.amount,
        currency=paid.currency,
    )


async def dismiss(
    session: AsyncSession, *, portfolio_id: int, proposal: str, dismissed: bool, now: datetime
) -> None:
    """Remember that a proposal is not wanted, or forget it."""
    if dismissed:
        row = {"portfolio_id": portfolio_id, "proposal": proposal, "dismissed_at": now}
        await insert_missing(session, DismissedProposal, [row])
        return
    await session.execute(
        delete(DismissedProposal).where(
            col(DismissedProposal.portfolio_id) == portfolio_id,
            col(DismissedProposal.proposal) == proposal,
        )
    )
