"""The benchmarks' peers answer the same question, so that comparing with them is fair."""

import asyncio
import re
import sys
from operator import attrgetter

import pytest
from graphql import GraphQLObjectType, build_schema
from structlog.testing import capture_logs

from benchmarks import live, market
from benchmarks.bare import bare_endpoint
from benchmarks.ledgers import drafts_of
from benchmarks.peers import folio, plain
from benchmarks.peers.queries import POSITION
from benchmarks.processes import cores, started
from benchmarks.running import empty_database
from benchmarks.serving import NODE, node_peers
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


@pytest.mark.parametrize(
    ("most", "asked", "found"),
    [
        (0, [1], 0),
        (1, [1, 2], 1_000),
        (5, [1, 2, 4, 8, 6, 5], 5_000),
        (7, [1, 2, 4, 8, 6, 7], 7_000),
        (10_000, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512], 512_000),
    ],
)
def test_what_a_server_carries_is_found_by_doubling_and_then_in_between(most, asked, found):
    known = []

    def borne(each):
        known.append(each)
        return 1_000.0 * each if each <= most else 0.0

    assert live.carried(borne) == found
    assert known == asked


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
async def test_what_one_replica_has_loaded_costs_the_next_one_no_call(capsys):
    async with market.redis_server() as client:
        if client is None:
            missing("Redis")
        await market.share(client, 0, batch=3)
        assert [name async for name in client.scan_iter("folioql_bench_*SIM*")] == []
    assert calls(capsys.readouterr().out) == {
        "3 cold, server empty": [1, 1, 3, 1],
        "3 cold, server full": [0, 0, 0, 0],
    }


def shape(schema):
    """Return a schema's fields with their arguments and types."""
    return {
        name: {
            field: (str(it.type), {one: str(argument.type) for one, argument in it.args.items()})
            for field, it in kind.fields.items()
        }
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }


@pytest.mark.parametrize("peer", [plain, folio])
def test_every_served_schema_has_the_same_shape(peer):
    text = (NODE.parent / "schema.graphql").read_text(encoding="utf-8")
    assert shape(peer.schema._schema) == shape(build_schema(text))


def test_our_own_peer_has_nothing_to_complain_of():
    async def start(url):
        application = folio.create_app("compiled", services_url=url)
        async with application.router.lifespan_context(application):
            assert application.state.services

    with empty_database() as url, capture_logs() as logs:
        asyncio.run(start(url))
    assert logs == []


def test_a_dashboards_position_has_twenty_five_leaves():
    leaves = re.findall(r"\w+(?!\w)(?!\s*\{)", POSITION)
    assert len(leaves) == 25


def test_a_server_that_does_not_start_is_said_to_and_shows_its_log(capfd):
    command = [sys.executable, "-c", "raise SystemExit('no memory left')"]
    with pytest.raises(RuntimeError, match="did not start"), started(command, core=cores()[0]):
        pytest.fail("nothing runs")
    assert capfd.readouterr().err == "no memory left\n"


def test_without_node_its_servers_are_left_out_and_that_is_said(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert node_peers(tmp_path / "rows.json") == {}
    assert capsys.readouterr().out == "Peers on Node.js skipped: there is no node with npm\n"
