"""Live prices for many at once, beside plain Strawberry, graphql-ws on Node.js and bare sending.

Each server is one process on one core, started anew for each row. Those who listen are another
process on another core, which does little more than to read a clock. A delay is from when the
server got a price to when the client had its message.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import Server, cores, on_core, started
from benchmarks.serving import NODE, installed_node
from gateway.resources import open_services
from gateway.settings import Settings
from models.base import row_key
from models.database import Database
from models.drafts import Draft
from models.migrate import upgrade
from models.transactions import Kind
from resolvers.context import Services
from resolvers.ids import encode_id
from services.accounts import create_user
from services.booking import book, hold_portfolio
from services.portfolios import create_portfolio
from services.preparing import prepare
from services.tokens import Tokens

SECRET = "good for benchmarks only, and long enough"
LIFETIME = timedelta(hours=2)
BOUGHT = datetime(2024, 1, 16, 15, tzinfo=UTC)
FIRST = 20
"""Sockets that are opened first, so that what a server loads at its first ones is not counted."""

SETTLING = 2.0
OURS, PLAIN, JIT, FLOOR = "FolioQL", "Strawberry", "graphql-ws", "floor"
FIELDS = "symbol price receivedAt quality"
PRICES = "subscription($of: [Symbol!]!) {{ quoteUpdated(symbols: $of{more}) {{ {fields} }} }}"
WATCHED = """subscription($id: ID!) { portfolioUpdated(portfolioId: $id, minIntervalMs: 1000) {
  name positions { symbol quantity marketValue { amount } quote { price receivedAt } } } }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How many listen to what; with ``of`` symbols each picks so many of them at random."""

    title: str
    clients: int
    rate: float = 1.0
    of: int = 1
    picks: int = 1
    portfolios: bool = False


SCENARIOS = {
    "1000": Scenario(title="1,000 sockets, one price a second", clients=1_000),
    "5000": Scenario(title="5,000 sockets, one price a second", clients=5_000),
    "10000": Scenario(title="10,000 sockets, one price a second", clients=10_000),
    "quick": Scenario(title="1,000 sockets, ten prices a second", clients=1_000, rate=10),
    "picks": Scenario(
        title="1,000 sockets, ten of a hundred symbols each, one price a second",
        clients=1_000,
        of=100,
        picks=10,
    ),
    "portfolios": Scenario(
        title="500 sockets, a portfolio of its own each, one change a second",
        clients=500,
        of=50,
        portfolios=True,
    ),
}

CROWD, MOST_EACH, TICKS = 1_000, 512, 10
"""Who listens while it is looked for what a server carries: so many sockets, with at most so many
prices a second for each; where there are more than so many a second, they are several symbols'."""

BEHIND_MS, BEHIND_SHARE = 1_000, 0.8
"""A server is behind if a message of a hundred takes longer, or fewer than such a share come."""

FINER = 2
"""How often it is looked halfway between what a server carries and what it does not."""

SMALLEST = ("--scenarios", "1000", "--seconds", "5")
"""What is measured beside all other benchmarks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How one server bore one scenario: milliseconds, KiB a socket, shares of a core."""

    opening: float
    rate: float
    p50: float
    p99: float
    conflated: float
    cpu: float
    core: float
    memory: float
    busy: float


def commands(peers: Sequence[str]) -> dict[str, list[str]]:
    """Return how each server is started, by its title."""
    run = [sys.executable, "-m"]
    found = {
        OURS: [*run, "benchmarks.peers.live_folio"],
        PLAIN: [*run, "benchmarks.peers.live_plain"],
        FLOOR: [*run, "benchmarks.peers.live_floor"],
    }
    if JIT in peers and (node := installed_node()) is not None:
        found[JIT] = [node, str(NODE / "live.mjs")]
    return {title: command for title, command in found.items() if title in peers}


