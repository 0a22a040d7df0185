"""Portfolios and trades followed live: what is committed, to whom may see it, and no more."""

import asyncio
from contextlib import aclosing, asynccontextmanager

import orjson
import pytest

from gateway.auth import context_for
from gateway.documents import Documents
from gateway.limits import Limits
from gateway.schema import schema
from gateway.transports.execution import Executor, Request
from tests.ledger import Ledger
from tests.people import link, person, send, share

DAY = "2024-05-02T15:00:00Z"
TRADES = "subscription($id: ID!) { tradeRecorded(portfolioId: $id) { side quantity instrument { symbol } portfolio { version } } }"
PORTFOLIO = "subscription($id: ID!) { portfolioUpdated(portfolioId: $id, minIntervalMs: 250) { version positions { symbol quantity } } }"
GONE = {
    "message": "There is no such portfolio, or it is no longer shared with you.",
    "extensions": {"code": "NOT_FOUND"},
}


async def written(answers):
    """Wait for the next answer, as its client reads it."""
    return orjson.loads(orjson.dumps(await anext(answers)))


@asynccontextmanager
async def following(api, query, portfolio_id):
    """Subscribe, and yield what waits for the next answer."""
    executor = Executor(schema, Documents(schema._schema, limits=Limits(), introspection=True))
    request = Request(query=query, variables={"id": portfolio_id})
    context = await context_for(
        api.services, authorization=api.headers["authorization"], request_id="test"
    )
    operation = await executor.operation(request, context)
    answers = executor.subscribe(request, operation=operation, context=context)
    async with aclosing(answers):
        yield lambda: asyncio.ensure_future(written(answers))
    assert api.services.feed.listeners == 0


@pytest.fixture
async def ann(api):
    return await person(api, "ann")


@pytest.fixture
async def ledger(ann):
    made = await send(ann, "createPortfolio", {"name": "Main"}, "portfolio { id }")
    return Ledger(ann, made["portfolio"]["id"])


async def listening(api):
    """Wait until somebody listens, and has asked what there is."""
    while not api.services.feed.listeners:
        await asyncio.sleep(0)
    seen = -1
    while seen != api.services.database.statements:
        seen = api.services.database.statements
        await asyncio.sleep(0.01)


def told(answer):
    return answer["data"]["tradeRecorded"]["quantity"]


async def test_trades_come_from_now_on_in_order_once_they_are_committed(ann, ledger):
    await ledger.trade("BUY", "1", "10")
    async with following(ann, TRADES, ledger.key) as answer:
        coming = answer()
        await listening(ann)
        await ledger.record("recordCashTransfer", direction="DEPOSIT", amount="5")
        await ledger.trade("BUY", "2", "10")
        assert await coming == {
            "data": {
                "tradeRecorded": {
                    "side": "BUY",
                    "quantity": "2",
                    "instrument": {"symbol": "AAPL"},
                    "portfolio": {"version": 3},
                }
            }
        }
        await ledger.trade("BUY", "3", "10")
        await ledger.trade("SELL", "4", "10")
        assert [told(await answer()) for _ in range(2)] == ["3", "4"]


async def test_what_is_tried_out_refused_or_rolled_back_is_never_told(ann, ledger):
    async with following(ann, TRADES, ledger.key) as answer:
        coming = answer()
        await listening(ann)
        heard = []
        tell = ann.services.database.tell
        ann.services.database.tell = lambda topics: (heard.append(topics), tell(topics))
        given = {"symbol": "AAPL", "side": "BUY", "price": "10"}
        await ledger.record("recordTrade", quantity="1", dryRun=True, **given)
        await ledger.refused("recordTrade", quantity="2", **given | {"side": "SELL"})
        rows = [
            {"kind": kind, "occurredAt": DAY, "symbol": "AAPL", "quantity": "3", "price": "1"}
            for kind in ("BUY", "COVER")
        ]
        refused = await ledger.try_to("recordTransactions", transactions=rows)
        assert [one["fate"] for one in refused["outcomes"]] == ["HELD_BACK", "REFUSED"]
        assert heard == []
        await ledger.trade("BUY", "9", "10")
        assert told(await coming) == "9"
        assert len(heard) == 1


