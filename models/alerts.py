"""Price alerts of users, and what became of them: each firing is an event to be delivered."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum

from sqlalchemy import Delete, Select, String, Update, delete, func, or_, select, update
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.instruments import Instrument
from models.reading import one_of
from models.types import ExactDecimal, Identifier, UtcDateTime


class AlertState(Enum):
    """What an alert waits for."""

    ARMED = "ARMED"
    """For the price to cross: the last one that was looked at was on the near side."""

    DISARMED = "DISARMED"
    """For the price to come back first, or to be known at all."""

    TRIGGERED = "TRIGGERED"
    """For nothing: it has fired, once and for all."""


class Alert(Base, table=True):
    """An alert of one user; ``version`` grows by one with every change, and guards each firing.

    ``judged_at`` and ``judged_close`` are the time and the previous close of the price that put it
    into its state; ``state`` therefore tells on which side the last price was, whoever looked.
    """

    __tablename__ = "alerts"

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    user_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    instrument_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("instruments.id"), nullable=False, index=True)
    )
    measure: str = Field(sa_type=String)
    direction: str = Field(sa_type=String)
    threshold: Decimal = Field(sa_type=ExactDecimal)
    currency: str = Field(sa_type=String)
    reference_price: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    repeats: bool = False
    note: str | None = Field(default=None, sa_type=String)
    state: str = Field(default=AlertState.DISARMED.value, sa_type=String)
    version: int = 0
    times_triggered: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime, index=True)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    armed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    triggered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    judged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    judged_close: Decimal | None = Field(default=None, sa_type=ExactDecimal)


class AlertEvent(Base, table=True):
    """One firing of an alert, with the price that did it; pending until ``delivered_at`` is set.

    No key is used twice: who has got an event knows it by its key.
    """

    __tablename__ = "alert_events"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # as SQLModel declares it

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    alert_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    user_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    threshold: Decimal = Field(sa_type=ExactDecimal)
    price: Decimal = Field(sa_type=ExactDecimal)
    currency: str = Field(sa_type=String)
    base: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    as_of: datetime = Field(sa_type=UtcDateTime)
    source: str = Field(sa_type=String)
    triggered_at: datetime = Field(sa_type=UtcDateTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


def _with_instruments() -> Select[Alert, Instrument]:
    return select(Alert, Instrument).join(
        Instrument, col(Instrument.id) == col(Alert.instrument_id)
    )


def alerts_by_user(user_ids: Sequence[int] = ()) -> Select[Alert, Instrument]:
    """Select the alerts of users, oldest first."""
    return _with_instruments().where(one_of(col(Alert.user_id), user_ids)).order_by(col(Alert.id))


def alerts_by_id(ids: Sequence[int] = ()) -> Select[Alert, Instrument]:
    """Select alerts by key, whoever's they are."""
    return _with_instruments().where(one_of(col(Alert.id), ids))


def alerts_to_watch(*, now: datetime) -> Select[Alert, Instrument]:
    """Select the alerts of everybody that prices can still do something to."""
    return _with_instruments().where(
        col(Alert.state) != AlertState.TRIGGERED.value,
        or_(col(Alert.expires_at).is_(None), col(Alert.expires_at) > now),
    )


def alerts_changed(since: datetime) -> Select[Alert, Instrument]:
    """Select the alerts of everybody that have changed since a time."""
    return _with_instruments().where(col(Alert.changed_at) >= since)


def alert_for_update(*, user_id: int, alert_id: int) -> Select[Alert, Instrument]:
    """Select one user's alert and hold it against other writers."""
    return (
        _with_instruments()
        .where(col(Alert.id) == alert_id, col(Alert.user_id) == user_id)
        .with_for_update(of=Alert)
    )


def alert_count(user_id: int) -> Select[int]:
    """Count the alerts of a user."""
    return select(func.count(col(Alert.id))).where(col(Alert.user_id) == user_id)


def alert_at(alert_id: int, *, version: int) -> Update:
    """Change an alert, unless somebody else has changed it since it was read."""
    return update(Alert).where(col(Alert.id) == alert_id, col(Alert.version) == version)


def events_by_alert(alert_ids: Sequence[int] = ()) -> Select[AlertEvent]:
    """Select the events of alerts, newest first."""
    return (
        select(AlertEvent)
        .where(one_of(col(AlertEvent.alert_id), alert_ids))
        .order_by(col(AlertEvent.id).desc())
    )


def events_by_id(ids: Sequence[int] = ()) -> Select[AlertEvent]:
    """Select events by key, whoever's they are."""
    return select(AlertEvent).where(one_of(col(AlertEvent.id), ids))


def newest_event(user_id: int) -> Select[int | None]:
    """Select the key of a user's newest event."""
    return select(func.max(col(AlertEvent.id))).where(col(AlertEvent.user_id) == user_id)


def events_to_deliver(user_id: int, *, after: int, limit: int) -> Select[AlertEvent]:
    """Select a user's events that are pending, or newer than one of a key, oldest first."""
    return (
        select(AlertEvent)
        .where(
            col(AlertEvent.user_id) == user_id,
            or_(col(AlertEvent.delivered_at).is_(None), col(AlertEvent.id) > after),
        )
        .order_by(col(AlertEvent.id))
        .limit(limit)
    )


def event_delivered(event_id: int, *, at: datetime) -> Update:
    """Note that an event was delivered, unless it was before."""
    return (
        update(AlertEvent)
        .where(col(AlertEvent.id) == event_id, col(AlertEvent.delivered_at).is_(None))
        .values(delivered_at=at)
    )


def users_with_pending_events(*, since: datetime) -> Select[int]:
    """Select the users who have events since a time that are not delivered."""
    return (
        select(col(AlertEvent.user_id))
        .where(col(AlertEvent.delivered_at).is_(None), col(AlertEvent.triggered_at) >= since)
        .distinct()
    )


def forget_events(alert_id: int, *, keep: int) -> Delete:
    """Delete the events of an alert but for the newest."""
    newest = (
        select(col(AlertEvent.id))
        .where(col(AlertEvent.alert_id) == alert_id)
        .order_by(col(AlertEvent.id).desc())
        .limit(keep)
    )
    return delete(AlertEvent).where(
        col(AlertEvent.alert_id) == alert_id, col(AlertEvent.id).not_in(newest)
    )
