"""Portfolios: holdings, cash, ledger and overview."""

from datetime import date, datetime

import strawberry
from strawberry.types import Info

from analytics.valuation import Valuation
from models import portfolios
from resolvers import figures
from resolvers.access import portfolios_in_reach
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.exports import TransactionExport, exports_of_portfolios
from resolvers.figures import Ask, facts_of, valuations_of
from resolvers.gains import (
    LotConnection,
    RealizedGainConnection,
    Scope,
    lots_of_scopes,
    realized_gains_of_scopes,
)
from resolvers.ids import encode_id
from resolvers.loaders import PageKey
from resolvers.lots import FeePolicy, LotMethod, method_of
from resolvers.paging import cut_of
from resolvers.performance import Performance, performances_of_scopes
from resolvers.positions import Position, position_of
from resolvers.proposals import MAX_PROPOSALS, LedgerProposal, proposals_of_portfolios
from resolvers.quality import MAX_FINDINGS, DataQualityFinding, findings_of_scopes
from resolvers.risk import Risk, risks_of_scopes
from resolvers.scalars import CurrencyCode, Ratio
from resolvers.shares import (
    PortfolioRole,
    PortfolioShare,
    owners_of_portfolios,
    roles_in_portfolios,
    shares_of_portfolios,
)
from resolvers.statements import PeriodStatement, statements_of_scopes
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
    FigureIssue,
    Money,
    Node,
    bad_input,
    check_day,
    checked_currency,
    fraction,
    issue,
    money,
    money_or_none,
)


@strawberry.type(
    description="A portfolio's figures in one currency. `value = cash + marketValue`, never cash "
    "plus cost. What rests on a missing price or rate is null, and `issues` says why. Sums of the "
    "past (invested, realised gain, income, charges, net contributions) are kept in the "
    "portfolio's base currency at the rates of their own days; in another report currency they "
    "are converted at the latest rate."
)
class PortfolioOverview:
    """A portfolio's figures in one currency."""

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
        description="Total gain over the capital at work on average since the first booking "
        "(Modified Dietz: each flow weighs by the share of the time it was there). Not "
        "annualised."
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


def _overview(valuation: Valuation) -> PortfolioOverview:
    currency = valuation.currency
    return PortfolioOverview(
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


def _check_day(context: Context, as_of: date | None) -> None:
    check_day(as_of, today=context.now().date(), argument="asOf")


async def overviews(
    parents: "list[Scope]",
    info: Info[Context, None],
    currency: CurrencyCode | None = None,
    as_of: date | None = None,
) -> list[PortfolioOverview]:
    """Work out the overview of a level of portfolios."""
    _check_day(info.context, as_of)
    checked_currency(currency, argument="currency")
    facts = await facts_of(info.context, [Ask(parent.row, as_of) for parent in parents])
    found = await valuations_of(info.context, facts, currency=currency)
    return [_overview(valuation) for valuation in found]


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
    return [
        [position_of(held, fact) for held in fact.holdings if held.quantity or include_closed]
        for fact in facts
    ]


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
    version: int = strawberry.field(description="Grows by one with every change of the ledger.")
    created_at: datetime = strawberry.field(description="When it was created.")
    archived_at: datetime | None = strawberry.field(
        description="When it was archived: it takes no bookings since. Null while it is in use."
    )
    owner_name: str = batched(owners_of_portfolios, description="The username of its owner.")
    viewer_role: PortfolioRole = batched(
        roles_in_portfolios, description="What you are to it; by it you may do what you may do."
    )
    shares: list[PortfolioShare] | None = batched(
        shares_of_portfolios,
        description="Whom it is shared with, and its links, oldest first. Null unless it is yours; "
        "an API token needs `ADMIN`.",
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
    risk: Risk = batched(
        risks_of_scopes,
        description="How far its returns spread and fell over days, or over a `period` until "
        "today, and how they compare with a benchmark.",
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
        version=row.version,
        created_at=row.created_at,
        archived_at=row.archived_at,
    )


async def portfolio_by_key(context: Context, key: int) -> Portfolio | None:
    """Return a portfolio by its key; null for one out of the caller's reach."""
    (row,) = await portfolios_in_reach(context, [key])
    return None if row is None else portfolio_of(row)
