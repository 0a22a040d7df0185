"""Statements: what became of a portfolio's value over a period, reconciled each time."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import strawberry
from strawberry.types import Info

from analytics.statement import Mark, Statement, reconcile
from models.currencies import exponent
from models.instruments import Instrument
from models.market import Bar, CloseQuestion
from models.portfolios import Portfolio
from resolvers.context import Context
from resolvers.figures import rates_at
from resolvers.gains import Scope
from resolvers.loaders import state_key
from resolvers.scalars import CurrencyCode
from resolvers.values import (
    DateRangeInput,
    FigureIssue,
    Money,
    bad_input,
    check_day,
    checked_currency,
    issue,
    money_or_none,
)
from services.aside import aside
from services.combined import Report
from services.statement import Activity, activities_of, period_of

SHARED = "Null when anything that the statement rests on is not known: see `issues`."


@strawberry.type(
    description="What became of a portfolio's value over a period: `startValue + inflows - "
    "outflows + realizedGain + unrealizedGain + income - fees - taxes + currencyGain = endValue`. "
    "The server checks it each time, to the last digit; the lines below are rounded so "
    "that they still add up. Cost is re-based: units held at the start cost what they "
    "were worth then. Units that come in or go out without cash are flows at the market "
    "value of that day, whatever they had cost, or at the value that was stated when they "
    "left. Figures of other days than the ends are converted at the rates of their own "
    "days."
)
class PeriodStatement:
    """What became of a portfolio's value over a period."""

    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day.")
    currency: CurrencyCode = strawberry.field(description="What the figures are in.")
    start_value: Money | None = strawberry.field(
        description="The value at the end of the day before; null without a price or rate."
    )
    inflows: Money | None = strawberry.field(
        description=f"Cash paid in, and the value of units that came in. {SHARED}"
    )
    outflows: Money | None = strawberry.field(
        description=f"Cash taken out, and the value of units that went out, above zero. {SHARED}"
    )
    realized_gain: Money | None = strawberry.field(
        description="What prices did to units until they were sold, since the start or since they "
        f"came, before fees and taxes. {SHARED}"
    )
    unrealized_gain: Money | None = strawberry.field(
        description="What prices did to units still held at the end, or until they went out "
        f"unsold. {SHARED}"
    )
    income: Money | None = strawberry.field(
        description=f"Dividends and interest, before tax withheld; interest paid counts less. "
        f"{SHARED}"
    )
    fees: Money | None = strawberry.field(
        description=f"All fees, those of trades included, less refunds. {SHARED}"
    )
    taxes: Money | None = strawberry.field(
        description=f"All taxes, those withheld and those on trades included, less refunds. "
        f"{SHARED}"
    )
    currency_gain: Money | None = strawberry.field(
        description="What exchange rates did to the re-based cost of positions and to cash. "
        f"{SHARED}"
    )
    end_value: Money | None = strawberry.field(
        description="The value at the end of the last day; null without a price or rate."
    )
    residual: Money | None = strawberry.field(
        description=f"What the lines do not explain: always zero. {SHARED}"
    )
    issues: list[FigureIssue] = strawberry.field(
        description="Why figures above are null; empty when none is."
    )


def _checked(given: DateRangeInput, *, today: date) -> DateRangeInput:
    check_day(given.first, today=today, argument="range.from")
    check_day(given.last, today=today, argument="range.to")
    if given.first > given.last:
        raise bad_input("`range.from` is after `range.to`.")
    return given


async def statements_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    range: DateRangeInput,
    currency: CurrencyCode | None = None,
) -> list[PeriodStatement]:
    """Reconcile a period for a level of portfolios."""
    days = _checked(range, today=info.context.now().date())
    checked_currency(currency, argument="currency")
    portfolios = [parent.row for parent in parents]
    activities = await _activities(info.context, portfolios, days)
    targets = [currency or portfolio.base_currency for portfolio in portfolios]
    return [
        _outward(statement, days=days, currency=target)
        for statement, target in zip(
            await _reconciled(info.context, portfolios, activities, targets), targets, strict=True
        )
    ]


async def _activities(
    context: Context, portfolios: Sequence[Portfolio], days: DateRangeInput
) -> list[Activity]:
    ledgers = await context.loaders.ledgers.load_many([state_key(row) for row in portfolios])
    found: dict[int, Activity] = {}
    for ledger in {id(ledger): ledger for ledger in ledgers}.values():
        found |= await aside(
            ledger.entries,
            activities_of,
            ledger.entries,
            terms=ledger.terms,
            portfolio_ids=[
                row.id or 0 for row, own in zip(portfolios, ledgers, strict=True) if own is ledger
            ],
            first=days.first,
            last=days.last,
        )
    return [found[row.id or 0] for row in portfolios]


