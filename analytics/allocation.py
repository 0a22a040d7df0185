"""What a whole is made of: shares by a key, how concentrated it is, and how far off its targets."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from analytics.measures import Measure, Reason, parts
from analytics.money import ONE, ZERO, exact, ratio, total, total_known

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Generic[K]):
    """Something of value, and which fraction of it belongs to which keys.

    What its shares leave of it is unassigned. A short or a debt has a negative value.
    """

    value: Decimal | None
    shares: Mapping[K, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[K]):
    """What belongs to one key (null: to none), and its weight in the net total."""

    key: K | None
    value: Decimal
    weight: Decimal | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation(Generic[K]):
    """Slices, largest first; net is the sum of all values, gross that of their sizes.

    Without a value of each item all is null; without a positive net no slice has a weight.
    """

    slices: tuple[Slice[K], ...]
    net: Decimal | None
    gross: Decimal | None
    reason: Reason | None = None


def wholly(value: Decimal | None, key: K | None) -> Item[K]:
    """Return an item that belongs to one key, or to none."""
    return Item(value=value, shares={} if key is None else {key: ONE})


@exact
def allocate(items: Iterable[Item[K]]) -> Allocation[K]:
    """Divide items by key; the weights of all slices add up to one."""
    known = list(items)
    net = total_known(item.value for item in known)
    if net is None:
        return Allocation(slices=(), net=None, gross=None, reason=Reason.NO_PRICE)
    sums: dict[K | None, Decimal] = {}
    counts: dict[K | None, int] = {}
    for item in known:
        value = item.value or ZERO
        dealt: dict[K | None, Decimal] = {key: value * part for key, part in item.shares.items()}
        rest = ONE - total(item.shares.values())
        if rest:
            dealt[None] = value * rest
        for key, part in dealt.items():
            sums[key] = sums.get(key, ZERO) + part
            counts[key] = counts.get(key, 0) + 1
    slices = (
        Slice(key=key, value=value, weight=ratio(value, max(net, ZERO)), count=counts[key])
        for key, value in sums.items()
    )
    return Allocation(
        slices=tuple(sorted(slices, key=lambda one: (-one.value, str(one.key)))),
        net=net,
        gross=total(abs(item.value or ZERO) for item in known),
        reason=None if net > 0 else Reason.ZERO_VALUE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """How much is in how few: the Herfindahl index, how many equal parts would have it, the top."""

    herfindahl: Measure
    effective: float | None
    largest: float | None
    top_five: float | None


def concentration(allocation: Allocation[K]) -> Concentration:
    """Measure how concentrated slices are, by the sizes of their values: shorts count too."""
    sizes = sorted((abs(float(one.value)) for one in allocation.slices), reverse=True)
    whole = sum(sizes)
    begun = Measure(definition="concentration", inputs=parts(slices=float(len(sizes)), gross=whole))
    if not whole:
        lacking = begun.because(allocation.reason or Reason.ZERO_VALUE)
        return Concentration(herfindahl=lacking, effective=None, largest=None, top_five=None)
    weights = [size / whole for size in sizes]
    found = sum(weight**2 for weight in weights)
    return Concentration(
        herfindahl=Measure(definition="concentration", value=found, inputs=begun.inputs),
        effective=1 / found,
        largest=weights[0],
        top_five=sum(weights[:5]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift(Generic[K]):
    """How far a slice is from its target: in weight, and in what it would take to get there."""

    key: K | None
    weight: Decimal
    target: Decimal
    drift: Decimal
    amount: Decimal


@exact
def drifts(allocation: Allocation[K], targets: Mapping[K, Decimal]) -> list[Drift[K]]:
    """Compare slices with targets, furthest off first; nothing without a positive net.

    A key without a target has the target zero.
    """
    if allocation.net is None or allocation.net <= 0:
        return []
    values = {one.key: one.value for one in allocation.slices}
    keys = dict.fromkeys([*values, *targets])
    found = []
    for key in keys:
        target = ZERO if key is None else targets.get(key, ZERO)
        value = values.get(key, ZERO)
        weight = ratio(value, allocation.net) or ZERO
        found.append(
            Drift(
                key=key,
                weight=weight,
                target=target,
                drift=weight - target,
                amount=target * allocation.net - value,
            )
        )
    return sorted(found, key=lambda one: -abs(one.drift))


def through(
    items: Iterable[tuple[Decimal | None, K]], inside: Callable[[K], Mapping[K, Decimal] | None]
) -> list[Item[K]]:
    """Look through funds: what is known of the inside of one stands in its place."""
    return [
        Item(value=value, shares=known) if (known := inside(key)) else wholly(value, key)
        for value, key in items
    ]
