"""Gathers what figures rest on, for a level of portfolios at once: holdings, prices, rates."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from analytics.ledger import Totals, cash_of
from analytics.lots import Lot
from analytics.money import ZERO, total
from analytics.valuation import Book, Held, Rates, Valuation, value_portfolio
from models import portfolios, transactions
from models.instruments import Instrument
from models.market import CloseQuestion, Quote, QuoteQuality, RateQuestion
from models.transactions import FLOWS
from resolvers.context import Context
from resolvers.loaders import PastKey
from services.entries import cash_effect, is_kind, movement_of
from services.projection import totals_of_row


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingFacts:
    """One position as the ledger has it; ``key`` is null for one of a past day.

    ``lots`` is null where they are read from the projection on demand.
    """

    key: int | None
    instrument: Instrument
    quantity: Decimal
    cost: Decimal
    cost_base: Decimal | None
    realized: Decimal
    realized_base: Decimal | None
    income: Decimal
    opened_at: datetime | None
    lots: tuple[Lot, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioFacts:
    """One portfolio as the ledger has it, now (``as_of`` null) or at the end of a day."""

    portfolio: portfolios.Portfolio
    as_of: date | None
    holdings: tuple[HoldingFacts, ...]
    cash: Mapping[str, Decimal]
    totals: Totals
    first_day: date | None


FactsKey = tuple[int, date | None]
Quotes = Mapping[tuple[str, date | None], Quote | None]


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks for one portfolio's facts."""

    portfolio: portfolios.Portfolio
    as_of: date | None


async def facts_of(context: Context, asks: Sequence[Ask]) -> list[PortfolioFacts]:
    """Return the facts of portfolios, in order, in a fixed number of statements."""
    present = [ask for ask in asks if ask.as_of is None]
    past = [ask for ask in asks if ask.as_of is not None]
    found = {**await _present(context, present), **await _past(context, past)}
    return [found[ask.portfolio.id or 0, ask.as_of] for ask in asks]


async def _present(context: Context, asks: Sequence[Ask]) -> dict[FactsKey, PortfolioFacts]:
    ids = [ask.portfolio.id or 0 for ask in asks]
    if not ids:
        return {}
    loaders = context.loaders
    held, cash, totals = await asyncio.gather(
        loaders.positions_by_portfolio.load_many(ids),
        loaders.cash_by_portfolio.load_many(ids),
        loaders.totals_by_portfolio.load_many(ids),
    )
    return {
        (portfolio_id, None): PortfolioFacts(
            portfolio=ask.portfolio,
            as_of=None,
            holdings=tuple(
                HoldingFacts(
                    key=row.id,
                    instrument=instrument,
                    quantity=row.quantity,
                    cost=row.cost,
                    cost_base=row.cost_base,
                    realized=row.realized,
                    realized_base=row.realized_base,
                    income=row.income,
                    opened_at=row.opened_at,
                )
                for row, instrument in rows
            ),
            cash={balance.currency: balance.amount for balance in balances},
            totals=totals_of_row(sums),
            first_day=sums.first_day if sums else None,
        )
        for portfolio_id, ask, rows, balances, sums in zip(
            ids, asks, held, cash, totals, strict=True
        )
    }


async def _past(context: Context, asks: Sequence[Ask]) -> dict[FactsKey, PortfolioFacts]:
    if not asks:
        return {}
    keys = [
        PastKey(ask.portfolio.id or 0, ask.as_of or date.max, ask.portfolio.allow_short)
        for ask in asks
    ]
    states = await context.loaders.past_states.load_many(keys)
    ids = sorted({instrument_id for state in states for instrument_id in state.instruments})
    rows = dict(zip(ids, await context.loaders.instruments.load_many(ids), strict=True))
    found: dict[FactsKey, PortfolioFacts] = {}
    for ask, key, state in zip(asks, keys, states, strict=True):
        holdings = [
            HoldingFacts(
                key=None,
                instrument=instrument,
                quantity=known.holding.quantity,
                cost=known.holding.cost,
                cost_base=known.holding.cost_base,
                realized=known.holding.realized,
                realized_base=known.holding.realized_base,
                income=known.income,
                opened_at=known.holding.lots[0].opened_at if known.holding.lots else None,
                lots=known.holding.lots,
            )
            for instrument_id, known in state.instruments.items()
            if (instrument := rows[instrument_id]) is not None
        ]
        found[key.portfolio_id, ask.as_of] = PortfolioFacts(
            portfolio=ask.portfolio,
            as_of=ask.as_of,
            holdings=tuple(sorted(holdings, key=lambda held: held.instrument.symbol)),
            cash=state.cash,
            totals=state.totals,
            first_day=state.first_day,
        )
    return found


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
    quotes, bars = await asyncio.gather(
        context.loaders.quotes.load_many(current), context.loaders.closes.load_many(closes)
    )
    by_symbol = dict(zip(current, quotes, strict=True))
    by_question = dict(zip(closes, bars, strict=True))
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
    distinct = list(dict.fromkeys(wanted))
    questions = [RateQuestion(base=base, target=target, day=day) for base, target, day in distinct]
    rates = await context.loaders.rates.load_many(questions)
    return {
        key: None if rate is None else rate.value for key, rate in zip(distinct, rates, strict=True)
    }


