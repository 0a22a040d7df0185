"""How often the application waits for PostgreSQL, counted on the wire."""

import pytest

from tests.integration.test_cost import CANONICAL
from tests.wire import Wire

pytestmark = pytest.mark.postgres


@pytest.fixture
async def wire(postgres):
    lent = postgres.lend()
    wire = Wire(lent.url)
    async with wire.open():
        yield wire
    postgres.take_back(lent)


@pytest.fixture
def database_url(wire):
    return wire.url


async def test_the_dashboard_costs_one_round_trip_a_statement(demo, wire):
    services = demo.services
    services.market._learner._flusher.cancel()  # which writes whenever it likes
    costs = []
    for _ in range(8):  # the first times statements are prepared
        before = wire.round_trips, services.database.statements
        await demo.data(CANONICAL)
        costs.append((wire.round_trips - before[0], services.database.statements - before[1]))
    assert min(costs) == (6, 6)
