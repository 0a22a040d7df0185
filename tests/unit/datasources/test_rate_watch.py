"""Exchange rates are looked at only while somebody follows them, and a failure ends nothing."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.hub import Hub
from datasources.rate_watch import RateWatch
from models.market import Rate
from tests.sockets import Ticks

NOW = datetime(2024, 6, 14, 15, tzinfo=UTC)
PAIR = ("rate", ("EUR", "USD"))


class Rates:
    """Stands where the market stands: one rate that the test sets."""

    def __init__(self):
        self.value = Decimal("1.1")
        self.asked = []
        self.failure = None

    async def rates(self, questions):
        self.asked.append([(one.base, one.target, one.day) for one in questions])
        if self.failure is not None:
            raise self.failure
        return {
            one: Rate(
                base=one.base, target=one.target, value=self.value, day=one.day, source="test"
            )
            for one in questions
        }


@pytest.fixture
def market():
    return Rates()


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
async def watch(market, ticks):
    made = RateWatch(market, Hub(), clock=lambda: NOW, sleep=ticks)
    yield made
    await made.close()


async def test_a_rate_is_told_when_it_changes_and_not_before(watch, market, ticks):
    with watch._hub.listen([PAIR]) as listener:
        await watch.settle()
        listener.saw(PAIR, says=market.value)
        coming = asyncio.ensure_future(listener.changes())
        await ticks.tick()
        assert (coming.done(), market.asked) == (False, [[("EUR", "USD", date(2024, 6, 14))]])
        market.value = Decimal("1.2")
        await ticks.tick()
        assert set(await coming) == {PAIR}


async def test_nobody_listening_nothing_is_looked_at(watch, market, ticks):
    before = asyncio.all_tasks()
    await watch.settle()
    with watch._hub.listen([PAIR], min_interval=timedelta(0)):
        await watch.settle()
        await watch.settle()
        assert len(asyncio.all_tasks() - before) == 1
    await watch.settle()
    assert asyncio.all_tasks() == before
    assert market.asked == []


async def test_after_a_failure_it_looks_again(watch, market, ticks):
    with watch._hub.listen([PAIR]) as listener:
        await watch.settle()
        market.failure = RuntimeError("no")
        await ticks.tick()
        market.failure = None
        coming = asyncio.ensure_future(listener.changes())
        await ticks.tick()
        assert set(await coming) == {PAIR}
        assert len(market.asked) == 2
