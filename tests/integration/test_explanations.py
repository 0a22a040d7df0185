"""How figures explain themselves: each is worked out again by hand from what its explanation gives."""

import base64
import math
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from models.market import Actions, KnownActions, SplitEvent
from services.stored_bars import StoredHistory
from tests.conftest import NOW

PRICES = """date,symbol,close,currency
2024-03-28,ACME,100,USD
2024-04-01,ACME,110,USD
2024-04-02,ACME,99,USD
2024-04-03,ACME,120,USD
2024-06-13,ACME,130,USD
2024-03-28,EUCO,50,EUR
2024-04-01,EUCO,51,EUR
2024-04-03,EUCO,54,EUR
2024-06-13,EUCO,55,EUR
2024-04-01,INDEX,100,EUR
2024-04-02,INDEX,101,EUR
2024-04-03,INDEX,99,EUR
"""
# A dollar is 0.80 euros until April 2nd, then 1.
RATES = """Date,USD
2024-03-28,1.25
2024-04-01,1.25
2024-04-02,1.25
2024-04-03,1
2024-06-13,1
"""
APRIL = {"from": "2024-04-01", "to": "2024-04-03"}
EXPLAIN = """explain {
  inputs { name value day } steps { name value }
  days { nodes { day value inflow outflow return reason lines {
    portfolio { name } instrument { symbol } currency units price priceDay priceSource value reason
    closingPrice { id close day source currency }
    exchangeRate { base target rate rateDate source } } } }
  end: days(first: 1) { nodes { day value } } start: days(last: 1) { nodes { day value } }
  flows { totalCount nodes { day amount exchangeRate { base target rate rateDate }
    transaction { id kind cashEffects { amount currency } } } }
  transactions { totalCount nodes { id kind } }
  returns { nodes { day value benchmark } } }"""
PERFORMANCE = f"""query($range: DateRangeInput, $period: PerformancePeriod) {{ viewer {{ portfolios {{
  name performance(range: $range, period: $period) {{
    gain {{ value {EXPLAIN} }} timeWeightedReturn {{ value }} modifiedDietz {{ value }}
    annualizedMoneyWeightedReturn(force: true) {{ value explain {{ steps {{ name value }} }} }}
    attribution {{ currencyEffect {{ explain {{ days {{ totalCount }} }} }} }} }} }} }} }}"""
NODE = """query($id: ID!) { node(id: $id) { id __typename ... on Transaction { kind }
  ... on ClosingPrice { close day currency source instrument { symbol } } } }"""


@pytest.fixture
async def api(open_market, books):
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="EUR")
    cash, trade = "recordCashTransfer", "recordTrade"
    deposit = {"direction": "DEPOSIT"}
    await ledger.record(cash, main, "2024-03-28", **deposit, amount="1000")
    await ledger.record(cash, main, "2024-03-28", **deposit, amount="1000", currency="USD")
    await ledger.record(
        trade, main, "2024-03-28", symbol="ACME", side="BUY", quantity="10", price="100"
    )
    await ledger.record(
        trade, main, "2024-03-28", symbol="EUCO", side="BUY", quantity="4", price="50"
    )
    await ledger.record(cash, main, "2024-04-02", **deposit, amount="300", currency="USD")
    await ledger.record(cash, main, "2024-04-03", direction="WITHDRAWAL", amount="150")
    return started


async def performance(api, **variables):
    answer = await api.data(PERFORMANCE, variables)
    return answer["viewer"]["portfolios"][0]["performance"]


async def test_the_gain_is_what_its_lines_and_flows_make_it(api):
    found = await performance(api, range=APRIL)
    explained = found["gain"]["explain"]
    # 10 x 100 x 0.80, 4 x 50 and 800 euros; then 10 x 120, 4 x 54, 300 dollars and 650 euros.
    end, *_, start = explained["days"]["nodes"]
    assert (start["day"], start["value"]) == ("2024-03-31", 1800)
    assert (end["day"], end["value"]) == ("2024-04-03", 2366)
    flows = explained["flows"]["nodes"]
    assert [(flow["day"], flow["amount"]) for flow in flows] == [
        ("2024-04-03", -150),
        ("2024-04-02", 240),
    ]
    assert [list(flow["exchangeRate"].values()) for flow in flows] == [
        ["EUR", "EUR", "1", "2024-04-03"],
        ["USD", "EUR", "0.8", "2024-04-02"],
    ]
    gain = end["value"] - start["value"] - sum(flow["amount"] for flow in flows)
    assert found["gain"]["value"] == pytest.approx(gain) == pytest.approx(476)


