"""Dimensions: how the parts of portfolios are put together, and what tells slices apart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

import strawberry

from analytics.allocation import Allocation, Item, allocate
from analytics.money import ONE
from models.instruments import Instrument
from models.market import CompanyProfile
from resolvers.context import Context
from resolvers.tags import tag_id_of
from resolvers.worths import Worth, Worths
from services.tags import Tagged


@strawberry.enum(description="By what the parts of a portfolio are put together.")
class AllocationDimension(Enum):
    """By what the parts of a portfolio are put together, as `services.targets.Dimension` has it."""

    ASSET_CLASS = strawberry.enum_value(
        "ASSET_CLASS", description="By `Instrument.assetClass`; all cash is a slice of its own."
    )
    SECTOR = strawberry.enum_value(
        "SECTOR", description="By the broad line of business, as the profile says."
    )
    INDUSTRY = strawberry.enum_value(
        "INDUSTRY", description="By the narrow line of business, as the profile says."
    )
    COUNTRY = strawberry.enum_value(
        "COUNTRY", description="By where the company is at home, as the profile says."
    )
    CURRENCY = strawberry.enum_value(
        "CURRENCY", description="By what instruments trade in; cash by its own currency."
    )
    EXCHANGE = strawberry.enum_value("EXCHANGE", description="By where instruments trade.")
    INSTRUMENT = strawberry.enum_value(
        "INSTRUMENT", description="Each instrument for itself; all cash is a slice of its own."
    )
    TAG = strawberry.enum_value(
        "TAG",
        description="By the tags of the portfolio's owner, those of one `classification`: what "
        "tags have of an instrument goes to them, the rest is unassigned.",
    )


@strawberry.enum(description="What a slice is.")
class SliceKind(Enum):
    """What a slice is."""

    ASSIGNED = strawberry.enum_value("ASSIGNED", description="What belongs to its key.")
    CASH = strawberry.enum_value("CASH", description="All cash, whatever its currency.")
    UNASSIGNED = strawberry.enum_value(
        "UNASSIGNED", description="What belongs to no key, such as a fund without a sector."
    )


@dataclass(frozen=True, slots=True)
class SliceKey:
    """What tells slices apart; cash has no text. What belongs to none has no key at all."""

    text: str | None

    def __str__(self) -> str:
        """Return what slices of the same size are sorted by."""
        return self.text or ""


CASH = SliceKey(None)
Shares = Mapping[SliceKey, Decimal]

_OF_INSTRUMENT: dict[AllocationDimension, Callable[[Instrument], str | None]] = {
    AllocationDimension.ASSET_CLASS: lambda row: row.asset_class,
    AllocationDimension.CURRENCY: lambda row: row.currency,
    AllocationDimension.EXCHANGE: lambda row: row.exchange,
    AllocationDimension.INSTRUMENT: lambda row: row.symbol,
}
_OF_PROFILE: dict[AllocationDimension, Callable[[CompanyProfile], str | None]] = {
    AllocationDimension.SECTOR: lambda profile: profile.sector,
    AllocationDimension.INDUSTRY: lambda profile: profile.industry,
    AllocationDimension.COUNTRY: lambda profile: profile.country,
}


def kind_of(key: SliceKey | None) -> SliceKind:
    """Return what kind of slice has a key."""
    if key is None:
        return SliceKind.UNASSIGNED
    return SliceKind.CASH if key == CASH else SliceKind.ASSIGNED


@dataclass(frozen=True, slots=True)
class By:
    """A dimension; of tags those of one classification, which is empty by anything else."""

    dimension: AllocationDimension
    classification: str = ""


def by_of(dimension: AllocationDimension, classification: str) -> By:
    """Return a dimension, with a classification if it is of tags."""
    return By(dimension, classification if dimension is AllocationDimension.TAG else "")


def label_of(key: SliceKey | None, by: AllocationDimension, names: Mapping[str, str]) -> str:
    """Return what to show for a slice."""
    if key is None or key.text is None:
        return kind_of(key).name.capitalize()
    if by is AllocationDimension.ASSET_CLASS:
        return key.text.capitalize()
    return names.get(key.text, key.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """A portfolio divided by a dimension: its parts, and the slices they went to."""

    by: By
    worths: Worths
    items: tuple[Item[SliceKey], ...]
    found: Allocation[SliceKey]
    names: Mapping[str, str]

    def label(self, key: SliceKey | None) -> str:
        """Return what to show for a slice."""
        return label_of(key, self.by.dimension, self.names)

    @property
    def holds(self) -> set[str | None]:
        """Return the keys of all slices that something is in, at any price or none."""
        return {key.text for item in self.items for key in item.shares}


async def divide(context: Context, worths: Sequence[Worths], by: By) -> list[Divided]:
    """Divide the parts of portfolios by a dimension."""
    rows = {
        part.held.instrument.symbol: part.held.instrument
        for one in worths
        for part in one.parts
        if part.held is not None
    }
    shares: dict[str, Shares] = {}
    if by.dimension in _OF_INSTRUMENT:
        read = _OF_INSTRUMENT[by.dimension]
        shares = {symbol: _wholly(read(row)) for symbol, row in rows.items()}
    elif by.dimension in _OF_PROFILE:
        tell = _OF_PROFILE[by.dimension]
        found = await context.loaders.profiles.load_many(list(rows))
        shares = {
            symbol: {} if profile is None else _wholly(tell(profile))
            for symbol, profile in zip(rows, found, strict=True)
        }
    groups: list[list[Tagged]] = [[] for _ in worths]
    if by.dimension is AllocationDimension.TAG:
        groups = await context.loaders.tags.load_many(
            [one.facts.portfolio.owner_id for one in worths]
        )
    names: dict[str, str] = {}
    if by.dimension is AllocationDimension.INSTRUMENT:
        names = {symbol: row.name for symbol, row in rows.items()}
    return [
        _divided(
            one,
            by,
            shares=shares | _of_tags(group, by.classification),
            names=names | _names_of_tags(group, by.classification),
        )
        for one, group in zip(worths, groups, strict=True)
    ]


def _wholly(text: str | None) -> Shares:
    return {SliceKey(text): ONE} if text else {}


def _names_of_tags(group: Sequence[Tagged], classification: str) -> dict[str, str]:
    return {
        tag_id_of(tagged.tag): tagged.tag.name
        for tagged in group
        if tagged.tag.classification == classification
    }


def _of_tags(group: Sequence[Tagged], classification: str) -> dict[str, Shares]:
    """Return what tags have of each instrument, by its symbol."""
    found: dict[str, dict[SliceKey, Decimal]] = {}
    for tagged in group:
        if tagged.tag.classification == classification:
            key = SliceKey(tag_id_of(tagged.tag))
            for instrument, share in tagged.shares:
                found.setdefault(instrument.symbol, {})[key] = share
    return {**found}


def _divided(
    worths: Worths, by: By, *, shares: Mapping[str, Shares], names: Mapping[str, str]
) -> Divided:
    in_cash = by.dimension is not AllocationDimension.CURRENCY

    def shares_of(part: Worth) -> Shares:
        if part.held is not None:
            return shares.get(part.held.instrument.symbol, {})
        return {CASH if in_cash else SliceKey(part.currency): ONE}

    items = tuple(
        Item(value=part.value, shares=shares_of(part), missing=part.missing)
        for part in worths.parts
    )
    return Divided(by=by, worths=worths, items=items, found=allocate(items), names=names)
