"""Tags: how a user sorts instruments, each tag within a classification of their own."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Delete, Select, String, UniqueConstraint, delete, func, select
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.instruments import Instrument
from models.reading import one_of
from models.types import ExactDecimal, Identifier, UtcDateTime


class Tag(Base, table=True):
    """A name that a user gives to instruments; tags of one classification share out each."""

    __tablename__ = "tags"
    __table_args__ = (UniqueConstraint("owner_id", "classification", "name"),)

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    owner_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("users.id", ondelete="CASCADE"), nullable=False)
    )
    classification: str = Field(sa_type=String)
    name: str = Field(sa_type=String)
    created_at: datetime = Field(sa_type=UtcDateTime)


class TaggedInstrument(Base, table=True):
    """Which share of an instrument a tag has."""

    __tablename__ = "tagged_instruments"

    tag_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)
    )
    instrument_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True
        )
    )
    share: Decimal = Field(sa_type=ExactDecimal)


def tags_by_owner(owner_ids: Sequence[int]) -> Select[Tag]:
    """Select the tags of users, by classification and name."""
    return (
        select(Tag)
        .where(one_of(col(Tag.owner_id), owner_ids))
        .order_by(col(Tag.classification), col(Tag.name))
    )


def tagged_by_owner(owner_ids: Sequence[int]) -> Select[TaggedInstrument, Instrument]:
    """Select what the tags of users are put on, by symbol."""
    return (
        select(TaggedInstrument, Instrument)
        .join(Tag, col(Tag.id) == col(TaggedInstrument.tag_id))
        .join(Instrument, col(Instrument.id) == col(TaggedInstrument.instrument_id))
        .where(one_of(col(Tag.owner_id), owner_ids))
        .order_by(col(Instrument.symbol))
    )


def tag_of(owner_id: int, tag_id: int) -> Select[Tag]:
    """Select one tag of one user."""
    return select(Tag).where(col(Tag.id) == tag_id, col(Tag.owner_id) == owner_id)


def tag_by_name(owner_id: int, *, classification: str, name: str) -> Select[Tag]:
    """Select a user's tag by its name."""
    return select(Tag).where(
        col(Tag.owner_id) == owner_id,
        col(Tag.classification) == classification,
        col(Tag.name) == name,
    )


def tag_count(owner_id: int) -> Select[int]:
    """Count the tags of a user."""
    return select(func.count(col(Tag.id))).where(col(Tag.owner_id) == owner_id)


def shares_of_instrument(tag: Tag, instrument_id: int) -> Select[TaggedInstrument]:
    """Select what the tags of a tag's classification have of an instrument."""
    return (
        select(TaggedInstrument)
        .join(Tag, col(Tag.id) == col(TaggedInstrument.tag_id))
        .where(
            col(Tag.owner_id) == tag.owner_id,
            col(Tag.classification) == tag.classification,
            col(TaggedInstrument.instrument_id) == instrument_id,
        )
    )


def tagged_count(tag_id: int) -> Select[int]:
    """Count the instruments that a tag is put on."""
    return select(func.count()).where(col(TaggedInstrument.tag_id) == tag_id)


def forget_tag(tag_id: int) -> Delete:
    """Delete a tag, and take it off all instruments."""
    return delete(Tag).where(col(Tag.id) == tag_id)
