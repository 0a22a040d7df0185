"""Tokens: short-lived signed access tokens, and random refresh tokens stored as hashes."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from services.access import Principal

ALGORITHM = "HS256"
AUDIENCE = "folioql"


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
            claims = jwt.decode(
                token,
                self.secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                # Judged below by our own clock.
                options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False},
            )
            user_id = int(claims["sub"])
            expires_at = datetime.fromtimestamp(claims["exp"], tz=now.tzinfo)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise InvalidTokenError("The access token is not valid.") from error
        if expires_at <= now:
            raise InvalidTokenError("The access token has expired.")
        return Principal(user_id=user_id, expires_at=expires_at)


def new_refresh_token() -> str:
    """Return a fresh random refresh token."""
    return secrets.token_urlsafe(32)


def hash_refresh_token(token: str) -> str:
    """Return what is stored of a refresh token: it is random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
