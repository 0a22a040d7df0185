"""The one door to vendors' sockets: bounded in time and size, watched for silence, redacted.

A provider says where to connect, what to send and how to read an event; everything that vendors'
sockets have in common is here. A socket that ends raises: whoever listens connects anew.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode, urlsplit, urlunsplit

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.protocol import Event

from datasources.errors import (
    BadPayloadError,
    InvalidRequestError,
    ProviderError,
    UnavailableError,
)
from datasources.http import AGENT, Answer, Upstream, check_status
from models.market import Quote, QuoteQuality

log = structlog.get_logger(__name__)

OPENING = 10.0
"""Seconds that it may take to open a socket, to be let in, or to send."""

CLOSING = 1.0
MAX_FRAME = 1_000_000
QUIET_BEATS = 3
"""After so many beats without a sign of life, be it the answer to a ping, a socket is dead."""

TIMELY = timedelta(minutes=1)
"""A price that was made so lately does not come from a delayed feed."""

UNREADABLE = (
    BadPayloadError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
)

# The package logs handshakes with the address, and with the key that some vendors want there: this
# logger is known to nobody, so that no configuration of logging turns it on.
_UNHEARD = logging.Logger("unheard", level=logging.CRITICAL + 1)  # noqa: LOG001


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What is fixed about a vendor's socket.

    The key goes into ``key_parameter`` of the address where a vendor wants it there. Every ``beat``
    seconds there is a ping, and ``heartbeat`` where the vendor wants one of its own.
    """

    url: str
    key_parameter: str | None = None
    beat: float = 10.0
    heartbeat: Mapping[str, Any] | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class _Connection(ClientConnection):
    """Notes that anything came, pings and their answers as well."""

    heard = True

    def process_event(self, event: Event) -> None:
        self.heard = True
        super().process_event(event)


