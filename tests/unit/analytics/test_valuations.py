"""Values of a book day by day: by hand, with every kind of payment over a scope's bounds."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from analytics.book import Entry, Line, book_of
from analytics.events import Amounts, Conversion, Fill, Move
from analytics.ledger import Levy, Movement, Nature
from analytics.measures import Reason
from analytics.returns import Period, time_weighted
from analytics.tracks import Track, carry, track_of
from analytics.valuations import Policy, Prices, Quotes, value

ACME, NEW = 7, 8
DAYS = [date(2024, 1, 1) + timedelta(days=count) for count in range(10)]
EURO = {1: "EUR", 2: "EUR"}


def at(place):
    return datetime.combine(DAYS[place], datetime.min.time(), UTC)


def track(**by_place):
    """Build a track of values by place: d0=1.5 is that of the first day."""
    pairs = sorted((int(name[1:]), value) for name, value in by_place.items())
    return track_of((DAYS[place], value) for place, value in pairs)


def fill(number, place, units, outlay, *, pool=(1, ACME), **more):
    amounts = Amounts(own=Decimal(outlay), base=Decimal(outlay))
    return Fill(id=number, at=at(place), pool=pool, quantity=Decimal(units), outlay=amounts, **more)


def cash(number, place, *parts, portfolio=1, instrument=0, counterpart=None, currency="EUR"):
    """Build an entry of (nature, amount) or (nature, amount, levy)."""
    return Entry(
        id=number,
        portfolio=portfolio,
        instrument=instrument,
        counterpart=counterpart,
        movements=tuple(
            Movement(
                day=DAYS[place],
                nature=nature,
                currency=currency,
                amount=Decimal(amount),
                amount_base=Decimal(amount),
                levy=levy[0] if levy else None,
            )
            for nature, amount, *levy in parts
        ),
    )


FLOW, TRADE, INCOME, CHARGE, EXCHANGE = (
    Nature.FLOW,
    Nature.TRADE,
    Nature.INCOME,
    Nature.CHARGE,
    Nature.EXCHANGE,
)
FEE, TAX = Levy.FEE, Levy.TAX


def valued(events, entries, *, prices=None, rates=None, last=5, currency="EUR", bases=EURO):
    book = book_of(events, entries, bases=bases)
    quotes = Quotes(currency=currency, prices=prices or {}, rates=rates or {})
    return value(book, quotes, first=DAYS[0], last=DAYS[last])


def in_euro(closes, **more):
    return {ACME: Prices(currency="EUR", closes=closes, **more)}


BOUGHT = (
    [fill(2, 2, 10, 501)],
    [cash(1, 1, (FLOW, 1000)), cash(2, 2, (TRADE, -500), (TRADE, -1, FEE), instrument=ACME)],
)
PRICED = in_euro(track(d2=50, d3=55, d4=60))


def bought(**more):
    return valued(*BOUGHT, prices=PRICED, **more)


def all_of(found):
    return found.portfolios([1, 2])


def position(found, instrument=ACME):
    return found.within(lambda line: line.instrument == instrument)


def test_value_cash_and_cost_of_a_portfolio_are_those_of_each_day():
    found = bought()
    scope = found.portfolios([1])
    assert found.value_of(scope).tolist() == [0, 1000, 999, 1049, 1099, 1099]
    assert found.cash_of(scope).tolist() == [0, 1000, 499, 499, 499, 499]
    assert found.invested_in(scope).tolist() == [0, 0, 501, 501, 501, 501]


def test_a_deposit_is_a_flow_of_the_portfolio_and_a_purchase_one_of_the_position():
    found = bought()
    whole = found.series(found.portfolios([1]))
    assert whole.inflow.tolist() == [0, 1000, 0, 0, 0, 0]
    assert whole.outflow.tolist() == [0] * 6
    part = found.series(position(found))
    assert part.value.tolist() == [0, 0, 500, 550, 600, 600]
    assert part.inflow.tolist() == [0, 0, 501, 0, 0, 0]
    assert time_weighted(Period(series=part)).value == pytest.approx(600 / 501 - 1)
    assert time_weighted(Period(series=whole)).value == pytest.approx(0.099)


def test_a_scope_begins_with_its_first_payment():
    found = bought()
    assert found.begin_of(all_of(found)) == 1
    assert found.begin_of(position(found)) == 2
    assert found.begin_of(position(found, NEW)) == len(found.days)


def test_expensed_fees_of_trades_are_left_out_of_the_return():
    found = bought()
    shown = Policy(expensed=True)
    part = found.series(position(found), shown)
    assert time_weighted(Period(series=part)).value == pytest.approx(0.2)
    whole = found.series(found.portfolios([1]), shown)
    assert whole.outflow.tolist() == [0, 0, 1, 0, 0, 0]
    assert time_weighted(Period(series=whole)).value == pytest.approx(1099 / 999 - 1)


DIVIDEND = (
    [fill(2, 1, 10, 1000)],
    [
        cash(1, 1, (FLOW, 1000)),
        cash(2, 1, (TRADE, -1000), instrument=ACME),
        cash(3, 3, (INCOME, 50), (CHARGE, -10, TAX), instrument=ACME),
    ],
)


@pytest.mark.parametrize(
    ("policy", "portfolio", "alone"),
    [
        (Policy(), 0.05, 0.05),
        (Policy(net_of_tax=True), 0.04, (1050 - 1010) / 1010),
        (Policy(income=False), 0, 0),
    ],
)
def test_a_dividend_is_earned_gross_net_or_not_at_all(policy, portfolio, alone):
    found = valued(*DIVIDEND, prices=in_euro(track(d1=100, d3=100)))
    whole = Period(series=found.series(found.portfolios([1]), policy))
    part = Period(series=found.series(position(found), policy))
    assert time_weighted(whole).value == pytest.approx(portfolio)
    assert time_weighted(part).value == pytest.approx(alone)


def test_a_fee_of_its_own_is_always_lost_and_interest_earned():
    found = valued(
        [], [cash(1, 1, (FLOW, 100)), cash(2, 2, (CHARGE, -3, FEE)), cash(3, 3, (INCOME, 5))]
    )
    for policy in (Policy(), Policy(expensed=True)):
        whole = Period(series=found.series(found.portfolios([1]), policy))
        assert time_weighted(whole).value == pytest.approx(0.97 * (102 / 97) - 1)
    without = found.series(found.portfolios([1]), Policy(income=False))
    assert time_weighted(Period(series=without)).value == pytest.approx(-0.03, abs=1e-3)


def test_a_report_in_another_currency_takes_the_rate_of_each_day():
    rates = {"EUR": track(d0=1.1, d2=1.2, d3=1.0)}
    found = bought(rates=rates, currency="USD")
    scope = found.portfolios([1])
    assert found.value_of(scope) == pytest.approx([0, 1100, 1198.8, 1049, 1099, 1099])
    assert found.invested_in(scope) == pytest.approx([0, 0, 601.2, 501, 501, 501])
    assert found.series(scope).inflow == pytest.approx([0, 1100, 0, 0, 0, 0])


def test_a_foreign_share_is_worth_its_price_times_its_rate():
    prices = {ACME: Prices(currency="USD", closes=track(d2=50, d4=60))}
    found = valued(*BOUGHT, prices=prices, rates={"USD": track(d2=0.9, d3=0.8)})
    assert found.value_of(position(found)) == pytest.approx([0, 0, 450, 400, 480, 480])


def test_a_transfer_between_portfolios_is_a_flow_of_each_and_none_of_both():
    entries = [
        cash(1, 1, (FLOW, 100)),
        cash(2, 2, (FLOW, -40), counterpart=2),
        cash(3, 2, (FLOW, 40), portfolio=2, counterpart=1),
    ]
    found = valued([], entries)
    one, two, both = (found.series(found.portfolios(keys)) for keys in ([1], [2], [1, 2]))
    assert one.outflow.tolist() == [0, 0, 40, 0, 0, 0]
    assert two.inflow.tolist() == [0, 0, 40, 0, 0, 0]
    assert both.outflow.tolist() == [0] * 6
    assert both.inflow.tolist() == [0, 100, 0, 0, 0, 0]
    assert both.value.tolist() == [0, 100, 100, 100, 100, 100]


def test_units_that_move_between_portfolios_pass_at_their_value():
    events = [
        fill(2, 2, 10, 501),
        Move(id=3, at=at(4), source=(1, ACME), target=(2, ACME), quantity=Decimal(4)),
    ]
    found = valued(events, BOUGHT[1], prices=PRICED)
    one, two, both = (found.series(found.portfolios(keys)) for keys in ([1], [2], [1, 2]))
    assert one.outflow.tolist() == two.inflow.tolist() == [0, 0, 0, 0, 240, 0]
    assert both.outflow.tolist() == [0] * 6
    assert two.value.tolist() == [0, 0, 0, 0, 240, 240]
    assert found.invested_in(found.portfolios([2])).tolist() == pytest.approx(
        [0, 0, 0, 0, 200.4, 200.4]
    )


def test_delivered_units_are_paid_in_at_their_price_and_out_at_the_value_stated():
    events = [
        fill(1, 2, 10, 300, passing=True),
        fill(2, 4, -5, -290, passing=True, may_open=False),
        Move(id=3, at=at(5), source=(1, ACME), target=None, quantity=Decimal(1)),
    ]
    found = valued(events, [], prices=PRICED)
    whole = found.series(found.portfolios([1]))
    assert whole.inflow.tolist() == [0, 0, 500, 0, 0, 0]
    assert whole.outflow.tolist() == [0, 0, 0, 0, 290, 60]
    assert whole.value.tolist() == [0, 0, 500, 550, 300, 240]


def test_a_split_changes_units_and_no_value_even_before_a_new_price():
    events = [
        fill(2, 2, 10, 501),
        Conversion(id=3, at=at(3), source=(1, ACME), target=(1, ACME), new=Decimal(2)),
    ]
    prices = in_euro(track(d2=50, d4=30), splits=track(d3=2.0))
    found = valued(events, BOUGHT[1], prices=prices)
    assert found.tables(position(found)).units.ravel().tolist() == [0, 0, 10, 20, 20, 20]
    assert found.value_of(position(found)).tolist() == [0, 0, 500, 500, 600, 600]


def test_what_is_spun_off_passes_between_positions_and_stays_in_the_portfolio():
    events = [
        fill(2, 2, 10, 501),
        Conversion(
            id=3,
            at=at(3),
            source=(1, ACME),
            target=(1, NEW),
            new=Decimal(1),
            old=Decimal(2),
            keeps=True,
            share=Decimal("0.1"),
        ),
    ]
    prices = in_euro(track(d2=50, d3=40)) | {NEW: Prices(currency="EUR", closes=track(d3=20))}
    found = valued(events, BOUGHT[1], prices=prices)
    old, new = (found.series(position(found, one)) for one in (ACME, NEW))
    assert old.outflow.tolist() == new.inflow.tolist() == [0, 0, 0, 100, 0, 0]
    assert time_weighted(Period(series=old.cut(DAYS[3], DAYS[5]))).value == pytest.approx(0)
    assert found.series(found.portfolios([1])).outflow.tolist() == [0] * 6


def test_what_an_exchange_of_currencies_cost_is_lost():
    entries = [
        cash(1, 1, (FLOW, 100)),
        cash(2, 2, (EXCHANGE, -100)),
        cash(3, 2, (EXCHANGE, 105), currency="USD"),
    ]
    found = valued([], entries, rates={"USD": track(d0=0.9)})
    whole = found.series(found.portfolios([1]))
    assert whole.value == pytest.approx([0, 100, 94.5, 94.5, 94.5, 94.5])
    assert time_weighted(Period(series=whole)).value == pytest.approx(-0.055)
    dollars = found.within(lambda line: line.currency == "USD")
    assert found.series(dollars).inflow == pytest.approx([0, 0, 94.5, 0, 0, 0])


def test_a_price_is_carried_for_so_many_days_and_then_missing():
    closes = track(d0=5.0)
    days = np.array([day.toordinal() for day in DAYS])
    found = carry(closes, days, oldest=3)
    assert found.values[:4].tolist() == [5] * 4
    assert np.isnan(found.values[4:]).all()
    assert found.fresh.tolist() == [True] + [False] * 9
    early = carry(track(d3=5.0), days, oldest=3)
    assert np.isnan(early.values[:3]).all()
    empty = carry(Track(days=days[:0], values=np.empty(0)), days, oldest=3)
    assert np.isnan(empty.values).all()


def test_what_is_missing_names_the_line_and_the_reason():
    found = valued(*BOUGHT, prices={ACME: Prices(currency="USD", closes=track(d3=5))})
    scope = all_of(found)
    assert np.isnan(found.value_of(scope)[2:]).all()
    assert list(found.missing(scope, 2)) == [(Reason.NO_PRICE, Line(1, ACME))]
    assert list(found.missing(scope, 3)) == [(Reason.NO_RATE, Line(1, ACME))]
    assert list(found.missing(scope, 1)) == []
    assert time_weighted(Period(series=found.series(scope))).reason is Reason.NO_PRICE


def test_without_any_price_a_position_is_unknown_until_it_is_sold():
    events = [*BOUGHT[0], fill(3, 4, -10, -600, may_open=False)]
    entries = [*BOUGHT[1], cash(3, 4, (TRADE, 600), instrument=ACME)]
    found = valued(events, entries)
    whole = found.value_of(all_of(found))
    assert np.isnan(whole[2:4]).all()
    assert whole[4:].tolist() == [1099, 1099]


def test_days_are_fresh_when_something_held_has_a_price_of_its_own():
    found = bought()
    assert found.series(all_of(found)).fresh.tolist() == [False, False, True, True, True, False]


def test_a_short_counts_negative():
    events = [fill(2, 2, -10, -500)]
    entries = [cash(1, 1, (FLOW, 1000)), cash(2, 2, (TRADE, 500), instrument=ACME)]
    found = valued(events, entries, prices=PRICED)
    assert found.value_of(all_of(found)).tolist() == [0, 1000, 1000, 950, 900, 900]


def test_the_gain_of_a_series_is_that_of_its_positions_and_cash():
    found = bought()
    parts = [
        found.series(np.arange(len(found.lines)) == place) for place in range(len(found.lines))
    ]
    gains = [
        part.value[-1] - part.value[0] - part.inflow.sum() + part.outflow.sum() for part in parts
    ]
    assert sum(gains) == pytest.approx(99)