async def test_each_value_is_units_times_price_times_rate_of_its_lines(api):
    found = await performance(api, range=APRIL)
    nodes = found["gain"]["explain"]["days"]["nodes"]
    for one in nodes:
        parts = [
            float(line["units"]) * float(line["price"] or 1) * float(line["exchangeRate"]["rate"])
            for line in one["lines"]
        ]
        assert parts == pytest.approx([line["value"] for line in one["lines"]])
        assert sum(parts) == pytest.approx(one["value"])
    second = nodes[1]
    assert [
        (
            line["instrument"] and line["instrument"]["symbol"],
            *(line[name] for name in ("units", "price", "priceDay")),
            *(line["exchangeRate"][name] for name in ("rate", "rateDate")),
        )
        for line in second["lines"]
    ] == [
        (None, "800", None, None, "1", "2024-04-02"),
        (None, "300", None, None, "0.8", "2024-04-02"),
        ("ACME", "10", "99", "2024-04-02", "0.8", "2024-04-02"),
        # Nothing was traded on the second: the close of the first counts.
        ("EUCO", "4", "51", "2024-04-01", "1", "2024-04-02"),
    ]


async def test_a_flow_of_a_position_tells_the_rate_of_its_money_or_of_its_units(api, books):
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    # The rate of the third still counts on the fifth; nobody has one of yen.
    delivered = {"direction": "IN", "symbol": "ACME", "quantity": "1", "price": "90"}
    await books(api).record("recordDelivery", main["id"], "2024-04-05", **delivered)
    yen = {"direction": "DEPOSIT", "amount": "7", "currency": "JPY"}
    await books(api).record("recordCashTransfer", main["id"], "2024-04-05", **yen)
    flows = """gain { explain { flows { nodes { amount kind
      exchangeRate { base target rate rateDate } } } } }"""
    answer = await api.data(f"""{{ viewer {{ portfolios {{ performance {{ {flows} }}
      positions {{ symbol performance {{ {flows} }} }} }} }} }}""")
    (found,) = answer["viewer"]["portfolios"]
    whole = found["performance"]["gain"]["explain"]["flows"]["nodes"]
    assert {"amount": None, "kind": "PLAIN", "exchangeRate": None} in whole
    acme = next(one for one in found["positions"] if one["symbol"] == "ACME")
    dollar = {"base": "USD", "target": "EUR"}
    assert acme["performance"]["gain"]["explain"]["flows"]["nodes"] == [
        # One unit at the close of the third, 120 dollars; ten bought at 100.
        {
            "amount": 120,
            "kind": "PLAIN",
            "exchangeRate": {**dollar, "rate": "1", "rateDate": "2024-04-03"},
        },
        {
            "amount": 800,
            "kind": "PLAIN",
            "exchangeRate": {**dollar, "rate": "0.8", "rateDate": "2024-03-28"},
        },
    ]


async def test_days_come_page_by_page(api):
    query = """query($range: DateRangeInput, $after: String) { viewer { portfolios { performance(
        range: $range) { gain { explain { days(first: 3, after: $after) {
          totalCount pageInfo { endCursor hasNextPage } nodes { day } } } } } } } }"""
    seen, after = [], None
    while after != "":
        answer = await api.data(query, {"range": APRIL, "after": after})
        page = answer["viewer"]["portfolios"][0]["performance"]["gain"]["explain"]["days"]
        assert page["totalCount"] == 4
        seen += [one["day"] for one in page["nodes"]]
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else ""
    assert seen == ["2024-04-03", "2024-04-02", "2024-04-01", "2024-03-31"]
    answer = (await api.post(query, {"range": APRIL, "after": "nonsense"})).json()
    assert answer["errors"][0]["message"] == "`after` is not a cursor of this list."


async def test_nothing_is_read_for_an_explanation_that_is_not_asked_for(api):
    asked = "{ viewer { portfolios { performance { gain { value %s } } } } }"
    await api.data(asked % "explain { inputs { name } }")  # prices and values are kept from now on
    counts = []
    for explained in ("", "explain { inputs { name } steps { name } }", EXPLAIN):
        before = api.services.database.statements
        await api.data(asked % explained)
        counts.append(api.services.database.statements - before)
    plain, described, whole = counts
    # The bookings of flows, a page of all with its count, instruments, portfolios, and history.
    assert described == plain
    assert whole - plain == 6