async def test_an_import_longer_than_a_page_comes_whole_and_in_order(ann, ledger, monkeypatch):
    monkeypatch.setattr("services.recorded.PAGE", 3)
    rows = [
        {"kind": "BUY", "occurredAt": DAY, "symbol": "AAPL", "quantity": str(n), "price": "1"}
        for n in range(1, 9)
    ]
    async with following(ann, TRADES, ledger.key) as answer:
        coming = answer()
        await listening(ann)
        await ledger.record("recordTransactions", transactions=rows)
        seen = [told(await coming)] + [told(await answer()) for _ in range(7)]
        assert seen == ["1", "2", "3", "4", "5", "6", "7", "8"]


@pytest.mark.parametrize("query", [TRADES, PORTFOLIO])
async def test_whom_a_portfolio_is_no_longer_shared_with_hears_no_more(api, ann, ledger, query):
    bob = await person(api, "bob")
    key = await share(ann, ledger.key, "bob")
    async with following(bob, query, ledger.key) as answer:
        coming = answer()
        if query == PORTFOLIO:
            assert "errors" not in await coming
            coming = answer()
        await listening(ann)
        assert (await send(ann, "revokePortfolioShare", {"shareId": key}))["userErrors"] == []
        assert await coming == {"errors": [GONE]}
        with pytest.raises(StopAsyncIteration):
            await answer()


@pytest.mark.parametrize("query", [TRADES, PORTFOLIO])
async def test_strangers_and_those_with_a_link_follow_nothing(api, ann, ledger, query):
    eve = await person(api, "eve")
    async with following(eve, query, ledger.key) as answer:
        assert await answer() == {"errors": [GONE]}
    _, token = await link(ann, ledger.key)
    eve.headers = {"authorization": f"Bearer {token}"}
    async with following(eve, query, ledger.key) as answer:
        (error,) = (await answer())["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_portfolio_comes_at_once_and_when_its_ledger_or_a_price_changes(ann, ledger):
    feed = ann.services.feed
    async with following(ann, PORTFOLIO, ledger.key) as answer:
        assert await answer() == {"data": {"portfolioUpdated": {"version": 0, "positions": []}}}
        assert feed.symbols == frozenset()
        coming = answer()
        await listening(ann)
        await ledger.trade("BUY", "2", "10")
        assert await coming == {
            "data": {
                "portfolioUpdated": {
                    "version": 1,
                    "positions": [{"symbol": "AAPL", "quantity": "2"}],
                }
            }
        }
        coming = answer()
        await listening(ann)
        assert feed.symbols == {"AAPL"}
        price = (await ann.services.market.quotes(["AAPL"]))["AAPL"]
        feed.hub.publish(("quote", "AAPL"), price, says="another price")
        assert (await coming)["data"]["portfolioUpdated"]["version"] == 1
        coming = answer()
        await listening(ann)
        await ledger.trade("SELL", "2", "10")
        assert (await coming)["data"]["portfolioUpdated"] == {"version": 2, "positions": []}
        coming = answer()
        await listening(ann)
        assert feed.symbols == frozenset()
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def test_a_thousand_ticks_within_the_interval_are_one_event(ann, ledger):
    await ledger.trade("BUY", "2", "10")
    async with following(ann, PORTFOLIO, ledger.key) as answer:
        await answer()
        coming = answer()
        await listening(ann)
        before = ann.services.database.statements
        for tick in range(1000):
            ann.services.feed.hub.publish(("quote", "AAPL"), None, says=tick)
        await coming
        coming = answer()
        await listening(ann)
        assert (coming.done(), ann.services.database.statements - before < 20) == (False, True)
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def test_looking_at_the_ledger_in_vain_shows_nothing(ann, ledger):
    async with following(ann, PORTFOLIO, ledger.key) as answer:
        await answer()
        coming = answer()
        await listening(ann)
        ann.services.feed.hub.stir("ledger", "access")
        await listening(ann)
        assert not coming.done()
        await ledger.trade("BUY", "2", "10")
        assert (await coming)["data"]["portfolioUpdated"]["version"] == 1


@pytest.mark.parametrize("interval", [249, 3_600_001])
async def test_intervals_have_bounds(ann, ledger, interval):
    query = PORTFOLIO.replace("250", str(interval))
    async with following(ann, query, ledger.key) as answer:
        (error,) = (await answer())["errors"]
        assert error == {
            "message": "`minIntervalMs` must be from 250 to 3600000.",
            "extensions": {"code": "BAD_USER_INPUT"},
        }
