"""Positions and lots: what a portfolio holds, valued."""

from datetime import date, datetime
from decimal import Decimal

import strawberry
from strawberry.types import Info

from analytics.gains import split_unrealized
from analytics.measures import Reason
from analytics.money import convert_known, exact, plain, ratio
from analytics.valuation import Missing, market_value
from models.base import row_key
from models.portfolios import Portfolio
from resolvers.access import portfolios_in_reach
from resolvers.batching import batched
from resolvers.companies import CompanyProfile, profile_of
from resolvers.context import Context
from resolvers.figures import (
    Ask,
    HoldingFacts,
    PortfolioFacts,
    facts_of,
    price_of,
    quotes_at,
    rates_at,
    valuations_of,
)
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.lots import GainSplit, Lot, gain_split_of, lot_of, lots_of_holdings
from resolvers.performance import Performance, performances_of_scopes
from resolvers.quotes import Quote, quote_of
from resolvers.risk import Risk, risks_of_scopes
from resolvers.scalars import CurrencyCode, Ratio, Symbol
from resolvers.trade_statistics import TradeStatistics, trade_statistics_of_scopes
from resolvers.values import (
    FigureIssue,
    Money,
    Node,
    checked_currency,
    fraction,
    issue,
    money,
    money_or_none,
    unit_price,
)


async def _prices(context: Context, parents: "list[Position]") -> list[Decimal | None]:
    wanted = [(parent.symbol, parent.portfolio_facts.as_of) for parent in parents]
    quotes = await quotes_at(context, wanted)
    return [price_of(parent.facts, quote) for parent, quote in zip(parents, quotes, strict=True)]


async def _own_values(context: Context, parents: "list[Position]") -> list[Decimal | None]:
    prices = await _prices(context, parents)
    return [
        market_value(parent.facts.quantity, price)
        for parent, price in zip(parents, prices, strict=True)
    ]


@exact
def _less(whole: Decimal | None, part: Decimal | None) -> Decimal | None:
    return None if whole is None or part is None else whole - part


async def quotes_of_positions(
    parents: "list[Position]", info: Info[Context, None]
) -> list[Quote | None]:
    """Quote a level of positions in one go."""
    wanted = [(parent.symbol, parent.portfolio_facts.as_of) for parent in parents]
    found = await quotes_at(info.context, wanted)
    return [None if value is None else quote_of(value) for value in found]


async def profiles_of_positions(
    parents: "list[Position]", info: Info[Context, None]
) -> list[CompanyProfile | None]:
    """Profile a level of positions in one go."""
    found = await info.context.loaders.profiles.load_many([parent.symbol for parent in parents])
    return [None if value is None else profile_of(value) for value in found]


async def market_values(
    parents: "list[Position]", info: Info[Context, None], currency: CurrencyCode | None = None
) -> list[Money | None]:
    """Value a level of positions."""
    checked_currency(currency, argument="currency")
    own = await _own_values(info.context, parents)
    targets = [currency or parent.facts.instrument.currency for parent in parents]
    questions = [
        (parent.facts.instrument.currency, target, parent.day(info.context))
        for parent, target in zip(parents, targets, strict=True)
    ]
    rates = await rates_at(info.context, questions)
    return [
        money_or_none(convert_known(value, rates[question]), target)
        for value, question, target in zip(own, questions, targets, strict=True)
    ]


async def unrealized_gains(
    parents: "list[Position]", info: Info[Context, None], currency: CurrencyCode | None = None
) -> list[Money | None]:
    """Work out the unrealised gain of a level of positions."""
    checked_currency(currency, argument="currency")
    own = await _own_values(info.context, parents)
    questions = []
    for parent in parents:
        facts, day = parent.facts, parent.day(info.context)
        target = currency or facts.instrument.currency
        own_currency = facts.instrument.currency
        # In its own currency no other rate is needed, so none is asked for.
        base = target if target == own_currency else parent.portfolio_facts.portfolio.base_currency
        questions.append(((own_currency, target, day), (base, target, day)))
    rates = await rates_at(info.context, [question for pair in questions for question in pair])
    gains: list[Money | None] = []
    for parent, value, (own_rate, base_rate) in zip(parents, own, questions, strict=True):
        facts, target = parent.facts, own_rate[1]
        if target == facts.instrument.currency:
            gain = _less(value, facts.cost)
        else:
            # Cost stays at the rates of its own days, value counts at today's.
            gain = _less(
                convert_known(value, rates[own_rate]),
                convert_known(facts.cost_base, rates[base_rate]),
            )
        gains.append(money_or_none(gain, target))
    return gains


async def unrealized_returns(
    parents: "list[Position]", info: Info[Context, None]
) -> list[Ratio | None]:
    """Work out the unrealised gain over cost, in the instrument's currency."""
    own = await _own_values(info.context, parents)
    return [
        fraction(ratio(_less(value, parent.facts.cost), abs(parent.facts.cost)))
        for parent, value in zip(parents, own, strict=True)
    ]


