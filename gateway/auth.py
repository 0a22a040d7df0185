"""Who is calling: reads the access token of a request or a socket's first message."""

import asyncio
from collections.abc import Mapping
from ipaddress import IPv6Network
from typing import Any

import structlog
from starlette.types import Scope

from resolvers.context import Context, Services
from services.access import Principal
from services.opaque import API_TOKEN
from services.tokens import InvalidTokenError

SCHEME = "bearer "
REFRESH = "Sign in again or refresh the session."
RECHECK_SECONDS = 5.0
"""How often whoever listens with an API token is asked for again: it may have been revoked."""

log = structlog.get_logger(__name__)


async def principal_of(
    header: str | None, *, services: Services
) -> tuple[Principal | None, str | None]:
    """Return who an Authorization header speaks for, or else why it speaks for nobody.

    A bad token is no failure of the request: signing in and refreshing must still work with it.
    """
    if not header:
        return None, None
    if header[: len(SCHEME)].lower() != SCHEME:
        return None, "The Authorization header must read: Bearer, a blank, a token."
    token, now = header[len(SCHEME) :].strip(), services.clock()
    try:
        if token.startswith(API_TOKEN):
            return await services.api_tokens.read(token, now=now), None
        return services.tokens.read_access(token, now=now), None
    except InvalidTokenError as error:
        advice = "Create another." if token.startswith(API_TOKEN) else REFRESH
        return None, f"{error} {advice}"


def address_of(scope: Scope) -> str:
    """Return where a request comes from; of IPv6 the network, as one caller has all of it."""
    host: str = (scope.get("client") or ("", 0))[0]
    if ":" not in host:
        return host
    try:
        return str(IPv6Network((host.partition("%")[0], 64), strict=False))
    except ValueError:
        return host


async def context_for(
    services: Services, *, authorization: str | None, request_id: str, address: str = ""
) -> Context:
    """Build the context of one operation."""
    principal, failure = await principal_of(authorization, services=services)
    context = Context(
        services=services, principal=principal, request_id=request_id, address=address
    )
    if failure is not None:
        context.auth_failure = failure
    return context


async def lapse(authorization: str | None, *, services: Services) -> str | None:
    """Wait until a header no longer speaks for anybody, and return why; null if it never did."""
    spoke = False
    while True:
        try:
            principal, failure = await principal_of(authorization, services=services)
        except Exception:
            log.exception("token_not_checked")  # the next time may tell
            await asyncio.sleep(RECHECK_SECONDS)
            continue
        if principal is None:
            return failure if spoke else None
        spoke = True
        left = (principal.expires_at - services.clock()).total_seconds()
        if principal.api_token_id is None or left <= RECHECK_SECONDS:
            await asyncio.sleep(max(0.0, left))
            kind = "access" if principal.api_token_id is None else "API"
            return f"The {kind} token has expired."
        await asyncio.sleep(RECHECK_SECONDS)


def authorization_in(payload: Mapping[str, Any]) -> str | None:
    """Find the Authorization entry of a connection_init payload, whatever its capitals."""
    for name, value in payload.items():
        if name.lower() == "authorization" and isinstance(value, str):
            return value
    return None
