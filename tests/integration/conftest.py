"""The application on a market that a test makes up."""

from contextlib import AsyncExitStack

import httpx2
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import SECRET, Api


@pytest.fixture
async def open_market(database_url, clock, tmp_path):
    """Start the application, signed in, on closes and rates given as CSV."""
    async with AsyncExitStack() as stack:

        async def start(*, prices, rates):
            (tmp_path / "prices.csv").write_text(prices, encoding="utf-8")
            (tmp_path / "rates.csv").write_text(rates, encoding="utf-8")
            settings = Settings(
                database_url=database_url,
                secret=SECRET,
                log_level="error",
                providers=("files",),
                price_files=(tmp_path / "prices.csv",),
                rate_file=tmp_path / "rates.csv",
            )
            application = create_app(settings, clock=clock)
            await stack.enter_async_context(application.router.lifespan_context(application))
            client = await stack.enter_async_context(
                httpx2.AsyncClient(
                    transport=httpx2.ASGITransport(application), base_url="http://test"
                )
            )
            api = Api(client, application.state.services)
            await api.sign_up("ann")
            return api

        yield start


class Books:
    """Books into ledgers through the graph, and refuses to go on when one is refused."""

    def __init__(self, api):
        self.api = api

    async def portfolio(self, name="Main", **extra):
        query = """mutation($input: CreatePortfolioInput!) { done: createPortfolio(input: $input) {
          portfolio { id } userErrors { message } } }"""
        return (await self._done(query, {"name": name} | extra))["portfolio"]["id"]

    async def record(self, mutation, portfolio_id, day, **given):
        place = {} if portfolio_id is None else {"portfolioId": portfolio_id}
        kind = mutation[0].upper() + mutation[1:]
        query = (
            f"mutation($input: {kind}Input!) {{ done: {mutation}(input: $input) "
            "{ userErrors { message field } } }"
        )
        await self._done(query, place | {"occurredAt": f"{day}T12:00:00Z"} | given)

    async def _done(self, query, given):
        done = (await self.api.data(query, {"input": given}))["done"]
        assert done["userErrors"] == []
        return done


@pytest.fixture
def books():
    return Books
