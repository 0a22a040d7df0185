"""Alerts on prices, and the events when they fire."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Protocol

import strawberry
from strawberry.types import Info

from analytics.money import EXACT, ratio
from datasources.symbols import InvalidSymbolError, canonical
from models import alerts, users
from models.alerts import AlertState
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.ids import encode_id, key_of
from resolvers.instruments import Instrument, instrument_of
from resolvers.paging import CURSOR, TOTAL_COUNT, PageInfo, cut_of, page_of_list
from resolvers.scalars import CurrencyCode, Ratio, Symbol
from resolvers.values import Node, bad_input, fraction
from resolvers.watching import Alerted
from services.alert_watch import MAX_EVENTS
from services.alerts import MAX_ALERTS

EVENTS = "a1"
"""Names the ordering that a cursor of events belongs to: newest first."""


@strawberry.enum(description="What an alert compares with its threshold.")
class AlertMeasure(Enum):
    """What an alert compares with its threshold, as `analytics.alerts.Measure` has it."""

    PRICE = strawberry.enum_value("PRICE", description="The price, in the alert's `currency`.")
    CHANGE_FROM_PREVIOUS_CLOSE = strawberry.enum_value(
        "CHANGE_FROM_PREVIOUS_CLOSE",
        description="The change of the day: from the close of the session before, as the quote "
        "tells it. Each day begins at no change.",
    )
    CHANGE_FROM_REFERENCE = strawberry.enum_value(
        "CHANGE_FROM_REFERENCE",
        description="The change from `referencePrice`, which was fixed when the alert was made.",
    )


@strawberry.enum(description="Which way an alert's threshold has to be crossed.")
class AlertDirection(Enum):
    """Which way a threshold is crossed, as `analytics.alerts.Direction` has it."""

    ABOVE = strawberry.enum_value(
        "ABOVE", description="Upwards: the price rises to the threshold, or by so much, or beyond."
    )
    BELOW = strawberry.enum_value(
        "BELOW",
        description="Downwards: the price falls to the threshold, or by so much, or beyond.",
    )
    EITHER = strawberry.enum_value(
        "EITHER", description="A change by so much, up or down. Not for `PRICE`."
    )


@strawberry.enum(description="What an alert is doing.")
class AlertStatus(Enum):
    """What an alert is doing."""

    ARMED = strawberry.enum_value(
        "ARMED", description="It fires as soon as the price crosses the threshold."
    )
    DISARMED = strawberry.enum_value(
        "DISARMED",
        description="The threshold is crossed already, or no price is known yet: it arms itself "
        "when the price has come back.",
    )
    TRIGGERED = strawberry.enum_value(
        "TRIGGERED", description="It has fired and does not repeat; `updateAlert` can rearm it."
    )
    EXPIRED = strawberry.enum_value("EXPIRED", description="Its time is over.")


@strawberry.enum(description="Whether somebody has got an event.")
class AlertDelivery(Enum):
    """Whether somebody has got an event."""

    PENDING = strawberry.enum_value(
        "PENDING", description="Stored, and told to whoever subscribes next to `alertTriggered`."
    )
    DELIVERED = strawberry.enum_value(
        "DELIVERED", description="Handed to the connection of a subscriber of `alertTriggered`."
    )


async def alerts_of_events(
    parents: "list[AlertEvent]", info: Info[Context, None]
) -> list["Alert | None"]:
    """Find the alerts of a level of events."""
    found = await info.context.loaders.alerts.load_many([one.row.alert_id for one in parents])
    now = info.context.now()
    return [None if alerted is None else alert_of(alerted, now=now) for alerted in found]


@strawberry.type(description="An alert has fired: the price that did it, and what became of it.")
class AlertEvent(Node):
    """One firing of an alert."""

    row: strawberry.Private[alerts.AlertEvent]
    alert: "Alert | None" = batched(
        alerts_of_events, description="The alert as it is now; null if it was deleted just now."
    )
    price: Decimal = strawberry.field(description="The price that crossed the threshold.")
    currency: CurrencyCode = strawberry.field(description="What the price is in.")
    threshold: Decimal = strawberry.field(description="What was crossed, as it was then.")
    change_ratio: Ratio | None = strawberry.field(
        description="The change from the previous close or the reference; null for `PRICE`."
    )
    as_of: datetime = strawberry.field(description="When the market made the price.")
    source: str = strawberry.field(description="Which provider the price comes from.")
    triggered_at: datetime = strawberry.field(description="When FolioQL saw it.")
    delivery: AlertDelivery = strawberry.field(description="Whether somebody has got it.")
    delivered_at: datetime | None = strawberry.field(
        description="When it was first handed over; null while it is pending."
    )


@strawberry.type(description="An event of an alert and its place in the list.")
class AlertEventEdge:
    """An event and its place in the list."""

    cursor: str = strawberry.field(description=CURSOR)
    node: AlertEvent = strawberry.field(description="The event.")


@strawberry.type(description="A page of the events of an alert, newest first.")
class AlertEventConnection:
    """A page of events."""

    nodes: list[AlertEvent] = strawberry.field(description="Those of this page, newest first.")
    edges: list[AlertEventEdge] = strawberry.field(description="The same with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = strawberry.field(description=TOTAL_COUNT)


async def events_of_alerts(
    parents: "list[Alert]",
    info: Info[Context, None],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> list[AlertEventConnection]:
    """Page through the events of a level of alerts."""
    cut = cut_of(first=first, after=after, last=last, before=before, ordering=EVENTS)
    keys = [parent.row.id or 0 for parent in parents]
    connections = []
    for rows in await info.context.loaders.events_by_alert.load_many(keys):
        page = page_of_list(
            rows, cut, place=lambda row: (row.triggered_at, row.id or 0), ordering=EVENTS
        )
        nodes = [event_of(row) for row in page.items]
        edges = [
            AlertEventEdge(cursor=cursor, node=node)
            for node, cursor in zip(nodes, page.cursors, strict=True)
        ]
        connections.append(
            AlertEventConnection(
                nodes=nodes, edges=edges, page_info=page.info, total_count=page.total
            )
        )
    return connections


async def last_events_of_alerts(
    parents: "list[Alert]", info: Info[Context, None]
) -> list[AlertEvent | None]:
    """Find the newest events of a level of alerts."""
    keys = [parent.row.id or 0 for parent in parents]
    found = await info.context.loaders.events_by_alert.load_many(keys)
    return [event_of(rows[0]) if rows else None for rows in found]


@strawberry.type(
    description="Tells you when a price crosses a threshold: once for each crossing, and not for "
    "each price beyond it. An alert is yours alone; `alertTriggered` tells its events."
)
class Alert(Node):
    """An alert on a price."""

    row: strawberry.Private[alerts.Alert]
    symbol: Symbol = strawberry.field(description="The instrument's symbol.")
    instrument: Instrument = strawberry.field(description="What is watched.")
    measure: AlertMeasure = strawberry.field(description="What is compared with the threshold.")
    direction: AlertDirection = strawberry.field(description="Which way it has to be crossed.")
    threshold: Decimal = strawberry.field(
        description="A price in `currency` for `PRICE`; otherwise a change as a fraction, always "
        "positive: 0.05 is 5 %."
    )
    currency: CurrencyCode = strawberry.field(
        description="The instrument's currency, in which prices are compared; a price in another "
        "one does nothing."
    )
    reference_price: Decimal | None = strawberry.field(
        description="What a change is measured from; null unless the measure is "
        "`CHANGE_FROM_REFERENCE`."
    )
    repeats: bool = strawberry.field(
        description="Whether it arms itself again when the price has come back after it fired."
    )
    note: str | None = strawberry.field(description="Your note on it; null without one.")
    status: AlertStatus = strawberry.field(description="What it is doing.")
    version: int = strawberry.field(description="Grows by one with every change and firing.")
    created_at: datetime = strawberry.field(description="When it was created.")
    expires_at: datetime | None = strawberry.field(
        description="From then on it does not fire; null for no end."
    )
    armed_at: datetime | None = strawberry.field(
        description="Since when it is armed; null while it is not."
    )
    triggered_at: datetime | None = strawberry.field(
        description="When it fired last; null if it never has."
    )
    times_triggered: int = strawberry.field(description="How often it has fired.")
    last_event: AlertEvent | None = batched(
        last_events_of_alerts,
        description="The event when it fired last, with its delivery; null if it never has.",
    )
    events: AlertEventConnection = batched(
        events_of_alerts, description=f"Its events, newest first; the last {MAX_EVENTS} are kept."
    )


def _status(row: alerts.Alert, *, now: datetime) -> AlertStatus:
    over = row.expires_at is not None and row.expires_at <= now
    if over and row.state != AlertState.TRIGGERED.value:
        return AlertStatus.EXPIRED
    return AlertStatus(row.state)


def alert_of(alerted: Alerted, *, now: datetime) -> Alert:
    """Build the outward shape of an alert."""
    row, instrument = alerted
    status = _status(row, now=now)
    return Alert(
        id=strawberry.ID(encode_id("Alert", row.id)),
        row=row,
        symbol=Symbol(instrument.symbol),
        instrument=instrument_of(instrument),
        measure=AlertMeasure(row.measure),
        direction=AlertDirection(row.direction),
        threshold=row.threshold,
        currency=CurrencyCode(row.currency),
        reference_price=row.reference_price,
        repeats=row.repeats,
        note=row.note,
        status=status,
        version=row.version,
        created_at=row.created_at,
        expires_at=row.expires_at,
        armed_at=row.armed_at if status is AlertStatus.ARMED else None,
        triggered_at=row.triggered_at,
        times_triggered=row.times_triggered,
    )


def event_of(row: alerts.AlertEvent) -> AlertEvent:
    """Build the outward shape of an event."""
    moved = None if row.base is None else EXACT.subtract(row.price, row.base)
    pending = row.delivered_at is None
    return AlertEvent(
        id=strawberry.ID(encode_id("AlertEvent", row.id)),
        row=row,
        price=row.price,
        currency=CurrencyCode(row.currency),
        threshold=row.threshold,
        change_ratio=fraction(ratio(moved, row.base)),
        as_of=row.as_of,
        source=row.source,
        triggered_at=row.triggered_at,
        delivery=AlertDelivery.PENDING if pending else AlertDelivery.DELIVERED,
        delivered_at=row.delivered_at,
    )


async def alert_by_key(context: Context, key: int) -> Alert | None:
    """Return an alert of the caller's by its key."""
    found = await context.loaders.alerts.load(key)
    if found is None or found[0].user_id != context.user_id:
        return None
    return alert_of(found, now=context.now())


