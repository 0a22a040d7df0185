"""Batching: loaders that collect keys, and fields whose resolver takes a whole level at once.

What is asked of a loader or batched field at the same moment is answered by one call, which all
who asked wait for as one. A waiter that is cancelled does not disturb its neighbours, and a failed
call is not remembered. A call that nobody waits for any more is cancelled. Loaders and batches live
as long as one operation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping
from functools import cached_property, partial
from inspect import Parameter, signature
from typing import Any, Generic, TypeVar, get_args

import strawberry
from strawberry.types import Info

from resolvers.audiences import PERSONAL

Q = TypeVar("Q")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = TypeVar("P")


class CancelledBatchError(Exception):
    """What was waited for is not loaded any more; whoever waits has not been cancelled."""


class Batch(Generic[Q, V]):
    """Questions that are answered by one call."""

    __slots__ = ("_done", "_error", "answers", "questions", "task", "waiters")

    def __init__(self) -> None:
        self.questions: list[Q] = []
        self.answers: list[V] = []
        self.waiters = 0
        self.task: asyncio.Task[None] | None = None
        self._error: Exception | None = CancelledBatchError("The load was cancelled.")
        self._done = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Tell whether nobody needs to wait any more."""
        return self._done.is_set()

    async def answer(self, call: Callable[[list[Q]], Awaitable[list[V]]]) -> None:
        """Answer all questions by a call."""
        try:
            answers = await call(self.questions)
            if len(answers) != len(self.questions):
                raise RuntimeError(f"{len(self.questions)} questions got {len(answers)} answers")
        except Exception as error:  # noqa: BLE001  # handed on to everyone who waits
            self._error = error
        else:
            self.answers, self._error = answers, None
        self.end()

    def end(self) -> None:
        """Let everyone who waits go on, with what there is by now."""
        self._done.set()

    async def finished(self) -> None:
        """Wait for the answers; raises what the call raised. To be cancelled harms nobody else."""
        await self._done.wait()
        if self._error is not None:
            raise self._error

    def leave(self) -> None:
        """Wait no more; the last one to leave cancels what has not been answered."""
        self.waiters -= 1
        if not self.waiters and not self.is_over and self.task is not None:
            self.end()  # at once, so that nobody joins what is being cancelled
            self.task.cancel()


async def finished(batches: Collection[Batch[Any, Any]]) -> None:
    """Wait for all of the batches; raises what a call raised."""
    for batch in batches:
        batch.waiters += 1
    try:
        for batch in batches:
            await batch.finished()
    finally:
        for batch in batches:
            batch.leave()


class Collector(Generic[Q, V]):
    """Gathers questions and has those of one moment answered together, in the order they came.

    Siblings do not ask in the same turn of the event loop: each gather within a gather starts its
    tasks a turn later. So a batch is open until a turn has brought it nothing new.
    """

    def __init__(self, call: Callable[[list[Q]], Awaitable[list[V]]]) -> None:
        self._call = call
        self._open: Batch[Q, V] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, questions: Iterable[Q]) -> Batch[Q, V]:
        """Add questions to the batch that is open, at its end."""
        batch = self._open
        if batch is None or batch.is_over:
            batch = self._open = Batch()
            asyncio.get_running_loop().call_soon(self._look, batch, 0)
        batch.questions.extend(questions)
        return batch

    def _look(self, batch: Batch[Q, V], before: int) -> None:
        loop, now = asyncio.get_running_loop(), len(batch.questions)
        if now > before:
            loop.call_soon(self._look, batch, now)
            return
        if not batch.waiters:
            self._open = None
            batch.end()
            return
        task = batch.task = loop.create_task(self._send(batch))
        self._tasks.add(task)
        task.add_done_callback(partial(self._sent, batch))

    async def _send(self, batch: Batch[Q, V]) -> None:
        self._open = None
        await batch.answer(self._call)

    def _sent(self, batch: Batch[Q, V], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._open is batch:  # cancelled before it began
            self._open = None
        batch.end()


class Loader(Generic[K, V]):
    """Loads values by key: each key once per operation, all keys of a moment in one call.

    ``load`` gets distinct keys and returns what it found; the rest gets ``default()``.
    """

    def __init__(
        self, load: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, default: Callable[[], V]
    ) -> None:
        self._load = load
        self._default = default
        self._known: dict[K, V] = {}
        self._coming: dict[K, Batch[K, V]] = {}
        self._collector: Collector[K, V] = Collector(self._answer)

    async def _answer(self, keys: list[K]) -> list[V]:
        found = await self._load(keys)
        values = [found[key] if key in found else self._default() for key in keys]
        self._known.update(zip(keys, values, strict=True))
        return values

    async def load_many(self, keys: Collection[K]) -> list[V]:
        """Return the values of keys, in their order; at once when all of them are known."""
        known = self._known
        unknown = [key for key in keys if key not in known]
        if unknown:
            coming = self._coming
            asked = [
                key
                for key in dict.fromkeys(unknown)
                if (batch := coming.get(key)) is None or batch.is_over
            ]
            if asked:
                coming.update(dict.fromkeys(asked, self._collector.ask(asked)))
            await finished({coming[key]: None for key in unknown})
        return [known[key] for key in keys]

    def loaded(self) -> Collection[V]:
        """Return the values that are known by now."""
        return self._known.values()

    async def load(self, key: K) -> V:
        """Return the value of one key."""
        return (await self.load_many([key]))[0]


class _Lasting(cached_property[Loader[Any, Any]]):
    """A loader that may serve the next event of a subscription as well."""


def loading(
    default: Callable[[], Any], *, lasts: bool = False
) -> Callable[[Callable[[Any, list[K]], Awaitable[Mapping[K, V]]]], cached_property[Loader[K, V]]]:
    """Declare a loader by a method of its owner; it is made when somebody first asks for it.

    What it loads ``lasts`` if no price changes it, and whoever follows it is told of changes.
    """
    kind: Any = _Lasting if lasts else cached_property

    def declare(
        load: Callable[[Any, list[K]], Awaitable[Mapping[K, V]]],
    ) -> cached_property[Loader[K, V]]:
        return kind(  # type: ignore[no-any-return]
            lambda owner: Loader(partial(load, owner), default=default)
        )

    return declare


def lasting(owner: object) -> dict[str, Any]:
    """Return by name the loaders of an owner whose values last, with what they have loaded."""
    kinds = type(owner)
    return {
        name: made
        for name, made in vars(owner).items()
        if isinstance(getattr(kinds, name, None), _Lasting)
    }


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
        batch = collector.ask([root])
        place = len(batch.questions) - 1
        await finished([batch])
        value = batch.answers[place]
        if isinstance(value, Exception):
            raise value
        return value


def batched(
    resolver: Callable[..., Awaitable[list[P]]], *, description: str, personal: bool = False
) -> P:
    """Declare a field by a resolver that answers for a list of parents at once.

    It is ``personal`` if it depends on who asks.

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
        resolver=resolve,
        description=description,
        metadata={"batched": resolver, PERSONAL: personal},
    )