def raise_limits() -> int:
    """Let this process and those that it starts open as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


async def fill(database_url: str, scenario: Scenario) -> list[tuple[int, str]]:
    """Make the database, and return who may follow which portfolio."""
    database = Database(database_url)
    await upgrade(database)
    await database.close()
    if not scenario.portfolios:
        return []
    settings = Settings(
        database_url=database_url, secret=SECRET, providers=("simulated",), refresh_seconds=0
    )
    async with open_services(settings) as services:
        return [await own_portfolio(services, number) for number in range(scenario.clients)]


async def own_portfolio(services: Services, number: int) -> tuple[int, str]:
    """Add somebody with a portfolio of five holdings; return their key and the portfolio's id."""
    now = services.clock()
    drafts = [
        Draft(
            kind=Kind.BUY,
            occurred_at=BOUGHT,
            symbol=f"SIM{(number + place * 7) % 50:03}",
            quantity=Decimal(number + 1),
            price=Decimal("12.34"),
        )
        for place in range(5)
    ]
    prepared = await prepare(services.database, services.market, base_currency="USD", drafts=drafts)
    async with services.database.writing() as session:
        user = await create_user(
            session, f"user{number}", password_hash="-", base_currency="USD", now=now
        )
        owner_id = row_key(user.id)
        row = await create_portfolio(
            session, "Main", owner_id=owner_id, base_currency="USD", now=now
        )
        held = await hold_portfolio(session, user_id=owner_id, portfolio_id=row_key(row.id))
        await book(session, held, prepared=prepared, places=range(len(drafts)), now=now)
    return owner_id, encode_id("Portfolio", row.id)


def clients_of(
    scenario: Scenario, owned: Sequence[tuple[int, str]], *, ours: bool
) -> list[list[str]]:
    """Return the two messages with which each socket begins; each is another user's."""
    tokens, chance = Tokens(secret=SECRET, access_lifetime=LIFETIME), Random(1)
    document = PRICES.format(more=", minIntervalMs: 0" if ours else "", fields=FIELDS)
    known = [f"SIM{number:03}" for number in range(scenario.of)]
    found = []
    for number in range(scenario.clients):
        user_id, variables = number + 1, {"of": chance.sample(known, scenario.picks)}
        payload: dict[str, Any] = {"query": document, "variables": variables}
        if scenario.portfolios:
            user_id, portfolio_id = owned[number]
            payload = {"query": WATCHED, "variables": {"id": portfolio_id}}
        token, _ = tokens.issue_access(user_id, now=datetime.now(UTC))
        begin = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        subscribe = {"id": str(number), "type": "subscribe", "payload": payload}
        found.append([json.dumps(begin), json.dumps(subscribe)])
    return found


