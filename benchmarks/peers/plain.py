"""Strawberry, FastAPI and data loaders as their documentation has them."""

from datetime import datetime
from decimal import Decimal

import strawberry
from fastapi import FastAPI
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext, GraphQLRouter
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from benchmarks.peers import rows
from benchmarks.peers.running import serve
from benchmarks.peers.values import Money, Quote, amounts_of, quote_of

ROWS = rows.make_rows()


@strawberry.type
class Profile:
    symbol: str
    name: str
    country: str
    exchange: str
    sector: str
    industry: str
    parent_symbol: strawberry.Private[str]

    @strawberry.field
    async def parent(self, info: Info["Context", None]) -> "Profile":
        return await info.context.profiles.load(self.parent_symbol)


@strawberry.type
class Position:
    id: strawberry.ID
    symbol: str
    quantity: Decimal
    average_cost: Money
    cost_basis: Money
    market_value: Money
    unrealized_gain: Money

    @strawberry.field
    async def quote(self, info: Info["Context", None]) -> Quote:
        return await info.context.quotes.load(self.symbol)

    @strawberry.field
    async def profile(self, info: Info["Context", None]) -> Profile:
        return await info.context.profiles.load(self.symbol)


@strawberry.type
class Portfolio:
    id: strawberry.ID
    name: str
    base_currency: str

    @strawberry.field
    async def positions(self, info: Info["Context", None]) -> list[Position]:
        return await info.context.positions.load(self.id)


@strawberry.type
class Viewer:
    username: str

    @strawberry.field
    async def portfolios(self) -> list[Portfolio]:
        return PORTFOLIOS[self.username]


@strawberry.type
class Query:
    @strawberry.field
    async def viewer(self, name: str) -> Viewer:
        return Viewer(username=name)


PORTFOLIOS = {
    owner: [Portfolio(**vars(row)) for row in found] for owner, found in ROWS.portfolios.items()
}
POSITIONS = {
    portfolio: [
        Position(
            id=strawberry.ID(row.id),
            symbol=row.symbol,
            quantity=row.quantity,
            **amounts_of(row),
        )
        for row in found
    ]
    for portfolio, found in ROWS.positions.items()
}
QUOTES = {symbol: quote_of(row) for symbol, row in ROWS.quotes.items()}
PROFILES = {
    symbol: Profile(
        symbol=symbol,
        name=row.name,
        country=row.country,
        exchange=row.exchange,
        sector=row.sector,
        industry=row.industry,
        parent_symbol=row.parent,
    )
    for symbol, row in ROWS.profiles.items()
}


async def load_positions(ids: list[str]) -> list[list[Position]]:
    return [POSITIONS[one] for one in ids]


async def load_quotes(symbols: list[str]) -> list[Quote]:
    return [QUOTES[one] for one in symbols]


async def load_profiles(symbols: list[str]) -> list[Profile]:
    return [PROFILES[one] for one in symbols]


class Context(BaseContext):
    def __init__(self) -> None:
        super().__init__()
        self.positions = DataLoader(load_fn=load_positions)
        self.quotes = DataLoader(load_fn=load_quotes)
        self.profiles = DataLoader(load_fn=load_profiles)


schema = strawberry.Schema(
    query=Query,
    config=StrawberryConfig(
        scalar_map={
            datetime: strawberry.scalar(
                name="DateTime",
                serialize=lambda value: value.isoformat().replace("+00:00", "Z"),
                parse_value=datetime.fromisoformat,
            )
        }
    ),
)
application = FastAPI()
application.include_router(GraphQLRouter(schema, context_getter=Context), prefix="/graphql")

if __name__ == "__main__":
    serve(application)
