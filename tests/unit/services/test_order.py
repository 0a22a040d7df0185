"""The place of entries in the ledger: by day, then by time, then by what they do."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.events import Method
from models.transactions import Kind, Transaction
from services.entries import Terms, ledger_states
from services.order import in_order

DAY = datetime(2024, 6, 3, tzinfo=UTC)


def entry(kind, *, at=DAY, **columns):
    numbers = {
        name: value if value is None else Decimal(value)
        for name, value in columns.items()
        if name not in {"id", "acquired_at"}
    }
    cash = kind in {Kind.DEPOSIT, Kind.WITHDRAWAL}
    return Transaction(
        portfolio_id=1,
        instrument_id=None if cash else 7,
        kind=kind.value,
        occurred_at=at,
        currency="EUR",
        settlement_currency="EUR",
        instrument_currency=None if cash else "EUR",
        created_at=DAY,
        id=columns.get("id"),
        acquired_at=columns.get("acquired_at"),
        **({"rate": Decimal(1), "fee": Decimal(0), "tax": Decimal(0)} | numbers),
    )


def state_of(entries, method=Method.FIFO):
    """Return all that entries lead to, under numbers they get in the order they are given."""
    numbered = [
        entry_.model_copy(update={"id": number}) for number, entry_ in enumerate(entries, 1)
    ]
    terms = {1: Terms(allow_short=True, method=method)}
    state = ledger_states(numbered, terms=terms)[1]
    instruments = {
        key: (
            [(lot.opened_at, lot.quantity, lot.paid) for lot in one.holding.lots],
            [(c.opened_at, c.quantity, c.paid, c.received) for c in one.holding.closings],
            [(s.wanted, s.held) for s in one.holding.shortfalls],
            (one.income, one.income_base, one.flows),
        )
        for key, one in state.instruments.items()
    }
    return instruments, state.cash, state.totals


def test_without_times_what_brings_in_counts_before_what_takes_out():
    kinds = [
        Kind.WITHDRAWAL,
        Kind.SELL,
        Kind.RETURN_OF_CAPITAL,
        Kind.DIVIDEND,
        Kind.BUY,
        Kind.DEPOSIT,
        Kind.SPLIT,
    ]
    assert [one.kind for one in in_order(map(entry, kinds))] == [
        kind.value for kind in reversed(kinds)
    ]


def test_a_purchase_of_the_day_covers_a_sale_of_the_day_whatever_was_entered_first():
    sale = entry(Kind.SELL, quantity=10, price=20)
    purchase = entry(Kind.BUY, quantity=10, price=10)
    assert state_of([sale, purchase]) == state_of([purchase, sale])
    ((lots, closings, shortfalls, _),) = state_of([sale, purchase])[0].values()
    assert (lots, len(closings), shortfalls) == ([], 1, [])


def test_a_short_of_the_day_is_there_to_be_covered_on_the_day():
    cover = entry(Kind.COVER, quantity=10, price=15)
    short = entry(Kind.SHORT, quantity=10, price=20)
    ((lots, closings, shortfalls, _),) = state_of([cover, short])[0].values()
    assert (lots, shortfalls) == ([], [])
    assert [(quantity, paid.own, got.own) for _, quantity, paid, got in closings] == [
        (-10, -200, -150)
    ]


def test_a_split_counts_before_the_trades_of_its_day():
    # 10 at 8 on the day before; 1 for 2 on the day, when 5 are sold: nothing is left.
    before = entry(Kind.BUY, at=DAY - timedelta(days=1), quantity=10, price=8)
    split = entry(Kind.SPLIT, ratio_new=1, ratio_old=2)
    sale = entry(Kind.SELL, quantity=5, price=20)
    ((lots, closings, shortfalls, _),) = state_of([sale, split, before])[0].values()
    assert (lots, shortfalls) == ([], [])
    assert [(quantity, paid.own) for _, quantity, paid, _ in closings] == [(5, 80)]


def test_times_decide_where_entries_have_them():
    noon, evening = DAY + timedelta(hours=12), DAY + timedelta(hours=18)
    sale = entry(Kind.SELL, at=noon, quantity=1, price=20)
    purchase = entry(Kind.BUY, at=evening, quantity=1, price=10)
    assert in_order([purchase, sale]) == [sale, purchase]
    # Without a time of its own a purchase is there from the morning, and a sale waits for night.
    early = entry(Kind.BUY, quantity=1, price=10)
    late = entry(Kind.SELL, quantity=1, price=10)
    assert in_order([late, purchase, sale, early]) == [early, sale, purchase, late]


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        ("price", 1, 2),
        ("quantity", 1, 2),
        ("fee", 1, 2),
        ("tax", 1, 2),
        ("rate", 1, 2),
        ("rate", None, 2),
        ("instrument_rate", 1, 2),
        ("acquired_at", DAY - timedelta(days=9), DAY - timedelta(days=1)),
    ],
)
def test_entries_that_differ_count_in_one_order_whichever_came_first(column, low, high):
    common = {"quantity": 1, "price": 10} | {column: low}
    first = entry(Kind.BUY, **common, id=2)
    second = entry(Kind.BUY, **(common | {column: high}), id=1)
    assert in_order([first, second]) == in_order([second, first]) == [first, second]


def test_equal_entries_count_in_the_order_of_entry():
    first, second = (entry(Kind.BUY, quantity=1, price=10, id=number) for number in (1, 2))
    assert in_order([second, first]) == [first, second]


small = st.integers(1, 4).map(Decimal)
fees = st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(2)])
rates = st.sampled_from([None, Decimal(1), Decimal("0.9")])
kinds_of_trade = st.sampled_from(
    [Kind.BUY, Kind.SELL, Kind.SHORT, Kind.COVER, Kind.DELIVERY_IN, Kind.DELIVERY_OUT]
)
trades = st.builds(
    lambda kind, quantity, price, fee, tax, rate: entry(
        kind, quantity=quantity, price=price, fee=fee, tax=tax, rate=rate
    ),
    kinds_of_trade,
    small,
    small,
    fees,
    fees,
    rates,
)
payments = st.builds(
    lambda kind, amount, fee, rate: entry(kind, amount=amount, fee=fee, rate=rate),
    st.sampled_from(
        [Kind.DIVIDEND, Kind.RETURN_OF_CAPITAL, Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.FEE]
    ),
    small,
    fees,
    rates,
)
splits = st.builds(lambda new, old: entry(Kind.SPLIT, ratio_new=new, ratio_old=old), small, small)


@given(
    entries=st.lists(st.one_of(trades, trades, payments, splits), min_size=2, max_size=9),
    method=st.sampled_from(Method),
    data=st.data(),
)
def test_entries_of_one_day_lead_to_the_same_in_any_order_of_entry(entries, method, data):
    shuffled = data.draw(st.permutations(entries))
    assert state_of(shuffled, method) == state_of(entries, method)
