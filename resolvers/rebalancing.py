"""Rebalancing: what it would take to bring a portfolio to its targets; nothing is booked."""

from dataclasses import replace
from decimal import Decimal
from enum import Enum

import strawberry
from strawberry.types import Info

from analytics.allocation import evened
from analytics.conversions import Conversion
from analytics.measures import Reason
from analytics.money import ONE, ZERO, exact, plain, ratio, total, total_known
from analytics.rebalancing import HALF_A_CENT, Constraints, Fees, Gap, Order
from analytics.valuation import Missing
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.divisions import (
    CASH,
    AllocationDimension,
    Divided,
    SliceKey,
    SliceKind,
    by_of,
    divide,
    kind_of,
)
from resolvers.figures import Ask, facts_of
from resolvers.gains import Scope
from resolvers.instruments import Instrument, instrument_of
from resolvers.lots import LotMethod, method_of
from resolvers.plans import Key, Planned, method_for, offers_of, plan_of
from resolvers.quotes import Quote, quote_of
from resolvers.scalars import CurrencyCode, Ratio
from resolvers.targets import TargetWeightInput, goals_of, targets_for
from resolvers.transactions import TradeSide
from resolvers.values import (
    RATIO_PLACES,
    FigureIssue,
    Money,
    bad_input,
    checked_currency,
    exactly,
    fraction,
    issue,
    money,
    money_or_none,
)
from resolvers.worths import worths_of
from services.tags import CLASSIFICATION

LARGEST = Decimal(10) ** 15


@strawberry.enum(description="Why something of a plan is left undone.")
class RebalanceHindrance(Enum):
    """Why something is left undone, as `analytics.rebalancing.Hindrance` has it."""

    NOTHING_TO_BUY = strawberry.enum_value(
        "NOTHING_TO_BUY",
        description="Nothing is held in the slice that more could be bought of; by instrument "
        "there is no such instrument, or no price or rate of it.",
    )
    NOT_TRADED = strawberry.enum_value(
        "NOT_TRADED",
        description="What is off its target is left alone: short positions, and what is "
        "unassigned.",
    )
    SPLIT = strawberry.enum_value(
        "SPLIT",
        description="Instruments that are split over slices cannot bring all of them to their "
        "targets; the plan comes as near as it can.",
    )
    NO_SALES = strawberry.enum_value("NO_SALES", description="It would take a sale.")
    BELOW_MINIMUM = strawberry.enum_value(
        "BELOW_MINIMUM", description="The trade would be smaller than the least."
    )
    WHOLE_UNITS = strawberry.enum_value("WHOLE_UNITS", description="What is left is not a unit.")
    NO_CASH = strawberry.enum_value(
        "NO_CASH", description="The cash, less fees, does not reach that far."
    )
    NO_RATE = strawberry.enum_value(
        "NO_RATE", description="By currency: there is no exchange rate to convert at."
    )


@strawberry.input(description="What a plan keeps to. Money is in the plan's currency.")
class RebalanceConstraintsInput:
    """What a plan keeps to."""

    cash_flow: Decimal = strawberry.field(
        default=ZERO,
        description="Money that comes in to be invested; negative for money to be taken out.",
    )
    sells: bool = strawberry.field(
        default=True, description="Whether it may sell; otherwise only cash is put to work."
    )
    minimum_trade: Decimal = strawberry.field(
        default=ZERO, description="The least of a trade or conversion; smaller ones are left out."
    )
    whole_units: bool = strawberry.field(
        default=False, description="Whether only whole units are traded, rounded down."
    )
    lot_method: LotMethod | None = strawberry.field(
        default=None, description="Which lots sales take first; the portfolio's own if left out."
    )
    tax_rate: Ratio = strawberry.field(
        default=Ratio(0.0),
        description="The tax on realised gains, from 0 to 1. It is told, and not taken from cash.",
    )
    fee_per_trade: Decimal = strawberry.field(
        default=ZERO,
        description="What each trade and each conversion costs; it comes out of the cash.",
    )
    fee_rate: Ratio = strawberry.field(
        default=Ratio(0.0), description="What each of them costs of its amount, from 0 to 0.5."
    )


