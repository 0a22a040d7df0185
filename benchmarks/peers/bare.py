"""The limit: the same answers written by hand, without any GraphQL."""

from collections.abc import Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.peers.queries import DEPTH
from benchmarks.peers.rows import Money, Portfolio, Position, Profile, Quote, make_rows
from benchmarks.peers.running import serve

ROWS = make_rows()
Answer = dict[str, Any]


def money_of(money: Money) -> Answer:
    return {"amount": str(money.amount), "currency": money.currency}


def quote_of(quote: Quote) -> Answer:
    return {
        "price": str(quote.price),
        "currency": quote.currency,
        "change": str(quote.change),
        "changeRatio": quote.change_ratio,
        "previousClose": str(quote.previous_close),
        "volume": quote.volume,
        "asOf": quote.as_of,
        "source": quote.source,
        "quality": quote.quality,
    }


def profile_of(profile: Profile) -> Answer:
    return {
        "name": profile.name,
        "country": profile.country,
        "exchange": profile.exchange,
        "sector": profile.sector,
        "industry": profile.industry,
    }


def position_of(position: Position) -> Answer:
    return {
        "id": position.id,
        "symbol": position.symbol,
        "quantity": str(position.quantity),
        "averageCost": money_of(position.average_cost),
        "costBasis": money_of(position.cost_basis),
        "marketValue": money_of(position.market_value),
        "unrealizedGain": money_of(position.unrealized_gain),
        "quote": quote_of(ROWS.quotes[position.symbol]),
        "profile": profile_of(ROWS.profiles[position.symbol]),
    }


def portfolio_of(portfolio: Portfolio) -> Answer:
    return {
        "id": portfolio.id,
        "name": portfolio.name,
        "baseCurrency": portfolio.base_currency,
        "positions": [position_of(one) for one in ROWS.positions[portfolio.id]],
    }


def leaf(name: str) -> Answer:
    return {"username": name}


def dashboard(name: str) -> Answer:
    portfolios = [portfolio_of(one) for one in ROWS.portfolios[name]]
    return {"username": name, "portfolios": portfolios}


def deep(name: str) -> Answer:
    portfolios = []
    for portfolio in ROWS.portfolios[name]:
        positions = []
        for position in ROWS.positions[portfolio.id]:
            profile = ROWS.profiles[position.symbol]
            for _ in range(DEPTH):
                profile = ROWS.profiles[profile.parent]
            found: Answer = {"symbol": profile.symbol}
            for _ in range(DEPTH):
                found = {"parent": found}
            positions.append({"profile": found})
        portfolios.append({"positions": positions})
    return {"portfolios": portfolios}


ANSWERS: dict[str, Callable[[str], Answer]] = {"Leaf": leaf, "Dashboard": dashboard, "Deep": deep}


async def graphql(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    viewer = ANSWERS[asked["operationName"]](asked["variables"]["name"])
    body = orjson.dumps({"data": {"viewer": viewer}}, option=orjson.OPT_UTC_Z)
    return Response(body, media_type="application/json")


application = Starlette(routes=[Route("/graphql", graphql, methods=["POST"])])

if __name__ == "__main__":
    serve(application)
