"""Performance and risk through the graph, with the arithmetic beside each figure."""

import pytest

PRICES = """date,symbol,close,currency
2024-03-29,ACME,100,USD
2024-04-01,ACME,110,USD
2024-04-02,ACME,99,USD
2024-04-03,ACME,120,USD
2024-03-29,INDEX,1000,USD
2024-04-01,INDEX,1050,USD
2024-04-02,INDEX,1029,USD
2024-04-03,INDEX,1080.45,USD
"""
RATES = """Date,USD
2024-03-29,1.25
2024-04-01,1.25
2024-04-02,1.25
2024-04-03,1
"""
# 2,000 dollars paid in on March 29th, 1,000 of them in ten shares with a fee of 10.
# Value: 1,990 on that day, then 2,090, 1,980, 2,190; 500 come in on the 3rd: 2,690.
MEASURE = "{ value reason message notes }"
QUESTION = (
    (
        """query($range: DateRangeInput, $period: PerformancePeriod, $currency: CurrencyCode,
    $fees: FeePolicy! = CAPITALIZE, $taxes: TaxPolicy! = GROSS) {
  viewer { portfolios { performance(
      range: $range, period: $period, currency: $currency, feePolicy: $fees, taxPolicy: $taxes) {
    from to currency gain M timeWeightedReturn M moneyWeightedReturn M modifiedDietz M
    annualizedTimeWeightedReturn M
    series { day value { amount } cash { amount } invested { amount } netInflow { amount } growth }
    calendar { from to timeWeightedReturn reason } } } } }"""
    )
    .replace(" M ", f" {MEASURE} ")
    .replace(" M\n", f" {MEASURE}\n")
)
RISK = """query($range: DateRangeInput, $benchmark: Symbol) { viewer { portfolios {
  risk(range: $range, benchmark: $benchmark) { volatility { value reason }
    maxDrawdown { value explain { name formula inputs { name value } } }
    deepestDrawdown { depth peak trough recovery days }
    beta { value reason } alpha { value reason } upCapture { value }
    calmar { reason } valueAtRisk(confidence: 0.6) { value }
    parametric: valueAtRisk(confidence: 0.6, method: PARAMETRIC) { value }
    rolling(measure: MAX_DRAWDOWN, window: 2) { day value } } } } }"""
APRIL = {"from": "2024-04-01", "to": "2024-04-03"}


@pytest.fixture
async def api(open_market, books):
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="USD")
    cash, trade = "recordCashTransfer", "recordTrade"
    await ledger.record(cash, main, "2024-03-29", direction="DEPOSIT", amount="2000")
    await ledger.record(
        trade, main, "2024-03-29", symbol="ACME", side="BUY", quantity="10", price="100", fee="10"
    )
    await ledger.record(cash, main, "2024-04-03", direction="DEPOSIT", amount="500")
    return started


async def performance(api, **variables):
    answer = await api.data(QUESTION, variables)
    return answer["viewer"]["portfolios"][0]["performance"]


async def test_days_are_valued_and_linked(api):
    found = await performance(api, range=APRIL)
    growths = [1, 2090 / 1990, 1980 / 1990, 1980 / 1990 * 2690 / 2480]
    assert [
        (point["day"], point["value"]["amount"], point["netInflow"]["amount"])
        for point in found["series"]
    ] == [
        ("2024-03-31", "1990", "0"),
        ("2024-04-01", "2090", "0"),
        ("2024-04-02", "1980", "0"),
        ("2024-04-03", "2690", "500"),
    ]
    assert [point["growth"] for point in found["series"]] == pytest.approx(
        [growth - 1 for growth in growths]
    )
    assert {point["cash"]["amount"] for point in found["series"]} == {"990", "1490"}
    assert {point["invested"]["amount"] for point in found["series"]} == {"1010"}
    assert found["timeWeightedReturn"]["value"] == pytest.approx(growths[-1] - 1)
    assert found["gain"]["value"] == pytest.approx(200)
    # 500 worked for one of three days.
    assert found["modifiedDietz"]["value"] == pytest.approx(200 / (1990 + 500 / 3))
    assert found["annualizedTimeWeightedReturn"] == {
        "value": None,
        "reason": "LESS_THAN_A_YEAR",
        "message": "365 days are not over, so there is no yearly figure.",
        "notes": [],
    }
    assert (found["from"], found["to"], found["currency"]) == ("2024-04-01", "2024-04-03", "USD")


