"""Plans of trades through the graph, with the arithmetic beside each figure."""

import pytest
from sqlalchemy import select

from models.tables import metadata
from tests.integration.test_access import MARKET
from tests.people import send

PRICES = """date,symbol,close,currency
2024-06-13,ACME,60,USD
2024-06-13,BETA.DE,25,EUR
2024-06-13,GOLD,10,USD
"""
RATES = "Date,USD\n2024-03-01,1.25\n2024-06-13,1.25\n2024-06-14,1.25\n"
# In dollars: 10 ACME are 600, five bought at 40 and five at 70; 8 BETA.DE at 25 euros are 250, bought
# at 20; and there are 150 in cash: 1,000 in all.
PLAN = """query($by: AllocationDimension!, $targets: [TargetWeightInput!], $currency: CurrencyCode,
    $constraints: RebalanceConstraintsInput, $classification: String! = "Tags") {
  viewer { portfolios { rebalance(by: $by, targets: $targets, constraints: $constraints,
      currency: $currency, classification: $classification) {
    currency cashBefore { amount } cashAfter { amount } fees { amount } realizedGain { amount }
    tax { amount }
    trades { side quantity exchangeRate amount { amount } fee { amount } realizedGain { amount }
             tax { amount } instrument { id symbol } quote { price currency source asOf quality } }
    slices { kind key label target weightBefore weightAfter isOnTarget }
    gaps { kind key label instrument { symbol } amount { amount } hindrance }
    issues { figure reason subject } } } } }"""


@pytest.fixture
async def api(open_market, books):
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = started.books = books(started)
    started.main = await ledger.portfolio("Main", baseCurrency="USD", allowShort=True)
    day = "2024-03-01"
    # 200 + 350 + 160 x 1.25 = 750
    await ledger.record("recordCashTransfer", started.main, day, direction="DEPOSIT", amount="700")
    await ledger.record(
        "recordCashTransfer",
        started.main,
        day,
        direction="DEPOSIT",
        amount="160",
        currency="EUR",
    )
    for symbol, quantity, price in (
        ("ACME", "5", "40"),
        ("ACME", "5", "70"),
        ("BETA.DE", "8", "20"),
    ):
        await ledger.record(
            "recordTrade",
            started.main,
            day,
            symbol=symbol,
            side="BUY",
            quantity=quantity,
            price=price,
        )
    return started


def targets(**weights):
    return [{"key": key.replace("_", "."), "weight": weight} for key, weight in weights.items()]


MEANT = targets(ACME=0.5, BETA_DE=0.3)


async def plan(api, by="INSTRUMENT", *, place=0, **variables):
    answer = await api.data(PLAN, {"by": by, "targets": MEANT} | variables)
    return answer["viewer"]["portfolios"][place]["rebalance"]


def trades(found):
    return [
        (one["side"], one["instrument"]["symbol"], one["quantity"], one["amount"]["amount"])
        for one in found["trades"]
    ]


def gaps(found):
    return [
        (
            (one["instrument"] or {}).get("symbol") or one["key"] or one["kind"],
            one["amount"]["amount"],
            one["hindrance"],
        )
        for one in found["gaps"]
    ]


async def test_what_is_too_much_is_sold_and_what_is_too_little_bought(api):
    found = await plan(api)
    # ACME is to be 500 and BETA.DE 300, at 31.25 dollars each.
    assert trades(found) == [
        ("SELL", "ACME", "1.666666666666666667", "100"),
        ("BUY", "BETA.DE", "1.6", "50"),
    ]
    sale, purchase = found["trades"]
    # The oldest lot cost 40 each: 100 less 66.67.
    assert (sale["realizedGain"], sale["tax"]) == ({"amount": "33.33"}, {"amount": "0"})
    assert (purchase["realizedGain"], purchase["tax"]) == (None, None)
    assert purchase["exchangeRate"] == "1.25"
    assert purchase["quote"] == {
        "price": "25",
        "currency": "EUR",
        "source": "files",
        "asOf": purchase["quote"]["asOf"],
        "quality": "DELAYED",
    }
    assert purchase["quote"]["asOf"].startswith("2024-06-13")
    assert (found["cashBefore"], found["cashAfter"]) == ({"amount": "150"}, {"amount": "200"})
    assert [
        (one["key"], one["target"], one["weightBefore"], one["weightAfter"], one["isOnTarget"])
        for one in found["slices"]
    ] == [
        ("ACME", 0.5, 0.6, 0.5, True),
        ("BETA.DE", 0.3, 0.25, 0.3, True),
        (None, 0.2, 0.15, 0.2, True),
    ]
    assert (found["gaps"], found["issues"], found["fees"]) == ([], [], {"amount": "0"})


