"""Many entries at once over HTTP: lists, files, uploads, and exports that come back the same."""

import json

import pytest
from sqlalchemy import update
from sqlmodel import col

from models.instruments import Instrument
from services.verification import stored_figures, verify_all
from tests.ledger import GAIN, MONEY, Ledger, all_sorts, flat

KINDS = 29


@pytest.fixture
async def ledger(api):
    """An empty portfolio in US dollars."""
    await api.sign_up("ann")
    return await Ledger.create(api)


def entry(kind, day="2024-03-01", **fields):
    return {"kind": kind, "occurredAt": f"{day}T15:00:00Z"} | fields


def fates(done):
    return [outcome["fate"] for outcome in done["outcomes"]]


def mistakes(done):
    return {
        outcome["line"]: [
            (error["code"], ".".join(error["field"])) for error in outcome["userErrors"]
        ]
        for outcome in done["outcomes"]
        if outcome["userErrors"]
    }


# Lists


async def test_a_list_is_booked_as_a_whole_in_any_order(ledger):
    done = await ledger.record(
        "recordTransactions",
        transactions=[
            entry("SELL", "2024-03-04", symbol="AAPL", quantity="4", price="110"),
            entry("BUY", symbol="AAPL", quantity="10", price="100"),
            entry("DEPOSIT", amount="1000"),
        ],
    )
    assert [(one["line"], one["fate"], one["transaction"]["kind"]) for one in done["outcomes"]] == [
        (1, "ADDED", "SELL"),
        (2, "ADDED", "BUY"),
        (3, "ADDED", "DEPOSIT"),
    ]
    assert done["counts"] == [{"fate": "ADDED", "count": 3}]
    assert done["portfolio"] == {"id": ledger.key, "version": 1, "cash": ["440 USD"]}
    assert (await ledger.position())["realizedGain"] == "40 USD"


async def test_one_wrong_row_holds_all_others_back_and_says_why(ledger):
    done = await ledger.try_to(
        "recordTransactions",
        transactions=[
            entry("BUY", symbol="AAPL", quantity="10", price="100"),
            entry("BUY", symbol="AAPL", quantity="0", price="-1"),
            entry("SPLIT", symbol="AAPL"),
            entry("BUY", symbol="AAPL", quantity="1", price="1", settlementCurrency="CHF"),
        ],
    )
    assert fates(done) == ["HELD_BACK", "REFUSED", "REFUSED", "REFUSED"]
    assert mistakes(done) == {
        2: [("OUT_OF_RANGE", "quantity"), ("OUT_OF_RANGE", "price")],
        3: [("REQUIRED", "newUnits")],
        4: [("CURRENCY_MISMATCH", "settlementCurrency")],
    }
    assert done["counts"] == [
        {"fate": "REFUSED", "count": 3},
        {"fate": "HELD_BACK", "count": 1},
    ]
    assert (done["portfolio"], done["userErrors"]) == (None, [])
    assert await ledger.see("version transactions { totalCount }") == {
        "version": 0,
        "transactions": {"totalCount": 0},
    }


async def test_a_row_that_sells_too_much_is_the_one_that_is_refused(ledger):
    done = await ledger.try_to(
        "recordTransactions",
        transactions=[
            entry("BUY", symbol="AAPL", quantity="10", price="100"),
            entry("SELL", "2024-03-04", symbol="AAPL", quantity="11", price="100"),
            entry("DEPOSIT", amount="5"),
        ],
    )
    assert fates(done) == ["HELD_BACK", "REFUSED", "HELD_BACK"]
    assert mistakes(done) == {2: [("OVERSOLD", "quantity")]}


async def test_rows_whose_id_is_known_are_left_alone(ledger):
    rows = [
        entry("DEPOSIT", amount="1", externalId="a"),
        entry("DEPOSIT", amount="2", externalId="b"),
    ]
    await ledger.record("recordTransactions", transactions=rows[:1])
    done = await ledger.record(
        "recordTransactions", transactions=[*rows, entry("DEPOSIT", amount="4", externalId="b")]
    )
    assert fates(done) == ["KNOWN", "ADDED", "KNOWN"]
    assert done["portfolio"]["cash"] == ["3 USD"]


