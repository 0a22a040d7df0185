"""Plans trades that bring weights to their targets, as exact amounts; nothing is booked.

Targets are of keys (an instrument, or a class of them). Within a key money goes by what is held
there already, evenly where nothing is. Where assets are split over keys, amounts solve all of their
targets at once, as near as can be (least squares). Plans are worked out in the report currency.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from enum import Enum
from typing import Generic, TypeVar

import numpy as np

from analytics.events import Method
from analytics.heaps import Heap
from analytics.holdings import Lot
from analytics.money import ONE, ZERO, exact, settle, total

K = TypeVar("K", bound=Hashable)

HALF_A_CENT = Decimal("0.005")
"""What is nearer to its target than that is on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset(Generic[K]):
    """What can be traded: units held, the price of one in the report currency, and its keys.

    ``shares`` are the fractions that keys have of it, one together. ``lots`` tell what a sale would
    realise, with costs in the report currency as base.
    """

    id: int
    shares: Mapping[K, Decimal]
    units: Decimal
    price: Decimal
    lots: tuple[Lot, ...] = ()

    @property
    def value(self) -> Decimal:
        """Return what the units held are worth."""
        return self.units * self.price


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What a trade costs: so much each, and so much of its amount."""

    each: Decimal = ZERO
    rate: Decimal = ZERO

    def of(self, amount: Decimal) -> Decimal:
        """Return what a trade of an amount costs."""
        return self.each + settle(abs(amount) * self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a plan keeps to.

    ``sells`` may be forbidden: then only ``cash`` is put to work. Trades below ``minimum`` are
    left out. ``whole_units`` rounds down, so a plan never spends more than there is. ``tax_rate``
    is of gains that sales realise by the lot ``method``; tax is told, and not taken from the cash.
    """

    sells: bool = True
    minimum: Decimal = ZERO
    whole_units: bool = False
    tax_rate: Decimal = ZERO
    method: Method = Method.FIFO
    fees: Fees = field(default_factory=Fees)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Generic[K]):
    """One trade of a plan; units and amount are positive for a purchase, before its fee.

    What a sale realises is after the fee.
    """

    asset: Asset[K]
    units: Decimal
    amount: Decimal
    fee: Decimal
    realized: Decimal | None
    tax: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached(Generic[K]):
    """Where a plan brings a key: what it is worth then, and whether that is its target."""

    key: K
    target: Decimal
    value: Decimal
    exact: bool


class Hindrance(Enum):
    """Why something is left undone."""

    NOTHING_TO_BUY = "NOTHING_TO_BUY"
    NOT_TRADED = "NOT_TRADED"
    SPLIT = "SPLIT"
    NO_SALES = "NO_SALES"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    WHOLE_UNITS = "WHOLE_UNITS"
    NO_CASH = "NO_CASH"
    NO_RATE = "NO_RATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Generic[K]):
    """What is left undone of a key, or of an asset and its keys; positive for what to buy."""

    keys: tuple[K, ...]
    asset: Asset[K] | None
    amount: Decimal
    hindrance: Hindrance


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[K]):
    """Orders, sales first, and what they leave; ``cash`` is what is not put to work."""

    orders: tuple[Order[K], ...]
    reached: tuple[Reached[K], ...]
    gaps: tuple[Gap[K], ...]
    cash: Decimal
    fees: Decimal
    tax: Decimal | None


