"""Every kind of booking over HTTP: its cash, lots, gains and flows, worked out by hand."""

import pytest

from services.verification import verify_all
from tests.ledger import OVERVIEW, Ledger, combined, correct, corrections_refused, in_short

NOON = "T15:00:00Z"


@pytest.fixture
async def ledger(api):
    """An empty portfolio in US dollars."""
    await api.sign_up("ann")
    return await Ledger.create(api)


# Trades


async def test_a_purchase_costs_its_fee_and_a_sale_brings_its_proceeds_less_its_fee(ledger):
    bought = await ledger.trade("BUY", "10", "100", fee="1")
    assert bought["entry"]["kind"] == "BUY"
    assert bought["entry"]["cashEffect"] == "-1001 USD"
    sold = await ledger.trade("SELL", "4", "110", fee="1", day="2024-03-04")
    assert sold["entry"]["kind"] == "SELL"
    assert sold["entry"]["cashEffect"] == "439 USD"
    # 439 - 4 x 100.10
    assert sold["position"]["realizedGain"] == "38.6 USD"
    assert sold["position"]["costBasis"] == "600.6 USD"
    assert sold["position"]["fees"] == "0.6 USD"
    assert sold["portfolio"]["cash"] == ["-562 USD"]


async def test_units_sold_short_are_bought_back(ledger):
    short = await ledger.trade("SHORT", "5", "200", fee="1")
    assert (short["entry"]["kind"], short["entry"]["cashEffect"]) == ("SHORT", "999 USD")
    assert (short["position"]["quantity"], short["position"]["costBasis"]) == ("-5", "-999 USD")
    covered = await ledger.trade("COVER", "2", "190", tax="0.5", day="2024-03-04")
    assert (covered["entry"]["kind"], covered["entry"]["cashEffect"]) == ("COVER", "-380.5 USD")
    # 999 x 2 / 5 - 380.50
    assert covered["position"]["realizedGain"] == "19.1 USD"
    assert covered["position"]["quantity"] == "-3"
    assert covered["position"]["costBasis"] == "-599.4 USD"


async def test_no_more_is_bought_back_than_was_sold_short(ledger):
    await ledger.trade("SHORT", "5", "200")
    refused = await ledger.refused(
        "recordTrade", side="COVER", symbol="AAPL", quantity="6", price="1", day="2024-03-04"
    )
    assert refused == [("OVERSOLD", "quantity")]


async def test_a_trade_that_crosses_zero_closes_and_opens(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api, allowShort=True)
    await ledger.trade("BUY", "10", "100")
    sold = await ledger.trade("SELL", "15", "110", fee="3", day="2024-03-04")
    # 15 x 110 - 3 = 1,647: two thirds close ten units, one third is what the short brought.
    assert sold["position"]["realizedGain"] == "98 USD"
    assert [in_short(lot) for lot in sold["position"]["lots"]] == [("2024-03-04", "-5", "-549 USD")]
    bought = await ledger.trade("BUY", "8", "100", day="2024-03-05")
    # 549 - 500 more
    assert bought["position"]["realizedGain"] == "147 USD"
    assert [in_short(lot) for lot in bought["position"]["lots"]] == [("2024-03-05", "3", "300 USD")]
    gains = await ledger.see("realizedGains { nodes { quantity gain { amount currency } } }")
    assert gains["realizedGains"]["nodes"] == [
        {"quantity": "-5", "gain": "49 USD"},
        {"quantity": "10", "gain": "98 USD"},
    ]


SALE = "date,type,symbol,quantity,price\n2024-03-04,sell,AAPL,5,100\n"
"""A file may sell what its ledger does not have."""


async def test_once_shorts_are_allowed_what_was_missing_is_short(ledger):
    await ledger.record("importTransactions", content=SALE)
    assert (await ledger.position())["missingQuantity"] == "5"
    assert await ledger.change_terms(allowShort=True) == []
    position = await ledger.position()
    assert (position["quantity"], position["missingQuantity"]) == ("-5", "0")
    assert position["costBasis"] == "-500 USD"
    assert await verify_all(ledger.api.services.database) == (1, [])
    assert await ledger.change_terms(allowShort=False) == [("OVERSOLD", "allowShort")]


