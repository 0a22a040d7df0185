"""Figures of a portfolio, with the arithmetic beside each; what is unknown is null and named."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ledger import Totals
from analytics.measures import Reason
from analytics.valuation import Book, Held, Missing, Rates, market_value, value_portfolio

FIRST, DAY = date(2024, 1, 1), date(2024, 1, 10)


def held(symbol, quantity, *, price, previous, cost, **more):
    given_ = {
        "currency": "USD",
        "cost_base": cost,
        "realized_base": 0,
        "missing": 0,
        "previous_quantity": quantity,
    } | more
    numbers = {
        "quantity": quantity,
        "cost": cost,
        "price": price,
        "previous_price": previous,
    } | {
        name: given_[name]
        for name in ("cost_base", "realized_base", "missing", "previous_quantity")
    }
    return Held(
        symbol=symbol,
        currency=given_["currency"],
        **{name: None if value is None else Decimal(value) for name, value in numbers.items()},
    )


def amounts(**by_currency):
    return {currency: Decimal(amount) for currency, amount in by_currency.items()}


def rates(now, previous=None):
    by_side = [
        {name: None if rate is None else Decimal(rate) for name, rate in side.items()}
        for side in (now, now if previous is None else previous)
    ]
    return Rates(now=by_side[0], previous=by_side[1])


def paid_in(amount, *, on=FIRST, out=0, out_on=DAY, **more):
    return Totals(
        inflow=Decimal(amount),
        inflow_days=Decimal(amount) * on.toordinal(),
        outflow=Decimal(out),
        outflow_days=Decimal(out) * out_on.toordinal(),
        **{name: Decimal(value) for name, value in more.items() if name != "unrated"},
        unrated=more.get("unrated", 0),
    )


def book(*positions, cash=None, totals=None, **more):
    cash = {} if cash is None else cash
    return Book(
        **(
            {
                "base_currency": "EUR",
                "held": positions,
                "cash": cash,
                "previous_cash": cash,
                "day_inflow": {},
                "day_outflow": {},
                "totals": Totals() if totals is None else totals,
                "first_day": FIRST,
                "day": DAY,
            }
            | more
        )
    )


# 10 ACME at 12, yesterday 11, bought for 100 USD = 90 EUR; 500 EUR and 100 USD in cash.
ACME = held("ACME", 10, price=12, previous=11, cost=100, cost_base=90, realized_base=20)
DOLLAR = rates({"EUR": 1, "USD": "0.8"}, {"EUR": 1, "USD": "0.9"})
PAID = paid_in(600, income=5, charges=2)
PORTFOLIO = book(ACME, cash=amounts(EUR=500, USD=100), totals=PAID)


def valued(some, *, at=DOLLAR, currency="EUR"):
    return value_portfolio(some, currency=currency, rates=at)


def test_units_are_worth_units_times_price():
    assert market_value(Decimal(10), Decimal("1.5")) == Decimal(15)
    # What is owed is worth less than nothing.
    assert market_value(Decimal(-2), Decimal("1.5")) == Decimal(-3)


def test_no_units_are_worth_nothing_without_a_price():
    assert market_value(Decimal(0), None) == Decimal(0)
    assert market_value(Decimal(1), None) is None


def test_value_is_cash_and_market_value():
    found = valued(PORTFOLIO)
    # 10 x 12 x 0.8 = 96; 500 + 100 x 0.8 = 580; 96 + 580 = 676
    assert (found.market_value, found.cash, found.value) == (96, 580, 676)
    assert (found.currency, found.missing) == ("EUR", ())


def test_gains_take_the_cost_at_the_rates_of_its_own_days():
    found = valued(PORTFOLIO)
    # 96 - 90 = 6
    assert (found.invested, found.unrealized, found.realized) == (90, 6, 20)


def test_a_gain_in_price_and_currency_is_the_published_one():
    # Cost 89.12 at 0.9238 = 82.329056; value 116.45 at 0.8854 = 103.10483; gain 20.775774,
    # which is the price's (116.45 - 89.12) x 0.8854 = 24.197982 and the currency's
    # 89.12 x (0.8854 - 0.9238) = -3.422208.
    one = held("X", 1, price="116.45", previous=1, cost="89.12", cost_base="82.329056")
    found = valued(book(one), at=rates({"EUR": 1, "USD": "0.8854"}))
    assert found.unrealized == Decimal("20.775774") == Decimal("24.197982") - Decimal("3.422208")


def test_the_total_gain_is_what_is_there_less_what_was_paid_in():
    found = valued(PORTFOLIO)
    # 676 - 600 = 76; the whole 600 worked on all days: 76 / 600 = 0.12666...
    assert (found.contributed, found.total_gain) == (600, 76)
    assert found.total_return == Decimal("0.126666666666666667")
    assert (found.income, found.charges) == (5, 2)


def test_the_return_is_over_the_capital_that_worked_on_average():
    # 600 for ten days, 400 of it gone for four of them (out at the end of 6 January):
    # (600 x 10 - 400 x 4) / 10 = 440; gain 676 - 200 = 476; 476 / 440 = 1.0818...
    found = valued(replace(PORTFOLIO, totals=paid_in(600, out=400, out_on=date(2024, 1, 6))))
    assert found.total_gain == 476
    assert found.total_return == Decimal("1.081818181818181818")


def test_a_custody_fee_is_always_a_loss():
    # 1000 in and the published 49 of custody, nothing else: -49, which is -4.9 %.
    found = valued(book(cash=amounts(EUR=951), totals=paid_in(1000, charges=49)))
    assert (found.total_gain, found.charges, found.total_return) == (-49, 49, Decimal("-0.049"))


def test_the_day_changes_by_prices_and_rates():
    found = valued(PORTFOLIO)
    # Yesterday: 10 x 11 x 0.9 + 500 + 100 x 0.9 = 99 + 590 = 689; 676 - 689 = -13.
    assert found.day_change == -13
    # -13 / 689 = -0.018867924528301886792...
    assert found.day_change_ratio == Decimal("-0.018867924528301887")


def test_a_deposit_and_a_withdrawal_are_no_change_of_the_day():
    # Today 250 EUR came in and 100 USD went out, so yesterday's cash was 250 EUR and 200 USD:
    # 99 + 250 + 200 x 0.9 = 529. Flow 250 - 100 x 0.8 = 170. 676 - 529 - 170 = -23.
    found = valued(
        replace(
            PORTFOLIO,
            previous_cash=amounts(EUR=250, USD=200),
            day_inflow=amounts(EUR=250),
            day_outflow=amounts(USD=100),
        )
    )
    assert found.day_change == -23
    # -23 / (529 + 250) = -0.029525032092426187...
    assert found.day_change_ratio == Decimal("-0.029525032092426187")


def test_units_bought_today_gain_from_what_was_paid():
    # Bought today: 10 at 11.50 = 115 USD of cash, now 12. Yesterday: 215 USD x 0.9 + 500 = 693.5.
    bought = replace(ACME, previous_quantity=Decimal(0), previous_price=None)
    found = valued(replace(PORTFOLIO, held=(bought,), previous_cash=amounts(EUR=500, USD=215)))
    assert found.day_change == Decimal("-17.5")  # 676 - 693.5
    assert found.missing == ()


def test_the_first_deposit_changes_no_day_and_starts_the_capital():
    today = {"first_day": DAY, "previous_cash": {}, "day_inflow": amounts(EUR=100)}
    found = valued(book(cash=amounts(EUR=110), totals=paid_in(100, on=DAY), **today))
    # 110 - 0 - 100 = 10, on 100 that came in: 10 is 10 %.
    assert (found.day_change, found.day_change_ratio) == (10, Decimal("0.1"))
    assert found.total_return == Decimal("0.1")


def test_a_short_lessens_the_value():
    # 60 came in, 15 to buy back: -15 and 60 in cash, unrealised -15 - (-60) = 45.
    short = held("S", -1, price=15, previous=20, cost=-60, currency="EUR")
    found = valued(book(short, cash=amounts(EUR=60)))
    assert (found.value, found.market_value, found.invested, found.unrealized) == (45, -15, -60, 45)
    # Yesterday 60 - 20 = 40; 45 - 40 = 5.
    assert found.day_change == 5


def test_another_report_currency_converts_past_sums_at_todays_rate():
    # In dollars: 1 EUR = 1.25 USD today, 1.2 yesterday.
    at = rates({"EUR": "1.25", "USD": 1}, {"EUR": "1.2", "USD": 1})
    found = valued(PORTFOLIO, at=at, currency="USD")
    # 120; 500 x 1.25 + 100 = 725; 845. Invested 90 x 1.25 = 112.5, unrealised 7.5.
    assert (found.currency, found.market_value, found.cash, found.value) == ("USD", 120, 725, 845)
    assert (found.invested, found.unrealized) == (Decimal("112.5"), Decimal("7.5"))
    # 20, 5, 2 and 600 x 1.25; 845 - 750 = 95.
    assert (found.realized, found.income, found.charges) == (25, Decimal("6.25"), Decimal("2.5"))
    assert (found.contributed, found.total_gain) == (750, 95)
    # 845 - (110 + 500 x 1.2 + 100) = 35; 95 / 750 is the same return as in euros.
    assert found.day_change == 35
    assert found.total_return == valued(PORTFOLIO).total_return


def test_a_missing_price_makes_the_value_null_and_is_named():
    found = valued(replace(PORTFOLIO, held=(replace(ACME, price=None),)))
    assert found.missing == (Missing(figure="value", reason=Reason.NO_PRICE, about="ACME"),)
    nulls = (found.value, found.market_value, found.unrealized, found.total_gain)
    assert nulls == (None,) * 4
    assert (found.total_return, found.day_change, found.day_change_ratio) == (None,) * 3
    # What does not rest on it stays.
    assert (found.cash, found.invested, found.realized) == (580, 90, 20)


def test_a_missing_previous_price_only_leaves_the_day_change_null():
    found = valued(replace(PORTFOLIO, held=(replace(ACME, previous_price=None),)))
    assert found.missing == (
        Missing(figure="dayChange", reason=Reason.NO_PREVIOUS_PRICE, about="ACME"),
    )
    assert (found.day_change, found.day_change_ratio) == (None, None)
    assert found.value == 676


def test_a_closed_position_needs_neither_price_nor_rate():
    closed = held("OLD", 0, price=None, previous=None, cost=0, currency="JPY", realized_base=7)
    found = valued(replace(PORTFOLIO, held=(ACME, closed)))
    # 20 + 7 = 27
    assert (found.value, found.realized, found.missing) == (676, 27, ())


def test_a_missing_rate_of_today_is_named_once_by_its_currency():
    found = valued(PORTFOLIO, at=rates({"EUR": 1, "USD": None}))
    assert found.missing == (Missing(figure="value", reason=Reason.NO_RATE, about="USD"),)
    assert (found.value, found.cash, found.market_value, found.day_change) == (None,) * 4
    assert found.invested == 90


def test_a_missing_rate_of_yesterday_leaves_the_day_change_null_and_is_named():
    found = valued(PORTFOLIO, at=rates({"EUR": 1, "USD": "0.8"}, {"EUR": 1}))
    assert found.missing == (Missing(figure="dayChange", reason=Reason.NO_RATE, about="USD"),)
    assert (found.day_change, found.day_change_ratio) == (None, None)
    assert found.value == 676


def test_a_withdrawal_at_an_unknown_rate_leaves_the_day_change_null_and_is_named():
    # All 30 GBP were taken out today; their rate is known for yesterday only.
    found = valued(
        book(
            cash=amounts(EUR=500, GBP=0),
            previous_cash=amounts(EUR=500, GBP=30),
            day_outflow=amounts(GBP=30),
        ),
        at=rates({"EUR": 1, "GBP": None}, {"EUR": 1, "GBP": "1.2"}),
    )
    assert found.value == 500
    assert found.day_change is None
    assert Missing(figure="dayChange", reason=Reason.NO_RATE, about="GBP") in found.missing


def test_without_a_rate_for_the_base_currency_past_sums_are_null():
    found = valued(
        replace(PORTFOLIO, cash=amounts(USD=100), previous_cash=amounts(USD=100)),
        at=rates({"EUR": None, "USD": 1}),
        currency="USD",
    )
    assert found.missing == (Missing(figure="value", reason=Reason.NO_RATE, about="EUR"),)
    # 120 + 100 = 220 needs no euros.
    assert found.value == 220
    assert (found.invested, found.realized, found.contributed, found.total_return) == (None,) * 4


@pytest.mark.parametrize("figure", ["cost_base", "realized_base"])
def test_a_trade_at_an_unknown_rate_leaves_gains_null_and_is_named(figure):
    found = valued(replace(PORTFOLIO, held=(replace(ACME, **{figure: None}),)))
    assert found.missing == (Missing(figure="invested", reason=Reason.NO_RATE, about="ACME"),)
    assert (found.invested is None) is (figure == "cost_base")
    assert (found.unrealized is None) is (figure == "cost_base")
    assert (found.realized is None) is (figure == "realized_base")
    assert found.value == 676


def test_a_missing_acquisition_leaves_gains_null_and_is_named_as_what_it_is():
    found = valued(
        replace(PORTFOLIO, held=(replace(ACME, missing=Decimal(3), realized_base=None),))
    )
    assert found.missing == (
        Missing(figure="realizedGain", reason=Reason.MISSING_ACQUISITION, about="ACME"),
    )
    assert (found.realized, found.total_gain, found.total_return) == (None,) * 3
    # What is there is worth what it is worth.
    assert (found.value, found.invested, found.unrealized, found.contributed) == (676, 90, 6, 600)


def test_a_flow_at_an_unknown_rate_leaves_sums_and_returns_null():
    found = valued(replace(PORTFOLIO, totals=paid_in(600, unrated=1)))
    assert found.missing == (Missing(figure="totalGain", reason=Reason.NO_RATE),)
    nulls = (found.contributed, found.total_gain, found.total_return, found.income, found.charges)
    assert nulls == (None,) * 5
    assert found.value == 676


NO_CAPITAL = Missing(figure="totalReturn", reason=Reason.NO_CAPITAL)


def test_an_empty_portfolio_is_worth_nothing_and_has_no_return():
    found = valued(book(first_day=None), at=rates({"EUR": 1}))
    assert (found.value, found.total_gain, found.day_change) == (0, 0, 0)
    assert (found.total_return, found.day_change_ratio) == (None, None)
    assert found.missing == (NO_CAPITAL,)


def test_a_return_on_nothing_or_less_is_no_number():
    nothing_in = valued(book(cash=amounts(EUR=5)))
    # 10 in and 100 out long ago: (10 x 10 - 100 x 9) / 10 = -80.
    more_out = valued(book(cash=amounts(EUR=5), totals=paid_in(10, out=100, out_on=FIRST)))
    assert (nothing_in.total_gain, more_out.total_gain) == (5, 95)
    for found in (nothing_in, more_out):
        assert found.total_return is None
        assert found.missing == (NO_CAPITAL,)


numbers = st.decimals(min_value=-(10**6), max_value=10**6, places=4)
prices = st.decimals(min_value="0.01", max_value=10**4, places=3)
holdings = st.builds(
    lambda quantity, price, previous, cost, before: held(
        "X", quantity, price=price, previous=previous, cost=cost, previous_quantity=before
    ),
    numbers,
    prices,
    prices,
    numbers,
    numbers,
)
balances = st.fixed_dictionaries({"EUR": numbers, "USD": numbers})


@given(st.lists(holdings, max_size=5), balances, balances)
def test_value_is_cash_plus_market_value_and_gain_is_value_less_cost(positions, cash, before):
    found = valued(book(*positions, cash=cash, previous_cash=before))
    assert found.value == found.cash + found.market_value
    assert found.unrealized == found.market_value - found.invested


@given(st.lists(holdings, max_size=5), balances, st.decimals(0, 10**6, places=2))
def test_paying_in_or_out_today_never_changes_the_days_gain(positions, cash, amount):
    still = valued(book(*positions, cash=cash))
    more = cash | {"EUR": cash["EUR"] + amount}
    into = valued(book(*positions, cash=more, previous_cash=cash, day_inflow={"EUR": amount}))
    out = valued(book(*positions, cash=cash, previous_cash=more, day_outflow={"EUR": amount}))
    assert still.day_change == into.day_change == out.day_change
