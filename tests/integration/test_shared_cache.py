"""The cache that replicas share: a Redis server between them, and what happens without it."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from redis import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from datasources.cache import Cache
from datasources.errors import UnavailableError
from datasources.market import Chains, Market
from datasources.policies import Policy
from datasources.providers.ecb import Ecb
from datasources.providers.simulated import Simulated
from datasources.shared import CALL_SECONDS, SharedServer
from gateway.doctor import examine
from gateway.resources import open_services
from gateway.settings import Settings
from models.database import Database
from models.market import CloseQuestion, RateQuestion
from models.migrate import upgrade
from tests.conftest import SECRET, free_port, missing

pytestmark = pytest.mark.redis

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
POLICY = Policy(
    ttl=timedelta(seconds=60), negative_ttl=timedelta(seconds=10), stale_limit=timedelta(hours=1)
)


@pytest.fixture
def server():
    """The Redis server of the tests."""
    client = Redis.from_url(REDIS)
    try:
        client.ping()
    except RedisError:
        missing("Redis")
    yield client
    client.close()


@pytest.fixture
async def replica(server, clock):
    """Makes caches as replicas have them, apart from those of other tests."""
    made = []
    sources = uuid.uuid4().hex

    def make(url=REDIS, sources=sources):
        server = SharedServer(url, clock=clock)
        made.append(Cache(clock=clock, server=server, sources=sources))
        return made[-1]

    yield make
    for one in made:
        for name in names(server, one):
            server.delete(name)
        await one.close()
        await one._shared._server.close()


class Source:
    """Answers from a table, counts what it is asked, and fails or waits on demand."""

    def __init__(self, **known):
        self.known = known
        self.asked = []
        self.failure = None
        self.gate = None

    async def __call__(self, keys):
        self.asked.append(sorted(keys))
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return {key: self.known[key] for key in keys if key in self.known}


async def ask(cache, source, *keys, of=int, **more):
    entries = await cache.get_many("kind", keys, of=of, load=source, policy=POLICY, **more)
    return {key: (entry.value, entry.stale) for key, entry in entries.items()}


def names(server, cache):
    """Return the names of a cache's entries."""
    return list(server.scan_iter(f"folioql:{cache._shared.prefix}:*"))


async def test_what_one_replica_has_loaded_the_others_need_not_ask_for(replica):
    one, two, three = replica(), replica(), replica()
    source = Source(a=1, b=2, c=3)
    assert await ask(one, source, "a", "b") == {"a": (1, False), "b": (2, False)}
    assert await ask(two, source, "b", "c", "a") == {
        "a": (1, False),
        "b": (2, False),
        "c": (3, False),
    }
    await ask(three, source, "a", "b", "c")
    assert source.asked == [["a", "b"], ["c"]]


async def test_what_no_source_knows_is_shared_as_well_and_for_a_shorter_while(replica, clock):
    source = Source()
    assert await ask(replica(), source, "a") == {"a": (None, False)}
    clock.now += timedelta(seconds=9)
    assert await ask(replica(), source, "a") == {"a": (None, False)}
    assert source.asked == [["a"]]
    clock.now += timedelta(seconds=1)
    await ask(replica(), source, "a")
    assert source.asked == [["a"], ["a"]]


async def test_processes_share(replica, tmp_path):
    sources = uuid.uuid4().hex
    code = f"""
import asyncio
from datetime import timedelta
import datasources.shared
from datasources.cache import Cache
from datasources.policies import Policy
from datasources.shared import SharedServer
from tests.conftest import Clock

async def load(keys):
    return dict.fromkeys(keys, 7)

async def main():
    datasources.shared.CALL_SECONDS = 20
    server = SharedServer({REDIS!r}, clock=Clock())
    cache = Cache(clock=Clock(), server=server, sources={sources!r})
    hour = timedelta(hours=1)
    policy = Policy(ttl=hour, negative_ttl=hour, stale_limit=hour)
    await cache.get_many("kind", ["a"], of=int, load=load, policy=policy)
    await cache.close()
    await server.close()

asyncio.run(main())
"""
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-W", "error", "-c", code], check=True, timeout=60
    )
    source = Source()
    assert await ask(replica(sources=sources), source, "a") == {"a": (7, False)}
    assert source.asked == []


