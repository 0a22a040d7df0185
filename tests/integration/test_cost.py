"""What the canonical query costs: counted on a cold pool, whatever the number of portfolios."""

import pytest

from gateway.web.explorer import default_tabs
from models.users import user_by_name
from services.booking import book, hold_portfolio, prepare
from services.demo import GROWTH
from services.portfolios import create_portfolio

CANONICAL = default_tabs()[0]["query"]


async def add_portfolios(services, clock, count):
    async with services.database.writing() as session:
        user = await session.scalar(user_by_name("demo"))
        for number in range(count):
            row = await create_portfolio(
                session, f"More {number}", owner_id=user.id, base_currency="USD", now=clock()
            )
            prepared = await prepare(session, services.market, base_currency="USD", drafts=GROWTH)
            held = await hold_portfolio(session, owner_id=user.id, portfolio_id=row.id)
            await book(session, held, prepared=prepared, places=range(len(GROWTH)), now=clock())


@pytest.mark.parametrize("more", [0, 8])
async def test_the_canonical_query_costs_eight_statements_and_one_call_a_kind(demo, clock, more):
    services = demo.services
    await add_portfolios(services, clock, more)
    await services.database.engine.dispose()  # a cold pool: shared sessions fail here only
    before, calls = services.database.statements, dict(services.market.calls)
    answer = await demo.data(CANONICAL)
    assert len(answer["viewer"]["portfolios"]) == 2 + more
    # user, portfolios, positions, cash, totals, today's entries, trades, count of trades
    assert services.database.statements - before == 8
    made = {key: count - calls.get(key, 0) for key, count in services.market.calls.items()}
    assert {key: count for key, count in made.items() if count} == {
        ("simulated", "quotes"): 1,
        ("simulated", "profiles"): 1,
        ("ECB", "rates"): 2,  # once for today and once for past days: each has its own cache
    }


async def test_asking_again_within_the_minute_asks_no_provider(demo):
    await demo.data(CANONICAL)
    calls = dict(demo.services.market.calls)
    await demo.data(CANONICAL)
    assert dict(demo.services.market.calls) == calls
