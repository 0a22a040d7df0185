"""Benchmarks with their dividends, by hand; and what each of their days was made of."""

from datetime import date
from decimal import Decimal

import pytest

from models.market import Actions, DividendEvent, KnownActions, SplitEvent
from services.stored_bars import StoredHistory
from tests.conftest import NOW

PRICES = """date,symbol,close,currency
2024-03-28,ACME,100,USD
2024-04-01,ACME,100,USD
2024-04-02,ACME,100,USD
2024-04-03,ACME,100,USD
2024-03-28,PAYER,100,USD
2024-04-01,PAYER,98,USD
2024-04-02,PAYER,49,USD
2024-04-03,PAYER,50.47,USD
2024-03-28,QUIET,200,USD
2024-04-01,QUIET,210,USD
2024-04-02,QUIET,210,USD
2024-04-03,QUIET,220,USD
2024-03-28,UNTOLD,10,USD
2024-04-01,UNTOLD,10,USD
2024-04-03,UNTOLD,11,USD
2024-03-28,ODD,10,USD
2024-04-01,ODD,10,USD
2024-04-03,ODD,11,USD
"""
RATES = "Date,USD\n2024-03-28,1\n2024-04-03,1\n"
DAYS = {"from": "2024-04-01", "to": "2024-04-03"}
ASKED = """query($range: DateRangeInput!, $symbol: Symbol, $blend: BlendInput, $basis: ReturnBasis! = TOTAL_RETURN) {
  viewer { portfolios { performance(range: $range) {
    benchmark(symbol: $symbol, blend: $blend, basis: $basis) {
      basis parts { symbol basis reason dividends { exDay amount { amount currency } source } }
      benchmarkReturn { value explain { steps { name value }
        benchmarkDays { nodes { day level return lines { symbol price priceDay priceSource
          closingPrice { id close } exchangeRate { rate } dividends { exDay amount { amount } }
          splits { day } } } } } }
      annualizedBenchmarkReturn(force: true) { explain { benchmarkDays { totalCount } } }
      excessReturn { value } } }
    risk(range: $range, benchmark: $symbol, blend: $blend, basis: $basis) { benchmarkBasis
      beta { explain { benchmarkDays { totalCount } } } volatility { explain {
        benchmarkDays { totalCount } } } } } } }"""


def known(symbol, *dividends, splits=()):
    return KnownActions(
        symbol=symbol,
        source="vendor",
        first=date(1984, 1, 1),
        last=date(2025, 6, 15),
        checked_at=NOW,
        actions=Actions(
            splits=tuple(
                SplitEvent(symbol=symbol, day=day, new=Decimal(2), old=Decimal(1), source="vendor")
                for day in splits
            ),
            dividends=tuple(
                DividendEvent(
                    symbol=symbol,
                    ex_day=day,
                    amount=Decimal(amount),
                    currency=currency,
                    source="vendor",
                )
                for day, amount, currency in dividends
            ),
        ),
    )


@pytest.fixture
async def api(open_market, books):
    """One pays 2 of 100 and is split in two the next day, one pays nothing, of one nobody can tell."""
    started = await open_market(prices=PRICES, rates=RATES)
    store = StoredHistory(started.services.database)
    for one in (
        known("PAYER", (date(2024, 4, 1), "2", "USD"), splits=[date(2024, 4, 2)]),
        known("QUIET", (date(2023, 4, 1), "9", "USD")),
        known("ODD", (date(2024, 4, 2), "1", "CHF")),
        known("ACME"),
    ):
        await store.keep_actions(one, first=one.first, last=one.last)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="USD")
    await ledger.record(
        "recordCashTransfer", main, "2024-03-28", direction="DEPOSIT", amount="1000"
    )
    await ledger.record(
        "recordTrade", main, "2024-03-28", symbol="ACME", side="BUY", quantity="10", price="100"
    )
    return started


