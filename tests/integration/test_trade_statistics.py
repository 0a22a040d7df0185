"""Statistics of closed trades through the graph, with the arithmetic beside each figure."""

import pytest

PRICES = """date,symbol,close,currency
2024-03-28,ACME,100,USD
2024-03-28,EURO.DE,50,EUR
"""
RATES = """Date,USD
2024-01-02,1.25
2024-02-01,1.25
2024-03-01,1
2024-03-28,1
"""
FIGURES = """fragment Figures on TradeStatistics {
  from to currency trades wins losses breakEvens unknown
  winRate { value reason } profitFactor { value reason } expectancy { value } payoff { value }
  averageWin { value } averageLoss { value reason } returnOnCost { value } holdingTime { value }
  best { instrument { symbol } gain { amount currency } return holdingDays closedAt
         closedBy { id kind } }
  worst(first: 1) { gain { amount } return } }"""
ASKED = (
    """query($range: DateRangeInput, $period: PerformancePeriod, $method: LotMethod,
    $fees: FeePolicy! = CAPITALIZE) { viewer { portfolios {
  tradeStatistics(range: $range, period: $period, lotMethod: $method, feePolicy: $fees) {
    ...Figures } } } }"""
    + FIGURES
)


@pytest.fixture
async def api(open_market, books):
    """Two lots of ACME at 100 and 120 of which three sales take; one round trip in euros."""
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="USD")
    await ledger.record(
        "recordCashTransfer", main, "2024-01-02", direction="DEPOSIT", amount="9000"
    )
    for day, symbol, side, units, price, fee in (
        ("2024-01-02", "ACME", "BUY", "10", "100", "10"),
        ("2024-01-12", "ACME", "BUY", "10", "120", "0"),
        ("2024-02-01", "ACME", "SELL", "5", "140", "5"),
        ("2024-03-01", "ACME", "SELL", "10", "110", "0"),
        ("2024-03-28", "ACME", "SELL", "5", "120", "0"),
        ("2024-02-01", "EURO.DE", "BUY", "4", "50", "0"),
        ("2024-03-01", "EURO.DE", "SELL", "4", "60", "0"),
    ):
        await ledger.record(
            "recordTrade", main, day, symbol=symbol, side=side, quantity=units, price=price, fee=fee
        )
    return started


async def statistics(api, **variables):
    answer = await api.data(ASKED, variables)
    (portfolio,) = answer["viewer"]["portfolios"]
    return portfolio["tradeStatistics"]


async def test_each_sale_is_one_trade_in_base_currency(api):
    found = await statistics(api)
    # First in first out: 695 - 505; 1,100 - (505 + 600) over two lots; 600 - 600.
    # In euros: 240 at 1.00 for 200 at 1.25.
    gains = [190, -5, 0, 240 - 250]
    assert [found[name] for name in ("trades", "wins", "losses", "breakEvens", "unknown")] == [
        4,
        1,
        2,
        1,
        0,
    ]
    assert found["winRate"]["value"] == pytest.approx(1 / 3)
    assert found["profitFactor"]["value"] == pytest.approx(190 / 15)
    assert found["expectancy"]["value"] == pytest.approx(sum(gains) / 4)
    assert found["payoff"]["value"] == pytest.approx(190 / 7.5)
    assert found["averageWin"]["value"] == pytest.approx(190)
    assert found["averageLoss"]["value"] == pytest.approx(-7.5)
    assert found["returnOnCost"]["value"] == pytest.approx(175 / (505 + 1105 + 600 + 250))
    # 30 days; half of 59 and half of 49; 76; 29.
    assert found["holdingTime"]["value"] == pytest.approx((30 + 54 + 76 + 29) / 4)
    (best,) = found["best"]
    assert best.pop("closedBy")["kind"] == "SELL"
    assert best == {
        "instrument": {"symbol": "ACME"},
        "gain": {"amount": "190", "currency": "USD"},
        "return": pytest.approx(190 / 505),
        "holdingDays": 30,
        "closedAt": "2024-02-01T12:00:00Z",
    }
    assert found["worst"] == [{"gain": {"amount": "-10"}, "return": -0.04}]
    assert (found["from"], found["to"], found["currency"]) == (None, "2024-06-14", "USD")


async def test_days_lot_method_and_fees_are_chosen(api):
    found = await statistics(api, range={"from": "2024-02-01", "to": "2024-02-29"}, fees="EXPENSE")
    assert (found["trades"], found["from"]) == (1, "2024-02-01")
    assert found["best"][0]["gain"]["amount"] == "200"
    assert found["averageLoss"] == {"value": None, "reason": "NO_LOSSES"}
    # Last in first out: 695 - 600.
    found = await statistics(api, range={"from": "2024-02-01", "to": "2024-02-29"}, method="LIFO")
    assert found["best"][0]["gain"]["amount"] == "95"
    found = await statistics(api, period="ONE_MONTH")
    assert (found["trades"], found["from"]) == (0, "2024-05-15")
    assert found["winRate"] == {"value": None, "reason": "NO_TRADES"}


async def test_a_position_and_all_portfolios_together_have_their_own(api):
    query = """{ viewer { combined { tradeStatistics { trades }
      positions(includeClosed: true) { symbol tradeStatistics { ...Figures } } }
      portfolios { positions(includeClosed: true) { symbol tradeStatistics { ...Figures } } } } }"""
    answer = (await api.data(query + FIGURES))["viewer"]
    assert answer["combined"]["tradeStatistics"] == {"trades": 4}
    for positions in (answer["combined"]["positions"], answer["portfolios"][0]["positions"]):
        found = {one["symbol"]: one["tradeStatistics"] for one in positions}
        assert {symbol: one["trades"] for symbol, one in found.items()} == {
            "ACME": 3,
            "EURO.DE": 1,
        }
        assert found["EURO.DE"]["expectancy"]["value"] == pytest.approx(-10)


async def test_trades_of_unknown_gain_are_counted_apart(api, books):
    ledger = books(api)
    other = await ledger.portfolio("Other", baseCurrency="USD")
    content = "date,type,symbol,quantity,price\n2024-03-01,SELL,ACME,2,100\n"
    mutation = """mutation($input: ImportTransactionsInput!) { importTransactions(input: $input) {
      counts { fate count } userErrors { message } } }"""
    given = {"portfolioId": other, "content": content}
    done = (await api.data(mutation, {"input": given}))["importTransactions"]
    assert done["userErrors"] == []
    answer = await api.data(ASKED, {})
    found = answer["viewer"]["portfolios"][1]["tradeStatistics"]
    assert (found["trades"], found["unknown"], found["best"]) == (0, 1, [])


async def test_more_than_a_hundred_trades_are_refused(api):
    query = "{ viewer { portfolios { tradeStatistics { worst(first: 101) { return } } } } }"
    answer = (await api.post(query)).json()
    assert answer["errors"][0]["message"] == "`first` must be from 1 to 100."


async def test_statistics_of_many_positions_cost_what_those_of_one_portfolio_do(api):
    services = api.services

    async def cost(selection):
        before = services.database.statements
        await api.data(f"{{ viewer {{ portfolios {{ {selection} }} }} }}")
        return services.database.statements - before

    trades = "tradeStatistics { winRate { value } }"
    positions = f"positions(includeClosed: true) {{ {trades} }}"
    assert await cost(positions) == await cost(trades) + 1  # the positions themselves
