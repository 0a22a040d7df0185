"""What has to hold for any sequence of events, whatever the method, in exact fractions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import Amounts, Conversion, Fill, Method, Move, Repayment
from analytics.lots import fold
from analytics.money import EXACT

START = datetime(2024, 1, 1, tzinfo=UTC)
POOLS = [(portfolio, instrument) for portfolio in (1, 2) for instrument in (1, 2)]


def with_every_method(test):
    return pytest.mark.parametrize("method", Method)(settings(max_examples=50)(test))


quantities = st.one_of(
    st.integers(1, 12).map(Decimal), st.decimals(min_value="0.0001", max_value=500, places=4)
)
money = st.one_of(
    st.integers(0, 60).map(Decimal), st.decimals(min_value=0, max_value=9000, places=2)
)
fees = st.sampled_from([Decimal(text) for text in ("0", "0", "9.95", "0.01", "7")])
rates = st.sampled_from(
    # Euros for a dollar by 1/1.4528 and 1/3, as long as they come, and two that end.
    [Decimal(1) / Decimal("1.4528"), Decimal(1) / Decimal(3), Decimal(1), Decimal("0.9238")]
)
shares = st.sampled_from([Decimal(text) for text in ("0", "0.1", "0.2348", "0.5", "1")])
pools = st.sampled_from(POOLS)
moments = st.integers(0, 40).map(lambda days: START + timedelta(days=days))


def amounts(own, fee, rate):
    """Return an outlay and the fee within it in both currencies, without rounding."""
    times = EXACT.multiply
    return Amounts(own=own, base=times(own, rate), fees=fee, fees_base=times(fee, rate))


gross_amounts = st.builds(amounts, money, st.just(Decimal(0)), rates)


def _fill(pool, quantity, side, price, fee, rate, **more):
    quantity *= side
    outlay = EXACT.add(EXACT.multiply(quantity, price), fee)
    return Fill(
        id=0,
        at=START,
        pool=pool,
        quantity=quantity,
        outlay=amounts(outlay, fee, rate),
        rate=rate,
        **more,
    )


choices = st.lists(st.tuples(st.integers(1, 25), quantities), max_size=3).map(tuple)


def fills_in(chosen_pools):
    return st.builds(
        _fill,
        pool=chosen_pools,
        quantity=quantities,
        side=st.sampled_from((1, 1, -1)),
        price=money,
        fee=fees,
        rate=rates,
        may_open=st.booleans(),
        passing=st.booleans(),
        chosen=choices,
        opened_at=st.none() | moments,
    )


fills = fills_in(pools)
moves = st.builds(
    lambda source, quantity, chosen: Move(
        id=0,
        at=START,
        source=source,
        target=(3 - source[0], source[1]),
        quantity=quantity,
        chosen=chosen,
    ),
    pools,
    quantities,
    choices,
)
departures = moves.map(lambda move: move._replace(target=None))
ratios = st.integers(1, 12).map(Decimal)
pairs = pools.map(lambda pool: (pool, (pool[0], 3 - pool[1])))
splits = st.builds(
    lambda pool, new, old, paid: Conversion(
        id=0, at=START, source=pool, target=pool, new=new, old=old, in_lieu=paid
    ),
    pools,
    ratios,
    ratios,
    st.none() | gross_amounts,
)
spin_offs = st.builds(
    lambda pair, new, old, share, paid: Conversion(
        id=0,
        at=START,
        source=pair[0],
        target=pair[1],
        new=new,
        old=old,
        keeps=True,
        share=share,
        in_lieu=paid,
    ),
    pairs,
    ratios,
    ratios,
    shares,
    st.none() | gross_amounts,
)
mergers = st.builds(
    lambda pair, new, old, cash, share, whole: Conversion(
        id=0,
        at=START,
        source=pair[0],
        target=None if whole else pair[1],
        new=new,
        old=old,
        cash=cash if cash is not None or not whole else Amounts(),
        cash_share=Decimal(1) if whole else share if cash is not None else Decimal(0),
    ),
    pairs,
    ratios,
    ratios,
    st.none() | gross_amounts,
    shares,
    st.booleans(),
)
repayments = st.builds(
    lambda pool, paid, rate: Repayment(id=0, at=START, pool=pool, paid=paid, rate=rate),
    pools,
    gross_amounts,
    rates,
)


def dated(events):
    """Number events from one, each on a day of its own after the acquisition of any lot."""
    return [
        event._replace(id=number, at=START + timedelta(days=50 + number))
        for number, event in enumerate(events, 1)
    ]


def sequences(*kinds):
    return st.lists(st.one_of(*kinds), max_size=20).map(dated)


inside = sequences(fills, fills, moves, splits, spin_offs, mergers, repayments)
everything = sequences(fills, fills, moves, departures, splits, spin_offs, mergers, repayments)
trades = sequences(fills_in(st.just((1, 1))))


def summed(numbers):
    return sum(map(Fraction, numbers), Fraction(0))


def closings_of(state):
    return [closing for held in state.values() for closing in held.closings]


def lots_of(state):
    return [lot for held in state.values() for lot in held.lots]


def invested(events, figure):
    """Return what was paid for units less what came in for them, of one figure of amounts."""
    outlays = [getattr(event.outlay, figure) for event in events if isinstance(event, Fill)]
    paid = [event.paid for event in events if isinstance(event, Repayment)] + [
        paid
        for event in events
        if isinstance(event, Conversion)
        for paid in (event.cash, event.in_lieu)
        if paid is not None
    ]
    return summed(outlays) - summed(getattr(one, figure) for one in paid)


def kept(state, figure):
    """Return the cost of what is held, and of what left at cost."""
    held = summed(getattr(lot.paid, figure) for lot in lots_of(state))
    passages = [passage for one in state.values() for passage in one.passages]
    return held, passages


@with_every_method
@given(events=everything)
def test_what_was_paid_is_what_was_relieved_and_what_is_held_to_the_last_digit(method, events):
    state = fold(events, method=method)
    departed = {event.id for event in events if isinstance(event, Move) and event.target is None}
    for figure in ("own", "base"):
        held, passages = kept(state, figure)
        left = -summed(getattr(one.worth, figure) for one in passages if one.event_id in departed)
        relieved = summed(
            getattr(one.paid, figure) for one in closings_of(state) if one.paid is not None
        )
        brought = summed(getattr(one.received, figure) for one in closings_of(state))
        assert invested(events, figure) == held + left + relieved - brought


@with_every_method
@given(events=everything)
def test_fees_are_never_lost_nor_counted_twice(method, events):
    state = fold(events, method=method)
    departed = {event.id for event in events if isinstance(event, Move) and event.target is None}
    for figure in ("fees", "fees_base"):
        held, passages = kept(state, figure)
        left = -summed(getattr(one.worth, figure) for one in passages if one.event_id in departed)
        closed = summed(
            getattr(side, figure)
            for one in closings_of(state)
            for side in (one.paid, one.received)
            if side is not None
        )
        assert invested(events, figure) == held + left + closed


@given(events=inside, prices=st.tuples(money, money))
def test_realised_and_unrealised_gains_are_together_the_same_for_every_method(events, prices):
    totals = set()
    for method in Method:
        state = fold(events, method=method)
        realised = summed(
            one.proceeds if one.gain is None else one.gain for one in closings_of(state)
        )
        unrealised = sum(
            (
                Fraction(held.quantity) * Fraction(prices[instrument - 1]) - Fraction(held.cost)
                for (_, instrument), held in state.items()
            ),
            Fraction(0),
        )
        totals.add(realised + unrealised)
    assert len(totals) == 1


@with_every_method
@given(events=sequences(fills, moves, departures, repayments))
def test_units_are_conserved(method, events):
    state = fold(events, method=method)
    departed = {event.id for event in events if isinstance(event, Move) and event.target is None}
    traded = summed(event.quantity for event in events if isinstance(event, Fill))
    unknown = summed(one.quantity for one in closings_of(state) if one.paid is None)
    left = summed(
        one.quantity for held in state.values() for one in held.passages if one.event_id in departed
    )
    assert summed(lot.quantity for lot in lots_of(state)) == traded + unknown + left


@with_every_method
@given(events=everything)
def test_shortfalls_and_quantities_do_not_depend_on_the_method(method, events):
    here, there = fold(events, method=method), fold(events, method=Method.FIFO)
    for pool, held in here.items():
        assert (held.quantity, held.shortfalls) == (there[pool].quantity, there[pool].shortfalls)


@with_every_method
@given(events=everything)
def test_open_lots_are_all_on_one_side_and_oldest_first(method, events):
    for held in fold(events, method=method).values():
        assert len({lot.quantity > 0 for lot in held.lots if lot.quantity}) <= 1
        dates = [lot.opened_at for lot in held.lots]
        assert dates == sorted(dates)


def scaled(event, ratio):
    return event._replace(
        quantity=event.quantity * ratio,
        chosen=tuple((key, units * ratio) for key, units in event.chosen),
    )


@with_every_method
@given(
    before=st.lists(st.one_of(fills, moves, departures), max_size=8),
    after=st.lists(st.one_of(fills, moves, departures), max_size=8),
    ratio=st.sampled_from([(2, 1), (3, 2), (1, 4), (1, 10), (7, 1)]),
)
def test_a_split_is_the_same_as_units_counted_anew_from_the_start(method, before, after, ratio):
    new, old = map(Decimal, ratio)
    split = [
        Conversion(id=0, at=START, source=pool, target=pool, new=new, old=old) for pool in POOLS
    ]
    plain = dated([*before, *split, *after])
    anew = [
        scaled(event, new / old) if place < len(before) else event
        for place, event in enumerate(plain)
        if not isinstance(event, Conversion)
    ]
    late, early = fold(plain, method=method), fold(anew, method=method)
    assert lots_of(late) == lots_of({pool: early[pool] for pool in late if pool in early})
    assert [(one.paid, one.received) for one in closings_of(late)] == [
        (one.paid, one.received)
        for one in closings_of({pool: early[pool] for pool in late if pool in early})
    ]


@with_every_method
@given(events=inside)
def test_once_all_is_sold_the_gain_does_not_depend_on_where_the_fees_are(method, events):
    open_units = {pool: held.quantity for pool, held in fold(events, method=method).items()}
    last = [
        _fill(pool, abs(units), -1 if units > 0 else 1, Decimal(11), Decimal(3), Decimal(1))
        for pool, units in open_units.items()
        if units
    ]
    events = dated([*events, *last])
    expensed = [
        event._replace(outlay=event.outlay.before_fees()) if isinstance(event, Fill) else event
        for event in events
    ]
    paid = summed(event.outlay.fees for event in events if isinstance(event, Fill))

    def gains(state):
        return summed(
            one.proceeds if one.gain is None else one.gain for one in closings_of(state)
        ) - summed(lot.cost for lot in lots_of(state))

    capitalised = fold(events, method=method)
    without = {pool: held.before_fees() for pool, held in capitalised.items()}
    assert all(not held.quantity for held in capitalised.values())
    assert gains(capitalised) == gains(without) - paid
    assert gains(capitalised) == gains(fold(expensed, method=method)) - paid


@given(trades)
def test_the_highest_base_cost_with_fees_is_relieved_first(fills):
    fills = [one._replace(may_open=True) for one in fills]
    for place, one in enumerate(fills):
        after = fold(fills[: place + 1], method=Method.HIFO)[(1, 1)]
        closed = [
            Fraction(c.cost_base) / Fraction(c.quantity)
            for c in after.closings
            if c.event_id == one.id
        ]
        left = [
            Fraction(lot.cost_base) / Fraction(lot.quantity)
            for lot in after.lots
            if lot.fill_id != one.id
        ]
        # What is left of a lot differs from it by the last digit of the cost that was cut off, and
        # lots tie whose costs agree in twelve digits.
        for relieved in closed:
            sign = 1 if one.quantity < 0 else -1
            for other in left:
                assert sign * (relieved - other) > -(1 + 10 * abs(other)) / 10**12


def matched_by_fractions(fills, method):
    """Match sales that are all covered in fractions, without a line of the code under test."""
    lots, found = [], []
    for one in fills:
        units = abs(Fraction(one.quantity))
        each = Fraction(one.outlay.own) / Fraction(one.quantity)
        base = Fraction(one.outlay.base) / Fraction(one.quantity)
        if one.quantity > 0:
            lots.append(
                {"at": (one.opened_at or one.at, one.id), "units": units, "own": each, "base": base}
            )
            continue
        order = {
            Method.FIFO: lambda lot: lot["at"],
            Method.LIFO: lambda lot: (-lot["at"][0].timestamp(), -lot["at"][1]),
            Method.HIFO: lambda lot: (-lot["base"], lot["at"]),
            Method.AVERAGE: lambda lot: lot["at"],
        }[method]
        held = sum(lot["units"] for lot in lots)
        mean = sum(lot["units"] * lot["own"] for lot in lots) / held
        for lot in sorted(lots, key=order):
            taken = min(units, lot["units"])
            if taken:
                cost = mean if method is Method.AVERAGE else lot["own"]
                found.append((lot["at"][1], taken, taken * cost, taken * each))
            lot["units"] -= taken
            units -= taken
        lots = [lot for lot in lots if lot["units"]]
        if method is Method.AVERAGE:
            for lot in lots:
                lot["own"] = mean
    return found


def covered(fills):
    """Turn each sale that nothing covers into a purchase."""
    held = Decimal(0)
    for one in fills:
        if one.quantity < 0 and -one.quantity > held:
            one = one._replace(quantity=-one.quantity, outlay=one.outlay.received())
        held += one.quantity
        yield one._replace(may_open=True)


@pytest.mark.parametrize("method", [one for one in Method if one is not Method.SPECIFIC])
@given(fills=trades)
def test_each_match_is_the_one_that_fractions_find(method, fills):
    fills = list(covered(fills))
    expected = matched_by_fractions(fills, method)
    found = closings_of(fold(fills, method=method))
    assert [(one.lot_fill_id, one.quantity) for one in found] == [
        (lot, units) for lot, units, *_ in expected
    ]
    for one, (_, _, cost, proceeds) in zip(found, expected, strict=True):
        assert abs(Fraction(one.cost) - cost) < Fraction(1, 10**15)
        assert abs(Fraction(one.proceeds) - proceeds) < Fraction(1, 10**15)


@with_every_method
@given(parts=st.integers(1, 60), cost=money, price=money)
def test_selling_in_equal_parts_never_drifts(method, parts, cost, price):
    bought = _fill((1, 1), Decimal(parts), 1, Decimal(0), cost, Decimal(1))
    sold = [_fill((1, 1), Decimal(1), -1, price, Decimal(0), Decimal(1))] * parts
    held = fold(dated([bought, *sold]), method=method)[(1, 1)]
    exact = Fraction(cost) / parts
    # Each part is off by half of the last digit at most, and by what those before it were off.
    assert all(abs(Fraction(one.cost) - exact) <= Fraction(1, 10**18) for one in held.closings)
    assert (held.lots, held.cost, held.fees) == ((), 0, 0)
    assert Fraction(held.realized) == parts * Fraction(price) - Fraction(cost)


@with_every_method
@given(events=everything)
def test_the_callers_own_decimal_precision_changes_nothing(method, events):
    wide = fold(events, method=method)
    with localcontext() as context:
        context.prec = 9
        assert fold(events, method=method) == wide
