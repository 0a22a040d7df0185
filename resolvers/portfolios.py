"""Portfolios: holdings, cash, ledger and overview."""

from datetime import date, datetime

import strawberry
from strawberry.types import Info

from models import portfolios
from resolvers import figures
from resolvers.access import portfolios_in_reach
from resolvers.allocations import Allocation, allocation_field
from resolvers.batching import batched
from resolvers.benchmarks import Benchmark, benchmark_of
from resolvers.context import Context
from resolvers.exports import TransactionExport, exports_of_portfolios
from resolvers.figures import Ask, facts_of
from resolvers.gains import (
    LotConnection,
    RealizedGainConnection,
    Scope,
    lots_of_scopes,
    realized_gains_of_scopes,
)
from resolvers.ids import encode_id
from resolvers.income_calendars import IncomeCalendar, incomes_of_scopes
from resolvers.loaders import PageKey
from resolvers.lots import FeePolicy, LotMethod, method_of
from resolvers.optimization import OptimizationProposal, optimization_field
from resolvers.overviews import PortfolioOverview, overviews
from resolvers.paging import cut_of
from resolvers.performance import Performance, performances_of_scopes
from resolvers.positions import Position, positions_of
from resolvers.proposals import MAX_PROPOSALS, LedgerProposal, proposals_of_portfolios
from resolvers.quality import MAX_FINDINGS, DataQualityFinding, findings_of_scopes
from resolvers.rebalancing import RebalancePlan, rebalance_field
from resolvers.risk import Risk, risks_of_scopes
from resolvers.scalars import CurrencyCode
from resolvers.shares import (
    PortfolioRole,
    PortfolioShare,
    owners_of_portfolios,
    roles_in_portfolios,
    shares_of_portfolios,
)
from resolvers.statements import PeriodStatement, statements_of_scopes
from resolvers.targets import AllocationTargets, targets_field
from resolvers.trade_statistics import TradeStatistics, trade_statistics_of_scopes
from resolvers.transaction_pages import (
    TradeConnection,
    TransactionConnection,
    TransactionFilter,
    chosen_of,
    only_trades,
    pages_of,
    trade_connection,
    transaction_connection,
)
from resolvers.values import (
    Money,
    Node,
    bad_input,
    check_day,
    money,
)


def _check_day(context: Context, as_of: date | None) -> None:
    check_day(as_of, today=context.now().date(), argument="asOf")


async def positions_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    as_of: date | None = None,
    include_closed: bool = False,
    lot_method: LotMethod | None = None,
    fee_policy: FeePolicy = FeePolicy.CAPITALIZE,
) -> list[list[Position]]:
    """List the positions of a level of portfolios."""
    _check_day(info.context, as_of)
    method, fees = method_of(lot_method), figures.FeePolicy(fee_policy.value)
    asks = [Ask(parent.row, as_of, method, fees) for parent in parents]
    facts = await facts_of(info.context, asks)
    return [positions_of(fact, closed=include_closed) for fact in facts]


async def cash_of_scopes(
    parents: "list[Scope]", info: Info[Context, None], as_of: date | None = None
) -> list[list[Money]]:
    """List the cash of a level of portfolios."""
    _check_day(info.context, as_of)
    facts = await facts_of(info.context, [Ask(parent.row, as_of) for parent in parents])
    return [
        [money(amount, currency) for currency, amount in sorted(fact.cash.items()) if amount]
        for fact in facts
    ]


async def transactions_of_portfolios(
    parents: "list[Portfolio]",
    info: Info[Context, None],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    filter: TransactionFilter | None = None,
) -> list[TransactionConnection]:
    """Page through the ledgers of a level of portfolios."""
    chosen = chosen_of(filter)
    cut = cut_of(first=first, after=after, last=last, before=before)
    keys = [PageKey(portfolio_id=parent.row.id or 0, chosen=chosen, cut=cut) for parent in parents]
    return [transaction_connection(page) for page in await pages_of(info.context, keys)]


async def trades_of_portfolios(
    parents: "list[Portfolio]",
    info: Info[Context, None],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    filter: TransactionFilter | None = None,
) -> list[TradeConnection]:
    """Page through the trades of a level of portfolios."""
    chosen = only_trades(chosen_of(filter))
    cut = cut_of(first=first, after=after, last=last, before=before)
    if chosen is None:
        raise bad_input("`filter.kinds` of trades takes BUY, SELL, SHORT and COVER.")
    keys = [PageKey(portfolio_id=parent.row.id or 0, chosen=chosen, cut=cut) for parent in parents]
    return [trade_connection(page) for page in await pages_of(info.context, keys)]


