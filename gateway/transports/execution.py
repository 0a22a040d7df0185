"""Runs operations for every transport alike."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from graphql import (
    ExecutionResult,
    ExperimentalIncrementalExecutionResults,
    GraphQLError,
    OperationType,
)
from graphql.execution import Executor as CoreExecutor
from graphql.execution import create_source_event_stream, map_source_to_response_event
from strawberry import Schema
from strawberry.execution import optimized_is_awaitable

from gateway.caching import Keeping, keeping_of
from gateway.charging import Charges, told
from gateway.documents import Documents, Operation, PerOperation, RefusedDocumentError
from gateway.engine import Prepared
from gateway.failures import failed, present
from gateway.persisted import SHA256, PersistedDocuments
from gateway.transports.followers import Follower, Response
from gateway.transports.incremental import Form, parts_of
from gateway.transports.sharing import Begin, Note, Seat, Sharing
from resolvers.context import Context

KEPT_INTROSPECTIONS = 20
KEPT_INTROSPECTION_BYTES = 2_000_000
"""The longest answer that is kept; the usual question has one of less than half of that."""
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One well-formed request, whatever it came in by."""

    query: str
    """The document; empty where it is asked for by its name alone."""
    document: str | None = None
    """Its name, as `persisted.py` has them."""
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class MalformedRequestError(Exception):
    """A request does not have the form of a GraphQL request; the message says how."""


def read_request(body: object) -> Request:
    """Read decoded JSON as a request; raises MalformedRequestError."""
    if not isinstance(body, dict):
        raise MalformedRequestError("The request must be a JSON object.")
    query = body.get("query")
    name = body.get("operationName")
    variables = body.get("variables")
    extensions = body.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise MalformedRequestError("`extensions` must be an object or null.")
    document = _name_of_document(body.get("documentId"), extensions)
    if document is not None and query is None:
        query = ""
    elif not isinstance(query, str) or not query.strip():
        raise MalformedRequestError("`query` must be a document in a string.")
    if name is not None and not isinstance(name, str):
        raise MalformedRequestError("`operationName` must be a string or null.")
    if variables is not None and not isinstance(variables, dict):
        raise MalformedRequestError("`variables` must be an object or null.")
    # Some clients send an empty name for none.
    return Request(
        query=query,
        document=document,
        operation_name=name or None,
        variables=variables,
        extensions=extensions,
    )


def _name_of_document(given: object, extensions: dict[str, Any] | None) -> str | None:
    """Read the name of a document, as either of the two ways has it."""
    if given is not None and (not isinstance(given, str) or not 0 < len(given) <= LONGEST_NAME):
        raise MalformedRequestError("`documentId` must be a short string or null.")
    persisted = extensions.get("persistedQuery") if extensions else None
    if persisted is None:
        return given
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(digest, str) or not 0 < len(digest) <= LONGEST_NAME:
        raise MalformedRequestError("`persistedQuery` needs `sha256Hash`, a short string.")
    if persisted.get("version") != 1:
        raise MalformedRequestError("Only version 1 of `persistedQuery` is understood.")
    name = SHA256 + digest
    if given not in {None, name}:
        raise MalformedRequestError("`documentId` and `persistedQuery` name two documents.")
    return name