async def compared(api, **given):
    (main,) = (await api.data(ASKED, {"range": DAYS} | given))["viewer"]["portfolios"]
    return main["performance"]["benchmark"], main["risk"]


def blend(*symbols):
    return {"parts": [{"symbol": one, "weight": 1 / len(symbols)} for one in symbols]}


async def test_dividends_are_put_back_in_and_a_split_is_no_loss(api):
    found, risk = await compared(api, symbol="PAYER")
    # 98 and 2, then twice 49, then 3 % more: the prices of a whole one went from 100 to 100.94.
    assert found["benchmarkReturn"]["value"] == pytest.approx(0.03)
    assert found["excessReturn"]["value"] == pytest.approx(1 / 1.03 - 1)
    assert (found["basis"], risk["benchmarkBasis"]) == ("TOTAL_RETURN", "TOTAL_RETURN")
    assert found["parts"] == [
        {
            "symbol": "PAYER",
            "basis": "TOTAL_RETURN",
            "reason": None,
            "dividends": [
                {
                    "exDay": "2024-04-01",
                    "amount": {"amount": "2", "currency": "USD"},
                    "source": "vendor",
                }
            ],
        }
    ]
    steps = {step["name"]: step["value"] for step in found["benchmarkReturn"]["explain"]["steps"]}
    assert steps == {
        "price return": pytest.approx(0.0094),
        "dividend return": pytest.approx(1.03 / 1.0094 - 1),
    }


async def test_prices_alone_are_told_where_they_are_asked_for(api):
    found, risk = await compared(api, symbol="PAYER", basis="PRICE_RETURN")
    assert found["benchmarkReturn"]["value"] == pytest.approx(0.0094)
    assert (found["basis"], risk["benchmarkBasis"]) == ("PRICE_RETURN", "PRICE_RETURN")
    (part,) = found["parts"]
    assert (part["basis"], part["reason"], part["dividends"]) == ("PRICE_RETURN", "ASKED_FOR", [])


@pytest.mark.parametrize(
    ("symbol", "growth", "reason"),
    [
        ("QUIET", 0.1, "NO_DIVIDENDS"),
        ("UNTOLD", 0.1, "NOT_TOLD"),
        ("ODD", 0.1, "OTHER_CURRENCY"),
    ],
)
async def test_why_there_are_no_dividends_within_is_told(api, symbol, growth, reason):
    found, _ = await compared(api, symbol=symbol)
    assert found["benchmarkReturn"]["value"] == pytest.approx(growth)
    assert (found["basis"], [part["reason"] for part in found["parts"]]) == (
        "PRICE_RETURN",
        [reason],
    )


async def test_a_blend_is_of_one_kind(api):
    found, _ = await compared(api, blend=blend("PAYER", "QUIET"))
    # Day by day: 100 / 100 and 210 / 200, nothing, 1.03 and 220 / 210.
    growth = 1.025 * (1 + (0.03 + 220 / 210 - 1) / 2)
    assert found["benchmarkReturn"]["value"] == pytest.approx(growth - 1)
    assert found["basis"] == "TOTAL_RETURN"
    assert [part["reason"] for part in found["parts"]] == [None, "NO_DIVIDENDS"]
    found, _ = await compared(api, blend=blend("PAYER", "UNTOLD"))
    assert found["basis"] == "PRICE_RETURN"
    assert [part["reason"] for part in found["parts"]] == ["OTHER_PART", "NOT_TOLD"]
    growth = (0.98 + 1) / 2 * (1.03 + 1.1) / 2
    assert found["benchmarkReturn"]["value"] == pytest.approx(growth - 1)