async def test_months_link_to_the_whole_period(api):
    found = await performance(api, range={"from": "2024-01-01", "to": "2024-04-03"})
    assert [(one["from"], one["to"]) for one in found["calendar"]] == [
        ("2024-03-29", "2024-03-31"),
        ("2024-04-01", "2024-04-03"),
    ]
    march, april = (one["timeWeightedReturn"] for one in found["calendar"])
    assert march == pytest.approx(-0.005)
    whole = found["timeWeightedReturn"]["value"]
    assert (1 + march) * (1 + april) == pytest.approx(1 + whole)


async def test_fees_that_are_shown_apart_are_not_lost(api):
    found = await performance(api, range={"from": "2024-03-29", "to": "2024-04-01"}, fees="EXPENSE")
    assert found["timeWeightedReturn"]["value"] == pytest.approx(2090 / 1990 - 1)
    lost = await performance(api, range={"from": "2024-03-29", "to": "2024-04-01"})
    assert lost["timeWeightedReturn"]["value"] == pytest.approx(0.045)


async def test_another_currency_adds_what_its_rate_did(api):
    found = await performance(api, range=APRIL, currency="EUR")
    assert [point["value"]["amount"] for point in found["series"]] == [
        "1592",  # at 0.80 each
        "1672",
        "1584",
        "2690",  # at 1
    ]
    # 500 came in at the rate of their day.
    growth = 1584 / 1592 * 2690 / (1584 + 500)
    assert found["timeWeightedReturn"]["value"] == pytest.approx(growth - 1)


async def test_a_period_until_today_goes_by_its_name(api, clock):
    for name, first in (
        ("ONE_MONTH", "2024-05-15"),
        ("YEAR_TO_DATE", "2024-03-29"),
        ("MAX", "2024-03-29"),
    ):
        found = await performance(api, period=name)
        assert (found["from"], found["to"]) == (first, "2024-06-14")


async def test_a_price_that_is_too_old_leaves_the_return_unknown(api):
    found = await performance(api, range={"from": "2024-04-01", "to": "2024-04-30"})
    assert found["timeWeightedReturn"]["reason"] == "NO_PRICE"
    assert found["series"][-1]["value"] is None
    assert found["series"][-1]["cash"] == {"amount": "1490"}


async def test_before_the_first_booking_there_is_nothing(api):
    found = await performance(api, range={"from": "2024-01-01", "to": "2024-01-31"})
    assert found["series"] == found["calendar"] == []
    assert found["timeWeightedReturn"]["reason"] == "NO_CAPITAL"
    assert found["gain"]["value"] == 0


