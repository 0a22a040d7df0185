"""Servers in processes of their own, on a core of their own, that end with this one."""

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60
"""Seconds that a server has to say its port."""

LOG_SHOWN = 4000
"""Characters of the end of a server's log."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    process_id: int
    url: str

    def cpu_seconds(self) -> float:
        """Return the processor's time that it took so far, where Linux tells."""
        path = Path(f"/proc/{self.process_id}/stat")
        if not path.exists():
            return float("nan")
        # Behind the name in brackets, which may hold blanks, the 12th and 13th.
        fields = path.read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Return the bytes of memory that it has, where Linux tells."""
        path = Path(f"/proc/{self.process_id}/statm")
        if not path.exists():
            return float("nan")
        return int(path.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cores() -> tuple[int, int]:
    """Return the core for a server and the core for the load on it, different if there are two."""
    if not hasattr(os, "sched_getaffinity"):
        return 0, 0
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Let processes that are started meanwhile run on one core only, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def started(
    command: Sequence[str], *, core: int, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a server that prints its port first and ends when its standard input does.

    So it ends with this process, however that ends. What it logged is shown if something fails.
    """
    with tempfile.TemporaryFile() as log:
        with on_core(core):
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | (environment or {}),
            )
        try:
            yield Server(process.pid, f"http://127.0.0.1:{_port(process)}/graphql")
        except Exception:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-LOG_SHOWN:])
            raise
        finally:
            process.kill()
            process.communicate()


def _port(process: subprocess.Popen[bytes]) -> int:
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    line = process.stdout.readline() if ready and process.stdout else b""
    if not line.strip().isdigit():
        raise RuntimeError(f"{process.args} did not start")
    return int(line)
