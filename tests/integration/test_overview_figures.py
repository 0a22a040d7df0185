"""The figures of an overview that rest on every day, with the arithmetic beside each."""

import pytest

PRICES = """date,symbol,close,currency
2024-06-10,ACME,100,USD
2024-06-11,ACME,110,USD
2024-06-12,ACME,99,USD
2024-06-13,ACME,120,USD
"""
RATES = """Date,USD
2024-06-10,1.25
2024-06-11,1.25
2024-06-12,1.25
2024-06-13,1
2024-06-14,1
"""
FIGURES = """timeWeightedReturn { value reason } volatility { value reason }
  sharpe { value } maxDrawdown { value } winRate { value reason }"""


@pytest.fixture
async def api(open_market, books):
    """Ten shares at 100, half of them sold at 110 and the rest held."""
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="USD")
    await ledger.record(
        "recordCashTransfer", main, "2024-06-10", direction="DEPOSIT", amount="1000"
    )
    for day, side, units, price in (
        ("2024-06-10", "BUY", "10", "100"),
        ("2024-06-11", "SELL", "5", "110"),
    ):
        await ledger.record(
            "recordTrade", main, day, symbol="ACME", side=side, quantity=units, price=price
        )
    return started


async def overview(api, arguments=""):
    answer = await api.data(
        f"{{ viewer {{ portfolios {{ overview{arguments} {{ {FIGURES} }} }} }} }}"
    )
    return answer["viewer"]["portfolios"][0]["overview"]


async def test_an_overview_tells_in_short_how_a_portfolio_did(api):
    found = await overview(api)
    # 1,000; 1,100; 550 + 495; 550 + 600.
    returns = [0, 0.1, 1045 / 1100 - 1, 1150 / 1045 - 1]
    mean = sum(returns) / 4
    spread = (sum((one - mean) ** 2 for one in returns) / 3) ** 0.5
    assert found["timeWeightedReturn"] == {"value": pytest.approx(0.15), "reason": None}
    assert found["volatility"]["value"] == pytest.approx(spread * 252**0.5)
    assert found["sharpe"]["value"] == pytest.approx(mean / spread * 252**0.5)
    assert found["maxDrawdown"]["value"] == pytest.approx(-0.05)
    assert found["winRate"] == {"value": 1, "reason": None}


async def test_that_of_a_past_day_knows_nothing_of_later_ones(api):
    found = await overview(api, '(asOf: "2024-06-10")')
    assert found["timeWeightedReturn"]["value"] == 0
    assert found["volatility"]["reason"] == "SERIES_TOO_SHORT"
    assert found["winRate"] == {"value": None, "reason": "NO_TRADES"}
    before = await overview(api, '(asOf: "2024-06-01")')
    assert before["timeWeightedReturn"]["reason"] == "NO_CAPITAL"


async def test_another_currency_counts_at_the_rate_of_each_day(api):
    found = await overview(api, '(currency: "EUR", asOf: "2024-06-13")')
    assert found["timeWeightedReturn"]["value"] == pytest.approx(1150 / 800 - 1)


async def test_all_of_them_and_performance_beside_them_cost_one_reading(api, books):
    await books(api).portfolio("Empty")
    services = api.services

    async def cost(selection):
        services.kept.__init__(services.clock)
        before = services.database.statements
        await api.data(f"{{ viewer {{ portfolios {{ {selection} }} }} }}")
        return services.database.statements - before

    one, short = "performance { timeWeightedReturn { value } }", "overview { value { amount } }"
    trades = "tradeStatistics { winRate { value } }"
    alone = [await cost(selection) for selection in ("name", one, short, trades)]
    several = f"{one} {trades} {short} more: overview {{ value {{ amount }} {FIGURES} }}"
    # What all of them begin with is read once.
    assert await cost(several) == sum(alone) - 3 * alone[0]
