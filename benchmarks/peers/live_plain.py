"""Subscriptions by Strawberry and FastAPI as their documentation has them: a queue for each."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from itertools import count
from typing import NewType

import strawberry
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter
from strawberry.schema.config import StrawberryConfig
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from benchmarks.peers.running import serve

Symbol = NewType("Symbol", str)


@strawberry.enum
class QuoteQuality(Enum):
    SIMULATED = "SIMULATED"


@strawberry.type
class Quote:
    symbol: Symbol
    price: Decimal
    received_at: datetime
    quality: QuoteQuality


QUEUES: dict[str, set[asyncio.Queue[Quote]]] = defaultdict(set)


async def tick() -> None:
    loop, seconds = asyncio.get_running_loop(), 1 / float(os.environ["LIVE_RATE"])
    begun = loop.time()
    for number in count():
        # Prices come when they come, however long the last one took.
        await asyncio.sleep(begun + (number + 1) * seconds - loop.time())
        now = datetime.now(UTC)
        for symbol, queues in QUEUES.items():
            price = Decimal(number % 10_000) / 10_000 + 100
            quote = Quote(
                symbol=Symbol(symbol),
                price=price,
                received_at=now,
                quality=QuoteQuality.SIMULATED,
            )
            for queue in queues:
                queue.put_nowait(quote)


@strawberry.type
class Query:
    hello: str = "world"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def quote_updated(self, symbols: list[Symbol]) -> AsyncGenerator[Quote, None]:
        queue: asyncio.Queue[Quote] = asyncio.Queue()
        for symbol in symbols:
            QUEUES[symbol].add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            for symbol in symbols:
                QUEUES[symbol].discard(queue)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    ticking = asyncio.create_task(tick())
    yield
    ticking.cancel()


schema = strawberry.Schema(
    query=Query,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map={Symbol: strawberry.scalar(name="Symbol")}),
)
application = FastAPI(lifespan=lifespan)
router: GraphQLRouter[None, None] = GraphQLRouter(
    schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL]
)
application.include_router(router, prefix="/graphql")

if __name__ == "__main__":
    serve(application)
