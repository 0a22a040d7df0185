"""Several requests in one: queries run side by side, mutations one after another in their order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from graphql import OperationType

from gateway.documents import Operation, RefusedDocumentError
from gateway.failures import failed
from gateway.transports.asgi import RefusedRequestError
from gateway.transports.execution import (
    Executor,
    MalformedRequestError,
    Request,
    is_subscription,
    read_request,
)
from gateway.transports.followers import Response
from resolvers.context import Context
from services.spending import Spending

NewContext = Callable[[], Awaitable[Context]]
Ready = tuple[Request, Operation, Context]


def check_batch(entries: list[Any], *, most: int, anonymous: bool) -> None:
    """Raise RefusedRequestError for a batch that is not run."""
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        raise RefusedRequestError(400, "A list of requests has one or more JSON objects.")
    if not most:
        raise RefusedRequestError(400, "Lists of requests are not taken here.")
    if anonymous:
        message = "Sign in to send several requests at once."
        raise RefusedRequestError(401, message, code="UNAUTHENTICATED")
    if len(entries) > most:
        message = f"At most {most} requests at once."
        raise RefusedRequestError(400, message, code="MAX_BATCH_LIMIT")


class Batch:
    """The requests of one batch, each with a context of its own and an answer in its place."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._answers: list[Response | None] = []
        self._queries: list[tuple[int, Ready]] = []
        self._mutations: list[tuple[int, Ready]] = []
        self._contexts: list[Context] = []

    @property
    def changes_something(self) -> bool:
        """Tell whether there is a mutation in it."""
        return bool(self._mutations)

    @property
    def spending(self) -> Spending | None:
        """Return what its caller has left by now, and what the dearest refused request wanted."""
        spent = [one.spending for one in self._contexts if one.spending is not None]
        if not spent:
            return None
        # Each knows what was left when it was asked for, and what it has given back itself.
        *before, last = spent
        back = sum(one.requested - one.actual for one in before if one.actual is not None)
        refused = [one.requested for one in spent if one.refused]
        return replace(
            last,
            left=min(last.allowance.capacity, last.left + back),
            requested=max(refused, default=last.requested),
            refused=bool(refused),
        )

    async def add(self, entry: Any, *, new_context: NewContext) -> None:
        """Add a request; what is wrong with it is the answer in its place."""
        place = len(self._answers)
        self._answers.append(None)
        context = await new_context()
        self._contexts.append(context)
        try:
            request = read_request(entry)
            operation = await self._executor.operation(request, context)
            if is_subscription(operation):
                raise MalformedRequestError("A subscription cannot be one of several requests.")
        except MalformedRequestError as error:
            mistake = {"message": str(error), "extensions": {"code": "BAD_REQUEST"}}
            self._answers[place] = {"errors": [mistake]}
        except RefusedDocumentError as refused:
            self._answers[place] = self._executor.refusal(refused, context)
        except Exception as error:  # noqa: BLE001  # logged and masked
            self._answers[place] = {"errors": [failed(error, request_id=context.request_id)]}
        else:
            changes = operation.type is OperationType.MUTATION
            group = self._mutations if changes else self._queries
            group.append((place, (request, operation, context)))

    async def run(self) -> list[Response | None]:
        """Run all of them and return the answers in the order of the requests."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._one_after_another())
            for place, ready in self._queries:
                group.create_task(self._answer(place, ready))
        return self._answers

    async def _one_after_another(self) -> None:
        for place, ready in self._mutations:
            await self._answer(place, ready)

    async def _answer(self, place: int, ready: Ready) -> None:
        request, operation, context = ready
        self._answers[place] = await self._executor.execute(
            request, operation=operation, context=context
        )
