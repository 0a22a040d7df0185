"""Who is calling: reads the access token of a request or a socket's first message."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from resolvers.context import Context, Services
from services.tokens import InvalidTokenError, Principal, Tokens

SCHEME = "bearer "


def principal_of(
    header: str | None, *, tokens: Tokens, now: datetime
) -> tuple[Principal | None, str | None]:
    """Return who an Authorization header speaks for, or else why it speaks for nobody.

    A bad token is no failure of the request: signing in and refreshing must still work with it.
    """
    if not header:
        return None, None
    if header[: len(SCHEME)].lower() != SCHEME:
        return None, "The Authorization header must read: Bearer, a blank, an access token."
    try:
        return tokens.read_access(header[len(SCHEME) :].strip(), now=now), None
    except InvalidTokenError as error:
        return None, f"{error} Sign in again or refresh the session."


def context_for(services: Services, *, authorization: str | None, request_id: str) -> Context:
    """Build the context of one operation."""
    principal, failure = principal_of(authorization, tokens=services.tokens, now=services.clock())
    context = Context(services=services, principal=principal, request_id=request_id)
    if failure is not None:
        context.auth_failure = failure
    return context


def authorization_in(payload: Mapping[str, Any]) -> str | None:
    """Find the Authorization entry of a connection_init payload, whatever its capitals."""
    for name, value in payload.items():
        if name.lower() == "authorization" and isinstance(value, str):
            return value
    return None
