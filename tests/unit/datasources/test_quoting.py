"""Which price is shown, which is believed, and what is said about the other."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.cache import Cache
from datasources.chain import Line
from datasources.errors import RateLimitedError, UnavailableError
from datasources.market import Chains, Market
from datasources.quoting import Quoting, venue_code
from models.market import Doubt, Outcome, Quote, QuoteQuality

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
PENCE, SPLIT, JUMP = Doubt.MINOR_UNIT, Doubt.SPLIT, Doubt.JUMP


class Scripted:
    """A vendor whose price of everything is set; ``lag`` is how old it is."""

    batch = {}  # noqa: RUF012
    upstream = None

    def __init__(self, name, clock):
        self.name = name
        self.clock = clock
        self.price = None
        self.lag = timedelta(0)
        self.currency = "GBP"
        self.quality = QuoteQuality.FRESH
        self.symbol = None
        self.asked = 0
        self.hold = None

    async def quotes(self, symbols):
        self.asked += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.price is None:
            raise UnavailableError("down")
        return {
            symbol: Quote(
                symbol=self.symbol or symbol,
                price=Decimal(self.price),
                currency=self.currency,
                as_of=self.clock() - self.lag,
                received_at=self.clock(),
                source=self.name,
                quality=self.quality,
            )
            for symbol in symbols
        }


class Memory:
    """A lasting memory in a dict."""

    def __init__(self):
        self.known = {}

    async def quotes(self, symbols):
        return {symbol: self.known[symbol] for symbol in symbols if symbol in self.known}

    async def remember(self, *, quotes=(), profiles=(), bars=(), rates=()):
        self.known |= {one.symbol: one for one in quotes}


class World:
    """Some vendors in order, and what is shown of their prices."""

    def __init__(self, clock, *names, cross_check=False):
        self.clock = clock
        self.vendors = [Scripted(name, clock) for name in names]
        self.memory = Memory()
        self.cross_check = cross_check
        self.restart()

    def restart(self):
        self.quoting = Quoting(
            [Line(vendor, clock=self.clock) for vendor in self.vendors],
            clock=self.clock,
            deadline=timedelta(seconds=2),
            memory=self.memory,
            learn=lambda quotes: self.memory.known.update({one.symbol: one for one in quotes}),
            cross_check=self.cross_check,
        )

    async def load(self, *prices, after=MINUTE):
        """Set all vendors' prices, let time pass and return the quote that is shown."""
        self.clock.now += after
        for vendor, price in zip(self.vendors, prices, strict=True):
            vendor.price = price
        self.answers = await self.quoting.load(["VOD.L"])
        return self.answers.found.get("VOD.L")

    async def shown(self, *prices, **more):
        """Return price, source and doubt of what is shown: kind, rejected, price, against."""
        quote = await self.load(*prices, **more)
        if quote is None:
            return None
        doubt = quote.doubt
        told = doubt and (doubt.doubt, doubt.rejected, str(doubt.price), str(doubt.against))
        return (str(quote.price), quote.source, told)

    @property
    def remembered(self):
        return str(self.memory.known["VOD.L"].price)


@pytest.fixture
def world(clock):
    return lambda *names, **more: World(clock, *names, **more)


async def test_pence_for_pounds_from_the_only_source_show_the_last_believed_price(world):
    alone = world("one")
    assert await alone.shown("0.685") == ("0.685", "one", None)
    told = (PENCE, True, "68.5", "0.685")
    for _ in range(3):
        assert await alone.shown("68.5") == ("0.685", "one", told)
    quote = await alone.load("68.5")
    assert quote.quality is QuoteQuality.STALE
    assert [(one.outcome, one.detail) for one in quote.attempts] == [
        (Outcome.REJECTED, "MINOR_UNIT: 68.5 after 0.685 GBP")
    ]
    assert alone.remembered == "0.685"
    assert await alone.shown("0.69") == ("0.69", "one", None)


async def test_a_doubt_that_is_renewed_each_minute_ends_when_its_patience_does(world):
    alone = world("one")
    await alone.load("100")
    marked = ("50", "one", (SPLIT, False, "50", "100"))
    for hour in range(1, 96):
        assert await alone.shown("50", after=timedelta(hours=1)) == marked, hour
        assert alone.remembered == "100"
    assert await alone.shown("50", after=timedelta(hours=1)) == ("50", "one", None)
    assert alone.remembered == "50"
    assert await alone.shown("50") == ("50", "one", None)


