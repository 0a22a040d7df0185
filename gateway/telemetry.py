"""Logs: one JSON object a line, with the id of the request; never a body, header or token."""

import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from random import getrandbits
from time import perf_counter
from typing import Any

import structlog
from structlog.processors import CallsiteParameter

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_METHOD = 20
LONGEST_PATH = 200
LONGEST_EVENT = 1_000
QUIET_PATHS = {"/healthz", "/readyz"}

log = structlog.get_logger(__name__)


REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
"""The id of the request that is being served."""


def configure_logging(level: str) -> None:
    """Send our own and all libraries' records to standard error in one form."""
    shared: list[Any] = [
        _with_request,
        structlog.stdlib.add_log_level,
        structlog.processors.CallsiteParameterAdder({CallsiteParameter.PROCESS}),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Decides by the level before anything else is done.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _cut],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Strawberry logs each client's mistake with a traceback; failures.py logs what is ours.
    logging.getLogger("strawberry").setLevel(logging.CRITICAL)
    # Nor do these say anything that our line of a request or socket does not.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").addFilter(_is_not_about_one_socket)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


def _with_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say which request a record is about."""
    request_id = REQUEST.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def _cut(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Shorten what libraries log: it may be what a client has sent."""
    event["event"] = str(event["event"])[:LONGEST_EVENT]
    return event


def _is_not_about_one_socket(record: logging.LogRecord) -> bool:
    """Keep out uvicorn's lines of each socket, with the parameters of its address."""
    return not str(record.msg).startswith(('%s - "WebSocket', "connection "))


class RequestLog:
    """Gives each request an id, in the logs and as X-Request-Id, and logs how it went.

    ``headers`` go with each answer that does not have its own of the same name.
    """

    def __init__(
        self, application: Application, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        self._application = application
        self._headers = tuple(headers)
        self._names = frozenset(name for name, _ in self._headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] not in {"http", "websocket"}:
            await self._application(scope, receive, send)
            return
        request_id = f"{getrandbits(128):032x}"
        scope.setdefault("state", {})["request_id"] = request_id
        REQUEST.set(request_id)
        started = perf_counter()
        status = 0

        async def send_on(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own, always = message.get("headers", ()), self._headers
                by_name = dict(own)
                if not self._names.isdisjoint(by_name):
                    always = tuple(pair for pair in always if pair[0] not in by_name)
                message["headers"] = [*own, (b"x-request-id", request_id.encode()), *always]
            await send(message)

        try:
            await self._application(scope, receive, send_on)
        finally:
            if scope["path"] not in QUIET_PATHS and log.is_enabled_for(logging.INFO):
                log.info(
                    "request",
                    type=scope["type"],
                    method=scope.get("method", "")[:LONGEST_METHOD] or None,
                    path=scope["path"][:LONGEST_PATH],
                    status=status or None,
                    milliseconds=round((perf_counter() - started) * 1000, 1),
                )
