"""Subscriptions that are the same are executed once; nobody gets what was made for another."""

import asyncio
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.people import another, person, send, share, token_of
from tests.rooms import Room, read

PRICE = 'subscription { quoteUpdated(symbols: ["AAPL"], minIntervalMs: 0) { price } }'
PRICES = "subscription($of: [Symbol!]!) { quoteUpdated(symbols: $of) { symbol quality } }"
ASKED = 'subscription { quoteUpdated(symbols: ["AAPL"]) { price attempts { provider } } }'
PERSONAL = """subscription($id: ID!) { portfolioUpdated(portfolioId: $id, minIntervalMs: 250) {
  viewerRole ownerName version shares { role } } }"""
READ = """subscription($id: ID!) { portfolioUpdated(portfolioId: $id, minIntervalMs: 250) {
  name version ownerName } }"""
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def room():
    async with AsyncExitStack() as stack:
        yield Room(stack)


@pytest.fixture
async def ann(api):
    return await person(api, "ann")


@pytest.fixture
async def portfolio_id(ann):
    made = await send(ann, "createPortfolio", {"name": "Main"}, "portfolio { id }")
    return made["portfolio"]["id"]


def tick(api, price):
    """Let a price come, as from a vendor."""
    hub = api.services.feed.hub
    known = api.services.feed._shown["AAPL"]
    hub.publish(("quote", "AAPL"), replace(known, price=Decimal(price)), says=price)


async def test_a_hundred_followers_of_a_price_are_one_execution_and_get_the_same_bytes(
    api, ann, room
):
    people = [ann, await person(api, "bob")]
    followers = [await room.follow(people[n % 2], PRICE) for n in range(100)]
    await asyncio.gather(*map(anext, followers))
    assert (room.running, api.services.feed.listeners) == (1, 1)
    for price in ("7", "8"):
        coming = [asyncio.ensure_future(anext(one)) for one in followers]
        await asyncio.sleep(0)
        tick(api, price)
        responses = await asyncio.gather(*coming)
        assert len({id(response["data"]) for response in responses}) == 1
        assert read(responses[0]) == {"data": {"quoteUpdated": {"price": price}}}


async def test_who_joins_later_gets_the_last_value_of_each_at_once(api, ann, room):
    first = await room.follow(ann, PRICES, of=["AAPL", "MSFT"])
    seen = [read(await anext(first)) for _ in range(2)]
    second = await room.follow(ann, PRICES, of=["AAPL", "MSFT"])
    assert [read(await anext(second)) for _ in range(2)] == seen
    assert room.running == 2


async def test_lists_of_symbols_share_the_execution_of_each_and_are_asked_about_in_one_go(
    api, ann, room, monkeypatch
):
    asked = []
    quotes = api.services.market.quotes

    async def noted(symbols, **terms):
        asked.append(list(symbols))
        return await quotes(symbols, **terms)

    monkeypatch.setattr(api.services.market, "quotes", noted)
    lists = (["AAPL", "MSFT"], ["MSFT", "KO", "msft"], ["KO", "AAPL"])
    followers = [await room.follow(ann, PRICES, of=of) for of in lists]

    async def symbols(follower):
        told = [read(await anext(follower)) for _ in range(2)]
        return {one["data"]["quoteUpdated"]["symbol"] for one in told}

    found = await asyncio.gather(*map(symbols, followers))
    assert found == [{"AAPL", "MSFT"}, {"MSFT", "KO"}, {"KO", "AAPL"}]
    assert asked == [["AAPL", "KO", "MSFT"]]
    assert (room.running, api.services.feed.listeners) == (3, 3)
    for follower in followers:
        await follower.aclose()
    assert (room.running, api.services.feed.listeners) == (0, 0)


async def test_what_else_a_document_asks_of_its_variables_is_not_shared(ann, room):
    query = """subscription($of: [Symbol!]!, $all: Boolean!) {
      quoteUpdated(symbols: $of) { symbol quality @include(if: $all) } }"""
    told = [
        read(await anext(await room.follow(ann, query, of=of, all=every)))
        for of in (["AAPL"], ["AAPL", "AAPL"])
        for every in (True, False)
    ]
    assert [sorted(one["data"]["quoteUpdated"]) for one in told] == [
        ["quality", "symbol"],
        ["symbol"],
    ] * 2
    assert room.running == 2


@pytest.mark.parametrize("of", [[], ["NOT A SYMBOL"], [f"S{n}" for n in range(101)]])
async def test_what_cannot_be_asked_for_is_said_and_nothing_of_it_runs(ann, room, of):
    (error,) = read(await anext(await room.follow(ann, PRICES, of=of)))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert room.running == 0


async def test_a_slow_reader_gets_the_newest_and_holds_nobody_up(api, ann, room):
    quick, slow = [await room.follow(ann, PRICE) for _ in range(2)]
    await asyncio.gather(anext(quick), anext(slow))
    for price in ("7", "8", "9"):
        coming = asyncio.ensure_future(anext(quick))
        await asyncio.sleep(0)
        tick(api, price)
        assert read(await coming)["data"]["quoteUpdated"]["price"] == price
    assert read(await anext(slow))["data"]["quoteUpdated"]["price"] == "9"


