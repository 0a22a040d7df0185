"""What is kept of values never tells an older story than the database, and costs few statements."""

from contextlib import AsyncExitStack
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import ClassVar

import httpx2
import pytest

from datasources.cache import Cache
from datasources.market import Chains, Market
from gateway.app import create_app
from gateway.settings import Settings
from models.market import (
    Actions,
    Bar,
    EuroRate,
    KnownActions,
    Rate,
    Series,
    SeriesKey,
    SplitEvent,
)
from models.portfolios import portfolios_by_owner
from services.bar_files import Loading, load_bars
from services.kept_values import KeptValues
from services.last_known import StoredMarket
from services.stored_bars import StoredHistory
from services.valuing import Valuer, Wanted
from tests.conftest import NOW, SECRET, Api
from tests.integration.test_performance import APRIL, PRICES, RATES, performance
from tests.ledger import change

FIRST, LAST = date(2024, 1, 2), NOW.date()
ACME = SeriesKey(symbol="ACME", source="vendor", adjusted=False)
SYMBOLS = ("ACME", "BOND", "CORE")
TOTALS = """{ viewer { portfolios { performance(range: {from: "2024-03-01", to: "2024-06-13"}) {
  timeWeightedReturn { value } } } } }"""


@pytest.fixture
async def stored(database_url, clock, tmp_path):
    """The application without a provider of bars: only what is stored counts."""
    (tmp_path / "rates.csv").write_text(RATES, encoding="utf-8")
    settings = Settings(
        database_url=database_url,
        secret=SECRET,
        log_level="error",
        providers=("simulated",),
        bar_providers=(),
        rate_file=tmp_path / "rates.csv",
    )
    async with AsyncExitStack() as stack:
        application = create_app(settings, clock=clock)
        await stack.enter_async_context(application.router.lifespan_context(application))
        client = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url="http://test")
        )
        api = Api(client, application.state.services)
        await api.sign_up("ann")
        yield api


def bars(key, **closes):
    """Build bars by day: d0401=110 is the close of the first of April."""
    return [
        Bar(
            symbol=key.symbol,
            day=date(2024, int(name[1:3]), int(name[3:])),
            close=Decimal(close),
            currency="USD",
            source=key.source,
            adjusted=key.adjusted,
        )
        for name, close in closes.items()
    ]


async def keep(api, some, *, key=ACME):
    series = Series(key=key, first=FIRST, last=LAST, checked_at=NOW)
    await StoredHistory(api.services.database).keep(series, some)


async def bought(api, books, **portfolio):
    ledger = books(api)
    main = await ledger.portfolio("Main", baseCurrency="USD", **portfolio)
    await ledger.record(
        "recordCashTransfer", main, "2024-03-29", direction="DEPOSIT", amount="2000"
    )
    trade = {"symbol": "ACME", "side": "BUY", "quantity": "10", "price": "100"}
    await ledger.record("recordTrade", main, "2024-03-29", **trade)
    return ledger, main


async def values(api):
    found = await performance(api, range=APRIL)
    return [None if one["value"] is None else one["value"]["amount"] for one in found["series"]]


# Prices


async def test_a_bar_that_is_stored_shows_in_the_next_answer(stored, books):
    await bought(stored, books)
    assert await values(stored) == [None] * 4
    await keep(stored, bars(ACME, d0329=100, d0401=110, d0402=99, d0403=120))
    assert await values(stored) == ["2000", "2100", "1990", "2200"]
    await keep(stored, bars(ACME, d0402=105))
    assert await values(stored) == ["2000", "2100", "2050", "2200"]


async def test_bars_that_a_file_brings_show_in_the_next_answer(stored, books, tmp_path):
    await bought(stored, books)
    await keep(stored, bars(ACME, d0329=100, d0401=110, d0402=99, d0403=120))
    assert (await values(stored))[1] == "2100"
    file = tmp_path / "mended.csv"
    file.write_text("date,symbol,close,currency\n2024-04-01,ACME,111,USD\n", encoding="utf-8")
    await load_bars(stored.services.database, [file], how=Loading(source="vendor"), now=NOW)
    assert (await values(stored))[1] == "2110"


