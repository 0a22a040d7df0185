"""What an ISIN stands for, where vendors list it more than once."""

from datetime import UTC, datetime

import pytest

from datasources.cache import Cache
from datasources.errors import RateLimitedError
from datasources.market import Chains, Market
from datasources.providers.simulated import Simulated
from models.market import InstrumentMatch
from services.instruments import find_isins

NOW = datetime(2024, 6, 14, 15, tzinfo=UTC)
APPLE, UNILEVER = "US0378331005", "GB00B10RZP78"


def listed(symbol, currency):
    return InstrumentMatch(symbol=symbol, name=symbol, currency=currency, source="vendor")


class Vendor:
    """A vendor that lists what a test says, one ISIN a question."""

    name = "vendor"
    batch = {}  # noqa: RUF012
    finds_isins = True

    def __init__(self, **listings):
        self.listings = listings
        self.asked = []

    async def search(self, text, *, limit):
        self.asked.append(text)
        found = self.listings.get(text, [])
        if isinstance(found, Exception):
            raise found
        return found[:limit]

    async def find(self, symbols):
        return {}


def market_of(*vendors):
    return Market(chains=Chains(search=vendors), cache=Cache(clock=lambda: NOW), clock=lambda: NOW)


async def chosen(listings, currencies):
    found = await find_isins(market_of(Vendor(**listings)), {UNILEVER: currencies})
    return {isin: (match.symbol, match.isin) for isin, match in found.items()}


LONDON, AMSTERDAM, NEW_YORK = listed("ULVR.L", "GBP"), listed("UNA.AS", "EUR"), listed("UL", "USD")
FRANKFURT = listed("UNVB.F", "EUR")


@pytest.mark.parametrize(
    ("matches", "currencies", "symbol"),
    [
        ([LONDON, AMSTERDAM, NEW_YORK], {"EUR"}, "UNA.AS"),
        ([LONDON, AMSTERDAM, NEW_YORK], {"USD"}, "UL"),
        ([LONDON, AMSTERDAM, FRANKFURT], set(), "ULVR.L"),  # at home in the ISIN's country
        ([NEW_YORK], set(), "UL"),
    ],
)
async def test_the_listing_in_the_currency_booked_counts_and_else_the_one_at_home(
    matches, currencies, symbol
):
    assert await chosen({UNILEVER: matches}, currencies) == {UNILEVER: (symbol, UNILEVER)}


@pytest.mark.parametrize(
    ("matches", "currencies"),
    [
        ([AMSTERDAM, FRANKFURT], {"EUR"}),  # a choice
        ([AMSTERDAM, FRANKFURT], set()),
        ([LONDON], {"USD"}),  # never in that currency
        ([], {"GBP"}),
    ],
)
async def test_what_leaves_a_choice_or_none_is_left_to_the_user(matches, currencies):
    assert await chosen({UNILEVER: matches}, currencies) == {}


async def test_each_isin_is_one_question_and_what_could_not_be_told_is_asked_again():
    vendor = Vendor(**{UNILEVER: [LONDON], APPLE: RateLimitedError("slow down")})
    market = market_of(vendor)
    for _ in range(2):
        found = await find_isins(market, {UNILEVER: set(), APPLE: {"USD"}})
        assert set(found) == {UNILEVER}
    assert vendor.asked == [UNILEVER, APPLE]
    vendor.listings[APPLE] = [listed("AAPL", "USD")]
    later = Market(
        chains=Chains(search=(vendor,)), cache=Cache(clock=lambda: NOW), clock=lambda: NOW
    )
    assert set(await find_isins(later, {APPLE: {"USD"}})) == {APPLE}


async def test_only_who_is_known_to_take_an_isin_is_asked_for_one():
    fuzzy = Vendor(**{APPLE: [listed("APLE", "USD")]})
    fuzzy.finds_isins = False
    market = market_of(fuzzy, Simulated(clock=lambda: NOW))
    assert await find_isins(market, {APPLE: {"USD"}}) == {}
    assert fuzzy.asked == []