async def test_bookings_of_all_positions_are_read_at_once(api):
    asked = (
        """{ viewer { portfolios { positions { symbol performance { gain { value %s } } } } } }"""
    )
    paged = "explain { transactions(first: 5) { nodes { day: occurredAt kind } %s } }"
    await api.data(asked % "")
    counts = []
    for explained in ("", paged % "", paged % "totalCount"):
        before = api.services.database.statements
        answer = await api.data(asked % explained)
        counts.append(api.services.database.statements - before)
    (found,) = answer["viewer"]["portfolios"]
    booked = {
        one["symbol"]: one["performance"]["gain"]["explain"]["transactions"]
        for one in found["positions"]
    }
    bought = [{"day": "2024-03-28T12:00:00Z", "kind": "BUY"}]
    assert booked == {one: {"nodes": bought, "totalCount": 1} for one in ("ACME", "EUCO")}
    plain, listed, counted = counts
    # What the positions are of, and all their pages; then all counts.
    assert (listed - plain, counted - listed) == (2, 1)


async def test_pages_that_overlap_are_read_at_once_and_each_is_whole(api):
    async def read(pages):
        before = api.services.database.statements
        answer = await api.data(f"{{ viewer {{ portfolios {{ {pages} }} }} }}")
        (found,) = answer["viewer"]["portfolios"]
        kinds = {key: [one["kind"] for one in page["nodes"]] for key, page in found.items()}
        return kinds, api.services.database.statements - before

    newest = "newest: transactions(first: 2) { nodes { kind } }"
    bought = "bought: transactions(first: 9, filter: {kinds: [BUY]}) { nodes { kind } }"
    oldest = "oldest: transactions(last: 3) { nodes { kind } }"
    _, alone = await read(newest)
    kinds, together = await read(f"{newest} {bought} {oldest}")
    assert kinds == {
        "newest": ["WITHDRAWAL", "DEPOSIT"],
        "bought": ["BUY", "BUY"],
        "oldest": ["BUY", "DEPOSIT", "DEPOSIT"],
    }
    assert together == alone


async def test_a_close_of_before_a_split_counts_for_the_units_it_became(api, books):
    new = SplitEvent(
        symbol="EUCO", day=date(2024, 4, 2), new=Decimal(2), old=Decimal(1), source="vendor"
    )
    known = KnownActions(
        symbol="EUCO",
        source="vendor",
        first=date(1984, 1, 1),
        last=NOW.date(),
        checked_at=NOW,
        actions=Actions(splits=(new,)),
    )
    store = StoredHistory(api.services.database)
    await store.keep_actions(known, first=known.first, last=known.last)
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    await books(api).record(
        "recordCorporateAction",
        main["id"],
        "2024-04-02",
        kind="SPLIT",
        symbol="EUCO",
        newUnits="2",
        oldUnits="1",
    )
    nodes = (await performance(api, range=APRIL))["gain"]["explain"]["days"]["nodes"]
    (euco,) = (line for line in nodes[1]["lines"] if line["instrument"] == {"symbol": "EUCO"})
    assert (euco["units"], euco["price"], euco["value"]) == ("8", "25.5", 204)
    assert (euco["priceDay"], euco["closingPrice"]["close"]) == ("2024-04-01", "51")


async def test_bookings_and_closes_are_found_again_by_their_ids(api):
    explained = (await performance(api, range=APRIL))["gain"]["explain"]
    withdrawal, deposit = (flow["transaction"] for flow in explained["flows"]["nodes"])
    assert withdrawal["cashEffects"] == [{"amount": "-150", "currency": "EUR"}]
    assert deposit["cashEffects"] == [{"amount": "300", "currency": "USD"}]
    for booked in (withdrawal, deposit):
        node = (await api.data(NODE, {"id": booked["id"]}))["node"]
        assert (node["id"], node["kind"]) == (booked["id"], booked["kind"])
    line = explained["days"]["nodes"][1]["lines"][2]
    node = (await api.data(NODE, {"id": line["closingPrice"]["id"]}))["node"]
    assert node == {
        "id": line["closingPrice"]["id"],
        "__typename": "ClosingPrice",
        "close": "99",
        "day": "2024-04-02",
        "currency": "USD",
        "source": line["priceSource"],
        "instrument": {"symbol": "ACME"},
    }
    assert line["priceSource"] == "files"
    assert explained["transactions"]["totalCount"] == 6
    rate = line["exchangeRate"]
    query = (
        '{ exchangeRate(base: "USD", target: "EUR", on: "2024-04-02") { rate rateDate source } }'
    )
    again = (await api.data(query))["exchangeRate"]
    assert again == {name: rate[name] for name in ("rate", "rateDate", "source")}


