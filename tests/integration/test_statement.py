"""Statements through the graph, with the arithmetic beside each line."""

import pytest

PRICES = """date,symbol,close,currency
2024-03-20,ACME,100,USD
2024-03-28,ACME,110,USD
2024-04-10,ACME,131,USD
2024-04-15,ACME,140,USD
2024-04-30,ACME,150,USD
2024-04-30,LATE,6,USD
"""
# Dollars for one euro: a dollar is 0.80, then 1.00, then 1.25 euros.
RATES = """Date,USD
2024-03-20,1.25
2024-03-28,1.25
2024-04-02,1
2024-04-10,1
2024-04-15,0.8
2024-04-22,0.8
2024-04-30,0.8
"""
STATEMENT = """query($range: DateRangeInput!, $currency: CurrencyCode) { viewer { portfolios { name
  before: overview(asOf: "2024-03-31") { value { amount } }
  after: overview(asOf: "2024-04-30") { value { amount } }
  statement(range: $range, currency: $currency) {
    from to currency startValue { amount } inflows { amount } outflows { amount }
    realizedGain { amount } unrealizedGain { amount } income { amount } fees { amount }
    taxes { amount } currencyGain { amount } endValue { amount } residual { amount currency }
    issues { figure reason subject message } } } } }"""
RESIDUAL = """query($range: DateRangeInput!) { viewer { portfolios {
  statement(range: $range) { residual { amount } } } } }"""
APRIL = {"from": "2024-04-01", "to": "2024-04-30"}
LINES = (
    *("startValue", "inflows", "outflows", "realizedGain", "unrealizedGain", "income"),
    *("fees", "taxes", "currencyGain", "endValue", "residual"),
)


@pytest.fixture
async def api(open_market, books):
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="EUR")
    other = await ledger.portfolio("Other", baseCurrency="EUR")
    cash, trade = "recordCashTransfer", "recordTrade"
    acme = {"symbol": "ACME"}
    deposit = {"direction": "DEPOSIT"}
    await ledger.record(cash, main, "2024-03-20", **deposit, amount="10000")
    await ledger.record(cash, main, "2024-03-20", **deposit, amount="2000", currency="USD")
    await ledger.record(trade, main, "2024-03-20", **acme, side="BUY", quantity="10", price="100")
    await ledger.record(trade, other, "2024-03-20", **acme, side="BUY", quantity="2", price="50")
    await ledger.record(
        "recordIncome", main, "2024-04-02", **acme, kind="DIVIDEND", amount="50", tax="7.5"
    )
    sale = {"side": "SELL", "quantity": "4", "price": "130", "fee": "5", "feeCurrency": "EUR"}
    await ledger.record(trade, main, "2024-04-10", **acme, **sale)
    ends = {"fromPortfolioId": other, "toPortfolioId": main}
    await ledger.record("transferUnits", None, "2024-04-15", **acme, **ends, quantity="2")
    await ledger.record(cash, main, "2024-04-22", direction="WITHDRAWAL", amount="500")
    await ledger.record("recordCharge", main, "2024-04-22", kind="FEE", amount="12")
    return started


async def statements(api, **variables):
    answer = await api.data(STATEMENT, variables)
    return {one["name"]: one for one in answer["viewer"]["portfolios"]}


def amounts(statement):
    return {name: statement[name] and statement[name]["amount"] for name in LINES}


async def test_a_month_in_two_currencies_adds_up(api):
    main = (await statements(api, range=APRIL))["Main"]
    assert amounts(main["statement"]) == {
        # 10,000 euros; 2,000 - 10 x 100 = 1,000 dollars at 0.80; 10 x 110 dollars at 0.80.
        "startValue": "11680",
        # The two units that came are worth 2 x 140 dollars at 1.25, whatever they had cost.
        "inflows": "350",
        "outflows": "500",
        # Four units cost 110 dollars each on 31 March: 4 x (130 - 110) dollars at 1.00.
        "realizedGain": "80",
        # 6 x (150 - 110) dollars and 2 x (150 - 140) dollars at 1.25.
        "unrealizedGain": "325",
        "income": "50",
        # Five euros of the sale, twelve of custody.
        "fees": "17",
        "taxes": "7.5",
        # Sold: 440 dollars x (1.00 - 0.80) = 88. Held: 660 dollars x (1.25 - 0.80) = 297.
        # Dollars: 1,000 from 0.80, 42.50 + 520 from 1.00, to 1.25: 450 + 140.625.
        "currencyGain": "975.62",
        # 9,483 euros; 1,562.50 dollars and 8 x 150 dollars at 1.25: 12,936.125.
        "endValue": "12936.12",
        "residual": "0",
    }
    assert main["statement"]["residual"] == {"amount": "0", "currency": "EUR"}
    assert main["statement"]["issues"] == []
    assert (main["statement"]["from"], main["statement"]["to"]) == ("2024-04-01", "2024-04-30")
    assert main["before"]["value"]["amount"] == "11680"
    assert main["after"]["value"]["amount"] == "12936.12"


