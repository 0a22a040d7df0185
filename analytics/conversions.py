"""Plans what brings currencies to their targets: conversions of cash, and trades where it is short.

Cash stays cash and what is invested stays invested, as far as that can be: cash is converted first.
Where a currency has too little of it its instruments are sold, by what is held of each, and what
that brings is put into instruments of the currencies it goes to, where any are held.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Generic, TypeVar

from analytics.money import ONE, ZERO, exact, settle, total
from analytics.rebalancing import (
    HALF_A_CENT,
    Asset,
    Constraints,
    Gap,
    Hindrance,
    Order,
    Plan,
    Reached,
    dealt,
    moved,
    order_of,
    within,
)

K = TypeVar("K", bound=Hashable)

TRIES = 5
"""So many times what sales are to raise is corrected for the fees that they cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse(Generic[K]):
    """Cash of a currency: how much, what one of it is worth, and the least that can be paid."""

    key: K
    cash: Decimal
    rate: Decimal
    unit: Decimal

    @property
    def value(self) -> Decimal:
        """Return what the cash is worth."""
        return settle(self.cash * self.rate)

    def paid(self, value: Decimal, *, rounding: str) -> Decimal:
        """Return the cash that is worth so much, in whole units of it."""
        return (value / self.rate / self.unit).to_integral_value(rounding=rounding) * self.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion(Generic[K]):
    """Cash of one currency given for that of another; the fee is taken from what is given.

    ``sold`` and ``bought`` are in their own currencies, ``amount`` is what is given in the plan's.
    """

    source: Purse[K]
    target: Purse[K]
    sold: Decimal
    bought: Decimal
    amount: Decimal
    fee: Decimal


@dataclass(slots=True, kw_only=True)
class _Draft(Generic[K]):
    """A plan in the making: ``cash`` is what each currency has then, in the plan's currency."""

    assets: Sequence[Asset[K]]
    purses: Mapping[K, Purse[K]]
    chosen: Constraints
    cash: dict[K, Decimal]
    orders: list[Order[K]] = field(default_factory=list)
    conversions: list[Conversion[K]] = field(default_factory=list)
    small: set[K] = field(default_factory=set)
    received: dict[K, Decimal] = field(default_factory=dict)

    def trade(self, key: K, amount: Decimal, *, within_cash: Decimal | None = None) -> Decimal:
        """Buy or sell instruments of a currency by what is held; return what that brings."""
        group = [one for one in self.assets if key in one.shares and one.units > 0]
        if not group or not amount:
            return ZERO
        amounts = dealt(group, {key: amount})
        found = [order_of(one, amounts[one.id], self.chosen) for one in group]
        if within_cash is not None:
            known = [order for order in found if order is not None]
            found = list(within(known, within_cash, self.chosen))
        elif any(
            order is None and ZERO < abs(amounts[one.id]) < self.chosen.minimum
            for one, order in zip(group, found, strict=True)
        ):
            self.small.add(key)
        # A sale that brings less than its fee is none.
        orders = [one for one in found if one and (one.amount > 0 or one.amount + one.fee < 0)]
        brought = total(-order.amount - order.fee for order in orders)
        self.orders += orders
        self.cash[key] += brought
        return brought

    def convert(self, source: K, target: K, amount: Decimal, *, most: Decimal) -> None:
        """Convert so much, of ``most`` that there is to give."""
        giver, taker = self.purses[source], self.purses[target]
        sold = giver.paid(amount, rounding=ROUND_HALF_EVEN)
        if settle(sold * giver.rate) > most:
            sold = giver.paid(most, rounding=ROUND_DOWN)
        value = settle(sold * giver.rate)
        if value <= 0 or value < self.chosen.minimum:
            self.small |= {source, target}
            return
        fee = self.chosen.fees.of(value)
        bought = taker.paid(max(value - fee, ZERO), rounding=ROUND_DOWN)
        if not bought:
            return
        self.cash[source] -= value
        self.cash[target] += settle(bought * taker.rate)
        self.conversions.append(
            Conversion(source=giver, target=taker, sold=sold, bought=bought, amount=value, fee=fee)
        )