async def _reconciled(
    context: Context,
    portfolios: Sequence[Portfolio],
    activities: Sequence[Activity],
    targets: Sequence[str],
) -> list[Statement]:
    """Price and rate activities, one call a kind for all of them, and work out the statements."""
    ids = sorted({key for activity in activities for key in activity.instrument_ids})
    rows = await context.loaders.instruments.load_many(ids)
    instruments = {key: row for key, row in zip(ids, rows, strict=True) if row is not None}
    marks = {mark for activity in activities for mark in activity.marks()}
    closes = {
        (key, day): CloseQuestion(symbol=instruments[key].symbol, day=day) for key, day in marks
    }
    wanted = {
        question
        for row, activity, target in zip(portfolios, activities, targets, strict=True)
        for question in _rates(activity, instruments, base=row.base_currency, target=target)
    }
    bars, rates = await asyncio.gather(
        context.loaders.closes.load_many(list(closes.values())),
        rates_at(context, sorted(wanted)),
    )
    by_mark = dict(zip(closes, bars, strict=True))
    return [
        await aside(
            activity.entries,
            _reconciled_one,
            row,
            activity,
            _Market(instruments, by_mark, rates, target),
            target,
        )
        for row, activity, target in zip(portfolios, activities, targets, strict=True)
    ]


def _reconciled_one(
    portfolio: Portfolio, activity: Activity, market: "_Market", target: str
) -> Statement:
    return reconcile(
        period_of(
            activity,
            symbols=market.symbols(),
            mark_at=market.mark,
            rate_at=market.rate,
            report=Report(
                currency=target,
                factors={
                    (activity.portfolio_id, day): market.rate(portfolio.base_currency, day)
                    for day in activity.days()
                },
            ),
        )
    )


def _rates(
    activity: Activity, instruments: Mapping[int, Instrument], *, base: str, target: str
) -> set[tuple[str, str, date]]:
    """Return which rates a statement needs."""
    priced = {(instruments[key].currency, target, day) for key, day in activity.marks()}
    cash = {
        (currency, target, day)
        for day, state in ((activity.before, activity.start), (activity.last, activity.end))
        for currency in state.cash
    }
    return priced | cash | {(base, target, day) for day in activity.days()}


class _Market:
    """The prices and rates that were loaded, as one statement asks for them."""

    def __init__(
        self,
        instruments: Mapping[int, Instrument],
        bars: Mapping[tuple[int, date], Bar | None],
        rates: Mapping[tuple[str, str, date], Decimal | None],
        target: str,
    ) -> None:
        self._instruments = instruments
        self._bars = bars
        self._rates = rates
        self._target = target

    def symbols(self) -> dict[int, tuple[str, str]]:
        return {key: (row.symbol, row.currency) for key, row in self._instruments.items()}

    def rate(self, currency: str, day: date) -> Decimal | None:
        return self._rates.get((currency, self._target, day))

    def mark(self, instrument_id: int, day: date) -> Mark:
        currency = self._instruments[instrument_id].currency
        bar = self._bars.get((instrument_id, day))
        # A price in another currency is of no use.
        price = bar.close if bar is not None and bar.currency == currency else None
        return Mark(price=price, rate=self.rate(currency, day))


def _outward(statement: Statement, *, days: DateRangeInput, currency: str) -> PeriodStatement:
    lines = statement.lines
    shown = None if lines is None else lines.rounded(exponent(currency))

    def line(name: str) -> Money | None:
        return None if shown is None else money_or_none(getattr(shown, name), currency)

    return PeriodStatement(
        from_=days.first,
        to=days.last,
        currency=CurrencyCode(currency),
        start_value=money_or_none(statement.start, currency),
        inflows=line("inflows"),
        outflows=line("outflows"),
        realized_gain=line("realized"),
        unrealized_gain=line("unrealized"),
        income=line("income"),
        fees=line("fees"),
        taxes=line("taxes"),
        currency_gain=line("currency"),
        end_value=money_or_none(statement.end, currency),
        residual=line("residual"),
        issues=[issue(missing) for missing in statement.missing],
    )
