"""Plans: operations made ready to run, each kept exactly as long as its document is."""

from collections import Counter
from typing import Any
from weakref import ref

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution import ExecutionResult, Executor

from gateway.engine.places import Root
from gateway.engine.running import Run
from gateway.engine.selections import FindBatched, FindWriter, Maker, Selection

COMPILED = "compiled"
KEPT_VARIANTS = 4
"""Combinations of the variables of @skip and @include that a plan keeps selections for."""
DEEPEST = 60
"""Fields below one another; deeper operations might be too deep for Python's stack."""
CONDITIONAL = {"skip", "include"}
INCREMENTAL = {"defer", "stream"}
INTROSPECTION = {"__schema", "__type"}


class OutOfReachError(Exception):
    """An operation is not for the engine; the message is a short word for why."""


class Plan:
    """One operation, ready to run."""

    def __init__(
        self,
        operation: OperationDefinitionNode,
        root_type: GraphQLObjectType,
        conditions: set[str],
    ) -> None:
        self._serially = operation.operation is OperationType.MUTATION
        self._root_type = root_type
        self._conditions = sorted(conditions)
        self._selections: dict[tuple[Any, ...], Selection] = {}

    async def run(self, run: Run, maker: Maker) -> ExecutionResult:
        """Execute the operation once."""
        try:
            selection = self._selection(run, maker)
        except GraphQLError as error:  # @skip or @include with a variable that is null
            return ExecutionResult(None, [error])
        root = run.executor.root_value
        if self._serially:
            (data,) = await selection.one_by_one(run, root)
        else:
            (data,) = await selection.objects(run, [root], Root())
        return ExecutionResult(data, run.errors() or None)

    def _selection(self, run: Run, maker: Maker) -> Selection:
        variant = tuple(map(run.executor.variable_values.coerced.get, self._conditions))
        selection = self._selections.get(variant)
        if selection is None:
            selection = maker.of_root(run, self._root_type)
            if len(self._selections) < KEPT_VARIANTS:
                self._selections[variant] = selection
        return selection


class Plans:
    """The plans of one schema."""

    def __init__(self, batched: FindBatched, writer: FindWriter) -> None:
        self.maker = Maker(batched, writer)
        self.outcomes: Counter[str] = Counter()
        """How many operations were run by plans, and how many were not, by why."""
        self._plans: dict[int, tuple[ref[OperationDefinitionNode], Plan | str]] = {}

    def __len__(self) -> int:
        """Return how many operations have plans now."""
        return len(self._plans)

    def has(self, executor: Executor[Any]) -> bool:
        """Tell whether an operation has a plan, without counting it."""
        return self._unusual(executor) is None and isinstance(self._plan(executor), Plan)

    def find(self, executor: Executor[Any]) -> Plan | None:
        """Return the plan of an operation; none when it is not for the engine."""
        found = self._unusual(executor) or self._plan(executor)
        self.outcomes[found if isinstance(found, str) else COMPILED] += 1
        return None if isinstance(found, str) else found

    def _plan(self, executor: Executor[Any]) -> Plan | str:
        operation = executor.operation
        key = id(operation)
        kept = self._plans.get(key)
        if kept is not None:
            return kept[1]
        root_type = executor.schema.get_root_type(operation.operation)
        try:
            if root_type is None:
                raise OutOfReachError("type")
            plan: Plan | str = Plan(operation, root_type, Survey(executor).conditions)
        except OutOfReachError as error:
            plan = str(error)
        plans = self._plans
        plans[key] = (ref(operation, lambda _: plans.pop(key, None)), plan)
        return plan

    @staticmethod
    def _unusual(executor: Executor[Any]) -> str | None:
        """Say what is unusual about how an operation is to be run."""
        if executor.middleware_manager and executor.middleware_manager.middlewares:
            return "middleware"
        if executor.abort_signal is not None or executor.hooks is not None:
            return "hooks"
        return None


class Survey:
    """What has to be known of an operation before it is run."""

    def __init__(self, executor: Executor[Any]) -> None:
        """Look through an operation; raises OutOfReachError."""
        if executor.operation.directives:
            raise OutOfReachError("directive")
        self.conditions: set[str] = set()
        """The variables that @skip and @include look at."""
        self._fragments = executor.fragments
        self._depths: dict[str, int] = {}
        try:
            depth = self._depth(executor.operation.selection_set)
        except RecursionError:
            raise OutOfReachError("depth") from None
        if depth > DEEPEST:
            raise OutOfReachError("depth")

    def _depth(self, selections: SelectionSetNode | None) -> int:
        nodes = selections.selections if selections else ()
        return max(map(self._depth_of, nodes), default=0)

    def _depth_of(self, node: SelectionNode) -> int:
        for directive in node.directives or ():
            self._look_at(directive)
        if isinstance(node, FieldNode):
            if node.name.value in INTROSPECTION:
                raise OutOfReachError("introspection")
            return 1 + self._depth(node.selection_set)
        if isinstance(node, InlineFragmentNode):
            return self._depth(node.selection_set)
        if isinstance(node, FragmentSpreadNode):
            return self._depth_of_fragment(node.name.value)
        raise OutOfReachError("selection")

    def _depth_of_fragment(self, name: str) -> int:
        if name not in self._depths:
            fragment = self._fragments[name]
            if fragment.variable_signatures:
                raise OutOfReachError("fragment variables")
            self._depths[name] = self._depth(fragment.definition.selection_set)
        return self._depths[name]

    def _look_at(self, directive: DirectiveNode) -> None:
        if directive.name.value in INCREMENTAL:
            raise OutOfReachError("incremental")
        if directive.name.value in CONDITIONAL:
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.conditions.add(argument.value.name.value)
