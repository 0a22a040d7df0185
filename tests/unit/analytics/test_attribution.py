"""Contributions that add up to the return, and the effects of prices and of currencies."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution import attribute, table_of
from analytics.book import Entry, Line, book_of
from analytics.events import Amounts, Fill
from analytics.ledger import Levy, Movement, Nature
from analytics.measures import Reason
from analytics.periods import Interval, Span
from analytics.returns import Period, time_weighted
from analytics.series import of_prices
from analytics.tracks import track_of
from analytics.valuations import Policy, Prices, Quotes, value

FIRST = date(2024, 1, 1)
EURO, DOLLAR = 7, 8


def day(place):
    return FIRST + timedelta(days=place)


def ledger(trades, *, flows=(), income=()):
    """Build a ledger of (place, instrument, units, price), (place, amount) and dividends."""
    events, entries = [], []
    for number, (place, instrument, units, price) in enumerate(trades, start=1):
        moment = datetime.combine(day(place), datetime.min.time(), UTC)
        outlay = Decimal(str(units)) * Decimal(str(price))
        amounts = Amounts(own=outlay, base=outlay)
        events.append(
            Fill(
                id=number,
                at=moment,
                pool=(1, instrument),
                quantity=Decimal(str(units)),
                outlay=amounts,
            )
        )
        currency = "USD" if instrument == DOLLAR else "EUR"
        entries.append((place, instrument, Nature.TRADE, -outlay, currency, None))
        entries.append((place, instrument, Nature.TRADE, Decimal(-1), "EUR", Levy.FEE))
    entries += [
        (place, 0, Nature.FLOW, Decimal(str(amount)), currency, None)
        for place, amount, currency in flows
    ]
    for place, instrument, amount in income:
        entries.append((place, instrument, Nature.INCOME, Decimal(str(amount)), "EUR", None))
        entries.append(
            (place, instrument, Nature.CHARGE, Decimal(str(-amount / 4)), "EUR", Levy.TAX)
        )
    made = [
        Entry(
            id=number,
            portfolio=1,
            instrument=instrument,
            movements=(
                Movement(
                    day=day(place),
                    nature=nature,
                    currency=currency,
                    amount=amount,
                    amount_base=None,
                    levy=levy,
                ),
            ),
        )
        for number, (place, instrument, nature, amount, currency, levy) in enumerate(
            sorted(entries, key=lambda one: one[0])
        )
    ]
    return book_of(events, made, bases={1: "EUR"})


def quotes(euro, dollar, rate):
    days = range(len(euro))
    return Quotes(
        currency="EUR",
        prices={
            EURO: Prices(
                currency="EUR", closes=track_of((day(place), euro[place]) for place in days)
            ),
            DOLLAR: Prices(
                currency="USD", closes=track_of((day(place), dollar[place]) for place in days)
            ),
        },
        rates={"USD": track_of((day(place), rate[place]) for place in days)},
    )


levels = st.lists(st.floats(0.7, 1.4), min_size=6, max_size=6).map(
    lambda steps: np.cumprod([50.0, *steps])
)


@settings(max_examples=60, deadline=None)
@given(
    euro=levels, dollar=levels, rate=levels,
    deposit=st.integers(0, 5000), units=st.integers(-3, 20), dividend=st.integers(0, 40),
    net=st.booleans(), apart=st.booleans(),
)  # fmt: skip
def test_contributions_add_up_and_both_effects_compound_to_the_return(
    euro, dollar, rate, deposit, units, dividend, net, apart
):
    rate = rate / 50
    book = ledger(
        [(1, EURO, 10, 55), (1, DOLLAR, 4, 60), (3, DOLLAR, units, 70)],
        flows=[(1, 5000, "EUR"), (1, 4000, "USD"), (2, deposit, "EUR"), (4, -500, "EUR")],
        income=[(4, EURO, dividend)],
    )
    found = value(book, quotes(euro, dollar, rate), first=FIRST, last=day(6))
    policy = Policy(net_of_tax=net, expensed=apart)
    scope = found.portfolios([1])
    series = found.series(scope, policy)
    made = attribute(found, scope, policy=policy)
    whole = time_weighted(Period(series=series)).value
    if whole is None:
        assert made.reason is Reason.NEGATIVE_CAPITAL
        return
    assert made.total == pytest.approx(whole, abs=1e-12)
    assert sum(part.value for part in made.contributions) == pytest.approx(whole, abs=1e-9)
    gain = series.value[-1] - series.value[0] - series.inflow.sum() + series.outflow.sum()
    assert sum(part.gain for part in made.contributions) == pytest.approx(gain, abs=1e-6)
    assert (1 + made.price) * (1 + made.currency) == pytest.approx(1 + whole)
    groups = {line: line.currency or line.instrument for line in found.lines}
    assert sum(made.by(groups).values()) == pytest.approx(whole, abs=1e-9)


def test_one_share_abroad_splits_as_the_definition_has_it():
    # 10 x 10 USD at 0.9 are 90 EUR; 10 x 12 at 0.8 are 96: currency 100 x (0.8 - 0.9) = -10.
    book = ledger([(0, DOLLAR, 10, 10)])
    found = value(book, quotes([1, 1], [10, 12], [0.9, 0.8]), first=FIRST, last=day(1))
    scope = found.within(lambda line: line.instrument == DOLLAR)
    made = attribute(found, scope)
    (part,) = made.contributions
    assert (part.gain, part.value) == (pytest.approx(6), pytest.approx(6 / 90))
    assert part.currency == pytest.approx(-10 / 90)
    assert made.price == pytest.approx(0.2)
    assert made.currency == pytest.approx(0.8 / 0.9 - 1)


def test_lines_without_a_group_are_under_null():
    book = ledger([(0, EURO, 10, 10)], flows=[(0, 1000, "EUR")])
    found = value(book, quotes([10, 11], [1, 1], [1, 1]), first=FIRST, last=day(1))
    made = attribute(found, found.portfolios([1]))
    assert made.by({Line(1, EURO): "Technology"}) == {
        "Technology": pytest.approx(10 / 999),
        None: 0,
    }


def test_without_every_price_a_return_cannot_be_taken_apart():
    book = ledger([(0, EURO, 10, 10)])
    known = quotes([10, 11], [1, 1], [1, 1])
    missing = Quotes(currency="EUR", prices={}, rates={})
    for given_quotes, scope_of, reason in (
        (missing, lambda line: line.instrument == EURO, Reason.NO_PRICE),
        (known, lambda line: line.is_cash, Reason.NEGATIVE_CAPITAL),
        (known, lambda line: line.instrument == DOLLAR, Reason.NO_CAPITAL),
    ):
        found = value(book, given_quotes, first=FIRST, last=day(1))
        made = attribute(found, found.within(scope_of))
        assert (made.total, made.contributions, made.reason) == (None, (), reason)


def test_the_returns_of_months_and_years_link_to_that_of_all_days():
    days = np.arange(800) + FIRST.toordinal()
    series = of_prices(days, np.cumprod(1 + np.sin(np.arange(800)) / 50))
    last = date.fromordinal(int(days[-1]))
    span = Span(first=day(1), last=last)
    whole = time_weighted(Period(series=series)).value
    for interval, count in ((Interval.MONTH, 27), (Interval.YEAR, 3)):
        table = table_of(series, span, interval)
        assert len(table) == count
        assert np.prod([1 + part.value for part in table]) - 1 == pytest.approx(whole)
    assert table_of(series, span, Interval.MONTH)[1].span == Span(
        first=date(2024, 2, 1), last=date(2024, 2, 29)
    )
