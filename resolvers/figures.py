"""Gathers what figures rest on, for a level of portfolios at once: holdings, prices, rates."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from analytics.events import Method
from analytics.holdings import Lot
from analytics.ledger import Nature, Totals, cash_of, sum_of
from analytics.money import ONE, ZERO, total
from analytics.valuation import Book, Held, Rates, Valuation, value_portfolio
from models import portfolios, transactions
from models.instruments import Instrument
from models.market import CloseQuestion, Quote, QuoteQuality, RateQuestion
from models.transactions import TRADES
from resolvers.context import Context
from resolvers.lasting import lasting
from resolvers.loaders import Projection, state_key
from services.combined import internal
from services.entries import InstrumentState, is_kind, movements_of
from services.projection import flows_of_row, totals_of_row


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingFacts:
    """One position as the ledger has it; ``key`` is null for one that is not stored.

    ``lots`` is null where they are read from the projection on demand.
    """

    key: int | None
    instrument: Instrument
    quantity: Decimal
    cost: Decimal
    cost_base: Decimal | None
    fees: Decimal
    realized: Decimal | None
    realized_base: Decimal | None
    income: Decimal | None
    missing: Decimal
    opened_at: datetime | None
    lots: tuple[Lot, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioFacts:
    """One portfolio as the ledger has it, now (``as_of`` null) or at the end of a day.

    ``variant`` sets apart what is derived by other terms than the stored projection.
    """

    portfolio: portfolios.Portfolio
    as_of: date | None
    holdings: tuple[HoldingFacts, ...]
    cash: Mapping[str, Decimal]
    totals: Totals
    first_day: date | None
    variant: str = ""
    shapes: dict[bool, list[Any]] = field(init=False, default_factory=dict, compare=False)
    """The outward shapes of its holdings, with or without those that are closed, once built."""


Quotes = Mapping[tuple[str, date | None], Quote | None]


class FeePolicy(Enum):
    """Whether fees are part of cost and proceeds."""

    CAPITALIZE = "CAPITALIZE"
    EXPENSE = "EXPENSE"


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks for one portfolio's facts; a null method is the portfolio's own."""

    portfolio: portfolios.Portfolio
    as_of: date | None = None
    method: Method | None = None
    fee_policy: FeePolicy = FeePolicy.CAPITALIZE

    @property
    def stored(self) -> bool:
        """Tell whether the projection has the answer."""
        own = self.method is None or self.method.value == self.portfolio.lot_method
        as_stored = own and self.fee_policy is FeePolicy.CAPITALIZE and not self.portfolio.is_all
        return self.as_of is None and as_stored

    @property
    def variant(self) -> str:
        """Return what sets the answer apart from the stored one."""
        method = self.portfolio.lot_method if self.method is None else self.method.value
        return f"{self.as_of}-{method}-{self.fee_policy.value}"


async def facts_of(context: Context, asks: Sequence[Ask]) -> list[PortfolioFacts]:
    """Return the facts of portfolios, in order, in a fixed number of statements."""
    if all(ask.stored for ask in asks):
        return await _stored(context, asks)
    stored, derived = await asyncio.gather(
        _stored(context, [ask for ask in asks if ask.stored]),
        _derived(context, [ask for ask in asks if not ask.stored]),
    )
    found = iter(stored), iter(derived)
    return [next(found[0] if ask.stored else found[1]) for ask in asks]


async def _stored(context: Context, asks: Sequence[Ask]) -> list[PortfolioFacts]:
    """Read facts from the projection: positions, cash and totals of one moment."""
    found = await context.loaders.projections.load_many([ask.portfolio.id or 0 for ask in asks])
    return [
        _facts_of_projection(projection, ask.portfolio)
        for ask, projection in zip(asks, found, strict=True)
    ]


@lasting
def _facts_of_projection(projection: Projection, portfolio: portfolios.Portfolio) -> PortfolioFacts:
    return PortfolioFacts(
        portfolio=portfolio,
        as_of=None,
        holdings=tuple(
            HoldingFacts(
                key=row.id,
                instrument=instrument,
                quantity=row.quantity,
                cost=row.cost,
                cost_base=row.cost_base,
                fees=row.fees,
                realized=row.realized,
                realized_base=row.realized_base,
                income=row.income,
                missing=row.missing,
                opened_at=row.opened_at,
            )
            for row, instrument in projection.positions
        ),
        cash={balance.currency: balance.amount for balance in projection.cash},
        totals=sum_of(
            totals_of_row(projection.totals),
            *(flows_of_row(row) for row, _ in projection.positions),
        ),
        first_day=projection.totals.first_day if projection.totals else None,
    )


