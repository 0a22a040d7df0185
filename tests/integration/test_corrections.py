"""Correcting the ledger over HTTP: update, void, undo and history; repeating and trying out."""

from datetime import timedelta

import pytest
from sqlalchemy import inspect, text

from services.verification import verify_all
from tests.ledger import MONEY, Ledger, change, correct, corrections_refused, in_short


@pytest.fixture
async def ledger(api):
    """An empty portfolio in US dollars."""
    await api.sign_up("ann")
    return await Ledger.create(api)


async def history(api, key):
    answer = await api.data(
        "query($id: ID!) { node(id: $id) { ... on Trade { history { action changedAt changedBy "
        "undoneAt fields { field before after } } } } }",
        {"id": key},
    )
    return answer["node"]["history"]


def key_of(done):
    return done["entry"]["id"]


# Updates


async def test_an_update_changes_what_it_names_and_leaves_the_rest(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100", fee="5", note="first"))
    done = await correct(ledger.api, "updateTransaction", key, quantity="20")
    assert done["entry"]["id"] == key
    assert (done["entry"]["fee"], done["entry"]["note"]) == ("5 USD", "first")
    assert done["entry"]["cashEffect"] == "-2005 USD"
    assert done["position"]["costBasis"] == "2005 USD"
    assert done["portfolio"] == {"id": ledger.key, "version": 2, "cash": ["-2005 USD"]}


async def test_null_takes_away_and_an_amount_stands_in_for_a_price(ledger):
    bought = await ledger.trade("BUY", "10", "100", fee="5", note="first", externalId="a-1")
    done = await correct(
        ledger.api,
        "updateTransaction",
        key_of(bought),
        note=None,
        fee=None,
        externalId=None,
        amount="950",
    )
    assert (done["entry"]["note"], done["entry"]["externalId"]) == (None, None)
    assert done["entry"]["fee"] == "0 USD"
    assert done["entry"]["cashEffect"] == "-950 USD"


async def test_what_an_entry_cannot_do_without_cannot_be_taken_away(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    for name, value, wrong in (
        ("quantity", None, [("REQUIRED", "quantity")]),
        ("price", None, [("REQUIRED", "price")]),
        ("symbol", None, [("REQUIRED", "symbol")]),
        ("occurredAt", None, [("REQUIRED", "occurredAt")]),
        ("kind", None, [("REQUIRED", "kind")]),
        ("kind", "DEPOSIT", [("INVALID", "kind")]),
        ("quantity", "-1", [("OUT_OF_RANGE", "quantity")]),
        ("newUnits", "2", [("INVALID", "newUnits")]),
        ("occurredAt", "2024-06-15T00:00:00Z", [("IN_FUTURE", "occurredAt")]),
    ):
        found = await corrections_refused(ledger.api, "updateTransaction", key, **{name: value})
        assert found == wrong, name
    assert await history(ledger.api, key) == []
    assert await ledger.see("version") == {"version": 1}


async def test_the_markets_rate_is_asked_anew_when_the_day_changes(ledger):
    bought = await ledger.trade("BUY", "10", "100", "SAP.DE")
    assert bought["entry"]["exchangeRate"] == "1.0813"
    key = key_of(bought)
    moved = await correct(ledger.api, "updateTransaction", key, occurredAt="2024-04-02T15:00:00Z")
    assert moved["entry"]["exchangeRate"] == "1.0749"
    assert (await ledger.overview())["invested"] == "1074.9 USD"
    own = await correct(ledger.api, "updateTransaction", key, exchangeRate="1.2")
    assert own["entry"]["exchangeRate"] == "1.2"
    kept = await correct(ledger.api, "updateTransaction", key, occurredAt="2024-03-01T15:00:00Z")
    assert kept["entry"]["exchangeRate"] == "1.2"
    market = await correct(ledger.api, "updateTransaction", key, exchangeRate=None)
    assert market["entry"]["exchangeRate"] == "1.0813"


async def test_rates_of_ones_own_stay_when_the_day_changes_and_the_markets_do_not(ledger):
    trade = {"currency": "GBP", "exchangeRate": "1.25", "fee": "10", "feeCurrency": "CHF"}
    trade |= {"tax": "10", "taxCurrency": "CAD"}
    key = key_of(
        await ledger.trade(
            "BUY",
            "10",
            "100",
            "SAP.DE",
            instrumentExchangeRate="1.1",
            feeExchangeRate="2",
            taxExchangeRate="3",
            **trade,
        )
    )
    # 1,000 x 1.25 + 10 x 2 + 10 x 3
    assert (await ledger.overview())["invested"] == "1300 USD"
    moved = {"occurredAt": "2024-04-02T15:00:00Z"}
    done = await correct(ledger.api, "updateTransaction", key, **moved)
    assert (await ledger.overview())["invested"] == "1300 USD"
    # 1,300 / 1.1
    assert done["position"]["costBasis"] == "1181.82 EUR"
    (told,) = await history(ledger.api, key)
    assert [one["field"] for one in told["fields"]] == ["occurredAt"]

    await correct(ledger.api, "updateTransaction", key, fee="10000", feeCurrency="JPY")
    # A euro was 1.0749 dollars and 163.01 yen: 1,280 + 10,000 x 1.0749 / 163.01
    assert (await ledger.overview())["invested"] == "1345.94 USD"
    await correct(ledger.api, "updateTransaction", key, occurredAt="2024-03-01T15:00:00Z")
    # And 1.0813 dollars and 162.82 yen on that day.
    assert (await ledger.overview())["invested"] == "1346.41 USD"


async def test_a_kind_changes_within_its_type(ledger):
    await ledger.trade("BUY", "10", "100")
    key = key_of(await ledger.trade("BUY", "4", "110", day="2024-03-04"))
    done = await correct(ledger.api, "updateTransaction", key, kind="SELL")
    assert (done["entry"]["id"], done["entry"]["kind"]) == (key, "SELL")
    assert (done["position"]["quantity"], done["position"]["realizedGain"]) == ("6", "40 USD")
    fee = await ledger.record("recordCharge", kind="FEE", amount="5")
    done = await correct(ledger.api, "updateTransaction", key_of(fee), kind="TAX_REFUND")
    assert done["entry"]["cashEffect"] == "5 USD"


async def test_an_update_to_another_instrument_moves_both_positions_and_is_told(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    done = await correct(ledger.api, "updateTransaction", key, symbol="MSFT")
    assert done["position"]["symbol"] == "MSFT"
    assert (await ledger.see("positions { symbol quantity }"))["positions"] == [
        {"symbol": "MSFT", "quantity": "10"}
    ]
    (told,) = await history(ledger.api, key)
    assert told["fields"] == [{"field": "symbol", "before": "AAPL", "after": "MSFT"}]


async def test_a_correction_of_the_past_derives_all_that_came_after_anew(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    await ledger.trade("BUY", "10", "120", day="2024-03-04")
    await ledger.trade("SELL", "15", "130", day="2024-03-05")
    # 15 x 130 - 10 x 100 - 5 x 120, then with 10 x 90
    assert (await ledger.position())["realizedGain"] == "350 USD"
    done = await correct(ledger.api, "updateTransaction", key, price="90")
    assert done["position"]["realizedGain"] == "450 USD"
    # Now the newer lot is the older one: 10 x 120 + 5 x 90.
    done = await correct(ledger.api, "updateTransaction", key, occurredAt="2024-03-04T16:00:00Z")
    assert done["position"]["realizedGain"] == "300 USD"
    assert [in_short(lot) for lot in done["position"]["lots"]] == [("2024-03-04", "5", "450 USD")]


async def test_a_change_is_refused_when_a_later_sale_needs_what_was(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    await ledger.trade("SELL", "8", "110", day="2024-03-04")
    for change_of in (
        {"quantity": "7"},
        {"occurredAt": "2024-03-05T00:00:00Z"},
        {"symbol": "MSFT"},
        {"kind": "SELL"},
    ):
        found = await corrections_refused(ledger.api, "updateTransaction", key, **change_of)
        assert found == [("OVERSOLD", "quantity")], change_of
    assert await corrections_refused(ledger.api, "voidTransaction", key) == [("OVERSOLD", "id")]
    assert await ledger.see("version") == {"version": 2}
    assert await verify_all(ledger.api.services.database) == (1, [])


async def test_an_external_id_stays_unique(ledger):
    await ledger.trade("BUY", "10", "100", externalId="a-1")
    key = key_of(await ledger.trade("BUY", "10", "100", externalId="a-2"))
    found = await corrections_refused(ledger.api, "updateTransaction", key, externalId="a-1")
    assert found == [("ALREADY_EXISTS", "externalId")]
    await correct(ledger.api, "updateTransaction", key, externalId="a-2", quantity="11")


# History and undo


async def test_the_history_tells_who_did_what_and_when(ledger, clock):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    clock.now += timedelta(minutes=1)
    await correct(ledger.api, "updateTransaction", key, quantity="12", note="recounted")
    clock.now += timedelta(minutes=1)
    await correct(ledger.api, "voidTransaction", key, reason="never happened")
    updated, voided = await history(ledger.api, key)
    assert updated == {
        "action": "UPDATED",
        "changedAt": "2024-06-14T15:01:00Z",
        "changedBy": "ann",
        "undoneAt": None,
        "fields": [
            {"field": "note", "before": None, "after": "recounted"},
            {"field": "quantity", "before": "10", "after": "12"},
        ],
    }
    assert (voided["action"], voided["changedAt"]) == ("VOIDED", "2024-06-14T15:02:00Z")
    assert {one["field"]: one["after"] for one in voided["fields"]} == {
        "voidReason": "never happened",
        "voidedAt": "2024-06-14T15:02:00Z",
    }


async def test_the_history_names_lots_as_a_client_does(ledger):
    lot = (await ledger.trade("BUY", "10", "100"))["position"]["lots"][0]["openedById"]
    key = key_of(await ledger.trade("SELL", "5", "110", day="2024-03-04"))
    await correct(ledger.api, "updateTransaction", key, lots=[{"openedById": lot, "quantity": "5"}])
    (told,) = await history(ledger.api, key)
    assert told["fields"] == [{"field": "lots", "before": None, "after": f"5 of {lot}"}]


async def test_changes_are_undone_one_by_one(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    await correct(ledger.api, "updateTransaction", key, quantity="12")
    await correct(ledger.api, "updateTransaction", key, quantity="15", price="90")
    await correct(ledger.api, "voidTransaction", key)
    assert (await ledger.see("cash { amount currency }"))["cash"] == []
    seen = []
    for _ in range(3):
        done = await correct(ledger.api, "undoTransactionChange", key)
        assert done["entry"]["voidedAt"] is None
        seen.append((done["position"]["quantity"], done["portfolio"]["cash"]))
    assert seen == [("15", ["-1350 USD"]), ("12", ["-1200 USD"]), ("10", ["-1000 USD"])]
    assert done["entry"]["updatedAt"] is None
    assert await corrections_refused(ledger.api, "undoTransactionChange", key) == [
        ("NOTHING_TO_UNDO", "id")
    ]
    told = await history(ledger.api, key)
    assert [(one["action"], one["undoneAt"] is not None) for one in told] == [
        ("UPDATED", True),
        ("UPDATED", True),
        ("VOIDED", True),
        ("UNDONE", False),
        ("UNDONE", False),
        ("UNDONE", False),
    ]
    assert await verify_all(ledger.api.services.database) == (1, [])


async def test_after_an_undo_one_can_go_on_changing_and_undo_that(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    await correct(ledger.api, "updateTransaction", key, quantity="12")
    await correct(ledger.api, "undoTransactionChange", key)
    await correct(ledger.api, "updateTransaction", key, quantity="13")
    done = await correct(ledger.api, "undoTransactionChange", key)
    assert done["position"]["quantity"] == "10"
    assert await corrections_refused(ledger.api, "undoTransactionChange", key) == [
        ("NOTHING_TO_UNDO", "id")
    ]


async def test_an_undo_is_refused_when_a_later_sale_needs_what_is(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    await correct(ledger.api, "updateTransaction", key, quantity="12")
    await ledger.trade("SELL", "11", "110", day="2024-03-04")
    assert await corrections_refused(ledger.api, "undoTransactionChange", key) == [
        ("OVERSOLD", "id")
    ]
    assert (await ledger.position())["quantity"] == "1"


async def test_an_undo_does_not_bring_back_an_id_that_is_taken_since(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100", externalId="a-1"))
    await correct(ledger.api, "updateTransaction", key, externalId=None)
    await ledger.trade("BUY", "10", "100", externalId="a-1")
    assert await corrections_refused(ledger.api, "undoTransactionChange", key) == [
        ("ALREADY_EXISTS", "id")
    ]


async def test_no_correction_makes_a_split_count_twice(ledger):
    await ledger.trade("BUY", "10", "100")
    split = {"kind": "SPLIT", "symbol": "AAPL", "newUnits": "2"}
    first = key_of(await ledger.record("recordCorporateAction", day="2024-04-02", **split))
    await correct(ledger.api, "voidTransaction", first)
    await ledger.record("recordCorporateAction", day="2024-04-02", **split)
    assert await corrections_refused(ledger.api, "undoTransactionChange", first) == [
        ("ALREADY_EXISTS", "id")
    ]
    other = key_of(await ledger.record("recordCorporateAction", day="2024-04-03", **split))
    found = await corrections_refused(
        ledger.api, "updateTransaction", other, occurredAt="2024-04-02T10:00:00Z"
    )
    assert found == [("ALREADY_EXISTS", "occurredAt")]
    await correct(ledger.api, "updateTransaction", other, newUnits="3")
    assert (await ledger.position())["quantity"] == "60"
    renamed = await ledger.record(
        "recordCorporateAction",
        kind="SYMBOL_CHANGE",
        symbol="AAPL",
        relatedSymbol="NEW",
        occurredAt="2024-04-03T20:00:00Z",
    )
    found = await corrections_refused(
        ledger.api,
        "updateTransaction",
        key_of(renamed),
        kind="SPLIT",
        relatedSymbol=None,
        newUnits="2",
    )
    assert found == [("ALREADY_EXISTS", "occurredAt")]


async def test_an_undo_does_not_take_back_an_external_id_that_is_given_away(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100", externalId="a"))
    await correct(ledger.api, "updateTransaction", key, externalId="b")
    other = key_of(await ledger.trade("BUY", "1", "100", externalId="a"))
    refused = [("ALREADY_EXISTS", "id")]
    assert await corrections_refused(ledger.api, "undoTransactionChange", key) == refused
    await correct(ledger.api, "updateTransaction", other, externalId=None)
    done = await correct(ledger.api, "undoTransactionChange", key)
    assert done["entry"]["externalId"] == "a"


async def test_a_voided_entry_takes_no_update_and_cannot_be_voided_twice(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    await correct(ledger.api, "voidTransaction", key)
    for mutation, fields in (("voidTransaction", {}), ("updateTransaction", {"note": "x"})):
        found = await corrections_refused(ledger.api, mutation, key, **fields)
        assert found == [("ALREADY_VOIDED", "id")]


async def test_both_halves_of_a_transfer_are_voided_and_come_back_together(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100")
    moved = await home.record(
        "transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="4", day="2024-03-04"
    )
    found = await away.see("transactions { nodes { id } }")
    arrived = found["transactions"]["nodes"][0]["id"]
    assert await corrections_refused(api, "updateTransaction", key_of(moved), quantity="5") == [
        ("INVALID", "id")
    ]
    await correct(api, "voidTransaction", arrived)
    assert await home.lots() == [("2024-03-01", "10", "1000 USD")]
    assert (await away.see("positions { symbol }"))["positions"] == []
    assert (await away.overview())["netContributions"] == "0 USD"
    await correct(api, "undoTransactionChange", key_of(moved))
    assert await home.lots() == [("2024-03-01", "6", "600 USD")]
    assert await away.lots() == [("2024-03-01", "4", "400 USD")]
    assert await verify_all(api.services.database) == (2, [])


async def test_a_transfer_is_not_voided_when_the_units_were_sold_there(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100")
    moved = await home.record(
        "transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="4", day="2024-03-04"
    )
    await away.trade("SELL", "4", "110", day="2024-03-05")
    assert await corrections_refused(api, "voidTransaction", key_of(moved)) == [("OVERSOLD", "id")]


async def test_a_correction_of_a_purchase_reaches_the_portfolio_its_units_moved_to(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    key = key_of(await home.trade("BUY", "10", "100"))
    await home.record(
        "transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="4", day="2024-03-04"
    )
    await correct(api, "updateTransaction", key, price="90")
    assert await away.lots() == [("2024-03-01", "4", "360 USD")]
    assert (await away.overview())["netContributions"] == "360 USD"
    assert await verify_all(api.services.database) == (2, [])


async def test_no_change_reaches_an_archived_portfolio(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    bought = key_of(await home.trade("BUY", "10", "100"))
    move = {"toPortfolioId": away.key, "day": "2024-03-04"}
    moved = await home.record("transferUnits", symbol="AAPL", quantity="4", **move)
    paid = await home.record("transferCash", amount="5", **move)
    await home.trade("BUY", "10", "120", day="2024-03-05")
    assert await away.change_terms("archivePortfolio") == []
    before = await state(away), await away.see("version")
    archived = [("ARCHIVED", "id")]
    assert await corrections_refused(api, "voidTransaction", key_of(moved)) == archived
    assert await corrections_refused(api, "voidTransaction", key_of(paid)) == archived
    assert await corrections_refused(api, "voidTransaction", bought) != []
    assert await corrections_refused(api, "updateTransaction", bought, price="90") == [
        ("ARCHIVED", "")
    ]
    assert await home.change_terms(lotMethod="AVERAGE") == []
    # What does not reach it goes on.
    await home.trade("SELL", "3", "130", day="2024-03-06")
    assert (await state(away), await away.see("version")) == before
    assert await verify_all(api.services.database) == (2, [])


async def test_a_lot_method_that_reaches_an_archived_portfolio_is_refused(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100")
    await home.trade("BUY", "10", "120", day="2024-03-04")
    await home.record(
        "transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="4", day="2024-03-05"
    )
    assert await away.change_terms("archivePortfolio") == []
    assert await home.change_terms(lotMethod="LIFO") == [("ARCHIVED", "")]
    assert await away.lots() == [("2024-03-01", "4", "400 USD")]


async def test_the_entries_of_others_are_not_found(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    await ledger.api.sign_up("mallory")
    for mutation, fields in (
        ("updateTransaction", {"note": "mine"}),
        ("voidTransaction", {}),
        ("undoTransactionChange", {}),
    ):
        for dry_run in (False, True):
            for wrong in (key, "nonsense", ledger.key):
                found = await corrections_refused(
                    ledger.api, mutation, wrong, dryRun=dry_run, **fields
                )
                assert found == [("NOT_FOUND", "id")]


# Repeating


async def test_a_change_sent_again_with_its_key_happens_once(ledger):
    trade = {"side": "BUY", "symbol": "AAPL", "quantity": "10", "price": "100"}
    key = key_of(await ledger.record("recordTrade", idempotencyKey="0", **trade))
    changes = (
        ("updateTransaction", {"id": key, "quantity": "12", "idempotencyKey": "1"}),
        ("updateTransaction", {"id": key, "note": "later", "idempotencyKey": "2"}),
        ("voidTransaction", {"id": key, "idempotencyKey": "3"}),
        ("undoTransactionChange", {"id": key, "idempotencyKey": "4"}),
    )
    first = [await change(ledger.api, mutation, given) for mutation, given in changes]
    again = [await change(ledger.api, mutation, given) for mutation, given in changes]
    assert [one["replayed"] for one in first] == [False] * 4
    assert [one["replayed"] for one in again] == [True] * 4
    assert [one["userErrors"] for one in again] == [[]] * 4
    assert {key_of(one) for one in again} == {key}
    assert len(await history(ledger.api, key)) == 4
    conflict = await corrections_refused(
        ledger.api, "updateTransaction", key, quantity="13", idempotencyKey="1"
    )
    assert conflict == [("IDEMPOTENCY_CONFLICT", "idempotencyKey")]


async def test_an_update_repeated_while_the_entry_is_voided_is_still_a_repeat(ledger):
    key = key_of(await ledger.trade("BUY", "10", "100"))
    given = {"id": key, "quantity": "12", "idempotencyKey": "1"}
    await change(ledger.api, "updateTransaction", given)
    await correct(ledger.api, "voidTransaction", key)
    again = await change(ledger.api, "updateTransaction", given)
    assert (again["replayed"], again["userErrors"]) == (True, [])


async def test_transfers_sent_again_with_their_key_happen_once(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100")
    move = {"toPortfolioId": away.key, "symbol": "AAPL", "quantity": "4", "day": "2024-03-04"}
    done = [await home.record("transferUnits", idempotencyKey="1", **move) for _ in range(2)]
    assert [one["replayed"] for one in done] == [False, True]
    assert (await away.position())["quantity"] == "4"


# Trying out


async def dump(api):
    """Return every row of every table as the database has it."""
    async with api.services.database.reading() as session:
        connection = await session.connection()
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        return {
            table: sorted(map(repr, await session.execute(text(f'SELECT * FROM "{table}"'))))
            for table in sorted(tables)
        }


AT = "2024-04-02T15:00:00Z"
TRIALS = {
    "buy": ("recordTrade", {"side": "BUY", "symbol": "AAPL", "quantity": "3", "price": "110"}),
    "sell": (
        "recordTrade",
        {"side": "SELL", "symbol": "AAPL", "quantity": "12", "price": "130", "fee": "1"},
    ),
    "buy something new": (
        "recordTrade",
        {"side": "BUY", "symbol": "NEW.DE", "quantity": "3", "price": "50"},
    ),
    "income": (
        "recordIncome",
        {"kind": "DIVIDEND_REINVESTED", "symbol": "AAPL", "amount": "9", "quantity": "0.1"},
    ),
    "cash": ("recordCashTransfer", {"direction": "DEPOSIT", "amount": "70", "currency": "EUR"}),
    "charge": ("recordCharge", {"kind": "FEE", "amount": "7", "symbol": "AAPL"}),
    "delivery": ("recordDelivery", {"direction": "OUT", "symbol": "AAPL", "quantity": "10"}),
    "split": ("recordCorporateAction", {"kind": "SPLIT", "symbol": "AAPL", "newUnits": "2"}),
    "spin-off of something new": (
        "recordCorporateAction",
        {
            "kind": "SPIN_OFF",
            "symbol": "AAPL",
            "relatedSymbol": "SPUN",
            "newUnits": "1",
            "oldUnits": "3",
            "costShare": "0.25",
            "amount": "11",
        },
    ),
    "opening": ("recordOpeningBalance", {"symbol": "MSFT", "quantity": "2", "amount": "700"}),
    "transfer of units": ("transferUnits", {"symbol": "AAPL", "quantity": "12"}),
    "transfer of cash": ("transferCash", {"amount": "5"}),
    "update": ("updateTransaction", {"quantity": "11"}),
    "void": ("voidTransaction", {"reason": "x"}),
    "undo": ("undoTransactionChange", {}),
    "list": (
        "recordTransactions",
        {
            "transactions": [
                {"kind": "SELL", "symbol": "AAPL", "quantity": "1", "price": "9", "occurredAt": AT},
                {"kind": "DEPOSIT", "amount": "5", "occurredAt": AT},
                {"kind": "BUY", "symbol": "NEW", "quantity": "1", "price": "9", "occurredAt": AT},
            ]
        },
    ),
    "file": (
        "importTransactions",
        {"content": "date,type,symbol,quantity,price\n2024-04-02,buy,NEW,1,9\n"},
    ),
}


@pytest.mark.parametrize("trial", TRIALS)
async def test_a_trial_tells_what_would_be_and_writes_nothing(ledger, trial):
    api = ledger.api
    away = await Ledger.create(api, "Away", baseCurrency="EUR")
    key = key_of(await ledger.trade("BUY", "10", "100"))
    await correct(api, "updateTransaction", key, price="101")
    await ledger.trade("BUY", "10", "120", day="2024-03-04")
    mutation, fields = TRIALS[trial]
    given = {"portfolioId": ledger.key} | fields
    if mutation.startswith("transfer"):
        given = {"fromPortfolioId": ledger.key, "toPortfolioId": away.key} | fields
    if mutation in {"updateTransaction", "voidTransaction", "undoTransactionChange"}:
        given = {"id": key} | fields
    elif mutation not in {"recordTransactions", "importTransactions"}:
        given["occurredAt"] = AT
    states = {one.key: await state(one) for one in (ledger, away)}
    before = await dump(api)

    tried = await change(api, mutation, given | {"dryRun": True, "idempotencyKey": "k"})

    assert await dump(api) == before
    assert (tried["userErrors"], tried["replayed"]) == ([], False)
    assert (tried.get("entry"), tried.get("position"), tried["portfolio"]) == (None, None, None)
    reached = [ledger.key, away.key] if mutation.startswith("transfer") else [ledger.key]
    previews = tried["preview"]["portfolios"]
    assert [one["portfolio"]["id"] for one in previews] == reached
    assert_shown(previews, states, side="before", cash="cashBefore")

    done = await change(api, mutation, given | {"idempotencyKey": "k"})

    assert (done["userErrors"], done["replayed"], done["preview"]) == ([], False, None)
    states = {one.key: await state(one) for one in (ledger, away)}
    assert_shown(previews, states, side="after", cash="cashAfter")
    assert await verify_all(api.services.database) == (2, [])


async def state(ledger):
    seen = await ledger.see(
        f"cash {MONEY} positions(includeClosed: true) {{ symbol quantity costBasis {MONEY} "
        f"fees {MONEY} realizedGain {MONEY} income {MONEY} missingQuantity "
        f"lots {{ quantity cost {MONEY} fees {MONEY} openedAt }} }} "
    )
    return seen["cash"], {one["symbol"]: one for one in seen["positions"]}


def assert_shown(previews, states, *, side, cash):
    for preview in previews:
        known_cash, known = states[preview["portfolio"]["id"]]
        assert preview[cash] == known_cash
        for position in preview["positions"]:
            shown = position[side] and position[side] | {
                "lots": [
                    {name: value for name, value in lot.items() if name != "openedById"}
                    for lot in position[side]["lots"]
                ]
            }
            assert shown == known.get(position["instrument"]["symbol"])


async def test_a_trial_tells_the_gains_there_would_be(ledger):
    await ledger.trade("BUY", "10", "100")
    await ledger.trade("BUY", "10", "120", day="2024-03-04")
    await ledger.trade("SELL", "5", "110", day="2024-03-05")
    tried = await ledger.record(
        "recordTrade",
        side="SELL",
        symbol="AAPL",
        quantity="10",
        price="130",
        dryRun=True,
        day="2024-04-02",
    )
    (preview,) = tried["preview"]["portfolios"]
    (position,) = preview["positions"]
    assert [(gain["quantity"], gain["gain"]) for gain in position["realizedGains"]] == [
        ("5", "150 USD"),
        ("5", "50 USD"),
    ]
    assert (preview["cashBefore"], preview["cashAfter"]) == (["-1650 USD"], ["-350 USD"])


async def test_a_trial_is_refused_for_the_same_reasons(ledger):
    await ledger.trade("BUY", "10", "100")
    before = await dump(ledger.api)
    trade = {"side": "SELL", "symbol": "AAPL", "price": "1", "dryRun": True, "day": "2024-03-04"}
    assert await ledger.refused("recordTrade", quantity="11", **trade) == [("OVERSOLD", "quantity")]
    assert await ledger.refused("recordTrade", quantity="0", **trade) == [
        ("OUT_OF_RANGE", "quantity")
    ]
    assert await dump(ledger.api) == before
