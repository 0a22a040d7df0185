"""Portfolios beside an instrument or a blend, with the arithmetic beside each figure."""

import pytest

PRICES = """date,symbol,close,currency
2023-03-30,ACME,100,USD
2023-03-31,ACME,110,USD
2023-04-03,ACME,121,USD
2024-03-28,ACME,150,USD
2024-03-29,ACME,150,USD
2023-03-29,INDEX,1000,USD
2023-03-30,INDEX,1000,USD
2023-03-31,INDEX,1050,USD
2023-04-03,INDEX,1155,USD
2024-03-28,INDEX,1200,USD
2024-03-29,INDEX,1210,USD
2023-03-29,EURO.DE,50,EUR
2023-03-30,EURO.DE,50,EUR
2023-03-31,EURO.DE,60,EUR
2023-04-03,EURO.DE,45,EUR
2024-03-29,EURO.DE,55,EUR
"""
RATES = """Date,USD
2023-03-29,1.25
2023-03-30,1.25
2023-03-31,1
2023-04-03,1.6
2024-03-28,2
2024-03-29,2
"""
MEASURE = "{ value reason explain { steps { name value } } }"
ASKED = (
    """query($range: DateRangeInput!, $symbol: Symbol, $blend: BlendInput, $currency: CurrencyCode) {
  viewer { portfolios { performance(range: $range, currency: $currency) {
    benchmark(symbol: $symbol, blend: $blend) {
      benchmark { parts { symbol weight } rebalanced }
      benchmarkReturn M excessReturn M valueInBenchmark M longNickels M kaplanSchoar M
      annualizedBenchmarkReturn M
      series { day growth benchmarkGrowth } } } } } }"""
).replace(" M", f" {MEASURE}")
SPRING = {"from": "2023-03-30", "to": "2023-04-03"}
YEAR = {"from": "2023-03-31", "to": "2024-03-29"}


@pytest.fixture
async def api(open_market, books):
    """A thousand dollars in ten shares on March 30th, and 605 dollars more in five on April 3rd."""
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="USD")
    for day, amount, units, price in (
        ("2023-03-30", "1000", "10", "100"),
        ("2023-04-03", "605", "5", "121"),
    ):
        await ledger.record("recordCashTransfer", main, day, direction="DEPOSIT", amount=amount)
        await ledger.record(
            "recordTrade", main, day, symbol="ACME", side="BUY", quantity=units, price=price
        )
    return started


async def compared(api, **variables):
    answer = await api.data(ASKED, {"range": SPRING} | variables)
    (portfolio,) = answer["viewer"]["portfolios"]
    return portfolio["performance"]["benchmark"]


async def test_the_same_days_and_the_same_flows_are_compared(api):
    found = await compared(api, symbol="index")
    assert found["benchmark"]["parts"] == [{"symbol": "INDEX", "weight": 1}]
    # 21 % of its own: 110 on 100, then 121 on 110. The index: 1,155 on 1,000.
    own, theirs = 1100 / 1000 * (1210 + 605) / (1100 + 605), 1.155
    assert found["benchmarkReturn"]["value"] == pytest.approx(theirs - 1)
    assert found["excessReturn"]["value"] == pytest.approx(own / theirs - 1)
    (difference,) = found["excessReturn"]["explain"]["steps"]
    assert difference == {"name": "difference", "value": pytest.approx(own - theirs)}
    # 1,000 bought a unit at 1,000, 605 more at 1,050, the close before; each is 1,155 by now.
    worth = (1 + 605 / 1050) * 1155
    assert found["valueInBenchmark"]["value"] == pytest.approx(worth)
    assert found["kaplanSchoar"]["value"] == pytest.approx(1815 / worth)
    assert [
        (point["day"], point["growth"], point["benchmarkGrowth"]) for point in found["series"]
    ] == [
        ("2023-03-29", 0, 0),
        ("2023-03-30", 0, 0),
        ("2023-03-31", pytest.approx(0.1), pytest.approx(0.05)),
        ("2023-04-01", pytest.approx(0.1), pytest.approx(0.05)),
        ("2023-04-02", pytest.approx(0.1), pytest.approx(0.05)),
        ("2023-04-03", pytest.approx(own - 1), pytest.approx(0.155)),
    ]