async def test_a_list_has_one_to_a_thousand_entries(ledger):
    row = entry("DEPOSIT", amount="1")
    for rows in ([], [row] * 1001):
        assert await ledger.refused("recordTransactions", transactions=rows) == [
            ("OUT_OF_RANGE", "transactions")
        ]
    done = await ledger.record("recordTransactions", transactions=[row] * 1000)
    assert (len(done["outcomes"]), done["portfolio"]["cash"]) == (1000, ["1000 USD"])


async def test_a_list_sent_again_with_its_key_is_booked_once(ledger):
    rows = [entry("DEPOSIT", amount="1"), entry("DEPOSIT", amount="1")]
    done = [
        await ledger.record("recordTransactions", transactions=rows, idempotencyKey="k")
        for _ in range(2)
    ]
    assert [one["replayed"] for one in done] == [False, True]
    assert [one["portfolio"]["cash"] for one in done] == [["2 USD"]] * 2


async def test_lists_and_files_go_into_ones_own_portfolio_only(ledger):
    await ledger.api.sign_up("mallory")
    rows = [entry("DEPOSIT", amount="1")]
    wrong = [("NOT_FOUND", "portfolioId")]
    assert await ledger.refused("recordTransactions", transactions=rows) == wrong
    assert await ledger.refused("importTransactions", content=DEPOSITS) == wrong


# Files

DEPOSITS = "date,type,amount\n2024-03-01,deposit,10\n2024-03-01,deposit,10\n"


async def test_two_equal_rows_are_two_bookings_and_known_the_next_time(ledger):
    first = await ledger.record("importTransactions", content=DEPOSITS)
    assert (fates(first), first["portfolio"]["cash"]) == (["ADDED"] * 2, ["20 USD"])
    again = await ledger.record("importTransactions", content=DEPOSITS)
    assert (fates(again), again["portfolio"]["cash"]) == (["KNOWN"] * 2, ["20 USD"])
    third = await ledger.record("importTransactions", content=DEPOSITS + "2024-03-01,deposit,10\n")
    assert fates(third) == ["KNOWN", "KNOWN", "ADDED"]
    assert third["portfolio"] == {"id": ledger.key, "version": 2, "cash": ["30 USD"]}


async def test_rows_are_known_by_their_id(ledger):
    text = "id,date,type,amount\n{},2024-03-01,deposit,10\n"
    await ledger.record("importTransactions", content=text.format("x"))
    done = await ledger.record(
        "importTransactions", content=text.format("x") + "y,2024-03-01,deposit,1\n"
    )
    assert (fates(done), done["portfolio"]["cash"]) == (["KNOWN", "ADDED"], ["11 USD"])


BROKEN = "date,type,amount\n2024-03-01,deposit,10\n2024-03-01,deposit,ten\n2024-03-01,gift,1\n"


async def test_a_broken_row_holds_the_file_back_unless_it_may_be_skipped(ledger):
    done = await ledger.try_to("importTransactions", content=BROKEN)
    assert fates(done) == ["HELD_BACK", "REFUSED", "REFUSED"]
    assert mistakes(done) == {3: [("INVALID", "amount")], 4: [("INVALID", "type")]}
    assert done["portfolio"] is None
    done = await ledger.record("importTransactions", content=BROKEN, skipRefused=True)
    assert fates(done) == ["ADDED", "REFUSED", "REFUSED"]
    assert done["portfolio"]["cash"] == ["10 USD"]


