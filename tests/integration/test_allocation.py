"""What portfolios are made of, through the graph, with the arithmetic beside each figure."""

from decimal import Decimal

import pytest

from models.market import CompanyProfile
from services.last_known import StoredMarket
from tests.conftest import NOW

PRICES = """date,symbol,close,currency
2024-06-12,ACME,50,USD
2024-06-13,ACME,60,USD
2024-06-13,BETA.DE,25,EUR
2024-06-12,FUND,50,USD
2024-06-13,FUND,50,USD
2024-06-13,CASH,10,USD
"""
RATES = "Date,USD\n2024-03-01,1.25\n2024-06-12,1.25\n2024-06-13,1.25\n2024-06-14,1.25\n"
# In dollars: 10 ACME are 600, 8 BETA.DE at 25 euros are 250, 3 FUND are 150, and there are 100 dollars
# and 80 euros of cash, 200 together. All: 1,200.
ALLOCATION = """query($by: AllocationDimension!, $currency: CurrencyCode, $asOf: Date) {
  viewer { combined { allocation(by: $by, currency: $currency, asOf: $asOf) { net { amount } } }
    portfolios { allocation(by: $by, currency: $currency, asOf: $asOf) {
      by currency net { amount } gross { amount }
      slices { kind key label weight value { amount }
               holdings { share position { symbol } value { amount } } }
      concentration { herfindahl { value reason message } effectiveNumber { value }
                      topShare(count: 2) { value explain { name inputs { name value } } } }
      issues { figure reason subject } } } } }"""


def profile(symbol, **known):
    return CompanyProfile(symbol=symbol, name=symbol, source="test", fetched_at=NOW, **known)


@pytest.fixture
async def api(open_market, books):
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="USD", allowShort=True)
    started.main, started.books = main, ledger
    trade, cash = "recordTrade", "recordCashTransfer"
    day = "2024-03-01"
    await ledger.record(cash, main, day, direction="DEPOSIT", amount="1000")
    await ledger.record(cash, main, day, direction="DEPOSIT", amount="280", currency="EUR")
    for symbol, quantity, price in (
        ("ACME", "10", "75"),
        ("BETA.DE", "8", "25"),
        ("FUND", "3", "50"),
    ):
        await ledger.record(
            trade, main, day, symbol=symbol, side="BUY", quantity=quantity, price=price
        )
    await StoredMarket(started.services.database).remember(
        profiles=[
            profile("ACME", sector="Technology", industry="Software", country="US"),
            profile("BETA.DE", sector="Health", country="DE"),
            profile("FUND"),
        ]
    )
    return started


async def allocation(api, by, **variables):
    answer = await api.data(ALLOCATION, {"by": by} | variables)
    (main,) = answer["viewer"]["portfolios"]
    assert answer["viewer"]["combined"]["allocation"]["net"] == main["allocation"]["net"]
    return main["allocation"]


def slices(found):
    return {
        one["key"] or one["kind"]: (one["value"] or {}).get("amount") for one in found["slices"]
    }


async def test_instruments_have_their_weight_and_cash_its_own(api):
    found = await allocation(api, "INSTRUMENT")
    assert [(one["kind"], one["key"], one["label"]) for one in found["slices"]] == [
        ("ASSIGNED", "ACME", "ACME"),
        ("ASSIGNED", "BETA.DE", "BETA.DE"),
        ("CASH", None, "Cash"),
        ("ASSIGNED", "FUND", "FUND"),
    ]
    assert slices(found) == {"ACME": "600", "BETA.DE": "250", "CASH": "200", "FUND": "150"}
    assert [one["weight"] for one in found["slices"]] == [
        0.5,
        0.208333333333,
        0.166666666667,
        0.125,
    ]
    assert found["net"] == found["gross"] == {"amount": "1200"}
    assert (found["currency"], found["issues"]) == ("USD", [])
    assert found["slices"][1]["holdings"] == [
        {"share": 1, "position": {"symbol": "BETA.DE"}, "value": {"amount": "250"}}
    ]
    assert found["slices"][2]["holdings"] == []


