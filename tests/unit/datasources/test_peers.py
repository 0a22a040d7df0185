"""Replicas between them: one looks after prices, all hear of bookings, and no fault lasts."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from datasources import peers as peers_module
from datasources.feed import Feed
from datasources.lease import Lease
from datasources.peers import LEASE, Peers
from models.market import Quote, QuoteQuality

START = datetime(2024, 6, 14, 15, tzinfo=UTC)


class Time:
    """A clock and a sleep that go on when the test says so."""

    def __init__(self):
        self.now = START
        self._sleepers = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        due = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + timedelta(seconds=seconds), due))
        await due

    async def pass_(self, seconds):
        """Let seconds pass one by one, and let all that waited for each do its work."""
        for _ in range(seconds):
            self.now += timedelta(seconds=1)
            over = [one for one in self._sleepers if one[0] <= self.now]
            self._sleepers = [one for one in self._sleepers if one[0] > self.now]
            for _, due in over:
                due.done() or due.set_result(None)
            await self.settle()

    async def settle(self):
        for _ in range(60):
            await asyncio.sleep(0)


class Server:
    """Locks and messages as the server has them; null, and silence, while it is down."""

    def __init__(self, time):
        self.time = time
        self.down = False
        self.locks = {}
        self.ears = []

    def fail(self):
        """Go away, and forget everything."""
        self.down = True
        self.locks.clear()
        for ear in self.ears:
            ear.put_nowait(None)
        self.ears.clear()

    async def acquire(self, name, *, holder, ttl):
        if self.down:
            return None
        if name in self.locks and self.locks[name][1] > self.time.now:
            return False
        self.locks[name] = (holder, self.time.now + ttl)
        return True

    async def extend(self, name, *, holder, ttl):
        if self.down:
            return None
        held, end = self.locks.get(name, (None, self.time.now))
        if held != holder or end <= self.time.now:
            return False
        self.locks[name] = (holder, self.time.now + ttl)
        return True

    async def release(self, name, *, holder):
        if self.down:
            return None
        return self.locks.get(name, (None,))[0] == holder and bool(self.locks.pop(name))


class Line:
    """One replica's end of the wire."""

    def __init__(self, server):
        self.server = server
        self.said = []
        self.broken = False

    async def say(self, message):
        if self.server.down or self.broken:
            return False
        self.said.append(message)
        for ear in self.server.ears:
            ear.put_nowait(message)
        return True

    async def hear(self):
        if self.server.down or self.broken:
            raise ConnectionError
        ear = asyncio.Queue()
        self.server.ears.append(ear)
        while (message := await ear.get()) is not None and not self.broken:
            yield message

    async def close(self):
        pass


class Market:
    """Stands where a replica's market stands."""

    has_vendors = False

    def __init__(self, time):
        self.time = time
        self.prices = {"A": "1", "B": "2"}
        self.polls = []
        self.failure = None

    def streams(self):
        return []

    def hear(self, quote):
        self.prices[quote.symbol] = quote.price

    async def quotes(self, symbols, *, max_age=None):
        if max_age is not None:
            self.polls.append(sorted(symbols))
            if self.failure is not None:
                raise self.failure
        return {symbol: quote(symbol, self.prices[symbol]) for symbol in symbols}


def quote(symbol, price):
    return Quote(
        symbol=symbol,
        price=Decimal(price),
        currency="USD",
        as_of=START,
        received_at=START,
        source="test",
        quality=QuoteQuality.FRESH,
    )


class Replica:
    """A feed with its door to the others."""

    def __init__(self, server, sources="same"):
        time = server.time
        self.market = Market(time)
        self.line = Line(server)
        lease = Lease(f"feed:{sources}", locks=server, ttl=LEASE)
        self.peers = Peers(self.line, lease, clock=time, sources=sources, sleep=time.sleep)
        self.feed = Feed(self.market, clock=time, peers=self.peers, sleep=time.sleep)

    def polled(self):
        """Return what was polled since the last time, each once."""
        polls, self.market.polls = self.market.polls, []
        return sorted({symbol for poll in polls for symbol in poll})


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def server(time):
    return Server(time)


@pytest.fixture
async def start(server, time):
    async with AsyncExitStack() as stack:

        async def start(sources="same"):
            replica = Replica(server, sources)
            stack.push_async_callback(replica.feed.close)
            replica.leave = stack.enter_async_context(replica.peers)
            await replica.leave
            await time.pass_(1)
            return replica

        yield start


@pytest.fixture
async def both(start):
    return await start(), await start()


async def die(replica):
    """End a replica without a word, as a kill does."""
    replica.line.broken = True
    for task in replica.peers._tasks:
        task.cancel()
    await asyncio.gather(*replica.peers._tasks, return_exceptions=True)


async def test_the_first_leads_and_polls_for_all_and_the_other_asks_nobody(both, time):
    first, second = both
    assert (first.peers.leads, second.peers.leads) == (True, False)
    async with first.feed.listen(["A"]), second.feed.listen(["B"]) as updates:
        assert (await anext(updates)).price == 2
        await time.pass_(2)
        assert (first.polled(), second.polled()) == (["A", "B"], [])
        first.market.prices["B"] = "2.5"
        await time.pass_(1)
        assert (await anext(updates)).price == Decimal("2.5")
        assert second.market.prices["B"] == Decimal("2.5")


async def test_while_nobody_listens_nothing_is_asked_and_what_is_left_is_dropped(both, time):
    first, second = both
    await time.pass_(3)
    assert (first.polled(), second.polled()) == ([], [])
    async with second.feed.listen(["B"]):
        await time.pass_(2)
        assert first.polled() == ["B"]
    await time.settle()
    assert first.feed.watched == frozenset()
    await time.pass_(1)
    first.polled()
    await time.pass_(3)
    assert first.polled() == []