async def day_changes(parents: "list[Position]", info: Info[Context, None]) -> list[Money | None]:
    """Work out what the units held now have gained since the previous close."""
    wanted = [(parent.symbol, parent.portfolio_facts.as_of) for parent in parents]
    quotes = await quotes_at(info.context, wanted)
    changes: list[Money | None] = []
    for parent, quote in zip(parents, quotes, strict=True):
        previous = None if quote is None else quote.previous_close
        change = _less(price_of(parent.facts, quote), previous)
        changes.append(
            money_or_none(
                market_value(parent.facts.quantity, change), parent.facts.instrument.currency
            )
        )
    return changes


async def weights(parents: "list[Position]", info: Info[Context, None]) -> list[Ratio | None]:
    """Work out each position's share of its portfolio's value."""
    context = info.context
    facts = {id(parent.portfolio_facts): parent.portfolio_facts for parent in parents}
    valuations = dict(zip(facts, await valuations_of(context, list(facts.values())), strict=True))
    own = await _own_values(context, parents)
    questions = [
        (
            parent.facts.instrument.currency,
            parent.portfolio_facts.portfolio.base_currency,
            parent.day(context),
        )
        for parent in parents
    ]
    rates = await rates_at(context, questions)
    return [
        fraction(
            ratio(
                convert_known(value, rates[question]), valuations[id(parent.portfolio_facts)].value
            )
        )
        for parent, value, question in zip(parents, own, questions, strict=True)
    ]


async def lots_of_positions(
    parents: "list[Position]", info: Info[Context, None]
) -> list[list[Lot]]:
    """List the open lots of a level of positions."""
    found = await lots_of_holdings(info.context, [parent.facts for parent in parents])
    return [
        [lot_of(lot, instrument=parent.facts.instrument) for lot in group]
        for parent, group in zip(parents, found, strict=True)
    ]


async def gain_splits(
    parents: "list[Position]", info: Info[Context, None], currency: CurrencyCode | None = None
) -> list[GainSplit | None]:
    """Split the unrealised gain of a level of positions into price and currency effect."""
    target = checked_currency(currency, argument="currency")
    own = await _own_values(info.context, parents)
    questions = []
    for parent in parents:
        base = parent.portfolio_facts.portfolio.base_currency
        day = parent.day(info.context)
        questions.append(
            (
                (parent.facts.instrument.currency, base, day),
                (base, target or base, day),
            )
        )
    rates = await rates_at(info.context, [question for pair in questions for question in pair])
    return [
        gain_split_of(
            split_unrealized(
                value=value,
                cost=parent.facts.cost,
                cost_base=parent.facts.cost_base,
                rate=rates[to_base],
            ),
            rate=rates[to_target],
            currency=to_target[1],
        )
        for parent, value, (to_base, to_target) in zip(parents, own, questions, strict=True)
    ]


async def issues_of_positions(
    parents: "list[Position]", info: Info[Context, None]
) -> list[list[FigureIssue]]:
    """List why figures of a level of positions are null."""
    prices = await _prices(info.context, parents)
    found: list[list[FigureIssue]] = []
    for parent, price in zip(parents, prices, strict=True):
        facts, missing = parent.facts, []
        if facts.quantity and price is None:
            missing.append(
                Missing(figure="marketValue", reason=Reason.NO_PRICE, about=parent.symbol)
            )
        if facts.quantity and not facts.cost:
            missing.append(
                Missing(figure="unrealizedReturn", reason=Reason.ZERO_COST, about=parent.symbol)
            )
        if parent.lacking is not None:
            missing.append(
                Missing(
                    figure="realizedGain",
                    reason=Reason.MISSING_ACQUISITION,
                    about=parent.lacking,
                )
            )
        if facts.cost_base is None:
            missing.append(
                Missing(
                    figure="unrealizedGain",
                    reason=Reason.NO_RATE,
                    about=facts.instrument.currency,
                )
            )
        found.append([issue(item) for item in missing])
    return found


