"""Months and years in money, beside the statements and gains of the same days."""

import pytest

PRICES = """date,symbol,close,currency
2024-03-20,ACME,100,USD
2024-03-29,ACME,110,USD
2024-04-10,ACME,131,USD
2024-04-30,ACME,150,USD
2024-05-31,ACME,140,USD
2024-04-10,OTHER,20,EUR
2024-04-30,OTHER,21,EUR
2024-05-31,OTHER,19,EUR
"""
# A dollar is 0.80 euros in March, 1 in April and 1.25 in May.
RATES = """Date,USD
2024-03-20,1.25
2024-03-29,1.25
2024-04-02,1
2024-04-10,1
2024-04-22,1
2024-04-30,1
2024-05-02,0.8
2024-05-10,0.8
2024-05-31,0.8
"""
SPRING = {"from": "2024-03-01", "to": "2024-05-31"}
LEDGER = """ledger { startValue { amount } endValue { amount } netInflow { amount } gain { amount }
  realizedGain { amount } income { amount } fees { amount } taxes { amount } closedPositions }"""
TABLE = f"""query($range: DateRangeInput!, $interval: PerformanceInterval! = MONTH,
    $currency: CurrencyCode, $fees: FeePolicy! = CAPITALIZE) {{ viewer {{
  portfolios {{ name performance(range: $range, currency: $currency, feePolicy: $fees) {{
    calendar(interval: $interval) {{ from to timeWeightedReturn reason {LEDGER} }} }} }}
  combined {{ performance(range: $range, currency: $currency) {{
    calendar(interval: $interval) {{ from to timeWeightedReturn {LEDGER} }} }} }} }} }}"""
POSITIONS = """query($range: DateRangeInput!, $id: ID!) { viewer { portfolio(id: $id) {
  positions(includeClosed: true) { performance(range: $range) { calendar { ledger {
    netInflow { amount } income { amount } realizedGain { amount } closedPositions } } } } } } }"""
STATEMENT = """query($range: DateRangeInput!, $from: Date!, $to: Date!, $currency: CurrencyCode) {
  viewer { portfolios { name
    statement(range: $range, currency: $currency) { startValue { amount } inflows { amount }
      outflows { amount } realizedGain { amount } unrealizedGain { amount } income { amount }
      fees { amount } taxes { amount } currencyGain { amount } endValue { amount } }
    realizedGains(from: $from, to: $to) { totalInBaseCurrency { amount } } } } }"""


@pytest.fixture
async def api(open_market, books):
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="EUR")
    spare = await ledger.portfolio("Spare", baseCurrency="EUR")
    cash, trade = "recordCashTransfer", "recordTrade"
    acme, other, deposit = {"symbol": "ACME"}, {"symbol": "OTHER"}, {"direction": "DEPOSIT"}
    await ledger.record(cash, main, "2024-03-20", **deposit, amount="1000")
    await ledger.record(cash, main, "2024-03-20", **deposit, amount="1500", currency="USD")
    await ledger.record(
        trade, main, "2024-03-20", **acme, side="BUY", quantity="10", price="100", fee="5"
    )
    await ledger.record(
        "recordIncome", main, "2024-04-02", **acme, kind="DIVIDEND", amount="50", tax="7.5"
    )
    await ledger.record(
        trade, main, "2024-04-10", **acme, side="SELL", quantity="4", price="130", fee="3"
    )
    await ledger.record(trade, main, "2024-04-10", **other, side="BUY", quantity="10", price="20")
    await ledger.record(
        trade, main, "2024-04-30", **other, side="SELL", quantity="10", price="21", fee="1"
    )
    await ledger.record(cash, main, "2024-04-22", direction="WITHDRAWAL", amount="100")
    await ledger.record("recordCharge", main, "2024-05-02", kind="FEE", amount="12")
    ends = {"fromPortfolioId": main, "toPortfolioId": spare}
    await ledger.record("transferUnits", None, "2024-05-10", **ends, **acme, quantity="2")
    await ledger.record("transferCash", None, "2024-05-10", **ends, amount="20")
    await ledger.record(trade, spare, "2024-05-31", **acme, side="SELL", quantity="2", price="140")
    return started


async def tables(api, **variables):
    answer = await api.data(TABLE, {"range": SPRING} | variables)
    found = {one["name"]: one["performance"]["calendar"] for one in answer["viewer"]["portfolios"]}
    return found | {"all": answer["viewer"]["combined"]["performance"]["calendar"]}


def amounts(row):
    return {
        name: one["amount"] if isinstance(one, dict) else one for name, one in row["ledger"].items()
    }


async def test_each_month_has_its_money(api):
    march, april, _ = (await tables(api))["Main"]
    # 1,500 dollars came at 0.80; at the end of March 10 x 110 + 495 dollars at 0.80 are there.
    assert amounts(march) == {
        "startValue": "0",
        "endValue": "2276",
        "netInflow": "2200",
        "gain": "76",
        "realizedGain": "0",
        "income": "0",
        "fees": "4",
        "taxes": "0",
        "closedPositions": 0,
    }
    # ACME: 517 dollars at 1, less 4 x 100.50 at 0.80. OTHER: 209 - 200. 42.50 dollars of dividend.
    assert amounts(april) == {
        "startValue": "2276",
        "endValue": str(6 * 150 + 495 + 517 + 42.5 + 1000 - 100 + 9).removesuffix(".0"),
        "netInflow": "-100",
        "gain": str(2863.5 - 2276 + 100).removesuffix(".0"),
        "realizedGain": "204.4",
        "income": "50",
        "fees": "4",
        "taxes": "7.5",
        "closedPositions": 1,
    }
    growth = (2863.5 + 7.5 + 100) / 2276 - 1
    assert april["timeWeightedReturn"] == pytest.approx(growth, abs=0.01)


