"""Cash of one currency that became cash of another is no flow, and what it cost is a loss."""

from pathlib import Path

from tests.ledger import MONEY, Ledger, change

SAMPLES = Path(__file__).parents[1] / "samples" / "brokers"

FIGURES = (
    f'overview(asOf: "2024-03-05") {{ value {MONEY} netContributions {MONEY} totalGain {MONEY} charges {MONEY} }} '
    f"cash {MONEY}"
)


async def parity(open_market):
    """Return a ledger of a market in which a euro is 1.25 dollars every day."""
    rates = "Date,USD\n" + "".join(f"2024-03-{day:02},1.25\n" for day in range(1, 15))
    api = await open_market(
        prices="date,symbol,close,currency\n2024-03-01,ACME,1,USD\n", rates=rates
    )
    ledger = await Ledger.create(api)
    await ledger.record("recordCashTransfer", direction="DEPOSIT", amount="2000", day="2024-03-01")
    return ledger


EXCHANGE = {
    "soldAmount": "1000",
    "soldCurrency": "USD",
    "boughtAmount": "500",
    "boughtCurrency": "EUR",
}


async def test_an_exchange_is_no_flow_and_its_price_is_a_loss(open_market):
    ledger = await parity(open_market)
    done = await ledger.record("recordCurrencyExchange", **EXCHANGE, fee="2", day="2024-03-04")
    assert done["entry"]["cashEffect"] == "-1002 USD"
    found = await ledger.see(FIGURES)
    # 500 euros are worth 625 dollars: 375 were lost on the exchange, and 2 on the fee.
    assert found["overview"] == {
        "value": "1623 USD",
        "netContributions": "2000 USD",
        "totalGain": "-377 USD",
        "charges": "2 USD",
    }
    assert sorted(found["cash"]) == ["500 EUR", "998 USD"]
    statement = await ledger.see(
        'statement(range: {from: "2024-03-03", to: "2024-03-05"}) { startValue { amount } '
        "inflows { amount } outflows { amount } fees { amount } currencyGain { amount } "
        "endValue { amount } residual { amount } issues { reason } }"
    )
    lines = statement["statement"]
    assert lines.pop("issues") == []
    assert {name: float(line["amount"]) for name, line in lines.items()} == {
        "startValue": 2000,
        "inflows": 0,
        "outflows": 0,
        "fees": 2,
        "currencyGain": -375,
        "endValue": 1623,
        "residual": 0,
    }


async def test_both_halves_of_an_exchange_are_voided_together(open_market):
    ledger = await parity(open_market)
    done = await ledger.record(
        "recordCurrencyExchange", **EXCHANGE, externalId="x", day="2024-03-04"
    )
    assert await ledger.refused(
        "recordCurrencyExchange", **EXCHANGE, externalId="x", day="2024-03-04"
    ) == [("ALREADY_EXISTS", "externalId")]
    undone = await change(ledger.api, "voidTransaction", {"id": done["entry"]["id"]})
    assert undone["userErrors"] == []
    assert [one for one in (await ledger.see(FIGURES))["cash"] if one[0] != "0"] == ["2000 USD"]


async def test_a_wrong_exchange_is_refused(open_market):
    ledger = await parity(open_market)
    for given, wrong in (
        ({"boughtCurrency": "USD"}, ("INVALID", "boughtCurrency")),
        ({"soldCurrency": "GBp", "boughtCurrency": "GBP"}, ("INVALID", "boughtCurrency")),
        ({"soldAmount": "0"}, ("OUT_OF_RANGE", "soldAmount")),
        ({"boughtAmount": "-1"}, ("OUT_OF_RANGE", "boughtAmount")),
        ({"boughtCurrency": "ZZZ"}, ("UNKNOWN_CURRENCY", "boughtCurrency")),
    ):
        assert await ledger.refused("recordCurrencyExchange", **EXCHANGE | given) == [wrong]


async def test_conversions_of_a_file_are_no_flows(open_market):
    ledger = await parity(open_market)
    content = (
        "date,type,amount,currency\n2024-03-04,exchange_out,1000,USD\n"
        "2024-03-04,exchange_in,500,EUR\n"
    )
    await ledger.record("importTransactions", content=content)
    overview = (await ledger.see(FIGURES))["overview"]
    assert (overview["netContributions"], overview["totalGain"]) == ("2000 USD", "-375 USD")


async def test_both_halves_that_one_row_of_a_file_tells_of_are_voided_together(open_market):
    ledger = await parity(open_market)
    lines = (SAMPLES / "ibkr-activity.csv").read_text().splitlines()
    kept = [line for line in lines if line.startswith("Trades,Header") or ",Forex,USD," in line]
    content = "\n".join(kept).replace("2026-11-12", "2024-03-04")
    done = await ledger.record("importTransactions", content=content)
    assert [row["fate"] for row in done["outcomes"]] == ["ADDED", "ADDED"]
    (first, _) = done["outcomes"]
    undone = await change(ledger.api, "voidTransaction", {"id": first["transaction"]["id"]})
    assert undone["userErrors"] == []
    assert [one for one in (await ledger.see(FIGURES))["cash"] if one[0] != "0"] == ["2000 USD"]