async def test_the_time_weighted_return_links_its_days(api):
    found = await performance(api, range=APRIL)
    nodes = found["gain"]["explain"]["days"]["nodes"][::-1]
    linked = 1.0
    for before, one in pairwise(nodes):
        growth = (one["value"] + one["outflow"]) / (before["value"] + one["inflow"]) - 1
        assert one["return"] == pytest.approx(growth)
        linked *= 1 + growth
    assert found["timeWeightedReturn"]["value"] == pytest.approx(linked - 1)
    assert (nodes[0]["return"], nodes[0]["reason"]) == (None, None)


async def test_modified_dietz_weighs_each_flow_by_its_days(api):
    found = await performance(api, range=APRIL)
    # 240 came in on the second of three days, 150 went out at the end of the last.
    assert found["modifiedDietz"]["value"] == pytest.approx(476 / (1800 + 240 * 2 / 3 - 150 * 0))


async def test_the_yearly_rate_makes_all_flows_worth_nothing(api):
    found = await performance(api, range=APRIL | {"to": "2024-06-13"})
    explained = found["gain"]["explain"]
    (end,), (start,) = (explained[side]["nodes"] for side in ("end", "start"))
    begin = date.fromisoformat(start["day"])
    flows = [(0, -start["value"])]
    flows += [
        ((date.fromisoformat(flow["day"]) - begin).days, -flow["amount"])
        for flow in explained["flows"]["nodes"]
    ]
    flows.append(((date.fromisoformat(end["day"]) - begin).days, end["value"]))
    (rate, _) = (
        step["value"] for step in found["annualizedMoneyWeightedReturn"]["explain"]["steps"]
    )
    worth = math.fsum(amount * (1 + rate) ** (-days / 365) for days, amount in flows)
    assert worth == pytest.approx(0, abs=1e-6)
    assert found["annualizedMoneyWeightedReturn"]["value"] == rate


RISK = f"""query($range: DateRangeInput, $benchmark: Symbol) {{ viewer {{ portfolios {{
  risk(range: $range, benchmark: $benchmark) {{
    volatility {{ value {EXPLAIN} }} beta {{ value {EXPLAIN} }} }} }} }} }}"""


async def test_volatility_names_its_returns(api):
    answer = await api.data(RISK, {"range": APRIL, "benchmark": "INDEX"})
    found = answer["viewer"]["portfolios"][0]["risk"]
    explained = found["volatility"]["explain"]
    inputs = {part["name"]: part["value"] or part["day"] for part in explained["inputs"]}
    assert inputs["returns"] == 3
    assert (inputs["first return"], inputs["last return"]) == ("2024-04-01", "2024-04-03")
    returns = [one["value"] for one in explained["returns"]["nodes"]]
    mean = sum(returns) / 3
    variance = sum((one - mean) ** 2 for one in returns) / 2
    assert found["volatility"]["value"] == pytest.approx(math.sqrt(variance * 252))
    assert [one["return"] for one in explained["days"]["nodes"][:-1]] == pytest.approx(returns)
    assert {one["benchmark"] for one in explained["returns"]["nodes"]} == {None}
    # The index has no price before the first: the first return of both ends on the second.
    beside = found["beta"]["explain"]["returns"]["nodes"]
    assert [(one["day"], one["benchmark"]) for one in beside] == [
        ("2024-04-03", pytest.approx(99 / 101 - 1)),
        ("2024-04-02", pytest.approx(0.01)),
    ]


async def test_today_counts_at_the_current_price_which_is_no_close_yet(api):
    found = await performance(api, period="ONE_DAY")
    today, before = found["gain"]["explain"]["days"]["nodes"]
    (now,) = (line for line in today["lines"] if line["instrument"] == {"symbol": "ACME"})
    (then,) = (line for line in before["lines"] if line["instrument"] == {"symbol": "ACME"})
    assert (now["price"], now["priceDay"], now["closingPrice"]) == ("130", "2024-06-13", None)
    assert (then["price"], then["closingPrice"]["close"]) == ("130", "130")


