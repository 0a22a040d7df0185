"""Assembles the one schema."""

from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from typing import Any, Literal

import orjson
import strawberry
from graphql import GraphQLField, GraphQLObjectType
from strawberry.schema.config import StrawberryConfig

from gateway.engine import CompiledExecutor, compiled_executor
from resolvers.access import guard_roots
from resolvers.accounts import AccountMutations
from resolvers.alert_changes import AlertMutations
from resolvers.batches import BatchMutations
from resolvers.bookings import BookingMutations
from resolvers.companies import CompanyProfile
from resolvers.corrections import CorrectionMutations
from resolvers.costs import declare_costs
from resolvers.instruments import InstrumentQueries
from resolvers.links import LinkQueries
from resolvers.live import LiveSubscriptions
from resolvers.portfolio_changes import PortfolioMutations
from resolvers.proposal_changes import ProposalMutations
from resolvers.providers import ProviderQueries
from resolvers.quotes import Quote
from resolvers.rate_limits import RateLimitQueries
from resolvers.scalars import SCALARS
from resolvers.share_changes import ShareMutations
from resolvers.tag_changes import TagMutations
from resolvers.target_changes import TargetMutations
from resolvers.token_changes import ApiTokenMutations
from resolvers.transactions import ENTRY_TYPES
from resolvers.viewer import ViewerQueries
from resolvers.watchlist_changes import WatchlistMutations


@strawberry.type(
    description="Everything that can be read. All of it but `sharedPortfolio` needs a signed-in "
    "user or an API token."
)
class Query(ViewerQueries, InstrumentQueries, ProviderQueries, LinkQueries, RateLimitQueries):
    """Everything that can be read."""


@strawberry.type(
    description="Everything that can be changed. Each field is one transaction: all or nothing. "
    "What is wrong with an input comes back as `userErrors`."
)
class Mutation(
    AccountMutations,
    PortfolioMutations,
    BookingMutations,
    CorrectionMutations,
    BatchMutations,
    ProposalMutations,
    ApiTokenMutations,
    ShareMutations,
    WatchlistMutations,
    TagMutations,
    TargetMutations,
    AlertMutations,
):
    """Everything that can be changed."""


@strawberry.type(description="Everything that can be followed live.")
class Subscription(LiveSubscriptions):
    """Everything that can be followed live."""


Engine = Literal["compiled", "reference"]
"""What executes operations: the compiled engine, or graphql-core alone."""


def build_schema() -> strawberry.Schema:
    """Build the schema from its parts."""
    built = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(ENTRY_TYPES.values()),
        config=StrawberryConfig(scalar_map=SCALARS, enable_experimental_incremental_execution=True),
    )
    declare_costs(built._schema)  # noqa: SLF001  # there is no other way to it
    guard_roots(built._schema)  # noqa: SLF001  # there is no other way to it
    return built


def batch_resolver_of(field: GraphQLField) -> Callable[..., Awaitable[list[Any]]] | None:
    """Return the resolver of a batched field; none of any other field."""
    definition = field.extensions.get("strawberry-definition")
    resolver: Callable[..., Awaitable[list[Any]]] | None = getattr(definition, "metadata", {}).get(
        "batched"
    )
    return resolver


IMMUTABLE = frozenset({Quote, CompanyProfile})
"""Types whose objects never change: what an operation asks of one is written once."""


def fragment(answer: dict[str, Any]) -> tuple[orjson.Fragment, int]:
    """Write an answer as JSON that goes into the answer around it as it is; tell its length."""
    text = orjson.dumps(answer)
    return orjson.Fragment(text), len(text)


def writer_of(type_: GraphQLObjectType) -> Callable[[dict[str, Any]], tuple[Any, int]] | None:
    """Return how objects of a type are written once; none where they may change."""
    definition = type_.extensions.get("strawberry-definition")
    return fragment if getattr(definition, "origin", None) in IMMUTABLE else None


def executed_by(
    schema: strawberry.Schema, engine: Engine, *, as_json: bool = False
) -> strawberry.Schema:
    """Return the schema as one of the engines executes it.

    Where the answer becomes JSON and nothing else, the engine may write parts of it beforehand.
    """
    chosen = copy(schema)
    if engine == "compiled":
        chosen.execution_context_class = (
            compiled_executor(batch_resolver_of, writer_of)
            if as_json
            else compiled_executor(batch_resolver_of)
        )
    return chosen


def outcomes_of(schema: strawberry.Schema) -> Mapping[str, int]:
    """Return how many operations were executed in which way; nothing without the engine."""
    executor: type[Any] = schema.execution_context_class
    return executor.plans.outcomes if issubclass(executor, CompiledExecutor) else {}


schema = build_schema()
