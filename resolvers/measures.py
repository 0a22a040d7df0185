"""The outward shape of a measure: a number or the reason why there is none, and how it came."""

from datetime import date
from enum import Enum
from math import isfinite

import strawberry

from analytics import measures
from analytics.definitions import DEFINITIONS
from resolvers.batching import batched
from resolvers.benchmark_days import BenchmarkDay, days_of_benchmarks
from resolvers.evidence import (
    Bookings,
    DatedReturn,
    DayValue,
    Evidence,
    Moment,
    days_of_evidence,
    flows_of_evidence,
    returns_of_evidence,
    transactions_of_evidence,
)
from resolvers.external_flows import ExternalFlow
from resolvers.paging import Connection
from resolvers.transaction_pages import TransactionConnection
from resolvers.values import MESSAGES, NullReason

PLACES = 12
DIGITS = 13
"""Sums of money have no more that mean anything: what is behind is of binary fractions."""
NO_EVIDENCE = "Null for a figure that is not of days."


@strawberry.enum(description="What else to know of a figure.")
class MeasureNote(Enum):
    """What else to know of a figure."""

    APPROXIMATED = strawberry.enum_value(
        "APPROXIMATED",
        description="Prices were missing for some days; over them the return is Modified Dietz.",
    )
    MULTIPLE_ROOTS = strawberry.enum_value(
        "MULTIPLE_ROOTS",
        description="Several rates explain the flows. The one nearest to zero is given; "
        "`explain.steps` has all.",
    )


@strawberry.type(description="One input or step of a figure: a number, a day, or not known.")
class ExplanationPart:
    """One input or step of a figure."""

    name: str = strawberry.field(description="What it is, in the words of the definition.")
    value: float | None = strawberry.field(description="The number; null for a day or unknown.")
    day: date | None = strawberry.field(description="The day; null for a number.")


@strawberry.type(description="How a figure came about.")
class Explanation:
    """How a figure came about."""

    evidence: strawberry.Private[Evidence | Bookings | Moment | None]
    name: str = strawberry.field(description="What the field calls it.")
    definition: str = strawberry.field(description="What it says, in words.")
    formula: str = strawberry.field(description="How it is worked out.")
    inputs: list[ExplanationPart] = strawberry.field(description="What it was worked out from.")
    steps: list[ExplanationPart] = strawberry.field(description="What came in between, in order.")
    days: Connection[DayValue] | None = batched(
        days_of_evidence,
        description="Each day of the period, newest first, with its value line by line, what came "
        "in and went out, and its return; the oldest is what the period starts from. Of what is of "
        f"one moment only that day. {NO_EVIDENCE}",
    )
    benchmark_days: Connection[BenchmarkDay] | None = batched(
        days_of_benchmarks,
        description="Each day of the benchmark, newest first, with its level and the closes, "
        "dividends and rates of its instruments. Null for a figure that compares with none.",
    )
    flows: Connection[ExternalFlow] | None = batched(
        flows_of_evidence,
        description="What came in and went out after the start, newest first, each with the "
        f"booking it is from. {NO_EVIDENCE}",
    )
    returns: Connection[DatedReturn] | None = batched(
        returns_of_evidence,
        description="The returns that it was worked out from, newest first; null for a figure "
        "that is not one of risk.",
    )
    transactions: TransactionConnection | None = batched(
        transactions_of_evidence,
        description="All bookings until the last day, newest first: what units and cash of each "
        "day come from. Of a figure of closed trades, the bookings that closed them, whatever the "
        "`filter`. Null for a figure that is of neither.",
        personal=True,  # bookings of a portfolio that not everybody reaches are left out
    )


@strawberry.type(
    description="A figure, or the reason why there is none: never NaN, infinity or a zero that "
    "means nothing. Returns and ratios are fractions: 0.12 is 12 %."
)
class Measure:
    """A figure, or the reason why there is none."""

    source: strawberry.Private[measures.Measure]
    evidence: strawberry.Private[Evidence | Bookings | Moment | None]
    value: float | None = strawberry.field(
        description="The figure, to 12 decimals and 13 digits; null where it is not defined or not "
        "known."
    )
    reason: NullReason | None = strawberry.field(description="Why it is null; null if it is not.")
    message: str | None = strawberry.field(description="The reason, for a person.")
    notes: list[MeasureNote] = strawberry.field(description="What else to know of it.")

    @strawberry.field(
        description="Its definition, formula, inputs and steps, and the prices, rates and bookings "
        "that it comes from. Nothing of that is put together unless it is asked for."
    )
    def explain(self) -> Explanation:
        """Say how the figure came about."""
        definition = DEFINITIONS[self.source.definition]
        return Explanation(
            evidence=self.evidence,
            name=definition.name,
            definition=definition.words,
            formula=definition.formula,
            inputs=[_part(part) for part in self.source.inputs],
            steps=[_part(part) for part in self.source.steps],
        )


def _part(part: measures.Part) -> ExplanationPart:
    if isinstance(part.value, date):
        return ExplanationPart(name=part.name, value=None, day=part.value)
    return ExplanationPart(name=part.name, value=_shown(part.value), day=None)


def _shown(value: float | None) -> float | None:
    if value is None or not isfinite(value):
        return None
    return round(float(f"{value:.{DIGITS}g}"), PLACES) + 0.0  # no zero is negative


def measure_of(
    source: measures.Measure, evidence: Evidence | Bookings | Moment | None = None
) -> Measure:
    """Build the outward shape of a measure; ``evidence`` is what explains it."""
    reason = None if source.reason is None else source.reason.value
    return Measure(
        source=source,
        evidence=evidence,
        value=_shown(source.value),
        reason=None if reason is None else NullReason(reason),
        message=None if reason is None else MESSAGES[reason].format(source.about or "some of it"),
        notes=sorted((MeasureNote(note.value) for note in source.notes), key=lambda one: one.name),
    )
