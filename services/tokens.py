"""Tokens: short-lived signed access tokens, and random refresh tokens stored as hashes."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import jwt

from services.access import Principal

ALGORITHM = "HS256"
AUDIENCE = "folioql"
KEPT = 1_000
"""Access tokens whose signature is not checked again."""


class InvalidTokenError(Exception):
    """A token is malformed, forged, expired or revoked; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Issues and reads tokens under one secret."""

    secret: str
    access_lifetime: timedelta = timedelta(minutes=15)
    refresh_lifetime: timedelta = timedelta(days=30)

    def issue_access(self, user_id: int, *, now: datetime) -> tuple[str, datetime]:
        """Return a signed access token and when it expires."""
        expires_at = now.replace(microsecond=0) + self.access_lifetime
        claims = {
            "sub": str(user_id),
            "aud": AUDIENCE,
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        return jwt.encode(claims, self.secret, algorithm=ALGORITHM), expires_at

    def read_access(self, token: str, *, now: datetime) -> Principal:
        """Return who an access token speaks for; raises InvalidTokenError."""
        try:
            user_id, expires = _claims(token, self.secret)
            expires_at = datetime.fromtimestamp(expires, tz=now.tzinfo)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise InvalidTokenError("The access token is not valid.") from error
        if expires_at <= now:
            raise InvalidTokenError("The access token has expired.")
        return Principal(user_id=user_id, expires_at=expires_at)


@lru_cache(KEPT)
def _claims(token: str, secret: str) -> tuple[int, int]:
    """Return whom a token speaks for and until when; only what is genuine is kept."""
    claims = jwt.decode(
        token,
        secret,
        algorithms=[ALGORITHM],
        audience=AUDIENCE,
        # Judged each time, by our own clock.
        options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False},
    )
    return int(claims["sub"]), claims["exp"]


def new_refresh_token() -> str:
    """Return a fresh random refresh token."""
    return secrets.token_urlsafe(32)


def hash_refresh_token(token: str) -> str:
    """Return what is stored of a refresh token: it is random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