async def test_a_restart_forgets_no_doubt(world):
    alone = world("one")
    await alone.load("100")
    await alone.load("50")
    alone.restart()
    assert await alone.shown("50") == ("50", "one", (SPLIT, False, "50", "100"))
    alone.restart()
    assert await alone.shown("9900") == ("100", "one", (PENCE, True, "9900", "100"))
    assert alone.remembered == "100"


async def test_a_reference_that_was_wrong_loses_in_the_end(world):
    alone = world("one")
    assert await alone.shown("68.5") == ("68.5", "one", None)
    # The first price ever was in pence: nothing spoke against it. Both are told from now on.
    assert await alone.shown("0.685") == ("68.5", "one", (PENCE, True, "0.685", "68.5"))
    told = (PENCE, False, "0.685", "68.5")
    assert await alone.shown("0.685", after=7 * DAY) == ("0.685", "one", told)
    assert await alone.shown("0.685", after=83 * DAY) == ("0.685", "one", None)
    assert alone.remembered == "0.685"


async def test_a_second_source_clears_a_reference_that_was_wrong_at_once(world):
    two = world("one", "two")
    await two.load("68.5", None)
    assert await two.shown("0.685", "0.69") == ("0.69", "two", None)
    assert await two.shown("0.685", "0.69") == ("0.685", "one", None)
    assert two.remembered == "0.685"


async def test_two_sources_outvote_a_newer_reference_though_the_second_lags(world):
    two = world("one", "two")
    await two.load("68.5", None)
    two.vendors[1].lag = timedelta(minutes=15)
    assert await two.shown("0.685", "0.69") == ("0.69", "two", None)


async def test_a_second_source_that_stands_by_the_old_price_is_shown_and_the_first_is_told(world):
    two = world("one", "two")
    await two.load("0.685", None)
    told = (PENCE, True, "68.5", "0.7")
    for _ in range(3):
        assert await two.shown("68.5", "0.7") == ("0.7", "two", told)
    assert (two.answers.failed, two.remembered) == (set(), "0.7")
    # As long as the second says so, the first wins by no patience.
    assert await two.shown("68.5", "0.7", after=100 * DAY) == ("68.5", "one", None)


async def test_a_liar_gains_nothing_by_patience_while_the_other_source_goes_on(world):
    two = world("one", "two")
    await two.load("0.685", None)
    for _ in range(100):
        price, source, _ = await two.shown("68.5", "0.7", after=DAY)
        assert (price, source) == ("0.7", "two")


async def test_a_third_source_may_confirm_the_second(world):
    three = world("one", "two", "three")
    await three.load("0.685", None, None)
    # The first is in pence, the other two agree that the price is six times higher.
    assert await three.shown("68.5", "4.2", "4.25") == ("4.25", "three", None)
    # And none agrees with any other: the first suspect is told beside the last believed price.
    await three.load("4.25", None, None)
    assert await three.shown("425", "0.01", "4000") == (
        "4.25",
        "one",
        (PENCE, True, "425", "4.25"),
    )


async def test_a_source_that_knows_only_yesterday_cannot_deny_a_split(world):
    two = world("one", "two")
    await two.load("100", None)
    two.vendors[1].lag = DAY
    told = (SPLIT, False, "50", "100")
    assert await two.shown("50", "100", after=DAY) == ("50", "one", told)
    assert two.remembered == "100"
    # One that knows today can.
    two.vendors[1].lag = timedelta(minutes=15)
    assert await two.shown("50", "101") == ("101", "two", (SPLIT, True, "50", "101"))


async def test_a_source_that_lags_does_not_turn_prices_back(world):
    two = world("one", "two")
    two.vendors[1].lag = timedelta(minutes=15)
    await two.load("10", None)
    quote = await two.load(None, "9.5", after=MINUTE)
    assert (quote.price, quote.source, quote.quality) == (10, "one", QuoteQuality.STALE)
    assert [one.outcome for one in quote.attempts] == [Outcome.UNAVAILABLE, Outcome.ANSWERED]
    # The same price is no turning back, and once it knows more it is believed.
    assert await two.shown(None, "10") == ("10", "two", None)
    assert await two.shown("10", None) == ("10", "one", None)
    assert await two.shown(None, "9.7", after=16 * MINUTE) == ("9.7", "two", None)