async def _derived(context: Context, asks: Sequence[Ask]) -> list[PortfolioFacts]:
    """Derive facts from the ledger."""
    keys = [state_key(ask.portfolio, day=ask.as_of, method=ask.method) for ask in asks]
    states = await context.loaders.ledger_states.load_many(keys)
    ids = sorted({instrument_id for state in states for instrument_id in state.instruments})
    rows = dict(zip(ids, await context.loaders.instruments.load_many(ids), strict=True))
    found: list[PortfolioFacts] = []
    for ask, state in zip(asks, states, strict=True):
        holdings = [
            holding_facts(instrument, known, ask.fee_policy)
            for instrument_id, known in state.instruments.items()
            if (instrument := rows[instrument_id]) is not None
        ]
        found.append(
            PortfolioFacts(
                portfolio=ask.portfolio,
                as_of=ask.as_of,
                holdings=tuple(sorted(holdings, key=lambda held: held.instrument.symbol)),
                cash=state.cash,
                totals=sum_of(state.totals, *(known.flows for known in state.instruments.values())),
                first_day=state.first_day,
                variant=ask.variant,
            )
        )
    return found


def holding_facts(
    instrument: Instrument,
    state: InstrumentState,
    fee_policy: FeePolicy = FeePolicy.CAPITALIZE,
) -> HoldingFacts:
    """Read a derived state as a position."""
    holding = state.holding
    if fee_policy is FeePolicy.EXPENSE:
        holding = holding.before_fees()
    return HoldingFacts(
        key=None,
        instrument=instrument,
        quantity=holding.quantity,
        cost=holding.cost,
        cost_base=holding.cost_base,
        fees=holding.fees,
        realized=holding.realized,
        realized_base=holding.realized_base,
        income=state.income,
        missing=holding.missing,
        opened_at=holding.lots[0].opened_at if holding.lots else None,
        lots=holding.lots,
    )


async def quotes_at(
    context: Context, wanted: Sequence[tuple[str, date | None]]
) -> list[Quote | None]:
    """Return quotes in order: the current one, or for a day its last close and the one before."""
    current = [symbol for symbol, day in wanted if day is None]
    closes = [
        question
        for symbol, day in wanted
        if day is not None
        for question in (
            CloseQuestion(symbol=symbol, day=day),
            CloseQuestion(symbol=symbol, day=day - timedelta(days=1)),
        )
    ]
    # A level is of one day, so one of the two is empty and known at once.
    by_symbol = dict(zip(current, await context.loaders.quotes.load_many(current), strict=True))
    by_question = dict(zip(closes, await context.loaders.closes.load_many(closes), strict=True))
    now = context.now()
    found: list[Quote | None] = []
    for symbol, day in wanted:
        if day is None:
            found.append(by_symbol[symbol])
            continue
        bar = by_question[CloseQuestion(symbol=symbol, day=day)]
        before = by_question[CloseQuestion(symbol=symbol, day=day - timedelta(days=1))]
        found.append(
            None
            if bar is None
            else Quote(
                symbol=symbol,
                price=bar.close,
                currency=bar.currency,
                as_of=datetime(bar.day.year, bar.day.month, bar.day.day, 21, tzinfo=UTC),
                received_at=now,
                source=bar.source,
                quality=QuoteQuality.SIMULATED
                if bar.source == "simulated"
                else QuoteQuality.HISTORICAL,
                previous_close=None if before is None else before.close,
                open=bar.open,
                high=bar.high,
                low=bar.low,
                volume=bar.volume,
            )
        )
    return found


async def rates_at(
    context: Context, wanted: Sequence[tuple[str, str, date]]
) -> dict[tuple[str, str, date], Decimal | None]:
    """Return units of the second currency for one of the first, by the day asked for."""
    known: dict[tuple[str, str, date], Decimal | None] = dict.fromkeys(wanted, ONE)
    foreign = [key for key in known if key[0] != key[1]]
    questions = [RateQuestion(base=base, target=target, day=day) for base, target, day in foreign]
    rates = await context.loaders.rates.load_many(questions)
    for key, rate in zip(foreign, rates, strict=True):
        known[key] = None if rate is None else rate.value
    return known


async def valuations_of(
    context: Context, facts: Sequence[PortfolioFacts], *, currency: str | None = None
) -> list[Valuation]:
    """Value portfolios in their base currency or another: one statement, one call per kind."""
    wanted = [(held.instrument.symbol, fact.as_of) for fact in facts for held in fact.holdings]
    quotes = dict(zip(wanted, await quotes_at(context, wanted), strict=True))
    days = [_day(context, fact, quotes) for fact in facts]
    today = [fact.as_of or context.now().date() for fact in facts]
    recents = await context.loaders.recent_by_portfolio.load_many(
        [(fact.portfolio.id or 0, day) for fact, day in zip(facts, days, strict=True)]
    )
    befores = await _units_before(context, facts, days, recents)
    targets = [currency or fact.portfolio.base_currency for fact in facts]
    questions = [
        (source, target, when)
        for fact, target, day, now in zip(facts, targets, days, today, strict=True)
        for source in _currencies(fact)
        for when in (now, day - timedelta(days=1))
    ]
    rates = await rates_at(context, questions)
    return [
        value_portfolio(
            _book(fact, day=day, today=now, quotes=quotes, recent=recent, before=before),
            currency=target,
            rates=Rates(
                now={source: rates[source, target, now] for source in _currencies(fact)},
                previous={
                    source: rates[source, target, day - timedelta(days=1)]
                    for source in _currencies(fact)
                },
            ),
        )
        for fact, day, now, target, recent, before in zip(
            facts, days, today, targets, recents, befores, strict=True
        )
    ]


