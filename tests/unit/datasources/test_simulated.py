import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasources.providers.simulated import Simulated, known_companies, price_at
from datasources.symbols import canonical
from models.market import AssetClass, CloseQuestion, HistoryQuestion, QuoteQuality

NOW = datetime(2026, 11, 20, 15, 30, 12, 345678, tzinfo=UTC)  # a Friday, markets open


def market(now=NOW, **options):
    return Simulated(clock=lambda: now, **options)


def quote(source, symbol="AAPL"):
    return asyncio.run(source.quotes([symbol]))[symbol]


def close(source, day, symbol="AAPL"):
    question = CloseQuestion(symbol=symbol, day=date.fromisoformat(day))
    return asyncio.run(source.closes([question]))[question]


def test_the_same_seed_and_moment_give_the_same_market():
    assert quote(market()) == quote(market())
    assert quote(market()).price != quote(market(seed=2)).price


def test_a_quote_says_that_it_is_simulated_and_when_it_was_made():
    found = quote(market())
    assert (found.source, found.quality) == ("simulated", QuoteQuality.SIMULATED)
    assert (found.as_of, found.received_at) == (NOW.replace(microsecond=0), NOW)


def test_the_price_moves_while_one_watches():
    prices = {
        price_at("AAPL", NOW + timedelta(seconds=second), seed=1) for second in range(0, 24, 4)
    }
    assert len(prices) > 2


@given(
    symbol=st.from_regex(r"[A-Z0-9^][A-Z0-9.^=-]{0,31}", fullmatch=True),
    moment=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    seed=st.integers(0, 2**31),
)
def test_every_quote_of_any_symbol_is_consistent(symbol, moment, seed):
    found = quote(market(moment, seed=seed), symbol)
    assert 0 < found.low <= min(found.price, found.open)
    assert found.high >= max(found.price, found.open)
    assert found.previous_close > 0
    assert found.volume > 0


def test_prices_stay_near_the_base_price():
    # The waves' amplitudes add up to 0.1988, so 190 lies between 190/1.22 and 190*1.22.
    prices = [price_at("AAPL", NOW + timedelta(days=30 * month), seed=1) for month in range(120)]
    assert Decimal(155) < min(prices) < max(prices) < Decimal(232)


def test_the_previous_close_of_a_weekday_is_the_close_of_the_day_before():
    assert quote(market()).previous_close == close(market(), "2026-11-19").close


def test_a_close_is_of_the_last_weekday_on_or_before():
    assert close(market(), "2026-11-15").day == date(2026, 11, 13)  # Sunday, Friday
    assert close(market(), "2026-11-16").day == date(2026, 11, 16)


def test_a_session_that_is_open_or_to_come_has_no_close_yet():
    assert close(market(), "2026-11-20").day == date(2026, 11, 19)
    assert close(market(), "2027-01-01").day == date(2026, 11, 19)
    closed = market(datetime(2026, 11, 20, 21, tzinfo=UTC))
    assert close(closed, "2026-11-20").day == date(2026, 11, 20)


def test_before_mondays_close_the_last_close_is_fridays():
    assert close(market(datetime(2026, 11, 23, 9, tzinfo=UTC)), "2026-11-23").day == date(
        2026, 11, 20
    )


def bars(source, first, last):
    return asyncio.run(
        source.bars("AAPL", first=date.fromisoformat(first), last=date.fromisoformat(last))
    )


def test_bars_are_the_weekdays_and_agree_with_closes():
    found = bars(market(), "2026-11-12", "2026-11-17")
    assert [bar.day.day for bar in found] == [12, 13, 16, 17]
    assert found[1] == close(market(), "2026-11-14")
    assert all(bar.low <= min(bar.open, bar.close) for bar in found)
    assert all(bar.high >= max(bar.open, bar.close) for bar in found)


