"""Puts load on a server from a process of its own: wrk where it is installed, else this module."""

import asyncio
import resource
import shutil
import subprocess
import sys
import tempfile
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import orjson
import uvloop

from benchmarks.processes import on_core

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How a server bore a load: latencies in milliseconds; ``busy`` is the generator's own share.

    A generator that is busy nearly all the time measured itself.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int
    busy: float


def generator() -> str:
    """Return what puts the load on."""
    return "wrk" if shutil.which("wrk") else "a client in Python"


def put_load(url: str, body: bytes, *, connections: int, seconds: int, core: int) -> Load:
    """Post a body over and over through so many connections, kept open."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        command = [sys.executable, "-m", "benchmarks.load", url, file.name]
        command += [str(connections), str(seconds)]
        if wrk := shutil.which("wrk"):
            command = [wrk, "--threads=1", f"--connections={connections}", f"--duration={seconds}s"]
            command += ["--timeout=60s", f"--script={SCRIPT}", url, "--", file.name]
        before = _children_seconds()
        with on_core(core):
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        spent = _children_seconds() - before
    found = orjson.loads(output.splitlines()[-1])
    return Load(**found, busy=spent / found["seconds"])


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _answer(reader: StreamReader) -> bool:
    """Read one answer to its end; tell whether it was a good one."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if found:
        await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    else:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    return head.split(maxsplit=2)[1] == b"200"


async def _connection(
    streams: tuple[StreamReader, StreamWriter], message: bytes, *, until: float, times: list[float]
) -> int:
    """Ask until the time is over, and return the number of bad answers."""
    reader, writer = streams
    bad = 0
    while (started := perf_counter()) < until:
        writer.write(message)
        bad += not await _answer(reader)
        times.append(perf_counter() - started)
    writer.close()
    return bad


async def _load(url: str, body: bytes, *, connections: int, seconds: float) -> dict[str, float]:
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json"
    message = f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    opened = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(connections)]
    times: list[float] = []
    started = perf_counter()
    bad = await asyncio.gather(
        *(_connection(one, message, until=started + seconds, times=times) for one in opened)
    )
    spent = perf_counter() - started
    times.sort()
    return {
        "requests": len(times),
        "seconds": spent,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[int(len(times) * 0.99)] * 1000,
        "errors": sum(bad),
    }


if __name__ == "__main__":
    url, path, connections, seconds = sys.argv[1:]
    content = Path(path).read_bytes()
    measured = _load(url, content, connections=int(connections), seconds=float(seconds))
    print(orjson.dumps(uvloop.run(measured)).decode())
