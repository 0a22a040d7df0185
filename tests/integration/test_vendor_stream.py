"""The whole application on a vendor that pushes: HTTP for the first price, a socket for the next."""

import asyncio
from decimal import Decimal

from gateway.resources import open_services
from gateway.settings import Settings
from tests.conftest import SECRET
from tests.sockets import socket_vendor
from tests.vendors import KEY, reply


async def test_a_pushed_price_reaches_a_listener_and_nobody_listening_opens_nothing(
    database_url, clock
):
    seconds = int(clock.now.timestamp())
    asked = asyncio.Event()

    async def talk(peer):
        assert await peer.hear() == {"type": "subscribe", "symbol": "AAPL"}
        await asked.wait()
        # A trade's time is in milliseconds, a quote's in seconds.
        trade = {"s": "AAPL", "p": 215.1, "t": seconds * 1000, "v": 100, "c": None}
        await peer.say({"type": "ping"}, "no frame of theirs", {"type": "trade", "data": [trade]})
        await peer.stay()

    def answer(request):
        assert request.path == "/quote"
        return reply(
            f'{{"c":214.2,"d":0.1,"dp":0.1,"h":215,"l":213,"o":214,"pc":210,"t":{seconds}}}'
        )

    async with socket_vendor(talk) as vendor:
        vendor.answer = answer
        settings = Settings(
            database_url=database_url,
            secret=SECRET,
            providers=("finnhub",),
            finnhub_key=KEY,
            provider_urls={"finnhub": vendor.url},
            refresh_seconds=0,
        )
        async with open_services(settings, clock=clock) as services:
            async with services.feed.listen(["AAPL"]) as updates:
                first = await anext(updates)
                assert (first.price, first.source) == (Decimal("214.2"), "finnhub")
                asked.set()
                pushed = await anext(updates)
                assert (pushed.price, pushed.source) == (Decimal("215.1"), "finnhub")
                assert pushed.previous_close == Decimal(210)
                assert (await services.market.quotes(["AAPL"]))["AAPL"].price == Decimal("215.1")
            await vendor.left.acquire()
            assert vendor.open == 0
            (line,) = [one for one in services.market.lines() if one.name == "finnhub"]
            assert line.provider.upstream.malformed == 1
        (visit,) = vendor.visits
        assert visit.query == {"token": KEY}
