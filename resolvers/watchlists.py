"""Watchlists: instruments that a user has an eye on."""

from datetime import datetime
from typing import Protocol

import strawberry
from strawberry.types import Info

from models import users, watchlists
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.ids import encode_id, key_of
from resolvers.instruments import Instrument, instrument_of
from resolvers.quotes import Quote, quote_of
from resolvers.scalars import Symbol
from resolvers.values import Node
from resolvers.watching import Listed
from services.watchlists import MAX_ITEMS, MAX_WATCHLISTS


async def quotes_of_items(
    parents: "list[WatchlistItem]", info: Info[Context, None]
) -> list[Quote | None]:
    """Quote a level of items in one go."""
    found = await info.context.loaders.quotes.load_many([parent.symbol for parent in parents])
    return [None if value is None else quote_of(value) for value in found]


@strawberry.type(description="An instrument on a watchlist.")
class WatchlistItem(Node):
    """An instrument on a watchlist."""

    symbol: Symbol = strawberry.field(description="The instrument's symbol.")
    instrument: Instrument = strawberry.field(description="What is watched.")
    note: str | None = strawberry.field(description="Your note on it; null without one.")
    added_at: datetime = strawberry.field(description="When it came onto the list.")
    quote: Quote | None = batched(
        quotes_of_items, description="Current price; null when no source has one."
    )


async def items_of_watchlists(
    parents: "list[Watchlist]", info: Info[Context, None]
) -> list[list[WatchlistItem]]:
    """List what is on a level of watchlists."""
    keys = [parent.row.id or 0 for parent in parents]
    found = await info.context.loaders.items_by_watchlist.load_many(keys)
    return [[item_of(listed) for listed in rows] for rows in found]


@strawberry.type(
    description="Instruments that you have an eye on, in an order of your own. Nobody else sees "
    f"it. You may have {MAX_WATCHLISTS}."
)
class Watchlist(Node):
    """Instruments that a user has an eye on."""

    row: strawberry.Private[watchlists.Watchlist]
    name: str = strawberry.field(description="Your name for it, unique among your watchlists.")
    version: int = strawberry.field(description="Grows by one with every change of the list.")
    created_at: datetime = strawberry.field(description="When it was created.")
    items: list[WatchlistItem] = batched(
        items_of_watchlists,
        description=f"What is on it, in your order; at most {MAX_ITEMS} instruments.",
    )


def item_of(listed: Listed) -> WatchlistItem:
    """Build the outward shape of an item."""
    item, instrument = listed
    return WatchlistItem(
        id=strawberry.ID(encode_id("WatchlistItem", item.id)),
        symbol=Symbol(instrument.symbol),
        instrument=instrument_of(instrument),
        note=item.note,
        added_at=item.added_at,
    )


def watchlist_of(row: watchlists.Watchlist) -> Watchlist:
    """Build the outward shape of a watchlist."""
    return Watchlist(
        id=strawberry.ID(encode_id("Watchlist", row.id)),
        row=row,
        name=row.name,
        version=row.version,
        created_at=row.created_at,
    )


async def watchlist_row(context: Context, key: int) -> watchlists.Watchlist | None:
    """Return a watchlist of the caller's; null for a stranger's."""
    row = await context.loaders.watchlists.load(key)
    return row if row is not None and row.user_id == context.user_id else None


async def watchlist_by_key(context: Context, key: int) -> Watchlist | None:
    """Return a watchlist of the caller's by its key."""
    row = await watchlist_row(context, key)
    return None if row is None else watchlist_of(row)


async def watchlist_item_by_key(context: Context, key: int) -> WatchlistItem | None:
    """Return what is on a watchlist of the caller's by its key."""
    listed = await context.loaders.watchlist_items.load(key)
    if listed is None or await watchlist_row(context, listed[0].watchlist_id) is None:
        return None
    return item_of(listed)


class Account(Protocol):
    """Whatever stands for a user."""

    row: users.User


async def watchlists_of_accounts(
    parents: "list[Account]", info: Info[Context, None]
) -> list[list[Watchlist]]:
    """List the watchlists of users."""
    keys = [parent.row.id or 0 for parent in parents]
    found = await info.context.loaders.watchlists_by_user.load_many(keys)
    return [[watchlist_of(row) for row in rows] for rows in found]


async def watchlist_of_accounts(
    parents: "list[Account]", info: Info[Context, None], id: strawberry.ID
) -> list[Watchlist | None]:
    """Find one watchlist of users."""
    key = key_of(id, type_name="Watchlist")
    found = None if key is None else await watchlist_by_key(info.context, key)
    return [found for _ in parents]
