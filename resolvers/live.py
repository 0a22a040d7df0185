"""Subscriptions: prices as they change."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import strawberry
from strawberry.types import Info

from datasources.symbols import InvalidSymbolError, canonical
from resolvers.context import Context
from resolvers.quotes import Quote, quote_of
from resolvers.scalars import Symbol
from resolvers.values import bad_input

MAX_SYMBOLS = 100
MAX_INTERVAL_MS = 3_600_000


@strawberry.type
class LiveSubscriptions:
    """Root fields of subscriptions."""

    @strawberry.subscription(
        description="Prices of up to 100 symbols: the last known quote of each at once, then each "
        "change, at most one per symbol in `minIntervalMs` (0 to 3,600,000; a slow reader gets "
        "the newest and not a queue)."
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
        if not 0 <= min_interval_ms <= MAX_INTERVAL_MS:
            raise bad_input(f"`minIntervalMs` must be from 0 to {MAX_INTERVAL_MS}.")
        interval = timedelta(milliseconds=min_interval_ms)
        async with info.context.services.feed.listen(wanted, min_interval=interval) as updates:
            async for value in updates:
                yield quote_of(value)