class Executor:
    """Executes operations of one schema.

    Documents are parsed and validated before they come here, so this goes past Strawberry's own
    `execute` to the executor class of the schema. Strawberry's extensions of a whole schema
    therefore do not run; those of fields, and permissions, do.
    """

    def __init__(
        self,
        schema: Schema,
        documents: Documents,
        persisted: PersistedDocuments | None = None,
        *,
        suggestions: bool = True,
    ) -> None:
        """Execute operations; ``suggestions`` are what anonymous callers may have meant."""
        self.schema = schema
        self._persisted = persisted or PersistedDocuments()
        self._suggestions = suggestions
        self.documents = documents
        core = schema._schema  # noqa: SLF001  # there is no other way to it
        self._charges = Charges(core, documents)
        self._sharing = Sharing(core)
        self._prepared = PerOperation(partial(_prepared, schema))
        self._keeping = PerOperation(lambda operation: keeping_of(operation, core))
        self._changes: set[asyncio.Future[Any]] = set()
        self._introspected: WeakKeyDictionary[Operation, Response] = WeakKeyDictionary()

    @property
    def shared_executions(self) -> int:
        """Return how many subscriptions are executed for all who follow them."""
        return self._sharing.running

    def may_say_again(self, operation: Operation) -> bool:
        """Tell whether an answer that says what the last one said is the same answer."""
        return not is_subscription(operation) or self._sharing.newest_only(operation)

    async def operation(self, request: Request, context: Context) -> Operation:
        """Return the operation that a request asks for; raises RefusedDocumentError."""
        server = context.services.server
        text = await self._persisted.text(request.document, request.query, server=server)
        operation = self.documents.known(text, name=request.operation_name)
        if operation is None:
            await self._charges.reading(text, context)
            operation = await self.documents.find(text, name=request.operation_name)
        await self._charges.running(operation, request.variables, context)
        if request.document is not None and request.query:
            user = context.principal.user_id if context.principal else None
            await self._persisted.keep(request.document, text, user=user, server=server)
        return operation

    def refusal(self, refused: RefusedDocumentError, context: Context) -> Response:
        """Build the answer to a document that cannot be executed."""
        return {"errors": self._present(refused.errors, context, code=refused.code)}

    async def execute(
        self, request: Request, *, operation: Operation, context: Context
    ) -> Response:
        """Run a query or mutation to its end, with nothing left for later."""
        operation = operation.whole or operation
        try:
            if operation.of_schema_alone:
                response = await self._introspection(operation, request.variables, context)
                return self._told(response, request, operation, context)
            executor = self._executor(operation, request.variables, context)
            if isinstance(executor, list):
                return self._refused(executor, context)
            result: Any = executor.execute_operation()
            if not isinstance(result, ExecutionResult):
                result = await self._awaited(result, operation)
        except Exception as error:  # noqa: BLE001  # logged and masked
            return {"data": None, "errors": [failed(error, request_id=context.request_id)]}
        self._charges.settle(operation, context, result.data)
        return self._told(self._response(result, context), request, operation, context)

    def results(
        self,
        request: Request,
        *,
        operation: Operation,
        context: Context,
        form: Form = Form.BOTH,
    ) -> AsyncGenerator[Response, None]:
        """Run any operation and yield its responses as they come."""
        if is_subscription(operation):
            return self.subscribe(request, operation=operation, context=context)
        return self._parts(request, operation, context, form)

    async def _parts(
        self, request: Request, operation: Operation, context: Context, form: Form
    ) -> AsyncGenerator[Response, None]:
        """Run a query or mutation, and yield what it leaves for later part after part."""
        if operation.whole is None:
            yield await self.execute(request, operation=operation, context=context)
            return
        try:
            executor = self._executor(operation, request.variables, context)
            if isinstance(executor, list):
                yield self._refused(executor, context)
                return
            result: Any = executor.execute_operation()
            if not isinstance(result, ExecutionResult | ExperimentalIncrementalExecutionResults):
                result = await self._awaited(result, operation)
            if isinstance(result, ExecutionResult):
                response = self._response(result, context)
                yield self._told(response, request, operation, context)
                return
            presented = partial(present, request_id=context.request_id)
            async with aclosing(parts_of(result, form=form, present=presented)) as parts:
                async for part in parts:
                    first = "data" in part
                    yield self._told(part, request, operation, context) if first else part
        except Exception as error:  # noqa: BLE001  # logged and masked
            yield {"data": None, "errors": [failed(error, request_id=context.request_id)]}

    async def subscribe(
        self, request: Request, *, operation: Operation, context: Context
    ) -> AsyncGenerator[Response, None]:
        """Run a subscription; a failure to start comes as the only response, without data.

        It is run together with others that want the same, where it may be.
        """
        responses = await self._sharing.follow(
            operation, request.variables, context, begin=self._beginning(request, operation)
        )
        if responses is None:
            responses = self._events(request, operation, context, lambda _: None)
        async with aclosing(responses):
            async for response in responses:
                if "data" in response:
                    yield self._told(response, request, operation, context)
                else:
                    yield response

    async def join(
        self, request: Request, *, operation: Operation, context: Context, follower: Follower
    ) -> Seat | None:
        """Let somebody follow a subscription; null for one that nobody else may get."""
        begin = self._beginning(request, operation)
        variables = request.variables
        return await self._sharing.join(
            operation, variables, context, begin=begin, follower=follower
        )

    def _beginning(self, request: Request, operation: Operation) -> Begin:
        def begin(house: Context, note: Note) -> AsyncGenerator[Response, None]:
            return self._events(request, operation, house, note)

        return begin

    async def _events(
        self, request: Request, operation: Operation, context: Context, note: Note
    ) -> AsyncGenerator[Response, None]:
        try:
            executor = self._executor(operation, request.variables, context)
            if isinstance(executor, list):
                yield self._refused(executor, context)
                return
            events: Any = create_source_event_stream(executor)
            if not isinstance(events, AsyncIterator | ExecutionResult):
                events = await events
            if isinstance(events, ExecutionResult):
                yield self._refused(events.errors or [], context)
                return
            noted = _noting(events, note)
            async with aclosing(map_source_to_response_event(executor, noted)) as results:
                async for result in results:
                    # What was loaded for one event must not be shown by the next.
                    context.forget()
                    yield self._response(result, context)
        except GraphQLError as error:
            yield self._refused([error], context)
        except Exception as error:  # noqa: BLE001  # logged and masked
            yield {"errors": [failed(error, request_id=context.request_id)]}

    def _executor(
        self, operation: Operation, variables: dict[str, Any] | None, context: Context | None
    ) -> CoreExecutor[Any] | list[GraphQLError]:
        """Make an operation ready to run; what is wrong with the variables comes as errors."""
        return self._prepared.of(operation).executor(variables, context)

    def keeping(self, operation: Operation) -> Keeping:
        """Return how long the answer to a query may be kept, as far as the schema says."""
        return self._keeping.of(operation)

    async def _awaited(self, coming: Awaitable[Any], operation: Operation) -> Any:
        """Wait for a result; a mutation comes to its end even if nobody waits any more."""
        if operation.type is not OperationType.MUTATION:
            return await coming
        change = asyncio.ensure_future(coming)
        self._changes.add(change)
        change.add_done_callback(self._changes.discard)
        return await asyncio.shield(change)

    async def close(self) -> None:
        """Wait for the mutations that are under way."""
        await asyncio.gather(*self._changes, return_exceptions=True)

    async def _introspection(
        self, operation: Operation, variables: dict[str, Any] | None, context: Context
    ) -> Response:
        """Answer what is asked of the schema alone: worked out aside, and then kept."""
        kept = self._introspected.get(operation)
        if kept is not None:
            return kept
        executor: Any = self._executor(operation, variables, context)
        if isinstance(executor, list):
            return self._refused(executor, context)
        result = await asyncio.to_thread(executor.execute_operation)
        if result.errors:
            return self._response(result, context)
        # Written at once: it is long, and asked again and again.
        written = await asyncio.to_thread(orjson.dumps, result.data)
        response = {"data": orjson.Fragment(written)}
        few = len(self._introspected) < KEPT_INTROSPECTIONS
        if few and not operation.has_variables and len(written) <= KEPT_INTROSPECTION_BYTES:
            self._introspected[operation] = response
        return response

    def _response(self, result: ExecutionResult, context: Context) -> Response:
        if not result.errors:
            return {"data": result.data}
        return {"data": result.data, "errors": self._present(result.errors, context)}

    def _told(
        self, response: Response, request: Request, operation: Operation, context: Context
    ) -> Response:
        """Add what the answer says of itself."""
        extensions = self.said_of(request, operation, context)
        return response | {"extensions": extensions} if extensions else response

    def said_of(self, request: Request, operation: Operation, context: Context) -> dict[str, Any]:
        """Return what an answer says of itself: limits that only warn, the cost if asked for."""
        extensions: dict[str, Any] = {}
        if operation.warnings:
            extensions["warnings"] = [one.error().formatted for one in operation.warnings]
        asked = request.extensions is not None and request.extensions.get("cost") is True
        if asked and context.spending is not None:
            extensions["cost"] = told(context.spending)
        return extensions

    def _refused(self, errors: list[GraphQLError], context: Context) -> Response:
        """Build the answer to what never ran: it has no data, not even null."""
        return {"errors": self._present(errors, context)}

    def _present(
        self, errors: Iterable[GraphQLError], context: Context, *, code: str = "BAD_USER_INPUT"
    ) -> list[dict[str, Any]]:
        return present(
            errors,
            request_id=context.request_id,
            code=code,
            suggestions=self._suggestions or context.principal is not None,
        )


def _prepared(schema: Schema, operation: Operation) -> Prepared:
    return Prepared(
        schema.execution_context_class,
        schema._schema,  # noqa: SLF001  # there is no other way to it
        operation.document,
        operation.name,
        is_awaitable=optimized_is_awaitable,
        operation_extensions=None,
    )


async def _noting(events: Any, note: Note) -> AsyncGenerator[Any, None]:
    """Pass events on, and note each before its response is made."""
    async with aclosing(events):
        async for event in events:
            note(event)
            yield event


def is_subscription(operation: Operation) -> bool:
    """Tell whether an operation is a subscription."""
    return operation.type is OperationType.SUBSCRIPTION
