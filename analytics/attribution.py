"""Where a return came from: contributions of lines that add up to it, and what currencies did.

A day's contribution is the gain of the line over the capital of the whole. Over several days each
is multiplied with the growth of the whole until then (Frongello), so that contributions add up to
the linked return exactly, for every line, group of lines and period.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from analytics.book import Line
from analytics.measures import Reason
from analytics.periods import Interval, Span, calendar_spans
from analytics.returns import Period, time_weighted
from analytics.series import Flags, Floats, Links, Series, links_of
from analytics.valuations import Policy, Valuation

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


def _unable(reason: Reason) -> Attribution:
    return Attribution(total=None, price=None, currency=None, contributions=(), reason=reason)


def attribute(
    valuation: Valuation, scope: Flags, *, policy: Policy | None = None, places: slice | None = None
) -> Attribution:
    """Attribute the return of a scope to its lines.

    ``places`` are days of the valuation, the first of which is what the return starts from.
    """
    places = places or slice(None)
    whole = valuation.series(scope, policy)
    links = links_of(whole.part(places))
    reason = _reason(links)
    if reason is not None:
        return _unable(reason)
    flows = _line_flows(valuation, scope, policy or Policy())[places]
    worth = valuation.value[places][:, scope]
    gains = np.diff(worth, axis=0) - flows[1:]
    if np.isnan(gains).any():  # of a payment within the scope, which no whole needs
        return _unable(Reason.NO_PRICE)
    moved = _currency_gains(valuation, scope, places)
    level = np.concatenate([[1.0], np.cumprod(1 + links.growth)[:-1]])
    weight = np.zeros(len(level))
    np.divide(level, links.capital, out=weight, where=~links.idle)
    share = np.zeros(len(level))
    np.divide(moved.sum(axis=1), links.capital, out=share, where=~links.idle)
    total = float(np.prod(1 + links.growth))
    currency = float(np.prod(1 + share))
    return Attribution(
        total=total - 1,
        price=total / currency - 1 if currency > 0 else None,
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


def _reason(links: Links) -> Reason | None:
    """Return why a return cannot be taken apart: every day must be known and have capital."""
    if len(links.growth) < len(links.series.days) - 1 or bool(np.isnan(links.gain).any()):
        return Reason.NO_PRICE
    if bool(links.broken.any()):
        return Reason.NEGATIVE_CAPITAL
    return Reason.NO_CAPITAL if bool(links.idle.all()) else None


def _line_flows(valuation: Valuation, scope: Flags, policy: Policy) -> Floats:
    """Return what came into each line of a scope less what went out of it, by day.

    Payments that a policy sets apart touch the line of their cash alone.
    """
    flows, count = valuation.flows, len(valuation.lines)
    apart = np.isin(flows.kind, policy.set_apart())
    net = np.zeros((len(valuation.days), count + 1))
    np.add.at(net, (flows.day, flows.target), flows.amount)
    np.subtract.at(net, (flows.day, np.where(apart, count, flows.source)), flows.amount)
    return net[:, :count][:, scope]


def _currency_gains(valuation: Valuation, scope: Flags, places: slice) -> Floats:
    """Return what exchange rates did to what each line held overnight."""
    local, worth = valuation.local[places][:, scope], valuation.value[places][:, scope]
    held = valuation.units[places][:, scope][:-1] != 0
    rates = valuation.rates[places][:, scope]
    moved = local[:-1] * rates[1:] - worth[:-1]
    return np.where(held, moved, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReturn:
    """The time-weighted return of one month, or of one year, of a longer period."""

    span: Span
    value: float | None
    reason: Reason | None


def table_of(series: Series, span: Span, interval: Interval) -> list[PeriodReturn]:
    """Return the returns of the months or years within days; linked they are that of all."""
    found = []
    for part in calendar_spans(span, interval):
        measure = time_weighted(Period(series=series.cut(part.first, part.last)))
        found.append(PeriodReturn(span=part, value=measure.value, reason=measure.reason))
    return found
