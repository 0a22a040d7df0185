"""Statistics of closed trades: how often they won, how much, and how long they took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import strawberry
from strawberry.types import Info

from analytics import measures, trade_results
from analytics.holdings import Closing
from analytics.periods import PeriodName, Span, span_of
from analytics.trade_results import TradeResult
from models import instruments
from models.base import row_key
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.evidence import Bookings
from resolvers.gains import Scope, closers, holding_of
from resolvers.instruments import Instrument, instrument_of
from resolvers.loaders import state_key
from resolvers.lots import FeePolicy, LotMethod, method_of
from resolvers.measures import Measure, measure_of
from resolvers.scalars import CurrencyCode, Ratio
from resolvers.scoping import Part, PerformancePeriod, checked_range
from resolvers.transactions import Transaction
from resolvers.values import DateRangeInput, Money, bad_input, money, ratio_of

MAX_TRADES = 100


@strawberry.type(
    description="One sale, or one purchase that covered a short, with all lots that it closed."
)
class ClosedTrade:
    """One sale, or one purchase that covered a short."""

    closed_by_key: strawberry.Private[int | None]
    instrument: Instrument = strawberry.field(description="What was closed.")
    closed_at: datetime = strawberry.field(description="When it was closed.")
    gain: Money = strawberry.field(description="What it brought, in base currency.")
    return_: Ratio | None = strawberry.field(
        name="return",
        description="The gain over the cost of what was closed, or over what a short had brought; "
        "null if that was nothing.",
    )
    holding_days: float = strawberry.field(description="Days that its units were held, on average.")
    closed_by: Transaction | None = batched(closers, description="The entry that closed it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What a trade came to, and of what."""

    instrument: instruments.Instrument
    result: TradeResult


@strawberry.type(
    description="Statistics of the trades that were closed on some days, in base currency and by a "
    "lot method. What one entry closed is one trade, however many lots it took; proceeds and cost "
    "count at the rates of their own days. Break-evens are neither wins nor losses. Capital paid "
    "back and cash in lieu of a fraction close no trade."
)
class TradeStatistics:
    """Statistics of closed trades."""

    closed: strawberry.Private[list[Closed]]
    from_: date | None = strawberry.field(
        name="from", description="The first day; null since the first booking."
    )
    to: date = strawberry.field(description="The last day.")
    currency: CurrencyCode = strawberry.field(description="What gains are in.")
    trades: int = strawberry.field(description="How many trades count.")
    wins: int = strawberry.field(description="How many of them gained.")
    losses: int = strawberry.field(description="How many of them lost.")
    break_evens: int = strawberry.field(description="How many of them did neither.")
    unknown: int = strawberry.field(
        description="How many more were closed whose gain is not known, as an acquisition or a "
        "rate is missing: they count nowhere."
    )

    def _measure(self, figure: Callable[[Sequence[TradeResult]], measures.Measure]) -> Measure:
        results = [one.result for one in self.closed]
        booked = Bookings([(one.closed_at, one.event_id) for one in results])
        return measure_of(figure(results), booked)

    @strawberry.field(description="Wins over wins and losses.")
    def win_rate(self) -> Measure:
        """Return the win rate."""
        return self._measure(trade_results.trade_win_rate)

    @strawberry.field(description="What all wins brought over what all losses took.")
    def profit_factor(self) -> Measure:
        """Return the profit factor."""
        return self._measure(trade_results.profit_factor)

    @strawberry.field(description="What a trade brought on average, in `currency`.")
    def expectancy(self) -> Measure:
        """Return the expectancy."""
        return self._measure(trade_results.expectancy)

    @strawberry.field(description="The average win over the average loss.")
    def payoff(self) -> Measure:
        """Return the payoff ratio."""
        return self._measure(trade_results.payoff)

    @strawberry.field(description="What a win brought on average, in `currency`.")
    def average_win(self) -> Measure:
        """Return the average win."""
        return self._measure(trade_results.average_win)

    @strawberry.field(description="What a loss took on average, in `currency`: below zero.")
    def average_loss(self) -> Measure:
        """Return the average loss."""
        return self._measure(trade_results.average_loss)

    @strawberry.field(
        description="The gains of all trades over what was put into them: each weighs by its cost."
    )
    def return_on_cost(self) -> Measure:
        """Return the gain over the cost of all trades."""
        return self._measure(trade_results.return_on_cost)

    @strawberry.field(description="Days that units were held, on average over the trades.")
    def holding_time(self) -> Measure:
        """Return the holding time."""
        return self._measure(trade_results.holding_time)

    @strawberry.field(
        description=f"The trades that gained most, the best first; at most {MAX_TRADES}."
    )
    def best(self, first: int = 5) -> list[ClosedTrade]:
        """Return the best trades."""
        return self._ranked(first, sign=1)

    @strawberry.field(
        description=f"The trades that lost most, the worst first; at most {MAX_TRADES}."
    )
    def worst(self, first: int = 5) -> list[ClosedTrade]:
        """Return the worst trades."""
        return self._ranked(first, sign=-1)

    def _ranked(self, first: int, *, sign: int) -> list[ClosedTrade]:
        if not 1 <= first <= MAX_TRADES:
            raise bad_input(f"`first` must be from 1 to {MAX_TRADES}.")
        chosen = [one for one in self.closed if one.result.gain * sign > 0]
        chosen.sort(key=lambda one: -one.result.gain * sign)
        return [_trade(one, self.currency) for one in chosen[:first]]


