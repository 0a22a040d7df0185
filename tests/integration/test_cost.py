"""What the canonical query costs: counted on a cold pool, whatever the number of portfolios."""

from typing import get_args

import pytest

from gateway.auth import context_for
from gateway.documents import Documents
from gateway.limits import Limits
from gateway.schema import Engine, executed_by, schema
from gateway.transports.execution import Executor, Request
from gateway.web.explorer import default_tabs
from models.users import user_by_name
from services.booking import book, hold_portfolio
from services.demo import GROWTH
from services.portfolios import create_portfolio
from services.preparing import prepare
from tests.ledger import Ledger, all_sorts, combined

CANONICAL = default_tabs()[0]["query"]


@pytest.fixture(autouse=True)
def _nothing_is_written_behind(api):
    """Keep what is learnt from being written in the middle of a count: that is no reader's cost."""
    api.services.market._learner._flusher.cancel()


async def add_portfolios(services, clock, count):
    async with services.database.writing() as session:
        user = await session.scalar(user_by_name("demo"))
        for number in range(count):
            row = await create_portfolio(
                session, f"More {number}", owner_id=user.id, base_currency="USD", now=clock()
            )
            prepared = await prepare(
                services.database, services.market, base_currency="USD", drafts=GROWTH
            )
            held = await hold_portfolio(session, user_id=user.id, portfolio_id=row.id)
            await book(session, held, prepared=prepared, places=range(len(GROWTH)), now=clock())


@pytest.mark.parametrize("more", [0, 8])
async def test_the_canonical_query_costs_six_statements_and_one_call_a_kind(demo, clock, more):
    services = demo.services
    await add_portfolios(services, clock, more)
    await services.database.engine.dispose()  # a cold pool: shared sessions fail here only
    before, calls = services.database.statements, dict(services.market.calls)
    answer = await demo.data(CANONICAL)
    assert len(answer["viewer"]["portfolios"]) == 2 + more
    # user, portfolios, positions with cash and totals, today's entries, trades, count of trades
    assert services.database.statements - before == 6
    made = {key: count - calls.get(key, 0) for key, count in services.market.calls.items()}
    assert {key: count for key, count in made.items() if count} == {
        ("simulated", "quotes"): 1,
        ("simulated", "profiles"): 1,
        ("ecb_file", "rates"): 2,  # once for today and once for past days: each has its own cache
    }


# The same at several depths, so that who asks does so in different turns of the event loop.
DEPTHS = """{ viewer {
  a: portfolios { positions { quote { price } instrument { quote { price } } lots { quantity } } }
  portfolios {
    trades(first: 3) { nodes { instrument { quote { price } profile { name } } } }
    positions { weight lots { quantity } }
    lots(first: 5) { nodes { instrument { symbol quote { price } } } }
  }
} }"""


@pytest.mark.parametrize(("asked", "cost"), [(CANONICAL, 6), (DEPTHS, 6)])
@pytest.mark.parametrize("engine", get_args(Engine))
async def test_either_engine_costs_the_same_statements(demo, engine, asked, cost):
    services = demo.services
    documents = Documents(schema._schema, limits=Limits(), introspection=True)
    executor = Executor(executed_by(schema, engine), documents)
    context = await context_for(
        services, authorization=demo.headers["authorization"], request_id="test"
    )
    request = Request(query=asked)
    operation = await executor.operation(request, context)
    before = services.database.statements
    answer = await executor.execute(request, operation=operation, context=context)
    assert "errors" not in answer
    assert services.database.statements - before == cost


async def test_asking_again_within_the_minute_asks_no_provider(demo):
    await demo.data(CANONICAL)
    calls = dict(demo.services.market.calls)
    await demo.data(CANONICAL)
    assert dict(demo.services.market.calls) == calls


READS = {
    "lots(first: 100) { nodes { quantity instrument { symbol quote { price } } } }": 4,
    "realizedGains(first: 100) { nodes { gain { amount } closedBy { kind } } }": 8,
    "positions(lotMethod: LIFO) { symbol lots { quantity } }": 7,
    "transactions(first: 100) { nodes { history { changedBy fields { field } } } }": 4,
    "transactionsExport { content }": 8,
}


@pytest.mark.parametrize("read", READS)
async def test_a_read_costs_as_many_statements_whatever_the_length_of_the_ledger(api, read):
    await api.sign_up("ann")
    ledger = await all_sorts(api)
    assert await statements(api, ledger.see(read)) == READS[read]
    rows = [trade("BUY", day) for day in range(1, 21)] + [trade("SELL", day) for day in range(1, 6)]
    await ledger.record("recordTransactions", transactions=rows)
    assert await statements(api, ledger.see(read)) == READS[read]


@pytest.mark.parametrize(
    "fields",
    [
        "positions { symbol lots { quantity } } overview { value { amount } } cash { amount }",
        "lots { nodes { quantity } } realizedGains { nodes { gain { amount } } }",
    ],
)
async def test_all_portfolios_as_one_cost_as_many_statements_whatever_their_number(api, fields):
    await api.sign_up("ann")
    await all_sorts(api)
    before = await statements(api, combined(api, fields))
    for number in range(3):
        more = await Ledger.create(api, f"More {number}")
        await more.record("recordTransactions", transactions=[trade("BUY", 1), trade("SELL", 2)])
    assert await statements(api, combined(api, fields)) == before


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_booking_costs_as_many_statements_whatever_the_length_of_the_ledger(api, dry_run):
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    bookings = (
        ("recordTrade", {"side": "SELL", "symbol": "AAPL", "quantity": "1", "price": "1"}),
        ("recordCashTransfer", {"direction": "DEPOSIT", "amount": "1"}),
    )
    await ledger.record("recordTransactions", transactions=[trade("BUY", 1, "50")])
    costs = []
    for days in (range(1, 3), range(3, 23)):
        rows = [trade("SELL", day) for day in days]
        await ledger.record("recordTransactions", transactions=rows)
        costs.append(
            [
                await statements(
                    api, ledger.record(mutation, day="2024-05-02", dryRun=dry_run, **fields)
                )
                for mutation, fields in bookings
            ]
        )
    assert costs[0] == costs[1]


def trade(kind, day, quantity="1"):
    return {
        "kind": kind,
        "occurredAt": f"2024-04-{day:02}T10:00:00Z",
        "symbol": "AAPL",
        "quantity": quantity,
        "price": "100",
    }


async def statements(api, asked):
    before = api.services.database.statements
    await asked
    return api.services.database.statements - before
