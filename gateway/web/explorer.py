"""GraphiQL, from files that ship inside the package."""

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

HERE = Path(__file__).parent
FILES = HERE / "graphiql"
DOCUMENTS = HERE / "documents"
ASSETS = "/graphiql"

MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the editor sets styles of its own at run time
        "font-src 'self' data:",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FolioQL explorer</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{assets}/explorer.css?{version}">
</head>
<body>
<div id="explorer">Loading …</div>
<script type="application/json" id="settings">{settings}</script>
<script src="{assets}/explorer.js?{version}"></script>
</body>
</html>
"""


@cache
def _packed() -> dict[str, bytes]:
    """Read every asset once: its gzip form by its plain name."""
    return {path.name.removesuffix(".gz"): path.read_bytes() for path in FILES.glob("*.gz")}


@cache
def _version() -> str:
    digest = hashlib.sha256(b"".join(data for _, data in sorted(_packed().items())))
    return digest.hexdigest()[:12]


def default_tabs() -> list[dict[str, str]]:
    """Return the documents that a new visitor finds opened, in order."""
    tabs = []
    for path in sorted(DOCUMENTS.glob("*.graphql")):
        variables = path.with_suffix(".json")
        tabs.append(
            {
                "query": path.read_text(encoding="utf-8"),
                "variables": variables.read_text(encoding="utf-8") if variables.is_file() else "",
            }
        )
    return tabs


def explorer_page(*, endpoint: str, demo: bool) -> Response:
    """Build the page."""
    settings = {"endpoint": endpoint, "demo": demo, "defaultTabs": default_tabs()}
    return HTMLResponse(
        PAGE.format(
            assets=ASSETS,
            version=_version(),
            # A closing tag inside the JSON would end the script element.
            settings=json.dumps(settings).replace("<", "\\u003c"),
        ),
        headers={
            "content-security-policy": POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
        },
    )


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    packed = _packed().get(name)
    if packed is None:
        return Response(status_code=404)
    headers = {
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
        "vary": "accept-encoding",
    }
    media_type = MEDIA_TYPES[Path(name).suffix]
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            packed, media_type=media_type, headers=headers | {"content-encoding": "gzip"}
        )
    return Response(gzip.decompress(packed), media_type=media_type, headers=headers)


def explorer_routes() -> list[BaseRoute]:
    """Return the routes of the page's assets."""
    return [Route(f"{ASSETS}/{{name}}", _asset, methods=["GET"])]
