"""Mutations of alerts: creating, changing, arming again and deleting them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from analytics.alerts import Direction, Measure
from models import alerts
from models.market import Quote
from resolvers.alerts import Alert, AlertDirection, AlertMeasure, alert_by_key
from resolvers.changes import ERRORS, REPLAYED, Repeatable, outcome
from resolvers.context import Context
from resolvers.ids import key_of
from resolvers.scalars import CurrencyCode, Symbol
from resolvers.values import UserError, user_errors
from services.alerts import (
    MAX_ALERTS,
    AlertChange,
    AlertDraft,
    WhichAlert,
    change_alert,
    check_draft,
    create_alert,
    delete_alert,
    is_believable,
)
from services.checks import Checks
from services.errors import RefusedError
from services.instruments import find_named

WHICH = "Which alert; it must be yours."
THRESHOLD = (
    "Exact, more than zero: a price in the instrument's currency for `PRICE`, otherwise a change "
    "as a fraction, positive for falls too: 0.05 is 5 %."
)


@strawberry.input(description="A new alert.")
class CreateAlertInput(Repeatable):
    """A new alert."""

    symbol: Symbol = strawberry.field(description="Which instrument to watch.")
    measure: AlertMeasure = strawberry.field(
        default=AlertMeasure.PRICE, description="What is compared with the threshold."
    )
    direction: AlertDirection = strawberry.field(description="Which way it has to be crossed.")
    threshold: Decimal = strawberry.field(description=THRESHOLD)
    currency: CurrencyCode | None = strawberry.field(
        default=None,
        description="What a price is meant in, to be sure: refused unless it is the instrument's.",
    )
    reference_price: Decimal | None = strawberry.field(
        default=None,
        description="What to measure a `CHANGE_FROM_REFERENCE` from; the price of now if left out.",
    )
    repeats: bool = strawberry.field(
        default=False,
        description="Whether it arms itself again when the price has come back; otherwise it fires "
        "once.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="In the future; left out it has no end."
    )
    note: str | None = strawberry.field(default=None, description="At most 2,000 characters.")


@strawberry.input(description="What to change of an alert; what is left out stays.")
class UpdateAlertInput(Repeatable):
    """What to change of an alert."""

    alert_id: strawberry.ID = strawberry.field(description=WHICH)
    threshold: Decimal | None = strawberry.field(
        default=None, description=THRESHOLD + " The alert then watches anew, as if just created."
    )
    repeats: bool | None = strawberry.field(
        default=None, description="Whether it arms itself again."
    )
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="In the future, or null for no end; one that had expired watches anew.",
    )
    note: str | None = strawberry.field(
        default=None, description="At most 2,000 characters; an empty one wipes it off."
    )
    rearm: bool = strawberry.field(
        default=False,
        description="Watch anew, as if just created: for one that has fired and does not repeat.",
    )


@strawberry.input(description="An alert to delete.")
class DeleteAlertInput(Repeatable):
    """An alert to delete."""

    alert_id: strawberry.ID = strawberry.field(description=WHICH)


@strawberry.type(description="The outcome of a mutation of an alert.")
class AlertPayload:
    """The outcome of a mutation of an alert."""

    alert: Alert | None = strawberry.field(description="As it is now; null on an error.")
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="The outcome of `deleteAlert`.")
class DeleteAlertPayload:
    """The outcome of deleting an alert."""

    deleted_alert_id: strawberry.ID | None = strawberry.field(
        description="The id that the alert had; null on an error."
    )
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


def _refused(error: RefusedError) -> AlertPayload:
    return AlertPayload(alert=None, replayed=False, user_errors=user_errors(error))


async def _change(
    context: Context,
    operation: str,
    *,
    given: Repeatable,
    change: Callable[[AsyncSession], Awaitable[alerts.Alert]],
) -> AlertPayload:
    async def act(session: AsyncSession) -> int | None:
        return (await change(session)).id

    done = await outcome(context, operation, given=given, act=act)
    alert = None if done.key is None else await alert_by_key(context, done.key)
    return AlertPayload(alert=alert, replayed=done.replayed, user_errors=done.user_errors)


def _which(context: Context, alert_id: str) -> WhichAlert:
    key = key_of(alert_id, type_name="Alert")
    return WhichAlert(user_id=context.user_id, alert_id=key or 0, now=context.now())


async def _quote(context: Context, symbol: str | None) -> Quote | None:
    """Return the price that an alert begins at, if one is believable; before any transaction."""
    quote = None if symbol is None else await context.loaders.quotes.load(symbol)
    real = context.services.market.has_vendors
    return quote if quote is not None and is_believable(quote, among_real=real) else None


@strawberry.type
class AlertMutations:
    """Root fields that change alerts."""

    @strawberry.mutation(
        description="Create an alert; you may have "
        f"{MAX_ALERTS}. It is `DISARMED` while its threshold is crossed already. Errors: REQUIRED, "
        "INVALID, OUT_OF_RANGE, TOO_LONG, UNKNOWN_INSTRUMENT, CURRENCY_MISMATCH, "
        "IDEMPOTENCY_CONFLICT."
    )
    async def create_alert(
        self, info: Info[Context, None], input: CreateAlertInput
    ) -> AlertPayload | None:
        """Create an alert."""
        context = info.context
        draft = AlertDraft(
            measure=Measure(input.measure.value),
            direction=Direction(input.direction.value),
            threshold=input.threshold,
            currency=input.currency,
            reference_price=input.reference_price,
            repeats=input.repeats,
            expires_at=input.expires_at,
            note=input.note,
        )
        services = context.services
        checks = Checks(now=context.now())
        try:
            symbol = checks.symbol(input.symbol, "symbol")
            check_draft(draft, checks=checks)
            named = await find_named(services.database, services.market, {symbol: ("symbol",)})
        except RefusedError as error:
            return _refused(error)
        quote = await _quote(context, symbol)
        return await _change(
            context,
            "createAlert",
            given=input,
            change=lambda session: create_alert(
                session,
                draft,
                named=named,
                quote=quote,
                user_id=context.user_id,
                now=context.now(),
            ),
        )

    @strawberry.mutation(
        description="Change an alert, or arm it again. Errors: NOT_FOUND, INVALID, OUT_OF_RANGE, "
        "TOO_LONG, IDEMPOTENCY_CONFLICT."
    )
    async def update_alert(
        self, info: Info[Context, None], input: UpdateAlertInput
    ) -> AlertPayload | None:
        """Change an alert."""
        context = info.context
        which = _which(context, input.alert_id)
        ends = input.expires_at is not strawberry.UNSET
        change = AlertChange(
            threshold=input.threshold,
            repeats=input.repeats,
            note=input.note,
            ends=ends,
            expires_at=input.expires_at if ends else None,
            rearms=input.rearm,
        )
        known = await alert_by_key(context, which.alert_id)
        quote = await _quote(context, None if known is None else known.symbol)
        return await _change(
            context,
            "updateAlert",
            given=input,
            change=lambda session: change_alert(session, which, change, quote=quote),
        )

    @strawberry.mutation(
        description="Delete an alert with its events, those that are pending too. Errors: "
        "NOT_FOUND, IDEMPOTENCY_CONFLICT."
    )
    async def delete_alert(
        self, info: Info[Context, None], input: DeleteAlertInput
    ) -> DeleteAlertPayload | None:
        """Delete an alert."""
        which = _which(info.context, input.alert_id)

        async def act(session: AsyncSession) -> int | None:
            return (await delete_alert(session, which)).id

        done = await outcome(info.context, "deleteAlert", given=input, act=act)
        return DeleteAlertPayload(
            deleted_alert_id=done.id_of("Alert"),
            replayed=done.replayed,
            user_errors=done.user_errors,
        )
