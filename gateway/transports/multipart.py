"""Answers as ``multipart/mixed``: in parts for @defer and @stream, and subscriptions.

Subscriptions speak Apollo's protocol: each response is a `payload`, what ends the stream stands
beside it as `errors`, and an empty object is a sign of life.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson

from gateway.transports.followers import Response
from gateway.transports.incremental import Form
from gateway.transports.negotiation import MIXED

BOUNDARY = "graphql"
SUBSCRIPTION = f'{MIXED};boundary="{BOUNDARY}";subscriptionSpec=1.0'
_DELIMITER = b"\r\n--" + BOUNDARY.encode()
_HEAD = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"


def media_type_of(form: Form) -> str:
    """Return the media type of an answer in parts."""
    spec = {Form.IDS: ";incrementalSpec=v0.2", Form.PATHS: ";deferSpec=20220824"}.get(form, "")
    return f'{MIXED};boundary="{BOUNDARY}"{spec}'


async def in_parts(
    responses: AsyncGenerator[Response | None, None],
) -> AsyncGenerator[bytes, None]:
    """Write the responses of a query or mutation as parts."""
    yield _DELIMITER
    async with aclosing(responses):
        async for response in responses:
            if response is not None:
                yield _part({"hasNext": False} | response)
    yield b"--\r\n"


async def payloads(
    responses: AsyncGenerator[Response | None, None],
) -> AsyncGenerator[bytes, None]:
    """Write the responses of a subscription as parts."""
    yield _DELIMITER
    async with aclosing(responses):
        async for response in responses:
            if response is None:
                yield _part({})
            elif "data" in response:
                yield _part({"payload": response})
            else:
                yield _part({"payload": None} | response)
    yield b"--\r\n"


def _part(body: Response) -> bytes:
    """Write a part and the delimiter after it: readers wait for that."""
    return _HEAD + orjson.dumps(body) + _DELIMITER
