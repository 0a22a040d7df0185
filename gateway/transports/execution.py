"""Runs operations for every transport alike."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from graphql import OperationType
from strawberry import Schema
from strawberry.types import ExecutionResult

from gateway.documents import Documents, Operation, RefusedDocumentError
from gateway.failures import failed, present
from resolvers.context import Context

Response = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One well-formed request, whatever it came in by."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None


class MalformedRequestError(Exception):
    """A request does not have the form of a GraphQL request; the message says how."""


def read_request(body: object) -> Request:
    """Read decoded JSON as a request; raises MalformedRequestError."""
    if not isinstance(body, dict):
        raise MalformedRequestError("The request must be a JSON object.")
    query = body.get("query")
    name = body.get("operationName")
    variables = body.get("variables")
    if not isinstance(query, str) or not query.strip():
        raise MalformedRequestError("`query` must be a document in a string.")
    if name is not None and not isinstance(name, str):
        raise MalformedRequestError("`operationName` must be a string or null.")
    if variables is not None and not isinstance(variables, dict):
        raise MalformedRequestError("`variables` must be an object or null.")
    # Some clients send an empty name for none.
    return Request(query=query, operation_name=name or None, variables=variables)


@dataclass(frozen=True, slots=True)
class Executor:
    """Executes operations of one schema."""

    schema: Schema
    documents: Documents

    def operation(self, request: Request) -> Operation:
        """Return the operation that a request asks for; raises RefusedDocumentError."""
        return self.documents.operation(request.query, name=request.operation_name)

    def refusal(self, refused: RefusedDocumentError, *, request_id: str) -> Response:
        """Build the answer to a document that cannot be executed."""
        return {"errors": present(refused.errors, request_id=request_id, code=refused.code)}

    async def execute(
        self, request: Request, *, operation: Operation, context: Context
    ) -> Response:
        """Run a query or mutation to its end."""
        context.document = operation.document
        try:
            result = await self.schema.execute(
                request.query,
                variable_values=request.variables,
                context_value=context,
                operation_name=request.operation_name,
            )
        except Exception as error:  # noqa: BLE001  # logged and masked
            return {"data": None, "errors": [failed(error, request_id=context.request_id)]}
        return self._response(result, context)

    async def subscribe(
        self, request: Request, *, operation: Operation, context: Context
    ) -> AsyncGenerator[Response, None]:
        """Run a subscription; a failure to start comes as the only response, without data."""
        context.document = operation.document
        try:
            results = await self.schema.subscribe(
                request.query,
                variable_values=request.variables,
                context_value=context,
                operation_name=request.operation_name,
            )
            async with aclosing(results):
                async for result in results:
                    # What was loaded for one event must not be shown by the next.
                    context.forget()
                    yield self._response(result, context)
        except Exception as error:  # noqa: BLE001  # logged and masked
            yield {"errors": [failed(error, request_id=context.request_id)]}

    def _response(self, result: ExecutionResult | Any, context: Context) -> Response:
        response: Response = {}
        started = getattr(result, "data", None) is not None or not result.errors
        response["data"] = result.data
        if result.errors:
            ran = any(error.path for error in result.errors)
            if not ran and not started:
                del response["data"]
            response["errors"] = present(result.errors, request_id=context.request_id)
        return response


def is_subscription(operation: Operation) -> bool:
    """Tell whether an operation is a subscription."""
    return operation.type is OperationType.SUBSCRIPTION