@pytest.mark.parametrize("currency", ["EUR", "USD"])
async def test_months_agree_with_their_statements_and_gains(api, currency):
    found = await tables(api, currency=currency)
    for place, (first, last) in enumerate(
        (("03-20", "03-31"), ("04-01", "04-30"), ("05-01", "05-31"))
    ):
        days = {"from": f"2024-{first}", "to": f"2024-{last}"}
        answer = await api.data(STATEMENT, {"range": days, "currency": currency} | days)
        for one in answer["viewer"]["portfolios"]:
            if one["name"] == "Spare" and place < 2:
                continue
            row = found[one["name"]][place if one["name"] == "Main" else place - 2]
            lines = {name: float(line["amount"]) for name, line in one["statement"].items()}
            ledger = {name: float(value) for name, value in amounts(row).items()}
            for name in ("startValue", "endValue", "income", "fees", "taxes"):
                assert ledger[name] == lines[name]
            assert ledger["netInflow"] == pytest.approx(lines["inflows"] - lines["outflows"])
            earned = sum(
                lines[name] for name in ("realizedGain", "unrealizedGain", "income", "currencyGain")
            )
            assert ledger["gain"] == pytest.approx(
                earned - lines["fees"] - lines["taxes"], abs=0.01
            )
            if currency == "EUR":
                total = one["realizedGains"]["totalInBaseCurrency"]["amount"]
                assert row["ledger"]["realizedGain"]["amount"] == total


async def test_a_year_is_the_sum_of_its_months(api):
    months, (year,) = (await tables(api))["Main"], (await tables(api, interval="YEAR"))["Main"]
    sums = {
        name: sum(float(amounts(month)[name]) for month in months)
        for name in ("netInflow", "gain", "realizedGain", "income", "fees", "taxes")
    }
    assert {name: float(amounts(year)[name]) for name in sums} == pytest.approx(sums)
    assert amounts(year)["closedPositions"] == 1
    assert (year["from"], year["to"]) == ("2024-03-20", "2024-05-31")


async def test_months_and_years_of_one_question_do_not_mix(api):
    query = f"""query($range: DateRangeInput!) {{ viewer {{ portfolios {{ performance(range: $range) {{
      years: calendar(interval: YEAR) {{ {LEDGER} }} calendar {{ {LEDGER} }}
      again: calendar {{ {LEDGER} }} }} }} }} }}"""
    answer = await api.data(query, {"range": SPRING})
    found = answer["viewer"]["portfolios"][0]["performance"]
    months, (year,) = (await tables(api))["Main"], (await tables(api, interval="YEAR"))["Main"]
    assert found["years"] == [{"ledger": year["ledger"]}]
    assert found["calendar"] == found["again"] == [{"ledger": one["ledger"]} for one in months]


async def test_more_portfolios_cost_no_more_statements(api, books):
    asked = f"""{{ viewer {{ portfolios {{ performance {{ calendar {{ {LEDGER} }} }}
      income {{ months {{ gross {{ amount }} }} expected {{ totalCount }} }} }} }} }}"""

    async def cost():
        await api.data(asked)  # values are kept from now on
        before = api.services.database.statements
        await api.data(asked)
        return api.services.database.statements - before

    of_two = await cost()
    third = await books(api).portfolio("Third", baseCurrency="EUR")
    await books(api).record(
        "recordTrade", third, "2024-04-10", symbol="OTHER", side="BUY", quantity="1", price="20"
    )
    assert await cost() == of_two


async def test_a_table_of_thousands_of_days_is_refused(api, books):
    main, _ = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    await books(api).record(
        "recordCashTransfer", main["id"], "2013-05-31", direction="DEPOSIT", amount="1"
    )
    query = "{ viewer { portfolios { performance { calendar(interval: %s) { from } } } } }"
    answer = (await api.post(query % "DAY")).json()
    assert answer["errors"][0]["message"] == (
        "`interval` DAY has more than 4000 stretches here: ask for longer ones, or for fewer days."
    )
    answer = await api.data(query % "WEEK")
    assert len(answer["viewer"]["portfolios"][0]["performance"]["calendar"]) == 577


async def test_in_all_portfolios_transfers_are_no_flows(api):
    may = (await tables(api, currency="EUR"))["all"][-1]
    # Two units that cost 100.50 dollars were sold for 140 each: 79 dollars, at 1.25.
    assert amounts(may)["netInflow"] == "0"
    assert amounts(may)["realizedGain"] == "98.75"
    assert amounts(may)["closedPositions"] == 0
    (spare,) = (await tables(api))["Spare"]
    # Two units at 150 dollars, at 1.25 each, and 20 euros.
    assert amounts(spare)["netInflow"] == "395"
    assert amounts(spare)["closedPositions"] == 1


async def test_of_a_position_trades_and_dividends_are_the_flows(api):
    main, _ = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    answer = await api.data(POSITIONS, {"range": SPRING} | main)
    (acme, other) = answer["viewer"]["portfolio"]["positions"]
    april = acme["performance"]["calendar"][1]
    # 517 dollars came of the sale and 42.50 of the dividend: taxes are no flow here.
    assert amounts(april)["netInflow"] == "-559.5"
    assert amounts(april)["income"] == "50"
    sold = other["performance"]["calendar"][0]
    assert (amounts(sold)["realizedGain"], amounts(sold)["closedPositions"]) == ("9", 1)


async def test_fees_that_are_shown_apart_are_not_part_of_gains(api):
    april = (await tables(api, fees="EXPENSE"))["Main"][1]
    # 520 dollars at 1 less 400 at 0.80, and 210 less 200.
    assert amounts(april)["realizedGain"] == "210"
    assert amounts(april)["fees"] == "4"
