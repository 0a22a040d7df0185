"""Why flows and values are not known: units nobody acquired, a price or a rate that is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analytics.book import PaymentKind
from analytics.measures import Reason
from analytics.series import Days, Flags
from analytics.valuations import Policy, Valuation


class UnknownFlow(NamedTuple):
    """Why a flow is not known: by the instrument concerned, or else by the currency.

    ``place`` is that of its day; ``units`` are those that were never acquired.
    """

    reason: Reason
    instrument: int
    currency: str
    units: float
    place: int


def unknown_flows(
    valuation: Valuation, scope: Flags, places: slice, policy: Policy
) -> Iterator[UnknownFlow]:
    """Yield why flows of a scope on some days are not known, those of missing units first."""
    flows, amounts = valuation.crossing(scope, policy)
    within = (flows.day >= places.start) & (flows.day < places.stop)
    flows = flows.where(np.isnan(amounts) & within)
    payments, paid = valuation.priced.whole.payments, valuation.priced.paid()
    lacks = flows.kind == PaymentKind.MISSING
    for place in (*np.flatnonzero(lacks), *np.flatnonzero(~lacks)):
        number, day = int(flows.payment[place]), int(flows.day[place])
        unit = payments.units[payments.unit[number]]
        if lacks[place]:
            units = float(payments.amount[number])
            yield UnknownFlow(Reason.MISSING_ACQUISITION, unit.instrument, "", units, day)
        elif np.isnan(paid[number]):
            yield UnknownFlow(Reason.NO_PRICE, unit.instrument, "", 0.0, day)
        else:
            currency = unit.currency or valuation.priced.of(unit.instrument).currency
            yield UnknownFlow(Reason.NO_RATE, 0, currency, 0.0, day)


@dataclass(frozen=True, slots=True)
class _Dated:
    """Reasons by the places of their days, which ascend."""

    places: Days
    reasons: Sequence[Reason]

    def within(self, places: slice) -> Reason | None:
        """Return the first reason of some days."""
        found = int(np.searchsorted(self.places, places.start))
        known = found < len(self.places) and self.places[found] < places.stop
        return self.reasons[found] if known else None

    def at(self, place: int) -> Reason | None:
        """Return the reason of a day."""
        return self.within(slice(place, place + 1))


@dataclass(frozen=True, slots=True)
class Unknowns:
    """Why flows and values of a scope are not known, worked out once for any stretch of days."""

    acquisitions: _Dated
    flows: _Dated
    values: _Dated

    def reason(self, places: slice) -> Reason | None:
        """Return why something of a stretch is not known; its first day is what it starts from.

        Units that were never acquired go before values at its ends, and these before other flows
        and values in between.
        """
        later = slice(places.start + 1, places.stop)
        return (
            self.acquisitions.within(later)
            or self.values.at(places.start)
            or self.values.at(places.stop - 1)
            or self.flows.within(later)
            or self.values.within(places)
        )


def unknowns_of(valuation: Valuation, scope: Flags, places: slice, policy: Policy) -> Unknowns:
    """Return all that is not known of a scope on some days, the first of which they start from."""
    found = list(unknown_flows(valuation, scope, places, policy))
    lacks = [one for one in found if one.reason is Reason.MISSING_ACQUISITION]
    others = [one for one in found if one.reason is not Reason.MISSING_ACQUISITION]
    return Unknowns(_dated(lacks), _dated(others), _unknown_values(valuation, scope, places))


def _dated(flows: Sequence[UnknownFlow]) -> _Dated:
    ordered = sorted(flows, key=lambda one: one.place)
    places = np.array([one.place for one in ordered], dtype=np.int64)
    return _Dated(places, [one.reason for one in ordered])


_REASONS = (None, Reason.NO_PRICE, Reason.NO_RATE)


def _unknown_values(valuation: Valuation, scope: Flags, places: slice) -> _Dated:
    """Return why the value of a scope is not known by day, each by the first line that lacks."""
    days = valuation.days[places]
    why = np.zeros(len(days), dtype=np.int8)
    for column in np.flatnonzero(scope).tolist():
        line = valuation.lines[column]
        rates = valuation.rate(valuation.priced.currency(line))[places]
        lacks = np.where(np.isnan(rates), _REASONS.index(Reason.NO_RATE), 0)
        if line.instrument:
            prices, _ = valuation.priced.price(line.instrument, places)
            lacks[np.isnan(prices)] = _REASONS.index(Reason.NO_PRICE)
        if lacks.any():
            units, _ = valuation.priced.whole.steps[column].over(days)
            first = (why == 0) & (units != 0)
            why[first] = lacks[first]
    unknown = np.flatnonzero(why)
    reasons = [reason for reason in map(_REASONS.__getitem__, why[unknown]) if reason]
    return _Dated(unknown + places.start, reasons)