async def test_a_time_that_was_wrong_holds_a_price_for_a_day_at_most(world):
    alone = world("one")
    alone.vendors[0].lag = -365 * DAY
    await alone.load("10")
    alone.vendors[0].lag = timedelta(0)
    assert await alone.shown("11") == ("11", "one", None)
    alone.vendors[0].lag = 3 * DAY
    assert await alone.shown("12") == ("11", "one", None)
    assert await alone.shown("12", after=DAY) == ("12", "one", None)


@pytest.mark.parametrize("price", ["0", "-5", "NaN", "Infinity"])
async def test_what_is_no_price_is_never_shown(world, price):
    alone = world("one")
    assert await alone.shown(price) is None
    assert alone.answers.failed == {"VOD.L"}
    await alone.load("5")
    assert await alone.shown(price) is None
    assert alone.remembered == "5"


async def test_another_symbols_price_is_never_shown(world):
    alone = world("one")
    alone.vendors[0].symbol = "BP.L"
    assert await alone.shown("5") is None
    assert alone.memory.known == {}


async def test_a_made_up_price_is_shown_as_such_and_stands_for_no_real_one(world):
    two = world("one", "made up")
    two.vendors[1].quality = QuoteQuality.SIMULATED
    await two.load("0.685", None)
    quote = await two.load(None, "120")
    assert (quote.price, quote.quality) == (120, QuoteQuality.SIMULATED)
    assert two.remembered == "0.685"
    two.restart()
    await two.load(None, "120")
    assert two.remembered == "0.685"
    # Nor does it confirm or deny anything: what is told stands against the last real price.
    quote = await two.load("68.5", None)
    assert (quote.price, quote.doubt.doubt) == (Decimal("0.685"), PENCE)


async def test_a_made_up_price_is_remembered_where_there_is_no_other(world):
    alone = world("made up")
    alone.vendors[0].quality = QuoteQuality.SIMULATED
    await alone.load("120")
    await alone.load("121")
    assert alone.remembered == "121"


async def test_a_price_in_another_currency_proves_nothing(world):
    alone = world("one")
    await alone.load("0.685")
    alone.vendors[0].currency = "USD"
    assert await alone.shown("68.5") == ("68.5", "one", None)


async def test_a_cross_check_marks_where_two_sources_disagree_and_believes_neither(world):
    two = world("one", "two", cross_check=True)
    assert await two.shown("100", "104") == ("100", "one", None)
    told = (Doubt.DISAGREEMENT, False, "101", "120")
    assert await two.shown("101", "120") == ("101", "one", told)
    assert two.remembered == "100"
    quote = await two.load("102", "103")
    assert quote.doubt is None
    assert [(one.provider, one.outcome) for one in quote.attempts] == [
        ("one", Outcome.ANSWERED),
        ("two", Outcome.ANSWERED),
    ]
    assert await two.shown("103", None) == ("103", "one", None)


async def test_a_cross_check_does_not_wait_for_a_second_source_that_hangs(world):
    two = world("one", "two", cross_check=True)
    two.quoting._seconds = 0.05
    two.vendors[1].hold = asyncio.Event()
    async with asyncio.timeout(2):
        assert await two.shown("100", "100") == ("100", "one", None)


async def test_what_is_forgotten_judges_nothing_even_from_the_lasting_memory(world):
    alone = world("one")
    await alone.load("0.685")
    alone.quoting.forget(["VOD.L"])
    assert await alone.shown("68.5") == ("68.5", "one", None)
    assert await alone.shown("0.685") == ("68.5", "one", (PENCE, True, "0.685", "68.5"))


async def test_the_last_attempts_are_kept_whatever_came_of_them(world):
    two = world("one", "two")
    assert await two.load(None, None) is None
    assert [one.outcome for one in two.quoting.attempts("VOD.L")] == [Outcome.UNAVAILABLE] * 2
    quote = await two.load(None, "5")
    assert quote.attempts == two.quoting.attempts("VOD.L")
    assert two.quoting.attempts("BP.L") == ()


