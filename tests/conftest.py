"""Fixtures that every tier shares: a clock that stands still, databases, and the application."""

import asyncio
import gc
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zlib import crc32

import httpx2
import pytest
import structlog
from argon2 import PasswordHasher
from hypothesis import settings
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import LRUCache

from datasources import shared
from gateway.app import create_app
from gateway.documents import Documents
from gateway.schema import schema as our_schema
from gateway.settings import Settings
from models import database as database_module
from models.database import Database
from models.migrate import upgrade
from services import passwords
from services.demo import seed_demo
from tests.postgres import (
    Databases,
    create_database,
    drop_database,
    drop_left_behind,
    is_there,
)
from tests.turns import ServersInTurn
from tests.vendors import KEY

NOW = datetime(2024, 6, 14, 15, 0, tzinfo=UTC)
# Time is for benchmarks; and CI tries the same examples each time, other runs new ones.
settings.register_profile("folioql", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("folioql")

SECRET = "a secret that is only good for tests, and long"

# Every test that signs in hashes passwords: with the costs that servers take, that is most of its
# time. Servers in processes of their own keep them.
passwords.PasswordHasher = partial(PasswordHasher, time_cost=1, memory_cost=1024, parallelism=1)

# Each test has an application of its own, and many ask the same: to read and check a document again
# and again was a quarter of their time.
READ = {}
read_document = Documents._read


def read_once(documents, text):
    """Return what is read of a document of our schema, good ones of any application's limits once."""
    key = (id(documents._schema), repr(documents.limits), documents._introspection, text)
    if key not in READ:
        read = read_document(documents, text)
        if documents._schema is not our_schema._schema or not isinstance(read, dict):
            return read
        if any(operation.warnings for operation in read.values()):
            return read
        if len(READ) >= 500:
            READ.clear()
        READ[key] = read
    return READ[key]


Documents._read = read_once


class Compiled(LRUCache):
    """Statements that any engine of a kind has compiled: a server has one engine, we one a test."""

    def get(self, key, default=None):
        dialect, *rest = key
        return super().get((type(dialect), *rest), default)

    def __setitem__(self, key, value):
        dialect, *rest = key
        super().__setitem__((type(dialect), *rest), value)


COMPILED = {"compiled_cache": Compiled(2_000)}
database_module.create_engine = partial(create_engine, execution_options=COMPILED)
database_module.create_async_engine = partial(create_async_engine, execution_options=COMPILED)

structlog.configure(processors=[structlog.processors.KeyValueRenderer()])


def missing(what: str) -> None:
    """Skip for want of a service on a developer's machine; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Fail a test of whose output, standard or log, a vendor's key is part."""
    report = yield
    if any(KEY in text for _, text in report.sections):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a vendor's key is in the output of this test"
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Let no two workers start servers at the same time."""
    return ServersInTurn(config, log)


STORAGE = {
    "test_alerts",
    "test_batches",
    "test_concurrency",
    "test_cost",
    "test_failing",
    "test_graph",
    "test_migrations",
    "test_reading",
    "test_round_trips",
    "test_sharing",
    "test_storage",
    "test_targets",
    "test_watchlists",
}
"""What is tested on both databases, as it is about them, or about rows that many may write."""

SHARE = 3
"""Of other tests one in so many, always the same, is run on PostgreSQL too."""


def pytest_collection_modifyitems(config, items):
    """Run on PostgreSQL what is about storage, and a share of the rest; all of it on SQLite.

    Each with the first of its parameters: what differs between the two are statements, not what is
    in them. TEST_EVERYTHING=1 runs all.
    """
    if os.environ.get("TEST_EVERYTHING"):
        return
    seen, kept, left_out = set(), [], []
    for item in items:
        callspec = getattr(item, "callspec", None)
        kinds = set(map(str, callspec.params.values())) if callspec else set()
        test = item.nodeid.partition("[")[0]
        wanted = "postgres" not in kinds or (
            test not in seen and (item.path.stem in STORAGE or crc32(test.encode()) % SHARE == 0)
        )
        if "postgres" in kinds:
            seen.add(test)
        (kept if wanted else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish():
    """Spare the garbage collector what is there for good, which it would go through each time."""
    gc.collect()
    gc.freeze()


class Clock:
    """A clock that only moves when told to."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def _aside(work):
    """Run a coroutine on an event loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _migrate(url):
    database = Database(url)
    await upgrade(database)
    await database.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A migrated SQLite file to copy: to migrate takes ten times as long."""
    file = tmp_path_factory.mktemp("template") / "migrated.db"
    _aside(_migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres():
    """PostgreSQL databases to lend."""
    if not _aside(is_there()):
        missing("PostgreSQL")
    _aside(drop_left_behind())
    databases = Databases()
    yield databases
    databases.close()


KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=KINDS)
async def empty_database_url(request, tmp_path):
    """A new database of each kind with nothing in it, not even tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/test.db"
        return
    request.getfixturevalue("postgres")  # or there is no server
    url = await create_database()
    yield url
    await drop_database(url)


@pytest.fixture(params=KINDS)
async def database_url(request, tmp_path):
    """A migrated database of each kind, without a row."""
    if request.param == "sqlite":
        file = tmp_path / "test.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
        return
    databases = request.getfixturevalue("postgres")
    lent = databases.lend()
    yield lent.url
    databases.take_back(lent)


@pytest.fixture
async def database(database_url):
    """A migrated database of each kind."""
    opened = Database(database_url)
    yield opened
    await opened.close()


class Api:
    """Asks the application over HTTP, within this process."""

    def __init__(self, client, services):
        self.client = client
        self.services = services
        self.headers = {}

    async def post(self, query, variables=None, **extra):
        return await self.client.post(
            "/graphql",
            json={"query": query, "variables": variables} | extra,
            headers=self.headers,
        )

    async def ask(self, query, variables=None, **extra):
        response = await self.post(query, variables, **extra)
        return response.json()

    async def data(self, query, variables=None):
        answer = await self.ask(query, variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def sign_up(self, username):
        answer = await self.data(
            "mutation($input: SignUpInput!) { signUp(input: $input) "
            "{ session { accessToken refreshToken } userErrors { message } } }",
            {"input": {"username": username, "password": "correct horse"}},
        )
        session = answer["signUp"]["session"]
        self.headers = {"authorization": f"Bearer {session['accessToken']}"}
        return session


@pytest.fixture
async def api(database_url, clock):
    """The running application on a fresh database of each kind, anonymous."""
    settings = Settings(database_url=database_url, secret=SECRET, log_level="error")
    application = create_app(settings, clock=clock)
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://test"
        ) as client,
    ):
        yield Api(client, application.state.services)


@pytest.fixture
async def demo(api, clock):
    """The application with the demo's data, signed in as the demo user."""
    services = api.services
    await seed_demo(services.database, services.market, services.passwords, now=clock())
    answer = await api.client.post("/auth/token", data={"username": "demo", "password": "demo123"})
    api.headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    return api


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A server process of its own, and what it wrote to its log."""

    address: str
    process: subprocess.Popen
    log: Path

    def lines(self):
        """What it logged so far; a greeting and a line half written are left out."""
        lines = self.log.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line[0] == "{" and line[-1] == "\n"]


@contextmanager
def serving(folder, *arguments, **settings):
    """Run `folioql` with arguments until it is ready, and stop it at the end."""
    port = free_port()
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", *arguments],
            env={"PATH": os.environ["PATH"], "PORT": str(port)} | settings,
            stderr=errors,
            cwd=Path.cwd(),
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx2.get(f"{server.address}/readyz").status_code == 200:
                    break
            except httpx2.TransportError:
                assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory):
    """`folioql demo` as a process of its own, with the simulated market; yields its address."""
    folder = tmp_path_factory.mktemp("demo")
    settings = {
        "DATABASE_URL": f"sqlite:///{folder}/demo.db",
        "FOLIOQL_FEED_INTERVAL_MS": "200",
        "FOLIOQL_SIGN_IN_ATTEMPTS": "0",  # many tests in a minute sign in as the one user it has
    }
    with serving(folder, "demo", **settings) as server:
        yield server.address


@pytest.fixture(scope="session")
def chromium():
    """The browser's path."""
    path = os.environ.get("FOLIOQL_CHROMIUM") or shutil.which("chromium")
    if path is None:
        missing("Chromium")
    return path


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """Give Redis time: on a busy machine a quarter of a second may pass with nothing wrong."""
    monkeypatch.setattr(shared, "CALL_SECONDS", 20)


@pytest.fixture(autouse=True)
def _no_real_settings(monkeypatch):
    """Keep a developer's own settings out of the tests."""
    for name in list(os.environ):
        if name.startswith("FOLIOQL_") and name != "FOLIOQL_CHROMIUM":
            monkeypatch.delenv(name)
    monkeypatch.delenv("DATABASE_URL", raising=False)