@exact
def rebalance_currencies(
    assets: Sequence[Asset[K]],
    targets: Mapping[K, Decimal],
    *,
    purses: Sequence[Purse[K]],
    home: K,
    flow: Decimal = ZERO,
    kept: Mapping[K, Decimal] | None = None,
    constraints: Constraints | None = None,
) -> "tuple[Plan[K], tuple[Conversion[K], ...]]":
    """Plan what brings currencies to their targets, which are fractions of the whole.

    A currency without a purse has no rate: nothing can be done about it. ``flow`` comes into the
    purse of ``home``, or is taken out of it. Raises ValueError unless targets are one together.
    """
    if any(target < 0 for target in targets.values()) or total(targets.values()) != ONE:
        raise ValueError("targets of currencies are fractions of the whole, and one together")
    chosen, by_key = constraints or Constraints(), {one.key: one for one in purses}
    cash = {one.key: one.value for one in purses}
    debts = {key: min(value, ZERO) for key, value in cash.items()}
    cash[home] += flow
    held = dict.fromkeys([*targets, *(kept or {}), *cash], ZERO)
    held |= {key: total([held[key], value]) for key, value in (kept or {}).items()}
    for asset in assets:
        for key, share in asset.shares.items():
            held[key] = held.get(key, ZERO) + asset.value * share
    held = {key: value + cash.get(key, ZERO) for key, value in held.items()}
    whole = total(held.values())
    needs = {key: targets.get(key, ZERO) * whole - value for key, value in held.items()}
    raised = ZERO
    for _ in range(TRIES):
        draft = _Draft(assets=assets, purses=by_key, chosen=chosen, cash=dict(cash))
        _draw(draft, needs, debts=debts, home=home, raised=raised)
        short = debts[home] - draft.cash[home]
        if short < HALF_A_CENT or not chosen.sells:
            break
        raised += (short + chosen.fees.each) / (ONE - chosen.fees.rate)
    _invest(draft)
    plan = _plan(draft, targets, held=held, cash=cash, whole=whole)
    short = debts[home] - draft.cash[home]
    if short >= HALF_A_CENT + _rounding(draft, home):
        hindrance = Hindrance.NO_CASH if chosen.sells else Hindrance.NO_SALES
        gap = Gap(keys=(home,), asset=None, amount=-short, hindrance=hindrance)
        plan = replace(plan, gaps=(*plan.gaps, gap))
    return plan, tuple(draft.conversions)


def _draw(
    draft: _Draft[K],
    needs: Mapping[K, Decimal],
    *,
    debts: Mapping[K, Decimal],
    home: K,
    raised: Decimal,
) -> None:
    """Sell and convert; ``raised`` is what sales at home are to bring besides."""
    liquid = {key: max(value, ZERO) for key, value in draft.cash.items()}
    gives = {key: -need for key, need in needs.items() if need < 0 and key in draft.purses}
    if not draft.chosen.sells:
        gives = {key: min(give, liquid[key]) for key, give in gives.items()}
    takes = {key: need for key, need in needs.items() if need > 0 and key in draft.purses}
    pairs: dict[K, list[tuple[K, Decimal]]] = {}
    for source, target, amount in _matched(gives, takes):
        if amount < HALF_A_CENT:
            continue
        if amount < draft.chosen.minimum:
            draft.small |= {source, target}
        else:
            pairs.setdefault(source, []).append((target, amount))
    for source in dict.fromkeys([*pairs, home]):
        planned = total(amount for _, amount in pairs.get(source, ()))
        of_cash = min(planned, liquid[source])
        besides = raised if source == home else ZERO
        brought = ZERO
        if draft.chosen.sells:
            brought = draft.trade(source, -(planned - of_cash + besides))
        sold = max(min(brought - besides, planned - of_cash), ZERO)
        given = of_cash + sold
        most = max(draft.cash[source] - debts[source], ZERO)
        for target, amount in pairs.get(source, ()):
            before = draft.cash[target]
            part = settle(amount * given / planned)
            draft.convert(source, target, part, most=most)
            most = max(draft.cash[source] - debts[source], ZERO)
            taken = draft.cash[target] - before
            if taken and sold:
                invested = settle(taken * sold / given)
                draft.received[target] = draft.received.get(target, ZERO) + invested


