"""Opaque tokens: random texts that are shown once, found by one part and proven by a hash."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

API_TOKEN = "fql_"  # noqa: S105  # how one begins
LINK_TOKEN = "fqs_"  # noqa: S105  # how one begins

_FORM = re.compile(r"(fql_|fqs_)([A-Za-z0-9_-]{8})[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueToken:
    """A token; only ``lookup`` and ``digest`` may be stored.

    The digest is of 32 random bytes, so a plain hash is enough.
    """

    text: str
    lookup: str

    def __repr__(self) -> str:
        """Keep the secret out of logs."""
        return f"OpaqueToken({self.lookup})"

    @property
    def digest(self) -> str:
        """Return what proves the token."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def proves(self, stored: str | None) -> bool:
        """Tell whether this is the token of a stored digest, in the same time for any other."""
        return stored is not None and hmac.compare_digest(self.digest, stored)


def new_token(prefix: str) -> OpaqueToken:
    """Return a fresh random token."""
    lookup = secrets.token_urlsafe(6)
    return OpaqueToken(text=f"{prefix}{lookup}{secrets.token_urlsafe(32)}", lookup=lookup)


def read_token(text: str, *, prefix: str) -> OpaqueToken | None:
    """Read a text as a token; null for anything of another form."""
    found = _FORM.fullmatch(text)
    if found is None or found[1] != prefix:
        return None
    return OpaqueToken(text=text, lookup=found[2])
