"""Lot methods, over HTTP: which units a sale takes, by every way to ask for a method."""

import pytest

from tests.ledger import (
    GAIN,
    LOT,
    MONEY,
    Ledger,
    combined,
    correct,
    corrections_refused,
    in_short,
)

METHODS = ("FIFO", "LIFO", "HIFO", "AVERAGE", "SPECIFIC")
# Sold: 15 at 150 of 10 at 100, 10 at 140, 10 at 120. Each method by hand:
# FIFO 10 x 100 + 5 x 140; LIFO 10 x 120 + 5 x 140; HIFO 10 x 140 + 5 x 120;
# AVERAGE 15 x 120; SPECIFIC 4 x 120 as named, then 10 x 100 + 1 x 140.
GAINS = {"FIFO": "550", "LIFO": "350", "HIFO": "250", "AVERAGE": "450", "SPECIFIC": "630"}
LOTS = {
    "FIFO": [("2024-03-04", "5", "700 USD"), ("2024-03-05", "10", "1200 USD")],
    "LIFO": [("2024-03-01", "10", "1000 USD"), ("2024-03-04", "5", "700 USD")],
    "HIFO": [("2024-03-01", "10", "1000 USD"), ("2024-03-05", "5", "600 USD")],
    "AVERAGE": [("2024-03-04", "5", "600 USD"), ("2024-03-05", "10", "1200 USD")],
    "SPECIFIC": [("2024-03-04", "9", "1260 USD"), ("2024-03-05", "6", "720 USD")],
}


@pytest.fixture
async def ledger(api):
    """Three purchases and a sale that names four units of the last one."""
    await api.sign_up("ann")
    return await three_lots_and_a_sale(await Ledger.create(api))


async def three_lots_and_a_sale(ledger):
    for day, price in (("2024-03-01", "100"), ("2024-03-04", "140"), ("2024-03-05", "120")):
        await ledger.trade("BUY", "10", price, day=day)
    last = (await ledger.position())["lots"][-1]["openedById"]
    await ledger.trade(
        "SELL", "15", "150", day="2024-04-02", lots=[{"openedById": last, "quantity": "4"}]
    )
    return ledger


def in_words(positions):
    (position,) = positions
    return position["realizedGain"], [in_short(lot) for lot in position["lots"]]


ASKED = " ".join(
    f"{method}: positions(lotMethod: {method}) {{ realizedGain {MONEY} lots {{ {LOT} }} }} "
    f"{method}_gains: realizedGains(lotMethod: {method}) "
    f"{{ totalInBaseCurrency {MONEY} nodes {{ {GAIN} }} }}"
    for method in METHODS
)


async def test_each_method_can_be_asked_for_without_changing_anything(ledger):
    seen = await ledger.see(ASKED + " version lotMethod")
    for method in METHODS:
        assert in_words(seen[method]) == (f"{GAINS[method]} USD", LOTS[method]), method
        gains = seen[f"{method}_gains"]
        assert gains["totalInBaseCurrency"] == f"{GAINS[method]} USD"
    assert (seen["version"], seen["lotMethod"]) == (4, "FIFO")


async def test_each_method_can_be_asked_for_across_all_portfolios(ledger):
    seen = await combined(ledger.api, ASKED)
    for method in METHODS:
        assert in_words(seen[method]) == (f"{GAINS[method]} USD", LOTS[method]), method
        assert seen[f"{method}_gains"]["totalInBaseCurrency"] == f"{GAINS[method]} USD"


async def test_across_portfolios_the_oldest_units_go_first_whoever_holds_them(api):
    await api.sign_up("ann")
    one, other = await Ledger.create(api), await Ledger.create(api, "Other")
    await one.trade("BUY", "10", "100", day="2024-03-01")
    await other.trade("BUY", "10", "140", day="2024-03-04")
    sold = await other.trade("SELL", "10", "150", day="2024-03-05")
    assert sold["position"]["realizedGain"] == "100 USD"
    seen = await combined(api, f"positions {{ realizedGain {MONEY} lots {{ {LOT} }} }}")
    assert in_words(seen["positions"]) == ("500 USD", [("2024-03-04", "10", "1400 USD")])


