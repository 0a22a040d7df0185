"""Plans that bring currencies to their targets, by hand and as properties."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.conversions import Purse, rebalance_currencies
from analytics.money import EXACT, total
from analytics.rebalancing import Asset, Constraints, Fees, Hindrance

D = Decimal
CENT = D("0.01")
EUROS = D("1.25")  # what one is worth, in dollars


def asset(number, key, units, price):
    return Asset(id=number, shares={key: D(1)}, units=D(units), price=D(price))


def purse(key, cash, rate="1", unit="0.01"):
    return Purse(key=key, cash=D(cash), rate=D(rate), unit=D(unit))


def planned(assets, *, dollars, euros, usd, flow="0", others=(), kept=None, **terms):
    """Plan in dollars; what dollars leave is meant for euros."""
    return rebalance_currencies(
        assets,
        {"USD": D(usd), "EUR": 1 - D(usd)},
        purses=[purse("USD", dollars), purse("EUR", euros, EUROS), *others],
        home="USD",
        flow=D(flow),
        kept=kept,
        constraints=Constraints(**terms),
    )


def converted(conversions):
    return [
        (one.source.key, f"{one.sold:.2f}", one.target.key, f"{one.bought:.2f}")
        for one in conversions
    ]


def traded(plan):
    return {order.asset.id: order.amount for order in plan.orders}


def gaps(plan):
    return {one.keys[0]: (one.amount, one.hindrance) for one in plan.gaps}


# 600 in dollar shares, 250 in euro shares, 150 in dollars: 1,000.
HELD = [asset(1, "USD", 10, 60), asset(2, "EUR", 8, "31.25")]
START = {"dollars": "150", "euros": "0"}


def test_cash_is_converted_first():
    plan, conversions = planned(HELD, **START, usd="0.65")
    # 750 are to be 650: 100 dollars are 80 euros.
    assert converted(conversions) == [("USD", "100.00", "EUR", "80.00")]
    assert (plan.orders, plan.gaps, plan.cash, plan.fees) == ((), (), D(150), 0)
    assert {one.key: (one.value, one.exact) for one in plan.reached} == {
        "USD": (D(650), True),
        "EUR": (D(350), True),
    }


def test_where_cash_is_short_instruments_are_sold_and_others_bought_for_what_that_brings():
    plan, conversions = planned(HELD, **START, usd="0.5")
    # 250 have to go: 150 in cash, and 100 of shares, which buy shares again.
    assert converted(conversions) == [("USD", "250.00", "EUR", "200.00")]
    assert traded(plan) == {1: D(-100), 2: D(100)}
    assert (plan.cash, plan.gaps) == (D(150), ())


def test_without_sales_cash_alone_is_converted():
    plan, conversions = planned(HELD, **START, usd="0.5", sells=False)
    assert converted(conversions) == [("USD", "150.00", "EUR", "120.00")]
    assert gaps(plan) == {"USD": (D(-100), Hindrance.NO_SALES), "EUR": (D(100), Hindrance.NO_CASH)}


def test_fees_are_taken_from_what_is_given():
    fees = Fees(each=D(1), rate=D("0.01"))
    plan, (one,) = planned(HELD, **START, usd="0.65", fees=fees)
    assert (one.sold, one.fee, one.bought) == (D(100), D(2), D("78.4"))
    assert (plan.cash, plan.fees) == (D(148), D(2))
    assert gaps(plan) == {"EUR": (D(2), Hindrance.NO_CASH)}


def test_what_is_smaller_than_the_least_is_left_out():
    plan, conversions = planned(HELD, **START, usd="0.65", minimum=D(101))
    assert (plan.orders, conversions) == ((), ())
    assert gaps(plan) == {
        "USD": (D(-100), Hindrance.BELOW_MINIMUM),
        "EUR": (D(100), Hindrance.BELOW_MINIMUM),
    }
    # 250 are enough to convert; the 100 in shares that they take are too little to sell.
    plan, conversions = planned(HELD, **START, usd="0.5", minimum=D(101))
    assert converted(conversions) == [("USD", "150.00", "EUR", "120.00")]
    assert gaps(plan)["USD"] == (D(-100), Hindrance.BELOW_MINIMUM)


def test_whole_units_are_rounded_down():
    plan, conversions = planned(HELD, **START, usd="0.5", whole_units=True)
    # One share of 60 is sold, with 150 that is 210; of the 60 one share of 31.25 is bought.
    assert converted(conversions) == [("USD", "210.00", "EUR", "168.00")]
    assert traded(plan) == {1: D(-60), 2: D("31.25")}
    assert gaps(plan)["USD"] == (D(-40), Hindrance.WHOLE_UNITS)


def test_what_is_taken_out_is_raised_by_sales_where_conversions_do_not_bring_it():
    plan, conversions = planned(HELD, **START, usd="0.7", flow="-500")
    # Of 500 dollars are to be 350: they are 250, so euro shares of 100 go; that leaves 250 to raise.
    assert converted(conversions) == [("EUR", "80.00", "USD", "100.00")]
    assert traded(plan) == {1: D(-250), 2: D(-100)}
    assert (plan.cash, plan.gaps) == (D(0), ())


def test_what_cannot_be_raised_without_sales_is_told():
    plan, _ = planned(HELD, **START, usd="0.7", flow="-500", sells=False)
    assert plan.cash == D(-350)
    assert gaps(plan)["USD"] == (D(-350), Hindrance.NO_SALES)


def test_new_money_goes_to_the_currency_that_lacks_it():
    plan, conversions = planned(HELD, **START, usd="0.5", flow="500")
    # Of 1,500 each is to be 750: dollars are with the new money 1,250.
    assert converted(conversions) == [("USD", "500.00", "EUR", "400.00")]
    assert (plan.orders, plan.cash) == ((), D(650))


def test_a_debt_is_paid_by_a_conversion():
    plan, conversions = planned([HELD[0]], dollars="600", euros="-80", usd="0.9")
    # 1,200 less 100: euros are to be 110.
    assert converted(conversions) == [("USD", "210.00", "EUR", "168.00")]
    assert (plan.orders, plan.cash) == ((), D(500))


def test_a_currency_without_a_rate_gets_nothing():
    plan, conversions = rebalance_currencies(
        HELD,
        {"USD": D("0.65"), "EUR": D("0.25"), "XXX": D("0.1")},
        purses=[purse("USD", "150"), purse("EUR", "0", EUROS)],
        home="USD",
    )
    assert (plan.orders, conversions) == ((), ())
    assert gaps(plan) == {"USD": (D(-100), Hindrance.NO_RATE), "XXX": (D(100), Hindrance.NO_RATE)}


def test_a_currency_that_is_not_there_yet_is_converted_to_in_its_own_units():
    plan, conversions = rebalance_currencies(
        HELD,
        {"USD": D("0.65"), "EUR": D("0.25"), "JPY": D("0.1")},
        purses=[purse("USD", "150"), purse("EUR", "0", EUROS), purse("JPY", "0", "0.007", "1")],
        home="USD",
    )
    # 100 / 0.007 = 14,285.7: there is no part of a yen.
    assert converted(conversions) == [("USD", "100.00", "JPY", "14285.00")]
    assert plan.gaps == ()
    assert plan.cash == D(50) + D("99.995")


def test_shorts_count_and_are_left_alone():
    plan, conversions = planned(HELD, **START, usd="0.5", kept={"EUR": D(-100)})
    # Of 900 each is to be 450: dollars are 750.
    assert converted(conversions) == [("USD", "300.00", "EUR", "240.00")]
    assert traded(plan) == {1: D(-150), 2: D(150)}


def test_targets_that_are_not_one_together_are_refused():
    for targets in ({"USD": D("0.9")}, {"USD": D("1.5"), "EUR": D("-0.5")}, {}):
        with pytest.raises(ValueError, match="one together"):
            rebalance_currencies(HELD, targets, purses=[purse("USD", "150")], home="USD")


NAMES = ("USD", "EUR", "JPY", "CHF")
RATES = {"USD": D(1), "EUR": D("1.25"), "JPY": D("0.0067"), "CHF": D("1.13")}
UNITS = {"JPY": D(1)}


@settings(max_examples=150, deadline=None)
@given(
    cash=st.lists(st.decimals(0, 5000, places=2), min_size=4, max_size=4),
    units=st.lists(st.integers(0, 100), min_size=4, max_size=4),
    prices=st.lists(st.decimals("0.5", 300, places=2), min_size=4, max_size=4),
    shares=st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any),
    flow=st.integers(-300, 3000),
    whole=st.booleans(),
    sells=st.booleans(),
    fee=st.sampled_from([("0", "0"), ("1", "0"), ("0", "0.01"), ("2", "0.005")]),
    minimum=st.sampled_from([D(0), D(50)]),
)
def test_proposals_add_up_and_never_give_more_than_there_is(
    cash, units, prices, shares, flow, whole, sells, fee, minimum
):
    purses = [
        purse(
            name, EXACT.quantize(amount, UNITS.get(name, CENT)), RATES[name], UNITS.get(name, CENT)
        )
        for name, amount in zip(NAMES, cash, strict=True)
    ]
    assets = [
        asset(place, name, many, price)
        for place, (name, many, price) in enumerate(zip(NAMES, units, prices, strict=True))
    ]
    parts = [EXACT.quantize(D(share) / sum(shares), D("0.000001")) for share in shares]
    parts[shares.index(max(shares))] += 1 - sum(parts)
    targets = dict(zip(NAMES, parts, strict=True))
    there = total(EXACT.multiply(one.cash, one.rate) for one in purses)
    if there + flow < 0:
        flow = 0
    terms = Constraints(
        whole_units=whole, sells=sells, minimum=minimum, fees=Fees(each=D(fee[0]), rate=D(fee[1]))
    )
    plan, conversions = rebalance_currencies(
        assets, targets, purses=purses, home="USD", flow=D(flow), constraints=terms
    )
    # What is given is what is bought, the fee, and less than a unit of what is bought.
    lost = [
        EXACT.subtract(one.amount - one.fee, EXACT.multiply(one.bought, one.target.rate))
        for one in conversions
    ]
    for one, rest in zip(conversions, lost, strict=True):
        assert 0 <= rest < one.target.unit * one.target.rate
        assert one.amount == EXACT.multiply(one.sold, one.source.rate)
        assert one.sold % one.source.unit == one.bought % one.target.unit == 0
        assert one.amount >= minimum
    # All proposals together change nothing but the fees and what is rounded.
    traded_ = total(order.amount for order in plan.orders)
    assert plan.cash == EXACT.subtract(there + flow, total([traded_, plan.fees, *lost]))
    after = total(one.value for one in plan.reached)
    assert after == EXACT.subtract(
        total([there, D(flow), *(one.value for one in assets)]), total([plan.fees, *lost])
    )
    bought = {order.asset.id for order in plan.orders if order.amount > 0}
    for order in plan.orders:
        assert order.units >= -order.asset.units
        assert sells or order.units > 0
        assert abs(order.amount) >= minimum
        assert not whole or order.units == order.units.to_integral_value()
    # Nothing is bought with what is not there: no purse ends below zero that need not.
    for one in purses:
        moved = total(
            [
                one.value,
                D(flow) if one.key == "USD" else D(0),
                *(-each.amount for each in conversions if each.source is one),
                *(
                    EXACT.multiply(each.bought, one.rate)
                    for each in conversions
                    if each.target is one
                ),
                *(
                    -order.amount - order.fee
                    for order in plan.orders
                    if one.key in order.asset.shares
                ),
            ]
        )
        home = one.key == "USD" and flow < 0
        assert moved >= -D("1e-12") or home
    assert {each.source.key for each in conversions}.isdisjoint(
        each.target.key for each in conversions
    )
    assert len(bought) <= len(assets)