async def alert_event_by_key(context: Context, key: int) -> AlertEvent | None:
    """Return an event of an alert of the caller's by its key."""
    row = await context.loaders.alert_events.load(key)
    return event_of(row) if row is not None and row.user_id == context.user_id else None


class Account(Protocol):
    """Whatever stands for a user."""

    row: users.User


async def alerts_of_accounts(
    parents: "list[Account]",
    info: Info[Context, None],
    symbol: Symbol | None = None,
    statuses: list[AlertStatus] | None = None,
) -> list[list[Alert]]:
    """List the alerts of users."""
    try:
        wanted = None if symbol is None else canonical(symbol)
    except InvalidSymbolError as error:
        raise bad_input(f"`symbol`: {error}") from error
    now = info.context.now()
    keys = [parent.row.id or 0 for parent in parents]
    found = await info.context.loaders.alerts_by_user.load_many(keys)
    return [
        [
            alert
            for alert in (alert_of(one, now=now) for one in rows)
            if wanted in {None, alert.symbol} and (statuses is None or alert.status in statuses)
        ]
        for rows in found
    ]


async def alert_of_accounts(
    parents: "list[Account]", info: Info[Context, None], id: strawberry.ID
) -> list[Alert | None]:
    """Find one alert of users."""
    key = key_of(id, type_name="Alert")
    found = None if key is None else await alert_by_key(info.context, key)
    return [found for _ in parents]


LISTED = (
    "Your alerts, oldest first, or those of a symbol or in some statuses alone. You may have "
    f"{MAX_ALERTS}."
)
