"""The benchmarks' peers answer the same question, so that comparing with them is fair."""

import re
from operator import attrgetter

import pytest

import datasources.shared
from benchmarks import market
from benchmarks.bare import bare_endpoint
from benchmarks.ledgers import drafts_of
from services.drafts import check_draft
from tests.conftest import NOW, missing
from tests.ledger import Ledger


async def test_the_bare_endpoint_answers_as_the_graph_does(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    await ledger.trade("BUY", "10", "100")
    await ledger.trade("BUY", "2", "50", "KO")
    api.client._transport.app.add_route("/bare", bare_endpoint(api.services, 1))
    (bare,) = (await api.client.get("/bare")).json()["portfolios"]
    asked = "name positions { symbol quantity } trades { totalCount nodes { side quantity } }"
    graph = (await api.data(f"{{ viewer {{ portfolios {{ {asked} }} }} }}"))["viewer"][
        "portfolios"
    ][0]
    assert {
        "name": bare["name"],
        "positions": [
            {name: one[name] for name in ("symbol", "quantity")} for one in bare["positions"]
        ],
        "trades": {
            "totalCount": bare["trades"]["totalCount"],
            "nodes": [
                {name: one[name] for name in ("side", "quantity")}
                for one in bare["trades"]["nodes"]
            ],
        },
    } == graph


def test_a_made_up_ledger_is_the_same_at_each_run_and_passes_all_checks():
    drafts = drafts_of(500)
    assert drafts == drafts_of(500)
    assert all(check_draft(draft, now=NOW.replace(year=2027)) for draft in drafts)


def calls(printed):
    """How often each way asked the vendor, by the title of the row."""
    found = {}
    for line in printed.splitlines():
        title, cells = line[:24].strip(), line[24:]
        if title:
            found[title] = [int(count) for count in re.findall(r"\d\.\d{3} +(\d+)", cells)]
    return found


async def test_each_way_to_a_quote_asks_the_vendor_as_often_as_it_is_made_to(capsys):
    source = market.Source(0)
    ways = market.in_memory(source)
    names = ["Market.quotes", "Cache.get_many", "@cached", "@multi_cached", "no cache"]
    assert [one.name for one in ways] == names
    forget = attrgetter("forget")
    for title, before in (("warm", lambda _: market.nothing), ("cold", forget)):
        await market.compare(title, source, ways, batch=3, before=before, seconds=0)
    await market.compare("stampede", source, ways, callers=20, before=forget, seconds=0)
    for one in ways:
        await one.close()
    assert calls(capsys.readouterr().out) == {
        "warm": [0, 0, 0, 0, 1],
        "cold": [1, 1, 3, 1, 1],
        "stampede": [1, 1, 20, 20, 20],
    }


@pytest.mark.redis
@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")  # in aiocache
async def test_what_one_replica_has_loaded_costs_the_next_one_no_call(capsys, monkeypatch):
    monkeypatch.setattr(datasources.shared, "CALL_SECONDS", 20)
    async with market.redis_server() as client:
        if client is None:
            missing("Redis")
        await market.share(client, 0, batch=3)
        assert [name async for name in client.scan_iter("folioql_bench_*SIM*")] == []
    assert calls(capsys.readouterr().out) == {
        "3 cold, server empty": [1, 1, 3, 1],
        "3 cold, server full": [0, 0, 0, 0],
    }
