"""The doors of the graph: what each root field needs, and which portfolios a caller reaches.

A root field that is not declared here cannot be served: the schema is not built. Below the roots
nothing is asked again, for whoever holds a portfolio has come through `portfolios_in_reach`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLResolveInfo, GraphQLSchema

from models.access import Role, Scope
from models.portfolios import Portfolio
from resolvers.context import Context
from services.access import role_of

_OPEN = ("signUp", "signIn", "refreshSession", "signOut", "sharedPortfolio", "rateLimit")
"""What needs no account: a password or token comes with the input."""

_READ = (
    "viewer",
    "node",
    "nodes",
    "exchangeRate",
    "instrument",
    "instruments",
    "searchInstruments",
    "providerStatuses",
    "quoteUpdated",
    "portfolioUpdated",
    "tradeRecorded",
)
_TRADE = (
    "createPortfolio",
    "updatePortfolio",
    "archivePortfolio",
    "recordTrade",
    "recordIncome",
    "recordCashTransfer",
    "recordCurrencyExchange",
    "recordCharge",
    "recordDelivery",
    "recordCorporateAction",
    "recordOpeningBalance",
    "transferUnits",
    "transferCash",
    "updateTransaction",
    "voidTransaction",
    "undoTransactionChange",
    "recordTransactions",
    "importTransactions",
    "acceptProposal",
    "dismissProposal",
)
_ADMIN = (
    "createApiToken",
    "revokeApiToken",
    "sharePortfolio",
    "createPortfolioLink",
    "revokePortfolioShare",
)

ROOT_FIELDS: dict[str, Scope | None] = (
    dict.fromkeys(_OPEN)
    | dict.fromkeys(_READ, Scope.READ)
    | dict.fromkeys(_TRADE, Scope.TRADE)
    | dict.fromkeys(_ADMIN, Scope.ADMIN)
)
"""The scope that each root field needs of a caller's token; null where no caller is needed."""


def guard_roots(schema: GraphQLSchema) -> None:
    """Put every root field behind the scope it needs; raises KeyError for one that has no rule."""
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in ({} if root is None else root.fields).items():
            scope = ROOT_FIELDS[name]
            if scope is None:
                continue
            if root is schema.subscription_type:
                field.subscribe = _guarded(field.subscribe, scope)
            else:
                field.resolve = _guarded(field.resolve, scope)


def _guarded(resolve: Callable[..., Any] | None, scope: Scope) -> Callable[..., Any]:
    if resolve is None:
        raise TypeError("a root field has no resolver")
    inner = resolve

    def guarded(root: object, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        info.context.require(scope)
        return inner(root, info, **arguments)

    return guarded


async def portfolios_in_reach(context: Context, keys: Sequence[int]) -> list[Portfolio | None]:
    """Return portfolios by key; null where there is none, or the caller has no role in it.

    Own portfolios cost nothing more than to load them.
    """
    rows = await context.loaders.portfolios.load_many(keys)
    found = [row for row in rows if row is not None]
    roles = dict(zip((row.id for row in found), await roles_of(context, found), strict=True))
    return [row if row is not None and roles[row.id] is not None else None for row in rows]


async def roles_of(context: Context, rows: Sequence[Portfolio]) -> list[Role | None]:
    """Return the caller's role in each of some portfolios; null for none."""
    user_id = context.user_id
    others = [(user_id, row.id or 0) for row in rows if row.owner_id != user_id]
    shared = dict(zip(others, await context.loaders.roles.load_many(others), strict=True))
    return [
        role_of(row, user_id=user_id, shared=shared.get((user_id, row.id or 0))) for row in rows
    ]
