"""Errors as clients see them: their own mistakes in plain words, ours behind a reference id."""

import re
from collections.abc import Iterable
from typing import Any

import structlog
from graphql import GraphQLError

SUGGESTION = re.compile(r" Did you mean [^?]*\?")

log = structlog.get_logger(__name__)


def _is_expected(error: GraphQLError) -> bool:
    """Tell whether an error was meant for the client: no other exception is behind it."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause is None


def present(
    errors: Iterable[GraphQLError],
    *,
    request_id: str,
    code: str = "BAD_USER_INPUT",
    suggestions: bool = True,
) -> list[dict[str, Any]]:
    """Format errors, the unexpected logged and masked; ``code`` is for those that name none.

    Without ``suggestions`` no message goes on to say what the caller may have meant.
    """
    presented = [_present(error, request_id=request_id, code=code) for error in errors]
    if not suggestions:
        for error in presented:
            error["message"] = SUGGESTION.sub("", error["message"])
    return presented


def _present(error: GraphQLError, *, request_id: str, code: str) -> dict[str, Any]:
    if not _is_expected(error):
        log.error("operation_failed", path=error.path, exc_info=error.original_error or error)
        error = GraphQLError(
            f"Something went wrong on our side. Reference: {request_id}.",
            nodes=error.nodes,
            path=error.path,
            extensions={"code": "INTERNAL_SERVER_ERROR", "reference": request_id},
        )
    formatted: dict[str, Any] = dict(error.formatted)
    formatted["extensions"] = {"code": code} | (error.extensions or {})
    return formatted


def failed(exception: Exception, *, request_id: str) -> dict[str, Any]:
    """Log a failure outside any field and return the masked error."""
    (formatted,) = present(
        [GraphQLError("failure", original_error=exception)], request_id=request_id
    )
    return formatted
