"""Watchlists through the graph: what is on them, in what order, and whose they are."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from models.instruments import Instrument
from models.watchlists import Watchlist, WatchlistItem
from tests.people import another, person, refusal, send, token_of, wrong

LIST = "watchlist { id name version items { symbol note } }"
ALL = "{ viewer { watchlists { id name version createdAt items { symbol addedAt } } } }"


@pytest.fixture
async def ann(api):
    return await person(api, "ann")


class Watch:
    """A watchlist as its owner's client has it."""

    def __init__(self, api, made):
        self.api = api
        self.key = made["id"]

    async def change(self, mutation, **given):
        return await send(self.api, mutation, {"watchlistId": self.key} | given, LIST)

    async def done(self, mutation, **given):
        """Change the list, and return the symbols on it in their order."""
        payload = await self.change(mutation, **given)
        assert payload["userErrors"] == []
        return [item["symbol"] for item in payload["watchlist"]["items"]]


async def watch(api, name="Tech", symbols=("AAPL", "MSFT", "NVDA", "KO")):
    made = await send(api, "createWatchlist", {"name": name, "symbols": symbols}, LIST)
    assert made["userErrors"] == []
    return Watch(api, made["watchlist"])


async def count(api, table):
    async with api.services.database.reading() as session:
        return await session.scalar(text(f"SELECT count(*) FROM {table}"))


async def test_a_watchlist_has_instruments_in_the_order_given(ann):
    tech = await watch(ann, symbols=["msft", "AAPL"])
    assert (await ann.data(ALL))["viewer"]["watchlists"] == [
        {
            "id": tech.key,
            "name": "Tech",
            "version": 0,
            "createdAt": "2024-06-14T15:00:00Z",
            "items": [
                {"symbol": "MSFT", "addedAt": "2024-06-14T15:00:00Z"},
                {"symbol": "AAPL", "addedAt": "2024-06-14T15:00:00Z"},
            ],
        }
    ]


async def test_what_is_added_comes_last_and_what_is_removed_leaves_the_rest_in_order(ann, clock):
    tech = await watch(ann)
    assert await tech.done("removeFromWatchlist", symbols=["nvda", "AAPL"]) == ["MSFT", "KO"]
    clock.now += timedelta(minutes=1)
    added = await tech.done("addToWatchlist", symbols=["TSLA", "AAPL"])
    assert added == ["MSFT", "KO", "TSLA", "AAPL"]
    (listed,) = (await ann.data(ALL))["viewer"]["watchlists"]
    minutes = [item["addedAt"][14:16] for item in listed["items"]]
    assert (listed["version"], minutes) == (2, ["00", "00", "01", "01"])


@pytest.mark.parametrize(
    ("symbols", "position", "expected"),
    [
        (["KO"], 0, ["KO", "AAPL", "MSFT", "NVDA"]),
        (["AAPL"], 1, ["MSFT", "AAPL", "NVDA", "KO"]),
        (["AAPL"], 3, ["MSFT", "NVDA", "KO", "AAPL"]),
        (["NVDA", "AAPL"], 2, ["MSFT", "KO", "NVDA", "AAPL"]),
        (["KO", "NVDA", "MSFT", "AAPL"], 0, ["KO", "NVDA", "MSFT", "AAPL"]),
    ],
)
async def test_instruments_move_to_a_place_alone_together_or_all_at_once(
    ann, symbols, position, expected
):
    tech = await watch(ann)
    assert await tech.done("reorderWatchlist", symbols=symbols, position=position) == expected
    (listed,) = (await ann.data(ALL))["viewer"]["watchlists"]
    assert [item["symbol"] for item in listed["items"]] == expected


async def test_a_note_stays_until_it_is_wiped_off(ann):
    tech = await watch(ann, symbols=["AAPL", "KO"])
    done = await tech.change("noteOnWatchlist", symbol="ko", note=" Dividend in July ")
    assert done["watchlist"]["items"][1] == {"symbol": "KO", "note": "Dividend in July"}
    await tech.done("reorderWatchlist", symbols=["KO"])
    (found,) = (await ann.data("{ viewer { watchlists { items { note } } } }"))["viewer"].values()
    assert [item["note"] for item in found[0]["items"]] == ["Dividend in July", None]
    done = await tech.change("noteOnWatchlist", symbol="KO")
    assert done["watchlist"]["items"][0] == {"symbol": "KO", "note": None}


async def test_a_watchlist_is_renamed_and_deleted(ann):
    tech = await watch(ann)
    done = await tech.change("renameWatchlist", name="  Chips  ")
    assert (done["watchlist"]["name"], done["watchlist"]["version"]) == ("Chips", 1)
    same = await tech.change("renameWatchlist", name="Chips")
    assert (same["userErrors"], same["watchlist"]["version"]) == ([], 1)
    done = await send(
        ann, "deleteWatchlist", {"watchlistId": tech.key}, "deletedWatchlistId replayed"
    )
    assert done == {"deletedWatchlistId": tech.key, "replayed": False, "userErrors": []}
    assert (await ann.data(ALL))["viewer"]["watchlists"] == []
    assert await count(ann, "watchlist_items") == 0


