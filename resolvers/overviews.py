"""The overview of a portfolio: what it is worth, what it gained, and how it did, in short."""

from datetime import date

import strawberry
from strawberry.types import Info

from analytics.statistics import Assumptions
from analytics.valuation import Valuation
from models import portfolios
from resolvers.context import Context
from resolvers.figures import Ask, facts_of, valuations_of
from resolvers.gains import Scope
from resolvers.lots import FeePolicy
from resolvers.measures import Measure
from resolvers.performance import performance_of
from resolvers.risk import Risk, risk_of
from resolvers.scalars import CurrencyCode, Ratio
from resolvers.scoping import Scoped, TaxPolicy, scoped_of
from resolvers.trade_statistics import trade_statistics_of_scopes
from resolvers.values import (
    DateRangeInput,
    FigureIssue,
    Money,
    check_day,
    checked_currency,
    fraction,
    issue,
    money_or_none,
)
from services.checks import EARLIEST


@strawberry.type(
    description="A portfolio's figures in one currency. `value = cash + marketValue`, never cash "
    "plus cost. What rests on a missing price or rate is null, and `issues` says why. Sums of the "
    "past (invested, realised gain, income, charges, net contributions) are kept in the "
    "portfolio's base currency at the rates of their own days; in another report currency they "
    "are converted at the latest rate."
)
class PortfolioOverview:
    """A portfolio's figures in one currency."""

    row: strawberry.Private[portfolios.Portfolio]
    as_of: strawberry.Private[date | None]
    currency: CurrencyCode = strawberry.field(description="What the figures are in.")
    value: Money | None = strawberry.field(description="Cash plus market value.")
    cash: Money | None = strawberry.field(description="All cash, converted.")
    market_value: Money | None = strawberry.field(
        description="All units at current prices; shorts count negative."
    )
    invested: Money | None = strawberry.field(
        description="Cost of all units held, fees included, at the rates of their purchase."
    )
    unrealized_gain: Money | None = strawberry.field(
        description="Market value less invested; includes what exchange rates did."
    )
    realized_gain: Money | None = strawberry.field(
        description="Proceeds of sales less cost, each at the rate of its own day. Null while an "
        "acquisition is missing."
    )
    income: Money | None = strawberry.field(
        description="Dividends and interest received, before tax withheld."
    )
    charges: Money | None = strawberry.field(
        description="Fees and taxes outside trades, tax withheld from income included."
    )
    net_contributions: Money | None = strawberry.field(
        description="Cash paid in less cash taken out; units that came in or went out without cash "
        "count at their cost, or at the value stated."
    )
    total_gain: Money | None = strawberry.field(
        description="Value less net contributions: all that was gained since the beginning."
    )
    total_return: Ratio | None = strawberry.field(
        description="What was gained for each unit of money that was there on average since the "
        "first booking (Modified Dietz: total gain over capital, each flow for the share of the "
        "time it was there). Not annualised."
    )
    day_change: Money | None = strawberry.field(
        description="Value now less value at the previous close, less what was paid in or taken "
        "out since."
    )
    day_change_ratio: Ratio | None = strawberry.field(
        description="Day change over the value at the previous close plus what was paid in since."
    )
    issues: list[FigureIssue] = strawberry.field(
        description="Why figures above are null; empty when none is."
    )

    @property
    def _days(self) -> DateRangeInput | None:
        """Return all days until that of the overview; null until today."""
        return None if self.as_of is None else DateRangeInput(first=EARLIEST, last=self.as_of)

    async def _scoped(self, info: Info[Context, None]) -> Scoped:
        (scoped,) = await scoped_of(
            [self],
            info.context,
            range=self._days,
            period=None,
            currency=self.currency,
            fee_policy=FeePolicy.CAPITALIZE,
            tax_policy=TaxPolicy.GROSS,
        )
        return scoped

    async def _risk(self, info: Info[Context, None]) -> Risk:
        return risk_of(await self._scoped(info), None, Assumptions())

    @strawberry.field(
        description="What one unit of money that was there since the first booking has earned, "
        "whatever was paid in or taken out: `performance` over all days."
    )
    async def time_weighted_return(self, info: Info[Context, None]) -> Measure:
        """Return the time-weighted return."""
        figure: Measure = performance_of(await self._scoped(info)).time_weighted_return()
        return figure

    @strawberry.field(description="`risk.volatility` since the first booking, a year.")
    async def volatility(self, info: Info[Context, None]) -> Measure:
        """Return the volatility."""
        figure: Measure = (await self._risk(info)).volatility()
        return figure

    @strawberry.field(
        description="`risk.sharpe` since the first booking, with a risk-free rate of nothing."
    )
    async def sharpe(self, info: Info[Context, None]) -> Measure:
        """Return the Sharpe ratio."""
        figure: Measure = (await self._risk(info)).sharpe()
        return figure

    @strawberry.field(description="`risk.maxDrawdown` since the first booking.")
    async def max_drawdown(self, info: Info[Context, None]) -> Measure:
        """Return the maximum drawdown."""
        figure: Measure = (await self._risk(info)).max_drawdown()
        return figure

    @strawberry.field(
        description="`tradeStatistics.winRate` since the first booking: which share of the closed "
        "trades gained."
    )
    async def win_rate(self, info: Info[Context, None]) -> Measure:
        """Return the win rate of trades."""
        (found,) = await trade_statistics_of_scopes([self], info, range=self._days)
        figure: Measure = found.win_rate()
        return figure


def _overview(
    valuation: Valuation, row: portfolios.Portfolio, as_of: date | None
) -> PortfolioOverview:
    currency = valuation.currency
    return PortfolioOverview(
        row=row,
        as_of=as_of,
        currency=CurrencyCode(currency),
        value=money_or_none(valuation.value, currency),
        cash=money_or_none(valuation.cash, currency),
        market_value=money_or_none(valuation.market_value, currency),
        invested=money_or_none(valuation.invested, currency),
        unrealized_gain=money_or_none(valuation.unrealized, currency),
        realized_gain=money_or_none(valuation.realized, currency),
        income=money_or_none(valuation.income, currency),
        charges=money_or_none(valuation.charges, currency),
        net_contributions=money_or_none(valuation.contributed, currency),
        total_gain=money_or_none(valuation.total_gain, currency),
        total_return=fraction(valuation.total_return),
        day_change=money_or_none(valuation.day_change, currency),
        day_change_ratio=fraction(valuation.day_change_ratio),
        issues=[issue(missing) for missing in valuation.missing],
    )


async def overviews(
    parents: "list[Scope]",
    info: Info[Context, None],
    currency: CurrencyCode | None = None,
    as_of: date | None = None,
) -> list[PortfolioOverview]:
    """Work out the overview of a level of portfolios."""
    check_day(as_of, today=info.context.now().date(), argument="asOf")
    checked_currency(currency, argument="currency")
    facts = await facts_of(info.context, [Ask(parent.row, as_of) for parent in parents])
    found = await valuations_of(info.context, facts, currency=currency)
    return [
        _overview(valuation, parent.row, as_of)
        for parent, valuation in zip(parents, found, strict=True)
    ]
