"""One run of a plan: its errors, and how its parts wait for what is not there yet.

All parts of the engine are coroutines, but a part runs on the spot, without a task, until it has
to wait for something that is not the engine's own. Only then it becomes a task, and only if others
wait at the same time. So an answer that waits for nothing is worked out without an event loop.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator, Sequence
from math import inf
from types import coroutine
from typing import Any, NamedTuple, TypeVar

from graphql import FieldNode, GraphQLError, located_error
from graphql.execution import Executor

from gateway.engine.places import Place

T = TypeVar("T")


class Failure(NamedTuple):
    """What went wrong with one value."""

    place: Place
    number: int
    nodes: list[FieldNode]
    error: Exception


class Run:
    """One execution of one operation."""

    __slots__ = ("eager", "executor", "failures")

    def __init__(self, executor: Executor[Any]) -> None:
        self.executor = executor
        self.failures: list[Failure] = []
        self.eager = 0
        """How many parts, one within the other, are being run on the spot right now."""

    def fail(self, place: Place, number: int, nodes: list[FieldNode], error: Exception) -> None:
        """Record what went wrong with one value."""
        self.failures.append(Failure(place, number, nodes, error))

    def start(self, part: Coroutine[Any, Any, T]) -> T:
        """Run a part on the spot; raises NotYet when it has to wait, to be resumed later."""
        self.eager += 1
        try:
            part.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        finally:
            self.eager -= 1
        raise NotYet

    async def together(self, parts: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Run parts of the plan at the same time and return their results in order."""
        results: list[Any] = [None] * len(parts)
        waiting: list[int] = []
        try:
            for number, part in enumerate(parts):
                try:
                    results[number] = self.start(part)
                except NotYet:
                    waiting.append(number)
        except BaseException:
            for part in parts:
                part.close()
            raise
        if waiting:
            await self.pause()
            found = await _all([parts[number] for number in waiting])
            for number, value in zip(waiting, found, strict=True):
                results[number] = value
        return results

    async def pause(self) -> None:
        """Let others run up to here before anything is waited for."""
        if self.eager:
            await _turn()

    async def settle(self, awaitables: Sequence[Awaitable[Any]]) -> list[Any]:
        """Wait for what resolvers promised; an exception comes as its value."""
        try:
            await self.pause()
        except BaseException:  # cancelled, or nobody goes on with this run
            for awaitable in awaitables:
                if asyncio.iscoroutine(awaitable):
                    awaitable.close()
            raise
        if len(awaitables) == 1:
            try:
                return [await awaitables[0]]
            except Exception as error:  # noqa: BLE001  # reported where the value would be
                return [error]
        outcomes = await asyncio.gather(*awaitables, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
                raise outcome
        return outcomes

    def errors(self) -> list[GraphQLError]:
        """Return the errors of the answer, in the order of its fields.

        That is what graphql-core answers when nothing waits: it stops within whatever becomes null
        at the first error that makes it so, and says nothing of what comes after.
        """
        ordered = []
        for failure in self.failures:
            steps = failure.place.steps(failure.number)
            # What is within a value comes before what is wrong with the value itself.
            order = (*(step.order for step in steps), inf)
            depth = len(steps)
            while depth and not steps[depth - 1].nullable:
                depth -= 1
            error = located_error(failure.error, failure.nodes, [step.key for step in steps])
            ordered.append((order, depth, error))
        ordered.sort(key=lambda one: one[0])
        errors: list[GraphQLError] = []
        nulled: tuple[float, ...] | None = None
        for order, depth, error in ordered:
            if nulled is None or order[: len(nulled)] != nulled:
                errors.append(error)
                nulled = order[:depth]
        return errors


class NotYet(Exception):  # noqa: N818  # no error
    """A part has to wait before it has a result."""


@coroutine
def _turn() -> Generator[None, None, None]:
    """Give control to whoever runs this part."""
    yield


@coroutine
def resumed(part: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Go on with a part that was started; plain ``await`` takes none that has run already."""
    result: T = yield from part
    return result


async def _all(parts: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Go on with parts at the same time; when this is cancelled, all of them end before it does.

    The first goes on in the task that waits for them: one task less to make.
    """
    tasks = [asyncio.create_task(part) for part in parts[1:]]
    try:
        results = [await resumed(parts[0])]
        for task in tasks:
            results.append(await task)  # noqa: PERF401  # one after the other, to be cancelled
    except BaseException:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        raise
    return results
