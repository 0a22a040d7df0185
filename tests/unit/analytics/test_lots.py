"""Lot matching: worked examples of every event and method, with the arithmetic beside each."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from analytics.events import Amounts, Conversion, Fill, Method, Move, Repayment
from analytics.holdings import Closing, Holding, Lot, Passage, Shortfall
from analytics.lots import fold

START = datetime(2024, 1, 1, tzinfo=UTC)
HERE, THERE, OTHER = (1, 7), (2, 7), (1, 8)
"""One instrument in two portfolios, and another instrument in the first."""


def day(number):
    return START + timedelta(days=number)


def money(own, *, rate=1, fees=0):
    """Return an amount and the fees within it, in both currencies."""
    own, fees = Decimal(own), Decimal(fees)
    known = rate is not None
    return Amounts(
        own=own,
        base=own * Decimal(rate) if known else None,
        fees=fees,
        fees_base=fees * Decimal(rate) if known else None,
    )


def trade(number, quantity, price, *, fee=0, rate=1, on=None, pool=HERE, **more):
    quantity, fee = Decimal(quantity), Decimal(fee)
    return Fill(
        id=number,
        at=day(number if on is None else on),
        pool=pool,
        quantity=quantity,
        outlay=money(quantity * Decimal(price) + fee, rate=rate, fees=fee),
        rate=None if rate is None else Decimal(rate),
        **more,
    )


def buy(number, quantity, price, **more):
    return trade(number, quantity, price, **more)


def sell(number, quantity, price, **more):
    return trade(number, -Decimal(quantity), price, **({"may_open": False} | more))


def short(number, quantity, price, **more):
    return sell(number, quantity, price, may_open=True, **more)


def move(number, quantity, *, source=HERE, target=THERE, **more):
    return Move(
        id=number,
        at=day(number),
        source=source,
        target=target,
        quantity=Decimal(quantity),
        **more,
    )


def convert(number, new, old, *, source=HERE, target=HERE, **more):
    numbers = {name: Decimal(more.pop(name)) for name in ("share", "cash_share") if name in more}
    return Conversion(
        id=number,
        at=day(number),
        source=source,
        target=target,
        new=Decimal(new),
        old=Decimal(old),
        **numbers,
        **more,
    )


def repay(number, amount, **more):
    rate = more.pop("rate", 1)
    return Repayment(
        id=number,
        at=day(number),
        pool=HERE,
        paid=money(amount, rate=rate, **more),
        rate=None if rate is None else Decimal(rate),
    )


def holding(*events, method=Method.FIFO, pool=HERE):
    return fold(events, method=method)[pool]


def decimals(*texts):
    return tuple(Decimal(text) for text in texts)


def open_lots(held):
    return [(lot.fill_id, lot.quantity, lot.cost) for lot in held.lots]


def closed(held):
    return [(one.lot_fill_id, one.quantity, one.cost, one.proceeds) for one in held.closings]


# Purchases and sales.


def test_nothing_happened_and_nothing_is_held():
    assert fold([]) == {}
    nothing = Holding()
    assert (nothing.quantity, nothing.cost, nothing.realized) == decimals(0, 0, 0)
    assert (nothing.cost_base, nothing.realized_base) == decimals(0, 0)
    assert (nothing.fees, nothing.fees_base, nothing.missing) == decimals(0, 0, 0)


def test_a_purchase_costs_its_price_and_its_fee():
    # 10 x 5 + 1 = 51; at 0.9: 45.9 and 0.9.
    (lot,) = holding(buy(1, 10, 5, fee=1, rate="0.9")).lots
    assert lot == Lot(
        fill_id=1,
        opened_at=day(1),
        quantity=Decimal(10),
        paid=Amounts(
            own=Decimal(51), base=Decimal("45.9"), fees=Decimal(1), fees_base=Decimal("0.9")
        ),
    )
    assert (lot.cost, lot.cost_base) == decimals(51, "45.9")


def test_a_sale_brings_its_price_less_its_fee():
    # Cost 51, proceeds 10 x 7 - 2 = 68, gain 17, held from day 1 to day 31.
    held = holding(buy(1, 10, 5, fee=1), sell(31, 10, 7, fee=2))
    (closing,) = held.closings
    assert closing == Closing(
        event_id=31,
        lot_fill_id=1,
        opened_at=day(1),
        closed_at=day(31),
        quantity=Decimal(10),
        paid=money(51, fees=1),
        received=money(68, fees=2),
        rate=Decimal(1),
    )
    assert (closing.gain, closing.gain_base, closing.holding_days) == (17, 17, 30)
    assert (held.lots, held.quantity, held.cost, held.realized) == ((), *decimals(0, 0, 17))


def test_a_fee_follows_the_units_when_a_part_is_sold():
    # Cost 4 x 25 + 8 = 108, a quarter is 27; proceeds 30 - 1 = 29; gain 2; left 81 with 6 of fees.
    held = holding(buy(1, 4, 25, fee=8), sell(2, 1, 30, fee=1))
    assert (held.realized, held.cost, held.fees, held.fees_base) == decimals(2, 81, 6, 6)


def test_without_fees_the_same_trades_gain_the_fees_more():
    # Cost 25, proceeds 30, gain 5; left 75. With fees it was 2: 2 of the purchase, 1 of the sale.
    held = holding(buy(1, 4, 25, fee=8), sell(2, 1, 30, fee=1), sell(3, 9, 30)).before_fees()
    assert [(one.cost, one.proceeds) for one in held.closings[:1]] == [decimals(25, 30)]
    # What has no acquisition has none without fees either.
    assert held.closings[-1].paid is None
    assert held.closings[-1].proceeds == Decimal(180)


def test_fees_of_what_is_still_held_leave_its_cost_too():
    held = holding(buy(1, 4, 25, fee=8, rate=2)).before_fees()
    assert (held.cost, held.cost_base, held.fees, held.fees_base) == decimals(100, 200, 0, 0)


def test_the_fee_of_a_sale_is_shared_among_the_lots_it_closes():
    # Proceeds 4 x 10 - 2 = 38: three quarters are 28.5, the rest 9.5.
    held = holding(buy(1, 3, 5), buy(2, 1, 5), sell(3, 4, 10, fee=2))
    assert [one.proceeds for one in held.closings] == list(decimals("28.5", "9.5"))


def test_a_third_is_cut_and_the_last_unit_takes_the_rest():
    # 100 / 3 = 33.333333333333333333|3, then 66.666666666666666667 / 2 = 33.3333333333333333335,
    # of which the tie goes to the even 4, and what is left is 33.333333333333333333.
    held = holding(buy(1, 3, 30, fee=10), sell(2, 1, 40), sell(3, 1, 40), sell(4, 1, 40))
    assert [one.cost for one in held.closings] == list(
        decimals("33.333333333333333333", "33.333333333333333334", "33.333333333333333333")
    )
    assert held.realized == Decimal(20)  # 3 x 40 - 100, to the last digit


def test_units_that_cost_nothing_are_all_gain():
    # A staking reward at price zero: cost 0, sold for 5.
    held = holding(buy(1, 2, 0, rate=None), sell(2, 1, 5))
    assert held.realized == Decimal(5)


def test_a_lot_has_the_date_it_was_acquired_and_not_the_one_it_was_booked():
    # The later booking has the older units: they go first.
    held = holding(buy(2, 1, 10), buy(3, 1, 20, opened_at=day(0)), sell(9, 1, 50))
    assert closed(held) == [(3, *decimals(1, 20, 50))]
    assert held.closings[0].holding_days == 9


# Methods. The same three lots of ten: at 10, 30 and 20, and 15 are sold at 40 each.

LOTS = (buy(1, 10, 10), buy(2, 10, 30), buy(3, 10, 20))


@pytest.mark.parametrize(
    ("method", "expected", "left"),
    [
        # 10 at 10 and 5 at 30: 600 - 250 = 350
        (Method.FIFO, [(1, 10, 100, 400), (2, 5, 150, 200)], [(2, 5, 150), (3, 10, 200)]),
        # 10 at 20 and 5 at 30: 600 - 350 = 250
        (Method.LIFO, [(3, 10, 200, 400), (2, 5, 150, 200)], [(1, 10, 100), (2, 5, 150)]),
        # 10 at 30 and 5 at 20: 600 - 400 = 200
        (Method.HIFO, [(2, 10, 300, 400), (3, 5, 100, 200)], [(1, 10, 100), (3, 5, 100)]),
        # All at (100 + 300 + 200) / 30 = 20: 600 - 300 = 300
        (Method.AVERAGE, [(1, 10, 200, 400), (2, 5, 100, 200)], [(2, 5, 100), (3, 10, 200)]),
        # Without a choice the oldest, as FIFO.
        (Method.SPECIFIC, [(1, 10, 100, 400), (2, 5, 150, 200)], [(2, 5, 150), (3, 10, 200)]),
    ],
)
def test_each_method_takes_lots_in_its_own_order(method, expected, left):
    held = holding(*LOTS, sell(4, 15, 40), method=method)
    assert closed(held) == [(one, *decimals(*rest)) for one, *rest in expected]
    assert open_lots(held) == [(one, *decimals(*rest)) for one, *rest in left]


def test_a_sale_takes_the_lots_it_names_and_then_the_oldest():
    chosen = ((3, Decimal(4)), (9, Decimal(1)), (2, Decimal(3)))
    held = holding(*LOTS, sell(4, 9, 40, chosen=chosen), method=Method.SPECIFIC)
    # 4 of lot 3 at 20, no lot 9, 3 of lot 2 at 30, and the last 2 of lot 1 at 10; 40 each.
    assert closed(held) == [
        (3, *decimals(4, 80, 160)),
        (2, *decimals(3, 90, 120)),
        (1, *decimals(2, 20, 80)),
    ]


def test_a_choice_counts_under_no_other_method_and_never_beyond_the_sale():
    chosen = ((3, Decimal(10)), (2, Decimal(1)))
    assert closed(holding(*LOTS, sell(4, 2, 40, chosen=chosen), method=Method.SPECIFIC)) == [
        (3, *decimals(2, 40, 80))
    ]
    assert closed(holding(*LOTS, sell(4, 2, 40, chosen=chosen))) == [(1, *decimals(2, 20, 80))]


def test_the_highest_cost_is_that_in_base_currency_with_fees():
    # Per unit in base: 10 x 1 = 10; 9 x 1.2 = 10.8; 10 + 8/10 = 10.8 later; 12 without a rate.
    lots = (
        buy(1, 10, 10),
        buy(2, 10, 9, rate="1.2"),
        buy(3, 10, 10, fee=8),
        buy(4, 10, 12, rate=None),
    )
    held = holding(*lots, sell(5, 40, 20), method=Method.HIFO)
    assert [one.lot_fill_id for one in held.closings] == [2, 3, 1, 4]


@pytest.mark.parametrize("paid", [5, 10])
def test_of_equal_costs_the_older_goes_first_though_a_part_of_it_was_sold(paid):
    # A third is endless: what is left of three units is rounded, up or down.
    for sold in (1, 2):
        held = holding(
            buy(1, 3, 0, fee=paid),
            sell(2, sold, 9),
            buy(3, 3, 0, fee=paid),
            sell(4, 1, 9),
            method=Method.HIFO,
        )
        assert [one.lot_fill_id for one in held.closings] == [1, 1]


@pytest.mark.parametrize("paid", [5, 10, "0.01"])
@pytest.mark.parametrize("sold", [1, 2])
@pytest.mark.parametrize(
    "between", [convert(4, 2, 1), convert(4, 1, 3), repay(4, "0.006"), repay(4, 1)]
)
def test_of_equal_costs_the_older_goes_first_after_all_lots_changed(paid, sold, between):
    held = holding(
        buy(1, 3, 0, fee=paid),
        buy(2, 3, 0, fee=paid),
        sell(3, sold, 9),
        between,
        sell(5, "0.25", 1),
        method=Method.HIFO,
    )
    assert [one.lot_fill_id for one in held.closings if one.event_id == 5] == [1]


def test_of_shorts_the_one_that_brought_least_is_covered_first():
    held = holding(short(1, 1, 30), short(2, 1, 10), buy(3, 1, 20), method=Method.HIFO)
    # -10 came in, 20 went out: a loss of 10.
    assert closed(held) == [(2, *decimals(-1, -10, -20))]
    assert held.realized == Decimal(-10)


def test_the_average_moves_with_each_purchase_and_stays_with_each_sale():
    # (100 + 30 x 2) / 12 ... 10 at 10; sell 4 at 20: cost 40. Buy 6 at 20: (60 + 120) / 12 = 15.
    held = holding(
        buy(1, 10, 10), sell(2, 4, 20), buy(3, 6, 20), sell(4, 8, 25), method=Method.AVERAGE
    )
    assert [one.cost for one in held.closings] == list(decimals(40, 90, 30))  # 6 and 2 at 15
    assert open_lots(held) == [(3, *decimals(4, 60))]
    # 80 - 40 + 200 - 120 = 120
    assert held.realized == Decimal(120)


def test_an_unknown_rate_makes_the_average_unknown_until_all_of_it_is_sold():
    lots = (buy(1, 1, 10, rate=None), buy(2, 1, 10))
    assert holding(*lots, sell(3, 1, 10), method=Method.AVERAGE).cost_base is None
    held = holding(*lots, sell(3, 2, 10), buy(4, 1, 10, rate=2), method=Method.AVERAGE)
    assert (held.cost_base, held.fees_base) == decimals(20, 0)


def test_equally_old_lots_go_in_the_order_of_entry_or_against_it():
    lots = (buy(1, 1, 10, on=0), buy(2, 1, 20, on=0))
    assert [c.lot_fill_id for c in holding(*lots, sell(3, 2, 9)).closings] == [1, 2]
    last_first = holding(*lots, sell(3, 2, 9), method=Method.LIFO)
    assert [c.lot_fill_id for c in last_first.closings] == [2, 1]
    assert [lot.fill_id for lot in holding(*lots, method=Method.LIFO).lots] == [1, 2]


def test_each_pool_has_a_method_of_its_own():
    events = [
        *LOTS,
        sell(4, 5, 40),
        *(buy(10 + one, 10, price, pool=THERE) for one, price in enumerate((10, 30), 1)),
        sell(13, 5, 40, pool=THERE),
    ]
    state = fold(events, method=lambda pool: Method.LIFO if pool == THERE else Method.FIFO)
    assert state[HERE].closings[0].lot_fill_id == 1
    assert state[THERE].closings[0].lot_fill_id == 12


# Shorts.


def test_a_short_sale_opens_a_lot_with_negative_cost():
    # 6 x 10 - 3 = 57 came in, so the cost is -57.
    (lot,) = holding(short(1, 6, 10, fee=3)).lots
    assert (lot.quantity, lot.cost, lot.cost_base) == decimals(-6, -57, -57)


def test_buying_back_a_short_gains_what_came_in_less_what_went_out():
    (closing,) = holding(short(1, 1, 60), buy(2, 1, 15)).closings
    assert (closing.quantity, closing.cost, closing.proceeds) == decimals(-1, -60, -15)
    assert closing.gain == Decimal(45)


def test_fees_on_both_sides_of_a_short_lessen_its_gain():
    # In: 10 x 10 - 2 = 98. Cover 4 at 8 with 1: 33 out. Cost of the part: 98 x 4/10 = 39.2.
    # Gain 39.2 - 33 = 6.2; left are -6 units at -58.8.
    held = holding(short(1, 10, 10, fee=2), buy(2, 4, 8, fee=1))
    assert (held.realized, held.quantity, held.cost) == decimals("6.2", -6, "-58.8")


def test_a_sale_across_zero_closes_and_then_opens():
    # Sold 5 at 12 with fee 5: 55, of which 2/5 = 22 close 2 units at 20 (gain 2), and 3/5 = 33
    # open a short of 3.
    held = holding(buy(1, 2, 10), short(2, 5, 12, fee=5))
    assert held.realized == Decimal(2)
    assert open_lots(held) == [(2, *decimals(-3, -33))]


def test_a_purchase_across_zero_closes_and_then_opens():
    # Bought 5 at 12 with fee 5: 65, of which 2/5 = 26 cover 2 units sold for 30 (gain 4), and
    # 3/5 = 39 open 3.
    held = holding(short(1, 2, 15), buy(2, 5, 12, fee=5))
    assert (held.realized, held.quantity, held.cost) == decimals(4, 3, 39)


# What is not there.


def test_selling_more_than_is_held_is_a_shortfall_and_its_gain_is_not_known():
    # 9 sold for 90: 7 close lots of 3 and 4, proceeds 30 and 40; 20 are for units of unknown cost.
    held = holding(buy(1, 3, 5), buy(2, 4, 5), sell(3, 9, 10))
    assert held.shortfalls == (
        Shortfall(event_id=3, at=day(3), wanted=Decimal(9), held=Decimal(7)),
    )
    assert (held.shortfalls[0].missing, held.missing) == decimals(2, 2)
    (*known, unknown) = held.closings
    assert [one.gain for one in known] == list(decimals(15, 20))
    assert unknown == Closing(
        event_id=3,
        lot_fill_id=None,
        opened_at=None,
        closed_at=day(3),
        quantity=Decimal(2),
        paid=None,
        received=money(20),
        rate=Decimal(1),
    )
    assert (unknown.cost, unknown.cost_base, unknown.gain, unknown.gain_base) == (None,) * 4
    assert (unknown.holding_days, unknown.proceeds_base) == (None, Decimal(20))
    assert (held.realized, held.realized_base, held.quantity) == (None, None, Decimal(0))


def test_covering_more_than_is_owed_is_a_shortfall_too():
    held = holding(short(1, 1, 10), buy(2, 3, 8, may_open=False))
    # 24 for 3: 8 cover one, 16 bought two that nobody owed.
    assert [(one.quantity, one.proceeds, one.gain) for one in held.closings] == [
        decimals(-1, -8, 2),
        (*decimals(-2, -16), None),
    ]
    assert (held.missing, held.quantity) == decimals(2, 0)


def test_a_purchase_that_comes_later_does_not_cover_a_sale():
    assert holding(sell(1, 1, 10), buy(2, 1, 10)).missing == Decimal(1)


# Exchange rates.


def test_a_gain_in_base_takes_each_side_at_the_rate_of_its_own_day():
    # 100 x 0.9 = 90; 120 x 0.8 = 96; 96 - 90 = 6, while it is 20 in its own currency.
    (closing,) = holding(buy(1, 1, 100, rate="0.9"), sell(2, 1, 120, rate="0.8")).closings
    assert (closing.cost_base, closing.proceeds_base) == decimals(90, 96)
    assert (closing.gain, closing.gain_base) == decimals(20, 6)


def test_only_the_gains_that_touch_a_missing_rate_are_null():
    held = holding(
        buy(1, 2, 10, fee=1, rate=None), buy(2, 2, 10), sell(3, 1, 15), sell(4, 3, 15, rate=1)
    )
    assert [one.gain_base for one in held.closings] == [None, None, Decimal(10)]
    # 60 - 41 = 19 is known all the same, in the own currency.
    assert (held.realized, held.realized_base) == (Decimal(19), None)


def test_a_sale_without_a_rate_has_no_gain_in_base():
    (closing,) = holding(buy(1, 2, 10), sell(2, 2, 15, rate=None)).closings
    assert (closing.cost_base, closing.proceeds_base, closing.gain_base) == (20, None, None)


def test_a_purchase_without_a_rate_has_no_cost_in_base():
    held = holding(buy(1, 2, 10, fee=2, rate=None), buy(2, 1, 10))
    assert (held.cost, held.cost_base, held.fees_base) == (Decimal(32), None, None)
    assert held.before_fees().cost_base is None


# Units that pass without cash.


def test_delivered_units_are_a_flow_at_their_worth_without_the_fee():
    held = holding(buy(1, 10, 5, fee=1, passing=True), sell(2, 4, 7, fee=1, passing=True))
    assert held.passages == (
        Passage(event_id=1, at=day(1), quantity=Decimal(10), worth=money(50)),
        Passage(event_id=2, at=day(2), quantity=Decimal(-4), worth=money(-28)),
    )
    # Proceeds 28 - 1, cost 51 x 4/10 = 20.4, gain 6.6.
    assert held.realized == Decimal("6.6")


def test_a_transfer_takes_lots_along_at_cost():
    state = fold([buy(1, 10, 10, fee=1), buy(2, 10, 20), move(3, 15)])
    # All of lot 1 and half of lot 2.
    assert open_lots(state[HERE]) == [(2, *decimals(5, 100))]
    assert open_lots(state[THERE]) == [(1, *decimals(10, 101)), (2, *decimals(5, 100))]
    assert state[THERE].lots[0].opened_at == day(1)
    assert state[THERE].fees == Decimal(1)
    assert state[HERE].realized == state[THERE].realized == Decimal(0)
    assert [one.quantity for one in state[HERE].passages] == list(decimals(-10, -5))
    assert [one.worth.own for one in state[HERE].passages] == list(decimals(-101, -100))
    assert [one.worth for one in state[THERE].passages] == [money(101, fees=1), money(100)]


def test_a_transfer_takes_the_lots_it_names():
    state = fold(
        [*LOTS, move(4, 5, chosen=((2, Decimal(5)),))],
        method=Method.SPECIFIC,
    )
    assert open_lots(state[THERE]) == [(2, *decimals(5, 150))]


def test_a_transfer_to_nowhere_leaves_and_one_to_itself_does_nothing():
    left = fold([buy(1, 10, 10), move(2, 4, target=None)])
    assert left.keys() == {HERE}
    assert (left[HERE].quantity, left[HERE].realized) == decimals(6, 0)
    stayed = fold([buy(1, 10, 10), move(2, 4, target=HERE)])
    assert stayed == fold([buy(1, 10, 10)])


def test_a_transfer_of_more_than_is_held_takes_what_there_is():
    state = fold([buy(1, 3, 10), move(2, 5)])
    assert state[HERE].shortfalls == (
        Shortfall(event_id=2, at=day(2), wanted=Decimal(5), held=Decimal(3)),
    )
    assert state[THERE].quantity == Decimal(3)
    # A short has nothing to move.
    assert fold([short(1, 3, 10), move(2, 5)])[HERE].missing == Decimal(5)


def test_a_transfer_converts_the_cost_to_another_base_currency():
    rates = {date(2024, 1, 2): Decimal(3)}
    lots = (buy(1, 2, 10, fee=1, rate="0.5"), buy(2, 2, 10, rate="0.5"))
    (known, unknown) = fold([*lots, move(3, 4, base_rates=rates)])[THERE].lots
    assert (known.cost_base, known.paid.fees_base) == decimals(63, 3)  # 21 x 3
    assert (unknown.cost_base, unknown.paid.fees_base) == (None, Decimal(0))


def test_units_that_arrive_close_a_short_that_waits_for_them():
    # Owed: 4 sold at 15. 10 that cost 10 each arrive: 4 close the short with 60 - 40 = 20 gain.
    state = fold([short(1, 4, 15, pool=THERE), buy(2, 10, 10), move(3, 10)])
    assert closed(state[THERE]) == [(1, *decimals(-4, -60, -40))]
    assert state[THERE].closings[0].rate is None
    assert open_lots(state[THERE]) == [(2, *decimals(6, 60))]
    whole = fold([short(1, 10, 15, pool=THERE), buy(2, 10, 10), move(3, 10)])[THERE]
    assert (whole.lots, whole.realized) == ((), Decimal(50))


@pytest.mark.parametrize("between", [convert(3, 2, 1), repay(3, 0)], ids=["split", "repayment"])
def test_equally_old_lots_keep_their_order_through_what_happens_to_them(between):
    lots = (buy(1, 1, 10, on=0), buy(2, 1, 20, on=0))
    held = holding(*lots, between, sell(4, 1, 9), method=Method.LIFO)
    assert held.closings[-1].lot_fill_id == 2
    moved = fold([*lots, move(3, 2), sell(4, 1, 9, pool=THERE)], method=Method.LIFO)
    assert moved[THERE].closings[0].lot_fill_id == 2


# Corporate actions.


def test_a_split_changes_units_and_nothing_else():
    # 10 at 30 become 20 at 15; 5 sold at 20: 100 - 75 = 25.
    held = holding(buy(1, 10, 30, fee=6), convert(2, 2, 1), sell(3, 5, 20))
    assert open_lots(held) == [(1, *decimals(15, "229.5"))]
    assert held.realized == Decimal("23.5")  # 100 - 306 x 5/20
    assert held.lots[0].opened_at == day(1)
    assert held.passages == ()


def test_a_split_of_a_short_multiplies_what_is_owed():
    assert open_lots(holding(short(1, 10, 30), convert(2, 3, 2))) == [(1, *decimals(-15, -300))]


def test_a_reverse_split_rounds_all_lots_together():
    # 10 + 10 + 10 units, 1 for 3: each 3.33..., together 10 to the last digit.
    held = holding(*LOTS, convert(4, 1, 3))
    assert held.quantity == Decimal(10)
    assert [lot.quantity for lot in held.lots] == list(
        decimals("3.333333333333333333", "3.333333333333333334", "3.333333333333333333")
    )


def test_a_split_that_leaves_not_even_the_smallest_unit_keeps_the_cost():
    held = holding(buy(1, "0.000000000000000001", 10), convert(2, 1, 100), method=Method.HIFO)
    assert (held.quantity, held.cost) == decimals(0, "0.00000000000000001")


def test_a_fraction_is_sold_for_cash_as_the_method_takes_lots():
    # 5 at 10 and 5 at 20, 1 for 4: 2.5, of which 0.5 are paid with 9. Lots of 1.25 cost 50 and 100:
    # of the older 50 x 0.5 / 1.25 = 20, loss 11; of the newer 40, loss 31.
    events = (buy(1, 5, 10), buy(2, 5, 20), convert(3, 1, 4, in_lieu=money(9)))
    first, last = (holding(*events, method=one) for one in (Method.FIFO, Method.LIFO))
    assert (closed(first), first.realized) == ([(1, *decimals("0.5", 20, 9))], Decimal(-11))
    assert open_lots(first) == [(1, *decimals("0.75", 30)), (2, *decimals("1.25", 100))]
    assert (closed(last), last.realized) == ([(2, *decimals("0.5", 40, 9))], Decimal(-31))


def test_a_fraction_may_take_more_than_one_lot():
    # 3 lots of 1, 1 for 4: 0.75, all of it paid with 30; costs 10, 20, 30.
    lots = (buy(1, 1, 10), buy(2, 1, 20), buy(3, 1, 30))
    held = holding(*lots, convert(4, 1, 4, in_lieu=money(30)))
    assert closed(held) == [
        (1, *decimals("0.25", 10, 10)),
        (2, *decimals("0.25", 20, 10)),
        (3, *decimals("0.25", 30, 10)),
    ]
    assert (held.lots, held.realized) == ((), Decimal(-30))


def test_cash_for_a_fraction_there_is_none_of_is_all_gain():
    held = holding(buy(1, 4, 10), convert(2, 1, 2, in_lieu=money(3)))
    assert closed(held) == [(2, *decimals(0, 0, 3))]
    assert (held.quantity, held.cost) == decimals(2, 40)


def test_the_fraction_of_a_short_is_closed_too():
    # 5 owed for 50 become 2.5; half a unit, 10 of the 50, is paid off with 12.
    held = holding(short(1, 5, 10), convert(2, 1, 2, in_lieu=money(-12)))
    assert closed(held) == [(1, *decimals("-0.5", -10, -12))]
    assert open_lots(held) == [(1, *decimals(-2, -40))]


def test_a_new_symbol_takes_everything_over():
    state = fold([buy(1, 10, 30), convert(2, 1, 1, target=OTHER)])
    assert state[HERE].lots == ()
    assert open_lots(state[OTHER]) == [(1, *decimals(10, 300))]


def test_a_spin_off_moves_a_share_of_the_cost():
    # A fifth of 300 and of 306: the old units stay, half as many new ones come.
    state = fold(
        [
            buy(1, 10, 30),
            buy(2, 4, 75, fee=6),
            convert(3, 1, 2, target=OTHER, keeps=True, share="0.2"),
        ]
    )
    assert open_lots(state[HERE]) == [(1, *decimals(10, 240)), (2, *decimals(4, "244.8"))]
    assert open_lots(state[OTHER]) == [(1, *decimals(5, 60)), (2, *decimals(2, "61.2"))]
    assert (state[HERE].fees, state[OTHER].fees) == decimals("4.8", "1.2")
    assert [lot.opened_at for lot in state[OTHER].lots] == [day(1), day(2)]


def test_a_merger_sells_the_part_that_is_paid_in_cash():
    # 10 at 30: a quarter of the cost, 75, is sold for 100; 225 go on to 5 new units.
    state = fold(
        [
            buy(1, 10, 30),
            convert(2, 1, 2, target=OTHER, cash=money(100), cash_share="0.25"),
        ]
    )
    (closing,) = state[HERE].closings
    assert (closing.quantity, closing.cost, closing.proceeds, closing.gain) == decimals(
        0, 75, 100, 25
    )
    assert open_lots(state[OTHER]) == [(1, *decimals(5, 225))]


def test_a_merger_for_cash_alone_sells_everything():
    # 300 cash by units: two thirds and one third.
    held = holding(
        buy(1, 4, 30), buy(2, 2, 60), convert(3, 1, 1, target=None, cash=money(300), cash_share=1)
    )
    assert closed(held) == [(1, *decimals(4, 120, 200)), (2, *decimals(2, 120, 100))]
    assert (held.lots, held.realized) == ((), Decimal(60))


def test_cash_of_a_merger_on_nothing_held_is_all_gain():
    held = holding(convert(1, 1, 1, target=None, cash=money(300), cash_share=1))
    assert held.realized == Decimal(300)


def test_a_merger_into_units_that_are_owed_closes_what_is_owed():
    state = fold([short(1, 4, 15, pool=OTHER), buy(2, 10, 10), convert(3, 1, 1, target=OTHER)])
    assert closed(state[OTHER]) == [(1, *decimals(-4, -60, -40))]
    assert open_lots(state[OTHER]) == [(2, *decimals(6, 60))]


def test_capital_paid_back_lowers_the_cost_of_each_unit():
    # 30 on 15 units, 2 each: 100 - 20 and 150 - 10; nothing is gained.
    held = holding(buy(1, 10, 10), buy(2, 5, 30, fee=15), repay(3, 30))
    assert open_lots(held) == [(1, *decimals(10, 80)), (2, *decimals(5, 155))]
    assert held.realized == Decimal(0)
    # Of 165 with 15 of fees 10 are relieved: 15 x 155 / 165 stays.
    assert held.fees == Decimal("14.090909090909090909")


def test_capital_paid_back_beyond_the_cost_is_a_gain():
    # 90 on 15 units, 6 each: the lot at 4 gives 40 and gains 20, the one at 30 gives 30.
    held = holding(buy(1, 10, 4), buy(2, 5, 30), repay(3, 90))
    assert closed(held) == [(1, *decimals(0, 40, 60)), (2, *decimals(0, 30, 30))]
    assert open_lots(held) == [(1, *decimals(10, 0)), (2, *decimals(5, 120))]
    assert held.realized == Decimal(20)


def test_capital_paid_back_gains_what_the_exchange_rate_gained():
    # 40 of 100 at cost rate 0.9 are 36; paid back at 1.1 they are 44: 8 in base, 0 in its own.
    held = holding(buy(1, 10, 10, rate="0.9"), repay(2, 40, rate="1.1"))
    assert (held.realized, held.realized_base, held.cost_base) == decimals(0, 8, 54)


def test_capital_paid_back_on_nothing_is_all_gain_and_never_on_a_short():
    assert holding(repay(1, 10)).realized == Decimal(10)
    held = holding(short(1, 4, 10), repay(2, 10))
    assert (held.realized, held.cost) == decimals(10, -40)


def test_a_repayment_that_costs_more_than_it_brings_is_a_loss_on_units_without_cost():
    held = holding(buy(1, 4, 0), repay(2, -1, fees=3))
    assert (held.realized, held.cost) == decimals(-1, 0)
    assert held.before_fees().realized == Decimal(2)


def in_books(events, method=Method.FIFO):
    """Return the lots of a pool that several books share: number, units, cost and book."""
    found = fold(events, method=method)[HERE]
    return [(lot.fill_id, lot.quantity, lot.cost, lot.book) for lot in found.lots]


def test_a_split_concerns_the_units_of_its_own_book():
    bought = [buy(1, 10, 100, book=1), buy(2, 10, 110, book=2)]
    assert in_books([*bought, convert(3, 4, 1, book=1)]) == [(1, 40, 1000, 1), (2, 10, 1100, 2)]
    both = [convert(3, 4, 1, book=1), convert(4, 4, 1, book=2)]
    assert in_books(bought + both) == [(1, 40, 1000, 1), (2, 40, 1100, 2)]


def test_a_sale_takes_the_first_lot_of_all_books_and_the_other_book_gets_as_many_units():
    # Two sells 4 and the oldest are One's: One gets 4 of Two's, the last to be taken.
    events = [buy(1, 10, 100, book=1), buy(2, 10, 110, book=2), sell(3, 4, 120, book=2)]
    assert in_books(events) == [(1, 6, 600, 1), (2, 6, 660, 2), (2, 4, 440, 1)]
    assert in_books(events, Method.LIFO) == [(1, 10, 1000, 1), (2, 6, 660, 2)]
    assert in_books([*events, sell(4, 6, 120, book=2)]) == [(2, 6, 660, 1), (2, 4, 440, 1)]


def test_books_share_one_average_cost():
    events = [buy(1, 10, 100, book=1), buy(2, 10, 110, book=2), sell(3, 4, 120, book=2)]
    held = fold(events, method=Method.AVERAGE)[HERE]
    assert (held.quantity, held.cost, held.closings[0].cost) == (16, 1680, 420)  # 105 a unit


def test_units_that_move_within_a_pool_change_their_book_and_nothing_else():
    bought = [buy(1, 10, 100, book=1), buy(2, 4, 110, book=1)]
    moved = move(3, 6, target=HERE, book=1, target_book=2)
    assert in_books([*bought, moved]) == [(1, 8, 800, 1), (1, 2, 200, 2), (2, 4, 440, 2)]
    assert fold([*bought, moved])[HERE].passages == ()
    more = move(3, 60, target=HERE, book=1, target_book=2)
    assert in_books([*bought, more]) == [(1, 10, 1000, 2), (2, 4, 440, 2)]


def test_capital_is_paid_back_on_the_units_of_its_own_book():
    events = [buy(1, 10, 100, book=1), buy(2, 10, 110, book=2)]
    paid = Repayment(id=3, at=day(3), pool=HERE, paid=money(50), book=2)
    assert in_books([*events, paid]) == [(1, 10, 1000, 1), (2, 10, 1050, 2)]


def test_a_split_also_concerns_what_a_book_owns_or_owes_beyond_its_lots():
    # Two buys 19, of which 3 close what One is short of: 16 lots, 19 units of its own. Two for one
    # makes them 38, all of which it can sell, and the 3 that One owes 6: sold at 60 each.
    events = [
        short(1, 3, 100, book=1),
        buy(2, 19, 90, book=2),
        convert(3, 2, 1, book=1),
        convert(4, 2, 1, book=2),
        sell(5, 38, 60, book=2),
    ]
    for method in (Method.FIFO, Method.LIFO, Method.HIFO, Method.AVERAGE):
        held = fold(events, method=method)[HERE]
        assert held.shortfalls == (), method
        assert (held.quantity, held.cost) == (-6, -360), method
