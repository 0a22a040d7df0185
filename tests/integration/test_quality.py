"""Data quality through the graph: what is found, and that the repairs it offers work."""

import pytest

PRICES = """date,symbol,close,currency
2024-04-01,ACME,100,USD
2024-04-02,ACME,102,USD
2024-04-03,ACME,25.5,USD
2024-04-04,ACME,26,USD
2024-04-01,PENNY.L,5.2,GBP
2024-04-04,PENNY.L,5.3,GBP
2024-04-01,GONE,50,USD
2024-04-04,GONE,51,USD
"""
RATES = "Date,USD,GBP\n2024-04-01,1,0.8\n2024-04-04,1,0.8\n"
QUALITY = """{ viewer { portfolios { dataQuality { code severity message affects missingQuantity
  instrument { symbol } transactionCount transactions { id kind }
  repair { mutation arguments { name value } } } } } }"""
ONLY_CODES = "{ viewer { portfolios { dataQuality { code transactions { id } } } } }"
IMPORT = """mutation($input: ImportTransactionsInput!) { importTransactions(input: $input) {
  userErrors { message } } }"""
SALE = (
    "type,date,symbol,quantity,price,currency\n"
    "BUY,2024-04-01,GONE,1,50,USD\nSELL,2024-04-04,GONE,3,51,USD\n"
)


@pytest.fixture
async def ledger(open_market, books):
    return books(await open_market(prices=PRICES, rates=RATES))


async def findings(api):
    answer = await api.data(QUALITY)
    (portfolio,) = answer["viewer"]["portfolios"]
    return {one["code"]: one for one in portfolio["dataQuality"]}


def repair(finding):
    given = {one["name"]: one["value"] for one in finding["repair"]["arguments"]}
    return finding["repair"]["mutation"], given


async def buy(ledger, main, symbol, quantity, price, **more):
    await ledger.record(
        "recordTrade",
        main,
        "2024-04-01",
        symbol=symbol,
        side="BUY",
        quantity=quantity,
        price=price,
        **more,
    )


async def test_a_clean_ledger_has_no_findings(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "GONE", "10", "50")
    assert await findings(ledger.api) == {}


async def test_a_missing_acquisition_names_the_units_and_is_repaired_by_a_delivery(ledger):
    main = await ledger.portfolio()
    done = await ledger.api.data(IMPORT, {"input": {"portfolioId": main, "content": SALE}})
    assert done["importTransactions"]["userErrors"] == []
    found = (await findings(ledger.api))["MISSING_ACQUISITION"]
    assert (found["severity"], found["missingQuantity"]) == ("ERROR", "2")
    assert found["instrument"] == {"symbol": "GONE"}
    assert [one["kind"] for one in found["transactions"]] == ["SELL"]
    assert "realizedGain" in found["affects"]
    mutation, given = repair(found)
    assert (mutation, given) == (
        "recordDelivery",
        {
            "portfolioId": main,
            "direction": "IN",
            "symbol": "GONE",
            "quantity": "2",
            "occurredAt": "2024-04-04T00:00:00Z",
        },
    )
    await ledger.record(mutation, None, "2024-04-04", **given | {"price": "40"})
    assert await findings(ledger.api) == {}


async def test_a_price_that_falls_to_a_quarter_looks_like_a_split_until_it_is_booked(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME", "10", "100")
    found = (await findings(ledger.api))["SPLIT_NOT_BOOKED"]
    assert found["severity"] == "WARNING"
    assert found["message"] == (
        "ACME closed at 102 on 2024-04-02 and at 25.5 on 2024-04-03, as after a split of 4 for 1; "
        "none is booked."
    )
    assert found["transactions"] == []
    mutation, given = repair(found)
    assert mutation == "recordCorporateAction"
    assert given == {
        "portfolioId": main,
        "kind": "SPLIT",
        "symbol": "ACME",
        "newUnits": "4",
        "oldUnits": "1",
        "occurredAt": "2024-04-03T00:00:00Z",
    }
    await ledger.record(mutation, None, "2024-04-03", **given)
    assert await findings(ledger.api) == {}


async def test_pence_read_as_pounds_are_found_and_repaired(ledger):
    main = await ledger.portfolio(baseCurrency="GBP")
    await buy(ledger, main, "PENNY.L", "10", "521")
    found = (await findings(ledger.api))["PRICE_OFF_BY_100"]
    assert found["severity"] == "ERROR"
    mutation, given = repair(found)
    assert (mutation, given) == (
        "updateTransaction",
        {"id": found["transactions"][0]["id"], "price": "5.21"},
    )
    await ledger.record(mutation, None, "2024-04-01", **given)
    assert await findings(ledger.api) == {}


async def test_what_is_booked_twice_is_found_and_can_be_voided(ledger):
    main = await ledger.portfolio()
    for _ in range(2):
        await ledger.record(
            "recordCashTransfer", main, "2024-04-01", direction="DEPOSIT", amount="100"
        )
    found = (await findings(ledger.api))["DUPLICATE"]
    assert (found["severity"], found["instrument"]) == ("WARNING", None)
    assert found["transactionCount"] == 2
    mutation, given = repair(found)
    assert (mutation, given) == ("voidTransaction", {"id": found["transactions"][1]["id"]})
    query = """mutation($input: VoidTransactionInput!) { voidTransaction(input: $input) {
      userErrors { message } } }"""
    done = await ledger.api.data(query, {"input": given})
    assert done["voidTransaction"]["userErrors"] == []
    assert await findings(ledger.api) == {}


async def test_a_trade_in_another_currency_is_worth_a_look(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "GONE", "10", "50", currency="EUR")
    found = (await findings(ledger.api))["ENTRY_CURRENCY_MISMATCH"]
    assert found["severity"] == "INFO"
    assert repair(found)[1]["currency"] == "USD"


async def test_the_simulated_market_proves_nothing(demo):
    answer = await demo.data(ONLY_CODES)
    assert [one["dataQuality"] for one in answer["viewer"]["portfolios"]] == [[], []]


async def test_quality_costs_one_reading_of_the_ledger_and_one_series_an_instrument(ledger):
    for number in range(3):
        main = await ledger.portfolio(f"Main {number}")
        await buy(ledger, main, "ACME", "10", "100")
        await buy(ledger, main, "GONE", "10", "50")
        await buy(ledger, main, "GONE", "10", "50")
    services = ledger.api.services
    await services.market.forget()
    before, calls = services.database.statements, dict(services.market.calls)
    answer = await ledger.api.data(ONLY_CODES)
    assert [
        [one["code"] for one in portfolio["dataQuality"]]
        for portfolio in answer["viewer"]["portfolios"]
    ] == [["SPLIT_NOT_BOOKED", "DUPLICATE"]] * 3
    # user, portfolios, ledgers, ties, portfolios by owner, instruments, transactions
    assert services.database.statements - before == 7
    made = {key: count - calls.get(key, 0) for key, count in services.market.calls.items()}
    assert {key: count for key, count in made.items() if count} == {
        ("files", "quotes"): 1,
        ("files", "bars"): 2,
    }
