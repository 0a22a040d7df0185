"""Sessions of markets, against the calendars and trading hours that the exchanges publish."""

from datetime import UTC, date, datetime, timedelta

import pytest

from datasources.hours import CURRENCIES, HOURS, INDICES
from datasources.sessions import (
    Session,
    last_close,
    last_finished_day,
    local_day,
    market_of,
    session_of,
    trading_days,
)
from datasources.symbols import UNITED_STATES, VENUES


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def closed_weekdays(symbol, year):
    """Return the weekdays of a year without trading, as month-day."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    open_days = set(trading_days(symbol, first, last))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    assert all(day.weekday() < 5 for day in open_days)
    return [f"{day:%m-%d}" for day in days if day.weekday() < 5 and day not in open_days]


def hours(symbol, text):
    """Return the parts of a day's trading in UTC."""
    moment, parts = utc(text), []
    end = moment + timedelta(days=1)
    while moment < end:
        session = session_of(symbol, moment)
        if session.is_open:
            parts.append(f"{session.opened_at:%H:%M}-{session.closes_at:%H:%M}")
            moment = session.closes_at
        else:
            moment = session.opens_at
    return parts


PUBLISHED = {
    # nyse.com, Holidays & Trading Hours; 9 January 2025 was the mourning of President Carter.
    ("AAPL", 2024): "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
    ("AAPL", 2025): "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
    ("AAPL", 2026): "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
    # londonstockexchange.com, Business days.
    ("VOD.L", 2025): "01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26",
    ("VOD.L", 2026): "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
    # xetra.com, Trading calendar.
    ("SAP.DE", 2024): "01-01 03-29 04-01 05-01 12-24 12-25 12-26 12-31",
    ("SAP.DE", 2025): "01-01 04-18 04-21 05-01 12-24 12-25 12-26 12-31",
    # euronext.com, Trading hours & holidays.
    ("MC.PA", 2025): "01-01 04-18 04-21 05-01 12-25 12-26",
    # six-group.com, Trading & currency holiday calendar.
    ("NESN.SW", 2025): "01-01 01-02 04-18 04-21 05-01 05-29 06-09 08-01 12-24 12-25 12-26 12-31",
    # tsx.com, Market holidays.
    ("RY.TO", 2025): "01-01 02-17 04-18 05-19 07-01 08-04 09-01 10-13 12-25 12-26",
    # jpx.co.jp, Market holidays.
    ("7203.T", 2025): (
        "01-01 01-02 01-03 01-13 02-11 02-24 03-20 04-29 05-05 05-06 07-21 08-11 09-15 09-23 "
        "10-13 11-03 11-24 12-31"
    ),
    # hkex.com.hk, Trading calendar.
    ("0700.HK", 2025): (
        "01-01 01-29 01-30 01-31 04-04 04-18 04-21 05-01 05-05 07-01 10-01 10-07 10-29 12-25 12-26"
    ),
    # asx.com.au, Trading calendar.
    ("BHP.AX", 2025): "01-01 01-27 04-18 04-21 04-25 06-09 12-25 12-26",
}


@pytest.mark.parametrize(("symbol", "year"), PUBLISHED)
def test_weekdays_without_trading_are_those_the_exchange_publishes(symbol, year):
    assert closed_weekdays(symbol, year) == PUBLISHED[symbol, year].split()