class Audience:
    """The process that listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, line: str) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def do(self, step: str, number: float) -> dict[str, Any]:
        """Let it do a step, and return what came of it."""
        self.tell(f"{step} {number}")
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("those who listen have given up")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def audience(server: Server, begins: list[list[str]], *, core: int) -> Iterator[Audience]:
    """Run the process that listens for as long as the block lasts."""
    with on_core(core):
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.listeners"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        made = Audience(process)
        parts = urlsplit(server.url)
        made.tell(json.dumps({"host": parts.hostname, "port": parts.port, "clients": begins}))
        yield made
    finally:
        process.kill()
        process.communicate()


def measure(
    server: Server, scenario: Scenario, begins: list[list[str]], *, seconds: float, core: int
) -> Measured:
    """Open all sockets and listen."""
    with audience(server, begins, core=core) as listening:
        listening.do("open", min(FIRST, scenario.clients - 1))
        listening.do("listen", SETTLING)
        before, others = server.memory(), max(1, scenario.clients - FIRST)
        opening = listening.do("open", others)["seconds"]
        listening.do("listen", SETTLING)
        spent = server.cpu_seconds()
        found = listening.do("listen", seconds)
        spent = server.cpu_seconds() - spent
        after = server.memory()
    messages = found["messages"]
    due = found["ticks"] * scenario.clients * scenario.picks
    return Measured(
        opening=opening,
        rate=messages / seconds,
        p50=found["p50"],
        p99=found["p99"],
        conflated=1 - messages / due if due else float("nan"),
        cpu=spent / messages * 1e6 if messages else float("nan"),
        core=spent / seconds,
        memory=(after - before) / 1024 / others,
        busy=found["busy"],
    )


def print_heading(title: str) -> None:
    """Print who listens to what, and what the columns are."""
    print(f"\n{title}")
    print(
        f"{'':12}{'open s':>8}{'msg/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'not sent':>10}"
        f"{'CPU us/msg':>12}{'core':>7}{'KiB/socket':>12}{'load core':>11}"
    )


def print_row(title: str, found: Measured) -> None:
    """Print the figures of one server."""
    note = "  the load's side was the limit" if found.busy > 0.9 else ""
    print(
        f"{title:12}{found.opening:>8.1f}{found.rate:>9.0f}{found.p50:>9.1f}{found.p99:>9.1f}"
        f"{found.conflated:>10.1%}{found.cpu:>12.1f}{found.core:>7.0%}{found.memory:>12.1f}"
        f"{found.busy:>11.0%}{note}",
        flush=True,
    )


def run(
    title: str, command: Sequence[str], scenario: Scenario, *, seconds: float
) -> Measured | None:
    """Start one server, measure it in one scenario, and print what came of it, if it bore it."""
    server_core, load_core = cores()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url, owned = f"sqlite:///{Path(folder) / 'live.db'}", []
        if title == OURS:
            owned = asyncio.run(fill(url, scenario))
        environment = {
            "NODE_ENV": "production",
            "LIVE_RATE": str(scenario.rate),
            "DATABASE_URL": url,
            "FOLIOQL_SECRET": SECRET,
            "FOLIOQL_CACHE_URL": "",
        }
        server = stack.enter_context(started(command, core=server_core, environment=environment))
        begins = clients_of(scenario, owned, ours=title == OURS)
        try:
            found = measure(server, scenario, begins, seconds=seconds, core=load_core)
        except RuntimeError as error:
            print(f"{title:12}  failed: {error}", flush=True)
            return None
    print_row(title, found)
    return found


def rising(each: int) -> Scenario:
    """Return the scenario in which each socket gets so many prices a second."""
    symbols = -(-each // TICKS)
    rate = each / symbols
    return Scenario(title="capacity", clients=CROWD, rate=rate, of=symbols, picks=symbols)


def carried(borne: Callable[[int], float]) -> float:
    """Return how many messages a second a server carries at most.

    It is told how many prices a second each socket gets, and tells how many messages came; none if
    it fell behind. The prices are doubled until it does, and then it is looked in between.
    """
    most, good, bad = 0.0, 0, 1
    while bad <= MOST_EACH and (rate := borne(bad)):
        most, good, bad = rate, bad, 2 * bad
    for _ in range(FINER if bad <= MOST_EACH else 0):
        between = (good + bad) // 2
        if between == good:
            break
        if rate := borne(between):
            most, good = rate, between
        else:
            bad = between
    return most


def print_capacity(title: str, command: Sequence[str], *, seconds: float) -> None:
    """Look for how many messages a second one server carries, and print it."""

    def borne(each: int) -> float:
        found = run(title, command, rising(each), seconds=seconds)
        if found is None or found.p99 > BEHIND_MS or found.rate < BEHIND_SHARE * CROWD * each:
            return 0.0
        return found.rate

    print(f"{title:12}carries {carried(borne):,.0f} messages a second", flush=True)


def main(arguments: Sequence[str] = ()) -> None:
    """Measure all servers in all scenarios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks live", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=(OURS, PLAIN, JIT, FLOOR),
        default=[OURS, PLAIN, JIT, FLOOR],
    )
    parser.add_argument(
        "--capacity", action="store_true", help="how many messages a second each server carries"
    )
    chosen = parser.parse_args(arguments)
    files, (server_core, load_core) = raise_limits(), cores()
    apart = "a core each" if server_core != load_core else "one core for both"
    print(f"Live prices: {apart} for the server and those who listen")
    peers = commands(chosen.peers)
    if chosen.capacity:
        print_heading(f"{CROWD:,} sockets, more and more prices a second")
        for title, command in peers.items():
            print_capacity(title, command, seconds=chosen.seconds)
        return
    for name in chosen.scenarios:
        scenario = SCENARIOS[name]
        if scenario.clients + 200 > files:
            print(f"\n{scenario.title} skipped: {files} files may be open")
            continue
        print_heading(scenario.title)
        for title, command in peers.items():
            if title == OURS or not scenario.portfolios:
                run(title, command, scenario, seconds=chosen.seconds)
