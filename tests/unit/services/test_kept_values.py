"""What a process keeps of prices, rates and values, and when it lets go."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from analytics.book import book_of
from analytics.valuations import Quotes, value
from models.market import Actions, Bar, Rate
from services import kept_values
from services.kept_values import GOOD_FOR, SOON, KeptValuation, KeptValues
from tests.conftest import Clock

DAY = date(2024, 1, 8)
NOW = datetime(2024, 1, 10, tzinfo=UTC)
ACME = ("ACME", "USD")


class Asked:
    """A market that knows one close and one rate, and remembers what it was asked."""

    def __init__(self, *, knows=True):
        self.knows = knows
        self.questions = []

    async def bars(self, questions):
        self.questions += questions
        bar = Bar(symbol="ACME", day=DAY, close=Decimal(5), currency="USD", source="test")
        return {question: [bar] for question in questions} if self.knows else {}

    async def actions(self, questions):
        return {question: Actions() for question in questions}

    async def rates(self, questions):
        self.questions += questions
        return {
            one: Rate(
                base=one.base, target=one.target, value=Decimal(2), day=one.day, source="test"
            )
            for one in questions
            if self.knows
        }


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
def kept(clock):
    return KeptValues(clock)


async def prices(kept, market, *, first=DAY, last=DAY):
    return (await kept.prices(market, [ACME], first=first, last=last))[ACME]


async def test_prices_are_asked_for_once_and_again_when_they_are_old(kept, clock):
    market = Asked()
    first = await prices(kept, market)
    assert first.closes.values.tolist() == [5]
    assert await prices(kept, market) is first
    assert len(market.questions) == 1
    clock.now += GOOD_FOR
    assert await prices(kept, market) is not first
    assert len(market.questions) == 2


async def test_more_days_than_are_kept_are_asked_for(kept):
    market = Asked()
    await prices(kept, market)
    for first, last in ((DAY - timedelta(days=1), DAY), (DAY, DAY + timedelta(days=1))):
        await prices(kept, market, first=first, last=last)
    assert [(one.first, one.last) for one in market.questions[1:]] == [
        (DAY - timedelta(days=1), DAY),
        (DAY, DAY + timedelta(days=1)),
    ]


async def test_what_was_not_found_is_soon_looked_for_again(kept, clock):
    market = Asked(knows=False)
    assert len((await prices(kept, market)).closes.days) == 0
    market.knows = True
    assert len((await prices(kept, market)).closes.days) == 0
    clock.now += SOON
    assert len((await prices(kept, market)).closes.days) == 1


async def test_rates_of_weekdays_are_asked_for_once(kept):
    market = Asked()
    for _ in range(2):
        # From Thursday to Monday.
        found = await kept.rates(
            market, ["EUR"], "USD", first=date(2024, 1, 4), last=date(2024, 1, 8)
        )
    assert sorted(one.day.day for one in market.questions) == [4, 5, 8]
    assert found["EUR"].values.tolist() == [2, 2, 2]


def valuation(versions, clock):
    book = book_of([], [], bases={})
    quotes = Quotes(currency="EUR", prices={}, rates={})
    return KeptValuation(
        versions=versions,
        until=clock.now + GOOD_FOR,
        book=book,
        valuation=value(book, quotes, first=DAY, last=DAY),
        symbols={},
        latest={},
    )


def test_values_are_good_for_one_version_and_a_while(kept, clock):
    made = valuation(1, clock)
    kept.keep("key", made)
    assert kept.find("key", 1) is made
    assert kept.find("key", 2) is None
    assert kept.find("other", 1) is None
    clock.now += GOOD_FOR
    assert kept.find("key", 1) is None


def test_what_was_not_asked_for_the_longest_goes_first(kept, clock, monkeypatch):
    monkeypatch.setattr(kept_values, "MOST_BYTES", 1000)
    big = valuation(1, clock)
    grown = np.zeros((30, 2))  # 480 bytes each way it is kept
    object.__setattr__(big.valuation, "units", grown)
    for name in ("first", "second"):
        kept.keep(name, big)
    assert kept.find("first", 1) is big
    kept.keep("third", big)
    assert kept.find("second", 1) is None
    assert kept.find("first", 1) is big
    assert kept.find("third", 1) is big