async def test_risk_is_that_of_trading_days(api):
    answer = await api.data(RISK, {"range": APRIL, "benchmark": "INDEX"})
    found = answer["viewer"]["portfolios"][0]["risk"]
    one, two, three = 100 / 1990, -110 / 2090, 210 / 2480
    mean = (one + two + three) / 3
    variance = sum((each - mean) ** 2 for each in (one, two, three)) / 2
    assert found["volatility"]["value"] == pytest.approx((variance * 252) ** 0.5)
    assert found["maxDrawdown"]["value"] == pytest.approx(two)
    assert found["maxDrawdown"]["explain"]["name"] == "Maximum drawdown"
    assert found["deepestDrawdown"] == {
        "depth": pytest.approx(two),
        "peak": "2024-04-01",
        "trough": "2024-04-02",
        "recovery": "2024-04-03",
        "days": 2,
    }
    # The benchmark moved by 5 %, -2 % and 5 %.
    theirs = (0.05, -0.02, 0.05)
    middle = sum(theirs) / 3
    pairs = zip((one, two, three), theirs, strict=True)
    covariance = sum((mine - mean) * (other - middle) for mine, other in pairs)
    beta = covariance / sum((other - middle) ** 2 for other in theirs)
    assert found["beta"]["value"] == pytest.approx(beta)
    assert found["alpha"]["value"] == pytest.approx(252 * (mean - beta * middle))
    assert found["calmar"]["reason"] == "LESS_THAN_A_YEAR"
    # The 40th percentile lies 0.8 of the way from the lowest to the middle one.
    assert found["valueAtRisk"]["value"] == pytest.approx(two + 0.8 * (one - two))
    expected = mean - 0.2533471 * variance**0.5
    assert found["parametric"]["value"] == pytest.approx(expected, abs=1e-7)
    assert found["rolling"] == [
        {"day": "2024-04-02", "value": pytest.approx(two)},
        {"day": "2024-04-03", "value": pytest.approx(two)},
    ]


async def test_each_figure_of_risk_can_be_followed_over_time(api):
    names = (await api.data('{ __type(name: "RollingMeasure") { enumValues { name } } }'))["__type"]
    fields = " ".join(
        f"{one['name']}: rolling(measure: {one['name']}, window: 2, confidence: 0.5, force: true) "
        "{ day value }"
        for one in names["enumValues"]
    )
    assert len(names["enumValues"]) == 22
    query = f"""query($range: DateRangeInput!) {{ viewer {{ portfolios {{
      risk(range: $range, benchmark: "INDEX") {{ {fields} }} }} }} }}"""
    answer = await api.data(query, {"range": APRIL})
    found = answer["viewer"]["portfolios"][0]["risk"]
    one, two, three = 100 / 1990, -110 / 2090, 210 / 2480
    assert {tuple(point["day"] for point in points) for points in found.values()} == {
        ("2024-04-02", "2024-04-03")
    }
    values = {name: [point["value"] for point in points] for name, points in found.items()}
    assert values["WIN_RATE"] == [0.5, 0.5]
    assert values["VALUE_AT_RISK"] == pytest.approx([(one + two) / 2, (two + three) / 2])
    assert values["CONDITIONAL_VALUE_AT_RISK"] == pytest.approx([two, two])
    assert values["OMEGA"] == pytest.approx([-one / two, -three / two])
    # The benchmark moved by 5 %, -2 % and 5 %.
    assert values["BETA"] == pytest.approx([(one - two) / 0.07, (three - two) / 0.07])
    yearly = [((1 + some) * (1 + two)) ** 126 - 1 for some in (one, three)]
    assert values["ANNUAL_RETURN"] == pytest.approx(yearly)
    assert values["CALMAR"] == pytest.approx([rate / -two for rate in yearly])
    assert values["UP_CAPTURE"] == pytest.approx(
        [((1 + some) ** 252 - 1) / (1.05**252 - 1) for some in (one, three)]
    )
    query = """query($range: DateRangeInput!) { viewer { portfolios { risk(range: $range) {
      rolling(measure: CALMAR, window: 2) { value } few: rolling(measure: SHARPE, window: 4) { day }
      drawdowns(first: 3) { depth peak days } } } } }"""
    found = (await api.data(query, {"range": APRIL}))["viewer"]["portfolios"][0]["risk"]
    assert found["rolling"] == [{"value": None}, {"value": None}]  # two days are no year
    assert found["few"] == []
    assert found["drawdowns"] == [{"depth": pytest.approx(two), "peak": "2024-04-01", "days": 2}]


