"""The benchmarks' servers start, give the same answers and bear a load."""

import asyncio

import pytest

from benchmarks import live
from benchmarks.load import put_load
from benchmarks.peers.folio import ENGINES
from benchmarks.peers.queries import QUESTIONS
from benchmarks.peers.tables import filled_database
from benchmarks.processes import cores, started
from benchmarks.serving import answer, check, python_peers, running
from tests.conftest import missing

pytestmark = pytest.mark.process


def test_the_servers_in_python_give_the_same_answers_and_bear_a_load():
    question = QUESTIONS["10"]
    with running(python_peers(ENGINES), core=cores()[0]) as servers:
        ours = ["FolioQL, compiled", "FolioQL, reference", "FolioQL, quotes kept"]
        assert list(servers) == ["bare endpoint", *ours, "Strawberry"]
        check(servers, list(QUESTIONS.values()))
        before = servers["Strawberry"].cpu_seconds()
        loads = [
            put_load(server.url, question.body, connections=2, seconds=1, core=cores()[1])
            for server in servers.values()
        ]
        assert servers["Strawberry"].cpu_seconds() > before
    assert [load.errors for load in loads] == [0, 0, 0, 0, 0]
    assert all(load.requests and 0 < load.p50 <= load.p99 for load in loads)


@pytest.mark.postgres
def test_over_postgresql_they_give_the_same_answers_too():
    with filled_database() as database:
        if database is None:
            missing("PostgreSQL")
        commands = python_peers(["compiled"])
        with (
            running({"in memory": commands["bare endpoint"]}, core=cores()[0]) as kept,
            running(commands, core=cores()[0], database=database) as servers,
        ):
            for question in QUESTIONS.values():
                expected = answer(kept["in memory"], question)
                assert {answer(one, question) for one in servers.values()} == {expected}


def test_where_wrk_is_missing_a_client_of_our_own_puts_the_load_on(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with running({"bare": python_peers([])["bare endpoint"]}, core=cores()[0]) as servers:
        url, body = servers["bare"].url, QUESTIONS["leaf"].body
        load = put_load(url, body, connections=2, seconds=1, core=cores()[1])
        refused = put_load(f"{url}/no", body, connections=1, seconds=1, core=cores()[1])
    assert (load.errors, load.requests > 0) == (0, True)
    assert refused.errors == refused.requests > 0


@pytest.mark.parametrize("title", [live.OURS, live.PLAIN])
def test_those_who_listen_hear_every_price_and_none_twice(title, tmp_path):
    scenario = live.Scenario(title="few", clients=22, rate=4, of=3, picks=2)
    environment = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/live.db",
        "FOLIOQL_SECRET": live.SECRET,
        "FOLIOQL_CACHE_URL": "",
        "LIVE_RATE": "4",
    }
    asyncio.run(live.fill(environment["DATABASE_URL"], scenario))
    command = live.commands([title])[title]
    begins = live.clients_of(scenario, [], ours=title == live.OURS)
    with started(command, core=cores()[0], environment=environment) as server:
        found = live.measure(server, scenario, begins, seconds=2, core=cores()[1])
    assert found.conflated == 0
    assert found.rate > 0
    assert 0 < found.p50 <= found.p99
    assert 0 < found.busy < 0.9


def test_whoever_owns_a_portfolio_hears_of_it(tmp_path):
    scenario = live.Scenario(title="few", clients=3, of=50, portfolios=True)
    environment = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/live.db",
        "FOLIOQL_SECRET": live.SECRET,
        "FOLIOQL_CACHE_URL": "",
        "LIVE_RATE": "4",
    }
    owned = asyncio.run(live.fill(environment["DATABASE_URL"], scenario))
    begins = live.clients_of(scenario, owned, ours=True)
    command = live.commands([live.OURS])[live.OURS]
    with started(command, core=cores()[0], environment=environment) as server:
        found = live.measure(server, scenario, begins, seconds=3, core=cores()[1])
    assert found.rate >= 1
