"""What every provider promises, whatever is behind it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from datasources.providers.ecb import Ecb
from datasources.providers.files import Files
from datasources.providers.simulated import Simulated
from models.market import CloseQuestion, RateQuestion

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
UNKNOWN = "no symbol!"
DAYS = [date(2026, 10, 1) + timedelta(days=day) for day in range(60)]


def make_files(tmp_path: Any) -> Files:
    path = tmp_path / "prices.csv"
    path.write_text(
        "Date,AAPL,KO\n2026-11-16,189.5,60.1\n2026-11-17,N/A,60.2\n2026-11-18,190.25,60.15\n"
    )
    return Files([path], clock=lambda: NOW)


def make_simulated(_: Any) -> Simulated:
    return Simulated(clock=lambda: NOW)


@pytest.fixture(params=[make_files, make_simulated], ids=["files", "simulated"])
def prices(request, tmp_path):
    make: Callable[[Any], Any] = request.param
    return make(tmp_path)


@pytest.fixture(params=[make_simulated], ids=["simulated"])
def profiles(request, tmp_path):
    return request.param(tmp_path)


@pytest.fixture(params=[Ecb], ids=["ecb"])
def rates(request):
    return request.param()


def run(coroutine):
    return asyncio.run(coroutine)


def test_quotes_answer_only_what_was_asked_and_is_known(prices):
    assert set(run(prices.quotes(["AAPL", UNKNOWN]))) == {"AAPL"}
    assert run(prices.quotes([])) == {}


def test_quotes_have_a_price_above_zero_a_source_and_aware_times_not_to_come(prices):
    for symbol, quote in run(prices.quotes(["AAPL", "KO"])).items():
        assert quote.symbol == symbol
        assert quote.price > 0
        assert quote.source == prices.name
        assert len(quote.currency) == 3
        for moment in (quote.as_of, quote.received_at):
            assert moment.utcoffset() == timedelta(0)
            assert moment <= NOW


def test_closes_are_never_later_than_asked(prices):
    questions = [CloseQuestion(symbol="AAPL", day=day) for day in DAYS]
    found = run(prices.closes(questions))
    assert found
    assert set(found) <= set(questions)
    for question, bar in found.items():
        assert bar.symbol == question.symbol
        assert bar.day <= min(question.day, NOW.date())
        assert bar.close > 0
        assert bar.source == prices.name


def test_closes_of_an_unknown_symbol_are_absent(prices):
    question = CloseQuestion(symbol=UNKNOWN, day=NOW.date())
    assert run(prices.closes([question])) == {}


def test_bars_lie_within_the_days_asked_in_order_and_agree_with_closes(prices):
    first, last = date(2026, 11, 16), date(2026, 11, 30)
    bars = run(prices.bars("AAPL", first=first, last=last))
    days = [bar.day for bar in bars]
    assert days
    assert days == sorted(set(days))
    assert all(first <= day <= min(last, NOW.date()) for day in days)
    questions = [CloseQuestion(symbol="AAPL", day=day) for day in days]
    found = run(prices.closes(questions))
    assert [found[question] for question in questions] == bars
    assert run(prices.bars(UNKNOWN, first=first, last=last)) == []


def test_what_a_search_finds_can_be_found_by_its_symbol(prices):
    matches = run(prices.search("AAPL", limit=5))
    assert matches[0].symbol == "AAPL"
    assert len(matches) <= 5
    found = run(prices.find(["AAPL", UNKNOWN]))
    assert found == {"AAPL": matches[0]}


def test_profiles_answer_only_what_was_asked_and_is_known(profiles):
    found = run(profiles.profiles(["AAPL", UNKNOWN]))
    assert set(found) == {"AAPL"}
    assert found["AAPL"].source == profiles.name
    assert found["AAPL"].fetched_at.utcoffset() == timedelta(0)


def test_rates_are_never_later_than_asked_and_above_zero(rates):
    questions = [RateQuestion(base="USD", target="CHF", day=day) for day in DAYS]
    found = run(rates.rates(questions))
    assert set(found) == set(questions)
    for question, rate in found.items():
        assert (rate.base, rate.target) == ("USD", "CHF")
        assert rate.day <= question.day
        assert rate.value > 0
        assert {leg.day for leg in rate.legs} == {rate.day}


def test_rates_of_unknown_currencies_are_absent(rates):
    unknown = [
        RateQuestion(base=base, target=target, day=NOW.date())
        for base, target in (("USD", "XXX"), ("XXX", "USD"), ("XXX", "XXX"))
    ]
    assert run(rates.rates(unknown)) == {}


def test_the_way_back_undoes_the_way_there(rates):
    there, back = (
        RateQuestion(base=base, target=target, day=date(2026, 10, 30))
        for base, target in (("USD", "JPY"), ("JPY", "USD"))
    )
    found = run(rates.rates([there, back]))
    assert float(found[there].value * found[back].value) == pytest.approx(1, abs=1e-20)


def test_the_same_question_has_the_same_answer(prices, rates):
    questions = [CloseQuestion(symbol="AAPL", day=day) for day in DAYS]
    assert run(prices.closes(questions)) == run(prices.closes(questions))
    assert run(prices.quotes(["AAPL"])) == run(prices.quotes(["AAPL"]))
    question = RateQuestion(base="USD", target="GBP", day=date(2026, 10, 30))
    assert run(rates.rates([question])) == run(rates.rates([question]))