async def test_shorts_are_not_allowed_where_cash_was_paid_to_holders(ledger):
    await ledger.record("importTransactions", content=SALE)
    await act(ledger, "MERGER", amount="600")
    assert await ledger.change_terms(allowShort=True) == [("INVALID", "allowShort")]
    assert (await ledger.position())["missingQuantity"] == "5"


# Income


async def test_a_dividend_is_earned_before_the_tax_withheld(ledger):
    await ledger.trade("BUY", "100", "60", "KO")
    paid = await ledger.record(
        "recordIncome", kind="DIVIDEND", symbol="KO", amount="50", tax="7.5", day="2024-04-01"
    )
    assert (paid["entry"]["kind"], paid["entry"]["cashEffect"]) == ("DIVIDEND", "42.5 USD")
    assert paid["position"]["income"] == "50 USD"
    assert await ledger.overview() == {
        "cash": "-5957.5 USD",
        "invested": "6000 USD",
        "realizedGain": "0 USD",
        "income": "50 USD",
        "charges": "7.5 USD",
        "netContributions": "0 USD",
    }


async def test_a_dividend_reinvested_buys_what_is_left_after_tax(ledger):
    await ledger.trade("BUY", "100", "60", "KO")
    paid = await ledger.record(
        "recordIncome",
        kind="DIVIDEND_REINVESTED",
        symbol="KO",
        amount="60",
        tax="9",
        quantity="0.85",
        day="2024-04-01",
    )
    assert paid["entry"]["cashEffects"] == ["0 USD"]
    assert paid["position"]["income"] == "60 USD"
    assert [in_short(lot) for lot in paid["position"]["lots"]] == [
        ("2024-03-01", "100", "6000 USD"),
        ("2024-04-01", "0.85", "51 USD"),
    ]


async def test_a_dividend_reinvested_at_a_price_leaves_the_rest_in_cash(ledger):
    await ledger.trade("BUY", "100", "60", "KO")
    paid = await ledger.record(
        "recordIncome",
        kind="DIVIDEND_REINVESTED",
        symbol="KO",
        amount="130",
        tax="10",
        fee="1",
        quantity="2",
        price="58",
        day="2024-04-01",
    )
    # 130 - 10 - 1 - 2 x 58
    assert paid["entry"]["cashEffect"] == "3 USD"
    assert in_short(paid["position"]["lots"][1]) == ("2024-04-01", "2", "117 USD")


async def test_a_dividend_reinvested_is_more_than_its_fee_and_tax(ledger):
    paid = {"kind": "DIVIDEND_REINVESTED", "symbol": "KO", "amount": "10", "quantity": "1"}
    refused = await ledger.refused("recordIncome", **paid, fee="4", tax="6.01")
    assert refused == [("OUT_OF_RANGE", "amount")]
    done = await ledger.record("recordIncome", **paid, fee="4", tax="6")
    assert [in_short(lot) for lot in done["position"]["lots"]] == [("2024-03-01", "1", "4 USD")]


async def test_a_dividend_in_kind_is_income_and_cost_at_once(ledger):
    await ledger.trade("BUY", "100", "60", "KO")
    paid = await ledger.record(
        "recordIncome",
        kind="DIVIDEND_IN_KIND",
        symbol="KO",
        amount="120",
        quantity="2",
        day="2024-04-01",
    )
    assert paid["entry"]["cashEffect"] == "0 USD"
    assert paid["position"]["income"] == "120 USD"
    assert in_short(paid["position"]["lots"][1]) == ("2024-04-01", "2", "120 USD")


async def test_interest_comes_in_and_goes_out(ledger):
    earned = await ledger.record("recordIncome", kind="INTEREST", amount="10", tax="1")
    paid = await ledger.record("recordIncome", kind="INTEREST_PAID", amount="3")
    assert [one["entry"]["cashEffect"] for one in (earned, paid)] == ["9 USD", "-3 USD"]
    assert paid["position"] is None
    overview = await ledger.overview()
    assert (overview["income"], overview["charges"]) == ("7 USD", "1 USD")
    assert overview["cash"] == "6 USD"