async def test_without_a_benchmark_or_its_prices_nothing_is_compared(api):
    answer = await api.data(RISK, {"range": APRIL})
    found = answer["viewer"]["portfolios"][0]["risk"]
    assert found["beta"] == {"value": None, "reason": "NO_BENCHMARK"}
    answer = await api.data(RISK, {"range": APRIL, "benchmark": "UNHEARD"})
    found = answer["viewer"]["portfolios"][0]["risk"]
    assert found["beta"] == {"value": None, "reason": "NO_PRICE"}
    assert found["volatility"]["reason"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('range: {from: "2024-04-02", to: "2024-04-01"}', "`range.from` is after `range.to`."),
        (
            'range: {from: "2024-04-01", to: "2024-04-01"}, period: MAX',
            "Give `range` or `period`, not both.",
        ),
    ],
)
async def test_days_that_make_no_sense_are_refused(api, arguments, message):
    for field in ("performance", "risk"):
        query = f"{{ viewer {{ portfolios {{ {field}({arguments}) {{ from }} }} }} }}"
        answer = (await api.post(query)).json()
        assert answer["errors"][0]["message"] == message


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("performance { series(points: 2) { day } }", "`points` must be from 3 to 10000."),
        ("risk { rolling(measure: BETA, window: 1) { day } }", "`window` must be from 2 to 2520."),
        ("risk { rolling(measure: BETA, points: 2) { day } }", "`points` must be from 3 to 10000."),
        ("risk { rolling(measure: BETA, confidence: 1) { day } }", "`confidence` must be"),
        ("risk { drawdowns(first: 101) { days } }", "`first` must be from 1 to 100."),
        ("risk { omega: valueAtRisk(confidence: 1) { value } }", "`confidence` must be"),
        ("risk { omega: valueAtRisk(horizon: 0) { value } }", "`horizon` must be"),
        ("risk(periodsPerYear: 0) { from }", "`periodsPerYear` must be from 1 to 366."),
        ("risk(riskFreeRate: 3) { from }", "`riskFreeRate` and `target` are yearly fractions"),
    ],
)
async def test_figures_out_of_range_are_refused(api, selection, message):
    answer = (await api.post(f"{{ viewer {{ portfolios {{ {selection} }} }} }}")).json()
    assert message in answer["errors"][0]["message"]


async def test_all_portfolios_together_count_transfers_as_no_flow(api, books):
    ledger = books(api)
    query = "{ viewer { portfolios { id } } }"
    (main,) = (await api.data(query))["viewer"]["portfolios"]
    other = await ledger.portfolio("Other", baseCurrency="USD")
    ends = {"fromPortfolioId": main["id"], "toPortfolioId": other}
    await ledger.record("transferCash", None, "2024-04-02", **ends, amount="100")
    await ledger.record("transferUnits", None, "2024-04-02", **ends, symbol="ACME", quantity="5")
    query = """query($range: DateRangeInput!) { viewer {
      combined { performance(range: $range, currency: "USD") { ...Figures } }
      portfolios { performance(range: $range) { ...Figures } } } }
      fragment Figures on Performance { timeWeightedReturn { value }
        series { value { amount } netInflow { amount } } }"""
    answer = (await api.data(query, {"range": APRIL}))["viewer"]
    whole = answer["combined"]["performance"]
    growth = 2090 / 1990 * 1980 / 2090 * 2690 / 2480
    assert whole["timeWeightedReturn"]["value"] == pytest.approx(growth - 1)
    assert [point["netInflow"]["amount"] for point in whole["series"]] == ["0", "0", "0", "500"]
    one, two = (part["performance"]["series"] for part in answer["portfolios"])
    # 100 in cash and five shares at 99.
    assert [point["netInflow"]["amount"] for point in one] == ["0", "0", "-595", "500"]
    assert [point["value"]["amount"] for point in two][-2:] == ["595", "700"]