@pytest.mark.parametrize("method", METHODS)
async def test_the_portfolios_own_method_counts_for_all_its_past(ledger, method):
    answer = await ledger.api.data(
        "mutation($input: UpdatePortfolioInput!) { updatePortfolio(input: $input) "
        "{ portfolio { lotMethod } userErrors { code } } }",
        {"input": {"portfolioId": ledger.key, "lotMethod": method}},
    )
    assert answer["updatePortfolio"] == {
        "portfolio": {"lotMethod": method},
        "userErrors": [],
    }
    position = await ledger.position()
    assert in_words([position]) == (f"{GAINS[method]} USD", LOTS[method])
    overview = await ledger.overview()
    assert overview["realizedGain"] == f"{GAINS[method]} USD"
    trades = await ledger.see(
        f"trades(first: 1) {{ nodes {{ realizedGain {MONEY} "
        f"fifo: realizedGain(lotMethod: FIFO) {MONEY} }} }}"
    )
    assert trades["trades"]["nodes"] == [
        {"realizedGain": f"{GAINS[method]} USD", "fifo": "550 USD"}
    ]


async def test_a_portfolio_begins_with_the_method_it_is_created_with(api):
    await api.sign_up("ann")
    ledger = await three_lots_and_a_sale(await Ledger.create(api, lotMethod="LIFO"))
    assert in_words([await ledger.position()]) == ("350 USD", LOTS["LIFO"])


async def test_realised_gains_tell_lot_by_lot_what_was_closed(ledger):
    seen = await ledger.see(
        f"realizedGains {{ totalCount nodes {{ {GAIN} closedBy {{ kind }} }} }}"
    )
    common = {
        "closedAt": "2024-04-02T15:00:00Z",
        "instrument": {"symbol": "AAPL"},
        "closedBy": {"kind": "SELL"},
    }
    assert seen["realizedGains"] == {
        "totalCount": 2,
        "nodes": [
            {
                "quantity": "5",
                "cost": "700 USD",
                "proceeds": "750 USD",
                "gain": "50 USD",
                "gainInBaseCurrency": "50 USD",
                "openedAt": "2024-03-04T15:00:00Z",
                "holdingDays": 29,
            }
            | common,
            {
                "quantity": "10",
                "cost": "1000 USD",
                "proceeds": "1500 USD",
                "gain": "500 USD",
                "gainInBaseCurrency": "500 USD",
                "openedAt": "2024-03-01T15:00:00Z",
                "holdingDays": 32,
            }
            | common,
        ],
    }


async def test_realised_gains_can_be_asked_for_by_day(ledger):
    await ledger.trade("SELL", "1", "150", day="2024-05-02")
    seen = await ledger.see(
        'before: realizedGains(to: "2024-04-01") { totalCount } '
        'day: realizedGains(from: "2024-04-02", to: "2024-04-02") { totalCount } '
        'after: realizedGains(from: "2024-04-03") { totalCount }'
    )
    assert [seen[name]["totalCount"] for name in ("before", "day", "after")] == [0, 2, 1]


# Pages

PAGES = {
    "lots": "openedAt",
    "realizedGains": "closedAt",
}


@pytest.fixture
async def long(api):
    """Seven lots, and seven more that were sold again, the last two of each at one moment."""
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    moments = [f"2024-04-{day:02}T10:00:00Z" for day in (1, 2, 3, 4, 5, 6, 6)]
    await ledger.trade("BUY", "7", "1", "KO")
    for moment in moments:
        await ledger.trade("BUY", "1", "1", occurredAt=moment)
        await ledger.trade("SELL", "1", "2", "KO", occurredAt=moment)
    return ledger, moments[::-1]


@pytest.mark.parametrize("field", PAGES)
async def test_pages_follow_each_other_forwards_and_backwards(long, field):
    ledger, moments = long
    moment = PAGES[field]

    async def page(arguments):
        seen = await ledger.see(
            f"{field}({arguments}) {{ totalCount edges {{ cursor node {{ {moment} }} }} "
            "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"
        )
        found = seen[field]
        assert found["totalCount"] == 7
        cursors = [edge["cursor"] for edge in found["edges"]]
        assert found["pageInfo"]["startCursor"] == (cursors[0] if cursors else None)
        assert found["pageInfo"]["endCursor"] == (cursors[-1] if cursors else None)
        return [edge["node"][moment] for edge in found["edges"]], cursors, found["pageInfo"]

    everything, all_cursors, _ = await page("first: 100")
    assert everything == moments
    seen, cursors, after = [], [], ""
    for size, more in ((3, True), (3, True), (1, False)):
        times, found, info = await page(f"first: 3{after}")
        assert (len(times), info["hasNextPage"]) == (size, more)
        seen, cursors = seen + times, cursors + found
        after = f', after: "{found[-1]}"'
    assert (seen, cursors) == (moments, all_cursors)
    seen, cursors, before = [], [], ""
    for size, more in ((3, True), (3, True), (1, False)):
        times, found, info = await page(f"last: 3{before}")
        assert (len(times), info["hasPreviousPage"]) == (size, more)
        seen, cursors = times + seen, found + cursors
        before = f', before: "{found[0]}"'
    assert (seen, cursors) == (moments, all_cursors)
    assert (await page("first: 0"))[0] == []