async def test_a_year_has_yearly_figures(api):
    found = await compared(api, symbol="INDEX", range=YEAR)
    assert found["annualizedBenchmarkReturn"]["value"] == pytest.approx(1.21 ** (365 / 365) - 1)
    # 1,000 at the start, 605 more at 1,050 on the fourth day: the rate of 1,210 on each unit.
    rate = found["longNickels"]["value"]
    left = 1000 / 1000 * 1210 + 605 / 1050 * 1210
    grown = 1000 * (1 + rate) + 605 * (1 + rate) ** (361 / 365)
    assert grown == pytest.approx(left)


async def test_another_currency_is_converted_at_the_rate_of_each_day(api):
    found = await compared(api, symbol="EURO.DE")
    # 50 euros at 1.25 dollars, 60 at 1, 45 at 1.60.
    assert [point["benchmarkGrowth"] for point in found["series"]] == pytest.approx(
        [0, 0, 60 / 62.5 - 1, 60 / 62.5 - 1, 60 / 62.5 - 1, 72 / 62.5 - 1]
    )
    found = await compared(api, symbol="EURO.DE", currency="EUR")
    assert found["benchmarkReturn"]["value"] == pytest.approx(-0.1)


async def test_a_blend_has_its_weights_restored_when_it_is_said_to_be(api):
    parts = [{"symbol": "INDEX", "weight": 0.75}, {"symbol": "EURO.DE", "weight": 0.25}]
    first = 0.75 * 1.05 + 0.25 * 60 / 62.5
    daily = first * (0.75 * 1155 / 1050 + 0.25 * 72 / 60)
    never = 0.75 * 1.155 + 0.25 * 72 / 62.5
    for rebalanced, growth in (("DAILY", daily), ("MONTHLY", daily), ("NEVER", never)):
        blend = {"parts": parts, "rebalanced": rebalanced}
        found = await compared(api, blend=blend)
        assert found["benchmark"] == blend
        assert found["benchmarkReturn"]["value"] == pytest.approx(growth - 1)


async def test_risk_compares_with_a_blend_too(api):
    query = """query($range: DateRangeInput!, $benchmark: Symbol, $blend: BlendInput) { viewer {
      portfolios { risk(range: $range, benchmark: $benchmark, blend: $blend) {
        beta { value reason } upCapture { value } } } } }"""
    both = {"parts": [{"symbol": "INDEX", "weight": 0.5}, {"symbol": "ACME", "weight": 0.5}]}
    answer = await api.data(query, {"range": SPRING, "blend": both})
    found = answer["viewer"]["portfolios"][0]["risk"]
    mine = (0, 0.1, (1210 + 605) / (1100 + 605) - 1)
    theirs = (0.1, 0.5 * 0.05 + 0.5 * 0.1, 0.1)
    # On the first day ACME had no price before it: the comparison begins with the second.
    mean, middle = sum(mine[1:]) / 2, sum(theirs[1:]) / 2
    pairs = list(zip(mine[1:], theirs[1:], strict=True))
    shared = sum((one - mean) * (other - middle) for one, other in pairs)
    expected = shared / sum((other - middle) ** 2 for _, other in pairs)
    assert found["beta"] == {"value": pytest.approx(expected), "reason": None}
    answer = await api.post(query, {"range": SPRING, "benchmark": "INDEX", "blend": both})
    (error,) = answer.json()["errors"]
    assert error["message"] == "Give `benchmark` or `blend`, not both."


