"""What hostile documents cost a server, and what they leave for others.

``python -m benchmarks hostile``: the time to read each document of the corpus, what each check
costs a request, and how a well-behaved caller fares beside an attacker who sends new documents
as fast as they are answered.
"""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any

import httpx2
from graphql import parse

from gateway.cost import CostPlan
from gateway.documents import Documents, RefusedDocumentError, operations_of
from gateway.limits import Limits, breaches_of, breaches_of_text
from gateway.schema import schema
from gateway.validation import mistakes_in
from services.spending import Allowance, Buckets
from services.tokens import Tokens
from tests import hostile

DASHBOARD = (
    "{ viewer { portfolios { name positions { symbol quantity quote { price asOf } "
    "profile { name sector } marketValue { amount currency } unrealizedGain { amount currency } "
    "dayChange { amount } } } } }"
)
SHOWN = 10
ATTACKERS = 8
SECONDS = 5.0
GRAPH = schema._schema  # noqa: SLF001
WITHOUT = {"FOLIOQL_LIMITS": "warn", "FOLIOQL_RATE_CAPACITY": "0"}


def best(action: Callable[[], Any], times: int = 3) -> float:
    """Return the least seconds that an action took."""
    taken = []
    for _ in range(times):
        started = perf_counter()
        action()
        taken.append(perf_counter() - started)
    return min(taken)


def read(text: str) -> None:
    """Read a document as a request does that is the first to send it."""
    documents = Documents(GRAPH, limits=Limits(), introspection=True)
    with suppress(RefusedDocumentError):
        documents.operation(text, name=None)


def corpus() -> None:
    """Print the documents that take longest."""
    rows = []
    for make, size, code in hostile.CASES:
        text = make(size)
        rows.append((best(lambda text=text: read(text)), make.__name__, size, len(text), code))
    rows.sort(reverse=True)
    print(f"Reading {len(rows)} hostile documents, the slowest:")
    for seconds, name, size, length, code in rows[:SHOWN]:
        print(f"{seconds * 1000:8.1f} ms  {name}({size}), {length} characters: {code or 'served'}")


async def checks() -> None:
    """Print what each check costs: of a document once, and of a request each time."""
    document, limits = parse(DASHBOARD), Limits()
    (operation,) = operations_of(document, ()).values()
    plan = CostPlan(GRAPH, document, operation.node)
    allowance = Allowance("user", 10**9, 10**9)
    buckets = Buckets(users=allowance, addresses=allowance, clock=lambda: datetime.now(UTC))
    position = {
        "quote": {}, "profile": {}, "marketValue": {}, "unrealizedGain": {}, "dayChange": {}
    }  # fmt: skip
    data = {"viewer": {"portfolios": [{"positions": [position] * 50}]}}
    now = datetime.now(UTC)
    tokens = Tokens(secret="s" * 32)
    known, *new = (tokens.issue_access(user_id, now=now)[0] for user_id in range(100))
    unread = iter(new)
    once = {
        "tokens": lambda: list(breaches_of_text(DASHBOARD, limits)),
        "parsing": lambda: parse(DASHBOARD),
        "depth, fields, aliases, ...": lambda: list(breaches_of(document, limits)),
        "validation": lambda: mistakes_in(document, schema=GRAPH, introspection=True),
        "cost plan": lambda: CostPlan(GRAPH, document, operation.node),
        "the signature of an access token": lambda: tokens.read_access(next(unread), now=now),
    }
    print("Microseconds of a dashboard, once for its document or token:")
    for name, action in once.items():
        print(f"{best(action, 50) * 1e6:8.0f}  {name}")
    each = {
        "who is calling": lambda: tokens.read_access(known, now=now),
        "estimate": lambda: plan.estimate({}),
        "actual cost of 50 positions": lambda: plan.actual(data, estimated=10**6),
    }
    print("and with each request:")
    for name, action in each.items():
        print(f"{best(action, 200) * 1e6:8.1f}  {name}")
    started = perf_counter()
    for _ in range(1000):
        buckets.give_back("user:1", await buckets.take("user:1", 100), actual=50)
    print(f"{(perf_counter() - started) * 1e3:8.1f}  taking and giving back")


@asynccontextmanager
async def serving(**settings: str) -> AsyncIterator[str]:
    """Run the demo in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        place = {"PORT": str(port), "DATABASE_URL": f"sqlite:///{folder}/demo.db"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "demo",
            env=os.environ | place | settings,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            cwd=Path.cwd(),
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        try:
            async with httpx2.AsyncClient() as client:
                while True:
                    with suppress(httpx2.TransportError):
                        if (await client.get(f"{address}/readyz")).status_code == 200:
                            break
                    await asyncio.sleep(0.2)
            yield address
        finally:
            process.terminate()
            await process.wait()


def new_documents() -> Iterator[str]:
    """Yield documents that no server has read: as long as is allowed, and different each time."""
    rest = hostile.unknown_input_fields(1_600)
    return (f"#{number}\n{rest}" for number in count())


async def attack(client: httpx2.AsyncClient, documents: Iterator[str]) -> None:
    """Send one document after the other."""
    for text in documents:
        await client.post("/graphql", json={"query": text})


async def fares(address: str, *, attackers: int, seconds: float) -> str:
    """Tell how one signed-in caller fares who asks again as soon as there is an answer."""
    async with httpx2.AsyncClient(base_url=address, timeout=60) as client:
        form = {"username": "demo", "password": "demo123"}
        token = (await client.post("/auth/token", data=form)).json()["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        documents = new_documents()
        attacks = [asyncio.create_task(attack(client, documents)) for _ in range(attackers)]
        taken: list[float] = []
        await asyncio.sleep(5)  # until the attacker's bucket is empty, where it has one
        end = perf_counter() + seconds
        while perf_counter() < end:
            started = perf_counter()
            answer = await client.post("/graphql", json={"query": DASHBOARD}, headers=headers)
            if "errors" in answer.json():
                raise RuntimeError(answer.text)
            taken.append((perf_counter() - started) * 1000)
        for task in attacks:
            task.cancel()
        await asyncio.gather(*attacks, return_exceptions=True)
    if len(taken) < 2:
        return f"{len(taken)} answer in {seconds:g} s"
    cuts = quantiles(taken, n=100)
    return f"{len(taken) / seconds:7.1f} requests/s, p50 {cuts[49]:7.1f} ms, p99 {cuts[98]:7.1f} ms"


async def main(seconds: float = SECONDS) -> None:
    """Print all three."""
    corpus()
    await checks()
    print(f"A dashboard asked for again and again, beside {ATTACKERS} attacking connections:")
    for title, settings in (("as it is", {}), ("without limits and buckets", WITHOUT)):
        async with serving(**settings) as address:
            for attackers in (0, ATTACKERS):
                told = await fares(address, attackers=attackers, seconds=seconds)
                print(f"{title:28} {attackers} attackers: {told}")
