"""Alerts as their users see them: creating, changing, arming again and deleting them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.alerts import Condition, Direction, Measure, is_met
from models.alerts import Alert, AlertState, alert_count, alert_for_update
from models.base import row_key
from models.changes import ALERTS, note
from models.instruments import Instrument
from models.market import Quote, QuoteQuality
from models.users import user_for_update
from services.checks import Checks
from services.errors import MistakeCode, refuse
from services.instruments import Named

MAX_ALERTS = 200
"""Alerts of one user, those that have fired or expired included."""

MAX_CHANGE = Decimal(1000)
"""The largest change that an alert may wait for, as a fraction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDraft:
    """An alert as a user asks for it; the reference price is the current one if it is left out."""

    measure: Measure
    direction: Direction
    threshold: Decimal
    currency: str | None = None
    reference_price: Decimal | None = None
    repeats: bool = False
    expires_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange:
    """What to change of an alert; what is null stays, but for the end if it ``ends``."""

    threshold: Decimal | None = None
    repeats: bool | None = None
    note: str | None = None
    ends: bool = False
    expires_at: datetime | None = None
    rearms: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WhichAlert:
    """An alert that somebody wants to change, and when."""

    user_id: int
    alert_id: int
    now: datetime


def condition_of(alert: Alert) -> Condition:
    """Return what an alert waits for."""
    return Condition(
        measure=Measure(alert.measure),
        direction=Direction(alert.direction),
        threshold=alert.threshold,
        reference=alert.reference_price,
    )


def is_believable(quote: Quote, *, among_real: bool) -> bool:
    """Tell whether a price counts: not itself in doubt, nor made up where there are real ones."""
    made_up = quote.quality is QuoteQuality.SIMULATED
    return not (among_real and made_up) and (quote.doubt is None or quote.doubt.rejected)


def check_draft(draft: AlertDraft, *, checks: Checks) -> None:
    """Check what can be checked without the instrument; raises RefusedError."""
    _check_threshold(draft.threshold, draft.measure, draft.direction, checks=checks)
    if draft.measure is Measure.PRICE and draft.direction is Direction.EITHER:
        message = "A price is crossed ABOVE or BELOW; EITHER is for changes."
        checks.note(MistakeCode.INVALID, message, "direction")
    if draft.reference_price is not None:
        checks.decimal(draft.reference_price, "referencePrice")
        if draft.measure is not Measure.CHANGE_FROM_REFERENCE:
            message = "Only CHANGE_FROM_REFERENCE has a reference price."
            checks.note(MistakeCode.INVALID, message, "referencePrice")
    checks.text(draft.note, "note")
    _check_end(draft.expires_at, checks=checks)
    checks.finish()


def _check_threshold(
    threshold: Decimal, measure: Measure, direction: Direction, *, checks: Checks
) -> Decimal:
    known = len(checks.mistakes)
    threshold = checks.decimal(threshold, "threshold")
    if measure is Measure.PRICE or len(checks.mistakes) > known:
        return threshold
    if direction is Direction.BELOW and threshold >= 1:
        message = "A price cannot fall by all of itself: 0.05 stands for 5 %."
        checks.note(MistakeCode.OUT_OF_RANGE, message, "threshold")
    elif threshold > MAX_CHANGE:
        message = f"Must be at most {MAX_CHANGE}: 0.05 stands for 5 %."
        checks.note(MistakeCode.OUT_OF_RANGE, message, "threshold")
    return threshold


def _check_end(end: datetime | None, *, checks: Checks) -> datetime | None:
    if end is None:
        return None
    if end.tzinfo is None:
        checks.note(MistakeCode.INVALID, "Must say its time zone, such as a final Z.", "expiresAt")
    elif end <= checks.now:
        checks.note(MistakeCode.OUT_OF_RANGE, "Must be in the future.", "expiresAt")
    else:
        return end.astimezone(UTC)
    return None


def _watch_anew(alert: Alert, quote: Quote | None, *, now: datetime) -> None:
    """Let an alert wait for the price to cross from where it is, or is last known to be."""
    met: bool | None = None
    alert.judged_at = alert.judged_close = None
    if quote is not None and quote.currency == alert.currency:
        known = {"price": quote.price, "previous_close": quote.previous_close}
        met = is_met(condition_of(alert), **known)  # type: ignore[arg-type]
        alert.judged_at = min(quote.as_of, quote.received_at)
        alert.judged_close = quote.previous_close
    alert.state = (AlertState.ARMED if met is False else AlertState.DISARMED).value
    alert.armed_at = now if met is False else None