async def valuations_of(
    context: Context, facts: Sequence[PortfolioFacts], *, currency: str | None = None
) -> list[Valuation]:
    """Value portfolios in their base currency or another: one statement, one call per kind."""
    wanted = [(held.instrument.symbol, fact.as_of) for fact in facts for held in fact.holdings]
    quotes = dict(zip(wanted, await quotes_at(context, wanted), strict=True))
    days = [_day(context, fact, quotes) for fact in facts]
    recents = await context.loaders.recent_by_portfolio.load_many(
        [(fact.portfolio.id or 0, day) for fact, day in zip(facts, days, strict=True)]
    )
    targets = [currency or fact.portfolio.base_currency for fact in facts]
    questions = [
        (source, target, when)
        for fact, target, day in zip(facts, targets, days, strict=True)
        for source in _currencies(fact)
        for when in (day, day - timedelta(days=1))
    ]
    rates = await rates_at(context, questions)
    return [
        value_portfolio(
            _book(fact, day=day, quotes=quotes, recent=recent),
            currency=target,
            rates=Rates(
                now={source: rates[source, target, day] for source in _currencies(fact)},
                previous={
                    source: rates[source, target, day - timedelta(days=1)]
                    for source in _currencies(fact)
                },
            ),
        )
        for fact, day, target, recent in zip(facts, days, targets, recents, strict=True)
    ]


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


def _book(
    fact: PortfolioFacts,
    *,
    day: date,
    quotes: Quotes,
    recent: Sequence[transactions.Transaction],
) -> Book:
    today = [
        entry for entry in recent if fact.as_of is None or entry.occurred_at.date() <= fact.as_of
    ]
    traded: dict[int, list[Decimal]] = {}
    for entry in today:
        if entry.quantity is not None and entry.instrument_id is not None:
            bought = entry.kind == transactions.Kind.BUY.value
            units = entry.quantity if bought else entry.quantity.copy_negate()
            traded.setdefault(entry.instrument_id, []).append(units.copy_negate())
    moved = cash_of(map(movement_of, today))
    inflow: dict[str, Decimal] = {}
    outflow: dict[str, Decimal] = {}
    for entry in today:
        if is_kind(entry, FLOWS):
            amount = cash_effect(entry)
            side = inflow if amount >= 0 else outflow
            side[entry.settlement_currency] = total(
                [side.get(entry.settlement_currency, ZERO), abs(amount)]
            )
    return Book(
        base_currency=fact.portfolio.base_currency,
        held=tuple(
            _held(
                held,
                quote=quotes[held.instrument.symbol, fact.as_of],
                day=day,
                undone=traded.get(held.instrument.id or 0, []),
            )
            for held in fact.holdings
        ),
        cash=fact.cash,
        previous_cash={
            currency: total([amount, moved.get(currency, ZERO).copy_negate()])
            for currency, amount in fact.cash.items()
        },
        day_inflow=inflow,
        day_outflow=outflow,
        totals=fact.totals,
        first_day=fact.first_day,
        day=day,
    )


def _held(held: HoldingFacts, *, quote: Quote | None, day: date, undone: Sequence[Decimal]) -> Held:
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
        price=price_of(held, quote),
        previous_price=previous,
        previous_quantity=total([held.quantity, *undone]),
    )


def price_of(held: HoldingFacts, quote: Quote | None) -> Decimal | None:
    """Return the price a position is valued at; null for one in another currency, of no use."""
    if quote is None or quote.currency != held.instrument.currency:
        return None
    return quote.price