class _Connect(connect):
    """Follows no redirect: the key is for the vendor alone."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Socket:
    """An open socket; nothing that it raises or shows has the key in it."""

    def __init__(self, connection: _Connection, *, upstream: Upstream, stream: Stream) -> None:
        self._connection = connection
        self._upstream = upstream
        self._stream = stream
        self._reading = False
        self._silent = False
        self._malformed = 0
        self._shown: dict[str, datetime] = {}

    async def send(self, message: object) -> None:
        """Send a message as JSON; that a socket is closed is told when it is read."""
        try:
            async with asyncio.timeout(OPENING):
                await self._connection.send(json.dumps(message))
        except TimeoutError:
            raise UnavailableError("took too long") from None
        except ConnectionClosed:
            pass  # what came before, such as the reason, is still there to be read

    async def sign(self, message: Callable[[str], object]) -> None:
        """Send the message that is made of the key."""
        await self.send(message(self._upstream.key.get_secret_value()))

    async def receive(self) -> Answer:
        """Return the next frame; raises UnavailableError or BadPayloadError at the end."""
        self._reading = True
        try:
            body = await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise self._end(error) from None
        finally:
            self._reading = False
        return Answer(status=200, headers={}, body=body, received_at=self._upstream.clock())

    async def until(self, done: Callable[[Answer], bool]) -> None:
        """Read until a frame says that it is done; raises ProviderError if none does in time."""
        try:
            async with asyncio.timeout(OPENING):
                while not self._admitted(done, await self.receive()):
                    pass
        except TimeoutError:
            raise UnavailableError("took too long") from None

    def _admitted(self, done: Callable[[Answer], bool], frame: Answer) -> bool:
        try:
            return done(frame)
        except UNREADABLE as error:
            self._drop(error)
            return False

    async def quotes(
        self,
        events: Callable[[Answer], Iterable[Any]],
        read: Callable[[Any, datetime], Quote | None],
    ) -> list[Quote]:
        """Return the quotes in the events of the next frame, the newest of each symbol.

        No symbol goes back in time. What is not in the documented form is counted and dropped; any
        other error that ``events`` and ``read`` raise ends the stream.
        """
        frame = await self.receive()
        newest: dict[str, Quote] = {}
        for quote in self._found(frame, events, read):
            shown = self._shown.get(quote.symbol)
            if shown is None or quote.as_of >= shown:
                self._shown[quote.symbol] = quote.as_of
                newest[quote.symbol] = quote
        return list(newest.values())

    def _found(
        self,
        frame: Answer,
        events: Callable[[Answer], Iterable[Any]],
        read: Callable[[Any, datetime], Quote | None],
    ) -> Iterable[Quote]:
        try:
            several = list(events(frame))
        except UNREADABLE as error:
            self._drop(error)
            return
        for event in several:
            try:
                quote = read(event, frame.received_at)
            except UNREADABLE as error:
                self._drop(error)
            else:
                if quote is not None:
                    yield quote

    def _drop(self, error: Exception) -> None:
        self._upstream.malformed += 1
        self._malformed += 1
        if self._malformed == 1:  # a flood of them is no flood of logs
            name = self._upstream.vendor.name
            log.warning("stream_malformed", provider=name, error=type(error).__name__)

    def _end(self, error: ConnectionClosed) -> ProviderError:
        if self._silent:
            return UnavailableError("silent for too long")
        if error.sent is not None and not error.rcvd_then_sent:
            if error.sent.code == CloseCode.MESSAGE_TOO_BIG:
                return BadPayloadError("a frame is too large")
            if error.sent.code == CloseCode.PROTOCOL_ERROR:
                return BadPayloadError("not the protocol of sockets")
        code = CloseCode.ABNORMAL_CLOSURE if error.rcvd is None else error.rcvd.code
        return UnavailableError(f"closed ({int(code)})")

    async def watch(self) -> None:
        """Give signs of life, and break the socket off when the other side gives none."""
        quiet = 0
        while True:
            await self._stream.sleep(self._stream.beat)
            heard, self._connection.heard = self._connection.heard, False
            # What nobody reads is not taken from the wire, and says nothing about the other side.
            quiet = quiet + 1 if self._reading and not heard else 0
            if quiet == QUIET_BEATS:
                self._silent = True
                self._connection.transport.abort()
                return
            with suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(OPENING):
                    if self._stream.heartbeat is not None:
                        await self._connection.send(json.dumps(self._stream.heartbeat))
                    await self._connection.ping()

    def __repr__(self) -> str:
        return f"Socket({self._upstream.vendor.name})"


@asynccontextmanager
async def open_socket(upstream: Upstream, stream: Stream) -> AsyncIterator[Socket]:
    """Open a vendor's socket for as long as the block lasts; raises ProviderError if it cannot be.

    With another address than the vendor's own the socket is there, under the vendor's path.
    """
    connection = await _open(upstream, stream)
    socket = Socket(connection, upstream=upstream, stream=stream)
    watch = asyncio.create_task(socket.watch())
    try:
        yield socket
    except ProviderError as error:
        error.args = (upstream.redact(str(error)),)
        raise error from None
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await connection.close()


async def _open(upstream: Upstream, stream: Stream) -> _Connection:
    try:
        opened = await _Connect(
            _address(upstream, stream),
            create_connection=_Connection,
            additional_headers=upstream.vendor.headers,
            user_agent_header=AGENT,
            open_timeout=OPENING,
            close_timeout=CLOSING,
            ping_interval=None,
            max_size=MAX_FRAME,
            logger=_UNHEARD,
        )
    except InvalidStatus as error:
        raise _refusal(upstream, error.response) from None
    except TimeoutError:
        raise UnavailableError("took too long") from None
    except (OSError, WebSocketException) as error:
        raise UnavailableError(f"cannot be reached ({type(error).__name__})") from None
    return cast("_Connection", opened)


def _address(upstream: Upstream, stream: Stream) -> str:
    url = urlsplit(stream.url)
    if upstream.override:
        base = urlsplit(upstream.override)
        url = url._replace(scheme=base.scheme.replace("http", "ws"), netloc=base.netloc)
    key = upstream.key.get_secret_value()
    if stream.key_parameter and key:
        url = url._replace(query=urlencode({stream.key_parameter: key}))
    return urlunsplit(url)


def _refusal(upstream: Upstream, response: Response) -> ProviderError:
    """Return what it means that a vendor opened no socket."""
    answer = Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.raw_items()},
        body=bytes(response.body),
        received_at=upstream.clock(),
    )
    words = f"opened no socket (HTTP {answer.status})"
    if answer.status in {401, 403} and answer.text().lstrip().startswith("<"):
        return UnavailableError(words)  # a page is from the edge, and knows neither key nor plan
    try:
        upstream.vendor.check(answer)
        check_status(answer)
    except UNREADABLE:
        return UnavailableError(words)
    except ProviderError as error:
        return error
    return UnavailableError(words)


def check_number(symbols: Collection[str], limit: int) -> None:
    """Raise InvalidRequestError for more symbols than one socket may follow."""
    if len(symbols) > limit:
        raise InvalidRequestError(f"too many symbols: {len(symbols)}, where {limit} are allowed")


def quality_of(as_of: datetime, received_at: datetime) -> QuoteQuality:
    """Return how far to trust a price whose vendor does not tell its delay: its age tells."""
    return QuoteQuality.FRESH if received_at - as_of <= TIMELY else QuoteQuality.DELAYED