def _changed(session: AsyncSession, alert: Alert, *, now: datetime) -> None:
    alert.version += 1
    alert.changed_at = now
    note(session, (ALERTS, alert.user_id))


async def create_alert(
    session: AsyncSession,
    draft: AlertDraft,
    *,
    named: Named,
    quote: Quote | None,
    user_id: int,
    now: datetime,
) -> Alert:
    """Add an alert of a checked draft, and begin at a believable price; raises RefusedError."""
    await session.execute(user_for_update(user_id))
    if (await session.scalar(alert_count(user_id)) or 0) >= MAX_ALERTS:
        raise refuse(MistakeCode.OUT_OF_RANGE, f"You have {MAX_ALERTS} alerts: delete one first.")
    (instrument,) = await named.rows(session, now=now)
    if draft.currency not in (None, instrument.currency):
        message = f"{instrument.symbol} is priced in {instrument.currency}."
        raise refuse(MistakeCode.CURRENCY_MISMATCH, message, "currency")
    alert = Alert(
        user_id=user_id,
        instrument_id=row_key(instrument.id),
        measure=draft.measure.value,
        direction=draft.direction.value,
        threshold=draft.threshold,
        currency=instrument.currency,
        reference_price=_reference(draft, instrument, quote),
        repeats=draft.repeats,
        note=Checks(now=now).text(draft.note, "note"),
        created_at=now,
        changed_at=now,
        expires_at=draft.expires_at,
    )
    _watch_anew(alert, quote, now=now)
    _changed(session, alert, now=now)
    session.add(alert)
    await session.flush()
    return alert


def _reference(draft: AlertDraft, instrument: Instrument, quote: Quote | None) -> Decimal | None:
    """Return the price that a change is measured from for good; raises RefusedError if unknown."""
    if draft.measure is not Measure.CHANGE_FROM_REFERENCE:
        return None
    if draft.reference_price is not None:
        return draft.reference_price
    if quote is None or quote.currency != instrument.currency:
        message = f"No price of {instrument.symbol} is known now: give one."
        raise refuse(MistakeCode.REQUIRED, message, "referencePrice")
    return quote.price


async def hold_alert(session: AsyncSession, which: WhichAlert) -> tuple[Alert, Instrument]:
    """Return a user's alert with its instrument, held against other writers; raises RefusedError.

    A stranger's and a missing one are refused alike.
    """
    held = alert_for_update(user_id=which.user_id, alert_id=which.alert_id)
    row = (await session.execute(held)).one_or_none()
    if row is None:
        raise refuse(MistakeCode.NOT_FOUND, "There is no such alert.", "alertId")
    return row[0], row[1]


async def change_alert(
    session: AsyncSession, which: WhichAlert, change: AlertChange, *, quote: Quote | None
) -> Alert:
    """Change an alert; another threshold, or to rearm it, lets it watch anew from the price of now.

    Raises RefusedError.
    """
    alert, _ = await hold_alert(session, which)
    checks = Checks(now=which.now)
    if change.threshold is not None:
        measure, direction = Measure(alert.measure), Direction(alert.direction)
        alert.threshold = _check_threshold(change.threshold, measure, direction, checks=checks)
    if change.repeats is not None:
        alert.repeats = change.repeats
    if change.note is not None:
        alert.note = checks.text(change.note, "note")
    over = alert.expires_at is not None and alert.expires_at <= which.now
    if change.ends:
        alert.expires_at = _check_end(change.expires_at, checks=checks)
    elif over and change.rearms:
        message = "It has expired: give it another end, or null for none."
        checks.note(MistakeCode.OUT_OF_RANGE, message, "expiresAt")
    checks.finish()
    if change.rearms or change.threshold is not None or (change.ends and over):
        _watch_anew(alert, quote, now=which.now)
    _changed(session, alert, now=which.now)
    await session.flush()
    return alert


async def delete_alert(session: AsyncSession, which: WhichAlert) -> Alert:
    """Delete an alert with its events, and return it; raises RefusedError."""
    alert, _ = await hold_alert(session, which)
    note(session, (ALERTS, alert.user_id))
    await session.delete(alert)
    await session.flush()
    return alert
