"""Tags of a user: making, renaming and deleting them, and putting them on instruments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.money import ONE, plain, total
from models.base import row_key
from models.instruments import Instrument
from models.tags import (
    Tag,
    TaggedInstrument,
    forget_tag,
    shares_of_instrument,
    tag_by_name,
    tag_count,
    tag_of,
    tagged_by_owner,
    tagged_count,
    tags_by_owner,
)
from models.targets import forget_targets_of_tag
from models.users import user_for_update
from services.checks import Checks
from services.errors import MistakeCode, refuse
from services.instruments import known_instruments

MAX_TAGS = 200
MAX_TAGGED = 500
CLASSIFICATION = "Tags"
"""What tags belong to unless they say otherwise."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag, and the share of each instrument that it has."""

    tag: Tag
    shares: tuple[tuple[Instrument, Decimal], ...]


async def tags_of_users(session: AsyncSession, owner_ids: Sequence[int]) -> dict[int, list[Tagged]]:
    """Return the tags of users, by classification and name."""
    on: dict[int, list[tuple[Instrument, Decimal]]] = {}
    for tagged, instrument in await session.execute(tagged_by_owner(owner_ids)):
        on.setdefault(tagged.tag_id, []).append((instrument, tagged.share))
    found: dict[int, list[Tagged]] = {}
    for tag in await session.scalars(tags_by_owner(owner_ids)):
        shares = tuple(on.get(row_key(tag.id), ()))
        found.setdefault(tag.owner_id, []).append(Tagged(tag, shares))
    return found


async def _held(session: AsyncSession, *, owner_id: int, tag_id: int | None) -> Tag:
    """Return a user's tag, held with all of theirs against other writers; raises RefusedError."""
    await session.execute(user_for_update(owner_id))
    tag = await session.scalar(tag_of(owner_id, tag_id or 0))
    if tag is None:
        raise refuse(MistakeCode.NOT_FOUND, "There is no such tag.", "tagId")
    return tag


async def _refuse_taken(session: AsyncSession, tag: Tag) -> None:
    known = tag_by_name(tag.owner_id, classification=tag.classification, name=tag.name)
    with session.no_autoflush:
        other = await session.scalar(known)
    if other is not None and other.id != tag.id:
        message = f"You already have a tag named {tag.name!r} in {tag.classification!r}."
        raise refuse(MistakeCode.ALREADY_EXISTS, message, "name")


async def create_tag(
    session: AsyncSession, name: str, *, classification: str, owner_id: int, now: datetime
) -> Tag:
    """Add a tag that is on nothing yet; raises RefusedError."""
    checks = Checks(now=now)
    tag = Tag(
        owner_id=owner_id,
        classification=checks.name(classification, "classification"),
        name=checks.name(name, "name"),
        created_at=now,
    )
    checks.finish()
    await session.execute(user_for_update(owner_id))
    await _refuse_taken(session, tag)
    if (await session.scalar(tag_count(owner_id)) or 0) >= MAX_TAGS:
        message = f"You have {MAX_TAGS} tags: delete one first."
        raise refuse(MistakeCode.OUT_OF_RANGE, message)
    session.add(tag)
    await session.flush()
    return tag


async def rename_tag(
    session: AsyncSession, name: str, *, owner_id: int, tag_id: int | None, now: datetime
) -> Tag:
    """Give a tag another name; raises RefusedError."""
    tag = await _held(session, owner_id=owner_id, tag_id=tag_id)
    checks = Checks(now=now)
    tag.name = checks.name(name, "name")
    checks.finish()
    await _refuse_taken(session, tag)
    await session.flush()
    return tag


async def delete_tag(session: AsyncSession, *, owner_id: int, tag_id: int | None) -> int:
    """Delete a tag and the targets that name it, and return its key; raises RefusedError."""
    tag = await _held(session, owner_id=owner_id, tag_id=tag_id)
    await session.execute(forget_targets_of_tag(owner_id, row_key(tag.id)))
    await session.execute(forget_tag(row_key(tag.id)))
    return row_key(tag.id)


async def _instrument(session: AsyncSession, symbol: str, *, now: datetime) -> Instrument:
    checks = Checks(now=now)
    symbol = checks.symbol(symbol, "symbol")
    checks.finish()
    found = (await known_instruments(session, [symbol])).get(symbol)
    if found is None:
        message = f"{symbol} has never been booked in any portfolio."
        raise refuse(MistakeCode.UNKNOWN_INSTRUMENT, message, "symbol")
    return found


async def tag_instrument(
    session: AsyncSession,
    symbol: str,
    *,
    share: Decimal,
    owner_id: int,
    tag_id: int | None,
    now: datetime,
) -> Tag:
    """Put a tag on a share of an instrument, or change the share; raises RefusedError."""
    tag = await _held(session, owner_id=owner_id, tag_id=tag_id)
    checks = Checks(now=now)
    share = checks.decimal(share, "share")
    if share > ONE:
        checks.note(MistakeCode.OUT_OF_RANGE, "Must be at most 1: 0.25 is 25 %.", "share")
    checks.finish()
    instrument = await _instrument(session, symbol, now=now)
    rows = list(await session.scalars(shares_of_instrument(tag, row_key(instrument.id))))
    known = next((row for row in rows if row.tag_id == tag.id), None)
    others = total(row.share for row in rows if row is not known)
    if others + share > ONE:
        message = (
            f"Other tags in {tag.classification!r} have {plain(others)} of {instrument.symbol}: "
            f"at most {plain(ONE - others)} is left."
        )
        raise refuse(MistakeCode.OUT_OF_RANGE, message, "share")
    if known is None:
        if (await session.scalar(tagged_count(row_key(tag.id))) or 0) >= MAX_TAGGED:
            message = f"The tag is on {MAX_TAGGED} instruments: take it off one first."
            raise refuse(MistakeCode.OUT_OF_RANGE, message, "tagId")
        known = TaggedInstrument(
            tag_id=row_key(tag.id), instrument_id=row_key(instrument.id), share=share
        )
        session.add(known)
    known.share = share
    await session.flush()
    return tag


async def untag_instrument(
    session: AsyncSession, symbol: str, *, owner_id: int, tag_id: int | None, now: datetime
) -> Tag:
    """Take a tag off an instrument; raises RefusedError."""
    tag = await _held(session, owner_id=owner_id, tag_id=tag_id)
    instrument = await _instrument(session, symbol, now=now)
    rows = await session.scalars(shares_of_instrument(tag, row_key(instrument.id)))
    known = next((row for row in rows if row.tag_id == tag.id), None)
    if known is None:
        message = f"The tag is not on {instrument.symbol}."
        raise refuse(MistakeCode.NOT_FOUND, message, "symbol")
    await session.delete(known)
    await session.flush()
    return tag