# Cash and charges


async def test_cash_comes_in_and_goes_out(ledger):
    paid_in = await ledger.record("recordCashTransfer", direction="DEPOSIT", amount="1000", fee="2")
    taken = await ledger.record("recordCashTransfer", direction="WITHDRAWAL", amount="100")
    assert [one["entry"]["kind"] for one in (paid_in, taken)] == ["DEPOSIT", "WITHDRAWAL"]
    assert [one["entry"]["cashEffect"] for one in (paid_in, taken)] == ["998 USD", "-100 USD"]
    overview = await ledger.overview()
    assert overview["netContributions"] == "900 USD"
    assert (overview["charges"], overview["cash"]) == ("2 USD", "898 USD")


async def test_charges_and_their_refunds_add_up(ledger):
    amounts = {"FEE": "5", "FEE_REFUND": "2", "TAX": "4", "TAX_REFUND": "1"}
    done = [
        await ledger.record("recordCharge", kind=kind, amount=amount)
        for kind, amount in amounts.items()
    ]
    assert [one["entry"]["kind"] for one in done] == list(amounts)
    assert [one["entry"]["cashEffect"] for one in done] == [
        "-5 USD",
        "2 USD",
        "-4 USD",
        "1 USD",
    ]
    overview = await ledger.overview()
    assert (overview["charges"], overview["cash"]) == ("6 USD", "-6 USD")


# Units from and to elsewhere


async def test_units_come_from_elsewhere_at_their_cost_and_keep_their_day(ledger):
    done = await ledger.record(
        "recordDelivery",
        direction="IN",
        symbol="AAPL",
        quantity="10",
        price="50",
        acquiredAt="2019-05-06T00:00:00Z",
    )
    assert (done["entry"]["kind"], done["entry"]["cashEffect"]) == ("DELIVERY_IN", "0 USD")
    assert [in_short(lot) for lot in done["position"]["lots"]] == [("2019-05-06", "10", "500 USD")]
    assert (await ledger.overview())["netContributions"] == "500 USD"


async def test_units_go_elsewhere_at_cost_or_at_a_value(ledger):
    await ledger.record(
        "recordDelivery", direction="IN", symbol="AAPL", quantity="10", amount="500"
    )
    at_cost = await ledger.record(
        "recordDelivery", direction="OUT", symbol="AAPL", quantity="4", day="2024-03-04"
    )
    assert at_cost["entry"]["kind"] == "DELIVERY_OUT"
    assert at_cost["position"]["realizedGain"] == "0 USD"
    at_value = await ledger.record(
        "recordDelivery",
        direction="OUT",
        symbol="AAPL",
        quantity="2",
        amount="150",
        fee="5",
        day="2024-03-05",
    )
    # 150 - 5 - 2 x 50; the fee is paid in cash
    assert at_value["position"]["realizedGain"] == "45 USD"
    assert at_value["entry"]["cashEffect"] == "-5 USD"
    assert [in_short(lot) for lot in at_value["position"]["lots"]] == [
        ("2024-03-01", "4", "200 USD")
    ]
    # 500 - 4 x 50 - 150
    assert (await ledger.overview())["netContributions"] == "150 USD"


async def test_what_was_there_when_the_ledger_began_counts_as_paid_in(ledger):
    units = await ledger.record(
        "recordOpeningBalance",
        symbol="AAPL",
        quantity="10",
        amount="700",
        acquiredAt="2020-01-02T00:00:00Z",
    )
    cash = await ledger.record("recordOpeningBalance", amount="500")
    assert [one["entry"]["kind"] for one in (units, cash)] == ["OPENING_BALANCE"] * 2
    assert [one["entry"]["cashEffect"] for one in (units, cash)] == ["0 USD", "500 USD"]
    assert await ledger.lots() == [("2020-01-02", "10", "700 USD")]
    overview = await ledger.overview()
    assert (overview["netContributions"], overview["cash"]) == ("1200 USD", "500 USD")


