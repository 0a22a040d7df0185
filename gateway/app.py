"""The application: routes, lifespan and middleware around one GraphQL endpoint."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from datasources.protocols import Clock
from gateway.documents import Documents
from gateway.metrics import CONTENT_TYPE, LiveCollector, metrics_of
from gateway.persisted import PersistedDocuments, trusted_documents
from gateway.resources import open_services, utc_now
from gateway.schema import executed_by, outcomes_of, schema
from gateway.settings import Settings
from gateway.telemetry import RequestLog
from gateway.token_route import issue_token
from gateway.transports.crowds import Crowd
from gateway.transports.execution import Executor
from gateway.transports.http import METHODS, GraphQLOverHttp
from gateway.transports.streams import Patience
from gateway.transports.websocket import GraphQLOverSockets, House
from gateway.transports.whole import offer
from gateway.web.explorer import explorer_page, explorer_routes
from models.migrate import is_migrated

ENDPOINT = "/graphql"
EXPOSED = ("X-Request-Id", "ETag", "Retry-After", "RateLimit", "RateLimit-Policy")
"""What pages of other sites may read beside the answer."""


class Gateway(FastAPI):
    """An ordinary FastAPI application, but for requests to the GraphQL endpoint.

    They go straight there: routing, and middleware that a route may need, cost more than a short
    answer does.
    """

    graphql: ASGIApp
    """Answers requests to the endpoint; there from when the lifespan begins."""
    sockets: ASGIApp
    """Serves sockets there."""
    patience: Patience
    """How long streams wait, and what ends them all."""

    cors: ASGIApp | None = None
    """Stands before everything where pages of other sites may use us."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, socket or lifespan."""
        if scope["type"] == "http":
            offer(scope, send)
        await (self.cors or self.serve)(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what may be served."""
        if scope["type"] == "http" and scope["path"] == ENDPOINT:
            await self.graphql(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] == ENDPOINT:
            await self.sockets(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def safety_headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Return what keeps browsers from taking an answer for anything but data."""
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    ]
    if settings.hsts_seconds:
        value = f"max-age={settings.hsts_seconds}; includeSubDomains"
        headers.append((b"strict-transport-security", value.encode()))
    return headers


def create_app(
    settings: Settings, *, clock: Clock = utc_now, patience: Patience | None = None
) -> Gateway:
    """Build the application; its services open with the lifespan."""
    patience = patience or Patience()
    settings.signing_secret()  # refuse to start rather than to fail the first sign-in
    headers = safety_headers(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings, clock=clock) as services:
            application.state.services = services
            endpoint = GraphQLOverHttp(
                executor,
                services=services,
                settings=settings,
                explorer=(
                    (lambda: explorer_page(endpoint=ENDPOINT, demo=settings.demo))
                    if settings.explorer
                    else None
                ),
                patience=patience,
                crowd=crowd,
            )
            sockets = GraphQLOverSockets(
                House(
                    executor=executor,
                    services=services,
                    patience=patience,
                    crowd=crowd,
                    max_message_bytes=settings.max_body_bytes,
                    origins=settings.cors_origins,
                )
            )
            application.graphql = RequestLog(endpoint, headers)
            application.sockets = RequestLog(sockets)
            yield
            await endpoint.close()
            await executor.close()

    application = Gateway(
        title="FolioQL",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        routes=explorer_routes() if settings.explorer else None,
    )
    application.patience = patience
    application.add_middleware(RequestLog, headers=headers)
    if settings.cors_origins:
        application.cors = CORSMiddleware(
            application.serve,
            allow_origins=settings.cors_origins,
            allow_methods=METHODS,
            allow_headers=("*",),  # whatever a client of these sites says of itself
            allow_credentials=settings.cors_credentials,
            expose_headers=EXPOSED,
        )
    documents = Documents(
        schema._schema,  # noqa: SLF001  # there is no other way to it
        limits=settings.document_limits,
        introspection=settings.introspection,
    )
    manifest = settings.trusted_documents
    persisted = PersistedDocuments(
        trusted_documents(manifest, documents) if manifest else None, only=settings.trusted_only
    )
    executor = Executor(
        executed_by(schema, settings.engine, as_json=True),
        documents,
        persisted,
        suggestions=settings.introspection,  # who may read the schema may be told of it
    )

    crowd = Crowd(settings.max_sockets)

    @application.post("/auth/token")
    async def token(request: Request) -> Response:
        services = request.app.state.services
        return await issue_token(request, services, patience=patience.receive)

    @application.get("/healthz")
    async def alive() -> Response:
        return JSONResponse({"status": "alive"})

    @application.get("/readyz")
    async def ready(request: Request) -> Response:
        database = request.app.state.services.database
        try:
            migrated = await is_migrated(database)
        except Exception:  # noqa: BLE001  # whatever keeps the database away, we are not ready
            return JSONResponse({"status": "the database cannot be reached"}, status_code=503)
        if not migrated:
            return JSONResponse({"status": "the database is not migrated"}, status_code=503)
        return JSONResponse({"status": "ready"})

    if settings.metrics:

        @application.get("/metrics")
        async def metrics(request: Request) -> Response:
            services = request.app.state.services
            told = metrics_of(
                services.market,
                live=LiveCollector(
                    services.feed,
                    alerts=services.alerts.watched,
                    sockets=crowd.sockets,
                    executions=executor.shared_executions,
                ),
                operations=outcomes_of(executor.schema),
                beyond_limits=executor.documents.beyond_limits,
            )
            return Response(told, media_type=CONTENT_TYPE)

    @application.get("/")
    async def home() -> Response:
        return RedirectResponse(ENDPOINT)

    return application
