"""What a link shows of a portfolio: percentages, by types that have no amounts."""

from datetime import datetime

import strawberry
from strawberry.types import Info

from analytics.money import ratio
from resolvers.context import Context
from resolvers.figures import Ask, facts_of, valuations_of
from resolvers.positions import position_of, unrealized_returns, weights
from resolvers.scalars import CurrencyCode, Ratio, Symbol
from resolvers.values import fraction
from services.sharing import portfolio_of_link


@strawberry.type(description="What a link shows of one holding.")
class SharedHolding:
    """What a link shows of one holding."""

    symbol: Symbol = strawberry.field(description="The instrument's symbol.")
    name: str = strawberry.field(description="Its name.")
    weight: Ratio | None = strawberry.field(
        description="Share of the portfolio's value, cash included; negative for a short position. "
        "Null while a price or rate is missing."
    )
    unrealized_return: Ratio | None = strawberry.field(
        description="Unrealised gain over cost; null while a price is missing."
    )


@strawberry.type(
    description="What a link shows of a portfolio: names and percentages, no amounts and no units."
)
class SharedPortfolioView:
    """What a link shows of a portfolio."""

    name: str = strawberry.field(description="The owner's name for it.")
    base_currency: CurrencyCode = strawberry.field(description="What it is kept in.")
    total_return: Ratio | None = strawberry.field(
        description="Return on the capital at work since the first booking, as in "
        "`PortfolioOverview.totalReturn`."
    )
    day_change_ratio: Ratio | None = strawberry.field(
        description="Change since the previous close, as in `PortfolioOverview.dayChangeRatio`."
    )
    cash_weight: Ratio | None = strawberry.field(
        description="Cash as a share of the value; null while a price or rate is missing."
    )
    holdings: list[SharedHolding] = strawberry.field(description="What it holds, by symbol.")
    expires_at: datetime = strawberry.field(description="When the link ends.")


@strawberry.type
class LinkQueries:
    """Root fields that a link opens."""

    @strawberry.field(
        description="What a link shows, to whoever has its token: no account is needed. Null when "
        "there is no such link, or it has expired or been revoked."
    )
    async def shared_portfolio(
        self, info: Info[Context, None], token: str
    ) -> SharedPortfolioView | None:
        """Show a portfolio by a link."""
        context = info.context
        async with context.services.database.reading() as session:
            found = await portfolio_of_link(session, token, now=context.now())
        if found is None:
            return None
        portfolio, expires_at = found
        facts = await facts_of(context, [Ask(portfolio)])
        (valuation,) = await valuations_of(context, facts)
        held = [position_of(one, facts[0]) for one in facts[0].holdings if one.quantity]
        shares, returns = await weights(held, info), await unrealized_returns(held, info)
        return SharedPortfolioView(
            name=portfolio.name,
            base_currency=CurrencyCode(portfolio.base_currency),
            total_return=fraction(valuation.total_return),
            day_change_ratio=fraction(valuation.day_change_ratio),
            cash_weight=fraction(ratio(valuation.cash, valuation.value)),
            holdings=[
                SharedHolding(
                    symbol=one.symbol,
                    name=one.facts.instrument.name,
                    weight=weight,
                    unrealized_return=gained,
                )
                for one, weight, gained in zip(held, shares, returns, strict=True)
            ],
            expires_at=expires_at,
        )
