"""GraphQL over HTTP: POST and GET with JSON, and server-sent events for subscriptions.

An ASGI application of its own: what a framework does around a route costs more than most answers.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qsl

import orjson
from graphql import OperationType
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Form
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.auth import context_for, lapse, principal_of
from gateway.documents import RefusedDocumentError
from gateway.failures import failed, present
from gateway.transports import execution
from gateway.transports.asgi import Answer, Call, RefusedRequestError, unless_gone
from gateway.transports.execution import Executor, MalformedRequestError, is_subscription
from gateway.transports.uploads import MULTIPART, read_upload
from resolvers.context import Context, Services, UnauthenticatedError

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENTS = "text/event-stream"
ALWAYS = ((b"cache-control", b"no-store"), (b"vary", b"accept, authorization"))


class GraphQLOverHttp:
    """Serves the GraphQL endpoint over HTTP."""

    def __init__(
        self,
        executor: Executor,
        *,
        services: Services,
        max_body_bytes: int,
        max_upload_bytes: int,
        explorer: Callable[[], Response] | None,
    ) -> None:
        self._executor = executor
        self._services = services
        self._max_body_bytes = max_body_bytes
        self._max_upload_bytes = max_upload_bytes
        self._explorer = explorer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        call = Call(scope, receive)
        try:
            answer = await self._respond(call)
        except ClientDisconnect:
            return  # nobody is there to be answered
        await answer(scope, receive, send)

    async def _respond(self, call: Call) -> Answer | Response:
        accept = call.header(b"accept", "*/*")
        if call.method == "GET" and "text/html" in accept and self._explorer is not None:
            return self._explorer()
        if call.method not in {"GET", "POST"}:
            message = f"Ask by GET or POST, not {call.method}."
            body = {"errors": [{"message": message, "extensions": {"code": "BAD_REQUEST"}}]}
            return self._json(body, status=405, media_type=JSON, allow=b"GET, POST")
        media_type = GRAPHQL if GRAPHQL in accept else JSON
        try:
            return await self._run(call, await self._read(call), media_type=media_type)
        except RefusedRequestError as refused:
            body = {"errors": [{"message": str(refused), "extensions": {"code": refused.code}}]}
            allow = b"POST" if refused.status == 405 else b""
            return self._json(body, status=refused.status, media_type=media_type, allow=allow)
        except RefusedDocumentError as refused:
            body = self._executor.refusal(refused, request_id=call.request_id)
            # Plain JSON clients expect 200 for anything well-formed.
            malformed = refused.code in {"BAD_REQUEST", "GRAPHQL_PARSE_FAILED"}
            status = 400 if media_type == GRAPHQL or malformed else 200
            return self._json(body, status=status, media_type=media_type)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001  # logged and masked
            body = {"errors": [failed(error, request_id=call.request_id)]}
            return self._json(body, status=500, media_type=media_type)

    async def _read(self, call: Call) -> execution.Request:
        if call.method == "GET":
            body = dict(parse_qsl(call.scope["query_string"].decode("latin-1")))
            if isinstance(variables := body.get("variables"), str):
                return self._checked(body | {"variables": self._decoded(variables.encode())})
            return self._checked(body)
        kind = call.header(b"content-type").partition(";")[0].strip().lower()
        if kind == MULTIPART:
            # Nobody but a user may make us take in a large body.
            principal, _ = await principal_of(call.authorization, services=self._services)
            if principal is None:
                raise RefusedRequestError(401, "Sign in first.", code="UNAUTHENTICATED")
            form = Form(call.scope, call.receive)
            return self._checked(await read_upload(form, max_bytes=self._max_upload_bytes))
        if kind != JSON:
            what = kind or "a body without a content type"
            message = f"Send {JSON}, or {MULTIPART} for files, not {what}."
            raise RefusedRequestError(415, message)
        return self._checked(self._decoded(await call.body(max_bytes=self._max_body_bytes)))

    @staticmethod
    def _decoded(raw: bytes) -> Any:
        if not raw:
            raise RefusedRequestError(400, "The body is empty: send a JSON object with `query`.")
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise RefusedRequestError(400, f"This is not JSON: {error}.") from error

    @staticmethod
    def _checked(body: Any) -> execution.Request:
        try:
            return execution.read_request(body)
        except MalformedRequestError as error:
            raise RefusedRequestError(400, str(error)) from error

    async def _run(
        self, call: Call, asked: execution.Request, *, media_type: str
    ) -> Answer | Response:
        operation = self._executor.operation(asked)
        if call.method == "GET" and operation.type is OperationType.MUTATION:
            raise RefusedRequestError(405, "A mutation needs POST.")
        context = await context_for(
            self._services, authorization=call.authorization, request_id=call.request_id
        )
        if is_subscription(operation):
            if EVENTS not in call.header(b"accept"):
                message = f"A subscription needs a WebSocket, or an Accept of {EVENTS}."
                raise RefusedRequestError(406, message)
            events = self._executor.subscribe(asked, operation=operation, context=context)
            return StreamingResponse(
                _frames(_while_signed_in(events, context, authorization=call.authorization)),
                media_type=EVENTS,
                headers={"cache-control": "no-cache"},
            )
        running = self._executor.execute(asked, operation=operation, context=context)
        if operation.type is OperationType.QUERY:
            running = unless_gone(running, call)
        body = await running
        refused = "data" not in body
        return self._json(
            body, status=400 if refused and media_type == GRAPHQL else 200, media_type=media_type
        )

    @staticmethod
    def _json(body: Any, *, status: int, media_type: str, allow: bytes = b"") -> Answer:
        headers = ALWAYS if not allow else (*ALWAYS, (b"allow", allow))
        return Answer(orjson.dumps(body), status=status, media_type=media_type, headers=headers)


async def _while_signed_in(
    events: AsyncGenerator[execution.Response, None],
    context: Context,
    *,
    authorization: str | None,
) -> AsyncIterator[execution.Response]:
    """Pass responses on until the caller's token is no longer good, then say so and end."""
    end: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    if context.principal is not None:
        end = asyncio.ensure_future(lapse(authorization, services=context.services))
    async with aclosing(events):
        coming: asyncio.Future[execution.Response] | None = None
        try:
            while not end.done():
                coming = asyncio.ensure_future(anext(events))
                both: set[asyncio.Future[Any]] = {coming, end}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    try:
                        body = coming.result()
                    except StopAsyncIteration:
                        return
                    yield body
        finally:
            running = [task for task in (coming, end) if task is not None and not task.done()]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        over = UnauthenticatedError(end.result() or context.auth_failure)
        yield {"errors": present([over], request_id=context.request_id)}


async def _frames(events: AsyncIterator[execution.Response]) -> AsyncIterator[bytes]:
    """Write responses as the events of graphql-sse's distinct connections mode."""
    async for body in events:
        yield b"event: next\ndata: " + orjson.dumps(body) + b"\n\n"
    yield b"event: complete\ndata: \n\n"