@strawberry.type(
    description="What a portfolio holds of one instrument, by its lot method or the one asked "
    "for. Money is in the instrument's currency unless an argument says otherwise."
)
class Position(Node):
    """What a portfolio holds of one instrument."""

    facts: strawberry.Private[HoldingFacts]
    portfolio_facts: strawberry.Private[PortfolioFacts]
    instrument: Instrument = strawberry.field(description="What is held.")
    symbol: Symbol = strawberry.field(description="The instrument's symbol.")
    quantity: Decimal = strawberry.field(description="Units held; negative for a short position.")
    average_cost: Money | None = strawberry.field(
        description="Cost of one unit held, fees included; null when none is held."
    )
    cost_basis: Money = strawberry.field(description="Cost of all units held, fees included.")
    fees: Money = strawberry.field(
        description="The part of the cost of the units held that is fees and transaction taxes."
    )
    realized_gain: Money | None = strawberry.field(
        description="Proceeds of all sales after fees, less the cost of what was sold. Null while "
        "an acquisition is missing: see `issues`."
    )
    income: Money | None = strawberry.field(
        description="Dividends and interest it paid, before tax withheld. Null without the rate "
        "of one paid in another currency."
    )
    missing_quantity: Decimal = strawberry.field(
        description="Units that were sold or moved out and that no booking accounts for; zero "
        "when the history is complete."
    )
    opened_at: datetime | None = strawberry.field(
        description="When the oldest units held were bought; null when none is held."
    )
    quote: Quote | None = batched(
        quotes_of_positions,
        description="The price it is valued at; null when no source has one. For a past day the "
        "last close on or before it.",
    )
    profile: CompanyProfile | None = batched(
        profiles_of_positions, description="The company behind it; null when no source knows."
    )
    market_value: Money | None = batched(
        market_values,
        description="Units times price, in the instrument's currency or the one asked for. Null "
        "without a price or rate: see `issues`.",
    )
    unrealized_gain: Money | None = batched(
        unrealized_gains,
        description="Market value less cost. In another currency, value counts at the current "
        "rate and cost at the rates of the days of purchase. Null without a price or rate.",
    )
    gain_split: GainSplit | None = batched(
        gain_splits,
        description="The unrealised gain in the portfolio's base currency, or converted from it, "
        "split into price effect and currency effect. Null without a price or rate.",
    )
    unrealized_return: Ratio | None = batched(
        unrealized_returns,
        description="Unrealised gain over cost, both in the instrument's currency; null without a "
        "price or cost.",
    )
    day_change: Money | None = batched(
        day_changes,
        description="Units held now times the price's change since the previous close; null if "
        "either is not known.",
    )
    weight: Ratio | None = batched(
        weights,
        description="Share of the portfolio's value, cash included; negative for a short "
        "position. Null while that value is not known or zero.",
    )
    lots: list[Lot] = batched(
        lots_of_positions, description="Open lots, oldest first; empty when none is held."
    )
    issues: list[FigureIssue] = batched(
        issues_of_positions, description="Why figures above are null; empty when none is."
    )

    performance: Performance = batched(
        performances_of_scopes,
        description="How its units did over days, or over a `period` until today, in the "
        "portfolio's base currency or another: purchases are money in, sales and dividends money "
        "out. Whatever day it is of, and however lots are matched, it is the same. Null over a day "
        "on which units left that were never acquired: see `issues`.",
    )
    risk: Risk = batched(
        risks_of_scopes,
        description="How far the returns of its units spread and fell over days, or over a "
        "`period` until today, and how they compare with a benchmark.",
    )

    trade_statistics: TradeStatistics = batched(
        trade_statistics_of_scopes,
        description="How often its closed trades won, how much, and how long they took: by the "
        "portfolio's lot method unless `lotMethod` asks for another.",
    )

    @property
    def row(self) -> Portfolio:
        """Return the portfolio it is in."""
        return self.portfolio_facts.portfolio

    @property
    def instrument_key(self) -> int:
        """Return the key of its instrument."""
        return row_key(self.facts.instrument.id)

    @property
    def lacking(self) -> str | None:
        """Return the units that no acquisition accounts for, in words."""
        missing = self.facts.missing
        return f"{plain(missing)} units of {self.symbol}" if missing else None

    def day(self, context: Context) -> date:
        """Return the day whose rates this position is converted at."""
        return self.portfolio_facts.as_of or context.now().date()


def positions_of(facts: PortfolioFacts, *, closed: bool) -> list[Position]:
    """Return the outward shapes of a portfolio's holdings, built once as long as its facts last."""
    found = facts.shapes.get(closed)
    if found is None:
        found = facts.shapes[closed] = [
            position_of(held, facts) for held in facts.holdings if held.quantity or closed
        ]
    return found


def position_of(facts: HoldingFacts, owner: PortfolioFacts) -> Position:
    """Build the outward shape of a position; a derived one has an id that only sets it apart."""
    currency = facts.instrument.currency
    average = ratio(facts.cost, facts.quantity)
    return Position(
        id=strawberry.ID(
            encode_id("Position", facts.key)
            if facts.key is not None
            else encode_id(
                f"DerivedPosition-{owner.portfolio.id}-{owner.variant}-{facts.instrument.symbol}", 0
            )
        ),
        facts=facts,
        portfolio_facts=owner,
        instrument=instrument_of(facts.instrument),
        symbol=Symbol(facts.instrument.symbol),
        quantity=facts.quantity,
        average_cost=None if average is None else unit_price(average, currency),
        cost_basis=money(facts.cost, currency),
        fees=money(facts.fees, currency),
        realized_gain=money_or_none(facts.realized, currency),
        income=money_or_none(facts.income, currency),
        missing_quantity=facts.missing,
        opened_at=facts.opened_at,
    )


async def position_by_key(context: Context, key: int) -> Position | None:
    """Return a position by its key; null for one out of the caller's reach."""
    found = await context.loaders.positions.load(key)
    if found is None:
        return None
    (portfolio,) = await portfolios_in_reach(context, [found[0].portfolio_id])
    if portfolio is None:
        return None
    (facts,) = await facts_of(context, [Ask(portfolio, None)])
    return next((position_of(held, facts) for held in facts.holdings if held.key == key), None)
