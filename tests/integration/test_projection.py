"""The stored projection: equal to what a rebuild derives, at a cost that does not grow."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from models.drafts import Draft
from models.positions import Lot
from models.transactions import TRADES, UNIT_TRANSFERS, Kind
from services.accounts import create_user
from services.booking import RefusedPlacesError, book, hold_portfolio
from services.errors import RefusedError
from services.portfolios import create_portfolio
from services.preparing import prepare
from services.projection import rebuild
from services.transactions import void_transaction
from services.verification import verify

MONDAY = datetime(2024, 1, 8, 15, tzinfo=UTC)
KINDS = frozenset({Kind.SPLIT, Kind.RETURN_OF_CAPITAL, Kind.DIVIDEND, Kind.DEPOSIT})


class Ledger:
    """One user's portfolio, booked into as the services do it."""

    def __init__(self, services, owner_id, portfolio):
        self.services = services
        self.owner_id = owner_id
        self.portfolio = portfolio

    async def book(self, *drafts):
        services, now = self.services, self.services.clock()
        prepared = await prepare(
            services.database, services.market, base_currency="USD", drafts=drafts
        )
        async with services.database.writing() as session:
            held = await hold_portfolio(
                session, user_id=self.owner_id, portfolio_id=self.portfolio.id
            )
            entries = await book(
                session,
                held,
                prepared=prepared,
                places=range(len(drafts)),
                now=now,
                lenient=True,
            )
        return [entry.id for entry in entries]

    async def void(self, key):
        async with self.services.database.writing() as session:
            await void_transaction(
                session,
                user_id=self.owner_id,
                transaction_id=key,
                kinds=KINDS | TRADES | UNIT_TRANSFERS,
                reason=None,
                now=self.services.clock(),
            )

    async def differences(self):
        async with self.services.database.reading() as session:
            return await verify(session, self.portfolio)

    async def rebuild(self):
        async with self.services.database.writing() as session:
            await rebuild(session, self.portfolio)

    async def lots(self):
        """Return the stored lots as a reader gets them, keys included."""
        async with self.services.database.reading() as session:
            rows = await session.scalars(select(Lot).order_by(Lot.opened_at, Lot.id))
            return [row.model_dump() for row in rows]


async def open_ledger(api, *, lot_method="FIFO"):
    services = api.services
    async with services.database.writing() as session:
        now, name = services.clock(), uuid.uuid4().hex
        user = await create_user(session, name, password_hash="-", base_currency="USD", now=now)
        row = await create_portfolio(
            session, "Main", owner_id=user.id, base_currency="USD", now=now
        )
        row.lot_method = lot_method
    return Ledger(services, user.id, row)


def draft(kind, *, day=0, symbol="AAPL", **fields):
    return Draft(kind=kind, occurred_at=MONDAY + timedelta(days=day), symbol=symbol, **fields)


def buy(units, price, **fields):
    return draft(Kind.BUY, quantity=Decimal(units), price=Decimal(price), **fields)


def sell(units, price, **fields):
    return draft(Kind.SELL, quantity=Decimal(units), price=Decimal(price), **fields)


async def statements_of(ledger, *drafts):
    await ledger.services.market.flush()  # or it might write what it learnt in between
    before = ledger.services.database.statements
    await ledger.book(*drafts)
    return ledger.services.database.statements - before


@pytest.mark.parametrize("lots", [1, 700])
async def test_one_more_trade_costs_the_same_statements_however_many_lots(api, lots):
    ledger = await open_ledger(api)
    await ledger.book(*(buy(10, 100, day=number % 90) for number in range(lots)))
    assert await statements_of(ledger, buy(10, 100, day=100)) == 20
    assert await statements_of(ledger, sell(15, 100, day=101)) == 21


async def test_a_batch_costs_the_same_statements_however_many_rows(api):
    ledger = await open_ledger(api)
    await ledger.book(buy(10, 100))
    few = await statements_of(ledger, *(buy(10, 100, day=1) for _ in range(2)))
    many = await statements_of(ledger, *(buy(10, 100, day=2) for _ in range(400)))
    assert (few, many) == (20, 20)