# Corporate actions


async def act(ledger, kind, **fields):
    return await ledger.record(
        "recordCorporateAction", kind=kind, symbol="AAPL", day="2024-04-02", **fields
    )


async def test_a_split_makes_more_units_of_the_same_cost(ledger):
    await ledger.trade("BUY", "10", "100")
    split = await act(ledger, "SPLIT", newUnits="4")
    assert (split["entry"]["kind"], split["entry"]["cashEffect"]) == ("SPLIT", "0 USD")
    assert await ledger.lots() == [("2024-03-01", "40", "1000 USD")]


async def test_a_reverse_split_pays_cash_in_lieu_of_the_fraction(ledger):
    await ledger.trade("BUY", "10", "100")
    split = await act(ledger, "SPLIT", newUnits="1", oldUnits="4", amount="230")
    # 2.5 units at 400 each: half a unit had cost 200
    assert split["entry"]["cashEffect"] == "230 USD"
    assert split["position"]["realizedGain"] == "30 USD"
    assert await ledger.lots() == [("2024-03-01", "2", "800 USD")]


async def test_a_new_symbol_keeps_lots_and_closes_the_old_one(ledger):
    await ledger.trade("BUY", "10", "100", fee="1")
    changed = await act(ledger, "SYMBOL_CHANGE", relatedSymbol="NEW")
    assert changed["entry"]["kind"] == "SYMBOL_CHANGE"
    assert changed["position"] is None or changed["position"]["quantity"] == "0"
    new = await ledger.position("NEW")
    assert [in_short(lot) for lot in new["lots"]] == [("2024-03-01", "10", "1001 USD")]
    assert new["fees"] == "1 USD"


async def test_a_spin_off_takes_a_share_of_the_cost_along(ledger):
    await ledger.trade("BUY", "10", "100")
    spun = await act(
        ledger, "SPIN_OFF", relatedSymbol="SPUN", newUnits="1", oldUnits="2", costShare="0.2"
    )
    assert spun["entry"]["kind"] == "SPIN_OFF"
    assert await ledger.lots() == [("2024-03-01", "10", "800 USD")]
    assert await ledger.lots("SPUN") == [("2024-03-01", "5", "200 USD")]


async def test_a_spin_off_pays_cash_for_the_fraction_of_a_new_unit(ledger):
    await ledger.trade("BUY", "10", "100")
    await act(
        ledger,
        "SPIN_OFF",
        relatedSymbol="SPUN",
        newUnits="1",
        oldUnits="4",
        costShare="0.25",
        amount="70",
    )
    # 2.5 new units at 100 each: half a unit had cost 50
    assert await ledger.lots("SPUN") == [("2024-03-01", "2", "200 USD")]
    assert (await ledger.position("SPUN"))["realizedGain"] == "20 USD"


async def test_units_do_not_become_ones_in_another_currency(ledger):
    await ledger.trade("BUY", "100", "10", "VOD.L")
    action = {"symbol": "VOD.L", "relatedSymbol": "AAPL", "day": "2024-04-02"}
    for fields in (
        {"kind": "MERGER", "newUnits": "1"},
        {"kind": "SPIN_OFF", "newUnits": "1", "costShare": "0.5"},
        {"kind": "SYMBOL_CHANGE"},
    ):
        found = await ledger.refused("recordCorporateAction", **action, **fields)
        assert found == [("CURRENCY_MISMATCH", "relatedSymbol")], fields


async def test_a_merger_for_units_and_cash_realises_the_cash_part(ledger):
    await ledger.trade("BUY", "10", "100")
    merged = await act(
        ledger,
        "MERGER",
        relatedSymbol="BUYER",
        newUnits="3",
        oldUnits="2",
        amount="400",
        costShare="0.25",
    )
    assert (merged["entry"]["kind"], merged["entry"]["cashEffect"]) == ("MERGER", "400 USD")
    # 400 - 0.25 x 1,000
    assert (await ledger.position())["realizedGain"] == "150 USD"
    assert (await ledger.position())["quantity"] == "0"
    assert await ledger.lots("BUYER") == [("2024-03-01", "15", "750 USD")]