async def test_a_split_that_becomes_known_shows_in_the_next_answer(stored, books):
    ledger, main = await bought(stored, books)
    await keep(stored, bars(ACME, d0329=100, d0401=110, d0403=60))
    await ledger.record(
        "recordCorporateAction", main, "2024-04-02", kind="SPLIT", symbol="ACME", newUnits="2",
        oldUnits="1",
    )  # fmt: skip
    # Until it is known that prices are for half as many units, the one of before stands.
    assert await values(stored) == ["2000", "2100", "3200", "2200"]
    split = SplitEvent(
        symbol="ACME", day=date(2024, 4, 2), new=Decimal(2), old=Decimal(1), source="vendor"
    )
    known = KnownActions(
        symbol="ACME", source="vendor", first=FIRST, last=LAST, checked_at=NOW,
        actions=Actions(splits=(split,)),
    )  # fmt: skip
    history = StoredHistory(stored.services.database)
    await history.keep_actions(known, first=FIRST, last=LAST)
    assert await values(stored) == ["2000", "2100", "2100", "2200"]


async def test_prices_adjusted_for_splits_count_as_traded(stored, books):
    await bought(stored, books)
    adjusted = SeriesKey(symbol="ACME", source="vendor", adjusted=True)
    await keep(stored, bars(adjusted, d0329=50, d0401=55, d0402=49, d0403=60), key=adjusted)
    split = SplitEvent(
        symbol="ACME", day=date(2024, 5, 2), new=Decimal(2), old=Decimal(1), source="vendor"
    )
    known = KnownActions(
        symbol="ACME", source="vendor", first=FIRST, last=LAST, checked_at=NOW,
        actions=Actions(splits=(split,)),
    )  # fmt: skip
    await StoredHistory(stored.services.database).keep_actions(known, first=FIRST, last=LAST)
    assert await values(stored) == ["2000", "2100", "1980", "2200"]


@pytest.mark.parametrize(
    ("before", "after", "expected", "told"),
    [
        ("2024-03-29,1.25\n", "2024-03-29,2\n", ["50", "80", "80", "100"], "0.5"),
        ("2024-03-29,1.25\n", "", [None, "80", "80", "100"], None),
        ("2024-04-01", "2024-03-30,4\n2024-04-01", ["25", "80", "80", "100"], "0.8"),
    ],
    ids=["an old correction", "a removal", "an added day"],
)
async def test_rates_that_are_loaded_otherwise_show_in_the_next_question(
    open_market, books, tmp_path, before, after, expected, told
):
    api = await open_market(prices=PRICES, rates=RATES)
    main = await books(api).portfolio("Main", baseCurrency="EUR")
    deposit = {"direction": "DEPOSIT", "amount": "100", "currency": "USD", "exchangeRate": "0.8"}
    await books(api).record("recordCashTransfer", main, "2024-03-29", **deposit)
    assert await values(api) == ["80", "80", "80", "100"]
    statements = api.services.database.statements
    assert await values(api) == ["80", "80", "80", "100"]
    statements = api.services.database.statements - statements
    rate = (
        'query($on: Date!) { exchangeRate(base: "USD", target: "EUR", on: $on) { rate rateDate } }'
    )
    assert (await api.data(rate, {"on": "2024-03-29"}))["exchangeRate"]["rate"] == "0.8"
    (tmp_path / "rates.csv").write_text(RATES.replace(before, after), encoding="utf-8")
    asked = api.services.database.statements
    assert await values(api) == expected
    assert api.services.database.statements - asked == statements
    found = (await api.data(rate, {"on": "2024-03-29"}))["exchangeRate"]
    assert found == (told and {"rate": told, "rateDate": "2024-03-29"})


