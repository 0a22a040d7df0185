"""Units sold that were never acquired: no gain of anybody, in positions, portfolios and all together."""

import pytest

from tests.ledger import correct, corrections_refused

PRICES = """date,symbol,close,currency
2024-03-29,ACME,100,USD
2024-04-01,ACME,110,USD
2024-04-02,ACME,99,USD
2024-04-03,ACME,120,USD
2024-04-04,ACME,132,USD
2024-03-29,OTHER,50,USD
2024-04-04,OTHER,50,USD
"""
RATES = "Date,USD\n2024-03-29,1\n2024-04-04,1\n"
FIGURES = """performance(range: $range%s) {
  gain { value reason message explain { flows(first: 2) { nodes { kind day amount
    transaction { kind } } } } }
  timeWeightedReturn { value reason explain { steps { name value } } }
  moneyWeightedReturn { value reason }
  attribution(first: 1) { timeWeightedReturn { reason } totalCount }
  calendar(interval: DAY) { from timeWeightedReturn reason
    ledger { netInflow { amount } gain { amount } } } }"""
PORTFOLIO = """query($range: DateRangeInput!, $id: ID!) { viewer { portfolio(id: $id) { %s
  risk(range: $range) { volatility { value reason } } } } }""" % (FIGURES % "")
POSITION = """query($range: DateRangeInput!, $id: ID!) { viewer { portfolio(id: $id) {
  positions(includeClosed: true) { missingQuantity %s } } } }""" % (FIGURES % "")
COMBINED = """query($range: DateRangeInput!) { viewer { combined { %s
  positions(includeClosed: true) { symbol quantity missingQuantity }
  overview(currency: "USD") { value { amount } } } } }""" % (FIGURES % ', currency: "USD"')
IMPORT = """mutation($input: ImportTransactionsInput!) { importTransactions(input: $input) {
  userErrors { message } } }"""
WEEK = {"from": "2024-03-29", "to": "2024-04-04"}
UNKNOWN = {"value": None, "reason": "MISSING_ACQUISITION"}


@pytest.fixture
async def main(open_market, books):
    """Ten shares bought at 100 for 1,000 paid in; 14 sold at 120 by a file that has no other purchase."""
    api = await open_market(prices=PRICES, rates=RATES)
    ledger = books(api)
    main = await ledger.portfolio("Main", baseCurrency="USD")
    await ledger.record(
        "recordCashTransfer", main, "2024-03-29", direction="DEPOSIT", amount="1000"
    )
    await ledger.record(
        "recordTrade", main, "2024-03-29", symbol="ACME", side="BUY", quantity="10", price="100"
    )
    await sell(api, main, 14)
    return ledger, main


async def sell(api, portfolio, units):
    content = f"date,type,symbol,quantity,price\n2024-04-03,SELL,ACME,{units},120\n"
    given = {"portfolioId": portfolio, "content": content}
    done = (await api.data(IMPORT, {"input": given}))["importTransactions"]
    assert done == {"userErrors": []}


async def scopes(api, key, **days):
    """Return the performance of a portfolio, of its position, and of all together, and of each all."""
    given = {"range": WEEK | days, "id": key}
    portfolio = (await api.data(PORTFOLIO, given))["viewer"]["portfolio"]
    (position,) = (await api.data(POSITION, given))["viewer"]["portfolio"]["positions"]
    combined = (await api.data(COMBINED, {"range": given["range"]}))["viewer"]["combined"]
    whole = [portfolio, position, combined]
    return [one["performance"] for one in whole], whole


