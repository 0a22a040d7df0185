"""Subscriptions: prices, portfolios and watchlists with them, trades, and what alerts fire."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Generic, NamedTuple, Protocol, TypeVar, cast

import strawberry
from graphql import GraphQLError
from strawberry.types import Info

from datasources.rate_watch import Pair
from datasources.symbols import InvalidSymbolError, canonical
from models import portfolios, watchlists
from models.changes import ACCESS, ALERT_EVENTS, LEDGER, WATCHLIST, Topic
from resolvers.access import out_of_reach, portfolios_in_reach
from resolvers.alerts import AlertEvent, event_of
from resolvers.audiences import AUDIENCE, Arguments, Audience, Shared
from resolvers.context import Context
from resolvers.ids import key_of
from resolvers.portfolios import Portfolio, portfolio_of
from resolvers.quotes import Quote, quote_of
from resolvers.scalars import Symbol
from resolvers.transactions import Trade, transaction_of
from resolvers.values import bad_input
from resolvers.watchlists import Watchlist, watchlist_of, watchlist_row
from services.alert_delivery import Deliveries
from services.recorded import TradeReader

MAX_SYMBOLS = 100
MAX_INTERVAL_MS = 3_600_000
LEAST_WHOLE_INTERVAL_MS = 250
KEPT = 10.0
"""Seconds for which a row is shown with new prices as long as nobody tells of another change.

Those who write without telling this process, such as commands, are noticed after them.
"""


def _interval(milliseconds: int, *, least: int = 0) -> timedelta:
    if not least <= milliseconds <= MAX_INTERVAL_MS:
        raise bad_input(f"`minIntervalMs` must be from {least} to {MAX_INTERVAL_MS}.")
    return timedelta(milliseconds=milliseconds)


async def _reached(context: Context, portfolio_id: str) -> portfolios.Portfolio:
    """Return a portfolio as it is now; raises NOT_FOUND when it is out of the caller's reach."""
    context.forget()
    (row,) = await portfolios_in_reach(context, [_key_of({"portfolioId": portfolio_id})])
    if row is None:
        raise out_of_reach()
    return row


def _key_of(arguments: Arguments) -> int:
    return key_of(arguments["portfolioId"], type_name="Portfolio") or 0


def _wanted(arguments: Arguments) -> list[str]:
    try:
        wanted = list(dict.fromkeys(canonical(symbol) for symbol in arguments["symbols"]))
    except InvalidSymbolError as error:
        raise bad_input(f"`symbols`: {error}") from error
    if not 1 <= len(wanted) <= MAX_SYMBOLS:
        raise bad_input(f"`symbols` takes 1 to {MAX_SYMBOLS}.")
    return wanted


def _each_symbol(arguments: Arguments) -> list[Arguments]:
    return [{**arguments, "symbols": [symbol]} for symbol in _wanted(arguments)]


class Needs(NamedTuple):
    """The symbols whose prices, and the pairs of currencies whose rates, something shows."""

    symbols: set[str]
    pairs: set[Pair]


async def _of_portfolio(context: Context, row: portfolios.Portfolio) -> Needs:
    projection = await context.loaders.projections.load(row.id or 0)
    held = [instrument for position, instrument in projection.positions if position.quantity]
    currencies = {one.currency for one in held} | {one.currency for one in projection.cash}
    base = row.base_currency
    pairs = {(currency, base) for currency in currencies if currency != base}
    return Needs({instrument.symbol for instrument in held}, pairs)


async def _own_watchlist(context: Context, watchlist_id: str) -> watchlists.Watchlist:
    """Return a watchlist as it is now; raises NOT_FOUND when it is not, or no longer, there."""
    context.forget()
    row = await watchlist_row(context, key_of(watchlist_id, type_name="Watchlist") or 0)
    if row is None:
        message = "There is no such watchlist, or it was deleted."
        raise GraphQLError(message, extensions={"code": "NOT_FOUND"})
    return row


async def _of_watchlist(context: Context, row: watchlists.Watchlist) -> Needs:
    listed = await context.loaders.items_by_watchlist.load(row.id or 0)
    return Needs({instrument.symbol for _, instrument in listed}, set())


class _Versioned(Protocol):
    """A row that counts its changes."""

    version: int


R = TypeVar("R", bound=_Versioned)


@dataclass(frozen=True, slots=True)
class Whole(Generic[R]):
    """Something that is shown as a whole: how to look at it, and what prices are in it.

    ``topics`` tell that it may have changed; the last of them does not wait for the interval. Who
    has looked at it need not look again for ``kept`` seconds where only prices have changed.
    """

    topics: tuple[Topic, ...]
    look: Callable[[], Awaitable[R]]
    needs: Callable[[R], Awaitable[Needs]]
    kept: float = KEPT
    says: Callable[[R], object] = attrgetter("version")
    """What a row says that others do not: another one is shown."""


def _said(row: portfolios.Portfolio) -> object:
    """Return what a portfolio says: of bookings its version tells, of other changes it does not."""
    terms = row.base_currency, row.allow_short, row.lot_method, row.benchmark
    return row.version, row.name, row.archived_at, terms


async def _versions(
    context: Context, whole: Whole[R], interval: timedelta
) -> AsyncGenerator[R, None]:
    """Yield a row at once, and again when it, or a price or rate in it, has changed."""
    feed, topics = context.services.feed, set(whole.topics)
    clock = asyncio.get_running_loop().time
    urgent = whole.topics[-1:]
    async with feed.join(whole.topics, min_interval=interval, urgent=urgent) as listener:
        shown: object = None
        looked_at, loaders = float("-inf"), context.loaders
        changed: dict[Topic, object] = dict.fromkeys(whole.topics)
        while changed:
            if clock() - looked_at >= whole.kept or not topics.isdisjoint(changed):
                row, looked_at = await whole.look(), clock()
                await feed.follow(listener, *await whole.needs(row))
            else:
                context.begin_after_prices(loaders)
            loaders = context.loaders
            # It may be looked at for no change of its own.
            said = whole.says(row)
            if said != shown or not changed.keys() <= topics:
                shown = said
                yield row
            changed = await listener.changes()


