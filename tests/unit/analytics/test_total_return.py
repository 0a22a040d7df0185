"""What a unit comes to with its splits and dividends: by hand, as published, and by keeping accounts."""

from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.tracks import Carried, Course, reinvested, track_of

FIRST = date(2023, 1, 2)
NONE = track_of(())


def on(**by_place):
    """Build a track by places: d2=0.5 is of the third day."""
    return track_of(
        (FIRST + timedelta(days=int(name[1:])), value) for name, value in by_place.items()
    )


def grown(*prices, splits=NONE, dividends=NONE):
    days = FIRST.toordinal() + np.arange(len(prices))
    values = np.array(prices, dtype=float)
    level = Carried(values=values, fresh=~np.isnan(values))
    return reinvested(days, level, splits=splits, dividends=dividends)


def carried(*, closes, count, splits=NONE, dividends=NONE):
    """Return what a unit comes to over so many days, with closes carried over those without."""
    days = FIRST.toordinal() + np.arange(count)
    level = Course(closes, splits).over(days)
    return reinvested(days, level, splits=splits, dividends=dividends)


def test_a_dividend_buys_more_units_at_the_close_of_its_ex_day():
    # 2 on 100, which is 98 without it: as much as before. Then 5 % on that.
    assert grown(100, 98, 102.9, dividends=on(d1=2)).tolist() == pytest.approx([100, 100, 105])


def test_the_published_return_of_a_share_with_its_dividends_is_found():
    # CFA level 1, LOS 7.d: from 100 to 120 and to 130 with 2 paid each year are 22 % and 10 %.
    found = grown(100, 120, 130, dividends=on(d1=2, d2=2))
    assert (found[1:] / found[:-1] - 1).tolist() == pytest.approx([0.22, 0.1])


def test_a_split_makes_more_units_and_no_gain_and_a_dividend_is_of_a_unit_of_its_day():
    # Two for one before the third day, and a dividend of 1 on each of the new units that day.
    found = grown(100, 100, 49, 49, splits=on(d2=2), dividends=on(d2=1))
    assert found.tolist() == pytest.approx([100, 100, 100, 100])
    # What was paid on the day before was paid on each of the old ones.
    found = grown(100, 98, 49, splits=on(d2=2), dividends=on(d1=2))
    assert found.tolist() == pytest.approx([100, 100, 100])


def test_a_day_without_a_close_puts_a_dividend_into_the_next_one():
    found = grown(100, np.nan, 98, dividends=on(d1=2))
    assert found[[0, 2]].tolist() == pytest.approx([100, 100])


def test_a_close_that_is_carried_buys_nothing_for_it_has_the_dividend_within():
    # 100 on Friday, 2 a unit from Monday on, which has no close, and 98 on Tuesday: 100 all along.
    found = carried(closes=on(d0=100, d4=98), count=5, dividends=on(d3=2))
    assert found.tolist() == pytest.approx([100] * 5)
    # Two for one in between: 2 units, and the 2 that the old one paid buy 2 / 49 of another.
    found = carried(closes=on(d0=100, d3=49), count=4, splits=on(d2=2), dividends=on(d1=2))
    assert found.tolist() == pytest.approx([100] * 4)
    # A second dividend in between is of the units there are: 1 + (2 + 3) / 95 units at 95.
    found = carried(closes=on(d0=100, d3=95), count=4, dividends=on(d1=2, d2=3))
    assert found.tolist() == pytest.approx([100] * 4)
    # Where no close has come yet, the last one has the dividend within.
    assert carried(closes=on(d0=100), count=3, dividends=on(d1=2)).tolist() == [100] * 3


def test_what_was_before_the_first_day_or_price_and_what_comes_later_is_none_of_it():
    dividends = on(d0=5, d1=5, d9=5)
    assert grown(np.nan, 100, 110, dividends=dividends)[1:].tolist() == [100, 110]
    assert grown(100, 110, splits=on(d0=3, d9=3)).tolist() == [100, 110]


prices = st.lists(st.integers(50, 200), min_size=2, max_size=12)
happened = st.dictionaries(st.integers(1, 11), st.integers(1, 9), max_size=4)


@settings(deadline=None)
@given(prices=prices, splits=happened, dividends=happened)
def test_it_is_what_an_account_comes_to_that_buys_for_what_it_gets(prices, splits, dividends):
    units, worth = Fraction(1), [Fraction(prices[0])]
    for place, price in enumerate(prices[1:], start=1):
        units *= splits.get(place, 1)
        paid = units * dividends.get(place, 0)
        units += paid / price
        worth.append(units * price)
    found = grown(
        *prices,
        splits=on(**{f"d{place}": one for place, one in sorted(splits.items())}),
        dividends=on(**{f"d{place}": one for place, one in sorted(dividends.items())}),
    )
    assert found.tolist() == pytest.approx([float(one) for one in worth], rel=1e-12)
