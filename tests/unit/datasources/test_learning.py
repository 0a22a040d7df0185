"""What is kept for later: written in the background, in one go, and never lost by a failure."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from datasources.learning import Learner
from models.market import Bar, CompanyProfile, EuroRate, Quote, QuoteQuality
from tests.conftest import NOW

DAY = date(2024, 6, 14)


def quote(symbol, price):
    return Quote(
        symbol=symbol,
        price=Decimal(price),
        currency="USD",
        as_of=NOW,
        received_at=NOW,
        source="one",
        quality=QuoteQuality.FRESH,
    )


class Memory:
    """A lasting memory that notes what it is given, fails, or takes its time."""

    def __init__(self):
        self.written = []
        self.failure = None
        self.hold = None
        self.called = asyncio.Event()

    async def remember(self, *, quotes, profiles, bars, rates):
        self.called.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            raise self.failure
        self.written.append([str(one.price) for one in quotes])
        self.rest = (profiles, bars, rates)


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def learner(memory):
    return Learner(memory, interval=timedelta(hours=1))


async def test_the_newest_of_each_is_written_in_one_go_and_once(learner, memory):
    learner.learn(quotes=[quote("A", "1"), quote("B", "2")])
    learner.learn(quotes=[quote("A", "3")])
    await learner.flush()
    await learner.flush()
    assert memory.written == [["3", "2"]]


async def test_all_kinds_are_written(learner, memory):
    profile = CompanyProfile(symbol="A", name="A Inc", source="one", fetched_at=NOW)
    bar = Bar(symbol="A", day=DAY, close=Decimal(1), currency="USD", source="one")
    rate = EuroRate(currency="USD", day=DAY, value=Decimal("1.07"), source="ECB")
    learner.learn(profiles=[profile], bars=[bar], rates=[rate])
    await learner.flush()
    assert memory.rest == ([profile], [bar], [rate])


async def test_what_could_not_be_written_goes_with_the_next_and_gives_way_to_newer(learner, memory):
    learner.learn(quotes=[quote("A", "1"), quote("B", "2")])
    memory.failure = OSError("down")
    with pytest.raises(OSError, match="down"):
        await learner.flush()
    learner.learn(quotes=[quote("A", "3")])
    memory.failure = None
    await learner.flush()
    assert memory.written == [["3", "2"]]


async def test_what_comes_while_a_batch_fails_is_newer(learner, memory):
    memory.hold, memory.failure = asyncio.Event(), OSError("down")
    learner.learn(quotes=[quote("A", "1")])
    flushing = asyncio.create_task(learner.flush())
    await memory.called.wait()
    learner.learn(quotes=[quote("A", "2")])
    memory.hold.set()
    with pytest.raises(OSError, match="down"):
        await flushing
    memory.failure = None
    await learner.flush()
    assert memory.written == [["2"]]


async def test_it_is_written_in_the_background_and_a_failure_ends_nothing(memory):
    memory.failure = OSError("down")
    learner = Learner(memory, interval=timedelta(milliseconds=1))
    with capture_logs() as logged:
        async with learner:
            learner.learn(quotes=[quote("A", "1")])
            await memory.called.wait()
            memory.failure = None
            while not memory.written:
                await asyncio.sleep(0)
    assert memory.written == [["1"]]
    assert {entry["event"] for entry in logged} <= {"last_known_not_written"}


async def test_leaving_writes_what_is_left_even_from_a_write_cut_short(memory):
    memory.hold = asyncio.Event()
    async with Learner(memory, interval=timedelta(milliseconds=1)) as learner:
        learner.learn(quotes=[quote("A", "1")])
        await memory.called.wait()
        memory.hold = None
    assert memory.written == [["1"]]


async def test_a_memory_that_fails_at_the_end_does_not_fail_the_end(memory):
    memory.failure = OSError("down")
    with capture_logs() as logged:
        async with Learner(memory, interval=timedelta(hours=1)) as learner:
            learner.learn(quotes=[quote("A", "1")])
    assert [entry["event"] for entry in logged] == ["last_known_not_written"]


async def test_without_a_memory_nothing_is_gathered():
    async with Learner(None, interval=timedelta(hours=1)) as learner:
        learner.learn(quotes=[quote("A", "1")])
        await learner.flush()
    assert learner._quotes == {}
