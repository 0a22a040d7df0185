"""Tags: how a user sorts instruments."""

from datetime import datetime
from typing import Protocol

import strawberry
from strawberry.types import Info

from models import tags, users
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.scalars import Ratio
from resolvers.values import Node
from services.tags import Tagged


@strawberry.type(description="An instrument that a tag is put on.")
class TaggedInstrument:
    """An instrument that a tag is put on."""

    instrument: Instrument = strawberry.field(description="The instrument.")
    share: Ratio = strawberry.field(
        description="Which fraction of it the tag has: above 0, at most 1."
    )


@strawberry.type(
    description="A name that you give to instruments. Tags of one classification share out each "
    "instrument among them, at most the whole of it."
)
class Tag(Node):
    """A name that a user gives to instruments."""

    name: str = strawberry.field(description="Your name for it, unique in its classification.")
    classification: str = strawberry.field(
        description="What the tag is one of, such as Strategy or Risk."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    instruments: list[TaggedInstrument] = strawberry.field(
        description="What it is put on, by symbol."
    )


class OfUser(Protocol):
    """Whatever stands for one user."""

    row: users.User


def tag_id_of(row: tags.Tag) -> str:
    """Return the global id of a tag."""
    return encode_id("Tag", row.id)


def tag_of(tagged: Tagged) -> Tag:
    """Build the outward shape of a tag."""
    return Tag(
        id=strawberry.ID(tag_id_of(tagged.tag)),
        name=tagged.tag.name,
        classification=tagged.tag.classification,
        created_at=tagged.tag.created_at,
        instruments=[
            TaggedInstrument(instrument=instrument_of(instrument), share=Ratio(float(share)))
            for instrument, share in tagged.shares
        ],
    )


async def tags_of_viewers(parents: "list[OfUser]", info: Info[Context, None]) -> list[list[Tag]]:
    """List the tags of users."""
    found = await info.context.loaders.tags.load_many([parent.row.id or 0 for parent in parents])
    return [[tag_of(tagged) for tagged in group] for group in found]


async def tag_by_key(context: Context, key: int) -> Tag | None:
    """Return a tag of the caller's."""
    own = await context.loaders.tags.load(context.user_id)
    return next((tag_of(tagged) for tagged in own if tagged.tag.id == key), None)
