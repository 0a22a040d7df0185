"""GraphQL over HTTP beside other servers of the same schema and data.

Each server is one process on one core, the load comes from another process on another core. First
all have to give the same answers.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from math import ceil
from pathlib import Path
from statistics import median
from time import perf_counter
from urllib.parse import urlsplit

import orjson

from benchmarks.load import Load, generator, put_load
from benchmarks.peers.folio import ENGINES
from benchmarks.peers.queries import QUESTIONS, Question
from benchmarks.peers.rows import as_json, make_rows
from benchmarks.peers.tables import filled_database
from benchmarks.processes import Server, cores, on_core, started
from benchmarks.running import empty_database

NODE = Path(__file__).parent / "peers" / "node"
BARE, PLAIN, JIT = "bare endpoint", "Strawberry", "Mercurius"
COMPILED = "compiled"
KEPT = "FolioQL, quotes kept"
NODE_PEERS = {JIT: "mercurius.mjs", "GraphQL Yoga": "yoga.mjs", "Apollo Server": "apollo.mjs"}
DATA = ("memory", "postgresql")
LEAST = 10
"""Answers to each connection that a measurement waits for, however slow they are."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How one server bore the load of one question for a while; milliseconds of CPU a request."""

    load: Load
    cpu: float

    @property
    def rate(self) -> float:
        """Return requests a second."""
        return self.load.requests / self.load.seconds


@dataclass(frozen=True, slots=True)
class Measured:
    """What the turns of one server came to: the medians of each figure."""

    rate: float
    p50: float
    p99: float
    cpu: float
    busy: float

    @classmethod
    def of(cls, turns: Sequence[Turn]) -> "Measured":
        """Take the medians."""
        return cls(
            rate=median(one.rate for one in turns),
            p50=median(one.load.p50 for one in turns),
            p99=median(one.load.p99 for one in turns),
            cpu=median(one.cpu for one in turns),
            busy=median(one.load.busy for one in turns),
        )


def python_peers(engines: Sequence[str]) -> dict[str, list[str]]:
    """Return the commands of the peers in Python, by title."""
    run = [sys.executable, "-m"]
    ours = {
        f"FolioQL, {engine}": [*run, "benchmarks.peers.folio", "--engine", engine]
        for engine in engines
    }
    if COMPILED in engines:
        ours[KEPT] = [*ours[f"FolioQL, {COMPILED}"], "--kept"]
    return {
        BARE: [*run, "benchmarks.peers.bare"],
        **ours,
        PLAIN: [*run, "benchmarks.peers.plain"],
    }


def installed_node() -> str | None:
    """Return what runs the peers on Node.js, installed if they were not; or say why nothing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("Peers on Node.js skipped: there is no node with npm")
        return None
    installed, wanted = NODE / "node_modules" / ".package-lock.json", NODE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        print("Installing the peers on Node.js", flush=True)
        result = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=NODE,
            capture_output=True,
            check=False,
        )
        if result.returncode:
            print(f"Peers on Node.js skipped: {result.stderr.decode(errors='replace')}")
            return None
    return node


def node_peers(data: Path) -> dict[str, list[str]]:
    """Return the commands of the peers on Node.js, by title; none where they cannot run."""
    node = installed_node()
    if node is None:
        return {}
    data.write_bytes(orjson.dumps(as_json(make_rows())))
    return {title: [node, str(NODE / file), str(data)] for title, file in NODE_PEERS.items()}


@contextmanager
def running(
    commands: Mapping[str, Sequence[str]], *, core: int, database: str | None = None
) -> Iterator[dict[str, Server]]:
    """Run all peers, over memory or a database; those that are not asked are idle."""
    environment = {"NODE_ENV": "production"} | ({"PEER_DATABASE_URL": database} if database else {})
    with ExitStack() as stack:
        environment["PEER_SERVICES_URL"] = stack.enter_context(empty_database())
        yield {
            title: stack.enter_context(started(command, core=core, environment=environment))
            for title, command in commands.items()
        }


def answer(server: Server, question: Question) -> bytes:
    """Return a server's data as text in one form, in the order that they came."""
    parts = urlsplit(server.url)
    with closing(HTTPConnection(parts.netloc, timeout=60)) as connection:
        headers = {"content-type": "application/json"}
        connection.request("POST", parts.path, question.body, headers)
        text = connection.getresponse().read()
    body = orjson.loads(text)
    if "data" not in body or "errors" in body:
        raise RuntimeError(text.decode())
    return orjson.dumps(body["data"])