@strawberry.type(description="One trade of a plan. Money is in the plan's currency.")
class PlannedTrade:
    """One trade of a plan."""

    instrument: Instrument = strawberry.field(description="What is traded.")
    side: TradeSide = strawberry.field(description="`BUY` or `SELL`.")
    quantity: Decimal = strawberry.field(description="Units, above zero.")
    quote: Quote = strawberry.field(
        description="The price it is planned at, with its source and age."
    )
    exchange_rate: Decimal = strawberry.field(
        description="Units of the plan's currency for one of the instrument's, as of today."
    )
    amount: Money = strawberry.field(description="Units times price, before the fee.")
    fee: Money = strawberry.field(description="What it costs by the fees given.")
    realized_gain: Money | None = strawberry.field(
        description="Of a sale: proceeds after the fee, less what the lots it takes had cost. An "
        "estimate: the market decides. Null for a purchase, and while a cost is not known."
    )
    tax: Money | None = strawberry.field(
        description="The tax rate's share of that gain, zero for a loss; null as the gain."
    )


@strawberry.type(
    description="One conversion of a plan by currency: cash of one currency for that of another, "
    "in whole units of their cash."
)
class PlannedConversion:
    """One conversion of a plan."""

    sold: Money = strawberry.field(description="What is given, its fee included.")
    bought: Money = strawberry.field(description="What it brings, rounded down.")
    exchange_rate: Decimal = strawberry.field(
        description="Units of the currency bought for one of that sold, as of today."
    )
    amount: Money = strawberry.field(description="What is given, in the plan's currency.")
    fee: Money = strawberry.field(
        description="What it costs by the fees given, in the plan's currency."
    )


@strawberry.type(description="A slice before a plan and after it.")
class PlannedSlice:
    """A slice before a plan and after it."""

    kind: SliceKind = strawberry.field(description="Whether it is cash, assigned or neither.")
    key: str | None = strawberry.field(
        description="Names the slice; null for cash and for what is unassigned."
    )
    label: str = strawberry.field(description="What to show for it.")
    target: Ratio = strawberry.field(description="What it is meant to weigh.")
    weight_before: Ratio | None = strawberry.field(
        description="What it weighs now; null if nothing is left after debts."
    )
    weight_after: Ratio = strawberry.field(
        description="What it would weigh; all of them add up to exactly 1."
    )
    is_on_target: bool = strawberry.field(
        description="Whether it would be within half a hundredth of money of its target, or "
        "within what conversions lose because cash comes in whole units."
    )


@strawberry.type(description="What a plan leaves undone, and why.")
class RebalanceGap:
    """What a plan leaves undone."""

    kind: SliceKind | None = strawberry.field(
        description="Of which kind of slice; null for an instrument of several slices."
    )
    key: str | None = strawberry.field(
        description="Of which slice; null for what is unassigned, and as `kind`."
    )
    label: str = strawberry.field(description="What to show for the slice or slices.")
    instrument: Instrument | None = strawberry.field(
        description="Of which instrument; null if it is about the slice."
    )
    amount: Money = strawberry.field(
        description="What is missing: positive for what is not bought, negative for what is not "
        "sold."
    )
    hindrance: RebalanceHindrance = strawberry.field(description="Why.")


@strawberry.type(
    description="What it would take to bring a portfolio to its targets, at current prices. A "
    "proposal: nothing is booked and nothing is ordered. Within a slice money goes by what is held "
    "there, evenly where nothing is. Where prices or rates are missing there are no trades, and "
    "`issues` says why."
)
class RebalancePlan:
    """What it would take to bring a portfolio to its targets."""

    currency: CurrencyCode = strawberry.field(description="What its money is in.")
    trades: list[PlannedTrade] = strawberry.field(
        description="Sales first, the largest of them first; then purchases, the smallest first."
    )
    conversions: list[PlannedConversion] = strawberry.field(
        description="By currency: what cash to convert, after the sales and before the purchases. "
        "Empty by anything else."
    )
    slices: list[PlannedSlice] = strawberry.field(description="Before and after.")
    gaps: list[RebalanceGap] = strawberry.field(
        description="What is left undone; empty when all targets are met."
    )
    cash_before: Money | None = strawberry.field(
        description="The cash there is, without money that comes or goes; null without a rate."
    )
    cash_after: Money | None = strawberry.field(
        description="What would be left in cash, fees paid and taxes not; negative where sales "
        "cannot raise what is to be taken out. Null without a plan."
    )
    fees: Money = strawberry.field(description="What all trades and conversions cost.")
    realized_gain: Money | None = strawberry.field(
        description="What all sales realise together; null while a cost is not known."
    )
    tax: Money | None = strawberry.field(
        description="The tax of all sales, each for itself: losses are not set against gains. Null "
        "while a cost is not known."
    )
    issues: list[FigureIssue] = strawberry.field(
        description="Why there is no plan; empty when there is one."
    )


