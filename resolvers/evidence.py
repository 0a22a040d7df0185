"""What a figure rests on: values day by day, what came in and went out, returns, and bookings."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from math import isnan
from typing import NamedTuple, Protocol

import numpy as np
import strawberry
from strawberry.types import Info

from analytics.measures import Measure, Part, Reason, parts
from analytics.series import Returns, Series
from models import transactions
from models.portfolios import Portfolio
from models.transactions import PageCut
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.external_flows import ExternalFlow, external_flow, flows_of
from resolvers.line_values import LineValue, lines_of_days
from resolvers.loaders import end_of
from resolvers.lots import FeePolicy
from resolvers.paging import Connection, connection_of, cut_of, page_of_list
from resolvers.scoping import Scoped, TaxPolicy, scoped_of
from resolvers.transaction_pages import (
    Page,
    TransactionConnection,
    TransactionFilter,
    chosen_of,
    page_of_keys,
    page_of_several,
    transaction_connection,
)
from resolvers.values import DateRangeInput, NullReason

DAYS = "d1"
FLOWS = "f1"
RETURNS = "r1"
"""Name the orderings that cursors of days, of flows and of returns belong to."""


class Compared(NamedTuple):
    """A benchmark: the symbols it is of, and its level by day."""

    symbols: tuple[str, ...]
    series: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a figure rests on; nothing of it is put together before somebody asks.

    Of a ``moment`` only the last day counts.
    """

    scoped: Scoped
    returns: Returns | None = None
    benchmark: Returns | None = None
    compared: Compared | None = None
    moment: bool = False

    @property
    def first(self) -> int:
        """Return the row of the valuation that the period starts from."""
        return self.scoped.rows.start or 0

    @property
    def owners(self) -> frozenset[int]:
        """Return the portfolios that it is from."""
        whole = self.scoped.valued
        if whole is None:
            return frozenset()
        columns = np.flatnonzero(whole.scope)
        return frozenset(whole.valuation.lines[column].portfolio for column in columns)

    def told(self, source: Measure) -> Measure:
        """Say what was missing: units that were never acquired, a price, a rate or capital."""
        if source.reason is Reason.NEGATIVE_CAPITAL and not self.scoped.period.links.broken.any():
            source = source.because(Reason.NO_PRICE)
        if source.reason is not Reason.NO_PRICE or self.scoped.missing is None:
            return source
        reason, about = self.scoped.missing
        return source.because(reason, about=about)

    def inputs(self) -> tuple[Part, ...]:
        """Return the days of the first and the last return."""
        if self.returns is None or not len(self.returns.days):
            return ()
        first, last = (date.fromordinal(int(day)) for day in self.returns.days[[0, -1]])
        return parts(first_return=first, last_return=last)


@dataclass(frozen=True, slots=True)
class Bookings:
    """Some bookings that a figure rests on, by their times and keys."""

    entries: Sequence[tuple[datetime, int]]


@dataclass(frozen=True, slots=True)
class Moment:
    """What there was at the end of a day (null: now), in a currency."""

    row: Portfolio
    day: date | None
    currency: str

    @property
    def key(self) -> tuple[object, ...]:
        """Return what tells it from others."""
        return self.row.id, self.row.owner_id, self.day, self.currency


class Evident(Protocol):
    """Whatever has evidence."""

    evidence: Evidence | Bookings | Moment | None


async def _valued(context: Context, parents: Sequence[Evident]) -> list[Evidence | Bookings | None]:
    """Return the evidence of a level; what there was at moments is valued first.

    The moments of one day and currency are valued at once, of however many portfolios they are.
    """
    moments = {
        one.evidence.key: one.evidence for one in parents if isinstance(one.evidence, Moment)
    }
    groups: dict[tuple[date, str], list[Moment]] = {}
    for moment in moments.values():
        day = moment.day or context.now().date()
        groups.setdefault((day, moment.currency), []).append(moment)
    found: dict[tuple[object, ...], Evidence] = {}
    for (day, currency), same in groups.items():
        valued = await scoped_of(
            same,
            context,
            range=DateRangeInput(first=day, last=day),
            period=None,
            currency=currency,
            fee_policy=FeePolicy.CAPITALIZE,
            tax_policy=TaxPolicy.GROSS,
        )
        for moment, scoped in zip(same, valued, strict=True):
            found[moment.key] = Evidence(scoped=scoped, moment=True)
    return [
        found[one.evidence.key] if isinstance(one.evidence, Moment) else one.evidence
        for one in parents
    ]