async def test_concentration_is_of_the_sizes_of_slices(api):
    found = (await allocation(api, "INSTRUMENT"))["concentration"]
    index = (600**2 + 250**2 + 200**2 + 150**2) / 1200**2
    assert found["herfindahl"]["value"] == pytest.approx(index)
    assert found["effectiveNumber"]["value"] == pytest.approx(1 / index)
    assert found["topShare"]["value"] == pytest.approx(850 / 1200)
    assert found["topShare"]["explain"] == {
        "name": "Share of the largest",
        "inputs": [{"name": "slices", "value": 4}, {"name": "largest", "value": 2}],
    }


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("SECTOR", {"Technology": "600", "Health": "250", "CASH": "200", "UNASSIGNED": "150"}),
        ("INDUSTRY", {"Software": "600", "UNASSIGNED": "400", "CASH": "200"}),
        ("COUNTRY", {"US": "600", "DE": "250", "CASH": "200", "UNASSIGNED": "150"}),
        ("CURRENCY", {"USD": "850", "EUR": "350"}),
        ("ASSET_CLASS", {"EQUITY": "1000", "CASH": "200"}),
        ("EXCHANGE", {"NASDAQ/NYSE": "750", "Xetra": "250", "CASH": "200"}),
    ],
)
async def test_each_dimension_leaves_nothing_out(api, by, expected):
    found = await allocation(api, by)
    assert slices(found) == expected
    shown = [Decimal(str(one["weight"])) for one in found["slices"]]
    assert sum(shown) == 1


async def test_a_symbol_may_be_called_cash(api):
    await api.books.record(
        "recordTrade", api.main, "2024-03-01", symbol="CASH", side="BUY", quantity="10", price="10"
    )
    found = await allocation(api, "INSTRUMENT")
    assert [(one["kind"], one["key"], one["value"]["amount"]) for one in found["slices"]][2:] == [
        ("ASSIGNED", "FUND", "150"),
        ("CASH", None, "100"),
        ("ASSIGNED", "CASH", "100"),
    ]


async def test_another_currency_and_a_past_day_have_their_own_rates_and_prices(api):
    found = await allocation(api, "INSTRUMENT", currency="EUR")
    assert slices(found) == {"ACME": "480", "BETA.DE": "200", "CASH": "160", "FUND": "120"}
    assert (found["net"], found["currency"]) == ({"amount": "960"}, "EUR")
    # On the 12th ACME closed at 50, and BETA.DE had never been traded.
    past = await allocation(api, "INSTRUMENT", asOf="2024-06-12")
    assert slices(past) == {"ACME": "500", "CASH": "200", "FUND": "150", "BETA.DE": None}


async def test_without_a_price_no_weight_is_known_and_the_reason_is(api):
    found = await allocation(api, "SECTOR", asOf="2024-06-12")
    assert slices(found) == {
        "Technology": "500",
        "CASH": "200",
        "UNASSIGNED": "150",
        "Health": None,
    }
    assert {one["weight"] for one in found["slices"]} == {None}
    assert (found["net"], found["gross"]) == (None, None)
    assert found["issues"] == [{"figure": "value", "reason": "NO_PRICE", "subject": "BETA.DE"}]
    assert found["concentration"]["herfindahl"] == {
        "value": None,
        "reason": "NO_PRICE",
        "message": "No source has a price for BETA.DE.",
    }


