"""One run of a plan: its errors, and how its parts wait for what is not there yet.

All parts of the engine are coroutines, but a part runs on the spot, without a task, until it has
to wait for something that is not the engine's own. Only then it becomes a task, and only if others
wait at the same time: the first of those that wait goes on in the task that began it. So an answer
that waits for nothing is worked out without a turn of the event loop.
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
PAUSED = object()
"""What a part waits for that has not begun yet with what may wait."""


class Failure(NamedTuple):
    """What went wrong with one value."""

    place: Place
    number: int
    nodes: list[FieldNode]
    error: Exception


class Run:
    """One execution of one operation."""

    __slots__ = ("eager", "executor", "failures", "stays")

    def __init__(self, executor: Executor[Any], *, stays: bool) -> None:
        self.executor = executor
        self.failures: list[Failure] = []
        self.eager = 0
        """How many parts, one within the other, are being run on the spot right now."""
        self.stays = stays
        """Whether what is run on the spot right now would go on in the task that runs it."""

    def fail(self, place: Place, number: int, nodes: list[FieldNode], error: Exception) -> None:
        """Record what went wrong with one value."""
        self.failures.append(Failure(place, number, nodes, error))

    def start(self, part: Coroutine[Any, Any, T]) -> T:
        """Run a part on the spot; raises NotYet when it has to wait, to be resumed later."""
        self.eager += 1
        try:
            return begin(part)
        finally:
            self.eager -= 1

    async def together(self, parts: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Run parts of the plan at the same time and return their results in order."""
        if len(parts) == 1:  # it goes on where this does
            return [await parts[0]]
        results: list[Any] = [None] * len(parts)
        waiting: list[int] = []
        first: Any = None
        stays = self.stays = self.stays or not self.eager
        try:
            for number, part in enumerate(parts):
                try:
                    results[number] = self.start(part)
                except NotYet as not_yet:
                    first = first if waiting else not_yet.waits_for
                    waiting.append(number)
                    self.stays = False
        except BaseException:
            for part in parts:
                part.close()
            raise
        finally:
            self.stays = stays
        if waiting:
            await self.pause()
            found = await _all([parts[number] for number in waiting], first)
            for number, value in zip(waiting, found, strict=True):
                results[number] = value
        return results

    @property
    def looks_first(self) -> bool:
        """Tell whether a part is run on the spot that goes on elsewhere if it has to wait."""
        return self.eager > 0 and not self.stays

    async def pause(self) -> None:
        """Come before whatever may wait: what becomes a task must not have begun in another."""
        if self.looks_first:
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
    """A part has to wait for something before it has a result."""

    def __init__(self, waits_for: Any) -> None:
        super().__init__()
        self.waits_for = waits_for


def begin(part: Coroutine[Any, Any, T]) -> T:
    """Run something on the spot; raises NotYet when it has to wait, to be resumed later."""
    try:
        waits_for = part.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    _mark(waits_for, waited_for=False)
    raise NotYet(waits_for)


@coroutine
def _turn() -> Generator[object, None, None]:
    """Give control to whoever runs this part."""
    yield PAUSED


def _mark(future: Any, *, waited_for: bool) -> None:
    """Mark a future as asyncio does that somebody awaits, until a task has seen it."""
    if asyncio.isfuture(future):
        future._asyncio_future_blocking = waited_for  # noqa: SLF001


@coroutine
def resumed(part: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Go on with a part that was started: wait for what it waits for, and then for its result."""
    while waits_for is not PAUSED:
        _mark(waits_for, waited_for=True)
        try:
            yield waits_for
        except GeneratorExit:
            part.close()
            raise
        except BaseException as error:  # noqa: BLE001  # the part's own affair
            try:
                waits_for = part.throw(error)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
        else:
            break
    result: T = yield from part
    return result


async def _all(parts: Sequence[Coroutine[Any, Any, T]], waits_for: Any) -> list[T]:
    """Go on with parts at the same time; when this is cancelled, all of them end before it does.

    The first, which waits for something, goes on in the task that waits for them.
    """
    tasks = [asyncio.create_task(part) for part in parts[1:]]
    try:
        results = [await resumed(parts[0], waits_for)]
        for task in tasks:
            results.append(await task)  # noqa: PERF401  # one after the other, to be cancelled
    except BaseException as error:
        for task in tasks:
            task.cancel()
        if tasks and not isinstance(error, GeneratorExit):
            await asyncio.wait(tasks)
        raise
    return results
