"""The vendors' sockets as their documentation and their users describe them."""

import base64
import json
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from datasources.errors import (
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Remote, Upstream
from datasources.protocols import Clock
from datasources.providers.finnhub import DIALECT as FINNHUB
from datasources.providers.finnhub import Finnhub
from datasources.providers.massive import DIALECT as MASSIVE
from datasources.providers.massive import Massive
from datasources.providers.twelve_data import DIALECT as TWELVE_DATA
from datasources.providers.twelve_data import TwelveData
from datasources.providers.yahoo import DIALECT as YAHOO
from datasources.providers.yahoo import Yahoo
from datasources.symbols import Dialect, Names
from tests.sockets import Peer
from tests.vendors import KEY

Greeting = Callable[[Peer], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class StreamStandIn:
    """One vendor's socket in good health, and its own ways of failing.

    ``greet`` plays the vendor until all is subscribed to, ``price`` is one price in one frame, and
    ``quiet`` are frames that hold none. ``said`` is what the client has to say for ``known``.
    ``faults`` gives for each documented error what is sent instead of prices.
    """

    kind: type[Remote]
    dialect: Dialect
    greet: Greeting
    price: Callable[[str, str, datetime], str]
    said: list[Any]
    quiet: tuple[str, ...]
    query: Mapping[str, str]
    path: str
    faults: Mapping[str, tuple[Greeting, type[ProviderError]]] = field(default_factory=dict)
    known: str = "AAPL"
    unserved: str

    def make(self, upstream: Upstream, clock: Clock) -> Any:
        """Build the provider."""
        return self.kind(upstream, names=Names(self.dialect), clock=clock)


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


async def hear_once(peer: Peer) -> None:
    await peer.hear()


def saying(*frames: Any, after: Greeting = hear_once) -> Greeting:
    """Send these frames where prices would come, and stay."""

    async def talk(peer: Peer) -> None:
        await after(peer)
        await peer.say(*frames)
        await peer.stay()

    return talk


def finnhub_price(symbol: str, price: str, at: datetime) -> str:
    return (
        f'{{"type":"trade","data":[{{"s":"{symbol}","p":{price},"t":{milliseconds(at)},'
        '"v":100,"c":["1","12"]}]}'
    )


FINNHUB_STAND_IN = StreamStandIn(
    kind=Finnhub,
    dialect=FINNHUB,
    greet=hear_once,
    price=finnhub_price,
    said=[{"type": "subscribe", "symbol": "AAPL"}],
    quiet=(
        '{"type":"ping"}',
        # One invalid symbol is no reason to leave the others.
        '{"type":"error","msg":"Invalid symbol"}',
    ),
    path="/",
    query={"token": KEY},
    faults={
        "too many symbols": (
            saying({"type": "error", "msg": "Subscribing to too many symbols"}),
            InvalidRequestError,
        ),
        "not in the plan": (
            saying({"type": "error", "msg": "You don't have access to this resource."}),
            NotEntitledError,
        ),
        "a wrong key": (saying({"type": "error", "msg": "Invalid API key"}), InvalidCredentialsError),
    },
    unserved="EURUSD=X",
)  # fmt: skip


def status(name: str, message: str = "") -> list[dict[str, str]]:
    """Return a status as Massive sends it: every frame is an array."""
    return [{"ev": "status", "status": name, "message": message}]


async def massive_admit(peer: Peer) -> None:
    await peer.say(status("connected", "Connected Successfully"))
    await peer.hear()
    await peer.say(status("auth_success", "authenticated"))


async def massive_greet(peer: Peer) -> None:
    """Let in; a plan with seconds and minutes, whose trades are refused, one status a channel."""
    await massive_admit(peer)
    for channel in ("AM", "A", "T"):
        asked = (await peer.hear())["params"].split(",")
        for one in asked:
            await peer.say(
                status("error", f"not authorized for {one}")
                if channel == "T"
                else status("success", f"subscribed to: {one}")
            )


def massive_price(symbol: str, price: str, at: datetime) -> str:
    end = milliseconds(at)
    return (
        f'[{{"ev":"AM","sym":"{symbol}","v":61233,"av":38811920,"op":229.9,"vw":231.41,"o":231.4,'
        f'"c":{price},"h":231.45,"l":231.38,"a":230.87,"z":148,"s":{end - 60_000},"e":{end}}}]'
    )


def massive_refusing(*frames: Any) -> Greeting:
    async def talk(peer: Peer) -> None:
        await peer.say(status("connected"))
        await peer.hear()
        await peer.say(*frames)
        await peer.stay()

    return talk


MASSIVE_STAND_IN = StreamStandIn(
    kind=Massive,
    dialect=MASSIVE,
    greet=massive_greet,
    price=massive_price,
    said=[
        {"action": "auth", "params": KEY},
        {"action": "subscribe", "params": "AM.AAPL"},
        {"action": "subscribe", "params": "A.AAPL"},
        {"action": "subscribe", "params": "T.AAPL"},
    ],
    quiet=('[{"ev":"C","p":"EUR/USD","x":"44","a":1.11731,"b":1.11729,"t":1795121941784}]', "[]"),
    path="/stocks",
    query={},
    faults={
        "a wrong key": (
            massive_refusing(status("auth_failed", "authentication failed")),
            InvalidCredentialsError,
        ),
        "no stream in the plan": (
            massive_refusing(status("auth_failed", "Your plan doesn't include websocket access.")),
            NotEntitledError,
        ),
        "too slow with the key": (massive_refusing(status("auth_timeout")), InvalidCredentialsError),
        "too many connections": (massive_refusing(status("max_connections")), RateLimitedError),
        "no channel in the plan": (
            saying(status("error", "You are not authorized"), after=massive_admit),
            NotEntitledError,
        ),
        "too slow a reader": (
            saying(status("slow_consumer"), after=massive_greet),
            UnavailableError,
        ),
        "sent away": (saying(status("force_disconnect"), after=massive_greet), UnavailableError),
    },
    unserved="VOD.L",
)  # fmt: skip


async def twelve_data_greet(peer: Peer) -> None:
    await peer.hear()
    row = {
        "symbol": "AAPL",
        "exchange": "NASDAQ",
        "country": "United States",
        "type": "Common Stock",
    }
    await peer.say({"event": "subscribe-status", "status": "ok", "success": [row], "fails": None})


def twelve_data_price(symbol: str, price: str, at: datetime) -> str:
    return (
        f'{{"event":"price","symbol":"{symbol}","currency":"USD","exchange":"NASDAQ",'
        f'"type":"Common Stock","timestamp":{int(at.timestamp())},"price":{price},'
        '"bid":231.41,"ask":231.43,"day_volume":38811920}'
    )


TWELVE_DATA_STAND_IN = StreamStandIn(
    kind=TwelveData,
    dialect=TWELVE_DATA,
    greet=twelve_data_greet,
    price=twelve_data_price,
    said=[{"action": "subscribe", "params": {"symbols": "AAPL"}}],
    quiet=(
        '{"event":"heartbeat","status":"ok"}',
        '{"event":"subscribe-status","status":"warning","success":[{"symbol":"AAPL"}],'
        '"fails":[{"symbol":"ZZZZZ"}]}',
    ),
    path="/v1/quotes/price",
    query={"apikey": KEY},
    faults={
        "no symbol can be followed": (
            saying(
                {
                    "event": "subscribe-status",
                    "status": "error",
                    "success": None,
                    "fails": [{"symbol": "AAPL"}],
                }
            ),
            InvalidRequestError,
        ),
        "a wrong key": (
            saying(
                {"event": "error", "status": "error", "code": 401, "message": "apikey is incorrect"}
            ),
            InvalidCredentialsError,
        ),
        "out of credits": (
            saying(
                {
                    "event": "error",
                    "status": "error",
                    "code": 429,
                    "message": "You have run out of API credits for the current minute.",
                }
            ),
            RateLimitedError,
        ),
    },
    unserved="FTA.IR",
)


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def pricing(
    symbol: str,
    price: float,
    at: datetime | int,
    *,
    change: float = 0.0,
    kind: int = 8,
    **more: str,
) -> str:
    """Encode Yahoo's message as its table of fields says; defaults are left out."""
    time = at if isinstance(at, int) else milliseconds(at)
    message = b"\x0a" + varint(len(symbol)) + symbol.encode()
    if price:
        message += b"\x15" + struct.pack("<f", price)
    message += b"\x18" + varint(time << 1)
    if "currency" in more:
        message += b"\x22" + varint(len(more["currency"])) + more["currency"].encode()
    message += b"\x30" + varint(kind)
    if change:
        message += b"\x65" + struct.pack("<f", change)
    message += b"\xd8\x01" + varint(2 << 1)
    return json.dumps({"type": "pricing", "message": base64.b64encode(message).decode()})


YAHOO_STAND_IN = StreamStandIn(
    kind=Yahoo,
    dialect=YAHOO,
    greet=hear_once,
    price=lambda symbol, price, at: pricing(symbol, float(price), at),
    said=[{"subscribe": ["AAPL"]}],
    quiet=('{"type":"other","message":""}', pricing("AAPL", 1.0, 1795122000000, kind=7)),
    path="/",
    query={"version": "2"},
    unserved="KIM-PL",
)

STAND_INS = (FINNHUB_STAND_IN, MASSIVE_STAND_IN, TWELVE_DATA_STAND_IN, YAHOO_STAND_IN)