async def test_a_shared_value_keeps_its_age(replica, clock):
    one, two = replica(), replica()
    source = Source(a=1)
    await ask(one, source, "a")
    clock.now += timedelta(seconds=59)
    await ask(two, source, "a")
    assert len(source.asked) == 1
    clock.now += timedelta(seconds=1)
    await ask(two, source, "a")
    assert len(source.asked) == 2
    await ask(one, source, "a")
    assert len(source.asked) == 2


async def test_a_wanted_age_goes_for_shared_values_too(replica, clock):
    source = Source(a=1)
    await ask(replica(), source, "a")
    clock.now += timedelta(seconds=5)
    two = replica()
    assert (
        await asyncio.gather(
            ask(two, source, "a"), ask(two, source, "a", max_age=timedelta(seconds=5))
        )
        == [{"a": (1, False)}] * 2
    )
    assert len(source.asked) == 2


async def test_while_sources_fail_another_replicas_old_value_answers_as_stale(replica, clock):
    source = Source(a=1)
    await ask(replica(), source, "a")
    source.failure = UnavailableError("down")
    clock.now += timedelta(minutes=59)
    two = replica()
    assert await ask(two, source, "a", "b") == {"a": (1, True)}
    clock.now += timedelta(minutes=2)
    assert await ask(two, source, "a") == {}
    assert await ask(replica(), source, "a") == {}


async def test_a_shared_value_never_takes_the_place_of_a_newer_one(replica, server, clock):
    source = Source(a=1)
    cache = replica()
    await ask(cache, source, "a")
    (name,) = names(server, cache)
    server.set(name, b'{"value": 2, "stored_at": "2024-06-14T14:59:59Z"}')
    source.failure = UnavailableError("down")
    clock.now += timedelta(minutes=5)
    assert await ask(cache, source, "a") == {"a": (1, True)}


async def test_memory_serves_a_shared_value_no_longer_than_the_server_does(replica, clock):
    source = Source(a=1)
    await ask(replica(), source, "a")
    source.failure = UnavailableError("down")
    clock.now += timedelta(minutes=59)
    two = replica()
    await ask(two, source, "a")
    clock.now += timedelta(minutes=1)
    assert await ask(two, source, "a") == {"a": (1, True)}
    clock.now += timedelta(seconds=1)
    assert await ask(two, source, "a") == {}


async def test_entries_end_on_the_server_when_they_are_of_no_more_use(replica, server):
    cache = replica()
    await ask(cache, Source(a=1), "a")
    (name,) = names(server, cache)
    assert 3_500_000 < server.pttl(name) <= 3_600_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[1]",
        b'{"value": "x", "stored_at": "2024-06-14T15:00:00Z"}',
        b'{"value": 2, "stored_at": "2024-06-14T15:00:00"}',
        b'{"value": 2, "stored_at": "2024-06-14T15:00:01Z"}',
        b'{"value": 2, "stored_at": "2024-06-14T14:00:00Z"}',
    ],
    ids=["empty", "text", "bytes", "list", "type", "no-zone", "from-the-future", "too-old"],
)
async def test_what_cannot_be_used_is_ignored_and_overwritten(replica, server, content):
    cache = replica()
    await ask(cache, Source(a=1), "a")
    (name,) = names(server, cache)
    good = server.get(name)
    assert good == b'{"value":1,"stored_at":"2024-06-14T15:00:00Z","stale":false}'
    server.set(name, content)
    with capture_logs() as logged:
        assert await ask(replica(), Source(a=1), "a") == {"a": (1, False)}
    assert server.get(name) == good
    assert logged == []


async def test_other_providers_and_other_shapes_of_values_are_never_read(replica):
    @dataclass(frozen=True)
    class Price:
        value: Decimal

    source, other = Source(a=1), Source(a=Price(Decimal(1)))
    await ask(replica(), source, "a")
    await ask(replica(sources=uuid.uuid4().hex), source, "a")
    assert source.asked == [["a"], ["a"]]
    assert await ask(replica(), other, "a", of=Price) == {"a": (Price(Decimal(1)), False)}
    assert other.asked == [["a"]]


