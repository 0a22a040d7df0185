"""What may not be left out, over sockets: pending until it is written, and in order."""

import asyncio

import pytest

from gateway.transports.crowds import Crowd
from gateway.transports.direct import DIRECT
from gateway.transports.followers import written
from tests.alerts import Prices, alert, listed
from tests.ledger import Ledger
from tests.people import person, send, share
from tests.talking import Direct, Socket, asks, begun, connected, executor

# Which database it is makes no difference to a socket.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def ann(api):
    return await person(api, "ann")


@pytest.fixture
async def socket(ann):
    return Socket(ann.headers["authorization"])


ALERTS = {
    "id": "1",
    "type": "subscribe",
    "payload": {"query": "subscription { alertTriggered { id price delivery } }"},
}


async def test_an_event_of_an_alert_is_pending_until_it_is_written_to_a_socket(ann, socket):
    await Prices(ann).come("100")
    await alert(ann)
    await Prices(ann).come("121")

    async def stored():
        (found,) = await listed(ann)
        (event,) = found["events"]["nodes"]
        return event["id"], event["delivery"]

    key, _ = await stored()
    serving = await begun(socket, ann)
    socket.reading.clear()
    socket.say(ALERTS)
    while not socket.reading._waiters:
        await asyncio.sleep(0)
    socket.leave()  # with the event on its way
    await serving
    assert await stored() == (key, "PENDING")
    again = Socket(socket.authorization)
    serving = await begun(again, ann)
    again.say(ALERTS)
    event = {"id": key, "price": "121", "delivery": "PENDING"}
    assert (await again.hear())["payload"] == {"data": {"alertTriggered": event}}
    while await stored() != (key, "DELIVERED"):
        await asyncio.sleep(0)
    again.leave()
    await serving
    last = Socket(socket.authorization)
    serving = await begun(last, ann)
    last.say(ALERTS, {"type": "ping"})
    assert await last.hear() == {"type": "pong"}
    while not ann.services.feed.listeners:
        await asyncio.sleep(0)
    last.leave()
    await serving
    assert last.unheard == 0


async def stored(api):
    """The prices of a user's only alert that were delivered, and those that were not."""
    (found,) = await listed(api)
    nodes = found["events"]["nodes"][::-1]
    return [
        [node["price"] for node in nodes if node["delivery"] == wanted]
        for wanted in ("DELIVERED", "PENDING")
    ]


async def test_two_sockets_of_a_user_are_one_execution_and_a_slow_one_still_gets_all_in_order(
    ann, socket
):
    await Prices(ann).come("100")
    await alert(ann, repeats=True)
    by, slow = executor(), Socket(socket.authorization)
    serving = [await begun(one, ann, by=by) for one in (socket, slow)]
    for one in (socket, slow):
        one.say(ALERTS, {"type": "ping"})
        assert await one.hear() == {"type": "pong"}
    while ann.services.feed.listeners < 1:
        await asyncio.sleep(0)
    slow.reading.clear()
    await Prices(ann).come("121", "110", "122", "110", "123")
    heard = [(await socket.hear())["payload"]["data"]["alertTriggered"] for _ in range(3)]
    assert [event["price"] for event in heard] == ["121", "122", "123"]
    while await stored(ann) != [["121", "122", "123"], []]:
        await asyncio.sleep(0)
    assert (by.shared_executions, ann.services.feed.listeners, slow.unheard) == (1, 1, 0)
    slow.reading.set()
    late = [(await slow.hear())["payload"]["data"]["alertTriggered"] for _ in range(3)]
    assert late == heard
    for one in (socket, slow):
        one.leave()
    await asyncio.gather(*serving)
    assert (by.shared_executions, ann.services.feed.listeners) == (0, 0)


TRADES = "subscription {{ tradeRecorded(portfolioId: {}) {{ quantity }} }}"


async def test_who_loses_a_portfolio_is_told_so_before_any_trade_that_still_waited(
    api, ann, socket
):
    made = await send(ann, "createPortfolio", {"name": "Main"}, "portfolio { id }")
    ledger = Ledger(ann, made["portfolio"]["id"])
    bob = await person(api, "bob")
    given = await share(ann, ledger.key, "bob")
    by, direct, theirs = executor(), Direct(), Socket(bob.headers["authorization"])
    theirs.scope["extensions"] = {DIRECT: direct}
    serving = [await begun(one, ann, by=by) for one in (socket, theirs)]
    query = TRADES.format(f'"{ledger.key}"')
    for one in (socket, theirs):
        one.say(asks(query), {"type": "ping"})
        assert await one.hear() == {"type": "pong"}
    while ann.services.feed.listeners < 2:
        await asyncio.sleep(0)

    async def told(follower, number):
        answers = [(await follower())["payload"] for _ in range(number)]
        return [answer["data"]["tradeRecorded"]["quantity"] for answer in answers]

    await ledger.trade("BUY", "1", "10")
    assert await told(direct.heard.get, 1) == await told(socket.hear, 1) == ["1"]
    direct.free = False
    for number in ("2", "3", "4"):
        await ledger.trade("BUY", number, "10")
    assert await told(socket.hear, 3) == ["2", "3", "4"]
    assert (await send(ann, "revokePortfolioShare", {"shareId": given}))["userErrors"] == []
    while ann.services.feed.listeners > 2 or by._sharing._runs == {}:
        await asyncio.sleep(0)
    await ledger.trade("BUY", "5", "10")
    assert await told(socket.hear, 1) == ["5"]
    direct.free = True
    end = await direct.heard.get()
    assert (end["type"], end["payload"][0]["extensions"]["code"]) == ("error", "NOT_FOUND")
    for one in (socket, theirs):
        one.leave()
    await asyncio.gather(*serving)
    assert (direct.heard.qsize(), theirs.unheard) == (0, 0)