@strawberry.type(description="A ledger of one owner in one base currency.")
class Portfolio(Node):
    """A ledger of one owner in one base currency."""

    row: strawberry.Private[portfolios.Portfolio]
    name: str = strawberry.field(description="The owner's name for it, unique among theirs.")
    base_currency: CurrencyCode = strawberry.field(description="What its figures are in.")
    allow_short: bool = strawberry.field(
        description="Whether a sale may go beyond what is held; otherwise it is refused."
    )
    lot_method: LotMethod = strawberry.field(
        description="Which lots a sale takes first, unless a query asks for another method."
    )
    benchmark: Benchmark | None = strawberry.field(
        description="What its performance and risk compare with unless a query names another; null "
        "without one."
    )
    version: int = strawberry.field(description="Grows by one with every change of the ledger.")
    created_at: datetime = strawberry.field(description="When it was created.")
    archived_at: datetime | None = strawberry.field(
        description="When it was archived: it takes no bookings since. Null while it is in use."
    )
    owner_name: str = batched(owners_of_portfolios, description="The username of its owner.")
    viewer_role: PortfolioRole = batched(
        roles_in_portfolios,
        description="What you are to it; by it you may do what you may do.",
        personal=True,
    )
    shares: list[PortfolioShare] | None = batched(
        shares_of_portfolios,
        description="Whom it is shared with, and its links, oldest first. Null unless it is yours; "
        "an API token needs `ADMIN`.",
        personal=True,
    )
    overview: PortfolioOverview = batched(
        overviews,
        description="Its figures in the base currency or another, now or at the end of a past day.",
    )
    positions: list[Position] = batched(
        positions_of_scopes,
        description="What it holds, by symbol, now or at the end of a past day; with "
        "`includeClosed` also what it held once. By the portfolio's lot method unless "
        "`lotMethod` asks for another.",
    )
    cash: list[Money] = batched(
        cash_of_scopes,
        description="Its cash by currency, now or at the end of a past day; negative when "
        "overdrawn. Currencies with nothing are left out.",
    )
    allocation: Allocation = allocation_field()
    allocation_targets: list[AllocationTargets] = targets_field()
    rebalance: RebalancePlan | None = rebalance_field()
    optimization: OptimizationProposal = optimization_field()
    lots: LotConnection = batched(
        lots_of_scopes,
        description="Its open lots, newest first, now or at the end of a past day. Pages of 20 "
        "unless `first` or `last` says otherwise, at most 100.",
    )
    realized_gains: RealizedGainConnection = batched(
        realized_gains_of_scopes,
        description="Its closed lots with what they brought, newest first; with `from` and `to` "
        "those closed on these days. By its lot method unless `lotMethod` asks for another.",
    )
    statement: PeriodStatement = batched(
        statements_of_scopes,
        description="What became of its value from one day to another, both included and none in "
        "the future, in the base currency or another.",
    )
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
        description="How often its closed trades won, how much, and how long they took: of days, "
        "of a `period` until today, or since the first booking.",
    )
    data_quality: list[DataQualityFinding] = batched(
        findings_of_scopes,
        description=f"What looks wrong in its ledger, worst first, at most {MAX_FINDINGS} "
        "findings. Nothing is changed: each names the mutation that would repair it.",
    )
    proposals: list[LedgerProposal] = batched(
        proposals_of_portfolios,
        description="Splits and dividends that the market knows of for units it held, and that its "
        f"ledger does not have: oldest first, at most {MAX_PROPOSALS}. Those dismissed are left "
        "out unless asked for.",
    )
    trades: TradeConnection = batched(
        trades_of_portfolios,
        description="Its trades, newest first. Pages of 20 unless `first` or `last` says "
        "otherwise, at most 100.",
    )
    transactions_export: TransactionExport = batched(
        exports_of_portfolios,
        description="Its whole ledger as a file, without voided entries and histories.",
    )
    transactions: TransactionConnection = batched(
        transactions_of_portfolios,
        description="Its whole ledger, newest first. Pages of 20 unless `first` or `last` says "
        "otherwise, at most 100.",
    )


def portfolio_of(row: portfolios.Portfolio) -> Portfolio:
    """Build the outward shape of a portfolio."""
    return Portfolio(
        id=strawberry.ID(encode_id("Portfolio", row.id)),
        row=row,
        name=row.name,
        base_currency=CurrencyCode(row.base_currency),
        allow_short=row.allow_short,
        lot_method=LotMethod(row.lot_method),
        benchmark=benchmark_of(row),
        version=row.version,
        created_at=row.created_at,
        archived_at=row.archived_at,
    )


async def portfolio_by_key(context: Context, key: int) -> Portfolio | None:
    """Return a portfolio by its key; null for one out of the caller's reach."""
    (row,) = await portfolios_in_reach(context, [key])
    return None if row is None else portfolio_of(row)