EXCHANGES = frozenset(
    {
        transactions.Kind.MERGER,
        transactions.Kind.SPIN_OFF,
        transactions.Kind.SYMBOL_CHANGE,
        transactions.Kind.DIVIDEND_IN_KIND,
    }
)
"""Entries after which what was there yesterday cannot be told from what is there today."""


async def _units_before(
    context: Context,
    facts: Sequence[PortfolioFacts],
    days: Sequence[date],
    recents: Sequence[Sequence[transactions.Transaction]],
) -> list[dict[int, Decimal]]:
    """Return by instrument what was held the day before, where an entry of the day exchanged it."""
    touched = [
        {
            key
            for entry in recent
            if is_kind(entry, EXCHANGES)
            for key in (entry.instrument_id, entry.related_instrument_id)
            if key is not None
        }
        for recent in recents
    ]
    keys = [
        state_key(fact.portfolio, day=day - timedelta(days=1))
        for fact, day, found in zip(facts, days, touched, strict=True)
        if found
    ]
    states = iter(await context.loaders.ledger_states.load_many(keys) if keys else ())
    befores: list[dict[int, Decimal]] = []
    for found in touched:
        known = next(states).instruments if found else {}
        befores.append({key: known.get(key, InstrumentState()).holding.quantity for key in found})
    return befores


def _currencies(fact: PortfolioFacts) -> list[str]:
    return sorted(
        {held.instrument.currency for held in fact.holdings}
        | set(fact.cash)
        | {fact.portfolio.base_currency}
    )


def _day(context: Context, fact: PortfolioFacts, quotes: Quotes) -> date:
    """Return the day that the day change is about: the newest day among the quotes."""
    if fact.as_of is not None:
        return fact.as_of
    days = [
        quote.as_of.date()
        for held in fact.holdings
        if held.quantity and (quote := quotes[held.instrument.symbol, None]) is not None
    ]
    return max(days, default=context.now().date())


UNITS_AGAINST_CASH = TRADES | {transactions.Kind.DIVIDEND_REINVESTED}
"""Entries whose units were not there yesterday. Units that came otherwise count as if they were:
their arrival is no gain of the day."""


def _book(
    fact: PortfolioFacts,
    *,
    day: date,
    today: date,
    quotes: Quotes,
    recent: Sequence[transactions.Transaction],
    before: Mapping[int, Decimal],
) -> Book:
    entries = [
        entry for entry in recent if fact.as_of is None or entry.occurred_at.date() <= fact.as_of
    ]
    undone: dict[int, list[Decimal]] = {}
    for entry in entries:
        if is_kind(entry, UNITS_AGAINST_CASH) and entry.instrument_id is not None:
            units = entry.quantity or ZERO
            sold = entry.kind in {transactions.Kind.SELL.value, transactions.Kind.SHORT.value}
            undone.setdefault(entry.instrument_id, []).append(
                units if sold else units.copy_negate()
            )
    moved = cash_of(movement for entry in entries for movement in movements_of(entry))
    inside = internal(entries)
    flows = [
        movement
        for entry in entries
        if entry.id not in inside
        for movement in movements_of(entry)
        if movement.nature is Nature.FLOW
    ]
    return Book(
        base_currency=fact.portfolio.base_currency,
        held=tuple(
            _held(
                held,
                quote=quotes[held.instrument.symbol, fact.as_of],
                day=day,
                units_before=before.get(
                    key := held.instrument.id or 0, total([held.quantity, *undone.get(key, [])])
                ),
            )
            for held in fact.holdings
        ),
        cash=fact.cash,
        previous_cash={
            currency: total([amount, moved.get(currency, ZERO).copy_negate()])
            for currency, amount in fact.cash.items()
        },
        day_inflow=cash_of(flow for flow in flows if flow.amount > 0),
        day_outflow={
            currency: abs(amount)
            for currency, amount in cash_of(flow for flow in flows if flow.amount < 0).items()
        },
        totals=fact.totals,
        first_day=fact.first_day,
        day=today,
    )


def _held(held: HoldingFacts, *, quote: Quote | None, day: date, units_before: Decimal) -> Held:
    previous = None
    if quote is not None:
        # A price from an earlier day than the portfolio's day has not moved on that day.
        moved = quote.as_of.date() == day
        previous = quote.previous_close if moved else quote.price
    return Held(
        symbol=held.instrument.symbol,
        currency=held.instrument.currency,
        quantity=held.quantity,
        cost=held.cost,
        cost_base=held.cost_base,
        realized_base=held.realized_base,
        missing=held.missing,
        price=price_of(held, quote),
        previous_price=previous,
        previous_quantity=units_before,
    )


def price_of(held: HoldingFacts, quote: Quote | None) -> Decimal | None:
    """Return the price a position is valued at; null for one in another currency, of no use."""
    if quote is None or quote.currency != held.instrument.currency:
        return None
    return quote.price
