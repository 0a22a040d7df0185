"""All portfolios of the signed-in user as one."""

import strawberry

from models import portfolios, users
from models.portfolios import all_of
from resolvers.allocations import Allocation, allocation_field
from resolvers.batching import batched
from resolvers.gains import (
    LotConnection,
    RealizedGainConnection,
    lots_of_scopes,
    realized_gains_of_scopes,
)
from resolvers.income_calendars import IncomeCalendar, incomes_of_scopes
from resolvers.optimization import OptimizationProposal, optimization_field
from resolvers.overviews import PortfolioOverview, overviews
from resolvers.performance import Performance, performances_of_scopes
from resolvers.portfolios import (
    cash_of_scopes,
    positions_of_scopes,
)
from resolvers.positions import Position
from resolvers.rebalancing import RebalancePlan, rebalance_field
from resolvers.risk import Risk, risks_of_scopes
from resolvers.scalars import CurrencyCode
from resolvers.targets import AllocationTargets, targets_field
from resolvers.trade_statistics import TradeStatistics, trade_statistics_of_scopes
from resolvers.values import Money


@strawberry.type(
    description="All portfolios of a user as one, archived ones included: lots are matched across "
    "them, by FIFO unless `lotMethod` asks for another, and transfers between them are no flows."
)
class Combined:
    """All portfolios of a user as one."""

    row: strawberry.Private[portfolios.Portfolio]
    base_currency: CurrencyCode = strawberry.field(
        description="What its figures are in; each booking is converted at the rate of its day."
    )
    overview: PortfolioOverview = batched(
        overviews, description="Its figures, now or at the end of a past day."
    )
    positions: list[Position] = batched(
        positions_of_scopes,
        description="What is held in all portfolios, by symbol; with `includeClosed` also what "
        "was held once.",
    )
    cash: list[Money] = batched(cash_of_scopes, description="All cash by currency.")
    allocation: Allocation = allocation_field()
    allocation_targets: list[AllocationTargets] = targets_field()
    rebalance: RebalancePlan | None = rebalance_field()
    optimization: OptimizationProposal = optimization_field()
    performance: Performance = batched(
        performances_of_scopes,
        description="How it did over days, or over a `period` until today; since the first "
        "booking if neither is given. Several by aliases share the values of one reading.",
    )
    income: IncomeCalendar = batched(
        incomes_of_scopes,
        description="Its dividends and interest by month, of the last twelve months unless `range` "
        "says otherwise, and the dividends to expect of the next twelve; in the base currency or "
        "another.",
    )
    risk: Risk = batched(
        risks_of_scopes,
        description="How far its returns spread and fell over days, or over a `period` until "
        "today, and how they compare with a benchmark.",
    )
    trade_statistics: TradeStatistics = batched(
        trade_statistics_of_scopes,
        description="How often closed trades won, how much, and how long they took.",
    )
    lots: LotConnection = batched(
        lots_of_scopes,
        description="All open lots, newest first. Pages of 20 unless `first` or `last` says "
        "otherwise, at most 100.",
    )
    realized_gains: RealizedGainConnection = batched(
        realized_gains_of_scopes,
        description="All closed lots with what they brought, newest first; with `from` and `to` "
        "those closed on these days.",
    )


def combined_of(owner: users.User) -> Combined:
    """Build the outward shape of all portfolios of a user."""
    row = all_of(owner.id or 0, base_currency=owner.base_currency, since=owner.created_at)
    return Combined(row=row, base_currency=CurrencyCode(owner.base_currency))
