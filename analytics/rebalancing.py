"""Plans trades that bring weights to their targets, as exact amounts; nothing is booked.

Targets are of keys (an instrument, or a class of them). Within a key money goes by what is held
there already, evenly where nothing is. Plans are worked out in the report currency.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Generic, TypeVar

from analytics.events import Method
from analytics.heaps import Heap
from analytics.holdings import Lot
from analytics.money import ONE, ZERO, exact, settle, total

K = TypeVar("K", bound=Hashable)


_HALF_A_CENT = Decimal("0.005")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset(Generic[K]):
    """What can be traded: units held, the price of one in the report currency, and its key.

    ``lots`` tell what a sale would realise, with costs in the report currency as base.
    """

    id: int
    key: K
    units: Decimal
    price: Decimal
    lots: tuple[Lot, ...] = ()

    @property
    def value(self) -> Decimal:
        """Return what the units held are worth."""
        return self.units * self.price


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a plan keeps to.

    ``sells`` may be forbidden: then only ``cash`` is put to work. Trades below ``minimum`` are
    left out. ``whole_units`` rounds down, so a plan never spends more than there is. ``tax_rate``
    is of gains that sales realise by the lot ``method``.
    """

    sells: bool = True
    minimum: Decimal = ZERO
    whole_units: bool = False
    tax_rate: Decimal = ZERO
    method: Method = Method.FIFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Generic[K]):
    """One trade of a plan; units and amount are positive for a purchase."""

    asset: Asset[K]
    units: Decimal
    amount: Decimal
    realized: Decimal | None
    tax: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached(Generic[K]):
    """Where a plan brings a key."""

    key: K
    target: Decimal
    before: Decimal
    after: Decimal
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[K]):
    """Orders, sales first, and what they leave; ``cash`` is what is not put to work."""

    orders: tuple[Order[K], ...]
    reached: tuple[Reached[K], ...]
    cash: Decimal
    tax: Decimal | None


@exact
def rebalance(
    assets: Sequence[Asset[K]],
    targets: Mapping[K, Decimal],
    *,
    cash: Decimal = ZERO,
    constraints: Constraints | None = None,
) -> Plan[K]:
    """Plan what to buy with cash and with what is sold; targets are fractions of the whole.

    Raises ValueError if targets are negative or more than the whole, or a key has no asset.
    """
    chosen = constraints or Constraints()
    _check(assets, targets)
    whole = total(asset.value for asset in assets) + cash
    held: dict[K, Decimal] = {}
    for asset in assets:
        held[asset.key] = held.get(asset.key, ZERO) + asset.value
    wanted = {key: targets.get(key, ZERO) * whole - value for key, value in held.items()}
    wanted = _affordable(wanted, cash=cash, sells=chosen.sells)
    amounts = _dealt(assets, wanted)
    orders = [
        order for asset in assets if (order := _order(asset, amounts[asset.id], chosen)) is not None
    ]
    orders = _within(orders, cash, chosen)
    spent = total(order.amount for order in orders)
    after = dict(held)
    for order in orders:
        after[order.asset.key] += order.amount
    taxes = [order.tax for order in orders if order.units < 0]
    return Plan(
        orders=tuple(sorted(orders, key=lambda order: order.amount)),
        reached=tuple(
            Reached(
                key=key,
                target=targets.get(key, ZERO),
                before=_share(held[key], whole),
                after=_share(after[key], whole),
                exact=abs(after[key] - targets.get(key, ZERO) * whole) < _HALF_A_CENT,
            )
            for key in held
        ),
        cash=cash - spent,
        tax=None if None in taxes else total(tax for tax in taxes if tax is not None),
    )


def _check(assets: Sequence[Asset[K]], targets: Mapping[K, Decimal]) -> None:
    if any(target < 0 for target in targets.values()) or total(targets.values()) > ONE:
        raise ValueError("targets are fractions of the whole, and no more than it together")
    nowhere = targets.keys() - {asset.key for asset in assets}
    if any(targets[key] for key in nowhere):
        raise ValueError(f"nothing to buy for {sorted(map(str, nowhere))}")


def _share(value: Decimal, whole: Decimal) -> Decimal:
    return settle(value / whole) if whole else ZERO


def _affordable(wanted: dict[K, Decimal], *, cash: Decimal, sells: bool) -> dict[K, Decimal]:
    """Without sales only buy, and each the less the further the cash falls short of all."""
    if sells:
        return wanted
    needs = {key: max(amount, ZERO) for key, amount in wanted.items()}
    needed = total(needs.values())
    if needed <= max(cash, ZERO):
        return needs
    return {key: settle(max(cash, ZERO) * need / needed) for key, need in needs.items()}


def _dealt(assets: Sequence[Asset[K]], wanted: Mapping[K, Decimal]) -> dict[int, Decimal]:
    """Deal the amount of each key to its assets, to the last digit."""
    groups: dict[K, list[Asset[K]]] = {}
    for asset in assets:
        groups.setdefault(asset.key, []).append(asset)
    amounts: dict[int, Decimal] = {}
    for key, group in groups.items():
        weights = {asset.id: asset.value for asset in group}
        if total(weights.values()) <= 0:
            weights = {asset.id: ONE for asset in group}
        left, whole = wanted[key], total(weights.values())
        for asset in group:
            share = left if weights[asset.id] == whole else settle(left * weights[asset.id] / whole)
            amounts[asset.id] = share
            left, whole = left - share, whole - weights[asset.id]
    return amounts


def _order(asset: Asset[K], amount: Decimal, chosen: Constraints) -> Order[K] | None:
    units = settle(amount / asset.price)
    if chosen.whole_units:
        units = units.to_integral_value(rounding=ROUND_DOWN)
        amount = units * asset.price
    if not units or abs(amount) < chosen.minimum:
        return None
    realized = _realized(asset, -units, -amount, chosen.method) if units < 0 else None
    tax = None if realized is None else settle(max(realized, ZERO) * chosen.tax_rate)
    return Order(asset=asset, units=units, amount=amount, realized=realized, tax=tax)


def _realized(asset: Asset[K], units: Decimal, proceeds: Decimal, method: Method) -> Decimal | None:
    """Return the gain a sale would realise; null if a cost of it is not known."""
    heap = Heap(method)
    for lot in asset.lots:
        heap.add(lot)
    parts = heap.take(units)
    if total(part.quantity for part in parts) != units:
        return None
    costs = [part.cost_base for part in parts]
    if None in costs:
        return None
    return proceeds - total(cost for cost in costs if cost is not None)


def _within(orders: list[Order[K]], cash: Decimal, chosen: Constraints) -> list[Order[K]]:
    """Buy less where sales that were too small, or rounded, bring less than purchases take."""
    over = total(order.amount for order in orders) - cash
    bought = [order for order in orders if order.amount > 0]
    if over <= 0 or not bought:
        return orders
    whole = total(order.amount for order in bought)
    kept: list[Order[K]] = [order for order in orders if order.amount < 0]
    for order in bought:
        less = settle(order.amount * max(whole - over, ZERO) / whole)
        smaller = _order(order.asset, _floor(less), replace(chosen, tax_rate=ZERO))
        if smaller is not None:
            kept.append(smaller)
    return kept


def _floor(amount: Decimal) -> Decimal:
    """Leave a last digit, so that what was rounded never takes more than there is."""
    return max(amount - ONE.scaleb(-17), ZERO)