def _matched(
    gives: Mapping[K, Decimal], takes: Mapping[K, Decimal]
) -> Iterator[tuple[K, K, Decimal]]:
    """Match what is given with what is taken, the largest first; each gets its share of less."""
    given, taken = total(gives.values()), total(takes.values())
    if not given or not taken:
        return
    moved_ = min(given, taken)
    left = _shared(gives, moved_ / given), _shared(takes, moved_ / taken)
    givers, takers = left
    while givers and takers:
        (source, give), (target, take) = givers[0], takers[0]
        amount = min(give, take)
        yield source, target, amount
        givers = [(source, give - amount)] * (give > amount) + givers[1:]
        takers = [(target, take - amount)] * (take > amount) + takers[1:]


def _shared(amounts: Mapping[K, Decimal], part: Decimal) -> list[tuple[K, Decimal]]:
    """Return a part of each amount, the largest first."""
    parts = [(key, settle(amount * part)) for key, amount in amounts.items() if amount]
    return sorted(parts, key=lambda one: -one[1])


def _invest(draft: _Draft[K]) -> None:
    """Buy instruments with what came from sales of others, where any are held."""
    sold = {key for order in draft.orders for key in order.asset.shares}
    for key, amount in draft.received.items():
        if key in sold:  # for what is taken out
            continue
        budget = min(amount, max(draft.cash[key], ZERO))
        draft.trade(key, budget, within_cash=budget)


def _plan(
    draft: _Draft[K],
    targets: Mapping[K, Decimal],
    *,
    held: Mapping[K, Decimal],
    cash: Mapping[K, Decimal],
    whole: Decimal,
) -> Plan[K]:
    amounts = {order.asset.id: order.amount for order in draft.orders}
    after = moved(held, amounts, draft.assets)
    for key, value in draft.cash.items():
        after[key] += value - cash[key]
    reached, gaps = [], []
    for key, value in after.items():
        left = targets.get(key, ZERO) * whole - value
        on_target = abs(left) < HALF_A_CENT + _rounding(draft, key)
        reached.append(
            Reached(key=key, target=targets.get(key, ZERO), value=value, exact=on_target)
        )
        if not on_target:
            hindrance = _hindrance(draft, key, left, aims=targets)
            gaps.append(Gap(keys=(key,), asset=None, amount=left, hindrance=hindrance))
    taxes = [order.tax for order in draft.orders if order.units < 0]
    return Plan(
        orders=tuple(sorted(draft.orders, key=lambda order: order.amount)),
        reached=tuple(reached),
        gaps=tuple(gaps),
        cash=total(draft.cash.values()),
        fees=total([*_fees(draft.orders), *_fees(draft.conversions)]),
        tax=None if None in taxes else total(tax for tax in taxes if tax is not None),
    )


def _fees(proposals: "Iterable[Order[K] | Conversion[K]]") -> Iterator[Decimal]:
    return (one.fee for one in proposals)


def _rounding(draft: _Draft[K], key: K) -> Decimal:
    """Return what is lost at most because cash is paid in whole units of it."""
    return total(
        end.unit * end.rate
        for one in draft.conversions
        for end in (one.source, one.target)
        if key in {one.source.key, one.target.key}
    )


def _hindrance(draft: _Draft[K], key: K, left: Decimal, *, aims: Mapping[K, Decimal]) -> Hindrance:
    """Tell why a currency is off its target."""
    prices = [one.price for one in draft.assets if key in one.shares]
    unknown = {aim for aim, target in aims.items() if target and aim not in draft.purses}
    if key not in draft.purses or (left < 0 and unknown):
        return Hindrance.NO_RATE
    if key in draft.small:
        return Hindrance.BELOW_MINIMUM
    if left < 0 and not draft.chosen.sells:
        return Hindrance.NO_SALES
    if draft.chosen.whole_units and abs(left) < max(prices, default=ZERO):
        return Hindrance.WHOLE_UNITS
    return Hindrance.NO_CASH
