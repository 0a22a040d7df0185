"""What fields cost: IBM's `@cost` and `@listSize` directives, declared in one place.

https://ibm.github.io/graphql-specs/cost-spec.html. An object counts 1 and a scalar nothing; what
is declared here counts on top, once for each time the field is resolved. How a list is bounded is
declared for every list, so that none is taken for free.
"""

from typing import Any

import strawberry
from graphql import (
    GraphQLField,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_interface_type,
    is_list_type,
    is_object_type,
)
from strawberry import UNSET
from strawberry.schema_directive import Location

MUTATION = 10
"""What a field of a mutation costs unless it is declared here."""

ASSUMED = 10
"""How long a list is taken to be unless it is declared here."""

PAGE = 20
"""How long a page is unless its arguments say otherwise."""

WEIGHTS = {
    "Mutation.signUp": 100,
    "Mutation.signIn": 100,
    "Mutation.importTransactions": 200,
    "Mutation.recordTransactions": 100,
    "Mutation.createWatchlist": 50,
    "Mutation.addToWatchlist": 50,
    "Query.searchInstruments": 20,
    "Portfolio.allocation": 5,
    "Portfolio.optimization": 50,
    "Portfolio.rebalance": 20,
    "Portfolio.dataQuality": 20,
    "Portfolio.overview": 5,
    "Portfolio.proposals": 20,
    "Portfolio.statement": 20,
    "Portfolio.transactionsExport": 50,
    "Combined.allocation": 5,
    "Combined.optimization": 50,
    "Combined.rebalance": 20,
    "Combined.overview": 5,
    "Portfolio.performance": 5,
    "Portfolio.risk": 5,
    "Portfolio.tradeStatistics": 5,
    "Combined.performance": 5,
    "Combined.risk": 5,
    "Combined.tradeStatistics": 5,
    "SharedPortfolioView.allocation": 5,
    "SharedPortfolioView.dayChangeRatio": 5,
    "SharedPortfolioView.performance": 5,
    "SharedPortfolioView.totalReturn": 5,
    "Position.performance": 1,
    "Position.risk": 1,
    "Performance.attribution": 5,
    "Performance.benchmark": 5,
    "Risk.rolling": 5,
    "IncomeCalendar.months": 5,
    "IncomeCalendar.expected": 10,
    "Instrument.history": 10,
}

SIZES = {
    "Viewer.portfolios": 5,
    "Viewer.sharedPortfolios": 5,
    "Viewer.watchlists": 5,
    "Watchlist.items": 20,
    "Viewer.alerts": 20,
    "Portfolio.positions": 50,
    "Combined.positions": 50,
    "Allocation.slices": 20,
    "AllocationDrift.slices": 20,
    "OptimizationProposal.dropped": 2,
    "OptimizationProposal.weights": 20,
    "RebalancePlan.conversions": 5,
    "RebalancePlan.gaps": 10,
    "RebalancePlan.slices": 20,
    "RebalancePlan.trades": 20,
    "SharedAllocation.slices": 20,
    "SharedPerformance.series": 250,
    "AllocationTargets.weights": 10,
    "Combined.allocationTargets": 2,
    "Portfolio.allocationTargets": 2,
    "AllocationSlice.holdings": 5,
    "Viewer.tags": 20,
    "Instrument.history": 250,
    "BenchmarkComparison.series": 250,
    "Performance.calendar": 120,
    "Performance.series": 250,
    "ReturnAttribution.contributions": 50,
    "Risk.drawdowns": 5,
    "IncomeCalendar.months": 12,
    "ExpectedIncome.months": 13,
    "ExpectedIncome.dividends": 100,
    "Risk.rolling": 250,
    "TradeStatistics.best": 5,
    "TradeStatistics.worst": 5,
    "Instrument.quoteAttempts": 3,
    "Quote.attempts": 3,
    "cash": 3,
    "cashAfter": 3,
    "cashBefore": 3,
    "cashEffects": 1,
    "counts": 5,
    "issues": 2,
    "userErrors": 2,
}
"""How long lists are taken to be, by their coordinates or just their names."""

BY_ARGUMENT = {
    "Query.nodes": "ids",
    "Query.instruments": "symbols",
    "Query.searchInstruments": "first",
    "BenchmarkComparison.series": "points",
    "Performance.series": "points",
    "Risk.drawdowns": "first",
    "Risk.rolling": "points",
    "SharedPerformance.series": "points",
    "TradeStatistics.best": "first",
    "TradeStatistics.worst": "first",
}
"""Lists that are as long as an argument says, or as the list that it is."""

