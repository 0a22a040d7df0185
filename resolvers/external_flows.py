"""What came in and went out of a scope: money, or units at their market value."""

from datetime import date
from enum import Enum
from math import isnan
from typing import NamedTuple

import strawberry
from strawberry.types import Info

from analytics.book import PaymentKind
from models.market import RateQuestion
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.exchange_rates import ExchangeRate, rate_of
from resolvers.line_values import counted, rate_question
from resolvers.loaders import Booked
from resolvers.scoping import Scoped
from resolvers.transactions import Transaction, transaction_of


class Flow(NamedTuple):
    """What came in or went out: its day, booking, kind and amount, and what it was converted at.

    The ``currency`` is that of the money, or of the price of the units.
    """

    day: int
    entry: int
    kind: PaymentKind
    amount: float
    currency: str
    rate: float


def flows_of(scoped: Scoped) -> list[Flow]:
    """Return what came in and went out after the start."""
    rows = scoped.rows
    if scoped.valued is None:
        return []
    whole = scoped.valued.valuation
    flows, amounts = whole.crossing(scoped.valued.scope, scoped.policy)
    kept = (flows.day > rows.start) & (flows.day < rows.stop) & (amounts != 0)
    flows = flows.where(kept)
    payments = whole.priced.whole.payments
    units = [payments.units[number] for number in payments.unit[flows.payment].tolist()]
    currencies = [unit.currency or whole.priced.of(unit.instrument).currency for unit in units]
    rates = {currency: whole.rate(currency) for currency in set(currencies)}
    columns = (whole.days[flows.day], flows.entry, flows.kind, amounts[kept], flows.day)
    return [
        Flow(day, entry, PaymentKind(kind), amount, currency, float(rates[currency][place]))
        for (day, entry, kind, amount, place), currency in zip(
            zip(*(one.tolist() for one in columns), strict=True), currencies, strict=True
        )
    ]


async def rates_of_flows(
    parents: "list[ExternalFlow]", info: Info[Context, None]
) -> list[ExchangeRate | None]:
    """Find the rates that a level of flows were converted at."""
    questions = [parent.question for parent in parents]
    asked = list(dict.fromkeys(one for one in questions if one is not None))
    found = dict(zip(asked, await info.context.loaders.rates.load_many(asked), strict=True))
    rates = [None if one is None else found[one] for one in questions]
    return [
        None if rate is None else rate_of(rate, value=counted(parent.rate, rate.value))
        for parent, rate in zip(parents, rates, strict=True)
    ]


async def transactions_of_flows(
    parents: "list[ExternalFlow]", info: Info[Context, None]
) -> list[Transaction | None]:
    """Find the bookings that a level of flows are from."""
    loaders = info.context.loaders
    keys = [parent.entry for parent in parents]
    found = dict(zip(keys, await loaders.transactions.load_many(keys), strict=True))
    # Of a transfer the arriving half is named, which may be in a portfolio out of reach.
    keys = [_own_half(parent, found[parent.entry]) for parent in parents]
    halves = dict(zip(keys, await loaders.transactions.load_many(keys), strict=True))
    answers: list[Transaction | None] = []
    for parent, key in zip(parents, keys, strict=True):
        row = halves[key]
        reached = row is not None and row[0].portfolio_id in parent.owners
        answers.append(transaction_of(row) if reached and row is not None else None)
    return answers


def _own_half(flow: "ExternalFlow", booked: Booked | None) -> int:
    if booked is None or booked[0].portfolio_id in flow.owners:
        return flow.entry
    return booked[0].origin_id or flow.entry


@strawberry.enum(description="What a flow is.")
class FlowKind(Enum):
    """What a flow is, as `analytics.book.PaymentKind` has it."""

    PLAIN = strawberry.enum_value(
        "PLAIN",
        description="Cash or units paid in, taken out or moved. Of a position what trades took "
        "and brought.",
    )
    INCOME = strawberry.enum_value("INCOME", description="Income that a position paid out.")
    TRADE_FEE = strawberry.enum_value(
        "TRADE_FEE",
        description="A fee of a trade: of a portfolio where `feePolicy` shows it apart, of a "
        "position where it does not.",
    )
    FEE = strawberry.enum_value(
        "FEE",
        description="A fee of a position that belongs to no trade: what had to be put in for it.",
    )
    TAX = strawberry.enum_value(
        "TAX",
        description="A tax: of a portfolio where `taxPolicy` has it count as taken out, of a "
        "position where it has it count as lost.",
    )
    MISSING = strawberry.enum_value(
        "MISSING",
        description="Units that were sold or moved out and that no booking accounts for: they "
        "must have come in, but not when or at what cost. The amount is null.",
    )


@strawberry.type(
    description="Money, or units at their market value, that came in or went out: what a return is "
    "not to count as earned."
)
class ExternalFlow:
    """What came in or went out."""

    entry: strawberry.Private[int]
    owners: strawberry.Private[frozenset[int]]
    question: strawberry.Private[RateQuestion | None]
    rate: strawberry.Private[float]
    day: date = strawberry.field(description="The day it counts on.")
    amount: float | None = strawberry.field(
        description="What it was worth in the figure's currency, not rounded: positive in, "
        "negative out. Null without a price or rate of the day."
    )
    kind: FlowKind = strawberry.field(description="What it is.")
    exchange_rate: ExchangeRate | None = batched(
        rates_of_flows,
        description="What one unit of the currency that it was paid in, or that the price of the "
        "units is in, counted at; of one currency for itself 1. Null where none is known.",
    )
    transaction: Transaction | None = batched(
        transactions_of_flows, description="The booking it is from."
    )


def external_flow(flow: Flow, scoped: Scoped, owners: frozenset[int]) -> ExternalFlow:
    """Build the outward shape of a flow."""
    day = date.fromordinal(flow.day)
    question = None
    if scoped.valued is not None and not isnan(flow.rate) and flow.kind is not PaymentKind.MISSING:
        question = rate_question(scoped.valued.valuation, flow.currency, day)
    return ExternalFlow(
        entry=flow.entry,
        owners=owners,
        question=question,
        rate=flow.rate,
        day=day,
        amount=None if isnan(flow.amount) else flow.amount,
        kind=FlowKind(flow.kind.name),
    )
