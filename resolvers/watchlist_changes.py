"""Mutations of watchlists: creating and deleting them, and changing what is on them."""

from collections.abc import Awaitable, Callable

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from models import watchlists
from resolvers.changes import ERRORS, REPLAYED, Repeatable, outcome
from resolvers.context import Context
from resolvers.ids import key_of
from resolvers.scalars import Symbol
from resolvers.values import UserError, user_errors
from resolvers.watchlists import Watchlist, watchlist_by_key
from services.errors import RefusedError
from services.instruments import Named, find_named
from services.watchlists import (
    MAX_ITEMS,
    MAX_WATCHLISTS,
    Which,
    add_to_watchlist,
    check_symbols,
    create_watchlist,
    delete_watchlist,
    note_on_watchlist,
    remove_from_watchlist,
    rename_watchlist,
    reorder_watchlist,
)

WHICH = "Which watchlist; it must be yours."


@strawberry.input(description="A new watchlist.")
class CreateWatchlistInput(Repeatable):
    """A new watchlist."""

    name: str = strawberry.field(description="1 to 100 characters, unique among yours.")
    symbols: list[Symbol] = strawberry.field(
        default_factory=list, description=f"What is on it, in this order; at most {MAX_ITEMS}."
    )


@strawberry.input
class _WatchlistChange(Repeatable):
    watchlist_id: strawberry.ID = strawberry.field(description=WHICH)


@strawberry.input(description="Another name for a watchlist.")
class RenameWatchlistInput(_WatchlistChange):
    """Another name for a watchlist."""

    name: str = strawberry.field(description="1 to 100 characters, unique among yours.")


@strawberry.input(description="A watchlist to delete.")
class DeleteWatchlistInput(_WatchlistChange):
    """A watchlist to delete."""


@strawberry.input(description="What to put at the end of a watchlist.")
class AddToWatchlistInput(_WatchlistChange):
    """What to put on a watchlist."""

    symbols: list[Symbol] = strawberry.field(
        description="1 or more that are not on it, in this order."
    )


@strawberry.input(description="What to take off a watchlist.")
class RemoveFromWatchlistInput(_WatchlistChange):
    """What to take off a watchlist."""

    symbols: list[Symbol] = strawberry.field(description="1 or more that are on it.")


@strawberry.input(description="What to put elsewhere on a watchlist; the others keep their order.")
class ReorderWatchlistInput(_WatchlistChange):
    """What to put elsewhere on a watchlist."""

    symbols: list[Symbol] = strawberry.field(
        description="One to move it, several to move them together, or all for a whole new order."
    )
    position: int = strawberry.field(
        default=0, description="How many of the others come before them: 0 puts them first."
    )


@strawberry.input(description="A note on an instrument of a watchlist.")
class NoteOnWatchlistInput(_WatchlistChange):
    """A note on an instrument of a watchlist."""

    symbol: Symbol = strawberry.field(description="Which of its instruments.")
    note: str | None = strawberry.field(
        default=None, description="Up to 2,000 characters; left out or empty it wipes the note off."
    )


@strawberry.type(description="The outcome of a mutation of a watchlist.")
class WatchlistPayload:
    """The outcome of a mutation of a watchlist."""

    watchlist: Watchlist | None = strawberry.field(description="As it is now; null on an error.")
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="The outcome of `deleteWatchlist`.")
class DeleteWatchlistPayload:
    """The outcome of deleting a watchlist."""

    deleted_watchlist_id: strawberry.ID | None = strawberry.field(
        description="The id that the watchlist had; null on an error."
    )
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


async def _change(
    context: Context,
    operation: str,
    *,
    given: Repeatable,
    change: Callable[[AsyncSession], Awaitable[watchlists.Watchlist]],
) -> WatchlistPayload:
    async def act(session: AsyncSession) -> int | None:
        return (await change(session)).id

    done = await outcome(context, operation, given=given, act=act)
    watchlist = None if done.key is None else await watchlist_by_key(context, done.key)
    return WatchlistPayload(
        watchlist=watchlist, replayed=done.replayed, user_errors=done.user_errors
    )


def _refused(error: RefusedError) -> WatchlistPayload:
    return WatchlistPayload(watchlist=None, replayed=False, user_errors=user_errors(error))


def _which(context: Context, given: _WatchlistChange) -> Which:
    key = key_of(given.watchlist_id, type_name="Watchlist")
    return Which(user_id=context.user_id, watchlist_id=key or 0, now=context.now())


async def _find(context: Context, given: list[Symbol], *, some: bool) -> Named:
    services = context.services
    symbols = check_symbols(given, now=context.now(), some=some)
    return await find_named(services.database, services.market, symbols)


