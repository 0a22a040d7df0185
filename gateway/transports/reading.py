"""Reads requests that come over HTTP: the parameters of a GET, the JSON or the form of a POST."""

import json
from typing import Any
from urllib.parse import parse_qsl

import orjson

from gateway.transports import execution
from gateway.transports.asgi import RefusedRequestError
from gateway.transports.execution import MalformedRequestError

MEMBERS = ("query", "documentId", "operationName", "variables", "extensions")
"""What a request is read from; other parameters are nobody's business."""

MAX_PARAMETERS = 20


def read_parameters(query_string: bytes) -> execution.Request:
    """Read the parameters of an address; raises RefusedRequestError."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError as error:
        message = f"The address has parameters that are not UTF-8, or over {MAX_PARAMETERS}."
        raise RefusedRequestError(400, message) from error
    body: dict[str, Any] = {}
    for name, value in pairs:
        if name in MEMBERS and name in body:
            raise RefusedRequestError(400, f"The address has `{name}` twice.")
        body[name] = value
    for name in ("variables", "extensions"):
        if name in body:
            body[name] = read_json(body[name].encode()) if body[name] else None
    return checked(body)


def read_json(raw: bytes) -> Any:
    """Decode JSON; raises RefusedRequestError for what is none, or says a thing twice."""
    if not raw:
        raise RefusedRequestError(400, "The body is empty: send a JSON object with `query`.")
    try:
        decoded = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RefusedRequestError(400, f"This is not JSON: {error}.") from error
    try:
        written = orjson.dumps(decoded)
    except orjson.JSONEncodeError as error:  # beyond 254 levels
        raise RefusedRequestError(400, "The request is nested too deep.") from error
    # An object that lost a member when it was decoded has lost a colon, which may be written as an
    # escape, too. Decoding in a way that sees doubles takes long: only where there may be some.
    if raw.count(b":") != written.count(b":") or b"\\u003" in raw:
        json.loads(raw, object_pairs_hook=_refuse_doubles, parse_int=str, parse_float=str)
    return decoded


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise RefusedRequestError(400, f"The request has `{name[:40]}` twice.")
        names.add(name)


def checked(body: Any) -> execution.Request:
    """Read decoded JSON as a request; raises RefusedRequestError."""
    try:
        return execution.read_request(body)
    except MalformedRequestError as error:
        raise RefusedRequestError(400, str(error)) from error