async def test_a_rate_file_that_breaks_leaves_the_rates_there_were(open_market, books, tmp_path):
    api = await open_market(prices=PRICES, rates=RATES)
    main = await books(api).portfolio("Main", baseCurrency="EUR")
    deposit = {"direction": "DEPOSIT", "amount": "100", "currency": "USD", "exchangeRate": "0.8"}
    await books(api).record("recordCashTransfer", main, "2024-03-29", **deposit)
    for _ in range(2):
        assert await values(api) == ["80", "80", "80", "100"]
        (tmp_path / "rates.csv").write_text("nonsense", encoding="utf-8")
    (tmp_path / "rates.csv").unlink()
    assert await values(api) == ["80", "80", "80", "100"]
    (tmp_path / "rates.csv").write_text(RATES.replace("29,1.25", "29,2"), encoding="utf-8")
    assert await values(api) == ["50", "80", "80", "100"]


class Daily:
    """A vendor of rates that has to be asked day by day, and has one for all of them."""

    name = "daily"
    batch: ClassVar[dict[str, int]] = {}

    async def rates(self, questions):
        return {
            one: Rate(
                base=one.base,
                target=one.target,
                value=Decimal("0.5"),
                day=one.day,
                source="daily",
                legs=(EuroRate(currency="USD", day=one.day, value=Decimal(2), source="daily"),),
            )
            for one in questions
        }


async def test_rates_that_another_process_stores_show_in_the_next_question(database, clock):
    memory = StoredMarket(database)
    market = Market(
        chains=Chains(rates=(Daily(),)), cache=Cache(clock=clock), clock=clock, last_known=memory
    )
    kept = KeptValues(clock)

    async def read():
        before = database.statements
        span = {"first": date(2024, 6, 3), "last": date(2024, 6, 6)}
        (found,) = (await kept.rates.between(market, ["USD"], "EUR", **span)).values()
        return found.track.values.tolist(), database.statements - before

    assert (await read())[0] == [0.5, 0.5, 0.5, 0.5]
    await market.flush()
    assert (await read())[0] == [0.5, 0.5, 0.5, 0.5]
    assert (await read())[1] == 1  # whether anything was stored since
    stored = EuroRate(currency="USD", day=date(2024, 6, 4), value=Decimal(4), source="other")
    await StoredMarket(database).remember(rates=[stored])  # as another process does
    assert (await read())[0] == [0.5, 0.25, 0.5, 0.5]
    versions = await memory.rate_versions({"USD"})
    await StoredMarket(database).remember(rates=[stored])  # told again as it was
    assert await memory.rate_versions({"USD"}) == versions
    assert await read() == ([0.5, 0.25, 0.5, 0.5], 1)


# Ledgers


async def figures(api, kept):
    """Return all that is kept, or worked out anew, of each portfolio and of all as one."""
    services = api.services
    async with services.database.reading() as session:
        rows = list(await session.scalars(portfolios_by_owner([1])))
    scopes = [(row,) for row in rows] + [tuple(rows)]
    wanted = [
        Wanted(portfolios=some, currency=currency, live=True)
        for some in scopes
        for currency in ("USD", "EUR")
    ]
    valuer = Valuer(
        kept=kept, database=services.database, market=services.market, now=services.clock()
    )
    found = []
    for one in await valuer.values(wanted):
        if one is None:
            found.append(None)
            continue
        series = one.valuation.series(one.scope)
        arrays = (
            *(getattr(series, name) for name in ("days", "value", "inflow", "outflow", "fresh")),
            one.valuation.cash_of(one.scope),
            one.valuation.invested_in(one.scope),
        )
        found.append((one.first_day, [array.tobytes() for array in arrays]))
    return found


def prices_of(days):
    chance = Random(5)
    lines = ["date,symbol,close,currency"]
    for symbol, currency in zip(SYMBOLS, ("USD", "EUR", "USD"), strict=True):
        lines += [f"{day},{symbol},{chance.randint(50, 150)},{currency}" for day in days]
    return "\n".join(lines) + "\n"