async def test_what_is_kept_gives_way_to_a_changed_ledger(api, books):
    before = await performance(api, range=APRIL)
    assert await performance(api, range=APRIL) == before
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    await books(api).record(
        "recordCharge", main["id"], "2024-04-01", kind="FEE", amount="19.9", currency="USD"
    )
    after = await performance(api, range=APRIL)
    assert after["series"][1]["value"] == {"amount": "2070.1"}
    growth = (2090 - 19.9) / 1990 * (1980 - 19.9) / (2090 - 19.9) * (2690 - 19.9) / (2480 - 19.9)
    assert after["timeWeightedReturn"]["value"] == pytest.approx(growth - 1)


async def test_weeks_and_months_link_to_the_same_growth(api):
    query = """query($range: DateRangeInput!, $interval: PerformanceInterval!, $points: Int! = 20) {
      viewer { portfolios { performance(range: $range) {
        series(interval: $interval, points: $points) { day value { amount } netInflow { amount }
          growth } }
        positions { performance(range: $range) { series(interval: $interval, points: $points) {
          day value { amount } netInflow { amount } growth } } } } } }"""
    days = {"from": "2024-03-28", "to": "2024-04-03"}

    async def series(interval, **extra):
        answer = await api.data(query, {"range": days, "interval": interval} | extra)
        (one,) = answer["viewer"]["portfolios"]
        return one["performance"]["series"], one["positions"][0]["performance"]["series"]

    daily, held = await series("DAY")
    for interval, ends in (
        ("WEEK", ["2024-03-28", "2024-03-31", "2024-04-03"]),
        ("MONTH", ["2024-03-28", "2024-03-31", "2024-04-03"]),
        ("YEAR", ["2024-03-28", "2024-04-03"]),
    ):
        points, units = await series(interval)
        assert [point["day"] for point in points] == ends
        whole = {point["day"]: point for point in daily}
        assert [point["growth"] for point in points] == [whole[day]["growth"] for day in ends]
        assert [point["value"] for point in points] == [whole[day]["value"] for day in ends]
        came = sum(float(point["netInflow"]["amount"]) for point in points)
        assert came == 2500
        assert units[-1] == held[-1] | {"netInflow": units[-1]["netInflow"]}
    # 2,000 for ten shares and a fee of 10, which are 1,200 at the end.
    assert held[-1]["growth"] == pytest.approx(1200 / 1010 - 1)
    few, _ = await series("DAY", points=3)
    assert [point["day"] for point in few] == ["2024-03-28", few[1]["day"], "2024-04-03"]
    assert few[-1]["growth"] == daily[-1]["growth"]


async def test_calmar_is_the_annualised_return_over_the_maximum_drawdown(api):
    answer = await api.data(
        """query($range: DateRangeInput) { viewer { portfolios {
          performance(range: $range) { annualizedTimeWeightedReturn(force: true) { value } }
          risk(range: $range) { calmar(force: true) { value } } } } }""",
        {"range": {"from": "2024-03-29", "to": "2024-04-03"}},
    )
    (found,) = answer["viewer"]["portfolios"]
    # 2,000 became 1,980; these and 500 more became 2,690, five days after the first money.
    yearly = (1980 / 2000 * 2690 / 2480) ** (365 / 5) - 1
    (told,) = found["performance"].values()
    assert told["value"] == pytest.approx(yearly)
    assert found["risk"]["calmar"]["value"] == pytest.approx(yearly / (110 / 2090))


async def test_a_flow_that_is_not_known_leaves_later_ones_known(api, books):
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    for day, direction in (("2024-04-01", "DEPOSIT"), ("2024-04-02", "WITHDRAWAL")):
        await books(api).record(  # there is no rate for francs
            "recordCashTransfer",
            main["id"],
            day,
            direction=direction,
            amount="70",
            currency="CHF",
            exchangeRate="1.1",
        )
    answer = await api.data(
        """query($range: DateRangeInput) { viewer { portfolios { performance(range: $range) {
          series { netInflow { amount } } } } } }""",
        {"range": APRIL},
    )
    (found,) = answer["viewer"]["portfolios"]
    flows = [point["netInflow"] for point in found["performance"]["series"]]
    assert flows == [{"amount": "0"}, None, None, {"amount": "500"}]
