"""Subscriptions: prices as they change, portfolios with them, and trades as they are recorded."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import cast

import strawberry
from graphql import GraphQLError
from strawberry.types import Info

from datasources.symbols import InvalidSymbolError, canonical
from models import portfolios
from models.changes import ACCESS, LEDGER, Topic
from resolvers.access import portfolios_in_reach
from resolvers.audiences import AUDIENCE, Audience, Shared
from resolvers.context import Context
from resolvers.ids import key_of
from resolvers.portfolios import Portfolio, portfolio_of
from resolvers.quotes import Quote, quote_of
from resolvers.scalars import Symbol
from resolvers.transactions import Trade, transaction_of
from resolvers.values import bad_input
from services.recorded import TradeReader

MAX_SYMBOLS = 100
MAX_INTERVAL_MS = 3_600_000
LEAST_PORTFOLIO_INTERVAL_MS = 250


def _interval(milliseconds: int, *, least: int = 0) -> timedelta:
    if not least <= milliseconds <= MAX_INTERVAL_MS:
        raise bad_input(f"`minIntervalMs` must be from {least} to {MAX_INTERVAL_MS}.")
    return timedelta(milliseconds=milliseconds)


async def _reached(context: Context, portfolio_id: str) -> portfolios.Portfolio:
    """Return a portfolio as it is now; raises NOT_FOUND when it is out of the caller's reach."""
    context.forget()
    key = key_of(portfolio_id, type_name="Portfolio")
    (row,) = await portfolios_in_reach(context, [key or 0])
    if row is None:
        message = "There is no such portfolio, or it is no longer shared with you."
        raise GraphQLError(message, extensions={"code": "NOT_FOUND"})
    return row


async def _held_symbols(context: Context, row: portfolios.Portfolio) -> set[str]:
    projection = await context.loaders.projections.load(row.id or 0)
    return {instrument.symbol for held, instrument in projection.positions if held.quantity}


@strawberry.type
class LiveSubscriptions:
    """Root fields of subscriptions."""

    @strawberry.subscription(
        description="Prices of up to 100 symbols: the last known quote of each at once, then each "
        "change, at most one per symbol in `minIntervalMs` (0 to 3,600,000; a slow reader gets "
        "the newest and not a queue). When prices stop coming, the last one comes again as "
        "`STALE`, its age told by `asOf` and `receivedAt`.",
        metadata={AUDIENCE: Shared(Audience.EVERYONE, slot=lambda quote: quote.symbol)},
    )
    async def quote_updated(
        self, info: Info[Context, None], symbols: list[Symbol], min_interval_ms: int = 250
    ) -> AsyncGenerator[Quote, None]:
        """Follow prices."""
        try:
            wanted = list(dict.fromkeys(canonical(symbol) for symbol in symbols))
        except InvalidSymbolError as error:
            raise bad_input(f"`symbols`: {error}") from error
        if not 1 <= len(wanted) <= MAX_SYMBOLS:
            raise bad_input(f"`symbols` takes 1 to {MAX_SYMBOLS}.")
        interval = _interval(min_interval_ms)
        async with info.context.services.feed.listen(wanted, min_interval=interval) as updates:
            async for value in updates:
                yield quote_of(value)

    @strawberry.subscription(
        description="A portfolio at once, and again when the price of something it holds or its "
        "ledger has changed, at most once in `minIntervalMs` (250 to 3,600,000). Ends with "
        "`NOT_FOUND` when the portfolio is no longer shared with you.",
        metadata={AUDIENCE: Shared(Audience.USER)},
    )
    async def portfolio_updated(
        self, info: Info[Context, None], portfolio_id: strawberry.ID, min_interval_ms: int = 1000
    ) -> AsyncGenerator[Portfolio, None]:
        """Follow a portfolio."""
        context, feed = info.context, info.context.services.feed
        interval = _interval(min_interval_ms, least=LEAST_PORTFOLIO_INTERVAL_MS)
        row = await _reached(context, portfolio_id)
        ledger: Topic = (LEDGER, row.id)
        access: Topic = (ACCESS, row.id)
        async with feed.join([ledger, access], min_interval=interval, urgent=[access]) as listener:
            shown = None
            changed: dict[Topic, object] = {ledger: None}
            while changed:
                row = await _reached(context, portfolio_id)
                # Others than bookings may make us look at the ledger, so its version decides.
                if row.version != shown or not changed.keys() <= {ledger, access}:
                    shown = row.version
                    await feed.follow(listener, await _held_symbols(context, row))
                    yield portfolio_of(row)
                changed = await listener.changes()

    @strawberry.subscription(
        description="The trades of a portfolio as they are recorded from now on, in order, each "
        "once it is committed; imported ones too. None is left out, however slow the reader. Ends "
        "with `NOT_FOUND` when the portfolio is no longer shared with you."
    )
    async def trade_recorded(
        self, info: Info[Context, None], portfolio_id: strawberry.ID
    ) -> AsyncGenerator[Trade, None]:
        """Follow trades."""
        context = info.context
        row = await _reached(context, portfolio_id)
        trades = TradeReader(context.services.database, row.id or 0)
        topics: list[Topic] = [(LEDGER, row.id), (ACCESS, row.id)]
        async with context.services.feed.join(topics) as listener:
            await trades.skip()
            changed: dict[Topic, object] = dict.fromkeys(topics)
            while changed:
                await _reached(context, portfolio_id)
                page = await trades.page()
                for booked in page:
                    yield cast("Trade", transaction_of(booked))
                if not page:
                    changed = await listener.changes()
