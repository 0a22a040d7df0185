"""Assembles the one schema."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.documents import PreparedDocument
from resolvers.accounts import AccountMutations
from resolvers.instruments import InstrumentQueries
from resolvers.ledger import LedgerMutations
from resolvers.live import LiveSubscriptions
from resolvers.scalars import SCALARS
from resolvers.transactions import CashTransfer, Charge, Income, Trade
from resolvers.viewer import ViewerQueries


@strawberry.type(description="Everything that can be read. All of it needs a signed-in user.")
class Query(ViewerQueries, InstrumentQueries):
    """Everything that can be read."""


@strawberry.type(
    description="Everything that can be changed. Each field is one transaction: all or nothing. "
    "What is wrong with an input comes back as `userErrors`."
)
class Mutation(AccountMutations, LedgerMutations):
    """Everything that can be changed."""


@strawberry.type(description="Everything that can be followed live.")
class Subscription(LiveSubscriptions):
    """Everything that can be followed live."""


def build_schema() -> strawberry.Schema:
    """Build the schema from its parts."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Trade, Income, CashTransfer, Charge],
        extensions=[PreparedDocument],
        config=StrawberryConfig(scalar_map=SCALARS),
    )


schema = build_schema()
