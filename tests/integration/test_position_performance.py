"""Performance and risk of single positions, with the arithmetic beside each figure."""

import pytest

PRICES = """date,symbol,close,currency
2024-03-29,ACME,100,USD
2024-04-01,ACME,110,USD
2024-04-02,ACME,99,USD
2024-04-03,ACME,120,USD
2024-03-29,OTHER,50,USD
2024-04-01,OTHER,55,USD
2024-04-02,OTHER,44,USD
2024-04-03,OTHER,55,USD
"""
RATES = """Date,USD
2024-03-29,1.25
2024-04-01,1.25
2024-04-02,1.25
2024-04-03,1
"""
FIGURES = """fragment Figures on Performance { from to currency
  gain { value } timeWeightedReturn { value reason } moneyWeightedReturn { value }
  series(points: 10) { day value { amount } cash { amount } invested { amount } netInflow { amount } growth } }"""
ASKED = (
    """query($range: DateRangeInput, $period: PerformancePeriod, $currency: CurrencyCode,
    $fees: FeePolicy! = CAPITALIZE, $taxes: TaxPolicy! = GROSS, $closed: Boolean! = false) {
  viewer { portfolios { positions(includeClosed: $closed) { symbol performance(
      range: $range, period: $period, currency: $currency, feePolicy: $fees, taxPolicy: $taxes) {
    ...Figures } } } } }"""
    + FIGURES
)
UNTIL_APRIL = {"from": "2024-03-29", "to": "2024-04-03"}


@pytest.fixture
async def api(open_market):
    return await open_market(prices=PRICES, rates=RATES)


@pytest.fixture
async def main(api, books):
    """Ten shares at 100 with a fee of 10, a dividend of 20 less 3 of tax, four sold at 120 for 2.

    Five of another at 55, sold at once at 44.
    """
    ledger = books(api)
    main = await ledger.portfolio("Main", baseCurrency="USD")
    await ledger.record(
        "recordCashTransfer", main, "2024-03-29", direction="DEPOSIT", amount="5000"
    )
    trade, acme = "recordTrade", {"symbol": "ACME"}
    await ledger.record(
        trade, main, "2024-03-29", **acme, side="BUY", quantity="10", price="100", fee="10"
    )
    await ledger.record(
        "recordIncome", main, "2024-04-02", **acme, kind="DIVIDEND", amount="20", tax="3"
    )
    await ledger.record(
        trade, main, "2024-04-03", **acme, side="SELL", quantity="4", price="120", fee="2"
    )
    for day, side, price in (("2024-04-01", "BUY", "55"), ("2024-04-02", "SELL", "44")):
        await ledger.record(trade, main, day, symbol="OTHER", side=side, quantity="5", price=price)
    return main


async def positions(api, **variables):
    answer = await api.data(ASKED, variables)
    (portfolio,) = answer["viewer"]["portfolios"]
    return {one["symbol"]: one["performance"] for one in portfolio["positions"]}


async def test_purchases_come_into_a_position_and_sales_and_dividends_go_out(api, main):
    found = (await positions(api, range=UNTIL_APRIL))["ACME"]
    growths = [1000 / 1010, 1100 / 1000, (990 + 20) / 1100, (720 + 480) / (990 + 2)]
    whole = growths[0] * growths[1] * growths[2] * growths[3]
    assert found["timeWeightedReturn"] == {"value": pytest.approx(whole - 1), "reason": None}
    # 720 and 480 and 20 were got for 1,010 and 2.
    assert found["gain"]["value"] == pytest.approx(208)
    points = {point["day"]: point for point in found["series"]}
    assert {day: point["value"]["amount"] for day, point in points.items()} == {
        "2024-03-28": "0",
        "2024-03-29": "1000",
        "2024-03-30": "1000",
        "2024-03-31": "1000",
        "2024-04-01": "1100",
        "2024-04-02": "990",
        "2024-04-03": "720",
    }
    flows = [(day, point["netInflow"]["amount"]) for day, point in points.items()]
    assert [pair for pair in flows if pair[1] != "0"] == [
        ("2024-03-29", "1010"),
        ("2024-04-02", "-20"),
        ("2024-04-03", "-478"),
    ]
    assert {point["cash"]["amount"] for point in points.values()} == {"0"}
    assert points["2024-04-03"]["invested"]["amount"] == "606"