async def test_what_has_no_price_is_named_by_its_line(api):
    found = await performance(api, range={"from": "2024-04-03", "to": "2024-04-20"})
    end = found["gain"]["explain"]["days"]["nodes"][0]
    assert (end["value"], end["return"], end["reason"]) == (None, None, "NO_PRICE")
    (euco,) = (line for line in end["lines"] if line["instrument"] == {"symbol": "EUCO"})
    assert (euco["price"], euco["value"], euco["reason"]) == (None, None, "NO_PRICE")


async def test_of_a_position_trades_are_the_flows(api, books):
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    await books(api).record(
        "recordTrade",
        main["id"],
        "2024-04-02",
        symbol="ACME",
        side="SELL",
        quantity="5",
        price="99",
    )
    explain = EXPLAIN.replace("days {", "days(first: 4) {").replace("flows {", "flows(first: 4) {")
    query = f"""query($range: DateRangeInput, $id: ID!) {{ viewer {{ portfolio(id: $id) {{ positions {{
      performance(range: $range) {{ gain {{ value {explain} }} }} }} }} }} }}"""
    answer = await api.data(query, {"range": APRIL, "id": main["id"]})
    acme = answer["viewer"]["portfolio"]["positions"][0]["performance"]["gain"]
    explained = acme["explain"]
    assert [(one["amount"], one["transaction"]["kind"]) for one in explained["flows"]["nodes"]] == [
        (pytest.approx(-495 * 0.8), "SELL")
    ]
    # 5 x 120 dollars are left of 10 x 100 at 0.80, and 396 euros.
    assert acme["value"] == pytest.approx(600 - 800 + 396)
    assert [len(one["lines"]) for one in explained["days"]["nodes"]] == [1, 1, 1, 1]
    assert [one["kind"] for one in explained["transactions"]["nodes"]] == ["SELL", "BUY"]


async def test_taxes_and_fees_that_count_as_taken_out_say_so(api, books):
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    ledger = books(api)
    await ledger.record(
        "recordIncome",
        main["id"],
        "2024-04-01",
        kind="DIVIDEND",
        symbol="EUCO",
        amount="8",
        tax="2",
    )
    await ledger.record(
        "recordTrade",
        main["id"],
        "2024-04-01",
        symbol="EUCO",
        side="SELL",
        quantity="1",
        price="51",
        fee="3",
    )
    query = """query($range: DateRangeInput!, $fees: FeePolicy!, $taxes: TaxPolicy!) { viewer {
      portfolios { performance(range: $range, feePolicy: $fees, taxPolicy: $taxes) { gain { explain {
        flows { nodes { kind amount } } } } }
        positions { performance(range: $range, feePolicy: $fees, taxPolicy: $taxes) { gain {
          explain { flows(first: 9) { nodes { kind amount } } } } } } } } }"""
    days = {"from": "2024-04-01", "to": "2024-04-01"}

    async def flows(fees, taxes):
        answer = await api.data(query, {"range": days, "fees": fees, "taxes": taxes})
        (one,) = answer["viewer"]["portfolios"]
        return [
            sorted(
                (flow["kind"], flow["amount"])
                for flow in scope["performance"]["gain"]["explain"]["flows"]["nodes"]
            )
            for scope in (one, one["positions"][1])
        ]

    plain = [("INCOME", -8), ("PLAIN", -51)]
    assert await flows("CAPITALIZE", "NET") == [[], [*plain, ("TAX", 2), ("TRADE_FEE", 3)]]
    assert await flows("EXPENSE", "GROSS") == [[("TAX", -2), ("TRADE_FEE", -3)], plain]


