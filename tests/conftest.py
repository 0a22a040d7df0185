"""Fixtures that every tier shares: a clock that stands still, databases, and the application."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event

import httpx2
import pytest
import structlog
from argon2 import PasswordHasher
from hypothesis import settings

from gateway.app import create_app
from gateway.settings import Settings
from models.database import Database
from models.migrate import upgrade
from services import passwords
from services.demo import seed_demo
from tests.vendors import KEY

NOW = datetime(2024, 6, 14, 15, 0, tzinfo=UTC)
settings.register_profile("folioql", deadline=None)  # time is for benchmarks
settings.load_profile("folioql")

SECRET = "a secret that is only good for tests, and long"
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")

# Every test that signs in hashes passwords: with the costs that servers take, that is most of its
# time. Servers in processes of their own keep them.
passwords.PasswordHasher = partial(PasswordHasher, time_cost=1, memory_cost=1024, parallelism=1)

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


class Clock:
    """A clock that only moves when told to."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


async def create_postgres(template=None):
    """A new PostgreSQL database, as its address and what drops it; nothing without a server."""
    import asyncpg

    name = f"folioql_test_{uuid.uuid4().hex}"
    try:
        connection = await asyncpg.connect(POSTGRES, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return None, None
    like = f' TEMPLATE "{template.rpartition("/")[2]}"' if template else ""
    await connection.execute(f'CREATE DATABASE "{name}"{like}')

    async def drop():
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await connection.close()

    return POSTGRES.rpartition("/")[0] + f"/{name}", drop


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
def migrated_postgres():
    """The address of a migrated PostgreSQL database to copy; nothing without a server."""

    async def create():
        url, drop = await create_postgres()
        if url is not None:
            await _migrate(url)
        return url, drop

    async def keep():
        url, drop = await create()
        coming.set_result(url)
        await asyncio.to_thread(over.wait)
        if drop is not None:
            await drop()

    coming, over = Future(), Event()
    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(asyncio.run, keep())
        kept.add_done_callback(lambda _: coming.done() or coming.set_exception(kept.exception()))
        yield coming.result()
        over.set()
        kept.result()


KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=KINDS)
async def empty_database_url(request, tmp_path):
    """A new database of each kind with nothing in it, not even tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/test.db"
        return
    url, drop = await create_postgres()
    if url is None:
        missing("PostgreSQL")
    yield url
    await drop()


@pytest.fixture(params=KINDS)
async def database_url(request, tmp_path):
    """A new, migrated database of each kind."""
    if request.param == "sqlite":
        file = tmp_path / "test.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
        return
    template = request.getfixturevalue("migrated_postgres")
    if template is None:
        missing("PostgreSQL")
    url, drop = await create_postgres(template)
    yield url
    await drop()


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
def _no_real_settings(monkeypatch):
    """Keep a developer's own settings out of the tests."""
    for name in list(os.environ):
        if name.startswith("FOLIOQL_") and name != "FOLIOQL_CHROMIUM":
            monkeypatch.delenv(name)
    monkeypatch.delenv("DATABASE_URL", raising=False)
