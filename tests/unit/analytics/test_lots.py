"""Lot matching: worked examples, then what has to hold for any sequence of trades."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.lots import Closing, Fill, Holding, Lot, OversoldError, Side, fold

START = datetime(2024, 1, 1, tzinfo=UTC)


def fill(number, side, quantity, price, *, costs=0, rate=1):
    return Fill(
        id=number,
        at=START + timedelta(days=number),
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        costs=Decimal(costs),
        rate=None if rate is None else Decimal(rate),
    )


def buy(number, quantity, price, **more):
    return fill(number, Side.BUY, quantity, price, **more)


def sell(number, quantity, price, **more):
    return fill(number, Side.SELL, quantity, price, **more)


def decimals(*texts):
    return tuple(Decimal(text) for text in texts)


def test_nothing_was_traded_and_nothing_is_held():
    holding = fold([])
    assert holding == Holding()
    assert (holding.quantity, holding.cost, holding.realized) == decimals(0, 0, 0)
    assert (holding.cost_base, holding.realized_base) == decimals(0, 0)


def test_a_purchase_costs_its_price_and_its_fee():
    # 10 x 5 + 1 = 51
    assert fold([buy(1, 10, 5, costs=1)]).lots == (
        Lot(
            fill_id=1,
            opened_at=START + timedelta(days=1),
            quantity=Decimal(10),
            cost=Decimal(51),
            cost_base=Decimal(51),
        ),
    )


def test_a_sale_brings_its_price_less_its_fee():
    # Cost 10 x 5 + 1 = 51, proceeds 10 x 7 - 2 = 68, gain 68 - 51 = 17.
    holding = fold([buy(1, 10, 5, costs=1), sell(2, 10, 7, costs=2)])
    assert holding.closings == (
        Closing(
            fill_id=2,
            lot_fill_id=1,
            opened_at=START + timedelta(days=1),
            closed_at=START + timedelta(days=2),
            quantity=Decimal(10),
            cost=Decimal(51),
            proceeds=Decimal(68),
            cost_base=Decimal(51),
            proceeds_base=Decimal(68),
        ),
    )
    assert (holding.quantity, holding.cost, holding.realized) == decimals(0, 0, 17)
    assert holding.lots == ()


def test_the_oldest_units_are_sold_first():
    # Lots 10 at 10 and 10 at 20. Of 15 sold at 30: 10 cost 100, 5 cost 100; proceeds 300 and 150.
    # Gain (300 - 100) + (150 - 100) = 250; left are 5 units that cost 100.
    holding = fold([buy(1, 10, 10), buy(2, 10, 20), sell(3, 15, 30)])
    assert [
        (one.lot_fill_id, one.quantity, one.cost, one.proceeds, one.gain)
        for one in holding.closings
    ] == [(1, *decimals(10, 100, 300, 200)), (2, *decimals(5, 100, 150, 50))]
    assert (holding.quantity, holding.cost, holding.realized) == decimals(5, 100, 250)


def test_a_fee_follows_the_units_when_a_part_is_sold():
    # Cost 4 x 25 + 8 = 108, of which a quarter is 27; proceeds 30 - 1 = 29; gain 2; left 81.
    holding = fold([buy(1, 4, 25, costs=8), sell(2, 1, 30, costs=1)])
    assert (holding.realized, holding.cost) == decimals(2, 81)


def test_the_fee_of_a_sale_is_shared_among_the_lots_it_closes():
    # Proceeds 4 x 10 - 2 = 38: three quarters are 28.5, the rest 9.5.
    holding = fold([buy(1, 3, 5), buy(2, 1, 5), sell(3, 4, 10, costs=2)])
    assert [one.proceeds for one in holding.closings] == list(decimals("28.5", "9.5"))


def test_a_third_is_cut_and_the_last_unit_takes_the_rest():
    # 100 / 3 = 33.333333333333333333|3, then 66.666666666666666667 / 2 = 33.3333333333333333335,
    # of which the tie goes to the even 4, and what is left is 33.333333333333333333.
    trades = [buy(1, 3, 30, costs=10), sell(2, 1, 40), sell(3, 1, 40), sell(4, 1, 40)]
    holding = fold(trades)
    assert [one.cost for one in holding.closings] == list(
        decimals("33.333333333333333333", "33.333333333333333334", "33.333333333333333333")
    )
    # 3 x 40 - 100 = 20, to the last digit.
    assert holding.realized == Decimal(20)


def test_a_gain_in_base_takes_each_side_at_the_rate_of_its_own_day():
    # The published example: cost 89.12 at 0.9238 is 82.329056, value 116.45 at 0.8854 is
    # 103.10483; the gain is 20.775774, of which 24.197982 is price and -3.422208 currency.
    holding = fold([buy(1, 1, "89.12", rate="0.9238"), sell(2, 1, "116.45", rate="0.8854")])
    (closing,) = holding.closings
    assert closing.cost_base == Decimal("82.329056")
    assert closing.proceeds_base == Decimal("103.10483")
    assert closing.gain_base == Decimal("20.775774")
    assert closing.gain_base == Decimal("24.197982") - Decimal("3.422208")
    # In its own currency: 116.45 - 89.12 = 27.33
    assert closing.gain == Decimal("27.33")


def test_a_short_sale_opens_a_lot_with_negative_cost():
    # 6 x 10 - 3 = 57 came in, so the cost is -57.
    (lot,) = fold([sell(1, 6, 10, costs=3)], allow_short=True).lots
    assert (lot.quantity, lot.cost, lot.cost_base) == decimals(-6, -57, -57)


def test_buying_back_a_short_gains_what_came_in_less_what_went_out():
    # The published example: 60 in, 15 to buy back, gain 45, which is 75 % of 60.
    holding = fold([sell(1, 1, 60), buy(2, 1, 15)], allow_short=True)
    (closing,) = holding.closings
    assert (closing.quantity, closing.cost, closing.proceeds) == decimals(-1, -60, -15)
    assert closing.gain == Decimal(45)
    assert closing.gain / abs(closing.cost) == Decimal("0.75")


def test_fees_on_both_sides_of_a_short_lessen_its_gain():
    # In: 10 x 10 - 2 = 98. Cover 4 at 8 with 1: 33 out. Cost of the part: 98 x 4/10 = 39.2.
    # Gain 39.2 - 33 = 6.2; left are -6 units at -58.8.
    holding = fold([sell(1, 10, 10, costs=2), buy(2, 4, 8, costs=1)], allow_short=True)
    assert (holding.realized, holding.quantity, holding.cost) == decimals("6.2", -6, "-58.8")


def test_a_sale_across_zero_closes_and_then_opens():
    # Sold 5 at 12 with fee 5: 55, of which 2/5 = 22 close 2 units at 20 (gain 2), and 3/5 = 33
    # open a short of 3.
    holding = fold([buy(1, 2, 10), sell(2, 5, 12, costs=5)], allow_short=True)
    assert holding.realized == Decimal(2)
    assert [(lot.fill_id, lot.quantity, lot.cost) for lot in holding.lots] == [
        (2, *decimals(-3, -33))
    ]


def test_a_purchase_across_zero_closes_and_then_opens():
    # Bought 5 at 12 with fee 5: 65, of which 2/5 = 26 cover 2 units sold for 30 (gain 4), and
    # 3/5 = 39 open 3.
    holding = fold([sell(1, 2, 15), buy(2, 5, 12, costs=5)], allow_short=True)
    assert (holding.realized, holding.quantity, holding.cost) == decimals(4, 3, 39)


def test_selling_more_than_is_held_is_refused_with_what_is_missing():
    trades = [buy(1, 3, 10), buy(2, 4, 10), sell(3, 9, 10)]
    with pytest.raises(OversoldError, match=r"^fill 3 sells 9 with 7 held$") as caught:
        fold(trades)
    assert caught.value.fill == trades[2]
    assert (caught.value.held, caught.value.missing) == decimals(7, 2)


def test_a_purchase_that_comes_later_does_not_cover_a_sale():
    with pytest.raises(OversoldError):
        fold([sell(1, 1, 10), buy(2, 1, 10)])


def test_a_purchase_without_a_rate_has_no_cost_in_base():
    holding = fold([buy(1, 2, 10, rate=None), buy(2, 1, 10, rate=2)])
    assert [lot.cost_base for lot in holding.lots] == [None, Decimal(20)]
    assert (holding.cost, holding.cost_base) == (Decimal(30), None)


def test_only_the_gains_that_touch_a_missing_rate_are_null():
    trades = [buy(1, 2, 10, rate=None), buy(2, 2, 10), sell(3, 1, 15), sell(4, 3, 15)]
    holding = fold(trades)
    # The last unit pair: proceeds 3 x 15 x 2/3 = 30, cost 20, gain 10.
    assert [one.gain_base for one in holding.closings] == [None, None, Decimal(10)]
    # 4 x 15 - 4 x 10 = 20 is known all the same, in the trade's own currency.
    assert (holding.realized, holding.realized_base) == (Decimal(20), None)


def test_a_sale_without_a_rate_has_no_gain_in_base():
    (closing,) = fold([buy(1, 2, 10), sell(2, 2, 15, rate=None)]).closings
    assert (closing.cost_base, closing.proceeds_base, closing.gain_base) == (
        Decimal(20),
        None,
        None,
    )


def test_units_that_cost_nothing_need_no_rate():
    holding = fold([buy(1, 2, 0, rate=None)])
    assert (holding.cost, holding.cost_base) == decimals(0, 0)


# What has to hold for any sequence of trades.

quantities = st.one_of(
    st.integers(1, 12).map(Decimal), st.decimals(min_value="0.000001", max_value=1000, places=6)
)
prices = st.decimals(min_value="0.0001", max_value=5000, places=4)
costs = st.sampled_from(decimals(0, 0, "9.95", "0.01", 7))
known_rates = st.sampled_from(
    # Euros for a dollar by 1/1.4528 and 1/3, as long as they come, and two that end.
    [Decimal(1) / Decimal("1.4528"), Decimal(1) / Decimal(3), Decimal(1), Decimal("0.9238")]
)


def sequences(rates=known_rates):
    made = st.builds(
        Fill,
        id=st.just(0),
        at=st.just(START),
        side=st.sampled_from(Side),
        quantity=quantities,
        price=prices,
        costs=costs,
        rate=rates,
    )
    return st.lists(made, max_size=25).map(
        lambda fills: [
            replace(one, id=number, at=START + timedelta(days=number))
            for number, one in enumerate(fills, 1)
        ]
    )


def covered(fills):
    """Turn each sale that nothing covers into a purchase."""
    held = Decimal(0)
    for one in fills:
        if one.side is Side.SELL and one.quantity > held:
            one = replace(one, side=Side.BUY)
        held += signed(one)
        yield one


def signed(one):
    return one.quantity if one.side is Side.BUY else -one.quantity


def value(one):
    """Return what a purchase takes, or minus what a sale brings; exact, as a fraction."""
    return Fraction(signed(one)) * Fraction(one.price) + Fraction(one.costs)


def summed(numbers):
    return sum(map(Fraction, numbers), Fraction(0))


@given(sequences())
def test_units_are_conserved_fill_by_fill(fills):
    holding = fold(fills, allow_short=True)
    assert Fraction(holding.quantity) == summed(map(signed, fills))
    for one in fills:
        still_open = summed(lot.quantity for lot in holding.lots if lot.fill_id == one.id)
        closed = summed(c.quantity for c in holding.closings if c.lot_fill_id == one.id)
        closing = summed(c.quantity for c in holding.closings if c.fill_id == one.id)
        assert Fraction(signed(one)) == still_open + closed - closing


@given(sequences())
def test_what_was_bought_cost_exactly_what_was_relieved_and_what_is_held(fills):
    fills = list(covered(fills))
    holding = fold(fills)
    bought = summed(value(one) for one in fills if one.side is Side.BUY)
    assert bought == summed(c.cost for c in holding.closings) + Fraction(holding.cost)
    sold = summed(value(one) for one in fills if one.side is Side.SELL)
    assert -sold == summed(c.proceeds for c in holding.closings)


@given(sequences())
def test_cost_is_conserved_exactly_fill_by_fill_for_shorts_too(fills):
    holding = fold(fills, allow_short=True)
    for one in fills:
        held = summed(lot.cost for lot in holding.lots if lot.fill_id == one.id)
        relieved = summed(c.cost for c in holding.closings if c.lot_fill_id == one.id)
        brought = summed(c.proceeds for c in holding.closings if c.fill_id == one.id)
        assert value(one) == held + relieved - brought
    # So all that was gained is what came in less what went out, with what is held at cost.
    assert Fraction(holding.realized) == Fraction(holding.cost) - summed(map(value, fills))


@given(sequences())
def test_cost_in_base_is_conserved_exactly_too(fills):
    holding = fold(fills, allow_short=True)
    for one in fills:
        held = summed(lot.cost_base for lot in holding.lots if lot.fill_id == one.id)
        relieved = summed(c.cost_base for c in holding.closings if c.lot_fill_id == one.id)
        brought = summed(c.proceeds_base for c in holding.closings if c.fill_id == one.id)
        # The conversion itself is the one step that is cut to eighteen decimals.
        off = held + relieved - brought - value(one) * Fraction(one.rate)
        assert abs(off) <= Fraction(1, 2 * 10**18)


@given(sequences())
def test_open_lots_are_all_on_one_side_and_oldest_first(fills):
    holding = fold(fills, allow_short=True)
    assert len({lot.quantity > 0 for lot in holding.lots}) <= 1
    assert all(lot.quantity for lot in holding.lots)
    numbers = [lot.fill_id for lot in holding.lots]
    assert numbers == sorted(set(numbers))
    matched = [(c.fill_id, c.lot_fill_id) for c in holding.closings]
    assert matched == sorted(matched)


@given(sequences())
def test_a_sale_is_refused_exactly_when_the_units_would_go_below_zero(fills):
    running = list(accumulate(map(signed, fills)))
    below = [place for place, held in enumerate(running) if held < 0]
    if not below:
        assert fold(fills) == fold(fills, allow_short=True)
        return
    with pytest.raises(OversoldError) as caught:
        fold(fills)
    assert caught.value.fill is fills[below[0]]
    assert caught.value.missing == -running[below[0]]
    assert caught.value.held == (running[below[0] - 1] if below[0] else 0)


@given(sequences(st.one_of(st.none(), known_rates)))
def test_gains_in_base_are_null_exactly_where_a_rate_is_missing(fills):
    holding = fold(fills, allow_short=True)
    unrated = {one.id for one in fills if one.rate is None and value(one)}
    for closing in holding.closings:
        expected = bool({closing.fill_id, closing.lot_fill_id} & unrated)
        assert (closing.gain_base is None) is expected
    for lot in holding.lots:
        assert (lot.cost_base is None) is (lot.fill_id in unrated)
    touched = [c for c in holding.closings if c.gain_base is None]
    assert (holding.realized_base is None) is bool(touched)
    assert (holding.cost_base is None) is any(lot.fill_id in unrated for lot in holding.lots)


@given(sequences(st.one_of(st.none(), known_rates)))
def test_figures_in_the_trades_own_currency_do_not_depend_on_rates(fills):
    rated = [replace(one, rate=Decimal(1)) for one in fills]
    here, there = (fold(some, allow_short=True) for some in (fills, rated))
    assert (here.realized, here.cost, here.quantity) == (
        there.realized,
        there.cost,
        there.quantity,
    )


@given(sequences())
def test_at_a_rate_of_one_base_figures_are_the_trades_own(fills):
    holding = fold([replace(one, rate=Decimal(1)) for one in fills], allow_short=True)
    assert (holding.realized_base, holding.cost_base) == (holding.realized, holding.cost)


def matched_by_fractions(fills):
    """First in, first out for sales that are all covered, in fractions: cost and proceeds."""
    lots, found = [], []
    for one in fills:
        per_unit = value(one) / Fraction(signed(one))
        left = Fraction(one.quantity)
        if one.side is Side.BUY:
            lots.append([left, per_unit])
            continue
        while left:
            taken = min(left, lots[0][0])
            found.append((taken * lots[0][1], taken * per_unit))
            lots[0][0] -= taken
            left -= taken
            if not lots[0][0]:
                lots.pop(0)
    return found


@given(sequences())
def test_each_match_is_the_one_that_fractions_find(fills):
    fills = list(covered(fills))
    expected = matched_by_fractions(fills)
    found = [(c.cost, c.proceeds) for c in fold(fills).closings]
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert abs(Fraction(one) - other) < Fraction(1, 10**15)