async def test_units_that_leave_take_their_value_of_that_day_along(api):
    other = (await statements(api, range=APRIL))["Other"]
    assert amounts(other["statement"]) == {
        # 2 x 110 dollars less 100 dollars that were spent, at 0.80.
        "startValue": "96",
        "inflows": "0",
        "outflows": "350",
        "realizedGain": "0",
        # 2 x (140 - 110) dollars at 1.25, made until they left.
        "unrealizedGain": "75",
        "income": "0",
        "fees": "0",
        "taxes": "0",
        # Units: 220 dollars x (1.25 - 0.80) = 99. Debt: -100 dollars x (1.25 - 0.80) = -45.
        "currencyGain": "54",
        "endValue": "-125",
        "residual": "0",
    }


async def test_in_dollars_the_euros_are_what_exchange_rates_move(api):
    main = (await statements(api, range=APRIL, currency="USD"))["Main"]["statement"]
    assert amounts(main) == {
        "startValue": "14600",  # 11,680 x 1.25
        "inflows": "280",
        "outflows": "400",  # 500 euros at 0.80
        "realizedGain": "80",
        "unrealizedGain": "260",
        "income": "50",
        "fees": "14.6",  # 5 euros at 1.00 and 12 at 0.80
        "taxes": "7.5",
        # Euros: 10,000 from 1.25, 5 from 1.00 and 512 from 0.80 to 0.80: -4,500 + 1.
        "currencyGain": "-4499",
        "endValue": "10348.9",  # 12,936.125 x 0.80
        "residual": "0",
    }


async def test_without_a_price_at_the_start_the_lines_are_null_and_say_why(api, books):
    late = await books(api).portfolio("Late", baseCurrency="EUR")
    await books(api).record(
        "recordTrade", late, "2024-03-21", symbol="LATE", side="BUY", quantity="1", price="5"
    )
    one = (await statements(api, range=APRIL))["Late"]["statement"]
    # The first price is of 30 April: 6 - 5 dollars at 1.25.
    assert {name for name, amount in amounts(one).items() if amount} == {"endValue"}
    assert one["endValue"] == {"amount": "1.25"}
    assert one["issues"] == [
        {
            "figure": "startValue",
            "reason": "NO_PRICE",
            "subject": "LATE",
            "message": "No source has a price for LATE.",
        }
    ]


async def test_without_the_acquisition_of_what_was_sold_the_lines_are_null(api, books):
    short = await books(api).portfolio("Short", baseCurrency="EUR")
    query = """mutation($input: ImportTransactionsInput!) { importTransactions(input: $input) {
      userErrors { message } } }"""
    table = (
        "type,date,symbol,quantity,price,currency\n"
        "BUY,2024-04-02,ACME,1,100,USD\nSELL,2024-04-10,ACME,3,130,USD\n"
    )
    given = {"portfolioId": short, "content": table}
    done = await api.data(query, {"input": given})
    assert done["importTransactions"]["userErrors"] == []
    one = (await statements(api, range=APRIL))["Short"]["statement"]
    assert (one["startValue"], one["realizedGain"]) == ({"amount": "0"}, None)
    assert [(issue["figure"], issue["reason"], issue["subject"]) for issue in one["issues"]] == [
        ("realizedGain", "MISSING_ACQUISITION", "ACME")
    ]


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2024-04-02", "2024-04-01", "`range.from` is after `range.to`."),
        ("2024-04-02", "2024-06-15", "`range.to` 2024-06-15 is yet to come."),
        ("1899-12-31", "2024-04-01", "`range.from` 1899-12-31 is before 1900-01-01."),
    ],
)
async def test_a_range_that_cannot_be_is_refused(api, first, last, message):
    answer = await api.ask(RESIDUAL, {"range": {"from": first, "to": last}})
    assert [error["message"] for error in answer["errors"]] == [message]
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_statements_of_all_portfolios_cost_six_statements_and_one_call_a_kind(api):
    await api.services.database.engine.dispose()
    before, calls = api.services.database.statements, dict(api.services.market.calls)
    answer = await api.data(RESIDUAL, {"range": APRIL})
    assert len(answer["viewer"]["portfolios"]) == 2
    # user, portfolios, ledgers, ties, portfolios by owner, instruments
    assert api.services.database.statements - before == 6
    made = {key: count - calls.get(key, 0) for key, count in api.services.market.calls.items()}
    assert {key: count for key, count in made.items() if count} == {
        ("files", "closes"): 1,
        ("ecb_file", "rates"): 1,
    }
