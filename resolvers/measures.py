"""The outward shape of a measure: a number or the reason why there is none, and how it came."""

from datetime import date
from enum import Enum

import strawberry

from analytics import measures
from analytics.definitions import DEFINITIONS
from resolvers.values import MESSAGES, NullReason

PLACES = 12


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

    name: str = strawberry.field(description="What the field calls it.")
    definition: str = strawberry.field(description="What it says, in words.")
    formula: str = strawberry.field(description="How it is worked out.")
    inputs: list[ExplanationPart] = strawberry.field(description="What it was worked out from.")
    steps: list[ExplanationPart] = strawberry.field(description="What came in between, in order.")


@strawberry.type(
    description="A figure, or the reason why there is none: never NaN, infinity or a zero that "
    "means nothing. Returns and ratios are fractions: 0.12 is 12 %."
)
class Measure:
    """A figure, or the reason why there is none."""

    source: strawberry.Private[measures.Measure]
    value: float | None = strawberry.field(
        description="The figure, to 12 decimals; null where it is not defined or not known."
    )
    reason: NullReason | None = strawberry.field(description="Why it is null; null if it is not.")
    message: str | None = strawberry.field(description="The reason, for a person.")
    notes: list[MeasureNote] = strawberry.field(description="What else to know of it.")

    @strawberry.field(description="Its definition, formula, inputs and steps.")
    def explain(self) -> Explanation:
        """Say how the figure came about."""
        definition = DEFINITIONS[self.source.definition]
        return Explanation(
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
    return None if value is None else round(value, PLACES)


def measure_of(source: measures.Measure) -> Measure:
    """Build the outward shape of a measure."""
    reason = None if source.reason is None else source.reason.value
    return Measure(
        source=source,
        value=_shown(source.value),
        reason=None if reason is None else NullReason(reason),
        message=None if reason is None else MESSAGES[reason].format(source.about or "some of it"),
        notes=sorted((MeasureNote(note.value) for note in source.notes), key=lambda one: one.name),
    )
