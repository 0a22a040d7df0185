"""Server-sent events, as the distinct connections mode of graphql-sse has them.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md. Each event has an id of its
number and a digest of what it says. Whoever comes back with ``Last-Event-ID`` gets the operation
anew, its first event left out if that is the last one seen, unless two events that say the same may
be two; after the end there is nothing more.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from zlib import crc32

import orjson

from gateway.transports.followers import Response

PULSE = b":\n\n"
COMPLETE = "complete"
"""The id of the last event: no connection needs to be opened again after it."""


def event(name: bytes, data: bytes, *, key: bytes = b"") -> bytes:
    """Write an event; lines end in LF, which all clients know."""
    id_line = b"id: " + key + b"\n" if key else b""
    return b"event: " + name + b"\n" + id_line + b"data: " + data + b"\n\n"


async def events(
    responses: AsyncGenerator[Response | None, None], *, last_id: str, every: bool = False
) -> AsyncGenerator[bytes, None]:
    """Write responses as events, none left out if ``every`` one matters; null is a sign of life."""
    number, _, seen = last_id.partition("-")
    count = int(number) if number.isdecimal() and len(number) <= 15 else 0
    yield PULSE  # some clients take a connection for open only when something came
    is_first = not every
    async with aclosing(responses):
        async for response in responses:
            if response is None:
                yield PULSE
                continue
            data = orjson.dumps(response)
            digest = f"{crc32(data):08x}"
            if not is_first or digest != seen:
                count += 1
                yield event(b"next", data, key=f"{count}-{digest}".encode())
            is_first = False
    yield event(b"complete", b"", key=COMPLETE.encode())
