"""Alerts for tests: prices that a test makes up, and what they do."""

import asyncio
from datetime import timedelta
from decimal import Decimal

from models.market import Quote, QuoteQuality
from tests.conftest import NOW
from tests.people import send

ALERT = """alert { id symbol measure direction threshold currency referencePrice repeats note status
  version armedAt triggeredAt timesTriggered expiresAt
  lastEvent { id price changeRatio delivery deliveredAt } }"""
LISTED = """{ viewer { alerts { id status timesTriggered armedAt triggeredAt
  events { totalCount nodes { id price currency threshold changeRatio asOf source triggeredAt delivery deliveredAt } } } } }"""


def quote(price, *, at=0, symbol="AAPL", **terms):
    """A price of a vendor, some seconds after the clock of the tests stands still."""
    moment = NOW + timedelta(seconds=at)
    given = {
        "symbol": symbol,
        "price": Decimal(price),
        "currency": "USD",
        "as_of": moment,
        "received_at": moment,
        "source": "vendor",
        "quality": QuoteQuality.FRESH,
        "previous_close": Decimal(100),
    }
    return Quote(**given | terms)


async def settled(*apis):
    """Wait until whoever watches alerts has nothing to read and to write."""
    for api in apis:
        watch = api.services.alerts
        while watch._due or watch._wake.is_set() or not watch._wake._waiters:
            await asyncio.sleep(0.001)


class Prices:
    """Lets prices come, each a second after the one before."""

    def __init__(self, *apis):
        self.apis = apis
        self.seconds = 0

    async def come(self, *prices, **terms):
        for price in prices:
            self.seconds += 1
            for api in self.apis:
                api.services.feed.hear([quote(price, at=self.seconds, **terms)])
        await settled(*self.apis)


async def alert(api, **given):
    """Create an alert, and return it when it is watched."""
    wanted = {"symbol": "AAPL", "direction": "ABOVE", "threshold": "120"} | given
    made = await send(api, "createAlert", wanted, ALERT)
    assert made["userErrors"] == []
    await settled(api)
    return made["alert"]


async def listed(api):
    return (await api.data(LISTED))["viewer"]["alerts"]


async def fired(api):
    """Return the prices that fired a user's only alert, oldest first, and its status."""
    (found,) = await listed(api)
    return [node["price"] for node in found["events"]["nodes"]][::-1], found["status"]