@exact
def rebalance(
    assets: Sequence[Asset[K]],
    targets: Mapping[K, Decimal],
    *,
    cash: Decimal = ZERO,
    kept: Mapping[K, Decimal] | None = None,
    aimless: Collection[K] = (),
    constraints: Constraints | None = None,
) -> Plan[K]:
    """Plan what to buy with cash and with what is sold; targets are fractions of the whole.

    What is ``kept`` counts for its key and is not traded; what becomes of an ``aimless`` key does
    not matter. Raises ValueError if targets are negative or more than the whole.
    """
    chosen, values = constraints or Constraints(), dict(kept or {})
    if any(target < 0 for target in targets.values()) or total(targets.values()) > ONE:
        raise ValueError("targets are fractions of the whole, and no more than it together")
    held = dict.fromkeys([*(key for asset in assets for key in asset.shares), *values], ZERO)
    held |= dict.fromkeys(targets, ZERO) | values
    for asset in assets:
        for key, share in asset.shares.items():
            held[key] += asset.value * share
    whole = total(held.values()) + cash
    missing = {key: targets.get(key, ZERO) * whole - value for key, value in held.items()}
    wanted = dict.fromkeys((asset.id for asset in assets), ZERO)
    for group in _groups(assets, aimless):
        wanted |= dealt(group, missing) if _is_plain(group) else _solved(group, missing, aimless)
    payable = _affordable(wanted, cash=cash, sells=chosen.sells)
    orders = [
        order
        for asset in assets
        if (order := order_of(asset, payable[asset.id], chosen)) is not None
    ]
    orders = within(orders, cash, chosen)
    after = moved(held, {order.asset.id: order.amount for order in orders}, assets)
    taxes = [order.tax for order in orders if order.units < 0]
    aimed = moved(dict.fromkeys(held, ZERO), wanted, assets)
    return Plan(
        orders=tuple(sorted(orders, key=lambda order: order.amount)),
        reached=tuple(
            Reached(
                key=key,
                target=targets.get(key, ZERO),
                value=after[key],
                exact=abs(after[key] - targets.get(key, ZERO) * whole) < HALF_A_CENT,
            )
            for key in held
        ),
        gaps=(
            *_beyond(missing, aimed, kept=values.keys() | set(aimless), assets=assets),
            *_undone(wanted, {order.asset.id: order for order in orders}, assets, chosen),
        ),
        cash=cash - total(order.amount + order.fee for order in orders),
        fees=total(order.fee for order in orders),
        tax=None if None in taxes else total(tax for tax in taxes if tax is not None),
    )


def moved(
    held: Mapping[K, Decimal], amounts: Mapping[int, Decimal], assets: Sequence[Asset[K]]
) -> dict[K, Decimal]:
    """Return what keys have after so much of each asset was bought."""
    after = dict(held)
    for asset in assets:
        for key, share in asset.shares.items():
            after[key] += amounts.get(asset.id, ZERO) * share
    return after


def _beyond(
    missing: Mapping[K, Decimal],
    aimed: Mapping[K, Decimal],
    *,
    kept: Collection[K],
    assets: Sequence[Asset[K]],
) -> Iterator[Gap[K]]:
    """Tell of keys whose targets no trade brings about."""
    traded = {key for asset in assets for key in asset.shares}
    for key, amount in missing.items():
        left = amount - aimed[key]
        if abs(left) >= HALF_A_CENT:
            hindrance = Hindrance.SPLIT if key in traded else Hindrance.NOTHING_TO_BUY
            if key in kept:
                hindrance = Hindrance.NOT_TRADED
            yield Gap(keys=(key,), asset=None, amount=left, hindrance=hindrance)


def _undone(
    wanted: Mapping[int, Decimal],
    orders: Mapping[int, Order[K]],
    assets: Sequence[Asset[K]],
    chosen: Constraints,
) -> Iterator[Gap[K]]:
    """Tell of each asset that is not traded as far as its target asks for."""
    for asset in assets:
        order, amount = orders.get(asset.id), wanted[asset.id]
        left = amount - (ZERO if order is None else order.amount)
        if abs(left) < HALF_A_CENT:
            continue
        if amount < 0 and not chosen.sells:
            hindrance = Hindrance.NO_SALES
        elif order is None and ZERO < abs(_amount(asset, amount, chosen)) < chosen.minimum:
            hindrance = Hindrance.BELOW_MINIMUM
        elif chosen.whole_units and abs(left) < asset.price:
            hindrance = Hindrance.WHOLE_UNITS
        else:
            hindrance = Hindrance.NO_CASH
        yield Gap(keys=tuple(asset.shares), asset=asset, amount=left, hindrance=hindrance)


def _affordable(wanted: dict[int, Decimal], *, cash: Decimal, sells: bool) -> dict[int, Decimal]:
    """Without sales only buy, and each the less the further the cash falls short of all."""
    if sells:
        return wanted
    needs = {key: max(amount, ZERO) for key, amount in wanted.items()}
    needed = total(needs.values())
    if needed <= max(cash, ZERO):
        return needs
    return {key: settle(max(cash, ZERO) * need / needed) for key, need in needs.items()}


