"""Mutations of portfolios: creating, changing and archiving them."""

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from analytics.benchmarks import Blend
from analytics.events import Method
from resolvers.benchmarks import BlendInput, blend_of
from resolvers.changes import ERRORS, REPLAYED, Act, Repeatable, outcome
from resolvers.context import Context
from resolvers.ids import key_of
from resolvers.lots import LotMethod, method_of
from resolvers.portfolios import Portfolio, portfolio_by_key
from resolvers.scalars import CurrencyCode
from resolvers.values import UserError, user_errors
from services.errors import RefusedError
from services.instruments import find_named
from services.portfolios import (
    PortfolioChange,
    archive_portfolio,
    create_portfolio,
    update_portfolio,
)

BENCHMARK = "benchmark"


@strawberry.input(description="A new portfolio.")
class CreatePortfolioInput(Repeatable):
    """A new portfolio."""

    name: str = strawberry.field(description="1 to 100 characters, unique among yours.")
    base_currency: CurrencyCode | None = strawberry.field(
        default=None, description="What its figures are in; yours if left out."
    )
    allow_short: bool = strawberry.field(
        default=False, description="Whether sales may go beyond what is held."
    )
    lot_method: LotMethod = strawberry.field(
        default=LotMethod.FIFO, description="Which lots a sale takes first."
    )


@strawberry.input(description="What to change of a portfolio; what is left out stays.")
class UpdatePortfolioInput(Repeatable):
    """What to change of a portfolio."""

    portfolio_id: strawberry.ID = strawberry.field(description="Which portfolio.")
    name: str | None = strawberry.field(default=None, description="Its new name.")
    base_currency: CurrencyCode | None = strawberry.field(
        default=None, description="Possible only while nothing is booked."
    )
    allow_short: bool | None = strawberry.field(
        default=None, description="Whether sales may go beyond what is held."
    )
    lot_method: LotMethod | None = strawberry.field(
        default=None,
        description="Which lots a sale takes first, from now on and in all its past. To see what "
        "another method comes to without changing anything, ask `positions(lotMethod:)`.",
    )
    benchmark: BlendInput | None = strawberry.field(
        default=None,
        description="What it compares with. Without `parts` it compares with nothing from now on.",
    )


@strawberry.input(description="A portfolio to put away.")
class ArchivePortfolioInput(Repeatable):
    """A portfolio to put away."""

    portfolio_id: strawberry.ID = strawberry.field(description="Which portfolio.")


@strawberry.type(description="The outcome of a mutation of a portfolio.")
class PortfolioPayload:
    """The outcome of a mutation of a portfolio."""

    portfolio: Portfolio | None = strawberry.field(description="As it is now; null on an error.")
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


async def _change(
    context: Context, operation: str, *, given: Repeatable, act: Act
) -> PortfolioPayload:
    done = await outcome(context, operation, given=given, act=act)
    portfolio = None if done.key is None else await portfolio_by_key(context, done.key)
    return PortfolioPayload(
        portfolio=portfolio, replayed=done.replayed, user_errors=done.user_errors
    )


async def _benchmark(context: Context, given: BlendInput | None) -> Blend | None:
    """Check a benchmark and that its instruments are known, ours or the market's."""
    if given is None or not given.parts:
        return None if given is None else Blend(weights={})
    blend = blend_of(given, now=context.now(), field=(BENCHMARK,))
    fields = {
        symbol: (BENCHMARK, "parts", str(place), "symbol")
        for place, symbol in enumerate(blend.weights)
    }
    services = context.services
    await find_named(services.database, services.market, fields)
    return blend


@strawberry.type
class PortfolioMutations:
    """Root fields that change portfolios."""

    @strawberry.mutation(
        description="Create an empty portfolio. Errors: REQUIRED, TOO_LONG, INVALID, "
        "UNKNOWN_CURRENCY, ALREADY_EXISTS, IDEMPOTENCY_CONFLICT."
    )
    async def create_portfolio(
        self, info: Info[Context, None], input: CreatePortfolioInput
    ) -> PortfolioPayload | None:
        """Create a portfolio."""
        context = info.context
        user = await context.loaders.users.load(context.user_id)

        async def act(session: AsyncSession) -> int | None:
            row = await create_portfolio(
                session,
                input.name,
                owner_id=context.user_id,
                base_currency=input.base_currency or (user.base_currency if user else "USD"),
                allow_short=input.allow_short,
                lot_method=Method(input.lot_method.value),
                now=context.now(),
            )
            return row.id

        return await _change(context, "createPortfolio", given=input, act=act)

    @strawberry.mutation(
        description="Change a portfolio. Errors: NOT_FOUND, REQUIRED, TOO_LONG, INVALID, "
        "OUT_OF_RANGE, UNKNOWN_CURRENCY, UNKNOWN_INSTRUMENT, ALREADY_EXISTS, LEDGER_NOT_EMPTY, "
        "OVERSOLD, ARCHIVED, IDEMPOTENCY_CONFLICT."
    )
    async def update_portfolio(
        self, info: Info[Context, None], input: UpdatePortfolioInput
    ) -> PortfolioPayload | None:
        """Change a portfolio."""
        context = info.context
        try:
            benchmark = await _benchmark(context, input.benchmark)
        except RefusedError as error:
            return PortfolioPayload(portfolio=None, replayed=False, user_errors=user_errors(error))

        async def act(session: AsyncSession) -> int | None:
            row = await update_portfolio(
                session,
                PortfolioChange(
                    name=input.name,
                    base_currency=input.base_currency,
                    allow_short=input.allow_short,
                    lot_method=method_of(input.lot_method),
                    benchmark=benchmark,
                ),
                user_id=context.user_id,
                portfolio_id=key_of(input.portfolio_id, type_name="Portfolio") or 0,
                now=context.now(),
            )
            return row.id

        return await _change(context, "updatePortfolio", given=input, act=act)

    @strawberry.mutation(
        description="Put a portfolio away: it stays readable and takes no bookings. "
        "Errors: NOT_FOUND, IDEMPOTENCY_CONFLICT."
    )
    async def archive_portfolio(
        self, info: Info[Context, None], input: ArchivePortfolioInput
    ) -> PortfolioPayload | None:
        """Archive a portfolio."""
        context = info.context

        async def act(session: AsyncSession) -> int | None:
            row = await archive_portfolio(
                session,
                user_id=context.user_id,
                portfolio_id=key_of(input.portfolio_id, type_name="Portfolio") or 0,
                now=context.now(),
            )
            return row.id

        return await _change(context, "archivePortfolio", given=input, act=act)