async def test_a_merger_for_cash_sells_all(ledger):
    await ledger.trade("BUY", "10", "100")
    merged = await act(ledger, "MERGER", amount="1200", fee="10")
    assert merged["entry"]["cashEffect"] == "1190 USD"
    sold = await ledger.position()
    assert (sold["quantity"], sold["realizedGain"]) == ("0", "190 USD")


async def test_cash_for_holders_is_refused_while_the_position_is_short(ledger):
    await ledger.trade("SHORT", "10", "100")
    action = {"symbol": "AAPL", "day": "2024-04-02"}
    for fields in (
        {"kind": "MERGER", "amount": "1500"},
        {"kind": "MERGER", "amount": "1", "relatedSymbol": "X", "newUnits": "1", "costShare": "0"},
        {"kind": "SPLIT", "newUnits": "1", "oldUnits": "3", "amount": "30"},
    ):
        found = await ledger.refused("recordCorporateAction", **action, **fields)
        assert found == [("INVALID", "amount")], fields
    await ledger.trade("COVER", "10", "150", day="2024-04-02")
    now = await ledger.overview()
    assert (now["cash"], now["realizedGain"]) == ("-500 USD", "-500 USD")


async def test_units_are_not_sold_short_before_cash_was_paid_for_them(ledger):
    await ledger.trade("BUY", "10", "100", day="2024-03-04")
    await act(ledger, "MERGER", amount="1200")
    short = {"side": "SHORT", "symbol": "AAPL", "quantity": "15", "price": "90"}
    assert await ledger.refused("recordTrade", **short, day="2024-03-05") == [("INVALID", "")]
    await ledger.record("recordTrade", **short, day="2024-04-03")
    assert await verify_all(ledger.api.services.database) == (1, [])


async def test_capital_paid_back_lowers_the_cost_and_is_a_gain_beyond_it(ledger):
    await ledger.trade("BUY", "10", "100")
    once = await act(ledger, "RETURN_OF_CAPITAL", amount="300")
    assert (once["entry"]["kind"], once["entry"]["cashEffect"]) == (
        "RETURN_OF_CAPITAL",
        "300 USD",
    )
    assert (once["position"]["costBasis"], once["position"]["realizedGain"]) == (
        "700 USD",
        "0 USD",
    )
    twice = await act(ledger, "RETURN_OF_CAPITAL", amount="900")
    assert (twice["position"]["costBasis"], twice["position"]["realizedGain"]) == (
        "0 USD",
        "200 USD",
    )
    assert twice["position"]["quantity"] == "10"


async def test_a_split_of_one_day_counts_once(ledger):
    await ledger.trade("BUY", "10", "100")
    await act(ledger, "SPLIT", newUnits="2")
    again = await ledger.refused(
        "recordCorporateAction", kind="SPLIT", symbol="AAPL", newUnits="2", day="2024-04-02"
    )
    assert again == [("ALREADY_EXISTS", "occurredAt")]


# Transfers


