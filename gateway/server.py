"""Serves the application, in this process or in several that share one socket."""

import gc
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

YOUNG_OBJECTS = 20_000
"""New objects, less those gone again, after which garbage is looked for."""


def build(settings: Settings) -> FastAPI:
    """Build the application of one process, and set up the logs of that process."""
    configure_logging(settings.log_level)
    application = create_app(settings)
    close_at_signal(application.patience.closing)
    collect_seldom()
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


def serve(settings: Settings, *, workers: int) -> None:
    """Serve until told to stop; all processes get these settings, and the same secret."""
    configure_logging(settings.log_level)
    secret = SecretStr(settings.signing_secret())  # the demo's is made up: once, not per process
    options: dict[str, Any] = {
        "app": partial(build, settings.model_copy(update={"secret": secret})),
        "factory": True,
        "host": settings.host,
        "port": settings.port,
        "workers": workers,
        "log_config": None,
        "access_log": False,
        # Elsewhere a client could say anything about where it is.
        "forwarded_allow_ips": list(settings.trusted_proxies),
        "ws": "websockets-sansio",
        "ws_max_size": 2 * settings.max_body_bytes,
        # Compressing costs memory for each socket and time for each message, which are short.
        "ws_per_message_deflate": False,
        "timeout_graceful_shutdown": 5,
        "timeout_worker_healthcheck": 30,  # a new process first has to import everything
    }
    if workers == 1:
        uvicorn.run(**options)
        return
    create_app(settings)  # what is wrong with it is told here once, not by each process
    # uvicorn.run would start several from an import string only, so without these settings.
    config = uvicorn.Config(**options)
    Multiprocess(config, sockets=[config.bind_socket()]).run()