async def lines_of_values(
    parents: "list[DayValue]", info: Info[Context, None]
) -> list[list[LineValue]]:
    """Tell what was held at the end of a level of days."""
    places = [(one.evidence.scoped, one.evidence.first + one.place) for one in parents]
    return await lines_of_days(info.context, places)


@strawberry.type(
    description="The whole at the end of a day, and what the day brought. The return of a day is "
    "`(value + outflow) / (value before + inflow) - 1`."
)
class DayValue:
    """The whole at the end of a day."""

    evidence: strawberry.Private[Evidence]
    place: strawberry.Private[int]
    day: date = strawberry.field(description="The day.")
    value: float | None = strawberry.field(
        description="What it was worth, not rounded; null without a price or rate: see `lines`."
    )
    inflow: float | None = strawberry.field(
        description="What came in on the day; on the day that the period starts from, which is "
        "the oldest, nothing counts. Null where its worth is not known."
    )
    outflow: float | None = strawberry.field(
        description="What went out on the day, above zero, and below it what was charged after all "
        "had been sold or taken out. Null where its worth is not known."
    )
    return_: float | None = strawberry.field(
        name="return",
        description="What was earned since the last day with a value; zero without any capital. "
        "Null on the first such day, and where it is not defined: see `reason`.",
    )
    reason: NullReason | None = strawberry.field(
        description="Why `value` or `return` is null; null if neither is, and on the first day."
    )
    lines: list[LineValue] = batched(
        lines_of_values, description="What was held at its end, and what it counted at."
    )


@strawberry.type(description="What was earned from one trading day to the next.")
class DatedReturn:
    """What was earned from one trading day to the next."""

    day: date = strawberry.field(description="The later of both days.")
    value: float | None = strawberry.field(description="The return; null where not known.")
    benchmark: float | None = strawberry.field(
        description="The benchmark's; null without one, or where not known."
    )


def shown(value: float) -> float | None:
    """Return a number, or null for none."""
    return None if isnan(value) else float(value)


def place_of(day: int, number: int) -> tuple[datetime, int]:
    """Return the place of something in a list: by its day, then as it comes."""
    return datetime.combine(date.fromordinal(day), time.min, UTC), number


