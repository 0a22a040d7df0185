"""What a whole is made of: shares by a key, how concentrated it is, and how far off its targets."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from analytics.measures import Measure, Reason, parts
from analytics.money import ONE, ZERO, exact, ratio, round_to, total, total_known
from analytics.valuation import Missing

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Generic[K]):
    """Something of value, and which fraction of it belongs to which keys.

    What its shares leave of it is unassigned. A short or a debt has a negative value; without one
    ``missing`` says why.
    """

    value: Decimal | None
    shares: Mapping[K, Decimal]
    missing: Missing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What a slice has of an item, which is named by its place among all."""

    place: int
    share: Decimal
    value: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[K]):
    """What belongs to one key (null: to none), and its weight in the net total."""

    key: K | None
    value: Decimal | None
    weight: Decimal | None
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation(Generic[K]):
    """Slices, largest first; net is the sum of all values, gross that of their sizes.

    A slice with an item of unknown value has none, and then no slice has a weight; nor has any
    without a positive net. ``missing`` says why.
    """

    slices: tuple[Slice[K], ...]
    net: Decimal | None
    gross: Decimal | None
    missing: tuple[Missing, ...] = ()


def wholly(value: Decimal | None, key: K | None, *, missing: Missing | None = None) -> Item[K]:
    """Return an item that belongs to one key, or to none."""
    return Item(value=value, shares={} if key is None else {key: ONE}, missing=missing)


@exact
def allocate(items: Iterable[Item[K]]) -> Allocation[K]:
    """Divide items by key; the weights of all slices add up to one."""
    known = list(items)
    groups: dict[K | None, list[Member]] = {}
    for place, item in enumerate(known):
        shares: dict[K | None, Decimal] = dict(item.shares.items())
        rest = ONE - total(item.shares.values())
        if rest:
            shares[None] = rest
        for key, share in shares.items():
            value = None if item.value is None else item.value * share
            groups.setdefault(key, []).append(Member(place=place, share=share, value=value))
    net = total_known(item.value for item in known)
    missing = [item.missing for item in known if item.missing is not None]
    if net is not None and net <= 0:
        missing.append(Missing(figure="weight", reason=Reason.ZERO_VALUE))
    slices = (
        Slice(
            key=key,
            value=(value := total_known(member.value for member in members)),
            weight=None if net is None else ratio(value, max(net, ZERO)),
            members=tuple(members),
        )
        for key, members in groups.items()
    )
    return Allocation(
        slices=tuple(sorted(slices, key=_largest_first)),
        net=net,
        gross=total_known(None if item.value is None else abs(item.value) for item in known),
        missing=tuple(dict.fromkeys(missing)),
    )


def _largest_first(one: Slice[K]) -> tuple[bool, Decimal, str]:
    return one.value is None, -(one.value or ZERO), str(one.key)


@exact
def evened(values: Sequence[Decimal], whole: Decimal, *, places: int) -> list[Decimal]:
    """Round the parts of a whole so that they still add up to it, rounded alike.

    Each is rounded half-even; where they are a last digit over or short together, those that
    rounding moved most take it.
    """
    rounded = [round_to(value, places) for value in values]
    unit = ONE.scaleb(-places)
    over = total(rounded) - round_to(whole, places)
    step = unit.copy_sign(over)
    moved = [(one - value) * step for one, value in zip(rounded, values, strict=True)]
    order = sorted(range(len(moved)), key=lambda place: -moved[place])
    for place in order[: int(abs(over) / unit)]:
        rounded[place] -= step
    return rounded


def _sizes(
    allocation: Allocation[K], definition: str, **inputs: float
) -> tuple[Measure, list[float]]:
    """Return the shares of slices in the sum of their sizes, largest first: shorts count too."""
    values = [one.value for one in allocation.slices]
    sizes = sorted((abs(float(value)) for value in values if value is not None), reverse=True)
    whole = sum(sizes)
    begun = Measure(definition=definition, inputs=parts(slices=float(len(values)), **inputs))
    if None in values or not whole:
        nothing = Missing(figure="weight", reason=Reason.ZERO_VALUE)
        missing = next(iter(allocation.missing), nothing)
        return begun.because(missing.reason, about=missing.about), []
    return begun, [size / whole for size in sizes]


def _valued(begun: Measure, value: float) -> Measure:
    return Measure(definition=begun.definition, value=value, inputs=begun.inputs)


def herfindahl(allocation: Allocation[K]) -> Measure:
    """Return the Herfindahl index of the sizes of slices."""
    begun, sizes = _sizes(allocation, "herfindahl")
    return _valued(begun, sum(size**2 for size in sizes)) if sizes else begun


def effective_number(allocation: Allocation[K]) -> Measure:
    """Return how many slices of the same size would be as concentrated."""
    begun, sizes = _sizes(allocation, "effectiveNumber")
    return _valued(begun, 1 / sum(size**2 for size in sizes)) if sizes else begun


def top_share(allocation: Allocation[K], count: int) -> Measure:
    """Return which share the largest slices have of the sizes of all."""
    begun, sizes = _sizes(allocation, "topShare", largest=float(count))
    return _valued(begun, sum(sizes[:count])) if sizes else begun


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
    values = {one.key: one.value or ZERO for one in allocation.slices}
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