async def test_statistics_of_trades_name_the_bookings_that_closed_them(api, books):
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    for day, price in (("2024-04-01", "110"), ("2024-04-02", "99"), ("2024-04-03", "120")):
        await books(api).record(
            "recordTrade", main["id"], day, symbol="ACME", side="SELL", quantity="2", price=price
        )
    query = """query($after: String) { viewer { portfolios { tradeStatistics { winRate { value
      explain { inputs { name value } days { totalCount } flows { totalCount }
        transactions(first: 2, after: $after) { totalCount pageInfo { endCursor hasNextPage }
          nodes { occurredAt kind } } } } } } } }"""
    answer = await api.data(query)
    explained = answer["viewer"]["portfolios"][0]["tradeStatistics"]["winRate"]["explain"]
    assert (explained["days"], explained["flows"]) == (None, None)
    page = explained["transactions"]
    assert [one["occurredAt"][:10] for one in page["nodes"]] == ["2024-04-03", "2024-04-02"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    answer = await api.data(query, {"after": page["pageInfo"]["endCursor"]})
    explained = answer["viewer"]["portfolios"][0]["tradeStatistics"]["winRate"]["explain"]
    page = explained["transactions"]
    assert [(one["occurredAt"][:10], one["kind"]) for one in page["nodes"]] == [
        ("2024-04-01", "SELL")
    ]
    assert page["pageInfo"]["hasNextPage"] is False


@pytest.mark.parametrize("key", [0, 1, (1 << 22) + 1, (1 << 22) | date(2024, 3, 30).toordinal()])
async def test_no_other_number_is_the_id_of_a_closing_price(api, key):
    text = f"1:ClosingPrice:{key or (1 << 22) | ((1 << 22) - 1)}"
    wrong = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    assert (await api.data(NODE, {"id": wrong}))["node"] is None


async def test_both_halves_of_a_transfer_explain_the_flow_of_their_own_portfolio(api, books):
    ledger = books(api)
    (main,) = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    other = await ledger.portfolio("Other", baseCurrency="EUR")
    ends = {"fromPortfolioId": main["id"], "toPortfolioId": other}
    await ledger.record("transferUnits", None, "2024-04-02", **ends, symbol="ACME", quantity="1")
    await ledger.record("transferCash", None, "2024-04-02", **ends, amount="10")
    answer = await api.data(PERFORMANCE, {"range": APRIL})
    found = {
        one["name"]: [
            (flow["transaction"]["kind"], pytest.approx(flow["amount"]))
            for flow in one["performance"]["gain"]["explain"]["flows"]["nodes"]
            if flow["day"] == "2024-04-02"
        ]
        for one in answer["viewer"]["portfolios"]
    }
    assert sorted(found["Main"]) == [
        ("CASH_TRANSFER_OUT", -10),
        ("DEPOSIT", 240),
        ("TRANSFER_OUT", -99 * 0.8),
    ]
    assert sorted(found["Other"]) == [("CASH_TRANSFER_IN", 10), ("TRANSFER_IN", 99 * 0.8)]


async def test_each_rate_of_an_explanation_is_found_again_by_its_pair_and_day(open_market, books):
    # Nothing was published for eleven days: the rate of the 28th counts for ten of them.
    started = await open_market(
        prices=PRICES, rates="Date,USD\n2024-03-28,1.25\n2024-04-08,1\n2024-06-13,1\n"
    )
    main = await books(started).portfolio("Main", baseCurrency="EUR")
    given = {"direction": "DEPOSIT", "amount": "100", "currency": "USD", "exchangeRate": "0.8"}
    await books(started).record("recordCashTransfer", main, "2024-03-28", **given)
    found = await performance(started, range={"from": "2024-03-31", "to": "2024-04-09"})
    nodes = found["gain"]["explain"]["days"]["nodes"]
    named = {one["day"]: one["lines"][0]["exchangeRate"] for one in nodes}
    values = {one["day"]: one["value"] for one in nodes}
    assert (values["2024-04-07"], values["2024-04-08"], values["2024-04-09"]) == (80, 100, 100)
    old = {
        "base": "USD", "target": "EUR", "rate": "0.8", "rateDate": "2024-03-28", "source": "ECB"
    }  # fmt: skip
    new = old | {"rate": "1", "rateDate": "2024-04-08"}
    assert named == {
        **{day: old for day in named if day < "2024-04-08"},
        "2024-04-08": new,
        "2024-04-09": new,
    }
    again = """query($base: CurrencyCode!, $target: CurrencyCode!, $on: Date!) {
      exchangeRate(base: $base, target: $target, on: $on) { base target rate rateDate source } }"""
    for rate in (old, new):
        asked = {"base": rate["base"], "target": rate["target"], "on": rate["rateDate"]}
        assert await started.data(again, asked) == {"exchangeRate": rate}