async def test_a_split_that_counts_already_is_known_and_another_one_of_that_day_is_refused(ledger):
    split = "2024-03-02,split,AAPL,,,2\n"
    content = f"date,type,symbol,quantity,price,new_units\n2024-03-01,buy,AAPL,1,1,\n{split}{split}"
    done = await ledger.record("importTransactions", content=content)
    assert fates(done) == ["ADDED", "ADDED", "KNOWN"]
    assert (await ledger.position())["quantity"] == "2"
    rows = [
        entry("SPLIT", "2024-03-02", symbol="AAPL", newUnits="3"),
        entry("DEPOSIT", amount="1"),
    ]
    done = await ledger.try_to("recordTransactions", transactions=rows)
    assert fates(done) == ["REFUSED", "HELD_BACK"]
    assert mistakes(done) == {1: [("ALREADY_EXISTS", "occurredAt")]}


LOTS = """id,date,type,symbol,quantity,price,lots
a,2024-03-01,buy,AAPL,5,1,
b,2024-03-02,sell,AAPL,1,1,"[[""x"",""1""]]"
c,2024-03-02,sell,AAPL,1,1,"[[""y"",""1""]]"
d,2024-03-03,sell,AAPL,9,1,"[[""a"",""3""],[""a"",""3""]]"
e,2024-03-04,sell,AAPL,1,1,
"""


async def test_rows_that_name_lots_which_are_not_there_are_refused(ledger):
    done = await ledger.try_to("importTransactions", content=LOTS)
    assert fates(done) == ["HELD_BACK", "REFUSED", "REFUSED", "HELD_BACK", "HELD_BACK"]
    assert mistakes(done) == {3: [("NOT_FOUND", "lots")], 4: [("NOT_FOUND", "lots")]}
    done = await ledger.record("importTransactions", content=LOTS, skipRefused=True)
    assert fates(done) == ["ADDED", "REFUSED", "REFUSED", "REFUSED", "ADDED"]
    assert mistakes(done)[5] == [("INVALID", "lots")]
    # Twice three are six of the five that there are.
    assert (await ledger.position())["quantity"] == "4"
    assert await verify_all(ledger.api.services.database) == (1, [])


async def test_a_trial_of_a_file_with_refused_rows_tells_what_the_good_ones_would_do(ledger):
    done = await ledger.record("importTransactions", content=LOTS, skipRefused=True, dryRun=True)
    assert fates(done) == ["ADDED", "REFUSED", "REFUSED", "REFUSED", "ADDED"]
    (preview,) = done["preview"]["portfolios"]
    assert preview["positions"][0]["after"]["quantity"] == "4"
    assert await ledger.see("version") == {"version": 0}


async def test_columns_of_any_table_can_be_named(ledger):
    content = "When;What;Euros\n2024-03-01;deposit;10\n"
    mapping = [
        {"field": "date", "column": "When"},
        {"field": "type", "column": "What"},
        {"field": "amount", "column": "Euros"},
        {"field": "currency", "value": "EUR"},
    ]
    done = await ledger.record("importTransactions", content=content, mapping=mapping)
    assert done["portfolio"]["cash"] == ["10 EUR"]
    for wrong in ({"field": "amount"}, {"field": "amount", "column": "a", "value": "b"}):
        assert await ledger.refused("importTransactions", content=content, mapping=[wrong]) == [
            ("REQUIRED", "mapping.0")
        ]


async def test_a_file_that_cannot_be_used_is_refused_as_a_whole(ledger):
    for given, wrong in (
        ({}, ("REQUIRED", "file")),
        ({"content": ""}, ("INVALID", "file")),
        ({"content": "nothing,we,know\n1,2,3\n"}, ("INVALID", "file")),
        ({"content": DEPOSITS, "format": "no such format"}, ("INVALID", "file")),
    ):
        assert await ledger.refused("importTransactions", **given) == [wrong]


async def test_a_sale_without_its_purchase_is_imported_with_what_is_missing(ledger):
    text = "date,type,symbol,quantity,price\n2024-03-01,sell,AAPL,3,40\n"
    done = await ledger.record("importTransactions", content=text)
    assert fates(done) == ["ADDED"]
    position = await ledger.position()
    assert (position["missingQuantity"], position["realizedGain"]) == ("3", None)