@pytest.mark.parametrize(
    ("mutation", "given", "expected"),
    [
        ("addToWatchlist", {"symbols": []}, [("REQUIRED", "symbols")]),
        ("addToWatchlist", {"symbols": ["KO", "aapl"]}, [("ALREADY_EXISTS", "symbols.1")]),
        ("addToWatchlist", {"symbols": ["KO", "ko"]}, [("ALREADY_EXISTS", "symbols.1")]),
        ("addToWatchlist", {"symbols": ["K O", ""]}, [("INVALID", "symbols.0"), ("INVALID", "symbols.1")]),
        ("addToWatchlist", {"symbols": ["A"] * 101}, [("OUT_OF_RANGE", "symbols")]),
        ("removeFromWatchlist", {"symbols": ["KO"]}, [("NOT_FOUND", "symbols.0")]),
        ("removeFromWatchlist", {"symbols": []}, [("REQUIRED", "symbols")]),
        ("reorderWatchlist", {"symbols": ["KO"]}, [("NOT_FOUND", "symbols.0")]),
        ("reorderWatchlist", {"symbols": ["AAPL"], "position": 2}, [("OUT_OF_RANGE", "position")]),
        ("reorderWatchlist", {"symbols": ["AAPL"], "position": -1}, [("OUT_OF_RANGE", "position")]),
        ("noteOnWatchlist", {"symbol": "KO", "note": "x"}, [("NOT_FOUND", "symbol")]),
        ("noteOnWatchlist", {"symbol": "AAPL", "note": "x" * 2001}, [("TOO_LONG", "note")]),
        ("renameWatchlist", {"name": " "}, [("REQUIRED", "name")]),
        ("renameWatchlist", {"name": "n" * 101}, [("TOO_LONG", "name")]),
        ("renameWatchlist", {"name": "a\nb"}, [("INVALID", "name")]),
        ("renameWatchlist", {"name": "Other"}, [("ALREADY_EXISTS", "name")]),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_by_its_field_and_changes_nothing(
    ann, mutation, given, expected
):
    tech = await watch(ann, symbols=["AAPL", "MSFT"])
    await watch(ann, "Other", [])
    before = await ann.data(ALL)
    done = await tech.change(mutation, **given)
    assert (wrong(done), done["watchlist"]) == (expected, None)
    assert await ann.data(ALL) == before


async def test_a_symbol_that_no_source_knows_is_told_by_its_place(open_market):
    api = await open_market(prices="Date,ABC\n2024-06-13,10\n", rates="Date,USD\n2024-06-13,1.1\n")
    given = {"name": "Known", "symbols": ["ABC", "XYZ"]}
    unknown = await send(api, "createWatchlist", given, LIST)
    assert wrong(unknown) == [("UNKNOWN_INSTRUMENT", "symbols.1")]
    assert (await api.data(ALL))["viewer"]["watchlists"] == []
    await watch(api, symbols=["ABC"])


async def test_a_user_has_fifty_watchlists(ann):
    first = await watch(ann, "0", [])
    for number in range(1, 50):
        await watch(ann, str(number), [])
    one_more = {"name": "50"}
    assert wrong(await send(ann, "createWatchlist", one_more, LIST)) == [("OUT_OF_RANGE", "")]
    await send(ann, "deleteWatchlist", {"watchlistId": first.key})
    assert wrong(await send(ann, "createWatchlist", one_more, LIST)) == []


async def test_a_watchlist_has_a_hundred_instruments(ann, clock):
    tech = await watch(ann, symbols=["AAPL"])
    async with ann.services.database.writing() as session:
        (watchlist,) = await session.scalars(select(Watchlist))
        shares = [
            Instrument(
                symbol=f"S{n}", name="S", asset_class="EQUITY", currency="USD", created_at=clock()
            )
            for n in range(98)
        ]
        session.add_all(shares)
        await session.flush()
        session.add_all(
            WatchlistItem(
                watchlist_id=watchlist.id, instrument_id=row.id, place=row.id, added_at=clock()
            )
            for row in shares
        )
    too_many = await tech.change("addToWatchlist", symbols=["KO", "MSFT"])
    assert wrong(too_many) == [("OUT_OF_RANGE", "symbols")]
    assert len(await tech.done("addToWatchlist", symbols=["KO"])) == 100


async def test_a_repeat_with_the_same_key_happens_once(ann):
    given = {"name": "Tech", "symbols": ["AAPL"], "idempotencyKey": "once"}
    first = await send(ann, "createWatchlist", given, f"replayed {LIST}")
    again = await send(ann, "createWatchlist", given, f"replayed {LIST}")
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["watchlist"] == first["watchlist"]
    other = await send(ann, "createWatchlist", given | {"name": "Other"}, LIST)
    assert wrong(other) == [("IDEMPOTENCY_CONFLICT", "idempotencyKey")]
    gone = {"watchlistId": first["watchlist"]["id"], "idempotencyKey": "gone"}
    for replayed in (False, True):
        done = await send(ann, "deleteWatchlist", gone, "deletedWatchlistId replayed")
        assert (done["deletedWatchlistId"], done["replayed"]) == (gone["watchlistId"], replayed)


async def test_a_watchlist_is_its_owners_alone(ann):
    tech = await watch(ann)
    eve = await person(ann, "eve")
    ids = [tech.key]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Watchlist { name items { id } } ... on WatchlistItem { symbol } } }"
    ids += [item["id"] for item in (await ann.data(query, {"ids": ids}))["nodes"][0]["items"]]
    assert (await ann.data(query, {"ids": ids}))["nodes"][1:] == [
        {"symbol": symbol} for symbol in ("AAPL", "MSFT", "NVDA", "KO")
    ]
    assert (await eve.data(query, {"ids": ids}))["nodes"] == [None] * 5
    one = "query($id: ID!) { viewer { watchlist(id: $id) { name } } }"
    assert (await ann.data(one, {"id": tech.key}))["viewer"]["watchlist"] == {"name": "Tech"}
    assert (await eve.data(one, {"id": tech.key}))["viewer"]["watchlist"] is None
    for mutation, given in (
        ("renameWatchlist", {"name": "Mine"}),
        ("deleteWatchlist", {}),
        ("addToWatchlist", {"symbols": ["TSLA"]}),
        ("removeFromWatchlist", {"symbols": ["AAPL"]}),
        ("reorderWatchlist", {"symbols": ["KO"]}),
        ("noteOnWatchlist", {"symbol": "KO", "note": "x"}),
    ):
        for key in (tech.key, "nonsense"):
            done = await send(eve, mutation, {"watchlistId": key} | given)
            assert wrong(done) == [("NOT_FOUND", "watchlistId")]
    # Two people may use the same name, and neither sees the other's.
    await watch(eve, "Tech", ["KO"])
    assert [len((await api.data(ALL))["viewer"]["watchlists"]) for api in (ann, eve)] == [1, 1]