async def days_of_evidence(
    parents: "Sequence[Evident]",
    info: Info[Context, None],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> list[Connection[DayValue] | None]:
    """Page through the days that figures rest on."""
    cut = cut_of(first=first, after=after, last=last, before=before, ordering=DAYS)
    return [
        _days(one, cut) if isinstance(one, Evidence) else None
        for one in await _valued(info.context, parents)
    ]


async def flows_of_evidence(
    parents: "Sequence[Evident]",
    info: Info[Context, None],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> list[Connection[ExternalFlow] | None]:
    """Page through what came in and went out."""
    del info
    cut = cut_of(first=first, after=after, last=last, before=before, ordering=FLOWS)
    return [
        _flows(one.evidence, cut) if isinstance(one.evidence, Evidence) else None for one in parents
    ]


async def returns_of_evidence(
    parents: "Sequence[Evident]",
    info: Info[Context, None],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> list[Connection[DatedReturn] | None]:
    """Page through the returns that figures of risk rest on."""
    del info
    cut = cut_of(first=first, after=after, last=last, before=before, ordering=RETURNS)
    return [
        _returns(one.evidence.returns, one.evidence.benchmark, cut)
        if isinstance(one.evidence, Evidence) and one.evidence.returns is not None
        else None
        for one in parents
    ]


async def transactions_of_evidence(
    parents: "Sequence[Evident]",
    info: Info[Context, None],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    filter: TransactionFilter | None = None,
) -> list[TransactionConnection | None]:
    """Page through the bookings that figures rest on."""
    chosen = chosen_of(filter)
    cut = cut_of(first=first, after=after, last=last, before=before)
    known = await _valued(info.context, parents)
    pages = (_page(info.context, evidence, chosen, cut) for evidence in known)
    return [
        None if page is None else transaction_connection(page)
        for page in await asyncio.gather(*pages)
    ]


async def _page(
    context: Context,
    evidence: Evidence | Bookings | None,
    chosen: transactions.TransactionFilter,
    cut: PageCut,
) -> Page | None:
    match evidence:
        case Evidence():
            return await _page_until(context, evidence, chosen, cut)
        case Bookings():
            return await page_of_keys(context, evidence.entries, cut)
        case None:
            return None


async def _page_until(
    context: Context, evidence: Evidence, chosen: transactions.TransactionFilter, cut: PageCut
) -> Page:
    """Return a page of all bookings until the last day; of a position those about it."""
    end, position = end_of(evidence.scoped.span.last), evidence.scoped.instrument
    chosen = replace(chosen, until=end if chosen.until is None else min(end, chosen.until))
    if position is not None and not chosen.symbols:
        row = await context.loaders.instruments.load(position)
        chosen = replace(chosen, symbols=frozenset({row.symbol} if row else ()))
    return await page_of_several(context, sorted(evidence.owners), chosen, cut)


def _days(evidence: Evidence, cut: PageCut) -> Connection[DayValue]:
    """Return a page of days, with what each of them brought."""
    scoped, links = evidence.scoped, evidence.scoped.period.links
    series = scoped.period.series
    places = range(len(series.days) if scoped.valued else 0)
    page = page_of_list(
        places[-1:] if evidence.moment else places[::-1],
        cut,
        place=lambda place: place_of(int(series.days[place]), place + 1),
        ordering=DAYS,
    )
    nodes = []
    for place in page.items:
        number = int(np.searchsorted(links.ends, place))
        linked = number < len(links.ends) and links.ends[number] == place
        growth = float(links.growth[number]) if linked else np.nan
        value, started = float(series.value[place]), place > 0
        why = None
        if isnan(value):
            why = _why_worthless(scoped, place)
        elif linked and isnan(growth):
            broken = bool(links.broken[number])
            begin = int(links.starts[number])
            missing = scoped.part(slice(begin, place + 1)).missing or (Reason.NO_PRICE, None)
            why = Reason.NEGATIVE_CAPITAL if broken else missing[0]
        nodes.append(
            DayValue(
                evidence=evidence,
                place=place,
                day=date.fromordinal(int(series.days[place])),
                value=shown(value),
                inflow=shown(series.inflow[place]) if started else 0.0,
                outflow=shown(series.outflow[place]) if started else 0.0,
                return_=shown(growth),
                reason=None if why is None else NullReason(why.value),
            )
        )
    return connection_of(page, nodes)


def _why_worthless(scoped: Scoped, place: int) -> Reason:
    """Return why a day has no value: for want of a price, or else of rates alone."""
    valued = scoped.valued
    if valued is None:
        return Reason.NO_PRICE
    missing = valued.valuation.missing(valued.scope, scoped.rows.start + place)
    return (
        Reason.NO_RATE if {reason for reason, _ in missing} == {Reason.NO_RATE} else Reason.NO_PRICE
    )


def _flows(evidence: Evidence, cut: PageCut) -> Connection[ExternalFlow]:
    """Return a page of flows, newest first."""
    flows = sorted(flows_of(evidence.scoped), reverse=True)
    page = page_of_list(
        range(len(flows), 0, -1),
        cut,
        place=lambda number: place_of(flows[-number].day, number),
        ordering=FLOWS,
    )
    return connection_of(
        page,
        [external_flow(flows[-number], evidence.scoped, evidence.owners) for number in page.items],
    )


def _returns(returns: Returns, benchmark: Returns | None, cut: PageCut) -> Connection[DatedReturn]:
    """Return a page of returns, newest first."""
    page = page_of_list(
        range(len(returns.days) - 1, -1, -1),
        cut,
        place=lambda place: place_of(int(returns.days[place]), place + 1),
        ordering=RETURNS,
    )
    return connection_of(
        page,
        [
            DatedReturn(
                day=date.fromordinal(int(returns.days[place])),
                value=shown(returns.values[place]),
                benchmark=None if benchmark is None else shown(benchmark.values[place]),
            )
            for place in page.items
        ],
    )