@strawberry.type
class WatchlistMutations:
    """Root fields that change watchlists."""

    @strawberry.mutation(
        description=f"Create a watchlist; you may have {MAX_WATCHLISTS}. Errors: REQUIRED, "
        "TOO_LONG, INVALID, ALREADY_EXISTS, UNKNOWN_INSTRUMENT, OUT_OF_RANGE, "
        "IDEMPOTENCY_CONFLICT."
    )
    async def create_watchlist(
        self, info: Info[Context, None], input: CreateWatchlistInput
    ) -> WatchlistPayload | None:
        """Create a watchlist."""
        context = info.context
        try:
            named = await _find(context, input.symbols, some=False)
        except RefusedError as error:
            return _refused(error)
        return await _change(
            context,
            "createWatchlist",
            given=input,
            change=lambda session: create_watchlist(
                session, input.name, named=named, user_id=context.user_id, now=context.now()
            ),
        )

    @strawberry.mutation(
        description="Rename a watchlist. Errors: NOT_FOUND, REQUIRED, TOO_LONG, INVALID, "
        "ALREADY_EXISTS, IDEMPOTENCY_CONFLICT."
    )
    async def rename_watchlist(
        self, info: Info[Context, None], input: RenameWatchlistInput
    ) -> WatchlistPayload | None:
        """Rename a watchlist."""
        which = _which(info.context, input)
        return await _change(
            info.context,
            "renameWatchlist",
            given=input,
            change=lambda session: rename_watchlist(session, which, input.name),
        )

    @strawberry.mutation(
        description="Delete a watchlist with all that is on it. Errors: NOT_FOUND, "
        "IDEMPOTENCY_CONFLICT."
    )
    async def delete_watchlist(
        self, info: Info[Context, None], input: DeleteWatchlistInput
    ) -> DeleteWatchlistPayload | None:
        """Delete a watchlist."""
        which = _which(info.context, input)

        async def act(session: AsyncSession) -> int | None:
            return (await delete_watchlist(session, which)).id

        done = await outcome(info.context, "deleteWatchlist", given=input, act=act)
        return DeleteWatchlistPayload(
            deleted_watchlist_id=done.id_of("Watchlist"),
            replayed=done.replayed,
            user_errors=done.user_errors,
        )

    @strawberry.mutation(
        description="Put instruments at the end of a watchlist. Errors: NOT_FOUND, REQUIRED, "
        "INVALID, ALREADY_EXISTS, UNKNOWN_INSTRUMENT, OUT_OF_RANGE, IDEMPOTENCY_CONFLICT."
    )
    async def add_to_watchlist(
        self, info: Info[Context, None], input: AddToWatchlistInput
    ) -> WatchlistPayload | None:
        """Put instruments on a watchlist."""
        which = _which(info.context, input)
        try:
            named = await _find(info.context, input.symbols, some=True)
        except RefusedError as error:
            return _refused(error)
        return await _change(
            info.context,
            "addToWatchlist",
            given=input,
            change=lambda session: add_to_watchlist(session, which, named),
        )

    @strawberry.mutation(
        description="Take instruments off a watchlist. Errors: NOT_FOUND, REQUIRED, INVALID, "
        "ALREADY_EXISTS for one named twice, OUT_OF_RANGE, IDEMPOTENCY_CONFLICT."
    )
    async def remove_from_watchlist(
        self, info: Info[Context, None], input: RemoveFromWatchlistInput
    ) -> WatchlistPayload | None:
        """Take instruments off a watchlist."""
        which = _which(info.context, input)
        return await _change(
            info.context,
            "removeFromWatchlist",
            given=input,
            change=lambda session: remove_from_watchlist(session, which, input.symbols),
        )

    @strawberry.mutation(
        description="Move instruments of a watchlist to a place, or give all of them a new order. "
        "Errors: NOT_FOUND, REQUIRED, INVALID, ALREADY_EXISTS for one named twice, OUT_OF_RANGE, "
        "IDEMPOTENCY_CONFLICT."
    )
    async def reorder_watchlist(
        self, info: Info[Context, None], input: ReorderWatchlistInput
    ) -> WatchlistPayload | None:
        """Reorder a watchlist."""
        which = _which(info.context, input)
        return await _change(
            info.context,
            "reorderWatchlist",
            given=input,
            change=lambda session: reorder_watchlist(
                session, which, input.symbols, position=input.position
            ),
        )

    @strawberry.mutation(
        description="Write a note on an instrument of a watchlist, or wipe it off. Errors: "
        "NOT_FOUND, INVALID, TOO_LONG, IDEMPOTENCY_CONFLICT."
    )
    async def note_on_watchlist(
        self, info: Info[Context, None], input: NoteOnWatchlistInput
    ) -> WatchlistPayload | None:
        """Write a note."""
        which = _which(info.context, input)
        return await _change(
            info.context,
            "noteOnWatchlist",
            given=input,
            change=lambda session: note_on_watchlist(session, which, input.symbol, input.note),
        )