# Uploads

IMPORT = (
    "mutation($input: ImportTransactionsInput!) { importTransactions(input: $input) "
    "{ format counts { fate count } portfolio { cash { amount currency } } "
    "userErrors { code field } } }"
)


async def upload(ledger, *, operations=None, map_=None, files=None, **headers):
    variables = {"input": {"portfolioId": ledger.key, "file": None}}
    form = {
        "operations": operations
        if operations is not None
        else json.dumps({"query": IMPORT, "variables": variables}),
        "map": map_ if map_ is not None else json.dumps({"0": ["variables.input.file"]}),
    }
    return await ledger.api.client.post(
        "/graphql",
        data={name: value for name, value in form.items() if value},
        files={"0": ("d.csv", DEPOSITS.encode(), "text/csv")} if files is None else files,
        headers=ledger.api.headers | headers,
    )


async def test_a_file_is_sent_in_a_multipart_request(ledger):
    response = await upload(ledger)
    assert response.status_code == 200
    assert flat(response.json()["data"]["importTransactions"]) == {
        "format": "folioql",
        "counts": [{"fate": "ADDED", "count": 2}],
        "portfolio": {"cash": ["20 USD"]},
        "userErrors": [],
    }


FILE = ("d.csv", DEPOSITS.encode(), "text/csv")
OPERATION = json.dumps({"query": IMPORT, "variables": {"input": {"file": None}}})

LISTED = json.dumps({"query": IMPORT, "variables": {"files": [None]}})


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"map_": ""}, "The form has no field `map`."),
        ({"map_": "{"}, "`map`: This is not JSON"),
        ({"map_": "[]"}, "`operations` and `map` must be JSON objects."),
        ({"operations": "{"}, "`operations`: This is not JSON"),
        ({"operations": f"[{OPERATION}]"}, "`operations` and `map` must be JSON objects."),
        ({"map_": '{"0": ["variables.input.files"]}'}, "`map` leads to no null"),
        ({"map_": '{"0": ["variables.input.portfolioId"]}'}, "`map` leads to no null"),
        ({"map_": '{"0": ["query"]}'}, "`map` leads to no null"),
        ({"map_": '{"0": [7]}'}, "`map` leads to no null"),
        ({"map_": '{"0": ["variables.input.file", "variables.input.file"]}'}, "leads to no null"),
        ({"map_": '{"0": "variables.input.file"}'}, "`map` names no file: '0'."),
        ({"map_": '{"1": ["variables.input.file"]}'}, "`map` names no file: '1'."),
        ({"map_": '{"0": ["variables.files.-1"]}', "operations": LISTED}, "`map` leads to no null"),
        ({"map_": '{"0": [], "0": ["variables.input.file"]}'}, "`map`: The request has `0` twice."),
        ({"operations": '{"query": "{ a }", "query": "{ b }"}'}, "has `query` twice."),
        ({"operations": [OPERATION, OPERATION]}, "The form has `operations` twice."),
        ({"files": {str(number): FILE for number in range(11)}}, "Too many files."),
    ],
)
async def test_an_odd_multipart_request_is_refused_and_books_nothing(ledger, odd, message):
    response = await upload(ledger, **odd)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert message in error["message"]
    assert error["extensions"] == {"code": "BAD_REQUEST"}
    assert await ledger.see("version") == {"version": 0}


async def test_an_upload_needs_a_user_and_must_not_be_too_large(ledger):
    large = await upload(ledger, **{"content-length": "50000001"})
    assert (large.status_code, large.json()["errors"][0]["extensions"]) == (
        413,
        {"code": "BODY_TOO_LARGE"},
    )
    anonymous = await upload(ledger, authorization="")
    assert (anonymous.status_code, anonymous.json()["errors"][0]["extensions"]) == (
        401,
        {"code": "UNAUTHENTICATED"},
    )


