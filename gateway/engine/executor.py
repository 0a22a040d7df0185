"""The door: an executor class for Strawberry's schema that runs operations by plans."""

import asyncio
from typing import Any, ClassVar

from graphql import OperationType
from graphql.execution import ExecutionResult
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.engine.plans import Plans
from gateway.engine.running import NotYet, Run, resumed
from gateway.engine.selections import FindBatched, FindWriter


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Runs an operation by its plan; hands what has none to graphql-core."""

    plans: ClassVar[Plans]

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute the operation; an awaitable comes back only if something has to be waited for."""
        plan = self.plans.find(self)
        if plan is None:
            return super().execute_operation(serially)
        # Whoever runs a mutation may well shield it, by a task of its own.
        reads = self.operation.operation is not OperationType.MUTATION
        run = Run(self, stays=reads and _in_task())
        execution = plan.run(run, self.plans.maker)
        try:
            return run.start(execution)
        except NotYet as not_yet:
            return _rest(execution, not_yet.waits_for)


def _in_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:  # no event loop: nothing can be waited for
        return False


async def _rest(execution: Any, waits_for: Any) -> ExecutionResult:
    return await resumed(execution, waits_for)


def compiled_executor(
    batched: FindBatched, writer: FindWriter = lambda _: None
) -> type[CompiledExecutor]:
    """Make the executor class of one schema, to be its ``execution_context_class``.

    ``batched`` returns for a field the resolver that answers for many objects at once,
    ``async resolver(objects, info, **arguments) -> list``, or none if it has no such resolver.
    ``writer`` returns for a type whose objects never change what writes an answer of one, to
    stand in its place as long as the object lives, and says how many bytes that takes; none for
    other types.
    """
    return type("Executor", (CompiledExecutor,), {"plans": Plans(batched, writer)})
