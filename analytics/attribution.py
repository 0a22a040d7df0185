"""Where a return came from: contributions of lines that add up to it, and what currencies did.

A day's contribution is the gain of the line over the capital of the whole. Over several days each
is multiplied with the growth of the whole until then (Frongello), so that contributions add up to
the linked return exactly, for every line, group of lines and period. Over days without a value
the gain is that of all of them together, as in the return itself.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from analytics.book import Line
from analytics.measures import LARGEST, Measure, Reason, parts
from analytics.periods import Interval, Span, calendar_spans
from analytics.returns import Period, time_weighted
from analytics.series import Flags, Floats, Links, Series, links_of
from analytics.valuations import EVERY, Policy, Tables, Valuation

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one line did for the return of the whole: gain in money, and its part of the return.

    ``currency`` is the part of the contribution that exchange rates made.
    """

    line: Line
    gain: float
    value: float
    currency: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A return by line; without one there is a reason and no contributions.

    (1 + price) x (1 + currency) = 1 + total: what prices did, and what exchange rates did.
    """

    total: float | None
    price: float | None
    currency: float | None
    contributions: tuple[Contribution, ...]
    reason: Reason | None = None

    def by(self, groups: Mapping[Line, K]) -> dict[K | None, float]:
        """Sum contributions by group; lines without one are under null."""
        found: dict[K | None, float] = {}
        for part in self.contributions:
            key = groups.get(part.line)
            found[key] = found.get(key, 0.0) + part.value
        return found


def _unable(reason: Reason | None) -> Attribution:
    return Attribution(total=None, price=None, currency=None, contributions=(), reason=reason)


def attribute(
    valuation: Valuation, scope: Flags, *, policy: Policy | None = None, places: slice | None = None
) -> Attribution:
    """Attribute the return of a scope to its lines.

    ``places`` are days of the valuation, the first of which is what the return starts from.
    """
    places = places or EVERY
    period = Period(series=valuation.series(scope, policy).part(places))
    whole = time_weighted(period)
    if whole.value is None:
        return _unable(whole.reason)
    links = period.links
    tables = valuation.tables(scope, places)
    flows = _line_flows(valuation, scope, policy or Policy(), places)
    within = slice(links.starts[0] + 1, links.ends[-1] + 1)
    came = np.add.reduceat(flows[within], links.starts - links.starts[0], axis=0)
    gains = tables.value[links.ends] - tables.value[links.starts] - came
    if np.isnan(gains).any():  # of a payment within the scope, which no whole needs
        return _unable(Reason.NO_PRICE)
    moved = _currency_gains(tables, links)
    level = np.concatenate([[1.0], np.cumprod(1 + links.growth)[:-1]])
    alone = np.zeros(len(level))
    np.divide(1.0, links.capital, out=alone, where=~links.idle)
    part = alone[links.counted_in]
    weight = level[links.counted_in] * part
    share = np.bincount(links.counted_in, moved.sum(axis=1) * part, minlength=len(level))
    currency = float(np.prod(1 + share))
    return Attribution(
        total=whole.value,
        price=(1 + whole.value) / currency - 1 if currency > 0 else None,
        currency=currency - 1,
        contributions=tuple(
            Contribution(
                line=valuation.lines[column],
                gain=float(gains[:, place].sum()),
                value=float(weight @ gains[:, place]),
                currency=float(weight @ moved[:, place]),
            )
            for place, column in enumerate(np.flatnonzero(scope))
        ),
    )


def _line_flows(valuation: Valuation, scope: Flags, policy: Policy, places: slice) -> Floats:
    """Return what came into each line of a scope less what went out of it, by some days.

    Payments that a policy sets apart touch the line of their cash alone.
    """
    start, stop, _ = places.indices(len(valuation.days))
    flows = valuation.flows
    flows = flows.where((flows.day >= start) & (flows.day < stop))
    columns = np.flatnonzero(scope)
    count = len(columns)
    at = np.full(len(scope) + 1, count)  # what is outside the scope goes into one column more
    at[columns] = np.arange(count)
    apart = np.isin(flows.kind, policy.set_apart())
    net = np.zeros((stop - start, count + 1))
    np.add.at(net, (flows.day - start, at[flows.target]), flows.amount)
    paid = np.where(apart, count, at[flows.source])
    np.subtract.at(net, (flows.day - start, paid), flows.amount)
    return net[:, :count]


def _currency_gains(tables: Tables, links: Links) -> Floats:
    """Return what exchange rates did to what each line held from one value to the next."""
    held = tables.units[links.starts] != 0
    moved = tables.local[links.starts] * tables.rates[links.ends] - tables.value[links.starts]
    # What was sold for other money may have no rate afterwards: its price made all the gain.
    return np.where(held & ~np.isnan(moved), moved, 0.0)


def effects_of(made: Attribution) -> tuple[Measure, Measure]:
    """Return what prices did to the whole, and what exchange rates did, as measures."""
    price, currency = (
        Measure(
            definition=definition,
            value=value,
            reason=made.reason,
            inputs=parts(time_weighted_return=made.total, **{other: another}),
        )
        for definition, value, other, another in (
            ("priceEffect", made.price, "currency_effect", made.currency),
            ("currencyEffect", made.currency, "price_effect", made.price),
        )
    )
    if made.reason is None and made.price is None:
        return price.because(Reason.NEGATIVE_CAPITAL), currency
    return price, currency


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReturn:
    """The time-weighted return of one month, or of one year, of a longer period."""

    span: Span
    value: float | None
    reason: Reason | None


def table_of(series: Series, span: Span, interval: Interval) -> list[PeriodReturn]:
    """Return the returns of the months or years within days; linked they are that of all."""
    links = links_of(series)
    factors = np.full(len(series.days), np.nan)
    daily = (links.ends - links.starts == 1) & ~links.broken
    factors[links.ends[daily]] = 1 + links.growth[daily]
    idle = np.zeros(len(series.days), dtype=bool)
    idle[links.ends[links.idle]] = True
    found = []
    for part in calendar_spans(span, interval):
        places = series.places(part.first, part.last)
        days = slice(places.start + 1, places.stop)
        with np.errstate(over="ignore"):
            growth = float(np.prod(factors[days]) - 1)
        if abs(growth) <= LARGEST and not idle[days].all():
            found.append(PeriodReturn(span=part, value=growth, reason=None))
            continue
        # Days without a value are passed over, and what there is no return for has a reason.
        measure = time_weighted(Period(series=series.part(places)))
        found.append(PeriodReturn(span=part, value=measure.value, reason=measure.reason))
    return found
