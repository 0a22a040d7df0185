"""The income calendar: dividends and interest as booked, and dividends to expect."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum

import strawberry
from strawberry.types import Info

from analytics.money import convert_known, total_known
from analytics.periods import Interval, Span, calendar_spans, months_before
from datasources.known_actions import AHEAD
from models import instruments
from models.market import Actions, HistoryQuestion, Rate, RateQuestion
from models.portfolios import Portfolio
from models.transactions import Transaction as Entry
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.exchange_rates import ExchangeRate, rate_of
from resolvers.gains import Scope
from resolvers.instruments import Instrument, instrument_of
from resolvers.scalars import CurrencyCode
from resolvers.scope_ledgers import ScopeLedger, base_rates, scope_ledger_of
from resolvers.transactions import (
    PortfolioReference,
    Transaction,
    portfolios_of_keys,
    transaction_of,
)
from resolvers.values import (
    DateRangeInput,
    Money,
    NullReason,
    bad_input,
    check_day,
    checked_currency,
    money,
    money_or_none,
    unit_price,
)
from services.aside import aside
from services.entries import Terms, by_portfolio
from services.expected_income import APART, Basis, Expected, Payer, expected_dividends, year_after
from services.order import in_order
from services.quality import Holdings
from services.received_income import Received, received_income

MAX_MONTHS = 600
MAX_EXPECTED = 500
RECENT = timedelta(days=120)
"""A dividend is paid so long after its ex-day at most."""


@strawberry.type(description="What one payer paid within a stretch.")
class IncomePayer:
    """What one payer paid within a stretch."""

    instrument: Instrument | None = strawberry.field(
        description="What paid it; null for interest on cash."
    )
    gross: Money | None = strawberry.field(
        description="Before tax withheld, less interest paid; null when a rate is missing."
    )
    tax: Money | None = strawberry.field(description="Tax withheld; null when a rate is missing.")
    bookings: int = strawberry.field(description="How many bookings that is.")


@strawberry.type(description="The income of one month, as booked.")
class IncomeMonth:
    """The income of one month, as booked."""

    from_: date = strawberry.field(name="from", description="Its first day.")
    to: date = strawberry.field(description="Its last day.")
    gross: Money | None = strawberry.field(
        description="Dividends and interest before tax withheld, less interest paid, each at the "
        "rate of its day: the `income` of a `statement`. Null when a rate is missing."
    )
    tax: Money | None = strawberry.field(
        description="Tax withheld from it; null when a rate is missing."
    )
    net: Money | None = strawberry.field(description="What was left; null when a rate is missing.")
    payers: list[IncomePayer] = strawberry.field(
        description="Who paid, the earliest first; empty in a month without income."
    )


@strawberry.enum(description="What an expected dividend rests on.")
class DividendBasis(Enum):
    """What an expected dividend rests on, as `services.expected_income.Basis` has it."""

    ANNOUNCED = strawberry.enum_value(
        "ANNOUNCED", description="It was announced: a source has its days and amount."
    )
    PAID_LAST_YEAR = strawberry.enum_value(
        "PAID_LAST_YEAR",
        description="An estimate: what was paid a year before, on the same days and for as many "
        "units as one has become by splits since. Nobody announced it.",
    )
    BOOKED_LAST_YEAR = strawberry.enum_value(
        "BOOKED_LAST_YEAR",
        description="An estimate: what your ledger booked a year before, a unit. No source tells "
        "of dividends of the instrument.",
    )


@strawberry.type(
    description="A dividend to expect on units that a portfolio holds. It is not booked, and an "
    "estimate may well not come true."
)
class ExpectedDividend:
    """A dividend to expect."""

    portfolio: PortfolioReference = strawberry.field(description="The portfolio that holds it.")
    instrument: Instrument = strawberry.field(description="What pays it.")
    basis: DividendBasis = strawberry.field(description="What it rests on.")
    estimated: bool = strawberry.field(description="Whether nobody announced it.")
    day: date = strawberry.field(
        description="When to expect it: the pay day, or the ex-day where that is not known."
    )
    ex_day: date | None = strawberry.field(
        description="The first day on which a buyer does not get it any more; null where only a "
        "booking is known."
    )
    pay_day: date | None = strawberry.field(description="When it is paid; null if not known.")
    amount_per_unit: Money = strawberry.field(description="For each unit, before taxes.")
    units: Decimal = strawberry.field(
        description="Units that get it: those held before the ex-day, or held now if that is to "
        "come, by splits that were announced as many as they become."
    )
    gross: Money = strawberry.field(
        description="For all units before taxes, in the currency that it is paid in."
    )
    amount: Money | None = strawberry.field(
        description="The same in the calendar's currency at the latest rate; null without one."
    )
    exchange_rate: ExchangeRate | None = strawberry.field(
        description="The rate it was converted at; null without one."
    )
    reason: NullReason | None = strawberry.field(
        description="Why `amount` is null; null if it is not."
    )
    source: str | None = strawberry.field(
        description="Who knows of it, or of the one a year before; null for a booking of yours."
    )
    last_year: date | None = strawberry.field(
        description="The ex-day, or the booking's day, of the dividend a year before that an "
        "estimate rests on; null for one that was announced."
    )
    transaction: Transaction | None = strawberry.field(
        description="The booking that an estimate rests on; null if it rests on none."
    )


@strawberry.type(description="What to expect of one month.")
class ExpectedMonth:
    """What to expect of one month."""

    from_: date = strawberry.field(name="from", description="Its first day.")
    to: date = strawberry.field(description="Its last day.")
    announced: Money | None = strawberry.field(
        description="What was announced; null when a rate is missing."
    )
    estimated: Money | None = strawberry.field(
        description="What is estimated beside; null when a rate is missing."
    )


@strawberry.type(
    description="Dividends of the coming twelve months, before taxes: those announced, and for the "
    "rest those of the last year, which are estimates and say so. Interest is not estimated."
)
class ExpectedIncome:
    """Dividends of the coming twelve months."""

    from_: date = strawberry.field(name="from", description="The first day: tomorrow.")
    to: date = strawberry.field(description="The last day.")
    announced: Money | None = strawberry.field(
        description="All that was announced; null when a rate is missing."
    )
    estimated: Money | None = strawberry.field(
        description="All that is estimated beside; null when a rate is missing."
    )
    months: list[ExpectedMonth] = strawberry.field(
        description="The same by month, by the `day` of each dividend."
    )
    dividends: list[ExpectedDividend] = strawberry.field(
        description=f"The next to come first, at most {MAX_EXPECTED}."
    )
    total_count: int = strawberry.field(description="How many dividends are expected.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose income is asked for, of which days and in what currency."""

    whole: Portfolio
    span: Span
    currency: str


