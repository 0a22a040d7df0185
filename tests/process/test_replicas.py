"""Two replicas on PostgreSQL and a Redis of their own, through the faults of a bad day."""

import asyncio
import json
import signal
from contextlib import AsyncExitStack

import httpx2
import pytest
from websockets.asyncio.client import connect

from tests.conftest import SECRET, serving
from tests.own_redis import PATIENCE, own_redis

pytestmark = [
    pytest.mark.process,
    pytest.mark.postgres,
    pytest.mark.redis,
]

SIGN_UP = """mutation { signUp(input: {username: "anna", password: "correct horse"}) {
  session { accessToken } userErrors { message } } }"""
CREATE = """mutation { createPortfolio(input: {name: "Main"}) {
  portfolio { id } userErrors { message } } }"""
BUY = """mutation($id: ID!, $quantity: Decimal!) { recordTrade(input: {portfolioId: $id,
  symbol: "AAPL", side: BUY, quantity: $quantity, price: "10", occurredAt: "2024-05-02T15:00:00Z"})
  { userErrors { message } } }"""
PRICES = 'subscription { quoteUpdated(symbols: ["AAPL"], minIntervalMs: 0) { price quality } }'
TRADES = "subscription($id: ID!) { tradeRecorded(portfolioId: $id) { quantity } }"


class Client:
    """Follows prices and trades at one replica over a socket."""

    def __init__(self, server, token):
        self.server = server
        self.token = token
        self.prices = asyncio.Queue()
        self.trades = asyncio.Queue()

    async def follow(self, stack, portfolio_id):
        address = self.server.address.replace("http", "ws") + "/graphql"
        self.socket = await stack.enter_async_context(
            connect(address, subprotocols=["graphql-transport-ws"])
        )
        await self._say(type="connection_init", payload={"authorization": f"Bearer {self.token}"})
        for key, query in (("prices", PRICES), ("trades", TRADES)):
            payload = {"query": query, "variables": {"id": portfolio_id} if key == "trades" else {}}
            await self._say(id=key, type="subscribe", payload=payload)
        reading = asyncio.create_task(self._read())
        stack.callback(reading.cancel)
        await self.price()

    async def _say(self, **message):
        await self.socket.send(json.dumps(message))

    async def _read(self):
        async for text in self.socket:
            message = json.loads(text)
            if message["type"] == "next":
                (event,) = message["payload"]["data"].values()
                getattr(self, message["id"]).put_nowait(event)

    async def price(self):
        """Wait for a price that has not come yet."""
        while not self.prices.empty():
            self.prices.get_nowait()
        return (await asyncio.wait_for(self.prices.get(), PATIENCE))["price"]

    async def trade(self):
        """Wait for the next trade and return how many units."""
        return (await asyncio.wait_for(self.trades.get(), PATIENCE))["quantity"]

    async def ask(self, query, **variables):
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            answer = await http.post(
                f"{self.server.address}/graphql",
                json={"query": query, "variables": variables},
                headers=headers,
            )
        (done,) = answer.json()["data"].values()
        assert done["userErrors"] == []
        return done

    async def buy(self, portfolio_id, quantity):
        await self.ask(BUY, id=portfolio_id, quantity=quantity)

    @property
    def leads(self):
        """Whether this replica looks after prices, by its log."""
        events = [line["event"] for line in self.server.lines()]
        said = [event for event in events if event in {"feed_taken", "feed_given_up"}]
        return said[-1:] == ["feed_taken"]


async def replica(stack, folder, settings):
    """Start a server process; return a client of it that is nobody yet."""
    folder.mkdir()
    server = serving(folder, "serve", **settings)
    return Client(await asyncio.to_thread(stack.enter_context, server), None)


async def one_leads(*clients):
    """Wait until exactly one replica leads; return it and the other."""
    async with asyncio.timeout(PATIENCE):
        while sum(client.leads for client in clients) != 1:
            await asyncio.sleep(0.1)
    return sorted(clients, key=lambda client: not client.leads)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_prices_and_trades_go_on_at_every_replica_through_pauses_restarts_and_a_kill(
    database_url, tmp_path
):
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(own_redis())
        settings = {
            "DATABASE_URL": database_url,
            "FOLIOQL_SECRET": SECRET,
            "FOLIOQL_CACHE_URL": redis.url,
            "FOLIOQL_PROVIDERS": "simulated",
            "FOLIOQL_FEED_INTERVAL_MS": "200",
        }
        one, other = clients = await asyncio.gather(
            *(replica(stack, tmp_path / name, settings) for name in ("one", "other"))
        )
        one.token = other.token = (await one.ask(SIGN_UP))["session"]["accessToken"]
        portfolio_id = (await one.ask(CREATE))["portfolio"]["id"]
        for client in clients:
            await client.follow(stack, portfolio_id)

        # A trade recorded through one arrives at a subscriber of the other.
        await one.buy(portfolio_id, "1")
        assert [await one.trade(), await other.trade()] == ["1", "1"]
        await other.buy(portfolio_id, "2")
        assert [await one.trade(), await other.trade()] == ["2", "2"]
        leader, led = await one_leads(one, other)
        assert await led.price() != await led.price()

        # While Redis is paused, prices go on, and trades arrive where they were recorded.
        redis.process.send_signal(signal.SIGSTOP)
        await led.buy(portfolio_id, "3")
        assert await led.trade() == "3"
        assert await led.price() != await led.price()
        assert await leader.price() != await leader.price()
        redis.process.send_signal(signal.SIGCONT)
        assert await leader.trade() == "3"

        # When Redis is killed and starts anew, with nothing in it, all is as it was.
        redis.stop()
        await leader.buy(portfolio_id, "4")
        assert [await leader.trade(), await led.trade()] == ["4", "4"]  # without Redis: by looking
        redis.start()
        leader, led = await one_leads(one, other)
        await leader.buy(portfolio_id, "5")
        assert [await leader.trade(), await led.trade()] == ["5", "5"]
        await led.price()

        # The one that looks after prices is killed: they go on at the other, which takes over.
        leader.server.process.kill()
        assert await led.price() != await led.price()
        async with asyncio.timeout(PATIENCE):
            while not led.leads:
                await asyncio.sleep(0.1)
        await led.buy(portfolio_id, "6")
        assert await led.trade() == "6"
        assert led.trades.empty()
