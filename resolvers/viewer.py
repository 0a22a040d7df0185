"""The signed-in user, and finding anything by its global id."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime

import strawberry
from strawberry.types import Info

from models import users
from models.currencies import is_currency
from models.market import RateQuestion
from resolvers.alerts import (
    LISTED,
    Alert,
    alert_by_key,
    alert_event_by_key,
    alert_of_accounts,
    alerts_of_accounts,
)
from resolvers.api_tokens import ApiToken, api_token_by_key, tokens_of_accounts
from resolvers.batching import batched
from resolvers.closing_prices import closing_price_by_key
from resolvers.combined import Combined, combined_of
from resolvers.context import Context, UnauthenticatedError
from resolvers.exchange_rates import ExchangeRate, rate_of
from resolvers.ids import decode_id, encode_id, key_of
from resolvers.instruments import instrument_of
from resolvers.portfolios import Portfolio, portfolio_by_key, portfolio_of
from resolvers.positions import position_by_key
from resolvers.scalars import CurrencyCode
from resolvers.shares import share_by_key
from resolvers.tags import Tag, tag_by_key, tags_of_viewers
from resolvers.transactions import KINDS_BY_TYPE_NAME, transaction_by_key
from resolvers.values import Node, bad_input, check_day
from resolvers.watchlists import (
    Watchlist,
    watchlist_by_key,
    watchlist_item_by_key,
    watchlist_of_accounts,
    watchlists_of_accounts,
)

MAX_NODES = 100


async def portfolios_of_viewers(
    parents: "list[Viewer]", info: Info[Context, None], include_archived: bool = False
) -> list[list[Portfolio]]:
    """List the portfolios of viewers."""
    keys = [parent.row.id or 0 for parent in parents]
    found = await info.context.loaders.portfolios_by_owner.load_many(keys)
    return [
        [portfolio_of(row) for row in rows if include_archived or row.archived_at is None]
        for rows in found
    ]


async def portfolio_of_viewers(
    parents: "list[Viewer]", info: Info[Context, None], id: strawberry.ID
) -> list[Portfolio | None]:
    """Find one portfolio of viewers."""
    key = key_of(id, type_name="Portfolio")
    found = None if key is None else await portfolio_by_key(info.context, key)
    return [found for _ in parents]


async def portfolios_shared_with_viewers(
    parents: "list[Viewer]", info: Info[Context, None], include_archived: bool = False
) -> list[list[Portfolio]]:
    """List the portfolios of others that are shared with viewers."""
    keys = [parent.row.id or 0 for parent in parents]
    found = await info.context.loaders.shared_with.load_many(keys)
    return [
        [portfolio_of(row) for row in rows if include_archived or row.archived_at is None]
        for rows in found
    ]


async def combined_of_viewers(parents: "list[Viewer]", info: Info[Context, None]) -> list[Combined]:
    """Put the portfolios of viewers together."""
    del info
    return [combined_of(parent.row) for parent in parents]


@strawberry.type(description="The signed-in user.")
class Viewer(Node):
    """The signed-in user."""

    row: strawberry.Private[users.User]
    username: str = strawberry.field(description="The name to sign in with.")
    base_currency: CurrencyCode = strawberry.field(
        description="What new portfolios are kept in unless they say otherwise."
    )
    created_at: datetime = strawberry.field(description="When the account was created.")
    portfolios: list[Portfolio] = batched(
        portfolios_of_viewers,
        description="All portfolios of yours, oldest first; archived ones only when asked for.",
    )
    shared_portfolios: list[Portfolio] = batched(
        portfolios_shared_with_viewers,
        description="The portfolios of others that are shared with you, oldest first; archived "
        "ones only when asked for.",
    )
    portfolio: Portfolio | None = batched(
        portfolio_of_viewers,
        description="One portfolio by its id; null if there is none, or it is neither yours "
        "nor shared with you.",
    )
    combined: Combined = batched(
        combined_of_viewers, description="All portfolios of yours as one, in your base currency."
    )
    watchlists: list[Watchlist] = batched(
        watchlists_of_accounts, description="Your watchlists, oldest first."
    )
    watchlist: Watchlist | None = batched(
        watchlist_of_accounts,
        description="One watchlist by its id; null if there is none, or it is not yours.",
    )
    tags: list[Tag] = batched(tags_of_viewers, description="Your tags, by classification and name.")
    alerts: list[Alert] = batched(alerts_of_accounts, description=LISTED)
    alert: Alert | None = batched(
        alert_of_accounts,
        description="One alert by its id; null if there is none, or it is not yours.",
    )
    api_tokens: list[ApiToken] | None = batched(
        tokens_of_accounts,
        description="Your API tokens, oldest first; of those that have ended the newest. An API "
        "token needs `ADMIN`.",
    )


def viewer_of(row: users.User) -> Viewer:
    """Build the outward shape of a user."""
    return Viewer(
        id=strawberry.ID(encode_id("Viewer", row.id)),
        row=row,
        username=row.username,
        base_currency=CurrencyCode(row.base_currency),
        created_at=row.created_at,
    )


async def viewer_by_key(context: Context, key: int) -> Viewer | None:
    """Return the caller, if the key is theirs."""
    row = await context.loaders.users.load(key) if key == context.user_id else None
    return None if row is None else viewer_of(row)


async def _instrument_by_key(context: Context, key: int) -> Node | None:
    row = await context.loaders.instruments.load(key)
    return None if row is None else instrument_of(row)


def _transaction(type_name: str) -> Callable[[Context, int], Awaitable[Node | None]]:
    return lambda context, key: transaction_by_key(context, key, type_name=type_name)


NODES: dict[str, Callable[[Context, int], Awaitable[Node | None]]] = {
    "Viewer": viewer_by_key,
    "Portfolio": portfolio_by_key,
    "Position": position_by_key,
    "Instrument": _instrument_by_key,
    "ClosingPrice": closing_price_by_key,
    "ApiToken": api_token_by_key,
    "PortfolioShare": share_by_key,
    "Watchlist": watchlist_by_key,
    "WatchlistItem": watchlist_item_by_key,
    "Tag": tag_by_key,
    "Alert": alert_by_key,
    "AlertEvent": alert_event_by_key,
} | {name: _transaction(name) for name in KINDS_BY_TYPE_NAME}


async def find_node(context: Context, text: str) -> Node | None:
    """Return what a global id stands for; null when it is malformed, unknown or a stranger's."""
    found = decode_id(text)
    if found is None or found.type_name not in NODES:
        return None
    return await NODES[found.type_name](context, found.key)