async def test_one_that_leaves_takes_nothing_from_the_others_and_the_last_ends_it(api, ann, room):
    followers = [await room.follow(ann, PRICE) for _ in range(2)]
    await asyncio.gather(*map(anext, followers))
    await followers[0].aclose()
    coming = asyncio.ensure_future(anext(followers[1]))
    await asyncio.sleep(0)
    tick(api, "7")
    assert read(await coming)["data"]["quoteUpdated"]["price"] == "7"
    await followers[1].aclose()
    assert (room.running, api.services.feed.listeners) == (0, 0)


async def test_five_hundred_that_come_and_go_at_any_moment_leave_nothing(api, ann, room):
    await anext(await room.follow(ann, PRICES, of=["MSFT"]))  # the last of a feed stops its tasks
    before = asyncio.all_tasks()

    async def visit(n):
        responses = await room.follow(ann, PRICE)
        async with aclosing(responses):
            for _ in range(1 + n % 2):
                await anext(responses)

    visits = [asyncio.create_task(visit(n)) for n in range(500)]
    for n, one in enumerate(visits):
        if n % 3 == 0:
            await asyncio.sleep(0)
            one.cancel()
    while "AAPL" not in api.services.feed._shown:
        await asyncio.sleep(0)
    tick(api, "7")
    for _ in range(20):
        await asyncio.sleep(0)
    for one in visits:
        one.cancel()
    await asyncio.gather(*visits, return_exceptions=True)
    assert (room.running, api.services.feed.listeners) == (1, 1)
    assert asyncio.all_tasks() == before


async def test_a_failure_of_ours_is_told_to_all_who_follow_and_masked(ann, room, monkeypatch):
    def broken(*_):
        raise ValueError("a secret")

    monkeypatch.setattr("gateway.transports.sharing.orjson.Fragment", broken)
    followers = [await room.follow(ann, PRICE) for _ in range(2)]
    for response in await asyncio.gather(*map(anext, followers)):
        (error,) = response["errors"]
        assert error["message"] == "Something went wrong on our side. Reference: test."
    for one in followers:
        with pytest.raises(StopAsyncIteration):
            await anext(one)
    assert room.running == 0


async def test_other_variables_are_another_execution_but_not_another_order(ann, room):
    for of in (["AAPL"], ["MSFT"], ["AAPL"]):
        await anext(await room.follow(ann, PRICES, of=of))
    assert room.running == 2


async def test_what_a_resolver_adds_is_never_shared(api, ann, room):
    for _ in range(2):
        await anext(await room.follow(ann, ASKED))
    assert (room.running, api.services.feed.listeners) == (0, 2)


async def test_nobody_gets_what_was_made_for_another(api, ann, room, portfolio_id):
    bob = await person(api, "bob")
    await share(ann, portfolio_id, "bob")
    tokens = [await token_of(ann, scope) for scope in ("READ", "ADMIN")]
    actors = [ann, bob, *(another(api, token=secret) for _, secret in tokens)]
    expected = [
        ("OWNER", [{"role": "VIEWER"}], []),
        ("VIEWER", None, []),
        ("OWNER", None, ["FORBIDDEN"]),
        ("OWNER", [{"role": "VIEWER"}], []),
    ]
    followers = [(n, await room.follow(actors[n], PERSONAL, id=portfolio_id)) for n in range(4)]
    followers += [(n, await room.follow(actors[n], PERSONAL, id=portfolio_id)) for n in range(4)]
    for turn in range(2):
        responses = await asyncio.gather(*(anext(one) for _, one in followers))
        for (n, _), response in zip(followers, map(read, responses), strict=True):
            told = response["data"]["portfolioUpdated"]
            codes = [error["extensions"]["code"] for error in response.get("errors", ())]
            assert (told["viewerRole"], told["shares"], codes) == expected[n]
            assert (told["ownerName"], told["version"]) == ("ann", turn)
        assert room.running == 4
        given = {"direction": "DEPOSIT", "amount": "5", "currency": "USD"}
        day = {"portfolioId": portfolio_id, "occurredAt": "2024-05-02T15:00:00Z"}
        assert (await send(ann, "recordCashTransfer", given | day))["userErrors"] == []


async def deposit(actor, portfolio_id):
    given = {"direction": "DEPOSIT", "amount": "5", "currency": "USD"}
    day = {"portfolioId": portfolio_id, "occurredAt": "2024-05-02T15:00:00Z"}
    assert (await send(actor, "recordCashTransfer", given | day))["userErrors"] == []


