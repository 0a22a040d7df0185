"""The peer: the dashboard's answer written by hand as one bare endpoint.

The same statements over the same database, the same market and the same pure functions, but no
GraphQL: what is left is what the graph costs.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from models.portfolios import cash_by_portfolio, portfolios_by_owner, totals_by_portfolio
from models.positions import positions_by_portfolio
from models.transactions import (
    TRADES,
    PageCut,
    TransactionFilter,
    ledger_since,
    transaction_counts,
    transactions_pages,
)
from models.users import users_by_id
from resolvers.context import Services
from resolvers.loaders import start_of


def plain(value: object) -> str:
    """Write what orjson does not know by itself."""
    return str(value)


def bare_endpoint(services: Services, user_id: int) -> Callable[[Request], Any]:
    """Build the endpoint for one user."""
    trades = TransactionFilter(kinds=TRADES)

    async def dashboard(_: Request) -> Response:
        today = start_of(services.clock().date())
        async with services.database.reading() as session:
            user = (await session.scalars(users_by_id([user_id]))).one()
            portfolios = list(await session.scalars(portfolios_by_owner([user_id])))
            ids = [row.id or 0 for row in portfolios]
            held = (await session.execute(positions_by_portfolio(ids))).all()
            cash = list(await session.scalars(cash_by_portfolio(ids)))
            totals = list(await session.scalars(totals_by_portfolio(ids)))
            list(await session.scalars(ledger_since(ids, today)))
            asked = transactions_pages([(trades, PageCut(limit=5), ids)])
            page = (await session.execute(asked)).all()
            counts = dict((await session.execute(transaction_counts(ids, trades))).all())
        symbols = [instrument.symbol for _, instrument in held]
        quotes = await services.market.quotes(symbols)
        profiles = await services.market.profiles(symbols)
        body = {
            "username": user.username,
            "portfolios": [
                {
                    "name": row.name,
                    "cash": [one.amount for one in cash if one.portfolio_id == row.id],
                    "totals": [
                        one.inflow - one.outflow for one in totals if one.portfolio_id == row.id
                    ],
                    "positions": [
                        {
                            "symbol": instrument.symbol,
                            "name": instrument.name,
                            "quantity": position.quantity,
                            "averageCost": position.cost / position.quantity,
                            "marketValue": position.quantity * quotes[instrument.symbol].price,
                            "unrealizedGain": position.quantity * quotes[instrument.symbol].price
                            - position.cost,
                            "quote": asdict(quotes[instrument.symbol]),
                            "profile": asdict(profiles[instrument.symbol]),
                        }
                        for position, instrument in held
                        if position.portfolio_id == row.id
                    ],
                    "trades": {
                        "totalCount": counts.get(row.id or 0, 0),
                        "nodes": [
                            {"side": entry.kind, "quantity": entry.quantity, "price": entry.price}
                            for _, entry, *_ in page
                            if entry.portfolio_id == row.id
                        ],
                    },
                }
                for row in portfolios
            ],
        }
        return Response(orjson.dumps(body, default=plain), media_type="application/json")

    return dashboard
