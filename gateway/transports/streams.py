"""Answers over HTTP that go on: kept alive, ended with the caller's token, and given up in time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from graphql import OperationType
from starlette.types import Receive, Scope, Send

from gateway.auth import lapse
from gateway.charging import rate_headers
from gateway.documents import Operation
from gateway.failures import present
from gateway.transports import multipart, sse
from gateway.transports.asgi import Answer, Call, Headers, RefusedRequestError
from gateway.transports.crowds import Crowd
from gateway.transports.execution import Executor, Request
from gateway.transports.followers import Response
from gateway.transports.incremental import form_of
from gateway.transports.negotiation import EVENTS, MediaRange
from gateway.transports.timers import Timer, Timers
from resolvers.context import Context, UnauthenticatedError
from services.spending import Spending

Sleep = Callable[[float], Awaitable[object]]
Later = Callable[[float, Callable[[], None]], Timer]


class Closing(asyncio.Event):
    """Set when the process is about to end.

    Thousands of sockets would be as many tasks if each waited for it: they are told.
    """

    def __init__(self) -> None:
        super().__init__()
        self._actions: dict[Callable[[], None], None] = {}

    def tell(self, action: Callable[[], None]) -> None:
        """Do something when it is set, or now if it is."""
        self._actions[action] = None
        if self.is_set():
            action()

    def forget(self, action: Callable[[], None]) -> None:
        """Do it no more."""
        del self._actions[action]

    def set(self) -> None:
        """Set it, and tell."""
        super().set()
        for action in tuple(self._actions):
            action()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long streams wait, in seconds."""

    pulse: float = 12.0
    """Between two signs of life while there is nothing to say; proxies cut silent connections."""
    send: float = 30.0
    """For a client that does not read."""
    receive: float = 60.0
    """For a request to come whole."""
    upload: float = 600.0
    """For a request with files to come whole."""
    sleep: Sleep = asyncio.sleep
    later: Later = field(default_factory=Timers)
    """Does something in so many seconds: for sockets, which are more than there may be tasks."""
    closing: Closing = field(default_factory=Closing)
    """Set when the process is about to end: streams end so that clients open them elsewhere."""


def stream_of(
    call: Call,
    asked: Request,
    *,
    as_: MediaRange,
    operation: Operation,
    executor: Executor,
    context: Context,
    patience: Patience,
) -> "Streaming | Answer":
    """Answer an operation with a stream of the form that its client accepts."""
    last_id = call.header(b"last-event-id")
    changes = operation.type is OperationType.MUTATION
    if as_.kind == EVENTS and last_id == sse.COMPLETE and not changes:
        return Answer(b"", status=204)  # so that nobody asks again
    form = form_of(as_.parameters)
    results = executor.results(asked, operation=operation, context=context, form=form)
    responses = alive(results, context, authorization=call.authorization, patience=patience)
    if as_.kind == EVENTS:
        every = not executor.may_say_again(operation)
        chunks, media_type = sse.events(responses, last_id=last_id, every=every), EVENTS
    elif operation.type is OperationType.SUBSCRIPTION:
        chunks, media_type = multipart.payloads(responses), multipart.SUBSCRIPTION
    else:
        chunks, media_type = multipart.in_parts(responses), multipart.media_type_of(form)
    headers = rate_headers(context.spending)
    return Streaming(chunks, media_type=media_type, patience=patience, headers=headers)


def refusal_as_event(
    body: Response, *, spending: Spending | None, patience: Patience
) -> "Streaming":
    """Answer what cannot be executed: clients of events do not read any other answer."""

    async def refusal() -> AsyncGenerator[Response | None, None]:
        yield body

    chunks = sse.events(refusal(), last_id="")
    headers = rate_headers(spending)
    return Streaming(chunks, media_type=EVENTS, patience=patience, headers=headers)


async def alive(
    responses: AsyncGenerator[Response, None],
    context: Context,
    *,
    authorization: str | None,
    patience: Patience,
) -> AsyncGenerator[Response | None, None]:
    """Pass responses on, and null when it is time for a sign of life.

    Ends with an error when the caller's token is no longer good.
    """
    loop = asyncio.get_running_loop()
    end: asyncio.Future[str | None] = loop.create_future()
    if context.principal is not None:
        end = asyncio.ensure_future(lapse(authorization, services=context.services))
    async with aclosing(responses):
        coming: asyncio.Future[Response] = asyncio.ensure_future(anext(responses))
        pulse: asyncio.Future[object] = asyncio.ensure_future(patience.sleep(patience.pulse))
        try:
            while not end.done():
                waiting: set[asyncio.Future[Any]] = {end, coming, pulse}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    try:
                        response = coming.result()
                    except StopAsyncIteration:
                        return
                    yield response
                    coming = asyncio.ensure_future(anext(responses))
                elif pulse.done():
                    yield None
                    pulse = asyncio.ensure_future(patience.sleep(patience.pulse))
        finally:
            running = [future for future in (end, coming, pulse) if not future.done()]
            for future in running:
                future.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        over = UnauthenticatedError(end.result() or context.auth_failure)
        yield {"errors": present([over], request_id=context.request_id)}


class Streaming:
    """An answer that is written as it comes, until its end or until the client leaves."""

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        patience: Patience,
        ended: Callable[[], Awaitable[None]] | None = None,
        headers: Headers = (),
    ) -> None:
        """Take what to write, and what else ends with it."""
        self._headers = headers
        self._crowd: Crowd | None = None
        self._caller: int | str = ""
        self._ended = ended
        self._chunks = chunks
        self._media_type = media_type
        self._patience = patience

    def count(self, crowd: Crowd, caller: int | str) -> None:
        """Count it as its caller's until its end; raises RefusedRequestError for one too many."""
        if not crowd.enter(caller):
            message = f"At most {crowd.most} sockets and streams at a time."
            raise RefusedRequestError(429, message, code="RATE_LIMITED")
        self._crowd, self._caller = crowd, caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it; when this returns, nothing of it is running any more."""
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_left(receive))
        closing = asyncio.create_task(self._patience.closing.wait())
        tasks: tuple[asyncio.Task[Any], ...] = (writing, leaving, closing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ends_here = closing.done() and not (writing.done() or leaving.done())
        finally:
            for task in tasks:
                task.cancel()
            if self._crowd is not None:
                self._crowd.leave(self._caller)
            done, *_ = await asyncio.gather(*tasks, return_exceptions=True)
            if self._ended is not None:
                await self._ended()
        if isinstance(done, Exception):
            raise done
        if ends_here:
            await self._sent(send, {"type": "http.response.body", "body": b""})

    async def _write(self, send: Send) -> None:
        async with aclosing(self._chunks) as chunks:
            headers = [
                (b"content-type", self._media_type.encode()),
                (b"cache-control", b"no-store"),
                (b"vary", b"accept, authorization, origin"),
                (b"x-accel-buffering", b"no"),  # proxies shall pass on each part at once
                *self._headers,
            ]
            start = {"type": "http.response.start", "status": 200, "headers": headers}
            try:
                await self._sent(send, start)
                async for chunk in chunks:
                    body = {"type": "http.response.body", "body": chunk, "more_body": True}
                    await self._sent(send, body)
                await self._sent(send, {"type": "http.response.body", "body": b""})
            except TimeoutError:
                return  # the server cuts a connection whose answer has no end

    async def _sent(self, send: Send, message: dict[str, Any]) -> None:
        async with asyncio.timeout(self._patience.send):
            await send(message)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