# The same publications: early closes, and trading hours in summer and winter of each zone.
TRADED = {
    ("AAPL", "2024-07-02"): ["13:30-20:00"],
    ("AAPL", "2024-07-03"): ["13:30-17:00"],
    ("AAPL", "2024-11-29"): ["14:30-18:00"],
    ("AAPL", "2024-12-24"): ["14:30-18:00"],
    ("AAPL", "2025-07-03"): ["13:30-17:00"],
    ("AAPL", "2025-11-28"): ["14:30-18:00"],
    ("AAPL", "2026-07-02"): ["13:30-20:00"],
    ("AAPL", "2026-11-27"): ["14:30-18:00"],
    ("AAPL", "2026-12-24"): ["14:30-18:00"],
    ("RY.TO", "2025-12-24"): ["14:30-18:00"],
    ("VOD.L", "2025-07-01"): ["07:00-15:30"],
    ("VOD.L", "2025-12-23"): ["08:00-16:30"],
    ("VOD.L", "2025-12-24"): ["08:00-12:30"],
    ("VOD.L", "2025-12-31"): ["08:00-12:30"],
    ("SAP.DE", "2025-07-01"): ["07:00-15:30"],
    ("SAP.DE", "2024-12-23"): ["08:00-16:30"],
    ("SAP.DE", "2024-12-30"): ["08:00-13:00"],
    ("SAP.DE", "2023-12-29"): ["08:00-13:00"],
    ("MC.PA", "2025-12-24"): ["08:00-13:05"],
    ("7203.T", "2024-11-01"): ["00:00-02:30", "03:30-06:00"],
    ("7203.T", "2024-11-05"): ["00:00-02:30", "03:30-06:30"],  # half an hour more from that day
    ("0700.HK", "2025-01-27"): ["01:30-04:00", "05:00-08:00"],
    ("0700.HK", "2025-01-28"): ["01:30-04:00"],
    ("0700.HK", "2025-12-24"): ["01:30-04:00"],
    ("600519.SS", "2025-06-03"): ["01:30-03:30", "05:00-07:00"],
    ("RELIANCE.NS", "2025-06-03"): ["03:45-10:00"],
    # bmv.com.mx: an hour earlier by the clock of Mexico while New York has summer time.
    ("WALMEX.MX", "2025-06-03"): ["13:30-20:00"],
    ("WALMEX.MX", "2025-12-03"): ["14:30-21:00"],
}


@pytest.mark.parametrize(("symbol", "day"), TRADED)
def test_a_day_is_traded_at_the_hours_the_exchange_publishes(symbol, day):
    assert hours(symbol, day) == TRADED[symbol, day]


@pytest.mark.parametrize(
    ("symbol", "before", "after", "opens"),
    [
        # 10 March and 3 November 2024 in New York.
        ("AAPL", "2024-03-08T12:00", "2024-03-08T22:00", "2024-03-11T13:30"),
        ("AAPL", "2024-11-01T12:00", "2024-11-01T22:00", "2024-11-04T14:30"),
        # 31 March 2024, Easter Sunday, and 27 October 2024 in Europe.
        ("VOD.L", "2024-03-28T07:00", "2024-03-28T18:00", "2024-04-02T07:00"),
        ("SAP.DE", "2024-10-25T06:00", "2024-10-25T18:00", "2024-10-28T08:00"),
    ],
)
def test_summer_time_moves_the_opening_over_a_weekend(symbol, before, after, opens):
    assert not session_of(symbol, utc(before)).is_open
    session = session_of(symbol, utc(after))
    assert (session.is_open, session.opens_at) == (False, utc(opens))


def test_a_session_is_open_from_its_first_moment_to_the_one_before_its_last():
    friday = {"opened_at": utc("2024-06-14T13:30"), "closes_at": utc("2024-06-14T20:00")}
    weekend = {"closed_at": utc("2024-06-14T20:00"), "opens_at": utc("2024-06-17T13:30")}
    instant = timedelta.resolution
    for moment in (utc("2024-06-14T13:30"), utc("2024-06-14T20:00") - instant):
        assert session_of("AAPL", moment) == Session(is_open=True, **friday)
    for moment in (utc("2024-06-14T20:00"), utc("2024-06-17T13:30") - instant):
        assert session_of("AAPL", moment) == Session(is_open=False, **weekend)


def test_over_lunch_trading_has_ended_and_the_day_is_not_over():
    lunch = utc("2025-06-03T03:00")
    assert session_of("7203.T", lunch) == Session(
        is_open=False, closed_at=utc("2025-06-03T02:30"), opens_at=utc("2025-06-03T03:30")
    )
    assert last_close("7203.T", lunch) == utc("2025-06-02T06:30")
    assert last_close("7203.T", utc("2025-06-03T06:30")) == utc("2025-06-03T06:30")


def test_a_session_across_new_year_is_found_from_both_sides():
    for now in ("2025-12-31T23:00", "2026-01-01T00:00", "2026-01-02T14:00"):
        session = session_of("AAPL", utc(now))
        assert (session.closed_at, session.opens_at) == (
            utc("2025-12-31T21:00"),
            utc("2026-01-02T14:30"),
        )
        assert last_close("AAPL", utc(now)) == utc("2025-12-31T21:00")


def test_tel_aviv_traded_from_sunday_to_thursday_and_since_2026_from_monday_to_friday():
    # tase.co.il: the last Sunday was 28 December 2025, on Fridays trading ends at two o'clock.
    days = trading_days("TEVA.TA", date(2025, 12, 28), date(2026, 1, 10))
    assert [f"{day:%d}" for day in days] == [
        "28",
        "29",
        "30",
        "31",
        "01",
        "05",
        "06",
        "07",
        "08",
        "09",
    ]
    assert hours("TEVA.TA", "2026-01-09") == ["07:59-12:00"]