async def test_a_file_that_is_no_text_of_a_known_format_is_refused(ledger):
    for content in (b"\x00\xff\xfe" * 9, b"%PDF-1.7", b""):
        response = await upload(ledger, files={"0": ("d.csv", content, "text/csv")})
        assert response.json()["data"]["importTransactions"]["userErrors"] == [
            {"code": "INVALID", "field": ["file"]}
        ]


async def test_a_file_cannot_be_written_as_text_in_its_place(ledger):
    answer = await ledger.api.ask(
        IMPORT, {"input": {"portfolioId": ledger.key, "file": "date,type"}}
    )
    assert "multipart" in answer["errors"][0]["message"]


# Exports

FIGURES = (
    f"overview {{ currency value {MONEY} cash {MONEY} marketValue {MONEY} invested {MONEY} "
    f"unrealizedGain {MONEY} realizedGain {MONEY} income {MONEY} charges {MONEY} "
    f"netContributions {MONEY} totalGain {MONEY} totalReturn dayChange {MONEY} "
    "issues { figure reason } } "
    f"cash {MONEY} positions(includeClosed: true) {{ symbol quantity costBasis {MONEY} "
    f"fees {MONEY} realizedGain {MONEY} income {MONEY} missingQuantity openedAt "
    f"lots {{ quantity cost {MONEY} fees {MONEY} openedAt }} }} "
    f"realizedGains(first: 100) {{ totalCount totalInBaseCurrency {MONEY} nodes {{ {GAIN} }} }}"
)


async def stored(ledger):
    """Return every figure that is kept of a portfolio, to the last digit."""
    from resolvers.ids import decode_id

    async with ledger.api.services.database.reading() as session:
        figures = await stored_figures(session, decode_id(ledger.key).key)
    return {name: text for name, text in figures.items() if not name.endswith("transaction_id")}


async def exported(ledger, written):
    seen = await ledger.see(
        f"transactionsExport(format: {written}) {{ fileName mediaType content rowCount }}"
    )
    return seen["transactionsExport"]


@pytest.mark.parametrize("method", ["FIFO", "LIFO", "HIFO", "AVERAGE", "SPECIFIC"])
async def test_an_export_of_every_kind_of_entry_comes_back_with_the_same_figures(api, method):
    await api.sign_up("ann")
    ledger = await all_sorts(api, lotMethod=method)
    listed = await ledger.see("transactions(first: 100) { nodes { kind } }")
    assert len({one["kind"] for one in listed["transactions"]["nodes"]}) == KINDS
    assert await verify_all(api.services.database) == (2, [])
    figures, kept = await ledger.see(FIGURES), await stored(ledger)
    for written in ("CSV", "JSON"):
        file = await exported(ledger, written)
        copy = await Ledger.create(api, f"Copy from {written}", lotMethod=method)
        done = await copy.record("importTransactions", content=file["content"])
        assert done["counts"] == [{"fate": "ADDED", "count": file["rowCount"]}]
        assert await copy.see(FIGURES) == figures
        assert await stored(copy) == kept
        assert (await exported(copy, written))["rowCount"] == file["rowCount"]
        again = await copy.record("importTransactions", content=file["content"])
        assert again["counts"] == [{"fate": "KNOWN", "count": file["rowCount"]}]
    assert await verify_all(api.services.database) == (4, [])


async def test_an_export_into_the_portfolio_it_is_of_changes_nothing(api):
    await api.sign_up("ann")
    ledger = await all_sorts(api)
    before = await ledger.see(f"version {FIGURES}")
    for written in ("CSV", "JSON"):
        file = await exported(ledger, written)
        done = await ledger.record("importTransactions", content=file["content"])
        assert done["counts"] == [{"fate": "KNOWN", "count": file["rowCount"]}], written
    after = await ledger.see(f"version {FIGURES}")
    assert {name: after[name] for name in after if name != "version"} == {
        name: before[name] for name in before if name != "version"
    }


