"""The benchmarks' peer answers the same question, so that comparing with it is fair."""

from benchmarks.bare import bare_endpoint
from benchmarks.ledgers import drafts_of
from services.drafts import check_draft
from tests.conftest import NOW
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
