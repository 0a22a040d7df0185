"""Portfolios and trades followed live: what is committed, to whom may see it, and no more."""

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import orjson
import pytest

from gateway.auth import context_for
from gateway.documents import Documents
from gateway.limits import Limits
from gateway.schema import schema
from gateway.transports.execution import Executor, Request
from tests.conftest import NOW
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


async def test_a_portfolio_comes_when_it_is_named_anew_or_put_away_though_its_ledger_is_the_same(
    ann, ledger
):
    query = PORTFOLIO.replace("version", "version name archivedAt")
    async with following(ann, query, ledger.key) as answer:
        first = (await answer())["data"]["portfolioUpdated"]
        assert (first["version"], first["name"], first["archivedAt"]) == (0, "Main", None)
        coming = answer()
        await listening(ann)
        named = {"portfolioId": ledger.key, "name": "Old"}
        await send(ann, "updatePortfolio", named)
        assert (await coming)["data"]["portfolioUpdated"] == first | {"name": "Old"}
        coming = answer()
        await listening(ann)
        await send(ann, "updatePortfolio", named)  # changes nothing
        await listening(ann)
        assert not coming.done()
        await send(ann, "archivePortfolio", {"portfolioId": ledger.key})
        last = (await coming)["data"]["portfolioUpdated"]
        assert (last["version"], last["archivedAt"] is None) == (0, False)


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


WATCHLIST = """subscription($id: ID!) { watchlistUpdated(watchlistId: $id, minIntervalMs: 250) {
  name items { symbol quote { price } } } }"""


async def test_a_watchlist_comes_at_once_and_when_the_list_or_a_price_changes(ann):
    feed = ann.services.feed
    given = {"name": "Tech", "symbols": ["AAPL", "KO"]}
    made = await send(ann, "createWatchlist", given, "watchlist { id }")
    which = {"watchlistId": made["watchlist"]["id"]}
    before = await ann.services.market.quotes(["AAPL", "KO"])

    def shown(answer):
        listed = answer["data"]["watchlistUpdated"]
        return listed["name"], {row["symbol"]: row["quote"]["price"] for row in listed["items"]}

    prices = {symbol: str(quote.price) for symbol, quote in before.items()}
    async with following(ann, WATCHLIST, which["watchlistId"]) as answer:
        assert shown(await answer()) == ("Tech", prices)
        coming = answer()
        await listening(ann)
        assert feed.symbols == {"AAPL", "KO"}
        feed.hear([replace(before["KO"], price=Decimal("61.5"), as_of=NOW + timedelta(seconds=1))])
        assert shown(await coming) == ("Tech", prices | {"KO": "61.5"})
        coming = answer()
        await listening(ann)
        await send(ann, "removeFromWatchlist", which | {"symbols": ["AAPL"]})
        assert shown(await coming) == ("Tech", {"KO": "61.5"})
        coming = answer()
        await listening(ann)
        assert feed.symbols == {"KO"}
        await send(ann, "renameWatchlist", which | {"name": "Drinks"})
        assert shown(await coming) == ("Drinks", {"KO": "61.5"})
        coming = answer()
        await listening(ann)
        feed.stir(None)  # as after a break between replicas: there is nothing new
        await listening(ann)
        assert not coming.done()
        await send(ann, "deleteWatchlist", which)
        gone = {"message": "There is no such watchlist, or it was deleted."}
        assert (await coming)["errors"][0].items() >= gone.items()


async def test_a_watchlist_is_followed_by_its_owner_alone(ann):
    made = await send(ann, "createWatchlist", {"name": "Tech"}, "watchlist { id }")
    eve = await person(ann, "eve")
    async with following(eve, WATCHLIST, made["watchlist"]["id"]) as answer:
        (error,) = (await answer())["errors"]
        assert error["extensions"] == {"code": "NOT_FOUND"}


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


FIGURES = """subscription($id: ID!) { portfolioUpdated(portfolioId: $id, minIntervalMs: 250) {
  name version ownerName cash { amount } lots { nodes { quantity } }
  positions { symbol quantity weight marketValue { amount } unrealizedGain { amount }
    dayChange { amount } quote { price } lots { quantity } }
  overview { marketValue { amount } dayChange { amount } totalGain { amount } } } }"""


async def priced(api, answer, price):
    """Let a price come; return the answer to it and the statements that it took."""
    coming = answer()
    await listening(api)
    known = (await api.services.market.quotes(["AAPL"]))["AAPL"]
    before = api.services.database.statements
    later = api.services.clock() + timedelta(seconds=int(price))
    api.services.feed.hear([replace(known, price=Decimal(price), as_of=later, received_at=later)])
    told = (await coming)["data"]["portfolioUpdated"]
    return told, api.services.database.statements - before


