"""The whole application on vendors that fail: an outage costs freshness, never an answer."""

from contextlib import AsyncExitStack
from datetime import timedelta

import httpx2
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from gateway.web.explorer import default_tabs
from tests.conftest import SECRET, Api
from tests.vendors import HTML, KEY, fake_vendor, reply

QUOTE = """{ instrument(symbol: "AAPL") {
    quote { price currency source quality asOf receivedAt changeRatio
            attempts { provider outcome detail } doubt { doubt rejected price against } }
    quoteAttempts { provider outcome }
} }"""

UNKNOWN = {"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}


class Vendors:
    """Two vendors and the application in front of them."""

    def __init__(self, finnhub, alpha_vantage, clock):
        self.finnhub, self.alpha_vantage = finnhub, alpha_vantage
        self.clock = clock
        self.price = "214.20"
        self.api = None
        finnhub.handler = self.good_finnhub
        alpha_vantage.handler = self.good_alpha_vantage

    def good_finnhub(self, request):
        if request.path != "/quote":
            return reply({"error": "You don't have access to this resource."}, status=403)
        if request.query["symbol"] != "AAPL":
            return reply(UNKNOWN)
        seconds = int(self.clock.now.timestamp())
        return reply(
            f'{{"c":{self.price},"d":0.1,"dp":0.05,"h":215,"l":213,"o":214,"pc":210,"t":{seconds}}}'
        )

    def good_alpha_vantage(self, request):
        if request.query["function"] == "SYMBOL_SEARCH":
            match = {
                "1. symbol": request.query["keywords"],
                "2. name": "Apple Inc",
                "3. type": "Equity",
                "4. region": "United States",
                "8. currency": "USD",
                "9. matchScore": "1.0000",
            }
            return reply({"bestMatches": [match]})
        if request.query["function"] != "GLOBAL_QUOTE" or request.query["symbol"] != "AAPL":
            return reply({"Global Quote": {}} if "symbol" in request.query else {})
        day = self.clock.now.date()
        return reply(
            {"Global Quote": {"01. symbol": "AAPL", "05. price": "212.0000", "07. latest trading day": f"{day}"}}
        )  # fmt: skip

    async def quote(self):
        return (await self.api.data(QUOTE))["instrument"]["quote"]

    def calls(self):
        asked = [
            request.query["symbol"]
            for request in self.alpha_vantage.requests
            if request.query["function"] == "GLOBAL_QUOTE"
        ]
        return self.finnhub.paths.count("/quote"), len(asked)


@pytest.fixture
async def start(database_url, clock, capfd):
    """Start the application, signed in and holding one Apple share; again for a restart."""
    async with AsyncExitStack() as stack:
        vendors = Vendors(
            await stack.enter_async_context(fake_vendor()),
            await stack.enter_async_context(fake_vendor()),
            clock,
        )
        running = AsyncExitStack()
        stack.push_async_callback(lambda: running.aclose())  # noqa: PLW0108  # the last one

        async def begin(**settings):
            nonlocal running
            await running.aclose()
            running = AsyncExitStack()
            application = create_app(
                Settings(
                    database_url=database_url,
                    secret=SECRET,
                    providers=("finnhub", "alpha_vantage"),
                    finnhub_key=KEY,
                    alpha_vantage_key=KEY,
                    # Without a pause: the clock stands still.
                    provider_limits={"alpha_vantage": "20/day"},
                    provider_urls={
                        "finnhub": vendors.finnhub.url,
                        "alpha_vantage": vendors.alpha_vantage.url,
                    },
                    refresh_seconds=0,
                    **settings,
                ),
                clock=clock,
            )
            await running.enter_async_context(application.router.lifespan_context(application))
            client = await running.enter_async_context(
                httpx2.AsyncClient(
                    transport=httpx2.ASGITransport(application), base_url="http://test"
                )
            )
            headers = vendors.api.headers if vendors.api else None
            vendors.api = Api(client, application.state.services)
            if headers is None:
                await vendors.api.sign_up("ann")
                await vendors.api.data(
                    'mutation { createPortfolio(input: {name: "A", baseCurrency: "USD"}) '
                    "{ portfolio { id } } }"
                )
                await book(vendors.api)
            else:
                vendors.api.headers = headers
            return vendors

        yield begin
    out, err = capfd.readouterr()
    assert KEY not in out + err


async def book(api):
    answer = await api.data("{ viewer { portfolios { id } } }")
    given = {
        "portfolioId": answer["viewer"]["portfolios"][0]["id"],
        "symbol": "AAPL",
        "side": "BUY",
        "quantity": "1",
        "price": "200",
        "occurredAt": "2024-06-13T15:00:00Z",
    }
    booked = await api.data(
        "mutation($input: RecordTradeInput!) { recordTrade(input: $input) "
        "{ trade { id } userErrors { message } } }",
        {"input": given},
    )
    assert booked["recordTrade"]["userErrors"] == []


async def test_the_first_vendor_answers_and_the_second_is_not_asked(start):
    vendors = await start()
    quote = await vendors.quote()
    assert (quote["price"], quote["currency"], quote["source"]) == ("214.2", "USD", "finnhub")
    assert quote["quality"] == "FRESH"
    assert quote["asOf"] == quote["receivedAt"] == "2024-06-14T15:00:00Z"
    assert quote["changeRatio"] == 0.02
    assert quote["attempts"] == [{"provider": "finnhub", "outcome": "ANSWERED", "detail": None}]
    await vendors.quote()
    assert vendors.calls() == (1, 0)


async def test_outages_cost_freshness_and_never_an_answer_even_after_a_restart(start, clock):
    vendors = await start()
    await vendors.quote()

    vendors.finnhub.answers(reply(reset=True))
    clock.now += timedelta(minutes=2)
    quote = await vendors.quote()
    assert (quote["price"], quote["source"], quote["quality"]) == (
        "212",
        "alpha_vantage",
        "DELAYED",
    )
    assert [one["outcome"] for one in quote["attempts"]] == ["UNAVAILABLE", "ANSWERED"]

    vendors.alpha_vantage.answers(HTML)
    clock.now += timedelta(minutes=2)
    quote = await vendors.quote()
    assert (quote["price"], quote["quality"]) == ("212", "STALE")
    assert [one["outcome"] for one in quote["attempts"]] == ["UNAVAILABLE", "BAD_PAYLOAD"]

    vendors = await start()
    quote = await vendors.quote()
    assert (quote["price"], quote["quality"]) == ("212", "STALE")
    assert quote["receivedAt"] == "2024-06-14T15:02:00Z"

    vendors.finnhub.handler = vendors.good_finnhub
    clock.now += timedelta(minutes=2)
    assert (await vendors.quote())["source"] == "finnhub"


async def test_a_price_in_pence_is_not_believed_and_both_prices_are_told(start, clock):
    vendors = await start()
    await vendors.quote()
    vendors.price = "21420"
    clock.now += timedelta(minutes=2)
    vendors.alpha_vantage.answers(HTML)
    quote = await vendors.quote()
    assert (quote["price"], quote["quality"]) == ("214.2", "STALE")
    assert quote["doubt"] == {
        "doubt": "MINOR_UNIT",
        "rejected": True,
        "price": "21420",
        "against": "214.2",
    }
    assert quote["attempts"][0]["outcome"] == "REJECTED"


async def test_a_key_that_is_refused_and_a_limit_are_told_apart(start):
    vendors = await start()
    vendors.finnhub.answers(reply({"error": "Invalid API key."}, status=401))
    vendors.alpha_vantage.answers(
        reply({"Information": f"{KEY}: our standard API rate limit is 25 requests per day."})
    )
    answer = await vendors.api.data(QUOTE)
    assert answer["instrument"] == {
        "quote": None,
        "quoteAttempts": [
            {"provider": "finnhub", "outcome": "INVALID_CREDENTIALS"},
            {"provider": "alpha_vantage", "outcome": "QUOTA_EXHAUSTED"},
        ],
    }
    statuses = (
        await vendors.api.data(
            "{ providerStatuses { name usable lastError budgets { callsLeft resetsAt } } }"
        )
    )["providerStatuses"]
    finnhub, alpha_vantage, ecb = statuses
    assert (finnhub["name"], finnhub["usable"]) == ("finnhub", False)
    assert KEY not in str(statuses)
    # Midnight in New York.
    assert alpha_vantage["budgets"] == [{"callsLeft": 0, "resetsAt": "2024-06-15T04:00:00Z"}]
    assert ecb["usable"] is True


async def test_a_vendor_in_front_costs_a_statement_a_load_of_what_is_not_known_yet(start, clock):
    vendors = await start()
    vendors.api.services.market._learner._flusher.cancel()  # written behind: no reader's cost
    database, query = vendors.api.services.database, default_tabs()[0]["query"]

    async def statements():
        before = database.statements
        await vendors.api.data(query)
        return database.statements - before

    # Six are the ledger's; one looks for a profile that no vendor has, one for the last price.
    assert await statements() == 8
    for _ in range(2):
        clock.now += timedelta(minutes=3)
        assert await statements() == 7
