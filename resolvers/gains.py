"""Realised gains: what each closing of a lot brought."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import strawberry
from strawberry.types import Info

from analytics.gains import split_realized
from analytics.lots import Closing
from analytics.money import ONE
from models import instruments
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.paging import ListPage, PageInfo
from resolvers.positions import LOT, GainSplit, gain_split_of
from resolvers.transactions import CURSOR, TOTAL_COUNT, Transaction, transaction_of
from resolvers.values import Money, money, money_or_none


async def closers(
    parents: "list[RealizedGain]", info: Info[Context, None]
) -> list[Transaction | None]:
    """Find the entries that closed a level of lots."""
    found = await info.context.loaders.transactions.load_many(
        [parent.closing.event_id for parent in parents]
    )
    return [None if booked is None else transaction_of(booked) for booked in found]


@strawberry.type(
    description="Units of one lot that one entry closed, and what that brought. Gain = proceeds "
    "less cost, both with fees unless the fee policy leaves them out."
)
class RealizedGain:
    """Units of one lot closed by one entry."""

    closing: strawberry.Private[Closing]
    instrument: Instrument = strawberry.field(description="What was closed.")
    quantity: Decimal = strawberry.field(
        description="Units closed, as the lot had them: negative for a short sale bought back; "
        "zero for cash paid on units that stay."
    )
    cost: Money | None = strawberry.field(
        description="What they had cost; for a short sale bought back minus what the sale "
        "brought. Null when the acquisition is missing."
    )
    proceeds: Money = strawberry.field(
        description="What closing brought; for a short sale bought back minus what that took."
    )
    gain: Money | None = strawberry.field(
        description="In the instrument's currency. Null when the acquisition is missing."
    )
    gain_in_base_currency: Money | None = strawberry.field(
        description="In the portfolio's base currency: proceeds at the rate of the closing, cost "
        "at the rate of the opening. Null when a rate or the acquisition is missing."
    )
    gain_split: GainSplit | None = strawberry.field(
        description="`gainInBaseCurrency` by what made it."
    )
    opened_at: datetime | None = strawberry.field(
        description="When the lot was opened; null when the acquisition is missing."
    )
    closed_at: datetime = strawberry.field(description="When it was closed.")
    holding_days: int | None = strawberry.field(
        description="Whole days between the two; null when the acquisition is missing."
    )
    opened_by_id: strawberry.ID | None = strawberry.field(
        description="Names the lot; null when the acquisition is missing."
    )
    closed_by: Transaction | None = batched(
        closers, description="The entry that closed it; null in a preview of one."
    )


def realized_gain_of(
    closing: Closing, *, instrument: instruments.Instrument, base_currency: str
) -> RealizedGain:
    """Build the outward shape of a closing."""
    currency = instrument.currency
    opener = closing.lot_fill_id
    return RealizedGain(
        closing=closing,
        instrument=instrument_of(instrument),
        quantity=closing.quantity,
        cost=money_or_none(closing.cost, currency),
        proceeds=money(closing.proceeds, currency),
        gain=money_or_none(closing.gain, currency),
        gain_in_base_currency=money_or_none(closing.gain_base, base_currency),
        gain_split=gain_split_of(split_realized(closing), rate=ONE, currency=base_currency),
        opened_at=closing.opened_at,
        closed_at=closing.closed_at,
        holding_days=closing.holding_days,
        opened_by_id=None if opener is None else strawberry.ID(encode_id(LOT, opener)),
    )


@strawberry.type(description="A realised gain and its place in the list.")
class RealizedGainEdge:
    """A realised gain and its place in the list."""

    cursor: str = strawberry.field(description=CURSOR)
    node: RealizedGain = strawberry.field(description="The realised gain.")


@strawberry.type(description="A page of realised gains, newest first.")
class RealizedGainConnection:
    """A page of realised gains."""

    nodes: list[RealizedGain] = strawberry.field(description="Those of this page, newest first.")
    edges: list[RealizedGainEdge] = strawberry.field(description="The same with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = strawberry.field(description=TOTAL_COUNT)
    total_in_base_currency: Money | None = strawberry.field(
        description="The sum of the whole list in the base currency; null when a rate or an "
        "acquisition is missing."
    )


def closed_between(
    closings: Iterable[Closing], *, since: date | None, until: date | None
) -> list[Closing]:
    """Keep the closings of some days, both bounds included."""
    return [
        closing
        for closing in closings
        if (since is None or closing.closed_at.date() >= since)
        and (until is None or closing.closed_at.date() <= until)
    ]


def realized_gain_connection(
    page: ListPage[RealizedGain], *, total: Decimal | None, base_currency: str
) -> RealizedGainConnection:
    """Build a page of realised gains."""
    return RealizedGainConnection(
        nodes=page.items,
        edges=[
            RealizedGainEdge(cursor=cursor, node=node)
            for node, cursor in zip(page.items, page.cursors, strict=True)
        ],
        page_info=page.info,
        total_count=page.total,
        total_in_base_currency=money_or_none(total, base_currency),
    )
