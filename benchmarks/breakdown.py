"""Where FolioQL's own time goes for one request: in this process, without sockets and other load.

The fastest of many runs of each part by itself, so that the parts do not quite add up to the whole.
"""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any

import orjson
import uvloop
from graphql import ExecutionResult, parse

from benchmarks.peers import folio
from benchmarks.peers.queries import QUESTIONS, Question
from benchmarks.peers.tables import Table
from benchmarks.running import empty_database
from gateway.auth import context_for
from gateway.engine import Prepared
from gateway.schema import executed_by

RUNS = 400
ONCE = 20
"""Runs of what is done once a document."""

Work = Callable[[], Awaitable[Any]]


async def fastest(work: Work, runs: int = RUNS) -> float:
    """Return the microseconds of the fastest run."""
    best = float("inf")
    for _ in range(runs):
        started = perf_counter()
        await work()
        best = min(best, perf_counter() - started)
    return best * 1e6


class Loads:
    """Adds up how long the loads of a run take."""

    def __init__(self) -> None:
        self._plain = Table.lists
        self.seconds = 0.0
        self.best = float("inf")

    async def lists(self, table: Table[Any], keys: Sequence[str]) -> Any:
        """Load, and look at the clock."""
        started = perf_counter()
        found = await self._plain(table, keys)
        self.seconds += perf_counter() - started
        return found

    def done(self) -> None:
        """Note the end of a run."""
        self.best = min(self.best, self.seconds)
        self.seconds = 0.0


def asgi_call(application: Any, body: bytes) -> Work:
    """Return what sends one request to an application, past sockets and their server."""
    headers = [(b"host", b"bench"), (b"content-type", b"application/json")]
    headers += [(b"content-length", str(len(body)).encode())]
    received = {"type": "http.request", "body": body, "more_body": False}

    async def receive() -> Any:
        return received

    async def send(_: Any) -> None:
        pass

    async def call() -> None:
        scope = {
            "type": "http", "method": "POST", "path": "/graphql", "raw_path": b"/graphql",
            "root_path": "", "query_string": b"", "scheme": "http", "http_version": "1.1",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
            "asgi": {"version": "3.0"}, "state": {},
        }  # fmt: skip
        await application(scope, receive, send)

    return call


async def parts_of(question: Question, application: Any, services: Any) -> dict[str, float]:
    """Return the microseconds of each part."""
    schema = executed_by(folio.schema, "compiled")
    body = question.body
    asked = orjson.loads(body)
    context = await context_for(services, authorization=None, request_id="bench")
    documents = folio.documents()
    texts = iter(range(10**9))

    def prepared() -> Prepared:
        kind, document = schema.execution_context_class, parse(question.document)
        return Prepared(kind, schema._schema, document, question.operation)  # noqa: SLF001

    async def execute(ready: Prepared) -> Any:
        executor: Any = ready.executor(asked["variables"], context)
        result = executor.execute_operation()
        return result if isinstance(result, ExecutionResult) else await result

    async def first() -> None:
        documents.operation(f"{question.document}#{next(texts)}", name=question.operation)

    ready = prepared()
    data = (await execute(ready)).data
    loads, plain = Loads(), Table.lists

    async def loading() -> None:
        await execute(ready)
        loads.done()

    async def execution() -> None:
        await execute(ready)

    async def planned() -> None:
        await execute(fresh.pop())

    async def reading() -> None:
        orjson.loads(body)

    async def writing() -> None:
        orjson.dumps({"data": data})

    async def surroundings() -> None:
        await context_for(services, authorization=None, request_id="bench")

    await execution()
    found = {"whole": await fastest(asgi_call(application, body))}
    fresh = [prepared() for _ in range(ONCE)]
    whole_execution = await fastest(execution)
    planning = await fastest(planned, ONCE) - whole_execution
    Table.lists = lambda *given: loads.lists(*given)  # type: ignore[method-assign] # noqa: PLW0108
    await fastest(loading)
    Table.lists = plain  # type: ignore[method-assign]
    inner = {
        "JSON in": await fastest(reading),
        "context": await fastest(surroundings),
        "loads": loads.best * 1e6,
        "plan": whole_execution - loads.best * 1e6,
        "JSON out": await fastest(writing),
    }
    found |= {"HTTP": found["whole"] - sum(inner.values())} | inner
    return found | {"parsing": await fastest(first, ONCE), "planning": planning}


async def _main(names: Sequence[str], url: str) -> None:
    application = folio.create_app("compiled", services_url=url)
    columns = ("whole", "HTTP", "JSON in", "context", "plan", "loads", "JSON out")
    columns += ("parsing", "planning")
    print("\nWhere FolioQL's time goes, in its process: microseconds")
    print(f"{'':12}" + "".join(f"{name:>10}" for name in columns))
    async with application.router.lifespan_context(application):
        services = application.state.services
        for name in names:
            parts = await parts_of(QUESTIONS[name], application, services)
            print(f"{name:12}" + "".join(f"{parts[one]:>10.1f}" for one in columns))


def main(names: Sequence[str] = tuple(QUESTIONS)) -> None:
    """Print the table; with PEER_DATABASE_URL in the environment it is over that database."""
    with empty_database() as url:
        uvloop.run(_main(names, url))