async def test_all_readers_of_a_portfolio_get_the_same_bytes_by_session_or_token(
    api, ann, room, portfolio_id
):
    bob = await person(api, "bob")
    await share(ann, portfolio_id, "bob")
    program = another(api, token=(await token_of(bob, "READ"))[1])
    followers = [await room.follow(one, READ, id=portfolio_id) for one in (ann, bob, program)]
    for version in range(2):
        responses = await asyncio.gather(*map(anext, followers))
        assert len({id(response["data"]) for response in responses}) == 1
        assert read(responses[0])["data"]["portfolioUpdated"] == {
            "name": "Main",
            "version": version,
            "ownerName": "ann",
        }
        await deposit(ann, portfolio_id)
    assert room.running == 1


async def test_who_loses_a_portfolio_gets_nothing_more_of_it_and_the_others_go_on(
    api, ann, room, portfolio_id
):
    bob, cid = await person(api, "bob"), await person(api, "cid")
    given = await share(ann, portfolio_id, "bob")
    await share(ann, portfolio_id, "cid")
    anns, bobs, cids = [await room.follow(one, READ, id=portfolio_id) for one in (ann, bob, cid)]
    await asyncio.gather(*map(anext, (anns, bobs, cids)))
    await send(ann, "revokePortfolioShare", {"shareId": given})
    await deposit(ann, portfolio_id)
    for follower in (anns, cids):
        assert read(await anext(follower))["data"]["portfolioUpdated"]["version"] == 1
    (error,) = read(await anext(bobs))["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"
    with pytest.raises(StopAsyncIteration):
        await anext(bobs)
    (error,) = read(await anext(await room.follow(bob, READ, id=portfolio_id)))["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"
    for follower in (anns, cids):
        await follower.aclose()
    assert (room.running, api.services.feed.listeners) == (0, 0)


async def test_who_loses_a_portfolio_at_a_replica_that_is_not_heard_gets_nothing_more(
    api, ann, room, portfolio_id, monkeypatch
):
    monkeypatch.setattr("gateway.transports.sharing.FRESH", 0)
    tell = api.services.database.tell
    api.services.database.tell = lambda topics: tell([one for one in topics if one[0] != "access"])
    bob = await person(api, "bob")
    given = await share(ann, portfolio_id, "bob")
    anns, bobs = [await room.follow(one, READ, id=portfolio_id) for one in (ann, bob)]
    await asyncio.gather(anext(anns), anext(bobs))
    await send(ann, "revokePortfolioShare", {"shareId": given})
    await deposit(ann, portfolio_id)
    assert read(await anext(anns))["data"]["portfolioUpdated"]["version"] == 1
    (error,) = read(await anext(bobs))["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"


async def test_when_it_cannot_be_told_who_reaches_a_portfolio_guests_are_let_go(
    api, ann, room, portfolio_id, monkeypatch
):
    async def broken(*_):
        raise OSError("a secret")

    bob = await person(api, "bob")
    await share(ann, portfolio_id, "bob")
    anns, bobs = [await room.follow(one, READ, id=portfolio_id) for one in (ann, bob)]
    await asyncio.gather(anext(anns), anext(bobs))
    monkeypatch.setattr("gateway.transports.sharing.FRESH", 0)
    monkeypatch.setattr("gateway.transports.sharing.guests_among", broken)
    await deposit(ann, portfolio_id)
    assert read(await anext(anns))["data"]["portfolioUpdated"]["version"] == 1
    (error,) = read(await anext(bobs))["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert room.running == 1


async def test_who_has_no_role_in_a_portfolio_joins_nothing_of_it(api, ann, room, portfolio_id):
    await anext(await room.follow(ann, READ, id=portfolio_id))
    eve = await person(api, "eve")
    for stranger, code in ((eve, "NOT_FOUND"), (another(api), "UNAUTHENTICATED")):
        (error,) = read(await anext(await room.follow(stranger, READ, id=portfolio_id)))["errors"]
        assert error["extensions"]["code"] == code
    assert room.running == 1


async def test_who_may_not_subscribe_joins_nothing_that_runs(api, ann, room):
    await anext(await room.follow(ann, PRICE))
    (error,) = read(await anext(await room.follow(another(api), PRICE)))["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert room.running == 1


async def test_what_one_token_began_goes_on_for_another_after_its_end(
    api, ann, room, portfolio_id, clock
):
    early = await room.follow(ann, PERSONAL, id=portfolio_id)
    await anext(early)
    clock.now += timedelta(minutes=10)
    answer = await api.client.post(
        "/auth/token", data={"username": "ann", "password": "correct horse"}
    )
    ann.headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    late = await room.follow(ann, PERSONAL, id=portfolio_id)
    await anext(late)
    assert room.running == 1
    await early.aclose()
    clock.now += timedelta(minutes=10)  # the first token is good for fifteen
    coming = asyncio.ensure_future(anext(late))
    await asyncio.sleep(0)
    given = {"direction": "DEPOSIT", "amount": "5", "currency": "USD"}
    day = {"portfolioId": portfolio_id, "occurredAt": "2024-05-02T15:00:00Z"}
    await send(ann, "recordCashTransfer", given | day)
    assert read(await coming)["data"]["portfolioUpdated"]["version"] == 1
