"""What is said of symbols that could not be looked up."""

from datetime import UTC, datetime
from decimal import Decimal

from datasources.cache import Cache
from datasources.errors import RateLimitedError
from datasources.market import Chains, Market
from models.drafts import Draft
from models.transactions import Kind
from services.preparing import prepare

NOW = datetime(2024, 6, 14, 15, tzinfo=UTC)


class Vendor:
    """A vendor whose calls are used up but for one symbol, which it does not know."""

    name = "vendor"
    batch = {"find": 1}  # noqa: RUF012
    upstream = None

    async def search(self, text, *, limit):
        raise NotImplementedError

    async def find(self, symbols):
        if symbols == ["ZZZZ"]:
            return {}
        raise RateLimitedError("too many calls")


def bought(symbol):
    return Draft(
        kind=Kind.BUY, occurred_at=NOW, symbol=symbol, quantity=Decimal(1), price=Decimal(1)
    )


async def test_a_symbol_that_nobody_could_tell_about_is_not_called_unknown(database):
    market = Market(
        chains=Chains(search=(Vendor(),)), cache=Cache(clock=lambda: NOW), clock=lambda: NOW
    )
    drafts = [bought("ZZZZ"), bought("AAPL")]
    prepared = await prepare(database, market, base_currency="USD", drafts=drafts)
    assert {place: found[0].message for place, found in prepared.mistakes.items()} == {
        0: "No instrument with the symbol ZZZZ was found.",
        1: "No provider could tell just now what AAPL is: try again later.",
    }