def test_bars_end_with_the_last_session_that_has_closed():
    assert [bar.day.day for bar in bars(market(), "2026-11-18", "2099-01-01")] == [18, 19]
    assert bars(market(), "2026-11-20", "2026-11-30") == []
    assert bars(market(), "2026-11-19", "2026-11-18") == []


def test_the_last_day_of_the_calendar_does_no_harm():
    assert bars(market(), "2026-11-19", "9999-12-31")[-1].day == date(2026, 11, 19)


@pytest.mark.parametrize("symbol", ["AAPL", "BRK.B", "VWCE.DE", "7203.T", "SHOP.TO"])
def test_well_known_symbols_have_a_name_of_their_own(symbol):
    found = asyncio.run(market().profiles([symbol]))[symbol]
    assert "Simulated" not in found.name
    assert (found.source, found.fetched_at) == ("simulated", NOW)


def test_any_other_symbol_works_in_the_currency_of_its_venue():
    found = asyncio.run(market().profiles(["QQQQQ.DE"]))["QQQQQ.DE"]
    assert (found.name, found.currency, found.country) == ("Simulated QQQQQ.DE", "EUR", "DE")
    assert Decimal(8) < quote(market(), "QQQQQ.DE").price < Decimal(620)


def test_the_table_of_companies_is_in_order():
    table = known_companies()
    assert len(table) >= 40
    for symbol, company in table.items():
        assert canonical(symbol) == symbol
        assert company.price > 0
        assert company.name.strip()
        assert company.sector
        assert company.industry
    assert table["VTI"].asset_class is AssetClass.FUND


def search(text, limit=10):
    return [match.symbol for match in asyncio.run(market().search(text, limit=limit))]


def test_a_search_puts_the_exact_symbol_first_and_then_prefixes():
    assert search("v")[:1] == ["V"]
    assert {"VOO", "VTI"} <= set(search("v"))


def test_a_search_finds_words_of_a_name_in_any_case():
    assert "MSFT" in search("microsoft")
    assert "AAPL" in search("  APPLE ")


def test_a_text_that_could_be_a_symbol_is_the_last_match():
    assert search("app")[-1] == "APP"
    assert search("AAPL") == ["AAPL"]
    assert search("no such thing!") == []


def test_a_search_keeps_to_its_limit():
    assert len(search("a", limit=3)) == 3


def test_symbols_are_found_exactly():
    found = asyncio.run(market().find(["MSFT", "ZZZZ"]))
    assert {symbol: match.name for symbol, match in found.items()} == {
        "MSFT": "Microsoft Corporation",
        "ZZZZ": "Simulated ZZZZ",
    }


def test_a_text_that_is_no_symbol_is_unknown_to_every_question():
    source, bad = market(), "no symbol!"
    question = CloseQuestion(symbol=bad, day=date(2026, 11, 19))
    assert asyncio.run(source.quotes([bad])) == {}
    assert asyncio.run(source.profiles([bad])) == {}
    assert asyncio.run(source.find([bad])) == {}
    assert asyncio.run(source.closes([question])) == {}
    assert asyncio.run(source.bars(bad, first=date(2026, 11, 1), last=date(2026, 11, 19))) == []


@pytest.mark.parametrize("symbol", ["AAPL", "SAP.DE", "BTC-USD", "A1", "ZZZZ"])
def test_closes_as_arrays_are_those_of_bars(symbol):
    first, last = date(2024, 1, 6), date(2027, 1, 1)
    question = HistoryQuestion(symbol=symbol, first=first, last=last)
    bad = HistoryQuestion(symbol="no symbol", first=first, last=last)
    source = market()
    ((found,),) = asyncio.run(source.close_arrays([question, bad])).values()
    bars = asyncio.run(source.bars(symbol, first=first, last=last))
    assert found.currency == bars[0].currency
    assert [date.fromordinal(day) for day in found.days] == [bar.day for bar in bars]
    assert found.values.tolist() == [float(bar.close) for bar in bars]