async def test_over_the_day_of_the_sale_no_scope_has_a_gain_and_each_says_why(main):
    ledger, key = main
    found, (portfolio, _, _) = await scopes(ledger.api, key)
    for one in found:
        explained = one["gain"].pop("explain")
        assert one["gain"].pop("message") == (
            "4 units of ACME were sold or moved out without having been acquired: book how they "
            "came in."
        )
        assert one["gain"] == UNKNOWN
        steps = one["timeWeightedReturn"].pop("explain")["steps"]
        assert one["timeWeightedReturn"] == one["moneyWeightedReturn"] == UNKNOWN
        # Until the day of the sale ten shares fell from 100 to 99.
        assert steps[0]["value"] == pytest.approx(-0.01)
        assert one["attribution"]["timeWeightedReturn"]["reason"] == "MISSING_ACQUISITION"
        assert one["attribution"]["totalCount"] == 0
        (lacking,) = (flow for flow in explained["flows"]["nodes"] if flow["kind"] == "MISSING")
        assert lacking == {
            "kind": "MISSING",
            "day": "2024-04-03",
            "amount": None,
            "transaction": {"kind": "SELL"},
        }
        days = {day["from"]: day for day in one["calendar"]}
        assert (days["2024-04-03"]["timeWeightedReturn"], days["2024-04-03"]["reason"]) == (
            None,
            "MISSING_ACQUISITION",
        )
        assert days["2024-04-03"]["ledger"] == {"netInflow": None, "gain": None}
        assert days["2024-04-02"]["timeWeightedReturn"] == pytest.approx(99 / 110 - 1)
        assert days["2024-04-02"]["ledger"]["gain"] == {"amount": "-110"}
    assert portfolio["risk"]["volatility"] == UNKNOWN


@pytest.mark.parametrize(
    ("first", "last", "gain"),
    [("2024-03-29", "2024-04-02", -10), ("2024-04-04", "2024-04-04", 0)],
)
async def test_before_and_after_that_day_all_is_as_booked(main, first, last, gain):
    ledger, key = main
    found, _ = await scopes(ledger.api, key, **{"from": first, "to": last})
    assert [one["gain"]["value"] for one in found] == [gain] * 3


async def test_once_it_is_booked_how_the_units_came_the_gain_is_known_everywhere(main):
    ledger, key = main
    await ledger.record(
        "recordDelivery",
        key,
        "2024-04-02",
        direction="IN",
        symbol="ACME",
        quantity="4",
        price="50",
    )
    found, (_, position, _) = await scopes(ledger.api, key)
    # Ten from 100 to 120, and four from the 99 of the day they came, whatever they had cost.
    assert [one["gain"]["value"] for one in found] == [200 + 4 * 21] * 3
    assert position["missingQuantity"] == "0"


async def test_what_one_portfolio_sells_is_not_taken_from_another(main):
    ledger, _ = main
    other = await ledger.portfolio("Other", baseCurrency="USD")
    await ledger.record(
        "recordTrade", other, "2024-04-01", symbol="ACME", side="BUY", quantity="5", price="110"
    )
    combined = (await ledger.api.data(COMBINED, {"range": WEEK}))["viewer"]["combined"]
    assert combined["positions"] == [{"symbol": "ACME", "quantity": "5", "missingQuantity": "4"}]
    # 1,680 got for all that was sold, 550 paid, and five shares at 132.
    assert combined["overview"]["value"] == {"amount": "1790"}
    assert combined["performance"]["gain"]["reason"] == "MISSING_ACQUISITION"


ENTRIES = """query($id: ID!) { viewer { portfolio(id: $id) {
  transactions { nodes { id kind } } } } }"""
MERGER = {"kind": "MERGER", "symbol": "ACME", "amount": "500"}
ACTION = """mutation($input: RecordCorporateActionInput!) { recordCorporateAction(input: $input) {
  userErrors { code message field } } }"""
SKIPPING = """mutation($input: ImportTransactionsInput!) { importTransactions(input: $input) {
  outcomes { fate } userErrors { code } } }"""