async def test_market_data_of_all_kinds_comes_back_as_it_went(replica, clock):
    simulated = Simulated(clock=clock)
    chains = Chains(
        quotes=(simulated,),
        profiles=(simulated,),
        bars=(simulated,),
        rates=(Ecb(),),
        search=(simulated,),
    )
    one, two = (Market(chains=chains, cache=replica(), clock=clock) for _ in range(2))
    close = CloseQuestion(symbol="AAPL", day=date(2024, 6, 7))
    rate = RateQuestion(base="USD", target="JPY", day=date(2022, 12, 28))

    async def everything(market):
        return [
            await market.quotes(["AAPL", "MSFT"]),
            await market.profiles(["AAPL"]),
            await market.closes([close]),
            await market.rates([rate]),
            await market.find(["AAPL"]),
        ]

    loaded, shared = await everything(one), await everything(two)
    assert [len(answers) for answers in loaded] == [2, 1, 1, 1, 1]
    assert shared == loaded
    # Equal decimals may have other digits: 1.10 and 1.1.
    assert str(shared[0]["AAPL"].price) == str(loaded[0]["AAPL"].price)
    assert len(one.calls) == 5
    assert two.calls == {}


async def test_applications_share_when_their_settings_agree(server, clock, tmp_path):
    seed = uuid.uuid4().int

    async def calls(name, **more):
        settings = Settings(
            database_url=f"sqlite:///{tmp_path}/{name}.db",
            secret=SECRET,
            cache_url=REDIS,
            sign_in_attempts=0,
            **more,
        )
        database = Database(settings.database_url)
        await upgrade(database)
        await database.close()
        async with open_services(settings, clock=clock) as services:
            assert list(await services.market.quotes(["AAPL"])) == ["AAPL"]
            used.update(names(server, services.market._cache))
            return dict(services.market.calls)

    used = set()
    asked = {("simulated", "quotes"): 1}
    assert await calls("one", simulation_seed=seed) == asked
    assert await calls("two", simulation_seed=seed) == {}
    assert await calls("three", simulation_seed=seed + 1) == asked
    assert server.delete(*used) == 2


REPLICA = """
import asyncio
import sys
from datetime import timedelta
from redis import Redis
import datasources.cache
import datasources.shared
from datasources.cache import Cache
from datasources.policies import Policy
from datasources.shared import SharedServer
from tests.conftest import Clock

sources, callers, until = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
client = Redis.from_url(sys.argv[1])

async def load(keys):
    client.incr("test:loads:" + sources)
    while int(client.get("test:arrived:" + sources)) < until:
        await asyncio.sleep(0.01)
    return dict.fromkeys(keys, 7)

async def main():
    datasources.shared.CALL_SECONDS = 20
    datasources.cache.WAIT_FOR_OTHERS = 60  # a busy machine may start the last process late
    server = SharedServer(sys.argv[1], clock=Clock())
    cache = Cache(clock=Clock(), server=server, sources=sources)
    hour = timedelta(hours=1)
    policy = Policy(ttl=hour, negative_ttl=hour, stale_limit=hour)
    client.incr("test:arrived:" + sources)
    answers = await asyncio.gather(
        *(cache.get_many("kind", ["a"], of=int, load=load, policy=policy) for _ in range(callers))
    )
    assert [entries["a"].value for entries in answers] == [7] * callers
    await cache.close()
    await server.close()
    client.close()

asyncio.run(main())
"""


def processes(sources, *, count, callers, until):
    """Start replicas that ask for the same key; a load lasts until so many have come."""
    command = [sys.executable, "-W", "error", "-c", REPLICA, REDIS, sources]
    return [subprocess.Popen([*command, str(callers), str(until)]) for _ in range(count)]


@pytest.fixture
def counted(server):
    """A name for caches of several processes, whose counts go with it."""
    name = uuid.uuid4().hex
    yield name
    server.delete(f"test:loads:{name}", f"test:arrived:{name}")


async def test_eighty_callers_in_four_processes_are_one_load(replica, server, counted):
    replica(sources=counted)
    started = processes(counted, count=4, callers=20, until=4)
    assert [await asyncio.to_thread(one.wait, 60) for one in started] == [0] * 4
    assert server.get(f"test:loads:{counted}") == b"1"