async def test_no_row_of_the_database_changes(api):
    await send(
        api,
        "setAllocationTargets",
        {"portfolioId": api.main, "by": "INSTRUMENT", "targets": targets(GOLD=0.5)},
    )
    before = await rows(api)
    found = await plan(api, targets=None)
    assert ("BUY", "GOLD", "50", "500") in trades(found)
    assert await rows(api) == before


async def rows(api):
    async with api.services.database.reading() as session:
        return {
            table.name: sorted(map(repr, (await session.execute(select(table))).all()))
            for table in metadata.sorted_tables
            if table.name not in MARKET
        }


@pytest.mark.parametrize(
    ("method", "gain"), [("FIFO", "33.33"), ("LIFO", "-16.67"), ("AVERAGE", "8.33")]
)
async def test_the_gain_of_a_sale_is_by_the_lot_method(api, method, gain):
    terms = {"lotMethod": method, "taxRate": 0.25}
    found = await plan(api, constraints=terms)
    assert found["trades"][0]["realizedGain"] == found["realizedGain"] == {"amount": gain}
    tax = {"33.33": "8.33", "-16.67": "0", "8.33": "2.08"}[gain]
    assert found["trades"][0]["tax"] == found["tax"] == {"amount": tax}
    assert found["cashAfter"] == {"amount": "200"}  # tax is paid later


async def test_whole_units_leave_the_rest_in_cash(api):
    found = await plan(api, constraints={"wholeUnits": True})
    assert trades(found) == [("SELL", "ACME", "1", "60"), ("BUY", "BETA.DE", "1", "31.25")]
    assert found["cashAfter"] == {"amount": "178.75"}
    assert gaps(found) == [("ACME", "-40", "WHOLE_UNITS"), ("BETA.DE", "18.75", "WHOLE_UNITS")]
    assert [one["weightAfter"] for one in found["slices"]] == [0.54, 0.28125, 0.17875]


async def test_new_money_alone_is_put_to_work(api):
    found = await plan(
        api,
        targets=targets(ACME=0.5, BETA_DE=0.5),
        constraints={"cashFlow": "200", "sells": False},
    )
    # Of 1,200 each is to be 600: ACME is, BETA.DE gets the 350.
    assert trades(found) == [("BUY", "BETA.DE", "11.2", "350")]
    assert (found["cashAfter"], found["gaps"]) == ({"amount": "0"}, [])
    less = await plan(api, targets=MEANT, constraints={"sells": False})
    assert gaps(less) == [("ACME", "-100", "NO_SALES")]


async def test_money_taken_out_is_raised_by_sales(api):
    found = await plan(
        api, targets=targets(ACME=0.5, BETA_DE=0.5), constraints={"cashFlow": "-500"}
    )
    # Of 500 each is to be 250; 150 are there.
    assert trades(found) == [("SELL", "ACME", "5.833333333333333333", "350")]
    assert found["cashAfter"] == {"amount": "0"}
    query = PLAN.replace("issues { figure reason subject }", "issues { message }")
    asked = {"by": "INSTRUMENT", "targets": MEANT, "constraints": {"cashFlow": "-1000"}}
    told = (await api.data(query, asked))["viewer"]["portfolios"][0]["rebalance"]["issues"]
    assert told == [
        {"message": "`cashFlow` takes out all there is, or more: it is worth 1000 USD."}
    ]
    none = await plan(api, constraints={"cashFlow": "-1000"})
    assert (none["trades"], none["cashAfter"]) == ([], None)
    assert none["issues"] == [{"figure": "weight", "reason": "ZERO_VALUE", "subject": None}]


async def test_small_trades_are_left_out(api):
    found = await plan(api, constraints={"minimumTrade": "60"})
    assert trades(found) == [("SELL", "ACME", "1.666666666666666667", "100")]
    assert gaps(found) == [("BETA.DE", "50", "BELOW_MINIMUM")]


async def test_fees_come_out_of_the_cash(api):
    found = await plan(
        api,
        targets=targets(ACME=0.5, BETA_DE=0.5),
        constraints={"feePerTrade": "1", "feeRate": 0.01},
    )
    # 100 are sold for 2. Of 150 + 98 = 248 one is the next fee, and a hundredth of the rest the other.
    sale, purchase = found["trades"]
    assert (sale["fee"], sale["realizedGain"]) == ({"amount": "2"}, {"amount": "31.33"})
    assert (purchase["amount"], purchase["fee"]) == ({"amount": "244.55"}, {"amount": "3.45"})
    assert (found["fees"], found["cashAfter"]) == ({"amount": "5.45"}, {"amount": "0"})
    assert gaps(found) == [("BETA.DE", "5.45", "NO_CASH")]