@pytest.mark.parametrize(
    ("fees", "taxes", "growth"),
    [
        ("CAPITALIZE", "NET", 1000 / 1010 * 1.1 * (990 + 20) / (1100 + 3) * 1200 / 992),
        ("EXPENSE", "GROSS", 1.1 * (990 + 20) / 1100 * 1200 / 990),
        ("EXPENSE", "NET", 1.1 * (990 + 20) / (1100 + 3) * 1200 / 990),
    ],
)
async def test_fees_and_taxes_of_a_position_are_lost_by_policy(api, main, fees, taxes, growth):
    found = (await positions(api, range=UNTIL_APRIL, fees=fees, taxes=taxes))["ACME"]
    assert found["timeWeightedReturn"]["value"] == pytest.approx(growth - 1)


async def test_a_position_that_was_closed_keeps_its_return(api, main):
    found = (await positions(api, range=UNTIL_APRIL, closed=True))["OTHER"]
    assert found["timeWeightedReturn"]["value"] == pytest.approx(44 / 55 - 1)
    assert found["gain"]["value"] == pytest.approx(-55)
    assert (found["from"], found["to"]) == ("2024-04-01", "2024-04-03")


async def test_a_fee_for_a_position_that_was_closed_is_lost_of_what_was_in_it(api, main, books):
    charge = {"kind": "FEE", "symbol": "OTHER", "amount": "11"}
    await books(api).record("recordCharge", main, "2024-04-03", **charge)
    found = (await positions(api, range=UNTIL_APRIL, closed=True))["OTHER"]
    # 275 were put in, 220 came out, and then 11 had to be paid.
    assert found["timeWeightedReturn"]["value"] == pytest.approx((220 - 11) / 275 - 1)
    assert found["gain"]["value"] == pytest.approx(-66)
    assert found["series"][-1]["netInflow"]["amount"] == "11"


async def test_all_of_a_position_is_since_its_own_first_booking(api, main, clock):
    found = await positions(api, period="MAX", closed=True)
    assert {symbol: one["from"] for symbol, one in found.items()} == {
        "ACME": "2024-03-29",
        "OTHER": "2024-04-01",
    }


async def test_before_a_position_was_there_it_has_no_return(api, main):
    days = {"from": "2024-03-29", "to": "2024-03-31"}
    found = (await positions(api, range=days, closed=True))["OTHER"]
    assert found["series"] == []
    assert found["timeWeightedReturn"] == {"value": None, "reason": "NO_CAPITAL"}


async def test_another_currency_adds_what_its_rate_did_to_the_position(api, main):
    days = {"from": "2024-04-02", "to": "2024-04-03"}
    found = (await positions(api, range=days, currency="EUR"))["ACME"]
    # At 0.80 on the first two days and at 1 on the last, the dividend at 0.80.
    growth = (792 + 16) / 880 * (720 + 480) / (792 + 2)
    assert found["timeWeightedReturn"]["value"] == pytest.approx(growth - 1)


async def test_risk_of_a_position_is_that_of_its_own_trading_days(api, main):
    query = """query($range: DateRangeInput!) { viewer { portfolios { positions { symbol
      risk(range: $range, benchmark: "OTHER") { maxDrawdown { value } volatility { value }
        beta { value } deepestDrawdown { peak trough } } } } } }"""
    days = {"from": "2024-04-01", "to": "2024-04-03"}
    answer = await api.data(query, {"range": days})
    (acme,) = answer["viewer"]["portfolios"][0]["positions"]
    mine = [0.1, (990 + 20) / 1100 - 1, 1200 / 992 - 1]
    theirs = [0.1, -0.2, 0.25]
    mean, middle = sum(mine) / 3, sum(theirs) / 3
    spread = sum((one - mean) ** 2 for one in mine) / 2
    assert acme["risk"]["volatility"]["value"] == pytest.approx((252 * spread) ** 0.5)
    assert acme["risk"]["maxDrawdown"]["value"] == pytest.approx(mine[1])
    assert acme["risk"]["deepestDrawdown"] == {"peak": "2024-04-01", "trough": "2024-04-02"}
    pairs = zip(mine, theirs, strict=True)
    shared = sum((one - mean) * (other - middle) for one, other in pairs)
    beta = shared / sum((other - middle) ** 2 for other in theirs)
    assert acme["risk"]["beta"]["value"] == pytest.approx(beta)


async def test_positions_of_all_portfolios_together_are_one(api, books, main):
    ledger = books(api)
    other = await ledger.portfolio("Other", baseCurrency="USD")
    ends = {"fromPortfolioId": main, "toPortfolioId": other}
    await ledger.record("transferUnits", None, "2024-04-02", **ends, symbol="ACME", quantity="5")
    query = """query($range: DateRangeInput!) { viewer { combined { positions { symbol
      performance(range: $range, currency: "USD") { ...Figures } } } } }"""
    answer = await api.data(query + FIGURES, {"range": UNTIL_APRIL})
    (acme,) = answer["viewer"]["combined"]["positions"]
    # What moved from one portfolio to the other came from nowhere.
    growth = 1000 / 1010 * 1.1 * (990 + 20) / 1100 * 1200 / 992
    assert acme["performance"]["timeWeightedReturn"]["value"] == pytest.approx(growth - 1)