async def test_portfolios_of_different_ages_are_compared_at_once(api, books):
    ledger = books(api)
    young = await ledger.portfolio("Young", baseCurrency="USD")
    await ledger.portfolio("Empty", baseCurrency="USD")
    await ledger.record("recordCashTransfer", young, "2023-04-03", direction="DEPOSIT", amount="50")
    query = """query($range: DateRangeInput!) { viewer { portfolios { name
      performance(range: $range) { benchmark(symbol: "INDEX") { benchmarkReturn { value reason }
        series { day } } }
      risk(range: $range, benchmark: "INDEX") { beta { reason } } } } }"""
    for days in (SPRING, SPRING | {"from": "2020-01-01"}):
        answer = await api.data(query, {"range": days})
        found = {
            one["name"]: one["performance"]["benchmark"] for one in answer["viewer"]["portfolios"]
        }
        values = {name: one["benchmarkReturn"]["value"] for name, one in found.items()}
        # From the close before the first deposit: 1,155 on 1,050.
        assert values == {
            "Main": pytest.approx(0.155),
            "Young": pytest.approx(0.1),
            "Empty": None,
        }
        assert found["Empty"]["benchmarkReturn"]["reason"] == "NO_PRICE"
        assert found["Empty"]["series"] == []


UPDATE = """mutation($input: UpdatePortfolioInput!) { updatePortfolio(input: $input) {
  portfolio { benchmark { parts { symbol weight } rebalanced } }
  userErrors { code message field } } }"""
MIXED = {
    "parts": [{"symbol": "INDEX", "weight": 0.75}, {"symbol": "EURO.DE", "weight": 0.25}],
    "rebalanced": "NEVER",
}


async def updated(api, benchmark):
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    given = {"portfolioId": main["id"], "benchmark": benchmark}
    return (await api.data(UPDATE, {"input": given}))["updatePortfolio"]


async def test_a_portfolio_has_a_benchmark_of_its_own(api):
    done = await updated(api, MIXED)
    assert done == {"portfolio": {"benchmark": MIXED}, "userErrors": []}
    query = """query($range: DateRangeInput!) { viewer { portfolios {
      performance(range: $range) { own: benchmark { benchmarkReturn { value } }
        other: benchmark(symbol: "INDEX") { benchmarkReturn { value } } }
      risk(range: $range) { beta { reason } }
      positions { performance(range: $range) { benchmark { benchmarkReturn { value } } } } }
      combined { performance(range: $range) { benchmark { kaplanSchoar { value } } } } } }"""
    answer = (await api.data(query, {"range": SPRING}))["viewer"]
    (main,) = answer["portfolios"]
    mixed = pytest.approx(0.75 * 1.155 + 0.25 * 72 / 62.5 - 1)
    assert main["performance"]["own"]["benchmarkReturn"]["value"] == mixed
    assert main["performance"]["other"]["benchmarkReturn"]["value"] == pytest.approx(0.155)
    assert main["risk"]["beta"]["reason"] is None
    assert main["positions"][0]["performance"]["benchmark"]["benchmarkReturn"]["value"] == mixed
    assert answer["combined"]["performance"]["benchmark"] is None
    # Other changes leave it, and no parts take it away.
    assert (await updated(api, None))["portfolio"]["benchmark"] == MIXED
    assert (await updated(api, {"parts": []}))["portfolio"]["benchmark"] is None


@pytest.mark.parametrize(
    ("parts", "code", "field"),
    [
        ([("UNHEARD", 1)], "UNKNOWN_INSTRUMENT", ["parts", "0", "symbol"]),
        ([("INDEX", 0.5), ("A B", 0.5)], "INVALID", ["parts", "1", "symbol"]),
        ([("INDEX", 0.5), ("ACME", 0.4)], "INVALID", ["parts"]),
        ([("INDEX", 0.5), ("index", 0.5)], "ALREADY_EXISTS", ["parts", "1", "symbol"]),
        ([("INDEX", 0), ("ACME", 1)], "OUT_OF_RANGE", ["parts", "0", "weight"]),
        ([(f"A{number}", 1 / 21) for number in range(21)], "OUT_OF_RANGE", ["parts"]),
    ],
)
async def test_what_is_no_benchmark_is_not_kept(api, parts, code, field):
    given = {"parts": [{"symbol": symbol, "weight": weight} for symbol, weight in parts]}
    done = await updated(api, given)
    assert done["portfolio"] is None
    (error,) = done["userErrors"]
    assert (error["code"], error["field"]) == (code, ["benchmark", *field])
    assert (await updated(api, None))["portfolio"]["benchmark"] is None