SPANNING = {"Performance": frozenset({"calendar"})}
"""Lists with an item for each stretch of the days that the object they are of is about."""

INTERVALS = {"DAY": 1, "WEEK": 7, "MONTH": 28, "YEAR": 365}
"""How many days a stretch has at least, by the argument ``interval``."""

PERIODS = {
    "ONE_DAY": 1,
    "ONE_WEEK": 7,
    "MONTH_TO_DATE": 31,
    "ONE_MONTH": 31,
    "THREE_MONTHS": 92,
    "YEAR_TO_DATE": 366,
    "ONE_YEAR": 366,
    "THREE_YEARS": 1_096,
    "FIVE_YEARS": 1_827,
}
"""How many days an object is about at most, by the argument ``period``."""

DECADE = 3_653
"""How many days an object is taken to be about that has no first one."""

WITHIN = {"Performance.attribution": ("first", "ReturnAttribution.contributions")}
"""Objects with a list that is as long as an argument of theirs says."""


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    name="cost",
    description="What a field or object costs, by IBM's cost specification.",
)
class Cost:
    """What a field or object costs."""

    weight: str = strawberry.directive_field(name="weight")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How long a list can be, by IBM's cost specification.",
)
class ListSize:
    """How long a list can be."""

    assumed_size: int | None = strawberry.directive_field(name="assumedSize", default=UNSET)
    slicing_arguments: list[str] | None = strawberry.directive_field(
        name="slicingArguments", default=UNSET
    )
    sized_fields: list[str] | None = strawberry.directive_field(name="sizedFields", default=UNSET)
    require_one_slicing_argument: bool | None = strawberry.directive_field(
        name="requireOneSlicingArgument", default=UNSET
    )


def declare_costs(schema: GraphQLSchema) -> None:
    """Put the directives on the fields of a schema; raises KeyError for what it does not have."""
    declared = {*WEIGHTS, *BY_ARGUMENT, *WITHIN, *(name for name in SIZES if "." in name)}
    for coordinate in declared:
        type_name, _, name = coordinate.partition(".")
        schema.type_map[type_name].fields[name]  # type: ignore[attr-defined]
    for kind in schema.type_map.values():
        if kind.name.startswith("__") or not (is_object_type(kind) or is_interface_type(kind)):
            continue
        for name, field in kind.fields.items():
            weight = WEIGHTS.get(f"{kind.name}.{name}")
            if weight is None and kind is schema.mutation_type:
                weight = MUTATION
            if weight is not None:
                _declare(field, Cost(weight=str(weight)))
            size = _size_of(kind.name, name, field)
            if size is not None:
                _declare(field, size)


def _size_of(type_name: str, name: str, field: GraphQLField) -> ListSize | None:
    kind = get_nullable_type(field.type)
    if get_named_type(kind).name.endswith("Connection"):
        return ListSize(
            assumed_size=PAGE,
            slicing_arguments=["first", "last"],
            sized_fields=["edges", "nodes"],
            require_one_slicing_argument=False,
        )
    coordinate = f"{type_name}.{name}"
    if coordinate in WITHIN:
        argument, held = WITHIN[coordinate]
        return ListSize(
            assumed_size=SIZES[held],
            slicing_arguments=[argument],
            sized_fields=[held.partition(".")[2]],
            require_one_slicing_argument=False,
        )
    page = type_name.endswith("Connection")
    if page or not is_list_type(kind):
        return None
    assumed = SIZES.get(coordinate, SIZES.get(name, ASSUMED))
    if coordinate not in BY_ARGUMENT:
        return ListSize(assumed_size=assumed)
    return ListSize(
        assumed_size=assumed,
        slicing_arguments=[BY_ARGUMENT[coordinate]],
        require_one_slicing_argument=False,
    )


def _declare(field: GraphQLField, directive: Cost | ListSize) -> None:
    """Give a field a directive in the place of one of its kind, for a printer and for us."""
    definition: Any = field.extensions["strawberry-definition"]
    others = [one for one in definition.directives if type(one) is not type(directive)]
    definition.directives = [*others, directive]
    field.extensions[type(directive).__name__] = directive