SEVERAL = """query($range: DateRangeInput!) { viewer { portfolios { positions(includeClosed: true) {
  gross: performance(range: $range) { timeWeightedReturn { value } }
  net: performance(range: $range, taxPolicy: NET) { timeWeightedReturn { value } }
  risk(range: $range) { volatility { value } maxDrawdown { value } } } } } }"""
ONE = SEVERAL.replace("portfolios { positions(includeClosed: true)", "portfolios").replace(
    "} } } } } }", "} } } } }"
)


async def cost_of(api, query):
    """Return how many statements and calls to the market a query costs when nothing is kept."""
    services = api.services
    services.kept.__init__(services.clock)
    before, calls = services.database.statements, sum(services.market.calls.values())
    await api.data(query, {"range": UNTIL_APRIL})
    return services.database.statements - before, sum(services.market.calls.values()) - calls


async def test_positions_cost_no_more_than_their_portfolio_whatever_is_asked_of_them(api, main):
    await api.data(ONE, {"range": UNTIL_APRIL})  # what the market has is stored by now
    statements, calls = await cost_of(api, ONE)
    # Reading the positions themselves is one more.
    assert await cost_of(api, SEVERAL) == (statements + 1, calls)


async def test_units_sold_that_were_never_acquired_leave_the_position_without_a_return(api, main):
    content = "date,type,symbol,quantity,price\n2024-04-03,SELL,ACME,14,120\n"
    mutation = """mutation($input: ImportTransactionsInput!) { importTransactions(input: $input) {
      userErrors { message } } }"""
    given = {"portfolioId": main, "content": content}
    done = (await api.data(mutation, {"input": given}))["importTransactions"]
    assert done == {"userErrors": []}
    query = """query($range: DateRangeInput!) { viewer { portfolios { positions(includeClosed: true) {
      symbol performance(range: $range) { gain { value reason message } timeWeightedReturn M
        moneyWeightedReturn M modifiedDietz M benchmark(symbol: "OTHER") { excessReturn M
        kaplanSchoar M benchmarkReturn M }
        series(points: 10) { value { amount } netInflow { amount } growth } }
      risk(range: $range) { volatility M maxDrawdown M drawdowns { depth } } } } } }"""
    query = query.replace(" M", " { value reason }")
    days = {"from": "2024-04-02", "to": "2024-04-03"}
    answer = await api.data(query, {"range": days})
    acme, other = answer["viewer"]["portfolios"][0]["positions"]
    missing = {"value": None, "reason": "MISSING_ACQUISITION"}
    found = acme["performance"]
    assert found["gain"].pop("message") == (
        "8 units of ACME were sold or moved out without having been acquired: book how they came "
        "in."
    )
    for name in ("gain", "timeWeightedReturn", "moneyWeightedReturn", "modifiedDietz"):
        assert found[name] == missing
    compared = found["benchmark"]
    assert compared["excessReturn"] == compared["kaplanSchoar"] == missing
    assert compared["benchmarkReturn"]["reason"] is None
    assert [point["value"]["amount"] for point in found["series"]] == ["1100", "990", "0"]
    growth = (990 + 20) / 1100 - 1
    assert [point["growth"] for point in found["series"]] == [0, pytest.approx(growth), None]
    assert acme["risk"] == {"volatility": missing, "maxDrawdown": missing, "drawdowns": []}
    assert other["performance"]["gain"]["reason"] is None


async def test_a_long_list_of_positions_is_answered_as_a_short_one(api, main):
    # More than ten at once are put together aside, so that others are served meanwhile.
    asked = "positions(includeClosed: true) { performance(range: $range) { gain { value } } }"
    names = [f"p{number}" for number in range(6)]
    fields = " ".join(f"{name}: portfolios {{ {asked} }}" for name in names)
    query = f"query($range: DateRangeInput!) {{ viewer {{ {fields} }} }}"
    answer = (await api.data(query, {"range": UNTIL_APRIL}))["viewer"]
    for name in names:
        (portfolio,) = answer[name]
        gains = [one["performance"]["gain"]["value"] for one in portfolio["positions"]]
        assert gains == pytest.approx([208, -55])
