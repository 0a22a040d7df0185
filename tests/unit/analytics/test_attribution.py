"""Contributions that add up to the return, and the effects of prices and of currencies."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution import attribute, effects_of, table_of
from analytics.book import Entry, Line, book_of
from analytics.events import Amounts, Fill
from analytics.ledger import Levy, Movement, Nature
from analytics.measures import Reason
from analytics.periods import Interval, Span
from analytics.returns import Period, time_weighted
from analytics.series import of_prices
from analytics.tracks import track_of
from analytics.valuations import Policy, Priced, Prices, Quotes, value

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
    price, currency = effects_of(made)
    assert (1 + price.value) * (1 + currency.value) == pytest.approx(1 + whole)
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


def test_a_dividend_of_units_that_are_sold_is_a_contribution_too():
    # Ten for 10 with a fee of 1, sold for 12 with another, and 8 before tax on the day after.
    book = ledger([(0, EURO, 10, 10), (2, EURO, -10, 12)], income=[(3, EURO, 8)])
    closes = quotes([10, 11, 12, 12], [1] * 4, [1] * 4)
    found = value(book, closes, first=FIRST - timedelta(days=1), last=day(3))
    made = attribute(found, found.within(lambda line: line.instrument == EURO))
    (part,) = made.contributions
    assert made.total == pytest.approx(100 / 101 * 1.1 * (120 + 8) / (110 + 1) - 1)
    assert (part.value, part.gain) == (pytest.approx(made.total), pytest.approx(26))
    assert made.currency == 0


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
        assert [effect.reason for effect in effects_of(made)] == [reason, reason]


def test_over_days_without_a_price_the_gain_of_all_of_them_is_attributed():
    # No price is good on days 11 to 13: from 10 to 14 there is one link, and the 100 of its first
    # day work all the time.
    book = ledger([(0, EURO, 10, 10)], flows=[(0, 1001, "EUR"), (11, 100, "EUR")])
    known = quotes([10], [1], [1])
    closes = track_of([(day(0), 10), (day(14), 12)])
    known = replace(known, prices={EURO: Prices(currency="EUR", closes=closes)})
    found = value(book, known, first=FIRST, last=day(14))
    made = attribute(found, found.portfolios([1]))
    whole = 20 / (1000 + 100)
    assert made.total == pytest.approx(whole)
    shares = made.by({Line(1, EURO): "share"})
    assert shares == {"share": pytest.approx(whole), None: pytest.approx(0)}


def test_when_exchange_rates_take_more_than_there_was_no_price_effect_compounds_with_them():
    # 100 dollars short of 90 euros: the dollar goes from 0.8 to 2, and the share makes up for it.
    book = ledger(
        [(0, EURO, 1, 1)],
        flows=[(0, 92, "EUR"), (0, -100, "USD")],
    )
    found = value(book, quotes([1, 200], [1, 1], [0.8, 2]), first=FIRST, last=day(1))
    made = attribute(found, found.portfolios([1]))
    price, currency = effects_of(made)
    # Capital 90 + 1 - 80 = 11; rates cost 120, the share brought 199.
    assert made.total == pytest.approx(79 / 11)
    assert currency.value == pytest.approx(-120 / 11)
    assert (price.value, price.reason) == (None, Reason.NEGATIVE_CAPITAL)


def test_what_was_sold_for_other_money_may_have_no_rate_afterwards():
    sold = Movement(
        day=day(11), nature=Nature.TRADE, currency="EUR", amount=Decimal(99), amount_base=None
    )
    moment = datetime.combine(day(11), datetime.min.time(), UTC)
    outlay = Amounts(own=Decimal(-100), base=Decimal(-99))
    events = [
        Fill(id=1, at=datetime.combine(FIRST, datetime.min.time(), UTC), pool=(1, DOLLAR),
             quantity=Decimal(1), outlay=Amounts(own=Decimal(100), base=Decimal(90))),
        Fill(id=2, at=moment, pool=(1, DOLLAR), quantity=Decimal(-1), outlay=outlay),
    ]  # fmt: skip
    book = book_of(
        events,
        [Entry(id=2, portfolio=1, instrument=DOLLAR, movements=(sold,))],
        bases={1: "EUR"},
    )
    prices = {DOLLAR: Prices(currency="USD", closes=track_of([(day(0), 100), (day(10), 100)]))}
    known = Quotes(currency="EUR", prices=prices, rates={"USD": track_of([(day(0), 0.9)])})
    found = value(book, known, first=FIRST, last=day(11))
    made = attribute(found, found.portfolios([1]))
    assert made.total == pytest.approx(0.1)
    assert sum(part.currency for part in made.contributions) == 0


def test_a_payment_of_unknown_worth_within_the_whole_cannot_be_taken_apart():
    # Bought and sold on one day for francs, of which no rate is known and none are left.
    francs = tuple(
        Movement(
            day=day(1),
            nature=Nature.TRADE,
            currency="CHF",
            amount=Decimal(amount),
            amount_base=None,
        )
        for amount in (-100, 100)
    )
    deposit = Movement(
        day=FIRST, nature=Nature.FLOW, currency="EUR", amount=Decimal(50), amount_base=None
    )
    book = book_of(
        [],
        [
            Entry(id=1, portfolio=1, instrument=0, movements=(deposit,)),
            Entry(id=2, portfolio=1, instrument=EURO, movements=francs[:1]),
            Entry(id=3, portfolio=1, instrument=DOLLAR, movements=francs[1:]),
        ],
        bases={1: "EUR"},
    )
    found = value(book, quotes([1, 1], [1, 1], [1, 1]), first=FIRST, last=day(1))
    scope = found.portfolios([1])
    assert time_weighted(Period(series=found.series(scope))).value == 0
    assert attribute(found, scope).reason is Reason.NO_PRICE


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


def test_only_the_lines_of_a_scope_are_looked_at(monkeypatch):
    book = ledger(
        [(0, EURO, 10, 10), (0, DOLLAR, 2, 10)], flows=[(0, 1000, "EUR"), (0, 1000, "USD")]
    )
    flat = np.ones(7)
    found = value(book, quotes(10 * flat, 10 * flat, flat), first=day(-1), last=day(6))
    scope = found.within(lambda line: line.instrument == EURO)
    looked, column = [], Priced.column

    def look(priced, place):
        looked.append(found.lines[place])
        return column(priced, place)

    monkeypatch.setattr(Priced, "column", look)
    made = attribute(found, scope)
    assert [part.line for part in made.contributions] == looked == [Line(1, EURO)]


@pytest.mark.parametrize("interval", [Interval.DAY, Interval.WEEK, Interval.MONTH])
def test_a_stretch_has_the_return_of_its_own_days(interval):
    # Days without capital, without a value, below nothing, of an unknown flow, and beyond floats.
    count = 200
    worth = 100 + np.arange(count) % 7.0
    inflow, outflow = np.zeros(count), np.zeros(count)
    worth[:40], inflow[40] = 0, 100
    worth[60:75] = np.nan
    worth[100] = -5
    inflow[125] = np.nan
    outflow[150:153] = 1e200
    series = replace(
        of_prices(np.arange(count) + FIRST.toordinal(), worth), inflow=inflow, outflow=outflow
    )
    table = table_of(series, Span(first=day(1), last=day(count - 1)), interval)
    wholes = [
        time_weighted(Period(series=series.cut(one.span.first, one.span.last))) for one in table
    ]
    assert [(one.value, one.reason) for one in table] == [(one.value, one.reason) for one in wholes]
    told = {one.reason for one in table}
    assert told >= {Reason.NO_CAPITAL, Reason.NO_PRICE, Reason.NEGATIVE_CAPITAL, None}
