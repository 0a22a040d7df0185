"""A day of faults in fast-forward: what a thousand clients see while vendors fail, lie and refuse.

Every price tells by its figures which symbol's it is and of which minute, so that any answer can be
checked against the truth. The vendors count their calls themselves.
"""

import asyncio
import json
import random
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import httpx
import pytest
from structlog.testing import capture_logs

from datasources.cache import Cache
from datasources.http import Remote, Upstream, Vendor, number, seconds
from datasources.market import Chains, Market
from datasources.pacing import Budget, Limit
from datasources.symbols import Names
from models.market import Doubt, Quote, QuoteQuality
from tests.conftest import Clock
from tests.vendors import no_wait

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
THURSDAY = datetime(2024, 6, 13, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
SYMBOLS = [
    name
    for number in range(12)
    for name in (f"S{number}", f"S{number}.L", f"C{number}-USD")  # shares, and coins day and night
]
SHOWN = {QuoteQuality.FRESH, QuoteQuality.DELAYED, QuoteQuality.STALE}


def truth(symbol, at):
    """Return the one price of a symbol in a minute; it moves by less than a tenth all day."""
    minutes = (at - THURSDAY) // MINUTE
    return Decimal(100 + SYMBOLS.index(symbol)) + Decimal(minutes) / 10_000


class Service:
    """A vendor's side: answers, fails or lies as it is told, and counts what it is asked."""

    def __init__(self, vendor, clock, *, lag=timedelta(0), batch=1):
        self.vendor = vendor
        self.clock = clock
        self.lag = lag
        self.batch = batch
        self.mood = "honest"
        self.asked = []
        self.shut_until = None

    async def __call__(self, request):
        now = self.clock()
        self.asked.append(now)
        if self.shut_until is not None:
            assert now >= self.shut_until, "called before the time it gave"
        symbols = request.url.params["symbols"].split(",")
        assert len(symbols) <= self.batch
        return await getattr(self, self.mood)(symbols)

    async def honest(self, symbols, *, factor=1):
        at = self.clock() - self.lag
        return httpx.Response(
            200,
            json={
                symbol: {"p": str(truth(symbol, at) * factor), "t": int(at.timestamp())}
                for symbol in symbols
            },
        )

    async def in_pence(self, symbols):
        return await self.honest(symbols, factor=100)

    async def doubled(self, symbols):
        return await self.honest(symbols, factor=2)

    async def zero(self, symbols):
        return await self.honest(symbols, factor=0)

    async def empty(self, symbols):
        return httpx.Response(200, json={})

    async def silent(self, symbols):
        await asyncio.Event().wait()

    async def html(self, symbols):
        return httpx.Response(200, text="<!doctype html><title>Back soon</title>")

    async def cut(self, symbols):
        answer = await self.honest(symbols)
        return httpx.Response(200, content=answer.content[:-4])

    async def another(self, symbols):
        answer = json.loads((await self.honest(["S0"])).content)
        return httpx.Response(200, json={"ELSE": answer["S0"]})

    async def broken(self, symbols):
        return httpx.Response(503, text="busy")

    async def down(self, symbols):
        raise httpx.ConnectError("refused")

    async def limited(self, symbols):
        self.shut_until = self.clock() + timedelta(seconds=90)
        return httpx.Response(429, headers={"Retry-After": "90"})

    async def locked(self, symbols):
        return httpx.Response(401)

    async def unpaid(self, symbols):
        return httpx.Response(403)


LIES = ("in_pence", "doubled")
MOODS = [
    *(*LIES, "zero", "empty", "html", "cut", "another"),
    *("broken", "down", "limited", "locked", "unpaid"),
]


class Provider(Remote):
    """Reads the vendors' one format."""

    def __init__(self, service, upstream):
        self.vendor = service.vendor
        super().__init__(upstream, names=Names(self.dialect), clock=service.clock)
        self.batch = {"quotes": service.batch}
        self._lag = service.lag

    async def quotes(self, symbols):
        def read(answer):
            return {
                symbol: Quote(
                    symbol=symbol,
                    price=number(row["p"]),
                    currency="USD",
                    as_of=seconds(row["t"]),
                    received_at=answer.received_at,
                    source=self.name,
                    quality=QuoteQuality.DELAYED if self._lag else QuoteQuality.FRESH,
                )
                for symbol, row in answer.json(dict).items()
            }

        return await self.upstream.get("/quotes", {"symbols": ",".join(symbols)}, read=read)


class Memory:
    """A lasting memory in a dict."""

    def __init__(self):
        self.known = {}

    async def quotes(self, symbols):
        return {symbol: self.known[symbol] for symbol in symbols if symbol in self.known}

    async def remember(self, *, quotes=(), profiles=(), bars=(), rates=()):
        self.known |= {one.symbol: one for one in quotes}


class World:
    """Three vendors, a market that asks them, and what clients have been told so far."""

    def __init__(self, now=THURSDAY):
        self.clock = clock = Clock(now)
        self.memory = Memory()
        self.seen = {}
        self.qualities = Counter()
        self.doubts = Counter()
        self.services = [
            Service(vendor("one", Limit(60, MINUTE), Limit(40, timedelta(seconds=1))), clock),
            Service(
                vendor("two", Limit(8, MINUTE), Limit(800, DAY)),
                clock,
                lag=timedelta(minutes=15),
                batch=8,
            ),
            Service(vendor("three", Limit(25, DAY, resets_in=NEW_YORK)), clock, batch=100),
        ]
        self.budgets = {
            service: Budget(
                service.vendor.limits, name=service.vendor.name, clock=clock, sleep=self.sleep
            )
            for service in self.services
        }
        self.stack = AsyncExitStack()

    async def sleep(self, seconds):
        self.clock.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    @property
    def calls(self):
        """How many calls each vendor counted."""
        return [len(service.asked) for service in self.services]

    async def start(self):
        providers = []
        for service in self.services:
            client = httpx.AsyncClient(transport=httpx.MockTransport(service))
            await self.stack.enter_async_context(client)
            upstream = Upstream(
                service.vendor,
                client=client,
                budget=self.budgets[service],
                clock=self.clock,
                sleep=no_wait,
            )
            providers.append(Provider(service, upstream))
        market = Market(
            chains=Chains(quotes=tuple(providers)),
            cache=Cache(clock=self.clock),
            clock=self.clock,
            last_known=self.memory,
        )
        self.market = await self.stack.enter_async_context(market)

    async def __aenter__(self):
        pass_no_time(asyncio.get_running_loop())
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.stack.aclose()

    async def restart(self):
        await self.stack.aclose()
        await self.start()

    async def ask(self, wishes):
        """Let clients ask at once, each for its symbols, and check what each is told."""
        before = dict(self.seen)
        answers = await asyncio.gather(*(self.market.quotes(wish) for wish in wishes))
        for wish, answer in zip(wishes, answers, strict=True):
            assert set(answer) == set(wish)
            for symbol, quote in answer.items():
                self.check(symbol, quote, before.get(symbol, THURSDAY - DAY))

    def check(self, symbol, quote, known):
        assert (quote.symbol, quote.currency) == (symbol, "USD")
        assert quote.quality in SHOWN
        self.qualities[quote.quality] += 1
        right = truth(symbol, quote.as_of)
        doubt = quote.doubt
        if doubt is not None:
            self.doubts[doubt.doubt, doubt.rejected] += 1
            shown, other = (
                (doubt.against, doubt.price) if doubt.rejected else (doubt.price, doubt.against)
            )
            assert quote.price == shown != other
            assert doubt.price / doubt.against > Decimal("1.7")
        if doubt is not None and not doubt.rejected:
            assert (doubt.doubt, quote.price) == (Doubt.SPLIT, right * 2)
            return
        assert quote.price == right
        assert quote.as_of >= known or quote.price == truth(symbol, known)
        self.seen[symbol] = max(self.seen.get(symbol, known), quote.as_of)


def pass_no_time(loop):
    """Let a loop's time stand still while anything can be done, and then move to the next timer.

    So who answers is never late, however slow the machine, and nobody waits for who is silent.
    """
    now, look = loop.time(), loop._selector.select

    def select(timeout=None):
        nonlocal now
        found = look(None if timeout is None else 0)
        if timeout and not found:
            now += timeout
        return found

    loop.time = lambda: now
    loop._selector.select = select


def vendor(name, *limits):
    return Vendor(name=name, url=f"https://{name}.example", limits=limits)


def assert_within_limits(service):
    for limit in service.vendor.limits:
        if limit.resets_in is None:
            fits = [
                at + limit.window <= later
                for at, later in zip(service.asked, service.asked[limit.calls :], strict=False)
            ]
            assert all(fits), (service.vendor.name, limit)
        else:
            days = Counter(at.astimezone(limit.resets_in).date() for at in service.asked)
            assert max(days.values()) <= limit.calls


@pytest.fixture(autouse=True)
def _quiet():
    with capture_logs():
        yield


@pytest.mark.parametrize("seed", range(3))
async def test_a_day_of_faults_leaves_no_client_without_a_true_price(seed):
    chance = random.Random(seed)
    clients = [chance.sample(SYMBOLS, chance.randint(1, 6)) for _ in range(1000)]
    async with World() as world:
        await world.ask([SYMBOLS])
        assert world.qualities == {QuoteQuality.FRESH: len(SYMBOLS)}
        deck, used = [], set()
        silences = chance.sample(range(50, 300), 2)
        step = 0
        while world.clock.now < THURSDAY + DAY:
            world.clock.now += timedelta(seconds=chance.uniform(1, 480))
            step += 1
            for service in world.services:
                if chance.random() < 0.1:
                    deck = deck or chance.sample(MOODS, len(MOODS))
                    # Two that tell the same lie would be believed.
                    lying = any(other.mood in LIES for other in world.services)
                    well = chance.random() < 0.4 or (deck[-1] in LIES and lying)
                    service.mood = "honest" if well else deck.pop()
                    used.add(service.mood)
            if step in silences:
                world.services[0].mood = "silent"
            if step % 120 == 0:
                await world.restart()
            await world.ask(clients if step % 150 == 0 else chance.sample(clients, 12))
        assert set(MOODS) <= used
        for service in world.services:
            assert_within_limits(service)
        assert set(world.qualities) == SHOWN
        # Nobody is given up for good: all are asked again, and the first is believed again.
        world.clock.now += DAY
        for service in world.services:
            service.mood, service.shut_until = "honest", None
            service.asked.clear()
        for mood in ("honest", "honest", "empty"):
            world.services[0].mood = world.services[1].mood = mood
            world.qualities.clear()
            world.clock.now += 2 * MINUTE
            await world.ask([["C0-USD"]])
            assert world.qualities == {QuoteQuality.FRESH: 1}
        assert world.calls == [3, 1, 1]


@pytest.mark.parametrize(
    ("mood", "calls", "doubts"),
    [
        ("in_pence", 1, {(Doubt.MINOR_UNIT, True): 1}),
        ("doubled", 1, {(Doubt.SPLIT, True): 1}),
        ("zero", 1, {}),
        ("empty", 1, {}),
        ("another", 1, {}),
        ("html", 2, {}),
        ("cut", 2, {}),
        ("broken", 2, {}),
        ("down", 2, {}),
        ("limited", 1, {}),
        ("locked", 1, {}),
        ("unpaid", 1, {}),
        ("silent", 1, {}),
    ],
)
async def test_whatever_one_vendor_does_the_next_one_answers_and_lies_are_told(mood, calls, doubts):
    async with World() as world:
        await world.ask([["C0-USD"]])
        world.services[0].mood = mood
        world.clock.now += 20 * MINUTE
        await world.ask([["C0-USD"]])
        assert world.calls == [1 + calls, 1, 0]
        assert world.qualities == {QuoteQuality.FRESH: 1, QuoteQuality.DELAYED: 1}
        assert world.doubts == doubts
        world.services[0].mood = "honest"
        world.clock.now += 20 * MINUTE
        await world.ask([["C0-USD"]])
        assert world.qualities[QuoteQuality.FRESH] == 2


async def test_a_stampede_on_a_cold_symbol_is_one_call_and_a_warm_minute_none():
    async with World() as world:
        await world.ask([["C0-USD"]] * 1000)
        assert world.calls == [1, 0, 0]
        # A minute's last fifth, from second 48 on, renews what many read: with one call.
        for second, calls in [(10, 1), (30, 1), (47, 1), (48, 2), (59, 2), (95, 2)]:
            world.clock.now = THURSDAY + timedelta(seconds=second)
            await world.ask([["C0-USD"]] * 1000)
            await settle()
            assert world.calls == [calls, 0, 0], second
        assert world.qualities == {QuoteQuality.FRESH: 7000}


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_outage_costs_each_vendor_two_calls_and_the_thousand_no_more():
    async with World() as world:
        await world.ask([["C0-USD"]])
        for service in world.services:
            service.mood = "down"
        world.clock.now += 2 * MINUTE
        await world.ask([["C0-USD"]] * 1000)
        # One try and one repetition each
        assert world.calls == [3, 2, 2]
        world.clock.now += timedelta(seconds=4)
        await world.ask([["C0-USD"]] * 1000)
        assert world.calls == [3, 2, 2]
        world.clock.now += timedelta(seconds=1)
        await world.ask([["C0-USD"]] * 1000)
        assert world.calls == [5, 4, 4]
        assert world.qualities == {QuoteQuality.FRESH: 1, QuoteQuality.STALE: 3000}


async def test_thirty_six_cold_symbols_fill_the_batches_of_the_second_vendor():
    async with World() as world:
        world.services[0].mood = "unpaid"
        await world.ask([SYMBOLS] * 100)
        # One question a symbol at the first; 36 in batches of 8 are five at the second.
        assert world.calls == [36, 5, 0]
        world.clock.now += 2 * MINUTE
        await world.ask([SYMBOLS] * 100)
        # For a day the first is not asked for what its plan leaves out.
        assert world.calls[0] == 36


async def test_a_weekend_costs_a_share_nothing():
    # From half an hour after New York's close at 20:00 UTC on Friday to Monday's opening at 13:30
    async with World(datetime(2024, 6, 14, 20, 30, tzinfo=UTC)) as world:
        for _ in range(64):
            await world.ask([["S0"]] * 20)
            world.clock.now += timedelta(hours=1)
            assert world.calls == [1, 0, 0]
        assert world.clock.now == datetime(2024, 6, 17, 12, 30, tzinfo=UTC)
        world.clock.now += timedelta(hours=1)
        await world.ask([["S0"]] * 20)
        await settle()
        assert world.calls == [2, 0, 0]