class Chance:
    """Changes ledgers at random; what is refused changes nothing."""

    def __init__(self, api, portfolios, seed):
        self.api = api
        self.portfolios = portfolios
        self.chance = Random(seed)
        self.entries = []

    async def __call__(self):
        pick = self.chance.choice
        kind = pick(
            ["trade"] * 4 + ["cash", "income", "split", "merge", "units", "money"]
            + ["void", "undo", "update", "update", "method", "short"]
        )  # fmt: skip
        day = date(2024, 2, 1) + timedelta(days=self.chance.randint(0, 100))
        common = {"portfolioId": pick(self.portfolios), "occurredAt": f"{day}T12:00:00Z"}
        ends = {"fromPortfolioId": self.portfolios[0], "toPortfolioId": self.portfolios[1]}
        about = {"symbol": pick(SYMBOLS)}
        units, money = str(self.chance.randint(1, 20)), str(self.chance.randint(1, 5000))
        moment = {"occurredAt": common["occurredAt"]}
        name, given = {
            "trade": (
                "recordTrade",
                common | about | {"side": pick(["BUY", "BUY", "SELL"]), "quantity": units}
                | {"price": "90", "fee": "1"},
            ),
            "cash": (
                "recordCashTransfer",
                common | {"direction": pick(["DEPOSIT", "WITHDRAWAL"]), "amount": money}
                | {"currency": pick(["USD", "EUR"])},
            ),
            "income": ("recordIncome", common | about | {"kind": "DIVIDEND", "amount": units}),
            "split": (
                "recordCorporateAction",
                common | about | {"kind": "SPLIT", "newUnits": "2", "oldUnits": "1"},
            ),
            "merge": (
                "recordCorporateAction",
                common | about | {"kind": "SPIN_OFF", "newUnits": "1", "oldUnits": "2"}
                | {"relatedSymbol": pick(SYMBOLS), "costShare": "0.2"},
            ),
            "units": ("transferUnits", moment | ends | about | {"quantity": "2"}),
            "money": ("transferCash", moment | ends | {"amount": money}),
            "void": ("voidTransaction", {"id": pick(self.entries or ["none"])}),
            "undo": ("undoTransactionChange", {"id": pick(self.entries or ["none"])}),
            "update": (
                "updateTransaction",
                {"id": pick(self.entries or ["none"])}
                | pick([{"quantity": units}, {"fee": "3"}, about, moment]),
            ),
            "method": (
                "updatePortfolio",
                {"portfolioId": pick(self.portfolios), "lotMethod": pick(["FIFO", "LIFO", "HIFO"])},
            ),
            "short": (
                "updatePortfolio",
                {"portfolioId": pick(self.portfolios), "allowShort": pick([True, False])},
            ),
        }[kind]  # fmt: skip
        if name == "updatePortfolio":
            query = """mutation($input: UpdatePortfolioInput!) {
              done: updatePortfolio(input: $input) { portfolio { id } userErrors { code } } }"""
            done = (await self.api.data(query, {"input": given}))["done"]
            return not done["userErrors"]
        done = await change(self.api, name, given)
        if done["userErrors"]:
            return False
        if done["entry"]["id"] not in self.entries:
            self.entries.append(done["entry"]["id"])
        return True


@pytest.mark.parametrize("seed", [1, 2])
async def test_after_any_change_what_is_kept_is_what_is_worked_out_from_nothing(
    open_market, books, seed
):
    days = [date(2024, 1, 15) + timedelta(days=count) for count in range(150)]
    rates = "Date,USD\n" + "".join(f"{day},1.{day.day:02}\n" for day in days)
    api = await open_market(prices=prices_of(days), rates=rates)
    ledger = books(api)
    portfolios = [
        await ledger.portfolio(name, baseCurrency=currency)
        for name, currency in (("Main", "USD"), ("Other", "EUR"))
    ]
    once_more, done = Chance(api, portfolios, seed), 0
    crowded = KeptValues(api.services.clock, most=20_000)
    assert await figures(api, api.services.kept) == [None] * 6
    for _ in range(45):
        if not await once_more():
            continue
        done += 1
        found = await figures(api, api.services.kept)
        assert found == await figures(api, KeptValues(api.services.clock))
        assert found == await figures(api, crowded)
        assert 0 < crowded.shelf.taken <= 20_000
    assert done >= 20