async def test_what_is_not_held_yet_can_be_bought_if_the_market_knows_it(api):
    found = await plan(api, targets=targets(ACME=0.6, BETA_DE=0.2, GOLD=0.1, NOPE=0.05))
    assert trades(found) == [("SELL", "BETA.DE", "1.6", "50"), ("BUY", "GOLD", "10", "100")]
    assert gaps(found) == [("NOPE", "50", "NOTHING_TO_BUY")]
    assert found["cashAfter"] == {"amount": "100"}
    node = "query($id: ID!) { node(id: $id) { id } }"
    new = found["trades"][1]["instrument"]["id"]
    assert (await api.data(node, {"id": new}))["node"] is None


async def test_a_class_is_bought_and_sold_by_what_is_held_of_it(api):
    found = await plan(api, "ASSET_CLASS", targets=targets(EQUITY=0.51, BOND=0.1))
    # 340 of 850 go: 600/850 of them are ACME.
    assert [(one["instrument"]["symbol"], one["amount"]["amount"]) for one in found["trades"]] == [
        ("ACME", "240"),
        ("BETA.DE", "100"),
    ]
    assert gaps(found) == [("BOND", "100", "NOTHING_TO_BUY")]
    assert {one["label"]: one["weightAfter"] for one in found["slices"]} == {
        "Equity": 0.51,
        "Cash": 0.49,
        "Bond": 0,
    }


async def test_another_currency_converts_costs_at_the_rate_of_now(api):
    found = await plan(api, currency="EUR")
    assert trades(found) == [
        ("SELL", "ACME", "1.666666666666666667", "80"),
        ("BUY", "BETA.DE", "1.6", "40"),
    ]
    assert found["realizedGain"] == {"amount": "26.67"}
    assert found["trades"][0]["exchangeRate"] == "0.8"


async def test_what_is_split_over_tags_is_traded_for_all_of_them_and_shorts_are_left_alone(api):
    await api.books.record(
        "recordTrade",
        api.main,
        "2024-06-13",
        symbol="GOLD",
        side="SHORT",
        quantity="10",
        price="10",
    )
    made = [await send(api, "createTag", {"name": name}, "tag { id }") for name in ("Core", "Play")]
    core, play = (one["tag"]["id"] for one in made)
    for tag, symbol, part in ((core, "ACME", 1), (core, "BETA.DE", 0.6), (play, "BETA.DE", 0.2)):
        given = {"tagId": tag, "symbol": symbol, "share": part}
        assert (await send(api, "tagInstrument", given))["userErrors"] == []
    meant = [{"key": core, "weight": 0.6}, {"key": play, "weight": 0.1}]
    found = await plan(api, "TAG", targets=meant)
    # Of 1,000 Core is to have 600 and Play 100: a fifth of 500 in BETA.DE is Play's, and three
    # fifths are Core's, who gets the rest by 300 in ACME.
    assert [(one["side"], one["amount"]["amount"]) for one in found["trades"]] == [
        ("SELL", "300"),
        ("BUY", "250"),
    ]
    # A fifth of BETA.DE is nobody's, and so is the short of 100.
    assert gaps(found) == []
    assert {one["label"]: one["weightAfter"] for one in found["slices"]} == {
        "Core": 0.6,
        "Play": 0.1,
        "Unassigned": 0,
        "Cash": 0.3,
    }
    large = await plan(api, "TAG", targets=meant, constraints={"minimumTrade": "260"})
    assert [(one["kind"], one["label"], one["hindrance"]) for one in large["gaps"]] == [
        (None, "Core, Play, Unassigned", "BELOW_MINIMUM")
    ]
    one = await plan(api, "TAG", targets=meant[:1])
    assert ("Play", 0.0) in {(each["label"], each["weightAfter"]) for each in one["slices"]}
    assert ("UNASSIGNED", "100", "NOT_TRADED") in gaps(one)


