"""GraphiQL, from files that ship inside the package."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.transports.negotiation import accepts_gzip

HERE = Path(__file__).parent
FILES = HERE / "graphiql"
DOCUMENTS = HERE / "documents"
ASSETS = "/graphiql-assets"

MEDIA_TYPES = {
    "NOTICES.txt": "text/plain; charset=utf-8",
    "editor.worker.js": "text/javascript; charset=utf-8",
    "explorer.css": "text/css; charset=utf-8",
    "explorer.js": "text/javascript; charset=utf-8",
    "graphql.worker.js": "text/javascript; charset=utf-8",
    "json.worker.js": "text/javascript; charset=utf-8",
}

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; "
    "style-src 'self' 'unsafe-inline'; "  # the editor sets styles of its own at run time
    "font-src 'self' data:; img-src 'self' data:; "
    "connect-src 'self'; "  # sockets of the same origin included
    "frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"  # the sign-in form is sent by the script
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>FolioQL explorer</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{assets}/explorer.css?{version}">
</head>
<body>
<div id="explorer">Loading …</div>
<noscript>The explorer needs JavaScript.</noscript>
<script type="application/json" id="settings">{settings}</script>
<script src="{assets}/explorer.js?{version}"></script>
</body>
</html>
"""

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='3' fill='%23b8057f'/%3E"
    "%3Cpath d='M3 12l4-5 3 3 3-6' fill='none' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E"
)


@dataclass(frozen=True)
class Asset:
    """One file of the explorer, compressed."""

    packed: bytes
    media_type: str
    digest: str


def _read(name: str) -> Asset:
    compressed = FILES / f"{name}.gz"
    if compressed.is_file():
        packed = compressed.read_bytes()
    else:
        packed = gzip.compress((FILES / name).read_bytes(), mtime=0)
    return Asset(packed, MEDIA_TYPES[name], hashlib.sha256(packed).hexdigest()[:16])


@cache
def _assets() -> Mapping[str, Asset]:
    """Read the whole table once: nothing outside it can ever be served."""
    return {name: _read(name) for name in MEDIA_TYPES}


@cache
def _version() -> str:
    """Return one name for the state of all assets: a page and its workers change together."""
    digests = "".join(asset.digest for asset in _assets().values())
    return hashlib.sha256(digests.encode()).hexdigest()[:16]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").rstrip() if path.is_file() else ""


def default_tabs() -> list[dict[str, str]]:
    """Return the documents that a new visitor finds opened, in order."""
    return [
        {"query": _text(path), "variables": _text(path.with_suffix(".json"))}
        for path in sorted(DOCUMENTS.glob("*.graphql"))
    ]


@cache
def _page(*, endpoint: str, demo: bool) -> str:
    settings = {"endpoint": endpoint, "demo": demo, "defaultTabs": default_tabs()}
    return PAGE.format(
        assets=ASSETS,
        icon=ICON,
        version=_version(),
        # A closing tag inside the JSON would end the script element.
        settings=json.dumps(settings).replace("<", "\\u003c"),
    )


def explorer_page(*, endpoint: str, demo: bool) -> Response:
    """Build the answer to a browser that opens the GraphQL endpoint."""
    return HTMLResponse(
        _page(endpoint=endpoint, demo=demo),
        headers={
            "content-security-policy": POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cache-control": "no-cache",
            "vary": "accept",  # the same address answers GraphQL requests
        },
    )


def _answer(request: Request) -> Response:
    """Serve one asset; not a coroutine, since unpacking takes a thread's time."""
    asset = _assets().get(request.path_params["name"])
    if asset is None:
        return Response("There is no such file.\n", status_code=404, media_type="text/plain")
    gzipped = accepts_gzip(request.headers.get("accept-encoding", ""))
    etag = f'"{asset.digest}{"-gzip" if gzipped else ""}"'
    # Only an address with the right version may be kept for ever.
    versioned = request.url.query == _version()
    headers = {
        "cache-control": "public, max-age=31536000, immutable" if versioned else "no-cache",
        "cross-origin-resource-policy": "same-origin",
        "etag": etag,
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
    }
    known = request.headers.get("if-none-match", "").split(",")
    if etag in {tag.strip().removeprefix("W/") for tag in known}:
        return Response(status_code=304, headers=headers)
    if gzipped:
        headers["content-encoding"] = "gzip"
    body = asset.packed if gzipped else gzip.decompress(asset.packed)
    return Response(body, media_type=asset.media_type, headers=headers)


def explorer_routes(path: str = ASSETS) -> list[BaseRoute]:
    """Return the routes of the page's assets, all of them read by now."""
    _assets()
    return [Route(f"{path}/{{name}}", _answer, methods=["GET"])]
