"""Returns of a period: time-weighted, money-weighted, Modified Dietz, and the gain itself.

Each takes a series whose first day is what the period starts from. Which fees and taxes count as
taken out rather than lost is decided where the series is made.
"""

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np

from analytics.irr import YEAR, xirr
from analytics.measures import Measure, Note, Part, Reason, parts
from analytics.series import Links, Series, links_of


@dataclass(frozen=True, kw_only=True)
class Period:
    """A series over a period, and what all returns of it have in common."""

    series: Series

    @cached_property
    def links(self) -> Links:
        """Return the links of the series, worked out once."""
        return links_of(self.series)

    @cached_property
    def funded(self) -> Series:
        """Return the series from where there is capital; its first day is what it starts from."""
        return self.series.part(slice(self.links.begin, None))

    @property
    def first(self) -> date:
        """Return the day on which the first money is at work: that of the start, or of a flow."""
        return date.fromordinal(int(self.funded.days[0]) + (self.funded.value[0] == 0))

    @property
    def last(self) -> date:
        """Return the last day."""
        return date.fromordinal(int(self.series.days[-1]))

    @property
    def days(self) -> int:
        """Return the days between the first money and the last value."""
        return (self.last - self.first).days

    @property
    def inflow(self) -> float:
        """Return what came in after the start."""
        return float(self.series.inflow[1:].sum())

    @property
    def outflow(self) -> float:
        """Return what went out after the start."""
        return float(self.series.outflow[1:].sum())

    @property
    def gain(self) -> float:
        """Return the gain; NaN when an end or a flow is not known."""
        value = self.series.value
        return float(value[-1] - value[0]) - self.inflow + self.outflow

    def inputs(self) -> tuple[Part, ...]:
        """Return what every return is worked out from."""
        value = self.series.value
        return parts(
            first_day=self.first,
            last_day=self.last,
            start_value=_known(value[0]),
            end_value=_known(value[-1]),
            inflows=_known(self.inflow),
            outflows=_known(self.outflow),
        )

    def measure(self, definition: str) -> Measure:
        """Begin a measure; its reason is set when no return of the period can be known."""
        begun = Measure(definition=definition, inputs=self.inputs())
        if np.isnan(self.gain):
            return begun.because(Reason.NO_PRICE)
        if bool(np.all(self.links.idle)):
            return begun.because(Reason.NO_CAPITAL)
        return begun


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def absolute_gain(period: Period) -> Measure:
    """Return V(end) - V(start) - inflows + outflows."""
    begun = Measure(definition="absoluteGain", inputs=period.inputs())
    if np.isnan(period.gain):
        return begun.because(Reason.NO_PRICE)
    return replace(begun, value=period.gain)


def time_weighted(period: Period) -> Measure:
    """Link the days: r = (V + outflow) / (V before + inflow) - 1."""
    begun, links = period.measure("timeWeightedReturn"), period.links
    steps = tuple(
        Part(name=f"return from {first} to {last}", value=growth)
        for first, last, growth in links.segments()
    )
    begun = replace(begun, steps=steps)
    if begun.reason is not None:
        return begun
    if np.any(links.broken):
        return begun.because(Reason.NEGATIVE_CAPITAL)
    if np.any(np.isnan(links.growth)):
        return begun.because(Reason.NO_PRICE)
    notes = {Note.APPROXIMATED} if links.gapped else ()
    return replace(begun, value=float(np.prod(1 + links.growth) - 1), notes=frozenset(notes))


def modified_dietz(period: Period) -> Measure:
    """Divide the gain by the capital that was at work on average, each flow for its time."""
    begun, funded = period.measure("modifiedDietz"), period.funded
    if begun.reason is not None:
        return begun
    ends = replace(funded, value=np.full(len(funded.value), np.nan))
    ends.value[[0, -1]] = funded.value[[0, -1]]
    (link,) = links_of(ends).capital
    begun = replace(begun, steps=parts(gain=period.gain, average_capital=float(link)))
    if link <= 0:
        return begun.because(Reason.NEGATIVE_CAPITAL if link < 0 else Reason.NO_CAPITAL)
    return replace(begun, value=period.gain / float(link))


def money_weighted(period: Period, *, annual: bool = False, force: bool = False) -> Measure:
    """Find the rate at which all flows and both ends are worth nothing together.

    The rate of the period, or a year's: that of less than a year only with ``force``.
    """
    begun = period.measure("annualMoneyWeightedReturn" if annual else "moneyWeightedReturn")
    if begun.reason is not None:
        return begun
    funded = period.funded
    flows = funded.outflow - funded.inflow
    flows[0] = -funded.value[0]
    flows[-1] += funded.value[-1]
    roots = xirr(flows, funded.days)
    if roots.reason is not None:
        return begun.because(roots.reason)
    rate = roots.rates[0]
    begun = replace(
        begun,
        steps=(
            *(Part(name="yearly rate", value=root) for root in roots.rates),
            *parts(days=period.days),
        ),
        notes=frozenset({Note.MULTIPLE_ROOTS} if len(roots.rates) > 1 else ()),
    )
    if not annual:
        return replace(begun, value=float((1 + rate) ** (period.days / YEAR) - 1))
    if period.days < YEAR and not force:
        return begun.because(Reason.LESS_THAN_A_YEAR)
    return replace(begun, value=rate)


def annualized(period: Period, measure: Measure, *, force: bool = False) -> Measure:
    """Return what a return of the period is a year: (1 + R) ^ (365 / days) - 1."""
    begun = Measure(
        definition="annualizedReturn",
        inputs=period.inputs(),
        steps=parts(return_of_the_period=measure.value, days=period.days),
        notes=measure.notes,
    )
    if measure.value is None:
        return replace(begun, reason=measure.reason, about=measure.about)
    if period.days < YEAR and not force:
        return begun.because(Reason.LESS_THAN_A_YEAR)
    if measure.value <= -1:
        return begun.because(Reason.TOTAL_LOSS)
    if not period.days:
        return begun.because(Reason.SERIES_TOO_SHORT)
    return replace(begun, value=(1 + measure.value) ** (YEAR / period.days) - 1)