async def test_a_cursor_of_another_list_is_refused(long):
    ledger, _ = long
    seen = await ledger.see("lots(first: 1) { pageInfo { endCursor } }")
    cursor = seen["lots"]["pageInfo"]["endCursor"]
    for arguments in (f'after: "{cursor}"', "first: 1, last: 1", "first: 101", "last: -1"):
        answer = await ledger.api.ask(
            "query($id: ID!) { viewer { portfolio(id: $id) "
            f"{{ realizedGains({arguments}) {{ totalCount }} }} }} }}",
            {"id": ledger.key},
        )
        codes = [error["extensions"]["code"] for error in answer["errors"]]
        assert codes == ["BAD_USER_INPUT"], arguments


# Lots by name


async def test_a_sale_that_names_lots_which_are_not_there_is_refused(ledger):
    first, second = (lot["openedById"] for lot in (await ledger.position())["lots"])
    other = (await ledger.trade("BUY", "10", "60", "KO"))["position"]["lots"][0]["openedById"]
    before = await ledger.see("version")

    async def refusals(*lots, quantity="5", **fields):
        given = {"side": "SELL", "symbol": "AAPL", "quantity": quantity, "price": "1"} | fields
        chosen = [{"openedById": key, "quantity": units} for key, units in lots]
        return await ledger.refused("recordTrade", lots=chosen, **{"day": "2024-05-02"} | given)

    # The sale by name left nine units of the one and six of the other.
    assert await refusals((first, "9.5"), quantity="10") == [("INVALID", "lots")]
    assert await refusals((other, "1")) == [("INVALID", "lots")]
    assert await refusals((first, "3"), (second, "3")) == [("OUT_OF_RANGE", "lots")]
    assert await refusals((first, "0")) == [("OUT_OF_RANGE", "lots")]
    assert await refusals((second, "1"), day="2024-03-04") == [("INVALID", "lots")]
    assert {code for code, _ in await refusals(("nonsense", "1"))} <= {"INVALID", "NOT_FOUND"}
    assert await refusals((ledger.key, "1")) == await refusals(("nonsense", "1"))
    assert await ledger.see("version") == before


async def test_what_a_sale_names_is_not_taken_from_it(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api, lotMethod="SPECIFIC")
    await ledger.trade("BUY", "10", "100")
    named = await ledger.trade("BUY", "10", "110", day="2024-03-04")
    key, lot = named["entry"]["id"], named["position"]["lots"][1]["openedById"]
    await ledger.trade("BUY", "10", "90", day="2024-03-05")
    chosen = [{"openedById": lot, "quantity": "10"}]
    sold = await ledger.trade("SELL", "10", "120", lots=chosen, day="2024-03-06")
    assert sold["position"]["realizedGain"] == "100 USD"

    oversold = [("OVERSOLD", "id")]
    assert await corrections_refused(api, "voidTransaction", key) == oversold
    for changes in ({"quantity": "9"}, {"symbol": "KO"}, {"occurredAt": "2024-03-07T15:00:00Z"}):
        found = await corrections_refused(api, "updateTransaction", key, **changes)
        assert found == [("OVERSOLD", "quantity")], changes
    sale = {"side": "SELL", "symbol": "AAPL", "quantity": "1", "price": "1"}
    sale["lots"] = [{"openedById": lot, "quantity": "1"}]
    assert await ledger.refused("recordTrade", day="2024-03-05", **sale) == [
        ("OVERSOLD", "quantity")
    ]

    await correct(api, "updateTransaction", sold["entry"]["id"], note="as named")
    await correct(api, "updateTransaction", key, price="105")
    # 10 x (120 - 105)
    assert (await ledger.position())["realizedGain"] == "150 USD"
    await correct(api, "voidTransaction", sold["entry"]["id"])
    await correct(api, "voidTransaction", key)
    assert await corrections_refused(api, "undoTransactionChange", sold["entry"]["id"]) == [
        ("INVALID", "id")
    ]