async def months_of_calendars(
    parents: "list[IncomeCalendar]", info: Info[Context, None]
) -> list[list[IncomeMonth]]:
    """Add up what was received, for a level of calendars."""
    asked = (_months(info.context, parent.asked) for parent in parents)
    return list(await asyncio.gather(*asked))


async def expected_of_calendars(
    parents: "list[IncomeCalendar]", info: Info[Context, None]
) -> list[ExpectedIncome]:
    """Say what a level of portfolios is to expect."""
    asked = (_expected(info.context, parent.asked) for parent in parents)
    return list(await asyncio.gather(*asked))


@strawberry.type(description="Dividends and interest by month, and dividends to expect.")
class IncomeCalendar:
    """Dividends and interest by month, and dividends to expect."""

    asked: strawberry.Private[Asked]
    currency: CurrencyCode = strawberry.field(description="What the figures are in.")
    months: list[IncomeMonth] = batched(
        months_of_calendars, description="Income as booked, month by month, the oldest first."
    )
    expected: ExpectedIncome = batched(
        expected_of_calendars, description="What the coming twelve months may bring."
    )


async def incomes_of_scopes(
    parents: "list[Scope]",
    info: Info[Context, None],
    range: DateRangeInput | None = None,
    currency: CurrencyCode | None = None,
) -> list[IncomeCalendar]:
    """Begin the income calendars of a level of portfolios."""
    today = info.context.now().date()
    checked_currency(currency, argument="currency")
    span = Span(first=months_before(today, 11).replace(day=1), last=today)
    if range is not None:
        check_day(range.first, today=today, argument="range.from")
        check_day(range.last, today=today, argument="range.to")
        span = Span(first=range.first, last=range.last)
    if span.first > span.last:
        raise bad_input("`range.from` is after `range.to`.")
    if span.first < months_before(span.last, MAX_MONTHS):
        raise bad_input(f"`range` takes at most {MAX_MONTHS} months.")
    found = []
    for parent in parents:
        target = currency or CurrencyCode(parent.row.base_currency)
        asked = Asked(whole=parent.row, span=span, currency=target)
        found.append(IncomeCalendar(asked=asked, currency=target))
    return found


