"""GraphQL over WebSocket by the graphql-transport-ws protocol.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. Each operation has a context of
its own, so nothing loaded for one is ever shown by another. The socket closes with 4403 when the
token it was opened with expires or is revoked.
"""

import asyncio
from collections.abc import Awaitable, Collection, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from starlette.types import Receive, Scope, Send

from gateway.auth import address_of, authorization_in, context_for, lapse, principal_of
from gateway.documents import Operation, RefusedDocumentError
from gateway.failures import failed
from gateway.transports import execution
from gateway.transports.asgi import RefusedRequestError
from gateway.transports.backlog import END, Backlog, Parts, SocketFollower
from gateway.transports.crowds import Crowd, Pace
from gateway.transports.direct import DIRECT, DirectProtocol
from gateway.transports.execution import Executor, MalformedRequestError, is_subscription
from gateway.transports.followers import Response
from gateway.transports.origins import is_welcome
from gateway.transports.reading import read_json
from gateway.transports.streams import Patience
from gateway.transports.timers import Timer
from models.changes import Topic
from resolvers.context import Context, Services
from services.access import Principal

log = structlog.get_logger(__name__)

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10
MAX_OPERATIONS = 100

PING = (b'{"type":"ping"}',)

UNREAD = 1013
FAREWELL_SECONDS = 1.0
"""How long a client that does not read is waited for to be told so."""


class CloseSocketError(Exception):
    """The client broke the protocol: the socket closes with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason[:120]  # a close frame has room for 123 bytes


class _GoneError(Exception):
    """The client has closed the socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all sockets of a process have in common."""

    executor: Executor
    services: Services
    patience: Patience
    crowd: Crowd
    max_message_bytes: int
    origins: Collection[str] = ()
    """Whose pages may open sockets, beside our own."""


class GraphQLOverSockets:
    """Serves the GraphQL endpoint over sockets."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket to its end."""
        await receive()  # that it wants to connect
        origin, host = _header(scope, b"origin"), _header(scope, b"host")
        if origin and not is_welcome(origin, host=host, origins=self._house.origins):
            await send({"type": "websocket.close"})  # before it is opened: the answer is 403
            return
        await Connection(scope, receive, send, self._house).serve()


