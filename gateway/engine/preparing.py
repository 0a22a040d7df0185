"""Executors for operations that are run again and again."""

from functools import partial
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    get_nullable_type,
    get_variable_values,
)
from graphql.execution import Executor
from graphql.execution.executor import CollectedErrors
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.type.definition import GraphQLResolveInfoHelpers

from gateway.engine.executor import CompiledExecutor

MOST_ERRORS = 50
"""Mistakes in variables that are told, as graphql-core does."""

PLAIN: dict[Any, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
"""Types of which each value of a class is good as it is."""

OWN = ("collected_errors", "context_value", "variable_values")
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
        self._signatures: list[tuple[GraphQLVariableSignature, type]] | None = None

    def executor(
        self, variables: dict[str, Any] | None, context: object
    ) -> Executor[Any] | list[GraphQLError]:
        """Return an executor for one run, or what is wrong with the variables."""
        if self._same is None:
            built = self._build(context_value=context, raw_variable_values=variables)
            if isinstance(built, CompiledExecutor) and built.plans.has(built):
                self._same = vars(built) | dict.fromkeys(OWN) | vars(_Aside(built))
                self._signatures = _plain_signatures(self._schema, built.operation)
            return built
        given = variables or {}
        values: VariableValues | list[GraphQLError] | None = self._as_given(given)
        if values is None:
            values = get_variable_values(
                self._schema,
                self._same["operation"].variable_definitions or (),
                given,
                max_errors=MOST_ERRORS,
            )
        if isinstance(values, list):
            return values
        executor: Executor[Any] = object.__new__(self._kind)
        own = self._same.copy()
        own["context_value"] = context
        own["variable_values"] = values
        own["collected_errors"] = CollectedErrors()
        executor.__dict__ = own
        return executor

    def _as_given(self, given: dict[str, Any]) -> VariableValues | None:
        """Return variables that are good as they are; none where they have to be looked at."""
        if self._signatures is None:
            return None
        sources, coerced = {}, {}
        for signature, kind in self._signatures:
            name = signature.name
            value = given.get(name)
            if type(value) is not kind:
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        return VariableValues(sources, coerced)


def _plain_signatures(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> list[tuple[GraphQLVariableSignature, type]] | None:
    """Return the variables and the classes of which any value is good as it is given.

    None where there are others.
    """
    signatures = []
    for node in operation.variable_definitions or ():
        signature = get_variable_signature(schema, node)
        if isinstance(signature, GraphQLError):
            return None
        kind = PLAIN.get(get_nullable_type(signature.type))
        if kind is None:
            return None
        signatures.append((signature, kind))
    return signatures


class _Aside:
    """What settles, for all runs of an operation, what their resolvers have left to be settled.

    graphql-core has each executor do so for itself: it holds itself then, with all that it has
    loaded, until garbage is looked for.
    """

    def __init__(self, executor: Executor[Any]) -> None:
        self.background_futures: set[Any] = set()
        settling: Executor[Any] = object.__new__(type(executor))
        settling.is_awaitable = executor.is_awaitable
        settling.background_futures = self.background_futures
        self.async_helpers = GraphQLResolveInfoHelpers(
            gather=settling.gather_async_work, track=settling.track_async_work
        )