async def test_a_short_position_weighs_against_the_rest(api):
    await api.books.record(
        "recordTrade", api.main, "2024-06-13", symbol="FUND", side="SELL", quantity="9", price="50"
    )
    found = await allocation(api, "INSTRUMENT")
    # Six FUND short are -300; the sale brought 450.
    assert slices(found) == {"CASH": "650", "ACME": "600", "BETA.DE": "250", "FUND": "-300"}
    assert (found["net"], found["gross"]) == ({"amount": "1200"}, {"amount": "1800"})
    assert found["slices"][3]["weight"] == -0.25
    index = (650**2 + 600**2 + 250**2 + 300**2) / 1800**2
    assert found["concentration"]["herfindahl"]["value"] == pytest.approx(index)


async def test_debts_above_all_leave_no_weight(api):
    await api.books.record(
        "recordCashTransfer", api.main, "2024-06-13", direction="WITHDRAWAL", amount="2000"
    )
    found = await allocation(api, "ASSET_CLASS")
    assert slices(found) == {"EQUITY": "1000", "CASH": "-1800"}
    assert [one["weight"] for one in found["slices"]] == [None, None]
    assert found["issues"] == [{"figure": "weight", "reason": "ZERO_VALUE", "subject": None}]


async def test_an_empty_portfolio_is_made_of_nothing(api):
    await api.books.portfolio("Empty")
    answer = await api.data("""{ viewer { portfolios { allocation(by: SECTOR) {
      net { amount } slices { key } issues { reason } } } } }""")
    assert answer["viewer"]["portfolios"][1]["allocation"] == {
        "net": {"amount": "0"},
        "slices": [],
        "issues": [{"reason": "ZERO_VALUE"}],
    }


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ('allocation(by: SECTOR, currency: "dollar") { by }', "is not an ISO 4217 currency"),
        ('allocation(by: SECTOR, asOf: "2024-06-15") { by }', "is yet to come"),
        (
            "allocation(by: SECTOR) { concentration { topShare(count: 0) { value } } }",
            "`count` must be from 1 to 100.",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused(api, selection, message):
    for place in ("combined", "portfolios"):
        answer = await api.ask(f"{{ viewer {{ {place} {{ {selection} }} }} }}")
        assert message in answer["errors"][0]["message"]
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_many_portfolios_take_no_more_statements_than_one(api):
    query = "{ viewer { portfolios { allocation(by: SECTOR) { slices { weight } } } } }"
    database = api.services.database

    async def sent():
        before = database.statements
        await api.data(query)
        return database.statements - before

    await sent()  # the market has been asked by now
    one = await sent()
    for name in "ABC":
        other = await api.books.portfolio(name)
        await api.books.record(
            "recordTrade", other, "2024-03-01", symbol="ACME", side="BUY", quantity="1", price="1"
        )
    assert await sent() == one


async def test_as_many_statements_explain_concentration_however_many_portfolios_there_are(api):
    query = """{ viewer { portfolios { allocation(by: INSTRUMENT) { concentration {
      herfindahl { explain { days { nodes { day value } } } } } } } } }"""
    trade = {"symbol": "ACME", "side": "BUY", "quantity": "1", "price": "75"}
    day = "2024-03-01"

    async def add(number):
        key = await api.books.portfolio(f"P{number}", baseCurrency="USD")
        await api.books.record("recordCashTransfer", key, day, direction="DEPOSIT", amount="100")
        await api.books.record("recordTrade", key, day, **trade)

    api.services.market._learner._flusher.cancel()  # what is written behind costs nobody
    for number in range(4):
        await add(number)
    counts = []
    for count in (5, 6):
        await api.data(query)  # prices and values are kept from now on
        before = api.services.database.statements
        answer = await api.data(query)
        counts.append(api.services.database.statements - before)
        days = [
            one["allocation"]["concentration"]["herfindahl"]["explain"]["days"]["nodes"]
            for one in answer["viewer"]["portfolios"]
        ]
        # An ACME at 60, and 25 left of the cash; the first portfolio is the one above.
        assert sorted(one["value"] for (one,) in days) == [85] * (count - 1) + [1200]
        if count == 5:
            await add(5)
    assert counts == [5, 5]