async def test_a_price_that_says_nothing_new_is_not_said_again(both, time):
    first, second = both
    async with second.feed.listen(["B"]):
        await time.pass_(5)
    with_prices = [text for text in first.line.said if b'"price"' in text]
    assert len(with_prices) == 1


async def test_whoever_listens_to_what_the_others_know_of_says_nothing_about_it(both, time):
    first, second = both
    async with second.feed.listen(["B"]):
        await time.settle()
        before = len(second.line.said)
        for _ in range(100):
            async with second.feed.listen(["B"]):
                await time.settle()
        assert len(second.line.said) == before
        assert first.peers.wanted == {"B"}


async def test_when_the_one_that_leads_dies_prices_go_on_within_four_seconds_and_another_leads(
    both, time
):
    first, second = both
    async with second.feed.listen(["B"]) as updates:
        await anext(updates)
        await time.pass_(2)
        await die(first)
        second.market.prices["B"] = "3"
        await time.pass_(4)
        assert (await anext(updates)).price == 3
        await time.pass_(2)
        assert second.peers.leads


async def test_one_that_leaves_in_peace_hands_over_within_a_second(both, time):
    first, second = both
    await first.peers.__aexit__(None, None, None)
    await time.pass_(1)
    assert (first.peers.leads, second.peers.leads) == (False, True)


async def test_one_that_was_paused_gives_up_the_lead_it_has_lost(both, time, server):
    first, second = both
    server.locks.clear()
    await second.peers.beat()
    await time.pass_(1)
    assert (first.peers.leads, second.peers.leads) == (False, True)


async def test_without_the_server_each_polls_for_itself_and_then_one_leads_again(
    both, time, server
):
    first, second = both
    async with first.feed.listen(["A"]), second.feed.listen(["B"]):
        await time.pass_(2)
        server.fail()
        await time.pass_(5)
        first.polled(), second.polled()
        await time.pass_(2)
        assert (first.polled(), second.polled()) == (["A"], ["B"])
        server.down = False
        await time.pass_(4)
        first.polled(), second.polled()
        await time.pass_(2)
        polled = sorted([first.polled(), second.polled()])
        assert polled == [[], ["A", "B"]]
        assert first.peers.leads is not second.peers.leads


async def test_stale_prices_are_told_as_stale_everywhere(both, time):
    first, second = both
    async with second.feed.listen(["B"]) as updates:
        await anext(updates)
        await time.pass_(2)
        first.market.failure = OSError("down")
        await time.pass_(12)
        assert (await anext(updates)).quality is QuoteQuality.STALE


async def test_bookings_are_heard_at_other_replicas_and_once_by_each(both, time):
    first, second = both
    topic = ("ledger", 7)
    with first.feed.hub.listen([topic]) as here, second.feed.hub.listen([topic]) as there:
        first.feed.tell({topic})
        assert await here.changes() == {topic: None}
        assert await there.changes() == {topic: None}
        await time.settle()
        assert (here._slots, there._slots) == ({}, {})


async def test_bookings_told_while_the_server_is_down_are_heard_when_it_is_back(both, time, server):
    first, second = both
    server.fail()
    await time.pass_(3)
    topic = ("ledger", 7)
    with second.feed.hub.listen([topic]) as there:
        first.feed.tell({topic})
        await time.settle()
        assert there._slots == {}
        server.down = False
        await time.pass_(2)
        assert await there.changes() == {topic: None}


async def test_without_a_wire_everybody_looks_at_the_ledgers_every_five_seconds(both, time, server):
    second = both[1]
    server.fail()
    await time.pass_(4)
    topic = ("ledger", 7)
    with second.feed.hub.listen([topic]) as there:
        await time.pass_(5)
        assert await there.changes() == {topic: None}


async def test_too_many_bookings_to_tell_are_told_as_all(both, time, monkeypatch):
    monkeypatch.setattr(peers_module, "MAX_TOPICS", 2)
    first, second = both
    first.line.broken = True
    for portfolio in range(3):
        first.feed.tell({("ledger", portfolio)})
    await time.settle()
    topic = ("ledger", 99)
    with second.feed.hub.listen([topic]) as there:
        first.line.broken = False
        await time.pass_(1)
        assert await there.changes() == {topic: None}


async def test_bookings_told_at_the_last_moment_are_said_before_the_end(both, time):
    first, second = both
    topic = ("ledger", 7)
    with second.feed.hub.listen([topic]) as there:
        first.feed.tell({topic})
        await first.peers.__aexit__(None, None, None)
        assert await there.changes() == {topic: None}


async def test_those_with_other_providers_share_bookings_but_no_prices(start, time):
    first, other = await start(), await start("other")
    assert (first.peers.leads, other.peers.leads) == (True, True)
    topic = ("ledger", 7)
    with other.feed.hub.listen([topic]) as there:
        first.feed.tell({topic})
        assert await there.changes() == {topic: None}
    async with other.feed.listen(["B"]):
        await time.pass_(2)
        assert (first.polled(), other.polled()) == ([], ["B"])


async def test_a_message_that_cannot_be_read_is_left_alone(both, time):
    first, second = both
    for text in (b"", b"{}", b"\xff", b'{"sender": 1}'):
        await first.line.say(text)
    await time.settle()
    first.feed.tell({("ledger", 7)})
    with second.feed.hub.listen([("ledger", 7)]) as there:
        assert await there.changes() == {("ledger", 7): None}