async def test_a_replica_that_is_killed_while_it_loads_holds_the_others_up_for_seconds_only(
    server, clock, counted
):
    (holder,) = processes(counted, count=1, callers=1, until=2)
    while server.get(f"test:loads:{counted}") is None:
        await asyncio.sleep(0.01)
    holder.kill()
    holder.wait(20)
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    shared = SharedServer(REDIS, clock=clock)
    cache = Cache(clock=clock, server=shared, sources=counted, sleep=sleep)
    (lock,) = names(server, cache)
    assert 0 < server.pttl(lock) <= 30_000
    source = Source(a=1)
    assert await ask(cache, source, "a") == {"a": (1, False)}
    assert 2 <= sum(pauses) < 2.1
    assert source.asked == [["a"]]
    for name in names(server, cache):
        server.delete(name)
    await cache.close()
    await shared.close()


async def test_keys_that_another_replica_is_loading_are_taken_from_it_when_they_are_there(replica):
    one, two = replica(), replica()
    slow, quick = Source(a=1, b=2), Source(b=3, c=4)
    slow.gate, looked = asyncio.Event(), asyncio.Event()

    async def sleep(_):
        looked.set()
        await slow_caller

    two._sleep = sleep
    slow_caller = asyncio.create_task(ask(one, slow, "a", "b"))
    while not slow.asked:
        await asyncio.sleep(0)
    caller = asyncio.create_task(ask(two, quick, "b", "c"))
    await looked.wait()
    slow.gate.set()
    assert await caller == {"b": (2, False), "c": (4, False)}
    assert await slow_caller == {"a": (1, False), "b": (2, False)}
    assert (slow.asked, quick.asked) == ([["a", "b"]], [["c"]])


async def test_a_load_of_another_replica_is_recent_enough_for_any_wanted_age(replica):
    one, two = replica(), replica()
    slow, quick = Source(a=1), Source(a=2)
    slow.gate, looked = asyncio.Event(), asyncio.Event()

    async def sleep(_):
        looked.set()
        await slow_caller

    two._sleep = sleep
    slow_caller = asyncio.create_task(ask(one, slow, "a"))
    while not slow.asked:
        await asyncio.sleep(0)
    caller = asyncio.create_task(ask(two, quick, "a", max_age=timedelta(0)))
    await looked.wait()
    slow.gate.set()
    assert await caller == {"a": (1, False)}
    assert quick.asked == []


async def test_a_load_that_fails_gives_the_next_replica_its_turn(replica, server):
    one, two = replica(), replica()
    failing, source = Source(), Source(a=1)
    failing.failure = UnavailableError("down")
    assert await ask(one, failing, "a") == {}
    assert names(server, one) == []
    assert await ask(two, source, "a") == {"a": (1, False)}
    assert source.asked == [["a"]]


class OwnServer:
    """A Redis server of a test's own, with a password, to be stopped and started."""

    def __init__(self):
        self.port = free_port()
        self.url = f"redis://:hidden@127.0.0.1:{self.port}/0"
        self.process = None

    def start(self):
        options = f"--port {self.port} --bind 127.0.0.1 --appendonly no --requirepass hidden"
        self.process = subprocess.Popen(
            ["redis-server", *options.split(), "--save", ""], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        with Redis.from_url(self.url) as client:
            while time.monotonic() < deadline:
                try:
                    client.ping()
                except RedisError:
                    assert self.process.poll() is None
                    time.sleep(0.01)
                else:
                    return
        pytest.fail("redis-server does not start")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)


@pytest.fixture
def own_server():
    if shutil.which("redis-server") is None:
        missing("redis-server")
    server = OwnServer()
    yield server
    server.stop()


async def test_many_callers_of_a_cold_key_are_one_look_up_and_one_load(replica, own_server):
    own_server.start()
    source = Source(a=1)
    cache = replica(own_server.url)
    answers = await asyncio.gather(*(ask(cache, source, "a") for _ in range(1000)))
    assert answers == [{"a": (1, False)}] * 1000
    assert source.asked == [["a"]]
    with Redis.from_url(own_server.url) as client:
        # Once more after the lock was taken: whoever had it before may have loaded the value.
        assert client.info("commandstats")["cmdstat_mget"]["calls"] == 2


