"""Realised gains: what each closing of a lot brought."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Generic, Protocol, TypeVar

import strawberry
from strawberry.types import Info

from analytics.gains import split_realized
from analytics.holdings import Closing, Holding
from analytics.money import ONE, total_known
from models import instruments, portfolios
from resolvers import figures
from resolvers.access import portfolios_in_reach
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.figures import Ask, facts_of
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.loaders import state_key
from resolvers.lots import (
    LOT,
    FeePolicy,
    GainSplit,
    Lot,
    LotMethod,
    gain_split_of,
    lot_of,
    lots_of_holdings,
    method_of,
)
from resolvers.paging import CURSOR, TOTAL_COUNT, PageInfo, cut_of, page_of_list
from resolvers.transactions import Transaction, transaction_of
from resolvers.values import Money, bad_input, check_day, money, money_or_none
from services.entries import InstrumentState

GAINS = "g1"
LOTS = "l1"
"""Name the orderings that cursors of realised gains and of lots belong to."""

T = TypeVar("T")


async def closers(parents: "list[Closer]", info: Info[Context, None]) -> list[Transaction | None]:
    """Find the entries that closed a level of lots."""
    loaders = info.context.loaders
    keys = [parent.closed_by_key for parent in parents if parent.closed_by_key is not None]
    booked = dict(zip(keys, await loaders.transactions.load_many(keys), strict=True))
    ids = sorted({row[0].portfolio_id for row in booked.values() if row is not None})
    reached = {row.id for row in await portfolios_in_reach(info.context, ids) if row is not None}
    found: list[Transaction | None] = []
    for parent in parents:
        row = None if parent.closed_by_key is None else booked[parent.closed_by_key]
        shown = row is not None and row[0].portfolio_id in reached
        found.append(transaction_of(row) if shown and row is not None else None)
    return found


@strawberry.type(
    description="Units of one lot that one entry closed, and what that brought. Gain = proceeds "
    "less cost, both with fees unless the fee policy leaves them out."
)
class RealizedGain:
    """Units of one lot closed by one entry."""

    closed_by_key: strawberry.Private[int | None]
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
        closers,
        description="The entry that closed it; null in a preview of one.",
        personal=True,  # units may have been moved to a portfolio that not everybody reaches
    )


def realized_gain_of(
    closing: Closing,
    *,
    instrument: instruments.Instrument,
    base_currency: str,
    recorded: bool = True,
) -> RealizedGain:
    """Build the outward shape of a closing; one of a preview has no entry that stays."""
    currency = instrument.currency
    opener = closing.lot_fill_id
    return RealizedGain(
        closed_by_key=closing.event_id if recorded else None,
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


@dataclass(frozen=True, slots=True)
class Place(Generic[T]):
    """Something with its place in time; ``number`` sets apart what is of the same moment."""

    at: datetime
    number: int
    thing: T


def _newest_first(things: Iterable[tuple[datetime, T]]) -> list[Place[T]]:
    """Number things as they come, and list the newest first."""
    ordered = sorted(things, key=lambda pair: pair[0])
    return [Place(at, number, thing) for number, (at, thing) in enumerate(ordered, 1)][::-1]


async def realized_gains_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    since: Annotated[date | None, strawberry.argument(name="from")] = None,
    until: Annotated[date | None, strawberry.argument(name="to")] = None,
    lot_method: LotMethod | None = None,
    fee_policy: FeePolicy = FeePolicy.CAPITALIZE,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> list[RealizedGainConnection]:
    """Page through what a level of portfolios has realised."""
    context = info.context
    cut = cut_of(first=first, after=after, last=last, before=before, ordering=GAINS)
    if since is not None and until is not None and since > until:
        raise bad_input("`from` must not be after `to`.")
    keys = [state_key(parent.row, method=method_of(lot_method)) for parent in parents]
    states = await context.loaders.ledger_states.load_many(keys)
    ids = sorted({key for state in states for key in state.instruments})
    rows = dict(zip(ids, await context.loaders.instruments.load_many(ids), strict=True))
    found = []
    for parent, state in zip(parents, states, strict=True):
        closings = [
            (closing.closed_at, (instrument, closing))
            for key, known in sorted(state.instruments.items())
            if (instrument := rows[key]) is not None
            for closing in holding_of(known, fee_policy).closings
            if (since is None or closing.closed_at.date() >= since)
            and (until is None or closing.closed_at.date() <= until)
        ]
        base = parent.row.base_currency
        page = page_of_list(
            _newest_first(closings),
            cut,
            place=lambda place: (place.at, place.number),
            ordering=GAINS,
        )
        nodes = [
            realized_gain_of(closing, instrument=instrument, base_currency=base)
            for instrument, closing in (place.thing for place in page.items)
        ]
        gains = (closing.gain_base for _, (_, closing) in closings)
        found.append(
            RealizedGainConnection(
                nodes=nodes,
                edges=[
                    RealizedGainEdge(cursor=cursor, node=node)
                    for node, cursor in zip(nodes, page.cursors, strict=True)
                ],
                page_info=page.info,
                total_count=page.total,
                total_in_base_currency=money_or_none(total_known(gains), base),
            )
        )
    return found


def holding_of(state: InstrumentState, fee_policy: FeePolicy) -> Holding:
    """Return what is held, with fees or without."""
    expensed = fee_policy is FeePolicy.EXPENSE
    return state.holding.before_fees() if expensed else state.holding


@strawberry.type(description="A lot and its place in the list.")
class LotEdge:
    """A lot and its place in the list."""

    cursor: str = strawberry.field(description=CURSOR)
    node: Lot = strawberry.field(description="The lot.")


@strawberry.type(description="A page of open lots, newest first.")
class LotConnection:
    """A page of open lots."""

    nodes: list[Lot] = strawberry.field(description="Those of this page, newest first.")
    edges: list[LotEdge] = strawberry.field(description="The same with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = strawberry.field(description=TOTAL_COUNT)


async def lots_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    as_of: date | None = None,
    lot_method: LotMethod | None = None,
    fee_policy: FeePolicy = FeePolicy.CAPITALIZE,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> list[LotConnection]:
    """Page through the open lots of a level of portfolios."""
    context = info.context
    check_day(as_of, today=context.now().date(), argument="asOf")
    cut = cut_of(first=first, after=after, last=last, before=before, ordering=LOTS)
    fees = figures.FeePolicy(fee_policy.value)
    asks = [Ask(parent.row, as_of, method_of(lot_method), fees) for parent in parents]
    facts = await facts_of(context, asks)
    holdings = [held for fact in facts for held in fact.holdings if held.quantity]
    groups = iter(await lots_of_holdings(context, holdings))
    found = []
    for fact in facts:
        lots = [
            (lot.opened_at, (held.instrument, lot))
            for held in fact.holdings
            if held.quantity
            for lot in next(groups)
        ]
        page = page_of_list(
            _newest_first(lots), cut, place=lambda place: (place.at, place.number), ordering=LOTS
        )
        nodes = [
            lot_of(lot, instrument=instrument)
            for instrument, lot in (place.thing for place in page.items)
        ]
        found.append(
            LotConnection(
                nodes=nodes,
                edges=[
                    LotEdge(cursor=cursor, node=node)
                    for node, cursor in zip(nodes, page.cursors, strict=True)
                ],
                page_info=page.info,
                total_count=page.total,
            )
        )
    return found


class Closer(Protocol):
    """Whatever an entry closed."""

    closed_by_key: int | None


class Scope(Protocol):
    """Whatever stands for one ledger or several: a portfolio, or all of them."""

    @property
    def row(self) -> portfolios.Portfolio:
        """Return the portfolio, or what stands for all of them."""
