"""Server-sent events in the single connection mode of graphql-sse: one stream, many operations.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md. A reservation lives in this
process, is its user's alone, and is gone when its stream ends or when none is opened in time.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qs

import orjson

from gateway.auth import lapse
from gateway.charging import rate_headers
from gateway.documents import Operation
from gateway.transports.asgi import Answer, Call, RefusedRequestError
from gateway.transports.crowds import Crowd, caller_of
from gateway.transports.execution import Executor, Request
from gateway.transports.followers import Response
from gateway.transports.negotiation import EVENTS, Accepted
from gateway.transports.sse import PULSE, event
from gateway.transports.streams import Patience, Streaming, alive
from resolvers.context import Context

TOKEN = b"x-graphql-event-stream-token"
MAX_RESERVATIONS = 20
"""How many one user may have at a time."""
MAX_OPERATIONS = 100
UNUSED_SECONDS = 60.0


class Reservation:
    """One user's stream, to come or open, and the operations that answer on it."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.is_open = False
        self.operations: dict[str, asyncio.Task[None]] = {}
        self._events: asyncio.Queue[tuple[bytes | None, asyncio.Event]] = asyncio.Queue()

    async def _say(self, chunk: bytes | None) -> None:
        """Put something on the stream, and wait until it is sent: so nobody says more meanwhile."""
        sent = asyncio.Event()
        self._events.put_nowait((chunk, sent))
        await sent.wait()

    async def run(self, key: str, responses: AsyncGenerator[Response | None, None]) -> None:
        """Put the responses of an operation on the stream, and its end."""
        mine = asyncio.current_task()
        try:
            async with aclosing(responses):
                async for response in responses:
                    told = orjson.dumps({"id": key, "payload": response})
                    await self._say(event(b"next", told))
            await self._say(event(b"complete", orjson.dumps({"id": key})))
        finally:
            if self.operations.get(key) is mine:
                del self.operations[key]

    async def pulse(self, patience: Patience) -> None:
        """Put signs of life on the stream."""
        while True:
            await patience.sleep(patience.pulse)
            await self._say(PULSE)

    async def end(self, lapsed: Callable[[], Awaitable[object]]) -> None:
        """End the stream when its user's token is no longer good, and its operations have ended.

        Most of them end by the same token; others were begun with a newer one.
        """
        await lapsed()
        await asyncio.gather(*self.operations.values(), return_exceptions=True)
        await self._say(None)

    async def chunks(
        self, patience: Patience, lapsed: Callable[[], Awaitable[object]]
    ) -> AsyncGenerator[bytes, None]:
        """Yield what the stream says, until its user's token has lapsed."""
        beside = [asyncio.create_task(one) for one in (self.pulse(patience), self.end(lapsed))]
        try:
            yield PULSE
            while True:
                chunk, sent = await self._events.get()
                if chunk is None:
                    return
                yield chunk
                sent.set()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def close(self) -> None:
        """End all operations."""
        running = list(self.operations.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class Reservations:
    """All reservations in this process."""

    def __init__(self, executor: Executor, *, patience: Patience, crowd: Crowd) -> None:
        self._executor = executor
        self._crowd = crowd
        self._patience = patience
        self._kept: dict[str, Reservation] = {}
        self._expiring: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._kept)

    def answer(self, call: Call, wanted: Accepted, context: Context) -> Answer | Streaming | None:
        """Answer a request about streams; none if it asks for an operation."""
        token = token_of(call)
        if call.method == "PUT":
            return self.reserve(context)
        if call.method == "DELETE":
            return self.stop(token, call, context)
        if call.method == "GET" and token and wanted.named(EVENTS):
            return self.stream(token, call, context)
        return None

    def reserve(self, context: Context) -> Answer:
        """Make a reservation and answer with its token; raises RefusedRequestError."""
        user_id = _user(context)
        mine = [one for one in self._kept.values() if one.user_id == user_id]
        if len(mine) >= MAX_RESERVATIONS:
            message = f"At most {MAX_RESERVATIONS} streams at a time."
            raise RefusedRequestError(429, message, code="RATE_LIMITED")
        token = secrets.token_urlsafe(32)
        self._kept[token] = Reservation(user_id)
        expiring = asyncio.create_task(self._expire(token))
        self._expiring.add(expiring)
        expiring.add_done_callback(self._expiring.discard)
        return Answer(token.encode(), status=201, media_type="text/plain; charset=utf-8")

    async def _expire(self, token: str) -> None:
        await self._patience.sleep(UNUSED_SECONDS)
        reservation = self._kept.get(token)
        if reservation is not None and not reservation.is_open:
            await self._end(token)

    def stream(self, token: str, call: Call, context: Context) -> Streaming:
        """Open the stream of a reservation; raises RefusedRequestError."""
        reservation = self._find(token, context)
        if reservation.is_open:
            raise RefusedRequestError(409, "The stream is open already.")
        lapsed = partial(lapse, call.authorization, services=context.services)
        streaming = Streaming(
            reservation.chunks(self._patience, lapsed),
            media_type=EVENTS,
            patience=self._patience,
            ended=partial(self._end, token),
        )
        streaming.count(self._crowd, caller_of(context))
        reservation.is_open = True
        return streaming

    async def _end(self, token: str) -> None:
        reservation = self._kept.pop(token, None)
        if reservation is not None:
            await reservation.close()

    def begin(
        self, token: str, asked: Request, call: Call, operation: Operation, context: Context
    ) -> Answer:
        """Run an operation whose responses go to a stream; raises RefusedRequestError."""
        reservation = self._find(token, context)
        key = (asked.extensions or {}).get("operationId")
        if not isinstance(key, str) or not key:
            raise RefusedRequestError(400, "`extensions.operationId` must be a string.")
        if key in reservation.operations:
            raise RefusedRequestError(409, "An operation of this id is running already.")
        if len(reservation.operations) >= MAX_OPERATIONS:
            message = f"At most {MAX_OPERATIONS} operations at a time on one stream."
            raise RefusedRequestError(429, message, code="RATE_LIMITED")
        results = self._executor.results(asked, operation=operation, context=context)
        silent = replace(self._patience, sleep=_for_ever)  # the stream itself shows that it lives
        responses = alive(results, context, authorization=call.authorization, patience=silent)
        reservation.operations[key] = asyncio.create_task(reservation.run(key, responses))
        return Answer(b"", status=202, headers=rate_headers(context.spending))

    def stop(self, token: str, call: Call, context: Context) -> Answer:
        """End an operation, if it is still running; raises RefusedRequestError."""
        reservation = self._find(token, context)
        keys = parse_qs(call.scope["query_string"].decode("latin-1")).get("operationId")
        if not keys:
            raise RefusedRequestError(400, "Say which `operationId` to stop.")
        task = reservation.operations.pop(keys[0], None)
        if task is not None:
            task.cancel()
        return Answer(b"", status=200)

    def _find(self, token: str, context: Context) -> Reservation:
        reservation = self._kept.get(token)
        if reservation is None or reservation.user_id != _user(context):
            raise RefusedRequestError(404, "There is no such stream.", code="NOT_FOUND")
        return reservation

    async def close(self) -> None:
        """End everything."""
        for task in self._expiring:
            task.cancel()
        closing = [one.close() for one in self._kept.values()]
        await asyncio.gather(*self._expiring, *closing, return_exceptions=True)


def token_of(call: Call) -> str:
    """Return the token of the stream that a request is about; empty if it is about none."""
    if token := call.header(TOKEN):
        return token
    query_string: bytes = call.scope["query_string"]
    return parse_qs(query_string.decode("latin-1")).get("token", [""])[0] if query_string else ""


def _user(context: Context) -> int:
    if context.principal is None:
        raise RefusedRequestError(401, "Sign in first.", code="UNAUTHENTICATED")
    return context.principal.user_id


async def _for_ever(_: float) -> None:
    await asyncio.Event().wait()