async def assert_comes_back(ledger, name="Copy"):
    """Import an export into an empty portfolio and compare by the method that heeds names."""
    copy = await Ledger.create(ledger.api, name)
    await copy.record("importTransactions", content=(await exported(ledger, "CSV"))["content"])
    assert await stored(copy) == await stored(ledger)
    named = (
        f"positions(lotMethod: SPECIFIC) {{ costBasis {MONEY} realizedGain {MONEY} "
        f"lots {{ quantity cost {MONEY} openedAt }} }}"
    )
    assert await copy.see(named) == await ledger.see(named)


async def test_an_export_names_lots_that_came_in_two_transfers(api):
    await api.sign_up("ann")
    ledger, away = await Ledger.create(api), await Ledger.create(api, "Away")
    bought = await away.trade("BUY", "10", "100")
    await ledger.trade("BUY", "10", "120", day="2024-02-01")
    for day in ("2024-03-04", "2024-03-05"):
        await away.record(
            "transferUnits", toPortfolioId=ledger.key, symbol="AAPL", quantity="5", day=day
        )
    chosen = [{"openedById": bought["position"]["lots"][0]["openedById"], "quantity": "4"}]
    await ledger.trade("SELL", "4", "150", lots=chosen, day="2024-03-06")
    await ledger.trade("SELL", "4", "160", lots=chosen, day="2024-03-07")
    await assert_comes_back(ledger)


async def test_an_export_keeps_every_digit_of_what_was_divided(api):
    await api.sign_up("ann")
    ledger, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await away.trade("BUY", "10", "100.123456789012", fee="1")
    await away.record(
        "recordCorporateAction",
        kind="SPLIT",
        symbol="AAPL",
        newUnits="3",
        oldUnits="7",
        day="2024-03-04",
    )
    await away.record(
        "transferUnits", toPortfolioId=ledger.key, symbol="AAPL", quantity="1", day="2024-03-05"
    )
    # A seventh of thirty units, and the cost of one of them, have no end.
    await assert_comes_back(ledger)
    await assert_comes_back(away, name="Copy of away")


async def test_an_export_has_a_name_and_a_type(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api, "Alte Größe 1")
    await ledger.record("recordCashTransfer", direction="DEPOSIT", amount="10")
    file = await exported(ledger, "CSV")
    assert (file["mediaType"], file["rowCount"]) == ("text/csv", 1)
    assert file["fileName"].endswith(".csv")
    assert (await exported(ledger, "JSON"))["mediaType"] == "application/json"


# What is wrong with one row alone

SPLITS = """date,type,symbol,quantity,price,ratio_new,ratio_old
2024-03-01,buy,AAPL,10,100,,
2024-03-04,split,AAPL,,,{},{}
2024-03-05,sell,AAPL,1,30,,
"""


async def split_by_hand(ledger):
    await ledger.record(
        "recordCorporateAction", kind="SPLIT", symbol="AAPL", newUnits="4", day="2024-03-04"
    )


@pytest.mark.parametrize("ratio", [(4, 1), (8, 2), ("4.0", "")])
async def test_a_split_that_was_booked_by_hand_is_known_in_a_file(ledger, ratio):
    await split_by_hand(ledger)
    done = await ledger.record("importTransactions", content=SPLITS.format(*ratio))
    assert fates(done) == ["ADDED", "KNOWN", "ADDED"]
    assert (await ledger.position())["quantity"] == "39"


async def test_another_split_of_the_day_is_that_rows_mistake(ledger):
    await split_by_hand(ledger)
    content = SPLITS.format(3, 1)
    done = await ledger.try_to("importTransactions", content=content)
    assert fates(done) == ["HELD_BACK", "REFUSED", "HELD_BACK"]
    assert mistakes(done) == {3: [("ALREADY_EXISTS", "occurredAt")]}
    done = await ledger.record("importTransactions", content=content, skipRefused=True)
    assert fates(done) == ["ADDED", "REFUSED", "ADDED"]


