"""The doors of the graph: what each root field needs, and which portfolios a caller reaches.

A root field that is not declared here cannot be served: the schema is not built. Below the roots
nothing is asked again, for whoever holds a portfolio has come through `portfolios_in_reach`.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema

from models.access import Role, Scope
from models.portfolios import Portfolio
from resolvers.context import Context, PersonalError
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
    "watchlistUpdated",
    "alertTriggered",
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
    "createWatchlist",
    "renameWatchlist",
    "deleteWatchlist",
    "addToWatchlist",
    "removeFromWatchlist",
    "reorderWatchlist",
    "noteOnWatchlist",
    "createTag",
    "renameTag",
    "deleteTag",
    "tagInstrument",
    "untagInstrument",
    "setAllocationTargets",
    "createAlert",
    "updateAlert",
    "deleteAlert",
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
        return inner(root, info, **{**arguments, **(info.context.narrowed or {})})

    return guarded


async def portfolios_in_reach(context: Context, keys: Sequence[int]) -> list[Portfolio | None]:
    """Return portfolios by key; null where there is none, or the caller has no role in it.

    Own portfolios cost nothing more than to load them.
    """
    rows = await context.loaders.portfolios.load_many(keys)
    if context.readers_of is not None:
        if set(keys) - {context.readers_of}:
            raise PersonalError
        return rows
    found = [row for row in rows if row is not None]
    roles = dict(zip((row.id for row in found), await roles_of(context, found), strict=True))
    return [row if row is not None and roles[row.id] is not None else None for row in rows]


async def guests_among(context: Context, key: int, users: Collection[int]) -> set[int]:
    """Return with whom of some users a portfolio is shared."""
    roles = await context.loaders.roles.load_many([(user_id, key) for user_id in users])
    return {user_id for user_id, role in zip(users, roles, strict=True) if role is not None}


def out_of_reach() -> GraphQLError:
    """Build the error of a subscription to a portfolio that its caller does not reach."""
    message = "There is no such portfolio, or it is no longer shared with you."
    return GraphQLError(message, extensions={"code": "NOT_FOUND"})


async def roles_of(context: Context, rows: Sequence[Portfolio]) -> list[Role | None]:
    """Return the caller's role in each of some portfolios; null for none."""
    user_id = context.user_id
    others = [(user_id, row.id or 0) for row in rows if row.owner_id != user_id]
    shared = dict(zip(others, await context.loaders.roles.load_many(others), strict=True))
    return [
        role_of(row, user_id=user_id, shared=shared.get((user_id, row.id or 0))) for row in rows
    ]