def _groups(assets: Sequence[Asset[K]], aimless: Collection[K]) -> list[list[Asset[K]]]:
    """Put assets together that have keys in common, be it by others; none without an aim."""
    groups: list[tuple[set[K], list[Asset[K]]]] = []
    for asset in assets:
        keys, members = set(asset.shares) - set(aimless), [asset]
        if not keys:
            continue
        apart = []
        for group in groups:
            if group[0] & keys:
                keys, members = keys | group[0], [*group[1], *members]
            else:
                apart.append(group)
        groups = [*apart, (keys, members)]
    return [members for _, members in groups]


def _is_plain(group: Sequence[Asset[K]]) -> bool:
    """Tell whether assets that have keys in common have a single one."""
    return all(len(asset.shares) == 1 for asset in group)


def dealt(group: Sequence[Asset[K]], missing: Mapping[K, Decimal]) -> dict[int, Decimal]:
    """Deal what one key misses to its assets, to the last digit; no more is sold than is held."""
    (key,) = group[0].shares
    weights = {asset.id: asset.value for asset in group}
    worth = total(weights.values())
    if worth <= 0:
        weights = {asset.id: ONE for asset in group}
    left, whole = max(missing[key], -worth), total(weights.values())
    amounts: dict[int, Decimal] = {}
    for asset in group:
        share = left if weights[asset.id] == whole else settle(left * weights[asset.id] / whole)
        amounts[asset.id] = share
        left, whole = left - share, whole - weights[asset.id]
    return amounts


def _solved(
    group: Sequence[Asset[K]], missing: Mapping[K, Decimal], aimless: Collection[K]
) -> dict[int, Decimal]:
    """Find amounts that bring all keys of a group as near to their targets as can be.

    Of several ways the one that moves each asset by its value is taken, as within one key.
    """
    keys = list(dict.fromkeys(key for asset in group for key in asset.shares))
    keys = [key for key in keys if key not in aimless]
    values = np.array([float(asset.value) for asset in group])
    shares = np.array([[float(one.shares.get(key, ZERO)) for one in group] for key in keys])
    scale = np.sqrt(np.maximum(values, values.max() * 1e-6)) if values.any() else values + 1
    goal = np.array([float(missing[key]) for key in keys])
    amounts, free = np.zeros(len(group)), np.ones(len(group), dtype=bool)
    while free.any():
        rest = goal - shares[:, ~free] @ amounts[~free]
        found = np.linalg.lstsq(shares[:, free] * scale[free], rest, rcond=None)[0]
        amounts[free] = found * scale[free]
        short = free & (amounts < -values)
        if not short.any():
            break
        amounts[short], free = -values[short], free & ~short
    return {
        asset.id: max(Decimal(repr(round(float(amount), 6))), -asset.value)
        for asset, amount in zip(group, amounts, strict=True)
    }


def _amount(asset: Asset[K], amount: Decimal, chosen: Constraints) -> Decimal:
    """Return what of an amount can be traded in units."""
    if not chosen.whole_units:
        return amount
    return (amount / asset.price).to_integral_value(rounding=ROUND_DOWN) * asset.price


def order_of(asset: Asset[K], amount: Decimal, chosen: Constraints) -> Order[K] | None:
    """Return the order of an amount; null where it is too small, or not a unit."""
    amount = _amount(asset, amount, chosen)
    units = settle(amount / asset.price)
    if not units or abs(amount) < chosen.minimum:
        return None
    fee = chosen.fees.of(amount)
    realized = _realized(asset, -units, -amount - fee, chosen.method) if units < 0 else None
    tax = None if realized is None else settle(max(realized, ZERO) * chosen.tax_rate)
    return Order(asset=asset, units=units, amount=amount, fee=fee, realized=realized, tax=tax)


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


def within(orders: list[Order[K]], cash: Decimal, chosen: Constraints) -> list[Order[K]]:
    """Buy less where sales that were too small, rounded or charged bring less than is needed."""
    over = total(order.amount + order.fee for order in orders) - cash
    bought = [order for order in orders if order.amount > 0]
    if over <= 0 or not bought:
        return orders
    whole = total(order.amount for order in bought)
    left = max(whole - over / (ONE + chosen.fees.rate), ZERO)
    kept: list[Order[K]] = [order for order in orders if order.amount < 0]
    for order in bought:
        smaller = order_of(order.asset, _floor(settle(order.amount * left / whole)), chosen)
        if smaller is not None:
            kept.append(smaller)
    return kept


def _floor(amount: Decimal) -> Decimal:
    """Leave a last digit, so that what was rounded never takes more than there is."""
    return max(amount - ONE.scaleb(-17), ZERO)
