"""Tables of months, years or other stretches: the return of each, and what it was in money."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import isnan

import numpy as np
import strawberry
from strawberry.types import Info

from analytics.attribution import PeriodReturn, table_of
from analytics.events import Pool
from analytics.measures import Reason
from analytics.money import total
from analytics.periods import Interval, Span
from analytics.series import Floats
from analytics.unknowns import unknowns_of
from analytics.valuations import Policy
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.loaders import state_key
from resolvers.scalars import Ratio
from resolvers.scope_ledgers import ScopeLedger, base_rates, scope_ledger_of
from resolvers.scoping import Scoped
from resolvers.values import Money, NullReason, amount_of, bad_input, money_or_none, ratio_of
from services.aside import aside
from services.combined import movements_in
from services.entries import InstrumentState, instrument_states
from services.tallies import Tally, tallies_of
from services.valuing import Valued

MAX_STRETCHES = 4_000
CELLS = 100
"""So many days of a line take as long as a stretch."""

_DAYS = {Interval.DAY: 1, Interval.WEEK: 7, Interval.MONTH: 28, Interval.YEAR: 365}
"""How long stretches are at least."""

States = Mapping[int, InstrumentState]
"""What became of units, by instrument."""

FLOWS = Policy(net_of_tax=True)
"""By this only what comes from outside, or goes there, is a flow: taxes are a line of their own."""


@strawberry.type(
    description="One stretch of the calendar in money. `startValue + netInflow + gain = endValue`. "
    "Values count as in `series`; gains realised, income, fees and taxes are exact sums of the "
    "ledger, each at the rate of its day, as in a `statement` of the stretch."
)
class CalendarLedger:
    """One stretch of the calendar in money."""

    start_value: Money | None = strawberry.field(
        description="The value at the end of the day before; null without a price or rate."
    )
    end_value: Money | None = strawberry.field(
        description="The value at the end of its last day; null without a price or rate."
    )
    net_inflow: Money | None = strawberry.field(
        description="What came in less what went out: cash, and units at their market value. Of a "
        "position what its purchases took, less what sales and dividends brought. Null without a "
        "price or rate, or while an acquisition is missing."
    )
    gain: Money | None = strawberry.field(
        description="What was earned, after fees and taxes; null without a price or rate, or while "
        "an acquisition is missing."
    )
    realized_gain: Money | None = strawberry.field(
        description="The sum of `realizedGains` of its days in the base currency: proceeds less "
        "cost, fees included as `feePolicy` says. In another currency each is converted at the "
        "rate of its closing. Null when a rate or an acquisition is missing."
    )
    income: Money | None = strawberry.field(
        description="Dividends and interest, before tax withheld; null when a rate is missing."
    )
    fees: Money | None = strawberry.field(
        description="All fees, those of trades included, less refunds; null when a rate is missing."
    )
    taxes: Money | None = strawberry.field(
        description="All taxes, those withheld and those on trades included, less refunds; null "
        "when a rate is missing."
    )
    closed_positions: int = strawberry.field(
        description="How many positions were sold, or covered, so that no unit was left at the end "
        "of the day."
    )


async def ledgers_of_stretches(
    parents: "list[CalendarReturn]", info: Info[Context, None]
) -> list[CalendarLedger]:
    """Say what ledgers, and values, tell of a level of stretches."""
    tables: dict[tuple[int, Interval], list[CalendarReturn]] = {}
    for parent in parents:
        tables.setdefault((id(parent.scoped), parent.interval), []).append(parent)
    scopes = {id(parent.scoped): parent.scoped for parent in parents}
    read = await asyncio.gather(
        *(scope_ledger_of(info.context, scoped.portfolio) for scoped in scopes.values())
    )
    states = dict(zip(scopes, await _states(info.context, read), strict=True))
    ledgers = dict(zip(scopes, read, strict=True))
    spans = {
        place: sorted({row.span for row in rows}, key=lambda span: span.first)
        for place, rows in tables.items()
    }
    tallies = await asyncio.gather(
        *(
            _tallies(info.context, scopes[key], some, ledgers[key], states[key])
            for (key, _), some in spans.items()
        )
    )
    found: dict[tuple[int, Span], CalendarLedger] = {}
    for ((key, _), some), told in zip(spans.items(), tallies, strict=True):
        scoped = scopes[key]
        passed, columns = _passed(scoped), _columns(scoped)
        for span, tally in zip(some, told, strict=True):
            closed = _closed(scoped, tally, columns)
            found[key, span] = _ledger(scoped, span, tally, passed, closed)
    return [found[id(parent.scoped), parent.span] for parent in parents]


@strawberry.type(description="One stretch of the calendar.")
class CalendarReturn:
    """One stretch of the calendar."""

    scoped: strawberry.Private[Scoped]
    interval: strawberry.Private[Interval]
    from_: date = strawberry.field(name="from", description="Its first day.")
    to: date = strawberry.field(description="Its last day.")
    time_weighted_return: Ratio | None = strawberry.field(
        description="Its time-weighted return; all of them linked are that of the period."
    )
    reason: NullReason | None = strawberry.field(description="Why it is null; null if it is not.")
    ledger: CalendarLedger = batched(ledgers_of_stretches, description="What it was in money.")

    @property
    def span(self) -> Span:
        """Return its days."""
        return Span(first=self.from_, last=self.to)


async def calendar_of(scoped: Scoped, interval: Interval) -> list[CalendarReturn]:
    """Return the stretches of a period; none before the first booking."""
    if scoped.valued is None:
        return []
    stretches = range((scoped.span.last - scoped.span.first).days // _DAYS[interval] + 1)
    if len(stretches) > MAX_STRETCHES:
        raise bad_input(
            f"`interval` {interval.value} has more than {MAX_STRETCHES} stretches here: "
            "ask for longer ones, or for fewer days."
        )
    lines = int(np.count_nonzero(scoped.valued.scope))
    table = await aside(
        range(len(stretches) + len(scoped.period.series.days) * lines // CELLS),
        _table,
        scoped,
        scoped.valued,
        interval,
    )
    return [
        CalendarReturn(
            scoped=scoped,
            interval=interval,
            from_=one.span.first,
            to=one.span.last,
            time_weighted_return=ratio_of(one.value),
            reason=None if one.reason is None else NullReason(one.reason.value),
        )
        for one in table
    ]


def _table(scoped: Scoped, valued: Valued, interval: Interval) -> list[PeriodReturn]:
    """Return the returns of stretches; what has none tells what of its own days was missing."""
    series, rows = scoped.period.series, scoped.rows
    table = table_of(series, scoped.span, interval)
    if all(one.reason is not Reason.NO_PRICE for one in table):
        return table
    unknowns = unknowns_of(valued.valuation, valued.scope, rows, scoped.policy)

    def told(one: PeriodReturn) -> PeriodReturn:
        if one.reason is not Reason.NO_PRICE:
            return one
        places = series.places(one.span.first, one.span.last)
        stretch = slice(places.start + rows.start, min(places.stop + rows.start, rows.stop))
        return replace(one, reason=unknowns.reason(stretch) or one.reason)

    return [told(one) for one in table]


async def _tallies(
    context: Context,
    scoped: Scoped,
    spans: Sequence[Span],
    ledger: ScopeLedger,
    states: States,
) -> list[Tally]:
    """Add the ledgers of a scope up by stretches."""
    wanted = [
        entry
        for entry in ledger.entries
        if spans[0].first <= entry.occurred_at.date() <= spans[-1].last
        and scoped.instrument in (None, entry.instrument_id)
    ]
    days = {entry.occurred_at.date() for entry in wanted}
    rates = await base_rates(context, ledger, scoped.currency, days)
    report = ledger.report(scoped.currency, rates)
    return await aside(
        wanted,
        lambda: tallies_of(
            spans,
            movements=movements_in(wanted, report, ledger.inside),
            states={
                key: _as_asked(known, scoped)
                for key, known in states.items()
                if scoped.instrument in (None, key)
            },
            rate_on=lambda day: rates.get((scoped.portfolio.base_currency, scoped.currency, day)),
        ),
    )


async def _states(context: Context, ledgers: Sequence[ScopeLedger]) -> list[States]:
    """Derive what became of units by instrument, of portfolios from what was read, all at once."""
    pools: dict[int, dict[Pool, InstrumentState]] = {}
    found: list[States] = []
    for one in ledgers:
        if one.whole.is_all:
            state = await context.loaders.ledger_states.load(state_key(one.whole))
            found.append(state.instruments)
            continue
        (own,) = one.ledgers
        if id(own) not in pools:
            pools[id(own)] = await aside(
                own.entries, instrument_states, own.entries, terms=own.terms
            )
        found.append(
            {pool[1]: state for pool, state in pools[id(own)].items() if pool[0] == one.whole.id}
        )
    return found


def _as_asked(state: InstrumentState, scoped: Scoped) -> InstrumentState:
    if not scoped.policy.expensed:
        return state
    return InstrumentState(holding=state.holding.before_fees())


def _passed(scoped: Scoped) -> Floats:
    """Return the value of units that came in less that of those that went out, by day.

    The days are those of the period; what came by cash is left to the ledger, to the last digit.
    """
    whole = scoped.valued
    if whole is None:
        return np.zeros(len(scoped.period.series.days))
    valuation = whole.valuation
    crossing, amounts = valuation.crossing(whole.scope, FLOWS)
    inside = np.append(whole.scope, False)
    own = np.where(inside[crossing.target], crossing.target, crossing.source)
    units = valuation.within(lambda line: bool(line.instrument))[own]
    count = len(valuation.days)
    by_day = np.bincount(crossing.day[units], amounts[units], minlength=count)
    return np.asarray(by_day[scoped.rows], dtype=float)


def _columns(scoped: Scoped) -> dict[int, list[int]]:
    """Return where the units of each instrument are in the valuation."""
    found: dict[int, list[int]] = {}
    if scoped.valued is not None:
        for column in np.flatnonzero(scoped.valued.scope).tolist():
            line = scoped.valued.valuation.lines[column]
            found.setdefault(line.instrument, []).append(column)
    return found


def _closed(scoped: Scoped, tally: Tally, columns: Mapping[int, Sequence[int]]) -> int:
    """Count the positions of which units were closed on a day that left none."""
    if scoped.valued is None:
        return 0
    valuation = scoped.valued.valuation
    begin = int(valuation.days[0])
    return sum(
        not any(valuation.units_of(day.toordinal() - begin, column) for column in columns[key])
        for day, key in tally.closed
    )


def _ledger(
    scoped: Scoped, span: Span, tally: Tally, passed: Floats, closed: int
) -> CalendarLedger:
    series, currency = scoped.period.series, scoped.currency
    places = series.places(span.first, span.last)
    start, end = (float(value) for value in series.value[places][[0, -1]])
    units = float(passed[places][1:].sum())
    net = None
    if tally.flows is not None and not isnan(units):
        net = total([tally.flows, Decimal(repr(units))])
    return CalendarLedger(
        start_value=amount_of(start, currency),
        end_value=amount_of(end, currency),
        net_inflow=money_or_none(net, currency),
        gain=None if net is None else amount_of(end - start - float(net), currency),
        realized_gain=money_or_none(tally.realized, currency),
        income=money_or_none(tally.income, currency),
        fees=money_or_none(tally.fees, currency),
        taxes=money_or_none(tally.taxes, currency),
        closed_positions=closed,
    )