def check(servers: Mapping[str, Server], questions: Sequence[Question]) -> None:
    """Make sure that all servers give the same answers."""
    for question in questions:
        answers = {title: answer(server, question) for title, server in servers.items()}
        wrong = [title for title, found in answers.items() if found != answers[BARE]]
        if wrong:
            raise RuntimeError(f"{', '.join(wrong)}: another answer to the {question.title}")


def measure(
    servers: Mapping[str, Server], question: Question, *, seconds: int, core: int
) -> dict[str, Measured]:
    """Warm servers up and put load on them by turns: what else the machine does meets all alike."""
    lengths: dict[str, float] = {}
    turns: dict[str, list[Turn]] = {title: [] for title in servers}

    def turn(title: str, least: float) -> Turn:
        server = servers[title]
        before = server.cpu_seconds()
        load = put_load(
            server.url,
            question.body,
            connections=question.connections,
            seconds=ceil(least),
            core=core,
        )
        if load.errors:
            raise RuntimeError(f"{load.errors} bad answers of {title} to the {question.title}")
        return Turn(load, (server.cpu_seconds() - before) / load.requests * 1000)

    for title, server in servers.items():
        times = []
        for _ in range(3):
            begun = perf_counter()
            answer(server, question)
            times.append(perf_counter() - begun)
        lengths[title] = LEAST * min(times) * question.connections / seconds
        turn(title, max(seconds / 2, LEAST / 5 * min(times) * question.connections))
    for _ in range(seconds):
        for title, found in turns.items():
            found.append(turn(title, lengths[title]))
    return {title: Measured.of(found) for title, found in turns.items()}


def print_heading(question: Question, beside: Sequence[str]) -> None:
    """Print what was asked, and what the columns are."""
    print(f"\n{question.title}, {question.connections} at a time")
    print(f"{'req/s beside':>72}{'CPU beside':>22}")
    names = "".join(f"{name:>12}" for name in (*beside, *beside))
    print(f"{'':22}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{names}")


def print_row(title: str, found: Measured, beside: Sequence[Measured]) -> None:
    """Print the figures of one server, and how many times those of others they are."""
    ratios = [found.rate / other.rate for other in beside]
    ratios += [found.cpu / other.cpu for other in beside]
    note = "  the load's side was the limit" if found.busy > 0.9 else ""
    print(
        f"{title:22}{found.rate:>9.0f}{found.p50:>9.2f}{found.p99:>9.2f}"
        f"{found.cpu:>9.3f}" + "".join(f"{ratio:>12.2f}" for ratio in ratios) + note,
        flush=True,
    )


def main(arguments: Sequence[str] = ()) -> None:
    """Check and measure all servers."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks serving", description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="turns of a second at least")
    parser.add_argument("--questions", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    chosen = parser.parse_args(arguments)
    server_core, load_core = cores()
    apart = "a core each" if server_core != load_core else "one core for both"
    print(f"Serving over HTTP: {apart} for the server and the load, by {generator()}")
    with tempfile.TemporaryDirectory() as folder:
        commands = python_peers(chosen.engines) | node_peers(Path(folder) / "rows.json")
        if "memory" in chosen.data:
            print("\nData in memory")
            compare(commands, chosen)
        if "postgresql" in chosen.data:
            with filled_database() as database:
                if database is None:
                    print("\nData in PostgreSQL skipped: no server answers")
                    return
                print("\nData in PostgreSQL")
                compare(commands, chosen, database=database)


def compare(
    commands: Mapping[str, Sequence[str]], chosen: argparse.Namespace, database: str | None = None
) -> None:
    """Check and measure all servers over one kind of data."""
    server_core, load_core = cores()
    questions = [QUESTIONS[name] for name in chosen.questions]
    with running(commands, core=server_core, database=database) as servers, on_core(load_core):
        check(servers, questions)
        beside = [title for title in (PLAIN, JIT) if title in servers]
        for question in questions:
            print_heading(question, beside)
            found = measure(servers, question, seconds=chosen.seconds, core=load_core)
            for title, one in found.items():
                print_row(title, one, [found[other] for other in beside])