async def test_a_batch_gets_keys_in_its_own_order(api):
    ledger = await open_ledger(api)
    keys = await ledger.book(
        *(buy(number + 1, 100, rate=None if number % 2 else Decimal(1)) for number in range(700))
    )
    assert keys == sorted(keys)
    assert [lot["quantity"] for lot in await ledger.lots()] == list(range(1, 701))


async def test_a_purchase_leaves_the_stored_lots_alone(api):
    ledger = await open_ledger(api)
    await ledger.book(buy(10, 100, day=0), buy(10, 110, day=1))
    before = await ledger.lots()
    await ledger.book(buy(10, 120, day=2))
    assert (await ledger.lots())[:2] == before


async def test_a_sale_writes_only_the_lots_it_takes_from(api):
    ledger = await open_ledger(api)
    await ledger.book(buy(10, 100, day=0), buy(10, 110, day=1), buy(10, 120, day=2))
    before = await ledger.lots()
    await ledger.book(sell(15, 130, day=3))
    cut, kept = await ledger.lots()
    assert (cut["transaction_id"], cut["quantity"]) == (before[1]["transaction_id"], 5)
    assert kept == before[2]


async def test_lots_of_one_moment_stay_in_the_order_they_were_bought(api):
    ledger = await open_ledger(api)
    keys = await ledger.book(buy(1, 100), buy(2, 101), buy(3, 102))
    await ledger.book(sell(1, 130, day=1))
    assert [lot["transaction_id"] for lot in await ledger.lots()] == keys[1:]


async def test_many_instruments_are_read_and_written_in_parts(api, monkeypatch):
    monkeypatch.setattr("models.database.CHUNK", 2)
    ledger = await open_ledger(api)
    symbols = ["AAPL", "MSFT", "NVDA", "KO", "JPM"]
    await ledger.book(*(buy(1, 100, symbol=symbol) for symbol in symbols))
    await ledger.book(*(buy(2, 100, symbol=symbol, day=1) for symbol in symbols))
    assert [lot["quantity"] for lot in await ledger.lots()] == [1] * 5 + [2] * 5
    assert await ledger.differences() == []


amounts = st.integers(1, 12).map(Decimal)
days = st.integers(0, 6)
symbols = st.sampled_from(["AAPL", "SAP.DE"])
trades = st.builds(
    draft,
    st.sampled_from([Kind.BUY, Kind.BUY, Kind.SELL]),
    day=days,
    symbol=symbols,
    quantity=amounts,
    price=amounts,
    fee=amounts,
)
changes = st.lists(
    st.one_of(
        st.lists(trades, min_size=1, max_size=4),
        st.builds(
            draft,
            st.just(Kind.SPLIT),
            day=days,
            symbol=symbols,
            ratio_new=amounts,
            ratio_old=amounts,
        ).map(lambda one: [one]),
        st.builds(
            draft, st.just(Kind.RETURN_OF_CAPITAL), day=days, symbol=symbols, amount=amounts
        ).map(lambda one: [one]),
        st.builds(
            draft, st.just(Kind.DELIVERY_OUT), day=days, symbol=symbols, quantity=amounts
        ).map(lambda one: [one]),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=changes, method=st.sampled_from(["FIFO", "LIFO", "HIFO", "AVERAGE", "SPECIFIC"]))
async def test_after_any_changes_the_projection_is_what_a_rebuild_derives(api, changes, method):
    ledger = await open_ledger(api, lot_method=method)
    keys = []
    for change in changes:
        try:
            if isinstance(change, list):
                keys += await ledger.book(*change)
            elif keys:
                await ledger.void(keys[change % len(keys)])
        except (RefusedError, RefusedPlacesError):
            continue
        assert await ledger.differences() == []
    stored = await ledger.lots()
    await ledger.rebuild()
    assert await ledger.differences() == []
    assert await ledger.lots() == stored