async def test_what_only_a_price_changes_is_shown_without_a_statement(ann, ledger):
    """Two units at 10 dollars: at 20 they are worth 40, twice what they cost."""
    await ledger.trade("BUY", "2", "10")
    async with following(ann, FIGURES, ledger.key) as answer:
        await answer()
        told, statements = await priced(ann, answer, "20")
        (held,) = told["positions"]
        assert statements == 0
        assert (held["quote"]["price"], held["marketValue"]["amount"]) == ("20", "40")
        assert (held["unrealizedGain"]["amount"], held["lots"]) == ("20", [{"quantity": "2"}])
        assert told["overview"]["marketValue"]["amount"] == "40"
        await send(ann, "updatePortfolio", {"portfolioId": ledger.key, "name": "Other"})
        told, _ = await priced(ann, answer, "21")
        assert (told["name"], told["positions"][0]["marketValue"]["amount"]) == ("Other", "42")
        told, statements = await priced(ann, answer, "22")
        assert (told["positions"][0]["marketValue"]["amount"], statements) == ("44", 0)


async def test_a_booking_that_nobody_tells_of_is_shown_with_a_price_after_a_while(
    ann, ledger, monkeypatch
):
    monkeypatch.setattr("resolvers.live.KEPT", 0)
    await ledger.trade("BUY", "2", "10")
    async with following(ann, FIGURES, ledger.key) as answer:
        await answer()
        with monkeypatch.context() as patch:  # as a command would, in a process of its own
            patch.setattr(ann.services.database, "tell", lambda _: None)
            await ledger.trade("BUY", "1", "10")
        told, _ = await priced(ann, answer, "20")
        assert told["positions"][0]["marketValue"]["amount"] == "60"


async def test_whom_a_portfolio_is_shared_with_is_looked_at_for_each_price_where_nobody_else_does(
    api, ann, ledger
):
    bob = await person(api, "bob")
    key = await share(ann, ledger.key, "bob")
    await ledger.trade("BUY", "2", "10")
    query = FIGURES.replace("name version", "viewerRole version")
    async with following(bob, query, ledger.key) as answer:
        await answer()
        coming = answer()
        await listening(ann)
        ann.services.database.tell = lambda _: None  # as at a replica that is not heard
        await send(ann, "revokePortfolioShare", {"shareId": key})
        known = (await ann.services.market.quotes(["AAPL"]))["AAPL"]
        later = NOW + timedelta(seconds=1)
        ann.services.feed.hear([replace(known, price=Decimal(20), as_of=later, received_at=later)])
        assert await coming == {"errors": [GONE]}


async def test_prices_cost_a_watchlist_no_statement_either(ann):
    made = await send(
        ann, "createWatchlist", {"name": "Tech", "symbols": ["AAPL"]}, "watchlist { id }"
    )
    async with following(ann, WATCHLIST, made["watchlist"]["id"]) as answer:
        await answer()
        coming = answer()
        await listening(ann)
        known = (await ann.services.market.quotes(["AAPL"]))["AAPL"]
        before = ann.services.database.statements
        later = NOW + timedelta(seconds=1)
        ann.services.feed.hear([replace(known, price=Decimal(20), as_of=later, received_at=later)])
        (item,) = (await coming)["data"]["watchlistUpdated"]["items"]
        assert (item["quote"]["price"], ann.services.database.statements - before) == ("20", 0)


CONVERTED = """subscription($id: ID!) { portfolioUpdated(portfolioId: $id, minIntervalMs: 250) {
  overview { cash { amount currency } } } }"""


async def test_a_portfolio_comes_again_when_the_rate_of_a_currency_in_it_has_changed(
    ann, ledger, clock
):
    """By the ECB: 1.0686 dollars a euro on 14 June 2024, and 1.0712 on 17 June."""
    await ledger.record("recordCashTransfer", direction="DEPOSIT", amount="100", currency="EUR")

    def cash(answer):
        return answer["data"]["portfolioUpdated"]["overview"]["cash"]

    async with following(ann, CONVERTED, ledger.key) as answer:
        assert cash(await answer()) == {"amount": "106.86", "currency": "USD"}
        coming = answer()
        await listening(ann)
        rates = ann.services.feed.rates
        await rates.look()
        await listening(ann)
        assert not coming.done()
        clock.now += timedelta(days=3)
        await rates.look()
        assert cash(await coming) == {"amount": "107.12", "currency": "USD"}


async def test_a_portfolio_in_one_currency_follows_no_rate(ann, ledger):
    await ledger.trade("BUY", "2", "10")
    await ledger.record("recordCashTransfer", direction="DEPOSIT", amount="5")
    async with following(ann, PORTFOLIO, ledger.key) as answer:
        await answer()
        assert ann.services.feed.hub.heard("rate") == frozenset()


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