async def test_after_a_restart_the_memory_of_the_market_forgets_no_doubt(clock):
    vendor, memory = Scripted("one", clock), Memory()

    async def ask(price):
        vendor.price = price
        market = Market(
            chains=Chains(quotes=(vendor,)),
            cache=Cache(clock=clock),
            clock=clock,
            last_known=memory,
        )
        async with market:
            clock.now += MINUTE
            return (await market.quotes(["VOD.L"]))["VOD.L"]

    believed = await ask("100")
    assert memory.known == {"VOD.L": replace(believed, attempts=())}
    for price, shown in [("50", 50), ("9900", 100), ("50", 50)]:
        quote = await ask(price)
        assert (quote.price, quote.doubt is None) == (shown, False)
        assert memory.known == {"VOD.L": replace(believed, attempts=())}


@pytest.mark.parametrize(
    ("symbol", "venue"),
    [
        ("AAPL", "XNYS"),
        ("BRK.B", "XNYS"),
        ("VOD.L", "XLON"),
        ("^GSPC", "index"),
        ("EURUSD=X", "pair"),
        ("BTC-USD", "coin"),
    ],
)
def test_a_plan_without_indices_or_currencies_says_nothing_of_shares(symbol, venue):
    assert venue_code(symbol) == venue


async def test_a_made_up_price_takes_the_place_of_no_believed_one(world):
    two = world("one", "made up")
    two.vendors[1].quality = QuoteQuality.SIMULATED
    await two.load("100", "7")
    assert await two.shown("10000", "7") == ("100", "one", (PENCE, True, "10000", "100"))
    assert await two.shown("50", "7") == ("50", "one", (SPLIT, False, "50", "100"))
    assert two.remembered == "100"


async def test_a_cross_check_with_what_is_made_up_or_of_another_day_says_nothing(world):
    two = world("one", "two", cross_check=True)
    two.vendors[1].quality = QuoteQuality.SIMULATED
    assert await two.shown("100", "7") == ("100", "one", None)
    two.vendors[1].quality, two.vendors[1].lag = QuoteQuality.DELAYED, DAY
    assert await two.shown("101", "90") == ("101", "one", None)
    assert two.remembered == "101"


async def test_a_price_from_a_clock_that_is_ahead_is_of_now(world, clock):
    alone = world("one")
    alone.vendors[0].lag = -30 * DAY
    quote = await alone.load("100")
    assert quote.as_of == quote.received_at == clock.now


async def test_what_a_budget_did_not_do_for_goes_first_the_next_time(world):
    alone = world("one")
    asked = []

    async def quotes(symbols):
        asked.extend(symbols)
        if len(asked) % 3 == 0:
            raise RateLimitedError("too many calls for now")
        return {}  # unknown, which is an answer too

    alone.vendors[0].quotes, alone.vendors[0].batch = quotes, {"quotes": 1}
    for _ in range(3):
        alone.clock.now += MINUTE
        await alone.quoting.load(["A", "B", "C"])
    assert asked == ["A", "B", "C", "C", "A", "B", "B", "A", "C"]


async def test_the_last_price_of_a_currency_is_not_stale_while_its_market_rests(world, clock):
    alone = world("one")
    clock.now = datetime(2024, 6, 15, 12, 0, tzinfo=UTC)  # a Saturday
    alone.vendors[0].lag = timedelta(hours=15, minutes=2)  # Friday, 16:59 in New York
    alone.vendors[0].price = "1.07"
    found = (await alone.quoting.load(["EURUSD=X"])).found
    assert found["EURUSD=X"].quality is QuoteQuality.FRESH


async def test_a_made_up_price_of_another_replica_answers_until_a_newer_one_is_asked_for(clock):
    vendor = Scripted("simulated", clock)
    vendor.price, vendor.quality = "1", QuoteQuality.SIMULATED
    market = Market(chains=Chains(quotes=(vendor,)), cache=Cache(clock=clock), clock=clock)
    heard = (await vendor.quotes(["A"]))["A"]
    market.hear(replace(heard, price=Decimal(2)))
    assert (await market.quotes(["A"]))["A"].price == 2
    clock.now += timedelta(seconds=1)
    vendor.price = "3"
    assert (await market.quotes(["A"], max_age=timedelta(seconds=1)))["A"].price == 3