def _constraints(given: RebalanceConstraintsInput) -> Constraints:
    """Check what a plan keeps to; the lot method is left to the portfolio."""
    for name, amount in (
        ("minimumTrade", given.minimum_trade),
        ("feePerTrade", given.fee_per_trade),
    ):
        if not 0 <= amount < LARGEST:
            raise bad_input(f"`constraints.{name}` must be zero or more, below {LARGEST}.")
    if not abs(given.cash_flow) < LARGEST:
        raise bad_input(f"`constraints.cashFlow` must be below {LARGEST}, paid in or taken out.")
    if not 0 <= given.tax_rate <= 1:
        raise bad_input("`constraints.taxRate` must be from 0 to 1: 0.25 is 25 %.")
    if not 0 <= given.fee_rate <= 0.5:
        raise bad_input("`constraints.feeRate` must be from 0 to 0.5: 0.001 is 0.1 %.")
    return Constraints(
        sells=given.sells,
        minimum=given.minimum_trade,
        whole_units=given.whole_units,
        tax_rate=exactly(given.tax_rate),
        fees=Fees(each=given.fee_per_trade, rate=exactly(given.fee_rate)),
    )


async def plans_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    by: AllocationDimension,
    classification: str = CLASSIFICATION,
    targets: list[TargetWeightInput] | None = None,
    constraints: RebalanceConstraintsInput | None = None,
    currency: CurrencyCode | None = None,
) -> list[RebalancePlan | None]:
    """Plan how to bring a level of portfolios to their targets."""
    context = info.context
    if by is AllocationDimension.CURRENCY and targets == []:
        raise bad_input("`targets`: Targets by currency must be 1 together: cash counts for them.")
    given = constraints or RebalanceConstraintsInput()
    terms, asked = _constraints(given), method_of(given.lot_method)
    target = checked_currency(currency, argument="currency")
    facts = await facts_of(context, [Ask(parent.row, method=asked) for parent in parents])
    worths = await worths_of(context, facts, currency=target)
    divided = await divide(context, worths, by_of(by, classification))
    wanted = await targets_for(context, divided, targets)
    goals = [{} if one is None else goals_of(one, by) for one in wanted]
    offers = await offers_of(context, divided, goals)
    plans: list[RebalancePlan | None] = []
    for one, meant, offer, goal in zip(divided, wanted, offers, goals, strict=True):
        if meant is None:
            plans.append(None)
            continue
        planned = await plan_of(
            one,
            offer,
            goal,
            flow=given.cash_flow,
            constraints=replace(terms, method=method_for(one, asked)),
        )
        plans.append(_without_plan(one) if planned is None else _shown(planned))
    return plans


def _without_plan(divided: Divided) -> RebalancePlan:
    currency = divided.worths.currency
    nothing = Missing(figure="weight", reason=Reason.ZERO_VALUE)
    cash = total_known(part.value for part in divided.worths.parts if part.held is None)
    issues = [issue(missing) for missing in divided.found.missing or [nothing]]
    net = money_or_none(divided.found.net, currency)
    if not divided.found.missing and net is not None and net.amount > 0:
        issues[0].message = (
            f"`cashFlow` takes out all there is, or more: it is worth {plain(net.amount)} "
            f"{currency}."
        )
    return RebalancePlan(
        currency=CurrencyCode(currency),
        trades=[],
        conversions=[],
        slices=[],
        gaps=[],
        cash_before=money_or_none(cash, currency),
        cash_after=None,
        fees=money(ZERO, currency),
        realized_gain=None,
        tax=None,
        issues=issues,
    )