@strawberry.type
class ViewerQueries:
    """Root fields about the caller."""

    @strawberry.field(description="The signed-in user.")
    async def viewer(self, info: Info[Context, None]) -> Viewer:
        """Return the caller."""
        row = await info.context.loaders.users.load(info.context.user_id)
        if row is None:
            raise UnauthenticatedError("The account no longer exists.")
        return viewer_of(row)

    @strawberry.field(
        description="Anything by its global id; null if there is no such thing, or it is neither "
        "yours nor shared with you."
    )
    async def node(self, info: Info[Context, None], id: strawberry.ID) -> Node | None:
        """Find one node."""
        return await find_node(info.context, id)

    @strawberry.field(
        description="Things by their global ids, at most 100, in the order asked for; null where "
        "there is no such thing, or it is neither yours nor shared with you."
    )
    async def nodes(self, info: Info[Context, None], ids: list[strawberry.ID]) -> list[Node | None]:
        """Find several nodes."""
        if len(ids) > MAX_NODES:
            raise bad_input(f"`ids` takes at most {MAX_NODES}.")
        return list(await asyncio.gather(*(find_node(info.context, text) for text in ids)))

    @strawberry.field(
        description="The rate between two currencies on a day, or today; null when none is known."
    )
    async def exchange_rate(
        self,
        info: Info[Context, None],
        base: CurrencyCode,
        target: CurrencyCode,
        on: date | None = None,
    ) -> ExchangeRate | None:
        """Look up an exchange rate."""
        for name, code in (("base", base), ("target", target)):
            if len(code) != 3 or not (is_currency(code) or code.isupper()):
                raise bad_input(f"`{name}`: {code!r} is not an ISO 4217 currency.")
        today = info.context.now().date()
        check_day(on, today=today, argument="on")
        day = on or today
        rate = await info.context.loaders.rates.load(
            RateQuestion(base=base, target=target, day=day)
        )
        return None if rate is None else rate_of(rate)
