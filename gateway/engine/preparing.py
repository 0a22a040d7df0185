"""Executors for operations that are run again and again."""

from functools import partial
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, get_variable_values
from graphql.execution import Executor
from graphql.execution.executor import CollectedErrors
from graphql.type.definition import GraphQLResolveInfoHelpers

from gateway.engine.executor import CompiledExecutor

MOST_ERRORS = 50
"""Mistakes in variables that are told, as graphql-core does."""

OWN = (
    "async_helpers",
    "background_futures",
    "collected_errors",
    "context_value",
    "variable_values",
)
"""The attributes of an executor that belong to its run, as far as a plan needs them."""


class Prepared:
    """One operation of a document, and what of its executors is the same each time.

    graphql-core's executors have some forty attributes, of which a run by a plan needs its own of
    a few. Where there is no plan, each run gets an executor as graphql-core builds it.
    """

    def __init__(
        self,
        kind: type[Executor[Any]],
        schema: GraphQLSchema,
        document: DocumentNode,
        operation_name: str | None,
        **options: Any,
    ) -> None:
        self._build = partial(
            kind.build, schema, document, operation_name=operation_name, **options
        )
        self._schema = schema
        self._kind = kind
        self._same: dict[str, Any] | None = None

    def executor(
        self, variables: dict[str, Any] | None, context: object
    ) -> Executor[Any] | list[GraphQLError]:
        """Return an executor for one run, or what is wrong with the variables."""
        if self._same is None:
            built = self._build(context_value=context, raw_variable_values=variables)
            if isinstance(built, CompiledExecutor) and built.plans.has(built):
                self._same = vars(built) | dict.fromkeys(OWN)
            return built
        operation = self._same["operation"]
        values = get_variable_values(
            self._schema,
            operation.variable_definitions or (),
            variables or {},
            max_errors=MOST_ERRORS,
        )
        if isinstance(values, list):
            return values
        executor: Executor[Any] = object.__new__(self._kind)
        vars(executor).update(
            self._same,
            context_value=context,
            variable_values=values,
            collected_errors=CollectedErrors(),
            background_futures=set(),
            async_helpers=GraphQLResolveInfoHelpers(
                gather=executor.gather_async_work, track=executor.track_async_work
            ),
        )
        return executor
