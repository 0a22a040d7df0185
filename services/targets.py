"""Targets: what weights a portfolio is meant to have, checked and kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.money import ONE, PLACES, plain, total
from datasources.countries import country_code
from datasources.symbols import InvalidSymbolError, canonical
from models.access import Role
from models.base import row_key
from models.currencies import is_currency
from models.market import AssetClass
from models.targets import (
    TargetSet,
    TargetWeight,
    forget_targets,
    target_sets_of,
    target_weights_of,
)
from models.users import user_for_update
from services.access import hold_as
from services.checks import Checks
from services.errors import Mistake, MistakeCode, RefusedError
from services.tags import tags_of_users

MAX_TARGETS = 100
TOLERANCE = Decimal("0.05")
NO_TAG = "id "
"""Begins what is no tag's key, so that no number is taken for one."""

NEARLY = Decimal("1e-9")
"""Weights that are so near to one together are meant to be: sixths, as binary numbers have them."""


class Dimension(Enum):
    """By what the parts of a portfolio are put together."""

    ASSET_CLASS = "ASSET_CLASS"
    SECTOR = "SECTOR"
    INDUSTRY = "INDUSTRY"
    COUNTRY = "COUNTRY"
    CURRENCY = "CURRENCY"
    EXCHANGE = "EXCHANGE"
    INSTRUMENT = "INSTRUMENT"
    TAG = "TAG"


NAMES = {
    Dimension.ASSET_CLASS: f"write {', '.join(AssetClass.__members__)}",
    Dimension.CURRENCY: "write a code of ISO 4217, such as EUR",
    Dimension.INSTRUMENT: "write a symbol, such as AAPL",
    Dimension.TAG: "write the id of one of the tags",
}
"""What the keys of targets are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Weights by key (a tag's key where they are of tags), and how far off is still on target."""

    weights: Mapping[str, Decimal]
    tolerance: Decimal = TOLERANCE

    @property
    def rest(self) -> Decimal:
        """Return what no target names."""
        return total([ONE, *(weight.copy_negate() for weight in self.weights.values())])


@dataclass(frozen=True, slots=True)
class KeptTargets:
    """Targets as they are kept."""

    row: TargetSet
    targets: Targets


async def targets_of_scopes(
    session: AsyncSession, scopes: Collection[int]
) -> dict[int, list[KeptTargets]]:
    """Return the targets of portfolios, or of all of owners, who count negative."""
    weights: dict[int, dict[str, Decimal]] = {}
    for weight in await session.scalars(target_weights_of(scopes)):
        weights.setdefault(weight.set_id, {})[weight.key] = weight.weight
    found: dict[int, list[KeptTargets]] = {}
    for row in await session.scalars(target_sets_of(scopes)):
        scope = -row.owner_id if row.portfolio_id is None else row.portfolio_id
        targets = Targets(weights=weights.get(row_key(row.id), {}), tolerance=row.tolerance)
        found.setdefault(scope, []).append(KeptTargets(row, targets))
    return found


def check_targets(
    given: Sequence[tuple[str, Decimal]],
    *,
    dimension: Dimension,
    tolerance: Decimal = TOLERANCE,
) -> Targets:
    """Check weights by key, at most the whole together; raises RefusedError.

    By currency they are the whole: there is no cash beside, that the rest could be.
    """
    mistakes: list[Mistake] = []
    weights: dict[str, Decimal] = {}
    if len(given) > MAX_TARGETS:
        message = f"At most {MAX_TARGETS} targets."
        mistakes.append(Mistake(MistakeCode.OUT_OF_RANGE, message, ("targets",)))
    for place, (text, weight) in enumerate(given[:MAX_TARGETS]):
        path = ("targets", str(place))
        key = _key(text, dimension)
        if key is None:
            shown = text.removeprefix(NO_TAG)[:40]
            name = NAMES.get(dimension, "write at most 200 letters")
            message = f"{shown!r} names nothing by {dimension.value}: {name}."
            mistakes.append(Mistake(MistakeCode.INVALID, message, (*path, "key")))
        elif key in weights:
            message = f"{key!r} has a target already."
            mistakes.append(Mistake(MistakeCode.INVALID, message, (*path, "key")))
        mistakes += _of_fraction(weight, (*path, "weight"))
        weights[key or text] = weight
    mistakes += _of_fraction(tolerance, ("tolerance",))
    whole = None if mistakes else total(weights.values())
    if whole is not None and weights and abs(ONE - whole) <= NEARLY:
        largest = max(weights, key=lambda key: weights[key])
        weights[largest] = total([weights[largest], ONE, whole.copy_negate()])
        whole = ONE
    if whole is not None and whole > ONE:
        message = f"Targets are {plain(whole)} together: at most 1, and the rest is for cash."
        mistakes.append(Mistake(MistakeCode.OUT_OF_RANGE, message, ("targets",)))
    elif whole is not None and weights and dimension is Dimension.CURRENCY and whole != ONE:
        message = f"Targets by currency are {plain(whole)} together: cash counts, so it must be 1."
        mistakes.append(Mistake(MistakeCode.OUT_OF_RANGE, message, ("targets",)))
    if mistakes:
        raise RefusedError(mistakes)
    return Targets(weights=weights, tolerance=tolerance)


