"""GraphQL over HTTP: POST and GET with JSON, and streams for what comes in several parts.

An ASGI application of its own: what a framework does around a route costs more than most answers.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from graphql import OperationType
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Form
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.auth import address_of, context_for
from gateway.caching import (
    NOT_AT_ALL,
    Keeping,
    cache_control,
    has_already,
    tag_of,
    until_stale,
)
from gateway.charging import rate_headers
from gateway.documents import Operation, RefusedDocumentError
from gateway.failures import failed
from gateway.settings import Settings
from gateway.transports import execution, followers
from gateway.transports.asgi import Answer, Call, Headers, RefusedRequestError, in_time, unless_gone
from gateway.transports.batches import Batch, check_batch
from gateway.transports.crowds import Crowd, caller_of
from gateway.transports.execution import Executor, is_subscription
from gateway.transports.negotiation import (
    EVENTS,
    GRAPHQL,
    JSON,
    UTF_8,
    Accepted,
    accepted,
    accepts_gzip,
    content_type,
    wanted_stream,
    wants_page,
)
from gateway.transports.origins import may_be_forged
from gateway.transports.reading import checked, read_json, read_parameters
from gateway.transports.reservations import Reservations, token_of
from gateway.transports.streams import Patience, Streaming, refusal_as_event, stream_of
from gateway.transports.uploads import MULTIPART, read_upload
from resolvers.context import Context, Services

ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"vary", b"accept, accept-encoding, authorization, origin"),
)
PARTIAL = 294
"""The specification's own status for data with errors; who does not know it takes it as 200."""

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
ALLOW = ", ".join(METHODS).encode()


