"""Assembles the one schema."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.documents import PreparedDocument
from resolvers.access import guard_roots
from resolvers.accounts import AccountMutations
from resolvers.batches import BatchMutations
from resolvers.bookings import BookingMutations
from resolvers.corrections import CorrectionMutations
from resolvers.instruments import InstrumentQueries
from resolvers.links import LinkQueries
from resolvers.live import LiveSubscriptions
from resolvers.portfolio_changes import PortfolioMutations
from resolvers.proposal_changes import ProposalMutations
from resolvers.providers import ProviderQueries
from resolvers.scalars import SCALARS
from resolvers.share_changes import ShareMutations
from resolvers.token_changes import ApiTokenMutations
from resolvers.transactions import ENTRY_TYPES
from resolvers.viewer import ViewerQueries


@strawberry.type(
    description="Everything that can be read. All of it but `sharedPortfolio` needs a signed-in "
    "user or an API token."
)
class Query(ViewerQueries, InstrumentQueries, ProviderQueries, LinkQueries):
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
):
    """Everything that can be changed."""


@strawberry.type(description="Everything that can be followed live.")
class Subscription(LiveSubscriptions):
    """Everything that can be followed live."""


def build_schema() -> strawberry.Schema:
    """Build the schema from its parts."""
    built = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(ENTRY_TYPES.values()),
        extensions=[PreparedDocument],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    guard_roots(built._schema)  # noqa: SLF001  # there is no other way to it
    return built


schema = build_schema()
