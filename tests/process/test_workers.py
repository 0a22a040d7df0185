"""Several worker processes behind one address, on SQLite and PostgreSQL."""

import os
import signal
import time

import httpx2
import pytest
from sqlalchemy import text

from models.database import Database
from tests.conftest import SECRET, serving

pytestmark = pytest.mark.process

PORTFOLIOS = "{ viewer { username portfolios { name } } }"
SIGN_UP = """mutation { signUp(input: {username: "anna", password: "correct horse"}) {
  session { accessToken } userErrors { message } } }"""


def workers(server):
    """The ids of the processes that said they serve."""
    started = [
        line["event"] for line in server.lines() if "Started server process" in line["event"]
    ]
    return {int(event.partition("[")[2].rstrip("]")) for event in started}


def answered_by(server, request_ids):
    """The ids of the processes whose logs have these requests."""
    return {line["process"] for line in server.lines() if line.get("request_id") in request_ids}


def answers_of_all_workers(server, token):
    """Ask over new connections until each worker has answered; return the different answers."""
    answers, request_ids = [], set()
    deadline = time.monotonic() + 60
    while answered_by(server, request_ids) != workers(server) or len(workers(server)) < 2:
        assert time.monotonic() < deadline, server.log.read_text()
        response = httpx2.post(
            f"{server.address}/graphql",
            json={"query": PORTFOLIOS},
            headers={"authorization": f"Bearer {token}"},
        )
        request_ids.add(response.headers["x-request-id"])
        if response.json() not in answers:
            answers.append(response.json())
    return answers


def stop(server):
    server.process.send_signal(signal.SIGTERM)
    return server.process.wait(20)


async def test_a_token_of_one_worker_is_good_at_both_and_none_outlives_the_server(
    database_url, tmp_path
):
    settings = {"DATABASE_URL": database_url, "FOLIOQL_SECRET": SECRET}
    with serving(tmp_path, "serve", "--workers", "2", **settings) as server:
        answer = httpx2.post(f"{server.address}/graphql", json={"query": SIGN_UP}).json()
        token = answer["data"]["signUp"]["session"]["accessToken"]
        assert answers_of_all_workers(server, token) == [
            {"data": {"viewer": {"username": "anna", "portfolios": []}}}
        ]
        assert stop(server) == 0
        for process in workers(server):
            with pytest.raises(ProcessLookupError):
                os.kill(process, 0)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(server.address)
    assert {line["level"] for line in server.lines()} == {"info"}
    database = Database(database_url)
    async with database.reading() as session:
        stored = await session.scalar(text("SELECT password_hash FROM users"))
    await database.close()
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # as the library advises


def test_the_workers_of_the_demo_share_its_data_and_its_made_up_secret(tmp_path):
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/demo.db"}
    with serving(tmp_path, "demo", "--workers", "2", **settings) as server:
        credentials = {"username": "demo", "password": "demo123"}
        signed_in = httpx2.post(f"{server.address}/auth/token", data=credentials).json()
        (answer,) = answers_of_all_workers(server, signed_in["access_token"])
        names = [portfolio["name"] for portfolio in answer["data"]["viewer"]["portfolios"]]
        assert names == ["Growth", "Global income"]