async def test_without_a_price_there_is_no_plan_and_the_reason_is_told(api, books):
    await api.books.record(
        "recordDelivery",
        api.main,
        "2024-03-01",
        symbol="BETA.DE",
        direction="IN",
        quantity="1",
        amount="20",
    )
    await api.services.market.forget()
    async with api.services.database.writing() as session:
        await session.execute(
            metadata.tables["instruments"]
            .update()
            .where(metadata.tables["instruments"].c.symbol == "BETA.DE")
            .values(currency="CHF")
        )
    found = await plan(api)
    assert (found["trades"], found["slices"], found["cashAfter"]) == ([], [], None)
    assert found["issues"] == [{"figure": "value", "reason": "NO_PRICE", "subject": "BETA.DE"}]


async def test_targets_that_are_kept_are_taken_and_without_any_there_is_no_plan(api):
    assert await plan(api, targets=None) is None
    await send(
        api,
        "setAllocationTargets",
        {"portfolioId": api.main, "by": "INSTRUMENT", "targets": MEANT},
    )
    assert await plan(api, targets=None) == await plan(api)


async def test_all_portfolios_together_have_a_plan_too(api):
    other = await api.books.portfolio("Other", baseCurrency="USD")
    await api.books.record(
        "recordTrade", other, "2024-03-01", symbol="ACME", side="BUY", quantity="10", price="60"
    )
    answer = await api.data(
        """query($targets: [TargetWeightInput!]!) { viewer { combined {
      rebalance(by: INSTRUMENT, targets: $targets) { currency realizedGain { amount }
        trades { side quantity instrument { symbol } } } } } }""",
        {"targets": targets(ACME=0.9, BETA_DE=0.1)},
    )
    # 20 ACME are 1,200, BETA.DE 250 and the cash -450: of 1,000 BETA.DE gives 150, ACME 300.
    assert answer["viewer"]["combined"]["rebalance"] == {
        "currency": "USD",
        "realizedGain": {"amount": "130"},  # five at 60 - 40, 4.8 at 31.25 - 25
        "trades": [
            {"side": "SELL", "quantity": "5", "instrument": {"symbol": "ACME"}},
            {"side": "SELL", "quantity": "4.8", "instrument": {"symbol": "BETA.DE"}},
        ],
    }


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"targets": targets(ACME=1.2)}, "`targets.0.weight`: Must be from 0 to 1"),
        ({"targets": targets(ACME=0.6, GOLD=0.6)}, "`targets`: Targets are 1.2 together"),
        ({"constraints": {"minimumTrade": "-1"}}, "`constraints.minimumTrade`"),
        ({"constraints": {"feePerTrade": "1e20"}}, "`constraints.feePerTrade`"),
        ({"constraints": {"cashFlow": "-1e20"}}, "`constraints.cashFlow`"),
        ({"constraints": {"taxRate": 1.5}}, "`constraints.taxRate`"),
        ({"constraints": {"feeRate": 0.6}}, "`constraints.feeRate`"),
        ({"currency": "dollars"}, "is not an ISO 4217 currency"),
    ],
)
async def test_what_makes_no_sense_is_refused(api, variables, message):
    answer = await api.ask(PLAN, {"by": "INSTRUMENT", "targets": MEANT} | variables)
    assert message in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


CURRENCIES = """query($targets: [TargetWeightInput!], $constraints: RebalanceConstraintsInput,
    $currency: CurrencyCode) {
  viewer { portfolios { rebalance(by: CURRENCY, targets: $targets, constraints: $constraints,
      currency: $currency) {
    currency cashBefore { amount } cashAfter { amount } fees { amount } issues { reason }
    trades { side quantity amount { amount } instrument { symbol } }
    conversions { sold { amount currency } bought { amount currency } exchangeRate
                  amount { amount currency } fee { amount } }
    slices { kind key label target weightBefore weightAfter isOnTarget }
    gaps { kind key label instrument { symbol } amount { amount } hindrance } } } } }"""


async def by_currency(api, *, place=0, **variables):
    answer = await api.data(CURRENCIES, variables)
    return answer["viewer"]["portfolios"][place]["rebalance"]


def conversions(found):
    return [
        " ".join((*one["sold"].values(), *one["bought"].values())) for one in found["conversions"]
    ]


async def test_currencies_are_brought_to_their_targets_by_converting_cash(api):
    # Dollars are 600 and 150 in cash, euros 250; 100 of the cash go.
    found = await by_currency(api, targets=targets(USD=0.65, EUR=0.35))
    assert found["conversions"] == [
        {
            "sold": {"amount": "100", "currency": "USD"},
            "bought": {"amount": "80", "currency": "EUR"},
            "exchangeRate": "0.8",
            "amount": {"amount": "100", "currency": "USD"},
            "fee": {"amount": "0"},
        }
    ]
    assert (found["trades"], found["gaps"], found["issues"]) == ([], [], [])
    assert (found["cashBefore"], found["cashAfter"]) == ({"amount": "150"}, {"amount": "150"})
    assert [list(one.values()) for one in found["slices"]] == [
        ["ASSIGNED", "USD", "USD", 0.65, 0.75, 0.65, True],
        ["ASSIGNED", "EUR", "EUR", 0.35, 0.25, 0.35, True],
    ]


