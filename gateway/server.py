"""Serves the application, in this process or in several that share one socket."""

import gc
import sys
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from uvicorn.supervisors import Multiprocess

from gateway.app import create_app
from gateway.settings import Settings
from gateway.shutdown import close_at_signal
from gateway.telemetry import configure_logging
from gateway.transports.direct import DirectProtocol
from gateway.transports.whole import WholeProtocol

TURN_SECONDS = 0.001

YOUNG_OBJECTS = 20_000
"""New objects, less those gone again, after which garbage is looked for."""


def build(settings: Settings) -> FastAPI:
    """Build the application of one process, and set up the logs of that process."""
    configure_logging(settings.log_level)
    application = create_app(settings)
    close_at_signal(application.patience.closing)
    collect_seldom()
    take_short_turns()
    return application


def collect_seldom() -> None:
    """Keep the garbage collector from costing more than the answers do.

    What was imported stays: going over it again at each full collection would stop answers for a
    tenth of a second. And a large answer makes thousands of objects that all live until it is
    sent: going over them for each 700 new ones takes half of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def take_short_turns() -> None:
    """Let threads that work for long hand the interpreter over after a millisecond.

    The event loop asks for it several times in each answer, and would wait five each time.
    """
    sys.setswitchinterval(TURN_SECONDS)


def options_of(settings: Settings) -> dict[str, Any]:
    """Return how one process is to be served."""
    secret = SecretStr(settings.signing_secret())  # the demo's is made up: once, not per process
    return {
        "app": partial(build, settings.model_copy(update={"secret": secret})),
        "factory": True,
        "host": settings.host,
        "port": settings.port,
        "log_config": None,
        "access_log": False,
        # Elsewhere a client could say anything about where it is.
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": list(settings.trusted_proxies),
        "http": WholeProtocol,
        "ws": DirectProtocol,
        "ws_ping_interval": None,  # both ends ask one another in their own words
        "ws_max_size": 2 * settings.max_body_bytes,
        # Compressing costs memory for each socket and time for each message, which are short.
        "ws_per_message_deflate": False,
        # Longer than most proxies: who closes first must not be the one that is asked.
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 5,
        "timeout_worker_healthcheck": 30,  # a new process first has to import everything
    }


def serve(settings: Settings, *, workers: int) -> None:
    """Serve until told to stop; all processes get these settings, and the same secret."""
    configure_logging(settings.log_level)
    if workers == 1:
        uvicorn.run(**options_of(settings))
        return
    create_app(settings)  # what is wrong with it is told here once, not by each process
    # uvicorn.run would start several from an import string only, so without these settings.
    config = uvicorn.Config(**options_of(settings), workers=workers)
    Multiprocess(config, sockets=[config.bind_socket()]).run()
