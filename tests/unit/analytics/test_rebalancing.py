"""Plans that bring weights to their targets, to the last digit and within their constraints."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import Amounts, Method
from analytics.holdings import Lot
from analytics.money import EXACT, total
from analytics.rebalancing import Asset, Constraints, Fees, Hindrance, rebalance

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
    shares = key if isinstance(key, dict) else {key: D(1)}
    return Asset(id=number, shares=shares, units=D(units), price=D(price), lots=lots)


SHARES, BONDS = asset(1, "shares", 70, 10), asset(2, "bonds", 3, 100)


def gaps(plan):
    return {
        (*one.keys, None if one.asset is None else one.asset.id): (one.amount, one.hindrance)
        for one in plan.gaps
    }


def traded(plan):
    return {order.asset.id: order.units for order in plan.orders}


def test_what_is_too_much_is_sold_for_what_is_too_little():
    plan = rebalance([SHARES, BONDS], HALF)
    assert traded(plan) == {1: D(-20), 2: D(2)}
    assert plan.cash == 0
    assert [(one.key, one.value, one.exact) for one in plan.reached] == [
        ("shares", D(500), True),
        ("bonds", D(500), True),
    ]
    assert (plan.gaps, plan.fees) == ((), 0)


def test_new_cash_alone_goes_where_most_is_missing():
    plan = rebalance([SHARES, BONDS], HALF, cash=D(200), constraints=Constraints(sells=False))
    assert traded(plan) == {2: D(2)}
    assert [one.exact for one in plan.reached] == [False, False]
    # Of 1,200 each should have 600.
    assert gaps(plan) == {
        ("shares", 1): (D(-100), Hindrance.NO_SALES),
        ("bonds", 2): (D(100), Hindrance.NO_CASH),
    }
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
    assert gaps(plan) == {("bonds", 2): (D(10), Hindrance.WHOLE_UNITS)}


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
    assert gaps(plan) == {
        ("shares", 1): (D(-200), Hindrance.BELOW_MINIMUM),
        ("bonds", 2): (D(200), Hindrance.BELOW_MINIMUM),
    }
    assert rebalance([SHARES, BONDS], HALF, constraints=Constraints(minimum=D(200))).orders


def test_less_than_one_unit_is_no_trade_too_small():
    held = [asset(1, "shares", 7, 10), asset(2, "bonds", 0, 100)]
    terms = Constraints(whole_units=True, minimum=D(20))
    plan = rebalance(held, HALF, constraints=terms)
    # 35 each: three shares of 10 are sold, and no bond of 100 can be bought.
    assert traded(plan) == {1: D(-3)}
    assert gaps(plan) == {
        ("shares", 1): (D(-5), Hindrance.WHOLE_UNITS),
        ("bonds", 2): (D(35), Hindrance.WHOLE_UNITS),
    }


def test_what_is_kept_counts_and_is_not_traded():
    plan = rebalance([SHARES], {"shares": D("0.5")}, kept={"shares": D(200), "gold": D(100)})
    # Of 1,000 in all 500 are to be shares: 400 of the 900 go.
    assert traded(plan) == {1: D(-40)}
    assert {one.key: one.value for one in plan.reached} == {"shares": D(500), "gold": D(100)}
    assert gaps(plan) == {("gold", None): (D(-100), Hindrance.NOT_TRADED)}
    none = rebalance([SHARES], {}, kept={"shares": D(200)})
    assert traded(none) == {1: D(-70)}
    assert gaps(none) == {("shares", None): (D(-200), Hindrance.NOT_TRADED)}


def test_assets_split_over_keys_reach_all_targets_at_once():
    both = asset(2, {"core": D("0.5"), "play": D("0.5")}, 4, 100)
    plan = rebalance([asset(1, "core", 60, 10), both], {"core": D("0.7"), "play": D("0.3")})
    # 800 and 200 are to be 700 and 300: half of what is bought of the second is play's 100.
    assert {one.asset.id: float(one.amount) for one in plan.orders} == pytest.approx(
        {1: -200, 2: 200}
    )
    assert all(one.exact for one in plan.reached)
    assert (plan.gaps, float(plan.cash)) == ((), pytest.approx(0, abs=1e-5))


def test_what_cannot_reach_all_targets_comes_as_near_as_it_can():
    both = asset(1, {"core": D("0.5"), "play": D("0.5")}, 10, 100)
    plan = rebalance([both], {"core": D("0.6"), "play": D("0.4")})
    assert plan.orders == ()
    assert gaps(plan) == {
        ("core", None): (D(100), Hindrance.SPLIT),
        ("play", None): (D(-100), Hindrance.SPLIT),
    }
    # With 1,000 more they are to have 1,200 and 800, so 700 and 300 more: half of 1,000 is between.
    more = rebalance([both], {"core": D("0.6"), "play": D("0.4")}, cash=D(1000))
    assert traded(more) == {1: D(10)}


def test_no_more_of_what_is_split_is_sold_than_there_is():
    both = asset(1, {"core": D("0.5"), "play": D("0.5")}, 1, 100)
    plan = rebalance([both, asset(2, "core", 9, 100)], {"core": D("0.1")})
    assert traded(plan) == {1: D(-1), 2: D(-8)}
    assert [one.exact for one in plan.reached] == [True, True]
    less = rebalance([both], {}, kept={"core": D(100), "play": D(100)})
    assert traded(less) == {1: D(-1)}


@settings(max_examples=60, deadline=None)
@given(
    held=st.lists(
        st.tuples(st.integers(0, 500), st.decimals("0.01", 900, places=2), st.integers(0, 10)),
        min_size=1,
        max_size=6,
    ),
    core=st.integers(0, 10),
    cash=st.integers(0, 5000),
    sells=st.booleans(),
)
def test_what_is_split_is_never_sold_short_nor_bought_with_what_is_not_there(
    held, core, cash, sells
):
    assets = [
        asset(place, {"core": D(part) / 10, "play": 1 - D(part) / 10}, units, price)
        for place, (units, price, part) in enumerate(held)
    ]
    targets = {"core": D(core) / 10, "play": 1 - D(core) / 10}
    plan = rebalance(assets, targets, cash=D(cash), constraints=Constraints(sells=sells))
    assert plan.cash >= -D("1e-12")
    for order in plan.orders:
        assert order.units >= -order.asset.units - D("1e-15")
        assert sells or order.units > 0


def test_what_becomes_of_an_aimless_key_does_not_matter():
    part = asset(1, {"core": D("0.5"), None: D("0.5")}, 10, 100)
    plan = rebalance([part], {"core": D("0.25")}, aimless=[None])
    assert traded(plan) == {1: D(-5)}
    assert gaps(plan) == {(None, None): (D(-250), Hindrance.NOT_TRADED)}
    wholly = rebalance([asset(1, None, 10, 100)], {"core": D(0)}, aimless=[None])
    assert wholly.orders == ()
    short = rebalance(
        [part], {"core": D("0.25")}, aimless=[None], constraints=Constraints(sells=False)
    )
    assert gaps(short) == {
        (None, None): (D(-250), Hindrance.NOT_TRADED),
        ("core", None, 1): (D(-500), Hindrance.NO_SALES),
    }


def test_fees_come_out_of_the_cash_and_of_what_sales_bring():
    terms = Constraints(fees=Fees(each=D(1), rate=D("0.01")))
    held = asset(1, "shares", 70, 10, costs=[(70, 350)])
    plan = rebalance([held, BONDS], HALF, constraints=terms)
    sale, purchase = plan.orders
    # 200 are sold for 1 + 2, which leaves 197: 1 + 1.01 x 194.059405… = 197.
    assert (sale.amount, sale.fee, sale.realized) == (D(-200), D(3), D(200 - 3 - 100))
    assert float(purchase.amount) == pytest.approx(196 / 1.01)
    assert float(plan.cash) == pytest.approx(0, abs=1e-12)
    assert plan.cash >= 0
    assert float(plan.fees) == pytest.approx(3 + 197 - 196 / 1.01)
    ((_, (left, hindrance)),) = gaps(plan).items()
    assert (float(left), hindrance) == (pytest.approx(200 - 196 / 1.01), Hindrance.NO_CASH)


def test_a_purchase_that_fees_make_too_small_is_left_out():
    terms = Constraints(minimum=D(200), fees=Fees(each=D(1)))
    plan = rebalance([SHARES, BONDS], HALF, constraints=terms)
    assert traded(plan) == {1: D(-20)}
    assert (plan.cash, gaps(plan)) == (D(199), {("bonds", 2): (D(200), Hindrance.NO_CASH)})


def test_money_that_cannot_be_raised_is_told_by_the_cash():
    plan = rebalance([BONDS], {"bonds": D(1)}, cash=D(-400))
    assert (traded(plan), plan.cash) == ({2: D(-3)}, D(-100))


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
    for targets in ({"shares": D("1.1")}, {"shares": D("-0.1")}):
        with pytest.raises(ValueError, match="fractions"):
            rebalance([SHARES, BONDS], targets)


def test_a_target_with_nothing_to_buy_stays_in_cash():
    plan = rebalance([SHARES, BONDS], HALF | {"bonds": D("0.3"), "gold": D("0.2")})
    assert traded(plan) == {1: D(-20)}
    assert (plan.cash, gaps(plan)) == (
        D(200),
        {("gold", None): (D(200), Hindrance.NOTHING_TO_BUY)},
    )


@settings(max_examples=60, deadline=None)
@given(
    held=st.lists(
        st.tuples(st.integers(0, 500), st.decimals("0.01", 900, places=2)), min_size=2, max_size=6
    ),
    shares=st.lists(st.integers(1, 9), min_size=6, max_size=6),
    cash=st.decimals(0, 5000, places=2),
    whole=st.booleans(),
    sells=st.booleans(),
    fee=st.sampled_from(["0", "0.01"]),
)
def test_a_plan_never_spends_more_than_there_is_nor_sells_more_than_is_held(
    held, shares, cash, whole, sells, fee
):
    assets = [asset(place, place, units, price) for place, (units, price) in enumerate(held)]
    used = shares[: len(assets)]
    targets = {place: D(share) / sum(used) / D("1.0000001") for place, share in enumerate(used)}
    fees = Fees(rate=D(fee))
    constraints = Constraints(whole_units=whole, sells=sells, fees=fees)
    plan = rebalance(assets, targets, cash=cash, constraints=constraints)
    assert plan.cash >= -D("1e-12")
    spent = total(EXACT.add(order.amount, order.fee) for order in plan.orders)
    assert EXACT.add(plan.cash, spent) == cash
    for order in plan.orders:
        assert order.units >= -order.asset.units - D("1e-15")
        assert sells or order.units > 0
        assert not whole or order.units == order.units.to_integral_value()
