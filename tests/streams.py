"""One HTTP exchange, message by message, without a network between; and readers of its streams."""

import asyncio
import json
from typing import NamedTuple
from urllib.parse import urlencode


class Event(NamedTuple):
    """One server-sent event; comments have no name."""

    name: str
    key: str
    data: object


def events_of(text):
    """Read server-sent events; raises ValueError for lines that do not belong to any."""
    assert "\r" not in text
    assert text.endswith("\n\n")
    return [_event(block) for block in text.removesuffix("\n\n").split("\n\n")]


def _event(block):
    if block == ":":
        return Event("", "", None)
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    assert set(fields) <= {"event", "id", "data"}
    data = fields["data"]
    return Event(fields["event"], fields.get("id", ""), json.loads(data) if data else None)


def parts_of(text):
    """Read the bodies of a whole multipart answer."""
    first, *parts, last = text.split("\r\n--graphql")
    assert (first, last) == ("", "--\r\n")
    head = "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
    assert all(part.startswith(head) for part in parts)
    return [json.loads(part.removeprefix(head)) for part in parts]


class Exchange:
    """A request, and its answer as it comes; the client is the test."""

    def __init__(self, application, method, *, headers, query=None, body=None):
        self._to_server = asyncio.Queue()
        self._to_client = asyncio.Queue()
        self.reading = asyncio.Event()
        self.reading.set()
        content = b"" if body is None else json.dumps(body).encode()
        self._to_server.put_nowait({"type": "http.request", "body": content})
        given = {"content-type": "application/json"} | headers
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "method": method,
            "path": "/graphql",
            "query_string": urlencode(query or {}).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        }
        self.serving = asyncio.create_task(application(scope, self._to_server.get, self._send))

    async def _send(self, message):
        await self.reading.wait()
        self._to_client.put_nowait(message)

    async def begun(self):
        """Wait for the head of the answer and return its status and headers."""
        head = await self._to_client.get()
        assert head["type"] == "http.response.start"
        return head["status"], {name.decode(): value.decode() for name, value in head["headers"]}

    async def hear(self):
        """Wait for the next piece of the answer."""
        return (await self._to_client.get())["body"].decode()

    async def rest(self):
        """Wait for all that is still to come."""
        text, more = "", True
        while more:
            message = await self._to_client.get()
            text += message["body"].decode()
            more = message.get("more_body", False)
        return text

    async def leave(self):
        """Go away, and wait until the server has noticed."""
        self._to_server.put_nowait({"type": "http.disconnect"})
        await self.serving