async def test_adjusted_closes_have_no_dividends_applied_again(open_market, books):
    wide = "Date,PAYER\n2024-03-28,100\n2024-04-01,98\n2024-04-03,99\n"
    api = await open_market(prices=wide, rates=RATES)
    one = known("PAYER", (date(2024, 4, 1), "2", "USD"), splits=[date(2024, 4, 2)])
    store = StoredHistory(api.services.database)
    await store.keep_actions(one, first=one.first, last=one.last)
    main = await books(api).portfolio("Main", baseCurrency="USD")
    await books(api).record(
        "recordCashTransfer", main, "2024-03-28", direction="DEPOSIT", amount="1000"
    )
    found, _ = await compared(api, symbol="PAYER")
    assert found["benchmarkReturn"]["value"] == pytest.approx(-0.01)
    assert (found["basis"], found["parts"][0]["reason"]) == ("PRICE_RETURN", "ADJUSTED_CLOSES")


async def test_each_day_of_a_benchmark_leads_back_to_closes_and_dividends(api, books):
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    await books(api).record(
        "recordTrade",
        main["id"],
        "2024-04-03",
        symbol="PAYER",
        side="BUY",
        quantity="1",
        price="50",
    )
    found, risk = await compared(api, symbol="PAYER")
    nodes = found["benchmarkReturn"]["explain"]["benchmarkDays"]["nodes"]
    assert [(one["day"], one["level"], one["return"]) for one in nodes] == [
        ("2024-04-03", pytest.approx(1.03), pytest.approx(0.03)),
        ("2024-04-02", pytest.approx(1), pytest.approx(0)),
        ("2024-04-01", pytest.approx(1), pytest.approx(0)),
        ("2024-03-31", 1, None),
    ]
    lines = [line for one in nodes for line in one["lines"]]
    assert [(line["price"], line["priceDay"], line["exchangeRate"]) for line in lines] == [
        ("50.47", "2024-04-03", {"rate": "1"}),
        ("49", "2024-04-02", {"rate": "1"}),
        ("98", "2024-04-01", {"rate": "1"}),
        ("100", "2024-03-28", {"rate": "1"}),
    ]
    assert [line["splits"] for line in lines] == [[], [{"day": "2024-04-02"}], [], []]
    paid = [line["dividends"] for line in lines]
    assert paid == [[], [], [{"exDay": "2024-04-01", "amount": {"amount": "2"}}], []]
    close = lines[0]["closingPrice"]
    query = "query($id: ID!) { node(id: $id) { ... on ClosingPrice { close day } } }"
    node = (await api.data(query, {"id": close["id"]}))["node"]
    assert node == {"close": "50.47", "day": "2024-04-03"}
    assert found["annualizedBenchmarkReturn"]["explain"]["benchmarkDays"]["totalCount"] == 4
    assert risk["beta"]["explain"]["benchmarkDays"]["totalCount"] == 4
    assert risk["volatility"]["explain"]["benchmarkDays"] is None


async def test_concentration_leads_back_to_what_was_held(api):
    query = """query($on: Date) { viewer { portfolios { allocation(by: INSTRUMENT, asOf: $on) {
      net { amount } concentration { herfindahl { value explain { days { nodes { day value
        lines { instrument { symbol } units value closingPrice { id } } } }
        flows { totalCount } transactions { totalCount } } } } } } } }"""
    answer = await api.data(query, {"on": "2024-04-02"})
    found = answer["viewer"]["portfolios"][0]["allocation"]
    assert found["net"] == {"amount": "1000"}
    explained = found["concentration"]["herfindahl"]["explain"]
    (day,) = explained["days"]["nodes"]
    assert (day["day"], day["value"]) == ("2024-04-02", 1000)
    (line,) = day["lines"]
    assert (line["instrument"], line["units"], line["value"]) == ({"symbol": "ACME"}, "10", 1000)
    assert line["closingPrice"]["id"]
    assert (explained["flows"], explained["transactions"]) == (None, {"totalCount": 2})
    answer = await api.data(query)
    found = answer["viewer"]["portfolios"][0]["allocation"]
    (day,) = found["concentration"]["herfindahl"]["explain"]["days"]["nodes"]
    assert day["day"] == str(NOW.date())
