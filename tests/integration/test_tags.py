"""Tags through the graph: who has them, what they share out, and what is refused."""

import asyncio

import pytest

from tests.ledger import Ledger
from tests.people import another, person, send, share, token_of, wrong

TAGS = "{ viewer { tags { id name classification instruments { share instrument { symbol } } } } }"
BY_TAG = """query($classification: String! = "Tags") { viewer { portfolios {
  allocation(by: TAG, classification: $classification) { by classification
    slices { kind key label value { amount } holdings { share position { symbol } } } } } } }"""
# Everything at what the simulated market says of no day that matters here.


@pytest.fixture
async def ann(api):
    """Somebody with Apple and Microsoft."""
    ann = await person(api, "ann")
    ann.book = await Ledger.create(ann, "Main")
    await ann.book.record("recordCashTransfer", direction="DEPOSIT", amount="100000")
    for symbol in ("AAPL", "MSFT"):
        await ann.book.record("recordTrade", side="BUY", symbol=symbol, quantity="10", price="100")
    return ann


async def tag(api, name, **given):
    made = await send(api, "createTag", {"name": name} | given, "tag { id }")
    assert made["userErrors"] == []
    return made["tag"]["id"]


async def put(api, tag_id, symbol, **given):
    given = {"tagId": tag_id, "symbol": symbol} | given
    return await send(
        api, "tagInstrument", given, "tag { instruments { share instrument { symbol } } }"
    )


async def slices(api, **variables):
    answer = await api.data(BY_TAG, variables)
    return {
        one["label"]: {held["position"]["symbol"]: held["share"] for held in one["holdings"]}
        for one in answer["viewer"]["portfolios"][0]["allocation"]["slices"]
    }


async def test_tags_share_out_what_is_held_and_the_rest_is_unassigned(ann):
    core, play = await tag(ann, "Core"), await tag(ann, "Play")
    await put(ann, core, "AAPL", share=0.75)
    await put(ann, play, "AAPL", share=0.25)
    await put(ann, play, "MSFT", share=0.5)
    assert await slices(ann) == {
        "Core": {"AAPL": 0.75},
        "Play": {"AAPL": 0.25, "MSFT": 0.5},
        "Unassigned": {"MSFT": 0.5},
        "Cash": {},
    }
    answer = await ann.data(BY_TAG)
    found = answer["viewer"]["portfolios"][0]["allocation"]
    assert (found["by"], found["classification"]) == ("TAG", "Tags")
    assert {one["key"] for one in found["slices"]} == {core, play, None}


async def test_classifications_do_not_mix(ann):
    core, high = await tag(ann, "Core"), await tag(ann, "High", classification="Risk")
    await put(ann, core, "AAPL")
    await put(ann, high, "AAPL")
    assert await slices(ann, classification="Risk") == {
        "High": {"AAPL": 1},
        "Unassigned": {"MSFT": 1},
        "Cash": {},
    }
    assert (await slices(ann))["Core"] == {"AAPL": 1}
    assert set(await slices(ann, classification="Nothing")) == {"Unassigned", "Cash"}


async def test_tags_are_listed_renamed_taken_off_and_deleted(ann):
    risky, core = await tag(ann, "Risky", classification="Risk"), await tag(ann, "Coer")
    await put(ann, core, "MSFT", share=0.5)
    await put(ann, core, "AAPL")
    renamed = await send(ann, "renameTag", {"tagId": core, "name": " Core "}, "tag { name }")
    assert renamed["tag"] == {"name": "Core"}
    assert (await ann.data(TAGS))["viewer"]["tags"] == [
        {"id": risky, "name": "Risky", "classification": "Risk", "instruments": []},
        {
            "id": core,
            "name": "Core",
            "classification": "Tags",
            "instruments": [
                {"share": 1, "instrument": {"symbol": "AAPL"}},
                {"share": 0.5, "instrument": {"symbol": "MSFT"}},
            ],
        },
    ]
    off = await send(
        ann,
        "untagInstrument",
        {"tagId": core, "symbol": "AAPL"},
        "tag { instruments { instrument { symbol } } }",
    )
    assert off["tag"]["instruments"] == [{"instrument": {"symbol": "MSFT"}}]
    gone = await send(ann, "deleteTag", {"tagId": core}, "deletedTagId")
    assert gone["deletedTagId"] == core
    assert [one["name"] for one in (await ann.data(TAGS))["viewer"]["tags"]] == ["Risky"]
    assert wrong(await send(ann, "deleteTag", {"tagId": core})) == [("NOT_FOUND", "tagId")]


async def test_a_share_can_change_and_all_together_are_no_more_than_the_whole(ann):
    core, play = await tag(ann, "Core"), await tag(ann, "Play")
    await put(ann, core, "AAPL")
    refused = await put(ann, play, "AAPL", share=0.25)
    assert wrong(refused) == [("OUT_OF_RANGE", "share")]
    assert refused["userErrors"][0]["message"] == (
        "Other tags in 'Tags' have 1 of AAPL: at most 0 is left."
    )
    less = await put(ann, core, "AAPL", share=0.75)
    assert less["tag"]["instruments"] == [{"share": 0.75, "instrument": {"symbol": "AAPL"}}]
    assert wrong(await put(ann, play, "AAPL", share=0.25)) == []


