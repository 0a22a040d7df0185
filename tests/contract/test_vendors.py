"""What every vendor's provider promises, tried against a stand-in over real HTTP."""

import asyncio
import pkgutil
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from importlib import import_module

import pytest

from datasources.errors import (
    BadPayloadError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
)
from models.market import RateQuestion
from tests.contract import vendors
from tests.vendors import HTML, KEY, fake_vendor, reply, upstream_of

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 20)

STAND_INS = [
    import_module(f"{vendors.__name__}.{module.name}").STAND_IN
    for module in pkgutil.iter_modules(vendors.__path__)
]

WIRE_FAULTS = {
    "html on a bad day": (HTML, BadPayloadError),
    "a body cut off": (reply({"price": 1}, cut=3), UnavailableError),
    "a cut-off document": (reply('{"price": 1'), BadPayloadError),
    "a broken connection": (reply(reset=True), UnavailableError),
    "an edge that fails": (reply("<h1>502</h1>", status=502, content_type="text/html"), UnavailableError),
    "a failure inside": (reply({}, status=500), UnavailableError),
    "too many calls, no header": (reply("slow down", status=429, content_type="text/plain"), RateLimitedError),
    "too many calls, with a header": (
        reply({}, status=429, headers={"Retry-After": "7"}),
        RateLimitedError,
    ),
}  # fmt: skip


