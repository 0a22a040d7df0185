"""Metrics: what Prometheus reads."""

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import SECRET


async def test_metrics_count_what_providers_and_the_cache_did(database_url, clock):
    settings = Settings(database_url=database_url, secret=SECRET, log_level="error", metrics=True)
    application = create_app(settings, clock=clock)
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://test"
        ) as client,
    ):
        market = application.state.services.market
        for _ in range(3):
            await market.quotes(["AAPL", "MSFT"])
        of_schema = '{ __type(name: "Query") { name } }'
        for asked in ("{ viewer { id } }", "{ viewer { id } }", of_schema, of_schema):
            await client.post("/graphql", json={"query": asked})
        prices = [("quote", "AAPL"), ("quote", "MSFT")]
        with application.state.services.feed.hub.listen(prices):
            answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["folioql_provider_calls_total", "quotes", "answered", "simulated"] == 1
    assert samples["folioql_provider_seconds_count", "simulated"] == 1
    assert samples["folioql_provider_breaker", "simulated"] == 1
    assert samples["folioql_cache_looks_total", "quotes", "miss"] == 2
    assert samples["folioql_cache_looks_total", "quotes", "hit"] == 4
    assert samples["folioql_operations_total", "compiled"] == 2
    live = ("sockets", "shared_executions", "listeners", "symbols", "leads", "alerts")
    assert [samples[f"folioql_live_{name}",] for name in live] == [0, 0, 1, 2, 1, 0]
    # The second answer was there already.
    assert samples["folioql_operations_total", "introspection"] == 1


async def test_metrics_are_served_only_when_asked_for(api):
    assert (await api.client.get("/metrics")).status_code == 404