async def test_a_split_that_a_file_tells_twice_counts_once(ledger):
    line = SPLITS.splitlines()[2].format(4, 1)
    done = await ledger.record("importTransactions", content=SPLITS.format(4, 1) + line + "\n")
    assert fates(done) == ["ADDED", "ADDED", "ADDED", "KNOWN"]
    assert (await ledger.position())["quantity"] == "39"


CHOICES = """id,date,type,symbol,quantity,price,lots
a,2024-03-01,buy,AAPL,10,100,
b,2024-03-02,buy,AAPL,10,110,
c,2024-03-05,sell,AAPL,4,130,"[[""nobody"", ""4""]]"
d,2024-03-05,sell,AAPL,12,130,"[[""a"", ""11""]]"
e,2024-03-06,sell,AAPL,4,130,"[[""b"", ""4""]]"
f,2024-03-07,short,MSFT,4,130,"[[""c"", ""4""]]"
g,2024-03-08,buy,MSFT,4,130,"[[""f"", ""4""]]"
"""


async def test_lots_that_are_not_there_are_the_mistake_of_the_row_that_names_them(ledger):
    done = await ledger.try_to("importTransactions", content=CHOICES)
    assert fates(done) == ["HELD_BACK"] * 2 + ["REFUSED"] + ["HELD_BACK"] * 4
    assert mistakes(done) == {4: [("NOT_FOUND", "lots")]}
    done = await ledger.record("importTransactions", content=CHOICES, skipRefused=True)
    assert fates(done) == ["ADDED", "ADDED", "REFUSED", "REFUSED", "ADDED", "REFUSED", "REFUSED"]
    # The short named a row that was refused, and the purchase after it named the short.
    assert mistakes(done) == {
        4: [("NOT_FOUND", "lots")],
        5: [("INVALID", "lots")],
        7: [("NOT_FOUND", "lots")],
        8: [("NOT_FOUND", "lots")],
    }
    assert [outcome["transaction"] is None for outcome in done["outcomes"]] == [
        *(False, False, True, True, False, True, True)
    ]
    assert (await ledger.position())["quantity"] == "16"
    assert await verify_all(ledger.api.services.database) == (1, [])
    dry = await ledger.record(
        "importTransactions", content=CHOICES, skipRefused=True, dryRun=True, mapping=None
    )
    assert fates(dry)[:3] == ["KNOWN", "KNOWN", "REFUSED"]


# Odd texts


@pytest.mark.parametrize("odd", ["\ud800", "a\0b", "\udfff!"])
@pytest.mark.parametrize("field", ["note", "id", "isin", "symbol", "currency", "lots", "type"])
async def test_a_text_that_no_database_takes_is_a_mistake_of_its_row(ledger, odd, field):
    row = {"date": "2024-03-01", "type": "buy", "quantity": "1", "price": "1"}
    row |= {"symbol": "AAPL", field: json.dumps([[odd, "1"]]) if field == "lots" else odd}
    done = await ledger.try_to("importTransactions", content=json.dumps([row]))
    assert (done["userErrors"], fates(done)) == ([], ["REFUSED"])
    assert [wrong for _, wrong in mistakes(done)[1]] == [field]


async def test_an_isin_stands_in_for_the_symbol_of_an_instrument_that_is_known_by_it(ledger):
    await ledger.trade("BUY", "1", "100")
    async with ledger.api.services.database.writing() as session:
        known = update(Instrument).where(col(Instrument.symbol) == "AAPL")
        await session.execute(known.values(isin="US0378331005"))
    rows = "2024-03-04,buy,US0378331005,2,110\n2024-03-05,buy,US5949181045,1,300\n"
    content = f"date,type,isin,quantity,price\n{rows}"
    done = await ledger.record("importTransactions", content=content, skipRefused=True)
    assert fates(done) == ["ADDED", "REFUSED"]
    assert mistakes(done) == {3: [("UNKNOWN_INSTRUMENT", "symbol")]}
    assert (await ledger.position())["quantity"] == "3"
