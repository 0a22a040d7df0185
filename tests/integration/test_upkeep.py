"""Work in the background: one replica renews, all learn symbols, and users keep their share."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
import redis.asyncio
from click.testing import CliRunner
from structlog.testing import capture_logs

from datasources.lease import Lease
from datasources.market import Market
from datasources.pacing import background
from datasources.providers.simulated import Simulated
from datasources.shared import SharedServer
from datasources.symbols import Dialect, Names
from gateway.cli import main
from gateway.resources import open_services
from gateway.settings import Settings
from models.market import Bar, SeriesKey
from services.demo import seed_demo
from services.last_known import StoredMarket
from services.stored_bars import StoredHistory
from services.upkeep import Upkeep
from services.vendor_symbols import set_vendor_symbol
from tests.conftest import NOW, SECRET, missing

REDIS = "redis://127.0.0.1:6379/9"


class Renewing(Market):
    """Notes what a market is asked to renew, and whether somebody waits for it."""

    def __init__(self):
        self.asked = []
        self.disbelieved = []

    async def quotes(self, symbols, **_more):
        self.asked.append(("quotes", tuple(symbols), background.get()))
        return {}

    async def profiles(self, symbols):
        self.asked.append(("profiles", tuple(symbols), background.get()))
        return {}

    async def refresh(self, symbols):
        self.asked.append(("history", tuple(symbols), background.get()))

    async def disbelieve(self, symbols, *, names):
        self.disbelieved.append(sorted(symbols))
        self.names = names


def upkeep_of(services, market, *, names=None, watched=(), renews=True):
    return Upkeep(
        database=services.database,
        market=market,
        names=names or {},
        watched=lambda: watched,
        lease=Lease("upkeep", locks=None, ttl=timedelta(minutes=3)) if renews else None,
        interval=timedelta(minutes=1),
    )


async def test_what_is_held_or_followed_is_renewed_in_the_background(api, clock):
    services = api.services
    await seed_demo(services.database, services.market, services.passwords, now=clock())
    market = Renewing()
    assert await upkeep_of(services, market, watched={"AMZN", "AAPL"}).round()
    kinds = [kind for kind, _, _ in market.asked]
    assert kinds == ["quotes", "profiles", "history"]
    (symbols,) = {symbols for _, symbols, _ in market.asked}
    assert {"AAPL", "AMZN"} < set(symbols)
    assert list(symbols) == sorted(set(symbols))
    assert all(unwaited for _, _, unwaited in market.asked)
    assert background.get() is False


async def test_a_round_costs_two_statements_whatever_is_held(api, clock):
    services = api.services
    await seed_demo(services.database, services.market, services.passwords, now=clock())
    upkeep = upkeep_of(services, Renewing())
    before = services.database.statements
    await upkeep.round()
    assert services.database.statements - before == 2


async def test_a_symbol_that_is_set_is_learnt_and_what_was_believed_is_forgotten(api):
    services = api.services
    names = {"alpha_vantage": Names(Dialect(suffixes={"L": "LON"}))}
    market = Renewing()
    upkeep = upkeep_of(services, market, names=names)
    await upkeep.learn_symbols()
    assert market.disbelieved == []

    async with services.database.writing() as session:
        await set_vendor_symbol(
            session, provider="alpha_vantage", symbol="BP.L", vendor_symbol="BP..LON"
        )
    await upkeep.learn_symbols()
    await upkeep.learn_symbols()
    assert market.disbelieved == [["BP.L"]]
    assert market.names == "[('alpha_vantage', [('BP.L', 'BP..LON')])]"
    assert names["alpha_vantage"].outward(["BP.L", "VOD.L"]) == {
        "BP..LON": "BP.L",
        "VOD.LON": "VOD.L",
    }
    assert names["alpha_vantage"].inward("BP..LON") == "BP.L"

    async with services.database.writing() as session:
        await set_vendor_symbol(
            session, provider="alpha_vantage", symbol="BP.L", vendor_symbol=None
        )
    await upkeep.learn_symbols()
    assert names["alpha_vantage"].outward(["BP.L"]) == {"BP.LON": "BP.L"}
    assert market.names == ""


@pytest.mark.parametrize("seconds", [0, 60])
async def test_symbols_are_known_before_anything_is_asked_though_nothing_is_renewed(
    database, database_url, clock, seconds
):
    async with database.writing() as session:
        await set_vendor_symbol(
            session, provider="yahoo", symbol="BP.L", vendor_symbol="BP-OTHER.L"
        )
    settings = Settings(
        database_url=database_url, secret=SECRET, providers=("yahoo",), refresh_seconds=seconds
    )
    async with open_services(settings, clock=clock) as services:
        (vendor,) = [line.provider for line in services.market.lines() if line.remote]
        assert vendor._names.outward(["BP.L"]) == {"BP-OTHER.L": "BP.L"}


async def test_without_a_migrated_database_no_symbol_is_learnt_and_the_start_goes_on(
    tmp_path, clock
):
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/empty.db", secret=SECRET, providers=("yahoo",)
    )
    with capture_logs() as logs:
        async with open_services(settings, clock=clock) as services:
            assert services.market.has_vendors
    assert [log["event"] for log in logs] == ["alerts_not_watched", "symbols_not_learnt"]
    # One line each, which says what to do.
    assert [set(log) for log in logs] == [{"event", "log_level", "reason"}] * 2
    assert {log["reason"] for log in logs} == {
        "the database is not migrated: run `folioql migrate`"
    }


async def test_a_round_that_only_learns_renews_nothing(api):
    market = Renewing()
    upkeep = upkeep_of(api.services, market, watched={"AAPL"}, renews=False)
    assert not await upkeep.round()
    assert market.asked == []


async def test_what_a_provider_told_under_another_symbol_is_forgotten_and_nothing_else(database):
    stored, history = StoredMarket(database), StoredHistory(database)
    key = SeriesKey(symbol="BP.L", source="yahoo", adjusted=False)
    (quote,) = (await Simulated(clock=lambda: NOW).quotes(["BP.L"])).values()
    day = NOW.date()
    bar = Bar(symbol="BP.L", day=day, close=Decimal(1), currency="GBP", source="yahoo")
    other = replace(quote, symbol="VOD.L", source="yahoo")
    await stored.remember(quotes=[replace(quote, source="yahoo"), other], bars=[bar])

    async def left():
        closes = await history.closes([(key, day)])
        return set(await stored.quotes(["BP.L", "VOD.L"])), bool(closes)

    async def set_for(provider):
        async with database.writing() as session:
            await set_vendor_symbol(
                session, provider=provider, symbol="BP.L", vendor_symbol="BP..L"
            )

    await set_for("finnhub")
    assert await left() == ({"BP.L", "VOD.L"}, True)
    await set_for("yahoo")
    assert await left() == ({"VOD.L"}, False)


async def test_a_round_that_fails_does_not_end_the_work(api):
    rounds = asyncio.Semaphore(0)
    waits = []

    async def sleep(seconds):
        waits.append(seconds)
        await rounds.acquire()

    class Failing(Renewing):
        async def quotes(self, symbols, **more):
            raise RuntimeError("a defect")

    upkeep = Upkeep(
        database=api.services.database,
        market=Failing(),
        names={},
        watched=lambda: {"AAPL"},
        lease=Lease("upkeep", locks=None, ttl=timedelta(minutes=3)),
        interval=timedelta(minutes=1),
        sleep=sleep,
    )
    async with upkeep:
        while len(waits) < 3:
            rounds.release()
            await asyncio.sleep(0)
    assert waits[:3] == [60.0, 60.0, 60.0]


@pytest.fixture
async def replicas(clock):
    """Make leases of several replicas on one server, and take the server away at the end."""
    try:
        async with redis.asyncio.Redis.from_url(REDIS) as client:
            await client.ping()
    except redis.exceptions.ConnectionError:
        missing("Redis")
    servers = []
    role = f"role-{uuid4().hex}"  # other tests use the same server at the same time

    def make(url=REDIS):
        server = SharedServer(url, clock=clock)
        servers.append(server)
        return Lease(role, locks=server, ttl=timedelta(minutes=3))

    yield make
    for server in servers:
        await server.close()


async def test_one_replica_has_a_role_and_another_takes_over(replicas):
    one, two = replicas(), replicas()
    assert [await one.held(), await two.held(), await one.held()] == [True, False, True]
    await one.give_back()
    assert [await two.held(), await one.held()] == [True, False]


async def test_a_holder_that_dies_loses_its_role_when_its_time_is_over(replicas):
    one, two = replicas(), replicas()
    assert await one.held()
    async with redis.asyncio.Redis.from_url(REDIS) as client:
        (name,) = await client.keys(f"*{one._name}")
        assert 0 < await client.pttl(name) <= 180_000
        await client.delete(name)  # as the server does when the time is over
    assert [await two.held(), await one.held()] == [True, False]


async def test_while_the_server_fails_roles_stay_as_they_are(replicas, clock):
    nobody_there = "redis://127.0.0.1:1/0"
    assert await replicas(nobody_there).held() is False
    one = replicas()
    assert await one.held()
    one._locks = SharedServer(nobody_there, clock=clock)
    assert await one.held()
    await one._locks.close()


async def test_without_replicas_every_role_is_ours():
    lease = Lease("a role", locks=None, ttl=timedelta(minutes=3))
    assert await lease.held()
    await lease.give_back()
    assert await lease.held()


def test_symbols_are_set_listed_and_removed_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLIOQL_DATABASE_URL", f"sqlite:///{tmp_path}/folioql.db")

    def run(*arguments):
        result = CliRunner().invoke(main, arguments)
        return result.exit_code, result.output.strip()

    assert run("migrate")[0] == 0
    assert run("symbol", "list") == (0, "")
    assert run("symbol", "set", "alpha_vantage", "bp.l", "BP..LON", "--note", "two points") == (
        0,
        "alpha_vantage will be asked for bp.l as BP..LON.",
    )
    assert run("symbol", "list") == (0, "alpha_vantage  BP.L  BP..LON  (two points)")
    assert run("symbol", "remove", "alpha_vantage", "BP.L")[0] == 0
    assert run("symbol", "list") == (0, "")
    for arguments, words in [
        (("bloomberg", "BP.L", "X"), "bloomberg is none of finnhub"),
        (("yahoo", "no symbol!", "X"), "is not a symbol"),
        (("yahoo", "BP.L", "two words"), "cannot be a vendor's symbol"),
    ]:
        code, output = run("symbol", "set", *arguments)
        assert code == 1
        assert words in output
