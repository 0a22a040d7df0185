"""Returns of a period: time-weighted, money-weighted, Modified Dietz, and the gain itself.

Each takes a series whose first day is what the period starts from. Which fees and taxes count as
taken out rather than lost is decided where the series is made.
"""

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np

from analytics.irr import YEAR, borrowed, irr
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
        """Return the series while it has capital or earns; its first day is what it starts from."""
        return self.series.part(self.places)

    @property
    def places(self) -> slice:
        """Return where in the series there is capital, or what it earned is still paid."""
        return slice(self.links.begin, self.links.paid_until + 1)

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
        """Return the days on which money was at work, from one close to another."""
        return self.links.funded_days

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
    notes = {Note.APPROXIMATED} if links.gapped else ()
    with np.errstate(over="ignore"):
        linked = float(np.prod(1 + links.growth) - 1)
    return replace(begun, notes=frozenset(notes)).of_rate(linked)


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
    return begun.of_rate(period.gain / float(link))


def money_weighted(period: Period, *, annual: bool = False, force: bool = False) -> Measure:
    """Find the rate at which all flows and both ends are worth nothing together.

    The rate of the period, or a year's: that of less than a year only with ``force``. There is none
    where money was only ever owed: the rate would be that of the debt, and a gain look like a loss.
    """
    begun = period.measure("annualMoneyWeightedReturn" if annual else "moneyWeightedReturn")
    if begun.reason is not None:
        return begun
    funded = period.funded
    flows = funded.outflow - funded.inflow
    flows[0] = -funded.value[0]
    flows[-1] += funded.value[-1]
    unit = min(period.days, YEAR)  # a few days may have rates that no year could have
    if not unit:
        return begun.because(Reason.SERIES_TOO_SHORT)
    times = (funded.days - funded.days[0]) / unit
    roots = irr(flows, times)
    if roots.reason is not None:
        return begun.because(roots.reason)
    yearly = [_compounded(root, YEAR / unit) for root in roots.rates]
    begun = replace(
        begun,
        steps=(
            *(Part(name="yearly rate", value=root) for root in yearly),
            *parts(days=period.days),
        ),
        notes=frozenset({Note.MULTIPLE_ROOTS} if len(roots.rates) > 1 else ()),
    )
    if borrowed(flows, times, roots.rates[0]):
        return begun.because(Reason.NEGATIVE_CAPITAL)
    if annual and period.days < YEAR and not force:
        return begun.because(Reason.LESS_THAN_A_YEAR)
    whole = _compounded(roots.rates[0], period.days / unit)
    return begun.of_rate(yearly[0] if annual else whole)


def annualized(
    period: Period, measure: Measure, *, force: bool = False, days: int | None = None
) -> Measure:
    """Return what a return of the period is a year: (1 + R) ^ (365 / days) - 1.

    It took the days with capital, unless another number of ``days`` is given.
    """
    days = period.days if days is None else days
    begun = Measure(
        definition="annualizedReturn",
        inputs=period.inputs(),
        steps=parts(return_of_the_period=measure.value, days=days),
        notes=measure.notes,
    )
    if measure.value is None:
        return replace(begun, reason=measure.reason, about=measure.about)
    if days < YEAR and not force:
        return begun.because(Reason.LESS_THAN_A_YEAR)
    if measure.value <= -1:
        return begun.because(Reason.TOTAL_LOSS)
    if not days:
        return begun.because(Reason.SERIES_TOO_SHORT)
    return begun.of_rate(_compounded(measure.value, YEAR / days))


def _compounded(rate: float, times: float) -> float:
    """Return what a rate comes to over so many of its times; infinity if no float holds it."""
    with np.errstate(over="ignore"):
        return float(np.power(1 + rate, times) - 1)