def test_kuwait_trades_from_sunday_to_thursday():
    days = trading_days("NBK.KW", date(2025, 6, 13), date(2025, 6, 20))
    assert [f"{day:%a}" for day in days] == ["Sun", "Mon", "Tue", "Wed", "Thu"]


def test_where_no_calendar_is_known_weekdays_are_traded():
    assert closed_weekdays("NOKIA.HE", 2025) == []


def test_crypto_assets_trade_always_and_an_index_of_we_know_not_what_may():
    for symbol in ("BTC-USD", "^VIX"):
        assert session_of(symbol, utc("2024-12-25T03:00")) == Session(is_open=True)
        assert last_close(symbol, utc("2024-12-25T03:00")) == utc("2024-12-25T00:00")
        assert len(trading_days(symbol, date(2024, 2, 1), date(2024, 2, 29))) == 29
        assert local_day(symbol, utc("2024-12-25T03:00")) == date(2024, 12, 25)


def test_currencies_trade_from_sunday_to_friday_at_five_in_new_york():
    winter = Session(
        is_open=True, opened_at=utc("2024-01-14T22:00"), closes_at=utc("2024-01-19T22:00")
    )
    assert session_of("EURUSD=X", utc("2024-01-17T03:00")) == winter
    summer = Session(
        is_open=False, closed_at=utc("2024-06-14T21:00"), opens_at=utc("2024-06-16T21:00")
    )
    assert session_of("EURUSD=X", utc("2024-06-15T12:00")) == summer
    assert last_close("EURUSD=X", utc("2024-01-17T03:00")) == utc("2024-01-16T22:00")
    assert local_day("EURUSD=X", utc("2024-01-16T21:59")) == date(2024, 1, 16)
    assert local_day("EURUSD=X", utc("2024-01-16T22:00")) == date(2024, 1, 17)
    assert len(trading_days("EURUSD=X", date(2024, 1, 14), date(2024, 1, 20))) == 5


@pytest.mark.parametrize(
    ("symbol", "day"),
    [
        ("AAPL", "2024-06-14"),
        ("VOD.L", "2024-06-14"),
        ("7203.T", "2024-06-15"),
        ("BHP.AX", "2024-06-15"),
    ],
)
def test_a_moment_belongs_to_the_day_of_the_market(symbol, day):
    assert str(local_day(symbol, utc("2024-06-14T15:00"))) == day


@pytest.mark.parametrize(
    ("symbol", "now", "day"),
    [
        ("AAPL", "2024-06-14T20:30", "2024-06-13"),  # New York closed half an hour ago
        ("AAPL", "2024-06-15T00:00", "2024-06-14"),  # and now four hours ago
        ("AAPL", "2024-06-17T12:00", "2024-06-14"),  # a Monday before it opens
        ("7203.T", "2024-06-14T10:00", "2024-06-14"),  # 19:00 in Tokyo
        ("BTC-USD", "2024-06-14T12:00", "2024-06-13"),  # its day ends at midnight UTC
        ("EURUSD=X", "2024-06-14T12:00", "2024-06-13"),
    ],
)
def test_a_days_bar_is_final_when_vendors_have_had_time_to_mend_it(symbol, now, day):
    assert str(last_finished_day(symbol, utc(now))) == day


def test_every_venue_and_index_has_hours():
    markets = {venue.mic for venue in VENUES.values()} | {UNITED_STATES.mic, CURRENCIES}
    assert set(HOURS) == markets
    assert set(INDICES.values()) <= markets
    for market in HOURS:
        symbol = next((f"X.{end}" for end, venue in VENUES.items() if venue.mic == market), "X")
        if market != CURRENCIES:
            assert market_of(symbol) == market
        days = trading_days(symbol, date(2025, 1, 1), date(2025, 12, 31))
        assert 235 <= len(days) <= 262
        for day in days:
            moment = last_close(symbol, datetime(2025, day.month, day.day, 23, 59, tzinfo=UTC))
            assert not session_of(symbol, moment).is_open


def test_a_holiday_that_is_only_estimated_counts_as_traded():
    # The moon decides: holidays calls 10 March 2027 in India "Eid al-Fitr (estimated)".
    assert date(2027, 3, 10) in trading_days("RELIANCE.NS", date(2027, 3, 1), date(2027, 3, 31))
