"""FolioQL's own execution and transport, with a small schema over the data in memory."""

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import get_args

import strawberry
from fastapi import FastAPI
from graphql import GraphQLObjectType
from pydantic import SecretStr
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from benchmarks.peers.running import serve
from benchmarks.peers.tables import Row, Table
from benchmarks.peers.values import Money, Quote, money_of, quote_of
from gateway.app import Gateway, safety_headers
from gateway.documents import Documents
from gateway.engine import compiled_executor
from gateway.engine.keeping import Write
from gateway.resources import open_services
from gateway.schema import Engine, batch_resolver_of, executed_by, fragment
from gateway.server import collect_seldom
from gateway.settings import Settings
from gateway.telemetry import RequestLog, configure_logging
from gateway.transports.crowds import Crowd
from gateway.transports.execution import Executor
from gateway.transports.http import GraphQLOverHttp
from gateway.transports.streams import Patience
from gateway.transports.whole import WholeProtocol
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.scalars import SCALARS

ENGINES: tuple[Engine, ...] = get_args(Engine)


async def quotes_of_positions(parents: "list[Position]", info: Info[Context, None]) -> list[Quote]:
    del info
    return await QUOTES.each([one.symbol for one in parents])


async def parents_of_profiles(
    parents: "list[Profile]", info: Info[Context, None]
) -> list["Profile"]:
    del info
    return await PROFILES.each([one.parent_symbol for one in parents])


@strawberry.type
class Profile:
    symbol: str
    name: str
    country: str
    exchange: str
    sector: str
    industry: str
    parent_symbol: strawberry.Private[str]
    parent: "Profile" = batched(parents_of_profiles, description="The company that owns it.")

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


async def profiles_of_positions(
    parents: "list[Position]", info: Info[Context, None]
) -> list[Profile]:
    del info
    return await PROFILES.each([one.symbol for one in parents])


@strawberry.type
class Position:
    id: strawberry.ID
    symbol: str
    quantity: Decimal
    average_cost: Money
    cost_basis: Money
    market_value: Money
    unrealized_gain: Money
    quote: Quote = batched(quotes_of_positions, description="The price it is valued at.")
    profile: Profile = batched(profiles_of_positions, description="The company behind it.")

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


async def positions_of_portfolios(
    parents: "list[Portfolio]", info: Info[Context, None]
) -> list[list[Position]]:
    del info
    return await POSITIONS.lists([one.id for one in parents])


@strawberry.type
class Portfolio:
    id: strawberry.ID
    name: str
    base_currency: str
    positions: list[Position] = batched(positions_of_portfolios, description="What it holds.")

    @classmethod
    def of(cls, row: Row) -> "Portfolio":
        return cls(id=row["id"], name=row["name"], base_currency=row["base_currency"])


async def portfolios_of_viewers(
    parents: "list[Viewer]", info: Info[Context, None]
) -> list[list[Portfolio]]:
    del info
    return await PORTFOLIOS.lists([one.username for one in parents])


@strawberry.type
class Viewer:
    username: str
    portfolios: list[Portfolio] = batched(portfolios_of_viewers, description="All of them.")


@strawberry.type
class Query:
    @strawberry.field
    async def viewer(self, name: str) -> Viewer:
        return Viewer(username=name)


PORTFOLIOS = Table("portfolios", key="owner", build=Portfolio.of)
POSITIONS = Table("positions", key="portfolio_id", build=Position.of)
QUOTES = Table("quotes", key="symbol", build=quote_of)
PROFILES = Table("profiles", key="symbol", build=Profile.of)

schema = strawberry.Schema(query=Query, config=StrawberryConfig(scalar_map=SCALARS))
SETTINGS = Settings(
    secret=SecretStr("s" * 32),
    database_url="sqlite://",  # another one wherever services are opened
    refresh_seconds=0,
    # Counted like any caller's, and never too much.
    rate_capacity=10**9,
    rate_restore=10**9,
)


def documents() -> Documents:
    """Return documents with the limits that FolioQL has by default, and none kept yet."""
    return Documents(
        schema._schema,  # noqa: SLF001
        limits=SETTINGS.document_limits,
        introspection=SETTINGS.introspection,
    )


def written_once(type_: GraphQLObjectType) -> Write | None:
    """Return how what never changes is written, as FolioQL does with its own."""
    return fragment if type_.name in {"Quote", "Profile"} else None


def create_app(engine: Engine, *, services_url: str, kept: bool = False) -> Gateway:
    """Build the application around one engine, with the limits that FolioQL has by default.

    The services are there, as each request's context wants them, on a database with all tables and
    nothing in them, and the schema asks none of them. What is ``kept`` is the text of quotes and
    profiles.
    """
    settings = SETTINGS.model_copy(update={"database_url": services_url})
    chosen = executed_by(schema, engine)
    if kept:
        chosen.execution_context_class = compiled_executor(batch_resolver_of, written_once)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            application.state.services = services
            application.graphql = RequestLog(
                GraphQLOverHttp(
                    Executor(chosen, documents()),
                    services=services,
                    settings=settings,
                    explorer=None,
                    patience=Patience(),
                    crowd=Crowd(settings.max_sockets),
                ),
                safety_headers(settings),
            )
            yield

    application = Gateway(lifespan=lifespan)
    return application


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=ENGINES, default="reference")
    parser.add_argument("--kept", action="store_true")
    configure_logging("error")
    application = create_app(
        **vars(parser.parse_args()), services_url=os.environ["PEER_SERVICES_URL"]
    )
    collect_seldom()
    serve(application, http=WholeProtocol, proxy_headers=False)