async def test_units_move_with_their_lots_and_no_gain(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100", fee="5")
    await home.trade("BUY", "10", "120", day="2024-03-04")
    moved = await home.record(
        "transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="12", day="2024-03-05"
    )
    assert (moved["entry"]["kind"], moved["entry"]["cashEffect"]) == ("TRANSFER_OUT", "0 USD")
    assert await home.lots() == [("2024-03-04", "8", "960 USD")]
    assert await away.lots() == [("2024-03-01", "10", "1005 USD"), ("2024-03-04", "2", "240 USD")]
    assert (await away.position())["fees"] == "5 USD"
    assert [entry["kind"] for entry in await entries(away)] == ["TRANSFER_IN"]
    assert (await home.overview())["netContributions"] == "-1245 USD"
    assert await away.overview() == {
        "cash": "0 USD",
        "invested": "1245 USD",
        "realizedGain": "0 USD",
        "income": "0 USD",
        "charges": "0 USD",
        "netContributions": "1245 USD",
    }
    both = await combined(api, f"overview {{ {OVERVIEW} }} positions {{ symbol quantity }}")
    assert both["positions"] == [{"symbol": "AAPL", "quantity": "20"}]
    assert both["overview"] == {
        "cash": "-2205 USD",
        "invested": "2205 USD",
        "realizedGain": "0 USD",
        "income": "0 USD",
        "charges": "0 USD",
        "netContributions": "0 USD",
    }


async def test_a_sale_after_a_transfer_knows_what_the_units_cost(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100", fee="5")
    await home.record(
        "transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="10", day="2024-03-05"
    )
    sold = await away.trade("SELL", "10", "130", day="2024-03-06")
    assert sold["position"]["realizedGain"] == "295 USD"
    gains = await combined(api, "realizedGains { totalInBaseCurrency { amount currency } }")
    assert gains["realizedGains"]["totalInBaseCurrency"] == "295 USD"


async def test_cash_moves_between_portfolios_and_is_no_flow_of_both(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away", baseCurrency="EUR")
    await home.record("recordCashTransfer", direction="DEPOSIT", amount="1000")
    moved = await home.record("transferCash", toPortfolioId=away.key, amount="300")
    assert (moved["entry"]["kind"], moved["entry"]["cashEffect"]) == (
        "CASH_TRANSFER_OUT",
        "-300 USD",
    )
    assert [entry["kind"] for entry in await entries(away)] == ["CASH_TRANSFER_IN"]
    assert (await home.overview())["netContributions"] == "700 USD"
    # The ECB's rate of the day is 1.0813 dollars a euro.
    assert (await away.overview())["netContributions"] == "277.44 EUR"
    both = await combined(api, f"cash {{ amount currency }} overview {{ {OVERVIEW} }}")
    assert both["cash"] == ["1000 USD"]
    assert both["overview"]["netContributions"] == "1000 USD"


async def test_units_move_to_a_portfolio_in_another_currency_at_the_rates_of_their_days(api):
    await api.sign_up("ann")
    home = await Ledger.create(api, baseCurrency="EUR")
    away = await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100", "SAP.DE", day="2024-03-01")
    await home.trade("BUY", "10", "110", "SAP.DE", day="2024-04-02")
    await home.record(
        "transferUnits", toPortfolioId=away.key, symbol="SAP.DE", quantity="15", day="2024-05-02"
    )
    assert await away.lots("SAP.DE") == [
        ("2024-03-01", "10", "1000 EUR"),
        ("2024-04-02", "5", "550 EUR"),
    ]
    overview = await away.overview()
    # 1,000 x 1.0813 + 550 x 1.0749 = 1,081.30 + 591.195
    assert overview["invested"] == "1672.5 USD"
    assert overview["netContributions"] == "1672.5 USD"
    assert (await home.overview())["netContributions"] == "-1550 EUR"
    both = await combined(api, f"overview {{ {OVERVIEW} }}")
    # 1,000 x 1.0813 + 1,100 x 1.0749
    assert both["overview"]["invested"] == "2263.69 USD"
    assert both["overview"]["netContributions"] == "0 USD"


async def test_a_transfer_of_the_past_knows_the_rates_of_lots_that_are_sold_by_now(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away", baseCurrency="EUR")
    await home.trade("BUY", "10", "100", day="2024-01-05")
    await home.trade("BUY", "10", "100", day="2024-01-10")
    await home.trade("SELL", "10", "110", day="2024-03-01")
    await home.record(
        "transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="10", day="2024-02-01"
    )
    assert await away.lots() == [("2024-01-05", "10", "1000 USD")]
    # A euro was 1.0921 dollars on the day of that purchase.
    assert (await away.overview())["invested"] == "915.67 EUR"


async def test_a_transfer_needs_two_portfolios_of_ones_own_and_units_that_are_there(api):
    await api.sign_up("mallory")
    strange = await Ledger.create(api, "Strange")
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100")
    move = {"symbol": "AAPL", "quantity": "11", "day": "2024-03-05"}
    for target, codes in (
        (away, [("OVERSOLD", "quantity")]),
        (home, [("INVALID", "toPortfolioId")]),
        (strange, [("NOT_FOUND", "toPortfolioId")]),
    ):
        assert await home.refused("transferUnits", toPortfolioId=target.key, **move) == codes
    assert await entries(away) == []


async def test_an_archived_portfolio_gives_and_takes_no_units_or_cash(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    key = (await home.trade("BUY", "10", "100"))["entry"]["id"]
    units = {"toPortfolioId": away.key, "symbol": "AAPL", "quantity": "1", "day": "2024-04-02"}
    cash = {"toPortfolioId": away.key, "amount": "1"}
    for ledger, name in ((away, "toPortfolioId"), (home, "fromPortfolioId")):
        await api.data(
            "mutation($input: ArchivePortfolioInput!) { archivePortfolio(input: $input) "
            "{ replayed } }",
            {"input": {"portfolioId": ledger.key}},
        )
        assert await home.refused("transferUnits", **units) == [("ARCHIVED", name)]
        assert await home.refused("transferCash", **cash) == [("ARCHIVED", name)]
    for mutation in ("voidTransaction", "updateTransaction", "undoTransactionChange"):
        assert await corrections_refused(api, mutation, key) == [("ARCHIVED", "id")]


# Currencies


async def test_a_fee_in_a_third_currency_leaves_its_own_cash_and_is_part_of_the_cost(ledger):
    bought = await ledger.trade(
        "BUY",
        "10",
        "100",
        "SAP.DE",
        exchangeRate="1.1",
        fee="11",
        feeCurrency="CHF",
        feeExchangeRate="1.2",
    )
    assert bought["entry"]["cashEffects"] == ["-1000 EUR", "-11 CHF"]
    assert bought["entry"]["fee"] == "11 CHF"
    # 11 x 1.2 / 1.1 = 12 euros
    assert bought["position"]["costBasis"] == "1012 EUR"
    assert bought["position"]["fees"] == "12 EUR"
    # 1,000 x 1.1 + 11 x 1.2
    assert (await ledger.overview())["invested"] == "1113.2 USD"


async def test_prices_in_pence_become_pounds(ledger):
    bought = await ledger.trade(
        "BUY", "1000", "75", "VOD.L", currency="GBp", exchangeRate="0.0125", fee="500"
    )
    assert bought["entry"]["cashEffects"] == ["-755 GBP"]
    assert bought["entry"]["exchangeRate"] == "1.25"
    assert bought["position"]["costBasis"] == "755 GBP"
    # 755 x 1.25
    assert (await ledger.overview())["invested"] == "943.75 USD"


async def test_fees_and_taxes_in_pence_bring_rates_for_pence(ledger):
    bought = await ledger.trade(
        "BUY",
        "10",
        "100",
        "SAP.DE",
        exchangeRate="1.25",
        fee="500",
        feeCurrency="GBp",
        feeExchangeRate="0.0125",
        tax="100",
        taxCurrency="GBX",
        taxExchangeRate="0.0125",
    )
    assert bought["entry"]["cashEffects"] == ["-1000 EUR", "-6 GBP"]
    # 6 pounds at 1.25 dollars are 6 euros at 1.25 dollars.
    assert bought["position"]["fees"] == "6 EUR"
    assert (await ledger.overview())["invested"] == "1257.5 USD"


async def test_a_price_in_pence_has_no_more_decimals_than_one_in_pounds(ledger):
    trade = {"symbol": "VOD.L", "side": "BUY", "quantity": "1", "currency": "GBp"}
    assert await ledger.refused("recordTrade", price="75.12345678901234567", **trade) == [
        ("OUT_OF_RANGE", "price")
    ]
    done = await ledger.record("recordTrade", price="75.1234567890123456", **trade)
    assert done["position"]["lots"][0]["cost"] == "0.75 GBP"


async def test_a_trade_in_another_currency_than_the_instruments_by_its_own_rates(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api, baseCurrency="EUR")
    bought = await ledger.trade(
        "BUY",
        "10",
        "46",
        currency="GBP",
        exchangeRate="1.15",
        instrumentExchangeRate="0.92",
    )
    assert bought["entry"]["cashEffects"] == ["-460 GBP"]
    # 460 x 1.15 = 529 euros, which are 529 / 0.92 = 575 dollars
    assert bought["position"]["costBasis"] == "575 USD"
    assert (await ledger.overview())["invested"] == "529 EUR"


async def test_a_fee_and_a_tax_in_one_currency_have_each_its_own_rate(ledger):
    trade = {"exchangeRate": "1.1", "fee": "11", "tax": "22"}
    trade |= {"feeCurrency": "CHF", "taxCurrency": "CHF", "feeExchangeRate": "1.2"}
    bought = await ledger.trade("BUY", "10", "100", "SAP.DE", taxExchangeRate="1.3", **trade)
    assert bought["entry"]["cashEffects"] == ["-1000 EUR", "-33 CHF"]
    # 1,000 + 11 x 1.2 / 1.1 + 22 x 1.3 / 1.1
    assert bought["position"]["costBasis"] == "1038 EUR"
    # 1,000 x 1.1 + 11 x 1.2 + 22 x 1.3
    assert (await ledger.overview())["invested"] == "1141.8 USD"
    await correct(ledger.api, "voidTransaction", bought["entry"]["id"])
    await ledger.trade("BUY", "10", "100", "SAP.DE", **trade)
    # The tax at the market's rate of the day: 22 x 1.0813 / 0.9582
    assert (await ledger.overview())["invested"] == "1138.03 USD"


async def test_a_fee_in_the_instruments_currency_has_a_rate_of_its_own(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api, baseCurrency="EUR")
    bought = await ledger.trade(
        "BUY",
        "10",
        "46",
        currency="GBP",
        exchangeRate="1.15",
        fee="10",
        feeCurrency="USD",
        feeExchangeRate="0.95",
    )
    assert bought["entry"]["cashEffects"] == ["-460 GBP", "-10 USD"]
    # 460 x 1.15 + 10 x 0.95
    assert (await ledger.overview())["invested"] == "538.5 EUR"
    # 529 x 1.0813 + 10
    assert bought["position"]["costBasis"] == "582.01 USD"


async def test_cash_may_be_settled_in_the_base_currency(ledger):
    bought = await ledger.trade(
        "BUY", "10", "100", "SAP.DE", exchangeRate="1.08", fee="10", settlementCurrency="USD"
    )
    assert bought["entry"]["cashEffects"] == ["-1090.8 USD"]
    assert bought["position"]["costBasis"] == "1010 EUR"
    assert bought["portfolio"]["cash"] == ["-1090.8 USD"]
    refused = await ledger.refused(
        "recordTrade",
        symbol="SAP.DE",
        side="BUY",
        quantity="1",
        price="1",
        settlementCurrency="CHF",
    )
    assert refused == [("CURRENCY_MISMATCH", "settlementCurrency")]


async def test_the_bookings_own_rate_beats_the_markets(ledger):
    market = await ledger.trade("BUY", "10", "100", "SAP.DE")
    own = await ledger.trade("BUY", "10", "100", "SAP.DE", exchangeRate="1.1")
    assert [one["entry"]["exchangeRate"] for one in (market, own)] == ["1.0813", "1.1"]
    # 1,081.30 + 1,100
    assert (await ledger.overview())["invested"] == "2181.3 USD"


async def test_a_currency_without_a_rate_must_bring_its_own_where_it_matters(ledger):
    trade = {
        "side": "BUY",
        "symbol": "SAP.DE",
        "quantity": "10",
        "price": "100",
        "day": "1990-03-01",
    }
    assert await ledger.refused("recordTrade", settlementCurrency="USD", **trade) == [
        ("NO_RATE", "exchangeRate")
    ]
    done = await ledger.record("recordTrade", **trade)
    assert (done["entry"]["exchangeRate"], done["position"]["costBasis"]) == (None, "1000 EUR")
    assert (await ledger.overview())["invested"] is None


async def entries(ledger):
    found = await ledger.see("transactions(first: 100) { nodes { id kind externalId } }")
    return found["transactions"]["nodes"]
