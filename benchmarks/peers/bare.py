"""The limit: the same answers written by hand, without any GraphQL."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.peers.queries import DEPTH
from benchmarks.peers.running import serve
from benchmarks.peers.tables import DATABASE, RECORDS, Pool, Row

Answer = dict[str, Any]

QUOTES = {row["symbol"]: row for row in RECORDS["quotes"]}
PROFILES = {row["symbol"]: row for row in RECORDS["profiles"]}


def held(position: Row) -> Answer:
    """Join what belongs to a position, as the statement below does."""
    quote = QUOTES[position["symbol"]]
    quoted = {**quote, "quote_currency": quote["currency"]}
    return {**PROFILES[position["symbol"]], **quoted, **position}


PORTFOLIOS: dict[str, list[Row]] = {}
POSITIONS: dict[str, list[Row]] = {}
for one in RECORDS["portfolios"]:
    PORTFOLIOS.setdefault(one["owner"], []).append(one)
for one in RECORDS["positions"]:
    POSITIONS.setdefault(one["portfolio_id"], []).append(held(one))

OWNED = "SELECT * FROM portfolios WHERE owner = $1 ORDER BY place"
HELD = """
SELECT positions.*, price, quotes.currency AS quote_currency, change, change_ratio, previous_close,
  volume, as_of, source, quality, name, country, exchange, sector, industry
FROM positions JOIN quotes USING (symbol) JOIN profiles USING (symbol)
WHERE portfolio_id = ANY($1) ORDER BY place
"""
UP = """
WITH RECURSIVE owners AS (
  SELECT positions.portfolio_id, positions.place, parent, 1 AS depth
  FROM positions JOIN profiles USING (symbol) WHERE portfolio_id = ANY($1)
  UNION ALL
  SELECT portfolio_id, place, profiles.parent, depth + 1
  FROM owners JOIN profiles ON profiles.symbol = owners.parent WHERE depth < $2
)
SELECT portfolio_id, parent AS symbol FROM owners WHERE depth = $2 ORDER BY place
"""


async def portfolios_of(name: str) -> list[Row]:
    return await Pool.fetch(OWNED, name) if DATABASE else PORTFOLIOS[name]


def by_portfolio(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["portfolio_id"], []).append(row)
    return found


def money_of(row: Row, name: str) -> Answer:
    return {"amount": str(row[name]), "currency": row["currency"]}


def position_of(row: Row) -> Answer:
    return {
        "id": row["id"],
        "symbol": row["symbol"],
        "quantity": str(row["quantity"]),
        "averageCost": money_of(row, "average_cost"),
        "costBasis": money_of(row, "cost_basis"),
        "marketValue": money_of(row, "market_value"),
        "unrealizedGain": money_of(row, "unrealized_gain"),
        "quote": {
            "price": str(row["price"]),
            "currency": row["quote_currency"],
            "change": str(row["change"]),
            "changeRatio": row["change_ratio"],
            "previousClose": str(row["previous_close"]),
            "volume": row["volume"],
            "asOf": row["as_of"],
            "source": row["source"],
            "quality": row["quality"],
        },
        "profile": {
            "name": row["name"],
            "country": row["country"],
            "exchange": row["exchange"],
            "sector": row["sector"],
            "industry": row["industry"],
        },
    }


async def leaf(name: str) -> Answer:
    return {"username": name}


async def dashboard(name: str) -> Answer:
    portfolios = await portfolios_of(name)
    positions = POSITIONS
    if DATABASE:
        positions = by_portfolio(await Pool.fetch(HELD, [one["id"] for one in portfolios]))
    return {
        "username": name,
        "portfolios": [
            {
                "id": one["id"],
                "name": one["name"],
                "baseCurrency": one["base_currency"],
                "positions": [position_of(row) for row in positions.get(one["id"], ())],
            }
            for one in portfolios
        ],
    }


def owner_above(symbol: str) -> str:
    for _ in range(DEPTH):
        symbol = PROFILES[symbol]["parent"]
    return symbol


async def deep(name: str) -> Answer:
    portfolios = await portfolios_of(name)
    if DATABASE:
        rows = await Pool.fetch(UP, [one["id"] for one in portfolios], DEPTH)
        found = {key: [row["symbol"] for row in group] for key, group in by_portfolio(rows).items()}
    else:
        found = {
            one["id"]: [owner_above(row["symbol"]) for row in POSITIONS[one["id"]]]
            for one in portfolios
        }
    answers = []
    for one in portfolios:
        positions = []
        for symbol in found[one["id"]]:
            profile: Answer = {"symbol": symbol}
            for _ in range(DEPTH):
                profile = {"parent": profile}
            positions.append({"profile": profile})
        answers.append({"positions": positions})
    return {"portfolios": answers}


ANSWERS: dict[str, Callable[[str], Awaitable[Answer]]] = {
    "Leaf": leaf,
    "Dashboard": dashboard,
    "Deep": deep,
}


async def graphql(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    viewer = await ANSWERS[asked["operationName"]](asked["variables"]["name"])
    body = orjson.dumps({"data": {"viewer": viewer}}, option=orjson.OPT_UTC_Z)
    return Response(body, media_type="application/json")


application = Starlette(routes=[Route("/graphql", graphql, methods=["POST"])])

if __name__ == "__main__":
    serve(application)