async def test_a_transfer_takes_the_lots_it_names(api):
    await api.sign_up("ann")
    home = await Ledger.create(api, lotMethod="SPECIFIC")
    away = await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100")
    newer = (await home.trade("BUY", "10", "120", day="2024-03-04"))["position"]["lots"][1]
    await home.record(
        "transferUnits",
        toPortfolioId=away.key,
        symbol="AAPL",
        quantity="4",
        lots=[{"openedById": newer["openedById"], "quantity": "4"}],
        day="2024-03-05",
    )
    assert await away.lots() == [("2024-03-04", "4", "480 USD")]
    assert await home.lots() == [("2024-03-01", "10", "1000 USD"), ("2024-03-04", "6", "720 USD")]


async def test_a_sale_takes_a_lot_that_came_by_the_method_of_where_it_was(api):
    await api.sign_up("ann")
    home = await Ledger.create(api, lotMethod="LIFO")
    away = await Ledger.create(api, "Away", lotMethod="SPECIFIC")
    await home.trade("BUY", "10", "100")
    await home.trade("BUY", "10", "120", day="2024-03-04")
    await home.record(
        "transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="5", day="2024-03-05"
    )
    (lot,) = (await away.position())["lots"]
    assert in_short(lot) == ("2024-03-04", "5", "600 USD")
    chosen = [{"openedById": lot["openedById"], "quantity": "2"}]
    sold = await away.trade("SELL", "2", "130", day="2024-03-06", lots=chosen)
    assert sold["position"]["realizedGain"] == "20 USD"


# What made a gain, and fees


async def test_a_gain_is_split_into_price_and_currency(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    await ledger.trade("BUY", "10", "100", "SAP.DE", exchangeRate="1.05")
    await ledger.trade("SELL", "10", "120", "SAP.DE", exchangeRate="1.1", day="2024-04-02")
    split = f"gainSplit {{ priceEffect {MONEY} currencyEffect {MONEY} total {MONEY} }}"
    seen = await ledger.see(f"realizedGains {{ nodes {{ gainInBaseCurrency {MONEY} {split} }} }}")
    # 1,200 x 1.1 - 1,000 x 1.05 = 270: (1,200 - 1,000) x 1.1 and 1,000 x (1.1 - 1.05)
    assert seen["realizedGains"]["nodes"] == [
        {
            "gainInBaseCurrency": "270 USD",
            "gainSplit": {"priceEffect": "220 USD", "currencyEffect": "50 USD", "total": "270 USD"},
        }
    ]


async def test_fees_can_be_left_out_of_cost_and_proceeds(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    await ledger.trade("BUY", "10", "100", fee="20")
    await ledger.trade("SELL", "5", "130", fee="4", tax="1", day="2024-04-02")
    seen = await ledger.see(
        " ".join(
            f"{policy}: positions(feePolicy: {policy}) "
            f"{{ costBasis {MONEY} realizedGain {MONEY} lots {{ cost {MONEY} }} }} "
            f"{policy}_lots: lots(feePolicy: {policy}) {{ nodes {{ cost {MONEY} }} }} "
            f"{policy}_gains: realizedGains(feePolicy: {policy}) "
            f"{{ nodes {{ cost {MONEY} proceeds {MONEY} gain {MONEY} }} "
            f"totalInBaseCurrency {MONEY} }}"
            for policy in ("CAPITALIZE", "EXPENSE")
        )
    )
    figures = {
        "CAPITALIZE": ("510", "510", "645", "135"),  # 5 x 130 - 5 - 1,020 / 2
        "EXPENSE": ("500", "500", "650", "150"),
    }
    for policy, (left, cost, proceeds, gain) in figures.items():
        assert seen[policy] == [
            {
                "costBasis": f"{left} USD",
                "realizedGain": f"{gain} USD",
                "lots": [{"cost": f"{left} USD"}],
            }
        ]
        assert seen[f"{policy}_lots"]["nodes"] == [{"cost": f"{left} USD"}]
        assert seen[f"{policy}_gains"] == {
            "nodes": [
                {"cost": f"{cost} USD", "proceeds": f"{proceeds} USD", "gain": f"{gain} USD"}
            ],
            "totalInBaseCurrency": f"{gain} USD",
        }