async def test_cash_for_units_that_were_never_there_is_refused(open_market, books):
    api = await open_market(prices=PRICES, rates=RATES)
    ledger = books(api)
    key = await ledger.portfolio("Main", baseCurrency="USD")
    place = {"portfolioId": key, "occurredAt": "2024-04-03T12:00:00Z"}
    split = {"kind": "SPLIT", "symbol": "ACME", "newUnits": "1", "oldUnits": "2", "amount": "5"}
    for action in (MERGER, split):
        given = {"input": place | action}
        (mistake,) = (await api.data(ACTION, given))["recordCorporateAction"]["userErrors"]
        assert mistake == {
            "code": "OVERSOLD",
            "message": "Not enough units: the entry of 2024-04-03 pays cash for units, and none "
            "were ever there: book how they came in first.",
            "field": ["amount"],
        }
    content = (
        "date,type,symbol,quantity,price,amount\n"
        "2024-04-01,BUY,OTHER,1,50,\n2024-04-03,MERGER,ACME,,,500\n"
    )
    given = {"portfolioId": key, "content": content, "skipRefused": True}
    done = (await api.data(SKIPPING, {"input": given}))["importTransactions"]
    assert [row["fate"] for row in done["outcomes"]] == ["ADDED", "REFUSED"]
    await ledger.record(
        "recordTrade", key, "2024-04-01", symbol="ACME", side="BUY", quantity="4", price="110"
    )
    for amount in ("500", "20"):  # what is paid later is for units that were there
        await ledger.record(
            "recordCorporateAction", key, "2024-04-03", **MERGER | {"amount": amount}
        )
    found = (await api.data(PORTFOLIO, {"range": WEEK, "id": key}))["viewer"]["portfolio"]
    assert found["performance"]["gain"]["value"] == 500 + 20 - 440


async def test_such_cash_that_is_booked_already_leaves_the_rest_of_the_ledger_open(
    open_market, books, monkeypatch
):
    api = await open_market(prices=PRICES, rates=RATES)
    ledger = books(api)
    key = await ledger.portfolio("Main", baseCurrency="USD")
    with monkeypatch.context() as once:  # as it was booked before anybody looked
        once.setattr("services.projection._check_held", lambda *_: None)
        await ledger.record("recordCorporateAction", key, "2024-04-01", **MERGER)
    again = {"portfolioId": key, "occurredAt": "2024-04-01T13:00:00Z"} | MERGER
    done = (await api.data(ACTION, {"input": again}))["recordCorporateAction"]
    assert [mistake["code"] for mistake in done["userErrors"]] == ["OVERSOLD"]
    await ledger.record(
        "recordIncome", key, "2024-04-02", kind="DIVIDEND", symbol="ACME", amount="5"
    )
    content = (
        "date,type,symbol,quantity,price\n2024-04-03,BUY,ACME,2,120\n2024-04-04,SELL,ACME,2,132\n"
    )
    given = {"portfolioId": key, "content": content, "skipRefused": True}
    done = (await api.data(SKIPPING, {"input": given}))["importTransactions"]
    assert [row["fate"] for row in done["outcomes"]] == ["ADDED", "ADDED"]


async def test_a_purchase_of_units_that_cash_is_paid_for_later_cannot_be_voided(open_market, books):
    api = await open_market(prices=PRICES, rates=RATES)
    ledger = books(api)
    key = await ledger.portfolio("Main", baseCurrency="USD")
    await ledger.record(
        "recordTrade", key, "2024-04-01", symbol="ACME", side="BUY", quantity="4", price="110"
    )
    await ledger.record("recordCorporateAction", key, "2024-04-03", **MERGER)
    found = (await api.data(ENTRIES, {"id": key}))["viewer"]["portfolio"]
    entries = {entry["kind"]: entry["id"] for entry in found["transactions"]["nodes"]}
    bought = entries["BUY"]
    assert await corrections_refused(api, "voidTransaction", bought) == [("OVERSOLD", "id")]
    await correct(api, "voidTransaction", entries["MERGER"])
    await correct(api, "voidTransaction", bought)


async def test_units_delivered_without_a_cost_are_no_gain_of_any_scope(open_market, books):
    api = await open_market(prices=PRICES, rates=RATES)
    ledger = books(api)
    key = await ledger.portfolio("Main", baseCurrency="USD")
    given = {"direction": "IN", "symbol": "ACME", "quantity": "3"}
    await ledger.record("recordDelivery", key, "2024-04-01", **given, price="0")
    found, _ = await scopes(api, key)
    # Three from 110 to 132.
    assert [one["gain"]["value"] for one in found] == [66] * 3
    assert [one["timeWeightedReturn"]["value"] for one in found] == pytest.approx([0.2] * 3)
