"""The OAuth2 token endpoint (RFC 6749, password and refresh grants), for ordinary tools."""

from math import ceil

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.auth import address_of
from gateway.transports.asgi import RefusedRequestError, in_time
from resolvers.context import Services
from services.accounts import SignedIn, check_credentials, refresh_session, start_session
from services.attempts import TooManyAttemptsError
from services.errors import RefusedError

MAX_FORM_BYTES = 10_000
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


def _error(code: str, description: str, *, status: int = 400) -> Response:
    return JSONResponse(
        {"error": code, "error_description": description}, status_code=status, headers=NO_STORE
    )


async def _form(request: Request) -> dict[str, str]:
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_FORM_BYTES:
        raise RefusedRequestError(413, "Send a small form with its length.")
    fields = await request.form()
    return {name: value for name, value in fields.items() if isinstance(value, str)}


async def issue_token(request: Request, services: Services, *, patience: float) -> Response:
    """Answer a token request with tokens, or with an error as the RFC has it.

    Its form has to come within so many seconds of ``patience``.
    """
    try:
        form = await in_time(_form(request), patience)
    except RefusedRequestError as refused:
        answer = _error("invalid_request", str(refused), status=refused.status)
        answer.raw_headers.extend(refused.headers)
        return answer
    grant = form.get("grant_type", "password")
    needed = {"password": ("username", "password"), "refresh_token": ("refresh_token",)}
    if grant not in needed:
        return _error("unsupported_grant_type", "Use password or refresh_token.")
    missing = [name for name in needed[grant] if not form.get(name)]
    if missing:
        return _error("invalid_request", f"Missing: {', '.join(missing)}.")
    if grant == "password" and services.attempts is not None:
        try:
            address = address_of(request.scope)
            await services.attempts.count(account=form["username"], address=address)
        except TooManyAttemptsError as full:
            wait = max(1, ceil((full.until - services.clock()).total_seconds()))
            answer = _error("temporarily_unavailable", str(full), status=429)
            answer.headers["retry-after"] = str(wait)
            return answer
    signed_in = await (_by_password if grant == "password" else _by_refresh)(form, services)
    if signed_in is None:
        return _error("invalid_grant", "The credentials or refresh token are not valid.")
    lifetime = signed_in.access_expires_at - services.clock()
    return JSONResponse(
        {
            "access_token": signed_in.access_token,
            "token_type": "bearer",
            "expires_in": max(0, int(lifetime.total_seconds())),
            "refresh_token": signed_in.refresh_token,
        },
        headers=NO_STORE,
    )


async def _by_password(form: dict[str, str], services: Services) -> SignedIn | None:
    try:
        user = await check_credentials(
            services.database,
            services.passwords,
            username=form["username"],
            password=form["password"],
        )
    except RefusedError:
        return None
    async with services.database.writing() as session:
        return await start_session(
            session, services.tokens, user_id=user.id or 0, now=services.clock()
        )


async def _by_refresh(form: dict[str, str], services: Services) -> SignedIn | None:
    async with services.database.writing() as session:
        return await refresh_session(
            session,
            services.tokens,
            refresh_token=form["refresh_token"],
            now=services.clock(),
        )