def _shown(planned: Planned) -> RebalancePlan:
    plan, currency = planned.plan, planned.divided.worths.currency
    gains = [order.realized for order in plan.orders if order.units < 0]
    return RebalancePlan(
        currency=CurrencyCode(currency),
        trades=[_trade(planned, order) for order in plan.orders],
        conversions=[_conversion(one, currency) for one in planned.conversions],
        slices=_slices(planned),
        gaps=[_gap(planned, gap) for gap in plan.gaps],
        cash_before=money(planned.offer.cash, currency),
        cash_after=money(plan.cash, currency),
        fees=money(plan.fees, currency),
        realized_gain=money_or_none(total_known(gains), currency),
        tax=money_or_none(plan.tax, currency),
        issues=[],
    )


def _trade(planned: Planned, order: Order[Key]) -> PlannedTrade:
    tradable, currency = planned.offer.tradables[order.asset.id], planned.divided.worths.currency
    return PlannedTrade(
        instrument=instrument_of(tradable.instrument),
        side=TradeSide.BUY if order.units > 0 else TradeSide.SELL,
        quantity=order.units.copy_abs(),
        quote=quote_of(tradable.quote),
        exchange_rate=tradable.rate,
        amount=money(order.amount.copy_abs(), currency),
        fee=money(order.fee, currency),
        realized_gain=money_or_none(order.realized, currency),
        tax=money_or_none(order.tax, currency),
    )


def _conversion(one: Conversion[Key], currency: str) -> PlannedConversion:
    return PlannedConversion(
        sold=_cash(one.sold, one.source.key),
        bought=_cash(one.bought, one.target.key),
        exchange_rate=ratio(one.source.rate, one.target.rate) or ZERO,
        amount=money(one.amount, currency),
        fee=money(one.fee, currency),
    )


def _cash(amount: Decimal, key: Key) -> Money:
    return money(amount, "" if key is None or key.text is None else key.text)


@exact
def _slices(planned: Planned) -> list[PlannedSlice]:
    """Set weights before and after side by side, cash among them."""
    plan, divided = planned.plan, planned.divided
    before = {one.key: one.weight for one in divided.found.slices}
    rows: list[tuple[SliceKey | None, Decimal, Decimal, bool]] = [
        (one.key, one.target, one.value, one.exact) for one in plan.reached
    ]
    if divided.by.dimension is not AllocationDimension.CURRENCY:  # there cash is in the slices
        rest = total([ONE, *(one.target.copy_negate() for one in plan.reached)])
        meant = total([rest * planned.whole, plan.cash.copy_negate()])
        rows.append((CASH, rest, plan.cash, abs(meant) < HALF_A_CENT))
    rows = [row for row in rows if row[1] or row[2] or before.get(row[0])]
    whole = total(value for _, _, value, _ in rows)
    weights = evened([ratio(row[2], whole) or ZERO for row in rows], ONE, places=RATIO_PLACES)
    nothing = None if divided.found.net is None or divided.found.net <= 0 else ZERO
    return [
        PlannedSlice(
            kind=kind_of(key),
            key=None if key is None else key.text,
            label=divided.label(key),
            target=fraction(target) or Ratio(0.0),
            weight_before=fraction(before.get(key, nothing)),
            weight_after=fraction(weight) or Ratio(0.0),
            is_on_target=on_target,
        )
        for (key, target, _, on_target), weight in zip(rows, weights, strict=True)
    ]


def _gap(planned: Planned, gap: Gap[Key]) -> RebalanceGap:
    divided = planned.divided
    asset = None if gap.asset is None else planned.offer.tradables[gap.asset.id]
    several, key = len(gap.keys) > 1, gap.keys[0]
    return RebalanceGap(
        kind=None if several else kind_of(key),
        key=None if several or key is None else key.text,
        label=", ".join(divided.label(one) for one in gap.keys),
        instrument=None if asset is None else instrument_of(asset.instrument),
        amount=money(gap.amount, divided.worths.currency),
        hindrance=RebalanceHindrance(gap.hindrance.value),
    )


def rebalance_field() -> RebalancePlan | None:
    """Declare the plan of whatever stands for one ledger or several."""
    return batched(
        plans_of_scopes,
        description="What it would take to bring it to the targets given, or else to those that "
        "are kept by the dimension; null where there are none. What targets leave stays in cash. "
        "By `CURRENCY` cash is converted first, and instruments are sold where it is too little. "
        "Nothing is written.",
        personal=True,  # only its owner may give targets for tags that nothing in it has
    )
