"""Yahoo's stream: prices as base64 of a small protobuf message, read here field by field.

One message of some thirty fields, of which a dozen are of use, is no reason for a library and
generated code.
"""

import struct
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from datasources.errors import BadPayloadError
from datasources.http import Answer, milliseconds, number
from datasources.sockets import quality_of
from datasources.yahoo_chart import SOURCE, amount, unit_of
from models.market import Quote

Unit = tuple[str, Decimal]

TEXTS = {1: "id", 4: "currency"}
FLOATS = {
    2: "price",
    10: "day_high",
    11: "day_low",
    12: "change",
    15: "open_price",
    16: "previous_close",
}
ZIGZAGS = {3: "time", 9: "day_volume", 27: "price_hint"}
INTEGERS = {6: "quote_type"}

VARINT, FIXED_64, LENGTH, FIXED_32 = 0, 1, 2, 5
HEARTBEAT = 7
"""The type of a message that is no price."""

MOST_DECIMALS = 12


def decode(message: bytes) -> dict[str, Any]:
    """Return the fields that are of use by name, floats as exact decimals; defaults are absent."""
    found: dict[str, Any] = {}
    for field, wire, value in _fields(message):
        if field in TEXTS and wire == LENGTH:
            found[TEXTS[field]] = bytes(value).decode()
        elif field in FLOATS and wire == FIXED_32:
            found[FLOATS[field]] = _float(value)
        elif field in ZIGZAGS and wire == VARINT:
            found[ZIGZAGS[field]] = (value >> 1) ^ -(value & 1)
        elif field in INTEGERS and wire == VARINT:
            found[INTEGERS[field]] = value
        elif field in {*TEXTS, *FLOATS, *ZIGZAGS, *INTEGERS}:
            raise BadPayloadError(f"field {field} is of another type")
    return found


def _fields(message: bytes) -> Iterator[tuple[int, int, Any]]:
    """Yield number, wire type and value of each field, whether known or not."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, wire, value
            continue
        if wire == LENGTH:
            length, at = _varint(message, at)
        elif wire in {FIXED_32, FIXED_64}:
            length = 4 if wire == FIXED_32 else 8
        else:
            raise BadPayloadError("no such wire type")
        if at + length > len(message):
            raise BadPayloadError("the message is cut off")
        yield tag >> 3, wire, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at a place, seven bits a byte, and where the next thing is."""
    value = 0
    for place, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise BadPayloadError("the message is cut off")


def _float(four: bytes) -> Decimal:
    value = Decimal(struct.unpack("<f", four)[0])
    if not value.is_finite():
        raise BadPayloadError("not a number")
    return value


def messages(frame: Answer) -> list[dict[str, Any]]:
    """Return the message in a frame; none in one of another type."""
    envelope = frame.json(dict)
    if envelope["type"] != "pricing":
        return []
    return [decode(b64decode(envelope["message"], validate=True))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A symbol of ours, and what it is priced in if messages do not tell; null if unknown."""

    symbol: str
    unit: Unit | None


def read_message(
    message: Mapping[str, Any], followed: Mapping[str, Followed], *, received_at: datetime
) -> Quote | None:
    """Read a price; null for heartbeats, other symbols, and a unit that cannot be told.

    The first one after subscribing may be days old. Which exchanges are delayed is not told.
    """
    one = followed.get(message.get("id", ""))
    if one is None or message.get("quote_type") == HEARTBEAT:
        return None
    code = message.get("currency")
    unit = unit_of(code, one.symbol) if code else one.unit
    if unit is None:
        return None
    currency, factor = unit
    hint = message.get("price_hint", 0)
    last = _rounded(message.get("price"), hint, factor)
    if last is None:
        return None
    as_of = min(milliseconds(message["time"]), received_at)
    return Quote(
        symbol=one.symbol,
        price=last,
        currency=currency,
        as_of=as_of,
        received_at=received_at,
        source=SOURCE,
        quality=quality_of(as_of, received_at),
        previous_close=_rounded(_previous(message), hint, factor),
        open=_rounded(message.get("open_price"), hint, factor),
        high=_rounded(message.get("day_high"), hint, factor),
        low=_rounded(message.get("day_low"), hint, factor),
        volume=number(message.get("day_volume")),
    )


def _previous(message: Mapping[str, Any]) -> Decimal | None:
    """Return the close before: as it is told, or as the change has it."""
    found: Decimal | None = message.get("previous_close")
    if found is None and "change" in message:
        found = message["price"] - message["change"]
    return found


def _rounded(value: Decimal | None, decimals: int, factor: Decimal) -> Decimal | None:
    """Return a price rid of the noise of a binary fraction, in major units; null for none.

    Without a number of decimals, or with one that leaves nothing, its own digits decide.
    """
    if value is None:
        return None
    if 0 < decimals <= MOST_DECIMALS and (rounded := round(value, decimals)) > 0:
        return rounded * factor
    return amount(value, factor)