async def test_a_start_without_the_server_works_and_its_coming_is_noticed(
    replica, own_server, clock
):
    one, two = replica(own_server.url), replica(own_server.url)
    source = Source(a=1, b=2)
    with capture_logs() as logged:
        assert await ask(one, source, "a") == {"a": (1, False)}
        clock.now += timedelta(seconds=5)
        assert await ask(one, source, "b") == {"b": (2, False)}
        assert [entry["event"] for entry in logged] == ["shared_cache_failed"]
        own_server.start()
        clock.now += timedelta(seconds=60)
        await ask(one, source, "a")
        await ask(two, source, "a")
    assert [entry["event"] for entry in logged] == ["shared_cache_failed", "shared_cache_back"]
    assert source.asked == [["a"], ["b"], ["a"]]
    assert "hidden" not in repr(logged)


async def test_the_server_may_go_and_come_back_while_answers_go_on(replica, own_server, clock):
    own_server.start()
    one, two = replica(own_server.url), replica(own_server.url)
    source = Source(a=1, b=2, c=3)
    await ask(one, source, "a")
    own_server.stop()
    with capture_logs() as logged:
        assert await ask(two, source, "a") == {"a": (1, False)}
        own_server.start()
        clock.now += timedelta(seconds=4)
        assert await ask(two, source, "b") == {"b": (2, False)}
        assert await ask(one, source, "b") == {"b": (2, False)}
        assert source.asked == [["a"], ["a"], ["b"], ["b"]]
        clock.now += timedelta(seconds=1)
        assert await ask(two, source, "c") == {"c": (3, False)}
        assert await ask(one, source, "c") == {"c": (3, False)}
    assert source.asked == [["a"], ["a"], ["b"], ["b"], ["c"]]
    assert [entry["event"] for entry in logged] == ["shared_cache_failed", "shared_cache_back"]


async def test_a_server_that_hangs_costs_a_quarter_of_a_second_and_mixes_up_nothing(
    replica, own_server, clock
):
    own_server.start()
    cache = replica(own_server.url)
    source = Source(a=1, b=2)
    await ask(cache, source, "a")
    await ask(replica(own_server.url), source, "b")
    clock.now += timedelta(seconds=30)
    own_server.process.send_signal(signal.SIGSTOP)
    cache._shared._server._connection.timeout = CALL_SECONDS
    started = time.monotonic()
    assert await ask(cache, source, "c") == {"c": (None, False)}
    assert 0.25 <= time.monotonic() - started < 10
    assert await ask(cache, source, "d") == {"d": (None, False)}
    own_server.process.send_signal(signal.SIGCONT)
    cache._shared._server._connection.timeout = 20
    clock.now += timedelta(seconds=5)
    assert await ask(cache, source, "b") == {"b": (2, False)}
    assert source.asked == [["a"], ["b"], ["c"], ["d"]]


async def test_a_wrong_password_is_in_no_log_and_costs_only_the_sharing(replica, own_server, capfd):
    own_server.start()
    url = own_server.url.replace("hidden", "mistaken")
    source = Source(a=1)
    with capture_logs() as logged:
        assert await ask(replica(url), source, "a") == {"a": (1, False)}
    assert [(entry["event"], entry["error"]) for entry in logged] == [
        ("shared_cache_failed", "AuthenticationError")
    ]
    assert "mistaken" not in "".join(capfd.readouterr())


async def test_doctor_tells_whether_the_cache_can_be_used(own_server, tmp_path):
    async def finding(url):
        settings = Settings(database_url=f"sqlite:///{tmp_path}/x.db", secret=SECRET, cache_url=url)
        (found,) = (one for one in await examine(settings) if one.what == "cache")
        return found.usable, found.how

    assert await finding("") == (True, "in the memory of each process")
    assert await finding(own_server.url) == (False, "cannot be used: ConnectionError")
    own_server.start()
    assert await finding(own_server.url) == (True, "shared, can be written and read")
    mistaken = own_server.url.replace("hidden", "mistaken")
    assert await finding(mistaken) == (False, "cannot be used: AuthenticationError")


async def test_what_was_loaded_under_other_names_of_instruments_is_not_shared(replica, server):
    one, two = replica(), replica()
    source = Source(a=1)
    await ask(one, source, "a")
    old = names(server, one)
    source.known["a"] = 2
    await one.renounce("other names")
    assert await ask(one, source, "a") == {"a": (2, False)}
    assert await ask(two, source, "a") == {"a": (1, False)}
    await two.renounce("other names")
    assert await ask(two, source, "a") == {"a": (2, False)}
    assert source.asked == [["a"], ["a"]]
    server.delete(*old)
