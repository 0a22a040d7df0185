"""The server as it is served, in a hurry: it gives up on clients within a second, and tells more.

It prints its port and ends with its standard input; `/tasks` tells how many tasks it has.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse

from benchmarks.peers.running import serve
from gateway.app import create_app
from gateway.server import collect_seldom, options_of
from gateway.settings import load_settings
from gateway.telemetry import configure_logging
from gateway.transports import direct
from gateway.transports.streams import Patience


async def tasks(_: Request) -> PlainTextResponse:
    """Tell how many tasks there are."""
    return PlainTextResponse(str(len(asyncio.all_tasks())))


def main() -> None:
    """Serve until standard input ends."""
    settings = load_settings(metrics=True)
    configure_logging("warning")
    direct.CUT_SECONDS = 0.5
    application = create_app(settings, patience=Patience(pulse=0.5, send=1.0))
    application.add_route("/tasks", tasks)
    collect_seldom()
    options = options_of(settings) | {"app": application, "factory": False}
    serve(options.pop("app"), **options)


if __name__ == "__main__":
    main()
