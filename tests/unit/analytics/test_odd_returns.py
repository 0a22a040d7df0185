"""Odd periods by hand: shorts, all sold long ago, one day, losses beyond all, rounding."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from analytics.benchmarks import compare, yearly
from analytics.book import Balance, Book, Line, Payment, PaymentKind
from analytics.measures import Reason
from analytics.money import ZERO
from analytics.returns import (
    Period,
    annualized,
    modified_dietz,
    money_weighted,
    time_weighted,
)
from analytics.risk import Statistic, measure
from analytics.series import Series, links_of, of_prices, returns_of
from analytics.statistics import Sample
from analytics.tracks import track_of
from analytics.valuations import Policy, Prices, Quotes, value

FIRST = 738_000


def period(values, *, inflow=None, outflow=None):
    flows = np.zeros((2, len(values)))
    for row, given in enumerate((inflow, outflow)):
        for place, amount in (given or {}).items():
            flows[row, place] = amount
    return Period(
        series=Series(
            days=FIRST + np.arange(len(values)),
            value=np.array(values, dtype=float),
            inflow=flows[0],
            outflow=flows[1],
            fresh=np.ones(len(values), dtype=bool),
        )
    )


def held(days, *, then=0):
    """Return 100 that become 110 in so many days and are taken out, and what comes after."""
    values = np.concatenate([[0], np.linspace(100, 110, days), np.zeros(then + 1)])
    return period(values, inflow={1: 100}, outflow={days + 1: 110})


@pytest.mark.parametrize("then", [0, 1, 2000])
def test_days_after_all_was_sold_change_no_return(then):
    made = held(365, then=then)
    assert made.days == 365
    for found in (
        time_weighted(made),
        annualized(made, time_weighted(made)),
        money_weighted(made),
        money_weighted(made, annual=True),
        modified_dietz(made),
    ):
        assert found.value == pytest.approx(0.1), found.definition


def test_days_between_two_holdings_are_no_days_of_the_return():
    # 10 % in a year, nothing for three, 10 % in another.
    year = np.linspace(100, 110, 365)
    made = period(
        np.concatenate([[0], year, np.zeros(1000), year]),
        inflow={1: 100, 1366: 100},
        outflow={366: 110},
    )
    assert made.days == 365 + 364
    whole = time_weighted(made)
    assert whole.value == pytest.approx(0.21)
    assert annualized(made, whole).value == pytest.approx(1.21 ** (365 / 729) - 1)
    assert money_weighted(made).value == pytest.approx(0.21, abs=1e-4)


def test_the_benchmark_is_looked_at_while_there_was_capital():
    made = held(365, then=700)
    index = of_prices(made.series.days, np.linspace(100, 100 + len(made.series.days) - 1, 1067))
    found = compare(made, index)
    assert found.benchmark.value == pytest.approx(3.66)  # from 100 to 466 on the day of the sale
    assert found.excess.value == pytest.approx(1.1 / 4.66 - 1)


def test_a_benchmark_goes_on_while_there_is_no_capital_and_the_excess_leaves_that_out():
    # A year of 10 %, a year of nothing and another of 10 %; the index has 10 % in each of three.
    days = np.arange(365)
    year = 100 * 1.1 ** ((days + 1) / 365)
    made = period(
        np.concatenate([[0], year, np.zeros(365), year]),
        inflow={1: 100, 731: 100},
        outflow={366: year[-1]},
    )
    index = of_prices(made.series.days, 1.1 ** (np.arange(1096) / 365))
    found = compare(made, index)
    assert found.benchmark.value == pytest.approx(1.1**3 - 1)
    assert annualized(made, found.benchmark, days=found.days).value == pytest.approx(0.1)
    # Two years of it and the day of the sale, a link of its own, are compared with 21 %.
    alongside = 1.1 ** (731 / 365)
    assert found.excess.value == pytest.approx(1.21 / alongside - 1)
    (difference,) = found.excess.steps
    assert difference.value == pytest.approx(1.21 - alongside)
    # Less than a year of days with capital is no reason for the index to have less.
    short = period(
        np.concatenate([[0, 100], np.zeros(400), [100, 110]]),
        inflow={1: 100, 402: 100},
        outflow={2: 100},
    )
    whole = compare(short, of_prices(short.series.days, np.linspace(100, 121, 404)))
    assert annualized(short, time_weighted(short)).reason is Reason.LESS_THAN_A_YEAR
    forced = annualized(short, whole.benchmark, days=whole.days)
    assert forced.value == pytest.approx(1.21 ** (365 / 403) - 1)
    # Where the index has no price at the end of a stretch, there is nothing to compare with.
    index.value[366] = np.nan
    lacking = compare(made, index)
    assert (lacking.excess.value, lacking.excess.reason) == (None, Reason.NO_PRICE)
    assert lacking.benchmark.value == pytest.approx(1.1**3 - 1)


def test_a_short_has_no_money_weighted_return_for_nothing_was_put_in():
    # Sold for 1,000 and bought back for 900: a rate of -10 % would be that of the debt.
    made = period([0, -1000, *[-950] * 363, 0], outflow={1: 1000}, inflow={365: 900})
    assert made.gain == 100
    for annual in (False, True):
        found = money_weighted(made, annual=annual, force=True)
        assert (found.value, found.reason) == (None, Reason.NEGATIVE_CAPITAL)
    assert time_weighted(made).reason is Reason.NEGATIVE_CAPITAL
    assert modified_dietz(made).reason is Reason.NEGATIVE_CAPITAL


def test_a_loss_of_all_is_still_one_of_money_that_was_put_in():
    made = period([0, 100, 50, 1], inflow={1: 100})
    assert money_weighted(made).value == pytest.approx(-0.99)


@pytest.mark.parametrize("growth", [0.05, -0.05, 0.5, -0.5, 3])
def test_a_day_has_the_return_it_had_though_a_year_of_such_has_none(growth):
    made = period([100, 100 * (1 + growth)])
    assert money_weighted(made).value == pytest.approx(growth)
    assert money_weighted(made, annual=True).reason is Reason.LESS_THAN_A_YEAR
    forced = money_weighted(made, annual=True, force=True)
    expected = (1 + growth) ** 365 - 1
    assert forced.value == (None if expected > 1e15 else pytest.approx(expected))


def test_on_the_day_of_the_first_deposit_there_is_no_rate_yet():
    made = period([0, 103], inflow={1: 100})
    assert time_weighted(made).value == pytest.approx(0.03)
    assert money_weighted(made).reason is Reason.SERIES_TOO_SHORT


def test_less_than_a_year_in_the_benchmark_has_no_yearly_rate_unless_forced():
    made = period([100, 110])
    rate = compare(made, of_prices(made.series.days, np.array([50.0, 50.5]))).long_nickels
    assert yearly(made, rate).reason is Reason.LESS_THAN_A_YEAR
    assert yearly(made, rate, force=True).value == pytest.approx(1.01**365 - 1)
    long = held(365)
    index = of_prices(long.series.days, np.linspace(100, 120, 367))
    rate = compare(long, index).long_nickels
    assert yearly(long, rate) == rate


def test_after_a_loss_of_more_than_all_nothing_is_left_to_grow():
    # 100 become -50; 150 come in and what is then 100 becomes 150: no 50 % of anything before.
    made = period([100, -50, 150], inflow={2: 150})
    found = time_weighted(made)
    assert (found.value, found.reason) == (None, Reason.NEGATIVE_CAPITAL)
    assert [part.value for part in found.steps] == [-1.5]
    later = period([100, -50, 150, 165], inflow={2: 150})
    assert [part.value for part in time_weighted(later).steps] == pytest.approx([-1.5, 0.1])
    assert np.isnan(links_of(later.series).index()[2:]).all()
    # Nor where the debt is paid back to the last cent before more comes in: 100 becomes 110.
    paid_back = period([0, -50, 0, 0, 110], inflow={1: 100, 2: 50, 4: 100})
    assert time_weighted(paid_back).reason is Reason.NEGATIVE_CAPITAL
    assert [part.value for part in time_weighted(paid_back).steps] == [-1.5]
    assert np.isnan(paid_back.links.index()).tolist() == [False] * 4 + [True]
    # The loss itself, if nothing follows it, is what it is.
    assert time_weighted(period([100, -50])).value == -1.5


@pytest.mark.parametrize("then", [[0, 0], [0, 2]])
def test_a_dividend_paid_after_the_sale_is_in_the_return_of_the_last_day_with_capital(then):
    # 100 bought, sold for 110 two days later, and 2 paid out the day after that, or left as cash.
    made = period([0, 100, 0, *then], inflow={1: 100}, outflow={2: 110, 4: 2 - then[-1]})
    found = time_weighted(made)
    assert found.value == pytest.approx(0.12)
    assert [part.value for part in found.steps] == pytest.approx([0.12])
    assert returns_of(made.links).values.tolist() == pytest.approx([0, 0.12])
    assert made.days == 1
    assert modified_dietz(made).value > 0
    # The flows are 100 in on the first day, 110 out a day later and 2 two days after that: the
    # rate r of a day has -100 (1 + r)^3 + 110 (1 + r)^2 + 2 = 0.
    factor = 1 + money_weighted(made).value
    assert -100 * factor**3 + 110 * factor**2 + 2 == pytest.approx(0, abs=1e-6)


def test_tax_withheld_from_a_dividend_after_the_sale_is_no_money_put_in():
    # 100 bought on the first day and sold for 110 on the second; 2 less 0.50 of tax on the third.
    day = date(2024, 1, 1).toordinal()
    cash, share = Line(1, 0, "EUR"), Line(1, 7)
    paid = [
        Payment(1, date.fromordinal(day), cash, share, amount=Decimal(100), currency="EUR"),
        Payment(2, date.fromordinal(day + 1), share, cash, amount=Decimal(110), currency="EUR"),
        *(
            Payment(3, date.fromordinal(day + 2), share, cash, kind, Decimal(amount), "EUR")
            for kind, amount in ((PaymentKind.INCOME, "2"), (PaymentKind.TAX, "-0.5"))
        ),
    ]
    held = [Balance(date.fromordinal(day), Decimal(1)), Balance(date.fromordinal(day + 1), ZERO)]
    closes = track_of([(date.fromordinal(day), 100.0)])
    found = value(
        Book(balances={share: held, cash: []}, payments=paid, bases={1: "EUR"}),
        Quotes(currency="EUR", prices={7: Prices(currency="EUR", closes=closes)}, rates={}),
        first=date.fromordinal(day - 1),
        last=date.fromordinal(day + 2),
    )
    scope = found.within(lambda line: line == share)
    for net, expected in ((False, 0.12), (True, 0.115)):
        made = Period(series=found.series(scope, Policy(net_of_tax=net)))
        assert time_weighted(made).value == pytest.approx(expected)


@pytest.mark.parametrize("kind", [PaymentKind.FEE, PaymentKind.TAX])
def test_a_charge_after_the_sale_is_in_the_return_of_the_last_day_with_capital(kind):
    # 100 bought on the first day and sold for 110 on the second; 2 charged on the fourth.
    day = date(2024, 1, 1).toordinal()
    cash, share = Line(1, 0, "EUR"), Line(1, 7)
    plain = PaymentKind.PLAIN
    paid = [
        Payment(1, date.fromordinal(day), cash, share, plain, Decimal(100), "EUR"),
        Payment(2, date.fromordinal(day + 1), share, cash, plain, Decimal(110), "EUR"),
        Payment(3, date.fromordinal(day + 3), share, cash, kind, Decimal(-2), "EUR"),
    ]
    held = [Balance(date.fromordinal(day), Decimal(1)), Balance(date.fromordinal(day + 1), ZERO)]
    closes = track_of([(date.fromordinal(day), 100.0)])
    found = value(
        Book(balances={share: held, cash: []}, payments=paid, bases={1: "EUR"}),
        Quotes(currency="EUR", prices={7: Prices(currency="EUR", closes=closes)}, rates={}),
        first=date.fromordinal(day - 1),
        last=date.fromordinal(day + 4),
    )
    scope = found.within(lambda line: line == share)
    made = Period(series=found.series(scope, Policy(net_of_tax=True)))
    assert time_weighted(made).value == pytest.approx(0.08)
    assert made.days == 1
    # -100 (1 + r)^3 + 110 (1 + r)^2 - 2 = 0, of a day.
    factor = 1 + money_weighted(made).value
    assert -100 * factor**3 + 110 * factor**2 - 2 == pytest.approx(0, abs=1e-6)
    # Of days on which there is nothing else there is no capital to lose.
    alone = made.series.part(slice(3, None))
    assert time_weighted(Period(series=alone)).reason is Reason.NO_CAPITAL


def test_a_charge_after_the_sale_that_takes_more_than_all_leaves_nothing_to_grow():
    # 100 bought and sold for 110, then 250 charged: 10 - 250 of 100. Another 100 become 120.
    made = period([0, 100, 0, 0, 100, 120], inflow={1: 100, 4: 100}, outflow={2: 110, 3: -250})
    found = time_weighted(made)
    assert (found.value, found.reason) == (None, Reason.NEGATIVE_CAPITAL)
    assert [part.value for part in found.steps] == pytest.approx([-2.4, 0.2])
    assert made.links.broken.tolist() == [False, False, False, True, False]
    assert np.isnan(made.links.index()).tolist() == [False] * 4 + [True] * 2
    # Charged in two parts, and with nothing bought afterwards, the loss is what it is.
    alone = period([0, 100, 0, 0, 0], inflow={1: 100}, outflow={2: 110, 3: -100, 4: -150})
    assert time_weighted(alone).value == pytest.approx(-2.4)


def test_a_dividend_after_a_loss_of_more_than_all_makes_that_loss_smaller():
    # 100 become -50, which are paid back; 10 of dividend come late, and 100 become 110.
    made = period([0, 100, -50, 0, 0, 100, 110], inflow={1: 100, 3: 50, 5: 100}, outflow={4: 10})
    found = time_weighted(made)
    assert found.reason is Reason.NEGATIVE_CAPITAL
    assert [part.value for part in found.steps] == pytest.approx([-1.4, 0.1])


def test_a_dividend_alone_has_no_return_and_comes_before_none():
    alone = period([0, 0, 0], outflow={1: 2})
    assert time_weighted(alone).reason is Reason.NO_CAPITAL
    # What is bought again, 100 that become 105, has nothing of it.
    again = period([0, 0, 100, 105], outflow={1: 2}, inflow={2: 100})
    assert time_weighted(again).value == pytest.approx(0.05)
    # A gain on what is owed is no dividend: 1,000 sold short are worth 990 that evening.
    short = period([0, 100, 0, -990], inflow={1: 100}, outflow={2: 110, 3: 1000})
    assert time_weighted(short).reason is Reason.NEGATIVE_CAPITAL


def test_what_is_left_by_rounding_alone_is_neither_capital_nor_gain():
    # 0.1 + 0.2 is not 0.3 in binary fractions, and what is left over is not a return.
    made = period([0, 0.2, 0.1 + 0.2, 0.3, 0], inflow={1: 0.2, 2: 0.1}, outflow={4: 0.3})
    assert returns_of(made.links).values.tolist() == [0, 0, 0, 0]
    left = period([0.1 + 0.2, 0.3, 1e-17, 5, 5], outflow={2: 0.3}, inflow={3: 5})
    assert links_of(left.series).growth.tolist() == [0, 0, 0, 0]


def test_what_happens_after_the_last_trading_day_is_a_return_too():
    # A share is sold for next to nothing on a day without a close, and then there is cash alone.
    made = period([100, 101, 1, 1, 0.5], outflow={})
    made.series.fresh[2:] = False
    found = returns_of(made.links)
    assert found.values.tolist() == pytest.approx([0.01, 1 / 101 - 1, -0.5])
    assert (found.days - FIRST).tolist() == [1, 2, 4]
    fall = measure(Statistic.MAX_DRAWDOWN, Sample(returns=found.values)).value
    assert fall == pytest.approx(0.5 / 101 - 1)


def test_where_the_chain_ends_after_the_last_trading_day_risk_is_not_known_either():
    made = period([100, 101, -20, -20])
    made.series.fresh[2:] = False
    assert time_weighted(made).reason is Reason.NEGATIVE_CAPITAL
    found = measure(Statistic.VOLATILITY, Sample(returns=returns_of(made.links).values))
    assert found.reason is Reason.NEGATIVE_CAPITAL


@pytest.mark.parametrize("values", [[100, 101, 103, np.nan], [np.nan, 100, 101, 103]])
def test_risk_is_not_known_where_the_value_at_an_end_is_not(values):
    made = period(values)
    assert time_weighted(made).reason is Reason.NO_PRICE
    found = returns_of(made.links)
    assert np.isnan(found.values).tolist() == [True, False, False][:: -1 if values[0] == 100 else 1]
    assert measure(Statistic.MAX_DRAWDOWN, Sample(returns=found.values)).value is None
    # Of days in between alone nothing is lost: the next value has what happened.
    inner = period([100, np.nan, 101, 103])
    assert returns_of(inner.links).values.tolist() == pytest.approx([0.01, 103 / 101 - 1])


NOISE = np.array([0.01, -1e-16, 0.02, 1e-16, 0.015])


@pytest.mark.parametrize(
    ("statistic", "value", "reason"),
    [
        (Statistic.MAX_DRAWDOWN, 0, None),
        (Statistic.WIN_RATE, 1, None),
        (Statistic.CALMAR, None, Reason.NO_DRAWDOWN),
        (Statistic.OMEGA, None, Reason.NO_LOSSES),
        (Statistic.SORTINO, None, Reason.NO_LOSSES),
    ],
)
def test_noise_is_no_loss(statistic, value, reason):
    found = measure(statistic, Sample(returns=NOISE, length=np.array(400.0)))
    assert (found.value, found.reason) == (value, reason)


@pytest.mark.parametrize(
    "statistic", [Statistic.CALMAR, Statistic.STABILITY, Statistic.ANNUAL_RETURN]
)
def test_who_lost_all_is_told_so(statistic):
    returns = np.array([0.1, -0.2, -1.0, 0.0])
    found = measure(statistic, Sample(returns=returns, length=np.array(400.0)))
    assert (found.value, found.reason) == (None, Reason.TOTAL_LOSS)