async def _months(context: Context, asked: Asked) -> list[IncomeMonth]:
    ledger = await scope_ledger_of(context, asked.whole)
    wanted = [
        entry
        for entry in in_order(ledger.entries)
        if asked.span.first <= entry.occurred_at.date() <= asked.span.last
    ]
    days = {entry.occurred_at.date() for entry in wanted}
    rates = await base_rates(context, ledger, asked.currency, days)
    spans = calendar_spans(asked.span, Interval.MONTH)
    months = await aside(
        wanted, received_income, spans, wanted, ledger.report(asked.currency, rates)
    )
    ids = sorted({one.instrument_id for some in months for one in some if one.instrument_id})
    rows = dict(zip(ids, await context.loaders.instruments.load_many(ids), strict=True))
    return [
        _month(span, payers, rows, asked.currency)
        for span, payers in zip(spans, months, strict=True)
    ]


def _month(
    span: Span,
    payers: Sequence[Received],
    rows: Mapping[int, instruments.Instrument | None],
    currency: str,
) -> IncomeMonth:
    whole = Received(instrument_id=None)
    for one in payers:
        whole = whole.plus(one)
    return IncomeMonth(
        from_=span.first,
        to=span.last,
        gross=money_or_none(whole.gross, currency),
        tax=money_or_none(whole.tax, currency),
        net=money_or_none(whole.net, currency),
        payers=[
            IncomePayer(
                instrument=None if row is None else instrument_of(row),
                gross=money_or_none(one.gross, currency),
                tax=money_or_none(one.tax, currency),
                bookings=one.bookings,
            )
            for one in payers
            for row in [rows.get(one.instrument_id or 0)]
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coming:
    """A dividend to expect, of which portfolio, and what it comes to."""

    owner: int
    expected: Expected
    rate: Rate | None

    @property
    def amount(self) -> Decimal | None:
        return convert_known(self.expected.gross, None if self.rate is None else self.rate.value)

    @property
    def estimated(self) -> bool:
        return self.expected.basis is not Basis.ANNOUNCED


async def _expected(context: Context, asked: Asked) -> ExpectedIncome:
    today = context.now().date()
    ledger = await scope_ledger_of(context, asked.whole)
    held = await aside(ledger.entries, _holdings, ledger)
    rows, actions = await _actions(context, held, today=today)
    pairs = [
        (owner, one)
        for owner, holdings in held.items()
        for one in expected_dividends(
            _payers(ledger, owner, holdings, rows, actions), holdings, today=today
        )
    ]
    questions = {
        one.currency: RateQuestion(base=one.currency, target=asked.currency, day=today)
        for _, one in pairs
    }
    rates = dict(
        zip(questions, await context.loaders.rates.load_many(list(questions.values())), strict=True)
    )
    coming = sorted(
        (_Coming(owner=owner, expected=one, rate=rates[one.currency]) for owner, one in pairs),
        key=lambda one: one.expected.day,
    )
    span = Span(first=today + timedelta(days=1), last=year_after(today))
    return ExpectedIncome(
        from_=span.first,
        to=span.last,
        announced=_sum(coming, asked.currency, estimated=False),
        estimated=_sum(coming, asked.currency, estimated=True),
        months=[
            ExpectedMonth(
                from_=month.first,
                to=month.last,
                announced=_sum(coming, asked.currency, estimated=False, month=month),
                estimated=_sum(coming, asked.currency, estimated=True, month=month),
            )
            for month in calendar_spans(span, Interval.MONTH)
        ],
        dividends=await _outward(context, coming[:MAX_EXPECTED], rows, asked.currency),
        total_count=len(coming),
    )


def _sum(
    coming: Sequence[_Coming], currency: str, *, estimated: bool, month: Span | None = None
) -> Money | None:
    amounts = (
        one.amount
        for one in coming
        if one.estimated is estimated
        and (month is None or month.first <= one.expected.day <= month.last)
    )
    return money_or_none(total_known(amounts), currency)


def _holdings(ledger: ScopeLedger) -> dict[int, Holdings]:
    terms = {key: known for one in ledger.ledgers for key, known in one.terms.items()}
    return {
        key: Holdings(in_order(entries), allow_short=terms.get(key, Terms()).allow_short)
        for key, entries in by_portfolio(ledger.entries).items()
    }


async def _actions(
    context: Context, held: Mapping[int, Holdings], *, today: date
) -> tuple[dict[int, instruments.Instrument], dict[int, Actions]]:
    """Return what is held, or was until lately, and what is known of its dividends."""
    ids = sorted(
        {
            key
            for one in held.values()
            for key, (_, last) in one.spans(today).items()
            if last >= today - RECENT
        }
    )
    rows = {
        key: row
        for key, row in zip(ids, await context.loaders.instruments.load_many(ids), strict=True)
        if row is not None
    }
    questions = [
        HistoryQuestion(
            symbol=row.symbol, first=months_before(today, 12) - APART, last=today + AHEAD
        )
        for row in rows.values()
    ]
    found = await context.loaders.actions.load_many(questions)
    return rows, dict(zip(rows, found, strict=True))


def _payers(
    ledger: ScopeLedger,
    owner: int,
    holdings: Holdings,
    rows: Mapping[int, instruments.Instrument],
    actions: Mapping[int, Actions],
) -> list[Payer]:
    entries: dict[int | None, list[Entry]] = {}
    for entry in ledger.entries:
        if entry.portfolio_id == owner:
            entries.setdefault(entry.instrument_id, []).append(entry)
    return [
        Payer(
            instrument_id=key,
            units=holdings.now(key),
            actions=actions[key],
            entries=entries.get(key, ()),
        )
        for key in rows
    ]


async def _outward(
    context: Context,
    coming: Sequence[_Coming],
    rows: Mapping[int, instruments.Instrument],
    currency: str,
) -> list[ExpectedDividend]:
    owners = sorted({one.owner for one in coming})
    portfolios = dict(zip(owners, await portfolios_of_keys(context, owners), strict=True))
    keys = [one.expected.entry_id for one in coming if one.expected.entry_id is not None]
    booked = dict(zip(keys, await context.loaders.transactions.load_many(keys), strict=True))
    found = []
    for one in coming:
        expected, row = one.expected, booked.get(one.expected.entry_id or 0)
        found.append(
            ExpectedDividend(
                portfolio=portfolios[one.owner],
                instrument=instrument_of(rows[expected.instrument_id]),
                basis=DividendBasis(expected.basis.value),
                estimated=one.estimated,
                day=expected.day,
                ex_day=expected.ex_day,
                pay_day=expected.pay_day,
                amount_per_unit=unit_price(expected.per_unit, expected.currency),
                units=expected.units,
                gross=money(expected.gross, expected.currency),
                amount=money_or_none(one.amount, currency),
                exchange_rate=None if one.rate is None else rate_of(one.rate),
                reason=None if one.amount is not None else NullReason.NO_RATE,
                source=expected.source,
                last_year=expected.before,
                transaction=None if row is None else transaction_of(row),
            )
        )
    return found
