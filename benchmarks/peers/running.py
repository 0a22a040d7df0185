"""How a peer in Python is served: by uvicorn, on a free port that its parent is told."""

import os
import socket
import sys
from threading import Thread
from typing import Any

import uvicorn

BACKLOG = 2048
"""Connections that wait to be taken, as servers have it that are started by their command."""


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def serve(application: Any, **options: Any) -> None:
    """Serve until standard input ends; the first line of output is the port."""
    Thread(target=_end_with_parent, daemon=True).start()
    listening = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(application, **{"log_config": None, "access_log": False} | options)
    uvicorn.Server(config).run(sockets=[listening])