class Connection:
    """One socket and the operations running on it.

    All that runs for it is one group of tasks: the first that ends the socket ends the others, and
    none is left when the socket is closed. While nothing happens there is one task; what is
    executed for many is written to the socket by whoever executes it, and only while the client
    has to read first there is a task for that.
    """

    __slots__ = (
        "_acknowledged",
        "_authorization",
        "_brief",
        "_caller",
        "_direct",
        "_expiry",
        "_heard",
        "_house",
        "_initialised",
        "_operations",
        "_pace",
        "_pinged",
        "_pumping",
        "_receive",
        "_scope",
        "_send_on",
        "_tasks",
        "_timer",
        "_write",
        "backlog",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, house: House) -> None:
        self._scope = scope
        self._receive = receive
        self._send_on = send
        self._house = house
        self._direct: DirectProtocol | None = (scope.get("extensions") or {}).get(DIRECT)
        self._write = None if self._direct is None else self._direct.write
        self._caller: int | str | None = None
        self._pace = Pace()
        self._authorization: str | None = None
        self._initialised = self._acknowledged = False
        self._heard = self._pinged = False
        self._timer: Timer | None = None
        self._expiry: Timer | None = None
        self._tasks = asyncio.TaskGroup()
        self._operations: dict[str, asyncio.Task[None] | SocketFollower] = {}
        self._brief: set[asyncio.Task[None]] = set()
        """The operations that end by themselves."""
        self.backlog = Backlog()
        """What could not be written at once."""
        self._pumping = False

    async def serve(self) -> None:
        """Speak with the client until either side ends it."""
        if PROTOCOL not in self._scope.get("subprotocols", ()):
            await self._send_on({"type": "websocket.accept"})
            await self._close(CloseSocketError(4406, f"Only {PROTOCOL} is spoken here"))
            return
        await self._send_on({"type": "websocket.accept", "subprotocol": PROTOCOL})
        try:
            end = await self._speak()
            if end is not None:
                await self._close(end)
        finally:
            if self._caller is not None:
                self._house.crowd.leave(self._caller)

    async def _speak(self) -> CloseSocketError | None:
        """Speak with the client, and return why the socket is to be closed, unless it is."""
        if self._direct is not None:
            self._direct.take_pong = self._take_pong
        patience = self._house.patience
        end: CloseSocketError | None = None
        try:
            async with self._tasks:
                late = CloseSocketError(4408, "Connection initialisation timeout")
                self._timer = patience.later(INIT_SECONDS, lambda: self._end(late))
                patience.closing.tell(self._leave)
                while True:
                    await self._handle(await self._next_message())
        except* CloseSocketError as closing:
            ends = (one for one in closing.exceptions if isinstance(one, CloseSocketError))
            end = next(ends, None)
        except* _GoneError:
            pass
        except* Exception:
            log.exception("socket_failed")
            end = CloseSocketError(4500, "Something went wrong on our side")
        finally:
            patience.closing.forget(self._leave)
            await self._let_go()
        return end

    async def _let_go(self) -> None:
        """Leave nothing behind, nor anything that would keep the socket in memory."""
        if self._direct is not None:
            del self._direct.take_pong
        for timer in (self._timer, self._expiry):
            if timer is not None:
                timer.cancel()
        followers = [one for one in self._operations.values() if isinstance(one, SocketFollower)]
        endings = [ending for one in followers for ending in one.seat.leave()]
        self._operations.clear()
        self.backlog.clear()
        await asyncio.gather(*endings, return_exceptions=True)

    async def _close(self, end: CloseSocketError) -> None:
        # A server may raise whatever it likes where the client has gone meanwhile.
        seconds = self._house.patience.send
        if end.code == UNREAD:
            seconds = min(seconds, FAREWELL_SECONDS)
        with suppress(Exception):
            async with asyncio.timeout(seconds):
                message = {"type": "websocket.close", "code": end.code, "reason": end.reason}
                await self._send_on(message)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run something for the socket; nothing when it is about to end."""
        try:
            return self._tasks.create_task(work)
        except RuntimeError:
            work.close()
            return None

    def _end(self, error: CloseSocketError) -> None:
        self._spawn(_raise(error))

    def _beat(self) -> None:
        """Close a socket whose other end is gone: nothing comes, not even the answer to a ping."""
        if self._pinged and not self._heard:
            self._end(CloseSocketError(4408, "No answer to a ping"))
            return
        self._pinged = not self._pinged
        if self._pinged:
            self._heard = False
            if self._direct is None or not self._direct.write(PING):
                self._spawn(self._send(type="ping"))
        patience = self._house.patience
        self._timer = patience.later(patience.pulse, self._beat)

    def _take_pong(self) -> bool:
        """Take an answer to a ping, past the queue of messages; not from one who floods it."""
        self._heard = True
        return self._pace.allows()

    def _leave(self) -> None:
        """Close the socket: the process is about to end."""
        self._spawn(self._going_away())

    async def _going_away(self) -> None:
        if self._brief:
            await asyncio.wait(self._brief)
        # Subscriptions are not completed: their clients shall open them again elsewhere.
        raise CloseSocketError(1001, "Going away")

    async def _next_message(self) -> dict[str, Any]:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise _GoneError
        self._heard = True
        if not self._pace.allows():
            raise CloseSocketError(4429, "Too many messages")
        text = message.get("text")
        raw = b"" if text is None else text.encode()
        most = self._house.max_message_bytes
        if not 0 < len(raw) <= most:
            raise CloseSocketError(4400, f"Messages are JSON text of at most {most} bytes")
        try:
            decoded = read_json(raw)
        except RefusedRequestError as error:
            raise CloseSocketError(4400, str(error)) from error
        if not isinstance(decoded, dict) or not isinstance(decoded.get("type"), str):
            raise CloseSocketError(4400, "The message is not an object with a type")
        return decoded

    async def _send(self, **message: Any) -> None:
        await self._send_text(orjson.dumps(message))

    async def _send_text(self, text: bytes) -> None:
        await self._read(self._send_on({"type": "websocket.send", "text": text.decode()}))

    async def _read(self, coming: Awaitable[object]) -> None:
        """Wait for what comes when the client has read."""
        try:
            async with asyncio.timeout(self._house.patience.send):
                await coming
        except TimeoutError:
            raise CloseSocketError(UNREAD, "The client does not read") from None
        except OSError:
            raise _GoneError from None

    def say(self, follower: SocketFollower, topic: Topic, parts: Parts) -> None:
        """Write what has come of a shared operation: at once, or when the client has read."""
        if topic is END and self._operations.get(follower.key) is not follower:
            return
        if not self._pumping:
            if self._write is not None and self._write(parts):
                self._said(follower, topic)
                return
            self._queue(pumping=self._spawn(self._pump()) is not None)
        if self._pumping:
            self.backlog.put(follower, topic, parts)

    def _queue(self, *, pumping: bool) -> None:
        """Let nothing overtake what waits, or let operations write straight to the client again."""
        self._pumping = pumping
        for one in self._operations.values():
            if isinstance(one, SocketFollower):
                one.straight = None if pumping else self._write

    def _said(self, follower: SocketFollower, topic: Topic) -> None:
        # The client may have completed it while its end was written.
        if topic is END and self._operations.get(follower.key) is follower:
            del self._operations[follower.key]
            follower.seat.leave()

    async def _pump(self) -> None:
        """Write what waits, as fast as the client reads; nothing that is forgotten until then."""
        while self.backlog:
            if self._direct is not None:
                await self._read(self._direct.ready())
                if not self.backlog:
                    break
            follower, topic, parts = self.backlog.take()
            if self._direct is None:
                await self._send_text(b"".join(parts))
            elif not self._direct.write(parts):
                raise _GoneError
            self._said(follower, topic)
            follower.waiting -= 1
            follower.seat.passed()
        self._queue(pumping=False)

    async def _handle(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "connection_init":
            await self._initialise(message.get("payload"))
        elif kind == "ping":
            await self._send(type="pong")
        elif kind == "subscribe":
            await self._subscribe(message)
        elif kind == "complete":
            operation = self._operations.pop(str(message.get("id")), None)
            if isinstance(operation, SocketFollower):
                self.backlog.forget(operation)
                operation.seat.leave()
            elif operation is not None:
                operation.cancel()
        elif kind != "pong":
            raise CloseSocketError(4400, "Unknown message type")

    async def _initialise(self, payload: Any) -> None:
        if self._initialised:
            raise CloseSocketError(4429, "Too many initialisation requests")
        if payload is not None and not isinstance(payload, dict):
            raise CloseSocketError(4400, "The connection_init payload is not an object")
        self._initialised = True
        header = _header(self._scope, b"authorization")
        self._authorization = authorization_in(payload or {}) or header or None
        services = self._house.services
        principal, _ = await principal_of(self._authorization, services=services)
        self._enter(principal)
        await self._send(type="connection_ack")
        if self._timer is not None:
            self._timer.cancel()
        self._acknowledged = True
        patience = self._house.patience
        self._timer = patience.later(patience.pulse, self._beat)
        if principal is not None:
            self._watch(principal)

    def _enter(self, principal: Principal | None) -> None:
        """Count the socket as its caller's, who may have no more than so many."""
        caller = address_of(self._scope) if principal is None else principal.user_id
        crowd = self._house.crowd
        if not crowd.enter(caller):
            raise CloseSocketError(4429, f"At most {crowd.most} sockets and streams at a time")
        self._caller = caller

    def _watch(self, principal: Principal) -> None:
        """Close the socket when the token that it was opened with is no longer good."""
        if principal.api_token_id is not None:
            self._spawn(self._lapse())
            return
        left = (principal.expires_at - self._house.services.clock()).total_seconds()
        over = CloseSocketError(4403, "The access token has expired")
        self._expiry = self._house.patience.later(max(0.0, left), lambda: self._end(over))

    async def _lapse(self) -> None:
        reason = await lapse(self._authorization, services=self._house.services)
        if reason is not None:
            raise CloseSocketError(4403, reason.removesuffix("."))

    async def _context(self) -> Context:
        return await context_for(
            self._house.services,
            authorization=self._authorization,
            request_id=self._scope["state"]["request_id"],
            address=address_of(self._scope),
        )

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if not self._acknowledged:
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
        task = self._spawn(self._run(key, request))
        if task is not None:
            self._operations[key] = task

    async def _run(self, key: str, request: execution.Request) -> None:
        mine = asyncio.current_task()
        try:
            found = await self._find(request)
            if isinstance(found, list):
                await self._send(id=key, type="error", payload=found)
                return
            operation, context = found
            if is_subscription(operation) and await self._follow(
                key, request, operation=operation, context=context
            ):
                return
            if await self._answer(key, request, operation=operation, context=context):
                await self._send(id=key, type="complete")
        finally:
            # After a "complete" the id may already be another operation's.
            if self._operations.get(key) is mine:
                del self._operations[key]

    async def _follow(
        self, key: str, request: execution.Request, *, operation: Operation, context: Context
    ) -> bool:
        """Follow a subscription with others; false if it is not shared."""
        executor = self._house.executor
        follower = SocketFollower(self, key, executor.said_of(request, operation, context))
        seat = await executor.join(request, operation=operation, context=context, follower=follower)
        if seat is None:
            return False
        follower.seat = seat
        follower.straight = None if self._pumping else self._write
        self._operations[key] = follower
        seat.begin()
        return True

    async def _find(self, request: execution.Request) -> tuple[Operation, Context] | list[Any]:
        """Find the operation that is asked for; whatever is wrong with it comes as errors."""
        executor = self._house.executor
        try:
            context = await self._context()
            try:
                return await executor.operation(request, context), context
            except RefusedDocumentError as refused:
                errors: list[Any] = executor.refusal(refused, context)["errors"]
                return errors
        except Exception as error:  # noqa: BLE001  # logged and masked
            return [failed(error, request_id=self._scope["state"]["request_id"])]

    async def _answer(
        self, key: str, request: execution.Request, *, operation: Operation, context: Context
    ) -> bool:
        """Send an operation's results; false when it ended in an error message."""
        mine = asyncio.current_task()
        if mine is not None and not is_subscription(operation):
            self._brief.add(mine)
            mine.add_done_callback(self._brief.discard)
        results = self._house.executor.results(request, operation=operation, context=context)
        # Closed here and now, so that its listener is gone when this task is.
        async with aclosing(results):
            async for body in results:
                if not await self._next(key, body):
                    return False
        return True

    async def _next(self, key: str, body: Response) -> bool:
        if "data" not in body and "hasNext" not in body:
            await self._send(id=key, type="error", payload=body["errors"])
            return False
        await self._send(id=key, type="next", payload=body)
        return True


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def _raise(error: Exception) -> None:
    raise error
