"""How long quotes are fresh: a minute while their market trades, until it opens when it does not."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.cache import Cache
from datasources.policies import DAY, HOUR, POLICIES, life_of_past, life_of_quote
from models.market import Doubt, PriceDoubt, Quote, QuoteQuality, Rate, RateQuestion

MINUTE = timedelta(minutes=1)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def quote(symbol, as_of, received_at, quality=QuoteQuality.DELAYED):
    return Quote(
        symbol=symbol,
        price=Decimal(10),
        currency="USD",
        as_of=utc(as_of),
        received_at=utc(received_at),
        source="vendor",
        quality=quality,
    )


@pytest.mark.parametrize(
    ("symbol", "as_of", "received_at", "now", "until"),
    [
        # The NYSE closes at 20:00 UTC on Friday 14 June 2024 and opens at 13:30 on Monday.
        ("AAPL", "2024-06-14T15:00", "2024-06-14T15:00", "2024-06-14T15:00", None),
        ("AAPL", "2024-06-14T19:59", "2024-06-14T19:59", "2024-06-14T20:00", None),
        ("AAPL", "2024-06-14T20:00", "2024-06-14T20:29", "2024-06-14T20:30", None),
        ("AAPL", "2024-06-14T20:00", "2024-06-14T20:30", "2024-06-14T20:30", "2024-06-17T13:30"),
        ("AAPL", "2024-06-14T19:00", "2024-06-16T10:00", "2024-06-16T10:00", "2024-06-17T13:30"),
        # A price of an earlier day: the last one of this session may still come.
        ("VFINX", "2024-06-13T20:00", "2024-06-14T21:00", "2024-06-14T21:00", None),
        # Lunch in Tokyo is from 02:30 to 03:30 UTC.
        ("7203.T", "2024-06-14T02:29", "2024-06-14T02:45", "2024-06-14T02:45", None),
        ("7203.T", "2024-06-14T02:30", "2024-06-14T03:00", "2024-06-14T03:00", "2024-06-14T03:30"),
        # Currencies rest from Friday 21:00 UTC to Sunday 21:00 UTC in summer.
        (
            "EURUSD=X",
            "2024-06-14T20:59",
            "2024-06-15T09:00",
            "2024-06-15T09:00",
            "2024-06-16T21:00",
        ),
        ("EURUSD=X", "2024-06-13T20:59", "2024-06-15T09:00", "2024-06-15T09:00", None),
        ("BTC-USD", "2024-06-15T09:00", "2024-06-15T09:00", "2024-06-15T09:00", None),
    ],
)
def test_a_quote_lasts_until_its_market_opens_once_it_is_the_last_of_the_session(
    symbol, as_of, received_at, now, until
):
    life = life_of_quote(symbol, quote(symbol, as_of, received_at), utc(now))
    assert life == (MINUTE if until is None else utc(until) - utc(now))


@pytest.mark.parametrize(
    "quality", [QuoteQuality.STALE, QuoteQuality.SIMULATED, QuoteQuality.HISTORICAL]
)
def test_what_is_not_the_markets_price_lasts_a_minute(quality):
    night = ("2024-06-14T20:00", "2024-06-15T09:00")
    assert life_of_quote("AAPL", quote("AAPL", *night, quality), utc(night[1])) == MINUTE


def test_a_price_in_doubt_lasts_a_minute():
    night = ("2024-06-14T20:00", "2024-06-15T09:00")
    doubt = PriceDoubt(
        doubt=Doubt.JUMP,
        rejected=False,
        price=Decimal(10),
        source="vendor",
        against=Decimal(5),
        against_source="vendor",
        against_as_of=utc(night[0]),
    )
    doubtful = replace(quote("AAPL", *night), doubt=doubt)
    assert life_of_quote("AAPL", doubtful, utc(night[1])) == MINUTE


async def test_over_the_weekend_a_quote_is_loaded_once_and_at_the_opening_again(clock):
    asked = []

    async def load(symbols):
        asked.append(symbols)
        now = f"{clock.now:%Y-%m-%dT%H:%M}"
        return {symbol: quote(symbol, now, now, QuoteQuality.FRESH) for symbol in symbols}

    async def ask():
        await cache.get_many("quotes", ["AAPL"], of=Quote, load=load, policy=POLICIES["quotes"])

    cache = Cache(clock=clock)
    for moment in (
        "2024-06-14T19:59",  # open
        "2024-06-14T20:15",  # the last price may be on its way
        "2024-06-14T20:40",  # it is there
        "2024-06-14T21:30",
        "2024-06-15T12:00",
        "2024-06-17T13:29",
        "2024-06-17T13:31",
    ):
        clock.now = utc(moment)
        await ask()
    assert len(asked) == 4
    await cache.close()


def test_a_past_days_own_rate_lasts_a_day_and_an_earlier_ones_an_hour():
    friday, sunday = date(2024, 6, 14), date(2024, 6, 16)
    rate = Rate(base="EUR", target="USD", value=Decimal("1.07"), day=friday, source="ECB")
    for day, life in ((friday, DAY), (sunday, HOUR)):
        question = RateQuestion(base="EUR", target="USD", day=day)
        assert life_of_past(repr(question), rate, datetime(2024, 6, 20, tzinfo=UTC)) == life
