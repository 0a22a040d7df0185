"""The door: an executor class for Strawberry's schema that runs operations by plans."""

from typing import Any, ClassVar

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
        root_type = self.schema.get_root_type(self.operation.operation)
        plan = self.plans.find(self)
        if plan is None or root_type is None:
            return super().execute_operation(serially)
        run = Run(self)
        execution = plan.run(run, self.plans.maker, root_type)
        try:
            return run.start(execution)
        except NotYet:
            return _rest(execution)


async def _rest(execution: Any) -> ExecutionResult:
    return await resumed(execution)


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
