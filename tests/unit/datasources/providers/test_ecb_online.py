"""The ECB as it publishes: what is fetched, when, and what stays when that fails."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.errors import BadPayloadError
from datasources.providers.ecb import PACKAGED, EcbOnline, is_working_day, last_publication
from datasources.symbols import Dialect, Names
from models.market import RateQuestion
from tests.contract.vendors.ecb import FILES, document
from tests.vendors import HTML, fake_vendor, reply, upstream_of

QUARTER, HISTORY = "/eurofxref-hist-90d.xml", "/eurofxref-hist.zip"
PUBLISHED = PACKAGED.read_bytes()
THURSDAY_EVENING = datetime(2026, 11, 19, 18, 0, tzinfo=UTC)
FRIDAY_AT_FOUR = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # 16:00 in Frankfurt


@asynccontextmanager
async def connected(clock):
    """Serve the 90-day file up to Thursday, and whatever a test puts in ``served``."""
    served = {
        QUARTER: reply(document(["2026-11-19", "2026-11-18", "2026-08-24"])),
        HISTORY: reply(PUBLISHED),
    }
    clock.now = THURSDAY_EVENING
    async with (
        fake_vendor() as server,
        upstream_of(EcbOnline.vendor, server, clock=clock) as upstream,
    ):
        server.handler = lambda request: served[request.path]
        yield EcbOnline(upstream, names=Names(Dialect()), clock=clock), served, server


async def dollars(ecb, day):
    question = RateQuestion(base="EUR", target="USD", day=day)
    rate = (await ecb.rates([question])).get(question)
    return rate and (rate.value, rate.day)


THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
THURSDAYS = (Decimal("1.1170"), THURSDAY)
FRIDAYS = (Decimal("1.1160"), FRIDAY)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-20T14:59:59", "2026-11-19"),  # before 16:00 in Frankfurt, winter
        ("2026-11-20T15:00:00", "2026-11-20"),
        ("2026-07-01T13:59:59", "2026-06-30"),  # summer
        ("2026-07-01T14:00:00", "2026-07-01"),
        ("2026-11-22T12:00:00", "2026-11-20"),  # a Sunday
        ("2026-04-06T18:00:00", "2026-04-02"),  # Easter Monday, after Good Friday
        ("2026-05-01T18:00:00", "2026-04-30"),
        ("2026-12-28T10:00:00", "2026-12-24"),  # 25 and 26 December, and a weekend
        ("2027-01-01T18:00:00", "2026-12-31"),
    ],
)
def test_rates_are_due_at_four_in_frankfurt_on_working_days(now, expected):
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert last_publication(moment) == date.fromisoformat(expected)


def test_the_closing_days_are_those_that_the_history_leaves_out():
    from datasources.eurofxref import read_history

    days = read_history(PACKAGED.read_bytes(), name="packaged").days
    last_years = [day for day in days if day.year >= 2015]
    first = last_years[0]
    expected = [
        day
        for number in range((last_years[-1] - first).days + 1)
        if is_working_day(day := first + timedelta(days=number))
    ]
    assert last_years == expected


async def test_one_publication_is_fetched_once(clock):
    async with connected(clock) as (ecb, _, server):
        for hours in (0, 1, 20):  # until 14:00 UTC on Friday
            clock.now = THURSDAY_EVENING + timedelta(hours=hours)
            assert await dollars(ecb, FRIDAY) == THURSDAYS
    assert server.paths == [QUARTER]


async def test_the_next_day_comes_at_four(clock):
    async with connected(clock) as (ecb, served, server):
        await dollars(ecb, THURSDAY)
        served[QUARTER] = reply(document(["2026-11-20", "2026-11-19"]))
        clock.now = FRIDAY_AT_FOUR
        assert await dollars(ecb, FRIDAY) == FRIDAYS
        assert await dollars(ecb, THURSDAY) == THURSDAYS
        clock.now += timedelta(days=2)  # Sunday
        assert await dollars(ecb, date(2026, 11, 22)) == FRIDAYS
    assert server.paths == [QUARTER, QUARTER]


async def test_a_late_publication_is_asked_for_every_quarter_of_an_hour(clock):
    async with connected(clock) as (ecb, served, server):
        await dollars(ecb, THURSDAY)
        for minutes in (0, 14, 15, 29):
            clock.now = FRIDAY_AT_FOUR + timedelta(minutes=minutes)
            assert await dollars(ecb, FRIDAY) == THURSDAYS
        assert server.paths == [QUARTER, QUARTER, QUARTER]
        served[QUARTER] = reply(document(["2026-11-20", "2026-11-19"]))
        clock.now = FRIDAY_AT_FOUR + timedelta(minutes=30)
        assert await dollars(ecb, FRIDAY) == FRIDAYS


async def test_a_file_that_has_not_changed_is_not_sent_again(clock):
    async with connected(clock) as (ecb, served, server):
        await dollars(ecb, THURSDAY)
        versions = {"ETag": '"v1"', "Last-Modified": "Thu, 19 Nov 2026 15:00:00 GMT"}
        served[QUARTER] = reply(document(["2026-11-19"]), headers=versions)
        clock.now = FRIDAY_AT_FOUR
        await dollars(ecb, FRIDAY)
        served[QUARTER] = reply(status=304)
        clock.now += timedelta(minutes=15)
        assert await dollars(ecb, FRIDAY) == THURSDAYS
    asked = server.requests[-1].headers
    assert asked["if-none-match"] == '"v1"'
    assert asked["if-modified-since"] == "Thu, 19 Nov 2026 15:00:00 GMT"
    assert "if-none-match" not in server.requests[1].headers


@pytest.mark.parametrize(
    "bad",
    [HTML, reply(document(["2026-11-20"])[:-30]), reply("<error/>"), reply(status=503)],
    ids=["html with status 200", "cut-off xml", "another root", "an edge that fails"],
)
async def test_what_cannot_be_renewed_stays_for_a_week(clock, bad):
    async with connected(clock) as (ecb, served, server):
        await dollars(ecb, THURSDAY)
        served[QUARTER] = bad
        clock.now = FRIDAY_AT_FOUR
        assert await dollars(ecb, FRIDAY) == THURSDAYS
        assert await dollars(ecb, FRIDAY) == THURSDAYS
        assert server.paths == [
            QUARTER,
            QUARTER,
            QUARTER,
        ]  # a failure is tried twice, then left alone
        clock.now = THURSDAY_EVENING + timedelta(days=8)
        with pytest.raises(Exception, match=r"xml|HTTP 503"):
            await dollars(ecb, clock.now.date())


async def test_days_that_were_missed_come_with_the_90_day_file(clock):
    async with connected(clock) as (ecb, served, server):
        await dollars(ecb, THURSDAY)
        monday = document(["2026-11-20"]).replace("2026-11-20", "2026-11-23")
        served[QUARTER] = reply(monday)
        clock.now = FRIDAY_AT_FOUR + timedelta(days=3)
        assert await dollars(ecb, date(2026, 11, 23)) == (Decimal("1.1160"), date(2026, 11, 23))
    assert server.paths == [QUARTER, QUARTER]


async def test_an_old_day_brings_the_whole_history_once_and_later_days_stay(clock):
    async with connected(clock) as (ecb, _, server):
        await dollars(ecb, THURSDAY)
        # The published history: one euro was 1.1789 dollars on its first day.
        assert await dollars(ecb, date(1999, 1, 4)) == (Decimal("1.1789"), date(1999, 1, 4))
        assert await dollars(ecb, date(1999, 1, 3)) is None
        assert await dollars(ecb, THURSDAY) == THURSDAYS
    assert server.paths == [QUARTER, HISTORY]


async def test_what_is_corrected_or_taken_back_shows_with_the_next_publication(clock):
    async with connected(clock) as (ecb, served, server):
        assert await ecb.rates_version() is None
        await dollars(ecb, THURSDAY)
        version = await ecb.rates_version()
        wednesday = date(2026, 11, 18)
        corrected = document(["2026-11-20", "2026-11-18"]).replace("1.1181", "1.2")
        served[QUARTER] = reply(corrected)
        clock.now = FRIDAY_AT_FOUR
        assert await dollars(ecb, wednesday) == (Decimal("1.2"), wednesday)
        assert await dollars(ecb, THURSDAY) == (Decimal("1.2"), wednesday)  # that day is gone
        assert await ecb.rates_version() != version
    assert server.paths == [QUARTER, QUARTER]


async def test_the_whole_history_is_read_again_once_a_day_and_old_corrections_show(clock):
    async with connected(clock) as (ecb, served, server):
        first = date(1999, 1, 4)
        assert await dollars(ecb, first) == (Decimal("1.1789"), first)
        lines = "Date,USD\n2026-11-20,1.1160\n2026-11-19,1.1170\n1999-01-05,1.2\n1999-01-04,3\n"
        served[HISTORY] = reply(lines)
        assert await dollars(ecb, first) == (Decimal("1.1789"), first)
        clock.now = FRIDAY_AT_FOUR
        assert await dollars(ecb, first) == (Decimal(3), first)
        assert await dollars(ecb, FRIDAY) == FRIDAYS
        clock.now += timedelta(hours=6)
        assert await dollars(ecb, first) == (Decimal(3), first)
    assert server.paths == [HISTORY, QUARTER, HISTORY]


async def test_a_history_that_lags_behind_leaves_the_90_day_file_the_last_word(clock):
    async with connected(clock) as (ecb, served, server):
        wednesday = date(2026, 11, 18)
        corrected = document(["2026-11-19", "2026-11-18"]).replace("1.1181", "1.2")
        whole = reply(corrected, headers={"ETag": '"v1"'})
        # The server sends the file only to who does not have it yet.
        unchanged = reply(status=304)
        served[QUARTER] = whole
        server.handler = lambda request: (
            unchanged if request.headers.get("if-none-match") == '"v1"' else served[request.path]
        )
        assert await dollars(ecb, wednesday) == (Decimal("1.2"), wednesday)
        lines = "Date,USD\n2026-11-18,1.1181\n2026-11-17,1.1\n1999-01-04,1.1789\n"
        served[HISTORY] = reply(lines)
        assert await dollars(ecb, date(1999, 1, 4)) == (Decimal("1.1789"), date(1999, 1, 4))
        assert await dollars(ecb, wednesday) == (Decimal("1.2"), wednesday)
        # Its turn to be read again, it still lags behind, and the 90-day file is the same.
        clock.now = FRIDAY_AT_FOUR
        await dollars(ecb, FRIDAY)
        clock.now += timedelta(minutes=15)
        assert await dollars(ecb, wednesday) == (Decimal("1.2"), wednesday)
        assert await dollars(ecb, THURSDAY) == THURSDAYS
        clock.now += timedelta(minutes=15)
        assert await dollars(ecb, wednesday) == (Decimal("1.2"), wednesday)
    assert server.paths == [QUARTER, HISTORY, HISTORY, QUARTER, QUARTER]
    assert "if-none-match" not in server.requests[-2].headers
    assert server.requests[-1].headers["if-none-match"] == '"v1"'


async def test_a_start_with_an_old_day_takes_the_history_and_what_came_after_it(clock):
    async with connected(clock) as (ecb, _, server):
        # Roubles were suspended after 2022-03-01, the kuna was fixed on 2023-01-01.
        asked = [
            RateQuestion(base="EUR", target=currency, day=day)
            for currency, day in (
                ("RUB", date(2022, 3, 8)),
                ("RUB", date(2022, 3, 9)),
                ("HRK", date(2024, 6, 14)),
            )
        ]
        found = await ecb.rates(asked)
        assert [found.get(question) and found[question].value for question in asked] == [
            Decimal("117.201"),
            None,
            Decimal("7.53450"),
        ]
        assert await dollars(ecb, THURSDAY) == THURSDAYS
    # The packaged history ends on 2026-10-30.
    assert server.paths == [HISTORY, QUARTER]


async def test_without_anything_the_failure_is_told(clock):
    async with connected(clock) as (ecb, served, _):
        served[QUARTER] = reply(FILES[QUARTER], status=304)
        with pytest.raises(BadPayloadError):
            await dollars(ecb, THURSDAY)
        assert await ecb.rates([]) == {}


async def test_a_day_to_come_is_answered_as_of_today(clock):
    async with connected(clock) as (ecb, _, _):
        assert await dollars(ecb, date(2027, 6, 1)) == THURSDAYS


async def test_a_file_that_takes_longer_than_anybody_waits_is_read_to_its_end(clock):
    async with connected(clock) as (ecb, served, server):
        held = asyncio.Event()
        served[QUARTER] = reply(document(["2026-11-19"]), hold=held)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await dollars(ecb, THURSDAY)
        held.set()
        assert await dollars(ecb, THURSDAY) == THURSDAYS
    assert server.paths == [QUARTER]


async def test_all_rates_since_a_day_come_as_single_ones_do(clock):
    async with connected(clock) as (ecb, _, server):
        found = await ecb.euro_rates(["USD"], first=THURSDAY, last=FRIDAY)
        assert (found["USD"][-1].value, found["USD"][-1].day) == await dollars(ecb, FRIDAY)
    assert server.paths == [QUARTER]