class Clock:
    """A clock that only pauses move."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture(params=STAND_INS, ids=lambda one: one.vendor.name)
def stand_in(request):
    return request.param


@asynccontextmanager
async def connected(stand_in, *replies):
    clock = Clock()
    async with (
        fake_vendor() as server,
        upstream_of(stand_in.vendor, server, clock=clock) as upstream,
    ):
        server.handler = stand_in.handler
        if replies:
            server.answers(*replies)
        yield stand_in.make(upstream, clock), server


def needs(stand_in, kind):
    if kind not in stand_in.serves:
        pytest.skip(f"{stand_in.vendor.name} has no {kind}")


async def ask(stand_in, provider):
    """Ask the first kind that a provider serves."""
    if "quotes" in stand_in.serves:
        return await provider.quotes([stand_in.known])
    day = date(2026, 11, 19)
    return await provider.rates([RateQuestion(base="EUR", target="USD", day=day)])


async def test_a_quote_has_a_price_a_currency_and_times_that_are_past(stand_in):
    needs(stand_in, "quotes")
    async with connected(stand_in) as (provider, server):
        found = await provider.quotes([stand_in.known])
    (quote,) = found.values()
    assert quote.symbol == stand_in.known
    assert quote.price > 0
    assert len(quote.currency) == 3
    assert quote.currency.isupper()
    assert quote.source == provider.name == stand_in.vendor.name
    for moment in (quote.as_of, quote.received_at):
        assert moment.utcoffset() == timedelta(0)
        assert NOW - timedelta(days=7) < moment <= NOW
    assert len(server.requests) == stand_in.opening + 1


async def test_an_unknown_symbol_is_absent_and_no_error(stand_in):
    needs(stand_in, "quotes")
    async with connected(stand_in) as (provider, _):
        assert await provider.quotes([stand_in.unknown]) == {}
        assert await provider.quotes([]) == {}


async def test_a_batch_is_matched_by_symbol(stand_in):
    needs(stand_in, "quotes")
    if provider_batch(stand_in) < 2:
        pytest.skip("one symbol a call")
    async with connected(stand_in) as (provider, server):
        found = await provider.quotes([stand_in.unknown, stand_in.known])
        assert set(found) == {stand_in.known}
        assert len(server.requests) == stand_in.opening + 1


def provider_batch(stand_in):
    return stand_in.make.__call__(None, Clock()).batch.get("quotes", 1_000)


async def test_a_price_in_pence_comes_out_in_pounds(stand_in):
    if stand_in.minor is None:
        pytest.skip("no minor units here")
    async with connected(stand_in) as (provider, _):
        (quote,) = (await provider.quotes([stand_in.minor])).values()
    assert quote.currency == "GBP"
    assert quote.price < 10


async def test_profiles_answer_what_is_known_and_nothing_else(stand_in):
    needs(stand_in, "profiles")
    async with connected(stand_in) as (provider, _):
        found = await provider.profiles([stand_in.known])
        assert await provider.profiles([stand_in.unknown]) == {}
    (profile,) = found.values()
    assert profile.symbol == stand_in.known
    assert profile.source == provider.name
    assert profile.name


async def test_bars_are_in_order_within_the_days_asked_and_above_zero(stand_in):
    needs(stand_in, "bars")
    async with connected(stand_in) as (provider, _):
        bars = await provider.bars(stand_in.known, first=FIRST, last=LAST)
        assert await provider.bars(stand_in.unknown, first=FIRST, last=LAST) == []
    days = [bar.day for bar in bars]
    assert days
    assert days == sorted(set(days))
    assert FIRST <= days[0] <= days[-1] <= LAST
    for bar in bars:
        assert bar.close > 0
        assert (bar.symbol, bar.source) == (stand_in.known, provider.name)
        assert len(bar.currency) == 3


async def test_actions_are_in_order_within_the_days_asked(stand_in):
    needs(stand_in, "actions")
    first, last = date(2000, 1, 1), NOW.date()
    async with connected(stand_in) as (provider, _):
        actions = await provider.actions(stand_in.known, first=first, last=last)
        nothing = await provider.actions(stand_in.unknown, first=first, last=last)
    assert (nothing.splits, nothing.dividends) == ((), ())
    assert actions.splits or actions.dividends
    split_days = [split.day for split in actions.splits]
    dividend_days = [dividend.ex_day for dividend in actions.dividends]
    for days in (split_days, dividend_days):
        assert days == sorted(days)
        assert all(first <= day <= last for day in days)
    assert all(split.new > 0 and split.old > 0 for split in actions.splits)
    assert all(dividend.amount > 0 for dividend in actions.dividends)
    assert all(len(dividend.currency) == 3 for dividend in actions.dividends)


async def test_what_a_search_finds_has_a_canonical_symbol_and_a_currency(stand_in):
    needs(stand_in, "search")
    async with connected(stand_in) as (provider, _):
        matches = await provider.search(stand_in.known, limit=5)
        found = await provider.find([stand_in.known])
        assert await provider.find([stand_in.unknown]) == {}
    assert matches[0].symbol == stand_in.known
    assert len(matches) <= 5
    assert all(len(match.currency) == 3 for match in matches)
    assert found[stand_in.known].symbol == stand_in.known


async def test_rates_are_of_the_day_or_the_last_before_both_legs_of_one_day(stand_in):
    needs(stand_in, "rates")
    weekend = RateQuestion(base="USD", target="GBP", day=date(2026, 11, 15))
    unknown = RateQuestion(base="EUR", target="XXX", day=date(2026, 11, 19))
    async with connected(stand_in) as (provider, _):
        found = await provider.rates([weekend, unknown])
    assert set(found) == {weekend}
    rate = found[weekend]
    assert (rate.base, rate.target, rate.day) == ("USD", "GBP", date(2026, 11, 13))
    assert rate.value > 0
    assert {leg.day for leg in rate.legs} == {rate.day}


@pytest.mark.parametrize("fault", WIRE_FAULTS)
async def test_every_fault_of_the_wire_is_taken_for_what_it_is(stand_in, fault, capfd, caplog):
    caplog.set_level("DEBUG")
    sent, expected = WIRE_FAULTS[fault]
    async with connected(stand_in, sent) as (provider, _):
        with pytest.raises(ProviderError) as caught:
            await ask(stand_in, provider)
    assert type(caught.value) is expected
    out, err = capfd.readouterr()
    assert KEY not in repr(caught.value) + out + err + caplog.text


@pytest.mark.parametrize(
    ("stand_in", "fault"),
    [(one, fault) for one in STAND_INS for fault in one.faults],
    ids=lambda value: value if isinstance(value, str) else value.vendor.name,
    indirect=["stand_in"],
)
async def test_every_documented_error_is_taken_for_what_it_is(stand_in, fault):
    sent, expected = stand_in.faults[fault]
    async with connected(stand_in, sent) as (provider, _):
        with pytest.raises(ProviderError) as caught:
            await ask(stand_in, provider)
    assert type(caught.value) is expected
    assert KEY not in repr(caught.value)


async def test_a_vendor_that_drips_is_given_up_when_the_caller_gives_up(stand_in):
    drip = reply({"price": 1}, drip=True, hold=asyncio.Event())
    async with connected(stand_in, drip) as (provider, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await ask(stand_in, provider)