@strawberry.type
class LiveSubscriptions:
    """Root fields of subscriptions."""

    @strawberry.subscription(
        description="Prices of up to 100 symbols: the last known quote of each at once, then each "
        "change, at most one per symbol in `minIntervalMs` (0 to 3,600,000; a slow reader gets "
        "the newest and not a queue). When prices stop coming, the last one comes again as "
        "`STALE`, its age told by `asOf` and `receivedAt`.",
        metadata={
            AUDIENCE: Shared(Audience.EVERYONE, slot=lambda quote: quote.symbol, each=_each_symbol)
        },
    )
    async def quote_updated(
        self, info: Info[Context, None], symbols: list[Symbol], min_interval_ms: int = 250
    ) -> AsyncGenerator[Quote, None]:
        """Follow prices."""
        wanted = _wanted({"symbols": symbols})
        interval = _interval(min_interval_ms)
        async with info.context.services.feed.listen(wanted, min_interval=interval) as updates:
            async for value in updates:
                yield quote_of(value)

    @strawberry.subscription(
        description="A portfolio at once, and again when the price of something it holds, the "
        "exchange rate of a currency in it or its ledger has changed, at most once in "
        "`minIntervalMs` (250 to 3,600,000). Ends with `NOT_FOUND` when the portfolio is no longer "
        "shared with you.",
        metadata={AUDIENCE: Shared(Audience.READERS, portfolio=_key_of)},
    )
    async def portfolio_updated(
        self, info: Info[Context, None], portfolio_id: strawberry.ID, min_interval_ms: int = 1000
    ) -> AsyncGenerator[Portfolio, None]:
        """Follow a portfolio."""
        context = info.context
        interval = _interval(min_interval_ms, least=LEAST_WHOLE_INTERVAL_MS)
        row = await _reached(context, portfolio_id)
        whole = Whole(
            topics=((LEDGER, row.id), (ACCESS, row.id)),
            look=lambda: _reached(context, portfolio_id),
            needs=lambda row: _of_portfolio(context, row),
            # Of who loses it a gate takes care where it is executed for all its readers.
            kept=KEPT if context.readers_of or row.owner_id == context.user_id else 0,
            says=_said,
        )
        async with aclosing(_versions(context, whole, interval)) as rows:
            async for row in rows:
                yield portfolio_of(row)

    @strawberry.subscription(
        description="A watchlist at once, and again when the price of something on it or the list "
        "itself has changed, at most once in `minIntervalMs` (250 to 3,600,000). Ends with "
        "`NOT_FOUND` when the list is deleted.",
        metadata={AUDIENCE: Shared(Audience.USER)},
    )
    async def watchlist_updated(
        self, info: Info[Context, None], watchlist_id: strawberry.ID, min_interval_ms: int = 1000
    ) -> AsyncGenerator[Watchlist, None]:
        """Follow a watchlist."""
        context = info.context
        interval = _interval(min_interval_ms, least=LEAST_WHOLE_INTERVAL_MS)
        row = await _own_watchlist(context, watchlist_id)
        whole = Whole(
            topics=((WATCHLIST, row.id),),
            look=lambda: _own_watchlist(context, watchlist_id),
            needs=lambda row: _of_watchlist(context, row),
        )
        async with aclosing(_versions(context, whole, interval)) as rows:
            async for row in rows:
                yield watchlist_of(row)

    @strawberry.subscription(
        description="The trades of a portfolio as they are recorded from now on, in order, each "
        "once it is committed; imported ones too. None is left out. Of several readers the "
        "quick ones wait for who is slower; for one who has stopped reading 1,000 trades or 1 MiB "
        "wait, and with more it ends with `TOO_SLOW`. Who joins while all others have stopped gets "
        "the trade that they have not taken, too, and then those after it. "
        "Ends with `NOT_FOUND` when the portfolio is no longer shared with you.",
        metadata={AUDIENCE: Shared(Audience.READERS, every=True, portfolio=_key_of)},
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

    @strawberry.subscription(
        description="What your alerts fire: first, oldest first, the events that nobody has got "
        "yet, then each as it happens. An event counts as delivered when it was handed to the "
        "connection of a subscriber; until then it stays, whatever ends meanwhile. So one may come "
        "twice, with the same `id`. None is left out: the quick ones of your connections wait "
        "for who is slower; for one that has stopped reading 1,000 events or 1 MiB wait, and with "
        "more it ends with `TOO_SLOW`.",
        metadata={AUDIENCE: Shared(Audience.USER, every=True)},
    )
    async def alert_triggered(self, info: Info[Context, None]) -> AsyncGenerator[AlertEvent, None]:
        """Follow alerts."""
        context = info.context
        deliveries = Deliveries(context.services.database, context.user_id)
        topic: Topic = (ALERT_EVENTS, context.user_id)
        async with context.services.feed.join([topic]) as listener:
            await deliveries.begin()
            changed: dict[Topic, object] = {topic: None}
            while changed:
                page = await deliveries.page()
                for row in page:
                    yield event_of(row)
                    # Whoever asks for the next one has passed this one on.
                    await deliveries.handed_over(row, at=context.now())
                if not page:
                    changed = await listener.changes()