def _of_fraction(value: Decimal, path: tuple[str, ...]) -> list[Mistake]:
    exponent = value.as_tuple().exponent
    if not 0 <= value <= 1:
        return [Mistake(MistakeCode.OUT_OF_RANGE, "Must be from 0 to 1: 0.25 is 25 %.", path)]
    if isinstance(exponent, int) and -exponent > PLACES:
        return [Mistake(MistakeCode.OUT_OF_RANGE, f"Must have at most {PLACES} decimals.", path)]
    return []


def _key(text: str, dimension: Dimension) -> str | None:
    """Return what a text names by a dimension; null for nothing."""
    if dimension is Dimension.ASSET_CLASS:
        return text.upper() if text.upper() in AssetClass.__members__ else None
    if dimension is Dimension.CURRENCY:
        return text.upper() if is_currency(text.upper()) else None
    if dimension is Dimension.INSTRUMENT:
        try:
            return canonical(text)
        except InvalidSymbolError:
            return None
    if dimension is Dimension.TAG:
        return text if text.isdecimal() else None
    text = text.strip()
    if dimension is Dimension.COUNTRY:
        text = country_code(text) or ""
    return text if 0 < len(text) <= 200 and text.isprintable() else None


async def set_targets(
    session: AsyncSession,
    targets: Targets,
    *,
    user_id: int,
    portfolio_id: int | None,
    dimension: Dimension,
    classification: str,
    now: datetime,
) -> int:
    """Put targets in the place of those there are, or none; return whose they are.

    Raises RefusedError. Without a portfolio they are of all of the user's as one.
    """
    if portfolio_id is None:
        await session.execute(user_for_update(user_id))
        owner_id, scope = user_id, -user_id
    else:
        portfolio = await hold_as(session, Role.EDITOR, user_id=user_id, portfolio_id=portfolio_id)
        owner_id, scope = portfolio.owner_id, portfolio_id
    checks = Checks(now=now)
    classification = checks.name(classification, "classification")
    checks.finish()
    kept = classification if dimension is Dimension.TAG else ""
    if dimension is Dimension.TAG:
        await _check_tags(session, targets, owner_id=owner_id, classification=kept)
    await session.execute(forget_targets(scope, dimension=dimension.value, classification=kept))
    if targets.weights:
        row = TargetSet(
            owner_id=owner_id,
            portfolio_id=portfolio_id,
            dimension=dimension.value,
            classification=kept,
            tolerance=targets.tolerance,
            updated_at=now,
        )
        session.add(row)
        await session.flush()
        session.add_all(
            TargetWeight(set_id=row_key(row.id), key=key, weight=weight)
            for key, weight in targets.weights.items()
        )
        await session.flush()
    return scope


async def _check_tags(
    session: AsyncSession, targets: Targets, *, owner_id: int, classification: str
) -> None:
    own = (await tags_of_users(session, [owner_id])).get(owner_id, [])
    known = {str(one.tag.id) for one in own if one.tag.classification == classification}
    mistakes = [
        Mistake(
            MistakeCode.NOT_FOUND,
            f"There is no such tag in {classification!r}.",
            ("targets", str(place), "key"),
        )
        for place, key in enumerate(targets.weights)
        if key not in known
    ]
    if mistakes:
        raise RefusedError(mistakes)