class GraphQLOverHttp:
    """Serves the GraphQL endpoint over HTTP."""

    def __init__(
        self,
        executor: Executor,
        *,
        services: Services,
        settings: Settings,
        explorer: Callable[[], Response] | None,
        patience: Patience,
        crowd: Crowd,
    ) -> None:
        self._executor = executor
        self._crowd = crowd
        self._services = services
        self._settings = settings
        self._compress_from = settings.compress_from_bytes or math.inf
        self._explorer = explorer
        self._patience = patience
        self._reservations = Reservations(executor, patience=patience, crowd=crowd)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        call = Call(scope, receive)
        try:
            answer = await self._respond(call)
        except ClientDisconnect:
            return  # nobody is there to be answered
        if (
            isinstance(answer, Answer)
            and len(answer.body) >= self._compress_from
            and accepts_gzip(call.header(b"accept-encoding"))
        ):
            await answer.compress()
        await answer(scope, receive, send)

    async def close(self) -> None:
        """End the operations that are on behalf of no request."""
        await self._reservations.close()

    async def _respond(self, call: Call) -> Answer | Response | Streaming:
        wanted = accepted(call.header(b"accept"))
        media_type = wanted.json or JSON
        try:
            return await self._served(call, wanted)
        except RefusedRequestError as refused:
            body = {"errors": [{"message": str(refused), "extensions": {"code": refused.code}}]}
            return self._json(
                body, status=refused.status, media_type=media_type, headers=refused.headers
            )
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001  # logged and masked
            body = {"errors": [failed(error, request_id=call.request_id)]}
            return self._json(body, status=500, media_type=media_type)

    def _refuse_forged(self, call: Call) -> None:
        if may_be_forged(call, self._settings.cors_origins):
            message = (
                "A page of another site may have sent this. If not, send the header "
                "GraphQL-Require-Preflight: 1, or use POST with JSON."
            )
            raise RefusedRequestError(403, message, code="FORBIDDEN")

    async def _served(self, call: Call, wanted: Accepted) -> Answer | Response | Streaming:
        if call.method == "OPTIONS":
            return Answer(b"", status=204, headers=((b"allow", ALLOW),))
        if call.method not in METHODS:
            raise RefusedRequestError(405, "Ask by GET or POST.", allow=ALLOW)
        is_get = call.method in {"GET", "HEAD"}
        if is_get and self._explorer is not None and wants_page(call.header(b"accept")):
            return self._explorer()
        if is_get:
            self._refuse_forged(call)
        context = await self._context(call)
        about_streams = self._reservations.answer(call, wanted, context)
        if about_streams is not None:
            return about_streams
        asked = (
            read_parameters(call.scope["query_string"])
            if is_get
            else await self._read(call, context)
        )
        if isinstance(asked, list):
            return await self._run_all(call, asked, context=context, wanted=wanted)
        return await self._run(call, asked, context=context, wanted=wanted)

    async def _context(self, call: Call) -> Context:
        return await context_for(
            self._services,
            authorization=call.authorization,
            request_id=call.request_id,
            address=address_of(call.scope),
        )

    async def _read(self, call: Call, context: Context) -> execution.Request | list[Any]:
        kind, charset = content_type(call.header(b"content-type"))
        if kind == MULTIPART:
            self._refuse_forged(call)
            # Nobody but a user may make us take in a large body.
            if context.principal is None:
                raise RefusedRequestError(401, "Sign in first.", code="UNAUTHENTICATED")
            form = Form(call.scope, call.receive)
            max_bytes = self._settings.max_upload_bytes
            reading = read_upload(form, max_bytes=max_bytes)
            return checked(await in_time(reading, self._patience.upload))
        if kind != JSON:
            message = f"Send {JSON}, or {MULTIPART} for files, and say so by Content-Type."
            raise RefusedRequestError(415, message)
        if charset not in UTF_8:
            raise RefusedRequestError(415, "Send JSON in UTF-8.")
        if call.header(b"content-encoding", "identity").lower() != "identity":
            message = "Send the body as it is, without a Content-Encoding."
            raise RefusedRequestError(415, message, accept_encoding=b"identity")
        reading = call.body(max_bytes=self._settings.max_body_bytes)
        body = await in_time(reading, self._patience.receive)
        decoded = read_json(body)
        return decoded if isinstance(decoded, list) else checked(decoded)

    async def _run_all(
        self, call: Call, entries: list[Any], *, context: Context, wanted: Accepted
    ) -> Answer:
        most = self._settings.max_batch
        check_batch(entries, most=most, anonymous=context.principal is None)
        if wanted.json is None:
            raise _unreadable()
        batch = Batch(self._executor)
        for entry in entries:
            await batch.add(entry, new_context=partial(self._context, call))
        running = batch.run()
        if not batch.changes_something:
            running = unless_gone(running, call)
        answers = await running
        headers = rate_headers(batch.spending)
        return self._json(answers, status=200, media_type=wanted.json, headers=headers)

    async def _run(
        self, call: Call, asked: execution.Request, *, context: Context, wanted: Accepted
    ) -> Answer | Streaming:
        events = wanted.events
        token = "" if events else token_of(call)
        try:
            operation = await self._executor.operation(asked, context)
        except RefusedDocumentError as refused:
            body = self._executor.refusal(refused, context)
            if events:
                spending = context.spending
                return refusal_as_event(body, spending=spending, patience=self._patience)
            # Not even which operation is meant can be told: no client can go on from there. And
            # whoever waits for a stream looks at the status alone.
            unclear = bool(token) or refused.code == "BAD_REQUEST"
            return self._answer(body, wanted, context=context, unclear=unclear)
        if call.method != "POST" and operation.type is OperationType.MUTATION:
            raise RefusedRequestError(405, "A mutation needs POST.", allow=b"POST")
        if token and call.method == "POST":
            return self._reservations.begin(token, asked, call, operation, context)
        stream = wanted_stream(wanted, operation)
        if stream is not None and call.method != "HEAD":
            answer = stream_of(
                call,
                asked,
                as_=stream,
                operation=operation,
                executor=self._executor,
                context=context,
                patience=self._patience,
            )
            if isinstance(answer, Streaming) and is_subscription(operation):
                answer.count(self._crowd, caller_of(context))
            return answer
        if is_subscription(operation):
            message = f"A subscription needs a WebSocket, or an Accept of {EVENTS}."
            raise RefusedRequestError(406, message)
        if wanted.json is None:
            raise _unreadable()
        running = self._executor.execute(asked, operation=operation, context=context)
        if operation.type is OperationType.QUERY:
            running = unless_gone(running, call)
        body = await running
        if call.method == "POST" or "errors" in body or body.get("data") is None:
            return self._answer(body, wanted, context=context)
        keeping = self._keeping(body, operation, context)
        written = orjson.dumps(body["data"])
        body = body | {"data": orjson.Fragment(written)}
        answer = self._answer(body, wanted, context=context)
        self._let_keep(answer, keeping, tag_of(written), call)
        return answer

    def _keeping(self, body: followers.Response, operation: Operation, context: Context) -> Keeping:
        """Tell how long a good answer to GET may be kept."""
        keeping = self._executor.keeping(operation)
        if keeping.seconds:
            keeping = until_stale(keeping, context.loaders.quotes.loaded(), now=context.now())
        data = body["data"]
        if isinstance(data, dict) and None in data.values():
            keeping = NOT_AT_ALL  # what is not there now may be there in a moment
        mine = context.principal is not None or "extensions" in body
        return keeping._replace(private=keeping.private or mine)

    @staticmethod
    def _let_keep(answer: Answer, keeping: Keeping, tag: bytes, call: Call) -> None:
        """Say how long an answer may be kept; leave out what the client has already."""
        others = [pair for pair in answer.headers if pair[0] != b"cache-control"]
        if not keeping.private:  # nor what is left to the one who asked
            others = [pair for pair in others if not pair[0].startswith(b"ratelimit")]
        answer.headers = ((b"cache-control", cache_control(keeping)), (b"etag", tag), *others)
        if has_already(call.header(b"if-none-match"), tag):
            answer.status, answer.body, answer.media_type = 304, b"", ""

    def _answer(
        self,
        body: followers.Response,
        wanted: Accepted,
        *,
        context: Context,
        unclear: bool = False,
    ) -> Answer:
        """Answer with what came of a request; plain JSON is 200 for whatever is well-formed."""
        refused = "data" not in body
        status = 400 if refused and (unclear or wanted.json == GRAPHQL) else 200
        if wanted.json == GRAPHQL and not refused and "errors" in body:
            status = PARTIAL
        if _failed_as_a_whole(body):
            status = 500
        spending = context.spending
        if status == 400 and spending is not None and spending.refused:
            status = 429
        return self._json(
            body,
            status=status,
            media_type=wanted.json or JSON,
            headers=rate_headers(spending),
        )

    @staticmethod
    def _json(body: Any, *, status: int, media_type: str, headers: Headers = ()) -> Answer:
        return Answer(
            orjson.dumps(body),
            status=status,
            media_type=f"{media_type}; charset=utf-8",
            headers=(*ALWAYS, *headers),
        )


def _failed_as_a_whole(body: followers.Response) -> bool:
    """Tell whether we failed outside any field: only then there is an error without a path."""
    return "errors" in body and "data" in body and any("path" not in one for one in body["errors"])


def _unreadable() -> RefusedRequestError:
    return RefusedRequestError(406, f"The answer would be {GRAPHQL} or {JSON}.")
