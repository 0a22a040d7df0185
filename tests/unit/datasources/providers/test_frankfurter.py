"""Frankfurter's first version, on the documented payloads."""

from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from datasources.errors import BadPayloadError
from datasources.http import Answer
from datasources.providers.frankfurter import Frankfurter, read_range
from datasources.symbols import Dialect, Names
from models.market import EuroRate, RateQuestion
from tests.contract.vendors.frankfurter import handler
from tests.vendors import fake_vendor, upstream_of

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)

# The documented answer for a range.
RANGE = (
    '{"amount":1.0,"base":"EUR","start_date":"2026-11-18","end_date":"2026-11-19",'
    '"rates":{"2026-11-18":{"USD":1.1181},"2026-11-19":{"USD":1.117}}}'
)


def answer(text, status=200):
    return Answer(status=status, headers={}, body=text.encode(), received_at=NOW)


@asynccontextmanager
async def connected(clock):
    clock.now = NOW
    async with (
        fake_vendor() as server,
        upstream_of(Frankfurter.vendor, server, clock=clock) as upstream,
    ):
        server.handler = handler
        yield Frankfurter(upstream, names=Names(Dialect()), clock=clock), server


def question(base, target, day):
    return RateQuestion(base=base, target=target, day=date.fromisoformat(day))


def test_a_range_is_read_exactly_under_the_days_of_its_rates():
    assert list(read_range(answer(RANGE)).values()) == [
        EuroRate(
            currency="USD", day=date(2026, 11, 18), value=Decimal("1.1181"), source="frankfurter"
        ),
        EuroRate(
            currency="USD", day=date(2026, 11, 19), value=Decimal("1.117"), source="frankfurter"
        ),
    ]


def test_an_unknown_currency_or_a_day_before_1999_is_no_rate():
    assert read_range(answer('{"message":"not found"}', status=404)) == {}


@pytest.mark.parametrize(
    "text",
    [
        RANGE.replace('"EUR"', '"USD"'),
        RANGE.replace("1.0,", "10.0,"),
        "[]",
        RANGE[:-10],
    ],
    ids=["another base", "another amount", "another root", "cut off"],
)
def test_rates_of_anything_but_one_euro_are_refused(text):
    with pytest.raises(BadPayloadError):
        read_range(answer(text))


async def test_many_days_are_one_call_with_the_euro_as_base(clock):
    asked = [
        question("USD", "GBP", "2026-11-15"),  # a Sunday: 0.84 / 1.12 on Friday
        question("EUR", "JPY", "2026-11-19"),
        question("EUR", "XXX", "2026-11-19"),
        question("EUR", "USD", "2026-12-24"),  # to come
    ]
    async with connected(clock) as (frankfurter, server):
        found = await frankfurter.rates(asked)
    assert {one: (rate.value, str(rate.day)) for one, rate in found.items()} == {
        asked[0]: (Decimal("0.75"), "2026-11-13"),
        asked[1]: (Decimal("175.65"), "2026-11-19"),
        asked[3]: (Decimal("1.116"), "2026-11-20"),
    }
    (request,) = server.requests
    assert request.path == "/2026-11-08..2026-11-20"
    assert request.query == {"base": "EUR", "symbols": "GBP,JPY,USD,XXX"}


async def test_days_far_apart_are_asked_apart_and_no_range_is_beyond_90_days(clock):
    days = ["2026-11-20", "2026-11-18", "2026-08-29", "2026-08-28", "2001-02-03"]
    async with connected(clock) as (frankfurter, server):
        await frankfurter.rates([question("EUR", "USD", day) for day in days])
    assert server.paths == [
        "/2001-01-27..2001-02-03",
        "/2026-08-21..2026-11-18",  # 89 days
        "/2026-11-13..2026-11-20",
    ]


async def test_the_first_days_of_the_euro_are_asked_from_the_first_day_on(clock):
    async with connected(clock) as (frankfurter, server):
        early = [question("EUR", "USD", day) for day in ("1998-12-31", "1999-01-05")]
        assert await frankfurter.rates(early) == {}
    assert server.paths == ["/1999-01-04..1999-01-05"]


async def test_a_fixed_currency_needs_no_call_but_one_that_has_just_joined_does(clock):
    fixed, just = question("EUR", "HRK", "2026-11-19"), question("USD", "BGN", "2026-01-01")
    async with connected(clock) as (frankfurter, server):
        found = await frankfurter.rates([fixed])
        assert found[fixed].value == Decimal("7.53450")
        assert server.requests == []
        # On the first of January nothing is published: both legs may be of 31 December.
        await frankfurter.rates([just])
    assert server.requests[0].query["symbols"] == "BGN,USD"