async def test_a_program_reads_watchlists_with_one_scope_and_changes_them_with_another(ann):
    tech = await watch(ann)
    _, reading = await token_of(ann, "READ")
    _, trading = await token_of(ann, "TRADE")
    assert (await another(ann, token=reading).data(ALL))["viewer"]["watchlists"]
    query = "mutation($input: RemoveFromWatchlistInput!) { removeFromWatchlist(input: $input) { userErrors { code } } }"
    given = {"input": {"watchlistId": tech.key, "symbols": ["KO"]}}
    assert await refusal(another(ann, token=reading), query, given) == ("FORBIDDEN", "TRADE")
    done = await another(ann, token=trading).data(query, given)
    assert done["removeFromWatchlist"] == {"userErrors": []}


QUOTED = "{ viewer { watchlists { name items { symbol quote { price } instrument { name quote { price } } } } } }"


async def test_any_number_of_watchlists_costs_three_statements_and_one_call_for_quotes(ann):
    services = ann.services
    services.market._learner._flusher.cancel()  # what is learnt is written in nobody's name
    for name, symbols in (("A", ["AAPL", "MSFT"]), ("B", ["MSFT", "KO"]), ("C", ["NVDA"])):
        await watch(ann, name, symbols)
    await services.market.forget()
    before, calls = services.database.statements, dict(services.market.calls)
    answer = await ann.data(QUOTED)
    # user, watchlists, items with their instruments
    assert services.database.statements - before == 3
    made = {key: n - calls.get(key, 0) for key, n in services.market.calls.items()}
    assert {key: n for key, n in made.items() if n} == {("simulated", "quotes"): 1}
    for watchlist in answer["viewer"]["watchlists"]:
        for item in watchlist["items"]:
            assert item["quote"]["price"] == item["instrument"]["quote"]["price"]


async def test_lists_made_at_the_same_time_keep_to_the_limit_and_to_names_of_their_own(ann):
    for number in range(48):
        await watch(ann, str(number), [])
    given = [{"name": f"x{number}"} for number in range(4)] + [{"name": "y"}] * 2
    done = await asyncio.gather(*(send(ann, "createWatchlist", one, LIST) for one in given))
    codes = sorted(code for payload in done for code, _ in wrong(payload))
    assert len((await ann.data(ALL))["viewer"]["watchlists"]) == 50
    assert len(codes) == 4
    assert set(codes) <= {"OUT_OF_RANGE", "ALREADY_EXISTS"}


async def test_instruments_added_at_the_same_time_all_stay_each_at_a_place_of_its_own(ann):
    tech = await watch(ann, symbols=[])
    symbols = ["AAPL", "MSFT", "NVDA", "KO", "TSLA"]
    await asyncio.gather(*(tech.done("addToWatchlist", symbols=[symbol]) for symbol in symbols))
    (listed,) = (await ann.data(ALL))["viewer"]["watchlists"]
    assert {item["symbol"] for item in listed["items"]} == set(symbols)
    assert listed["version"] == 5
    async with ann.services.database.reading() as session:
        places = list(await session.scalars(text("SELECT place FROM watchlist_items")))
    assert sorted(places) == [0, 1, 2, 3, 4]