async def test_without_prices_there_is_no_comparison_and_without_a_name_none_at_all(api):
    found = await compared(api, symbol="UNHEARD")
    names = ("benchmarkReturn", "excessReturn", "valueInBenchmark", "longNickels", "kaplanSchoar")
    assert {found[name]["reason"] for name in names} == {"NO_PRICE"}
    assert {point["benchmarkGrowth"] for point in found["series"]} == {None}
    assert await compared(api) is None
    found = await compared(api, symbol="INDEX", range={"from": "2023-01-02", "to": "2023-01-03"})
    assert found["benchmarkReturn"]["reason"] == "NO_PRICE"
    assert found["series"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('symbol: "A B"', "`symbol`: 'A B' is not a symbol"),
        ("blend: {parts: []}", "`blend.parts`: A blend is of 1 to 20 instruments."),
        (
            'blend: {parts: [{symbol: "A", weight: 0.5}, {symbol: "B", weight: 0.4}]}',
            "`blend.parts`: The weights sum to 0.9 and not to 1.",
        ),
        (
            'blend: {parts: [{symbol: "A", weight: 0.5}, {symbol: "a", weight: 0.5}]}',
            "`blend.parts.1.symbol`: A is named twice.",
        ),
        (
            'blend: {parts: [{symbol: "A", weight: 1.5}, {symbol: "B", weight: -0.5}]}',
            "`blend.parts.1.weight`: A weight must be above 0.",
        ),
        ('symbol: "A", blend: {parts: []}', "Give `symbol` or `blend`, not both."),
    ],
)
async def test_what_is_no_benchmark_is_refused(api, arguments, message):
    query = f"""{{ viewer {{ portfolios {{ performance {{
      benchmark({arguments}) {{ benchmarkReturn {{ value }} }} }} }} }} }}"""
    answer = (await api.post(query)).json()
    assert message in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


SEVERAL = """query($range: DateRangeInput!) { viewer { portfolios {
  one: performance(range: $range) { timeWeightedReturn { value }
    index: benchmark(symbol: "INDEX") { benchmarkReturn { value } }
    euro: benchmark(symbol: "EURO.DE") { benchmarkReturn { value } }
    half: benchmark(blend: {parts: [{symbol: "INDEX", weight: 0.5}, {symbol: "EURO.DE", weight: 0.5}]}) {
      benchmarkReturn { value } } }
  net: performance(range: $range, taxPolicy: NET) { moneyWeightedReturn { value } }
  month: performance(range: $range, feePolicy: EXPENSE) { modifiedDietz { value } }
  risk(range: $range, benchmark: "INDEX") { beta { value } sharpe { value } }
  other: risk(range: $range, riskFreeRate: 0.02) { sharpe { value } } } } }"""
ALONE = """query($range: DateRangeInput!) { viewer { portfolios {
  performance(range: $range) { timeWeightedReturn { value } } } } }"""


async def test_several_side_by_side_value_once_and_read_their_benchmarks_at_once(api):
    services = api.services

    async def cost(query):
        services.kept.__init__(services.clock)
        before = services.database.statements
        await api.data(query, {"range": SPRING})
        return services.database.statements - before

    await api.data(SEVERAL, {"range": SPRING})  # prices and rates are stored by now
    # The dividends of benchmarks are one statement more.
    assert await cost(SEVERAL) == await cost(ALONE) + 1