@pytest.mark.parametrize(
    ("mutation", "given", "expected"),
    [
        ("createTag", {"name": " "}, [("REQUIRED", "name")]),
        ("createTag", {"name": "x" * 101}, [("TOO_LONG", "name")]),
        ("createTag", {"name": "Core"}, [("ALREADY_EXISTS", "name")]),
        (
            "createTag",
            {"name": "a\nb", "classification": ""},
            [("REQUIRED", "classification"), ("INVALID", "name")],
        ),
        ("renameTag", {"tagId": "Play", "name": "Core"}, [("ALREADY_EXISTS", "name")]),
        ("renameTag", {"tagId": "Play", "name": ""}, [("REQUIRED", "name")]),
        ("renameTag", {"tagId": "nonsense", "name": "x"}, [("NOT_FOUND", "tagId")]),
        (
            "tagInstrument",
            {"tagId": "Play", "symbol": "AAPL", "share": 0},
            [("OUT_OF_RANGE", "share")],
        ),
        (
            "tagInstrument",
            {"tagId": "Play", "symbol": "AAPL", "share": 1.01},
            [("OUT_OF_RANGE", "share")],
        ),
        ("tagInstrument", {"tagId": "Play", "symbol": "TSLA"}, [("UNKNOWN_INSTRUMENT", "symbol")]),
        ("tagInstrument", {"tagId": "Play", "symbol": "?!"}, [("INVALID", "symbol")]),
        ("untagInstrument", {"tagId": "Play", "symbol": "AAPL"}, [("NOT_FOUND", "symbol")]),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(ann, mutation, given, expected):
    ids = {name: await tag(ann, name) for name in ("Core", "Play")}
    before = await ann.data(TAGS)
    given = given | ({"tagId": ids.get(given["tagId"], given["tagId"])} if "tagId" in given else {})
    assert wrong(await send(ann, mutation, given)) == expected
    assert await ann.data(TAGS) == before


async def test_tags_are_their_owners_alone(ann):
    core = await tag(ann, "Core")
    await put(ann, core, "AAPL")
    bob = await person(ann, "bob")
    assert (await bob.data(TAGS))["viewer"]["tags"] == []
    node = "query($id: ID!) { node(id: $id) { ... on Tag { name } } }"
    assert (await ann.data(node, {"id": core}))["node"] == {"name": "Core"}
    assert (await bob.data(node, {"id": core}))["node"] is None
    assert wrong(await send(bob, "deleteTag", {"tagId": core})) == [("NOT_FOUND", "tagId")]
    assert await tag(bob, "Core") != core
    # Whom a portfolio is shared with sees it sorted as its owner sorts it.
    await share(ann, ann.book.key, "bob", "VIEWER")
    seen = await bob.data(
        "{ viewer { sharedPortfolios { allocation(by: TAG) { slices { label } } } } }"
    )
    (portfolio,) = seen["viewer"]["sharedPortfolios"]
    labels = {one["label"] for one in portfolio["allocation"]["slices"]}
    assert labels == {"Core", "Unassigned", "Cash"}


async def test_a_reader_learns_of_no_tag_that_is_on_nothing_held(ann):
    core, secret = await tag(ann, "Core"), await tag(ann, "Buy them all")
    other = await tag(ann, "Daring", classification="Risk")
    await put(ann, core, "AAPL")
    bob = await person(ann, "bob")
    await share(ann, ann.book.key, "bob", "VIEWER")
    query = """query($targets: [TargetWeightInput!]!) { viewer { sharedPortfolios {
      allocation(by: TAG) { drift(targets: $targets) { slices { label } } }
      rebalance(by: TAG, targets: $targets) { slices { label } } } } }"""
    known = await bob.data(query, {"targets": [{"key": core, "weight": 0.5}]})
    (portfolio,) = known["viewer"]["sharedPortfolios"]
    assert "Core" in {one["label"] for one in portfolio["allocation"]["drift"]["slices"]}
    for hidden in (secret, other, "MTpUYWc6OTk"):
        answer = await bob.ask(query, {"targets": [{"key": hidden, "weight": 0.5}]})
        assert {error["message"] for error in answer["errors"]} == {
            f"`targets.key`: no tag {hidden!r} is on what this portfolio holds."
        }
    own = "{ viewer { portfolios { allocation(by: TAG) { drift(targets: [%s]) { slices { label } } } } } }"
    mine = await ann.data(own % f'{{key: "{secret}", weight: 0.5}}')
    (division,) = [one["allocation"] for one in mine["viewer"]["portfolios"]]
    assert "Buy them all" in {one["label"] for one in division["drift"]["slices"]}


async def test_a_token_that_only_reads_makes_no_tags(ann):
    _, secret = await token_of(ann, "READ")
    answer = await another(ann, token=secret).ask(
        'mutation { createTag(input: {name: "x"}) { tag { id } } }'
    )
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN", "scope": "TRADE"}


async def test_there_are_only_so_many_tags_and_instruments_on_one(ann, monkeypatch):
    monkeypatch.setattr("services.tags.MAX_TAGS", 1)
    monkeypatch.setattr("services.tags.MAX_TAGGED", 1)
    core = await tag(ann, "Core")
    assert wrong(await send(ann, "createTag", {"name": "More"})) == [("OUT_OF_RANGE", "")]
    await put(ann, core, "AAPL")
    assert wrong(await put(ann, core, "MSFT")) == [("OUT_OF_RANGE", "tagId")]
    assert wrong(await put(ann, core, "AAPL", share=0.5)) == []


async def test_a_repeat_with_the_same_key_happens_once(ann):
    given = {"name": "Core", "idempotencyKey": "k"}
    first = await send(ann, "createTag", given, "replayed tag { id }")
    again = await send(ann, "createTag", given, "replayed tag { id }")
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["tag"] == first["tag"]


async def test_shares_given_at_the_same_time_are_no_more_than_the_whole(ann):
    ids = [await tag(ann, name) for name in "ABCD"]
    outcomes = await asyncio.gather(*(put(ann, one, "AAPL", share=0.5) for one in ids))
    assert sorted(map(wrong, outcomes)) == [[], []] + [[("OUT_OF_RANGE", "share")]] * 2
