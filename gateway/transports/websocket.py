"""GraphQL over WebSocket by the graphql-transport-ws protocol.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. Each operation has a context of
its own, so nothing loaded for one is ever shown by another. The socket closes with 4403 when the
token it was opened with expires or is revoked.
"""

import asyncio
from contextlib import aclosing, suppress
from typing import Any

import orjson
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gateway.auth import address_of, authorization_in, context_for, lapse, principal_of
from gateway.documents import Operation, RefusedDocumentError
from gateway.failures import failed
from gateway.transports import execution
from gateway.transports.asgi import RefusedRequestError
from gateway.transports.crowds import Crowd, Pace
from gateway.transports.execution import Executor, MalformedRequestError, is_subscription
from gateway.transports.reading import read_json
from gateway.transports.streams import Patience
from resolvers.context import Context, Services

log = structlog.get_logger(__name__)

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10
MAX_OPERATIONS = 100


class CloseSocketError(Exception):
    """The client broke the protocol: the socket closes with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason[:120]  # a close frame has room for 123 bytes


class Connection:
    """One socket and the operations running on it.

    All that runs for it is one group of tasks: the first that ends the socket ends the others, and
    none is left when the socket is closed.
    """

    def __init__(
        self,
        socket: WebSocket,
        executor: Executor,
        services: Services,
        *,
        patience: Patience,
        max_message_bytes: int,
        crowd: Crowd,
    ) -> None:
        self._socket = socket
        self._executor = executor
        self._services = services
        self._max_message_bytes = max_message_bytes
        self._patience = patience
        self._crowd = crowd
        self._caller: int | str | None = None
        self._pace = Pace()
        self._authorization: str | None = None
        self._acknowledged = asyncio.Event()
        self._initialised = False
        self._heard = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._brief: set[asyncio.Task[None]] = set()
        """The operations that end by themselves."""

    async def serve(self) -> None:
        """Speak with the client until either side ends it."""
        if PROTOCOL not in self._socket.scope.get("subprotocols", ()):
            await self._socket.accept()
            await self._close(CloseSocketError(4406, f"Only {PROTOCOL} is spoken here"))
            return
        await self._socket.accept(subprotocol=PROTOCOL)
        end: CloseSocketError | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                for watch in (self._watch, self._pulse, self._leave):
                    tasks.create_task(watch())
                while True:
                    await self._handle(await self._receive(), tasks)
        except* CloseSocketError as closing:
            ends = (one for one in closing.exceptions if isinstance(one, CloseSocketError))
            end = next(ends, None)
        except* WebSocketDisconnect:
            pass
        except* Exception:
            log.exception("socket_failed")
            end = CloseSocketError(4500, "Something went wrong on our side")
        finally:
            if self._caller is not None:
                self._crowd.leave(self._caller)
        if end is not None:
            await self._close(end)

    async def _close(self, end: CloseSocketError) -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, TimeoutError, WebSocketDisconnect):
                async with asyncio.timeout(self._patience.send):
                    await self._socket.close(end.code, end.reason)

    async def _watch(self) -> None:
        """Close a socket that never begins, and one whose access token expires."""
        try:
            async with asyncio.timeout(INIT_SECONDS):
                await self._acknowledged.wait()
        except TimeoutError:
            raise CloseSocketError(4408, "Connection initialisation timeout") from None
        reason = await lapse(self._authorization, services=self._services)
        if reason is not None:
            raise CloseSocketError(4403, reason.removesuffix("."))

    async def _pulse(self) -> None:
        """Close a socket whose other end is gone: nothing comes, not even the answer to a ping."""
        await self._acknowledged.wait()
        while True:
            await self._patience.sleep(self._patience.pulse)
            self._heard = False
            await self._send(type="ping")
            await self._patience.sleep(self._patience.pulse)
            if not self._heard:
                raise CloseSocketError(4408, "No answer to a ping")

    async def _leave(self) -> None:
        """Close the socket when the process is about to end, and what is brief is done."""
        await self._patience.closing.wait()
        if self._brief:
            await asyncio.wait(self._brief)
        # Subscriptions are not completed: their clients shall open them again elsewhere.
        raise CloseSocketError(1001, "Going away")

    async def _receive(self) -> dict[str, Any]:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        self._heard = True
        if not self._pace.allows():
            raise CloseSocketError(4429, "Too many messages")
        text = message.get("text")
        raw = b"" if text is None else text.encode()
        if not 0 < len(raw) <= self._max_message_bytes:
            most = self._max_message_bytes
            raise CloseSocketError(4400, f"Messages are JSON text of at most {most} bytes")
        try:
            decoded = read_json(raw)
        except RefusedRequestError as error:
            raise CloseSocketError(4400, str(error)) from error
        if not isinstance(decoded, dict) or not isinstance(decoded.get("type"), str):
            raise CloseSocketError(4400, "The message is not an object with a type")
        return decoded

    async def _send(self, **message: Any) -> None:
        try:
            async with asyncio.timeout(self._patience.send):
                await self._socket.send_text(orjson.dumps(message).decode())
        except TimeoutError:
            raise CloseSocketError(1013, "The client does not read") from None

    async def _handle(self, message: dict[str, Any], tasks: asyncio.TaskGroup) -> None:
        kind = message["type"]
        if kind == "connection_init":
            await self._initialise(message.get("payload"))
        elif kind == "ping":
            await self._send(type="pong")
        elif kind == "subscribe":
            await self._subscribe(message, tasks)
        elif kind == "complete":
            task = self._operations.pop(str(message.get("id")), None)
            if task is not None:
                task.cancel()
        elif kind != "pong":
            raise CloseSocketError(4400, "Unknown message type")

    async def _initialise(self, payload: Any) -> None:
        if self._initialised:
            raise CloseSocketError(4429, "Too many initialisation requests")
        if payload is not None and not isinstance(payload, dict):
            raise CloseSocketError(4400, "The connection_init payload is not an object")
        self._initialised = True
        self._authorization = authorization_in(payload or {}) or self._socket.headers.get(
            "authorization"
        )
        await self._enter()
        await self._send(type="connection_ack")
        self._acknowledged.set()

    async def _enter(self) -> None:
        """Count the socket as its caller's, who may have no more than so many."""
        principal, _ = await principal_of(self._authorization, services=self._services)
        caller = address_of(self._socket.scope) if principal is None else principal.user_id
        if not self._crowd.enter(caller):
            raise CloseSocketError(4429, f"At most {self._crowd.most} sockets at a time")
        self._caller = caller

    async def _context(self) -> Context:
        return await context_for(
            self._services,
            authorization=self._authorization,
            request_id=self._socket.state.request_id,
            address=address_of(self._socket.scope),
        )

    async def _subscribe(self, message: dict[str, Any], tasks: asyncio.TaskGroup) -> None:
        if not self._acknowledged.is_set():
            raise CloseSocketError(4401, "Unauthorized")
        key = message.get("id")
        if not isinstance(key, str) or not key:
            raise CloseSocketError(4400, "subscribe needs an id")
        if key in self._operations:
            raise CloseSocketError(4409, f"Subscriber for {key} already exists")
        if len(self._operations) >= MAX_OPERATIONS:
            error = {
                "message": f"At most {MAX_OPERATIONS} operations at a time on one socket.",
                "extensions": {"code": "RATE_LIMITED"},
            }
            await self._send(id=key, type="error", payload=[error])
            return
        try:
            request = execution.read_request(message.get("payload"))
        except MalformedRequestError as error:
            raise CloseSocketError(4400, str(error)) from error
        self._operations[key] = tasks.create_task(self._run(key, request))

    async def _run(self, key: str, request: execution.Request) -> None:
        mine = asyncio.current_task()
        try:
            found = await self._find(request)
            if isinstance(found, list):
                await self._send(id=key, type="error", payload=found)
                return
            operation, context = found
            if await self._answer(key, request, operation=operation, context=context):
                await self._send(id=key, type="complete")
        finally:
            # After a "complete" the id may already be another operation's.
            if self._operations.get(key) is mine:
                del self._operations[key]

    async def _find(self, request: execution.Request) -> tuple[Operation, Context] | list[Any]:
        """Find the operation that is asked for; whatever is wrong with it comes as errors."""
        try:
            context = await self._context()
            try:
                return await self._executor.operation(request, context), context
            except RefusedDocumentError as refused:
                errors: list[Any] = self._executor.refusal(refused, context)["errors"]
                return errors
        except Exception as error:  # noqa: BLE001  # logged and masked
            return [failed(error, request_id=self._socket.state.request_id)]

    async def _answer(
        self, key: str, request: execution.Request, *, operation: Operation, context: Context
    ) -> bool:
        """Send an operation's results; false when it ended in an error message."""
        mine = asyncio.current_task()
        if mine is not None and not is_subscription(operation):
            self._brief.add(mine)
            mine.add_done_callback(self._brief.discard)
        results = self._executor.results(request, operation=operation, context=context)
        # Closed here and now, so that its listener is gone when this task is.
        async with aclosing(results):
            async for body in results:
                if not await self._next(key, body):
                    return False
        return True

    async def _next(self, key: str, body: execution.Response) -> bool:
        if "data" not in body and "hasNext" not in body:
            await self._send(id=key, type="error", payload=body["errors"])
            return False
        await self._send(id=key, type="next", payload=body)
        return True
