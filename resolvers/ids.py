"""Global ids: opaque to clients, versioned so that their form can change."""

import base64
import binascii
from dataclasses import dataclass

VERSION = "1"
MAX_LENGTH = 100


@dataclass(frozen=True, slots=True)
class NodeKey:
    """What a global id stands for: a type of the schema and a row's key."""

    type_name: str
    key: int


def encode_id(type_name: str, key: int | None) -> str:
    """Build the global id of a row."""
    text = f"{VERSION}:{type_name}:{key}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_id(text: str) -> NodeKey | None:
    """Read a global id; null for anything that is not one of ours."""
    if len(text) > MAX_LENGTH:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        version, type_name, key = raw.split(":")
        found = NodeKey(type_name, int(key))
    except (binascii.Error, ValueError):
        return None
    if version != VERSION or not 0 < found.key < 2**63 or encode_id(type_name, found.key) != text:
        return None
    return found


def key_of(text: str, *, type_name: str) -> int | None:
    """Return the row key of a global id of one type; null for any other text."""
    found = decode_id(text)
    return found.key if found is not None and found.type_name == type_name else None
