"""Subscriptions of which no event may be left out are shared too: all come, to all, in order."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.alerts import Prices, alert, listed
from tests.ledger import Ledger
from tests.people import another, person, send, share, token_of
from tests.rooms import Room, read

TRADES = "subscription($id: ID!) { tradeRecorded(portfolioId: $id) { quantity } }"
ROLES = "subscription($id: ID!) { tradeRecorded(portfolioId: $id) { quantity portfolio { viewerRole } } }"
ALERTS = "subscription { alertTriggered { id price } }"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def room():
    async with AsyncExitStack() as stack:
        yield Room(stack)


@pytest.fixture
async def ann(api):
    return await person(api, "ann")


@pytest.fixture
async def ledger(ann):
    made = await send(ann, "createPortfolio", {"name": "Main"}, "portfolio { id }")
    return Ledger(ann, made["portfolio"]["id"])


async def listening(api):
    """Wait until what is listened to has been read as far as it goes."""
    while not api.services.feed.listeners:
        await asyncio.sleep(0)
    seen = -1
    while seen != api.services.database.statements:
        seen = api.services.database.statements
        await asyncio.sleep(0.01)


async def trades(room, actors, ledger, query=TRADES):
    """Follow trades, each as one of some actors; return what waits for the next ones."""
    followers = [await room.follow(one, query, id=ledger.key) for one in actors]
    coming = [asyncio.ensure_future(anext(one)) for one in followers]
    await listening(ledger.api)
    return followers, coming


def quantity(response):
    return read(response)["data"]["tradeRecorded"]["quantity"]


async def quantities(follower, number):
    return [quantity(await anext(follower)) for _ in range(number)]


async def test_all_readers_of_a_portfolio_share_one_execution_of_its_trades(api, ann, room, ledger):
    bob = await person(api, "bob")
    await share(ann, ledger.key, "bob")
    program = another(api, token=(await token_of(bob, "READ"))[1])
    _, coming = await trades(room, [ann, ann, bob, program], ledger)
    assert (room.running, api.services.feed.listeners) == (1, 2)  # one of them for who may read
    await ledger.trade("BUY", "2", "10")
    responses = await asyncio.gather(*coming)
    assert [quantity(one) for one in responses] == ["2"] * 4
    assert len({id(one["data"]) for one in responses}) == 1


async def test_trades_that_say_who_asks_are_shared_by_the_connections_of_one_user(
    api, ann, room, ledger
):
    bob = await person(api, "bob")
    await share(ann, ledger.key, "bob")
    _, coming = await trades(room, [ann, ann, bob, bob], ledger, ROLES)
    assert room.running == 2
    await ledger.trade("BUY", "2", "10")
    told = [read(one)["data"]["tradeRecorded"] for one in await asyncio.gather(*coming)]
    assert [one["portfolio"]["viewerRole"] for one in told] == ["OWNER"] * 2 + ["VIEWER"] * 2


async def test_a_second_follower_of_trades_costs_no_statement(api, ann, room, ledger):
    async def statements(number):
        followers, coming = await trades(room, [ann] * number, ledger)
        before = api.services.database.statements
        api.services.feed.tell([("ledger", 1)])
        while api.services.database.statements < before + 2:
            await asyncio.sleep(0)
        await listening(api)
        spent = api.services.database.statements - before
        for one in coming:
            one.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        for one in followers:
            await one.aclose()
        return spent

    assert await statements(1) == await statements(20) == 2  # the portfolio, and what is new


async def test_a_slow_reader_gets_all_in_order_while_a_quick_one_is_not_held_up(ann, room, ledger):
    (quick, slow), coming = await trades(room, [ann, ann], ledger)
    for number in range(1, 6):
        await ledger.trade("BUY", str(number), "10")
        assert quantity(await coming[0]) == str(number)
        coming[0] = asyncio.ensure_future(anext(quick))
    assert quantity(await coming[1]) == "1"
    assert await quantities(slow, 4) == ["2", "3", "4", "5"]
    coming[0].cancel()
    await asyncio.gather(coming[0], return_exceptions=True)


async def test_one_reader_alone_is_waited_for_however_slow_it_is(ann, room, ledger, monkeypatch):
    monkeypatch.setattr("gateway.transports.followers.MOST_WAITING", 2)
    (follower,), (first,) = await trades(room, [ann], ledger)
    for number in range(1, 9):
        await ledger.trade("BUY", str(number), "10")
    assert quantity(await first) == "1"
    assert await quantities(follower, 7) == ["2", "3", "4", "5", "6", "7", "8"]


async def test_who_is_too_far_behind_the_others_gets_what_waits_and_is_told_so(
    ann, room, ledger, monkeypatch
):
    monkeypatch.setattr("gateway.transports.followers.MOST_WAITING", 2)
    (quick, slow), coming = await trades(room, [ann, ann], ledger)
    for number in range(1, 7):
        await ledger.trade("BUY", str(number), "10")
        assert quantity(await coming[0]) == str(number)
        coming[0] = asyncio.ensure_future(anext(quick))
    # With the first in its hand, the third was one too many.
    assert quantity(await coming[1]) == "1"
    assert await quantities(slow, 2) == ["2", "3"]
    (error,) = read(await anext(slow))["errors"]
    assert error["extensions"] == {"code": "TOO_SLOW"}
    with pytest.raises(StopAsyncIteration):
        await anext(slow)
    await ledger.trade("BUY", "7", "10")
    assert quantity(await coming[0]) == "7"
    assert room.running == 1


async def test_who_loses_a_portfolio_gets_none_of_its_trades_that_waited(api, ann, room, ledger):
    bob = await person(api, "bob")
    given = await share(ann, ledger.key, "bob")
    (anns, bobs), coming = await trades(room, [ann, bob], ledger)
    for number in ("1", "2"):
        await ledger.trade("BUY", number, "10")
        assert quantity(await coming[0]) == number
        coming[0] = asyncio.ensure_future(anext(anns))
    assert quantity(await coming[1]) == "1"
    await send(ann, "revokePortfolioShare", {"shareId": given})
    await ledger.trade("BUY", "3", "10")
    assert quantity(await coming[0]) == "3"
    (error,) = read(await anext(bobs))["errors"]
    assert error["extensions"] == {"code": "NOT_FOUND"}
    with pytest.raises(StopAsyncIteration):
        await anext(bobs)


async def test_a_stranger_joins_no_execution_of_trades(api, ann, room, ledger):
    _, coming = await trades(room, [ann], ledger)
    eve = await person(api, "eve")
    (error,) = read(await anext(await room.follow(eve, TRADES, id=ledger.key)))["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert room.running == 1
    coming[0].cancel()
    await asyncio.gather(*coming, return_exceptions=True)


@pytest.fixture
async def prices(ann):
    """Prices that come to the application, the first of them 100."""
    coming = Prices(ann)
    await coming.come("100")
    return coming


async def deliveries(api):
    (found,) = await listed(api)
    return [(node["price"], node["delivery"]) for node in found["events"]["nodes"]][::-1]


async def alerts(room, actors):
    followers = [await room.follow(one, ALERTS) for one in actors]
    coming = [asyncio.ensure_future(anext(one)) for one in followers]
    await listening(actors[0])
    return followers, coming


def price(response):
    return read(response)["data"]["alertTriggered"]["price"]


async def test_the_connections_of_one_user_share_one_execution_of_alerts_and_no_other_user_joins(
    api, ann, room, prices
):
    eve = await person(api, "eve")
    await alert(ann)
    _, coming = await alerts(room, [ann, ann, eve])
    assert (room.running, api.services.feed.listeners) == (2, 2)
    await prices.come("121")
    responses = await asyncio.gather(*coming[:2])
    assert [price(one) for one in responses] == ["121", "121"]
    assert len({id(one["data"]) for one in responses}) == 1
    await listening(ann)
    assert not coming[2].done()
    coming[2].cancel()
    await asyncio.gather(coming[2], return_exceptions=True)


async def test_an_event_is_delivered_when_one_connection_has_passed_it_on(ann, room, prices):
    await alert(ann, repeats=True)
    (quick, slow), coming = await alerts(room, [ann, ann])
    await prices.come("121", "110", "122", "110")
    assert [price(await one) for one in coming] == ["121", "121"]
    await listening(ann)
    assert await deliveries(ann) == [("121", "PENDING"), ("122", "PENDING")]
    assert price(await anext(quick)) == "122"
    assert await deliveries(ann) == [("121", "DELIVERED"), ("122", "PENDING")]
    assert price(await anext(slow)) == "122"


async def test_what_one_connection_does_not_take_comes_to_the_next_one_at_once(ann, room, prices):
    await alert(ann)
    (stuck,), (first,) = await alerts(room, [ann])
    await prices.come("121")
    assert price(await first) == "121"  # and it never asks for more
    await listening(ann)
    assert await deliveries(ann) == [("121", "PENDING")]
    other = await room.follow(ann, ALERTS)
    assert price(await anext(other)) == "121"
    await stuck.aclose()
    coming = asyncio.ensure_future(anext(other))
    while await deliveries(ann) != [("121", "DELIVERED")]:
        await asyncio.sleep(0)
    assert room.running == 1
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)


async def test_an_event_that_all_connections_left_with_is_still_pending(api, ann, room, prices):
    await alert(ann)
    followers, coming = await alerts(room, [ann, ann])
    await prices.come("121")
    assert [price(one) for one in await asyncio.gather(*coming)] == ["121", "121"]
    for one in followers:
        await one.aclose()
    assert (room.running, api.services.feed.listeners) == (0, 0)
    assert await deliveries(ann) == [("121", "PENDING")]
