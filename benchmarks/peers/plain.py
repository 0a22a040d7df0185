"""Strawberry, FastAPI and data loaders as their documentation has them."""

from datetime import datetime
from decimal import Decimal

import strawberry
from fastapi import FastAPI
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext, GraphQLRouter
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from benchmarks.peers.running import serve
from benchmarks.peers.tables import Row, Table
from benchmarks.peers.values import Money, Quote, money_of, quote_of


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

    @classmethod
    def of(cls, row: Row) -> "Profile":
        return cls(
            symbol=row["symbol"],
            name=row["name"],
            country=row["country"],
            exchange=row["exchange"],
            sector=row["sector"],
            industry=row["industry"],
            parent_symbol=row["parent"],
        )


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

    @classmethod
    def of(cls, row: Row) -> "Position":
        return cls(
            id=row["id"],
            symbol=row["symbol"],
            quantity=row["quantity"],
            average_cost=money_of(row, "average_cost"),
            cost_basis=money_of(row, "cost_basis"),
            market_value=money_of(row, "market_value"),
            unrealized_gain=money_of(row, "unrealized_gain"),
        )


@strawberry.type
class Portfolio:
    id: strawberry.ID
    name: str
    base_currency: str

    @strawberry.field
    async def positions(self, info: Info["Context", None]) -> list[Position]:
        return await info.context.positions.load(self.id)

    @classmethod
    def of(cls, row: Row) -> "Portfolio":
        return cls(id=row["id"], name=row["name"], base_currency=row["base_currency"])


@strawberry.type
class Viewer:
    username: str

    @strawberry.field
    async def portfolios(self) -> list[Portfolio]:
        (found,) = await PORTFOLIOS.lists([self.username])
        return found


@strawberry.type
class Query:
    @strawberry.field
    async def viewer(self, name: str) -> Viewer:
        return Viewer(username=name)


PORTFOLIOS = Table("portfolios", key="owner", build=Portfolio.of)
POSITIONS = Table("positions", key="portfolio_id", build=Position.of)
QUOTES = Table("quotes", key="symbol", build=quote_of)
PROFILES = Table("profiles", key="symbol", build=Profile.of)


class Context(BaseContext):
    def __init__(self) -> None:
        super().__init__()
        self.positions = DataLoader(load_fn=POSITIONS.lists)
        self.quotes = DataLoader(load_fn=QUOTES.each)
        self.profiles = DataLoader(load_fn=PROFILES.each)


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