async def test_more_bytes_than_may_wait_for_a_socket_end_what_it_follows(ann, socket, monkeypatch):
    monkeypatch.setattr("gateway.transports.followers.MOST_BYTES", 200)
    ledger = await Ledger.create(ann)
    by, direct, hung = executor(), Direct(), Socket(socket.authorization)
    hung.scope["extensions"] = {DIRECT: direct}
    serving = [await begun(one, ann, by=by) for one in (socket, hung)]
    query = TRADES.format(f'"{ledger.key}"')
    for one in (socket, hung):
        one.say(asks(query), {"type": "ping"})
        assert await one.hear() == {"type": "pong"}
    while ann.services.feed.listeners < 2:
        await asyncio.sleep(0)
    direct.free = False
    for number in ("1", "2", "3", "4"):
        await ledger.trade("BUY", number, "10")
        told = (await socket.hear())["payload"]["data"]["tradeRecorded"]
        assert told == {"quantity": number}
    direct.free = True
    # One has 78 bytes, so that two of them may wait and three may not.
    assert [(await direct.heard.get())["type"] for _ in range(4)] == ["next"] * 3 + ["error"]
    assert direct.heard.empty()
    for one in (socket, hung):
        one.leave()
    await asyncio.gather(*serving)


async def test_a_socket_that_has_ended_keeps_nothing_of_what_waited_for_it(ann, socket):
    ledger = await Ledger.create(ann)
    direct = Direct()
    socket.scope["extensions"] = {DIRECT: direct}
    connection = connected(socket, ann)
    serving = asyncio.create_task(connection.serve())
    socket.say({"type": "connection_init"}, asks(TRADES.format(f'"{ledger.key}"')))
    while ann.services.feed.listeners < 2:
        await asyncio.sleep(0)
    direct.free = False
    await ledger.trade("BUY", "1", "10")
    while not connection.backlog:
        await asyncio.sleep(0)
    assert vars(direct)["take_pong"] == connection._take_pong
    socket.leave()
    await serving
    assert (len(connection.backlog), connection._operations) == (0, {})
    assert "take_pong" not in vars(direct)


async def test_nothing_overtakes_what_waits_though_the_client_reads_again(ann, socket):
    ledger = await Ledger.create(ann)
    direct = Direct()
    socket.scope["extensions"] = {DIRECT: direct}
    connection = connected(socket, ann)
    serving = asyncio.create_task(connection.serve())
    query = TRADES.format(f'"{ledger.key}"')
    socket.say({"type": "connection_init"}, asks(query))
    while ann.services.feed.listeners < 2:
        await asyncio.sleep(0)
    direct.free = False
    follower = connection._operations["1"]
    follower.offer(("slot", "a"), written({"data": "first"}))
    socket.say(asks(query, "2"))
    while "2" not in connection._operations:
        await asyncio.sleep(0)
    while not hasattr(connection._operations["2"], "seat"):
        await asyncio.sleep(0)
    direct.free = True
    connection._operations["2"].offer(("slot", "b"), written({"data": "second"}))
    follower.offer(("slot", "c"), written({"data": "third"}))
    heard = [(await direct.heard.get())["payload"]["data"] for _ in range(3)]
    assert heard == ["first", "second", "third"]
    while connection.backlog:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    follower.offer(("slot", "d"), written({"data": "fourth"}))
    assert direct.heard.get_nowait()["payload"] == {"data": "fourth"}
    socket.leave()
    await serving


async def test_who_completes_what_is_about_to_end_keeps_the_socket(ann):
    ledger = await Ledger.create(ann)
    bob = await person(ann, "bob")
    given = await share(ann, ledger.key, "bob")
    theirs = Socket(bob.headers["authorization"])
    serving = await begun(theirs, ann)
    query = f'subscription {{ portfolioUpdated(portfolioId: "{ledger.key}") {{ name }} }}'
    theirs.say(asks(query))
    assert (await theirs.hear())["type"] == "next"
    theirs.reading.clear()
    await send(ann, "revokePortfolioShare", {"shareId": given})
    while not theirs.reading._waiters:
        await asyncio.sleep(0)
    theirs.say({"id": "1", "type": "complete"}, asks("{ __typename }"))
    while theirs._to_server.qsize():
        await asyncio.sleep(0)
    theirs.reading.set()
    assert [(await theirs.hear())["type"] for _ in range(3)] == ["error", "next", "complete"]
    assert not serving.done()
    theirs.leave()
    await serving


async def test_a_client_that_does_not_read_counts_until_it_was_waited_for_once_and_a_little(
    ann, socket, monkeypatch
):
    monkeypatch.setattr("gateway.transports.websocket.FAREWELL_SECONDS", 0.01)
    crowd, counted = Crowd(1), []
    whole = socket.send

    async def send_on(message):
        if message["type"] == "websocket.close":
            counted.append(crowd.sockets)
            await asyncio.Event().wait()
        await whole(message)

    socket.send = send_on
    serving = await begun(socket, ann, crowd=crowd, send=0.02)
    socket.reading.clear()
    socket.say({"type": "ping"})
    await serving
    assert (counted, crowd.sockets) == ([1], 0)
