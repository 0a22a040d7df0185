"""Which closes the days of a benchmark are looked up in."""

from datetime import date, timedelta

from models.market import HistoryQuestion
from resolvers.benchmark_days import questions_of

NEW_YEAR = date(2024, 1, 1)


def days(*places):
    return [NEW_YEAR + timedelta(days=place) for place in places]


def asked(first, last):
    """Return a question with the ten days before that may count."""
    begin, end = days(first - 10, last)
    return HistoryQuestion(symbol="SPY", first=begin, last=end)


def test_the_first_day_beside_the_last_of_ten_years_loads_nothing_in_between():
    assert questions_of("SPY", days(3650, 0)) == [asked(0, 0), asked(3650, 3650)]


def test_a_page_is_one_question_though_days_are_left_out():
    assert questions_of("SPY", days(0, 1, 4, 34)) == [asked(0, 34)]
    assert questions_of("SPY", days(0, 31)) == [asked(0, 0), asked(31, 31)]
    assert questions_of("SPY", []) == []
