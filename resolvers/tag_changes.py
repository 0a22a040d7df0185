"""Mutations of tags: making, renaming and deleting them, and putting them on instruments."""

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from resolvers.changes import ERRORS, REPLAYED, Act, Repeatable, outcome
from resolvers.context import Context
from resolvers.ids import key_of
from resolvers.scalars import Ratio, Symbol
from resolvers.tags import Tag, tag_by_key
from resolvers.values import UserError, exactly
from services.tags import (
    CLASSIFICATION,
    MAX_TAGGED,
    MAX_TAGS,
    create_tag,
    delete_tag,
    rename_tag,
    tag_instrument,
    untag_instrument,
)

WHICH = "Which tag; it must be yours."


@strawberry.input(description="A new tag.")
class CreateTagInput(Repeatable):
    """A new tag."""

    name: str = strawberry.field(description="1 to 100 characters, unique in its classification.")
    classification: str = strawberry.field(
        default=CLASSIFICATION,
        description="What it is one of, 1 to 100 characters; it is there as soon as a tag is.",
    )


@strawberry.input(description="A tag and its new name.")
class RenameTagInput(Repeatable):
    """A tag and its new name."""

    tag_id: strawberry.ID = strawberry.field(description=WHICH)
    name: str = strawberry.field(description="1 to 100 characters, unique in its classification.")


@strawberry.input(description="A tag to delete.")
class DeleteTagInput(Repeatable):
    """A tag to delete."""

    tag_id: strawberry.ID = strawberry.field(description=WHICH)


@strawberry.input(description="A tag, and what to put it on.")
class TagInstrumentInput(Repeatable):
    """A tag, and what to put it on."""

    tag_id: strawberry.ID = strawberry.field(description=WHICH)
    symbol: Symbol = strawberry.field(
        description="The instrument; some portfolio must have booked it."
    )
    share: Ratio = strawberry.field(
        default=Ratio(1.0),
        description="Which fraction of it the tag has, above 0. Tags of one classification "
        "have at most 1 of it together.",
    )


@strawberry.input(description="A tag, and what to take it off.")
class UntagInstrumentInput(Repeatable):
    """A tag, and what to take it off."""

    tag_id: strawberry.ID = strawberry.field(description=WHICH)
    symbol: Symbol = strawberry.field(description="The instrument.")


@strawberry.type(description="The outcome of a mutation of a tag.")
class TagPayload:
    """The outcome of a mutation of a tag."""

    tag: Tag | None = strawberry.field(description="As it is now; null on an error.")
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="The outcome of `deleteTag`.")
class DeleteTagPayload:
    """The outcome of deleting a tag."""

    deleted_tag_id: strawberry.ID | None = strawberry.field(
        description="Which tag it was; null on an error."
    )
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


async def _change(context: Context, operation: str, *, given: Repeatable, act: Act) -> TagPayload:
    done = await outcome(context, operation, given=given, act=act)
    tag = None if done.key is None else await tag_by_key(context, done.key)
    return TagPayload(tag=tag, replayed=done.replayed, user_errors=done.user_errors)


@strawberry.type
class TagMutations:
    """Root fields that change tags."""

    @strawberry.mutation(
        description=f"Create a tag, which is on nothing yet. At most {MAX_TAGS} tags. Errors: "
        "REQUIRED, TOO_LONG, INVALID, ALREADY_EXISTS, OUT_OF_RANGE, IDEMPOTENCY_CONFLICT."
    )
    async def create_tag(
        self, info: Info[Context, None], input: CreateTagInput
    ) -> TagPayload | None:
        """Create a tag."""
        context = info.context

        async def act(session: AsyncSession) -> int | None:
            row = await create_tag(
                session,
                input.name,
                classification=input.classification,
                owner_id=context.user_id,
                now=context.now(),
            )
            return row.id

        return await _change(context, "createTag", given=input, act=act)

    @strawberry.mutation(
        description="Give a tag another name. Errors: NOT_FOUND, REQUIRED, TOO_LONG, INVALID, "
        "ALREADY_EXISTS, IDEMPOTENCY_CONFLICT."
    )
    async def rename_tag(
        self, info: Info[Context, None], input: RenameTagInput
    ) -> TagPayload | None:
        """Rename a tag."""
        context = info.context

        async def act(session: AsyncSession) -> int | None:
            row = await rename_tag(
                session,
                input.name,
                owner_id=context.user_id,
                tag_id=key_of(input.tag_id, type_name="Tag"),
                now=context.now(),
            )
            return row.id

        return await _change(context, "renameTag", given=input, act=act)

    @strawberry.mutation(
        description="Delete a tag; it comes off all instruments. Targets that name it are deleted "
        "whole: without it they would mean more cash. Errors: NOT_FOUND, IDEMPOTENCY_CONFLICT."
    )
    async def delete_tag(
        self, info: Info[Context, None], input: DeleteTagInput
    ) -> DeleteTagPayload | None:
        """Delete a tag."""
        context = info.context

        async def act(session: AsyncSession) -> int | None:
            return await delete_tag(
                session,
                owner_id=context.user_id,
                tag_id=key_of(input.tag_id, type_name="Tag"),
            )

        done = await outcome(context, "deleteTag", given=input, act=act)
        return DeleteTagPayload(
            deleted_tag_id=done.id_of("Tag"),
            replayed=done.replayed,
            user_errors=done.user_errors,
        )

    @strawberry.mutation(
        description="Put a tag on an instrument, or on another share of it. At most "
        f"{MAX_TAGGED} instruments a tag. Errors: NOT_FOUND, INVALID, UNKNOWN_INSTRUMENT, "
        "OUT_OF_RANGE, IDEMPOTENCY_CONFLICT."
    )
    async def tag_instrument(
        self, info: Info[Context, None], input: TagInstrumentInput
    ) -> TagPayload | None:
        """Put a tag on an instrument."""
        context = info.context

        async def act(session: AsyncSession) -> int | None:
            row = await tag_instrument(
                session,
                input.symbol,
                share=exactly(input.share),
                owner_id=context.user_id,
                tag_id=key_of(input.tag_id, type_name="Tag"),
                now=context.now(),
            )
            return row.id

        return await _change(context, "tagInstrument", given=input, act=act)

    @strawberry.mutation(
        description="Take a tag off an instrument. Errors: NOT_FOUND, INVALID, "
        "UNKNOWN_INSTRUMENT, IDEMPOTENCY_CONFLICT."
    )
    async def untag_instrument(
        self, info: Info[Context, None], input: UntagInstrumentInput
    ) -> TagPayload | None:
        """Take a tag off an instrument."""
        context = info.context

        async def act(session: AsyncSession) -> int | None:
            row = await untag_instrument(
                session,
                input.symbol,
                owner_id=context.user_id,
                tag_id=key_of(input.tag_id, type_name="Tag"),
                now=context.now(),
            )
            return row.id

        return await _change(context, "untagInstrument", given=input, act=act)