async def test_a_portfolio_that_is_asked_for_later_joins_what_is_known(open_market, books):
    api = await open_market(prices=PRICES, rates=RATES)
    ledger, main = await bought(api, books)
    assert (await values(api))[-1] == "2200"
    other = await ledger.portfolio("Other", baseCurrency="USD")
    ends = {"fromPortfolioId": main, "toPortfolioId": other}
    await ledger.record("transferUnits", None, "2024-04-02", **ends, symbol="ACME", quantity="4")
    await ledger.record("transferCash", None, "2024-04-02", **ends, amount="100")
    fresh = KeptValues(api.services.clock)
    assert await figures(api, api.services.kept) == await figures(api, fresh)


async def test_who_asks_between_two_changes_gets_each_of_them(open_market, books):
    api = await open_market(prices=PRICES, rates=RATES)
    ledger, main = await bought(api, books)
    for number in range(3):
        await ledger.record(
            "recordCashTransfer", main, "2024-04-01", direction="DEPOSIT", amount="100"
        )
        assert (await values(api))[1] == str(2200 + 100 * number)


class Crowded(KeptValues):
    """Keeps the values of one scope alone."""

    def keep(self, key, kept):
        self.shelf.drop("values")
        super().keep(key, kept)


async def test_values_that_make_room_while_ledgers_are_read_are_answered_all_the_same(
    open_market, books
):
    api = await open_market(prices=PRICES, rates=RATES)
    ledger, _ = await bought(api, books)
    other = await ledger.portfolio("Other", baseCurrency="USD")
    await ledger.record("recordCashTransfer", other, "2024-04-01", direction="DEPOSIT", amount="9")
    services = api.services
    async with services.database.reading() as session:
        rows = list(await session.scalars(portfolios_by_owner([1])))
    valuer = Valuer(
        kept=Crowded(services.clock),
        database=services.database,
        market=services.market,
        now=services.clock(),
    )
    main, both = (
        Wanted(portfolios=some, currency="USD", live=True) for some in ((rows[0],), tuple(rows))
    )
    (alone,) = await valuer.values([main])
    again, whole = await valuer.values([main, both])
    assert alone is not None
    assert again is not None
    assert whole is not None
    assert again.valuation is alone.valuation


# Costs


async def test_cold_warm_and_changed_values_take_a_fixed_number_of_statements(stored, books):
    ledger, main = await bought(stored, books)
    for symbol in ("BOND", "CORE"):
        key = SeriesKey(symbol=symbol, source="vendor", adjusted=False)
        await keep(stored, bars(key, d0329=10, d0613=11), key=key)
        await ledger.record(
            "recordTrade", main, "2024-03-29", symbol=symbol, side="BUY", quantity="1", price="10"
        )
    await keep(stored, bars(ACME, d0329=100, d0613=120))
    other = await ledger.portfolio("Other", baseCurrency="USD")

    async def statements():
        before = stored.services.database.statements
        await stored.data(TOTALS)
        return stored.services.database.statements - before

    cold, warm = await statements(), await statements()
    await ledger.record(
        "recordTrade", main, "2024-04-01", symbol="BOND", side="BUY", quantity="1", price="10"
    )
    changed = await statements()
    await keep(stored, bars(ACME, d0329=101))
    mended = await statements()
    await ledger.record("recordCashTransfer", other, "2024-04-01", direction="DEPOSIT", amount="9")
    joined = await statements()
    assert (cold, warm, changed, mended, joined) == (15, 4, 9, 8, 9)


async def test_portfolios_are_valued_up_to_a_past_day_without_todays_prices(stored, books):
    await bought(stored, books)
    await keep(stored, bars(ACME, d0329=100, d0401=110, d0402=99, d0403=120))
    before = stored.services.market.calls
    await values(stored)
    after = stored.services.market.calls
    assert after["simulated", "quotes"] == before["simulated", "quotes"]
