"""Plans that bring weights to their targets, to the last digit and within their constraints."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import Amounts, Method
from analytics.holdings import Lot
from analytics.money import EXACT, total
from analytics.rebalancing import Asset, Constraints, rebalance

D = Decimal
HALF = {"shares": D("0.5"), "bonds": D("0.5")}


def asset(number, key, units, price, *, costs=()):
    lots = tuple(
        Lot(
            fill_id=place,
            opened_at=datetime(2020, 1, 1 + place, tzinfo=UTC),
            quantity=D(many),
            paid=Amounts(own=D(cost), base=None if D(cost) < 0 else D(cost)),
        )
        for place, (many, cost) in enumerate(costs)
    )
    return Asset(id=number, key=key, units=D(units), price=D(price), lots=lots)


SHARES, BONDS = asset(1, "shares", 70, 10), asset(2, "bonds", 3, 100)


def traded(plan):
    return {order.asset.id: order.units for order in plan.orders}


def test_what_is_too_much_is_sold_for_what_is_too_little():
    plan = rebalance([SHARES, BONDS], HALF)
    assert traded(plan) == {1: D(-20), 2: D(2)}
    assert plan.cash == 0
    assert [(one.key, one.before, one.after, one.exact) for one in plan.reached] == [
        ("shares", D("0.7"), D("0.5"), True),
        ("bonds", D("0.3"), D("0.5"), True),
    ]


def test_new_cash_alone_goes_where_most_is_missing():
    plan = rebalance([SHARES, BONDS], HALF, cash=D(200), constraints=Constraints(sells=False))
    assert traded(plan) == {2: D(2)}
    assert [one.exact for one in plan.reached] == [False, False]
    enough = rebalance([SHARES, BONDS], HALF, cash=D(1000), constraints=Constraints(sells=False))
    assert traded(enough) == {1: D(30), 2: D(7)}
    assert [one.exact for one in enough.reached] == [True, True]


def test_cash_that_is_short_is_shared_by_what_is_missing():
    others = [asset(1, "A", 80, 1), asset(2, "B", 10, 1), asset(3, "C", 0, 1)]
    targets = {"A": D("0.4"), "B": D("0.4"), "C": D("0.2")}
    plan = rebalance(others, targets, cash=D(10), constraints=Constraints(sells=False))
    # Of 100 wanted 40, 40, 20: 30 and 20 are missing, 10 are there.
    assert traded(plan) == {2: D(6), 3: D(4)}


def test_money_taken_out_is_raised_by_sales():
    plan = rebalance([SHARES, BONDS], HALF, cash=D(-200))
    assert traded(plan) == {1: D(-30), 2: D(1)}
    assert plan.cash == 0


def test_whole_units_round_down_and_leave_cash():
    plan = rebalance(
        [asset(1, "shares", 7, 30), asset(2, "bonds", 1, 70)],
        HALF,
        cash=D(20),
        constraints=Constraints(whole_units=True),
    )
    # 150 each: shares 60 too much is two units; bonds 80 too little is one.
    assert traded(plan) == {1: D(-2), 2: D(1)}
    assert plan.cash == D(20) + 60 - 70


def test_purchases_shrink_to_what_rounded_sales_bring():
    plan = rebalance(
        [asset(1, "shares", 10, 100), asset(2, "bonds", 0, 1)],
        {"shares": D("0.75"), "bonds": D("0.25")},
        constraints=Constraints(whole_units=True),
    )
    # 250 too much is two units of 100: no more than 200 of bonds, less what rounding might take.
    assert traded(plan) == {1: D(-2), 2: D(199)}
    assert plan.cash == 1


def test_trades_below_the_minimum_are_left_out():
    plan = rebalance([SHARES, BONDS], HALF, constraints=Constraints(minimum=D(201)))
    assert plan.orders == ()
    assert rebalance([SHARES, BONDS], HALF, constraints=Constraints(minimum=D(200))).orders


@pytest.mark.parametrize(
    ("method", "realized"), [(Method.FIFO, 150), (Method.LIFO, 50), (Method.AVERAGE, 100)]
)
def test_a_sale_tells_the_gain_and_the_tax_by_the_lot_method(method, realized):
    held = asset(1, "shares", 70, 10, costs=[(35, "87.5"), (35, "262.5")])
    terms = Constraints(tax_rate=D("0.25"), method=method)
    plan = rebalance([held, BONDS], HALF, constraints=terms)
    sale = plan.orders[0]
    # 20 units for 200; those of the first lot cost 2.50 each, of the second 7.50.
    assert (sale.units, sale.realized, sale.tax) == (D(-20), D(realized), D(realized) / 4)
    assert plan.tax == D(realized) / 4


def test_an_unknown_cost_leaves_gain_and_tax_unknown():
    for costs in ([(70, -1)], []):
        plan = rebalance([asset(1, "shares", 70, 10, costs=costs), BONDS], HALF)
        assert (plan.orders[0].realized, plan.orders[0].tax, plan.tax) == (None, None, None)


def test_within_a_key_money_goes_by_what_is_held_or_evenly():
    held = [asset(1, "A", 30, 1), asset(2, "A", 10, 1), asset(3, "B", 0, 1), asset(4, "B", 0, 2)]
    plan = rebalance(held, {"A": D("0.5"), "B": D("0.5")})
    assert traded(plan) == {1: D(-15), 2: D(-5), 3: D(10), 4: D(5)}


def test_targets_that_are_no_shares_of_the_whole_are_refused():
    for targets in ({"shares": D("1.1")}, {"shares": D("-0.1")}, {"gold": D("0.1")}):
        with pytest.raises(ValueError, match=r"fractions|nothing to buy"):
            rebalance([SHARES, BONDS], targets)
    assert rebalance([SHARES, BONDS], HALF | {"gold": D(0)}).orders


@settings(max_examples=60, deadline=None)
@given(
    held=st.lists(
        st.tuples(st.integers(0, 500), st.decimals("0.01", 900, places=2)), min_size=2, max_size=6
    ),
    shares=st.lists(st.integers(1, 9), min_size=6, max_size=6),
    cash=st.decimals(0, 5000, places=2),
    whole=st.booleans(),
    sells=st.booleans(),
)
def test_a_plan_never_spends_more_than_there_is_nor_sells_more_than_is_held(
    held, shares, cash, whole, sells
):
    assets = [asset(place, place, units, price) for place, (units, price) in enumerate(held)]
    used = shares[: len(assets)]
    targets = {place: D(share) / sum(used) / D("1.0000001") for place, share in enumerate(used)}
    constraints = Constraints(whole_units=whole, sells=sells)
    plan = rebalance(assets, targets, cash=cash, constraints=constraints)
    assert plan.cash >= -D("1e-12")
    spent = total(order.amount for order in plan.orders)
    assert EXACT.add(plan.cash, spent) == cash
    for order in plan.orders:
        assert order.units >= -order.asset.units - D("1e-15")
        assert sells or order.units > 0
        assert not whole or order.units == order.units.to_integral_value()
