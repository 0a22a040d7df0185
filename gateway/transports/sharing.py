"""One execution and one serialisation of each event, however many follow the same subscription.

Two subscriptions are the same when their documents, their variables and their audiences are. Who
may subscribe is asked of each subscriber before it joins.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    visit,
)

from datasources.hub import Listener
from gateway.documents import Operation
from gateway.failures import failed
from models.access import Scope
from resolvers.access import ROOT_FIELDS
from resolvers.audiences import AUDIENCE, Audience, Shared
from resolvers.context import Context
from services.access import Principal

Response = dict[str, Any]
Note = Callable[[Any], None]
Begin = Callable[[Context, Note], AsyncGenerator[Response, None]]
"""Runs a subscription as somebody, and notes each event before its response comes."""

SLOT = "slot"
ENDLESS = datetime.max.replace(tzinfo=UTC)
NOBODY = Principal(user_id=0, expires_at=ENDLESS, scopes=frozenset({Scope.READ}))
"""As whom is executed what everybody gets: whatever looked at the caller would find nothing."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The root field of a subscription, and how it may be shared."""

    field: str
    shared: Shared


class _Selections(Visitor):
    """Finds the root fields of a document, and whether all that is below them is plain."""

    def __init__(self, schema: GraphQLSchema, types: TypeInfo) -> None:
        super().__init__()
        self._schema = schema
        self._types = types
        self.roots: list[tuple[str, GraphQLField | None]] = []
        self.plain = True

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Look at a field."""
        field = self._types.get_field_def()
        if self._types.get_parent_type() is self._schema.subscription_type:
            self.roots.append((node.name.value, field))
        elif node.name.value != "__typename":
            self.plain = self.plain and field is not None and is_plain(field)


def is_plain(field: GraphQLField) -> bool:
    """Tell whether a field is an attribute of its object: nobody's resolver sees the caller."""
    definition: Any = field.extensions.get("strawberry-definition")
    return (
        definition is not None
        and definition.base_resolver is None
        and not definition.metadata.get("batched")
        and not definition.permission_classes
        and not definition.extensions
    )


def terms_of(operation: Operation, schema: GraphQLSchema) -> Terms | None:
    """Return how a subscription may be shared; null when it may not be."""
    types = TypeInfo(schema)
    found = _Selections(schema, types)
    visit(operation.document, TypeInfoVisitor(types, found))
    if len(found.roots) != 1 or operation.in_parts:
        return None
    ((name, field),) = found.roots
    definition: Any = None if field is None else field.extensions.get("strawberry-definition")
    shared: Shared | None = None if definition is None else definition.metadata.get(AUDIENCE)
    if shared is None or (shared.audience is Audience.EVERYONE and not found.plain):
        return None
    return Terms(name, shared)


class _Run:
    """One execution, and those who follow it."""

    def __init__(
        self, begin: Callable[[Note], AsyncGenerator[Response, None]], *, request_id: str
    ) -> None:
        self._request_id = request_id
        self.listeners: set[Listener] = set()
        self.over = False
        self._begin = begin
        self._slot: Hashable = None
        self._last: dict[Hashable, Response] = {}
        self._final: Response | None = None
        self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            async with aclosing(self._begin(self._note)) as responses:
                async for response in responses:
                    if "data" not in response:
                        self._final = response
                        return
                    self._show(response | {"data": orjson.Fragment(orjson.dumps(response["data"]))})
        except Exception as error:  # noqa: BLE001  # logged and masked
            self._final = {"errors": [failed(error, request_id=self._request_id)]}
        finally:
            self.over = True
            for listener in self.listeners:
                listener.close()

    def _note(self, slot: Hashable) -> None:
        self._slot = slot

    def _show(self, response: Response) -> None:
        self._last[self._slot] = response
        for listener in self.listeners:
            listener.offer((SLOT, self._slot), response)

    async def follow(self) -> AsyncGenerator[Response, None]:
        """Yield the last response of each slot, then the newest of each as they come."""
        listener = Listener(min_interval=timedelta(0), urgent=frozenset())
        for slot, response in self._last.items():
            listener.offer((SLOT, slot), response)
        self.listeners.add(listener)
        try:
            async for response in listener.updates():
                yield response
            if self._final is not None:
                yield self._final
        finally:
            self.listeners.discard(listener)

    async def stop(self) -> None:
        """End the execution, and wait until nothing of it is left."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Sharing:
    """Knows which subscriptions are running, and lets those who want the same follow one."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._terms: WeakKeyDictionary[Operation, list[Terms | None]] = WeakKeyDictionary()
        self._runs: dict[Hashable, _Run] = {}

    @property
    def running(self) -> int:
        """Return how many executions are shared now."""
        return len(self._runs)

    def _terms_of(self, operation: Operation) -> Terms | None:
        known = self._terms.get(operation)
        if known is None:
            known = self._terms[operation] = [terms_of(operation, self._schema)]
        return known[0]

    def follow(
        self,
        operation: Operation,
        variables: dict[str, Any] | None,
        context: Context,
        begin: Begin,
    ) -> AsyncGenerator[Response, None] | None:
        """Follow a subscription with others; null for one that nobody else may get."""
        terms = self._terms_of(operation)
        if terms is None or context.principal is None:
            return None
        try:
            context.require(ROOT_FIELDS[terms.field] or Scope.READ)
            written = orjson.dumps(variables or {}, option=orjson.OPT_SORT_KEYS)
        except (GraphQLError, orjson.JSONEncodeError):
            return None  # what is wrong is told by executing it
        principal = replace(context.principal, expires_at=ENDLESS)
        if terms.shared.audience is Audience.EVERYONE:
            principal = NOBODY
        house = Context(
            services=context.services, principal=principal, request_id=context.request_id
        )
        slot_of = terms.shared.slot

        def run(note: Note) -> AsyncGenerator[Response, None]:
            return begin(house, lambda event: note(slot_of(event)))

        key = (operation, written, principal)
        return self._following(key, run, request_id=context.request_id)

    async def _following(
        self,
        key: Hashable,
        begin: Callable[[Note], AsyncGenerator[Response, None]],
        *,
        request_id: str,
    ) -> AsyncGenerator[Response, None]:
        run = self._runs.get(key)
        if run is None or run.over:
            run = self._runs[key] = _Run(begin, request_id=request_id)
        try:
            async with aclosing(run.follow()) as responses:
                async for response in responses:
                    yield response
        finally:
            if not run.listeners:
                if self._runs.get(key) is run:
                    del self._runs[key]
                await run.stop()