def _trade(closed: Closed, currency: str) -> ClosedTrade:
    result = closed.result
    return ClosedTrade(
        closed_by_key=result.event_id,
        instrument=instrument_of(closed.instrument),
        closed_at=result.closed_at,
        gain=money(Decimal(repr(result.gain)), currency),
        return_=ratio_of(result.growth),
        holding_days=result.days,
    )


async def trade_statistics_of_scopes(
    parents: "Sequence[Scope]",
    info: Info[Context, None],
    range: DateRangeInput | None = None,
    period: PerformancePeriod | None = None,
    lot_method: LotMethod | None = None,
    fee_policy: FeePolicy = FeePolicy.CAPITALIZE,
) -> list[TradeStatistics]:
    """Work out the statistics of a level of portfolios, or of positions."""
    context = info.context
    today = context.now().date()
    wanted = checked_range(range, period, today=today)
    span = (
        span_of(wanted, today=today, first_day=date.min)
        if isinstance(wanted, PeriodName)
        else Span(first=wanted.first, last=wanted.last)
    )
    keys = [state_key(parent.row, method=method_of(lot_method)) for parent in parents]
    states = await context.loaders.ledger_states.load_many(keys)
    ids = sorted({key for state in states for key in state.instruments})
    found = await context.loaders.instruments.load_many(ids)
    rows = {row_key(row.id): row for row in found if row is not None}
    return [
        _statistics(
            [
                (
                    rows[key],
                    [
                        closing
                        for closing in holding_of(known, fee_policy).closings
                        if span.first <= closing.closed_at.date() <= span.last
                    ],
                )
                for key, known in sorted(state.instruments.items())
                if key in rows and (not isinstance(parent, Part) or key == parent.instrument_key)
            ],
            span,
            currency=parent.row.base_currency,
        )
        for parent, state in zip(parents, states, strict=True)
    ]


def _statistics(
    closings: list[tuple[instruments.Instrument, list[Closing]]], span: Span, *, currency: str
) -> TradeStatistics:
    closed = [
        Closed(instrument=instrument, result=result)
        for instrument, group in closings
        for result in trade_results.trade_results(group)
    ]
    gains = [one.result.gain for one in closed]
    return TradeStatistics(
        closed=closed,
        from_=None if span.first == date.min else span.first,
        to=span.last,
        currency=CurrencyCode(currency),
        trades=len(gains),
        wins=sum(gain > 0 for gain in gains),
        losses=sum(gain < 0 for gain in gains),
        break_evens=gains.count(0),
        unknown=sum(trade_results.unknown_trades(group) for _, group in closings),
    )