async def test_currencies_that_take_more_than_there_is_in_cash_take_trades(api):
    half = targets(USD=0.5, EUR=0.5)
    found = await by_currency(api, targets=half)
    # 150 in cash and 100 of ACME make 200 euros; 100 of them were invested and are again.
    assert conversions(found) == ["250 USD 200 EUR"]
    assert trades(found) == [
        ("SELL", "ACME", "1.666666666666666667", "100"),
        ("BUY", "BETA.DE", "3.2", "100"),
    ]
    assert (found["cashAfter"], found["gaps"]) == ({"amount": "150"}, [])
    less = await by_currency(api, targets=half, constraints={"sells": False})
    assert (conversions(less), less["trades"]) == (["150 USD 120 EUR"], [])
    assert gaps(less) == [("USD", "-100", "NO_SALES"), ("EUR", "100", "NO_CASH")]
    in_euros = await by_currency(api, targets=half, currency="EUR")
    assert conversions(in_euros) == ["250 USD 200 EUR"]
    assert in_euros["cashAfter"] == {"amount": "120"}


async def test_conversions_keep_to_fees_and_to_the_least(api):
    meant = targets(USD=0.65, EUR=0.35)
    terms = {"feePerTrade": "1", "feeRate": 0.01}
    found = await by_currency(api, targets=meant, constraints=terms)
    # 100 dollars less a fee of 2 are 78.40 euros, and 350 dollars were meant.
    assert conversions(found) == ["100 USD 78.4 EUR"]
    assert (found["fees"], found["cashAfter"]) == ({"amount": "2"}, {"amount": "148"})
    assert gaps(found) == [("EUR", "2", "NO_CASH")]
    small = await by_currency(api, targets=meant, constraints={"minimumTrade": "100.01"})
    assert (small["conversions"], small["trades"]) == ([], [])
    assert [one[2] for one in gaps(small)] == ["BELOW_MINIMUM"] * 2


async def test_money_that_comes_or_goes_is_in_the_currency_of_the_plan(api):
    half = targets(USD=0.5, EUR=0.5)
    more = await by_currency(api, targets=half, constraints={"cashFlow": "500"})
    assert (conversions(more), more["trades"]) == (["500 USD 400 EUR"], [])
    less = await by_currency(
        api, targets=targets(USD=0.7, EUR=0.3), constraints={"cashFlow": "-500"}
    )
    # Of 500 dollars are to be 350: 100 come from BETA.DE, and 250 for what goes from ACME.
    assert conversions(less) == ["80 EUR 100 USD"]
    assert [(side, symbol, amount) for side, symbol, _, amount in trades(less)] == [
        ("SELL", "ACME", "250"),
        ("SELL", "BETA.DE", "100"),
    ]
    assert (less["cashAfter"], less["gaps"]) == ({"amount": "0"}, [])


async def test_a_currency_without_a_rate_is_told_and_left_alone(api):
    found = await by_currency(api, targets=targets(USD=0.65, EUR=0.25, TWD=0.1))
    assert (found["conversions"], found["trades"]) == ([], [])
    assert gaps(found) == [("USD", "-100", "NO_RATE"), ("TWD", "100", "NO_RATE")]


async def test_kept_targets_of_currencies_are_taken_too(api):
    meant = {"portfolioId": api.main, "by": "CURRENCY", "targets": targets(USD=0.65, EUR=0.35)}
    assert await by_currency(api) is None
    assert (await send(api, "setAllocationTargets", meant))["userErrors"] == []
    assert conversions(await by_currency(api)) == ["100 USD 80 EUR"]


@pytest.mark.parametrize(
    ("meant", "message"),
    [
        (targets(USD=0.9), "Targets by currency are 0.9 together: cash counts, so it must be 1."),
        ([], "Targets by currency must be 1 together"),
        (
            targets(ACME=1),
            "'ACME' names nothing by CURRENCY: write a code of ISO 4217, such as EUR.",
        ),
        (targets(USD=1.2), "Must be from 0 to 1"),
    ],
)
async def test_targets_of_currencies_that_make_no_sense_are_refused(api, meant, message):
    answer = await api.ask(CURRENCIES, {"targets": meant})
    assert message in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
