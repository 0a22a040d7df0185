"""Batching: loaders that collect keys, and fields whose resolver takes a whole level at once.

A loader or batched field collects what is asked of it until the event loop has nothing else ready,
then asks once. A waiter that is cancelled does not disturb its neighbours, and a failed batch is
not remembered. Both live as long as one operation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from inspect import Parameter, signature
from typing import Any, Generic, TypeVar, get_args

import strawberry
from strawberry.types import Info

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = TypeVar("P")

HOPS = 4
"""Turns of the event loop to wait for siblings: nested gathers start their tasks a turn apart."""


class Collector(Generic[K, V]):
    """Gathers single questions and has them answered together, in the order they came."""

    def __init__(self, answer: Callable[[list[K]], Awaitable[list[V]]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, question: K) -> "asyncio.Future[V]":
        """Return the future answer to one question."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[V] = loop.create_future()
        if not self._waiting:
            self._hop(loop, HOPS)
        self._waiting.append((question, future))
        return future

    def _hop(self, loop: asyncio.AbstractEventLoop, left: int) -> None:
        if left:
            loop.call_soon(self._hop, loop, left - 1)
            return
        task = loop.create_task(self._dispatch())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dispatch(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            answers = await self._answer([question for question, _ in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"{len(batch)} questions got {len(answers)} answers")
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # handed on to everyone who waits
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # the waiter may have left: that is not worth a warning
            return
        for (_, future), value in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(value)


class Loader(Generic[K, V]):
    """Loads values by key: each key once per operation, all keys of a moment in one call.

    ``load`` gets distinct keys and returns what it found; the rest gets ``default()``.
    """

    def __init__(
        self, load: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, default: Callable[[], V]
    ) -> None:
        self._load = load
        self._default = default
        self._known: dict[K, asyncio.Future[V]] = {}
        self._collector: Collector[K, V] = Collector(self._answer)

    async def _answer(self, keys: list[K]) -> list[V]:
        try:
            found = await self._load(keys)
        except BaseException:
            for key in keys:
                self._known.pop(key, None)
            raise
        return [found[key] if key in found else self._default() for key in keys]

    async def load_many(self, keys: Collection[K]) -> list[V]:
        """Return the values of keys, in their order."""
        futures = []
        for key in keys:
            future = self._known.get(key)
            if future is None:
                future = self._known[key] = self._collector.ask(key)
            futures.append(future)
        # Shielded: a cancelled waiter must not cancel a future that others share.
        return [await asyncio.shield(future) for future in futures]

    async def load(self, key: K) -> V:
        """Return the value of one key."""
        return (await self.load_many([key]))[0]

    def forget(self) -> None:
        """Drop everything loaded so far, as a mutation must before it answers."""
        self._known.clear()


class Batches:
    """The batched fields under way in one operation."""

    def __init__(self) -> None:
        self._collectors: dict[Hashable, Collector[Any, Any]] = {}

    async def ask(
        self,
        resolver: Callable[..., Awaitable[list[Any]]],
        root: object,
        info: Info,
        arguments: dict[str, Any],
    ) -> Any:
        """Resolve one object's field together with its siblings that have the same arguments."""
        key = (resolver, repr(sorted(arguments.items())))
        collector = self._collectors.get(key)
        if collector is None:

            async def answer(roots: list[object]) -> list[Any]:
                return await resolver(roots, info, **arguments)

            collector = self._collectors[key] = Collector(answer)
        value = await collector.ask(root)
        if isinstance(value, Exception):
            raise value
        return value


def batched(resolver: Callable[..., Awaitable[list[P]]], *, description: str) -> P:
    """Declare a field by a resolver that answers for a list of parents at once.

    ``resolver(parents, info, **arguments)`` returns one value a parent, in their order; an
    exception among the values fails that parent's field alone.
    """
    given = signature(resolver)
    parents, info_parameter, *arguments = given.parameters.values()
    del parents, info_parameter
    (item,) = get_args(given.return_annotation)

    async def resolve(root: Any, info: Info, **kwargs: Any) -> Any:
        return await info.context.batches.ask(resolver, root, info, kwargs)

    resolve.__name__ = resolver.__name__
    resolve.__module__ = resolver.__module__
    resolve.__doc__ = resolver.__doc__
    resolve.__signature__ = given.replace(  # type: ignore[attr-defined]
        parameters=[
            Parameter("root", Parameter.POSITIONAL_OR_KEYWORD, annotation=Any),
            Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
            *(argument.replace(kind=Parameter.KEYWORD_ONLY) for argument in arguments),
        ],
        return_annotation=item,
    )
    resolve.__annotations__ = {
        "root": Any,
        "info": Info,
        **{argument.name: argument.annotation for argument in arguments},
        "return": item,
    }
    return strawberry.field(  # type: ignore[no-any-return]
        resolver=resolve, description=description, metadata={"batched": resolver}
    )
